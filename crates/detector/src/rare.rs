//! What few entities have: steps of attacks, nights, dumps, verdicts. In one block of its own, which the others do without.

use crate::{
    detectors::{NIGHTS_HOURS, stages},
    docket::Ruled,
    entity::{HourState, Steps},
    footprint::of_vec,
    limits::{BREACHES_MAX, CHAIN_HOURS, DUMPS_MAX, NIGHTS_MAX, PAYEE_HOURS, PAYEES_MAX, STEPS_MAX},
    packed::packed,
};
use activity::{EntityKind, Mark};
use std::sync::Arc;

/// Bytes at rest at most, of itself and of what hangs on it.
pub(crate) const fn bytes_max(kind: EntityKind) -> usize {
    let at_table = matches!(kind, EntityKind::UserTable | EntityKind::Table);
    let payees = if at_table { PAYEES_MAX * size_of::<(i32, u32, u32)>() } else { 0 };
    let nights = if matches!(kind, EntityKind::PortalUser) { NIGHTS_MAX * size_of::<(i32, u32)>() } else { 0 };
    size_of::<Rare>()
        + STEPS_MAX * size_of::<Step>()
        + nights
        + payees
        + DUMPS_MAX * 4
        + BREACHES_MAX * size_of::<[i32; 3]>()
}

#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// Steps of an attack in learned hours, of the last day only, ascending.
    steps: Vec<Step>,
    /// Hours with off-hours requests and how many, of learned hours of the last few nights only, ascending.
    nights: Vec<(i32, u32)>,
    /// Earlier hours with a dump's shape, latest last; for habits.
    dumps: Vec<i32>,
    /// Account numbers of learned hours with whose they became (hashed): hour, account, whose; the latest hour of each, the oldest first.
    payees: Vec<(i32, u32, u32)>,
    /// Verdicts whose hour has not been learned, in their order.
    pub(crate) rulings: Vec<Ruled>,
    /// Windows that were breaches: the first hour judged in that light, from, to.
    breaches: Vec<[i32; 3]>,
}

/// Who has nothing of it.
pub(crate) static NOTHING: Rare = Rare {
    steps: Vec::new(),
    nights: Vec::new(),
    dumps: Vec::new(),
    payees: Vec::new(),
    rulings: Vec::new(),
    breaches: Vec::new(),
};

/// What is kept of an hour's [`Steps`]: of entries the earliest and of footholds the latest, which are what a story needs of it.
#[derive(Debug)]
struct Step {
    hour: i32,
    unnamed: u32,
    tried: u64,
    reads: u64,
    entry: Option<(Arc<Mark>, u64)>,
    foothold: Option<(Arc<Mark>, u64)>,
}

/// Hours since 1970; those of the years beyond 246,000 count as one.
fn short(hour: i64) -> i32 {
    hour.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

impl Step {
    fn new(steps: Steps) -> Step {
        let of = |stage: fn(&Mark) -> bool| steps.marks.iter().filter(move |(mark, _)| stage(mark));
        let entry = of(|mark| stages(mark).0).min_by_key(|(_, minutes)| minutes.trailing_zeros()).cloned();
        let foothold = of(|mark| stages(mark).1).min_by_key(|(_, minutes)| minutes.leading_zeros()).cloned();
        let Steps { hour, tried, reads, unnamed, marks: _ } = steps;
        Step { hour: short(hour), unnamed: u32::try_from(unnamed).unwrap_or(u32::MAX), tried, reads, entry, foothold }
    }

    fn whole(&self) -> Steps {
        Steps {
            hour: i64::from(self.hour),
            marks: self.entry.iter().chain(&self.foothold).cloned().collect(),
            tried: self.tried,
            reads: self.reads,
            unnamed: u64::from(self.unnamed),
        }
    }
}

impl Rare {
    pub(crate) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = Steps> {
        self.steps.iter().map(Step::whole)
    }

    /// The hour of the last one.
    pub(crate) fn last_step(&self) -> Option<i64> {
        self.steps.last().map(|step| i64::from(step.hour))
    }

    /// Forgets the steps of more than a day before this hour.
    pub(crate) fn forget_steps(&mut self, hour: i64) {
        self.steps.retain(|step| hour - i64::from(step.hour) <= CHAIN_HOURS);
    }

    /// Beyond [`STEPS_MAX`] an hour without foothold gives way, the latest that is followed by another one without: what went before a
    /// foothold stays however many attempts follow it. Where there is none such, the oldest.
    pub(crate) fn step(&mut self, steps: Steps) {
        self.steps.push(Step::new(steps));
        if STEPS_MAX < self.steps.len() {
            let without = |pair: &[Step]| pair.iter().all(|step| step.foothold.is_none());
            let at = self.steps.windows(2).rposition(without).unwrap_or(0);
            self.steps.remove(at);
        }
    }

    pub(crate) fn nights(&self) -> impl Iterator<Item = (i64, u64)> {
        self.nights.iter().map(|(hour, requests)| (i64::from(*hour), u64::from(*requests)))
    }

    /// Forgets the nights of which no detector asks any more.
    pub(crate) fn forget_nights(&mut self, hour: i64) {
        self.nights.retain(|(at, _)| hour - i64::from(*at) <= NIGHTS_HOURS);
    }

    pub(crate) fn night(&mut self, hour: i64, requests: u64) {
        self.nights.push((short(hour), u32::try_from(requests).unwrap_or(u32::MAX)));
        if NIGHTS_MAX < self.nights.len() {
            self.nights.remove(0);
        }
    }

    /// Hours, and account numbers written in them with whose they became (hashed).
    pub(crate) fn payees(&self) -> impl Iterator<Item = (i64, (u32, u32))> {
        self.payees.iter().map(|(at, account, whose)| (i64::from(*at), (*account, *whose)))
    }

    pub(crate) fn pay(&mut self, hour: i64, payees: &[(u32, u32)]) {
        for (account, whose) in payees {
            self.payees.retain(|(_, known, of)| (known, of) != (account, whose));
            self.payees.push((short(hour), *account, *whose));
        }
        self.payees.retain(|(at, ..)| hour - i64::from(*at) <= PAYEE_HOURS);
        self.payees.drain(..self.payees.len().saturating_sub(PAYEES_MAX));
    }

    pub(crate) fn dump(&mut self, hour: i64) {
        self.dumps.push(short(hour));
        if DUMPS_MAX < self.dumps.len() {
            self.dumps.remove(0);
        }
    }

    /// Hours with a dump's shape that are no breach, as known when `hour` is judged.
    pub(crate) fn dumps(&self, hour: i64) -> Vec<i64> {
        let hour = short(hour);
        let breach = |dump: i32| {
            self.breaches.iter().any(|[effective, from, to]| *effective <= hour && *from <= dump && dump < *to)
        };
        self.dumps.iter().filter(|dump| !breach(**dump)).map(|dump| i64::from(*dump)).collect()
    }

    pub(crate) fn breach(&mut self, ruled: &Ruled) {
        self.breaches.push([ruled.effective, ruled.from, ruled.to].map(short));
        self.breaches.sort_unstable_by_key(|[effective, from, to]| (*from, *to, *effective));
        if BREACHES_MAX < self.breaches.len() {
            self.breaches.remove(0);
        }
    }

    /// What of an hour is worth keeping: of a dump the hour, of a night the requests.
    pub(crate) fn concerns(state: &HourState) -> bool {
        state.off_hours > 0 || !state.payees.is_empty() || state.tally.signals.contains(activity::Signal::DumpShape)
    }

    pub(crate) fn is_empty(&self) -> bool {
        let Rare { steps, nights, dumps, payees, rulings, breaches } = self;
        steps.is_empty()
            && nights.is_empty()
            && dumps.is_empty()
            && payees.is_empty()
            && rulings.is_empty()
            && breaches.is_empty()
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.steps.shrink_to_fit();
        self.nights.shrink_to_fit();
        self.dumps.shrink_to_fit();
        self.payees.shrink_to_fit();
        self.rulings.shrink_to_fit();
        self.breaches.shrink_to_fit();
    }

    /// Bytes of itself and of what hangs on it. The text of a rule is shared by all who have matched it.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + of_vec(&self.steps)
            + of_vec(&self.nights)
            + of_vec(&self.dumps)
            + of_vec(&self.payees)
            + of_vec(&self.rulings)
            + of_vec(&self.breaches)
    }
}

packed!(Rare { steps, nights, dumps, payees, rulings, breaches });
packed!(Step { hour, unnamed, tried, reads, entry, foothold });

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Level;

    fn steps(hour: i64, technique: Option<&str>) -> Steps {
        let mark = |technique: &str| {
            let techniques: Vec<Arc<str>> = vec![technique.into()];
            let (rule, title) = (format!("rule{hour}").into(), "t".into());
            Arc::new(Mark { page: false, level: Level::High, rule, title, techniques: techniques.into() })
        };
        Steps {
            hour,
            marks: technique.map(|technique| (mark(technique), 1)).into_iter().collect(),
            tried: 1,
            reads: 0,
            unnamed: 0,
        }
    }

    #[test]
    fn many_attempts_do_not_bury_a_foothold_or_what_went_before_it() {
        let mut rare = Rare::default();
        rare.step(steps(1, Some("T1190")));
        rare.step(steps(2, Some("T1505.003")));
        (3..20).for_each(|hour| rare.step(steps(hour, None)));
        let hours: Vec<i64> = rare.steps().map(|steps| steps.hour).collect();
        assert!(hours.starts_with(&[1, 2]) && hours.ends_with(&[19]) && hours.len() == STEPS_MAX, "{hours:?}");
        (20..40).for_each(|hour| rare.step(steps(hour, Some("T1505.003"))));
        assert_eq!(rare.steps().map(|steps| steps.hour).last(), Some(39));
        rare.forget_steps(39 + CHAIN_HOURS + 1);
        assert!(!rare.has_steps());
    }

    #[test]
    fn nights_and_dumps_are_the_latest() {
        let mut rare = Rare::default();
        (0..50).for_each(|hour| rare.night(hour, 3));
        (0..50).for_each(|hour| rare.dump(hour));
        assert_eq!(rare.nights().last(), Some((49, 3)));
        assert_eq!((rare.nights().count(), rare.dumps(60).len()), (NIGHTS_MAX, DUMPS_MAX));
    }
}
