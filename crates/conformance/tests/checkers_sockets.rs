//! What checks put on the wire: where their sockets are bound, what they ask, what they say of
//! themselves in TLS. Takes only our binary: the reference ends where there is no IPVS.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use conformance::Folder;
use conformance::servers::{certificate, listen, tls_server};
use lab::{Context, Daemon, Host, PATIENCE, Result, Role, Subject, procs};

fn pool(check: &str) -> String {
    format!(
        "global_defs {{\nscript_user root\n}}\nvirtual_server 10.0.0.1 80 {{\ndelay_loop 1\nwarmup 0\n\
         retry 0\nalpha\nprotocol TCP\nvirtualhost pool.example\nreal_server 127.0.0.1 8080 {{\n{check}\n}}\n}}\n"
    )
}

/// Who came, and what was asked.
type Visits = Receiver<(SocketAddr, String)>;

/// A web server that tells of its visitors.
fn web_server(host: &Host, at: &str) -> Result<Visits> {
    let listener = listen(host, at)?;
    let (tell, visits) = channel();
    thread::spawn(move || {
        while let Ok((mut stream, from)) = listener.accept() {
            let mut request = Vec::new();
            let mut buffer = [0; 2048];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            // A check may go before it has the whole answer.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nAbC 123\n");
            if tell.send((from, String::from_utf8_lossy(&request).into_owned())).is_err() {
                break;
            }
        }
    });
    Ok(visits)
}

fn visit(visits: &Visits) -> Result<(SocketAddr, String)> {
    visits.recv_timeout(PATIENCE).context(|| "nobody came")
}

fn http(settings: &str, url: &str) -> String {
    pool(&format!("HTTP_GET {{\n{settings}\nurl {{\npath /x\n{url}\n}}\n}}"))
}

#[test]
fn a_check_leaves_from_where_it_is_told_to() -> Result<()> {
    let host = Host::new("director")?;
    let visits = web_server(&host, "127.0.0.1:8080")?;
    let nft = |args: &[&str]| host.output(Command::new("nft").args(args));
    nft(&["add table inet t"])?;
    nft(&["add chain inet t out { type filter hook output priority 0; }"])?;
    nft(&["add rule inet t out meta mark 7 tcp dport 8080 counter"])?;
    let config = http("bindto 127.0.0.5\nbind_port 900\nbind_if lo\nfwmark 7", "status_code 200");
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config)?;
    let (from, _) = visit(&visits)?;
    assert_eq!(from, "127.0.0.5:900".parse().expect("an address"));
    daemon.await_log("Adding service")?;
    let counted = nft(&["list chain inet t out"])?;
    assert!(!counted.contains("packets 0 "), "{counted}");
    // What these settings need, and no more: NET_BIND_SERVICE, NET_ADMIN, NET_RAW.
    let status = procs::status(daemon.role_pid(Role::Checker)?)?;
    assert_eq!(status.get("CapEff").map(String::as_str), Some("0000000000003400"));
    Ok(())
}

#[test]
fn a_privilege_that_was_given_up_is_not_to_be_had_by_a_reload() -> Result<()> {
    let host = Host::new("director")?;
    let visits = web_server(&host, "127.0.0.1:8080")?;
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &http("", "status_code 200"))?;
    visit(&visits)?;
    let status = procs::status(daemon.role_pid(Role::Checker)?)?;
    assert_eq!(status.get("CapEff").map(String::as_str), Some("0000000000001000"));
    daemon.reload(&http("bindto 127.0.0.5\nbind_port 900", "status_code 200"))?;
    daemon.await_log("need NET_BIND_SERVICE, which this process has given up")?;
    daemon.await_log("Reload refused")?;
    // The old configuration goes on.
    let (from, _) = visit(&visits)?;
    assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 1]));
    Ok(())
}

#[test]
fn requests_are_written_as_configured() -> Result<()> {
    let host = Host::new("director")?;
    let visits = web_server(&host, "127.0.0.1:8080")?;
    let start = "User-Agent: KeepAliveClient\r\n";
    let cases = [
        ("", format!("GET /x HTTP/1.0\r\n{start}Host: pool.example\r\n\r\n")),
        (
            "http_protocol 1.0C\nvirtualhost check.example",
            format!("GET /x HTTP/1.0\r\n{start}Connection: close\r\nHost: check.example\r\n\r\n"),
        ),
        (
            "http_protocol 1.1",
            format!("GET /x HTTP/1.1\r\n{start}Connection: close\r\nHost: pool.example\r\n\r\n"),
        ),
    ];
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &http("", "status_code 200"))?;
    daemon.await_log("Startup complete")?;
    for (settings, wanted) in cases {
        daemon.reload(&http(settings, "status_code 200"))?;
        daemon.await_log("Reload complete")?;
        while visits.try_recv().is_ok() {}
        // One may have been asked before the reload counted.
        let first = visit(&visits)?.1;
        let asked = if first == wanted { first } else { visit(&visits)?.1 };
        assert_eq!(asked, wanted);
    }
    Ok(())
}

#[test]
fn patterns_have_their_options_and_offsets() -> Result<()> {
    let host = Host::new("director")?;
    let _visits = web_server(&host, "127.0.0.1:8080")?;
    let cases = [
        ("regex \"abc\"", false),
        ("regex \"abc\"\nregex_options caseless", true),
        ("regex \"[0-9]+\"\nregex_min_offset 4", true),
        ("regex \"AbC\"\nregex_min_offset 1", false),
        ("regex \"123\"\nregex_max_offset 2", false),
        ("regex \"xyz\"\nregex_no_match", true),
    ];
    for (url, good) in cases {
        let mut daemon = Daemon::start(&host, &Subject::ours()?, &http("log_all_failures", url))?;
        let line = if good { "Adding service" } else { "Regex match failed server" };
        daemon.await_log(line)?;
        daemon.stop()?;
    }
    Ok(())
}

/// A server that ends every handshake but those for its name.
#[test]
fn the_name_in_tls_is_the_configured_one() -> Result<()> {
    let host = Host::new("director")?;
    let folder = Folder::new()?;
    folder.write("page", "HTTP/1.0 200 OK\r\n\r\nhello")?;
    let at = folder.path(".");
    certificate(&at, "a", "/CN=a", &[])?;
    let named =
        ["-servername", "good.example", "-servername_fatal", "-key2", "a.key", "-cert2", "a.pem"];
    let _server = tls_server(&host, &at, "127.0.0.1:8080", "a", &named)?;
    let check = |settings: &str| {
        pool(&format!(
            "SSL_GET {{\nlog_all_failures\nconnect_timeout 2\n{settings}\nurl {{\npath /page\nstatus_code 200\n}}\n}}"
        ))
    };
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &check("sni_name bad.example"))?;
    daemon.await_log("SSL handshake/communication error connecting to server")?;
    for settings in ["enable_sni", "sni_name bad.example"] {
        assert_eq!(daemon.log.count("Adding service"), 0, "{settings}");
    }
    daemon.reload(&check("sni_name good.example"))?;
    daemon.await_log("Adding service")?;
    daemon.reload(&check("enable_sni\nvirtualhost bad.example"))?;
    daemon.await_log("Removing service")?;
    daemon.reload(&check("enable_sni\nvirtualhost good.example"))?;
    daemon.await_log("Adding service")?;
    Ok(())
}
