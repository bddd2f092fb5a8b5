//! Trial worlds: many different companies, each with everything that looks like an attack and, if wanted, every attack once.
//!
//! ```text
//! profile, names   how this company differs from others     life, services, shop, database   everyday work
//! staff, calendar  who there is, which days are special     benign      what only looks wrong
//! portal, payments pages and their statements               attacks/    what is wrong, one kind a file
//! ```
//!
//! The demo's company ([`crate::company`]) is one world that must stay the same bytes for years; a judge needs many that
//! differ in what a detector could come to rely on: sizes, hours, names of tables and routes, how ids lie, what a
//! statement looks like. Putting both behind one set of switches would have made the demo's code answer for every trial;
//! so they share the events, the lines, the schema of the shop and the random numbers, and nothing else.
//!
//! Everything benign happens in quiet and attacked worlds alike, from streams of its own: the quiet world is the attacked
//! one's background, event by event. Attacks that silence a log are the one exception to "only adds": their world loses
//! lines, not events.

mod attacks;
mod benign;
mod calendar;
mod database;
mod life;
mod names;
mod payments;
mod portal;
mod profile;
mod services;
mod shop;
mod staff;

pub use attacks::{KINDS, PAYMENT_KINDS};
pub use profile::Profile;

use crate::{
    company::DAY_MS,
    lines::{self, Lost, Style},
    log::Event,
    scenario::{Benign, Label, Labels, Meta},
};
use staff::Company;

/// What to make. Equal settings give equal worlds.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub seed: u64,
    pub weeks: i64,
    /// Of them at the start: without attacks.
    pub warm_up_weeks: i64,
    /// From 0 to 1: how far attacks shrink towards everyday life.
    pub difficulty: f64,
    pub attacked: bool,
    /// Portal users; `None`: as the company's profile has it.
    pub users: Option<usize>,
    /// Also everyday work on payments, and the attacks of [`PAYMENT_KINDS`]. Without it a seed's world stays what it was before there
    /// were any.
    pub payment: bool,
}

/// A company's life with what is wrong in it.
#[derive(Debug)]
pub struct Trial {
    pub profile: Profile,
    pub events: Vec<Event>,
    pub labels: Labels,
    company: Company,
    lost: Vec<Lost>,
}

impl Trial {
    pub fn new(settings: Settings) -> Trial {
        let company = Company::new(&settings);
        let mut events = Vec::new();
        for day in 0..company.days {
            for person in &company.people {
                life::day(&company, person, day, &mut events);
            }
            services::day(&company, day, &mut events);
            shop::day(&company, day, &mut events);
            database::day(&company, day, &mut events);
        }
        let mut benign = benign::once(&company, &mut events);
        benign.extend(company.benign.iter().cloned());
        benign.extend(company.calendar.benign(&company));
        let window = company.start_ms..company.end_ms();
        events.retain(|event| window.contains(&event.at_ms));

        let mut lost = company.outages.clone();
        let breaches = if settings.attacked { attacks::all(&company, &settings, &mut events) } else { Vec::new() };
        if settings.payment {
            // After the attacks, which choose whom they rob by where people were.
            let first = events.len();
            (0..company.days).for_each(|day| payments::day(&company, day, &mut events));
            let work = events.split_off(first);
            events.extend(work.into_iter().filter(|event| window.contains(&event.at_ms)));
        }
        lost.extend(breaches.iter().filter_map(|breach| breach.lost));
        let labels = breaches.into_iter().enumerate().map(|(at, breach)| breach.label(at + 1)).collect();
        let secs = |ms: i64| ms as f64 / 1000.0;
        let meta = Meta {
            seed: settings.seed,
            start: secs(company.start_ms),
            warmup_end: secs(company.start_ms + settings.warm_up_weeks * 7 * DAY_MS),
            end: secs(company.end_ms()),
            users: company.people.len(),
            difficulty: settings.difficulty,
        };
        benign.sort_by(|one, other| one.start.total_cmp(&other.start).then_with(|| one.kind.cmp(&other.kind)));
        let labels = Labels { meta, labels, benign };
        Trial { profile: company.profile.clone(), events, labels, company, lost }
    }

    pub fn logs(&self) -> lines::Logs {
        let names = self.profile.names;
        let style = Style { schema: names.schema, server: names.server, tag: names.tag, lost: self.lost.clone() };
        lines::write_as(&self.events, &style)
    }

    /// The files of its folder: name, and bytes before compression (names ending in `.zst` are compressed).
    /// `budget`: false pages a week that breachd is allowed.
    pub fn files(&self, budget: f64) -> Vec<(&'static str, String)> {
        let logs = self.logs();
        let labels = serde_json::to_string_pretty(&self.labels).expect("numbers and strings become JSON");
        vec![
            ("access.log.zst", logs.access),
            ("audit.log.zst", logs.audit),
            ("slow.log.zst", logs.slow),
            ("directory.csv", self.company.directory_csv()),
            ("geo.csv", staff::geo_csv()),
            ("calendar.csv", self.company.calendar.csv(&self.company)),
            ("labels.json", labels),
            ("judge.toml", self.profile.configuration(budget)),
        ]
    }
}

/// Something benign in labels.
fn benign(kind: &str, from_ms: i64, to_ms: i64, entities: Vec<String>) -> Benign {
    Benign { kind: kind.into(), start: from_ms as f64 / 1000.0, end: to_ms as f64 / 1000.0, entities }
}

/// Something wrong in labels.
fn label(id: usize, kind: &str, times_ms: (i64, i64), entities: Vec<String>, amount: (i64, usize)) -> Label {
    let (start, end) = (times_ms.0 as f64 / 1000.0, times_ms.1 as f64 / 1000.0);
    Label { id, kind: kind.into(), start, end, entities, rows: amount.0, events: amount.1 }
}
