//! Packets and captures from outside: what is read of them, and that nothing in them is believed before it is checked.

mod classic;
mod damage;
mod drive;
mod files;
mod follow;
mod links;
mod ng;
mod packets;
mod pnet;
mod refusals;
mod seeds;
mod tshark;

use std::io::Read;

use idlescope::model::sighting::Sighting;
use idlescope::wire::capture::{CaptureError, Problem, Reader};

use drive::Told;

/// Reads a capture that can be read.
fn read(bytes: &[u8]) -> Told {
    drive::read(bytes, bytes.len()).expect("a capture")
}

/// What the packets of a capture say.
fn sightings(told: &Told) -> Vec<Sighting> {
    told.packets.iter().filter_map(|packet| packet.3).collect()
}

/// What is wrong with a capture, without where.
fn problems(told: &Told) -> Vec<&str> {
    told.problems.iter().map(|problem: &Problem| problem.what.as_str()).collect()
}

/// Why this is not read at all.
fn refusal(input: impl Read) -> CaptureError {
    match Reader::new(input) {
        Ok(_) => panic!("this is no capture"),
        Err(error) => error,
    }
}
