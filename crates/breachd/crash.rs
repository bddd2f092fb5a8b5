//! Test support: `BREACHD_CRASH_AT=POINT[:N]` ends the process at the N-th passing of a point, as kill -9 would.
//!
//! kill -9 from outside hits whatever takes longest, and hardly ever the moment between two calls for which exactly-once was made. So the
//! roles name these moments, and the tests die at each of them ([`Point::ALL`]). `abort` runs no destructor and flushes no buffer. It is in
//! the binary that is shipped, because that is the one the tests are about; it costs one comparison at each point. Whoever may set
//! variables for the process can end it anyway. Where it is set, a warning says so at the start; a point that does not exist is a mistake of
//! the caller's, and nothing starts.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

/// The variable.
pub const VARIABLE: &str = "BREACHD_CRASH_AT";

/// A moment in a role's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Ingest has taken in raw records, and nobody knows.
    IngestAfterPoll,
    /// What is to be sent is known, and no transaction is open.
    IngestBeforeBegin,
    /// One message of a transaction was handed over.
    IngestAfterSend,
    /// All of them were.
    IngestBeforeCommit,
    /// The broker has said that it is committed, and ingest has noted nothing of it.
    IngestAfterCommit,
    /// An engine has taken in tallies, and told nobody what it found.
    DetectorAfterTake,
    /// An alert was handed over, and not acknowledged.
    DetectorAfterAlert,
    /// All of a turn's alerts and roll-ups were.
    DetectorBeforeFlush,
    /// All of a snapshot's messages were handed over.
    DetectorBeforeCommit,
    /// The broker has said that the snapshot is committed, and nobody has noted it.
    DetectorAfterCommit,
    /// All of a decision's entries were handed over to the journal.
    NotifierBeforeCommit,
    /// A decision is in the journal, and nobody was told.
    NotifierAfterCommit,
    /// A channel has said what came of a notice, and the journal does not have it.
    NotifierAfterReport,
}

impl Point {
    pub const ALL: [Point; 13] = [
        Point::IngestAfterPoll,
        Point::IngestBeforeBegin,
        Point::IngestAfterSend,
        Point::IngestBeforeCommit,
        Point::IngestAfterCommit,
        Point::DetectorAfterTake,
        Point::DetectorAfterAlert,
        Point::DetectorBeforeFlush,
        Point::DetectorBeforeCommit,
        Point::DetectorAfterCommit,
        Point::NotifierBeforeCommit,
        Point::NotifierAfterCommit,
        Point::NotifierAfterReport,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Point::IngestAfterPoll => "ingest_after_poll",
            Point::IngestBeforeBegin => "ingest_before_begin",
            Point::IngestAfterSend => "ingest_after_send",
            Point::IngestBeforeCommit => "ingest_before_commit",
            Point::IngestAfterCommit => "ingest_after_commit",
            Point::DetectorAfterTake => "detector_after_take",
            Point::DetectorAfterAlert => "detector_after_alert",
            Point::DetectorBeforeFlush => "detector_before_flush",
            Point::DetectorBeforeCommit => "detector_before_commit",
            Point::DetectorAfterCommit => "detector_after_commit",
            Point::NotifierBeforeCommit => "notifier_before_commit",
            Point::NotifierAfterCommit => "notifier_after_commit",
            Point::NotifierAfterReport => "notifier_after_report",
        }
    }
}

/// Where the process is to end; by default nowhere.
#[derive(Debug, Default)]
pub struct Crash(Option<(Point, AtomicU64)>);

impl Crash {
    /// As the environment says.
    ///
    /// # Errors
    /// What is wrong with the variable, for a person.
    pub fn from_environment() -> Result<Crash, String> {
        match std::env::var(VARIABLE) {
            Ok(text) => text.parse().map_err(|problem| format!("{VARIABLE}: {problem}")),
            Err(_) => Ok(Crash::default()),
        }
    }

    /// The role is at this point.
    pub fn pass(&self, point: Point) {
        if let Some((wanted, left)) = &self.0
            && *wanted == point
            && left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            tracing::warn!(%self, "the process ends here, as it was told to");
            std::process::abort();
        }
    }

    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("nowhere", |(point, _)| point.as_str()))
    }
}

impl FromStr for Crash {
    type Err = String;
    fn from_str(text: &str) -> Result<Crash, String> {
        let (name, number) = text.split_once(':').unwrap_or((text, "1"));
        let names = Point::ALL.map(Point::as_str).join(", ");
        let point = Point::ALL.into_iter().find(|point| point.as_str() == name);
        let point = point.ok_or_else(|| format!("there is no point of that name; there are {names}"))?;
        let number = number.parse().ok().filter(|number| 0 < *number);
        let number: u64 = number.ok_or("behind the colon there must be a number from 1 on")?;
        Ok(Crash(Some((point, AtomicU64::new(number)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_and_a_number() {
        let at = |text: &str| text.parse::<Crash>().map(|crash| crash.0.map(|(point, n)| (point, n.into_inner())));
        assert_eq!(at("ingest_after_poll"), Ok(Some((Point::IngestAfterPoll, 1))));
        assert_eq!(at("detector_after_take:7"), Ok(Some((Point::DetectorAfterTake, 7))));
        for wrong in ["", "ingest", "ingest_after_poll:", "ingest_after_poll:0", "ingest_after_poll:x"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passing_elsewhere_and_too_seldom_ends_nothing() {
        let crash: Crash = "ingest_after_poll:3".parse().expect("a point");
        crash.pass(Point::IngestAfterCommit);
        crash.pass(Point::IngestAfterPoll);
        crash.pass(Point::IngestAfterPoll);
        Crash::default().pass(Point::IngestAfterPoll);
        assert!(crash.is_set() && !Crash::default().is_set());
    }
}
