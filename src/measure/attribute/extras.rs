//! What either end says of single connections, beside their packets: only for those that somebody asks about.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::terms::{LocalFact, Tuple};
use crate::model::Testimony;

/// Connections that can be spoken of at a time; more than an engine holds.
const LIMIT: usize = 1 << 17;
/// Facts of a connection.
const FACTS: usize = 16;

/// What was said of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    pub facts: Vec<LocalFact>,
    pub word: Option<Testimony>,
}

/// By the ends of a connection, in order of address, so that it does not matter who is thought to have opened it.
#[derive(Debug, Default)]
pub(super) struct Extras(BTreeMap<(SocketAddr, SocketAddr), Extra>);

fn key(tuple: &Tuple) -> (SocketAddr, SocketAddr) {
    (tuple.client.min(tuple.server), tuple.client.max(tuple.server))
}

impl Extras {
    fn of(&mut self, tuple: &Tuple) -> Option<&mut Extra> {
        if self.0.len() >= LIMIT && !self.0.contains_key(&key(tuple)) {
            return None;
        }
        Some(self.0.entry(key(tuple)).or_default())
    }

    pub(super) fn know(&mut self, tuple: &Tuple, fact: LocalFact) {
        if let Some(extra) = self.of(tuple)
            && extra.facts.len() < FACTS
        {
            extra.facts.push(fact);
        }
    }

    pub(super) fn testify(&mut self, tuple: &Tuple, word: Testimony) {
        if let Some(extra) = self.of(tuple) {
            extra.word = Some(word);
        }
    }

    pub(super) fn get(&self, tuple: &Tuple) -> Option<&Extra> {
        self.0.get(&key(tuple))
    }

    pub(super) fn forget(&mut self, tuple: &Tuple) {
        if !self.0.is_empty() {
            self.0.remove(&key(tuple));
        }
    }
}
