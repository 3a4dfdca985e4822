//! A file is read and parsed on one thread while another explains: neither waits for the other.

use super::files::{self, Packet};
use crate::cli::exit::Failure;
use crate::wire::capture::{CaptureError, Reader};
use std::io::Read;
use std::sync::mpsc;
use std::time::SystemTime;

/// Packets that are handed over at a time.
const BATCH: usize = 1024;
/// Batches that are read ahead, at most: some 1 MB.
const AHEAD: usize = 6;

/// Packets, and the wall time at which the file began.
type Batch = (Vec<Packet>, Option<SystemTime>);

/// Hands out each packet, in order. An error of `take` ends the reading.
pub(super) fn read<R: Read + Send>(
    reader: &mut Reader<R>,
    mut take: impl FnMut(Packet, Option<SystemTime>) -> Result<(), Failure>,
    refused: impl Fn(&CaptureError) -> Failure,
) -> Result<(), Failure> {
    let (full, to_explain) = mpsc::sync_channel::<Batch>(AHEAD);
    let (empty, to_fill) = mpsc::sync_channel::<Vec<Packet>>(AHEAD);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || fill(reader, &full, &to_fill));
        for (mut batch, began) in to_explain {
            for packet in batch.drain(..) {
                take(packet, began)?;
            }
            // Where the reader is done already nobody wants it back.
            let _ = empty.try_send(batch);
        }
        match reading.join() {
            Ok(read) => read.map_err(|error| refused(&error)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Reads to the end, or until nobody listens any more.
fn fill<R: Read>(
    reader: &mut Reader<R>,
    full: &mpsc::SyncSender<Batch>,
    to_fill: &mpsc::Receiver<Vec<Packet>>,
) -> Result<(), CaptureError> {
    loop {
        let mut batch = to_fill.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH));
        let mut end = Ok(false);
        while batch.len() < BATCH {
            match files::next(reader) {
                Ok(Some(packet)) => batch.push(packet),
                Ok(None) => end = Ok(true),
                Err(error) => end = Err(error),
            }
            if !matches!(end, Ok(false)) {
                break;
            }
        }
        if full.send((batch, files::began(reader))).is_err() || end? {
            return Ok(());
        }
    }
}
