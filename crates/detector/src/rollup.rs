//! What the entities of a peer group did in one closed hour, as one tally partition saw it. Whole numbers only: merging is
//! exact and independent of order.

use crate::{
    detectors::Foothold,
    limits::{FOOTHOLDS_MAX, ROLLUP_BYTES_MAX, ROLLUP_GROUPS_MAX, ROLLUP_VALUES_MAX},
    packed::packed,
    tail::{HALF_OCTAVES, half_octave},
    watch::CELLS_OF_PEERS,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use tally::{DecodeError, Decoder, Encoder};

/// The group of those that found no room.
pub(crate) const OTHER: &str = "other";

const MAGIC: [u8; 2] = *b"BR";
const VERSION: u8 = 3;

/// What names of groups begin with that anybody can invent: a table, or the schema of one.
const INVENTED: [&str; 2] = ["user_table|", "table|"];

/// Never shed: of the fleet there is one group, and what was left behind is told in one.
const KEPT: [&str; 2] = ["fleet", FOOTHOLDS];

/// Bytes that the group of those that found no room may take: all values and cells there are, ten bytes for each number.
const OTHER_BYTES_MAX: usize =
    64 + OTHER.len() + 2 * ROLLUP_VALUES_MAX * 20 + CELLS_OF_PEERS * (41 + HALF_OCTAVES * 11);

/// Bytes of a roll-up without its groups, and of each group's packed form beside its own fields (magic, version, check sum).
const FRAME_BYTES_MAX: usize = 64;

/// The group in which footholds are told.
pub(crate) const FOOTHOLDS: &str = "footholds";

/// A message to all tally partitions: "through this hour I have said everything".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Of which tally partition.
    pub partition: u32,
    /// Whole hours since the epoch.
    pub hour: i64,
    /// The hour of the roll-up this partition sent before; between the two there was nothing. `None`: there was none.
    pub(crate) previous: Option<i64>,
    pub(crate) groups: BTreeMap<Box<str>, GroupHour>,
}

/// Sums over the entities of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupHour {
    /// Entities that did something.
    pub(crate) active: u64,
    /// Entities that met a value new to them: a network, a place, a table.
    pub(crate) novel: [u64; 3],
    /// Stable hashes of the places and tables used, and how many entities used each.
    pub(crate) values: [BTreeMap<u64, u64>; 2],
    /// People who on this day first touched unusually many records that were new to them.
    pub(crate) crossed: u64,
    /// What was left behind, of the group [`FOOTHOLDS`].
    pub(crate) footholds: BTreeSet<Foothold>,
    /// By (metric, scale).
    pub(crate) cells: BTreeMap<u8, Cell>,
}

/// Distribution of one amount over the entities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) n: u64,
    pub(crate) sum: u64,
    pub(crate) squares: u64,
    /// Entities by half octave of their amount.
    pub(crate) bins: BTreeMap<u8, u64>,
}

impl Cell {
    pub(crate) fn add(&mut self, amount: u64) {
        self.n += 1;
        self.sum = self.sum.saturating_add(amount);
        self.squares = self.squares.saturating_add(amount.saturating_mul(amount));
        *self.bins.entry(half_octave(amount)).or_default() += 1;
    }

    fn merge(&mut self, other: &Cell) {
        self.n = self.n.saturating_add(other.n);
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
        for (bin, n) in &other.bins {
            let count = self.bins.entry(*bin).or_default();
            *count = count.saturating_add(*n);
        }
    }
}

impl GroupHour {
    pub(crate) fn merge(&mut self, other: &GroupHour) {
        self.active = self.active.saturating_add(other.active);
        self.crossed = self.crossed.saturating_add(other.crossed);
        for (sum, more) in self.novel.iter_mut().zip(other.novel) {
            *sum = sum.saturating_add(more);
        }
        for (values, more) in self.values.iter_mut().zip(&other.values) {
            for (value, n) in more {
                let users = values.entry(*value).or_default();
                *users = users.saturating_add(*n);
            }
            while values.len() > ROLLUP_VALUES_MAX {
                values.pop_last();
            }
        }
        other.footholds.iter().for_each(|foothold| self.leave(foothold.clone()));
        for (cell, more) in &other.cells {
            self.cells.entry(*cell).or_default().merge(more);
        }
    }

    /// The earliest stay.
    pub(crate) fn leave(&mut self, foothold: Foothold) {
        self.footholds.insert(foothold);
        if self.footholds.len() > FOOTHOLDS_MAX {
            self.footholds.pop_last();
        }
    }

    pub(crate) fn see(&mut self, sort: usize, value: u64) {
        *self.values[sort].entry(value).or_default() += 1;
        if self.values[sort].len() > ROLLUP_VALUES_MAX {
            self.values[sort].pop_last();
        }
    }
}

/// Merges the groups with the fewest members into `other`, beyond the limits of their number and of their bytes; how many. Whoever names
/// tables that do not exist makes a group with each, and a message that Kafka refuses would stop the detector.
pub(crate) fn shed(groups: &mut BTreeMap<Box<str>, GroupHour>) -> usize {
    let mut all: Vec<(bool, Reverse<u64>, Box<str>, usize)> = groups
        .iter()
        .map(|(name, group)| {
            // Only pairs with tables, and schemas, are many because somebody wants them to be; of accounts, hosts and sources few are usual.
            let is_invented = INVENTED.iter().any(|prefix| name.starts_with(prefix));
            let members = if is_invented { group.active } else { u64::MAX };
            (!KEPT.contains(&&**name), Reverse(members), name.clone(), packed_bytes(name, group))
        })
        .collect();
    let bytes = all.iter().fold(FRAME_BYTES_MAX, |sum, (.., bytes)| sum.saturating_add(*bytes));
    if all.len() <= ROLLUP_GROUPS_MAX && bytes <= ROLLUP_BYTES_MAX {
        return 0;
    }
    all.sort_unstable();
    // One of those that stay may be `other`.
    let mut left = ROLLUP_BYTES_MAX - FRAME_BYTES_MAX - OTHER_BYTES_MAX;
    let fits = |(may_go, _, _, bytes): &&(bool, Reverse<u64>, Box<str>, usize)| {
        let fits = !may_go || *bytes <= left;
        left = left.saturating_sub(*bytes);
        fits
    };
    let stay = all.iter().take(ROLLUP_GROUPS_MAX - 1).take_while(fits).count();
    let surplus = all.split_off(stay);
    for group in surplus.iter().filter_map(|(_, _, name, _)| groups.remove(name)).collect::<Vec<_>>() {
        groups.entry(OTHER.into()).or_default().merge(&group);
    }
    surplus.len()
}

/// Bytes of a group's packed form, or a few more.
fn packed_bytes(name: &str, group: &GroupHour) -> usize {
    let mut message = Encoder::new(MAGIC, VERSION);
    pack(&mut message, name, group);
    message.finish().len()
}

fn pack(message: &mut Encoder, name: &str, group: &GroupHour) {
    message.text(name);
    message.number(group.active);
    message.number(group.crossed);
    group.novel.iter().for_each(|n| message.number(*n));
    for values in &group.values {
        message.number(values.len() as u64);
        for (value, users) in values {
            message.number(*value);
            message.number(*users);
        }
    }
    message.number(group.footholds.len() as u64);
    for Foothold { minute, who, rule } in &group.footholds {
        message.signed(*minute);
        message.text(who);
        message.text(rule);
    }
    message.number(group.cells.len() as u64);
    for (number, cell) in &group.cells {
        message.byte(*number);
        for sum in [cell.n, cell.sum, cell.squares, cell.bins.len() as u64] {
            message.number(sum);
        }
        for (bin, n) in &cell.bins {
            message.byte(*bin);
            message.number(*n);
        }
    }
}

impl Rollup {
    /// Of the packed form. Roll-ups of an earlier one are not read: what they told is counted anew from the tallies.
    pub const VERSION: u8 = VERSION;

    /// Names this roll-up for ever: the same partition and hour have the same key, so a repeat can be told.
    pub fn key(&self) -> Vec<u8> {
        format!("{}|{}", self.partition, self.hour).into_bytes()
    }

    /// The same roll-up as the first of its partition: what was before it is not kept any more, and nobody waits for it.
    #[must_use]
    pub fn as_first(&self) -> Rollup {
        Rollup { previous: None, ..self.clone() }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut message = Encoder::new(MAGIC, VERSION);
        message.number(u64::from(self.partition));
        message.signed(self.hour);
        message.byte(u8::from(self.previous.is_some()));
        message.signed(self.previous.unwrap_or(0));
        message.number(self.groups.len() as u64);
        for (name, group) in &self.groups {
            pack(&mut message, name, group);
        }
        message.finish()
    }

    pub fn decode(bytes: &[u8]) -> Result<Rollup, DecodeError> {
        let mut decoder = Decoder::new(bytes, MAGIC, VERSION)?;
        let partition = u32::try_from(decoder.number()?).map_err(|_| DecodeError::Range("a partition"))?;
        let hour = decoder.signed()?;
        let previous = match (decoder.byte()?, decoder.signed()?) {
            (0, _) => None,
            (1, previous) => Some(previous),
            _ => return Err(DecodeError::Range("a flag")),
        };
        let mut groups = BTreeMap::new();
        for _ in 0..decoder.count(8)? {
            let name = decoder.text()?.into();
            groups.insert(name, decode_group(&mut decoder)?);
        }
        decoder.finish()?;
        Ok(Rollup { partition, hour, previous, groups })
    }
}

fn decode_group(decoder: &mut Decoder<'_>) -> Result<GroupHour, DecodeError> {
    let (active, crossed) = (decoder.number()?, decoder.number()?);
    let mut group = GroupHour { active, crossed, ..GroupHour::default() };
    for n in &mut group.novel {
        *n = decoder.number()?;
    }
    for values in &mut group.values {
        let count = decoder.count(2)?;
        if count > ROLLUP_VALUES_MAX {
            return Err(DecodeError::Range("a count"));
        }
        for _ in 0..count {
            values.insert(decoder.number()?, decoder.number()?);
        }
    }
    let count = decoder.count(3)?;
    if count > FOOTHOLDS_MAX {
        return Err(DecodeError::Range("a count"));
    }
    for _ in 0..count {
        let minute = decoder.signed()?;
        let (who, rule) = (decoder.text()?.into(), decoder.text()?.into());
        group.footholds.insert(Foothold { minute, who, rule });
    }
    for _ in 0..decoder.count(5)? {
        let number = decoder.byte()?;
        if usize::from(number) >= CELLS_OF_PEERS {
            return Err(DecodeError::Range("a metric"));
        }
        let mut cell =
            Cell { n: decoder.number()?, sum: decoder.number()?, squares: decoder.number()?, bins: BTreeMap::new() };
        for _ in 0..decoder.count(2)? {
            let bin = decoder.byte()?;
            if usize::from(bin) >= HALF_OCTAVES {
                return Err(DecodeError::Range("a bin"));
            }
            cell.bins.insert(bin, decoder.number()?);
        }
        group.cells.insert(number, cell);
    }
    Ok(group)
}

packed!(GroupHour { active, novel, values, crossed, footholds, cells });
packed!(Cell { n, sum, squares, bins });

#[cfg(test)]
mod tests {
    use super::*;

    fn rollup() -> Rollup {
        let mut group = GroupHour { active: 3, novel: [1, 0, 2], ..GroupHour::default() };
        group.see(0, u64::MAX);
        group.leave(Foothold { minute: 29_520_001, who: "address 203.0.113.7".into(), rule: "rule r, T1505".into() });
        group.cells.entry(2).or_default().add(1840);
        group.cells.entry(2).or_default().add(3);
        Rollup {
            partition: 2,
            hour: 492_000,
            previous: Some(491_999),
            groups: [("portal_user|payroll".into(), group)].into(),
        }
    }

    #[test]
    fn comes_back_from_bytes() {
        let sent = rollup();
        assert_eq!(Rollup::decode(&sent.encode()), Ok(sent.clone()));
        let empty = Rollup { groups: BTreeMap::new(), previous: None, ..sent };
        assert_eq!(Rollup::decode(&empty.encode()), Ok(empty.clone()));
        assert_ne!(empty.key(), Rollup { hour: 1, ..empty.clone() }.key());
    }

    #[test]
    fn refuses_damage_without_panic() {
        let bytes = rollup().encode();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            assert!(Rollup::decode(&damaged).is_err());
            damaged.truncate(bytes.len() - 8);
            damaged.extend(tally::stable_hash(&[&damaged]).to_le_bytes());
            let _ = Rollup::decode(&damaged);
        }
    }

    #[test]
    fn groups_with_the_fewest_members_share_one_beyond_the_limit() {
        let group = |active: u64| GroupHour { active, ..GroupHour::default() };
        let invented = (0..3 * ROLLUP_GROUPS_MAX).map(|n| (format!("user_table|ess|hr.x{n}").into(), group(1)));
        let mut groups: BTreeMap<Box<str>, GroupHour> = invented.collect();
        groups.insert("user_table|payroll|hr.payslips".into(), group(4));
        // Of the fleet other partitions tell the members, and this one the people who crossed a line.
        groups.insert("fleet".into(), GroupHour { crossed: 3, ..group(0) });
        groups.insert("app_host".into(), group(1));
        assert_eq!(shed(&mut groups), 2 * ROLLUP_GROUPS_MAX + 4);
        assert_eq!((groups["fleet"].crossed, groups["app_host"].active), (3, 1));
        assert_eq!(groups.len(), ROLLUP_GROUPS_MAX);
        assert_eq!(groups["user_table|payroll|hr.payslips"].active, 4);
        assert_eq!(groups[OTHER].active, 2 * ROLLUP_GROUPS_MAX as u64 + 4);
        assert_eq!(shed(&mut groups), 0);
    }

    #[test]
    fn a_roll_up_of_the_largest_groups_fits_into_a_message_and_loses_neither_the_fleet_nor_footholds() {
        let full = |first: u64| {
            let mut group = GroupHour { active: 1, ..GroupHour::default() };
            (0..2 * ROLLUP_VALUES_MAX as u64)
                .for_each(|n| (0..2).for_each(|sort| group.see(sort, u64::MAX - first - n)));
            for number in 0..CELLS_OF_PEERS as u8 {
                (0..63).for_each(|bit| group.cells.entry(number).or_default().add(1 << bit));
            }
            group
        };
        let long = |n: usize| format!("user_table|a_role|hr.{n:0250}").into();
        let mut groups: BTreeMap<Box<str>, GroupHour> = (0..300).map(|n| (long(n), full(n as u64 * 99))).collect();
        let mut footholds = GroupHour::default();
        (0..FOOTHOLDS_MAX).for_each(|n| {
            footholds.leave(Foothold { minute: n as i64, who: "w".repeat(400).into(), rule: "r".repeat(200).into() });
        });
        groups.insert(FOOTHOLDS.into(), footholds.clone());
        groups.insert("fleet".into(), full(7));
        groups.insert("portal_user|payroll".into(), full(8));
        let shed = shed(&mut groups);
        assert!(0 < shed && shed < 300, "{shed}");
        assert_eq!((groups[FOOTHOLDS].clone(), groups["fleet"].clone()), (footholds, full(7)));
        assert_eq!(groups["portal_user|payroll"].active, 1);
        assert_eq!(groups[OTHER].active, shed as u64);
        let bytes = Rollup { groups, ..rollup() }.encode().len();
        assert!((ROLLUP_BYTES_MAX * 8 / 10..=ROLLUP_BYTES_MAX).contains(&bytes), "{bytes}");
    }

    #[test]
    fn merging_is_order_free() {
        let mut a = GroupHour { active: 1, ..GroupHour::default() };
        let mut b = GroupHour { active: 2, ..GroupHour::default() };
        (0..300).for_each(|n| a.see(1, n * 7));
        (0..300).for_each(|n| b.see(1, n * 5));
        let foothold = |minute| Foothold { minute, who: "address 203.0.113.7".into(), rule: "rule r, T1505".into() };
        (0..12).for_each(|n| a.leave(foothold(n * 2)));
        (0..12).for_each(|n| b.leave(foothold(n * 3)));
        a.cells.entry(0).or_default().add(u64::MAX);
        b.cells.entry(0).or_default().add(9);
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab.values[1].len(), ROLLUP_VALUES_MAX);
        assert_eq!(ab.footholds.len(), FOOTHOLDS_MAX);
    }
}
