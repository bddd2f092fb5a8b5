//! `breachd sources`: what each source has shown so far, which tables' rows nobody counts, and what to do about the gaps.
//!
//! The ingest role writes what a source partition has shown ([`ingest::Coverage`]) to the compacted `PREFIX.state` under
//! `coverage/SOURCE/PARTITION`, with the raw topic's name and the offset it has come to, in the transaction of a flush:
//! at most every [`WRITE_EVERY`], and when it stops. After a rebalance the next owner goes on from it. The counts may miss what came
//! between the last writing and a crash; positions and tallies never do (they are in the manifests). `breachd replay` prints
//! the same of its files.
//!
//! Everything here is names of sources and tables and counts, never a person.

use crate::{settings::Settings, state, topics::Topics};
use activity::{Timestamp, printable, printable_within};
use ingest::{Coverage, Gap, coverage::CoveredTable};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, Write},
    time::Duration,
};
use stream::{Broker, Outgoing, StreamError};

/// How often the ingest role writes down what a source partition has shown.
pub const WRITE_EVERY: Duration = Duration::from_secs(10);

/// Tables in the list for people; `--json` has them all.
const TABLES_SHOWN: usize = 60;

/// One source partition, as it lies in the state topic.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SourceState {
    #[serde(flatten)]
    pub coverage: Coverage,
    /// Raw topic; empty for a file.
    #[serde(default)]
    pub topic: String,
    /// The first offset that is not done.
    #[serde(default)]
    pub next_offset: i64,
}

impl SourceState {
    /// From a record of the state topic; `None` if it is about something else.
    pub fn read(key: &[u8], value: &[u8]) -> Option<(String, SourceState)> {
        let key = std::str::from_utf8(key).ok().filter(|key| key.starts_with("coverage/"))?;
        Some((key.to_owned(), serde_json::from_slice(value).ok()?))
    }

    /// The message for the state topic.
    pub fn outgoing(&self, topics: &Topics) -> Outgoing {
        Outgoing {
            topic: topics.state(),
            partition: None,
            key: Some(self.coverage.key().into_bytes()),
            payload: serde_json::to_vec(self).expect("maps with text keys and numbers are JSON"),
            headers: Vec::new(),
        }
    }
}

/// What the state topic says of each source partition.
pub fn states(broker: &dyn Broker, topics: &Topics) -> Result<Vec<SourceState>, StreamError> {
    let mut states: BTreeMap<String, SourceState> = BTreeMap::new();
    state::each(broker, topics, &mut |key, value| {
        if let Some((key, state)) = SourceState::read(key.as_bytes(), value) {
            states.insert(key, state);
        }
    })?;
    Ok(states.into_values().collect())
}

/// All that is known of the sources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub sources: Vec<SourceRow>,
    /// Classified tables that were seen.
    pub tables: Vec<TableRow>,
    pub gaps: Vec<Gap>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceRow {
    pub source: String,
    pub format: String,
    pub topic: Option<String>,
    pub partitions: usize,
    /// Event time of the newest entry.
    pub last_event: Option<String>,
    /// When the newest record was written to the topic.
    pub last_written: Option<String>,
    /// Records written and not yet taken in; absent for files.
    pub lag_records: Option<i64>,
    pub records: u64,
    pub rejected_share: f64,
    pub late_share: f64,
    /// Written minus event time of the newest record.
    pub skew_seconds: Option<f64>,
    /// Of the statements on classified data by a database account, those whose tag names the person.
    pub tagged_share: Option<f64>,
    /// Of the requests to classified routes, those with a portal user.
    pub named_share: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TableRow {
    pub table: String,
    pub class: String,
    pub statements: u64,
    /// Of a source that says how many rows were read.
    pub with_rows: u64,
    pub rows: RowsKnown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsKnown {
    Known,
    Unknown,
}

impl RowsKnown {
    pub const fn as_str(self) -> &'static str {
        match self {
            RowsKnown::Known => "known",
            RowsKnown::Unknown => "unknown",
        }
    }
}

/// From what the sources are configured to be and have shown. `ends`: of each raw topic the offsets behind its partitions.
pub fn report(
    settings: &ingest::Settings,
    states: &[SourceState],
    now: Timestamp,
    ends: &HashMap<String, Vec<i64>>,
) -> Report {
    let mut merged: BTreeMap<&str, Coverage> = BTreeMap::new();
    for state in states {
        merged.entry(&state.coverage.source).or_default().merge(&state.coverage);
    }
    let names: BTreeSet<&str> =
        settings.sources.iter().map(|source| source.name.as_str()).chain(merged.keys().copied()).collect();
    let row = |name: &str| {
        let configured = settings.sources.iter().find(|source| source.name == name);
        let coverage = merged.get(name).cloned().unwrap_or_default();
        let topic = configured.and_then(|source| source.topic.clone());
        let mut row = SourceRow {
            source: name.to_owned(),
            format: configured.map_or(coverage.format.clone(), |source| source.format.clone()),
            lag_records: topic.as_ref().and_then(|topic| Some(lag(states, name, topic, ends.get(topic)?))),
            topic,
            ..SourceRow::default()
        };
        row.partitions = states.iter().filter(|state| state.coverage.source == name).count();
        let at = |millis: i64| Timestamp::from_millis(millis).to_string();
        row.last_event = coverage.last_event_ms.map(at);
        row.last_written = coverage.last_written_ms.map(at);
        row.records = coverage.records.all();
        row.rejected_share = coverage.rejected_share();
        row.late_share = share(coverage.records.late, row.records).unwrap_or(0.0);
        row.skew_seconds = coverage.skew_ms.map(|millis| millis as f64 / 1_000.0);
        row.tagged_share = share(coverage.tagged, coverage.tagged.saturating_add(coverage.untagged));
        row.named_share = share(coverage.named_requests, coverage.classified_requests);
        row
    };
    let coverages: Vec<Coverage> = merged.values().cloned().collect();
    Report {
        sources: names.into_iter().map(row).collect(),
        tables: tables(&coverages),
        gaps: ingest::gaps(settings, &coverages, now),
    }
}

/// Records between what is done and the ends; a partition that nobody has read counts whole.
fn lag(states: &[SourceState], source: &str, topic: &str, ends: &[i64]) -> i64 {
    let done = |partition: i32| {
        states
            .iter()
            .find(|state| {
                state.coverage.source == source && state.topic == topic && state.coverage.partition == partition
            })
            .map_or(0, |state| state.next_offset)
    };
    (0..).zip(ends).map(|(partition, end)| (end - done(partition)).max(0)).sum()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (0 < whole).then(|| part as f64 / whole as f64)
}

/// Classified tables over all sources. Rows are known where any source says them.
pub fn tables(coverages: &[Coverage]) -> Vec<TableRow> {
    let mut tables: BTreeMap<&str, CoveredTable> = BTreeMap::new();
    for (name, seen) in coverages.iter().flat_map(|coverage| &coverage.tables) {
        let table = tables.entry(name).or_default();
        table.class.clone_from(&seen.class);
        // The same statement may be in two logs: the log that saw most of them says how many there were.
        table.statements = table.statements.max(seen.statements);
        table.with_rows = table.with_rows.max(seen.with_rows);
    }
    tables
        .into_iter()
        .map(|(table, CoveredTable { class, statements, with_rows, .. })| TableRow {
            table: table.to_owned(),
            class,
            statements,
            with_rows,
            rows: if 0 < with_rows { RowsKnown::Known } else { RowsKnown::Unknown },
        })
        .collect()
}

/// Asks the broker, and reports.
pub fn ask(broker: &dyn Broker, settings: &Settings, now: Timestamp) -> Result<Report, StreamError> {
    let states = states(broker, &Topics::new(settings.topics.clone()))?;
    let mut ends = HashMap::new();
    for topic in settings.sources.iter().filter_map(|source| source.topic.as_deref()) {
        match broker.end_offsets(topic) {
            Ok(offsets) => drop(ends.insert(topic.to_owned(), offsets)),
            // Said by the gap: nothing has come from it.
            Err(StreamError::NoSuchTopic { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(report(&settings.ingest(), &states, now, &ends))
}

impl Report {
    /// For a person at a terminal.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let wide = |text: &str, characters: usize| printable_within(text, characters);
        writeln!(
            out,
            "{:<16} {:<21} {:<20} {:<20} {:>8} {:>10} {:>9} {:>7} {:>9} {:>6} {:>6}",
            "source",
            "format",
            "last event",
            "last written",
            "lag",
            "records",
            "rejected",
            "late",
            "skew",
            "tags",
            "names"
        )?;
        for row in &self.sources {
            let second = |time: &Option<String>| time.as_deref().map_or("-".into(), to_the_second);
            let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share));
            writeln!(
                out,
                "{:<16} {:<21} {:<20} {:<20} {:>8} {:>10} {:>8.2}% {:>6.2}% {:>9} {:>6} {:>6}",
                wide(&row.source, 16),
                wide(&row.format, 21),
                second(&row.last_event),
                second(&row.last_written),
                row.lag_records.map_or("-".into(), |lag| lag.to_string()),
                row.records,
                100.0 * row.rejected_share,
                100.0 * row.late_share,
                row.skew_seconds.map_or("-".into(), |seconds| format!("{seconds:.1} s")),
                percent(row.tagged_share),
                percent(row.named_share),
            )?;
        }
        for (rows, title) in [
            (RowsKnown::Unknown, "classified tables of which no source says how many rows were read"),
            (RowsKnown::Known, "classified tables with row counts"),
        ] {
            let tables: Vec<&TableRow> = self.tables.iter().filter(|table| table.rows == rows).collect();
            if tables.is_empty() {
                continue;
            }
            writeln!(out, "\n{title}: {}", tables.len())?;
            for TableRow { table, class, statements, with_rows, .. } in tables.iter().take(TABLES_SHOWN) {
                let counted = if rows == RowsKnown::Known { format!(", {with_rows} with rows") } else { String::new() };
                writeln!(out, "  {:<40} {class:<12} {statements} statements{counted}", wide(table, 40))?;
            }
            if TABLES_SHOWN < tables.len() {
                writeln!(out, "  and {} more: see --json", tables.len() - TABLES_SHOWN)?;
            }
        }
        if self.gaps.is_empty() {
            return writeln!(out, "\nno gaps");
        }
        writeln!(out, "\n{} gap{}", self.gaps.len(), if self.gaps.len() == 1 { "" } else { "s" })?;
        for gap in &self.gaps {
            writeln!(out, "  - {}", printable(&gap.what))?;
            writeln!(out, "    {}", printable(&gap.fix))?;
            if let Some(snippet) = gap.snippet {
                writeln!(out, "    see {snippet}")?;
            }
        }
        Ok(())
    }
}

fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::coverage::Records;

    fn state(source: &str, partition: i32, records: u64, next_offset: i64) -> SourceState {
        SourceState {
            coverage: Coverage {
                source: source.into(),
                partition,
                format: "nginx_json".into(),
                last_event_ms: Some(1_000 * i64::from(partition + 1)),
                records: Records { contributed: records, dead_lettered: 1, ..Records::default() },
                tables: [
                    ("hr.a".to_owned(), CoveredTable { class: "hr".into(), statements: 3, ..CoveredTable::default() }),
                    (
                        "hr.b".to_owned(),
                        CoveredTable {
                            class: "hr".into(),
                            statements: 3,
                            with_rows: u64::try_from(partition).unwrap(),
                            named: false,
                        },
                    ),
                ]
                .into(),
                tagged: 3,
                untagged: 1,
                ..Coverage::default()
            },
            topic: "t".into(),
            next_offset,
        }
    }

    fn settings() -> ingest::Settings {
        let mut source = ingest::settings::Source::new("web", "nginx_json");
        source.topic = Some("t".into());
        ingest::Settings {
            sources: vec![source, ingest::settings::Source::new("mute", "nginx_json")],
            ..Default::default()
        }
    }

    #[test]
    fn partitions_are_put_together_and_what_nobody_read_is_behind() {
        let states = [state("web", 0, 9, 10), state("web", 1, 9, 10)];
        let ends = HashMap::from([("t".to_owned(), vec![12, 10, 5])]);
        let report = report(&settings(), &states, Timestamp::from_secs(2), &ends);
        let row = report.sources.iter().find(|row| row.source == "web").unwrap();
        assert_eq!((row.partitions, row.records, row.lag_records), (2, 20, Some(7)));
        assert_eq!((row.rejected_share, row.tagged_share), (0.1, Some(0.75)));
        assert_eq!(row.last_event.as_deref(), Some("1970-01-01T00:00:02Z"));
        let rows: Vec<(&str, RowsKnown)> = report.tables.iter().map(|row| (row.table.as_str(), row.rows)).collect();
        assert_eq!(rows, [("hr.a", RowsKnown::Unknown), ("hr.b", RowsKnown::Known)]);
        assert!(report.gaps.iter().any(|gap| gap.about == "mute"), "a source that never spoke is a gap");
        let mut out = Vec::new();
        report.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("75 %") && text.contains("hr.a") && text.contains("1970-01-01T00:00:02Z"), "{text}");
    }

    #[test]
    fn states_come_back_from_the_topic_the_latest_of_each() {
        let broker = stream::memory();
        let topics = Topics::new(crate::topics::TopicSettings::default());
        assert!(states(broker.as_ref(), &topics).unwrap().is_empty(), "no topic yet");
        topics.prepare(broker.as_ref()).unwrap();
        let mut appender = broker.appender().unwrap();
        for next in [5, 10] {
            appender.send(state("web", 0, 4, next).outgoing(&topics)).unwrap();
        }
        appender.flush().unwrap();
        let back = states(broker.as_ref(), &topics).unwrap();
        assert_eq!(back.len(), 1);
        assert_eq!((back[0].next_offset, &back[0].coverage), (10, &state("web", 0, 4, 10).coverage));
    }
}
