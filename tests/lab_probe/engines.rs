//! The raw engine as a user meets it: what it may do and when it lets go of that, and that it finds what the kernel's does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabSpec};
use serde_json::Value;

use crate::support::clock;
use crate::support::harness::{by_an_ordinary_user, program_for_everybody};
use crate::support::probing::{Probing, probe, reflector};
use crate::support::programs::{self, idlescope, serve};

/// More than any of these runs may take.
const LIMIT: Duration = Duration::from_secs(60);

fn nat(seconds: u64) -> Lab {
    Lab::build(&LabSpec::nat(Duration::from_secs(seconds)).unwrap()).unwrap()
}

/// Every thread of the process `pid`, and of those that it has started.
fn threads(pid: u32) -> Vec<std::path::PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map(|tasks| tasks.flatten().map(|task| task.path()));
    let Ok(tasks) = tasks.map(Iterator::collect::<Vec<_>>) else { return Vec::new() };
    let children: Vec<u32> = tasks
        .iter()
        .filter_map(|task| fs::read_to_string(task.join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    tasks.into_iter().chain(children.into_iter().flat_map(threads)).collect()
}

/// A line of a status file.
fn field(task: &Path, name: &str) -> String {
    let status = fs::read_to_string(task.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
}

/// The threads that probe.
fn probers(pid: u32) -> Vec<std::path::PathBuf> {
    let probes = |task: &Path| {
        fs::read(task.join("cmdline")).is_ok_and(|line| {
            let mut words = line.split(|byte| *byte == 0);
            words.next().is_some_and(|word| word.ends_with(b"idlescope")) && words.next() == Some(b"probe")
        })
    };
    threads(pid).into_iter().filter(|task| probes(task)).collect()
}

pub(crate) fn every_privilege_is_gone_before_anything_is_measured() {
    let lab = nat(2);
    let _server = serve(&lab, &[]);
    let arguments = [&*reflector(&lab), "--engine", "raw", "--min", "1s", "--max", "5s", "--connections", "32"];
    let probing = Probing::start(&lab, &arguments);
    let said = || probing.running.so_far().1.contains("all privileges are dropped");
    assert!(clock::wait_until(LIMIT, said), "{:?}", probing.running.so_far());
    let tasks = probers(probing.running.id());
    assert!(!tasks.is_empty());
    for task in &tasks {
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(field(task, set), "0000000000000000", "{set} of {}", task.display());
        }
        assert_eq!(field(task, "NoNewPrivs"), "1");
    }
    let probed = probing.finish(LIMIT);
    probed.exits(0).forgets_after(Duration::from_secs(2));
    assert!(probed.holds.iter().all(|row| row.get("engine") == "raw"));
}

/// The same program where root has lost the capability: what a container gives.
fn without_raw(lab: &Lab, arguments: &[&str]) -> programs::Finished {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-net_raw,-net_admin", "--inh-caps", "-all", env!("CARGO_BIN_EXE_idlescope")]);
    command.args(arguments);
    programs::start(lab, Host::Client, command).finish(LIMIT)
}

pub(crate) fn without_the_capability_raw_is_refused_with_the_remedy_and_auto_is_the_kernels() {
    let lab = nat(2);
    let _server = serve(&lab, &[]);
    let target = reflector(&lab);
    let refused = without_raw(&lab, &["probe", &target, "--engine", "raw"]);
    assert_eq!((refused.code(), refused.stdout.as_str()), (4, ""), "{refused:?}");
    for word in ["--engine raw", "CAP_NET_RAW", "setcap cap_net_raw+p"] {
        assert!(refused.stderr.contains(word), "`{word}` is missing: {}", refused.stderr);
    }
    let range = ["--min", "1s", "--max", "4s", "--connections", "16", "--no-recheck"];
    let auto = without_raw(&lab, &[&["probe", &target, "--json"], &range[..]].concat());
    assert_eq!(auto.code(), 0, "{auto:?}");
    assert!(auto.stderr.contains("Kernel engine, without privilege"), "{}", auto.stderr);
    let document: Value = serde_json::from_str(&auto.stdout).unwrap();
    assert_eq!(document["run"]["engine"], "kernel");
    assert_eq!(document["told"], Value::Array(Vec::new()));
    // Whoever has the capability may still do without.
    let asked = programs::start(
        &lab,
        Host::Client,
        idlescope(&[&["probe", &target, "--engine", "kernel"], &range[..]].concat()),
    );
    let asked = asked.finish(LIMIT);
    assert!(asked.stderr.contains("Kernel engine, as asked"), "{asked:?}");
}

pub(crate) fn whose_reset_it_was_is_told_with_its_distance() {
    let lab = Lab::build(&LabSpec::through(["router", "announcing-reset,timeout=2s"]).unwrap()).unwrap();
    let _server = serve(&lab, &[]);
    let range = ["--engine", "raw", "--min", "1s", "--max", "5s", "--connections", "32", "--no-recheck"];
    let probed = probe(&lab, &[&[&*reflector(&lab)], &range[..]].concat(), LIMIT);
    probed.exits(0).forgets_after(Duration::from_secs(2));
    let reset: Vec<_> = probed.holds.iter().filter(|row| row.get("outcome") == "reset").collect();
    assert!(reset.len() >= 10, "{}", probed.told());
    // A router, then the box that announces: two hops from here, where the server is three away.
    assert!(reset.iter().all(|row| row.get("hop") == "2" && row.get("cause") == "idle-reset"), "{reset:?}");
    assert!(probed.text().contains("ended by"), "{}", probed.told());
}

pub(crate) fn a_forged_reset_ends_a_hold_for_both_engines_and_is_told_by_the_raw_one() {
    let lab = LabSpec::through(["router", "injector-equal,pattern=forbidden,penalty=0s", "router"]).unwrap();
    let lab = Lab::build(&lab).unwrap();
    // A service that never says anything.
    let listener = lab.run_in(Host::Server, || std::net::TcpListener::bind("0.0.0.0:7").unwrap()).join().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            kept.push(stream);
        }
    });
    let target = format!("tcp://{}:7", lab.address(Host::Server));
    let range = ["--send", "forbidden", "--min", "1s", "--max", "3s", "--connections", "16", "--no-recheck"];
    for engine in ["kernel", "raw"] {
        let probed = probe(&lab, &[&[&*target, "--engine", engine], &range[..]].concat(), LIMIT);
        let cause = if engine == "raw" { "injected" } else { "path-forgot" };
        let tested: Vec<_> = probed.holds.iter().filter(|row| row.get("experiment") == "ladder").collect();
        assert!(!tested.is_empty(), "{}", probed.told());
        assert!(
            tested.iter().all(|row| row.get("outcome") == "reset" && row.get("cause") == cause),
            "{engine}: {}",
            probed.told()
        );
    }
}

pub(crate) fn holds_without_a_kernel_find_what_sockets_find() {
    let lab = nat(2);
    let _server = serve(&lab, &[]);
    let range = ["--raw-owned", "--min", "1s", "--max", "5s", "--connections", "32", "--no-recheck"];
    let probed = probe(&lab, &[&[&*reflector(&lab)], &range[..]].concat(), LIMIT);
    probed.exits(0).forgets_after(Duration::from_secs(2));
    assert_eq!(probed.found("client").get("cause"), "revived", "{}", probed.told());
    assert!(
        probed.holds.iter().all(|row| row.get("engine") == "raw" && row.get("outcome") != "void"),
        "{}",
        probed.told()
    );
    assert!(probed.done.stderr.contains("without the kernel's TCP"), "{}", probed.told());
}

pub(crate) fn an_ordinary_user_sees_packets_inside_a_lab() {
    let (_folder, binary) = program_for_everybody();
    let mut command = by_an_ordinary_user(&binary);
    command.args(["lab", "-q", "--box", "announcing-reset,timeout=2s", "--", "idlescope", "probe"]);
    command.args(["reflector://10.77.2.2", "--engine", "raw", "--json", "--no-recheck"]);
    command.args(["--min", "1s", "--max", "5s", "--connections", "24"]);
    let done = command.current_dir("/").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(document["run"]["engine"], "raw", "{said}");
    assert_eq!(document["told"][0]["hops"], serde_json::json!([1, 1]), "{}", document["told"]);
}
