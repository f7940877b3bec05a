//! Between core and the bfd role.

use super::{Dump, Generation, Hello, LogSetup};
use model::{BfdInstance, Global};
use serde::{Deserialize, Serialize};

/// Everything the bfd role needs to know of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BfdSetup {
    /// Which load this is.
    pub generation: Generation,
    /// Daemon-wide settings.
    pub global: Global,
    /// Sessions.
    pub sessions: Vec<BfdInstance>,
}

/// Core to bfd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreToBfd {
    /// First message.
    Hello(Hello, LogSetup),
    /// Check this configuration and keep it ready.
    Prepare(Box<BfdSetup>),
    /// Run the prepared configuration.
    Commit(Generation),
    /// Forget the prepared configuration.
    Abort(Generation),
    /// Send a dump.
    Dump(Dump),
    /// Exit.
    Shutdown,
}

/// Bfd to core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BfdToCore {
    /// First message.
    Hello(Hello),
    /// The prepared configuration can run.
    Ready(Generation),
    /// It cannot.
    Refused {
        /// Which load.
        generation: Generation,
        /// What is wrong.
        reason: String,
        /// Exit status of the daemon when this was its first configuration.
        status: i32,
    },
    /// The configuration runs.
    Running(Generation),
    /// A dump's text.
    Dump {
        /// Which.
        kind: Dump,
        /// Text of the file.
        text: String,
    },
}
