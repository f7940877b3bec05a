//! Bytes as configurations and facts.

use crate::config;
use core::net::IpAddr;
use core::time::Duration;
use model::Secret;
use model::global::RxBufsPolicy;
use model::net::{Address, GarpGroup};
use model::vrrp::{
    Auth, AuthHmac, Debounce, HmacMode, OldChecksum, Peer, SyncGroup, TrackInterface, TrackRef,
    Unicast, Version, Vmac, VrrpInstance,
};
use types::{Family, IfIndex, Prefix, Priority, TrackId, Vrid, Weight};
use vrrp_proto::{AddrFact, LinkFact, Setup};

pub(super) const NAMES: [&str; 3] = ["eth0", "eth1", "eth2"];
pub(super) const KINDS: [&str; 4] = ["script a", "file b", "process c", "bfd d"];

pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.next()) % n.max(1)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub(super) fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

pub(super) fn own(n: u8, family: Family) -> Prefix {
    let addr = match family {
        Family::V4 => IpAddr::from([10, 0, 0, n + 1]),
        Family::V6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(n) + 1]),
    };
    Prefix { addr, len: family.bits() / 2 }
}

pub(super) fn vip(n: u8, family: Family) -> Prefix {
    let addr = match family {
        Family::V4 => IpAddr::from([10, 0, 1, n]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)]),
    };
    Prefix { addr, len: family.bits() / 2 }
}

pub(super) fn addr(n: u32, prefix: Prefix) -> AddrFact {
    AddrFact { ifindex: IfIndex(n + 1), prefix, tentative: false }
}

pub(super) fn any_addr(b: &mut Bytes<'_>) -> AddrFact {
    let family = if b.flag() { Family::V4 } else { Family::V6 };
    let n = b.below(4) as u8;
    let prefix = if b.flag() { own(n, family) } else { vip(n, family) };
    AddrFact { tentative: b.next() < 20, ..addr(b.below(3) as u32, prefix) }
}

pub(super) fn link(b: &mut Bytes<'_>, n: u32) -> LinkFact {
    let bits = b.next();
    // Now and then another name or index: renamed or made anew.
    let name = NAMES[(n as usize + usize::from(bits & 0xc0 == 0xc0)) % NAMES.len()];
    LinkFact {
        index: IfIndex(n + 1 + u32::from(bits & 0x30 == 0x30)),
        name: name.to_owned(),
        up: bits & 3 != 0,
        set_up: bits & 7 != 0,
        multicast: bits & 12 != 12,
        noarp: bits == 9,
        hw_type: 1,
        mac: [2, 0, 0, 0, 0, n as u8].into(),
        broadcast: [0xff; 6].into(),
        mtu: 1500,
        ..LinkFact::default()
    }
}

pub(super) fn setup(b: &mut Bytes<'_>) -> Setup {
    let mut s = Setup::default();
    for kind in KINDS {
        s.tracks.extend(config::object(&mut kind.split(' ')));
    }
    for n in 0..b.below(5) {
        s.vrrp.instances.push(instance(b, n));
    }
    if b.flag() {
        let members = s.vrrp.instances.iter().take(2).map(|i| i.name.clone()).collect();
        let tracks = if b.flag() { vec![track(b)] } else { Vec::new() };
        let tracking_weight = b.flag();
        let name = "G".to_owned();
        let group = SyncGroup { name, members, tracks, tracking_weight, ..SyncGroup::default() };
        s.vrrp.sync_groups.push(group);
    }
    let bits = b.next();
    if bits & 1 != 0 {
        s.global.garp_interval = Duration::from_millis(3);
    }
    if bits & 2 != 0 {
        let interfaces = vec!["eth0".to_owned(), "eth1".to_owned()];
        let gna_interval = Some(Duration::from_millis(7));
        s.vrrp.garp_groups.push(GarpGroup { garp_interval: None, gna_interval, interfaces });
    }
    if bits & 4 != 0 {
        let (down, up) = (Duration::from_millis(300), Duration::from_millis(200));
        s.vrrp.debounce.push(Debounce { interface: "eth0".to_owned(), down, up });
    }
    s.global.buffers.rx_policy = match bits >> 5 & 3 {
        1 => RxBufsPolicy::Mtu,
        2 => RxBufsPolicy::Advert,
        3 => RxBufsPolicy::Bytes(5_000),
        _ => RxBufsPolicy::None,
    };
    if bits & 24 == 24 {
        s.global.startup_delay = Duration::from_millis(700);
    }
    for n in 0..b.below(3) {
        let mut a = Address::plain(own(n as u8 + 6, Family::V4));
        a.dev = Some(NAMES[b.below(2)].to_owned());
        s.vrrp.static_addresses.push(a);
    }
    for _ in 0..b.below(3) {
        s.vrrp.static_routes.push(config::route(vip(b.below(4) as u8, Family::V4), dev(b)));
        s.vrrp.static_rules.push(config::rule(b.below(4) as u32));
    }
    s.global.log_unknown_vrids = bits & 32 != 0;
    s
}

pub(super) fn dev(b: &mut Bytes<'_>) -> Option<&'static str> {
    [None, Some(NAMES[0]), Some(NAMES[1])][b.below(3)]
}

pub(super) fn track(b: &mut Bytes<'_>) -> TrackRef {
    let weight = Weight(i16::from(b.next() as i8));
    let weight = if b.flag() { weight } else { Weight(0) };
    TrackRef { id: TrackId(b.below(4) as u32), weight, reverse: b.next() < 60 }
}

pub(super) fn instance(b: &mut Bytes<'_>, n: usize) -> VrrpInstance {
    let mut i = config::plain(&format!("V{n}{}", b.below(2)), 51, 100);
    i.vrid = Vrid::new(51 + n as u8).unwrap_or(i.vrid);
    let bits = b.next();
    i.priority = Priority(b.next().max(1));
    i.family = if bits & 1 != 0 { Family::V6 } else { Family::V4 };
    i.version = if bits & 2 != 0 { Version::V3 } else { Version::V2 };
    if i.version == Version::V3 {
        i.advert_int = Duration::from_millis(10 * (u64::from(b.next()) + 1));
    }
    if i.family == Family::V6 {
        i.mcast_group = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x12]);
    }
    i.interface = Some(NAMES[usize::from(bits & 4 != 0)].to_owned());
    if bits & 8 != 0 {
        unicast(b, &mut i);
    }
    i.nopreempt = bits & 16 != 0;
    i.dont_track_primary = bits & 96 == 96;
    if bits & 128 != 0 {
        options(b, &mut i);
    }
    for _ in 0..b.below(3) {
        let mut route = config::route(vip(b.below(4) as u8, Family::V4), dev(b));
        route.no_track = b.next() < 40;
        i.routes.push(route);
        i.rules.push(config::rule(b.below(4) as u32));
    }
    if i.interface.is_some() && b.next() < 80 {
        let bits = b.next();
        i.vmac = (bits & 3 != 3).then(Vmac::default);
        if bits & 12 == 12
            && let Some(vmac) = &mut i.vmac
        {
            vmac.mac = Some([2, 0, 0, 0, 1, bits]);
        }
        i.vmac_xmit_base = i.vmac.is_some() && (i.unicast.is_some() || bits & 16 != 0);
        i.vmac_addr = bits & 32 != 0;
    }
    i.accept = b.next() < 200;
    for _ in 0..b.below(4) {
        let mut a = Address::plain(vip(b.below(6) as u8, i.family));
        a.no_track = b.next() < 40;
        a.use_vmac = i.interface.is_some() && b.next() < 20;
        a.dev = (b.next() < 40).then(|| "eth1".to_owned());
        let excluded = b.next() < 60;
        let known = i.vips.iter().chain(&i.evips).any(|v| v.prefix == a.prefix);
        match excluded {
            _ if known => {}
            true => i.evips.push(a),
            false => i.vips.push(a),
        }
    }
    i
}

pub(super) fn unicast(b: &mut Bytes<'_>, i: &mut VrrpInstance) {
    let peers = (1..3).map(|p| Peer { addr: own(p, i.family).addr, min_ttl: 0, max_ttl: 255 });
    let old_checksum = match b.below(3) {
        0 => OldChecksum::Auto,
        1 => OldChecksum::Always,
        _ => OldChecksum::Never,
    };
    let check_source = b.flag();
    i.unicast = Some(Unicast { peers: peers.collect(), check_source, ttl: None, old_checksum });
    if b.flag() {
        i.source = Some(own(0, i.family).addr);
        i.track_source = b.flag();
        if b.next() < 40 {
            i.interface = None;
        }
    }
}

pub(super) fn options(b: &mut Bytes<'_>, i: &mut VrrpInstance) {
    let bits = b.next();
    if bits & 1 != 0 {
        i.preempt_delay = Duration::from_millis(u64::from(b.next()) * 20);
    }
    i.higher_prio_send_advert = bits & 2 != 0;
    i.lower_prio_no_advert = bits & 4 != 0;
    i.v3_checksum_as_v2 = bits & 8 != 0;
    i.notify_priority_changes = bits & 16 != 0;
    i.notify.report_deleted = bits & 32 != 0;
    i.garp.master_refresh = Duration::from_millis(u64::from(bits & 64) * 20);
    i.config_faults = u8::from(bits & 0x83 == 0x83);
    if i.version == Version::V2 && i.family == Family::V4 {
        match b.below(4) {
            0 => i.auth = Some(Auth::Pass(Secret::new("abc"))),
            1 => i.auth = Some(Auth::Ah(Secret::new("abc"))),
            _ => {}
        }
    }
    if i.auth.is_none() && b.flag() {
        i.auth_hmac = Some(AuthHmac {
            keys: vec![(1, Secret::new("0123456789abcdef0123456789abcdef"))],
            active_key: 1,
            time_window: 5,
            monotonic: b.flag(),
            mode: if b.flag() { HmacMode::Permissive } else { HmacMode::Enforce },
        });
    }
    for _ in 0..b.below(3) {
        let t = track(b);
        if !i.tracks.iter().any(|k| k.id == t.id) {
            i.tracks.push(t);
        }
    }
    if b.flag() {
        let weight = Weight(i16::from(b.next() as i8));
        let interface = "eth1".to_owned();
        i.track_interfaces.push(TrackInterface { interface, weight, reverse: b.flag() });
    }
}
