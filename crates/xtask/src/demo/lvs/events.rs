//! What the observers of this demonstration see.

use super::super::events::{Node, State};

/// A web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Web(pub u8);

impl Web {
    /// The real servers.
    pub const REAL: [Self; 3] = [Self(0), Self(1), Self(2)];
    /// The sorry server.
    pub const SORRY: Self = Self(3);
    /// All.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self::SORRY];

    /// Its name, which is what it answers.
    pub fn name(self) -> &'static str {
        ["server-1", "server-2", "server-3", "sorry"][self.index()]
    }

    /// Its letter in the chart.
    pub fn letter(self) -> char {
        ['1', '2', '3', 'S'][self.index()]
    }

    /// Index in lists of all.
    pub fn index(self) -> usize {
        usize::from(self.0 & 3)
    }
}

/// A set of web servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Webs(u8);

impl Webs {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// Whether `web` is one of them.
    pub fn has(self, web: Web) -> bool {
        self.0 & (1 << web.index()) != 0
    }

    /// These and `web`.
    pub fn with(self, web: Web) -> Self {
        Self(self.0 | 1 << web.index())
    }
}

impl FromIterator<Web> for Webs {
    fn from_iter<I: IntoIterator<Item = Web>>(webs: I) -> Self {
        webs.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Something that an observer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A director logged its state.
    State(Node, State),
    /// The servers in a director's IPVS table.
    Table(Node, Webs),
    /// A web server was started or killed.
    Web(Web, bool),
    /// Who answered a request over a connection of its own; `None`: nobody.
    Answer(Option<Web>),
    /// The same over the connection that is kept.
    Kept(Option<Web>),
}
