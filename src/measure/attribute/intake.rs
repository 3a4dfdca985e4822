//! A packet comes in: which connection it belongs to, whether it begins or ends one.

use std::net::SocketAddr;

use super::closing::{Began, Closing};
use super::connection::{Bit, NONE};
use super::mark::{Mark, past};
use super::side::Trait;
use super::table::Key;
use super::terms::End;
use super::tracker::Tracker;
use crate::model::Sighting;
use crate::model::sighting::{Flags, Network, Refusal, RefusalKind, Segment};

/// Ports below this belong to services (RFC 6335 section 6: system ports).
const SYSTEM: u16 = 1024;
/// Linux takes the ports of its clients from here on (`ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;
/// A sender whose packets leave with less limits them on purpose: traceroute does, and so do probes for a hop.
const LIMITED: u8 = 32;
/// An error about a segment that lies further back is not believed: whoever forges one does not know the numbers.
const BACK: i32 = 1 << 20;

impl Tracker {
    pub(super) fn segment(&mut self, at: u64, number: u64, network: &Network, segment: &Segment) {
        let source = SocketAddr::new(network.source, segment.source_port);
        let destination = SocketAddr::new(network.destination, segment.destination_port);
        let (key, low) = Key::of(source, destination);
        let mark = Mark::new(at, number, network, segment);
        let flags = segment.flags;
        let opens = flags.has(Flags::SYN) && !flags.has(Flags::RST) && !flags.has(Flags::ACK);
        let index = if let Some(index) = self.table.find(&key) {
            index
        } else {
            let (client, guessed) = opener(low, segment);
            self.begin(key, client, guessed)
        };
        let connection = self.table.get(index);
        let mut end = connection.sender(low);
        let side = connection.side(end);
        if side.seen() && !flags.has(Flags::RST) && side.last.seen_again(&mark) {
            return;
        }
        if connection.is(Bit::Buried) {
            if !opens {
                // What still comes of it; it only keeps it from being forgotten.
                self.table.get_mut(index).sides[end as usize].last = mark;
                return;
            }
            self.again(index, low, false);
            end = End::Client;
        } else if opens && self.begins_anew(index, end, &mark) {
            self.end_now(index);
            self.again(index, low, false);
            end = End::Client;
        } else if flags.has(Flags::SYN) && flags.has(Flags::ACK) && self.answers_new(index, end, &mark) {
            self.reused(index, end);
            end = End::Server;
        }
        if flags.has(Flags::RST) {
            self.reset(index, end, mark);
        } else {
            self.carry(index, end, mark, segment);
        }
    }

    /// Whether a SYN of `end` begins another connection than the one that is known.
    fn begins_anew(&self, index: u32, end: End, mark: &Mark) -> bool {
        let connection = self.table.get(index);
        if let Some(closing) = self.closings.get(connection.closing)
            && closing.began != Began::Refusal
            && !closing.refuted
        {
            return true;
        }
        let side = connection.side(end);
        let opening = connection.is(Bit::Opened) && !connection.is(Bit::Answered);
        let first = side.last;
        // In the middle of a connection the answer to a SYN tells; a repetition has the number of the first.
        opening && end == End::Client && first.flags.has(Flags::SYN) && first.sequence != mark.sequence
    }

    /// Whether a SYN-ACK of `end` answers a SYN that was sent into a connection that was open.
    fn answers_new(&self, index: u32, end: End, mark: &Mark) -> bool {
        let other = self.table.get(index).side(end.other());
        other.is(Trait::Spoke)
            && other.last.flags.0 & (Flags::SYN | Flags::ACK | Flags::RST).0 == Flags::SYN.0
            && mark.acknowledgement == other.last.end()
            && other.last.end() != other.next
    }

    /// The old connection was gone, and its ports are used again; the SYN was taken for one into the old one.
    fn reused(&mut self, index: u32, server: End) {
        let connection = self.table.get(index);
        let syn = connection.side(server.other()).last;
        let low = connection.is(Bit::LowClient) == (server == End::Server);
        self.end_now(index);
        self.again(index, low, false);
        let none = (std::net::Ipv4Addr::UNSPECIFIED.into(), 0);
        if let crate::model::sighting::Content::Segment(segment) = syn.sighting(none, none).content {
            self.table.get_mut(index).take(End::Client, syn, &segment);
        }
    }

    /// A segment that is no reset.
    fn carry(&mut self, index: u32, end: End, mark: Mark, segment: &Segment) {
        let number = self.table.get(index).closing;
        let fin = segment.flags.has(Flags::FIN);
        let established = self.table.get(index).is(Bit::Established);
        let trip = [End::Client, End::Server].iter().filter_map(|&e| self.table.get(index).trip(e)).sum();
        let mut ending = None;
        if let Some(closing) = self.closings.get_mut(number) {
            if closing.began == Began::Refusal && closing.by == Some(end) {
                // Whoever was said to be out of reach answers.
                self.dissolve(index);
            } else if !closing.refuted {
                closing.after(end, &mark, trip);
                ending = Some(closing.began);
            }
        }
        let connection = self.table.get(index);
        let first_fin = fin && !connection.side(end).is(Trait::Fin);
        let started = match ending {
            None if first_fin => {
                let quiet = connection.last_at();
                let mut closing = Closing::new(index, connection, Began::Fin, Some(end), mark.at());
                closing.quiet = if quiet == 0 { 0 } else { mark.at().saturating_sub(quiet) };
                Some(closing)
            }
            _ => None,
        };
        self.table.get_mut(index).take(end, mark, segment);
        let number = match started {
            Some(closing) => self.close(closing, false),
            None => self.table.get(index).closing,
        };
        if first_fin && let Some(closing) = self.closings.get_mut(number) {
            closing.keep(end, mark);
            if self.table.get(index).sides.iter().all(|side| side.is(Trait::Fin)) {
                self.complete(number);
            }
        }
        if !established && self.table.get(index).is(Bit::Established) {
            self.learn(index);
        }
    }

    /// A handshake was completed: what it says of the server is worth knowing for other connections.
    fn learn(&mut self, index: u32) {
        let connection = self.table.get(index);
        let server = connection.side(End::Server);
        if connection.is(Bit::Opened)
            && server.last.flags.has(Flags::SYN)
            && let Some(trip) = connection.trip(End::Server)
        {
            let mark = server.last;
            let address = self.table.tuple(index).server.ip();
            self.hosts.learn(address, mark.ttl, trip, !mark.ipv4() && mark.id != 0);
        }
    }

    /// A reset.
    fn reset(&mut self, index: u32, end: End, mark: Mark) {
        let connection = self.table.get(index);
        let number = connection.closing;
        if let Some(closing) = self.closings.get_mut(number)
            && !closing.refuted
            && closing.began != Began::Refusal
        {
            let again = closing
                .items
                .iter()
                .rev()
                .find(|item| item.end == end)
                .is_some_and(|last| last.mark.reset() && last.mark.seen_again(&mark));
            if !again {
                closing.keep(end, mark);
                self.table.get_mut(index).sides[end as usize].count();
                self.complete(number);
            }
            return;
        }
        let last = connection.last_at();
        let mut closing = Closing::new(index, connection, Began::Reset, Some(end), mark.at());
        let asked = connection.side(end.other());
        // Nobody had asked: the silence lasted until the reset.
        if last > 0 && (asked.outstanding == 0 || mark.at().saturating_sub(last) >= super::look::UNASKED) {
            closing.quiet = mark.at().saturating_sub(last);
        }
        closing.keep(end, mark);
        self.table.get_mut(index).sides[end as usize].count();
        self.close(closing, true);
    }

    /// An ICMP error about a segment of one of our connections.
    pub(super) fn refusal(&mut self, at: u64, number: u64, sighting: &Sighting, refusal: &Refusal) {
        let (key, low) = Key::of(refusal.source, refusal.destination);
        let Some(index) = self.table.find(&key) else { return };
        let connection = self.table.get(index);
        let sender = connection.sender(low);
        let side = connection.side(sender);
        let believed = !connection.is(Bit::Buried)
            && connection.closing == NONE
            && side.seen()
            && (-1 - BACK..1).contains(&past(refusal.sequence, side.next));
        let fatal = match refusal.kind {
            RefusalKind::Unreachable(_) => true,
            RefusalKind::TimeExceeded => side.last.ttl >= LIMITED,
            RefusalKind::TooBig | RefusalKind::Other(..) => false,
        };
        if !believed || !fatal {
            return;
        }
        // While it opens, the error ends it; later it is a hint that kernels note and go on (RFC 1122 section 4.2.3.9).
        let opening = !connection.is(Bit::Answered) && connection.is(Bit::Opened);
        let mut closing = Closing::new(index, connection, Began::Refusal, Some(sender.other()), at);
        closing.refusal = Some(Box::new((number, *sighting)));
        self.close(closing, opening);
    }
}

/// Whether the lower end opened the connection, and whether that is a guess.
fn opener(low: bool, segment: &Segment) -> (bool, bool) {
    let flags = segment.flags;
    if flags.has(Flags::SYN) && !flags.has(Flags::RST) {
        return (low != flags.has(Flags::ACK), false);
    }
    let service = |port: u16| if port < SYSTEM { 0 } else { 1 + u8::from(port >= EPHEMERAL) };
    let (source, destination) = (service(segment.source_port), service(segment.destination_port));
    // The one with the port of a service is the server; else who is seen first is taken for the client.
    (low != (source < destination), true)
}
