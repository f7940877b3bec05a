//! Reads all addresses anew when what is believed may be wrong, a slice in each turn of the loop,
//! so that no advert is late for it.
//!
//! What is there is told at once. What is missing is told at the end, and only when the kernel had
//! no news meanwhile: the list is exact then. Else it is read again.

use crate::addrs;
use netlink::error::NlError;
use netlink::socket::AddrDump;
use std::collections::HashSet;
use types::{IfIndex, Prefix};
use vrrp_proto::AddrFact;

/// Turns of the loop that it may take; on a host whose addresses change all the time there is no
/// exact list after that either.
const TURNS_MAX: u32 = 4096;

/// Whether and how far all addresses are read anew.
#[derive(Debug, Default)]
pub struct Resync {
    wanted: bool,
    reading: Option<Reading>,
    turns: u32,
}

#[derive(Debug)]
struct Reading {
    dump: AddrDump,
    there: HashSet<(IfIndex, Prefix)>,
}

/// What came of a slice.
#[derive(Debug)]
pub enum Slice {
    /// These are there, and there may be more.
    Some(Vec<AddrFact>),
    /// These are there, and with those before them they are all.
    All(Vec<AddrFact>, HashSet<(IfIndex, Prefix)>),
}

impl Resync {
    /// What is believed may be wrong.
    pub fn doubt(&mut self) {
        self.wanted = true;
    }

    /// Whether all addresses are to be read.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Another turn begins; false when it has taken too many.
    pub fn turn(&mut self) -> bool {
        self.turns += 1;
        self.turns <= TURNS_MAX
    }

    /// Whether a list is being read.
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// The list that is being read may not be exact.
    pub fn disturb(&mut self) {
        self.reading = None;
    }

    /// Begins with a list.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn begin(&mut self) -> Result<(), NlError> {
        self.reading = Some(Reading { dump: AddrDump::begin()?, there: HashSet::new() });
        Ok(())
    }

    /// The addresses are as they were told.
    pub fn done(&mut self) {
        *self = Resync::default();
    }

    /// Reads a slice.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn slice(&mut self) -> Result<Option<Slice>, NlError> {
        let Some(mut reading) = self.reading.take() else { return Ok(None) };
        let mut specs = Vec::new();
        let end = reading.dump.read(&mut specs)?;
        let facts: Vec<_> = specs.iter().map(addrs::addr_fact).collect();
        reading.there.extend(facts.iter().map(|f| (f.ifindex, f.prefix)));
        Ok(match end {
            Some(true) => Some(Slice::All(facts, reading.there)),
            // Not consistent.
            Some(false) => Some(Slice::Some(facts)),
            None => {
                self.reading = Some(reading);
                Some(Slice::Some(facts))
            }
        })
    }
}
