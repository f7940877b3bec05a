//! Passwords and keys are in the configuration and on the wire as the protocol has it, and
//! nowhere else.

use std::fs;

use conformance::{Folder, Lan};
use lab::config::{self, Instance};
use lab::{Context, Daemon, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

/// In no other word of any output.
const SECRETS: [&str; 4] = ["pwPassXq", "pwAhXqzz", "keykeykeyXqXqkeykeykeyXqXqkeykey", "58715871"];

fn config(dumps: &str) -> String {
    let auth = |kind: &str, pass: &str| {
        format!("authentication {{\n        auth_type {kind}\n        auth_pass {pass}\n    }}")
    };
    let hmac = format!(
        "auth_hmac {{\n        key 1 {}\n        key 2 hex:{}\n        active_key 1\n    }}",
        SECRETS[2],
        SECRETS[3].repeat(8)
    );
    let instances = [
        Instance::new(51, 150, &["192.0.2.100/24"]).v2().with(auth("PASS", SECRETS[0])),
        Instance::new(52, 150, &["192.0.2.101/24"]).v2().with(auth("AH", SECRETS[1])),
        Instance::new(53, 150, &["192.0.2.102/24"]).with(hmac),
    ];
    config::file(&instances).replace("router_id lab", dumps)
}

#[test]
fn secrets_are_in_no_log_no_dump_and_no_command_line() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let path = folder.path("");
    let path = path.display();
    let dumps = format!(
        "state_dump_file {path}data\n    stats_dump_file {path}stats\n    \
         json_dump_file {path}json"
    );
    let more = ["--dump-conf", "--log-detail"];
    let mut daemon = Daemon::start_with(&lan.a, &Subject::ours()?, &config(&dumps), &more)?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    daemon.log.clone().rewound().await_line(lab::PATIENCE, "(VI_52) Entering MASTER STATE")?;
    // Another node that knows nothing has every refusal told.
    let strangers = [51, 52, 53].map(|vrid| {
        let i = Instance::new(vrid, 100, &[&format!("192.0.2.{}/24", vrid + 49)]);
        if vrid == 53 { i } else { i.v2() }
    });
    let _other = lan.start_b(&Subject::ours()?, &strangers)?;
    for vrid in [51, 52, 53] {
        let line = format!("(VI_{vrid}) split brain");
        daemon.log.clone().rewound().await_line(lab::PATIENCE, &line)?;
    }
    daemon.signal(Role::Core, Signal::SIGUSR1)?;
    let mut texts = vec![("data", folder.await_text("data", "VI_53")?)];
    daemon.signal(Role::Core, Signal::SIGUSR2)?;
    texts.push(("stats", folder.await_text("stats", "VI_53")?));
    let json = daemon.host().output(
        std::process::Command::new(Subject::ours()?.command().get_program()).arg("--signum=JSON"),
    )?;
    let number: i32 = json.trim().parse().map_err(|_| lab::Error::new("no signal number"))?;
    let kill = std::process::Command::new("kill")
        .args([format!("-{number}"), daemon.pid().to_string()])
        .status();
    assert!(kill.context(|| "cannot run kill")?.success());
    texts.push(("json", folder.await_text("json", "VI_53")?));
    let bad = config(&dumps).replace("auth_type PASS", "auth_type FOO");
    daemon.reload(&bad)?;
    daemon.await_log("auth_type 'FOO'")?;
    let log: Vec<String> = daemon.log.lines().into_iter().map(|line| line.text).collect();
    texts.push(("log", log.join("\n")));
    for pid in [daemon.pid()].into_iter().chain(procs::descendants(daemon.pid())) {
        for file in ["cmdline", "environ", "comm"] {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            texts.push((file, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    for (what, text) in &texts {
        assert!(!text.is_empty() || *what == "environ", "{what} is empty");
        for secret in SECRETS {
            assert!(!text.contains(secret), "{what} has '{secret}':\n{text}");
        }
    }
    Ok(())
}
