//! Whom the journal's tokens stand for ([`journal::sealing`]): read from, and written to, the compacted topic of states.
//!
//! | key | value |
//! |---|---|
//! | `person/TOKEN` | `{"v":1,"kind":"portal_user","id":"anna.novak"}`, or `{"v":1,"erased":true}` |
//!
//! A token is written in the transaction of the first entry that holds it, so there is no entry without its token. Two topics do not become
//! visible in the same instant, though: who follows the journal may meet an entry a moment before its tokens, and then reads the topic anew
//! to an end that cannot lack them. An erasure overwrites the value, for compaction to remove the name; a deletion would have left
//! readers to guess whether a token is erased or still on its way.
//!
//! Whoever folds the journal reads it through [`Persons::unsealed`]; whoever verifies or exports it needs none of this.

use crate::{settings::limits, topics::Topics};
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

/// Longest wait for tokens that an entry holds: another one's open transaction keeps the topic's end back.
const TOKENS_WAIT: Duration = Duration::from_secs(20);

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
    topic: String,
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
        let mut persons = Persons { seals: Seals::default(), topic, reader, lost: BTreeSet::new() };
        while persons.reader.as_ref().is_some_and(|reader| !reader.caught_up()) {
            persons.poll(limits::POLL_WAIT)?;
        }
        Ok(persons)
    }

    /// The body of an entry with the names that are known.
    ///
    /// # Errors
    /// Those of the broker.
    pub fn unsealed(&mut self, broker: &dyn Broker, entry: &Entry) -> Result<Value, StreamError> {
        let mut body = entry.body.clone();
        let mut missing = self.missing(&body);
        if !missing.is_empty() {
            self.poll(Duration::ZERO)?;
            missing = self.missing(&body);
        }
        if !missing.is_empty() && self.reader.is_some() {
            // Whatever was written before now is before its end.
            self.reader = Some(broker.read(&[(&self.topic, Vec::new())])?);
            let until = Instant::now() + TOKENS_WAIT;
            while self.reader.as_ref().is_some_and(|reader| !reader.caught_up()) && Instant::now() < until {
                self.poll(limits::POLL_WAIT)?;
            }
            missing = self.missing(&body);
        }
        if !missing.is_empty() {
            tracing::error!(
                entry = entry.seq,
                n = missing.len(),
                "nothing says for whom tokens of the journal stand; they are shown as erased"
            );
            self.lost.extend(missing);
        }
        self.seals.unseal(&mut body);
        Ok(body)
    }

    fn missing(&self, body: &Value) -> Vec<String> {
        self.seals.unknown(body).into_iter().filter(|token| !self.lost.contains(token)).collect()
    }

    /// How many tokens stood in entries, and nothing said for whom.
    pub fn n_lost(&self) -> u64 {
        self.lost.len() as u64
    }

    /// Logins that are sealed wherever text names them.
    pub fn know<'a>(&mut self, logins: impl IntoIterator<Item = &'a str>) {
        self.seals.know(logins);
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
}

/// What has to be written for everybody to forget whom a token stood for. In memory the token goes on standing: whatever is still to be
/// journaled before all is folded anew is sealed by it, and so is about nobody.
pub fn erasure(token: &str) -> State {
    record(token, None)
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
