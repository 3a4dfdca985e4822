//! What the user names: `[scheme://]host[:port][/path]`.
//!
//! Two schemes exist: `tcp` (any TCP service; also what a bare `host:port` means) and `reflector` (our own server). The
//! other schemes of the contract are refused by name with what works instead, so that nobody measures something else
//! than was asked. A name is not resolved here.

mod host;

use host::{bracketed, split};
use std::fmt;
use std::str::FromStr;

/// How we speak to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Any TCP service: nothing is sent to it but keepalives, unless the user gives bytes.
    Tcp,
    /// Our own cooperating server.
    Reflector,
}

impl Scheme {
    /// The word before `://`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Reflector => "reflector",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A parsed target; not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// Schemes of the contract that this version does not speak, each with the TCP port that its services use (IANA
/// service names); `udp` has none.
const LATER: [(&str, Option<u16>); 8] = [
    ("udp", None),
    ("tls", Some(443)),
    ("http", Some(80)),
    ("https", Some(443)),
    ("ws", Some(80)),
    ("wss", Some(443)),
    ("h2", Some(443)),
    ("mqtt", Some(1883)),
];

/// A target that cannot be read: the part that is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("target `{target}`: {problem}; {remedy}")]
pub struct TargetError {
    /// As written.
    pub target: String,
    /// Which part is wrong, and how.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// What is wrong and what to do, before the whole target is put beside it.
type Refusal = (String, String);

fn refusal<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Result<T, Refusal> {
    Err((problem.into(), remedy.into()))
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(written: &str) -> Result<Self, TargetError> {
        read(written.trim()).map_err(|(problem, remedy)| TargetError {
            target: written.chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect(),
            problem,
            remedy,
        })
    }
}

fn read(written: &str) -> Result<Target, Refusal> {
    if written.is_empty() {
        return refusal("it is empty", "write host:port, such as example.com:443");
    }
    let (scheme, rest) = match written.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, written),
    };
    let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    let scheme = match scheme.as_deref() {
        None | Some("tcp") => Scheme::Tcp,
        Some("reflector") => Scheme::Reflector,
        Some(other) => return Err(foreign(other, authority)),
    };
    if let Some((_, host)) = authority.rsplit_once('@') {
        return refusal("there is a user name before the `@`", format!("nobody logs in here: write {scheme}://{host}"));
    }
    if !matches!(path, "" | "/") {
        return refusal(
            format!("{scheme} has no use for the path `{path}`"),
            format!("leave it away: {scheme}://{authority}"),
        );
    }
    let (host, port) = split(authority, scheme)?;
    let port = match (port, scheme) {
        (Some(port), _) => read_port(port, scheme, &host)?,
        (None, Scheme::Reflector) => REFLECTOR_PORT,
        (None, Scheme::Tcp) => {
            let host = bracketed(&host);
            return refusal(
                "the port is missing",
                format!("write {host}:443, or reflector://{host} where `idlescope serve` runs"),
            );
        }
    };
    Ok(Target { scheme, host, port })
}

fn read_port(port: &str, scheme: Scheme, host: &str) -> Result<u16, Refusal> {
    let number = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    match number {
        Some(0) | None => refusal(
            format!("the port `{port}` is not a number from 1 to 65535"),
            format!(
                "write {scheme}://{}:{}",
                bracketed(host),
                if scheme == Scheme::Reflector { REFLECTOR_PORT } else { 443 }
            ),
        ),
        Some(port) => Ok(port),
    }
}

/// Schemes that are not ours: those of the contract that do not exist yet, and those that never will.
fn foreign(scheme: &str, authority: &str) -> Refusal {
    let host = split(authority, Scheme::Tcp).ok();
    let name = host.as_ref().map_or_else(|| "HOST".to_owned(), |(host, _)| bracketed(host));
    let port = host.as_ref().and_then(|(_, port)| port.and_then(|port| port.parse::<u16>().ok()));
    match LATER.iter().find(|(later, _)| *later == scheme) {
        Some((_, Some(usual))) => {
            let port = port.unwrap_or(*usual);
            (
                format!("the scheme `{scheme}` is not spoken by this version"),
                format!(
                    "tcp://{name}:{port} measures the path below it (client first, nothing is sent but keepalives); \
                     reflector://{name} measures both directions where `idlescope serve` runs"
                ),
            )
        }
        Some((_, None)) => (
            format!("the scheme `{scheme}` is not spoken by this version"),
            format!(
                "only TCP is: tcp://{name}:{} for any TCP service, reflector://{name} where `idlescope serve` runs",
                port.map_or_else(|| "PORT".to_owned(), |port| port.to_string())
            ),
        ),
        None => {
            let known = [Scheme::Tcp.as_str(), Scheme::Reflector.as_str()];
            let near = known.into_iter().find(|word| strsim::damerau_levenshtein(word, scheme) <= 2);
            (
                format!("`{scheme}` is not a scheme"),
                match near {
                    Some(word) => format!("did you mean {word}://{authority}?"),
                    None => "write tcp://host:port for any TCP service, or reflector://host where `idlescope serve` \
                             runs"
                        .into(),
                },
            )
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme;
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn shown(written: &str) -> String {
        written.parse::<Target>().map_or_else(|error| error.to_string(), |target| target.to_string())
    }

    #[test]
    fn a_target_is_read_in_each_of_its_forms() {
        for (written, normal) in [
            ("example.com:443", "tcp://example.com:443"),
            ("TCP://Example.COM:443/", "tcp://example.com:443"),
            ("192.0.2.1:80", "tcp://192.0.2.1:80"),
            ("[2001:DB8:0::1]:80", "tcp://[2001:db8::1]:80"),
            ("reflector://[::1]", "reflector://[::1]:7133"),
            ("reflector://probe_1.example.net", "reflector://probe_1.example.net:7133"),
            ("reflector://10.0.0.1:99", "reflector://10.0.0.1:99"),
            ("[fe80::1%eth0]:22", "tcp://[fe80::1%eth0]:22"),
            ("localhost.:1", "tcp://localhost.:1"),
        ] {
            assert_eq!(shown(written), normal);
        }
    }

    #[test]
    fn a_refusal_names_the_bad_part_and_the_remedy() {
        for (written, bad, remedy) in [
            ("", "it is empty", "host:port"),
            ("example.com", "the port is missing", "example.com:443"),
            ("[::1]", "the port is missing", "[::1]:443"),
            ("example.com:", "the port `` is not", "tcp://example.com:443"),
            ("example.com:0", "the port `0`", "tcp://example.com:443"),
            ("example.com:65536", "the port `65536`", "1 to 65535"),
            ("example.com:+80", "the port `+80`", "tcp://example.com:443"),
            ("example.com:http", "the port `http`", "tcp://example.com:443"),
            ("::1", "address `::1` stands without brackets", "tcp://[::1]:PORT"),
            ("2001:db8::1:443", "where does", "tcp://[2001:db8::1]:443 or tcp://[2001:db8::1:443]:PORT"),
            ("1:2:3:4:5:6:7:8:443", "without brackets", "tcp://[1:2:3:4:5:6:7:8]:443"),
            ("a:b:c", "more than one colon", "example.com:443"),
            ("[::1:80", "not closed", "[2001:db8::1]:443"),
            ("[example.com]:80", "`example.com` in brackets", "names without brackets"),
            ("[::1]80", "`80` follows the bracket", "[::1]:443"),
            ("me@example.com:22", "user name", "tcp://example.com:22"),
            ("example.com:80/index", "path `/index`", "tcp://example.com:80"),
            ("exam ple.com:80", "` ` cannot stand", "DNS name"),
            ("bücher.example:80", "not ASCII", "xn--"),
            ("a..b:80", "empty part", "DNS name"),
            ("10.0.0.256:80", "`10.0.0.256` is not an IPv4 address", "192.0.2.1"),
            ("10.1:80", "`10.1` is not an IPv4 address", "192.0.2.1"),
            ("https://example.com/x", "scheme `https` is not spoken", "tcp://example.com:443 measures"),
            ("mqtt://[::1]:1884", "scheme `mqtt` is not spoken", "tcp://[::1]:1884 measures"),
            ("udp://example.com:53", "scheme `udp` is not spoken", "tcp://example.com:53"),
            ("udp://:::", "scheme `udp` is not spoken", "tcp://HOST:PORT"),
            ("reflektor://example.com", "`reflektor` is not a scheme", "did you mean reflector://example.com?"),
            ("gopher://example.com", "`gopher` is not a scheme", "tcp://host:port"),
        ] {
            let text = shown(written);
            assert!(text.starts_with("target `"), "{text}");
            assert!(text.contains(bad) && text.contains(remedy), "{written}: {text}");
        }
    }

    fn host() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z][a-z0-9_-]{0,20}(\\.[a-z][a-z0-9-]{0,10}){0,3}",
            any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).to_string()),
            any::<[u8; 16]>().prop_map(|octets| Ipv6Addr::from(octets).to_string()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_displayed_reads_back(host in host(), port in 1_u16.., reflector: bool) {
            let scheme = if reflector { Scheme::Reflector } else { Scheme::Tcp };
            let target = Target { scheme, host, port };
            prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(written in "\\PC*") {
            if let Ok(target) = written.parse::<Target>() {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }

        #[test]
        fn nearly_targets_never_panic(written in "([a-z]{0,5}://)?[\\[\\]a-f0-9:.%@/?]{0,30}") {
            if let Ok(target) = written.parse::<Target>() {
                prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            }
        }
    }
}
