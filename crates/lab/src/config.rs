//! Configurations for subjects, written as text: the subject's own parser reads them.

use std::fmt;
use std::time::Duration;

/// One `vrrp_instance`.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name.
    pub name: String,
    /// Interface.
    pub interface: String,
    /// Virtual router id.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// 2 or 3.
    pub version: u8,
    /// Advert interval; version 2 takes whole seconds.
    pub advert: Duration,
    /// Virtual addresses as in the file, e.g. `192.0.2.100/24`.
    pub vips: Vec<String>,
    /// Further lines of the block.
    pub more: Vec<String>,
}

impl Instance {
    /// A version 3 instance `VI_VRID` on eth0 with 100 ms between adverts.
    pub fn new(vrid: u8, priority: u8, vips: &[&str]) -> Self {
        Self {
            name: format!("VI_{vrid}"),
            interface: "eth0".into(),
            vrid,
            priority,
            version: 3,
            advert: Duration::from_millis(100),
            vips: vips.iter().map(|vip| (*vip).to_string()).collect(),
            more: Vec::new(),
        }
    }

    /// The same with another line in the block.
    #[must_use]
    pub fn with(mut self, line: impl Into<String>) -> Self {
        self.more.push(line.into());
        self
    }

    /// The same in version 2 with 1 s between adverts.
    #[must_use]
    pub fn v2(mut self) -> Self {
        self.version = 2;
        self.advert = Duration::from_secs(1);
        self
    }

    /// Master down interval after the last advert of a master with the same interval:
    /// 3 intervals and the skew time (RFC 5798, section 6.1; RFC 3768, section 6.1).
    pub fn master_down(&self) -> Duration {
        self.advert * 3 + self.skew()
    }

    /// Skew time, what is waited after an advert of priority 0.
    pub fn skew(&self) -> Duration {
        let interval = if self.version == 2 { Duration::from_secs(1) } else { self.advert };
        interval * (256 - u32::from(self.priority)) / 256
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "vrrp_instance {} {{", self.name)?;
        let state = if self.priority == 255 { "MASTER" } else { "BACKUP" };
        writeln!(f, "    state {state}")?;
        writeln!(f, "    interface {}", self.interface)?;
        writeln!(f, "    virtual_router_id {}", self.vrid)?;
        writeln!(f, "    priority {}", self.priority)?;
        writeln!(f, "    version {}", self.version)?;
        writeln!(f, "    advert_int {}", self.advert.as_secs_f64())?;
        for line in &self.more {
            writeln!(f, "    {line}")?;
        }
        writeln!(f, "    virtual_ipaddress {{")?;
        for vip in &self.vips {
            writeln!(f, "        {vip}")?;
        }
        writeln!(f, "    }}\n}}")
    }
}

/// A file with these instances.
pub fn file<'a>(instances: impl IntoIterator<Item = &'a Instance>) -> String {
    let mut out = "global_defs {\n    router_id lab\n}\n".to_string();
    for instance in instances {
        out.push('\n');
        out.push_str(&instance.to_string());
    }
    out
}
