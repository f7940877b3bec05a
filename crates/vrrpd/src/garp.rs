//! Sends gratuitous ARPs and unsolicited neighbour advertisements.

use rt::mmsg::{SendBatch, To};
use rt::sock;
use std::io;
use std::os::fd::OwnedFd;
use vrrp_proto::{Garp, garp};

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
        let mut packet = [0; garp::MAX_PACKET];
        let Some(envelope) = garp::encode(garp, &mut packet) else { return };
        let to = To::link(garp.ifindex.0, envelope.protocol, envelope.to.as_bytes());
        self.queue.push(to, packet.get(..envelope.len).unwrap_or_default());
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
