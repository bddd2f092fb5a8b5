//! One document to many people: who is next, how fast, and what the journal has to know before.
//!
//! ```text
//! Mailing::new(list, document) ── next(now) ─► Journal(Started, Begun, Ended)   journal it, then `apply`
//!                                          ─► Send(whom)     hand the mail over, then `result`
//!                                          ─► Wait(until) · Waiting (for results) · Done
//! ```
//! The list is sorted by the person's id, so it is the same list whoever makes it. Progress is journaled by the batch, not by the mail: two
//! entries for at most [`limits::IN_FLIGHT_MAX`] mails, 400 for 50,000 people. After a crash another mailing begins, to all but those whose
//! batch has ended: so the batch that had begun and not ended is sent again, under the same Message-IDs, and nothing else is. One entry
//! a mail would repeat one mail instead of a batch, for 125 times as many entries in a chain that everybody has to verify.
//!
//! Pace: not more than so many mails in any minute, counted from the times at which they were handed out. After a restart the last minute
//! counts as full ([`Mailing::not_before`]).

use crate::{Language, limits, sha256};
use activity::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Somebody to be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// Stable, such as a personnel number; it leaves this module only as a hash.
    pub person: String,
    pub email: String,
    pub language: Language,
}

/// What has to be journaled of a mailing. Positions are those of the sorted list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum Progress {
    /// Of this list.
    Started { list: String, n: u32 },
    /// These are about to be handed over.
    Begun { from: u32, to: u32 },
    /// All of them have a result; the relay refused `refused` for good.
    Ended { from: u32, to: u32, refused: Vec<u32> },
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Journal this, then [`Mailing::apply`] it.
    Journal(Progress),
    /// Hand this mail over, then say what came of it: [`Mailing::result`].
    Send(u32),
    /// Nothing before then: the pace.
    Wait(Timestamp),
    /// Results of what is in flight are missing.
    Waiting,
    Done,
}

/// What a relay said of one mail, for good: who asks again does so below this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Refused,
}

/// Why there is no mailing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMailing {
    TooMany(usize),
    /// The same person twice: which address is right?
    Twice(String),
}

/// One mailing as it stands.
#[derive(Clone, Debug)]
pub struct Mailing {
    recipients: Vec<Recipient>,
    list: String,
    /// What it is of: the document, and on which occasion.
    document: String,
    per_minute: usize,
    started: bool,
    batch: Option<Batch>,
    /// All before it have a result.
    done: u32,
    /// When the mails of the last minute were handed out.
    sent_at: VecDeque<Timestamp>,
    /// Nothing is handed out before.
    not_before: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Batch {
    from: u32,
    to: u32,
    /// Next to be handed out.
    next: u32,
    results: BTreeMap<u32, Outcome>,
}

const MINUTE: Span = Span::from_minutes(1);

impl Mailing {
    /// `document`: what it is of, such as a SHA-256 of its text and of the occasion. `per_minute`: at least 1.
    ///
    /// # Errors
    /// Too many recipients, or one person twice.
    pub fn new(mut recipients: Vec<Recipient>, document: &str, per_minute: usize) -> Result<Self, NoMailing> {
        if recipients.len() > limits::RECIPIENTS_MAX {
            return Err(NoMailing::TooMany(recipients.len()));
        }
        recipients.sort();
        if let Some(pair) = recipients.windows(2).find(|pair| pair[0].person == pair[1].person) {
            return Err(NoMailing::Twice(pair[0].person.clone()));
        }
        let mut list = String::new();
        for Recipient { person, email, language } in &recipients {
            for part in [person.as_str(), email, language.tag()] {
                list.push_str(&format!("{}:{part},", part.len()));
            }
        }
        Ok(Mailing {
            list: sha256(&list),
            recipients,
            document: document.to_owned(),
            per_minute: per_minute.max(1),
            started: false,
            batch: None,
            done: 0,
            sent_at: VecDeque::new(),
            not_before: None,
        })
    }

    /// Hands nothing out before then: somebody else has used up the pace until then.
    #[must_use]
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.not_before = Some(at);
        self
    }

    /// Another pace from now on; at least 1.
    pub fn set_pace(&mut self, per_minute: usize) {
        self.per_minute = per_minute.max(1);
    }

    /// SHA-256 of the list.
    pub fn list(&self) -> &str {
        &self.list
    }

    /// Those of whom no batch has begun, in the list's order; `None`: a batch has begun and not ended.
    pub fn rest(&self) -> Option<&[Recipient]> {
        self.batch.is_none().then(|| self.recipients.get(self.done as usize..).unwrap_or_default())
    }

    /// Handed out, and without a result.
    pub fn in_flight(&self) -> Vec<u32> {
        let of =
            |batch: &Batch| (batch.from..batch.next).filter(|at| !batch.results.contains_key(at)).collect::<Vec<_>>();
        self.batch.as_ref().map_or_else(Vec::new, of)
    }

    /// What is known by now of the batch that has begun and not ended, for whoever cannot wait for the rest: its places, and results.
    pub fn unended(&self) -> Option<(std::ops::Range<u32>, &BTreeMap<u32, Outcome>)> {
        self.batch.as_ref().map(|batch| (batch.from..batch.to, &batch.results))
    }

    /// What the journal has.
    pub fn apply(&mut self, progress: &Progress) {
        match progress {
            Progress::Started { .. } => self.started = true,
            Progress::Begun { from, to } => {
                self.batch = Some(Batch { from: *from, to: *to, next: *from, results: BTreeMap::new() });
            }
            Progress::Ended { to, .. } => {
                self.batch = None;
                self.done = self.done.max(*to);
            }
        }
    }

    pub fn next(&mut self, now: Timestamp) -> Next {
        let n = self.recipients.len() as u32;
        if !self.started {
            return Next::Journal(Progress::Started { list: self.list.clone(), n });
        }
        let Some(batch) = &mut self.batch else {
            if self.done >= n {
                return Next::Done;
            }
            let size = self.per_minute.min(limits::IN_FLIGHT_MAX) as u32;
            return Next::Journal(Progress::Begun { from: self.done, to: n.min(self.done.saturating_add(size)) });
        };
        if batch.next < batch.to {
            if let Some(at) = self.not_before.filter(|at| now < *at) {
                return Next::Wait(at);
            }
            while self.sent_at.front().is_some_and(|at| *at + MINUTE <= now) {
                self.sent_at.pop_front();
            }
            if let Some(first) = self.sent_at.front().filter(|_| self.sent_at.len() >= self.per_minute) {
                return Next::Wait(*first + MINUTE);
            }
            self.sent_at.push_back(now);
            let at = batch.next;
            batch.next += 1;
            return Next::Send(at);
        }
        if batch.results.len() < (batch.to - batch.from) as usize {
            return Next::Waiting;
        }
        let refused = batch.results.iter().filter(|(_, outcome)| **outcome == Outcome::Refused).map(|(at, _)| *at);
        Next::Journal(Progress::Ended { from: batch.from, to: batch.to, refused: refused.collect() })
    }

    /// Whether the batch that has begun is the list's last.
    pub fn is_last_batch(&self) -> bool {
        self.batch.as_ref().is_some_and(|batch| batch.to as usize == self.recipients.len())
    }

    /// What came of a mail; of one that is not in flight nothing is heard any more.
    pub fn result(&mut self, at: u32, outcome: Outcome) {
        if let Some(batch) = &mut self.batch
            && (batch.from..batch.next).contains(&at)
        {
            batch.results.entry(at).or_insert(outcome);
        }
    }

    pub fn recipient(&self, at: u32) -> Option<&Recipient> {
        self.recipients.get(at as usize)
    }

    /// The place of a person in the list.
    pub fn place(&self, person: &str) -> Option<u32> {
        let found = self.recipients.binary_search_by(|recipient| recipient.person.as_str().cmp(person)).ok()?;
        u32::try_from(found).ok()
    }

    /// Left part of the Message-ID, and the token of the bounce address: the same for every repeat of this document to this person,
    /// 32 hexadecimal digits that tell neither.
    pub fn token(&self, at: u32) -> Option<String> {
        Some(token(&self.document, &self.recipient(at)?.person))
    }
}

/// [`Mailing::token`] of a document, named as in [`Mailing::new`], to a person.
pub fn token(document: &str, person: &str) -> String {
    let mut hash = sha256(&format!("breachd mailing {}:{document}{}:{person}", document.len(), person.len()));
    hash.truncate(32);
    hash
}
