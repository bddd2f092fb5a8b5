//! The recorded logs that ship with breachd: four weeks of a small company, four breaches on the last day.
//!
//! Made by `simulator demo`; the story (what was planted, when, and what must be found) lies beside them.

use activity::{DataClass, Timestamp};
use serde::Deserialize;

/// One recorded log.
pub struct Log {
    /// The source's name in the demo's configuration.
    pub source: &'static str,
    pub topic: &'static str,
    pub format: &'static str,
    /// Partitions of its topic.
    pub partitions: u32,
    /// zstd.
    pub compressed: &'static [u8],
}

pub const LOGS: [Log; 3] = [
    Log {
        source: "access",
        topic: "logs.nginx.access",
        format: "nginx_json",
        partitions: 2,
        compressed: include_bytes!("data/access.log.zst"),
    },
    Log {
        source: "audit",
        topic: "logs.mariadb.audit",
        format: "mariadb_server_audit",
        partitions: 1,
        compressed: include_bytes!("data/audit.log.zst"),
    },
    Log {
        source: "slow",
        topic: "logs.mariadb.slow",
        format: "mariadb_slow_log",
        partitions: 1,
        compressed: include_bytes!("data/slow.log.zst"),
    },
];

/// Ingest's part of the demo's configuration.
pub const CONFIGURATION: &str = include_str!("data/demo.toml");

/// Files the configuration names, beside it.
pub const FILES: [(&str, &str); 3] = [
    ("directory.csv", include_str!("data/directory.csv")),
    ("geo.csv", include_str!("data/geo.csv")),
    ("calendar.csv", include_str!("data/calendar.csv")),
];

/// The insider's export alone, for drills: (format, text).
pub const EXERCISE: [(&str, &str); 3] = [
    ("nginx_json", include_str!("data/drill/export.access.log")),
    ("mariadb_server_audit", include_str!("data/drill/export.audit.log")),
    ("mariadb_slow_log", include_str!("data/drill/export.slow.log")),
];

const STORY: &str = include_str!("data/story.toml");

/// What was planted in the recorded logs.
#[derive(Debug, Deserialize)]
pub struct Story {
    pub start: String,
    pub end: String,
    #[serde(rename = "breach")]
    pub breaches: Vec<Breach>,
}

/// One planted breach, and what counts as having found it.
#[derive(Debug, Deserialize)]
pub struct Breach {
    pub name: String,
    /// One sentence for a person.
    pub title: String,
    pub start: String,
    pub end: String,
    /// Any of these as the subject of an alert.
    pub subjects: Vec<Subject>,
    /// At least one of these among the incident's.
    pub data_classes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Subject {
    pub kind: String,
    pub id: String,
}

impl Story {
    pub fn load() -> Story {
        toml::from_str(STORY).expect("the story that ships is sound: a test reads it")
    }
}

impl Breach {
    pub fn start(&self) -> Timestamp {
        self.start.parse().expect("the story that ships is sound: a test reads it")
    }
    pub fn end(&self) -> Timestamp {
        self.end.parse().expect("the story that ships is sound: a test reads it")
    }
    pub fn classes(&self) -> impl Iterator<Item = DataClass> {
        self.data_classes.iter().filter_map(|name| DataClass::parse(name))
    }
}
