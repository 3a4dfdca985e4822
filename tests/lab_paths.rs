//! The lab itself, without the prober: what its paths do to a connection, what it says where it is forbidden, and that
//! nothing of it is left.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabBox, LabError, LabSpec};
use support::boxes::{HaProxy, Nginx, NginxStream};
use support::talk::{connect, connect_to, dial, echo_server, hears, hears_nothing, is_reset, say};
use support::{clock, harness, programs};

/// The NAT's memory in these tests.
const MEMORY: Duration = Duration::from_secs(2);
/// Long enough for it to have forgotten.
const TOO_LONG: Duration = Duration::from_millis(2600);
/// Clearly less than its memory.
const IN_TIME: Duration = Duration::from_millis(1200);
const ALL: [Host; 3] = [Host::Client, Host::Router, Host::Server];

fn nat(loose: bool) -> Lab {
    Lab::build(&LabSpec {
        middlebox: LabBox::Nat { timeout: MEMORY, loose },
        ipv6: false,
    })
    .unwrap()
}

fn plain() -> Lab {
    Lab::build(&LabSpec::default()).unwrap()
}

fn main() -> ExitCode {
    let tests = support::tests![
        behind_the_nat_the_server_sees_the_router_in_both_address_families,
        without_a_box_the_server_sees_the_client_and_silence_does_no_harm,
        a_push_after_the_timeout_is_reset_towards_the_server_and_the_client_hears_nothing,
        the_client_revives_a_forgotten_connection_unnoticed,
        without_loose_pick_up_a_forgotten_connection_stays_dead,
        traffic_in_time_keeps_a_connection_alive,
        the_timeout_of_a_living_lab_can_be_changed,
        a_cut_of_three_seconds_delays_what_is_said_and_forgets_nothing,
        nothing_listening_and_no_route_are_told_apart,
        two_labs_side_by_side_do_not_meet,
        haproxy_closes_both_sides_of_an_idle_connection_on_time,
        nginx_closes_an_idle_connection_on_time,
        nginx_as_a_proxy_closes_an_idle_connection_on_time,
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

fn behind_the_nat_the_server_sees_the_router_in_both_address_families() {
    let lab = Lab::build(&LabSpec::nat(MEMORY).with_ipv6()).unwrap();
    let (client, server) = connect(&lab);
    assert_eq!(server.peer_addr().unwrap().ip(), lab.outside());
    assert_eq!(client.local_addr().unwrap().ip(), lab.address(Host::Client));
    let (client, server) = connect_to(&lab, lab.address6(Host::Server).unwrap());
    assert_eq!(client.local_addr().unwrap().ip(), lab.address6(Host::Client).unwrap());
    assert_ne!(server.peer_addr().unwrap().ip(), client.local_addr().unwrap().ip());
    say(&client, b"ping");
    hears(&server, b"ping");
    clock::wait(TOO_LONG);
    say(&server, b"push");
    is_reset(&server);
}

fn without_a_box_the_server_sees_the_client_and_silence_does_no_harm() {
    let lab = Lab::build(&LabSpec::default().with_ipv6()).unwrap();
    let over_v6 = connect_to(&lab, lab.address6(Host::Server).unwrap());
    let (client, server) = connect(&lab);
    assert_eq!(server.peer_addr().unwrap().ip(), lab.address(Host::Client));
    assert_eq!(over_v6.1.peer_addr().unwrap().ip(), lab.address6(Host::Client).unwrap());
    clock::wait(TOO_LONG);
    for (client, server) in [(client, server), over_v6] {
        say(&server, b"push");
        hears(&client, b"push");
        say(&client, b"ping");
        hears(&server, b"ping");
    }
}

fn a_push_after_the_timeout_is_reset_towards_the_server_and_the_client_hears_nothing() {
    let lab = nat(true);
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&server, b"push");
    is_reset(&server);
    hears_nothing(&client, Duration::from_secs(1));
}

fn the_client_revives_a_forgotten_connection_unnoticed() {
    let lab = nat(true);
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&client, b"ping");
    hears(&server, b"ping");
    say(&server, b"push");
    hears(&client, b"push");
}

fn without_loose_pick_up_a_forgotten_connection_stays_dead() {
    let lab = nat(false);
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&client, b"ping");
    hears_nothing(&server, Duration::from_secs(1));
    hears_nothing(&client, Duration::from_millis(10));
    say(&server, b"push");
    is_reset(&server);
}

fn traffic_in_time_keeps_a_connection_alive() {
    let lab = nat(false);
    let (client, server) = connect(&lab);
    for _ in 0..2 {
        clock::wait(IN_TIME);
        say(&server, b"push");
        hears(&client, b"push");
        clock::wait(IN_TIME);
        say(&client, b"ping");
        hears(&server, b"ping");
    }
}

fn the_timeout_of_a_living_lab_can_be_changed() {
    let lab = nat(true);
    lab.set_timeout(Duration::from_mins(1)).unwrap();
    let (client, server) = connect(&lab);
    clock::wait(TOO_LONG);
    say(&server, b"push");
    hears(&client, b"push");
    lab.set_timeout(Duration::from_secs(1)).unwrap();
    say(&server, b"push");
    hears(&client, b"push");
    clock::wait(Duration::from_millis(1600));
    say(&server, b"push");
    is_reset(&server);
    assert!(matches!(plain().set_timeout(MEMORY), Err(LabError::NoNat)));
}

fn a_cut_of_three_seconds_delays_what_is_said_and_forgets_nothing() {
    // The memory is longer than the cut: what ends a connection here could only be the cut.
    let lab = Lab::build(&LabSpec::nat(Duration::from_secs(20)).with_ipv6()).unwrap();
    let ways = [lab.address(Host::Server), lab.address6(Host::Server).unwrap()];
    let [spoken, silent] = [(); 2].map(|()| ways.map(|way| connect_to(&lab, way)));
    let cut_at = clock::now();
    lab.cut().unwrap();
    for (client, server) in &spoken {
        say(client, b"ping");
        say(server, b"push");
    }
    for (client, server) in &spoken {
        hears_nothing(server, Duration::from_millis(300));
        hears_nothing(client, Duration::from_millis(300));
    }
    clock::wait(Duration::from_secs(3).saturating_sub(cut_at.elapsed()));
    lab.mend().unwrap();
    for (client, server) in &spoken {
        hears(server, b"ping");
        hears(client, b"push");
    }
    for (client, server) in &silent {
        say(server, b"push");
        hears(client, b"push");
    }
    // Mending what is whole does nothing.
    lab.mend().unwrap();
    let (client, server) = connect(&lab);
    say(&client, b"ping");
    hears(&server, b"ping");
}

fn nothing_listening_and_no_route_are_told_apart() {
    let lab = nat(true);
    let refused = dial(&lab, SocketAddr::from((lab.address(Host::Server), 9))).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // TEST-NET-1 (RFC 5737): the router has no route there and says so.
    let nowhere = dial(&lab, "192.0.2.1:9".parse().unwrap()).unwrap_err();
    assert_eq!(nowhere.kind(), std::io::ErrorKind::NetworkUnreachable);
}

fn two_labs_side_by_side_do_not_meet() {
    let (one, other) = (nat(true), plain());
    let listener = |lab: &Lab| {
        let address = (lab.address(Host::Server), 4000);
        lab.run_in(Host::Server, move || TcpListener::bind(address))
            .join()
            .unwrap()
            .unwrap()
    };
    // The same address and port in both, and each client reaches its own server.
    let listeners = [listener(&one), listener(&other)];
    for (lab, listener, name) in [(&one, &listeners[0], b"one"), (&other, &listeners[1], b"two")] {
        let client = dial(lab, listener.local_addr().unwrap()).unwrap();
        say(&client, name);
        let (server, _) = listener.accept().unwrap();
        hears(&server, name);
    }
    one.cut().unwrap();
    let client = dial(&other, listeners[1].local_addr().unwrap()).unwrap();
    let (server, _) = listeners[1].accept().unwrap();
    say(&client, b"the other lab's cable is whole");
    hears(&server, b"the other lab's cable is whole");
    let namespaces = [inodes(&one), inodes(&other)].concat();
    let mut distinct = namespaces.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 6, "{namespaces:?}");
}

/// How long after its last words an idle connection was closed.
fn closed_after(mut client: &TcpStream, last_word: std::time::Instant) -> Duration {
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let end = client.read(&mut [0; 64]);
    let after = last_word.elapsed();
    assert!(matches!(end, Ok(0)), "expected a close, got {end:?} after {after:?}");
    after
}

fn assert_about(measured: Duration, expected: Duration) {
    let off = measured.as_secs_f64() - expected.as_secs_f64();
    assert!(
        off.abs() <= 0.05,
        "closed after {measured:?} where {expected:?} was configured"
    );
}

fn haproxy_closes_both_sides_of_an_idle_connection_on_time() {
    let lab = plain();
    let echo = echo_server(&lab, 4001);
    let haproxy = HaProxy::both(echo, MEMORY).start(&lab);
    let client = dial(&lab, haproxy.address).unwrap();
    say(&client, b"ping");
    hears(&client, b"ping");
    assert_about(closed_after(&client, clock::now()), MEMORY);
}

fn nginx_closes_an_idle_connection_on_time() {
    let lab = plain();
    let nginx = Nginx { keepalive: MEMORY }.start(&lab);
    let client = dial(&lab, nginx.address).unwrap();
    say(&client, b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n");
    hears(&client, b"HTTP/1.1 200 OK\r\n");
    let mut rest = [0; 1024];
    let n = (&client).read(&mut rest).unwrap();
    assert!(rest[..n].ends_with(b"ok\n"), "{}", String::from_utf8_lossy(&rest[..n]));
    assert_about(closed_after(&client, clock::now()), MEMORY);
}

fn nginx_as_a_proxy_closes_an_idle_connection_on_time() {
    let lab = plain();
    let echo = echo_server(&lab, 4002);
    let nginx = NginxStream {
        to: echo,
        timeout: MEMORY,
    }
    .start(&lab);
    let client = dial(&lab, nginx.address).unwrap();
    say(&client, b"ping");
    hears(&client, b"ping");
    assert_about(closed_after(&client, clock::now()), MEMORY);
}

fn a_program_runs_inside_and_ends_with_the_lab() {
    let lab = nat(true);
    let mut command = Command::new("cat");
    command.arg("/proc/self/net/dev");
    let done = programs::start(&lab, Host::Router, command).finish(Duration::from_secs(5));
    assert_eq!(done.code(), 0);
    assert!(
        done.stdout.contains("to-client:") && done.stdout.contains("to-server:"),
        "{}",
        done.stdout
    );
    let missing = lab
        .command_in(Host::Client, Command::new("/does/not/exist"))
        .unwrap_err();
    assert!(
        missing.to_string().contains("`/does/not/exist` in the lab's client"),
        "{missing}"
    );

    let mut sleeper = lab.command_in(Host::Client, sleep()).unwrap();
    assert!(sleeper.try_wait().unwrap().is_none());
    drop(lab);
    assert!(clock::wait_until(Duration::from_secs(5), || sleeper
        .try_wait()
        .unwrap()
        .is_some()));
}

fn a_dropped_lab_leaves_no_namespace_and_no_program() {
    let lab = nat(true);
    let echo = echo_server(&lab, 4003);
    let haproxy = HaProxy::both(echo, MEMORY).start(&lab);
    let (inodes, program) = (inodes(&lab), haproxy.id());
    drop(haproxy);
    assert!(!exists(program));
    assert!(!inhabited(&inodes).is_empty());
    drop(lab);
    assert_eq!(inhabited(&inodes), Vec::<String>::new());
}

fn a_killed_lab_leaves_nothing_however_often() {
    let before = links();
    // A user namespace in which few network namespaces may exist at a time: what is left behind is missing later.
    let mut nursery = harness::role_after("echo 5 > /proc/sys/user/max_net_namespaces", "-Ur", "nursery");
    let done = nursery.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(said, "killed\n".repeat(4));
    assert_eq!(links(), before);
}

/// Builds labs and has each of them killed, one after the other.
fn role_nursery() {
    for _ in 0..4 {
        let mut holder = None;
        // The kernel takes a namespace apart a little after its last process has ended.
        let built = clock::wait_until(Duration::from_secs(10), || {
            let (child, said) = hold();
            assert!(
                said.starts_with("holding") || said.contains("user.max_net_namespaces is 5"),
                "{said}"
            );
            holder = said.starts_with("holding").then_some((child, said));
            holder.is_some()
        });
        assert!(built, "the killed labs' namespaces are still there");
        let (mut child, said) = holder.unwrap();
        let mut words = said.split_whitespace().skip(1);
        let programs: Vec<u32> = words.by_ref().take(3).map(|id| id.parse().unwrap()).collect();
        let inodes: Vec<String> = words.map(str::to_owned).collect();
        assert_eq!(inhabited(&inodes).len(), 3, "{said}");
        assert!(programs.iter().all(|id| exists(*id)), "{said}");
        child.kill().unwrap();
        child.wait().unwrap();
        let gone = || inhabited(&inodes).is_empty() && !programs.iter().any(|id| exists(*id));
        assert!(clock::wait_until(Duration::from_secs(5), gone), "left: {said}");
        println!("killed");
    }
}

/// Starts a process that holds a lab; its first line of output.
fn hold() -> (Child, String) {
    let mut child = harness::role("hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    if line.starts_with("holding") {
        return (child, line);
    }
    child.wait().unwrap();
    (child, line)
}

/// Holds a lab with programs in it until it is killed, or its starter ends.
fn role_hold() {
    let lab = match Lab::build(&LabSpec::nat(MEMORY)) {
        Ok(lab) => lab,
        Err(error) => return println!("{error}"),
    };
    let echo = echo_server(&lab, 4004);
    let haproxy = HaProxy::both(echo, MEMORY).start(&lab);
    let nginx = Nginx { keepalive: MEMORY }.start(&lab);
    let sleeper = lab.command_in(Host::Client, sleep()).unwrap();
    println!(
        "holding {} {} {} {}",
        haproxy.id(),
        nginx.id(),
        sleeper.id(),
        inodes(&lab).join(" ")
    );
    let _ = std::io::stdin().read(&mut [0]);
}

fn an_ordinary_user_builds_a_lab() {
    let (mut command, _file) = harness::role_of_an_ordinary_user("build");
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(
        said,
        "built, by a user without privileges\n",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Builds a lab, uses it, and says how that went.
fn role_build() {
    let without_privileges = rustix::thread::capabilities(None).unwrap().effective.is_empty();
    match Lab::build(&LabSpec::nat(MEMORY).with_ipv6()) {
        Err(error) => println!("{error}"),
        Ok(lab) => {
            let (client, server) = connect(&lab);
            say(&server, b"push");
            hears(&client, b"push");
            println!(
                "built, by a user with{} privileges",
                if without_privileges { "out" } else { "" }
            );
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
    assert!(
        said.starts_with("network namespaces are forbidden here: unshare(CLONE_NEWUSER): "),
        "{said}"
    );
    assert!(
        said.contains("user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces="),
        "{said}"
    );
}

fn a_forbidden_network_namespace_is_named_with_its_remedy() {
    let said = output(&mut harness::role_after(
        "echo 0 > /proc/sys/user/max_net_namespaces",
        "-Ur",
        "build",
    ));
    assert!(
        said.starts_with("network namespaces are forbidden here: unshare(CLONE_NEWNET): "),
        "{said}"
    );
    assert!(
        said.contains("user.max_net_namespaces is 0: sudo sysctl -w user.max_net_namespaces="),
        "{said}"
    );
}

fn a_missing_nft_is_named_with_its_package() {
    // In a mount namespace of its own, /dev/null lies over every nft; it cannot be executed.
    let hide = "for d in $(echo \"$PATH:/usr/local/sbin:/usr/sbin:/sbin\" | tr : ' '); do \
                if [ -e \"$d/nft\" ]; then mount --bind /dev/null \"$d/nft\"; fi; done";
    let said = output(&mut harness::role_after(hide, "-Urm", "build"));
    assert!(said.starts_with("`nft` is not installed"), "{said}");
    assert!(said.contains("sudo apt-get install nftables"), "{said}");
}

fn a_timeout_that_the_kernel_cannot_keep_is_refused() {
    let error = Lab::build(&LabSpec::nat(Duration::from_millis(1500))).unwrap_err();
    assert!(error.to_string().contains("whole seconds"), "{error}");
}

fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

/// The inode numbers of the lab's namespaces, which is how the kernel names them.
fn inodes(lab: &Lab) -> Vec<String> {
    let read = || {
        fs::read_link("/proc/thread-self/ns/net")
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    ALL.iter().map(|host| lab.run_in(*host, read).join().unwrap()).collect()
}

/// Which of these namespaces some thread on this machine lives in.
fn inhabited(inodes: &[String]) -> Vec<String> {
    let numbers = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    };
    let mut seen = Vec::new();
    for process in numbers("/proc")
        .iter()
        .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
    {
        let folder = format!("/proc/{process}/task");
        for thread in numbers(&folder) {
            seen.extend(fs::read_link(format!("{folder}/{thread}/ns/net")));
        }
    }
    inodes
        .iter()
        .filter(|inode| seen.iter().any(|link| link.to_str() == Some(inode)))
        .cloned()
        .collect()
}

/// Whether this process exists and has not ended.
fn exists(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The interfaces of the namespace the tests run in.
fn links() -> Vec<String> {
    let table = fs::read_to_string("/proc/net/dev").unwrap();
    table
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect()
}
