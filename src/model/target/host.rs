//! The part between the scheme and the path: a name or an address, and perhaps a port.

use super::{Refusal, Scheme, refusal};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest host name (RFC 1035 section 2.3.4, in its text form).
const LONGEST_NAME: usize = 253;

/// The longest label of a host name (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// Host (checked, in its normal form) and port (as written).
pub(super) fn split(authority: &str, scheme: Scheme) -> Result<(String, Option<&str>), Refusal> {
    if let Some(inside) = authority.strip_prefix('[') {
        let Some((address, after)) = inside.split_once(']') else {
            return refusal("the bracket `[` is not closed", "write [2001:db8::1]:443");
        };
        let Some(host) = normal_v6(address) else {
            return refusal(
                format!("`{address}` in brackets is not an IPv6 address"),
                "only IPv6 addresses stand in brackets: write [2001:db8::1]:443, and names without brackets",
            );
        };
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => refusal(format!("`{after}` follows the bracket"), format!("only a port may: write [{host}]:443")),
        };
    }
    if authority.matches(':').count() > 1 {
        return Err(too_many_colons(authority, scheme));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    Ok((read_name(host)?, port))
}

/// An IPv6 address, possibly with a zone (`fe80::1%eth0`), in the form of RFC 5952.
fn normal_v6(text: &str) -> Option<String> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    match zone {
        None => Some(address.to_string()),
        Some(zone) => {
            let fits = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            fits.then(|| format!("{address}%{zone}"))
        }
    }
}

fn read_name(host: &str) -> Result<String, Refusal> {
    if host.is_empty() {
        return refusal("the host is missing", "write host:port, such as example.com:443");
    }
    if let Some(bad) = host.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))) {
        return if bad.is_ascii() {
            refusal(
                format!("`{}` cannot stand in the host name `{host}`", bad.escape_default()),
                "write a DNS name or an address, such as example.com:443",
            )
        } else {
            refusal(
                format!("the host name `{host}` is not ASCII"),
                "write its DNS form, which begins with xn-- (punycode)",
            )
        };
    }
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return refusal(
            format!("the host name `{host}` has an empty part between its dots"),
            "write a DNS name or an address, such as example.com:443",
        );
    }
    if host.len() > LONGEST_NAME || labels.iter().any(|label| label.len() > LONGEST_LABEL) {
        return refusal(
            format!("the host name is longer than DNS allows ({LONGEST_NAME}, {LONGEST_LABEL} between two dots)"),
            "shorten it",
        );
    }
    // No top-level domain is a number, so this is meant as an address; resolvers read `10.1` in surprising ways.
    let number = labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if number && host.parse::<Ipv4Addr>().is_err() {
        return refusal(
            format!("`{host}` is not an IPv4 address"),
            "write four numbers from 0 to 255, such as 192.0.2.1:443",
        );
    }
    Ok(host.to_ascii_lowercase())
}

pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn too_many_colons(authority: &str, scheme: Scheme) -> Refusal {
    let before = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|(address, port)| Some((normal_v6(address)?, port)));
    match (normal_v6(authority), before) {
        (Some(whole), Some((address, port))) => (
            format!("where does the IPv6 address `{authority}` end and its port begin?"),
            format!("put the address in brackets: {scheme}://[{address}]:{port} or {scheme}://[{whole}]:PORT"),
        ),
        (Some(whole), None) => (
            format!("the IPv6 address `{authority}` stands without brackets"),
            format!("write {scheme}://[{whole}]:PORT"),
        ),
        (None, Some((address, port))) => (
            format!("the IPv6 address `{address}` stands without brackets"),
            format!("write {scheme}://[{address}]:{port}"),
        ),
        (None, None) => (
            format!("`{authority}` has more than one colon and is no IPv6 address"),
            "write host:port, such as example.com:443 or [2001:db8::1]:443".into(),
        ),
    }
}
