//! Reading records as a source partition does, with kills; what the tests of this folder share.

// Helpers outside of #[test] functions; the exemption for tests does not reach them. Not every test uses all of them.
#![allow(clippy::unwrap_used, unreachable_pub)]

use activity::{Bucket, EntityKind, Mode, Span, Timestamp};
use ingest::settings::Source;
use ingest::{DeadLetter, Ingester, Plan, Raw, Resume, Settings, Written};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tally::{Batch, Manifest, Metric, Range, Tallier, Tally};

pub type Tallies = BTreeMap<(Mode, EntityKind, String, Bucket), Tally>;

/// A source with the zone UTC, unless the function changes it.
pub fn plan(format: &str, change: impl Fn(&mut Source)) -> Arc<Plan> {
    let mut settings: Settings = toml::from_str(
        r#"
        [classification.tables]
        "hr.*" = "hr"
        "magento.hr_*" = "hr"
        [classification.routes]
        "/rest/V1/hr/**" = "hr"
        "#,
    )
    .unwrap();
    let mut source = Source::new("source", format);
    source.zone = Some("UTC".into());
    change(&mut source);
    settings.sources = vec![source];
    settings.plans(&Arc::default(), Span::from_minutes(2)).unwrap()[0].clone()
}

#[derive(Default)]
pub struct Seen {
    pub tallies: Tallies,
    pub dead: Vec<DeadLetter>,
    pub ranges: Vec<Range>,
    pub ahead: u64,
}

impl Seen {
    pub fn sum(&self, count: fn(&Range) -> u64) -> u64 {
        self.ranges.iter().map(count).sum()
    }

    pub fn accounted(&self) -> u64 {
        self.sum(|range| range.contributed + range.ignored + range.dead_lettered + range.late)
    }

    /// Contributed, ignored, dead-lettered, late.
    pub fn outcomes(&self) -> [u64; 4] {
        [
            self.sum(|range| range.contributed),
            self.sum(|range| range.ignored),
            self.sum(|range| range.dead_lettered),
            self.sum(|range| range.late),
        ]
    }

    /// Without the pointers to records, which differ where records are cut in another way.
    pub fn without_evidence(&self) -> Tallies {
        let mut tallies = self.tallies.clone();
        tallies.values_mut().for_each(|tally| tally.evidence = Default::default());
        tallies
    }

    pub fn of(&self, kind: EntityKind, id: &str) -> Tally {
        let mut all = Tally::default();
        for ((mode, of, name, _), tally) in &self.tallies {
            if *mode == Mode::Live && *of == kind && name == id {
                all.merge(tally);
            }
        }
        all
    }

    /// Entries by the minute in which they count.
    pub fn minutes(&self) -> BTreeMap<Bucket, u64> {
        let of_source = self.tallies.iter().filter(|((_, kind, ..), _)| *kind == EntityKind::Source);
        of_source.map(|((.., bucket), tally)| (*bucket, tally.get(Metric::Requests))).collect()
    }

    pub fn reasons(&self) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        self.dead.iter().for_each(|letter| *reasons.entry(letter.reason).or_default() += 1);
        reasons
    }

    fn collect(&mut self, tallier: &mut Tallier) {
        for (_, message) in tallier.flush(1, &Manifest::default()) {
            for entry in Batch::decode(&message).unwrap().entries {
                let key = (entry.mode, entry.kind, entry.id.to_string(), entry.bucket);
                self.tallies.entry(key).or_default().merge(&entry.tally);
            }
        }
        tallier.clear();
    }
}

/// Reads records numbered from 0. After each number of records in `kills` there is a flush, all that is in memory is
/// lost, and reading goes on at the committed offset. The outcome equation holds at each flush.
pub fn read(plan: &Arc<Plan>, records: &[Vec<u8>], kills: &[usize]) -> Seen {
    read_written(plan, records, kills, &|_| None)
}

pub fn read_written(
    plan: &Arc<Plan>,
    records: &[Vec<u8>],
    kills: &[usize],
    written_at: &dyn Fn(usize) -> Option<Timestamp>,
) -> Seen {
    let mut seen = Seen::default();
    let mut tallier = Tallier::new();
    let mut ingester = Ingester::new(plan.clone(), 0, Resume::fresh());
    let mut kills = kills.to_vec();
    let (mut at, mut furthest) = (0, 0);
    while at < records.len() {
        let raw = Raw {
            bytes: &records[at],
            offset: at as i64,
            mode: Mode::Live,
            forged_mark: false,
            written: written_at(at).map_or(Written::Unknown, Written::At),
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut seen.dead);
        at += 1;
        if let Some(place) = kills.iter().position(|after| *after == at) {
            kills.remove(place);
            seen.collect(&mut tallier);
            let range = ingester.flushed();
            let pending = range.pending;
            seen.ranges.push(range);
            // Of what is read again after a restart, some was done before it.
            if furthest <= at {
                assert_eq!(seen.accounted() + pending, at as u64, "every record has one outcome");
            }
            furthest = furthest.max(at);
            let (offset, metadata) = ingester.resume();
            assert!(seen.accounted() <= furthest as u64 && offset <= at as i64);
            assert!(metadata.len() <= ingest::limits::METADATA_BYTES_MAX, "{}", metadata.len());
            seen.ahead += ingester.take_ahead();
            ingester = Ingester::new(plan.clone(), 0, Resume::parse(offset, &metadata));
            at = usize::try_from(offset).unwrap();
        }
    }
    ingester.expire(&mut tallier, &mut seen.dead);
    seen.collect(&mut tallier);
    seen.ranges.push(ingester.flushed());
    seen.ahead += ingester.take_ahead();
    assert_eq!(seen.accounted(), records.len() as u64, "every record has one outcome");
    assert_eq!(seen.ranges.last().unwrap().pending, 0);
    for pair in seen.ranges.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
    }
    seen
}

pub fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Records of a file of the formats' tests.
pub fn golden(format: &str, name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/golden").join(format);
    lines(&std::fs::read(folder.join(format!("{name}.log"))).unwrap())
}

/// Records of a real sample.
pub fn sample(name: &str) -> Vec<Vec<u8>> {
    let packed = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples").join(name)).unwrap();
    let bytes = zstd::decode_all(packed.as_slice()).unwrap();
    match bytes.contains(&0x1e) {
        true => bytes.split(|byte| *byte == 0x1e).map(<[u8]>::to_vec).collect(),
        false => lines(&bytes),
    }
}

/// Lines grouped into texts by the sizes given, in turn.
pub fn grouped(lines: &[Vec<u8>], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let (mut at, mut turn) = (0, 0);
    while at < lines.len() {
        let end = (at + sizes[turn % sizes.len()]).min(lines.len());
        texts.push(lines[at..end].join(&b'\n'));
        (at, turn) = (end, turn + 1);
    }
    texts
}
