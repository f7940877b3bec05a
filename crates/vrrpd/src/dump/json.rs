//! `keepalived.json`: what exporters read.

use super::words::command;
use super::{fib, line, tracks};
use core::time::Duration;
use ipc::msg::vrrp::Known;
use model::vrrp::{Auth, TrackRef, Version};
use model::{Global, TrackKind, TrackObject};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io;
use vrrp_proto::{FibEntry, Node, State, Status};

/// The file: one line.
pub fn text(node: &Node, global: &Global, known: &Known) -> String {
    let entries: Vec<Entry<'_>> = node.instances().map(|s| Entry::of(node, s, known)).collect();
    let mut bytes = Vec::new();
    let mut out = Serializer::with_formatter(&mut bytes, AsReference);
    let written = match global.dumps.json_version {
        2 => Version2 { vrrp: entries, track_process: processes(node, known) }.serialize(&mut out),
        _ => entries.serialize(&mut out),
    };
    if let Err(e) = written {
        log::error!("cannot write the JSON dump: {e}");
    }
    bytes.push(b'\n');
    String::from_utf8_lossy(&bytes).into_owned()
}

#[derive(Serialize)]
struct Version2<'a> {
    vrrp: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<Process<'a>>,
}

/// A tracked process.
#[derive(Serialize)]
struct Process<'a> {
    process: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    parameters: String,
    param_match: &'static str,
    min_processes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_processes: Option<u32>,
    current_processes: u32,
    have_quorum: bool,
    weight: i16,
    terminate_delay: f64,
    fork_delay: f64,
    fork_delay_timer_running: bool,
    terminate_delay_timer_running: bool,
    full_command: bool,
}

fn processes<'a>(node: &'a Node, known: &'a Known) -> Vec<Process<'a>> {
    let one = |seen: tracks::Seen<'a>| {
        let TrackKind::Process(p) = &seen.object.kind else { return None };
        let (fork, terminate) = seen.held();
        let weight = seen.object.weight.0;
        Some(Process {
            process: &p.process,
            parameters: p.params.join(" "),
            param_match: tracks::matching(p.param_match),
            min_processes: p.quorum,
            max_processes: p.quorum_max,
            current_processes: seen.tracked.processes,
            have_quorum: seen.is_good(),
            weight: if seen.object.reverse { -weight } else { weight },
            terminate_delay: p.terminate_delay.as_secs_f64(),
            fork_delay: p.fork_delay.as_secs_f64(),
            fork_delay_timer_running: fork,
            terminate_delay_timer_running: terminate,
            full_command: p.full_command,
        })
    };
    tracks::seen(node, known).filter_map(one).collect()
}

#[derive(Serialize)]
struct Entry<'a> {
    data: Data<'a>,
    stats: Stats,
}

/// Keys in the order that the reference writes them.
#[derive(Serialize)]
struct Data<'a> {
    iname: &'a str,
    dont_track_primary: u8,
    skip_check_adv_addr: u8,
    strict_mode: u8,
    vmac_ifname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ifp_ifname: Option<&'a str>,
    master_priority: u8,
    last_transition: Seconds,
    garp_delay: f64,
    garp_refresh: u64,
    garp_rep: u32,
    garp_refresh_rep: u32,
    garp_lower_prio_delay: u64,
    garp_lower_prio_rep: u32,
    lower_prio_no_advert: u8,
    higher_prio_send_advert: u8,
    vrid: u8,
    base_priority: u8,
    effective_priority: u8,
    vipset: bool,
    promote_secondaries: bool,
    adver_int: f64,
    master_adver_int: f64,
    accept: u8,
    nopreempt: bool,
    preempt_delay: u64,
    state: u8,
    wantstate: u8,
    version: u8,
    smtp_alert: bool,
    notify_deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_deleted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master_rx_lower_pri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vroutes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vrules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_ifp: Vec<&'a str>,
    /// Commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_script: Vec<String>,
    /// Names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<String>,
    auth_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_data: Option<&'static str>,
}

/// Epoch seconds, always six decimals.
struct Seconds(Duration);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_f64(self.0.as_secs_f64())
    }
}

#[derive(Serialize)]
struct Stats {
    advert_rcvd: u64,
    advert_sent: u64,
    become_master: u64,
    release_master: u64,
    packet_len_err: u64,
    advert_interval_err: u64,
    ip_ttl_err: u64,
    invalid_type_rcvd: u64,
    addr_list_err: u64,
    invalid_authtype: u64,
    authtype_mismatch: u64,
    auth_failure: u64,
    auth_ext_missing: u64,
    auth_ext_malformed: u64,
    auth_ext_unknown_key: u64,
    auth_ext_invalid_hmac: u64,
    auth_ext_stale: u64,
    auth_ext_replay: u64,
    pri_zero_rcvd: u64,
    pri_zero_sent: u64,
}

/// State numbers of the reference.
const fn number(state: State) -> u8 {
    match state {
        State::Init => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
    }
}

impl<'a> Entry<'a> {
    fn of(node: &Node, s: Status<'a>, known: &Known) -> Self {
        let (c, n) = (s.config(), s.counters());
        let set = s.state() == State::Master;
        let lines = |excluded: bool| {
            s.addresses()
                .filter(|(_, e, _)| *e == excluded)
                .map(|(a, _, on)| line::address(a, &node.device_of(s, a), on.is_some()))
                .collect()
        };
        let fibs = |rules: bool| {
            let wanted = s.fib().filter(|e| matches!(e, FibEntry::Rule(_)) == rules);
            wanted.map(fib::line).collect()
        };
        let tracked = |show: fn(&TrackObject, &Known) -> Option<String>| {
            let object = |r: &TrackRef| Some(node.tracked().nth(r.id.index())?.0);
            c.tracks.iter().filter_map(object).filter_map(|o| show(o, known)).collect()
        };
        let data = Data {
            iname: &c.name,
            dont_track_primary: c.dont_track_primary.into(),
            skip_check_adv_addr: c.skip_check_adv_addr.into(),
            strict_mode: c.strict.into(),
            vmac_ifname: s.vmac().unwrap_or_default(),
            ifp_ifname: s.vmac().or(c.interface.as_deref()),
            master_priority: s.master().filter(|_| !set).map_or(0, |(_, priority)| priority.0),
            last_transition: Seconds(super::wall_of(s.since().0)),
            garp_delay: c.garp.master_delay.as_secs_f64(),
            garp_refresh: c.garp.master_refresh.as_secs(),
            garp_rep: c.garp.master_repeat,
            garp_refresh_rep: c.garp.master_refresh_repeat,
            garp_lower_prio_delay: c.garp.lower_prio_delay.as_secs(),
            garp_lower_prio_rep: c.garp.lower_prio_repeat,
            lower_prio_no_advert: c.lower_prio_no_advert.into(),
            higher_prio_send_advert: c.higher_prio_send_advert.into(),
            vrid: c.vrid.get(),
            base_priority: c.priority.0,
            effective_priority: s.priority().0,
            vipset: set && !c.vips.is_empty(),
            promote_secondaries: c.promote_secondaries,
            adver_int: c.advert_int.as_secs_f64(),
            master_adver_int: s.master_interval().as_secs_f64(),
            accept: c.accept.into(),
            nopreempt: c.nopreempt,
            preempt_delay: c.preempt_delay.as_secs(),
            state: number(s.state()),
            wantstate: number(super::wanted(s)),
            version: if c.version == Version::V2 { 2 } else { 3 },
            smtp_alert: c.smtp_alert,
            notify_deleted: c.notify.report_deleted,
            script_backup: command(known, c.notify.backup),
            script_master: command(known, c.notify.master),
            script_fault: command(known, c.notify.fault),
            script_stop: command(known, c.notify.stop),
            script_deleted: command(known, c.notify.deleted),
            script: command(known, c.notify.any),
            script_master_rx_lower_pri: command(known, c.notify.master_rx_lower_pri),
            vips: lines(false),
            evips: lines(true),
            vroutes: fibs(false),
            vrules: fibs(true),
            track_ifp: c.track_interfaces.iter().map(|t| t.interface.as_str()).collect(),
            track_script: tracked(|object, known| match &object.kind {
                TrackKind::Script(script) => command(known, Some(script.script)),
                _ => None,
            }),
            track_process: tracked(|object, _| match object.kind {
                TrackKind::Process(_) => Some(object.name.clone()),
                _ => None,
            }),
            auth_type: match c.auth {
                None => 0,
                Some(Auth::Pass(_)) => 1,
                Some(Auth::Ah(_)) => 2,
            },
            auth_data: c.auth.as_ref().map(|_| "********"),
        };
        let stats = Stats {
            advert_rcvd: n.advert_rcvd,
            advert_sent: n.advert_sent,
            become_master: n.become_master,
            release_master: n.release_master,
            packet_len_err: n.packet_len_err,
            advert_interval_err: n.advert_interval_err,
            ip_ttl_err: n.ip_ttl_err,
            invalid_type_rcvd: n.invalid_type_rcvd,
            addr_list_err: n.addr_list_err,
            invalid_authtype: n.invalid_authtype,
            authtype_mismatch: n.authtype_mismatch,
            auth_failure: n.auth_failure,
            auth_ext_missing: n.auth_ext_missing,
            auth_ext_malformed: n.auth_ext_malformed,
            auth_ext_unknown_key: n.auth_ext_unknown_key,
            auth_ext_invalid_hmac: n.auth_ext_invalid_hmac,
            auth_ext_stale: n.auth_ext_stale,
            auth_ext_replay: n.auth_ext_replay,
            pri_zero_rcvd: n.pri_zero_rcvd,
            pri_zero_sent: n.pri_zero_sent,
        };
        Entry { data, stats }
    }
}

/// Slashes are escaped and whole numbers have no decimals, as exporters know
/// the file.
struct AsReference;

impl Formatter for AsReference {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for (i, part) in fragment.split('/').enumerate() {
            if i > 0 {
                out.write_all(b"\\/")?;
            }
            out.write_all(part.as_bytes())?;
        }
        Ok(())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        // Times since the epoch are the only large ones.
        if value > 1e6 { write!(out, "{value:.6}") } else { write!(out, "{value}") }
    }
}
