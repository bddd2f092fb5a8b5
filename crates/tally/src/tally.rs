//! The tally: sums, bounded sets, pointers. No text of a record, no SQL.

use crate::{
    few::Few,
    limits::{
        ACCOUNTS_MAX, ADDRESSES_MAX, AGENTS_MAX, CANDIDATES_MAX, EVIDENCE_MAX, FINGERPRINTS_MAX, LOGINS_MAX,
        NETWORKS_MAX, PLACES_MAX, TABLES_MAX, cut,
    },
    marks::Marks,
    records::Records,
    requested::Requested,
    set::{Set, Text},
};
use activity::{DataClasses, KnownBy, Signals, Timestamp};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Pages of a list that anybody may turn: what is asked for beyond is counted as deep.
pub const PAGES_USUAL: u64 = 5;

/// What a member begins with that tells where money is to go.
const PAYEE: &str = "pay:";

/// What a member begins with that tells of a request.
const REQUEST: &str = "rid:";

/// What is counted. Each measure has one source of record, chosen by ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// HTTP requests.
    Requests,
    /// HTTP requests to routes that hold classified data.
    ClassifiedRequests,
    /// SQL statements.
    Statements,
    /// Tables touched by statements, each time.
    TableTouches,
    RowsSent,
    RowsExamined,
    RowsAffected,
    /// Bytes of responses, or of result sets.
    Bytes,
    /// Refused for want of rights.
    Denied,
    /// Went wrong otherwise.
    Failed,
    LoginsOk,
    LoginsFailed,
    /// Statements on HR data that no tag and no other log gives a person for.
    UnnamedStatements,
    /// Statements on classified data seen by the source that knows rows. Fewer than [`Metric::Statements`]: rows were read that
    /// nobody counted (server-side cursors, a sampled slow log).
    CountedStatements,
    /// Rows that a statement packed into fewer rows sent, or into a file: what GROUP_CONCAT, JSON_ARRAYAGG and DUMPFILE read.
    RowsGathered,
    /// Of [`Metric::RowsAffected`], those of statements that write account numbers.
    BankRowsAffected,
    /// Requests, and statements, for a page of a list of classified data beyond [`PAGES_USUAL`]. One page asked for may be one of each.
    DeepRequests,
    DeepStatements,
    /// The last page of such a list that was asked for, from 1: the greatest, not a sum. 0: no list.
    DeepestPage,
}

impl Metric {
    /// Later ones come last: a message of an earlier version names the metrics by their places.
    pub const ALL: [Metric; 19] = [
        Metric::Requests,
        Metric::ClassifiedRequests,
        Metric::Statements,
        Metric::TableTouches,
        Metric::RowsSent,
        Metric::RowsExamined,
        Metric::RowsAffected,
        Metric::Bytes,
        Metric::Denied,
        Metric::Failed,
        Metric::LoginsOk,
        Metric::LoginsFailed,
        Metric::UnnamedStatements,
        Metric::CountedStatements,
        Metric::RowsGathered,
        Metric::BankRowsAffected,
        Metric::DeepRequests,
        Metric::DeepStatements,
        Metric::DeepestPage,
    ];
    pub const COUNT: usize = Self::ALL.len();

    /// The unit shown to people.
    pub const fn unit(self) -> &'static str {
        match self {
            Metric::Requests | Metric::ClassifiedRequests | Metric::Denied | Metric::Failed | Metric::DeepRequests => {
                "requests"
            }
            Metric::Statements | Metric::UnnamedStatements | Metric::CountedStatements | Metric::DeepStatements => {
                "statements"
            }
            Metric::DeepestPage => "pages",
            Metric::TableTouches => "tables",
            Metric::RowsSent
            | Metric::RowsExamined
            | Metric::RowsAffected
            | Metric::RowsGathered
            | Metric::BankRowsAffected => "rows",
            Metric::Bytes => "bytes",
            Metric::LoginsOk | Metric::LoginsFailed => "logins",
        }
    }

    /// Two amounts as one: their sum, or the greater.
    const fn joined(self, one: u64, other: u64) -> u64 {
        match self {
            Metric::DeepestPage if one < other => other,
            Metric::DeepestPage => one,
            _ => one.saturating_add(other),
        }
    }
}

/// Mergeable summary of what one entity did in one minute. See the crate's documentation for the laws it obeys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub(crate) counts: [u64; Metric::COUNT],
    /// Classes of the data touched.
    pub classes: DataClasses,
    pub signals: Signals,
    /// The most trusted way in which the actor is known.
    pub known_by: KnownBy,
    /// Client addresses.
    pub addresses: Set<ADDRESSES_MAX>,
    /// Where these addresses are, as far as known: `country/kind`, or whatever ingest calls a place.
    pub places: Set<PLACES_MAX>,
    /// `schema.table`.
    pub tables: Set<TABLES_MAX>,
    /// Accounts tried from an address, users seen at an application host, accounts that read a table.
    pub accounts: Set<ACCOUNTS_MAX>,
    pub agents: Set<AGENTS_MAX>,
    /// Operators of the networks these addresses belong to, as far as known.
    pub networks: Set<NETWORKS_MAX>,
    /// Statement fingerprints, as 16 hexadecimal digits.
    pub fingerprints: Set<FINGERPRINTS_MAX>,
    /// Of an application host: who it may have been, portal users with requests to HR routes on that host; and members
    /// `rid:HASH|user` for requests whose id the log knows, see [`Tally::request_member`]. Of a table, and of a person at it: account numbers
    /// that were written, see [`Tally::payee_member`].
    pub candidates: Set<CANDIDATES_MAX>,
    pub logins: Logins,
    /// Records that were asked for. Of the fleet: the addresses from which somebody logged in.
    pub records: Records,
    /// Records that requests asked for and got, of the tables that configuration links their routes to; and of routes that nothing links.
    pub requested: Option<Box<Requested>>,
    pub requested_by_route: Option<Box<Requested>>,
    pub evidence: Positions,
    /// Signature rules that were matched.
    pub marks: Marks,
    /// The person behind the entity. If several are named, the smallest stays.
    pub person: Option<Arc<str>>,
}

/// The outcome of one attempt to log in. Ordered by time first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    pub at: Timestamp,
    pub account: Box<str>,
    pub ok: bool,
}

/// The earliest logins, in order of event time; the same login twice counts twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    pub(crate) earliest: Vec<Login>,
    pub(crate) overflowed: bool,
}

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Name of the source.
    pub source: Arc<str>,
    pub partition: i32,
    /// Offset in a topic, or line of a file.
    pub offset: i64,
}

/// A few pointers to the records that show it, smallest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(pub(crate) Few<Position>);

impl Tally {
    pub fn add(&mut self, metric: Metric, amount: u64) {
        let count = &mut self.counts[metric as usize];
        *count = metric.joined(*count, amount);
    }

    pub fn get(&self, metric: Metric) -> u64 {
        self.counts[metric as usize]
    }

    /// All counts, in the order of [`Metric::ALL`].
    pub fn counts(&self) -> &[u64; Metric::COUNT] {
        &self.counts
    }

    /// Names the person; of several the smallest stays.
    pub fn name_person(&mut self, person: &str) {
        let person = cut(person);
        if self.person.as_deref().is_none_or(|known| person < known) {
            self.person = Some(person.into());
        }
    }

    /// The same, of a text that others may have too.
    pub fn name_person_text(&mut self, person: &Text) {
        self.name_shared(person.shared());
    }

    fn name_shared(&mut self, person: &Arc<str>) {
        if self.person.as_ref().is_none_or(|known| person < known) {
            self.person = Some(person.clone());
        }
    }

    /// The most trusted way stays.
    pub fn known(&mut self, by: KnownBy) {
        self.known_by = self.known_by.min(by);
    }

    /// A member of `candidates` (`what`: the user) or of `accounts` (`what`: the table) that tells by which request, by the hash
    /// of its id.
    pub fn request_member(hash: &str, what: &str) -> String {
        format!("{REQUEST}{hash}|{what}")
    }

    /// A member of `candidates` that tells whose (`whose`) an account number became, by its hash.
    pub fn payee_member(hash: &str, whose: &str) -> String {
        format!("{PAYEE}{hash}|{whose}")
    }

    /// Account numbers that were written, by their hash, and whose each became.
    pub fn payees(&self) -> impl Iterator<Item = (&str, &str)> {
        self.candidates.iter().filter_map(|(_, text)| text.strip_prefix(PAYEE)?.split_once('|'))
    }

    /// Candidates without those members, in no order that means anything.
    pub fn candidate_users(&self) -> impl Iterator<Item = &str> {
        self.candidates.iter().map(|(_, user)| user).filter(|user| !user.starts_with(REQUEST))
    }

    /// Of an application host: which user is behind a statement on which table, by a request id that both logs have.
    pub fn requests_in_common(&self) -> BTreeSet<(&str, &str)> {
        fn members<const MAX: usize>(set: &Set<MAX>) -> impl Iterator<Item = (&str, &str)> {
            set.iter().filter_map(|(_, text)| text.strip_prefix(REQUEST)?.split_once('|'))
        }
        let users: BTreeMap<&str, &str> = members(&self.candidates).collect();
        members(&self.accounts).filter_map(|(request, table)| Some((*users.get(request)?, table))).collect()
    }

    /// Is [`Tally::default`] again, and keeps the room that it has.
    pub(crate) fn clear(&mut self) {
        let Tally {
            counts,
            classes,
            signals,
            known_by,
            addresses,
            places,
            tables,
            accounts,
            agents,
            networks,
            fingerprints,
            candidates,
            logins,
            records,
            requested,
            requested_by_route,
            evidence,
            marks,
            person,
        } = self;
        *counts = [0; Metric::COUNT];
        (*classes, *signals, *known_by) = Default::default();
        addresses.clear();
        places.clear();
        tables.clear();
        accounts.clear();
        agents.clear();
        networks.clear();
        fingerprints.clear();
        candidates.clear();
        logins.earliest.clear();
        logins.overflowed = false;
        *records = Records::default();
        (*requested, *requested_by_route, *person) = (None, None, None);
        evidence.0.clear();
        marks.clear();
    }

    /// Bytes that hang on it, as far as they are its own: texts that tallies share count for each of them.
    pub fn heap_bytes(&self) -> usize {
        let logins = self.logins.earliest.iter().map(|login| login.account.len()).sum::<usize>()
            + self.logins.earliest.capacity() * size_of::<Login>();
        self.addresses.heap_bytes()
            + self.places.heap_bytes()
            + self.tables.heap_bytes()
            + self.accounts.heap_bytes()
            + self.agents.heap_bytes()
            + self.networks.heap_bytes()
            + self.fingerprints.heap_bytes()
            + self.candidates.heap_bytes()
            + logins
            + self.records.heap_bytes()
            + self.requested.as_deref().map_or(0, Requested::heap_bytes)
            + self.requested_by_route.as_deref().map_or(0, Requested::heap_bytes)
            + self.evidence.0.heap_bytes()
            + self.marks.heap_bytes()
            + self.person.as_deref().map_or(0, str::len)
    }

    pub fn merge(&mut self, other: &Tally) {
        for ((metric, count), more) in Metric::ALL.into_iter().zip(&mut self.counts).zip(other.counts) {
            *count = metric.joined(*count, more);
        }
        self.classes = self.classes.union(other.classes);
        self.signals = self.signals.union(other.signals);
        self.known_by = self.known_by.min(other.known_by);
        self.addresses.merge(&other.addresses);
        self.places.merge(&other.places);
        self.tables.merge(&other.tables);
        self.accounts.merge(&other.accounts);
        self.agents.merge(&other.agents);
        self.networks.merge(&other.networks);
        self.fingerprints.merge(&other.fingerprints);
        self.candidates.merge(&other.candidates);
        self.logins.merge(&other.logins);
        self.records.merge(&other.records);
        merge_requested(&mut self.requested, other.requested.as_deref());
        merge_requested(&mut self.requested_by_route, other.requested_by_route.as_deref());
        self.evidence.merge(&other.evidence);
        self.marks.merge(&other.marks);
        if let Some(person) = &other.person {
            self.name_shared(person);
        }
    }
}

fn merge_requested(of: &mut Option<Box<Requested>>, other: Option<&Requested>) {
    if let Some(other) = other {
        of.get_or_insert_default().merge(other);
    }
}

impl Logins {
    pub fn insert(&mut self, at: Timestamp, account: &str, ok: bool) {
        let account = cut(account);
        let order = |login: &Login| (login.at, &*login.account, login.ok).cmp(&(at, account, ok));
        let place = self.earliest.partition_point(|login| order(login) != Ordering::Greater);
        if place >= LOGINS_MAX {
            self.overflowed = true;
            return;
        }
        self.earliest.insert(place, Login { at, account: account.into(), ok });
        if self.earliest.len() > LOGINS_MAX {
            self.earliest.truncate(LOGINS_MAX);
            self.overflowed = true;
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Login> {
        self.earliest.iter()
    }
    pub fn is_empty(&self) -> bool {
        self.earliest.is_empty()
    }
    /// There were more than [`LOGINS_MAX`].
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub fn merge(&mut self, other: &Logins) {
        self.overflowed |= other.overflowed;
        for login in &other.earliest {
            self.insert(login.at, &login.account, login.ok);
        }
    }
}

impl Positions {
    /// Keeps the position if it is among the smallest; clones the source's name only then.
    pub fn insert(&mut self, source: &Arc<str>, partition: i32, offset: i64) {
        let order = |known: &Position| {
            // As a rule it is the very same text.
            let of_source =
                if Arc::ptr_eq(&known.source, source) { Ordering::Equal } else { (*known.source).cmp(source) };
            of_source.then_with(|| (known.partition, known.offset).cmp(&(partition, offset)))
        };
        if self.0.len() == EVIDENCE_MAX && self.0.last().is_some_and(|last| order(last) != Ordering::Greater) {
            return;
        }
        let Err(place) = self.0.binary_search_by(order) else { return };
        if place < EVIDENCE_MAX {
            self.0.insert(place, Position { source: source.clone(), partition, offset });
            self.0.truncate(EVIDENCE_MAX);
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Position> {
        self.0.iter()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn merge(&mut self, other: &Positions) {
        other.0.iter().for_each(|position| self.insert(&position.source, position.partition, position.offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_saturate_instead_of_wrapping() {
        let mut tally = Tally::default();
        tally.add(Metric::RowsSent, u64::MAX - 1);
        tally.add(Metric::RowsSent, 5);
        assert_eq!(tally.get(Metric::RowsSent), u64::MAX);
        let other = tally.clone();
        tally.merge(&other);
        assert_eq!(tally.get(Metric::RowsSent), u64::MAX);
    }

    #[test]
    fn of_pages_the_last_stays() {
        let mut tally = Tally::default();
        [7, 44, 9].into_iter().for_each(|page| tally.add(Metric::DeepestPage, page));
        let mut other = Tally::default();
        other.add(Metric::DeepestPage, 12);
        tally.merge(&other);
        other.merge(&tally);
        assert_eq!([&tally, &other].map(|tally| tally.get(Metric::DeepestPage)), [44, 44]);
    }

    #[test]
    fn the_earliest_logins_stay_and_repeats_count() {
        let mut logins = Logins::default();
        for n in (0..100).rev() {
            logins.insert(Timestamp::from_secs(n / 2), "mallory", false);
        }
        assert!(logins.overflowed());
        assert_eq!(logins.iter().len(), LOGINS_MAX);
        assert_eq!(logins.iter().map(|login| login.at.as_secs()).max(), Some(31));
    }

    #[test]
    fn three_smallest_positions_stay_once_each() {
        let source: Arc<str> = "audit".into();
        let mut positions = Positions::default();
        for offset in [9, 3, 3, 7, 1, 8] {
            positions.insert(&source, 0, offset);
        }
        assert_eq!(positions.iter().map(|position| position.offset).collect::<Vec<_>>(), [1, 3, 7]);
    }

    #[test]
    fn requests_that_both_logs_know_name_the_user() {
        let mut tally = Tally::default();
        tally.candidates.insert("u1");
        for (hash, user) in [("aa", "u1"), ("bb", "o|brien")] {
            tally.candidates.insert(&Tally::request_member(hash, user));
        }
        for (hash, table) in [("bb", "hr.payslips"), ("cc", "hr.reviews")] {
            tally.accounts.insert(&Tally::request_member(hash, table));
        }
        assert_eq!(tally.requests_in_common().into_iter().collect::<Vec<_>>(), [("o|brien", "hr.payslips")]);
        assert_eq!(tally.candidate_users().collect::<Vec<_>>(), ["u1"]);
    }

    #[test]
    fn account_numbers_that_were_written_come_back_with_whose_they_became() {
        let mut tally = Tally::default();
        for (hash, whose) in [("aa", "u1"), ("aa", "o|brien"), ("bb", "u1")] {
            tally.candidates.insert(&Tally::payee_member(hash, whose));
        }
        tally.candidates.insert(&Tally::request_member("cc", "u1"));
        let mut all: Vec<_> = tally.payees().collect();
        all.sort_unstable();
        assert_eq!(all, [("aa", "o|brien"), ("aa", "u1"), ("bb", "u1")]);
    }

    #[test]
    fn of_several_persons_the_smallest_stays() {
        let mut tally = Tally::default();
        tally.name_person("zoe");
        tally.name_person("adam");
        tally.name_person("mia");
        assert_eq!(tally.person.as_deref(), Some("adam"));
    }
}
