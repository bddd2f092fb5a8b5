//! What entities cost: bytes in memory, by kind.
//!
//! Counted by walking the state, not by an allocator of our own: this workspace forbids unsafe code, and an allocator cannot say
//! whose a block is. Counted is what is asked for: the struct itself, and the *capacity* of what hangs on it. Not counted are the
//! allocator's own few bytes for each block, and the entity's place in the index ([`INDEX_BYTES`]).

use crate::{
    baseline::Baseline,
    entity::{EntityState, Key, bytes_max},
};
use activity::EntityKind;
use std::collections::BTreeMap;

/// Bytes of an entity on average, at rest and while hours of it are open, of the trial company of `cargo bench --bench detector` after four
/// weeks: 200 portal users, all kinds but the fleet together (678 and 3,721, 2026-11-26, `benches/runs`).
pub const RESTING_BYTES: usize = 680;
pub const ACTIVE_BYTES: usize = 3_720;

/// Bytes of an entity at rest at most, whatever it did: checked below for each kind.
pub const RESTING_BYTES_MAX: usize = 4 << 10;

/// Bytes of an entity's place in the index, about: its key, a hash map's slot, and the free room of a map that has just grown.
pub const INDEX_BYTES: usize = 80;

/// Bytes of a peer group, about, with twelve cells and twenty values of each sort: each tally partition holds all groups
/// (22,700, checked in `src/engine/snapshot.rs`).
pub const GROUP_BYTES: usize = 23_000;

/// Bytes of the one fleet in each tally partition, about.
pub const FLEET_BYTES: usize = 300 << 10;

/// Bytes of all entities of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub entities: usize,
    /// Of those, entities at rest: every hour that they were active in has been learned.
    pub resting: usize,
    pub bytes: usize,
    pub bytes_max: usize,
    /// Bytes of those at rest.
    pub resting_bytes: usize,
    pub resting_bytes_max: usize,
}

impl Footprint {
    fn count(&mut self, bytes: usize, rests: bool) {
        self.entities += 1;
        self.bytes += bytes;
        self.bytes_max = self.bytes_max.max(bytes);
        if rests {
            self.resting += 1;
            self.resting_bytes += bytes;
            self.resting_bytes_max = self.resting_bytes_max.max(bytes);
        }
    }
}

/// By kind, as they are now. Walks everything: for a bench and for tests, not for each minute.
pub(crate) fn by_kind<'a>(entities: impl Iterator<Item = &'a EntityState>) -> BTreeMap<EntityKind, Footprint> {
    let mut kinds: BTreeMap<EntityKind, Footprint> = BTreeMap::new();
    for entity in entities {
        kinds.entry(entity.key.kind).or_default().count(entity.bytes(), entity.rests());
    }
    kinds
}

/// Bytes a vector holds on the heap, used or not.
pub(crate) fn of_vec<T>(vec: &Vec<T>) -> usize {
    vec.capacity() * size_of::<T>()
}

/// Bytes of an entity that has nothing: what is there whatever it does.
pub(crate) const EMPTY_BYTES: usize = size_of::<EntityState>();

/// No entity is without these, so neither may grow unnoticed.
const _: () = assert!(size_of::<Baseline>() <= 192 && EMPTY_BYTES <= 464 && size_of::<Key>() <= 48);

/// At rest, at all limits, with an id of this many bytes. Of the fleet there is one.
const ID_BYTES: usize = 48;

const _: () = {
    let mut at = 0;
    while at < EntityKind::ALL.len() {
        let kind = EntityKind::ALL[at];
        assert!(matches!(kind, EntityKind::Fleet) || bytes_max(kind) + ID_BYTES <= RESTING_BYTES_MAX);
        at += 1;
    }
};
