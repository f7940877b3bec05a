//! Interfaces by themselves, and track groups.

use super::{Block, Entries, Keyword, kw, word};
use crate::lower::vrrp::links;

/// Root-level keywords of interfaces.
pub static ROOT: &[Keyword] = &[
    kw("interface_up_down_delays", "How long a link change must last before it counts.")
        .entries(&DELAYS)
        .acted(),
    kw("linkbeat_interfaces", "Interfaces whose link is polled.").entries(&LINKBEAT).acted(),
    kw("garp_group", "Interfaces that share one pacing of gratuitous packets.")
        .block(&super::garp::GARP_GROUP)
        .acted()
        .set(crate::lower::vrrp::garp::open)
        .close(crate::lower::vrrp::garp::close),
    kw("track_group", "Instances that static objects follow.")
        .args(&[word("NAME")])
        .missing("track_group needs a name - skipping the block")
        .block(&TRACK_GROUP)
        .acted()
        .set(links::open_track_group)
        .close(links::close_track_group),
];

static DELAYS: Entries = Entries::lines("IF DOWN [UP]", links::delays);
static LINKBEAT: Entries = Entries::lines("IF [MII|ETHTOOL|IOCTL]", links::linkbeat);

static TRACK_GROUP: Block = Block::new(
    "track_group",
    &[kw("group", "Its instances.").entries(&MEMBERS).acted().close(links::close_track_members)],
);

static MEMBERS: Entries = Entries::words("INSTANCE", |cx, a| {
    if let Some((_, members)) = &mut cx.build.vrrp.track_group {
        members.push(a.string(0));
    }
});
