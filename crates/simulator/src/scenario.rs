//! A labelled world as a folder: logs, directory, geography, calendar, and `labels.json` with what is wrong in it.
//!
//! Entities in labels are written `user:e1004`, `table:hr_payroll` (without schema), `ip:…`, `db:account@host` with
//! `dbuser:` and `dbhost:`, `path:…`, `global`. Times are seconds since the epoch.

use crate::{
    World,
    attacks::Breach,
    company::{self, Role, START},
    quiet::EXPORT_DAYS,
};
use activity::{Entity, EntityKind, Span};
use serde::{Deserialize, Serialize};

/// The files of the folder: name, and bytes before compression (names ending in `.zst` are compressed).
/// `warm_up_days`: alerts before then do not count.
pub fn files(world: &World, warm_up_days: i64) -> Vec<(&'static str, String)> {
    let logs = world.logs();
    let labels = serde_json::to_string_pretty(&labels(world, warm_up_days)).expect("numbers and strings become JSON");
    vec![
        ("access.log.zst", logs.access),
        ("audit.log.zst", logs.audit),
        ("slow.log.zst", logs.slow),
        ("directory.csv", world.company.directory_csv()),
        ("geo.csv", company::geo_csv()),
        ("calendar.csv", world.company.calendar_csv()),
        ("labels.json", labels),
    ]
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Labels {
    pub meta: Meta,
    pub labels: Vec<Label>,
    pub benign: Vec<Benign>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Meta {
    pub seed: u64,
    pub start: f64,
    pub warmup_end: f64,
    pub end: f64,
    pub users: usize,
    /// From 0 to 1: how far the attacks shrink towards everyday life.
    #[serde(default)]
    pub difficulty: f64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Label {
    pub id: usize,
    pub kind: String,
    pub start: f64,
    pub end: f64,
    pub entities: Vec<String>,
    pub rows: i64,
    pub events: usize,
}

/// Something that looks like an attack and is none.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Benign {
    pub kind: String,
    pub start: f64,
    pub end: f64,
    pub entities: Vec<String>,
}

pub fn labels(world: &World, warm_up_days: i64) -> Labels {
    let days = |days: i64| (START + Span::from_hours(24 * days)).as_secs() as f64;
    let benign =
        |kind: &str, first, last, entities| Benign { kind: kind.into(), start: days(first), end: days(last), entities };
    let everybody = || vec!["*".to_owned()];
    let clerk = world.company.of_role(Role::Payroll).next().map(|clerk| format!("user:{}", clerk.login));
    let look_alikes = (0..world.company.settings.days).flat_map(|day| {
        let export = EXPORT_DAYS.contains(&day.rem_euclid(28));
        [
            company::is_month_end(day).then(|| benign("month_end", day, day + 1, everybody())),
            company::is_holiday(day).then(|| benign("holiday", day, day + 1, everybody())),
            (day == company::RELEASE_DAY).then(|| benign("release_shift", day, day + 3, everybody())),
            export.then(|| benign("legit_bulk_export", day, day + 1, clerk.iter().cloned().collect())),
        ]
    });
    Labels {
        meta: Meta {
            seed: world.company.settings.seed,
            start: days(0),
            warmup_end: days(warm_up_days),
            end: world.end.as_secs() as f64,
            users: world.company.people.len(),
            difficulty: 0.0,
        },
        labels: world.breaches.iter().enumerate().map(|(index, breach)| label(index + 1, breach)).collect(),
        benign: look_alikes.flatten().collect(),
    }
}

fn label(id: usize, breach: &Breach) -> Label {
    let mut entities: Vec<String> = breach.subjects.iter().flat_map(keys).collect();
    entities.sort();
    entities.dedup();
    Label {
        id,
        kind: breach.attack.kind.into(),
        start: breach.start.as_millis() as f64 / 1000.0,
        end: breach.end.as_millis() as f64 / 1000.0,
        entities,
        rows: breach.rows,
        events: breach.events,
    }
}

/// What labels call an entity.
fn keys(entity: &Entity) -> Vec<String> {
    let id = &entity.id;
    let bare = |table: &str| format!("table:{}", table.rsplit('.').next().unwrap_or(table));
    match entity.kind {
        EntityKind::PortalUser => vec![format!("user:{id}")],
        EntityKind::Table => vec![bare(id)],
        EntityKind::UserTable => {
            entity.user_and_table().map(|(user, table)| vec![format!("user:{user}"), bare(table)]).unwrap_or_default()
        }
        EntityKind::Address => vec![format!("ip:{id}")],
        EntityKind::AppHost => vec![format!("dbhost:{id}")],
        EntityKind::Route => vec![format!("path:{id}")],
        EntityKind::Fleet => vec!["global".into()],
        EntityKind::DbAccount => vec![format!("db:{id}")],
        EntityKind::Source => vec![format!("source:{id}")],
        kind => vec![format!("{kind}:{id}")],
    }
}
