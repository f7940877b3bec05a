//! Configurations that are drawn: elements from pools, each with an owner and one of its forms.

use std::collections::BTreeSet;
use std::fmt::Write;

use conformance::rng::Rng;
use lab::config::{self, Instance};

/// Instances that there may be; the last two are of IPv6.
pub const SLOTS: usize = 6;
/// Addresses, routes and rules of each family that there may be.
const POOL: usize = 6;

/// One of the instances.
#[derive(Clone, Debug, PartialEq)]
struct Router {
    interface: &'static str,
    /// How it wants its virtual link.
    vmac: &'static [&'static str],
    no_accept: bool,
    priority: u8,
    vip: usize,
    /// A line without effect on the kernel's state.
    more: &'static str,
}

/// Something of a pool.
#[derive(Clone, Debug, PartialEq)]
struct Element {
    /// The instance, or none: it is static.
    owner: Option<usize>,
    form: usize,
    excluded: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    routers: [Option<Router>; SLOTS],
    grouped: bool,
    global: &'static str,
    addresses: [Option<Element>; 2 * POOL],
    routes: [Option<Element>; 2 * POOL],
    rules: [Option<Element>; 2 * POOL],
}

const VIPS_V4: [&str; 9] = [
    "192.0.2.{}/24",
    "192.0.2.{}/32",
    "192.0.2.{}/24 label eth0:{}",
    "192.0.2.{}/24 brd +",
    "192.0.2.{}/32 scope link",
    "192.0.2.{}/24 noprefixroute",
    "192.0.2.{}/24 no_track",
    "192.0.2.{}/24 dev eth1",
    "192.0.2.{} peer 203.0.113.{}",
];
const VIPS_V6: [&str; 8] = [
    "2001:db8::{}/64",
    "2001:db8::{}/128",
    "2001:db8::{}/64 preferred_lft 0",
    "2001:db8::{}/64 noprefixroute",
    "2001:db8::{}/64 home",
    "2001:db8::{}/64 no_track",
    "2001:db8::{}/64 dev eth1",
    "2001:db8::{}/128 preferred_lft forever",
];
const ROUTES_V4: [&str; 14] = [
    "10.{}.0.0/16 via 192.0.2.254 dev eth0",
    "10.{}.0.0/16 via 192.0.2.253 dev eth0",
    "10.{}.0.0/16 via 192.0.2.252",
    "10.{}.0.0/16 dev eth0",
    "10.{}.0.0/16 dev eth1 metric 5",
    "blackhole 10.{}.0.0/16",
    "10.{}.0.0/16 dev eth0 table 200",
    "10.{}.0.0/16 via 192.0.2.254 dev eth0 mtu 1400",
    "10.{}.0.0/16 dev eth0 src 192.0.2.1",
    "10.{}.0.0/16 dev eth0 no_track",
    "10.{}.0.0/16 dev eth0 src VIP",
    "10.{}.0.0/16 dev eth0 tos 16",
    "10.{}.0.0/16 via 192.0.2.222 dev eth0 onlink",
    "10.{}.0.0/16 nexthop via 192.0.2.254 dev eth0 weight 1 \
     nexthop via 198.18.0.254 dev eth1 weight 2",
];
const ROUTES_V6: [&str; 9] = [
    "fd00:{}::/32 dev eth0",
    "fd00:{}::/32 via 2001:db8::fe dev eth0",
    "fd00:{}::/32 via 2001:db8::fe dev eth0 metric 7",
    "fd00:{}::/32 dev eth1",
    "fd00:{}::/32 dev eth0 table 200",
    "blackhole fd00:{}::/32",
    "fd00:{}::/32 dev eth0 mtu 1400",
    "fd00:{}::/32 via 2001:db8::fe dev eth0 pref high",
    "fd00:{}::/32 nexthop via 2001:db8::fe dev eth0 nexthop via 2001:db8::fd dev eth0",
];
const RULES_V4: [&str; 11] = [
    "from 10.{}.0.0/16 table 100",
    "from 10.{}.0.0/16 table 101",
    "to 10.{}.0.0/16 table 100",
    "from 10.{}.0.0/16 to 10.9.0.0/16 table 100",
    "from 10.{}.0.0/16 iif eth1 table 100",
    "from 10.{}.0.0/16 fwmark 3/7 table 100",
    "from 10.{}.0.0/16 blackhole",
    "from 10.{}.0.0/16 table 100 suppress_prefixlength 0",
    "not from 10.{}.0.0/16 table 100",
    "from 10.{}.0.0/16 oif eth1 table 100 no_track",
    "from 10.{}.0.0/16 ipproto tcp dport 80 table 100",
];
const RULES_V6: [&str; 5] = [
    "from fd00:{}::/32 table 100",
    "to fd00:{}::/32 table 100",
    "from fd00:{}::/32 iif eth1 table 100",
    "from fd00:{}::/32 unreachable",
    "from fd00:{}::/32 table 101 no_track",
];
const MORE: [&str; 6] = [
    "",
    "garp_master_repeat 2",
    "nopreempt",
    "track_interface {\neth1 weight 10\n}",
    "dont_track_primary",
    "promote_secondaries",
];
const VMACS: [&[&str]; 5] =
    [&[], &["use_vmac"], &["use_vmac", "vmac_xmit_base"], &["use_vmac vm"], &["use_vmac 02::"]];
/// Lines of global_defs.
const GLOBALS: [&str; 4] =
    ["router_id lab", "nftables_priority -5", "nftables_counters", "default_interface eth1"];

fn is_v6(slot: usize) -> bool {
    slot >= SLOTS - 2
}

/// The VRID of a slot.
pub fn vrid(slot: usize) -> u8 {
    11 + slot as u8
}

fn form(forms: &[&str], form: usize, number: usize) -> String {
    forms[form % forms.len()].replace("{}", &number.to_string())
}

impl Router {
    fn draw(rng: &mut Rng) -> Self {
        let interface = if rng.chance(80) { "eth0" } else { "eth1" };
        let vmac = if rng.chance(50) { VMACS[0] } else { VMACS[1 + rng.below(VMACS.len() - 1)] };
        let (no_accept, more) = (rng.chance(30), rng.pick(&MORE));
        let priority = rng.pick(&[100, 150, 200, 254]);
        Self { interface, vmac, no_accept, priority, vip: rng.below(100), more }
    }

    fn instance(&self, slot: usize) -> Instance {
        let forms: &[&str] = if is_v6(slot) { &VIPS_V6 } else { &VIPS_V4 };
        let vip = form(forms, self.vip, 100 + slot);
        let mut instance = Instance::new(vrid(slot), self.priority, &[&vip]);
        instance.interface = self.interface.into();
        if self.no_accept {
            instance = instance.with("no_accept");
        }
        for line in self.vmac {
            let line = match *line {
                "use_vmac vm" => format!("use_vmac vm{slot}"),
                "use_vmac 02::" => format!("use_vmac 02:00:00:00:00:{slot:02}"),
                line => line.to_owned(),
            };
            instance = instance.with(line);
        }
        instance.with(self.more)
    }
}

impl Element {
    fn draw(rng: &mut Rng) -> Option<Self> {
        let owner = rng.chance(80).then(|| rng.below(SLOTS));
        let element = Self { owner, form: rng.below(100), excluded: rng.chance(30) };
        rng.chance(70).then_some(element)
    }
}

impl Config {
    /// Any one.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut routers = [(); SLOTS].map(|()| rng.chance(70).then(|| Router::draw(rng)));
        if routers.iter().all(Option::is_none) {
            routers[0] = Some(Router::draw(rng));
        }
        let mut elements = || [(); 2 * POOL].map(|()| Element::draw(rng));
        let (addresses, routes, rules) = (elements(), elements(), elements());
        let global = if rng.chance(60) { GLOBALS[0] } else { rng.pick(&GLOBALS) };
        Self { routers, grouped: rng.chance(30), global, addresses, routes, rules }
    }

    /// One that has much in common with this one.
    pub fn near(&self, rng: &mut Rng) -> Self {
        let (mut near, other, percent) = (self.clone(), Self::draw(rng), rng.pick(&[5, 20, 60]));
        for slot in 0..SLOTS {
            let both = [&near.routers[slot], &other.routers[slot]];
            if !rng.chance(percent) {
                continue;
            }
            let [Some(old), Some(new)] = both else {
                near.routers[slot] = other.routers[slot].clone();
                continue;
            };
            // One thing of it alone.
            let mut changed = old.clone();
            match rng.below(6) {
                0 => changed.interface = new.interface,
                1 => changed.vmac = new.vmac,
                2 => changed.no_accept = new.no_accept,
                3 => changed.priority = new.priority,
                4 => changed.vip = new.vip,
                _ => changed.more = new.more,
            }
            near.routers[slot] = Some(changed);
        }
        if near.routers.iter().all(Option::is_none) {
            near.routers = self.routers.clone();
        }
        for (mine, theirs) in [
            (&mut near.addresses, &other.addresses),
            (&mut near.routes, &other.routes),
            (&mut near.rules, &other.rules),
        ] {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                if rng.chance(percent) {
                    *mine = theirs.clone();
                }
            }
        }
        if rng.chance(percent) {
            (near.grouped, near.global) = (other.grouped, other.global);
        }
        near
    }

    /// VRIDs of its instances.
    pub fn vrids(&self) -> BTreeSet<u8> {
        (0..SLOTS).filter(|slot| self.routers[*slot].is_some()).map(vrid).collect()
    }

    fn lines(
        &self,
        owner: Option<usize>,
        pool: &[Option<Element>],
        forms: [&[&str]; 2],
        excluded: Option<bool>,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (n, element) in pool.iter().enumerate() {
            let (v6, number) = (n >= POOL, 40 + n);
            let Some(element) = element.as_ref().filter(|element| element.owner == owner) else {
                continue;
            };
            let apart = element.excluded || owner.is_some_and(|slot| is_v6(slot) != v6);
            if excluded.is_none_or(|wanted| wanted == apart) {
                lines.push(form(forms[usize::from(v6)], element.form, number));
            }
        }
        lines
    }

    fn addresses(&self, owner: Option<usize>, excluded: Option<bool>) -> Vec<String> {
        self.lines(owner, &self.addresses, [&VIPS_V4, &VIPS_V6], excluded)
    }

    fn routes(&self, owner: Option<usize>) -> Vec<String> {
        let vip = match owner.filter(|slot| !is_v6(*slot)) {
            Some(slot) => format!("192.0.2.{}", 100 + slot),
            None => "192.0.2.1".to_owned(),
        };
        let routes = self.lines(owner, &self.routes, [&ROUTES_V4, &ROUTES_V6], None);
        routes.into_iter().map(|route| route.replace("VIP", &vip)).collect()
    }

    fn rules(&self, owner: Option<usize>) -> Vec<String> {
        let rules = self.lines(owner, &self.rules, [&RULES_V4, &RULES_V6], None);
        let number = |rule: &str| {
            let digits = rule.split(['.', ':']).nth(1).and_then(|n| n.parse::<u32>().ok());
            500 + digits.unwrap_or(0)
        };
        rules.iter().map(|rule| format!("{rule} priority {}", number(rule))).collect()
    }

    /// The file.
    pub fn text(&self) -> String {
        let mut instances = Vec::new();
        let mut members = Vec::new();
        for (slot, router) in self.routers.iter().enumerate() {
            let Some(router) = router else { continue };
            let mut instance = router.instance(slot);
            instance.vips.extend(self.addresses(Some(slot), Some(false)));
            for (name, lines) in [
                ("virtual_ipaddress_excluded", self.addresses(Some(slot), Some(true))),
                ("virtual_routes", self.routes(Some(slot))),
                ("virtual_rules", self.rules(Some(slot))),
            ] {
                if !lines.is_empty() {
                    instance = instance.with(block(name, &lines));
                }
            }
            if self.grouped && slot.is_multiple_of(2) {
                instance.priority = 100;
                members.push(instance.name.clone());
            }
            instances.push(instance);
        }
        let mut text = config::file(&instances).replace("router_id lab", self.global);
        if members.len() > 1 {
            let _ = write!(text, "vrrp_sync_group G {{\n{}}}\n", block("group", &members));
        }
        for (name, lines) in [
            ("static_ipaddress", self.addresses(None, None)),
            ("static_routes", self.routes(None)),
            ("static_rules", self.rules(None)),
        ] {
            if !lines.is_empty() {
                text.push_str(&block(name, &lines));
            }
        }
        text
    }

    fn is_new(&self, slot: usize, before: &Self) -> bool {
        let same =
            |old: &Router, new: &Router| old.interface == new.interface && old.vmac == new.vmac;
        match (&before.routers[slot], &self.routers[slot]) {
            (_, None) => false,
            (old, Some(new)) => !old.as_ref().is_some_and(|old| same(old, new)),
        }
    }

    /// Those that have to be elected first: new ones, and with them those of their group.
    fn candidates(&self, before: &Self) -> Vec<usize> {
        let in_group = |slot: &usize| self.grouped && slot.is_multiple_of(2);
        let new = |slot: &usize| self.is_new(*slot, before);
        let group_is_new = (0..SLOTS).filter(in_group).any(|slot| new(&slot));
        (0..SLOTS).filter(|slot| new(slot) || in_group(slot) && group_is_new).collect()
    }

    /// Whether what a line of the kernel's state tells of belongs, here, to an instance that has to
    /// be elected first.
    pub fn is_of_a_candidate(&self, line: &str, before: &Self) -> bool {
        let about = |text: &String| {
            let key = text.split(' ').find(|word| word.contains(['.', ':']));
            let key = key.and_then(|word| word.split('/').next()).unwrap_or("?");
            line.split([' ', '/']).any(|word| word == key)
        };
        self.candidates(before).into_iter().any(|slot| {
            let Some(router) = &self.routers[slot] else { return false };
            let owner = Some(slot);
            let mut all = self.addresses(owner, None);
            all.extend(router.instance(slot).vips);
            all.extend(self.routes(owner).into_iter().chain(self.rules(owner)));
            let link = [format!("\"vrrp.{}\"", vrid(slot)), format!("\"vm{slot}\"")];
            all.iter().any(about) || link.iter().any(|link| line.contains(link))
        })
    }
}

fn block(name: &str, lines: &[String]) -> String {
    format!("{name} {{\n{}\n}}\n", lines.join("\n"))
}
