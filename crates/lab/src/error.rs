//! The lab's one error: what was being done, and what the system answered.

use std::fmt;

/// What failed and why. Its `Debug` form reads like its `Display` form: it is what a test prints
/// that returns it.
pub struct Error {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The lab's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with nothing underneath.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Wraps the error with `what`, which is only evaluated on failure.
    ///
    /// # Errors
    /// The wrapped error.
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Context<T> for std::result::Result<T, E> {
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|e| Error { what: what().into(), source: Some(Box::new(e)) })
    }
}
