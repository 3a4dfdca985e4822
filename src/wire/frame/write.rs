//! From a frame to its bytes, without the length in front and the padding behind.

use super::fields::put_duration;
use super::{Frame, HOWS, MAGIC, Order, REFUSALS, VERSION, kind, testimony};
use bytes::{BufMut, BytesMut};
use std::net::{IpAddr, Ipv6Addr};

fn first(kind: u8, to: &mut BytesMut) {
    to.put_u8(kind);
    to.put_slice(&MAGIC);
    to.put_u8(VERSION);
}

/// Writes kind and body, without padding.
pub(super) fn put(frame: Frame, to: &mut BytesMut) {
    match frame {
        Frame::Hello(hello) => {
            first(kind::HELLO, to);
            to.put_u8(hello.role.code());
            to.put_slice(&hello.token.0);
            to.put_u32(hello.hold);
            to.put_slice(&hello.nonce.0);
            to.put_u32(hello.seen);
            to.put_slice(&hello.tag.0);
        }
        Frame::Challenge { nonce } => {
            first(kind::CHALLENGE, to);
            to.put_slice(&nonce.0);
        }
        Frame::Proof { tag } => {
            to.put_u8(kind::PROOF);
            to.put_slice(&tag.0);
        }
        Frame::Welcome(welcome) => {
            first(kind::WELCOME, to);
            to.put_u8(welcome.resumed.into());
            to.put_u32(welcome.seen);
            to.put_u32(welcome.hold_limit);
            to.put_slice(&welcome.tag.0);
        }
        Frame::Refused { why } => {
            first(kind::REFUSED, to);
            put_code(&REFUSALS, &why, to);
        }
        Frame::Beat { seq, seen } => put_pair(kind::BEAT, seq, seen, to),
        Frame::Echo { seq, seen } => put_pair(kind::ECHO, seq, seen, to),
        Frame::Try { nth } => to.put_slice(&[kind::TRY, nth]),
        Frame::TryEcho { nth } => to.put_slice(&[kind::TRY_ECHO, nth]),
        Frame::Push { nth } => to.put_slice(&[kind::PUSH, nth]),
        Frame::Answer { nth } => to.put_slice(&[kind::ANSWER, nth]),
        Frame::Note => to.put_u8(kind::NOTE),
        Frame::Ping { nth } => to.put_slice(&[kind::PING, nth]),
        Frame::Pong { nth } => to.put_slice(&[kind::PONG, nth]),
        Frame::Command { hold, order } => put_command(hold, order, to),
        Frame::Bye => to.put_u8(kind::BYE),
        Frame::Pushed { hold, nth } => {
            put_event(kind::PUSHED, hold, to);
            to.put_u8(nth);
        }
        Frame::Answered { hold, nth } => {
            put_event(kind::ANSWERED, hold, to);
            to.put_u8(nth);
        }
        Frame::Ended { hold, how } => {
            put_event(kind::ENDED, hold, to);
            put_code(&HOWS, &how, to);
        }
        Frame::Gone { hold } => put_event(kind::GONE, hold, to),
        Frame::Report { hold, traffic } => {
            put_event(kind::REPORT, hold, to);
            to.put_u64(traffic.bytes_in);
            to.put_u64(traffic.bytes_out);
            for value in [
                traffic.frames_in,
                traffic.frames_out,
                traffic.segs_in,
                traffic.segs_out,
                traffic.retransmitted,
                traffic.unacked,
                traffic.rtt_us,
                traffic.last_data_ms,
                traffic.last_ack_ms,
            ] {
                to.put_u32(value);
            }
        }
        Frame::Nudged { hold } => put_event(kind::NUDGED, hold, to),
        Frame::Testimony { hold, word } => {
            put_event(kind::TESTIMONY, hold, to);
            testimony::put(&word, to);
        }
        Frame::Settled { hold } => put_event(kind::SETTLED, hold, to),
        Frame::Draining => to.put_u8(kind::DRAINING),
    }
}

fn put_event(kind: u8, hold: u32, to: &mut BytesMut) {
    to.put_u8(kind);
    to.put_u32(hold);
}

fn put_pair(kind: u8, seq: u32, seen: u32, to: &mut BytesMut) {
    to.put_u8(kind);
    to.put_u32(seq);
    to.put_u32(seen);
}

/// Writes the place of `word` in its table.
fn put_code<T: PartialEq>(table: &[T], word: &T, to: &mut BytesMut) {
    let code = table.iter().position(|known| known == word).unwrap_or(usize::MAX);
    to.put_u8(code as u8);
}

fn put_command(hold: u32, order: Order, to: &mut BytesMut) {
    to.put_u8(kind::COMMAND);
    to.put_u32(hold);
    match order {
        Order::Silent => to.put_u8(0),
        Order::Push { after, count, spacing } => {
            to.put_u8(1);
            put_duration(to, after);
            to.put_u8(count);
            put_duration(to, spacing);
        }
        Order::Close => to.put_u8(2),
        Order::Reset => to.put_u8(3),
        Order::StopReading => to.put_u8(4),
        Order::Resume => to.put_u8(5),
        Order::Report => to.put_u8(6),
        Order::Nudge => to.put_u8(8),
        Order::Testify { of } => {
            to.put_u8(7);
            let address = match of.map(|of| of.client.ip()) {
                Some(IpAddr::V4(v4)) => v4.to_ipv6_mapped(),
                Some(IpAddr::V6(v6)) => v6,
                None => Ipv6Addr::UNSPECIFIED,
            };
            to.put_slice(&address.octets());
            to.put_u16(of.map_or(0, |of| of.client.port()));
            to.put_u16(of.map_or(0, |of| of.server));
        }
    }
}
