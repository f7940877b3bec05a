//! Notifications: scripts and FIFO lines, in the documented order - the state's own script, the
//! generic script, the FIFO.

use crate::fifo::{Audience, Fifo, Reader};
use crate::link::Notice;
use crate::main_loop::{Core, Purpose};
use crate::turns::{Turn, Turns};
use ipc::msg::Generation;
use ipc::msg::monitor::State;
use ipc::msg::vrrp::{News, NotifyState, SubjectKind};
use log::{info, warn};
use model::vrrp::Notify;
use model::{Config, Global, Script};
use rt::clock;
use std::collections::HashMap;
use types::{Mono, ScriptId};

/// The FIFOs that lines are written to.
#[derive(Debug, Default)]
pub struct Notifications {
    fifos: Vec<Fifo>,
    /// The present state of each group and instance.
    states: HashMap<(SubjectKind, String), Known>,
    /// The scripts, in turns of every instance and group.
    turns: Turns<(&'static str, String), Job>,
}

/// A script that waits for its turn.
#[derive(Debug)]
pub(crate) struct Job {
    pub script: Script,
    pub words: Vec<String>,
    /// The word of the state that it is to be told.
    pub state: &'static str,
}

/// What a subject was last told to be.
#[derive(Debug)]
struct Known {
    state: NotifyState,
    /// Effective priority.
    priority: u8,
    /// The configured one at that time.
    base: u8,
    /// The configuration that ran.
    told_by: Generation,
}

impl Known {
    /// The effective priority with another configured one: a reload that
    /// changes it may be complete before the role tells so.
    fn with_base(&self, base: u8) -> u8 {
        if base == self.base {
            return self.priority;
        }
        let owner = i16::from(u8::MAX);
        let moved = i16::from(self.priority) + i16::from(base) - i16::from(self.base);
        let moved = if i16::from(base) == owner { owner } else { moved.clamp(1, owner - 1) };
        u8::try_from(moved).unwrap_or(base)
    }
}

fn base_priority(config: &Config, instance: &str) -> u8 {
    config.vrrp.instances.iter().find(|i| i.name == instance).map_or(0, |i| i.priority.0)
}

/// What the configuration says about a subject.
#[derive(Debug, Clone, Copy)]
struct Subject<'c> {
    config: &'c Config,
    notify: &'c Notify,
    priority_changes: bool,
}

fn find<'c>(config: &'c Config, notice: &Notice) -> Option<Subject<'c>> {
    let (notify, priority_changes) = match notice.kind {
        SubjectKind::Instance => {
            let i = config.vrrp.instances.iter().find(|i| i.name == notice.name)?;
            // A group asks for it on behalf of its members.
            let group = config.vrrp.sync_groups.iter().find(|g| g.members.contains(&i.name));
            let asked =
                i.notify_priority_changes || group.is_some_and(|g| g.notify_priority_changes);
            (&i.notify, asked)
        }
        SubjectKind::Group => {
            let g = config.vrrp.sync_groups.iter().find(|g| g.name == notice.name)?;
            (&g.notify, g.notify_priority_changes)
        }
    };
    Some(Subject { config, notify, priority_changes })
}

fn kind_word(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Instance => "INSTANCE",
        SubjectKind::Group => "GROUP",
    }
}

fn news_word(news: &News) -> &'static str {
    match news {
        News::State(state) => state.word(),
        News::MasterRxLowerPri => "MASTER_RX_LOWER_PRI",
        News::Priority { master: true } => "MASTER_PRIORITY",
        News::Priority { master: false } => "BACKUP_PRIORITY",
        // Told to nobody but managers.
        News::NewMaster { .. } => "NEW_MASTER",
        News::AuthFailure { .. } => "AUTH_FAILURE",
        News::ProtocolError { .. } => "PROTOCOL_ERROR",
    }
}

/// The line that FIFO readers get.
fn line(notice: &Notice) -> String {
    format!(
        "{} \"{}\" {} {}\n",
        kind_word(notice.kind),
        notice.name,
        news_word(&notice.news),
        notice.priority
    )
}

/// The scripts that some news start, in order, with the arguments added to
/// their own.
fn scripts(notify: &Notify, notice: &Notice) -> Vec<(ScriptId, Vec<String>)> {
    let own = match notice.news {
        News::State(NotifyState::Master) => notify.master,
        News::State(NotifyState::Backup) => notify.backup,
        News::State(NotifyState::Fault) => notify.fault,
        News::State(NotifyState::Stop) => notify.stop,
        News::State(NotifyState::Deleted) => notify.deleted,
        News::MasterRxLowerPri => notify.master_rx_lower_pri,
        News::Priority { .. }
        | News::NewMaster { .. }
        | News::AuthFailure { .. }
        | News::ProtocolError { .. } => None,
    };
    let mut list: Vec<_> = own.map(|id| (id, Vec::new())).into_iter().collect();
    if let (News::State(_), Some(id)) = (&notice.news, notify.any) {
        let words = [
            kind_word(notice.kind).to_owned(),
            notice.name.clone(),
            news_word(&notice.news).to_owned(),
            notice.priority.to_string(),
        ];
        list.push((id, words.to_vec()));
    }
    list
}

impl Core {
    /// Tells scripts and FIFO readers.
    pub(crate) fn notify(&mut self, notice: &Notice) {
        if notice.news.is_for_managers() {
            return self.tell_monitor(notice.clone().into());
        }
        // An instance that a reload has removed is known to the configuration
        // before.
        self.remember(notice);
        self.tell_monitor(notice.clone().into());
        let subject = find(&self.config, notice)
            .or_else(|| self.previous.as_ref().and_then(|c| find(c, notice)));
        let Some(subject) = subject else {
            return info!("News of {}, which no configuration names", notice.name);
        };
        if matches!(notice.news, News::Priority { .. }) && !subject.priority_changes {
            return;
        }
        let now = clock::now();
        let job = |(id, words): (ScriptId, Vec<String>)| {
            let script = subject.config.scripts.get(id.index())?.clone();
            Some(Job { script, words, state: news_word(&notice.news) })
        };
        let jobs: Vec<Job> = scripts(subject.notify, notice).into_iter().filter_map(job).collect();
        for job in jobs {
            self.take_turn(kind_word(notice.kind), notice.name.clone(), job);
        }
        self.start_turns(now);
        self.write_fifos(&line(notice), Audience::Vrrp);
    }

    /// Queues a notification behind those of the same subject.
    pub(crate) fn take_turn(&mut self, kind: &'static str, name: String, job: Job) {
        let key = (kind, name.clone());
        if let Some(old) = self.notifications.turns.add(key, job) {
            warn!(
                "({name}) notify scripts are too slow: {} of {} is passed over",
                old.script.path, old.state
            );
        }
    }

    /// Writes a line to every FIFO that gets lines of this kind.
    pub(crate) fn write_fifos(&mut self, line: &str, to: Audience) {
        for fifo in &mut self.notifications.fifos {
            fifo.write(line, to);
        }
    }

    /// The present states, as far as they are known.
    pub(crate) fn known_states(&self) -> Vec<State> {
        let states = self.notifications.states.iter();
        states
            .map(|((kind, name), known)| {
                let priority = match kind {
                    SubjectKind::Group => 0,
                    SubjectKind::Instance => known.with_base(base_priority(&self.config, name)),
                };
                State { kind: *kind, name: name.clone(), priority, state: known.state }
            })
            .collect()
    }

    fn remember(&mut self, notice: &Notice) {
        let key = (notice.kind, notice.name.clone());
        let base = base_priority(&self.config, &notice.name);
        let states = &mut self.notifications.states;
        let (priority, told_by) = (notice.priority, self.generation);
        match &notice.news {
            News::State(NotifyState::Stop | NotifyState::Deleted) => {
                states.remove(&key);
            }
            News::State(state) => {
                states.insert(key, Known { state: *state, priority, base, told_by });
            }
            News::Priority { .. } => {
                if let Some(known) = states.get_mut(&key) {
                    (known.priority, known.base) = (priority, base);
                }
            }
            News::MasterRxLowerPri
            | News::NewMaster { .. }
            | News::AuthFailure { .. }
            | News::ProtocolError { .. } => {}
        }
    }

    /// `fifo_write_vrrp_states_on_reload`: once a reload is complete, the
    /// state of all groups and instances that have told none since.
    pub(crate) fn write_states(&mut self) {
        if !self.config.global.fifo_write_states_on_reload {
            return;
        }
        let vrrp = &self.config.vrrp;
        let groups = vrrp.sync_groups.iter().map(|g| (SubjectKind::Group, &g.name));
        let instances = vrrp.instances.iter().map(|i| (SubjectKind::Instance, &i.name));
        for (kind, name) in groups.chain(instances) {
            let Notifications { states, fifos, .. } = &mut self.notifications;
            let Some(known) = states.get(&(kind, name.clone())) else { continue };
            if known.told_by == self.generation {
                continue;
            }
            let priority = match kind {
                SubjectKind::Group => 0,
                SubjectKind::Instance => known.with_base(base_priority(&self.config, name)),
            };
            let (kind, state) = (kind_word(kind), known.state.word());
            let text = format!("{kind} \"{name}\" {state} {priority}\n");
            fifos.iter_mut().for_each(|fifo| fifo.write(&text, Audience::Vrrp));
        }
    }

    /// Starts the notifications whose turn it is.
    pub(crate) fn start_turns(&mut self, now: Mono) {
        while let Some(started) = self.notifications.turns.start(now) {
            let Job { script, words, state } = &started.job;
            if started.beside {
                info!(
                    "({}) the notify script before it still runs, {} of {state} starts beside it",
                    started.subject.1, script.path
                );
            }
            let purpose = Purpose::Notify(Some(started.turn));
            // A script that cannot be started was logged; the others go on.
            if self.scripts.start(now, script, words, None, purpose).is_err() {
                self.notifications.turns.ended(started.turn);
            }
        }
    }

    /// A notification has ended: the next one of its subject starts.
    pub(crate) fn turn_ended(&mut self, turn: Turn) {
        self.notifications.turns.ended(turn);
        self.start_turns(clock::now());
    }

    /// The daemon ends: starts at once all that waits. Whether there was any.
    pub(crate) fn release_turns(&mut self, now: Mono) -> bool {
        let jobs = self.notifications.turns.release();
        for (_, job) in &jobs {
            let _ = self.scripts.start(now, &job.script, &job.words, None, Purpose::Notify(None));
        }
        !jobs.is_empty()
    }

    /// When another notification may start although the one before it runs.
    pub(crate) fn turns_deadline(&self) -> Option<Mono> {
        self.notifications.turns.deadline()
    }

    /// Makes and opens the FIFOs and starts their reader scripts.
    pub(crate) fn open_fifos(&mut self) {
        let now = clock::now();
        let global = &self.config.global;
        for reader in readers(global) {
            let owner = global.script_user.as_ref();
            let Some(created) = Fifo::create(reader.fifo, reader.audience, owner) else { continue };
            if let Some(script) = reader.script.and_then(|id| self.config.scripts.get(id.index())) {
                let path = [reader.fifo.path.clone()];
                let purpose = Purpose::FifoReader(reader.audience.word());
                let _ = self.scripts.start(now, script, &path, None, purpose);
            }
            self.notifications.fifos.extend(created.open());
        }
    }

    /// Closes the FIFOs and removes those that this run made.
    pub(crate) fn close_fifos(&mut self) {
        self.notifications.fifos.clear();
    }

    /// After a reload: readers see the end of file and open again.
    pub(crate) fn reopen_fifos(&mut self) {
        self.close_fifos();
        self.open_fifos();
    }
}

/// The configured FIFOs, each path once.
fn readers(global: &Global) -> Vec<Reader<'_>> {
    let f = &global.fifos;
    let configured = [
        (Audience::All, &f.all, f.all_script),
        (Audience::Vrrp, &f.vrrp, f.vrrp_script),
        (Audience::Lvs, &f.lvs, f.lvs_script),
    ];
    let mut list: Vec<Reader<'_>> = Vec::new();
    for (audience, fifo, script) in configured {
        let Some(fifo) = fifo else { continue };
        match list.iter_mut().find(|r| r.fifo.path == fifo.path) {
            None => list.push(Reader { fifo, script, audience }),
            Some(all) if all.audience == Audience::All => info!(
                "{}notify FIFO {} has been specified as global FIFO - ignoring",
                audience.word(),
                fifo.path
            ),
            // One FIFO for both, read by the first one's script if it has one.
            Some(both) => {
                both.audience = Audience::All;
                both.script = both.script.or(script);
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(kind: SubjectKind, news: News, priority: u8) -> Notice {
        Notice { kind, name: "VI 1".into(), priority, news, reason: String::new() }
    }

    #[test]
    fn fifo_lines_have_the_documented_form() {
        let state = News::State(NotifyState::Master);
        let cases = [
            (notice(SubjectKind::Instance, state.clone(), 100), "INSTANCE \"VI 1\" MASTER 100\n"),
            (notice(SubjectKind::Group, state, 0), "GROUP \"VI 1\" MASTER 0\n"),
            (
                notice(SubjectKind::Instance, News::Priority { master: false }, 90),
                "INSTANCE \"VI 1\" BACKUP_PRIORITY 90\n",
            ),
            (
                notice(SubjectKind::Instance, News::MasterRxLowerPri, 90),
                "INSTANCE \"VI 1\" MASTER_RX_LOWER_PRI 90\n",
            ),
        ];
        for (n, expected) in cases {
            assert_eq!(line(&n), expected);
        }
    }

    #[test]
    fn the_states_own_script_comes_before_the_generic_one() {
        let notify =
            Notify { backup: Some(ScriptId(1)), any: Some(ScriptId(0)), ..Notify::default() };
        let n = notice(SubjectKind::Instance, News::State(NotifyState::Backup), 100);
        let words = ["INSTANCE", "VI 1", "BACKUP", "100"].map(str::to_owned).to_vec();
        assert_eq!(scripts(&notify, &n), [(ScriptId(1), vec![]), (ScriptId(0), words)]);
        let n = notice(SubjectKind::Instance, News::MasterRxLowerPri, 100);
        assert_eq!(scripts(&notify, &n), []);
    }

    #[test]
    fn a_path_that_is_configured_twice_is_one_fifo() {
        let fifo = |path: &str| Some(model::global::Fifo { path: path.into(), owner: None });
        let mut global = Global::default();
        let f = &mut global.fifos;
        (f.all, f.vrrp, f.lvs) = (fifo("/a"), fifo("/v"), fifo("/a"));
        let paths = |global: &Global| -> Vec<_> {
            readers(global).iter().map(|r| (r.fifo.path.clone(), r.audience)).collect()
        };
        let (a, v) = ("/a".to_owned(), "/v".to_owned());
        assert_eq!(paths(&global), [(a, Audience::All), (v.clone(), Audience::Vrrp)]);
        let f = &mut global.fifos;
        (f.all, f.lvs, f.lvs_script) = (None, fifo("/v"), Some(ScriptId(3)));
        assert_eq!(paths(&global), [(v, Audience::All)]);
        assert_eq!(readers(&global)[0].script, Some(ScriptId(3)));
    }
}
