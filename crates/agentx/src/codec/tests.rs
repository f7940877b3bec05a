use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn any_oid() -> impl Strategy<Value = Oid> {
    prop_oneof![
        vec(any::<u32>(), 0..12).prop_map(Oid::new),
        vec(0u32..300, 1..8).prop_map(|ids| Oid::new([&INTERNET[..], &ids].concat())),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::Integer),
        vec(any::<u8>(), 0..20).prop_map(Value::Octets),
        Just(Value::Null),
        any_oid().prop_map(Value::Oid),
        any::<[u8; 4]>().prop_map(Value::Address),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge),
        any::<u32>().prop_map(Value::Ticks),
        vec(any::<u8>(), 0..20).prop_map(Value::Opaque),
        any::<u64>().prop_map(Value::Counter64),
        Just(Value::NoSuchObject),
        Just(Value::NoSuchInstance),
        Just(Value::EndOfMibView),
    ]
}

fn any_bindings() -> impl Strategy<Value = Vec<VarBind>> {
    vec((any_oid(), any_value()).prop_map(|(name, value)| VarBind { name, value }), 0..6)
}

fn any_ranges() -> impl Strategy<Value = Vec<Range>> {
    let range = (any_oid(), any::<bool>(), any_oid());
    vec(range.prop_map(|(start, include, end)| Range { start, include, end }), 0..6)
}

fn any_registration() -> impl Strategy<Value = Registration> {
    (any::<u8>(), any::<u8>(), any_oid(), proptest::option::of(any::<u32>()), any::<bool>())
        .prop_map(|(timeout, priority, subtree, upper, instance)| {
            let range = u8::from(upper.is_some());
            Registration { timeout, priority, range, subtree, upper, instance }
        })
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (any::<u8>(), any_oid(), vec(any::<u8>(), 0..30))
            .prop_map(|(timeout, id, description)| Body::Open { timeout, id, description }),
        any::<u8>().prop_map(|code| Body::Close(CloseReason::from_code(code))),
        any_registration().prop_map(Body::Register),
        any_registration().prop_map(Body::Unregister),
        any_ranges().prop_map(Body::Get),
        any_ranges().prop_map(Body::GetNext),
        (any::<u16>(), any::<u16>(), any_ranges()).prop_map(
            |(non_repeaters, max_repetitions, ranges)| {
                Body::GetBulk { non_repeaters, max_repetitions, ranges }
            }
        ),
        any_bindings().prop_map(Body::TestSet),
        Just(Body::CommitSet),
        Just(Body::UndoSet),
        Just(Body::CleanupSet),
        any_bindings().prop_map(Body::Notify),
        Just(Body::Ping),
        (any_oid(), vec(any::<u8>(), 0..30))
            .prop_map(|(id, description)| Body::AddAgentCaps { id, description }),
        any_oid().prop_map(Body::RemoveAgentCaps),
        (any::<u32>(), any::<u16>(), any::<u16>(), any_bindings()).prop_map(
            |(uptime, error, index, bindings)| {
                Body::Response { uptime, error: ResponseError(error), index, bindings }
            }
        ),
    ]
}

fn any_pdu() -> impl Strategy<Value = Pdu> {
    let context = proptest::option::of(vec(any::<u8>(), 0..9));
    (any::<[u32; 3]>(), context, any_body()).prop_map(|(ids, context, body)| {
        let [session, transaction, packet] = ids;
        Pdu { header: Header { session, transaction, packet }, context, body }
    })
}

proptest! {
    #[test]
    fn packets_come_back(pdus in vec(any_pdu(), 1..4)) {
        let mut bytes = Vec::new();
        pdus.iter().for_each(|pdu| encode(pdu, &mut bytes));
        let (mut at, mut got) = (0, Vec::new());
        while let Some((pdu, used)) = decode(&bytes[at..]).unwrap() {
            got.push(pdu);
            at += used;
        }
        prop_assert_eq!(got, pdus);
        prop_assert_eq!(at, bytes.len());
    }

    #[test]
    fn half_a_packet_is_waited_for(pdu in any_pdu(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        encode(&pdu, &mut bytes);
        prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), Ok(None));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200), kind in 0u8..20, flags: u8) {
        let _ = decode(&bytes);
        let length = (bytes.len() / 4 * 4) as u8;
        let mut head = vec![1, kind, flags, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let size = u32::from(length);
        let big = flags & BIG_ENDIAN != 0;
        head.extend(if big { size.to_be_bytes() } else { size.to_le_bytes() });
        head.extend(bytes);
        if let Ok(Some((_, used))) | Err(Malformed::Payload { used, .. }) =
            decode(&head).map(|done| done.map(|(pdu, used)| (Some(pdu), used)))
        {
            prop_assert!(used <= head.len());
        }
    }
}

#[test]
fn a_packet_of_the_little_endian_kind_is_read() {
    // Get of 1.3.6.1.2.1.1.1.0, start only.
    let mut bytes = vec![1, 5, 0, 0];
    for field in [7u32, 8, 9, 24] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend([4, 2, 1, 0]);
    for id in [1u32, 1, 1, 0] {
        bytes.extend(id.to_le_bytes());
    }
    bytes.extend([0, 0, 0, 0]);
    let (pdu, used) = decode(&bytes).unwrap().unwrap();
    let start = Oid::new([1, 3, 6, 1, 2, 1, 1, 1, 0]);
    assert_eq!(pdu.header, Header { session: 7, transaction: 8, packet: 9 });
    assert_eq!(pdu.body, Body::Get(vec![Range { start, include: true, end: Oid::default() }]));
    assert_eq!(used, bytes.len());
}

#[test]
fn what_cannot_be_a_packet_ends_the_stream() {
    let head = |version: u8, length: u32| {
        let mut bytes = vec![version, 13, BIG_ENDIAN, 0];
        [0, 0, 0, length].iter().for_each(|field| bytes.extend(field.to_be_bytes()));
        bytes
    };
    assert!(matches!(decode(&head(2, 0)), Err(Malformed::Stream(_))));
    assert!(matches!(decode(&head(1, 3)), Err(Malformed::Stream(_))));
    assert!(matches!(decode(&head(1, MAX_PAYLOAD as u32 + 4)), Err(Malformed::Stream(_))));
    assert!(decode(&head(1, 0)).unwrap().is_some());
}

#[test]
fn an_object_identifier_of_too_many_parts_is_refused() {
    let mut bytes = vec![1, 17, BIG_ENDIAN, 0];
    [0, 0, 0, 4 + 255 * 4].iter().for_each(|f: &u32| bytes.extend(f.to_be_bytes()));
    bytes.extend([255, 0, 0, 0]);
    bytes.resize(20 + 4 + 255 * 4, 0);
    assert!(matches!(decode(&bytes), Err(Malformed::Payload { used: 1044, .. })));
}
