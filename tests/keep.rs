//! What keeps a path alive, and the proof of a heartbeat, in virtual time: every cell of the refresh matrix on every kind of
//! box, and how long the whole answer takes.
//!
//! The figures on drawn paths must be those of `tests/keep.table` to the letter. After a wanted change:
//! `UPDATE_TABLE=1 cargo test --release --test keep`; more paths, and those that are not as they should be:
//! `cargo run --release --example keeping -- 1000`.

use std::fmt::Write as _;

use idlescope::boxes::{Activity, BoxSpec, Eats, Lifetime, Rules, personas};
use idlescope::measure::keep::{ALL, Cell, LIMITED};
use idlescope::measure::{Findings, Plan, Planner, Request};
use idlescope::model::{Effect, Experiment, Outcome, Refresh};
use idlescope::sim::study::keep::{KeepScore, header, rows, run as run_row};
use idlescope::sim::{LinkSpec, NodeSpec, PathSpec, Stopped, Trace, World, drive};
use idlescope::time::{Duration, Instant};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn request(connections: u32, max: Duration) -> Request {
    Request {
        min: s(5),
        max,
        resolution: 0.02,
        connections,
        open_rate: 200,
        cliffs: Vec::new(),
        reflector: true,
        try_spacing: Duration::ZERO,
        recheck: 0,
    }
}

/// 20 ms to the box, 30 ms beyond it.
fn path(node: impl Into<NodeSpec>) -> PathSpec {
    let link = |ms| LinkSpec::plain(Duration::from_millis(ms));
    PathSpec::along([link(20).into(), node.into(), link(30).into()])
}

fn run(path: &PathSpec, request: Request, seed: u64) -> (Findings, Trace) {
    let mut planner = Planner::new(Plan::keeping(request, &ALL, 2).unwrap());
    let trace = drive(&mut planner, &mut World::new(path, seed), Instant::ZERO + s(40_000));
    assert_eq!(trace.stopped, Stopped::Done);
    (planner.findings(), trace)
}

/// One sign a kind: `+` effective, `-` ineffective, `?` untested; where the two directions differ, that of pushes and that of
/// answers.
fn signs(cells: &[Cell]) -> String {
    let sign = |effect| match effect {
        Effect::Effective => '+',
        Effect::Ineffective => '-',
        Effect::Untested => '?',
    };
    ALL.iter().fold(String::new(), |mut text, kind| {
        let _ = match cells.iter().find(|cell| cell.kind == *kind) {
            None => write!(text, "?"),
            Some(cell) if cell.pushes == cell.answers => write!(text, "{}", sign(cell.pushes)),
            Some(cell) => write!(text, "({}{})", sign(cell.pushes), sign(cell.answers)),
        };
        text
    })
}

/// Every connection that was kept by the recommendation, and what became of it.
fn proofs(trace: &Trace) -> (usize, usize) {
    let verify = || trace.decided.iter().filter(|r| r.experiment == Experiment::Verify && r.outcome != Outcome::Void);
    let alive = verify().filter(|r| r.outcome == Outcome::Alive).count();
    (alive, verify().count() - alive)
}

/// `expected` in the order of [`ALL`]: keepalive without and with a byte, bare acknowledgement, data both ways, from the
/// client, from the server. `proven`: whether the recommendation was.
fn check(name: &str, node: impl Into<NodeSpec>, t: u64, expected: &str, proven: bool) {
    let path = path(node);
    let mut wrong = Vec::new();
    for seed in 0..4 {
        let (findings, trace) = run(&path, request(512, s(600)), seed);
        let found = signs(&findings.kept);
        let recommendation = findings.recommendation.as_ref();
        let verified = recommendation.and_then(|r| r.verified);
        let (alive, dead) = proofs(&trace);
        let ended = trace.ended_at.as_secs_f64();
        let right = found == expected && (verified == Some(true)) == proven && (!proven || (alive >= 2 && dead == 0));
        if !right || (proven && ended > 2.2 * t as f64 + 15.0) {
            wrong.push(format!(
                "{name}, seed {seed}: {found} instead of {expected}, {recommendation:?} {:?}, {alive} alive and {dead} \
                 dead, ended at {ended:.1} s",
                findings.no_recommendation
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const IDLE: u64 = 60;

fn firewall(activity: Activity) -> Rules {
    personas::refreshed_by(personas::strict_firewall(s(IDLE)), activity)
}

#[test]
fn a_nat_like_conntrack_is_refreshed_by_everything() {
    check("reviving NAT", personas::reviving_nat(s(IDLE)), IDLE, "++++++", true);
    check("strict firewall", personas::strict_firewall(s(IDLE)), IDLE, "++++++", true);
    check("resetting", personas::resetting_on_next(s(IDLE)), IDLE, "++++++", true);
}

#[test]
fn a_proxy_like_haproxy_counts_no_keepalives() {
    check("closing balancer", personas::closing_balancer(s(IDLE)), IDLE, "---+++", true);
}

#[test]
fn a_box_that_counts_data_alone() {
    check("data only", firewall(Activity::Payload), IDLE, "---+++", true);
    // The trap: what comes from inside revives what was forgotten.
    let revives = personas::refreshed_by(personas::reviving_firewall(s(IDLE)), Activity::Payload);
    check("data only, reviving", revives, IDLE, "---+++", true);
}

#[test]
fn a_box_that_counts_one_direction_alone() {
    check("outbound only", firewall(Activity::Outbound), IDLE, "++++++", true);
    // A bare acknowledgement is all that nobody answers.
    check("inbound only", firewall(Activity::Inbound), IDLE, "++-+++", true);
    let revives = personas::refreshed_by(personas::reviving_firewall(s(IDLE)), Activity::Inbound);
    check("inbound only, reviving", revives, IDLE, "++-+++", true);
}

#[test]
fn boxes_that_eat_keepalives() {
    check("eats zero-byte", personas::eating_keepalives(s(IDLE), Eats::ZeroByte), IDLE, "-+++++", true);
    check("eats one-byte", personas::eating_keepalives(s(IDLE), Eats::OneByte), IDLE, "+-++++", true);
    check("eats both", personas::eating_keepalives(s(IDLE), Eats::Every), IDLE, "--++++", true);
}

#[test]
fn what_dies_before_the_server_tells_whether_the_clients_packets_alone_are_enough() {
    let boxes = [
        ("any", firewall(Activity::Any), Effect::Effective),
        ("outbound only", firewall(Activity::Outbound), Effect::Effective),
        ("inbound only", firewall(Activity::Inbound), Effect::Ineffective),
        ("data only", firewall(Activity::Payload), Effect::Ineffective),
        ("eats zero-byte", personas::eating_keepalives(s(IDLE), Eats::ZeroByte), Effect::Effective),
        ("eats one-byte", personas::eating_keepalives(s(IDLE), Eats::OneByte), Effect::Ineffective),
    ];
    for (name, node, expected) in boxes {
        let (findings, trace) = run(&path(node), request(512, s(600)), 1);
        let limited: Vec<&Cell> = findings.kept.iter().filter(|cell| cell.hop.is_some()).collect();
        let [cell] = limited[..] else { panic!("{name}: {limited:?}") };
        // The box and the link before it: one hop less than to the server.
        assert_eq!((cell.kind, cell.hop, cell.both()), (LIMITED, Some(1), expected), "{name}");
        let rows = trace.decided.iter().filter(|row| row.hop.is_some());
        assert!(rows.clone().count() >= 3 && rows.clone().all(|row| row.refresh == LIMITED), "{name}");
    }
}

#[test]
fn a_proxy_that_closes_one_side_only() {
    for spec in ["half-closing-balancer,timeout=60s,side=client", "half-closing-balancer,timeout=60s,side=server"] {
        let spec: BoxSpec = spec.parse().unwrap();
        check("half-closing", spec, IDLE, "---+++", true);
    }
}

#[test]
fn nothing_helps_against_a_maximum_age() {
    check("maximum age", personas::maximum_age(s(IDLE)), IDLE, "------", false);
}

#[test]
fn a_mixture_is_kept_for_its_shorter_step() {
    let mixed = |salt| personas::mixed_firewalls(s(IDLE), Some(s(300)), 0.5, salt);
    check("mixture", mixed(1), 300, "++++++", true);
    let payload = personas::refreshed_by(mixed(2), Activity::Payload);
    check("mixture, data only", payload, 300, "---+++", true);
}

#[test]
fn a_mixture_is_kept_for_its_shorter_step_though_that_passes_while_it_is_resolved() {
    for seed in 0..4 {
        let mixed = personas::mixed_firewalls(s(4), Some(s(20)), 0.5, seed);
        for (node, expected) in [(mixed, "++++++"), (personas::refreshed_by(mixed, Activity::Payload), "---+++")] {
            let (findings, trace) = run(&path(node), Request { min: s(1), ..request(256, s(24)) }, seed);
            assert_eq!(signs(&findings.kept), expected, "{seed}");
            assert_eq!(findings.recommendation.and_then(|r| r.verified), Some(true), "{seed}");
            assert!(trace.ended_at <= Instant::ZERO + s(2 * 20 + 4 + 15), "{seed}: {}", trace.ended_at);
        }
    }
}

/// A box that remembers for a minute, until somebody changes that a little after the expiry is known.
fn changing(at: u64, then: Duration) -> Rules {
    let lifetime = Lifetime::Changes { idle: s(IDLE), at: s(at), then };
    Rules { lifetime, ..personas::strict_firewall(s(IDLE)) }
}

#[test]
fn a_heartbeat_that_fails_its_proof_is_lowered_and_proven_again() {
    for seed in 0..4 {
        let (findings, trace) = run(&path(changing(62, s(44))), request(512, s(600)), seed);
        let found = findings.recommendation.expect("a heartbeat");
        let outcomes = |above: u64| {
            let verify = trace.decided.iter().filter(|r| r.experiment == Experiment::Verify);
            let mine = verify.filter(|r| (r.interval.unwrap() > s(above)) && r.outcome != Outcome::Void);
            mine.map(|r| r.outcome).collect::<Vec<_>>()
        };
        assert!(outcomes(44).len() >= 2 && outcomes(44).iter().all(|o| *o == Outcome::Silent), "{seed}: {trace:?}");
        assert_eq!((found.verified, found.kind), (Some(true), Refresh::Data), "{seed}: {found:?}");
        assert!(found.heartbeat >= s(20) && found.heartbeat < s(44), "{seed}: {found:?}");
        assert!(found.reason.contains("connections died on 5"), "{}", found.reason);
    }
}

#[test]
fn a_heartbeat_that_never_holds_is_not_called_proven() {
    for seed in 0..4 {
        let (findings, trace) = run(&path(changing(62, Duration::from_millis(5500))), request(512, s(600)), seed);
        let verify: Vec<_> = trace
            .decided
            .iter()
            .filter(|r| r.experiment == Experiment::Verify)
            .map(|r| (r.interval, r.outcome))
            .collect();
        assert_eq!(proofs(&trace).0, 0, "{seed}: {verify:?}");
        let verified = findings.recommendation.as_ref().map(|r| r.verified);
        assert!(matches!(verified, Some(Some(false))), "{seed}: {findings:?}");
    }
}

#[test]
fn a_path_that_forgets_nothing_needs_nothing_and_does_not_wait() {
    let (findings, trace) = run(&path(LinkSpec::plain(Duration::ZERO)), request(512, s(600)), 1);
    assert!(trace.ended_at < Instant::ZERO + s(610), "{}", trace.ended_at);
    assert_eq!(signs(&findings.kept), "??????");
    assert_eq!(findings.recommendation.map(|r| r.verified), Some(None));
}

#[test]
fn short_timeouts_and_few_connections_are_answered_too() {
    for (connections, idle, expected) in
        [(512, 6, "---+++"), (256, 30, "---+++"), (128, 30, "---+++"), (64, 60, "---+++")]
    {
        let (findings, trace) = run(
            &path(personas::refreshed_by(personas::strict_firewall(s(idle)), Activity::Payload)),
            request(connections, s(600)),
            3,
        );
        assert_eq!(signs(&findings.kept), expected, "{connections} connections, {idle} s");
        let found = findings.recommendation.expect("a heartbeat");
        assert_eq!((found.verified, found.kind), (Some(true), Refresh::Data), "{connections}, {idle} s: {found:?}");
        let limit = if connections < 512 { 2.9 } else { 2.2 };
        let ended = trace.ended_at.as_secs_f64();
        assert!(ended <= limit * idle as f64 + 15.0, "{connections}, {idle} s: {ended}");
    }
}

const PATHS: u64 = 200;
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keep.table");

#[test]
fn the_table_is_what_the_keeper_reaches() {
    let mut table = format!("{}\n", header());
    let mut wrong = Vec::new();
    for row in rows() {
        let cases = run_row(&row, PATHS);
        let stopped: Vec<_> = cases.iter().filter(|c| c.stopped != Stopped::Done).map(|c| c.seed).collect();
        assert!(stopped.is_empty(), "{}: runs that did not end by themselves: {stopped:?}", row.name);
        let score = KeepScore::new(&cases);
        let _ = writeln!(table, "{}", score.line(&row));
        let main = row.name.starts_with("512") || row.name.starts_with("700");
        let few = row.name.starts_with("64");
        let mut demand = |what: &str, holds: bool| {
            if !holds {
                wrong.push(format!("{}: {what} (seeds from {}): {score:?}", row.name, row.seed));
            }
        };
        demand("no proof of a heartbeat above the expiry", score.false_proofs == 0);
        demand("at most 1 % of the cells are wrong", score.cells[1] <= 0.01 && score.main[1] <= 0.01);
        // 64 connections see T within a tenth of it, and the heartbeat is computed from the lower end.
        demand("the median heartbeat is at least 0.75 T", score.heartbeat >= if few { 0.74 } else { 0.75 });
        demand("the median of the whole answer is at most 2.2 T + 15 s", score.whole.0 <= 2.2);
        if row.name.ends_with("no mixtures") {
            // Up to the maximum the ladder's own search for a second step takes longest, with as few connections as these.
            demand("the 95th percentile is at most 3 T + 15 s", score.whole.1 <= 3.0);
        }
        if row.name == "512, a guess holds" {
            demand("the 95th percentile is at most 1.9 T + 15 s where a guess holds", score.whole.1 <= 1.9);
            demand("the median is at most 1.8 T + 15 s where a guess holds", score.whole.0 <= 1.8);
        }
        if main {
            demand("of 100 cells 96 are told", score.cells[0] >= 0.96 && score.main[0] >= 0.97);
            demand("the heartbeat is proven", score.proven >= 0.98);
        }
        if row.name.ends_with("with recheck") {
            // The answer is there before: what is asked once more with few connections is its confirmation.
            demand("the re-check takes at most a twentieth of T beyond the answer", score.whole.1 <= 2.25);
        } else if !few {
            demand("the 95th percentile of the whole answer is at most 2.2 T + 15 s", score.whole.1 <= 2.2);
        }
    }
    print!("{table}");
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(TABLE, &table).expect("the table can be written");
    }
    assert!(wrong.is_empty(), "below the bar:\n{}", wrong.join("\n"));
    let committed = std::fs::read_to_string(TABLE).expect("the table is committed");
    assert_eq!(table, committed, "the keeper does something else than the table says; see the head of this file");
}
