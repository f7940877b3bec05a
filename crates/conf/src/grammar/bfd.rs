//! `bfd_instance`.

use super::{ADDR, BOOL, Block, Keyword, int, kw, thousandths, word};
use crate::lower::vrrp::bfd;

/// Root-level keywords of BFD.
pub static ROOT: &[Keyword] = &[kw("bfd_instance", "A BFD session (RFC 5880).")
    .args(&[word("NAME")])
    .missing("bfd_instance needs a name - skipping the block")
    .block(&BFD_INSTANCE)
    .set(bfd::open)
    .close(bfd::close)];

/// Longest interval in microseconds.
const LONGEST: u64 = 4_294_967_000;

const BAD_TTL: &str = "({name}) {kw} '{}' is invalid - ignoring";

static BFD_INSTANCE: Block = Block::new(
    "bfd_instance",
    &[
        kw("neighbor_ip", "The peer.").args(&[word("ADDR")]).set(bfd::neighbor),
        kw("neighbour_ip", "The same.").args(&[word("ADDR")]).set(bfd::neighbor),
        kw("source_ip", "Local address.")
            .args(&[ADDR])
            .default("the kernel's choice")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(bfd::source),
        kw("min_rx", "Least interval in milliseconds at which packets are accepted.")
            .args(&[thousandths(1_000, LONGEST)])
            .default("10")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(|cx, a| bfd::time(cx, a, |d| &mut d.min_rx)),
        kw("min_tx", "Wanted interval in milliseconds between packets.")
            .args(&[thousandths(1_000, LONGEST)])
            .default("10")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(|cx, a| bfd::time(cx, a, |d| &mut d.min_tx)),
        kw("idle_tx", "Interval in milliseconds between packets while the session is not up.")
            .args(&[thousandths(1_000_000, LONGEST)])
            .default("1000")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(|cx, a| bfd::time(cx, a, |d| &mut d.idle_tx)),
        kw("multiplier", "Packets missed before the session is down.")
            .args(&[int(1, 255)])
            .default("5")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(|cx, a| bfd::change(cx, |d| d.multiplier = a.num(0))),
        kw("passive", "Wait for the peer to begin.")
            .default("off")
            .set(|cx, _| bfd::change(cx, |d| d.passive = true)),
        kw("ttl", "TTL or hop limit of packets.")
            .args(&[int(1, 255)])
            .default("255, IPv6: 64")
            .invalid(BAD_TTL)
            .set(|cx, a| bfd::change(cx, |d| d.ttl = a.opt_num(0))),
        kw("hoplimit", "The same.")
            .args(&[int(1, 255)])
            .invalid(BAD_TTL)
            .set(|cx, a| bfd::change(cx, |d| d.ttl = a.opt_num(0))),
        kw("max_hops", "Most hops that a packet may have come; -1: any.")
            .args(&[int(-1, 255)])
            .default("0")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(|cx, a| bfd::change(cx, |d| d.max_hops = a.num(0))),
        kw("multihop", "The peer is not a neighbour (RFC 5883, port 4784).")
            .args(&[BOOL])
            .default("off")
            .since("2.3")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .set(|cx, a| bfd::change(cx, |d| d.multihop = a.flag(0))),
        kw("weight", "What it adds to the priority of who tracks it; 0: down is a fault.")
            .args(&[word("N"), word("reverse").opt()])
            .default("0")
            .set(bfd::weight),
        kw("vrrp", "VRRP hears of it.")
            .default("both, when neither is given")
            .set(|cx, _| bfd::change(cx, |d| d.vrrp = true)),
        kw("checker", "Checkers hear of it.")
            .default("both, when neither is given")
            .set(|cx, _| bfd::change(cx, |d| d.checker = true)),
    ],
);
