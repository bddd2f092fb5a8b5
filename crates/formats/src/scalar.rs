//! JSON values of any shape, of which only texts, numbers and truth values are kept.
//!
//! What applications write into JSON is not to be relied on: a name may come as a number, a list or an object. Reading on
//! is better than refusing a whole entry for a field that says nothing to us.

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// Most items of a list that are kept.
const ITEMS_MAX: usize = 64;

/// One value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// Not there, or null.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Whole(i64),
    Truth(bool),
    /// A list, an object, a fraction.
    Other,
}

impl<'a> Scalar<'a> {
    /// A text that says something, or a whole number as text; `-` and blanks are nothing.
    pub(crate) fn name(self) -> Option<Cow<'a, str>> {
        match self {
            Scalar::Text(text) => (!matches!(text.trim(), "" | "-")).then_some(text),
            Scalar::Whole(number) => Some(Cow::Owned(number.to_string())),
            Scalar::Absent | Scalar::Truth(_) | Scalar::Other => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, also one written as text.
    pub(crate) fn whole(&self) -> Option<i64> {
        match self {
            Scalar::Whole(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A number that cannot be negative, also one written as text.
    pub(crate) fn count(&self) -> Option<u64> {
        self.whole().and_then(|number| u64::try_from(number).ok())
    }

    /// `true`, `1`, `"true"`; `None` where it is neither true nor false.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Scalar::Truth(truth) => Some(*truth),
            Scalar::Whole(0) => Some(false),
            Scalar::Whole(1) => Some(true),
            Scalar::Text(text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfScalar;
        impl<'de> Visitor<'de> for OfScalar {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(i64::try_from(number).map_or(Scalar::Other, Scalar::Whole))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Whole(number))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Truth(truth))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Absent)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Scalar<'de>, A::Error> {
                IgnoredAny.visit_seq(items).map(|_| Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Scalar<'de>, A::Error> {
                IgnoredAny.visit_map(fields).map(|_| Scalar::Other)
            }
        }
        deserializer.deserialize_any(OfScalar)
    }
}

/// The value alone, or the items of a list; at most [`ITEMS_MAX`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Items<'a>(pub(crate) Vec<Scalar<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfItems;
        impl<'de> Visitor<'de> for OfItems {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Items<'de>, E> {
                Ok(Items(vec![Scalar::Text(Cow::Borrowed(text))]))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Items<'de>, E> {
                Ok(Items(vec![Scalar::Text(Cow::Owned(text.to_owned()))]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element::<Scalar<'de>>()? {
                    if items.len() < ITEMS_MAX {
                        items.push(item);
                    }
                }
                Ok(Items(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Items<'de>, A::Error> {
                IgnoredAny.visit_map(fields).map(|_| Items::default())
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Items<'de>, E> {
                Ok(Items::default())
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Items<'de>, E> {
                Ok(Items::default())
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Items<'de>, E> {
                Ok(Items::default())
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Items<'de>, E> {
                Ok(Items::default())
            }
            fn visit_unit<E: de::Error>(self) -> Result<Items<'de>, E> {
                Ok(Items::default())
            }
        }
        deserializer.deserialize_any(OfItems)
    }
}

/// An object read as a `T`; any other value, such as the `[]` that PHP writes for an empty one, is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Object(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfObject<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(fields)).map(|object| Object(Some(object)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Object<T>, A::Error> {
                IgnoredAny.visit_seq(items).map(|_| Object(None))
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
        }
        deserializer.deserialize_any(OfObject(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Fields<'a> {
        #[serde(borrow, default)]
        a: Scalar<'a>,
    }

    #[test]
    fn values_of_any_shape() {
        let scalar = |text: &'static str| serde_json::from_str::<Scalar<'_>>(text).unwrap();
        assert_eq!(scalar(r#""e\u0031""#).name().as_deref(), Some("e1"));
        assert_eq!(scalar("7").name().as_deref(), Some("7"));
        assert_eq!((scalar(r#""-""#).name(), scalar(r#"" ""#).name(), scalar("null").name()), (None, None, None));
        assert_eq!((scalar(r#""12""#).count(), scalar("-1").count(), scalar("1.5").count()), (Some(12), None, None));
        assert_eq!(
            (scalar("1").truth(), scalar("false").truth(), scalar("2").truth()),
            (Some(true), Some(false), None)
        );
        for other in ["[1,{}]", r#"{"a":[]}"#, "1e3", "18446744073709551615"] {
            assert_eq!(scalar(other), Scalar::Other);
        }
    }

    #[test]
    fn lists_and_objects() {
        let items = |text: &'static str| serde_json::from_str::<Items<'_>>(text).unwrap().0.len();
        assert_eq!((items(r#""a""#), items(r#"["a",1]"#), items("{}"), items("null"), items("3")), (1, 2, 0, 0, 0));
        let object = |text: &'static str| serde_json::from_str::<Object<Fields<'_>>>(text).unwrap().0;
        assert_eq!(object(r#"{"a":1,"b":[{}]}"#), Some(Fields { a: Scalar::Whole(1) }));
        for none in ["[]", r#"["x"]"#, "1", "null", "\"x\"", "true"] {
            assert_eq!(object(none), None, "{none}");
        }
        assert!(serde_json::from_str::<Object<Fields<'_>>>(r#"{"a":1,"a":2}"#).is_err());
    }
}
