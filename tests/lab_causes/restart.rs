//! A server that is taken away without a word, and another one that is put in its place: a machine of its own behind the
//! lab's server, which is a router then.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use idlescope::lab::Host;

use crate::asker::{Asker, Channel};
use crate::scene::{Judged, Scene};
use crate::support::clock;
use crate::support::programs::{self, REFLECTOR_PORT, Running};

const ADDRESS: &str = "10.78.0.2";
const ROUTER: &str = "10.78.0.1";

/// A machine with the address, behind an interface of the server's.
struct Machine {
    interface: &'static str,
    _running: Running,
}

impl Machine {
    /// Starts a reflector on it; nothing is routed to it yet.
    fn start(scene: &Scene, interface: &'static str) -> Self {
        let program = env!("CARGO_BIN_EXE_idlescope");
        // The outer shell leaves a descriptor of the server's namespace to the inner one.
        let script = format!(
            "set -e; ip link add {interface} type veth peer name inside; \
             ip link set {interface} netns /proc/self/fd/9; ip link set lo up; ip link set inside up; \
             nsenter --net=/proc/self/fd/9 ip link set {interface} up; \
             ip addr add {ADDRESS}/32 dev inside; ip route add {ROUTER} dev inside; \
             ip route add default via {ROUTER}; exec {program} serve --listen {ADDRESS}:{REFLECTOR_PORT}"
        );
        let mut command = Command::new("sh");
        command.args(["-c", "exec 9</proc/thread-self/ns/net; exec unshare -n sh -c \"$0\"", &script]);
        let running = programs::start(&scene.lab, Host::Server, command);
        let said = |text: &str| running.so_far().1.contains(text) || running.so_far().0.contains(text);
        let listens = clock::wait_until(Duration::from_secs(5), || said("listening on"));
        assert!(listens, "{:?}", running.so_far());
        Self { interface, _running: running }
    }

    /// From now on it is the server.
    fn serve(&self, scene: &Scene) {
        let route = [&format!("{ADDRESS}/32"), "dev", self.interface];
        scene.run(Host::Server, "ip", &[&["route", "replace"][..], &route[..]].concat());
    }

    /// It is cut off, and then it is gone: nothing that it says at its end gets anywhere.
    fn vanish(self, scene: &Scene) {
        scene.run(Host::Server, "ip", &["link", "del", self.interface]);
    }
}

pub(crate) fn the_server_is_another_one() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let reflector = SocketAddr::new(ADDRESS.parse().unwrap(), REFLECTOR_PORT);
    scene.sysctl(Host::Server, "ip_forward", "1");
    scene.run(Host::Server, "ip", &["addr", "add", &format!("{ROUTER}/32"), "dev", "lo"]);
    for (hop, next) in [(0, Host::Hop(1)), (1, Host::Server)] {
        let via = scene.lab.address(next).to_string();
        scene.run(Host::Hop(hop), "ip", &["route", "add", &format!("{ADDRESS}/32"), "via", &via]);
    }

    // Two that stand side by side, with a balancer that changes its mind: the second knows its own connections well.
    let (first, second) = (Machine::start(&scene, "first"), Machine::start(&scene, "second"));
    second.serve(&scene);
    let mut asker = Asker::start(&scene.lab, reflector);
    first.serve(&scene);
    let (mut moved, _) = Channel::fresh(&scene.lab, reflector);
    let nth = scene.row_of_stream("another server in its place", &moved.stream);
    clock::wait(Duration::from_millis(300));
    second.serve(&scene);
    moved.speaks_and_is_reset();
    scene.ask_another(nth, &mut asker);

    // One that is gone, and started anew.
    let (mut lost, run) = Channel::fresh(&scene.lab, reflector);
    let nth = scene.row_of_stream("server restarted", &lost.stream);
    clock::wait(Duration::from_millis(300));
    second.vanish(&scene);
    let third = Machine::start(&scene, "third");
    third.serve(&scene);
    let mut asker = Asker::of_run(&scene.lab, reflector, run);
    lost.speaks_and_is_reset();
    scene.ask_another(nth, &mut asker);
    let judged = scene.judged();
    drop((first, third));
    judged
}
