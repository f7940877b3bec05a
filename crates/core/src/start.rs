//! From the command line to a running [`Core`].
//!
//! The order matters: everything that can fail and be told to the user's
//! terminal comes before the daemon leaves it; threads come after.

use crate::cli::{self, Options, Parsed};
use crate::lifecycle;
use crate::main_loop::{Core, Parts};
use crate::paths::{Names, PID_DIR};
use crate::pidfile::{self, PidFile};
use crate::sdnotify::Notifier;
use crate::supervise::{ROLES, Slot, title};
use crate::{command_line, config_test, dumps, kept, load, netns, version};
use conf::Loaded;
use ipc::Role;
use ipc::msg::LogSetup;
use log::{debug, error, info, warn};
use nix::sys::stat::Mode;
use rt::clock;
use rt::log_sink::{self, Sinks};
use rt::resources::{Originals, Resources};
use rt::signals::{self, Signals};
use std::io;
use std::time::Duration;

/// The daemon's umask unless something else is asked for.
pub const UMASK: u32 = 0o177;

/// Exit status of an internal error.
const EXIT_SOFTWARE: i32 = 70;

/// Where the kernel keeps the pattern of core dumps' names.
const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// Runs core with this process's command line `args`; returns the exit status.
/// `genhash` is what the option of that name becomes: it gets the arguments
/// after it.
pub fn run(args: &[String], genhash: impl FnOnce(Vec<String>) -> i32) -> i32 {
    let mut options = match cli::parse(args, &mut io::stdout(), &mut io::stderr()) {
        Parsed::Exit(status) => return status,
        Parsed::Genhash(args) => return genhash(args),
        Parsed::Run(options) => *options,
    };
    options.conf_file = Some(load::main_file(options.conf_file.as_deref()));
    if let Some(file) = &options.config_test {
        return config_test::run(&options, file);
    }
    daemon(options, args).unwrap_or_else(|stop| match stop {
        Stop::Exit(status) => status,
        Stop::Failed(what, e) => {
            error!("{what}: {e}");
            eprintln!("keepalived: {what}: {e}");
            EXIT_SOFTWARE
        }
    })
}

/// Why the daemon does not start.
enum Stop {
    /// All is said.
    Exit(i32),
    /// A system call failed that should not.
    Failed(&'static str, io::Error),
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Stop {
    move |e| Stop::Failed(what, e)
}

fn daemon(options: Options, args: &[String]) -> Result<i32, Stop> {
    let limits = Originals::capture().map_err(failed("cannot read limits"))?;
    set_umask(options.umask.unwrap_or(UMASK));
    let signals = handle_signals(&options).map_err(failed("cannot handle signals"))?;
    install_log(&log_setup(&options, ""));
    say_start(&options, args);
    let home = rt::netns::own().ok();
    let core_pattern = allow_core_dumps(&options);
    if let Some(name) = &options.namespace {
        enter_namespace(name)?;
    }
    let loaded = load_config(&options)?;
    let names = Names::new(&options, &loaded.model.global);
    let log = log_setup(&options, &names.suffix());
    if !log.ident_suffix.is_empty() {
        info!("Changing syslog ident to {}{}", Role::Core.ident(), log.ident_suffix);
        install_log(&log);
    }
    let pid_directory = prepare_pid_directory(&names)?;
    let global = &loaded.model.global;
    if let Some(stale) = load::reload_file_path(global, &names) {
        // Left behind by a daemon that was killed.
        let _ = std::fs::remove_file(stale);
    }
    if let (None, Some(mask)) = (options.umask, global.umask) {
        set_umask(mask);
    }
    let (pid_file, mut slots) = take_pid_files(&options, &names)?;
    for slot in &mut slots {
        await_leftover(slot, global.child_wait_time);
        slot.recall();
    }
    if !options.dont_fork {
        rt::spawn::daemonize().map_err(failed("cannot become a daemon"))?;
        // The ident carries the pid, which is another one now.
        install_log(&log);
    }
    // Named by the number of the process that stays.
    kept::configuration(&loaded, 0);
    // The text goes, and with it what is secret in it.
    let config = { loaded }.model;
    log_sink::start_writers();
    let has_moved = names.namespace.is_some();
    let home = home.filter(|_| has_moved);
    let parts = Parts { options, names, log, config, signals, slots, home, limits };
    let mut core = Core::new(parts).map_err(failed("cannot open the event loop or inotify"))?;
    core.pid_file = Some(pid_file);
    core.manager = Notifier::from_env();
    core.settle()?;
    let status = core.run().map_err(failed("the event loop failed"))?;
    core.clean_up();
    drop(pid_directory);
    restore_core_pattern(core_pattern);
    say_end();
    Ok(status)
}

impl Core {
    /// What core does for itself before the first role starts.
    fn settle(&mut self) -> Result<(), Stop> {
        self.apply_own_settings();
        if let Err(e) = rt::spawn::adopt_orphans() {
            warn!("Cannot adopt orphaned processes: {e}");
        }
        if self.config.global.max_auto_priority == 0 {
            info!(
                "NOTICE: setting config option max_auto_priority should result in better keepalived performance"
            );
        }
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        let Some(file) = &mut self.pid_file else { return Ok(()) };
        file.write(pid).map_err(|e| {
            error!("Unable to write pid file {}: {e}", file.path().display());
            Stop::Exit(0)
        })
    }
}

fn set_umask(mask: u32) {
    nix::sys::stat::umask(Mode::from_bits_truncate(mask));
}

/// Blocks the signals that core handles, so that none is lost from here on,
/// and ignores the rest.
fn handle_signals(options: &Options) -> io::Result<Signals> {
    let mut handled = vec![
        signals::HUP,
        signals::TERM,
        signals::USR1,
        signals::USR2,
        signals::CHLD,
        signals::stats_clear(),
        signals::json(),
    ];
    if !options.ignore_sigint {
        handled.push(signals::INT);
    }
    signals::ignore_others(&handled)?;
    Signals::new(&handled)
}

/// How all processes log.
fn log_setup(options: &Options, suffix: &str) -> LogSetup {
    LogSetup {
        console: options.log_console && options.dont_fork,
        syslog: (!options.no_syslog).then_some(options.facility),
        ident_suffix: suffix.to_owned(),
        file: options.log_file.as_ref().map(|f| match f.as_str() {
            "" => dumps::directory().join("keepalived.log").to_string_lossy().into_owned(),
            given => load::absolute(given),
        }),
        flush: options.flush_log_file,
        detail: options.detail,
    }
}

fn install_log(setup: &LogSetup) {
    log_sink::install(&Sinks::of_role(Role::Core, setup));
}

fn say_start(options: &Options, args: &[String]) {
    info!("Starting {}", version::line());
    info!("{}", version::running_on());
    for line in command_line::wrapped(args) {
        info!("{line}");
    }
    dumps::check_directory();
    if let Some(file) = &options.conf_file {
        info!("Configuration file {file}");
    }
}

/// Reads the configuration, in the network namespace that it names.
fn load_config(options: &Options) -> Result<Loaded, Stop> {
    let mut loaded = load::load(options);
    match (&options.namespace, loaded.model.global.net_namespace.clone()) {
        (Some(ours), Some(theirs)) if *ours != theirs => {
            info!(
                "Overriding config net_namespace '{theirs}' with command line namespace '{ours}'"
            );
        }
        (None, Some(name)) => {
            enter_namespace(&name)?;
            // Interfaces are those of the namespace.
            loaded = load::load(options);
        }
        _ => {}
    }
    load::log_diagnostics(&loaded);
    match loaded.refusal() {
        Some(why) => {
            error!("The configuration cannot be used, see the messages above");
            if !(options.log_console && options.dont_fork) {
                eprintln!("keepalived: the configuration cannot be used; -t says why");
            }
            say_end();
            Err(Stop::Exit(i32::from(why.exit_status())))
        }
        None => Ok(loaded),
    }
}

fn enter_namespace(name: &str) -> Result<(), Stop> {
    netns::enter(name).map_err(|e| {
        info!("{e}");
        error!("Unable to set network namespace {name} - exiting");
        say_end();
        Stop::Exit(0)
    })
}

fn prepare_pid_directory(names: &Names) -> Result<Option<netns::PidDirectory>, Stop> {
    if !names.in_pid_dir {
        return Ok(None);
    }
    // The umask would make it unusable for others.
    let old = nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    let made = match &names.namespace {
        Some(name) => netns::bind_pid_directory(name).map(Some),
        None => std::fs::create_dir_all(PID_DIR)
            .map(|()| None)
            .map_err(|e| format!("Unable to create {PID_DIR}: {e}")),
    };
    nix::sys::stat::umask(old);
    made.map_err(|e| {
        error!("{e}");
        Stop::Exit(0)
    })
}

/// Locks the pid files of the parent and of every subsystem that is on.
fn take_pid_files(options: &Options, names: &Names) -> Result<(PidFile, [Slot; ROLES]), Stop> {
    let take = |role| {
        let path = names.pid_file(role, options);
        PidFile::take(&path).map_err(|e| {
            match e {
                pidfile::Error::Locked => {
                    info!("Another process has pid file {path} locked");
                    info!("daemon is already running");
                    eprintln!("keepalived: daemon is already running (pid file {path})");
                }
                pidfile::Error::Io(e) => {
                    error!("Unable to use pid file {path}: {e}");
                    eprintln!("keepalived: cannot use pid file {path}: {e}");
                }
            }
            Stop::Exit(0)
        })
    };
    let core = take(Role::Core)?;
    let mut others = Vec::new();
    for (role, on) in
        [(Role::Vrrp, options.vrrp), (Role::Checker, options.checker), (Role::Bfd, options.bfd)]
    {
        if on {
            match take(role) {
                Ok(file) => others.push((role, file)),
                Err(e) => {
                    others.iter().for_each(|(_, f)| f.remove());
                    core.remove();
                    return Err(e);
                }
            }
        }
    }
    let slots = lifecycle::slots(|role| {
        let at = others.iter().position(|(r, _)| *r == role)?;
        Some(others.swap_remove(at).1)
    });
    Ok((core, slots))
}

/// A daemon that was killed leaves roles that clean up after it; until they
/// are gone they would take away what a new role has just set.
fn await_leftover(slot: &Slot, at_most: Duration) {
    let Some(file) = &slot.pid_file else { return };
    let Some(pid) = file.leftover() else { return };
    info!("Waiting for {} process {pid} of an earlier daemon to leave", title(slot.role));
    let until = clock::now() + at_most;
    while file.leftover().is_some() {
        if clock::now() >= until {
            return warn!("{} process {pid} is still there, starting anyway", title(slot.role));
        }
        // There is no loop yet, and no event for the end of a stranger.
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `-m` and `-M`; the kernel's pattern before, to be restored.
fn allow_core_dumps(options: &Options) -> Option<String> {
    if options.core_dump {
        let resources = Resources { core_dumps: true, ..Resources::default() };
        resources.apply().iter().for_each(|what| warn!("{what}"));
    }
    let pattern = options.core_pattern.as_ref()?;
    let before = std::fs::read_to_string(CORE_PATTERN).ok()?;
    if let Err(e) = std::fs::write(CORE_PATTERN, pattern) {
        warn!("Unable to write {CORE_PATTERN}: {e}");
        return None;
    }
    Some(before)
}

fn restore_core_pattern(before: Option<String>) {
    if let Some(before) = before
        && let Err(e) = std::fs::write(CORE_PATTERN, before)
    {
        warn!("Unable to restore {CORE_PATTERN}: {e}");
    }
}

fn say_end() {
    use nix::sys::resource::{Usage, UsageWho, getrusage};
    if let (Ok(own), Ok(children)) =
        (getrusage(UsageWho::RUSAGE_SELF), getrusage(UsageWho::RUSAGE_CHILDREN))
    {
        let user = |u: &Usage| u.user_time();
        let system = |u: &Usage| u.system_time();
        let show = |t: nix::sys::time::TimeVal| format!("{}.{:06}", t.tv_sec(), t.tv_usec());
        debug!(
            "CPU usage (self/children) user: {}/{} system: {}/{}",
            show(user(&own)),
            show(user(&children)),
            show(system(&own)),
            show(system(&children))
        );
    }
    info!("Stopped {}", version::line());
}
