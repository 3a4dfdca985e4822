//! A proxy whose two sides time out one after the other: between the two it is a half-closed black hole.
//!
//! `HAProxy` with `timeout client 5s` and `timeout server 1h` (or the reverse) takes the timeout of one side for the end
//! of what that side has to say, and passes on a FIN to the *other* one. The expired side sees nothing; what it writes is
//! acknowledged by the proxy's kernel and thrown away; the opposite direction still delivers. So neither a TCP
//! acknowledgement nor a push that arrives proves that a path works. When the longer timeout has passed too, the expired
//! side gets a FIN. An end that closes ends both.
//!
//! A FIN takes a sequence number that the end which "sent" it never used, so what is let through afterwards is shifted by
//! one.

use super::stateful::{Answer, CLOSING_LINGER, FAREWELL_LINGER, answer, back, reset_of};
use super::{Direction, Edit, Emit, Flags, FlowId, Look, Middlebox, Segment};
use crate::time::{Duration, Instant};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The machine.
#[derive(Clone, Debug)]
pub struct HalfClosing {
    /// Which way the expired side speaks.
    speaks: Direction,
    first: Duration,
    second: Option<Duration>,
    flows: Vec<Flow>,
    /// Flows that may be due, corrected when they come up.
    due: BinaryHeap<Reverse<(Instant, u32)>>,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    state: State,
    active: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Open,
    /// The expired side is not listened to any more.
    Half,
    /// An end has said FIN or RST: the rest of a polite end passes.
    Closing,
    /// Both sides are closed, and the proxy's kernel keeps what is left of the sockets; `true`: not yet reset.
    Left {
        client: bool,
        server: bool,
    },
}

const ABSENT: Flow = Flow { state: State::Absent, active: Instant::ZERO };

impl HalfClosing {
    /// A proxy that stops listening to the side whose words travel in `speaks` when nothing was said for `first`, and
    /// closes what is left after `second`; `None`: never. Only data count, in either direction.
    pub fn new(speaks: Direction, first: Duration, second: Option<Duration>) -> Self {
        Self { speaks, first, second, flows: Vec::new(), due: BinaryHeap::new() }
    }

    fn flow(&self, flow: u32) -> Flow {
        self.flows.get(flow as usize).copied().unwrap_or(ABSENT)
    }

    fn set(&mut self, flow: u32, to: Flow) {
        let index = flow as usize;
        if index >= self.flows.len() {
            self.flows.resize(index + 1, ABSENT);
        }
        self.flows[index] = to;
    }

    fn due_at(&self, flow: Flow) -> Option<Instant> {
        match flow.state {
            State::Open => Some(flow.active + self.first),
            State::Half => self.second.map(|second| flow.active + second.max(self.first)),
            State::Absent | State::Closing | State::Left { .. } => None,
        }
    }

    fn watch(&mut self, flow: u32) {
        if let Some(at) = self.due_at(self.flow(flow)) {
            self.due.push(Reverse((at, flow)));
        }
    }

    fn purge(&mut self, now: Instant, out: &mut Emit) {
        while let Some(&Reverse((at, id))) = self.due.peek() {
            if at > now {
                return;
            }
            self.due.pop();
            let mut flow = self.flow(id);
            let Some(due) = self.due_at(flow) else { continue };
            if due > now {
                self.due.push(Reverse((due, id)));
                continue;
            }
            match flow.state {
                State::Open => {
                    out.send_as(self.speaks, Segment::bare(FlowId(id), FIN), Look::SOCKET);
                    flow.state = State::Half;
                    self.set(id, flow);
                    self.watch(id);
                }
                _ => self.close(now, id, out),
            }
        }
    }

    /// The expired side gets its FIN too.
    fn close(&mut self, now: Instant, flow: u32, out: &mut Emit) {
        out.send_as(self.speaks.reverse(), Segment::bare(FlowId(flow), FIN), Look::SOCKET);
        self.set(flow, Flow { state: State::Left { client: true, server: true }, active: now });
    }

    /// What is let through once the other end has got a FIN that nobody sent.
    fn edit(&self) -> Edit {
        match self.speaks {
            Direction::Outbound => Edit { shift: 1, ..Edit::NONE },
            Direction::Inbound => Edit { shift_back: 1, ..Edit::NONE },
        }
    }

    fn handle_half(&mut self, now: Instant, direction: Direction, segment: Segment, mut flow: Flow, out: &mut Emit) {
        let id = segment.flow.0;
        let expired = direction == self.speaks;
        if segment.flags.has(Flags::RST) {
            out.send(direction, back(&segment, Flags::RST | Flags::ACK));
            self.set(id, ABSENT);
        } else if segment.flags.has(Flags::FIN) {
            out.send_as(direction.reverse(), back(&segment, Flags::ACK), Look::SOCKET);
            self.close(now, id, out);
        } else if segment.keepalive || (expired && segment.news() > 0) {
            out.send_as(direction.reverse(), back(&segment, Flags::ACK), Look::SOCKET);
        } else {
            if segment.news() > 0 {
                flow.active = flow.active.max(now);
                self.set(id, flow);
            }
            out.forward_changed(direction, segment, self.edit());
        }
    }

    fn handle_left(&mut self, direction: Direction, segment: Segment, flow: Flow, out: &mut Emit) {
        let State::Left { client, server } = flow.state else { return };
        let listens = if direction == Direction::Outbound { client } else { server };
        let said = if listens { answer(&segment) } else { Answer::Reset };
        match said {
            Answer::Ack => out.send_as(direction.reverse(), back(&segment, Flags::ACK), Look::SOCKET),
            Answer::Reset if !segment.flags.has(Flags::RST) => {
                out.send(direction.reverse(), back(&segment, reset_of(&segment)));
                let state = match direction {
                    Direction::Outbound => State::Left { client: false, server },
                    Direction::Inbound => State::Left { client, server: false },
                };
                self.set(segment.flow.0, Flow { state, ..flow });
            }
            Answer::Nothing | Answer::Reset => {}
        }
    }
}

const FIN: Flags = Flags::from_header(0x11);

impl Middlebox for HalfClosing {
    fn handle(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        self.purge(now, out);
        let id = segment.flow.0;
        let mut flow = self.flow(id);
        if segment.flags.opens() && direction == Direction::Outbound {
            self.set(id, Flow { state: State::Open, active: now });
            self.watch(id);
            out.forward(direction, segment);
            return;
        }
        let forgotten = match flow.state {
            State::Left { .. } => flow.active + FAREWELL_LINGER <= now,
            State::Closing => flow.active + CLOSING_LINGER <= now,
            State::Absent | State::Open | State::Half => false,
        };
        if forgotten {
            flow.state = State::Absent;
        }
        match flow.state {
            State::Open => {
                out.forward(direction, segment);
                if segment.flags.has(Flags::RST) || segment.flags.has(Flags::FIN) {
                    flow.state = State::Closing;
                }
                if segment.news() > 0 || flow.state != State::Open {
                    flow.active = flow.active.max(now);
                }
                self.set(id, flow);
            }
            State::Closing => {
                flow.active = flow.active.max(now);
                self.set(id, flow);
                out.forward(direction, segment);
            }
            State::Half => self.handle_half(now, direction, segment, flow, out),
            State::Left { .. } => self.handle_left(direction, segment, flow, out),
            State::Absent if segment.flags.has(Flags::RST) => {}
            State::Absent => out.send(direction.reverse(), back(&segment, reset_of(&segment))),
        }
    }

    fn knows(&self, now: Instant, flow: FlowId) -> bool {
        let flow = self.flow(flow.0);
        let open = matches!(flow.state, State::Open | State::Closing);
        open && self.due_at(flow).is_none_or(|at| at > now)
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut Emit) {
        self.purge(now, out);
    }
}
