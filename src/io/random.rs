//! Randomness from the kernel, for tokens and nonces.

use rustix::rand::{GetRandomFlags, getrandom};

/// `N` random bytes of `getrandom(2)`, which blocks only until the pool was first filled at boot.
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_draws_differ() {
        assert_ne!(super::random::<16>().unwrap(), super::random::<16>().unwrap());
    }
}
