//! A scene: a lab whose client's interface is captured, a reflector on its server that is asked afterwards, and the
//! connections that came to an end in it.

use std::any::Any;
use std::fs::File;
use std::io::{self, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use idlescope::boxes::{LinkSpec, Node};
use idlescope::lab::{Host, Lab, LabSpec};
use idlescope::measure::attribute::{End, Local, LocalFact, Ours, Settings, Tracker, Tuple, Vantage, Verdict};
use idlescope::model::{Sighting, Testimony};
use idlescope::time::Instant;
use idlescope::wire::capture::Reader;
use idlescope::wire::frame::Whose;
use idlescope::wire::sight::sight;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::asker::Asker;
use crate::support::clock;
use crate::support::programs::{REFLECTOR_PORT, Running, idlescope, start};
use crate::support::talk::SOON;

/// A frame is in the capture's file after this time (`lab::capture` writes what is old enough to be complete).
const WRITTEN: Duration = Duration::from_millis(150);

/// The scene.
pub(crate) struct Scene {
    pub(crate) lab: Lab,
    folder: TempDir,
    cases: Vec<Case>,
    /// Of either family.
    askers: Vec<(bool, Asker)>,
    kept: Vec<Box<dyn Any>>,
    _reflector: Running,
}

/// A connection that came to an end.
struct Case {
    row: &'static str,
    tuple: Tuple,
    /// When it became a row: another connection may have had its ports before.
    begun: SystemTime,
    locals: Vec<(SystemTime, Local)>,
    /// Its client's port, as the server saw it when it was opened.
    seen: u16,
    word: Option<(SystemTime, Testimony)>,
}

/// Which case of a scene.
#[derive(Clone, Copy)]
pub(crate) struct Nth(usize);

/// What was said of a connection.
pub(crate) struct Judged {
    pub(crate) row: &'static str,
    /// From what the client saw and knows.
    pub(crate) alone: Option<Verdict>,
    /// With the word of the other end.
    pub(crate) with: Option<Verdict>,
    /// What that was.
    pub(crate) word: Testimony,
    /// What passed, for a row that is not as it should be.
    pub(crate) seen: Vec<Sighting>,
}

/// A connection: the client's end and the server's.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
    tuple: Tuple,
    /// The client's port, as the server sees it.
    seen: u16,
}

impl Pair {
    /// Of two ends that are connected.
    pub(crate) fn of(client: TcpStream, server: TcpStream) -> Self {
        let tuple = Tuple { client: client.local_addr().unwrap(), server: client.peer_addr().unwrap() };
        let seen = server.peer_addr().unwrap().port();
        for end in [&client, &server] {
            end.set_nodelay(true).unwrap();
            end.set_nonblocking(false).unwrap();
            end.set_read_timeout(Some(SOON)).unwrap();
        }
        Self { client, server, tuple, seen }
    }
}

impl Scene {
    /// The same in IPv4 and IPv6.
    pub(crate) fn through6(boxes: &[&str]) -> Self {
        Self::of(LabSpec::through(boxes).unwrap_or_else(|error| panic!("{error}")).with_ipv6())
    }

    /// A path through these boxes.
    pub(crate) fn through(boxes: &[&str]) -> Self {
        Self::of(LabSpec::through(boxes).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Two routers, IPv4 and IPv6: what the server sends arrives with a TTL of 62.
    pub(crate) fn plain() -> Self {
        Self::through6(&["router", "router"])
    }

    /// Two routers with a long cable between them, which takes this time each way.
    pub(crate) fn far(delay: Duration) -> Self {
        let mut spec = LabSpec::through(["router", "router"]).unwrap();
        let mut link = LinkSpec::plain(delay);
        link.hops = 0;
        spec.chain.nodes.insert(1, Node::Link(link));
        Self::of(spec)
    }

    fn of(spec: LabSpec) -> Self {
        let mut folder = tempfile::tempdir().unwrap();
        if let Some(to) = std::env::var_os("CAUSES_CAPTURE") {
            folder = tempfile::tempdir_in(to).unwrap();
            folder.disable_cleanup(true);
        }
        let lab = Lab::build(&spec.with_capture(folder.path())).unwrap_or_else(|error| panic!("{error}"));
        let mut listen = vec![SocketAddr::from((lab.address(Host::Server), REFLECTOR_PORT))];
        listen.extend(lab.address6(Host::Server).map(|address| SocketAddr::from((address, REFLECTOR_PORT))));
        let text = listen.iter().map(SocketAddr::to_string);
        let arguments: Vec<String> = text.flat_map(|at| ["--listen".to_owned(), at]).collect();
        let arguments: Vec<&str> = ["serve"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let mut reflector = start(&lab, Host::Server, idlescope(&arguments));
        reflector.listens(&lab, Host::Server, listen[0]);
        let askers = listen.into_iter().map(|at| (at.is_ipv6(), Asker::start(&lab, at))).collect();
        Self { lab, folder, cases: Vec::new(), askers, kept: Vec::new(), _reflector: reflector }
    }

    /// The server's address.
    pub(crate) fn server(&self) -> IpAddr {
        self.lab.address(Host::Server)
    }

    /// The same in IPv6.
    pub(crate) fn server6(&self) -> IpAddr {
        self.lab.address6(Host::Server).unwrap()
    }

    /// A listener on the server, on any port, with room for so many connections that nobody has accepted.
    pub(crate) fn listener(&self, address: IpAddr, backlog: i32) -> TcpListener {
        let listen = move || -> io::Result<TcpListener> {
            let socket = Socket::new(Domain::for_address((address, 0).into()), Type::STREAM, None)?;
            socket.bind(&SocketAddr::from((address, 0)).into())?;
            socket.listen(backlog)?;
            Ok(socket.into())
        };
        self.lab.run_in(Host::Server, listen).join().unwrap().unwrap()
    }

    /// A socket of the client's, not connected, bound to any port.
    pub(crate) fn socket(&self, to: SocketAddr) -> Socket {
        let open = move || -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
            let any: IpAddr = if to.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
            socket.bind(&SocketAddr::new(any, 0).into())?;
            socket.set_tcp_nodelay(true)?;
            socket.set_read_timeout(Some(SOON))?;
            Ok(socket)
        };
        self.lab.run_in(Host::Client, open).join().unwrap().unwrap()
    }

    /// The client's address for a destination.
    fn own(&self, to: SocketAddr) -> IpAddr {
        if to.is_ipv4() { self.lab.address(Host::Client) } else { self.lab.address6(Host::Client).unwrap() }
    }

    /// A connection to a listener of its own.
    pub(crate) fn connect(&self, server: IpAddr) -> Pair {
        self.connect_with(server, |_| {})
    }

    /// The same, with something done to the client's socket first.
    pub(crate) fn connect_with(&self, server: IpAddr, prepare: impl FnOnce(&Socket)) -> Pair {
        let listener = self.listener(server, 16);
        let to = listener.local_addr().unwrap();
        let socket = self.socket(to);
        prepare(&socket);
        socket.connect_timeout(&to.into(), SOON).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        Pair::of(socket.into(), accepted)
    }

    /// This connection is a row of the table.
    pub(crate) fn row(&mut self, row: &'static str, pair: &Pair) -> Nth {
        self.row_of(row, pair.tuple.client, pair.tuple.server, pair.seen)
    }

    /// The same of one that is not open at both ends.
    pub(crate) fn row_to(&mut self, row: &'static str, socket: &Socket, server: SocketAddr) -> Nth {
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        self.row_of(row, (self.own(server), port).into(), server, port)
    }

    /// The same of one whose other end is not ours.
    pub(crate) fn row_of_stream(&mut self, row: &'static str, stream: &TcpStream) -> Nth {
        let client = stream.local_addr().unwrap();
        self.row_of(row, client, stream.peer_addr().unwrap(), client.port())
    }

    fn row_of(&mut self, row: &'static str, client: SocketAddr, server: SocketAddr, seen: u16) -> Nth {
        let begun = clock::wall();
        self.cases.push(Case { row, tuple: Tuple { client, server }, begun, locals: Vec::new(), seen, word: None });
        Nth(self.cases.len() - 1)
    }

    /// The client knows this of it now.
    pub(crate) fn know(&mut self, nth: Nth, what: Local) {
        self.cases[nth.0].locals.push((clock::wall(), what));
    }

    /// Asks the reflector of it now, and not at the end of the scene.
    pub(crate) fn ask(&mut self, nth: Nth) {
        let case = &mut self.cases[nth.0];
        let whose = Whose { client: (case.tuple.client.ip(), case.seen).into(), server: case.tuple.server.port() };
        let family = self.askers.iter_mut().find(|(ipv6, _)| *ipv6 == whose.client.is_ipv6());
        let (_, asker) = family.unwrap_or_else(|| panic!("no reflector of that family for {whose:?}"));
        case.asked(asker.ask(&self.lab, whose));
    }

    /// The same of another reflector.
    pub(crate) fn ask_another(&mut self, nth: Nth, asker: &mut Asker) {
        let case = &mut self.cases[nth.0];
        let whose = Whose { client: case.tuple.client, server: case.tuple.server.port() };
        case.asked(asker.ask(&self.lab, whose));
    }

    /// Keeps something until the end of the scene.
    pub(crate) fn keep(&mut self, what: impl Any) {
        self.kept.push(Box::new(what));
    }

    /// Runs a program on a host, which must succeed.
    pub(crate) fn run(&self, host: Host, program: &str, arguments: &[&str]) -> String {
        let path = idlescope::lab::find(program).unwrap_or_else(|| panic!("{program} is missing: run ./test"));
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null());
        let done = self.lab.run_in(host, move || command.output()).join().unwrap().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program} {arguments:?} on {host}: {said}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Loads a chain of nft(8) with one rule into a host, named so that it can be taken away again.
    pub(crate) fn filter(&self, host: Host, name: &str, hook: &str, rule: &str) {
        let rules = format!(
            "add table inet {name}; add chain inet {name} c {{ type filter hook {hook} priority 0; policy accept; }}; \
             add rule inet {name} c {rule}"
        );
        self.run(host, "nft", &[&rules]);
    }

    /// Takes the chain away.
    pub(crate) fn unfilter(&self, host: Host, name: &str) {
        self.run(host, "nft", &["delete", "table", "inet", name]);
    }

    /// Sets a value of the kernel's in a host's namespace.
    pub(crate) fn sysctl(&self, host: Host, name: &'static str, value: &'static str) {
        let write = move || std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value);
        self.lab.run_in(host, write).join().unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// The verdicts on all rows.
    pub(crate) fn judged(mut self) -> Vec<Judged> {
        for nth in 0..self.cases.len() {
            if self.cases[nth].word.is_none() {
                self.ask(Nth(nth));
            }
        }
        clock::wait(WRITTEN);
        let Self { lab, folder, cases, kept, .. } = self;
        drop(lab);
        drop(kept);
        let (epoch, sightings) = read(&folder.path().join("client.pcap"));
        cases.into_iter().map(|case| case.judged(epoch, &sightings)).collect()
    }
}

/// A capture: when its time began, and what was seen.
fn read(path: &Path) -> (Duration, Vec<Sighting>) {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = Reader::new(BufReader::new(file)).unwrap();
    let mut sightings = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        sightings.extend(record.ip.and_then(|ip| sight(ip, record.original, record.at)));
    }
    assert!(reader.problems().is_empty(), "{:?}", reader.problems());
    (reader.epoch().expect("captures are dated"), sightings)
}

impl Case {
    /// This was said of it, now.
    fn asked(&mut self, word: Testimony) {
        self.word = Some((clock::wall(), word));
    }

    fn judged(self, epoch: Duration, sightings: &[Sighting]) -> Judged {
        let Tuple { client, server } = self.tuple;
        let ours = |sighting: &&Sighting| {
            let ends = sighting.ends();
            ends == (client, server) || ends == (server, client)
        };
        let since =
            |wall: SystemTime| Instant::from_start(wall.duration_since(UNIX_EPOCH).unwrap().saturating_sub(epoch));
        let mut known: Vec<(Instant, Known)> = Vec::new();
        known.extend(self.locals.iter().map(|(wall, what)| (since(*wall), Known::Here(*what))));
        let begun = since(self.begun);
        let alone = verdict(&self.tuple, begun, sightings, &known);
        let (asked, word) = self.word.expect("every case has been asked of");
        known.push((since(asked), Known::There(word)));
        known.sort_by_key(|(at, _)| *at);
        Judged {
            row: self.row,
            alone,
            with: verdict(&self.tuple, begun, sightings, &known),
            word,
            seen: sightings.iter().filter(ours).copied().collect(),
        }
    }
}

/// What is known beside the packets.
enum Known {
    /// By our own end.
    Here(Local),
    /// By the other.
    There(Testimony),
}

/// What a tracker says of a connection that has seen all that the client saw, and heard what was known when it was.
fn verdict(tuple: &Tuple, begun: Instant, sightings: &[Sighting], known: &[(Instant, Known)]) -> Option<Verdict> {
    let mut tracker = Tracker::new(Settings {
        ours: Ours::End(End::Client),
        vantage: Some(Vantage::Client),
        // The other end is asked when all is over; until then nothing is final.
        grace: Duration::from_secs(60),
        ..Settings::default()
    });
    let learn = |tracker: &mut Tracker, (at, known): &(Instant, Known)| match known {
        Known::Here(what) => tracker.know(tuple, LocalFact { at: *at, what: *what }),
        Known::There(word) => {
            tracker.pass(*at);
            tracker.testify(tuple, word);
        }
    };
    let mut known = known.iter().peekable();
    for sighting in sightings {
        while let Some(known) = known.next_if(|(at, _)| *at <= sighting.at) {
            learn(&mut tracker, known);
        }
        tracker.see(sighting);
    }
    for known in known {
        learn(&mut tracker, known);
    }
    let so_far = tracker.verdict(tuple);
    tracker.finish();
    let all = std::iter::from_fn(|| tracker.poll()).filter(|ended| ended.tuple == *tuple && ended.at >= begun);
    let ended = all.min_by_key(|ended| ended.at);
    ended.map(|ended| ended.verdict).or(so_far)
}
