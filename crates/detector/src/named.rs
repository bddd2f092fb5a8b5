//! Which records an alert is about, as far as ids name them: a bounded set that can be merged with those of other alerts.
//!
//! A regulator asks how many persons are concerned, over all days and tables of an incident. Numbers of alerts cannot be added
//! up to that: who is read on three days counts three times. Sets can be merged. So an alert carries the records that the hour
//! names, each once; merged over an incident they tell how many *different* ones there were.
//!
//! The set keeps all records whose rank ([`tally::SampleKey`]) lies below a bound, the *threshold* (theta sketch; A. Dasgupta,
//! K. Lang, L. Rhodes, J. Thaler, "A framework for estimating stream expression cardinalities", 2016). Up to the limit there
//! is no bound and the count is exact; beyond it the bound falls, and n members below the part t of all numbers stand for
//! n / t records with a standard error of 1/√n: 6.3 % with 255, 3.1 % with 1024. Merging takes the smaller bound and the union, so it is
//! commutative, associative and idempotent, and exact ids stay with the estimate. HyperLogLog lost: it needs an eighth of
//! the bytes, but cannot say *which* records; k minimum values without a bound lost as well: a merge of samples has then no more
//! members than one sample, while a bound keeps all that the samples have in common.
//!
//! Ranks come with the records. Under the deployment's key (`[privacy] key_file`) nobody who chooses ids can tell which of them stay. In the
//! public order, that of deployments without one, he can: once an hour names more than 256, the estimate says what he wants, within
//! 256 and [`ESTIMATE_MAX`]. What he reads still shows in the rows sent, which no id can hide.
//!
//! # Several keys
//! An incident lasts months, and the key may change meanwhile. Sets under different keys stay side by side, at most
//! [`tally::limits::SAMPLE_KEYS_MAX`]: a bound under one key says nothing about ranks under another. Ids are ids under any key, so **sets
//! that are not samples unite**: their records are known, each once. What samples hold beyond those may be the same records or all
//! different ones: *at least* is the greatest lower bound among them, *at most* the sum of their upper bounds. In between, what two samples have
//! in common is estimated from the members they share, which each holds with the part t of its key: rough, as few are shared, and
//! never beyond the bounds.

use crate::limits::{NAMED_READ_MAX, TABLE_BYTES_MAX};
use activity::Record;
use serde::{Deserialize, Deserializer, Serialize};
use tally::{RANK_BITS, Records, limits::SAMPLE_KEYS_MAX};

/// No estimate is greater: no table has more rows than that.
pub const ESTIMATE_MAX: u64 = 4_000_000_000;

/// The versions of the form in JSON: one is written if all is in the public order, two else. (A program that knows one takes two for none,
/// which is better than a part for the whole.)
const VERSION: u8 = 1;
const VERSION_KEYED: u8 = 2;

/// Different records, or a fair sample of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Ascending by key.
    parts: Vec<Part>,
    keys_beyond: bool,
}

/// Those that came under one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// The key's id.
    key: u32,
    /// All records whose rank is below are members; `None`: all records are.
    below: Option<u64>,
    /// Ascending by rank, then by record.
    members: Vec<(u64, Record)>,
}

/// The records that an alert's hour names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "NamedForm", try_from = "NamedForm")]
pub struct NamedRecords {
    /// The table they were read from; empty where the hour saw several.
    pub table: String,
    /// Those that statements name, and requests whose routes are linked to tables.
    pub records: Sketch,
    /// The route of the following (its shape, without names); empty where there were several, or none.
    pub route: String,
    /// Those that other requests name: whether an id there is one of a table, nobody has said.
    pub by_route: Sketch,
}

/// How many different records there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub lower: u64,
    pub estimate: u64,
    pub upper: u64,
    /// The three are one number, and it is no estimate.
    pub exact: bool,
}

impl Sketch {
    /// Adds what `other` holds; beyond `most` members of one key the bound falls.
    pub fn merge(&mut self, other: &Sketch, most: usize) {
        self.keys_beyond |= other.keys_beyond;
        for part in &other.parts {
            match self.parts.binary_search_by_key(&part.key, |known| known.key) {
                Ok(at) => self.parts[at].merge(part, most),
                Err(at) => {
                    let mut new = part.clone();
                    new.keep(most);
                    self.parts.insert(at, new);
                }
            }
        }
        if self.parts.len() > SAMPLE_KEYS_MAX {
            self.parts.truncate(SAMPLE_KEYS_MAX);
            self.keys_beyond = true;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.members.is_empty())
    }

    /// Each once, in an order that means nothing, always the same.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record> {
        let mut all: Vec<Record> =
            self.parts.iter().flat_map(|part| part.members.iter().map(|(_, record)| *record)).collect();
        if self.parts.len() > 1 {
            all.sort_unstable();
            all.dedup();
        }
        all.into_iter()
    }

    /// How many samples there are, each under a key of its own. Of two or more nothing tells what they have in common.
    pub fn n_samples(&self) -> usize {
        self.parts.iter().filter(|part| part.below.is_some()).count()
    }

    /// What came under some keys is left out: there were more than [`SAMPLE_KEYS_MAX`].
    pub fn keys_beyond(&self) -> bool {
        self.keys_beyond
    }

    /// There is a sample in the public order: whoever chooses ids can distort it.
    pub fn has_public_sample(&self) -> bool {
        self.parts.iter().any(|part| part.key == 0 && part.below.is_some())
    }

    /// How many different records went in; beyond the limit within two standard errors, which is 19 of 20 cases.
    pub fn bounds(&self) -> Bounds {
        self.bounds_of(|_| true)
    }

    /// The same, of the records of one sort (see [`Record::sort`]).
    pub fn bounds_of_sort(&self, sort: u64) -> Bounds {
        self.bounds_of(|record| record.sort() == sort)
    }

    /// The same, of those that are counted.
    pub fn bounds_of(&self, is_counted: impl Fn(Record) -> bool) -> Bounds {
        let held = self.iter().filter(|record| is_counted(*record)).count();
        self.bounds_of_part(held, is_counted)
    }

    /// The same, where it is known already how many members are counted.
    pub fn bounds_of_part(&self, held: usize, is_counted: impl Fn(Record) -> bool) -> Bounds {
        if let ([part], false) = (&*self.parts, self.keys_beyond) {
            // As a rule.
            return part.below.map_or(Bounds::exactly(held as u64), |below| Bounds::of_sample(part_below(below), held));
        }
        let members = |part: &Part| part.members.iter().map(|(_, record)| *record).collect::<Vec<_>>();
        let mut known: Vec<Record> = self.parts.iter().filter(|part| part.below.is_none()).flat_map(members).collect();
        known.retain(|record| is_counted(*record));
        known.sort_unstable();
        known.dedup();
        let n_known = known.len() as u64;
        let counted = |record: &Record| is_counted(*record) && known.binary_search(record).is_err();
        let samples: Vec<Sample> = self.parts.iter().filter_map(|part| Sample::of(part, counted)).collect();
        let Some(sum) = Sample::sum(&samples) else {
            return Bounds { exact: !self.keys_beyond, ..Bounds::exactly(n_known) };
        };
        let with_known = |n: u64| n.saturating_add(n_known).min(ESTIMATE_MAX);
        Bounds {
            lower: with_known(sum.lower),
            estimate: with_known(sum.estimate),
            upper: with_known(sum.upper),
            exact: false,
        }
    }
}

impl Bounds {
    fn exactly(n: u64) -> Self {
        Bounds { lower: n, estimate: n, upper: n, exact: true }
    }

    /// Of so many members of a sample, which has this part of all.
    fn of_sample(part: f64, held: usize) -> Self {
        let n = held as f64;
        let bounded = |n: f64| ((n / part).round() as u64).clamp(held as u64, ESTIMATE_MAX);
        let error = 2.0 * n.sqrt();
        // With no member the upper bound is that of a Poisson count of 0 (95 %: 3).
        Bounds {
            lower: bounded((n - error).max(0.0)),
            estimate: bounded(n),
            upper: bounded((n + error).max(3.0)),
            exact: false,
        }
    }
}

/// The part of all ranks that is below.
fn part_below(below: u64) -> f64 {
    below.max(1) as f64 / 2f64.powi(64)
}

impl Part {
    fn merge(&mut self, other: &Part, most: usize) {
        self.below = match (self.below, other.below) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.members.extend_from_slice(&other.members);
        self.members.sort_unstable();
        self.members.dedup();
        self.keep(most);
    }

    /// What is below the bound, which falls until that is no more than `most`.
    fn keep(&mut self, most: usize) {
        if let Some((first_out, _)) = self.members.get(most) {
            self.below = Some(self.below.map_or(*first_out, |below| below.min(*first_out)));
        }
        if let Some(below) = self.below {
            let kept = self.members.partition_point(|(rank, _)| *rank < below);
            self.members.truncate(kept);
        }
    }
}

/// What a sample says of the records that are counted.
struct Sample {
    /// The part of all ranks that is below the bound.
    part: f64,
    /// Members that are counted, ascending.
    held: Vec<Record>,
}

impl Sample {
    /// `None`: it is no sample, all its records are known.
    fn of(part: &Part, is_counted: impl Fn(&Record) -> bool) -> Option<Self> {
        let below = part.below?;
        let mut held: Vec<Record> = part.members.iter().map(|(_, record)| *record).filter(is_counted).collect();
        held.sort_unstable();
        Some(Sample { part: part_below(below), held })
    }

    fn bounds(&self) -> Bounds {
        Bounds::of_sample(self.part, self.held.len())
    }

    /// Several together; `None` of none.
    fn sum(samples: &[Sample]) -> Option<Bounds> {
        let (first, others) = samples.split_first()?;
        let mut sum = first.bounds();
        let mut held = first.held.clone();
        for (at, sample) in (1..).zip(others) {
            let Bounds { lower, estimate, upper, .. } = sample.bounds();
            sum.lower = sum.lower.max(lower);
            sum.upper = sum.upper.saturating_add(upper).min(ESTIMATE_MAX);
            let in_common = samples[..at].iter().map(|before| sample.in_common(before)).max().unwrap_or(0);
            sum.estimate = sum.estimate.saturating_add(estimate.saturating_sub(in_common));
            held.extend_from_slice(&sample.held);
        }
        held.sort_unstable();
        held.dedup();
        sum.lower = sum.lower.max(held.len() as u64);
        sum.estimate = sum.estimate.clamp(sum.lower, sum.upper.max(sum.lower));
        Some(sum)
    }

    /// Records that both stand for, estimated.
    fn in_common(&self, other: &Sample) -> u64 {
        let shared = self.held.iter().filter(|record| other.held.binary_search(record).is_ok()).count();
        (shared as f64 / (self.part * other.part)).round() as u64
    }
}

impl From<&Records> for Sketch {
    fn from(records: &Records) -> Self {
        let part = |part: &tally::Part| {
            let mut members = part.members().to_vec();
            // Of a sample the greatest member only says where the bound is.
            let below = if part.overflowed() { members.pop().map(|(rank, _)| rank) } else { None };
            let mut part = Part { key: part.key(), below, members };
            part.keep(usize::MAX);
            part
        };
        Sketch { parts: records.parts().iter().map(part).collect(), keys_beyond: records.keys_beyond() }
    }
}

/// As it stands in the JSON of an alert and in the journal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct NamedForm {
    v: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    table: String,
    #[serde(flatten)]
    records: SketchForm,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    route: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_route: Option<SketchForm>,
}

/// A set: what is in the public order, and what came under keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SketchForm {
    /// 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    below: String,
    /// 16 hexadecimal digits each, ascending by their mixed numbers.
    #[serde(default)]
    ids: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keyed: Vec<KeyedForm>,
    #[serde(default, skip_serializing_if = "is_false")]
    keys_beyond: bool,
}

/// What came under one key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct KeyedForm {
    /// The key's id, 8 hexadecimal digits; not 0.
    key: String,
    /// A rank.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    below: String,
    /// As above, ascending by their ranks.
    ids: String,
    /// The rank of each, 10 hexadecimal digits: its upper [`RANK_BITS`].
    ranks: String,
}

const ID_DIGITS: usize = 16;
const KEY_DIGITS: usize = 8;
const RANK_DIGITS: usize = RANK_BITS as usize / 4;
const RANK_SHIFT: u32 = 64 - RANK_BITS;

// serde hands a reference over.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

impl NamedForm {
    /// A later breachd wrote it; what it means is not known here.
    pub(crate) fn is_of_later_version(&self) -> bool {
        self.v > VERSION_KEYED
    }
}

/// Reads what [`NamedRecords`] writes, and takes a later version, whatever it looks like, for none: what it means is not known here, and one
/// such entry must not make all others unreadable. For `#[serde(deserialize_with)]`, with `default` beside it.
///
/// Errors: it is of a known version, and no such form.
pub fn named_if_known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NamedRecords>, D::Error> {
    let Some(form) = Option::<serde_json::Value>::deserialize(from)? else { return Ok(None) };
    if form.get("v").and_then(serde_json::Value::as_u64).is_some_and(|version| version > u64::from(VERSION_KEYED)) {
        return Ok(None);
    }
    serde_json::from_value(form).map(Some).map_err(serde::de::Error::custom)
}

/// Why a form is none of named records.
#[derive(Debug, thiserror::Error)]
#[error("not a set of named records of version {VERSION_KEYED} or before")]
pub struct NotNamedRecords;

impl From<NamedRecords> for NamedForm {
    fn from(named: NamedRecords) -> Self {
        let NamedRecords { table, records, route, by_route } = named;
        let by_route = (by_route != Sketch::default()).then(|| SketchForm::from(&by_route));
        let records = SketchForm::from(&records);
        let is_keyed = |form: &SketchForm| !form.keyed.is_empty();
        let keyed = is_keyed(&records) || by_route.as_ref().is_some_and(is_keyed);
        NamedForm { v: if keyed { VERSION_KEYED } else { VERSION }, table, records, route, by_route }
    }
}

impl TryFrom<NamedForm> for NamedRecords {
    type Error = NotNamedRecords;

    fn try_from(form: NamedForm) -> Result<Self, NotNamedRecords> {
        let NamedForm { v, table, records, route, by_route } = form;
        let fits =
            (VERSION..=VERSION_KEYED).contains(&v) && [&table, &route].iter().all(|name| name.len() <= TABLE_BYTES_MAX);
        if !fits {
            return Err(NotNamedRecords);
        }
        let by_route = by_route.map(Sketch::try_from).transpose()?.unwrap_or_default();
        Ok(NamedRecords { table, records: records.try_into()?, route, by_route })
    }
}

impl From<&Sketch> for SketchForm {
    fn from(sketch: &Sketch) -> Self {
        let mut form = SketchForm { keys_beyond: sketch.keys_beyond, ..SketchForm::default() };
        for Part { key, below, members } in &sketch.parts {
            let ids = members.iter().map(|(_, record)| format!("{:016x}", record.0)).collect();
            let rank = |rank: u64| format!("{:010x}", rank >> RANK_SHIFT);
            if *key == 0 {
                form.below = below.map_or(String::new(), |below| format!("{below:016x}"));
                form.ids = ids;
            } else {
                form.keyed.push(KeyedForm {
                    key: format!("{key:08x}"),
                    below: below.map_or(String::new(), rank),
                    ids,
                    ranks: members.iter().map(|(of, _)| rank(*of)).collect(),
                });
            }
        }
        form
    }
}

impl TryFrom<SketchForm> for Sketch {
    type Error = NotNamedRecords;

    fn try_from(form: SketchForm) -> Result<Self, NotNamedRecords> {
        let SketchForm { below, ids, keyed, keys_beyond } = form;
        let mut parts = Vec::with_capacity(1 + keyed.len());
        if !ids.is_empty() || !below.is_empty() {
            let below = numbers(&below, ID_DIGITS)?.first().copied();
            let records = numbers(&ids, ID_DIGITS)?.into_iter().map(Record);
            parts.push(Part { key: 0, below, members: records.map(|record| (record.mixed(), record)).collect() });
        }
        for KeyedForm { key, below, ids, ranks } in keyed {
            let key = numbers(&key, KEY_DIGITS)?.first().and_then(|key| u32::try_from(*key).ok());
            let below = numbers(&below, RANK_DIGITS)?.first().map(|rank| rank << RANK_SHIFT);
            let records: Vec<Record> = numbers(&ids, ID_DIGITS)?.into_iter().map(Record).collect();
            let ranks = numbers(&ranks, RANK_DIGITS)?;
            if ranks.len() != records.len() {
                return Err(NotNamedRecords);
            }
            let members = ranks.into_iter().map(|rank| rank << RANK_SHIFT).zip(records).collect();
            parts.push(Part { key: key.filter(|key| *key != 0).ok_or(NotNamedRecords)?, below, members });
        }
        let is_canonical = |part: &Part| {
            let ascends = part.members.windows(2).all(|pair| pair[0] < pair[1]);
            let is_within = part.below.is_none_or(|below| part.members.last().is_none_or(|(last, _)| *last < below));
            ascends && is_within && (part.below.is_some() || !part.members.is_empty())
        };
        let keys_ascend = parts.windows(2).all(|pair| pair[0].key < pair[1].key);
        let fits = parts.len() <= SAMPLE_KEYS_MAX && keys_ascend && parts.iter().all(is_canonical);
        if fits { Ok(Sketch { parts, keys_beyond }) } else { Err(NotNamedRecords) }
    }
}

/// Numbers of so many hexadecimal digits each, at most [`NAMED_READ_MAX`].
fn numbers(text: &str, digits: usize) -> Result<Vec<u64>, NotNamedRecords> {
    let is_list = text.len().is_multiple_of(digits)
        && text.len() / digits <= NAMED_READ_MAX
        && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_list {
        return Err(NotNamedRecords);
    }
    let starts = (0..text.len()).step_by(digits);
    starts.map(|at| u64::from_str_radix(&text[at..at + digits], 16).map_err(|_| NotNamedRecords)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tally::SampleKey;

    fn sketch(ids: impl IntoIterator<Item = u64>) -> Sketch {
        sketch_under(0, ids)
    }

    fn sketch_under(key: u8, ids: impl IntoIterator<Item = u64>) -> Sketch {
        let key = if key == 0 { SampleKey::PUBLIC } else { SampleKey::new(u32::from(key), [key; 16]) };
        let mut records = Records::default();
        ids.into_iter().for_each(|id| records.insert_under(key, Record::new("employee", &id.to_string())));
        Sketch::from(&records)
    }

    fn merged(parts: &[&Sketch], most: usize) -> Sketch {
        let mut all = Sketch::default();
        parts.iter().for_each(|part| all.merge(part, most));
        all
    }

    #[test]
    fn few_are_exact_and_the_same_record_on_three_days_is_one() {
        let days = [sketch(0..100), sketch(50..150), sketch(0..150)];
        let all = merged(&[&days[0], &days[1], &days[2]], 1024);
        assert_eq!(all.bounds(), Bounds { lower: 150, estimate: 150, upper: 150, exact: true });
        assert_eq!(all.bounds_of_sort(Record::new("order", "1").sort()).upper, 0);
    }

    /// 400 sets of 20,000 records in 20 hours each: the mean error is near 0, its root mean square within the stated standard
    /// error (each hour keeps 255 below its own bound, so that the union holds more than one hour does), and the bounds hold in 19 of 20 cases.
    #[test]
    fn the_error_is_as_stated_over_many_seeds() {
        let (mut sum, mut squares, mut n_outside) = (0.0, 0.0, 0);
        for seed in 0..400u64 {
            let first = seed * 1_000_000;
            let hours: Vec<Sketch> = (0..20).map(|hour| sketch((0..2_000).map(|n| first + hour * 950 + n))).collect();
            let truth = 19 * 950 + 2_000;
            let bounds = merged(&hours.iter().collect::<Vec<_>>(), 256).bounds();
            let error = bounds.estimate as f64 / truth as f64 - 1.0;
            sum += error;
            squares += error * error;
            n_outside += u32::from(!(bounds.lower..=bounds.upper).contains(&truth));
        }
        let (mean, deviation) = (sum / 400.0, (squares / 400.0f64).sqrt());
        assert!(mean.abs() < 4.0 * 0.063 / 20.0, "{mean}");
        assert!(deviation < 0.075, "{deviation}");
        assert!(n_outside <= 40, "{n_outside}");
    }

    #[test]
    fn ids_chosen_to_deceive_stay_within_the_limits() {
        let mut candidates: Vec<u64> = (0..200_000).collect();
        candidates.sort_by_key(|id| Record::new("employee", &id.to_string()).mixed());
        let high = sketch(candidates[candidates.len() - 2_000..].iter().copied()).bounds();
        let low = sketch(candidates[..2_000].iter().copied()).bounds();
        assert!(high.lower >= 255 && high.upper < 400, "{high:?}");
        assert!(low.estimate > 100_000 && low.upper <= ESTIMATE_MAX, "{low:?}");
        for chosen in [&candidates[candidates.len() - 2_000..], &candidates[..2_000]] {
            let keyed = sketch_under(5, chosen.iter().copied()).bounds();
            assert!((1_500..2_600).contains(&keyed.estimate) && keyed.lower > 1_500, "under a key: {keyed:?}");
        }
        let none = Part { key: 0, below: Some(0), members: Vec::new() };
        let worst = Sketch { parts: vec![none], keys_beyond: false };
        assert_eq!(worst.bounds().upper, ESTIMATE_MAX);
    }

    #[test]
    fn exact_ids_unite_across_keys_and_samples_are_bounded_together() {
        let few = merged(&[&sketch_under(1, 0..100), &sketch_under(2, 50..150), &sketch(0..3)], 1024);
        assert_eq!(few.bounds(), Bounds { lower: 150, estimate: 150, upper: 150, exact: true });
        assert_eq!(few.iter().len(), 150);
        // What is known counts once, also where a sample holds it.
        let (known, sample) = (sketch_under(1, 0..200), sketch_under(2, 0..4_000));
        let both = merged(&[&known, &sample], 1024).bounds();
        assert!(both.lower <= 4_000 && 4_000 <= both.upper && both.upper <= sample.bounds().upper + 200, "{both:?}");
        assert!(both.estimate.abs_diff(sample.bounds().estimate) < 250, "{both:?}");
    }

    /// The same 4,000 before and after a change of the key, and 4,000 others: no bound may exclude either, over many keys.
    #[test]
    fn two_samples_are_as_one_or_as_two() {
        let (mut same, mut others, mut n_outside) = (0.0, 0.0, 0);
        for key in (1..=100).map(|n| 2 * n) {
            let first = sketch_under(key, 0..4_000);
            let mut tell = |ids: std::ops::Range<u64>, truth: u64| {
                let all = merged(&[&first, &sketch_under(key + 1, ids)], 1024);
                assert_eq!(all.n_samples(), 2);
                let bounds = all.bounds();
                assert!(bounds.lower <= bounds.estimate && bounds.estimate <= bounds.upper && !bounds.exact);
                n_outside += u32::from(!(bounds.lower..=bounds.upper).contains(&truth));
                bounds.estimate as f64 / truth as f64 - 1.0
            };
            same += tell(0..4_000, 4_000);
            others += tell(4_000..8_000, 8_000);
        }
        assert!((0.0..0.25).contains(&(same / 100.0)), "{same}: rather too many than too few");
        assert!((others / 100.0).abs() < 0.03, "{others}");
        assert!(n_outside <= 20, "{n_outside}");
    }

    #[test]
    fn more_keys_than_there_may_be_are_said() {
        let all: Vec<Sketch> = (1..=6).map(|key| sketch_under(key, [u64::from(key)])).collect();
        let forward = merged(&all.iter().collect::<Vec<_>>(), 1024);
        assert_eq!(forward, merged(&all.iter().rev().collect::<Vec<_>>(), 1024));
        assert!(forward.keys_beyond() && !forward.bounds().exact && forward.bounds().lower == SAMPLE_KEYS_MAX as u64);
    }

    fn named(table: &str, records: Sketch, by_route: Sketch) -> NamedRecords {
        NamedRecords { table: table.into(), records, route: "/rest/*/hr/employees/*".into(), by_route }
    }

    #[test]
    fn without_a_key_the_form_is_what_it_has_always_been() {
        let records = NamedRecords { table: "hr.a".into(), records: sketch([7]), ..NamedRecords::default() };
        let id = format!("{:016x}", Record::new("employee", "7").0);
        let json = serde_json::to_string(&records).expect("as JSON");
        assert_eq!(json, format!(r#"{{"v":1,"table":"hr.a","ids":"{id}"}}"#));
        let keyed = named("", sketch_under(7, 0..3), Sketch::default());
        let json = serde_json::to_string(&keyed).expect("as JSON");
        assert!(json.starts_with(r#"{"v":2,"ids":"","keyed":[{"key":"00000007","ids":""#), "{json}");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let form = |v, below: &str, ids: &str| NamedForm {
            v,
            records: SketchForm { below: below.into(), ids: ids.into(), ..SketchForm::default() },
            ..NamedForm::default()
        };
        let id = "0000000000000007";
        assert!(NamedRecords::try_from(form(1, "", id)).is_ok());
        for bad in [
            form(3, "", id),
            form(1, "", &id[1..]),
            form(1, "", &format!("{id}{id}")),
            form(1, "0000000000000000", id),
            form(1, "+000000000000001", ""),
            form(1, "", "00000000000000é"),
            form(1, "", &id.repeat(NAMED_READ_MAX + 1)),
        ] {
            assert!(NamedRecords::try_from(bad.clone()).is_err(), "{bad:?}");
        }
        let keyed = |key: &str, below: &str, ids: &str, ranks: &str| {
            let one = KeyedForm { key: key.into(), below: below.into(), ids: ids.into(), ranks: ranks.into() };
            let records = SketchForm { keyed: vec![one], ..SketchForm::default() };
            NamedRecords::try_from(NamedForm { v: 2, records, ..NamedForm::default() })
        };
        assert!(keyed("00000009", "000000000b", id, "000000000a").is_ok());
        for (key, below, ids, ranks) in [
            ("00000000", "", id, "000000000a"),
            ("9", "", id, "000000000a"),
            ("", "", id, "000000000a"),
            ("00000009", "000000000a", id, "000000000a"),
            ("00000009", "", id, ""),
            ("00000009", "", "", ""),
            ("00000009", "", id, "00000000é"),
        ] {
            assert!(keyed(key, below, ids, ranks).is_err(), "{key} {below} {ids} {ranks}");
        }
        let twice = ["00000009", "00000009"].map(|key| KeyedForm {
            key: key.into(),
            ids: id.into(),
            ranks: "000000000a".into(),
            ..KeyedForm::default()
        });
        let records = SketchForm { keyed: twice.into(), ..SketchForm::default() };
        assert!(NamedRecords::try_from(NamedForm { v: 2, records, ..NamedForm::default() }).is_err());
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            parts in prop::collection::vec((0u8..7, prop::collection::vec(0u64..3_000, 0..600)), 6),
            most in 1usize..400,
        ) {
            let [a, b, c] = [0, 2, 4].map(|at: usize| {
                let [one, two] = [&parts[at], &parts[at + 1]].map(|(key, ids)| sketch_under(*key, ids.iter().copied()));
                merged(&[&one, &two], most)
            });
            let left = merged(&[&merged(&[&a, &b], most), &c], most);
            let right = merged(&[&a, &merged(&[&c, &b], most)], most);
            prop_assert_eq!(&left, &right);
            prop_assert_eq!(&merged(&[&left, &a, &left], most), &left);
            prop_assert!(left.parts.iter().all(|part| part.members.len() <= most));
        }

        #[test]
        fn its_form_reads_back(
            sets in prop::collection::vec((0u8..4, prop::collection::vec(0u64..100_000, 0..600)), 4),
            table in "[a-z.]{0,20}",
        ) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| sketch_under(sets[at].0, sets[at].1.iter().copied()));
            let named = named(&table, merged(&[&a, &b], 1024), merged(&[&c, &d], 1024));
            prop_assert_eq!(NamedRecords::try_from(NamedForm::from(named.clone())).ok(), Some(named.clone()));
            let json = serde_json::to_string(&named).expect("as JSON");
            prop_assert_eq!(serde_json::from_str::<NamedRecords>(&json).ok(), Some(named));
        }
    }
}
