//! Every recipe reads back: what stands in the text, in the unit in which it stands there, is safe.

use super::{EFFECTIVE, path, udp};
use idlescope::measure::recommend::{Advice, Effects, Objective, PathEvidence, Settings, Wish, advise};
use idlescope::model::{Effect, Transport};
use idlescope::report::recipes::{self, Carrier, Key, Recipe, RecipeFile, Role, Sends, Target, Unit};
use idlescope::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One answer for each transport.
fn both(tcp: f64, over_udp: f64, wish: Wish) -> Vec<Advice> {
    let paths = [path(tcp, Some(tcp * 1.01)), udp(over_udp, Some(over_udp * 1.01))];
    let effective = |path| PathEvidence { effects: EFFECTIVE, ..path };
    advise(&paths.map(effective), wish)
}

fn settings_for<'a>(target: &Target, advices: &'a [Advice]) -> &'a Settings {
    let transport = if target.carrier == Carrier::Udp { Transport::Udp } else { Transport::Tcp };
    advices.iter().find(|a| a.transport == transport).unwrap().settings.as_ref().unwrap()
}

/// Reads the numbers of a file back from its text alone: after each key's name, in the order of the text.
fn read_back(rendered: &RecipeFile) -> Vec<Duration> {
    let text = &rendered.text;
    let mut at = 0;
    let mut numbers = Vec::new();
    for key in rendered.file.keys {
        let name = text[at..].find(key.name).unwrap_or_else(|| panic!("{} in {text}", key.name));
        let after = at + name + key.name.len();
        let from = text[after..].find(|c: char| c.is_ascii_digit()).unwrap() + after;
        let digits = text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| from + end);
        let number: u64 = text[from..digits].parse().unwrap();
        let unit = spelled(&text[after..from], &text[digits..]).unwrap_or(key.unit);
        assert_eq!(unit, key.unit, "the text of {} says another unit than the table: {text}", key.name);
        numbers.push(Duration::from_millis(number * unit.millis()));
        at = digits;
    }
    numbers
}

/// The unit that the text itself names around a number, if it does.
fn spelled(before: &str, after: &str) -> Option<Unit> {
    let line = after.lines().next().unwrap_or_default();
    let word: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
    let of = [
        (word == "s", Unit::Seconds),
        (word == "ms", Unit::Millis),
        (word == "m" || word == "min", Unit::Minutes),
        (line.starts_with(" * time.Second"), Unit::Seconds),
        (line.starts_with(" * time.Millisecond"), Unit::Millis),
        (line.contains("TimeUnit.SECONDS"), Unit::Seconds),
        (line.contains("/* s */"), Unit::Seconds),
        (line.contains("/* ms */"), Unit::Millis),
        (before.ends_with("from_secs(") || before.ends_with("FromSeconds("), Unit::Seconds),
        (before.ends_with("from_millis(") || before.ends_with("FromMilliseconds("), Unit::Millis),
    ];
    of.into_iter().find(|(is, _)| *is).map(|(_, unit)| unit)
}

fn check(key: &Key, read: Duration, settings: &Settings) {
    let name = key.name;
    let heartbeat = settings.heartbeat;
    let keepalive = || settings.keepalive.unwrap_or_else(|| panic!("{name} without a keepalive"));
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    let number = read.as_millis() as u64 / key.unit.millis();
    assert!((key.min..=key.max).contains(&number), "{name} = {number} is beyond its limits");
    match key.role {
        Role::Heartbeat => assert!(read <= heartbeat, "{name}: {read:?} of {heartbeat:?}"),
        Role::TwoHeartbeats => assert!(read / 2 <= heartbeat, "{name}: {read:?} of twice {heartbeat:?}"),
        Role::KeepaliveTime => {
            assert!(read <= heartbeat && read <= seconds(keepalive().time), "{name}: {read:?}");
        }
        Role::KeepaliveTimeOfThirds => {
            assert!(read <= heartbeat);
            let third = Duration::from_secs((read.as_secs() / 3).max(1));
            let silence = (read + third * settings.tolerated).mul_f64(1.125);
            assert!(silence <= settings.safe, "{name}: {silence:?} of {:?}", settings.safe);
        }
        Role::KeepaliveInterval => assert!(read <= seconds(keepalive().interval), "{name}"),
        Role::KeepaliveProbes | Role::Misses => assert!(number > u64::from(settings.tolerated), "{name} = {number}"),
        Role::UserTimeout => assert!(read >= keepalive().user_timeout, "{name}"),
        Role::AnswerWithin => assert!(read >= settings.answer_within, "{name}"),
        Role::GiveUpAfter => {
            assert!(read >= heartbeat.mul_f64(1.125) && read >= heartbeat * 2, "{name}: {read:?} of {heartbeat:?}");
        }
        Role::IdleTimeout => {
            assert!(read >= settings.server_idle_timeout && read > heartbeat.mul_f64(1.5), "{name}: {read:?}");
        }
        Role::SilentFor => {
            // the keepalive of the same settings keeps a silent connection
            assert!(read >= settings.server_idle_timeout, "{name}: {read:?}");
            assert!(settings.keepalive.is_none() || read >= Duration::from_secs(86_400), "{name}: {read:?}");
        }
        Role::PermittedPing => assert!(read <= heartbeat.mul_f64(0.5), "{name}: {read:?} of {heartbeat:?}"),
    }
}

fn check_recipe(recipe: &Recipe, settings: &Settings) {
    for rendered in &recipe.files {
        assert!(!rendered.text.contains("<0>") && !rendered.text.contains("<1>"), "{}", rendered.text);
        let read = read_back(rendered);
        let values: Vec<Duration> = rendered
            .file
            .keys
            .iter()
            .zip(&rendered.values)
            .map(|(key, value)| Duration::from_millis(value * key.unit.millis()))
            .collect();
        assert_eq!(read, values, "the numbers of the JSON are those of the text: {}", rendered.text);
        for (key, read) in rendered.file.keys.iter().zip(read) {
            check(key, read, settings);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_number_of_every_recipe_reads_back_as_safe(
        tcp in 3.0_f64..40_000.0, over_udp in 12.0_f64..4_000.0, lost in 0_u32..=4,
        objective in prop_oneof![Just(Objective::Battery), Just(Objective::Balanced), Just(Objective::DetectFast)],
    ) {
        let wish = Wish { objective, tolerate_lost: lost, client_speaks_first: false, ..Wish::default() };
        let advices = both(tcp, over_udp, wish);
        prop_assume!(advices.iter().all(|advice| advice.settings.is_ok()));
        for target in recipes::all() {
            match recipes::render(target, &advices) {
                Ok(recipe) => check_recipe(&recipe, settings_for(target, &advices)),
                Err(withheld) => prop_assert!(!withheld.why.is_empty()),
            }
        }
    }
}

#[test]
fn on_an_ordinary_path_no_target_is_withheld() {
    let advices = both(299.1, 119.0, Wish::default());
    for target in recipes::all() {
        let recipe =
            recipes::render(target, &advices).unwrap_or_else(|withheld| panic!("{}: {}", target.name, withheld.why));
        assert!(recipe.left_out.is_empty(), "{}: {:?}", target.name, recipe.left_out);
    }
}

#[test]
fn names_are_unique_and_every_row_is_complete() {
    let mut names = BTreeSet::new();
    for target in recipes::all() {
        assert!(names.insert(target.name), "{} stands there twice", target.name);
        assert!(
            target.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{}",
            target.name
        );
        assert!(target.source.starts_with("https://"), "{}", target.name);
        assert!(!target.files.is_empty() && !target.about.is_empty());
        for file in target.files {
            for nth in 0..file.keys.len() {
                assert_eq!(file.text.matches(&format!("<{nth}>")).count(), 1, "{}: <{nth}>", target.name);
            }
            let sends = |key: &Key| {
                matches!(key.role, Role::KeepaliveTime | Role::KeepaliveTimeOfThirds | Role::TwoHeartbeats)
                    || (key.role == Role::Heartbeat && target.name != "kafka")
            };
            assert_eq!(file.keys.iter().any(sends), file.sends != Sends::Nothing, "{}: {}", target.name, file.name);
        }
    }
    assert!(names.len() >= 45, "{}", names.len());
}

#[test]
fn what_was_measured_as_ineffective_is_withheld_with_the_reason() {
    let effects = Effects { tcp_keepalive: Effect::Ineffective, data: Effect::Effective };
    let advices = advise(&[PathEvidence { effects, ..path(299.1, Some(300.9)) }], Wish::default());
    for target in recipes::all().filter(|target| target.carrier != Carrier::Udp) {
        let keepalives = target.files.iter().filter(|file| file.sends == Sends::Keepalive).count();
        match recipes::render(target, &advices) {
            Ok(recipe) => {
                assert!(recipe.files.iter().all(|file| file.file.sends != Sends::Keepalive), "{}", target.name);
                assert_eq!(recipe.left_out.len(), keepalives, "{}", target.name);
                assert!(recipe.left_out.iter().all(|(_, why)| why.contains("measured as ineffective")));
            }
            Err(withheld) => {
                assert!(keepalives > 0, "{}: {}", target.name, withheld.why);
                assert!(withheld.why.contains("measured as ineffective"), "{}", withheld.why);
            }
        }
    }
}

#[test]
fn a_proxy_waits_for_silent_clients_only_where_its_own_keepalives_keep_them() {
    for effect in [Effect::Effective, Effect::Untested, Effect::Ineffective] {
        let effects = Effects { tcp_keepalive: effect, data: Effect::Effective };
        let advices = advise(&[PathEvidence { effects, ..path(299.1, Some(300.9)) }], Wish::default());
        let for_heartbeats = advices[0].settings.as_ref().unwrap().server_idle_timeout.as_secs();
        let kept = effect != Effect::Ineffective;
        let long = if kept { 86_400 } else { for_heartbeats };
        for (target, key) in [("haproxy", "timeout tunnel"), ("nginx-stream", "proxy_timeout")] {
            let recipe = recipes::render(recipes::find(target).unwrap()[0], &advices).unwrap();
            let text: String = recipe.files.iter().map(|file| file.text.as_str()).collect();
            assert!(text.contains(&format!("{key} {long}s")), "{effect:?}: {text}");
            assert_eq!(text.contains("so_keepalive=") || text.contains("clitcpka"), kept, "{text}");
        }
    }
}

#[test]
fn what_cannot_express_the_number_is_withheld_and_never_rounded_up() {
    let why = |word: &str, low: f64| {
        let advices = both(low, low * 4.0, Wish::default());
        let target = recipes::find(word).unwrap()[0];
        recipes::render(target, &advices).err().map(|withheld| withheld.why).unwrap_or_default()
    };
    // gRPC raises anything below 10 s to 10 s
    assert!(why("grpc-go", 10.0).contains("Time is 10 s at least"), "{}", why("grpc-go", 10.0));
    assert_eq!(why("grpc-go", 20.0), "");
    // whole seconds
    assert!(why("openssh", 1.6).contains("in whole seconds"), "{}", why("openssh", 1.6));
    assert!(why("sysctl", 2.0).contains("whole seconds"), "{}", why("sysctl", 2.0));
    // the balancer's maximum is too short for such heartbeats
    let alb = {
        let wish = Wish { objective: Objective::Battery, ..Wish::default() };
        let advices = both(7200.0, 100.0, wish);
        recipes::render(recipes::find("aws-alb").unwrap()[0], &advices).unwrap_err().why
    };
    assert!(alb.contains("1h 6m 40s at most") || alb.contains("1h 7m at most"), "{alb}");
}

#[test]
fn udp_systems_need_a_udp_measurement() {
    let advices = advise(&[path(299.1, Some(300.9))], Wish::default());
    let wireguard = recipes::find("wireguard").unwrap()[0];
    let why = recipes::render(wireguard, &advices).unwrap_err().why;
    assert!(why.contains("runs over UDP, and only TCP was measured"), "{why}");
}

#[test]
fn targets_are_found_by_name_by_group_and_by_near_miss() {
    let names = |word: &str| recipes::find(word).unwrap().iter().map(|t| t.name).collect::<Vec<_>>();
    assert_eq!(names("nginx"), ["nginx"]);
    assert_eq!(names("Postgres"), ["postgresql"]);
    assert!(names("websocket").len() >= 4 && names("clouds").len() >= 5 && names("quic").len() == 2);
    assert_eq!(names("all").len(), recipes::all().count());
    for (word, meant) in
        [("ngnix", "`nginx`"), ("open-ssh", "`openssh`"), ("ha-proxy", "`haproxy`"), ("postgre", "`postgres`")]
    {
        let error = recipes::find(word).unwrap_err().to_string();
        assert!(error.contains(meant) && error.contains("--list"), "{error}");
    }
    assert!(!recipes::find("xyzzy").unwrap_err().to_string().contains("did you mean"));
}
