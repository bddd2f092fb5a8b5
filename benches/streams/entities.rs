//! A million entities: what they take, and how long breachd needs after kill -9 until alerts flow again.
//!
//! A third are people, a third addresses, a third sessions, each seen once within a day. Then a quiet day follows, so that all hours close and
//! everybody is at rest. After the kill somebody breaks in, and the time until its alert can be read is the recovery: everything that was
//! known has to be known again before anything is judged.

use super::{
    ACCESS_PARTITIONS, AUDIT_PARTITIONS, Bench, Sender,
    broker::{Fallible, metrics, within},
    latency::{address, intrusion, stranger},
    machine::Resident,
    subject::Subject,
};
use activity::{Span, Timestamp};
use simulator::workload::{Log, Shape, Workload};
use std::{
    io,
    time::{Duration, Instant},
};

/// Of the quiet day that follows.
const QUIET_MINUTES: u64 = 26 * 60;
const MINUTES_A_DAY: u64 = 24 * 60;

const MIB: f64 = 1_048_576.0;

pub(crate) fn run(bench: &Bench) -> Fallible<()> {
    let users = bench.n_entities / 3;
    let workload = Workload { seed: 2, records: users, users, tables: 1, shape: Shape::Distinct };
    let topics = bench.topics()?;
    let mut sender = Sender::new(bench.broker.appender()?, &topics);
    let mut subject = Subject::start(bench, &topics, "entities", 1)?;
    let began = Instant::now();
    while metrics(&subject.instances[0].console).is_err() {
        within(began, "starting")?;
        subject.alive()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    let empty = Resident::of(subject.pid())?.now;

    let mut n = 0;
    workload.write(&mut |log, line| {
        if n % users.div_ceil(MINUTES_A_DAY) == 0 {
            minute(&mut sender, workload.at(n)).map_err(io::Error::other)?;
        }
        n += 1;
        sender.send(log, line).map_err(io::Error::other)
    })?;
    sender.flush()?;
    subject.work_off(sender.n)?;
    let active = Resident::of(subject.pid())?;

    let after = workload.at(workload.records);
    let mut at = after;
    for n in 0..QUIET_MINUTES {
        at = after.saturating_add(Span::from_millis((n * 60_000) as i64));
        minute(&mut sender, at)?;
    }
    sender.flush()?;
    subject.work_off(sender.n)?;
    let n_entities = held(&subject, 3 * users)?;
    let rest = Resident::of(subject.pid())?;

    subject.kill_and_start()?;
    sender.put(Log::Access, 0, &intrusion(&address(0), at))?;
    sender.flush()?;
    let mut reader = subject.alerts()?;
    let mut is_back = false;
    while !is_back {
        within(subject.began, "an alert after the restart")?;
        subject.alive()?;
        reader.poll(1000, Duration::from_millis(10), &mut |record| {
            is_back |= record.payload.and_then(stranger).is_some();
        })?;
    }
    let recovered = subject.began.elapsed();
    let again = Resident::of(subject.pid())?;

    let each = |bytes: u64| bytes.saturating_sub(empty) as f64 / n_entities.max(1) as f64;
    let mib = |bytes: u64| bytes as f64 / MIB;
    println!("\n| {n_entities} entities held | RSS, MiB | bytes an entity |\n|---|---|---|");
    println!("| nothing read yet | {:.0} | |", mib(empty));
    println!("| the day read, peak | {:.0} | {:.0} |", mib(active.peak), each(active.peak));
    println!("| a quiet day later, peak | {:.0} | {:.0} |", mib(rest.peak), each(rest.peak));
    println!("| a quiet day later, now | {:.0} | {:.0} |", mib(rest.now), each(rest.now));
    println!("| after kill -9 and a restart, now | {:.0} | {:.0} |", mib(again.now), each(again.now));
    println!("\nkill -9 until the next alert: {:.1} s", recovered.as_secs_f64());
    Ok(())
}

/// A line on every partition: hours close by the least of their stamps.
fn minute(sender: &mut Sender<'_>, at: Timestamp) -> Result<(), stream::StreamError> {
    let request = format!(
        "{{\"time\":\"{at}\",\"remote_addr\":\"10.200.0.1\",\"remote_user\":\"-\",\"request_method\":\"GET\",\"uri\":\"/\",\"status\":200,\"body_bytes_sent\":812}}"
    );
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    let statement = format!(
        "{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02},hrdb1,monitor,10.200.0.1,1,1,QUERY,hr,'SELECT 1',0"
    );
    (0..ACCESS_PARTITIONS).try_for_each(|partition| sender.put(Log::Access, partition, &request))?;
    (0..AUDIT_PARTITIONS).try_for_each(|partition| sender.put(Log::Audit, partition, &statement))
}

/// What the gauges say, once each has been set after the last tally: at least `expected`.
fn held(subject: &Subject<'_>, expected: u64) -> Fallible<u64> {
    let began = Instant::now();
    loop {
        let text = metrics(&subject.instances[0].console)?;
        let lines = text.lines().filter(|line| line.starts_with("breachd_entities{"));
        let held = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64;
        if expected <= held {
            return Ok(held);
        }
        within(began, "holding all entities")?;
        std::thread::sleep(Duration::from_millis(100));
    }
}
