//! Many connections at once: sightings in, verdicts out.

use std::net::SocketAddr;

use super::template::Template;
use super::terms::{Ended, LocalFact, Settings, Tally, Tuple, Verdict};
use crate::model::{Sighting, Testimony};
use crate::time::Instant;

/// Follows connections and judges how they ended. Pure: time is that of the sightings, or what [`Tracker::pass`] says.
#[derive(Debug)]
pub struct Tracker {
    tally: Tally,
    settings: Settings,
}

impl Tracker {
    /// With nothing seen.
    pub fn new(settings: Settings) -> Self {
        Self { tally: Tally::default(), settings }
    }

    /// Takes in a packet; its number is that of the call, from 1.
    pub fn see(&mut self, sighting: &Sighting) {
        self.see_as(self.tally.sightings + 1, sighting);
    }

    /// Takes in a packet that has `number` in its capture.
    pub fn see_as(&mut self, number: u64, sighting: &Sighting) {
        let _ = (number, sighting, &self.settings);
        self.tally.sightings += 1;
    }

    /// It is `now`, whether packets come or not: what waited for stragglers becomes final.
    pub fn pass(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes in what our own end knows.
    pub fn know(&mut self, tuple: &Tuple, local: LocalFact) {
        let _ = (tuple, local);
    }

    /// Takes in what the other end says.
    pub fn testify(&mut self, tuple: &Tuple, word: &Testimony) {
        let _ = (tuple, word);
    }

    /// The packets of `server` look like this.
    pub fn calibrate(&mut self, server: SocketAddr, template: Template) {
        let _ = (server, template);
    }

    /// The next connection whose verdict is final; each comes once.
    pub fn poll(&mut self) -> Option<Ended> {
        None
    }

    /// What is known of a connection now; `None` where nothing ended it yet.
    pub fn verdict(&self, tuple: &Tuple) -> Option<Verdict> {
        let _ = tuple;
        None
    }

    /// Nothing more comes: what is pending becomes final, what is open is counted.
    pub fn finish(&mut self) {}

    /// How many, and how they ended.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }
}
