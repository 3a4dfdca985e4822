use super::*;
use crate::model::testimony::{Counters, Testimony};
use crate::wire::auth::{Nonce, Tag, Token};
use crate::wire::frame::{
    EVENT_LEN, HOWS, Hello, MAX_AFTER, MAX_PUSHES, MAX_SPACING, MIN_SPACING, Order, REFUSALS, REPORT_LEN, Role,
    SOCKETS, TESTIMONY_LEN, Traffic, Welcome, Whose,
};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

fn encoded(frame: Frame) -> BytesMut {
    let mut bytes = BytesMut::new();
    FrameCodec::default().encode(frame, &mut bytes).unwrap();
    bytes
}

fn order() -> impl Strategy<Value = Order> {
    let micros = |low: Duration, high: Duration| {
        (low.as_micros() as u64..=high.as_micros() as u64).prop_map(Duration::from_micros)
    };
    prop_oneof![
        Just(Order::Silent),
        Just(Order::Close),
        Just(Order::Reset),
        Just(Order::StopReading),
        Just(Order::Resume),
        Just(Order::Report),
        Just(Order::Nudge),
        (any::<IpAddr>(), 1_u16.., any::<u16>()).prop_map(|(client, port, server)| {
            let client = SocketAddr::new(client.to_canonical(), port);
            Order::Testify { of: Some(Whose { client, server }) }
        }),
        Just(Order::Testify { of: None }),
        (micros(Duration::ZERO, MAX_AFTER), 1..=MAX_PUSHES, micros(MIN_SPACING, MAX_SPACING))
            .prop_map(|(after, count, spacing)| Order::Push { after, count, spacing }),
    ]
}

fn testimony() -> impl Strategy<Value = Testimony> {
    let count = || prop::option::of(any::<u32>());
    let time = || prop::option::of(any::<u32>().prop_map(|micros| Duration::from_micros(micros.into())));
    let counts = prop::array::uniform8(count());
    let counters = prop::array::uniform8(count());
    let state = prop::option::of(prop::sample::select(&SOCKETS[..]));
    (counts, counters, any::<Option<(u8, u8)>>(), (time(), time()), state, any::<Option<bool>>()).prop_map(
        |(counts, counters, reset_ttl, (silence, watched), socket, listening)| Testimony {
            watched,
            remembers: None,
            arrived: counts[0],
            syns: counts[1],
            resets_sent: counts[2],
            fins_sent: counts[3],
            resets_received: counts[4],
            sent: counts[5],
            rebound: counts[6],
            untranslated: counts[7],
            reset_ttl,
            silence,
            socket,
            listening,
            counters: Counters {
                abort_on_close: counters[0],
                abort_on_data: counters[1],
                abort_on_timeout: counters[2],
                listen_overflows: counters[3],
                listen_drops: counters[4],
                embryonic_resets: counters[5],
                old_timestamps: counters[6],
                resets_sent: counters[7],
            },
        },
    )
}

fn frame() -> impl Strategy<Value = Frame> {
    let role = prop_oneof![Just(Role::Service), Just(Role::Hold), Just(Role::Control)];
    prop_oneof![
        (role, any::<[u8; 16]>(), any::<u32>(), any::<[u8; 16]>(), any::<u32>(), any::<[u8; 32]>()).prop_map(
            |(role, token, hold, nonce, seen, tag)| Frame::Hello(Hello {
                role,
                token: Token(token),
                hold,
                nonce: Nonce(nonce),
                seen,
                tag: Tag(tag),
            })
        ),
        any::<[u8; 16]>().prop_map(|nonce| Frame::Challenge { nonce: Nonce(nonce) }),
        any::<[u8; 32]>().prop_map(|tag| Frame::Proof { tag: Tag(tag) }),
        (any::<bool>(), any::<u32>(), any::<u32>(), any::<[u8; 32]>()).prop_map(|(resumed, seen, hold_limit, tag)| {
            Frame::Welcome(Welcome { resumed, seen, hold_limit, tag: Tag(tag) })
        }),
        prop::sample::select(&REFUSALS[..]).prop_map(|why| Frame::Refused { why }),
        any::<(u32, u32)>().prop_map(|(seq, seen)| Frame::Beat { seq, seen }),
        any::<(u32, u32)>().prop_map(|(seq, seen)| Frame::Echo { seq, seen }),
        any::<u8>().prop_map(|nth| Frame::Try { nth }),
        any::<u8>().prop_map(|nth| Frame::TryEcho { nth }),
        Just(Frame::Note),
        any::<u8>().prop_map(|nth| Frame::Ping { nth }),
        any::<u8>().prop_map(|nth| Frame::Pong { nth }),
        any::<u32>().prop_map(|hold| Frame::Nudged { hold }),
        any::<u8>().prop_map(|nth| Frame::Push { nth }),
        any::<u8>().prop_map(|nth| Frame::Answer { nth }),
        (any::<u32>(), order()).prop_map(|(hold, order)| Frame::Command { hold, order }),
        Just(Frame::Bye),
        any::<(u32, u8)>().prop_map(|(hold, nth)| Frame::Pushed { hold, nth }),
        any::<(u32, u8)>().prop_map(|(hold, nth)| Frame::Answered { hold, nth }),
        (any::<u32>(), prop::sample::select(&HOWS[..])).prop_map(|(hold, how)| Frame::Ended { hold, how }),
        any::<u32>().prop_map(|hold| Frame::Gone { hold }),
        any::<u32>().prop_map(|hold| Frame::Settled { hold }),
        (any::<u32>(), any::<(u64, u64)>(), any::<[u32; 9]>()).prop_map(|(hold, bytes, n)| Frame::Report {
            hold,
            traffic: Traffic {
                bytes_in: bytes.0,
                bytes_out: bytes.1,
                frames_in: n[0],
                frames_out: n[1],
                segs_in: n[2],
                segs_out: n[3],
                retransmitted: n[4],
                unacked: n[5],
                rtt_us: n[6],
                last_data_ms: n[7],
                last_ack_ms: n[8],
            },
        }),
        (any::<u32>(), testimony()).prop_map(|(hold, word)| Frame::Testimony { hold, word }),
        Just(Frame::Draining),
    ]
}

proptest! {
    #[test]
    fn every_frame_round_trips_however_it_is_cut(frames in prop::collection::vec(frame(), 1..8), cut in 1usize..40) {
        let mut bytes = BytesMut::new();
        for frame in &frames {
            FrameCodec::default().encode(*frame, &mut bytes).unwrap();
        }
        let mut inbox = BytesMut::new();
        let mut seen = Vec::new();
        for part in bytes.chunks(cut) {
            inbox.extend_from_slice(part);
            while let Some(frame) = FrameCodec::default().decode(&mut inbox).unwrap() {
                seen.push(frame);
            }
        }
        prop_assert_eq!(seen, frames);
        prop_assert!(inbox.is_empty());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_little_of_them_is_kept(bytes in prop::collection::vec(any::<u8>(), 0..1024)) {
        let mut inbox = BytesMut::from(&bytes[..]);
        let mut decoded = FrameCodec::default().decode(&mut inbox);
        while let Ok(Some(_)) = decoded {
            decoded = FrameCodec::default().decode(&mut inbox);
        }
        // Waiting for more is possible only within one frame.
        prop_assert!(decoded.is_err() || inbox.len() < MAX_FRAME + 2);
    }

    #[test]
    fn a_damaged_frame_never_panics(frame in frame(), at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = encoded(frame);
        let at = at.index(bytes.len());
        bytes[at] = value;
        while let Ok(Some(_)) = FrameCodec::default().decode(&mut bytes) {}
    }

    #[test]
    fn a_command_is_at_least_as_long_as_the_reports_that_it_asks_for(hold in any::<u32>(), order in order()) {
        let length = encoded(Frame::Command { hold, order }).len();
        prop_assert!(length >= order.credit());
    }
}

#[test]
fn a_hello_is_longer_than_everything_that_it_entitles_to() {
    let hello = Hello {
        role: Role::Hold,
        token: Token([0; 16]),
        hold: 0,
        nonce: Nonce::default(),
        seen: 0,
        tag: Tag::default(),
    };
    let welcome = Welcome { resumed: false, seen: 0, hold_limit: 0, tag: Tag::default() };
    let hello = encoded(Frame::Hello(hello)).len();
    let welcome = encoded(Frame::Welcome(welcome)).len();
    let challenge = encoded(Frame::Challenge { nonce: Nonce::default() }).len();
    let proof = encoded(Frame::Proof { tag: Tag::default() }).len();
    let draining = encoded(Frame::Draining).len();
    assert!(
        hello >= welcome + 3 * EVENT_LEN,
        "a hold: welcome, word that it settled, of an ICMP error, and of its end"
    );
    assert!(hello >= challenge + EVENT_LEN, "a service channel that is refused");
    assert!(hello + proof >= challenge + welcome + draining, "a service channel");
    assert!(hello >= encoded(Frame::Refused { why: REFUSALS[0] }).len());
}

#[test]
fn the_lengths_of_reports_are_what_the_credit_is_counted_with() {
    let traffic = Traffic::default();
    assert_eq!(encoded(Frame::Report { hold: 1, traffic }).len(), REPORT_LEN);
    let word = Testimony::default();
    assert_eq!(encoded(Frame::Testimony { hold: 1, word }).len(), TESTIMONY_LEN);
    assert_eq!(encoded(Frame::Pushed { hold: 1, nth: 0 }).len(), EVENT_LEN);
    assert_eq!(encoded(Frame::Answered { hold: 1, nth: 0 }).len(), EVENT_LEN);
    assert_eq!(encoded(Frame::Ended { hold: 1, how: HOWS[0] }).len(), EVENT_LEN);
    assert!(encoded(Frame::Gone { hold: 1 }).len() <= EVENT_LEN);
    assert!(encoded(Frame::Settled { hold: 1 }).len() <= EVENT_LEN);
}

#[test]
fn other_protocols_are_told_at_their_first_byte() {
    for first in ["GET / HTTP/1.1\r\n", "HTTP/1.1 400", "SSH-2.0-x", "220 mail", "\r\n", "\x15\x03\x01"] {
        let mut inbox = BytesMut::from(&first.as_bytes()[..1]);
        let error = FrameCodec::default().decode(&mut inbox).unwrap_err();
        assert!(matches!(error, FrameError::Length { .. }), "{first:?}: {error}");
    }
}

#[test]
fn a_command_that_is_too_short_for_its_reports_is_refused() {
    let order = Order::Push { after: Duration::ZERO, count: 16, spacing: MIN_SPACING };
    let whole = encoded(Frame::Command { hold: 1, order });
    let mut short = BytesMut::from(&whole[..60]);
    short[..2].copy_from_slice(&58u16.to_be_bytes());
    let error = FrameCodec::default().decode(&mut short).unwrap_err();
    assert!(matches!(error, FrameError::Credit { length: 60, credit: 136 }), "{error}");
}

#[test]
fn another_version_is_told_from_another_protocol() {
    let mut bytes = encoded(Frame::Challenge { nonce: Nonce::default() });
    bytes[7] = VERSION + 1;
    let error = FrameCodec::default().decode(&mut bytes.clone()).unwrap_err();
    assert!(matches!(error, FrameError::Version(v) if v == VERSION + 1), "{error}");
    bytes[3] = b'X';
    let error = FrameCodec::default().decode(&mut bytes).unwrap_err();
    assert!(matches!(error, FrameError::Magic), "{error}");
}
