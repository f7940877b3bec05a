//! Something of ours in the kernel: where it was asked to be, and what the
//! kernel said of it.
//!
//! Owns the bookkeeping that addresses, routes and rules share. The kernel
//! tells of our own changes as it tells of others', later and in order.

/// Something at a place `P` in the kernel.
#[derive(Debug, Clone)]
pub struct Hold<P> {
    /// Where it was asked to be; `None` while it is not wanted.
    pub on: Option<P>,
    /// Where it was last asked to be.
    pub asked: Option<P>,
    /// Requests to add it that the kernel has not answered yet. Before the
    /// last of them is, a removal is the echo of our own, earlier one.
    pub owed: u32,
    /// Those of them that were made before it was last released: some are never answered, since
    /// an IPv6 address that goes at once is told of as going alone.
    earlier: u32,
    /// Releases whose removal the kernel has not told.
    leaving: u32,
    /// The kernel told that it is where we want it.
    pub confirmed: bool,
}

impl<P> Default for Hold<P> {
    fn default() -> Self {
        Hold { on: None, asked: None, owed: 0, earlier: 0, leaving: 0, confirmed: false }
    }
}

impl<P: Clone + PartialEq> Hold<P> {
    /// It is asked for.
    pub fn ask(&mut self, place: P) {
        if self.asked.as_ref() != Some(&place) {
            // Nothing more will be heard from where it was.
            self.forget_owed();
        }
        self.asked = Some(place.clone());
        (self.on, self.confirmed) = (Some(place), false);
        self.owed += 1;
    }

    /// The kernel answered a request to add it: it is there, or it was.
    pub fn answered(&mut self, there: bool) {
        self.owed = self.owed.saturating_sub(1);
        self.earlier = self.earlier.saturating_sub(1);
        self.confirmed |= there && self.owed == 0 && self.on.is_some();
    }

    /// It is not wanted any longer; where it was.
    pub fn release(&mut self) -> Option<P> {
        self.confirmed = false;
        if self.on.is_some() {
            self.earlier = self.owed;
            self.leaving += 1;
        }
        self.on.take()
    }

    /// Answers may have been lost: no more are waited for.
    pub fn forget_owed(&mut self) {
        (self.owed, self.earlier, self.leaving) = (0, 0, 0);
    }

    /// The kernel told of a removal; whether that took away what was there.
    pub fn removed(&mut self) -> bool {
        if self.leaving > 0 {
            self.leaving -= 1;
            if self.leaving == 0 {
                // Whatever was asked for before it went is not answered any more.
                self.owed = self.owed.saturating_sub(core::mem::take(&mut self.earlier));
            }
        }
        core::mem::take(&mut self.confirmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv6 address that is taken away at once is never told to have come.
    #[test]
    fn a_request_that_is_overtaken_by_its_removal_owes_no_answer() {
        let mut hold = Hold::default();
        hold.ask(1);
        hold.release();
        hold.ask(1);
        assert!(!hold.removed(), "the echo of our own removal");
        hold.answered(true);
        assert!(hold.confirmed);
        assert!(hold.removed(), "somebody took it away");
    }

    #[test]
    fn removals_of_ours_are_echoes_however_often_it_comes_and_goes() {
        let mut hold = Hold::default();
        for _ in 0..3 {
            hold.ask(1);
            hold.release();
        }
        hold.ask(1);
        for _ in 0..3 {
            hold.answered(true);
            assert!(!hold.confirmed && !hold.removed());
        }
        hold.answered(true);
        assert!(hold.removed());
    }
}
