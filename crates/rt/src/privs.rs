//! What each role may do: one function per role, ending by proving the drop.
//!
//! [`ROLE_TABLE`] is the table of the architecture as data, and a test compares it with
//! `/proc/PID/status` of running roles. The drop leaves no way back: own user and group, no
//! supplementary groups, the role's capabilities and no others in every set (capabilities(7)),
//! securebits locked, no new privileges at exec, not dumpable.
//!
//! Drop before any thread is started: capabilities belong to threads.

use crate::exec;
use core::fmt;
use nix::libc;
use std::io;

/// `CAP_SETPCAP`: to change the bounding set and the securebits.
const SETPCAP: u32 = 8;
/// `CAP_NET_BIND_SERVICE`: ports below 1024 of this host.
const NET_BIND_SERVICE: u32 = 10;
/// `CAP_NET_ADMIN`: addresses, links, routes, nftables, IPVS.
const NET_ADMIN: u32 = 12;
/// `CAP_NET_RAW`: raw and packet sockets, binding to a device.
const NET_RAW: u32 = 13;

/// A set of capabilities, one bit each by its number in `linux/capability.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps(pub u64);

impl Caps {
    /// No capability.
    pub const NONE: Caps = Caps(0);
    /// `CAP_NET_BIND_SERVICE`.
    pub const NET_BIND_SERVICE: Caps = Caps(1 << NET_BIND_SERVICE);
    /// `CAP_NET_ADMIN`.
    pub const NET_ADMIN: Caps = Caps(1 << NET_ADMIN);
    /// `CAP_NET_RAW`.
    pub const NET_RAW: Caps = Caps(1 << NET_RAW);

    /// Both sets together.
    pub const fn and(self, other: Caps) -> Caps {
        Caps(self.0 | other.0)
    }

    /// What of this set is not in `other`.
    pub const fn without(self, other: Caps) -> Caps {
        Caps(self.0 & !other.0)
    }

    const fn has(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (Caps::NET_BIND_SERVICE, "NET_BIND_SERVICE"),
            (Caps::NET_ADMIN, "NET_ADMIN"),
            (Caps::NET_RAW, "NET_RAW"),
        ];
        let mut rest = *self;
        let mut words = Vec::new();
        for (cap, name) in named {
            if self.0 & cap.0 != 0 {
                rest = rest.without(cap);
                words.push(name.to_owned());
            }
        }
        if rest != Caps::NONE {
            words.push(format!("{:#x}", rest.0));
        }
        f.write_str(if words.is_empty() { "none" } else { "" })?;
        f.write_str(&words.join(" "))
    }
}

/// A row of the table of privileges.
#[derive(Debug, Clone, Copy)]
pub struct RolePrivileges {
    /// Name of the role.
    pub role: &'static str,
    /// Capabilities that it always keeps.
    pub keeps: Caps,
    /// Capabilities that it keeps only where the configuration asks for them.
    pub on_demand: Caps,
}

/// The roles and what they keep.
pub const ROLE_TABLE: [RolePrivileges; 4] = [
    RolePrivileges {
        role: "vrrp",
        keeps: Caps::NET_ADMIN.and(Caps::NET_RAW),
        on_demand: Caps::NONE,
    },
    RolePrivileges {
        role: "checker",
        keeps: Caps::NET_ADMIN,
        on_demand: Caps::NET_RAW.and(Caps::NET_BIND_SERVICE),
    },
    RolePrivileges { role: "bfd", keeps: Caps::NONE, on_demand: Caps::NONE },
    RolePrivileges { role: "monitor", keeps: Caps::NONE, on_demand: Caps::NONE },
];

/// Whose user and group a role takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAs {
    /// This user and group, for good.
    User {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
    /// Those that the process has: an explicit setting, or a process that is not root anyway.
    /// Capabilities are dropped all the same.
    Unchanged,
}

impl RunAs {
    /// The user for roles: `keepalived` where it exists, else `nobody`. [`RunAs::Unchanged`] when
    /// this process is not root, or when the user has no place in its user namespace.
    ///
    /// # Errors
    /// When neither user exists or the user database cannot be read.
    pub fn for_roles() -> io::Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(RunAs::Unchanged);
        }
        for name in ["keepalived", "nobody"] {
            if let Some(user) = nix::unistd::User::from_name(name)? {
                let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
                let mapped =
                    is_mapped("/proc/self/uid_map", uid) && is_mapped("/proc/self/gid_map", gid);
                return Ok(if mapped { RunAs::User { uid, gid } } else { RunAs::Unchanged });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            "neither user keepalived nor nobody exists; create one: useradd -r keepalived",
        ))
    }
}

/// Whether an id has a counterpart outside the user namespace (user_namespaces(7)).
fn is_mapped(map: &str, id: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(map) else { return true };
    text.lines().any(|line| {
        let mut words = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), _, Some(Ok(count))) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        (first..first.saturating_add(count)).contains(&u64::from(id))
    })
}

/// How to drop, beyond what the role's row says.
#[derive(Debug, Clone, Copy)]
pub struct Drop {
    /// Whom to become.
    pub run_as: RunAs,
    /// Core's process id: its end is to be told by SIGTERM, which the drop would clear.
    pub core: i32,
    /// Leave the process dumpable, because core dumps were asked for.
    pub dumpable: bool,
}

/// Why the drop failed. The role must not go on.
#[derive(Debug)]
pub enum PrivError {
    /// The process lacks capabilities that the role needs.
    Missing(Caps),
    /// A step failed.
    Step(&'static str, io::Error),
    /// The drop went through, but the kernel shows something else.
    NotProved(Vec<String>),
}

impl fmt::Display for PrivError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivError::Missing(caps) => {
                write!(f, "missing permission: {caps}; start as root or with these capabilities")
            }
            PrivError::Step(what, e) => write!(f, "dropping privileges: {what}: {e}"),
            PrivError::NotProved(what) => {
                write!(f, "privileges are not as they must be: {}", what.join(", "))
            }
        }
    }
}

impl std::error::Error for PrivError {}

/// The vrrp role: links, addresses, routes, nftables; raw and packet sockets.
///
/// # Errors
/// When a privilege is missing or could not be dropped.
pub fn vrrp(drop: &Drop) -> Result<(), PrivError> {
    drop_to(Caps::NET_ADMIN.and(Caps::NET_RAW), drop)
}

/// The checker role: IPVS and marks; `more` where a check asks for it, NET_RAW to bind to a device
/// on kernels before 5.7, NET_BIND_SERVICE to bind to a port below 1024.
///
/// # Errors
/// When a privilege is missing or could not be dropped.
pub fn checker(more: Caps, drop: &Drop) -> Result<(), PrivError> {
    drop_to(Caps::NET_ADMIN.and(more), drop)
}

/// The bfd role: UDP sockets on ports above 1024 need nothing.
///
/// # Errors
/// When a privilege could not be dropped.
pub fn bfd(drop: &Drop) -> Result<(), PrivError> {
    drop_to(Caps::NONE, drop)
}

/// The monitor: a client of mail servers, agents and buses needs nothing.
///
/// # Errors
/// When a privilege could not be dropped.
pub fn monitor(drop: &Drop) -> Result<(), PrivError> {
    drop_to(Caps::NONE, drop)
}

fn drop_to(keep: Caps, drop: &Drop) -> Result<(), PrivError> {
    let before = Status::of_self()?;
    let missing = keep.without(before.permitted);
    if missing != Caps::NONE {
        return Err(PrivError::Missing(missing));
    }
    if before.threads != 1 {
        let found = format!("{} threads run, but capabilities belong to threads", before.threads);
        return Err(PrivError::NotProved(vec![found]));
    }
    step("no new privileges", prctl(libc::PR_SET_NO_NEW_PRIVS, 1))?;
    step("ambient set", prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64))?;
    // Without SETPCAP the process never was root; what it could gain is then bounded by no new
    // privileges alone.
    let whole = before.permitted.has(SETPCAP);
    if whole {
        for number in (0..64).filter(|number| !keep.has(*number)) {
            if before.bounding.has(number) {
                step("bounding set", prctl(libc::PR_CAPBSET_DROP, number.into()))?;
            }
        }
        step("securebits", prctl(libc::PR_SET_SECUREBITS, securebits()))?;
    }
    if let RunAs::User { uid, gid } = drop.run_as {
        step("groups", set_ids(uid, gid))?;
    }
    step("capabilities", set_caps(keep))?;
    // The change of user has reset both of these.
    step("dumpable", prctl(libc::PR_SET_DUMPABLE, drop.dumpable.into()))?;
    step("parent death signal", exec::die_with(drop.core))?;
    let after = Status::of_self()?;
    let wrong = after.differs(keep, whole.then_some(keep), drop.run_as);
    if wrong.is_empty() { Ok(()) } else { Err(PrivError::NotProved(wrong)) }
}

fn step(what: &'static str, done: io::Result<()>) -> Result<(), PrivError> {
    done.map_err(|e| PrivError::Step(what, e))
}

fn prctl(option: i32, value: u64) -> io::Result<()> {
    // SAFETY: prctl(2) with integers; the options used here take no pointers.
    let done = unsafe { libc::prctl(option, value, 0u64, 0u64, 0u64) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Root's user id gives nothing any more, a change of user leaves the capabilities alone (so
/// that the next step can set them), and none of this can be taken back.
const fn securebits() -> u64 {
    (libc::SECBIT_NOROOT
        | libc::SECBIT_NOROOT_LOCKED
        | libc::SECBIT_NO_SETUID_FIXUP
        | libc::SECBIT_NO_SETUID_FIXUP_LOCKED
        | libc::SECBIT_KEEP_CAPS_LOCKED
        | libc::SECBIT_NO_CAP_AMBIENT_RAISE
        | libc::SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) as u64
}

fn set_ids(uid: u32, gid: u32) -> io::Result<()> {
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid.into(), gid.into(), gid.into())?;
    Ok(nix::unistd::setresuid(uid.into(), uid.into(), uid.into())?)
}

/// Sets the effective and permitted sets to `keep`, the inheritable set to none (capset(2)).
fn set_caps(keep: Caps) -> io::Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION_3: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let header = Header { version: VERSION_3, pid: 0 };
    let half = |bits: u64| Data { effective: bits as u32, permitted: bits as u32, inheritable: 0 };
    let data = [half(keep.0), half(keep.0 >> 32)];
    // SAFETY: version 3 takes a header and two data structures of this layout, which it reads.
    let done =
        unsafe { libc::syscall(libc::SYS_capset, core::ptr::from_ref(&header), data.as_ptr()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The privileges of a process as `/proc/PID/status` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Real, effective, saved and file system user id.
    pub uid: [u32; 4],
    /// Real, effective, saved and file system group id.
    pub gid: [u32; 4],
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Inheritable capabilities.
    pub inheritable: Caps,
    /// Permitted capabilities.
    pub permitted: Caps,
    /// Effective capabilities.
    pub effective: Caps,
    /// Bounding set.
    pub bounding: Caps,
    /// Ambient capabilities.
    pub ambient: Caps,
    /// Whether exec can give no new privileges.
    pub no_new_privs: bool,
    /// Number of threads.
    pub threads: u32,
}

impl Status {
    /// Reads the privileges of a process.
    ///
    /// # Errors
    /// When there is no such process, or its status is not what proc(5) says.
    pub fn of(pid: i32) -> io::Result<Self> {
        Self::read(&format!("/proc/{pid}/status"))
    }

    fn of_self() -> Result<Self, PrivError> {
        Self::read("/proc/self/status").map_err(|e| PrivError::Step("reading own status", e))
    }

    fn read(path: &str) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        Self::parse(&text).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{path} has an unknown form"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut status = Status::default();
        let mut seen = 0;
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let caps = || u64::from_str_radix(value.trim(), 16).ok().map(Caps);
            match name {
                "Uid" => status.uid = four(value)?,
                "Gid" => status.gid = four(value)?,
                "Groups" => status.groups = numbers(value)?,
                "CapInh" => status.inheritable = caps()?,
                "CapPrm" => status.permitted = caps()?,
                "CapEff" => status.effective = caps()?,
                "CapBnd" => status.bounding = caps()?,
                "CapAmb" => status.ambient = caps()?,
                "NoNewPrivs" => status.no_new_privs = value.trim() == "1",
                "Threads" => status.threads = value.trim().parse().ok()?,
                _ => continue,
            }
            seen += 1;
        }
        (seen == 10).then_some(status)
    }

    /// What is not as it must be for a process with the capabilities `keep` and, if known, the
    /// bounding set `bounding`: empty when all is.
    pub fn differs(&self, keep: Caps, bounding: Option<Caps>, run_as: RunAs) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |what: &str, have: Caps, want: Caps| {
            if have != want {
                wrong.push(format!("{what} capabilities are {have}, expected {want}"));
            }
        };
        expect("permitted", self.permitted, keep);
        expect("effective", self.effective, keep);
        expect("inheritable", self.inheritable, Caps::NONE);
        expect("ambient", self.ambient, Caps::NONE);
        if let Some(bounding) = bounding {
            expect("bounding", self.bounding, bounding);
        }
        if !self.no_new_privs {
            wrong.push("new privileges are possible".to_owned());
        }
        if let RunAs::User { uid, gid } = run_as {
            if self.uid != [uid; 4] {
                wrong.push(format!("user ids are {:?}, expected {uid}", self.uid));
            }
            if self.gid != [gid; 4] {
                wrong.push(format!("group ids are {:?}, expected {gid}", self.gid));
            }
            if !self.groups.is_empty() {
                wrong.push(format!("supplementary groups are {:?}, expected none", self.groups));
            }
        }
        wrong
    }
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split_whitespace().map(|word| word.parse().ok()).collect()
}

fn four(text: &str) -> Option<[u32; 4]> {
    numbers(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_sets_are_named_in_messages() {
        assert_eq!(Caps::NONE.to_string(), "none");
        assert_eq!(Caps::NET_ADMIN.and(Caps::NET_RAW).to_string(), "NET_ADMIN NET_RAW");
        assert_eq!(Caps(0x1_0000_1000).to_string(), "NET_ADMIN 0x100000000");
    }

    #[test]
    fn each_kind_of_leftover_is_noticed() {
        let clean = Status { no_new_privs: true, threads: 1, ..Status::default() };
        let run_as = RunAs::User { uid: 0, gid: 0 };
        let differs = |status: &Status| status.differs(Caps::NONE, Some(Caps::NONE), run_as).len();
        assert_eq!(differs(&clean), 0);
        let some = Caps::NET_RAW;
        for dirty in [
            Status { permitted: some, ..clean.clone() },
            Status { effective: some, ..clean.clone() },
            Status { inheritable: some, ..clean.clone() },
            Status { ambient: some, ..clean.clone() },
            Status { bounding: some, ..clean.clone() },
            Status { no_new_privs: false, ..clean.clone() },
            Status { uid: [0, 0, 5, 0], ..clean.clone() },
            Status { gid: [0, 5, 0, 0], ..clean.clone() },
            Status { groups: vec![4], ..clean.clone() },
        ] {
            assert_eq!(differs(&dirty), 1, "{dirty:?}");
        }
    }
}
