//! The reference's wording of log lines, as operators grep for it.
//!
//! Owns formatting only. Lines that the reference has not are ours.

use crate::action::Garp;
use crate::event::{Cause, Event, GroupEvent, InstanceEvent, State};
use crate::fib::{FibEntry, FibNews};
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use types::{Family, Prefix};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Instance { name, what, .. } => instance(f, name, what),
            Event::Group { name, what, .. } => group(f, name, what),
            Event::Link { ifname, up, polled } => {
                let who = if *polled { "Linkbeat" } else { "Netlink" };
                write!(f, "{who} reports {ifname} {}", if *up { "up" } else { "down" })
            }
            Event::LinkDelayed { ifname, from, to, delay } => write!(
                f,
                "{ifname}: Adding flags change from {from:#x} to {to:#x} delay by {}",
                delay.as_micros()
            ),
            Event::LinkPresence { ifname, present } => {
                write!(f, "Interface {ifname} {}", if *present { "added" } else { "deleted" })
            }
            Event::Address { ifname, addr, present: true } => {
                write!(f, "Assigned address {addr} for interface {ifname}")
            }
            Event::Address { ifname, addr, present: false } => {
                write!(f, "Deassigned address {addr} from interface {ifname}")
            }
            Event::UnknownVrid { vrid, ifname, from } => write!(
                f,
                "Unknown VRID({vrid}) received on interface({ifname}) from {from}. ignoring..."
            ),
            Event::StaticRestored { addr, ifname } => {
                write!(f, "Restoring deleted static address {addr} dev {ifname}")
            }
            Event::StaticFib { entry, news: FibNews::Restored } => {
                write!(f, "Restoring deleted static {entry}")
            }
            Event::StaticFib { entry, news } => write!(f, "static {entry}{}", News(entry, news)),
            Event::MoreStaticRestored(count) => {
                write!(f, "Restoring {count} more deleted static routes and rules")
            }
            Event::StartupDelay(d) => write!(f, "Delaying startup for {} seconds", Seconds(*d)),
            Event::StartupDelayOver => f.write_str("Delayed start completed"),
            Event::DebounceReduced { ifname, limit } => write!(
                f,
                "{ifname}: up/down delay is too long for its instances, using {} seconds",
                Seconds(*limit)
            ),
        }
    }
}

fn enabled(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

fn instance(f: &mut fmt::Formatter<'_>, name: &str, what: &InstanceEvent) -> fmt::Result {
    use InstanceEvent as E;
    match what {
        E::Entering { state, init, .. } => {
            write!(f, "({name}) Entering {state} STATE{}", if *init { " (init)" } else { "" })
        }
        E::Fault(cause) => fault(f, name, cause),
        E::AdvertTimeout => write!(f, "({name}) Receive advertisement timeout"),
        E::Priority { from, to } => {
            write!(f, "({name}) Changing effective priority from {from} to {to}")
        }
        E::Stays { from, to, why } => write!(f, "({name}) priority {from}→{to}, {why}"),
        E::LowerPriority { from, theirs, ours, forcing } => write!(
            f,
            "({name}) Received advert from {from} with lower priority {theirs}, ours {ours}{}",
            if *forcing { ", forcing new election" } else { "" }
        ),
        E::Discarded { from, theirs } => {
            write!(f, "({name}) received lower priority ({theirs}) advert from {from} - discarding")
        }
        E::HigherPriority { from, theirs, ours } => write!(
            f,
            "({name}) Master received advert from {from} with higher priority {theirs}, ours {ours}"
        ),
        E::HigherAddress { from, theirs } => write!(
            f,
            "({name}) Master received advert from {from} with same priority {theirs} \
             but higher IP address than ours"
        ),
        E::PriorityZero { state: State::Master, .. } => {
            write!(f, "({name}) Master received priority 0 message")
        }
        E::PriorityZero { .. } => write!(f, "({name}) Backup received priority 0 advertisement"),
        E::SentPriorityZero => write!(f, "({name}) sent 0 priority"),
        E::Addresses { set, excluded } => write!(
            f,
            "({name}) {} {}VIPs.",
            if *set { "setting" } else { "removing" },
            if *excluded { "E-" } else { "" }
        ),
        E::Hiding { set } => {
            let what = if *set { "setting" } else { "removing" };
            write!(f, "({name}) {what} firewall drop rule")
        }
        E::Announcing { addr, ifname } => {
            let what = match addr {
                IpAddr::V4(_) => "gratuitous ARPs",
                IpAddr::V6(_) => "Unsolicited Neighbour Adverts",
            };
            write!(f, "({name}) Sending/queueing {what} on {ifname} for {addr}")
        }
        E::DeviceMissing { addr, ifname } if ifname.is_empty() => {
            write!(f, "({name}) {addr} not set: it needs `dev`, the instance has no interface")
        }
        E::DeviceMissing { addr, ifname } => {
            write!(f, "({name}) {addr} not set: interface {ifname} does not exist")
        }
        E::AddressFailed { addr, adding, errno } => {
            write!(f, "({name}) {}", address_refused(*addr, *adding, *errno))
        }
        E::AddressLost(addr) => {
            write!(f, "({name}) {addr} was removed by somebody else: new election")
        }
        E::SettingFib { set, rules } => write!(
            f,
            "({name}) {} Virtual {}",
            if *set { "setting" } else { "removing" },
            if *rules { "Rules" } else { "Routes" }
        ),
        E::Fib { entry, news } => write!(f, "({name}) {entry}{}", News(entry, news)),
        E::MoreRestored(count) => {
            write!(f, "({name}) {count} more routes and rules were gone: put back")
        }
        E::GarpsAsked { master: true } => write!(f, "Sending garps on {name} on DBus request"),
        E::GarpsAsked { master: false } => {
            write!(f, "({name}) not sending garps on DBus request: only a MASTER does")
        }
        E::MasterSet { addr, was: None } => write!(f, "({name}) master set to {addr}"),
        E::MasterSet { addr, was: Some(was) } => {
            write!(f, "({name}) master changed from {was} to {addr}")
        }
        E::PreemptDelay(d) => {
            write!(f, "({name}) start preempt delay ({}.{:06})", d.as_secs(), d.subsec_micros())
        }
        E::PreemptDelayStopped => write!(f, "({name}) stop preempt delay"),
        E::IntervalLearned { from, to } => write!(
            f,
            "({name}) advertisement interval updated from {}ms to {}ms by master",
            from.as_millis(),
            to.as_millis()
        ),
        E::IntervalRestored { from, to } => write!(
            f,
            "({name}) changing advert interval from {}ms to locally configured {}ms",
            from.as_millis(),
            to.as_millis()
        ),
        E::IntervalDiffers { ours, theirs } => write!(
            f,
            "({name}) advertisement interval mismatch ours = {} centi-sec rcv'd={} centi-sec",
            ours.as_millis() / 10,
            theirs.as_millis() / 10
        ),
        E::OwnerConflict { other } => write!(
            f,
            "({name}) CONFIGURATION ERROR: local instance and {other} are both configured \
             as address owner, please resolve"
        ),
        E::OwnerYields => write!(
            f,
            "({name}) another address owner persists, advertising priority 254 until it stops"
        ),
        E::OwnerConflictOver => {
            write!(f, "({name}) rogue address owner appears to have stopped advertising")
        }
        E::SameAddress => write!(
            f,
            "({name}) WARNING - equal priority advert received from remote host \
             with our IP address."
        ),
        E::SplitBrain { from, what, differs, count } => {
            write!(f, "({name}) split brain with {from}: {what}{differs} ({count} adverts so far)")
        }
        E::Rejected { from, reject } => write!(f, "({name}) {}", reject.text(*from)),
        E::VipCount { ours, theirs } => {
            write!(f, "({name}) expected {ours} VIPs but received {theirs}")
        }
        E::VipMissing { vrid, from, addr } => write!(
            f,
            "({name}) ip address associated with VRID {vrid} not present in advert \
             from {from}: {addr}"
        ),
        E::ClockSkew { from, skew } => {
            write!(f, "({name}) authentication clock skew of {skew} seconds with {from}")
        }
        E::OldChecksum => write!(f, "({name}) Setting unicast VRRPv3 checksum to old version"),
        E::Stalled { late } => write!(
            f,
            "({name}) timer served {} seconds late, a peer must have taken over: listening first",
            Seconds(*late)
        ),
        E::Bfd { name: bfd, up } => write!(
            f,
            "VRRP_Instance({name}) Tracked BFD instance {bfd} is {}",
            if *up { "UP" } else { "DOWN" }
        ),
        E::NewMaster { addr, .. } => write!(f, "({name}) new master {addr}"),
        E::Notice { from, .. } => write!(f, "({name}) refuses adverts from {from}"),
        E::BasePrioritySet { from, to } => {
            write!(f, "({name}) base priority changed from {from} to {to} via SNMP.")
        }
        E::PreemptSet(on) => write!(f, "({name}) preemption {} with SNMP", enabled(*on)),
        E::AcceptSet(on) => write!(f, "({name}) accept mode {} with SNMP", enabled(*on)),
        E::Notify { told, priority, .. } => write!(f, "INSTANCE \"{name}\" {told} {priority}"),
        E::NotifyLowerPriority { priority, .. } => {
            write!(f, "INSTANCE \"{name}\" MASTER_RX_LOWER_PRI {priority}")
        }
        E::NotifyPriority { master, priority } => write!(
            f,
            "INSTANCE \"{name}\" {}_PRIORITY {priority}",
            if *master { "MASTER" } else { "BACKUP" }
        ),
    }
}

/// What happened to a route or rule, after its name.
struct News<'a>(&'a FibEntry, &'a FibNews);

impl fmt::Display for News<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            FibNews::DeviceMissing(dev) => {
                write!(f, " not set: interface {dev} does not exist or is no VRF")
            }
            FibNews::Refused { adding, errno } => {
                let (verb, message) = match (adding, self.0) {
                    (true, FibEntry::Route(_)) => ("add", "RTM_NEWROUTE(24)"),
                    (false, FibEntry::Route(_)) => ("remove", "RTM_DELROUTE(25)"),
                    (true, FibEntry::Rule(_)) => ("add", "RTM_NEWRULE(32)"),
                    (false, FibEntry::Rule(_)) => ("remove", "RTM_DELRULE(33)"),
                };
                let why = refusal(*errno, message);
                write!(f, ": the kernel refused to {verb} it: {why}")
            }
            FibNews::Lost => f.write_str(" was removed by somebody else: new election"),
            FibNews::Restored => f.write_str(" was gone: put back"),
        }
    }
}

/// That the kernel refused to add or remove an address; `errno` is positive.
pub fn address_refused(addr: Prefix, adding: bool, errno: i32) -> String {
    let (verb, message) = match adding {
        true => ("add", "RTM_NEWADDR(20)"),
        false => ("remove", "RTM_DELADDR(21)"),
    };
    format!("the kernel refused to {verb} {addr}: {}", refusal(errno, message))
}

/// Why the kernel refused a message, in the words that people look for.
fn refusal(errno: i32, message: &str) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("Netlink: error: {text}({errno}), type={message}")
}

fn fault(f: &mut fmt::Formatter<'_>, name: &str, cause: &Cause) -> fmt::Result {
    match cause {
        Cause::InterfaceDown(i) => {
            write!(f, "({name}): entering FAULT state (interface {i} down)")
        }
        Cause::InterfaceUp(i) => write!(f, "({name}): entering FAULT state (interface {i} up)"),
        Cause::NoAddress(Family::V4) => {
            write!(f, "({name}) entering FAULT state (no IPv4 address for interface)")
        }
        Cause::NoAddress(Family::V6) => {
            write!(f, "({name}) entering FAULT state (no IPv6 address for interface)")
        }
        Cause::SourceMissing => {
            write!(f, "({name}): entering FAULT state (src address not configured)")
        }
        Cause::Script(s) => write!(f, "({name}): entering FAULT state due to script {s}"),
        Cause::File(file, value) => {
            write!(f, "({name}): entering FAULT state (tracked file {file} has status {value})")
        }
        Cause::Process(p) => {
            write!(f, "({name}) entering FAULT state (tracked process {p} quorum not achieved)")
        }
        Cause::Bfd(b) => write!(f, "({name}): entering FAULT state (BFD instance {b} down)"),
        Cause::SameVrid { other, family, vrid } => {
            write!(f, "VRID conflict between {name} and {other} {family} vrid {vrid}")
        }
        Cause::NoPeers => {
            write!(f, "({name}) Cannot use unicast without any peers - going to fault state")
        }
        Cause::Config => write!(f, "({name}) entering FAULT state"),
    }
}

fn group(f: &mut fmt::Formatter<'_>, name: &str, what: &GroupEvent) -> fmt::Result {
    match what {
        GroupEvent::Syncing(state) => {
            write!(f, "VRRP_Group({name}) Syncing instances to {state} state")
        }
        GroupEvent::Notify { told, .. } => write!(f, "GROUP \"{name}\" {told} 0"),
    }
}

impl Garp {
    /// The detail line of each packet.
    pub fn sending(&self) -> impl fmt::Display + '_ {
        let what = match Family::of(self.addr) {
            Family::V4 => "gratuitous ARP",
            Family::V6 => "unsolicited Neighbour Advert",
        };
        fmt::from_fn(move |f| write!(f, "Sending {what} on {} for {}", self.ifname, self.addr))
    }
}

/// Seconds without needless decimals.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() == 0 {
            write!(f, "{}", self.0.as_secs())
        } else {
            write!(f, "{}", self.0.as_secs_f64())
        }
    }
}
