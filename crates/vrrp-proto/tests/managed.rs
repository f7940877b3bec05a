//! What managers are told, and what they may change.

mod common;

use common::{Host, instance};
use core::net::IpAddr;
use core::time::Duration;
use sim::craft::Craft;
use types::Priority;
use vrrp_proto::{
    AuthError, Change, Input, InstanceEvent, NewMaster, Notice, ProtocolError, State,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn host(words: &str) -> Host {
    Host::start(&instance(&format!("VI {words} vip 10.0.0.100/24")), ip("10.0.0.2"))
}

fn advert(version: u8, priority: u8) -> Craft {
    let mut c = Craft::advert(version, 51, priority, ip("10.0.0.1"));
    c.vips = vec![ip("10.0.0.100")];
    c
}

fn hear(h: &mut Host, advert: &Craft) {
    h.hear(ip("10.0.0.1"), &advert.bytes());
}

fn notices(h: &Host) -> Vec<Notice> {
    let of = |e: &InstanceEvent| match e {
        InstanceEvent::Notice { notice, .. } => Some(*notice),
        _ => None,
    };
    h.events().filter_map(of).collect()
}

#[test]
fn notices_of_refused_adverts_are_rare() {
    let mut h = host("version 2");
    let wrong = advert(3, 150);
    hear(&mut h, &wrong);
    assert_eq!(notices(&h), [Notice::Protocol(ProtocolError::Version)]);
    for _ in 0..9 {
        h.now += Duration::from_millis(100);
        hear(&mut h, &wrong);
        assert_eq!(notices(&h), []);
    }
    h.now += Duration::from_millis(100);
    hear(&mut h, &wrong);
    assert_eq!(notices(&h).len(), 1);
    let status = h.node.instances().next().unwrap();
    assert_eq!(status.protocol_error(), ProtocolError::Version);
}

#[test]
fn a_foreign_password_is_a_failure_of_authentication() {
    let mut h = host("version 2 pass ours");
    hear(&mut h, &advert(2, 150));
    assert_eq!(notices(&h), [Notice::Auth(AuthError::TypeMismatch)]);
    assert_eq!(h.node.instances().next().unwrap().protocol_error(), ProtocolError::None);
}

fn new_master(h: &Host) -> NewMaster {
    h.node.instances().next().unwrap().new_master()
}

#[test]
fn why_an_instance_became_master_is_kept() {
    let mut silent = host("version 3");
    assert_eq!(new_master(&silent), NewMaster::Never);
    silent.master();
    assert_eq!(new_master(&silent), NewMaster::NoResponse);

    let mut left = host("version 3");
    hear(&mut left, &advert(3, 150));
    hear(&mut left, &advert(3, 0));
    left.master();
    assert_eq!(new_master(&left), NewMaster::Resigned);

    let mut better = host("version 3");
    hear(&mut better, &advert(3, 50));
    better.master();
    assert_eq!(new_master(&better), NewMaster::Preempted);
}

#[test]
fn a_manager_changes_the_base_priority_and_nothing_that_is_not_there() {
    let mut h = host("version 3");
    h.master();
    let mut change = |place, change| {
        h.out.clear();
        h.handle(Input::Change { place, change });
        let status = h.node.instances().next().unwrap();
        (status.config().priority, status.priority(), status.state())
    };
    let before = change(7, Change::Priority(Priority(9)));
    assert_eq!(before, (Priority(100), Priority(100), State::Master));
    assert_eq!(change(0, Change::Priority(Priority(0))), before);
    let after = change(0, Change::Priority(Priority(170)));
    assert_eq!(after, (Priority(170), Priority(170), State::Master));
    change(0, Change::Preempt(false));
    change(0, Change::Accept(false));
    let config = h.node.instances().next().unwrap().config();
    assert!(config.nopreempt && !config.accept);
    assert_eq!(h.node.check_invariants(), Ok(()));
}
