//! Configurations that are drawn: elements from pools, each with an owner and one of its forms.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use lab::config::{self, Instance};

use super::forms::*;
use crate::rng::Rng;

/// What the kernel is able to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// What a plain one can.
    Plain,
    /// It has ipvlan and VRFs, too.
    Full,
}

impl Kernel {
    /// The advert interval: who is served so late that a peer would have taken over listens
    /// first, and that is not what is tested. The guest is slow.
    fn advert(self) -> Duration {
        match self {
            Kernel::Plain => Duration::from_millis(200),
            Kernel::Full => Duration::from_millis(600),
        }
    }
}

/// Instances that there may be; the last two are of IPv6.
const SLOTS: usize = 6;
/// Addresses, routes and rules of each family that there may be.
const POOL: usize = 6;

/// One of the instances.
#[derive(Clone, Debug, PartialEq)]
struct Router {
    interface: &'static str,
    /// How it wants its virtual link, as a VMAC or as an ipvlan.
    vmac: &'static [&'static str],
    ipvlan: &'static [&'static str],
    accept: &'static str,
    /// It has no address that is advertised.
    bare: bool,
    priority: u8,
    vip: usize,
    /// One of the scripts and processes, and the weight that is given here.
    track: Option<(usize, &'static str)>,
    /// Another line.
    more: &'static str,
}

/// Something of a pool.
#[derive(Clone, Debug, PartialEq)]
struct Element {
    /// The instance, or none: it is static.
    owner: Option<usize>,
    form: usize,
    /// An address that is not advertised; what is static and follows a track group.
    apart: bool,
}

/// A configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    kernel: Kernel,
    /// Virtual links on eth1 are ipvlans: the kernel does not mix them with macvlans.
    ipvlans: bool,
    routers: [Option<Router>; SLOTS],
    grouped: bool,
    globals: Vec<&'static str>,
    /// The forms of scripts and processes.
    tracks: [Option<usize>; TRACKS.len()],
    addresses: [Option<Element>; 2 * POOL],
    routes: [Option<Element>; 2 * POOL],
    rules: [Option<Element>; 2 * POOL],
}

fn is_v6(slot: usize) -> bool {
    slot >= SLOTS - 2
}

/// The VRID of a slot.
fn vrid(slot: usize) -> u8 {
    11 + slot as u8
}

fn form(forms: &[&str], form: usize, number: usize) -> String {
    forms[form % forms.len()].replace("{}", &number.to_string())
}

impl Router {
    fn draw(rng: &mut Rng) -> Self {
        let interface = if rng.chance(80) { "eth0" } else { "eth1" };
        let vmac = if rng.chance(40) { VMACS[0] } else { VMACS[1 + rng.below(VMACS.len() - 1)] };
        let (accept, more) = (rng.pick(&ACCEPT), rng.pick(&MORE));
        let more = if more == FAULT && rng.chance(70) { "" } else { more };
        let priority = rng.pick(&[100, 150, 200, 254, 255]);
        let (vip, ipvlan, bare) = (rng.below(100), rng.pick(&IPVLANS), rng.chance(10));
        let track = (rng.below(TRACKS.len()), rng.pick(&["", " weight 10", " weight -5 reverse"]));
        let track = rng.chance(40).then_some(track);
        Self { interface, vmac, ipvlan, accept, bare, priority, vip, track, more }
    }

    /// The lines that say how it wants its virtual link.
    fn link(&self, slot: usize, ipvlans: bool) -> Vec<String> {
        let addr = if is_v6(slot) { String::new() } else { format!("198.18.0.{}/24", 30 + slot) };
        let mac = format!("02:00:00:00:00:{slot:02}");
        let own = |line: &&str| {
            line.replace(" vm", &format!(" vm{slot}"))
                .replace(" ipv ", &format!(" ipv{slot} "))
                .replace("ADDR", &addr)
                .replace("02::", &mac)
        };
        let lines = if ipvlans && self.interface == "eth1" { self.ipvlan } else { self.vmac };
        // With ipvlans on eth1 no address there can have a VMAC.
        lines.iter().filter(|line| !(ipvlans && **line == "use_vmac_addr")).map(own).collect()
    }

    /// Strict mode has no instance without addresses.
    fn is_bare(&self, strict: bool) -> bool {
        self.bare && !strict
    }

    fn instance(&self, slot: usize, ipvlans: bool, strict: bool) -> Instance {
        let forms: &[&str] = if is_v6(slot) { &VIPS_V6 } else { &VIPS_V4 };
        let vip = without_vmac(form(forms, self.vip, 100 + slot), self.interface, ipvlans);
        let mut instance = Instance::new(vrid(slot), self.priority, &[&vip]);
        if strict && is_v6(slot) {
            instance.vips.insert(0, form(&["fe80::{}/64"], 0, 200 + slot));
        }
        instance.interface = self.interface.into();
        instance = instance.with(self.accept);
        if self.is_bare(strict) {
            instance.vips.clear();
            let family = if is_v6(slot) { "native_ipv6" } else { "" };
            instance = instance.with("no_virtual_ipaddress").with(family);
        }
        for line in self.link(slot, ipvlans) {
            instance = instance.with(line);
        }
        instance.with(self.more)
    }
}

/// An address as it can be where virtual links on eth1 may be ipvlans.
fn without_vmac(vip: String, interface: &str, ipvlans: bool) -> String {
    let there = interface == "eth1" || vip.contains("dev eth1");
    if ipvlans && there { vip.replace(" use_vmac", "") } else { vip }
}

impl Element {
    fn draw(rng: &mut Rng) -> Option<Self> {
        let owner = rng.chance(80).then(|| rng.below(SLOTS));
        let element = Self { owner, form: rng.below(100), apart: rng.chance(30) };
        rng.chance(70).then_some(element)
    }
}

impl Config {
    /// Any one.
    pub fn draw(rng: &mut Rng, kernel: Kernel) -> Self {
        let mut routers = [(); SLOTS].map(|()| rng.chance(70).then(|| Router::draw(rng)));
        if routers.iter().all(Option::is_none) {
            routers[0] = Some(Router::draw(rng));
        }
        let mut elements = || [(); 2 * POOL].map(|()| Element::draw(rng));
        let (addresses, routes, rules) = (elements(), elements(), elements());
        let drawn = GLOBALS.iter().filter(|(_, percent)| rng.chance(*percent));
        let globals = drawn.map(|(line, _)| *line).collect();
        let ipvlans = kernel == Kernel::Full && rng.chance(60);
        let grouped = rng.chance(30);
        let tracks = TRACKS.map(|(_, _, forms)| rng.chance(80).then(|| rng.below(forms.len())));
        Self { kernel, ipvlans, routers, grouped, globals, tracks, addresses, routes, rules }
    }

    /// One that has much in common with this one.
    pub fn near(&self, rng: &mut Rng) -> Self {
        let (mut near, other) = (self.clone(), Self::draw(rng, self.kernel));
        let percent = rng.pick(&[5, 20, 60]);
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
            match rng.below(9) {
                0 => changed.interface = new.interface,
                1 => changed.vmac = new.vmac,
                2 => changed.accept = new.accept,
                3 => changed.priority = new.priority,
                4 => changed.vip = new.vip,
                5 => changed.ipvlan = new.ipvlan,
                6 => changed.bare = new.bare,
                7 => changed.track = new.track,
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
            (near.grouped, near.ipvlans) = (other.grouped, other.ipvlans);
        }
        for (mine, theirs) in near.tracks.iter_mut().zip(other.tracks) {
            if rng.chance(percent) {
                *mine = theirs;
            }
        }
        for (line, _) in GLOBALS {
            if rng.chance(percent) {
                near.globals.retain(|global| *global != line);
                near.globals.extend(other.globals.iter().filter(|global| **global == line));
            }
        }
        near
    }

    /// VRIDs of its instances that become MASTER.
    pub fn masters(&self) -> BTreeSet<u8> {
        let faulty = |slot: usize| self.routers[slot].as_ref().is_some_and(|r| self.is_faulty(r));
        let grouped = |slot: usize| self.grouped && slot.is_multiple_of(2);
        let group_faulty = (0..SLOTS).any(|slot| grouped(slot) && faulty(slot));
        let masters = (0..SLOTS).filter(|slot| self.routers[*slot].is_some());
        masters.filter(|s| !(faulty(*s) || grouped(*s) && group_faulty)).map(vrid).collect()
    }

    /// Whether what it tracks keeps it in FAULT.
    fn is_faulty(&self, router: &Router) -> bool {
        let fails = |(track, weight): (usize, &str)| {
            let form = self.tracks[track].map(|form| TRACKS[track].2[form]);
            weight.is_empty() && form.is_some_and(|form| FAILING.contains(&form))
        };
        router.more == FAULT || router.track.is_some_and(fails)
    }

    fn is_strict(&self) -> bool {
        self.globals.contains(&STRICT)
    }

    /// Who static objects follow.
    fn followed(&self) -> Option<u8> {
        (0..SLOTS).find(|slot| self.routers[*slot].is_some()).map(vrid)
    }

    fn lines(
        &self,
        owner: Option<usize>,
        pool: &[Option<Element>],
        forms: [&[&'static str]; 2],
        excluded: Option<bool>,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (n, element) in pool.iter().enumerate() {
            let (v6, number) = (n >= POOL, 40 + n);
            let Some(element) = element.as_ref().filter(|element| element.owner == owner) else {
                continue;
            };
            let router = owner.and_then(|slot| self.routers[slot].as_ref());
            let apart = element.apart
                || owner.is_some_and(|slot| is_v6(slot) != v6)
                || router.is_some_and(|router| router.is_bare(self.is_strict()));
            let mut line = form(forms[usize::from(v6)], element.form, number);
            let leads_somewhere = line.contains(" dev ") || line.contains(" iif ");
            if owner.is_none() && element.apart && leads_somewhere && !line.contains("nexthop") {
                line += " track_group followed";
            }
            if excluded.is_none_or(|wanted| wanted == apart) {
                lines.push(line);
            }
        }
        lines
    }

    fn addresses(&self, owner: Option<usize>, excluded: Option<bool>) -> Vec<String> {
        let lines = self.lines(owner, &self.addresses, [&VIPS_V4, &VIPS_V6], excluded);
        let interface = owner.and_then(|slot| Some(self.routers[slot].as_ref()?.interface));
        let usual = |line: String| match interface {
            Some(interface) => without_vmac(line, interface, self.ipvlans),
            None => line.replace(" use_vmac", ""),
        };
        lines.into_iter().map(usual).collect()
    }

    /// Forms of a pool, with those that take a kernel with VRFs.
    fn forms(&self, plain: &[&'static str], vrf: &[&'static str]) -> Vec<&'static str> {
        let vrf = if self.kernel == Kernel::Full { vrf } else { &[] };
        plain.iter().chain(vrf).copied().collect()
    }

    fn routes(&self, owner: Option<usize>) -> Vec<String> {
        let vip = match owner.filter(|slot| !is_v6(*slot)) {
            Some(slot) => format!("192.0.2.{}", 100 + slot),
            None => "192.0.2.1".to_owned(),
        };
        let v4 = self.forms(&ROUTES_V4, &ROUTES_VRF);
        let routes = self.lines(owner, &self.routes, [&v4, &ROUTES_V6], None);
        routes.into_iter().map(|route| route.replace("VIP", &vip)).collect()
    }

    fn rules(&self, owner: Option<usize>) -> Vec<String> {
        let v4 = self.forms(&RULES_V4, &RULES_VRF);
        let rules = self.lines(owner, &self.rules, [&v4, &RULES_V6], None);
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
            let mut instance = router.instance(slot, self.ipvlans, self.is_strict());
            if let Some((track, weight)) = router.track
                && self.tracks[track].is_some()
            {
                let (name, block_name, _) = TRACKS[track];
                let kind = block_name.trim_start_matches("vrrp_").trim_start_matches("track_");
                instance = instance.with(format!("track_{kind} {{\n{name}{weight}\n}}"));
            }
            instance.advert = self.kernel.advert();
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
        let globals = format!("router_id lab\n{}", self.globals.join("\n"));
        let mut text = config::file(&instances).replace("router_id lab", &globals);
        let mut objects = TRACK_FILES.to_owned();
        for ((name, kind, forms), form) in TRACKS.iter().zip(self.tracks) {
            if let Some(form) = form {
                let _ = write!(objects, "{kind} {name} {{\n{}\n}}\n", forms[form]);
            }
        }
        text.insert_str(0, &objects);
        if let Some(vrid) = self.followed() {
            let members = block("group", &[format!("VI_{vrid}")]);
            let _ = write!(text, "track_group followed {{\n{members}}}\n");
        }
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

    /// Those that have to be elected first: new ones, and those on another interface than before,
    /// where nobody knows who is MASTER.
    fn candidates(&self, before: &Self) -> Vec<usize> {
        let interface = |config: &Self, slot: usize| Some(config.routers[slot].as_ref()?.interface);
        let new = |slot: &usize| {
            let here = interface(self, *slot);
            here.is_some() && here != interface(before, *slot)
        };
        (0..SLOTS).filter(new).collect()
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
            all.extend(router.instance(slot, self.ipvlans, self.is_strict()).vips);
            all.extend(self.routes(owner).into_iter().chain(self.rules(owner)));
            let mark = format!(".{}", vrid(slot));
            let given = [format!("vm{slot}"), format!("ipv{slot}")];
            let mut quoted = line.split('"').skip(1).step_by(2);
            let link = quoted.any(|name| name.ends_with(&mark) || given.contains(&name.to_owned()));
            link || all.iter().any(about)
        })
    }
}

/// A healthy file, and one that is not.
const TRACK_FILES: &str = "track_file health {
    file /run/health
    weight 0
}
track_file broken {
    file /run/broken
    weight 0
}
";

fn block(name: &str, lines: &[String]) -> String {
    format!("{name} {{\n{}\n}}\n", lines.join("\n"))
}
