//! How the vocabulary's types look in JSON. They know nothing of serde; this is the rim.
//!
//! `#[serde(with = "wire")]` on a field of any type that is [`Wire`]. Lossless: what is written reads back equal.

use crate::{IncidentId, NoticeId};
use activity::{DataClass, DataClasses, DrillId, Entity, EntityKind, KnownBy, Mode, Timestamp};
use detector::{AlertId, AlertWindow};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error};

/// A type with a form of plain JSON.
pub(crate) trait Wire: Sized {
    type Form: Serialize + DeserializeOwned;
    fn form(&self) -> Self::Form;
    fn read(form: Self::Form) -> Option<Self>;
}

pub(crate) fn serialize<T: Wire, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.form().serialize(serializer)
}

pub(crate) fn deserialize<'de, T: Wire, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let form = T::Form::deserialize(deserializer)?;
    T::read(form).ok_or_else(|| D::Error::custom(format!("unknown value of `{}`", short_name::<T>())))
}

fn short_name<T>() -> &'static str {
    std::any::type_name::<T>().rsplit("::").next().unwrap_or_default()
}

/// RFC 3339; for years beyond 9999 and before 1970, which that cannot say, milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum TimeForm {
    Text(String),
    Millis(i64),
}

impl Wire for Timestamp {
    type Form = TimeForm;
    fn form(&self) -> TimeForm {
        let text = self.to_string();
        if text.parse() == Ok(*self) { TimeForm::Text(text) } else { TimeForm::Millis(self.as_millis()) }
    }
    fn read(form: TimeForm) -> Option<Self> {
        match form {
            TimeForm::Text(text) => text.parse().ok(),
            TimeForm::Millis(millis) => Some(Timestamp::from_millis(millis)),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct EntityForm {
    kind: String,
    id: String,
}

impl Wire for Entity {
    type Form = EntityForm;
    fn form(&self) -> EntityForm {
        EntityForm { kind: self.kind.as_str().into(), id: self.id.to_string() }
    }
    fn read(form: EntityForm) -> Option<Self> {
        Some(Entity::new(EntityKind::parse(&form.kind)?, form.id))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct WindowForm {
    #[serde(with = "crate::wire")]
    from: Timestamp,
    #[serde(with = "crate::wire")]
    to: Timestamp,
}

impl Wire for AlertWindow {
    type Form = WindowForm;
    fn form(&self) -> WindowForm {
        WindowForm { from: self.from, to: self.to }
    }
    fn read(form: WindowForm) -> Option<Self> {
        Some(AlertWindow { from: form.from, to: form.to })
    }
}

/// Types that are a word or two.
macro_rules! words {
    ($($type:ty: $show:expr, $read:expr;)*) => {$(
        impl Wire for $type {
            type Form = String;
            fn form(&self) -> String {
                let show: fn(&$type) -> String = $show;
                show(self)
            }
            fn read(form: String) -> Option<Self> {
                let read: fn(&str) -> Option<$type> = $read;
                read(&form)
            }
        }
    )*};
}

words! {
    Mode: |mode| mode.drill().map_or_else(|| "live".into(), |drill| drill.to_string()),
        |text| if text == "live" { Some(Mode::Live) } else { DrillId::parse(text).map(Mode::Drill) };
    DrillId: DrillId::to_string, DrillId::parse;
    AlertId: AlertId::to_string, AlertId::parse;
    IncidentId: IncidentId::to_string, IncidentId::parse;
    NoticeId: NoticeId::to_string, |text| Some(NoticeId(text.into()));
    KnownBy: |known| known.as_str().into(), |text| KnownBy::ALL.into_iter().find(|known| known.as_str() == text);
    DataClass: |class| class.as_str().into(), DataClass::parse;
    EntityKind: |kind| kind.as_str().into(), EntityKind::parse;
}

impl Wire for DataClasses {
    type Form = Vec<String>;
    fn form(&self) -> Vec<String> {
        self.iter().map(|class| class.as_str().into()).collect()
    }
    fn read(form: Vec<String>) -> Option<Self> {
        form.iter().map(|name| DataClass::parse(name)).collect()
    }
}

impl<T: Wire> Wire for Option<T> {
    type Form = Option<T::Form>;
    fn form(&self) -> Self::Form {
        self.as_ref().map(Wire::form)
    }
    fn read(form: Self::Form) -> Option<Self> {
        form.map_or(Some(None), |form| T::read(form).map(Some))
    }
}

impl<T: Wire> Wire for Vec<T> {
    type Form = Vec<T::Form>;
    fn form(&self) -> Self::Form {
        self.iter().map(Wire::form).collect()
    }
    fn read(form: Self::Form) -> Option<Self> {
        form.into_iter().map(T::read).collect()
    }
}
