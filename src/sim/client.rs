//! The client's host: kernel and engine.

use super::agenda::Event;
use super::path::Opening;
use super::state::{Client, Duplex, OPEN_TIMEOUT, Packet, SERVICE, Server, ServiceState, Word};
use super::stream::{NEVER, Patience};
use super::world::World;
use crate::boxes::{Direction, Flags, Unreachable};
use crate::model::{Ending, Fact, HoldId, Witness};
use crate::time::Duration;

/// RFC 6298 section 2.1: the first retransmission of a SYN; Linux `TCP_TIMEOUT_INIT`.
pub(super) const SYN_TIMEOUT: u64 = 1_000_000_000;
/// Bytes of the hello that rides on the last segment of the handshake.
const HELLO_BYTES: u16 = 32;
/// An answer that the reflector has not confirmed by then is one that did not arrive.
const CONFIRM_WITHIN: u64 = 2_000_000_000;
/// The engine tries to open the service channel again for this long.
const RECONNECT_FOR: u64 = 3_000_000_000;

impl World {
    pub(super) fn open(&mut self, now: u64, hold: HoldId) {
        if self.conn(hold).is_some() {
            return;
        }
        let conn = self.add_conn(hold, now);
        self.send_syn(now, conn);
    }

    fn send_syn(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        state.syn_sent = now;
        self.send_bare(now, conn, Direction::Outbound, Flags::SYN, 0);
        self.look_again(now, conn);
    }

    /// One timer for the whole opening, for there are hundreds: at 1, 3, 7 and, at last, 10 s.
    fn look_again(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        let wait = SYN_TIMEOUT << state.syn_tries.min(6);
        state.syn_tries += 1;
        self.agenda.add((now + wait).min(state.asked + OPEN_TIMEOUT), Event::Syn(conn));
    }

    fn still_opening(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        if state.reported || !matches!(state.client, Client::Opening | Client::Open) {
            return;
        }
        if now >= state.asked + OPEN_TIMEOUT {
            state.client = Client::Closed;
            self.open_failed(now, conn, "connect: no answer in 10 s", false);
        } else if state.client == Client::Opening {
            self.send_syn(now, conn);
        } else {
            self.look_again(now, conn);
        }
    }

    pub(super) fn beat(&mut self, now: u64, hold: HoldId, seq: u32) {
        let Some(conn) = self.conn(hold) else { return };
        if self.conns[conn as usize].client == Client::Open {
            let sent = self.sleeps.client(now);
            self.say(now, conn, Direction::Outbound, Word::Beat(seq, sent));
        }
    }

    /// The next try of a client-first test.
    pub(super) fn ask(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        if state.client != Client::Open || state.confirmed || state.nth >= state.count {
            return;
        }
        let nth = state.nth;
        state.nth += 1;
        if state.nth < state.count {
            self.agenda.add(now + state.spacing, Event::Ask(conn));
        }
        self.say(now, conn, Direction::Outbound, Word::Question);
        self.see(now, Some(conn), Fact::Tried { nth });
    }

    pub(super) fn close(&mut self, now: u64, hold: HoldId) {
        let Some(conn) = self.conn(hold) else { return };
        let state = &mut self.conns[conn as usize];
        let was = state.client;
        state.client = Client::Closed;
        self.hush(conn, Direction::Outbound);
        // The reflector is told, and drops what the path may never let through.
        self.hush(conn, Direction::Inbound);
        if was == Client::Open {
            self.send_bare(now, conn, Direction::Outbound, Flags::FIN | Flags::ACK, 0);
        }
    }

    /// Something that the reflector is asked over the service channel.
    pub(super) fn ask_service(&mut self, now: u64, word: Word) {
        match self.service.state {
            ServiceState::Open => self.say(now, SERVICE, Direction::Outbound, word),
            ServiceState::Down => self.service.waiting.push(word),
            ServiceState::Lost => {}
        }
    }

    pub(super) fn happen_at_client(&mut self, now: u64, event: Event) {
        match event {
            Event::Syn(conn) => self.still_opening(now, conn),
            Event::ClientTimer(conn) => self.stream_timer(now, conn, Direction::Outbound),
            Event::Ask(conn) => self.ask(now, conn),
            Event::Doubt(conn) => {
                let state = &self.conns[conn as usize];
                if !state.confirmed && state.client != Client::Closed {
                    let pushed = state.pushed;
                    self.see(pushed, Some(conn), Fact::HalfAnswered);
                }
            }
            Event::Noticed(nth) => {
                let slept = self.sleeps.ends().nth(nth as usize).map_or(0, |(_, length)| length);
                self.see(now, None, Fact::Suspended { slept: Duration::from_nanos(slept) });
            }
            Event::ServiceBack => self.service_back(now),
            Event::ServiceLost => {
                self.service.state = ServiceState::Lost;
                let error = "connect to the service channel: refused three times in 3 s".to_owned();
                self.see(now, None, Fact::ServiceLost { error });
            }
            _ => {}
        }
    }

    fn open_failed(&mut self, now: u64, conn: u32, error: &str, refused: bool) {
        self.conns[conn as usize].reported = true;
        self.see(now, Some(conn), Fact::OpenFailed { error: error.to_owned(), refused });
    }

    fn report_open(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        if state.reported || state.client != Client::Open {
            return;
        }
        state.reported = true;
        let silent_since = self.sleeps.client(state.silent_since);
        let rtt = Duration::from_nanos(state.rtt);
        self.see(now, Some(conn), Fact::Opened { silent_since, rtt, local_port: 0 });
    }

    /// A segment has arrived. A sleeping host does not hear it.
    pub(super) fn arrive_at_client(&mut self, now: u64, packet: &Packet) {
        if self.sleeps.wakes(now).is_some() {
            return;
        }
        let conn = packet.conn;
        if conn == SERVICE {
            self.arrive_on_service(now, packet);
            return;
        }
        if let Some(why) = packet.icmp {
            self.refused_at_client(now, packet, why);
            return;
        }
        if packet.flags.has(Flags::RST) && packet.ahead != 0 {
            self.challenge(now, packet);
            return;
        }
        let state = &mut self.conns[conn as usize];
        if state.plain.is_some() && state.client != Client::Opening {
            self.arrive_at_plain(now, packet);
            return;
        }
        let (reset, fin) = (packet.flags.has(Flags::RST), packet.flags.has(Flags::FIN));
        match state.client {
            Client::Closed | Client::Ended => {
                if !packet.range.is_empty() {
                    self.refuse(now, packet);
                }
            }
            Client::Opening | Client::Open if reset || fin => {
                state.client = Client::Ended;
                self.hush(conn, Direction::Outbound);
                if self.conns[conn as usize].reported {
                    let how = if reset { Ending::Reset } else { Ending::Closed };
                    self.see(now, Some(conn), Fact::Ended { how, witness: Witness::Client });
                } else {
                    self.open_failed(now, conn, "connect: connection refused", true);
                }
            }
            Client::Opening | Client::Open if packet.flags.has(Flags::SYN) => {
                if state.client == Client::Opening {
                    state.client = Client::Open;
                    state.rtt = now - state.syn_sent;
                }
                state.silent_since = now;
                let hello = if state.plain.is_some() { 0 } else { HELLO_BYTES };
                self.send_bare(now, conn, Direction::Outbound, Flags::ACK, hello);
                if self.opening == Opening::Trusting {
                    self.report_open(now, conn);
                }
            }
            Client::Opening => {}
            Client::Open => self.read_at_client(now, packet),
        }
    }

    /// An ICMP error. It ends an opening (Linux `tcp_v4_err` in state SYN-SENT), and is only told where there are data
    /// under way or a segment in sequence was refused; the connection goes on.
    fn refused_at_client(&mut self, now: u64, packet: &Packet, why: Unreachable) {
        let conn = packet.conn;
        let waits = self.waits(conn, Direction::Outbound);
        let state = &mut self.conns[conn as usize];
        match state.client {
            Client::Opening => {
                state.client = Client::Ended;
                state.refused.0 = true;
                let error = match why {
                    Unreachable::Port => "connect: connection refused",
                    Unreachable::Host | Unreachable::Prohibited => "connect: no route to host",
                };
                self.open_failed(now, conn, error, why == Unreachable::Port);
            }
            Client::Open if state.plain.is_some() => self.refused_at_plain(packet),
            Client::Open if waits && !state.refused.0 => {
                state.refused.0 = true;
                self.see(now, Some(conn), Fact::Ended { how: Ending::Icmp, witness: Witness::Client });
            }
            Client::Open | Client::Ended | Client::Closed => {}
        }
    }

    /// A reset inside of the window, and not where it starts, is not obeyed but asked about (RFC 5961 section 3).
    pub(super) fn challenge(&mut self, now: u64, packet: &Packet) {
        let state = &self.conns[packet.conn as usize];
        let open = match packet.direction {
            Direction::Inbound => state.client == Client::Open,
            Direction::Outbound => state.server == Server::Open && packet.tuple == state.server_tuple,
        };
        if open && !self.is_over(packet) {
            self.send_range(now, packet.conn, packet.direction.reverse(), super::stream::Range::EMPTY);
        }
    }

    /// Whether something that travels in `direction` is not acknowledged yet.
    pub(super) fn waits(&mut self, conn: u32, direction: Direction) -> bool {
        self.stream(conn).is_some_and(|stream| !stream.sender(direction).is_idle())
    }

    fn arrive_on_service(&mut self, now: u64, packet: &Packet) {
        if packet.epoch != self.service.epoch || self.service.state != ServiceState::Open {
            return;
        }
        if packet.flags.has(Flags::RST) || packet.flags.has(Flags::FIN) {
            self.service_down(now);
        } else {
            self.read_at_client(now, packet);
        }
    }

    /// The service channel has ended: open it again, at once and for 3 s.
    fn service_down(&mut self, now: u64) {
        self.service.state = ServiceState::Down;
        self.service.epoch = self.service.epoch.wrapping_add(1);
        let rtt = self.conns[SERVICE as usize].rtt;
        // A SYN that leaves at the end of the refusal is accepted; attempts come about every second.
        if self.refusing.1 <= now + RECONNECT_FOR {
            let back = self.refusing.1.max(now) + rtt + (self.rng.unit() * SYN_TIMEOUT as f64) as u64;
            self.agenda.add(back, Event::ServiceBack);
        } else {
            self.agenda.add(now + RECONNECT_FOR, Event::ServiceLost);
        }
    }

    fn service_back(&mut self, now: u64) {
        self.service.state = ServiceState::Open;
        self.service.forgotten = false;
        self.streams[0] = Duplex::new(self.conns[SERVICE as usize].rtt, Patience::Reconnects);
        for word in std::mem::take(&mut self.service.waiting) {
            self.say(now, SERVICE, Direction::Outbound, word);
        }
    }

    fn read_at_client(&mut self, now: u64, packet: &Packet) {
        let read = self.take_in(now, packet);
        self.acknowledged_refresh(now, packet.conn);
        for index in read.from..read.to {
            if let Some(word) = self.read(packet.conn, Direction::Inbound, index) {
                self.hear_at_client(now, packet.conn, word);
            }
        }
        if self.stream(packet.conn).is_some_and(|stream| stream.client_owes) {
            self.send_range(now, packet.conn, Direction::Outbound, super::stream::Range::EMPTY);
        }
    }

    fn hear_at_client(&mut self, now: u64, conn: u32, word: Word) {
        let told = match word {
            Word::Bound(conn)
            | Word::Tried(conn, _)
            | Word::Nudged(conn)
            | Word::Heard(conn)
            | Word::Ended(conn, _) => conn,
            _ => conn,
        };
        let state = &mut self.conns[told as usize];
        if state.client == Client::Closed {
            return;
        }
        match word {
            Word::Push => {
                if state.pushed == NEVER {
                    state.pushed = now;
                    self.agenda.add(now + CONFIRM_WITHIN, Event::Doubt(conn));
                    self.see(now, Some(conn), Fact::Heard);
                    self.say(now, conn, Direction::Outbound, Word::Answer);
                }
            }
            Word::Echo => {
                if !state.confirmed {
                    state.confirmed = true;
                    self.see(now, Some(conn), Fact::Answered);
                }
            }
            Word::Pong | Word::Note | Word::Nudged(_) => self.hear_refresh(now, conn, word),
            Word::Pulse(seq, sent) => self.see(now, Some(conn), Fact::Echo { seq, sent }),
            Word::Bound(conn) => self.report_open(now, conn),
            Word::Tried(conn, nth) => self.see(now, Some(conn), Fact::Tried { nth }),
            Word::Heard(_) | Word::Confirmed => {
                if !state.confirmed {
                    state.confirmed = true;
                    let pushed = state.pushed;
                    self.see(pushed, Some(told), Fact::Answered);
                }
            }
            Word::Ended(conn, how) => self.see(now, Some(conn), Fact::Ended { how, witness: Witness::Reflector }),
            Word::Answer
            | Word::Question
            | Word::Beat(..)
            | Word::Test(_)
            | Word::Ping
            | Word::Nudge(_)
            | Word::Plain
            | Word::Marked => {}
        }
    }
}
