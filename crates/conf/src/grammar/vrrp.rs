//! `vrrp_instance`, and the root-level keywords of the vrrp and bfd roles.

use super::{
    BOOL, Block, Entries, IFNAME, Keyword, SCRIPT, address, auth, int, kw, route, rule, secs,
    track, word,
};
use crate::lower::global::{self, sync_daemon};
use crate::lower::vrrp::{auth as lower_auth, draft, garp, instance, peer, vmac};

/// Root-level keywords of instances and static objects.
pub static ROOT: &[Keyword] = &[
    kw("vrrp_instance", "A virtual router.")
        .args(&[word("NAME")])
        .missing("vrrp_instance must have a name")
        .block(&VRRP_INSTANCE)
        .acted()
        .set(draft::open)
        .close(draft::close),
    kw("static_ipaddress", "Addresses that are there while the vrrp role runs.")
        .entries(&address::STATIC)
        .acted()
        .set(|cx, _| cx.build.config.vrrp.static_blocks = true),
    kw("static_routes", "Routes that are there while the vrrp role runs.")
        .acted()
        .entries(&route::STATIC)
        .set(|cx, _| cx.build.config.vrrp.static_blocks = true),
    kw("static_rules", "Rules that are there while the vrrp role runs.")
        .acted()
        .entries(&rule::STATIC)
        .set(|cx, _| cx.build.config.vrrp.static_blocks = true),
];

static VRRP_INSTANCE: Block = Block::new("vrrp_instance", PROTOCOL)
    .with(ELECTION)
    .with(UNICAST)
    .with(LINKS)
    .with(ADDRESSES)
    .with(PACING)
    .with(track::TRACKERS)
    .with(track::NOTIFY)
    .with(REPORTS);

static PROTOCOL: &[Keyword] = &[
    kw("virtual_router_id", "Its number, the same on all routers of it.")
        .args(&[int(1, 255)])
        .invalid("({name}): VRID '{}' not valid - must be between 1 & 255")
        .acted()
        .set(instance::vrid),
    kw("version", "Version of VRRP.")
        .args(&[int(2, 3)])
        .default("vrrp_version")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(instance::version),
    kw("native_ipv6", "IPv6 and version 3, whatever addresses follow.")
        .default("off")
        .acted()
        .set(instance::native_ipv6),
    kw("advert_int", "Seconds between adverts: whole ones (version 2) or to 0.01 (version 3).")
        .args(&[secs(10_000, 255_000_000)])
        .default("1")
        .invalid("({name}) Advert interval ({}) not valid! Must be > 0 - ignoring")
        .acted()
        .set(instance::advert_int),
    kw("v3_checksum_as_v2", "VRRPv3 checksums over IPv4 leave the pseudo header out.")
        .args(&[BOOL])
        .default("global")
        .since("2.3")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.v3_checksum_as_v2 = Some(on);
            }
        }),
    kw("skip_check_adv_addr", "Check the address list of a new master's first advert only.")
        .args(&[BOOL])
        .default("vrrp_skip_check_adv_addr")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(instance::skip_check_adv_addr),
    kw("strict_mode", "Keep to the RFC to the letter.")
        .args(&[BOOL])
        .default("vrrp_strict")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.strict = Some(on);
            }
        }),
    kw("authentication", "RFC 2338 authentication, version 2.")
        .block(&auth::AUTHENTICATION)
        .acted()
        .set(lower_auth::open),
    kw("auth_hmac", "Authentication by HMAC-SHA-256.")
        .block(&auth::AUTH_HMAC)
        .since("2.4")
        .acted()
        .set(lower_auth::open_hmac),
    kw("debug", "No effect.")
        .args(&[int(0, 4)])
        .default("0")
        .invalid("({name}) Debug value '{}' not valid; must be between 0-4")
        .acted()
        .set(|cx, a| {
            let level = a.num(0);
            if let Some(made) = cx.made() {
                made.debug = level;
            }
        }),
];

static ELECTION: &[Keyword] = &[
    kw("state", "Initial wish: MASTER implies priority 255 where none is given.")
        .args(&[word("MASTER|BACKUP")])
        .default("BACKUP")
        .acted()
        .set(instance::state),
    kw("priority", "The highest one becomes master; 255 owns the addresses.")
        .args(&[int(1, 255)])
        .default("100")
        .invalid("({name}) {kw} '{}' is invalid - using 100")
        .or_use(100)
        .acted()
        .set(instance::priority),
    kw("nopreempt", "A lower master stays.").default("off").acted().set(|cx, _| {
        if let Some(made) = cx.made() {
            made.nopreempt = true;
        }
    }),
    kw("preempt", "The opposite of nopreempt.").default("on").acted().set(|cx, _| {
        if let Some(made) = cx.made() {
            made.nopreempt = false;
        }
    }),
    kw("preempt_delay", "Seconds before a lower master is preempted.")
        .args(&[secs(0, 1_000_000_000)])
        .default("0")
        .invalid("({name}) Preempt_delay not valid! must be between 0-1000")
        .or_use(0)
        .acted()
        .set(instance::preempt_delay),
    kw("down_timer_adverts", "Missed adverts after which the master counts as down.")
        .args(&[int(1, 100).lenient()])
        .default("vrrp_down_timer_adverts")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let adverts = a.opt_num(0);
            if let Some(given) = cx.given() {
                given.down_timer_adverts = adverts;
            }
        }),
    kw("timer_expired_backup", "Step down when late enough for a peer of this priority.")
        .args(&[int(1, 254).opt()])
        .default("off; bare: 254")
        .since("2.4")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(instance::timer_expired_backup),
    kw("thread_timer_expired", "Old spelling of timer_expired_backup.")
        .args(&[int(1, 254).opt()])
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(instance::timer_expired_backup),
    kw("lower_prio_no_advert", "A master stays silent at a lower advert.")
        .args(&[BOOL])
        .default("vrrp_lower_prio_no_advert")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.lower_prio_no_advert = Some(on);
            }
        }),
    kw("higher_prio_send_advert", "A master answers a higher advert with one of its own.")
        .args(&[BOOL])
        .default("vrrp_higher_prio_send_advert")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.higher_prio_send_advert = Some(on);
            }
        }),
    kw("owner_ignore_adverts", "An address owner ignores all adverts.")
        .args(&[BOOL])
        .default("vrrp_owner_ignore_adverts")
        .since("2.3")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.owner_ignore_adverts = Some(on);
            }
        }),
    kw("accept", "A master accepts packets to addresses that it does not own.")
        .default("on, unless strict")
        .acted()
        .set(|cx, _| {
            if let Some(given) = cx.given() {
                given.accept = Some(true);
            }
        }),
    kw("no_accept", "It drops them.").acted().set(|cx, _| {
        if let Some(given) = cx.given() {
            given.accept = Some(false);
        }
    }),
];

static UNICAST: &[Keyword] = &[
    kw("mcast_src_ip", "Source address of adverts.")
        .args(&[word("ADDR")])
        .default("the interface's first address")
        .acted()
        .set(peer::source),
    kw("unicast_src_ip", "Source address of unicast adverts.")
        .args(&[word("ADDR")])
        .default("the interface's first address")
        .acted()
        .set(peer::source),
    kw("mcast_dst_ip", "Group that adverts go to.")
        .args(&[word("ADDR")])
        .default("vrrp_mcast_group4 or vrrp_mcast_group6")
        .acted()
        .set(peer::mcast_group),
    kw("track_src_ip", "FAULT while the source address is not there.").default("off").acted().set(
        |cx, _| {
            if let Some(made) = cx.made() {
                made.track_source = true;
            }
        },
    ),
    kw("unicast_peer", "Routers that adverts go to, in place of the group.")
        .entries(&PEERS)
        .acted()
        .set(|cx, _| {
            if let Some(given) = cx.given() {
                given.unicast = true;
            }
        }),
    kw("unicast_fault_no_peer", "FAULT, not multicast, where there are no peers.")
        .default("off")
        .acted()
        .set(|cx, _| {
            if let Some(given) = cx.given() {
                given.fault_no_peer = true;
            }
        }),
    kw("check_unicast_src", "Drop unicast adverts that are not from a peer.")
        .default("vrrp_check_unicast_src")
        .acted()
        .set(|cx, _| {
            if let Some(given) = cx.given() {
                given.check_unicast_src = true;
                given.unicast = true;
            }
        }),
    kw("unicast_ttl", "TTL or hop limit of unicast adverts.")
        .args(&[int(0, 255)])
        .default("255; IPv6: the kernel's")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let ttl = a.opt_num(0);
            if let Some(given) = cx.given() {
                given.unicast_ttl = ttl;
            }
        }),
    kw("old_unicast_checksum", "The multicast group is in the checksum of VRRPv3; never: not so.")
        .args(&[word("never").opt()])
        .default("found out")
        .acted()
        .set(instance::old_unicast_checksum),
];

static PEERS: Entries = Entries::lines("ADDR [min_ttl N] [max_ttl N]", peer::peer);

static LINKS: &[Keyword] = &[
    kw("interface", "Interface that adverts use.")
        .args(&[IFNAME])
        .invalid("'{}' is too long for an interface name (15 bytes) - ignoring")
        .acted()
        .set(instance::interface),
    kw("vrf", "VRF of unicast without an interface.")
        .args(&[IFNAME])
        .invalid("'{}' is too long for an interface name (15 bytes) - ignoring")
        .acted()
        .set(instance::vrf),
    kw("dont_track_primary", "The state of the own interface does not count.")
        .default("off")
        .acted()
        .set(|cx, _| {
            if let Some(made) = cx.made() {
                made.dont_track_primary = true;
            }
        }),
    kw("use_vmac", "Adverts and addresses on an interface with the virtual MAC.")
        .args(&[word("[[name] IF] [MAC] [group GROUP] [netlink_notify_msg]").rest(0)])
        .default("off")
        .acted()
        .set(vmac::vmac),
    kw("use_vmac_addr", "VMACs for addresses on other interfaces too.").default("off").acted().set(
        |cx, _| {
            if let Some(made) = cx.made() {
                made.vmac_addr = true;
            }
        },
    ),
    kw("vmac_xmit_base", "Adverts leave from the interface itself.").default("off").acted().set(
        |cx, _| {
            if let Some(made) = cx.made() {
                made.vmac_xmit_base = true;
            }
        },
    ),
    kw("use_ipvlan", "Adverts and addresses on an ipvlan interface.")
        .args(&[word("[[name] IF] [ADDR[/LEN]] [bridge|private|vepa] [group GROUP]").rest(0)])
        .default("off")
        .acted()
        .set(vmac::ipvlan),
    kw("promote_secondaries", "The kernel keeps secondary addresses when the first goes.")
        .default("off")
        .acted()
        .set(|cx, _| {
            if let Some(made) = cx.made() {
                made.promote_secondaries = true;
            }
        }),
    kw("linkbeat_use_polling", "Old: poll the link; use linkbeat_interfaces.")
        .acted()
        .set(instance::linkbeat),
    kw("lvs_sync_daemon_interface", "Old: use lvs_sync_daemon in global_defs.")
        .acted()
        .args(&[IFNAME])
        .set(sync_daemon::of_instance),
    kw("kernel_rx_buf_size", "Receive buffer in bytes.")
        .args(&[int(1, u32::MAX as i64)])
        .default("vrrp_rx_bufs_policy")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .refuse_extra("({name}) {kw} takes one number - ignoring")
        .acted()
        .set(|cx, a| {
            let bytes = a.opt_num(0);
            if let Some(made) = cx.made() {
                made.kernel_rx_buf_size = bytes;
            }
        }),
];

static ADDRESSES: &[Keyword] = &[
    kw("virtual_ipaddress", "Addresses that the master holds.").entries(&address::VIPS).acted(),
    kw("virtual_ipaddress_excluded", "Addresses that the master holds and adverts leave out.")
        .entries(&address::EVIPS)
        .acted(),
    kw("no_virtual_ipaddress", "That there are no addresses is meant.")
        .default("off")
        .since("2.3")
        .acted()
        .set(|cx, _| {
            if let Some(made) = cx.made() {
                made.no_vips = true;
            }
        }),
    kw("virtual_routes", "Routes that the master holds.").entries(&route::VIRTUAL).acted(),
    kw("virtual_rules", "Rules that the master holds.").entries(&rule::VIRTUAL).acted(),
];

static PACING: &[Keyword] = &[
    kw("garp_master_delay", "Seconds to the second batch after becoming master; 0: none.")
        .args(&[int(0, 4294).lenient()])
        .default("vrrp_garp_master_delay")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            if let Some(given) = cx.given() {
                given.garp.master_delay = instance::seconds(a);
            }
        }),
    kw("garp_master_repeat", "Packets per address and batch.")
        .args(&[int(0, i32::MAX as i64).lenient()])
        .default("vrrp_garp_master_repeat")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let repeat = global::at_least_one(cx, a);
            if let Some(given) = cx.given() {
                given.garp.master_repeat = Some(repeat);
            }
        }),
    kw("garp_master_refresh", "Seconds between refreshes while master; 0: none.")
        .args(&[int(0, u32::MAX as i64).lenient()])
        .default("vrrp_garp_master_refresh")
        .invalid("({name}) {kw} '{}' is invalid - no refresh")
        .or_use(0)
        .acted()
        .set(|cx, a| {
            if let Some(given) = cx.given() {
                given.garp.master_refresh = instance::seconds(a);
            }
        }),
    kw("garp_master_refresh_repeat", "Packets per address and refresh.")
        .args(&[int(0, i32::MAX as i64).lenient()])
        .default("vrrp_garp_master_refresh_repeat")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let repeat = global::at_least_one(cx, a);
            if let Some(given) = cx.given() {
                given.garp.master_refresh_repeat = Some(repeat);
            }
        }),
    kw("garp_lower_prio_delay", "Seconds to the second batch after a lower advert; 0: none.")
        .args(&[int(0, 4294).lenient()])
        .default("vrrp_garp_lower_prio_delay")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            if let Some(given) = cx.given() {
                given.garp.lower_prio_delay = instance::seconds(a);
            }
        }),
    kw("garp_lower_prio_repeat", "Packets per address and batch after a lower advert.")
        .args(&[int(0, i32::MAX as i64).lenient()])
        .default("vrrp_garp_lower_prio_repeat")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let repeat = a.opt_num(0);
            if let Some(given) = cx.given() {
                given.garp.lower_prio_repeat = repeat;
            }
        }),
    kw(
        "garp_extra_if",
        "Seconds between packets on VMACs of other interfaces; all: on others too.",
    )
    .args(&[word("[all] SECONDS").rest(0)])
    .default("vrrp_garp_extra_if")
    .acted()
    .set(extra_if),
    kw("vmac_garp_intvl", "Old spelling of garp_extra_if.")
        .args(&[word("[all] SECONDS").rest(0)])
        .deprecated("use garp_extra_if")
        .acted()
        .set(extra_if),
];

fn extra_if(cx: &mut crate::lower::Cx<'_>, a: &crate::args::Args<'_>) {
    let extra = garp::extra_if(cx, a, 0);
    if let (Some(extra), Some(given)) = (extra, cx.given()) {
        given.garp.extra_if = Some(extra);
    }
}

static REPORTS: &[Keyword] = &[
    kw("notify_deleted", "Run when a reload removes it; bare: it is then reported as DELETED.")
        .args(&[SCRIPT.opt()])
        .acted()
        .set(instance::notify_deleted),
    kw("notify_master_rx_lower_pri", "Run when the master hears a lower advert.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| draft::notify(cx, a, |n| &mut n.master_rx_lower_pri)),
    kw("smtp_alert", "Mail its transitions.")
        .acted()
        .args(&[BOOL])
        .default("smtp_alert_vrrp")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.smtp_alert = Some(on);
            }
        }),
    kw("notify_priority_changes", "Write its priority changes to the FIFOs.")
        .args(&[BOOL])
        .default("vrrp_notify_priority_changes")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let on = a.flag(0);
            if let Some(given) = cx.given() {
                given.notify_priority_changes = Some(on);
            }
        }),
];
