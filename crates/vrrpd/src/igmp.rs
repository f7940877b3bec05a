//! `disable_local_igmp`: no reports of groups 224.0.0.0/24 while the role runs.
//!
//! Reports that leave a VMAC carry its MAC, so that a switch would send what is for the master to
//! a backup. No router needs reports of these groups (RFC 4541 section 2.1.2).

const PATH: &str = "/proc/sys/net/ipv4/igmp_link_local_mcast_reports";

/// The setting, and what it was.
#[derive(Debug, Default)]
pub struct LocalIgmp {
    before: Option<String>,
}

impl LocalIgmp {
    /// Turns the reports off, once.
    pub fn disable(&mut self) {
        if self.before.is_some() {
            return;
        }
        let done = std::fs::read_to_string(PATH).and_then(|before| {
            std::fs::write(PATH, "0")?;
            Ok(before)
        });
        match done {
            Ok(before) => self.before = Some(before),
            Err(e) => log::error!("disable_local_igmp: cannot write 0 to {PATH}: {e}"),
        }
    }

    /// Puts back what it was.
    pub fn restore(&mut self) {
        if let Some(before) = self.before.take()
            && let Err(e) = std::fs::write(PATH, before.trim())
        {
            log::warn!("cannot write {} to {PATH}: {e}", before.trim());
        }
    }
}
