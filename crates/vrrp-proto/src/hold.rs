//! Something of ours in the kernel: where it was asked to be, and what the
//! kernel said of it.
//!
//! Owns the bookkeeping that routes and rules share. The kernel tells of our
//! own changes as it tells of others', later and in order.

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
    /// The kernel told that it is where we want it.
    pub confirmed: bool,
}

impl<P> Default for Hold<P> {
    fn default() -> Self {
        Hold { on: None, asked: None, owed: 0, confirmed: false }
    }
}

impl<P: Clone + PartialEq> Hold<P> {
    /// It is asked for.
    pub fn ask(&mut self, place: P) {
        if self.asked.as_ref() != Some(&place) {
            // Nothing more will be heard from where it was.
            self.owed = 0;
        }
        self.asked = Some(place.clone());
        (self.on, self.confirmed) = (Some(place), false);
        self.owed += 1;
    }

    /// The kernel answered a request to add it: it is there, or it was.
    pub fn answered(&mut self, there: bool) {
        self.owed = self.owed.saturating_sub(1);
        self.confirmed |= there && self.owed == 0 && self.on.is_some();
    }

    /// It is not wanted any longer; where it was.
    pub fn release(&mut self) -> Option<P> {
        self.confirmed = false;
        self.on.take()
    }

    /// The kernel told of a removal; whether that took away what was there.
    pub fn removed(&mut self) -> bool {
        core::mem::take(&mut self.confirmed)
    }
}
