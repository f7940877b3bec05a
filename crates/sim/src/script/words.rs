//! Adverts and links from the words of a command.

use crate::config::{self, Error, next};
use crate::craft::Craft;
use core::net::IpAddr;
use types::IfIndex;
use vrrp_proto::{LinkFact, LinkSpec, Stacked};

pub(super) fn craft_word(
    c: &mut Craft,
    word: &str,
    words: &mut dyn Iterator<Item = &str>,
) -> Result<(), Error> {
    match word {
        "prio" => c.priority = next(words, word)?,
        "vrid" => c.vrid = next(words, word)?,
        "version" => {
            c.version = next(words, word)?;
            c.field = [0, if c.version == 2 { 1 } else { 100 }];
        }
        "type" => c.kind = next(words, word)?,
        "count" => c.count = Some(next(words, word)?),
        "seconds" => c.field[1] = next(words, word)?,
        "centiseconds" => c.field = next::<u16>(words, word)?.to_be_bytes(),
        "auth-type" => c.field[0] = next(words, word)?,
        "pass" => {
            let pass: String = next(words, word)?;
            c.field[0] = 1;
            for (to, from) in c.auth_data.iter_mut().zip(pass.bytes()) {
                *to = from;
            }
        }
        "to" => c.dst = next(words, word)?,
        "ttl" => c.ttl = next(words, word)?,
        "bad-checksum" => c.checksum_error = 1,
        "old-checksum" => c.pseudo_dst = Some(IpAddr::from([224, 0, 0, 18])),
        "total" => c.total = Some(next(words, word)?),
        "tail" => c.tail = vec![0; next(words, word)?],
        "ah" => {
            c.proto = 51;
            c.field[0] = 2;
            c.between = config::unhex(&next::<String>(words, word)?);
        }
        "no-vips" => c.vips.clear(),
        _ => return Err(format!("what is `{word}`?")),
    }
    Ok(())
}

/// The link that `spec` asks for.
pub fn link_of(spec: &LinkSpec, index: u32) -> LinkFact {
    LinkFact {
        index: IfIndex(index),
        name: spec.name.to_string(),
        up: true,
        multicast: true,
        hw_type: 1,
        mac: spec.kind.mac().unwrap_or_default().into(),
        broadcast: [0xff; 6].into(),
        mtu: 1500,
        set_up: true,
        group: spec.group,
        master: spec.master,
        stacked: Some(Stacked { parent: spec.parent, kind: spec.kind }),
        ..LinkFact::default()
    }
}

/// Flags (`IFF_*`) of an Ethernet interface that is set up, with and without a carrier.
const UP: u32 = 0x11043;
const DOWN: u32 = 0x1003;

/// A link from the words after `link`.
pub fn link(words: &mut dyn Iterator<Item = &str>) -> Result<LinkFact, Error> {
    let name = next(words, "link")?;
    let index: u32 = next(words, "link")?;
    let mut fact = LinkFact {
        index: IfIndex(index),
        name,
        up: true,
        flags: UP,
        set_up: true,
        multicast: true,
        noarp: false,
        hw_type: 1,
        mac: [2, 0, 0, 0, 0, index as u8].into(),
        broadcast: [0xff; 6].into(),
        mtu: 1500,
        ..LinkFact::default()
    };
    while let Some(word) = words.next() {
        match word {
            "group" => fact.group = next(words, word)?,
            "up" => (fact.up, fact.set_up, fact.flags) = (true, true, UP),
            "down" => (fact.up, fact.set_up, fact.flags) = (false, false, DOWN),
            // Set up, without a carrier.
            "cut" => (fact.up, fact.set_up, fact.flags) = (false, true, DOWN),
            "no-multicast" => fact.multicast = false,
            "noarp" => fact.noarp = true,
            "below" => fact.below = Some(IfIndex(next(words, word)?)),
            _ => return Err(format!("what is `{word}`?")),
        }
    }
    Ok(fact)
}
