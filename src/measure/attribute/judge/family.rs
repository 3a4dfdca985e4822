//! Families of injectors, by their resets alone. A name is only given to what already is known to be forged.

use super::super::mark::{Mark, past};
use crate::model::sighting::Flags;

/// The steps of three resets that aim at where the connection will be next (Clayton, Murdoch and Watson 2006).
const STEPS: [i32; 2] = [1460, 4380];

/// Which family sends these; `whole`: the end in whose name they came never lets its packets be fragmented.
pub(super) fn of(resets: &[Mark], whole: bool) -> Option<&'static str> {
    let first = resets.first()?;
    let acks = |mark: &Mark| mark.flags.has(Flags::ACK);
    let ahead = |step: i32| resets.iter().any(|r| past(r.sequence, first.sequence) == step);
    let ladder = STEPS.iter().any(|&step| ahead(step));
    let equal = resets.len() >= 2 && resets.iter().all(|r| r.sequence == first.sequence);
    if ladder && resets.iter().all(acks) {
        // Wang et al., IMC 2017, "type 2": time to live and window rise from one to the next.
        return Some("type-2");
    }
    if ladder && !resets.iter().any(acks) {
        return Some("clayton-2006");
    }
    let windows_rise = resets.windows(2).any(|two| two[1].window == two[0].window.wrapping_add(1));
    if equal && resets.iter().all(acks) && windows_rise {
        // net4people/bbs issues 285 of 2023 and 511 of 2025.
        return Some("equal-2023");
    }
    if resets.len() == 1 && !acks(first) && whole && first.ipv4() && !first.dont_fragment() {
        return match first.window {
            0 => None,
            // Perftech, as measured in "Your State is Not Mine" and by ISPs' users.
            1 => Some("perftech"),
            // Wang et al., IMC 2017, "type 1".
            _ => Some("type-1"),
        };
    }
    None
}
