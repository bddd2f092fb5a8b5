//! Verifying a journal of a million entries, as `breachd audit verify` does, checkpoints and their signatures included.
//!
//! `cargo bench -p journal`. An entry is an alert that joins an incident, 850 bytes.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use journal::{Audit, Chain, Checkpoint, SigningKey, Tree, checkpoint};
use serde_json::json;
use std::{collections::BTreeMap, hint::black_box};

const N: u64 = 1_000_000;

/// Entries between two checkpoints: the default.
const EVERY: u64 = 100;

fn journal(n: u64) -> (Vec<Vec<u8>>, String) {
    let key = SigningKey::new("example.com/journal", &[1; 32]).expect("a key");
    let (mut chain, mut tree, mut notes) = (Chain::new(), Tree::new(), String::new());
    let lines = (1..=n)
        .map(|at| {
            let why = format!("read {at} rows of hr_payroll in 5 min; 12 is usual for payroll clerks on Monday 21:00");
            let figure = |name: &str| json!({"name": name, "words": "1,840 rows in the hour of Monday 21:00 UTC"});
            let body = json!({
                "kind": "alert_grouped", "incident": format!("INC-{}", at / 9), "at": "2026-03-02T21:14:00Z", "because": "same subject",
                "alert": {"id": format!("{at:032x}"), "why": why, "severity": "high", "affected_records": at, "figures": [
                    figure("seen"), figure("usual"), figure("peers"), figure("normal")]},
            });
            let positions = BTreeMap::from([("breachd.alerts/0".to_owned(), at as i64), ("breachd.commands/0".to_owned(), 7)]);
            let line = chain.append(at as i64, "alert_grouped", body, positions).to_line().into_bytes();
            tree.push(&line);
            if at % EVERY == 0 {
                notes.push_str(&Checkpoint::sign(&tree, &key).to_string());
                notes.push('\n');
            }
            line
        })
        .collect();
    (lines, notes)
}

fn verify(criterion: &mut Criterion) {
    let public = SigningKey::new("example.com/journal", &[1; 32]).expect("a key").public().clone();
    let (lines, notes) = journal(N);
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10).throughput(Throughput::Elements(N));
    group.bench_function("a million entries", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let keys = std::slice::from_ref(&public);
                let found = checkpoint::in_text(&notes);
                let believed: Vec<&Checkpoint> = found.iter().filter_map(|found| found.verify(keys).ok()).collect();
                let mut audit = Audit::new(believed);
                for line in &lines {
                    audit.push(line).expect("a good entry");
                }
                black_box(audit.finish().expect("a good journal").vouched)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
