//! The pages of alerts: those that interrupted nobody of late, and one alert with its figures and what people say it was.
//!
//! A verdict teaches the detector and cannot be taken back, so it is asked about once more before it counts. What is wrong with the
//! form is told beside its field, with everything kept that was written. An expiry is written as a date: a field of text, because the
//! date pickers of browsers are no help to a keyboard.

use crate::{
    CommandRefusal, JudgeRequest, Text,
    access::Caller,
    limits,
    pages::{self, Done, Frame},
    problem::{Kind, Problem},
    routes::{self, Mistake, Office},
    views::{AlertPage, AlertsPage, RulingChoice},
};
use activity::Timestamp;
use askama::Template;
use axum::{
    Extension, Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsTemplate {
    frame: Frame,
    view: AlertsPage,
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertTemplate {
    frame: Frame,
    view: AlertPage,
    form: JudgeForm,
    form_token: String,
    mistake: Option<Mistake>,
    /// Said once, after a verdict was taken.
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "alert_confirm.html")]
struct ConfirmTemplate {
    frame: Frame,
    view: AlertPage,
    form: JudgeForm,
    form_token: String,
    question: String,
    consequence: String,
    /// What the exception comes to, if one was asked for.
    exception: Option<String>,
}

/// The form on an alert's page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct JudgeForm {
    token: String,
    by: String,
    verdict: String,
    reason: String,
    /// The last day of the exception, `2026-03-31`, in UTC; empty: none.
    until: String,
    /// `subject`: the exception is for all alerts about it; else for the like of this one.
    scope: String,
    /// `yes` on the page that asks.
    confirmed: String,
}

pub(crate) async fn list(State(office): State<Arc<Office>>) -> Response {
    let view = office.desk.alerts();
    pages::page(StatusCode::OK, &AlertsTemplate { frame: Frame::new("Alerts that interrupted nobody", "alerts"), view })
}

pub(crate) async fn show(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    done: Result<Query<Done>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = routes::find_alert(&office, &id)?;
    let form = JudgeForm { by: caller.name.unwrap_or_default(), ..JudgeForm::default() };
    // Only a fixed sentence: the address bar is anybody's to write.
    let said = |done: &Done| (done.done == "verdict").then_some("The verdict is recorded, and the detector hears it.");
    let done = done.ok().and_then(|Query(done)| said(&done));
    Ok(shown(&office, &headers, StatusCode::OK, view, form, None, done))
}

pub(crate) async fn judge(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<JudgeForm>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(mut form) = form.map_err(pages::no_form)?;
    let view = routes::find_alert(&office, &id)?;
    office.access.admit_form(&headers, &view.summary.id, &form.token)?;
    if form.by.trim().is_empty() {
        form.by = caller.name.unwrap_or_default();
    }
    // Browsers send line breaks as CR LF; a reason is one paragraph.
    form.reason = form.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let request = match form.request(&view) {
        Ok(request) => request,
        Err(mistake) => {
            return Ok(shown(&office, &headers, StatusCode::UNPROCESSABLE_ENTITY, view, form, Some(mistake), None));
        }
    };
    if form.confirmed != "yes" {
        return Ok(asked(&office, &headers, view, form));
    }
    match office.desk.judge_alert(request).await {
        Ok(_) => {
            let to = format!("/alerts/{}?done=verdict", view.summary.id);
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response())
        }
        Err(refusal) => {
            // What the desk finds wrong that the form could not know is most likely the exception's end.
            let field =
                if matches!(refusal, CommandRefusal::Invalid(_)) && !form.until.is_empty() { "until" } else { "judge" };
            let problem = Problem::from(refusal);
            let mistake = Mistake { field, problem: problem.detail };
            Ok(shown(&office, &headers, problem.kind.status(), view, form, Some(mistake), None))
        }
    }
}

impl JudgeForm {
    fn request(&self, view: &AlertPage) -> Result<JudgeRequest, Mistake> {
        let mistake = |field, problem: String| Err(Mistake { field, problem });
        let by = routes::name(&self.by)?;
        let Some(choice) = self.choice(view) else {
            return mistake("verdict", "choose what it was".into());
        };
        if self.reason.is_empty() {
            return mistake("reason", "say why: the journal keeps it".into());
        }
        if limits::REASON_CHARACTERS_MAX < self.reason.chars().count() {
            return mistake("reason", format!("at most {} characters, please", limits::REASON_CHARACTERS_MAX));
        }
        let until = self.until.trim();
        let exception = match (until.is_empty(), choice.takes_exception) {
            (true, _) => None,
            (false, false) => {
                return mistake(
                    "until",
                    format!("an exception does not go with “{}”: leave the date out", choice.label),
                );
            }
            (false, true) => match end_of(until) {
                Some(end) if view.at < end => Some(self.exception(view, end)),
                Some(_) => return mistake("until", "the exception must end after today".into()),
                None => return mistake("until", "write the last day as in 2026-03-31".into()),
            },
        };
        let (alert, verdict) = (view.summary.id.clone(), choice.verdict.clone());
        Ok(JudgeRequest { alert, verdict, by, reason: Text::new(&self.reason), exception })
    }

    fn choice<'a>(&self, view: &'a AlertPage) -> Option<&'a RulingChoice> {
        view.rulings.iter().find(|choice| choice.verdict == self.verdict)
    }

    fn exception(&self, view: &AlertPage, end: Timestamp) -> serde_json::Value {
        let subject = json!({ "kind": view.subject.kind.as_str(), "id": &*view.subject.id });
        let until = end.to_string();
        if self.scope == "subject" { json!({ "until": until, "subject": subject }) } else { json!({ "until": until }) }
    }
}

/// The end of a day in UTC, written as `2026-03-31`.
fn end_of(day: &str) -> Option<Timestamp> {
    let start: Timestamp = (day.len() == 10).then(|| format!("{day}T00:00:00Z").parse().ok()).flatten()?;
    Some(start.saturating_add(activity::Span::from_hours(24)))
}

fn asked(office: &Office, headers: &HeaderMap, view: AlertPage, form: JudgeForm) -> Response {
    let (label, consequence) = form
        .choice(&view)
        .map_or_else(Default::default, |choice| (choice.label.to_string(), choice.consequence.to_string()));
    let whom = if form.scope == "subject" {
        format!("all alerts about {}", crate::words::entity(&view.subject))
    } else {
        "alerts like this one".to_owned()
    };
    let exception = (!form.until.trim().is_empty()).then(|| {
        format!(
            "Until the end of {} (UTC) {whom} page nobody; {} answers for it.",
            form.until.trim(),
            Text::new(&form.by)
        )
    });
    let question = format!("Record that this alert was “{label}”");
    let (cookie, set) = office.access.form_cookie(headers);
    let form_token = office.access.form_token(&cookie, &view.summary.id);
    let frame = Frame::new(&format!("{question}? {}", heading(&view)), "");
    let confirm = ConfirmTemplate { frame, view, form, form_token, question, consequence, exception };
    pages::with_cookie(pages::page(StatusCode::OK, &confirm), set)
}

fn shown(
    office: &Office,
    headers: &HeaderMap,
    status: StatusCode,
    view: AlertPage,
    form: JudgeForm,
    mistake: Option<Mistake>,
    done: Option<&'static str>,
) -> Response {
    let (cookie, set) = office.access.form_cookie(headers);
    let form_token = office.access.form_token(&cookie, &view.summary.id);
    let frame = Frame::after_form(&heading(&view), mistake.as_ref(), done);
    pages::with_cookie(pages::page(status, &AlertTemplate { frame, view, form, form_token, mistake, done }), set)
}

/// "DRILL alert 0af1c0e7, critical: read 1,840 rows …", for titles.
fn heading(view: &AlertPage) -> String {
    let alert = &view.summary;
    let drill = if alert.mode.is_drill() { "DRILL " } else { "" };
    let why = activity::printable_within(&alert.why, 80);
    format!("{drill}alert {}, {}: {why}", short(&alert.id), alert.severity.as_str())
}

/// The first digits of an id: enough for people to tell a page's alerts apart.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// Says of an alert's id that there is none.
pub(crate) fn missing(id: &str) -> Problem {
    let id = activity::printable_within(id, 64);
    Problem::new(Kind::NotFound, format!("there is no alert `{id}` here, or it is too old to be remembered"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_when_the_next_begins() {
        assert_eq!(end_of("2026-03-31").map(|at| at.to_string()).as_deref(), Some("2026-04-01T00:00:00Z"));
        for day in ["", "2026-3-31", "2026-02-30", "31.03.2026", "2026-03-31T00:00:00Z", "2026-03-3\u{661}"] {
            assert_eq!(end_of(day), None, "{day}");
        }
    }
}
