//! The Internet checksum (RFC 1071) and its update by the difference (RFC 1624).

use std::net::IpAddr;

/// The sum of 16-bit words, not yet complemented. A last odd byte counts as if a zero followed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words(u64);

impl Words {
    /// The sum of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::default().and(bytes)
    }

    /// With these bytes too; what came before had an even length.
    pub(super) fn and(self, bytes: &[u8]) -> Self {
        let mut pairs = bytes.chunks_exact(2);
        let mut sum = self.0;
        for pair in &mut pairs {
            sum += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        if let [last] = pairs.remainder() {
            sum += u64::from(*last) << 8;
        }
        Self(sum)
    }

    /// With the pseudo header of TCP, UDP and `ICMPv6` (RFC 9293 section 3.1, RFC 8200 section 8.1).
    pub(super) fn and_pseudo_header(self, source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Self {
        let with = |words: Self, address| match address {
            IpAddr::V4(v4) => words.and(&v4.octets()),
            IpAddr::V6(v6) => words.and(&v6.octets()),
        };
        let words = with(with(self, source), destination);
        words.and(&(length as u32).to_be_bytes()).and(&[0, protocol])
    }

    /// As 16 bits, by adding the carries in again.
    fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// The checksum of these words.
    pub(super) fn checksum(self) -> u16 {
        !self.folded()
    }
}

/// The checksum after what it covers has changed from `old` to `new` (RFC 1624, equation 3).
pub(super) fn updated(checksum: u16, old: Words, new: Words) -> u16 {
    !Words(u64::from(!checksum) + u64::from(!old.folded()) + u64::from(new.folded())).folded()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_comes_out() {
        assert_eq!(Words::of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).folded(), 0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624_comes_out() {
        let word = |word: u16| Words::of(&word.to_be_bytes());
        assert_eq!(updated(0xdd2f, word(0x5555), word(0x3285)), 0x0000);
    }
}
