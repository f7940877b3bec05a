//! Mails of checkers: the same from the reference and from ours, for each kind of check, the quorum
//! and what a reload takes away.

use std::any::Any;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conformance::{Folder, Sink};
use guest_tests::{host, on_both};
use lab::{Context, Daemon, Host, PATIENCE, Result, Subject, Switch};

const VS: &str = "[10.0.0.1]:tcp:80";

/// A director, and a host of its own with the mail server.
struct Net {
    director: Host,
    sink: Sink,
    folder: Folder,
    _switch: Switch,
    _mail: Host,
}

impl Net {
    fn new() -> Result<Self> {
        let switch = Switch::new()?;
        let (director, mail) = (host("director")?, host("mail")?);
        switch.attach(&director, "eth0", &["192.0.2.1/24"])?;
        switch.attach(&mail, "eth0", &["192.0.2.9/24"])?;
        let sink = Sink::new(&mail, "192.0.2.9:2525")?;
        Ok(Net { director, sink, folder: Folder::new()?, _switch: switch, _mail: mail })
    }

    /// The reference waits for what it has begun when an address is not yet resolved, but not
    /// always: the first packet goes before it starts.
    fn start(&self, subject: &Subject, config: &str) -> Result<Daemon> {
        let reach = || TcpStream::connect("192.0.2.9:2525").map(drop);
        self.director.run(reach)?.context(|| "the mail server cannot be reached")?;
        Daemon::start(&self.director, subject, config)
    }
}

fn config(global: &str, server: &str, reals: &[(&str, String)]) -> String {
    let mut text = format!(
        "global_defs {{\nrouter_id LAB\nscript_user root\nnotification_email {{\na@example.net\n}}\n\
         notification_email_from k@example.net\nsmtp_server 192.0.2.9 2525\n{global}\n}}\n\
         virtual_server 10.0.0.1 80 {{\ndelay_loop 1\nwarmup 0\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n\
         {server}\n"
    );
    for (address, body) in reals {
        text.push_str(&format!("real_server {address} {{\n{body}\n}}\n"));
    }
    text + "}\n"
}

fn mail_of(address: &str, state: &str) -> String {
    let real = address.replace(' ', "]:tcp:");
    format!("[LAB] Realserver [{real} of virtual server {VS} - {state}")
}

/// Waits for a mail and looks at its body.
fn expect(net: &Net, subject: &str, body: &str) -> Result<()> {
    let mail = net.sink.await_mail(subject)?;
    assert_eq!(mail.body, [body, ""], "{subject}");
    Ok(())
}

/// A thread that serves until the value is dropped.
struct Serving {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

fn serving(mut turn: impl FnMut() + Send + 'static) -> Box<dyn Any> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            turn();
        }
    });
    Box::new(Serving { stop, thread: Some(thread) })
}

fn listener(net: &Net, at: &str) -> Result<TcpListener> {
    let until = Instant::now() + PATIENCE;
    loop {
        match net.director.run(|| TcpListener::bind(at))? {
            Ok(listener) => return Ok(listener),
            Err(e) if Instant::now() > until => return Err(e).context(|| "cannot listen"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Says `first` to everybody, and one of `replies` each time that something was said.
fn talker(
    net: &Net,
    at: &str,
    first: &'static str,
    replies: &'static [&'static str],
) -> Result<Box<dyn Any>> {
    let listener = listener(net, at)?;
    listener.set_nonblocking(true).context(|| "cannot set the listener")?;
    Ok(serving(move || {
        let Ok((mut client, _)) = listener.accept() else {
            return thread::sleep(Duration::from_millis(10));
        };
        // A client may go at any time.
        let _ = client.set_nonblocking(false);
        let _ = client.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = client.write_all(first.as_bytes());
        let mut heard = [0; 1000];
        for reply in replies {
            if client.read(&mut heard).is_ok_and(|n| n > 0) {
                let _ = client.write_all(reply.as_bytes());
            }
        }
    }))
}

/// Answers each datagram with itself, marked as an answer of DNS.
fn echo(net: &Net, at: &str) -> Result<Box<dyn Any>> {
    let socket = net.director.run(|| UdpSocket::bind(at))?.context(|| "cannot bind")?;
    let wait = Some(Duration::from_millis(20));
    socket.set_read_timeout(wait).context(|| "cannot set the socket")?;
    Ok(serving(move || {
        let mut datagram = [0; 1500];
        if let Ok((count, from)) = socket.recv_from(&mut datagram) {
            datagram[2] |= 0x80;
            let _ = socket.send_to(&datagram[..count], from);
        }
    }))
}

/// A server whose check fails at first, then succeeds, then fails: two mails of these bodies.
fn comes_and_goes(
    subject: &Subject,
    address: &str,
    check: &str,
    bodies: [&str; 2],
    serve: impl Fn(&Net) -> Result<Box<dyn Any>>,
) -> Result<()> {
    let net = Net::new()?;
    let check = check.replace("FOLDER", &net.folder.path("").display().to_string());
    let daemon = net.start(subject, &config("", "", &[(address, format!("retry 0\n{check}"))]))?;
    expect(&net, &mail_of(address, "DOWN"), bodies[1])?;
    let served = serve(&net)?;
    expect(&net, &mail_of(address, "UP"), bodies[0])?;
    drop(served);
    expect(&net, &mail_of(address, "DOWN"), bodies[1])?;
    // A virtual server is not mailed unless that is asked for.
    assert_eq!(net.sink.subjects(), Vec::<String>::new());
    drop(daemon);
    Ok(())
}

fn tcp(subject: &Subject) -> Result<()> {
    let bodies = ["=> TCP CHECK succeed on service <=", "=> TCP CHECK failed on service <="];
    let check = "TCP_CHECK {\nconnect_timeout 3\n}";
    comes_and_goes(subject, "127.0.0.1 8081", check, bodies, |net| {
        Ok(Box::new(listener(net, "127.0.0.1:8081")?))
    })
}

fn http(subject: &Subject) -> Result<()> {
    let bodies =
        ["=> CHECK succeed on service <=", "=> CHECK failed on service : HTTP request failed <="];
    let check = "HTTP_GET {\nconnect_timeout 3\nurl {\npath /\nstatus_code 200\n}\n}";
    comes_and_goes(subject, "127.0.0.1 8081", check, bodies, |net| {
        talker(net, "127.0.0.1:8081", "", &["HTTP/1.0 200 OK\r\n\r\nhi"])
    })
}

fn smtp(subject: &Subject) -> Result<()> {
    let bodies = [
        "=> CHECK succeed on service <=",
        "=> CHECK failed on service : Could not connect to server [127.0.0.1]:8081 <=",
    ];
    let check = "SMTP_CHECK {\nconnect_timeout 3\n}";
    comes_and_goes(subject, "127.0.0.1 8081", check, bodies, |net| {
        talker(net, "127.0.0.1:8081", "220 hello\r\n", &["250 hello\r\n", "221 bye\r\n"])
    })
}

fn dns(subject: &Subject) -> Result<()> {
    let bodies = ["=> DNS_CHECK: succeed on service <=", "=> DNS_CHECK: failed on service <="];
    let check = "DNS_CHECK {\nconnect_timeout 3\nname example.net\n}";
    comes_and_goes(subject, "127.0.0.1 8053", check, bodies, |net| echo(net, "127.0.0.1:8053"))
}

fn udp(subject: &Subject) -> Result<()> {
    let bodies = ["=> UDP CHECK succeed on service <=", "=> UDP CHECK failed on service <="];
    let check = "UDP_CHECK {\nconnect_timeout 1\nrequire_reply\n}";
    comes_and_goes(subject, "127.0.0.1 8082", check, bodies, |net| echo(net, "127.0.0.1:8082"))
}

/// Takes an address away.
struct Address(Host);

impl Drop for Address {
    fn drop(&mut self) {
        let _ = self.0.del_addr("lo", [192, 0, 2, 77], 32);
    }
}

fn ping(subject: &Subject) -> Result<()> {
    let bodies = ["=> ICMP CHECK succeed on service <=", "=> ICMP CHECK failed on service <="];
    let check = "PING_CHECK {\nconnect_timeout 1\n}";
    comes_and_goes(subject, "192.0.2.77 80", check, bodies, |net| {
        net.director.add_addr("lo", [192, 0, 2, 77], 32)?;
        Ok(Box::new(Address(net.director.clone())))
    })
}

/// Removes a file.
struct Flag(std::path::PathBuf);

impl Drop for Flag {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn misc(subject: &Subject) -> Result<()> {
    let bodies = ["=> MISC CHECK succeeded on service <=", "=> MISC CHECK failed on service <="];
    let check = "MISC_CHECK {\nmisc_path \"/usr/bin/test -e FOLDERflag\"\nmisc_timeout 20\n}";
    comes_and_goes(subject, "127.0.0.1 8081", check, bodies, |net| {
        Ok(Box::new(Flag(net.folder.write("flag", "")?)))
    })
}

fn a_slow_script_is_mailed_as_such(subject: &Subject) -> Result<()> {
    let net = Net::new()?;
    let check = "MISC_CHECK {\nmisc_path \"/usr/bin/sleep 100\"\nmisc_timeout 1\n}";
    let address = "127.0.0.1 8081";
    let _daemon = net.start(subject, &config("", "", &[(address, check.to_owned())]))?;
    expect(&net, &mail_of(address, "DOWN"), "=> MISC CHECK timed out on service <=")
}

fn a_quorum_is_mailed_where_asked_for(subject: &Subject) -> Result<()> {
    let net = Net::new()?;
    let listening = listener(&net, "127.0.0.1:8081")?;
    let check = "smtp_alert off\nTCP_CHECK {\nretry 0\nconnect_timeout 3\n}".to_owned();
    let mut daemon =
        net.start(subject, &config("", "alpha\nsmtp_alert", &[("127.0.0.1 8081", check)]))?;
    let of = |state: &str| format!("[LAB] Virtualserver {VS} - {state}");
    daemon.await_log("Gained quorum")?;
    expect(&net, &of("UP"), "=> Gained quorum 1+0=1 <= 1 <=")?;
    net.sink.clear();
    drop(listening);
    // The reference's sum in this body is wrong.
    let mail = net.sink.await_mail(&of("DOWN"))?;
    assert!(mail.body[0].starts_with("=> Lost quorum 1"), "{:?}", mail.body);
    let _listening = listener(&net, "127.0.0.1:8081")?;
    expect(&net, &of("UP"), "=> Gained quorum 1+0=1 <= 1 <=")?;
    assert_eq!(net.sink.subjects(), Vec::<String>::new());
    Ok(())
}

fn what_a_reload_removes_is_mailed(subject: &Subject) -> Result<()> {
    let net = Net::new()?;
    let check = || String::new();
    let both = config("", "", &[("127.0.0.1 1", check()), ("127.0.0.1 2", check())]);
    let mut daemon = net.start(subject, &both)?;
    daemon.await_log("Startup complete")?;
    daemon.reload(&config("", "", &[("127.0.0.1 1", check())]))?;
    expect(&net, &mail_of("127.0.0.1 2", "DOWN"), "=> Removing <=")
}

/// How many mails a real server causes with two checks, the second of which fails a little later.
/// Another server fails last.
fn two_checks(subject: &Subject, global: &str) -> Result<usize> {
    let net = Net::new()?;
    let check = |seconds: u32| -> Result<String> {
        let script =
            net.folder.script(&format!("after{seconds}"), &format!("sleep {seconds}; exit 1"))?;
        Ok(format!("MISC_CHECK {{\nmisc_path {}\nmisc_timeout 20\n}}\n", script.display()))
    };
    let reals = [("127.0.0.1 1", check(0)? + &check(2)?), ("127.0.0.2 1", check(4)?)];
    let mut daemon = net.start(subject, &config(global, "delay_loop 20\nretry 0", &reals))?;
    daemon.await_log("Removing service [127.0.0.1]:tcp:1 from VS")?;
    net.sink.await_mail(&mail_of("127.0.0.2 1", "DOWN"))?;
    Ok(net.sink.subjects().iter().filter(|s| **s == mail_of("127.0.0.1 1", "DOWN")).count())
}

fn each_check_is_mailed_unless_the_server_alone_is_wanted(subject: &Subject) -> Result<()> {
    assert_eq!(two_checks(subject, "")?, 2);
    assert_eq!(two_checks(subject, "no_checker_emails")?, 1);
    Ok(())
}

fn servers_are_not_mailed_where_that_is_off(subject: &Subject) -> Result<()> {
    let net = Net::new()?;
    let check = |more: &str| format!("{more}\nMISC_CHECK {{\nmisc_path /usr/bin/false\n}}");
    let reals = [("127.0.0.1 1", check("")), ("127.0.0.1 2", check("smtp_alert"))];
    let mut daemon = net.start(subject, &config("smtp_alert_checker off", "", &reals))?;
    daemon.await_log("Removing service [127.0.0.1]:tcp:1 from VS")?;
    net.sink.await_mail(&mail_of("127.0.0.1 2", "DOWN"))?;
    assert_eq!(net.sink.subjects(), Vec::<String>::new());
    Ok(())
}

on_both!(
    tcp,
    http,
    smtp,
    dns,
    udp,
    ping,
    misc,
    a_slow_script_is_mailed_as_such,
    a_quorum_is_mailed_where_asked_for,
    what_a_reload_removes_is_mailed,
    each_check_is_mailed_unless_the_server_alone_is_wanted,
    servers_are_not_mailed_where_that_is_off,
);

/// The reference begins these mails and does not wait for them.
#[test]
fn what_stops_is_mailed_before_the_daemon_ends() -> Result<()> {
    let net = Net::new()?;
    let config = config("", "smtp_alert\nomega", &[("127.0.0.1 1", String::new())]);
    let mut daemon = net.start(&Subject::ours()?, &config)?;
    daemon.await_log("Startup complete")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "quorum")?;
    daemon.stop()?;
    expect(&net, &mail_of("127.0.0.1 1", "DOWN"), "=> Shutting down <=")?;
    expect(&net, &format!("[LAB] Virtualserver {VS} - DOWN"), "=> Shutting down <=")
}
