//! One look at an entry, after which nearly every entry is done with.
//!
//! Of each rule's condition it is known which words an entry must have at least one of: a match is impossible without. All words of all
//! rules are looked for in one pass (Aho-Corasick, ASCII letters in any case) over the texts that the client could write; only rules of
//! which a word was found are asked. Rules without such a word (a regular expression alone, a status alone) are always asked, and there
//! may be few of them.
//!
//! | condition | words |
//! |---|---|
//! | a value | its longest stretch without blanks, slashes, `+` and `?`: what decoding, resolving and folding never tear apart |
//! | any of several values | one of each; if one has none, none |
//! | all of several, `and` | those of the part whose words are rarest in a shop's logs |
//! | `or`, `1 of` | those of all parts; if one has none, none |
//! | `not` | none |
//!
//! Words that every second request has (`rest`, `media`, `select`) and words of less than three bytes are not taken. What the sieve lets
//! through is judged as if there were none: [`crate::Set`]'s tests compare the two.
//!
//! The losing alternatives: a regular-expression set (no faster, and its size depends on the rules' writer), one automaton for each
//! field (more passes over short texts), asking every rule (a hundred times the cost of parsing).

use crate::{
    Category, Rule,
    condition::Condition,
    field::{self, Field, decoded},
    limits::DECODINGS_MAX,
    rule::{Group, Item},
};
use activity::Activity;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Bytes of a word at least.
const WORD_BYTES_MIN: usize = 3;

/// Words that say nothing in the logs of a shop.
const COMMON: [&str; 40] = [
    "admin",
    "and",
    "catalog",
    "category",
    "checkout",
    "com",
    "compatible",
    "css",
    "customer",
    "from",
    "get",
    "html",
    "http",
    "https",
    "index",
    "index.php",
    "insert",
    "into",
    "jpg",
    "like",
    "media",
    "mozilla",
    "order",
    "php",
    "png",
    "post",
    "product",
    "pub",
    "rest",
    "sales",
    "select",
    "set",
    "static",
    "table",
    "update",
    "values",
    "var",
    "where",
    "www",
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

/// The words of the rules of one category.
#[derive(Debug)]
pub(crate) struct Sieve {
    words: Option<AhoCorasick>,
    /// Rules of each word, ascending.
    rules: Vec<Vec<u32>>,
    scanned: Scanned,
    /// Rules that are always asked, ascending.
    always: Vec<u32>,
}

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
        let mut by_word: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut always = Vec::new();
        let mut scanned = Scanned::default();
        for (at, rule) in (0u32..).zip(rules).filter(|(_, rule)| rule.category == category) {
            let (condition, selections) = rule.condition();
            match of_condition(condition, selections) {
                Some(clause) => {
                    scanned = scanned.and(clause.scanned);
                    for word in clause.words {
                        let of_word = by_word.entry(word).or_default();
                        if of_word.last() != Some(&at) {
                            of_word.push(at);
                        }
                    }
                }
                None => always.push(at),
            }
        }
        let (words, rules): (Vec<String>, Vec<Vec<u32>>) = by_word.into_iter().unzip();
        let built = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words);
        match built {
            Ok(automaton) if !words.is_empty() => Sieve { words: Some(automaton), rules, scanned, always },
            // Without an automaton (none is needed, or it would be too great) every rule is asked.
            _ => {
                always.extend(rules.into_iter().flatten());
                always.sort_unstable();
                always.dedup();
                Sieve { words: None, rules: Vec::new(), scanned: Scanned::default(), always }
            }
        }
    }

    /// How many rules are always asked.
    pub(crate) fn unsieved(&self) -> usize {
        self.always.len()
    }

    /// Puts the rules that could match into `found`, ascending.
    pub(crate) fn candidates(&self, activity: &Activity<'_>, found: &mut Vec<u32>) {
        found.clear();
        if let Some(words) = &self.words {
            let mut look = |text: &str| {
                words.find_overlapping_iter(text).for_each(|hit| {
                    if let Some(rules) = self.rules.get(hit.pattern().as_usize()) {
                        found.extend_from_slice(rules);
                    }
                });
            };
            if self.scanned.statement
                && let Some(text) = activity.statement.as_deref()
            {
                look(text);
            }
            if self.scanned.address {
                look_decoded(field::path(activity), false, &mut look);
                look_decoded(field::query(activity), true, &mut look);
            }
            if self.scanned.agent
                && let Some(agent) = activity.agent.as_deref()
            {
                look(field::within(agent));
            }
            if let Some(asked) = &activity.asked {
                if self.scanned.referer {
                    look(field::within(&asked.referer));
                }
                if self.scanned.host {
                    look(field::within(&asked.host));
                }
            }
        }
        if !found.is_empty() || !self.always.is_empty() {
            found.extend_from_slice(&self.always);
            found.sort_unstable();
            found.dedup();
        }
    }
}

/// The text, and what is decoded from it.
fn look_decoded(text: &str, plus: bool, look: &mut dyn FnMut(&str)) {
    look(text);
    let mut text = Cow::Borrowed(text);
    for _ in 0..DECODINGS_MAX {
        if memchr::memchr(b'%', text.as_bytes()).is_none() {
            break;
        }
        text = decoded(text, plus);
        look(&text);
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
            let word = pattern.certain().iter().flat_map(|text| words(text)).max_by_key(|word| word.len())?;
            Some(Clause { worth: word.len(), words: vec![word.to_ascii_lowercase()], scanned })
        }))
    };
    let values = item.values.iter().map(of_value);
    if item.all { best(values) } else { union(values) }
}

/// Of a text, the stretches that every form of it has.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| c.is_whitespace() || matches!(c, '/' | '+' | '?' | '*'));
    parts.filter(|word| WORD_BYTES_MIN <= word.len() && !COMMON.iter().any(|common| word.eq_ignore_ascii_case(common)))
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
