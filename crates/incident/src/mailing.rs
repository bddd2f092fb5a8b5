//! A document on its way to many people, each by a mail of their own.
//!
//! ```text
//! sent ─► started (a list) ─► begun (a batch) ─► ended (who was refused) ─► begun … ─► completed
//!            └─► not reached (nobody's address)
//! ```
//! The journal names people by their numbers, and never by an address: who was on which batch, whom the relay refused, and who has to be
//! reached another way; everybody else of an ended batch was taken by the relay. Two entries a batch, not one a mail: 50,000 people cost
//! 400 entries and half a megabyte. A crash repeats the batch that had begun and not ended, under the same Message-IDs.
//!
//! A list is of whoever is still to be told. So a restart, another directory, or people named meanwhile begin another list under the same
//! document, and whoever has been told is on none of them. Naming the list once and counting positions in it lost: the directory of a
//! mailing that takes a night is not the one it began with.
//!
//! Of people told before an incident was merged into another one the first keeps the record, and its mails go on.

use crate::{
    Act, Casebook, Decision, Draft, DraftSent, Incident, IncidentId, POLICY, affected::is_employee, limits, wire,
};
use activity::{Record, Timestamp};
use law::{Headcount, People};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// To whom a document goes that is for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTo {
    /// Employees whom alerts name by number.
    #[default]
    Named,
    /// Everybody in the directory who may live where it concerns anybody.
    Directory,
}

/// As they were when the draft was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailingTerms {
    pub to: MailTo,
    /// ISO 3166 code: nobody who is known to live elsewhere; empty: wherever they live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub residents_of: String,
}

/// Why somebody was not reached and has to be told another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The directory has none, or two that contradict each other.
    NoAddress,
    /// No row of the directory has the number.
    NotListed,
    /// The relay refused the address for good.
    Refused,
    /// The relay did not take the mail in time.
    Expired,
    /// The mail came back.
    Bounced,
}

/// What happened to a mailing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum MailingProgress {
    /// Whoever is still to be told, by the directory as it is now.
    Started {
        /// SHA-256 of the list: numbers, addresses, languages.
        list: String,
        n: u32,
        /// SHA-256 of the directory.
        directory: String,
        /// How many people it concerns, as far as it is known. Beyond those who are named nobody can be written to.
        concerned: Headcount,
    },
    /// At most [`limits::MAILING_PERSONS_PER_ENTRY`]; more in further entries.
    NotReached { persons: Vec<String>, loss: Loss },
    /// Their mails are about to be handed over.
    Begun { persons: Vec<String> },
    /// The relay took those of them that are not named here. `open`: no result, as breachd or the mailing was stopped meanwhile; still to
    /// be told.
    Ended {
        refused: Vec<String>,
        expired: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<String>,
    },
    /// Nobody is left to be written to.
    Completed,
}

/// How the mails of one version stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mailed {
    pub terms: MailingTerms,
    pub title: String,
    /// What everybody is sent; empty once it is over.
    #[serde(skip)]
    pub text: Arc<str>,
    /// SHA-256 of the last list; empty: it has not begun.
    pub list: String,
    /// Of the last list, still without a result.
    pub n_left: u32,
    pub concerned: Headcount,
    /// The batch on its way.
    #[serde(skip)]
    batch: Vec<Box<str>>,
    #[serde(skip)]
    reached: Arc<BTreeSet<Box<str>>>,
    #[serde(skip)]
    lost: Arc<BTreeMap<Box<str>, Loss>>,
    #[serde(with = "wire")]
    pub started_at: Option<Timestamp>,
    #[serde(with = "wire")]
    pub completed_at: Option<Timestamp>,
    pub stopped: Option<Act>,
}

/// Employees whom an incident's alerts name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEmployees {
    /// Ascending.
    pub records: Vec<Record>,
    /// What is known of how many people it concerns.
    pub people: People,
}

/// A mailing that is not over.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished<'a> {
    pub incident: &'a Incident,
    pub draft: &'a Draft,
    pub sent: &'a DraftSent,
    pub mailed: &'a Mailed,
}

impl Loss {
    pub const ALL: [Loss; 5] = [Loss::NoAddress, Loss::NotListed, Loss::Refused, Loss::Expired, Loss::Bounced];

    pub const fn as_str(self) -> &'static str {
        match self {
            Loss::NoAddress => "no_address",
            Loss::NotListed => "not_listed",
            Loss::Refused => "refused",
            Loss::Expired => "expired",
            Loss::Bounced => "bounced",
        }
    }

    /// Another directory may help.
    const fn may_pass(self) -> bool {
        matches!(self, Loss::NoAddress | Loss::NotListed)
    }
}

impl MailingProgress {
    /// Worth a line in the incident's timeline.
    pub(crate) const fn is_milestone(&self) -> bool {
        matches!(self, MailingProgress::Started { .. } | MailingProgress::Completed)
    }
}

impl Mailed {
    pub(crate) fn new(terms: MailingTerms, title: &str, text: &str) -> Self {
        Mailed {
            terms,
            title: title.to_owned(),
            text: text.into(),
            list: String::new(),
            n_left: 0,
            concerned: Headcount::UNKNOWN,
            batch: Vec::new(),
            reached: Arc::default(),
            lost: Arc::default(),
            started_at: None,
            completed_at: None,
            stopped: None,
        }
    }

    pub fn is_over(&self) -> bool {
        self.completed_at.is_some() || self.stopped.is_some()
    }

    /// People of a batch that is on its way. Of a mailing that was stopped: whose result is still to come, or never came, as breachd was
    /// killed meanwhile.
    pub fn n_on_the_way(&self) -> u64 {
        self.batch.len() as u64
    }

    /// Mails to people whom the relay took.
    pub fn n_reached(&self) -> u64 {
        self.reached.len() as u64
    }

    /// People to be told another way.
    pub fn n_lost(&self) -> u64 {
        self.lost.len() as u64
    }

    pub fn n_lost_by(&self, loss: Loss) -> u64 {
        self.lost.values().filter(|of| **of == loss).count() as u64
    }

    /// Who has to be told another way, by number, and why.
    pub fn lost(&self) -> impl Iterator<Item = (&str, Loss)> {
        self.lost.iter().map(|(person, loss)| (&**person, *loss))
    }

    /// Whether the relay took a mail to this person.
    fn was_sent(&self, person: &str) -> bool {
        self.reached.contains(person) || self.loss_of(person) == Some(Loss::Bounced)
    }

    pub fn loss_of(&self, person: &str) -> Option<Loss> {
        self.lost.get(person).copied()
    }

    /// Whether this person still has to be written to, if there is an address.
    pub fn awaits(&self, person: &str) -> bool {
        !self.reached.contains(person) && self.loss_of(person).is_none_or(Loss::may_pass)
    }

    /// Takes in what happened. What does not fit changes nothing.
    pub(crate) fn apply(&mut self, at: Timestamp, progress: &MailingProgress) {
        match progress {
            MailingProgress::Started { list, n, directory: _, concerned } => {
                self.started_at.get_or_insert(at);
                self.list.clone_from(list);
                self.n_left = *n;
                self.concerned = *concerned;
                self.batch.clear();
            }
            MailingProgress::NotReached { persons, loss } => self.lose(persons, *loss),
            MailingProgress::Begun { persons } => {
                self.batch = persons.iter().map(|person| person.as_str().into()).collect();
            }
            MailingProgress::Ended { refused, expired, open } => {
                self.lose(refused, Loss::Refused);
                self.lose(expired, Loss::Expired);
                let batch = std::mem::take(&mut self.batch);
                let n_ended = batch.len().saturating_sub(open.len());
                self.n_left = self.n_left.saturating_sub(u32::try_from(n_ended).unwrap_or(u32::MAX));
                let others: BTreeSet<&str> = refused.iter().chain(expired).chain(open).map(String::as_str).collect();
                let lost = Arc::make_mut(&mut self.lost);
                let reached = Arc::make_mut(&mut self.reached);
                for person in batch.into_iter().filter(|person| !others.contains(&**person)) {
                    lost.remove(&person);
                    reached.insert(person);
                }
            }
            MailingProgress::Completed => {
                self.completed_at = Some(at);
                self.n_left = 0;
                self.text = Arc::default();
            }
        }
    }

    fn lose(&mut self, persons: &[String], loss: Loss) {
        if persons.is_empty() {
            return;
        }
        let (lost, reached) = (Arc::make_mut(&mut self.lost), Arc::make_mut(&mut self.reached));
        for person in persons {
            reached.remove(person.as_str());
            lost.insert(person.as_str().into(), loss);
        }
    }
}

impl Unfinished<'_> {
    /// 64 hexadecimal digits that no other mailing has; of its mails' ids too.
    pub fn occasion(&self) -> String {
        self.draft.occasion(self.incident.id, self.sent)
    }

    /// A decision about it.
    pub fn progressed(&self, at: Timestamp, progress: MailingProgress) -> Decision {
        let mailed = self.mailed;
        let because = match &progress {
            MailingProgress::Started { n, .. } if mailed.started_at.is_none() => {
                format!("mails to {n} people begin")
            }
            MailingProgress::Started { n, .. } => format!("mails go on, to {n} people who are still to be told"),
            MailingProgress::NotReached { persons, loss } => {
                format!("{} people cannot be written to: {}", persons.len(), loss.as_str())
            }
            MailingProgress::Begun { persons } => format!("mails to {} people are handed over", persons.len()),
            MailingProgress::Ended { refused, expired, open } => {
                let open = if open.is_empty() { String::new() } else { format!(", {} not known", open.len()) };
                format!("the relay has answered: {} refused, {} not taken in time{open}", refused.len(), expired.len())
            }
            MailingProgress::Completed => format!(
                "mails to {} people were taken by the relay; {} people have to be told another way",
                mailed.n_reached(),
                mailed.n_lost()
            ),
        };
        Decision::MailingProgressed {
            at,
            because,
            incident: self.incident.id,
            draft: self.draft.number,
            version: self.sent.version,
            by: POLICY.into(),
            progress: Box::new(progress),
            command: None,
        }
    }

    /// The same for many people, in entries of bounded size.
    pub fn not_reached(&self, at: Timestamp, persons: &[String], loss: Loss) -> Vec<Decision> {
        let entry = |persons: &[String]| MailingProgress::NotReached { persons: persons.to_vec(), loss };
        persons.chunks(limits::MAILING_PERSONS_PER_ENTRY).map(|persons| self.progressed(at, entry(persons))).collect()
    }
}

impl Draft {
    /// Whose mails came back, and of which version; `who`: numbers of employees, or the left parts of the mails' Message-IDs. Of ids that are of
    /// no mail here nothing is said: a mailbox has others' mails too.
    ///
    /// # Errors
    /// The numbers of whom no mail of any version was sent to, or everything, if nobody is found.
    pub(crate) fn bounced(&self, incident: IncidentId, who: &[String]) -> Result<(u32, Vec<String>), Vec<String>> {
        let is_id = |word: &&String| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (ids, numbers): (Vec<&String>, Vec<&String>) = who.iter().partition(is_id);
        let ids: BTreeSet<&str> = ids.into_iter().map(String::as_str).collect();
        let mut unknown = Vec::new();
        for (sent, mailed) in self.sent.iter().rev().filter_map(|sent| Some((sent, sent.mailing.as_ref()?))) {
            let (found, others): (Vec<&String>, Vec<&String>) =
                numbers.iter().partition(|number| mailed.was_sent(number));
            let mut found: BTreeSet<String> = found.into_iter().cloned().collect();
            if !ids.is_empty() {
                let occasion = self.occasion(incident, sent);
                let is_its = |person: &&str| ids.contains(draft::mailing::token(&occasion, person).as_str());
                found.extend(mailed.reached.iter().map(|person| &**person).filter(is_its).map(str::to_owned));
            }
            if others.is_empty() && !found.is_empty() {
                return Ok((sent.version, found.into_iter().collect()));
            }
            unknown = others.into_iter().cloned().collect();
        }
        Err(if unknown.is_empty() { who.to_vec() } else { unknown })
    }

    /// What the ids of a version's mails are made of: documents of two incidents may say the same, and are not the same mails.
    fn occasion(&self, incident: IncidentId, sent: &DraftSent) -> String {
        draft::sha256(&format!("{incident} {} {} {}", self.number, sent.version, sent.sha256))
    }

    /// What is left to be done about the mails of the version that was sent last; `None`: nothing.
    pub fn mails_wait(&self) -> Option<String> {
        let mailed = self.last_sent()?.mailing.as_ref()?;
        let number = self.number;
        Some(match (&mailed.stopped, mailed.completed_at, mailed.n_lost()) {
            (Some(act), ..) => {
                format!("the mails of draft {number} were stopped by {}: {} people have none", act.by, mailed.n_left)
            }
            (None, None, _) if mailed.started_at.is_none() => format!("the mails of draft {number} have not begun"),
            (None, None, _) => format!("the mails of draft {number} are on their way, {} people left", mailed.n_left),
            (None, Some(_), 0) if mailed.n_reached() == 0 => {
                format!("draft {number} went to nobody, as no alert names anybody by number: tell them another way")
            }
            (None, Some(_), 0) => return None,
            (None, Some(_), n) => {
                format!("{n} people were not reached by the mails of draft {number}: tell them another way")
            }
        })
    }

    /// The version whose mails are still to leave; of several the newest.
    pub fn being_mailed(&self) -> Option<u32> {
        self.sent.iter().rev().find(|sent| sent.mailing.as_ref().is_some_and(|of| !of.is_over())).map(|of| of.version)
    }
}

impl Incident {
    /// Whether mails of a draft are still to leave, or would be if somebody said so.
    pub fn has_mails_left(&self) -> bool {
        let mailed = self.drafts.iter().flat_map(|draft| &draft.sent).filter_map(|sent| sent.mailing.as_ref());
        mailed
            .into_iter()
            .any(|mailed| !mailed.is_over() || (mailed.stopped.is_some() && mailed.completed_at.is_none()))
    }

    /// Employees whom alerts name by number. Of a great many a sample is known, and `people` says that there are more.
    pub fn named_employees(&self) -> NamedEmployees {
        let mut records: Vec<Record> = self.affected_so_far().named().iter().filter(|of| is_employee(*of)).collect();
        records.sort_unstable();
        NamedEmployees { records, people: self.people_concerned() }
    }
}

impl NamedEmployees {
    /// Whether it may concern somebody who lives there.
    pub fn may_concern(&self, place: &str) -> bool {
        place.is_empty() || self.people.residents_of(place).upper != Some(0)
    }
}

impl Casebook {
    /// Mailings that are not over, in the order of their incidents. An exercise has none: nothing leaves.
    pub fn mailings(&self) -> impl Iterator<Item = Unfinished<'_>> {
        self.mailings_that(|mailed| !mailed.is_over())
    }

    /// Mailings that were stopped while a batch of theirs was on its way: nothing more of them leaves, but results still come.
    pub fn stopped_mailings(&self) -> impl Iterator<Item = Unfinished<'_>> {
        self.mailings_that(|mailed| mailed.stopped.is_some() && mailed.n_on_the_way() > 0)
    }

    fn mailings_that(&self, are: fn(&Mailed) -> bool) -> impl Iterator<Item = Unfinished<'_>> {
        self.incidents().flat_map(move |incident| {
            incident.drafts.iter().flat_map(move |draft| {
                draft.sent.iter().filter_map(move |sent| {
                    let mailed = sent.mailing.as_ref().filter(|mailed| are(mailed))?;
                    Some(Unfinished { incident, draft, sent, mailed })
                })
            })
        })
    }

    /// A mailing, over or not.
    pub fn mailed(&self, incident: IncidentId, draft: u32, version: u32) -> Option<&Mailed> {
        self.incident(incident)?.draft(draft)?.mailed(version)
    }
}
