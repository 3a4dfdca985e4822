//! The life of a lab: who may build one, what it says where it is forbidden, and that nothing of it is left.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabSpec};
use support::boxes::Nginx;
use support::talk::{connect, hears, say};
use support::traces::{exists, inhabited, inhabited_by, inodes, links, ticks};
use support::{clock, harness, programs};

/// The NAT's memory in these tests.
const MEMORY: Duration = Duration::from_secs(2);

/// The kernel takes a namespace apart some time after its last process has ended: one worker does it for the whole
/// machine, a batch at a time, and waits for several RCU grace periods in each (`cleanup_net` in `net/core/net_namespace.c`).
/// A try that finds no room has made namespaces too, which then wait their turn: the pauses between tries must grow, or
/// the tries themselves keep the place full.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 32];

fn main() -> ExitCode {
    let tests = support::tests![
        a_program_runs_inside_and_ends_with_the_lab,
        a_dropped_lab_leaves_no_namespace_and_no_program,
        a_killed_lab_leaves_nothing_however_often,
        an_ordinary_user_builds_a_lab,
        a_process_with_threads_is_told_why_it_cannot,
        a_forbidden_user_namespace_is_named_with_its_remedy,
        a_forbidden_network_namespace_is_named_with_its_remedy,
        a_missing_nft_is_named_with_its_package,
        a_timeout_that_the_kernel_cannot_keep_is_refused,
    ];
    let roles: &[harness::Named] = &[
        ("build", role_build),
        ("build with threads", role_build_with_threads),
        ("hold", role_hold),
        ("nursery", role_nursery),
    ];
    harness::main(tests, roles)
}

fn a_program_runs_inside_and_ends_with_the_lab() {
    let lab = Lab::build(&LabSpec::nat(MEMORY).unwrap()).unwrap();
    let mut command = Command::new("cat");
    command.arg("/proc/self/net/dev");
    let done = programs::start(&lab, Host::Hop(0), command).finish(Duration::from_secs(5));
    assert_eq!(done.code(), 0);
    assert!(done.stdout.contains("to-client:") && done.stdout.contains("to-server:"), "{}", done.stdout);
    let missing = lab.command_in(Host::Client, Command::new("/does/not/exist")).unwrap_err();
    assert!(missing.to_string().contains("`/does/not/exist` in the lab's client"), "{missing}");

    let mut sleeper = lab.command_in(Host::Client, sleep()).unwrap();
    assert!(sleeper.try_wait().unwrap().is_none());
    drop(lab);
    assert!(clock::wait_until(Duration::from_secs(5), || sleeper.try_wait().unwrap().is_some()));
}

fn a_dropped_lab_leaves_no_namespace_and_no_program() {
    let lab = Lab::build(&with_programs()).unwrap();
    let (inodes, programs) = (inodes(&lab), programs_of(&lab));
    assert_eq!(programs.len(), BOXES.len());
    assert!(programs.iter().all(|id| exists(*id)));
    assert_eq!(inhabited(&inodes).len(), inodes.len());
    let dropped = ticks();
    drop(lab);
    assert!(!programs.iter().any(|id| exists(*id)));
    assert_eq!(inhabited_by(&inodes, dropped), Vec::<String>::new());
}

/// A box of every program.
const BOXES: [&str; 5] = ["haproxy", "nginx", "nginx-stream", "stunnel", "passt"];

fn with_programs() -> LabSpec {
    LabSpec::through(BOXES).unwrap()
}

fn programs_of(lab: &Lab) -> Vec<u32> {
    lab.programs().map(|(_, id)| id).collect()
}

fn a_killed_lab_leaves_nothing_however_often() {
    let before = links();
    // A user namespace in which few network namespaces may exist at a time: what is left behind is missing later.
    let mut nursery = harness::role_after("echo 9 > /proc/sys/user/max_net_namespaces", "-Ur", "nursery");
    // What is killed cannot clear away the folders of its boxes; this one goes with the test.
    let folder = tempfile::tempdir().unwrap();
    let done = nursery.env("TMPDIR", folder.path()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(said, "killed\n".repeat(4));
    assert_eq!(links(), before);
}

/// Builds labs and has each of them killed, one after the other.
fn role_nursery() {
    for _ in 0..4 {
        let (mut child, said) = hold_when_there_is_room();
        let mut words = said.split_whitespace().skip(1);
        let programs: Vec<u32> = words.by_ref().take(BOXES.len() + 2).map(|id| id.parse().unwrap()).collect();
        let inodes: Vec<String> = words.map(str::to_owned).collect();
        assert_eq!(inhabited(&inodes).len(), BOXES.len() + 2, "{said}");
        assert!(programs.iter().all(|id| exists(*id)), "{said}");
        child.kill().unwrap();
        child.wait().unwrap();
        let killed = ticks();
        let gone = || inhabited_by(&inodes, killed).is_empty() && !programs.iter().any(|id| exists(*id));
        assert!(clock::wait_until(Duration::from_secs(5), gone), "left: {said}");
        println!("killed");
    }
}

/// Starts a process that holds a lab, once the kernel has taken the namespaces of those before it apart.
fn hold_when_there_is_room() -> (Child, String) {
    for pause in PAUSES {
        let (child, said) = hold();
        if said.starts_with("holding") {
            return (child, said);
        }
        assert!(said.contains("user.max_net_namespaces is 9"), "{said}");
        clock::wait(Duration::from_secs(pause));
    }
    panic!("the killed labs' namespaces are still there");
}

/// Starts a process that holds a lab; its first line of output.
fn hold() -> (Child, String) {
    let mut child = harness::role("hold").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.starts_with("holding") {
        return (child, line);
    }
    child.wait().unwrap();
    (child, line)
}

/// Holds a lab with programs in it until it is killed, or its starter ends.
fn role_hold() {
    let lab = match Lab::build(&with_programs()) {
        Ok(lab) => lab,
        Err(error) => return println!("{error}"),
    };
    let nginx = Nginx { keepalive: MEMORY }.start(&lab);
    let sleeper = lab.command_in(Host::Client, sleep()).unwrap();
    let mut ids = programs_of(&lab);
    ids.extend([nginx.id(), sleeper.id()]);
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    println!("holding {} {}", ids.join(" "), inodes(&lab).join(" "));
    let _ = std::io::stdin().read(&mut [0]);
}

fn an_ordinary_user_builds_a_lab() {
    let (mut command, _file) = harness::role_of_an_ordinary_user("build");
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(said, "built, by a user without privileges\n", "{}", String::from_utf8_lossy(&done.stderr));
}

/// Builds a lab, uses it, and says how that went.
fn role_build() {
    let without_privileges = rustix::thread::capabilities(None).unwrap().effective.is_empty();
    match Lab::build(&LabSpec::nat(MEMORY).unwrap().with_ipv6()) {
        Err(error) => println!("{error}"),
        Ok(lab) => {
            let (client, server) = connect(&lab);
            say(&server, b"push");
            hears(&client, b"push");
            println!("built, by a user with{} privileges", if without_privileges { "out" } else { "" });
        }
    }
}

fn role_build_with_threads() {
    std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || stopped.recv());
        role_build();
        drop(stop);
    });
}

fn a_process_with_threads_is_told_why_it_cannot() {
    let (mut command, _file) = harness::role_of_an_ordinary_user("build with threads");
    let said = output(&mut command);
    assert!(
        said.starts_with("a user namespace needs a process with a single thread (unshare(2)) and this one has 2"),
        "{said}"
    );
}

fn a_forbidden_user_namespace_is_named_with_its_remedy() {
    // Root of a user namespace may forbid further ones below it; then it gives up its privileges.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; \
                  exec setpriv --securebits=+noroot --inh-caps=-all --bounding-set=-all \"$0\"";
    let said = output(&mut harness::role_after(script, "-Ur", "build"));
    assert!(said.starts_with("network namespaces are forbidden here: unshare(CLONE_NEWUSER): "), "{said}");
    assert!(said.contains("user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces="), "{said}");
}

fn a_forbidden_network_namespace_is_named_with_its_remedy() {
    let said = output(&mut harness::role_after("echo 0 > /proc/sys/user/max_net_namespaces", "-Ur", "build"));
    assert!(said.starts_with("network namespaces are forbidden here: unshare(CLONE_NEWNET): "), "{said}");
    assert!(said.contains("user.max_net_namespaces is 0: sudo sysctl -w user.max_net_namespaces="), "{said}");
}

fn a_missing_nft_is_named_with_its_package() {
    let said = output(&mut harness::role_after(&harness::hiding("nft"), "-Urm", "build"));
    assert!(said.starts_with("`nft` is not installed"), "{said}");
    assert!(said.contains("sudo apt-get install nftables"), "{said}");
}

fn a_timeout_that_the_kernel_cannot_keep_is_refused() {
    let error = LabSpec::nat(Duration::from_millis(1500)).unwrap_err();
    assert!(error.to_string().contains("whole seconds"), "{error}");
}

fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    // Not the test's own output: whoever reads that to its end must not wait for a sleeper that was left behind.
    command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
