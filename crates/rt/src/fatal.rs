//! Why a role ends, and with which exit status, from which core tells whether to start it again.

use crate::channel::ChannelError;
use crate::privs::PrivError;
use core::fmt;
use std::io;

/// Exit status: core must not try again.
pub const FATAL: i32 = 1;
/// Exit status: a permission is missing.
const PERMISSION: i32 = 4;
/// Exit status: an internal error; core may try again.
const SOFTWARE: i32 = 70;

/// Why a role ends.
#[derive(Debug)]
pub struct Fatal {
    what: String,
    /// The exit status.
    pub status: i32,
}

impl Fatal {
    /// Another attempt would end in the same way.
    pub fn for_good(what: impl Into<String>) -> Self {
        Fatal { what: what.into(), status: FATAL }
    }

    /// Another attempt may do better.
    pub fn for_now(what: impl Into<String>) -> Self {
        Fatal { what: what.into(), status: SOFTWARE }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Makes an error of the system the end of the role; `what` could not be done.
pub fn fatal(what: &'static str) -> impl Fn(io::Error) -> Fatal {
    move |e| Fatal {
        what: format!("{what}: {e}"),
        status: if e.kind() == io::ErrorKind::PermissionDenied { PERMISSION } else { SOFTWARE },
    }
}

impl From<ChannelError> for Fatal {
    fn from(e: ChannelError) -> Self {
        Fatal::for_now(format!("channel to core: {e}"))
    }
}

impl From<PrivError> for Fatal {
    fn from(e: PrivError) -> Self {
        let status = if matches!(e, PrivError::Missing(_)) { PERMISSION } else { FATAL };
        Fatal { what: e.to_string(), status }
    }
}

/// The exit status of a role that ended so; the reason is logged.
pub fn exit_status(ended: Result<(), Fatal>) -> i32 {
    match ended {
        Ok(()) => 0,
        Err(e) => {
            log::error!("{e}");
            e.status
        }
    }
}
