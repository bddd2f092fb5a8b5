//! What is wrong, one kind a file: what it writes into the logs, and whom its label names.
//!
//! Each shrinks with the world's difficulty: from 0, where it shouts, to 1, where it is about as large as the culprit's own
//! work, in working hours, from addresses like a home, through the application's own account. Each draws from a stream of
//! its own and only adds events, so the background stays what it is without it.

mod bulk_export;
mod card_enumeration;
mod card_export;
mod card_key;
mod cred_stuffing;
mod direct_db_dump;
mod distributed_exfil;
mod heavy_insider;
mod id_enumeration;
mod impossible_travel;
mod integration_abuse;
mod into_outfile;
mod leaver;
mod log_silence;
mod off_hours;
mod password_spray;
mod payment_dump;
mod payroll_diversion;
mod priv_escalation;
mod session_hijack;
mod shell_chain;
mod skimmer;
mod slow_drip;
mod sqli;
mod webshell;

use super::{
    Settings, label,
    life::{self, pages_per_day},
    names::Table,
    portal::Page,
    staff::{self, Company, Person, Role},
};
use crate::{
    company::{DAY_MS, MINUTE_MS},
    lines::Lost,
    log::Event,
    portal::Session,
    random::Random,
    scenario::Label,
};
use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

/// One way in which things go wrong.
pub struct Kind {
    /// What labels call it.
    pub name: &'static str,
    /// Days it goes on at most, the first included.
    lasts_days: i64,
    /// Whether its first day must be a working day.
    on_working_days: bool,
    plot: fn(&mut Scene<'_>) -> Plot,
}

/// Every kind there is.
pub const KINDS: [Kind; 20] = [
    bulk_export::KIND,
    slow_drip::KIND,
    id_enumeration::KIND,
    off_hours::KIND,
    cred_stuffing::KIND,
    password_spray::KIND,
    session_hijack::KIND,
    impossible_travel::KIND,
    priv_escalation::KIND,
    direct_db_dump::KIND,
    into_outfile::KIND,
    sqli::KIND,
    webshell::KIND,
    heavy_insider::KIND,
    distributed_exfil::KIND,
    log_silence::KIND,
    integration_abuse::KIND,
    payment_dump::KIND,
    payroll_diversion::KIND,
    leaver::KIND,
];

/// What happens besides in worlds with work on payments: to payments, and as one chain from the way in to HR tables.
pub const PAYMENT_KINDS: [Kind; 5] =
    [card_export::KIND, card_key::KIND, card_enumeration::KIND, skimmer::KIND, shell_chain::KIND];

/// What happens, and whom it concerns in the words of labels.
#[derive(Default)]
struct Plot {
    events: Vec<Event>,
    entities: Vec<String>,
    /// Lines that go missing.
    lost: Option<Lost>,
}

/// An attack that happened.
pub(super) struct Breach {
    kind: &'static str,
    from_ms: i64,
    to_ms: i64,
    entities: Vec<String>,
    rows: i64,
    events: usize,
    pub(super) lost: Option<Lost>,
}

impl Breach {
    pub(super) fn label(self, id: usize) -> Label {
        label(id, self.kind, (self.from_ms, self.to_ms), self.entities, (self.rows, self.events))
    }
}

/// A world as an attacker finds it.
struct Scene<'a> {
    company: &'a Company,
    background: &'a Background,
    day: i64,
    /// The first day that must be left alone.
    end: i64,
    difficulty: f64,
    random: Random,
    cast: &'a mut HashSet<Rc<str>>,
}

/// Where and when each portal user really was, in order of time.
struct Background(HashMap<Rc<str>, Vec<(i64, Session)>>);

/// Lets every kind happen once, on seeded days of the judged weeks, by seeded culprits.
pub(super) fn all(company: &Company, settings: &Settings, events: &mut Vec<Event>) -> Vec<Breach> {
    let background = Background::of(events);
    let mut random = company.random.fork("attacks", 0);
    let order = random.sample(&std::array::from_fn::<usize, { KINDS.len() }, _>(|at| at), KINDS.len());
    // The first day is left free: east of Greenwich it begins before midnight UTC.
    let (first, mut cast) = (settings.warm_up_weeks * 7 + 1, HashSet::new());
    let mut breaches = Vec::new();
    // After all others, so that none of those has another culprit because of them.
    let payment = if settings.payment { PAYMENT_KINDS.as_slice() } else { &[] };
    for kind in order.into_iter().map(|at| &KINDS[at]).chain(payment) {
        let mut random = company.random.fork(kind.name, 0);
        // The last day is left free: what begins in its evening would be cut.
        let last = (company.days - 1 - kind.lasts_days).max(first);
        let mut day = random.between(first, last + 1);
        if kind.on_working_days {
            day = (day - (day.rem_euclid(7) - 4).max(0)).max(first);
        }
        let difficulty = settings.difficulty;
        let mut scene =
            Scene { company, background: &background, day, end: company.days, difficulty, random, cast: &mut cast };
        let plot = (kind.plot)(&mut scene);
        breaches.extend(happen(company, kind, plot, events));
    }
    breaches.sort_by_key(|breach| breach.from_ms);
    breaches
}

/// Nothing when all of it would have happened before or after the world.
fn happen(company: &Company, kind: &Kind, mut plot: Plot, events: &mut Vec<Event>) -> Option<Breach> {
    let window = company.start_ms..company.end_ms();
    for event in &mut plot.events {
        // What nobody wrote down could not be found: it waits until the logs are back.
        for outage in &company.outages {
            if (outage.from_ms - MINUTE_MS..outage.to_ms).contains(&event.at_ms) {
                event.at_ms += outage.to_ms - outage.from_ms + MINUTE_MS;
            }
        }
        event.attack = Some(kind.name);
    }
    plot.events.retain(|event| window.contains(&event.at_ms));
    let ended = |event: &Event| {
        let took = |statement: &crate::log::Statement| statement.delay_ms + statement.took_us / 1000;
        let statements: i64 = event.statements.iter().map(took).sum();
        event.at_ms + statements.max(event.request.as_ref().map_or(0, |request| request.took_ms))
    };
    let lost = plot.lost.iter();
    let from_ms = plot.events.iter().map(|event| event.at_ms).chain(lost.clone().map(|lost| lost.from_ms)).min()?;
    let to_ms = plot.events.iter().map(ended).chain(lost.map(|lost| lost.to_ms)).max()?;
    let reads = plot.events.iter().flat_map(|event| &event.statements);
    let rows = reads.filter(|statement| !statement.tables.is_empty()).map(|statement| statement.rows_sent).sum();
    plot.entities.sort();
    plot.entities.dedup();
    let Plot { events: mut done, entities, lost } = plot;
    let breach = Breach { kind: kind.name, from_ms, to_ms, entities, rows, events: done.len(), lost };
    events.append(&mut done);
    Some(breach)
}

impl Background {
    fn of(events: &[Event]) -> Background {
        let mut seen: HashMap<Rc<str>, Vec<(i64, Session)>> = HashMap::new();
        for event in events {
            let Some(request) = &event.request else { continue };
            // Somebody who was let in.
            if let Some(user) = request.user.as_ref().filter(|_| request.status < 400 && request.session != 0) {
                let session =
                    Session { id: request.session, address: request.address.clone(), agent: request.agent, host: 0 };
                seen.entry(user.clone()).or_default().push((event.at_ms, session));
            }
        }
        seen.values_mut().for_each(|times| times.sort_by_key(|(at_ms, _)| *at_ms));
        Background(seen)
    }

    /// Somebody's requests from `from_ms` to before `to_ms`.
    fn of_user(&self, login: &str, from_ms: i64, to_ms: i64) -> &[(i64, Session)] {
        let all = self.0.get(login).map_or(&[][..], Vec::as_slice);
        let begin = all.partition_point(|(at_ms, _)| *at_ms < from_ms);
        let end = all.partition_point(|(at_ms, _)| *at_ms < to_ms);
        &all[begin..end.max(begin)]
    }
}

impl<'a> Scene<'a> {
    /// From `easy` at no difficulty to `hard` at the greatest.
    fn scale(&self, easy: f64, hard: f64) -> f64 {
        easy + (hard - easy) * self.difficulty
    }

    /// The same as a count that varies by a fifth.
    fn count(&mut self, easy: i64, hard: i64) -> i64 {
        let mean = self.scale(easy as f64, hard as f64);
        ((mean * self.random.real(0.8, 1.2) + 0.5) as i64).max(1)
    }

    /// Whether this is done the hard way.
    fn is_hard(&mut self) -> bool {
        self.random.chance(self.difficulty)
    }

    /// Somebody of these roles who is at work on these days, and does nothing else wrong if possible.
    fn culprit(&mut self, roles: &[Role], days: i64) -> &'a Person {
        self.culprit_who(roles, days, |_| true)
    }

    /// Somebody of these roles who is logged in on one of these days, with when and where.
    fn victim(&mut self, roles: &[Role], days: i64) -> (&'a Person, &'a [(i64, Session)]) {
        let (background, from_ms) = (self.background, self.company.midnight(self.day));
        let to_ms = from_ms + days * DAY_MS;
        let there = |person: &Person| !background.of_user(&person.login, from_ms, to_ms).is_empty();
        let person = self.culprit_who(roles, days, there);
        (person, background.of_user(&person.login, from_ms, to_ms))
    }

    fn culprit_who(&mut self, roles: &[Role], days: i64, is_fit: impl Fn(&Person) -> bool) -> &'a Person {
        let (company, day) = (self.company, self.day);
        let at_work = |person: &Person| {
            let all_days = || day..(day + days).min(company.days);
            is_fit(person)
                && all_days().all(|day| person.is_employed(day) && !person.is_away(day) && person.trip(day).is_none())
                && person.new_role.is_none()
        };
        let those = |wanted: &dyn Fn(&Person) -> bool| -> Vec<usize> {
            let people = company.people.iter().enumerate();
            people.filter(|(_, person)| roles.contains(&person.role) && wanted(person)).map(|(at, _)| at).collect()
        };
        let fresh = those(&|person| at_work(person) && !self.cast.contains(&person.login));
        let choices = [fresh, those(&at_work), those(&is_fit), those(&|_| true)];
        // Every company has people of every role.
        let from = choices.into_iter().find(|people| !people.is_empty()).unwrap_or_else(|| vec![0]);
        let person = &company.people[self.random.pick(&from)];
        self.cast.insert(person.login.clone());
        person
    }

    /// `hour` on this person's clock.
    fn local(&self, person: &Person, day: i64, hour: f64) -> i64 {
        person.local_ms(self.company.midnight(day), hour)
    }

    /// Inside this person's working hours where it is done the hard way, else in the evening.
    fn moment(&mut self, person: &Person, day: i64) -> i64 {
        let (begins, ends) = life::hours(person, day);
        let hour =
            if self.is_hard() { self.random.real(begins + 0.2, ends - 1.5) } else { self.random.real(19.5, 22.5) };
        self.local(person, day, hour)
    }

    /// An address of somebody else: at a home in the same country where it is done the hard way, else a rented server.
    fn stranger(&mut self, country: usize) -> Rc<str> {
        if self.is_hard() {
            let third = self.random.between(0, 16);
            staff::home(country, third, self.random.between(2, 254))
        } else {
            staff::hosted(&mut self.random)
        }
    }

    /// Where this person usually is, as a session.
    fn usual_session(&mut self, person: &Person, day: i64) -> Session {
        let at_home = self.random.chance(1.0 - person.in_office);
        let address = if at_home { person.home_address(day) } else { person.office_address() };
        self.company.session(address, person.agent, &mut self.random)
    }

    /// A login and then these pages, with pauses of about so long.
    fn sitting(
        &mut self,
        person: &Person,
        session: &Session,
        from_ms: i64,
        pages: Vec<Page>,
        pause_ms: i64,
    ) -> Vec<Event> {
        let mut events =
            vec![self.company.log_in(&person.login, Some(person.number), session, from_ms, &mut self.random)];
        events.extend(self.pages(person, session, from_ms + 4_000, pages, pause_ms));
        events
    }

    /// These pages within a session that is open already.
    fn pages(
        &mut self,
        person: &Person,
        session: &Session,
        from_ms: i64,
        pages: Vec<Page>,
        pause_ms: i64,
    ) -> Vec<Event> {
        let mut at_ms = from_ms;
        let mut events = Vec::new();
        for page in pages {
            events.push(self.company.visit(person, session, at_ms, page, &mut self.random));
            at_ms += pause_ms / 3 + self.random.exponential(pause_ms as f64 * 2.0 / 3.0) as i64;
        }
        events
    }

    /// Any employee, counted from 0.
    fn anybody(&mut self) -> i64 {
        self.random.between(0, self.company.headcount)
    }

    /// The days from the first on that are worked, `count` at most.
    fn working_days(&self, count: usize) -> Vec<i64> {
        let days = self.day..self.end;
        days.filter(|day| !self.company.calendar.is_free(*day)).take(count).collect()
    }

    /// What this person asks for on a usual day.
    fn usual_pages(&self, person: &Person) -> f64 {
        pages_per_day(self.company, person, self.day)
    }
}

fn user(person: &Person) -> String {
    format!("user:{}", person.login)
}

fn ip(address: &str) -> String {
    format!("ip:{address}")
}

fn table(company: &Company, table: Table) -> String {
    format!("table:{}", company.profile.names.table(table))
}

/// An account at a host, as labels name it.
fn account(account: &str, host: &str) -> [String; 3] {
    [format!("db:{account}@{host}"), format!("dbuser:{account}"), format!("dbhost:{host}")]
}

/// A day's worth of times: one for each, in order, within these hours of the clock.
fn spread(random: &mut Random, count: i64, from_ms: i64, to_ms: i64) -> Vec<i64> {
    let mut times: Vec<i64> = (0..count).map(|_| random.between(from_ms, to_ms)).collect();
    times.sort_unstable();
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_named_once() {
        let all = || KINDS.iter().chain(&PAYMENT_KINDS);
        let names: HashSet<&str> = all().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len() + PAYMENT_KINDS.len());
        assert!(all().all(|kind| kind.lasts_days >= 1));
    }
}
