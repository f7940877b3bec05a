//! The options of the daemon as data: parser and help are made from it.

use getopt::{Arg, Spec};

/// What an option means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opt {
    UseFile,
    NoChecker,
    NoVrrp,
    NoBfd,
    All,
    LogConsole,
    LogDetail,
    LogFacility,
    LogFile,
    FlushLogFile,
    NoSyslog,
    Umask,
    ReleaseVips,
    DontReleaseVrrp,
    DontReleaseIpvs,
    DontRespawn,
    DontFork,
    DumpConf,
    Pid,
    VrrpPid,
    CheckersPid,
    BfdPid,
    Genhash,
    AddressMonitoring,
    Snmp,
    SnmpSocket,
    Namespace,
    CoreDump,
    CorePattern,
    AllConfig,
    ConfigId,
    IgnoreSigint,
    Signum,
    ConfigTest,
    Version,
    Help,
}

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub opt: Opt,
    short: Option<char>,
    pub long: &'static str,
    arg: Arg,
    /// What stands for the argument in the help.
    pub value: &'static str,
    pub help: &'static [&'static str],
}

impl Spec for Entry {
    fn short(&self) -> Option<char> {
        self.short
    }
    fn long(&self) -> &'static str {
        self.long
    }
    fn arg(&self) -> Arg {
        self.arg
    }
}

const fn flag(
    opt: Opt,
    short: Option<char>,
    long: &'static str,
    help: &'static [&'static str],
) -> Entry {
    Entry { opt, short, long, arg: Arg::No, value: "", help }
}

const fn with(
    opt: Opt,
    short: Option<char>,
    long: &'static str,
    value: &'static str,
    help: &'static [&'static str],
) -> Entry {
    Entry { opt, short, long, arg: Arg::Required, value, help }
}

const fn maybe(
    opt: Opt,
    short: Option<char>,
    long: &'static str,
    value: &'static str,
    help: &'static [&'static str],
) -> Entry {
    Entry { opt, short, long, arg: Arg::Optional, value, help }
}

/// All options, in the order of the help.
pub const OPTIONS: &[Entry] = &[
    with(
        Opt::UseFile,
        Some('f'),
        "use-file",
        "=FILE",
        &["Configuration file or pattern", "(default '/etc/keepalived/keepalived.conf')"],
    ),
    flag(Opt::NoChecker, Some('P'), "vrrp", &["Leave the health checkers off"]),
    flag(Opt::NoVrrp, Some('C'), "check", &["Leave VRRP off"]),
    flag(Opt::NoBfd, Some('B'), "no_bfd", &["Leave BFD off"]),
    flag(Opt::All, None, "all", &["Start every subsystem, configured or not"]),
    flag(Opt::LogConsole, Some('l'), "log-console", &["Log to standard error (with -n)"]),
    flag(Opt::LogDetail, Some('D'), "log-detail", &["Log details; twice for more"]),
    with(
        Opt::LogFacility,
        Some('S'),
        "log-facility",
        "=FACILITY",
        &["Syslog facility: 0-7 or local0-local7, user, daemon (default)"],
    ),
    maybe(
        Opt::LogFile,
        Some('g'),
        "log-file",
        "[=FILE]",
        &["Log to FILE (default 'keepalived.log')"],
    ),
    flag(Opt::FlushLogFile, None, "flush-log-file", &["Write the log file through to disk"]),
    flag(Opt::NoSyslog, Some('G'), "no-syslog", &["Do not log to syslog"]),
    with(Opt::Umask, Some('u'), "umask", "=MASK", &["File mode creation mask (default 0177)"]),
    flag(
        Opt::ReleaseVips,
        Some('X'),
        "release-vips",
        &["Remove addresses on leaving MASTER even if not added by this run"],
    ),
    flag(
        Opt::DontReleaseVrrp,
        Some('V'),
        "dont-release-vrrp",
        &["Keep addresses, routes and rules when stopping"],
    ),
    flag(
        Opt::DontReleaseIpvs,
        Some('I'),
        "dont-release-ipvs",
        &["Keep the IPVS table when stopping"],
    ),
    flag(Opt::DontRespawn, Some('R'), "dont-respawn", &["End when a subsystem's process dies"]),
    flag(Opt::DontFork, Some('n'), "dont-fork", &["Stay in the foreground"]),
    flag(Opt::DumpConf, Some('d'), "dump-conf", &["Log the configuration as it was understood"]),
    with(Opt::Pid, Some('p'), "pid", "=FILE", &["Pid file of the parent"]),
    with(Opt::VrrpPid, Some('r'), "vrrp_pid", "=FILE", &["Pid file of the VRRP process"]),
    flag(Opt::Genhash, Some('T'), "genhash", &["Be genhash; must be the first option"]),
    with(
        Opt::CheckersPid,
        Some('c'),
        "checkers_pid",
        "=FILE",
        &["Pid file of the checker process"],
    ),
    flag(
        Opt::AddressMonitoring,
        Some('a'),
        "address-monitoring",
        &["Log addresses that come and go"],
    ),
    with(Opt::BfdPid, Some('b'), "bfd_pid", "=FILE", &["Pid file of the BFD process"]),
    flag(Opt::Snmp, Some('x'), "snmp", &["Turn SNMP on"]),
    with(
        Opt::SnmpSocket,
        Some('A'),
        "snmp-agent-socket",
        "=FILE",
        &["Socket of the SNMP master agent"],
    ),
    with(
        Opt::Namespace,
        Some('s'),
        "namespace",
        "=NAME",
        &["Run in this network namespace, whatever the configuration says"],
    ),
    flag(Opt::CoreDump, Some('m'), "core-dump", &["Allow core dumps"]),
    maybe(
        Opt::CorePattern,
        Some('M'),
        "core-dump-pattern",
        "[=PATN]",
        &["Also set the kernel's core_pattern (default 'core')"],
    ),
    flag(
        Opt::AllConfig,
        Some('e'),
        "all-config",
        &["Any configuration file that is missing is an error"],
    ),
    with(
        Opt::ConfigId,
        Some('i'),
        "config-id",
        " ID",
        &[
            "Use lines that begin with '@ID', and those with '@^OTHER'",
            "(default: the node name up to its first dot)",
        ],
    ),
    flag(Opt::IgnoreSigint, None, "ignore-sigint", &["Ignore SIGINT"]),
    with(
        Opt::Signum,
        None,
        "signum",
        "=SIGFUNC",
        &["Print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON"],
    ),
    maybe(
        Opt::ConfigTest,
        Some('t'),
        "config-test",
        "[=FILE]",
        &["Check the configuration, print what is wrong (to FILE), and exit"],
    ),
    flag(Opt::Version, Some('v'), "version", &["Print the version"]),
    flag(Opt::Help, Some('h'), "help", &["Print this help"]),
];

/// Column at which descriptions begin.
const COLUMN: usize = 31;

/// The help text.
pub fn help(argv0: &str) -> String {
    let mut text = format!("Usage: {argv0} [OPTION...]\n");
    for e in OPTIONS {
        let short = e.short.map_or("   ".to_owned(), |c| format!("-{c},"));
        let left = format!("  {short} --{}{}", e.long, e.value);
        let mut lines = e.help.iter();
        let first = lines.next().copied().unwrap_or_default();
        if left.len() < COLUMN {
            text.push_str(&format!("{left:COLUMN$}{first}\n"));
        } else {
            text.push_str(&format!("{left}\n{:COLUMN$}{first}\n", ""));
        }
        for line in lines {
            text.push_str(&format!("{:COLUMN$} {line}\n", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut longs: Vec<_> = OPTIONS.iter().map(|e| e.long).collect();
        let mut shorts: Vec<_> = OPTIONS.iter().filter_map(|e| e.short).collect();
        let (l, s) = (longs.len(), shorts.len());
        longs.sort_unstable();
        longs.dedup();
        shorts.sort_unstable();
        shorts.dedup();
        assert_eq!((longs.len(), shorts.len()), (l, s));
    }

    #[test]
    fn descriptions_stand_in_one_column() {
        let text = help("keepalived");
        assert!(
            text.starts_with("Usage: keepalived [OPTION...]\n  -f, --use-file=FILE          Conf")
        );
        for line in text.lines().skip(1).filter(|l| l.len() > COLUMN) {
            let gap = line.get(COLUMN - 1..COLUMN);
            assert!(gap == Some(" ") || line.starts_with("  ") && !line.contains("   "), "{line}");
        }
    }
}
