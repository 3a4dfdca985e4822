//! The planner on paths that a network engineer would draw, in virtual time.

use idlescope::boxes::{Rules, personas};
use idlescope::measure::keep::PLAIN;
use idlescope::measure::recommend::{Objective, Wish};
use idlescope::measure::{Findings, Plan, Planner, Request, Strategy, Verdict};
use idlescope::model::{
    Action, Cause, Ending, Experiment, Fact, FirstSpeaker, HoldId, HoldRecord, Observation, Outcome, Output,
};
use idlescope::sim::{LinkSpec, Loss, NodeSpec, PathSpec, Restart, Span, Stopped, Trace, World, drive};
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
fn path(rules: &[Rules]) -> PathSpec {
    let mut nodes: Vec<NodeSpec> = vec![LinkSpec::plain(Duration::from_millis(20)).into()];
    nodes.extend(rules.iter().copied().map(NodeSpec::from));
    nodes.push(LinkSpec::plain(Duration::from_millis(30)).into());
    PathSpec::along(nodes)
}

fn run(path: &PathSpec, request: Request) -> (Findings, Trace) {
    let mut planner = Planner::new(Plan::new(request).unwrap());
    let trace = drive(&mut planner, &mut World::new(path, 7), Instant::ZERO + s(20_000));
    assert_eq!(trace.stopped, Stopped::Done);
    (planner.findings(), trace)
}

fn bracket(findings: &Findings, speaker: FirstSpeaker) -> (f64, Option<f64>) {
    let found = findings.speakers.iter().find(|f| f.speaker == speaker).expect("that speaker was tested");
    (found.steps[0].low.as_secs_f64(), found.steps[0].high.map(|h| h.as_secs_f64()))
}

/// With a hundred-odd connections a sweeping box cannot be ruled out quickly: the bracket is a few seconds wide.
fn assert_brackets(findings: &Findings, t: f64) {
    let (low, high) = bracket(findings, FirstSpeaker::Server);
    let high = high.expect("an expiry");
    assert!(low <= t && t <= high && high - low < 0.13 * t, "({low}, {high}] for {t}");
}

fn has_doubt(findings: &Findings, word: &str) -> bool {
    findings.doubts.iter().any(|d| d.word == word)
}

#[test]
fn a_nat_that_revives_is_told_from_one_that_does_not_by_client_first() {
    let (findings, _) = run(&path(&[personas::reviving_nat(s(60))]), request(128, s(600)));
    assert_brackets(&findings, 60.0);
    assert_eq!(findings.speakers[1].cause, Cause::Revived);
    assert_eq!(bracket(&findings, FirstSpeaker::Client).1, None);

    let (findings, _) = run(&path(&[personas::strict_firewall(s(60))]), request(128, s(600)));
    assert_brackets(&findings, 60.0);
    let (low, high) = bracket(&findings, FirstSpeaker::Client);
    // As wide as what was asked client first: the server's bracket would be no proof of the client's.
    assert!((50.0..60.0).contains(&low) && high.is_some_and(|h| (60.0..80.0).contains(&h)), "({low}, {high:?}]");
}

#[test]
fn of_two_boxes_in_series_the_shorter_one_is_found() {
    let boxes = [personas::strict_firewall(s(350)), personas::reviving_nat(s(60))];
    assert_brackets(&run(&path(&boxes), request(256, s(600))).0, 60.0);
}

#[test]
fn a_balancer_that_closes_is_exact_and_speaks_for_both() {
    let (findings, _) = run(&path(&[personas::closing_balancer(s(60))]), request(128, s(600)));
    assert_brackets(&findings, 60.0);
    assert!(findings.speakers[0].exact);
    assert_eq!((findings.speakers[0].ended_by, findings.speakers[0].cause), (Outcome::Closed, Cause::IdleClose));
    assert_eq!(findings.speakers[1].ended_by, Outcome::Closed);
    assert!(findings.recommendation.is_some());
}

#[test]
fn a_maximum_age_is_not_called_an_idle_expiry() {
    let (findings, _) = run(&path(&[personas::maximum_age(s(90))]), request(128, s(600)));
    assert_eq!(findings.speakers[0].cause, Cause::MaximumAge);
    assert!(has_doubt(&findings, "maximum-age"));
    assert!(findings.recommendation.is_none(), "no heartbeat helps against a maximum age");
}

#[test]
fn a_path_that_forgets_nothing_is_a_lower_bound() {
    let (findings, trace) = run(&path(&[]), request(64, s(600)));
    assert_eq!(findings.verdict, Verdict::Measured);
    let (low, high) = bracket(&findings, FirstSpeaker::Server);
    assert!(low > 599.0 && high.is_none());
    assert!(trace.ended_at < Instant::ZERO + s(606), "it does not wait beyond the maximum: {}", trace.ended_at);
}

#[test]
fn a_timer_that_shrinks_under_load_is_noticed_by_the_recheck() {
    let crowded = personas::shrinking_under_load(s(120), 10, 250);
    let (findings, _) = run(&path(&[crowded]), Request { recheck: 6, ..request(128, s(600)) });
    assert!(has_doubt(&findings, "load-changes-the-answer"), "{:?}", findings.doubts);
    let (findings, _) = run(&path(&[personas::strict_firewall(s(60))]), Request { recheck: 6, ..request(128, s(600)) });
    assert!(!has_doubt(&findings, "load-changes-the-answer"), "{:?}", findings.doubts);
}

#[test]
fn the_heartbeat_that_is_proven_is_the_one_that_was_wished_for() {
    let of = |wish: Wish| {
        let mut plan = Plan::keeping(request(512, s(600)), &PLAIN, 2).unwrap();
        plan.wish = wish;
        let mut planner = Planner::new(plan);
        let path = path(&[personas::strict_firewall(s(120))]);
        let trace = drive(&mut planner, &mut World::new(&path, 7), Instant::ZERO + s(20_000));
        let found = planner.findings().recommendation.expect("a heartbeat");
        assert_eq!(found.verified, Some(true), "{found:?}");
        let proofs: Vec<&HoldRecord> = trace
            .decided
            .iter()
            .filter(|r| r.experiment == Experiment::Verify && r.outcome == Outcome::Alive)
            .collect();
        assert!(proofs.len() >= 2 && proofs.iter().all(|r| r.interval == Some(found.heartbeat)), "{proofs:?}");
        (found.heartbeat, found.reason)
    };
    let (usual, _) = of(Wish::default());
    let (patient, why) = of(Wish { tolerate_lost: 5, ..Wish::default() });
    // 31 retransmission timeouts of 0.3 s instead of 3
    assert!(usual - patient > s(5) && usual - patient < s(12), "{usual:?} {patient:?}");
    assert!(why.contains("repeat 5 lost ones (31 RTO + RTT)"), "{why}");
    let (batched, why) = of(Wish { timers_late: 0.75, ..Wish::default() });
    assert!(batched.mul_f64(1.75) < s(120) && batched > s(64), "{batched:?}");
    assert!(why.contains("less 75 % for late timers"), "{why}");
    let (fast, why) = of(Wish { objective: Objective::DetectFast, ..Wish::default() });
    assert_eq!(fast, s(30));
    assert!(why.contains("--objective detect-fast asks for no more"), "{why}");
}

#[test]
fn an_outage_is_no_expiry() {
    for (from, lasting) in [(20, 3), (20, 60), (100, 120), (1, 90)] {
        let mut cut = path(&[]);
        cut.outages.push(Span::new(Instant::ZERO + s(from), s(lasting)));
        let (findings, _) = run(&cut, request(64, s(300)));
        let (low, high) = bracket(&findings, FirstSpeaker::Server);
        assert!(high.is_none() && low > 290.0, "cut at {from} s for {lasting} s: ({low}, {high:?}]");
    }
}

#[test]
fn a_suspend_voids_what_it_touched_and_the_ladder_begins_anew() {
    let mut sleepy = path(&[personas::strict_firewall(s(60))]);
    sleepy.suspends.push(Span::new(Instant::ZERO + s(30), s(100)));
    let (findings, trace) = run(&sleepy, request(128, s(300)));
    assert!(has_doubt(&findings, "suspended"));
    assert!(trace.decided.iter().any(|r| r.cause == Some(Cause::Suspended) && r.outcome == Outcome::Void));
    assert_brackets(&findings, 60.0);
}

#[test]
fn a_server_that_restarts_is_no_expiry() {
    let mut restarted = path(&[personas::strict_firewall(s(100))]);
    restarted.restart = Some(Restart { at: Instant::ZERO + s(40), refuses_for: s(2), how: Ending::Closed });
    let (findings, trace) = run(&restarted, request(128, s(300)));
    assert!(has_doubt(&findings, "server-restarted"), "{:?}", findings.doubts);
    assert!(trace.decided.iter().any(|r| r.cause == Some(Cause::ControlLost) && r.outcome == Outcome::Void));
    assert_brackets(&findings, 100.0);
}

#[test]
fn a_server_that_is_gone_for_good_leaves_no_verdict() {
    let mut killed = path(&[personas::strict_firewall(s(100))]);
    killed.restart = Some(Restart { at: Instant::ZERO + s(40), refuses_for: s(10_000), how: Ending::Reset });
    let (findings, trace) = run(&killed, request(128, s(300)));
    assert!(matches!(findings.verdict, Verdict::Unreachable(_)), "{:?}", findings.verdict);
    assert!(has_doubt(&findings, "control-lost"));
    assert!(trace.ended_at < Instant::ZERO + s(60), "it gives up soon: {}", trace.ended_at);
    let dead =
        |r: &&HoldRecord| r.experiment == Experiment::Ladder && !matches!(r.outcome, Outcome::Alive | Outcome::Void);
    assert_eq!(trace.decided.iter().find(dead), None, "what the server's end killed says nothing");
}

#[test]
fn ten_percent_loss_changes_no_verdict() {
    let lossy = PathSpec::along([
        LinkSpec::plain(Duration::from_millis(20)).losing(Loss::Independent(0.1)).into(),
        personas::strict_firewall(s(60)).into(),
        LinkSpec::plain(Duration::from_millis(30)).into(),
    ]);
    let (findings, _) = run(&lossy, request(256, s(600)));
    assert_brackets(&findings, 60.0);
    assert!(has_doubt(&findings, "lossy-path"));
}

#[test]
fn the_same_seed_replays_the_same_run() {
    let lossy = PathSpec::along([
        LinkSpec::plain(Duration::from_millis(20)).losing(Loss::Independent(0.05)).into(),
        personas::reviving_nat(s(60)).into(),
    ]);
    assert_eq!(run(&lossy, request(64, s(300))), run(&lossy, request(64, s(300))));
}

/// Passes everything on and keeps what was asked.
struct Watched {
    planner: Planner,
    asked: Vec<(Instant, Action)>,
}

impl Strategy for Watched {
    fn handle(&mut self, seen: &Observation) {
        self.planner.handle(seen);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.planner.handle_timeout(now);
    }

    fn poll(&mut self, now: Instant) -> Output {
        let output = self.planner.poll(now);
        if let Output::Act(action) = output {
            self.asked.push((now, action));
        }
        output
    }
}

#[test]
fn one_connection_gives_one_verdict_and_openings_keep_to_the_rate() {
    let mut watched = Watched { planner: Planner::new(Plan::new(request(512, s(600))).unwrap()), asked: Vec::new() };
    let nat = path(&[personas::reviving_nat(s(60))]);
    let trace = drive(&mut watched, &mut World::new(&nat, 7), Instant::ZERO + s(2000));
    let mut decided: Vec<HoldId> = trace.decided.iter().map(|r| r.hold).collect();
    decided.sort();
    let all = decided.len();
    decided.dedup();
    assert_eq!(decided.len(), all, "a hold was decided twice");
    let mut tested: Vec<(HoldId, FirstSpeaker)> = watched
        .asked
        .iter()
        .filter_map(|(_, a)| match a {
            Action::Test { hold, speaker, .. } => Some((*hold, *speaker)),
            _ => None,
        })
        .collect();
    tested.sort();
    tested.dedup();
    assert!(tested.windows(2).all(|w| w[0].0 != w[1].0), "a hold was tested by both speakers");
    let opened: Vec<Instant> =
        watched.asked.iter().filter(|(_, a)| matches!(a, Action::Open { .. })).map(|(at, _)| *at).collect();
    let fastest = opened.windows(201).map(|w| w[200] - w[0]).min().unwrap();
    assert!(
        fastest >= Duration::from_millis(700),
        "200 openings in {fastest:?}: more than the rate and the fan's start"
    );
}

#[test]
fn an_interrupted_run_ends_at_once_and_a_resumed_one_repeats_only_what_was_undecided() {
    let nat = path(&[personas::strict_firewall(s(60))]);
    let plan = || Plan::new(request(128, s(300))).unwrap();
    let mut first = Planner::new(plan());
    let cut_off = Instant::ZERO + s(40);
    let trace = drive(&mut first, &mut World::new(&nat, 7), cut_off);
    let mut decided = trace.decided;
    first.interrupt(cut_off);
    loop {
        match first.poll(cut_off) {
            Output::Done => break,
            Output::Decided(record) => decided.push(record),
            Output::Wait(at) => panic!("an interrupted run waits until {at}"),
            Output::Act(_) => {}
        }
    }
    assert_eq!(first.findings().verdict, Verdict::Interrupted);
    assert!(decided.iter().any(|r| r.outcome == Outcome::Void && r.cause == Some(Cause::Interrupted)));

    let known: Vec<HoldRecord> = decided.into_iter().filter(|r| r.outcome != Outcome::Void).collect();
    let longest = known.iter().filter(|r| r.experiment == Experiment::Ladder).map(|r| r.silence).max().unwrap();
    let mut second = Planner::resume(plan(), &known, s(60));
    let trace = drive(&mut second, &mut World::new(&nat, 8), Instant::ZERO + s(2000));
    assert_brackets(&second.findings(), 60.0);
    let again =
        trace.decided.iter().filter(|r| r.experiment == Experiment::Ladder && r.first_speaker == FirstSpeaker::Server);
    let shorter = again.filter(|r| r.outcome == Outcome::Alive && r.silence < longest.mul_f64(0.9)).count();
    assert!(shorter <= 40, "{shorter} holds asked again what was known");
}

#[test]
fn a_target_that_refuses_is_unreachable_at_once() {
    let mut planner = Planner::new(Plan::new(request(64, s(60))).unwrap());
    let Output::Act(Action::Open { hold, experiment: Experiment::Control }) = planner.poll(Instant::ZERO) else {
        panic!("a run starts with its control connection");
    };
    let at = Instant::ZERO + Duration::from_millis(3);
    let fact = Fact::OpenFailed { error: "connect 192.0.2.1:9: connection refused".into(), refused: true };
    planner.handle(&Observation { at, hold: Some(hold), fact });
    while planner.poll(at) != Output::Done {}
    assert_eq!(planner.findings().verdict, Verdict::Unreachable("connect 192.0.2.1:9: connection refused".into()));
}
