//! What both ends are told when a flow ends here, and what the box's own stack does afterwards towards an end that got a
//! FIN: what the kernel of a proxy does whose program has closed its socket.

use super::super::{Direction, Emit, Flags, FlowId, Look, Notice, Segment};
use super::{FAREWELL_LINGER, State, Stateful};
use crate::time::Instant;

impl Stateful {
    /// Tells both ends, and keeps what the box's own stack needs to know.
    pub(super) fn take_leave(&mut self, now: Instant, flow: u32, out: &mut Emit) {
        let farewell = self.rules.farewell;
        let mut entry = self.table.get(flow);
        let notices = [(Direction::Inbound, farewell.client), (Direction::Outbound, farewell.server)];
        for ((direction, notice), heard) in notices.into_iter().zip(entry.heard) {
            let segments: &[(Flags, Look)] = match notice {
                Notice::Nothing => &[],
                Notice::Fin => &[(FIN, Look::SOCKET)],
                Notice::Rst => &[(RST, Look::KERNEL)],
                Notice::RstUnlessHeard if !heard => &[(RST, Look::SOCKET)],
                Notice::FinThenRst | Notice::RstUnlessHeard => &[(FIN, Look::SOCKET), (RST, Look::SOCKET)],
            };
            for (flags, look) in segments {
                let segment = Segment { mapping: entry.mapping(), ..Segment::bare(FlowId(flow), *flags) };
                out.send_as(direction, segment, *look);
            }
        }
        let (client, server) = (farewell.client == Notice::Fin, farewell.server == Notice::Fin);
        if client || server {
            entry.state = State::Left { client, server };
            entry.active = now;
            self.table.set(flow, entry);
        } else {
            self.table.forget(flow);
        }
    }

    /// A segment of a flow that the box has ended; whether its stack has taken it in.
    pub(super) fn handle_left(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) -> bool {
        let mut entry = self.table.get(segment.flow.0);
        let State::Left { client, server } = entry.state else { return false };
        let listens = if direction == Direction::Outbound { client } else { server };
        if !listens || segment.flags.opens() || entry.active + FAREWELL_LINGER <= now {
            return false;
        }
        match answer(&segment) {
            Answer::Nothing => {}
            Answer::Ack => out.send_as(direction.reverse(), back(&segment, Flags::ACK), Look::SOCKET),
            Answer::Reset => {
                out.send(direction.reverse(), back(&segment, Flags::RST));
                entry.state = match direction {
                    Direction::Outbound => State::Left { client: false, server },
                    Direction::Inbound => State::Left { client, server: false },
                };
                self.table.set(segment.flow.0, entry);
            }
        }
        true
    }
}

const FIN: Flags = Flags::from_header(0x11);
const RST: Flags = Flags::from_header(0x14);

/// What a kernel answers whose program has closed the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::boxes) enum Answer {
    Nothing,
    Ack,
    Reset,
}

/// The answer to a segment that meets a socket in FIN-WAIT-2 which nobody reads from (Linux `tcp_timewait_state_process`:
/// what lies outside of the window is acknowledged, new data are reset, an acknowledgement is dropped).
pub(in crate::boxes) fn answer(segment: &Segment) -> Answer {
    if segment.flags.has(Flags::RST) {
        Answer::Nothing
    } else if segment.news() > 0 {
        Answer::Reset
    } else if segment.keepalive || segment.flags.has(Flags::FIN) {
        Answer::Ack
    } else {
        Answer::Nothing
    }
}

/// A segment of the box's own stack to whoever sent `segment`.
pub(in crate::boxes) fn back(segment: &Segment, flags: Flags) -> Segment {
    Segment { mapping: segment.mapping, ..Segment::bare(segment.flow, flags) }
}

/// The flags of the reset that a kernel without such a socket answers with (RFC 9293 section 3.10.7.1).
pub(in crate::boxes) const fn reset_of(segment: &Segment) -> Flags {
    if segment.flags.has(Flags::ACK) { Flags::RST } else { RST }
}
