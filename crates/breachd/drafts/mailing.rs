//! How the mails of a draft stand, on the terminal; and which of them came back.

use super::line;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

/// People of one command; more go into further ones.
pub(super) const PER_COMMAND: usize = 200;

/// Bytes of a delivery report that are read: what matters stands at its head, and the mail that came back follows with its own.
const REPORT_BYTES_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
struct Mailing {
    version: u32,
    state: String,
    n: u64,
    n_reached: u64,
    n_left: u64,
    not_reached: Vec<Reason>,
    concerned_at_least: u64,
    concerned_at_most: Option<u64>,
    started_at: Option<String>,
    completed_at: Option<String>,
    stopped: Option<String>,
    people: Vec<Missed>,
    n_beyond: u64,
}

#[derive(Deserialize)]
struct Reason {
    why: String,
    n: u64,
}

#[derive(Deserialize)]
struct Missed {
    employee: String,
    why: String,
}

pub(super) fn print(answer: &Value, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(answer)?)?;
        return Ok(());
    }
    let page: Mailing = serde_json::from_value(answer.clone()).context("the answer is no mailing")?;
    let since = page.started_at.map_or_else(String::new, |at| format!(", since {at}"));
    let until = page.completed_at.map_or_else(String::new, |at| format!(", until {at}"));
    line(out, format!("mails of version {}: {}{since}{until}", page.version, page.state))?;
    if let Some(stopped) = page.stopped {
        line(out, format!("stopped     {stopped}"))?;
    }
    line(out, format!("taken       {} of {} by the relay", page.n_reached, page.n))?;
    line(out, format!("left        {}", page.n_left))?;
    for reason in &page.not_reached {
        line(out, format!("not reached {} {}", reason.n, reason.why))?;
    }
    let most = page.concerned_at_most.map_or_else(|| "any number".to_owned(), |most| most.to_string());
    line(out, format!("concerned   {} to {most} people in all, known by number or not", page.concerned_at_least))?;
    if !page.people.is_empty() {
        line(out, String::new())?;
        line(out, "to be told another way, by employee's number:".into())?;
    }
    for Missed { employee, why } in &page.people {
        line(out, format!("{employee:<12}{why}"))?;
    }
    if page.n_beyond > 0 {
        line(out, format!("and {} more", page.n_beyond))?;
    }
    Ok(())
}

/// Whose mails came back: those named, and the ids of the mails in reports of failed deliveries.
pub(super) fn returned(who: Vec<String>, mails: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut all: BTreeSet<String> = who.into_iter().collect();
    for path in mails {
        for file in files(path)? {
            let mut text = Vec::new();
            let opened = File::open(&file).with_context(|| format!("`{}`", file.display()))?;
            opened.take(REPORT_BYTES_MAX).read_to_end(&mut text).with_context(|| format!("`{}`", file.display()))?;
            all.extend(failed(&String::from_utf8_lossy(&text)));
        }
    }
    if all.is_empty() {
        bail!("none of these mails reports a failed delivery of ours");
    }
    Ok(all.into_iter().collect())
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("`{}`", path.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// Left parts of Message-IDs such as ours in a report of a failed delivery (RFC 3464). A report that a delivery is late, or was made, tells of
/// none.
fn failed(report: &str) -> Vec<String> {
    let said = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some(name.eq_ignore_ascii_case("action") && value.trim().eq_ignore_ascii_case("failed"))
    };
    if !report.lines().any(|line| said(line) == Some(true)) {
        return Vec::new();
    }
    let ids = report.split('<').skip(1).filter_map(|rest| rest.get(..33)?.strip_suffix('@'));
    ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn only_reports_of_failed_deliveries_name_mails() {
        let report = |action: &str| {
            format!(
                "From: mailer@example.com\r\nMessage-ID: <x@example.com>\r\n\r\n--b\r\nReporting-MTA: dns; mx\r\n\r\nAction: {action}\r\n\
                 Status: 5.1.1\r\n\r\n--b\r\nMessage-ID: <{ID}@example.com>\r\nReferences: <{}@example.com>\r\n",
                ID.to_uppercase()
            )
        };
        assert_eq!(failed(&report("failed")), [ID]);
        assert!(failed(&report("delayed")).is_empty());
        assert!(failed("nothing of the kind <").is_empty());
    }
}
