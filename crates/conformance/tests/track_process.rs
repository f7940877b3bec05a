//! Tracked processes: what their coming and going does to priority and state.
//!
//! The kernel tells of processes in the first network namespace alone, so the daemon is started in
//! the test's own, which must be that one, and enters the host's by itself.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use conformance::{Folder, Lan, VIP, on_both};
use lab::config::Instance;
use lab::{Context, Daemon, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The name of the host's own, in its own `/run`.
const NAME: &str = "lab";

/// A program of a name that no other test has.
struct Program {
    folder: Folder,
    path: PathBuf,
}

/// One process of it, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // With what it has started.
        let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

impl Program {
    fn new() -> Result<Self> {
        let folder = Folder::new()?;
        let unique = folder.path("x");
        let unique = unique.parent().and_then(|p| p.to_str()).unwrap_or_default();
        // 15 characters at most: test process and count of its folders.
        let name = unique.rsplit_once("case-").map_or("x", |(_, end)| end);
        let path = folder.path(&format!("p{name}"));
        std::os::unix::fs::symlink("/bin/sleep", &path).context(|| "cannot name sleep anew")?;
        Ok(Self { folder, path })
    }

    fn name(&self) -> String {
        self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn start(&self, arguments: &[&str]) -> Result<Running> {
        let child = Command::new(&self.path).args(arguments).process_group(0).spawn();
        Ok(Running(child.context(|| "cannot start a process")?))
    }
}

/// A configuration of objects and an instance that tracks them, in the host's namespace.
fn config(objects: &[(&str, String)], instance: &Instance) -> String {
    let (mut text, mut names) = (String::new(), String::new());
    for (name, lines) in objects {
        text += &format!("vrrp_track_process {name} {{\n    {lines}\n}}\n");
        names += &format!("        {name}\n");
    }
    let instance = instance.clone().with(format!("track_process {{\n{names}    }}"));
    text + &instance.to_string()
}

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

/// Starts a daemon that enters the first node's namespace by itself.
fn start(lan: &Lan, subject: &Subject, config: &str) -> Result<Daemon> {
    let file = format!("/run/netns/{NAME}");
    let text =
        format!("mkdir -p /run/netns && touch {file} && mount --bind /proc/self/ns/net {file}");
    lan.a.output(Command::new("sh").args(["-c", &text]))?;
    let own = format!("--net=/proc/{}/ns/net", std::process::id());
    // As an option, so that it is there or nowhere.
    let subject = subject.clone().through(&["nsenter", &own]);
    Daemon::start_with(&lan.a, &subject, config, &["-s", NAME])
}

fn a_process_with_a_weight_moves_the_priority(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let program = Program::new()?;
    let own = instance(100);
    let text = config(&[("p", format!("process {}\n    weight 30", program.name()))], &own);
    let mut daemon = start(&lan, subject, &text)?;
    lan.await_advert_of(&own)?;
    for _ in 0..2 {
        let running = program.start(&["1000"])?;
        daemon.log.clone().await_line(PATIENCE, "Quorum gained for tracked process p")?;
        daemon.await_log("Changing effective priority from 100 to 130")?;
        lan.await_advert_of(&Instance { priority: 130, ..own.clone() })?;
        drop(running);
        daemon.log.clone().await_line(PATIENCE, "Quorum lost for tracked process p")?;
        daemon.await_log("Changing effective priority from 130 to 100")?;
        lan.await_advert_of(&own)?;
    }
    Ok(())
}

fn without_a_weight_it_is_a_fault_while_the_process_does_not_run(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let program = Program::new()?;
    let text = config(&[("p", format!("process {}", program.name()))], &instance(100));
    let running = program.start(&["1000"])?;
    let mut daemon = start(&lan, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    drop(running);
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    let _running = program.start(&["1000"])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn the_number_of_processes_has_bounds(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let program = Program::new()?;
    let lines =
        format!("process {}\n    quorum 2\n    quorum_max 3\n    weight 30", program.name());
    let mut daemon = start(&lan, subject, &config(&[("p", lines)], &instance(100)))?;
    daemon.await_log("Entering MASTER STATE")?;
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(program.start(&["1000"])?);
    }
    daemon.await_log("Changing effective priority from 100 to 130")?;
    daemon.await_log("Changing effective priority from 130 to 100")?;
    running.pop();
    daemon.await_log("Changing effective priority from 100 to 130")?;
    running.truncate(1);
    daemon.await_log("Changing effective priority from 130 to 100")?;
    Ok(())
}

fn none_may_run_with_quorum_max_0(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let program = Program::new()?;
    let lines = format!("process {}\n    quorum_max 0\n    weight -30", program.name());
    let mut daemon = start(&lan, subject, &config(&[("p", lines)], &instance(100)))?;
    daemon.await_log("Entering MASTER STATE")?;
    let running = program.start(&["1000"])?;
    daemon.await_log("Changing effective priority from 100 to 70")?;
    drop(running);
    daemon.await_log("Changing effective priority from 70 to 100")?;
    Ok(())
}

/// `fence` is told last: whatever the other objects had to say, they have said by then.
fn parameters_are_compared_as_asked(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let program = Program::new()?;
    let fence = Program::new()?;
    let path = program.path.display();
    let objects = [
        ("name", format!("process {path}\n    full_command\n    weight 1")),
        ("exact", format!("process {path} 1000 2000\n    weight 2")),
        ("partial", format!("process {path} 1000\n    param_match partial\n    weight 4")),
        ("initial", format!("process {path} 1000 20\n    param_match initial\n    weight 8")),
        ("none", format!("process {path}\n    param_match\n    weight 16")),
        ("fence", format!("process {}\n    weight 32", fence.name())),
    ];
    let cases: [(&[&str], &[&str]); 5] = [
        (&["1000", "2000"], &["name", "exact", "partial", "initial"]),
        (&["1000", "2000", "3000"], &["name", "partial", "initial"]),
        (&["1000", "20m", "1"], &["name", "partial", "initial"]),
        (&["1000", "3000"], &["name", "partial"]),
        (&["2000"], &["name"]),
    ];
    let mut daemon = start(&lan, subject, &config(&objects, &instance(100)))?;
    daemon.await_log("Entering MASTER STATE")?;
    for (arguments, expected) in cases {
        let before: Vec<_> = objects.iter().map(|(name, _)| gained(&daemon, name)).collect();
        let running = program.start(arguments)?;
        // The kernel tells of it a moment after it runs; the first object hears first.
        daemon.await_log("Quorum gained for tracked process name")?;
        let flag = fence.start(&["1000"])?;
        daemon.await_log("Quorum gained for tracked process fence")?;
        for ((name, _), before) in objects.iter().zip(before) {
            let now = gained(&daemon, name) - before;
            let wanted = usize::from(expected.contains(name) || *name == "fence");
            assert_eq!(now, wanted, "{arguments:?} for {name}");
        }
        drop((running, flag));
        daemon.await_log("Quorum lost for tracked process fence")?;
    }
    Ok(())
}

fn gained(daemon: &Daemon, name: &str) -> usize {
    daemon.log.count(&format!("Quorum gained for tracked process {name}"))
}

fn a_restart_within_the_delay_is_not_told(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let program = Program::new()?;
    let objects = [
        ("held", format!("process {}\n    delay 3600\n    weight 30", program.name())),
        ("fence", format!("process {}\n    weight 60", program.name())),
    ];
    let mut daemon = start(&lan, subject, &config(&objects, &instance(100)))?;
    daemon.await_log("Entering MASTER STATE")?;
    for _ in 0..2 {
        let running = program.start(&["1000"])?;
        daemon.await_log("Quorum gained for tracked process fence")?;
        drop(running);
        daemon.await_log("Quorum lost for tracked process fence")?;
    }
    // What begins by executing the program counts at once; its end is held off, its return silent.
    assert_eq!(gained(&daemon, "held"), 1);
    assert_eq!(daemon.log.count("Quorum lost for tracked process held"), 0);
    Ok(())
}

/// Of two objects that only differ in the delay the one without it shows what has happened.
fn a_fork_is_held_off_and_the_start_of_a_program_is_not(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let program = Program::new()?;
    std::fs::remove_file(&program.path).context(|| "cannot replace a program")?;
    // Its name is the script's, and the shell in parentheses is a copy of the first one.
    program.folder.script(
        &program.name(),
        "stay() { while :; do read line < $1; done; }\n\
         if [ $2 = fork ]; then (stay $1); else stay $1; fi",
    )?;
    let gate = program.folder.path("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).context(|| "cannot make a fifo")?;
    let gate = gate.to_string_lossy();
    let lines = format!("process {}\n    quorum 2\n    weight 1", program.name());
    let objects = [("held", format!("{lines}\n    fork_delay 3600")), ("fence", lines)];
    let mut daemon = start(&lan, subject, &config(&objects, &instance(100)))?;
    daemon.await_log("Entering MASTER STATE")?;
    let forks = program.start(&[&gate, "fork"])?;
    daemon.await_log("Quorum gained for tracked process fence")?;
    assert_eq!(gained(&daemon, "held"), 0);
    drop(forks);
    daemon.await_log("Quorum lost for tracked process fence")?;
    let _two = [program.start(&[&gate, "stay"])?, program.start(&[&gate, "stay"])?];
    daemon.await_log("Quorum gained for tracked process held")?;
    Ok(())
}

on_both!(
    a_fork_is_held_off_and_the_start_of_a_program_is_not,
    a_process_with_a_weight_moves_the_priority,
    without_a_weight_it_is_a_fault_while_the_process_does_not_run,
    the_number_of_processes_has_bounds,
    none_may_run_with_quorum_max_0,
    parameters_are_compared_as_asked,
    a_restart_within_the_delay_is_not_told,
);

/// Inside a network namespace and without a way out of it there are no news of processes. The
/// reference drops the object there.
#[test]
fn without_news_of_the_kernel_processes_are_looked_for() -> Result<()> {
    let subject = Subject::ours()?.through(&["setpriv", "--bounding-set=-sys_admin"]);
    let mut lan = Lan::new()?;
    let program = Program::new()?;
    let own = instance(100);
    let text = config(&[("p", format!("process {}\n    weight 30", program.name()))], &own);
    let mut daemon = Daemon::start(&lan.a, &subject, &text)?;
    daemon.await_log("The kernel gives no news of processes here")?;
    lan.await_advert_of(&own)?;
    let running = program.start(&["1000"])?;
    lan.await_advert_of(&Instance { priority: 130, ..own.clone() })?;
    drop(running);
    lan.await_advert_of(&own)?;
    Ok(())
}

/// The kernel speaks to the first network namespace alone, and a daemon that was started inside
/// another one finds it by process 1. The reference gives up. Not everywhere may that process be
/// looked at, so a file in its place shows the namespace of this test, where the kernel speaks.
#[test]
fn news_of_processes_come_through_the_namespace_of_process_1() -> Result<()> {
    let mut lan = Lan::new()?;
    let program = Program::new()?;
    let own = instance(100);
    let text = format!(
        "mkdir -p /run/one/ns && touch /run/one/ns/net && \
         mount --bind /proc/{}/ns/net /run/one/ns/net && mount --rbind /run/one /proc/1",
        std::process::id()
    );
    lan.a.output(Command::new("sh").args(["-c", &text]))?;
    let text = config(&[("p", format!("process {}\n    weight 30", program.name()))], &own);
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &text)?;
    lan.await_advert_of(&own)?;
    let running = program.start(&["1000"])?;
    daemon.await_log("Quorum gained for tracked process p")?;
    lan.await_advert_of(&Instance { priority: 130, ..own.clone() })?;
    drop(running);
    daemon.await_log("Quorum lost for tracked process p")?;
    assert_eq!(daemon.log.count("The kernel gives no news of processes here"), 0);
    Ok(())
}

/// While nobody reads the news, more processes begin and end than there is room for.
#[test]
fn after_lost_news_all_processes_are_looked_at() -> Result<()> {
    let lan = Lan::new()?;
    let program = Program::new()?;
    let text =
        config(&[("p", format!("process {}\n    weight 30", program.name()))], &instance(100));
    let text = format!("global_defs {{\n    process_monitor_rcv_bufs 2304\n}}\n{text}");
    let mut daemon = start(&lan, &Subject::ours()?, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.signal(Role::Core, Signal::SIGSTOP)?;
    procs::await_state(daemon.pid(), 'T');
    for _ in 0..100 {
        drop(program.start(&["0"])?);
    }
    let _running = program.start(&["1000"])?;
    daemon.signal(Role::Core, Signal::SIGCONT)?;
    daemon.log.clone().await_line(PATIENCE, "News of processes were lost")?;
    daemon.await_log("Changing effective priority from 100 to 130")?;
    Ok(())
}

/// Objects that a reload brings begin with what runs by then, and are followed from there; those
/// that stay say nothing.
#[test]
fn a_reload_takes_processes_along() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let (one, two) = (Program::new()?, Program::new()?);
    let own = instance(100);
    let object = |program: &Program| format!("process {}\n    weight 10", program.name());
    let text = config(&[("one", object(&one))], &own);
    let running = (one.start(&["1000"])?, two.start(&["1000"])?);
    let mut daemon = start(&lan, subject, &text)?;
    lan.await_advert_of(&Instance { priority: 110, ..own.clone() })?;
    daemon.reload(&config(&[("two", object(&two)), ("one", object(&one))], &own))?;
    daemon.await_log("Reload complete")?;
    lan.await_advert_of(&Instance { priority: 120, ..own.clone() })?;
    drop(running.1);
    lan.await_advert_of(&Instance { priority: 110, ..own.clone() })?;
    drop(running.0);
    lan.await_advert_of(&own)?;
    assert_eq!(daemon.log.count("Quorum gained"), 0);
    Ok(())
}
