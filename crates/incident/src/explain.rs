//! A dry run: who would have to know of a supposed incident, why, and why nobody else.
//!
//! It is not a second opinion on the policy: a casebook of its own is given the incident as if it happened now, and what is shown
//! are its decisions. Only *why not* is added, from the list of conditions by which triggers decide, and from the law's standings.

use crate::{
    AlertFact, Awareness, Casebook, Decision, Incident, IncidentId, Opening, Policy, Verdict, decision::POLICY, limits,
    policy::CONDITIONS,
};
use activity::{DataClasses, Entity, KnownBy, Mode, Timestamp};
use detector::{AlertId, AlertWindow, Severity};
use law::{Case, Headcount, Holds, Moment};
use std::{collections::BTreeMap, sync::Arc};

/// An incident as somebody imagines it.
#[derive(Clone, Debug, PartialEq)]
pub struct Supposed {
    pub subject: Entity,
    pub severity: Severity,
    pub data_classes: DataClasses,
    /// Names of the detectors that raised it; none: a person declared it.
    pub kinds: Vec<String>,
    /// Records concerned, by the upper estimate.
    pub affected_records: u64,
    /// How many people; `None`: nobody has counted them.
    pub people: Option<Headcount>,
    /// How many people by where they live.
    pub places: BTreeMap<String, Headcount>,
    pub verdict: Verdict,
    /// What came to pass, now.
    pub moments: Vec<Moment>,
}

/// What follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// In the order of the configuration.
    pub triggers: Vec<TriggerStanding>,
    /// What the casebook decides, in its order: notices and deadlines among it.
    pub decisions: Vec<Decision>,
    /// The incident after that.
    pub incident: Incident,
    /// Every obligation that applies to us, and how it stands.
    pub obligations: Vec<Standing>,
}

/// Whether a trigger matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerStanding {
    pub matches: bool,
    /// Those it asks; none: every incident matches.
    pub conditions: Vec<Condition>,
    pub channels: Vec<String>,
}

/// One condition of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Key in `[[triggers]]`.
    pub name: &'static str,
    pub met: bool,
    pub wanted: String,
    pub found: String,
}

/// How one obligation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub obligation: String,
    pub name: String,
    pub recipient: String,
    pub runs: bool,
    /// `None`: it does not run, or the law gives no figure.
    pub due_at: Option<Timestamp>,
    /// How the limit was reckoned, or why it does not run.
    pub because: String,
    /// Thresholds that count as met because the number of people is not known well enough.
    pub assumed: Vec<String>,
}

impl Explanation {
    /// What would happen now.
    pub fn of(policy: &Arc<Policy>, now: Timestamp, supposed: &Supposed) -> Self {
        let mut book = Casebook::new(Arc::clone(policy));
        happen(now, supposed).iter().for_each(|decision| book.apply(decision));
        let decisions = book.tick(now);
        decisions.iter().for_each(|decision| book.apply(decision));
        let unknown = || Incident::open(FIRST, now, "", &opening(now, supposed, None));
        let incident = book.incident(FIRST).cloned().unwrap_or_else(unknown);
        Explanation {
            triggers: triggers(policy, &incident),
            obligations: obligations(policy, &incident),
            decisions,
            incident,
        }
    }
}

const FIRST: IncidentId = IncidentId(1);

/// The supposed incident as the journal would have it.
fn happen(now: Timestamp, supposed: &Supposed) -> Vec<Decision> {
    let (at, incident, by) = (now, FIRST, "dry run".to_owned());
    let because = "supposed".to_owned();
    let mut alerts = supposed.kinds.iter().map(|kind| alert(now, supposed, kind));
    let opening = Box::new(opening(now, supposed, alerts.next()));
    let mut decisions = vec![Decision::IncidentOpened { at, because: because.clone(), incident, opening }];
    decisions.extend(alerts.map(|alert| {
        let (because, alert) = (because.clone(), Box::new(alert));
        Decision::AlertGrouped { at, because, incident, alert }
    }));
    let total = supposed.people.iter().map(|count| (String::new(), *count));
    decisions.extend(total.chain(supposed.places.clone()).map(|(place, Headcount { lower, upper })| {
        let (because, by) = (because.clone(), by.clone());
        Decision::PeopleCounted { at, because, incident, by, place, lower, upper, command: None }
    }));
    decisions.extend(supposed.moments.iter().map(|moment| {
        let (because, by, moment) = (because.clone(), by.clone(), *moment);
        Decision::MomentRecorded { at, because, incident, by, moment, since: at, command: None }
    }));
    if supposed.verdict != Verdict::Undecided {
        let aware =
            (supposed.verdict == Verdict::Breach).then(|| Awareness { at, by: by.clone(), because: because.clone() });
        let verdict = supposed.verdict;
        decisions.push(Decision::VerdictSet { at, because, incident, by, verdict, aware, command: None });
    }
    decisions
}

fn opening(now: Timestamp, supposed: &Supposed, first: Option<AlertFact>) -> Opening {
    // A declared incident has no count of records: one alert of nobody's carries it.
    let first = first.or_else(|| (supposed.affected_records > 0).then(|| alert(now, supposed, "declared")));
    Opening {
        subject: supposed.subject.clone(),
        mode: Mode::Live,
        severity: supposed.severity,
        data_classes: supposed.data_classes,
        follows: None,
        alert: first,
        by: POLICY.into(),
        people: None,
        command: None,
    }
}

fn alert(now: Timestamp, supposed: &Supposed, kind: &str) -> AlertFact {
    let (window, subject) = (AlertWindow { from: now, to: now }, supposed.subject.clone());
    AlertFact {
        id: AlertId::of(kind, &subject, &subject, window, Mode::Live),
        raised_at: now,
        window,
        entity: subject.clone(),
        subject,
        detector: activity::printable_within(kind, limits::NAME_MAX),
        severity: supposed.severity,
        page: true,
        data_classes: supposed.data_classes,
        why: "supposed".into(),
        actor_known_by: KnownBy::Guess,
        affected_records: supposed.affected_records,
        named: None,
        attack: Vec::new(),
        evidence: Vec::new(),
        surprise_milli: None,
        figures: Vec::new(),
        inhibited: false,
    }
}

fn triggers(policy: &Policy, incident: &Incident) -> Vec<TriggerStanding> {
    let standing = |trigger: &crate::Trigger| {
        let conditions = CONDITIONS.iter().filter_map(|condition| {
            let wanted = (condition.wanted)(trigger)?;
            let (met, found) = ((condition.met)(trigger, incident), (condition.found)(incident));
            Some(Condition { name: condition.name, met, wanted, found })
        });
        let conditions: Vec<Condition> = conditions.collect();
        let matches = conditions.iter().all(|condition| condition.met);
        TriggerStanding { matches, conditions, channels: trigger.channels.clone() }
    };
    policy.settings().triggers.iter().map(standing).collect()
}

fn obligations(policy: &Policy, incident: &Incident) -> Vec<Standing> {
    let (moments, sent, people) = (incident.moments(), incident.told_of_obligations(), incident.people_concerned());
    let armed_anyway = &policy.settings().jurisdictions.arm_unverified;
    let case = Case { classes: incident.data_classes, moments: &moments, sent: &sent, people: &people, armed_anyway };
    let standing = |standing: law::Standing<'_>| {
        let (due_at, because) = match &standing.holds {
            Holds::Running(running) => (running.due_at, running.reckoning.clone()),
            Holds::Unarmed(because) | Holds::Inapplicable(because) | Holds::Waiting(because) => (None, because.clone()),
        };
        Standing {
            obligation: standing.obligation.id.clone(),
            name: standing.obligation.name.clone(),
            recipient: standing.obligation.addressee().to_owned(),
            runs: standing.running().is_some(),
            due_at,
            because,
            assumed: standing.assumed.iter().map(|assumed| assumed.threshold.to_string()).collect(),
        }
    };
    policy.law().standings(&case).into_iter().map(standing).collect()
}
