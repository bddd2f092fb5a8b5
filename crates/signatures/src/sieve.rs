//! One look at an entry, after which nearly every entry is done with.
//!
//! Of each rule's condition it is known which words an entry must have at least one of: a match is impossible without. All words of all
//! rules are looked for in one pass (`words`, ASCII letters in any case) over the texts that the client could write; only rules of
//! which a word was found are asked. Rules without such a word (a regular expression alone, a status alone) are always asked, and there
//! may be few of them.
//!
//! | condition | words |
//! |---|---|
//! | a value | its longest stretch that no form tears apart: in an address without blanks, `/`, `+` and `?`, in a statement without blanks |
//! | any of several values | one of each; if one has none, none |
//! | all of several, `and` | those of the part whose words are rarest in a shop's logs |
//! | `or`, `1 of` | those of all parts; if one has none, none |
//! | `not` | none |
//!
//! Words that every second request has (`rest`, `media`, `select`) are taken where there is no better one, words of less than three
//! bytes never. What the sieve lets
//! through is judged as if there were none: [`crate::Set`]'s tests compare the two.
//!
//! The losing alternatives: a regular-expression set (its size depends on the rules' writer), one search for all texts together (one
//! short word of agents would slow that of addresses), asking every rule (many times the cost of parsing).

use crate::{
    Category, Rule,
    condition::Condition,
    field::{self, Field, decoded},
    limits::{AGENT_BYTES_MAX, AGENTS_MAX, DECODINGS_MAX},
    rule::{Group, Item},
    words::{WORD_BYTES_MIN, Words},
};
use activity::Activity;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Words that say nothing in the logs of a shop.
const COMMON: [&str; 60] = [
    "537.36",
    "admin",
    "and",
    "android",
    "applewebkit",
    "applewebkit/537.36",
    "catalog",
    "category",
    "checkout",
    "chrome",
    "com",
    "compatible",
    "css",
    "customer",
    "delete",
    "firefox",
    "from",
    "gecko",
    "get",
    "html",
    "http",
    "https",
    "index",
    "index.php",
    "insert",
    "into",
    "iphone",
    "jpg",
    "khtml",
    "like",
    "linux",
    "macintosh",
    "media",
    "mobile",
    "mozilla",
    "order",
    "php",
    "png",
    "post",
    "product",
    "pub",
    "rest",
    "safari",
    "sales",
    "select",
    "set",
    "static",
    "table",
    "trident",
    "update",
    "user",
    "values",
    "var",
    "version",
    "webkit",
    "where",
    "windows",
    "www",
    "x11",
    "xml",
];

/// Texts that are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Scanned {
    address: bool,
    agent: bool,
    referer: bool,
    host: bool,
    statement: bool,
}

/// The words of the rules of one category, by the texts in which they are looked for.
#[derive(Debug)]
pub(crate) struct Sieve {
    address: Part,
    agent: Part,
    /// Referer and host.
    other: Part,
    statement: Part,
    scanned: Scanned,
    /// Rules that are always asked, ascending.
    always: Vec<u32>,
}

/// Words that are looked for in one text, and the rules of each.
#[derive(Debug, Default)]
struct Part {
    words: Option<Words>,
    rules: Vec<Vec<u32>>,
}

/// Agents in which no word was found. A browser comes back: most lines of a log have an agent that was there a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agents(Vec<Box<str>>);

/// At least one of these must be in the entry.
#[derive(Clone, Debug, Default)]
struct Clause {
    words: Vec<String>,
    scanned: Scanned,
    /// How good its worst word is.
    worth: usize,
}

impl Sieve {
    /// Of the rules of that category, by their place.
    pub(crate) fn new(rules: &[Rule], category: Category) -> Sieve {
        let mut clauses = Vec::new();
        let mut always = Vec::new();
        let mut scanned = Scanned::default();
        for (at, rule) in (0u32..).zip(rules).filter(|(_, rule)| rule.category == category) {
            let (condition, selections) = rule.condition();
            match of_condition(condition, selections) {
                Some(clause) => {
                    scanned = scanned.and(clause.scanned);
                    clauses.push((at, clause));
                }
                None => always.push(at),
            }
        }
        let part = |is_in: fn(&Scanned) -> bool| Part::new(clauses.iter().filter(|(_, clause)| is_in(&clause.scanned)));
        Sieve {
            address: part(|scanned| scanned.address),
            agent: part(|scanned| scanned.agent),
            other: part(|scanned| scanned.referer || scanned.host),
            statement: part(|scanned| scanned.statement),
            scanned,
            always,
        }
    }

    /// How many rules are always asked.
    pub(crate) fn unsieved(&self) -> usize {
        self.always.len()
    }

    /// Puts the rules that could match into `found`, ascending.
    pub(crate) fn candidates(&self, activity: &Activity<'_>, agents: &mut Agents, found: &mut Vec<u32>) {
        found.clear();
        if let Some(text) = activity.statement.as_deref() {
            self.statement.look(text, found);
        }
        if let Some(asked) = &activity.asked {
            if self.scanned.address {
                self.address.look_decoded(field::path(activity), false, found);
                self.address.look_decoded(field::query(activity), true, found);
            }
            if self.scanned.agent
                && let Some(agent) = activity.agent.as_deref()
                && !agents.knows(agent)
            {
                let before = found.len();
                self.agent.look(field::within(agent), found);
                if found.len() == before {
                    agents.remember(agent);
                }
            }
            if self.scanned.referer {
                self.other.look(field::within(&asked.referer), found);
            }
            if self.scanned.host {
                self.other.look(field::within(&asked.host), found);
            }
        }
        if !found.is_empty() || !self.always.is_empty() {
            found.extend_from_slice(&self.always);
            found.sort_unstable();
            found.dedup();
        }
    }
}

impl Part {
    fn new<'c>(clauses: impl Iterator<Item = &'c (u32, Clause)>) -> Part {
        let mut by_word: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (at, clause) in clauses {
            for word in &clause.words {
                by_word.entry(word).or_default().push(*at);
            }
        }
        let (words, rules): (Vec<&str>, Vec<Vec<u32>>) = by_word.into_iter().unzip();
        Part { words: Words::new(words.into_iter()), rules }
    }

    fn look(&self, text: &str, found: &mut Vec<u32>) {
        let Some(words) = &self.words else { return };
        words.find(text, |number| {
            if let Some(rules) = self.rules.get(number) {
                found.extend_from_slice(rules);
            }
        });
    }

    /// The text, and what is decoded from it.
    fn look_decoded(&self, text: &str, plus: bool, found: &mut Vec<u32>) {
        self.look(text, found);
        let mut text = Cow::Borrowed(text);
        for _ in 0..DECODINGS_MAX {
            if memchr::memchr(b'%', text.as_bytes()).is_none() {
                break;
            }
            text = decoded(text, plus);
            self.look(&text, found);
        }
    }
}

impl Agents {
    fn knows(&self, agent: &str) -> bool {
        self.0.get(Self::place(agent)).is_some_and(|known| **known == *agent)
    }

    fn remember(&mut self, agent: &str) {
        if agent.len() <= AGENT_BYTES_MAX {
            self.0.resize(AGENTS_MAX, Box::default());
            self.0[Self::place(agent)] = agent.into();
        }
    }

    /// By a hash of all its bytes, eight at a time.
    fn place(agent: &str) -> usize {
        let (eights, rest) = agent.as_bytes().as_chunks::<8>();
        let last = rest.iter().fold(1, |last, byte| last << 8 | u64::from(*byte));
        let hash = eights
            .iter()
            .map(|eight| u64::from_le_bytes(*eight))
            .chain([last])
            .fold(0, |hash: u64, part| (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
        (hash >> 32) as usize % AGENTS_MAX
    }
}

impl Scanned {
    fn of(field: Field) -> Option<Scanned> {
        let none = Scanned::default();
        match field {
            Field::Uri | Field::Stem | Field::Query => Some(Scanned { address: true, ..none }),
            Field::Agent => Some(Scanned { agent: true, ..none }),
            Field::Referer => Some(Scanned { referer: true, ..none }),
            Field::Host => Some(Scanned { host: true, ..none }),
            Field::Statement => Some(Scanned { statement: true, ..none }),
            _ => None,
        }
    }

    fn and(self, other: Scanned) -> Scanned {
        Scanned {
            address: self.address | other.address,
            agent: self.agent | other.agent,
            referer: self.referer | other.referer,
            host: self.host | other.host,
            statement: self.statement | other.statement,
        }
    }
}

fn of_condition(condition: &Condition, selections: &[Group]) -> Option<Clause> {
    let of_selection = |at: &usize| selections.get(*at).and_then(of_group);
    match condition {
        Condition::Not(_) => None,
        Condition::Selection(at) => of_selection(at),
        Condition::And(parts) => best(parts.iter().map(|part| of_condition(part, selections))),
        Condition::Or(parts) => union(parts.iter().map(|part| of_condition(part, selections))),
        Condition::Count(least, of) if *least == of.len() => best(of.iter().map(of_selection)),
        Condition::Count(_, of) => union(of.iter().map(of_selection)),
    }
}

fn of_group(group: &Group) -> Option<Clause> {
    match group {
        Group::All(items) => best(items.iter().map(of_item)),
        Group::Any(groups) => union(groups.iter().map(of_group)),
    }
}

fn of_item(item: &Item) -> Option<Clause> {
    let scanned =
        item.fields.iter().try_fold(Scanned::default(), |scanned, field| Some(scanned.and(Scanned::of(*field)?)))?;
    let of_value = |value: &Vec<crate::pattern::Pattern>| {
        union(value.iter().map(|pattern| {
            let word = pattern.certain().iter().flat_map(|text| words(text, scanned)).max_by_key(|word| worth(word))?;
            Some(Clause { worth: worth(word), words: vec![word.to_ascii_lowercase()], scanned })
        }))
    };
    let values = item.values.iter().map(of_value);
    if item.all { best(values) } else { union(values) }
}

/// Of a text, the stretches that every form of it has.
fn words(text: &str, scanned: Scanned) -> impl Iterator<Item = &str> {
    let is_torn = move |c: char| {
        scanned.address && matches!(c, '/' | '+' | '?') || (scanned.address || scanned.statement) && c.is_whitespace()
    };
    let parts = text.split(is_torn);
    parts.filter(|word| WORD_BYTES_MIN <= word.len())
}

/// The longer the rarer; of common ones, nothing.
fn worth(word: &str) -> usize {
    if COMMON.iter().any(|common| word.eq_ignore_ascii_case(common)) { 0 } else { word.len() }
}

/// All must hold: the one with the rarest words, of equal ones the one with fewer.
fn best(clauses: impl Iterator<Item = Option<Clause>>) -> Option<Clause> {
    clauses.flatten().max_by_key(|clause| (clause.worth, std::cmp::Reverse(clause.words.len())))
}

/// One must hold: the words of all, or none.
fn union(clauses: impl Iterator<Item = Option<Clause>>) -> Option<Clause> {
    let mut all: Option<Clause> = None;
    for clause in clauses {
        let clause = clause?;
        all = Some(match all {
            None => clause,
            Some(mut all) => {
                all.words.extend(clause.words);
                all.scanned = all.scanned.and(clause.scanned);
                all.worth = all.worth.min(clause.worth);
                all
            }
        });
    }
    all
}
