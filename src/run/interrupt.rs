//! Ctrl-C and SIGTERM. Once: stop opening, write what is known. Twice: stop at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Requests to stop, in the order in which they came.
#[derive(Debug)]
pub struct Interrupts {
    requests: mpsc::UnboundedReceiver<()>,
    listening: Option<tokio::task::JoinHandle<()>>,
}

impl Interrupts {
    /// Listens to SIGINT and SIGTERM from now on. Must be called inside a tokio runtime.
    pub fn of_this_process() -> std::io::Result<Self> {
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        let (request, requests) = mpsc::unbounded_channel();
        let listening = tokio::spawn(async move {
            loop {
                let heard = tokio::select! {
                    heard = int.recv() => heard,
                    heard = term.recv() => heard,
                };
                if heard.is_none() || request.send(()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { requests, listening: Some(listening) })
    }

    /// Requests that come from the program itself: whoever holds the sender may ask.
    pub fn from_channel() -> (mpsc::UnboundedSender<()>, Self) {
        let (request, requests) = mpsc::unbounded_channel();
        let interrupts = Self { requests, listening: None };
        (request, interrupts)
    }

    /// Nobody ever asks.
    pub fn never() -> Self {
        Self::from_channel().1
    }

    /// Waits for the next request; for ever if none can come any more. Cancel safe.
    pub async fn next(&mut self) {
        if self.requests.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}
