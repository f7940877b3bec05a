//! What a kernel holds, as iproute2 and nft show it, so that two moments or two hosts compare.

use std::collections::BTreeSet;
use std::process::Command;

use lab::{Host, Result};

use crate::fib::ip;
use crate::shown::sysctl;

/// Addresses, routes, rules and links, one a line, and nftables, one chain, set or element of a
/// set a line.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn state(host: &Host) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    found.extend(ip(host, "addr show")?.iter().map(|line| normal("addr", line)));
    found.extend(ip(host, "link show")?.iter().map(|line| normal("link", line)));
    for family in ["-4", "-6"] {
        let routes = ip(host, &format!("{family} route show table all"))?;
        found.extend(routes.iter().map(|line| normal("route", line)));
        let rules = ip(host, &format!("{family} rule show"))?;
        found.extend(rules.iter().map(|line| format!("rule {family} {line}")));
    }
    found.extend(nft(host, "list tables")?.lines().map(str::to_owned));
    for block in firewall(host)? {
        let (block, elements) = block.split_once(" elements = {").unwrap_or((&block, ""));
        found.insert(block.trim_end_matches(" }").to_owned());
        let (elements, _) = elements.split_once('}').unwrap_or_default();
        let elements = elements.split(',').map(str::trim).filter(|element| !element.is_empty());
        let name = block.split(" { ").next().unwrap_or_default();
        found.extend(elements.map(|element| format!("{name} element {element}")));
    }
    Ok(found)
}

/// The settings that a daemon changes, of these interfaces and of the host, one a line.
///
/// # Errors
/// When they cannot be read.
pub fn settings(host: &Host, links: &[&str]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for link in links {
        for key in [
            "arp_ignore",
            "arp_filter",
            "arp_announce",
            "rp_filter",
            "accept_local",
            "promote_secondaries",
        ] {
            let value = sysctl(host, &format!("ipv4/conf/{link}/{key}"))?;
            found.insert(format!("sysctl {link} {key} {value}"));
        }
    }
    let reports = sysctl(host, "ipv4/igmp_link_local_mcast_reports")?;
    found.insert(format!("sysctl igmp_link_local_mcast_reports {reports}"));
    Ok(found)
}

fn nft(host: &Host, arguments: &str) -> Result<String> {
    host.output(Command::new("nft").args(arguments.split(' ')))
}

/// Every set, map and chain as nft(8) lists it on one line, with its table before it.
///
/// # Errors
/// When nft fails.
pub fn firewall(host: &Host) -> Result<BTreeSet<String>> {
    let listing = nft(host, "list ruleset")?;
    let mut blocks = BTreeSet::new();
    let (mut table, mut block) = (String::new(), Vec::new());
    for line in listing.lines() {
        if line.starts_with("table") {
            table = line.trim_end_matches(" {").to_owned();
        } else if line == "\t}" {
            blocks.insert(format!("{table} {} }}", block.join(" ")));
            block.clear();
        } else if line.starts_with('\t') {
            block.push(line.trim());
        }
    }
    Ok(blocks)
}

/// A line of `ip` without what differs from run to run: numbers of links, and whether the kernel
/// has looked at a new link yet. Backslashes stand where lines were joined.
pub fn normal(kind: &str, line: &str) -> String {
    let line = line.replace('\\', " ").replace(" state UNKNOWN ", " state UP ");
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.ends_with(':') && word[..word.len() - 1].parse::<u32>().is_ok();
    if words.first().is_some_and(|word| number(word)) {
        words.remove(0);
    }
    format!("{kind} {}", words.join(" "))
}

/// What is in one and not in the other, for messages.
pub fn difference(is: &BTreeSet<String>, should: &BTreeSet<String>) -> String {
    let more = is.difference(should).map(|line| format!("  too much: {line}\n"));
    let less = should.difference(is).map(|line| format!("  missing:  {line}\n"));
    more.chain(less).collect()
}
