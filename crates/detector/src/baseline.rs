//! What is normal for one entity: level, spread, extremes, season. Learned from closed hours only.
//!
//! Per (metric, scale): decayed number, sum and sum of squares of the amounts in *active* hours (a hurdle model: whether
//! an entity does anything at all is the season's business, how much it then does is the level's), and the decayed
//! maximum. Season: 48 slots, hour of the day × (working day, weekend), one for all metrics. Beside them: how much is new to the entity.

use crate::detectors::{DRIFT_STREAMS, DriftEvidence};
use crate::limits::UNEXPLAINED_HOURS_MAX;
use crate::pace::Pace;
use crate::packed::packed;
use crate::watch::{Amounts, CELLS, METRICS_MAX, Scale, cell, metrics};
use activity::{EntityKind, HourOfWeek};
use tally::{Metric, Tally};

const SLOTS: usize = 48;

/// Who came so long ago is no newcomer, even if he comes rarely: hours since the first, and days of activity (forgotten by
/// half in three weeks).
const SETTLED_HOURS: i64 = 10 * 24;
const SETTLED_DAYS: f32 = 1.5;

/// Weeks and active hours before it is known when somebody never works, and the days on which it may have happened (they are
/// forgotten by half in three weeks, so this is one day and a little).
const NEVER_WEEKS: f32 = 1.7;
const NEVER_HOURS: f32 = 30.0;
const NEVER_DAYS: f32 = 1.2;

/// On two more days it may have happened as well, if they had less than is worth telling: those are nights in part. Two days weigh two
/// at most. With a little more, so that a third of some time ago counts as none, office hours of people who do little stay unusual for
/// weeks: half again as many false pages in one of two quiet worlds; without any limit, three times as many.
const FEW_DAYS: f32 = 2.05;
const NEVER_NIGHTS: f32 = 1.8;

#[derive(Clone, Debug)]
pub(crate) struct Baseline {
    /// `None` for kinds of which nothing is judged by how much they do.
    rhythm: Option<Box<Rhythm>>,
    /// Of a person, by hour of the day: nights with requests that are worth telling, those with fewer in part.
    nights: Option<Box<[f32; 24]>>,
    /// Weeks seen.
    weeks: f32,
    /// Active hours.
    pub(crate) hours: f32,
    /// Days with activity.
    pub(crate) days: f32,
    /// Most accounts that logged in within an hour that did not page; of an address.
    pub(crate) people: usize,
    /// Hours of an application host in which every statement on classified data named a person, and in which some did not.
    pub(crate) named_hours: u32,
    pub(crate) unnamed_hours: u32,
    /// Unexplained hours that paged and were therefore not learned.
    excused: u32,
    /// Of a day: records touched for the first time; of the fleet: accounts tried by strangers. Days without count too.
    pub(crate) news: Level,
    /// Of a day: rows changed by statements that write account numbers; of a person at a table. Days without do not count.
    pub(crate) bank_rows: Level,
    /// Of a day with records: the longest walk through new ones, from the first day on.
    pub(crate) walk: Level,
    /// Of a day with lists: the deep pages of them that were turned.
    pub(crate) pages: Level,
    /// Of days with many records: the logit of the share that was new.
    pub(crate) share: Trend,
    /// Of the same days: the number of records.
    pub(crate) records: Trend,
    /// Evidence that amounts are too great day after day.
    pub(crate) drift: [DriftEvidence; DRIFT_STREAMS],
    /// The first hour learned.
    first: i32,
    /// Hours in which a new network, place, table was met.
    pub(crate) novel: [f32; 3],
    /// The hour through which this is decayed.
    through: i32,
    last_day: i32,
}

/// An hour or a day before all others.
const NEVER: i32 = i32::MIN;

/// Bytes on the heap at most.
pub(crate) const fn heap_bytes_max(kind: EntityKind) -> usize {
    let rhythm = if has_rhythm(kind) { size_of::<Rhythm>() } else { 0 };
    rhythm + if matches!(kind, EntityKind::PortalUser) { size_of::<[f32; 24]>() } else { 0 }
}

/// It is judged how much the kind does, or when.
const fn has_rhythm(kind: EntityKind) -> bool {
    !metrics(kind).is_empty() || matches!(kind, EntityKind::Source)
}

/// How much, and when.
#[derive(Clone, Debug)]
struct Rhythm {
    levels: [Level; CELLS],
    /// Active hours by slot.
    season: [f32; SLOTS],
}

/// Of who has none.
const NO_LEVEL: Level = Level { n: 0.0, sum: 0.0, squares: 0.0, max: 0.0 };

/// Moments and extreme of the active amounts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    pub(crate) n: f32,
    pub(crate) sum: f32,
    pub(crate) squares: f32,
    pub(crate) max: f32,
}

/// A value that moves slowly: its latest mean, and how far the next one was from it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trend {
    pub(crate) n: f32,
    pub(crate) mean: f32,
    /// Twice the mean square of the steps upwards, those downwards being counted as none: the variance, were both alike.
    pub(crate) variance: f32,
}

impl Trend {
    /// What part the latest value has in the mean, at least.
    const PART: f32 = 0.25;

    pub(crate) fn learn(&mut self, value: f32) {
        let step = value - self.mean;
        if self.n > 0.0 {
            let upwards = step.max(0.0);
            self.variance += (2.0 * upwards * upwards - self.variance) * Self::PART.max(1.0 / self.n);
        }
        self.mean += step * Self::PART.max(1.0 / (self.n + 1.0));
        self.n += 1.0;
    }
}

impl Default for Rhythm {
    fn default() -> Self {
        Rhythm { levels: [NO_LEVEL; CELLS], season: [0.0; SLOTS] }
    }
}

impl Baseline {
    /// Of a kind, with nothing learned.
    pub(crate) fn of(kind: EntityKind) -> Self {
        Baseline {
            rhythm: has_rhythm(kind).then(Box::default),
            nights: None,
            weeks: 0.0,
            hours: 0.0,
            days: 0.0,
            people: 0,
            named_hours: 0,
            unnamed_hours: 0,
            excused: 0,
            news: Level::default(),
            bank_rows: Level::default(),
            walk: Level::default(),
            pages: Level::default(),
            share: Trend::default(),
            records: Trend::default(),
            drift: [DriftEvidence::default(); DRIFT_STREAMS],
            first: NEVER,
            novel: [0.0; 3],
            through: NEVER,
            last_day: NEVER,
        }
    }
}

impl Baseline {
    /// Whether the statements of an hour named somebody. What paged is left out, up to a limit.
    /// True: it was left out.
    pub(crate) fn learn_names(&mut self, tally: &Tally, paged: bool) -> bool {
        let unnamed = tally.get(Metric::UnnamedStatements) > 0;
        let left_out = unnamed && paged && self.excused < UNEXPLAINED_HOURS_MAX;
        self.excused += u32::from(left_out);
        self.unnamed_hours += u32::from(unnamed && !left_out);
        self.named_hours += u32::from(!unnamed && tally.get(Metric::Statements) > 0);
        left_out
    }

    /// A person has judged an hour that was left out: it is expected, and learned, or it is a breach, and one more may be left out.
    pub(crate) fn judge_names(&mut self, expected: bool) {
        self.excused = self.excused.saturating_sub(1);
        self.unnamed_hours += u32::from(expected);
    }
}

/// Hours or days since 1970; those of the years beyond 246,000 count as one.
fn short(time: i64) -> i32 {
    time.clamp(i64::from(NEVER) + 1, i64::from(i32::MAX)) as i32
}

fn slot(hour: i64) -> usize {
    let of = HourOfWeek::of_hour(hour);
    usize::from(of.hour()) + if of.day() >= 5 { 24 } else { 0 }
}

impl Level {
    pub(crate) fn learn(&mut self, amount: u64) {
        let amount = amount as f32;
        self.n += 1.0;
        self.sum += amount;
        self.squares += amount * amount;
        self.max = self.max.max(amount);
    }

    /// Shape of a negative binomial, shrunk towards `prior` with the weight of ten active hours.
    pub(crate) fn shape(&self, prior: f64) -> f64 {
        let n = f64::from(self.n);
        if n < 2.0 {
            return prior;
        }
        let mean = f64::from(self.sum) / n;
        let variance = (f64::from(self.squares) / n - mean * mean).max(0.0);
        let own = if variance > mean { (mean * mean / (variance - mean)).clamp(0.05, 50.0) } else { 50.0 };
        ((n * own.ln() + 10.0 * prior.ln()) / (n + 10.0)).exp()
    }

    /// Mean amount of an active hour, shrunk towards `prior` with the weight of three.
    pub(crate) fn mean(&self, prior: f64) -> f64 {
        (f64::from(self.sum) + 3.0 * prior) / (f64::from(self.n) + 3.0)
    }
}

impl Baseline {
    /// Forgets by time passed; hours are handed in ascending.
    fn decay(&mut self, hour: i64, pace: &Pace) {
        let from = if self.through == NEVER { hour } else { i64::from(self.through) };
        let passed = (hour - from).max(0);
        self.through = short(hour);
        if passed == 0 {
            return;
        }
        let keep = pace.keep(from, hour) as f32;
        let rhythm = self.rhythm.as_deref_mut();
        let (levels, season) = rhythm.map(|rhythm| (&mut rhythm.levels, &mut rhythm.season)).unzip();
        let of_days = [&mut self.news, &mut self.bank_rows, &mut self.walk, &mut self.pages];
        for level in levels.into_iter().flatten().chain(of_days) {
            for part in [&mut level.n, &mut level.sum, &mut level.squares, &mut level.max] {
                *part *= keep;
            }
        }
        season.into_iter().flatten().for_each(|weight| *weight *= keep);
        self.nights.iter_mut().flat_map(|by_hour| by_hour.iter_mut()).for_each(|weight| *weight *= keep);
        self.novel.iter_mut().for_each(|weight| *weight *= keep);
        self.hours *= keep;
        self.days *= keep;
        self.weeks = self.weeks * keep + passed as f32 / HourOfWeek::COUNT as f32;
    }

    /// Learns that the entity was active in this hour, and with `amounts`, how much it did: (hour, busiest five minutes).
    pub(crate) fn learn_hour(
        &mut self,
        hour: i64,
        amounts: Option<(&Amounts, &Amounts)>,
        novel: [bool; 3],
        pace: &Pace,
    ) {
        self.decay(hour, pace);
        if self.first == NEVER {
            self.first = short(hour);
        }
        self.active_in(hour, 1.0);
        self.hours += 1.0;
        if short(hour.div_euclid(24)) != self.last_day {
            self.last_day = short(hour.div_euclid(24));
            self.days += 1.0;
        }
        for (weight, novel) in self.novel.iter_mut().zip(novel) {
            *weight += f32::from(u8::from(novel));
        }
        if let Some((whole, fives)) = amounts {
            self.learn_amounts(whole, fives);
        }
    }

    /// How much was done in an hour: whole, and in its busiest five minutes.
    pub(crate) fn learn_amounts(&mut self, whole: &Amounts, fives: &Amounts) {
        let Some(rhythm) = &mut self.rhythm else { return };
        for metric in 0..METRICS_MAX {
            if whole[metric] > 0 {
                rhythm.levels[cell(metric, Scale::Hour)].learn(whole[metric]);
                rhythm.levels[cell(metric, Scale::FiveMinutes)].learn(fives[metric]);
            }
        }
    }

    /// Learns in what share of the hour's minutes a source talked.
    pub(crate) fn learn_share(&mut self, hour: i64, share: f32, pace: &Pace) {
        self.decay(hour, pace);
        self.active_in(hour, share);
        self.hours += share;
        if short(hour.div_euclid(24)) != self.last_day {
            self.last_day = short(hour.div_euclid(24));
            self.days += 1.0;
        }
    }

    /// Enough is known of the entity for something new to mean something: so many days with activity, or some, over
    /// ten days and more.
    pub(crate) fn is_settled(&self, hour: i64, days: f64) -> bool {
        let long = self.first != NEVER && hour - i64::from(self.first) >= SETTLED_HOURS;
        f64::from(self.days) >= days || (long && self.days >= SETTLED_DAYS)
    }

    /// Learns what part of what is worth telling of a night was requested in an hour.
    pub(crate) fn learn_night(&mut self, hour: i64, part: f32) {
        if part > 0.0 {
            self.nights.get_or_insert_default()[hour.rem_euclid(24) as usize] += part.min(1.0);
        }
    }

    /// So much is known of the person that it means something to be active at that hour of the day: at it, and at the one before and
    /// after, the person was active on one day at most, or on no two with as much as is worth telling and on few with less. Days alone, as was tried first, made an hour usual by one request on each of two nights.
    pub(crate) fn never_at(&self, hour: i64) -> bool {
        let at = hour.rem_euclid(24) as usize;
        let around = [at + 23, at, at + 1].map(|at| at % 24);
        let most = |of: &dyn Fn(usize) -> f32| around.iter().map(|at| of(*at)).fold(0.0, f32::max);
        let days = most(&|at| self.season(at).max(self.season(at + 24)));
        let nights = most(&|at| self.nights.as_ref().map_or(0.0, |nights| nights[at]));
        let is_known = self.weeks >= NEVER_WEEKS && self.hours >= NEVER_HOURS;
        is_known && (days <= NEVER_DAYS || (nights < NEVER_NIGHTS && days - nights <= FEW_DAYS))
    }

    pub(crate) fn learn_day(&mut self, amounts: &Amounts) {
        let Some(rhythm) = &mut self.rhythm else { return };
        for (metric, amount) in amounts.iter().enumerate() {
            if *amount > 0 {
                rhythm.levels[cell(metric, Scale::Day)].learn(*amount);
            }
        }
    }

    /// Probability that the entity is active in this hour: its own share of such hours, shrunk towards its overall one.
    pub(crate) fn active(&self, hour: i64) -> f64 {
        let weeks = f64::from(self.weeks).max(1.0 / 24.0);
        let overall = ((f64::from(self.hours) + 1.0) / (weeks * HourOfWeek::COUNT as f64 + 4.0)).min(1.0);
        let slot = slot(hour);
        let chances = weeks * if slot < 24 { 5.0 } else { 2.0 };
        ((f64::from(self.season(slot)) + 2.0 * overall) / (chances + 2.0)).min(1.0)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.nights.as_deref().map_or(0, size_of_val) + self.rhythm.as_deref().map_or(0, size_of_val)
    }

    pub(crate) fn level(&self, metric: usize, scale: Scale) -> &Level {
        self.rhythm.as_deref().map_or(&NO_LEVEL, |rhythm| &rhythm.levels[cell(metric, scale)])
    }

    fn season(&self, slot: usize) -> f32 {
        self.rhythm.as_deref().map_or(0.0, |rhythm| rhythm.season[slot])
    }

    fn active_in(&mut self, hour: i64, share: f32) {
        if let Some(rhythm) = &mut self.rhythm {
            rhythm.season[slot(hour)] += share;
        }
    }
}

packed!(Baseline {
    rhythm,
    nights,
    weeks,
    hours,
    days,
    people,
    named_hours,
    unnamed_hours,
    excused,
    news,
    bank_rows,
    walk,
    pages,
    share,
    records,
    drift,
    first,
    novel,
    through,
    last_day
});
packed!(Rhythm { levels, season });
packed!(Level { n, sum, squares, max });
packed!(Trend { n, mean, variance });

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::of_days(21.0)
    }

    fn office(weeks: i64) -> Baseline {
        let mut baseline = Baseline::of(EntityKind::PortalUser);
        for day in 0..weeks * 7 {
            // 1970-01-05 was a Monday.
            let day = day + 4;
            if HourOfWeek::of_hour(day * 24).day() < 5 {
                for hour in 9..17 {
                    let amounts = [10 + (day % 3) as u64, 0, 0, 0];
                    baseline.learn_hour(day * 24 + hour, Some((&amounts, &amounts)), [false; 3], &pace());
                }
                baseline.learn_day(&[88, 0, 0, 0]);
            }
        }
        baseline
    }

    #[test]
    fn learns_when_and_how_much() {
        let baseline = office(4);
        let monday = (4 + 28) * 24;
        assert!(baseline.active(monday + 10) > 0.8);
        assert!(baseline.active(monday + 3) < 0.1);
        assert!(baseline.active(monday + 5 * 24 + 10) < 0.15, "Saturday");
        let level = baseline.level(0, Scale::Hour);
        assert!((level.mean(0.0) - 11.0).abs() < 0.7 && level.max > 8.0, "{level:?}");
        assert!(baseline.level(0, Scale::Day).max > 60.0);
        assert_eq!(baseline.level(1, Scale::Hour).n, 0.0);
    }

    #[test]
    fn an_hour_is_usual_by_what_is_done_in_it_and_not_by_two_visits() {
        let monday = (4 + 21) * 24;
        let with = |nights: i64, requests: u64| {
            let mut baseline = office(3);
            for night in 0..nights {
                let hour = monday + night * 24 + 3;
                baseline.learn_hour(hour, None, [false; 3], &pace());
                baseline.learn_night(hour, requests as f32 / 12.0);
            }
            baseline.never_at(monday + nights * 24 + 3)
        };
        assert!(with(1, 500), "one night is none");
        assert!(with(2, 1) && with(2, 8), "two with little are not two");
        assert!(!with(2, 12), "two nights with the least that is told");
        assert!(!with(3, 1), "whoever is there now and then");
    }

    #[test]
    fn forgets_by_half() {
        let mut baseline = office(4);
        let before = baseline.level(0, Scale::Hour).n;
        let through = i64::from(baseline.through);
        baseline.decay(through + 21 * 24, &pace());
        assert!((baseline.level(0, Scale::Hour).n / before - 0.5).abs() < 1e-4);
    }

    #[test]
    fn unknown_entities_lean_on_their_peers() {
        let fresh = Baseline::of(EntityKind::PortalUser);
        assert_eq!(fresh.level(0, Scale::Hour).mean(40.0), 40.0);
        assert_eq!(fresh.level(0, Scale::Hour).shape(2.5), 2.5);
    }
}
