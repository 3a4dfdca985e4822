//! An interface, watched until Ctrl-C.

use super::args::ExplainArgs;
use super::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::io::raw::{Filter, Interface, RawError, Sniffer};
use crate::io::{Clock, privilege};
use crate::run::Interrupts;
use crate::time::Duration;

/// What has become final is looked for so often, where no packet comes.
const TICK: Duration = Duration::from_millis(200);
/// So many packets in a row are taken before anything else is looked at.
const BURST: usize = 1024;

/// Explains what passes at `interface`.
pub(super) fn run(args: &ExplainArgs, interface: &str, terminal: &Terminal) -> Result<Exit, Failure> {
    // The socket first: nothing is promised that cannot be done.
    let clock = Clock::start();
    let refused = |error: RawError| {
        let exit = if error.is_privilege() { Exit::Privilege } else { Exit::Usage };
        Failure::new(exit, format!("-i {interface}: {error}"))
    };
    let opened = Interface::named(interface).and_then(|found| Sniffer::open(&found, Filter::everything(), clock));
    let sniffer = opened.map_err(refused)?;
    // Packets come from anybody: what reads them has no privilege any more.
    privilege::drop_all().map_err(|error| Failure::new(Exit::Privilege, format!("-i {interface}: {error}")))?;
    let mut desk = Desk::new(args, interface.to_owned(), None, terminal);
    desk.began(Some(clock.wall_start()))?;
    crate::cli::block_on(async {
        let mut interrupts =
            Interrupts::of_this_process().map_err(|error| Failure::usage(format!("listen to signals: {error}")))?;
        terminal.note(&format!("watching {interface}: each connection is told as it ends; Ctrl-C for the table"));
        let dropped = watch(&mut desk, sniffer, &clock, &mut interrupts).await?.map_err(refused)?;
        desk.pass(clock.now())?;
        desk.finish()?;
        if dropped > 0 {
            terminal.warn(&format!(
                "idlescope: {dropped} packets came faster than they were read: what is said may lack them; ask for less \
                 with --host or --port, or write a file with tcpdump first"
            ));
        }
        Ok(Exit::Done)
    })
}

/// Watches until somebody wants it to end; says how many packets were missed.
async fn watch(
    desk: &mut Desk<'_>,
    mut sniffer: Sniffer,
    clock: &Clock,
    interrupts: &mut Interrupts,
) -> Result<Result<u64, RawError>, Failure> {
    let mut dropped = 0;
    let mut tick = clock.now() + TICK;
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => return Ok(Ok(dropped + u64::from(sniffer.dropped()))),
            () = clock.sleep_until(tick) => {
                desk.pass(clock.now())?;
                dropped += u64::from(sniffer.dropped());
                tick = clock.now() + TICK;
            }
            packet = sniffer.next() => match packet {
                Ok(packet) => desk.see(&packet.sighting)?,
                Err(error) => return Ok(Err(error)),
            }
        }
        for _ in 0..BURST {
            match sniffer.try_next() {
                Ok(Some(packet)) => desk.see(&packet.sighting)?,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}
