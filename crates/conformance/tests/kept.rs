//! What `config_save_dir` keeps and `tmp_config_directory` does not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use conformance::{Folder, Lan, on_both};
use lab::config::Instance;
use lab::{Context, Daemon, Result, Role, Subject};

fn config(global: &str) -> String {
    config_of(global, &Instance::new(51, 100, &["192.0.2.100/24"]))
}

fn config_of(global: &str, instance: &Instance) -> String {
    format!("global_defs {{\n    {global}\n}}\n{instance}")
}

/// The configuration that runs is kept, one file for each time that it was read.
fn the_configurations_used_are_kept(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let dir = folder.path("kept");
    let text = |router: &str| {
        config(&format!("config_save_dir {}\n    router_id {router}", dir.display()))
    };
    let mut daemon = Daemon::start(&lan.a, subject, &text("first"))?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.reload(&text("second"))?;
    daemon.await_log("Reload complete")?;
    for (nth, router) in ["first", "second"].iter().enumerate() {
        let path = dir.join(format!("keepalived.conf.{}.{nth}", daemon.pid()));
        let kept =
            std::fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
        let named = format!("# {}", daemon.folder().join("keepalived.conf").display());
        assert!(kept.starts_with(&named), "{kept}");
        assert!(kept.contains(&format!("router_id {router}\n")), "{kept}");
        assert_eq!(mode(&path)?, 0o600);
    }
    assert_eq!(mode(&dir)? & 0o077, 0, "others must not read it");
    Ok(())
}

fn the_state_is_kept_before_and_after_a_reload(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let dir = folder.path("kept");
    let save = format!("config_save_dir {}", dir.display());
    let with = |priority| config_of(&save, &Instance::new(51, priority, &["192.0.2.100/24"]));
    let mut daemon = Daemon::start(&lan.a, subject, &with(101))?;
    daemon.await_log("Entering MASTER STATE")?;
    let pid = daemon.role_pid(Role::Vrrp)?;
    for (nth, before) in [(1, 101), (2, 102)] {
        daemon.reload(&with(before + 1))?;
        daemon.await_log("Reload complete")?;
        for (end, priority) in [("pre", before), ("post", before + 1)] {
            let name = format!("keepalived_vrrp.{pid}.{nth}.{end}");
            // Nothing tells when it is written, and the reference fills it in place.
            folder.await_text(&format!("kept/{name}"), &format!("Priority = {priority}\n"))?;
            assert_eq!(mode(&dir.join(name))?, 0o600);
        }
    }
    Ok(())
}

/// It runs on, and nothing is left in a directory that can be used.
fn a_directory_for_copies_that_is_not_there_is_told(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let none = folder.path("none");
    let text = config(&format!("tmp_config_directory {}", none.display()));
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log(&format!("Cannot open config directory {} for writing", none.display()))?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.stop()?;
    let there = folder.path("there");
    std::fs::create_dir(&there).context(|| "cannot make it")?;
    let text = config(&format!("tmp_config_directory {}", there.display()));
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    assert_eq!(daemon.log.count("Cannot open config directory"), 0);
    assert_eq!(std::fs::read_dir(&there).map(Iterator::count).ok(), Some(0));
    daemon.stop()?;
    Ok(())
}

fn mode(path: &Path) -> Result<u32> {
    let meta = std::fs::metadata(path).context(|| format!("cannot see {}", path.display()))?;
    Ok(meta.permissions().mode() & 0o777)
}

on_both!(
    the_configurations_used_are_kept,
    the_state_is_kept_before_and_after_a_reload,
    a_directory_for_copies_that_is_not_there_is_told,
);

/// Also of roles for which the reload changes nothing.
#[test]
fn the_state_of_every_role_is_kept() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let dir = folder.path("kept");
    let text = |priority| {
        let save = format!("config_save_dir {}", dir.display());
        let vrrp = config_of(&save, &Instance::new(51, priority, &["192.0.2.100/24"]));
        format!(
            "{vrrp}\nbfd_instance b {{\n    neighbor_ip 192.0.2.9\n    source_ip 192.0.2.1\n}}\n"
        )
    };
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &text(101))?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.reload(&text(102))?;
    daemon.await_log("Reload complete")?;
    for (role, word) in [(Role::Vrrp, "vrrp"), (Role::Bfd, "bfd")] {
        let pid = daemon.role_pid(role)?;
        for end in ["pre", "post"] {
            folder.await_text(&format!("kept/keepalived_{word}.{pid}.1.{end}"), "------<")?;
        }
    }
    Ok(())
}
