//! What `breachd size` predicts is what an engine holds, and what the workload's records become.

use crate::harness::{BINARY, Scratch};
use activity::Mode;
use breachd::{
    cli::InputFile,
    settings::Settings,
    size::{Asked, Size, TALLIES_PER_RECORD, TALLY_BYTES},
};
use detector::{Effects, Engine, FLEET_BYTES, INDEX_BYTES};
use ingest::{Ingester, Raw, Resume, Written};
use simulator::workload::{Log, Shape, Workload};
use std::process::Command;
use tally::{Batch, Manifest, Tallier};

/// How far a prediction may be off, either way.
const FACTOR: f64 = 2.0;

const PEOPLE: u64 = 4_000;

/// The workload's lines on their way into tallies of one partition.
struct Way {
    ingesters: Vec<Ingester>,
    offsets: [i64; 2],
    tallier: Tallier,
    sequence: u64,
}

impl Way {
    fn new(scratch: &Scratch) -> (Settings, Way) {
        let config = scratch.write(
            "breachd.toml",
            "[classification.tables]\n\"hr.*\" = \"hr\"\n[classification.routes]\n\"/api/v1/employees/**\" = \"hr\"\n",
        );
        let settings = Settings::load(&[config], &[]).unwrap();
        let input = |(name, format): (&str, &str)| InputFile {
            name: name.into(),
            format: format.into(),
            path: name.into(),
            zone: Some("UTC".into()),
            written: Written::Unknown,
        };
        let inputs = [("access", "nginx_json"), ("audit", "mariadb_server_audit")].map(input);
        let plans = settings.replay_plans(&inputs).unwrap();
        let ingesters = plans.into_iter().map(|plan| Ingester::new(plan, 0, Resume::fresh())).collect();
        (settings, Way { ingesters, offsets: [0; 2], tallier: Tallier::default(), sequence: 0 })
    }

    fn take(&mut self, log: Log, line: &str) {
        let at = usize::from(log == Log::Audit);
        let raw = Raw {
            bytes: line.as_bytes(),
            offset: self.offsets[at],
            mode: Mode::Live,
            forged_mark: false,
            written: Written::Unknown,
            resubmitted: None,
        };
        self.offsets[at] += 1;
        let mut dead = Vec::new();
        self.ingesters[at].take(raw, &mut self.tallier, &mut dead);
        assert!(dead.is_empty());
    }

    fn flush(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let ranges = self.ingesters.iter_mut().map(Ingester::flushed).collect();
        let manifest = Manifest { instance: "size".into(), sequence: self.sequence, ranges };
        let message = self.tallier.flush(1, &manifest).remove(0).1;
        self.tallier.clear();
        message
    }
}

#[test]
fn a_record_becomes_as_many_tallies_of_as_many_bytes_as_are_reckoned_with() {
    let scratch = Scratch::new("size");
    let (_, mut way) = Way::new(&scratch);
    let workload = Workload { seed: 3, records: 20_000, users: 5_000, tables: 40, shape: Shape::Mixed };
    let empty = way.flush().len();
    let (mut tallies, mut bytes, mut n) = (0, 0, 0);
    workload
        .write(&mut |log, line| {
            way.take(log, line);
            n += 1;
            // Half a second of a hundred records a second.
            if n % 50 == 0 {
                let message = way.flush();
                bytes += message.len() - empty;
                tallies += Batch::decode(&message).unwrap().entries.len();
            }
            Ok(())
        })
        .unwrap();
    let per_record = tallies as f64 / 20_000.0;
    let each = bytes as f64 / tallies as f64;
    assert!((per_record / TALLIES_PER_RECORD - 1.0).abs() < 0.2, "{per_record} tallies a record");
    assert!((each / TALLY_BYTES - 1.0).abs() < 0.2, "{each} bytes a tally");
}

#[test]
fn an_engine_filled_with_so_many_entities_holds_what_is_predicted() {
    let scratch = Scratch::new("size");
    let (settings, mut way) = Way::new(&scratch);
    let names = [("access".into(), 1), ("audit".into(), 1)];
    let mut engine = settings.engine(0, 1, &names, true);
    let workload = Workload { seed: 3, records: PEOPLE, users: PEOPLE, tables: 1, shape: Shape::Distinct };
    let mut record = 0;
    workload
        .write(&mut |log, line| {
            way.take(log, line);
            record += 1;
            if record % 20 == 0 {
                heartbeat(&mut way, workload.at(record));
                advance(&mut engine, &way.flush());
            }
            Ok(())
        })
        .unwrap();
    let busy = held(&engine);
    let after = workload.at(workload.records);
    for hour in 1..=30 {
        heartbeat(&mut way, after.saturating_add(activity::Span::from_hours(hour)));
        advance(&mut engine, &way.flush());
    }
    let rest = held(&engine);
    assert!(rest.0 >= 3 * PEOPLE && rest.1 < busy.1, "{rest:?}, {busy:?}");

    let asked = Asked {
        entities: rest.0,
        tables: 0,
        records_per_second: PEOPLE as f64 / 86_400.0,
        sources: 2,
        capacity: 1.0,
        retention: None,
    };
    let size = Size::predict(asked, 2.0);
    // The engine counts neither its index nor, here, the fleet and the peer groups.
    let fleet = f64::from(size.topics[0].partitions) * FLEET_BYTES as f64 + size.memory.peer_groups;
    let beside = fleet + rest.0 as f64 * INDEX_BYTES as f64;
    for (what, held, predicted) in [
        ("at rest", rest.1, size.memory.detector_at_rest - beside),
        ("active", busy.1, size.memory.detector_active - beside),
    ] {
        let ratio = held as f64 / predicted;
        assert!((1.0 / FACTOR..FACTOR).contains(&ratio), "{what}: {held} bytes held, {predicted} predicted");
    }
}

/// Both logs say something: hours close by the least of their stamps.
fn heartbeat(way: &mut Way, at: activity::Timestamp) {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    let row = format!(
        "{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02},db,monitor,10.200.0.1,1,1,QUERY,hr,'SELECT 1',0"
    );
    way.take(Log::Audit, &row);
    way.take(
        Log::Access,
        &format!(
            r#"{{"time":"{at}","remote_addr":"10.200.0.1","request_method":"GET","request_uri":"/","status":200}}"#
        ),
    );
}

fn advance(engine: &mut Engine, message: &[u8]) {
    let effects = engine.take(&Batch::decode(message).unwrap());
    carry_out(engine, effects);
}

fn carry_out(engine: &mut Engine, effects: Effects) {
    assert!(effects.violations.is_empty());
    for rollup in effects.rollups {
        let effects = engine.rollup(&rollup);
        carry_out(engine, effects);
    }
}

/// Entities but the fleet, and their bytes.
fn held(engine: &Engine) -> (u64, usize) {
    let kinds = engine.footprint();
    let all = kinds.iter().filter(|(kind, _)| **kind != activity::EntityKind::Fleet).map(|(_, of)| of);
    all.fold((0, 0), |(n, bytes), of| (n + of.entities as u64, bytes + of.bytes))
}

#[test]
fn the_command_says_it_for_people_and_for_programs() {
    let run = |arguments: &[&str]| Command::new(BINARY).arg("size").args(arguments).output().unwrap();
    let asked = ["--entities", "30000", "--tables", "200", "--records-per-second", "50", "--sources", "3"];
    let output = run(&asked);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for part in ["Memory\n", "Disk", "Network", "Processors", "tallies, 8 partitions", "journal, 1 partition"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.is_ascii(), "nothing that a screen reader would spell out");
    let output = run(&[&asked[..], &["--json", "--retention", "70d", "--capacity", "0.1"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["asked"]["entities"].as_u64(), json["retention_days"].as_f64()), (Some(30_000), Some(70.0)));
    assert!(json["memory"]["detector_at_rest"].as_f64().unwrap() > 30_200.0 * 680.0);
    assert_eq!(json["asked"]["capacity"].as_f64(), Some(0.1));
    assert_eq!(run(&["--entities", "1", "--retention", "3d"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
}
