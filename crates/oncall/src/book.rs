//! The file of contacts as a whole: read, checked, asked.

use crate::{
    Contact, Mistakes, OnCall, Policy, Schedule, Step, Team, Whom,
    contact::{WrittenContact, word_problem},
    limits,
    policy::WrittenPolicy,
    schedule::WrittenSchedule,
};
use activity::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What can be written in the file of contacts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    contacts: Vec<WrittenContact>,
    teams: Vec<Team>,
    schedules: Vec<WrittenSchedule>,
    policies: Vec<WrittenPolicy>,
}

/// Contacts, teams, schedules and policies that fit together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    contacts: BTreeMap<String, Contact>,
    teams: BTreeMap<String, Team>,
    schedules: BTreeMap<String, Schedule>,
    policies: BTreeMap<String, Policy>,
}

/// Whom a step calls at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calling<'a> {
    /// Each contact once, in the order of the step.
    pub called: Vec<Called<'a>>,
    /// Why less were found than the step names.
    pub nobody: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Called<'a> {
    pub contact: &'a Contact,
    pub because: String,
}

impl Book {
    /// `file` gives the text of a calendar that is named. Errors: every mistake, as (key path, problem).
    pub fn new(written: Written, file: &dyn Fn(&str) -> Result<String, String>) -> Result<Book, Vec<(String, String)>> {
        let mut mistakes = Mistakes::new();
        let Written { contacts, teams, schedules, policies } = written;
        let n = [
            ("contacts", contacts.len(), limits::CONTACTS_MAX),
            ("teams", teams.len(), limits::TEAMS_MAX),
            ("schedules", schedules.len(), limits::SCHEDULES_MAX),
            ("policies", policies.len(), limits::POLICIES_MAX),
        ];
        for (key, n, max) in n.into_iter().filter(|(_, n, max)| n > max) {
            mistakes.push((key.to_owned(), format!("are {n}, at most {max}")));
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut book = Book::default();
        for (at, written) in contacts.into_iter().enumerate() {
            let path = format!("contacts[{at}]");
            let contact = Contact::read(written, &path, &mut mistakes);
            insert(&mut book.contacts, contact.name.clone(), contact, &path, &mut mistakes);
        }
        for (at, owner) in book.contacts.values().map(|contact| (&contact.name, &contact.owner)) {
            let known = book.contacts.get(owner);
            if known.is_none_or(Contact::is_recipient_of_obligations) {
                let problem = format!("`owner` of contact `{at}`: `{owner}` is no contact of your own");
                mistakes.push(("contacts".into(), problem));
            }
        }
        for (at, team) in teams.into_iter().enumerate() {
            let path = format!("teams[{at}]");
            if let Some(problem) = word_problem(&team.name) {
                mistakes.push((format!("{path}.name"), problem));
            }
            if team.members.is_empty() || team.members.len() > limits::MEMBERS_MAX {
                mistakes.push((format!("{path}.members"), format!("must be 1 to {} contacts", limits::MEMBERS_MAX)));
            }
            for (n, name) in team.members.iter().enumerate().filter(|(_, name)| book.contact(name).is_none()) {
                mistakes.push((format!("{path}.members[{n}]"), format!("there is no contact `{name}`")));
            }
            insert(&mut book.teams, team.name.clone(), team, &path, &mut mistakes);
        }
        for (at, written) in schedules.into_iter().enumerate() {
            let path = format!("schedules[{at}]");
            if let Some(schedule) = Schedule::read(written, &path, &book.contacts, file, &mut mistakes) {
                insert(&mut book.schedules, schedule.name.clone(), schedule, &path, &mut mistakes);
            }
        }
        for (at, written) in policies.into_iter().enumerate() {
            let path = format!("policies[{at}]");
            let policy = Policy::read(written, &path, &mut mistakes);
            for (n, step) in policy.steps.iter().enumerate() {
                let unknown = step.whom.iter().filter(|whom| !book.knows(whom));
                mistakes.extend(unknown.map(|whom| (format!("{path}.steps[{n}].whom"), format!("there is no {whom}"))));
            }
            insert(&mut book.policies, policy.name.clone(), policy, &path, &mut mistakes);
        }
        mistakes.truncate(limits::MISTAKES_MAX);
        if mistakes.is_empty() { Ok(book) } else { Err(mistakes) }
    }

    pub fn contact(&self, name: &str) -> Option<&Contact> {
        self.contacts.get(name)
    }

    /// By their names.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.get(name)
    }

    pub fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.schedules.values()
    }

    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.get(name)
    }

    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values()
    }

    /// Who is on call by a schedule; `None`: nobody, or there is no such schedule.
    pub fn who_is_on_call(&self, schedule: &str, at: Timestamp) -> Option<OnCall<'_>> {
        self.schedules.get(schedule)?.on_call(at)
    }

    /// Whom a step calls at that time.
    pub fn call(&self, step: &Step, at: Timestamp) -> Calling<'_> {
        let mut calling = Calling::default();
        let mut add = |name: &str, because: String| match self.contact(name) {
            Some(contact) if calling.called.iter().any(|called| called.contact.name == contact.name) => {}
            Some(contact) => calling.called.push(Called { contact, because }),
            None => {}
        };
        let mut nobody = Vec::new();
        for whom in &step.whom {
            match whom {
                Whom::Contact(name) => add(name, "named in the step".into()),
                Whom::Team(name) => {
                    let members = self.teams.get(name).map_or(&[][..], |team| &team.members);
                    members.iter().for_each(|member| add(member, format!("member of team `{name}`")));
                }
                Whom::Schedule(name) => match self.who_is_on_call(name, at) {
                    Some(OnCall { contact, because }) => add(contact, format!("on call: {because}")),
                    None => nobody.push(format!("nobody is on call by schedule `{name}`")),
                },
            }
        }
        Calling { nobody, ..calling }
    }

    /// Everybody whom a step may ever call.
    pub fn may_call(&self, step: &Step) -> Vec<&Contact> {
        let names: BTreeSet<&str> = step
            .whom
            .iter()
            .flat_map(|whom| match whom {
                Whom::Contact(name) => vec![name.as_str()],
                Whom::Team(name) => {
                    self.teams.get(name).map_or_else(Vec::new, |team| team.members.iter().map(String::as_str).collect())
                }
                Whom::Schedule(name) => {
                    self.schedules.get(name).map_or_else(Vec::new, |schedule| schedule.members().into_iter().collect())
                }
            })
            .collect();
        names.into_iter().filter_map(|name| self.contact(name)).collect()
    }

    /// When nobody is on call within the next [`limits::LOOK_AHEAD_DAYS`], by which schedule.
    pub fn gaps(&self, now: Timestamp) -> Vec<String> {
        let mut findings = Vec::new();
        for schedule in self.schedules.values() {
            let gaps = schedule.gaps(now, limits::LOOK_AHEAD_DAYS);
            findings.extend(gaps.iter().take(limits::GAPS_TOLD).map(|gap| {
                format!("nobody is on call by schedule `{}` from {} until {}", schedule.name, gap.from, gap.until)
            }));
            let more = gaps.len().saturating_sub(limits::GAPS_TOLD);
            if more > 0 {
                findings.push(format!(
                    "nobody is on call by schedule `{}` in {more} more times within {} days",
                    schedule.name,
                    limits::LOOK_AHEAD_DAYS
                ));
            }
        }
        findings
    }

    fn knows(&self, whom: &Whom) -> bool {
        match whom {
            Whom::Contact(name) => self.contacts.contains_key(name),
            Whom::Team(name) => self.teams.contains_key(name),
            Whom::Schedule(name) => self.schedules.contains_key(name),
        }
    }
}

fn insert<T>(into: &mut BTreeMap<String, T>, name: String, value: T, path: &str, mistakes: &mut Mistakes) {
    let twice = into.contains_key(&name);
    if twice {
        mistakes.push((format!("{path}.name"), format!("`{name}` is used twice")));
    } else {
        into.insert(name, value);
    }
}
