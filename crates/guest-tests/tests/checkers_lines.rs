//! What is logged of servers that fail in every way, attempt by attempt: the reference's lines and
//! ours are the same.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use guest_tests::host;
use lab::{Context, Daemon, Host, PATIENCE, Result, Subject};

/// Checkers that fail, each with its settings; `ALPHA` is put in their place for a second round.
const CHECKS: &[(&str, &str)] = &[
    ("127.0.0.1 1001", "TCP_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("192.0.2.77 1002", "TCP_CHECK {\nconnect_timeout 1\nPACE\n}"),
    (
        "127.0.0.1 1003",
        "HTTP_GET {\nconnect_timeout 1\nPACE\nurl {\npath /a\nstatus_code 200\n}\n}",
    ),
    (
        "127.0.0.1 8001",
        "HTTP_GET {\nconnect_timeout 1\nPACE\nurl {\npath /b\nstatus_code 200\n}\n}",
    ),
    (
        "127.0.0.1 8002",
        "HTTP_GET {\nconnect_timeout 1\nPACE\nurl {\npath /c\nstatus_code 200\n}\n}",
    ),
    (
        "127.0.0.1 8003",
        "HTTP_GET {\nconnect_timeout 1\nPACE\nurl {\npath /d\ndigest 00000000000000000000000000000000\n}\n}",
    ),
    (
        "127.0.0.1 8004",
        "HTTP_GET {\nconnect_timeout 1\nPACE\nurl {\npath /e\nstatus_code 200\n}\n}",
    ),
    ("127.0.0.1 1005", "SMTP_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 8005", "SMTP_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 8006", "SMTP_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 1007", "DNS_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 7001", "DNS_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 1008", "UDP_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 7002", "UDP_CHECK {\nconnect_timeout 1\nPACE\nrequire_reply\n}"),
    ("192.0.2.77 1009", "PING_CHECK {\nconnect_timeout 1\nPACE\n}"),
    ("127.0.0.1 1010", "MISC_CHECK {\nmisc_path \"/usr/bin/dash -c 'exit 7'\"\nPACE\n}"),
    ("127.0.0.1 1011", "MISC_CHECK {\nmisc_path \"/usr/bin/dash -c 'kill -KILL $$'\"\nPACE\n}"),
];

fn config(pace: &str, alpha: &str) -> String {
    let servers: String = CHECKS
        .iter()
        .map(|(server, check)| {
            format!(
                "real_server {server} {{\nweight 1\n{alpha}\n{}\n}}\n",
                check.replace("PACE", pace)
            )
        })
        .collect();
    format!(
        "global_defs {{\nscript_user root\nchecker_log_all_failures\n}}\nvirtual_server 10.0.0.1 80 {{\n\
         delay_loop 2\nwarmup 0\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n{servers}}}\n"
    )
}

/// Servers that fail their checks, for as long as this lives.
struct Servers {
    _silent: Vec<TcpListener>,
    _mute: Vec<UdpSocket>,
}

fn serve(host: &Host) -> Result<Servers> {
    let listen = |at: &str| -> Result<TcpListener> {
        host.run(|| TcpListener::bind(at))?.context(|| "cannot listen")
    };
    let bind = |at: &str| -> Result<UdpSocket> {
        host.run(|| UdpSocket::bind(at))?.context(|| "cannot bind")
    };
    for (at, reply) in [
        ("127.0.0.1:8001", "HTTP/1.0 404 Not Found\r\n\r\n"),
        ("127.0.0.1:8003", "HTTP/1.0 200 OK\r\n\r\nhello"),
        ("127.0.0.1:8004", ""),
        ("127.0.0.1:8005", "554 go away\r\n"),
    ] {
        let listener = listen(at)?;
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                use std::io::Read;
                let mut request = [0; 2048];
                let http = reply.is_empty() || reply.starts_with("HTTP");
                let _ =
                    (http && stream.read(&mut request).is_ok(), stream.write_all(reply.as_bytes()));
            }
        });
    }
    Ok(Servers {
        _silent: vec![listen("127.0.0.1:8002")?, listen("127.0.0.1:8006")?],
        _mute: vec![bind("127.0.0.1:7001")?, bind("127.0.0.1:7002")?],
    })
}

/// The lines about servers so far.
fn lines(daemon: &Daemon) -> BTreeSet<String> {
    let text = |line: &str| line.split_once(": ").map(|(_, text)| text.to_owned());
    let lines = daemon.log.lines();
    let all = lines.iter().filter_map(|line| text(&line.text));
    all.filter(|line| line.contains("]:tcp:") || line.contains("service")).collect()
}

/// Both say the same, once they have said `until` so often.
fn same(pace: &str, alpha: &str, until: &str, count: usize) -> Result<()> {
    let config = config(pace, alpha);
    let (here, there) = (host("ours")?, host("theirs")?);
    let _servers = (serve(&here)?, serve(&there)?);
    let reference = Subject::reference().expect("the reference is installed");
    let theirs = Daemon::start(&there, &reference, &config)?;
    let ours = Daemon::start(&here, &Subject::ours()?, &config)?;
    for daemon in [&theirs, &ours] {
        let mut log = daemon.log.clone().rewound();
        for _ in 0..count {
            log.await_line(PATIENCE, until)?;
        }
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let (a, b) = (lines(&ours), lines(&theirs));
        if a == b {
            return Ok(());
        }
        let (more, less): (Vec<_>, Vec<_>) =
            (a.difference(&b).collect(), b.difference(&a).collect());
        assert!(Instant::now() < end, "only ours: {more:#?}\nonly theirs: {less:#?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_retries() -> Result<()> {
    same("retry 0", "", "Removing service", CHECKS.len())
}

#[test]
fn with_retries() -> Result<()> {
    same("retry 1\ndelay_before_retry 1", "", "Removing service", CHECKS.len())
}

/// Servers that start as failed: all that can be told is attempts.
#[test]
fn alpha() -> Result<()> {
    same("retry 0", "alpha", "Timeout WEB read", 1)
}
