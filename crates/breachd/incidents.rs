//! `breachd incidents show`: one incident of a running breachd on the terminal, with how many records and people it concerns and why no
//! closer than that. The console's API answers; this lays it out and decides nothing.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::{
    io::{self, Write},
    time::Duration,
};

/// Until an answer has to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to ask for.
pub struct Request {
    /// Such as `http://127.0.0.1:8420`.
    pub url: String,
    pub token: Option<String>,
    pub incident: incident::IncidentId,
    /// The API's answer as it is.
    pub json: bool,
}

/// What is shown of the API's answer.
#[derive(Deserialize)]
struct Page {
    id: String,
    title: String,
    subject: Subject,
    severity: String,
    state: String,
    owner: Option<String>,
    mode: String,
    opened_at: String,
    data_classes: Vec<String>,
    n_alerts: u64,
    affected: Affected,
    #[serde(default)]
    deadlines: Vec<Deadline>,
    #[serde(default)]
    missed_by_number: Vec<Missed>,
}

#[derive(Deserialize)]
struct Deadline {
    name: String,
    due_at: Option<String>,
    state: String,
    assumed: Vec<String>,
    #[serde(default)]
    counted: String,
    #[serde(default)]
    law: String,
    #[serde(default)]
    revised: String,
}

#[derive(Deserialize)]
struct Missed {
    name: String,
    because: String,
}

#[derive(Deserialize)]
struct Subject {
    kind: String,
    id: String,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(flatten)]
    records: Bounds,
    reason: String,
    people: Option<Bounds>,
    people_reason: String,
    #[serde(default)]
    places: Vec<Place>,
    #[serde(default)]
    places_reason: String,
    #[serde(default)]
    directory: String,
    tables: Vec<Table>,
    n_tables_beyond: u64,
}

#[derive(Deserialize)]
struct Bounds {
    lower: u64,
    estimate: u64,
    upper: u64,
}

#[derive(Deserialize)]
struct Place {
    place: String,
    #[serde(flatten)]
    count: incident::Headcount,
    by_person: bool,
    directory: Option<u64>,
}

#[derive(Deserialize)]
struct Table {
    table: String,
    #[serde(flatten)]
    records: Bounds,
}

/// Asks, and prints the answer.
pub async fn show(request: Request, out: &mut dyn Write) -> anyhow::Result<()> {
    crate::run::install_tls_provider();
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
    let base = request.url.trim_end_matches('/');
    let question = client.get(format!("{base}/api/v1/incidents/{}", request.incident));
    let question = match &request.token {
        Some(token) => question.bearer_auth(token),
        None => question,
    };
    let answer = question.send().await.with_context(|| {
        format!("no breachd answers at {base}; is `breachd run` (or `breachd demo`) running there?")
    })?;
    if !answer.status().is_success() {
        bail!("{} cannot be shown: {}", request.incident, crate::drill::client::problem(answer).await);
    }
    let text = answer.text().await.context("the answer broke off")?;
    if request.json {
        let json: serde_json::Value = serde_json::from_str(&text).context("the answer is no incident")?;
        writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?;
        return Ok(());
    }
    let page: Page = serde_json::from_str(&text).context("the answer is no incident")?;
    print(&page, out)?;
    Ok(())
}

fn print(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let drill = if page.mode == "live" { "" } else { " [DRILL]" };
    let classes =
        if page.data_classes.is_empty() { "none classified".to_owned() } else { page.data_classes.join(", ") };
    line(out, format!("{}{drill}: {}", page.id, page.title))?;
    line(
        out,
        format!("state       {}, {}; owner: {}", page.state, page.severity, page.owner.as_deref().unwrap_or("nobody")),
    )?;
    line(out, format!("about       {} {}", page.subject.kind, page.subject.id))?;
    line(out, format!("data        {classes}"))?;
    line(out, format!("opened      {}", page.opened_at))?;
    line(out, format!("alerts      {}", page.n_alerts))?;
    let Affected { records, reason, people, people_reason, tables, n_tables_beyond, .. } = &page.affected;
    line(out, format!("records     {} ({reason})", bounds(records)))?;
    match people {
        Some(people) => line(out, format!("people      {} ({people_reason})", bounds(people)))?,
        None => line(out, format!("people      {people_reason}"))?,
    }
    print_places(&page.affected, out)?;
    for Table { table, records } in tables {
        line(out, format!("            {table}: {} named by their ids", bounds(records)))?;
    }
    if *n_tables_beyond > 0 {
        line(out, format!("            {n_tables_beyond} alerts name records of further tables"))?;
    }
    page.deadlines.iter().try_for_each(|deadline| print_deadline(deadline, out))?;
    for Missed { name, because } in &page.missed_by_number {
        line(out, format!("not running {name}: {because}"))?;
    }
    Ok(())
}

/// Who is concerned by where they live, and how that was counted.
fn print_places(affected: &Affected, out: &mut dyn Write) -> io::Result<()> {
    for Place { place, count, by_person, directory } in &affected.places {
        let by = if *by_person { ", counted by a person" } else { "" };
        let there = directory.map_or(String::new(), |n| format!("; the directory has {n} there"));
        line(out, format!("            {place}: {count}{by}{there}"))?;
    }
    if affected.places_reason.is_empty() {
        return Ok(());
    }
    line(out, format!("by place    {}; directory (SHA-256) {}", affected.places_reason, affected.directory))
}

/// When it is due, by which file of obligations, and what of it is open.
fn print_deadline(deadline: &Deadline, out: &mut dyn Write) -> io::Result<()> {
    let Deadline { name, due_at, state, assumed, counted, law, revised } = deadline;
    let due = due_at.as_deref().unwrap_or("without undue delay");
    line(out, format!("deadline    {name}: {state}, {due}"))?;
    if !assumed.is_empty() {
        let so_far = if counted.is_empty() { String::new() } else { format!(" (so far {counted})") };
        line(out, format!("            open, read strictly as met: {}{so_far}", assumed.join("; ")))?;
    }
    if !revised.is_empty() {
        line(out, format!("            changed: {revised}"))?;
    }
    if !law.is_empty() {
        line(out, format!("            by the file of obligations {law}"))?;
    }
    Ok(())
}

/// `at least 12, about 40, at most 1840`; where all three are one number, that.
fn bounds(Bounds { lower, estimate, upper }: &Bounds) -> String {
    if lower == upper {
        return upper.to_string();
    }
    format!("at least {lower}, about {estimate}, at most {upper}")
}

/// Titles and ids are hostile text: no control character reaches the terminal.
fn line(out: &mut dyn Write, words: String) -> io::Result<()> {
    writeln!(out, "{}", activity::printable(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(people: &str) -> String {
        let json = format!(
            r#"{{"at":"x","id":"INC-7","title":"evil[2J","subject":{{"kind":"portal_user","id":"u1"}},"severity":"high",
            "state":"open","open":true,"owner":null,"mode":"drill","drill_id":"d","opened_at":"2026-03-02T21:15:00Z","data_classes":["hr"],
            "n_alerts":3,"affected_records":40,"nearest_deadline":null,"affected":{{"lower":12,"estimate":14,"upper":40,"reason":"why",
            "people":{people},"people_reason":"different employees' numbers","places":[{{"place":"US-CA","lower":12,"upper":640,
            "by_person":false,"directory":700}},{{"place":"DE","lower":1,"upper":null,"by_person":true,"directory":null}}],
            "places_reason":"why so","directory":"5f1c","tables":[{{"table":"hr.hr_payroll","lower":12,"estimate":12,
            "upper":12}}],"n_tables_beyond":2}},"deadlines":[{{"name":"CA attorney general","due_at":null,"state":"running",
            "assumed":["more than 500 residents"],"counted":"12 to 640 in US-CA; at least 12 in all","law":"2026-11-26 (SHA-256 ab…)",
            "revised":"now due sooner"}}],"missed_by_number":[{{"name":"MD attorney general","because":"it takes more"}}],
            "verdict":null,"reasons":[]}}"#
        );
        let json = json.replace("[2J", "\\u001b[2J");
        let mut out = Vec::new();
        print(&serde_json::from_str(&json).expect("as the API answers"), &mut out).expect("into memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn shows_bounds_with_their_reasons_and_obeys_no_control_character() {
        let counted = shown(r#"{"lower":12,"estimate":12,"upper":12}"#);
        assert!(counted.starts_with("INC-7 [DRILL]: evil") && !counted.contains('\u{1b}'), "{counted}");
        let rest = "\
state       open, high; owner: nobody
about       portal_user u1
data        hr
opened      2026-03-02T21:15:00Z
alerts      3
records     at least 12, about 14, at most 40 (why)
people      12 (different employees' numbers)
            US-CA: 12 to 640; the directory has 700 there
            DE: at least 1, counted by a person
by place    why so; directory (SHA-256) 5f1c
            hr.hr_payroll: 12 named by their ids
            2 alerts name records of further tables
deadline    CA attorney general: running, without undue delay
            open, read strictly as met: more than 500 residents (so far 12 to 640 in US-CA; at least 12 in all)
            changed: now due sooner
            by the file of obligations 2026-11-26 (SHA-256 ab…)
not running MD attorney general: it takes more
";
        assert!(counted.ends_with(rest), "{counted}");
        assert!(
            shown("null").contains("\npeople      different employees' numbers\n"),
            "the reason why nobody is counted"
        );
    }
}
