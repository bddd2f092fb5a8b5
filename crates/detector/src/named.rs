//! Which records an alert is about, as far as ids name them: a bounded set that can be merged with those of other alerts.
//!
//! A regulator asks how many persons are concerned, over all days and tables of an incident. Numbers of alerts cannot be added
//! up to that: who is read on three days counts three times. Sets can be merged. So an alert carries the records that the hour
//! names, each once; merged over an incident they tell how many *different* ones there were.
//!
//! The set keeps all records whose mixed number ([`Record::mixed`]) lies below a bound, the *threshold* (theta sketch; A. Dasgupta,
//! K. Lang, L. Rhodes, J. Thaler, "A framework for estimating stream expression cardinalities", 2016). Up to the limit there
//! is no bound and the count is exact; beyond it the bound falls, and n members below the part t of all numbers stand for
//! n / t records with a standard error of 1/√n: 6.3 % with 255, 3.1 % with 1024. Merging takes the smaller bound and the union, so it is
//! commutative, associative and idempotent, and exact ids stay with the estimate. HyperLogLog lost: it needs an eighth of
//! the bytes, but cannot say *which* records; k minimum values without a bound lost as well: a merge of samples has then no more
//! members than one sample, while a bound keeps all that the samples have in common.
//!
//! The mix is public. **Who chooses ids can choose which stay**, once an hour names more than 256: then the estimate says what he
//! wants, within 256 and [`ESTIMATE_MAX`]. What he reads still shows in the rows sent, which no id can hide.

use crate::limits::{NAMED_READ_MAX, TABLE_BYTES_MAX};
use activity::Record;
use serde::{Deserialize, Deserializer, Serialize};
use tally::Records;

/// No estimate is greater: no table has more rows than that.
pub const ESTIMATE_MAX: u64 = 4_000_000_000;

/// The version of the form in JSON.
const VERSION: u8 = 1;

/// Different records, or a fair sample of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// All records whose mixed number is below are members; `None`: all records are.
    below: Option<u64>,
    /// Ascending by their mixed number.
    members: Vec<Record>,
}

/// The records that an alert's hour names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "NamedForm", try_from = "NamedForm")]
pub struct NamedRecords {
    /// The table they were read from; empty where the hour saw several.
    pub table: String,
    pub records: Sketch,
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
    /// Adds what `other` holds; beyond `most` members the bound falls.
    pub fn merge(&mut self, other: &Sketch, most: usize) {
        self.below = match (self.below, other.below) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.members.extend_from_slice(&other.members);
        self.members.sort_unstable_by_key(|record| record.mixed());
        self.members.dedup();
        if let Some(below) = self.below {
            let kept = self.members.partition_point(|record| record.mixed() < below);
            self.members.truncate(kept);
        }
        if let Some(first_out) = self.members.get(most) {
            self.below = Some(first_out.mixed());
            self.members.truncate(most);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// In an order that means nothing, always the same.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record> {
        self.members.iter().copied()
    }

    /// How many different records went in; beyond the limit within two standard errors, which is 19 of 20 cases.
    pub fn bounds(&self) -> Bounds {
        self.bounds_of(|_| true)
    }

    /// The same, of the records of one sort (see [`Record::sort`]).
    pub fn bounds_of_sort(&self, sort: u64) -> Bounds {
        self.bounds_of(|record| record.sort() == sort)
    }

    fn bounds_of(&self, is_counted: impl Fn(Record) -> bool) -> Bounds {
        self.bounds_of_part(self.iter().filter(|record| is_counted(*record)).count())
    }

    /// The same, of records of whatever kind of which so many are members.
    pub fn bounds_of_part(&self, held: usize) -> Bounds {
        let Some(below) = self.below else {
            let all = held as u64;
            return Bounds { lower: all, estimate: all, upper: all, exact: true };
        };
        let part = below.max(1) as f64 / 2f64.powi(64);
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

impl From<&Records> for Sketch {
    fn from(records: &Records) -> Self {
        let mut members: Vec<Record> = records.iter().collect();
        // Of a sample the greatest member only says where the bound is.
        let below = if records.overflowed() { members.pop().map(Record::mixed) } else { None };
        Sketch { below, members }
    }
}

/// As it stands in the JSON of an alert and in the journal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct NamedForm {
    v: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    table: String,
    /// 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    below: String,
    /// 16 hexadecimal digits each, ascending by their mixed numbers.
    #[serde(default)]
    ids: String,
}

impl NamedForm {
    /// A later breachd wrote it; what it means is not known here.
    pub(crate) fn is_of_later_version(&self) -> bool {
        self.v > VERSION
    }
}

/// Reads what [`NamedRecords`] writes, and takes a later version, whatever it looks like, for none: what it means is not known here, and one
/// such entry must not make all others unreadable. For `#[serde(deserialize_with)]`, with `default` beside it.
///
/// Errors: it is of a known version, and no such form.
pub fn named_if_known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NamedRecords>, D::Error> {
    let Some(form) = Option::<serde_json::Value>::deserialize(from)? else { return Ok(None) };
    if form.get("v").and_then(serde_json::Value::as_u64).is_some_and(|version| version > u64::from(VERSION)) {
        return Ok(None);
    }
    serde_json::from_value(form).map(Some).map_err(serde::de::Error::custom)
}

/// Why a form is none of named records.
#[derive(Debug, thiserror::Error)]
#[error("not a set of named records of version {VERSION}")]
pub struct NotNamedRecords;

impl From<NamedRecords> for NamedForm {
    fn from(named: NamedRecords) -> Self {
        let below = named.records.below.map_or(String::new(), |below| format!("{below:016x}"));
        let ids = named.records.iter().map(|record| format!("{:016x}", record.0)).collect();
        NamedForm { v: VERSION, table: named.table, below, ids }
    }
}

impl TryFrom<NamedForm> for NamedRecords {
    type Error = NotNamedRecords;

    fn try_from(form: NamedForm) -> Result<Self, NotNamedRecords> {
        let number = |digits: &str| {
            let is_hex = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_hex.then(|| u64::from_str_radix(digits, 16).ok()).flatten().ok_or(NotNamedRecords)
        };
        let fits = form.v == VERSION
            && form.table.len() <= TABLE_BYTES_MAX
            && form.ids.is_ascii()
            && form.ids.len().is_multiple_of(16)
            && form.ids.len() / 16 <= NAMED_READ_MAX;
        if !fits {
            return Err(NotNamedRecords);
        }
        let below = if form.below.is_empty() { None } else { Some(number(&form.below)?) };
        let starts = (0..form.ids.len()).step_by(16);
        let members = starts.map(|at| number(&form.ids[at..at + 16]).map(Record)).collect::<Result<Vec<_>, _>>()?;
        let ascends = members.windows(2).all(|pair| pair[0].mixed() < pair[1].mixed());
        let is_within = below.is_none_or(|below| members.last().is_none_or(|last| last.mixed() < below));
        if !ascends || !is_within {
            return Err(NotNamedRecords);
        }
        Ok(NamedRecords { table: form.table, records: Sketch { below, members } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(ids: impl IntoIterator<Item = u64>) -> Sketch {
        let mut records = Records::default();
        ids.into_iter().for_each(|id| records.insert(Record::new("employee", &id.to_string())));
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
        let worst = Sketch { below: Some(0), members: Vec::new() };
        assert_eq!(worst.bounds().upper, ESTIMATE_MAX);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let form =
            |v, below: &str, ids: &str| NamedForm { v, table: String::new(), below: below.into(), ids: ids.into() };
        let id = "0000000000000007";
        assert!(NamedRecords::try_from(form(1, "", id)).is_ok());
        for bad in [
            form(2, "", id),
            form(1, "", &id[1..]),
            form(1, "", &format!("{id}{id}")),
            form(1, "0000000000000000", id),
            form(1, "+000000000000001", ""),
            form(1, "", "00000000000000é"),
            form(1, "", &id.repeat(NAMED_READ_MAX + 1)),
        ] {
            assert!(NamedRecords::try_from(bad.clone()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            parts in prop::collection::vec(prop::collection::vec(0u64..3_000, 0..600), 3),
            most in 1usize..400,
        ) {
            let [a, b, c] = [0, 1, 2].map(|at: usize| sketch(parts[at].iter().copied()));
            let left = merged(&[&merged(&[&a, &b], most), &c], most);
            let right = merged(&[&a, &merged(&[&c, &b], most)], most);
            prop_assert_eq!(&left, &right);
            prop_assert_eq!(&merged(&[&left, &a, &left], most), &left);
            prop_assert!(left.members.len() <= most);
        }

        #[test]
        fn its_form_reads_back(ids in prop::collection::vec(0u64..100_000, 0..600), table in "[a-z.]{0,20}") {
            let named = NamedRecords { table, records: sketch(ids) };
            prop_assert_eq!(NamedRecords::try_from(NamedForm::from(named.clone())).ok(), Some(named));
        }
    }
}
