//! A backlog from its beginning until nothing is left.

use super::{
    Bench,
    broker::Fallible,
    peers::{self, KafkaStreams, RawConsume},
    subject::{Raised, Spent, Subject, replayed},
};

/// One contestant's runs.
struct Row {
    name: String,
    spent: Vec<Spent>,
    broker: Vec<f64>,
}

impl Row {
    fn new(name: &str) -> Row {
        Row { name: name.into(), spent: Vec::new(), broker: Vec::new() }
    }

    fn add(&mut self, bench: &Bench, measure: impl FnOnce() -> Fallible<Spent>) -> Fallible<()> {
        let before = bench.listener.cpu_seconds();
        self.spent.push(measure()?);
        self.broker.extend(before.zip(bench.listener.cpu_seconds()).map(|(before, after)| after - before));
        Ok(())
    }

    fn cpu(&self) -> Vec<f64> {
        self.spent.iter().map(|spent| spent.cpu_seconds).collect()
    }

    fn rate(&self) -> f64 {
        median(self.spent.iter().map(|spent| spent.rate).collect())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn run(bench: &Bench) -> Fallible<()> {
    let backlog = bench.backlog(&bench.mixed())?;
    let raw = RawConsume::find();
    let kafka_streams = KafkaStreams::build();
    if let Err(why) = &kafka_streams {
        println!("Kafka Streams is left out: {why}");
    }
    let expected = replayed(bench, &backlog)?;
    println!("breachd replay raises {} alerts from these lines", expected.len());

    let mut rows = [
        Row::new(raw.name()),
        Row::new("floor: parse and count"),
        Row::new("Kafka Streams, in memory"),
        Row::new("breachd, one instance"),
        Row::new("breachd, two instances"),
    ];
    let mut warm = Vec::new();
    // One after the other and around again: what the machine does meanwhile falls on all.
    for n in 0..bench.n_runs {
        let [raw_row, floor, streams, one, two] = &mut rows;
        raw_row.add(bench, || raw.measure(bench, &backlog))?;
        floor.add(bench, || peers::floor(bench, &backlog))?;
        if let Ok(kafka_streams) = &kafka_streams {
            streams.add(bench, || {
                let (spent, half) = kafka_streams.measure(bench, &backlog, n)?;
                warm.push(half.cpu_seconds_per_million);
                Ok(spent)
            })?;
        }
        for (row, n_instances) in [(one, 1), (two, 2)] {
            let mut subject = Subject::start(bench, &backlog.topics, &format!("run{n}-of{n_instances}"), n_instances)?;
            row.add(bench, || subject.work_off(backlog.n_records))?;
            // Closing the last hours takes as long as a silent partition is waited for: once is enough.
            if n + 1 == bench.n_runs {
                compared(&mut subject, &expected, n_instances)?;
            }
        }
    }
    bench.measured.set(Some(rows[3].rate()));
    report(&rows, backlog.n_records, &warm);
    Ok(())
}

fn compared(subject: &mut Subject<'_>, expected: &Raised, n_instances: usize) -> Fallible<()> {
    subject.compare(expected)?;
    println!("{n_instances} running raised the same {}, with the same severities and pages", expected.len());
    Ok(())
}

fn report(rows: &[Row], n_records: u64, warm: &[f64]) {
    let millions = n_records as f64 / 1e6;
    let floor = median(rows[1].cpu());
    println!(
        "\n| {n_records} records, {} runs | CPU s per million: median (least to most) | to floor | broker's CPU s per million | records/s | peak RSS, MiB |\n|---|---|---|---|---|---|",
        rows[1].spent.len()
    );
    for row in rows.iter().filter(|row| !row.spent.is_empty()) {
        let cpu = row.cpu();
        let least = cpu.iter().copied().fold(f64::INFINITY, f64::min);
        let most = cpu.iter().copied().fold(0.0, f64::max);
        let resident = median(row.spent.iter().map(|spent| spent.resident_bytes as f64).collect());
        println!(
            "| {} | {:.2} ({:.2} to {:.2}) | {:.1} | {:.2} | {:.0} | {:.0} |",
            row.name,
            median(cpu.clone()) / millions,
            least / millions,
            most / millions,
            median(cpu) / floor,
            median(row.broker.clone()) / millions,
            row.rate(),
            resident / f64::from(1 << 20),
        );
    }
    if !warm.is_empty() {
        println!("\nKafka Streams in its second half, warm: {:.2} CPU s per million", median(warm.to_vec()));
    }
}
