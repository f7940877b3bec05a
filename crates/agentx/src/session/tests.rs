use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config {
        description: "test".into(),
        subtrees: vec![Oid::new([1, 3, 6, 1, 4, 1, 1]), Oid::new([1, 3, 6, 1, 4, 1, 2])],
        capabilities: vec![(Oid::new([1, 3, 6, 1, 4, 1, 1]), "what".into())],
        ping: Duration::from_secs(120),
    }
}

/// A session and the master agent at its other end.
struct Pair {
    session: Session,
    now: Duration,
    out: Vec<Action>,
}

impl Pair {
    fn new() -> Self {
        let now = Duration::from_secs(1_000);
        let mut pair = Pair { session: Session::new(now), now, out: Vec::new() };
        pair.put(Input::Enable(Box::new(config())));
        pair
    }

    /// A session that is up.
    fn up() -> Self {
        let mut pair = Pair::new();
        assert_eq!(pair.take(), [Action::Connect]);
        pair.accept();
        pair
    }

    fn put(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input, &mut self.out);
    }

    fn take(&mut self) -> Vec<Action> {
        core::mem::take(&mut self.out)
    }

    /// The packets that were written.
    fn said(&mut self) -> Vec<Pdu> {
        let mut all = Vec::new();
        for action in self.take() {
            let Action::Write(bytes) = action else { continue };
            let mut rest = bytes.as_slice();
            while let Some((pdu, used)) = decode(rest).unwrap() {
                all.push(pdu);
                rest = &rest[used..];
            }
        }
        all
    }

    fn tell(&mut self, header: Header, body: Body) {
        let mut bytes = Vec::new();
        encode(&Pdu::new(header, body), &mut bytes);
        // Streams have no borders.
        for byte in bytes {
            self.put(Input::Data(&[byte]));
        }
    }

    fn respond(&mut self, to: &Pdu, error: ResponseError) {
        let header = Header { session: 77, ..to.header };
        let body = Body::Response { uptime: 0, error, index: 0, bindings: Vec::new() };
        self.tell(header, body);
    }

    fn accept(&mut self) {
        self.put(Input::Connected);
        let open = self.said();
        assert!(matches!(open[..], [Pdu { body: Body::Open { .. }, .. }]));
        self.respond(&open[0], ResponseError::NONE);
        let asked = self.said();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|pdu| pdu.header.session == 77));
        for pdu in &asked {
            self.respond(pdu, ResponseError::NONE);
        }
        assert!(self.session.is_up());
    }

    fn wait(&mut self) {
        self.now = self.session.deadline().unwrap();
        self.put(Input::Tick);
    }
}

#[test]
fn a_master_that_goes_is_waited_for_ever_longer_up_to_a_limit() {
    let mut pair = Pair::up();
    assert_eq!(pair.take(), [Action::Event(Event::Up)]);
    pair.put(Input::Lost("gone".into()));
    assert_eq!(pair.take(), [Action::Event(Event::Down("gone".into())), Action::Disconnect]);
    let mut pauses = Vec::new();
    for round in 0..6 {
        let before = pair.now;
        pair.wait();
        assert_eq!(pair.take(), [Action::Connect]);
        pauses.push((pair.now - before).as_secs());
        pair.put(Input::Lost("refused".into()));
        // It is said once.
        assert_eq!(pair.take().len(), if round == 0 { 2 } else { 1 });
    }
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15]);
    pair.wait();
    pair.accept();
}

#[test]
fn serving_again_after_serving_nothing_works() {
    let mut pair = Pair::up();
    pair.take();
    pair.put(Input::Disable);
    let said = pair.take();
    assert!(matches!(said[..], [Action::Write(_), Action::Disconnect]));
    assert_eq!(pair.session.deadline(), None);
    pair.put(Input::Enable(Box::new(config())));
    assert_eq!(pair.take(), [Action::Connect]);
    pair.accept();
}

#[test]
fn the_same_configuration_again_keeps_the_session() {
    let mut pair = Pair::up();
    pair.take();
    pair.put(Input::Enable(Box::new(config())));
    assert_eq!(pair.take(), []);
    let less = Config { subtrees: Vec::new(), ..config() };
    pair.put(Input::Enable(Box::new(less)));
    assert!(matches!(pair.take()[..], [Action::Write(_), Action::Disconnect, Action::Connect]));
}

#[test]
fn a_silent_master_is_left() {
    let mut pair = Pair::up();
    pair.take();
    let before = pair.now;
    pair.wait();
    assert_eq!(pair.now - before, 120 * SECOND);
    let ping = pair.said();
    assert!(matches!(ping[..], [Pdu { body: Body::Ping, .. }]));
    pair.respond(&ping[0], ResponseError::NONE);
    pair.wait();
    pair.take();
    pair.wait();
    assert!(matches!(pair.take()[..], [Action::Event(Event::Down(_)), Action::Disconnect]));
}

#[test]
fn a_refused_registration_is_tried_again() {
    let mut pair = Pair::new();
    pair.take();
    pair.put(Input::Connected);
    let open = pair.said();
    pair.respond(&open[0], ResponseError::NONE);
    let asked = pair.said();
    pair.respond(&asked[1], ResponseError::DUPLICATE_REGISTRATION);
    assert!(matches!(pair.take()[..], [Action::Event(Event::Refused { .. }), Action::Disconnect]));
    pair.wait();
    assert_eq!(pair.take(), [Action::Connect]);
    pair.accept();
}

#[test]
fn notifications_wait_for_the_master_and_the_oldest_give_way() {
    let mut pair = Pair::new();
    pair.take();
    for n in 0..=MAX_WAITING as u32 {
        let Pair { session, out, .. } = &mut pair;
        session.notify(Oid::new([1, 2, n]), Vec::new(), out);
    }
    pair.accept();
    let actions = pair.take();
    assert!(actions.contains(&Action::Event(Event::Dropped(1))));
    pair.out = actions;
    let said = pair.said();
    assert_eq!(said.len(), MAX_WAITING);
    let Body::Notify(bindings) = &said[0].body else { panic!("{:?}", said[0]) };
    assert_eq!(bindings[0].value, Value::Oid(Oid::new([1, 2, 1])));
}

#[test]
fn a_set_is_tested_committed_and_taken_back() {
    let mut pair = Pair::up();
    pair.take();
    let bindings = vec![VarBind::new(Oid::new([1, 2, 3]), Value::Integer(4))];
    let header = |packet| Header { session: 77, transaction: 5, packet };
    pair.tell(header(1), Body::TestSet(bindings.clone()));
    pair.tell(header(2), Body::CommitSet);
    pair.tell(header(3), Body::UndoSet);
    let queries: Vec<Query> = pair
        .take()
        .into_iter()
        .map(|action| match action {
            Action::Request(request) => request.query,
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        Query::Test(bindings.clone()),
        Query::Commit(bindings.clone()),
        Query::Undo(bindings.clone()),
    ];
    assert_eq!(queries, expected);
    pair.tell(header(4), Body::CleanupSet);
    assert_eq!(pair.take(), []);
    pair.tell(header(5), Body::CommitSet);
    let said = pair.said();
    assert!(matches!(
        said[..],
        [Pdu { body: Body::Response { error: ResponseError::COMMIT_FAILED, .. }, .. }]
    ));
}

#[test]
fn a_request_of_another_session_or_context_is_refused() {
    let mut pair = Pair::up();
    pair.take();
    pair.tell(Header { session: 78, transaction: 1, packet: 1 }, Body::Get(Vec::new()));
    let pdu = Pdu {
        header: Header { session: 77, transaction: 1, packet: 2 },
        context: Some(b"other".to_vec()),
        body: Body::Get(Vec::new()),
    };
    let mut bytes = Vec::new();
    encode(&pdu, &mut bytes);
    pair.put(Input::Data(&bytes));
    let errors: Vec<ResponseError> = pair
        .said()
        .into_iter()
        .map(|pdu| match pdu.body {
            Body::Response { error, .. } => error,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(errors, [ResponseError::NOT_OPEN, ResponseError::UNSUPPORTED_CONTEXT]);
}

#[test]
fn nonsense_ends_the_connection_and_not_the_session_for_good() {
    let mut pair = Pair::up();
    pair.take();
    pair.put(Input::Data(&[9; 40]));
    assert!(matches!(pair.take()[..], [Action::Event(Event::Down(_)), Action::Disconnect]));
    pair.wait();
    assert_eq!(pair.take(), [Action::Connect]);
    pair.accept();
}

proptest! {
    /// Whatever a master sends: no panic, no unbounded memory, and the way back stays open.
    #[test]
    fn a_hostile_master_cannot_end_it(
        steps in vec((vec(any::<u8>(), 0..60), 0u8..20, any::<bool>()), 0..20),
    ) {
        let mut pair = Pair::up();
        for (bytes, kind, framed) in steps {
            let mut packet = Vec::new();
            if framed {
                let length = (bytes.len() / 4 * 4) as u32;
                packet.extend([1, kind, 0x10, 0]);
                for field in [77, 1, pair.session.packet, length] {
                    packet.extend(field.to_be_bytes());
                }
                packet.extend(&bytes[..length as usize]);
            } else {
                packet = bytes;
            }
            pair.put(Input::Data(&packet));
            prop_assert!(pair.session.input.len() < 300_000);
            prop_assert!(pair.session.sets.len() <= MAX_SETS);
            prop_assert!(pair.session.deadline().is_some());
        }
        // Let it fail, then come back.
        if pair.session.has_connection() {
            pair.put(Input::Lost("gone".into()));
        }
        pair.take();
        pair.wait();
        prop_assert_eq!(pair.take(), [Action::Connect]);
        pair.accept();
    }
}
