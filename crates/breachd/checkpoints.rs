//! Checkpoints of the journal: who signs them, when one is due, and those there are.
//!
//! The active notifier signs what the journal is and writes that to `PREFIX.checkpoints` in the transaction that writes the entries, so
//! there is never a checkpoint without its entries, and none is doubled. breachd needs Write and Read on that topic, never Delete: whoever
//! takes the daemon over can rewrite the journal, but not what was signed before. The daily digest carries one to people's mailboxes, where
//! nobody who runs Kafka reaches it.
//!
//! A checkpoint is due
//! - with every decision that weighs: a person's, an incident opened, a notice, a deadline, a silence. Alerts that join an incident or wait
//!   for the digest, and what channels say of each attempt, come by the thousand and wait for the next one;
//! - after so many entries, and after so long, if there is anything new (`[audit] entries`, `every`);
//! - when an instance takes over, and when the key has changed.
//!
//! One with every transaction would have been simpler; in an attack there would be as many checkpoints as entries, and who verifies a
//! signature for each of a million entries waits for a minute.

use crate::{settings::limits, topics::Topics};
use incident::Decision;
use journal::{Checkpoint, NotBelieved, PublicKey, SignedCheckpoint, SigningKey, Tree, checkpoint};
use notifier::Period;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, time::Instant};
use stream::{Broker, StreamError};

/// `[audit]`: signed checkpoints of the journal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// File with the private key that signs, made by `breachd audit keygen`; its name is the checkpoints' origin. Absent: nothing is signed.
    pub key_file: Option<PathBuf>,
    /// Public keys that signed before, as `breachd audit key` showed them: what they signed goes on being verified.
    pub former_keys: Vec<String>,
    /// Entries after which a checkpoint is made, at the latest.
    pub entries: u64,
    /// Time after which one is made, if there are new entries.
    pub every: Period,
    /// Whether tokens stand for persons in new entries, so that they can be erased.
    pub seal_persons: bool,
}

/// The keys, read.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub signing: Option<SigningKey>,
    /// All that verify: the signing key's first.
    pub public: Vec<PublicKey>,
}

/// When the last checkpoint was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Entries it covers.
    size: u64,
    /// `None`: not by this instance, or not with this key.
    at: Option<Instant>,
}

/// Checkpoints sorted by whether they can be believed.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    pub believed: Vec<Checkpoint>,
    /// As they were found; the notes of all of them.
    pub notes: Vec<SignedCheckpoint>,
    /// Signed by keys that are not known here: they say nothing.
    pub n_unknown: u64,
    /// Those that bear a known key's name and were not signed by it, in words.
    pub forged: Vec<String>,
}

impl Default for AuditSettings {
    fn default() -> Self {
        AuditSettings {
            key_file: None,
            former_keys: Vec::new(),
            entries: 100,
            every: Period::from_secs(3600),
            seal_persons: true,
        }
    }
}

impl AuditSettings {
    /// Reads the key. Errors go to `mistakes`: (key path, problem).
    pub fn keys(&self, mistakes: &mut Vec<(String, String)>) -> Keys {
        let mut mistake = |key: &str, problem: String| mistakes.push((format!("audit.{key}"), problem));
        if self.entries == 0 {
            mistake("entries", "must be at least 1".into());
        }
        if self.every.0.is_zero() {
            mistake("every", "must be longer than nothing, such as `1h`".into());
        }
        let mut keys = Keys::default();
        if let Some(file) = &self.key_file {
            let read = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
            match read
                .and_then(|text| SigningKey::parse(&text).map_err(|error| format!("`{}`: {error}", file.display())))
            {
                Ok(key) => {
                    keys.public.push(key.public().clone());
                    keys.signing = Some(key);
                }
                Err(problem) => mistake("key_file", problem),
            }
        }
        for (at, text) in self.former_keys.iter().enumerate() {
            match PublicKey::parse(text) {
                Ok(key) if keys.signing.as_ref().is_some_and(|signing| signing.public().name() != key.name()) => {
                    let problem = "is a key of another name than that of `key_file`: a journal keeps its name when its key changes";
                    mistake(&format!("former_keys[{at}]"), problem.into());
                }
                Ok(key) => keys.public.push(key),
                Err(error) => mistake(&format!("former_keys[{at}]"), error.to_string()),
            }
        }
        keys
    }
}

impl Keys {
    pub fn sign(&self, tree: &Tree) -> Option<SignedCheckpoint> {
        self.signing.as_ref().map(|key| Checkpoint::sign(tree, key))
    }

    /// Whether another key signs.
    pub fn signs_otherwise(&self, other: &Keys) -> bool {
        let public = |keys: &Keys| keys.signing.as_ref().map(|key| key.public().clone());
        public(self) != public(other)
    }
}

impl Pace {
    /// After a checkpoint that another instance made, or a former self.
    pub fn after(latest: Option<&Checkpoint>) -> Self {
        Pace { size: latest.map_or(0, |latest| latest.size), at: None }
    }

    /// Whether one is due of so many entries, the last of which are these decisions.
    pub fn due(&self, settings: &AuditSettings, size: u64, decisions: &[Decision]) -> bool {
        let late = || self.at.is_none_or(|at| settings.every.0 <= at.elapsed());
        self.size < size && (settings.entries <= size - self.size || decisions.iter().any(weighs) || late())
    }

    pub fn made(&mut self, size: u64) {
        *self = Pace { size, at: Some(Instant::now()) };
    }
}

fn weighs(decision: &Decision) -> bool {
    !matches!(
        decision,
        Decision::AlertGrouped { .. }
            | Decision::PeopleLocated { .. }
            | Decision::AlertRanked { .. }
            | Decision::AlertSilenced { .. }
            | Decision::DeliveryRecorded { .. }
            | Decision::MailingProgressed { .. }
            | Decision::DigestMade { .. }
            | Decision::CommandRefused { .. }
    )
}

impl Sorted {
    /// Takes in every checkpoint in a text.
    pub fn take(&mut self, text: &str, keys: &[PublicKey]) {
        for note in checkpoint::in_text(text) {
            match note.verify(keys) {
                Ok(checkpoint) => self.believed.push(checkpoint.clone()),
                Err(NotBelieved::UnknownKey { .. }) => self.n_unknown += 1,
                Err(forged @ NotBelieved::Forged { .. }) => self.forged.push(forged.to_string()),
            }
            self.notes.push(note);
        }
    }
}

/// All in the topic, in its order; none if there is no such topic. What is compared with them has to be read later: each is visible with
/// its entries.
pub fn read(broker: &dyn Broker, topics: &Topics, each: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
    let topic = topics.checkpoints();
    if broker.partitions(&topic)?.is_none() {
        return Ok(());
    }
    let mut reader = broker.read(&[(&topic, Vec::new())])?;
    while !reader.caught_up() {
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
            if let Some(Ok(text)) = record.payload.map(std::str::from_utf8) {
                each(text);
            }
        })?;
    }
    Ok(())
}

/// The one of the most entries that can be believed: its root stands for all before it. A signature costs some 60 µs to check, so it is
/// sought from the greatest on and not from the first: a take-over does not wait for a year of them.
pub fn latest(broker: &dyn Broker, topics: &Topics, keys: &Keys) -> Result<Option<Checkpoint>, StreamError> {
    if keys.public.is_empty() {
        return Ok(None);
    }
    // By size; of those that say the same size, all.
    let mut greatest: BTreeMap<(u64, u64), SignedCheckpoint> = BTreeMap::new();
    let mut n = 0_u64;
    read(broker, topics, &mut |text| {
        for note in checkpoint::in_text(text) {
            n += 1;
            greatest.insert((note.stated.size, n), note);
            if limits::CHECKPOINTS_COMPARED < greatest.len() {
                greatest.pop_first();
            }
        }
    })?;
    let mut refused = 0_u64;
    let latest = greatest.values().rev().find_map(|note| {
        let believed = note.verify(&keys.public).ok().cloned();
        refused += u64::from(believed.is_none());
        believed
    });
    // Whoever may write there could push the true ones out of those that are compared: then each is verified, however many there are.
    let latest = match latest {
        None if n > limits::CHECKPOINTS_COMPARED as u64 => {
            let mut best: Option<Checkpoint> = None;
            read(broker, topics, &mut |text| {
                for note in checkpoint::in_text(text) {
                    if best.as_ref().is_none_or(|best| best.size < note.stated.size)
                        && let Ok(of) = note.verify(&keys.public)
                    {
                        best = Some(of.clone());
                    }
                }
            })?;
            best
        }
        latest => latest,
    };
    if refused > 0 {
        tracing::warn!(
            refused,
            "checkpoints that none of the configured keys has signed are not compared with the journal"
        );
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Timestamp;
    use std::time::Duration;

    fn key(seed: u8) -> SigningKey {
        SigningKey::new("example.com/journal", &[seed; 32]).unwrap()
    }

    #[test]
    fn one_is_due_by_weight_by_number_and_by_time() {
        let settings = AuditSettings { entries: 10, ..AuditSettings::default() };
        let at = Timestamp::from_secs(1);
        let mass = [Decision::DigestMade { at, because: String::new(), day: "2026-03-02".into(), n_alerts: 0 }];
        let weighty = [Decision::Closed {
            at,
            because: "done".into(),
            incident: incident::IncidentId(1),
            by: "Ada".into(),
            command: None,
        }];
        let mut pace = Pace::after(None);
        assert!(pace.due(&settings, 1, &mass) && !pace.due(&settings, 0, &[]), "the first one, of anything");
        pace.made(5);
        assert!(!pace.due(&settings, 5, &weighty), "nothing is new");
        assert!(!pace.due(&settings, 14, &mass) && pace.due(&settings, 15, &mass) && pace.due(&settings, 6, &weighty));
        let at_once = AuditSettings { every: Period(Duration::from_nanos(1)), ..settings };
        assert!(pace.due(&at_once, 6, &mass));
    }

    #[test]
    fn mistakes_name_their_key() {
        let file = std::env::temp_dir().join(format!("breachd-audit-key-{}", std::process::id()));
        std::fs::write(&file, "PRIVATE+KEY+x").unwrap();
        let other = SigningKey::new("example.org/other", &[1; 32]).unwrap().public().to_string();
        let wrong = AuditSettings {
            key_file: Some(file.clone()),
            former_keys: vec!["nothing".into()],
            entries: 0,
            every: Period::from_secs(0),
            ..AuditSettings::default()
        };
        let mistakes = |settings: &AuditSettings| {
            let mut mistakes = Vec::new();
            let keys = settings.keys(&mut mistakes);
            (mistakes.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), keys)
        };
        assert_eq!(mistakes(&wrong).0, ["audit.entries", "audit.every", "audit.key_file", "audit.former_keys[0]"]);
        std::fs::write(&file, key(1).to_text()).unwrap();
        let right = AuditSettings {
            key_file: Some(file.clone()),
            former_keys: vec![key(2).public().to_string()],
            ..AuditSettings::default()
        };
        let (none, keys) = mistakes(&right);
        assert_eq!((none.len(), keys.public.len(), keys.signing.is_some()), (0, 2, true));
        let named = AuditSettings { former_keys: vec![other], ..right };
        assert_eq!(mistakes(&named).0, ["audit.former_keys[0]"]);
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn the_greatest_that_can_be_believed_counts() {
        let broker = stream::memory();
        let topics = Topics::new(crate::topics::TopicSettings::default());
        let keys = Keys { signing: Some(key(1)), public: vec![key(1).public().clone()] };
        assert_eq!(latest(broker.as_ref(), &topics, &keys).unwrap(), None);
        topics.prepare(broker.as_ref()).unwrap();
        let mut appender = broker.appender().unwrap();
        let mut tree = Tree::new();
        for (line, by) in [("a", key(1)), ("b", key(1)), ("c", key(3))] {
            tree.push(line.as_bytes());
            let payload = Checkpoint::sign(&tree, &by).to_string().into_bytes();
            appender.send(stream::Outgoing { topic: topics.checkpoints(), payload, ..Default::default() }).unwrap();
        }
        appender.flush().unwrap();
        assert_eq!(latest(broker.as_ref(), &topics, &keys).unwrap().map(|latest| latest.size), Some(2));
    }
}
