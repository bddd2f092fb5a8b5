//! Records to tallies, and tallies to judgements: `cargo bench --bench tally`, `-- --quick`, `-- ingest`.
//!
//! Measured, one thread, no Kafka:
//! - `ingest`: [`ingest::Ingester::take`] of 200,000 records of `simulator::bench` (70 % nginx JSON, 30 % audit rows), and a
//!   flush to packed messages each 20,000. Floor: typed serde or a comma split, and a count per person and table in hash maps.
//! - `detect_dense`: the messages of those records decoded and taken by one engine. It is 40 s of event time of 5,000 people:
//!   next to no window closes, so this is the cost of merging.
//! - `detect_weeks`: the same for the demo's three logs, four weeks of a small company: windows close and are judged in every
//!   one of them, which is what it costs. Floor of both: the messages decoded, and one count per entity in a hash map.
//!
//! An element is always a raw record, so that the figures add up to what a record costs.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod ratio;

use activity::{Mode, Timestamp};
use breachd::{cli::InputFile, demo::data, settings::Settings};
use criterion::Criterion;
use detector::{Alert, Effects, Engine};
use floor::Counts;
use ingest::{Ingester, Plan, Raw, Resume, Written};
use ratio::Compared;
use std::{path::Path, sync::Arc};
use tally::{Batch, Manifest, Tallier};

const RECORDS: u64 = 200_000;

/// Records between two flushes.
const FLUSH_RECORDS: usize = 20_000;

/// Tally partitions of the default configuration.
const PARTITIONS: u32 = 8;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let settings = settings();
    let (dense, weeks) = (Stream::dense(&settings), Stream::weeks(&settings));
    assert!(dense.records.len() as u64 == RECORDS && !weeks.records.is_empty());

    Compared::new(&mut criterion, "ingest", RECORDS, "record")
        .measure("floor_count", || {
            let mut counts = Counts::default();
            dense.records.iter().for_each(|(_, line)| counts.take(line));
            assert_eq!(counts.unread, 0);
            counts.entities()
        })
        .measure("take_tally_flush", || dense.ingest(PARTITIONS).len())
        .finish();
    detect(&mut criterion, "detect_dense", &settings, &dense);
    detect(&mut criterion, "detect_weeks", &settings, &weeks);
    criterion.final_summary();
}

fn detect(criterion: &mut Criterion, name: &'static str, settings: &Settings, stream: &Stream) {
    let messages = stream.ingest(1);
    let (entities, alerts) = (floor::tallies(&messages), judge(settings, &messages).len());
    println!(
        "{name}: {} records, {} messages, {} bytes, {entities} entities, {alerts} alerts",
        stream.records.len(),
        messages.len(),
        messages.iter().map(Vec::len).sum::<usize>(),
    );
    Compared::new(criterion, name, stream.records.len() as u64, "record")
        .measure("floor_count", || floor::tallies(&messages))
        .measure("decode_take_judge", || judge(settings, &messages).len())
        .finish();
}

/// Decoded and judged to the end, as `breachd replay` does.
fn judge(settings: &Settings, messages: &[Vec<u8>]) -> Vec<Alert> {
    let names: Vec<(Box<str>, u32)> = data::LOGS.iter().map(|log| (log.source.into(), 1)).collect();
    let mut engine = settings.engine(0, 1, &names, true);
    let mut alerts = Vec::new();
    for message in messages {
        let effects = engine.take(&Batch::decode(message).expect("a message of our own"));
        carry_out(&mut engine, effects, &mut alerts);
    }
    let effects = engine.finish();
    carry_out(&mut engine, effects, &mut alerts);
    alerts
}

/// Roll-ups back to the engine until it has no more to say.
fn carry_out(engine: &mut Engine, effects: Effects, alerts: &mut Vec<Alert>) {
    assert!(effects.violations.is_empty(), "{:?}", effects.violations);
    alerts.extend(effects.alerts);
    for rollup in effects.rollups {
        let effects = engine.rollup(&rollup);
        carry_out(engine, effects, alerts);
    }
}

/// Records of several sources in the order in which they are taken.
struct Stream {
    plans: Vec<Arc<Plan>>,
    records: Vec<(usize, Vec<u8>)>,
}

impl Stream {
    /// The simulator's long stream; JSON is the first source, the rest the second.
    fn dense(settings: &Settings) -> Stream {
        let mut text = Vec::new();
        simulator::bench::write(1, RECORDS, &mut text).expect("memory takes everything");
        let record = |line: &[u8]| (usize::from(line[0] != b'{'), line.to_vec());
        Stream { plans: plans(settings), records: lines(&text).map(record).collect() }
    }

    /// The demo's logs; whichever is behind in event time comes next.
    fn weeks(settings: &Settings) -> Stream {
        let plans = plans(settings);
        let texts = data::LOGS.each_ref().map(|log| {
            let mut decoder = zstd::stream::read::Decoder::new(log.compressed).expect("zstd");
            decoder.window_log_max(27).expect("zstd knows this window");
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut decoder, &mut text).expect("a sound log");
            text
        });
        let mut left: Vec<_> = texts.iter().map(|text| lines(text).peekable()).collect();
        let mut ingesters = fresh(&plans);
        let (mut scrap, mut dead, mut records) = (Tallier::default(), Vec::new(), Vec::new());
        loop {
            let open = (0..left.len()).filter(|at| left[*at].clone().peek().is_some());
            let Some(at) = open.min_by_key(|at| ingesters[*at].watermark()) else { break };
            // The first step is one line: it says when the log begins.
            let n = if ingesters[at].watermark() == Timestamp::MIN { 1 } else { 500 };
            for line in left[at].by_ref().take(n) {
                ingesters[at].take(raw(line, records.len()), &mut scrap, &mut dead);
                records.push((at, line.to_vec()));
            }
            scrap.clear();
        }
        Stream { plans, records }
    }

    /// All packed messages for so many tally partitions.
    fn ingest(&self, partitions: u32) -> Vec<Vec<u8>> {
        let mut ingesters = fresh(&self.plans);
        let (mut tallier, mut dead, mut messages) = (Tallier::default(), Vec::new(), Vec::new());
        let mut offsets = vec![0; self.plans.len()];
        // A source without records must not be waited for.
        let silent = [0, 1, 2].map(|source| self.records.iter().all(|(at, _)| *at != source));
        for (sequence, chunk) in self.records.chunks(FLUSH_RECORDS).enumerate() {
            for (source, line) in chunk {
                ingesters[*source].take(raw(line, offsets[*source]), &mut tallier, &mut dead);
                offsets[*source] += 1;
            }
            let mut ranges: Vec<_> = ingesters.iter_mut().map(Ingester::flushed).collect();
            for (range, silent) in ranges.iter_mut().zip(&silent) {
                range.idle = *silent;
            }
            let manifest = Manifest { instance: "bench".into(), sequence: sequence as u64 + 1, ranges };
            messages.extend(tallier.flush(partitions, &manifest).into_iter().map(|(_, message)| message));
            tallier.clear();
        }
        assert!(dead.is_empty(), "{} dead letters", dead.len());
        messages
    }
}

fn raw(bytes: &[u8], offset: usize) -> Raw<'_> {
    Raw {
        bytes,
        offset: offset as i64,
        mode: Mode::Live,
        forged_mark: false,
        written: Written::Unknown,
        resubmitted: None,
    }
}

fn fresh(plans: &[Arc<Plan>]) -> Vec<Ingester> {
    plans.iter().map(|plan| Ingester::new(Arc::clone(plan), 0, Resume::fresh())).collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Of the demo's three sources, in its order.
fn plans(settings: &Settings) -> Vec<Arc<Plan>> {
    let input = |log: &data::Log| InputFile {
        name: log.source.into(),
        format: log.format.into(),
        path: log.source.into(),
        zone: None,
        written: Written::Unknown,
    };
    settings.replay_plans(&data::LOGS.each_ref().map(input)).expect("sources of ours")
}

/// The demo's configuration, with its directory, networks and calendar.
fn settings() -> Settings {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-tally");
    std::fs::create_dir_all(&folder).expect("a scratch directory");
    for (name, text) in data::FILES {
        std::fs::write(folder.join(name), text).expect("a scratch file");
    }
    let file = folder.join("breachd.toml");
    std::fs::write(&file, data::CONFIGURATION).expect("a scratch file");
    Settings::load(&[file], &[]).expect("the demo's configuration is sound")
}
