//! State as bytes, for snapshots: every part of it says in one line which fields it has, and both directions follow from that line.
//!
//! Numbers are LEB128 as in tallies; an `f32` is its bits with the bytes turned round, so that 0 takes one byte and a whole number few;
//! maps and sets are in their order. A line names every field (leaving one out does not compile), and a field that came later says since
//! which version: from an older snapshot it is its default. So older versions are read as long as fields are only added; whatever else
//! changes needs a new [`VERSION`] and a reader here.
//!
//! Dropped: a derive of serde with a compact format. Those that are small (no names, no lengths) cannot read an older version, those that
//! can take 5 bytes for each zero of a baseline, and most of a baseline is zeros.

use activity::{Bucket, DrillId, Entity, EntityKind, Level, Mark, Mode, Record, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tally::{DecodeError, Decoder, Encoder, Tally};

/// Of snapshots that are written.
pub(crate) const VERSION: u8 = 3;
/// The oldest that is read.
pub(crate) const VERSION_OLDEST: u8 = 1;

/// Reads a snapshot's message.
pub(crate) struct Unpacker<'a> {
    pub(crate) from: Decoder<'a>,
    pub(crate) version: u8,
}

/// What a snapshot can hold.
pub(crate) trait Packed: Sized {
    fn pack(&self, to: &mut Encoder);

    /// # Errors
    /// The bytes are not what [`Packed::pack`] writes. Never panics.
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError>;
}

/// `packed!(Type { field, field, later since 2 })`.
macro_rules! packed {
    ($type:ty { $($field:ident $(since $version:literal)?),* $(,)? }) => {
        impl $crate::packed::Packed for $type {
            fn pack(&self, to: &mut tally::Encoder) {
                let Self { $($field),* } = self;
                $($crate::packed::Packed::pack($field, to);)*
            }

            fn unpack(from: &mut $crate::packed::Unpacker<'_>) -> Result<Self, tally::DecodeError> {
                Ok(Self { $($field: $crate::packed::packed!(@read from $($version)?)),* })
            }
        }
    };
    (@read $from:ident) => { $crate::packed::Packed::unpack($from)? };
    (@read $from:ident $version:literal) => {
        if $from.version < $version { Default::default() } else { $crate::packed::Packed::unpack($from)? }
    };
}
pub(crate) use packed;

/// `packed_as!(Type: what, |value| to what, |what| Option<Type>, "a type")`: as something that can be packed.
macro_rules! packed_as {
    ($type:ty: $what:ty, $to:expr, $from:expr, $name:literal) => {
        impl $crate::packed::Packed for $type {
            fn pack(&self, to: &mut tally::Encoder) {
                let convert: fn(&$type) -> $what = $to;
                $crate::packed::Packed::pack(&convert(self), to);
            }

            fn unpack(from: &mut $crate::packed::Unpacker<'_>) -> Result<Self, tally::DecodeError> {
                let convert: fn($what) -> Option<$type> = $from;
                convert($crate::packed::Packed::unpack(from)?).ok_or(tally::DecodeError::Range($name))
            }
        }
    };
}
pub(crate) use packed_as;

impl Packed for u64 {
    fn pack(&self, to: &mut Encoder) {
        to.number(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        from.from.number()
    }
}

impl Packed for i64 {
    fn pack(&self, to: &mut Encoder) {
        to.signed(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        from.from.signed()
    }
}

impl Packed for u8 {
    fn pack(&self, to: &mut Encoder) {
        to.byte(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        from.from.byte()
    }
}

packed_as!(u16: u64, |number| u64::from(*number), |number| number.try_into().ok(), "a number");
packed_as!(u32: u64, |number| u64::from(*number), |number| number.try_into().ok(), "a number");
packed_as!(usize: u64, |number| *number as u64, |number| number.try_into().ok(), "a number");
packed_as!(i32: i64, |number| i64::from(*number), |number| number.try_into().ok(), "a number");
packed_as!(bool: u8, |flag| u8::from(*flag), |flag| (flag <= 1).then_some(flag == 1), "a flag");
packed_as!(f32: u32, |number| number.to_bits().swap_bytes(), |bits| Some(f32::from_bits(bits.swap_bytes())), "a number");
packed_as!(f64: u64, |number| number.to_bits().swap_bytes(), |bits| Some(f64::from_bits(bits.swap_bytes())), "a number");
packed_as!(Timestamp: i64, |at| at.as_millis(), |millis| Some(Timestamp::from_millis(millis)), "a time");
packed_as!(Bucket: i64, |bucket| bucket.0, |bucket| Some(Bucket(bucket)), "a bucket");
packed_as!(Record: u64, |record| record.0, |record| Some(Record(record)), "a record");
packed_as!(EntityKind: u8, |kind| kind.code(), EntityKind::from_code, "a kind");
packed_as!(Mode: Option<u64>,
    |mode| match mode { Mode::Live => None, Mode::Drill(drill) => Some(drill.0) },
    |drill| Some(drill.map_or(Mode::Live, |drill| Mode::Drill(DrillId(drill)))), "a mode");
packed_as!(Level: u8, |level| *level as u8, |level| Level::ALL.get(usize::from(level)).copied(), "a level");
packed_as!(Entity: (EntityKind, String),
    |entity| (entity.kind, entity.id.to_string()), |(kind, id)| Some(Entity::new(kind, id)), "an entity");

impl Packed for String {
    fn pack(&self, to: &mut Encoder) {
        to.text(self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Ok(from.from.text()?.into())
    }
}

impl Packed for Box<str> {
    fn pack(&self, to: &mut Encoder) {
        to.text(self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Ok(from.from.text()?.into())
    }
}

impl Packed for Arc<str> {
    fn pack(&self, to: &mut Encoder) {
        to.text(self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Ok(from.from.text()?.into())
    }
}

/// The sharing is lost; whoever restores rules shares them again.
impl Packed for Arc<Mark> {
    fn pack(&self, to: &mut Encoder) {
        let Mark { page, level, rule, title, techniques } = &**self;
        page.pack(to);
        level.pack(to);
        rule.pack(to);
        title.pack(to);
        pack_all(techniques.iter(), to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        let (page, level) = (Packed::unpack(from)?, Packed::unpack(from)?);
        let (rule, title) = (Packed::unpack(from)?, Packed::unpack(from)?);
        Ok(Arc::new(Mark { page, level, rule, title, techniques: Vec::unpack(from)?.into() }))
    }
}

impl Packed for Tally {
    fn pack(&self, to: &mut Encoder) {
        Tally::pack(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Tally::unpack(&mut from.from)
    }
}

impl<T: Packed> Packed for Box<T> {
    fn pack(&self, to: &mut Encoder) {
        (**self).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        T::unpack(from).map(Box::new)
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, to: &mut Encoder) {
        to.byte(u8::from(self.is_some()));
        self.iter().for_each(|value| value.pack(to));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        bool::unpack(from)?.then(|| T::unpack(from)).transpose()
    }
}

fn pack_all<'a, T: Packed + 'a>(all: impl ExactSizeIterator<Item = &'a T>, to: &mut Encoder) {
    to.number(all.len() as u64);
    all.for_each(|value| value.pack(to));
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, to: &mut Encoder) {
        pack_all(self.iter(), to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        // Everything takes a byte at least, so a hostile count reserves no more than some times the message.
        let count = from.from.count(1)?;
        (0..count).map(|_| T::unpack(from)).collect()
    }
}

impl<T: Packed> Packed for Box<[T]> {
    fn pack(&self, to: &mut Encoder) {
        pack_all(self.iter(), to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Vec::unpack(from).map(Vec::into_boxed_slice)
    }
}

impl<T: Packed, const N: usize> Packed for [T; N] {
    fn pack(&self, to: &mut Encoder) {
        pack_all(self.iter(), to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Self::try_from(Vec::unpack(from)?).map_err(|_| DecodeError::Range("a count"))
    }
}

impl<T: Packed + Ord> Packed for BTreeSet<T> {
    fn pack(&self, to: &mut Encoder) {
        pack_all(self.iter(), to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        let count = from.from.count(1)?;
        (0..count).map(|_| T::unpack(from)).collect()
    }
}

impl<K: Packed + Ord, V: Packed> Packed for BTreeMap<K, V> {
    fn pack(&self, to: &mut Encoder) {
        to.number(self.len() as u64);
        for (key, value) in self {
            key.pack(to);
            value.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        let count = from.from.count(1)?;
        (0..count).map(|_| Ok((K::unpack(from)?, V::unpack(from)?))).collect()
    }
}

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn pack(&self, to: &mut Encoder) {
        self.0.pack(to);
        self.1.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Ok((A::unpack(from)?, B::unpack(from)?))
    }
}

impl<A: Packed, B: Packed, C: Packed> Packed for (A, B, C) {
    fn pack(&self, to: &mut Encoder) {
        self.0.pack(to);
        self.1.pack(to);
        self.2.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, DecodeError> {
        Ok((A::unpack(from)?, B::unpack(from)?, C::unpack(from)?))
    }
}
