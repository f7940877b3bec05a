//! A host under test on many segments, and beside it a made master of all its instances.
//!
//! The master is made of crafted adverts in one burst an interval, so that it is the same for
//! every program and costs little.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::config::Instance;
use lab::craft::Craft;
use lab::{Capture, Host, Stamp, Switch};

use crate::run::Outcome;

/// Where instances are: how many share an interface, and how many addresses each has.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Instances on one interface, at most 250.
    pub per_interface: usize,
    /// Virtual addresses of one instance, at most 250.
    pub addrs: u8,
}

impl Layout {
    /// Interfaces that so many instances take.
    pub fn interfaces(self, count: usize) -> usize {
        count.div_ceil(self.per_interface)
    }

    /// Interface and VRID of an instance.
    pub fn place(self, number: usize) -> (usize, u8) {
        (number / self.per_interface, (number % self.per_interface) as u8 + 1)
    }

    /// Addresses of an instance, all of its interface's network.
    pub fn vips(self, number: usize) -> Vec<IpAddr> {
        let (interface, vrid) = self.place(number);
        let vip = |n| Ipv4Addr::new(10, 10 + interface as u8, n, vrid).into();
        (1..=self.addrs).map(vip).collect()
    }

    /// An instance of priority 100.
    pub fn instance(self, number: usize, advert: Duration) -> Instance {
        let (interface, vrid) = self.place(number);
        Instance {
            name: format!("VI_{number}"),
            interface: format!("eth{interface}"),
            advert,
            vips: self.vips(number).iter().map(|vip| format!("{vip}/16")).collect(),
            ..Instance::new(vrid, 100, &[])
        }
    }
}

/// The segments with the host under test.
pub struct Lan {
    /// Segments end with their switch.
    _switches: Vec<Switch>,
    /// The host under test, on every segment as `10.X.0.2`.
    pub host: Host,
    /// The other host of every segment, `10.X.0.1`.
    pub peer: Host,
}

impl Lan {
    /// So many segments, `eth0` and on, with the networks 10.10/16 and on.
    pub fn new(segments: usize) -> Outcome<Self> {
        let (peer, host) = (Host::new("peer")?, Host::new("host")?);
        let mut switches = Vec::new();
        for segment in 0..segments {
            let (name, second) = (format!("eth{segment}"), 10 + segment);
            let switch = Switch::new()?;
            switch.attach(&peer, &name, &[&format!("10.{second}.0.1/16")])?;
            switch.attach(&host, &name, &[&format!("10.{second}.0.2/16")])?;
            switches.push(switch);
        }
        // The kernel tells of carriers once a second.
        thread::sleep(Duration::from_millis(1500));
        Ok(Self { _switches: switches, host, peer })
    }
}

/// Sends adverts of priority 200 for every instance until it is silenced.
pub struct Master {
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    silent: bool,
    end: bool,
    /// First and last moment of the last burst.
    last: (Stamp, Stamp),
}

impl Master {
    /// Starts it on the other host of every segment.
    pub fn start(lan: &Lan, layout: Layout, count: usize, advert: Duration) -> Outcome<Self> {
        let mut bursts = Vec::new();
        for interface in 0..layout.interfaces(count) {
            let of = |number: &usize| layout.place(*number).0 == interface;
            let frames = (0..count).filter(of).map(|number| {
                let source = [10, 10 + interface as u8, 0, 1];
                let craft =
                    Craft::new(3, source, layout.place(number).1, 200, &layout.vips(number));
                Craft { interval: (advert.as_millis() / 10) as u16, ..craft }.frame()
            });
            let out = Capture::keeping(&lan.peer, &format!("eth{interface}"), |_| false)?;
            bursts.push((out, frames.collect::<Vec<_>>()));
        }
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let thread = thread::spawn(move || {
            let mut next = Instant::now();
            loop {
                {
                    let mut state = lock(&shared);
                    if state.end {
                        return;
                    }
                    if !state.silent {
                        state.last.0 = Stamp::now();
                        for (out, frames) in &bursts {
                            // A frame that cannot be sent is a lost advert, which does no harm.
                            frames.iter().for_each(|frame| drop(out.send(frame)));
                        }
                        state.last.1 = Stamp::now();
                    }
                }
                next += advert;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        Ok(Self { state, thread: Some(thread) })
    }

    /// Says no more; returns the first and the last moment of the last burst.
    pub fn silence(&self) -> (Stamp, Stamp) {
        let mut state = lock(&self.state);
        state.silent = true;
        state.last
    }

    /// Speaks again.
    pub fn speak(&self) {
        lock(&self.state).silent = false;
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        lock(&self.state).end = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
