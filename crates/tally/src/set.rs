//! A bounded set of texts that does not depend on the order of insertion.

use crate::{few::Few, hash::stable_hash, limits::cut};
use std::sync::Arc;

/// At most `MAX` texts: those with the smallest stable hashes. What was left out is flagged, not forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set<const MAX: usize> {
    /// Ascending by (hash, text).
    members: Few<(u64, Arc<str>)>,
    overflowed: bool,
}

/// A text and its stable hash: what is put into several sets is hashed once, and they share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    hash: u64,
    text: Arc<str>,
}

impl Text {
    /// Longer texts than [`crate::limits::TEXT_BYTES_MAX`] are cut.
    pub fn new(text: &str) -> Self {
        let text = cut(text);
        Text { hash: stable_hash(&[text.as_bytes()]), text: text.into() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.text
    }
}

impl<const MAX: usize> Set<MAX> {
    pub const fn new() -> Self {
        Set { members: Few::new(), overflowed: false }
    }

    /// Puts a text in; allocates only for one that is new. Longer texts than [`crate::limits::TEXT_BYTES_MAX`] are cut.
    pub fn insert(&mut self, text: &str) {
        let text = cut(text);
        let hash = stable_hash(&[text.as_bytes()]);
        if let Some(at) = self.room(hash, text) {
            self.members.insert(at, (hash, text.into()));
            self.shrink();
        }
    }

    /// Puts a text in that others may have too.
    pub fn insert_text(&mut self, text: &Text) {
        if let [(_, only)] = &*self.members
            && Arc::ptr_eq(only, &text.text)
        {
            return;
        }
        if let Some(at) = self.room(text.hash, &text.text) {
            self.members.insert(at, (text.hash, text.text.clone()));
            self.shrink();
        }
    }

    /// Takes everything out, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.members.clear();
        self.overflowed = false;
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
    /// More than `MAX` different texts were put in.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Members with their stable hash, ascending by hash.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &str)> {
        self.members.iter().map(|(hash, text)| (*hash, &**text))
    }

    pub fn contains(&self, text: &str) -> bool {
        let text = cut(text);
        self.place(stable_hash(&[text.as_bytes()]), text).is_ok()
    }

    /// How many different texts were put in: exact up to `MAX`, else the estimate of the k minimum values
    /// (Bar-Yossef et al. 2002), (k - 1) / (k-th smallest hash as a fraction), good to about 1/√k.
    pub fn estimate(&self) -> f64 {
        match self.members.last() {
            Some((greatest, _)) if self.overflowed && *greatest > 0 => {
                (self.members.len() as f64 - 1.0) / (*greatest as f64 / u64::MAX as f64)
            }
            _ => self.members.len() as f64,
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.overflowed |= other.overflowed;
        for (hash, text) in &*other.members {
            if let Some(at) = self.room(*hash, text) {
                self.members.insert(at, (*hash, text.clone()));
                self.shrink();
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        // Two counters stand before the text of each.
        let texts: usize = self.members.iter().map(|(_, text)| text.len() + 2 * size_of::<usize>()).sum();
        self.members.heap_bytes() + texts
    }

    /// Where a new text goes; `None` if it is there already or beyond the limit.
    fn room(&mut self, hash: u64, text: &str) -> Option<usize> {
        let at = self.place(hash, text).err()?;
        if at >= MAX {
            self.overflowed = true;
            return None;
        }
        Some(at)
    }

    fn place(&self, hash: u64, text: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|(known, member)| (*known, &**member).cmp(&(hash, text)))
    }

    fn shrink(&mut self) {
        if self.members.len() > MAX {
            self.members.truncate(MAX);
            self.overflowed = true;
        }
    }

    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.members.iter().map(|(_, text)| text)
    }

    /// `None` if the members are not in canonical order or too many.
    pub(crate) fn from_members(members: Few<(u64, Arc<str>)>, overflowed: bool) -> Option<Self> {
        let ascending = members.windows(2).all(|pair| pair[0] < pair[1]);
        let full = members.len() == MAX || !overflowed;
        (ascending && full && members.len() <= MAX).then_some(Set { members, overflowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_same_members_in_any_order() {
        let names: Vec<String> = (0..20).map(|n| format!("10.0.0.{n}")).collect();
        let mut forward = Set::<8>::new();
        let mut backward = Set::<8>::new();
        names.iter().for_each(|name| forward.insert(name));
        names.iter().rev().for_each(|name| backward.insert(name));
        assert_eq!(forward, backward);
        assert!(forward.overflowed() && forward.len() == 8);
    }

    #[test]
    fn a_shared_text_is_the_text() {
        let (mut one, mut other) = (Set::<2>::new(), Set::<2>::new());
        for text in ["a", "b", "a", "c", &"é".repeat(crate::limits::TEXT_BYTES_MAX)] {
            one.insert(text);
            other.insert_text(&Text::new(text));
        }
        assert!(one == other && one.overflowed());
        one.clear();
        assert_eq!(one, Set::new());
    }

    #[test]
    fn a_full_set_is_not_an_overflowed_one() {
        let mut set = Set::<2>::new();
        for text in ["a", "b", "a", "b"] {
            set.insert(text);
        }
        assert!(!set.overflowed() && set.contains("a") && !set.contains("c"));
    }

    #[test]
    fn estimates_how_many_there_were() {
        let mut set = Set::<64>::new();
        (0..10_000).for_each(|n| set.insert(&format!("user{n}")));
        let error = set.estimate() / 10_000.0 - 1.0;
        assert!(error.abs() < 0.4, "{error}");
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut set = Set::<2>::new();
        set.insert(&"ü".repeat(500));
        assert_eq!(set.iter().next().map(|(_, text)| text.len()), Some(192));
        assert!(set.contains(&"ü".repeat(400)));
    }
}
