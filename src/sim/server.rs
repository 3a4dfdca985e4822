//! The reflector's host: kernel and application.

use super::agenda::Event;
use super::client::SYN_TIMEOUT;
use super::path::{Confirmation, Opening};
use super::state::{Client, Packet, SERVICE, Server, ServiceState, Word};
use super::stream::Range;
use super::world::World;
use crate::boxes::{Direction, Flags};
use crate::model::Ending;

/// Linux `net.ipv4.tcp_synack_retries`.
const SYN_ACK_RETRIES: u8 = 5;

impl World {
    /// A segment has arrived.
    pub(super) fn arrive_at_server(&mut self, now: u64, packet: &Packet) {
        let conn = packet.conn;
        if conn == SERVICE {
            if self.service.forgotten {
                self.send_bare(now, conn, Direction::Inbound, Flags::RST | Flags::ACK, 0);
            } else if packet.epoch == self.service.epoch && self.service.state == ServiceState::Open {
                self.read_at_server(now, packet);
            }
            return;
        }
        if packet.icmp.is_some() {
            self.refused_at_server(now, packet);
            return;
        }
        let flags = packet.flags;
        if flags.has(Flags::RST) && packet.ahead != 0 {
            self.challenge(now, packet);
            return;
        }
        let state = &mut self.conns[conn as usize];
        // A NAT may have chosen another port for the repeated SYN.
        if flags.opens() && matches!(state.server, Server::Absent | Server::Opening) {
            state.server_tuple = packet.tuple;
        }
        if packet.tuple != state.server_tuple {
            if !flags.has(Flags::RST) {
                self.refuse(now, packet);
            }
            return;
        }
        if state.plain.is_some() && state.server == Server::Open {
            self.arrive_at_plain(now, packet);
            return;
        }
        match state.server {
            Server::Opening | Server::Open if flags.has(Flags::RST) => self.end_at_server(now, conn, Ending::Reset),
            _ if flags.has(Flags::RST) => {}
            Server::Absent | Server::Opening if flags.opens() => {
                if (self.refusing.0..self.refusing.1).contains(&now) {
                    self.refuse(now, packet);
                } else {
                    state.server = Server::Opening;
                    self.send_syn_ack(now, conn);
                }
            }
            // The acknowledgement of its FIN is the last that a closed socket waits for.
            Server::Gone(Ending::Closed) if flags == Flags::ACK && packet.payload == 0 => {}
            Server::Absent | Server::Gone(_) => self.refuse(now, packet),
            Server::Opening | Server::Open if flags.has(Flags::FIN) => {
                // The reflector keeps its own side open for a while: a proxy may have closed this side only.
                self.send_bare(now, conn, Direction::Inbound, Flags::ACK, 0);
                self.end_at_server(now, conn, Ending::Closed);
            }
            Server::Opening => {
                state.server = Server::Open;
                if self.conns[conn as usize].plain.is_some() {
                    self.arrive_at_plain(now, packet);
                    return;
                }
                if self.opening == Opening::Confirmed {
                    self.report(now, Word::Bound(conn));
                }
                self.read_at_server(now, packet);
            }
            Server::Open => self.read_at_server(now, packet),
        }
    }

    /// An ICMP error: told once, where data are under way.
    fn refused_at_server(&mut self, now: u64, packet: &Packet) {
        let conn = packet.conn;
        let waits = self.waits(conn, Direction::Inbound);
        let state = &mut self.conns[conn as usize];
        if state.server != Server::Open || packet.tuple != state.server_tuple {
            return;
        }
        if state.plain.is_some() {
            self.refused_at_plain(packet);
        } else if waits && !state.refused.1 {
            state.refused.1 = true;
            self.report(now, Word::Ended(conn, Ending::Icmp));
        }
    }

    fn send_syn_ack(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        self.agenda.add(now + (SYN_TIMEOUT << state.syn_ack_tries.min(6)), Event::SynAck(conn));
        state.syn_ack_tries += 1;
        self.send_bare(now, conn, Direction::Inbound, Flags::SYN | Flags::ACK, 0);
    }

    pub(super) fn syn_ack_timer(&mut self, now: u64, conn: u32) {
        let state = &self.conns[conn as usize];
        if state.server == Server::Opening && state.syn_ack_tries <= SYN_ACK_RETRIES {
            self.send_syn_ack(now, conn);
        }
    }

    /// The connection has ended at the server; the reflector says so unless the client closed it.
    fn end_at_server(&mut self, now: u64, conn: u32, how: Ending) {
        self.conns[conn as usize].server = Server::Gone(how);
        self.hush(conn, Direction::Inbound);
        if self.conns[conn as usize].client != Client::Closed {
            self.report(now, Word::Ended(conn, how));
        }
    }

    /// Word to the client over the service channel. What is reported while that is away is lost: the reflector that
    /// knew it is gone too.
    pub(super) fn report(&mut self, now: u64, word: Word) {
        if self.service.state == ServiceState::Open && !self.service.forgotten {
            self.say(now, SERVICE, Direction::Inbound, word);
        }
    }

    /// The next push of a test.
    pub(super) fn push(&mut self, now: u64, conn: u32) {
        let state = &mut self.conns[conn as usize];
        match state.server {
            Server::Gone(how) => {
                if state.nth == 0 {
                    self.report(now, Word::Ended(conn, how));
                }
                return;
            }
            Server::Absent | Server::Opening => return,
            Server::Open => {}
        }
        if state.heard || state.nth >= state.count {
            return;
        }
        let nth = state.nth;
        state.nth += 1;
        if state.nth < state.count {
            self.agenda.add(now + state.spacing, Event::Push(conn));
        }
        self.say(now, conn, Direction::Inbound, Word::Push);
        self.report(now, Word::Tried(conn, nth));
    }

    /// The reflector's process ends: the kernel ends every connection of it.
    pub(super) fn restarts(&mut self, now: u64) {
        let Some(restart) = self.restart else { return };
        let flags = match restart.how {
            Ending::Closed => Flags::FIN | Flags::ACK,
            Ending::Reset | Ending::Icmp => Flags::RST | Flags::ACK,
        };
        self.send_bare(now, SERVICE, Direction::Inbound, flags, 0);
        self.hush(SERVICE, Direction::Inbound);
        self.service.forgotten = true;
        for conn in 1..self.conns.len() as u32 {
            if matches!(self.conns[conn as usize].server, Server::Opening | Server::Open) {
                self.conns[conn as usize].server = Server::Gone(restart.how);
                self.hush(conn, Direction::Inbound);
                self.send_bare(now, conn, Direction::Inbound, flags, 0);
            }
        }
    }

    fn read_at_server(&mut self, now: u64, packet: &Packet) {
        let read = self.take_in(now, packet);
        for index in read.from..read.to {
            if let Some(word) = self.read(packet.conn, Direction::Outbound, index) {
                self.hear_at_server(now, packet.conn, word);
            }
        }
        if packet.keepalive || self.stream(packet.conn).is_some_and(|stream| stream.server_owes) {
            self.send_range(now, packet.conn, Direction::Inbound, Range::EMPTY);
        }
    }

    fn hear_at_server(&mut self, now: u64, conn: u32, word: Word) {
        match word {
            Word::Answer => {
                self.conns[conn as usize].heard = true;
                self.report(now, Word::Heard(conn));
                if self.confirmation == Confirmation::OnBoth {
                    self.say(now, conn, Direction::Inbound, Word::Confirmed);
                }
            }
            Word::Question => self.say(now, conn, Direction::Inbound, Word::Echo),
            Word::Beat(seq, sent) => self.say(now, conn, Direction::Inbound, Word::Pulse(seq, sent)),
            Word::Test(tested) => self.push(now, tested),
            Word::Ping => self.say(now, conn, Direction::Inbound, Word::Pong),
            Word::Nudge(told) => self.nudge(now, told),
            _ => {}
        }
    }
}
