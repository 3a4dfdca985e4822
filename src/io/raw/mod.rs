//! Packets past the kernel's own TCP: seen, crafted, sent, and connections owned without it.
//!
//! The only module that knows pnet. pnet gives the channels and builds segments; what comes from outside is read by
//! [`wire::sight`](crate::wire::sight), which believes nothing before its length is checked. pnet's receivers of whole
//! packets are never used: `tcp_packet_iter` panics on a segment under 20 bytes.
//!
//! - [`Sniffer`]: the packets of our connections on one interface, and ICMP errors about them, with the kernel's stamp;
//! - [`Filter`]: which ones, decided in the kernel before any is queued;
//! - [`Lines`]: numbers, window, TTL and time stamps of each connection, from what was sniffed;
//! - [`Craft`]: segments that no kernel would send, and how much harm each may do ([`Safety`]);
//! - [`Injector`]: sends them, to one target, within [`Rates`];
//! - [`Immunity`]: a kernel's socket that survives resets;
//! - [`Guard`]: a port whose segments the kernel swallows;
//! - [`owned`]: connections whose handshake is crafted.
//!
//! Everything needs `CAP_NET_RAW`; what needs `CAP_NET_ADMIN` too says so. No rule of a firewall is ever touched: what is
//! set here is set on our own sockets and gone with this process.

mod bpf;
mod craft;
mod error;
mod filter;
mod guard;
mod immunity;
mod inject;
mod interface;
mod line;
mod log;
pub mod owned;
mod rate;
mod sniffer;
pub(crate) mod sys;

pub use craft::{Craft, Kind, Safety};
pub use error::RawError;
pub use filter::Filter;
pub use guard::Guard;
pub use immunity::Immunity;
pub use inject::Injector;
pub use interface::Interface;
pub use line::{Line, Lines};
pub use rate::Rates;
pub use sniffer::{Packet, Sniffer};
