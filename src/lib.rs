//! idlescope finds how long a network path remembers a silent connection, who ends it and how, and which keepalive
//! settings it needs.
//!
//! ```text
//!  target + profile ──plan──▶ Plan ──planner──▶ Action ──engine──▶ Observation ──journal──▶ CSV (facts)
//!                                      ▲                                │
//!                                      └──────── handle(obs) ───────────┘
//!  observations ──▶ records ──estimate──▶ expiry + doubts ──recommend──▶ settings + reason ──▶ report
//! ```
//!
//! A pure middle with IO around it. Layers, lowest first; a module names only modules below it
//! (`tests/layers.rs` fails otherwise):
//!
//! 1. [`time`], [`model`]: our own instant, and the nouns;
//! 2. [`wire`]: bytes and their meaning;
//! 3. [`measure`]: plan, planner, estimator, doubts, recommendation; pure;
//! 4. [`boxes`]: NAT, balancer, firewall, carrier as state machines; pure;
//! 5. [`sim`]: synthetic paths in virtual time; pure;
//! 6. [`io`]: sockets, the reflector, the clock;
//! 7. [`lab`]: real paths in network namespaces;
//! 8. [`report`], [`journal`], [`profile`]: what is read and written;
//! 9. [`run`], [`cli`]: the loop and the commands.

pub mod boxes;
pub mod cli;
pub mod io;
pub mod journal;
pub mod lab;
pub mod measure;
pub mod model;
pub mod profile;
pub mod report;
pub mod run;
pub mod sim;
pub mod time;
pub mod wire;
