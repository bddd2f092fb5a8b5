//! Plays the recorded logs into the broker, in the order of their stamps, moved so that they end now.
//!
//! It keeps a lead over the consumers of at most [`LEAD_RECORDS_MAX`], as a well-behaved producer behind a slow network
//! would; so the demo's memory is bounded by the lead and not by the size of the logs' consumers' backlog.

use super::{data, shift};
use crate::wall;
use activity::{Span, Timestamp};
use std::{
    io::{BufRead, BufReader, Read},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use stream::{Broker, Outgoing, StreamError};

/// How far the player may run ahead of the detector, in records.
pub const LEAD_RECORDS_MAX: u64 = 20_000;

/// Pause before the lead is looked at again.
const LEAD_WAIT: Duration = Duration::from_millis(2);

/// How many event times are remembered with the wall time at which they were played.
const SAMPLES_MAX: usize = 100_000;

/// One log being played.
struct Track {
    topic: &'static str,
    format: &'static str,
    lines: Box<dyn BufRead + Send>,
    next: Option<(Timestamp, Vec<String>)>,
    /// A line read too far: it begins the next record.
    held: Option<String>,
}

/// What was played when.
#[derive(Debug, Default)]
pub struct Played {
    pub records: u64,
    pub bytes: u64,
    /// (event time, wall time), both rising; one a second of event time at most.
    samples: Vec<(Timestamp, Timestamp)>,
    /// Event time of the last record.
    pub last: Option<Timestamp>,
}

impl Played {
    /// Wall time at which records of this event time had been played.
    pub fn wall_at(&self, event: Timestamp) -> Option<Timestamp> {
        let at = self.samples.partition_point(|(sampled, _)| *sampled <= event);
        at.checked_sub(1).map(|at| self.samples[at].1)
    }
}

/// Plays everything; `consumed` tells how many raw records have been taken in, `progress` hears of each step.
pub fn play(
    broker: &dyn Broker,
    by: Span,
    stop: &AtomicBool,
    consumed: &dyn Fn() -> u64,
    progress: &mut dyn FnMut(u64, Timestamp),
) -> Result<Played, StreamError> {
    let mut tracks: Vec<Track> = data::LOGS.iter().map(Track::open).collect();
    let mut appender = broker.appender()?;
    let mut played = Played::default();
    for track in &mut tracks {
        track.advance();
    }
    while !stop.load(Ordering::Relaxed) {
        let Some(track) = tracks
            .iter_mut()
            .filter(|track| track.next.is_some())
            .min_by_key(|track| track.next.as_ref().map(|(at, _)| *at))
        else {
            break;
        };
        let (at, lines) = track.next.take().expect("filtered for it");
        track.advance();
        for line in lines {
            let payload = shift::shift(track.format, &line, by).unwrap_or(line);
            played.records += 1;
            played.bytes += payload.len() as u64;
            appender.send(Outgoing {
                topic: track.topic.to_owned(),
                partition: Some(partition(track.format, played.records)),
                key: None,
                payload: payload.into_bytes(),
                headers: Vec::new(),
            })?;
        }
        played.note(at + by);
        if played.records % 1024 == 0 {
            appender.flush()?;
            progress(played.records, at + by);
            while played.records.saturating_sub(consumed()) > LEAD_RECORDS_MAX && !stop.load(Ordering::Relaxed) {
                std::thread::park_timeout(LEAD_WAIT);
            }
        }
    }
    appender.flush()?;
    if let Some(last) = played.last {
        progress(played.records, last);
    }
    Ok(played)
}

impl Played {
    fn note(&mut self, event: Timestamp) {
        self.last = Some(self.last.map_or(event, |last| last.max(event)));
        let fresh = self.samples.last().is_none_or(|(sampled, _)| sampled.as_secs() < event.as_secs());
        if fresh {
            if self.samples.len() >= SAMPLES_MAX {
                // The attacks come last: the older half may be coarse.
                let mut keep = false;
                self.samples.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            self.samples.push((event, wall::now()));
        }
    }
}

impl Track {
    fn open(log: &data::Log) -> Track {
        Track {
            topic: log.topic,
            format: log.format,
            lines: Box::new(BufReader::new(decompressed(log.compressed))),
            next: None,
            held: None,
        }
    }

    /// Reads on to the next stamped line, with the unstamped lines around it that belong to it: a slow-log entry's stamp is
    /// in its middle.
    fn advance(&mut self) {
        let mut lines = Vec::new();
        let mut at = None;
        while let Some(line) = self.held.take().or_else(|| self.read()) {
            let begins =
                self.format != "mariadb_slow_log" || line.starts_with("# Time:") || line.starts_with("# User@Host:");
            let complete = at.is_some();
            if begins && complete {
                self.held = Some(line);
                break;
            }
            at = at.or_else(|| shift::stamp(self.format, &line));
            lines.push(line);
        }
        self.next = at.map(|at| (at, lines));
    }

    fn read(&mut self) -> Option<String> {
        let mut line = String::new();
        let n = self.lines.read_line(&mut line).expect("the recorded logs are sound: a test reads them all");
        (n > 0).then(|| {
            line.truncate(line.trim_end_matches(['\n', '\r']).len());
            line
        })
    }
}

/// The access log has two partitions, as behind two web servers.
fn partition(format: &str, record: u64) -> i32 {
    if format == "nginx_json" { i32::from(record / 50 % 2 == 1) } else { 0 }
}

/// A recorded log as text.
pub fn decompressed(compressed: &'static [u8]) -> impl Read + Send {
    let mut decoder =
        zstd::stream::read::Decoder::new(compressed).expect("the recorded logs are sound: a test reads them all");
    decoder.window_log_max(27).expect("a window zstd knows");
    decoder
}
