//! Which instance has a virtual router ID on a network.
//!
//! Two instances whose interfaces sit on the same one would be one virtual
//! router to everybody else. The configuration alone cannot tell: what an
//! interface sits on may change while it is away. Who is there first stays.

use crate::instance::Instance;
use crate::links::Links;
use core::net::IpAddr;
use std::collections::HashMap;
use types::{Family, IfIndex, InstanceId, Vrid};

/// What tells virtual routers apart that send to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    /// The lowest interface.
    below: IfIndex,
    family: Family,
    vrid: Vrid,
    group: IpAddr,
}

/// The places of all instances.
#[derive(Debug, Default)]
pub(crate) struct Vrids {
    /// Who is at a place, in the order of coming: the first has it.
    places: HashMap<Place, Vec<InstanceId>>,
    of: HashMap<InstanceId, Place>,
    /// Those who have got a place since they were last looked at.
    promoted: Vec<InstanceId>,
}

impl Vrids {
    /// Finds the place of an instance.
    pub fn find(&mut self, i: &Instance, links: &Links) {
        let link = i.config.interface.as_deref().and_then(|name| links.named(name));
        let place = link.filter(|_| !i.is_unicast()).map(|link| Place {
            below: links.lowest(link),
            family: i.family(),
            vrid: i.config.vrid,
            group: i.config.mcast_group,
        });
        if self.of.get(&i.id) == place.as_ref() {
            return;
        }
        self.leave(i.id);
        if let Some(place) = place {
            self.of.insert(i.id, place);
            self.places.entry(place).or_default().push(i.id);
        }
    }

    /// An instance is gone from where it was.
    pub fn leave(&mut self, id: InstanceId) {
        let Some(place) = self.of.remove(&id) else { return };
        let Some(there) = self.places.get_mut(&place) else { return };
        let had = there.first() == Some(&id);
        there.retain(|other| *other != id);
        match there.first() {
            None => {
                self.places.remove(&place);
            }
            Some(next) if had => self.promoted.push(*next),
            Some(_) => {}
        }
    }

    /// Who has the place of an instance, if that is another one.
    pub fn rival(&self, id: InstanceId) -> Option<InstanceId> {
        let holder = *self.places.get(self.of.get(&id)?)?.first()?;
        (holder != id).then_some(holder)
    }

    /// Those who have got a place, to be looked at again.
    pub fn take_promoted(&mut self) -> Vec<InstanceId> {
        core::mem::take(&mut self.promoted)
    }
}
