//! What the detector costs: `cargo bench --bench detector`, `-- --quick`.
//!
//! Time, one thread, no Kafka: `tallies` takes the three logs of a trial company of the simulator ([`WEEKS`] weeks with every attack),
//! flushed with each minute of event time as `breachd replay` does, so that every hour opens, is judged with each tally, closes and is
//! learned.
//! - floor: the messages decoded, one look-up in a hash map for each tally, and its counts added up;
//! - `decode_take_judge`: the same messages decoded and taken by one engine with all detectors, to the end.
//!
//! An element is a tally: what one entity did in one minute.
//!
//! Memory: the engine's own account of each kind of entity ([`detector::Footprint`]): at rest when all has been read, and active at the
//! eleven o'clock with most entities that are. At most it is what the limits allow: computed, and checked by the compiler, in
//! `crates/detector/src/footprint.rs`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod ratio;

use activity::{EntityKind, Mode};
use breachd::{cli::InputFile, settings::Settings};
use criterion::Criterion;
use detector::{Effects, Engine, Footprint};
use ingest::{Ingester, Plan, Raw, Resume, Written};
use ratio::Compared;
use simulator::trial;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};
use tally::{Batch, Manifest, Metric, Range, Tallier};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (settings, logs) = company();
    let messages = messages(&settings, &logs);
    drop(logs);
    let tallies: usize = messages.iter().map(|message| decoded(message).entries.len()).sum();
    println!("{tallies} tallies in {} messages", messages.len());

    let (busiest, last) = footprints(&settings, &messages);
    report(&busiest, &last);

    Compared::new(&mut criterion, "tallies", tallies as u64, "tally")
        .measure("floor_count", || counted(&messages))
        .measure("decode_take_judge", || judged(&settings, &messages).stats().entities.len())
        .finish();
    criterion.final_summary();
}

type Footprints = BTreeMap<EntityKind, Footprint>;

/// At the eleven o'clock with most active entities, and at the end.
fn footprints(settings: &Settings, messages: &[Vec<u8>]) -> (Footprints, Footprints) {
    let mut busiest = Footprints::new();
    let active = |kinds: &Footprints| kinds.values().map(|of| of.entities - of.resting).sum::<usize>();
    let mut day = None;
    let engine = judged_with(settings, messages, |engine| {
        let hour = engine.horizon().bucket().hour();
        if hour.rem_euclid(24) == 11 && day.replace(hour / 24) != Some(hour / 24) {
            let kinds = engine.footprint();
            if active(&kinds) > active(&busiest) {
                busiest = kinds;
            }
        }
    });
    (busiest, engine.footprint())
}

fn report(busiest: &Footprints, last: &Footprints) {
    println!("memory in bytes    at rest: entities, on average, at most; active: entities, on average, at most");
    let mut all = [Footprint::default(); 2];
    let line = |kind: &str, [rest, busy]: [&Footprint; 2]| {
        let active = busy.entities - busy.resting;
        println!(
            "memory {kind:<16} {:>8} {:>6} {:>6} {active:>15} {:>6} {:>6}",
            rest.resting,
            rest.resting_bytes / rest.resting.max(1),
            rest.resting_bytes_max,
            (busy.bytes - busy.resting_bytes) / active.max(1),
            busy.bytes_max,
        );
    };
    for (kind, rest) in last {
        let busy = busiest.get(kind).copied().unwrap_or_default();
        line(kind.as_str(), [rest, &busy]);
        // Of the fleet there is one, whatever the company.
        if *kind != EntityKind::Fleet {
            all.iter_mut().zip([rest, &busy]).for_each(|(sum, more)| add(sum, more));
        }
    }
    line("all but fleet", [&all[0], &all[1]]);
}

fn add(sum: &mut Footprint, more: &Footprint) {
    sum.entities += more.entities;
    sum.resting += more.resting;
    sum.bytes += more.bytes;
    sum.resting_bytes += more.resting_bytes;
    sum.bytes_max = sum.bytes_max.max(more.bytes_max);
    sum.resting_bytes_max = sum.resting_bytes_max.max(more.resting_bytes_max);
}

fn decoded(message: &[u8]) -> Batch {
    Batch::decode(message).expect("a message of our own")
}

/// The least that anybody who counts per entity has to do.
fn counted(messages: &[Vec<u8>]) -> usize {
    let mut counts: HashMap<(EntityKind, Arc<str>), [u64; Metric::COUNT]> = HashMap::new();
    for message in messages {
        for entry in decoded(message).entries {
            let sums = counts.entry((entry.kind, entry.id)).or_default();
            sums.iter_mut().zip(entry.tally.counts()).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        }
    }
    counts.len()
}

fn judged(settings: &Settings, messages: &[Vec<u8>]) -> Engine {
    judged_with(settings, messages, |_| {})
}

fn judged_with(settings: &Settings, messages: &[Vec<u8>], mut each: impl FnMut(&Engine)) -> Engine {
    let names: Vec<(Box<str>, u32)> = SOURCES.iter().map(|(source, _)| ((*source).into(), 1)).collect();
    let mut engine = settings.engine(0, 1, &names, true);
    for message in messages {
        let effects = engine.take(&decoded(message));
        carry_out(&mut engine, effects);
        each(&engine);
    }
    let effects = engine.finish();
    carry_out(&mut engine, effects);
    engine
}

/// Roll-ups back to the engine until it has no more to say.
fn carry_out(engine: &mut Engine, effects: Effects) {
    assert!(effects.violations.is_empty(), "{:?}", effects.violations);
    for rollup in effects.rollups {
        let effects = engine.rollup(&rollup);
        carry_out(engine, effects);
    }
}

/// The company's logs as messages; a flush with each minute of event time.
fn messages(settings: &Settings, logs: &[String; 3]) -> Vec<Vec<u8>> {
    let mut left = logs.each_ref().map(|text| {
        let lines = text.as_bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.zip(0..).peekable()
    });
    let mut ingesters: Vec<Ingester> =
        plans(settings).into_iter().map(|plan| Ingester::new(plan, 0, Resume::fresh())).collect();
    let (mut tallier, mut dead, mut messages) = (Tallier::default(), Vec::new(), Vec::new());
    let mut minute = None;
    loop {
        // Whichever is behind in event time comes next.
        let open: Vec<usize> = (0..left.len()).filter(|at| left[*at].peek().is_some()).collect();
        let Some(at) = open.into_iter().min_by_key(|at| ingesters[*at].watermark()) else { break };
        let Some((line, offset)) = left[at].next() else { break };
        ingesters[at].take(raw(line, offset), &mut tallier, &mut dead);
        let now = ingesters.iter().map(|ingester| ingester.watermark().bucket()).min();
        if minute != now {
            minute = now;
            messages.extend(flushed(
                &mut tallier,
                ingesters.iter_mut().map(Ingester::flushed).collect(),
                messages.len(),
            ));
        }
    }
    messages.extend(flushed(&mut tallier, ingesters.iter_mut().map(Ingester::flushed).collect(), messages.len()));
    assert!(dead.is_empty(), "{} dead letters", dead.len());
    messages
}

fn flushed(tallier: &mut Tallier, ranges: Vec<Range>, before: usize) -> Vec<Vec<u8>> {
    let manifest = Manifest { instance: "bench".into(), sequence: before as u64 + 1, ranges };
    let messages = tallier.flush(1, &manifest).into_iter().map(|(_, message)| message).collect();
    tallier.clear();
    messages
}

fn raw(bytes: &[u8], offset: i64) -> Raw<'_> {
    Raw { bytes, offset, mode: Mode::Live, forged_mark: false, written: Written::Unknown, resubmitted: None }
}

const SOURCES: [(&str, &str); 3] =
    [("access", "nginx_json"), ("audit", "mariadb_server_audit"), ("slow", "mariadb_slow_log")];

fn plans(settings: &Settings) -> Vec<Arc<Plan>> {
    let input = |(source, format): &(&str, &str)| InputFile {
        name: (*source).into(),
        format: (*format).into(),
        path: (*source).into(),
        zone: (*format != "nginx_json").then(|| "UTC".into()),
        written: Written::Unknown,
    };
    settings.replay_plans(&SOURCES.each_ref().map(input)).expect("sources of ours")
}

const WEEKS: i64 = 4;

/// A trial company's configuration, with its directory, networks and calendar, and its three logs.
fn company() -> (Settings, [String; 3]) {
    let trial = trial::Settings {
        seed: 31,
        weeks: WEEKS,
        warm_up_weeks: 2,
        difficulty: 0.5,
        attacked: true,
        users: None,
        payment: false,
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-detector");
    std::fs::create_dir_all(&folder).expect("a scratch directory");
    let mut logs = [const { String::new() }; 3];
    for (name, text) in trial::Trial::new(trial).files(2.0) {
        match SOURCES.iter().position(|(source, _)| name.strip_suffix(".log.zst") == Some(source)) {
            Some(at) => logs[at] = text,
            None => std::fs::write(folder.join(name), text).expect("a scratch file"),
        }
    }
    (Settings::load(&[folder.join("judge.toml")], &[]).expect("the company's configuration is sound"), logs)
}
