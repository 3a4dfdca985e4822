//! Links and paths as they are written: `delay=20ms,loss=1%`, and `nat,timeout=5s → router → delay=20ms`.
//!
//! Both directions of a link are meant unless a key begins with `out.` (client to server) or `in.`. What is printed
//! reads back as the same link.

use super::{Chain, GilbertElliott, Lane, LinkSpec, Loss, Node};
use crate::model::{duration, near};
use crate::time::Duration;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// A link that cannot be read: names the key and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LinkError {
    message: String,
}

/// What can be said of a link, with an example each.
const KEYS: [(&str, &str); 7] = [
    ("delay", "20ms"),
    ("jitter", "5ms"),
    ("loss", "1%"),
    ("burst", "200ms"),
    ("calm", "20s"),
    ("burst-loss", "50%"),
    ("rate", "10mbit"),
];

/// The units of a rate, as tc(8) has them.
const UNITS: [(&str, f64); 4] = [("gbit", 1e9), ("mbit", 1e6), ("kbit", 1e3), ("bit", 1.0)];

/// One direction while it is read: loss comes in several keys.
#[derive(Clone, Copy, Default)]
struct Draft {
    delay: Option<Duration>,
    jitter: Option<Duration>,
    loss: Option<f64>,
    burst: Option<Duration>,
    calm: Option<Duration>,
    burst_loss: Option<f64>,
    rate: Option<u64>,
}

fn error(message: impl Into<String>) -> LinkError {
    LinkError { message: message.into() }
}

/// What a link takes, for errors.
fn known() -> String {
    let examples: Vec<String> = KEYS.iter().map(|(key, example)| format!("{key}={example}")).collect();
    format!("a link takes {}, and out. or in. before a key for one direction", examples.join(", "))
}

impl FromStr for LinkSpec {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (mut both, mut outbound, mut inbound) = (Draft::default(), Draft::default(), Draft::default());
        if text.trim().is_empty() {
            return Err(error(format!("a link without properties is no link; {}", known())));
        }
        for part in text.split(',') {
            let (whole, value) = match part.split_once('=') {
                Some((key, value)) => (key.trim(), value.trim()),
                None => (part.trim(), ""),
            };
            let (draft, key) = match (whole.strip_prefix("out."), whole.strip_prefix("in.")) {
                (Some(key), _) => (&mut outbound, key),
                (_, Some(key)) => (&mut inbound, key),
                _ => (&mut both, whole),
            };
            draft.set(whole, key, value)?;
        }
        Ok(Self { outbound: outbound.or(both).lane("out")?, inbound: inbound.or(both).lane("in")?, hops: 0 })
    }
}

impl Draft {
    fn set(&mut self, whole: &str, key: &str, value: &str) -> Result<(), LinkError> {
        let Some((_, example)) = KEYS.iter().find(|(name, _)| *name == key) else {
            let meant = near::hint(key, &KEYS.map(|(name, _)| name));
            return Err(error(format!("there is no `{}`{meant}; {}", shown(whole), known())));
        };
        let not = |why: String| error(format!("{whole}={}: {why}", shown(value)));
        if value.is_empty() {
            return Err(error(format!("`{whole}` needs a value, such as {whole}={example}")));
        }
        let time = || duration::parse(value).map_err(|why| not(why.to_string()));
        let share = || share(value).ok_or_else(|| not("write a share from 0% to 100%, such as 1% or 0.01".into()));
        let again = match key {
            "delay" => self.delay.replace(time()?).is_some(),
            "jitter" => self.jitter.replace(time()?).is_some(),
            "loss" => self.loss.replace(share()?).is_some(),
            "burst" => self.burst.replace(time()?).is_some(),
            "calm" => self.calm.replace(time()?).is_some(),
            "burst-loss" => self.burst_loss.replace(share()?).is_some(),
            _ => {
                let wanted = || not("write bits a second, from 1bit to 100gbit, such as 10mbit or 500kbit".into());
                self.rate.replace(rate(value).ok_or_else(wanted)?).is_some()
            }
        };
        if again { Err(error(format!("`{whole}` is said twice; say it once"))) } else { Ok(()) }
    }

    /// What is said of this direction, and else of both.
    fn or(self, both: Self) -> Self {
        Self {
            delay: self.delay.or(both.delay),
            jitter: self.jitter.or(both.jitter),
            loss: self.loss.or(both.loss),
            burst: self.burst.or(both.burst),
            calm: self.calm.or(both.calm),
            burst_loss: self.burst_loss.or(both.burst_loss),
            rate: self.rate.or(both.rate),
        }
    }

    fn lane(self, direction: &str) -> Result<Lane, LinkError> {
        let loss = match (self.burst, self.calm) {
            (None, None) if self.burst_loss.is_some() => {
                return Err(error(format!(
                    "burst-loss needs bursts: burst=200ms,calm=20s says how long they and the calm between last ({direction})"
                )));
            }
            (None, None) => match self.loss {
                None | Some(0.0) => Loss::None,
                Some(loss) => Loss::Independent(loss),
            },
            (Some(bad), Some(good)) if !bad.is_zero() && !good.is_zero() => Loss::Burst(GilbertElliott {
                good,
                bad,
                loss_good: self.loss.unwrap_or(0.0),
                loss_bad: self.burst_loss.unwrap_or(1.0),
            }),
            _ => {
                return Err(error(format!(
                    "burst and calm go together and are longer than nothing: burst=200ms,calm=20s ({direction})"
                )));
            }
        };
        let or_none = Option::unwrap_or_default;
        Ok(Lane { delay: or_none(self.delay), jitter: or_none(self.jitter), loss, rate: self.rate })
    }
}

fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().ok()? / 100.0,
        None => text.parse::<f64>().ok()?,
    };
    // Not -0, which prints as another number.
    (0.0..=1.0).contains(&share).then_some(share.abs())
}

fn rate(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, unit)))?;
    let bits = number.trim_end().parse::<f64>().ok()? * unit;
    (1.0..=1e11).contains(&bits).then_some(bits.round() as u64)
}

/// As it may be shown: without control characters, and not longer than a line.
fn shown(written: &str) -> String {
    written.chars().filter(|c| !c.is_control()).take(40).collect()
}

impl fmt::Display for LinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outbound, inbound) = (self.outbound.properties(), self.inbound.properties());
        let mut parts = Vec::new();
        for (key, _) in KEYS {
            let of =
                |lane: &[(&str, String)]| lane.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
            match (of(&outbound), of(&inbound)) {
                (Some(out), Some(inn)) if out == inn => parts.push(format!("{key}={out}")),
                (out, inn) => {
                    parts.extend(out.map(|value| format!("out.{key}={value}")));
                    parts.extend(inn.map(|value| format!("in.{key}={value}")));
                }
            }
        }
        if parts.is_empty() {
            parts.push("delay=0s".to_owned());
        }
        f.write_str(&parts.join(","))
    }
}

impl Lane {
    /// What is to be said of it.
    fn properties(&self) -> Vec<(&'static str, String)> {
        let time = |time: Duration| humantime::format_duration(time).to_string().replace(' ', "");
        let mut said = Vec::new();
        said.extend(Some(("delay", time(self.delay))).filter(|_| !self.delay.is_zero()));
        said.extend(Some(("jitter", time(self.jitter))).filter(|_| !self.jitter.is_zero()));
        match self.loss {
            Loss::None => {}
            Loss::Independent(loss) => said.push(("loss", percent(loss))),
            Loss::Burst(GilbertElliott { good, bad, loss_good, loss_bad }) => {
                said.extend(Some(("loss", percent(loss_good))).filter(|_| loss_good > 0.0));
                said.extend([("burst", time(bad)), ("calm", time(good))]);
                said.extend(Some(("burst-loss", percent(loss_bad))).filter(|_| loss_bad < 1.0));
            }
        }
        said.extend(self.rate.map(|rate| ("rate", bits(rate))));
        said
    }
}

/// A percentage where it reads back as the same share, and else the share.
fn percent(share: f64) -> String {
    let percent = (share * 1e12).round() / 1e10;
    if percent / 100.0 == share { format!("{percent}%") } else { share.to_string() }
}

fn bits(rate: u64) -> String {
    let fits = UNITS.iter().find(|(_, unit)| rate.is_multiple_of(*unit as u64));
    fits.map_or_else(|| format!("{rate}bit"), |(name, unit)| format!("{}{name}", rate / *unit as u64))
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box(spec) => spec.fmt(f),
            Self::Router => f.write_str("router"),
            Self::Link(link) => write!(f, "link {link}"),
        }
    }
}

impl fmt::Display for Chain {
    /// From the client to the server; an empty path is a cable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (n, node) in self.nodes.iter().enumerate() {
            write!(text, "{}{node}", if n > 0 { " → " } else { "" })?;
        }
        f.pad(if text.is_empty() { "cable" } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(text: &str) -> LinkSpec {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_link_is_the_same_both_ways_unless_it_says_otherwise() {
        let read = link("delay=20ms, out.loss=1%, in.rate=10mbit");
        let delay = Duration::from_millis(20);
        assert_eq!(read.outbound, Lane { delay, loss: Loss::Independent(0.01), ..Lane::default() });
        assert_eq!(read.inbound, Lane { delay, rate: Some(10_000_000), ..Lane::default() });
        assert_eq!(read.hops, 0);
        let own = link("loss=3%,in.loss=0");
        assert_eq!((own.outbound.loss, own.inbound.loss), (Loss::Independent(0.03), Loss::None));
    }

    #[test]
    fn bursts_have_a_length_and_a_calm_between() {
        let read = link("burst=200ms,calm=20s,burst-loss=50%,loss=0.1%");
        let Loss::Burst(bursts) = read.outbound.loss else { panic!("{read:?}") };
        assert_eq!((bursts.bad, bursts.good), (Duration::from_millis(200), Duration::from_secs(20)));
        assert_eq!((bursts.loss_bad, bursts.loss_good), (0.5, 0.001));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (text, says) in [
            ("", "a link takes delay=20ms"),
            ("delay", "`delay` needs a value, such as delay=20ms"),
            ("dealy=5ms", "did you mean `delay`?"),
            ("up.loss=1%", "there is no `up.loss`"),
            ("delay=5 parsecs", "delay=5 parsecs: `5 parsecs` is not a duration"),
            ("loss=101%", "write a share from 0% to 100%"),
            ("loss=-1%", "write a share"),
            ("loss=NaN", "write a share"),
            ("rate=10", "such as 10mbit"),
            ("rate=0mbit", "such as 10mbit"),
            ("out.loss=1%,out.loss=2%", "`out.loss` is said twice"),
            ("burst=1s", "burst and calm go together"),
            ("burst-loss=50%", "burst-loss needs bursts"),
            ("delay=20ms,", "there is no ``"),
        ] {
            let error = text.parse::<LinkSpec>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_is_printed_in_the_order_of_the_packets() {
        let nodes = vec![Node::Router, Node::Link(link("delay=20ms,loss=1%"))];
        assert_eq!(Chain { nodes, ipv6: false }.to_string(), "router → link delay=20ms,loss=1%");
        assert_eq!(Chain::default().to_string(), "cable");
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_panic(text in "(out\\.|in\\.)?(delay|loss|rate|burst|calm)?=?\\PC{0,8}(,\\PC{0,8})?") {
            let _ = text.parse::<LinkSpec>();
        }

        #[test]
        fn what_is_printed_reads_back_as_the_same(
            delay in 0_u64..10_000_000_000, jitter in prop::option::of(0_u64..10_000_000), loss in 0.0..=1.0,
            bursts in prop::option::of((1_u64..100_000, 1_u64..100_000, 0.0..=1.0)), rate in prop::option::of(1_u64..100_000_000_000),
        ) {
            let loss = match bursts {
                Some((bad, good, loss_bad)) => Loss::Burst(GilbertElliott {
                    good: Duration::from_millis(good), bad: Duration::from_millis(bad), loss_good: loss, loss_bad,
                }),
                None if loss == 0.0 => Loss::None,
                None => Loss::Independent(loss),
            };
            let outbound = Lane { delay: Duration::from_nanos(delay), jitter: Duration::from_micros(jitter.unwrap_or(0)), loss, rate };
            for inbound in [outbound, Lane::default()] {
                let whole = LinkSpec { outbound, inbound, hops: 0 };
                prop_assert_eq!(link(&whole.to_string()), whole, "{}", whole);
            }
        }
    }
}
