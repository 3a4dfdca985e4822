//! The server-first test of a hold: pushes, each its own segment, until the client has answered.

use super::hold::Hold;
use super::shared::count;
use crate::io::clock::Clock;
use crate::io::ending::meaning;
use crate::wire::frame::{Frame, How};
use std::sync::Weak;
use std::time::Duration;

/// Pushes on `hold`. Holds it only while it writes: a connection that is closed meanwhile goes at once.
pub(super) async fn push(hold: Weak<Hold>, clock: Clock, after: Duration, pushes: u8, spacing: Duration) {
    let first = clock.now() + after;
    for nth in 0..pushes {
        if !(nth == 0 && after.is_zero()) {
            clock.sleep_until(first + spacing * u32::from(nth)).await;
        }
        let Some(hold) = hold.upgrade() else { return };
        if hold.is_settled() {
            return;
        }
        match hold.send(Frame::Push { nth }) {
            Ok(()) => {
                count(&hold.shared().counters.pushes, 1);
                hold.report(Frame::Pushed { hold: hold.id, nth });
            }
            Err(error) => {
                hold.failed(&error);
                // ICMP may be over at the next try; anything else is not.
                if meaning(&error) != Some(How::Icmp) {
                    return;
                }
            }
        }
    }
}
