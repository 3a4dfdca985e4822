//! The service channel of a run: commands come in, reports go out.

use super::hold::ends;
use super::run::Run;
use super::shared::{Shared, Slot, count};
use super::witness::Ends;
use crate::io::framed::{Inbox, Outbox};
use crate::wire::frame::{Frame, Order, Whose};
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

async fn serve(
    run: &Arc<Run>,
    shared: &Arc<Shared>,
    number: u32,
    stream: &TcpStream,
    mut inbox: Inbox,
    seen: u32,
) -> Over {
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
                    Ok(Ok(Some(frame))) => match handle(run, shared, number, stream, frame) {
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
fn handle(
    run: &Arc<Run>,
    shared: &Arc<Shared>,
    number: u32,
    stream: &TcpStream,
    frame: Frame,
) -> Result<Option<Frame>, Over> {
    match frame {
        Frame::Beat { seq, seen } => {
            run.confirmed(shared, seen);
            Ok(Some(Frame::Echo { seq, seen: run.commands() }))
        }
        Frame::Command { hold, order } => {
            if !run.commanded(number) {
                return Err(Over::Channel);
            }
            if let Order::Testify { of } = order {
                testify(run, shared, stream, hold, of);
                return Ok(None);
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

/// Has the witness say what this host saw of a connection: one of the run's, or any between the two addresses of the
/// service channel. Of other clients' connections nothing is said.
fn testify(run: &Arc<Run>, shared: &Arc<Shared>, stream: &TcpStream, hold: u32, of: Option<Whose>) {
    let Some(channel) = ends(stream) else { return run.report(shared, Frame::Gone { hold }) };
    let own = of.map(|of| of.client.ip());
    run.watch(shared, channel.client.ip(), own);
    let asked = match of {
        Some(of) => Some(Ends {
            client: (channel.client.ip(), of.client.port()).into(),
            server: (channel.server.ip(), of.server).into(),
        }),
        None => run.ends(hold),
    };
    let Some(ends) = asked else { return run.report(shared, Frame::Gone { hold }) };
    let (run, shared) = (Arc::clone(run), Arc::clone(shared));
    tokio::spawn(async move {
        let word = shared.witness.word(ends, own).await;
        run.report(&shared, Frame::Testimony { hold, word });
    });
}
