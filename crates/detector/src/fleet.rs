//! What peers do: the roll-ups of all tally partitions, folded hour by hour.
//!
//! Hour `h` is judged with roll-ups through `h - 2`, of *all* partitions, neither more nor fewer; a partition that is ahead
//! waits. So it does not matter who is faster. Each roll-up names the one before it, so that hours in which a partition
//! had nothing to say need no message and a lost one is noticed.

use crate::{
    detectors::Foothold,
    limits::{CHAIN_HOURS, GROUP_VALUES_MAX, GROUPS_MAX},
    pace::Pace,
    packed::{Packed, Unpacker, packed},
    rollup::{Cell, FOOTHOLDS, GroupHour, OTHER, Rollup},
    tail::{HALF_OCTAVES, beyond_maximum, half_octave, half_octave_end},
    watch::CELLS_OF_PEERS,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use tally::{DecodeError, Encoder};

/// What is usual in a group, as of some hour.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Active entity-hours seen (forgotten slowly).
    pub(crate) active: f64,
    /// Entity-hours in which a value new to the entity was met: networks, places, tables.
    pub(crate) novel: [f64; 3],
    /// Places and tables the group uses, and the entity-hours in which it did (forgotten slowly).
    pub(crate) values: [Arc<BTreeMap<u64, f32>>; 2],
    /// People who touched unusually many new records, by day.
    pub(crate) crowd: Crowd,
    /// What was left behind in about a day before, ascending.
    pub(crate) footholds: Vec<Foothold>,
    pub(crate) cells: [Option<Usual>; CELLS_OF_PEERS],
}

/// How many people did something on a day, and on earlier days.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crowd {
    /// The day of `today`; `None`: nothing known.
    pub(crate) last: Option<i64>,
    pub(crate) today: u64,
    /// Earlier days since the first, those without anybody too.
    pub(crate) days: f64,
    pub(crate) sum: f64,
    pub(crate) max: f64,
}

impl Crowd {
    fn fold(&mut self, hour: i64, n: u64) {
        let day = hour.div_euclid(24);
        let last = *self.last.get_or_insert(day);
        for _ in last..day {
            let today = std::mem::take(&mut self.today) as f64;
            // Forgotten by half in about six weeks.
            (self.days, self.sum, self.max) =
                (self.days * CROWD_KEEP + 1.0, self.sum * CROWD_KEEP + today, (self.max * CROWD_KEEP).max(today));
        }
        self.last = Some(last.max(day));
        self.today += n;
    }
}

/// What is kept of earlier days from one to the next.
const CROWD_KEEP: f64 = 0.984;

/// Distribution of an amount among peers, given that there was any.
#[derive(Debug)]
pub(crate) struct Usual {
    pub(crate) n: f64,
    pub(crate) mean: f64,
    /// Shape of a negative binomial with this mean and variance.
    pub(crate) shape: f64,
    /// One in a thousand is greater.
    pub(crate) extreme: f64,
    pub(crate) max: f64,
    /// Mean of the squares.
    pub(crate) square: f64,
    /// How much more than usual peers do of late, at least 1, at most [`SHIFT_MAX`].
    pub(crate) shift: f64,
    /// Weight at or above each half octave.
    above: Box<[f32]>,
}

/// Peers of one hour, by group.
pub(crate) type Snapshot = Arc<HashMap<Box<str>, Arc<Peers>>>;

/// Active entity-hours below which a group says nothing of its members.
pub(crate) const FEW_PEERS: f64 = 50.0;

/// A shared shift widens thresholds at most so much; more is not a shift but an event.
const SHIFT_MAX: f64 = 4.0;
/// Half-life of "of late", in hours.
const RECENT_HOURS: f64 = 12.0;
/// Weight below which a half octave counts as forgotten.
const FORGOTTEN: f64 = 0.05;

impl Usual {
    /// P(a peer's amount reaches x), the tail beyond the maximum extrapolated.
    pub(crate) fn survival(&self, x: f64, alpha: f64) -> f64 {
        if x > self.max {
            return beyond_maximum(x, self.max, self.n, alpha);
        }
        let above = f64::from(self.above[usize::from(half_octave(x.max(0.0) as u64))]);
        ((above + 1.0) / (self.n + 1.0)).min(1.0)
    }

    /// Share of the others' amounts that reach x, where one's own latest is known to be among them; at least one of all.
    pub(crate) fn share_of_others(&self, x: u64, own: u64) -> f64 {
        let (bin, mine) = (usize::from(half_octave(x)), usize::from(half_octave(own)));
        let at = |bin: usize| f64::from(self.above.get(bin).copied().unwrap_or(0.0));
        // Never more for a greater x, whether or not one's own is there.
        let above = if bin <= mine { (at(bin) - 1.0).max(at(mine + 1)) } else { at(bin) };
        ((above + 1.0) / (self.n + 1.0)).min(1.0)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Fleet {
    /// Through which hour each tally partition has said everything; `None` before its first word.
    said: Vec<Option<i64>>,
    /// Heard, but what came before it has not been heard.
    waiting: Vec<(u32, i64, i64)>,
    /// Sums of hours not yet folded.
    hours: BTreeMap<i64, BTreeMap<Box<str>, GroupHour>>,
    /// Roll-ups already added, not yet folded.
    added: BTreeSet<(i64, u32)>,
    groups: HashMap<Box<str>, Group>,
    views: Snapshot,
    folded: Option<i64>,
    /// Hours up to which missing roll-ups are no longer waited for.
    released: Option<i64>,
    /// Roll-ups that came after their hour had been folded without them.
    pub(crate) missed: u64,
    /// Counts changes of anything here.
    changes: u64,
}

#[derive(Debug, Default)]
struct Group {
    last: i64,
    active: f64,
    novel: [f64; 3],
    crowd: Crowd,
    footholds: BTreeSet<Foothold>,
    values: [BTreeMap<u64, Used>; 2],
    known: [Arc<BTreeMap<u64, f32>>; 2],
    cells: BTreeMap<u8, Folded>,
}

/// How often a value was used.
#[derive(Clone, Copy, Debug)]
struct Used {
    last: i64,
    /// Entity-hours, as of the last.
    weight: f64,
}

#[derive(Clone, Debug)]
struct Folded {
    last: i64,
    n: f64,
    sum: f64,
    squares: f64,
    recent_n: f64,
    recent_sum: f64,
    bins: Box<[f64]>,
}

impl Fleet {
    pub(crate) fn new(partitions: u32) -> Self {
        Fleet { said: vec![None; partitions.max(1) as usize], ..Fleet::default() }
    }

    /// Takes in a roll-up; repeats change nothing.
    pub(crate) fn hear(&mut self, rollup: &Rollup) {
        let Some(said) = self.said.get_mut(rollup.partition as usize) else { return };
        if said.is_some_and(|said| rollup.hour <= said) || !self.added.insert((rollup.hour, rollup.partition)) {
            return;
        }
        self.changes += 1;
        if self.folded.is_some_and(|folded| rollup.hour <= folded) {
            self.missed += 1;
        } else {
            let hour = self.hours.entry(rollup.hour).or_default();
            for (name, group) in &rollup.groups {
                hour.entry(name.clone()).or_default().merge(group);
            }
        }
        let previous = rollup.previous.unwrap_or(i64::MIN);
        self.waiting.push((rollup.partition, previous, rollup.hour));
        // What was waiting for this one may now count, in turn.
        loop {
            let said = &mut self.said;
            let before = self.waiting.len();
            self.waiting.retain(|(partition, previous, hour)| {
                let said = &mut said[*partition as usize];
                let joins = *previous == i64::MIN || said.is_some_and(|said| said >= *previous);
                if joins {
                    *said = Some(said.map_or(*hour, |said| said.max(*hour)));
                }
                !joins
            });
            if self.waiting.len() == before {
                return;
            }
        }
    }

    /// Everybody has said everything through this hour (or is no longer waited for).
    pub(crate) fn complete(&self, hour: i64) -> bool {
        self.released.is_some_and(|released| hour <= released)
            || self.said.iter().all(|said| said.is_some_and(|said| said >= hour))
    }

    /// Stop waiting for roll-ups through this hour.
    pub(crate) fn release(&mut self, hour: i64) {
        if self.released.is_none_or(|released| released < hour) {
            self.released = Some(hour);
            self.changes += 1;
        }
    }

    /// What is usual after the hours through `hour`; must be called with ascending hours.
    pub(crate) fn through(&mut self, hour: i64, pace: &Pace) -> Snapshot {
        self.changes += 1;
        let later = self.hours.split_off(&hour.saturating_add(1));
        let ready = std::mem::replace(&mut self.hours, later);
        self.added = self.added.split_off(&(hour.saturating_add(1), 0));
        self.folded = Some(self.folded.map_or(hour, |folded| folded.max(hour)));
        if ready.is_empty() {
            return self.views.clone();
        }
        let mut changed = BTreeSet::new();
        for (at, groups) in ready {
            for (name, sums) in groups {
                let name = if self.has_room(&name, at, pace) { name } else { OTHER.into() };
                self.groups.entry(name.clone()).or_default().fold(at, &sums, pace);
                changed.insert(name);
            }
        }
        let mut views = HashMap::clone(&self.views);
        views.retain(|name, _| self.groups.contains_key(name));
        for name in changed {
            if let Some(group) = self.groups.get(&name) {
                views.insert(name, Arc::new(group.view()));
            }
        }
        self.views = Arc::new(views);
        self.views.clone()
    }

    /// Whether the group is there or may be: tables that do not exist can be named by anybody, and each makes a group, which must not
    /// keep those of new tables and roles out for ever.
    fn has_room(&mut self, name: &str, hour: i64, pace: &Pace) -> bool {
        if self.groups.len() < GROUPS_MAX || self.groups.contains_key(name) || name == FOOTHOLDS {
            return true;
        }
        let activity = |group: &Group| group.active * pace.keep(group.last, hour);
        // Footholds have no members, and are not to be lost.
        let members = self.groups.iter().filter(|(name, _)| &***name != FOOTHOLDS);
        let all = members.map(|(name, group)| (activity(group), name));
        let least = all.min_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(other.1)));
        let Some(name) = least.filter(|(active, _)| *active < FEW_PEERS).map(|(_, name)| name.clone()) else {
            return false;
        };
        self.groups.remove(&name);
        true
    }

    /// What is usual as far as it is known.
    pub(crate) fn current(&self) -> Snapshot {
        self.views.clone()
    }

    /// The same number twice: nothing here has changed in between.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Bytes of the groups, and of what is usual in them now and in the hours that are open; what these share counts once.
    pub(crate) fn bytes<'a>(&'a self, open: impl Iterator<Item = &'a Snapshot>) -> usize {
        let mut counted: HashSet<*const ()> = HashSet::new();
        let mut of_values = |values: &[Arc<BTreeMap<u64, f32>>; 2]| {
            let new = values.iter().filter(|values| counted.insert(Arc::as_ptr(values).cast()));
            new.map(|values| values.len() * size_of::<(u64, f32)>()).sum::<usize>()
        };
        let mut bytes = 0;
        for (name, group) in &self.groups {
            bytes += name.len() + size_of::<(Box<str>, Group)>() + group.heap_bytes() + of_values(&group.known);
        }
        let views: BTreeMap<*const HashMap<_, _>, &Snapshot> =
            std::iter::once(&self.views).chain(open).map(|views| (Arc::as_ptr(views), views)).collect();
        let mut counted: HashSet<*const Peers> = HashSet::new();
        for (name, peers) in views.into_values().flat_map(|views| views.iter()) {
            bytes += name.len() + size_of::<(Box<str>, Arc<Peers>)>();
            if counted.insert(Arc::as_ptr(peers)) {
                let cells = peers.cells.iter().flatten().count();
                bytes += size_of::<Peers>() + cells * HALF_OCTAVES * size_of::<f32>() + of_values(&peers.values);
            }
        }
        bytes
    }
}

impl Group {
    fn fold(&mut self, hour: i64, sums: &GroupHour, pace: &Pace) {
        let keep = pace.keep(self.last, hour);
        self.last = hour;
        self.active = self.active * keep + sums.active as f64;
        self.crowd.fold(hour, sums.crossed);
        self.footholds.extend(sums.footholds.iter().cloned());
        self.footholds.retain(|foothold| hour - foothold.minute.div_euclid(60) <= CHAIN_HOURS + 3);
        for (novel, more) in self.novel.iter_mut().zip(sums.novel) {
            *novel = *novel * keep + more as f64;
        }
        for ((values, known), used) in self.values.iter_mut().zip(&mut self.known).zip(&sums.values) {
            if used.is_empty() {
                continue;
            }
            let keep = |since: i64| pace.keep(since, hour);
            for (value, n) in used {
                let value = values.entry(*value).or_insert(Used { last: hour, weight: 0.0 });
                *value = Used { last: hour, weight: value.weight * keep(value.last) + *n as f64 };
            }
            while values.len() > GROUP_VALUES_MAX {
                let oldest = values.iter().min_by_key(|(value, used)| (used.last, **value)).map(|(value, _)| *value);
                oldest.map(|value| values.remove(&value));
            }
            let weight = |(value, used): (&u64, &Used)| (*value, (used.weight * keep(used.last)) as f32);
            *known = Arc::new(values.iter().map(weight).collect());
        }
        for (number, cell) in &sums.cells {
            self.cells.entry(*number).or_insert_with(|| Folded::new(hour)).fold(hour, cell, pace);
        }
    }

    fn heap_bytes(&self) -> usize {
        self.values.iter().map(|values| values.len() * size_of::<(u64, Used)>()).sum::<usize>()
            + self.cells.len() * (size_of::<(u8, Folded)>() + HALF_OCTAVES * size_of::<f64>())
    }

    fn view(&self) -> Peers {
        let mut peers = Peers {
            active: self.active,
            novel: self.novel,
            values: self.known.clone(),
            crowd: self.crowd,
            footholds: self.footholds.iter().cloned().collect(),
            ..Peers::default()
        };
        for (number, cell) in &self.cells {
            peers.cells[usize::from(*number)] = Some(cell.view());
        }
        peers
    }
}

impl Folded {
    fn new(hour: i64) -> Self {
        let bins = vec![0.0; HALF_OCTAVES].into();
        Folded { last: hour, n: 0.0, sum: 0.0, squares: 0.0, recent_n: 0.0, recent_sum: 0.0, bins }
    }

    fn fold(&mut self, hour: i64, cell: &Cell, pace: &Pace) {
        let passed = (hour - self.last).max(0) as f64;
        let keep = pace.keep(self.last, hour);
        let keep_recent = (-passed / RECENT_HOURS).exp2();
        self.last = hour;
        self.n = self.n * keep + cell.n as f64;
        self.sum = self.sum * keep + cell.sum as f64;
        self.squares = self.squares * keep + cell.squares as f64;
        self.recent_n = self.recent_n * keep_recent + cell.n as f64;
        self.recent_sum = self.recent_sum * keep_recent + cell.sum as f64;
        self.bins.iter_mut().for_each(|weight| *weight *= keep);
        for (bin, n) in &cell.bins {
            self.bins[usize::from(*bin)] += *n as f64;
        }
    }

    fn view(&self) -> Usual {
        let mut above: Box<[f32]> = vec![0.0; HALF_OCTAVES].into();
        let mut weight = 0.0;
        let mut extreme = None;
        let mut max = None;
        for bin in (0..HALF_OCTAVES).rev() {
            weight += self.bins[bin];
            above[bin] = weight as f32;
            let end = half_octave_end(bin as u8);
            if max.is_none() && self.bins[bin] >= FORGOTTEN {
                max = Some(end);
            }
            if extreme.is_none() && weight > self.n / 1000.0 {
                extreme = Some(end);
            }
        }
        let mean = self.sum / self.n.max(1e-9);
        let variance = (self.squares / self.n.max(1e-9) - mean * mean).max(0.0);
        let shape = if variance > mean { (mean * mean / (variance - mean)).clamp(0.05, 50.0) } else { 50.0 };
        // Ten active entity-hours of prior weight: a few must not make a shift.
        let recent = (self.recent_sum + 10.0 * mean) / (self.recent_n + 10.0);
        Usual {
            n: self.n,
            mean,
            shape,
            extreme: extreme.unwrap_or(1.0),
            max: max.unwrap_or(1.0),
            square: self.squares / self.n.max(1e-9),
            shift: (recent / mean.max(1e-9)).clamp(1.0, SHIFT_MAX),
            above,
        }
    }
}

impl Fleet {
    /// Everything but what follows from settings, and [`Fleet::current`]. Groups come first: they change once an hour, the others with
    /// each roll-up, and then what is before need not be written again.
    pub(crate) fn pack_all(&self, to: &mut Encoder) {
        let Fleet { said, waiting, hours, added, groups, views: _, folded, released, missed, changes: _ } = self;
        let ordered: BTreeMap<&Box<str>, &Group> = groups.iter().collect();
        ordered.len().pack(to);
        for (name, group) in ordered {
            name.pack(to);
            group.pack(to);
        }
        said.pack(to);
        waiting.pack(to);
        hours.pack(to);
        added.pack(to);
        folded.pack(to);
        released.pack(to);
        missed.pack(to);
    }

    pub(crate) fn unpack_all(self, from: &mut Unpacker<'_>, views: Snapshot) -> Result<Fleet, DecodeError> {
        // In version 1 groups came between the others.
        let groups_first = if from.version < 2 { None } else { Some(BTreeMap::unpack(from)?) };
        let said = Vec::unpack(from)?;
        if said.len() != self.said.len() {
            return Err(DecodeError::Range("a number of partitions"));
        }
        let (waiting, hours, added) = (Packed::unpack(from)?, Packed::unpack(from)?, Packed::unpack(from)?);
        let groups = groups_first.map_or_else(|| BTreeMap::unpack(from), Ok)?.into_iter().collect();
        let (folded, released, missed) = (Packed::unpack(from)?, Packed::unpack(from)?, Packed::unpack(from)?);
        Ok(Fleet { said, waiting, hours, added, groups, views, folded, released, missed, changes: 0 })
    }
}

/// The values of a group and of its views are shared while they run; in a snapshot each has its own.
impl Packed for Arc<BTreeMap<u64, f32>> {
    fn pack(&self, to: &mut Encoder) {
        (**self).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        BTreeMap::unpack(from).map(Arc::new)
    }
}

packed!(Crowd { last, today, days, sum, max });
packed!(Usual { n, mean, shape, extreme, max, square, shift, above });
packed!(Peers { active, novel, values, crowd, footholds, cells });
packed!(Group { last, active, novel, crowd, footholds, values, known, cells });
packed!(Used { last, weight });
packed!(Folded { last, n, sum, squares, recent_n, recent_sum, bins });

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::of_days(21.0)
    }

    fn rollup(partition: u32, hour: i64, previous: Option<i64>, amounts: &[u64]) -> Rollup {
        let mut group = GroupHour { active: amounts.len() as u64, ..GroupHour::default() };
        amounts.iter().for_each(|amount| group.cells.entry(0).or_default().add(*amount));
        Rollup { partition, hour, previous, groups: [("g".into(), group)].into() }
    }

    #[test]
    fn waits_for_every_partition_and_for_what_came_before() {
        let mut fleet = Fleet::new(2);
        fleet.hear(&rollup(0, 10, None, &[1]));
        assert!(!fleet.complete(10));
        fleet.hear(&rollup(1, 12, Some(11), &[1]));
        assert!(!fleet.complete(10), "11 of partition 1 is missing");
        fleet.hear(&rollup(1, 11, None, &[1]));
        assert!(fleet.complete(10) && !fleet.complete(11));
        fleet.hear(&rollup(0, 15, Some(10), &[]));
        assert!(fleet.complete(12) && !fleet.complete(13));
        fleet.release(14);
        assert!(fleet.complete(14) && !fleet.complete(15));
    }

    #[test]
    fn repeats_and_order_change_nothing() {
        let all = [
            rollup(0, 1, None, &[3, 9]),
            rollup(0, 2, Some(1), &[4]),
            rollup(1, 1, None, &[100]),
            rollup(1, 2, Some(1), &[5]),
        ];
        let mean = |order: &[usize]| {
            let mut fleet = Fleet::new(2);
            order.iter().for_each(|at| fleet.hear(&all[*at]));
            let view = fleet.through(2, &pace());
            view["g"].cells[0].as_ref().map(|usual| (usual.mean, usual.n, usual.max))
        };
        assert_eq!(mean(&[0, 1, 2, 3]), mean(&[3, 3, 1, 2, 0, 0, 1]));
    }

    #[test]
    fn groups_that_somebody_invents_give_way_and_those_with_members_stay() {
        let named = |hour: i64, names: &mut dyn Iterator<Item = String>, active: u64| {
            let group = GroupHour { active, ..GroupHour::default() };
            let groups = names.map(|name| (name.into(), group.clone())).collect();
            Rollup { partition: 0, hour, previous: (hour > 1).then_some(hour - 1), groups }
        };
        let mut fleet = Fleet::new(1);
        fleet.hear(&named(1, &mut ["portal_user|payroll".to_owned()].into_iter(), 60));
        fleet.hear(&named(2, &mut (0..2 * GROUPS_MAX).map(|n| format!("user_table|ess|hr.x{n}")), 1));
        fleet.hear(&named(3, &mut ["user_table|ess|hr.bonus".to_owned()].into_iter(), 3));
        let view = fleet.through(3, &pace());
        assert_eq!((view.len(), fleet.groups()), (GROUPS_MAX, GROUPS_MAX));
        assert_eq!(view["user_table|ess|hr.bonus"].active, 3.0);
        assert!(view["portal_user|payroll"].active >= 59.0 && !view.contains_key("other"));
    }

    #[test]
    fn a_late_rollup_is_counted_not_used() {
        let mut fleet = Fleet::new(2);
        fleet.hear(&rollup(0, 1, None, &[3]));
        fleet.release(1);
        assert_eq!(fleet.through(1, &pace())["g"].cells[0].as_ref().map(|usual| usual.n), Some(1.0));
        fleet.hear(&rollup(1, 1, None, &[3]));
        assert_eq!(
            (fleet.missed, fleet.through(2, &pace())["g"].cells[0].as_ref().map(|usual| usual.n)),
            (1, Some(1.0))
        );
    }

    #[test]
    fn survival_falls_and_goes_beyond_the_maximum() {
        let mut fleet = Fleet::new(1);
        let amounts: Vec<u64> = (1..=1000).collect();
        fleet.hear(&rollup(0, 1, None, &amounts));
        let view = fleet.through(1, &pace());
        let usual = view["g"].cells[0].as_ref().unwrap();
        let at = |x| usual.survival(x, 4.0);
        assert!((at(1.0) - 1.0).abs() < 0.01 && (0.4..0.7).contains(&at(500.0)));
        assert!(at(10_000.0) < 1e-6 && at(10_000.0) > 1e-8);
        assert!([1.0, 10.0, 100.0, 900.0, 1100.0, 1e4, 1e6].windows(2).all(|pair| at(pair[0]) >= at(pair[1])));
    }
}
