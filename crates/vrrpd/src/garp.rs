//! Sends gratuitous ARPs and unsolicited neighbour advertisements.

use rt::mmsg::{SendBatch, To};
use rt::sock;
use std::io;
use std::os::fd::OwnedFd;
use vrrp_proto::{Garp, garp};

/// Length of an Ethernet header, which the kernel writes.
const ETHER_HEADER: usize = 14;

/// One packet socket for all interfaces.
#[derive(Debug)]
pub struct GarpSender {
    fd: OwnedFd,
    queue: SendBatch,
}

impl GarpSender {
    /// Opens the socket.
    ///
    /// # Errors
    /// Those of socket(2); needs NET_RAW.
    pub fn open() -> io::Result<Self> {
        Ok(GarpSender { fd: sock::link_sender()?, queue: SendBatch::new() })
    }

    /// Queues one packet.
    pub fn push(&mut self, garp: &Garp) {
        let mut frame = [0; garp::MAX_FRAME];
        let len = garp::encode(garp, &mut frame);
        let Some((header, payload)) =
            frame.get(..len).and_then(|f| f.split_first_chunk::<ETHER_HEADER>())
        else {
            return;
        };
        let [dst @ .., _, _, _, _, _, _, t0, t1] = header;
        let protocol = u16::from_be_bytes([*t0, *t1]);
        self.queue.push(To::link(garp.ifindex.0, protocol, dst), payload);
    }

    /// Sends what is queued; what the device has no room for is dropped, since
    /// repeats follow.
    pub fn flush(&mut self) {
        let done = self.queue.send(&self.fd, |_, e| {
            log::debug!("cannot send a gratuitous ARP or neighbour advert: {e}");
        });
        if !done {
            log::debug!("{} gratuitous packets dropped: buffer is full", self.queue.unsent());
            self.queue.clear();
        }
    }
}
