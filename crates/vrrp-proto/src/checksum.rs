//! The Internet checksum (RFC 1071).

/// A running one's complement sum. Every part but the last has even length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum(u32);

impl Sum {
    /// Adds `bytes`, padded with a zero byte when odd.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut pairs = bytes.chunks_exact(2);
        for p in &mut pairs {
            self.word(u16::from_be_bytes([p[0], p[1]]));
        }
        if let [last] = *pairs.remainder() {
            self.word(u16::from_be_bytes([last, 0]));
        }
    }

    fn word(&mut self, w: u16) {
        // A packet has at most 2^15 words, so 32 bits never overflow.
        self.0 = self.0.wrapping_add(u32::from(w));
    }

    /// The checksum: 0 when what was added held a correct one.
    pub fn finish(self) -> u16 {
        let mut s = self.0;
        while s > 0xffff {
            s = (s & 0xffff) + (s >> 16);
        }
        !(s as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn rfc_1071_example_and_verification() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        let mut s = Sum::default();
        s.add(&data);
        assert_eq!(s.finish(), !0xddf2);
        s.add(&(!0xddf2u16).to_be_bytes());
        assert_eq!(s.finish(), 0);
    }
}
