//! The socket that carries transactions, listings and news of nf_tables.

use super::transaction::nfgenmsg;
use super::{Element, NftEvent, NftFamily, Table, Transaction, kind, news};
use crate::error::NlError;
use crate::socket::NlSocket;
use crate::wire;
use core::fmt;
use netlink_sys::protocols::NETLINK_NETFILTER;
use nix::libc;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// `NFNLGRP_NFTABLES` as a bit.
const GROUP: u32 = 1 << (libc::NFNLGRP_NFTABLES as u32 - 1);
/// Room for answers: about 1 KiB each, one for every message of a transaction.
const RCVBUF: usize = 1024 * 1024;
/// What the kernel keeps of the send buffer for itself, amply.
const SNDBUF_SPARE: usize = 4096;
/// `NFTA_SET_ELEM_LIST_TABLE` and `NFTA_SET_ELEM_LIST_SET`.
const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
/// `NFTA_RULE_TABLE`.
const RULE_TABLE: u16 = 1;

/// The kernel's refusal of a transaction, none of which was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NftError {
    /// The change that it refused, in nft's words.
    pub what: String,
    /// Why.
    pub error: NlError,
}

impl fmt::Display for NftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nftables: cannot {}: {}", self.what, self.error)
    }
}

impl std::error::Error for NftError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A socket of nf_tables, either for transactions and listings ([`NftSocket::request`]) or for
/// news ([`NftSocket::monitor`]).
#[derive(Debug)]
pub struct NftSocket {
    sock: NlSocket,
}

impl NftSocket {
    /// Opens a socket for transactions and listings.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2); `EPROTONOSUPPORT` on kernels without netfilter.
    pub fn request() -> io::Result<Self> {
        let sock = NlSocket::open(NETLINK_NETFILTER, 0)?;
        sock.set_rcvbuf(RCVBUF)?;
        Ok(NftSocket { sock })
    }

    /// Opens a socket that hears of every change of nf_tables, with room for `rcvbuf` bytes of
    /// unread news.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and setsockopt(2); it needs NET_ADMIN.
    pub fn monitor(rcvbuf: usize) -> io::Result<Self> {
        let sock = NlSocket::open(NETLINK_NETFILTER, GROUP)?;
        sock.set_rcvbuf(rcvbuf)?;
        Ok(NftSocket { sock })
    }

    /// Number by which news name this socket as their cause.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn port(&self) -> io::Result<u32> {
        self.sock.port()
    }

    /// Makes all the changes of a transaction or, when the kernel refuses one, none. The kernel
    /// is done when this returns.
    ///
    /// # Errors
    /// The first refused change, or that of the system calls.
    pub fn commit(&mut self, transaction: Transaction) -> Result<(), NftError> {
        if transaction.is_empty() {
            return Ok(());
        }
        let (datagram, labels) = transaction.finish();
        let failed = |what: &str, error: NlError| NftError { what: what.to_owned(), error };
        self.sock
            .set_sndbuf(datagram.len() + SNDBUF_SPARE)
            .and_then(|()| self.sock.send(&datagram))
            .map_err(|e| failed("send the changes", e.into()))?;
        let mut refused = None;
        let mut answers = 0;
        loop {
            let datagram = match self.sock.receive() {
                Ok(datagram) => datagram,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(failed("read the answers", e.into())),
            };
            for message in wire::messages(datagram).filter(|m| m.kind == wire::ERROR) {
                answers += 1;
                let errno = message.errno().unwrap_or(libc::EIO);
                if errno != 0 && refused.is_none() {
                    let what = labels.get(message.seq as usize).map_or("commit", String::as_str);
                    refused = Some(failed(what, NlError { errno, message: message.error_text() }));
                }
            }
        }
        match refused {
            Some(refused) => Err(refused),
            None if answers == 0 => Err(failed("commit", NlError::from_errno(libc::EPROTO))),
            None => Ok(()),
        }
    }

    /// Every table of the network namespace that is of a family known here.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn tables(&mut self) -> Result<Vec<Table>, NlError> {
        let body = |msg: &mut wire::Msg<'_>| nfgenmsg(libc::AF_UNSPEC as u8, 0, msg);
        self.sock.dump(kind(libc::NFT_MSG_GETTABLE), body, news::table)
    }

    /// Every element of a set or map.
    ///
    /// # Errors
    /// The kernel's refusal (`ENOENT` without such a set), or that of the system calls.
    pub fn elements(
        &mut self,
        family: NftFamily,
        table: &str,
        set: &str,
    ) -> Result<Vec<Element>, NlError> {
        let body = |msg: &mut wire::Msg<'_>| {
            nfgenmsg(family as u8, 0, msg);
            msg.attr_str(LIST_TABLE, table);
            msg.attr_str(LIST_SET, set);
        };
        let lists = self.sock.dump(kind(libc::NFT_MSG_GETSETELEM), body, news::elements)?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// How many rules each chain of a table has; chains without any are left out.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls. A table that does not exist has no
    /// rules.
    pub fn rules(
        &mut self,
        family: NftFamily,
        table: &str,
    ) -> Result<BTreeMap<String, usize>, NlError> {
        let body = |msg: &mut wire::Msg<'_>| {
            nfgenmsg(family as u8, 0, msg);
            msg.attr_str(RULE_TABLE, table);
        };
        let chains = self.sock.dump(kind(libc::NFT_MSG_GETRULE), body, news::chain_of_rule)?;
        let mut counts = BTreeMap::new();
        for chain in chains {
            *counts.entry(chain).or_default() += 1;
        }
        Ok(counts)
    }

    /// Hands waiting news to `news`, up to a bound that keeps one call short; what is left makes
    /// the socket readable again.
    ///
    /// # Errors
    /// Those of recvfrom(2), save that nothing to read is no error and a loss is
    /// [`NftEvent::Overrun`].
    pub fn recv_events(&mut self, news: impl FnMut(NftEvent)) -> io::Result<()> {
        self.sock.recv_news(news::event, NftEvent::Overrun, news)
    }
}

impl AsFd for NftSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sock.as_fd()
    }
}

impl AsRawFd for NftSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.sock.as_raw_fd()
    }
}
