//! `use_vmac` and `use_ipvlan`.

use model::vrrp::{Ipvlan, IpvlanMode};

use crate::args::Args;
use crate::diag::Code;
use crate::host::Interface;
use crate::lower::Cx;
use crate::lower::names::RoutingName;
use crate::value;

/// Longest interface name in bytes (IFNAMSIZ less its NUL).
const NAME_MAX: usize = 15;

/// `use_vmac [[name] IF] [MAC] [group G] [netlink_notify_msg]`; several lines add up.
pub fn vmac(cx: &mut Cx<'_>, a: &Args<'_>) {
    let mut made = cx.made().and_then(|made| made.vmac.take()).unwrap_or_default();
    let mut i = 0;
    while let Some(word) = a.get(i) {
        i += 1;
        match word {
            // The kernel tells of every VMAC after the last of its settings.
            "netlink_notify_msg" => {}
            "group" if a.get(i).is_some() => {
                made.group = group(cx, a, i);
                i += 1;
            }
            "name" if made.name.is_none() && a.get(i).is_some() => {
                made.name = name(cx, a, i);
                i += 1;
            }
            _ => match mac(word) {
                Some(_) if made.mac.is_some() => {
                    let text = "use_vmac has a MAC already";
                    cx.error(Code::Duplicate, a.span(i - 1), text);
                }
                Some((mac, short)) => {
                    made.mac = allowed(cx, a, i - 1, mac);
                    if let Some(given) = cx.given() {
                        given.mac_ends_in_vrid = short;
                    }
                }
                None if made.name.is_some() => {
                    let text = "use_vmac has a name already";
                    cx.error(Code::Duplicate, a.span(i - 1), text);
                }
                None => made.name = name(cx, a, i - 1),
            },
        }
    }
    if let Some(instance) = cx.made() {
        instance.vmac = Some(made);
    }
}

/// Six octets, or five, after which the VRID is to follow.
fn mac(word: &str) -> Option<([u8; 6], bool)> {
    let octets: Vec<&str> = word.split(':').collect();
    if octets.len() != 5 && octets.len() != 6 {
        return None;
    }
    let mut mac = [0; 6];
    for (slot, octet) in mac.iter_mut().zip(&octets) {
        *slot = u8::from_str_radix(octet, 16).ok().filter(|_| octet.len() <= 2)?;
    }
    Some((mac, octets.len() == 5))
}

/// The MAC, unless it is one that an interface must not be given.
fn allowed(cx: &mut Cx<'_>, a: &Args<'_>, i: usize, mac: [u8; 6]) -> Option<[u8; 6]> {
    let word = a.str(i);
    let why = match mac {
        [first, ..] if first & 1 == 1 => format!("is multicast {word} - ignoring"),
        [0, 0, 0x5e, 0, 1 | 2, _] => {
            format!("not allowed to be RFC5798 address ({word}) - ignoring")
        }
        _ => return Some(mac),
    };
    cx.error(Code::BadValue, a.span(i), format!("VMAC MAC address {why}"));
    None
}

/// A name that is fit for an interface of ours.
fn name(cx: &mut Cx<'_>, a: &Args<'_>, i: usize) -> Option<String> {
    let word = a.str(i);
    let fit = (1..=NAME_MAX).contains(&word.len())
        && !word.contains(['/', ':', ' ', '\t'])
        && !matches!(word, "." | "..");
    if !fit {
        let text =
            format!("VMAC interface name '{word}' too long or invalid characters - ignoring");
        cx.error(Code::BadValue, a.span(i), text);
        return None;
    }
    let owner = cx.build.vrrp.instance.as_ref().map_or("", |d| d.name()).to_owned();
    if let Some(other) = cx.build.vrrp.vmac_names.get(word).filter(|other| **other != owner) {
        let text =
            format!("({owner}) VMAC name {word} is used by instance {other} - ignoring the name");
        cx.error(Code::Duplicate, a.span(i), text);
        return None;
    }
    if let Interface::Present(facts) = cx.host.interface(word)
        && !facts.stacked
    {
        let text =
            format!("({owner}) VMAC name {word} is that of another interface - ignoring the name");
        cx.error(Code::BadInterface, a.span(i), text);
        return None;
    }
    cx.build.vrrp.vmac_names.insert(word.to_owned(), owner);
    Some(word.to_owned())
}

fn group(cx: &mut Cx<'_>, a: &Args<'_>, i: usize) -> Option<u32> {
    let word = a.str(i);
    let group = cx.routing_name(RoutingName::Group, word);
    if group.is_none() {
        let text = format!("Invalid interface group {word} - ignoring");
        cx.error(Code::BadValue, a.span(i), text);
    }
    group
}

/// `use_ipvlan [[name] IF] [ADDR[/LEN]] [bridge|private|vepa] [group G]`.
pub fn ipvlan(cx: &mut Cx<'_>, a: &Args<'_>) {
    let owner = cx.block_name().to_owned();
    if cx.made().is_some_and(|made| made.ipvlan.is_some()) {
        let text = format!("({owner}) use_ipvlan is given twice; the first counts");
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let mut made = Ipvlan::default();
    let mut i = 0;
    while let Some(word) = a.get(i) {
        i += 1;
        match word {
            "bridge" => made.mode = IpvlanMode::Bridge,
            "private" => made.mode = IpvlanMode::Private,
            "vepa" => made.mode = IpvlanMode::Vepa,
            "group" if a.get(i).is_some() => {
                made.group = group(cx, a, i);
                i += 1;
            }
            "name" if made.name.is_none() && a.get(i).is_some() => {
                made.name = name(cx, a, i);
                i += 1;
            }
            _ if word.contains([':', '/']) || value::address(word).is_some() => {
                match value::prefix(word) {
                    Ok(prefix) => made.addr = Some(prefix),
                    Err(cause) => {
                        let text = format!("({owner}) use_ipvlan: {cause} - ignoring it");
                        cx.error(Code::BadAddress, a.span(i - 1), text);
                    }
                }
            }
            _ if made.name.is_some() => {
                let text = format!("({owner}) use_ipvlan has a name already - ignoring '{word}'");
                cx.error(Code::Duplicate, a.span(i - 1), text);
            }
            _ => made.name = name(cx, a, i - 1),
        }
    }
    if let Some(instance) = cx.made() {
        instance.ipvlan = Some(made);
    }
}

#[cfg(test)]
mod tests {
    use super::mac;

    #[test]
    fn five_octets_are_completed_with_the_vrid() {
        assert_eq!(mac("02:0:0:0:0:1"), Some(([2, 0, 0, 0, 0, 1], false)));
        assert_eq!(mac("02:00:00:00:00"), Some(([2, 0, 0, 0, 0, 0], true)));
        assert_eq!(mac("02:00:00:00"), None);
        assert_eq!(mac("02:00:00:00:00:100"), None);
        assert_eq!(mac("vrrp.51"), None);
    }
}
