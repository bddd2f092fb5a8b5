//! Records that requests name, and where they lie.
//!
//! Apart from those that statements name ([`Tally::records`](crate::Tally)): they tell how many records are concerned, and nothing is judged
//! by them. A request and its statements name the same record twice, a minute or an hour apart, so a detector that took both
//! would find other hours than it has learned.

use crate::{limits::cut, records::Records, set::Text};
use std::sync::Arc;

/// Records that requests name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requested {
    pub place: Place,
    pub records: Records,
}

/// Where records lie: a table (`schema.table`) or a route (`/…`). Merging is associative, commutative and idempotent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    #[default]
    Nowhere,
    One(Arc<str>),
    Several,
}

impl Requested {
    /// Notes a place; cut as all texts of a tally.
    pub fn at(&mut self, place: &str) {
        let place = cut(place);
        self.place.add(place, || place.into());
    }

    /// The same, of a text that others may have too.
    pub fn at_text(&mut self, place: &Text) {
        self.place.add(place.as_str(), || place.shared().clone());
    }

    pub fn merge(&mut self, other: &Requested) {
        match &other.place {
            Place::Nowhere => {}
            Place::One(place) => self.place.add(place, || place.clone()),
            Place::Several => self.place = Place::Several,
        }
        self.records.merge(&other.records);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let place = if let Place::One(place) = &self.place { place.len() } else { 0 };
        size_of::<Requested>() + place + self.records.heap_bytes()
    }
}

impl Place {
    fn add(&mut self, other: &str, shared: impl FnOnce() -> Arc<str>) {
        match self {
            Place::Nowhere => *self = Place::One(shared()),
            Place::One(place) if **place == *other => {}
            Place::One(_) | Place::Several => *self = Place::Several,
        }
    }

    /// The only one.
    pub fn one(&self) -> Option<&str> {
        if let Place::One(place) = self { Some(place) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_are_several_in_any_order() {
        let of = |places: &[&str]| {
            let mut all = Requested::default();
            for place in places {
                let mut one = Requested::default();
                one.at(place);
                all.merge(&one);
            }
            all.place
        };
        assert_eq!(of(&["hr.a", "hr.a"]).one(), Some("hr.a"));
        assert_eq!(of(&["hr.a", "/b", "hr.a"]), Place::Several);
        assert_eq!(of(&[]), Place::Nowhere);
    }
}
