//! Tail probabilities: how improbable is so much?
//!
//! Two views, and the *larger* p-value counts. The model's (negative binomial) alone is wrong under shared shifts: its
//! tail falls exponentially and gives 1e-29 where reality shows it twenty times a week. The empirical one, the past
//! maximum extrapolated by a power law, is modest and grows honest with history.

use statrs::function::{beta::beta_reg, gamma::gamma_ur};

/// P(X ≥ x) of a negative binomial with this mean and shape r (variance = mean + mean² / r).
///
/// For x up to 1000 by the regularised incomplete beta function, I_{μ/(r+μ)}(x, r) (Johnson, Kemp, Kotz 2005, §5.6);
/// beyond, where its continued fraction converges slowly, by the gamma distribution it tends to.
pub(crate) fn negative_binomial(x: f64, mean: f64, shape: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let (mean, shape) = (mean.max(1e-9), shape.clamp(0.05, 1e6));
    let exact = beta_reg(x.min(1000.0), shape, mean / (shape + mean));
    // Never above what 1000 has: the whole must fall with x, or an early alert could be one that the full hour is not.
    let p = if x <= 1000.0 { exact } else { exact.min(gamma_ur(shape, x * shape / mean)) };
    if p.is_finite() { p.clamp(f64::MIN_POSITIVE, 1.0) } else { 1.0 }
}

/// P(the next of `n` + 1 exchangeable values exceeds x), where the greatest of the `n` was `max`: 1/(n+1) at the maximum by
/// symmetry, falling beyond it as a power law with index `alpha`.
pub(crate) fn beyond_maximum(x: f64, max: f64, n: f64, alpha: f64) -> f64 {
    let ratio = x / max.max(1.0);
    if ratio <= 1.0 { 1.0 } else { (ratio.powf(-alpha) / (n.max(0.0) + 1.0)).clamp(f64::MIN_POSITIVE, 1.0) }
}

/// P(T ≥ t) of Student's t with so many degrees of freedom: I_{ν/(ν+t²)}(ν/2, 1/2) / 2 (Johnson, Kotz, Balakrishnan 1995, ch. 28).
pub(crate) fn student(t: f64, freedom: f64) -> f64 {
    if t <= 0.0 || !t.is_finite() {
        return if t.is_finite() { 1.0 - 0.5 * beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)) } else { 1.0 };
    }
    (0.5 * beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t))).clamp(f64::MIN_POSITIVE, 1.0)
}

/// Half octaves: 2·⌊log2 x⌋, one more if x is at least √2 times that power of two. Exact in integers. 0 for x ≤ 1.
pub(crate) fn half_octave(x: u64) -> u8 {
    let octave = x.max(1).ilog2();
    let square = u128::from(x) * u128::from(x);
    2 * octave as u8 + u8::from(square >> (2 * octave + 1) >= 1)
}

/// The least value beyond a half octave.
pub(crate) fn half_octave_end(bin: u8) -> f64 {
    f64::from(bin).mul_add(0.5, 0.5).exp2()
}

/// Number of half octaves of a `u64`.
pub(crate) const HALF_OCTAVES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// By summing the probabilities themselves.
    fn summed(x: u64, mean: f64, shape: f64) -> f64 {
        let p = shape / (shape + mean);
        let mut probability = p.powf(shape);
        let mut below = 0.0;
        for k in 0..x {
            below += probability;
            probability *= (shape + k as f64) / (k as f64 + 1.0) * (1.0 - p);
        }
        1.0 - below
    }

    #[test]
    fn agrees_with_the_sum_of_its_probabilities() {
        for (x, mean, shape) in [(1, 0.3, 0.5), (5, 2.0, 1.0), (40, 12.4, 3.0), (90, 60.0, 8.0), (300, 100.0, 1.5)] {
            let (ours, theirs) = (negative_binomial(x as f64, mean, shape), summed(x, mean, shape));
            assert!((ours / theirs - 1.0).abs() < 1e-6, "{x} {mean} {shape}: {ours} {theirs}");
        }
    }

    #[test]
    fn the_two_forms_meet_and_both_fall() {
        let (below, above) = (negative_binomial(1000.0, 150.0, 2.0), negative_binomial(1001.0, 150.0, 2.0));
        assert!((below / above - 1.0).abs() < 0.1, "{below} {above}");
        assert!(negative_binomial(1e9, 1.0, 1.0) >= f64::MIN_POSITIVE);
        assert_eq!(negative_binomial(0.0, 5.0, 1.0), 1.0);
    }

    #[test]
    fn student_agrees_with_tables() {
        for (t, freedom, p) in [(2.228, 10.0, 0.025), (4.144, 10.0, 0.001), (0.0, 5.0, 0.5), (-2.228, 10.0, 0.975)] {
            assert!((student(t, freedom) - p).abs() < 2e-5, "{t} {freedom}: {}", student(t, freedom));
        }
    }

    #[test]
    fn beyond_the_maximum_it_falls_as_a_power() {
        assert_eq!(beyond_maximum(10.0, 10.0, 99.0, 4.0), 1.0);
        assert!((beyond_maximum(100.0, 10.0, 99.0, 4.0) / 1e-6 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn half_octaves_hold_what_they_say() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 8].map(half_octave), [0, 0, 2, 3, 4, 4, 5, 6]);
        for x in [1u64, 7, 100, 1448, 1449, 123_456_789, u64::MAX] {
            let bin = half_octave(x);
            assert!((bin as usize) < HALF_OCTAVES && (x as f64) <= half_octave_end(bin) * 1.0001);
            assert!(bin == 0 || x as f64 >= half_octave_end(bin - 1) * 0.9999);
        }
    }
}
