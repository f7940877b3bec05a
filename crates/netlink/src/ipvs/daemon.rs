//! The daemons that synchronise connections, and the timeouts of connections.

use super::message::begin;
use super::{cmd, top};
use crate::genl;
use crate::wire::{self, Msg};
use core::net::IpAddr;

/// Attributes of a daemon (`IPVS_DAEMON_ATTR_*`).
mod attr {
    pub const STATE: u16 = 1;
    pub const INTERFACE: u16 = 2;
    pub const ID: u16 = 3;
    pub const MAXLEN: u16 = 4;
    pub const GROUP: u16 = 5;
    pub const GROUP6: u16 = 6;
    pub const PORT: u16 = 7;
    pub const TTL: u16 = 8;
}

/// `IP_VS_STATE_MASTER`.
const MASTER: u32 = 1;
/// `IP_VS_STATE_BACKUP`.
const BACKUP: u32 = 2;

/// A synchronisation daemon: the sending one of a master, or the receiving one of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Daemon {
    /// Sends.
    pub master: bool,
    /// Interface.
    pub interface: String,
    /// Sync id.
    pub id: u8,
    /// Payload size.
    pub maxlen: Option<u16>,
    /// Multicast group.
    pub group: Option<IpAddr>,
    /// UDP port.
    pub port: Option<u16>,
    /// Multicast TTL.
    pub ttl: Option<u8>,
}

/// How long connections are kept, in seconds; what is 0 stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// Established TCP.
    pub tcp: u32,
    /// TCP after a FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

pub(super) fn start(msg: &mut Msg<'_>, daemon: &Daemon) {
    begin(msg, cmd::NEW_DAEMON);
    msg.nest(top::DAEMON, |nest| {
        nest.attr_u32(attr::STATE, if daemon.master { MASTER } else { BACKUP });
        nest.attr_str(attr::INTERFACE, &daemon.interface);
        nest.attr_u32(attr::ID, u32::from(daemon.id));
        if let Some(maxlen) = daemon.maxlen {
            nest.attr_u16(attr::MAXLEN, maxlen);
        }
        match daemon.group {
            Some(group @ IpAddr::V4(_)) => nest.attr_ip(attr::GROUP, group),
            Some(group @ IpAddr::V6(_)) => nest.attr_ip(attr::GROUP6, group),
            None => {}
        }
        if let Some(port) = daemon.port {
            nest.attr_u16(attr::PORT, port);
        }
        if let Some(ttl) = daemon.ttl {
            nest.attr_u8(attr::TTL, ttl);
        }
    });
}

pub(super) fn stop(msg: &mut Msg<'_>, master: bool, id: u8) {
    begin(msg, cmd::DEL_DAEMON);
    msg.nest(top::DAEMON, |nest| {
        nest.attr_u32(attr::STATE, if master { MASTER } else { BACKUP });
        nest.attr_u32(attr::ID, u32::from(id));
    });
}

/// A daemon, from a message about it.
pub fn parse_daemon(payload: &[u8]) -> Option<Daemon> {
    let (_, attrs) = genl::split(payload)?;
    let (_, nest) = wire::attrs(attrs).find(|(kind, _)| *kind == top::DAEMON)?;
    let (mut daemon, mut state) = (Daemon::default(), 0);
    for (kind, value) in wire::attrs(nest) {
        match kind {
            attr::STATE => state = wire::u32_at(value, 0)?,
            attr::INTERFACE => daemon.interface = wire::string(value),
            attr::ID => daemon.id = u8::try_from(wire::u32_at(value, 0)?).ok()?,
            attr::MAXLEN => daemon.maxlen = wire::u16_at(value, 0),
            attr::GROUP | attr::GROUP6 => daemon.group = wire::ip(value),
            attr::PORT => daemon.port = wire::u16_at(value, 0),
            attr::TTL => daemon.ttl = value.first().copied(),
            _ => {}
        }
    }
    daemon.master = match state {
        MASTER => true,
        BACKUP => false,
        _ => return None,
    };
    Some(daemon)
}

pub(super) fn set_timeouts(msg: &mut Msg<'_>, timeouts: &Timeouts) {
    begin(msg, cmd::SET_CONFIG);
    msg.attr_u32(top::TIMEOUT_TCP, timeouts.tcp);
    msg.attr_u32(top::TIMEOUT_TCP_FIN, timeouts.tcp_fin);
    msg.attr_u32(top::TIMEOUT_UDP, timeouts.udp);
}

pub(super) fn parse_timeouts(payload: &[u8]) -> Option<Timeouts> {
    let (_, attrs) = genl::split(payload)?;
    let mut timeouts = Timeouts::default();
    for (kind, value) in wire::attrs(attrs) {
        let slot = match kind {
            top::TIMEOUT_TCP => &mut timeouts.tcp,
            top::TIMEOUT_TCP_FIN => &mut timeouts.tcp_fin,
            top::TIMEOUT_UDP => &mut timeouts.udp,
            _ => continue,
        };
        *slot = wire::u32_at(value, 0)?;
    }
    Some(timeouts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(write: impl FnOnce(&mut Msg<'_>)) -> Vec<u8> {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, 30, 0, 1);
        write(&mut msg);
        msg.finish();
        buf.split_off(wire::HEADER_LEN)
    }

    fn daemons() -> impl Strategy<Value = Daemon> {
        let group = prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from)
        ];
        let options = (
            any::<Option<u16>>(),
            proptest::option::of(group),
            any::<Option<u16>>(),
            any::<Option<u8>>(),
        );
        (any::<bool>(), "[a-z0-9.]{1,15}", any::<u8>(), options).prop_map(
            |(master, interface, id, (maxlen, group, port, ttl))| Daemon {
                master,
                interface,
                id,
                maxlen,
                group,
                port,
                ttl,
            },
        )
    }

    proptest! {
        #[test]
        fn a_daemon_is_read_as_written(daemon in daemons()) {
            let read = parse_daemon(&payload(|msg| start(msg, &daemon)));
            prop_assert_eq!(read, Some(daemon));
        }

        #[test]
        fn arbitrary_bytes_are_read_to_their_end(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = (parse_daemon(&bytes), parse_timeouts(&bytes));
        }
    }

    #[test]
    fn timeouts_are_read_as_written() {
        let timeouts = Timeouts { tcp: 900, tcp_fin: 120, udp: 300 };
        assert_eq!(parse_timeouts(&payload(|msg| set_timeouts(msg, &timeouts))), Some(timeouts));
    }
}
