//! TCP, HTTP and SMTP.

use super::*;
use md5::{Digest, Md5};
use model::lvs::Regex;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello";

#[test]
fn tcp_is_well_when_connected() {
    let mut t = Talk::of(CheckKind::Tcp(connect()), None);
    t.at(3, Input::Connected);
    let latency = Duration::from_millis(3);
    let outcome = Outcome::Pass(Pass::Plain);
    assert_eq!(t.out[1..], [Action::Io(Io::Close), Action::Verdict(Verdict { outcome, latency })]);
}

fn answer(kind: CheckKind, bytes: &[u8]) -> Talk {
    let mut t = Talk::of(kind, None);
    t.at(1, Input::Connected).say(bytes).at(2, Input::Eof);
    t
}

fn digest(of: &[u8]) -> Option<[u8; 16]> {
    Some(Md5::digest(of).into())
}

fn regex(pattern: &str) -> Option<Regex> {
    Some(Regex { pattern: pattern.to_owned(), ..Regex::default() })
}

#[test]
fn http_judges_status_then_digest_then_pattern() {
    type Edit = fn(&mut Url);
    let cases: &[(Edit, Result<HttpTest, Reason>)] = &[
        (|_| {}, Ok(HttpTest::Status)),
        (|u| u.status = vec![(301, 302), (404, 404)], Err(Reason::Status(200))),
        (|u| u.status = vec![(404, 404), (200, 200)], Ok(HttpTest::Status)),
        (|u| u.digest = digest(b"hello"), Ok(HttpTest::Digest)),
        (|u| u.digest = digest(b"Hello"), Err(Reason::Digest)),
        (|u| u.regex = regex("l+o$"), Ok(HttpTest::Regex)),
        (|u| u.regex = regex("bye"), Err(Reason::Regex)),
        (|u| u.regex = regex("bye").map(|r| Regex { no_match: true, ..r }), Ok(HttpTest::Regex)),
        (|u| u.regex = regex("hell").map(|r| Regex { no_match: true, ..r }), Err(Reason::Regex)),
        (|u| (u.digest, u.regex) = (digest(b"x"), regex("hello")), Err(Reason::Digest)),
        (|u| (u.status, u.digest) = (vec![(500, 500)], digest(b"x")), Err(Reason::Status(200))),
    ];
    for (n, (edit, want)) in cases.iter().enumerate() {
        let t = answer(http(|c| edit(&mut c.urls[0])), OK);
        let got = match t.outcome() {
            Some(Outcome::Pass(Pass::Http(test))) => Ok(test),
            Some(Outcome::Fail(reason)) => Err(reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(got, *want, "case {n}");
    }
}

#[test]
fn the_status_line_is_read_leniently() {
    for (line, want) in [
        ("HTTP/1.1 200 OK", 200),
        ("HTTP/1.0 404 Not Found", 404),
        ("HTTP/1.1 200", 200),
        ("HTTP/1.1 200 ", 200),
        ("HTTP/1.1 20 OK", 0),
        ("HTTP/1.1 2000 OK", 0),
        ("HTTP/1.1 2x0 OK", 0),
        ("HTTP/1.1  200 OK", 0),
        ("HTTP/1.1", 0),
        ("", 0),
        ("ICY 200 OK", 200),
    ] {
        let head = format!("{line}\r\nA: b\r\n\r\n");
        assert_eq!(http::read_head(head.as_bytes()).status, want, "{line}");
    }
}

#[test]
fn content_length_has_any_case_and_nonsense_is_none() {
    for (field, want) in [
        ("Content-Length: 5", Some(5)),
        ("content-length:5", Some(5)),
        ("CONTENT-LENGTH:  5  ", Some(5)),
        ("Content-Length: 18446744073709551615", Some(u64::MAX)),
        ("Content-Length: 18446744073709551616", None),
        ("Content-Length: -1", None),
        ("Content-Length: 5x", None),
        ("Content-Length:", None),
        ("X-Content-Length: 5", None),
        ("no colon", None),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n");
        assert_eq!(http::read_head(head.as_bytes()).length, want, "{field}");
    }
}

#[test]
fn a_wrong_length_is_remarked_and_bounds_the_digest() {
    let body = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, world";
    let t = answer(http(|c| c.urls[0].digest = digest(b"hello")), body);
    assert!(t.passed());
    let note = Note::Length { announced: 5, received: 12 };
    assert!(t.out.contains(&Action::Note(note)));
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    let t = answer(http(|c| c.urls[0].digest = digest(b"hello")), short);
    assert!(t.passed());
    assert!(t.out.contains(&Action::Note(Note::Length { announced: 9, received: 5 })));
    let right = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert!(!answer(http(|_| {}), right).out.iter().any(|a| matches!(a, Action::Note(_))));
}

#[test]
fn a_pattern_sees_the_body_only_however_it_arrives() {
    for cut in 1..OK.len() {
        for (pattern, want) in [("Server", false), ("hello", true), ("^hello", true)] {
            let mut t = Talk::of(http(|c| c.urls[0].regex = regex(pattern)), None);
            t.at(1, Input::Connected);
            for chunk in OK.chunks(cut) {
                t.say(chunk);
            }
            t.at(2, Input::Eof);
            assert_eq!(t.passed(), want, "{pattern} cut {cut}");
        }
    }
}

#[test]
fn offsets_of_a_pattern_count_from_the_body() {
    let limited = |min_offset, max_offset| {
        http(|c| {
            c.urls[0].regex = regex("l").map(|r| Regex { min_offset, max_offset, ..r });
        })
    };
    assert!(answer(limited(0, Some(2)), OK).passed());
    assert!(!answer(limited(0, Some(1)), OK).passed());
    assert!(answer(limited(3, Some(3)), OK).passed());
    assert!(!answer(limited(4, None), OK).passed());
}

#[test]
fn a_header_of_many_kilobytes_is_read() {
    let mut page = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    page.extend(vec![b'x'; 20_000]);
    page.extend_from_slice(b"\r\n\r\nhello");
    assert!(answer(http(|c| c.urls[0].digest = digest(b"hello")), &page).passed());
}

#[test]
fn an_endless_header_is_given_up_in_bounded_memory() {
    let mut t = Talk::of(http(|_| {}), None);
    t.at(1, Input::Connected);
    for _ in 0..1_000 {
        t.say(&[b'x'; 1_000]);
        let Probe::Http(p) = &t.probe else { unreachable!() };
        assert!(p.held() <= 2 * http::HEAD_MAX, "{}", p.held());
    }
    assert_eq!(t.failed(), Reason::HeadTooLong);
}

#[test]
fn an_endless_body_takes_no_memory_and_ends_at_the_total_limit() {
    let kind = http(|c| {
        c.urls[0].digest = Some([0; 16]);
        c.urls[0].regex = regex("(?<=needle)x");
    });
    let mut t = Talk::of(kind, Some(Duration::from_secs(60)));
    t.at(1, Input::Connected).say(b"HTTP/1.1 200 OK\r\n\r\n");
    let mut ms = 1;
    while t.outcome().is_none() {
        ms += 1_000;
        t.at(ms, Input::Bytes(&[b'n'; 65_536]));
        let Probe::Http(p) = &t.probe else { unreachable!() };
        assert!(p.held() <= 2 * body::WINDOW, "{}", p.held());
    }
    assert_eq!(t.failed(), Reason::TotalTimeout);
    assert_eq!(ms, 60_001);
}

#[test]
fn a_slow_drip_lives_over_plain_http_until_the_total_limit() {
    let drip = |tls, total| {
        let mut t = Talk::of(http(|c| c.tls = tls), total);
        t.at(0, Input::Connected);
        let mut ms = 0;
        while t.outcome().is_none() && ms < 100_000 {
            ms += 4_000;
            t.at(ms, Input::Bytes(b"x"));
        }
        (ms, t.outcome())
    };
    assert_eq!(drip(false, None), (100_000, None));
    let total = Some(Duration::from_secs(20));
    assert_eq!(drip(false, total), (20_000, Some(Outcome::Fail(Reason::TotalTimeout))));
    // Over TLS one timeout covers all reads.
    assert_eq!(drip(true, None), (8_000, Some(Outcome::Fail(Reason::ReadTimeout))));
}

#[test]
fn early_close_reset_and_half_open() {
    for said in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"garbage", b"\n\n", b"\0\0\0\0\r\n\r"] {
        assert_eq!(answer(http(|_| {}), said).failed(), Reason::EarlyClose);
    }
    let reset = IoError { kind: IoKind::Reset, code: 104 };
    let mut t = Talk::of(http(|_| {}), None);
    t.at(1, Input::Connected).say(OK).at(2, Input::ReadFailed(reset));
    assert_eq!(t.failed(), Reason::ReadFailed(reset));
    let mut t = Talk::of(http(|_| {}), None);
    t.at(1, Input::Connected).say(OK);
    assert_eq!(t.wait(), 5_001);
    assert_eq!(t.failed(), Reason::ReadTimeout);
}

#[test]
fn a_tls_peer_may_leave_without_saying_so() {
    let torn = IoError { kind: IoKind::Tls, code: 0 };
    let mut t = Talk::of(http(|c| c.tls = true), None);
    t.at(1, Input::Connected).say(OK).at(2, Input::ReadFailed(torn));
    assert!(t.passed());
    let mut t = Talk::of(http(|c| c.tls = true), None);
    t.at(1, Input::Connected).at(2, Input::ReadFailed(torn));
    assert_eq!(t.failed(), Reason::ReadFailed(torn));
    let mut t = Talk::of(http(|c| c.tls = true), None);
    t.at(1, Input::ConnectFailed(torn));
    assert_eq!(t.failed(), Reason::ConnectFailed(torn));
}

#[test]
fn redirects_are_a_status_and_not_followed() {
    let moved = b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n";
    let t = answer(http(|_| {}), moved);
    assert_eq!(t.failed(), Reason::Status(302));
    let connects = t.out.iter().filter(|a| matches!(a, Action::Io(Io::Connect(_)))).count();
    assert_eq!(connects, 1);
}

#[test]
fn smtp_greets_says_helo_and_quits() {
    let mut t = Talk::of(smtp(), None);
    t.at(1, Input::Connected).say(b"220 mail ready\r\n").say(b"250 hi\r\n");
    assert_eq!(t.outcome(), None);
    t.say(b"500 whatever\r\n");
    assert!(t.passed());
    assert_eq!(t.written(), "HELO me\r\n|QUIT\r\n");
}

#[test]
fn smtp_replies_may_have_several_lines_and_no_text() {
    for (greeting, helo) in [
        (&b"220-first\r\n220 last\r\n"[..], &b"250\r\n"[..]),
        (b"220\n", b"250-a\r\n250-b\r\n250 c\r\n"),
        (b"220 \r\n", b"250\n"),
    ] {
        let mut t = Talk::of(smtp(), None);
        t.at(1, Input::Connected).say(greeting).say(helo).say(b"221 bye\r\n");
        assert!(t.passed(), "{greeting:?} {helo:?}");
        let mut t = Talk::of(smtp(), None);
        t.at(1, Input::Connected);
        for part in [greeting, helo, b"221 bye\r\n"] {
            for b in part {
                t.say(&[*b]);
            }
        }
        assert!(t.passed(), "byte by byte {greeting:?} {helo:?}");
    }
}

#[test]
fn smtp_refuses_what_is_no_greeting() {
    for said in [&b"554 no\r\n"[..], b"22 \r\n", b"2200\r\n", b"SSH-2.0\r\n", b"\r\n", b"220x\r\n"]
    {
        let mut t = Talk::of(smtp(), None);
        t.at(1, Input::Connected).say(said);
        assert_eq!(t.failed(), Reason::BadGreeting, "{said:?}");
    }
    let mut t = Talk::of(smtp(), None);
    t.at(1, Input::Connected).say(b"220 a\r\n").say(b"421 busy\r\n");
    assert_eq!(t.failed(), Reason::BadHelo);
}

#[test]
fn smtp_ends_with_endless_lines_drips_and_early_closes() {
    let mut t = Talk::of(smtp(), None);
    t.at(1, Input::Connected);
    for _ in 0..100 {
        t.say(&[b'2'; 1_000]);
    }
    assert_eq!(t.failed(), Reason::BadGreeting);
    let mut t = Talk::of(smtp(), None);
    t.at(0, Input::Connected);
    for s in 1..10 {
        t.at(s * 1_000, Input::Bytes(b"2"));
    }
    assert_eq!(t.failed(), Reason::ReadTimeout);
    let mut t = Talk::of(smtp(), None);
    t.at(1, Input::Connected).say(b"220 a\r\n").at(2, Input::Eof);
    assert_eq!(t.failed(), Reason::EarlyClose);
}
