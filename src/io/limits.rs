//! The limit on open files, which is the limit on connections.

use super::EngineError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a run needs beside its connections: standard streams, timers, epoll, the service channel, result files,
/// a resolver.
const OTHER_FILES: u32 = 64;

/// Raises the soft limit on open files (`RLIMIT_NOFILE`) to the hard one and returns it.
pub fn raise_file_limit() -> u32 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let as_count = |limit: Option<u64>| limit.map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX));
    if as_count(current) < as_count(maximum) {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return as_count(maximum);
        }
    }
    as_count(current)
}

/// Makes sure that `connections` can be open at once.
pub fn ensure_file_limit(connections: u32) -> Result<(), EngineError> {
    let limit = raise_file_limit();
    let needed = connections.saturating_add(OTHER_FILES);
    if needed > limit {
        return Err(EngineError::FileLimit {
            connections,
            needed,
            limit,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_beyond_the_limit_is_refused_with_what_to_do() {
        ensure_file_limit(1).unwrap();
        let limit = raise_file_limit();
        if limit == u32::MAX {
            return; // no limit here: nothing can be beyond it
        }
        let error = ensure_file_limit(limit).unwrap_err().to_string();
        assert!(error.contains("--connections"), "{error}");
        assert!(error.contains("ulimit -Hn"), "{error}");
    }
}
