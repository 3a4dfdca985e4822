//! What the user names: `[scheme://]host[:port][/path]`.

use std::fmt;

/// How we speak to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Any TCP service: nothing is sent to it but keepalives, unless the user gives bytes.
    Tcp,
    /// Our own cooperating server.
    Reflector,
}

/// A parsed target; not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How to speak to it.
    pub scheme: Scheme,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The reflector's default port, for `serve` and `reflector://`.
pub const REFLECTOR_PORT: u16 = 7133;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Tcp => "tcp",
            Scheme::Reflector => "reflector",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}
