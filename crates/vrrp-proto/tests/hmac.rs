//! `auth_hmac` over time: clocks that differ, step or stand, and what is remembered of senders.

mod common;

use common::{Host, instance};
use core::net::IpAddr;
use core::time::Duration;
use vrrp_proto::{HmacReject, Input, InstanceEvent, Reject, Setup};

const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Seconds after 1970 at which every host starts.
const BEGIN: u64 = 1_000_000;

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn start(words: &str, last: u8) -> Host {
    let words = format!("VI version 3 prio 150 hmac 1 {KEY} {words} vip 10.0.0.100/24");
    Host::start(&instance(&words), ip(last))
}

fn set_clock(h: &mut Host, unix: u64) {
    h.handle(Input::Clock { unix: Duration::from_secs(unix) });
}

fn replay() -> Option<Reject> {
    Some(Reject::Hmac(HmacReject::Replay))
}

/// The next advert of a master.
fn next(h: &mut Host) -> Vec<u8> {
    h.next_timer().pop().unwrap()
}

#[test]
fn a_clock_that_is_half_a_window_off_is_told() {
    let mut sender = start("", 1);
    let packet = sender.master();
    for (ours, told) in [(BEGIN, Some(3)), (BEGIN + 2, None), (BEGIN + 7, Some(-4))] {
        let mut h = start("", 2);
        set_clock(&mut h, ours);
        assert_eq!(h.hear(ip(1), &packet), None);
        let skew = h.events().find_map(|e| match e {
            InstanceEvent::ClockSkew { skew, .. } => Some(*skew),
            _ => None,
        });
        assert_eq!(skew, told, "{ours}");
    }
}

#[test]
fn only_who_has_the_key_moves_what_is_remembered() {
    let mut sender = start("", 1);
    let (first, second) = (sender.master(), next(&mut sender));
    let mut h = start("", 2);
    set_clock(&mut h, BEGIN + 3);
    // Later than both, but nobody signed it.
    let mut forged = second.clone();
    let at = forged.len() - 28;
    forged[at + 7] += 3;
    assert_eq!(h.hear(ip(1), &forged), Some(Reject::Hmac(HmacReject::Invalid)));
    assert_eq!(h.hear(ip(1), &first), None);
    assert_eq!(h.hear(ip(1), &second), None);
    assert_eq!(h.hear(ip(1), &first), replay());
    assert_eq!(h.counters().advert_rcvd, 2);
}

#[test]
fn four_senders_are_remembered() {
    let packets: Vec<_> = (11..=14).map(|last| (last, start("", last).master())).collect();
    let mut h = start("", 2);
    set_clock(&mut h, BEGIN + 3);
    for (last, packet) in &packets {
        assert_eq!(h.hear(ip(*last), packet), None);
    }
    for (last, packet) in &packets {
        h.hear(ip(*last), packet);
    }
    assert_eq!(h.counters().auth_ext_replay, 4);
    assert_eq!(h.counters().advert_rcvd, 4);
}

/// Steps that fit in the window are hidden by the sequence, which only grows.
#[test]
fn a_sender_whose_clock_steps_back_a_little_is_heard() {
    let mut sender = start("", 1);
    let mut h = start("", 2);
    set_clock(&mut h, BEGIN + 3);
    assert_eq!(h.hear(ip(1), &sender.master()), None);
    for step in [BEGIN + 1, BEGIN + 2, BEGIN] {
        set_clock(&mut sender, step);
        let packet = next(&mut sender);
        assert_eq!(h.hear(ip(1), &packet), None);
        h.hear(ip(1), &packet);
    }
    assert_eq!(h.counters().advert_rcvd, 4);
    assert_eq!(h.counters().auth_ext_replay, 3);
}

/// All clocks step by an hour, back and forth: what was remembered is out of the window.
#[test]
fn clocks_that_step_together_change_nothing() {
    let mut sender = start("", 1);
    let mut h = start("", 2);
    set_clock(&mut h, BEGIN + 3);
    assert_eq!(h.hear(ip(1), &sender.master()), None);
    for unix in [BEGIN - 3_600, BEGIN + 7_200, BEGIN] {
        set_clock(&mut sender, unix);
        set_clock(&mut h, unix);
        let packet = next(&mut sender);
        assert_eq!(h.hear(ip(1), &packet), None, "{unix}");
    }
    assert_eq!(h.counters().advert_rcvd, 4);
}

#[test]
fn one_clock_that_steps_by_an_hour_is_told_as_such() {
    let mut sender = start("", 1);
    let mut h = start("", 2);
    set_clock(&mut h, BEGIN + 3);
    assert_eq!(h.hear(ip(1), &sender.master()), None);
    set_clock(&mut sender, BEGIN + 3_603);
    let packet = next(&mut sender);
    let rejected = h.hear(ip(1), &packet);
    let Some(Reject::Hmac(HmacReject::Stale { skew })) = rejected else {
        panic!("{rejected:?}");
    };
    assert!((3_600..=3_602).contains(&skew), "{skew}");
    // And it is heard as soon as it is right again.
    set_clock(&mut sender, BEGIN + 3);
    assert_eq!(h.hear(ip(1), &next(&mut sender)), None);
    assert_eq!(h.counters().advert_rcvd, 2);
}

/// `anti_replay monotonic` needs no clock: steps of either are nothing to it.
#[test]
fn monotonic_sequences_outlive_every_step() {
    let mut sender = start("hmac-mode monotonic", 1);
    let mut h = start("hmac-mode monotonic", 2);
    assert_eq!(h.hear(ip(1), &sender.master()), None);
    for unix in [BEGIN - 500_000, BEGIN - 400_000, 5] {
        set_clock(&mut sender, unix);
        let packet = next(&mut sender);
        assert_eq!(h.hear(ip(1), &packet), None, "{unix}");
        h.hear(ip(1), &packet);
    }
    assert_eq!(h.counters().advert_rcvd, 4);
    assert_eq!(h.counters().auth_ext_replay, 3);
}

#[test]
fn receive_only_sends_nothing_and_checks() {
    let mut quiet = start("hmac-mode receive-only", 1);
    let plain = Host::start(&instance("VI version 3 prio 150 vip 10.0.0.100/24"), ip(1)).master();
    assert_eq!(quiet.master().len(), plain.len());
    let mut h = start("hmac-mode receive-only", 2);
    set_clock(&mut h, BEGIN + 3);
    let signed = start("", 1).master();
    assert_eq!(h.hear(ip(1), &signed), None);
    assert_eq!(h.hear(ip(1), &signed), replay());
    assert_eq!(h.hear(ip(1), &plain), None);
    let mut forged = signed;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(h.hear(ip(1), &forged), Some(Reject::Hmac(HmacReject::Invalid)));
    assert_eq!(h.counters().advert_rcvd, 2);
}

/// Another setting that needs no other instance.
fn reload(h: &mut Host, words: &str) {
    let words = format!("VI version 3 prio 140 hmac 1 {KEY} {words} vip 10.0.0.100/24");
    let mut setup = Setup::default();
    setup.vrrp.instances.push(instance(&words));
    h.handle(Input::Reload(Box::new(setup)));
}

#[test]
fn a_reload_lets_no_old_packet_in() {
    let packet = start("", 1).master();
    let mut h = start("", 2);
    set_clock(&mut h, BEGIN + 3);
    assert_eq!(h.hear(ip(1), &packet), None);
    reload(&mut h, "");
    assert_eq!(h.hear(ip(1), &packet), replay());
}

/// With a clock that was set back, a sequence that began anew would be refused for as long.
#[test]
fn a_reload_does_not_make_our_packets_look_old() {
    let mut sender = start("hmac-mode monotonic", 1);
    let mut h = start("hmac-mode monotonic", 2);
    assert_eq!(h.hear(ip(1), &sender.master()), None);
    set_clock(&mut sender, BEGIN - 3_600);
    reload(&mut sender, "hmac-mode monotonic");
    assert_eq!(h.hear(ip(1), &next(&mut sender)), None);
    assert_eq!(h.counters().advert_rcvd, 2);
}
