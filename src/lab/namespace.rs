//! One network namespace, held by a thread that lives in it.
//!
//! The namespace has no name and no file: it lives as long as its thread, the descriptor kept here, and the sockets
//! and processes inside it. When the process ends, however it ends, the kernel takes all of it away.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use rtnetlink::Handle;
use rustix::thread::LinkNameSpaceType;

use super::error::LabError;
use super::permit;
use super::spec::Place;
use super::sys::{self, Refusal};

/// How often the kernel repeats the FIN of a socket whose program has gone (Documentation/networking/ip-sysctl.rst).
const ORPHAN_RETRIES: &str = "net/ipv4/tcp_orphan_retries";
/// Three seconds from 200 ms on, instead of a minute: such a socket keeps its namespace alive, and when a lab is
/// killed, the other end may have gone before the FIN was acknowledged.
const FEW: u32 = 3;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace and the thread that lives in it.
#[derive(Debug)]
pub(super) struct Namespace {
    place: Place,
    file: Arc<File>,
    jobs: Option<Sender<Job>>,
    resident: Option<JoinHandle<()>>,
}

enum Born {
    Refused(Refusal),
    Failed(io::Error),
    Alive(File),
}

impl Namespace {
    /// A new, empty namespace for `place`.
    pub(super) fn new(place: impl Into<Place>) -> Result<Self, LabError> {
        let host = place.into();
        let (word, born) = mpsc::channel();
        let (jobs, queue) = mpsc::channel::<Job>();
        let live = move || {
            let state = match sys::enter_network_namespace() {
                Err(refusal) => Born::Refused(refusal),
                Ok(()) => File::open("/proc/thread-self/ns/net").map_or_else(Born::Failed, Born::Alive),
            };
            if word.send(state).is_err() {
                return;
            }
            for job in queue {
                // A job that panics drops its answer, which is how its caller learns of it; the thread lives on.
                let _ = panic::catch_unwind(AssertUnwindSafe(job));
            }
        };
        let resident = thread::Builder::new()
            .name(format!("lab {host}"))
            .spawn(live)
            .map_err(|source| LabError::Call { call: "starting a thread", host, source })?;
        let file = match born.recv().map_err(|_| LabError::Gone { host })? {
            Born::Refused(refusal) => return Err(permit::forbidden(refusal)),
            Born::Failed(source) => {
                return Err(LabError::Call { call: "open(/proc/thread-self/ns/net)", host, source });
            }
            Born::Alive(file) => Arc::new(file),
        };
        let namespace = Self { place: host, file, jobs: Some(jobs), resident: Some(resident) };
        namespace.sysctl(ORPHAN_RETRIES, &FEW)?;
        Ok(namespace)
    }

    /// Whose namespace this is.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The descriptor's number, for moving a link into this namespace.
    pub(super) fn raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Runs `job` on the thread that lives here and waits for its answer.
    pub(super) fn call<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
        let gone = || LabError::Gone { host: self.place };
        let (word, answer) = mpsc::channel();
        let job: Job = Box::new(move || drop(word.send(job())));
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }

    /// Runs `f` on a new thread inside this namespace.
    pub(super) fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let file = Arc::clone(&self.file);
        thread::spawn(move || {
            let entered = rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
            assert!(entered.is_ok(), "setns into a namespace of our own failed: {entered:?}");
            f()
        })
    }

    /// Talks to this namespace's rtnetlink. `what` completes "cannot …".
    pub(super) fn netlink<T, F>(
        &self,
        what: &str,
        ask: impl FnOnce(Handle) -> F + Send + 'static,
    ) -> Result<T, LabError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, rtnetlink::Error>>,
    {
        let talk = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            // The socket belongs to the namespace of the thread that makes it: this one.
            runtime.block_on(async move {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                tokio::spawn(connection);
                ask(handle).await.map_err(|error| match error {
                    rtnetlink::Error::NetlinkError(refused) => refused.to_io(),
                    other => io::Error::other(other.to_string()),
                })
            })
        };
        self.call(talk)?.map_err(|source| LabError::Netlink { what: what.into(), host: self.place, source })
    }

    /// Writes a kernel setting of this namespace, `name` as under `/proc/sys`.
    pub(super) fn sysctl(&self, name: &str, value: &impl ToString) -> Result<(), LabError> {
        let (path, value, host) = (format!("/proc/sys/{name}"), value.to_string(), self.place);
        self.call(move || {
            std::fs::write(&path, &value).map_err(|source| LabError::Sysctl { path, value, host, source })
        })?
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Without a sender the thread's queue ends, and with the thread end the programs that it started.
        self.jobs = None;
        if let Some(resident) = self.resident.take() {
            let _ = resident.join();
        }
    }
}
