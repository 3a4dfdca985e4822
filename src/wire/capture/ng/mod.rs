//! pcapng: blocks of many kinds, in sections with interfaces of their own (draft-ietf-opsawg-pcapng).
//!
//! Every block says its length at both ends, so after damage the next one is easily recognised: a type that is known, and
//! two lengths that agree.

mod block;
mod clock;
mod interface;

use std::io::Read;

use pcap_parser::{Block, OptionCode, parse_block_be, parse_block_le};

pub(super) use self::block::SECTION;
use self::block::{BIG_ENDIAN, LITTLE_ENDIAN, OLD_PACKET, SHORTEST, is_known, length, word};
use self::clock::Clock;
use self::interface::Interface;
use super::error::{CaptureError, Log};
use super::link::Link;
use super::window::Window;
use super::{Found, LARGEST_PACKET};

/// Interfaces of a section that are kept: their number is 16 bits wide in the oldest blocks, and no host has more.
const INTERFACES: usize = 1 << 16;
/// A pcapng file.
#[derive(Debug)]
pub(super) struct Ng {
    /// Byte order of the section.
    big_endian: bool,
    /// The interfaces of the section so far.
    interfaces: Vec<Interface>,
}

/// What a block is to the reader of packets.
enum Step {
    Packet(Found),
    Other,
    /// Whole, but not as it should be.
    Bad(String),
}

impl Ng {
    /// A file that begins with `bytes`.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, CaptureError> {
        let Some(order) = bytes.get(8..12) else {
            return Err(CaptureError::HeaderCut { bytes: bytes.len(), format: "pcapng" });
        };
        if order != BIG_ENDIAN && order != LITTLE_ENDIAN {
            return Err(CaptureError::other(bytes));
        }
        Ok(Self { big_endian: order == BIG_ENDIAN, interfaces: Vec::new() })
    }

    /// The next packet, which is to have this number.
    pub(super) fn next<R: Read>(
        &mut self,
        window: &mut Window<R>,
        log: &mut Log,
        number: u64,
    ) -> Result<Option<Found>, CaptureError> {
        loop {
            let at = window.position();
            if !window.has(SHORTEST)? {
                let left = window.bytes().len();
                if left > 0 {
                    log.add(at, number, format!("the file ends {left} bytes into the header of a block"));
                    window.consume(left);
                }
                return Ok(None);
            }
            let what = match length(window.bytes(), self.big_endian) {
                None => "no block's header".to_owned(),
                Some((length, big_endian)) if window.has(length)? => {
                    let block = &window.bytes()[..length];
                    if word(&block[length - 4..], big_endian) as usize == length {
                        self.big_endian = big_endian;
                        let step = self.step(block);
                        window.consume(length);
                        match step {
                            Step::Packet(found) => return Ok(Some(found)),
                            Step::Other => {}
                            Step::Bad(what) => log.add(at, number, what),
                        }
                        continue;
                    }
                    format!("the block says at its beginning that it has {length} bytes, and at its end something else")
                }
                Some((length, _)) => {
                    format!("the file ends within a block: {} of {length} bytes are there", window.bytes().len())
                }
            };
            if !self.recover(window, log, number, &what)? {
                let left = window.position() - at;
                log.add(at, number, format!("{what}; in the last {left} bytes of the file there is no other block"));
                return Ok(None);
            }
        }
    }

    /// Takes a whole block.
    #[inline]
    fn step(&mut self, block: &[u8]) -> Step {
        if word(block, self.big_endian) == OLD_PACKET {
            return self.old_packet(block);
        }
        let parse = if self.big_endian { parse_block_be } else { parse_block_le };
        let Ok((_, parsed)) = parse(block) else {
            return Step::Bad("a block whose contents do not fit it, passed over".to_owned());
        };
        match parsed {
            Block::EnhancedPacket(packet) => {
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let place = Place { block, data: packet.data, kept: packet.caplen, original: packet.origlen };
                self.packet(packet.if_id, Some(ticks), &place)
            }
            Block::SimplePacket(packet) => {
                // It does not say how much was captured: all of it, or as much as the interface allowed.
                let limit = self.interfaces.first().map_or(u32::MAX, |interface| interface.most);
                let kept = packet.origlen.min(limit).min(packet.data.len() as u32);
                self.packet(0, None, &Place { block, data: packet.data, kept, original: packet.origlen })
            }
            Block::SectionHeader(_) => {
                self.interfaces.clear();
                Step::Other
            }
            Block::InterfaceDescription(description) => {
                let option = |code| description.options.iter().find(|option| option.code == code);
                let bytes = |code| option(code).and_then(|option| option.as_bytes().ok());
                let resolution = bytes(OptionCode::IfTsresol).and_then(|bytes| bytes.first().copied());
                // pcap-parser reads this one as little-endian in every section.
                let offset = bytes(OptionCode::IfTsoffset).and_then(|bytes| bytes.first_chunk().copied());
                let offset = offset
                    .map(|eight| if self.big_endian { i64::from_be_bytes(eight) } else { i64::from_le_bytes(eight) });
                let link = Link::from_number(description.linktype.0 as u16);
                let most = if description.snaplen == 0 { u32::MAX } else { description.snaplen };
                let clock = Clock::new(resolution.unwrap_or(clock::MICROSECONDS), offset.unwrap_or(0));
                self.add(Interface { link, most, clock })
            }
            _ => Step::Other,
        }
    }

    /// Takes an interface.
    fn add(&mut self, interface: Interface) -> Step {
        if self.interfaces.len() >= INTERFACES {
            return Step::Bad(format!(
                "more than {INTERFACES} interfaces in a section: the packets of this one are passed over"
            ));
        }
        self.interfaces.push(interface);
        match interface.link {
            Link::Other(_) => {
                let number = self.interfaces.len() - 1;
                let link = interface.link;
                Step::Bad(format!("{link} of interface {number} cannot be read: its packets are passed over"))
            }
            _ => Step::Other,
        }
    }

    /// Takes an obsolete packet block: 20 bytes (interface, drops, time, lengths), then the packet.
    fn old_packet(&self, block: &[u8]) -> Step {
        let Some(fixed) = block.get(8..28).filter(|_| block.len() >= 32) else {
            return Step::Bad("an old packet block without room for its header, passed over".to_owned());
        };
        let field = |at: usize| word(&fixed[at..], self.big_endian);
        let interface = [fixed[0], fixed[1]];
        let interface = if self.big_endian { u16::from_be_bytes(interface) } else { u16::from_le_bytes(interface) };
        let ticks = u64::from(field(4)) << 32 | u64::from(field(8));
        let place = Place { block, data: &block[28..block.len() - 4], kept: field(12), original: field(16) };
        self.packet(interface.into(), Some(ticks), &place)
    }

    /// A packet of this interface.
    #[inline]
    fn packet(&self, interface: u32, ticks: Option<u64>, place: &Place<'_>) -> Step {
        let Some(known) = self.interfaces.get(interface as usize) else {
            return Step::Bad(format!(
                "a packet of interface {interface}, which the section has not described, passed over"
            ));
        };
        let kept = place.kept as usize;
        if kept > place.data.len() || kept > LARGEST_PACKET {
            return Step::Bad(format!(
                "a packet of {kept} captured bytes in a block of {}, passed over",
                place.block.len()
            ));
        }
        Step::Packet(Found {
            back: place.block.len() - (place.data.as_ptr().addr() - place.block.as_ptr().addr()),
            kept,
            original: (place.original as usize).max(kept),
            time: ticks.map(|ticks| known.clock.time(ticks)),
            link: known.link,
            interface,
        })
    }

    /// Passes over bytes until a block begins; says so, and what was wrong. False: there is none, and nothing is said.
    #[cold]
    fn recover<R: Read>(
        &self,
        window: &mut Window<R>,
        log: &mut Log,
        number: u64,
        what: &str,
    ) -> Result<bool, CaptureError> {
        let from = window.position();
        let found = window.seek(SHORTEST, |window| {
            let bytes = window.bytes();
            let known = is_known(bytes, self.big_endian).then(|| length(bytes, self.big_endian)).flatten();
            let Some((length, big_endian)) = known else { return Ok(false) };
            Ok(window.has(length)? && word(&window.bytes()[length - 4..], big_endian) as usize == length)
        })?;
        if let Some(skipped) = found {
            log.add(from, number, format!("{what}: {skipped} bytes are skipped, to where a block begins"));
        }
        Ok(found.is_some())
    }
}

/// Where a packet is in its block.
struct Place<'a> {
    block: &'a [u8],
    /// The packet, with its padding.
    data: &'a [u8],
    kept: u32,
    original: u32,
}
