//! What goes wrong: what each attack writes into the logs, and what breachd must find.
//!
//! One attack is one file and one line in [`ATTACKS`]. An attack only adds events, and draws from a stream of its own, so
//! that the background stays what it is without it.

mod drip;
mod dump;
mod enumeration;
mod export;
mod skimming;
mod stuffing;

use crate::{
    company::{Company, DAY_MS, START},
    log::Event,
    random::Random,
};
use activity::{DataClass, Entity, EntityKind, Timestamp};

/// All attacks there are.
pub const ATTACKS: &[&Attack] =
    &[&dump::ATTACK, &stuffing::ATTACK, &skimming::ATTACK, &export::ATTACK, &enumeration::ATTACK, &drip::ATTACK];

/// Those of the demo, in the order of their hours: each of another kind, and each short enough to watch.
pub const DEMO: [&Attack; 4] = [&dump::ATTACK, &stuffing::ATTACK, &skimming::ATTACK, &export::ATTACK];

/// One way in which things go wrong.
#[derive(Debug)]
pub struct Attack {
    pub name: &'static str,
    /// One sentence for a person.
    pub title: &'static str,
    /// What the labels of scenarios call it.
    pub kind: &'static str,
    /// The hour of its first day, UTC, in milliseconds after midnight.
    begins_ms: i64,
    /// Days it goes on, the first included.
    pub lasts_days: i64,
    /// Detectors any of which should notice.
    pub detectors: &'static [&'static str],
    plot: fn(&Company, Scene) -> Plot,
}

/// When an attack begins, and its randomness.
struct Scene {
    at_ms: i64,
    day: i64,
    random: Random,
}

/// What happens, to whose discredit, to which data.
struct Plot {
    events: Vec<Event>,
    subjects: Vec<Entity>,
    classes: Vec<DataClass>,
}

/// An attack that happened.
#[derive(Debug)]
pub struct Breach {
    pub attack: &'static Attack,
    pub start: Timestamp,
    pub end: Timestamp,
    /// An alert that names any of these has found it.
    pub subjects: Vec<Entity>,
    pub classes: Vec<DataClass>,
    /// Rows that were read, of tables of any class.
    pub rows: i64,
    pub events: usize,
}

impl Attack {
    pub fn by_name(name: &str) -> Option<&'static Attack> {
        ATTACKS.iter().find(|attack| attack.name == name).copied()
    }

    /// Lets it begin on this day.
    pub fn strike(&'static self, company: &Company, day: i64, events: &mut Vec<Event>) -> Breach {
        let at_ms = START.as_millis() + day * DAY_MS + self.begins_ms;
        let random = company.random.fork(self.name, day as u64);
        happen(self, (self.plot)(company, Scene { at_ms, day, random }), events)
    }
}

/// The insider's export alone, within five minutes from the start of the world: what a drill replays.
pub fn drill(company: &Company, events: &mut Vec<Event>) -> Breach {
    let scene = Scene { at_ms: START.as_millis(), day: 0, random: company.random.fork("drill", 0) };
    happen(&export::ATTACK, export::hasty(company, scene), events)
}

fn happen(attack: &'static Attack, plot: Plot, events: &mut Vec<Event>) -> Breach {
    let Plot { events: mut done, subjects, classes } = plot;
    let ended = |event: &Event| {
        let statements: i64 =
            event.statements.iter().map(|statement| statement.delay_ms + statement.took_us / 1000).sum();
        event.at_ms + statements.max(event.request.as_ref().map_or(0, |request| request.took_ms))
    };
    let reads = done.iter().flat_map(|event| &event.statements).filter(|statement| !statement.tables.is_empty());
    let breach = Breach {
        attack,
        start: Timestamp::from_millis(done.iter().map(|event| event.at_ms).min().unwrap_or_default()),
        end: Timestamp::from_millis(done.iter().map(ended).max().unwrap_or_default()),
        subjects,
        classes,
        rows: reads.map(|statement| statement.rows_sent).sum(),
        events: done.len(),
    };
    done.iter_mut().for_each(|event| event.attack = Some(attack.name));
    events.append(&mut done);
    breach
}

fn table(name: &str) -> Entity {
    Entity::new(EntityKind::Table, format!("magento.{name}"))
}

fn user_table(user: &str, table: &str) -> Entity {
    Entity::new(EntityKind::UserTable, format!("{user}|magento.{table}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_unique_and_titles_one_sentence() {
        for (at, attack) in ATTACKS.iter().enumerate() {
            assert!(ATTACKS.iter().skip(at + 1).all(|other| other.name != attack.name && other.kind != attack.kind));
            assert!(attack.title.len() < 130 && !attack.title.contains(['"', '\n']), "{}", attack.title);
            assert!(attack.lasts_days >= 1 && !attack.detectors.is_empty(), "{}", attack.name);
        }
    }
}
