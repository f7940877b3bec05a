//! `global_defs` and the root-level settings: what lies between the keywords
//! and the model.

pub mod sync_daemon;

use std::net::IpAddr;
use std::time::Duration;

use model::global::{Fifo, Fifos, FlushOnStop, RxBufsPolicy};
use model::vrrp::{Garp, Version};
use types::{Family, ScriptId};

use super::Cx;
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::host::{FileError, FileKind};
use crate::value::{self, IntStyle};

/// The firewall table where a name is needed and none is given.
pub const NFTABLES_TABLE: &str = "keepalived";
/// Longest name of a table, in bytes (NFT_NAME_MAXLEN less its NUL).
const NFTABLES_NAME_MAX: usize = 254;

/// Defaults of instances, and unfinished business of the global keywords.
#[derive(Debug)]
pub struct State {
    /// Pacing of gratuitous packets.
    pub garp: Garp,
    /// `vrrp_garp_lower_prio_delay`; else the master delay.
    pub lower_prio_delay: Option<Duration>,
    /// `vrrp_garp_lower_prio_repeat`; else the master repeat.
    pub lower_prio_repeat: Option<u32>,
    /// `vrrp_down_timer_adverts`.
    pub down_timer_adverts: u8,
    /// `vrrp_lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `vrrp_version`.
    pub version: Version,
    /// `vrrp_check_unicast_src`.
    pub check_unicast_src: bool,
    /// `vrrp_skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `vrrp_strict`.
    pub strict: bool,
    /// `vrrp_owner_ignore_adverts`.
    pub owner_ignore_adverts: Option<bool>,
    /// `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: bool,
    /// `vmac_prefix` was given.
    pub vmac_prefix_given: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            garp: Garp::default(),
            lower_prio_delay: None,
            lower_prio_repeat: None,
            down_timer_adverts: 3,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            version: Version::V2,
            check_unicast_src: false,
            skip_check_adv_addr: false,
            strict: false,
            owner_ignore_adverts: None,
            v3_checksum_as_v2: false,
            vmac_prefix_given: false,
        }
    }
}

/// Checks that need the whole configuration.
pub fn check(_cx: &mut Cx<'_>) {}

/// Says that a setting is there already; the first one counts.
pub fn duplicate(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = format!("Duplicate {} definition {} - ignoring", a.name(), a.str(0));
    cx.error(Code::Duplicate, a.whole(), text);
}

/// `script_user USER [[:]GROUP]`.
pub fn script_user(cx: &mut Cx<'_>, a: &Args<'_>) {
    match cx.account(a.str(0), a.get(1)) {
        Ok(user) => {
            cx.build.config.global.script_user = Some(user.clone());
            cx.build.scripts.default_user = Some(user);
            cx.build.scripts.default_user_failed = false;
        }
        Err(cause) => {
            cx.build.scripts.default_user_failed = true;
            let text = "script_user cannot be used";
            let help = "scripts that name no user of their own do not run";
            let diag = Diag::new(Level::General, Code::Script, a.whole(), text);
            cx.report(diag.because(cause).help(help));
        }
    }
}

/// `umask BITS`: a number of any base, or names of bits.
pub fn umask(cx: &mut Cx<'_>, a: &Args<'_>) {
    const BITS: [(&str, u32); 9] = [
        ("IRUSR", 0o400),
        ("IWUSR", 0o200),
        ("IXUSR", 0o100),
        ("IRGRP", 0o040),
        ("IWGRP", 0o020),
        ("IXGRP", 0o010),
        ("IROTH", 0o004),
        ("IWOTH", 0o002),
        ("IXOTH", 0o001),
    ];
    // `IRUSR | IWGRP` is as good as `IRUSR|IWGRP`.
    let all = a.from(0).collect::<Vec<_>>().join(" ");
    let word = all.as_str();
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        let style = IntStyle { lenient: false, any_base: true };
        match value::integer(word, 0, 0o777, style) {
            Ok(read) => cx.build.config.global.umask = u32::try_from(read.value).ok(),
            Err(_) => cx.error(
                Code::BadNumber,
                a.span(0),
                format!("umask {word} is not a file mode - ignoring"),
            ),
        }
        return;
    }
    let mut mask = 0;
    for name in word.split('|').map(str::trim) {
        let Some((_, bit)) = BITS.iter().find(|(n, _)| *n == name) else {
            cx.error(Code::BadValue, a.span(0), format!("umask has no bit '{name}' - ignoring"));
            return;
        };
        mask |= bit;
    }
    cx.build.config.global.umask = Some(mask);
}

/// The group of `vrrp_mcast_group4` or `vrrp_mcast_group6`, if it is one.
pub fn mcast_group(cx: &mut Cx<'_>, a: &Args<'_>, family: Family) -> Option<IpAddr> {
    let (option, word) = (a.name(), a.str(0));
    let wrong = match value::address(word) {
        None => {
            let text = format!("{option} {word} is no address - ignoring");
            cx.error(Code::BadAddress, a.span(0), text);
            return None;
        }
        Some(group) if Family::of(group) != family => format!("is not of {family}"),
        Some(group) if !group.is_multicast() => "is no multicast group".to_owned(),
        Some(group) => {
            if let IpAddr::V6(six) = group
                && six.segments()[0] & 0xf != 2
            {
                let text = format!("{option} {word} should be of link-local scope (ff02::/16)");
                cx.warn(Code::BadAddress, a.span(0), text);
            }
            return Some(group);
        }
    };
    cx.error(Code::BadAddress, a.span(0), format!("{option} {word} {wrong} - ignoring"));
    None
}

/// `tmp_config_directory DIR`. The configuration is read once, by one process,
/// and its text is not kept: there is no copy that could lie elsewhere.
pub fn tmp_config_directory(cx: &mut Cx<'_>, a: &Args<'_>) {
    let dir = a.str(0);
    if cx.build.config.global.tmp_config_directory.is_some() {
        let text = "tmp_config_directory is given twice; the first counts";
        return cx.error(Code::Duplicate, a.whole(), text);
    }
    let cause = match cx.host.stat(dir) {
        Ok(meta) if meta.kind == FileKind::Directory => None,
        Ok(_) => Some("Not a directory".to_owned()),
        Err(FileError::NotFound) => Some("No such file or directory".to_owned()),
        Err(FileError::Unreadable(cause)) => Some(cause),
    };
    if let Some(cause) = cause {
        let text = format!("Cannot open config directory {dir} for writing - {cause}");
        cx.note(Code::BadValue, a.span(0), text);
    }
    cx.build.config.global.tmp_config_directory = a.opt_string(0);
}

/// `config_save_dir DIR`; it is made when it does not exist.
pub fn config_save_dir(cx: &mut Cx<'_>, a: &Args<'_>) {
    let dir = a.str(0);
    match cx.host.stat(dir) {
        Ok(meta) if meta.kind != FileKind::Directory => {
            let text = format!("config_save_dir {dir} is no directory - ignoring");
            cx.error(Code::BadValue, a.span(0), text);
        }
        _ => cx.build.config.global.config_save_dir = a.opt_string(0),
    }
}

/// A FIFO keyword `PATH [USER [GROUP]]`.
pub fn fifo(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Fifos) -> &mut Option<Fifo>) {
    if slot(&mut cx.build.config.global.fifos).is_some() {
        let text = format!("{} is given twice - ignoring {}", a.name(), a.str(0));
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let owner = a.get(1).and_then(|user| match cx.account(user, a.get(2)) {
        Ok(owner) => Some(owner),
        Err(cause) => {
            let text = format!("{}: {cause}; the default script user owns it", a.name());
            cx.note(Code::Script, a.span(1), text);
            None
        }
    });
    let fifo = Fifo { path: a.string(0), owner };
    *slot(&mut cx.build.config.global.fifos) = Some(fifo);
}

/// The reader script of a FIFO.
pub fn fifo_script(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Fifos) -> &mut Option<ScriptId>) {
    let Some(script) = a.script() else { return };
    if slot(&mut cx.build.config.global.fifos).is_some() {
        let path = script.argv.first().map_or("", String::as_str);
        let text = format!("{} is given twice - ignoring {path}", a.name());
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let id = cx.add_script(script);
    *slot(&mut cx.build.config.global.fifos) = Some(id);
}

/// `nftables [TABLE]`; it resets the priority.
pub fn nftables(cx: &mut Cx<'_>, a: &Args<'_>) {
    if cx.build.config.global.nftables.table.is_some() {
        cx.error(Code::Duplicate, a.whole(), "nftables is given twice; the first counts");
        return;
    }
    let name = a.get(0).unwrap_or(NFTABLES_TABLE);
    if name.is_empty() {
        cx.error(Code::BadValue, a.span(0), "the name of the nftables table is empty - ignoring");
    } else if name.len() > NFTABLES_NAME_MAX {
        cx.error(
            Code::BadValue,
            a.span(0),
            "the name of the nftables table is longer than 254 bytes - ignoring",
        );
    } else {
        cx.build.config.global.nftables.table = Some(name.to_owned());
        cx.build.config.global.nftables.priority = -1;
    }
}

/// `nftables_ipvs [TABLE]`.
pub fn nftables_ipvs(cx: &mut Cx<'_>, a: &Args<'_>) {
    if cx.build.config.global.nftables.ipvs_table.is_some() {
        cx.error(Code::Duplicate, a.whole(), "nftables_ipvs is given twice; the first counts");
        return;
    }
    let name = a.get(0).unwrap_or("keepalived_ipvs");
    if name.is_empty() || name.len() > 31 {
        let text = format!("nftables_ipvs '{name}' must have 1 to 31 bytes - ignoring");
        cx.error(Code::BadValue, a.span(0), text);
        return;
    }
    cx.build.config.global.nftables.ipvs_table = Some(name.to_owned());
}

/// `lvs_timeouts [tcp N] [tcpfin N] [udp N]`, each 0 (as it is) to 31 days.
pub fn lvs_timeouts(cx: &mut Cx<'_>, a: &Args<'_>) {
    const LONGEST: i64 = 31 * 24 * 60 * 60;
    if a.len() < 2 {
        cx.error(Code::Missing, a.whole(), "lvs_timeouts needs tcp, tcpfin or udp with a time");
        return;
    }
    let style = IntStyle { lenient: false, any_base: false };
    let mut i = 0;
    while let Some(option) = a.get(i) {
        let ipvs = &mut cx.build.config.global.ipvs;
        let slot = match option {
            "tcp" => &mut ipvs.timeout_tcp,
            "tcpfin" => &mut ipvs.timeout_tcpfin,
            "udp" => &mut ipvs.timeout_udp,
            _ => {
                let text = format!("lvs_timeouts has no option {option}");
                cx.error(Code::BadValue, a.span(i), text);
                i += 1;
                continue;
            }
        };
        let word = a.str(i + 1);
        match a.get(i + 1).map(|w| value::integer(w, 0, LONGEST, style)) {
            Some(Ok(read)) => *slot = u32::try_from(read.value).ok().filter(|n| *n > 0),
            Some(Err(cause)) => {
                let text = format!("lvs_timeouts {option} '{word}' is invalid - ignoring");
                let diag = Diag::new(Level::General, Code::BadNumber, a.span(i + 1), text);
                cx.report(diag.because(cause));
            }
            None => {
                let text = format!("lvs_timeouts {option} needs a time - ignoring");
                cx.error(Code::Missing, a.span(i), text);
            }
        }
        i += 2;
    }
}

/// `lvs_flush_on_stop [VS]`.
pub fn lvs_flush_on_stop(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.config.global.ipvs.flush_on_stop = match a.get(0) {
        None => FlushOnStop::All,
        Some("VS") => FlushOnStop::VirtualServers,
        Some(other) => {
            let text = format!("lvs_flush_on_stop takes VS or nothing, not {other} - ignoring");
            cx.error(Code::BadValue, a.span(0), text);
            return;
        }
    };
}

/// A repeat count, of which zero means one.
pub fn at_least_one(cx: &mut Cx<'_>, a: &Args<'_>) -> u32 {
    let count = a.num(0);
    if count > 0 {
        return count;
    }
    let instance = match cx.block_name() {
        "" => String::new(),
        name => format!("({name}): "),
    };
    let text = format!("{instance}{} must be greater than 0, setting to 1", a.name());
    cx.error(Code::Adjusted, a.span(0), text);
    1
}

/// Says that a pacing interval delays a take-over noticeably.
pub fn large_interval(cx: &mut Cx<'_>, a: &Args<'_>) {
    if a.secs(0) >= Duration::from_secs(1) {
        let text = format!("The {} is very large - {} seconds", a.name(), a.str(0));
        cx.note(Code::Advice, a.span(0), text);
    }
}

/// Says that a delay is unusually long.
pub fn long_delay(cx: &mut Cx<'_>, a: &Args<'_>) {
    if a.secs(0) > Duration::from_secs(60) {
        let text = format!("{} is very large - {} seconds", a.name(), a.str(0));
        cx.note(Code::Advice, a.span(0), text);
    }
}

/// `vrrp_min_garp`: what is still at its default becomes the least there is.
pub fn min_garp(cx: &mut Cx<'_>, a: &Args<'_>) {
    if !a.flag(0) {
        return;
    }
    let usual = Garp::default();
    let garp = &mut cx.build.global.garp;
    if garp.master_repeat == usual.master_repeat {
        garp.master_repeat = 1;
    }
    if garp.master_refresh == usual.master_refresh {
        garp.master_refresh = Duration::ZERO;
    }
    if garp.master_refresh_repeat == usual.master_refresh_repeat {
        garp.master_refresh_repeat = 1;
    }
    if garp.master_delay == usual.master_delay {
        garp.master_delay = Duration::ZERO;
    }
}

/// `vrrp_rx_bufs_policy MTU|ADVERT|BYTES`.
pub fn rx_bufs_policy(cx: &mut Cx<'_>, a: &Args<'_>) {
    if a.is_empty() {
        cx.error(Code::Missing, a.whole(), "vrrp_rx_bufs_policy needs MTU, ADVERT or a size");
        return;
    }
    let has = |name: &str| a.from(0).any(|w| w.eq_ignore_ascii_case(name));
    let (mtu, advert) = (has("MTU"), has("ADVERT"));
    let is_number = a.str(0).starts_with(|c: char| c.is_ascii_digit());
    if is_number || !(mtu || advert) {
        let style = IntStyle { lenient: false, any_base: false };
        match value::integer(a.str(0), 1, i64::from(u32::MAX), style) {
            Ok(read) => {
                let bytes = u32::try_from(read.value).unwrap_or(u32::MAX);
                cx.build.config.global.buffers.rx_policy = RxBufsPolicy::Bytes(bytes);
            }
            Err(cause) => {
                let text = format!(
                    "vrrp_rx_bufs_policy {} is neither MTU, ADVERT nor a size - ignoring",
                    a.str(0)
                );
                let diag = Diag::new(Level::General, Code::BadNumber, a.span(0), text);
                cx.report(diag.because(cause));
            }
        }
        if mtu || advert {
            let text = "vrrp_rx_bufs_policy takes a size or a policy; the size counts";
            cx.error(Code::Conflict, a.whole(), text);
        }
        return;
    }
    if mtu && advert {
        let text = "vrrp_rx_bufs_policy takes MTU or ADVERT; MTU counts";
        cx.error(Code::Conflict, a.whole(), text);
    }
    let policy = if mtu { RxBufsPolicy::Mtu } else { RxBufsPolicy::Advert };
    cx.build.config.global.buffers.rx_policy = policy;
}
