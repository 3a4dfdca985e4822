//! Bytes and their meaning. Nothing is believed before its length is checked.
//!
//! - [`frame`]: what a client and a reflector say to each other;
//! - [`auth`]: how they prove that they share a run and a secret, without ever sending the secret.

pub mod auth;
pub mod frame;
