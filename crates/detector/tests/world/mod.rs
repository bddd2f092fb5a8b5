//! A small company, hour by hour, as its tallies.

use activity::{Bucket, DataClass, EntityKind, KnownBy, Mode, Timestamp};
use detector::{Alert, AlertVerdict, Calendar, Directory, Engine, EngineSpec, Settings};
use std::{collections::VecDeque, sync::Arc};
use tally::{Batch, Manifest, Metric, Range, Tallier, Tally};

pub(crate) struct World {
    engine: Engine,
    directory: Arc<Directory>,
    pub(crate) tallier: Tallier,
    sequence: u64,
    pub(crate) alerts: Vec<Alert>,
    /// The hour that is being told, since the epoch.
    pub(crate) hour: i64,
}

impl World {
    /// Starts on Monday, 2026-03-02. Users named `e…` are `ess`, others `payroll`.
    pub(crate) fn new(settings: Settings, users: &[String]) -> Self {
        let mut text = String::from("user,role,department,employee_id,from,to,zone\n");
        for user in users {
            let role = if user.starts_with('e') { "ess" } else { "payroll" };
            text.push_str(&format!("{user},{role},d,1,,,UTC\n"));
        }
        World::with_directory(settings, &text)
    }

    /// The same with another directory (CSV).
    pub(crate) fn with_directory(settings: Settings, directory: &str) -> Self {
        let directory = Arc::new(Directory::parse(directory).expect("a directory"));
        let engine = World::engine(settings, directory.clone());
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time");
        let hour = start.bucket().hour();
        World { engine, directory, tallier: Tallier::new(), sequence: 0, alerts: Vec::new(), hour }
    }

    fn engine(settings: Settings, directory: Arc<Directory>) -> Engine {
        let spec =
            EngineSpec { partition: 0, partitions: 1, sources: vec![("log".into(), 1)], ..EngineSpec::default() };
        Engine::new(spec, Arc::new(settings), directory, Arc::new(Calendar::default()))
    }

    pub(crate) fn key(&mut self, key: Option<detector::AlertKey>) {
        let spec = EngineSpec::default();
        let nobody = Engine::new(spec, Arc::default(), Arc::default(), Arc::default());
        self.engine = std::mem::replace(&mut self.engine, nobody).with_alert_key(key);
    }

    /// The daemon is started anew: goes on from a snapshot, under other settings.
    pub(crate) fn restart(&mut self, settings: Settings) {
        let messages = self.engine.checkpoint(self.sequence as i64 + 1).messages;
        let engine = World::engine(settings, self.directory.clone());
        let restored = engine.restored(messages.iter().map(|(key, value)| (&key[..], &value[..])));
        self.engine = restored.expect("a sound snapshot").expect("there is one").0;
    }

    pub(crate) fn tally(&mut self, kind: EntityKind, id: &str, minute: i64) -> &mut Tally {
        self.tally_in(Mode::Live, kind, id, minute)
    }

    pub(crate) fn tally_in(&mut self, mode: Mode, kind: EntityKind, id: &str, minute: i64) -> &mut Tally {
        self.tallier.tally(mode, kind, id, Bucket(self.hour * 60 + minute))
    }

    /// A user reads so many rows of a classified table, in so many requests.
    pub(crate) fn read(
        &mut self,
        user: &str,
        table: &str,
        rows: u64,
        requests: u64,
        (place, address): (&str, &str),
        minute: i64,
    ) {
        self.read_in(Mode::Live, (user, table), (rows, requests), (place, address), minute);
    }

    pub(crate) fn read_in(
        &mut self,
        mode: Mode,
        (user, table): (&str, &str),
        (rows, requests): (u64, u64),
        (place, address): (&str, &str),
        minute: i64,
    ) {
        for (kind, id) in
            [(EntityKind::PortalUser, user.to_owned()), (EntityKind::UserTable, format!("{user}|{table}"))]
        {
            let tally = self.tally_in(mode, kind, &id, minute);
            tally.add(Metric::RowsSent, rows);
            tally.add(Metric::Statements, requests);
            tally.add(Metric::ClassifiedRequests, requests);
            tally.classes.insert(DataClass::Hr);
            tally.known(KnownBy::SqlTag);
            if kind == EntityKind::PortalUser {
                tally.addresses.insert(address);
                tally.places.insert(place);
                tally.tables.insert(table);
            }
        }
    }

    /// The hour is over: flushes, and goes on to the next.
    pub(crate) fn next_hour(&mut self) {
        self.sequence += 1;
        self.hour += 1;
        let offset = self.sequence as i64;
        let watermark = Bucket(self.hour * 60).start();
        let range = Range { source: "log".into(), from: offset, to: offset + 1, watermark, ..Range::default() };
        let manifest = Manifest { instance: "world".into(), sequence: self.sequence, ranges: vec![range] };
        let mut waiting = VecDeque::new();
        // A crowd takes several.
        for (_, message) in self.tallier.flush(1, &manifest) {
            waiting.push_back(self.engine.take(&Batch::decode(&message).expect("its own message")));
        }
        while let Some(effects) = waiting.pop_front() {
            assert_eq!(effects.violations, []);
            self.alerts.extend(effects.alerts);
            waiting.extend(effects.rollups.iter().map(|rollup| self.engine.rollup(rollup)));
        }
    }

    /// A person says what an alert was.
    pub(crate) fn hear(&mut self, verdict: &AlertVerdict) {
        assert!(verdict.check().is_ok());
        self.engine.hear(verdict);
        self.engine.hear(verdict);
    }

    pub(crate) fn verdicts_late(&self) -> u64 {
        self.engine.stats().verdicts_late
    }

    pub(crate) fn stats(&self) -> detector::Stats {
        self.engine.stats()
    }

    pub(crate) fn footprint(&self) -> std::collections::BTreeMap<EntityKind, detector::Footprint> {
        self.engine.footprint()
    }

    pub(crate) fn hour_of_day(&self) -> i64 {
        self.hour.rem_euclid(24)
    }
    pub(crate) fn office(&self) -> bool {
        // 1970-01-01 was a Thursday.
        (self.hour.div_euclid(24) + 3).rem_euclid(7) < 5 && (8..17).contains(&self.hour_of_day())
    }
}
