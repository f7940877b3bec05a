//! The command line.
//!
//! Owns options, their messages and the exit statuses that they cause. Never
//! acts on an option beyond printing.

mod manual;
mod table;

pub use manual::manual;

use crate::version;
use getopt::{Getopt, Item};
use nix::libc;
use std::io::Write;
use table::{OPTIONS, Opt};

/// Syslog facilities (`sys/syslog.h`).
const LOG_USER: u8 = 1;
const LOG_DAEMON: u8 = 3;
const LOG_LOCAL0: u8 = 16;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `-f`.
    pub conf_file: Option<String>,
    /// The VRRP subsystem is on (`-C` turns it off).
    pub vrrp: bool,
    /// The checker subsystem is on (`-P` turns it off).
    pub checker: bool,
    /// The BFD subsystem is on (`-B` turns it off).
    pub bfd: bool,
    /// `--all`: start every subsystem that is on, configured or not.
    pub all: bool,
    /// `-l`.
    pub log_console: bool,
    /// How often `-D` was given.
    pub detail: u8,
    /// `-S`: facility number.
    pub facility: u8,
    /// `-g`; `Some("")` is the default file.
    pub log_file: Option<String>,
    /// `--flush-log-file`.
    pub flush_log_file: bool,
    /// `-G`.
    pub no_syslog: bool,
    /// `-u`.
    pub umask: Option<u32>,
    /// `-X`.
    pub release_vips: bool,
    /// `-V`.
    pub dont_release_vrrp: bool,
    /// `-I`.
    pub dont_release_ipvs: bool,
    /// `-R`.
    pub dont_respawn: bool,
    /// `-n`.
    pub dont_fork: bool,
    /// `-d`.
    pub dump_conf: bool,
    /// `-p`.
    pub pid: Option<String>,
    /// `-r`.
    pub vrrp_pid: Option<String>,
    /// `-c`.
    pub checkers_pid: Option<String>,
    /// `-b`.
    pub bfd_pid: Option<String>,
    /// `-a`.
    pub address_monitoring: bool,
    /// `-x`.
    pub snmp: bool,
    /// `-A`.
    pub snmp_socket: Option<String>,
    /// `-s`.
    pub namespace: Option<String>,
    /// `-m`, or implied by `-M`.
    pub core_dump: bool,
    /// `-M`.
    pub core_pattern: Option<String>,
    /// `-e`.
    pub all_config: bool,
    /// `-i`.
    pub config_id: Option<String>,
    /// `-t`; `Some("")` is standard error.
    pub config_test: Option<String>,
    /// `--ignore-sigint`.
    pub ignore_sigint: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            conf_file: None,
            vrrp: true,
            checker: true,
            bfd: true,
            all: false,
            log_console: false,
            detail: 0,
            facility: LOG_DAEMON,
            log_file: None,
            flush_log_file: false,
            no_syslog: false,
            umask: None,
            release_vips: false,
            dont_release_vrrp: false,
            dont_release_ipvs: false,
            dont_respawn: false,
            dont_fork: false,
            dump_conf: false,
            pid: None,
            vrrp_pid: None,
            checkers_pid: None,
            bfd_pid: None,
            address_monitoring: false,
            snmp: false,
            snmp_socket: None,
            namespace: None,
            core_dump: false,
            core_pattern: None,
            all_config: false,
            config_id: None,
            config_test: None,
            ignore_sigint: false,
        }
    }
}

/// What to do after the command line was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Go on with these options.
    Run(Box<Options>),
    /// Be genhash with these arguments.
    Genhash(Vec<String>),
    /// All is said; exit with this status.
    Exit(i32),
}

/// Reads the command line `args`, the program's name first. Messages go to
/// `out` and `err` as they arise; options that print and exit do so at once,
/// in the order of appearance.
pub fn parse(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> Parsed {
    let argv0 = args.first().map_or("keepalived", String::as_str);
    let mut options = Options::default();
    let mut words = Vec::new();
    let mut wrong = false;
    // A failure to print leaves nobody to be told.
    macro_rules! say {
        ($to:expr, $($arg:tt)*) => { let _ = write!($to, $($arg)*); };
    }
    let mut items = Getopt::new(OPTIONS, args.iter().skip(1).cloned());
    let mut first = true;
    while let Some(item) = items.next() {
        let is_first = core::mem::take(&mut first);
        match item {
            Item::Word(w) => words.push(w),
            Item::Unknown(w) => {
                say!(err, "Unknown option {w}\n");
                wrong = true;
            }
            Item::Missing(w) => {
                say!(err, "Missing parameter for option {w}\n");
                wrong = true;
            }
            Item::Option(entry, value, long) => match entry.opt {
                Opt::Version => {
                    say!(err, "{}", version::text());
                    return Parsed::Exit(0);
                }
                Opt::Help => {
                    say!(err, "{}", table::help(argv0));
                    return Parsed::Exit(0);
                }
                Opt::Signum => return signum(&value.unwrap_or_default(), out, err),
                Opt::Genhash => {
                    if !is_first {
                        let name = if long { "genhash" } else { "-T" };
                        say!(
                            err,
                            "Warning -- `{name}` not used as first option, previous options ignored\n"
                        );
                    }
                    return Parsed::Genhash(items.rest().collect());
                }
                opt => {
                    if let Err(what) = apply(&mut options, opt, value.unwrap_or_default()) {
                        say!(err, "{what}\n");
                    }
                }
            },
        }
    }
    if wrong {
        return Parsed::Exit(1);
    }
    if !words.is_empty() {
        say!(out, "Unexpected argument(s): {} \n", words.join(" "));
    }
    Parsed::Run(Box::new(options))
}

/// Sets what `opt` with its `value` asks for.
///
/// # Errors
/// What is wrong with the value; the option is ignored then.
fn apply(o: &mut Options, opt: Opt, value: String) -> Result<(), String> {
    match opt {
        Opt::UseFile => o.conf_file = Some(value),
        Opt::NoChecker => o.checker = false,
        Opt::NoVrrp => o.vrrp = false,
        Opt::NoBfd => o.bfd = false,
        Opt::All => (o.vrrp, o.checker, o.bfd, o.all) = (true, true, true, true),
        Opt::LogConsole => o.log_console = true,
        Opt::LogDetail => o.detail = o.detail.saturating_add(1),
        Opt::LogFacility => {
            o.facility = facility(&value).ok_or(format!("Invalid log facility '{value}'"))?;
        }
        Opt::LogFile => o.log_file = Some(value),
        Opt::FlushLogFile => o.flush_log_file = true,
        Opt::NoSyslog => o.no_syslog = true,
        Opt::Umask => {
            let mask = c_number(&value).filter(|m| *m <= 0o777);
            o.umask = Some(mask.ok_or(format!("Invalid --umask option {value}"))?);
        }
        Opt::ReleaseVips => o.release_vips = true,
        Opt::DontReleaseVrrp => o.dont_release_vrrp = true,
        Opt::DontReleaseIpvs => o.dont_release_ipvs = true,
        Opt::DontRespawn => o.dont_respawn = true,
        Opt::DontFork => o.dont_fork = true,
        Opt::DumpConf => o.dump_conf = true,
        Opt::Pid => o.pid = Some(value),
        Opt::VrrpPid => o.vrrp_pid = Some(value),
        Opt::CheckersPid => o.checkers_pid = Some(value),
        Opt::BfdPid => o.bfd_pid = Some(value),
        Opt::AddressMonitoring => o.address_monitoring = true,
        Opt::Snmp => o.snmp = true,
        Opt::SnmpSocket => o.snmp_socket = Some(value),
        Opt::Namespace => o.namespace = Some(value),
        Opt::CoreDump => o.core_dump = true,
        Opt::CorePattern => {
            o.core_dump = true;
            o.core_pattern = Some(if value.is_empty() { "core".to_owned() } else { value });
        }
        Opt::AllConfig => o.all_config = true,
        Opt::ConfigId => o.config_id = Some(value),
        Opt::IgnoreSigint => o.ignore_sigint = true,
        Opt::ConfigTest => o.config_test = Some(value),
        // Acted upon by the caller, at once.
        Opt::Version | Opt::Help | Opt::Signum | Opt::Genhash => {}
    }
    Ok(())
}

/// The number of a facility's name.
fn facility(name: &str) -> Option<u8> {
    match name {
        "user" => return Some(LOG_USER),
        "daemon" => return Some(LOG_DAEMON),
        _ => {}
    }
    let digit = name.strip_prefix("local").unwrap_or(name);
    match digit.as_bytes() {
        [d @ b'0'..=b'7'] => Some(LOG_LOCAL0 + (d - b'0')),
        _ => None,
    }
}

/// A number with C's prefixes: 0x hexadecimal, 0 octal, else decimal.
fn c_number(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u32::from_str_radix(hex, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u32::from_str_radix(text, 8).ok()
    } else {
        text.parse().ok()
    }
}

fn signum(name: &str, out: &mut dyn Write, err: &mut dyn Write) -> Parsed {
    let number = match name {
        "STOP" => libc::SIGTERM,
        "RELOAD" => libc::SIGHUP,
        "DATA" => libc::SIGUSR1,
        "STATS" => libc::SIGUSR2,
        "STATS_CLEAR" => libc::SIGRTMAX() - 1,
        "JSON" => libc::SIGRTMIN() + 2,
        _ => {
            let _ = writeln!(err, "Unknown sigfunc {name}");
            return Parsed::Exit(1);
        }
    };
    let _ = writeln!(out, "{number}");
    Parsed::Exit(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> (Parsed, String, String) {
        let args: Vec<String> =
            std::iter::once("keepalived").chain(line.split(' ')).map(str::to_owned).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let parsed = parse(&args, &mut out, &mut err);
        (parsed, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn options(line: &str) -> Options {
        match run(line).0 {
            Parsed::Run(o) => *o,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn genhash_gets_what_follows_it() {
        let words = |line: &str| match run(line) {
            (Parsed::Genhash(words), _, err) => (words.join(" "), err),
            (other, ..) => panic!("{line}: {other:?}"),
        };
        assert_eq!(words("-T -s ::1 -Z"), ("-s ::1 -Z".into(), String::new()));
        let (rest, said) = words("-n --genhash -u /");
        assert_eq!(rest, "-u /");
        assert!(said.starts_with("Warning -- `genhash` not used as first option"), "{said}");
    }

    #[test]
    fn errors_are_all_named_before_exit_status_1() {
        let (parsed, _, err) = run("-Q -Z --foo -f");
        assert_eq!(parsed, Parsed::Exit(1));
        assert_eq!(
            err,
            "Unknown option -Q\nUnknown option -Z\nUnknown option --foo\n\
             Missing parameter for option -f\n"
        );
    }

    #[test]
    fn printing_options_act_at_once_in_order() {
        let (parsed, _, err) = run("-Zv");
        assert_eq!(parsed, Parsed::Exit(0));
        assert!(err.starts_with("Unknown option -Z\nKeepalived v"), "{err}");
        assert_eq!(run("-v -Z").0, Parsed::Exit(0));
        assert!(run("-h").2.starts_with("Usage: keepalived [OPTION...]\n"));
    }

    #[test]
    fn signal_numbers_are_printed_for_scripts() {
        for (name, number) in
            [("STOP", 15), ("RELOAD", 1), ("DATA", 10), ("STATS", 12), ("STATS_CLEAR", 63)]
        {
            let (parsed, out, _) = run(&format!("--signum {name}"));
            assert_eq!((parsed, out), (Parsed::Exit(0), format!("{number}\n")));
        }
        let (parsed, _, err) = run("--signum=stop");
        assert_eq!((parsed, err.as_str()), (Parsed::Exit(1), "Unknown sigfunc stop\n"));
    }

    #[test]
    fn bad_values_are_named_and_ignored() {
        let (parsed, _, err) = run("-S foo -u 9999");
        assert_eq!(err, "Invalid log facility 'foo'\nInvalid --umask option 9999\n");
        assert_eq!(parsed, Parsed::Run(Box::default()));
        assert_eq!(options("-S local3").facility, 19);
        assert_eq!(options("-S7").facility, 23);
        assert_eq!(options("-u 022").umask, Some(0o22));
        assert_eq!(options("--umask=0x1f").umask, Some(0o37));
    }

    #[test]
    fn subsystems_follow_the_order_of_options() {
        let o = options("-P -C");
        assert_eq!((o.vrrp, o.checker, o.bfd), (false, false, true));
        let o = options("-P --all -C");
        assert_eq!((o.vrrp, o.checker, o.bfd, o.all), (false, true, true, true));
    }

    #[test]
    fn words_are_reported_and_do_not_matter() {
        let (parsed, out, _) = run("a -n b");
        assert_eq!(out, "Unexpected argument(s): a b \n");
        assert!(matches!(parsed, Parsed::Run(o) if o.dont_fork));
    }

    #[test]
    fn optional_arguments_are_attached() {
        assert_eq!(options("-t").config_test.as_deref(), Some(""));
        assert_eq!(options("-t/x").config_test.as_deref(), Some("/x"));
        assert_eq!(options("--config-test=/x").config_test.as_deref(), Some("/x"));
        assert_eq!(options("-M").core_pattern.as_deref(), Some("core"));
    }
}
