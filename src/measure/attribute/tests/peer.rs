//! Resets of the peer's own: a socket that aborts, or a host that knows nothing.

use super::talk::{ACK, FIN_ACK, RST_ACK, Talk};
use crate::measure::attribute::{End, Hops, Local, Settings, Template};
use crate::model::testimony::{Counters, SocketState};
use crate::model::{Cause, Class, Outcome, Stage, Testimony};

fn counted(counters: Counters) -> Testimony {
    let zero = Counters {
        abort_on_close: Some(0),
        abort_on_data: Some(0),
        abort_on_timeout: Some(0),
        listen_overflows: Some(0),
        listen_drops: Some(0),
        embryonic_resets: Some(0),
        ..Counters::default()
    };
    let counters = Counters {
        abort_on_close: counters.abort_on_close.or(zero.abort_on_close),
        abort_on_data: counters.abort_on_data.or(zero.abort_on_data),
        abort_on_timeout: counters.abort_on_timeout.or(zero.abort_on_timeout),
        listen_overflows: counters.listen_overflows.or(zero.listen_overflows),
        ..zero
    };
    Testimony {
        resets_sent: Some(1),
        fins_sent: Some(0),
        syns: Some(1),
        socket: Some(SocketState::Absent),
        listening: Some(true),
        counters,
        ..Testimony::default()
    }
}

fn aborted() -> Talk {
    let mut talk = Talk::spoken();
    talk.wait(500.0);
    talk.abort(End::Server);
    talk
}

#[test]
fn a_socket_that_aborts_is_told_from_its_look_alone_but_not_why() {
    let ended = aborted().ended();
    assert_eq!(ended.verdict.cause, Cause::Aborted, "{:?}", ended.verdict);
    assert_eq!((ended.by, ended.how, ended.stage), (Some(End::Server), Outcome::Reset, Stage::Data));
    assert_eq!(ended.verdict.hop, Some(Hops { low: 3, high: 3 }));
    assert!(ended.verdict.confidence > 0.8 && ended.verdict.confidence < 0.95);
    assert!(ended.exhibits.iter().any(|exhibit| exhibit.number == 8), "{:?}", ended.exhibits);
}

#[test]
fn over_ipv6_the_flow_label_and_the_time_stamps_tell() {
    let mut talk = Talk::new();
    talk.v6 = true;
    talk.open();
    talk.speak();
    talk.wait(500.0);
    talk.abort(End::Server);
    assert_eq!(talk.verdict().cause, Cause::Aborted);
}

#[test]
fn a_window_on_a_reset_is_no_injection() {
    // The folklore that makes every SO_LINGER an attack.
    let mut talk = Talk::spoken();
    talk.forge(End::Server, RST_ACK, |piece| piece.segment.window = 4321);
    assert_eq!(talk.verdict().cause, Cause::Aborted);
}

#[test]
fn the_counters_of_the_peer_say_why_it_aborted() {
    let close = Counters { abort_on_close: Some(1), ..Counters::default() };
    assert_eq!(aborted().with(counted(close)).cause, Cause::UnreadData);
    let linger = Counters { abort_on_data: Some(1), ..Counters::default() };
    assert_eq!(aborted().with(counted(linger)).cause, Cause::LingerReset);
    let timeout = Counters { abort_on_timeout: Some(1), ..Counters::default() };
    assert_eq!(aborted().with(counted(timeout)).cause, Cause::KeepaliveTimeout);
    let both = Counters { abort_on_data: Some(1), abort_on_close: Some(2), ..Counters::default() };
    assert_eq!(
        aborted().with(counted(both)).cause,
        Cause::Aborted,
        "counters of the whole host are not one connection's"
    );
    assert_eq!(aborted().with(counted(Counters::default())).cause, Cause::LingerReset, "ss -K counts nothing");
}

#[test]
fn a_child_that_nobody_accepted_is_told_by_the_listener_that_is_gone() {
    let talk = || {
        let mut talk = Talk::new();
        talk.open();
        talk.wait(300.0);
        talk.abort(End::Server);
        talk
    };
    assert_eq!(talk().verdict().cause, Cause::Aborted);
    assert_eq!(talk().ended().stage, Stage::Open);
    let gone = Testimony { listening: Some(false), ..counted(Counters::default()) };
    assert_eq!(talk().with(gone).cause, Cause::Unaccepted);
    assert_eq!(talk().with(counted(Counters::default())).cause, Cause::Aborted, "a tool could have done it");
}

#[test]
fn keepalives_without_an_answer_before_it_are_a_keepalive_timeout() {
    let mut talk = Talk::spoken();
    for _ in 0..3 {
        talk.wait(1000.0);
        talk.keepalive(End::Server, 0);
    }
    talk.wait(1000.0);
    talk.abort(End::Server);
    let verdict = talk.verdict();
    assert_eq!(verdict.cause, Cause::KeepaliveTimeout, "{verdict:?}");
    assert!(verdict.evidence.iter().any(|line| line.contains("3 keepalives")), "{verdict:?}");
    // Answered ones were no reason.
    let mut talk = Talk::spoken();
    for _ in 0..3 {
        talk.wait(1000.0);
        talk.keepalive(End::Server, 0);
        talk.wait(0.1);
        talk.send(End::Client, ACK, |_| {});
    }
    talk.wait(300.0);
    talk.abort(End::Server);
    assert_eq!(talk.verdict().cause, Cause::Aborted);
}

fn lost(quiet: f64) -> Talk {
    let mut talk = Talk::spoken();
    talk.wait(quiet);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |_| {});
    talk
}

#[test]
fn a_host_without_the_connection_is_told_but_not_why() {
    let ended = lost(9000.0).ended();
    assert_eq!(ended.verdict.cause, Cause::StateLost, "{:?}", ended.verdict);
    assert_eq!(ended.verdict.cause.class(), Class::Undetermined);
    assert!((ended.idle.as_secs_f64() - 9.0).abs() < 0.01, "{:?}", ended.idle);
}

#[test]
fn several_segments_in_flight_draw_several_resets_and_that_is_no_injection() {
    let mut talk = Talk::spoken();
    for _ in 0..4 {
        talk.data(End::Client, 1448);
    }
    talk.wait(20.0);
    for _ in 0..4 {
        talk.wait(0.2);
        talk.bare(End::Server, |_| {});
    }
    assert_eq!(talk.verdict().cause, Cause::StateLost);
}

#[test]
fn an_abort_followed_by_bare_resets_for_what_was_in_flight_is_an_abort() {
    let mut talk = Talk::spoken();
    talk.data(End::Client, 1448);
    talk.wait(10.0);
    talk.forge(End::Server, RST_ACK, |piece| piece.segment.acknowledgement -= 1448);
    talk.wait(10.0);
    talk.bare(End::Server, |_| {});
    assert_eq!(talk.verdict().cause, Cause::Aborted);
}

#[test]
fn the_witness_tells_why_the_state_is_lost() {
    let word = |socket, rebound, untranslated| Testimony {
        socket: Some(socket),
        rebound: Some(rebound),
        untranslated: Some(untranslated),
        ..counted(Counters::default())
    };
    assert_eq!(lost(9000.0).with(word(SocketState::Absent, 0, 0)).cause, Cause::SilentDrop);
    let other = Testimony { resets_sent: Some(0), ..word(SocketState::Open, 1, 0) };
    assert_eq!(lost(9000.0).with(other).cause, Cause::NatRebind);
    let raw = Testimony { resets_sent: Some(0), ..word(SocketState::Open, 0, 1) };
    assert_eq!(lost(9000.0).with(raw).cause, Cause::Untranslated);
    let counters = Counters { abort_on_timeout: Some(1), ..Counters::default() };
    let timed = Testimony { counters: counted(counters).counters, ..word(SocketState::Absent, 0, 0) };
    assert_eq!(lost(9000.0).with(timed).cause, Cause::PeerTimedOut);
    assert_eq!(lost(9000.0).with(word(SocketState::TimedOut, 0, 0)).cause, Cause::PeerTimedOut);
    let anew = Testimony { syns: Some(0), ..word(SocketState::Absent, 0, 0) };
    assert_eq!(lost(9000.0).with(anew).cause, Cause::PeerRestarted);
    let late = Testimony { watched: Some(super::talk::seconds(2.0)), ..anew };
    assert_eq!(lost(9000.0).with(late).cause, Cause::StateLost, "it did not watch when the SYN came");
    let mut restarted = lost(9000.0);
    restarted.know(Local::WitnessRestarted);
    assert_eq!(restarted.with(late).cause, Cause::PeerRestarted, "but we know that it was started anew");
    // Its host says that it sent none, and none for anybody else: somebody on the way did.
    let none = Testimony { resets_sent: Some(0), ..word(SocketState::Open, 0, 0) };
    assert_eq!(lost(9000.0).with(none).cause.class(), Class::Path);
}

#[test]
fn a_queue_that_was_full_at_the_last_moment_resets_the_first_segment() {
    let talk = || {
        let mut talk = Talk::new();
        talk.open();
        talk.wait(19.0);
        talk.bare(End::Server, |_| {});
        talk
    };
    assert_eq!(talk().verdict().cause, Cause::StateLost);
    let counters = Counters { listen_overflows: Some(1), ..Counters::default() };
    assert_eq!(talk().with(counted(counters)).cause, Cause::BacklogFull);
}

#[test]
fn random_identifications_and_no_time_stamps_leave_it_open() {
    let mut talk = Talk::new();
    talk.stamps = false;
    talk.open();
    for id in [5, 40_000, 200, 61_000] {
        talk.kernels[1].id = id;
        talk.speak();
        talk.wait(10.0);
    }
    talk.kernels[1].id = 12_345;
    talk.abort(End::Server);
    let verdict = talk.verdict();
    assert_eq!(verdict.cause, Cause::Undetermined, "{verdict:?}");
}

#[test]
fn a_route_that_became_a_hop_longer_does_not_make_an_abort_a_forgery() {
    let mut talk = Talk::spoken();
    talk.wait(60_000.0);
    talk.kernels[1].ttl = 61;
    talk.abort(End::Server);
    assert_eq!(talk.verdict().cause, Cause::Aborted);
}

#[test]
fn a_host_whose_resets_start_from_another_time_to_live_is_not_a_box() {
    // Solaris and others: 255 for resets, 64 for sockets.
    let mut talk = Talk::spoken();
    talk.wait(5000.0);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |piece| piece.network.ttl = 253);
    assert_eq!(talk.verdict().cause, Cause::StateLost);
}

#[test]
fn a_target_is_judged_by_its_own_templates() {
    // A host that sets IP_TTL on its sockets: its kernel's own resets have another one.
    let mut talk = Talk::new();
    talk.kernels[1].ttl = 40;
    talk.open();
    talk.speak();
    talk.wait(5000.0);
    talk.data(End::Client, 50);
    talk.wait(20.0);
    talk.bare(End::Server, |piece| piece.network.ttl = 62);
    assert_ne!(talk.verdict().cause, Cause::StateLost);
    let mut tracker = crate::measure::attribute::Tracker::new(Settings::default());
    let passive = *talk.seen.last().unwrap();
    tracker.calibrate(talk.tuple().server, Template { passive: Some(passive), ..Template::default() });
    for sighting in &talk.seen {
        tracker.see(sighting);
    }
    assert_eq!(tracker.verdict(&talk.tuple()).unwrap().cause, Cause::StateLost);
}

#[test]
fn a_segment_far_out_of_the_window_that_draws_a_reset_was_wrong_itself() {
    let mut talk = Talk::spoken();
    talk.wait(100.0);
    talk.forge(End::Client, ACK, |piece| {
        piece.segment.sequence = piece.segment.sequence.wrapping_add(10_000_000);
        piece.segment.length = 10;
    });
    talk.wait(20.0);
    talk.bare(End::Server, |_| {});
    assert_eq!(talk.verdict().cause, Cause::WrongSequence);
    let word = Testimony { untranslated: Some(1), resets_sent: Some(0), ..Testimony::default() };
    assert_eq!(talk.with(word).cause, Cause::Untranslated);
}

#[test]
fn a_capture_at_the_server_judges_the_client_the_same_way() {
    let at_server = |talk: &mut Talk| {
        talk.kernels[0].ttl = 58;
        talk.kernels[1].ttl = 64;
    };
    let mut talk = Talk::new();
    at_server(&mut talk);
    talk.open();
    talk.speak();
    talk.wait(3000.0);
    talk.abort(End::Client);
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.by), (Cause::Aborted, Some(End::Client)), "{:?}", ended.verdict);
    let mut talk = Talk::new();
    at_server(&mut talk);
    talk.open();
    talk.speak();
    talk.send(End::Server, FIN_ACK, |_| {});
    talk.wait(20.0);
    talk.send(End::Client, FIN_ACK, |_| {});
    assert_eq!(talk.verdict().cause, Cause::LocalClose, "the server is us");
}
