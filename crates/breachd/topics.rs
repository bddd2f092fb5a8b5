//! breachd's own topics: names, shapes, and creating what is missing.

use activity::Span;
use serde::Deserialize;
use std::time::{Duration, Instant};
use stream::{Broker, StreamError, TopicSpec};

/// How long tallies are kept: as long as the detector's longest memory, which is rebuilt from them, and a week to repair things in.
pub const TALLIES_KEPT: Span = Span::from_hours(35 * 24);

/// How long alerts are kept: a year, and a month to look back from.
pub const ALERTS_KEPT: Span = Span::from_hours(400 * 24);

/// Longest wait for a new topic's partitions to have leaders, and the pause between two looks.
const LEADERS_WAIT: Duration = Duration::from_secs(15);
const LEADERS_PAUSE: Duration = Duration::from_millis(50);

/// `[topics]`: breachd's own topics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicSettings {
    /// What their names begin with: `breachd` gives `breachd.alerts`.
    pub prefix: String,
    /// Partitions of the tallies topic: how many instances can judge side by side. Cannot be lowered later; raising it
    /// moves entities to other partitions, where they are learned anew.
    pub tally_partitions: u32,
    /// Whether missing topics are created at the start; else breachd says exactly what to create and ends.
    pub create: bool,
    /// Copies of each partition of the topics it creates; absent: the broker's default.
    pub replication: Option<i16>,
}

impl Default for TopicSettings {
    fn default() -> Self {
        TopicSettings { prefix: "breachd".into(), tally_partitions: 8, create: true, replication: None }
    }
}

/// The names, from the prefix.
#[derive(Clone, Debug)]
pub struct Topics {
    settings: TopicSettings,
}

impl TopicSettings {
    /// Most tally partitions that may be configured.
    pub const TALLY_PARTITIONS_MAX: u32 = 1024;

    pub fn check(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        if !plain(&self.prefix) || self.prefix.len() > 200 {
            let problem = "must be letters, digits, `.`, `_` or `-`: it begins the names of topics".to_owned();
            mistakes.push(("topics.prefix".to_owned(), problem));
        }
        if self.tally_partitions == 0 || self.tally_partitions > Self::TALLY_PARTITIONS_MAX {
            let problem = format!("must be 1 to {}", Self::TALLY_PARTITIONS_MAX);
            mistakes.push(("topics.tally_partitions".to_owned(), problem));
        }
        if self.replication.is_some_and(|copies| copies < 1) {
            mistakes.push(("topics.replication".to_owned(), "must be at least 1".to_owned()));
        }
        mistakes
    }
}

macro_rules! names {
    ($($name:ident = $suffix:literal),* $(,)?) => {
        $(pub fn $name(&self) -> String {
            format!("{}.{}", self.settings.prefix, $suffix)
        })*
    };
}

impl Topics {
    pub fn new(settings: TopicSettings) -> Self {
        Topics { settings }
    }

    pub fn prefix(&self) -> &str {
        &self.settings.prefix
    }

    names! {
        tallies = "tallies",
        baselines = "baselines",
        fleet = "fleet",
        alerts = "alerts",
        journal = "journal",
        commands = "commands",
        checkpoints = "checkpoints",
        dead_letter = "dead-letter",
        state = "state",
    }

    /// What has to exist.
    pub fn specs(&self) -> Vec<TopicSpec> {
        let spec = |name, partitions, retention| TopicSpec {
            name,
            partitions,
            replication: self.settings.replication,
            compacted: false,
            retention,
        };
        vec![
            spec(self.tallies(), self.settings.tally_partitions, Some(TALLIES_KEPT)),
            // Without its snapshots the detector reads all that is retained.
            TopicSpec { compacted: true, ..spec(self.baselines(), self.settings.tally_partitions, None) },
            spec(self.fleet(), 1, Some(Span::from_hours(35 * 24))),
            spec(self.alerts(), 1, Some(ALERTS_KEPT)),
            // Never expires: it is the audit trail. -1 in Kafka's terms.
            spec(self.journal(), 1, None),
            // What proves the journal lives as long.
            spec(self.checkpoints(), 1, None),
            spec(self.commands(), 1, Some(Span::from_hours(35 * 24))),
            spec(self.dead_letter(), 1, Some(Span::from_hours(35 * 24))),
            TopicSpec { compacted: true, ..spec(self.state(), 1, None) },
        ]
    }

    /// Creates what is missing, or says what to create.
    pub fn prepare(&self, broker: &dyn Broker) -> Result<(), PrepareError> {
        let mut missing = Vec::new();
        for spec in self.specs() {
            match broker.partitions(&spec.name)? {
                Some(have)
                    if (spec.name == self.tallies() || spec.name == self.baselines()) && have != spec.partitions =>
                {
                    return Err(PrepareError::Partitions { topic: spec.name, have, want: spec.partitions });
                }
                Some(have) if (spec.name == self.journal() || spec.name == self.commands()) && have != 1 => {
                    return Err(PrepareError::NotOne { topic: spec.name, have });
                }
                Some(_) => {}
                None => missing.push(spec),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if self.settings.create {
            tracing::info!(topics = ?missing.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>(), "creating topics");
            broker.create_topics(&missing)?;
            return missing.iter().try_for_each(|spec| await_leaders(broker, &spec.name));
        }
        let commands: Vec<String> = missing.iter().map(creation).collect();
        Err(PrepareError::Missing { commands: commands.join("\n") })
    }
}

/// A topic is there a moment before its partitions have leaders: waits until it can be asked, a bounded time.
fn await_leaders(broker: &dyn Broker, topic: &str) -> Result<(), PrepareError> {
    let until = Instant::now() + LEADERS_WAIT;
    loop {
        match broker.end_offsets(topic) {
            Ok(_) => return Ok(()),
            Err(error)
                if Instant::now() >= until || !(error.retry() || matches!(error, StreamError::NoSuchTopic { .. })) =>
            {
                return Err(error.into());
            }
            Err(_) => std::thread::sleep(LEADERS_PAUSE),
        }
    }
}

/// The command that creates a topic by Kafka's own tool.
fn creation(spec: &TopicSpec) -> String {
    let replication = spec.replication.map(|copies| format!(" --replication-factor {copies}")).unwrap_or_default();
    let config: String = spec.config().iter().map(|(key, value)| format!(" --config {key}={value}")).collect();
    format!("kafka-topics.sh --create --topic {} --partitions {}{replication}{config}", spec.name, spec.partitions)
}

/// Why breachd's own topics are not as they must be.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("topics are missing and `topics.create` is false; create them:\n{commands}")]
    Missing { commands: String },
    #[error("topic `{topic}` has {have} partitions and must have one: its order is what counts; create it anew")]
    NotOne { topic: String, have: u32 },
    #[error(
        "topic `{topic}` has {have} partitions and `topics.tally_partitions` says {want}; set it to {have}, or use another \
         `topics.prefix`"
    )]
    Partitions { topic: String, have: u32, want: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_topics_are_created_or_named() {
        let broker = stream::memory();
        let refusing = Topics::new(TopicSettings { create: false, ..TopicSettings::default() });
        let error = refusing.prepare(broker.as_ref()).unwrap_err().to_string();
        assert!(error.contains("--topic breachd.tallies --partitions 8"), "{error}");
        let command = |topic: &str| error.lines().find(|line| line.contains(&format!("--topic {topic} "))).unwrap();
        assert!(command("breachd.journal").contains("--partitions 1 --config"), "{error}");
        assert!(command("breachd.journal").contains("--config retention.ms=-1"), "{error}");
        assert!(command("breachd.baselines").contains("--config cleanup.policy=compact"), "{error}");
        assert!(command("breachd.baselines").contains("--config segment.bytes="), "{error}");
        let creating = Topics::new(TopicSettings::default());
        creating.prepare(broker.as_ref()).unwrap();
        refusing.prepare(broker.as_ref()).unwrap();
        let other = Topics::new(TopicSettings { tally_partitions: 4, ..TopicSettings::default() });
        assert!(matches!(other.prepare(broker.as_ref()), Err(PrepareError::Partitions { have: 8, want: 4, .. })));
    }

    #[test]
    fn a_prefix_must_be_a_topics_name() {
        let settings = TopicSettings {
            prefix: "a b".into(),
            tally_partitions: 0,
            replication: Some(0),
            ..TopicSettings::default()
        };
        let keys: Vec<String> = settings.check().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["topics.prefix", "topics.tally_partitions", "topics.replication"]);
    }
}
