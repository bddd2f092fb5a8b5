//! A list that mostly has no member or one, and then needs no memory of its own.
//!
//! A tally has eight sets, records and pointers to evidence, and what an entity did in one minute is mostly one address, one place, one
//! browser, one record. With a `Vec` each of these was an allocation, and in a flush of tens of thousands of tallies a cache line missed
//! at each of filling, encoding, emptying, decoding and merging. The price: eight bytes for each list. A crate for that (`smallvec`) has the same
//! layout by `unsafe`, and one more dependency of the heart.

use std::{fmt, ops::Deref};

#[derive(Clone)]
pub(crate) enum Few<T> {
    One(T),
    /// Also none, also one where there were more: the room is kept.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// Room for the members of a list that has more than one.
    const ROOM: usize = 4;

    pub(crate) const fn new() -> Self {
        Few::Many(Vec::new())
    }

    /// With room for so many.
    pub(crate) fn with_room(length: usize) -> Self {
        Few::Many(if length > 1 { Vec::with_capacity(length) } else { Vec::new() })
    }

    pub(crate) fn push(&mut self, member: T) {
        self.insert(self.len(), member);
    }

    /// Puts a member at a place, which is at most the length.
    pub(crate) fn insert(&mut self, at: usize, member: T) {
        match self {
            Few::Many(members) if 0 < members.capacity() => members.insert(at, member),
            Few::Many(_) => *self = Few::One(member),
            Few::One(_) => {
                let many = Few::Many(Vec::with_capacity(Self::ROOM));
                if let (Few::One(first), Few::Many(members)) = (std::mem::replace(self, many), &mut *self) {
                    members.push(first);
                    members.insert(at, member);
                }
            }
        }
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        match self {
            Few::Many(members) => members.truncate(length),
            Few::One(_) if length == 0 => *self = Few::new(),
            Few::One(_) => {}
        }
    }

    /// Takes everything out, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Few::One(member) => std::slice::from_mut(member),
            Few::Many(members) => members,
        }
    }

    /// Bytes of the allocation.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Few::One(_) => 0,
            Few::Many(members) => members.capacity() * size_of::<T>(),
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Few::One(member) => std::slice::from_ref(member),
            Few::Many(members) => members,
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Few::new()
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(members: Vec<T>) -> Self {
        match <[T; 1]>::try_from(members) {
            Ok([member]) => Few::One(member),
            Err(members) => Few::Many(members),
        }
    }
}

/// Only the members count.
impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_vec(steps in prop::collection::vec((0usize..6, 0u8..10), 0..40)) {
            let (mut few, mut all) = (Few::new(), Vec::new());
            for (step, member) in steps {
                match step {
                    0 => {
                        few.truncate(usize::from(member));
                        all.truncate(usize::from(member));
                    }
                    1 if member < 2 => {
                        few.clear();
                        all.clear();
                    }
                    _ => {
                        let at = usize::from(member) % (all.len() + 1);
                        few.insert(at, member);
                        all.insert(at, member);
                    }
                }
                prop_assert_eq!(&*few, &*all);
                prop_assert_eq!(&few, &Few::from(all.clone()));
                let mut pushed = Few::with_room(all.len());
                all.iter().for_each(|member| pushed.push(*member));
                prop_assert_eq!(&few, &pushed);
            }
        }
    }

    #[test]
    fn one_needs_no_memory_and_room_is_kept() {
        let mut few = Few::from(vec![7]);
        assert_eq!((few.heap_bytes(), Few::<u64>::new().heap_bytes()), (0, 0));
        few.insert(0, 6);
        few.clear();
        few.insert(0, 5);
        assert!(matches!(few, Few::Many(_)) && 0 < few.heap_bytes());
        assert_eq!(*few, [5]);
    }
}
