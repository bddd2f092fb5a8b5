//! `breachd drafts`: what the law wants told, shown and acted on through a running breachd. The API decides; this asks it.

mod mailing;

use crate::cli::DraftsCommand;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    io::{self, Write},
    time::Duration,
};

/// Until an answer has to be there: a command waits for the journal.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is shown of the API's answer.
#[derive(Deserialize)]
struct Page {
    number: u32,
    title: String,
    obligation: String,
    state: String,
    version: u32,
    goes_at: Option<String>,
    approval: String,
    approvers: Vec<String>,
    channel: Option<String>,
    text: String,
    sha256: String,
    open: Vec<String>,
    stale: bool,
    sent: Vec<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    version: u32,
    at: String,
    because: String,
    failed: Option<String>,
}

/// Where the running breachd is, and how to be let in.
pub struct Place {
    pub url: String,
    pub token: Option<String>,
}

/// Asks, and prints the answer.
pub async fn run(place: &Place, command: DraftsCommand, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        DraftsCommand::Show { incident, draft, text, json, .. } => {
            let path = format!("/api/v1/incidents/{incident}/drafts/{draft}");
            let answer = ask(place, &path, None).await?;
            if json {
                writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
                return Ok(());
            }
            let page: Page = serde_json::from_value(answer).context("the answer is no draft")?;
            if text {
                // Byte for byte, so that `sha256sum` gives its hash; every line of it is printable.
                out.write_all(page.text.as_bytes())?;
                return Ok(());
            }
            print(&page, out)?;
            Ok(())
        }
        DraftsCommand::Mailing { incident, draft, json, .. } => {
            let path = format!("/api/v1/incidents/{incident}/drafts/{draft}/mailing");
            mailing::print(&ask(place, &path, None).await?, json, out)
        }
        DraftsCommand::Bounced { incident, draft, who, mails, act, .. } => {
            let all = mailing::returned(who, &mails)?;
            let path = format!("/api/v1/incidents/{incident}/commands");
            let (mut recorded, mut refused) = (0, None);
            for who in all.chunks(mailing::PER_COMMAND) {
                let body = json!({
                    "command": "draft_bounced", "draft": draft, "text": who.join(" "), "by": act.by, "comment": act.reason,
                });
                match ask(place, &path, Some(&body)).await {
                    Ok(_) => recorded += 1,
                    // A mailbox has others' mails, too: what follows may be ours.
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            match refused {
                Some(error) if recorded == 0 => return Err(error),
                Some(error) => line(out, format!("recorded in part; refused: {error:#}"))?,
                None => line(out, format!("recorded: {}", all.len()))?,
            }
            Ok(())
        }
        other => {
            let (incident, body) = body(other)?;
            let path = format!("/api/v1/incidents/{incident}/commands");
            let receipt = ask(place, &path, Some(&body)).await?;
            let entry = receipt.get("entry").and_then(Value::as_u64);
            let entry = entry.map_or_else(String::new, |entry| format!(", journal entry {entry}"));
            line(out, format!("done{entry}"))?;
            Ok(())
        }
    }
}

/// The API's command.
fn body(command: DraftsCommand) -> anyhow::Result<(incident::IncidentId, Value)> {
    let mut body = Map::new();
    let mut say = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    let (incident, word, act) = match command {
        DraftsCommand::Show { .. } | DraftsCommand::Mailing { .. } | DraftsCommand::Bounced { .. } => {
            bail!("that is no single command")
        }
        DraftsCommand::Make { incident, obligation, act, .. } => {
            say("obligation", json!(obligation));
            (incident, "draft_make", act)
        }
        DraftsCommand::Edit { incident, draft, field, text, file, act, .. } => {
            let text = match (text, file) {
                (Some(text), _) => text,
                (None, Some(file)) => {
                    std::fs::read_to_string(&file).with_context(|| format!("`{}` cannot be read", file.display()))?
                }
                (None, None) => String::new(),
            };
            say("draft", json!(draft));
            say("field", json!(field));
            say("text", json!(text));
            (incident, "draft_edit", act)
        }
        DraftsCommand::Redraft { incident, draft, phase, act, .. } => {
            say("draft", json!(draft));
            say("phase", json!(phase));
            (incident, "draft_redraft", act)
        }
        DraftsCommand::Approve { incident, draft, draft_version, act, .. } => {
            say("draft", json!(draft));
            say("version", json!(draft_version));
            (incident, "draft_approve", act)
        }
        DraftsCommand::Stop { incident, draft, act, .. } => {
            say("draft", json!(draft));
            (incident, "draft_stop", act)
        }
        DraftsCommand::Send { incident, draft, draft_version, act, .. } => {
            say("draft", json!(draft));
            say("version", json!(draft_version));
            (incident, "draft_send", act)
        }
    };
    say("command", json!(word));
    say("by", json!(act.by));
    say("comment", json!(act.reason));
    Ok((incident, Value::Object(body)))
}

/// Asks, or commands if there is a body.
async fn ask(place: &Place, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    crate::run::install_tls_provider();
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
    let base = place.url.trim_end_matches('/');
    let request = match body {
        Some(body) => client.post(format!("{base}{path}")).json(body),
        None => client.get(format!("{base}{path}")),
    };
    let request = match &place.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.send().await.with_context(|| {
        format!("no breachd answers at {base}; is `breachd run` (or `breachd demo`) running there?")
    })?;
    if !answer.status().is_success() {
        bail!("that was not done: {}", crate::drill::client::problem(answer).await);
    }
    let text = answer.text().await.context("the answer broke off")?;
    serde_json::from_str(&text).context("the answer cannot be read")
}

fn print(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    line(out, format!("draft {}, version {}: {}", page.number, page.version, page.title))?;
    line(out, format!("for         {}", page.obligation))?;
    let goes = page.goes_at.as_ref().map_or_else(String::new, |at| format!(", goes out at {at}"));
    line(out, format!("state       {}{goes}", page.state))?;
    let approvers = if page.approvers.is_empty() { "anybody".into() } else { page.approvers.join(" or ") };
    line(out, format!("approval    {}, by {approvers}", page.approval))?;
    line(out, format!("goes over   {}", page.channel.as_deref().unwrap_or("no channel: a person sends it")))?;
    line(out, format!("sha256      {}", page.sha256))?;
    let open = if page.open.is_empty() { "nothing".into() } else { page.open.join(", ") };
    line(out, format!("not known   {open}"))?;
    if page.stale {
        line(out, "more is known by now than this version says: `breachd drafts redraft`".into())?;
    }
    for sent in &page.sent {
        line(out, format!("sent        version {} at {}: {}", sent.version, sent.at, sent.because))?;
        if let Some(failed) = &sent.failed {
            line(out, format!("            NOT DELIVERED, it counts as not sent: {failed}"))?;
        }
    }
    writeln!(out)?;
    page.text.lines().try_for_each(|words| line(out, words.to_owned()))
}

/// Titles and names may be hostile text: no control character reaches the terminal.
fn line(out: &mut dyn Write, words: String) -> io::Result<()> {
    writeln!(out, "{}", activity::printable(&words))
}
