//! Every checker against a real server that goes and comes back: the same lines, the same table,
//! the same notifications, of the reference and of ours.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use guest_tests::{await_table, host, on_both, wanted};
use lab::{Context, Daemon, Host, PATIENCE, Result, Subject};

const VS: &str = "[10.0.0.1]:tcp:80";

/// A virtual server with the given settings and real servers.
fn pool(settings: &str, servers: &[(&str, &str)]) -> String {
    let mut text = format!(
        "global_defs {{\nscript_user root\n}}\nvirtual_server 10.0.0.1 80 {{\ndelay_loop 1\nwarmup 0\n\
         lb_algo rr\nlb_kind NAT\nprotocol TCP\n{settings}\n"
    );
    for (server, check) in servers {
        text.push_str(&format!("real_server {server} {{\nweight 1\n{check}\n}}\n"));
    }
    text + "}\n"
}

fn service() -> String {
    "-A -t 10.0.0.1:80 -s rr".to_owned()
}

fn dest(server: &str, weight: u32) -> String {
    format!("-a -t 10.0.0.1:80 -r {server} -m -w {weight}")
}

fn table(dests: &[(&str, u32)]) -> Vec<String> {
    let mut lines = vec![service()];
    lines.extend(dests.iter().map(|(server, weight)| dest(server, *weight)));
    wanted(lines.iter().map(String::as_str))
}

/// A program that serves, ended with this value.
struct Server(Child);

impl Server {
    fn start(host: &Host, program: &str, args: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Server(host.spawn(&mut command)?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder for one test, removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, subject: &Subject) -> Result<Self> {
        let whose = if subject.is_reference() { "reference" } else { "ours" };
        let path = PathBuf::from(format!("/tmp/checkers-{}-{name}-{whose}", std::process::id()));
        fs::create_dir_all(&path).context(|| "cannot make a folder")?;
        Ok(Folder(path))
    }

    fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.0.join(name);
        fs::write(&path, text).context(|| "cannot write a file")?;
        Ok(path.display().to_string())
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn listen(host: &Host, at: &str) -> Result<TcpListener> {
    let until = Instant::now() + PATIENCE;
    loop {
        match host.run(|| TcpListener::bind(at))? {
            Ok(listener) => return Ok(listener),
            Err(e) if Instant::now() > until => return Err(e).context(|| "cannot listen"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Waits until a server takes connections.
fn await_tcp(host: &Host, at: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while host.run(|| std::net::TcpStream::connect(at))?.is_err() {
        assert!(Instant::now() < until, "nobody listens at {at}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn await_lines(daemon: &mut Daemon, lines: &[&str]) -> Result<()> {
    for line in lines {
        daemon.await_log(line)?;
    }
    Ok(())
}

fn tcp_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let up = listen(&host, "127.0.0.1:8081")?;
    let check = "TCP_CHECK {\nconnect_timeout 3\nretry 1\ndelay_before_retry 1\n}";
    let config = pool("", &[("127.0.0.1 8081", check), ("127.0.0.2 8082", check)]);
    let mut daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1)]))?;
    // The first check decides at once, for good or for bad.
    let mut log = daemon.log.clone().rewound();
    log.await_line(PATIENCE, "TCP_CHECK on service [127.0.0.2]:tcp:8082 failed.")?;
    log.await_line(PATIENCE, &format!("Removing service [127.0.0.2]:tcp:8082 from VS {VS}"))?;
    daemon
        .log
        .clone()
        .rewound()
        .await_line(PATIENCE, "TCP connection to [127.0.0.1]:tcp:8081 success.")?;
    drop(up);
    await_lines(
        &mut daemon,
        &[
            "TCP_CHECK on service [127.0.0.1]:tcp:8081 failed after 1 retries.",
            &format!("Removing service [127.0.0.1]:tcp:8081 from VS {VS}"),
            &format!("Lost quorum 1-0=1 > 0 for VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[]))?;
    let _up = listen(&host, "127.0.0.1:8081")?;
    await_lines(
        &mut daemon,
        &[
            "TCP connection to [127.0.0.1]:tcp:8081 success.",
            &format!("Adding service [127.0.0.1]:tcp:8081 to VS {VS}"),
            &format!("Gained quorum 1+0=1 <= 1 for VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1)]))
}

fn nginx(host: &Host, folder: &Folder, name: &str, server: &str) -> Result<Server> {
    let (at, pid) = (folder.0.display(), folder.path(&format!("{name}.pid")));
    // Its usual folders may be there or not, and may not be given away in a guest.
    let config = folder.file(
        name,
        &format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {pid};\nerror_log {pid}.log;\nevents {{}}\n\
             http {{\naccess_log off;\nclient_body_temp_path {at}/body;\nproxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi;\nuwsgi_temp_path {at}/uwsgi;\nscgi_temp_path {at}/scgi;\n\
             server {{\n{server}\nroot {at};\n}}\n}}\n",
        ),
    )?;
    Server::start(host, "nginx", &["-c", &config])
}

const PAGE: &str = "a page that says hello\n";
/// MD5 of [`PAGE`].
const DIGEST: &str = "12d31e3fc65d4d3fef055e52506af0ed";

fn http_get(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("http", subject)?;
    folder.file("page", PAGE)?;
    folder.file("other", "0123456789 other")?;
    let serve = || nginx(&host, &folder, "nginx.conf", "listen 127.0.0.1:8081;");
    let server = serve()?;
    await_tcp(&host, "127.0.0.1:8081")?;
    let pages = format!(
        "HTTP_GET {{\nretry 1\ndelay_before_retry 1\nconnect_timeout 5\nfast_recovery\n\
         url {{\npath /page\ndigest {DIGEST}\nstatus_code 200\n}}\n\
         url {{\npath /other\nregex \"[0-9]+ other\"\n}}\n\
         url {{\npath /missing\nstatus_code 404\n}}\n}}"
    );
    let bad = |url: &str| format!("HTTP_GET {{\nretry 0\nconnect_timeout 5\nurl {{\n{url}\n}}\n}}");
    let to = "connect_ip 127.0.0.1\nconnect_port 8081\nurl";
    let at = |check: String| check.replace("url", to);
    let config = pool(
        "",
        &[
            ("127.0.0.1 8081", &pages),
            ("127.0.0.2 1", &at(bad("path /page\ndigest 00000000000000000000000000000000"))),
            ("127.0.0.3 1", &at(bad("path /page\nstatus_code 404"))),
            ("127.0.0.4 1", &at(bad("path /page\nregex \"goodbye\""))),
            ("127.0.0.5 1", &at(bad("path /page\nregex \"hello\"\nregex_no_match"))),
        ],
    );
    let mut daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1)]))?;
    for n in 2..=5 {
        let line = format!("HTTP_CHECK on service [127.0.0.{n}]:tcp:1 failed.");
        daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
    }
    let line = "Remote Web server [127.0.0.1]:tcp:8081 succeed on service.";
    daemon.log.clone().rewound().await_line(PATIENCE, line)?;
    daemon.log.skip();
    drop(server);
    await_lines(
        &mut daemon,
        &[
            "HTTP_CHECK on service [127.0.0.1]:tcp:8081 failed after 1 retries.",
            &format!("Removing service [127.0.0.1]:tcp:8081 from VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[]))?;
    let _server = serve()?;
    await_lines(
        &mut daemon,
        &[
            "success to [127.0.0.1]:tcp:8081 url(",
            line,
            &format!("Adding service [127.0.0.1]:tcp:8081 to VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1)]))
}

fn certificate(folder: &Folder) -> Result<(String, String)> {
    let (key, cert) = (folder.path("key.pem"), folder.path("cert.pem"));
    let args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let more =
        ["-nodes", "-days", "30", "-subj", "/CN=www.example", "-keyout", &key, "-out", &cert];
    let done = Command::new("openssl").args(args).args(more).output();
    let done = done.context(|| "openssl runs")?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok((key, cert))
}

fn ssl_get(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("ssl", subject)?;
    folder.file("page", PAGE)?;
    let (key, cert) = certificate(&folder)?;
    let listen =
        format!("listen 127.0.0.1:8443 ssl;\nssl_certificate {cert};\nssl_certificate_key {key};");
    let serve = || nginx(&host, &folder, "nginx.conf", &listen);
    let server = serve()?;
    await_tcp(&host, "127.0.0.1:8443")?;
    let check = format!(
        "SSL_GET {{\nretry 0\nconnect_timeout 3\nenable_sni\nvirtualhost www.example\n\
         url {{\npath /page\ndigest {DIGEST}\n}}\n}}"
    );
    let mut daemon = Daemon::start(&host, subject, &pool("alpha", &[("127.0.0.1 8443", &check)]))?;
    await_lines(
        &mut daemon,
        &[
            "Remote Web server [127.0.0.1]:tcp:8443 succeed on service.",
            &format!("Adding service [127.0.0.1]:tcp:8443 to VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[("127.0.0.1:8443", 1)]))?;
    drop(server);
    await_lines(&mut daemon, &["_CHECK on service [127.0.0.1]:tcp:8443 failed."])?;
    await_table(&host, &table(&[]))?;
    let _server = serve()?;
    await_lines(&mut daemon, &["Remote Web server [127.0.0.1]:tcp:8443 succeed on service."])?;
    await_table(&host, &table(&[("127.0.0.1:8443", 1)]))
}

/// A mail server of few words, until the value that is returned is dropped. (The real one needs a
/// file system that it can write to: see the tests outside of the guest.)
fn mail_server(
    host: &Host,
    at: &str,
    greeting: &'static str,
) -> Result<std::sync::mpsc::Sender<()>> {
    use std::io::{BufRead, BufReader, Write};
    let listener = listen(host, at)?;
    listener.set_nonblocking(true).context(|| "a listener that does not wait")?;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let serve = move |mut stream: std::net::TcpStream| -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.write_all(greeting.as_bytes())?;
        for line in BufReader::new(stream.try_clone()?).lines() {
            let reply: &[u8] = match line?.split(' ').next() {
                Some("HELO") => b"250 at your service\r\n",
                Some("QUIT") => b"221 goodbye\r\n",
                _ => b"500 what\r\n",
            };
            stream.write_all(reply)?;
        }
        Ok(())
    };
    thread::spawn(move || {
        while matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
            match listener.accept() {
                // The client may go at any time.
                Ok((stream, _)) => drop(serve(stream)),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    });
    Ok(stop)
}

fn smtp_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let server = mail_server(&host, "127.0.0.1:2525", "220 mail.example ready\r\n")?;
    let _busy = mail_server(&host, "127.0.0.2:2525", "421 too busy\r\n")?;
    let check = "SMTP_CHECK {\nretry 0\nconnect_timeout 3\nhelo_name director\n}";
    let servers = [("127.0.0.1 2525", check), ("127.0.0.2 2525", check)];
    let mut daemon = Daemon::start(&host, subject, &pool("alpha", &servers))?;
    await_lines(
        &mut daemon,
        &[
            "Remote SMTP server [127.0.0.1]:tcp:2525 succeed on service.",
            &format!("Adding service [127.0.0.1]:tcp:2525 to VS {VS}"),
        ],
    )?;
    let line = "SMTP_CHECK Bad greeting banner from server [127.0.0.2]:2525";
    daemon.log.clone().rewound().await_line(PATIENCE, line)?;
    await_table(&host, &table(&[("127.0.0.1:2525", 1)]))?;
    drop(server);
    await_lines(
        &mut daemon,
        &["SMTP_CHECK ", &format!("Removing service [127.0.0.1]:tcp:2525 from VS {VS}")],
    )?;
    await_table(&host, &table(&[]))
}

/// Waits until a name server has loaded its zones: it answers a query for `example`, SOA.
fn await_answer(host: &Host, at: &str) -> Result<()> {
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\0\0\x06\0\x01";
    let socket = host.run(|| UdpSocket::bind("127.0.0.1:0"))?.context(|| "cannot bind")?;
    socket.set_read_timeout(Some(Duration::from_millis(200))).context(|| "a time limit")?;
    let until = Instant::now() + PATIENCE;
    let mut buffer = [0; 512];
    loop {
        let _ = socket.send_to(query, at);
        // RCODE 0.
        if socket.recv(&mut buffer).is_ok_and(|n| n > 12 && buffer[3] & 0xf == 0) {
            return Ok(());
        }
        assert!(Instant::now() < until, "no answer from {at}");
    }
}

fn dns_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("dns", subject)?;
    let zone = folder.file(
        "zone",
        "$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n",
    )?;
    let dir = folder.0.display();
    let conf = folder.file(
        "named.conf",
        &format!(
            "options {{ directory \"{dir}\"; pid-file \"{dir}/pid\"; session-keyfile \"{dir}/key\"; \
             listen-on port 5300 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; \
             dnssec-validation no; }};\ncontrols {{ }};\nzone \"example\" {{ type primary; file \"{zone}\"; }};\n"
        ),
    )?;
    let serve = || {
        let server = Server::start(&host, "named", &["-f", "-n", "1", "-c", &conf])?;
        await_tcp(&host, "127.0.0.1:5300")?;
        await_answer(&host, "127.0.0.1:5300").map(|()| server)
    };
    let server = serve()?;
    let check = |name: &str| {
        format!(
            "DNS_CHECK {{\nconnect_ip 127.0.0.1\nconnect_port 5300\nretry 0\nconnect_timeout 3\ntype A\nname {name}\n}}"
        )
    };
    let servers = [("127.0.0.1 53", check("www.example")), ("127.0.0.2 53", check("no.example"))];
    let servers: Vec<_> = servers.iter().map(|(s, c)| (*s, c.as_str())).collect();
    let mut daemon = Daemon::start(&host, subject, &pool("alpha", &servers))?;
    await_lines(&mut daemon, &[&format!("Adding service [127.0.0.1]:tcp:53 to VS {VS}")])?;
    // NXDOMAIN.
    daemon.log.clone().rewound().await_line(PATIENCE, "read error occurred. (rcode = 3)")?;
    await_table(&host, &table(&[("127.0.0.1:53", 1)]))?;
    drop(server);
    await_lines(
        &mut daemon,
        &[
            "DNS_CHECK ([127.0.0.1]:tcp:53) ",
            &format!("Removing service [127.0.0.1]:tcp:53 from VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[]))
}

fn udp_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let echo = host.run(|| UdpSocket::bind("127.0.0.1:7000"))?.context(|| "cannot bind")?;
    echo.set_read_timeout(Some(Duration::from_millis(100))).context(|| "a time limit")?;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let mut buffer = [0; 2048];
        while matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
            if let Ok((n, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..n], from);
            }
        }
    });
    let check = "UDP_CHECK {\nconnect_ip 127.0.0.1\nconnect_port PORT\nretry 0\nconnect_timeout 3\n\
                 payload 01a2ff\nrequire_reply\n}";
    let (good, bad) = (check.replace("PORT", "7000"), check.replace("PORT", "7001"));
    let config = pool("", &[("127.0.0.1 7", &good), ("127.0.0.2 7", &bad)]);
    let mut daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:7", 1)]))?;
    let mut log = daemon.log.clone().rewound();
    log.await_line(PATIENCE, "UDP_CHECK on service [127.0.0.2]:tcp:7 failed.")?;
    daemon
        .log
        .clone()
        .rewound()
        .await_line(PATIENCE, "UDP connection to [127.0.0.1]:tcp:7 success.")?;
    drop(stop);
    thread.join().expect("the echo ends");
    await_lines(&mut daemon, &["UDP_CHECK on service [127.0.0.1]:tcp:7 failed."])?;
    await_table(&host, &table(&[]))
}

fn ping_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let check = "PING_CHECK {\nretry 0\nconnect_timeout 3\n}";
    let v6 = "PING_CHECK {\nconnect_ip ::1\nretry 0\nconnect_timeout 3\n}";
    let config = pool("", &[("127.0.0.1 1", check), ("127.0.0.2 1", v6), ("192.0.2.77 1", check)]);
    let mut daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:1", 1), ("127.0.0.2:1", 1)]))?;
    for line in [
        "ICMP connection to [127.0.0.1]:tcp:1 success.",
        "ICMP connection to [127.0.0.2]:tcp:1 success.",
        "ICMP CHECK on service [192.0.2.77]:tcp:1 failed.",
    ] {
        daemon.log.clone().rewound().await_line(PATIENCE, line)?;
    }
    daemon.log.skip();
    host.sysctl("net/ipv4/icmp_echo_ignore_all", "1")?;
    await_lines(&mut daemon, &[&format!("Removing service [127.0.0.1]:tcp:1 from VS {VS}")])?;
    await_table(&host, &table(&[("127.0.0.2:1", 1)]))
}

fn misc_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("misc", subject)?;
    let status = folder.file("status", "0\n")?;
    let script = folder.file("check", &format!("#!/bin/sh\nexit $(cat {status})\n"))?;
    let slow = folder.file("slow", "#!/bin/sh\nsleep 100\n")?;
    for file in [&script, &slow] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).context(|| "cannot chmod")?;
    }
    let plain = format!("MISC_CHECK {{\nmisc_path {script}\nmisc_timeout 30\n}}");
    let dynamic =
        format!("MISC_CHECK {{\nmisc_path \"{script} x\"\nmisc_timeout 30\nmisc_dynamic\n}}");
    // Log lines and dumps name the file that a path leads to.
    let here = folder.path("here");
    std::os::unix::fs::symlink(".", &here).context(|| "cannot make a link")?;
    let late = format!("MISC_CHECK {{\nmisc_path {here}/slow\nmisc_timeout 1\n}}");
    let config =
        pool("", &[("127.0.0.1 1", &plain), ("127.0.0.2 1", &dynamic), ("127.0.0.3 1", &late)]);
    let mut daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:1", 1), ("127.0.0.2:1", 1)]))?;
    let line = format!("Misc check for [[127.0.0.3]:tcp:1 VS {VS}] by [{slow}] timed out");
    daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
    daemon.log.skip();
    fs::write(&status, "12\n").context(|| "cannot write")?;
    await_table(&host, &table(&[("127.0.0.2:1", 10)]))?;
    let mut log = daemon.log.clone();
    log.await_line(
        PATIENCE,
        &format!("by [{script}] failed with retry disabled (exited with status 12)."),
    )?;
    let line =
        format!("Changing weight from 1 to 10 for active service [127.0.0.2]:tcp:1 of VS {VS}");
    daemon.log.clone().rewound().await_line(PATIENCE, &line)?;
    fs::write(&status, "1\n").context(|| "cannot write")?;
    await_table(&host, &table(&[]))?;
    fs::write(&status, "0\n").context(|| "cannot write")?;
    await_table(&host, &table(&[("127.0.0.1:1", 1), ("127.0.0.2:1", 1)]))?;
    daemon.await_log(&format!("by [{script}] succeeded."))?;
    Ok(())
}

fn file_check(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("file", subject)?;
    let path = folder.file("weight", "3\n")?;
    let check = "FILE_CHECK {\ntrack_file f\nweight 2\n}";
    let config =
        format!("track_file f {{\nfile {path}\n}}\n{}", pool("", &[("127.0.0.1 1", check)]));
    let _daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:1", 7)]))?;
    fs::write(Path::new(&path), "10\n").context(|| "cannot write")?;
    await_table(&host, &table(&[("127.0.0.1:1", 21)]))?;
    fs::write(Path::new(&path), "-2147483648\n").context(|| "cannot write")?;
    await_table(&host, &table(&[]))?;
    fs::write(Path::new(&path), "0\n").context(|| "cannot write")?;
    await_table(&host, &table(&[("127.0.0.1:1", 1)]))
}

fn quorum_and_sorry_server(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("quorum", subject)?;
    let notes = folder.path("notes");
    let note = |word: &str| format!("\"/bin/sh -c 'echo {word} >>{notes}'\"");
    let check = |n: u32| {
        let (up, down) = (note(&format!("up{n}")), note(&format!("down{n}")));
        format!(
            "inhibit_on_failure\nnotify_up {up}\nnotify_down {down}\nTCP_CHECK {{\nconnect_timeout 3\nretry 0\n}}"
        )
    };
    let one = listen(&host, "127.0.0.1:8081")?;
    let two = listen(&host, "127.0.0.2:8081")?;
    let (first, second) = (check(1), check(2));
    let settings = format!(
        "quorum 2\nhysteresis 0\nsorry_server 127.0.0.9 99\nquorum_up {}\nquorum_down {}",
        note("gained"),
        note("lost")
    );
    let config = pool(&settings, &[("127.0.0.1 8081", &first), ("127.0.0.2 8081", &second)]);
    let mut daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1), ("127.0.0.2:8081", 1)]))?;
    daemon.await_log("TCP connection to [127.0.0.2]:tcp:8081 success.")?;
    drop(two);
    await_lines(
        &mut daemon,
        &[
            &format!("Disabling service [127.0.0.2]:tcp:8081 of VS {VS}"),
            &format!("Lost quorum 2-0=2 > 1 for VS {VS}"),
            &format!("Adding sorry server [127.0.0.9]:tcp:99 to VS {VS}"),
            &format!("Removing alive servers from the pool for VS {VS}"),
        ],
    )?;
    await_table(
        &host,
        &table(&[("127.0.0.1:8081", 0), ("127.0.0.2:8081", 0), ("127.0.0.9:99", 1)]),
    )?;
    let _two = listen(&host, "127.0.0.2:8081")?;
    await_lines(
        &mut daemon,
        &[
            &format!("Enabling service [127.0.0.2]:tcp:8081 of VS {VS}"),
            &format!("Gained quorum 2+0=2 <= 2 for VS {VS}"),
            &format!("Removing sorry server [127.0.0.9]:tcp:99 from VS {VS}"),
            &format!("Adding alive servers to the pool for VS {VS}"),
        ],
    )?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1), ("127.0.0.2:8081", 1)]))?;
    await_notes(&notes, &["gained", "down2", "lost", "up2", "gained"]);
    drop(one);
    Ok(())
}

/// Waits until the lines of a file, in any order, are these: scripts run side by side.
fn await_notes(path: &str, wanted: &[&str]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut found: Vec<_> = text.lines().collect();
        let mut sorted = wanted.to_vec();
        found.sort_unstable();
        sorted.sort_unstable();
        if found == sorted {
            return;
        }
        assert!(Instant::now() < until, "{text}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn first_and_last_states_are_told_where_asked_for(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("omega", subject)?;
    let notes = folder.path("notes");
    let note = |word: &str| format!("\"/bin/sh -c 'echo {word} >>{notes}'\"");
    let scripts = format!("notify_up {}\nnotify_down {}", note("up"), note("down"));
    let settings = format!("omega\nquorum_up {}\nquorum_down {}", note("gained"), note("lost"));
    let config = pool(&settings, &[("127.0.0.1 8081", &scripts)])
        .replace("script_user root", "script_user root\nrs_init_notifies");
    let daemon = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(&[("127.0.0.1:8081", 1)]))?;
    await_notes(&notes, &["up", "gained"]);
    daemon.stop()?;
    await_notes(&notes, &["up", "gained", "down", "lost"]);
    Ok(())
}

on_both!(
    first_and_last_states_are_told_where_asked_for,
    tcp_check,
    http_get,
    ssl_get,
    smtp_check,
    dns_check,
    udp_check,
    ping_check,
    misc_check,
    file_check,
    quorum_and_sorry_server,
);
