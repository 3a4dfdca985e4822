//! Waiting and measuring, for tests with real sockets.

use std::time::{Duration, Instant, SystemTime};

/// Waits.
#[expect(clippy::disallowed_methods, reason = "a test of a real path waits in real time")]
pub(crate) fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// The instant of the call.
#[expect(clippy::disallowed_methods, reason = "a test of a real path measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall time of the call.
#[expect(clippy::disallowed_methods, reason = "what a test has written is dated by the wall clock")]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Waits until `true_now` is, at most `limit`. False where that time ran out.
pub(crate) fn wait_until(limit: Duration, mut true_now: impl FnMut() -> bool) -> bool {
    let start = now();
    loop {
        if true_now() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        wait(Duration::from_millis(10));
    }
}
