//! Injectors: boxes that look into payloads and end connections with forged resets.
//!
//! On the path they only listen: the segment that triggered them passes, and the forged resets race it. In the path they
//! swallow it. What is known of their resets is in [`Fingerprint`]. Numbers that are random in the field are made from
//! a hash of the flow and of how many resets came before.

use super::stateful::{back, reset_of};
use super::{Direction, Emit, Flags, IpId, Look, Middlebox, Segment, hash};
use crate::time::{Duration, Instant};

/// Whose resets these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fingerprint {
    /// Three bare RST at X, X+1460, X+4380 (Clayton, Murdoch and Watson, "Ignoring the Great Firewall of China", 2006).
    Clayton,
    /// One bare RST without DF, with a window, TTL and window at random ("type 1" of Wang et al., IMC 2017).
    TypeOne,
    /// Three RST+ACK at X, X+1460, X+4380, whose TTL and window rise from one to the next ("type 2" of the same).
    TypeTwo,
    /// Three RST+ACK with equal sequence numbers, windows one apart, TTL rising; six, three to each end, where the trigger
    /// went out, and three, to the client, where it came in (net4people/bbs issues 285 of 2023 and 511 of 2025).
    Equal,
    /// A RST with the TTL that the trigger had on arrival, as if it came from as far away as its receiver is (Raman et
    /// al., "Network Measurement Methods for Locating and Examining Censorship Devices", `CoNEXT` 2022).
    CopiedTtl,
    /// A RST+ACK, where the TCP header has no options: longer headers are not understood (net4people/bbs issue 442).
    ShortHeader,
}

/// Where an injector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside the path: everything passes.
    OnPath,
    /// In the path: the trigger is swallowed.
    InPath,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Injector {
    fingerprint: Fingerprint,
    place: Place,
    pattern: Vec<u8>,
    penalty: Duration,
    punished_until: Instant,
    forged: u32,
}

/// Where the resets of three lie (Clayton et al.): a segment of 1460 bytes and one of 2920 further on.
const STRIDE: [u32; 3] = [0, 1460, 4380];

impl Injector {
    /// Triggered by `pattern` in a payload, either way. For `penalty` after it everything between the two hosts is reset.
    pub fn new(fingerprint: Fingerprint, place: Place, pattern: impl Into<Vec<u8>>, penalty: Duration) -> Self {
        let pattern = pattern.into();
        Self { fingerprint, place, pattern, penalty, punished_until: Instant::ZERO, forged: 0 }
    }

    /// Sends the resets about `segment` in `direction`.
    fn forge(&mut self, direction: Direction, about: &Segment, out: &mut Emit) {
        // A reset without ACK means nothing to whoever waits for the answer to a SYN.
        let bare = reset_of(about);
        let both = Flags::RST | Flags::ACK;
        match self.fingerprint {
            Fingerprint::Clayton => {
                for ahead in STRIDE {
                    self.send(direction, about, bare, Segment::TTL, Look { ahead, ..Look::KERNEL }, out);
                }
            }
            Fingerprint::TypeOne => {
                let random = self.random(about);
                let look = Look {
                    window: random as u16 | 1,
                    ip_id: IpId::Fixed((random >> 16) as u16),
                    dont_fragment: false,
                    ..Look::KERNEL
                };
                self.send(direction, about, bare, ttl(random, 0), look, out);
            }
            Fingerprint::TypeTwo => {
                // Cyclic: the next three go on where these end.
                let step = self.forged % 24;
                for (nth, ahead) in (0u8..).zip(STRIDE) {
                    let rising = step as u8 + nth;
                    let window = 700 + 10 * u16::from(rising);
                    let look = Look { ahead, window, ip_id: self.random_id(about), ..Look::KERNEL };
                    self.send(direction, about, both, 60 + rising, look, out);
                }
            }
            Fingerprint::Equal => {
                let random = self.random(about);
                let first = 1000 + (random % 3000) as u16;
                for nth in 0..3u8 {
                    let look = Look { window: first + u16::from(nth), ip_id: self.random_id(about), ..Look::KERNEL };
                    self.send(direction, about, both, ttl(random, nth), look, out);
                }
            }
            Fingerprint::CopiedTtl => {
                let look = Look { ip_id: self.random_id(about), ..Look::KERNEL };
                self.send(direction, about, bare, about.ttl, look, out);
            }
            Fingerprint::ShortHeader => {
                let look = Look { ip_id: self.random_id(about), ..Look::KERNEL };
                self.send(direction, about, both, Segment::TTL, look, out);
            }
        }
    }

    fn send(&mut self, to: Direction, about: &Segment, flags: Flags, ttl: u8, look: Look, out: &mut Emit) {
        self.forged = self.forged.wrapping_add(1);
        out.send_as(to, Segment { ttl, ..back(about, flags) }, look);
    }

    fn random(&self, about: &Segment) -> u64 {
        hash::mix(u64::from(self.forged), about.flow.0)
    }

    fn random_id(&self, about: &Segment) -> IpId {
        IpId::Fixed((self.random(about) >> 24) as u16)
    }
}

/// Between 48 and 111, and rising by `nth`.
const fn ttl(random: u64, nth: u8) -> u8 {
    48 + (random >> 40) as u8 % 62 + nth
}

impl Middlebox for Injector {
    fn pattern(&self) -> &[u8] {
        &self.pattern
    }

    fn handle(&mut self, now: Instant, direction: Direction, segment: Segment, out: &mut Emit) {
        let understood = self.fingerprint != Fingerprint::ShortHeader || segment.header == 20;
        let triggered = segment.marked && understood;
        let acts = (triggered || now < self.punished_until) && !segment.flags.has(Flags::RST);
        if !acts || self.place == Place::OnPath {
            out.forward(direction, segment);
        }
        if !acts {
            return;
        }
        if triggered {
            self.punished_until = self.punished_until.max(now + self.penalty);
        }
        self.forge(Direction::Inbound, &segment, out);
        if self.fingerprint != Fingerprint::Equal || direction == Direction::Outbound {
            self.forge(Direction::Outbound, &segment, out);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant, _: &mut Emit) {}
}
