//! Health-check dialogues, pool and quorum as pure state machines.
