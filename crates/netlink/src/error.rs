//! What a request can come back with.

use core::fmt;
use std::io;

/// The kernel's refusal of one request, or the failure to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NlError {
    /// Positive errno value.
    pub errno: i32,
    /// The kernel's own explanation (`NLMSGERR_ATTR_MSG`), where it gave one.
    pub message: Option<String>,
}

impl NlError {
    /// An error that carries `errno` alone.
    pub const fn from_errno(errno: i32) -> Self {
        NlError { errno, message: None }
    }

    /// The errno as a kind that can be matched on.
    pub fn kind(&self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.errno).kind()
    }
}

impl fmt::Display for NlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.errno))?;
        match &self.message {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NlError {}

impl From<io::Error> for NlError {
    fn from(e: io::Error) -> Self {
        NlError {
            errno: e.raw_os_error().unwrap_or(nix::libc::EIO),
            message: e.raw_os_error().is_none().then(|| e.to_string()),
        }
    }
}

impl From<NlError> for io::Error {
    fn from(e: NlError) -> Self {
        let kind = e.kind();
        io::Error::new(kind, e)
    }
}
