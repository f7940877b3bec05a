//! BFD as pure state machines.
