//! A testimony on the wire: a bit for every field that is known, then all fields at their places, unknown ones as 0.

use super::fields::Fields;
use super::{FrameError, SOCKETS};
use crate::model::testimony::{Counters, Testimony};
use crate::time::Duration;
use bytes::{BufMut, BytesMut};

/// The fields that are counts, in the order of their bits.
const fn counts(word: &Testimony) -> [Option<u32>; 16] {
    let counters = &word.counters;
    [
        word.arrived,
        word.sent,
        word.syns,
        word.resets_sent,
        word.fins_sent,
        word.resets_received,
        word.rebound,
        word.untranslated,
        counters.abort_on_close,
        counters.abort_on_data,
        counters.abort_on_timeout,
        counters.listen_overflows,
        counters.listen_drops,
        counters.embryonic_resets,
        counters.old_timestamps,
        counters.resets_sent,
    ]
}

pub(super) fn put(word: &Testimony, to: &mut BytesMut) {
    let counts = counts(word);
    let others = [
        word.reset_ttl.is_some(),
        word.silence.is_some(),
        word.watched.is_some(),
        word.socket.is_some(),
        word.listening.is_some(),
    ];
    let known = counts.iter().map(Option::is_some).chain(others);
    to.put_u32(known.enumerate().map(|(bit, known)| u32::from(known) << bit).sum());
    for count in counts {
        to.put_u32(count.unwrap_or(0));
    }
    let (reset, usual) = word.reset_ttl.unwrap_or_default();
    to.put_slice(&[reset, usual]);
    for time in [word.silence, word.watched] {
        to.put_u64(time.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)));
    }
    let socket = word.socket.and_then(|socket| SOCKETS.iter().position(|known| *known == socket));
    to.put_u8(socket.unwrap_or(0) as u8);
    to.put_u8(word.listening.unwrap_or(false).into());
}

pub(super) fn read(fields: &mut Fields<'_>) -> Result<Testimony, FrameError> {
    let known = fields.u32()?;
    let mut bits = (0..21).map(|bit| known >> bit & 1 == 1);
    let mut known = move || bits.next().unwrap_or(false);
    let mut count = || -> Result<Option<u32>, FrameError> {
        let value = fields.u32()?;
        Ok(known().then_some(value))
    };
    let word = Testimony {
        arrived: count()?,
        sent: count()?,
        syns: count()?,
        resets_sent: count()?,
        fins_sent: count()?,
        resets_received: count()?,
        rebound: count()?,
        untranslated: count()?,
        counters: Counters {
            abort_on_close: count()?,
            abort_on_data: count()?,
            abort_on_timeout: count()?,
            listen_overflows: count()?,
            listen_drops: count()?,
            embryonic_resets: count()?,
            old_timestamps: count()?,
            resets_sent: count()?,
        },
        ..Testimony::default()
    };
    let (reset, usual) = (fields.u8()?, fields.u8()?);
    let reset_ttl = known().then_some((reset, usual));
    let (silence, watched) = (fields.u64()?, fields.u64()?);
    let silence = known().then_some(Duration::from_micros(silence));
    let watched = known().then_some(Duration::from_micros(watched));
    let (code, listening) = (fields.u8()?, fields.u8()?);
    let state = SOCKETS.get(usize::from(code)).copied();
    let state = state.ok_or(FrameError::Field { what: "the state of a socket", value: code.into() })?;
    let socket = known().then_some(state);
    let listening = known().then_some(listening != 0);
    Ok(Testimony { watched, reset_ttl, silence, socket, listening, ..word })
}
