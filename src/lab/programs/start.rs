//! Starting a program on a hop, and knowing when it is ready.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::io::{Clock, raise_file_limit};
use crate::lab::error::LabError;
use crate::lab::namespace::Namespace;
use crate::lab::process::Process;

use super::folder::Folder;

/// How long a program may take until it listens; each takes a few hundredths of a second on an idle machine.
const READY_BY: Duration = Duration::from_secs(10);
/// How often is looked.
const LOOKING: Duration = Duration::from_millis(3);
/// The state of a listening socket in `/proc/net/tcp` (`TCP_LISTEN` in `include/net/tcp_states.h`).
const LISTENING: &str = "0A";

/// A program that runs. It ends, and its folder goes, when this is dropped.
#[derive(Debug)]
pub(in crate::lab) struct Running {
    process: Process,
    /// What works for it, and ends after it.
    helper: Option<Box<dyn Any + Send + Sync>>,
    _folder: Folder,
}

impl Running {
    /// The process id.
    pub(in crate::lab) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Keeps something until the program has ended.
    pub(super) fn with(mut self, helper: impl Any + Send + Sync) -> Self {
        self.helper = Some(Box::new(helper));
        self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        drop(self.helper.take());
    }
}

/// Starts `command` on `hop` and waits until it listens on all of `addresses`.
pub(super) fn start_listening(
    name: &'static str,
    mut command: Command,
    folder: Folder,
    hop: &Namespace,
    addresses: &[SocketAddr],
) -> Result<Running, LabError> {
    command.stdin(Stdio::null());
    start(name, command, folder, hop, || {
        let wanted = addresses.to_vec();
        hop.call(move || wanted.iter().all(listens))
    })
}

/// Starts `command` on `hop` and waits until it is `ready`.
pub(super) fn start(
    name: &'static str,
    mut command: Command,
    folder: Folder,
    hop: &Namespace,
    mut ready: impl FnMut() -> Result<bool, LabError>,
) -> Result<Running, LabError> {
    // A proxied connection takes two descriptors, and a soft limit of 1024 is usual.
    raise_file_limit();
    let output = folder.output()?;
    let same = output.try_clone().map_err(|source| LabError::File { path: "a program's output".into(), source })?;
    command.current_dir(folder.path()).stdout(output).stderr(same);
    let mut process = Process::start(hop, command)?;
    let failed = |what: String| LabError::Program { program: name, host: hop.place(), what, stderr: folder.said() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|source| LabError::Call { call: "starting a timer", host: hop.place(), source })?;
    let clock = Clock::start();
    loop {
        if let Ok(Some(status)) = process.try_wait() {
            return Err(failed(format!("has ended ({status})")));
        }
        if ready()? {
            return Ok(Running { process, helper: None, _folder: folder });
        }
        if clock.now().since_start() > READY_BY {
            return Err(failed(format!("is not ready after {} s", READY_BY.as_secs())));
        }
        runtime.block_on(clock.sleep_until(clock.now() + LOOKING));
    }
}

/// Whether somebody listens on `address` in the namespace of this thread. Asked of the kernel, for a connection made to
/// find out would be passed on to the server.
fn listens(address: &SocketAddr) -> bool {
    let table = if address.is_ipv4() { "/proc/thread-self/net/tcp" } else { "/proc/thread-self/net/tcp6" };
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let local = format!("{}:{:04X}", as_in_proc(address.ip()), address.port());
    text.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some(LISTENING)
    })
}

/// An address as `/proc/net/tcp` has it: words of the machine's own byte order.
fn as_in_proc(address: IpAddr) -> String {
    let bytes = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let words = bytes.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
    words.collect()
}
