//! The kernel engine against real services on loopback, driven by hand.

#[path = "engine/bench.rs"]
mod bench;
#[path = "engine/plain.rs"]
mod plain;
#[path = "engine/reflected.rs"]
mod reflected;
#[path = "engine/refreshing.rs"]
mod refreshing;
#[path = "engine/relay.rs"]
mod relay;
#[path = "engine/relayed.rs"]
mod relayed;
