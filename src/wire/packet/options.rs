//! TCP options, found by their place in the frame.

use std::ops::Range;

/// End of the list (RFC 9293 section 3.2, also below).
const END: u8 = 0;
/// Padding of one byte.
pub(super) const NOP: u8 = 1;
/// Window scale (RFC 7323 section 2).
pub(super) const WINDOW_SCALE: u8 = 3;
/// Selective acknowledgement (RFC 2018 section 3).
pub(super) const SACK: u8 = 5;
/// Timestamps (RFC 7323 section 3).
pub(super) const TIMESTAMPS: u8 = 8;

/// The length that an option of this kind has, where it is fixed.
const fn fixed(kind: u8) -> Option<usize> {
    match kind {
        WINDOW_SCALE => Some(3),
        TIMESTAMPS => Some(10),
        _ => None,
    }
}

/// Where the first option of `kind` begins, in the options that fill `area` of `frame`. An option that does not fit, or
/// has a length that its kind cannot have, ends the search.
pub(super) fn find(frame: &[u8], area: Range<usize>, kind: u8) -> Option<usize> {
    let mut at = area.start;
    while at < area.end {
        let found = *frame.get(at)?;
        if found == END {
            return None;
        }
        if found == NOP {
            at += 1;
            continue;
        }
        let length = usize::from(*frame.get(at + 1)?);
        if length < 2 || at + length > area.end || fixed(found).is_some_and(|fixed| fixed != length) {
            return None;
        }
        if found == kind {
            return Some(at);
        }
        at += length;
    }
    None
}
