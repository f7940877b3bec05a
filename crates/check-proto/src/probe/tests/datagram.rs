//! DNS, UDP, ICMP, and scripts.

use super::*;
use crate::probe::dns::NameError;
use types::Family;

fn dns_answer(id: u16, flags: [u8; 2]) -> Vec<u8> {
    let mut a = id.to_be_bytes().to_vec();
    a.extend_from_slice(&flags);
    a.extend_from_slice(&[0; 8]);
    a
}

#[test]
fn a_dns_query_is_written_as_rfc_1035_says() {
    let mut t = Talk::of(dns(), None);
    t.at(1, Input::Connected);
    let Action::Io(Io::Write(query)) = &t.out[1] else { panic!() };
    assert_eq!(
        **query,
        *b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x06\x00\x01"
    );
}

#[test]
fn dns_names_fit_the_protocol() {
    let root = dns::query("", 2).unwrap();
    assert_eq!(root[12..], [0, 0, 2, 0, 1]);
    assert_eq!(dns::query(".", 2).unwrap(), root);
    assert_eq!(dns::query("a.b.", 1), dns::query("a.b", 1));
    assert_eq!(dns::query("a..b", 1), Err(NameError::EmptyLabel));
    assert_eq!(dns::query(".a", 1), Err(NameError::EmptyLabel));
    let label = "x".repeat(63);
    assert!(dns::query(&label, 1).is_ok());
    assert_eq!(dns::query(&"x".repeat(64), 1), Err(NameError::LongLabel));
    assert_eq!(dns::query(&"x".repeat(300), 1), Err(NameError::LongLabel));
    let three = [label.as_str(); 3].join(".");
    assert!(dns::query(&format!("{three}.{}", "y".repeat(61)), 1).is_ok());
    assert_eq!(dns::query(&format!("{three}.{}", "y".repeat(62)), 1), Err(NameError::LongName));
}

#[test]
fn dns_takes_the_answer_to_its_query_and_waits_through_all_else() {
    let mut t = Talk::of(dns(), None);
    t.at(1, Input::Connected);
    for other in [
        dns_answer(0x4321, [0x81, 0x80]),
        dns_answer(0x1234, [0x01, 0x00]),
        dns_answer(0x1234, [0x81, 0x80])[..11].to_vec(),
        vec![],
    ] {
        t.say(&other);
        assert_eq!(t.outcome(), None, "{other:?}");
    }
    t.say(&dns_answer(0x1234, [0x81, 0x80]));
    assert!(t.passed());
    for rcode in 1..16 {
        let mut t = Talk::of(dns(), None);
        t.at(1, Input::Connected).say(&dns_answer(0x1234, [0x81, 0x80 | rcode]));
        assert_eq!(t.failed(), Reason::Rcode(rcode));
    }
}

#[test]
fn a_flood_of_other_datagrams_does_not_stretch_the_wait() {
    let mut t = Talk::of(dns(), None);
    t.at(0, Input::Connected);
    for ms in 1..6_000 {
        t.at(ms, Input::Bytes(&dns_answer(7, [0x81, 0x80])));
    }
    assert_eq!(t.failed(), Reason::ReadTimeout);
    let verdict = t.out.last().unwrap();
    assert!(matches!(verdict, Action::Verdict(v) if v.latency == Duration::from_secs(5)));
}

#[test]
fn udp_takes_silence_for_health_unless_a_reply_is_required() {
    let mut t = Talk::of(udp(false, vec![]), None);
    t.at(1, Input::Connected);
    assert_eq!(t.written(), "ping");
    assert_eq!(t.wait(), 5_001);
    assert!(t.passed());
    let mut t = Talk::of(udp(true, vec![]), None);
    t.at(1, Input::Connected).wait();
    assert_eq!(t.failed(), Reason::ReadTimeout);
}

#[test]
fn udp_reads_replies_and_icmp_errors_as_documented() {
    let open = vec![(0x5a, 0xff), (0, 0), (0x30, 0xf0)];
    for (require, pattern, input, want) in [
        (false, vec![], Input::Bytes(b"x"), true),
        (true, vec![], Input::Bytes(b""), true),
        (true, open.clone(), Input::Bytes(b"\x5a\xff\x3f more"), true),
        (true, open.clone(), Input::Bytes(b"\x5a"), true),
        (true, open.clone(), Input::Bytes(b"\x5a\xff\x4f"), false),
        (true, open, Input::Bytes(b"\x5b"), false),
        (false, vec![], Input::IcmpError { unreachable: true }, false),
        (false, vec![], Input::IcmpError { unreachable: false }, true),
        (true, vec![], Input::IcmpError { unreachable: false }, true),
        (false, vec![], Input::ReadFailed(REFUSED), false),
    ] {
        let mut t = Talk::of(udp(require, pattern.clone()), None);
        t.at(1, Input::Connected).at(2, input);
        assert_eq!(t.passed(), want, "{require} {pattern:?} {input:?}");
    }
}

fn reply(seq: u16) -> Vec<u8> {
    let mut packet = ping::request(Family::V4, seq);
    packet[0] = 0;
    packet
}

#[test]
fn an_echo_request_has_128_bytes_of_text() {
    let packet = ping::request(Family::V6, 0x0102);
    assert_eq!(packet[..8], [128, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(packet.len(), 136);
    assert!(packet[8..].starts_with(b"keepalived check - keepalived check - "));
}

#[test]
fn a_ping_keeps_its_socket_while_it_succeeds() {
    let (vs, rs) = (virtual_server(&[1]), real_server(1, 1));
    let config = checker(CheckKind::Ping(connect().into()));
    let site = crate::plan::Site { vs: &vs, rs: &rs, checker: &config };
    let plan = site.plan(&mut crate::plan::Shop::default()).unwrap();
    let mut t = Talk::start(&plan, None);
    t.at(1, Input::Connected).say(&reply(1));
    assert!(t.passed());
    assert!(!t.out.contains(&Action::Io(Io::Close)));
    let mut t = Talk::start(&plan, t.probe.link());
    assert!(matches!(&t.out[..], [Action::Io(Io::Write(p))] if p[7] == 2));
    t.say(&reply(1)); // a duplicate of the first
    assert_eq!(t.outcome(), None);
    t.say(&reply(2));
    assert!(t.passed());
    let mut t = Talk::start(&plan, t.probe.link());
    t.wait();
    assert_eq!(t.failed(), Reason::ReadTimeout);
    assert!(t.out.contains(&Action::Io(Io::Close)));
    assert_eq!(t.probe.link(), None, "a failure starts anew");
}

#[test]
fn what_is_no_echo_reply_is_not_read_as_one() {
    assert_eq!(ping::read_reply(&reply(9), Family::V4), Some(9));
    assert_eq!(ping::read_reply(&reply(9), Family::V6), None);
    assert_eq!(ping::read_reply(&ping::request(Family::V4, 9), Family::V4), None);
    assert_eq!(ping::read_reply(&reply(9)[..7], Family::V4), None);
    assert_eq!(ping::read_reply(&[0, 1, 0, 0, 0, 0, 0, 9], Family::V4), None);
    assert_eq!(ping::read_reply(&[], Family::V4), None);
}

fn script(dynamic: bool, exit: Exit) -> Outcome {
    let plan = misc::Plan { script: ScriptId(1), timeout: Duration::from_secs(10), dynamic };
    let mut t = Talk::start(&Plan::Misc(plan), None);
    t.at(5, Input::Exit(exit));
    t.outcome().unwrap()
}

#[test]
fn a_scripts_exit_is_its_verdict() {
    use Exit::{Signal, Status, TimedOut};
    let failed = |exit| Outcome::Fail(Reason::Script(exit));
    for (dynamic, exit, want) in [
        (false, Status(0), Outcome::Pass(Pass::Exit(0))),
        (false, Status(1), failed(Status(1))),
        (false, Status(2), failed(Status(2))),
        (true, Status(0), Outcome::Pass(Pass::Exit(0))),
        (true, Status(1), failed(Status(1))),
        (true, Status(2), Outcome::Pass(Pass::Exit(2))),
        (true, Status(255), Outcome::Pass(Pass::Exit(255))),
        (true, TimedOut, failed(TimedOut)),
        (true, Signal(9), failed(Signal(9))),
    ] {
        assert_eq!(script(dynamic, exit), want);
    }
    assert!(matches!(script(false, Exit::NotStarted), Outcome::Skip(_)));
    assert_eq!([0, 1, 2, 255].map(misc::weight_of), [None, None, Some(0), Some(253)]);
}

#[test]
fn a_script_whose_end_nobody_tells_is_given_up() {
    let plan = misc::Plan { script: ScriptId(1), timeout: Duration::from_secs(10), dynamic: false };
    let mut t = Talk::start(&Plan::Misc(plan), None);
    assert_eq!(t.wait(), 30_000);
    assert!(matches!(t.outcome(), Some(Outcome::Skip(_))));
}
