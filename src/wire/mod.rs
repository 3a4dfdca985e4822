//! Bytes and their meaning. Nothing is believed before its length is checked.
//!
//! - [`frame`]: what a client and a reflector say to each other;
//! - [`auth`]: how they prove that they share a run and a secret, without ever sending the secret;
//! - [`packet`]: IP packets in Ethernet frames, read, edited in place and built;
//! - [`pcap`]: files of captured frames, written;
//! - [`capture`]: files of captured frames, read, whoever wrote them;
//! - [`sight`]: IP packets as sightings, the observations that attribution works with.

pub mod auth;
pub mod capture;
pub mod frame;
pub mod packet;
pub mod pcap;
pub mod sight;
