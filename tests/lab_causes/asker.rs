//! A client of the reflector that asks what its host saw of a connection: the service channel, spoken on a blocking
//! socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use idlescope::lab::Lab;
use idlescope::model::Testimony;
use idlescope::wire::auth::{Nonce, Purpose, RunKey, Tag, Token, Transcript};
use idlescope::wire::frame::{Frame, FrameCodec, Hello, Order, Role, Welcome, Whose};
use tokio_util::codec::{Decoder, Encoder};

use crate::support::talk::{dial, is_reset};

const NONCE: Nonce = Nonce([5; 16]);

/// A run that asks.
pub(crate) struct Asker {
    token: Token,
    reflector: SocketAddr,
    /// Reports that it has had.
    seen: u32,
    /// Whether the reflector knew of the run when it was first asked.
    remembers: Option<bool>,
}

/// An open service channel.
pub(crate) struct Channel {
    pub(crate) stream: TcpStream,
    inbox: BytesMut,
}

/// A name that no other run has.
fn token() -> Token {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut token = Token([7; 16]);
    token.0[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    token
}

impl Asker {
    /// Has the reflector of the lab's server begin to count.
    pub(crate) fn start(lab: &Lab, reflector: SocketAddr) -> Self {
        let mut asker = Self::of_run(lab, reflector, token());
        asker.remembers = None;
        asker
    }

    /// The same, for a run that may have begun before.
    pub(crate) fn of_run(lab: &Lab, reflector: SocketAddr, token: Token) -> Self {
        let mut asker = Self { token, reflector, seen: 0, remembers: None };
        let nobody = Whose { client: SocketAddr::from(([0, 0, 0, 0], 1)), server: 1 };
        let (channel, welcome) = Channel::open(lab, reflector, token, 0);
        drop(channel);
        asker.remembers = Some(welcome.resumed);
        asker.ask(lab, nobody);
        asker
    }

    /// What its host saw of a connection. Over a channel of its own: what is on the way may have forgotten an older one.
    pub(crate) fn ask(&mut self, lab: &Lab, whose: Whose) -> Testimony {
        let (mut channel, _) = Channel::open(lab, self.reflector, self.token, self.seen);
        let own = channel.stream.local_addr().unwrap().ip();
        let of = Some(Whose { client: SocketAddr::new(own, whose.client.port()), ..whose });
        channel.send(Frame::Command { hold: 1, order: Order::Testify { of } });
        loop {
            let frame = channel.receive();
            self.seen += 1;
            match frame {
                Frame::Testimony { word, .. } => return Testimony { remembers: self.remembers, ..word },
                Frame::Ended { .. } => {}
                other => panic!("asked of {whose:?}: {other:?}"),
            }
        }
    }
}

impl Channel {
    /// Of a run of its own, and its name.
    pub(crate) fn fresh(lab: &Lab, reflector: SocketAddr) -> (Self, Token) {
        let token = token();
        (Self::open(lab, reflector, token, 0).0, token)
    }

    /// Says something to somebody who does not know it any more.
    pub(crate) fn speaks_and_is_reset(&mut self) {
        self.send(Frame::Beat { seq: 1, seen: 0 });
        is_reset(&self.stream);
    }

    fn open(lab: &Lab, reflector: SocketAddr, token: Token, seen: u32) -> (Self, Welcome) {
        let stream = dial(lab, reflector).unwrap_or_else(|error| panic!("the reflector at {reflector}: {error}"));
        let mut channel = Self { stream, inbox: BytesMut::new() };
        let key = RunKey::derive(None, &token);
        let role = Role::Service;
        channel.send(Frame::Hello(Hello { role, token, hold: 0, nonce: NONCE, seen, tag: Tag::default() }));
        let Frame::Challenge { nonce } = channel.receive() else { panic!("no challenge") };
        let said = Transcript { role: role.code(), hold: 0, client: NONCE, server: nonce };
        channel.send(Frame::Proof { tag: key.tag(Purpose::Proof, &said) });
        let Frame::Welcome(welcome) = channel.receive() else { panic!("no welcome") };
        (channel, welcome)
    }

    fn send(&mut self, frame: Frame) {
        let mut bytes = BytesMut::new();
        FrameCodec::default().encode(frame, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    fn receive(&mut self) -> Frame {
        loop {
            if let Some(frame) = FrameCodec::default().decode(&mut self.inbox).unwrap() {
                return frame;
            }
            let mut part = [0; 512];
            let length = self.stream.read(&mut part).unwrap();
            assert!(length > 0, "the reflector ended the channel");
            self.inbox.extend_from_slice(&part[..length]);
        }
    }
}
