//! The console's other side: answers from the read model, and sends commands where everybody's commands go.

mod drafts;
pub mod follower;
mod hooks;
mod life;
mod links;
mod views;

use crate::{asked, context::Context, drill::inject, settings::limits, sources, wall};
use activity::{DrillId, Mode, Timestamp};
use console::{
    Action, CommandReceipt, CommandRefusal, CommandRequest, DrillRequest, DrillStarted, HookPending, HookRequest,
    JudgeReceipt, JudgeRequest, LinkPage, LinkRefusal, Pending, Readiness, views as shown,
};
use detector::{AlertId, Ruling, VerdictException};
use follower::{CarriedOut, ReadModel};
use incident::{AlertFact, Command, Incident, IncidentId, IncidentState, Verdict};
use law::Moment;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long a command may take until the journal has it.
const COMMAND_WAIT: Duration = Duration::from_secs(10);

/// A drill that has not been detected and delivered after this long has failed.
const DRILL_WAIT: activity::Span = activity::Span::from_minutes(10);

/// How long a drill's report waits for confirmations of what was accepted.
const CONFIRMATION_WAIT: activity::Span = activity::Span::from_secs(2);

pub struct Desk {
    context: Arc<Context>,
    model: Arc<ReadModel>,
    sent: AtomicU64,
    /// What programs posted.
    memory: hooks::Memory,
}

impl Desk {
    pub fn new(context: Arc<Context>, model: Arc<ReadModel>) -> Desk {
        Desk { context, model, sent: AtomicU64::new(0), memory: hooks::Memory::default() }
    }

    /// An id no other command has: instance, time and a running number.
    fn command_id(&self, now: Timestamp) -> String {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        format!("{}-{}-{number}", self.context.settings.instance, now.as_millis())
    }

    async fn send(&self, command: Command) -> Result<(), CommandRefusal> {
        let context = Arc::clone(&self.context);
        let sent = tokio::task::spawn_blocking(move || asked::send(context.broker.as_ref(), &context.topics, &command));
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CommandRefusal::Unavailable(format!("the command could not be sent: {error}"))),
            Err(_) => Err(CommandRefusal::Unavailable("the command could not be sent".into())),
        }
    }

    /// Whether the command can be carried out, as far as this copy of the casebook knows; what it would become else.
    fn prepare(&self, request: &CommandRequest, now: Timestamp) -> Result<Command, CommandRefusal> {
        let incident = IncidentId::parse(&request.incident).ok_or(CommandRefusal::NotFound)?;
        let casebook = self.model.casebook();
        if casebook.incident(incident).is_none() {
            return Err(CommandRefusal::NotFound);
        }
        let reason = |comment: &Option<console::Text>| {
            comment.as_ref().map_or_else(|| "no reason given".to_owned(), |text| text.to_string())
        };
        let action = match &request.action {
            Action::Acknowledge => incident::Action::Acknowledge,
            Action::Verdict { verdict, comment } => {
                let Some(verdict) = Verdict::ALL.into_iter().find(|candidate| candidate.as_str() == verdict) else {
                    return Err(CommandRefusal::Invalid(format!("`{verdict}` is no verdict")));
                };
                incident::Action::SetVerdict { verdict, reason: reason(comment), aware_at: None }
            }
            Action::Note { text } => incident::Action::Note { text: text.to_string() },
            Action::Contain { comment } => incident::Action::Contain { reason: reason(comment) },
            Action::Settle { obligation, how, told_at, comment } => incident::Action::Settle {
                told_at: *told_at,
                obligation: obligation.clone(),
                how: match how {
                    console::Settlement::Met => incident::Settlement::Met,
                    console::Settlement::NotRequired => incident::Settlement::NotRequired,
                },
                reason: reason(comment),
            },
            Action::RecordMoment { moment, since, comment } => {
                let Some(moment) = Moment::parse(moment) else {
                    return Err(CommandRefusal::Invalid(format!("`{moment}` starts no deadline")));
                };
                incident::Action::RecordMoment { moment, since: *since, reason: reason(comment) }
            }
            Action::CountPeople { place, lower, upper, comment } => incident::Action::CountPeople {
                place: place.clone(),
                lower: *lower,
                upper: *upper,
                reason: reason(comment),
            },
            Action::StopNotice { notice, comment } => {
                incident::Action::StopNotice { notice: incident::NoticeId(notice.clone()), reason: reason(comment) }
            }
            Action::Draft { draft, act, comment } => {
                incident::Action::Draft { draft: *draft, act: drafts::act(act)?, reason: reason(comment) }
            }
            Action::Close => incident::Action::Close,
            Action::Reopen { .. }
            | Action::Assign { .. }
            | Action::Unassign { .. }
            | Action::AddTask { .. }
            | Action::FinishTask { .. }
            | Action::ReopenTask { .. }
            | Action::Merge { .. }
            | Action::Split { .. } => life::action(&request.action)?,
        };
        let command = Command {
            id: self.command_id(now),
            by: format!("{} (name as given)", request.by),
            at: now,
            incident: Some(incident),
            action,
        };
        match casebook.command(now, &command) {
            Ok(_) => Ok(command),
            Err(refusal) => Err(CommandRefusal::Conflict(refusal.to_string())),
        }
    }

    async fn carry_out(&self, request: CommandRequest) -> Result<CommandReceipt, CommandRefusal> {
        let command = self.prepare(&request, wall::now())?;
        let incident = command.incident;
        let entry = self.journaled(command).await?;
        let casebook = self.model.casebook();
        let state = incident.and_then(|id| casebook.incident(id)).map_or("unknown", |incident| incident.state.as_str());
        Ok(CommandReceipt { incident: request.incident, state: state.into(), entry: Some(entry) })
    }

    /// Sends a command and waits until the journal has it: the number of its entry.
    async fn journaled(&self, command: Command) -> Result<u64, CommandRefusal> {
        let id = command.id.clone();
        self.send(command).await?;
        let done = async {
            loop {
                let changed = self.model.changed();
                if let Some(entry) = self.model.carried_out(&id) {
                    return entry;
                }
                // A change between the look and the wait is not lost for long.
                let _ = tokio::time::timeout(Duration::from_millis(200), changed).await;
            }
        };
        let carried = tokio::time::timeout(COMMAND_WAIT, done).await.map_err(|_| {
            CommandRefusal::Unavailable(
                "no notifier has journaled the command yet; it is kept and will be carried out".into(),
            )
        })?;
        answer(carried)
    }

    async fn judge(&self, request: JudgeRequest) -> Result<JudgeReceipt, CommandRefusal> {
        let now = wall::now();
        let invalid = |problem: String| CommandRefusal::Invalid(problem);
        let alert =
            AlertId::parse(&request.alert).ok_or_else(|| invalid("an alert's id is 32 hexadecimal digits".into()))?;
        let verdict = Ruling::ALL
            .into_iter()
            .find(|ruling| ruling.as_str() == request.verdict)
            .ok_or_else(|| invalid(format!("`{}` is none of `expected`, `benign_once`, `true`", request.verdict)))?;
        let exception = request
            .exception
            .map(serde_json::from_value::<VerdictException>)
            .transpose()
            .map_err(|error| invalid(format!("`exception`: {}", activity::printable(&error.to_string()))))?;
        let command = Command {
            id: self.command_id(now),
            by: format!("{} (name as given)", request.by),
            at: now,
            incident: None,
            action: incident::Action::JudgeAlert { alert, verdict, reason: request.reason.to_string(), exception },
        };
        if let Some(Err(error)) = command.alert_verdict() {
            return Err(invalid(error.to_string()));
        }
        let entry = self.journaled(command).await?;
        Ok(JudgeReceipt { alert_id: alert.to_string(), verdict: verdict.as_str().into(), entry })
    }

    async fn begin_drill(&self, request: DrillRequest) -> Result<DrillStarted, CommandRefusal> {
        if request.scenario != "insider_export" {
            return Err(CommandRefusal::Invalid(format!(
                "`{}` is no scenario; there is `insider_export`",
                request.scenario
            )));
        }
        if !self.context.drills.is_set() {
            return Err(CommandRefusal::Conflict(
                "drills need a key to sign their records: set `drill.key_file`".into(),
            ));
        }
        let now = wall::now();
        let drill = inject::new_id(now, (self.sent.fetch_add(1, Ordering::Relaxed) & 0xffff) as u16);
        let topics: BTreeMap<String, String> = self
            .context
            .settings
            .sources
            .iter()
            .rev()
            .filter_map(|source| Some((source.format.clone(), source.topic.clone()?)))
            .collect();
        let records = inject::records(&self.context.drills, drill, now, &topics);
        if records.is_empty() {
            return Err(CommandRefusal::Conflict("no source reads a format this drill has records in".into()));
        }
        let context = Arc::clone(&self.context);
        let injected = tokio::task::spawn_blocking(move || {
            let mut appender = context.broker.appender()?;
            inject::inject(appender.as_mut(), records)
        });
        match injected.await {
            Ok(Ok(n)) => tracing::info!(%drill, records = n, by = %activity::printable(&request.by), "drill began"),
            Ok(Err(error)) => {
                return Err(CommandRefusal::Unavailable(format!("the drill's records could not be sent: {error}")));
            }
            Err(_) => return Err(CommandRefusal::Unavailable("the drill's records could not be sent".into())),
        }
        Ok(DrillStarted { drill_id: drill.to_string() })
    }

    fn report(&self, drill: DrillId) -> Option<shown::DrillReport> {
        let now = wall::now();
        let started_at = inject::began_at(drill);
        if started_at > now || now - started_at > activity::Span::from_hours(366 * 24) {
            return None;
        }
        let casebook = self.model.casebook();
        let of_it: Vec<&Incident> =
            casebook.incidents().filter(|incident| incident.mode == Mode::Drill(drill)).collect();
        let first = of_it.iter().map(|incident| incident.opened_at).min();
        let notices: Vec<_> = of_it.iter().flat_map(|incident| &incident.notices).collect();
        let mut channels: BTreeMap<&str, shown::DrillChannel> = BTreeMap::new();
        for record in &notices {
            // The first notice of each channel is what was promised to arrive.
            channels.entry(&record.notice.channel).or_insert_with(|| shown::DrillChannel {
                channel: record.notice.channel.as_str().into(),
                state: views::delivery_state(record, now),
                attempts: record.attempts,
                accepted_after: record.accepted_at.map(|at| at - started_at),
                confirmed_after: record.confirmed_at.map(|at| at - started_at),
            });
        }
        // Confirmations follow at once, where a service can be asked at all; they are waited for a moment.
        let arrived = |channel: &shown::DrillChannel| {
            let accepted = channel.accepted_after.map(|after| started_at + after);
            accepted.is_some_and(|at| channel.confirmed_after.is_some() || now - at > CONFIRMATION_WAIT)
        };
        let delivered = !channels.is_empty() && channels.values().all(arrived);
        let lost = channels.values().any(|channel| channel.state.is_lost());
        let over = now - started_at > DRILL_WAIT;
        let state = match (delivered, lost || over) {
            (true, _) => shown::DrillState::Passed,
            (false, true) => shown::DrillState::Failed,
            (false, false) => shown::DrillState::Running,
        };
        let mut problems: Vec<console::Text> = Vec::new();
        if first.is_none() && over {
            problems.push("nothing was detected".into());
        }
        problems.extend(notices.iter().filter(|record| record.has_failed()).map(|record| {
            let why = record.problem.as_deref().unwrap_or("no reason given");
            format!("{} was not told: {why}", record.notice.channel).into()
        }));
        Some(shown::DrillReport {
            drill_id: drill.to_string(),
            scenario: "insider_export".into(),
            started_at,
            started_by: "".into(),
            state,
            detected_after: first.map(|at| at - started_at),
            incident: of_it.first().map(|incident| incident.id.to_string()),
            channels: channels.into_values().collect(),
            problems,
        })
    }
}

/// The number of the entry that carried a command out.
fn answer(CarriedOut { entry, refused }: CarriedOut) -> Result<u64, CommandRefusal> {
    refused.map_or(Ok(entry), |because| Err(CommandRefusal::Conflict(because)))
}

impl console::Desk for Desk {
    fn sources(&self) -> serde_json::Value {
        let states = self.model.sources();
        let report = sources::report(&self.context.settings.ingest(), &states, wall::now(), &HashMap::new());
        serde_json::to_value(report).unwrap_or_default()
    }

    fn overview(&self) -> shown::Overview {
        let now = wall::now();
        let casebook = self.model.casebook();
        let incidents = casebook.by_urgency();
        let mut deadlines: Vec<shown::DeadlineOf> = incidents
            .iter()
            .filter(|incident| incident.is_open())
            .flat_map(|incident| {
                incident.running_deadlines().into_iter().map(|running| shown::DeadlineOf {
                    incident: incident.id.to_string(),
                    title: views::title(incident),
                    mode: incident.mode,
                    deadline: views::deadline(incident, running, now),
                })
            })
            .collect();
        deadlines.sort_by_key(|of| (of.deadline.due_at.is_none(), of.deadline.due_at));
        deadlines.truncate(limits::DEADLINES_SHOWN);
        let counts = IncidentState::ALL.into_iter().map(|state| shown::StateCount {
            state: views::state(state),
            incidents: incidents.iter().filter(|incident| incident.state == state).count() as u64,
        });
        let notices = incidents.iter().flat_map(|incident| &incident.notices).chain(casebook.digests());
        let undeliverable = notices.filter(|record| record.undeliverable).count();
        let mut troubles: Vec<console::Text> = match undeliverable {
            0 => Vec::new(),
            1 => vec!["1 notice could not be delivered to anybody".into()],
            n => vec![format!("{n} notices could not be delivered to anybody").into()],
        };
        let open = incidents.iter().filter(|incident| incident.is_open() || incident.has_mails_left());
        troubles.extend(open.flat_map(|incident| {
            let of = |words: String| console::Text::from(format!("{}: {words}", incident.id));
            incident.drafts.iter().filter_map(incident::Draft::mails_wait).map(of)
        }));
        if !self.model.followed {
            troubles.push(
                "This process does not follow the incidents: it runs without the role `console`. Ask one that does."
                    .into(),
            );
        }
        if self.model.broken.load(Ordering::Acquire) {
            troubles.push("The journal's hash chain is broken: what is shown here ends before the break.".into());
        }
        shown::Overview {
            at: now,
            incidents_left_off: incidents.len().saturating_sub(limits::INCIDENTS_SHOWN) as u64,
            counts: counts.collect(),
            deadlines,
            readiness: self.readiness(),
            troubles,
            incidents: incidents
                .into_iter()
                .take(limits::INCIDENTS_SHOWN)
                .map(|incident| views::row(incident, now))
                .collect(),
        }
    }

    fn incident(&self, id: &str) -> Option<shown::IncidentPage> {
        let incident = self.model.casebook().incident(IncidentId::parse(id)?)?.clone();
        Some(views::page(&incident, &self.model, &self.context.latest().policy(), wall::now()))
    }

    fn draft(&self, incident: &str, number: u32) -> Option<shown::DraftPage> {
        let casebook = self.model.casebook();
        let incident = casebook.incident(IncidentId::parse(incident)?)?;
        drafts::page(casebook.policy(), incident, incident.draft(number)?, wall::now())
    }

    fn mailing(&self, incident: &str, number: u32) -> Option<shown::MailingPage> {
        let casebook = self.model.casebook();
        let incident = casebook.incident(IncidentId::parse(incident)?)?;
        drafts::mailing(incident, incident.draft(number)?, wall::now())
    }

    fn alerts(&self) -> shown::AlertsPage {
        let now = wall::now();
        let casebook = self.model.casebook();
        let ranked: Vec<(Mode, AlertFact)> = casebook.digest().map(|(_, mode, alert)| (mode, alert.clone())).collect();
        let mut digests: Vec<shown::Delivery> = casebook.digests().map(|record| views::delivery(record, now)).collect();
        drop(casebook);
        digests.reverse();
        let alerts = ranked.iter().map(|(mode, fact)| views::alert_row(fact, *mode, &self.model)).collect();
        shown::AlertsPage { at: now, alerts, digests }
    }

    fn alert(&self, id: &str) -> Option<shown::AlertPage> {
        views::alert_page(AlertId::parse(id)?, &self.model, wall::now())
    }

    fn drill(&self, id: &str) -> Option<shown::DrillReport> {
        self.report(DrillId::parse(id)?)
    }

    fn readiness(&self) -> Readiness {
        let reasons: Vec<console::Text> = self.context.healths.unready().into_iter().map(Into::into).collect();
        Readiness { ready: reasons.is_empty(), reasons }
    }

    fn live(&self) -> bool {
        self.context.healths.live()
    }

    fn metrics(&self) -> String {
        self.context.metrics.render()
    }

    fn command(&self, command: CommandRequest) -> Pending<'_, CommandReceipt> {
        Box::pin(self.carry_out(command))
    }

    fn judge_alert(&self, request: JudgeRequest) -> Pending<'_, JudgeReceipt> {
        Box::pin(self.judge(request))
    }

    fn start_drill(&self, request: DrillRequest) -> Pending<'_, DrillStarted> {
        Box::pin(self.begin_drill(request))
    }

    fn link(&self, token: &str) -> Result<LinkPage, LinkRefusal> {
        links::page(&self.context, &self.model, token, wall::now())
    }

    fn hook(&self, request: HookRequest) -> HookPending<'_> {
        Box::pin(self.take_hook(request))
    }

    fn answer_link(&self, token: String) -> Pending<'_, ()> {
        Box::pin(async move {
            let command = links::command(&self.context, &self.model, &token, wall::now())?;
            // Pressed twice: it is in the journal already.
            match self.model.carried_out(&command.id) {
                Some(carried) => answer(carried).map(drop),
                None => self.journaled(command).await.map(drop),
            }
        })
    }
}
