//! Link-layer addresses.

use core::fmt;

/// A link-layer address of any kind of network: 6 bytes on Ethernet, 20 on InfiniBand, none on a
/// tunnel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HwAddr {
    len: u8,
    bytes: [u8; HwAddr::MAX],
}

impl HwAddr {
    /// Bytes of the longest one.
    pub const MAX: usize = 20;

    /// The address of these bytes; `None` when they are too many.
    pub fn new(from: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..from.len())?.copy_from_slice(from);
        Some(HwAddr { len: u8::try_from(from.len()).ok()?, bytes })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// It as a MAC, when it has the length of one.
    pub fn mac(&self) -> Option<[u8; 6]> {
        self.as_bytes().try_into().ok()
    }
}

impl From<[u8; 6]> for HwAddr {
    fn from(mac: [u8; 6]) -> Self {
        Self::new(&mac).unwrap_or_default()
    }
}

impl PartialEq<[u8; 6]> for HwAddr {
    fn eq(&self, mac: &[u8; 6]) -> bool {
        self.as_bytes() == mac
    }
}

/// Bytes in hex between colons.
impl fmt::Debug for HwAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.as_bytes().iter().enumerate() {
            let colon = if n == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_length_that_it_was_made_with() {
        let mac = [2, 0, 0, 0, 0, 9];
        let addr = HwAddr::from(mac);
        assert_eq!((addr.as_bytes(), addr.mac()), (&mac[..], Some(mac)));
        assert_eq!(format!("{addr:?}"), "02:00:00:00:00:09");
        assert!(addr == mac && HwAddr::default() != [0; 6]);
        let long = HwAddr::new(&[7; 20]).unwrap();
        assert_eq!((long.as_bytes(), long.mac()), (&[7; 20][..], None));
        assert_eq!(HwAddr::new(&[0; 21]), None);
    }
}
