//! A desk with fixed answers: live incidents, a drill, hostile text, many deadlines, many alerts.
//!
//! Used by the example, by the tests over HTTP and by the browser check. Commands change nothing but are remembered, so
//! that a test can see what arrived.

use activity::{DataClass, DrillId, Entity, EntityKind, Mode, Span, Timestamp};
use console::{
    Action, CommandReceipt, CommandRefusal, CommandRequest, Desk, DrillRequest, DrillStarted, Hook, HookPending,
    HookReceipt, HookRefusal, HookRequest, JudgeReceipt, JudgeRequest, LinkPage, LinkRefusal, Pending, Readiness, Text,
    views::*,
};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::Notify;

/// What the world puts into logs to hurt whoever reads them.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u{1b}[31mred\u{202e}txt.exe {{7*7}} &amp; javascript:alert(3)";

/// 2026-03-04 03:02:10 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_772_593_330);

const DRILL: DrillId = DrillId(0x00c0_ffee);

pub(crate) struct SampleDesk {
    /// The text of INC-8.
    pub(crate) hostile: Mutex<String>,
    pub(crate) commands: Mutex<Vec<CommandRequest>>,
    pub(crate) judged: Mutex<Vec<JudgeRequest>>,
    /// Tokens of links whose button was pressed.
    pub(crate) answered: Mutex<Vec<String>>,
    /// What was posted to hooks.
    pub(crate) hooked: Mutex<Vec<HookRequest>>,
    pub(crate) unready: AtomicBool,
    pub(crate) stuck: AtomicBool,
    /// A note `wait` has arrived, and waits for `release`.
    pub(crate) arrived: Notify,
    pub(crate) release: Notify,
}

impl Default for SampleDesk {
    fn default() -> Self {
        SampleDesk {
            hostile: Mutex::new(HOSTILE.into()),
            commands: Mutex::default(),
            judged: Mutex::default(),
            answered: Mutex::default(),
            hooked: Mutex::default(),
            unready: AtomicBool::default(),
            stuck: AtomicBool::default(),
            arrived: Notify::default(),
            release: Notify::default(),
        }
    }
}

impl SampleDesk {
    fn pages(&self) -> [IncidentPage; 4] {
        [payroll(), hostile(&self.hostile.lock().expect("no test panics while it holds this")), drill(), closed()]
    }
}

impl Desk for SampleDesk {
    fn sources(&self) -> serde_json::Value {
        serde_json::json!({"sources": [{"source": "audit", "records": 7}], "tables": [], "gaps": []})
    }

    fn overview(&self) -> Overview {
        Overview {
            at: NOW,
            deadlines: payroll()
                .deadlines
                .into_iter()
                .filter(|deadline| deadline.state == DeadlineState::Running)
                .map(|deadline| DeadlineOf {
                    incident: "INC-7".into(),
                    title: payroll().summary.title,
                    mode: Mode::Live,
                    deadline,
                })
                .collect(),
            incidents: self.pages().into_iter().map(|page| page.summary).collect(),
            incidents_left_off: 3,
            counts: [("open", 2), ("acknowledged", 1), ("closed", 4)]
                .map(|(state, incidents)| StateCount { state: state.into(), incidents })
                .into(),
            readiness: self.readiness(),
            troubles: vec!["Channel servicenow: one notice has waited for 14 min, the service answers 503.".into()],
        }
    }

    fn incident(&self, id: &str) -> Option<IncidentPage> {
        self.pages().into_iter().find(|page| page.summary.id == id)
    }

    fn draft(&self, incident: &str, number: u32) -> Option<DraftPage> {
        let page = self.incident(incident)?;
        let summary = page.drafts.iter().find(|draft| draft.number == number)?.clone();
        Some(draft_page(&page, summary))
    }

    fn mailing(&self, incident: &str, number: u32) -> Option<MailingPage> {
        let draft = self.draft(incident, number)?;
        let sent = draft.sent.into_iter().next_back()?;
        Some(MailingPage {
            at: NOW,
            incident: draft.incident,
            draft: number,
            version: sent.version,
            sha256: sent.sha256,
            summary: sent.mailing?,
            people: vec![NotTold { employee: draft.summary.title, why: "no_address" }],
            n_beyond: 6,
        })
    }

    fn alerts(&self) -> AlertsPage {
        let alerts = self.pages().into_iter().take(3).flat_map(|page| page.alerts);
        let alerts = alerts.map(|alert| AlertRow { page: false, ..alert }).collect();
        let text = self.hostile.lock().expect("no test panics while it holds this").clone();
        let digests = payroll().deliveries.into_iter().chain(hostile(&text).deliveries);
        let digests = digests.map(|delivery| Delivery { kind: "digest".into(), hold_until: None, ..delivery });
        AlertsPage { at: NOW, alerts, digests: digests.collect() }
    }

    fn alert(&self, id: &str) -> Option<AlertPage> {
        self.pages().into_iter().find_map(|page| {
            let alert = page.alerts.iter().find(|alert| alert.id == id)?;
            Some(alert_page(alert, &page))
        })
    }

    fn drill(&self, id: &str) -> Option<DrillReport> {
        (id == DRILL.to_string()).then(|| DrillReport {
            drill_id: DRILL.to_string(),
            scenario: "payroll_dump".into(),
            started_at: NOW - Span::from_minutes(3),
            started_by: "Ada".into(),
            state: DrillState::Failed,
            detected_after: Some(Span::from_millis(4_250)),
            incident: Some("INC-9".into()),
            channels: vec![
                DrillChannel {
                    channel: "pagerduty".into(),
                    state: DeliveryState::Confirmed,
                    attempts: 1,
                    accepted_after: Some(Span::from_millis(4_900)),
                    confirmed_after: Some(Span::from_millis(9_100)),
                },
                DrillChannel {
                    channel: "servicenow".into(),
                    state: DeliveryState::Retrying,
                    attempts: 5,
                    accepted_after: None,
                    confirmed_after: None,
                },
            ],
            problems: vec!["servicenow did not accept within 2 min".into()],
        })
    }

    fn readiness(&self) -> Readiness {
        let unready = self.unready.load(Ordering::Relaxed);
        Readiness { ready: !unready, reasons: unready.then(|| "state is being restored".into()).into_iter().collect() }
    }

    fn live(&self) -> bool {
        !self.stuck.load(Ordering::Relaxed)
    }

    fn metrics(&self) -> String {
        "# TYPE breachd_incidents gauge\nbreachd_incidents{state=\"open\"} 2\n".into()
    }

    fn command(&self, command: CommandRequest) -> Pending<'_, CommandReceipt> {
        let answer = match (command.incident.as_str(), &command.action) {
            ("INC-3", _) => Err(CommandRefusal::Conflict("`INC-3` is closed".into())),
            (_, Action::Verdict { verdict, .. }) if verdict == "unknown" => {
                Err(CommandRefusal::Invalid("`unknown` is no verdict".into()))
            }
            (_, Action::Note { text }) if text.as_str() == "no journal" => {
                Err(CommandRefusal::Unavailable("the journal did not answer within 5 s".into()))
            }
            (incident, _) => {
                Ok(CommandReceipt { incident: incident.into(), state: "acknowledged".into(), entry: Some(412) })
            }
        };
        let wait = matches!(&command.action, Action::Note { text } if text.as_str() == "wait");
        self.commands.lock().expect("no test panics while it holds this").push(command);
        Box::pin(async move {
            if wait {
                self.arrived.notify_one();
                self.release.notified().await;
            }
            answer
        })
    }

    fn judge_alert(&self, request: JudgeRequest) -> Pending<'_, JudgeReceipt> {
        self.judged.lock().expect("no test panics while it holds this").push(request.clone());
        let JudgeRequest { alert, verdict, exception, .. } = request;
        Box::pin(async move {
            match verdict.as_str() {
                "expected" | "true" | "benign_once"
                    if exception.as_ref().is_none_or(|exception| exception["until"].is_string()) =>
                {
                    Ok(JudgeReceipt { alert_id: alert, verdict, entry: 413 })
                }
                _ => Err(CommandRefusal::Invalid("not a verdict".into())),
            }
        })
    }

    fn start_drill(&self, request: DrillRequest) -> Pending<'_, DrillStarted> {
        Box::pin(async move {
            match request.scenario.as_str() {
                "payroll_dump" => Ok(DrillStarted { drill_id: DRILL.to_string() }),
                _ => Err(CommandRefusal::NotFound),
            }
        })
    }

    fn link(&self, token: &str) -> Result<LinkPage, LinkRefusal> {
        let until = NOW + Span::from_hours(72);
        let about = Text::from(self.hostile.lock().expect("no test panics while it holds this").as_str());
        let page =
            LinkPage { question: "Acknowledge INC-7".into(), about, who: "Ada".into(), until, drill: true, done: None };
        match token {
            "good.tag" => Ok(page),
            "done.tag" => Ok(LinkPage { done: Some("Ben looks after it.".into()), ..page }),
            "old.tag" => Err(LinkRefusal::Expired("its time is over".into())),
            _ => Err(LinkRefusal::Forged("it is not one of ours".into())),
        }
    }

    fn hook(&self, request: HookRequest) -> HookPending<'_> {
        self.hooked.lock().expect("no test panics while it holds this").push(request.clone());
        Box::pin(async move {
            match request.headers.get("x-signature").map(String::as_str) {
                _ if matches!(&request.hook, Hook::Channel(name) if name != "pager") => Err(HookRefusal::Unknown),
                Some("good") => Ok(HookReceipt { outcome: "taken" }),
                Some("slow") => Err(HookRefusal::Unavailable("the command could not be sent".into())),
                Some("odd") => Err(HookRefusal::Invalid("`kind` is none of those it may report".into())),
                _ => Err(HookRefusal::Forged("no signature fits".into())),
            }
        })
    }

    fn answer_link(&self, token: String) -> Pending<'_, ()> {
        self.answered.lock().expect("no test panics while it holds this").push(token.clone());
        Box::pin(async move {
            match token.as_str() {
                "good.tag" => Ok(()),
                _ => Err(CommandRefusal::Conflict("Ben looks after it already".into())),
            }
        })
    }
}

/// Hostile wherever the incident is.
fn draft_page(page: &IncidentPage, summary: DraftRow) -> DraftPage {
    let text = |plain: &str| if page.summary.id == "INC-8" { page.summary.title.clone() } else { Text::from(plain) };
    let version = |version: u32, phase| DraftVersion {
        version,
        at: NOW - Span::from_hours(1),
        by: text("policy"),
        because: text("the time limit of GDPR Art. 33 runs"),
        phase,
        sha256: "ab".repeat(32),
        n_open: 2,
    };
    DraftPage {
        at: NOW,
        incident: page.summary.id.clone(),
        mode: page.summary.mode,
        name: text("GDPR Art. 33: supervisory authority"),
        notes: text("Hours run through nights and weekends."),
        language: "en",
        approval: "by_exception",
        approvers: vec![text("Ada"), text("Bob")],
        channel: Some(text("authority")),
        text: "# Notification\n\n[?] Not known yet: why.\n".into(),
        sha256: "ab".repeat(32),
        html: "<div class=\"document\" lang=\"en\" dir=\"ltr\">\n<h2>Notification</h2>\n<p class=\"open\"><strong>Not known yet: why.</strong></p>\n\
               <table>\n<caption>Numbers</caption>\n<thead>\n<tr><th scope=\"col\">What</th><th scope=\"col\">At least</th></tr>\n</thead>\n<tbody>\n\
               <tr><th scope=\"row\">People</th><td>598</td></tr>\n</tbody>\n</table>\n</div>\n"
            .into(),
        open: vec!["nature".into(), "consequences".into()],
        stale: true,
        fields: vec![
            DraftField { field: "nature", text: text("somebody used a shared password").to_string() },
            DraftField { field: "consequences", text: String::new() },
        ],
        versions: vec![version(1, "initial"), version(2, "initial")],
        sent: vec![DraftSent {
            version: 1,
            sha256: "ab".repeat(32),
            at: NOW - Span::from_minutes(30),
            by: text("policy"),
            because: text("its hold is over, and nobody stopped it; who could have: Ada, Bob"),
            notice: Some("5f1c0e7a9b3d4e215f1c0e7a9b3d4e21".into()),
            could_stop: vec![text("Ada"), text("Bob")],
            failed: None,
            mailing: Some(mailing(text("by Ada: the wrong text"))),
        }],
        to_each: false,
        is_mailing: false,
        can_change: page.summary.open,
        summary,
    }
}

/// Stopped on its way.
fn mailing(stopped: Text) -> Mailing {
    Mailing {
        state: "stopped",
        n: 598,
        n_reached: 500,
        n_left: 91,
        n_on_the_way: 60,
        not_reached: vec![NotReached { why: "no_address", n: 5 }, NotReached { why: "refused", n: 2 }],
        concerned_at_least: 598,
        concerned_at_most: Some(700),
        started_at: Some(NOW - Span::from_minutes(30)),
        completed_at: None,
        stopped: Some(stopped),
    }
}

/// Hostile wherever the incident is.
fn alert_page(alert: &AlertRow, page: &IncidentPage) -> AlertPage {
    let text = |plain: &str| if page.summary.id == "INC-8" { alert.why.clone() } else { Text::from(plain) };
    let figure = |name: &str, words: &str| Figure { name: name.into(), words: text(words) };
    let verdict = |verdict: &str, label: &str, exception_until, entry| AlertVerdict {
        verdict: verdict.into(),
        label: label.into(),
        by: text("Grace Hopper"),
        reason: text("the yearly audit, CHG-1234"),
        at: NOW - Span::from_hours(2),
        exception_until,
        entry,
    };
    let choice = |verdict: &str, label: &str, consequence: &str| RulingChoice {
        verdict: verdict.into(),
        label: label.into(),
        consequence: consequence.into(),
        takes_exception: verdict == "expected",
    };
    let live = !alert.mode.is_drill();
    AlertPage {
        at: NOW,
        summary: alert.clone(),
        subject: page.summary.subject.clone(),
        figures: vec![
            figure("seen", "seen: 1,840 rows in the hour of Monday 20:00 UTC"),
            figure("usual", "usual: 12 rows in an hour, active in 40 % of such hours; known from 212 active hours"),
            figure(
                "probability",
                "probability of that much or more if nothing had changed: 1.2e-9; pages up to 4.0e-7",
            ),
            figure(
                "normal",
                "normal: the hour stays out of the baseline, and the verdict `expected` learns it at once",
            ),
        ],
        incident: Some(page.summary.id.clone()),
        verdicts: if live {
            vec![
                verdict("benign_once", "Harmless, this once", None, 407),
                verdict("expected", "Expected", Some(NOW + Span::from_hours(24 * 7)), 409),
            ]
        } else {
            Vec::new()
        },
        rulings: if live {
            vec![
                choice("expected", "Expected: a new normal", "What was left out of the baseline is learned."),
                choice("benign_once", "Harmless, this once", "It is on record, and nothing is learned from it."),
                choice("true", "A breach", "What was left out of the baseline is never learned."),
            ]
        } else {
            Vec::new()
        },
        exception_days_max: 28,
    }
}

fn row(id: &str, title: &str, subject: Entity, severity: Severity) -> IncidentRow {
    IncidentRow {
        id: id.into(),
        title: title.into(),
        subject,
        severity,
        state: "open".into(),
        open: true,
        owner: None,
        mode: Mode::Live,
        opened_at: NOW - Span::from_minutes(31 * 60 - 12),
        data_classes: DataClass::Hr.into(),
        n_alerts: 2,
        affected_records: 1840,
        nearest_deadline: None,
    }
}

fn deadline(obligation: &str, name: &str, recipient: &str, legal: &str, hours: i64, state: DeadlineState) -> Deadline {
    let aware_at = NOW - Span::from_minutes(30 * 60 + 48);
    Deadline {
        obligation: obligation.into(),
        name: name.into(),
        recipient: recipient.into(),
        legal_reference: legal.into(),
        aware_at: Some(aware_at),
        due_at: (hours > 0).then(|| aware_at + Span::from_hours(hours)),
        state,
        reckoning: format!("awareness at {aware_at}; {hours} h after that").as_str().into(),
        condition: "unless a risk to people is unlikely".into(),
        assumed: vec!["at least 500 residents".into()],
        counted: "12 to 640 in US-CA; 598 in all".into(),
        law: "2026-11-26 (SHA-256 0123456789abcdef…)".into(),
        revised: "".into(),
        after: vec!["us-md-ag".into()],
    }
}

fn actions() -> Actions {
    let choice = |verdict: &str, label: &str, consequence: &str| VerdictChoice {
        verdict: verdict.into(),
        label: label.into(),
        consequence: consequence.into(),
    };
    Actions {
        acknowledge: true,
        note: true,
        contain: true,
        close: true,
        reopen: false,
        organise: true,
        verdicts: vec![
            choice("breach", "Breach", "Five deadlines start now; the first is the 72 hours of GDPR article 33."),
            choice("authorised", "Unusual but authorised", "No deadline runs. breachd learns this level for the user."),
            choice("false_alarm", "False alarm", "No deadline runs."),
        ],
    }
}

/// A live, critical incident with everything on it.
fn payroll() -> IncidentPage {
    let subject = Entity::new(EntityKind::PortalUser, "u1042");
    let why = "read 1,840 rows of hr_payroll in 5 min; 12 is usual for payroll clerks on Monday 21:00";
    let deadlines = vec![
        deadline(
            "eu-gdpr-33-authority",
            "GDPR notification",
            "supervisory authority",
            "GDPR art. 33(1)",
            72,
            DeadlineState::Running,
        ),
        deadline(
            "us-tx-authority",
            "Texas notification",
            "Attorney General",
            "Tex. Bus. & Com. Code § 521.053(i)",
            30 * 24,
            DeadlineState::Running,
        ),
        deadline(
            "us-ny-shield",
            "New York notification",
            "affected residents",
            "N.Y. Gen. Bus. Law § 899-aa",
            30 * 24,
            DeadlineState::Running,
        ),
        deadline(
            "eu-gdpr-34-persons",
            "GDPR communication",
            "data subjects",
            "GDPR art. 34(1)",
            0,
            DeadlineState::Running,
        ),
        deadline("contract-insurer", "Cyber insurance notice", "insurer", "policy § 7.2", 24, DeadlineState::Missed),
        deadline(
            "contract-works-council",
            "Works council",
            "works council",
            "agreement 2024-03",
            12,
            DeadlineState::Met,
        ),
    ];
    let mut summary = row("INC-7", "u1042 reads far more payroll rows than usual", subject.clone(), Severity::Critical);
    summary.nearest_deadline = Some(deadlines[0].clone());
    let delivery = |notice: &str, channel: &str, state| Delivery {
        notice: notice.into(),
        kind: "opened".into(),
        channel: channel.into(),
        state,
        attempts: 1,
        decided_at: summary.opened_at,
        hold_until: None,
        accepted_at: None,
        confirmed_at: None,
        next_at: None,
        receipt: None,
        problem: None,
    };
    let at = |seconds| Some(summary.opened_at + Span::from_secs(seconds));
    let task = |task, title: &str, due_at, state| Task {
        task,
        title: title.into(),
        owner: Some("Grace Hopper".into()),
        due_at,
        state,
        added_by: "Ada".into(),
        done_by: None,
        done_at: None,
        outcome: None,
    };
    let done = Task {
        done_by: Some("Grace Hopper".into()),
        done_at: Some(NOW - Span::from_minutes(12)),
        outcome: Some("locked at 21:40".into()),
        ..task(1, "lock the account", None, TaskState::Done)
    };
    IncidentPage {
        at: NOW,
        life: Life {
            assigned_by: Some("Ada".into()),
            tasks: vec![
                done,
                task(2, "ask the payroll office", Some(NOW - Span::from_minutes(5)), TaskState::Overdue),
                task(3, "keep the access logs", None, TaskState::Open),
            ],
            merged: vec!["INC-5".into()],
            split_into: vec!["INC-8".into()],
            n_reopened: 1,
            n_inhibited: 3,
            ..Life::default()
        },
        affected: Affected {
            lower: 612,
            estimate: 612,
            upper: 1840,
            reason: "at least: different ids in the alerts' hours, each counted once; at most: rows added up".into(),
            people: Some(AffectedPeople { lower: 598, estimate: 598, upper: 598 }),
            people_reason: "different employees' numbers, over all tables".into(),
            places: vec![AffectedPlace {
                place: "US-CA".into(),
                lower: 12,
                upper: Some(640),
                by_person: false,
                directory: Some(700),
            }],
            places_reason: "at least: different employees whom alerts name, each where the directory says".into(),
            directory: "5f1c0e7a9b3d4e215f1c0e7a9b3d4e215f1c0e7a9b3d4e215f1c0e7a9b3d4e21".into(),
            tables: vec![AffectedTable { table: "hr.hr_payroll".into(), lower: 612, estimate: 612, upper: 612 }],
            n_tables_beyond: 0,
        },
        missed_by_number: vec![Missed {
            name: "Maryland: the attorney general".into(),
            because: "it takes at least 1 residents; here it is 0".into(),
        }],
        verdict: None,
        reasons: vec![why.into(), "first time this user reads hr.hr_bank_details; no payroll clerk has in 28 d".into()],
        drafts: vec![DraftRow {
            number: 1,
            title: "Notification of a personal data breach (initial notification)".into(),
            obligation: "eu-gdpr-33-authority".into(),
            state: "held",
            version: 2,
            n_open: 2,
            goes_at: Some(NOW + Span::from_hours(3)),
        }],
        deliveries: vec![
            Delivery {
                accepted_at: at(1),
                confirmed_at: at(4),
                receipt: Some("incident Q2ABCDEF, dedup key 5f1c0e7a9b3d4e21".into()),
                ..delivery("5f1c0e7a9b3d4e215f1c0e7a9b3d4e21", "pagerduty", DeliveryState::Confirmed)
            },
            Delivery {
                accepted_at: at(2),
                receipt: Some("250 2.0.0 Ok: queued as 4WxYz1".into()),
                ..delivery("6f1c0e7a9b3d4e215f1c0e7a9b3d4e21", "mail-privacy", DeliveryState::Accepted)
            },
            Delivery {
                attempts: 9,
                next_at: Some(NOW + Span::from_secs(45)),
                problem: Some("503 from the service".into()),
                ..delivery("7f1c0e7a9b3d4e215f1c0e7a9b3d4e21", "servicenow", DeliveryState::Retrying)
            },
            Delivery {
                problem: Some("401: the key is not accepted".into()),
                ..delivery("8f1c0e7a9b3d4e215f1c0e7a9b3d4e21", "webhook-siem", DeliveryState::Rejected)
            },
            Delivery {
                attempts: 0,
                hold_until: Some(NOW + Span::from_minutes(25)),
                ..delivery("9f1c0e7a9b3d4e215f1c0e7a9b3d4e21", "mail-works-council", DeliveryState::Held)
            },
        ],
        alerts: vec![
            AlertRow {
                id: "0af1c0e7a9b3d4e215f1c0e7a9b3d4e2".into(),
                detector: "volume".into(),
                severity: Severity::Critical,
                raised_at: summary.opened_at,
                window_from: summary.opened_at - Span::from_minutes(5),
                window_to: summary.opened_at,
                entity: Entity::new(EntityKind::UserTable, "u1042|hr.hr_payroll"),
                why: why.into(),
                observed: 1840.0,
                expected: 12.4,
                unit: "rows".into(),
                p_value: Some(1.2e-9),
                page: true,
                actor_known_by: "sql_tag",
                affected_records: 1840,
                attack: vec!["T1213".into()],
                evidence: vec!["logs.mariadb.audit 0 @ 123".into(), "logs.mariadb.audit 0 @ 124".into()],
                mode: Mode::Live,
            },
            AlertRow {
                id: "1af1c0e7a9b3d4e215f1c0e7a9b3d4e2".into(),
                detector: "dump_shape".into(),
                severity: Severity::High,
                raised_at: summary.opened_at,
                window_from: summary.opened_at - Span::from_minutes(1),
                window_to: summary.opened_at,
                entity: Entity::new(EntityKind::DbAccount, "magento@10.0.3.7"),
                why: "a statement has the shape of a dump tool".into(),
                observed: 1.0,
                expected: 0.0,
                unit: "statements".into(),
                p_value: None,
                page: true,
                actor_known_by: "db_account",
                affected_records: 0,
                attack: vec![],
                evidence: vec!["audit line 5107".into()],
                mode: Mode::Live,
            },
        ],
        timeline: [
            (0, "Opened: volume, critical.", None, Some(398)),
            (1, "Notice opened accepted by pagerduty.", None, Some(399)),
            (4, "Notice opened confirmed by pagerduty.", None, Some(401)),
            (
                720,
                "Data classes and five deadlines confirmed; aware since this moment.",
                Some("Grace Hopper"),
                Some(405),
            ),
        ]
        .into_iter()
        .map(|(seconds, what, by, entry): (i64, &str, Option<&str>, Option<u64>)| Moment {
            at: summary.opened_at + Span::from_secs(seconds),
            what: what.into(),
            by: by.map(Text::from),
            entry,
        })
        .collect(),
        actions: actions(),
        deadlines,
        summary,
    }
}

/// Every free text is an attack.
fn hostile(text: &str) -> IncidentPage {
    let mut page = payroll();
    page.summary = row("INC-8", text, Entity::new(EntityKind::PortalUser, text), Severity::High);
    page.summary.owner = Some(text.into());
    page.life.assigned_by = Some(text.into());
    page.life.tasks[0].title = text.into();
    page.life.tasks[0].outcome = Some(text.into());
    page.life.tasks[1].owner = Some(text.into());
    page.reasons = vec![text.into(), "x".repeat(400).into()];
    page.affected.tables[0].table = text.into();
    page.deadlines.truncate(1);
    page.deadlines[0].name = text.into();
    page.drafts[0].title = text.into();
    for alert in &mut page.alerts {
        alert.why = text.into();
        alert.detector = text.into();
        alert.entity = Entity::new(EntityKind::UserTable, format!("{text}|hr.x"));
        alert.evidence = vec![text.into(); 12];
        alert.id.replace_range(1..2, "8");
    }
    for delivery in &mut page.deliveries {
        delivery.receipt = Some(text.into());
        delivery.problem = Some(text.into());
    }
    for moment in &mut page.timeline {
        moment.what = text.into();
        moment.by = Some(text.into());
    }
    page.actions.verdicts[0].label = text.into();
    page.verdict =
        Some(Verdict { verdict: "breach".into(), label: text.into(), by: text.into(), at: page.summary.opened_at });
    page
}

fn drill() -> IncidentPage {
    let mut page = payroll();
    let mode = Mode::Drill(DRILL);
    page.summary.id = "INC-9".into();
    page.summary.title = "shadow-u1 reads far more payroll rows than usual".into();
    page.summary.subject = Entity::new(EntityKind::PortalUser, "shadow-u1");
    page.summary.mode = mode;
    page.summary.severity = Severity::Medium;
    page.summary.state = "acknowledged".into();
    page.summary.owner = Some("Ada".into());
    for deadline in &mut page.deadlines {
        deadline.state = DeadlineState::Simulated;
    }
    page.summary.nearest_deadline = Some(page.deadlines[0].clone());
    for alert in &mut page.alerts {
        alert.id.replace_range(1..2, "9");
        alert.mode = mode;
    }
    page.actions.acknowledge = false;
    page
}

fn closed() -> IncidentPage {
    let mut page = payroll();
    page.summary =
        row("INC-3", "log source access fell silent", Entity::new(EntityKind::Source, "access"), Severity::Low);
    page.summary.state = "closed".into();
    page.summary.open = false;
    page.summary.owner = Some("Grace Hopper".into());
    page.summary.data_classes = activity::DataClasses::EMPTY;
    page.summary.affected_records = 0;
    page.reasons = vec!["nothing came from access for 14 min; 40 s is usual".into()];
    page.deadlines.clear();
    page.drafts.clear();
    page.deliveries.clear();
    page.alerts.clear();
    page.verdict = Some(Verdict {
        verdict: "false_alarm".into(),
        label: "False alarm".into(),
        by: "Grace Hopper".into(),
        at: NOW - Span::from_hours(20),
    });
    page.life = Life { merged_into: Some("INC-7".into()), ..Life::default() };
    page.actions = Actions::default();
    page
}
