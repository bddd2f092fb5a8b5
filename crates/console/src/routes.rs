//! Everything that can be asked, in one list; what all requests go through; the API's handlers.

use crate::{
    Action, CommandReceipt, CommandRefusal, CommandRequest, Desk, DrillRequest, DrillStarted, JudgeReceipt,
    JudgeRequest, Settlement, Text,
    access::{Access, Caller},
    alerts, drafts, hooks,
    life::{self, LifeWords},
    limits, links,
    openapi::OPENAPI,
    pages,
    problem::{Kind, Problem},
    views::{AlertPage, AlertsPage, DrillReport, IncidentPage, Overview},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::time;

/// One thing that can be asked.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Office>>,
}

/// Who asks, which decides about the token, the host check and the form of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Orchestrators and Prometheus: any host name, no token; nothing personal is in the answer.
    Probe,
    Program,
    Person,
    /// Style only: no token.
    Asset,
    /// A person who has a signed link: the link is the token.
    Link,
    /// A program that signs what it posts: the signature is the token.
    Signed,
}

use Audience::{Asset, Link, Person, Probe, Program, Signed};

/// The whole surface.
pub(crate) const ROUTES: &[Route] = &[
    Route { method: Method::GET, path: "/livez", handler: |filter| on(filter, livez) },
    Route { method: Method::GET, path: "/readyz", handler: |filter| on(filter, readyz) },
    Route { method: Method::GET, path: "/metrics", handler: |filter| on(filter, metrics) },
    Route { method: Method::GET, path: "/", handler: |filter| on(filter, pages::overview) },
    Route { method: Method::GET, path: "/incidents/{id}", handler: |filter| on(filter, pages::incident) },
    Route { method: Method::POST, path: "/incidents/{id}", handler: |filter| on(filter, pages::command) },
    Route { method: Method::GET, path: "/incidents/{id}/drafts/{number}", handler: |filter| on(filter, drafts::show) },
    Route { method: Method::POST, path: "/incidents/{id}/drafts/{number}", handler: |filter| on(filter, drafts::act) },
    Route { method: Method::GET, path: "/alerts", handler: |filter| on(filter, alerts::list) },
    Route { method: Method::GET, path: "/alerts/{id}", handler: |filter| on(filter, alerts::show) },
    Route { method: Method::POST, path: "/alerts/{id}", handler: |filter| on(filter, alerts::judge) },
    Route { method: Method::GET, path: "/ack/{token}", handler: |filter| on(filter, links::ask) },
    Route { method: Method::POST, path: "/ack/{token}", handler: |filter| on(filter, links::answer) },
    Route { method: Method::POST, path: "/hooks/{channel}", handler: hooks::channel_route },
    Route { method: Method::POST, path: "/hooks/hr/{system}", handler: hooks::hr_system_route },
    Route { method: Method::GET, path: "/help", handler: |filter| on(filter, pages::help) },
    Route { method: Method::GET, path: "/assets/{file}", handler: |filter| on(filter, pages::asset) },
    Route { method: Method::GET, path: "/api/v1/incidents", handler: |filter| on(filter, overview) },
    Route { method: Method::GET, path: "/api/v1/incidents/{id}", handler: |filter| on(filter, incident) },
    Route {
        method: Method::GET,
        path: "/api/v1/incidents/{id}/drafts/{number}",
        handler: |filter| on(filter, drafts::api),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/incidents/{id}/drafts/{number}/mailing",
        handler: |filter| on(filter, drafts::mailing),
    },
    Route { method: Method::POST, path: "/api/v1/incidents/{id}/commands", handler: |filter| on(filter, command) },
    Route { method: Method::GET, path: "/api/v1/alerts", handler: |filter| on(filter, alerts_ranked) },
    Route { method: Method::GET, path: "/api/v1/alerts/{id}", handler: |filter| on(filter, alert) },
    Route { method: Method::POST, path: "/api/v1/alerts/{id}/verdict", handler: |filter| on(filter, judge_alert) },
    Route { method: Method::POST, path: "/api/v1/drills", handler: |filter| on(filter, start_drill) },
    Route { method: Method::GET, path: "/api/v1/drills/{id}", handler: |filter| on(filter, drill) },
    Route { method: Method::GET, path: "/api/v1/sources", handler: |filter| on(filter, sources) },
    Route { method: Method::GET, path: "/api/v1/openapi.json", handler: |filter| on(filter, openapi) },
];

/// What the handlers share.
pub(crate) struct Office {
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) access: Access,
    counters: Counters,
}

/// Requests by class of status, refusals by kind of problem.
#[derive(Default)]
struct Counters {
    requests: [AtomicU64; 5],
    refused: [AtomicU64; Kind::ALL.len()],
}

pub(crate) fn router(desk: Arc<dyn Desk>, access: Access) -> Router {
    let office = Arc::new(Office { desk, access, counters: Counters::default() });
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| {
            let filter = MethodFilter::try_from(route.method.clone()).expect("GET and POST have filters");
            router.route(route.path, (route.handler)(filter))
        })
        .fallback(|| async { Problem::new(Kind::NotFound, "no page and no API has this address") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Kind::MethodNotAllowed, "see /api/v1/openapi.json for what can be done here")
        })
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&office), guard))
        .with_state(office)
}

/// What every request goes through: access, time limit, counting, security headers.
async fn guard(State(office): State<Arc<Office>>, request: Request, next: Next) -> Response {
    let audience = audience(request.uri().path());
    let mut response = match admit(&office, audience, request).await {
        Ok(request) => match time::timeout(limits::REQUEST_MAX, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(Kind::Unavailable, "that took too long; it may still take effect").respond(audience),
        },
        Err(problem) => problem.respond(audience),
    };
    // What the router or an extractor refuses by itself is text for programmers: say it as all else here.
    let own =
        response.extensions().get::<Problem>().is_some() || response.extensions().get::<pages::Written>().is_some();
    if response.status().is_client_error() && !own {
        response = Problem::new(Kind::Malformed, "the address or its query cannot be read").respond(audience);
    } else if audience.sees_pages()
        && let Some(problem) = response.extensions_mut().remove::<Problem>()
    {
        response = problem.page();
    }
    office.counters.count(&response);
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

async fn admit(office: &Office, audience: Audience, mut request: Request) -> Result<Request, Problem> {
    let headers = request.headers();
    if audience != Probe {
        office.access.admit_host(headers)?;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads {
        office.access.admit_origin(headers)?;
    }
    let mut caller = Caller::default();
    if matches!(audience, Person | Program) && office.access.needs_token(request.method()) {
        caller = office.access.admit_token(headers).await?;
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

impl Audience {
    fn sees_pages(self) -> bool {
        matches!(self, Person | Link)
    }
}

/// By path alone, so that unknown addresses have one too.
fn audience(path: &str) -> Audience {
    match path {
        "/livez" | "/readyz" | "/metrics" => Probe,
        _ if path.starts_with("/api/") => Program,
        _ if path.starts_with("/assets/") => Asset,
        _ if path.starts_with("/ack/") => Link,
        _ if path.starts_with("/hooks/") => Signed,
        _ => Person,
    }
}

impl Problem {
    fn respond(&self, audience: Audience) -> Response {
        if audience.sees_pages() { self.page() } else { self.json() }
    }
}

impl Counters {
    fn count(&self, response: &Response) {
        let class = usize::from(response.status().as_u16() / 100).clamp(1, 5) - 1;
        self.requests[class].fetch_add(1, Ordering::Relaxed);
        if let Some(problem) = response.extensions().get::<Problem>() {
            self.refused[problem.kind as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Prometheus text.
    fn render(&self) -> String {
        let mut text = String::from(
            "# HELP breachd_http_requests_total Requests answered by the console's listener, by class of status.\n\
             # TYPE breachd_http_requests_total counter\n",
        );
        for (class, count) in (1..).zip(&self.requests) {
            let _ =
                writeln!(text, "breachd_http_requests_total{{code=\"{class}xx\"}} {}", count.load(Ordering::Relaxed));
        }
        text.push_str(
            "# HELP breachd_http_refused_total Requests refused, by kind of problem.\n\
             # TYPE breachd_http_refused_total counter\n",
        );
        for (kind, count) in Kind::ALL.iter().zip(&self.refused) {
            let reason = kind.as_str().replace('-', "_");
            let _ =
                writeln!(text, "breachd_http_refused_total{{reason=\"{reason}\"}} {}", count.load(Ordering::Relaxed));
        }
        text
    }
}

async fn livez(State(office): State<Arc<Office>>) -> (StatusCode, &'static str) {
    if office.desk.live() {
        (StatusCode::OK, "live\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not live: a loop makes no progress\n")
    }
}

async fn readyz(State(office): State<Arc<Office>>) -> (StatusCode, String) {
    let readiness = office.desk.readiness();
    if readiness.ready {
        return (StatusCode::OK, "ready\n".into());
    }
    let mut text = String::from("not ready\n");
    for reason in &readiness.reasons {
        let _ = writeln!(text, "- {reason}");
    }
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

async fn metrics(State(office): State<Arc<Office>>) -> Response {
    let text = office.desk.metrics() + &office.counters.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn overview(State(office): State<Arc<Office>>) -> Json<Overview> {
    Json(office.desk.overview())
}

async fn incident(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Result<Json<IncidentPage>, Problem> {
    find_incident(&office, &id).map(Json)
}

pub(crate) fn find_incident(office: &Office, id: &str) -> Result<IncidentPage, Problem> {
    let found = if is_id(id) { office.desk.incident(id) } else { None };
    found.ok_or_else(|| {
        Problem::new(Kind::NotFound, format!("there is no incident `{}`", activity::printable_within(id, 64)))
    })
}

async fn alerts_ranked(State(office): State<Arc<Office>>) -> Json<AlertsPage> {
    Json(office.desk.alerts())
}

async fn alert(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Result<Json<AlertPage>, Problem> {
    find_alert(&office, &id).map(Json)
}

pub(crate) fn find_alert(office: &Office, id: &str) -> Result<AlertPage, Problem> {
    let found = if is_id(id) { office.desk.alert(id) } else { None };
    found.ok_or_else(|| alerts::missing(id))
}

async fn drill(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Result<Json<DrillReport>, Problem> {
    let found = if is_id(&id) { office.desk.drill(&id) } else { None };
    let missing =
        || Problem::new(Kind::NotFound, format!("there is no drill `{}`", activity::printable_within(&id, 64)));
    found.map(Json).ok_or_else(missing)
}

async fn sources(State(office): State<Arc<Office>>) -> Json<serde_json::Value> {
    Json(office.desk.sources())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// A command as JSON. Flat, so that a misspelt key is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandBody {
    command: String,
    by: String,
    verdict: Option<String>,
    obligation: Option<String>,
    settlement: Option<String>,
    notice: Option<String>,
    moment: Option<String>,
    at: Option<String>,
    place: Option<String>,
    lower: Option<u64>,
    upper: Option<u64>,
    owner: Option<String>,
    title: Option<String>,
    due_at: Option<String>,
    task: Option<u32>,
    into: Option<String>,
    alerts: Option<Vec<String>>,
    draft: Option<u32>,
    version: Option<u32>,
    field: Option<String>,
    text: Option<String>,
    phase: Option<String>,
    comment: Option<String>,
}

async fn command(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<CommandReceipt>, Problem> {
    let body: CommandBody = json(&headers, body)?;
    let page = find_incident(&office, &id)?;
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let by = body.by;
    let words = Words {
        command: &body.command,
        verdict: &given(&body.verdict),
        obligation: &given(&body.obligation),
        settlement: &given(&body.settlement),
        notice: &given(&body.notice),
        moment: &given(&body.moment),
        at: &given(&body.at),
        place: &given(&body.place),
        lower: &number(body.lower),
        upper: &number(body.upper),
        life: LifeWords {
            owner: &given(&body.owner),
            title: &given(&body.title),
            due: &given(&body.due_at),
            task: &number(body.task.map(u64::from)),
            into: &given(&body.into),
            alerts: &body.alerts.unwrap_or_default().join(" "),
        },
        draft: &number(body.draft.map(u64::from)),
        version: &number(body.version.map(u64::from)),
        field: &given(&body.field),
        text: &given(&body.text),
        phase: &given(&body.phase),
        comment: &given(&body.comment),
    };
    let action = action(&words)
        .map_err(|mistake| Problem::new(Kind::Invalid, format!("`{}`: {}", mistake.field, mistake.problem)))?;
    let by = name(&by).map_err(|mistake| Problem::new(Kind::Invalid, format!("`by`: {}", mistake.problem)))?;
    Ok(Json(carry_out(&office, page.summary.id, by, action).await?))
}

/// An action, and the note that goes with one that has no words of its own.
pub(crate) type Asked = (Action, Option<Text>);

/// Sends the action, and its note: before closing, else after, since nobody adds to what is closed.
pub(crate) async fn carry_out(
    office: &Office,
    incident: String,
    by: String,
    (action, note): Asked,
) -> Result<CommandReceipt, CommandRefusal> {
    let send = |action| office.desk.command(CommandRequest { incident: incident.clone(), by: by.clone(), action });
    let note = note.map(|text| Action::Note { text });
    match (action, note) {
        (action, None) => send(action).await,
        (Action::Close, Some(note)) => {
            send(note).await?;
            send(Action::Close).await
        }
        (action, Some(note)) => {
            let receipt = send(action).await?;
            send(note).await?;
            Ok(receipt)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgeBody {
    verdict: String,
    by: String,
    reason: String,
    exception: Option<serde_json::Value>,
}

async fn judge_alert(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<JudgeReceipt>, Problem> {
    let JudgeBody { verdict, by, reason, exception } = json(&headers, body)?;
    let invalid = |field: &str, problem: &str| Problem::new(Kind::Invalid, format!("`{field}`: {problem}"));
    let by = name(&by).map_err(|mistake| invalid(mistake.field, &mistake.problem))?;
    let reason = reason.trim();
    if !is_id(&id) {
        return Err(Problem::new(Kind::NotFound, "there is no such alert"));
    }
    if !is_word(&verdict) {
        return Err(invalid("verdict", "one of `expected`, `benign_once`, `true` is needed"));
    }
    if !(1..=limits::REASON_CHARACTERS_MAX).contains(&reason.chars().count()) {
        return Err(invalid("reason", "say why, please: the journal keeps it"));
    }
    let request = JudgeRequest { alert: id, verdict, by, reason: Text::new(reason), exception };
    Ok(Json(office.desk.judge_alert(request).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrillBody {
    scenario: String,
    by: String,
}

async fn start_drill(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<DrillStarted>), Problem> {
    let DrillBody { scenario, by } = json(&headers, body)?;
    let by = name(&by).map_err(|mistake| Problem::new(Kind::Invalid, format!("`by`: {}", mistake.problem)))?;
    if !is_word(&scenario) {
        return Err(Problem::new(Kind::Invalid, "`scenario`: a word of a-z, 0-9, `_` and `-` is needed"));
    }
    let started = office.desk.start_drill(DrillRequest { scenario, by }).await?;
    let location = format!("/api/v1/drills/{}", started.drill_id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(started)))
}

fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Kind::UnsupportedMediaType, "send `Content-Type: application/json`"));
    }
    let body = body.map_err(|rejection| unreadable(rejection.status()))?;
    serde_json::from_slice(&body).map_err(|error| Problem::new(Kind::Malformed, format!("the JSON body: {error}")))
}

/// A body that could not be read whole.
pub(crate) fn unreadable(status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(Kind::TooLarge, format!("a body has at most {} bytes", limits::BODY_BYTES_MAX))
    } else {
        Problem::new(Kind::Malformed, "the body cannot be read")
    }
}

/// What is wrong with one field of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) field: &'static str,
    pub(crate) problem: String,
}

/// A command as it was written; empty: not given.
#[derive(Clone, Copy, Default)]
pub(crate) struct Words<'a> {
    pub(crate) command: &'a str,
    pub(crate) verdict: &'a str,
    pub(crate) obligation: &'a str,
    pub(crate) settlement: &'a str,
    pub(crate) notice: &'a str,
    pub(crate) moment: &'a str,
    /// When it was: of `settle` and `record_moment`.
    pub(crate) at: &'a str,
    pub(crate) place: &'a str,
    pub(crate) lower: &'a str,
    pub(crate) upper: &'a str,
    pub(crate) life: LifeWords<'a>,
    /// Of a draft: its number, its version, a field and that field's text, a phase.
    pub(crate) draft: &'a str,
    pub(crate) version: &'a str,
    pub(crate) field: &'a str,
    pub(crate) text: &'a str,
    pub(crate) phase: &'a str,
    pub(crate) comment: &'a str,
}

/// The action these words mean; shared by the API and the form.
pub(crate) fn action(words: &Words<'_>) -> Result<Asked, Mistake> {
    let mistake = |field, problem: &str| Err(Mistake { field, problem: problem.to_owned() });
    let text = words.comment.trim();
    if text.chars().count() > limits::COMMENT_CHARACTERS_MAX {
        return mistake("comment", &format!("at most {} characters, please", limits::COMMENT_CHARACTERS_MAX));
    }
    let comment = (!text.is_empty()).then(|| Text::new(text));
    let action = match words.command {
        "acknowledge" => return Ok((Action::Acknowledge, comment)),
        "contain" => Action::Contain { comment },
        "close" => return Ok((Action::Close, comment)),
        "note" => match comment {
            Some(text) => Action::Note { text },
            None => return mistake("comment", "a note needs a text"),
        },
        "verdict" if is_word(words.verdict) => Action::Verdict { verdict: words.verdict.to_owned(), comment },
        "verdict" => return mistake("verdict", "choose one of the verdicts offered"),
        "settle" if !is_id(words.obligation) => return mistake("obligation", "choose one of the deadlines"),
        "settle" => {
            let how = match words.settlement {
                "met" => Settlement::Met,
                "not_required" => Settlement::NotRequired,
                _ => return mistake("settlement", "one of `met`, `not_required` is needed"),
            };
            let told_at = time(words.at)?;
            Action::Settle { obligation: words.obligation.to_owned(), how, told_at, comment }
        }
        "record_moment" if !is_word(words.moment) => return mistake("moment", "choose what came to pass"),
        "record_moment" if comment.is_none() => return mistake("comment", "say how you know: the journal keeps it"),
        "record_moment" => Action::RecordMoment { moment: words.moment.to_owned(), since: time(words.at)?, comment },
        "count_people" if comment.is_none() => return mistake("comment", "say how you know: the journal keeps it"),
        "count_people" => {
            let place = words.place.trim().to_ascii_uppercase();
            if place.len() > limits::PLACE_BYTES_MAX {
                return mistake("place", "a code such as `DE` or `US-CA`, or nothing for all of them");
            }
            let Some(lower) = number(words.lower, "lower")? else {
                return mistake("lower", "how many are there at least?");
            };
            let upper = number(words.upper, "upper")?;
            if upper.is_some_and(|upper| upper < lower) {
                return mistake("upper", "is less than the number there are at least");
            }
            Action::CountPeople { place, lower, upper, comment }
        }
        "stop_notice" if is_id(words.notice) => Action::StopNotice { notice: words.notice.to_owned(), comment },
        "stop_notice" => return mistake("notice", "choose one of the notices that are held"),
        word if word.starts_with("draft_") => drafts::action(words, comment)?,
        other => match life::action(other, &words.life, comment) {
            Some(action) => action?,
            None => {
                let problem = format!(
                    "one of `acknowledge`, `verdict`, `note`, `contain`, `settle`, `record_moment`, `count_people`, `stop_notice`, \
                     `draft_make`, `draft_edit`, `draft_redraft`, `draft_approve`, `draft_stop`, `draft_send`, `draft_bounced`, `close`, {} is needed",
                    life::COMMANDS
                );
                return mistake("command", &problem);
            }
        },
    };
    Ok((action, None))
}

/// A time, as in `2026-03-02T21:14:00Z`; `None`: not given.
pub(crate) fn time(text: &str) -> Result<Option<activity::Timestamp>, Mistake> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let problem = "write the time in UTC, as in `2026-03-02T21:14:00Z`".to_owned();
    text.parse().map(Some).map_err(|_| Mistake { field: "at", problem })
}

/// A number of people; `None`: not given.
pub(crate) fn number(text: &str, field: &'static str) -> Result<Option<u64>, Mistake> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Mistake { field, problem: "a whole number, please".into() })
}

/// The name of who commands.
pub(crate) fn name(text: &str) -> Result<String, Mistake> {
    let shown = activity::printable(text.trim());
    match shown.chars().count() {
        0 => Err(Mistake { field: "by", problem: "say who you are: the journal keeps it".into() }),
        1..=limits::NAME_CHARACTERS_MAX => Ok(shown.into_owned()),
        _ => {
            Err(Mistake { field: "by", problem: format!("at most {} characters, please", limits::NAME_CHARACTERS_MAX) })
        }
    }
}

pub(crate) fn is_word(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    (1..=limits::WORD_BYTES_MAX).contains(&word.len()) && word.bytes().all(fits)
}

pub(crate) fn is_id(id: &str) -> bool {
    (1..=limits::ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_of_each_route_follows_from_its_path() {
        let of =
            |wanted| ROUTES.iter().map(|route| route.path).filter(|path| audience(path) == wanted).collect::<Vec<_>>();
        assert_eq!(of(Probe), ["/livez", "/readyz", "/metrics"]);
        let draft = "/incidents/{id}/drafts/{number}";
        let incident = "/incidents/{id}";
        let pages = ["/", incident, incident, draft, draft, "/alerts", "/alerts/{id}", "/alerts/{id}", "/help"];
        assert_eq!(of(Person), pages);
        assert_eq!(of(Asset), ["/assets/{file}"]);
        assert_eq!(of(Link), ["/ack/{token}"; 2]);
        assert_eq!(of(Signed), ["/hooks/{channel}", "/hooks/hr/{system}"]);
        assert!(of(Program).iter().all(|path| path.starts_with("/api/v1/")));
    }

    #[test]
    fn counters_have_a_place_for_each_kind() {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }

    #[test]
    fn words_become_actions_or_say_which_field_is_wrong() {
        let words = |command| Words { command, ..Words::default() };
        assert_eq!(action(&Words { comment: "  ", ..words("acknowledge") }), Ok((Action::Acknowledge, None)));
        assert_eq!(
            action(&Words { verdict: "no_breach", comment: "x", ..words("verdict") }),
            Ok((Action::Verdict { verdict: "no_breach".into(), comment: Some("x".into()) }, None))
        );
        let close = Words { comment: "done", ..words("close") };
        assert_eq!(action(&close), Ok((Action::Close, Some("done".into()))));
        let settle = Words { obligation: "eu-gdpr-33-authority", settlement: "not_required", ..words("settle") };
        let how = Settlement::NotRequired;
        assert_eq!(
            action(&settle),
            Ok((Action::Settle { obligation: settle.obligation.into(), how, told_at: None, comment: None }, None))
        );
        let field = |words| action(&words).unwrap_err().field;
        assert_eq!(field(Words { comment: " ", ..words("note") }), "comment");
        assert_eq!(field(words("verdict")), "verdict");
        assert_eq!(field(Words { verdict: "Breach!", ..words("verdict") }), "verdict");
        assert_eq!(field(Words { obligation: "", ..settle }), "obligation");
        assert_eq!(field(Words { settlement: "withdrawn", ..settle }), "settlement");
        assert_eq!(field(Words { notice: "../x", ..words("stop_notice") }), "notice");
        assert_eq!(field(words("undo")), "command");
        let met = Words { settlement: "met", at: "2026-03-02T21:14:00Z", ..settle };
        assert!(matches!(action(&met), Ok((Action::Settle { told_at: Some(_), .. }, None))));
        let nobody = Words { at: met.at, ..settle };
        assert!(
            matches!(
                action(&nobody),
                Ok((Action::Settle { how: Settlement::NotRequired, told_at: Some(_), .. }, None))
            ),
            "what contradicts itself is refused by the desk, not dropped"
        );
        assert_eq!(field(Words { at: "yesterday", ..met }), "at");
        let moment = Words { moment: "materiality", comment: "the board met", ..words("record_moment") };
        assert!(matches!(action(&moment), Ok((Action::RecordMoment { since: None, .. }, None))));
        assert_eq!(field(Words { moment: "", ..moment }), "moment");
        assert_eq!(field(Words { comment: "", ..moment }), "comment");
        let people = Words { place: "us-ca", lower: "3", upper: "7", comment: "payroll", ..words("count_people") };
        let counted =
            Action::CountPeople { place: "US-CA".into(), lower: 3, upper: Some(7), comment: Some("payroll".into()) };
        assert_eq!(action(&people), Ok((counted, None)));
        assert_eq!(field(Words { lower: "", ..people }), "lower");
        assert_eq!(field(Words { lower: "-3", ..people }), "lower");
        assert_eq!(field(Words { upper: "2", ..people }), "upper");
        assert_eq!(field(Words { place: "California", ..people }), "place");
        let long = "ü".repeat(limits::COMMENT_CHARACTERS_MAX + 1);
        assert_eq!(field(Words { comment: &long, ..words("note") }), "comment");
        assert!(action(&Words { comment: &long[2..], ..words("note") }).is_ok());
    }

    #[test]
    fn a_name_is_printable_and_bounded() {
        assert_eq!(name(" Ada\u{202e} "), Ok("Ada\\u{202e}".into()));
        assert!(name("  ").is_err());
        assert!(name(&"x".repeat(limits::NAME_CHARACTERS_MAX + 1)).is_err());
    }
}
