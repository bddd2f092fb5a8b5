//! Several hosts in one source partition: the entries of each are put together by themselves.
//!
//! A key for each host does not keep two of them off one partition. Where the envelopes name the host, each has an [`Assembly`] of its own: its
//! lines, its rest, and what the format remembers (of a general log: which connection is whose). So entries that are torn into each other come
//! out whole. Records that do not name a host are as those of one more host. A record with lines of several goes to the first as a
//! whole, so that it is divided in one way only.
//!
//! A host that does not go on must not hold up the offset for ever. Where its entry may have ended by what has been read, it is taken as complete when
//! another record comes that was written [`PAUSE`] after its own last one, or is more than [`RECORDS_BETWEEN_MAX`] records behind it. In
//! the midst of an entry both have to be, with [`REST_SPAN`] (as clocks of shippers differ by minutes, time alone says little), or more than
//! [`RECORDS_OPEN_MAX`] records. When more than [`HOSTS_OPEN_MAX`] hosts have an entry, one is taken as complete that may have ended, or else that
//! which began first.
//!
//! The cost: up to so many records are read again after a restart, and passed over. The losing alternatives: one assembly for all, which let
//! others' records wait or refused them, and so lost one of two entries; and to commit behind the last record that was read, with the beginnings of
//! entries in the metadata, which have no room for a statement.
//!
//! What remains: two servers on one host, whose logs go into one topic. Their connections and their lines are not told apart.

use super::{Assembly, Ingester, Origin, Out, Record};
use crate::limits::{HOSTS_MAX, HOSTS_OPEN_MAX, PAUSE, RECORDS_BETWEEN_MAX, RECORDS_OPEN_MAX, REST_SPAN};
use activity::Timestamp;

impl Ingester {
    /// The next record is of that host. False if it was done before a restart.
    pub(super) fn turn(&mut self, host: Option<u64>, record: &mut Record, out: &mut Out<'_>) -> bool {
        if self.assembly.whole {
            return true;
        }
        self.enter(host);
        let Origin { offset, written, .. } = record.origin;
        record.is_done = offset < self.assembly.from;
        if !record.is_done {
            self.end_stale(false, &record.origin, out);
        }
        for pending in self.others.iter_mut().filter_map(|other| other.pending.as_mut()) {
            pending.is_parted = true;
        }
        if record.is_done {
            return false;
        }
        self.bound_rest(written);
        let assembly = &mut self.assembly;
        (assembly.last_offset, assembly.last_written) = (offset, written.at().or(assembly.last_written));
        let done = (std::mem::take(&mut assembly.lines_done), std::mem::take(&mut assembly.outcome_done));
        if offset == assembly.from {
            (record.lines_done, record.outcome) = done;
            record.entries = u64::from(0 < record.lines_done);
        }
        true
    }

    /// Goes on with what there is of a host.
    pub(super) fn enter(&mut self, host: Option<u64>) {
        if self.assembly.host == host {
            return;
        }
        let known = self.others.iter().position(|other| other.host == host);
        let at = known.unwrap_or_else(|| {
            // Whoever was silent for longest and has nothing that must be read again is forgotten; at most HOSTS_OPEN_MAX have.
            if HOSTS_MAX <= self.others.len() + 1 {
                let is_caught_up = Some(self.done_to) <= self.next_offset;
                let idle = |(_, other): &(usize, &Assembly)| {
                    other.pending.is_none() && (is_caught_up || self.done_to <= other.from)
                };
                let oldest = |(_, other): &(usize, &Assembly)| (other.rest.is_some(), other.last_offset);
                let oldest = self.others.iter().enumerate().filter(idle).min_by_key(oldest);
                oldest.map(|(at, _)| at).map(|at| self.others.swap_remove(at));
            }
            let lines = self.fresh_lines("");
            self.others.push(Assembly { host, lines, from: self.done_to, ..Assembly::default() });
            self.others.len() - 1
        });
        self.exchange(at);
    }

    /// The assembly of another host becomes the one that is worked on, and the other way round.
    fn exchange(&mut self, at: usize) {
        let other = &mut self.others[at];
        std::mem::swap(&mut self.assembly, other);
        // One of them needs room.
        std::mem::swap(&mut self.assembly.spare, &mut other.spare);
        self.assembly.scratch.exchange_room(&mut other.scratch);
    }

    /// A record comes: entries that do not go on have ended; `all`: it is no host's whose entries are put together.
    pub(super) fn end_stale(&mut self, all: bool, origin: &Origin, out: &mut Out<'_>) {
        let Origin { offset, written, .. } = *origin;
        let (mut ended, mut open) = (Vec::new(), Vec::new());
        let current = std::iter::once(&self.assembly).filter(|_| all).map(|current| (None, current));
        let others = self.others.iter().enumerate().map(|(at, other)| (Some(at), other));
        for (at, assembly) in current.chain(others) {
            let Some(pending) = &assembly.pending else { continue };
            let is_open = assembly.lines.as_ref().is_some_and(|lines| lines.is_open());
            let behind = offset.saturating_sub(assembly.last_offset);
            let is_past = |span| {
                written.at().zip(assembly.last_written).is_some_and(|(now, last): (Timestamp, _)| span < now - last)
            };
            let has_ended = if is_open {
                RECORDS_OPEN_MAX < behind || (RECORDS_BETWEEN_MAX < behind && is_past(REST_SPAN))
            } else {
                RECORDS_BETWEEN_MAX < behind || is_past(PAUSE)
            };
            let began = (pending.origin.offset, at);
            if has_ended {
                ended.push(began);
            } else {
                open.push((is_open, began));
            }
        }
        // One that may have ended rather than one that has not.
        if HOSTS_OPEN_MAX <= open.len() && !all {
            ended.extend(open.iter().min().map(|(_, began)| *began));
        }
        self.end_each(ended, Some(false), out);
    }

    /// What is pending of any host is taken as complete. `shared` as for [`Ingester::complete`].
    pub(super) fn end_all(&mut self, shared: Option<bool>, out: &mut Out<'_>) {
        let began = |assembly: &Assembly| assembly.pending.as_ref().map(|pending| pending.origin.offset);
        let current = began(&self.assembly).map(|began| (began, None));
        let others = self.others.iter().enumerate().filter_map(|(at, other)| Some((began(other)?, Some(at))));
        let all = current.into_iter().chain(others).collect();
        self.end_each(all, shared, out);
    }

    /// In the order in which they began, as event time depends on it; by offset and place among the others.
    fn end_each(&mut self, mut ended: Vec<(i64, Option<usize>)>, shared: Option<bool>, out: &mut Out<'_>) {
        ended.sort_unstable();
        for (_, at) in ended {
            at.into_iter().for_each(|at| self.exchange(at));
            self.complete(shared, out);
            self.abandon();
            at.into_iter().for_each(|at| self.exchange(at));
        }
    }
}
