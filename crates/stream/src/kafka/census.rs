//! Who owns what in a group, as its coordinator has it.
//!
//! A cooperative rebalance takes two rounds: what one member gives up in the first gets its owner in a second, which that member begins.
//! If it dies in between and comes back under its instance id, the coordinator gives it the assignment of the first round and sees no
//! reason for another: the partition would have no owner until somebody else comes or goes, and nothing would say so. (A member
//! without an instance id comes back as another one, and that is reason enough.) So whoever comes back under its name looks whether
//! everything has an owner, until it has; from then on those give up partitions who live, or who will look when they come back. If
//! something has none for as long as a session lasts, it has the group share again.
//!
//! What a living member was told to give up and has not given up yet is not ownerless: it named it when it joined that round, and a new
//! process names nothing. To share again would only make the others wait for it.

use super::{connection::Connection, member::Place};
use crate::{StreamError, limits};
use rdkafka::{
    consumer::Consumer as _,
    groups::{GroupInfo, GroupList, GroupMemberInfo},
};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

/// The looks of one member.
pub(super) struct Census {
    /// How long a partition may have no owner. Between the two rounds it has none.
    patience: Duration,
    next: Instant,
    pause: Duration,
    /// Without an owner, and since when that is known.
    unowned: HashMap<Place, Instant>,
}

/// What a look has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Complete,
    /// Look again later.
    Open,
    /// These will have no owner unless somebody does something.
    Orphans(Vec<Place>),
}

impl Census {
    pub(super) fn new(patience: Duration) -> Self {
        let pause = limits::CENSUS_EVERY.min(patience / 3);
        Census { patience, next: Instant::now() + pause, pause, unowned: HashMap::new() }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// To be begun anew after the group was made to share again: if that did not help, it should not be done all the time.
    pub(super) fn more_patient(&self) -> Self {
        Census::new((2 * self.patience).min(limits::CENSUS_PATIENCE_MAX))
    }

    /// Asks the brokers; waits at most [`limits::CENSUS_TIMEOUT`] for each answer. If one fails the next look is later each time.
    pub(super) fn look(&mut self, connection: &Connection, group: &str, topics: &[String]) -> Finding {
        let found = unowned(connection, group, topics);
        let now = Instant::now();
        match found {
            Ok(unowned) => self.judge(unowned, now),
            Err(error) => {
                connection.report().warn("member", "census", &error.to_string());
                self.unowned.clear();
                self.pause = (2 * self.pause).min(limits::CENSUS_PAUSE_MAX);
                self.next = now + self.pause;
                Finding::Open
            }
        }
    }

    /// `unowned`: what has no owner; `None` while the group is changing, or if it may not be described.
    fn judge(&mut self, unowned: Option<Vec<Place>>, now: Instant) -> Finding {
        self.pause = limits::CENSUS_EVERY.min(self.patience / 3);
        self.next = now + self.pause;
        let Some(unowned) = unowned else {
            self.unowned.clear();
            return Finding::Open;
        };
        if unowned.is_empty() {
            return Finding::Complete;
        }
        self.unowned.retain(|place, _| unowned.contains(place));
        for place in unowned {
            self.unowned.entry(place).or_insert(now);
        }
        let old = |since: &Instant| now.duration_since(*since) >= self.patience;
        let mut orphans: Vec<Place> =
            self.unowned.iter().filter(|(_, since)| old(since)).map(|(place, _)| place.clone()).collect();
        orphans.sort_unstable();
        if orphans.is_empty() { Finding::Open } else { Finding::Orphans(orphans) }
    }
}

/// Whether the coordinator knows a group that has come to rest, or none. `false`: it is changing, or nothing is known.
pub(super) fn is_at_rest(connection: &Connection, group: &str) -> bool {
    let listed = listed(connection, group);
    let state = listed.as_ref().map(|listed| of_name(listed, group).map(GroupInfo::state));
    matches!(state, Ok(Some("Stable" | "Empty" | "Dead")))
}

fn listed(connection: &Connection, group: &str) -> Result<GroupList, StreamError> {
    let listed = connection.inspector().client().fetch_group_list(Some(group), limits::CENSUS_TIMEOUT);
    listed.map_err(|error| connection.blame("ask who owns what in a group", &error))
}

fn of_name<'a>(listed: &'a GroupList, group: &str) -> Option<&'a GroupInfo> {
    listed.groups().iter().find(|found| found.name() == group)
}

fn unowned(connection: &Connection, group: &str, topics: &[String]) -> Result<Option<Vec<Place>>, StreamError> {
    // First of all: the answers say which brokers there are, and all of them are asked for their groups.
    let mut unowned = Vec::new();
    for topic in topics {
        let n_partitions = connection.partitions_within(topic, limits::CENSUS_TIMEOUT)?.unwrap_or(0);
        let n_partitions = i32::try_from(n_partitions).unwrap_or(i32::MAX);
        unowned.extend((0..n_partitions).map(|partition| (topic.clone(), partition)));
    }
    let listed = listed(connection, group)?;
    let Some(found) = of_name(&listed, group).filter(|found| found.state() == "Stable") else { return Ok(None) };
    let mut owned = HashSet::new();
    for member in found.members() {
        let Some(places) = held(member) else {
            let reason = format!("what member `{}` owns makes no sense", member.id());
            return Err(StreamError::Failed { doing: "ask who owns what in a group", reason, retry: true });
        };
        owned.extend(places);
    }
    unowned.retain(|place| !owned.contains(place));
    Ok(Some(unowned))
}

/// What it was assigned, and what it named as its own when it joined that round.
fn held(member: &GroupMemberInfo) -> Option<Vec<Place>> {
    let mut places = assignment(member.assignment().unwrap_or_default())?;
    places.extend(named(member.metadata().unwrap_or_default())?);
    Some(places)
}

/// What a member was assigned, in the encoding of the consumer protocol (version, topics with their partitions, user data; big endian).
/// Empty: nothing. `None`: it is something else.
fn assignment(bytes: &[u8]) -> Option<Vec<Place>> {
    let mut rest = Rest(bytes);
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    rest.version()?;
    rest.places()
}

/// The partitions that a subscription of the consumer protocol names as owned (version, topics, user data, topics with their partitions,
/// which are there from version 1 on).
fn named(bytes: &[u8]) -> Option<Vec<Place>> {
    let mut rest = Rest(bytes);
    if bytes.is_empty() || rest.version()? < 1 {
        return Some(Vec::new());
    }
    for _ in 0..rest.number()? {
        rest.text()?;
    }
    let user_data = rest.number()?;
    rest.bytes(usize::try_from(user_data).unwrap_or(0))?;
    rest.places()
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn version(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn number(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(i16::from_be_bytes(self.take()?)).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn places(&mut self) -> Option<Vec<Place>> {
        let mut places = Vec::new();
        for _ in 0..self.number()? {
            let topic = self.text()?;
            for _ in 0..self.number()? {
                places.push((topic.to_owned(), self.number()?));
            }
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(6);

    fn place(partition: i32) -> Place {
        ("t".to_owned(), partition)
    }

    #[test]
    fn an_assignment_is_read_and_nonsense_is_not() {
        let bytes =
            b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\x02bc\0\0\0\x01\0\0\0\x05\xff\xff\xff\xff";
        let expected = [("a".to_owned(), 3), ("a".to_owned(), 4), ("bc".to_owned(), 5)];
        assert_eq!(assignment(bytes).as_deref(), Some(&expected[..]));
        assert_eq!(assignment(b""), Some(vec![]));
        assert_eq!(assignment(b"\0\0\0\0\0\0\xff\xff\xff\xff"), Some(vec![]));
        // The user data may be missing, the rest may not.
        (1..bytes.len() - 4).for_each(|length| assert_eq!(assignment(&bytes[..length]), None, "{length}"));
        assert_eq!(assignment(b"\0\0\0\0\0\x01\xff\xff"), None, "a topic without a name");
    }

    #[test]
    fn what_a_member_names_as_its_own_is_read() {
        let bytes =
            b"\0\x02\0\0\0\x02\0\x01a\0\x02bc\0\0\0\x01x\0\0\0\x01\0\x02bc\0\0\0\x02\0\0\0\0\0\0\0\x07\0\0\0\x05";
        assert_eq!(named(bytes), Some(vec![("bc".to_owned(), 0), ("bc".to_owned(), 7)]));
        assert_eq!(named(b""), Some(vec![]));
        assert_eq!(named(b"\0\0\0\0\0\x01\0\x01a\xff\xff\xff\xff"), Some(vec![]), "of version 0");
        let without = b"\0\x01\0\0\0\x01\0\x01a\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(named(without), Some(vec![]), "no user data, nothing owned");
        (1..without.len()).for_each(|length| assert_eq!(named(&without[..length]), None, "{length}"));
    }

    #[test]
    fn a_partition_is_an_orphan_only_if_it_stays_without_an_owner() {
        let mut census = Census::new(PATIENCE);
        let begin = Instant::now();
        let mut at = |seconds: u64, unowned: Option<&[i32]>| {
            let unowned = unowned.map(|unowned| unowned.iter().map(|partition| place(*partition)).collect());
            census.judge(unowned, begin + Duration::from_secs(seconds))
        };
        assert_eq!(at(0, Some(&[1, 2])), Finding::Open, "between two rounds");
        assert_eq!(at(5, Some(&[1, 3])), Finding::Open);
        assert_eq!(at(6, Some(&[1, 3])), Finding::Orphans(vec![place(1)]), "3 has been without one for a second");
        assert_eq!(at(7, None), Finding::Open, "the group is changing");
        assert_eq!(at(8, Some(&[1, 3])), Finding::Open, "that begins anew then");
        assert_eq!(at(14, Some(&[1, 3])), Finding::Orphans(vec![place(1), place(3)]));
        assert_eq!(at(15, Some(&[])), Finding::Complete);
        assert_eq!(census.more_patient().patience, 2 * PATIENCE);
    }
}
