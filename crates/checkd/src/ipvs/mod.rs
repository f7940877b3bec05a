//! The kernel's IPVS table is made what the pools want it to be.
//!
//! Operations are queued and sent in slices, many in one system call, so that checks are never
//! delayed by a table of any size. What the kernel refuses is told, and the service that it
//! concerns compared with what is wanted, later and later while that does not help. The same
//! comparison takes over what a crash has left: only differences are written, and connections
//! live on. A kernel without IPVS is asked again from time to time; meanwhile checks go on.

mod convert;
mod settings;

use check_proto::ipvs::{DestKey, Entry, IpvsOp, ServiceKey, Table, reconcile};
use check_proto::text;
use core::time::Duration;
use log::{debug, error, info, warn};
use model::Global;
use netlink::IpvsSocket;
use netlink::batch::{Outcome, Pace, Seq};
use netlink::ipvs::NO_SERVICE;
use rt::clock;
use settings::Settings;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::io;
use std::io::ErrorKind;
use types::{Mono, Traffic};

pub use convert::scheduler_name;

/// How long one call of [`Ipvs::work`] may take.
const SLICE: Duration = Duration::from_millis(2);
/// The first wait for a kernel without IPVS, or before what was refused is tried again.
const SOON: Duration = Duration::from_secs(1);
/// The longest.
const LATE: Duration = Duration::from_mins(1);

/// A wait that doubles each time.
#[derive(Debug, Clone, Copy)]
struct Backoff(Duration);

impl Backoff {
    const NONE: Backoff = Backoff(SOON);

    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LATE);
        wait
    }
}

/// The checker's side of IPVS.
#[derive(Debug)]
pub struct Ipvs {
    socket: IpvsSocket,
    /// When a kernel without IPVS is asked again; `None` when it has one.
    absent: Option<Mono>,
    /// Why it had none.
    cause: String,
    waits: Backoff,
    /// Not handed to the socket yet.
    queue: VecDeque<IpvsOp>,
    /// Handed to the socket, not answered yet.
    sent: VecDeque<(Seq, IpvsOp)>,
    pace: Pace,
    /// Services that were there at the start, until [`Ipvs::begun`].
    found: HashSet<ServiceKey>,
    /// Services to be compared with what is wanted, when everything is sent.
    suspects: BTreeSet<ServiceKey>,
    compare_at: Mono,
    /// Refusals that were told and last.
    told: HashSet<String>,
    settings: Settings,
    wanted: model::global::Ipvs,
}

/// What the kernel has counted for a service.
#[derive(Debug)]
pub struct Counted {
    /// For all of it.
    pub stats: Traffic,
    /// For each destination: its connections (active, inactive, persistent), and its traffic.
    pub dests: Vec<(DestKey, [u32; 3], Traffic)>,
}

impl Ipvs {
    /// Opens the sockets, in the network namespace that `global` names, and looks for IPVS, whose
    /// module the kernel loads for it where it can. To be called before privileges are dropped.
    ///
    /// # Errors
    /// When the sockets cannot be opened, or the namespace not be entered.
    pub fn open(global: &Global) -> io::Result<Self> {
        debug!("Initializing ipvs");
        let open = || {
            let mut socket = IpvsSocket::open()?;
            let found = socket.connect();
            Ok::<_, io::Error>((socket, found))
        };
        let (socket, found) = match &global.net_namespace_ipvs {
            Some(name) => rt::netns::within(name, open)??,
            None => open()?,
        };
        let mut ipvs = Ipvs {
            socket,
            absent: None,
            cause: String::new(),
            waits: Backoff::NONE,
            queue: VecDeque::new(),
            sent: VecDeque::new(),
            pace: Pace::new(SLICE),
            found: HashSet::new(),
            suspects: BTreeSet::new(),
            compare_at: Mono::ZERO,
            told: HashSet::new(),
            settings: Settings::default(),
            wanted: global.ipvs.clone(),
        };
        ipvs.set_buffer(global);
        ipvs.cause = match found {
            Ok(true) => return Ok(ipvs),
            Ok(false) => "the kernel has no ip_vs".to_owned(),
            Err(e) => e.to_string(),
        };
        ipvs.absent = Some(clock::now() + ipvs.waits.next());
        Ok(ipvs)
    }

    /// Why there is no IPVS, if there is none.
    pub fn missing(&self) -> Option<&str> {
        self.absent.map(|_| self.cause.as_str())
    }

    /// Whether the kernel has IPVS.
    const fn is_there(&self) -> bool {
        self.absent.is_none()
    }

    /// What is pushed from here to [`Ipvs::begun`] makes the first configuration's table of an
    /// empty one.
    pub fn begin(&mut self) {
        if !self.is_there() {
            return;
        }
        self.settings.apply(&mut self.socket, &self.wanted);
        if self.wanted.flush {
            self.queue.push_back(IpvsOp::Flush);
        } else {
            self.found = self.read_keys();
        }
    }

    /// Between the two: a service that an earlier configuration had, and that is not wanted.
    pub fn left_over(&mut self, key: ServiceKey) {
        if self.found.contains(&key) {
            self.queue.push_back(IpvsOp::DelService(key));
        }
    }

    /// The first configuration is complete.
    pub fn begun(&mut self, table: &Table, now: Mono) {
        if let Some(cause) = self.missing()
            && !table.is_empty()
        {
            error!("IPVS: Can't initialize ipvs: {cause}");
            warn!(
                "IPVS: load it with 'modprobe ip_vs'; until it is there servers are checked, but \
                 nothing is balanced"
            );
        }
        self.found = HashSet::new();
        self.compare_at = now;
        if !self.suspects.is_empty() {
            info!("IPVS: taking over {} services that are there", self.suspects.len());
        }
    }

    /// Takes the settings of a new configuration.
    pub fn reload(&mut self, global: &Global) {
        self.set_buffer(global);
        if self.wanted == global.ipvs {
            return;
        }
        self.wanted = global.ipvs.clone();
        if self.is_there() {
            self.settings.apply(&mut self.socket, &self.wanted);
        }
    }

    fn set_buffer(&self, global: &Global) {
        if let Some(bytes) = global.buffers.lvs_cmd.bytes
            && let Err(e) = self.socket.set_rcvbuf(bytes as usize)
        {
            warn!("IPVS: cannot set a receive buffer of {bytes} bytes: {e}");
        }
    }

    /// Takes an operation.
    pub fn push(&mut self, op: IpvsOp) {
        // What is wanted when IPVS comes stands in the table.
        if !self.is_there() {
            return;
        }
        match service_of(&op) {
            Some(key) if self.found.contains(&key) => {
                self.suspects.insert(key);
            }
            _ => self.queue.push_back(op),
        }
    }

    /// When [`Ipvs::work`] wants to be called: at once, when there is something to do.
    pub fn deadline(&self) -> Option<Mono> {
        if let Some(at) = self.absent {
            return Some(at);
        }
        if self.is_busy() {
            return Some(Mono::ZERO);
        }
        (!self.suspects.is_empty()).then_some(self.compare_at)
    }

    /// Whether operations wait.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.sent.is_empty()
    }

    /// Does a slice of what is to be done; `table` is what is wanted.
    pub fn work(&mut self, table: &Table, now: Mono) {
        if let Some(at) = self.absent {
            if at <= now {
                self.look_again(table, now);
            }
            return;
        }
        if self.is_busy() {
            self.send_some(now);
        } else if !self.suspects.is_empty() && self.compare_at <= now {
            self.compare_some(table, now);
        }
        if !self.is_busy() && self.suspects.is_empty() {
            self.waits = Backoff::NONE;
            self.told.clear();
        }
    }

    /// What the kernel has counted for services, as far as it has them.
    pub fn counted(&mut self, services: &[ServiceKey]) -> Vec<Counted> {
        if !self.is_there() {
            return Vec::new();
        }
        let mut all = Vec::with_capacity(services.len());
        for key in services {
            let key = convert::service_key(key);
            let Ok(service) = self.socket.service(&key) else { continue };
            let dests = self.socket.dests(&key).unwrap_or_default();
            let dest = |e: &netlink::ipvs::Entry| {
                (DestKey { addr: e.key.addr, port: e.key.port }, e.connections, e.stats)
            };
            all.push(Counted { stats: service.stats, dests: dests.iter().map(dest).collect() });
        }
        all
    }

    /// What was to be added or changed and has not been is forgotten: the daemon stops.
    pub fn drop_additions(&mut self) {
        let removes =
            |op: &IpvsOp| matches!(op, IpvsOp::DelService(_) | IpvsOp::DelDest(..) | IpvsOp::Flush);
        self.queue.retain(removes);
    }

    /// Sends what there is at once, and undoes the settings.
    pub fn stop(&mut self) {
        if !self.is_there() {
            return;
        }
        while self.is_busy() {
            let before = self.queue.len() + self.sent.len();
            self.send_some(clock::now());
            if self.queue.len() + self.sent.len() == before {
                break;
            }
        }
        self.settings.undo(&mut self.socket);
    }

    /// Asks the kernel again; what the table wants goes out as soon as it has IPVS.
    fn look_again(&mut self, table: &Table, now: Mono) {
        if !matches!(self.socket.connect(), Ok(true)) {
            self.absent = Some(now + self.waits.next());
            return;
        }
        info!("IPVS is there now");
        self.absent = None;
        self.begin();
        for key in table.keys() {
            for op in difference(*key, None, table.entry(key)) {
                self.push(op);
            }
        }
        self.begun(table, now);
    }

    /// The services that the kernel has.
    fn read_keys(&mut self) -> HashSet<ServiceKey> {
        match self.socket.services() {
            Ok(found) => found.iter().map(|f| convert::found_key(&f.key)).collect(),
            Err(e) => {
                error!("IPVS: cannot read the table: {e}");
                HashSet::new()
            }
        }
    }

    /// Sends as many operations as fit a slice.
    fn send_some(&mut self, now: Mono) {
        let most = self.pace.count();
        while self.socket.unsent() < most as u64
            && let Some(op) = self.queue.pop_front()
        {
            let seq = encode(&mut self.socket, &op);
            self.sent.push_back((seq, op));
        }
        match self.socket.flush_some(most) {
            Ok(sent) => self.pace.learn(sent, clock::now().saturating_since(now)),
            Err(e) => {
                self.broken(&e, now);
                return;
            }
        }
        let mut outcomes = Vec::new();
        if let Err(e) = self.socket.poll(|outcome| outcomes.push(outcome)) {
            self.broken(&e, now);
        }
        for outcome in outcomes {
            match outcome {
                Outcome::Failed { seq, error } => self.refused(seq, error.errno, now),
                Outcome::Done { through } => self.done(through),
                Outcome::Lost { through } => {
                    warn!("IPVS: answers of the kernel were lost, comparing");
                    self.doubt(through, now);
                    self.done(through);
                }
            }
        }
    }

    fn done(&mut self, through: Seq) {
        while self.sent.front().is_some_and(|(seq, _)| *seq <= through) {
            self.sent.pop_front();
        }
    }

    /// The services of all that was sent, up to `through`, are to be compared.
    fn doubt(&mut self, through: Seq, now: Mono) {
        let sent = self.sent.iter().take_while(|(seq, _)| *seq <= through);
        let keys: Vec<_> = sent.filter_map(|(_, op)| service_of(op)).collect();
        for key in keys {
            self.suspect(key, now);
        }
    }

    /// The socket itself failed: later everything is compared, as if IPVS had been away.
    fn broken(&mut self, error: &io::Error, now: Mono) {
        error!("IPVS: the kernel cannot be told: {error}");
        self.cause = error.to_string();
        self.queue.clear();
        self.sent.clear();
        self.suspects.clear();
        self.socket.forget();
        self.absent = Some(now + self.waits.next());
    }

    fn suspect(&mut self, key: ServiceKey, now: Mono) {
        if self.suspects.is_empty() {
            self.compare_at = now + self.waits.next();
        }
        self.suspects.insert(key);
    }

    fn refused(&mut self, seq: Seq, errno: i32, now: Mono) {
        let Ok(at) = self.sent.binary_search_by_key(&seq, |(seq, _)| *seq) else { return };
        let Some((_, op)) = self.sent.get(at).cloned() else { return };
        let kind = io::Error::from_raw_os_error(errno).kind();
        let no_service = errno == NO_SERVICE;
        match op {
            // Gone is gone.
            IpvsOp::DelService(_) | IpvsOp::DelDest(..)
                if no_service || kind == ErrorKind::NotFound =>
            {
                return;
            }
            // Said of the service itself.
            IpvsOp::AddDest(key, ..) | IpvsOp::EditDest(key, ..)
                if no_service && self.suspects.contains(&key) =>
            {
                return;
            }
            _ => {}
        }
        let line = text::ipvs_error(&op, errno);
        if self.told.insert(line.clone()) {
            error!("{line}");
        }
        if let Some(key) = service_of(&op) {
            self.suspect(key, now);
        }
    }

    /// Compares as many services as fit a slice with what is wanted.
    fn compare_some(&mut self, table: &Table, now: Mono) {
        while let Some(key) = self.suspects.pop_first() {
            match self.read(&key) {
                Ok(found) => self.queue.extend(difference(key, found, table.entry(&key))),
                Err(e) => {
                    error!("IPVS: cannot read the table: {e}");
                    self.suspect(key, now);
                    return;
                }
            }
            if clock::now().saturating_since(now) >= SLICE {
                return;
            }
        }
    }

    /// A service as the kernel has it.
    fn read(&mut self, key: &ServiceKey) -> Result<Option<Entry>, netlink::NlError> {
        let key = convert::service_key(key);
        let found = match self.socket.service(&key) {
            Ok(found) => found,
            Err(e) if e.errno == NO_SERVICE || e.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        let dests = self.socket.dests(&key)?;
        Ok(Some(Entry {
            spec: convert::found_spec(&found),
            dests: dests.iter().map(convert::found_dest).collect(),
        }))
    }
}

/// What makes one service as wanted.
fn difference(key: ServiceKey, found: Option<Entry>, wanted: Option<Entry>) -> Vec<IpvsOp> {
    let one =
        |entry: Option<Entry>| entry.map(|e| (key, e)).into_iter().collect::<BTreeMap<_, _>>();
    reconcile(&one(found), &one(wanted), |_| true)
}

fn service_of(op: &IpvsOp) -> Option<ServiceKey> {
    match op {
        IpvsOp::AddService(key, _)
        | IpvsOp::EditService(key, _)
        | IpvsOp::DelService(key)
        | IpvsOp::AddDest(key, ..)
        | IpvsOp::EditDest(key, ..)
        | IpvsOp::DelDest(key, _) => Some(*key),
        IpvsOp::Flush => None,
    }
}

fn encode(socket: &mut IpvsSocket, op: &IpvsOp) -> Seq {
    use convert::{dest_key, dest_spec, service_key, service_spec};
    match op {
        IpvsOp::AddService(key, spec) => socket.add_service(&service_key(key), &service_spec(spec)),
        IpvsOp::EditService(key, spec) => {
            socket.set_service(&service_key(key), &service_spec(spec))
        }
        IpvsOp::DelService(key) => socket.del_service(&service_key(key)),
        IpvsOp::AddDest(key, dest, spec) => {
            socket.add_dest(&service_key(key), &dest_key(dest), &dest_spec(spec))
        }
        IpvsOp::EditDest(key, dest, spec) => {
            socket.set_dest(&service_key(key), &dest_key(dest), &dest_spec(spec))
        }
        IpvsOp::DelDest(key, dest) => socket.del_dest(&service_key(key), &dest_key(dest)),
        IpvsOp::Flush => socket.flush_table(),
    }
}
