//! genhash, as scripts use it: one line with the digest, or what went wrong.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::thread;

use conformance::on_both;
use conformance::servers::{Kill, certificate, listen};
use lab::{Context, Host, PATIENCE, Result, Subject};

const BODY: &str = "Hello world\r\nand a second line of some length\n";
const DIGEST: &str = "3bcc5dcae9e8baaa01154b3e80b924d9";

/// A server that answers every request with `reply` and tells what it was asked.
struct Server {
    at: SocketAddr,
    asked: std::sync::mpsc::Receiver<String>,
}

impl Server {
    fn start(host: &Host, at: &str, reply: String) -> Result<Self> {
        let at: SocketAddr = at.parse().context(|| "no address")?;
        let listener = listen(host, at)?;
        let at = listener.local_addr().context(|| "no address")?;
        let (tell, asked) = std::sync::mpsc::channel();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
                        _ => break,
                    }
                }
                let _ = stream.write_all(reply.as_bytes());
                if tell.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                    break;
                }
            }
        });
        Ok(Server { at, asked })
    }

    fn asked(&self) -> Result<String> {
        self.asked.recv_timeout(PATIENCE).context(|| "nothing was asked")
    }
}

fn reply(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nX: y\r\n\r\n{BODY}", BODY.len())
}

fn genhash(host: &Host, subject: &Subject, args: &[&str]) -> Result<Output> {
    let mut command = subject.command();
    command.arg("--genhash").args(args);
    host.run(|| command.output())?.context(|| "cannot run genhash")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn the_digest_is_that_of_the_body(subject: &Subject) -> Result<()> {
    let host = Host::new("a")?;
    for (address, shown) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        // The status does not count.
        for status in ["200 OK", "404 Not Found"] {
            let server = Server::start(&host, address, reply(status))?;
            let port = server.at.port().to_string();
            let got = genhash(&host, subject, &["-s", shown, "-p", &port, "-u", "/x"])?;
            assert_eq!(out(&got), format!("{DIGEST}\n"), "{address} {status}: {got:?}");
            assert!(got.status.success() && got.stderr.is_empty());
            let host_header = server.at.to_string();
            assert_eq!(
                server.asked()?,
                format!(
                    "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: {host_header}\r\n\r\n"
                ),
            );
        }
    }
    Ok(())
}

fn protocol_and_virtual_host_are_asked_for(subject: &Subject) -> Result<()> {
    let host = Host::new("a")?;
    let server = Server::start(&host, "127.0.0.1:0", reply("200 OK"))?;
    let port = server.at.port().to_string();
    let base = ["-s", "127.0.0.1", "-p", &port, "-u", "/", "-V", "www.example", "-m", "7", "-P"];
    for (version, line, close) in
        [("1.0c", "1.0", true), ("1.1", "1.1", true), ("1.0", "1.0", false)]
    {
        let got = genhash(&host, subject, &[&base[..], &[version]].concat())?;
        assert_eq!(out(&got), format!("{DIGEST}\n"), "{version}: {got:?}");
        let asked = server.asked()?;
        assert!(asked.starts_with(&format!("GET / HTTP/{line}\r\n")), "{asked}");
        assert_eq!(asked.contains("Connection: close\r\n"), close, "{asked}");
        assert!(asked.contains("Host: www.example\r\n"), "{asked}");
    }
    Ok(())
}

fn verbose_shows_header_body_and_digest(subject: &Subject) -> Result<()> {
    let host = Host::new("a")?;
    let server = Server::start(&host, "127.0.0.1:0", reply("200 OK"))?;
    let port = server.at.port().to_string();
    let got = genhash(&host, subject, &["-v", "-s", "127.0.0.1", "-p", &port, "-u", "/p"])?;
    let text = out(&got);
    let (shown, time) = text.rsplit_once("\n\n").unwrap_or_default();
    assert!(time.starts_with("Global response time for [/p] = "), "{text}");
    assert!(time.trim_end().ends_with(" usecs"), "{text}");
    assert_eq!(
        shown.replace('\r', ""),
        include_str!("genhash_verbose.txt").trim_end_matches('\n'),
        "{text}"
    );
    Ok(())
}

fn trouble_with_the_server_is_a_line_and_no_failure(subject: &Subject) -> Result<()> {
    let host = Host::new("a")?;
    let got = genhash(&host, subject, &["-s", "127.0.0.1", "-p", "1", "-u", "/"])?;
    assert!(got.status.success());
    assert_eq!(out(&got), "Connection failed\n");
    let server = Server::start(&host, "127.0.0.1:0", "HTTP/1.0 200".to_string())?;
    let port = server.at.port().to_string();
    let got = genhash(&host, subject, &["-s", "127.0.0.1", "-p", &port, "-u", "/"])?;
    assert!(got.status.success());
    assert_eq!(String::from_utf8_lossy(&got.stderr), "no data received from remote webserver\n");
    Ok(())
}

fn wrong_words_end_with_1_and_the_usage(subject: &Subject) -> Result<()> {
    let host = Host::new("a")?;
    let good = ["-s", "127.0.0.1", "-p", "80", "-u", "/"];
    for (more, said) in [
        (&["-p", "99999"][..], "invalid port number '99999'"),
        (&["-s", "foo"], "server should be an IP, not foo"),
        (&["-t", "x"], "invalid timeout 'x'"),
        (&["-m", "x"], "invalid fwmark 'x'"),
        (&["-P", "3"], "invalid HTTP protocol version '3'"),
        (&["extra"], "Unexpected argument(s): extra"),
        (&["-V"], "Missing parameter for option -V"),
        (&["-h"], ""),
        (&["--nonsense"], ""),
    ] {
        let got = genhash(&host, subject, &[&good[..], more].concat())?;
        assert_eq!(got.status.code(), Some(1), "{more:?}");
        assert!(got.stdout.is_empty(), "{more:?}");
        let text = String::from_utf8_lossy(&got.stderr).into_owned();
        assert!(text.starts_with(said), "{more:?}: {text}");
        assert!(text.contains("--genhash"), "{more:?}: {text}");
        assert!(text.contains("use-virtualhost"), "{more:?}: {text}");
    }
    Ok(())
}

/// A page over TLS has the same digest, whatever the certificate says.
fn a_page_over_tls(subject: &Subject) -> Result<()> {
    let host = Host::new("a")?;
    let folder = std::env::temp_dir().join(format!(
        "genhash-{}-{}",
        std::process::id(),
        subject.is_reference()
    ));
    std::fs::create_dir_all(&folder).context(|| "cannot make a folder")?;
    std::fs::write(folder.join("page"), BODY).context(|| "cannot write the page")?;
    certificate(&folder, "server", "/CN=elsewhere.example", &[])?;
    let mut server = Command::new("openssl");
    server
        .args([
            "s_server",
            "-WWW",
            "-accept",
            "127.0.0.1:4433",
            "-key",
            "server.key",
            "-cert",
            "server.pem",
        ])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut server = Kill(host.run(|| server.spawn())?.context(|| "cannot run a server")?);
    // It says ACCEPT once it listens.
    let mut said = Vec::new();
    let stdout = server.0.stdout.as_mut().ok_or_else(|| lab::Error::new("no output"))?;
    while !said.ends_with(b"ACCEPT") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).context(|| "the server ended")?;
        said.push(byte[0]);
    }
    for sni in [&[][..], &["-I", "-V", "www.example"]] {
        let args = ["-S", "-s", "127.0.0.1", "-p", "4433", "-u", "/page"];
        let got = genhash(&host, subject, &[&args[..], sni].concat())?;
        assert_eq!(out(&got), format!("{DIGEST}\n"), "{got:?}");
    }
    std::fs::remove_dir_all(&folder).context(|| "cannot remove a folder")?;
    Ok(())
}

on_both!(
    the_digest_is_that_of_the_body,
    protocol_and_virtual_host_are_asked_for,
    verbose_shows_header_body_and_digest,
    trouble_with_the_server_is_a_line_and_no_failure,
    wrong_words_end_with_1_and_the_usage,
    a_page_over_tls,
);
