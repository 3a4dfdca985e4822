//! The notation, and that every entry is a box.

use super::{BoxSpec, Entry, Kind, Takes, entries};
use crate::time::Duration;
use proptest::prelude::*;

fn read(text: &str) -> BoxSpec {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<BoxSpec>().expect_err(text).to_string()
}

#[test]
fn every_entry_is_a_box_with_its_defaults_and_says_where_it_is_from() {
    for entry in entries() {
        let spec = read(entry.name);
        assert!(spec.machine().is_some(), "{}", entry.name);
        assert_eq!(spec.to_string(), entry.name, "what is default is not written");
        assert!(!entry.about.is_empty() && !entry.like.is_empty(), "{}", entry.name);
        assert_eq!(spec.kind(), entry.kind);
        assert_eq!(entries().iter().filter(|other| other.name == entry.name).count(), 1);
    }
}

#[test]
fn names_of_the_contract_are_all_there() {
    let wanted = "nat firewall haproxy nginx nginx-stream stunnel passt reviving-firewall reviving-nat strict-nat \
        remapping-nat strict-firewall rejecting-firewall icmp-firewall announcing-reset silent-balancer closing-balancer \
        half-polite-balancer half-closing-balancer carrier outbound-only inbound-only data-only eats-one-byte \
        eats-zero-byte maximum-age evicting shrinking mixture timestamp-stripper mirror-firewall sequence-nat quota-nat \
        injector-2006 injector-type-1 injector-type-2 injector-equal injector-copy-ttl injector-short-header";
    let names: Vec<&str> = entries().iter().map(|entry| entry.name).collect();
    assert_eq!(names, wanted.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn parameters_are_read_and_the_rest_has_its_default() {
    let nat = read("nat,timeout=5s,random");
    assert_eq!(nat.duration("timeout"), Some(Duration::from_secs(5)));
    assert_eq!((nat.text("random"), nat.text("loose"), nat.text("new")), (Some("yes"), Some("yes"), Some("any")));
    assert_eq!(nat.to_string(), "nat,timeout=5s,random=yes");
    let mixture = read("mixture, first=1m30s, share=30%");
    assert_eq!((mixture.duration("first"), mixture.share("share")), (Some(Duration::from_secs(90)), Some(0.3)));
    assert_eq!(mixture.to_string(), "mixture,first=1m30s,share=0.3");
    assert_eq!(read("quota-nat,ports=4").count("ports"), Some(4));
    assert_eq!(read("injector-2006,pattern=GET /?a=b c").text("pattern"), Some("GET /?a=b c"));
    assert_eq!(read("haproxy").duration("tunnel"), None);
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let cases = [
        ("gnat", "there is no box `gnat` (did you mean `nat`?); `idlescope lab --list` has them all"),
        (
            "nat,timout=5s",
            "box `nat`: there is no parameter `timout` (did you mean `timeout`?); it takes timeout, loose, \
                           random, invalid, inbound, new",
        ),
        ("nat,loose=maybe", "box `nat`: loose=maybe: it takes yes or no"),
        ("nat,inbound=anser", "box `nat`: inbound=anser: it takes answer or drop (did you mean `answer`?)"),
        ("nat,timeout", "box `nat`: `timeout` needs a value: timeout=5s"),
        ("nat,timeout=5s,timeout=6s", "box `nat`: `timeout` is said twice; say it once"),
        ("nat,timeout=1.5", "box `nat`: timeout=1s500ms: the real box takes whole seconds only"),
        ("nat,timeout=0", "box `nat`: timeout=0s: it must be longer than nothing, such as 5s"),
        ("passt,timeout=5s", "box `passt`: there is no parameter `timeout`; nothing can be set"),
        ("evicting,table=0", "box `evicting`: table=0: it must be at least 1"),
        ("evicting,table=many", "box `evicting`: table=many: a whole number is wanted, such as 100"),
        ("mixture,share=130%", "box `mixture`: share=130%: a share is wanted, from 0 to 1 or as in 30%"),
        ("injector-equal,pattern=", "box `injector-equal`: pattern=: it must not be empty"),
        ("shrinking,from=9,to=9", "box `shrinking`: `from` must be less than `to`"),
        (
            "nat,random,loose=no",
            "box `nat`: `random` is about state created anew, which `loose=no` and `new=syn` forbid; \
                                 leave one out",
        ),
        (
            "haproxy,tunnel=5s,client=5s",
            "box `haproxy`: `tunnel` takes the place of the other timeouts; leave them out",
        ),
        (
            "half-closing-balancer,timeout=9s,other=9s",
            "box `half-closing-balancer`: `other` must be longer than \
                                                       `timeout`",
        ),
        ("", "a box is written as its name and parameters, as in nat,timeout=5s"),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), message);
    }
    assert!(refused("nat,timeout=soon").contains("write it as 90, 2.5, 500ms, 5m or 1h30m"));
}

/// Any value that a parameter takes, as somebody may write it.
fn written(takes: Takes) -> BoxedStrategy<String> {
    match takes {
        Takes::Duration => prop_oneof![
            (1u32..1_000_000).prop_map(|s| s.to_string()),
            (1u32..100, 1u32..60).prop_map(|(h, m)| format!("{h}h{m}m")),
            (1u64..10_000_000).prop_map(|ms| format!("{ms}ms")),
        ]
        .boxed(),
        Takes::Count => (1u32..).prop_map(|n| n.to_string()).boxed(),
        Takes::Share => {
            prop_oneof![(0.0..=1.0f64).prop_map(|s| s.to_string()), (0u8..=100).prop_map(|p| format!("{p}%"))].boxed()
        }
        Takes::Text => "[^,\\p{Cc}]{1,12}".boxed(),
        Takes::Word(words) => proptest::sample::select(words).prop_map(str::to_owned).boxed(),
    }
}

fn any_box() -> impl Strategy<Value = String> {
    proptest::sample::select(entries()).prop_flat_map(|entry: Entry| {
        let parts: Vec<BoxedStrategy<Option<String>>> = entry
            .parameters
            .iter()
            .map(|parameter| {
                let name = parameter.name;
                proptest::option::of(written(parameter.takes).prop_map(move |value| format!("{name}={value}"))).boxed()
            })
            .collect();
        parts.prop_map(move |parts| {
            parts.into_iter().flatten().fold(entry.name.to_owned(), |all, part| format!("{all},{part}"))
        })
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(text in any_box()) {
        if let Ok(spec) = text.parse::<BoxSpec>() {
            prop_assert_eq!(spec.to_string().parse::<BoxSpec>(), Ok(spec));
        }
    }

    #[test]
    fn anything_is_read_or_refused_in_one_line(text in ".{0,60}") {
        if let Err(error) = text.parse::<BoxSpec>() {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}

#[test]
fn real_boxes_take_the_place_of_the_machine_that_does_the_same() {
    assert_eq!(entries().iter().filter(|entry| entry.kind == Kind::Kernel).count(), 2);
    assert!(read("nat").machine().is_some_and(|nat| nat.translates()));
    assert!(read("firewall").machine().is_some_and(|firewall| !firewall.translates()));
    assert_eq!(
        read("injector-equal,pattern=abc").machine().map(|machine| machine.pattern().to_vec()),
        Some(b"abc".to_vec())
    );
}
