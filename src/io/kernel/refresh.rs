//! What keeps a connection alive, as far as ordinary sockets can send it: keepalives of the kernel, and data.
//!
//! A keepalive with a byte of garbage and a bare acknowledgement have to be crafted. No kernel sends them when asked, so
//! they are said to be unsupported, and nothing is sent in their stead.

use super::link::Link;
use super::{KernelEngine, keepalive};
use crate::model::{HoldId, Refresh, Refreshed, target::Scheme};
use crate::time::{Duration, Instant};
use crate::wire::frame::{Frame, NOTE_LEN, Order};
use std::sync::{Arc, Weak};
use tokio::task::AbortHandle;

/// How often the kernel is asked whether data were acknowledged, and for how long.
const POLL: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(10);

impl KernelEngine {
    /// Sends one refresh, or says that it cannot.
    pub(super) fn refresh(&mut self, id: HoldId, kind: Refresh, limited: bool) {
        let reflector = self.session.config.scheme == Scheme::Reflector;
        let Some(hold) = self.holds.get_mut(&id) else { return };
        let Some(link) = hold.link.clone() else { return };
        link.keep();
        let now = link.now();
        match kind {
            Refresh::None => {}
            // A socket's TTL could be lowered for a keepalive, and whatever else its kernel says meanwhile with it.
            _ if limited => link.refreshed(now, kind, Refreshed::Unsupported),
            Refresh::TcpKeepalive => {
                let task = tokio::spawn(keepalive::refresh(Arc::downgrade(&link))).abort_handle();
                replace(&mut hold.refresh, task);
            }
            Refresh::Data if reflector => {
                send(&link, now, kind, Frame::Ping { nth: 0 });
            }
            Refresh::DataClient if reflector => {
                let goal = link.info().bytes_acked + NOTE_LEN as u64;
                if send(&link, now, kind, Frame::Note) {
                    let task = tokio::spawn(acknowledged(Arc::downgrade(&link), goal)).abort_handle();
                    replace(&mut hold.refresh, task);
                }
            }
            Refresh::DataServer if reflector => self.order(id, Order::Nudge),
            Refresh::TcpKeepalive1b | Refresh::Ack | Refresh::Data | Refresh::DataClient | Refresh::DataServer => {
                link.refreshed(now, kind, Refreshed::Unsupported);
            }
        }
    }
}

fn replace(place: &mut Option<AbortHandle>, task: AbortHandle) {
    if let Some(before) = place.replace(task) {
        before.abort();
    }
}

/// Writes a frame, and says that it has left.
fn send(link: &Link, now: Instant, kind: Refresh, frame: Frame) -> bool {
    let sent = link.send(frame);
    if sent {
        link.refreshed(now, kind, Refreshed::Left);
    }
    sent
}

/// Waits until the peer's kernel has acknowledged `goal` bytes; nothing announces that.
async fn acknowledged(link: Weak<Link>, goal: u64) {
    let Some((clock, began)) = link.upgrade().map(|link| (link.session.config.clock, link.now())) else { return };
    while clock.now().since(began) < LATE {
        clock.sleep(POLL).await;
        let Some(link) = link.upgrade() else { return };
        let info = link.info();
        if info.bytes_acked >= goal && info.unacked == 0 {
            let at = link.now().saturating_sub(info.last_ack_recv).max(began);
            return link.refreshed(at, Refresh::DataClient, Refreshed::Answered);
        }
        if link.is_over() {
            return;
        }
    }
}
