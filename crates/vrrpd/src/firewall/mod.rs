//! Has the kernel drop what the machine wants dropped, and keeps it so.
//!
//! Owns the nf_tables sockets and what the tables hold. Order: whatever hides an address is in
//! place before the kernel is asked for the address ([`Firewall::strengthen`]), and goes when
//! the address is gone ([`Firewall::relax`]). A transaction is done or not done at all, so tables
//! are replaced without a gap. Never decides what is hidden.

mod table;

use core::time::Duration;
use netlink::nft::{NftError, NftEvent, NftObject, NftSocket, Transaction};
use nix::libc;
use rt::poll::Loop;
use rt::{Interest, Token};
use std::collections::BTreeSet;
use std::io;
use types::Mono;
use vrrp_proto::firewall::{Element, Part, Rules};

/// Room for news: a flush of a table of 20,000 elements fits.
const MONITOR_RCVBUF: usize = 8 * 1024 * 1024;
/// Elements of one transaction, so that adverts that are due go out in between.
const ELEMENTS_PER_TURN: usize = 512;
/// Time between repairs: two programs that each want the table must not race.
const REPAIR_EVERY: Duration = Duration::from_secs(1);
/// Time until the kernel is asked again after it refused.
const RETRY: Duration = Duration::from_secs(10);
/// Time between looks at a table of ours that belongs to another program. That goes with the
/// program, and the kernel tells nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Sockets {
    request: NftSocket,
    monitor: NftSocket,
    port: u32,
}

impl Sockets {
    fn open(poll: &Loop, token: Token) -> io::Result<Self> {
        let monitor = NftSocket::monitor(MONITOR_RCVBUF)?;
        let request = NftSocket::request()?;
        let port = request.port()?;
        poll.register(&monitor, token, Interest::READABLE)?;
        Ok(Sockets { request, monitor, port })
    }
}

/// The tables as they are wanted and as they are.
#[derive(Debug, Default)]
pub struct Firewall {
    sockets: Option<Sockets>,
    wanted: Rules,
    /// Those in the kernel.
    installed: Option<Rules>,
    /// Names of tables that an earlier process may have left.
    left: BTreeSet<String>,
    there: BTreeSet<Element>,
    adding: BTreeSet<Element>,
    removing: BTreeSet<Element>,
    /// Somebody took something out of our tables.
    damaged: bool,
    /// The next repair is not before.
    repair_at: Option<Mono>,
    /// The kernel refused, and is asked again then.
    refused: Option<Mono>,
    /// It refused since the table belongs to another program.
    taken: bool,
    /// That it refused was said.
    said: bool,
}

impl Firewall {
    /// Takes the rules that are needed from now on.
    pub fn rules(&mut self, rules: Rules) {
        self.wanted = rules;
        // What was refused may have been the fault of the old ones.
        self.refused = None;
    }

    /// An earlier process may have left tables of this name, which are not wanted.
    pub fn left(&mut self, table: String) {
        self.left.insert(table);
    }

    /// Takes an element that is wanted from now on, or no more.
    pub fn rule(&mut self, element: Element, wanted: bool) {
        if wanted {
            self.removing.remove(&element);
            if !self.there.contains(&element) {
                self.adding.insert(element);
            }
        } else {
            // One that is not there yet is put there all the same: the addresses that it hides
            // are not gone before.
            self.removing.insert(element);
        }
    }

    /// Whether something hidden would be reachable if addresses were added now.
    pub fn is_behind(&self, now: Mono) -> bool {
        let may = |at: Option<Mono>| at.is_none_or(|at| at <= now);
        let repair = self.damaged && may(self.repair_at);
        may(self.refused) && (repair || !self.adding.is_empty() || self.lacks_parts())
    }

    /// Whether something is in the kernel that is wanted no more.
    pub fn is_ahead(&self) -> bool {
        let wanted = (!self.wanted.parts.is_empty()).then_some(&self.wanted.parts);
        let surplus = self.installed.as_ref().map(|i| &i.parts) != wanted;
        let surplus = surplus || !self.removing.is_empty() || !self.left.is_empty();
        self.refused.is_none() && surplus
    }

    /// When to look again.
    pub fn deadline(&self) -> Option<Mono> {
        self.refused.or(self.repair_at.filter(|_| self.damaged))
    }

    fn lacks_parts(&self) -> bool {
        if self.wanted.parts.is_empty() {
            return false;
        }
        let Some(installed) = &self.installed else { return true };
        !self.wanted.parts.is_subset(&installed.parts)
            || (&installed.table, installed.priority, installed.counters)
                != (&self.wanted.table, self.wanted.priority, self.wanted.counters)
    }

    /// Puts some of what is missing in place; to be repeated while [`Firewall::is_behind`].
    pub fn strengthen(&mut self, now: Mono, poll: &Loop, token: Token) {
        if self.taken && self.is_taken() {
            self.refused = Some(now + LOOK_EVERY);
            return;
        }
        if self.damaged {
            self.repair_at = Some(now + REPAIR_EVERY);
        }
        let done = match self.damaged || self.lacks_parts() {
            true => self.grow(poll, token),
            // A table that was taken away a moment ago is made anew.
            false => self.add_some(poll, token).or_else(|_| self.grow(poll, token)),
        };
        if let Err(e) = done {
            return self.refuse(&e, now);
        }
        (self.damaged, self.refused, self.taken) = (false, None, false);
        if core::mem::take(&mut self.said) {
            log::info!("firewall: table {} is in place now", self.wanted.table);
        }
    }

    fn add_some(&mut self, poll: &Loop, token: Token) -> Result<(), NftError> {
        let some: Vec<Element> = self.adding.iter().take(ELEMENTS_PER_TURN).cloned().collect();
        let mut t = Transaction::new();
        table::add(&self.wanted.table, self.held(&some), &mut t);
        self.commit(t, poll, token)?;
        for element in some {
            self.adding.remove(&element);
            self.there.insert(element);
        }
        Ok(())
    }

    /// Makes the tables anew with what is wanted and what still is.
    fn grow(&mut self, poll: &Loop, token: Token) -> Result<(), NftError> {
        let mut rules = self.wanted.clone();
        if let Some(installed) = &self.installed {
            rules.parts.extend(&installed.parts);
        }
        self.renew(rules, poll, token)
    }

    /// Those of the elements that the rules in place have sets for.
    fn held<'e>(&'e self, some: &'e [Element]) -> impl Iterator<Item = &'e Element> {
        let parts = self.installed.as_ref().map(|i| &i.parts);
        some.iter().filter(move |e| parts.is_some_and(|p| p.contains(&e.part())))
    }

    /// Removes some of what is wanted no more, once the addresses are gone.
    pub fn relax(&mut self, poll: &Loop, token: Token) {
        if let Some(table) = self.left.pop_first() {
            if let Err(e) = self.commit(table::clear(&table), poll, token) {
                log::error!("firewall: {e}");
            }
            return;
        }
        if self.wanted.parts.is_empty() {
            return self.stop(poll, token);
        }
        let done = if self.installed.as_ref().is_some_and(|i| i.parts == self.wanted.parts) {
            self.remove_some(poll, token)
        } else {
            let wanted = self.wanted.clone();
            self.there.retain(|e| wanted.parts.contains(&e.part()));
            self.removing.retain(|e| wanted.parts.contains(&e.part()));
            self.adding.retain(|e| wanted.parts.contains(&e.part()));
            self.renew(wanted, poll, token)
        };
        if let Err(e) = done {
            log::debug!("firewall: {e}");
            // Gone already, perhaps: all is made anew.
            self.damaged = true;
        }
    }

    fn remove_some(&mut self, poll: &Loop, token: Token) -> Result<(), NftError> {
        let some: Vec<Element> = self.removing.iter().take(ELEMENTS_PER_TURN).cloned().collect();
        let mut t = Transaction::new();
        table::remove(&self.wanted.table, self.held(&some), &mut t);
        for element in &some {
            self.removing.remove(element);
            self.there.remove(element);
        }
        self.commit(t, poll, token)
    }

    /// Replaces the tables.
    fn renew(&mut self, mut rules: Rules, poll: &Loop, token: Token) -> Result<(), NftError> {
        let t = table::renew(&rules, self.there.union(&self.adding));
        let copies = |p: &Part| matches!(p, Part::Vmac4 | Part::Vmac6);
        match self.commit(t, poll, token) {
            Ok(()) => {}
            // Hiding does not depend on what sends copies (nft_dup).
            Err(e) if rules.parts.iter().any(copies) && !rules.parts.iter().all(copies) => {
                log::warn!("firewall: {e}; group reports of VMACs stay as they are");
                self.wanted.parts.retain(|p| !copies(p));
                rules.parts.retain(|p| !copies(p));
                return self.renew(rules, poll, token);
            }
            Err(e) => return Err(e),
        }
        self.there.append(&mut self.adding);
        self.installed = Some(rules);
        Ok(())
    }

    fn commit(&mut self, t: Transaction, poll: &Loop, token: Token) -> Result<(), NftError> {
        let sockets = match &mut self.sockets {
            Some(sockets) => sockets,
            None => self.sockets.insert(
                Sockets::open(poll, token)
                    .map_err(|e| NftError { what: "open a socket".to_owned(), error: e.into() })?,
            ),
        };
        sockets.request.commit(t)
    }

    fn refuse(&mut self, e: &NftError, now: Mono) {
        self.taken = e.error.errno == libc::EPERM && self.is_taken();
        let again = if self.taken { LOOK_EVERY } else { RETRY };
        self.refused = Some(now + again);
        if core::mem::replace(&mut self.said, true) {
            return;
        }
        let absent = matches!(
            e.error.errno,
            libc::EPROTONOSUPPORT | libc::EOPNOTSUPP | libc::EINVAL | libc::EAFNOSUPPORT
        );
        let hint = match (self.taken, absent) {
            (true, _) => ": it belongs to another program",
            (_, true) => "; does the kernel have nf_tables?",
            _ => "",
        };
        log::error!(
            "firewall: {e}{hint} - until that changes, addresses of no_accept and strict_mode can \
             be reached; trying again every {} s",
            again.as_secs()
        );
    }

    /// Whether a table of ours belongs to another program.
    fn is_taken(&mut self) -> bool {
        let Some(sockets) = &mut self.sockets else { return false };
        let name = &self.wanted.table;
        let ours = |t: &netlink::nft::Table| {
            t.owned && t.name == *name && table::FAMILIES.contains(&t.family)
        };
        sockets.request.tables().is_ok_and(|tables| tables.iter().any(ours))
    }

    /// Reads what others did to the tables.
    pub fn read(&mut self) {
        let Some(sockets) = &mut self.sockets else { return };
        let (port, table) = (sockets.port, self.wanted.table.as_str());
        let mut damaged = self.damaged;
        let mut unsaid = false;
        let read = sockets.monitor.recv_events(|event| match event {
            NftEvent::Change { new: false, object, family, table: name, port: by, .. }
                if by != port && name == table && table::FAMILIES.contains(&family) =>
            {
                let ours = matches!(
                    object,
                    NftObject::Table
                        | NftObject::Chain
                        | NftObject::Rule
                        | NftObject::Set
                        | NftObject::Element
                );
                unsaid |= ours && !damaged;
                damaged |= ours;
            }
            NftEvent::Change { .. } => {}
            NftEvent::Commit { pid, program } => {
                if core::mem::take(&mut unsaid) {
                    log::warn!(
                        "firewall: {program} (process {pid}) took something out of table {table}, \
                         putting it back"
                    );
                }
            }
            NftEvent::Overrun => {
                log::warn!("firewall: news were lost, making table {table} anew");
                damaged = true;
            }
        });
        if let Err(e) = read {
            log::error!("firewall: news of nf_tables: {e}");
        }
        if damaged {
            // Whatever the kernel refused because of somebody else's table may work now.
            self.refused = None;
        }
        self.damaged = damaged && self.installed.is_some();
    }

    /// Removes the tables.
    pub fn stop(&mut self, poll: &Loop, token: Token) {
        let Some(installed) = self.installed.take() else { return };
        if let Err(e) = self.commit(table::clear(&installed.table), poll, token) {
            log::error!("firewall: {e}");
        }
        self.there.clear();
        self.removing.clear();
        self.damaged = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_want_the_same_table_do_not_race() {
        let start = Mono::ZERO + Duration::from_secs(100);
        let mut firewall =
            Firewall { damaged: true, installed: Some(Rules::default()), ..Firewall::default() };
        assert!(firewall.is_behind(start), "the first repair is at once");
        firewall.repair_at = Some(start + REPAIR_EVERY);
        assert!(!firewall.is_behind(start));
        assert_eq!(firewall.deadline(), Some(start + REPAIR_EVERY));
        assert!(firewall.is_behind(start + REPAIR_EVERY));
    }
}
