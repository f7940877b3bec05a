//! Who is told of what happens: mail, SNMP, D-Bus and the FIFOs.

use std::net::IpAddr;
use std::time::Duration;

use crate::diag::Code;
use crate::grammar::{BOOL, Keyword, SCRIPT, int, kw, secs, word};
use crate::lower::global;

/// Keywords of mail.
pub static MAIL: &[Keyword] = &[
    kw("notification_email", "Recipients of alerts.").acted().entries(&super::NOTIFICATION_EMAIL),
    kw("notification_email_from", "Sender of alerts.")
        .args(&[word("ADDRESS")])
        .default("user@host")
        .missing("notification_email_from needs an address")
        .report_extra("notification_email_from takes one address - ignoring '{}'")
        .acted()
        .set(|cx, a| cx.build.config.global.smtp.from = a.opt_string(0)),
    kw("smtp_server", "Mail server.")
        .args(&[word("HOST"), int(1, 65535).meta("PORT").opt()])
        .default("none, port 25")
        .invalid("smtp_server port '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let host = a.str(0);
            let address = host.parse::<IpAddr>().ok().or_else(|| cx.host.resolve(host));
            let port = a.opt_num(1).unwrap_or(25);
            if address.is_none() {
                let text =
                    format!("smtp_server {host} is no address and cannot be resolved - ignoring");
                cx.error(Code::BadAddress, a.span(0), text);
                return;
            }
            let smtp = &mut cx.build.config.global.smtp;
            (smtp.server, smtp.address, smtp.port) = (Some(host.to_owned()), address, port);
        }),
    kw("smtp_helo_name", "Name given in HELO.")
        .args(&[word("HOST")])
        .default("host name")
        .acted()
        .set(|cx, a| cx.build.config.global.smtp.helo = a.opt_string(0)),
    kw("smtp_connect_timeout", "Seconds to connect to the mail server.")
        .args(&[int(0, 4294).lenient()])
        .default("30")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let mut seconds: u64 = a.num(0);
            if seconds == 0 {
                let text = "smtp_connect_timeout must be greater than 0, setting to 1";
                cx.error(Code::Adjusted, a.span(0), text);
                seconds = 1;
            }
            cx.build.config.global.smtp.connect_timeout = Duration::from_secs(seconds);
        }),
    kw("smtp_alert", "Mail all alerts.")
        .args(&[BOOL])
        .default("off")
        .invalid("Invalid value '{}' for global smtp_alert specified")
        .acted()
        .set(|cx, a| cx.build.config.global.smtp.alert = Some(a.flag(0))),
    kw("smtp_alert_vrrp", "Mail alerts of VRRP.")
        .args(&[BOOL])
        .default("smtp_alert")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.smtp.alert_vrrp = Some(a.flag(0))),
    kw("smtp_alert_checker", "Mail alerts of checkers.")
        .args(&[BOOL])
        .default("smtp_alert")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.smtp.alert_checker = Some(a.flag(0))),
    kw("no_email_faults", "No mail about FAULT.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.smtp.no_email_faults = true),
    kw("no_checker_emails", "Mail only when a real server changes, not for each checker.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.smtp.no_checker_emails = a.flag(0)),
];

/// Keywords of SNMP and D-Bus.
pub static AGENTS: &[Keyword] = &[
    kw("snmp_socket", "Address of the AgentX master.")
        .args(&[word("ADDRESS")])
        .default("unix:/var/agentx/master")
        .set(|cx, a| match &cx.build.config.global.snmp.socket {
            Some(old) => {
                let text = format!("snmp_socket is {old} already - ignoring");
                cx.error(Code::Duplicate, a.whole(), text);
            }
            None => cx.build.config.global.snmp.socket = a.opt_string(0),
        })
        .acted(),
    kw("enable_traps", "Send SNMP notifications.")
        .default("off")
        .set(|cx, _| cx.build.config.global.snmp.traps = true)
        .acted(),
    kw("enable_snmp_vrrp", "SNMP: KEEPALIVED-MIB, VRRP.")
        .default("off")
        .set(|cx, _| cx.build.config.global.snmp.vrrp = true)
        .acted(),
    kw("enable_snmp_keepalived", "Old spelling of enable_snmp_vrrp.")
        .deprecated_quietly("use enable_snmp_vrrp")
        .set(|cx, _| cx.build.config.global.snmp.vrrp = true)
        .acted(),
    kw("enable_snmp_rfc", "SNMP: both RFC MIBs of VRRP.")
        .default("off")
        .set(|cx, _| {
            cx.build.config.global.snmp.rfcv2 = true;
            cx.build.config.global.snmp.rfcv3 = true;
        })
        .acted(),
    kw("enable_snmp_rfcv2", "SNMP: VRRP-MIB (RFC 2787).")
        .default("off")
        .set(|cx, _| cx.build.config.global.snmp.rfcv2 = true)
        .acted(),
    kw("enable_snmp_rfcv3", "SNMP: VRRPV3-MIB (RFC 6527).")
        .default("off")
        .set(|cx, _| cx.build.config.global.snmp.rfcv3 = true)
        .acted(),
    kw("enable_snmp_checker", "SNMP: KEEPALIVED-MIB, checkers.")
        .default("off")
        .set(|cx, _| cx.build.config.global.snmp.checker = true)
        .acted(),
    kw(
        "snmp_vs_stats_update_interval",
        "Age in seconds at which virtual server counters are read anew.",
    )
    .args(&[secs(1_000, 30_000_000)])
    .default("5")
    .since("2.3")
    .invalid("snmp_vs_stats_update_interval '{}' is invalid")
    .set(|cx, a| cx.build.config.global.snmp.vs_stats_interval = a.secs(0))
    .acted(),
    kw("snmp_rs_stats_update_interval", "The same of real servers.")
        .args(&[secs(1_000, 30_000_000)])
        .default("as virtual servers")
        .since("2.3")
        .invalid("snmp_rs_stats_update_interval '{}' is invalid")
        .set(|cx, a| cx.build.config.global.snmp.rs_stats_interval = a.opt_secs(0))
        .acted(),
    kw("enable_dbus", "Offer instances, their states and commands on the system bus of D-Bus.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.dbus.enabled = true),
    kw("dbus_service_name", "Name on the bus; each daemon of a host needs its own.")
        .args(&[word("NAME")])
        .default("org.keepalived.Vrrp1")
        .acted()
        .set(|cx, a| {
            let name = a.str(0);
            if !is_bus_name(name) {
                let text = format!(
                    "dbus_service_name {name} is no name that a bus accepts, \
                     as org.example.Vrrp1 is one"
                );
                cx.note(Code::Advice, a.span(0), text);
            }
            cx.build.config.global.dbus.service_name = a.opt_string(0);
        }),
    kw("dbus_no_interface_name", "Stands in object paths for the interface of instances without.")
        .args(&[word("NAME")])
        .default("none")
        .since("2.3")
        .acted()
        .set(|cx, a| cx.build.config.global.dbus.no_interface_name = a.opt_string(0)),
];

/// Keywords of the notification FIFOs.
pub static FIFOS: &[Keyword] = &[
    kw("notify_fifo", "FIFO for the states of everything.")
        .args(&[word("PATH"), word("USER").opt(), word("GROUP").opt()])
        .acted()
        .set(|cx, a| global::fifo(cx, a, |f| &mut f.all)),
    kw("notify_fifo_script", "Reader of that FIFO.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| global::fifo_script(cx, a, |f| &mut f.all_script)),
    kw("vrrp_notify_fifo", "FIFO for VRRP states.")
        .args(&[word("PATH"), word("USER").opt(), word("GROUP").opt()])
        .acted()
        .set(|cx, a| global::fifo(cx, a, |f| &mut f.vrrp)),
    kw("vrrp_notify_fifo_script", "Reader of that FIFO.").args(&[SCRIPT]).acted().set(|cx, a| {
        global::fifo_script(cx, a, |f| &mut f.vrrp_script);
    }),
    kw("lvs_notify_fifo", "FIFO for virtual and real server states.")
        .acted()
        .args(&[word("PATH"), word("USER").opt(), word("GROUP").opt()])
        .set(|cx, a| global::fifo(cx, a, |f| &mut f.lvs)),
    kw("lvs_notify_fifo_script", "Reader of that FIFO.")
        .acted()
        .args(&[SCRIPT])
        .set(|cx, a| global::fifo_script(cx, a, |f| &mut f.lvs_script)),
    kw("vrrp_notify_priority_changes", "Write priority changes too.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.notify_priority_changes = a.flag(0)),
    kw("fifo_write_vrrp_states_on_reload", "Write all states after a reload.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.fifo_write_states_on_reload = true),
];

/// Whether D-Bus takes `name` as the name of a service: two elements or more of letters, digits,
/// `_` and `-`, none beginning with a digit, 255 bytes in all.
fn is_bus_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let digit = |c: char| c.is_ascii_digit();
    let element = |e: &str| !e.is_empty() && e.chars().all(legal) && !e.starts_with(digit);
    name.len() <= 255 && name.contains('.') && name.split('.').all(element)
}
