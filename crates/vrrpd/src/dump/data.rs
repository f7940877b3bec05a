//! `keepalived.data` of the vrrp role, for humans and grep.

use super::{fib, line};
use core::fmt::Write;
use model::vrrp::Version;
use vrrp_proto::{FibEntry, Node, State, Status};

/// Sections of the file that this role writes.
pub fn text(node: &Node) -> String {
    let mut text = String::new();
    for (rules, title) in [(false, "Static Routes"), (true, "Static Rules")] {
        let lines = lines(node.static_fib(), rules);
        if !lines.is_empty() {
            text.push_str(&format!("------< {title} >------\n{lines}"));
        }
    }
    text.push_str("------< VRRP Topology >------\n");
    for status in node.instances() {
        // Writing to a string cannot fail.
        let _ = instance(&mut text, node, status);
    }
    text
}

/// A line for each route, or for each rule.
fn lines<'a>(entries: impl Iterator<Item = &'a FibEntry>, rules: bool) -> String {
    let wanted = entries.filter(|e| matches!(e, FibEntry::Rule(_)) == rules);
    wanted.map(|e| format!("     {}\n", fib::line(e))).collect()
}

fn instance(out: &mut String, node: &Node, s: Status<'_>) -> core::fmt::Result {
    let c = s.config();
    let dev = c.interface.as_deref().unwrap_or("not configured");
    writeln!(out, " VRRP Instance = {}", c.name)?;
    writeln!(out, "   VRRP Version = {}", if c.version == Version::V2 { 2 } else { 3 })?;
    writeln!(out, "   State = {}", s.state())?;
    writeln!(out, "   Wantstate = {}", if s.wants_master() { "MASTER" } else { "BACKUP" })?;
    if s.state() == State::Backup
        && let Some((addr, priority)) = s.master()
    {
        writeln!(out, "   Master router = {addr}")?;
        writeln!(out, "   Master priority = {priority}")?;
        if c.version == Version::V3 {
            let interval = s.master_interval().as_millis();
            writeln!(out, "   Master advert interval = {interval} milli-sec")?;
        }
    }
    writeln!(out, "   Number of config faults = {}", c.config_faults)?;
    writeln!(out, "   Number of tracker faults = {}", s.causes().len())?;
    for t in s.troubles() {
        let (n, last) = (t.count, super::stamp(t.last));
        writeln!(out, "   Trouble with {} = {} ({n} adverts, the last at {last})", t.from, t.what)?;
    }
    writeln!(out, "   Last transition = {}", super::stamp(s.since().0))?;
    writeln!(out, "   Master down timer = {} usecs", s.master_down().as_micros())?;
    match s.vmac() {
        Some(vmac) => virtual_link(out, s, vmac, dev)?,
        None => writeln!(out, "   Interface = {dev}")?,
    }
    if let Some(src) = s.binding().0 {
        let from = if c.source.is_some() { " (from configuration)" } else { "" };
        writeln!(out, "   Using src_ip = {src}{from}")?;
    }
    if c.unicast.is_none() {
        writeln!(out, "   Multicast address {}", c.mcast_group)?;
    }
    writeln!(out, "   Gratuitous ARP delay = {}", c.garp.master_delay.as_secs())?;
    writeln!(out, "   Gratuitous ARP repeat = {}", c.garp.master_repeat)?;
    writeln!(out, "   Gratuitous ARP refresh = {}", c.garp.master_refresh.as_secs())?;
    writeln!(out, "   Gratuitous ARP refresh repeat = {}", c.garp.master_refresh_repeat)?;
    writeln!(out, "   Down timer adverts = {}", c.down_timer_adverts)?;
    writeln!(out, "   Virtual Router ID = {}", c.vrid)?;
    writeln!(out, "   Priority = {}", c.priority)?;
    writeln!(out, "   Effective priority = {}", s.priority())?;
    match c.version {
        Version::V2 => writeln!(out, "   Advert interval = {} sec", c.advert_int.as_secs())?,
        Version::V3 => {
            writeln!(out, "   Advert interval = {} milli-sec", c.advert_int.as_millis())?;
        }
    }
    writeln!(out, "   Accept = {}", if c.accept { "enabled" } else { "disabled" })?;
    writeln!(out, "   Preempt = {}", if c.nopreempt { "disabled" } else { "enabled" })?;
    if !c.preempt_delay.is_zero() {
        writeln!(out, "   Preempt delay = {} secs", c.preempt_delay.as_secs_f64())?;
    }
    writeln!(out, "   Virtual IP ({}):", c.vips.len())?;
    for (vip, _, on) in s.addresses().filter(|(_, excluded, _)| !excluded) {
        writeln!(out, "     {}", line::address(vip, &node.device_of(s, vip), on.is_some()))?;
    }
    if !c.evips.is_empty() {
        writeln!(out, "   Virtual IP Excluded :")?;
        for (vip, _, on) in s.addresses().filter(|(_, excluded, _)| *excluded) {
            writeln!(out, "     {}", line::address(vip, &node.device_of(s, vip), on.is_some()))?;
        }
    }
    for (rules, title) in [(false, "Virtual Routes"), (true, "Virtual Rules")] {
        let lines = lines(s.fib(), rules);
        if !lines.is_empty() {
            write!(out, "   {title} :\n{lines}")?;
        }
    }
    if let Some(unicast) = &c.unicast {
        writeln!(
            out,
            "   Check unicast src : {}",
            if unicast.check_source { "yes" } else { "no" }
        )?;
        writeln!(out, "   Unicast Peer :")?;
        for peer in &unicast.peers {
            writeln!(out, "     {} min_ttl {} max_ttl {}", peer.addr, peer.min_ttl, peer.max_ttl)?;
        }
    }
    Ok(())
}

fn virtual_link(out: &mut String, s: Status<'_>, name: &str, dev: &str) -> core::fmt::Result {
    let c = s.config();
    let (there, base) = (s.has_link(), c.vmac_xmit_base);
    if let Some(vmac) = &c.vmac {
        let up = format!("is_up = {there}, xmit_base = {base}");
        writeln!(out, "   Use VMAC, i/f name {name}, {up}")?;
        if let Some(mac) = vmac.mac {
            let octets = mac.map(|octet| format!("{octet:02x}"));
            writeln!(out, "     MAC = {}", octets.join(":"))?;
        }
    } else {
        writeln!(out, "   Use IPVLAN, i/f name {name}, is_up = {there}")?;
    }
    if c.vmac_addr {
        writeln!(out, "   Use VMAC for VIPs on other interfaces")?;
    }
    let kind = if c.vmac.is_some() { "vmac" } else { "ipvlan" };
    let base = if base { ", xmit base i/f" } else { "" };
    writeln!(out, "   Interface = {name}, {kind} on {dev}{base}")
}
