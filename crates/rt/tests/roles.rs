//! Roles and scripts as processes: what they start with, what they may do, how they end.
//!
//! A role is its parent's own executable, here this test: without a harness, because a role must
//! have one thread only.

use netlink::{AddrSpec, Batch};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rt::channel::{self, Channel};
use rt::poll::Loop;
use rt::privs::{self, Caps, Drop, RunAs, Status};
use rt::resources::{Originals, Resources};
use rt::signals::{self, Signals};
use rt::sock::{self, Sender};
use rt::spawn::{self, Entered, Exit, Script, ScriptUser};
use rt::{Interest, Token, clock};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};
use types::Family;

type Words = Channel<String, String>;

const LIMIT: u32 = 100_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// Exit status of a role that SIGTERM ended.
const TERMINATED: i32 = 42;
const NOFILE: u64 = 777;

fn main() {
    match spawn::enter() {
        Ok(Some(entered)) => return role(entered),
        Ok(None) => {}
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(3);
        }
    }
    let tests: [(&str, fn()); 8] = [
        ("every_role_has_the_privileges_of_the_table_and_no_others", privileges),
        ("a_role_can_do_its_own_work_and_nothing_else", abilities),
        ("a_role_starts_with_the_same_arguments_and_nothing_left_open", inheritance),
        ("scheduling_and_limits_are_as_asked_and_outlive_the_drop", tuning),
        ("children_are_collected_with_the_way_they_ended", endings),
        ("a_role_is_told_of_the_end_of_core_after_its_drop", orphan),
        ("a_role_variable_set_by_somebody_else_is_refused", stranger),
        ("a_script_finds_a_clean_world_as_its_user", scripts),
    ];
    let args: Vec<_> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        // What cargo-nextest asks a test without harness.
        if !args.iter().any(|arg| arg == "--ignored") {
            tests.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return;
    }
    if !matches!(RunAs::for_roles(), Ok(RunAs::User { .. })) {
        println!("not root, or root of a user namespace: the drop of privileges is not tested");
        return;
    }
    let wanted = args.iter().find(|arg| !arg.starts_with('-'));
    for (name, test) in tests.iter().filter(|(name, _)| wanted.is_none_or(|w| name.contains(w))) {
        test();
        println!("test {name} ... ok");
    }
}

// The child's side.

fn role(entered: Entered) {
    spawn::set_comm(&format!("rt_{}", entered.role));
    let mut signals = Signals::new(&[signals::TERM]).unwrap();
    let mut words: Words = Channel::new(entered.channel, LIMIT).unwrap();
    let run_as = RunAs::for_roles().unwrap();
    let to = Drop { run_as, core: entered.core, dumpable: false };
    let done = match entered.role.as_str() {
        "middle" => return middle(),
        "plain" => Ok(()),
        name => {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            match name {
                "vrrp" => privs::vrrp(&to),
                "checker" => privs::checker(Caps::NONE, &to),
                "checker-raw" => privs::checker(Caps::NET_RAW.and(Caps::NET_BIND_SERVICE), &to),
                "unprivileged" => unprivileged(&to),
                "tuned" => tuned().and_then(|()| privs::bfd(&to)),
                "monitor" => privs::monitor(&to),
                _ => privs::bfd(&to),
            }
        }
    };
    let _ = words.send(&done.map_or_else(|e| e.to_string(), |()| "ready".to_owned()));
    let mut wait = Loop::new().unwrap();
    wait.register(&signals, Token(0), Interest::READABLE).unwrap();
    wait.register(&words, Token(1), Interest::READABLE).unwrap();
    let mut ready = Vec::new();
    loop {
        wait.wait(None, &mut ready).unwrap();
        if let Ok(Some(_)) = signals.receive() {
            std::process::exit(TERMINATED);
        }
        match words.recv() {
            Ok(Some(word)) => match word.strip_prefix("exit ") {
                Some(status) => std::process::exit(status.parse().unwrap()),
                None => words.send(&can(&word)).unwrap(),
            },
            Ok(None) => {}
            // Only SIGTERM counts for a role whose core is gone.
            Err(_) => wait.deregister(&words).unwrap(),
        }
    }
}

/// Drops twice, the second time as a daemon that was started without root.
fn unprivileged(to: &Drop) -> Result<(), privs::PrivError> {
    privs::checker(Caps::NONE, to)?;
    let same = Drop { run_as: RunAs::for_roles().unwrap(), ..*to };
    assert_eq!(same.run_as, RunAs::Unchanged);
    privs::checker(Caps::NONE, &same)?;
    let refused = privs::vrrp(&same).unwrap_err().to_string();
    assert!(refused.contains("missing permission: NET_RAW"), "{refused}");
    Ok(())
}

/// Applies settings of every kind that root may without more ado.
fn tuned() -> Result<(), privs::PrivError> {
    let resources = Resources {
        nice: Some(5),
        realtime: Some(3),
        rttime: Some(200_000),
        cpus: vec![0],
        nofile: Some(10),
        ..Resources::default()
    };
    let failed = resources.apply();
    if failed.is_empty() { Ok(()) } else { Err(privs::PrivError::NotProved(failed)) }
}

/// Starts another role and waits to be killed.
fn middle() {
    let (mine, theirs) = channel::pair().unwrap();
    spawn::spawn_role("bfd", theirs).unwrap();
    let mut words: Words = Channel::new(mine, LIMIT).unwrap();
    assert_eq!(words.recv_wait(PATIENCE).unwrap().as_deref(), Some("ready"));
    signals::send(std::process::id() as i32, signals::KILL).unwrap();
}

/// Tries something and tells how it went.
fn can(what: &str) -> String {
    let tell = |done: io::Result<()>| match done {
        Ok(()) => "yes".to_owned(),
        Err(e) => format!("{:?}", e.kind()),
    };
    match what {
        "raw socket" => {
            let spec = Sender {
                family: Family::V4,
                protocol: sock::VRRP,
                multicast: true,
                unicast_hops: None,
            };
            tell(spec.open().map(drop))
        }
        "packet socket" => tell(sock::link_sender().map(drop)),
        "address" => {
            let mut batch = Batch::open().unwrap();
            batch.add_addr(&AddrSpec::new(1, Ipv4Addr::new(192, 0, 2, 1).into(), 32));
            let failed = batch.run().unwrap();
            tell(failed.into_iter().next().map_or(Ok(()), |(_, e)| Err(e.into())))
        }
        "sysctl" => tell(fs::write("/proc/sys/net/ipv4/conf/lo/arp_ignore", "1")),
        "shadow" => tell(fs::read("/etc/shadow").map(drop)),
        "regain" => tell(nix::unistd::setuid(0.into()).map_err(Into::into)),
        _ => "what?".to_owned(),
    }
}

// The parent's side.

struct Child {
    pid: i32,
    words: Words,
}

impl Child {
    fn start(role: &str) -> Self {
        let (mine, theirs) = channel::pair().unwrap();
        let pid = spawn::spawn_role(role, theirs).unwrap();
        let mut words: Words = Channel::new(mine, LIMIT).unwrap();
        assert_eq!(words.recv_wait(PATIENCE).unwrap().as_deref(), Some("ready"), "{role}");
        Child { pid, words }
    }

    fn ask(&mut self, what: &str) -> String {
        self.words.send(&what.to_owned()).unwrap();
        self.words.recv_wait(PATIENCE).unwrap().unwrap()
    }

    fn end(mut self) {
        self.words.send(&"exit 0".to_owned()).unwrap();
        assert_eq!(await_end(self.pid), Exit::Status(0));
    }
}

/// Waits until the child has ended; nothing else of ours runs meanwhile.
fn await_end(pid: i32) -> Exit {
    let mut signals = Signals::new(&[signals::CHLD]).unwrap();
    let mut wait = Loop::new().unwrap();
    wait.register(&signals, Token(0), Interest::READABLE).unwrap();
    let (until, mut ready) = (clock::now() + PATIENCE, Vec::new());
    loop {
        if let Some((_, exit)) = spawn::reap().into_iter().find(|(ended, _)| *ended == pid) {
            return exit;
        }
        wait.wait(Some(until), &mut ready).unwrap();
        assert!(clock::now() < until, "process {pid} has not ended");
        let _ = signals.receive();
    }
}

fn privileges() {
    let run_as = RunAs::for_roles().unwrap();
    assert!(matches!(run_as, RunAs::User { uid, .. } if uid != 0));
    let mut rows: Vec<(&str, Caps)> =
        privs::ROLE_TABLE.iter().map(|row| (row.role, row.keeps)).collect();
    let checker = privs::ROLE_TABLE.iter().find(|row| row.role == "checker").unwrap();
    rows.push(("checker-raw", checker.keeps.and(checker.on_demand)));
    rows.push(("unprivileged", checker.keeps));
    for (role, keeps) in rows {
        let child = Child::start(role);
        let status = Status::of(child.pid).unwrap();
        assert_eq!(status.differs(keeps, Some(keeps), run_as), Vec::<String>::new(), "{role}");
        child.end();
    }
}

fn abilities() {
    const NO: &str = "PermissionDenied";
    let able = |role: &str, expected: [&str; 6]| {
        let mut child = Child::start(role);
        let what = ["raw socket", "packet socket", "address", "sysctl", "shadow", "regain"];
        assert_eq!(what.map(|what| child.ask(what)), expected, "{role}: {what:?}");
        child.end();
    };
    able("vrrp", ["yes", "yes", "yes", "yes", NO, NO]);
    able("checker", [NO, NO, "yes", "yes", NO, NO]);
    able("checker-raw", ["yes", "yes", "yes", "yes", NO, NO]);
    able("bfd", [NO, NO, NO, NO, NO, NO]);
}

fn inheritance() {
    // A descriptor without close-on-exec, as a careless library would leave it.
    let stray = fs::File::open("/proc/self/status").unwrap();
    let stray = nix::unistd::dup(&stray).unwrap();
    // SAFETY: this process has one thread.
    unsafe { std::env::set_var("NOTIFY_SOCKET", "/nowhere") };
    let child = Child::start("plain");
    let of = |pid: &str, file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap();
    let pid = child.pid.to_string();
    assert_eq!(of(&pid, "cmdline"), of("self", "cmdline"));
    assert_eq!(of(&pid, "comm"), b"rt_plain\n");
    let environ = of(&pid, "environ");
    assert!(!environ.windows(13).any(|w| w == b"NOTIFY_SOCKET"));
    let open: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .map(|target| target.display().to_string())
        .collect();
    assert!(!open.iter().any(|target| target.contains("status")), "{open:?}");
    assert_eq!(open.iter().filter(|target| target.starts_with("socket:")).count(), 1, "{open:?}");
    child.end();
    drop(stray);
    // SAFETY: as above.
    unsafe { std::env::remove_var("NOTIFY_SOCKET") };
}

fn tuning() {
    let child = Child::start("tuned");
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.pid)).unwrap();
    // Fields of proc_pid_stat(5), counted from the one after the name.
    let stat = read("stat");
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let round_robin = nix::libc::SCHED_RR.to_string();
    assert_eq!([fields[16], fields[37], fields[38]], ["5", "3", &round_robin]);
    assert!(read("status").contains("Cpus_allowed_list:\t0\n"));
    let limits = read("limits");
    let of = |name: &str| -> Vec<&str> {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).collect()
    };
    assert_eq!(of("Max realtime timeout"), ["100000", "200000"]);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert_eq!(of("Max open files"), [soft.to_string(), hard.to_string()]);
    child.end();
}

fn endings() {
    let killed = Child::start("bfd");
    signals::send(killed.pid, signals::KILL).unwrap();
    assert_eq!(await_end(killed.pid), Exit::Signal(signals::KILL));
    let mut left = Child::start("bfd");
    left.words.send(&"exit 7".to_owned()).unwrap();
    assert_eq!(await_end(left.pid), Exit::Status(7));
    // Signals from before a role is ready are kept for it.
    let (_mine, theirs) = channel::pair().unwrap();
    let _blocked = Signals::new(&[signals::TERM]).unwrap();
    let early = spawn::spawn_role("bfd", theirs).unwrap();
    signals::send(early, signals::TERM).unwrap();
    assert_eq!(await_end(early), Exit::Status(TERMINATED));
    assert_eq!(spawn::reap(), []);
}

fn orphan() {
    spawn::adopt_orphans().unwrap();
    let (_mine, theirs) = channel::pair().unwrap();
    let middle = spawn::spawn_role("middle", theirs).unwrap();
    let mut ends = Vec::new();
    let mut signals = Signals::new(&[signals::CHLD]).unwrap();
    let mut wait = Loop::new().unwrap();
    wait.register(&signals, Token(0), Interest::READABLE).unwrap();
    let (until, mut ready) = (clock::now() + PATIENCE, Vec::new());
    while ends.len() < 2 {
        wait.wait(Some(until), &mut ready).unwrap();
        assert!(clock::now() < until, "{ends:?}");
        let _ = signals.receive();
        ends.extend(spawn::reap());
    }
    assert_eq!(ends[0], (middle, Exit::Signal(signals::KILL)));
    assert_eq!(ends[1].1, Exit::Status(TERMINATED));
}

fn stranger() {
    let me = std::process::id();
    for value in ["vrrp", "vrrp:1", &format!("vrrp:{me}")] {
        let ended = Command::new(spawn::own_path()).env(spawn::ROLE_VAR, value).output().unwrap();
        assert_eq!(ended.status.code(), Some(3), "{value}: {ended:?}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains(spawn::ROLE_VAR) && said.contains("unset it"), "{said}");
    }
}

fn scripts() {
    let folder = std::env::temp_dir().join(format!("rt-roles-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let cleanup = Cleanup(folder.clone());
    let out = folder.join("out");
    fs::write(&out, "").unwrap();
    std::os::unix::fs::chown(&out, Some(65_534), None).unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, NOFILE, hard).unwrap();
    let limits = Originals::capture().unwrap();
    rt::resources::raise_nofile(NOFILE + 1).unwrap();
    assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, NOFILE + 1);
    signals::ignore(&[signals::PIPE, signals::USR1]).unwrap();
    let _blocked = Signals::new(&[signals::TERM, signals::json()]).unwrap();
    let told = "id -u; id -G; echo $$ $(cut -d' ' -f5 /proc/$$/stat); \
                grep -E 'Sig(Blk|Ign)' /proc/self/status; readlink /proc/$$/fd/0 /proc/$$/fd/2; \
                ls /proc/$$/fd | wc -l; ulimit -n; echo $WORD $0 $1 ${NOTIFY_SOCKET-none}";
    let text = format!("{{ {told}; }} > {}", out.display());
    let word = |text: &str| text.to_owned().into();
    let script = Script {
        path: PathBuf::from("/bin/sh"),
        argv: vec![word("sh"), word("-c"), text.into(), word("name"), word("two words")],
        user: Some(ScriptUser { uid: 65_534, gid: 65_534, groups: vec![7] }),
        env: vec![(word("WORD"), word("given"))],
        limits,
    };
    let pid = spawn::spawn_script(&script).unwrap();
    assert_eq!(await_end(pid), Exit::Status(0));
    let said = fs::read_to_string(&out).unwrap();
    let lines: Vec<_> = said.lines().collect();
    let open: usize = lines[7].parse().unwrap();
    assert_eq!(
        lines[..7],
        [
            "65534",
            "65534 7",
            &format!("{pid} {pid}"),
            "SigBlk:\t0000000000000000",
            "SigIgn:\t0000000000000000",
            "/dev/null",
            "/dev/null"
        ]
    );
    // Standard input and output, and those that the shell itself uses to redirect.
    assert!(open <= 6, "{said}");
    assert_eq!(lines[8], NOFILE.to_string());
    assert_eq!(lines[9], "given name two words none");
    let missing = Script { path: PathBuf::from("/nonexistent/script"), ..script };
    assert_eq!(spawn::spawn_script(&missing).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(spawn::reap(), []);
    drop(cleanup);
}

struct Cleanup(PathBuf);

impl core::ops::Drop for Cleanup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
