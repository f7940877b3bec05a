//! The observers: each watches one thing on a thread of its own and adds events.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::log::Log;
use lab::ping::Ping;
use lab::watch::Change;
use lab::{Capture, Host, Stamp, Watch};

use super::events::{Event, Events, Node, State};
use crate::run::Outcome;

/// How often an observer looks whether it shall end.
const GLANCE: Duration = Duration::from_millis(100);

/// Observers that run until this is dropped.
pub struct Observers<E = Event> {
    events: Arc<Events<E>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl<E: Copy + Send + 'static> Observers<E> {
    /// None yet.
    pub fn new(events: Arc<Events<E>>) -> Self {
        Self { events, stop: Arc::default(), threads: Vec::new() }
    }

    /// Repeats `look` until the end, or until it fails (its host is gone).
    pub fn observe(
        &mut self,
        mut look: impl FnMut(&Events<E>) -> lab::Result<()> + Send + 'static,
    ) {
        let (events, stop) = (self.events.clone(), self.stop.clone());
        self.threads.push(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) && look(&events).is_ok() {}
        }));
    }

    /// The states that a node's daemon logs, until its log ends.
    pub fn logged(&mut self, mut log: Log, event: impl Fn(State) -> E + Send + 'static) {
        self.observe(move |events| {
            if let Some(line) = log.next_line(GLANCE)
                && let Some(state) = state_of(&line.text)
            {
                events.add(line.at, event(state));
            }
            Ok(())
        });
    }
}

impl Observers {
    /// Adverts that reach the client; `sources` are the nodes' addresses.
    pub fn adverts(&mut self, client: &Host, sources: [IpAddr; 2]) -> Outcome {
        let mut capture = Capture::adverts(client, "eth0")?;
        self.observe(move |events| {
            let Some(frame) = capture.next_frame(GLANCE)? else { return Ok(()) };
            let Some(advert) = frame.advert() else { return Ok(()) };
            for node in Node::BOTH {
                if advert.src == sources[node.index()] {
                    events.add(frame.at, Event::Advert(node, advert.priority));
                }
            }
            Ok(())
        });
        Ok(())
    }

    /// The virtual address on a node.
    pub fn vip(&mut self, node: Node, host: &Host, vip: IpAddr) -> Outcome {
        let mut watch = Watch::new(host)?;
        self.observe(move |events| {
            match watch.next_change(GLANCE)? {
                Some((at, Change::AddrAdded(_, addr))) if addr == vip => {
                    events.add(at, Event::Vip(node, true));
                }
                Some((at, Change::AddrRemoved(_, addr))) if addr == vip => {
                    events.add(at, Event::Vip(node, false));
                }
                _ => {}
            }
            Ok(())
        });
        Ok(())
    }

    /// The client's pings of the virtual address, one every `pace`.
    pub fn pings(&mut self, client: &Host, vip: Ipv4Addr, pace: Duration) -> Outcome {
        let mut ping = Ping::new(client, vip, 1)?;
        let mut next = Instant::now();
        self.observe(move |events| {
            let sent = Stamp::now();
            let answer = ping.once(pace)?;
            events.add(sent, Event::Ping(answer.is_some()));
            next = (next + pace).max(Instant::now());
            thread::sleep(next.saturating_duration_since(Instant::now()));
            Ok(())
        });
        Ok(())
    }

    /// The states that a node's daemon logs.
    pub fn states(&mut self, node: Node, log: Log) {
        self.logged(log, move |state| Event::State(node, state));
    }
}

impl<E> Drop for Observers<E> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The state in a line like `(VI_1) Entering MASTER STATE`.
fn state_of(line: &str) -> Option<State> {
    let (_, state) = line.split_once("Entering ")?;
    match state.split(' ').next()? {
        "MASTER" => Some(State::Master),
        "BACKUP" => Some(State::Backup),
        "FAULT" => Some(State::Fault),
        _ => None,
    }
}
