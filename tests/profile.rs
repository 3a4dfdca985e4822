//! Profiles: the built-in ones make sense, and a mistake in one's own is pointed at.

use idlescope::measure::Plan;
use idlescope::profile::{self, Evidence, Profile, ProfileError};
use idlescope::time::Duration;
use proptest::prelude::*;

fn refused(text: &str) -> String {
    profile::parse("profiles/x.toml", "x", text).unwrap_err().to_string()
}

#[test]
fn every_built_in_profile_loads_by_its_name_and_makes_a_plan() {
    for builtin in profile::builtin() {
        let profile = profile::load(builtin.name).unwrap();
        assert_eq!(profile.name, builtin.name);
        assert!(!profile.about.is_empty());
        assert!(builtin.text.starts_with(&format!("# {}: ", builtin.name)), "explained by its comments");
        for reflector in [true, false] {
            let plan = Plan::new(profile.request(reflector)).unwrap();
            assert!(plan.cost().connections >= 8);
        }
        let inside = |at: Duration| at > profile.min && at + Duration::from_secs(1) < profile.max;
        for cliff in &profile.cliffs {
            assert!(inside(cliff.at), "{}: {} has a hold on one side only", builtin.name, cliff.name);
        }
        assert!(profile.cliffs.is_sorted_by_key(|cliff| cliff.at));
    }
}

#[test]
fn the_profiles_cover_what_their_names_promise() {
    let load = |name: &str| profile::load(name).unwrap();
    let known =
        |profile: &Profile, seconds: u64| profile.cliffs.iter().any(|cliff| cliff.at == Duration::from_secs(seconds));
    let default = load("default");
    assert_eq!((default.connections, default.open_rate), (512, 200));
    assert!(known(&default, 60) && known(&default, 350) && known(&default, 600));
    assert!(load("quick").max <= Duration::from_secs(150));
    let mobile = load("mobile");
    assert!(mobile.connections <= 200 && mobile.max >= Duration::from_mins(30), "carriers have port quotas");
    let balancer = load("load-balancer");
    assert!(known(&balancer, 350) && known(&balancer, 900) && balancer.max >= Duration::from_mins(15));
    let home = load("home-nat");
    assert!(known(&home, 7440) && home.connections == 700);
    assert!(home.cliffs.iter().any(|cliff| cliff.evidence == Evidence::Unverified), "what nobody checked says so");
}

#[test]
fn a_key_that_does_not_exist_is_shown_with_its_place_and_what_was_meant() {
    let text = "# mine\nname = \"mine\"\n\nmin = \"5s\"\nmax = \"1m\"\n\nconections = 9\n";
    assert_eq!(refused(text), "profiles/x.toml:7:1: unknown key `conections`; did you mean `connections`?");
    assert_eq!(refused("open-rate = 9"), "profiles/x.toml:1:1: unknown key `open-rate`; did you mean `open_rate`?");
    assert_eq!(
        refused("colour = 9"),
        "profiles/x.toml:1:1: unknown key `colour`; known are name, about, min, max, resolution, connections, \
         open_rate, recheck, cliffs"
    );
    let text = "cliffs = [\n  { at = \"5s\", name = \"é\", evidense = \"documented\", source = \"s\" },\n]";
    assert_eq!(refused(text), "profiles/x.toml:2:28: unknown key `evidense`; did you mean `evidence`?");
}

#[test]
fn a_value_that_cannot_be_is_shown_with_its_place_and_the_remedy() {
    for (text, said) in [
        ("max = \"5 parsecs\"", "x.toml:1:7: `max`: `5 parsecs` is not a duration: `parsecs` is not a unit of time"),
        ("min = -5", "x.toml:1:7: `min`: `-5` is not a duration: it is negative"),
        ("min = true", "x.toml:1:7: `min` is true; write a duration"),
        ("min = \"20m\"", "x.toml:1:7: `min` (20m) must be below `max` (10m 30s)"),
        ("min = 5\nmax = 5", "x.toml:2:7: `min` (5.00 s) must be below `max` (5.00 s)"),
        ("min = \"1ms\"", "x.toml:1:7: `min` is below 100 ms"),
        ("resolution = \"90%\"", "x.toml:1:14: `resolution` is \"90%\"; write a percentage in quotes from \"0.1%\""),
        ("resolution = 2", "x.toml:1:14: `resolution` is 2; write a percentage"),
        ("connections = 7", "x.toml:1:15: `connections` is 7; write a whole number from 8 to 20000"),
        ("connections = 1e3", "x.toml:1:15: `connections` is 1e3; write a whole number"),
        ("open_rate = 0", "x.toml:1:13: `open_rate` is 0; write a whole number from 1"),
        ("name = \"\"", "x.toml:1:8: `name` is \"\"; write a text in quotes"),
        ("cliffs = [350]", "x.toml:1:11: `cliffs` is 350; write [{ at = "),
        ("cliffs = [{ at = \"5s\", name = \"n\" }]", "x.toml:1:11: this cliff has no `evidence`; it needs at, name"),
        ("max = ", "x.toml:1:7: not TOML: "),
        ("max = \"5m\"\nmax = \"6m\"", "x.toml:2:1: not TOML: duplicate key"),
    ] {
        let error = refused(text);
        assert!(error.contains(said), "{text}: {error}");
    }
    let cliff = "cliffs = [{ at = \"5s\", name = \"n\", evidence = \"documentd\", source = \"s\" }]";
    assert!(refused(cliff).ends_with("`evidence` is \"documentd\"; did you mean \"documented\"?"));
    let cliff = cliff.replace("documentd", "rumour");
    assert!(refused(&cliff).ends_with("known are documented, second-hand, measured-by-users, unverified"));
}

#[test]
fn what_a_file_leaves_out_is_that_of_default() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("my-vpn.toml");
    std::fs::write(&path, "max = 90\nresolution = 0.04\nconnections = 0x40\ncliffs = []\n").unwrap();
    let mine = profile::load(path.to_str().unwrap()).unwrap();
    let default = profile::load("default").unwrap();
    let expected = Profile {
        name: "my-vpn".into(),
        about: String::new(),
        max: Duration::from_secs(90),
        resolution: 0.04,
        connections: 64,
        cliffs: Vec::new(),
        ..default
    };
    assert_eq!(mine, expected);
}

#[test]
fn a_name_that_does_not_exist_gets_a_suggestion() {
    let said = |name: &str| profile::load(name).unwrap_err().to_string();
    assert!(said("moblie").starts_with("there is no profile `moblie` (did you mean `mobile`?); built in are default,"));
    assert!(said("home_nat").contains("did you mean `home-nat`?"));
    assert!(said("load").contains("did you mean `load-balancer`?"));
    assert!(!said("zzz").contains("did you mean"));
    assert!(matches!(profile::load("no/such.toml"), Err(ProfileError::Read { .. })));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = profile::parse("x.toml", "x", &text);
    }

    #[test]
    fn no_change_of_a_good_profile_makes_it_panic(
        which in 0..profile::builtin().len(),
        at: prop::sample::Index,
        with in "[\"={}\\[\\]\n0-9a-zé%-]{0,4}",
    ) {
        let good = profile::builtin()[which].text;
        let at = at.index(good.len());
        if good.is_char_boundary(at) {
            let bad = format!("{}{with}{}", &good[..at], &good[at..]);
            let _ = profile::parse("x.toml", "x", &bad);
            let _ = profile::parse("x.toml", "x", &good[..at]);
        }
    }
}
