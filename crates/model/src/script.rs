//! Commands that core runs on behalf of the roles.

use serde::{Deserialize, Serialize};

/// A command with its arguments and the user it runs as.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Script {
    /// Path as written, or as found by path search.
    pub path: String,
    /// Arguments from the configuration.
    pub args: Vec<String>,
    /// The user to run as; `None` is the daemon's own user.
    pub user: Option<ScriptUser>,
    /// `</path`: succeed when the file can be opened for reading, run nothing.
    pub open_test: bool,
    /// Whether the path passed every script security check; an insecure
    /// script runs only while script security is off.
    pub insecure: bool,
}

impl Script {
    /// Its words, each in single quotes.
    pub fn quoted(&self) -> String {
        let words = core::iter::once(&self.path).chain(&self.args);
        let words: Vec<String> = words.map(|word| format!("'{word}'")).collect();
        words.join(" ")
    }
}

/// A resolved user and group of a script or FIFO.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScriptUser {
    /// Account name, for supplementary groups and messages.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Whether the account's supplementary groups are set too.
    pub supplementary: bool,
}
