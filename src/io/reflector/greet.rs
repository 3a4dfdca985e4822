//! The first frames of a connection: who is it, and what does it want to be?
//!
//! Until the hello is whole and right nothing is sent and almost nothing is kept. A service channel is challenged; a
//! hold shows that it knows the key of a run that is there.

use super::hold::Hold;
use super::service;
use super::shared::{Shared, count};
use crate::io::framed::{Inbox, send_now};
use crate::io::random::random;
use crate::io::sys;
use crate::wire::auth::{Nonce, Purpose, Tag, Transcript};
use crate::wire::frame::{Frame, FrameCodec, FrameError, Hello, Refusal, Role, Welcome};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Greets a connection in a task of its own, within the limit on time.
pub(super) fn start(shared: &Arc<Shared>, stream: TcpStream) {
    count(&shared.counters.accepted, 1);
    let _ = stream.set_nodelay(true);
    shared.greeting(|id| {
        let shared = Arc::clone(shared);
        let task = async move {
            let mut inbox = Inbox::with_codec(FrameCodec::with_max(shared.limits.frame));
            let greeted = tokio::time::timeout(shared.limits.hello, greet(&shared, &stream, &mut inbox)).await;
            count(&shared.counters.bytes_in, std::mem::take(&mut inbox.read));
            shared.greeted(id);
            match greeted {
                Ok(Ok(hello)) => admit(&shared, hello, stream, inbox),
                Ok(Err(No::Word(why))) => refuse(&shared, &stream, why),
                Ok(Err(No::Silent)) | Err(_) => count(&shared.counters.dropped, 1),
            }
        };
        tokio::spawn(task).abort_handle()
    });
}

/// Why a connection may not stay.
enum No {
    /// It said hello: it gets a word.
    Word(Refusal),
    /// It did not.
    Silent,
}

impl From<FrameError> for No {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Version(_) => Self::Word(Refusal::Version),
            _ => Self::Silent,
        }
    }
}

/// Someone who has shown who they are.
#[derive(Clone, Copy)]
struct Greeted {
    hello: Hello,
    server: Nonce,
}

async fn greet(shared: &Shared, stream: &TcpStream, inbox: &mut Inbox) -> Result<Greeted, No> {
    let Some(Frame::Hello(hello)) = inbox.next(stream).await? else {
        return Err(No::Silent);
    };
    let seen = |server| transcript(&hello, server);
    if hello.role == Role::Service {
        let key = shared.key(&hello.token);
        let server = Nonce(random().map_err(|_| No::Silent)?);
        send(shared, stream, Frame::Challenge { nonce: server })?;
        let Some(Frame::Proof { tag }) = inbox.next(stream).await? else {
            return Err(No::Silent);
        };
        return if tag == key.tag(Purpose::Proof, &seen(server)) {
            Ok(Greeted { hello, server })
        } else {
            Err(No::Word(Refusal::Secret))
        };
    }
    let run = shared.run(&hello.token).ok_or(No::Word(Refusal::UnknownRun))?;
    let server = Nonce::default();
    if hello.tag != run.key.tag(Purpose::Hello, &seen(server)) {
        return Err(No::Word(Refusal::Secret));
    }
    Ok(Greeted { hello, server })
}

fn transcript(hello: &Hello, server: Nonce) -> Transcript {
    Transcript { role: hello.role.code(), hold: hello.hold, client: hello.nonce, server }
}

/// Gives a connection its place in the run, and welcomes it.
fn admit(shared: &Arc<Shared>, greeted: Greeted, stream: TcpStream, inbox: Inbox) {
    let hello = greeted.hello;
    if shared.draining() {
        return refuse(shared, &stream, Refusal::Draining);
    }
    let Some(slot) = shared.slot() else {
        return refuse(shared, &stream, Refusal::Full);
    };
    let welcome = |resumed, seen, tag: Tag| {
        Frame::Welcome(Welcome {
            resumed,
            seen,
            hold_limit: u32::try_from(shared.limits.hold.as_secs()).unwrap_or(u32::MAX),
            tag,
        })
    };
    let said = transcript(&greeted.hello, greeted.server);
    if hello.role == Role::Service {
        let (run, resumed) = match shared.run_or_new(hello.token, shared.key(&hello.token)) {
            Ok(found) => found,
            Err(why) => return refuse(shared, &stream, why),
        };
        // From here on no command of an older channel counts, so that the welcome's number of them stays true.
        let number = run.take_over();
        let word = welcome(resumed, run.commands(), run.key.tag(Purpose::Welcome, &said));
        if send(shared, &stream, word).is_ok() {
            count(&shared.counters.welcomed, 1);
        }
        // Where the welcome could not be sent, the channel ends at once and the run after its time.
        service::start(run, number, slot, stream, inbox, hello.seen);
        return;
    }
    let Some(run) = shared.run(&hello.token) else {
        return refuse(shared, &stream, Refusal::UnknownRun);
    };
    sys::report_icmp(&stream);
    let word = welcome(true, 0, run.key.tag(Purpose::Welcome, &said));
    let hold = Hold::new(hello.hold, hello.role, Arc::clone(&run), slot, stream);
    if let Err(why) = run.join(shared, &hold) {
        let _ = hold.send(Frame::Refused { why });
        count(&shared.counters.refused, 1);
        return;
    }
    if hold.send(word).is_ok() {
        count(&shared.counters.welcomed, 1);
    }
    hold.start(inbox);
}

fn refuse(shared: &Shared, stream: &TcpStream, why: Refusal) {
    count(&shared.counters.refused, 1);
    let _ = send(shared, stream, Frame::Refused { why });
}

fn send(shared: &Shared, stream: &TcpStream, frame: Frame) -> Result<(), No> {
    let sent = send_now(stream, frame).map_err(|_| No::Silent)?;
    count(&shared.counters.bytes_out, sent as u64);
    Ok(())
}
