//! The options of a segment, as far as they were captured.

use crate::model::sighting::Options;

/// End of the list (RFC 9293 section 3.2, also below).
const END: u8 = 0;
/// Padding of one byte.
const NOP: u8 = 1;
/// Maximum segment size, 4 bytes.
const SEGMENT_SIZE: u8 = 2;
/// Window scale, 3 bytes (RFC 7323 section 2).
const WINDOW_SCALE: u8 = 3;
/// Selective acknowledgements allowed, 2 bytes (RFC 2018 section 2).
const SELECTIVE: u8 = 4;
/// Time stamps, 10 bytes (RFC 7323 section 3).
const TIMESTAMPS: u8 = 8;

/// Two NOPs and time stamps in the order in which nearly every stack writes them (RFC 7323 appendix A): most segments have
/// these 12 bytes and no others.
const USUAL: [u8; 4] = [NOP, NOP, TIMESTAMPS, 10];

/// Reads the options in `bytes`, which is what was captured of an area of `length` bytes. One that does not fit, or whose
/// length its kind cannot have, ends the list; of an option that comes twice the first counts.
pub(super) fn read(bytes: &[u8], length: u8, is_syn: bool) -> Options {
    let mut options = Options { length, ..Options::default() };
    if let Some((&USUAL, stamps)) = bytes.split_first_chunk::<4>()
        && let &[a, b, c, d, e, f, g, h] = stamps
    {
        options.timestamps = Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
        return options;
    }
    let mut rest = bytes;
    loop {
        rest = match *rest {
            [NOP, ref rest @ ..] => rest,
            [kind, length, ..] if kind != END && length >= 2 => {
                let Some((option, rest)) = rest.split_at_checked(usize::from(length)) else { break };
                match (kind, &option[2..]) {
                    (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                        let stamps = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
                        options.timestamps.get_or_insert(stamps);
                    }
                    (SEGMENT_SIZE, &[a, b]) => {
                        options.segment_size.get_or_insert(u16::from_be_bytes([a, b]));
                    }
                    (WINDOW_SCALE, &[shift]) => {
                        options.window_scale.get_or_insert(shift);
                    }
                    (SELECTIVE, []) => options.selective = true,
                    (TIMESTAMPS | SEGMENT_SIZE | WINDOW_SCALE | SELECTIVE, _) => break,
                    _ => {}
                }
                rest
            }
            _ => break,
        };
    }
    // All but the time stamps count on a SYN only, as their standards say.
    if is_syn { options } else { Options { length, timestamps: options.timestamps, ..Options::default() } }
}
