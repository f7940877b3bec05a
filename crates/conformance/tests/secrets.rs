//! Passwords and keys are in the configuration and on the wire as the protocol has it, and
//! nowhere else.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use conformance::{Folder, Lan, set_mode};
use lab::config::{self, Instance};
use lab::{Context, Daemon, PATIENCE, Result, Role, Subject, procs};
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

const ZEROES: [u8; 4096] = [0; 4096];

/// Where in the memory of a process one of these is: the bytes around it.
fn remembered(pid: i32, secrets: &[&[u8]]) -> Result<Vec<String>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).context(|| "no maps")?;
    let memory = fs::File::open(format!("/proc/{pid}/mem")).context(|| "no memory")?;
    let mut found = Vec::new();
    let mut read = 0;
    for line in maps.lines().filter(|l| l.contains(" rw")) {
        let Some((from, to)) = line.split(' ').next().and_then(|r| r.split_once('-')) else {
            continue;
        };
        let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
        let (from, to) = (number(from), number(to));
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        read += bytes.len();
        let full = bytes.chunks(ZEROES.len()).enumerate();
        for page in full.filter(|(_, page)| ZEROES.get(..page.len()) != Some(page)) {
            let from_page = page.0 * ZEROES.len();
            for at in from_page..from_page + page.1.len() {
                let Some(secret) = secrets.iter().find(|s| bytes[at..].starts_with(s)) else {
                    continue;
                };
                let end = (at + secret.len() + 8).min(bytes.len());
                let around = bytes[at.saturating_sub(24)..end].escape_ascii();
                found.push(format!("{pid} {:#x}: {around}", from + at as u64));
            }
        }
    }
    assert!(read > 0, "nothing could be read of {pid}");
    Ok(found)
}

/// Core and the role that uses them have the keys of the running configuration, and nothing of
/// the text that they were read from; those of the last configuration are gone.
#[test]
fn memory_holds_the_keys_in_use_and_no_others() -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("key", &format!("hex:{}\n", "5a59".repeat(16)))?;
    set_mode(&file, 0o600)?;
    let config = |priority, pass: &str, key: &str, hex: &str| {
        let auth = |kind: &str, pass: &str| {
            format!("authentication {{\n        auth_type {kind}\n        auth_pass {pass}\n    }}")
        };
        let hmac = format!(
            "auth_hmac {{\n        key 1 {key}\n        key 2 hex:{}\n        key 3 file:{}\n        \
             active_key 1\n    }}",
            hex.repeat(16),
            file.display()
        );
        // By a definition, too.
        format!("$PASSWORD={pass}\n")
            + &config::file(&[
                Instance::new(52, 150, &["192.0.2.101/24"]).v2().with(auth("AH", "$PASSWORD")),
                Instance::new(53, priority, &["192.0.2.102/24"]).with(hmac),
            ])
    };
    let old = config(150, "pwFirstX", &"keyFirst".repeat(4), "4a4b");
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &old)?;
    daemon.await_log("(VI_53) Entering MASTER STATE")?;
    let roles = [daemon.pid(), daemon.role_pid(Role::Vrrp)?];
    let texts: [&[u8]; 3] = [b"=pwFirstX", b"key 1 keyFirst", b"4a4b4a4b4a4b"];
    let keys: [&[u8]; 3] = [b"pwFirstX", b"keyFirstkeyFirst", b"JKJKJKJKJKJK"];
    for pid in roles {
        assert_eq!(remembered(pid, &texts)?, [""; 0]);
        assert_eq!(remembered(pid, &[b"5a595a595a59"])?, [""; 0]);
        for key in keys {
            assert_ne!(remembered(pid, &[key])?, [""; 0], "in use");
        }
    }
    daemon.log.skip();
    daemon.reload(&config(140, "pwOtherX", &"keyOther".repeat(4), "4c4d"))?;
    daemon.await_log("Reload complete")?;
    // The role has it.
    lan.await_advert_of(&Instance { priority: 140, ..Instance::new(53, 140, &[]) })?;
    let until = Instant::now() + PATIENCE;
    for pid in roles {
        // Until the role has taken away what it had, core knows how that was configured.
        while !remembered(pid, &keys)?.is_empty() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(remembered(pid, &keys)?, [""; 0]);
        assert_eq!(remembered(pid, &texts)?, [""; 0]);
        assert_ne!(remembered(pid, &[b"LMLMLMLM"])?, [""; 0], "in use");
    }
    Ok(())
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
    daemon.log.clone().rewound().await_line(PATIENCE, "(VI_52) Entering MASTER STATE")?;
    // Another node that knows nothing has every refusal told.
    let strangers = [51, 52, 53].map(|vrid| {
        let i = Instance::new(vrid, 100, &[&format!("192.0.2.{}/24", vrid + 49)]);
        if vrid == 53 { i } else { i.v2() }
    });
    let _other = lan.start_b(&Subject::ours()?, &strangers)?;
    for vrid in [51, 52, 53] {
        let line = format!("(VI_{vrid}) split brain");
        daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
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
