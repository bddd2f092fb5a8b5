//! What must hold for any bytes. Used by the fuzz targets, and by the test that runs the kept corpus.

use activity::{Actor, Bucket, DrillId, EntityKind, Mode, Resource, Span, Timestamp};
use formats::{
    Context, FORMATS, FormatSpec, Framing, MEMORY_BYTES_MAX, Parsed, Rejected, Scratch, Step, envelope, sql,
};
use ingest::{Ingester, Raw, Resume, Settings, Written, settings::Source};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};
use tally::{Manifest, Range, Tallier, Tally};

/// Bytes that a decoded field may be longer than its entry: lossy decoding makes three bytes of one.
const GROWTH: usize = 3;

/// Runs the check of a target; panics where something does not hold.
pub fn check(target: &str, bytes: &[u8]) {
    match target {
        "sql" => check_sql(bytes),
        "ingester" => check_ingester(bytes),
        "envelope" => check_envelope(bytes),
        format => check_format(FormatSpec::by_name(format).expect("a format's name"), bytes),
    }
}

/// A parser is total, says only what it read, and remembers no more than it may.
fn check_format(format: &FormatSpec, bytes: &[u8]) {
    let mut scratch = Scratch::default();
    let mut context = Context { shipped_at: Some(Timestamp::from_secs(1_795_438_609)), ..Context::default() };
    match format.framing {
        Framing::Line => check_entry(format, bytes, &mut scratch, &mut context),
        Framing::Lines(remembering) => {
            let mut lines = remembering("");
            let mut entry: Vec<u8> = Vec::new();
            for line in bytes.split(|byte| *byte == b'\n') {
                match lines.step(line) {
                    Step::Begin | Step::Banner => {
                        check_entry(format, &entry, &mut scratch, &mut context);
                        entry.clear();
                        entry.extend_from_slice(line);
                    }
                    Step::Continue => {
                        entry.push(b'\n');
                        entry.extend_from_slice(line);
                    }
                    Step::Orphan => check_entry(format, line, &mut scratch, &mut context),
                }
                check_memory(&lines.memory());
                assert_eq!(remembering(&lines.memory()).memory(), lines.memory(), "what is remembered comes back");
            }
            check_entry(format, &entry, &mut scratch, &mut context);
            lines.close();
            // Behind a close, nothing continues.
            assert_ne!(lines.step(b"x"), Step::Continue);
        }
    }
}

fn check_entry(format: &FormatSpec, entry: &[u8], scratch: &mut Scratch, context: &mut Context) {
    match format.parse(entry, scratch, context) {
        Ok(Parsed::Activity(activity)) => {
            // The general log's account stands in an entry before, and has 256 bytes at most.
            let most = GROWTH * entry.len() + 256;
            let names = [activity.tag_user.as_deref(), activity.client_host.as_deref(), activity.session.as_deref()];
            assert!(names.into_iter().flatten().all(|name| name.len() <= most));
            if let Actor::PortalUser(name) | Actor::DbAccount(name) | Actor::IntegrationKey(name) = &activity.actor {
                assert!(name.len() <= most);
            }
            for resource in &activity.resources {
                match resource {
                    Resource::Route(path) => assert!(path.len() <= most),
                    Resource::Table { schema, name } => {
                        assert!(!name.is_empty() && schema.len() + name.len() <= 2 * most)
                    }
                }
            }
            let _: String = activity.at.to_string();
            context.after = context.after.max(activity.at);
        }
        Ok(Parsed::Ignored(rule)) => assert!(!rule.is_empty()),
        Err(rejected) => assert!(Rejected::ALL.contains(&rejected)),
    }
    let memory = scratch.memory();
    check_memory(&memory);
    let mut again = Scratch::default();
    again.remember(&memory);
    assert_eq!(again.memory(), memory, "what is remembered comes back");
}

fn check_memory(memory: &str) {
    assert!(memory.len() <= MEMORY_BYTES_MAX);
    assert!(memory.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'='), "fit for the metadata of an offset");
}

/// A statement: total, and whoever knows its shape says what others do, whatever stands in its place.
fn check_sql(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let context = Context::default();
    for completeness in [sql::Completeness::Whole, sql::Completeness::MaybeCut] {
        let statement = sql::Statement::read(&text, "db", completeness, &context);
        assert!(statement.tables.len() <= 64);
        let again = sql::Statement::read(&text, "db", completeness, &context);
        assert_eq!(statement, again, "same text, same answer");
    }
    let mut shapes = sql::Shapes::default();
    let other = |from: &str, to: &str| text.replace(|sign| from.contains(sign), to);
    for text in [
        &*text,
        &text,
        &other("0123456789", "1"),
        &other("0123456789", "1234567"),
        &other("13579", "1.5"),
        &other("123", "x"),
        &other("123", "e1"),
        &text.replace('\'', "''"),
        &text.replacen('\'', "'*/--\"", 1),
        &text.replacen('\'', "'\\", 3),
        &text.replacen("/*", "/*uid=u1 ", 1),
        &text.replace("/*", "/*!"),
        &text,
    ] {
        let statement = sql::Statement::read(text, "db", sql::Completeness::Whole, &context);
        assert_eq!(shapes.read(text, "db", sql::Completeness::Whole, &context), statement, "a known shape");
    }
}

/// Opening is total and bounded, and nothing comes out that did not go in.
fn check_envelope(bytes: &[u8]) {
    let context = Context::default();
    let hints = envelope::Hints { zone: &context.zone, near: Timestamp::from_secs(1_795_438_609), until: None };
    if let Some(opened) = envelope::open(bytes, &hints) {
        assert!(envelope::Envelope::by_name(opened.envelope).is_some());
        let inner: usize = opened.entries.iter().map(|entry| entry.bytes.len()).sum();
        assert!(inner <= GROWTH * bytes.len() + 64, "{} holds more than it is", opened.envelope);
    }
}

/// The whole stage. The first byte chooses a format, the second where the input is cut into records, and by its upper bits what is known of
/// when they were written and which of them are a drill's, the third where the process is killed. Every record is accounted for exactly
/// once, and the tallies do not depend on the kill.
fn check_ingester(bytes: &[u8]) {
    let [format, cut, kill, rest @ ..] = bytes else { return };
    let (of_hosts, format) =
        (usize::from(*format) / FORMATS.len() % 2 == 1, &FORMATS[usize::from(*format) % FORMATS.len()]);
    let records: Vec<&[u8]> = match usize::from(*cut) % 4 {
        0 => vec![rest],
        1 => rest.split(|byte| *byte == b'\n').collect(),
        n => rest
            .split_inclusive(|byte| *byte == b'\n')
            .collect::<Vec<_>>()
            .chunks(n)
            .map(|lines| {
                // Neighbouring pieces of one slice.
                let from = lines[0].as_ptr() as usize - rest.as_ptr() as usize;
                let len: usize = lines.iter().map(|line| line.len()).sum();
                &rest[from..from + len]
            })
            .collect(),
    };
    let records: Vec<Cow<'_, [u8]>> =
        records.into_iter().map(|bytes| if of_hosts { shipped(bytes) } else { bytes.into() }).collect();
    let records: Vec<Raw<'_>> = records.iter().enumerate().map(|(at, bytes)| raw(bytes, at, *cut >> 2)).collect();
    let kill = usize::from(*kill) % (records.len() + 1);
    let (undisturbed, once) = run(format, &records, None);
    let (killed, again) = run(format, &records, Some(kill));
    assert_eq!(undisturbed, records.len() as u64, "contributed + ignored + dead-lettered + late = records");
    assert_eq!(killed, records.len() as u64, "also over a kill");
    assert!(once == again, "a kill changes no tally");
}

/// As syslog ships it, from a host whose name is the first byte; `z` is another program on whatever host.
fn shipped(bytes: &[u8]) -> Cow<'_, [u8]> {
    let [host, text @ ..] = bytes else { return bytes.into() };
    let program = if *host == b'z' { "other" } else { "ours" };
    [format!("<14>1 2026-11-23T13:06:01Z h{host} {program} - - - ").as_bytes(), text].concat().into()
}

/// A record. Of `bits` the lower two choose what is known of when it was written, the next two how that goes on from record to record, and the
/// upper two whether it is a drill's.
fn raw(bytes: &[u8], at: usize, bits: u8) -> Raw<'_> {
    let near = Timestamp::from_secs(1_795_438_609);
    let behind = |seconds: i64| near.saturating_add(Span::from_secs(seconds.saturating_mul(at as i64)));
    let time = match bits >> 2 & 3 {
        0 => near,
        1 => behind(1),
        // What it says of itself is far ahead of that.
        2 => behind(1).saturating_sub(Span::from_hours(24)),
        _ => behind(3_600),
    };
    let written = match bits & 3 {
        0 => Written::Unknown,
        1 => Written::At(time),
        2 => Written::Until(time),
        _ => Written::Perhaps(time),
    };
    let mode = match bits >> 4 {
        0 | 1 => Mode::Live,
        2 => Mode::Drill(DrillId(7)),
        _ if at % 2 == 1 => Mode::Drill(DrillId(7)),
        _ => Mode::Live,
    };
    Raw { bytes, offset: at as i64, mode, forged_mark: false, written, resubmitted: None }
}

type Tallies = BTreeMap<(Mode, EntityKind, String, Bucket), Tally>;

fn run(format: &FormatSpec, records: &[Raw<'_>], kill: Option<usize>) -> (u64, Tallies) {
    let mut source = Source::new("fuzz", format.name);
    source.zone = Some("Europe/Berlin".into());
    let settings = Settings { sources: vec![source], ..Settings::default() };
    let plan = settings.plans(&Arc::default(), activity::Span::from_minutes(2)).expect("a plan").remove(0);
    let (mut tallier, mut dead) = (Tallier::default(), Vec::new());
    let mut ingester = Ingester::new(plan.clone(), 0, Resume::fresh());
    let mut accounted = 0;
    let mut tallies = Tallies::new();
    let count = |range: &Range| range.contributed + range.ignored + range.dead_lettered + range.late;
    let mut at = 0;
    let mut killed = false;
    while at <= records.len() {
        if kill == Some(at) && !killed {
            killed = true;
            // What was flushed stays; what was read since is read again.
            accounted += count(&ingester.flushed());
            collect(&mut tallier, &mut tallies);
            let (offset, metadata) = ingester.resume();
            ingester = Ingester::new(plan.clone(), 0, Resume::parse(offset, &metadata));
            at = usize::try_from(offset).unwrap_or(0);
            continue;
        }
        let Some(raw) = records.get(at) else { break };
        ingester.take(*raw, &mut tallier, &mut dead);
        at += 1;
    }
    ingester.expire(&mut tallier, &mut dead);
    let range = ingester.flushed();
    assert_eq!(range.pending, 0);
    accounted += count(&range);
    collect(&mut tallier, &mut tallies);
    (accounted, tallies)
}

/// Adds up what the messages hold.
fn collect(tallier: &mut Tallier, tallies: &mut Tallies) {
    for (_, message) in tallier.flush(1, &Manifest::default()) {
        let batch = tally::Batch::decode(&message).expect("its own message");
        for entry in batch.entries {
            tallies
                .entry((entry.mode, entry.kind, entry.id.to_string(), entry.bucket))
                .or_default()
                .merge(&entry.tally);
        }
    }
    tallier.clear();
}

/// Inputs out of one kept file: each is its length (4 bytes, little endian) and its bytes; the whole is compressed.
pub fn unpack(packed: &[u8]) -> Vec<Vec<u8>> {
    let plain = zstd::decode_all(packed).expect("a kept corpus");
    let mut rest = plain.as_slice();
    let mut inputs = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (input, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        inputs.push(input.to_vec());
        rest = behind;
    }
    inputs
}
