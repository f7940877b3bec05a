//! The D-Bus service: objects, properties, methods and signals of the daemon and its instances on
//! the system bus.
//!
//! It has a thread of its own, which alone waits for the bus. What it shows and what it signals
//! lies on a [`board`] that the monitor's loop writes; what callers ask for comes back to the loop
//! as a [`Command`]. So a bus that is absent, slow or hung holds up nothing else.

mod board;
mod objects;
mod path;
mod session;

use crate::subsystem::{Cx, Subsystem};
use board::{Board, Instance, Settings, State};
use core::time::Duration;
use ipc::msg::Generation;
use ipc::msg::monitor::{Command, Event, MonitorSetup};
use ipc::msg::vrrp::{News, NotifyState, SubjectKind};
use log::{error, warn};
use mio::Waker;
use rt::poll::Ready;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::thread;
use types::{Family, Mono};

/// Requests of callers that may wait for the loop.
const REQUESTS: usize = 64;

/// How long the last states are waited for when the process is told to end before the roles have
/// left.
const LAST_STATES: Duration = Duration::from_millis(1500);

/// Takes a request to the loop, without waiting; `false` when too many are there already.
type Requests = Arc<dyn Fn(Command) -> bool + Send + Sync>;

/// The service, as the monitor's loop sees it.
#[derive(Debug, Default)]
pub(crate) struct Dbus {
    board: Arc<Board>,
    thread: Option<Thread>,
    /// What runs.
    generation: Option<Generation>,
    /// Leave the bus then at the latest.
    leave_by: Option<Mono>,
}

/// The thread of the bus.
#[derive(Debug)]
struct Thread {
    requests: Receiver<Command>,
    /// Disconnected once it has ended.
    running: Receiver<()>,
}

impl Thread {
    fn start(board: Arc<Board>, waker: Waker) -> io::Result<Self> {
        let (request, requests) = sync_channel(REQUESTS);
        let (alive, running) = channel();
        let waker = Arc::new(waker);
        let end = End { _alive: alive, waker: waker.clone() };
        let take = move |command| request.try_send(command).is_ok() && waker.wake().is_ok();
        thread::Builder::new().name("dbus".into()).spawn(move || {
            let _end = end;
            session::serve(&board, &(Arc::new(take) as Requests));
        })?;
        Ok(Thread { requests, running })
    }

    fn has_ended(&self) -> bool {
        self.running.try_recv() == Err(TryRecvError::Disconnected)
    }
}

/// Tells the loop of the thread's end, whatever it was.
struct End {
    _alive: Sender<()>,
    waker: Arc<Waker>,
}

impl Drop for End {
    fn drop(&mut self) {
        // The loop is gone when nobody is there to wake.
        let _ = self.waker.wake();
    }
}

impl Subsystem for Dbus {
    fn configure(&mut self, cx: &mut Cx<'_>, setup: &MonitorSetup) {
        let reloaded = self.generation.replace(setup.generation) != Some(setup.generation);
        let settings = settings(setup);
        let wanted = settings.is_some();
        for name in self.board.configure(settings, instances(setup), reloaded) {
            warn!("({name}) has no DBus object: another instance has its path");
        }
        if !wanted || self.thread.is_some() {
            return;
        }
        let waker = Waker::new(cx.poll.registry(), cx.token(0));
        match waker.and_then(|waker| Thread::start(self.board.clone(), waker)) {
            Ok(thread) => self.thread = Some(thread),
            Err(e) => error!("Failed to initialise DBus: {e}"),
        }
    }

    fn event(&mut self, _cx: &mut Cx<'_>, event: &Event) {
        if let Event::Vrrp { kind: SubjectKind::Instance, name, news: News::State(told), .. } =
            event
        {
            self.board.state(name, state(*told));
        }
    }

    /// Core gives the present states anew.
    fn lost(&mut self, _cx: &mut Cx<'_>, _count: u64) {}

    fn ready(&mut self, cx: &mut Cx<'_>, _number: usize, _ready: Ready) {
        let Some(thread) = &self.thread else { return };
        cx.commands.extend(thread.requests.try_iter());
        if thread.has_ended() && !self.board.view().ending {
            error!("the DBus service has failed; the next reload starts it again");
            self.thread = None;
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.leave_by
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        if self.leave_by.is_some_and(|at| at <= cx.now) {
            self.leave_by = None;
            self.board.end();
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_>, _until: Mono) {
        self.leave_by = Some(cx.now + LAST_STATES);
    }

    fn dismissed(&mut self, cx: &mut Cx<'_>) {
        self.leave_by = Some(cx.now);
    }

    fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(Thread::has_ended)
    }
}

/// Where to serve; `None` when the configuration asks for no service.
fn settings(setup: &MonitorSetup) -> Option<Settings> {
    let dbus = &setup.global.dbus;
    dbus.enabled.then(|| Settings {
        service: dbus.service_name.clone().unwrap_or_else(|| path::SERVICE.to_owned()),
        base: path::base(setup.identity.namespace.as_deref(), setup.global.instance.as_deref()),
        no_interface: dbus.no_interface_name.clone().unwrap_or_else(|| path::NONE.to_owned()),
    })
}

fn instances(setup: &MonitorSetup) -> Vec<Instance> {
    let states = setup.states.iter().filter(|s| s.kind == SubjectKind::Instance);
    let states: std::collections::HashMap<&str, NotifyState> =
        states.map(|s| (s.name.as_str(), s.state)).collect();
    let instances = setup.vrrp.instances.iter().map(|i| Instance {
        name: i.name.clone(),
        interface: i.interface.clone(),
        vrid: i.vrid.get(),
        v6: i.family == Family::V6,
        state: states.get(i.name.as_str()).copied().map(state),
    });
    instances.collect()
}

fn state(told: NotifyState) -> State {
    match told {
        NotifyState::Master => State::Master,
        NotifyState::Backup => State::Backup,
        NotifyState::Fault => State::Fault,
        NotifyState::Stop => State::Stop,
        NotifyState::Deleted => State::Deleted,
    }
}
