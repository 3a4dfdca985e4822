//! Who may speak for a run.
//!
//! A run is named by a random [`Token`]. From the token and the shared secret (none is an empty one) both ends derive
//! a [`RunKey`], and each proves that it has it by a keyed hash over fresh nonces: HMAC-SHA-256 (RFC 2104), compared in
//! constant time. The secret never travels, a recorded exchange is worth nothing later, and a reflector without the
//! secret cannot pass for one that has it. Without a secret the token alone is the capability, which keeps runs apart
//! but does not keep strangers out.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;

/// Names one run: 128 random bits, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub [u8; 16]);

/// Fresh randomness of one handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

/// A keyed hash. Equality takes the same time wherever the difference is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tag(pub [u8; 32]);

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Tag {}

/// What a tag proves; goes into the hash, so that no proof can be used as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The client's first frame on a connection of a known run.
    Hello,
    /// The client's answer to the challenge on its service channel.
    Proof,
    /// The reflector's welcome.
    Welcome,
}

/// What both ends know of a handshake when they compute a tag.
#[derive(Clone, Copy, Debug)]
pub struct Transcript {
    /// The role asked for, as its code on the wire.
    pub role: u8,
    /// The connection's name in the run; 0 for a service channel.
    pub hold: u32,
    /// The client's nonce.
    pub client: Nonce,
    /// The reflector's nonce; zero where there was no challenge.
    pub server: Nonce,
}

/// The key of one run.
#[derive(Clone)]
pub struct RunKey([u8; 32]);

impl fmt::Debug for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunKey(…)")
    }
}

impl RunKey {
    /// Derives the key of the run `token` from what both ends share.
    pub fn derive(secret: Option<&[u8]>, token: &Token) -> Self {
        Self(keyed(secret.unwrap_or_default(), &[b"idlescope run 1", &token.0]))
    }

    /// The tag for `purpose` over `seen`.
    pub fn tag(&self, purpose: Purpose, seen: &Transcript) -> Tag {
        let purpose: &[u8] = match purpose {
            Purpose::Hello => b"hello",
            Purpose::Proof => b"proof",
            Purpose::Welcome => b"welcome",
        };
        // Every part but the first has a fixed length, and no purpose is a prefix of another: the input is unambiguous.
        let parts: &[&[u8]] = &[
            purpose,
            &[seen.role],
            &seen.hold.to_be_bytes(),
            &seen.client.0,
            &seen.server.0,
        ];
        Tag(keyed(&self.0, parts))
    }
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Transcript {
        Transcript {
            role: 1,
            hold: 7,
            client: Nonce([1; 16]),
            server: Nonce([2; 16]),
        }
    }

    #[test]
    fn a_tag_depends_on_everything_that_was_said() {
        let token = Token([9; 16]);
        let key = RunKey::derive(Some(b"secret"), &token);
        let tag = key.tag(Purpose::Proof, &seen());
        assert_eq!(
            tag,
            RunKey::derive(Some(b"secret"), &token).tag(Purpose::Proof, &seen())
        );
        let others = [
            RunKey::derive(None, &token).tag(Purpose::Proof, &seen()),
            RunKey::derive(Some(b"secret"), &Token([8; 16])).tag(Purpose::Proof, &seen()),
            key.tag(Purpose::Welcome, &seen()),
            key.tag(Purpose::Hello, &seen()),
            key.tag(Purpose::Proof, &Transcript { role: 2, ..seen() }),
            key.tag(Purpose::Proof, &Transcript { hold: 8, ..seen() }),
            key.tag(
                Purpose::Proof,
                &Transcript {
                    client: Nonce([3; 16]),
                    ..seen()
                },
            ),
            key.tag(
                Purpose::Proof,
                &Transcript {
                    server: Nonce([3; 16]),
                    ..seen()
                },
            ),
        ];
        assert!(others.iter().all(|other| *other != tag));
    }

    #[test]
    fn a_key_never_shows_itself() {
        let key = RunKey::derive(Some(b"secret"), &Token([9; 16]));
        assert_eq!(format!("{key:?}"), "RunKey(…)");
    }
}
