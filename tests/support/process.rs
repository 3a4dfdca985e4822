//! The program as a child process: started, listened to, signalled, and never left behind.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Stdio};

pub(crate) use rustix::process::Signal;
/// Ctrl-C.
pub(crate) const INT: Signal = Signal::INT;
/// What service managers send.
pub(crate) const TERM: Signal = Signal::TERM;
/// What nobody can catch.
pub(crate) const KILL: Signal = Signal::KILL;

/// A port on loopback that nothing listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A running program; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

/// Starts the program.
pub(crate) fn spawn(arguments: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_idlescope"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    Running { child, stderr, said: String::new() }
}

impl Running {
    /// Reads stderr up to a line that contains `words`, and returns that line.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).expect("its stderr");
            assert!(read > 0, "it ended without saying `{words}`: {}", self.said);
            self.said.push_str(&line);
            if line.contains(words) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end: the exit code, and everything that it said.
    pub(crate) fn finish(&mut self) -> (Option<i32>, String) {
        self.stderr.read_to_string(&mut self.said).expect("its stderr");
        let status = self.child.wait().expect("its end");
        (status.code(), self.said.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `idlescope serve` on a free port of loopback.
pub(crate) struct Serving {
    /// The process.
    pub(crate) child: Running,
    address: String,
}

impl Serving {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = spawn(&[&["serve", "--listen", "127.0.0.1:0"], options].concat());
        let line = child.wait_for("listening on ");
        let address = line.rsplit(' ').next().expect("an address").to_owned();
        Self { child, address }
    }

    /// How to probe it.
    pub(crate) fn target(&self) -> String {
        format!("reflector://{}", self.address)
    }
}
