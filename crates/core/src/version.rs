//! What `--version` says, and the version in log lines.

use nix::sys::utsname::uname;

/// The release of the reference whose behaviour this build offers: tools that
/// parse the version expect it.
pub const COMPAT: &str = "2.4.3";

/// Our own version.
pub const OWN: &str = env!("CARGO_PKG_VERSION");

/// What this build can do, in the words that tools look for.
const FEATURES: &[&str] = &[
    "VRRP",
    "VRRP_AUTH",
    "OLD_CHKSUM_COMPAT",
    "LOG_FILE",
    "DBUS",
    "INIT=systemd",
    "SYSTEMD_NOTIFY",
];

/// `Keepalived v2.4.3 (keepalived-rs 0.1.0)`.
pub fn line() -> String {
    format!("Keepalived v{COMPAT} (keepalived-rs {OWN})")
}

/// `Running on Linux 6.1.0 #1 SMP`.
pub fn running_on() -> String {
    match uname() {
        Ok(u) => format!(
            "Running on {} {} {}",
            u.sysname().to_string_lossy(),
            u.release().to_string_lossy(),
            u.version().to_string_lossy()
        ),
        Err(_) => "Running on Linux".to_owned(),
    }
}

/// The whole text of `--version`.
pub fn text() -> String {
    let mut text = format!(
        "{}\n\nAn independent implementation, compatible with keepalived {COMPAT}\n\
         Licence: MIT OR Apache-2.0\n\n{}\n",
        line(),
        running_on()
    );
    if let Some(name) = distro() {
        text.push_str(&format!("Distro: {name}\n"));
    }
    text.push_str(&format!("\nConfig options:  {}\n", FEATURES.join(" ")));
    text
}

/// `PRETTY_NAME` of os-release(5).
fn distro() -> Option<String> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    let value = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches('"').to_owned())
}
