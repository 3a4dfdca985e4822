//! Opening a connection until it is silent.

use super::dial::dial;
use super::event::Event;
use super::handshake::handshake;
use super::link::{self, Link};
use super::plain;
use super::session::Session;
use crate::io::EngineError;
use crate::io::framed::Inbox;
use crate::io::sys;
use crate::io::tcp_info::{TcpInfo, arrived};
use crate::model::target::Scheme;
use crate::model::{Experiment, Fact, HoldId};
use crate::wire::frame::Role;
use std::sync::Arc;

/// Opens `hold`, starts to watch it, and says so; or says why not.
pub(super) async fn open(session: Arc<Session>, hold: HoldId, experiment: Experiment) {
    if let Err((error, refused)) = try_open(&session, hold, experiment).await {
        let at = session.config.clock.now();
        session.fact(hold, at, Fact::OpenFailed { error, refused });
    }
}

async fn try_open(session: &Arc<Session>, hold: HoldId, experiment: Experiment) -> Result<(), (String, bool)> {
    let config = &session.config;
    let deadline = config.clock.now() + config.open_timeout;
    let began = config.clock.now();
    let stream = dial(config.address, config.open_timeout)
        .await
        .map_err(|error| (error.describe(config.address), error.refused()))?;
    let connected = config.clock.now();
    // Not for service channels, which have to outlive a short cut of the route.
    sys::report_icmp(&stream);
    let handshake_info = TcpInfo::of(&stream).unwrap_or_default();
    let rtt = match handshake_info.rtt {
        rtt if rtt.is_zero() => connected.since(began),
        rtt => rtt,
    };
    if config.scheme == Scheme::Tcp {
        plain::open(session, hold, stream, &handshake_info, connected, rtt).await;
        return Ok(());
    }
    let role = match experiment {
        Experiment::Control => Role::Control,
        _ => Role::Hold,
    };
    let mut inbox = Inbox::default();
    let greeting = handshake(session, &stream, &mut inbox, role, hold.0, 0);
    tokio::select! {
        welcome = greeting => {
            let refused = |error: &EngineError| matches!(error, EngineError::Turned { .. } | EngineError::WrongSecret { .. });
            welcome.map_err(|error| (error.to_string(), refused(&error)))?;
        }
        () = config.clock.sleep_until(deadline) => {
            let limit = config.open_timeout.as_secs_f64();
            return Err((format!("hello to {}: no welcome within {limit:.1} s", config.address), false));
        }
    }
    let now = config.clock.now();
    let info = TcpInfo::of(&stream).unwrap_or_default();
    let link = Link::new(hold, Arc::clone(session), stream, info.segs_in);
    let watch = tokio::spawn(link::watch(Arc::clone(&link), inbox)).abort_handle();
    session.emit(Event::Opened {
        link,
        watch,
        at: now,
        silent_since: arrived(now, info.last_data_recv),
        rtt,
    });
    Ok(())
}
