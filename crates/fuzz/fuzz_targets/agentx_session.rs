//! A master agent that sends any bytes: the packets that are read come back as they were, the
//! session never panics, and it always has a next moment to try again at.
#![no_main]

use agentx::{Action, Config, Input, Oid, Session};
use core::time::Duration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some((pdu, _))) = agentx::decode(data) {
        let mut bytes = Vec::new();
        agentx::encode(&pdu, &mut bytes);
        let (again, used) = agentx::decode(&bytes).expect("ours").expect("whole");
        assert_eq!((again, used), (pdu, bytes.len()));
    }
    let mut now = Duration::from_secs(1);
    let (mut session, mut out) = (Session::new(now), Vec::new());
    let config = Config {
        description: "fuzz".into(),
        subtrees: vec![Oid::new([1, 3, 6])],
        capabilities: Vec::new(),
        ping: Duration::from_secs(120),
    };
    session.handle(now, Input::Enable(Box::new(config)), &mut out);
    for chunk in data.chunks(64) {
        if out.drain(..).any(|action| action == Action::Connect) {
            session.handle(now, Input::Connected, &mut out);
        }
        session.handle(now, Input::Data(chunk), &mut out);
        now = session.deadline().expect("it tries again");
        session.handle(now, Input::Tick, &mut out);
    }
});
