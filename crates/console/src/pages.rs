//! The pages: all incidents, one incident, help, what went wrong. HTML without a script.

use crate::{
    Action, Settlement,
    access::Caller,
    life::{self, LifeWords},
    limits::ROWS_MAX,
    problem::{Kind, Problem},
    routes::{self, Mistake, Office, Words},
    views::{Deadline, DeadlineState, Delivery, DeliveryState, IncidentPage, Overview, Severity},
    words,
};
use askama::{Template, filters::Safe};
use axum::{
    Extension, Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

const STYLE: &str = include_str!("../assets/console.css");

/// The style's address holds its hash: a browser may keep it for ever, and a new version has a new address.
static STYLE_FILE: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(STYLE.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("console-{hash}.css")
});

/// Marks a response as a page of ours, whatever its status.
#[derive(Clone, Copy)]
pub(crate) struct Written;

/// What the layout needs of each page.
pub(crate) struct Frame {
    /// Distinct for each page; ends in ` – breachd`.
    pub(crate) title: String,
    /// Which entry of the navigation this is: `incidents`, `alerts`, `help`, or none.
    pub(crate) here: &'static str,
}

impl Frame {
    pub(crate) fn new(title: &str, here: &'static str) -> Self {
        Frame { title: format!("{title} – breachd"), here }
    }

    /// Of a page with a form. Screen readers read the title first, so it says first what has come of the form.
    pub(crate) fn after_form(heading: &str, mistake: Option<&Mistake>, done: Option<&str>) -> Self {
        let title = match (mistake, done) {
            (Some(_), _) => format!("Error: {heading}"),
            (None, Some(done)) => format!("{done} {heading}"),
            (None, None) => heading.to_owned(),
        };
        Frame::new(&title, "")
    }

    pub(crate) fn style(&self) -> &'static str {
        &STYLE_FILE
    }

    pub(crate) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    view: Overview,
    n_open: u64,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentTemplate {
    frame: Frame,
    view: IncidentPage,
    form: CommandForm,
    form_token: String,
    mistake: Option<Mistake>,
    /// Said once, after a command was taken.
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    view: IncidentPage,
    form: CommandForm,
    form_token: String,
    /// "Record the verdict "Breach""
    question: String,
    consequence: String,
}

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    frame: Frame,
    kinds: [Kind; Kind::ALL.len()],
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

pub(crate) async fn overview(State(office): State<Arc<Office>>) -> Response {
    let view = office.desk.overview();
    let n_open = view.incidents.iter().filter(|incident| incident.open).count() as u64;
    let title = match n_open {
        0 => "No open incidents".to_owned(),
        _ => words::counted(&n_open, "open incident", "open incidents"),
    };
    page(StatusCode::OK, &OverviewPage { frame: Frame::new(&title, "incidents"), view, n_open })
}

#[derive(Deserialize)]
pub(crate) struct Done {
    #[serde(default)]
    pub(crate) done: String,
}

pub(crate) async fn incident(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    done: Result<Query<Done>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = routes::find_incident(&office, &id)?;
    let form = CommandForm { by: caller.name.unwrap_or_default(), ..CommandForm::default() };
    let done = done.ok().and_then(|Query(Done { done })| said(&done));
    Ok(show_incident(&office, &headers, StatusCode::OK, view, form, None, done))
}

/// What the page says after a command. Only fixed sentences: the address bar is anybody's to write.
fn said(done: &str) -> Option<&'static str> {
    match done {
        "acknowledge" => Some("You have acknowledged the incident."),
        "verdict" => Some("The verdict is recorded."),
        "note" => Some("The note is added."),
        "contain" => Some("The incident is contained."),
        "settle" => Some("The deadline is settled."),
        "record_moment" => Some("It is recorded. Deadlines that start with it run."),
        "count_people" => Some("The number is recorded. Deadlines that need more people are withdrawn."),
        "stop_notice" => Some("The notice is stopped."),
        "draft_make" => Some("The draft is made; see below."),
        "close" => Some("The incident is closed."),
        "reopen" => Some("The incident is open again. Nobody looks after it until somebody acknowledges it."),
        "assign" => Some("The incident has an owner."),
        "unassign" => Some("The incident has no owner any more."),
        "add_task" => Some("The task is added."),
        "finish_task" => Some("The task is done."),
        "reopen_task" => Some("The task is open again."),
        "merge" => Some("The incident goes on in the other one."),
        "split" => Some("The alerts have become an incident of their own."),
        _ => None,
    }
}

/// The form on an incident's page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct CommandForm {
    token: String,
    command: String,
    by: String,
    verdict: String,
    obligation: String,
    told_at: String,
    moment: String,
    since: String,
    place: String,
    lower: String,
    upper: String,
    notice: String,
    owner: String,
    title: String,
    task_owner: String,
    due: String,
    task: String,
    into: String,
    /// Ids with spaces between them: those ticked, on the page that asks again.
    alerts: String,
    comment: String,
    /// Boxes: a browser sends those that are ticked, `alert_` and the id.
    #[serde(flatten)]
    ticked: BTreeMap<String, String>,
    /// `yes` on the page that asks before what sets something off or ends something.
    confirmed: String,
}

impl CommandForm {
    fn words(&self) -> Words<'_> {
        // A button carries one word: the two ways to settle a deadline come as commands of their own.
        let (command, settlement) = match self.command.as_str() {
            "settle_met" => ("settle", "met"),
            "settle_not_required" => ("settle", "not_required"),
            command => (command, ""),
        };
        Words {
            command,
            verdict: &self.verdict,
            obligation: &self.obligation,
            settlement,
            notice: &self.notice,
            moment: &self.moment,
            at: if command == "record_moment" { &self.since } else { &self.told_at },
            place: &self.place,
            lower: &self.lower,
            upper: &self.upper,
            life: LifeWords {
                owner: if command == "add_task" { &self.task_owner } else { &self.owner },
                title: &self.title,
                due: &self.due,
                task: &self.task,
                into: &self.into,
                alerts: &self.alerts,
            },
            comment: &self.comment,
            ..Words::default()
        }
    }

    fn has(&self, alert: &str) -> bool {
        self.alerts.split_whitespace().any(|ticked| ticked == alert)
    }
}

pub(crate) async fn command(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<CommandForm>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(mut form) = form.map_err(no_form)?;
    let view = routes::find_incident(&office, &id)?;
    office.access.admit_form(&headers, &view.summary.id, &form.token)?;
    if form.by.trim().is_empty() {
        form.by = caller.name.unwrap_or_default();
    }
    let ticked: Vec<String> = std::mem::take(&mut form.ticked)
        .into_keys()
        .filter_map(|key| Some(key.strip_prefix("alert_")?.to_owned()))
        .collect();
    if !ticked.is_empty() {
        form.alerts = ticked.join(" ");
    }
    // Browsers send line breaks as CR LF; a comment is one paragraph.
    form.comment = form.comment.split_whitespace().collect::<Vec<_>>().join(" ");
    let parsed = routes::name(&form.by)
        .and_then(|by| routes::action(&form.words()).map(|asked| (by, asked)))
        .and_then(|(by, asked)| Ok((by, consequence(&view, &asked.0)?, asked)));
    let (by, consequence, asked) = match parsed {
        Ok(parsed) => parsed,
        Err(mut mistake) => {
            // The form has a field of its own for the time of each command.
            if mistake.field == "at" {
                mistake.field = if form.command == "record_moment" { "since" } else { "told_at" };
            }
            if mistake.field == "owner" && form.command == "add_task" {
                mistake.field = "task_owner";
            }
            // The page's list of all alerts has that name.
            if mistake.field == "alerts" {
                mistake.field = "split";
            }
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(show_incident(&office, &headers, status, view, form, Some(mistake), None));
        }
    };
    if let Some((question, consequence)) = consequence
        && form.confirmed != "yes"
    {
        let (cookie, set) = office.access.form_cookie(&headers);
        let form_token = office.access.form_token(&cookie, &view.summary.id);
        let frame = Frame::new(&format!("{question}? {}", heading(&view)), "");
        let confirm = ConfirmPage { frame, view, form, form_token, question, consequence };
        return Ok(with_cookie(page(StatusCode::OK, &confirm), set));
    }
    let word = asked.0.as_str();
    let refusal = routes::carry_out(&office, view.summary.id.clone(), by, asked).await.err();
    if let Some(refusal) = refusal {
        let problem = Problem::from(refusal);
        let mistake = Mistake { field: "command", problem: problem.detail };
        return Ok(show_incident(&office, &headers, problem.kind.status(), view, form, Some(mistake), None));
    }
    let to = format!("/incidents/{}?done={word}", view.summary.id);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

/// A form that could not be read.
pub(crate) fn no_form(rejection: FormRejection) -> Problem {
    match rejection {
        FormRejection::InvalidFormContentType(_) => {
            Problem::new(Kind::UnsupportedMediaType, "a form is sent as application/x-www-form-urlencoded")
        }
        other => routes::unreadable(other.status()),
    }
}

/// What to ask before doing it, and what it sets off: verdicts can start legal deadlines, the others end something.
fn consequence(view: &IncidentPage, action: &Action) -> Result<Option<(String, String)>, Mistake> {
    let missing = |field, problem: &str| Err(Mistake { field, problem: problem.to_owned() });
    match action {
        Action::Verdict { verdict, .. } => {
            let Some(choice) = view.actions.verdicts.iter().find(|choice| choice.verdict == *verdict) else {
                return missing("verdict", "choose one of the verdicts offered");
            };
            Ok(Some((format!("Record the verdict “{}”", choice.label), choice.consequence.to_string())))
        }
        Action::Settle { obligation, how, .. } => {
            let mut running = view.deadlines.iter().filter(|deadline| deadline.can_be_settled());
            let Some(deadline) = running.find(|deadline| deadline.obligation.as_str() == obligation) else {
                return missing("obligation", "choose one of the deadlines");
            };
            let how = match how {
                Settlement::Met => "met",
                Settlement::NotRequired => "not required",
            };
            let question = format!("Record “{}, to {}” as {how}", deadline.name, deadline.recipient);
            Ok(Some((question, "Its deadline ends, and nobody is reminded of it any more.".into())))
        }
        Action::RecordMoment { moment, .. } => {
            let question = format!("Record “{moment}”");
            Ok(Some((question, "Deadlines that start with it run from the time that you gave.".into())))
        }
        Action::CountPeople { place, lower, upper, .. } => {
            let most = upper.map_or_else(|| "no upper bound".to_owned(), |upper| format!("at most {upper}"));
            let place = if place.is_empty() { String::new() } else { format!(" who live in {place}") };
            let question = format!("Record at least {lower} people{place}, {most}");
            Ok(Some((question, "Deadlines that need more people than there are end; others may begin.".into())))
        }
        Action::StopNotice { notice, .. } => {
            let mut held = view.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Held);
            let Some(delivery) = held.find(|delivery| delivery.notice == *notice) else {
                return missing("notice", "choose one of the notices that are held");
            };
            let question = format!("Stop the notice to {}", delivery.channel);
            Ok(Some((question, "It does not go out at all. The journal keeps who stopped it.".into())))
        }
        Action::Draft { act: crate::DraftAct::Make { obligation }, .. } => {
            let mut without = undrafted(view).into_iter();
            if without.all(|deadline| deadline.obligation.as_str() != obligation) {
                return missing("obligation", "choose one of the deadlines that has no draft yet");
            }
            Ok(None)
        }
        Action::Draft { .. } => missing("command", "use the draft's own page"),
        Action::Close => Ok(Some(("Close the incident".into(), "It no longer counts as open work.".into()))),
        Action::Acknowledge | Action::Note { .. } | Action::Contain { .. } => Ok(None),
        life => Ok(life::consequence(view, life)),
    }
}

fn show_incident(
    office: &Office,
    headers: &HeaderMap,
    status: StatusCode,
    view: IncidentPage,
    form: CommandForm,
    mistake: Option<Mistake>,
    done: Option<&'static str>,
) -> Response {
    let (cookie, set) = office.access.form_cookie(headers);
    let form_token = office.access.form_token(&cookie, &view.summary.id);
    let frame = Frame::after_form(&heading(&view), mistake.as_ref(), done);
    with_cookie(page(status, &IncidentTemplate { frame, view, form, form_token, mistake, done }), set)
}

/// "DRILL INC-7, critical: read 1,840 rows …", for titles.
fn heading(view: &IncidentPage) -> String {
    let incident = &view.summary;
    let drill = if incident.mode.is_drill() { "DRILL " } else { "" };
    format!(
        "{drill}{}, {}: {}",
        incident.id,
        incident.severity.as_str(),
        activity::printable_within(&incident.title, 80)
    )
}

pub(crate) async fn help() -> Response {
    page(StatusCode::OK, &HelpPage { frame: Frame::new("Help", "help"), kinds: Kind::ALL })
}

pub(crate) fn problem(problem: &Problem) -> Response {
    page(problem.kind.status(), &ProblemPage { frame: Frame::new(problem.kind.title(), ""), problem })
}

pub(crate) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    if file != *STYLE_FILE {
        return Err(Problem::new(Kind::NotFound, "an old page asks for an old style: load the page again"));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, STYLE).into_response())
}

pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Extension(Written), Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            Problem::new(Kind::Unavailable, "the page could not be written; see breachd's log").json()
        }
    }
}

pub(crate) fn with_cookie(mut response: Response, set: Option<String>) -> Response {
    if let Some(cookie) = set.and_then(|cookie| cookie.parse().ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The deadline's state as a class for the style; the words say it too.
fn state(deadline: &Deadline) -> &'static str {
    match deadline.state {
        DeadlineState::Met => "met",
        DeadlineState::Missed => "missed",
        DeadlineState::NotStarted | DeadlineState::Running | DeadlineState::Simulated => "",
    }
}

/// How a deadline stands, in words.
fn standing(deadline: &Deadline, at: &activity::Timestamp) -> String {
    match (deadline.state, &deadline.due_at) {
        (DeadlineState::Met, _) => "met".into(),
        (DeadlineState::Missed, Some(due_at)) => format!("missed, {}", words::left(due_at, at)),
        (DeadlineState::Missed, None) => "missed".into(),
        (DeadlineState::Running, Some(due_at)) => words::left(due_at, at),
        (DeadlineState::Running, None) => "without undue delay".into(),
        (DeadlineState::NotStarted, _) => "starts if this is a breach".into(),
        (DeadlineState::Simulated, _) => "exercise: does not run".into(),
    }
}

/// The word; the style puts bars before it that tell the same by shape. Fixed text only, so it may be HTML.
pub(crate) fn severity(severity: &Severity) -> Safe<String> {
    let word = severity.as_str();
    Safe(format!(r#"<span class="severity {word}">{word}</span>"#))
}

/// The word; the style puts a sign before it that tells good from bad by shape. Fixed text only, so it may be HTML.
pub(crate) fn delivery(state: &DeliveryState) -> Safe<String> {
    let word = state.as_str();
    Safe(format!(r#"<span class="delivery {word}">{word}</span>"#))
}

/// As much of a list as a page shows.
pub(crate) fn rows<T>(all: &[T]) -> &[T] {
    &all[..all.len().min(ROWS_MAX)]
}

/// How much of it the page leaves off.
pub(crate) fn more<T>(all: &[T]) -> usize {
    all.len().saturating_sub(ROWS_MAX)
}

/// How many incidents there are beyond those on the page, if any.
fn left_off(view: &Overview) -> Option<String> {
    let left_off = view.incidents_left_off + more(&view.incidents) as u64;
    let said = words::counted(&left_off, "more incident is left off here.", "more incidents are left off here.");
    (left_off > 0).then_some(said)
}

/// How many notices will not get through, if any.
fn lost(deliveries: &[Delivery]) -> Option<String> {
    let lost = deliveries.iter().filter(|delivery| delivery.state.is_lost()).count() as u64;
    (lost > 0).then(|| words::counted(&lost, "notice was not delivered.", "notices were not delivered."))
}

/// For a time that has not come: whether it still may.
pub(crate) fn not_yet(state: &DeliveryState) -> &'static str {
    if state.is_lost() || *state == DeliveryState::Stopped { "no" } else { "not yet" }
}

fn settleable(view: &IncidentPage) -> Vec<&Deadline> {
    view.deadlines.iter().filter(|deadline| deadline.can_be_settled()).collect()
}

/// Deadlines of which nothing is drafted yet.
fn undrafted(view: &IncidentPage) -> Vec<&Deadline> {
    let drafted = |deadline: &&Deadline| view.drafts.iter().all(|draft| draft.obligation != deadline.obligation);
    settleable(view).into_iter().filter(drafted).collect()
}

fn held(view: &IncidentPage) -> Vec<&Delivery> {
    view.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Held).collect()
}

pub(crate) fn is_wrong(mistake: &Option<Mistake>, field: &str) -> bool {
    mistake.as_ref().is_some_and(|mistake| mistake.field == field)
}
