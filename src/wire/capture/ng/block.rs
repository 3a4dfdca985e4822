//! What every block has: a type, a length at its beginning, and the same again at its end.

/// The type of a section's header; it reads the same in both byte orders.
pub(in crate::wire::capture) const SECTION: u32 = 0x0a0d_0d0a;
/// The byte order of a section, as a big-endian one writes it.
pub(super) const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
/// The same of a little-endian one.
pub(super) const LITTLE_ENDIAN: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
/// The shortest block: its type, and its length twice.
pub(super) const SHORTEST: usize = 12;
/// The longest block that is believed, in bytes. Blocks without packets (names, secrets, journals) may be longer than any
/// packet; no writer is known that makes one of more than a few MiB.
const LONGEST: usize = 16 << 20;
/// The obsolete packet block (draft-ietf-opsawg-pcapng appendix A), which programs of before 2010 wrote.
pub(super) const OLD_PACKET: u32 = 2;
/// Types of blocks: interface, old packet, simple packet, names, statistics, enhanced packet, journal, secrets; custom ones.
const KNOWN: [u32; 10] = [1, OLD_PACKET, 3, 4, 5, 6, 9, 10, 0x0bad, 0x4000_0bad];

/// The length of the block that begins `bytes`, of which at least the shortest possible block is there, and its byte
/// order; `None` where no block can begin so. A section's header says the byte order anew.
pub(super) fn length(bytes: &[u8], mut big_endian: bool) -> Option<(usize, bool)> {
    let is_section = bytes.starts_with(&SECTION.to_be_bytes());
    if is_section {
        big_endian = match *bytes[8..].first_chunk()? {
            BIG_ENDIAN => true,
            LITTLE_ENDIAN => false,
            _ => return None,
        };
    }
    let length = word(&bytes[4..], big_endian) as usize;
    // A multiple of 4, by the specification.
    let shortest = if is_section { 28 } else { SHORTEST };
    (length.is_multiple_of(4) && (shortest..=LONGEST).contains(&length)).then_some((length, big_endian))
}

/// Whether the type of the block that begins `bytes` is one that is known.
pub(super) fn is_known(bytes: &[u8], big_endian: bool) -> bool {
    let kind = word(bytes, big_endian);
    kind == SECTION || KNOWN.contains(&kind)
}

/// The first four bytes, of which the caller knows that they are there.
#[inline]
pub(super) fn word(bytes: &[u8], big_endian: bool) -> u32 {
    let word = [bytes[0], bytes[1], bytes[2], bytes[3]];
    if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
}
