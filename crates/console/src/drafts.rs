//! The page of one draft: what it says, what nobody knows yet, its versions; and what people do with it.
//!
//! One field is edited at a time, with its text before one's eyes: a page with all fields open would be longer than a request may be.
//! What goes to an authority, or stops that, is asked about once more before it counts.

use crate::{
    Action, DraftAct, Text,
    access::Caller,
    limits,
    pages::{self, Frame},
    problem::{Kind, Problem},
    routes::{self, Mistake, Office, Words},
    views::{DraftField, DraftPage, DraftRow, Mailing, MailingPage},
    words,
};
use askama::{Template, filters::Safe};
use axum::{
    Extension, Form, Json,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "draft.html")]
struct DraftTemplate {
    frame: Frame,
    view: DraftPage,
    /// The document.
    html: Safe<String>,
    form: DraftForm,
    form_token: String,
    mistake: Option<Mistake>,
    /// Said once, after a command was taken.
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "draft_confirm.html")]
struct ConfirmTemplate {
    frame: Frame,
    view: DraftPage,
    form: DraftForm,
    form_token: String,
    question: String,
    consequence: String,
}

/// The form on a draft's page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct DraftForm {
    token: String,
    command: String,
    by: String,
    /// The version that was before one's eyes.
    version: String,
    field: String,
    text: String,
    phase: String,
    comment: String,
    /// `yes` on the page that asks.
    confirmed: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Asked {
    done: String,
    /// The field to edit.
    field: String,
}

/// The action these words mean; shared by the API and the form.
pub(crate) fn action(words: &Words<'_>, comment: Option<Text>) -> Result<Action, Mistake> {
    let mistake = |field, problem: &str| Mistake { field, problem: problem.to_owned() };
    let number = |text: &str, field: &'static str| {
        let n = routes::number(text, field)?.and_then(|n| u32::try_from(n).ok());
        n.ok_or_else(|| mistake(field, "a number is needed: see the draft"))
    };
    let act = match words.command {
        "draft_make" if !routes::is_id(words.obligation) => {
            return Err(mistake("obligation", "choose one of the deadlines"));
        }
        "draft_make" => DraftAct::Make { obligation: words.obligation.to_owned() },
        "draft_edit" if !routes::is_word(words.field) => return Err(mistake("field", "say which field")),
        "draft_edit" => {
            // Browsers send line breaks as CR LF.
            let text = words.text.trim().replace("\r\n", "\n");
            if text.chars().count() > limits::DRAFT_FIELD_CHARACTERS_MAX {
                let max = limits::DRAFT_FIELD_CHARACTERS_MAX;
                return Err(mistake("text", &format!("at most {max} characters, please")));
            }
            DraftAct::Edit { field: words.field.to_owned(), text }
        }
        "draft_redraft" if words.phase.is_empty() => DraftAct::Redraft { phase: None },
        "draft_redraft" if !routes::is_word(words.phase) => {
            return Err(mistake("phase", "one of `initial`, `follow_up`, `final`"));
        }
        "draft_redraft" => DraftAct::Redraft { phase: Some(words.phase.to_owned()) },
        "draft_approve" => DraftAct::Approve { version: number(words.version, "version")? },
        "draft_stop" => DraftAct::Stop,
        "draft_send" => DraftAct::Send { version: number(words.version, "version")? },
        "draft_bounced" => {
            let who: Vec<String> =
                words.text.split([' ', ',', '\n', '\r']).filter(|of| !of.is_empty()).map(str::to_owned).collect();
            if who.is_empty() || !who.iter().all(|of| routes::is_id(of)) {
                return Err(mistake("text", "numbers of employees, or Message-IDs of 32 hexadecimal digits"));
            }
            DraftAct::Bounced { who }
        }
        _ => {
            let known = "`draft_make`, `draft_edit`, `draft_redraft`, `draft_approve`, `draft_stop`, `draft_send`, `draft_bounced`";
            return Err(mistake("command", &format!("of drafts there are {known}")));
        }
    };
    let draft = if matches!(act, DraftAct::Make { .. }) { 0 } else { number(words.draft, "draft")? };
    Ok(Action::Draft { draft, act, comment })
}

fn find(office: &Office, id: &str, number: &str) -> Result<DraftPage, Problem> {
    let shown = |text: &str| activity::printable_within(text, 64);
    let missing = || Problem::new(Kind::NotFound, format!("there is no draft `{}` of `{}`", shown(number), shown(id)));
    let n = number.parse().map_err(|_| missing())?;
    let found = if routes::is_id(id) { office.desk.draft(id, n) } else { None };
    found.ok_or_else(missing)
}

pub(crate) async fn api(
    State(office): State<Arc<Office>>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Json<DraftPage>, Problem> {
    find(&office, &id, &number).map(Json)
}

pub(crate) async fn mailing(
    State(office): State<Arc<Office>>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Json<MailingPage>, Problem> {
    let draft = find(&office, &id, &number)?.summary.number;
    let found = office.desk.mailing(&id, draft);
    let missing = || {
        Problem::new(Kind::NotFound, format!("no version of draft {draft} of `{id}` has gone out by mails to people"))
    };
    found.map(Json).ok_or_else(missing)
}

pub(crate) async fn show(
    State(office): State<Arc<Office>>,
    Path((id, number)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = find(&office, &id, &number)?;
    let Query(Asked { done, field }) = asked.unwrap_or_default();
    let field = view.fields.iter().find(|of| of.field == field);
    let form = DraftForm {
        by: caller.name.unwrap_or_default(),
        field: field.map_or("", |of| of.field).to_owned(),
        text: field.map_or_else(String::new, |of| of.text.clone()),
        ..DraftForm::default()
    };
    Ok(shown(&office, &headers, StatusCode::OK, view, form, None, said(&done)))
}

/// Only fixed sentences: the address bar is anybody's to write.
fn said(done: &str) -> Option<&'static str> {
    match done {
        "draft_edit" => Some("There is a new version with your text."),
        "draft_redraft" => Some("There is a new version by what is known now."),
        "draft_approve" => Some("The version is approved."),
        "draft_stop" => Some("The draft is stopped."),
        "draft_send" | "draft_bounced" => Some("It is recorded."),
        _ => None,
    }
}

pub(crate) async fn act(
    State(office): State<Arc<Office>>,
    Path((id, number)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<DraftForm>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(mut form) = form.map_err(pages::no_form)?;
    let view = find(&office, &id, &number)?;
    office.access.admit_form(&headers, &key(&view), &form.token)?;
    if form.by.trim().is_empty() {
        form.by = caller.name.unwrap_or_default();
    }
    form.comment = form.comment.split_whitespace().collect::<Vec<_>>().join(" ");
    // A button carries one word.
    if form.command == "draft_final" {
        (form.command, form.phase) = ("draft_redraft".into(), "final".into());
    }
    let number = view.summary.number.to_string();
    let words = Words {
        command: &form.command,
        draft: &number,
        version: &form.version,
        field: &form.field,
        text: &form.text,
        phase: &form.phase,
        comment: &form.comment,
        ..Words::default()
    };
    let parsed = routes::name(&form.by).and_then(|by| routes::action(&words).map(|asked| (by, asked)));
    let (by, asked) = match parsed {
        Ok(parsed) => parsed,
        Err(mistake) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(shown(&office, &headers, status, view, form, Some(mistake), None));
        }
    };
    if let Some((question, consequence)) = consequence(&view, &asked.0)
        && form.confirmed != "yes"
    {
        let (cookie, set) = office.access.form_cookie(&headers);
        let form_token = office.access.form_token(&cookie, &key(&view));
        let frame = Frame::new(&format!("{question}? {}", heading(&view)), "");
        let confirm = ConfirmTemplate { frame, view, form, form_token, question, consequence };
        return Ok(pages::with_cookie(pages::page(StatusCode::OK, &confirm), set));
    }
    let word = asked.0.as_str();
    if let Err(refusal) = routes::carry_out(&office, view.incident.clone(), by, asked).await {
        let problem = Problem::from(refusal);
        let field = if word == "draft_edit" { "text" } else { "command" };
        let mistake = Mistake { field, problem: problem.detail };
        return Ok(shown(&office, &headers, problem.kind.status(), view, form, Some(mistake), None));
    }
    let to = format!("/incidents/{}/drafts/{}?done={word}", view.incident, view.summary.number);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
}

/// What to ask before doing it, and what it sets off.
fn consequence(view: &DraftPage, action: &Action) -> Option<(String, String)> {
    let Action::Draft { act, .. } = action else { return None };
    let number = view.summary.number;
    let leaves = match &view.channel {
        _ if view.mode.is_drill() => "An exercise: nothing leaves.".to_owned(),
        Some(channel) if view.to_each => {
            format!(
                "It goes to each of the people it concerns, over {channel}, beginning at once. That cannot be taken back."
            )
        }
        Some(channel) => format!("It goes out at once, over {channel}. That cannot be taken back."),
        None => "Nothing goes out by itself: somebody has to send it, and record that.".to_owned(),
    };
    match act {
        DraftAct::Approve { version } => Some((format!("Approve version {version} of draft {number}"), leaves)),
        DraftAct::Send { version } if view.channel.is_some() => {
            Some((format!("Send version {version} of draft {number}"), leaves))
        }
        DraftAct::Send { version } => Some((
            format!("Record that version {version} of draft {number} was sent"),
            "The journal keeps that you sent it. The deadline is settled on the incident's page.".into(),
        )),
        DraftAct::Stop if view.is_mailing => Some((
            format!("Stop the mails of draft {number}"),
            "Whoever has no mail yet gets none of this version. What has left cannot be taken back. The deadline runs on."
                .into(),
        )),
        DraftAct::Stop => Some((
            format!("Stop draft {number}"),
            "It does not go out until somebody approves it after all. The deadline runs on.".into(),
        )),
        DraftAct::Make { .. } | DraftAct::Edit { .. } | DraftAct::Redraft { .. } | DraftAct::Bounced { .. } => None,
    }
}

fn shown(
    office: &Office,
    headers: &HeaderMap,
    status: StatusCode,
    mut view: DraftPage,
    form: DraftForm,
    mistake: Option<Mistake>,
    done: Option<&'static str>,
) -> Response {
    let (cookie, set) = office.access.form_cookie(headers);
    let form_token = office.access.form_token(&cookie, &key(&view));
    let frame = Frame::after_form(&heading(&view), mistake.as_ref(), done);
    let html = Safe(std::mem::take(&mut view.html));
    pages::with_cookie(pages::page(status, &DraftTemplate { frame, view, html, form, form_token, mistake, done }), set)
}

/// What a form is good for.
fn key(view: &DraftPage) -> String {
    format!("{}/drafts/{}", view.incident, view.summary.number)
}

/// "DRILL draft 1 of INC-7: Notification of …", for titles.
fn heading(view: &DraftPage) -> String {
    let drill = if view.mode.is_drill() { "DRILL " } else { "" };
    let title = activity::printable_within(&view.summary.title, 80);
    format!("{drill}draft {} of {}: {title}", view.summary.number, view.incident)
}

/// How a draft stands, in words.
pub(crate) fn standing(draft: &DraftRow) -> String {
    match (draft.state, &draft.goes_at) {
        ("held", Some(at)) => format!("goes out at {at} unless somebody stops it"),
        ("held", None) => "held".into(),
        ("awaits_approval", _) => "waits for approval".into(),
        (state, _) => words::spaced(state).to_string(),
    }
}

/// How the mails of a version stand, in words.
pub(crate) fn mailed(mailing: &Mailing) -> String {
    let state = match (mailing.state, &mailing.stopped) {
        (_, Some(stopped)) => format!("stopped {stopped}"),
        (state, None) => state.to_owned(),
    };
    let mut parts =
        vec![format!("mails {state}: taken by the relay for {} of {} people", mailing.n_reached, mailing.n)];
    if mailing.n_left > 0 {
        parts.push(format!("{} left", mailing.n_left));
    }
    let why = |why: &str| match why {
        "no_address" => "without an address",
        "not_listed" => "not in the directory",
        "refused" => "refused by the relay",
        "expired" => "not taken in time",
        _ => "came back",
    };
    parts.extend(mailing.not_reached.iter().filter(|of| of.n > 0).map(|of| format!("{} {}", of.n, why(of.why))));
    if mailing.n_not_reached() > 0 {
        parts.push(format!("{} to be told another way", mailing.n_not_reached()));
    }
    let known = match mailing.concerned_at_most {
        Some(most) if most <= mailing.n => String::new(),
        Some(most) => {
            format!(" It may concern up to {most} people in all: those of whom no number is known are on no list.")
        }
        None => {
            " Nothing bounds how many people it concerns: those of whom no number is known are on no list.".to_owned()
        }
    };
    format!("{}.{known}", parts.join("; "))
}

/// What a field is called.
pub(crate) fn label(field: &DraftField) -> &'static str {
    match field.field {
        "nature" => "What happened, and how",
        "information" => "Which data exactly",
        "consequences" => "What it can lead to for the people",
        "measures" => "What was done, and what will be",
        "advice" => "What the people can do",
        "contact" => "Whom to ask",
        "delay" => "Why it is told late",
        "monitoring" => "The offer of credit monitoring",
        "remarks" => "Remarks",
        other => other,
    }
}

pub(crate) fn edited(view: &DraftPage, form: &DraftForm) -> Option<DraftField> {
    view.fields.iter().find(|field| field.field == form.field).cloned()
}
