//! `garp_group`.

use super::global::LONGEST;
use super::{Block, Entries, IFNAME, kw, secs};
use crate::lower::vrrp::garp;

/// `garp_group`.
pub static GARP_GROUP: Block = Block::new(
    "garp_group",
    &[
        kw("garp_interval", "Least seconds between gratuitous ARPs.")
            .args(&[secs(0, LONGEST)])
            .invalid("garp_group garp_interval '{}' invalid")
            .acted()
            .set(|cx, a| garp::interval(cx, a, |g| &mut g.garp_interval)),
        kw("gna_interval", "Least seconds between neighbour advertisements.")
            .args(&[secs(0, LONGEST)])
            .invalid("garp_group gna_interval '{}' invalid")
            .acted()
            .set(|cx, a| garp::interval(cx, a, |g| &mut g.gna_interval)),
        kw("interface", "A member.").args(&[IFNAME]).acted().set(garp::interface),
        kw("interfaces", "Members.").entries(&INTERFACES).acted(),
    ],
);

static INTERFACES: Entries = Entries::words("IF", garp::interface);
