//! Injectors, for the tests of those who look for them. What triggers them is a pattern of the user's choice.

use super::machines::{lasting, machine};
use super::{Entry, Parameter, Takes};

const PATTERN: Parameter = Parameter {
    name: "pattern",
    about: "what in a payload triggers it",
    takes: Takes::Text,
    default: Some("forbidden"),
};

const PLACE: Parameter = Parameter {
    name: "place",
    about: "beside the path, where the trigger passes, or in it, where it is swallowed",
    takes: Takes::Word(&["on-path", "in-path"]),
    default: Some("on-path"),
};

const fn penalty(default: &'static str) -> Parameter {
    lasting("penalty", "how long everything between the two hosts is reset afterwards", default)
}

pub(super) const ENTRIES: &[Entry] = &[
    machine(
        "injector-2006",
        "three resets to each end, at X, X+1460 and X+4380",
        "Clayton, Murdoch and Watson, \"Ignoring the Great Firewall of China\" (2006); the paper tells of minutes of \
         blocking afterwards, 20 on average",
        &[PATTERN, PLACE, penalty("20m")],
    ),
    machine(
        "injector-type-1",
        "one reset to each end, without DF, with a window, TTL and window at random",
        "Wang et al., \"Your State is Not Mine\" (IMC 2017), type-1 resets; no blocking afterwards",
        &[PATTERN, PLACE, penalty("0s")],
    ),
    machine(
        "injector-type-2",
        "three RST+ACK to each end, at X, X+1460 and X+4380, TTL and window rising",
        "Wang et al., \"Your State is Not Mine\" (IMC 2017), type-2 resets; everything is blocked for 90 s afterwards",
        &[PATTERN, PLACE, penalty("90s")],
    ),
    machine(
        "injector-equal",
        "three RST+ACK with equal sequence numbers, windows one apart; to both ends where the trigger went out",
        "net4people/bbs issues 285 (2023) and 511 (2025); no blocking afterwards is told of",
        &[PATTERN, PLACE, penalty("0s")],
    ),
    machine(
        "injector-copy-ttl",
        "a reset to each end with the TTL of the segment that triggered it",
        "TTL-copying devices found with CenTrace (Raman et al., CoNEXT 2022)",
        &[PATTERN, PLACE, penalty("0s")],
    ),
    machine(
        "injector-short-header",
        "a RST+ACK to each end, but understands only TCP headers without options",
        "the firewall of Henan province (net4people/bbs issue 442)",
        &[PATTERN, PLACE, penalty("0s")],
    ),
];
