//! Addresses of adverts: sources, destinations and unicast peers.

use std::net::IpAddr;

use model::vrrp::Peer;
use types::Family;

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::value::{self, IntStyle};

/// `mcast_src_ip` and `unicast_src_ip`.
pub fn source(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (name, word) = (cx.block_name().to_owned(), a.str(0));
    let Some(address) = value::address(word) else {
        let text = format!("({name}) source address {word} is no address - ignoring it");
        cx.error(Code::BadAddress, a.span(0), text);
        return;
    };
    let Some(draft) = &mut cx.build.vrrp.instance else { return };
    if !draft.takes_family(Family::of(address)) {
        let text =
            format!("({name}) source address {word} is not of the instance's family - ignoring it");
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    draft.made.source = Some(address);
    draft.given.unicast |= a.name() == "unicast_src_ip";
}

/// `mcast_dst_ip`.
pub fn mcast_group(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (name, word) = (cx.block_name().to_owned(), a.str(0));
    let wrong = match value::address(word) {
        None => Some(format!("({name}) mcast_dst_ip {word} is no address - ignoring it")),
        Some(group) if !group.is_multicast() => {
            Some(format!("({name}) mcast_dst_ip {word} is no multicast group - ignoring it"))
        }
        Some(IpAddr::V6(group)) if group.segments()[0] & 0xf != 2 => Some(format!(
            "({name}) mcast_dst_ip {word} is not of link-local scope (ff02::/16) - ignoring it"
        )),
        Some(group) => {
            if let Some(given) = cx.given() {
                given.mcast_group = Some(group);
            }
            None
        }
    };
    if let Some(text) = wrong {
        cx.error(Code::BadAddress, a.span(0), text);
    }
}

/// An entry `ADDR [min_ttl N] [max_ttl N]` of `unicast_peer`.
pub fn peer(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(draft) = &mut cx.build.vrrp.instance else { return };
    draft.given.unicast = true;
    let (name, word) = (draft.name().to_owned(), a.str(0));
    let Some(addr) = value::address(word) else {
        let text = format!("({name}) unicast peer {word} is no address - ignoring it");
        cx.error(Code::BadAddress, a.span(0), text);
        return;
    };
    if !draft.takes_family(Family::of(addr)) {
        let text = format!(
            "Configuration error: VRRP instance[{name}] and unicast peer address[{word}] MUST be \
             of the same family !!! Skipping..."
        );
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    if draft.given.peers.iter().any(|p| p.addr == addr) {
        let text = format!("({name}) duplicate unicast peer {word} - ignoring");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    let (peer, limited) = limits(cx, a, &name, addr);
    if let Some(given) = cx.given() {
        given.peers.push(peer);
        given.ttl_limits |= limited;
    }
}

/// The TTL limits of a peer, and whether there are any.
fn limits(cx: &mut Cx<'_>, a: &Args<'_>, name: &str, addr: IpAddr) -> (Peer, bool) {
    let mut peer = Peer { addr, min_ttl: 0, max_ttl: 255 };
    let mut limited = false;
    let mut i = 1;
    while let Some(option) = a.get(i) {
        let Some(word) = a.get(i + 1) else {
            cx.error(Code::Missing, a.span(i), format!("({name}) {option} needs a value"));
            break;
        };
        let slot = match option {
            "min_ttl" => &mut peer.min_ttl,
            "max_ttl" => &mut peer.max_ttl,
            _ => {
                let text = format!("({name}) {} - unknown unicast_peer option {option}", a.str(0));
                let diag = Diag::new(Level::General, Code::UnknownKeyword, a.span(i), text);
                cx.report(diag.did_you_mean(option, ["min_ttl", "max_ttl"].into_iter()));
                i += 2;
                continue;
            }
        };
        match value::integer(word, 0, 255, IntStyle { lenient: false, any_base: false }) {
            Ok(read) => {
                *slot = u8::try_from(read.value).unwrap_or(*slot);
                limited = true;
            }
            Err(cause) => {
                let diag = Diag::new(Level::General, Code::BadNumber, a.span(i + 1), cause);
                cx.report(diag.help(format!("{option} of a peer is a TTL")));
            }
        }
        i += 2;
    }
    if peer.min_ttl > peer.max_ttl {
        let text = format!(
            "({name}) min_ttl {} is more than max_ttl {}: nothing from this peer will be accepted",
            peer.min_ttl, peer.max_ttl
        );
        cx.error(Code::Conflict, a.whole(), text);
    }
    (peer, limited)
}
