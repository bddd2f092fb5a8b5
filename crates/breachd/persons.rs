//! Whom the journal's tokens stand for ([`journal::sealing`]): read from, and written to, the compacted topic of states.
//!
//! | key | value |
//! |---|---|
//! | `person/TOKEN` | `{"v":1,"kind":"portal_user","id":"anna.novak"}`, or `{"v":1,"erased":true}` |
//!
//! A token is written in the transaction of the first entry that holds it, so there is no entry without its token. Two topics do not become
//! visible in the same instant, though: who follows the journal may meet an entry a moment before its tokens, and waits for them. An
//! erasure overwrites the value, for compaction to remove the name; a deletion would have left readers to guess whether a token is erased or
//! still on its way.
//!
//! Whoever folds the journal reads it through [`Persons::unsealed`]; whoever verifies or exports it needs none of this.

use crate::{settings::limits, topics::Topics, wall};
use activity::{Entity, EntityKind};
use journal::{
    Entry,
    sealing::{Person, Seals, TOKEN_BYTES, token},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use stream::{Broker, Reader, StreamError};

const KEY: &str = "person/";

/// How long an entry's tokens are waited for, if the entry is young enough for them to be on their way.
const TOKENS_WAIT: Duration = Duration::from_secs(5);
const YOUNG_MILLIS: i64 = 60_000;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// Key and value of a record of the topic.
pub type State = (String, String);

pub struct Persons {
    seals: Seals,
    /// `None`: there is no such topic yet.
    reader: Option<Box<dyn Reader>>,
    /// Tokens that did not come.
    lost: BTreeSet<String>,
}

impl Persons {
    /// Reads the topic to its end.
    ///
    /// # Errors
    /// Those of the broker.
    pub fn open(broker: &dyn Broker, topics: &Topics) -> Result<Persons, StreamError> {
        let topic = topics.state();
        let reader = match broker.partitions(&topic)? {
            Some(_) => Some(broker.read(&[(&topic, Vec::new())])?),
            None => None,
        };
        let mut persons = Persons { seals: Seals::default(), reader, lost: BTreeSet::new() };
        while persons.reader.as_ref().is_some_and(|reader| !reader.caught_up()) {
            persons.poll(limits::POLL_WAIT)?;
        }
        Ok(persons)
    }

    /// The body of an entry with the names that are known.
    ///
    /// # Errors
    /// Those of the broker.
    pub fn unsealed(&mut self, entry: &Entry) -> Result<Value, StreamError> {
        let mut body = entry.body.clone();
        let until = Instant::now() + TOKENS_WAIT;
        let is_young = wall::now().as_millis() - entry.at < YOUNG_MILLIS;
        loop {
            let missing: Vec<_> =
                self.seals.unknown(&body).into_iter().filter(|token| !self.lost.contains(token)).collect();
            if missing.is_empty() {
                break;
            }
            if !is_young || until <= Instant::now() {
                tracing::warn!(
                    entry = entry.seq,
                    n = missing.len(),
                    "nothing says for whom tokens of the journal stand; they are shown as erased"
                );
                self.lost.extend(missing);
                break;
            }
            self.poll(limits::POLL_WAIT)?;
        }
        self.seals.unseal(&mut body);
        Ok(body)
    }

    /// Waits until nothing says any more for whom these tokens stood.
    ///
    /// # Errors
    /// Those of the broker.
    pub fn await_erasure(&mut self, tokens: &[String]) -> Result<(), StreamError> {
        let until = Instant::now() + TOKENS_WAIT;
        while tokens.iter().any(|token| self.seals.person(token).is_some()) && Instant::now() < until {
            self.poll(limits::POLL_WAIT)?;
        }
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<(), StreamError> {
        let Persons { seals, reader, .. } = self;
        if let Some(reader) = reader {
            reader.poll(limits::POLL_RECORDS, wait, &mut |record| {
                if let (Some(key), Some(value)) = (record.key, record.payload) {
                    take(seals, key, value);
                }
            })?;
        }
        Ok(())
    }

    pub fn seals(&self) -> &Seals {
        &self.seals
    }

    /// The body as it is journaled, and what has to be written beside it: key and value of each token that is new.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn sealed(&mut self, mut body: Value) -> Result<(Value, Vec<State>), getrandom::Error> {
        let mut written = Vec::new();
        for person in self.seals.strangers(&body) {
            let mut random = [0; TOKEN_BYTES];
            getrandom::fill(&mut random)?;
            let token = token(random);
            written.push(record(&token, Some(&person)));
            self.seals.insert(&token, person);
        }
        self.seals.seal(&mut body);
        Ok((body, written))
    }

    /// Forgets whom a token stood for: what has to be written for everybody to forget it.
    pub fn erase(&mut self, token: &str) -> State {
        self.seals.erase(token);
        record(token, None)
    }
}

fn record(token: &str, person: Option<&Person>) -> State {
    let stored = Stored {
        v: 1,
        kind: person.map(|person| person.kind.clone()),
        id: person.map(|person| person.id.clone()),
        erased: person.is_none(),
    };
    (format!("{KEY}{token}"), serde_json::to_string(&stored).expect("strings serialise"))
}

fn take(seals: &mut Seals, key: &[u8], value: &[u8]) {
    let Some(token) = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(KEY)) else { return };
    match serde_json::from_slice(value) {
        Ok(Stored { v: 1, kind: Some(kind), id: Some(id), erased: false }) => seals.insert(token, Person { kind, id }),
        Ok(Stored { erased: true, .. }) => seals.erase(token),
        // A later version's: shown as erased.
        Ok(_) | Err(_) => {}
    }
}

/// As the casebook knows them.
pub fn entity(person: &Person) -> Option<Entity> {
    Some(Entity::new(EntityKind::parse(&person.kind)?, person.id.as_str()))
}
