//! Drift: somewhat more than usual, day after day.
//!
//! A Shiryaev-Roberts e-detector (Shin, Ramdas, Rinaldo 2022) over days: with L the likelihood ratio of a day's amount between
//! ρ times the usual and the usual, M ← (M + 1) L. If the model holds, E[M] grows by at most 1 a day, so that M reaches c on
//! average not before c days, whatever the dependence between people: the bound of a daily test, as in [`crate::budget`], is 1/c.
//! Two ratios are tried, each with half the weight. A day's amount so far counts at once: L grows with it, so an early alert is
//! one that the whole day raises.
//!
//! The model is a negative binomial whose mean is the person's own, shrunk towards the peers'; it is *frozen* while there is
//! evidence, so that who takes a little more each week does not raise the mean he is measured by. What it cost: days of the week are
//! not told apart (the shape absorbs it), and a lasting change of duties is reported once.
//!
//! Requests are for the digest alone: whole days of them are not independent (a campaign, a colleague's absence, a new duty keep
//! somebody busy for a week), and on worlds of other companies they brought six false pages in twelve weeks and no attack. Of records
//! that are new to a person that holds less: work comes back to the same people.
//!
//! A CUSUM, max(0, S + ln L), was the alternative: as fast, but its false-alarm rate has to be simulated for every shape.

use super::{Finding, Look, Spec, Window, count, digest_bound, manual, new_records, shown};
use crate::{
    alert::Severity,
    baseline::Level,
    packed::packed,
    watch::{Amounts, NEW_RECORDS, Scale, cell},
};
use activity::EntityKind;

pub(super) const SPEC: Spec =
    Spec { name: "drift", summary: "somewhat more than usual, on several days in a row", manual: MANUAL, judge };

const MANUAL: &str = manual! {
    "## What it notices"
    "A person or integration key that on three days or more makes more requests for classified data, or touches more records for"
    "the first time, than usual: each day unremarkable, together not."
    ""
    "## Why"
    "Who knows that volumes are watched takes a little more each day, or doubles the work of two days."
    ""
    "## Example"
    "`u0012 made 212 requests for classified data in 1 day, and more than usual for 4 days; 80 is usual for this hradmin`"
    ""
    "## How"
    "The evidence M of each day is multiplied by how much more probable its amount is at 1.5 and at 3 times the usual (a"
    "negative binomial; one day counts at most e⁵), and starts anew at 1 every day: M ← (M + 1) L. It pages when 1/M falls below the share of"
    "the budget divided by the person-days of a week, on the third such day at the earliest, and not of who was"
    "reported for something new in the last two weeks. Requests are listed in the digest and do not page. The usual is the person's mean, times what the calendar and the peers' shared"
    "shift of the day explain, and stays fixed while there is evidence."
    ""
    "## What it misses"
    "Less than about half as much again: at a budget of a few pages a week a drip of 1.5 times the usual needs two months to be"
    "certain. The first days of a new user."
    ""
    "## Settings"
    "`shares.drift` (part of the budget), `volume.calendar_widening` (factor)."
    ""
    "## Reference"
    "Shin, Ramdas, Rinaldo: E-detectors (2022). Höhle, Paul: Count data regression charts, CSDA 52 (2008). MITRE ATT&CK T1213, T1030."
};

/// What is watched.
pub(crate) const STREAMS: usize = 2;
const REQUESTS: usize = 0;
const RECORDS: usize = 1;

/// Place of the requests for classified data among the metrics of people and keys.
const REQUESTS_METRIC: usize = 1;

/// How many times the usual.
const RATIOS: [f64; 2] = [1.5, 3.0];
/// What one day counts at most, as the logarithm of a likelihood ratio: a single great day is what `volume` is for.
const DAY_MAX: f64 = 5.0;
/// No one is taken to be more regular than this shape: it is estimated from a few weeks.
const SHAPE_MAX: f64 = 6.0;
/// Days of history before there is a usual amount.
const DAYS_MIN: f32 = 3.0;
/// Shape where few days are known: those of one person, which vary less than those of all peers together.
const SHAPE_PRIOR: f64 = 3.0;
/// Less than this is not reckoned with: where nothing is usual, a few say nothing (`new_records` judges those).
const MEAN_MIN: f64 = 0.25;
/// Days with more than usual before somebody is told.
const PAGE_DAYS: u16 = 3;
/// Evidence from which on the mean is frozen.
const FREEZE: f32 = 2.0;

/// The day's amounts that are watched, by stream.
pub(crate) fn streams(amounts: &Amounts, fresh: u64) -> [u64; STREAMS] {
    [amounts[REQUESTS_METRIC], fresh]
}

/// What is usual on a day, of one stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Norm {
    /// As the person's own history has it.
    mean: f64,
    /// By how much calendar and peers explain more.
    factor: f64,
    shape: f64,
}

/// Evidence of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    by_ratio: [f32; RATIOS.len()],
    /// The mean when it began.
    mean: f32,
    /// Days on which it grew, since it began.
    days: u16,
}

impl Evidence {
    fn total(&self) -> f32 {
        self.by_ratio.iter().sum::<f32>() / RATIOS.len() as f32
    }

    /// With one more day.
    fn with(&self, amount: f64, norm: Norm) -> Evidence {
        let frozen = self.total() >= FREEZE;
        let mean = if frozen { f64::from(self.mean).min(norm.mean) } else { norm.mean };
        let mut next = Evidence { mean: mean as f32, ..*self };
        for (evidence, ratio) in next.by_ratio.iter_mut().zip(RATIOS) {
            let l = likelihood_ratio(amount, mean * norm.factor, norm.shape, ratio).min(DAY_MAX).exp();
            *evidence = ((f64::from(*evidence) + 1.0) * l).min(1e30) as f32;
        }
        // A day off between two does not begin anew; evidence that is gone does.
        next.days = match next.total() {
            total if total > self.total() => self.days.saturating_add(1),
            total if total < FREEZE => 0,
            _ => self.days,
        };
        next
    }

    /// Learns a day that is over; one that was paged starts anew.
    pub(crate) fn learn(&mut self, amount: u64, norm: Norm, was_paged: bool) {
        *self = if was_paged { Evidence::default() } else { self.with(amount as f64, norm) };
    }
}

/// ln of P(x | ρμ) / P(x | μ), both negative binomial with shape k: x ln ρ − (x + k) ln((ρμ + k) / (μ + k)). Grows with x.
fn likelihood_ratio(x: f64, mean: f64, shape: f64, ratio: f64) -> f64 {
    let mean = mean.max(0.05);
    x * ratio.ln() - (x + shape) * ((ratio * mean + shape) / (mean + shape)).ln()
}

/// What is usual of this entity today; `None` for streams of which nothing is known.
pub(crate) fn norms(look: &Look<'_>) -> [Option<Norm>; STREAMS] {
    if !new_records::is_judged(look.kind()) || look.drill() {
        return [None; STREAMS];
    }
    let peers = |cell: usize| look.peers.and_then(|peers| peers.cells[cell].as_ref());
    // Of a role with five people, one alone would be a shared shift.
    let shared = |cell: usize| look.everyone.and_then(|peers| peers.cells[cell].as_ref());
    let norm = |level: &Level, cell: usize, widening: f64| {
        let usual = peers(cell);
        (level.n >= DAYS_MIN).then(|| Norm {
            mean: level.mean(usual.map_or(1.0, |usual| usual.mean)).max(MEAN_MIN),
            factor: widening * shared(cell).map_or(1.0, |usual| usual.shift),
            shape: level.shape(SHAPE_PRIOR).min(SHAPE_MAX),
        })
    };
    let widening = if look.busy { look.settings.volume.calendar_widening } else { 1.0 };
    let day = cell(REQUESTS_METRIC, Scale::Day);
    [
        norm(look.baseline.level(REQUESTS_METRIC, Scale::Day), day, widening),
        norm(&look.baseline.news, NEW_RECORDS, widening),
    ]
}

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if !new_records::is_judged(look.kind()) || look.drill() {
        return;
    }
    let bound = look.budget.daily(look.settings.shares.drift, look.kind());
    for (stream, norm) in norms(look).into_iter().enumerate() {
        let Some(norm) = norm else { continue };
        // Nothing that a single day could not do alone, of who has no evidence behind him.
        let before = look.baseline.drift[stream];
        if before.total() < DAY_MAX as f32 {
            continue;
        }
        let amount = streams(&look.entity.day_amounts(look.hour.hour), new_records::of_day(look).0)[stream];
        if (stream == REQUESTS && amount < REQUESTS_LEAST)
            || (stream == RECORDS && amount < look.settings.new_records.least)
        {
            continue;
        }
        let now = before.with(amount as f64, norm);
        let p = 1.0 / f64::from(now.total().max(1.0));
        // Of who has just been reported for something new this is the same news.
        let page = stream == RECORDS && now.days >= PAGE_DAYS && p <= bound && !look.told;
        let digest = look.closing && now.days >= 2 && p <= digest_bound(bound);
        if page || digest {
            found.push(finding(look, stream, (amount as f64, f64::from(now.mean) * norm.factor), (p, now.days), page));
        }
    }
}

fn finding(look: &Look<'_>, stream: usize, (amount, mean): (f64, f64), (p, days): (f64, u16), page: bool) -> Finding {
    let (did, unit) = match stream {
        REQUESTS => ("requests for classified data", "requests"),
        _ => ("records never touched before", "records"),
    };
    let role = look.for_role();
    let verb = if stream == REQUESTS { "made" } else { "touched" };
    Finding {
        window: Window::Day,
        page,
        severity: match (page, look.kind()) {
            (false, _) => Severity::Low,
            (true, EntityKind::IntegrationKey) => Severity::Medium,
            (true, _) => Severity::High,
        },
        observed: amount,
        expected: mean,
        unit,
        p_value: Some(p),
        why: format!(
            "{} {verb} {} {did} in 1 day, and more than usual for {days} days; {} is usual{role}",
            shown(&look.entity.key.id),
            count(amount),
            count(mean),
        ),
        affected_records: amount as u64,
        attack: &["T1213", "T1030"],
    }
}

/// Requests of a day below which nobody is told.
const REQUESTS_LEAST: u64 = 20;

packed!(Norm { mean, factor, shape });
packed!(Evidence { by_ratio, mean, days });

#[cfg(test)]
mod tests {
    use super::*;

    const NORM: Norm = Norm { mean: 40.0, factor: 1.0, shape: 4.0 };

    #[test]
    fn the_ratio_has_mean_one_under_the_usual() {
        // Summed over the probabilities of a negative binomial.
        for ratio in RATIOS {
            let (mean, shape) = (12.0_f64, 4.0_f64);
            let mut probability = (shape / (shape + mean)).powf(shape);
            let mut sum = 0.0;
            for x in 0..2000 {
                sum += probability * likelihood_ratio(f64::from(x), mean, shape, ratio).exp();
                probability *= (shape + f64::from(x)) / (f64::from(x) + 1.0) * mean / (shape + mean);
            }
            assert!((sum - 1.0).abs() < 1e-6, "{ratio}: {sum}");
        }
    }

    /// E[L] of one day, each ratio capped as it is, when the truth is a negative binomial of another shape than supposed.
    fn growth(mean: f64, (supposed, truth): (f64, f64)) -> f64 {
        let norm = Norm { mean, factor: 1.0, shape: supposed };
        let mut ln = truth * (truth / (truth + mean)).ln();
        let mut sum = 0.0;
        for x in 0..20_000 {
            // From nothing, M is L itself.
            sum += ln.exp() * f64::from(Evidence::default().with(f64::from(x), norm).total());
            ln += ((truth + f64::from(x)) / (f64::from(x) + 1.0) * mean / (truth + mean)).ln();
        }
        sum
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        /// So E[M] grows by at most one a day, whatever the mean and the shape; and also if people are more regular than supposed.
        #[test]
        fn evidence_has_mean_one_at_most(ln_mean in -1.3..5.5_f64, ln_shape in -0.7..1.8_f64, regular in 1.0..4.0_f64) {
            let (mean, shape) = (ln_mean.exp(), ln_shape.exp());
            let exact = growth(mean, (shape, shape));
            proptest::prop_assert!(exact <= 1.0 + 1e-5, "{exact}");
            let regular = growth(mean, (shape, shape * regular));
            proptest::prop_assert!(regular <= 1.0 + 1e-5, "{regular}");
        }
    }

    /// Somebody who is wilder than his estimated shape: what the bound of a page is then too small by, each day. The cap of a day
    /// keeps it finite.
    #[test]
    fn who_is_wilder_than_supposed_has_evidence_of_a_known_mean() {
        for (truth, most) in [(4.0, WILDER[0]), (3.0, WILDER[1]), (1.5, WILDER[2])] {
            let growth =
                [2.0, 20.0, 200.0].map(|mean| growth(mean, (SHAPE_MAX, truth))).into_iter().fold(0.0, f64::max);
            assert!(growth <= most, "{truth}: {growth}");
        }
    }

    const WILDER: [f64; 3] = [1.42, 2.3, 6.0];

    #[test]
    fn grows_with_days_of_more_and_falls_with_usual_ones() {
        let mut evidence = Evidence::default();
        (0..20).for_each(|day| evidence.learn(30 + day % 3 * 10, NORM, false));
        assert!(evidence.total() < 20.0, "{evidence:?}");
        (0..4).for_each(|_| evidence.learn(130, NORM, false));
        assert!(evidence.total() > 1e4 && evidence.days >= 4, "{evidence:?}");
        let before = evidence.total();
        evidence.learn(20, NORM, false);
        assert!(evidence.total() < before / 5.0 && evidence.days >= 4);
        evidence.learn(130, NORM, true);
        assert_eq!(evidence.total(), 0.0);
    }

    #[test]
    fn the_mean_is_frozen_while_there_is_evidence() {
        let mut slow = Evidence::default();
        for day in 0..12 {
            // The mean follows what is done, as a baseline does that learns every day.
            slow.learn(100, Norm { mean: 40.0 + 5.0 * f64::from(day), ..NORM }, false);
        }
        assert!(slow.mean < 60.0 && slow.total() > 1e3, "{slow:?}");
    }

    #[test]
    fn one_day_alone_is_never_enough() {
        let one = Evidence::default().with(1e6, NORM);
        assert!(one.total() <= 150.0);
    }
}
