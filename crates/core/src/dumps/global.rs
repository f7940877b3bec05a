//! The section on global definitions that every data dump begins with.

use crate::paths::Names;
use core::fmt::{Result, Write};
use model::global::{Buffer, Fifo, FlushOnStop, RxBufsPolicy};
use model::process::ProcessSettings;
use model::{Config, Script, ScriptUser};
use types::ScriptId;

/// Microseconds that a realtime process may run without a pause, unless it is told otherwise.
const RTTIME: u64 = 10_000;

/// The section.
pub fn text(config: &Config, names: &Names) -> String {
    let mut out = String::from("------< Global definitions >------\n");
    // Writing to a string cannot fail.
    let _ = section(&mut Section { out: &mut out, config }, names);
    out
}

struct Section<'a> {
    out: &'a mut String,
    config: &'a Config,
}

impl Section<'_> {
    fn put(&mut self, label: &str, value: impl core::fmt::Display) -> Result {
        writeln!(self.out, " {label} = {value}")
    }

    /// What is there only when it is set.
    fn given(&mut self, label: &str, value: Option<impl core::fmt::Display>) -> Result {
        value.map_or(Ok(()), |value| self.put(label, value))
    }

    fn line(&mut self, line: &str) -> Result {
        writeln!(self.out, " {line}")
    }

    fn script(&mut self, label: &str, id: Option<ScriptId>, more: &str) -> Result {
        let script = id.and_then(|id| self.config.scripts.get(id.index()));
        self.given(label, script.map(|s| format!("{}{more}", command(s))))
    }

    fn fifo(&mut self, label: &str, fifo: &Option<Fifo>, script: Option<ScriptId>) -> Result {
        let Some(fifo) = fifo else { return Ok(()) };
        self.put(label, format!("{}, uid:gid {}", fifo.path, owner(fifo.owner.as_ref())))?;
        self.script(&format!("{label} script"), script, "")
    }

    fn buffer(&mut self, label: &str, buffer: Buffer) -> Result {
        self.put(&format!("{label}_rcv_bufs"), buffer.bytes.unwrap_or(0))?;
        self.put(&format!("{label}_rcv_bufs_force"), u8::from(buffer.force))
    }

    fn process(&mut self, role: &str, p: &ProcessSettings) -> Result {
        self.put(&format!("{role} process priority"), p.nice)?;
        self.put(&format!("{role} don't swap"), p.no_swap)?;
        self.put(&format!("{role} realtime priority"), p.rt_priority)?;
        if !p.cpu_affinity.is_empty() {
            let cpus: Vec<String> = p.cpu_affinity.iter().map(u32::to_string).collect();
            self.put(&format!("{role} CPU Affinity"), cpus.join(" "))?;
        }
        self.put(&format!("{role} realtime limit"), p.rlimit_rttime.unwrap_or(RTTIME))
    }
}

/// The words of a command in quotes, and whom it runs as.
fn command(script: &Script) -> String {
    format!("{}, uid:gid {}", script.quoted(), owner(script.user.as_ref()))
}

fn owner(user: Option<&ScriptUser>) -> String {
    let (uid, gid) = user.map_or((0, 0), |u| (u.uid, u.gid));
    format!("{uid}:{gid}")
}

fn switch(on: Option<bool>) -> &'static str {
    match on {
        None => "unset",
        Some(true) => "on",
        Some(false) => "off",
    }
}

fn able(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

fn section(s: &mut Section<'_>, names: &Names) -> Result {
    let g = &s.config.global;
    s.given("Config save dir", g.config_save_dir.as_ref())?;
    s.put("Network namespace", names.namespace.as_deref().unwrap_or("(default)"))?;
    let ipvs = match g.net_namespace_ipvs.as_deref() {
        None => "(main namespace)",
        Some("") => "(default)",
        Some(name) => name,
    };
    s.put("Network namespace ipvs", ipvs)?;
    s.given("Instance name", names.instance.as_ref())?;
    s.given("Parent process name", g.process_name.as_ref())?;
    s.given("VRRP process name", g.vrrp_process.name.as_ref())?;
    s.given("LVS process name", g.checker_process.name.as_ref())?;
    s.given("BFD process name", g.bfd_process.name.as_ref())?;
    s.given("Router ID", g.router_id.as_ref())?;
    mail(s)?;
    match &g.reload.check_config {
        None => s.line("No test config before reload")?,
        Some(log) => s.line(&format!("Test config before reload, log to {log}"))?,
    }
    let repeat = if g.reload.repeat { " (repeat)" } else { "" };
    s.given("Reload time file", g.reload.time_file.as_ref().map(|f| format!("{f}{repeat}")))?;
    s.given("Reload_file", g.reload.file.as_ref())?;
    if g.dumps.use_instance {
        s.line("Use instance name in data dumps")?;
    }
    let time = |t: core::time::Duration| format!(", timeout {}", t.as_secs());
    s.script("Startup script", g.startup_script, &time(g.startup_script_timeout))?;
    s.script("Shutdown script", g.shutdown_script, &time(g.shutdown_script_timeout))?;
    s.put("Dynamic interfaces", g.dynamic_interfaces)?;
    if g.dynamic_interfaces {
        s.put("Allow interface changes", g.allow_if_changes)?;
    }
    lvs(s)?;
    vrrp(s)?;
    for (role, settings) in
        [("VRRP", &g.vrrp_process), ("Checker", &g.checker_process), ("BFD", &g.bfd_process)]
    {
        s.process(role, settings)?;
    }
    outside(s)?;
    s.line(&format!("Script security {}", able(g.script_security)))?;
    if let Some(user) = &g.script_user {
        s.line(&format!("Default script uid:gid {}", owner(Some(user))))?;
    }
    buffers(s)?;
    s.put("umask", format_args!("0{:03o}", g.umask.unwrap_or(crate::start::UMASK)))?;
    if !g.startup_delay.is_zero() {
        s.put("vrrp_startup_delay", g.startup_delay.as_secs_f64())?;
    }
    if g.log_unknown_vrids {
        s.line("log_unknown_vrids")?;
    }
    if g.vmac_prefix != "vrrp" {
        s.put("VMAC prefix", &g.vmac_prefix)?;
    }
    s.given("VMAC address prefix", g.vmac_addr_prefix.as_ref())?;
    s.line(&format!("json_version {}", g.dumps.json_version))?;
    s.given("state dump file", g.dumps.state.as_ref())?;
    s.given("stats dump file", g.dumps.stats.as_ref())?;
    s.given("json dump file", g.dumps.json.as_ref())
}

fn mail(s: &mut Section<'_>) -> Result {
    let g = &s.config.global;
    if let Some(server) = &g.smtp.server {
        s.put("Smtp server", server)?;
        s.put("Smtp server port", g.smtp.port)?;
    }
    s.given("Smtp HELO name", g.smtp.helo.as_ref())?;
    if g.smtp.server.is_some() {
        s.put("Smtp server connection timeout", g.smtp.connect_timeout.as_secs())?;
    }
    s.given("Email notification from", g.smtp.from.as_ref())?;
    if !g.smtp.to.is_empty() {
        s.line("Email notification to:")?;
        g.smtp.to.iter().try_for_each(|to| writeln!(s.out, "   {to}"))?;
    }
    s.put("Default smtp_alert", switch(g.smtp.alert))?;
    s.put("Default smtp_alert_vrrp", switch(g.smtp.alert_vrrp))?;
    s.put("Default smtp_alert_checker", switch(g.smtp.alert_checker))?;
    s.put("Checkers log all failures", g.ipvs.log_all_failures)?;
    if g.smtp.no_email_faults {
        s.put("Send emails for fault transitions", "off")?;
    }
    Ok(())
}

fn lvs(s: &mut Section<'_>) -> Result {
    let g = &s.config.global;
    s.given("LVS TCP timeout", g.ipvs.timeout_tcp)?;
    s.given("LVS TCP FIN timeout", g.ipvs.timeout_tcpfin)?;
    // The reference calls this one TCP too.
    s.given("LVS TCP timeout", g.ipvs.timeout_udp)?;
    s.put("Default interface", g.default_interface.as_deref().unwrap_or("eth0"))?;
    s.put("Disable local IGMP", if g.disable_local_igmp { "yes" } else { "no" })?;
    if let Some(d) = &g.ipvs.sync_daemon {
        s.given("LVS syncd vrrp instance", d.instance.as_ref())?;
        s.put("LVS syncd interface", &d.interface)?;
        s.given("LVS syncd syncid", d.id)?;
        s.given("LVS syncd maxlen", d.maxlen)?;
        s.given("LVS mcast group", d.group)?;
        s.given("LVS syncd mcast port", d.port)?;
        s.given("LVS syncd mcast ttl", d.ttl)?;
    }
    s.put("LVS flush", g.ipvs.flush)?;
    let on_stop = match g.ipvs.flush_on_stop {
        FlushOnStop::No => "disabled",
        FlushOnStop::VirtualServers => "VS",
        FlushOnStop::All => "full",
    };
    s.put("LVS flush on stop", on_stop)
}

fn vrrp(s: &mut Section<'_>) -> Result {
    let g = &s.config.global;
    s.fifo("Global notify fifo", &g.fifos.all, g.fifos.all_script)?;
    s.fifo("VRRP notify fifo", &g.fifos.vrrp, g.fifos.vrrp_script)?;
    s.fifo("LVS notify fifo", &g.fifos.lvs, g.fifos.lvs_script)?;
    s.put("FIFO write vrrp states on reload", g.fifo_write_states_on_reload)?;
    s.put("VRRP notify priority changes", g.notify_priority_changes)?;
    s.put("VRRP IPv4 mcast group", g.mcast_group4)?;
    s.put("VRRP IPv6 mcast group", g.mcast_group6)?;
    let seconds = |t: core::time::Duration| format!("{:.6}", t.as_secs_f64());
    s.put("Gratuitous ARP interval", seconds(g.garp_interval))?;
    s.put("Gratuitous NA interval", seconds(g.gna_interval))?;
    if let Some(table) = &g.nftables.table {
        s.put("nftables table name", table)?;
        s.put("nftables base chain priority", g.nftables.priority)?;
    }
    if let Some(table) = &g.nftables.ipvs_table {
        s.put("ipvs nftables table name", table)?;
        s.put("ipvs nftables base chain priority", g.nftables.ipvs_priority)?;
        s.put("ipvs nftables start fwmark", g.nftables.ipvs_start_fwmark)?;
    }
    let counters = if g.nftables.counters { "with" } else { "without" };
    s.line(&format!("nftables {counters} counters"))?;
    s.put("Max auto priority", g.max_auto_priority)?;
    let delay = g.min_auto_priority_delay.as_micros();
    s.put("Min auto priority delay", format_args!("{delay} usecs"))
}

fn outside(s: &mut Section<'_>) -> Result {
    let g = &s.config.global;
    for (what, on) in [
        ("vrrp", g.snmp.vrrp),
        ("checker", g.snmp.checker),
        ("RFCv2", g.snmp.rfcv2),
        ("RFCv3", g.snmp.rfcv3),
        ("traps", g.snmp.traps),
    ] {
        s.line(&format!("SNMP {what} {}", able(on)))?;
    }
    let socket = g.snmp.socket.as_deref().unwrap_or("default (unix:/var/agentx/master)");
    s.put("SNMP socket", socket)?;
    s.line(&format!("DBus {}", able(g.dbus.enabled)))?;
    s.put("DBus service name", g.dbus.service_name.as_deref().unwrap_or_default())?;
    s.given("DBus no interface name", g.dbus.no_interface_name.as_ref())
}

fn buffers(s: &mut Section<'_>) -> Result {
    let (g, b) = (&s.config.global, &s.config.global.buffers);
    s.buffer("vrrp_netlink_cmd", b.vrrp_cmd)?;
    s.buffer("vrrp_netlink_monitor", b.vrrp_monitor)?;
    s.buffer("process_monitor", b.process_monitor)?;
    s.buffer("lvs_netlink_cmd", b.lvs_cmd)?;
    s.buffer("lvs_netlink_monitor", b.lvs_monitor)?;
    s.put("rs_init_notifies", u8::from(g.ipvs.rs_init_notifies))?;
    s.put("no_checker_emails", u8::from(g.smtp.no_checker_emails))?;
    match b.rx_policy {
        RxBufsPolicy::None => {}
        RxBufsPolicy::Mtu => s.put("rx_bufs_policy", "MTU")?,
        RxBufsPolicy::Advert => s.put("rx_bufs_policy", "ADVERT")?,
        RxBufsPolicy::Bytes(bytes) => s.put("rx_bufs_size", bytes)?,
    }
    s.put("rx_bufs_multiples", b.rx_multiplier)
}
