//! Asking and changing the kernel's IPVS.

use super::{
    Daemon, DestKey, DestSpec, Entry, FAMILY, Found, ServiceKey, ServiceSpec, Timeouts, cmd,
    daemon, message,
};
use crate::batch::{Batch, Outcome, Seq};
use crate::error::NlError;
use crate::genl;
use crate::socket::NlSocket;
use crate::wire::Msg;
use netlink_sys::protocols::NETLINK_GENERIC;
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Answers of the kernel that mean that it has no IPVS.
const ABSENT: [i32; 3] = [libc::ENOENT, libc::EOPNOTSUPP, libc::EPROTONOSUPPORT];

/// IPVS of the network namespace in which this was opened.
///
/// Opening needs no privilege and no IPVS in the kernel; [`IpvsSocket::connect`] finds out whether
/// there is one. Questions are answered one by one, changes are queued and sent many at a time,
/// through a socket of their own.
#[derive(Debug)]
pub struct IpvsSocket {
    ask: NlSocket,
    batch: Batch,
    /// Number of the family; 0 until connected.
    family: u16,
}

impl IpvsSocket {
    /// Opens the sockets.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and setsockopt(2).
    pub fn open() -> io::Result<Self> {
        let ask = NlSocket::open(NETLINK_GENERIC, 0)?;
        let batch = Batch::over(NlSocket::open(NETLINK_GENERIC, 0)?)?;
        Ok(Self { ask, batch, family: 0 })
    }

    /// Sets the room for unread answers in bytes.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_rcvbuf(&self, bytes: usize) -> io::Result<()> {
        self.ask.set_rcvbuf(bytes)?;
        self.batch.set_rcvbuf(bytes)
    }

    /// Finds IPVS; the kernel loads its module for this where it can. `false` when there is none.
    ///
    /// # Errors
    /// Another refusal of the kernel, or that of the system calls.
    pub fn connect(&mut self) -> Result<bool, NlError> {
        let encode = |msg: &mut Msg<'_>| genl::encode_get_family(msg, FAMILY);
        match self.ask.ask(genl::CONTROLLER, encode, |_, payload| genl::parse_family(payload)) {
            Ok(found) => {
                self.family = found.first().copied().unwrap_or_default();
                Ok(self.family != 0)
            }
            Err(e) if ABSENT.contains(&e.errno) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether IPVS was found.
    pub const fn is_connected(&self) -> bool {
        self.family != 0
    }

    fn one<T>(
        &mut self,
        encode: impl FnOnce(&mut Msg<'_>),
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, NlError> {
        let answers = self.ask.ask(self.family, encode, |_, payload| parse(payload))?;
        answers.into_iter().next().ok_or(NlError::from_errno(libc::EBADMSG))
    }

    fn command(&mut self, encode: impl FnOnce(&mut Msg<'_>)) -> Result<(), NlError> {
        self.ask.execute(self.family, 0, encode)
    }

    /// Version of IPVS and size of its connection table.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls; so for all that follow.
    pub fn info(&mut self) -> Result<(u32, u32), NlError> {
        self.one(|msg| message::begin(msg, cmd::GET_INFO), message::parse_info)
    }

    /// Every service.
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn services(&mut self) -> Result<Vec<Found>, NlError> {
        let encode = |msg: &mut Msg<'_>| message::begin(msg, cmd::GET_SERVICE);
        self.ask.dump(self.family, encode, |_, payload| message::parse_service(payload))
    }

    /// One service.
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn service(&mut self, key: &ServiceKey) -> Result<Found, NlError> {
        self.one(|msg| message::service_named(msg, cmd::GET_SERVICE, key), message::parse_service)
    }

    /// The destinations of a service.
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn dests(&mut self, key: &ServiceKey) -> Result<Vec<Entry>, NlError> {
        let encode = |msg: &mut Msg<'_>| message::service_named(msg, cmd::GET_DEST, key);
        let family = key.family;
        self.ask.dump(self.family, encode, |_, payload| message::parse_dest(payload, family))
    }

    /// How long connections are kept.
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn timeouts(&mut self) -> Result<Timeouts, NlError> {
        self.one(|msg| message::begin(msg, cmd::GET_CONFIG), daemon::parse_timeouts)
    }

    /// Sets how long connections are kept.
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), NlError> {
        self.command(|msg| daemon::set_timeouts(msg, timeouts))
    }

    /// The synchronisation daemons that run.
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn daemons(&mut self) -> Result<Vec<Daemon>, NlError> {
        let encode = |msg: &mut Msg<'_>| message::begin(msg, cmd::GET_DAEMON);
        self.ask.dump(self.family, encode, |_, payload| daemon::parse_daemon(payload))
    }

    /// Starts a synchronisation daemon; one of its kind that runs is an error (`EEXIST`).
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), NlError> {
        self.command(|msg| daemon::start(msg, daemon))
    }

    /// Stops the sending or the receiving synchronisation daemon; none is an error (`ESRCH`).
    ///
    /// # Errors
    /// See [`IpvsSocket::info`].
    pub fn stop_daemon(&mut self, master: bool, id: u8) -> Result<(), NlError> {
        self.command(|msg| daemon::stop(msg, master, id))
    }

    /// Queues the making of a service; one of its name is an error (`EEXIST`).
    pub fn add_service(&mut self, key: &ServiceKey, spec: &ServiceSpec<'_>) -> Seq {
        self.push(|msg| message::service(msg, cmd::NEW_SERVICE, key, spec))
    }

    /// Queues a change of a service; one that is not there is an error (`ESRCH`).
    pub fn set_service(&mut self, key: &ServiceKey, spec: &ServiceSpec<'_>) -> Seq {
        self.push(|msg| message::service(msg, cmd::SET_SERVICE, key, spec))
    }

    /// Queues the removal of a service with its destinations; one that is not there is an error
    /// (`ESRCH`).
    pub fn del_service(&mut self, key: &ServiceKey) -> Seq {
        self.push(|msg| message::service_named(msg, cmd::DEL_SERVICE, key))
    }

    /// Queues the making of a destination; one of its name is an error (`EEXIST`).
    pub fn add_dest(&mut self, service: &ServiceKey, key: &DestKey, spec: &DestSpec) -> Seq {
        self.push(|msg| message::dest(msg, cmd::NEW_DEST, service, key, Some(spec)))
    }

    /// Queues a change of a destination; one that is not there is an error (`ENOENT`).
    pub fn set_dest(&mut self, service: &ServiceKey, key: &DestKey, spec: &DestSpec) -> Seq {
        self.push(|msg| message::dest(msg, cmd::SET_DEST, service, key, Some(spec)))
    }

    /// Queues the removal of a destination; one that is not there is an error (`ENOENT`).
    pub fn del_dest(&mut self, service: &ServiceKey, key: &DestKey) -> Seq {
        self.push(|msg| message::dest(msg, cmd::DEL_DEST, service, key, None))
    }

    /// Queues the removal of everything.
    pub fn flush_table(&mut self) -> Seq {
        self.push(|msg| message::begin(msg, cmd::FLUSH))
    }

    fn push(&mut self, body: impl FnOnce(&mut Msg<'_>)) -> Seq {
        self.batch.push(self.family, 0, body)
    }

    /// Changes that have not been sent.
    pub const fn unsent(&self) -> u64 {
        self.batch.unsent()
    }

    /// Forgets the changes that have not been sent.
    pub fn forget(&mut self) {
        self.batch.forget();
    }

    /// Whether every change has been made or refused.
    pub const fn is_idle(&self) -> bool {
        self.batch.is_idle()
    }

    /// See [`Batch::flush_some`].
    ///
    /// # Errors
    /// Those of sendto(2).
    pub fn flush_some(&mut self, max: usize) -> io::Result<usize> {
        self.batch.flush_some(max)
    }

    /// See [`Batch::poll`].
    ///
    /// # Errors
    /// Those of recvfrom(2).
    pub fn poll(&mut self, outcome: impl FnMut(Outcome)) -> io::Result<()> {
        self.batch.poll(outcome)
    }

    /// See [`Batch::run`].
    ///
    /// # Errors
    /// Those of sendto(2) and recvfrom(2).
    pub fn run(&mut self) -> io::Result<Vec<(Seq, NlError)>> {
        self.batch.run()
    }
}

impl AsFd for IpvsSocket {
    /// Readable when changes have been answered.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.batch.as_fd()
    }
}

impl AsRawFd for IpvsSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.batch.as_raw_fd()
    }
}
