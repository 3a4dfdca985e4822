//! The service channel of a run: commands come in, reports go out.

use super::run::Run;
use super::shared::{Shared, Slot, count};
use crate::io::framed::{Inbox, Outbox};
use crate::wire::frame::Frame;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Reports are taken from the run's list as long as fewer bytes than this wait to be written.
const AHEAD: usize = 16 << 10;
/// A client that speaks and never reads is dropped when so many bytes wait for it.
const UNREAD: usize = 64 << 10;

/// Serves a run in a task of its own, as its service channel `number`. An older channel of the same run ends.
pub(super) fn start(run: Arc<Run>, number: u32, slot: Slot, stream: TcpStream, inbox: Inbox, seen: u32) {
    tokio::spawn(async move {
        let over = serve(&run, slot.shared(), number, &stream, inbox, seen).await;
        let shared = Arc::clone(slot.shared());
        drop((stream, slot));
        if over == Over::Run {
            return shared.end(&run);
        }
        // The run outlives its channel for a while: a client whose network was cut comes back.
        if over == Over::Channel && run.is_served_by(number) {
            shared.clock.sleep(shared.limits.run).await;
        }
        if run.is_served_by(number) {
            shared.end(&run);
        }
    });
}

#[derive(PartialEq, Eq)]
enum Over {
    /// The client said that its run is over, or broke the protocol.
    Run,
    /// Only the channel.
    Channel,
    /// The channel, by a silence longer than a run may live without a word.
    Silence,
}

async fn serve(run: &Run, shared: &Shared, number: u32, stream: &TcpStream, mut inbox: Inbox, seen: u32) -> Over {
    run.confirmed(shared, seen);
    let mut next = run.first_report();
    let mut outbox = Outbox::default();
    let mut told = false;
    loop {
        if shared.draining() && !told {
            told = true;
            outbox.push(Frame::Draining);
        }
        while outbox.len() < AHEAD
            && let Some(report) = run.nth_report(next)
        {
            outbox.push(report);
            next += 1;
        }
        if !run.is_served_by(number) {
            // The run has ended or has another channel: what was said before still leaves, if it leaves at once.
            let _ = tokio::time::timeout(super::LAST_WORDS / 2, outbox.flush(stream)).await;
            return Over::Channel;
        }
        count(&shared.counters.bytes_out, std::mem::take(&mut outbox.written));
        if outbox.len() > UNREAD {
            return Over::Run;
        }
        let busy = !outbox.is_empty();
        tokio::select! {
            frame = tokio::time::timeout(shared.limits.run, inbox.next(stream)) => {
                count(&shared.counters.bytes_in, std::mem::take(&mut inbox.read));
                match frame {
                    Ok(Ok(Some(frame))) => match handle(run, shared, number, frame) {
                        Ok(reply) => if let Some(reply) = reply { outbox.push(reply) },
                        Err(over) => return over,
                    },
                    Ok(Ok(None) | Err(crate::wire::frame::FrameError::Io(_))) => return Over::Channel,
                    Err(_) => return Over::Silence,
                    Ok(Err(_)) => return Over::Run,
                }
            }
            written = outbox.flush(stream), if busy => if written.is_err() {
                return Over::Channel;
            },
            () = run.news() => {}
        }
    }
}

/// Takes in one frame of the client; what to answer, or why to stop.
fn handle(run: &Run, shared: &Shared, number: u32, frame: Frame) -> Result<Option<Frame>, Over> {
    match frame {
        Frame::Beat { seq, seen } => {
            run.confirmed(shared, seen);
            Ok(Some(Frame::Echo { seq, seen: run.commands() }))
        }
        Frame::Command { hold, order } => {
            if !run.commanded(number) {
                return Err(Over::Channel);
            }
            let report = match run.hold(hold) {
                Some(found) => found.obey(order),
                None => Some(Frame::Gone { hold }),
            };
            if let Some(report) = report {
                run.report(shared, report);
            }
            Ok(None)
        }
        _ => Err(Over::Run),
    }
}
