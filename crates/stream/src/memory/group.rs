//! Groups: members, generations, committed offsets.

use super::{
    Shared,
    log::{Position, State, number},
};
use crate::{
    Assigned, GroupSpec, GroupToken, Member, Offset, Polled, RecordRef, Start, StreamError, limits, transaction::Token,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// One consumer group.
#[derive(Default)]
pub(super) struct Group {
    /// Rises with every change of the membership.
    generation: u64,
    members: BTreeMap<String, Membership>,
    committed: BTreeMap<(String, i32), (i64, String)>,
    joined: u64,
}

struct Membership {
    /// Tells a static member from its successor under the same id.
    epoch: u64,
    topics: Vec<String>,
}

/// In whose name offsets are committed.
#[derive(Clone, Debug)]
pub(crate) struct MemberToken {
    group: String,
    id: String,
    epoch: u64,
    /// The last generation the member has heard of.
    generation: u64,
}

pub(super) struct MemoryMember {
    shared: Arc<Shared>,
    spec: GroupSpec,
    token: MemberToken,
    assigned: Vec<Assigned>,
    /// Parallel to `assigned`.
    positions: Vec<Position>,
    /// Whose turn it is to deliver first, so that no partition starves.
    turn: usize,
}

impl Group {
    fn join(&mut self, spec: &GroupSpec) -> (String, u64) {
        self.joined += 1;
        let id = spec.instance.clone().unwrap_or_else(|| format!("member-{:010}", self.joined));
        let membership = Membership { epoch: self.joined, topics: spec.topics.clone() };
        let replaced = self.members.insert(id.clone(), membership);
        if replaced.is_none_or(|older| older.topics != spec.topics) {
            self.generation += 1;
        }
        (id, self.joined)
    }

    fn leave(&mut self, token: &MemberToken) {
        if self.members.get(&token.id).is_some_and(|member| member.epoch == token.epoch) {
            self.members.remove(&token.id);
            self.generation += 1;
        }
    }

    /// Whether another one has joined under this id.
    fn fenced(&self, token: &MemberToken) -> bool {
        self.members.get(&token.id).is_none_or(|member| member.epoch != token.epoch)
    }

    /// Range assignment: of each topic, a stretch of neighbouring partitions for each member, the first ones one longer
    /// where it does not divide.
    fn assignment(&self, id: &str, topics: &[(String, usize)]) -> Vec<(String, i32)> {
        let mut assigned = Vec::new();
        for (topic, n_partitions) in topics {
            let readers: Vec<&String> =
                self.members.iter().filter(|(_, member)| member.topics.contains(topic)).map(|(id, _)| id).collect();
            let Some(at) = readers.iter().position(|reader| *reader == id) else { continue };
            let (each, longer) = (n_partitions / readers.len(), n_partitions % readers.len());
            let from = at * each + at.min(longer);
            let to = from + each + usize::from(at < longer);
            assigned.extend((from..to).map(|partition| (topic.clone(), number(partition))));
        }
        assigned.sort();
        assigned
    }

    /// Takes in the offsets of a transaction, or says why not.
    pub(super) fn check(&self, token: &MemberToken, offsets: &[Offset]) -> Result<(), String> {
        if self.fenced(token) {
            return Err(format!("`{}` is no member of group `{}` any more", token.id, token.group));
        }
        if token.generation != self.generation {
            return Err(format!("generation {} of group `{}` is over", token.generation, token.group));
        }
        match offsets.iter().find(|offset| offset.metadata.len() > limits::METADATA_BYTES_MAX) {
            Some(offset) => Err(format!("the metadata of `{}` [{}] is too long", offset.topic, offset.partition)),
            None => Ok(()),
        }
    }

    pub(super) fn commit(&mut self, offsets: &[Offset]) {
        for offset in offsets {
            self.committed.insert((offset.topic.clone(), offset.partition), (offset.offset, offset.metadata.clone()));
        }
    }
}

impl MemberToken {
    pub(super) fn group(&self) -> &str {
        &self.group
    }
}

impl MemoryMember {
    pub(super) fn join(shared: &Arc<Shared>, mut spec: GroupSpec) -> Result<Self, StreamError> {
        spec.topics.sort();
        spec.topics.dedup();
        let mut state = shared.lock();
        for topic in &spec.topics {
            state.topic(topic)?;
        }
        let (id, epoch) = state.groups.entry(spec.group.clone()).or_default().join(&spec);
        drop(state);
        shared.changed.notify_all();
        // Generation 0 never exists: the first poll adopts.
        let token = MemberToken { group: spec.group.clone(), id, epoch, generation: 0 };
        Ok(MemoryMember {
            shared: Arc::clone(shared),
            spec,
            token,
            assigned: Vec::new(),
            positions: Vec::new(),
            turn: 0,
        })
    }
}

/// What a look at the state brings.
enum Look {
    Fenced,
    Assignment(u64, Vec<Assigned>),
    Records(Vec<Arc<super::log::Stored>>),
}

impl Member for MemoryMember {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<Polled, StreamError> {
        let (spec, token, positions, turn) = (&self.spec, &self.token, &mut self.positions, self.turn);
        let look = self.shared.wait_for(wait, |state| {
            let group = state.groups.get(&spec.group).expect("it was made when joining, and groups are never deleted");
            if group.fenced(token) {
                return Some(Look::Fenced);
            }
            if group.generation != token.generation {
                return Some(Look::Assignment(group.generation, assignment(state, group, spec, &token.id)));
            }
            let taken = state.take(positions, turn, max);
            (!taken.is_empty()).then_some(Look::Records(taken))
        });
        match look {
            None => Ok(Polled::Idle),
            Some(Look::Fenced) => Err(StreamError::Fenced { id: self.token.id.clone() }),
            Some(Look::Assignment(generation, assigned)) => {
                self.token.generation = generation;
                self.positions = assigned
                    .iter()
                    .map(|place| Position {
                        topic: place.topic.clone(),
                        partition: place.partition,
                        next: place.position,
                    })
                    .collect();
                self.assigned = assigned;
                Ok(Polled::Rebalanced)
            }
            Some(Look::Records(taken)) => {
                self.turn = (self.turn + 1) % self.positions.len();
                taken.iter().for_each(|stored| each(stored.borrowed()));
                Ok(Polled::Records(taken.len()))
            }
        }
    }

    fn assignment(&self) -> Vec<Assigned> {
        self.assigned.clone()
    }

    fn rewind(&mut self, to: &[(String, i32, i64)]) -> Result<(), StreamError> {
        for position in &mut self.positions {
            let wanted =
                to.iter().find(|(topic, partition, _)| *topic == position.topic && *partition == position.partition);
            if let Some((_, _, offset)) = wanted {
                position.next = *offset;
            }
        }
        Ok(())
    }

    fn token(&self) -> GroupToken {
        GroupToken(Token::Memory(self.token.clone()))
    }

    fn lag(&self) -> Vec<(String, i32, i64)> {
        let state = self.shared.lock();
        let lag = |position: &Position| {
            let end = state.partition(&position.topic, position.partition)?.end();
            Some((position.topic.clone(), position.partition, (end - position.next).max(0)))
        };
        self.positions.iter().filter_map(lag).collect()
    }
}

impl Drop for MemoryMember {
    fn drop(&mut self) {
        if let Some(group) = self.shared.lock().groups.get_mut(&self.spec.group) {
            group.leave(&self.token);
        }
        self.shared.changed.notify_all();
    }
}

fn assignment(state: &State, group: &Group, spec: &GroupSpec, id: &str) -> Vec<Assigned> {
    let counts: Vec<(String, usize)> = spec
        .topics
        .iter()
        .filter_map(|topic| Some((topic.clone(), state.topic(topic).ok()?.count() as usize)))
        .collect();
    let place = |(topic, partition): (String, i32)| {
        let log = state.partition(&topic, partition).expect("it was counted just now");
        let (position, metadata) = match group.committed.get(&(topic.clone(), partition)) {
            Some((_, metadata)) if spec.start == Start::Beginning => (log.first(), metadata.clone()),
            Some((offset, metadata)) => (*offset, metadata.clone()),
            None => (log.first(), String::new()),
        };
        Assigned { topic, partition, position, metadata, anew: false }
    };
    group.assignment(id, &counts).into_iter().map(place).collect()
}
