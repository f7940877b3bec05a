//! A deterministic world that drives every state machine.
