//! Programs inside a lab: the one under test and others, their output and their end, always within a time limit.

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use idlescope::lab::{Host, Lab, Process};

use super::clock;

/// The port on which a reflector listens unless told otherwise.
pub(crate) const REFLECTOR_PORT: u16 = 7133;
/// How long a server may take until it listens.
const STARTED_BY: Duration = Duration::from_secs(10);

/// A program that runs inside a lab. It is killed when this is dropped.
pub(crate) struct Running {
    process: Process,
    name: String,
    started: std::time::Instant,
    stdout: Pipe,
    stderr: Pipe,
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it printed on stderr.
    pub(crate) stderr: String,
    /// How long it ran.
    pub(crate) took: Duration,
}

impl Finished {
    /// The exit code, or 128 and the signal's number, as a shell has it.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }
}

/// Collects what comes from a pipe until its end.
struct Pipe {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Pipe {
    fn new(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, reader }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn all(self) -> String {
        self.reader.join().unwrap();
        std::mem::take(&mut self.text.lock().unwrap())
    }
}

/// The program under test with these arguments.
pub(crate) fn idlescope(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlescope"));
    command.args(arguments);
    command
}

/// Starts a program on a host of the lab.
pub(crate) fn start(lab: &Lab, host: Host, mut command: Command) -> Running {
    let name = format!("{} {:?}", command.get_program().to_string_lossy(), command.get_args().collect::<Vec<_>>());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = clock::now();
    let mut process = lab.command_in(host, command).unwrap();
    let stdout = Pipe::new(process.child().stdout.take().unwrap());
    let stderr = Pipe::new(process.child().stderr.take().unwrap());
    Running { process, name, started, stdout, stderr }
}

/// Starts `idlescope serve` on the lab's server, listening on its IPv4 address, and waits until it does. Its other
/// arguments are yours; give no `--listen`.
pub(crate) fn serve(lab: &Lab, arguments: &[&str]) -> Running {
    serve_on(lab, lab.address(Host::Server), arguments)
}

/// The same, on this address of the server.
pub(crate) fn serve_on(lab: &Lab, address: IpAddr, arguments: &[&str]) -> Running {
    let address = SocketAddr::from((address, REFLECTOR_PORT));
    let mut command = idlescope(&["serve", "--listen", &address.to_string()]);
    command.args(arguments);
    let mut server = start(lab, Host::Server, command);
    server.listens(lab, Host::Server, address);
    server
}

/// Runs `idlescope` with these arguments on the lab's client until it ends; a test that takes longer fails.
pub(crate) fn run_on_client(lab: &Lab, arguments: &[&str], limit: Duration) -> Finished {
    start(lab, Host::Client, idlescope(arguments)).finish(limit)
}

impl Running {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The process, to signal it.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it has printed so far: complete lines on stdout and stderr.
    pub(crate) fn so_far(&self) -> (String, String) {
        (self.stdout.so_far(), self.stderr.so_far())
    }

    /// Waits until it accepts connections on `address`, asked from `host`.
    pub(crate) fn listens(&mut self, lab: &Lab, host: Host, address: SocketAddr) {
        let listens = clock::wait_until(STARTED_BY, || {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended with {ended:?}: {:?}", self.name, self.so_far());
            lab.run_in(host, move || TcpStream::connect_timeout(&address, STARTED_BY)).join().unwrap().is_ok()
        });
        assert!(listens, "{} does not listen on {address}: {:?}", self.name, self.so_far());
    }

    /// Waits for its end. A program that takes longer than `limit` since its start is killed and fails the test.
    pub(crate) fn finish(mut self, limit: Duration) -> Finished {
        let left = limit.saturating_sub(self.started.elapsed());
        let ended = clock::wait_until(left, || self.process.try_wait().unwrap().is_some());
        let took = self.started.elapsed();
        if !ended {
            self.process.kill().unwrap();
        }
        let status = self.process.wait().unwrap();
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        assert!(ended, "{} did not end within {limit:?}\nstdout:\n{stdout}\nstderr:\n{stderr}", self.name);
        Finished { status, stdout, stderr, took }
    }
}
