//! Incidents as the console shows them.

use super::{follower::ReadModel, life};
use activity::{Mode, Timestamp};
use console::{Text, views};
use detector::{AlertId, Evidence, Ruling};
use incident::{
    AffectedPeople, AffectedRecords, AffectedTable, AlertFact, Deadline, DeliveryState, Incident, IncidentState,
    NoticeRecord, Policy, Residence, Settlement, Verdict,
};

/// The verdicts a person can give: (word, label, what it sets off).
const VERDICTS: [(Verdict, &str, &str); 3] = [
    (
        Verdict::Breach,
        "Breach",
        "Sets the time of awareness to now where it is not set yet: the legal time limits that apply start to run, and people are told.",
    ),
    (Verdict::NotABreach, "Not a breach", "Withdraws the time limits that run for this incident."),
    (
        Verdict::Undecided,
        "Undecided",
        "Takes the last verdict back. Undecided never means that nobody has to be told: the policy's provisional time limits run on.",
    ),
];

pub(super) fn severity(severity: detector::Severity) -> views::Severity {
    match severity {
        detector::Severity::Low => views::Severity::Low,
        detector::Severity::Medium => views::Severity::Medium,
        detector::Severity::High => views::Severity::High,
        detector::Severity::Critical => views::Severity::Critical,
    }
}

pub(super) fn state(state: IncidentState) -> Text {
    state.as_str().into()
}

/// What happened, in one line.
pub(super) fn title(incident: &Incident) -> Text {
    let first = incident.alerts.iter().find(|alert| alert.page).or(incident.alerts.first());
    first.map_or_else(|| incident.opened_because.as_str().into(), |alert| alert.why.as_str().into())
}

pub(super) fn row(incident: &Incident, now: Timestamp) -> views::IncidentRow {
    views::IncidentRow {
        id: incident.id.to_string(),
        title: title(incident),
        subject: incident.subject.clone(),
        severity: severity(incident.severity),
        state: state(incident.state),
        open: incident.is_open(),
        owner: incident.looked_after_by().map(Into::into),
        mode: incident.mode,
        opened_at: incident.opened_at,
        data_classes: incident.data_classes,
        n_alerts: incident.n_alerts,
        affected_records: incident.affected_records,
        nearest_deadline: incident.running_deadlines().first().map(|running| deadline(incident, running, now)),
    }
}

pub(super) fn deadline(incident: &Incident, running: &Deadline, now: Timestamp) -> views::Deadline {
    let state = match (&running.settled, running.simulated) {
        (_, true) => views::DeadlineState::Simulated,
        (Some(settled), false) if settled.how == Settlement::Withdrawn => views::DeadlineState::NotStarted,
        (Some(_), false) => views::DeadlineState::Met,
        (None, false) if running.due_at.is_some_and(|due| due < now) => views::DeadlineState::Missed,
        (None, false) => views::DeadlineState::Running,
    };
    let unreviewed = if running.reviewed { "" } else { " (not yet reviewed by counsel)" };
    views::Deadline {
        obligation: running.obligation.as_str().into(),
        name: format!("{}{unreviewed}", running.name).into(),
        recipient: running.recipient.as_str().into(),
        legal_reference: running.citation.as_str().into(),
        aware_at: Some(running.starts_at),
        due_at: running.due_at,
        state,
        reckoning: running.reckoning.as_str().into(),
        condition: running.condition.as_str().into(),
        assumed: running.assumed.iter().map(|assumed| assumed.as_str().into()).collect(),
        counted: counted(incident, running).into(),
        law: running.law.as_ref().map_or_else(String::new, ToString::to_string).into(),
        revised: running.revision_in_words().unwrap_or_default().into(),
        after: running.after.iter().map(|id| id.as_str().into()).collect(),
    }
}

/// The numbers that leave a threshold open: `12 to 640 in US-CA; at least 12 in all`.
fn counted(incident: &Incident, running: &Deadline) -> String {
    if running.assumed.is_empty() {
        return String::new();
    }
    let people = incident.people_concerned();
    let there = match running.residents_of.as_str() {
        "" => String::new(),
        place => format!("{} in {place}; ", people.residents_of(place)),
    };
    format!("{there}{} in all", people.total)
}

/// A policy as it is now: what does not run for want of people is not in the journal.
pub(super) fn page(incident: &Incident, model: &ReadModel, policy: &Policy, now: Timestamp) -> views::IncidentPage {
    let open = incident.is_open();
    let decided = (incident.verdict != Verdict::Undecided).then_some(incident.verdict_at).flatten();
    let by = incident.timeline.iter().rev().find(|line| line.kind == "verdict_set").map_or("", |line| line.by.as_str());
    let choice = |(verdict, label, consequence): (Verdict, &str, &str)| views::VerdictChoice {
        verdict: verdict.as_str().into(),
        label: label.into(),
        consequence: if incident.mode.is_drill() {
            "An exercise: nothing real is set off.".into()
        } else {
            consequence.into()
        },
    };
    views::IncidentPage {
        at: now,
        summary: row(incident, now),
        life: life::life(incident, now),
        affected: affected(incident),
        verdict: decided.map(|at| views::Verdict {
            verdict: incident.verdict.as_str().into(),
            label: label(incident.verdict).into(),
            by: by.into(),
            at,
        }),
        reasons: incident.alerts.iter().filter(|alert| alert.page).map(|alert| alert.why.as_str().into()).collect(),
        deadlines: incident.deadlines.iter().map(|running| deadline(incident, running, now)).collect(),
        missed_by_number: if open && incident.verdict != Verdict::NotABreach {
            let missed = policy.missed_by_number(incident).into_iter();
            missed.map(|(name, because)| views::Missed { name: name.into(), because: because.into() }).collect()
        } else {
            Vec::new()
        },
        drafts: incident.drafts.iter().map(|draft| super::drafts::row(incident, draft)).collect(),
        deliveries: incident.notices.iter().map(|record| delivery(record, now)).collect(),
        alerts: incident.alerts.iter().map(|alert| alert_row(alert, incident.mode, model)).collect(),
        timeline: incident.timeline.iter().map(moment).collect(),
        actions: views::Actions {
            acknowledge: incident.state == IncidentState::Open,
            note: true,
            contain: matches!(incident.state, IncidentState::Open | IncidentState::Acknowledged),
            close: open,
            reopen: !open && incident.merged_into.is_none(),
            organise: open,
            verdicts: if open {
                VERDICTS.into_iter().filter(|(verdict, ..)| *verdict != incident.verdict).map(choice).collect()
            } else {
                Vec::new()
            },
        },
    }
}

fn label(verdict: Verdict) -> &'static str {
    VERDICTS.into_iter().find(|(candidate, ..)| *candidate == verdict).map_or("Undecided", |(_, label, _)| label)
}

fn moment(line: &incident::TimelineEntry) -> views::Moment {
    let by = (line.by != incident::POLICY && !line.by.is_empty()).then(|| line.by.as_str().into());
    views::Moment { at: line.at, what: line.what.as_str().into(), by, entry: None }
}

pub(super) fn delivery_state(record: &NoticeRecord, now: Timestamp) -> views::DeliveryState {
    match record.state {
        DeliveryState::Requested if record.notice.hold_until.is_some_and(|until| until > now) => {
            views::DeliveryState::Held
        }
        DeliveryState::Requested => views::DeliveryState::Pending,
        DeliveryState::Retrying => views::DeliveryState::Retrying,
        DeliveryState::Accepted => views::DeliveryState::Accepted,
        DeliveryState::Confirmed => views::DeliveryState::Confirmed,
        DeliveryState::Rejected => views::DeliveryState::Rejected,
        DeliveryState::Expired => views::DeliveryState::Expired,
        DeliveryState::Stopped => views::DeliveryState::Stopped,
    }
}

pub(super) fn delivery(record: &NoticeRecord, now: Timestamp) -> views::Delivery {
    views::Delivery {
        notice: record.notice.id.to_string(),
        kind: record.notice.kind.as_str().into(),
        channel: record.notice.channel.as_str().into(),
        state: delivery_state(record, now),
        attempts: record.attempts,
        decided_at: record.notice.decided_at,
        hold_until: record.notice.hold_until,
        accepted_at: record.accepted_at,
        confirmed_at: record.confirmed_at,
        next_at: record.next_attempt_at,
        receipt: record.receipts.last().map(|receipt| receipt.as_str().into()),
        problem: record.problem.as_ref().map(|problem| problem.as_str().into()),
    }
}

/// The arithmetic lies in the alert itself; without it (too old to be remembered) what the incident kept is shown.
pub(super) fn alert_row(fact: &AlertFact, mode: Mode, model: &ReadModel) -> views::AlertRow {
    let alert = model.alert(fact.id);
    let (observed, expected, unit, p_value) = match &alert {
        Some(alert) => (alert.observed, alert.expected, alert.unit.as_str().into(), alert.p_value),
        None => {
            (f64::NAN, f64::NAN, "".into(), fact.surprise_milli.map(|milli| 10_f64.powf(-f64::from(milli) / 1000.0)))
        }
    };
    views::AlertRow {
        id: fact.id.to_string(),
        detector: fact.detector.as_str().into(),
        severity: severity(fact.severity),
        raised_at: fact.raised_at,
        window_from: fact.window.from,
        window_to: fact.window.to,
        entity: fact.entity.clone(),
        why: fact.why.as_str().into(),
        observed,
        expected,
        unit,
        p_value,
        page: fact.page,
        actor_known_by: fact.actor_known_by.as_str(),
        affected_records: fact.affected_records,
        attack: fact.attack.iter().map(|technique| technique.as_str().into()).collect(),
        evidence: fact.evidence.iter().map(evidence).collect(),
        mode,
    }
}

/// An alert as the topic or its incident has it; `None`: neither remembers it.
pub(super) fn alert_page(id: AlertId, model: &ReadModel, now: Timestamp) -> Option<views::AlertPage> {
    let raised = model.alert(id);
    let casebook = model.casebook();
    // Where it goes on, if its incident was merged into another one.
    let (merged, others): (Vec<&Incident>, Vec<&Incident>) =
        casebook.incidents().partition(|incident| incident.merged_into.is_some());
    let kept = others
        .into_iter()
        .chain(merged)
        .find_map(|incident| Some((incident.id, incident.mode, incident.alerts.iter().find(|fact| fact.id == id)?)));
    let incident = kept.map(|(incident, ..)| incident.to_string());
    let (fact, mode) = match (&raised, kept) {
        (Some(alert), _) => (AlertFact::from(alert), alert.mode),
        (None, Some((_, mode, fact))) => (fact.clone(), mode),
        (None, None) => return None,
    };
    drop(casebook);
    let verdicts = model.judgements(id).into_iter().map(|judgement| views::AlertVerdict {
        verdict: judgement.ruling.as_str().into(),
        label: ruling(judgement.ruling).0.into(),
        by: judgement.by.into(),
        reason: judgement.reason.into(),
        at: judgement.at,
        exception_until: judgement.exception_until,
        entry: judgement.entry,
    });
    let choice = |one: Ruling| {
        let (label, consequence) = ruling(one);
        let (verdict, takes_exception) = (one.as_str().into(), one == Ruling::Expected);
        views::RulingChoice { verdict, label: label.into(), consequence: consequence.into(), takes_exception }
    };
    Some(views::AlertPage {
        at: now,
        subject: fact.subject.clone(),
        figures: fact
            .figures
            .iter()
            .map(|figure| views::Figure { name: figure.name.as_str().into(), words: figure.words.as_str().into() })
            .collect(),
        incident,
        verdicts: verdicts.collect(),
        rulings: if mode.is_drill() { Vec::new() } else { Ruling::ALL.into_iter().map(choice).collect() },
        exception_days_max: u64::try_from(detector::limits::VERDICT_EXCEPTION_DAYS_MAX).unwrap_or(0),
        summary: alert_row(&fact, mode, model),
    })
}

/// What a ruling is called, and what the detector makes of it.
fn ruling(ruling: Ruling) -> (&'static str, &'static str) {
    match ruling {
        Ruling::Expected => (
            "Expected: a new normal",
            "What was left out of the usual because of this alert is learned, from the second full hour from now on.",
        ),
        Ruling::BenignOnce => (
            "Harmless, this once",
            "It is on record and nothing is learned from it; an exception given with an earlier verdict ends.",
        ),
        Ruling::True => (
            "A breach",
            "What was left out is never learned, and what was first met on that day is forgotten; an exception given with an earlier \
             verdict ends. Whether time limits run is said on the incident's page.",
        ),
    }
}

fn affected(incident: &Incident) -> views::Affected {
    let affected = &incident.affected();
    let located = incident.located.as_ref();
    let place = |of: Residence| views::AffectedPlace {
        place: of.place.into(),
        lower: of.count.lower,
        upper: of.count.upper,
        by_person: of.by_person,
        directory: of.n_directory,
    };
    let AffectedRecords { lower, estimate, upper, .. } = *affected;
    let people = affected.people.map(|AffectedPeople { lower, estimate, upper }| views::AffectedPeople {
        lower,
        estimate,
        upper,
    });
    let table = |of: &AffectedTable| views::AffectedTable {
        table: of.table.as_str().into(),
        lower: of.lower,
        estimate: of.estimate,
        upper: of.upper,
    };
    views::Affected {
        lower,
        estimate,
        upper,
        reason: affected.reason.as_str().into(),
        people,
        people_reason: affected.people_reason.as_str().into(),
        places: incident.residences().into_iter().map(place).collect(),
        places_reason: located.map_or("", |located| &located.reason).into(),
        directory: located.map_or("", |located| &located.directory).into(),
        tables: affected.tables.iter().map(table).collect(),
        n_tables_beyond: affected.n_tables_beyond,
    }
}

fn evidence(evidence: &Evidence) -> Text {
    match evidence {
        Evidence::Topic { topic, partition, offset } => format!("{topic} {partition} @ {offset}").into(),
        Evidence::File { input, line } => format!("{input} line {line}").into(),
    }
}
