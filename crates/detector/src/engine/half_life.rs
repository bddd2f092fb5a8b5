//! What a half-life that was changed between a snapshot and a start leaves of what was learned, and what becomes of it.

use super::{Engine, EngineSpec};
use crate::{
    packed::Packed,
    settings::Settings,
    watch::{Scale, metrics},
};
use activity::{Bucket, DataClass, EntityKind, KnownBy, Mode};
use std::{collections::BTreeMap, sync::Arc};
use tally::{Batch, Encoder, Manifest, Metric, Range, Tallier};

/// A day in 2026, since 1970.
const START: i64 = 20_500;
const USERS: [&str; 4] = ["anna", "ben", "cleo", "dan"];

struct Run {
    engine: Engine,
    /// Messages taken.
    told: u64,
    topic: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn engine(half_life_days: f64) -> Engine {
    let mut settings = Settings::default();
    settings.volume.half_life_days = half_life_days;
    let spec = EngineSpec { sources: vec![("web".into(), 1)], partitions: 1, ..EngineSpec::default() };
    Engine::new(spec, Arc::new(settings), Arc::default(), Arc::default())
}

impl Run {
    fn new(half_life_days: f64) -> Self {
        Run { engine: engine(half_life_days), told: 0, topic: BTreeMap::new() }
    }

    /// What these people do from 9 to 12 on a day after the start, as on any other day, from this place; what they did before is learned.
    fn day(&mut self, day: i64, users: &[&str], place: &str) {
        for hour in 9..12 {
            let hour = (START + day) * 24 + hour;
            let mut tallier = Tallier::new();
            for (n, user) in (0..).zip(users) {
                let tally = tallier.tally(Mode::Live, EntityKind::PortalUser, user, Bucket(hour * 60 + 7 * n));
                tally.add(Metric::RowsSent, 5 + 3 * n as u64 + hour as u64 % 5);
                tally.add(Metric::Statements, 4);
                tally.classes.insert(DataClass::Hr);
                tally.known(KnownBy::SqlTag);
                tally.places.insert(place);
                tally.tables.insert("hr.employees");
            }
            let from = self.told as i64;
            self.told += 1;
            let watermark = Bucket(hour * 60 + 60).start();
            let range = Range { source: "web".into(), from, to: from + 1, watermark, ..Range::default() };
            let manifest = Manifest { instance: "i".into(), sequence: self.told, ranges: vec![range] };
            let effects = self.engine.take(&Batch::decode(&tallier.flush(1, &manifest)[0].1).expect("its own message"));
            let mut waiting = effects.rollups;
            while let Some(rollup) = waiting.pop() {
                waiting.extend(self.engine.rollup(&rollup).rollups);
            }
        }
    }

    fn days(&mut self, days: std::ops::Range<i64>) {
        days.for_each(|day| self.day(day, &USERS, "DE/home"));
    }

    /// What a detector that is started now, under this half-life, goes on with.
    fn restarted(&mut self, half_life_days: f64) -> Self {
        self.topic.extend(self.engine.checkpoint(self.told as i64).messages);
        let messages = self.topic.iter().map(|(key, value)| (&key[..], &value[..]));
        let restored = engine(half_life_days).restored(messages).expect("a sound snapshot");
        Run { engine: restored.expect("there is one").0, told: self.told, topic: self.topic.clone() }
    }

    /// By whom, every number that is learned and forgotten by the half-life.
    fn learned(&self) -> BTreeMap<String, Vec<f64>> {
        let mut learned = BTreeMap::new();
        for entity in self.engine.entities.iter().flatten() {
            let mut of = vec![entity.baseline.hours.into(), entity.baseline.days.into()];
            for metric in 0..metrics(entity.key.kind).len() {
                for level in Scale::ALL.map(|scale| entity.baseline.level(metric, scale)) {
                    of.extend([level.n, level.sum, level.squares, level.max].map(f64::from));
                }
            }
            of.extend((0..24).map(|hour| entity.baseline.active(START * 24 + hour)));
            learned.insert(format!("{:?} {}", entity.key.kind, entity.key.id), of);
        }
        for (name, peers) in self.engine.fleet.current().iter() {
            let mut of = vec![peers.active];
            of.extend(peers.values.iter().flat_map(|values| values.values()).map(|weight| f64::from(*weight)));
            for cell in peers.cells.iter().flatten() {
                of.extend([cell.n, cell.mean, cell.shape, cell.extreme, cell.max, cell.square]);
            }
            learned.insert(format!("group {name}"), of);
        }
        learned
    }

    fn hours_of(&self, user: &str) -> f64 {
        let is_theirs = |key: &crate::entity::Key| key.kind == EntityKind::PortalUser && &*key.id == user;
        let mut entities = self.engine.entities.iter().flatten();
        entities.find(|entity| is_theirs(&entity.key)).map_or(0.0, |entity| entity.baseline.hours.into())
    }
}

/// By how much numbers of the one differ from those of the other at most, as a part of the other.
fn difference(one: &Run, other: &Run) -> f64 {
    let (one, other) = (one.learned(), other.learned());
    let shape =
        |of: &BTreeMap<String, Vec<f64>>| of.iter().map(|(who, all)| (who.clone(), all.len())).collect::<Vec<_>>();
    assert_eq!(shape(&one), shape(&other));
    assert!(one.len() > USERS.len());
    let both = one.values().flatten().zip(other.values().flatten());
    both.map(|(one, other)| (one - other).abs() / other.abs().max(1e-3)).fold(0.0, f64::max)
}

#[test]
fn nothing_is_relearned_and_nothing_written_again() {
    let mut run = Run::new(21.0);
    run.days(0..30);
    let entities = |run: &Run| {
        let mut body = Encoder::body();
        run.engine.entities.iter().for_each(|entity| entity.pack(&mut body));
        body.into_body()
    };
    for half_life in [1.0, 10.5, 42.0, 365.0] {
        let mut after = run.restarted(half_life);
        assert!(entities(&after) == entities(&run), "{half_life}");
        // Work, peers and what was raised are compared with what was written.
        let checkpoint = after.engine.checkpoint(after.told as i64);
        assert_eq!((checkpoint.n_entities, checkpoint.messages.len()), (0, 1), "{half_life}: not the core alone");
    }
}

#[test]
fn after_many_half_lives_it_is_as_if_it_had_always_been_so() {
    // Fifteen of the new one: of the old weight, which is four times the new one at most, are left 0.012%.
    for (old, new, days) in [(16.0, 4.0, 60), (4.0, 16.0, 240)] {
        let (mut always, mut never) = (Run::new(new), Run::new(old));
        always.days(0..40);
        never.days(0..40);
        let mut changed = never.restarted(new);
        assert!(difference(&changed, &always) > 0.2, "there is something to fade");
        for run in [&mut always, &mut changed, &mut never] {
            run.days(40..40 + days);
        }
        let (faded, wrongly) = (difference(&changed, &always), difference(&never, &always));
        assert!(faded < 1e-3, "{old} -> {new} days: {faded}");
        assert!(wrongly > 0.2, "{wrongly}: the pace would make no difference");
    }
}

#[test]
fn who_rests_fades_by_what_is_in_force() {
    for (old, new) in [(20.0, 5.0), (5.0, 20.0)] {
        let mut run = Run::new(old);
        // Only who is known for ten days tells the others where he is.
        (0..20).for_each(|day| run.day(day, &["emil"], "DE/home"));
        run.day(20, &["emil"], "AT/office");
        run.days(21..31);
        let known = run.hours_of("emil");
        let mut run = run.restarted(new);
        run.days(31..41);
        // What was in force before is still known after the next start.
        let mut run = run.restarted(new);
        run.day(41, &["emil"], "DE/home");
        run.days(42..44);
        // Ten days and eleven, and 3 hours that are new.
        let expected = known * (-10.0 / old - 11.0 / new).exp2() + 3.0;
        let hours = run.hours_of("emil");
        assert!((hours / expected - 1.0).abs() < 0.02, "{old} -> {new} days: {hours}, {expected}");
        // Nobody was at that place any more.
        let views = run.engine.fleet.current();
        let places = views.values().map(|peers| &peers.values[0]).max_by_key(|places| places.len());
        let weights: Vec<f32> = places.expect("a group").values().copied().collect();
        let least = weights.into_iter().fold(f32::INFINITY, f32::min);
        let expected = 3.0 * (-10.0 / old - 13.0 / new).exp2();
        assert!((f64::from(least) / expected - 1.0).abs() < 0.05, "{old} -> {new} days: {least}, {expected}");
    }
}
