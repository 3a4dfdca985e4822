//! Opening a connection until it is silent.
//!
//! A hold of a reflector is silent when its last segment, the acknowledgement of the welcome, has arrived: if that is
//! lost, the welcome comes again. So the reflector says when it has it, and an opening takes a round trip longer than
//! it had to.

use super::dial::{DialError, dial_with};
use super::event::Event;
use super::handshake::handshake;
use super::link::{self, Link};
use super::plain;
use super::session::Session;
use super::sockets::ordinary;
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
    let watcher = session.sockets.as_deref();
    let socket = match watcher.and_then(|watcher| watcher.take(hold, experiment)) {
        Some(socket) => Ok(socket),
        None => ordinary(config.address),
    };
    let connecting = |socket: &socket2::Socket, local| {
        if let Some(watcher) = watcher {
            watcher.connecting(hold, socket, local);
        }
    };
    let stream = socket.map_err(|error| DialError::Call("socket", error));
    let stream = match stream {
        Ok(socket) => dial_with(socket, config.address, config.open_timeout, connecting).await,
        Err(error) => Err(error),
    };
    let stream = stream.map_err(|error| (error.describe(config.address), error.refused()))?;
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
    let mut settling = session.settling(hold);
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
    let mut info = TcpInfo::of(&stream).unwrap_or_default();
    let mut silent_since = arrived(now, info.last_data_recv);
    if role == Role::Hold {
        tokio::select! {
            () = settling.heard() => {}
            _ = inbox.next(&stream) => {
                return Err((format!("{} ended the connection after its welcome", config.address), false));
            }
            () = config.clock.sleep_until(deadline) => {
                let limit = config.open_timeout.as_secs_f64();
                let what = "its welcome was not acknowledged";
                return Err((format!("hello to {}: {what} within {limit:.1} s", config.address), false));
            }
        }
        // What came after the welcome was the welcome again: the path has seen that, and what our kernel said to it.
        let later = TcpInfo::of(&stream).unwrap_or_default();
        if later.segs_in > info.segs_in {
            silent_since = config.clock.now().saturating_sub(later.last_ack_recv.min(later.last_data_recv));
            info = later;
        }
    }
    let at = config.clock.now();
    let link = Link::new(hold, Arc::clone(session), stream, info.segs_in);
    let watch = tokio::spawn(link::watch(Arc::clone(&link), inbox)).abort_handle();
    session.emit(Event::Opened { link, watch, at, silent_since, rtt });
    Ok(())
}
