//! What is to be seen on the bus: written by the monitor's loop, read by the thread that serves
//! the bus. Nobody ever waits for the other.

use super::path;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use zruntime::{Event, EventListener};

/// Most signals that wait for a slow bus; the oldest are lost beyond.
const NEWS_MAX: usize = 4096;

/// Where and under which name to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name on the bus.
    pub service: String,
    /// What all paths begin with: see [`path::base`].
    pub base: String,
    /// Stands in paths for the interface of an instance that has none.
    pub no_interface: String,
}

/// State of an instance as D-Bus tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Not known yet.
    #[default]
    Init,
    /// BACKUP.
    Backup,
    /// MASTER.
    Master,
    /// FAULT.
    Fault,
    /// Removed by a reload.
    Deleted,
    /// Stopped.
    Stop,
}

impl State {
    /// Its number, in the property and in the signal.
    pub const fn code(self) -> u32 {
        match self {
            State::Init => 0,
            State::Backup => 1,
            State::Master => 2,
            State::Fault => 3,
            State::Deleted => 97,
            State::Stop => 98,
        }
    }

    /// Its word in the property.
    pub const fn word(self) -> &'static str {
        match self {
            State::Init => "Init",
            State::Backup => "Backup",
            State::Master => "Master",
            State::Fault => "Fault",
            State::Deleted => "Deleted",
            State::Stop => "Stop",
        }
    }
}

/// An instance of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its interface as configured.
    pub interface: Option<String>,
    /// Its virtual router id.
    pub vrid: u8,
    /// IPv6 rather than IPv4.
    pub v6: bool,
    /// Its state, if it is known.
    pub state: Option<State>,
}

/// A signal to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The instance of this path is in this state.
    Status(String, State),
    /// The daemon runs another configuration.
    Reloaded,
}

/// An instance as its object shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
}

/// What the bus shows at one time.
#[derive(Debug, Default)]
pub struct View {
    /// Where to serve; `None`: nowhere.
    pub settings: Option<Settings>,
    /// The daemon ends.
    pub ending: bool,
    /// Instances by path.
    pub shown: BTreeMap<String, Shown>,
    /// Another number whenever other instances are shown.
    pub edition: u64,
    /// Paths by name, also of instances that the last reload removed: their last news may still
    /// come.
    paths: BTreeMap<String, String>,
    /// Signals for those who listen; only kept while the name is ours.
    news: VecDeque<News>,
    /// Signals that were dropped.
    lost: u64,
    /// The name is ours: somebody may listen.
    live: bool,
}

impl View {
    /// Whether this is to be served.
    pub fn wants(&self, settings: &Settings) -> bool {
        !self.ending && self.settings.as_ref() == Some(settings)
    }

    fn tell(&mut self, news: News) {
        if !self.live {
            return;
        }
        if self.news.len() == NEWS_MAX {
            self.news.pop_front();
            self.lost += 1;
        }
        self.news.push_back(news);
    }

    /// Whether the name is ours from here on. Who hears of it first is told all states anew, so
    /// what waited until now is forgotten.
    pub fn set_live(&mut self, live: bool) {
        self.live = live;
        self.news.clear();
        self.lost = 0;
    }

    /// The signals to be sent now, and how many were dropped before them.
    pub fn take_news(&mut self) -> (VecDeque<News>, u64) {
        (std::mem::take(&mut self.news), std::mem::take(&mut self.lost))
    }
}

/// The view, shared by the two threads.
#[derive(Debug, Default)]
pub struct Board {
    view: Mutex<View>,
    changed: Event,
}

impl Board {
    /// The view. Held only while it is read or written, never while anything is awaited.
    pub fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The next change; look at the view after this call and before waiting.
    pub fn change(&self) -> EventListener {
        self.changed.listen()
    }

    fn write(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view());
        self.changed.notify(usize::MAX);
    }

    /// A configuration runs, another one than before if `reloaded`: what to serve and which
    /// instances there are. Instances whose path another one has are not shown; their names are
    /// returned.
    pub fn configure(
        &self,
        settings: Option<Settings>,
        instances: Vec<Instance>,
        reloaded: bool,
    ) -> Vec<String> {
        let mut hidden = Vec::new();
        let mut shown = BTreeMap::new();
        for Instance { name, interface, vrid, v6, state } in instances {
            let Some(settings) = &settings else { break };
            let interface = interface.as_deref().unwrap_or(&settings.no_interface);
            match shown.entry(path::instance(&settings.base, interface, vrid, v6)) {
                Entry::Occupied(_) => hidden.push(name),
                Entry::Vacant(free) => {
                    let state = state.unwrap_or_default();
                    free.insert(Shown { name, state });
                }
            }
        }
        self.write(|view| {
            view.settings = settings;
            view.edition += 1;
            let before = std::mem::replace(&mut view.shown, shown);
            let here = view.shown.iter().map(|(path, shown)| (shown.name.clone(), path.clone()));
            let here: Vec<(String, String)> = here.collect();
            let gone = before.iter().filter(|(path, _)| !view.shown.contains_key(*path));
            view.paths = gone.map(|(path, old)| (old.name.clone(), path.clone())).collect();
            view.paths.extend(here);
            if reloaded {
                view.tell(News::Reloaded);
            }
            // Changes that were missed.
            let changed = view.shown.iter().filter(|(path, now)| {
                before.get(*path).is_some_and(|old| old.name == now.name && old.state != now.state)
            });
            let changed: Vec<_> = changed.map(|(path, now)| (path.clone(), now.state)).collect();
            changed.into_iter().for_each(|(path, state)| view.tell(News::Status(path, state)));
        });
        hidden
    }

    /// An instance has entered a state.
    pub fn state(&self, name: &str, state: State) {
        self.write(|view| {
            let Some(path) = view.paths.get(name).cloned() else { return };
            match view.shown.get_mut(&path) {
                Some(shown) => shown.state = state,
                None => _ = view.paths.remove(name),
            }
            view.tell(News::Status(path, state));
        });
    }

    /// The daemon ends: say what waits, and leave the bus.
    pub fn end(&self) {
        self.write(|view| view.ending = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            service: path::SERVICE.into(),
            base: path::base(None, None),
            no_interface: "none".into(),
        }
    }

    fn instance(name: &str, interface: Option<&str>, vrid: u8) -> Instance {
        let interface = interface.map(str::to_owned);
        Instance { name: name.into(), interface, vrid, v6: false, state: None }
    }

    fn paths(board: &Board) -> Vec<String> {
        board.view().shown.keys().cloned().collect()
    }

    #[test]
    fn an_instance_without_interface_has_a_path_too_and_none_has_anothers() {
        let board = Board::default();
        let hidden = board.configure(
            Some(settings()),
            vec![
                instance("a", None, 1),
                instance("b", Some("e-0"), 2),
                instance("c", Some("e.0"), 2),
            ],
            false,
        );
        assert_eq!(hidden, ["c"]);
        assert_eq!(
            paths(&board),
            [
                "/org/keepalived/Vrrp1/Instance/e_0/2/IPv4",
                "/org/keepalived/Vrrp1/Instance/none/1/IPv4"
            ]
        );
    }

    #[test]
    fn signals_are_kept_only_for_those_who_can_hear_them() {
        let board = Board::default();
        board.configure(Some(settings()), vec![instance("a", Some("e"), 1)], false);
        board.state("a", State::Backup);
        assert!(board.view().take_news().0.is_empty());
        board.view().set_live(true);
        board.state("a", State::Master);
        board.state("unheard of", State::Master);
        let path = path::instance(&path::base(None, None), "e", 1, false);
        assert_eq!(board.view().take_news().0, [News::Status(path.clone(), State::Master)]);
        assert_eq!(board.view().shown[&path].state, State::Master);
    }

    #[test]
    fn the_last_news_of_a_removed_instance_are_told() {
        let board = Board::default();
        board.configure(Some(settings()), vec![instance("a", Some("e"), 1)], false);
        board.view().set_live(true);
        board.configure(Some(settings()), Vec::new(), true);
        board.state("a", State::Fault);
        board.state("a", State::Fault);
        let path = path::instance(&path::base(None, None), "e", 1, false);
        let expected = [News::Reloaded, News::Status(path, State::Fault)];
        assert_eq!(board.view().take_news().0, expected);
    }

    /// As core sends it when events were lost.
    #[test]
    fn a_state_that_was_missed_is_told_with_the_configuration() {
        let board = Board::default();
        board.configure(Some(settings()), vec![instance("a", Some("e"), 1)], false);
        board.view().set_live(true);
        let known = Instance { state: Some(State::Master), ..instance("a", Some("e"), 1) };
        board.configure(Some(settings()), vec![known.clone()], false);
        board.configure(Some(settings()), vec![known], false);
        let path = path::instance(&path::base(None, None), "e", 1, false);
        assert_eq!(board.view().take_news().0, [News::Status(path, State::Master)]);
    }

    #[test]
    fn a_bus_that_does_not_take_signals_costs_no_memory() {
        let board = Board::default();
        board.configure(Some(settings()), vec![instance("a", Some("e"), 1)], false);
        board.view().set_live(true);
        (0..NEWS_MAX + 3).for_each(|_| board.state("a", State::Backup));
        let (news, lost) = board.view().take_news();
        assert_eq!((news.len(), lost), (NEWS_MAX, 3));
    }
}
