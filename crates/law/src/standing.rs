//! How one obligation stands for one case.

use crate::{
    Case, Catalogue, Headcount, Obligation, Order, Threshold, Whose,
    term::{self, Place},
};
use activity::{Span, Timestamp};

/// An obligation in the light of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing<'a> {
    pub obligation: &'a Obligation,
    pub holds: Holds,
    /// What was taken for true because nothing says otherwise: thresholds between the bounds of a count.
    pub assumed: Vec<Assumed>,
    /// Ids of obligations whose notice has to be sent first, and was not.
    pub after: Vec<&'a str>,
}

/// A threshold that counts as met because the number of people may meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumed {
    pub threshold: Threshold,
    pub count: Headcount,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Holds {
    /// It must not run unless somebody says so by name.
    Unarmed(String),
    /// It does not apply, for this reason.
    Inapplicable(String),
    /// It would apply; nothing has started it yet.
    Waiting(String),
    Running(Running),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    pub starts_at: Timestamp,
    /// `None`: the law gives no figure.
    pub due_at: Option<Timestamp>,
    /// What started it, and how the limit was reckoned, in words.
    pub reckoning: String,
}

impl Standing<'_> {
    pub fn running(&self) -> Option<&Running> {
        match &self.holds {
            Holds::Running(running) => Some(running),
            _ => None,
        }
    }
}

/// A start: when, and what it was.
struct Start {
    at: Timestamp,
    what: String,
}

/// The second limit, reckoned.
struct Latest {
    from: Timestamp,
    due: Timestamp,
    how: String,
}

/// See [`Catalogue::standing`].
pub(crate) fn standing<'a>(catalogue: &'a Catalogue, obligation: &'a Obligation, case: &Case<'_>) -> Standing<'a> {
    let (holds, assumed) = holds(catalogue, obligation, case);
    let after = if matches!(holds, Holds::Running(_)) { first(catalogue, obligation, case) } else { Vec::new() };
    Standing { obligation, holds, assumed, after }
}

fn holds(catalogue: &Catalogue, obligation: &Obligation, case: &Case<'_>) -> (Holds, Vec<Assumed>) {
    let unarmed = obligation.unarmed().filter(|_| !case.armed_anyway.contains(&obligation.id));
    if let Some(because) = unarmed {
        return (Holds::Unarmed(because.into()), Vec::new());
    }
    let concerned =
        obligation.applies_to.is_empty() || obligation.applies_to.iter().any(|class| case.classes.contains(*class));
    if !concerned {
        return (Holds::Inapplicable("it is not about data of these classes".into()), Vec::new());
    }
    let assumed = match thresholds(obligation, case) {
        Ok(assumed) => assumed,
        Err(because) => return (Holds::Inapplicable(because), Vec::new()),
    };
    (reckon(catalogue, obligation, case), assumed)
}

/// What of the thresholds is assumed. Errors: why they are not met.
fn thresholds(obligation: &Obligation, case: &Case<'_>) -> Result<Vec<Assumed>, String> {
    let resident = (!obligation.residents_of.is_empty()).then_some(Threshold::AtLeast(1, Whose::Residents));
    let mut assumed = Vec::new();
    for threshold in resident.into_iter().chain(obligation.thresholds.iter().copied()) {
        let count = match threshold.whose() {
            Whose::People | Whose::Employees => case.people.total,
            Whose::Residents => case.people.residents_of(&obligation.residents_of),
            Whose::ResidentsOfOneState => case.people.residents_of_one_state(),
        };
        match meets(threshold, count) {
            Some(true) => {}
            Some(false) => return Err(format!("it takes {threshold}; here it is {count}")),
            None => assumed.push(Assumed { threshold, count }),
        }
    }
    assumed.dedup();
    Ok(assumed)
}

/// `None`: it depends on where between its bounds the number lies.
fn meets(threshold: Threshold, count: Headcount) -> Option<bool> {
    let least = threshold.meets(count.lower);
    let most = match (count.upper, threshold) {
        (Some(upper), _) => threshold.meets(upper),
        (None, Threshold::FewerThan(..)) => false,
        (None, _) => true,
    };
    (least == most).then_some(least)
}

fn reckon(catalogue: &Catalogue, obligation: &Obligation, case: &Case<'_>) -> Holds {
    if let Some(order) = &obligation.order {
        return ordered(catalogue, obligation, order, case);
    }
    let latest = latest(obligation, case);
    let Some(start) = start(obligation, case) else {
        let waits = || Holds::Waiting(format!("nothing of what starts it has come: {}", obligation.awaited()));
        return latest.map_or_else(waits, |latest| {
            let reckoning = format!("{}; {} has not come yet", latest.how, obligation.awaited());
            Holds::Running(Running { starts_at: latest.from, due_at: Some(latest.due), reckoning })
        });
    };
    let place = Place(obligation.zone.as_ref());
    // Whether a newer law holds already: where no zone is known, by the place on earth where the day begins first.
    let Some(day) = place.latest_date(start.at) else {
        return Holds::Inapplicable(format!("{} lies beyond the calendar", start.at));
    };
    if let Some(from) = obligation.in_force_from.filter(|from| day < *from) {
        return Holds::Inapplicable(format!("it is in force from {from}; it would have started on {day}"));
    }
    if let Some(until) = obligation.in_force_until.filter(|until| day >= *until) {
        return Holds::Inapplicable(format!("it was in force before {until}; it would have started on {day}"));
    }
    let earlier = obligation.before.iter().filter(|before| day < before.until).min_by_key(|before| before.until);
    let (limit, phrase) = earlier
        .map_or((obligation.limit.as_ref(), &obligation.phrase), |before| (before.limit.as_ref(), &before.phrase));
    let was = earlier.map(|before| format!(", as it was before {}", before.until)).unwrap_or_default();
    let own = limit.and_then(|limit| term::due(limit, start.at, obligation.from_end_of_year, place, catalogue));
    let (due_at, how) = match (own, latest) {
        (Some((own, how)), Some(latest)) if latest.due < own => {
            (Some(latest.due), format!("{}, earlier than {how}", latest.how))
        }
        (Some((due, how)), _) => (Some(due), how),
        (None, Some(latest)) => (Some(latest.due), latest.how),
        (None, None) if phrase.is_empty() => (None, "the law gives no figure".into()),
        (None, None) => (None, format!("the law gives no figure: {phrase}")),
    };
    Holds::Running(Running {
        starts_at: start.at,
        due_at,
        reckoning: format!("{} at {}; {how}{was}", start.what, start.at),
    })
}

/// A notice that has to be sent before, or together with, another one: it starts and ends as that one does, at the
/// latest when that one was sent.
fn ordered(catalogue: &Catalogue, obligation: &Obligation, order: &Order, case: &Case<'_>) -> Holds {
    let Some(other) = catalogue.get(order.other()) else {
        return Holds::Waiting(format!("`{}` is not among the obligations", order.other()));
    };
    let word = match order {
        Order::Before(_) => "before",
        Order::Together(_) => "not later than",
    };
    match holds(catalogue, other, case).0 {
        Holds::Running(running) => {
            let sent = case.sent.get(&other.id).copied();
            let due_at = match (running.due_at, sent) {
                (Some(due), Some(sent)) => Some(due.min(sent)),
                (due, sent) => due.or(sent),
            };
            let was_sent = sent.map(|at| format!(", which was sent at {at}")).unwrap_or_default();
            let reckoning = format!("{word} {}{was_sent}: {}", other.name, running.reckoning);
            Holds::Running(Running { due_at, reckoning, ..running })
        }
        Holds::Waiting(because) => Holds::Waiting(format!("{word} {}: {because}", other.name)),
        Holds::Inapplicable(because) => Holds::Inapplicable(format!("{word} {}: {because}", other.name)),
        Holds::Unarmed(because) => {
            Holds::Waiting(format!("{} of `{}` does not run: {because}", obligation.name, other.id))
        }
    }
}

/// The end of the second limit, if its start has come.
fn latest(obligation: &Obligation, case: &Case<'_>) -> Option<Latest> {
    let latest = obligation.latest?;
    let from = *case.moments.get(&latest.starts)?;
    let due = from.saturating_add(Span::from_hours(i64::from(latest.hours)));
    Some(Latest { from, due, how: format!("{} h after {} at {from}", latest.hours, latest.starts) })
}

/// The first of what starts it.
fn start(obligation: &Obligation, case: &Case<'_>) -> Option<Start> {
    let moments = obligation
        .starts
        .iter()
        .filter_map(|moment| Some(Start { at: *case.moments.get(moment)?, what: moment.to_string() }));
    let sent = obligation
        .after_sending
        .iter()
        .filter_map(|other| Some(Start { at: *case.sent.get(other)?, what: format!("notice of `{other}` sent") }));
    moments.chain(sent).min_by_key(|start| start.at)
}

/// Ids of those that have to be sent before this one, run, and were not.
fn first<'a>(catalogue: &'a Catalogue, obligation: &Obligation, case: &Case<'_>) -> Vec<&'a str> {
    let before = |other: &&Obligation| matches!(&other.order, Some(Order::Before(id)) if *id == obligation.id);
    let waits = |other: &&Obligation| {
        !case.sent.contains_key(&other.id) && matches!(holds(catalogue, other, case).0, Holds::Running(_))
    };
    let others = catalogue.obligations().iter().filter(before).filter(waits);
    others.map(|other| other.id.as_str()).collect()
}

impl Obligation {
    /// What can start it, in words.
    fn awaited(&self) -> String {
        let moments = self.starts.iter().map(|moment| moment.to_string());
        let sent = self.after_sending.iter().map(|other| format!("the notice of `{other}`"));
        moments.chain(sent).collect::<Vec<_>>().join(" or ")
    }
}
