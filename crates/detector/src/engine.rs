//! The engine: tallies of one partition in, alerts and roll-ups out. Read [`Engine::take`] first.
//!
//! # Why the answer does not depend on the order
//!
//! Time is cut into hours. Hour `h` is
//! - *opened* once the horizon has passed hour `h - 2` and all partitions' roll-ups through `h - 2` are there: from then on
//!   everything that decides what is usual in `h` is fixed, whenever it is computed;
//! - judged whenever a tally arrives for it, and once when it opens and closes. Detectors are monotone, so an early
//!   alert is one that the whole hour raises as well, with the same id, severity and page;
//! - *closed* when the horizon has passed it: the digest's alerts are decided, the roll-up is sent;
//! - *learned*, two hours later, by the entities that were active in it.
//!
//! A tally that comes before its hour is open waits in its entity. Hours open and close in ascending order, and each step
//! uses whole hours of the records of all source partitions: who read first, where batches were cut, and over how many
//! tally partitions entities were spread, leaves no trace.
//!
//! Verdicts of people are input like records; from which hour on they count is told in [`docket`](crate::docket).
//!
//! What does leave one: limits (an evicted entity is new when it returns), roll-ups that were given up waiting for, and a
//! source partition that was silent, was released, and comes back with old records; verdicts that come late. All are counted.

#[cfg(test)]
mod half_life;
mod snapshot;

pub use snapshot::{Checkpoint, NotRestored};

use crate::{
    alert::{Alert, AlertId, AlertKey, AlertWindow, Evidence, Fact, Suppression},
    baseline::Baseline,
    budget::Budget,
    calendar::Calendar,
    detectors::{
        DAYS_KNOWN, DETECTORS, DRIFT_STREAMS, Finding, Former, HANDED_OVER, JUMPED, Look, NEWCOMERS, NEWS, Norm,
        SHARED_ACCOUNT, SourceHour, Sources, Window, changed_hands, counts_records, deep_pages, established, facts,
        facts_of_mark, footholds, fresh, gates, is_newcomer, jumped, norms, novelty, off_hours, share_step,
        shared_account, strangers, tells_of_awaited, walk,
    },
    directory::Directory,
    docket::{Docket, Rulings},
    entity::{EntityState, HourState, Key, NETWORK, PLACE, Pages, TABLE, values},
    exception::{Candidate, Exception, ExceptionSettings},
    fleet::{FEW_PEERS, Fleet, Peers, Snapshot},
    footprint::{self, Footprint},
    known, limits, marks,
    named::{NamedRecords, Sketch},
    pace::Pace,
    progress::{Heard, Progress, Violation},
    raised::Raised,
    rollup::{self, FOOTHOLDS, GroupHour, Rollup},
    settings::Settings,
    verdict::AlertVerdict,
    watch::{
        BANK_ROWS, DEEP_PAGES, NEW_RECORDS, NOVELTY, OFF_HOURS, SHARE_STEP, STEPS, Scale, WALK, add, amounts, cell,
        metrics,
    },
};
use activity::{Bucket, DataClasses, Entity, EntityKind, KnownBy, Mark, Mode, Span, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tally::{Batch, Entry, Metric, Positions, Requested, Tally};

/// What an engine is for.
#[derive(Clone, Debug, Default)]
pub struct EngineSpec {
    pub partition: u32,
    pub partitions: u32,
    /// Sources that are expected, each with its number of partitions. The horizon waits for all of them.
    pub sources: Vec<(Box<str>, u32)>,
    /// Where the records of a source lie, by its name. A source that is missing counts as a file of its name.
    pub evidence: HashMap<Box<str>, EvidenceIn>,
}

/// Where the records of a source lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceIn {
    Topic(String),
    /// Name of an input; positions are line numbers.
    File(String),
}

/// What an engine wants done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// In order of event time.
    pub alerts: Vec<Alert>,
    /// For `breachd.fleet`; every engine must hear all of them, this one too.
    pub rollups: Vec<Rollup>,
    pub violations: Vec<Violation>,
}

/// What an engine holds and has given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entities held, by kind.
    pub entities: BTreeMap<EntityKind, usize>,
    /// Entities given up because there were too many, by kind.
    pub evicted: BTreeMap<EntityKind, u64>,
    /// Messages that only repeated what was known.
    pub repeated: u64,
    /// Tallies for hours that were closed: from partitions that came back after they had been released as idle.
    pub behind: u64,
    /// Roll-ups that came after they had been given up.
    pub rollups_missed: u64,
    /// Verdicts that came after the hour from which they count had been opened, or that found no room.
    pub verdicts_late: u64,
    /// Alerts forgotten because there were too many: a verdict about one of them teaches nothing.
    pub alerts_forgotten: u64,
    /// Peer groups of an hour that found no room of their own in its roll-up.
    pub groups_shed: u64,
    /// Ids of raised alerts forgotten because there were too many: late records may raise them again.
    pub raised_forgotten: u64,
    pub groups: usize,
}

/// One tally partition's detector. Single-threaded, deterministic, without a clock.
#[derive(Debug)]
pub struct Engine {
    spec: EngineSpec,
    alert_key: Option<AlertKey>,
    settings: Arc<Settings>,
    directory: Arc<Directory>,
    calendar: Arc<Calendar>,
    budget: Budget,
    /// At which all of it is forgotten.
    pace: Arc<Pace>,
    progress: Progress,
    fleet: Fleet,
    entities: Vec<Option<EntityState>>,
    /// Places that are empty; the lowest is taken first, so that a restored engine takes the same.
    free: BTreeSet<u32>,
    index: HashMap<Key, u32>,
    held: BTreeMap<EntityKind, usize>,
    /// Where sources are held; never evicted but by their own limit.
    sources: Vec<u32>,
    /// What they said in the hour that closes.
    heard: Sources,
    /// Hours with content that are not closed.
    hours: BTreeMap<i64, Work>,
    /// Entities by day that have something to decide when it is over.
    days: BTreeMap<i64, Vec<u32>>,
    /// Entities by the closed hour (or last hour of the day) that they have not learned yet.
    unlearned: BTreeMap<i64, Vec<u32>>,
    raised: Raised,
    /// What entities remember of signature rules, once for all of them.
    marks: BTreeSet<Arc<Mark>>,
    docket: Docket,
    /// As configured.
    exceptions: Vec<Exception>,
    /// The last closed hour; `None` before the first.
    closed: Option<i64>,
    /// Hour of the last roll-up sent.
    sent: Option<i64>,
    stats: Stats,
    /// For snapshots.
    ledger: snapshot::Ledger,
}

/// What was past for an hour that has been judged. (The entity's own baseline may have learned less: how much depends on what
/// else closed when.)
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// Days of activity.
    days: f32,
    /// How many times the usual number of new records the day has, in eighths.
    novelty: u64,
    /// How far the share of new records lies from the usual one.
    share_step: Option<f64>,
    /// The longest walk through new records.
    walk: u64,
    off_hours: u64,
    norms: [Option<Norm>; DRIFT_STREAMS],
    /// Somebody is told that the entity does something new.
    told: bool,
    /// Of a session: it went over to another browser.
    handed_over: bool,
    /// And: it went on from another access line within minutes.
    jumped: bool,
}

const DAY_MILLIS: i64 = 86_400_000;

/// A person counts to the crowd with three times the usual number of new records (in eighths), and no fewer than four.
const CROWD_NOVELTY: u64 = 24;
const CROWD_RECORDS: u64 = 4;

/// The bit of a detector in `paged`.
const fn bit(name: &str) -> u32 {
    let mut at = 0;
    loop {
        let (known, name) = (DETECTORS[at].name.as_bytes(), name.as_bytes());
        let mut same = 0;
        while same < known.len() && same < name.len() && known[same] == name[same] {
            same += 1;
        }
        if same == known.len() && same == name.len() {
            return 1 << at;
        }
        at += 1;
    }
}

const NEW_RECORDS_BIT: u32 = bit("new_records");
const ENUMERATION_BIT: u32 = bit("enumeration");
const PAGE_DEPTH_BIT: u32 = bit("page_depth");
const OFF_HOURS_BIT: u32 = bit("off_hours");
const BANK_DETAILS_BIT: u32 = bit("bank_details");

/// One hour that is not closed.
#[derive(Debug, Default)]
struct Work {
    touched: Vec<u32>,
    /// What is usual in this hour; `None`: not open yet.
    usual: Option<Snapshot>,
}

impl Engine {
    pub fn new(spec: EngineSpec, settings: Arc<Settings>, directory: Arc<Directory>, calendar: Arc<Calendar>) -> Self {
        Engine {
            alert_key: None,
            budget: Budget::new(&settings),
            pace: Arc::new(Pace::of_days(settings.volume.half_life_days)),
            progress: Progress::new(&spec.sources, settings.allowed_lateness),
            fleet: Fleet::new(spec.partitions),
            exceptions: settings.exceptions.iter().filter_map(ExceptionSettings::resolve).collect(),
            docket: Docket::default(),
            spec,
            settings,
            directory,
            calendar,
            entities: Vec::new(),
            free: BTreeSet::new(),
            index: HashMap::new(),
            held: BTreeMap::new(),
            sources: Vec::new(),
            heard: Sources::default(),
            hours: BTreeMap::new(),
            days: BTreeMap::new(),
            unlearned: BTreeMap::new(),
            raised: Raised::default(),
            marks: BTreeSet::new(),
            closed: None,
            sent: None,
            stats: Stats::default(),
            ledger: snapshot::Ledger::default(),
        }
    }

    /// Ids of alerts go by this key; without one anybody can compute them.
    pub fn with_alert_key(self, alert_key: Option<AlertKey>) -> Self {
        Engine { alert_key, ..self }
    }

    /// Another content of the HR directory: peer groups are looked up in it from now on.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.directory = directory;
    }

    /// Takes in a message of this partition. A repeated one changes nothing.
    pub fn take(&mut self, batch: &Batch) -> Effects {
        let mut effects = Effects::default();
        if (batch.partition, batch.partitions) != (self.spec.partition, self.spec.partitions) {
            let (partition, partitions) = (batch.partition, batch.partitions);
            effects.violations.push(Violation::Misdirected { partition, partitions });
            return effects;
        }
        if self.progress.hear(&batch.manifest, &mut effects.violations) == Heard::Repeated {
            self.stats.repeated += 1;
            return effects;
        }
        for entry in &batch.entries {
            self.merge(entry, &mut effects);
        }
        self.advance(&mut effects);
        effects.finish()
    }

    /// From now on these raw partitions are waited for: a topic may get more of them at any time.
    pub fn set_sources(&mut self, sources: &[(Box<str>, u32)]) {
        self.spec.sources = sources.to_vec();
        self.progress.expect(sources, self.settings.allowed_lateness);
    }

    /// Takes in a roll-up of any tally partition, this one's own included. A repeated one changes nothing.
    pub fn rollup(&mut self, rollup: &Rollup) -> Effects {
        let mut effects = Effects::default();
        self.fleet.hear(rollup);
        self.advance(&mut effects);
        effects.finish()
    }

    /// Takes in a verdict about an alert of any tally partition. A repeated one changes nothing, nor does one that
    /// [`AlertVerdict::check`] refuses.
    pub fn hear(&mut self, verdict: &AlertVerdict) {
        let ruled = self.docket.hear(verdict, self.closed);
        self.rule(ruled);
    }

    /// An alert that an engine of this partition raised before a restart: verdicts may be about it, though the tallies from which
    /// it was raised are no longer kept. Those of other partitions are passed over.
    pub fn recall(&mut self, alert: &Alert) {
        let Entity { kind, id } = &alert.entity;
        if tally::partition_of(alert.mode, *kind, id, self.spec.partitions) == self.spec.partition {
            let ruled = self.docket.raised(alert, self.closed);
            self.rule(ruled);
        }
    }

    fn rule(&mut self, rulings: Rulings) {
        for (key, ruled, late) in rulings {
            // After a restart the entity may not have come yet.
            let at = self.entity(key);
            let heard = self.held_mut(at).rule(ruled);
            self.stats.verdicts_late += u64::from(late || !heard);
        }
    }

    /// Whether an hour that the horizon would let go on waits for roll-ups of other partitions.
    pub fn waits_for_fleet(&self) -> bool {
        let waiting = self.hours.iter().filter(|(_, work)| work.usual.is_none()).map(|(hour, _)| *hour).min();
        waiting.zip(self.closable()).is_some_and(|(hour, closable)| hour <= closable.saturating_add(2))
    }

    /// The caller has waited long enough for roll-ups: go on with what is known of the hours that wait for them.
    pub fn release_fleet(&mut self) -> Effects {
        let mut effects = Effects::default();
        let waiting = self.hours.iter().filter(|(_, work)| work.usual.is_none()).map(|(hour, _)| *hour);
        let due = self.closable().and_then(|closable| waiting.filter(|hour| *hour <= closable.saturating_add(2)).max());
        if let Some(hour) = due {
            self.fleet.release(hour.saturating_sub(2));
        }
        self.advance(&mut effects);
        effects.finish()
    }

    /// End of input: every source partition counts as idle. Closes what the greatest watermark allows, exactly as the
    /// release of idle partitions does in a live run.
    pub fn finish(&mut self) -> Effects {
        let mut effects = Effects::default();
        self.progress.release_all();
        self.advance(&mut effects);
        effects.finish()
    }

    /// Nothing more is expected from before this time; [`Timestamp::MIN`] until every source has been heard.
    pub fn horizon(&self) -> Timestamp {
        self.progress.horizon()
    }

    pub fn stats(&self) -> Stats {
        Stats {
            entities: self.held.clone(),
            rollups_missed: self.fleet.missed,
            groups: self.fleet.groups(),
            alerts_forgotten: self.docket.forgotten,
            raised_forgotten: self.raised.forgotten,
            ..self.stats.clone()
        }
    }

    /// What the entities cost, by kind. Walks all of them.
    pub fn footprint(&self) -> BTreeMap<EntityKind, Footprint> {
        footprint::by_kind(self.entities.iter().flatten())
    }

    /// What the peer groups cost, in bytes. Walks all of them.
    pub fn groups_bytes(&self) -> usize {
        self.fleet.bytes(self.hours.values().filter_map(|work| work.usual.as_ref()))
    }

    fn merge(&mut self, entry: &Entry, effects: &mut Effects) {
        let hour = entry.bucket.hour();
        let key = Key { mode: entry.mode, kind: entry.kind, id: entry.id.clone() };
        if self.has_no_room(&key) {
            let at = self.entity(key);
            self.judge_alone(at, entry, effects);
            self.forget(at);
            *self.stats.evicted.entry(entry.kind).or_default() += 1;
            return;
        }
        let at = self.entity(key);
        if self.closed.is_some_and(|closed| hour <= closed) {
            self.stats.behind += 1;
            self.judge_alone(at, entry, effects);
            return;
        }
        let fresh = self.held_mut(at).take(entry.bucket, &entry.tally);
        let work = self.hours.entry(hour).or_default();
        if fresh {
            work.touched.push(at);
        }
        if work.usual.is_some() {
            self.judge(at, hour, false, effects);
            // The day so far has grown for a later open hour too.
            let later: Vec<i64> = self
                .hours
                .range(hour + 1..=hour + 2)
                .filter(|(_, work)| work.usual.is_some())
                .map(|(hour, _)| *hour)
                .collect();
            for later in later.into_iter().filter(|later| later.div_euclid(24) == hour.div_euclid(24)) {
                if self.held(at).hours.iter().any(|state| state.hour == later) {
                    self.judge(at, later, false, effects);
                }
            }
        }
    }

    /// Entities of open hours are not evicted; beyond the limit a new one is judged by what each tally says alone, and not kept.
    fn has_no_room(&self, key: &Key) -> bool {
        let n = self.held.get(&key.kind).copied().unwrap_or(0);
        self.settings.entities_held_max(key.kind).saturating_mul(limits::OPEN_FACTOR_MAX) <= n
            && !self.index.contains_key(key)
    }

    fn held(&self, at: u32) -> &EntityState {
        self.entities[at as usize].as_ref().expect("the index names entities that are held")
    }

    fn held_mut(&mut self, at: u32) -> &mut EntityState {
        self.ledger.touch(at);
        self.entities[at as usize].as_mut().expect("the index names entities that are held")
    }

    fn entity(&mut self, key: Key) -> u32 {
        if let Some(at) = self.index.get(&key) {
            return *at;
        }
        let state = Some(EntityState::new(key.clone()));
        let at = match self.free.pop_first() {
            Some(at) => {
                self.entities[at as usize] = state;
                at
            }
            None => {
                self.entities.push(state);
                u32::try_from(self.entities.len() - 1).expect("the limits are far below four thousand million entities")
            }
        };
        self.ledger.touch(at);
        *self.held.entry(key.kind).or_default() += 1;
        if key.kind == EntityKind::Source {
            self.sources.push(at);
        }
        self.index.insert(key, at);
        at
    }

    /// The last hour that the horizon has passed.
    fn closable(&self) -> Option<i64> {
        let horizon = self.progress.horizon();
        (horizon > Timestamp::MIN.saturating_add(Span::from_hours(24 * 365))).then(|| horizon.bucket().hour() - 1)
    }

    /// Opens and closes hours as far as the horizon and the roll-ups allow.
    fn advance(&mut self, effects: &mut Effects) {
        self.advance_hours(effects);
        if self.progress.is_quiet() {
            self.judge_waiting_drills(effects);
        }
    }

    /// A drill in logs that have fallen silent would wait for ever: its records move no watermark. Once every partition is
    /// released as idle it is judged with what is known then.
    fn judge_waiting_drills(&mut self, effects: &mut Effects) {
        let waiting: Vec<(i64, u32)> = self
            .hours
            .iter()
            .filter(|(_, work)| work.usual.is_none())
            .flat_map(|(hour, work)| work.touched.iter().map(|at| (*hour, *at)))
            .filter(|(_, at)| self.held(*at).key.mode.is_drill())
            .collect();
        for (hour, at) in waiting {
            let state = self.held(at).hours.iter().find(|state| state.hour == hour).cloned();
            if let Some(state) = state {
                self.judge_state(at, state, effects);
            }
        }
    }

    fn advance_hours(&mut self, effects: &mut Effects) {
        let Some(closable) = self.closable() else { return };
        loop {
            self.open_ready(effects);
            let next = self.hours.iter().next().map(|(hour, work)| (*hour, work.usual.is_some()));
            match next {
                Some((hour, true)) if hour <= closable => self.close(hour, effects),
                Some((hour, false)) if hour <= closable => {
                    // Not open: either what came before is not closed (nothing has content there), or roll-ups are missing.
                    let before = hour - 2;
                    if self.closed.is_some_and(|closed| closed >= before) {
                        return;
                    }
                    self.pass(before, effects);
                }
                _ => {
                    if self.closed.is_some_and(|closed| closed >= closable) {
                        return;
                    }
                    self.pass(closable, effects);
                }
            }
        }
    }

    /// Hours through `hour` are over, and had no content here.
    fn pass(&mut self, hour: i64, effects: &mut Effects) {
        self.closed = Some(self.closed.map_or(hour, |closed| closed.max(hour)));
        self.send(hour, BTreeMap::new(), effects);
        self.rest();
    }

    /// Lets those learn who will perhaps never be active again: an address that came once would keep its hour for good. When it is
    /// done decides nothing, see [`EntityState::learn`].
    fn rest(&mut self) {
        let (pace, calendar) = (self.pace.clone(), self.calendar.clone());
        let Some(through) = self.closed.map(|closed| closed - 1) else { return };
        let waiting = self.unlearned.split_off(&(through + 1));
        // Each once: whoever has steps in every hour stands in every one of them.
        let due: BTreeSet<u32> = std::mem::replace(&mut self.unlearned, waiting).into_values().flatten().collect();
        for at in due {
            // It may have been evicted; in its place may be another, which learns no more than it would anyway.
            self.ledger.touch(at);
            let entity = self.entities[at as usize].as_mut();
            let due = entity.and_then(|entity| entity.rest(through, |hour| calendar.one_off(hour), &pace));
            if let Some(due) = due {
                self.unlearned.entry(due).or_default().push(at);
            }
        }
    }

    fn open_ready(&mut self, effects: &mut Effects) {
        let Some(closed) = self.closed else { return };
        loop {
            let next = self.hours.iter().find(|(_, work)| work.usual.is_none()).map(|(hour, _)| *hour);
            let Some(hour) = next.filter(|hour| *hour - 2 <= closed && self.fleet.complete(*hour - 2)) else { return };
            let usual = self.fleet.through(hour - 2, &self.pace);
            let work = self.hours.get_mut(&hour).expect("it has just been found");
            work.usual = Some(usual);
            for at in work.touched.clone() {
                self.judge(at, hour, false, effects);
            }
        }
    }

    fn close(&mut self, hour: i64, effects: &mut Effects) {
        let mut groups: BTreeMap<Box<str>, GroupHour> = BTreeMap::new();
        let (touched, usual) = self
            .hours
            .get(&hour)
            .map(|work| (work.touched.clone(), work.usual.clone().unwrap_or_default()))
            .unwrap_or_default();
        let day = hour.div_euclid(24);
        let mut anything = false;
        let mut marks = std::mem::take(&mut self.marks);
        self.heard = self.hear_sources(hour);
        self.unlearned.entry(hour).or_default().extend(&touched);
        for at in touched {
            let past = self.judge(at, hour, true, effects);
            let Past { days, novelty, share_step, walk, off_hours, norms, told, handed_over, jumped } = past;
            let fresh = self.fresh(at, hour);
            let group = self.group(self.held(at), hour);
            let known_after = self.settings.first_seen.known_after_days;
            let night = self.part_of_night(at, hour);
            let people = self.settings.bank_details.people;
            let entity = self.held_mut(at);
            let kind = entity.key.kind;
            anything |= kind != EntityKind::Fleet;
            // Everything is new in the first days: that is no habit.
            let settled = f64::from(days) >= known_after;
            let place = entity.hours.iter().position(|state| state.hour == hour).expect("it was touched in this hour");
            let novel = [NETWORK, PLACE, TABLE].map(|sort| {
                let tally = &entity.hours[place].tally;
                let asked = known::sorts(kind).contains(&sort);
                asked && settled && values(tally, sort).into_iter().any(|value| !entity.knew(sort, value, hour - 1))
            });
            let newcomer =
                is_newcomer(entity, &entity.hours[place]) && usual.get(&group).is_some_and(|peers| established(peers));
            let shares_account = shared_account(entity, &entity.hours[place]).0 as u64 >= people;
            let wide = Self::wide_group(entity);
            // Of hours that paged one a day counts as a habit: nobody makes his own act one within a day, and nothing pages for ever.
            let odd = handed_over || jumped || shares_account;
            let counts = odd
                && (!entity.hours[place].suspicious
                    || !std::mem::replace(&mut entity.day_mut(day).odd_page_counted, true));
            let state = &mut entity.hours[place];
            state.share_marks(&mut marks);
            let records = state.tally.records.estimate() as u64;
            let bank_rows = state.tally.get(Metric::BankRowsAffected);
            let pages = Pages::of(&state.tally);
            state.novel = novel;
            match kind {
                EntityKind::DbAccount | EntityKind::AppHost => state.novel[NEWCOMERS] = newcomer,
                EntityKind::Session => {
                    (state.novel[HANDED_OVER], state.novel[JUMPED]) = (handed_over && counts, jumped && counts);
                }
                EntityKind::UserTable | EntityKind::Table => state.novel[SHARED_ACCOUNT] = shares_account && counts,
                _ => {}
            }
            let drill = entity.key.mode.is_drill();
            if !drill {
                for group in [Some(group), wide].into_iter().flatten() {
                    roll_up(groups.entry(group).or_default(), kind, state, settled);
                }
                for foothold in footholds(kind, &entity.key.id, &state.steps()) {
                    groups.entry(FOOTHOLDS.into()).or_default().leave(foothold);
                }
            }
            state.fresh = fresh;
            state.off_hours = off_hours;
            state.night = night;
            let whole = amounts(kind, &state.tally);
            state.close();
            let unusual = state.unusual;
            if !metrics(kind).is_empty() || entity.days.iter().any(|state| state.day == day) {
                let of_day = entity.day_mut(day);
                add(&mut of_day.amounts, &whole);
                of_day.fresh = of_day.fresh.saturating_add(fresh);
                of_day.records = of_day.records.saturating_add(records);
                of_day.novelty = of_day.novelty.max(novelty);
                of_day.walk = of_day.walk.max(walk);
                of_day.off_hours = of_day.off_hours.saturating_add(off_hours);
                of_day.bank_rows = of_day.bank_rows.saturating_add(bank_rows);
                of_day.pages = of_day.pages.joined(pages);
                of_day.norms.get_or_insert(norms);
                of_day.share_step = share_step.into_iter().chain(of_day.share_step).reduce(f64::max);
                let stands_out = of_day.novelty >= CROWD_NOVELTY && of_day.fresh >= CROWD_RECORDS;
                if kind == EntityKind::PortalUser && !drill && stands_out && !of_day.counted {
                    of_day.counted = true;
                    groups.entry(EntityKind::Fleet.as_str().into()).or_default().crossed += 1;
                }
                of_day.unusual |= unusual;
                if !std::mem::replace(&mut of_day.listed, true) {
                    self.days.entry(day).or_default().push(at);
                }
            }
            if kind == EntityKind::AppHost && !drill {
                self.await_footholds(at, hour);
            }
            let entity = self.held_mut(at);
            if told && entity.told(hour).is_none_or(|before| hour - before > limits::TOLD_HOURS) {
                entity.tell(hour);
            }
        }
        self.marks = marks;
        self.hours.remove(&hour);
        self.watch(hour);
        if anything {
            self.watch_fleet(hour);
        }
        if hour.rem_euclid(24) == 23 {
            self.close_day(day, &mut groups, effects);
        }
        // The day ends with its last hour even if nothing happens in it.
        if self.days.contains_key(&day) && hour.rem_euclid(24) != 23 {
            self.hours.entry(day * 24 + 23).or_default();
        }
        self.closed = Some(self.closed.map_or(hour, |closed| closed.max(hour)));
        self.stats.groups_shed += rollup::shed(&mut groups) as u64;
        self.send(hour, groups, effects);
        self.raised.forget(hour.saturating_sub(limits::RAISED_HOURS));
        self.docket.forget(hour);
        self.evict(hour);
        self.rest();
    }

    /// What all sources said in an hour that closes: every source that is judged in it has an hour, talking or not.
    fn hear_sources(&mut self, hour: i64) -> Sources {
        let mut all = Vec::new();
        for at in self.sources.clone() {
            let entity = self.held_mut(at);
            if entity.key.mode.is_drill() {
                continue;
            }
            let Some(minutes) = entity.hours.iter().find(|state| state.hour == hour).map(HourState::minutes) else {
                continue;
            };
            if minutes != 0 {
                entity.last_talked = hour;
            }
            let ahead = self.baseline_ahead(at, hour);
            let entity = self.held(at);
            let baseline = ahead.as_ref().unwrap_or(&entity.baseline);
            let talks = (baseline.days >= DAYS_KNOWN).then(|| baseline.active(hour));
            all.push(SourceHour { id: entity.key.id.clone(), minutes, talks });
        }
        Sources::new(all, self.settings.silence.minutes)
    }

    /// Silence has no tallies: a source that spoke of late is looked at in the next hour, whether it speaks or not.
    fn watch(&mut self, hour: i64) {
        let Some(n) = self.held.get(&EntityKind::Source) else { return };
        if *n == 0 {
            return;
        }
        let spoke = |state: &EntityState| {
            state.key.kind == EntityKind::Source
                && !state.key.mode.is_drill()
                && hour - state.last_talked < limits::WATCHED_HOURS
        };
        let sources: Vec<u32> =
            self.sources.iter().copied().filter(|at| self.entities[*at as usize].as_ref().is_some_and(spoke)).collect();
        for at in sources {
            if self.held_mut(at).hour_mut(hour + 1).1 {
                self.hours.entry(hour + 1).or_default().touched.push(at);
            }
        }
    }

    /// Footholds of this hour are known of all partitions when the one after next opens: then a host whose reads nobody explains is
    /// looked at again, with what an alert says of them.
    fn await_footholds(&mut self, at: u32, hour: i64) {
        let entity = self.held_mut(at);
        let Some(state) = entity.hours.iter().find(|state| state.hour == hour && state.reads != 0 && state.unexplained)
        else {
            return;
        };
        let mut reads = Tally::default();
        (reads.classes, reads.known_by) = (state.tally.classes, state.tally.known_by);
        reads.tables = state.tally.tables.clone();
        reads.evidence = state.tally.evidence.clone();
        reads.add(Metric::RowsSent, state.tally.get(Metric::RowsSent));
        let (later, is_new) = entity.hour_mut(hour + 2);
        later.awaited = Some(Box::new(reads));
        if is_new {
            self.hours.entry(hour + 2).or_default().touched.push(at);
        }
    }

    /// What people did in this hour is known of all partitions when the one after next opens: then the fleet is looked at, whether
    /// anybody logs in or not. Any content of the hour will do: the sources lie in this partition, the people may all lie in others.
    fn watch_fleet(&mut self, hour: i64) {
        let (mode, kind, id) = (Mode::Live, EntityKind::Fleet, "all");
        if tally::partition_of(mode, kind, id, self.spec.partitions) != self.spec.partition {
            return;
        }
        let at = self.entity(Key { mode, kind, id: id.into() });
        if self.held_mut(at).hour_mut(hour + 2).1 {
            self.hours.entry(hour + 2).or_default().touched.push(at);
        }
    }

    fn close_day(&mut self, day: i64, groups: &mut BTreeMap<Box<str>, GroupHour>, effects: &mut Effects) {
        let listed = self.days.remove(&day).unwrap_or_default();
        self.unlearned.entry(day * 24 + 23).or_default().extend(&listed);
        for at in listed {
            let group = self.group(self.held(at), day * 24);
            let entity = self.held_mut(at);
            let (drill, kind) = (entity.key.mode.is_drill(), entity.key.kind);
            let wide = Self::wide_group(entity);
            let state = entity.day_mut(day);
            if !drill && !state.unusual {
                for group in [Some(group), wide].into_iter().flatten() {
                    let group = groups.entry(group).or_default();
                    for (metric, amount) in state.amounts.iter().enumerate().filter(|(_, amount)| **amount > 0) {
                        group.cells.entry(cell(metric, Scale::Day) as u8).or_default().add(*amount);
                    }
                    if kind == EntityKind::PortalUser && state.paged & OFF_HOURS_BIT == 0 {
                        group.cells.entry(OFF_HOURS as u8).or_default().add(state.off_hours);
                    }
                    if state.bank_rows > 0 && state.paged & BANK_DETAILS_BIT == 0 {
                        group.cells.entry(BANK_ROWS as u8).or_default().add(state.bank_rows);
                    }
                    if state.pages.deepest > 0 && state.paged & PAGE_DEPTH_BIT == 0 {
                        group.cells.entry(DEEP_PAGES as u8).or_default().add(deep_pages(&state.pages));
                    }
                    if state.novelty > 0 && state.records > 0 && state.paged & ENUMERATION_BIT == 0 {
                        group.cells.entry(WALK as u8).or_default().add(state.walk);
                    }
                    if state.novelty > 0 && state.paged & NEW_RECORDS_BIT == 0 {
                        group.cells.entry(NEW_RECORDS as u8).or_default().add(state.fresh);
                        group.cells.entry(NOVELTY as u8).or_default().add(state.novelty);
                        if let Some(step) = state.share_step {
                            group.cells.entry(SHARE_STEP as u8).or_default().add((STEPS * step.max(0.0)) as u64);
                        }
                    }
                }
            }
            let (paged, digest) = (state.paged, std::mem::take(&mut state.digest));
            for (detector, alert) in digest {
                if paged & (1 << detector) == 0 {
                    self.say(alert, effects);
                }
            }
        }
    }

    /// One roll-up for each hour with content, and one that says that hours without have passed.
    fn send(&mut self, hour: i64, groups: BTreeMap<Box<str>, GroupHour>, effects: &mut Effects) {
        if self.sent.is_some_and(|sent| hour <= sent) {
            return;
        }
        let previous = self.sent.replace(hour);
        effects.rollups.push(Rollup { partition: self.spec.partition, hour, previous, groups });
    }

    /// The peer group: the role of a portal user, the role and the table of a pair, the class of a table, else the kind.
    fn group(&self, entity: &EntityState, hour: i64) -> Box<str> {
        let at = Timestamp::from_secs(hour.saturating_mul(3600));
        let (kind, id) = (entity.key.kind, &*entity.key.id);
        match kind {
            EntityKind::PortalUser => format!("{kind}|{}", self.directory.role(id, at)).into(),
            EntityKind::UserTable => {
                let (user, table) = id.rsplit_once('|').unwrap_or((id, ""));
                format!("{kind}|{}|{table}", self.directory.role(user, at)).into()
            }
            EntityKind::Table => {
                let class = id.split_once('.').map_or("", |(schema, _)| schema);
                format!("{kind}|{class}").into()
            }
            EntityKind::Source => format!("{kind}|{id}").into(),
            kind => kind.as_str().into(),
        }
    }

    /// Who stands in for peers that are too few: everybody of the kind (at that table).
    fn wide_group(entity: &EntityState) -> Option<Box<str>> {
        let (kind, id) = (entity.key.kind, &*entity.key.id);
        match kind {
            EntityKind::PortalUser => Some(format!("{kind}|*").into()),
            EntityKind::UserTable => {
                Some(format!("{kind}|*|{}", id.rsplit_once('|').map_or("", |(_, table)| table)).into())
            }
            _ => None,
        }
    }

    fn peers(usual: &Snapshot, group: &str, entity: &EntityState) -> Option<Arc<Peers>> {
        let own = usual.get(group);
        if own.is_none_or(|peers| peers.active < FEW_PEERS)
            && let Some(wide) = Self::wide_group(entity).and_then(|wide| usual.get(&wide))
        {
            return Some(wide.clone());
        }
        own.cloned()
    }

    fn everyone(usual: &Snapshot, entity: &EntityState) -> Option<Arc<Peers>> {
        Self::wide_group(entity).and_then(|wide| usual.get(&wide)).cloned()
    }

    /// Records that were new to the entity in an hour; of the fleet, accounts that strangers tried.
    fn fresh(&self, at: u32, hour: i64) -> u64 {
        let entity = self.held(at);
        let Some(state) = entity.hours.iter().find(|state| state.hour == hour) else { return 0 };
        match entity.key.kind {
            EntityKind::Fleet => strangers(entity, state),
            kind if counts_records(kind) => fresh(entity, state, self.employee(entity, hour)),
            _ => 0,
        }
    }

    /// What part of the requests that are worth telling of a night a person made in an hour; more than all is all.
    fn part_of_night(&self, at: u32, hour: i64) -> f32 {
        let entity = self.held(at);
        let state = entity.hours.iter().find(|state| state.hour == hour);
        let state = state.filter(|_| entity.key.kind == EntityKind::PortalUser);
        let requests = state.map_or(0, |state| state.tally.get(Metric::ClassifiedRequests));
        (requests as f32 / self.settings.off_hours.least.max(1) as f32).min(1.0)
    }

    /// A portal user's number among the employees' records.
    fn employee(&self, entity: &EntityState, hour: i64) -> Option<u64> {
        if entity.key.kind != EntityKind::PortalUser {
            return None;
        }
        self.directory.person(&entity.key.id, Timestamp::from_secs(hour.saturating_mul(3600)))?.employee_id.parse().ok()
    }

    /// Whole days since a portal user's last employment ended.
    fn left(&self, entity: &EntityState, hour: i64) -> Option<i64> {
        if entity.key.kind != EntityKind::PortalUser {
            return None;
        }
        let at = Timestamp::from_secs(hour.saturating_mul(3600));
        self.directory.left(&entity.key.id, at).map(|left| (at.as_millis() - left.as_millis()) / DAY_MILLIS)
    }

    /// What a portal user was before the present role, with those who are it now.
    fn former<'a>(&'a self, entity: &EntityState, hour: i64, usual: &'a Snapshot) -> Option<Former<'a>> {
        if entity.key.kind != EntityKind::PortalUser {
            return None;
        }
        let at = Timestamp::from_secs(hour.saturating_mul(3600));
        let (person, since) = self.directory.former(&entity.key.id, at)?;
        let peers = usual.get(&*format!("{}|{}", entity.key.kind, person.role)).map(|peers| &**peers);
        Some(Former { role: &person.role, days: (at.as_millis() - since.as_millis()) / DAY_MILLIS, peers })
    }

    /// Lets an entity learn what is past for every hour that is still open; its baseline for that hour, if that is more than it has
    /// learned.
    fn baseline_ahead(&mut self, at: u32, hour: i64) -> Option<Baseline> {
        let (pace, calendar, closed) = (self.pace.clone(), self.calendar.clone(), self.closed);
        let entity = self.held_mut(at);
        // Everything through `closed - 1` is past for every hour that is still open.
        if let Some(closed) = closed {
            entity.learn(closed - 1, |hour| calendar.one_off(hour), &pace);
        }
        entity.ahead(hour - 2, |hour| calendar.one_off(hour), &pace)
    }

    /// Asks every detector about one hour of one entity.
    fn judge(&mut self, at: u32, hour: i64, closing: bool, effects: &mut Effects) -> Past {
        let Some(usual) = self.hours.get(&hour).and_then(|work| work.usual.clone()) else { return Past::default() };
        let ahead = self.baseline_ahead(at, hour);
        let entity = self.held(at);
        let group = self.group(entity, hour);
        let peers = Self::peers(&usual, &group, entity);
        let everyone = Self::everyone(&usual, entity);
        let Some(place) = entity.hours.iter().position(|state| state.hour == hour) else { return Past::default() };
        if entity.hours[place].gates.is_none() && !metrics(entity.key.kind).is_empty() {
            let look = self.look(
                entity,
                &entity.hours[place],
                (ahead.as_ref(), peers.as_deref(), everyone.as_deref(), usual.get(FOOTHOLDS).map(|of_all| &**of_all)),
                &group,
                closing,
            );
            let gates = gates(&look);
            self.held_mut(at).hours[place].gates = Some(gates);
        }
        let entity = self.held(at);
        let look = self.look(
            entity,
            &entity.hours[place],
            (ahead.as_ref(), peers.as_deref(), everyone.as_deref(), usual.get(FOOTHOLDS).map(|of_all| &**of_all)),
            &group,
            closing,
        );
        let look = Look { former: self.former(entity, hour, &usual), ..look };
        let mut all: Vec<(usize, Finding, Told)> = Vec::new();
        let mut found = Vec::new();
        // What was said of the hour or of the day is not said again.
        let of_day = entity.days.iter().find(|state| state.day == hour.div_euclid(24)).map_or(0, |state| state.paged);
        for (number, spec) in DETECTORS.iter().enumerate() {
            (spec.judge)(spec, &look, &mut found);
            for finding in found.drain(..) {
                let said = if finding.window == Window::Day { of_day } else { look.hour.paged };
                let facts = if said & (1 << number) == 0 { facts(spec, &look, &finding) } else { Vec::new() };
                let of_awaited = spec.name == "chain" && tells_of_awaited(&look);
                all.push((number, finding, Told { facts, of_awaited }));
            }
        }
        all.sort_by_key(|(_, finding, _)| !finding.page);
        let past = Past {
            days: look.baseline.days,
            novelty: if closing { novelty(&look) } else { 0 },
            share_step: if closing { share_step(&look) } else { None },
            walk: if closing { walk(&look) } else { 0 },
            off_hours: if closing { off_hours(&look) } else { 0 },
            norms: if closing { norms(&look) } else { Default::default() },
            told: closing && all.iter().any(|(detector, finding, _)| self.is_told(at, hour, *detector, finding)),
            handed_over: look.handed_over,
            jumped: look.jumped,
        };
        for (detector, finding, told) in all {
            self.raise(at, hour, (detector, finding, told), effects);
        }
        self.raise_marks(at, hour, closing, effects);
        past
    }

    /// Whether somebody hears that the entity does something new: what an exception keeps quiet nobody is told of.
    fn is_told(&self, at: u32, hour: i64, detector: usize, finding: &Finding) -> bool {
        let name = DETECTORS[detector].name;
        if !finding.page || !NEWS.contains(&name) {
            return false;
        }
        self.heading(at, By::Detector(name), hour, finding).suppressed_by.is_none()
    }

    /// What stands above an alert: who it is about, by which techniques, and whether an exception keeps it quiet.
    fn heading<'a>(&self, at: u32, by: By<'a>, hour: i64, finding: &Finding) -> Heading<'a> {
        let (detector, attack): (&str, Vec<String>) = match by {
            By::Detector(name) => (name, finding.attack.iter().map(|technique| (*technique).to_owned()).collect()),
            By::Rule(mark) => (&mark.rule, mark.techniques.iter().map(|technique| technique.to_string()).collect()),
        };
        let identity = self.identity(at, detector, hour, finding.window);
        let (subject, entity, from) = (&identity.subject, &identity.entity, identity.window.from);
        let candidate = Candidate { detector, finding, attack: &attack, subject, entity, from };
        let suppressed_by = self.suppression(&candidate, self.held(at).key.mode);
        Heading { detector, identity, attack, suppressed_by }
    }

    /// What signature rules say of the hour, each of them once.
    fn raise_marks(&mut self, at: u32, hour: i64, closing: bool, effects: &mut Effects) {
        let entity = self.held_mut(at);
        let id = entity.key.id.clone();
        let Some(state) = entity.hours.iter_mut().find(|state| state.hour == hour) else { return };
        let found = marks::findings(&id, &state.tally.marks, closing, &state.said);
        if found.is_empty() {
            return;
        }
        state.suspicious |= found.iter().any(|(mark, _)| mark.page);
        state.said.extend(found.iter().map(|(mark, _)| mark.rule.clone()));
        let source = Source::of(state, Vec::new());
        self.say_marks(at, &source, found, effects);
    }

    fn say_marks(&mut self, at: u32, source: &Source, found: Vec<(Arc<Mark>, Finding)>, effects: &mut Effects) {
        for (mark, finding) in found {
            let source = Source { facts: facts_of_mark(&mark, &finding), ..source.clone() };
            let alert = self.alert(at, By::Rule(&mark), &source, finding);
            self.say(alert, effects);
        }
    }

    fn look<'a>(
        &'a self,
        entity: &'a EntityState,
        hour: &'a HourState,
        (ahead, peers, everyone, left): (Option<&'a Baseline>, Option<&'a Peers>, Option<&'a Peers>, Option<&'a Peers>),
        group: &'a str,
        closing: bool,
    ) -> Look<'a> {
        let role = match entity.key.kind {
            EntityKind::PortalUser | EntityKind::UserTable => group.split('|').nth(1).unwrap_or(""),
            _ => "",
        };
        Look {
            entity,
            hour,
            baseline: ahead.unwrap_or(&entity.baseline),
            peers,
            everyone,
            role,
            settings: &self.settings,
            budget: &self.budget,
            employee: self.employee(entity, hour.hour),
            former: None,
            left: self.left(entity, hour.hour),
            told: entity.told(hour.hour).is_some_and(|told| (2..=limits::TOLD_HOURS).contains(&(hour.hour - told))),
            busy: self.calendar.busy(hour.hour),
            footholds: left.map_or(&[], |left| &left.footholds),
            sources: &self.heard,
            handed_over: closing && entity.key.kind == EntityKind::Session && changed_hands(entity, hour),
            jumped: closing && entity.key.kind == EntityKind::Session && jumped(entity, hour),
            closing,
        }
    }

    /// Each detector speaks once per entity and nominal window, and pages win over the digest.
    fn raise(&mut self, at: u32, hour: i64, (detector, finding, told): (usize, Finding, Told), effects: &mut Effects) {
        let bit = 1u32 << detector;
        let volume = DETECTORS[detector].name == "volume";
        let day = hour.div_euclid(24);
        let entity = self.held_mut(at);
        let place = entity.hours.iter().position(|state| state.hour == hour).expect("it is being judged");
        let state = &mut entity.hours[place];
        state.unusual |= volume && finding.page;
        state.suspicious |= finding.page;
        state.unexplained |= finding.page && DETECTORS[detector].name == "unexplained_reads";
        let spoken = match finding.window {
            // A digest's finding of the hour comes only when the hour closes: no page can follow it.
            Window::Hour => {
                let before = state.paged;
                state.paged |= bit;
                before & bit != 0
            }
            Window::Day => {
                let of_day = entity.day_mut(day);
                of_day.unusual |= (volume || DETECTORS[detector].name == "login_spray") && finding.page;
                let spoken = of_day.paged & bit != 0;
                of_day.drifted |= DETECTORS[detector].name == "drift" && finding.page;
                if finding.page {
                    of_day.paged |= bit;
                }
                spoken
            }
        };
        if spoken {
            return;
        }
        let state = &self.held(at).hours[place];
        let tally = match state.awaited.as_deref().filter(|_| told.of_awaited) {
            Some(reads) => Source::of_tally(state.latest, reads, told.facts),
            None => Source::of(state, told.facts),
        };
        let is_for_digest = finding.window == Window::Day && !finding.page;
        if is_for_digest && self.held_mut(at).day_mut(day).digest.iter().any(|(known, _)| *known == detector) {
            return;
        }
        let alert = self.alert(at, By::Detector(DETECTORS[detector].name), &tally, finding);
        if is_for_digest {
            self.held_mut(at).day_mut(day).digest.push((detector, alert));
        } else {
            self.say(alert, effects);
        }
    }

    fn say(&mut self, alert: Alert, effects: &mut Effects) {
        // By the nominal window's end: the same for every time this id is found.
        let hour = alert.window.to.bucket().hour();
        if self.raised.insert(hour, alert.id) {
            let ruled = self.docket.raised(&alert, self.closed);
            self.rule(ruled);
            effects.alerts.push(alert);
        }
    }

    /// A tally of an hour that is closed: judged alone with what is known now, never learned.
    fn judge_alone(&mut self, at: u32, entry: &Entry, effects: &mut Effects) {
        let mut hour = HourState::new(entry.bucket.hour());
        hour.take(entry.kind, entry.bucket, &entry.tally);
        self.judge_state(at, hour, effects);
    }

    /// An hour of an entity, judged alone with what is known now.
    fn judge_state(&mut self, at: u32, mut hour: HourState, effects: &mut Effects) {
        let usual = self.fleet.current();
        let entity = self.held(at);
        let group = self.group(entity, hour.hour);
        let peers = Self::peers(&usual, &group, entity);
        let everyone = Self::everyone(&usual, entity);
        let known = (None, peers.as_deref(), everyone.as_deref(), None);
        let gates = gates(&self.look(entity, &hour, known, &group, false));
        hour.gates = Some(gates);
        let look = self.look(entity, &hour, known, &group, false);
        let look = Look { former: self.former(entity, hour.hour, &usual), ..look };
        let mut all = Vec::new();
        for spec in DETECTORS {
            let mut found = Vec::new();
            (spec.judge)(spec, &look, &mut found);
            let found = found.into_iter().find(|finding| finding.page);
            all.extend(found.filter(|found| !self.was_raised(at, spec.name, hour.hour, found.window)).map(|finding| {
                let facts = facts(spec, &look, &finding);
                (spec.name, finding, facts)
            }));
        }
        for (name, finding, facts) in all {
            let alert = self.alert(at, By::Detector(name), &Source::of(&hour, facts), finding);
            self.say(alert, effects);
        }
        // Nothing is lost by being late: the digest's are told at once, too.
        let mut found = marks::findings(&self.held(at).key.id, &hour.tally.marks, true, &hour.said);
        found.retain(|(mark, finding)| !self.was_raised(at, &mark.rule, hour.hour, finding.window));
        self.say_marks(at, &Source::of(&hour, Vec::new()), found, effects);
    }

    /// Who an alert is about, and when.
    fn identity(&self, at: u32, detector: &str, hour: i64, window: Window) -> Identity {
        let key = &self.held(at).key;
        let entity = Entity::new(key.kind, &*key.id);
        // From the entity alone: what a tally says of the person may still be incomplete, and the subject is part of the id.
        let user = entity.user_and_table().map(|(user, _)| user).or(entity.user_of_session());
        let subject = user.map_or_else(|| entity.clone(), |user| Entity::new(EntityKind::PortalUser, user));
        let (from, to) = match window {
            Window::Hour => (hour, hour + 1),
            Window::Day => (hour.div_euclid(24) * 24, hour.div_euclid(24) * 24 + 24),
        };
        let start = |hour: i64| Bucket(hour.saturating_mul(60)).start();
        let window = AlertWindow { from: start(from), to: start(to) };
        let id = AlertId::under(self.alert_key.as_ref(), detector, &subject, &entity, window, key.mode);
        Identity { id, subject, entity, window }
    }

    /// Whether such an alert would only repeat one.
    fn was_raised(&self, at: u32, detector: &str, hour: i64, window: Window) -> bool {
        let Identity { id, window, .. } = self.identity(at, detector, hour, window);
        self.raised.contains(window.to.bucket().hour(), id)
    }

    fn alert(&self, at: u32, by: By<'_>, source: &Source, finding: Finding) -> Alert {
        let mode = self.held(at).key.mode;
        let Heading { detector, identity, attack, suppressed_by } =
            self.heading(at, by, source.bucket.hour(), &finding);
        let Identity { id, subject, entity, window } = identity;
        let named = named(&entity, source);
        Alert {
            id,
            raised_at: source.bucket.start(),
            window,
            subject,
            entity,
            detector: detector.to_owned(),
            severity: finding.severity,
            page: finding.page && suppressed_by.is_none(),
            suppressed_by,
            data_classes: source.classes,
            observed: finding.observed,
            expected: finding.expected,
            unit: finding.unit.to_owned(),
            p_value: finding.p_value,
            why: finding.why,
            facts: source.facts.clone(),
            actor_known_by: source.known_by,
            affected_records: finding.affected_records,
            named,
            attack,
            evidence: source.evidence.iter().map(|position| self.evidence(position)).collect(),
            mode,
        }
    }

    /// The exception that keeps an alert from paging: of several the one that lasts longest. A drill knows none.
    fn suppression(&self, alert: &Candidate<'_>, mode: Mode) -> Option<Suppression> {
        if !alert.finding.page || mode.is_drill() {
            return None;
        }
        let configured = self.exceptions.iter().filter(|exception| exception.matches(alert));
        let all = configured.chain(self.docket.exceptions(alert));
        let longest = all
            .max_by(|one, other| (one.until, &one.owner, &one.reason).cmp(&(other.until, &other.owner, &other.reason)));
        longest.map(Exception::suppression)
    }

    fn evidence(&self, position: &tally::Position) -> Evidence {
        match self.spec.evidence.get(&*position.source) {
            Some(EvidenceIn::Topic(topic)) => {
                Evidence::Topic { topic: topic.clone(), partition: position.partition, offset: position.offset }
            }
            Some(EvidenceIn::File(input)) => {
                Evidence::File { input: input.clone(), line: u64::try_from(position.offset).unwrap_or(0) }
            }
            None => {
                Evidence::File { input: position.source.to_string(), line: u64::try_from(position.offset).unwrap_or(0) }
            }
        }
    }

    /// Gives up entities beyond the limits, and shadows of drills that are over.
    ///
    /// Ranked are all of a kind, also those that cannot go yet: whoever was busy in the hours that are open has made the crowd, and if only
    /// the others could go, it would drive out who is known and happens to rest. See [`EntityState::worth`].
    fn evict(&mut self, hour: i64) {
        let over = |kind: &EntityKind, n: &usize| *n > self.settings.entities_held_max(*kind);
        let kinds: Vec<EntityKind> =
            self.held.iter().filter(|(kind, n)| over(kind, n)).map(|(kind, _)| *kind).collect();
        let mut doomed = BTreeSet::new();
        for kind in kinds {
            let mut all: Vec<_> = self
                .held_entities()
                .filter(|(_, state)| state.key.kind == kind)
                .map(|(at, state)| (state.worth(), &state.key, at))
                .collect();
            let surplus = all.len() - self.settings.entities_held_max(kind) * 9 / 10;
            // The whole order is not needed; ids make it the same everywhere.
            all.select_nth_unstable(surplus - 1);
            let gone = all[..surplus].iter().map(|(.., at)| *at).filter(|at| self.may_go(self.held(*at)));
            let before = doomed.len();
            doomed.extend(gone);
            *self.stats.evicted.entry(kind).or_default() += (doomed.len() - before) as u64;
        }
        if hour.rem_euclid(24) == 0 {
            let is_over = |state: &EntityState| {
                state.key.mode.is_drill() && state.last_hour < hour - limits::SHADOW_HOURS && !self.is_listed(state)
            };
            let old = self.held_entities().filter(|(_, state)| is_over(state) && state.is_closed());
            doomed.extend(old.map(|(at, _)| at));
        }
        if doomed.is_empty() {
            return;
        }
        // In their places may soon be others.
        self.days.values_mut().for_each(|listed| listed.retain(|at| !doomed.contains(at)));
        doomed.into_iter().for_each(|at| self.forget(at));
    }

    fn held_entities(&self) -> impl Iterator<Item = (u32, &EntityState)> {
        (0u32..).zip(&self.entities).filter_map(|(at, state)| state.as_ref().map(|state| (at, state)))
    }

    /// Something of a day that is not over is to be decided.
    fn is_listed(&self, state: &EntityState) -> bool {
        state.days.iter().any(|day| day.listed && self.days.contains_key(&day.day))
    }

    /// Nothing open refers to it. Of who is new only what a day that is not over would tell in its digest is waited for.
    fn may_go(&self, state: &EntityState) -> bool {
        let waits = if state.is_dispensable() { state.has_digest() } else { self.is_listed(state) };
        state.is_closed() && !waits
    }

    fn forget(&mut self, at: u32) {
        if let Some(state) = self.entities[at as usize].take() {
            self.ledger.touch(at);
            self.index.remove(&state.key);
            if state.key.kind == EntityKind::Source {
                self.sources.retain(|source| *source != at);
            }
            self.free.insert(at);
            if let Some(n) = self.held.get_mut(&state.key.kind) {
                *n -= 1;
            }
        }
    }
}

/// Adds one entity's hour to its group. What raised a volume alert is not what is usual, and where a newcomer comes from says nothing of
/// where the others do: else a new account makes a place known to all before another is used from there.
fn roll_up(group: &mut GroupHour, kind: EntityKind, state: &HourState, settled: bool) {
    if state.is_second_look() {
        return;
    }
    group.active += 1;
    for (sum, novel) in group.novel.iter_mut().zip(state.novel) {
        *sum += u64::from(novel);
    }
    if !state.suspicious && settled {
        for (place, sort) in [PLACE, TABLE].into_iter().enumerate() {
            values(&state.tally, sort).into_iter().for_each(|value| group.see(place, value));
        }
    }
    if state.unusual {
        return;
    }
    for (scale, amounts) in [(Scale::Hour, amounts(kind, &state.tally)), (Scale::FiveMinutes, state.fives)] {
        for (metric, amount) in amounts.iter().enumerate().filter(|(_, amount)| **amount > 0) {
            group.cells.entry(cell(metric, scale) as u8).or_default().add(*amount);
        }
    }
}

impl Effects {
    fn finish(mut self) -> Self {
        self.alerts.sort_by_key(|alert| (alert.raised_at, alert.id));
        self
    }
}

/// Who found something: a detector of the list, or a signature rule, which is data and came with the tally.
#[derive(Clone, Copy)]
enum By<'a> {
    Detector(&'static str),
    Rule(&'a Mark),
}

/// What two alerts that are one have in common.
struct Identity {
    id: AlertId,
    subject: Entity,
    entity: Entity,
    window: AlertWindow,
}

/// What a detector's finding has to say for itself.
struct Told {
    facts: Vec<Fact>,
    /// Its story is that of the reads that [`HourState::awaited`] holds.
    of_awaited: bool,
}

/// What an alert is called, and who answers for it if it is quiet.
struct Heading<'a> {
    detector: &'a str,
    identity: Identity,
    attack: Vec<String>,
    suppressed_by: Option<Suppression>,
}

/// What an alert tells of the tallies that raised it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    bucket: Bucket,
    classes: DataClasses,
    known_by: KnownBy,
    evidence: Positions,
    facts: Vec<Fact>,
    records: Sketch,
    /// The only table of the hour.
    table: Option<String>,
    /// Records that requests name: of tables, and of routes that nothing links to one.
    requested: Option<Box<Requested>>,
    requested_by_route: Option<Box<Requested>>,
}

impl Source {
    fn of(hour: &HourState, facts: Vec<Fact>) -> Self {
        Source::of_tally(hour.latest, &hour.tally, facts)
    }

    fn of_tally(bucket: Bucket, tally: &Tally, facts: Vec<Fact>) -> Self {
        let Tally { classes, known_by, evidence, records, tables, requested, requested_by_route, .. } = tally;
        let is_one = tables.iter().count() == 1 && !tables.overflowed();
        Source {
            bucket,
            classes: *classes,
            known_by: *known_by,
            evidence: evidence.clone(),
            facts,
            records: Sketch::from(records),
            table: tables.iter().next().filter(|_| is_one).map(|(_, name)| name.to_owned()),
            requested: requested.clone(),
            requested_by_route: requested_by_route.clone(),
        }
    }
}

/// The records that the hour names. Only of those who read: the fleet's records are addresses.
fn named(entity: &Entity, source: &Source) -> Option<NamedRecords> {
    let reads = matches!(entity.kind, EntityKind::PortalUser | EntityKind::IntegrationKey | EntityKind::UserTable);
    let short = |name: &str| if name.len() <= limits::TABLE_BYTES_MAX { name.to_owned() } else { String::new() };
    let mut named = NamedRecords::default();
    if reads && !source.records.is_empty() {
        let table = entity.user_and_table().map(|(_, table)| table).or(source.table.as_deref());
        named.table = table.map(short).unwrap_or_default();
        named.records = source.records.clone();
    }
    if let Some(requested) = &source.requested {
        let table = requested.place.one().map(short).unwrap_or_default();
        if named.records.is_empty() {
            named.table = table;
        } else if named.table != table {
            named.table = String::new();
        }
        named.records.merge(&Sketch::from(&requested.records), limits::NAMED_KEPT);
    }
    if let Some(requested) = &source.requested_by_route {
        named.route = requested.place.one().map(short).unwrap_or_default();
        named.by_route = Sketch::from(&requested.records);
    }
    let is_empty = named.records.is_empty() && named.by_route.is_empty();
    (!is_empty).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_is_only_a_second_look_says_nothing_of_the_group() {
        let mut group = GroupHour::default();
        let mut hour = HourState::new(12);
        hour.awaited = Some(Box::default());
        roll_up(&mut group, EntityKind::AppHost, &hour, true);
        assert_eq!(group, GroupHour::default());
        hour.take(EntityKind::AppHost, Bucket(12 * 60), &Tally::default());
        roll_up(&mut group, EntityKind::AppHost, &hour, true);
        assert_eq!(group.active, 1);
    }
}
