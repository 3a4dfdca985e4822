//! From settings to text, or to the reason why not.

use super::table::{Carrier, File, Key, Role, Sends, Target, Unit};
use crate::measure::recommend::{Advice, Settings};
use crate::model::{Effect, Refresh, Transport, duration};
use crate::time::Duration;

/// A target's settings, ready to paste.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The target.
    pub target: &'static Target,
    /// The texts.
    pub files: Vec<RecipeFile>,
    /// Files that are withheld although others are given, each with the reason.
    pub left_out: Vec<(&'static str, String)>,
}

/// One text.
#[derive(Clone, Debug)]
pub struct RecipeFile {
    /// Its place in the table.
    pub file: &'static File,
    /// What to paste.
    pub text: String,
    /// The numbers in it, in the order of the file's keys.
    pub values: Vec<u64>,
    /// What to know before it is used.
    pub warning: Option<&'static str>,
}

/// Why a target gets nothing.
#[derive(Clone, Debug)]
pub struct Withheld {
    /// The target.
    pub target: &'static Target,
    /// Why.
    pub why: String,
}

/// Renders one target from the advice for the transport that it runs over.
pub fn render(target: &'static Target, advices: &[Advice]) -> Result<Recipe, Withheld> {
    let withheld = |why: String| Withheld { target, why };
    let advice = advice_for(target, advices).map_err(withheld)?;
    let settings = advice.settings.as_ref().map_err(|refusal| withheld(refusal.why.clone()))?;
    let mut recipe = Recipe { target, files: Vec::new(), left_out: Vec::new() };
    for file in target.files {
        match of_file(file, settings) {
            Ok(rendered) => recipe.files.push(rendered),
            Err(why) if target.whole => return Err(withheld(why)),
            Err(why) => recipe.left_out.push((file.name, why)),
        }
    }
    if recipe.files.is_empty() {
        let why = recipe.left_out.first().map_or_else(String::new, |(_, why)| why.clone());
        return Err(withheld(why));
    }
    Ok(recipe)
}

fn advice_for<'a>(target: &Target, advices: &'a [Advice]) -> Result<&'a Advice, String> {
    let of = |transport: Transport| advices.iter().find(|advice| advice.transport == transport);
    match target.carrier {
        Carrier::Tcp => of(Transport::Tcp).ok_or_else(|| {
            "it runs over TCP, and only UDP was measured: boxes keep another state, with other timers, for TCP".to_owned()
        }),
        Carrier::Udp => of(Transport::Udp).ok_or_else(|| {
            "it runs over UDP, and only TCP was measured: boxes keep another state for UDP and forget it much sooner (Linux: \
             30 s and 120 s)"
                .to_owned()
        }),
        Carrier::Either => advices.first().ok_or_else(|| "nothing was measured".to_owned()),
    }
}

fn of_file(file: &'static File, settings: &Settings) -> Result<RecipeFile, String> {
    let kind = match file.sends {
        Sends::Keepalive => Some((Refresh::TcpKeepalive, "TCP keepalives")),
        Sends::Data => Some((Refresh::Data, "data")),
        Sends::Nothing => None,
    };
    if let Some((kind, what)) = kind
        && settings.effects.of(kind) == Effect::Ineffective
    {
        return Err(format!(
            "it refreshes with {what}, which were measured as ineffective on this path: connections were forgotten all the \
             same"
        ));
    }
    let values = file.keys.iter().map(|key| value(key, settings)).collect::<Result<Vec<_>, _>>()?;
    let mut text = format!(
        "{} by idlescope, for a heartbeat every {} at most\n",
        file.comment,
        duration::short(settings.heartbeat)
    );
    text.push_str(file.text.trim_matches('\n'));
    text.push('\n');
    for (nth, value) in values.iter().enumerate() {
        text = text.replace(&format!("<{nth}>"), &value.to_string());
    }
    let untested = file.sends == Sends::Keepalive && settings.effects.of(Refresh::TcpKeepalive) == Effect::Untested;
    let warning = untested
        .then_some("nobody has tried whether TCP keepalives count on this path; many proxies do not count them");
    Ok(RecipeFile { file, text, values, warning })
}

/// How long a connection is kept on which nobody speaks, and which TCP keepalives keep alive: as long as anybody may want
/// to push on it. What is dead is ended by the keepalives.
const A_DAY: Duration = Duration::from_secs(86_400);

/// Which way a number may be changed without harm.
enum Safe {
    /// It refreshes: sooner is safe.
    Down(Duration),
    /// It waits for a refresh: longer is safe.
    Up(Duration),
    /// A number of times.
    Times(u32),
}

/// The number of a key in its unit, within its limits; or why there is none.
fn value(key: &Key, settings: &Settings) -> Result<u64, String> {
    let name = key.label();
    let unit = Unit::millis(key.unit);
    match safe(key.role, settings)? {
        Safe::Down(longest) => {
            let value = longest.as_millis() as u64 / unit;
            if value < key.min {
                return Err(format!(
                    "{} is needed at most, and {name} is {} at least, in whole {}",
                    duration::short(longest),
                    duration::short(Duration::from_millis(key.min.max(1) * unit)),
                    spelled(key.unit)
                ));
            }
            Ok(value.min(key.max))
        }
        Safe::Up(shortest) => {
            let value = (shortest.as_nanos().div_ceil(1_000_000) as u64).div_ceil(unit).max(key.min);
            if value > key.max {
                return Err(format!(
                    "{} is needed at least, and {name} is {} at most: let the client send more often (--objective \
                     detect-fast)",
                    duration::short(shortest),
                    duration::short(Duration::from_millis(key.max.saturating_mul(unit)))
                ));
            }
            Ok(value)
        }
        Safe::Times(times) => Ok(u64::from(times).clamp(key.min, key.max)),
    }
}

fn spelled(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "seconds",
        Unit::Millis => "milliseconds",
        Unit::Minutes => "minutes",
        Unit::Count => "numbers",
    }
}

fn safe(role: Role, settings: &Settings) -> Result<Safe, String> {
    let keepalive = settings.keepalive.ok_or_else(|| {
        "TCP keepalives count whole seconds, which is too coarse for so short a silence with time to repeat lost ones"
            .to_owned()
    });
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let heartbeat = settings.heartbeat;
    Ok(match role {
        Role::Heartbeat => Safe::Down(heartbeat),
        Role::TwoHeartbeats => Safe::Down(heartbeat * 2),
        Role::KeepaliveTime => Safe::Down(seconds(keepalive?.time)),
        Role::KeepaliveTimeOfThirds => {
            let keepalive = keepalive?;
            // time + lost × time/3 must not exceed what time + lost × interval was fitted to
            let room = u64::from(keepalive.time) + u64::from(settings.tolerated) * u64::from(keepalive.interval);
            let time = room * 3 / (3 + u64::from(settings.tolerated));
            Safe::Down(Duration::from_secs(time).min(heartbeat))
        }
        Role::KeepaliveInterval => Safe::Down(seconds(keepalive?.interval)),
        Role::KeepaliveProbes => Safe::Times(keepalive?.probes),
        Role::UserTimeout => Safe::Up(keepalive?.user_timeout),
        Role::AnswerWithin => Safe::Up(settings.answer_within),
        Role::Misses => Safe::Times(settings.tolerated + 1),
        // twice the heartbeat is what OpenVPN and quic-go ask for
        Role::GiveUpAfter => Safe::Up(
            settings.noticed_after.max(settings.server_idle_timeout).max(heartbeat * (settings.tolerated + 1).max(2)),
        ),
        Role::IdleTimeout => Safe::Up(settings.server_idle_timeout),
        Role::SilentFor if keepalive.is_err() || settings.effects.tcp_keepalive == Effect::Ineffective => {
            Safe::Up(settings.server_idle_timeout)
        }
        Role::SilentFor => Safe::Up(settings.server_idle_timeout.max(A_DAY)),
        Role::PermittedPing => Safe::Down(heartbeat / 2),
    })
}
