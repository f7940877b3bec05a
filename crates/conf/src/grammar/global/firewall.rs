//! The firewall of the vrrp role.

use crate::diag::{Code, Diag, Level};
use crate::grammar::{Keyword, int, kw, word};
use crate::lower::global;

/// Keywords of the firewall.
pub static FIREWALL: &[Keyword] = &[
    kw("nftables", "Name of the firewall table.")
        .args(&[word("TABLE").opt()])
        .default("keepalived when one is needed")
        .acted()
        .set(global::nftables),
    kw("nftables_priority", "Priority of its hooks.")
        .args(&[int(i32::MIN as i64, i32::MAX as i64)])
        .default("-1")
        .acted()
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.nftables.priority = a.num(0)),
    kw("nftables_ifindex", "Sets of link-local addresses hold interface indexes only.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.nftables.ifindex = true),
    kw("nftables_counters", "Rules count packets.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.nftables.counters = true),
    kw("vrrp_iptables", "Old firewall; nftables does its work.")
        .acted()
        .args(&[word("INCHAIN").opt(), word("OUTCHAIN").opt()])
        .set(|cx, a| {
            let text = "vrrp_iptables: there is no iptables support, nftables does its work";
            cx.report(
                Diag::new(Level::General, Code::Deprecated, a.keyword_span(), text)
                    .help("write `nftables` instead"),
            );
            let nftables = &mut cx.build.config.global.nftables;
            nftables.table.get_or_insert_with(|| global::NFTABLES_TABLE.to_owned());
            nftables.priority = -1;
        }),
    kw("vrrp_ipsets", "Old firewall sets; nftables has its own.")
        .args(&[word("SET").rest(0)])
        .deprecated("use nftables")
        .acted(),
];
