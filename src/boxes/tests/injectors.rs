//! The fingerprints of the injectors.

use super::super::{Act, Emission, IpId, Look};
use super::named::Named;
use super::{Direction, FLOW, Flags, FlowId, Inbound, Outbound, RESET, Segment};

fn marked(ttl: u8) -> Segment {
    Segment { marked: true, ttl, ..Segment::data(FLOW, 20) }
}

/// What was let through, and what was made for one end: its flags, TTL and look.
fn split(emitted: &[Emission], to: Direction) -> (usize, Vec<(Flags, u8, Look)>) {
    let made = emitted.iter().filter(|e| e.direction == to).filter_map(|e| match e.act {
        Act::Make(look) => Some((e.segment.flags, e.segment.ttl, look)),
        _ => None,
    });
    (emitted.iter().filter(|e| e.forwarded()).count(), made.collect())
}

fn triggered(text: &str, direction: Direction) -> Vec<Emission> {
    let mut injector = Named::opened(text);
    assert_eq!(injector.told(0.5, direction, Segment::data(FLOW, 20)).len(), 3, "without the pattern nothing happens");
    injector.emitted(1.0, direction, marked(60))
}

#[test]
fn the_first_generation_sends_three_resets_a_segment_apart_to_each_end() {
    let emitted = triggered("injector-2006", Outbound);
    for end in [Inbound, Outbound] {
        let (passed, made) = split(&emitted, end);
        assert_eq!((passed, made.iter().map(|(_, _, look)| look.ahead).collect::<Vec<_>>()), (1, vec![0, 1460, 4380]));
        assert!(made.iter().all(|(flags, ..)| *flags == Flags::RST));
    }
    assert!(emitted[0].forwarded(), "the original is ahead of the resets");
}

#[test]
fn type_one_is_one_bare_reset_without_df_and_with_a_window() {
    let (_, made) = split(&triggered("injector-type-1", Outbound), Inbound);
    let [(flags, _, look)] = made[..] else { panic!("{made:?}") };
    assert!(flags == Flags::RST && !look.dont_fragment && look.window != 0 && look.ahead == 0);
}

#[test]
fn type_two_counts_ttl_and_window_up() {
    let (_, made) = split(&triggered("injector-type-2", Inbound), Outbound);
    assert_eq!(made.iter().map(|(_, _, look)| look.ahead).collect::<Vec<_>>(), [0, 1460, 4380]);
    assert!(made.iter().all(|(flags, ..)| *flags == RESET));
    assert!(made.windows(2).all(|two| two[0].1 < two[1].1 && two[0].2.window < two[1].2.window), "{made:?}");
}

#[test]
fn type_two_punishes_both_hosts_for_ninety_seconds() {
    let mut injector = Named::opened("injector-type-2");
    injector.emitted(1.0, Outbound, marked(60));
    let syn = Segment::bare(FlowId(8), Flags::SYN);
    let (passed, made) = split(&injector.emitted(90.9, Outbound, syn), Inbound);
    assert_eq!(
        (passed, made.len(), made[0].0),
        (1, 3, RESET),
        "another connection, and a reset that a SYN is answered by"
    );
    assert_eq!(injector.told(90.9, Inbound, Segment::bare(FLOW, RESET)), "< R.", "resets pass and are not answered");
    assert_eq!(injector.told(91.0, Outbound, syn), "> S");
}

#[test]
fn equal_resets_come_in_threes_and_to_both_ends_when_the_trigger_went_out() {
    let outbound = triggered("injector-equal", Outbound);
    let (_, made) = split(&outbound, Inbound);
    assert!(made.iter().all(|(flags, _, look)| *flags == RESET && look.ahead == 0));
    assert!(made.windows(2).all(|two| two[0].2.window + 1 == two[1].2.window && two[0].1 < two[1].1), "{made:?}");
    assert_eq!((made.len(), split(&outbound, Outbound).1.len()), (3, 3));
    let inbound = triggered("injector-equal", Inbound);
    assert_eq!((split(&inbound, Inbound).1.len(), split(&inbound, Outbound).1.len()), (3, 0));
}

#[test]
fn a_copied_ttl_is_that_of_the_trigger() {
    for end in [Inbound, Outbound] {
        assert_eq!(split(&triggered("injector-copy-ttl", Outbound), end).1[0].1, 60);
    }
}

#[test]
fn a_reader_of_short_headers_does_not_see_past_options() {
    let mut injector = Named::opened("injector-short-header");
    assert_eq!(injector.told(1.0, Outbound, marked(60)), "> .");
    let short = Segment { header: 20, ..marked(60) };
    assert_eq!(split(&injector.emitted(1.0, Outbound, short), Inbound).1.len(), 1);
}

#[test]
fn in_the_path_the_trigger_is_swallowed() {
    let (passed, made) = split(&triggered("injector-type-1,place=in-path", Outbound), Outbound);
    assert_eq!((passed, made.len()), (0, 1));
}

#[test]
fn what_looks_random_is_the_same_in_every_run_and_differs_from_reset_to_reset() {
    assert_eq!(triggered("injector-equal", Outbound), triggered("injector-equal", Outbound));
    let ids: Vec<IpId> = split(&triggered("injector-equal", Outbound), Inbound).1.iter().map(|m| m.2.ip_id).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}
