//! Ingest and detector as they run, on a host in memory that does to them what Kafka, networks and machines do.
//!
//! Several processes play both roles on one thread. Whose turn it is, what is delivered, how time passes and what goes wrong is drawn from
//! a seed: processes killed at any call (before, within and after a transaction, and after a commit that they never heard of), restarted,
//! told to stop, fenced by another of their name, evicted for their silence; rebalances, aborted commits, short polls, repeated
//! deliveries, a broker that does not answer; torn, late and senseless lines. Then the faults cease, and what lies in the topics must
//! be what the same records give without any of it: every alert by id, severity and page, every record counted once, every tally and
//! every dead letter.
//!
//! `BREACHD_SEEDS` says how many seeds are tried, `BREACHD_SEED` tries one. What is not simulated: the notifier, verdicts, and whatever lies
//! below the trait [`stream::Broker`]; for that there is a real Kafka in the other tests.

mod broker;
pub(crate) mod judge;
mod stage;
pub(crate) mod world;

use breachd::settings::Settings;
use broker::Bug;
use stage::Stage;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Seeds that are tried if nothing else is said: about a minute and a half on two cores.
const SEEDS: u64 = 2000;

/// Worlds are made of so many seeds: what a fault does shows better against a world that is known.
const WORLDS: u64 = 50;

struct Played {
    wrong: Vec<String>,
    digest: String,
    alerts: usize,
    happened: BTreeMap<&'static str, u64>,
}

fn play(seed: u64, bug: Option<Bug>, settings: &[Arc<Settings>], runtime: &tokio::runtime::Handle) -> Played {
    let stage = Stage::new(seed, bug, settings, runtime);
    let rest = stage.play(world::raw(seed % WORLDS));
    let found = judge::found(&*stage.host, &settings[0]);
    let expected = judge::expected(&*stage.host, &settings[0]);
    let mut wrong = judge::differences(&found, &expected);
    wrong.extend(rest.err());
    let violations = stage.violations();
    if violations > 0 {
        wrong.push(format!("{violations} violations of invariants were counted"));
    }
    let played = Played {
        wrong,
        digest: judge::digest(&*stage.host, &settings[0]),
        alerts: expected.alerts.len(),
        happened: stage.fate.happened(),
    };
    stage::clear();
    played
}

/// Plays all of these seeds, on every core.
fn play_all(seeds: impl Iterator<Item = u64> + Send, bug: Option<Bug>, each: &(dyn Fn(u64, Played) + Sync)) {
    let settings = world::settings();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seeds = Mutex::new(seeds);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = seeds.lock().unwrap().next();
                    let Some(seed) = next else { break };
                    each(seed, play(seed, bug, &settings, runtime.handle()));
                }
            });
        }
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

#[test]
fn whatever_happens_every_record_counts_once_and_every_alert_is_there() {
    let seeds = match number("BREACHD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BREACHD_SEEDS").unwrap_or(SEEDS),
    };
    let n = seeds.end - seeds.start;
    if n == 1 {
        // What the roles say is for whoever looks into one seed.
        let _ = tracing_subscriber::fmt().with_test_writer().without_time().try_init();
    }
    let (alerts, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let happened: Mutex<BTreeMap<&str, u64>> = Mutex::default();
    play_all(seeds, None, &|seed, played| {
        alerts.fetch_add(played.alerts as u64, Ordering::Relaxed);
        for (what, n) in played.happened {
            *happened.lock().unwrap().entry(what).or_default() += n;
        }
        if !played.wrong.is_empty() {
            failed.fetch_add(1, Ordering::Relaxed);
            eprintln!("seed {seed} fails; BREACHD_SEED={seed} cargo test --release --test main simulation");
            played.wrong.iter().for_each(|wrong| eprintln!("  {wrong}"));
        }
    });
    let (alerts, failed) = (alerts.into_inner(), failed.into_inner());
    let happened = happened.into_inner().unwrap();
    eprintln!("{n} seeds, {alerts} alerts; {happened:?}");
    assert_eq!(failed, 0, "of {n} seeds");
    assert!(alerts >= 5 * n, "the worlds hold too little to find: {alerts} alerts in {n}");
    if n >= SEEDS {
        let faults = [
            "killed within a transaction",
            "killed before a commit",
            "killed after a commit",
            "committed, and nobody heard",
            "commit aborted",
            "a second process of the same name",
            "evicted from its group",
            "a rebalance",
            "a rebalance behind records",
            "records delivered again",
            "a broker that does not answer",
            "told to stop",
        ];
        faults.iter().for_each(|fault| assert!(happened.contains_key(fault), "it never happened: {fault}"));
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let seeds = [3, 3, 4, 4, 5, 5, 6, 6];
    let digests: Mutex<BTreeMap<u64, Vec<String>>> = Mutex::default();
    play_all(seeds.into_iter(), None, &|seed, played| {
        digests.lock().unwrap().entry(seed).or_default().push(played.digest);
    });
    let digests = digests.into_inner().unwrap();
    let mut different: Vec<&String> = digests.values().map(|of_seed| &of_seed[0]).collect();
    different.dedup();
    assert_eq!(different.len(), 4, "seeds differ");
    digests.iter().for_each(|(seed, of_seed)| assert_eq!(of_seed[0], of_seed[1], "seed {seed}"));
}

/// A judge who finds nothing proves nothing.
#[test]
fn a_planted_mistake_is_found() {
    for bug in [Bug::OffsetsWithoutRecords, Bug::RecordsWithoutOffsets, Bug::RecordsTwice, Bug::AlertLost] {
        let found = AtomicU64::new(0);
        play_all(0..8, Some(bug), &|_, played| {
            found.fetch_add(u64::from(!played.wrong.is_empty()), Ordering::Relaxed);
        });
        eprintln!("{bug:?}: found in {found:?} of 8 seeds");
        assert!(found.into_inner() > 0, "nobody noticed {bug:?}");
    }
}
