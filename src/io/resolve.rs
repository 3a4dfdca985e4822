//! From a name to addresses. One of them is then pinned for the whole run: rungs that lead to different balancers
//! could not be compared.

use crate::model::Target;
use crate::time::Duration;
use std::io;
use std::net::SocketAddr;

/// Which addresses to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both, in the order of the resolver (RFC 6724).
    #[default]
    Any,
    /// IPv4 only (`-4`).
    V4,
    /// IPv6 only (`-6`).
    V6,
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The resolver failed.
    #[error("cannot resolve `{host}`: {source}: check the name, and that this host can reach its name server")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The resolver did not answer.
    #[error("cannot resolve `{host}`: no answer within {} s: check that this host can reach its name server, or give an address", TIMEOUT.as_secs())]
    TimedOut {
        /// The name.
        host: String,
    },
    /// There are addresses, but not of this family.
    #[error("`{host}` has no {wanted} address, only {found}: leave out {flag}, or give another name")]
    Family {
        /// The name.
        host: String,
        /// `IPv4` or `IPv6`.
        wanted: &'static str,
        /// What there is.
        found: String,
        /// The flag that asked for it.
        flag: &'static str,
    },
    /// The resolver answered with nothing.
    #[error("`{host}` has no address: check the name")]
    Nothing {
        /// The name.
        host: String,
    },
}

/// glibc asks each of three servers twice for 5 s (`resolv.conf(5)`); nobody waits for all of that.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The addresses of `target`, without repetitions.
pub async fn resolve(target: &Target, family: Family) -> Result<Vec<SocketAddr>, ResolveError> {
    let host = || target.host.clone();
    let lookup = tokio::net::lookup_host((target.host.as_str(), target.port));
    let found = match tokio::time::timeout(TIMEOUT, lookup).await {
        Ok(Ok(found)) => found,
        Ok(Err(source)) => return Err(ResolveError::Lookup { host: host(), source }),
        Err(_) => return Err(ResolveError::TimedOut { host: host() }),
    };
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    if all.is_empty() {
        return Err(ResolveError::Nothing { host: host() });
    }
    let (wanted, flag, keep): (_, _, fn(&SocketAddr) -> bool) = match family {
        Family::Any => return Ok(all),
        Family::V4 => ("IPv4", "-4", SocketAddr::is_ipv4),
        Family::V6 => ("IPv6", "-6", SocketAddr::is_ipv6),
    };
    let (kept, other): (Vec<_>, Vec<_>) = all.into_iter().partition(keep);
    if kept.is_empty() {
        let found = other.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(", ");
        return Err(ResolveError::Family {
            host: host(),
            wanted,
            found,
            flag,
        });
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::target::Scheme;

    fn target(host: &str) -> Target {
        Target {
            scheme: Scheme::Tcp,
            host: host.to_owned(),
            port: 443,
        }
    }

    #[tokio::test]
    async fn a_literal_address_is_its_own_answer() {
        let found = resolve(&target("192.0.2.7"), Family::Any).await.unwrap();
        assert_eq!(found, ["192.0.2.7:443".parse().unwrap()]);
        let found = resolve(&target("2001:db8::7"), Family::V6).await.unwrap();
        assert_eq!(found, ["[2001:db8::7]:443".parse().unwrap()]);
    }

    #[tokio::test]
    async fn the_wrong_family_is_told_with_the_flag_that_asked_for_it() {
        let error = resolve(&target("192.0.2.7"), Family::V6).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "`192.0.2.7` has no IPv6 address, only 192.0.2.7: leave out -6, or give another name"
        );
    }

    #[tokio::test]
    async fn a_name_that_cannot_exist_is_told_with_its_name() {
        // RFC 6761: .invalid never resolves; a label of 64 letters is not even a name.
        let error = resolve(&target(&format!("{}.invalid", "x".repeat(64))), Family::Any).await;
        assert!(error.unwrap_err().to_string().starts_with("cannot resolve `xxx"));
    }
}
