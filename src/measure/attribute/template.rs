//! What the packets of one host look like: its own templates, elicited before it is judged.

use crate::model::Sighting;

/// Packets that a target was made to send, each in a known situation. Each is optional: whatever could not be elicited is
/// taken from the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Template {
    /// Its answer to a SYN.
    pub syn_ack: Option<Sighting>,
    /// A reset of a socket that decided to abort.
    pub active: Option<Sighting>,
    /// A reset of a host that knows of no such connection.
    pub passive: Option<Sighting>,
    /// An orderly close.
    pub close: Option<Sighting>,
}
