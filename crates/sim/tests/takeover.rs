//! How fast and how cleanly a virtual router changes hands.

use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use model::vrrp::Version;
use sim::config;
use sim::world::{World, own};
use types::{Prefix, Priority};
use vrrp_proto::{Setup, State};

const MS: Duration = Duration::from_millis(1);

fn vip() -> Prefix {
    own(IpAddr::from([10, 0, 0, 100]))
}

/// Hosts of these priorities, at rest; the first is the best.
fn at_rest(interval: Duration, priorities: &[u8]) -> World {
    let host = |(h, priority): (usize, &u8)| {
        let mut i = config::plain("VI", 51, *priority);
        i.version = Version::V3;
        i.advert_int = interval;
        i.vips = vec![Address::plain(vip())];
        let mut setup = Setup::default();
        setup.vrrp.instances.push(i);
        (setup, IpAddr::from([10, 0, 0, h as u8 + 1]))
    };
    let mut w = World::new(7, priorities.iter().enumerate().map(host).collect());
    for h in 0..priorities.len() {
        w.start(h).unwrap();
    }
    w.run(interval * 20).unwrap();
    assert_eq!(w.masters(0), [0]);
    w
}

fn intervals() -> impl Iterator<Item = Duration> {
    [10, 100, 1_000].into_iter().map(Duration::from_millis)
}

#[test]
fn a_killed_master_is_replaced_within_the_master_down_interval() {
    for interval in intervals() {
        let mut w = at_rest(interval, &[200, 150, 100]);
        w.kill(0);
        let limit = vrrp_proto::timing::master_down(Version::V3, Priority(150), interval, 3);
        let took = w.run_while(limit * 2, |w| w.masters(0).is_empty()).unwrap();
        let took = took.expect("somebody takes over");
        assert!(took <= limit + MS, "{took:?} is more than {limit:?}");
        assert!(took >= limit - interval, "{took:?} is too soon for {limit:?}");
        w.run(interval * 20).unwrap();
        assert_eq!(w.masters(0), [1]);
    }
}

#[test]
fn a_stopped_master_is_replaced_within_the_skew_time() {
    for interval in intervals() {
        let mut w = at_rest(interval, &[200, 150, 100]);
        w.stop(0).unwrap();
        let limit = vrrp_proto::timing::skew(Version::V3, Priority(150), interval);
        let took = w.run_while(limit * 2, |w| w.masters(0).is_empty()).unwrap();
        let took = took.expect("somebody takes over");
        assert!(took <= limit + MS, "{took:?} is more than {limit:?}");
        assert!(!w.hosts[0].kernel.contains(&vip()));
        w.run(interval * 20).unwrap();
        assert_eq!(w.masters(0), [1]);
    }
}

#[test]
fn a_lost_link_is_like_a_kill_and_its_return_preempts_without_a_second_master_in_between() {
    let interval = Duration::from_millis(100);
    let mut w = at_rest(interval, &[200, 100]);
    w.set_link(0, false);
    let took = w.run_while(interval * 4, |w| w.masters(0) != [1]).unwrap();
    assert!(took.is_some());
    w.set_link(0, true);
    // The better one takes over; the other gives way as soon as it hears it.
    let mut both = 0;
    w.run_while(interval * 10, |w| {
        both += u32::from(w.masters(0).len() > 1);
        w.masters(0) != [0]
    })
    .unwrap()
    .expect("preemption");
    assert!(both <= 5, "two masters for {both} x 100 us");
}

#[test]
fn a_master_that_slept_listens_before_it_advertises() {
    let interval = Duration::from_millis(100);
    let mut w = at_rest(interval, &[200, 100]);
    w.hosts[0].asleep = Some(w.now + Duration::from_secs(60));
    w.run(Duration::from_millis(59_990)).unwrap();
    assert!(w.masters(0).contains(&1), "the peer took over");
    let adverts = w.adverts;
    w.run(Duration::from_millis(20)).unwrap();
    assert_eq!(w.state(0, 0), Some(State::Backup), "it listens");
    assert!(!w.hosts[0].kernel.contains(&vip()));
    assert!(w.adverts <= adverts + 1, "only the peer advertises");
    w.run(interval * 10).unwrap();
    assert_eq!(w.masters(0), [0]);
}

#[test]
fn a_backup_that_slept_does_not_take_over_from_a_living_master() {
    let mut w = at_rest(Duration::from_millis(100), &[200, 100]);
    w.hosts[1].asleep = Some(w.now + Duration::from_secs(60));
    for _ in 0..700 {
        w.run(Duration::from_millis(100)).unwrap();
        assert_eq!(w.masters(0), [0]);
    }
}

#[test]
fn nothing_but_the_master_speaks_in_quiet() {
    let mut w = at_rest(Duration::from_millis(100), &[200, 150, 100]);
    let before = w.adverts;
    w.run(Duration::from_secs(100)).unwrap();
    assert_eq!(w.adverts - before, 1_000, "one advert an interval, without drift");
    assert_eq!(w.masters(0), [0]);
}

#[test]
fn a_dead_daemon_that_starts_again_leaves_no_stray_address() {
    let interval = Duration::from_millis(100);
    let mut w = at_rest(interval, &[200, 100]);
    w.kill(0);
    w.run(interval * 10).unwrap();
    assert!(w.hosts[0].kernel.contains(&vip()), "the kernel still has it");
    w.hosts[0].setup.vrrp.instances[0].priority = Priority(50);
    w.start(0).unwrap();
    w.run(interval).unwrap();
    assert!(!w.hosts[0].kernel.contains(&vip()));
    w.run(interval * 10).unwrap();
    assert_eq!(w.masters(0), [1]);
}
