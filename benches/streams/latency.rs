//! From a line to its alert, while the usual lines come at half the rate that one instance can take.
//!
//! Every so often an address that nobody knows breaks in. The time is from the hand-over of that line to the producer
//! (so with its linger) until a reader has the alert: two commits and one flush interval lie between.

use super::{
    Bench, Sender,
    broker::{Fallible, PATIENCE},
    number,
    subject::Subject,
};
use simulator::workload::Log;
use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};
use stream::Reader;

/// In one run.
const INTRUSIONS: u64 = 200;

/// The part of the lines that comes before the first intrusion: consumers join, hours open.
const AHEAD: f64 = 0.1;

/// Lines between two looks at the clock.
const BATCH: u64 = 100;

/// Milliseconds from line to alert.
struct Quantiles {
    median: u128,
    p90: u128,
    p99: u128,
    most: u128,
}

pub(crate) fn run(bench: &Bench) -> Fallible<()> {
    // Also where RATE is given: a broker that has just been started compiles its code while it works, and leaves no processor idle.
    let measured = bench.measured.get().map_or_else(|| measured(bench), Ok)?;
    let rate = number("RATE")?.map_or(measured / 2.0, |rate| rate as f64);
    let mut runs = Vec::new();
    for n in 0..bench.n_runs {
        runs.push(once(bench, rate, n)?);
    }
    println!(
        "\n| {INTRUSIONS} alerts at {rate:.0} records/s, {} runs | median of the runs | least | most |\n|---|---|---|---|",
        runs.len()
    );
    type Of = fn(&Quantiles) -> u128;
    let rows: [(&str, Of); 4] =
        [("median", |of| of.median), ("p90", |of| of.p90), ("p99", |of| of.p99), ("most", |of| of.most)];
    for (name, of) in rows {
        let mut values: Vec<u128> = runs.iter().map(of).collect();
        values.sort_unstable();
        let [least, middle, most] = [0, values.len() / 2, values.len() - 1].map(|at| values[at]);
        println!("| line to alert, {name}, ms | {middle} | {least} | {most} |");
    }
    Ok(())
}

fn once(bench: &Bench, rate: f64, n: usize) -> Fallible<Quantiles> {
    let workload = bench.mixed();
    let topics = bench.topics()?;
    let mut subject = Subject::start(bench, &topics, &format!("latency{n}"), 1)?;
    let mut sender = Sender::new(bench.broker.appender()?, &topics);
    let reader = subject.alerts()?;

    let ahead = (workload.records as f64 * AHEAD) as u64;
    let every = ((workload.records - ahead) / INTRUSIONS).max(1);
    let mut sent = BTreeMap::new();
    let arrivals = std::thread::scope(|scope| -> Fallible<_> {
        let arrivals = scope.spawn(move || arrivals(reader).map_err(|error| error.to_string()));
        let (mut began, mut n) = (Instant::now(), 0);
        workload.write(&mut |log, line| {
            if n == BATCH {
                // The first lines show that everybody is at work; the clock begins with what follows.
                sender.flush().map_err(io::Error::other)?;
                subject.work_off(BATCH).map_err(|error| io::Error::other(error.to_string()))?;
                began = Instant::now();
            }
            if n % BATCH == 0 {
                std::thread::sleep(Duration::from_secs_f64(n as f64 / rate).saturating_sub(began.elapsed()));
            }
            if n >= ahead && (n - ahead).is_multiple_of(every) && sent.len() < INTRUSIONS as usize {
                let address = address(sent.len() as u64);
                sent.insert(address.clone(), Instant::now());
                sender.send(Log::Access, &intrusion(&address, workload.at(n))).map_err(io::Error::other)?;
            }
            n += 1;
            sender.send(log, line).map_err(io::Error::other)
        })?;
        let took = began.elapsed();
        sender.flush()?;
        println!("{n} records in {:.1} s, {:.0} a second", took.as_secs_f64(), n as f64 / took.as_secs_f64());
        Ok(arrivals.join().map_err(|_| "the reader failed")??)
    })?;
    subject.alive()?;

    let mut millis: Vec<u128> =
        arrivals.iter().filter_map(|(address, at)| Some((*at - *sent.get(address)?).as_millis())).collect();
    assert_eq!(millis.len(), sent.len(), "every intrusion is alerted");
    millis.sort_unstable();
    let at = |part: f64| millis[((millis.len() as f64 * part).ceil() as usize).clamp(1, millis.len()) - 1];
    let quantiles = Quantiles { median: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1.0) };
    println!("line to alert, ms: median {}, p99 {}, most {}", quantiles.median, quantiles.p99, quantiles.most);
    Ok(quantiles)
}

/// Records a second of one instance.
fn measured(bench: &Bench) -> Fallible<f64> {
    let backlog = bench.backlog(&bench.mixed())?;
    let mut subject = Subject::start(bench, &backlog.topics, "measured", 1)?;
    Ok(subject.work_off(backlog.n_records)?.rate)
}

/// RFC 2544: nobody else in the workload has one of these.
pub(crate) fn address(n: u64) -> String {
    format!("198.18.{}.{}", n / 250, n % 250 + 1)
}

/// A script among the shop's pictures takes what is posted: the signature rule `script_below_files_runs`, which pages at once.
pub(crate) fn intrusion(address: &str, at: activity::Timestamp) -> String {
    format!(
        "{{\"time\":\"{at}\",\"remote_addr\":\"{address}\",\"remote_user\":\"-\",\"request_method\":\"POST\",\"uri\":\"/media/catalog/x.php\",\"status\":200,\"body_bytes_sent\":412,\"user_agent\":\"curl/8.5.0\"}}"
    )
}

/// When the first alert about each address came; ends once all are there.
fn arrivals(mut reader: Box<dyn Reader>) -> Fallible<BTreeMap<String, Instant>> {
    let (mut arrived, began) = (BTreeMap::new(), Instant::now());
    while arrived.len() < INTRUSIONS as usize {
        if began.elapsed() > PATIENCE {
            return Err(format!("{} of {INTRUSIONS} intrusions are alerted", arrived.len()).into());
        }
        reader.poll(1000, Duration::from_millis(5), &mut |record| {
            let now = Instant::now();
            if let Some(address) = record.payload.and_then(stranger) {
                arrived.entry(address).or_insert(now);
            }
        })?;
    }
    Ok(arrived)
}

/// Whom an alert is about, if it is one of those above.
pub(crate) fn stranger(json: &[u8]) -> Option<String> {
    let alert: serde_json::Value = serde_json::from_slice(json).ok()?;
    let id = alert["subject"]["id"].as_str()?;
    id.starts_with("198.18.").then(|| id.to_owned())
}
