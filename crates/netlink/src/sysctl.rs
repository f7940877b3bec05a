//! Settings of IPv4 and IPv6 under `/proc/sys/net`: those of `all` and `default`, and those that
//! netlink cannot set on a link (see [`crate::link::LinkChange`]).
//!
//! They are the calling thread's network namespace's. Writing needs NET_ADMIN, and a file system
//! that may be written.

use std::fs;
use std::io;
use types::Family;

/// A setting `net.FAMILY.conf.SCOPE.KEY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfKey<'a> {
    /// `ipv4` or `ipv6`.
    pub family: Family,
    /// An interface's name, `all` or `default`.
    pub scope: &'a str,
    /// Name of the setting, such as `rp_filter` or `disable_ipv6`.
    pub key: &'a str,
}

impl ConfKey<'_> {
    /// Reads it.
    ///
    /// # Errors
    /// `NotFound` when there is no such interface or setting, `InvalidInput` when a name cannot
    /// be one, `InvalidData` when the value is no number.
    pub fn get(&self) -> io::Result<i32> {
        let path = self.path()?;
        let text = fs::read_to_string(&path)?;
        text.trim().parse().map_err(|_| {
            let text = text.trim();
            io::Error::new(io::ErrorKind::InvalidData, format!("{path} is {text:?}, no number"))
        })
    }

    /// Writes `value`, unless it is that already, and returns what it was before.
    ///
    /// # Errors
    /// Those of [`ConfKey::get`], and `PermissionDenied` or `ReadOnlyFilesystem`.
    pub fn set(&self, value: i32) -> io::Result<i32> {
        let before = self.get()?;
        if before != value {
            fs::write(self.path()?, value.to_string())?;
        }
        Ok(before)
    }

    /// The file; names that would lead elsewhere are refused.
    fn path(&self) -> io::Result<String> {
        let plain = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with("..");
        if !plain(self.scope) || self.scope == "." || !plain(self.key) {
            let text = format!("{:?} with {:?} is no setting", self.scope, self.key);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let family = match self.family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        };
        Ok(format!("/proc/sys/net/{family}/conf/{}/{}", self.scope, self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_out_of_the_settings() {
        for (scope, key) in [
            ("..", "forward"),
            ("../all", "x"),
            ("", "x"),
            (".", "x"),
            ("all", "../../x"),
            ("a", ""),
        ] {
            let conf = ConfKey { family: Family::V4, scope, key };
            assert_eq!(conf.get().unwrap_err().kind(), io::ErrorKind::InvalidInput, "{conf:?}");
        }
        // An interface may have dots in its name.
        let dotted = ConfKey { family: Family::V6, scope: "vrrp.51", key: "disable_ipv6" };
        assert_eq!(dotted.path().unwrap(), "/proc/sys/net/ipv6/conf/vrrp.51/disable_ipv6");
    }
}
