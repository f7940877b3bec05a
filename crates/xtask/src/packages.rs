//! The Debian packages that tests and benchmarks use. The first demonstration needs none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::run::{Outcome, has_program, run};

/// A package, a file or program that tells that it is installed, and why it is wanted.
pub struct Package {
    name: &'static str,
    proof: &'static str,
    why: &'static str,
}

/// What the tests use.
pub const FOR_TESTS: &[Package] = &[
    Package {
        name: "keepalived",
        proof: "keepalived",
        why: "the reference, to compare with and to fail over to and from",
    },
    Package {
        name: "frr",
        proof: "/usr/lib/frr/vrrpd",
        why: "another implementation of VRRP, to fail over to and from",
    },
    Package { name: "tshark", proof: "tshark", why: "an independent judge of our packets" },
    Package { name: "iproute2", proof: "ip", why: "an independent view of addresses and links" },
    Package { name: "nftables", proof: "nft", why: "an independent view of firewall rules" },
    NGINX,
    Package { name: "bind9", proof: "named", why: "a name server to check" },
    Package { name: "opensmtpd", proof: "smtpd", why: "a mail server to check" },
    Package { name: "openssl", proof: "openssl", why: "a server that speaks TLS" },
    Package { name: "dbus-daemon", proof: "dbus-daemon", why: "a system bus" },
    Package { name: "dbus-bin", proof: "dbus-monitor", why: "an independent view of it" },
    Package { name: "systemd", proof: "busctl", why: "what administrators call its methods with" },
    Package { name: "ipvsadm", proof: "ipvsadm", why: "an independent view of the IPVS table" },
    Package { name: "snmpd", proof: "snmpd", why: "a master agent to be asked by" },
    Package { name: "snmp", proof: "snmpwalk", why: "asking it" },
    Package { name: "snmptrapd", proof: "snmptrapd", why: "receiving notifications" },
    GUEST,
    MODULES,
];

/// What a guest is made of.
pub const FOR_GUESTS: &[Package] = &[GUEST, MODULES];

/// What the second demonstration uses.
pub const FOR_LVS_DEMO: &[Package] = &[GUEST, MODULES, NGINX];

const NGINX: Package =
    Package { name: "nginx-light", proof: "nginx", why: "a web server to check" };
const GUEST: Package = Package {
    name: "user-mode-linux",
    proof: "/usr/bin/linux.uml",
    why: "a kernel with IPVS, whatever the machine's own has",
};
const MODULES: Package =
    Package { name: "kmod", proof: "/sbin/depmod", why: "loading that kernel's modules" };

/// What the benchmarks use.
pub const FOR_BENCHES: &[Package] = &[
    Package {
        name: "keepalived",
        proof: "keepalived",
        why: "the reference, measured in the same run",
    },
    Package { name: "strace", proof: "strace", why: "counting system calls" },
    GUEST,
    MODULES,
];

impl Package {
    fn is_installed(&self) -> bool {
        if self.proof.starts_with('/') {
            Path::new(self.proof).exists()
        } else {
            has_program(self.proof)
        }
    }
}

/// Installs what is missing as root; otherwise says the one command that does.
pub fn ensure(packages: &[Package]) -> Outcome {
    let missing: Vec<&Package> =
        packages.iter().filter(|package| !package.is_installed()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Debian packages are missing:");
    for package in &missing {
        println!("  {:<12} {}", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !lab::userns::is_root() {
        return Err(format!(
            "install them with: sudo apt-get install --no-install-recommends {}",
            names.join(" ")
        )
        .into());
    }
    let _quiet = NoServices::begin()?;
    run(&mut apt(&["update"]))?;
    run(apt(&["install", "--yes", "--no-install-recommends"]).args(names))
}

fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Keeps packages from starting their services while it lives: a machine that runs our tests is
/// not to become a router.
struct NoServices {
    ours: bool,
}

/// Asked by Debian's packages before they start a service; 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn begin() -> Outcome<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").map_err(|e| format!("{POLICY}: {e}"))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
