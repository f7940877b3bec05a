//! Descriptors over a Unix socket (unix(7), `SCM_RIGHTS`).

use nix::libc;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Most descriptors that one message may carry.
const FDS_MAX: usize = 4;

/// Sends `bytes` with `fd` attached to the first of them; returns how many bytes went out. The
/// caller may close its copy afterwards.
///
/// # Errors
/// Those of sendmsg(2); no byte and no descriptor has been sent then.
pub fn send(sock: BorrowedFd<'_>, bytes: &[u8], fd: BorrowedFd<'_>) -> io::Result<usize> {
    let fds = [fd.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    Ok(sendmsg::<UnixAddr>(sock.as_raw_fd(), &[IoSlice::new(bytes)], &rights, flags, None)?)
}

/// Receives bytes, and the descriptors attached to them in the order of sending, close-on-exec;
/// 0 bytes is the end of the stream.
///
/// # Errors
/// Those of recvmsg(2); `InvalidData` when more descriptors came than fit (the surplus is closed
/// by the kernel).
pub fn receive(sock: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; FDS_MAX]);
    let mut parts = [IoSliceMut::new(buf)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let got = recvmsg::<UnixAddr>(sock.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let mut fds = Vec::new();
    // The messages are read even when cut short, so that what arrived is owned and closed.
    if let Ok(messages) = got.cmsgs() {
        for message in messages {
            if let ControlMessageOwned::ScmRights(raw) = message {
                // SAFETY: the kernel has just made these descriptors for us, and nobody else
                // knows of them.
                fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
    }
    if got.flags.contains(MsgFlags::from_bits_retain(libc::MSG_CTRUNC)) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too many descriptors at once"));
    }
    Ok((got.bytes, fds))
}
