//! `breachd drill run`: asks a running breachd to hold a drill, and prints what was measured.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Time between two looks at the report.
const POLL: Duration = Duration::from_millis(500);

/// What to ask for.
pub struct Request {
    /// Such as `http://127.0.0.1:8420`.
    pub url: String,
    pub token: Option<String>,
    pub wait: Duration,
}

#[derive(Deserialize)]
struct Started {
    drill_id: String,
}

#[derive(Deserialize)]
struct Report {
    state: String,
    detected_after_seconds: Option<f64>,
    incident: Option<String>,
    channels: Vec<Channel>,
    problems: Vec<String>,
}

#[derive(Deserialize)]
struct Channel {
    channel: String,
    state: String,
    attempts: u32,
    accepted_after_seconds: Option<f64>,
    confirmed_after_seconds: Option<f64>,
}

/// Holds a drill; true if it was detected and every notice was accepted.
pub async fn run(request: Request, out: &mut dyn Write) -> anyhow::Result<bool> {
    crate::run::install_tls_provider();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let base = request.url.trim_end_matches('/');
    let authorised = |builder: reqwest::RequestBuilder| match &request.token {
        Some(token) => builder.bearer_auth(token),
        None => builder,
    };
    let body = serde_json::json!({ "scenario": "insider_export", "by": whoami() });
    let answer =
        authorised(client.post(format!("{base}/api/v1/drills")).json(&body)).send().await.with_context(|| {
            format!("no breachd answers at {base}; is `breachd run` (or `breachd demo`) running there?")
        })?;
    if !answer.status().is_success() {
        bail!("the drill was refused: {}", problem(answer).await);
    }
    let started: Started = answer.json().await.context("the answer is no drill")?;
    writeln!(
        out,
        "{} began: an insider's export of payroll data, marked as a drill in every record",
        started.drill_id
    )?;
    let from = Instant::now();
    let report = loop {
        tokio::time::sleep(POLL).await;
        let answer = authorised(client.get(format!("{base}/api/v1/drills/{}", started.drill_id))).send().await?;
        if !answer.status().is_success() {
            bail!("the drill's report cannot be read: {}", problem(answer).await);
        }
        let report: Report = answer.json().await.context("the answer is no drill report")?;
        if report.state != "running" || from.elapsed() >= request.wait {
            break report;
        }
    };
    print(&report, out)?;
    Ok(report.state == "passed")
}

fn print(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    match (report.detected_after_seconds, &report.incident) {
        (Some(seconds), Some(incident)) => {
            writeln!(out, "detected    after {} as {incident} (a drill: no legal deadline runs)", shown(seconds))?
        }
        (Some(seconds), None) => writeln!(out, "detected    after {}", shown(seconds))?,
        (None, _) => writeln!(out, "not detected")?,
    }
    for channel in &report.channels {
        let after = |seconds: Option<f64>| {
            seconds.map_or_else(|| "-".to_owned(), |seconds| format!("after {}", shown(seconds)))
        };
        writeln!(
            out,
            "{:<16} {:<10} accepted {:<16} confirmed {:<16} {} attempt{}",
            channel.channel,
            channel.state,
            after(channel.accepted_after_seconds),
            after(channel.confirmed_after_seconds),
            channel.attempts,
            if channel.attempts == 1 { "" } else { "s" },
        )?;
    }
    for problem in &report.problems {
        writeln!(out, "problem: {problem}")?;
    }
    writeln!(out, "the drill {}", if report.state == "running" { "is not over: waiting ended" } else { &report.state })
}

fn shown(seconds: f64) -> String {
    activity::Span::from_millis((seconds * 1000.0) as i64).to_string()
}

/// What an RFC 9457 answer says, or its status.
pub(crate) async fn problem(answer: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Problem {
        title: String,
        detail: Option<String>,
    }
    let status = answer.status();
    match answer.json::<Problem>().await {
        Ok(Problem { title, detail: Some(detail) }) => activity::printable(&format!("{title}: {detail}")).into_owned(),
        Ok(Problem { title, detail: None }) => activity::printable(&title).into_owned(),
        Err(_) => status.to_string(),
    }
}

/// Who asks, as the operating system says.
fn whoami() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "command line".into())
}
