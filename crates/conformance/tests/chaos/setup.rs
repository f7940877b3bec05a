//! What the nodes are told to hold, and what they hold.

use std::collections::BTreeSet;

use conformance::fib;
use conformance::kernel::firewall;
use conformance::rng::Rng;
use lab::config::{self, Instance};
use lab::{Host, Result};

/// Virtual routers: 51 IPv4 and 52 IPv6 with routes and rules, 53 and 54 a group, 55 with a virtual
/// MAC, 56 hidden by the firewall, 57 IPv6 and both, 58 without preemption, 59 with a password (in
/// version 2 in every other world), 60 unicast.
pub const VRIDS: [u8; 10] = [51, 52, 53, 54, 55, 56, 57, UNHURRIED, SLOW, 60];
/// The virtual router whose master need not be the best.
pub const UNHURRIED: u8 = 58;
/// The virtual router of version 2, with adverts a second apart.
pub const SLOW: u8 = 59;

/// What a node's configuration says. A reload draws another one.
#[derive(Clone, Debug)]
pub struct Setup {
    node: usize,
    /// By virtual router; those of the group have the same.
    priorities: [u8; VRIDS.len()],
    /// Those with one more address, which adverts leave out.
    pub extra: [bool; VRIDS.len()],
    second_route: bool,
    grouped: bool,
    vmac: bool,
    /// Whether there is a checker.
    pub checked: bool,
    /// Whether [`SLOW`] is.
    v2: bool,
}

impl Setup {
    pub fn draw(rng: &mut Rng, node: usize, v2: bool) -> Self {
        // No two nodes ever have the same.
        let mut priorities = [(); VRIDS.len()].map(|()| rng.pick(&[50, 100, 150]) + node as u8);
        priorities[3] = priorities[2];
        let extra = [(); VRIDS.len()].map(|()| rng.chance(30));
        let [second_route, grouped, vmac, checked] =
            [50, 80, 80, 30].map(|percent| rng.chance(percent));
        Self { node, priorities, extra, second_route, grouped, vmac, checked, v2 }
    }

    pub fn priority(&self, vrid: u8) -> u8 {
        self.priorities[usize::from(vrid - VRIDS[0])]
    }

    fn has_vmac(&self, vrid: u8) -> bool {
        vrid == 57 || vrid == 55 && self.vmac
    }

    fn extra(&self, vrid: u8) -> Option<String> {
        self.extra[usize::from(vrid - VRIDS[0])].then(|| extra_of(vrid))
    }

    fn routes(&self, vrid: u8) -> Vec<&'static str> {
        match vrid {
            51 if self.second_route => {
                vec!["198.51.100.0/24 via 192.0.2.254 dev eth0", "198.51.101.0/24 dev eth0"]
            }
            51 => vec!["198.51.100.0/24 via 192.0.2.254 dev eth0"],
            52 => vec!["2001:db8:52::/48 via 2001:db8::fe dev eth0"],
            _ => Vec::new(),
        }
    }

    fn instance(&self, vrid: u8) -> Instance {
        let vips = vips_of(vrid);
        let mut instance = Instance::new(vrid, self.priority(vrid), vips);
        if let Some(extra) = self.extra(vrid) {
            instance = instance.with(format!("virtual_ipaddress_excluded {{\n{extra}\n}}"));
        }
        let routes = self.routes(vrid);
        if !routes.is_empty() {
            instance = instance.with(format!("virtual_routes {{\n{}\n}}", routes.join("\n")));
        }
        if let Some(rule) = rule_of(vrid) {
            instance = instance.with(format!("virtual_rules {{\n{rule}\n}}"));
        }
        if self.has_vmac(vrid) {
            instance = instance.with("use_vmac");
        }
        if is_hidden(vrid) {
            instance = instance.with("no_accept");
        }
        match vrid {
            UNHURRIED => instance.with("nopreempt"),
            SLOW if self.v2 => {
                let auth = "authentication {\nauth_type PASS\nauth_pass secret\n}";
                instance.v2().with(auth)
            }
            60 => {
                let peers: String = (0..3)
                    .filter(|n| *n != self.node)
                    .map(|n| format!("192.0.2.{}\n", n + 1))
                    .collect();
                instance
                    .with(format!("unicast_src_ip 192.0.2.{}", self.node + 1))
                    .with(format!("unicast_peer {{\n{peers}}}"))
            }
            _ => instance,
        }
    }

    pub fn file(&self) -> String {
        let group = "vrrp_sync_group G {\n    group {\n        VI_53\n        VI_54\n    }\n}\n";
        let statics = format!(
            "static_ipaddress {{\n    192.0.2.8{}/24 dev eth0\n}}\n\
             static_routes {{\n    203.0.113.0/24 dev eth0\n}}\n\
             static_rules {{\n    from 203.0.113.0/24 table 101 priority 1001\n}}\n",
            self.node
        );
        let instances = VRIDS.map(|vrid| self.instance(vrid));
        let group = if self.grouped { group } else { "" };
        let checked = if self.checked { CHECKED } else { "" };
        format!("{}\n{statics}{group}{checked}", config::file(&instances))
    }

    /// What a running node holds that is master of these.
    pub fn holdings(&self, masters: &BTreeSet<u8>) -> Vec<String> {
        let mut all = vec![
            format!("addr eth0 192.0.2.8{}/24", self.node),
            "route 203.0.113.0/24".to_owned(),
            "rule 1001:".to_owned(),
        ];
        for vrid in VRIDS {
            let vmac = format!("vrrp.{vrid}");
            let link = if self.has_vmac(vrid) { vmac.as_str() } else { "eth0" };
            if self.has_vmac(vrid) {
                all.push(format!("link {vmac}"));
            }
            if !masters.contains(&vrid) {
                continue;
            }
            let extra = self.extra(vrid);
            for addr in vips_of(vrid).iter().copied().chain(extra.as_deref()) {
                all.push(format!("addr {link} {addr}"));
                if is_hidden(vrid) {
                    all.push(format!("hidden {}", bare(addr)));
                }
            }
            all.extend(self.routes(vrid).iter().map(|r| format!("route {}", first_word(r))));
            all.extend(rule_of(vrid).map(|_| format!("rule 10{vrid}:")));
        }
        all.sort();
        all
    }
}

/// So that there is a checker to be killed. It has nothing in the kernel, which lacks IPVS.
const CHECKED: &str = "
virtual_server 192.0.2.250 80 {
    delay_loop 1
    lb_kind NAT
    protocol TCP
    real_server 192.0.2.1 80 {
        TCP_CHECK {
            connect_timeout 1
        }
    }
}
";

fn vips_of(vrid: u8) -> &'static [&'static str] {
    match vrid {
        51 => &["192.0.2.151/24"],
        52 => &["fe80::152/64", "2001:db8::152/64"],
        53 => &["192.0.2.153/24"],
        54 => &["2001:db8::154/64"],
        55 => &["192.0.2.155/24"],
        56 => &["192.0.2.156/32"],
        57 => &["fe80::157/64", "2001:db8::157/64"],
        UNHURRIED => &["192.0.2.158/24", "192.0.2.168/24"],
        SLOW => &["192.0.2.159/24"],
        _ => &["192.0.2.160/24"],
    }
}

fn extra_of(vrid: u8) -> String {
    let v6 = vips_of(vrid)[0].contains(':');
    if v6 { format!("2001:db8::2{vrid}/64") } else { format!("192.0.2.2{}/24", vrid - 50) }
}

fn rule_of(vrid: u8) -> Option<String> {
    let from = match vrid {
        51 => "198.51.100.0/24",
        52 => "2001:db8:52::/48",
        _ => return None,
    };
    Some(format!("from {from} table 100 priority 10{vrid}"))
}

fn is_hidden(vrid: u8) -> bool {
    vrid == 56 || vrid == 57
}

fn bare(addr: &str) -> &str {
    addr.split('/').next().unwrap_or_default()
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// Whether the address, without its length, is one that a configuration may have.
fn is_ours(addr: &str) -> bool {
    let of = |vrid: &u8| {
        vips_of(*vrid).iter().any(|vip| bare(vip) == addr) || bare(&extra_of(*vrid)) == addr
    };
    VRIDS.iter().any(of) || addr.starts_with("192.0.2.8")
}

/// What the node's kernel holds of all that a configuration may have.
pub fn held(host: &Host) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for line in fib::ip(host, "addr show")? {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, link, _, addr, ..] = words[..]
            && is_ours(bare(addr))
        {
            all.push(format!("addr {link} {addr}"));
        }
    }
    for line in fib::ip(host, "link show")? {
        let name = line.split_whitespace().nth(1).unwrap_or_default();
        if name.starts_with("vrrp.") {
            all.push(format!("link {}", name.split(['@', ':']).next().unwrap_or_default()));
        }
    }
    for line in fib::all(host)?.iter().filter(|line| line.contains("proto keepalived")) {
        let mut words = line.split_whitespace();
        let first = words.next();
        let word = if first == Some("unicast") { words.next() } else { words.nth(1) };
        let kind = if first == Some("unicast") { "route" } else { "rule" };
        all.push(format!("{kind} {}", word.unwrap_or_default()));
    }
    let rules: Vec<String> = firewall(host)?.into_iter().collect();
    let words = rules.iter().flat_map(|line| line.split([' ', ',']));
    all.extend(words.filter(|word| is_ours(word)).map(|word| format!("hidden {word}")));
    all.sort();
    Ok(all)
}
