//! News of one virtual router: a large part of the events, on a page of its own.

use crate::diagnosis::{Differs, Trouble};
use crate::event::{Cause, Detail, Reason, State, Told};
use crate::explain::Why;
use crate::fib::{FibEntry, FibNews};
use crate::managed::{NewMaster, Notice};
use crate::reject::Reject;
use core::net::IpAddr;
use core::time::Duration;
use model::VrrpInstance;
use std::sync::Arc;
use types::{IfIndex, Prefix, Priority};

/// News of an instance.
#[derive(Debug, Clone, PartialEq)]
pub enum InstanceEvent {
    /// A state was entered.
    Entering {
        /// The state.
        state: State,
        /// At start or reload.
        init: bool,
        /// Why.
        reason: Reason,
    },
    /// A cause of FAULT appeared.
    Fault(Cause),
    /// The master down timer ran out.
    AdvertTimeout,
    /// The effective priority changed.
    Priority {
        /// Before.
        from: Priority,
        /// Now.
        to: Priority,
    },
    /// The effective priority changed and the state did not.
    Stays {
        /// The priority before.
        from: Priority,
        /// The priority now.
        to: Priority,
        /// Why.
        why: Why,
    },
    /// A master heard a lower priority (or an equal one from a lower address).
    LowerPriority {
        /// Source.
        from: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
        /// Whether we answer with an advert.
        forcing: bool,
    },
    /// A backup heard a lower priority and waits to preempt.
    Discarded {
        /// Source.
        from: IpAddr,
        /// Its priority.
        theirs: Priority,
    },
    /// A master heard a higher priority.
    HigherPriority {
        /// Source.
        from: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
    },
    /// A master heard the same priority from a higher address.
    HigherAddress {
        /// Source.
        from: IpAddr,
        /// The priority.
        theirs: Priority,
    },
    /// A priority-0 advert arrived.
    PriorityZero {
        /// Source.
        from: IpAddr,
        /// Our state.
        state: State,
    },
    /// A priority-0 advert was sent.
    SentPriorityZero,
    /// Addresses are being set or removed.
    Addresses {
        /// Set, else removed.
        set: bool,
        /// The excluded ones.
        excluded: bool,
    },
    /// Packets to its addresses are dropped from now on, or no more.
    Hiding {
        /// From now on.
        set: bool,
    },
    /// Gratuitous ARPs or neighbour advertisements are asked for.
    Announcing {
        /// The address.
        addr: IpAddr,
        /// The interface.
        ifname: Arc<str>,
    },
    /// An address is not set because its interface is missing.
    DeviceMissing {
        /// The address.
        addr: Prefix,
        /// The interface.
        ifname: Arc<str>,
    },
    /// The kernel refused an address.
    AddressFailed {
        /// The address.
        addr: Prefix,
        /// Whether it was to be added.
        adding: bool,
        /// Positive errno.
        errno: i32,
    },
    /// An address of ours was removed by somebody else.
    AddressLost(Prefix),
    /// Routes or rules are being set or removed.
    SettingFib {
        /// Set, else removed.
        set: bool,
        /// Rules, else routes.
        rules: bool,
    },
    /// News of a route or rule.
    Fib {
        /// Which.
        entry: FibEntry,
        /// What happened.
        news: FibNews,
    },
    /// So many more routes and rules are put back.
    MoreRestored(usize),
    /// A backup learned who is master.
    MasterSet {
        /// The address.
        addr: IpAddr,
        /// The one before.
        was: Option<IpAddr>,
    },
    /// `preempt_delay` begins.
    PreemptDelay(Duration),
    /// It is called off.
    PreemptDelayStopped,
    /// The master's interval was taken over (RFC 9568 section 6.1).
    IntervalLearned {
        /// Before.
        from: Duration,
        /// Now.
        to: Duration,
    },
    /// Our own interval is used again.
    IntervalRestored {
        /// Before.
        from: Duration,
        /// Now.
        to: Duration,
    },
    /// Version 3: the advert's interval is not ours; it is accepted.
    IntervalDiffers {
        /// Ours.
        ours: Duration,
        /// Theirs.
        theirs: Duration,
    },
    /// Two address owners.
    OwnerConflict {
        /// The other.
        other: IpAddr,
    },
    /// The other owner persists: we go on with priority 254.
    OwnerYields,
    /// The other owner is silent.
    OwnerConflictOver,
    /// An advert of our priority from our own address.
    SameAddress,
    /// A packet was rejected; first of its kind.
    Rejected {
        /// Source.
        from: IpAddr,
        /// Why.
        reject: Reject,
    },
    /// Another MASTER beside us, or one whose adverts we refuse; once it lasts.
    SplitBrain {
        /// Its source address.
        from: IpAddr,
        /// What is wrong.
        what: Trouble,
        /// What else is.
        differs: Box<Differs>,
        /// Adverts so far.
        count: u64,
    },
    /// An advert lists another number of addresses; accepted.
    VipCount {
        /// Ours.
        ours: usize,
        /// Theirs.
        theirs: usize,
    },
    /// An advert lacks one of our addresses; accepted.
    VipMissing {
        /// Our VRID.
        vrid: u8,
        /// Source.
        from: IpAddr,
        /// The address.
        addr: IpAddr,
    },
    /// Clocks of `auth_hmac` differ by more than half the window.
    ClockSkew {
        /// Source.
        from: IpAddr,
        /// Theirs less ours, seconds.
        skew: i64,
    },
    /// Version 3 unicast adverts use the old pseudo header from now on.
    OldChecksum,
    /// Adverts stop because of a stall.
    Stalled {
        /// How late the timer was served.
        late: Duration,
    },
    /// A tracked BFD session changed.
    Bfd {
        /// Its name.
        name: Arc<str>,
        /// Whether it is Up.
        up: bool,
    },
    /// Somebody asked for GARPs; only a MASTER sends them.
    GarpsAsked {
        /// Whether it is one.
        master: bool,
    },
    /// Notify: scripts, FIFO, D-Bus, SNMP, mail, in this order.
    Notify {
        /// State word.
        told: Told,
        /// Effective priority.
        priority: Priority,
        /// Scripts and switches; of the old configuration when deleted.
        config: Arc<VrrpInstance>,
    },
    /// It became MASTER, for managers: told after the notification of the state.
    NewMaster {
        /// The address that it sends from.
        addr: IpAddr,
        /// The interface that it is configured on.
        ifindex: IfIndex,
        /// Why.
        why: NewMaster,
    },
    /// An advert was refused, for managers: now and then.
    Notice {
        /// Source.
        from: IpAddr,
        /// The interface that the instance is configured on.
        ifindex: IfIndex,
        /// Why.
        notice: Notice,
    },
    /// A manager changed the base priority.
    BasePrioritySet {
        /// Before.
        from: Priority,
        /// Now.
        to: Priority,
    },
    /// A manager changed whether lower masters are preempted.
    PreemptSet(bool),
    /// A manager changed whether packets to the addresses are accepted.
    AcceptSet(bool),
    /// Notify: a master heard a lower priority; every time.
    NotifyLowerPriority {
        /// Effective priority.
        priority: Priority,
        /// Scripts and switches.
        config: Arc<VrrpInstance>,
    },
    /// Notify the FIFOs of a priority change.
    NotifyPriority {
        /// Whether MASTER.
        master: bool,
        /// Effective priority.
        priority: Priority,
    },
}

impl InstanceEvent {
    /// When the line is logged.
    pub(crate) fn detail(&self) -> Detail {
        match self {
            InstanceEvent::AdvertTimeout
            | InstanceEvent::PriorityZero { .. }
            | InstanceEvent::SentPriorityZero
            | InstanceEvent::Addresses { .. }
            | InstanceEvent::Hiding { .. }
            | InstanceEvent::Announcing { .. }
            | InstanceEvent::SettingFib { .. }
            | InstanceEvent::MasterSet { .. }
            | InstanceEvent::PreemptDelay(_)
            | InstanceEvent::PreemptDelayStopped
            | InstanceEvent::IntervalLearned { .. }
            | InstanceEvent::IntervalRestored { .. } => Detail::Detail,
            InstanceEvent::Notify { .. }
            | InstanceEvent::NewMaster { .. }
            | InstanceEvent::Notice { .. }
            | InstanceEvent::NotifyLowerPriority { .. }
            | InstanceEvent::NotifyPriority { .. } => Detail::Silent,
            _ => Detail::Normal,
        }
    }
}
