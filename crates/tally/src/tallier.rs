//! Collects tallies between two flushes.
//!
//! A record finds five to seven tallies here, and in a large company most of them are the first of their minute, so what counts is what a
//! new one costs. Hence one table for all entities, asked once with one hash, that holds numbers of places; and places are used again,
//! with the room that their ids and sets have. Before, with a map of maps of boxed ids and tallies made anew, a third of
//! ingest's time went into the allocator and into hashing (`cargo bench --bench tally -- ingest`).
//!
//! The hash is keyed anew in each process, so nobody can choose ids that collide; nothing that leaves here depends on it.

use crate::{
    batch::{self, Borrowed, Manifest},
    hash::partition_of,
    limits::{SPARE_TALLIES_MAX, TALLIES_BYTES_MAX},
    tally::Tally,
};
use activity::{Bucket, Entity, EntityKind, Mode};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// One tally per entity and minute, until the next flush.
#[derive(Debug, Default)]
pub struct Tallier {
    /// Numbers of places in use.
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The first `len` are in use; the others are emptied when they are used again, which is when they have to be at hand anyway.
    places: Vec<Place>,
    len: usize,
    id_bytes: usize,
}

#[derive(Debug)]
struct Place {
    hash: u64,
    mode: Mode,
    kind: EntityKind,
    bucket: Bucket,
    id: String,
    tally: Tally,
}

/// What a tally with a few members in its sets takes beside its id, in bytes; for [`Tallier::bytes`].
const TALLY_BYTES: usize = size_of::<Tally>() + 400;

impl Tallier {
    pub fn new() -> Self {
        Self::default()
    }

    /// The tally of this entity in this minute; allocates only if it is the first of it and there is no room left. An id longer than
    /// [`Entity::ID_BYTES_MAX`] is cut as [`Entity::new`] does.
    pub fn tally(&mut self, mode: Mode, kind: EntityKind, id: &str, bucket: Bucket) -> &mut Tally {
        let cut;
        let id = if id.len() > Entity::ID_BYTES_MAX {
            cut = Entity::new(kind, id).id;
            &*cut
        } else {
            id
        };
        let hash = self.hasher.hash_one((bucket.0, kind.code(), mode.drill().map(|drill| drill.0), id));
        let places = &self.places;
        let is_it = |at: &u32| {
            let place = &places[*at as usize];
            place.hash == hash && place.bucket == bucket && place.kind == kind && place.mode == mode && place.id == id
        };
        if let Some(at) = self.table.find(hash, is_it) {
            return &mut self.places[*at as usize].tally;
        }
        let at = self.len;
        self.len += 1;
        self.id_bytes += id.len();
        match self.places.get_mut(at) {
            Some(place) => {
                place.tally.clear();
                (place.hash, place.mode, place.kind, place.bucket) = (hash, mode, kind, bucket);
                place.id.clear();
                place.id.push_str(id);
            }
            None => self.places.push(Place { hash, mode, kind, bucket, id: id.to_owned(), tally: Tally::default() }),
        }
        let number = u32::try_from(at).expect("a flush comes long before four thousand million tallies");
        let places = &self.places;
        self.table.insert_unique(hash, number, |at| places[*at as usize].hash);
        &mut self.places[at].tally
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

    fn in_use(&self) -> &[Place] {
        &self.places[..self.len]
    }

    /// Matches of signature rules that found no place in their tally, over all tallies held.
    pub fn marks_shed(&self) -> u64 {
        self.in_use().iter().fold(0, |sum, place| sum.saturating_add(place.tally.marks.shed()))
    }

    /// One packed message per tally partition, always for every partition: also one without tallies tells how far event
    /// time has come. Several, in their order, where one would be too long for a broker ([`TALLIES_BYTES_MAX`]): the last covers what the
    /// manifest says, the others nothing. All of them must be sent in one transaction. Empties the tallier.
    pub fn flush(&mut self, partitions: u32, manifest: &Manifest) -> Vec<(u32, Vec<u8>)> {
        let partitions = partitions.max(1);
        let room = self.len / partitions as usize;
        let mut entries: Vec<Vec<Borrowed<'_>>> =
            (0..partitions).map(|_| Vec::with_capacity(room + room / 8)).collect();
        for Place { mode, kind, bucket, id, tally, .. } in self.in_use() {
            let partition = partition_of(*mode, *kind, id, partitions);
            entries[partition as usize].push((*mode, *kind, id, *bucket, tally));
        }
        let messages = (0u32..)
            .zip(&entries)
            .flat_map(|(partition, entries)| {
                let messages = batch::encode(partition, partitions, manifest, entries, TALLIES_BYTES_MAX);
                messages.into_iter().map(move |message| (partition, message))
            })
            .collect();
        self.clear();
        messages
    }

    /// Forgets everything since the last flush.
    pub fn clear(&mut self) {
        self.places.truncate(SPARE_TALLIES_MAX);
        self.table.clear();
        self.len = 0;
        self.id_bytes = 0;
    }
}
