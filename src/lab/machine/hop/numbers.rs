//! The numbers of a segment that a box makes: they have to fit what its receiver has sent and expects.

use super::super::flow::Flow;
use super::Handled;
use crate::boxes::{Acknowledges, Emission, Flags, Look};
use crate::wire::packet::flag;

/// The window of a FIN or an acknowledgement where none has been seen yet.
const WINDOW: u16 = 1024;

/// The numbers of a segment that the box makes.
pub(super) struct Numbers {
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) window: u16,
}

impl Numbers {
    /// What fits the receiver at the end of `direction`: it starts at what that one expects next, and acknowledges what
    /// that one has sent. Where the flow is not known well enough, the segment from the receiver says it, if there is one.
    pub(super) fn of(flow: &Flow, emission: &Emission, look: Look, handled: Option<&Handled>) -> Self {
        let (direction, flags) = (emission.direction, emission.segment.flags);
        let model = handled.and_then(|handled| handled.packet.tcp());
        let spoke = handled.filter(|handled| handled.direction == direction.reverse()).and_then(|h| h.packet.tcp());
        let (base, sent) = match spoke {
            // An opening SYN: there is no connection yet, whatever was on this port before.
            Some(syn) if syn.has(flag::SYN) && !syn.has(flag::ACK) => (0, syn.next_sequence()),
            Some(spoke) => {
                let acknowledged = if spoke.has(flag::ACK) { spoke.acknowledgement } else { 0 };
                let sent = flow.sent(direction.reverse()).unwrap_or(spoke.next_sequence());
                // A reset without ACK has the number that the segment asks for (RFC 9293 section 3.10.7.1). What was
                // let through may be more: it has not arrived where a NAT gave it a port that the server does not know.
                let bare = flags.has(Flags::RST) && !flags.has(Flags::ACK) && spoke.has(flag::ACK);
                let expected = if bare { None } else { flow.expected(direction) };
                (expected.unwrap_or(acknowledged), sent)
            }
            None => (flow.expected(direction).unwrap_or_default(), flow.sent(direction.reverse()).unwrap_or_default()),
        };
        let acknowledgement = match look.acknowledges {
            Acknowledges::Everything => sent,
            Acknowledges::Mirrored => model.map_or(0, |model| model.sequence),
            Acknowledges::Zero => 0,
        };
        let window = match model {
            Some(model) if look.mirrors_window => model.window,
            // With a window of 0 the receiver could not say any more that it should be reset: what is no reset keeps
            // the window that was announced last.
            _ if look.window == 0 && !flags.has(Flags::RST) => flow.window(direction).unwrap_or(WINDOW),
            _ => look.window,
        };
        Self { sequence: base.wrapping_add(look.ahead), acknowledgement, window }
    }
}
