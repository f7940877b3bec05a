//! News of processes: the kernel's proc connector (`linux/connector.h`, `linux/cn_proc.h`).
//!
//! Only processes count here; news of further threads are left out. Process ids are those of the
//! first pid namespace, and the kernel speaks to sockets of the first network namespace alone.

use crate::socket::NlSocket;
use crate::wire::{self, HEADER_LEN, Message, u16_at, u32_at};
use nix::libc;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// `NETLINK_CONNECTOR`.
const PROTOCOL: isize = libc::NETLINK_CONNECTOR as isize;
/// `CN_IDX_PROC`: index of the service, and its multicast group.
const IDX_PROC: u32 = 1;
/// `CN_VAL_PROC`.
const VAL_PROC: u32 = 1;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;
/// Length of `struct cn_msg`.
const CN_LEN: usize = 20;
/// Where the union of `struct proc_event` begins.
const DATA_AT: usize = CN_LEN + 16;

const WHAT_ACK: u32 = 0;
const WHAT_FORK: u32 = 0x1;
const WHAT_EXEC: u32 = 0x2;
const WHAT_COMM: u32 = 0x200;
const WHAT_EXIT: u32 = 0x8000_0000;

/// What has happened to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcEvent {
    /// A process has made another.
    Fork {
        /// The maker.
        parent: u32,
        /// The new one, which is its copy.
        child: u32,
    },
    /// It executes another program.
    Exec(u32),
    /// It has changed its name.
    Comm(u32, Vec<u8>),
    /// It has ended.
    Exit(u32),
    /// The kernel answers a subscription, perhaps another program's: its errno, 0 for success.
    Answer(u32),
    /// News were lost: all processes are to be looked at anew.
    Overrun,
}

/// Reads one message; `None` for what is no news of a process.
pub fn parse(message: Message<'_>) -> Option<ProcEvent> {
    let bytes = message.payload;
    if u32_at(bytes, 0)? != IDX_PROC || u32_at(bytes, 4)? != VAL_PROC {
        return None;
    }
    let claimed = usize::from(u16_at(bytes, 16)?);
    let bytes = bytes.get(..CN_LEN.checked_add(claimed)?)?;
    let at = |nth: usize| u32_at(bytes, DATA_AT + 4 * nth);
    // A thread id that is not its process's is a further thread's.
    let process = |pid: u32, tgid: u32| (pid == tgid).then_some(tgid);
    match u32_at(bytes, CN_LEN)? {
        WHAT_ACK => at(0).map(ProcEvent::Answer),
        WHAT_FORK => Some(ProcEvent::Fork { parent: at(1)?, child: process(at(2)?, at(3)?)? }),
        WHAT_EXEC => process(at(0)?, at(1)?).map(ProcEvent::Exec),
        WHAT_EXIT => process(at(0)?, at(1)?).map(ProcEvent::Exit),
        WHAT_COMM => {
            let pid = process(at(0)?, at(1)?)?;
            let name = bytes.get(DATA_AT + 8..DATA_AT + 24)?;
            let name = name.split(|b| *b == 0).next().unwrap_or_default();
            Some(ProcEvent::Comm(pid, name.to_vec()))
        }
        _ => None,
    }
}

/// The request to be told of processes.
fn encode_listen(port: u32) -> Vec<u8> {
    let len = HEADER_LEN + CN_LEN + 4;
    let mut bytes = Vec::with_capacity(len);
    bytes.extend((len as u32).to_ne_bytes());
    bytes.extend(wire::DONE.to_ne_bytes());
    bytes.extend(0u16.to_ne_bytes());
    for word in [0, port, IDX_PROC, VAL_PROC, 0, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(4u16.to_ne_bytes());
    bytes.extend(0u16.to_ne_bytes());
    bytes.extend(LISTEN.to_ne_bytes());
    bytes
}

/// A socket that hears of every process of the host. Dropping it ends that.
#[derive(Debug)]
pub struct ProcSocket(NlSocket);

impl ProcSocket {
    /// Subscribes. `rcvbuf`: room for unread news in bytes, and whether beyond the system's limit.
    ///
    /// # Errors
    /// Those of the socket; `ECONNREFUSED` outside the first network namespace; the kernel's
    /// refusal; `Unsupported` where it does not answer, as outside the first pid or user namespace.
    pub fn listen(rcvbuf: Option<(usize, bool)>) -> io::Result<Self> {
        let mut socket = NlSocket::open(PROTOCOL, IDX_PROC)?;
        if let Some((bytes, force)) = rcvbuf {
            socket.set_room(bytes, force)?;
        }
        socket.send(&encode_listen(socket.port()?))?;
        // The kernel has answered, by a multicast, when the request is sent. News that came
        // before are older than anything the caller is going to read.
        loop {
            let answer = match socket.receive() {
                Ok(datagram) => wire::messages(datagram).find_map(|m| match parse(m) {
                    Some(ProcEvent::Answer(errno)) => Some(errno),
                    _ => None,
                }),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let what = "the kernel does not answer";
                    return Err(io::Error::new(io::ErrorKind::Unsupported, what));
                }
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => Some(0),
                Err(e) => return Err(e),
            };
            match answer {
                Some(0) => return Ok(ProcSocket(socket)),
                Some(errno) => return Err(io::Error::from_raw_os_error(errno as i32)),
                None => {}
            }
        }
    }

    /// Hands waiting news to `news`, so many at most that the call is short.
    ///
    /// # Errors
    /// Those of recvfrom(2), save that nothing to read is no error and a loss is
    /// [`ProcEvent::Overrun`].
    pub fn recv(&mut self, news: impl FnMut(ProcEvent)) -> io::Result<()> {
        self.0.recv_news(parse, ProcEvent::Overrun, news)
    }
}

impl AsFd for ProcSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message as the kernel sends it.
    fn message(what: u32, data: &[u32]) -> Vec<u8> {
        let mut payload = Vec::new();
        for word in [IDX_PROC, VAL_PROC, 0, 0, (16 + 4 * data.len()) as u32, what, 0, 0, 0] {
            payload.extend(word.to_ne_bytes());
        }
        data.iter().for_each(|word| payload.extend(word.to_ne_bytes()));
        let mut bytes = ((HEADER_LEN + payload.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(payload);
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<ProcEvent> {
        wire::messages(bytes).filter_map(parse).collect()
    }

    #[test]
    fn each_kind_of_news_is_read() {
        let name = u32::from_ne_bytes(*b"slee");
        let cases = [
            (message(WHAT_FORK, &[7, 7, 9, 9]), Some(ProcEvent::Fork { parent: 7, child: 9 })),
            (message(WHAT_EXEC, &[9, 9]), Some(ProcEvent::Exec(9))),
            (message(WHAT_EXIT, &[9, 9, 0, 17, 7, 7]), Some(ProcEvent::Exit(9))),
            (message(WHAT_ACK, &[1]), Some(ProcEvent::Answer(1))),
            (
                message(WHAT_COMM, &[9, 9, name, u32::from_ne_bytes(*b"p\0xx"), 0, 0]),
                Some(ProcEvent::Comm(9, b"sleep".to_vec())),
            ),
            // Threads.
            (message(WHAT_FORK, &[7, 7, 10, 7]), None),
            (message(WHAT_EXIT, &[10, 7, 0, 0]), None),
            (message(WHAT_COMM, &[10, 7, name, 0, 0, 0]), None),
            // Changes of user, and messages that are too short.
            (message(4, &[9, 9, 0, 0]), None),
            (message(WHAT_FORK, &[7, 7, 9]), None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(&bytes), Vec::from_iter(expected), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
        }
    }
}
