//! How many people of which place an incident concerns: laws have thresholds by place.
//!
//! An incident keeps the numbers of the employees that its alerts name, the policy knows where the directory says they live
//! ([`detector::Residents`]). What comes of both is a decision of its own, [`crate::Decision::PeopleLocated`], and so a fact of the journal:
//! the fold asks no directory, and what was told in March stays what it was when the directory of June is another. It is counted anew
//! whenever one of the two has changed, and journaled when another number comes out.
//!
//! *At least*: numbers whose row names the place. *At most*: these; those who may live there as the directory does not list them, or does
//! not say where, or only in which country; and whatever is not known by number, every row or request beyond the named ones being
//! somebody else from anywhere. Where even that cannot be said (an alert that tells of no records, records of other kinds, data that is
//! not employees') nothing bounds it from above, unless the operator says that the directory does ([`PeopleAtMost::Directory`]).
//! A person's count stands above all of it, except that nobody counts fewer than logs name.
//!
//! The places are those that were named, their countries, and every place that an obligation which applies asks about. Counting in the
//! detector, alert by alert, lost: an alert's counts cannot be added up over an incident, and every instance would need the obligations.

use crate::{
    Decision, Incident, PeopleAtMost, Policy,
    affected::{Affected, is_employee},
    limits,
};
use activity::{DataClass, DataClasses, Timestamp};
use detector::{Home, Residents, lies_in, may_lie_in};
use law::{Case, Catalogue, Headcount, Holds, People, Whose};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The people whom alerts name, by where the directory says that they live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// SHA-256 of the directory that was asked, in hexadecimal.
    pub directory: String,
    /// All of them.
    pub total: Headcount,
    /// By code; of a country with its subdivisions. At most [`limits::LOCATED_PLACES_MAX`].
    pub places: Vec<LocatedPlace>,
    /// Of whom the directory does not say where they live, or who are not in it.
    pub unlocated: Headcount,
    /// How it was counted, and why it is no closer, in words.
    pub reason: String,
}

/// How many may live in a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocatedPlace {
    /// ISO 3166 code, or [`People::ANOTHER_STATE`].
    pub place: String,
    #[serde(flatten)]
    pub count: Headcount,
    /// How many people of the directory live there.
    pub n_directory: u64,
}

/// What is known of one place by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residence {
    pub place: String,
    pub count: Headcount,
    /// A person recorded it.
    pub by_person: bool,
    /// How many people of the directory live there, if it was asked.
    pub n_directory: Option<u64>,
}

impl Located {
    /// Whether the numbers are the same, whatever they were counted by.
    fn says_the_same(&self, other: &Located) -> bool {
        let same = |(one, two): (&LocatedPlace, &LocatedPlace)| (&one.place, one.count) == (&two.place, two.count);
        (self.total, self.unlocated, self.places.len()) == (other.total, other.unlocated, other.places.len())
            && self.places.iter().zip(&other.places).all(same)
    }

    /// What is known of two incidents that become one, until it is counted anew. A place that only one of them has may be one of the
    /// other's unknown ones.
    pub(crate) fn and(&self, other: &Located) -> Located {
        let names: BTreeSet<&String> = self.places.iter().chain(&other.places).map(|of| &of.place).collect();
        let places = names.into_iter().map(|name| {
            let [ours, theirs] = [self, other].map(|located| located.places.iter().find(|of| of.place == *name));
            LocatedPlace {
                place: name.clone(),
                count: of_either(ours.map(|of| &of.count), theirs.map(|of| &of.count)),
                n_directory: ours.into_iter().chain(theirs).map(|of| of.n_directory).max().unwrap_or(0),
            }
        });
        Located {
            directory: self.directory.clone(),
            total: of_either(Some(&self.total), Some(&other.total)),
            places: places.take(limits::LOCATED_PLACES_MAX).collect(),
            unlocated: of_either(Some(&self.unlocated), Some(&other.unlocated)),
            reason: format!("of two incidents that became one: {}", self.reason),
        }
    }

    /// The places of people who are named, in words, the most people first.
    pub(crate) fn in_words(&self) -> String {
        let mut named: Vec<_> = self.places.iter().filter(|of| of.count.lower > 0).collect();
        named.sort_by_key(|of| std::cmp::Reverse(of.count.lower));
        let places = named.iter().take(limits::NOTICE_PLACES).map(|of| format!("{} in {}", of.count, of.place));
        let mut words: Vec<_> = places.collect();
        if named.len() > limits::NOTICE_PLACES {
            words.push(format!("and {} more places", named.len() - limits::NOTICE_PLACES));
        }
        words.push(format!("{} without a known place", self.unlocated));
        words.join(", ")
    }
}

/// The two counts may be of the same people or of others; of whom only one incident has a count, there may be more.
pub(crate) fn of_either(ours: Option<&Headcount>, theirs: Option<&Headcount>) -> Headcount {
    let (ours, theirs) = (ours.copied().unwrap_or(Headcount::UNKNOWN), theirs.copied().unwrap_or(Headcount::UNKNOWN));
    let upper = ours.upper.zip(theirs.upper).map(|(ours, theirs)| ours.saturating_add(theirs));
    Headcount { lower: ours.lower.max(theirs.lower), upper }
}

/// What is missing of it: see [`crate::pending`].
pub(crate) fn located(policy: &Policy, incident: &Incident, at: Timestamp) -> Vec<Decision> {
    if !incident.is_open() || policy.residents().is_empty() {
        return Vec::new();
    }
    let located = locate(policy, incident);
    if incident.located.as_ref().is_some_and(|old| old.says_the_same(&located)) {
        return Vec::new();
    }
    let because = located.reason.clone();
    vec![Decision::PeopleLocated { at, because, incident: incident.id, located: Box::new(located) }]
}

fn locate(policy: &Policy, incident: &Incident) -> Located {
    let (residents, affected) = (policy.residents(), incident.affected_so_far());
    let at_most = policy.settings().jurisdictions.people_at_most;
    let homes = Homes::of(affected, residents);
    let bounds = |held: usize, of: &dyn Fn(Home<'_>) -> bool| {
        affected.named().bounds_of_part(held, |record| is_employee(record) && of(residents.home(record)))
    };
    let (is_unlisted, is_unsaid) = (|home: Home<'_>| home == Home::Unlisted, |home: Home<'_>| home == Home::Unsaid);
    let all = bounds(homes.n_all, &|_| true);
    let unsaid = bounds(homes.n_unsaid + homes.n_unlisted, &|home| is_unsaid(home) || is_unlisted(home));
    let beyond = Beyond::of(affected, incident.data_classes, homes.n_others);
    let of_employees_only = are_employees(incident.data_classes);
    let covers = at_most == PeopleAtMost::Directory && of_employees_only;
    // Numbers the directory does not have are people whom it does not bound.
    let unlisted = bounds(homes.n_unlisted, &is_unlisted).upper;
    let at_most = |known: u64, may_be: u64| {
        let counted = beyond.n.map(|n| known.saturating_add(n)).filter(|_| at_most != PeopleAtMost::Person);
        let covered = covers.then(|| may_be.saturating_add(unlisted));
        least(counted, covered)
    };
    let total = headcount(all.lower, at_most(all.upper, residents.n_people()));
    let place = |place: &str| {
        let there = bounds(homes.n_in(place), &|home| matches!(home, Home::In(code) if lies_in(code, place)));
        let perhaps =
            bounds(homes.n_perhaps_in(place), &|home| matches!(home, Home::In(code) if may_lie_in(code, place)));
        let may_be = there.upper.saturating_add(perhaps.upper).saturating_add(unsaid.upper);
        let upper = at_most(may_be, residents.n_perhaps_in(place));
        LocatedPlace {
            place: place.to_owned(),
            count: headcount(there.lower, least(upper, total.upper)),
            n_directory: residents.n_in(place),
        }
    };
    let mut places: Vec<LocatedPlace> =
        homes.places(policy).into_iter().take(limits::LOCATED_PLACES_MAX).map(|code| place(&code)).collect();
    places.sort_by(|one, two| one.place.cmp(&two.place));
    let upper = least(at_most(unsaid.upper, residents.n_people()), total.upper);
    Located {
        directory: residents.digest().to_owned(),
        total,
        places,
        unlocated: headcount(unsaid.lower, upper),
        reason: reason(policy, &homes, &beyond, covers, all.exact),
    }
}

/// The members of an incident's set of named employees, by where they live.
struct Homes<'a> {
    of: BTreeMap<&'a str, usize>,
    n_all: usize,
    n_unsaid: usize,
    n_unlisted: usize,
    /// Records that are no employees.
    n_others: usize,
}

impl<'a> Homes<'a> {
    fn of(affected: &Affected, residents: &'a Residents) -> Self {
        let mut homes = Homes { of: BTreeMap::new(), n_all: 0, n_unsaid: 0, n_unlisted: 0, n_others: 0 };
        for record in affected.named().iter() {
            if !is_employee(record) {
                homes.n_others += 1;
                continue;
            }
            homes.n_all += 1;
            match residents.home(record) {
                Home::In(place) => *homes.of.entry(place).or_default() += 1,
                Home::Unsaid => homes.n_unsaid += 1,
                Home::Unlisted => homes.n_unlisted += 1,
            }
        }
        homes
    }

    fn n_in(&self, place: &str) -> usize {
        self.of.iter().filter(|(code, _)| lies_in(code, place)).map(|(_, n)| n).sum()
    }

    /// Of whom only the country is known in which the place lies.
    fn n_perhaps_in(&self, place: &str) -> usize {
        self.of.iter().filter(|(code, _)| may_lie_in(code, place)).map(|(_, n)| n).sum()
    }

    /// Every place to tell of: first those that somebody asks about, then those of the most people.
    fn places(&self, policy: &Policy) -> Vec<String> {
        let asked = policy.places_asked();
        let mut all: Vec<String> = asked.iter().cloned().collect();
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        for (code, n) in &self.of {
            *named.entry(code).or_default() += n;
            if let Some((country, _)) = code.split_once('-') {
                *named.entry(country).or_default() += n;
            }
        }
        let mut by_size: Vec<_> = named.into_iter().collect();
        by_size.sort_by_key(|(code, n)| (std::cmp::Reverse(*n), *code));
        all.extend(by_size.into_iter().map(|(code, _)| code.to_owned()).filter(|code| !asked.contains(code)));
        all
    }
}

/// The places that obligations ask about.
pub(crate) fn asked(law: &Catalogue, residents: &Residents) -> BTreeSet<String> {
    let obligations = law.obligations();
    let mut asked: BTreeSet<String> = obligations.iter().map(|of| of.residents_of.clone()).collect();
    let of_one_state = |of: &law::Obligation| of.thresholds.iter().any(|one| one.whose() == Whose::ResidentsOfOneState);
    if obligations.iter().any(of_one_state) {
        asked.insert(People::ANOTHER_STATE.to_owned());
        let states = residents.places().filter(|place| place.starts_with(People::ANOTHER_STATE));
        asked.extend(states.map(str::to_owned));
    }
    asked.remove("");
    asked
}

/// People who may be concerned beyond those who are named.
struct Beyond {
    /// `None`: nothing bounds them.
    n: Option<u64>,
    /// Why not.
    causes: Vec<&'static str>,
}

impl Beyond {
    fn of(affected: &Affected, classes: DataClasses, n_others: usize) -> Self {
        let causes = [
            (!are_employees(classes), "its data is not that of employees alone"),
            (n_others > 0, "records of other kinds were named, whose people are not known"),
            (affected.n_page_alerts() == 0, "no alert tells whom it concerns"),
            (affected.n_without_records() > 0, "some of its alerts tell of no records"),
        ];
        let causes: Vec<_> = causes.into_iter().filter(|(holds, _)| *holds).map(|(_, cause)| cause).collect();
        Beyond { n: causes.is_empty().then(|| affected.total_unnamed()), causes }
    }
}

/// Whether the directory can know whose data it is.
fn are_employees(classes: DataClasses) -> bool {
    !classes.is_empty() && classes.iter().all(|class| matches!(class, DataClass::Hr | DataClass::HrAdjacent))
}

fn reason(policy: &Policy, homes: &Homes<'_>, beyond: &Beyond, covers: bool, is_exact: bool) -> String {
    let at_least = match (homes.n_all, is_exact) {
        (0, _) => "at least: no alert names employees by their numbers",
        (_, true) => "at least: different employees whom alerts name, each where the directory says",
        (_, false) => {
            "at least: different employees whom alerts name, each where the directory says, estimated from a sample (19 of 20 cases)"
        }
    };
    let unplaced = match homes.n_unsaid + homes.n_unlisted {
        0 => String::new(),
        n => {
            let unlisted = homes.n_unlisted;
            format!(
                "; of {n} numbers ({unlisted} not in the directory) nothing says where they live: they count as living in each place"
            )
        }
    };
    let at_most = match (policy.settings().jurisdictions.people_at_most, beyond.n) {
        (PeopleAtMost::Person, _) => "what a person counts (`people_at_most`)".to_owned(),
        (_, Some(0)) if !covers => "nobody beyond".to_owned(),
        (_, Some(n)) if !covers => {
            format!("{n} more from anywhere, as many rows or requests there were beyond those named")
        }
        (_, None) if !covers => format!("nothing bounds it, as {}", beyond.causes.join("; ")),
        (_, Some(n)) => format!("{n} more, or as many as the directory has there and those it does not list"),
        (_, None) => {
            format!("as many as the directory has there and those it does not list, as {}", beyond.causes.join("; "))
        }
    };
    format!("{at_least}{unplaced}; at most: {at_most}")
}

fn headcount(lower: u64, upper: Option<u64>) -> Headcount {
    Headcount { lower, upper: upper.map(|upper| upper.max(lower)) }
}

/// The lesser bound, where `None` bounds nothing.
fn least(one: Option<u64>, two: Option<u64>) -> Option<u64> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

impl Incident {
    /// Who is concerned, as far as it is known. Logs and the directory give bounds; a person's count goes before the upper one, and what
    /// logs prove later before what somebody counted earlier.
    pub fn people_concerned(&self) -> People {
        let reckoned = self.located.iter().flat_map(|located| &located.places);
        let mut reckoned: BTreeMap<_, _> = reckoned.map(|of| (of.place.clone(), of.count)).collect();
        let counted = self.people.iter().filter(|(place, _)| !place.is_empty());
        let mut residents: BTreeMap<String, Headcount> = counted.map(|(place, n)| (place.clone(), *n)).collect();
        let located = residents.values().fold(0_u64, |sum, count| sum.saturating_add(count.lower));
        for (place, count) in &mut residents {
            let proven = reckoned.get(place).map_or(0, |there| there.lower);
            *count = headcount(count.lower.max(proven), count.upper);
            // Whom somebody counted in a state is in the country.
            if let Some(country) = place.split_once('-').and_then(|(country, _)| reckoned.get_mut(country)) {
                let upper = country.upper.zip(count.upper).map(|(one, two)| one.max(two));
                *country = headcount(country.lower.max(count.lower), upper);
            }
        }
        let by_logs = self.located.as_ref().map_or(Headcount::UNKNOWN, |located| located.total);
        let by_person = self.people.get("").copied();
        let lower = by_person.unwrap_or_default().lower.max(self.affected_so_far().people_at_least()).max(located);
        let total = headcount(lower, by_person.unwrap_or(by_logs).upper);
        let elsewhere = self.located.as_ref().and_then(|located| located.unlocated.upper);
        let upper = least(total.upper.map(|upper| upper.saturating_sub(located)), elsewhere);
        People { total, residents, unlocated: Headcount { lower: 0, upper }, reckoned }
    }

    /// The places of which people are known, those of the most first.
    pub fn residences(&self) -> Vec<Residence> {
        let people = self.people_concerned();
        let located = self.located.iter().flat_map(|located| &located.places);
        let asked: BTreeMap<&str, u64> = located.map(|of| (of.place.as_str(), of.n_directory)).collect();
        let counted = self.people.keys().map(String::as_str).filter(|place| !place.is_empty());
        let all: BTreeSet<&str> = asked.keys().copied().chain(counted).collect();
        let residence = |place: &str| Residence {
            place: place.to_owned(),
            count: people.residents_of(place),
            by_person: people.residents.contains_key(place),
            n_directory: asked.get(place).copied(),
        };
        let mut residences: Vec<_> = all.into_iter().map(residence).collect();
        residences.retain(|of| of.count.lower > 0 || of.by_person);
        residences.sort_by_key(|of| std::cmp::Reverse(of.count.lower));
        residences
    }
}

impl Policy {
    /// Obligations that do not run because the number of people, as far as it is known, misses a threshold: (name, why). They would if
    /// nothing were known of it.
    pub fn missed_by_number(&self, incident: &Incident) -> Vec<(String, String)> {
        let (moments, sent) = (incident.moments(), incident.told_of_obligations());
        let (known, unknown) = (incident.people_concerned(), People::unknown());
        let case = |people| Case {
            classes: incident.data_classes,
            moments: &moments,
            sent: &sent,
            people,
            armed_anyway: &self.settings().jurisdictions.arm_unverified,
        };
        let (by_known, by_none) = (self.law().standings(&case(&known)), self.law().standings(&case(&unknown)));
        let missed = by_known.into_iter().zip(by_none).filter_map(|(known, none)| match (known.holds, none.holds) {
            (Holds::Inapplicable(because), Holds::Running(_)) => Some((known.obligation.name.clone(), because)),
            _ => None,
        });
        missed.collect()
    }
}
