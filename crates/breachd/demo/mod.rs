//! `breachd demo`: the whole of breachd in one process, on recorded logs.
//!
//! Everything is real but the ends: the same roles on the same [`stream::Broker`] trait, with the in-memory log as its host
//! (see that crate for why not librdkafka's mock cluster), real HTTP and SMTP to sandbox receivers on loopback that are
//! as strict as the services they stand for. The configuration it runs on is written to a directory and named, so that
//! it can be read, changed, and used with `breachd run`.

mod account;
pub mod data;
pub mod player;
pub mod shift;

use crate::{
    cli::RoleName,
    drill::mark::DrillKey,
    run,
    settings::{Settings, limits},
    wall,
};
use account::Account;
use activity::{Span, Timestamp};
use anyhow::Context as _;
use data::Story;
use incident::DeliveryState;
use indicatif::{ProgressBar, ProgressStyle};
use notifier::sandbox;
use player::Played;
use std::{
    io::Write,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use stream::TopicSpec;

/// Longest wait, after the last line was played, for everything to be found and delivered.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long nothing may change any more before the account is taken.
const SETTLED: Duration = Duration::from_millis(1500);

/// The notifier's part of the demo's configuration; the sandbox's channels are added to it.
const TRIGGERS: &str = r#"
# Who has to know, by data class. Channels lead to sandbox receivers in this process.
[[triggers]]
data_classes = ["hr", "credentials"]
severity_at_least = "high"
channels = ["pager", "mail", "tickets", "hook"]

[[triggers]]
data_classes = ["payment", "hr_adjacent"]
severity_at_least = "high"
channels = ["pager", "tickets", "hook"]

[fallback]
channels = ["mail"]

[awareness]
severity_at_least = "high"
data_classes = ["hr", "payment", "credentials"]

[organisation]
name = "Example Trading GmbH"
address = "Beispielweg 1, 10115 Berlin"
contact = "Data protection officer, dpo@example.com, +49 30 123456"

[[drafts]]
obligations = ["eu-gdpr-33-authority", "eu-gdpr-34-individuals"]

[ingest]
flush_interval = "100ms"
expire_after = "500ms"
idle_after = "2s"

[topics]
tally_partitions = 4
"#;

/// Plays, prints, serves. True: every breach was found and every notice delivered.
pub async fn run(headless: bool, listen: SocketAddr) -> anyhow::Result<bool> {
    run::install_tls_provider();
    let from = Instant::now();
    let story = Story::load();
    let directory = Scratch::new()?;
    let by = shift_to_now(&story, wall::now());
    let sandbox = sandbox::All::start(&directory.0).await.context("the sandbox receivers cannot listen on loopback")?;
    let listen = if headless { SocketAddr::from(([127, 0, 0, 1], 0)) } else { listen };
    let file = configure(&directory.0, &sandbox, listen, by)?;
    let settings = Settings::load(std::slice::from_ref(&file), &[]).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demo's own configuration is wrong:\n{}", lines.join("\n"))
    })?;
    let budget = settings.detector.false_pages_per_week;
    let broker = stream::memory();
    let topics: Vec<TopicSpec> = data::LOGS
        .iter()
        .map(|log| TopicSpec {
            name: log.topic.into(),
            partitions: log.partitions,
            replication: None,
            compacted: false,
            retention: None,
        })
        .collect();
    broker.create_topics(&topics)?;
    let daemon = run::start(Arc::new(settings), Arc::clone(&broker), &RoleName::ALL).await?;
    let model = Arc::clone(&daemon.model);

    let bar = bar(data::LOGS.len() as u64);
    let playing = {
        let (context, bar, story_length) =
            (Arc::clone(&daemon.context), bar.clone(), (story_end(&story) - story_start(&story)).as_secs().max(1));
        let begins = story_start(&story) + by;
        tokio::task::spawn_blocking(move || {
            bar.set_length(story_length as u64);
            // A role that has failed takes nothing more in: nobody waits for it.
            let consumed = || if context.healths.live() { context.taken.load(Ordering::Relaxed) } else { u64::MAX };
            let mut progress = |records: u64, at: Timestamp| {
                bar.set_position((at - begins).as_secs().max(0) as u64);
                bar.set_message(format!("{records} log lines"));
            };
            player::play(context.broker.as_ref(), by, &AtomicBool::new(false), &consumed, &mut progress)
        })
    };
    let played = playing.await??;
    bar.set_message("waiting for the last notice");
    let account = settle(&story, by, &model, &played).await;
    bar.finish_and_clear();

    let mut out = std::io::stdout();
    let took = Span::from_millis(i64::try_from(from.elapsed().as_millis()).unwrap_or(i64::MAX));
    let days = (story_end(&story) - story_start(&story)).as_secs() / 86_400;
    writeln!(
        out,
        "breachd read {} log lines ({:.0} MiB, {days} days) of a small company in {took}.\n",
        played.records,
        played.bytes as f64 / 1_048_576.0
    )?;
    account.print(wall::now(), budget, &mut out)?;
    let received = sandbox.received();
    let notices: Vec<String> = account.notices.iter().map(|(state, n)| format!("{n} {state}")).collect();
    writeln!(out, "notices: {}; the sandbox services received {} messages", notices.join(", "), received.len())?;
    let well = account.all_found() && account.all_delivered();
    let verdict = match (account.all_found(), account.all_delivered()) {
        (true, true) => "every breach was found and every notice delivered",
        (false, _) => "FAILED: a breach was missed",
        (true, false) => "FAILED: a notice was not delivered",
    };
    writeln!(out, "{verdict}")?;
    if !headless {
        serve(&daemon, &file, &mut out).await?;
    }
    tokio::task::spawn_blocking(move || daemon.stop()).await?;
    Ok(well)
}

async fn serve(daemon: &run::Daemon, file: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    {
        let address = daemon.console;
        writeln!(out, "\nconsole   http://{address}/")?;
        writeln!(out, "metrics   http://{address}/metrics")?;
        writeln!(out, "config    {}", file.display())?;
        writeln!(out, "drill     breachd drill run --url http://{address}   (in another terminal)")?;
        writeln!(out, "Ctrl-C ends it.")?;
        out.flush()?;
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Waits until everything planted is found and every notice is settled, or patience ends.
async fn settle<'a>(
    story: &'a Story,
    by: Span,
    model: &crate::desk::follower::ReadModel,
    played: &Played,
) -> Account<'a> {
    let from = Instant::now();
    let mut quiet_since = Instant::now();
    let mut before = None;
    loop {
        let account = Account::take(story, by, model, played);
        let unsettled = model
            .casebook()
            .incidents()
            .flat_map(|incident| &incident.notices)
            .filter(|record| record.state == DeliveryState::Requested || record.state == DeliveryState::Retrying)
            .count();
        let now = (account.notices.clone(), unsettled);
        if before.as_ref() != Some(&now) {
            quiet_since = Instant::now();
            before = Some(now);
        }
        let settled = account.all_found() && unsettled == 0 && quiet_since.elapsed() >= SETTLED;
        if settled || from.elapsed() >= PATIENCE {
            return account;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn story_start(story: &Story) -> Timestamp {
    story.start.parse().expect("the story that ships is sound: a test reads it")
}

fn story_end(story: &Story) -> Timestamp {
    story.end.parse().expect("the story that ships is sound: a test reads it")
}

/// Whole hours, so that the recorded logs end within the hour before `now` and what happened within one hour stays within
/// one: the demo shows the same whenever it is started.
fn shift_to_now(story: &Story, now: Timestamp) -> Span {
    Span::from_hours((now - story_end(story)).as_secs() / 3600)
}

/// Writes what the demo runs on; returns the configuration's path.
fn configure(directory: &Path, sandbox: &sandbox::All, listen: SocketAddr, by: Span) -> anyhow::Result<PathBuf> {
    for (name, text) in data::FILES {
        let text = if name == "calendar.csv" { shifted_calendar(text, by) } else { text.to_owned() };
        std::fs::write(directory.join(name), text)?;
    }
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    debug_assert!(DrillKey::new(key.as_bytes()).is_some());
    std::fs::write(directory.join("drill-key"), key)?;
    #[derive(serde::Serialize)]
    struct Channels<'a> {
        channels: &'a notifier::Settings,
    }
    let channels = toml::to_string(&Channels { channels: sandbox.settings() })?;
    let text = format!(
        "# What `breachd demo` runs on.\ninstance = \"demo\"\n\n{}\n{TRIGGERS}\n[console]\nlisten = \"{listen}\"\n\n[drill]\nkey_file = \"drill-key\"\n\n{channels}",
        data::CONFIGURATION
    );
    let file = directory.join("breachd.toml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// The calendar's days move with the logs.
fn shifted_calendar(text: &str, by: Span) -> String {
    let moved = |field: &str| field.parse::<Timestamp>().map_or_else(|_| field.to_owned(), |at| (at + by).to_string());
    let lines: Vec<String> =
        text.lines().map(|line| line.split(',').map(moved).collect::<Vec<_>>().join(",")).collect();
    lines.join("\n") + "\n"
}

fn bar(length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{wide_bar} {percent:>3}% of four weeks, {msg}").expect("a template of ours");
    let bar = ProgressBar::new(length).with_style(style);
    bar.enable_steady_tick(limits::POLL_WAIT);
    bar
}

/// A directory for the demo's files, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Scratch> {
        let mut name = [0_u8; 8];
        getrandom::fill(&mut name).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
        let path = std::env::temp_dir().join(format!("breachd-demo-{:016x}", u64::from_le_bytes(name)));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("`{}` cannot be created", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    #[test]
    fn the_story_and_the_logs_agree() {
        let story = Story::load();
        assert_eq!(story.breaches.len(), 4);
        for breach in &story.breaches {
            assert!(
                story_start(&story) < breach.start()
                    && breach.start() < breach.end()
                    && breach.end() <= story_end(&story),
                "{}",
                breach.name
            );
            assert!(breach.classes().count() > 0 && !breach.subjects.is_empty(), "{}", breach.name);
        }
        for log in &data::LOGS {
            let mut n = 0;
            for line in BufReader::new(player::decompressed(log.compressed)).lines() {
                let line = line.unwrap();
                if let Some(at) = shift::stamp(log.format, &line) {
                    n += 1;
                    assert!(story_start(&story) <= at && at <= story_end(&story) + Span::from_minutes(1), "{line}");
                    assert!(
                        shift::shift(log.format, &line, Span::from_hours(1)).is_some_and(|shifted| shifted != line),
                        "{line}"
                    );
                }
            }
            assert!(n > 1000, "{}: {n} stamped lines", log.source);
        }
    }

    #[test]
    fn logs_end_in_this_hour() {
        let story = Story::load();
        let now = Timestamp::from_secs(1_795_000_030);
        let end = story_end(&story) + shift_to_now(&story, now);
        assert!(end <= now && now - end < Span::from_hours(1));
    }

    /// The stamps' shift moves the logs over hours of the day and days of the week; the breaches must show all the same.
    #[test]
    fn every_breach_is_found_whatever_the_hour_it_is_started() {
        let story = Story::load();
        for hours in [0, 5, 7 * 24 + 11, 3 * 24 + 17] {
            let by = Span::from_hours(hours);
            let directory = Scratch::new().unwrap();
            for (name, text) in data::FILES {
                let text = if name == "calendar.csv" { shifted_calendar(text, by) } else { text.to_owned() };
                std::fs::write(directory.0.join(name), text).unwrap();
            }
            let file = directory.0.join("breachd.toml");
            std::fs::write(&file, data::CONFIGURATION).unwrap();
            let inputs: Vec<crate::cli::InputFile> = data::LOGS
                .iter()
                .map(|log| {
                    let path = directory.0.join(log.source);
                    let lines = BufReader::new(player::decompressed(log.compressed)).lines().map(|line| line.unwrap());
                    let shifted: Vec<String> =
                        lines.map(|line| shift::shift(log.format, &line, by).unwrap_or(line)).collect();
                    std::fs::write(&path, shifted.join("\n")).unwrap();
                    crate::cli::InputFile {
                        name: log.source.into(),
                        format: log.format.into(),
                        path,
                        zone: None,
                        written: ingest::Written::Unknown,
                    }
                })
                .collect();
            let settings = Settings::load(&[file], &[]).unwrap();
            let mut alerts = Vec::new();
            let request = crate::replay::Request { settings: &settings, inputs: &inputs, partitions: 1, verdicts: &[] };
            let summary = crate::replay::replay(request, &mut |alert| alerts.push(alert), &mut |_| {}).unwrap();
            assert_eq!((summary.violations, summary.dead_lettered()), (0, 0));
            for breach in &story.breaches {
                let (from, to) = (breach.start() + by - Span::from_minutes(1), breach.end() + by + Span::from_hours(1));
                let found = alerts.iter().any(|alert| {
                    alert.page
                        && from <= alert.raised_at
                        && alert.raised_at <= to
                        && breach.subjects.iter().any(|subject| {
                            [&alert.subject, &alert.entity]
                                .iter()
                                .any(|entity| entity.kind.as_str() == subject.kind && *entity.id == subject.id)
                        })
                });
                assert!(found, "`{}` is missed when the logs are moved by {by}", breach.name);
            }
        }
    }

    #[test]
    fn the_calendar_moves_with_the_logs() {
        let shifted = shifted_calendar(
            "from,to,kind\n2026-01-30T00:00:00Z,2026-01-31T00:00:00Z,month_end\n",
            Span::from_hours(1),
        );
        assert_eq!(shifted, "from,to,kind\n2026-01-30T01:00:00Z,2026-01-31T01:00:00Z,month_end\n");
    }
}
