//! New records: somebody who reads people's data that he never touched before, more than he and his peers ever do.

use super::{Finding, Look, Spec, Window, count, manual, shown};
use crate::{
    alert::Severity,
    entity::{EntityState, HourState},
    seen::Seen,
    tail,
    watch::{NEW_RECORDS, NOVELTY, SHARE_STEP, STEPS},
};
use activity::{EntityKind, Record};

pub(super) const SPEC: Spec = Spec {
    name: "new_records",
    summary: "records that a person never touched before, many more than usual",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user or integration key that, within a day, touches many records (employees, customers, payroll runs) for the"
    "first time in weeks: far more than this person and people of the same role do."
    ""
    "## Why"
    "Work returns to the same people: a manager to his team, a clerk to his part of the company. Whoever collects data moves"
    "on to the next record each time. So the number of *new* records tells theft from busy days, where volumes cannot: a"
    "manager who reads 98 strangers makes no more requests than on any Monday."
    ""
    "## Example"
    "`u0175 touched 98 records never touched before, in 1 day; 0.3 is usual for this manager, the most of late was 1`"
    ""
    "## How"
    "Records are named by conditions on id columns in statements (`employee_id = 7`). Each person has a memory of the"
    "records of the last one to two months (exact up to 256, then a bitmap, whose known share of errors is made good on average);"
    "the person's own record does not count."
    "Of the day's number of new records, x, the ratio (x + 1) / (m + 1) to the person's mean m (shrunk towards the peers')"
    "is compared with the ratios of all days of the peers, the tail beyond their greatest extrapolated by a power law; and x"
    "with the person's own greatest. The geometric mean of both probabilities counts, by the length of the person's"
    "history. Of days with many records the share that is new is judged as well, by Student's t of its logit: it varies less than the"
    "number. The smaller of both (divided by 0.8 and 0.2, for two looks) must be below the share of the budget divided by the"
    "person-days of a week: one test per person and day. The spread of that logit is shrunk towards the peers', whose greatest"
    "step counts as well, extrapolated: the geometric mean. In periods in which the calendar expects more, m counts"
    "√(calendar_widening) times as large. One who has been paged for it is paged again within two weeks only if it becomes a"
    "thousand times less probable, or once a person has given a verdict on it: a new duty is told once."
    ""
    "## What it misses"
    "Records that no literal names: lists, searches, exports (see `volume`). Whoever reads only what his work needs anyway."
    "The first days of a new user, in which everything is new. New duties look the same: somebody should know of them."
    ""
    "## Settings"
    "`new_records.least` (records), `first_seen.known_after_days` (days), `volume.tail_index`, `volume.calendar_widening`"
    "(factor), `shares.new_records` (part of the budget)."
    ""
    "## Reference"
    "Good, Biometrika 40 (1953), 237 (the chance of something new). MITRE ATT&CK T1213, T1119, T1530."
};

/// Weight of own days at which the own history and the peers' count the same.
const TRUST: f64 = 20.0;

/// Days of peers below which they say nothing.
const PEER_DAYS_MIN: f64 = 40.0;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if !is_judged(look.kind()) || look.hour.tally.records.is_empty() {
        return;
    }
    let (fresh, records) = of_day(look);
    let x = fresh as f64;
    let usual = usual(look);
    // Whose colleagues meet more on any day does nothing unusual, however few own days there are to say so.
    if x < (look.settings.new_records.least as f64).max(usual.mean) || !(is_settled(look) || look.drill()) {
        return;
    }
    let most = f64::from(look.baseline.news.max);
    // A share also falls while the hour goes on: it is known when the hour is over.
    let sure = if !look.closing && is_sampled(look) { x * SAMPLED_LEAST } else { x };
    let by_number = p_of_number(look, sure, &usual) / BY_NUMBER;
    let by_share = if look.closing { p_of_share(look, fresh, records) / (1.0 - BY_NUMBER) } else { 1.0 };
    // Two looks at one day, by Bonferroni with weights.
    let p = by_number.min(by_share).min(1.0);
    let bound = look.budget.daily(look.settings.shares.new_records, look.kind());
    let page = p <= look.page_bound(bound);
    let digest = look.closing && p <= (bound * look.settings.volume.digest_factor).min(1e-2);
    if !page && !digest {
        return;
    }
    let tables: Vec<String> = look.hour.tally.tables.iter().take(3).map(|(_, table)| shown(table)).collect();
    let tables = if tables.is_empty() { String::new() } else { format!(", of late in {}", tables.join(", ")) };
    let usually = if by_share < by_number {
        let usual = 100.0 / (1.0 + (-f64::from(look.baseline.share.mean)).exp());
        format!("that is {:.0} % of all it touched, {usual:.0} % is usual", 100.0 * x / records.max(1) as f64)
    } else {
        format!("{} is usual{}, the most of late was {}", count(usual.mean), look.for_role(), count(most))
    };
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: x,
        expected: usual.mean,
        unit: "records",
        p_value: Some(p),
        why: format!(
            "{} touched {} records never touched before, in 1 day{tables}; {usually}",
            shown(&look.entity.key.id),
            count(x),
        ),
        affected_records: x as u64,
        attack: &["T1213", "T1119"],
    });
}

/// Who is judged: who asks for records by name.
pub(crate) fn is_judged(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::PortalUser | EntityKind::IntegrationKey)
}

struct Usual {
    mean: f64,
    widening: f64,
}

/// New records of one of this person's days.
fn usual(look: &Look<'_>) -> Usual {
    let peers = look.peers.and_then(|peers| peers.cells[NEW_RECORDS].as_ref());
    // In busy times people do more, and mostly with records they know.
    let widening = if look.busy { look.settings.volume.calendar_widening.sqrt() } else { 1.0 };
    Usual { mean: look.baseline.news.mean(peers.map_or(1.0, |peers| peers.mean)) * widening, widening }
}

/// New records of an hour, as known two hours before it: exact, or beyond [`tally::limits::RECORDS_MAX`] estimated from a sample.
/// The estimate may be some per cent below what was known of a part of the hour, so before the hour is over less is made of it (see
/// [`SAMPLED_LEAST`]). An exact count would take a set of any size in every tally. Of who has touched
/// many the number is estimated likewise: see [`crate::seen`].
pub(crate) fn fresh(entity: &EntityState, hour: &HourState, employee: Option<u64>) -> u64 {
    let records = &hour.tally.records;
    let seen = entity.seen(hour.hour - 2);
    let n = records.iter().filter(|record| is_fresh(&seen, *record, employee)).count();
    let sampled = if records.overflowed() { records.estimate() / records.len() as f64 } else { 1.0 };
    // Of the new ones the memory takes a known part for known.
    (n as f64 * sampled / (1.0 - seen.missed())).min(records.estimate()).round() as u64
}

/// Not touched before, and not the person's own.
fn is_fresh(seen: &Seen, record: Record, employee: Option<u64>) -> bool {
    let is_own = employee.is_some() && record.number() == employee;
    !is_own && !seen.contains(record)
}

/// Those among the records that the hour's tally holds which were not touched in an hour through `past`.
pub(super) fn fresh_records(
    entity: &EntityState,
    hour: &HourState,
    past: i64,
    employee: Option<u64>,
) -> impl Iterator<Item = Record> {
    let seen = entity.seen(past);
    hour.tally.records.iter().filter(move |record| is_fresh(&seen, *record, employee))
}

/// New records and all records of the day so far, up to and with this hour; of a drill, whose shadow may be judged before its
/// earlier hours are over, those of the hour.
pub(super) fn of_day(look: &Look<'_>) -> (u64, u64) {
    let of_hour = |state: &HourState| (fresh(look.entity, state, look.employee), state.tally.records.estimate() as u64);
    if look.drill() {
        return of_hour(look.hour);
    }
    let day = look.hour.hour.div_euclid(24);
    let closed = look.entity.days.iter().find(|state| state.day == day);
    let closed = closed.map_or((0, 0), |state| (state.fresh, state.records));
    let open = look.entity.open_of_day(day, look.hour.hour).chain([look.hour]);
    open.map(of_hour)
        .fold(closed, |(news, all), (more_news, more)| (news.saturating_add(more_news), all.saturating_add(more)))
}

/// An hour of the day that is not over has more records than are held.
fn is_sampled(look: &Look<'_>) -> bool {
    let day = look.hour.hour.div_euclid(24);
    look.entity.open_of_day(day, look.hour.hour).chain([look.hour]).any(|state| state.tally.records.overflowed())
}

/// What is left of an estimate three standard errors below it (6.3 % each, see [`tally::Records::estimate`]): a page that fires early from
/// a sample is one that the whole hour raises as well, but for one in a thousand that lie that near to the bound.
const SAMPLED_LEAST: f64 = 1.0 - 3.0 * 0.063;

/// By the number: against the person's own greatest, and against the ratios of the peers' days.
fn p_of_number(look: &Look<'_>, x: f64, usual: &Usual) -> f64 {
    let alpha = look.settings.volume.tail_index;
    let n = f64::from(look.baseline.news.n);
    let most = f64::from(look.baseline.news.max);
    // Who has hardly a history has no greatest yet: then what is usual of the peers takes its place.
    let own = tail::beyond_maximum(x + 1.0, (most.max(usual.mean / usual.widening) + 1.0) * usual.widening, n, alpha);
    let peers = look.peers.and_then(|peers| peers.cells[NOVELTY].as_ref()).filter(|cell| cell.n >= PEER_DAYS_MIN);
    let Some(peers) = peers else { return own };
    let others = peers.survival(eighths((x + 1.0) / (usual.mean + 1.0)) as f64, alpha);
    let weight = n / (n + TRUST);
    (weight * own.ln() + (1.0 - weight) * others.ln()).exp()
}

/// By the share of the day's records that is new, for who touches many: Student's t of its logit against its latest mean (the
/// share falls while the memory fills), and by the peers' steps, the tail beyond their greatest extrapolated: the geometric mean.
///
/// The spread is the person's own, shrunk towards that of the peers' steps (an empirical Bayes prior: with a fixed one of
/// [`SHARE_SPREAD`], as was tried first, clerks whose share varies by a twentieth were judged as if it varied by a half), and never
/// below that of counts: 1/new + 1/known. It is that of steps upwards alone: while a memory fills, the share falls from day to
/// day, by as much as a theft makes it rise.
fn p_of_share(look: &Look<'_>, fresh: u64, records: u64) -> f64 {
    let Some(step) = step(look, fresh, records) else { return 1.0 };
    let peers =
        look.peers.and_then(|peers| peers.cells[SHARE_STEP].as_ref()).filter(|cell| cell.n >= SHARE_PEER_DAYS_MIN);
    let prior = peers.map_or(SHARE_SPREAD * SHARE_SPREAD, |peers| 2.0 * peers.square / (STEPS * STEPS));
    let trend = look.baseline.share;
    let n = f64::from(trend.n);
    let of_counts = 1.0 / (fresh as f64 + 0.5) + 1.0 / (records.saturating_sub(fresh) as f64 + 0.5);
    let variance = (n * f64::from(trend.variance) + SHARE_WEIGHT * prior) / (n + SHARE_WEIGHT);
    let spread = variance.max(of_counts).sqrt().max(STEP_LEAST);
    let own = tail::student(step / spread, n + SHARE_WEIGHT - 1.0);
    let Some(peers) = peers else { return own };
    let others = {
        let (x, most) = (STEPS * (step + STEP_LEAST), peers.max + STEPS * STEP_LEAST);
        tail::beyond_maximum(x, most, peers.n, look.settings.volume.tail_index)
    };
    (own * others).sqrt()
}

/// How far the logit of the day's share of new records lies above the person's latest mean, once there are as many as usual: in
/// the morning a share says little.
fn step(look: &Look<'_>, fresh: u64, records: u64) -> Option<f64> {
    let trend = look.baseline.share;
    let is_known = f64::from(trend.n) >= SHARE_DAYS_MIN;
    let is_day = records as f64 >= f64::from(look.baseline.records.mean);
    share(fresh, records).filter(|_| is_known && is_day).map(|share| share - f64::from(trend.mean))
}

/// The same of the day so far: what peers are compared by.
pub(crate) fn share_step(look: &Look<'_>) -> Option<f64> {
    if look.hour.tally.records.is_empty() || !is_judged(look.kind()) {
        return None;
    }
    let (fresh, records) = of_day(look);
    step(look, fresh, records)
}

/// The logit of the share of the day's records that was new; `None` for days with few.
pub(crate) fn share(fresh: u64, records: u64) -> Option<f64> {
    let (fresh, known) = (fresh as f64, records.saturating_sub(fresh) as f64);
    (records >= SHARE_RECORDS_MIN).then(|| ((fresh + 0.5) / (known + 0.5)).ln())
}

/// A day with fewer records has no share that says anything.
const SHARE_RECORDS_MIN: u64 = 40;
/// Days with a share before there is a usual one.
const SHARE_DAYS_MIN: f64 = 5.0;
/// Spread of the logit from day to day where nothing is known, and its weight in days.
const SHARE_SPREAD: f64 = 0.45;
const SHARE_WEIGHT: f64 = 15.0;
/// Days of peers with a share below which they say nothing of it: how few they are is in their extrapolation.
const SHARE_PEER_DAYS_MIN: f64 = 10.0;
/// Steps smaller than this are all alike: it is the least spread, and is added to both sides when peers' steps are extrapolated.
const STEP_LEAST: f64 = 0.1;
/// How the bound is divided between number and share.
const BY_NUMBER: f64 = 0.8;

/// The person is no newcomer.
pub(super) fn is_settled(look: &Look<'_>) -> bool {
    look.baseline.is_settled(look.hour.hour, look.settings.first_seen.known_after_days)
}

/// How many times the usual number it is, in eighths: what peers are compared by. 0 for an hour without records.
pub(crate) fn novelty(look: &Look<'_>) -> u64 {
    if !is_settled(look) || !is_judged(look.kind()) {
        return 0;
    }
    eighths((of_day(look).0 as f64 + 1.0) / (usual(look).mean + 1.0))
}

fn eighths(ratio: f64) -> u64 {
    (8.0 * ratio) as u64
}
