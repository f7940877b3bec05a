use super::*;
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn at(ms: u64) -> Mono {
    Mono::ZERO + Duration::from_millis(ms)
}

fn letter(recipients: usize) -> Rc<Letter> {
    Rc::new(Letter {
        helo: "me".into(),
        from: "k@x".into(),
        to: (0..recipients).map(|n| format!("{n}@x")).collect(),
        data: b"Subject: s\r\n\r\n.\r\n".to_vec(),
    })
}

fn dialogue() -> Dialogue {
    Dialogue::new(letter(2), PATIENCE, at(0))
}

/// Feeds the lines of a server and returns what the client wrote and reported.
fn talk(d: &mut Dialogue, said: &[&str]) -> (Vec<String>, Vec<Report>, bool) {
    let mut out = Vec::new();
    d.handle(at(1), Input::Connected, &mut out);
    for line in said {
        d.handle(at(2), Input::Received(line.as_bytes()), &mut out);
    }
    split(out)
}

fn split(out: Vec<Action>) -> (Vec<String>, Vec<Report>, bool) {
    let (mut written, mut reports, mut closed) = (Vec::new(), Vec::new(), false);
    for action in out {
        match action {
            Action::Write(bytes) => written.push(String::from_utf8(bytes).unwrap()),
            Action::Report(report) => reports.push(report),
            Action::Close => closed = true,
        }
    }
    (written, reports, closed)
}

const GOOD: [&str; 8] = [
    "220 hello\r\n",
    "250 me\r\n",
    "250 k\r\n",
    "250 0\r\n",
    "250 1\r\n",
    "354 go\r\n",
    "250 taken\r\n",
    "221 bye\r\n",
];

#[test]
fn a_letter_is_handed_over_command_by_command() {
    let (written, reports, closed) = talk(&mut dialogue(), &GOOD);
    let expected = [
        "HELO me\r\n",
        "MAIL FROM:<k@x>\r\n",
        "RCPT TO:<0@x>\r\n",
        "RCPT TO:<1@x>\r\n",
        "DATA\r\n",
        "Subject: s\r\n\r\n.\r\n",
        "QUIT\r\n",
    ];
    assert_eq!(written, expected);
    assert_eq!(reports, [Report::Connected, Report::Sent]);
    assert!(closed);
}

#[test]
fn replies_may_have_several_lines_no_text_and_bare_newlines() {
    let mut said = GOOD;
    said[0] = "220-hello\r\n220-this is\r\n220 me\r\n";
    said[1] = "250\r\n";
    said[2] = "250-a\n250 b\n";
    let (_, reports, closed) = talk(&mut dialogue(), &said);
    assert_eq!(reports, [Report::Connected, Report::Sent]);
    assert!(closed);
}

#[test]
fn each_refusal_names_its_step_and_ends_with_quit() {
    let words = ["(E)SMTP", "HELO", "MAIL", "RCPT", "RCPT", "DATA", "BODY"];
    for (n, word) in words.into_iter().enumerate() {
        let mut said = GOOD.map(str::to_owned);
        said[n] = "550-no\r\n550 such user\r\n".to_owned();
        let said: Vec<&str> = said[..=n].iter().map(String::as_str).collect();
        let mut d = dialogue();
        let (written, reports, closed) = talk(&mut d, &said);
        let Some(Report::Refused { step, code: 550, text }) = reports.last() else {
            panic!("{reports:?}");
        };
        assert_eq!((step.word(), text.as_str()), (word, "such user"));
        assert_eq!(written.last().map(String::as_str), Some("QUIT\r\n"));
        assert!(!closed && d.deadline().is_some(), "the goodbye is awaited");
        let mut out = Vec::new();
        d.handle(at(3), Input::Received(b"221 bye\r\n"), &mut out);
        assert_eq!(out, [Action::Close]);
    }
}

#[test]
fn a_refused_goodbye_is_told_and_the_mail_counts_as_sent() {
    let mut said = GOOD;
    said[7] = "500 what\r\n";
    let (_, reports, closed) = talk(&mut dialogue(), &said);
    let refused =
        Report::Refused { step: Step::Quit { sent: true }, code: 500, text: "what".into() };
    assert_eq!(reports, [Report::Connected, Report::Sent, refused]);
    assert!(closed);
}

#[test]
fn what_is_no_reply_is_refused() {
    let long = "x".repeat(3 * LINE_MAX);
    for line in ["garbage\r\n", "25\r\n", "2500 x\r\n", "25a x\r\n", "\r\n", &long] {
        let (written, reports, _) = talk(&mut dialogue(), &[line]);
        assert!(matches!(reports.last(), Some(Report::Refused { code: 0, .. })), "{line}");
        assert_eq!(written, ["QUIT\r\n"]);
    }
}

#[test]
fn a_reply_that_never_ends_is_refused() {
    let said = vec!["220-more\r\n"; LINES_MAX];
    let (written, _, _) = talk(&mut dialogue(), &said);
    assert_eq!(written, ["QUIT\r\n"]);
}

#[test]
fn control_characters_of_the_server_do_not_reach_the_log() {
    let (_, reports, _) = talk(&mut dialogue(), &["554 a\x1b[2Jb\rc\x07\r\n"]);
    let Some(Report::Refused { text, .. }) = reports.last() else { panic!() };
    assert_eq!(text, "a[2Jbc");
}

#[test]
fn a_server_that_drips_does_not_buy_time() {
    let mut d = dialogue();
    let mut out = Vec::new();
    d.handle(at(0), Input::Connected, &mut out);
    for second in 1..30 {
        d.handle(at(second * 1000), Input::Received(b"2"), &mut out);
        d.handle(at(second * 1000), Input::Tick, &mut out);
    }
    out.clear();
    d.handle(at(30_000), Input::Tick, &mut out);
    let (written, reports, closed) = split(out);
    assert_eq!(reports, [Report::TimedOut(Step::Greeting)]);
    assert_eq!(written, ["QUIT\r\n"]);
    assert!(closed && d.deadline().is_none());
}

#[test]
fn a_connection_that_does_not_come_times_out_without_a_word() {
    let mut d = dialogue();
    let mut out = Vec::new();
    d.handle(at(29_999), Input::Tick, &mut out);
    assert_eq!(out, []);
    d.handle(at(30_000), Input::Tick, &mut out);
    assert_eq!(out, [Action::Report(Report::TimedOut(Step::Connect)), Action::Close]);
}

#[test]
fn a_server_that_hangs_up_is_told_of_unless_all_was_said() {
    for n in 0..7 {
        let mut d = dialogue();
        talk(&mut d, &GOOD[..n]);
        let mut out = Vec::new();
        d.handle(at(3), Input::Closed, &mut out);
        let (_, reports, closed) = split(out);
        assert!(matches!(&reports[..], [Report::Closed(_)]) && closed, "{n} {reports:?}");
    }
    let mut d = dialogue();
    talk(&mut d, &GOOD[..7]);
    let mut out = Vec::new();
    d.handle(at(3), Input::Closed, &mut out);
    assert_eq!(out, [Action::Close]);
}

#[test]
fn a_letter_without_recipients_is_not_sent() {
    let mut d = Dialogue::new(letter(0), PATIENCE, at(0));
    let (written, reports, _) = talk(&mut d, &GOOD[..3]);
    assert_eq!(written.last().map(String::as_str), Some("QUIT\r\n"));
    assert_eq!(reports, [Report::Connected]);
}

proptest! {
    /// Whatever a server says: no panic, bounded memory, the message only after 354, and an end
    /// once time is up.
    #[test]
    fn any_server_comes_to_an_end(
        said in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(GOOD.to_vec()).prop_map(|s| s.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..40),
                Just(b"250-\r\n".to_vec()),
            ],
            0..30,
        )
    ) {
        let mut d = dialogue();
        let mut out = Vec::new();
        d.handle(at(0), Input::Connected, &mut out);
        for bytes in &said {
            d.handle(at(1), Input::Received(bytes), &mut out);
            prop_assert!(d.line.len() <= LINE_MAX);
        }
        d.handle(at(60_000), Input::Tick, &mut out);
        prop_assert!(d.deadline().is_none());
        let closes = out.iter().filter(|a| **a == Action::Close).count();
        prop_assert_eq!(closes, 1);
        prop_assert_eq!(out.last(), Some(&Action::Close));
        let sent = out.contains(&Action::Report(Report::Sent));
        let go = said.concat().windows(3).any(|w| w == b"354");
        prop_assert!(!sent || go);
    }
}
