//! What dumps, control queries and tests may see of a node.
//!
//! Owns the read-only view and the invariants.

use crate::diagnosis::Record;
use crate::event::{Cause, Reason, State};
use crate::fib::FibEntry;
use crate::instance::{Instance, Master};
use crate::node::Node;
use crate::vmac::VmacKey;
use core::net::IpAddr;
use core::time::Duration;
use model::Counters;
use model::VrrpInstance;
use model::net::Address;
use types::{Family, IfIndex, InstanceId, Mono, Priority};

/// One instance, as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Status<'a>(&'a Instance);

impl<'a> Status<'a> {
    pub(crate) fn instance(self) -> &'a Instance {
        self.0
    }

    /// Its handle.
    pub fn id(self) -> InstanceId {
        self.0.id
    }

    /// Its configuration.
    pub fn config(self) -> &'a VrrpInstance {
        &self.0.config
    }

    /// Its state.
    pub fn state(self) -> State {
        self.0.state
    }

    /// Whether it wants to be MASTER, or is.
    pub fn wants_master(self) -> bool {
        self.0.wants_master
    }

    /// Its effective priority.
    pub fn priority(self) -> Priority {
        self.0.priority
    }

    /// Its counters.
    pub fn counters(self) -> &'a Counters {
        &self.0.counters
    }

    /// Source address and interface of its adverts.
    pub fn binding(self) -> (Option<IpAddr>, Option<IfIndex>) {
        (self.0.src, self.0.ifindex)
    }

    /// Name of the virtual link that carries its MAC.
    pub fn vmac(self) -> Option<&'a str> {
        self.0.vmac.as_deref()
    }

    /// Whether the interface, or the virtual link on it, is there.
    pub fn has_link(self) -> bool {
        self.0.home.is_some()
    }

    /// The master that a backup follows: address and priority.
    pub fn master(self) -> Option<(IpAddr, Priority)> {
        self.0.master.map(|Master { addr, priority }| (addr, priority))
    }

    /// The interval of the master (version 3), else its own.
    pub fn master_interval(self) -> Duration {
        self.0.master_adv
    }

    /// Its master down interval.
    pub fn master_down(self) -> Duration {
        self.0.master_down()
    }

    /// When and why it entered its state.
    pub fn since(self) -> (Mono, &'a Reason) {
        (self.0.since, &self.0.reason)
    }

    /// When it last sent an advert.
    pub fn last_advert(self) -> Option<Mono> {
        self.0.last_sent
    }

    /// What keeps it in FAULT.
    pub fn causes(self) -> &'a [Cause] {
        &self.0.causes
    }

    /// Peers whose adverts are refused, or that are MASTER too.
    pub fn troubles(self) -> &'a [Record] {
        self.0.diagnosis.records()
    }

    /// Its virtual addresses, whether each is excluded, and where it was
    /// asked to be.
    pub fn addresses(self) -> impl Iterator<Item = (&'a Address, bool, Option<IfIndex>)> {
        self.0.vips.iter().map(|v| (&*v.addr, v.excluded, v.place()))
    }

    /// Its routes, then its rules.
    pub fn fib(self) -> impl Iterator<Item = &'a FibEntry> {
        self.0.fib.entries()
    }
}

impl Node {
    /// The static routes, then the static rules.
    pub fn static_fib(&self) -> impl Iterator<Item = &FibEntry> {
        self.statics.fib.entries()
    }

    /// The instances, in configuration order.
    pub fn instances(&self) -> impl Iterator<Item = Status<'_>> {
        self.order.iter().filter_map(|id| self.get(*id)).map(Status)
    }

    /// One instance.
    pub fn instance(&self, id: InstanceId) -> Option<Status<'_>> {
        self.get(id).map(Status)
    }

    /// The macvlans with virtual MACs that are there: index of each, of the interface below it,
    /// and the family of its virtual router.
    pub fn vmacs(&self) -> impl Iterator<Item = (IfIndex, IfIndex, Family)> {
        self.vmacs.usable(&self.links)
    }

    /// Where an address of an instance goes, as dumps show it: `LINK@INTERFACE` for a virtual
    /// link.
    pub fn device_of(&self, instance: Status<'_>, addr: &Address) -> String {
        let config = instance.config();
        let dev = addr.dev.as_deref().or(config.interface.as_deref()).unwrap_or_default();
        let key = VmacKey::of(config, addr);
        match key.and_then(|key| self.vmacs.name(&key)) {
            Some(name) => format!("{name}@{dev}"),
            None => dev.to_owned(),
        }
    }

    /// Sync groups, in configuration order: name and state.
    pub fn groups(&self) -> impl Iterator<Item = (&str, State)> {
        self.groups.iter().map(|g| (&*g.name, g.state))
    }

    /// What must hold after every [`Node::handle`]; names the first breach.
    pub fn check_invariants(&self) -> Result<(), String> {
        for i in self.order.iter().filter_map(|id| self.get(*id)) {
            self.check_instance(i).map_err(|e| format!("{}: {e}", i.name))?;
        }
        let due = self.instances.iter().flatten().filter_map(Instance::deadline).min();
        if due != self.timers.first().map(|t| t.0) {
            return Err(format!("first timer is {:?}, not {due:?}", self.timers.first()));
        }
        for (socket, users, room) in self.sockets.users() {
            let on = || self.instances.iter().flatten().filter(|i| i.socket == Some(socket));
            if on().count() != users as usize {
                return Err(format!("{socket:?} has {} users, not {users}", on().count()));
            }
            let wanted: u32 = on().map(|i| i.room).sum();
            if wanted != room {
                return Err(format!("{socket:?} has room for {room} bytes, not {wanted}"));
            }
            if self.sockets.any_user(socket).is_none_or(|some| on().all(|i| i.id != some)) {
                return Err(format!("{socket:?} names somebody who does not use it"));
            }
        }
        Ok(())
    }

    fn check_instance(&self, i: &Instance) -> Result<(), String> {
        let ensure = |ok: bool, what: &str| if ok { Ok(()) } else { Err(what.to_owned()) };
        let master = i.state == State::Master;
        let runs = matches!(i.state, State::Master | State::Backup);
        ensure(runs == i.timer.is_some(), "a timer runs exactly in BACKUP and MASTER")?;
        ensure(!runs || i.causes.is_empty(), "a cause of FAULT without FAULT")?;
        ensure(master || i.vips.iter().all(|v| v.place().is_none()), "addresses without MASTER")?;
        ensure(master || !i.fib.is_set(), "routes or rules without MASTER")?;
        let garps = i.garp_again.is_some() || i.garp_extra.is_some();
        ensure(master || !garps, "GARPs to come without MASTER")?;
        ensure(!master || (i.src.is_some() && i.socket.is_some()), "MASTER without a socket")?;
        ensure((1..=255).contains(&i.priority.0), "priority 0 as effective priority")?;
        ensure(self.started || i.state == State::Init, "a state before start")?;
        let Some(g) = i.group.and_then(|g| self.groups.get(g)) else { return Ok(()) };
        let fellows = || g.members.iter().filter_map(|m| self.get(*m));
        // A reload may have added members to masters, who follow them once they hear of a master.
        let goes_along = |f: &Instance| f.state == State::Master || f.joins_masters();
        ensure(!master || fellows().all(goes_along), "the group is divided")?;
        let mut running = fellows().filter(|f| f.state != State::Init);
        let fault = i.state == State::Fault;
        ensure(
            i.state == State::Init || running.all(|f| (f.state == State::Fault) == fault),
            "the group is partly in FAULT",
        )
    }
}
