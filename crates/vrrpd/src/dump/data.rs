//! `keepalived.data` of the vrrp role, for humans and grep.

use super::words::{self, yes};
use super::{fib, instance, line, links, tracks};
use core::fmt::{Result, Write};
use ipc::msg::vrrp::Known;
use vrrp_proto::{FibEntry, Node, State, Status};

/// Sections of the file that this role writes, after core's on the global definitions.
pub fn text(node: &Node, known: &Known) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = sections(&mut text, node, known);
    text
}

fn sections(out: &mut String, node: &Node, known: &Known) -> Result {
    for (n, (addr, dev, set)) in node.static_addresses().enumerate() {
        if n == 0 {
            out.push_str("------< Static Addresses >------\n");
        }
        writeln!(out, "     {}", line::address(addr, dev, set))?;
    }
    for (rules, title) in [(false, "Static Routes"), (true, "Static Rules")] {
        let lines = lines(node.static_fib(), rules);
        if !lines.is_empty() {
            write!(out, "------< {title} >------\n{lines}")?;
        }
    }
    out.push_str("------< VRRP Topology >------\n");
    for status in node.instances() {
        instance::write(out, node, status, known)?;
    }
    groups(out, node, known)?;
    tracks::write(out, node, known)?;
    links::write(out, node)
}

/// A line for each route, or for each rule.
pub fn lines<'a>(entries: impl Iterator<Item = &'a FibEntry>, rules: bool) -> String {
    let wanted = entries.filter(|e| matches!(e, FibEntry::Rule(_)) == rules);
    wanted.map(|e| format!("     {}\n", fib::line(e))).collect()
}

fn groups(out: &mut String, node: &Node, known: &Known) -> Result {
    for (n, (config, state, members)) in node.sync_groups().enumerate() {
        if n == 0 {
            out.push_str("------< VRRP Sync groups >------\n");
        }
        writeln!(out, " VRRP Sync Group = {}, {state}", config.name)?;
        let fault = members.iter().filter(|s| !s.causes().is_empty()).count();
        let init = members.iter().filter(|s| is_init(**s)).count();
        writeln!(out, "   Num member fault {fault}, num member init {init}")?;
        writeln!(out, "   VRRP member instances :")?;
        members.iter().try_for_each(|s| writeln!(out, "     {}", s.config().name))?;
        if config.tracking_weight {
            writeln!(out, "   sync group tracking weight set")?;
        }
        writeln!(out, "   Using smtp notification = {}", yes(config.smtp_alert))?;
        if config.notify_priority_changes {
            writeln!(out, "   Notify priority changes = yes")?;
        }
        words::tracked(out, node, &config.track_interfaces, &config.tracks)?;
        words::scripts(out, &config.notify, known)?;
    }
    Ok(())
}

fn is_init(s: Status<'_>) -> bool {
    s.state() == State::Init || s.is_waiting()
}
