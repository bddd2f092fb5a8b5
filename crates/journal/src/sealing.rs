//! Names in the journal, kept where they can be erased without breaking the chain.
//!
//! A journal that nobody can change and a right to erasure (GDPR Art. 17) do not go together, unless the name itself is not in it. So an
//! entry's body holds a random *token* in place of each person's id, and which token stands for whom is kept elsewhere, in a store that
//! forgets. Whoever erases a person there leaves every entry, hash and checkpoint as it is; what happened, when, to how much data and who
//! decided what stays proved; and nothing says any more about whom it was. Entries are hashed and signed in this sealed form, so whoever
//! verifies a journal needs no names.
//!
//! *Where names are looked for.* In objects `{"kind": …, "id": …}` of a kind that may be a natural person, and, by whole words, in text
//! that is written for people. Single words of the structure are never touched: a user called `hr` must not take a class of data along.
//! The progress of a mailing lists employees by number. Of `user|table` and `user|session` the part before the bar is the user. An id that is a number, or shorter than three characters, is
//! sought in text only behind its kind ("portal_user 12"), and at the beginning of a text about that very person ("12 read 300 rows"): else
//! the figures of an erased `12` would go with it. Addresses are known by their form and logins of the directory by its list
//! ([`Seals::know`]), so those that stand in text alone are sealed as well.
//!
//! *What is not sealed.* Who acted on an incident (`by`, owners, approvers) and whom notices were sent to: that the trail names them is its
//! purpose. Numbers of records that alerts name, employees' too. Names that are spelt otherwise than the log spells them, or that text had to cut (beyond 64 characters). Hashes of keys, sessions and records, which are keyed elsewhere.
//!
//! The alternative, encrypting each entry's body under the person's key, would have lost the whole decision with the key: limits, verdicts,
//! proof of delivery. Deriving tokens from the names under one key would have saved the store, and whoever has the key and a list of
//! employees could have undone any erasure.

use serde_json::{Map, Value};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    ops::Range,
};

/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 16;

/// Kinds of entity that may be a natural person.
const PERSONS: [&str; 5] = ["portal_user", "db_account", "address", "network", EMPLOYEE];
/// Kinds whose id begins with that of a user, before a bar.
const OF_USERS: [&str; 2] = ["user_table", "session"];
const USER: &str = "portal_user";
const ADDRESS: &str = "address";
/// Kind of a person whom a mailing names by number.
pub const EMPLOYEE: &str = "employee";

/// Members of a mailing's progress that list employees by number.
const NUMBERS: [&str; 4] = ["persons", "refused", "expired", "open"];
/// Of text that looks like a token and is none of ours.
const TEXT: &str = "text";

/// Members that hold text even if it is a single word.
const TEXTS: [&str; 9] = ["because", "why", "title", "text", "words", "reasons", "reason", "problem", "counted"];
/// Members that say who acted and whom we told.
const KEPT: [&str; 11] = [
    "by",
    "owner",
    "approvers",
    "could_stop",
    "may_stop",
    "proposed_by",
    "approved_by",
    "called",
    "recipient",
    "contact",
    "command",
];

const PREFIX: &str = "person-";
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 128 bits, five a digit.
const TOKEN_DIGITS: usize = 26;
const SHORT: usize = 3;

/// Somebody whom entries concern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// As in the entry: `portal_user`, `db_account`, `address`.
    pub kind: String,
    pub id: String,
}

/// Which token stands for whom.
#[derive(Clone, Debug, Default)]
pub struct Seals {
    persons: HashMap<String, Person>,
    tokens: HashMap<Person, String>,
    erased: HashSet<String>,
    words: Words,
    known: Words,
}

/// Ids by how they begin, for finding them in text.
#[derive(Clone, Debug, Default)]
struct Words {
    /// First word → where it begins in ids that have it, and their lengths, in bytes; longest first.
    shapes: HashMap<String, Vec<(usize, usize)>>,
    /// Id → the persons who have it.
    ids: HashMap<String, BTreeSet<Person>>,
}

/// A token of 16 random bytes.
pub fn token(random: [u8; TOKEN_BYTES]) -> String {
    let number = u128::from_be_bytes(random);
    let digit = |at: usize| char::from(DIGITS[(number >> (5 * at) & 31) as usize]);
    PREFIX.chars().chain((0..TOKEN_DIGITS).map(digit)).collect()
}

/// Whether it looks like a token.
pub fn is_token(text: &str) -> bool {
    text.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == TOKEN_DIGITS && rest.bytes().all(|byte| DIGITS.contains(&byte)))
}

impl Seals {
    /// From now on the token stands for this person. A person has one token at a time: the last.
    pub fn insert(&mut self, token: &str, person: Person) {
        self.words.insert(&person);
        self.tokens.insert(person.clone(), token.to_owned());
        self.persons.insert(token.to_owned(), person);
    }

    /// Logins of the directory: sealed wherever text names them, also before an entity does.
    pub fn know<'a>(&mut self, logins: impl IntoIterator<Item = &'a str>) {
        self.known = Words::default();
        for login in logins {
            self.known.insert(&Person { kind: USER.into(), id: login.to_owned() });
        }
    }

    /// Nothing says any more for whom the token stood.
    pub fn erase(&mut self, token: &str) {
        self.erased.insert(token.to_owned());
        if let Some(person) = self.persons.remove(token)
            && self.tokens.get(&person).is_some_and(|last| last == token)
        {
            self.tokens.remove(&person);
            self.words.remove(&person);
        }
    }

    pub fn is_erased(&self, token: &str) -> bool {
        self.erased.contains(token)
    }

    /// Tokens that stood for somebody and stand for nobody any more.
    pub fn erased(&self) -> impl Iterator<Item = &str> {
        self.erased.iter().map(String::as_str)
    }

    pub fn person(&self, token: &str) -> Option<&Person> {
        self.persons.get(token)
    }

    /// All tokens that stand for whoever has this id, of one kind or of any.
    pub fn tokens_of(&self, kind: Option<&str>, id: &str) -> Vec<&str> {
        let mut tokens: Vec<&str> = self
            .persons
            .iter()
            .filter(|(_, person)| person.id == id && kind.is_none_or(|kind| kind == person.kind))
            .map(|(token, _)| token.as_str())
            .collect();
        tokens.sort_unstable();
        tokens
    }

    /// How many persons entries concern.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// Persons of a body who have no token yet: they need one before it can be sealed.
    pub fn strangers(&self, body: &Value) -> BTreeSet<Person> {
        let mut strangers = BTreeSet::new();
        visit(body, "", &mut |place| match place {
            Place::Id(kind, id) => {
                strangers.extend(person(kind, id).filter(|person| !self.tokens.contains_key(person)))
            }
            Place::Text(text) => {
                let shaped = token_shaped(text).map(|word| Person { kind: TEXT.into(), id: word.to_owned() });
                let addresses = addresses(text).map(|word| Person { kind: ADDRESS.into(), id: word.to_owned() });
                let known = self.known.all(text);
                let all = shaped.chain(addresses).chain(known);
                strangers.extend(all.filter(|person| !self.tokens.contains_key(person)));
            }
        });
        strangers
    }

    /// Puts tokens in place of the persons' ids. All of [`strangers`](Self::strangers) have one by now; who has none stays in the clear.
    pub fn seal(&self, body: &mut Value) {
        let mut present = BTreeSet::new();
        visit(body, "", &mut |place| {
            if let Place::Id(kind, id) = place {
                present.extend(person(kind, id));
            }
        });
        change(body, "", &mut |place| match place {
            Place::Id(kind, id) => {
                let person = person(kind, id)?;
                let token = self.tokens.get(&person)?;
                Some(format!("{token}{}", &id[person.id.len()..]))
            }
            Place::Text(text) => self.sealed(text, &present),
        });
    }

    /// Puts the persons' ids back; `erased-…`, the same for each person everywhere, where nothing says who it was.
    pub fn unseal(&self, body: &mut Value) {
        change(body, "", &mut |place| match place {
            Place::Id(kind, id) => {
                let token = person(kind, id)?.id;
                is_token(&token).then(|| format!("{}{}", self.shown(&token), &id[token.len()..]))
            }
            Place::Text(text) => {
                let mut shown = String::new();
                let mut done = 0;
                for token in token_shaped(text) {
                    let at = offset(text, token);
                    shown.push_str(&text[done..at]);
                    shown.push_str(&self.shown(token));
                    done = at + token.len();
                }
                shown.push_str(&text[done..]);
                (done > 0).then_some(shown)
            }
        });
    }

    /// Tokens of a sealed body of whom neither a name nor an erasure is known here.
    pub fn unknown(&self, body: &Value) -> BTreeSet<String> {
        let mut unknown = BTreeSet::new();
        let mut look = |token: &str| {
            if is_token(token) && !self.persons.contains_key(token) && !self.erased.contains(token) {
                unknown.insert(token.to_owned());
            }
        };
        visit(body, "", &mut |place| match place {
            Place::Id(kind, id) => person(kind, id).iter().for_each(|person| look(&person.id)),
            Place::Text(text) => token_shaped(text).for_each(&mut look),
        });
        unknown
    }

    fn shown(&self, token: &str) -> String {
        match self.persons.get(token) {
            Some(person) => person.id.clone(),
            None => format!("erased-{}", &token[PREFIX.len()..PREFIX.len() + 10]),
        }
    }

    fn sealed(&self, text: &str, present: &BTreeSet<Person>) -> Option<String> {
        let mut sealed = String::new();
        let (mut done, mut at) = (0, 0);
        while let Some(word) = next_word(text, at) {
            let found = self.words.longest(text, done, &word, present);
            match found.and_then(|(person, id)| Some((self.tokens.get(person)?, id))) {
                Some((token, id)) => {
                    sealed.push_str(&text[done..id.start]);
                    sealed.push_str(token);
                    (done, at) = (id.end, id.end);
                }
                None => at = word.end,
            }
        }
        sealed.push_str(&text[done..]);
        (done > 0).then_some(sealed)
    }
}

impl Words {
    fn insert(&mut self, person: &Person) {
        let Some(first) = next_word(&person.id, 0) else { return };
        let shape = (first.start, person.id.len());
        let shapes = self.shapes.entry(person.id[first].to_owned()).or_default();
        let place = shapes.partition_point(|(_, length)| shape.1 < *length);
        if !shapes[place..].iter().take_while(|(_, length)| *length == shape.1).any(|other| *other == shape) {
            shapes.insert(place, shape);
        }
        self.ids.entry(person.id.clone()).or_default().insert(person.clone());
    }

    /// Shapes stay: one too many costs a look.
    fn remove(&mut self, person: &Person) {
        if let Some(persons) = self.ids.get_mut(&person.id) {
            persons.remove(person);
            if persons.is_empty() {
                self.ids.remove(&person.id);
            }
        }
    }

    /// The person with the longest id around this word, its first, and where the id stands; not before `from`.
    fn longest(
        &self,
        text: &str,
        from: usize,
        word: &Range<usize>,
        present: &BTreeSet<Person>,
    ) -> Option<(&Person, Range<usize>)> {
        self.shapes.get(&text[word.clone()])?.iter().find_map(|(offset, length)| {
            let start = word.start.checked_sub(*offset).filter(|start| from <= *start)?;
            let end = start + length;
            let persons = self.ids.get(text.get(start..end)?)?;
            if !stands_alone(text, start, *length) {
                return None;
            }
            let before = text[..start].trim_end_matches([' ', '`', '"']);
            let person = persons.iter().find(|person| {
                is_plain(&person.id) || before.ends_with(&person.kind) || (start == 0 && present.contains(*person))
            })?;
            Some((person, start..end))
        })
    }

    /// Everybody whom the text names.
    fn all(&self, text: &str) -> Vec<Person> {
        let (mut all, mut at) = (Vec::new(), 0);
        while let Some(word) = next_word(text, at) {
            at = word.end;
            if let Some((person, id)) = self.longest(text, 0, &word, &BTreeSet::new()) {
                all.push(person.clone());
                at = at.max(id.end);
            }
        }
        all
    }
}

/// Whether it can be told from a figure and from a word of the language.
fn is_plain(id: &str) -> bool {
    id.chars().nth(SHORT - 1).is_some() && !id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whole words of a text that are addresses. Glued to a letter it is none: [`Words::longest`] and [`token_shaped`] would not find it there.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':')));
    let words = words.map(|word| word.trim_end_matches(['.', ':'])).filter(|word| word.contains(['.', ':']));
    words.filter(|word| word.parse::<IpAddr>().is_ok() && stands_alone(text, offset(text, word), word.len()))
}

/// Whom an id names: itself, or what is before the last bar.
fn person(kind: &str, id: &str) -> Option<Person> {
    let of = |kind: &str, id: &str| Some(Person { kind: kind.to_owned(), id: id.to_owned() });
    if PERSONS.contains(&kind) {
        return of(kind, id);
    }
    if !OF_USERS.contains(&kind) {
        return None;
    }
    id.rsplit_once('|').and_then(|(user, _)| of(USER, user))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether no letter, digit or underscore is right before or after these bytes.
fn stands_alone(text: &str, start: usize, length: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[start + length..].chars().next();
    !before.is_some_and(is_word) && !after.is_some_and(is_word)
}

/// The next run of letters, digits and underscores that begins at `from` or later.
fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let start = from + text.get(from..)?.find(is_word)?;
    let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |length| start + length);
    Some(start..end)
}

/// Whole words of a text that look like tokens.
fn token_shaped(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let token = text.get(at..at + PREFIX.len() + TOKEN_DIGITS).filter(|token| is_token(token))?;
        stands_alone(text, at, token.len()).then_some(token)
    })
}

fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// Where a body may name somebody.
enum Place<'a> {
    /// Kind and id of an entity.
    Id(&'a str, &'a str),
    Text(&'a str),
}

fn is_text(name: &str, text: &str) -> bool {
    TEXTS.contains(&name) || text.contains(char::is_whitespace)
}

fn entity(members: &Map<String, Value>) -> Option<(&str, &str)> {
    let kind = members.get("kind")?.as_str().filter(|kind| PERSONS.contains(kind) || OF_USERS.contains(kind))?;
    Some((kind, members.get("id")?.as_str()?))
}

fn is_progress(members: &Map<String, Value>) -> bool {
    members.get("progress").is_some_and(Value::is_string)
}

/// Lists of numbers are no text.
fn is_numbers(name: &str, progress: bool) -> bool {
    progress && NUMBERS.contains(&name)
}

fn visit(value: &Value, name: &str, look: &mut dyn FnMut(Place<'_>)) {
    match value {
        Value::String(text) if is_text(name, text) => look(Place::Text(text)),
        Value::Array(items) => items.iter().for_each(|item| visit(item, name, look)),
        Value::Object(members) => {
            let entity = entity(members);
            if let Some((kind, id)) = entity {
                look(Place::Id(kind, id));
            }
            let numbers =
                is_progress(members).then(|| NUMBERS.iter().filter_map(|name| members.get(*name)?.as_array()));
            for number in numbers.into_iter().flatten().flatten().filter_map(Value::as_str) {
                look(Place::Id(EMPLOYEE, number));
            }
            let progress = is_progress(members);
            let is_other = |name: &str| !KEPT.contains(&name) && !is_numbers(name, progress);
            let others = members.iter().filter(|(name, _)| is_other(name));
            others
                .filter(|(name, _)| entity.is_none() || *name != "id")
                .for_each(|(name, value)| visit(value, name, look));
        }
        _ => {}
    }
}

fn change(value: &mut Value, name: &str, new: &mut dyn FnMut(Place<'_>) -> Option<String>) {
    match value {
        Value::String(text) if is_text(name, text) => {
            if let Some(changed) = new(Place::Text(text)) {
                *text = changed;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, name, new)),
        Value::Object(members) => {
            let changed = entity(members).map(|(kind, id)| new(Place::Id(kind, id)));
            let is_entity = changed.is_some();
            if let Some(id) = changed.flatten() {
                members.insert("id".to_owned(), Value::String(id));
            }
            if is_progress(members) {
                for name in NUMBERS {
                    for number in members.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
                        let changed = number.as_str().and_then(|number| new(Place::Id(EMPLOYEE, number)));
                        if let Some(changed) = changed {
                            *number = Value::String(changed);
                        }
                    }
                }
            }
            let progress = is_progress(members);
            let is_other = |name: &str| !KEPT.contains(&name) && !is_numbers(name, progress);
            let others = members.iter_mut().filter(|(name, _)| is_other(name));
            others.filter(|(name, _)| !is_entity || *name != "id").for_each(|(name, value)| change(value, name, new));
        }
        _ => {}
    }
}
