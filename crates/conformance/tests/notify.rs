//! Scripts and FIFOs that are told of changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use conformance::{Folder, Lan, on_both, set_mode};
use lab::config::Instance;
use lab::{Context, Daemon, PATIENCE, Result, Subject};

/// A script that appends its arguments to a file, one line a call.
struct Script {
    folder: PathBuf,
}

impl Script {
    fn new(name: &str) -> Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("keepalived-notify-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).context(|| "cannot make a folder")?;
        let script = Self { folder };
        let text = format!("#!/bin/sh\necho \"$*\" >> {}\n", script.output().display());
        fs::write(script.path(), text).context(|| "cannot write a script")?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(script.path(), mode).context(|| "cannot make a script executable")?;
        Ok(script)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("script")
    }

    fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    /// Waits until the script was called like this, after the calls that were waited for before.
    fn await_call(&self, after: &mut usize, arguments: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.output()).unwrap_or_default();
            let found = text.lines().skip(*after).position(|line| line == arguments);
            if let Some(at) = found {
                *after += at + 1;
                return Ok(());
            }
            if Instant::now() > until {
                return Err(lab::Error::new(format!("'{arguments}' is missing in:\n{text}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn the_notify_script_is_told_of_every_state(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let script = Script::new(&format!("states-{}", subject.is_reference()))?;
    let path = script.path();
    let a = Instance::new(51, 100, &["192.0.2.100/24"])
        .with(format!("notify \"{} all\"", path.display()))
        .with(format!("notify_master \"{} master\"", path.display()))
        .with(format!("notify_fault \"{} fault\"", path.display()))
        .with(format!("notify_stop \"{} stop\"", path.display()));
    let config = format!("global_defs {{\n    script_user root\n}}\n{a}");
    let daemon = Daemon::start(&lan.a, subject, &config)?;
    let mut seen = 0;
    script.await_call(&mut seen, "all INSTANCE VI_51 BACKUP 100")?;
    script.await_call(&mut seen.clone(), "master")?;
    script.await_call(&mut seen, "all INSTANCE VI_51 MASTER 100")?;
    lan.cable_a.cut()?;
    script.await_call(&mut seen.clone(), "fault")?;
    script.await_call(&mut seen, "all INSTANCE VI_51 FAULT 100")?;
    lan.cable_a.restore()?;
    script.await_call(&mut seen, "all INSTANCE VI_51 MASTER 100")?;
    assert!(daemon.stop()?.success());
    script.await_call(&mut seen.clone(), "stop")?;
    script.await_call(&mut seen, "all INSTANCE VI_51 STOP 100")?;
    Ok(())
}

/// The group asks for it on behalf of its members.
fn a_group_has_the_priorities_of_its_members_written(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let out = folder.path("out");
    let reader = folder.script("reader", &format!("exec cat \"$1\" >> {}", out.display()))?;
    let file = folder.write("number", "0\n")?;
    let group = "vrrp_sync_group G {\n    group {\n        VI_51\n        VI_52\n    }\n    \
                 sync_group_tracking_weight\n    notify_priority_changes\n}\n";
    let tracks = "track_file {\n        number weight 1\n    }";
    let one = Instance::new(51, 100, &["192.0.2.100/24"]).with(tracks);
    let two = Instance::new(52, 100, &["192.0.2.101/24"]).with(tracks);
    let config = format!(
        "global_defs {{\n    script_user root\n    vrrp_notify_fifo {}\n    \
         vrrp_notify_fifo_script \"{}\"\n}}\nvrrp_track_file number {{\n    file {}\n}}\n\
         {group}{one}{two}",
        folder.path("fifo").display(),
        reader.display(),
        file.display()
    );
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    folder.await_text("out", "GROUP \"G\" MASTER 0")?;
    folder.write("number", "10\n")?;
    folder.await_text("out", "INSTANCE \"VI_51\" MASTER_PRIORITY 110")?;
    folder.await_text("out", "INSTANCE \"VI_52\" MASTER_PRIORITY 110")?;
    Ok(())
}

on_both!(
    the_notify_script_is_told_of_every_state,
    a_group_has_the_priorities_of_its_members_written,
);

/// Scripts of one instance run one after the other, so that the last news are also the last to be
/// acted upon. The reference starts them side by side.
#[test]
fn a_slow_notify_script_is_waited_for() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let (gate, out) = (folder.path("gate"), folder.path("out"));
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).context(|| "cannot make a fifo")?;
    let script = folder.script(
        "script",
        &format!(
            "echo begin $3 >> {out}\n[ $3 = BACKUP ] && read line < {gate}\necho end $3 >> {out}",
            out = out.display(),
            gate = gate.display()
        ),
    )?;
    let a = Instance::new(51, 100, &["192.0.2.100/24"])
        .with(format!("notify \"{}\"", script.display()));
    let config = format!("global_defs {{\n    script_user root\n}}\n{a}");
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config)?;
    folder.await_text("out", "begin BACKUP")?;
    daemon.await_log("Entering MASTER STATE")?;
    fs::write(&gate, "go\n").context(|| "cannot open the gate")?;
    let text = folder.await_text("out", "end MASTER")?;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines, ["begin BACKUP", "end BACKUP", "begin MASTER", "end MASTER"]);
    Ok(())
}

/// The reference says only the error number's text.
#[test]
fn a_script_that_cannot_be_executed_is_explained() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let check = folder.script("check", "exit 0")?;
    let told = folder.script("told", "exit 0")?;
    let a = Instance::new(51, 100, &["192.0.2.100/24"])
        .with(format!("notify_fault \"{}\"", told.display()))
        .with("track_script {\n        check\n    }");
    let config = format!(
        "global_defs {{\n    script_user root\n}}\nvrrp_script check {{\n    script \"{}\"\n}}\n{a}",
        check.display()
    );
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    set_mode(&told, 0o644)?;
    set_mode(&check, 0o640)?;
    let line = daemon.await_log("may not execute")?.text;
    assert!(line.contains(&format!("{} (mode 0640, owner root:root)", check.display())), "{line}");
    assert!(line.contains(&format!("`chmod +x {}`", check.display())), "{line}");
    let said = format!("may not execute {} (mode 0644, owner root:root)", told.display());
    daemon.log.clone().rewound().await_line(PATIENCE, &said)?;
    Ok(())
}

/// With the keyword a reload writes the state of every group and instance that it leaves alone.
/// The reference (2.2.7) writes those of groups only.
#[test]
fn a_reload_writes_all_states_where_asked_to() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let out = folder.path("out");
    let reader = folder.script("reader", &format!("exec cat \"$1\" >> {}", out.display()))?;
    let group = "vrrp_sync_group G {\n    group {\n        VI_51\n        VI_52\n    }\n}\n";
    let config = |more: &str, third: u8| {
        let instances = [
            Instance::new(51, 100, &["192.0.2.100/24"]),
            Instance::new(52, 100, &["192.0.2.101/24"]),
            Instance::new(53, third, &["192.0.2.102/24"]),
        ];
        let instances: String = instances.iter().map(ToString::to_string).collect();
        format!(
            "global_defs {{\n    script_user root\n    vrrp_notify_fifo {}\n    \
             vrrp_notify_fifo_script \"{}\"\n    {more}\n}}\n{group}{instances}",
            folder.path("fifo").display(),
            reader.display()
        )
    };
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config("", 100))?;
    for vrid in 51..54 {
        folder.await_text("out", &format!("INSTANCE \"VI_{vrid}\" MASTER 100"))?;
    }
    folder.await_text("out", "GROUP \"G\" MASTER 0")?;
    let reloaded = |daemon: &mut Daemon, more: &str, third: u8| -> Result<Vec<String>> {
        let before = folder.await_text("out", "")?.lines().count();
        daemon.reload(&config(more, third))?;
        daemon.await_log("Reload complete")?;
        // The last thing that is written of a run.
        lan.cable_a.cut()?;
        let text = folder.await_text("out", "INSTANCE \"VI_53\" FAULT")?;
        lan.cable_a.restore()?;
        let lines = text.lines().skip(before).take_while(|line| !line.contains("FAULT"));
        Ok(lines.map(str::to_owned).collect())
    };
    let told = [
        "GROUP \"G\" MASTER 0",
        "INSTANCE \"VI_51\" MASTER 100",
        "INSTANCE \"VI_52\" MASTER 100",
        "INSTANCE \"VI_53\" MASTER 90",
    ];
    assert_eq!(reloaded(&mut daemon, "fifo_write_vrrp_states_on_reload", 90)?, told);
    Ok(())
}
