//! Checks of servers that misbehave in every way: each ends in its time, nothing grows, nothing
//! leaks, and the checks of others go on. Takes only our binary: the reference ends where there is
//! no IPVS.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conformance::servers::{certificate, listen, openssl, tls_server};
use lab::{Context, Daemon, Host, PATIENCE, Result, Role, Subject, procs};

/// How a server treats a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Takes it and says nothing.
    BlackHole,
    /// Resets it.
    Reset,
    /// Closes it at once.
    EarlyClose,
    /// Closes its side after half of a header.
    HalfHeader,
    /// Sends a byte now and then, for ever.
    Drip,
    /// A header without end.
    EndlessHeader,
    /// A body without end.
    EndlessBody,
    /// Announces more than it sends.
    WrongLength,
    /// Bytes of no meaning.
    Garbage,
    /// Sends the client back to where it comes from.
    Redirect,
    /// A proper page.
    Good,
}

use Manner::*;

impl Manner {
    /// Serves until the client has gone.
    fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = [0; 2048];
        let ok = b"HTTP/1.1 200 OK\r\n";
        match self {
            BlackHole => while stream.read(&mut request)? > 0 {},
            Reset => {
                let socket = socket2::Socket::from(stream);
                socket.set_linger(Some(Duration::ZERO))?;
            }
            EarlyClose => {}
            HalfHeader => {
                let _ = stream.read(&mut request)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-")?;
            }
            Drip => {
                stream.write_all(ok)?;
                loop {
                    stream.write_all(b"a")?;
                    thread::sleep(Duration::from_millis(50));
                }
            }
            EndlessHeader => {
                stream.write_all(ok)?;
                loop {
                    stream.write_all(
                        b"X-Filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
                    )?;
                }
            }
            EndlessBody => {
                stream.write_all(ok)?;
                stream.write_all(b"\r\n")?;
                loop {
                    stream.write_all(&[b'z'; 4096])?;
                }
            }
            WrongLength => {
                let _ = stream.read(&mut request)?;
                stream.write_all(ok)?;
                stream.write_all(b"Content-Length: 1000\r\n\r\nshort")?;
            }
            Garbage => stream.write_all(&[0xa5; 3000])?,
            Redirect => {
                let _ = stream.read(&mut request)?;
                stream
                    .write_all(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")?;
            }
            Good => {
                let _ = stream.read(&mut request)?;
                stream.write_all(ok)?;
                stream.write_all(b"Content-Length: 5\r\n\r\nhello")?;
            }
        }
        Ok(())
    }
}

/// A server; it ends with the test's process.
fn start(host: &Host, at: &str, manner: Manner) -> Result<Arc<AtomicUsize>> {
    let at: SocketAddr = at.parse().context(|| "no address")?;
    let listener = listen(host, at)?;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            counter.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || {
                // The client may go at any time.
                let _ = manner.serve(stream);
            });
        }
    });
    Ok(count)
}

fn await_count(count: &AtomicUsize, wanted: usize) {
    let until = Instant::now() + PATIENCE;
    while count.load(Ordering::Relaxed) < wanted {
        assert!(Instant::now() < until, "{} of {wanted}", count.load(Ordering::Relaxed));
        thread::sleep(Duration::from_millis(10));
    }
}

fn real_server(n: usize, check: &str) -> String {
    format!("real_server 127.0.1.{n} 80 {{\nweight 1\n{check}\n}}\n")
}

fn pool(servers: &str) -> String {
    format!(
        "global_defs {{\nscript_user root\n}}\nvirtual_server 10.0.0.1 80 {{\ndelay_loop 1\nwarmup 0\n\
         retry 0\nprotocol TCP\n{servers}}}\n"
    )
}

fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Resident memory in KiB.
fn memory(pid: i32) -> Result<u64> {
    let status = procs::status(pid)?;
    let text = status.get("VmRSS").map(String::as_str).unwrap_or_default();
    text.trim_end_matches(" kB").trim().parse().context(|| "VmRSS is a number")
}

const LIMITS: &str = "connect_timeout 1\nretry 0\ntotal_timeout 2";

#[test]
fn hostile_servers_fail_in_their_time_and_nothing_grows() -> Result<()> {
    let host = Host::new("director")?;
    let manners = [
        BlackHole,
        Reset,
        EarlyClose,
        HalfHeader,
        Drip,
        EndlessHeader,
        EndlessBody,
        WrongLength,
        Garbage,
        Redirect,
        Good,
    ];
    let mut servers = String::new();
    let mut counts = Vec::new();
    for (n, manner) in manners.iter().enumerate() {
        let port = 8000 + n;
        counts.push(start(&host, &format!("127.0.0.1:{port}"), *manner)?);
        let to = format!("connect_ip 127.0.0.1\nconnect_port {port}\n{LIMITS}");
        let digest = "5d41402abc4b2a76b9719d911017c592";
        servers.push_str(&real_server(
            10 * n + 1,
            &format!("HTTP_GET {{\n{to}\nurl {{\npath /\ndigest {digest}\n}}\n}}"),
        ));
        servers.push_str(&real_server(
            10 * n + 2,
            &format!("SSL_GET {{\n{to}\nurl {{\npath /\nstatus_code 200\n}}\n}}"),
        ));
        servers.push_str(&real_server(10 * n + 3, &format!("SMTP_CHECK {{\n{to}\n}}")));
    }
    let daemon = Daemon::start(&host, &Subject::ours()?, &pool(&servers))?;
    // Every one of them fails, whatever it says, but for the good page over plain HTTP.
    for (n, manner) in manners.iter().enumerate() {
        for (kind, check) in ["HTTP_CHECK on service", "SSL_CHECK on service"].iter().enumerate() {
            if (*manner, kind) == (Good, 0) {
                continue;
            }
            let line = format!("{check} [127.0.1.{}]:tcp:80 failed", 10 * n + kind + 1);
            daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
        }
        let line = format!("Removing service [127.0.1.{}]:tcp:80 from VS", 10 * n + 3);
        daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
    }
    let good = 10 * (manners.len() - 1) + 1;
    assert_eq!(daemon.log.count(&format!("Removing service [127.0.1.{good}]:tcp:80")), 0);
    let checker = daemon.role_pid(Role::Checker)?;
    let (before, memory_before) = (descriptors(checker), memory(checker)?);
    // Three checks per server, over and over.
    let good = counts.last().expect("there is one");
    await_count(good, good.load(Ordering::Relaxed) + 12);
    let (after, memory_after) = (descriptors(checker), memory(checker)?);
    let most = 3 * manners.len() + 16;
    assert!(before <= most && after <= most, "{before}, then {after} descriptors; {most} at most");
    let more = memory_after.saturating_sub(memory_before);
    assert!(more < 4096, "{memory_before} KiB have become {memory_after}");
    daemon.stop()?;
    Ok(())
}

/// Signs a certificate anew, with an end that has passed.
fn expire(folder: &Path, name: &str) -> Result<()> {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (key, cert) = (file("key"), file("pem"));
    openssl(["x509", "-in", &cert, "-signkey", &key, "-days", "-1", "-out", &cert])
}

/// Nothing of a certificate counts: a check asks whether the server serves.
#[test]
fn certificates_of_every_broken_kind_are_taken() -> Result<()> {
    let host = Host::new("director")?;
    let folder = conformance::Folder::new()?;
    let at = folder.path(".");
    folder.write("page", "HTTP/1.0 200 OK\r\n\r\nhello")?;
    let kinds: [(&str, &str, &[&str]); 4] = [
        ("expired", "/CN=a", &[]),
        ("other", "/CN=somebody.else.example", &[]),
        ("empty", "/", &[]),
        ("authority", "/CN=a", &["-addext", "keyUsage=critical,cRLSign"]),
    ];
    let mut running = Vec::new();
    let mut servers = String::new();
    for (n, (name, subject, more)) in kinds.iter().enumerate() {
        certificate(&at, name, subject, more)?;
        if *name == "expired" {
            expire(&at, name)?;
        }
        let port = 9000 + u16::try_from(n).expect("a small number");
        running.push(tls_server(&host, &at, &format!("127.0.0.1:{port}"), name, &[])?);
        servers.push_str(&real_server(
            n + 1,
            &format!(
                "alpha\nSSL_GET {{\nconnect_ip 127.0.0.1\nconnect_port {port}\n{LIMITS}\nenable_sni\n\
                 virtualhost www.example\nurl {{\npath /page\nstatus_code 200\n}}\n}}"
            ),
        ));
    }
    let daemon = Daemon::start(&host, &Subject::ours()?, &pool(&servers))?;
    for n in 1..=kinds.len() {
        let line = format!("Adding service [127.0.1.{n}]:tcp:80 to VS");
        daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
    }
    Ok(())
}

/// The server asks for the client's certificate; the client's key is encrypted.
#[test]
fn the_client_shows_its_certificate_from_an_encrypted_key() -> Result<()> {
    let host = Host::new("director")?;
    let folder = conformance::Folder::new()?;
    let at = folder.path(".");
    folder.write("page", "HTTP/1.0 200 OK\r\n\r\nhello")?;
    certificate(&at, "server", "/CN=server", &[])?;
    certificate(&at, "client", "/CN=client", &[])?;
    let file = |name: &str| folder.path(name).display().to_string();
    let (plain, locked, shown) = (file("client.key"), file("locked.key"), file("client.pem"));
    openssl(["pkcs8", "-topk8", "-in", &plain, "-out", &locked, "-passout", "pass:s3cret"])?;
    let asks = ["-Verify", "1", "-verify_return_error", "-CAfile", "client.pem"];
    let _server = tls_server(&host, &at, "127.0.0.1:9000", "server", &asks)?;
    let check = format!(
        "alpha\nSSL_GET {{\nconnect_ip 127.0.0.1\nconnect_port 9000\n{LIMITS}\n\
         url {{\npath /page\nstatus_code 200\n}}\n}}"
    );
    let servers = pool(&real_server(1, &check));
    let ssl = |password: &str| {
        format!("SSL {{\ncertificate {shown}\nkey {locked}\npassword {password}\n}}\n")
    };
    // Without a certificate the server refuses.
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &servers)?;
    daemon.await_log("Activating healthchecker")?;
    // A reload with the wrong pass phrase is refused, and says why.
    daemon.reload(&format!("{}{servers}", ssl("wrong")))?;
    daemon.await_log("the private key cannot be decrypted")?;
    daemon.log.await_line(PATIENCE, "Reload refused")?;
    assert_eq!(daemon.log.count("Adding service"), 0);
    daemon.reload(&format!("{}{servers}", ssl("s3cret")))?;
    daemon.await_log("Adding service [127.0.1.1]:tcp:80 to VS")?;
    // A key that is no file is not waited for.
    let fifo = folder.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO is made");
    let fifo = fifo.display().to_string();
    daemon.reload(&format!("{}{servers}", ssl("s3cret").replace(&locked, &fifo)))?;
    daemon.await_log(&format!("cannot read {fifo}: it is no regular file"))?;
    daemon.log.await_line(PATIENCE, "Reload refused")?;
    // The pass phrase is in no line.
    assert_eq!(daemon.log.count("s3cret"), 0);
    Ok(())
}

/// Name servers and others that answer with anything but what was asked.
#[test]
fn hostile_datagrams_do_not_fool_checks() -> Result<()> {
    let host = Host::new("director")?;
    let socket = host.run(|| UdpSocket::bind("127.0.0.1:5300"))?.context(|| "cannot bind")?;
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((n, from)) = socket.recv_from(&mut buffer) {
            // Too short, another id, a query, and very long garbage.
            let mut other = buffer[..n].to_vec();
            other[0] ^= 0xff;
            other[2] |= 0x80;
            for reply in [&buffer[..2], &other[..], &buffer[..n], &[0xff; 9000][..]] {
                let _ = socket.send_to(reply, from);
            }
        }
    });
    let dns = format!("DNS_CHECK {{\nconnect_ip 127.0.0.1\nconnect_port 5300\n{LIMITS}\n}}");
    let udp = format!(
        "UDP_CHECK {{\nconnect_ip 127.0.0.1\nconnect_port 5300\n{LIMITS}\npayload 0102030405\nrequire_reply 77\n}}"
    );
    let config = pool(&(real_server(1, &dns) + &real_server(2, &udp)));
    let daemon = Daemon::start(&host, &Subject::ours()?, &config)?;
    let mut log = daemon.log.clone().rewound();
    log.await_line(PATIENCE, "DNS_CHECK ([127.0.1.1]:tcp:80) read timeout from socket")?;
    let mut log = daemon.log.clone().rewound();
    log.await_line(PATIENCE, "UDP_CHECK on service [127.0.1.2]:tcp:80 failed")?;
    Ok(())
}
