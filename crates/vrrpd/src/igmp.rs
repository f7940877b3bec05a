//! `disable_local_igmp`: no reports of groups 224.0.0.0/24 while the role runs.
//!
//! Reports that leave a VMAC carry its MAC, so that a switch would send what is for the master to
//! a backup. No router needs reports of these groups (RFC 4541 section 2.1.2).

use ipc::msg::vrrp::Changed;
use types::Family;

/// The setting.
pub const KEY: &str = "igmp_link_local_mcast_reports";

const PATH: &str = "/proc/sys/net/ipv4/igmp_link_local_mcast_reports";

/// The setting, and what it was.
#[derive(Debug, Default)]
pub struct LocalIgmp {
    before: Option<i32>,
    /// Core does not know of the last change.
    untold: bool,
}

impl LocalIgmp {
    /// Takes over what an earlier process has changed.
    pub fn inherit(&mut self, changed: &Changed) {
        if read().is_ok_and(|now| now == changed.value) {
            self.before = Some(changed.before);
        }
        self.untold = true;
    }

    /// Turns the reports off, or back to what they were.
    pub fn configure(&mut self, disable: bool) {
        match disable {
            true => self.disable(),
            false => self.restore(),
        }
    }

    fn disable(&mut self) {
        if self.before.is_some() {
            return;
        }
        let done = read().and_then(|before| {
            std::fs::write(PATH, "0")?;
            Ok(before)
        });
        match done {
            Ok(before) => self.before = Some(before),
            Err(e) => log::error!("disable_local_igmp: cannot write 0 to {PATH}: {e}"),
        }
        self.untold = true;
    }

    /// Puts back what it was.
    pub fn restore(&mut self) {
        let Some(before) = self.before.take() else { return };
        self.untold = true;
        if let Err(e) = std::fs::write(PATH, before.to_string()) {
            log::warn!("cannot write {before} to {PATH}: {e}");
        }
    }

    /// Whether [`LocalIgmp::changed`] is not the same as when this was asked last.
    pub fn has_news(&mut self) -> bool {
        core::mem::take(&mut self.untold)
    }

    /// What is to be put back.
    pub fn changed(&self) -> Option<Changed> {
        let (family, scope, key) = (Family::V4, String::new(), KEY.to_owned());
        Some(Changed { family, scope, index: 0, key, before: self.before?, value: 0 })
    }
}

/// The setting as it is to be put back should it be turned off, unless it is.
pub fn intended() -> Option<Changed> {
    let before = read().ok().filter(|before| *before != 0)?;
    LocalIgmp { before: Some(before), untold: false }.changed()
}

fn read() -> std::io::Result<i32> {
    let text = std::fs::read_to_string(PATH)?;
    text.trim().parse().map_err(std::io::Error::other)
}
