//! Dead letters on a real Kafka: a source configured as the wrong format, mended, and its records read again, once.

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
