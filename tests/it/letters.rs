//! Dead letters on a real Kafka: a source configured as the wrong format, mended, and its records read again, once, also where entries
//! span lines and one is just being put together.

use crate::harness::{
    BINARY, Daemon, Scratch, broker, contents, free_port, kafka_address, lines, sample, topic, unique, until,
};
use std::{path::Path, process::Command};
use stream::Outgoing;
use tally::Batch;

fn dead_letter(config: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (verb, rest) = arguments.split_first().unwrap();
    let output = Command::new(BINARY)
        .args(["--log-level", "error", "dead-letter", verb, "--config"])
        .arg(config)
        .args(rest)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn what_a_wrong_format_refused_is_read_after_the_fix_once() {
    let scratch = Scratch::new("letters");
    let prefix = unique("letters");
    let raw = format!("{prefix}-audit");
    let broker = broker();
    broker.create_topics(&[topic(&raw, 2)]).unwrap();
    let port = free_port();
    let config = |format: &str| {
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 1\n\
             [ingest]\nflush_interval = \"50ms\"\n[console]\nlisten = \"127.0.0.1:{port}\"\n\
             [[sources]]\nname = \"audit\"\nformat = \"{format}\"\nzone = \"UTC\"\ntopic = \"{raw}\"\n",
            kafka_address(),
        )
    };
    let text = sample("mariadb_server_audit_file-normal");
    let some: Vec<&[u8]> = lines(&text).into_iter().take(40).collect();
    let mut appender = broker.appender().unwrap();
    for (at, line) in (0..).zip(&some) {
        let message =
            Outgoing { topic: raw.clone(), partition: Some(at % 2), payload: line.to_vec(), ..Outgoing::default() };
        appender.send(message).unwrap();
    }
    appender.flush().unwrap();

    let file = scratch.write("breachd.toml", config("nginx_json"));
    let mut daemon = Daemon::run(&file, &["--roles", "ingest"], scratch.0.join("daemon.log"));
    let letters = until("a dead letter of each line", || {
        let letters = contents(broker.as_ref(), &format!("{prefix}.dead-letter"));
        (letters.len() >= some.len()).then_some(letters)
    });
    assert_eq!(daemon.terminate(), Some(0));
    let letter: serde_json::Value = serde_json::from_slice(&letters[0].1).unwrap();
    assert_eq!(letter["topic"].as_str(), Some(raw.as_str()), "{letter}");

    let (code, said) = dead_letter(&file, &["list"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("40 dead letters in "), "{said}");
    assert!(said.contains("audit  not_json"), "{said}");
    let (code, said) = dead_letter(&file, &["show", &format!("{raw}/0/3")]);
    assert!(code == Some(0) && said.contains(&*String::from_utf8_lossy(some[6])), "{said}");
    let (code, said) = dead_letter(&file, &["resubmit", "--dry-run"]);
    assert!(code == Some(0) && said.contains("40 records would be resubmitted"), "{said}");

    // The fix.
    let file = scratch.write("breachd.toml", config("mariadb_server_audit"));
    let mut daemon = Daemon::run(&file, &["--roles", "ingest"], scratch.0.join("daemon.log"));
    let (code, said) = dead_letter(&file, &["resubmit", "--source", "audit", "--since", "1h"]);
    assert!(code == Some(0) && said.contains("40 records resubmitted"), "{said}");
    let (code, said) = dead_letter(&file, &["resubmit"]);
    assert!(
        code == Some(0) && said.contains("0 records resubmitted") && said.contains("40 were resubmitted before"),
        "{said}"
    );
    let read = || {
        let batches = contents(broker.as_ref(), &format!("{prefix}.tallies"));
        let ranges = batches.iter().flat_map(|(_, payload)| Batch::decode(payload).unwrap().manifest.ranges);
        ranges.fold((0, 0, 0), |(read, dead, bytes), range| {
            (read + range.contributed + range.ignored + range.late, dead + range.dead_lettered, bytes + range.bytes)
        })
    };
    until("each line was read", || Some(read().0).filter(|n| *n >= some.len() as u64));
    assert_eq!(daemon.terminate(), Some(0));
    let (read, dead, _) = read();
    assert_eq!((read, dead), (40, 40), "each once as dead, once as read");
    let (code, said) = dead_letter(&file, &["show", "99999"]);
    assert_eq!(code, Some(1), "{said}");
}

/// An entry of the slow log, of five lines and three rows.
fn slow(account: &str) -> String {
    format!(
        "# User@Host: {account}[{account}] @  [10.0.0.1]\n# Thread_id: 7  Schema: hr  QC_hit: No\n\
         # Query_time: 0.1  Lock_time: 0.1  Rows_sent: 3  Rows_examined: 3\nSET timestamp=1795438628;\n\
         SELECT * FROM hr.employees;"
    )
}

#[test]
fn entries_of_several_lines_are_read_again_beside_one_that_is_being_put_together() {
    let scratch = Scratch::new("letters-slow");
    let prefix = unique("letters-slow");
    let raw = format!("{prefix}-slow");
    let broker = broker();
    broker.create_topics(&[topic(&raw, 1)]).unwrap();
    let port = free_port();
    let config = |format: &str| {
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 1\n\
             [ingest]\nflush_interval = \"50ms\"\nexpire_after = \"10m\"\n[console]\nlisten = \"127.0.0.1:{port}\"\n\
             [[sources]]\nname = \"slow\"\nformat = \"{format}\"\nzone = \"UTC\"\ntopic = \"{raw}\"\n",
            kafka_address(),
        )
    };
    let mut appender = broker.appender().unwrap();
    let mut send = |lines: &str| {
        for line in lines.lines() {
            let payload = line.as_bytes().to_vec();
            appender.send(Outgoing { topic: raw.clone(), partition: Some(0), payload, ..Outgoing::default() }).unwrap();
        }
        appender.flush().unwrap();
    };
    (0..3).for_each(|_| send(&slow("again")));
    let log = scratch.0.join("daemon.log");
    let file = scratch.write("breachd.toml", config("nginx_json"));
    let mut daemon = Daemon::run(&file, &["--roles", "ingest"], log.clone());
    until("a dead letter of each line", || {
        Some(contents(broker.as_ref(), &format!("{prefix}.dead-letter"))).filter(|letters| letters.len() >= 15)
    });
    assert_eq!(daemon.terminate(), Some(0));

    let batches = || -> Vec<Batch> {
        let messages = contents(broker.as_ref(), &format!("{prefix}.tallies"));
        messages.iter().map(|(_, payload)| Batch::decode(payload).unwrap()).collect()
    };
    // Read, dead, and pending by the latest message.
    let outcomes = || {
        let ranges: Vec<_> = batches().into_iter().flat_map(|batch| batch.manifest.ranges).collect();
        let read: u64 = ranges.iter().map(|range| range.contributed + range.ignored + range.late).sum();
        let dead: u64 = ranges.iter().map(|range| range.dead_lettered).sum();
        (read, dead, ranges.last().map_or(0, |range| range.pending))
    };
    let file = scratch.write("breachd.toml", config("mariadb_slow_log"));
    let mut daemon = Daemon::run(&file, &["--roles", "ingest"], log.clone());
    let live = slow("live");
    let (before, behind) = live.split_at(live.find("SET").unwrap());
    send(before);
    until("the live entry is pending", || Some(outcomes()).filter(|now| *now == (0, 15, 3)));
    let (code, said) = dead_letter(&file, &["resubmit"]);
    assert!(code == Some(0) && said.contains("15 dead letters; 1 records resubmitted"), "{said}");
    until("the three are read, and the live one waits", || Some(outcomes()).filter(|now| *now == (1, 15, 3)));
    daemon.kill();
    let mut daemon = Daemon::run(&file, &["--roles", "ingest"], log);
    send(behind);
    until("the live entry is read", || Some(outcomes()).filter(|(read, ..)| *read >= 6));
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(outcomes(), (6, 15, 0), "each record has one outcome");
    let rows = |account: &str| -> u64 {
        let entries = batches().into_iter().flat_map(|batch| batch.entries);
        let of = entries.filter(|entry| entry.kind == activity::EntityKind::DbAccount && *entry.id == *account);
        of.map(|entry| entry.tally.get(tally::Metric::RowsSent)).sum()
    };
    assert_eq!((rows("again@10.0.0.1"), rows("live@10.0.0.1")), (9, 3));
    let (code, said) = dead_letter(&file, &["resubmit"]);
    assert!(code == Some(0) && said.contains("15 were resubmitted before"), "{said}");
}
