//! Volume: far more than usual, of rows, statements, requests or bytes.

use super::{Finding, Look, Spec, Window, count, manual, shown, unexplained::candidates};
use crate::{
    alert::Severity,
    tail,
    watch::{Amounts, CELLS, Scale, amounts, cell, metrics},
};
use activity::{EntityKind, HourOfWeek};
use tally::Metric;

pub(super) const SPEC: Spec =
    Spec { name: "volume", summary: "far more rows, statements, requests or bytes than usual", manual: MANUAL, judge };

const MANUAL: &str = manual! {
    "## What it notices"
    "An entity (portal user, user × table, table, database account, application host, address) that does far more in"
    "five minutes, an hour or a day than it and its peers ever did."
    ""
    "## Why"
    "Whoever takes data takes more of it than work needs. Rows of HR tables are the measure closest to the harm."
    ""
    "## Example"
    "`u0192 read 35,352 rows in 1 h; 24 is usual for hr_clerk on Wednesday 15:00, the most of late was 210`"
    ""
    "## How"
    "Each amount of an active hour is compared with a negative binomial (Gamma-Poisson) whose mean and shape are the"
    "entity's own, shrunk towards its peer group, times the chance of being active in that hour of the week; and with"
    "the entity's past maximum, extrapolated by a power law; and, where history is short, with the peers' empirical"
    "distribution. The *largest* of the p-values counts: model tails alone are wrong when everybody shifts. It must also"
    "exceed what is extreme for the entity and for peers by a margin, more so while the whole group does more than usual or"
    "the calendar expects it. A new entity is judged by its peers from its first event on."
    ""
    "## What it misses"
    "Whoever stays within his own and his peers' normal daily amounts: slow drips, small thefts by heavy users. Amounts"
    "on both sides of an hour's edge are seen in halves."
    ""
    "## Settings"
    "`volume.margin` (factor), `volume.tail_index`, `volume.half_life_days` (days), `volume.calendar_widening` (factor),"
    "`volume.digest_factor` (factor), `shares.volume` (part of the budget), `maxima.*` (entities)."
    ""
    "## Reference"
    "Johnson, Kemp, Kotz: Univariate Discrete Distributions, 3rd ed. 2005, ch. 5. Noufaily et al., Statistics in Medicine 2013 (quasi-Poisson"
    "surveillance). MITRE ATT&CK T1213, T1530, T1048."
};

/// Prior shape of a negative binomial, where there are no peers either: rather overdispersed.
const SHAPE_PRIOR: f64 = 1.0;
/// Own active amounts at which the own history and the peers' weigh the same.
const TRUST: f64 = 20.0;
/// Amounts below these are never worth an alert, whatever is usual: a person works at least so much without notice.
const fn least(metric: Metric) -> f64 {
    match metric {
        Metric::Bytes => 5_000_000.0,
        Metric::RowsSent | Metric::RowsExamined | Metric::RowsAffected => 50.0,
        Metric::LoginsFailed | Metric::LoginsOk | Metric::Denied | Metric::Failed => 20.0,
        _ => 30.0,
    }
}

/// Amounts above which the whole arithmetic is worth doing, by (metric, scale). Closed state only.
pub(crate) fn gates(look: &Look<'_>) -> Box<[f32; CELLS]> {
    let mut gates = Box::new([f32::INFINITY; CELLS]);
    for (metric, unit) in metrics(look.kind()).iter().enumerate() {
        for scale in Scale::ALL {
            gates[cell(metric, scale)] = gate(look, metric, *unit, scale) as f32;
        }
    }
    gates
}

fn gate(look: &Look<'_>, metric: usize, unit: Metric, scale: Scale) -> f64 {
    let usual = look.peers.and_then(|peers| peers.cells[cell(metric, scale)].as_ref());
    let own = f64::from(look.baseline.level(metric, scale).max);
    let widening = if look.busy { look.settings.volume.calendar_widening } else { 1.0 };
    let shift = usual.map_or(1.0, |usual| usual.shift);
    // Peers' extremes count in full for who is new, and less the better the entity is known.
    let known = f64::from(look.baseline.level(metric, scale).n);
    let weight = TRUST / (known + TRUST);
    let peers = usual.map_or(0.0, |usual| usual.extreme) * peers_part(look.kind(), weight);
    let seen = known + usual.map_or(0.0, |usual| usual.n);
    let least = if seen < established(scale) { COLD * least(unit) } else { least(unit) };
    (own.max(peers) * widening * shift * look.settings.volume.margin).max(least)
}

/// Active hours (or days) of the entity and its peers together below which nobody knows what is usual: in a new
/// installation, for a new role. Until then only what is large by itself is worth an alert.
const fn established(scale: Scale) -> f64 {
    match scale {
        Scale::Hour | Scale::FiveMinutes => 40.0,
        Scale::Day => 10.0,
    }
}

/// How much larger.
const COLD: f64 = 20.0;

/// What part of the peers' extreme has to be exceeded, at this weight of the peers. People of one role do each other's
/// work: some of it always counts. A backup's account says nothing of the shop's: it counts until there is a history.
fn peers_part(kind: EntityKind, weight: f64) -> f64 {
    match kind {
        EntityKind::PortalUser | EntityKind::UserTable | EntityKind::Address => weight.max(0.25),
        _ => weight * weight,
    }
}

fn judge(spec: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    let kind = look.kind();
    let Some(gates) = &look.hour.gates else { return };
    let whole = amounts(kind, &look.hour.tally);
    let mut day: Option<Amounts> = None;
    for (metric, unit) in metrics(kind).iter().enumerate() {
        if whole[metric] == 0 {
            continue;
        }
        for scale in Scale::ALL {
            let amount = match scale {
                Scale::Hour => whole[metric],
                Scale::FiveMinutes => look.hour.fives[metric],
                Scale::Day => day.get_or_insert_with(|| look.entity.day_amounts(look.hour.hour))[metric],
            };
            if amount as f64 > f64::from(gates[cell(metric, scale)]) {
                found.extend(weigh(spec, look, metric, *unit, scale, amount as f64));
            }
        }
    }
}

fn weigh(_: &Spec, look: &Look<'_>, metric: usize, unit: Metric, scale: Scale, amount: f64) -> Option<Finding> {
    let (page_bound, digest_bound) = look.budget.bounds(look.kind(), scale)?;
    let alpha = look.settings.volume.tail_index;
    let usual = look.peers.and_then(|peers| peers.cells[cell(metric, scale)].as_ref());
    let level = look.baseline.level(metric, scale);
    let (prior_mean, prior_shape) = usual.map_or((1.0, SHAPE_PRIOR), |usual| (usual.mean, usual.shape));
    let widening =
        if look.busy { look.settings.volume.calendar_widening } else { 1.0 } * usual.map_or(1.0, |usual| usual.shift);
    let mean = level.mean(prior_mean) * widening;
    let active = if scale == Scale::Day { 1.0 } else { look.baseline.active(look.hour.hour) };
    let model = active * tail::negative_binomial(amount, mean, level.shape(prior_shape));
    let n = f64::from(level.n);
    let own = tail::beyond_maximum(amount / widening, f64::from(level.max), n, alpha);
    let seen = n + usual.map_or(0.0, |usual| usual.n);
    let others = match usual {
        // A drill in a new installation: what is least worth an alert is taken as usual, with the same tail.
        _ if seen < established(scale) && look.entity.key.mode.is_drill() => {
            (least(unit) / amount).min(1.0).powf(alpha)
        }
        Some(usual) => usual.survival(amount / widening, alpha),
        None => 0.5,
    };
    // A geometric mean of the two, by how well the entity is known.
    let weight = n / (n + TRUST);
    let empirical = (weight * own.ln() + (1.0 - weight) * others.ln()).exp();
    let p = if unit == Metric::Bytes { empirical } else { empirical.max(model) };
    let page = p <= look.page_bound(page_bound) && !is_told_of_people(look);
    let digest = look.closing && p <= digest_bound;
    if !page && !digest {
        return None;
    }
    let expected = mean * active;
    let rows = look.hour.tally.get(Metric::RowsSent);
    Some(Finding {
        window: if scale == Scale::Day { Window::Day } else { Window::Hour },
        page,
        severity: severity(look.kind(), page),
        observed: amount,
        expected,
        unit: unit.unit(),
        p_value: Some(p),
        why: why(look, unit, scale, amount, expected, f64::from(level.max)),
        affected_records: if unit == Metric::RowsSent { amount as u64 } else { rows },
        attack: match unit {
            Metric::Bytes => &["T1048", "T1213"],
            Metric::LoginsFailed | Metric::Denied => &["T1110"],
            _ => &["T1213"],
        },
    })
}

/// What people do is told of the people. Of a pair of person and table the person's own amounts and records tell, and that
/// the rows came from one table is no second page; a new duty, in particular, changes one table after the other. Of an
/// application host on which every statement names its person, those persons.
fn is_told_of_people(look: &Look<'_>) -> bool {
    match look.kind() {
        EntityKind::UserTable => !look.drill(),
        EntityKind::AppHost => look.hour.tally.get(Metric::UnnamedStatements) == 0,
        _ => false,
    }
}

const fn severity(kind: EntityKind, page: bool) -> Severity {
    match (kind, page) {
        (EntityKind::Address | EntityKind::Fleet, true) => Severity::Medium,
        (_, true) => Severity::High,
        (_, false) => Severity::Low,
    }
}

fn why(look: &Look<'_>, unit: Metric, scale: Scale, amount: f64, expected: f64, max: f64) -> String {
    let id = &look.entity.key.id;
    let (who, of) = match id.rsplit_once('|') {
        Some((user, table)) if look.kind() == EntityKind::UserTable => (shown(user), format!(" of {}", shown(table))),
        _ => (shown(id), String::new()),
    };
    let verb = match unit {
        Metric::RowsSent | Metric::Bytes => "read",
        Metric::LoginsFailed => "saw",
        _ => "made",
    };
    let unit = match unit {
        Metric::LoginsFailed => "failed logins",
        Metric::ClassifiedRequests => "requests for classified data",
        Metric::Denied => "refused requests",
        Metric::TableTouches => "table accesses",
        other => other.unit(),
    };
    let subject = if look.kind() == EntityKind::Table { format!("{who} gave") } else { format!("{who} {verb}") };
    let mut when = HourOfWeek::of_hour(look.hour.hour).name();
    if scale == Scale::Day {
        when.truncate(when.find(' ').unwrap_or(when.len()));
    }
    let role = if look.role.is_empty() { String::new() } else { format!(" for {}", shown(look.role)) };
    let most = if max >= 0.5 {
        format!(", the most of late was {}", count(max))
    } else {
        String::from(", none were seen of late")
    };
    let candidates = if look.kind() == EntityKind::AppHost { candidates(&look.hour.tally) } else { String::new() };
    format!(
        "{subject} {} {unit}{of} in {}; {} is usual{role} on {when}{most}{candidates}",
        count(amount),
        scale.name(),
        count(expected)
    )
}
