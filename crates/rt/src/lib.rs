//! The mio loop, timers, signals, channels, privilege drop and spawning.
