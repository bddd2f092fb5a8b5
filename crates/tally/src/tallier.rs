//! Collects tallies between two flushes.

use crate::{
    batch::{self, Borrowed, Manifest},
    hash::partition_of,
    tally::Tally,
};
use activity::{Bucket, Entity, EntityKind, Mode};
use std::collections::HashMap;

/// One tally per entity and minute, until the next flush.
#[derive(Debug, Default)]
pub struct Tallier {
    /// Two steps, so that an entity that is there is found without allocating.
    groups: HashMap<(Mode, EntityKind, Bucket), HashMap<Box<str>, Tally>>,
    len: usize,
    id_bytes: usize,
}

/// What a tally with a few members in its sets takes beside its id, in bytes; for [`Tallier::bytes`].
const TALLY_BYTES: usize = size_of::<Tally>() + 400;

impl Tallier {
    pub fn new() -> Self {
        Self::default()
    }

    /// The tally of this entity in this minute; allocates only if it is the first of it. An id longer than
    /// [`Entity::ID_BYTES_MAX`] is cut as [`Entity::new`] does.
    pub fn tally(&mut self, mode: Mode, kind: EntityKind, id: &str, bucket: Bucket) -> &mut Tally {
        let cut;
        let id = if id.len() > Entity::ID_BYTES_MAX {
            cut = Entity::new(kind, id).id;
            &*cut
        } else {
            id
        };
        let group = self.groups.entry((mode, kind, bucket)).or_default();
        if !group.contains_key(id) {
            self.len += 1;
            self.id_bytes += id.len();
            group.insert(id.into(), Tally::default());
        }
        group.get_mut(id).expect("it was there or has just been put there")
    }

    /// Tallies held.
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory held, estimated, in bytes.
    pub fn bytes(&self) -> usize {
        self.len * TALLY_BYTES + self.id_bytes
    }

    /// Matches of signature rules that found no place in their tally, over all tallies held.
    pub fn marks_shed(&self) -> u64 {
        self.groups.values().flat_map(HashMap::values).fold(0, |sum, tally| sum.saturating_add(tally.marks.shed()))
    }

    /// One packed message per tally partition, always for every partition: also one without tallies tells how far event
    /// time has come. Empties the tallier.
    pub fn flush(&mut self, partitions: u32, manifest: &Manifest) -> Vec<(u32, Vec<u8>)> {
        let partitions = partitions.max(1);
        let mut entries: Vec<Vec<Borrowed<'_>>> = (0..partitions).map(|_| Vec::new()).collect();
        for ((mode, kind, bucket), group) in &self.groups {
            for (id, tally) in group {
                let partition = partition_of(*mode, *kind, id, partitions);
                entries[partition as usize].push((*mode, *kind, id, *bucket, tally));
            }
        }
        let messages = (0u32..)
            .zip(&mut entries)
            .map(|(partition, entries)| (partition, batch::encode(partition, partitions, manifest, entries)))
            .collect();
        self.clear();
        messages
    }

    /// Forgets everything since the last flush.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.len = 0;
        self.id_bytes = 0;
    }
}
