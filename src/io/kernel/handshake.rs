//! The client's side of the first frames: who we are, and is it a reflector?

use super::session::Session;
use crate::io::EngineError;
use crate::io::framed::{Inbox, send_now};
use crate::wire::auth::{Nonce, Purpose, Tag, Transcript};
use crate::wire::frame::{Frame, FrameError, Hello, Refusal, Role, VERSION, Welcome};
use rustix::net::sockopt::set_tcp_quickack;
use tokio::net::TcpStream;

/// Says hello as `role` and returns the welcome, checked. The caller bounds the time.
///
/// `TCP_QUICKACK` is asked for before and after (the kernel forgets it, `tcp(7)`), so that the last acknowledgement of
/// the exchange leaves at once and the silence starts when we think it does.
pub(super) async fn handshake(
    session: &Session,
    stream: &TcpStream,
    inbox: &mut Inbox,
    role: Role,
    hold: u32,
    seen: u32,
) -> Result<Welcome, EngineError> {
    let (hello, mut said) = hello(session, role, hold, seen)?;
    let _ = set_tcp_quickack(stream, true);
    send(session, stream, hello)?;
    if role == Role::Service {
        match next(session, stream, inbox).await? {
            Frame::Challenge { nonce } => said.server = nonce,
            other => return Err(unexpected(session, &other)),
        }
        let tag = session.key.tag(Purpose::Proof, &said);
        send(session, stream, Frame::Proof { tag })?;
    }
    let frame = next(session, stream, inbox).await?;
    let _ = set_tcp_quickack(stream, true);
    match frame {
        // Whoever does not have the secret cannot welcome us.
        Frame::Welcome(welcome) if welcome.tag == session.key.tag(Purpose::Welcome, &said) => Ok(welcome),
        Frame::Welcome(_) => Err(EngineError::WrongSecret { address: session.config.address }),
        other => Err(unexpected(session, &other)),
    }
}

/// The first frame of a connection, and what both ends know after it.
pub(super) fn hello(session: &Session, role: Role, hold: u32, seen: u32) -> Result<(Frame, Transcript), EngineError> {
    let client = session.nonce()?;
    let said = Transcript { role: role.code(), hold, client, server: Nonce::default() };
    let tag = match role {
        Role::Service => Tag::default(),
        Role::Hold | Role::Control => session.key.tag(Purpose::Hello, &said),
    };
    Ok((Frame::Hello(Hello { role, token: session.token, hold, nonce: client, seen, tag }), said))
}

/// The error for a peer that never says anything we understand.
pub(super) fn mute(session: &Session) -> EngineError {
    strange(session, format!("it does not answer our hello within {:.1} s", session.config.open_timeout.as_secs_f64()))
}

fn strange(session: &Session, seen: String) -> EngineError {
    EngineError::NotAReflector { address: session.config.address, seen }
}

fn send(session: &Session, stream: &TcpStream, frame: Frame) -> Result<(), EngineError> {
    match send_now(stream, frame) {
        Ok(_) => Ok(()),
        Err(error) => Err(strange(session, format!("it ended the connection ({error})"))),
    }
}

async fn next(session: &Session, stream: &TcpStream, inbox: &mut Inbox) -> Result<Frame, EngineError> {
    match inbox.next(stream).await {
        Ok(Some(frame)) => Ok(frame),
        Ok(None) => Err(strange(session, "it closed the connection after our hello".to_owned())),
        Err(FrameError::Version(theirs)) => {
            Err(EngineError::Version { address: session.config.address, theirs, ours: VERSION })
        }
        Err(FrameError::Io(error)) => {
            Err(strange(session, format!("it ended the connection after our hello ({error})")))
        }
        Err(_) => Err(strange(session, format!("it says \"{}\"", inbox.glimpse()))),
    }
}

fn unexpected(session: &Session, frame: &Frame) -> EngineError {
    let address = session.config.address;
    let why = match frame {
        Frame::Refused { why } => match why {
            Refusal::Secret => return EngineError::WrongSecret { address },
            Refusal::UnknownRun => "it does not know this run: was it restarted, or does a balancer lead to several?",
            Refusal::RunFull => {
                "this run has as many connections as the reflector allows: ask for fewer with --connections"
            }
            Refusal::Full => "it has as many connections as it allows: wait, or start another one",
            Refusal::HoldTaken => "this connection's name has been used before",
            Refusal::Draining => "it is shutting down",
            Refusal::Version => "it speaks another version of the protocol",
        },
        Frame::Hello(_) => return strange(session, "it echoes what we send".to_owned()),
        _ => return strange(session, "it speaks our protocol out of turn".to_owned()),
    };
    EngineError::Turned { address, why }
}
