//! From the bytes of one frame to its meaning.

use super::fields::Fields;
use super::{
    Frame, FrameError, HOWS, Hello, How, MAGIC, MAX_AFTER, MAX_PUSHES, MAX_SPACING, MIN_SPACING, Order, REFUSALS,
    Refusal, Role, Traffic, VERSION, Welcome, Whose, kind, testimony,
};
use crate::wire::auth::{Nonce, Tag, Token};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Reads kind and body.
pub(super) fn read(bytes: &[u8]) -> Result<Frame, FrameError> {
    let mut fields = Fields(bytes);
    let kind = fields.u8()?;
    if kind <= kind::CHALLENGE || kind == kind::WELCOME || kind == kind::REFUSED {
        if fields.array::<4>()? != MAGIC {
            return Err(FrameError::Magic);
        }
        let version = fields.u8()?;
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
    }
    let frame = match kind {
        kind::HELLO => Frame::Hello(Hello {
            role: role(fields.u8()?)?,
            token: Token(fields.array()?),
            hold: fields.u32()?,
            nonce: Nonce(fields.array()?),
            seen: fields.u32()?,
            tag: Tag(fields.array()?),
        }),
        kind::CHALLENGE => Frame::Challenge { nonce: Nonce(fields.array()?) },
        kind::PROOF => Frame::Proof { tag: Tag(fields.array()?) },
        kind::WELCOME => Frame::Welcome(Welcome {
            resumed: fields.u8()? != 0,
            seen: fields.u32()?,
            hold_limit: fields.u32()?,
            tag: Tag(fields.array()?),
        }),
        kind::REFUSED => Frame::Refused { why: refusal(fields.u8()?)? },
        kind::BEAT => Frame::Beat { seq: fields.u32()?, seen: fields.u32()? },
        kind::ECHO => Frame::Echo { seq: fields.u32()?, seen: fields.u32()? },
        kind::TRY => Frame::Try { nth: fields.u8()? },
        kind::TRY_ECHO => Frame::TryEcho { nth: fields.u8()? },
        kind::PUSH => Frame::Push { nth: fields.u8()? },
        kind::ANSWER => Frame::Answer { nth: fields.u8()? },
        kind::NOTE => Frame::Note,
        kind::PING => Frame::Ping { nth: fields.u8()? },
        kind::PONG => Frame::Pong { nth: fields.u8()? },
        kind::COMMAND => return command(bytes.len(), &mut fields),
        kind::BYE => Frame::Bye,
        kind::PUSHED => Frame::Pushed { hold: fields.u32()?, nth: fields.u8()? },
        kind::ANSWERED => Frame::Answered { hold: fields.u32()?, nth: fields.u8()? },
        kind::ENDED => Frame::Ended { hold: fields.u32()?, how: how(fields.u8()?)? },
        kind::GONE => Frame::Gone { hold: fields.u32()? },
        kind::REPORT => Frame::Report { hold: fields.u32()?, traffic: traffic(&mut fields)? },
        kind::NUDGED => Frame::Nudged { hold: fields.u32()? },
        kind::TESTIMONY => Frame::Testimony { hold: fields.u32()?, word: testimony::read(&mut fields)? },
        kind::SETTLED => Frame::Settled { hold: fields.u32()? },
        kind::DRAINING => Frame::Draining,
        other => return Err(FrameError::Kind(other)),
    };
    match fields.0.len() {
        0 => Ok(frame),
        left => Err(FrameError::Trailing(left)),
    }
}

/// Reads a command: whatever follows its fields is padding, of which there must be enough.
fn command(length: usize, fields: &mut Fields<'_>) -> Result<Frame, FrameError> {
    let hold = fields.u32()?;
    let order = match fields.u8()? {
        0 => Order::Silent,
        1 => {
            let after = fields.duration("the delay of a push", Duration::ZERO, MAX_AFTER)?;
            let count = fields.u8()?;
            if count == 0 || count > MAX_PUSHES {
                return Err(FrameError::Field { what: "the number of pushes", value: count.into() });
            }
            let spacing = fields.duration("the time between pushes", MIN_SPACING, MAX_SPACING)?;
            Order::Push { after, count, spacing }
        }
        2 => Order::Close,
        3 => Order::Reset,
        4 => Order::StopReading,
        5 => Order::Resume,
        6 => Order::Report,
        8 => Order::Nudge,
        7 => {
            let address = Ipv6Addr::from(fields.array()?).to_canonical();
            let (client, server) = (SocketAddr::new(address, fields.u16()?), fields.u16()?);
            Order::Testify { of: (client.port() > 0).then_some(Whose { client, server }) }
        }
        code => return Err(field("an order", code)),
    };
    let length = 2 + length;
    if length < order.credit() {
        return Err(FrameError::Credit { length, credit: order.credit() });
    }
    Ok(Frame::Command { hold, order })
}

fn field(what: &'static str, code: u8) -> FrameError {
    FrameError::Field { what, value: code.into() }
}

fn role(code: u8) -> Result<Role, FrameError> {
    [Role::Service, Role::Hold, Role::Control]
        .into_iter()
        .find(|role| role.code() == code)
        .ok_or_else(|| field("a role", code))
}

fn refusal(code: u8) -> Result<Refusal, FrameError> {
    REFUSALS.get(usize::from(code)).copied().ok_or_else(|| field("a refusal", code))
}

fn how(code: u8) -> Result<How, FrameError> {
    HOWS.get(usize::from(code)).copied().ok_or_else(|| field("an ending", code))
}

fn traffic(fields: &mut Fields<'_>) -> Result<Traffic, FrameError> {
    Ok(Traffic {
        bytes_in: fields.u64()?,
        bytes_out: fields.u64()?,
        frames_in: fields.u32()?,
        frames_out: fields.u32()?,
        segs_in: fields.u32()?,
        segs_out: fields.u32()?,
        retransmitted: fields.u32()?,
        unacked: fields.u32()?,
        rtt_us: fields.u32()?,
        last_data_ms: fields.u32()?,
        last_ack_ms: fields.u32()?,
    })
}
