//! Alerts by mail: the same mails arrive from the reference and from ours.
//!
//! The reference may lose the mails of its first moments, so cases begin with a mastership.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conformance::{Folder, Lan, Mail, Sink, on_both};
use lab::config::Instance;
use lab::{Context, Daemon, PATIENCE, Port, Result, Role, Subject};
use nix::sys::signal::Signal;

const SERVER: &str = "192.0.2.9:2525";

/// A network with a mail server on the onlooker, and a second cable of the first node to cut.
struct Post {
    lan: Lan,
    sink: Sink,
    /// Of eth1, which has no address.
    tracked: Port,
}

impl Post {
    fn new() -> Result<Self> {
        let lan = Lan::new()?;
        let sink = Sink::new(&lan.onlooker, SERVER)?;
        let tracked = lan.switch.attach(&lan.a, "eth1", &[])?;
        Ok(Post { lan, sink, tracked })
    }

    fn start(&self, subject: &Subject, config: &str) -> Result<Daemon> {
        Daemon::start(&self.lan.a, subject, config)
    }
}

/// Global settings with two recipients.
fn global(more: &str) -> String {
    format!(
        "global_defs {{\n router_id LAB\n notification_email {{\n a@example.net\n b@example.net\n }}\n\
         notification_email_from k@example.net\n smtp_helo_name lb.example.net\n\
         smtp_server 192.0.2.9 2525\n smtp_connect_timeout 5\n {more}\n}}\n"
    )
}

/// An instance that is in FAULT while eth1 has no carrier.
fn instance(vrid: u8, more: &str) -> String {
    let instance = Instance::new(vrid, 150, &[&format!("192.0.2.{}/24", 100 + u32::from(vrid))])
        .with("track_interface {\n eth1\n }")
        .with(more);
    instance.to_string()
}

/// The instances in a group.
fn group(name: &str, members: &[&str], more: &str) -> String {
    format!("vrrp_sync_group {name} {{\n group {{\n {}\n }}\n {more}\n}}\n", members.join("\n "))
}

fn subject(what: &str) -> String {
    format!("[LAB] VRRP {what}")
}

/// Waits until everything that the transitions of the start say has come.
fn settle(post: &Post, daemon: &mut Daemon, last: &str) -> Result<()> {
    daemon.await_log("Entering MASTER STATE")?;
    post.sink.await_mail(&subject(last))?;
    Ok(())
}

fn expect(mail: &Mail, text: &str) {
    let strings = |list: &[&str]| -> Vec<String> { list.iter().map(|s| s.to_string()).collect() };
    assert_eq!(mail.helo, "lb.example.net");
    assert_eq!(mail.from, "<k@example.net>");
    assert_eq!(mail.to, ["<a@example.net>", "<b@example.net>"]);
    let named = format!("Subject: {}", mail.subject());
    let header = strings(&[
        "From: k@example.net",
        &named,
        "X-Mailer: Keepalived",
        "To: a@example.net, b@example.net",
    ]);
    assert_eq!(mail.header, header);
    assert_eq!(mail.body, [text, ""]);
    // "Sun, 22 Nov 2026 12:50:18 +0000"
    let words: Vec<&str> = mail.date.split(' ').collect();
    assert_eq!(words.iter().map(|w| w.len()).collect::<Vec<_>>(), [4, 2, 3, 4, 8, 5], "{words:?}");
    assert!(words[5].starts_with(['+', '-']), "{words:?}");
}

fn each_transition_of_an_instance_is_mailed(subject_: &Subject) -> Result<()> {
    let post = Post::new()?;
    let mut daemon = post.start(subject_, &(global("smtp_alert") + &instance(1, "")))?;
    daemon.await_log("Entering MASTER STATE")?;
    let owning = "=> VRRP Instance is now owning VRRP VIPs <=";
    let not_owning = "=> VRRP Instance is no longer owning VRRP VIPs <=";
    let of = |state| subject(&format!("Instance VI_1 - Entering {state} state"));
    expect(&post.sink.await_mail(&of("MASTER"))?, owning);
    post.sink.clear();
    post.tracked.cut()?;
    expect(&post.sink.await_mail(&of("FAULT"))?, not_owning);
    post.tracked.restore()?;
    expect(&post.sink.await_mail(&of("BACKUP"))?, not_owning);
    expect(&post.sink.await_mail(&of("MASTER"))?, owning);
    assert_eq!(post.sink.subjects(), Vec::<String>::new());
    Ok(())
}

fn a_group_is_mailed_and_so_is_each_member(subject_: &Subject) -> Result<()> {
    let post = Post::new()?;
    let config = global("smtp_alert")
        + &group("G", &["VI_1", "VI_2"], "")
        + &instance(1, "")
        + &instance(2, "");
    let mut daemon = post.start(subject_, &config)?;
    let state = |who: &str, state| subject(&format!("{who} - Entering {state} state"));
    settle(&post, &mut daemon, "Group G - Entering MASTER state")?;
    post.sink.await_mail(&state("Instance VI_1", "MASTER"))?;
    post.sink.await_mail(&state("Instance VI_2", "MASTER"))?;
    post.sink.clear();
    for (cut, word) in [(true, "FAULT"), (false, "BACKUP"), (false, "MASTER")] {
        match (cut, word) {
            (true, _) => post.tracked.cut()?,
            (false, "BACKUP") => post.tracked.restore()?,
            _ => {}
        }
        let mail = post.sink.await_mail(&state("Group G", word))?;
        expect(&mail, &format!("=> All VRRP group instances are now in {word} state <="));
        post.sink.await_mail(&state("Instance VI_1", word))?;
        post.sink.await_mail(&state("Instance VI_2", word))?;
    }
    assert_eq!(post.sink.subjects(), Vec::<String>::new());
    Ok(())
}

/// What each level says: item, then `smtp_alert_vrrp`, then `smtp_alert`, then off.
fn levels(subject_: &Subject, global_: &str, items: [&str; 3], mailed: &[&str]) -> Result<()> {
    let post = Post::new()?;
    let config = global(global_)
        + &group("G", &["VI_1"], items[0])
        + &instance(1, items[1])
        + &instance(2, items[2])
        + &instance(3, "smtp_alert on");
    let mut daemon = post.start(subject_, &config)?;
    settle(&post, &mut daemon, "Instance VI_3 - Entering MASTER state")?;
    // They all go the same way, whose begin is mailed or not.
    for _ in 0..2 {
        daemon.await_log("Entering MASTER STATE")?;
    }
    post.sink.clear();
    post.tracked.cut()?;
    for who in mailed.iter().chain(&["Instance VI_3"]) {
        post.sink.await_mail(&subject(&format!("{who} - Entering FAULT state")))?;
    }
    post.tracked.restore()?;
    for who in mailed.iter().chain(&["Instance VI_3"]) {
        post.sink.await_mail(&subject(&format!("{who} - Entering BACKUP state")))?;
    }
    let others: Vec<String> =
        post.sink.subjects().into_iter().filter(|s| !s.contains("MASTER")).collect();
    assert_eq!(others, Vec::<String>::new());
    Ok(())
}

fn an_item_decides_for_itself(subject: &Subject) -> Result<()> {
    levels(subject, "smtp_alert", ["smtp_alert off", "smtp_alert off", ""], &["Instance VI_2"])
}

fn vrrp_decides_over_all(subject: &Subject) -> Result<()> {
    let items = ["smtp_alert on", "", ""];
    levels(subject, "smtp_alert\n smtp_alert_vrrp off", items, &["Group G"])
}

fn nothing_is_mailed_unless_asked_for(subject: &Subject) -> Result<()> {
    levels(subject, "smtp_alert_checker", ["", "", ""], &[])
}

fn faults_are_not_mailed_where_not_wanted(subject_: &Subject) -> Result<()> {
    let post = Post::new()?;
    let config = global("smtp_alert\n no_email_faults") + &instance(1, "");
    let mut daemon = post.start(subject_, &config)?;
    settle(&post, &mut daemon, "Instance VI_1 - Entering MASTER state")?;
    post.sink.clear();
    post.tracked.cut()?;
    daemon.await_log("Entering FAULT STATE")?;
    post.tracked.restore()?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering BACKUP state"))?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering MASTER state"))?;
    assert_eq!(post.sink.subjects(), Vec::<String>::new());
    Ok(())
}

/// A mail that the server does not take is told of, with the step and the code.
fn each_refusal_is_logged(subject: &Subject) -> Result<()> {
    let post = Post::new()?;
    let mut daemon = post.start(subject, &(global("smtp_alert") + &instance(1, "")))?;
    settle(&post, &mut daemon, "Instance VI_1 - Entering MASTER state")?;
    let cases = [
        ("CONNECT", "421 go away\r\n", "(E)SMTP cmd on SMTP server [192.0.2.9]:2525", 421),
        ("HELO", "550-no\r\n550-no\r\n550 never\r\n", "HELO cmd on SMTP server", 550),
        ("MAIL", "451 later\r\n", "MAIL cmd on SMTP server", 451),
        ("RCPT", "550 who?\r\n", "RCPT cmd on SMTP server", 550),
        ("DATA", "503 no\r\n", "DATA cmd on SMTP server", 503),
        ("BODY", "554 no\r\n", "BODY cmd on SMTP server", 554),
        ("QUIT", "500 what?\r\n", "QUIT cmd on SMTP server", 500),
    ];
    for (step, reply, line, code) in cases {
        post.sink.say_only(step, reply);
        post.tracked.cut()?;
        daemon.await_log("Entering FAULT STATE")?;
        let said = daemon.await_log(&format!("Error processing {line}"))?;
        assert!(said.text.contains(&format!("SMTP status code = {code}")), "{}", said.text);
        post.tracked.restore()?;
        daemon.await_log("Entering MASTER STATE")?;
    }
    // Nobody gives up for good.
    post.sink.say_as_usual();
    post.sink.clear();
    post.tracked.cut()?;
    post.sink.await_mail("[LAB] VRRP Instance VI_1 - Entering FAULT state")?;
    Ok(())
}

fn a_server_that_says_nothing_is_not_waited_for_longer_than_configured(s: &Subject) -> Result<()> {
    let post = Post::new()?;
    let config = (global("smtp_alert") + &instance(1, ""))
        .replace("smtp_connect_timeout 5", "smtp_connect_timeout 1");
    let mut daemon = post.start(s, &config)?;
    settle(&post, &mut daemon, "Instance VI_1 - Entering MASTER state")?;
    post.sink.say_only("MAIL", "");
    post.tracked.cut()?;
    daemon.await_log("Timeout reading data to remote SMTP server [192.0.2.9]:2525.")?;
    Ok(())
}

fn replies_of_several_lines_are_understood(subject_: &Subject) -> Result<()> {
    let post = Post::new()?;
    post.sink.say_only("HELO", "250-sink\r\n250-is\r\n250 here\r\n");
    let mut daemon = post.start(subject_, &(global("smtp_alert") + &instance(1, "")))?;
    settle(&post, &mut daemon, "Instance VI_1 - Entering MASTER state")?;
    daemon.await_log("Remote SMTP server [192.0.2.9]:2525 connected.")?;
    daemon.await_log("SMTP alert successfully sent.")?;
    Ok(())
}

/// HELO and sender are of the host where nothing is configured.
fn the_host_names_itself(subject_: &Subject) -> Result<()> {
    let post = Post::new()?;
    let config = format!(
        "global_defs {{\n notification_email {{\n a@example.net\n }}\n smtp_server 192.0.2.9 2525\n\
         smtp_alert\n}}\n{}",
        instance(1, "")
    );
    let mut daemon = post.start(subject_, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let mail =
        post.sink.await_mail(&format!("[{host}] VRRP Instance VI_1 - Entering MASTER state"))?;
    assert_eq!(mail.helo, host);
    assert_eq!(mail.from, format!("<root@{host}>"));
    assert!(mail.header.contains(&format!("From: root@{host}")), "{:?}", mail.header);
    Ok(())
}

fn what_a_reload_removes_is_mailed(subject_: &Subject) -> Result<()> {
    let post = Post::new()?;
    let both = global("smtp_alert") + &instance(1, "") + &instance(2, "");
    let mut daemon = post.start(subject_, &both)?;
    settle(&post, &mut daemon, "Instance VI_2 - Entering MASTER state")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Startup complete")?;
    daemon.reload(&(global("smtp_alert") + &instance(1, "")))?;
    let mail = post.sink.await_mail(&subject("Instance VI_2 - Entering FAULT state"))?;
    expect(&mail, "=> VRRP Instance is no longer owning VRRP VIPs <=");
    Ok(())
}

on_both!(
    each_transition_of_an_instance_is_mailed,
    a_group_is_mailed_and_so_is_each_member,
    an_item_decides_for_itself,
    vrrp_decides_over_all,
    nothing_is_mailed_unless_asked_for,
    faults_are_not_mailed_where_not_wanted,
    each_refusal_is_logged,
    a_server_that_says_nothing_is_not_waited_for_longer_than_configured,
    replies_of_several_lines_are_understood,
    the_host_names_itself,
    what_a_reload_removes_is_mailed,
);

fn start_ours(post: &Post, more: &str) -> Result<Daemon> {
    let mut daemon = post.start(&Subject::ours()?, &(global("smtp_alert") + more))?;
    daemon.await_log("Entering MASTER STATE")?;
    Ok(daemon)
}

/// The reference does not wait for them.
#[test]
fn what_stops_is_mailed_before_the_daemon_ends() -> Result<()> {
    let post = Post::new()?;
    let daemon = start_ours(&post, &(group("G", &["VI_1"], "") + &instance(1, "")))?;
    assert!(daemon.stop()?.success());
    let came = post.sink.subjects();
    for who in ["Group G", "Instance VI_1"] {
        assert!(came.contains(&subject(&format!("{who} - Stopping"))), "{came:?}");
    }
    let mail = post.sink.await_mail(&subject("Instance VI_1 - Stopping"))?;
    expect(&mail, "=> VRRP Instance stopping <=");
    let mail = post.sink.await_mail(&subject("Group G - Stopping"))?;
    expect(&mail, "=> All VRRP group instances are now stopping <=");
    Ok(())
}

/// The bound of the wait; what is lost is told.
#[test]
fn a_server_that_hangs_does_not_hold_up_the_stop() -> Result<()> {
    let post = Post::new()?;
    let mut daemon = start_ours(&post, &instance(1, ""))?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering MASTER state"))?;
    post.sink.say_only("CONNECT", "");
    assert!(daemon.stop()?.success());
    daemon.await_log("Alert lost: [LAB] VRRP Instance VI_1 - Stopping")?;
    assert_eq!(daemon.log.count("exited due to signal"), 0);
    Ok(())
}

/// As a service manager does that signals every process.
#[test]
fn a_monitor_that_is_told_to_stop_with_all_others_mails_their_stop() -> Result<()> {
    let post = Post::new()?;
    let daemon = start_ours(&post, &instance(1, ""))?;
    daemon.signal(Role::Monitor, Signal::SIGTERM)?;
    assert!(daemon.stop()?.success());
    post.sink.await_mail(&subject("Instance VI_1 - Stopping"))?;
    Ok(())
}

/// News of the time without a monitor is mailed when it is back, and the mails go on.
#[test]
fn a_monitor_that_was_killed_goes_on() -> Result<()> {
    let post = Post::new()?;
    let mut daemon = start_ours(&post, &instance(1, ""))?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering MASTER state"))?;
    let old = daemon.role_pid(Role::Monitor)?;
    // It ran: it comes back at once.
    daemon.signal(Role::Monitor, Signal::SIGKILL)?;
    daemon.await_respawn(Role::Monitor, old, PATIENCE)?;
    post.tracked.cut()?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering FAULT state"))?;
    // It fails by itself: a second passes, or more.
    for _ in 0..2 {
        let old = daemon.role_pid(Role::Monitor)?;
        daemon.signal(Role::Monitor, Signal::SIGABRT)?;
        daemon.await_log("Restart of Monitor process delayed")?;
        if daemon.log.count("delayed 1 seconds") == 0 {
            daemon.await_respawn(Role::Monitor, old, PATIENCE)?;
        }
    }
    post.tracked.restore()?;
    daemon.await_log("Entering BACKUP STATE")?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering BACKUP state"))?;
    Ok(())
}

/// The reference puts display names into the envelope.
#[test]
fn display_names_are_for_the_header_alone() -> Result<()> {
    let post = Post::new()?;
    let names = "\"Joe B. <joe@example.net>\"\n \"Jane <jane@example.net>\"";
    let config = (global("smtp_alert") + &instance(1, "")).replace("a@example.net", names);
    let config = config.replace("from k@example.net", "from \"LB <k@example.net>\"");
    let _daemon = post.start(&Subject::ours()?, &config)?;
    let mail = post.sink.await_mail(&subject("Instance VI_1 - Entering MASTER state"))?;
    assert_eq!(mail.to, ["<joe@example.net>", "<jane@example.net>", "<b@example.net>"]);
    assert_eq!(mail.from, "<k@example.net>");
    let to = "To: \"Joe B.\" <joe@example.net>, Jane <jane@example.net>, b@example.net";
    assert!(mail.header.contains(&to.to_string()), "{:?}", mail.header);
    assert!(mail.header.contains(&"From: LB <k@example.net>".to_string()), "{:?}", mail.header);
    Ok(())
}

/// The reference cuts the message off at 1023 bytes.
#[test]
fn many_recipients_get_the_whole_message() -> Result<()> {
    let post = Post::new()?;
    let many: Vec<String> = (0..100).map(|n| format!("recipient{n}@example.net")).collect();
    let config =
        (global("smtp_alert") + &instance(1, "")).replace("a@example.net", &many.join("\n"));
    let _daemon = post.start(&Subject::ours()?, &config)?;
    let mail = post.sink.await_mail(&subject("Instance VI_1 - Entering MASTER state"))?;
    assert_eq!(mail.to.len(), 101);
    assert_eq!(mail.body, ["=> VRRP Instance is now owning VRRP VIPs <=", ""]);
    Ok(())
}

/// More alerts than connections at a time.
#[test]
fn every_one_of_a_hundred_alerts_arrives() -> Result<()> {
    let post = Post::new()?;
    let instances: String = (1..=100).map(|vrid| instance(vrid, "")).collect();
    let daemon = start_ours(&post, &instances)?;
    for vrid in 1..=100 {
        post.sink.await_mail(&subject(&format!("Instance VI_{vrid} - Entering MASTER state")))?;
    }
    assert!(daemon.stop()?.success());
    for vrid in 1..=100 {
        post.sink.await_mail(&subject(&format!("Instance VI_{vrid} - Stopping")))?;
    }
    Ok(())
}

#[test]
fn a_server_that_is_not_there_is_told_of() -> Result<()> {
    let post = Post::new()?;
    let config = (global("smtp_alert") + &instance(1, "")).replace("2525", "2526");
    let mut daemon = post.start(&Subject::ours()?, &config)?;
    let line = daemon.await_log("SMTP connection ERROR to [192.0.2.9]:2526: Connection refused")?;
    assert!(line.text.contains("Alert lost: [LAB] VRRP Instance VI_1 - Entering"), "{}", line.text);
    Ok(())
}

#[test]
fn a_reload_changes_where_mails_go() -> Result<()> {
    let post = Post::new()?;
    let other = Sink::new(&post.lan.onlooker, "[2001:db8::9]:2525")?;
    let mut daemon = start_ours(&post, &instance(1, ""))?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Startup complete")?;
    post.sink.await_mail(&subject("Instance VI_1 - Entering MASTER state"))?;
    let config = global("smtp_alert").replace("192.0.2.9", "2001:db8::9") + &instance(1, "");
    daemon.reload(&config)?;
    daemon.await_log("Reload complete")?;
    post.sink.clear();
    post.tracked.cut()?;
    other.await_mail(&subject("Instance VI_1 - Entering FAULT state"))?;
    assert_eq!(post.sink.subjects(), Vec::<String>::new());
    Ok(())
}

/// A real server delivers what we hand over.
#[test]
fn opensmtpd_delivers_an_alert() -> Result<()> {
    let smtpd = Some("/usr/sbin/smtpd").filter(|path| Path::new(path).exists());
    let Some(smtpd) = conformance::present(smtpd, "opensmtpd")? else { return Ok(()) };
    let post = Post::new()?;
    let folder = Folder::new()?;
    // Whoever delivers is another user.
    let inbox = folder.path("inbox");
    std::fs::create_dir(&inbox).context(|| "cannot make the inbox")?;
    conformance::set_mode(&folder.path("."), 0o755)?;
    conformance::set_mode(&inbox, 0o777)?;
    let text = format!(
        "listen on 192.0.2.9 port 25\n\
         action alerts maildir \"{}/%{{rcpt.user}}\" user nobody virtual {{ \"@\" = \"nobody\" }}\n\
         match from any for any action alerts\n",
        inbox.display()
    );
    let file = folder.write("smtpd.conf", &text)?;
    // Its spool is its own.
    let begin = format!(
        "mount -t tmpfs tmpfs /var/spool && mkdir -m 711 /var/spool/smtpd && \
         exec {smtpd} -d -v -f {}",
        file.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &begin]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = post.lan.onlooker.spawn(command.stderr(Stdio::null()))?;
    post.lan.a.run(|| {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect("192.0.2.9:25").is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
    })?;
    let config = (global("smtp_alert") + &instance(1, "")).replace("192.0.2.9 2525", "192.0.2.9");
    let mut daemon = post.start(&Subject::ours()?, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    for user in ["a", "b"] {
        let mail = await_delivery(&inbox.join(user), "Instance VI_1 - Entering MASTER state")?;
        assert!(mail.contains("\n=> VRRP Instance is now owning VRRP VIPs <=\n"), "{mail}");
        assert!(mail.contains("\nTo: a@example.net,\n b@example.net\n"), "{mail}");
    }
    let _ = server.kill();
    let _ = server.wait();
    Ok(())
}

/// Waits for a mail of this subject in a maildir.
fn await_delivery(maildir: &Path, subject_: &str) -> Result<String> {
    let until = Instant::now() + PATIENCE;
    let line = format!("\nSubject: {}\n", subject(subject_));
    loop {
        let files = std::fs::read_dir(maildir.join("new")).into_iter().flatten().flatten();
        let mut texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        if let Some(mail) = texts.find(|mail| mail.contains(&line)) {
            return Ok(mail);
        }
        if Instant::now() > until {
            return Err(lab::Error::new(format!("no {line:?} in {}", maildir.display())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
