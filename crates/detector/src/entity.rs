//! The state of one entity: what it did in hours that are not learned yet, and what is normal for it.
//!
//! An hour goes through three stages: *open* (tallies arrive, alerts fire early), *closed* (the horizon has passed it) and
//! *learned*. It is learned two hours later, so that an hour is always judged with the hours before the last one, no
//! matter how far the reading of other partitions has come.

use crate::{
    baseline::Baseline,
    detectors::{DRIFT_STREAMS, Finding, NIGHTS_HOURS, Norm, counts_records, stages, streams},
    docket::{Part, Ruled},
    engine::Source,
    footprint::of_vec,
    limits::{
        CHAIN_HOURS, GOOD_ADDRESSES_MAX, KNOWN_VALUES_MAX, LEFT_OUT_DAYS_MAX, LEFT_OUT_HOURS_MAX, QUARANTINED_DAYS_MAX,
        QUARANTINED_HOURS_MAX, RULINGS_MAX, SPOTS_MAX,
    },
    seen::Seen,
    verdict::Ruling,
    watch::{Amounts, METRICS_MAX, add, amounts, metrics},
};
use activity::{Bucket, DataClass, EntityKind, Mark, Mode, Record, Signal};
use std::{collections::BTreeSet, sync::Arc};
use tally::{Metric, Tally};

/// Names an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) mode: Mode,
    pub(crate) kind: EntityKind,
    pub(crate) id: Arc<str>,
}

/// The sorts of values an entity is known by.
pub(crate) const NETWORK: usize = 0;
pub(crate) const PLACE: usize = 1;
pub(crate) const TABLE: usize = 2;
/// Of a person, countries; beside the others, as it is no news by itself.
pub(crate) const COUNTRY: usize = 3;

#[derive(Debug)]
pub(crate) struct EntityState {
    pub(crate) key: Key,
    pub(crate) baseline: Baseline,
    /// Ascending; learned ones are gone.
    pub(crate) hours: Vec<HourState>,
    /// Ascending; days that closed hours belong to, until learned.
    pub(crate) days: Vec<DayState>,
    pub(crate) known: [Known; 4],
    /// Records a person has touched; of the fleet, addresses from which somebody logged in.
    pub(crate) seen: Seen,
    /// Spots of learned hours, of the last few only.
    trail: Vec<(i64, Spot)>,
    /// Steps of an attack in learned hours, of the last day only.
    steps: Vec<Steps>,
    /// Off-hours requests of learned hours, of the last few nights only.
    pub(crate) nights: Vec<(i64, u64)>,
    /// The last closed hour in which it was said that the person does something new.
    pub(crate) told: Option<i64>,
    /// Earlier hours with a dump's shape, latest last; for habits.
    dumps: Vec<i64>,
    quarantine: Quarantine,
    /// Verdicts whose hour has not been learned, in their order.
    rulings: Vec<Ruled>,
    /// Windows that were breaches: from, to, and the first hour judged in that light.
    breaches: Vec<(i64, i64, i64)>,
    pub(crate) last_hour: i64,
    /// Of a source, the last closed hour in which it had a record. (`last_hour` may lie ahead of what is closed, by as much as the
    /// reading happens to.)
    pub(crate) last_talked: i64,
    /// Something paged in the hours learned last: it is not given up for one that is merely older.
    was_suspicious: bool,
}

/// One hour.
#[derive(Clone, Debug)]
pub(crate) struct HourState {
    pub(crate) hour: i64,
    /// Everything of the hour, merged.
    pub(crate) tally: Tally,
    /// Amounts by minute of the hour, ascending; empty once closed.
    minutes: Vec<(u8, Amounts)>,
    /// Minutes with a tally, of a source; known when closed.
    talked: u8,
    /// The busiest five minutes, by metric.
    pub(crate) fives: Amounts,
    pub(crate) closed: bool,
    /// Detectors (bits, by place in the list) that have paged for this hour.
    pub(crate) paged: u32,
    /// Signature rules that have been told of this hour.
    pub(crate) said: Vec<Arc<str>>,
    /// Volume paged: not to be learned, for a bounded time. What the digest lists is learned: it is often only new, and
    /// what is never learned is listed for ever.
    pub(crate) unusual: bool,
    /// Something paged: its values are not taken for usual.
    pub(crate) suspicious: bool,
    /// Of an application host: `unexplained_reads` paged.
    pub(crate) unexplained: bool,
    /// The latest minute with a tally.
    pub(crate) latest: Bucket,
    /// A value was met for the first time; known when closed.
    pub(crate) novel: [bool; 3],
    /// Records that were new to the entity; of the fleet, accounts that strangers tried. Known when closed.
    pub(crate) fresh: u64,
    /// Requests, if the person never works at this hour. Known when closed.
    pub(crate) off_hours: u64,
    /// Of a person, what part of the requests that are worth telling of a night there were, at whatever hour. Known when closed.
    pub(crate) night: f32,
    /// Where it was, and in which minutes of the hour; see [`Spot`].
    pub(crate) spots: Vec<Spot>,
    /// See [`Steps`]; of rules, those the tally has kept so far.
    marked: Vec<(Arc<Mark>, u64)>,
    tried: u64,
    pub(crate) reads: u64,
    /// Of the fleet: addresses from which somebody logged in, all of them.
    good: Vec<Record>,
    /// Amounts above which it is worth a closer look, by (metric, scale); `None`: not yet computed.
    pub(crate) gates: Option<Box<[f32; crate::watch::CELLS]>>,
}

/// What may be steps of an attack in one hour; minutes are one bit each.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    pub(crate) hour: i64,
    /// Rules that are an entry or a foothold.
    pub(crate) marks: Vec<(Arc<Mark>, u64)>,
    /// Attacks in the address of a request.
    pub(crate) tried: u64,
    /// Requests for HR data; of an application host, statements on it that name nobody.
    pub(crate) reads: u64,
    /// How many of the latter.
    pub(crate) unnamed: u64,
}

/// Where an entity was seen within an hour: of a person the location, of a session the place or, unknown, the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) place: u64,
    pub(crate) is_country: bool,
    /// Of a session, address and browser, hashed; 0 if the log does not know the browser.
    pub(crate) address: u32,
    pub(crate) agent: u32,
    /// One bit for each minute.
    pub(crate) minutes: u64,
}

impl Spot {
    fn key(&self) -> (u64, u32, u32) {
        (self.place, self.address, self.agent)
    }
}

/// One UTC day.
#[derive(Debug)]
pub(crate) struct DayState {
    pub(crate) day: i64,
    /// Of closed hours.
    pub(crate) amounts: Amounts,
    pub(crate) paged: u32,
    pub(crate) unusual: bool,
    /// Sum of [`HourState::fresh`] of closed hours.
    pub(crate) fresh: u64,
    /// Records of closed hours, summed.
    pub(crate) records: u64,
    /// How many times the usual number that was at most, in eighths.
    pub(crate) novelty: u64,
    /// How far the share of new records lay above the usual one, at most; see
    /// [`crate::detectors::share_step`].
    pub(crate) share_step: Option<f64>,
    /// Sum of [`HourState::off_hours`] of closed hours.
    pub(crate) off_hours: u64,
    /// Rows of closed hours changed by statements that write account numbers, summed.
    pub(crate) bank_rows: u64,
    /// What was usual on this day, as known when its first hour closed; see [`Norm`].
    pub(crate) norms: Option<[Option<Norm>; DRIFT_STREAMS]>,
    /// It was said that it does too much day after day.
    pub(crate) drifted: bool,
    /// It counts to the day's crowd.
    pub(crate) counted: bool,
    /// What the digest will list if nothing pages before the day is over.
    pub(crate) digest: Vec<(usize, Finding, Source)>,
    /// The engine knows that there is something to decide when the day is over.
    pub(crate) listed: bool,
}

/// Values with the hour of their last use and the number of days of use, ascending by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Vec<KnownValue>);

/// 16 bytes: with hours of 64 bits it would be 24, and an entity holds up to 4 × [`KNOWN_VALUES_MAX`] of them.
#[derive(Clone, Copy, Debug)]
struct KnownValue {
    value: u64,
    /// Since 1970; those of the years beyond 246,000 count as one.
    last: i32,
    days: u16,
}

impl KnownValue {
    fn last(&self) -> i64 {
        i64::from(self.last)
    }
}

#[derive(Clone, Debug, Default)]
struct Quarantine {
    since: i64,
    hours: u16,
    days: u16,
    /// What was left out, until a person has judged it; most entities have nothing.
    left_out: Option<Box<LeftOut>>,
}

/// Ascending by hour and by day.
#[derive(Clone, Debug, Default)]
struct LeftOut {
    hours: Vec<LeftOutHour>,
    days: Vec<LeftOutDay>,
    /// Days of which a person has judged an alert before they were over.
    judged: Vec<(i64, Ruling)>,
}

#[derive(Clone, Debug)]
struct LeftOutHour {
    hour: i64,
    /// Of the hour, and of its busiest five minutes.
    amounts: Option<(Amounts, Amounts)>,
    people: usize,
    unnamed: bool,
}

#[derive(Clone, Debug)]
struct LeftOutDay {
    day: i64,
    amounts: Option<Amounts>,
    /// Accounts that strangers tried; of the fleet.
    news: Option<u64>,
}

impl LeftOut {
    fn bytes(&self) -> usize {
        size_of::<Self>() + of_vec(&self.hours) + of_vec(&self.days) + of_vec(&self.judged)
    }
}

impl Known {
    pub(crate) fn contains(&self, value: u64) -> bool {
        self.0.binary_search_by_key(&value, |known| known.value).is_ok()
    }

    /// Days on which the value was used, as far as it is remembered.
    fn days_with(&self, value: u64) -> u16 {
        self.0.binary_search_by_key(&value, |known| known.value).map_or(0, |at| self.0[at].days)
    }

    /// Values used on one day only, of those of the last 28 days. Divided by the days of activity this is the chance
    /// that the next day brings a new value (Good 1953, after Turing): high for who travels, low for who only started
    /// lately and by now uses the same again.
    fn used_once(&self, hour: i64) -> usize {
        self.0.iter().filter(|known| known.days == 1 && hour - known.last() < 28 * 24).count()
    }

    /// Learns the values of closed hours, and forgets those of breaches that were used on that day only.
    fn fold(&mut self, sort: usize, hours: &[HourState], rulings: &[Ruled]) {
        let mut breaches = rulings.iter().filter(|ruled| ruled.ruling == Ruling::True).peekable();
        for state in hours {
            while let Some(breach) = breaches.next_if(|ruled| ruled.last_hour() < state.hour) {
                self.forget(breach);
            }
            values(&state.tally, sort).into_iter().for_each(|value| self.learn(value, state.hour));
        }
        breaches.for_each(|breach| self.forget(breach));
    }

    fn forget(&mut self, breach: &Ruled) {
        let days = breach.from.div_euclid(24)..=(breach.to - 1).div_euclid(24);
        self.0.retain(|known| known.days != 1 || !days.contains(&known.last().div_euclid(24)));
    }

    fn learn(&mut self, value: u64, hour: i64) {
        let last = hour.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        match self.0.binary_search_by_key(&value, |known| known.value) {
            Ok(at) => {
                let known = &mut self.0[at];
                if last.div_euclid(24) != known.last.div_euclid(24) {
                    known.days = known.days.saturating_add(1);
                }
                known.last = known.last.max(last);
            }
            Err(at) => {
                self.0.insert(at, KnownValue { value, last, days: 1 });
                if self.0.len() > KNOWN_VALUES_MAX {
                    let oldest = (0..self.0.len()).min_by_key(|at| (self.0[*at].last, self.0[*at].value));
                    oldest.map(|at| self.0.remove(at));
                }
            }
        }
    }
}

/// The values of a tally of one sort, as stable hashes. Networks: /16 of an IPv4, /32 of an IPv6 address.
pub(crate) fn values(tally: &Tally, sort: usize) -> Vec<u64> {
    match sort {
        NETWORK => tally.addresses.iter().map(|(hash, address)| network(address).unwrap_or(hash)).collect(),
        PLACE => tally.places.iter().map(|(hash, _)| hash).collect(),
        COUNTRY => tally.places.iter().filter_map(|(_, place)| country(place)).collect(),
        _ => tally.tables.iter().map(|(hash, _)| hash).collect(),
    }
}

/// `VN/home`: where one has to be to use that network: the country, or the kind of network where there is none (an office).
/// Mobile networks and VPNs say little.
fn location(place: &str) -> Option<u64> {
    let (country, kind) = place.split_once('/').unwrap_or((place, ""));
    let name = if country.is_empty() { kind } else { country };
    let fixed = !name.is_empty() && !matches!(kind, "mobile" | "vpn");
    fixed.then(|| tally::stable_hash(&[name.as_bytes()]))
}

/// The country of such a place.
fn country(place: &str) -> Option<u64> {
    let is_named = place.split_once('/').is_none_or(|(country, _)| !country.is_empty());
    location(place).filter(|_| is_named)
}

/// A browser without its versions, which change in the middle of a session when it is updated. Never 0.
fn browser(agent: &str) -> u64 {
    let bytes: Vec<u8> = agent.bytes().filter(|byte| !byte.is_ascii_digit() && *byte != b'.').collect();
    tally::stable_hash(&[&bytes]) | 1
}

/// More values than the set of that sort could hold: count on there being new ones.
pub(crate) fn overflowed(tally: &Tally, sort: usize) -> bool {
    match sort {
        NETWORK => tally.addresses.overflowed(),
        PLACE => tally.places.overflowed(),
        _ => tally.tables.overflowed(),
    }
}

fn network(address: &str) -> Option<u64> {
    let prefix = match address.parse::<std::net::IpAddr>().ok()? {
        std::net::IpAddr::V4(v4) => [4, v4.octets()[0], v4.octets()[1], 0, 0],
        std::net::IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => [4, v4.octets()[0], v4.octets()[1], 0, 0],
            None => [6, v6.octets()[0], v6.octets()[1], v6.octets()[2], v6.octets()[3]],
        },
    };
    Some(tally::stable_hash(&[&prefix]))
}

impl EntityState {
    pub(crate) fn new(key: Key) -> Self {
        EntityState {
            baseline: Baseline::default(),
            hours: Vec::new(),
            days: Vec::new(),
            known: Default::default(),
            seen: if key.kind == EntityKind::Fleet { Seen::of_fleet() } else { Seen::default() },
            key,
            trail: Vec::new(),
            steps: Vec::new(),
            nights: Vec::new(),
            told: None,
            dumps: Vec::new(),
            quarantine: Quarantine::default(),
            rulings: Vec::new(),
            breaches: Vec::new(),
            last_hour: 0,
            last_talked: i64::MIN / 2,
            was_suspicious: false,
        }
    }

    /// Merges a tally into its hour, which must not be closed. True if the hour is new to the entity.
    pub(crate) fn take(&mut self, bucket: Bucket, tally: &Tally) -> bool {
        let kind = self.key.kind;
        let (hour, fresh) = self.hour_mut(bucket.hour());
        hour.take(kind, bucket, tally);
        self.last_hour = self.last_hour.max(bucket.hour());
        fresh
    }

    pub(crate) fn hour_mut(&mut self, hour: i64) -> (&mut HourState, bool) {
        let place = self.hours.binary_search_by_key(&hour, |state| state.hour);
        let fresh = place.is_err();
        let at = place.unwrap_or_else(|at| {
            self.hours.insert(at, HourState::new(hour));
            at
        });
        (&mut self.hours[at], fresh)
    }

    pub(crate) fn day_mut(&mut self, day: i64) -> &mut DayState {
        let at = self.days.binary_search_by_key(&day, |state| state.day).unwrap_or_else(|at| {
            let fresh = DayState {
                day,
                amounts: [0; METRICS_MAX],
                paged: 0,
                unusual: false,
                fresh: 0,
                records: 0,
                novelty: 0,
                share_step: None,
                off_hours: 0,
                bank_rows: 0,
                norms: None,
                drifted: false,
                counted: false,
                digest: Vec::new(),
                listed: false,
            };
            self.days.insert(at, fresh);
            at
        });
        &mut self.days[at]
    }

    /// Amounts of the day of `hour`, up to and with that hour.
    pub(crate) fn day_amounts(&self, hour: i64) -> Amounts {
        let day = hour.div_euclid(24);
        let mut sum = self.days.iter().find(|state| state.day == day).map_or([0; METRICS_MAX], |state| state.amounts);
        for state in self.open_of_day(day, hour + 1) {
            add(&mut sum, &amounts(self.key.kind, &state.tally));
        }
        sum
    }

    /// Rows changed by statements that write account numbers, on the day of `hour`, up to and with that hour.
    pub(crate) fn bank_rows(&self, hour: i64) -> u64 {
        let day = hour.div_euclid(24);
        let closed = self.days.iter().find(|state| state.day == day).map_or(0, |state| state.bank_rows);
        let open = self.open_of_day(day, hour + 1).map(|state| state.tally.get(Metric::BankRowsAffected));
        open.fold(closed, u64::saturating_add)
    }

    /// Hours of the day before that hour which are not closed: what [`DayState`] does not have yet.
    pub(crate) fn open_of_day(&self, day: i64, before: i64) -> impl Iterator<Item = &HourState> {
        let is_open =
            move |state: &&HourState| !state.closed && state.hour.div_euclid(24) == day && state.hour < before;
        self.hours.iter().filter(is_open)
    }

    /// Learns what ended by the end of `through`; nothing if that was done before. A shadow of a drill never learns.
    pub(crate) fn learn(&mut self, through: i64, one_off: impl Fn(i64) -> bool, half_life: f64) {
        let hours = self.hours.partition_point(|state| state.hour <= through && state.closed);
        let days = self.days.partition_point(|state| state.last_hour() <= through);
        let rulings = self.due(through).len();
        if hours == 0 && days == 0 && rulings == 0 {
            return;
        }
        if !self.key.mode.is_drill() {
            fold(
                (&mut self.baseline, &mut self.quarantine, self.key.kind),
                (&self.hours[..hours], &self.days[..days], &self.rulings[..rulings]),
                one_off,
                half_life,
            );
            let (counts, places) = (counts_seen(self.key.kind), self.key.kind == EntityKind::PortalUser);
            for (sort, known) in self.known.iter_mut().enumerate().filter(|(sort, _)| places || *sort != COUNTRY) {
                known.fold(sort, &self.hours[..hours], &self.rulings[..rulings]);
            }
            for state in &self.hours[..hours] {
                self.trail.retain(|(at, _)| state.hour - at <= 2 * TRAIL_HOURS);
                self.trail.extend(state.spots.iter().map(|spot| (state.hour, *spot)));
                self.steps.retain(|steps| state.hour - steps.hour <= CHAIN_HOURS);
                let is_step = match self.key.kind {
                    EntityKind::AppHost => state.reads != 0 && state.unexplained,
                    // Reads alone are none, but after one.
                    _ => state.has_steps() || (state.reads != 0 && !self.steps.is_empty()),
                };
                if is_step {
                    self.steps.push(state.steps());
                }
                if state.off_hours > 0 {
                    self.nights.push((state.hour, state.off_hours));
                }
                self.nights.retain(|(hour, _)| state.hour - hour <= 2 * NIGHTS_HOURS);
                if counts {
                    state.records().for_each(|record| self.seen.learn(record, state.hour));
                }
                if state.tally.signals.contains(activity::Signal::DumpShape) {
                    self.dumps.push(state.hour);
                    if self.dumps.len() > DUMPS_MAX {
                        self.dumps.remove(0);
                    }
                }
            }
        }
        if hours > 0 {
            self.was_suspicious = self.hours[..hours].iter().any(HourState::is_suspicious);
        }
        self.hours.drain(..hours);
        self.days.drain(..days);
        self.rulings.drain(..rulings);
    }

    /// Learns as [`EntityState::learn`] does, and gives back the room that only an active entity needs: an hour has 1 KiB and more with
    /// its sets, and a vector that held one keeps room for four.
    pub(crate) fn rest(&mut self, through: i64, one_off: impl Fn(i64) -> bool, half_life: f64) {
        self.learn(through, one_off, half_life);
        if self.hours.is_empty() {
            self.hours = Vec::new();
            self.trail.shrink_to_fit();
            self.nights.shrink_to_fit();
            self.known.iter_mut().for_each(|known| known.0.shrink_to_fit());
            self.seen.shrink_to_fit();
        }
        if self.days.is_empty() {
            self.days = Vec::new();
        }
    }

    /// Nothing is waiting to be learned.
    pub(crate) fn rests(&self) -> bool {
        self.hours.is_empty() && self.days.is_empty() && self.rulings.is_empty()
    }

    /// Bytes in memory, of itself and of what hangs on it.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.key.id.len()
            + of_vec(&self.hours)
            + self.hours.iter().map(HourState::heap_bytes).sum::<usize>()
            + of_vec(&self.days)
            + self.days.iter().map(|day| of_vec(&day.digest)).sum::<usize>()
            + self.known.iter().map(|known| of_vec(&known.0)).sum::<usize>()
            + self.seen.bytes()
            + of_vec(&self.trail)
            + of_vec(&self.nights)
            + of_vec(&self.dumps)
            + of_vec(&self.rulings)
            + of_vec(&self.breaches)
            + self.quarantine.left_out.as_deref().map_or(0, LeftOut::bytes)
    }

    /// A person's verdict about an alert of this entity. False: there are too many.
    pub(crate) fn rule(&mut self, ruled: Ruled) -> bool {
        if RULINGS_MAX <= self.rulings.len() {
            return false;
        }
        if ruled.ruling == Ruling::True {
            self.breaches.push((ruled.from, ruled.to, ruled.effective));
            self.breaches.sort_unstable();
            if RULINGS_MAX < self.breaches.len() {
                self.breaches.remove(0);
            }
        }
        let at = self.rulings.partition_point(|known| *known < ruled);
        self.rulings.insert(at, ruled);
        true
    }

    /// Verdicts that count for whoever knows the hours through `through`.
    fn due(&self, through: i64) -> &[Ruled] {
        &self.rulings[..self.rulings.partition_point(|ruled| ruled.last_hour() <= through)]
    }

    /// Hours with a dump's shape that are no breach, as known when `hour` is judged.
    pub(crate) fn dumps(&self, hour: i64) -> Vec<i64> {
        let breach = |dump: i64| {
            self.breaches.iter().any(|(from, to, effective)| *effective <= hour && *from <= dump && dump < *to)
        };
        self.dumps.iter().copied().filter(|dump| !breach(*dump)).collect()
    }

    /// The baseline as of the end of hour `through`, if that is more than is learned.
    pub(crate) fn ahead(&self, through: i64, one_off: impl Fn(i64) -> bool, half_life: f64) -> Option<Baseline> {
        let hours = self.hours.partition_point(|state| state.hour <= through && state.closed);
        let days = self.days.partition_point(|state| state.last_hour() <= through);
        let rulings = self.due(through);
        if self.key.mode.is_drill() || (hours == 0 && days == 0 && rulings.is_empty()) {
            return None;
        }
        let mut baseline = self.baseline.clone();
        let mut quarantine = self.quarantine.clone();
        let pending = (&self.hours[..hours], &self.days[..days], rulings);
        fold((&mut baseline, &mut quarantine, self.key.kind), pending, one_off, half_life);
        Some(baseline)
    }

    /// Whether the record was touched in an hour through `through`.
    pub(crate) fn touched(&self, record: Record, through: i64) -> bool {
        let pending = self.hours.iter().take_while(|state| state.hour <= through);
        self.seen.contains(record)
            || pending.into_iter().any(|state| state.closed && state.records().any(|known| known == record))
    }

    /// Where the entity was in the [`TRAIL_HOURS`] before the hour began.
    pub(crate) fn earlier_spots(&self, hour: i64) -> impl Iterator<Item = (i64, Spot)> {
        let pending = self.hours.iter().flat_map(|state| state.spots.iter().map(|spot| (state.hour, *spot)));
        let near = move |(at, _): &(i64, Spot)| (hour - TRAIL_HOURS..hour).contains(at);
        self.trail.iter().copied().chain(pending).filter(near)
    }

    /// Whether there was a step of an attack of late, beside reads.
    pub(crate) fn has_steps(&self) -> bool {
        !self.steps.is_empty() || self.hours.iter().any(HourState::has_steps)
    }

    /// Steps in the [`CHAIN_HOURS`] before the hour began; of an application host only reads that somebody was paged for. (Reads before
    /// any step are told only of hours that are not learned: they make no difference.)
    pub(crate) fn earlier_steps(&self, hour: i64) -> impl Iterator<Item = Steps> {
        let counts =
            |state: &&HourState| self.key.kind != EntityKind::AppHost || (state.reads != 0 && state.unexplained);
        let pending = self.hours.iter().filter(counts).map(HourState::steps);
        let near = move |steps: &Steps| (hour - CHAIN_HOURS..hour).contains(&steps.hour);
        self.steps.iter().cloned().chain(pending).filter(near)
    }

    /// Whether any value of the sort was used in an hour through `through`.
    pub(crate) fn knew_any(&self, sort: usize, through: i64) -> bool {
        if !self.due(through).is_empty() {
            return !self.known_ahead(sort, through).0.is_empty();
        }
        let mut pending = self.hours.iter().take_while(|state| state.hour <= through && state.closed);
        !self.known[sort].0.is_empty() || pending.any(|state| !values(&state.tally, sort).is_empty())
    }

    /// Whether the value was used in an hour through `through`.
    pub(crate) fn knew(&self, sort: usize, value: u64, through: i64) -> bool {
        if !self.due(through).is_empty() {
            return self.known_ahead(sort, through).contains(value);
        }
        self.known[sort].contains(value)
            || self
                .hours
                .iter()
                .take_while(|state| state.hour <= through)
                .any(|state| state.closed && values(&state.tally, sort).contains(&value))
    }

    /// Days on which a value of the sort was used, of what has been learned.
    pub(crate) fn days_with(&self, sort: usize, value: u64) -> u16 {
        self.known[sort].days_with(value)
    }

    /// Values of the sort that were used on one day only, in the 28 days before the end of hour `through`.
    pub(crate) fn used_once(&self, sort: usize, through: i64) -> usize {
        self.known_ahead(sort, through).used_once(through)
    }

    /// What will be known of the sort when the hours through `through` are learned.
    fn known_ahead(&self, sort: usize, through: i64) -> Known {
        let pending = self.hours.partition_point(|state| state.hour <= through && state.closed);
        let mut known = self.known[sort].clone();
        known.fold(sort, &self.hours[..pending], self.due(through));
        known
    }

    /// How much would be lost by forgetting this entity; for eviction.
    pub(crate) fn worth(&self) -> (bool, u32, i64) {
        let suspicious = self.was_suspicious || self.hours.iter().any(HourState::is_suspicious);
        (suspicious, self.baseline.hours as u32, self.last_hour)
    }
}

/// Kinds that are asked which records they have touched before. Of all others nobody would read the 4 KiB.
fn counts_seen(kind: EntityKind) -> bool {
    counts_records(kind) || kind == EntityKind::Fleet
}

/// Learns hours and days in the order in which they ended, and verdicts in that of their effect, so that it does not matter when
/// or how often this is done.
fn fold(
    (baseline, quarantine, kind): (&mut Baseline, &mut Quarantine, EntityKind),
    (hours, days, rulings): (&[HourState], &[DayState], &[Ruled]),
    one_off: impl Fn(i64) -> bool,
    half_life: f64,
) {
    let (mut days, mut rulings) = (days.iter().peekable(), rulings.iter().peekable());
    let mut learn_until = |baseline: &mut Baseline, quarantine: &mut Quarantine, hour: i64| {
        loop {
            let day = days.peek().map(|day| day.last_hour()).filter(|last| *last < hour);
            let ruled = rulings.peek().map(|ruled| ruled.last_hour()).filter(|last| *last < hour);
            // A verdict counts after the day it may be about.
            if day.is_some_and(|day| ruled.is_none_or(|ruled| day <= ruled)) {
                days.next().into_iter().for_each(|day| learn_day((baseline, quarantine, kind), day, &one_off));
            } else if ruled.is_some() {
                rulings.next().into_iter().for_each(|ruled| quarantine.rule(baseline, ruled));
            } else {
                return;
            }
        }
    };
    for state in hours {
        learn_until(baseline, quarantine, state.hour);
        // What keeps paging is learned in the end, also in a period of which nothing is learned otherwise.
        let skip = if state.unusual { quarantine.admits(state.hour) } else { one_off(state.hour) };
        let mut left_out = LeftOutHour { hour: state.hour, amounts: None, people: 0, unnamed: false };
        if kind == EntityKind::Address {
            if state.suspicious {
                left_out.people = state.tally.accounts.len();
            } else {
                baseline.people = baseline.people.max(state.entered());
            }
        }
        if kind == EntityKind::AppHost {
            left_out.unnamed = baseline.learn_names(&state.tally, state.suspicious);
        }
        let whole = amounts(kind, &state.tally);
        if kind == EntityKind::Source {
            // A silent hour that nobody was alerted to is usual; one that somebody was is not.
            if !state.suspicious {
                baseline.learn_share(state.hour, f32::from(state.talked) / 60.0, half_life);
            }
            continue;
        }
        if state.unusual && skip {
            left_out.amounts = Some((whole, state.fives));
        }
        quarantine.leave_out(left_out);
        baseline.learn_hour(state.hour, (!skip).then_some((&whole, &state.fives)), state.novel, half_life);
        baseline.learn_night(state.hour, state.night);
    }
    learn_until(baseline, quarantine, i64::MAX);
}

fn learn_day(
    (baseline, quarantine, kind): (&mut Baseline, &mut Quarantine, EntityKind),
    state: &DayState,
    one_off: &impl Fn(i64) -> bool,
) {
    let last = state.last_hour();
    let watched = streams(&state.amounts, state.fresh).into_iter().zip(state.norms.unwrap_or_default());
    for (evidence, (amount, norm)) in baseline.drift.iter_mut().zip(watched) {
        if let Some(norm) = norm {
            evidence.learn(amount, norm, state.drifted);
        }
    }
    let judged = quarantine.judged(state.day);
    let skip = match judged {
        Some(Ruling::True) => true,
        Some(_) => false,
        None if state.unusual => quarantine.admits_day(last),
        None => one_off(state.day * 24 + 12),
    };
    if !skip {
        baseline.learn_day(&state.amounts);
    }
    let is_breach = judged == Some(Ruling::True);
    let left_out = state.unusual && skip;
    if left_out && !is_breach {
        let news = (kind == EntityKind::Fleet).then_some(state.fresh);
        quarantine.leave_out_day(LeftOutDay { day: state.day, amounts: Some(state.amounts), news });
    }
    if is_breach || (kind == EntityKind::Fleet && left_out) {
        return;
    }
    if state.bank_rows > 0 {
        baseline.bank_rows.learn(state.bank_rows);
    }
    // Of people not left out where it was unusual: who has been told once that somebody does something new is told
    // again only if it grows by as much once more.
    // The first days are left out: then everything is new.
    if baseline.is_settled(last, NEWS_AFTER_DAYS) {
        baseline.news.learn(state.fresh);
        if let Some(share) = crate::detectors::share(state.fresh, state.records) {
            baseline.share.learn(share as f32);
            baseline.records.learn(state.records as f32);
        }
    }
}

impl DayState {
    fn last_hour(&self) -> i64 {
        self.day * 24 + 23
    }
}

/// Days of activity before it counts how much is new.
const NEWS_AFTER_DAYS: f64 = 5.0;

/// Hours for which it is remembered where a person was.
pub(crate) const TRAIL_HOURS: i64 = 3;

/// Hours with a dump's shape that are remembered.
const DUMPS_MAX: usize = 32;

impl Quarantine {
    /// Whether one more hour may be left out; counts it.
    fn admits(&mut self, hour: i64) -> bool {
        self.renew(hour);
        self.hours = self.hours.saturating_add(1);
        self.hours <= QUARANTINED_HOURS_MAX
    }

    fn admits_day(&mut self, hour: i64) -> bool {
        self.renew(hour);
        self.days = self.days.saturating_add(1);
        self.days <= QUARANTINED_DAYS_MAX
    }

    fn renew(&mut self, hour: i64) {
        if hour.saturating_sub(self.since) > 28 * 24 {
            (self.since, self.hours, self.days) = (hour, 0, 0);
        }
    }

    fn leave_out(&mut self, hour: LeftOutHour) {
        if hour.amounts.is_none() && hour.people == 0 && !hour.unnamed {
            return;
        }
        let hours = &mut self.left_out.get_or_insert_default().hours;
        hours.push(hour);
        if LEFT_OUT_HOURS_MAX < hours.len() {
            hours.remove(0);
        }
    }

    fn leave_out_day(&mut self, day: LeftOutDay) {
        let days = &mut self.left_out.get_or_insert_default().days;
        days.push(day);
        if LEFT_OUT_DAYS_MAX < days.len() {
            days.remove(0);
        }
    }

    /// What was held of a day before it was over; a breach wins.
    fn judged(&mut self, day: i64) -> Option<Ruling> {
        let left_out = self.left_out.as_mut()?;
        let found = left_out.judged.iter().filter(|(of, _)| *of == day).map(|(_, ruling)| *ruling).max();
        left_out.judged.retain(|(of, _)| day < *of);
        self.drop_empty();
        found
    }

    /// A person's verdict, after the hours of the alert's window have been learned or left out.
    fn rule(&mut self, baseline: &mut Baseline, ruled: &Ruled) {
        if ruled.ruling == Ruling::BenignOnce {
            return;
        }
        let expected = ruled.ruling == Ruling::Expected;
        let is_about = |part: Part| !expected || ruled.part == Some(part);
        let left_out = self.left_out.get_or_insert_default();
        let mut given_back = (0, 0);
        for hour in left_out.hours.iter_mut().filter(|hour| (ruled.from..ruled.to).contains(&hour.hour)) {
            if let Some((whole, fives)) = hour.amounts.take_if(|_| is_about(Part::Amounts)) {
                given_back.0 += 1;
                if expected {
                    baseline.learn_amounts(&whole, &fives);
                }
            }
            if is_about(Part::People) {
                let people = std::mem::take(&mut hour.people);
                baseline.people = baseline.people.max(if expected { people } else { 0 });
            }
            if hour.unnamed && is_about(Part::Names) {
                hour.unnamed = false;
                baseline.judge_names(expected);
            }
        }
        left_out.hours.retain(|hour| hour.amounts.is_some() || hour.people > 0 || hour.unnamed);
        let days = ruled.from.div_euclid(24)..=(ruled.to - 1).div_euclid(24);
        for day in left_out.days.iter_mut().filter(|day| days.contains(&day.day)) {
            if let Some(amounts) = day.amounts.take_if(|_| is_about(Part::Amounts)) {
                given_back.1 += 1;
                if expected {
                    baseline.learn_day(&amounts);
                }
            }
            if let Some(news) = day.news.take_if(|_| is_about(Part::News))
                && expected
            {
                baseline.news.learn(news);
            }
        }
        left_out.days.retain(|day| day.amounts.is_some() || day.news.is_some());
        // The day goes on: it is judged when it is over.
        let (day, of_days) = (*days.end(), is_about(Part::Amounts) || is_about(Part::News));
        if of_days && ruled.last_hour() < day * 24 + 23 && left_out.judged.len() < RULINGS_MAX {
            left_out.judged.push((day, ruled.ruling));
        }
        self.hours = self.hours.saturating_sub(given_back.0);
        self.days = self.days.saturating_sub(given_back.1);
        self.drop_empty();
    }

    /// Most entities have nothing left out: no memory for that.
    fn drop_empty(&mut self) {
        self.left_out
            .take_if(|left_out| left_out.hours.is_empty() && left_out.days.is_empty() && left_out.judged.is_empty());
    }
}

impl Ruled {
    /// Who knows the hours through this one knows the verdict.
    fn last_hour(&self) -> i64 {
        self.effective.saturating_sub(2)
    }
}

impl HourState {
    /// Accounts that got in; of very many logins those among the earliest. Accounts that were only tried say nothing of who shares an
    /// address: whoever tried seven in one hour, and three times as many a few hours later, would have made any number usual.
    fn entered(&self) -> usize {
        let entered = self.tally.logins.iter().filter(|login| login.ok && !login.account.is_empty());
        entered.map(|login| &*login.account).collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn new(hour: i64) -> Self {
        HourState {
            hour,
            tally: Tally::default(),
            minutes: Vec::new(),
            talked: 0,
            fives: [0; METRICS_MAX],
            closed: false,
            paged: 0,
            said: Vec::new(),
            unusual: false,
            suspicious: false,
            unexplained: false,
            latest: Bucket(hour.saturating_mul(60)),
            novel: [false; 3],
            fresh: 0,
            off_hours: 0,
            night: 0.0,
            spots: Vec::new(),
            marked: Vec::new(),
            tried: 0,
            reads: 0,
            good: Vec::new(),
            gates: None,
        }
    }

    pub(crate) fn take(&mut self, kind: EntityKind, bucket: Bucket, tally: &Tally) {
        self.tally.merge(tally);
        self.latest = self.latest.max(bucket);
        self.step(kind, bucket, tally);
        match kind {
            EntityKind::PortalUser => {
                for (_, place) in tally.places.iter() {
                    if let Some(location) = location(place) {
                        let is_country = country(place).is_some();
                        self.spot(Spot { place: location, is_country, ..Spot::default() }, bucket);
                    }
                }
            }
            EntityKind::Session => {
                // Of a minute with several addresses it is not known which belongs to which place and agent: all pairs count.
                for (of_address, address) in tally.addresses.iter() {
                    let places = tally.places.iter().map(|(of_place, _)| of_place);
                    let place = places.min().or_else(|| network(address)).unwrap_or(0);
                    let agents = tally.agents.iter().map(|(_, agent)| browser(agent));
                    for agent in agents.chain(tally.agents.is_empty().then_some(0)) {
                        let (address, agent) = (of_address as u32, agent as u32);
                        self.spot(Spot { place, address, agent, ..Spot::default() }, bucket);
                    }
                }
            }
            EntityKind::Fleet => {
                for record in tally.records.iter() {
                    if let Err(at) = self.good.binary_search(&record)
                        && self.good.len() < GOOD_ADDRESSES_MAX
                    {
                        self.good.insert(at, record);
                    }
                }
            }
            _ => {}
        }
        if metrics(kind).is_empty() && kind != EntityKind::Source {
            return;
        }
        let minute = bucket.0.rem_euclid(60) as u8;
        let more = amounts(kind, tally);
        match self.minutes.binary_search_by_key(&minute, |(minute, _)| *minute) {
            Ok(at) => add(&mut self.minutes[at].1, &more),
            Err(at) => self.minutes.insert(at, (minute, more)),
        }
        // Only windows that hold this minute can have grown: those that end at it or at the four after it.
        for end in minute..(minute + 5).min(60) {
            let mut sum = [0; METRICS_MAX];
            let inside = self.minutes.iter().filter(|(at, _)| *at <= end && end < at + 5);
            inside.for_each(|(_, amounts)| add(&mut sum, amounts));
            for (best, sum) in self.fives.iter_mut().zip(sum) {
                *best = (*best).max(sum);
            }
        }
    }

    /// Notes the minutes of what may be a step of an attack. A mark that the hour's tally keeps in the end was kept in every part of it
    /// (see [`tally::Marks`]), so its minutes are all there, however the parts were cut.
    fn step(&mut self, kind: EntityKind, bucket: Bucket, tally: &Tally) {
        let minute = 1 << bucket.0.rem_euclid(60);
        for (mark, _) in tally.marks.iter().filter(|(mark, _)| stages(mark) != (false, false)) {
            match self.marked.binary_search_by(|(known, _)| known.cmp(mark)) {
                Ok(at) => self.marked[at].1 |= minute,
                Err(at) => self.marked.insert(at, (mark.clone(), minute)),
            }
        }
        if !self.marked.is_empty() {
            let kept = &self.tally.marks;
            self.marked.retain(|(mark, _)| kept.iter().any(|(kept, _)| kept == mark));
        }
        let is_hr = tally.classes.contains(DataClass::Hr);
        let read = match kind {
            EntityKind::AppHost => tally.get(Metric::UnnamedStatements) > 0,
            EntityKind::Address | EntityKind::PortalUser | EntityKind::IntegrationKey => {
                is_hr && tally.get(Metric::ClassifiedRequests).max(tally.get(Metric::Statements)) > 0
            }
            _ => false,
        };
        let attacks = [Signal::SqlInjection, Signal::TemplateInjection, Signal::ScriptInFiles];
        if attacks.into_iter().any(|signal| tally.signals.contains(signal)) {
            self.tried |= minute;
        }
        if read {
            self.reads |= minute;
        }
    }

    pub(crate) fn steps(&self) -> Steps {
        let unnamed = self.tally.get(Metric::UnnamedStatements);
        Steps { hour: self.hour, marks: self.marked.clone(), tried: self.tried, reads: self.reads, unnamed }
    }

    /// A step before the reads.
    fn has_steps(&self) -> bool {
        !self.marked.is_empty() || self.tried != 0
    }

    fn spot(&mut self, spot: Spot, bucket: Bucket) {
        let minute = 1 << bucket.0.rem_euclid(60);
        match self.spots.binary_search_by_key(&spot.key(), Spot::key) {
            Ok(at) => self.spots[at].minutes |= minute,
            Err(at) => {
                self.spots.insert(at, Spot { minutes: minute, ..spot });
                // The smallest stay, whatever came first.
                self.spots.truncate(SPOTS_MAX);
            }
        }
    }

    fn is_suspicious(&self) -> bool {
        self.unusual || self.suspicious
    }

    fn heap_bytes(&self) -> usize {
        let gates = self.gates.as_deref().map_or(0, size_of_val);
        self.tally.heap_bytes() + of_vec(&self.minutes) + of_vec(&self.spots) + of_vec(&self.good) + gates
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.talked = self.minutes.len() as u8;
        self.minutes = Vec::new();
        self.gates = None;
    }

    /// All records of the hour, or a fair sample; of the fleet, all addresses from which somebody logged in.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.good.iter().copied().chain(self.tally.records.iter().filter(|_| self.good.is_empty()))
    }

    /// Minutes in which there was anything, one bit for each; nothing once closed.
    pub(crate) fn minutes(&self) -> u64 {
        self.minutes.iter().fold(0, |bits, (minute, _)| bits | 1 << minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_LIFE: f64 = 500.0;

    fn entity() -> EntityState {
        EntityState::new(Key { mode: Mode::Live, kind: EntityKind::PortalUser, id: "u1".into() })
    }

    fn rows(n: u64) -> Tally {
        let mut tally = Tally::default();
        tally.add(Metric::RowsSent, n);
        tally
    }

    fn close(entity: &mut EntityState, hour: i64) {
        let whole = amounts(entity.key.kind, &entity.hour_mut(hour).0.tally);
        entity.hour_mut(hour).0.close();
        add(&mut entity.day_mut(hour.div_euclid(24)).amounts, &whole);
    }

    #[test]
    fn the_busiest_five_minutes_do_not_depend_on_order() {
        let minutes = [(0, 5), (3, 7), (4, 1), (5, 9), (59, 20), (58, 3)];
        let mut forward = entity();
        let mut backward = entity();
        for (minute, n) in minutes {
            forward.take(Bucket(minute), &rows(n));
        }
        for (minute, n) in minutes.into_iter().rev() {
            backward.take(Bucket(minute), &rows(n));
        }
        assert_eq!(forward.hours[0].fives[0], 23);
        assert_eq!(backward.hours[0].fives[0], 23);
        assert_eq!(forward.day_amounts(0)[0], 45);
    }

    #[test]
    fn what_is_seen_ahead_is_what_is_learned_later() {
        let mut entity = entity();
        for hour in 20..30 {
            entity.take(Bucket(hour * 60 + 1), &rows(hour as u64));
            close(&mut entity, hour);
        }
        entity.learn(22, |_| false, HALF_LIFE);
        let ahead = entity.ahead(25, |_| false, HALF_LIFE).unwrap();
        entity.learn(25, |_| false, HALF_LIFE);
        assert_eq!(format!("{ahead:?}"), format!("{:?}", entity.baseline));
        assert!(entity.ahead(25, |_| false, HALF_LIFE).is_none());
        assert!(entity.baseline.level(0, crate::watch::Scale::Day).n > 0.9, "the day of hour 20 is over");
    }

    #[test]
    fn unusual_hours_are_left_out_for_a_bounded_time() {
        let mut entity = entity();
        for hour in 0..200 {
            entity.take(Bucket(hour * 60), &rows(1_000_000));
            entity.hour_mut(hour).0.unusual = true;
            close(&mut entity, hour);
        }
        entity.learn(i64::from(QUARANTINED_HOURS_MAX) - 1, |_| false, HALF_LIFE);
        assert_eq!(entity.baseline.level(0, crate::watch::Scale::Hour).n, 0.0);
        entity.learn(199, |_| false, HALF_LIFE);
        assert!(entity.baseline.level(0, crate::watch::Scale::Hour).n > 100.0, "nothing freezes for ever");
    }

    fn of_kind(kind: EntityKind) -> EntityState {
        EntityState::new(Key { kind, ..entity().key })
    }

    fn ruled(ruling: Ruling, part: Part, (from, to): (i64, i64), effective: i64) -> Ruled {
        let alert = crate::AlertId::parse(&"0".repeat(32)).unwrap();
        Ruled { effective, at: activity::Timestamp::MIN, alert, ruling, part: Some(part), from, to }
    }

    /// The state after everything, learned in one go and in steps.
    fn learned(mut entity: EntityState, again: impl Fn() -> EntityState) -> EntityState {
        let mut in_steps = again();
        (0..100).for_each(|through| in_steps.learn(through, |_| false, HALF_LIFE));
        entity.learn(99, |_| false, HALF_LIFE);
        let shown = |state: &EntityState| format!("{:?} {:?}", state.baseline, state.quarantine);
        assert_eq!(shown(&in_steps), shown(&entity));
        entity
    }

    #[test]
    fn each_part_that_was_left_out_is_learned_when_it_was_expected() {
        let address = |ruling: Option<Ruling>| {
            let mut address = of_kind(EntityKind::Address);
            let mut tally = Tally::default();
            (0..30).for_each(|n| tally.accounts.insert(&format!("u{n}")));
            address.take(Bucket(50 * 60), &tally);
            address.hour_mut(50).0.suspicious = true;
            close(&mut address, 50);
            ruling.into_iter().for_each(|ruling| assert!(address.rule(ruled_people(ruling))));
            address
        };
        fn ruled_people(ruling: Ruling) -> Ruled {
            ruled(ruling, Part::People, (50, 51), 60)
        }
        let people = |ruling| learned(address(ruling), || address(ruling)).baseline.people;
        assert_eq!(
            [None, Some(Ruling::Expected), Some(Ruling::BenignOnce), Some(Ruling::True)].map(people),
            [0, 30, 0, 0]
        );

        let host = |ruling: Option<Ruling>| {
            let mut host = of_kind(EntityKind::AppHost);
            let mut tally = Tally::default();
            tally.add(Metric::UnnamedStatements, 1);
            host.take(Bucket(50 * 60), &tally);
            host.hour_mut(50).0.suspicious = true;
            close(&mut host, 50);
            ruling.into_iter().for_each(|ruling| assert!(host.rule(ruled(ruling, Part::Names, (50, 51), 60))));
            host
        };
        let names = |ruling| learned(host(ruling), || host(ruling)).baseline.unnamed_hours;
        assert_eq!([None, Some(Ruling::Expected), Some(Ruling::True)].map(names), [0, 1, 0]);

        let fleet = |ruling: Option<Ruling>| {
            let mut fleet = of_kind(EntityKind::Fleet);
            for day in 0..3 {
                fleet.day_mut(day).fresh = 3;
            }
            let day = fleet.day_mut(2);
            (day.fresh, day.unusual) = (90, true);
            fleet.baseline.days = 9.0;
            ruling.into_iter().for_each(|ruling| assert!(fleet.rule(ruled(ruling, Part::News, (48, 72), 74))));
            fleet
        };
        let most = |ruling| learned(fleet(ruling), || fleet(ruling)).baseline.news.max;
        assert_eq!([None, Some(Ruling::Expected), Some(Ruling::True)].map(most), [3.0, 90.0, 3.0]);
    }

    #[test]
    fn a_verdict_is_about_what_its_detector_left_out() {
        let user = |part: Part, ruling: Ruling| {
            let mut user = entity();
            user.take(Bucket(50 * 60), &rows(1_000));
            user.hour_mut(50).0.unusual = true;
            user.day_mut(2).unusual = true;
            close(&mut user, 50);
            assert!(user.rule(ruled(ruling, part, (50, 51), 60)));
            user
        };
        let amounts = |part, ruling| {
            let user = learned(user(part, ruling), || user(part, ruling));
            let level = |scale| user.baseline.level(0, scale).n;
            (level(crate::watch::Scale::Hour), level(crate::watch::Scale::Day), user.quarantine.left_out.is_some())
        };
        // The verdict comes in the middle of the day, which is learned with it.
        assert_eq!(amounts(Part::Amounts, Ruling::Expected), (1.0, 1.0, false));
        assert_eq!(amounts(Part::People, Ruling::Expected), (0.0, 0.0, true));
        assert_eq!(amounts(Part::People, Ruling::True), (0.0, 0.0, false), "a breach is one whoever says so");
    }

    #[test]
    fn a_breach_takes_back_what_was_met_on_its_day_only() {
        let value = |name: &str| tally::stable_hash(&[name.as_bytes()]);
        let user = || {
            let mut user = entity();
            for (hour, place) in [(20, "DE/home"), (50, "DE/home"), (51, "VN/home"), (52, "FR/home"), (75, "FR/home")] {
                let mut tally = Tally::default();
                tally.places.insert(place);
                user.take(Bucket(hour * 60), &tally);
                close(&mut user, hour);
            }
            assert!(user.rule(ruled(Ruling::True, Part::Amounts, (51, 52), 80)));
            user
        };
        let knows = |user: &EntityState, through: i64| {
            ["DE/home", "VN/home", "FR/home"].map(|place| user.knew(PLACE, value(place), through))
        };
        // As pending hours and as learned ones.
        let pending = user();
        assert_eq!(knows(&pending, 77), [true, true, true], "not before its hour");
        assert_eq!(knows(&pending, 78), [true, false, true]);
        let mut part = user();
        part.learn(60, |_| false, HALF_LIFE);
        assert_eq!((knows(&part, 77), knows(&part, 78)), ([true, true, true], [true, false, true]));
        let mut whole = user();
        whole.learn(78, |_| false, HALF_LIFE);
        assert_eq!(knows(&whole, 78), [true, false, true]);
    }

    #[test]
    fn shadows_never_learn() {
        let mut shadow = EntityState::new(Key { mode: Mode::Drill(activity::DrillId(1)), ..entity().key });
        shadow.take(Bucket(0), &rows(5));
        close(&mut shadow, 0);
        assert!(shadow.ahead(9, |_| false, HALF_LIFE).is_none());
        shadow.learn(9, |_| false, HALF_LIFE);
        assert_eq!((shadow.baseline.hours, shadow.hours.len()), (0.0, 0));
    }

    #[test]
    fn networks_are_prefixes() {
        assert_eq!(network("10.1.2.3"), network("10.1.200.9"));
        assert_eq!(network("::ffff:10.1.2.3"), network("10.1.9.9"));
        assert_ne!(network("10.1.2.3"), network("10.2.2.3"));
        assert_eq!(network("not an address"), None);
    }
}
