//! The parent: load configuration, supervise roles, run scripts.
