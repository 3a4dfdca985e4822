//! Which connection a packet belongs to, and that each ending is reported once.

use super::talk::{ACK, FIN_ACK, SYN, Talk};
use crate::measure::attribute::{End, Settings, Tracker};
use crate::model::{Cause, Outcome, Stage};

fn closed(talk: &mut Talk) {
    talk.send(End::Server, FIN_ACK, |_| {});
    talk.wait(0.1);
    talk.send(End::Client, FIN_ACK, |_| {});
    talk.wait(20.0);
    talk.send(End::Server, ACK, |_| {});
}

#[test]
fn ports_that_are_used_again_are_another_connection() {
    for pause in [10.0, 5000.0, 200_000.0] {
        let mut talk = Talk::spoken();
        closed(&mut talk);
        talk.wait(pause);
        talk.kernels[0].next = 70_000_000;
        talk.kernels[1].next = 80_000_000;
        talk.open();
        talk.speak();
        talk.wait(100.0);
        talk.abort(End::Server);
        let all = talk.all(Settings::default());
        let causes: Vec<Cause> = all.iter().map(|ended| ended.verdict.cause).collect();
        assert_eq!(causes, [Cause::OrderlyClose, Cause::Aborted], "after {pause} ms");
    }
}

#[test]
fn ports_that_are_used_again_although_nobody_saw_an_end_are_another_connection() {
    let mut talk = Talk::spoken();
    talk.wait(100_000.0);
    talk.kernels[0].next = 70_000_000;
    talk.kernels[1].next = 80_000_000;
    talk.open();
    talk.speak();
    closed(&mut talk);
    let all = talk.all(Settings::default());
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!((all[0].how, all[0].verdict.cause), (Outcome::Silent, Cause::Undetermined));
    assert_eq!(all[1].verdict.cause, Cause::OrderlyClose);
    assert_eq!(all[1].opened.unwrap(), talk.seen[8].at);
}

#[test]
fn a_syn_into_an_open_connection_is_a_probe() {
    let mut talk = Talk::spoken();
    talk.wait(1000.0);
    talk.forge(End::Client, SYN, |piece| piece.segment.sequence = 5);
    talk.wait(20.0);
    talk.send(End::Server, ACK, |_| {});
    talk.wait(1000.0);
    talk.speak();
    talk.wait(100.0);
    talk.abort(End::Server);
    assert_eq!(talk.verdict().cause, Cause::Aborted, "{:?}", talk.verdict());
}

#[test]
fn a_capture_that_sees_every_packet_twice_judges_the_same() {
    let endings: [fn(&mut Talk); 3] = [
        closed,
        |talk| talk.abort(End::Server),
        |talk| {
            talk.data(End::Client, 9);
            talk.wait(20.0);
            talk.bare(End::Server, |_| {});
        },
    ];
    for (nth, end) in endings.into_iter().enumerate() {
        let mut talk = Talk::spoken();
        talk.wait(700.0);
        end(&mut talk);
        let once = talk.ended();
        talk.seen = talk.seen.iter().flat_map(|sighting| [*sighting; 2]).collect();
        let twice = talk.ended();
        assert_eq!((twice.verdict.cause, twice.idle), (once.verdict.cause, once.idle), "{nth}");
    }
}

#[test]
fn a_capture_that_begins_in_the_middle_still_judges() {
    let mut talk = Talk::spoken();
    talk.speak();
    talk.wait(5000.0);
    talk.abort(End::Server);
    talk.seen.drain(..6);
    let ended = talk.ended();
    assert_eq!((ended.verdict.cause, ended.opened), (Cause::Aborted, None));
    assert_eq!((ended.tuple, ended.by), (talk.tuple(), Some(End::Server)), "the port of a service is the server's");
    let mut alone = Talk::spoken();
    alone.abort(End::Server);
    alone.seen.drain(..8);
    assert_eq!(alone.ended().verdict.cause, Cause::Undetermined);
    assert_eq!(alone.ended().stage, Stage::Unknown);
}

#[test]
fn records_out_of_order_change_nothing() {
    let mut talk = Talk::spoken();
    talk.speak();
    talk.wait(5000.0);
    talk.abort(End::Server);
    let last = talk.seen.len() - 1;
    talk.seen.swap(4, 5);
    talk.seen.swap(last - 3, last - 2);
    assert_eq!(talk.verdict().cause, Cause::Aborted);
}

#[test]
fn segments_before_segmentation_are_as_good() {
    let mut talk = Talk::spoken();
    for _ in 0..5 {
        talk.data(End::Server, 64_000);
        // The kernel counts each frame that it becomes.
        talk.kernels[1].id += 44;
        talk.wait(20.0);
        talk.send(End::Client, ACK, |_| {});
    }
    talk.wait(3000.0);
    talk.abort(End::Server);
    let ended = talk.ended();
    assert_eq!(ended.verdict.cause, Cause::Aborted, "{:?}", ended.verdict);
    assert_eq!(ended.bytes, 5 * 64_000 + 300);
}

#[test]
fn a_long_silence_is_an_end_where_the_settings_say_so() {
    let mut talk = Talk::spoken();
    talk.wait(500_000.0);
    assert!(talk.all(Settings::default()).is_empty());
    let settings = Settings { silence: Some(super::talk::seconds(300.0)), ..Settings::default() };
    let all = talk.all(settings);
    assert_eq!((all.len(), all[0].how), (1, Outcome::Silent));
}

#[test]
fn more_connections_than_the_limit_push_out_the_oldest() {
    let mut tracker = Tracker::new(Settings { limit: 100, ..Settings::default() });
    let mut talk = Talk::new();
    for port in 0..1000 {
        talk.ports[0] = 10_000 + port;
        talk.open();
    }
    talk.seen.iter().for_each(|sighting| tracker.see(sighting));
    tracker.finish();
    assert_eq!(tracker.poll(), None);
    let tally = tracker.tally();
    assert_eq!((tally.seen, tally.open, tally.forgotten, tally.ended), (1000, 100, 900, 0));
    talk.ports[0] = 10_999;
    assert_eq!(tracker.verdict(&talk.tuple()), None);
}

#[test]
fn a_word_that_comes_after_the_report_still_sharpens() {
    let mut talk = Talk::spoken();
    talk.wait(500.0);
    talk.abort(End::Server);
    let mut tracker = Tracker::new(Settings::default());
    talk.seen.iter().for_each(|sighting| tracker.see(sighting));
    tracker.pass(crate::time::Instant::from_secs_f64(talk.now / 1e3 + 5.0));
    assert_eq!(tracker.poll().unwrap().verdict.cause, Cause::Aborted);
    let counters = crate::model::testimony::Counters { abort_on_close: Some(1), ..Default::default() };
    tracker.testify(&talk.tuple(), &crate::model::Testimony { counters, ..Default::default() });
    assert_eq!(tracker.verdict(&talk.tuple()).unwrap().cause, Cause::UnreadData);
    tracker.finish();
    assert_eq!(tracker.poll(), None, "reported once");
}
