//! The ingest role: raw log topics in, tallies out, one transaction per flush.
//!
//! A flush writes the packed tallies, the dead letters and the raw offsets consumed in *one* transaction. Whatever ends the
//! attempt early (kill -9, a lost broker, a rebalance), either all of it is there or none, and the next owner of the
//! partition goes on at the committed offset. So the only state that matters between flushes travels in the
//! committed offset's metadata ([`ingest::Ingester::resume`]), and anything in memory may be thrown away:
//! that is what happens at every rebalance that concerns this instance. The price is up to one flush interval of work done twice by somebody; the
//! alternative, committing inside the rebalance callback, holds up the whole group while a transaction ends.
//!
//! Now and then a flush also holds what each source has shown so far ([`crate::sources`]). When the file of networks or the rules change,
//! the partitions go on with the same state by another plan.

use super::RoleError;
use crate::cli::RoleName as Role;
use crate::{
    context::Context,
    crash::Point,
    settings::limits,
    sources::{self, SourceState},
    wall,
};
use activity::{Mode, Span};
use ingest::{DeadLetter, Ingester, Plan, Raw, Resubmitted, Resume, Written};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use stream::{CommitError, GroupSpec, Member, Offset, Outgoing, Polled, RecordRef, Start, Transactor};
use tally::{Manifest, Tallier};

/// Name of the Kafka header that carries a drill's mark.
pub const DRILL_HEADER: &str = "breachd-drill";

struct Partition {
    ingester: Ingester,
    /// What the last successful commit said; where to go on after an aborted transaction.
    committed: (i64, String),
    /// Records taken in since.
    uncommitted: u64,
    /// Wall time of the last record.
    heard: Instant,
    /// Whether its pending entry has been taken as complete since.
    expired: bool,
    idle: bool,
    /// Since when nobody can say whether more of it lies there.
    unheard: Option<Instant>,
    /// What it has shown, or how far it has come, was not written down since it was assigned or something was taken in.
    unwritten: bool,
    /// It was made anew, and nobody has been told yet.
    anew: bool,
}

/// One instance's ingest. Dropped at any point it leaves nothing behind that its successor could not do without.
pub struct IngestRole {
    context: Arc<Context>,
    plans: HashMap<String, Arc<Plan>>,
    member: Box<dyn Member>,
    transactor: Box<dyn Transactor>,
    partitions: BTreeMap<(String, i32), Partition>,
    tallier: Tallier,
    dead: Vec<DeadLetter>,
    sequence: u64,
    flushed_at: Instant,
    /// When nothing was left to be committed.
    committed_at: Instant,
    /// When the client was last asked how far it is behind.
    listened: Instant,
    /// Something happened since the last flush that a detector should know.
    dirty: bool,
    /// When what the sources have shown was last written down.
    written_down: Instant,
    /// Version of the networks that the plans have.
    networks_seen: u64,
    /// And of the signature rules.
    rules_seen: u64,
}

/// Runs until the context says stop; returns what ended it otherwise.
pub fn run(context: &Arc<Context>) -> Result<(), RoleError> {
    let mut role = IngestRole::join(context)?;
    let outcome = role.work();
    tracing::info!(role = %Role::Ingest, "stopped");
    outcome
}

impl IngestRole {
    /// Joins the group and takes over the transactional id of its instance; partitions arrive with the first steps.
    pub fn join(context: &Arc<Context>) -> Result<Self, RoleError> {
        let plans = context.plans();
        let topics: Vec<String> = plans.keys().cloned().collect();
        let member = context.broker.join(GroupSpec {
            group: context.group("ingest"),
            instance: Some(context.settings.instance.clone()),
            topics,
            start: Start::Committed,
        })?;
        let transactor =
            context.broker.transactor(&format!("{}-ingest-{}", context.topics.prefix(), context.settings.instance))?;
        Ok(IngestRole {
            context: Arc::clone(context),
            plans,
            member,
            transactor,
            partitions: BTreeMap::new(),
            tallier: Tallier::default(),
            dead: Vec::new(),
            sequence: 0,
            flushed_at: context.instant(),
            committed_at: context.instant(),
            listened: context.instant(),
            dirty: false,
            written_down: context.instant(),
            networks_seen: 0,
            rules_seen: 0,
        })
    }

    fn work(&mut self) -> Result<(), RoleError> {
        while !self.context.stop.requested() {
            self.step()?;
        }
        self.drain()
    }

    /// When it is told to stop: one last flush of what has been taken in, and of what has been shown.
    pub fn drain(&mut self) -> Result<(), RoleError> {
        self.dirty |= self.partitions.values().any(|partition| partition.unwritten);
        self.flush()
    }

    /// One turn of its loop.
    pub fn step(&mut self) -> Result<(), RoleError> {
        let interval = self.context.settings.ingest.flush_interval.0;
        self.context.heartbeat(Role::Ingest);
        let is_full = self.is_full();
        let (partitions, tallier, dead, context) =
            (&mut self.partitions, &mut self.tallier, &mut self.dead, &*self.context);
        let mut unowned = 0_u64;
        let mut place = (String::new(), 0);
        let room = if is_full { 0 } else { limits::POLL_RAW_RECORDS };
        let polled = self.member.poll(room, limits::POLL_WAIT.min(interval), &mut |record| {
            if place.0 != record.topic {
                record.topic.clone_into(&mut place.0);
            }
            place.1 = record.partition;
            match partitions.get_mut(&place) {
                Some(partition) => partition.take(record, context, tallier, dead),
                None => unowned += 1,
            }
        })?;
        if unowned > 0 {
            self.context.metrics.invariant_violation("record_of_a_partition_not_owned", unowned);
        }
        match polled {
            Polled::Rebalanced => self.adopt()?,
            Polled::Records(n) => {
                self.dirty |= n > 0;
                self.context.crash.pass(Point::IngestAfterPoll);
            }
            Polled::Idle => {}
        }
        self.age();
        self.renew();
        // Between two generations of the group it waits a little: what could be committed then would be thrown away.
        let is_due = self.is_full() || self.context.since(self.flushed_at) >= interval;
        if is_due && self.member.token().may_commit() {
            self.flush()?;
        }
        Ok(())
    }

    /// As much as one flush takes: no more is read until it is written.
    fn is_full(&self) -> bool {
        self.tallier.bytes() >= limits::FLUSH_BYTES || self.dead.len() >= limits::FLUSH_DEAD_LETTERS
    }

    /// Takes up changed networks and signature rules; sees to it that what the sources have shown is written down in time.
    fn renew(&mut self) {
        let networks = self.context.networks.newer(&mut self.networks_seen);
        let rules = self.context.rules.newer(&mut self.rules_seen);
        if networks.is_some() || rules.is_some() {
            for plan in self.plans.values_mut() {
                if let Some(networks) = &networks {
                    *plan = Arc::new(plan.with_geo(networks));
                }
                if let Some(rules) = &rules {
                    *plan = Arc::new(plan.with_signatures(rules));
                }
            }
            if let Some(rules) = &rules {
                tracing::info!(rules = rules.rules().len(), "new signature rules are in force");
            }
            for ((topic, _), partition) in &mut self.partitions {
                if let Some(plan) = self.plans.get(topic) {
                    partition.ingester.replan(plan);
                }
            }
        }
        self.dirty |= self.states_due() && self.partitions.values().any(|partition| partition.unwritten);
    }

    fn states_due(&self) -> bool {
        self.context.stop.requested() || self.context.since(self.written_down) >= sources::WRITE_EVERY
    }

    /// Goes on with what the partitions had shown. It is advice to people: without it the counts begin anew.
    fn restore(&mut self) {
        match sources::states(self.context.broker.as_ref(), &self.context.topics) {
            Ok(states) => {
                for state in states {
                    let place = (state.topic.clone(), state.coverage.partition);
                    if let Some(partition) = self.partitions.get_mut(&place) {
                        partition.ingester.restore_coverage(&state.coverage);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "what the sources have shown cannot be read; their counts begin anew"),
        }
    }

    /// The assignment has changed: whatever was not committed is somebody else's now, or will be read again.
    fn adopt(&mut self) -> Result<(), RoleError> {
        self.tallier.clear();
        self.dead.clear();
        self.partitions.clear();
        let now = self.context.instant();
        for assigned in self.member.assignment() {
            let Some(plan) = self.plans.get(&assigned.topic) else { continue };
            let committed = (assigned.position, assigned.metadata);
            let partition = Partition::resumed(plan, assigned.partition, committed, assigned.anew, now);
            self.partitions.insert((assigned.topic, assigned.partition), partition);
        }
        if !self.partitions.is_empty() {
            self.restore();
        }
        tracing::info!(partitions = self.partitions.len(), "raw log partitions assigned");
        self.context.ready(Role::Ingest);
        self.dirty = true;
        Ok(())
    }

    /// Lets time-outs pass: pending entries are taken as complete, silent partitions are released. Tells how far behind it is, too.
    fn age(&mut self) {
        let settings = &self.context.settings.ingest;
        let (expire_after, idle_after) = (settings.expire_after.0, settings.idle_after.0);
        let may_expire =
            |partition: &Partition| !partition.expired && self.context.since(partition.heard) >= expire_after;
        let may_rest = |partition: &Partition| !partition.idle && self.context.since(partition.heard) >= idle_after;
        let is_due = self.partitions.values().any(|partition| may_expire(partition) || may_rest(partition));
        if !is_due && self.context.since(self.listened) < limits::MEASURE_INTERVAL {
            return;
        }
        // Silent is who has nothing to say, not who cannot be heard: while a broker is away, the rest of an entry may lie there. Of whom
        // nothing is known, silence is counted from when something is known again; else the first flush after an outage would call
        // those silent whose records had not been fetched yet. The wait is bounded.
        self.listened = self.context.instant();
        let lag = self.member.lag();
        self.measure(lag.clone());
        for ((topic, number), partition) in &mut self.partitions {
            match unread(&lag, topic, *number) {
                Some(records) => {
                    partition.unheard = None;
                    if 0 < records {
                        continue;
                    }
                }
                None => {
                    let unheard = *partition.unheard.get_or_insert(self.listened);
                    if self.listened.saturating_duration_since(unheard) < limits::UNHEARD_WAIT {
                        partition.heard = self.listened;
                        continue;
                    }
                }
            }
            if may_expire(partition) {
                partition.expired = true;
                partition.ingester.expire(&mut self.tallier, &mut self.dead);
                self.dirty = true;
            }
            if may_rest(partition) {
                partition.idle = true;
                self.dirty = true;
            }
        }
    }

    /// How far behind it is, whether or not it gets on: what stands still has to show. What has been read and cannot be committed waits like what
    /// has not been read.
    fn measure(&self, mut lag: Vec<(String, i32, i64)>) {
        if self.context.since(self.committed_at) > limits::STUCK_AFTER + self.context.settings.ingest.flush_interval.0 {
            let waiting = |partition: &Partition| i64::try_from(partition.uncommitted).unwrap_or(i64::MAX);
            lag.extend(self.partitions.iter().map(|((topic, n), partition)| (topic.clone(), *n, waiting(partition))));
        }
        let is_read = |topic: &str| self.partitions.keys().any(|(of, _)| of == topic);
        self.context.measure_lag(self.plans.keys().map(String::as_str), &lag, is_read);
    }

    fn flush(&mut self) -> Result<(), RoleError> {
        self.flushed_at = self.context.instant();
        if !self.dirty || self.partitions.is_empty() {
            self.committed_at = self.flushed_at;
            return Ok(());
        }
        self.sequence += 1;
        let mut manifest = Manifest {
            instance: self.context.settings.instance.as_str().into(),
            sequence: self.sequence,
            ranges: Vec::new(),
        };
        let mut offsets = Vec::with_capacity(self.partitions.len());
        for ((topic, number), partition) in &mut self.partitions {
            let mut range = partition.ingester.flushed();
            (range.idle, range.anew) = (partition.idle, partition.anew);
            if partition.idle {
                // Whatever clock said so: the future is nowhere reached.
                range.watermark = range.watermark.max(partition.ingester.reached().min(wall::now()));
            }
            manifest.ranges.push(range);
            let (offset, metadata) = partition.ingester.resume();
            offsets.push(Offset { topic: topic.clone(), partition: *number, offset, metadata });
        }
        self.context.crash.pass(Point::IngestBeforeBegin);
        self.transactor.begin()?;
        let tallies = self.context.topics.tallies();
        let shed = self.tallier.marks_shed();
        for (number, payload) in self.tallier.flush(self.context.settings.topics.tally_partitions, &manifest) {
            let partition = Some(i32::try_from(number).expect("a partition's number fits"));
            self.transactor.send(Outgoing {
                topic: tallies.clone(),
                partition,
                key: None,
                payload,
                headers: Vec::new(),
            })?;
            self.context.crash.pass(Point::IngestAfterSend);
        }
        for letter in &self.dead {
            self.transactor.send(Outgoing {
                topic: self.context.topics.dead_letter(),
                partition: None,
                key: Some(letter.source.as_bytes().to_vec()),
                payload: letter_json(letter, self.topic_of(&letter.source)),
                headers: Vec::new(),
            })?;
        }
        let states_due = self.states_due();
        if states_due {
            for (((topic, _), partition), offset) in self.partitions.iter().zip(&offsets) {
                if partition.unwritten {
                    let coverage = partition.ingester.coverage().clone();
                    let state = SourceState { coverage, topic: topic.clone(), next_offset: offset.offset };
                    self.transactor.send(state.outgoing(&self.context.topics))?;
                }
            }
        }
        let token = self.member.token();
        self.context.crash.pass(Point::IngestBeforeCommit);
        match self.transactor.commit(Some((&token, &offsets))) {
            Ok(()) => {
                self.context.crash.pass(Point::IngestAfterCommit);
                self.committed(&manifest, offsets);
                self.context.metrics.signature_matches_shed(shed);
                if states_due {
                    self.written_down = self.context.instant();
                    self.partitions.values_mut().for_each(|partition| partition.unwritten = false);
                }
                Ok(())
            }
            Err(CommitError::Aborted(reason)) => {
                tracing::warn!(%reason, "a flush was aborted; its records are read again");
                self.rewind()
            }
            Err(other) => Err(other.into()),
        }
    }

    fn topic_of(&self, source: &str) -> Option<&str> {
        self.context.settings.sources.iter().find(|known| known.name == source)?.topic.as_deref()
    }

    fn committed(&mut self, manifest: &Manifest, offsets: Vec<Offset>) {
        for offset in offsets {
            if let Some(partition) = self.partitions.get_mut(&(offset.topic, offset.partition)) {
                partition.committed = (offset.offset, offset.metadata);
                partition.uncommitted = 0;
            }
        }
        self.committed_at = self.context.instant();
        let metrics = &self.context.metrics;
        for (range, partition) in manifest.ranges.iter().zip(self.partitions.values_mut()) {
            partition.anew &= !range.anew;
            metrics.range(range);
            self.context.taken.fetch_add(u64::try_from(range.to - range.from).unwrap_or(0), Ordering::Relaxed);
        }
        for letter in &self.dead {
            metrics.dead_letter(&letter.source, letter.reason);
        }
        let mut skews: BTreeMap<&str, Span> = BTreeMap::new();
        for ((topic, _), partition) in &mut self.partitions {
            let source = self.plans.get(topic).map(|plan| &**plan.source()).unwrap_or_default();
            metrics.records_ahead(source, partition.ingester.take_ahead());
            if let Some(skew) = partition.ingester.take_skew() {
                let further = |at: Span| at.as_millis().unsigned_abs();
                let at = if further(skew.max) < further(skew.min) { skew.min } else { skew.max };
                let widest = skews.entry(source).or_default();
                if further(*widest) < further(at) {
                    *widest = at;
                }
            }
            for (format, reason, n) in partition.ingester.take_rejected() {
                metrics.parse_rejected(format, reason, n);
            }
        }
        skews.into_iter().for_each(|(source, skew)| metrics.event_skew(source, skew));
        self.dead.clear();
        self.tallier.clear();
        self.dirty = false;
    }

    /// Forgets what the aborted transaction held and reads it again.
    fn rewind(&mut self) -> Result<(), RoleError> {
        self.tallier.clear();
        self.dead.clear();
        let now = self.context.instant();
        let mut positions = Vec::with_capacity(self.partitions.len());
        for ((topic, number), partition) in &mut self.partitions {
            let Some(plan) = self.plans.get(topic) else { continue };
            positions.push((topic.clone(), *number, partition.committed.0));
            *partition = Partition::resumed(plan, *number, partition.committed.clone(), partition.anew, now);
        }
        self.restore();
        self.dirty = true;
        Ok(self.member.rewind(&positions)?)
    }
}

/// How many records of a partition lie there unread, if that is known.
fn unread(lag: &[(String, i32, i64)], topic: &str, partition: i32) -> Option<i64> {
    let of = lag.iter().find(|(of, number, _)| (of.as_str(), *number) == (topic, partition));
    of.map(|(_, _, records)| *records)
}

/// The record's own stamp; a producer may write none.
fn written(record: &RecordRef<'_>) -> Written {
    Some(record.stamped_at).filter(|at| 0 < at.as_millis()).map_or(Written::Unknown, Written::At)
}

/// A letter as it goes out: with the name of the topic, which ingest does not know.
fn letter_json(letter: &DeadLetter, topic: Option<&str>) -> Vec<u8> {
    let json = letter.to_json();
    match (topic, json.strip_prefix('{')) {
        (Some(topic), Some(rest)) => format!("{{\"topic\":{},{rest}", serde_json::Value::from(topic)).into_bytes(),
        _ => json.into_bytes(),
    }
}

impl Partition {
    fn resumed(plan: &Arc<Plan>, number: i32, committed: (i64, String), anew: bool, now: Instant) -> Self {
        let resume = Resume::parse(committed.0, &committed.1);
        let ingester = Ingester::new(Arc::clone(plan), number, resume);
        Partition {
            ingester,
            committed,
            uncommitted: 0,
            heard: now,
            expired: true,
            idle: false,
            unheard: None,
            unwritten: true,
            anew,
        }
    }

    fn take(&mut self, record: RecordRef<'_>, context: &Context, tallier: &mut Tallier, dead: &mut Vec<DeadLetter>) {
        let resubmitted = record.header(Resubmitted::HEADER).and_then(Resubmitted::parse);
        // What is read again is no word of the source's: it keeps no entry waiting and holds no event time.
        if resubmitted.is_none() {
            self.heard = context.instant();
            self.expired = false;
            self.idle = false;
        }
        self.unwritten = true;
        self.uncommitted += 1;
        let bytes = record.payload.unwrap_or_default();
        let (mode, forged) = match record.header(DRILL_HEADER) {
            None => (Mode::Live, false),
            Some(mark) => match context.drills.verify(mark, bytes) {
                Some(drill) => (Mode::Drill(drill), false),
                None => (Mode::Live, true),
            },
        };
        self.ingester.take(
            Raw { bytes, offset: record.offset, mode, forged_mark: forged, written: written(&record), resubmitted },
            tallier,
            dead,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_whom_nothing_is_known_nothing_is_said() {
        let lag = [("a".to_owned(), 0, 0), ("a".to_owned(), 1, 3), ("b".to_owned(), 0, 7)];
        let told = [("a", 0), ("a", 1), ("a", 2), ("b", 0)].map(|(topic, number)| unread(&lag, topic, number));
        assert_eq!(told, [Some(0), Some(3), None, Some(7)]);
    }
}
