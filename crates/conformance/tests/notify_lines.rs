//! What notify scripts are started with, and the lines and files of notify FIFOs.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use conformance::{Folder, Lan, VIP, on_both};
use lab::config::Instance;
use lab::craft::Craft;
use lab::{Capture, Context, Daemon, Result, Subject};

/// A global section with a FIFO whose lines a reader puts into `out`.
fn globals(folder: &Folder, more: &str) -> Result<String> {
    let out = folder.path("out");
    let reader = folder.script("reader", &format!("exec cat \"$3\" >> {}", out.display()))?;
    Ok(format!(
        "global_defs {{\n    script_user root\n    vrrp_notify_fifo {}\n    \
         vrrp_notify_fifo_script \"{} one two\"\n    {more}\n}}\n",
        folder.path("fifo").display(),
        reader.display()
    ))
}

/// Every such advert is told of, and the script gets nothing but its own words.
fn a_lower_advert_is_told_of(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let calls = folder.path("calls");
    let script = folder.script("lower", &format!("echo \"$# $*\" >> {}", calls.display()))?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"])
        .with(format!("notify_master_rx_lower_pri \"{} its own\"", script.display()));
    let mut daemon = Daemon::start(&lan.a, subject, &format!("{}{a}", globals(&folder, "")?))?;
    daemon.await_log("Entering MASTER STATE")?;
    folder.await_text("out", "INSTANCE \"VI_51\" MASTER 150")?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let lower = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 9], 51, 50, &[VIP.into()]) };
    for n in 1..3 {
        stranger.send(&lower.frame())?;
        folder.await_text("out", &"INSTANCE \"VI_51\" MASTER_RX_LOWER_PRI 150\n".repeat(n))?;
        folder.await_text("calls", &"2 its own\n".repeat(n))?;
    }
    Ok(())
}

/// A script that fails in its first run, a file, a process: FAULT is the first that is told, but
/// not of a script that only begins as failed.
fn a_fault_at_the_start_is_told_once_it_is_known(subject: &Subject) -> Result<()> {
    for (block, track, told) in [
        (
            "vrrp_script one {\n    script OK\n    interval 1\n    init_fail\n    rise 2\n}\n",
            "script",
            "",
        ),
        ("vrrp_script one {\n    script MAY\n    interval 1\n}\n", "script", "FAULT"),
        ("track_file one {\n    file NUMBER\n    weight 0\n}\n", "file", "FAULT"),
    ] {
        let lan = Lan::new()?;
        let folder = Folder::new()?;
        let number = folder.write("number", "1\n")?;
        let ok = folder.script("ok", "exit 0")?;
        let may = folder.script("may", &format!("exit $(cat {})", number.display()))?;
        let block = block
            .replace("OK", &ok.display().to_string())
            .replace("MAY", &may.display().to_string())
            .replace("NUMBER", &number.display().to_string());
        let a = Instance::new(51, 100, &["192.0.2.100/24"])
            .with(format!("track_{track} {{\n        one\n    }}"));
        let config = format!("{}{block}{a}", globals(&folder, "")?);
        let _daemon = Daemon::start(&lan.a, subject, &config)?;
        if !told.is_empty() {
            folder.await_text("out", &format!("INSTANCE \"VI_51\" {told} 100\n"))?;
            folder.write("number", "0\n")?;
        }
        let text = folder.await_text("out", "MASTER 100\n")?;
        let states: Vec<_> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
        let expected = [told, "BACKUP", "MASTER"];
        assert_eq!(states, &expected[usize::from(told.is_empty())..], "{block}");
    }
    Ok(())
}

/// Groups come first at the start and last in every change after it.
fn groups_and_members_are_told_of_in_order(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let one = Instance::new(51, 100, &["192.0.2.100/24"]);
    let two = Instance::new(52, 90, &["192.0.2.101/24"]);
    let group = "vrrp_sync_group \"G 1\" {\n    group {\n        VI_51\n        VI_52\n    }\n}\n";
    let config = format!("{}{group}{one}{two}", globals(&folder, "")?);
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    folder.await_text("out", "GROUP \"G 1\" MASTER 0\n")?;
    lan.cable_a.cut()?;
    let text = folder.await_text("out", "GROUP \"G 1\" FAULT 0\n")?;
    // Which member's timer ends last depends on the run.
    let members = |state: &str| {
        let line = |vrid: u8, priority: u8| format!("INSTANCE \"VI_{vrid}\" {state} {priority}\n");
        [line(51, 100), line(52, 90)]
    };
    let mut rest = text.as_str();
    for (state, group_first) in [("BACKUP", true), ("MASTER", false), ("FAULT", false)] {
        let ([one, two], group) = (members(state), format!("GROUP \"G 1\" {state} 0\n"));
        let orders = match group_first {
            true => [format!("{group}{one}{two}"), format!("{group}{two}{one}")],
            false => [format!("{one}{two}{group}"), format!("{two}{one}{group}")],
        };
        let found = orders.iter().find_map(|order| rest.strip_prefix(order.as_str()));
        rest = found.unwrap_or_else(|| panic!("none of {orders:#?} in\n{rest}\nof\n{text}"));
    }
    Ok(())
}

/// Mode and owner of a FIFO.
fn seen(path: &Path) -> Result<(u32, u32, u32)> {
    let meta = std::fs::symlink_metadata(path).context(|| format!("no {}", path.display()))?;
    assert!(meta.file_type().is_fifo());
    Ok((meta.permissions().mode() & 0o7777, meta.uid(), meta.gid()))
}

/// What was made goes at the stop; what was there stays as it was.
fn fifos_are_made_for_their_owner_and_removed(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    for (umask, mode) in [("", 0o600), ("umask 022", 0o644)] {
        let folder = Folder::new()?;
        let fifo = folder.path("fifo");
        let config = format!(
            "global_defs {{\n    {umask}\n    vrrp_notify_fifo {} daemon games\n}}\n{}",
            fifo.display(),
            Instance::new(51, 100, &["192.0.2.100/24"])
        );
        let mut daemon = Daemon::start(&lan.a, subject, &config)?;
        daemon.await_log("Entering MASTER STATE")?;
        assert_eq!(seen(&fifo)?, (mode, 1, 60));
        assert!(daemon.stop()?.success());
        assert!(!fifo.exists());
    }
    let folder = Folder::new()?;
    let fifo = folder.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).context(|| "cannot make a fifo")?;
    let before = seen(&fifo)?;
    let a = Instance::new(51, 100, &["192.0.2.100/24"]);
    let mut daemon = Daemon::start(&lan.a, subject, &format!("{}{a}", globals(&folder, "")?))?;
    daemon.await_log("Entering MASTER STATE")?;
    folder.await_text("out", "INSTANCE \"VI_51\" MASTER 100")?;
    assert!(daemon.stop()?.success());
    assert_eq!(seen(&fifo)?, before);
    Ok(())
}

/// What a script of a realtime process finds: one line for each of `QUESTIONS`.
fn facts(subject: &Subject) -> Result<Vec<String>> {
    const QUESTIONS: [&str; 9] = [
        "pwd",
        "umask",
        "grep 'open files' /proc/$$/limits",
        "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 | tr '\\n' ' '",
        "grep SigBlk /proc/$$/status",
        "cut -d' ' -f5 /proc/$$/stat | sed \"s/^$$\\$/its own/\"",
        "cut -d' ' -f18,19,40,41 /proc/$$/stat",
        "ls /proc/$$/fd | sort -n | tr '\\n' ' '",
        "grep SigIgn /proc/$$/status",
    ];
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    // Its own streams stay as they are.
    let ask = QUESTIONS.join("; echo; ");
    let text = format!("told=$({ask})\necho \"$told\nend\" > {}", folder.path("facts").display());
    let script = folder.script("told", &text)?;
    let a = Instance::new(51, 100, &["192.0.2.100/24"])
        .with(format!("notify_master \"{}\"", script.display()));
    let config = format!("global_defs {{\n    script_user root\n    vrrp_rt_priority 5\n}}\n{a}");
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    let told = folder.await_text("facts", "\nend\n")?;
    Ok(told.lines().filter(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect())
}

/// Working folder, mask, limits, streams, signals, process group, scheduling.
fn scripts_are_started_as_if_by_nobody_special(subject: &Subject) -> Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits").context(|| "no limits")?;
    let files = limits.lines().find(|line| line.contains("open files")).unwrap_or("");
    let expected = [
        "/",
        "0177",
        files.trim(),
        "/dev/null /dev/null /dev/null",
        "SigBlk:\t0000000000000000",
        "its own",
        "20 0 0 0",
    ];
    assert_eq!(facts(subject)?[..7], expected);
    Ok(())
}

/// The reference leaves open what it was itself started with, and ignores two signals of glibc's.
#[test]
fn scripts_inherit_nothing() -> Result<()> {
    // 3 is the pipe that the script asks through, 10 the shell's own of the script.
    assert_eq!(facts(&Subject::ours()?)?[7..], ["0 1 2 3 10", "SigIgn:\t0000000000000000", "end"]);
    Ok(())
}

on_both!(
    a_lower_advert_is_told_of,
    a_fault_at_the_start_is_told_once_it_is_known,
    groups_and_members_are_told_of_in_order,
    fifos_are_made_for_their_owner_and_removed,
    scripts_are_started_as_if_by_nobody_special,
);
