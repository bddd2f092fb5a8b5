//! How fast records are read and written: `cargo run --release -p stream --example throughput -- HOST:PORT [RECORDS]`.
//!
//! Lines of 255 bytes, eight partitions, lz4. Without a broker's address, the in-memory host.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Broker, GroupSpec, Offset, Outgoing, Polled, Settings, Start, StreamError, TopicSpec};

const PARTITIONS: u32 = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let broker: Arc<dyn Broker> = match args.next() {
        Some(bootstrap_servers) => stream::kafka(&Settings { bootstrap_servers, ..Settings::default() })?,
        None => stream::memory(),
    };
    let n_records: usize = args.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let topic = format!("throughput-{}", std::process::id());
    let out = format!("{topic}-out");
    let spec = |name: &String| TopicSpec {
        name: name.clone(),
        partitions: PARTITIONS,
        replication: None,
        compacted: false,
        retention: None,
    };
    broker.create_topics(&[spec(&topic), spec(&out)])?;

    let line = format!("{:0>255}", "GET /rest/V1/hr/employees?page=1 HTTP/1.1 200 512");
    let began = Instant::now();
    let mut appender = broker.appender()?;
    for n in 0..n_records {
        let payload = format!("{n:08}{}", &line[8..]).into_bytes();
        let partition = Some((n / 100 % PARTITIONS as usize) as i32);
        appender.send(Outgoing { topic: topic.clone(), partition, payload, ..Outgoing::default() })?;
    }
    appender.flush()?;
    told("append", n_records, began);

    let began = Instant::now();
    let mut reader = broker.read(&[(&topic, vec![])])?;
    let mut seen = 0;
    while !reader.caught_up() {
        seen += reader.poll(1000, Duration::from_millis(100), &mut |_| {})?;
    }
    told("read", seen, began);

    consume(broker.as_ref(), &topic, &out, n_records)?;
    Ok(())
}

/// As the ingest role does: a packed message of 50 kB and the offsets, in a transaction each 200 ms.
fn consume(broker: &dyn Broker, topic: &str, out: &str, n_records: usize) -> Result<(), Box<dyn std::error::Error>> {
    let spec = GroupSpec {
        group: topic.to_owned(),
        instance: Some("one".into()),
        topics: vec![topic.to_owned()],
        start: Start::Committed,
    };
    let mut member = broker.join(spec)?;
    let mut transactor = broker.transactor(topic)?;
    let mut next = [0_i64; PARTITIONS as usize];
    let (mut seen, mut transactions, mut committing) = (0, 0, Duration::ZERO);
    while member.poll(1, Duration::from_millis(100), &mut |_| {})? != Polled::Rebalanced {}
    let began = Instant::now();
    let mut flushed = Instant::now();
    while seen < n_records {
        member.poll(1000, Duration::from_millis(100), &mut |record| {
            seen += 1;
            next[record.partition as usize] = record.offset + 1;
        })?;
        if flushed.elapsed() >= Duration::from_millis(200) || seen >= n_records {
            let committed = Instant::now();
            transactor.begin()?;
            let send = |partition| -> Result<(), StreamError> {
                let payload = vec![partition as u8; 50_000];
                transactor.send(Outgoing {
                    topic: out.to_owned(),
                    partition: Some(partition),
                    payload,
                    ..Outgoing::default()
                })
            };
            (0..PARTITIONS as i32).try_for_each(send)?;
            let place = |(partition, offset): (usize, &i64)| Offset {
                topic: topic.to_owned(),
                partition: partition as i32,
                offset: *offset,
                metadata: String::new(),
            };
            let offsets: Vec<Offset> = next.iter().enumerate().map(place).collect();
            transactor.commit(Some((&member.token(), &offsets)))?;
            transactions += 1;
            committing += committed.elapsed();
            flushed = Instant::now();
        }
    }
    told("consume with transactions", seen, began);
    println!("{transactions} transactions, {:?} each", committing / transactions);
    Ok(())
}

fn told(what: &str, n: usize, began: Instant) {
    let took = began.elapsed();
    println!("{what}: {n} records in {took:?}, {:.0} a second", n as f64 / took.as_secs_f64());
}
