use super::*;
use crate::wire::{self, Msg};
use proptest::collection::vec;
use proptest::prelude::*;

fn transaction() -> Transaction {
    let mut t = Transaction::new();
    t.renew_table(NftFamily::Ip, "vr");
    t.add_set(NftFamily::Ip, "vr", &Set::new("vips", &[DataType::Ip4Addr]));
    let elements: Vec<_> =
        (0..1_500u32).map(|n| Element::new(&[Value::Addr(n.to_be_bytes().into())])).collect();
    t.add_elements(NftFamily::Ip, "vr", "vips", &elements);
    t.add_chain(NftFamily::Ip, "vr", &Chain::base("in", Hook::Input, -1));
    let rule = Exprs::new().is_in(&[Field::Ip4Daddr], "vips").counter().drop();
    t.add_rule(NftFamily::Ip, "vr", "in", &rule);
    t
}

#[test]
fn a_transaction_is_one_batch_of_numbered_messages() {
    let (datagram, labels) = transaction().finish();
    let messages: Vec<_> = wire::messages(&datagram).collect();
    assert_eq!(messages.len(), labels.len());
    let numbers: Vec<_> = messages.iter().map(|m| m.seq as usize).collect();
    assert_eq!(numbers, (0..labels.len()).collect::<Vec<_>>());
    assert_eq!((labels[0].as_str(), labels[1].as_str()), ("begin", "add table ip vr"));
    assert_eq!(labels.iter().filter(|l| l.contains("elements ip vr vips")).count(), 3);
    assert_eq!((messages[0].kind, messages[messages.len() - 1].kind), (16, 17));
    assert_eq!(datagram.len() % 4, 0);
}

#[test]
fn news_of_a_removal_names_the_thing_and_who_did_it() {
    let (datagram, _) = transaction().finish();
    let mut news = Vec::new();
    for mut message in wire::messages(&datagram) {
        message.port = 77;
        news.extend(news::event(message));
    }
    let change = |new, object, name: &str| NftEvent::Change {
        new,
        object,
        family: NftFamily::Ip,
        table: "vr".to_owned(),
        name: name.to_owned(),
        port: 77,
    };
    assert_eq!(news[1], change(false, NftObject::Table, ""));
    assert_eq!(news[3], change(true, NftObject::Set, "vips"));
    assert_eq!(news[4], change(true, NftObject::Element, "vips"));
    assert_eq!(news[7], change(true, NftObject::Chain, "in"));
    assert_eq!(news[8], change(true, NftObject::Rule, "in"));
}

#[test]
fn elements_are_read_back_as_they_were_written() {
    let element = Element::mapped(&Value::Index(7), &Value::Name("eth0".to_owned()));
    let mut t = Transaction::new();
    t.add_elements(NftFamily::Ip6, "vr", "map", core::slice::from_ref(&element));
    let (datagram, _) = t.finish();
    let read: Vec<_> = wire::messages(&datagram)
        .filter_map(|message| news::elements(message.kind, message.payload))
        .flatten()
        .collect();
    assert_eq!(read, [element]);
}

#[test]
fn a_prefix_masks_what_it_compares() {
    let exprs = |text: &str, len| {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, 0, 0, 0);
        Exprs::new().is_within(Field::Ip6Saddr, text.parse().unwrap(), len).encode(&mut msg);
        msg.finish();
        buf
    };
    assert_eq!(exprs("fe80::1", 10), exprs("febf::", 10));
    assert_ne!(exprs("fe80::", 10), exprs("fec0::", 10));
    assert_ne!(exprs("fe80::", 10), exprs("fe80::", 11));
}

#[test]
fn names_longer_than_the_kernels_are_cut_and_not_refused_late() {
    let long = Element::new(&[Value::Name("a-name-of-twenty-one".to_owned())]);
    assert_eq!(long, Element::new(&[Value::Name("a-name-of-twent".to_owned())]));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(
        damage in vec((0usize..4000, any::<u8>()), 0..40),
        noise in vec(any::<u8>(), 0..300),
    ) {
        let (mut bytes, _) = transaction().finish();
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        for bytes in [bytes, noise] {
            for message in wire::messages(&bytes) {
                let _ = news::event(message);
                let _ = news::table(message.kind, message.payload);
                let _ = news::chain_of_rule(message.kind, message.payload);
                let _ = news::elements(message.kind, message.payload);
            }
        }
    }
}
