//! Next hops, encapsulations and realms of routes.

use std::net::IpAddr;

use model::net::{Encap, IpEncap, NextHop};
use types::Family;

use super::route::{address, refuse};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::names::RoutingName;
use crate::value::{self, IntStyle};

/// Most labels of an MPLS stack.
const LABELS_MAX: usize = 32;
/// Largest MPLS label (RFC 3032: 20 bits).
const LABEL_MAX: u32 = 0xf_ffff;

fn number(word: &str, most: i64) -> Result<i64, String> {
    let style = IntStyle { lenient: false, any_base: true };
    value::integer(word, 0, most, style).map(|read| read.value)
}

/// The realms `[SRC/]DST`, packed as the kernel does: source in the upper
/// half.
pub fn realms(cx: &mut Cx<'_>, word: &str) -> Option<u32> {
    let (src, dst) = match word.split_once('/') {
        Some((src, dst)) => (Some(src), dst),
        None => (None, word),
    };
    let src = match src {
        Some(src) => cx.routing_name(RoutingName::Realm, src)?,
        None => 0,
    };
    Some(src << 16 | cx.routing_name(RoutingName::Realm, dst)?)
}

/// An encapsulation and how many words it takes.
///
/// # Errors
/// What is wrong with it.
pub fn encap(a: &Args<'_>) -> Result<(Encap, usize), String> {
    let form = a.str(0);
    match form {
        "ip" => ip(a, Family::V4).map(|(e, n)| (Encap::Ip(e), n)),
        "ip6" => ip(a, Family::V6).map(|(e, n)| (Encap::Ip6(e), n)),
        "mpls" => {
            let labels = a.str(1).split('/').take(LABELS_MAX + 1).map(|label| {
                let label = label.parse().ok().filter(|l| *l <= LABEL_MAX);
                label.ok_or_else(|| format!("invalid mpls label stack {}", a.str(1)))
            });
            let labels = labels.collect::<Result<Vec<u32>, String>>()?;
            if labels.len() > LABELS_MAX {
                return Err(format!("mpls label stack has more than {LABELS_MAX} labels"));
            }
            Ok((Encap::Mpls(labels), 2))
        }
        "ila" => match locator(a.str(1)) {
            Some(locator) => Ok((Encap::Ila(locator), 2)),
            None => Err(format!("invalid ila locator {}", a.str(1))),
        },
        _ => Err(format!("encap has no type {form}")),
    }
}

/// How many words an encapsulation takes, good or bad.
pub fn encap_words(a: &Args<'_>) -> usize {
    let words = match a.str(0) {
        "ip" | "ip6" => {
            let options = (0..).take_while(|n| {
                let word = a.get(1 + 2 * n);
                word.is_some_and(|w| IP_OPTIONS.contains(&w))
            });
            1 + 2 * options.count()
        }
        "mpls" | "ila" => 2,
        _ => 1,
    };
    words.min(a.len())
}

/// Four groups of up to four hex digits, as the upper half of an address.
fn locator(word: &str) -> Option<u64> {
    let groups: Vec<&str> = word.split(':').collect();
    if groups.len() != 4 {
        return None;
    }
    groups
        .iter()
        .try_fold(0, |all, group| Some(all << 16 | u64::from(u16::from_str_radix(group, 16).ok()?)))
}

const IP_OPTIONS: &[&str] = &["id", "dst", "src", "tos", "ttl", "tc", "hoplimit", "flags"];

fn ip(a: &Args<'_>, family: Family) -> Result<(IpEncap, usize), String> {
    let form = a.str(0);
    let mut made = IpEncap::default();
    let mut taken = 1;
    while let Some(option) = a.get(taken).filter(|w| IP_OPTIONS.contains(w)) {
        let Some(word) = a.get(taken + 1) else {
            return Err(format!("missing value for {option} of {form} encapsulation"));
        };
        let bad = |_| format!("invalid {option} {word} for {form} encapsulation");
        let byte = || number(word, 255).map_err(bad).map(|n| u8::try_from(n).ok());
        match option {
            "id" => {
                let id = word.parse::<u64>().map_err(|_| bad(String::new()))?;
                made.id = Some(id);
            }
            "dst" | "src" => {
                let address: Option<IpAddr> = word.parse().ok();
                let address = address.filter(|address| Family::of(*address) == family);
                let address = address.ok_or_else(|| bad(String::new()))?;
                let slot = if option == "dst" { &mut made.dst } else { &mut made.src };
                *slot = Some(address);
            }
            "tos" | "tc" => made.tos = byte()?,
            "ttl" | "hoplimit" => made.ttl = byte()?,
            _ => made.flags = u16::try_from(number(word, 0xffff).map_err(bad)?).ok(),
        }
        taken += 2;
    }
    if made.dst.is_none() && made.id.is_none() {
        return Err(format!("encap {form} needs dst or id"));
    }
    Ok((made, taken))
}

/// `[via [inet|inet6] A] [dev IF] [weight N] [onlink] [encap ...] [realms R]`
/// with `nexthop` between them, up to the end of the entry.
pub fn list(cx: &mut Cx<'_>, a: &Args<'_>) -> Vec<NextHop> {
    let mut hops = vec![NextHop::default()];
    let mut i = 0;
    while let Some(option) = a.get(i) {
        if option == "nexthop" {
            hops.push(NextHop::default());
            i += 1;
            continue;
        }
        let Some(hop) = hops.last_mut() else { break };
        match one(cx, &a.skip(i), hop) {
            0 => {
                let text =
                    format!("nexthop has no option {option}, and nothing follows the next hops");
                refuse(cx, Code::ExtraWords, &a.skip(i), text);
                break;
            }
            taken => i += taken,
        }
    }
    hops
}

/// One option of a next hop; how many words it takes, 0 if it is none.
fn one(cx: &mut Cx<'_>, a: &Args<'_>, hop: &mut NextHop) -> usize {
    match a.str(0) {
        "via" => {
            let skip = usize::from(matches!(a.str(1), "inet" | "inet6"));
            hop.via = address(cx, a, 1 + skip, "via");
            2 + skip
        }
        "dev" | "oif" => {
            let name = a.str(1);
            cx.wants_interface(name, a.span(1), || {
                format!("route: interface {name} doesn't exist")
            });
            hop.dev = Some(name.to_owned());
            2
        }
        "weight" => {
            match a.str(1).parse::<u16>().ok().filter(|weight| (1..=256).contains(weight)) {
                Some(weight) => hop.weight = Some(weight),
                None => {
                    let text = format!("nexthop weight '{}' is not 1 to 256", a.str(1));
                    refuse(cx, Code::BadNumber, &a.skip(1), text);
                }
            }
            2
        }
        "onlink" => {
            hop.onlink = true;
            1
        }
        "encap" => {
            match encap(&a.skip(1)) {
                Ok((encap, _)) => hop.encap = Some(encap),
                Err(text) => refuse(cx, Code::BadValue, a, text),
            }
            1 + encap_words(&a.skip(1))
        }
        "realms" => {
            match realms(cx, a.str(1)) {
                Some(realms) => hop.realms = Some(realms),
                None => {
                    let text = format!("realms {} are invalid", a.str(1));
                    refuse(cx, Code::BadValue, a, text);
                }
            }
            2
        }
        _ => 0,
    }
}
