//! Identifiers, priorities and weights.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Virtual router identifier, 1 to 255 (RFC 9568 section 5.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vrid(core::num::NonZeroU8);

impl Vrid {
    /// The VRID `v`, or `None` when it is 0.
    pub fn new(v: u8) -> Option<Self> {
        core::num::NonZeroU8::new(v).map(Vrid)
    }

    /// The number on the wire.
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// VRRP priority: 0 means "I leave", 255 the address owner
/// (RFC 9568 section 5.2.4).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Priority(pub u8);

impl Priority {
    /// Sent by a master that gives up.
    pub const STOP: Priority = Priority(0);
    /// The address owner.
    pub const OWNER: Priority = Priority(255);
    /// The default of a backup.
    pub const DEFAULT: Priority = Priority(100);

    /// Whether this is the address owner's priority.
    pub const fn is_owner(self) -> bool {
        self.0 == 255
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a tracked object adds to a priority, -254 to 254; 0 means that the
/// object's failure is a fault.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Weight(pub i16);

/// Kernel interface index; 0 means none.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct IfIndex(pub u32);

impl IfIndex {
    /// No interface.
    pub const NONE: IfIndex = IfIndex(0);
}

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into its table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_id!(
    /// A VRRP instance: index into the model's instances.
    InstanceId
);
index_id!(
    /// A VRRP sync group: index into the model's sync groups.
    GroupId
);
index_id!(
    /// A script: index into the model's script table. Roles name scripts by
    /// this id only; core alone knows the commands.
    ScriptId
);
index_id!(
    /// A tracked script, file, process or BFD session: index into the model's
    /// track table.
    TrackId
);
