//! News of the machine as log lines and as messages to core.
//!
//! Never blocks: when core does not read, the latest state of each subject is
//! kept for later and other news is counted as lost.

use crate::snapshot::{new_master_code, protocol_error_code};
use core::net::IpAddr;
use ipc::msg::vrrp::{CoreToVrrp, News, NotifyState, SubjectKind, VrrpToCore};
use rt::channel::Channel;
use vrrp_proto::{AuthError, Detail, Event, Garp, GroupEvent, InstanceEvent, Notice, Told};

/// The role's end of its connection to core.
pub type ToCore = Channel<VrrpToCore, CoreToVrrp>;

/// What could not be sent yet: the latest state of each group (true) and instance.
pub type Backlog = rt::backlog::Backlog<(bool, String), VrrpToCore>;

/// Tells core of a notification, of those for `managers` where wanted; written by the next flush
/// of the channel, as a take-over has many.
pub fn tell(event: &Event, managers: bool, backlog: &mut Backlog, core: &mut ToCore) {
    match notification(event, managers) {
        Some(VrrpToCore::Notify { kind, name, priority, news: News::State(state), reason }) => {
            let key = (kind == SubjectKind::Group, name.clone());
            let news = News::State(state);
            backlog.state(core, key, VrrpToCore::Notify { kind, name, priority, news, reason });
        }
        Some(message) => {
            backlog.event(core, &message);
        }
        None => {}
    }
}

/// Something to be logged at the end of a turn, after adverts and addresses.
#[derive(Debug)]
pub enum Line {
    /// News of the machine.
    Event(Event),
    /// A gratuitous ARP or neighbour advertisement that was sent.
    Garp(Garp),
}

impl Line {
    /// One line per packet, as the reference has it, where anybody reads it.
    pub fn of_garp(garp: &Garp) -> Option<Self> {
        log::log_enabled!(log::Level::Debug).then(|| Line::Garp(garp.clone()))
    }

    fn log(&self) {
        match self {
            Line::Event(event) => match event.detail() {
                Detail::Normal => log::info!("{event}"),
                Detail::Detail => log::debug!("{event}"),
                Detail::Silent => {}
            },
            Line::Garp(garp) => log::debug!("{}", garp.sending()),
        }
    }
}

/// Logs what a turn brought, in order.
pub fn log_lines(lines: &mut Vec<Line>) {
    lines.drain(..).for_each(|line| line.log());
}

fn notification(event: &Event, managers: bool) -> Option<VrrpToCore> {
    let (kind, name, priority, news) = match event {
        Event::Instance { name, what, .. } => match what {
            InstanceEvent::Notify { told, priority, .. } => {
                (SubjectKind::Instance, name, priority.0, News::State(state(*told)))
            }
            InstanceEvent::NotifyLowerPriority { priority, .. } => {
                (SubjectKind::Instance, name, priority.0, News::MasterRxLowerPri)
            }
            InstanceEvent::NotifyPriority { master, priority } => {
                (SubjectKind::Instance, name, priority.0, News::Priority { master: *master })
            }
            InstanceEvent::NewMaster { addr, ifindex, why } if managers => {
                let (ifindex, why) = (ifindex.0, new_master_code(*why));
                (SubjectKind::Instance, name, 0, News::NewMaster { addr: *addr, ifindex, why })
            }
            InstanceEvent::Notice { from, ifindex, notice } if managers => {
                (SubjectKind::Instance, name, 0, refusal(*from, ifindex.0, *notice))
            }
            _ => return None,
        },
        Event::Group { name, what: GroupEvent::Notify { told, .. }, .. } => {
            (SubjectKind::Group, name, 0, News::State(state(*told)))
        }
        _ => return None,
    };
    Some(VrrpToCore::Notify { kind, name: name.to_string(), priority, news, reason: String::new() })
}

fn refusal(from: IpAddr, ifindex: u32, notice: Notice) -> News {
    match notice {
        Notice::Auth(error) => {
            let error = match error {
                AuthError::InvalidType => 1,
                AuthError::TypeMismatch => 2,
                AuthError::Failure => 3,
            };
            News::AuthFailure { from, ifindex, error }
        }
        Notice::Protocol(error) => {
            News::ProtocolError { ifindex, error: protocol_error_code(error) }
        }
    }
}

fn state(told: Told) -> NotifyState {
    match told {
        Told::Master => NotifyState::Master,
        Told::Backup => NotifyState::Backup,
        Told::Fault => NotifyState::Fault,
        Told::Stop => NotifyState::Stop,
        Told::Deleted => NotifyState::Deleted,
    }
}
