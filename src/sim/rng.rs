//! Our own random numbers: xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM
//! TOMS 2021), seeded through `SplitMix64` as its authors advise. Our own, so that a seed in a test, a table or a bug
//! report keeps its meaning whatever dependencies do.

use crate::time::Duration;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of `seed`. Seeds that differ in one bit give unrelated sequences.
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// From 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`. Draws nothing where the answer is certain.
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && (p >= 1.0 || self.unit() < p)
    }

    /// Evenly from `low` up to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly in the logarithm, from `low` up to `high`, both above zero.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    /// Exponentially distributed with mean 1, up to 16.6: in single precision, for every segment on every link needs one.
    pub fn exponential(&mut self) -> f64 {
        let unit = ((self.bits() >> 40) + 1) as f32 / (1u32 << 24) as f32;
        f64::from(-unit.ln())
    }

    /// Evenly from zero up to `below`.
    pub fn duration(&mut self, below: Duration) -> Duration {
        below.mul_f64(self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_keeps_its_meaning() {
        // From the reference implementation at prng.di.unimi.it, state 1, 2, 3, 4.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let drawn: Vec<u64> = (0..4).map(|_| rng.bits()).collect();
        assert_eq!(drawn, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn draws_have_the_distribution_they_promise() {
        let mut rng = Rng::new(1);
        let n = 100_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || rng.unit()) - 0.5).abs() < 0.01);
        assert!((mean(&mut || rng.exponential()) - 1.0).abs() < 0.02);
        assert!((mean(&mut || f64::from(u8::from(rng.chance(0.1)))) - 0.1).abs() < 0.01);
        assert!((mean(&mut || rng.log_between(1.0, 100.0).ln()) - 100f64.ln() / 2.0).abs() < 0.02);
    }
}
