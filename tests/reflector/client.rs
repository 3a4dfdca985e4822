//! A client of the protocol on blocking sockets, written without the engine.

use crate::bench::Served;
use bytes::BytesMut;
use idlescope::time::Duration;
use idlescope::wire::auth::{Nonce, Purpose, RunKey, Tag, Token, Transcript};
use idlescope::wire::frame::{Frame, FrameCodec, Hello, Refusal, Role, Welcome};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::codec::{Decoder, Encoder};

#[expect(clippy::disallowed_methods, reason = "a client of its own, in a thread that may block")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn encoded(frame: Frame) -> BytesMut {
    let mut bytes = BytesMut::new();
    FrameCodec::default().encode(frame, &mut bytes).unwrap();
    bytes
}

const NONCE: Nonce = Nonce([5; 16]);

fn hello(key: &RunKey, role: Role, token: Token, hold: u32, seen: u32) -> Frame {
    let said = Transcript { role: role.code(), hold, client: NONCE, server: Nonce::default() };
    Frame::Hello(Hello {
        role,
        token,
        hold,
        nonce: NONCE,
        seen,
        tag: if role == Role::Service { Tag::default() } else { key.tag(Purpose::Hello, &said) },
    })
}

/// The bytes of a hello without a secret.
pub(crate) fn hello_bytes(role: Role, token: Token, hold: u32) -> BytesMut {
    encoded(hello(&RunKey::derive(None, &token), role, token, hold, 0))
}

/// One connection, with everything counted.
pub(crate) struct Client {
    stream: TcpStream,
    inbox: BytesMut,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Client {
    fn connect(served: &Served) -> Self {
        let stream = TcpStream::connect(served.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { stream, inbox: BytesMut::new(), sent: 0, received: 0 }
    }

    /// Connects and says hello.
    pub(crate) fn hello(served: &Served, secret: Option<&[u8]>, role: Role, token: Token, hold: u32) -> Self {
        let mut client = Self::connect(served);
        client.send(hello(&RunKey::derive(secret, &token), role, token, hold, 0));
        client
    }

    pub(crate) fn send(&mut self, frame: Frame) {
        assert!(self.try_send(frame), "the reflector ended the connection");
    }

    /// Sends bytes that are no frames, and does not mind if they are not taken.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.sent += bytes.len() as u64;
        let _ = self.stream.write_all(bytes);
    }

    /// Whether the connection is still there to send on.
    pub(crate) fn try_send(&mut self, frame: Frame) -> bool {
        let bytes = encoded(frame);
        self.sent += bytes.len() as u64;
        self.stream.write_all(&bytes).is_ok()
    }

    /// The next frame but word of holds that have settled, or `None` at the end of the connection. Panics when neither
    /// comes.
    pub(crate) fn receive(&mut self) -> Option<Frame> {
        loop {
            match self.receive_any() {
                Some(Frame::Settled { .. }) => {}
                other => return other,
            }
        }
    }

    /// The next frame, or `None` at the end of the connection. Panics when neither comes.
    pub(crate) fn receive_any(&mut self) -> Option<Frame> {
        loop {
            let before = self.inbox.len();
            if let Some(frame) = FrameCodec::default().decode(&mut self.inbox).unwrap() {
                self.received += (before - self.inbox.len()) as u64;
                return Some(frame);
            }
            let mut part = [0; 256];
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(n) => self.inbox.extend_from_slice(&part[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// Whether nothing at all comes for `time`.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let result = self.stream.read(&mut [0; 16]);
        self.stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        matches!(result, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Ends it with FIN, keeping the value.
    pub(crate) fn abandon(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    pub(crate) fn reset_on_drop(&self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A run: its service channel and its holds.
pub(crate) struct Run {
    pub(crate) token: Token,
    pub(crate) service: Client,
    pub(crate) holds: Vec<Client>,
    secret: Option<Vec<u8>>,
}

impl Run {
    pub(crate) fn open(served: &Served) -> Self {
        Self::open_with(served, None)
    }

    pub(crate) fn open_with(served: &Served, secret: Option<&[u8]>) -> Self {
        Self::try_open(served, secret).unwrap_or_else(|why| panic!("{why:?}"))
    }

    pub(crate) fn try_open(served: &Served, secret: Option<&[u8]>) -> Result<Self, Refusal> {
        static NEXT: AtomicU64 = AtomicU64::new(100);
        let mut token = Token([1; 16]);
        token.0[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let (service, _) = serve(served, secret, token, 0)?;
        Ok(Self { token, service, holds: Vec::new(), secret: secret.map(<[u8]>::to_vec) })
    }

    /// Opens the service channel again, having seen so many reports.
    pub(crate) fn reopen(&mut self, served: &Served, seen: u32) -> Welcome {
        let (service, welcome) = serve(served, self.secret.as_deref(), self.token, seen).unwrap();
        self.service = service;
        welcome
    }

    /// Opens a hold that is welcome.
    pub(crate) fn join(&mut self, hold: u32) {
        let served = self.service.stream.peer_addr().unwrap();
        let stream = TcpStream::connect(served).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut client = Client { stream, inbox: BytesMut::new(), sent: 0, received: 0 };
        let key = RunKey::derive(self.secret.as_deref(), &self.token);
        client.send(hello(&key, Role::Hold, self.token, hold, 0));
        match client.receive() {
            Some(Frame::Welcome(_)) => self.holds.push(client),
            other => panic!("{other:?}"),
        }
    }
}

fn serve(served: &Served, secret: Option<&[u8]>, token: Token, seen: u32) -> Result<(Client, Welcome), Refusal> {
    let key = RunKey::derive(secret, &token);
    let mut client = Client::connect(served);
    client.send(hello(&key, Role::Service, token, 0, seen));
    let Some(Frame::Challenge { nonce }) = client.receive() else {
        panic!("no challenge");
    };
    let said = Transcript { role: Role::Service.code(), hold: 0, client: NONCE, server: nonce };
    let tag = key.tag(Purpose::Proof, &said);
    client.send(Frame::Proof { tag });
    match client.receive() {
        Some(Frame::Welcome(welcome)) => {
            assert_eq!(welcome.tag, key.tag(Purpose::Welcome, &said));
            Ok((client, welcome))
        }
        Some(Frame::Refused { why }) => Err(why),
        other => panic!("{other:?}"),
    }
}
