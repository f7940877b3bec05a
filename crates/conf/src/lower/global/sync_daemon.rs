//! `lvs_sync_daemon` and its old form in an instance.

use std::net::IpAddr;

use model::global::SyncDaemon;

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::value::{self, IntStyle};

/// `lvs_sync_daemon IF [inst VRRP] [id N] [maxlen N] [port N] [ttl N] [group ADDR]`.
pub fn set(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(old) = &cx.build.config.global.ipvs.sync_daemon {
        let text = format!(
            "lvs_sync_daemon is given already, on {} {} - ignoring",
            old.interface,
            old.instance.as_deref().unwrap_or("")
        );
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let mut daemon = plain(a.str(0), None);
    let mut i = 1;
    while let Some(option) = a.get(i) {
        i += match option {
            "inst" | "id" | "maxlen" | "port" | "ttl" | "group" => {
                if a.get(i + 1).is_none() {
                    let text = format!("lvs_sync_daemon {option} needs a value");
                    cx.error(Code::Missing, a.span(i), text);
                } else {
                    value(cx, a, i, &mut daemon);
                }
                2
            }
            _ => positional(cx, a, i, &mut daemon),
        };
    }
    cx.build.config.global.ipvs.sync_daemon = Some(daemon);
}

/// `lvs_sync_daemon_interface IF` in the instance `name`.
pub fn of_instance(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let text = format!("({name}) lvs_sync_daemon_interface is deprecated in an instance");
    let help = format!("write `lvs_sync_daemon {} inst {name}` in global_defs", a.str(0));
    cx.report(Diag::new(Level::General, Code::Deprecated, a.whole(), text).help(help));
    cx.error(Code::Deprecated, a.whole(), "use lvs_sync_daemon in global_defs");
    let sync_daemon = &mut cx.build.config.global.ipvs.sync_daemon;
    if sync_daemon.is_none() {
        // Unlike the new form, which takes the instance's VRID.
        *sync_daemon = Some(SyncDaemon { id: Some(0), ..plain(a.str(0), Some(name)) });
    }
}

/// Its instance must exist.
pub fn check(cx: &mut Cx<'_>) {
    let config = &mut cx.build.config;
    let Some(name) = config.global.ipvs.sync_daemon.as_ref().and_then(|d| d.instance.clone())
    else {
        return;
    };
    if config.vrrp.instances.iter().any(|i| i.name == name) {
        return;
    }
    config.global.ipvs.sync_daemon = None;
    let text =
        format!("lvs_sync_daemon inst {name}: there is no such instance - ignoring the line");
    cx.error(Code::Undefined, crate::Span::NONE, text);
}

fn plain(interface: &str, instance: Option<String>) -> SyncDaemon {
    SyncDaemon {
        interface: interface.to_owned(),
        instance,
        id: None,
        maxlen: None,
        port: None,
        ttl: None,
        group: None,
    }
}

/// The old form: instance and id without words before them.
fn positional(cx: &mut Cx<'_>, a: &Args<'_>, i: usize, daemon: &mut SyncDaemon) -> usize {
    if i == 1 {
        daemon.instance = a.opt_string(i);
    } else if i == 2 && a.str(i).parse::<u8>().is_ok() {
        daemon.id = a.str(i).parse().ok();
        let text = "lvs_sync_daemon: write `id` before the sync id";
        cx.error(Code::Deprecated, a.span(i), text);
    } else {
        let text = format!("lvs_sync_daemon has no option {}", a.str(i));
        cx.error(Code::BadValue, a.span(i), text);
    }
    1
}

/// The value of the option at `i`.
fn value(cx: &mut Cx<'_>, a: &Args<'_>, i: usize, daemon: &mut SyncDaemon) {
    let (option, word) = (a.str(i), a.str(i + 1));
    let mut number = |least, most, text: String| {
        let style = IntStyle { lenient: false, any_base: false };
        match value::integer(word, least, most, style) {
            Ok(read) => u16::try_from(read.value).ok(),
            Err(cause) => {
                let diag = Diag::new(Level::General, Code::BadNumber, a.span(i + 1), text);
                cx.report(diag.because(cause));
                None
            }
        }
    };
    let ignoring = || format!("lvs_sync_daemon {option} '{word}' is invalid - ignoring");
    let byte = |n: Option<u16>| n.and_then(|n| u8::try_from(n).ok());
    match option {
        "inst" => daemon.instance = Some(word.to_owned()),
        "id" => {
            let text = format!("lvs_sync_daemon id '{word}' is invalid - using the VRID");
            daemon.id = byte(number(0, 255, text));
        }
        "maxlen" => daemon.maxlen = number(1, 65507, ignoring()),
        "port" => daemon.port = number(1, 65535, ignoring()),
        "ttl" => daemon.ttl = byte(number(1, 255, ignoring())),
        _ => match word.parse::<IpAddr>() {
            Ok(group) if group.is_multicast() => daemon.group = Some(group),
            _ => {
                let text =
                    format!("lvs_sync_daemon group {word} is no multicast address - ignoring");
                cx.error(Code::BadAddress, a.span(i + 1), text);
            }
        },
    }
}
