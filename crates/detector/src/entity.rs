//! The state of one entity: what it did in hours that are not learned yet, and what is normal for it.
//!
//! An hour goes through three stages: *open* (tallies arrive, alerts fire early), *closed* (the horizon has passed it) and
//! *learned*. It is learned two hours later, so that an hour is always judged with the hours before the last one, no
//! matter how far the reading of other partitions has come.

use crate::{
    alert::Alert,
    baseline::{self, Baseline},
    detectors::{DRIFT_STREAMS, Norm, counts_records, deep_pages, stages, streams},
    docket::{Part, Ruled},
    footprint::of_vec,
    known::{self, Known},
    limits::{
        CHAIN_HOURS, GOOD_ADDRESSES_MAX, HISTORY_HOURS, LEFT_OUT_DAYS_MAX, MARKS_SHARED_MAX, PAYEE_HOURS,
        PAYEES_OF_HOUR_MAX, QUARANTINED_DAYS_MAX, QUARANTINED_HOURS_MAX, RULINGS_MAX, left_out_hours_max, spots_max,
    },
    pace::Pace,
    packed::packed,
    rare::{self, NOTHING, Rare},
    seen::{self, Seen},
    verdict::Ruling,
    watch::{Amounts, METRICS_MAX, add, amounts, metrics},
};
use activity::{Bucket, DataClass, EntityKind, Mark, Mode, Record, Signal};
use std::{borrow::Cow, collections::BTreeSet, sync::Arc};
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
    pub(crate) known: Known,
    /// Records a person has touched; of the fleet, addresses from which somebody logged in.
    seen: Seen,
    /// Spots of learned hours, of the last few only.
    trail: Vec<Passed>,
    /// The last closed hour in which it was said that the person does something new; nothing once a person has judged that.
    told: Option<i64>,
    quarantine: Quarantine,
    /// Most entities have nothing of it.
    rare: Option<Box<Rare>>,
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
    /// Of an application host, what unexplained reads two hours earlier were of: it is looked at again in this hour, when the footholds
    /// of the fleet are known. Not merged into the tally: what other detectors tell of this hour is only what happened in it.
    pub(crate) awaited: Option<Box<Tally>>,
    /// Something was told of it; else it is only looked at again.
    took: bool,
    /// Of a session, minutes in which it was (also) elsewhere than on an access line (see [`is_access_line`]).
    pub(crate) roaming: u64,
    /// Of a table and a person at it: account numbers written, each with whose it became (hashed), ascending.
    pub(crate) payees: Vec<(u32, u32)>,
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
    /// The first half of a hash.
    pub(crate) place: u32,
    pub(crate) is_country: bool,
    /// Of a session, the address, hashed.
    pub(crate) address: u32,
    /// And the browser; 0 if the log does not know it.
    pub(crate) agent: u16,
    /// And the network of the address, hashed (see [`subnet`]); 0 of whatever is no session.
    pub(crate) subnet: u16,
    /// One bit for each minute.
    pub(crate) minutes: u64,
}

impl Spot {
    fn key(&self) -> (u32, u32, u16) {
        (self.place, self.address, self.agent)
    }

    /// The place as the value that [`EntityState::knew`] is asked for.
    pub(crate) fn value(&self) -> u64 {
        u64::from(self.place) << 32
    }
}

/// A spot of an hour that is over, in 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Passed {
    hour: i32,
    place: u32,
    address: u32,
    agent: u16,
    subnet: u16,
    /// As [`Spot::minutes`], and in the last bit whether the place is a country.
    minutes: u64,
}

const IS_COUNTRY: u64 = 1 << 63;

impl Passed {
    fn new(hour: i64, spot: Spot) -> Self {
        let Spot { place, is_country, address, agent, subnet, minutes } = spot;
        let minutes = if is_country { minutes | IS_COUNTRY } else { minutes };
        Passed { hour: short(hour), place, address, agent, subnet, minutes }
    }

    fn spot(self) -> (i64, Spot) {
        let Passed { hour, place, address, agent, subnet, minutes } = self;
        let is_country = minutes & IS_COUNTRY != 0;
        (i64::from(hour), Spot { place, is_country, address, agent, subnet, minutes: minutes & !IS_COUNTRY })
    }
}

/// Which pages of lists were turned: see [`crate::detectors::deep_pages`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// For deep ones.
    pub(crate) requests: u64,
    pub(crate) statements: u64,
    /// The last page; 0: there was no list.
    pub(crate) deepest: u64,
}

impl Pages {
    pub(crate) fn of(tally: &Tally) -> Self {
        let [requests, statements, deepest] =
            [Metric::DeepRequests, Metric::DeepStatements, Metric::DeepestPage].map(|metric| tally.get(metric));
        Pages { requests, statements, deepest }
    }

    pub(crate) fn joined(self, other: Pages) -> Self {
        Pages {
            requests: self.requests.saturating_add(other.requests),
            statements: self.statements.saturating_add(other.statements),
            deepest: self.deepest.max(other.deepest),
        }
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
    /// The longest walk through new records in one of them.
    pub(crate) walk: u64,
    /// Sum of [`HourState::off_hours`] of closed hours.
    pub(crate) off_hours: u64,
    /// Rows of closed hours changed by statements that write account numbers, summed.
    pub(crate) bank_rows: u64,
    /// Pages of lists in closed hours.
    pub(crate) pages: Pages,
    /// What was usual on this day, as known when its first hour closed; see [`Norm`].
    pub(crate) norms: Option<[Option<Norm>; DRIFT_STREAMS]>,
    /// It was said that it does too much day after day.
    pub(crate) drifted: bool,
    /// It counts to the day's crowd.
    pub(crate) counted: bool,
    /// An hour of the day that paged counts to what the peers do now and then.
    pub(crate) odd_page_counted: bool,
    /// What the digest will list if nothing pages before the day is over.
    pub(crate) digest: Vec<(usize, Alert)>,
    /// The engine knows that there is something to decide when the day is over.
    pub(crate) listed: bool,
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
    /// Days of which a person has judged an alert before they were over, with what counts: a breach wins.
    judged: Vec<(i64, Ruling)>,
}

#[derive(Clone, Debug)]
struct LeftOutHour {
    hour: i32,
    people: u16,
    unnamed: bool,
    /// Of the hour, and of its busiest five minutes.
    amounts: Option<(Rough, Rough)>,
}

#[derive(Clone, Debug)]
struct LeftOutDay {
    day: i32,
    amounts: Option<Rough>,
    /// Accounts that strangers tried; of the fleet.
    news: Option<f32>,
}

/// Amounts as exact as baselines have them.
type Rough = [f32; METRICS_MAX];

fn rough(amounts: &Amounts) -> Rough {
    amounts.map(|amount| amount as f32)
}

fn whole(rough: &Rough) -> Amounts {
    rough.map(|amount| amount as u64)
}

impl LeftOut {
    fn bytes(&self) -> usize {
        size_of::<Self>() + of_vec(&self.hours) + of_vec(&self.days) + of_vec(&self.judged)
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

/// Whether that is a line to somebody's house: who leaves it for the company's network or a rented server within minutes has only turned a
/// VPN on, and mobile networks are everywhere.
fn is_access_line(place: &str) -> bool {
    let kind = place.split_once('/').map_or("", |(_, kind)| kind);
    country(place).is_some() && !matches!(kind, "office" | "hosting")
}

/// A browser without its versions, which change in the middle of a session when it is updated. Never 0.
fn browser(agent: &str) -> u16 {
    let bytes: Vec<u8> = agent.bytes().filter(|byte| !byte.is_ascii_digit() && *byte != b'.').collect();
    (tally::stable_hash(&[&bytes]) >> 48) as u16 | 1
}

/// More values than the set of that sort could hold: count on there being new ones.
pub(crate) fn overflowed(tally: &Tally, sort: usize) -> bool {
    match sort {
        NETWORK => tally.addresses.overflowed(),
        PLACE => tally.places.overflowed(),
        _ => tally.tables.overflowed(),
    }
}

/// The first half of a hash.
fn half(hash: u64) -> u32 {
    (hash >> 32) as u32
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

/// /24 of an IPv4, /48 of an IPv6 address, hashed to 14 bits (of 16,000 moves one goes unseen); never 0. The lowest bit is set of IPv6: who has both uses them by turns.
fn subnet(address: &str) -> Option<u16> {
    let (prefix, is_v6) = match address.parse::<std::net::IpAddr>().ok()?.to_canonical() {
        std::net::IpAddr::V4(v4) => ([4, v4.octets()[0], v4.octets()[1], v4.octets()[2], 0, 0, 0], false),
        std::net::IpAddr::V6(v6) => {
            let of = v6.octets();
            ([6, of[0], of[1], of[2], of[3], of[4], of[5]], true)
        }
    };
    let hash = (tally::stable_hash(&[&prefix]) >> 48) as u16;
    Some((hash & !3) | 2 | u16::from(is_v6))
}

/// Room for one more and no other. A vector left to itself makes room for four at once, and an hour has about 1 KiB: who comes once, as
/// the names that an attacker makes up do, would take 3.5 KiB that it never fills.
fn room_for_one<T>(of: &mut Vec<T>) {
    if of.len() == of.capacity() {
        of.reserve_exact(1);
    }
}

impl EntityState {
    pub(crate) fn new(key: Key) -> Self {
        EntityState {
            baseline: Baseline::of(key.kind),
            hours: Vec::new(),
            days: Vec::new(),
            known: Default::default(),
            seen: Seen::new(key.kind),
            key,
            trail: Vec::new(),
            told: None,
            quarantine: Quarantine::default(),
            rare: None,
            last_hour: 0,
            last_talked: i64::MIN / 2,
            was_suspicious: false,
        }
    }

    pub(crate) fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NOTHING)
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
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
            room_for_one(&mut self.hours);
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
                walk: 0,
                off_hours: 0,
                bank_rows: 0,
                pages: Pages::default(),
                norms: None,
                drifted: false,
                counted: false,
                odd_page_counted: false,
                digest: Vec::new(),
                listed: false,
            };
            room_for_one(&mut self.days);
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
    pub(crate) fn learn(&mut self, through: i64, one_off: impl Fn(i64) -> bool, pace: &Pace) {
        let hours = self.hours.partition_point(|state| state.hour <= through && state.closed);
        let days = self.days.partition_point(|state| state.last_hour() <= through);
        let rulings = self.due(through).len();
        self.told = self.told.filter(|told| !self.due(through).iter().any(|ruled| ruled.settles_news_of(*told)));
        if hours == 0 && days == 0 && rulings == 0 {
            return;
        }
        let due: Vec<Ruled> =
            self.rare.as_mut().map(|rare| rare.rulings.drain(..rulings).collect()).unwrap_or_default();
        if !self.key.mode.is_drill() {
            fold(
                (&mut self.baseline, &mut self.quarantine, self.key.kind),
                (&self.hours[..hours], &self.days[..days], &due),
                one_off,
                pace,
            );
            self.known.fold(self.key.kind, &self.hours[..hours], &due);
            let counts = counts_seen(self.key.kind);
            for state in self.hours[..hours].iter().filter(|_| counts) {
                state.records().for_each(|record| self.seen.learn(record, state.hour));
            }
        }
        self.remember(hours);
        if hours > 0 {
            self.was_suspicious |= self.hours[..hours].iter().any(HourState::is_suspicious);
        }
        self.hours.drain(..hours);
        self.days.drain(..days);
    }

    /// What is remembered for some hours or nights, of the first so many hours. Of a drill as well: it is no knowledge of what is usual, and
    /// when hours are learned depends on what else happens, which must not decide what a drill raises.
    fn remember(&mut self, hours: usize) {
        for state in &self.hours[..hours] {
            self.trail.retain(|passed| state.hour - i64::from(passed.hour) <= PASSED_HOURS);
            self.trail.extend(state.spots.iter().map(|spot| Passed::new(state.hour, state.at_home(spot))));
            if let Some(rare) = &mut self.rare {
                rare.forget_steps(state.hour);
                rare.forget_nights(state.hour);
            }
            let is_step = match self.key.kind {
                EntityKind::AppHost => state.reads != 0 && state.unexplained,
                // Reads alone are none, but after one.
                _ => state.has_steps() || (state.reads != 0 && self.rare.as_ref().is_some_and(|rare| rare.has_steps())),
            };
            if !is_step && !Rare::concerns(state) {
                continue;
            }
            let rare = self.rare.get_or_insert_default();
            rare.pay(state.hour, &state.payees);
            if is_step {
                rare.step(state.steps());
            }
            if state.off_hours > 0 {
                rare.night(state.hour, state.off_hours);
            }
            // A habit, which a drill has none of.
            if !self.key.mode.is_drill() && state.tally.signals.contains(activity::Signal::DumpShape) {
                rare.dump(state.hour);
            }
        }
    }

    /// Learns as [`EntityState::learn`] does, and gives back the room that only an active entity needs: an hour has 1 KiB and more with
    /// its sets. The hour after which it has more to give back.
    pub(crate) fn rest(&mut self, through: i64, one_off: impl Fn(i64) -> bool, pace: &Pace) -> Option<i64> {
        self.learn(through, one_off, pace);
        // Whoever is active later judges hours from the one after next on.
        if let Some(rare) = &mut self.rare {
            rare.forget_steps(through);
        }
        if self.hours.is_empty() {
            self.hours = Vec::new();
            self.trail.shrink_to_fit();
            self.known.shrink_to_fit();
            self.seen.shrink_to_fit();
            self.rare.take_if(|rare| rare.is_empty());
            if let Some(rare) = &mut self.rare {
                rare.shrink_to_fit();
            }
            self.quarantine.shrink_to_fit();
        }
        if self.days.is_empty() {
            self.days = Vec::new();
        }
        self.rare().last_step().map(|last| last + CHAIN_HOURS + 1)
    }

    /// Nothing is waiting to be learned.
    pub(crate) fn rests(&self) -> bool {
        self.hours.is_empty() && self.days.is_empty() && self.rare().rulings.is_empty()
    }

    /// Bytes in memory, of itself and of what hangs on it.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.key.id.len()
            + of_vec(&self.hours)
            + self.hours.iter().map(HourState::heap_bytes).sum::<usize>()
            + of_vec(&self.days)
            + self.days.iter().map(|day| of_vec(&day.digest)).sum::<usize>()
            + self.baseline.heap_bytes()
            + self.known.bytes()
            + self.seen.bytes()
            + of_vec(&self.trail)
            + self.rare.as_deref().map_or(0, Rare::bytes)
            + self.quarantine.left_out.as_deref().map_or(0, LeftOut::bytes)
    }

    /// A person's verdict about an alert of this entity. False: there are too many.
    pub(crate) fn rule(&mut self, ruled: Ruled) -> bool {
        let rare = self.rare_mut();
        if RULINGS_MAX <= rare.rulings.len() {
            return false;
        }
        if ruled.ruling == Ruling::True {
            rare.breach(&ruled);
        }
        let at = rare.rulings.partition_point(|known| *known < ruled);
        rare.rulings.insert(at, ruled);
        true
    }

    /// Verdicts that count for whoever knows the hours through `through`.
    fn due(&self, through: i64) -> &[Ruled] {
        let rulings = &self.rare().rulings;
        &rulings[..rulings.partition_point(|ruled| ruled.last_hour() <= through)]
    }

    /// The last closed hour in which it was said that the person does something new, as known when `hour` is judged: whoever has judged
    /// that, or a later alert of that sort, has looked, and what comes after is news again.
    pub(crate) fn told(&self, hour: i64) -> Option<i64> {
        let rulings = &self.rare().rulings;
        let settled = |told: i64| rulings.iter().any(|ruled| ruled.effective <= hour && ruled.settles_news_of(told));
        self.told.filter(|told| !settled(*told))
    }

    /// It was said in an hour that closes.
    pub(crate) fn tell(&mut self, hour: i64) {
        self.told = Some(hour);
    }

    /// The baseline as of the end of hour `through`, if that is more than is learned.
    pub(crate) fn ahead(&self, through: i64, one_off: impl Fn(i64) -> bool, pace: &Pace) -> Option<Baseline> {
        let hours = self.hours.partition_point(|state| state.hour <= through && state.closed);
        let days = self.days.partition_point(|state| state.last_hour() <= through);
        let rulings = self.due(through);
        if self.key.mode.is_drill() || (hours == 0 && days == 0 && rulings.is_empty()) {
            return None;
        }
        let mut baseline = self.baseline.clone();
        let mut quarantine = self.quarantine.clone();
        let pending = (&self.hours[..hours], &self.days[..days], rulings);
        fold((&mut baseline, &mut quarantine, self.key.kind), pending, one_off, pace);
        Some(baseline)
    }

    /// What was touched in the hours through `through`, to the bit as if those had been learned: how much of them has been depends on what
    /// else happened, and a filter that knows less takes fewer of the new records for known. Copied only while something is to be learned.
    pub(crate) fn seen(&self, through: i64) -> Cow<'_, Seen> {
        let pending = self.hours.iter().take_while(|state| state.hour <= through && state.closed);
        let mut pending =
            pending.filter(|state| !self.key.mode.is_drill() && state.records().next().is_some()).peekable();
        if pending.peek().is_none() {
            return Cow::Borrowed(&self.seen);
        }
        let mut seen = self.seen.clone();
        for state in pending {
            state.records().for_each(|record| seen.learn(record, state.hour));
        }
        Cow::Owned(seen)
    }

    /// Whether the record was touched in an hour through `through`; of the fleet, whose memory is too large to be copied as
    /// [`EntityState::seen`] does.
    pub(crate) fn touched(&self, record: Record, through: i64) -> bool {
        if self.key.mode.is_drill() {
            return false; // see `learn`: which of its hours are still here depends on what else happens
        }
        let pending = self.hours.iter().take_while(|state| state.hour <= through);
        self.seen.contains(record)
            || pending.into_iter().any(|state| state.closed && state.records().any(|known| known == record))
    }

    /// Where the entity was in the [`TRAIL_HOURS`] before the hour began.
    pub(crate) fn earlier_spots(&self, hour: i64) -> impl Iterator<Item = (i64, Spot)> {
        let pending =
            self.hours.iter().flat_map(|state| state.spots.iter().map(|spot| (state.hour, state.at_home(spot))));
        let near = move |(at, _): &(i64, Spot)| (hour - TRAIL_HOURS..hour).contains(at);
        self.trail.iter().map(|passed| passed.spot()).chain(pending).filter(near)
    }

    /// Account numbers with whose they became (hashed), of the [`PAYEE_HOURS`] before the hour began.
    pub(crate) fn earlier_payees(&self, hour: i64) -> impl Iterator<Item = (u32, u32)> {
        let learned = self.rare().payees();
        let pending = self.hours.iter().flat_map(|state| state.payees.iter().map(|payee| (state.hour, *payee)));
        let near = move |at: i64| (hour - PAYEE_HOURS..hour).contains(&at);
        learned.chain(pending).filter(move |(at, _)| near(*at)).map(|(_, payee)| payee)
    }

    /// Whether there was a step of an attack of late, beside reads.
    pub(crate) fn has_steps(&self) -> bool {
        self.rare().has_steps() || self.hours.iter().any(HourState::has_steps)
    }

    /// Steps in the [`CHAIN_HOURS`] before the hour began; of an application host only reads that somebody was paged for. (Reads before
    /// any step are told only of hours that are not learned: they make no difference.)
    pub(crate) fn earlier_steps(&self, hour: i64) -> impl Iterator<Item = Steps> {
        let counts =
            |state: &&HourState| self.key.kind != EntityKind::AppHost || (state.reads != 0 && state.unexplained);
        let pending = self.hours.iter().filter(counts).map(HourState::steps);
        let near = move |steps: &Steps| (hour - CHAIN_HOURS..hour).contains(&steps.hour);
        self.rare().steps().chain(pending).filter(near)
    }

    /// Whether any value of the sort was used in an hour through `through`; only of sorts in [`known::sorts`].
    pub(crate) fn knew_any(&self, sort: usize, through: i64) -> bool {
        debug_assert!(known::sorts(self.key.kind).contains(&sort), "nobody keeps them");
        if self.key.mode.is_drill() {
            return false;
        }
        if !self.due(through).is_empty() {
            return !self.known_ahead(through).is_empty(sort);
        }
        let mut pending = self.hours.iter().take_while(|state| state.hour <= through && state.closed);
        !self.known.is_empty(sort) || pending.any(|state| !values(&state.tally, sort).is_empty())
    }

    /// Whether the value was used in an hour through `through`; only of sorts in [`known::sorts`].
    pub(crate) fn knew(&self, sort: usize, value: u64, through: i64) -> bool {
        debug_assert!(known::sorts(self.key.kind).contains(&sort), "nobody keeps them");
        if self.key.mode.is_drill() {
            return false;
        }
        if !self.due(through).is_empty() {
            return self.known_ahead(through).contains(sort, value);
        }
        self.known.contains(sort, value)
            || self
                .hours
                .iter()
                .take_while(|state| state.hour <= through)
                .any(|state| state.closed && values(&state.tally, sort).iter().any(|known| known >> 32 == value >> 32))
    }

    /// Days on which a value of the sort was used, at most, of what has been learned: none, one, or all that are remembered.
    pub(crate) fn days_with(&self, sort: usize, value: u64) -> f64 {
        match self.known.used_again(sort, value) {
            None => 0.0,
            Some(false) => 1.0,
            Some(true) => f64::from(self.baseline.days).max(2.0),
        }
    }

    /// Values of the sort that were used on one day only, in the 28 days before the end of hour `through`.
    pub(crate) fn used_once(&self, sort: usize, through: i64) -> usize {
        self.known_ahead(through).used_once(sort, through)
    }

    /// What will be known when the hours through `through` are learned.
    fn known_ahead(&self, through: i64) -> Known {
        if self.key.mode.is_drill() {
            return self.known.clone(); // it knows nothing
        }
        let pending = self.hours.partition_point(|state| state.hour <= through && state.closed);
        let mut known = self.known.clone();
        known.fold(self.key.kind, &self.hours[..pending], self.due(through));
        known
    }

    /// How much would be lost by forgetting this entity, for eviction: history first, then what was suspicious, then hours, then how long
    /// ago. History goes before suspicion since whoever makes up names can make each of them suspicious, and would drive out who is known;
    /// of who is suspicious and new, the alerts have been raised.
    pub(crate) fn worth(&self) -> (Worth, u32, i64) {
        let worth = if f64::from(self.baseline.hours) >= HISTORY_HOURS {
            Worth::Known
        } else if self.was_suspicious || self.hours.iter().any(HourState::is_suspicious) || self.rare.is_some() {
            Worth::Suspicious
        } else {
            Worth::New
        };
        (worth, self.baseline.hours as u32, self.last_hour)
    }

    pub(crate) fn is_dispensable(&self) -> bool {
        self.worth().0 == Worth::New
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.hours.iter().all(|state| state.closed)
    }

    /// Something stands in the digest of a day that is not over.
    pub(crate) fn has_digest(&self) -> bool {
        self.days.iter().any(|day| !day.digest.is_empty())
    }
}

/// What kind of loss it would be to forget an entity, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    New,
    /// It has paged or was unusual, or has steps of an attack, marks, a dump's shape.
    Suspicious,
    /// With [`HISTORY_HOURS`] of activity.
    Known,
}

/// Bytes at rest at most, of the struct and of what hangs on it beside its id, when every limit of the kind is reached.
pub(crate) const fn bytes_max(kind: EntityKind) -> usize {
    let spots = if matches!(kind, EntityKind::PortalUser | EntityKind::Session) { spots_max(kind) } else { 0 };
    let left_out = size_of::<LeftOut>()
        + left_out_hours_max(kind) * size_of::<LeftOutHour>()
        + LEFT_OUT_DAYS_MAX * (size_of::<LeftOutDay>() + size_of::<(i64, Ruling)>());
    size_of::<EntityState>()
        + baseline::heap_bytes_max(kind)
        + known::bytes_max(kind)
        + seen::filter_bytes(kind)
        + (PASSED_HOURS as usize + 1) * spots * size_of::<Passed>()
        + rare::bytes_max(kind)
        + left_out
}

/// Kinds that are asked which records they have touched before.
fn counts_seen(kind: EntityKind) -> bool {
    counts_records(kind) || kind == EntityKind::Fleet
}

/// Learns hours and days in the order in which they ended, and verdicts in that of their effect, so that it does not matter when
/// or how often this is done.
fn fold(
    (baseline, quarantine, kind): (&mut Baseline, &mut Quarantine, EntityKind),
    (hours, days, rulings): (&[HourState], &[DayState], &[Ruled]),
    one_off: impl Fn(i64) -> bool,
    pace: &Pace,
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
        if state.is_second_look() {
            continue;
        }
        // What keeps paging is learned in the end, also in a period of which nothing is learned otherwise.
        let skip = if state.unusual { quarantine.admits(state.hour) } else { one_off(state.hour) };
        let mut left_out = LeftOutHour { hour: short(state.hour), amounts: None, people: 0, unnamed: false };
        if kind == EntityKind::Address {
            if state.suspicious {
                left_out.people = u16::try_from(state.tally.accounts.len()).unwrap_or(u16::MAX);
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
                baseline.learn_share(state.hour, f32::from(state.talked) / 60.0, pace);
            }
            continue;
        }
        if state.unusual && skip {
            left_out.amounts = Some((rough(&whole), rough(&state.fives)));
        }
        quarantine.leave_out(kind, left_out);
        baseline.learn_hour(state.hour, (!skip).then_some((&whole, &state.fives)), state.novel, pace);
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
        let news = (kind == EntityKind::Fleet).then_some(state.fresh as f32);
        quarantine.leave_out_day(LeftOutDay { day: short(state.day), amounts: Some(rough(&state.amounts)), news });
    }
    if is_breach || (kind == EntityKind::Fleet && left_out) {
        return;
    }
    if state.bank_rows > 0 {
        baseline.bank_rows.learn(state.bank_rows);
    }
    if state.records > 0 && counts_records(kind) {
        baseline.walk.learn(state.walk);
    }
    // A day without a list, or from before pages were told, is no day on which none was turned.
    if state.pages.deepest > 0 {
        baseline.pages.learn(deep_pages(&state.pages));
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

/// Hours before the last learned one of which spots are kept. Whatever is learned by then, the next hour to be judged is two hours
/// later at least, and looks back [`TRAIL_HOURS`].
const PASSED_HOURS: i64 = TRAIL_HOURS - 2;

/// Hours or days since 1970; those of the years beyond 246,000 count as one.
fn short(time: i64) -> i32 {
    time.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

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

    fn leave_out(&mut self, kind: EntityKind, hour: LeftOutHour) {
        if hour.amounts.is_none() && hour.people == 0 && !hour.unnamed {
            return;
        }
        let hours = &mut self.left_out.get_or_insert_default().hours;
        hours.push(hour);
        if left_out_hours_max(kind) < hours.len() {
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
        for hour in left_out.hours.iter_mut().filter(|hour| (ruled.from..ruled.to).contains(&i64::from(hour.hour))) {
            if let Some((of_hour, fives)) = hour.amounts.take_if(|_| is_about(Part::Amounts)) {
                given_back.0 += 1;
                if expected {
                    baseline.learn_amounts(&whole(&of_hour), &whole(&fives));
                }
            }
            if is_about(Part::People) {
                let people = usize::from(std::mem::take(&mut hour.people));
                baseline.people = baseline.people.max(if expected { people } else { 0 });
            }
            if hour.unnamed && is_about(Part::Names) {
                hour.unnamed = false;
                baseline.judge_names(expected);
            }
        }
        left_out.hours.retain(|hour| hour.amounts.is_some() || hour.people > 0 || hour.unnamed);
        let days = ruled.from.div_euclid(24)..=(ruled.to - 1).div_euclid(24);
        for day in left_out.days.iter_mut().filter(|day| days.contains(&i64::from(day.day))) {
            if let Some(amounts) = day.amounts.take_if(|_| is_about(Part::Amounts)) {
                given_back.1 += 1;
                if expected {
                    baseline.learn_day(&whole(&amounts));
                }
            }
            if let Some(news) = day.news.take_if(|_| is_about(Part::News))
                && expected
            {
                baseline.news.learn(news as u64);
            }
        }
        left_out.days.retain(|day| day.amounts.is_some() || day.news.is_some());
        // The day goes on: it is judged when it is over.
        let (day, of_days) = (*days.end(), is_about(Part::Amounts) || is_about(Part::News));
        if of_days && ruled.last_hour() < day * 24 + 23 {
            if let Some((_, ruling)) = left_out.judged.iter_mut().find(|(of, _)| *of == day) {
                *ruling = ruled.ruling.max(*ruling);
            } else if left_out.judged.len() < LEFT_OUT_DAYS_MAX {
                left_out.judged.push((day, ruled.ruling));
            }
        }
        self.hours = self.hours.saturating_sub(given_back.0);
        self.days = self.days.saturating_sub(given_back.1);
        self.drop_empty();
    }

    fn shrink_to_fit(&mut self) {
        if let Some(left_out) = &mut self.left_out {
            left_out.hours.shrink_to_fit();
            left_out.days.shrink_to_fit();
            left_out.judged.shrink_to_fit();
        }
    }

    /// Most entities have nothing left out: no memory for that.
    fn drop_empty(&mut self) {
        self.left_out
            .take_if(|left_out| left_out.hours.is_empty() && left_out.days.is_empty() && left_out.judged.is_empty());
    }
}

impl Ruled {
    /// The verdict is about what was said in that hour, or about the like later.
    fn settles_news_of(&self, told: i64) -> bool {
        self.is_news && told < self.to
    }

    /// Who knows the hours through this one knows the verdict.
    pub(crate) fn last_hour(&self) -> i64 {
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
            awaited: None,
            took: false,
            roaming: 0,
            payees: Vec::new(),
            marked: Vec::new(),
            tried: 0,
            reads: 0,
            good: Vec::new(),
            gates: None,
        }
    }

    pub(crate) fn take(&mut self, kind: EntityKind, bucket: Bucket, tally: &Tally) {
        self.tally.merge(tally);
        self.took = true;
        self.latest = self.latest.max(bucket);
        self.step(kind, bucket, tally);
        match kind {
            EntityKind::PortalUser => {
                for (_, place) in tally.places.iter() {
                    if let Some(location) = location(place) {
                        let is_country = country(place).is_some();
                        self.spot(kind, Spot { place: half(location), is_country, ..Spot::default() }, bucket);
                    }
                }
            }
            EntityKind::Session => {
                // Of a minute with several addresses it is not known which belongs to which place and agent: all pairs count. With one
                // place for all of them, as was tried first, a thief and an owner who are both at work in every minute stood
                // at the same place.
                // Whether a minute's entries come one by one or merged must not matter: so all of the minute's places decide.
                if tally.places.iter().any(|(_, place)| !is_access_line(place)) {
                    self.roaming |= 1 << bucket.0.rem_euclid(60);
                }
                for (of_address, address) in tally.addresses.iter() {
                    let known = tally.places.iter().map(|(of_place, _)| of_place);
                    let unknown = tally.places.is_empty().then(|| network(address).unwrap_or(0));
                    let subnet = subnet(address).unwrap_or(0);
                    for place in known.chain(unknown) {
                        let agents = tally.agents.iter().map(|(_, agent)| browser(agent));
                        for agent in agents.chain(tally.agents.is_empty().then_some(0)) {
                            let spot = Spot {
                                place: half(place),
                                address: of_address as u32,
                                agent,
                                subnet,
                                ..Spot::default()
                            };
                            self.spot(kind, spot, bucket);
                        }
                    }
                }
            }
            EntityKind::UserTable | EntityKind::Table => {
                for (account, whose) in tally.payees() {
                    let payee = [account, whose].map(|text| tally::stable_hash(&[text.as_bytes()]) as u32);
                    let payee = (payee[0], payee[1]);
                    if let Err(at) = self.payees.binary_search(&payee) {
                        self.payees.insert(at, payee);
                        self.payees.truncate(PAYEES_OF_HOUR_MAX);
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

    /// One text for all entities that match a rule: what they remember of it is a pointer.
    pub(crate) fn share_marks(&mut self, shared: &mut BTreeSet<Arc<Mark>>) {
        for (mark, _) in &mut self.marked {
            match shared.get(mark) {
                Some(known) => *mark = known.clone(),
                None if shared.len() < MARKS_SHARED_MAX => {
                    shared.insert(mark.clone());
                }
                None => {}
            }
        }
    }

    /// A spot without the minutes in which a session was elsewhere as well.
    pub(crate) fn at_home(&self, spot: &Spot) -> Spot {
        Spot { minutes: spot.minutes & !self.roaming, ..*spot }
    }

    /// Nothing happened in it: it is only there for a second look at another, and says nothing of what is usual.
    pub(crate) fn is_second_look(&self) -> bool {
        self.awaited.is_some() && !self.took
    }

    pub(crate) fn steps(&self) -> Steps {
        let unnamed = self.tally.get(Metric::UnnamedStatements);
        Steps { hour: self.hour, marks: self.marked.clone(), tried: self.tried, reads: self.reads, unnamed }
    }

    /// A step before the reads.
    fn has_steps(&self) -> bool {
        !self.marked.is_empty() || self.tried != 0
    }

    fn spot(&mut self, kind: EntityKind, spot: Spot, bucket: Bucket) {
        let minute = 1 << bucket.0.rem_euclid(60);
        match self.spots.binary_search_by_key(&spot.key(), Spot::key) {
            Ok(at) => {
                self.spots[at].minutes |= minute;
                self.spots[at].subnet = self.spots[at].subnet.max(spot.subnet);
            }
            Err(at) => {
                self.spots.insert(at, Spot { minutes: minute, ..spot });
                // The smallest stay, whatever came first.
                self.spots.truncate(spots_max(kind));
            }
        }
    }

    fn is_suspicious(&self) -> bool {
        self.unusual || self.suspicious
    }

    fn heap_bytes(&self) -> usize {
        let gates = self.gates.as_deref().map_or(0, size_of_val);
        let marks = of_vec(&self.marked) + of_vec(&self.said);
        let awaited = self.awaited.as_deref().map_or(0, |reads| size_of::<Tally>() + reads.heap_bytes());
        let own = of_vec(&self.minutes) + of_vec(&self.spots) + of_vec(&self.payees) + of_vec(&self.good);
        self.tally.heap_bytes() + own + marks + gates + awaited
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

packed!(Key { mode, kind, id });
packed!(EntityState {
    key,
    baseline,
    hours,
    days,
    known,
    seen,
    trail,
    told,
    quarantine,
    rare,
    last_hour,
    last_talked,
    was_suspicious
});
packed!(HourState {
    hour,
    tally,
    minutes,
    talked,
    fives,
    closed,
    paged,
    said,
    unusual,
    suspicious,
    unexplained,
    latest,
    novel,
    fresh,
    off_hours,
    night,
    spots,
    awaited,
    took,
    roaming,
    payees,
    marked,
    tried,
    reads,
    good,
    gates
});
packed!(Spot { place, is_country, address, agent, subnet, minutes });
packed!(Passed { hour, place, address, agent, subnet, minutes });
packed!(Pages { requests, statements, deepest });
packed!(DayState {
    day,
    amounts,
    paged,
    unusual,
    fresh,
    records,
    novelty,
    share_step,
    walk,
    off_hours,
    bank_rows,
    pages,
    norms,
    drifted,
    counted,
    odd_page_counted,
    digest,
    listed
});
packed!(Quarantine { since, hours, days, left_out });
packed!(LeftOut { hours, days, judged });
packed!(LeftOutHour { hour, people, unnamed, amounts });
packed!(LeftOutDay { day, amounts, news });

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::of_days(20.0)
    }

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
        entity.learn(22, |_| false, &pace());
        let ahead = entity.ahead(25, |_| false, &pace()).unwrap();
        entity.learn(25, |_| false, &pace());
        assert_eq!(format!("{ahead:?}"), format!("{:?}", entity.baseline));
        assert!(entity.ahead(25, |_| false, &pace()).is_none());
        assert!(entity.baseline.level(0, crate::watch::Scale::Day).n > 0.9, "the day of hour 20 is over");
    }

    #[test]
    fn what_was_touched_is_known_alike_however_much_is_learned() {
        let record = |n: i64| Record::new("employee", &n.to_string());
        let touched = |learned: i64| {
            let mut entity = entity();
            for hour in 0..40 {
                let mut tally = Tally::default();
                (0..60).for_each(|n| tally.records.insert(record(hour * 60 + n)));
                entity.take(Bucket(hour * 60), &tally);
                close(&mut entity, hour);
            }
            entity.learn(learned, |_| false, &pace());
            let seen = entity.seen(30);
            let known: Vec<bool> = (0..9_000).map(|n| seen.contains(record(n))).collect();
            (known, seen.missed())
        };
        let (known, missed) = touched(30);
        assert!(missed > 0.2, "a filter: {missed}");
        for learned in [-1, 3, 28, 29] {
            assert!(touched(learned) == (known.clone(), missed), "{learned}");
        }
    }

    #[test]
    fn an_hour_that_is_only_a_second_look_is_not_learned() {
        let mut host = of_kind(EntityKind::AppHost);
        host.take(Bucket(20 * 60), &rows(7));
        host.hour_mut(22).0.awaited = Some(Box::new(rows(7)));
        host.hour_mut(23).0.awaited = Some(Box::new(rows(7)));
        host.take(Bucket(23 * 60), &rows(9));
        (20..24).filter(|hour| *hour != 21).for_each(|hour| close(&mut host, hour));
        let host = learned(host, || {
            let mut again = of_kind(EntityKind::AppHost);
            for (hour, n) in [(20, 7), (23, 9)] {
                again.take(Bucket(hour * 60), &rows(n));
                close(&mut again, hour);
            }
            again
        });
        assert!((1.9..=2.0).contains(&host.baseline.hours), "two hours, a little forgotten: {}", host.baseline.hours);
    }

    #[test]
    fn unusual_hours_are_left_out_for_a_bounded_time() {
        let mut entity = entity();
        for hour in 0..200 {
            entity.take(Bucket(hour * 60), &rows(1_000_000));
            entity.hour_mut(hour).0.unusual = true;
            close(&mut entity, hour);
        }
        entity.learn(i64::from(QUARANTINED_HOURS_MAX) - 1, |_| false, &pace());
        assert_eq!(entity.baseline.level(0, crate::watch::Scale::Hour).n, 0.0);
        entity.learn(199, |_| false, &pace());
        assert!(entity.baseline.level(0, crate::watch::Scale::Hour).n > 100.0, "nothing freezes for ever");
    }

    fn of_kind(kind: EntityKind) -> EntityState {
        EntityState::new(Key { kind, ..entity().key })
    }

    fn ruled(ruling: Ruling, part: Part, (from, to): (i64, i64), effective: i64) -> Ruled {
        let alert = crate::AlertId::parse(&"0".repeat(32)).unwrap();
        Ruled { effective, at: activity::Timestamp::MIN, alert, ruling, part: Some(part), is_news: false, from, to }
    }

    /// The state after everything, learned in one go and in steps.
    fn learned(mut entity: EntityState, again: impl Fn() -> EntityState) -> EntityState {
        let mut in_steps = again();
        (0..100).for_each(|through| in_steps.learn(through, |_| false, &pace()));
        entity.learn(99, |_| false, &pace());
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
        part.learn(60, |_| false, &pace());
        assert_eq!((knows(&part, 77), knows(&part, 78)), ([true, true, true], [true, false, true]));
        let mut whole = user();
        whole.learn(78, |_| false, &pace());
        assert_eq!(knows(&whole, 78), [true, false, true]);
    }

    #[test]
    fn shadows_never_learn() {
        let mut shadow = EntityState::new(Key { mode: Mode::Drill(activity::DrillId(1)), ..entity().key });
        shadow.take(Bucket(0), &rows(5));
        close(&mut shadow, 0);
        assert!(shadow.ahead(9, |_| false, &pace()).is_none());
        shadow.learn(9, |_| false, &pace());
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
