//! The kernel engine on real paths that misbehave: the network says no, loses everything for a while, or loses exactly
//! one packet.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, ExitCode};

use idlescope::io::{Clock, Engine, EngineConfig, KernelEngine, Limits, Reflector};
use idlescope::lab::{Host, Lab, LabSpec};
use idlescope::model::target::Scheme;
use idlescope::model::{Action, Ending, Experiment, Fact, FirstSpeaker, HoldId, Observation, Tries, Witness};
use idlescope::time::{Duration, Instant};
use support::harness;

const MS: Duration = Duration::from_millis(1);
const HOLD: HoldId = HoldId(1);
const CONTROL: HoldId = HoldId(0);

fn main() -> ExitCode {
    let tests = support::tests![
        what_the_network_says_to_either_end_is_told_as_icmp,
        a_lost_acknowledgement_moves_the_start_of_the_silence,
        a_path_that_loses_everything_ends_nothing_and_is_used_again_soon_after_it_is_back,
        the_reflector_lets_a_hold_go_although_the_path_has_forgotten_it,
        a_plain_service_that_cannot_be_heard_is_asked_again_and_answers_later,
    ];
    harness::main(tests, &[])
}

/// Adds a rule of nft(8) for what the router forwards.
fn rule(lab: &Lab, rule: &str) {
    let chain = "add chain ip test forward { type filter hook forward priority 0; policy accept; }";
    for line in ["add table ip test", chain, &format!("add rule ip test forward {rule}")] {
        let mut nft = Command::new("nft");
        nft.args(line.split_whitespace());
        let status = lab.command_in(Host::Hop(0), nft).unwrap().wait().unwrap();
        assert!(status.success(), "nft {line}: {status}");
    }
}

fn no_rules(lab: &Lab) {
    let mut nft = Command::new("nft");
    nft.args(["delete", "table", "ip", "test"]);
    assert!(lab.command_in(Host::Hop(0), nft).unwrap().wait().unwrap().success());
}

/// A reflector on the lab's server, in a thread that ends with the lab's test.
fn reflector(lab: &Lab) -> SocketAddr {
    let address = SocketAddr::from((lab.address(Host::Server), 7133));
    let listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
    let reflector = Reflector::from_listener(listener, None, Limits::default());
    std::thread::spawn(move || runtime().block_on(reflector.run(std::future::pending())));
    address
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// An engine on the lab's client, driven by the test's own thread.
struct Client {
    runtime: tokio::runtime::Runtime,
    engine: KernelEngine,
    clock: Clock,
    /// The local port of the connection that was opened last.
    port: u16,
}

impl Client {
    /// Runs `drive` with an engine on the lab's client: its sockets belong to the namespace of the thread.
    fn drive(lab: &Lab, address: SocketAddr, scheme: Scheme, drive: impl FnOnce(&mut Self, &Lab) + Send) {
        std::thread::scope(|scope| {
            let (to_lab, entered) = std::sync::mpsc::channel();
            // The lab's own threads must be 'static: one of them only opens its namespace for ours.
            lab.run_in(Host::Client, move || {
                let file = std::fs::File::open("/proc/thread-self/ns/net");
                let _ = to_lab.send(file);
            })
            .join()
            .unwrap();
            let namespace = entered.recv().unwrap().unwrap();
            let driven = scope.spawn(move || {
                use std::os::fd::AsFd;
                let kind = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                let clock = Clock::start();
                let runtime = runtime();
                let config = EngineConfig { address, scheme, secret: None, send: None, clock, open_timeout: 5000 * MS };
                let engine = runtime.block_on(KernelEngine::connect(config)).unwrap();
                let mut client = Self { runtime, engine, clock, port: 0 };
                drive(&mut client, lab);
                client.runtime.block_on(client.engine.shutdown());
            });
            if let Err(panic) = driven.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }

    fn perform(&mut self, action: Action) {
        let _inside = self.runtime.enter();
        self.engine.perform(action);
    }

    /// Everything seen within `time`.
    fn all(&mut self, time: Duration) -> Vec<Observation> {
        let until = self.clock.now() + time;
        let mut all = Vec::new();
        self.runtime.block_on(async {
            while let Some(seen) = self.engine.observe(until).await {
                all.push(seen);
            }
        });
        all
    }

    /// The first observation that `wanted` turns into something; panics after `limit`.
    fn find<T>(&mut self, limit: Duration, wanted: impl Fn(&Observation) -> Option<T>) -> (T, Vec<Observation>) {
        let until = self.clock.now() + limit;
        let mut others = Vec::new();
        let found = self.runtime.block_on(async {
            while let Some(seen) = self.engine.observe(until).await {
                if let Some(found) = wanted(&seen) {
                    return Some(found);
                }
                others.push(seen);
            }
            None
        });
        match found {
            Some(found) => (found, others),
            None => panic!("not seen within {limit:?}; only {others:#?}"),
        }
    }

    /// Opens a connection: when that was seen, and the start of its silence.
    fn open(&mut self, hold: HoldId, experiment: Experiment) -> (Instant, Instant) {
        self.perform(Action::Open { hold, experiment });
        let opened = |seen: &Observation| match seen.fact {
            Fact::Opened { silent_since, local_port, .. } if seen.hold == Some(hold) => {
                Some((seen.at, silent_since, local_port))
            }
            _ => None,
        };
        let ((at, silent_since, port), _) = self.find(5000 * MS, opened);
        self.port = port;
        (at, silent_since)
    }

    fn test(&mut self, speaker: FirstSpeaker, count: u8, spacing: Duration) {
        self.perform(Action::Test { hold: HOLD, speaker, tries: Tries { count, spacing } });
    }
}

fn plain() -> Lab {
    Lab::build(&LabSpec::default()).unwrap()
}

fn ended(seen: &Observation) -> Option<(Ending, Witness)> {
    match seen.fact {
        Fact::Ended { how, witness } => Some((how, witness)),
        _ => None,
    }
}

fn what_the_network_says_to_either_end_is_told_as_icmp() {
    let lab = plain();
    let address = reflector(&lab);
    for word in ["admin-prohibited", "host-unreachable"] {
        for (speaker, witness) in [(FirstSpeaker::Client, Witness::Client), (FirstSpeaker::Server, Witness::Reflector)]
        {
            Client::drive(&lab, address, Scheme::Reflector, |client, lab| {
                client.open(HOLD, Experiment::Ladder);
                let port = client.port;
                // The hold alone, in the direction of the first speaker.
                let hold = match speaker {
                    FirstSpeaker::Client => format!("tcp sport {port} tcp dport {}", address.port()),
                    FirstSpeaker::Server => format!("tcp sport {} tcp dport {port}", address.port()),
                };
                rule(lab, &format!("{hold} reject with icmp type {word}"));
                client.test(speaker, 3, 300 * MS);
                let (told, _) = client.find(3000 * MS, ended);
                assert_eq!(told, (Ending::Icmp, witness), "{word}");
                // It is no end: when the network has changed its mind, a repetition gets through.
                no_rules(lab);
                let answered = |seen: &Observation| (seen.fact == Fact::Answered).then_some(());
                client.find(5000 * MS, answered);
            });
        }
    }
}

fn a_lost_acknowledgement_moves_the_start_of_the_silence() {
    let lab = plain();
    let address = reflector(&lab);
    Client::drive(&lab, address, Scheme::Reflector, |client, lab| {
        let asked = client.clock.now();
        let (at, silent_since) = client.open(HOLD, Experiment::Ladder);
        assert!(at.since(asked) < 500 * MS, "{:?}", at.since(asked));
        assert!(silent_since.since(asked) < 500 * MS, "{:?}", silent_since.since(asked));
        // A bare acknowledgement is 52 bytes long; one that answers a repetition says so (RFC 2883) and is longer. So of
        // each opening the last packet is lost, once.
        rule(lab, "ip saddr 10.77.1.2 ip length 52 tcp flags & (syn | fin | rst | psh) == 0 drop");
        let asked = client.clock.now();
        let (at, silent_since) = client.open(HoldId(2), Experiment::Ladder);
        let (took, silence) = (at.since(asked), silent_since.since(asked));
        // The kernel repeats the welcome after 200 ms at the least (`TCP_RTO_MIN`).
        assert!(silence >= 190 * MS && silence < 1000 * MS, "silent after {silence:?}");
        assert!(took >= silence && took < 2000 * MS, "opened after {took:?}");
    });
}

fn a_path_that_loses_everything_ends_nothing_and_is_used_again_soon_after_it_is_back() {
    let lab = plain();
    let address = reflector(&lab);
    Client::drive(&lab, address, Scheme::Reflector, |client, lab| {
        client.open(HOLD, Experiment::Ladder);
        client.open(CONTROL, Experiment::Control);
        lab.cut().unwrap();
        client.test(FirstSpeaker::Server, 4, 300 * MS);
        client.perform(Action::Beat { hold: CONTROL, seq: 1 });
        // Long enough for the kernel to wait for more than ten seconds between its repetitions.
        assert_eq!(client.all(Duration::from_secs(14)), []);
        lab.mend().unwrap();
        let mended = client.clock.now();
        let ((), others) = client.find(8000 * MS, |seen| (seen.fact == Fact::Answered).then_some(()));
        let after = client.clock.now().since(mended);
        assert!(after < 6000 * MS, "answered {after:?} after the path was back");
        assert!(others.iter().all(|seen| ended(seen).is_none()), "{others:?}");
        // A fresh control is at once.
        client.open(HoldId(3), Experiment::Control);
        client.perform(Action::Beat { hold: HoldId(3), seq: 2 });
        client.find(1000 * MS, |seen| matches!(seen.fact, Fact::Echo { seq: 2, .. }).then_some(()));
    });
}

/// Whether the server's kernel still has a connection to this port of the client.
fn server_has(lab: &Lab, port: u16) -> bool {
    let table =
        lab.run_in(Host::Server, || std::fs::read_to_string("/proc/thread-self/net/tcp")).join().unwrap().unwrap();
    // Remote address and port are the third column, in hexadecimal (Documentation/networking/proc_net_tcp.rst).
    let end = format!(":{port:04X}");
    table.lines().filter_map(|line| line.split_whitespace().nth(2)).any(|remote| remote.ends_with(&end))
}

fn the_reflector_lets_a_hold_go_although_the_path_has_forgotten_it() {
    let lab = plain();
    let address = reflector(&lab);
    Client::drive(&lab, address, Scheme::Reflector, |client, lab| {
        client.open(HOLD, Experiment::Ladder);
        let port = client.port;
        for end in ["sport", "dport"] {
            rule(lab, &format!("tcp {end} {port} drop"));
        }
        client.test(FirstSpeaker::Server, 2, 200 * MS);
        let seen = client.all(1500 * MS);
        assert!(seen.iter().all(|seen| matches!(seen.fact, Fact::Tried { .. })) && seen.len() == 2, "{seen:?}");
        assert!(server_has(lab, port));
        client.perform(Action::Close { hold: HOLD });
        assert_eq!(client.all(300 * MS), []);
        assert!(!server_has(lab, port), "its kernel goes on repeating the push");
    });
}

fn a_plain_service_that_cannot_be_heard_is_asked_again_and_answers_later() {
    let lab = plain();
    let address = SocketAddr::from((lab.address(Host::Server), 4000));
    let _listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
    Client::drive(&lab, address, Scheme::Tcp, |client, lab| {
        client.open(HOLD, Experiment::Ladder);
        client.all(1100 * MS);
        lab.cut().unwrap();
        let mut tried = Vec::new();
        for count in [2, 3] {
            client.test(FirstSpeaker::Client, count, 300 * MS);
            tried.extend(client.all(1200 * MS).into_iter().map(|seen| seen.fact));
        }
        let expected: Vec<_> = [0, 1, 0, 1, 2].into_iter().map(|nth| Fact::Tried { nth }).collect();
        assert_eq!(tried, expected);
        lab.mend().unwrap();
        client.test(FirstSpeaker::Client, 3, 300 * MS);
        let answered = |seen: &Observation| (seen.fact == Fact::Answered).then_some(());
        client.find(3000 * MS, answered);
    });
}
