//! Seeded randomness that is the same on every machine.
//!
//! xoshiro256** (D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded by SplitMix64
//! as its authors advise. Logarithm and exponential are written out with `+ - * /` only, which IEEE 754 defines to the
//! last bit; those of the platform's library may differ there, and one bit changes a whole world.
//!
//! [`Random::fork`] gives each person, day and attack a stream of its own. So an attack added, or a person more, leaves
//! everybody else's lines as they were, and a quiet world is exactly the background of the attacked one.

use std::f64::consts::LN_2;

/// A stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    state: [u64; 4],
}

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut mix = seed;
        let state = std::array::from_fn(|_| split_mix(&mut mix));
        Random { seed, state }
    }

    /// The stream called `name` and `number` below this one; independent of what was drawn from this one so far.
    pub fn fork(&self, name: &str, number: u64) -> Random {
        // FNV-1a over the name: few and fixed names, no adversary.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let mut mix = self.seed ^ hash.rotate_left(17) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Random::new(split_mix(&mut mix))
    }

    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `low..high`; `low` where the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.unit() * (high - low).max(1) as f64) as i64
    }

    /// Uniform in [low, high).
    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.between(0, items.len() as i64) as usize]
    }

    /// `count` different ones of `items`, or all of them, in a drawn order.
    pub fn sample<T: Copy>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut left = items.to_vec();
        (0..count.min(items.len())).map(|_| left.swap_remove(self.between(0, left.len() as i64) as usize)).collect()
    }

    /// An index, drawn in proportion to the weights.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        weights.len() - 1
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * ln(1.0 - self.unit())
    }

    /// Standard normal (Marsaglia's polar method; the second value is dropped to keep no state).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (self.real(-1.0, 1.0), self.real(-1.0, 1.0));
            let square = x * x + y * y;
            if 0.0 < square && square < 1.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }

    /// Gamma with this mean and shape at least 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, mean: f64, shape: f64) -> f64 {
        let d = shape.max(1.0) - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            let v = v * v * v;
            if v > 0.0 && ln(1.0 - self.unit()) < 0.5 * x * x + d - d * v + d * ln(v) {
                return d * v * mean / shape.max(1.0);
            }
        }
    }

    /// Poisson with this mean; from a mean of 60 on its normal approximation.
    pub fn poisson(&mut self, mean: f64) -> i64 {
        if mean >= 60.0 {
            return (mean + mean.sqrt() * self.normal() + 0.5).max(0.0) as i64;
        }
        let (limit, mut product, mut count) = (exp(-mean), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// An overdispersed count: negative binomial with this mean, as Gamma-Poisson of this shape (small: wilder).
    pub fn count(&mut self, mean: f64, shape: f64) -> i64 {
        let rate = self.gamma(mean, shape);
        self.poisson(rate)
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Natural logarithm of a positive normal number: exponent apart, then the series of 2 artanh((m-1)/(m+1)).
fn ln(x: f64) -> f64 {
    let x = x.max(f64::MIN_POSITIVE);
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let (square, mut power, mut sum) = (s * s, s, 0.0);
    for odd in (1..=21).step_by(2) {
        sum += power / f64::from(odd);
        power *= square;
    }
    2.0 * sum + exponent as f64 * LN_2
}

/// The exponential for |x| < 700: powers of two apart, then Taylor.
fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let power = (x / LN_2).floor();
    let rest = x - power * LN_2;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..=18 {
        term *= rest / f64::from(n);
        sum += term;
    }
    sum * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of xoshiro256** for the state [1, 2, 3, 4], from its authors' reference code.
    #[test]
    fn agrees_with_the_reference() {
        let mut random = Random { seed: 0, state: [1, 2, 3, 4] };
        let drawn: Vec<u64> = (0..4).map(|_| random.next_u64()).collect();
        assert_eq!(drawn, [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn logarithm_and_exponential_agree_with_the_library() {
        for x in [1e-300, 1e-9, 0.1, 0.7, 1.0, 1.5, 2.0, 3.0, 1e6] {
            assert!((ln(x) - f64::ln(x)).abs() <= 1e-13 * f64::ln(x).abs().max(1.0), "{x}");
        }
        for x in [-600.0, -20.0, -1.0, -0.1, 0.0, 0.3, 5.0, 200.0] {
            assert!((exp(x) / f64::exp(x) - 1.0).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn counts_have_the_mean_and_the_spread_they_were_asked_for() {
        let mut random = Random::new(7);
        let drawn: Vec<f64> = (0..40_000).map(|_| random.count(6.0, 2.0) as f64).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 6.0).abs() < 0.1, "{mean}");
        // Negative binomial: mean + mean²/shape = 24.
        assert!((variance - 24.0).abs() < 1.0, "{variance}");
    }

    #[test]
    fn forks_depend_on_their_name_only() {
        let mut root = Random::new(1);
        let before = root.fork("a", 3).next_u64();
        root.next_u64();
        assert_eq!(root.fork("a", 3).next_u64(), before);
        assert_ne!(root.fork("a", 4).next_u64(), before);
        assert_ne!(root.fork("b", 3).next_u64(), before);
    }
}
