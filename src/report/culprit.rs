//! Who ended the connections, in one sentence, where their packets were seen.

use super::sentence::percent;
use crate::measure::Told;
use crate::model::{Class, Grounds};

/// Whose packets ended the connections, how far from here they came from, and why that is believed.
pub(super) fn culprit(told: &Told) -> String {
    let grounds = &told.grounds;
    let share = match (told.agree, told.of) {
        (1, 1) => "1 ending".to_owned(),
        (agree, of) if agree == of => format!("{of} endings"),
        (agree, of) => format!("{agree} of {of} endings"),
    };
    let mut text = format!(
        "{}{}{} ({}, {}, {share})",
        who(grounds),
        place(grounds),
        time_to_live(grounds),
        grounds.cause,
        percent(grounds.confidence)
    );
    if let Some(first) = grounds.evidence.first() {
        text.push_str(": ");
        text.push_str(first.trim_end_matches('.'));
    }
    text
}

fn who(grounds: &Grounds) -> String {
    match grounds.cause.class() {
        Class::PeerKernel => "the kernel of the other end".into(),
        Class::PeerApplication => "the program at the other end".into(),
        Class::Path => "a box on the way".into(),
        Class::Injector => match grounds.fingerprint {
            Some(family) => format!("somebody on the way who forges segments ({family})"),
            None => "somebody on the way who forges segments".into(),
        },
        Class::Network => "a router that knows no way".into(),
        Class::Local => "this host".into(),
        Class::Undetermined => "the packets do not decide".into(),
    }
}

fn place(grounds: &Grounds) -> String {
    let class = grounds.cause.class();
    match grounds.hops {
        Some(_) if matches!(class, Class::Local | Class::Undetermined) => String::new(),
        Some((1, 1)) => ", 1 hop from here".into(),
        Some((low, high)) if low == high => format!(", {low} hops from here"),
        Some((low, high)) => format!(", {low} to {high} hops from here"),
        None => String::new(),
    }
}

fn time_to_live(grounds: &Grounds) -> String {
    match grounds.ttl {
        Some((ending, Some(usual))) if ending != usual => format!(", TTL {ending} where the other end's is {usual}"),
        Some((ending, Some(_))) => format!(", TTL {ending} as the other end's"),
        Some((ending, None)) => format!(", TTL {ending}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cause;

    fn told(cause: Cause, hops: Option<(u8, u8)>, ttl: Option<(u8, Option<u8>)>) -> Told {
        let evidence = vec!["it answered within 0.2 ms where a round trip takes 40 ms.".to_owned()];
        let grounds = Grounds { cause, confidence: 0.97, hops, ttl, fingerprint: None, evidence };
        Told { grounds, agree: 44, of: 45 }
    }

    #[test]
    fn a_box_is_named_with_its_distance_and_its_time_to_live() {
        assert_eq!(
            culprit(&told(Cause::PathReset, Some((1, 1)), Some((64, Some(62))))),
            "a box on the way, 1 hop from here, TTL 64 where the other end's is 62 (path-reset, 97 %, 44 of 45 endings): \
             it answered within 0.2 ms where a round trip takes 40 ms"
        );
    }

    #[test]
    fn what_is_not_decided_names_nobody() {
        let text = culprit(&told(Cause::StateLost, Some((3, 3)), Some((62, Some(62)))));
        assert!(text.starts_with("the packets do not decide, TTL 62 as the other end's (state-lost"), "{text}");
    }
}
