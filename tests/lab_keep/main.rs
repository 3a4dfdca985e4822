//! What keeps a path alive, on real packets: `idlescope probe` against `idlescope serve` with each kind of box between them,
//! every cell of the refresh matrix, the proof of the heartbeat, and a soak on what is then recommended. Two probes look at
//! each box at once: one with ordinary sockets, and one that crafts what those cannot send.

mod advice;
mod carried;
mod deployed;
mod soak;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use idlescope::lab::{Lab, LabSpec};
use serde_json::Value;
use support::harness::{Job, Named};
use support::probing::{Probed, Probing, reflector};
use support::programs::serve;

use deployed::Deployed;
use soak::Soak;

/// Each test waits nearly all of its time, and each has a lab of its own.
const AT_A_TIME: usize = 32;
const LIMIT: Duration = Duration::from_secs(90);
/// The path on which proxies are used with what was emitted for them: one on which their TCP keepalives count.
const DEPLOYED: &str = "nat,timeout=4s";
/// The kinds in the order of the signs below: those that ordinary sockets can send, and all of them.
const PLAIN: [&str; 4] = ["tcp-keepalive", "data", "data-client", "data-server"];
const ALL: [&str; 6] = ["tcp-keepalive", "tcp-keepalive-1b", "ack", "data", "data-client", "data-server"];

fn main() -> ExitCode {
    let tests = support::tests![
        // The longest first.
        a_mixture_is_kept_for_its_shorter_step,
        the_kernels_nat_is_refreshed_by_everything,
        haproxy_counts_data_alone,
        a_box_that_counts_data_alone,
        a_box_that_counts_outbound_alone,
        a_box_that_counts_inbound_alone,
        a_box_that_eats_zero_byte_keepalives,
        a_box_that_eats_one_byte_keepalives,
        a_proxy_that_closes_one_side_only,
        a_maximum_age_is_not_prevented_by_anything,
    ];
    let jobs: Vec<(String, Job)> =
        tests.iter().map(|&(name, test): &Named| (name.to_owned(), Box::new(test) as Job)).collect();
    support::harness::run_jobs(jobs, &[], AT_A_TIME)
}

/// What was found: `+`, `-` or `?`.
fn sign(cell: Option<&Value>) -> char {
    match cell.map(|cell| (cell["pushes"].as_str(), cell["answers"].as_str())) {
        Some((Some("effective"), Some("effective"))) => '+',
        Some((Some("untested"), _) | (_, Some("untested"))) | None => '?',
        Some(_) => '-',
    }
}

/// What a probe has found.
struct Found {
    engine: &'static str,
    probed: Probed,
    document: Value,
}

impl Found {
    /// Of each kind; with raw sockets, after a space, of a keepalive with a byte that dies one hop before the target.
    fn signs(&self) -> String {
        let cells = self.document["refreshes"].as_array().cloned().unwrap_or_default();
        let of = |kind: &str, limited: bool| {
            sign(cells.iter().find(|cell| cell["refresh"] == kind && cell["hop"].is_null() != limited))
        };
        if self.engine == "kernel" {
            return PLAIN.map(|kind| of(kind, false)).into_iter().collect();
        }
        let all: String = ALL.map(|kind| of(kind, false)).into_iter().collect();
        format!("{all} {}", of("tcp-keepalive-1b", true))
    }

    fn shows(&self, boxes: &str, expected: &str) {
        let Self { engine, probed, document } = self;
        assert_eq!(self.signs(), expected, "{boxes}, {engine}: {:#}\n{}", document["refreshes"], probed.told());
    }

    /// The heartbeat was proven on data.
    fn is_proven(&self, boxes: &str, timeout: f64) {
        let probed = &self.probed;
        let row = probed.found_first("server");
        assert_eq!((row.get("verified"), row.get("refresh")), ("yes", "data"), "{boxes}: {row:?}\n{}", probed.told());
        let heartbeat = row.number("heartbeat_s").unwrap();
        let proofs: Vec<_> = probed.holds.iter().filter(|row| row.get("experiment") == "verify").collect();
        assert!(proofs.len() >= 2, "{}", probed.told());
        for proof in proofs {
            assert_eq!(proof.get("outcome"), "alive", "{proof:?}\n{}", probed.told());
            assert!(proof.number("interval_s").unwrap() >= heartbeat, "{proof:?} against {heartbeat}");
            assert!(proof.number("hold_s").unwrap() > timeout, "{proof:?}\n{}", probed.told());
        }
    }
}

/// Two probes at once through one lab, that of the raw engine last, each in at most 2.2 times the timeout and 15 s.
fn keep(boxes: &str, timeout: f64, max: &str) -> (Lab, [Found; 2]) {
    let lab = Lab::build(&LabSpec::through([boxes]).unwrap()).unwrap();
    let _server = serve(&lab, &[]);
    let target = reflector(&lab);
    let probing = ["kernel", "raw"].map(|engine| {
        let arguments = [&target, "--min", "1s", "--max", max, "--connections", "256", "--no-recheck", "--json"];
        (engine, Probing::start(&lab, &[&arguments[..], &["--engine", engine]].concat()))
    });
    let found = probing.map(|(engine, probing)| {
        let probed = probing.finish(LIMIT);
        probed.exits(0);
        let document = serde_json::from_str(&probed.done.stdout).unwrap_or_else(|e| panic!("{e}\n{}", probed.told()));
        let took = probed.done.took.as_secs_f64();
        println!("{boxes}, {engine}: the whole answer after {took:.1} s, {:.2} T", took / timeout);
        assert!(took <= 2.2 * timeout + 15.0, "{boxes}, {engine}: {took} s\n{}", probed.told());
        Found { engine, probed, document }
    });
    (lab, found)
}

/// The matrices are `plain` and `raw`, the heartbeat was proven in time, and connections live on what is recommended.
fn check(boxes: &str, timeout: f64, max: &str, plain: &str, raw: &str) {
    let (lab, found) = keep(boxes, timeout, max);
    let keepalive = if plain.starts_with('+') { "effective" } else { "ineffective" };
    for (found, expected) in found.iter().zip([plain, raw]) {
        found.shows(boxes, expected);
        found.is_proven(boxes, timeout);
        assert_eq!(found.probed.found_first("server").get("tcp_keepalive"), keepalive, "{boxes}, {}", found.engine);
    }
    lives_on(&lab, boxes, &found[0].probed);
}

/// A soak on what is recommended after this probe; on one path with proxies that are configured with it.
fn lives_on(lab: &Lab, boxes: &str, probed: &Probed) {
    let row = probed.found_first("server");
    let advice = advice::advice(&probed.summary_file);
    assert!(advice.verified, "{boxes}: {advice:?} of {row:?}");
    assert_eq!(format!("{:.3}", advice.heartbeat), row.get("heartbeat_s"), "{boxes}: {advice:?}");
    // Of a mixture some connections meet the box that remembers for longer.
    let (late, fail) = if probed.found_all("server").len() > 1 { (16, 1) } else { (4, 4) };
    let [low, high] = ["expiry_low_s", "expiry_high_s"].map(|column| row.number(column).unwrap());
    let soak = Soak { boxes, low, high, late, fail };
    let deployed = (boxes == DEPLOYED).then(|| Deployed::start(lab, &probed.summary_file));
    soak.holds(lab, &advice);
    if let Some(deployed) = deployed {
        deployed.still_pushes(Duration::from_secs_f64(soak::EXPIRIES * high));
    }
}

fn the_kernels_nat_is_refreshed_by_everything() {
    check(DEPLOYED, 4.0, "10s", "++++", "++++++ +");
}

fn haproxy_counts_data_alone() {
    // It ends the connection itself, one hop from here: nothing dies before it.
    check("haproxy,timeout=4.5s", 4.5, "10s", "-+++", "---+++ ?");
}

fn a_box_that_counts_data_alone() {
    check("data-only,timeout=4.5s", 4.5, "10s", "-+++", "---+++ -");
}

fn a_box_that_counts_outbound_alone() {
    check("outbound-only,timeout=4.5s", 4.5, "10s", "++++", "++++++ +");
}

fn a_box_that_counts_inbound_alone() {
    check("inbound-only,timeout=4.5s", 4.5, "10s", "++++", "++-+++ -");
}

fn a_box_that_eats_zero_byte_keepalives() {
    check("eats-zero-byte,timeout=4.5s", 4.5, "10s", "-+++", "-+++++ +");
}

fn a_box_that_eats_one_byte_keepalives() {
    check("eats-one-byte,timeout=4.5s", 4.5, "10s", "++++", "+-++++ -");
}

fn a_proxy_that_closes_one_side_only() {
    // It answers keepalives itself, as HAProxy does.
    check("half-closing-balancer,timeout=4.5s,side=client", 4.5, "10s", "-+++", "---+++ ?");
}

fn a_mixture_is_kept_for_its_shorter_step() {
    check("mixture,first=3s,second=15s,share=0.5", 15.0, "18s", "++++", "++++++ +");
}

fn a_maximum_age_is_not_prevented_by_anything() {
    let boxes = "maximum-age,age=6s";
    let (lab, found) = keep(boxes, 6.0, "12s");
    for (found, expected) in found.iter().zip(["----", "------ -"]) {
        found.shows(boxes, expected);
        let probed = &found.probed;
        let row = probed.found_first("server");
        assert_eq!((row.get("cause"), row.get("heartbeat_s"), row.get("verified")), ("maximum-age", "", ""), "{row:?}");
        assert!(probed.holds.iter().all(|row| row.get("experiment") != "verify"), "{}", probed.told());
    }
    let (code, _, why) = advice::recommend(&found[0].probed.summary_file, &["--for", "haproxy"]);
    assert!(code == 5 && why.contains("maximum age"), "{code}: {why}");
    soak::ends_at_its_age(&lab, boxes, 6.0);
}
