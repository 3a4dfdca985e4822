//! Numbers that look random and depend on nothing but what they are made from: a box has no randomness of its own.

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014) over `salt` and `n`.
pub(super) fn mix(salt: u64, n: u32) -> u64 {
    let mut z = salt.wrapping_add((u64::from(n) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From 0 to 1, standing in for the 4-tuple hash of a router.
pub(super) fn unit(salt: u64, n: u32) -> f64 {
    (mix(salt, n) >> 11) as f64 / (1u64 << 53) as f64
}
