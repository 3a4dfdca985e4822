//! Connections without a kernel, through the kernel's own NAT.

use std::net::SocketAddr;
use std::time::Duration;

use idlescope::io::Clock;
use idlescope::io::raw::owned::{Owner, Settings, State};
use idlescope::io::raw::{Craft, Guard, Interface};
use idlescope::lab::Host;
use idlescope::model::sighting::{Flags, Sighting};
use tokio::runtime::{Builder, Runtime};

use crate::ground::{Family, Ground, block_on, segment};
use crate::support::talk::{SOON, hears, is_reset, say};

const ISN: u32 = 0xdead_beef;

/// An owner, and the runtime that polls its sockets.
struct Run {
    runtime: Runtime,
    owner: Owner,
    clock: Clock,
}

impl Run {
    /// At the client, towards `server`.
    fn new(ground: &Ground, server: SocketAddr, connections: usize) -> Self {
        let clock = Clock::start();
        let open = move || Owner::open(&block_on(Interface::towards(server)).unwrap(), server, connections, clock);
        let owner = ground.lab.run_in(Host::Client, open).join().unwrap().unwrap();
        Self { runtime: Builder::new_current_thread().enable_all().build().unwrap(), owner, clock }
    }

    /// Lets it run until it is as wanted.
    fn until(&mut self, mut wanted: impl FnMut(&mut Owner) -> bool) {
        let owner = &mut self.owner;
        self.runtime.block_on(async {
            let give_up = self.clock.now() + SOON;
            while !wanted(owner) {
                assert!(owner.next(give_up).await.unwrap().is_some(), "in time: {owner:?}");
            }
        });
    }

    fn state(&mut self, port: u16, state: State) {
        self.until(|owner| owner.connection(port).unwrap().state() == state);
    }
}

fn resets_of_the_client(ground: &Ground, seen: &[Sighting]) -> usize {
    let client = ground.family.address(&ground.lab, Host::Client);
    let reset = |seen: &&Sighting| segment(seen).is_some_and(|segment| segment.flags.has(Flags::RST));
    seen.iter().filter(|seen| seen.network.source == client).filter(reset).count()
}

pub(crate) fn a_connection_without_a_kernel_opens_speaks_and_closes_through_a_nat() {
    for family in [Family::V4, Family::V6] {
        let mut ground = Ground::new(&["nat,timeout=30s"], family);
        let mut run = Run::new(&ground, ground.server, 2);
        let with = Settings { ttl: 41, window: 1234, window_scale: None, ..Settings::like_linux(ISN) };
        let without = Settings { timestamps: false, ..Settings::like_linux(u32::MAX) };
        let ports = [with, without].map(|settings| run.owner.connect(settings).unwrap().unwrap());
        assert_eq!(run.owner.connect(with).unwrap(), None, "all guards are in use");
        for port in ports {
            run.state(port, State::Open);
        }
        // The handshake at the server is the one that was asked for.
        let accepted = ports.map(|_| ground.accept());
        let (_, at_server) = ground.look(Duration::from_millis(100));
        for (settings, port) in [with, without].into_iter().zip(ports) {
            let syn = at_server.iter().find(|seen| {
                seen.ends().0.port() == port && segment(seen).is_some_and(|segment| segment.flags == Flags::SYN)
            });
            let syn = syn.unwrap_or_else(|| panic!("{family:?}: no SYN of {port}"));
            let sent = segment(syn).unwrap();
            assert_eq!((sent.sequence, sent.window), (settings.first, settings.window));
            assert_eq!(sent.options.timestamps.is_some(), settings.timestamps);
            assert_eq!(sent.options.window_scale, settings.window_scale);
            assert_eq!(syn.network.ttl, settings.ttl - 1, "a router lies between");
        }
        for (stream, port) in accepted.iter().zip(ports) {
            // One may have been accepted before the other: ask who it is.
            let port = if stream.peer_addr().unwrap().port() == port { port } else { ports[0] + ports[1] - port };
            run.owner.connection(port).unwrap().write(b"hello");
            run.owner.push(port).unwrap();
            hears(stream, b"hello");
            say(stream, b"welcome");
            let mut heard = Vec::new();
            run.until(|owner| {
                heard.extend(owner.connection(port).unwrap().read());
                heard == b"welcome"
            });
            assert!(run.owner.connection(port).unwrap().is_acknowledged());
            // A crafted keepalive of it is answered.
            run.owner.probe(port, Craft::keepalive).unwrap().unwrap();
            run.until(|owner| {
                let line = owner.connection(port).unwrap().line();
                line.heard > Some(line.spoke)
            });
        }
        run.runtime.block_on(run.owner.shutdown());
        for stream in &accepted {
            let mut stream = stream;
            assert_eq!(std::io::Read::read(&mut stream, &mut [0; 8]).unwrap(), 0, "{family:?}: it was closed");
        }
        let (at_client, _) = ground.look(Duration::from_millis(100));
        assert_eq!(resets_of_the_client(&ground, &at_client), 0, "{family:?}: the kernel has said nothing");
    }
}

pub(crate) fn without_its_guard_the_kernel_resets_what_it_does_not_know() {
    let mut ground = Ground::new(&["router"], Family::V4);
    let mut run = Run::new(&ground, ground.server, 1);
    let port = run.owner.connect(Settings::like_linux(ISN)).unwrap().unwrap();
    run.state(port, State::Open);
    let accepted = ground.accept();
    // As when the process ends.
    drop(run);
    say(&accepted, b"push");
    is_reset(&accepted);
    let (at_client, _) = ground.look(Duration::from_millis(100));
    assert_eq!(resets_of_the_client(&ground, &at_client), 1);
}

pub(crate) fn a_closed_port_says_so_to_a_connection_without_a_kernel() {
    let ground = Ground::new(&["router"], Family::V6);
    let mut closed = ground.server;
    closed.set_port(if closed.port() == 9 { 10 } else { 9 });
    let mut run = Run::new(&ground, closed, 1);
    let port = run.owner.connect(Settings::like_linux(ISN)).unwrap().unwrap();
    run.state(port, State::Reset);
    let taken = ground.lab.run_in(Host::Client, move || Guard::open((ground_address(closed), port).into())).join();
    assert!(taken.unwrap().unwrap_err().to_string().contains("another program has this port"));
}

/// The client's address towards this one.
fn ground_address(target: SocketAddr) -> std::net::IpAddr {
    let socket = std::net::UdpSocket::bind("[::]:0").unwrap();
    socket.connect(target).unwrap();
    socket.local_addr().unwrap().ip()
}
