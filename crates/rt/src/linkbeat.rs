//! Asking a driver whether its link is there, for drivers that do not tell the kernel.
//!
//! Owns three ways to ask: the registers of the transceiver (MII), `ETHTOOL_GLINK`, and the flags
//! of the interface.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const SIOCGMIIPHY: libc::c_ulong = 0x8947;
const SIOCGMIIREG: libc::c_ulong = 0x8948;
const SIOCGIFFLAGS: libc::c_ulong = 0x8913;
const ETHTOOL_GLINK: u32 = 0x0a;
/// Basic mode status register, and the bit in it that says that the link is there
/// (IEEE 802.3 section 22.2.4.2).
const BMSR: u16 = 1;
const BMSR_LINK: u16 = 0x0004;

/// How a driver is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// MII registers.
    Mii,
    /// `ETHTOOL_GLINK`.
    Ethtool,
    /// Flags of the interface.
    Flags,
}

/// All of them, the most direct first.
pub const WAYS: [Ask; 3] = [Ask::Mii, Ask::Ethtool, Ask::Flags];

/// A socket to ask through.
#[derive(Debug)]
pub struct Prober(OwnedFd);

/// `struct ifreq`: a name and what is asked of it.
#[repr(C)]
struct Request {
    name: [u8; 16],
    data: Data,
}

#[repr(C)]
union Data {
    mii: Mii,
    flags: libc::c_short,
    pointer: *mut EthtoolValue,
    room: [u64; 3],
}

/// `struct mii_ioctl_data`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Mii {
    phy: u16,
    register: u16,
    to_write: u16,
    read: u16,
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

impl Request {
    fn new(interface: &str) -> io::Result<Self> {
        let mut name = [0; 16];
        // The last byte stays zero.
        let room = name.get_mut(..interface.len()).filter(|_| interface.len() < 16);
        room.ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(interface.as_bytes());
        Ok(Self { name, data: Data { room: [0; 3] } })
    }
}

impl Prober {
    /// Opens it, in the network namespace of the thread.
    ///
    /// # Errors
    /// When the kernel refuses a socket.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        Ok(Self(socket(AddressFamily::Inet, SockType::Datagram, flags, None)?))
    }

    /// Whether the link of `interface` is there.
    ///
    /// # Errors
    /// When the driver does not answer this question, or there is no such interface.
    pub fn is_up(&self, interface: &str, ask: Ask) -> io::Result<bool> {
        let mut request = Request::new(interface)?;
        match ask {
            Ask::Mii => self.mii(&mut request),
            Ask::Ethtool => {
                let mut value = EthtoolValue { command: ETHTOOL_GLINK, data: 0 };
                request.data.pointer = &mut value;
                self.ioctl(SIOCETHTOOL, &mut request)?;
                Ok(value.data != 0)
            }
            Ask::Flags => {
                self.ioctl(SIOCGIFFLAGS, &mut request)?;
                // SAFETY: the kernel has written the flags; any bits are a number.
                let flags = i32::from(unsafe { request.data.flags });
                let wanted = libc::IFF_UP | libc::IFF_RUNNING;
                Ok(flags & wanted == wanted)
            }
        }
    }

    fn mii(&self, request: &mut Request) -> io::Result<bool> {
        self.ioctl(SIOCGMIIPHY, request)?;
        // SAFETY: the kernel has written the structure; any bits are numbers.
        let phy = unsafe { request.data.mii.phy };
        let mut status = 0;
        // A loss of the link stays in the register until it is read.
        for _ in 0..2 {
            request.data.mii = Mii { phy, register: BMSR, to_write: 0, read: 0 };
            self.ioctl(SIOCGMIIREG, request)?;
            // SAFETY: as above.
            status = unsafe { request.data.mii.read };
        }
        Ok(status & BMSR_LINK != 0)
    }

    fn ioctl(&self, what: libc::c_ulong, request: &mut Request) -> io::Result<()> {
        let fd = self.0.as_raw_fd();
        // SAFETY: each of the three requests reads and writes a `struct ifreq`, whose layout and
        // size Request has; the pointer in it, if any, is to a value that lives in the caller.
        match unsafe { libc::ioctl(fd, what as _, &raw mut *request) } {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_as_large_as_the_kernels() {
        assert_eq!(size_of::<Request>(), size_of::<libc::ifreq>());
    }

    #[test]
    fn loopback_has_flags_and_no_registers() {
        let prober = Prober::open().unwrap();
        assert!(prober.is_up("lo", Ask::Mii).is_err());
        assert!(prober.is_up("lo", Ask::Flags).is_ok());
    }

    #[test]
    fn a_name_that_cannot_be_one_is_an_error() {
        let prober = Prober::open().unwrap();
        for name in ["sixteen-letters-", "none-such"] {
            assert!(prober.is_up(name, Ask::Flags).is_err(), "{name}");
        }
    }
}
