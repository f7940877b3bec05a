//! What the role knows at this moment, for whoever asks core.

use core::time::Duration;
use ipc::msg::Generation;
use ipc::msg::snapshot::{InstanceNow, LinkNow, PlaceNow, StateNow, TrackNow, VrrpSnapshot};
use model::Vrrp;
use types::{IfIndex, Mono};
use vrrp_proto::{NewMaster, Node, ProtocolError, State, Status, TrackValue};

/// The snapshot of a node that runs `vrrp`.
pub fn take(node: &Node, vrrp: &Statics, generation: Generation, now: Mono) -> VrrpSnapshot {
    let link = |(index, name, mac): (IfIndex, &str, _)| LinkNow {
        index: index.0,
        name: name.to_owned(),
        mac,
    };
    let mut links: Vec<LinkNow> = node.links().map(link).collect();
    links.sort_by_key(|l| l.index);
    VrrpSnapshot {
        generation,
        links,
        instances: node.instances().map(|status| instance(node, status, now)).collect(),
        groups: node.groups().map(|(_, state)| state_now(state)).collect(),
        addresses: node.static_places().map(place).collect(),
        routes: node.static_routes_set(&vrrp.routes).collect(),
        rules: node.static_rules_set(&vrrp.rules).collect(),
        tracks: node.track_values().map(track).collect(),
    }
}

/// The static routes and rules of a configuration.
#[derive(Debug, Default)]
pub struct Statics {
    routes: Vec<model::net::Route>,
    rules: Vec<model::net::Rule>,
}

impl Statics {
    /// Those of `vrrp`.
    pub fn of(vrrp: &Vrrp) -> Self {
        Statics { routes: vrrp.static_routes.clone(), rules: vrrp.static_rules.clone() }
    }
}

fn place((ifindex, set): (IfIndex, bool)) -> PlaceNow {
    PlaceNow { ifindex: ifindex.0, set }
}

fn state_now(state: State) -> StateNow {
    match state {
        State::Init => StateNow::Init,
        State::Backup => StateNow::Backup,
        State::Master => StateNow::Master,
        State::Fault => StateNow::Fault,
    }
}

fn track(value: TrackValue) -> TrackNow {
    match value {
        TrackValue::Pending => TrackNow::Unknown,
        TrackValue::Good => TrackNow::Good(true),
        TrackValue::Bad => TrackNow::Good(false),
        TrackValue::Number(n) => TrackNow::Number(n),
    }
}

/// Code of `vrrpv3StatisticsNewMasterReason` (RFC 6527).
pub fn new_master_code(why: NewMaster) -> u8 {
    match why {
        NewMaster::Never => 0,
        NewMaster::Resigned => 1,
        NewMaster::Preempted => 2,
        NewMaster::NoResponse => 3,
    }
}

/// Code of `vrrpv3StatisticsProtoErrReason` (RFC 6527).
pub fn protocol_error_code(error: ProtocolError) -> u8 {
    match error {
        ProtocolError::None => 0,
        ProtocolError::Ttl => 1,
        ProtocolError::Version => 2,
        ProtocolError::Checksum => 3,
    }
}

fn instance(node: &Node, s: Status<'_>, now: Mono) -> InstanceNow {
    let config = s.config();
    let wanted = match s.state() {
        State::Master | State::Backup if s.wants_master() => State::Master,
        state => state,
    };
    InstanceNow {
        state: state_now(s.state()),
        wanted: state_now(wanted),
        base: config.priority.0,
        effective: s.priority().0,
        preempt: !config.nopreempt,
        accept: config.accept,
        source: s.binding().0,
        ifindex: s.binding().1.unwrap_or_default().0,
        vmac: s.vmac().map(str::to_owned),
        heard: s.last_heard(),
        alive_for: s.alive_since().map(|since: Mono| -> Duration { now.saturating_since(since) }),
        new_master: new_master_code(s.new_master()),
        protocol_error: protocol_error_code(s.protocol_error()),
        counters: *s.counters(),
        addresses: node.places(s).map(place).collect(),
        routes: s.routes_set().collect(),
        rules: s.rules_set().collect(),
    }
}
