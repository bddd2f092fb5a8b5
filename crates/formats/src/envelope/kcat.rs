//! # kcat: dumps of `kcat -J`
//!
//! ```json
//! {"topic":"logs","partition":0,"offset":7,"tstype":"create","ts":1795439762990,"broker":1,"key":null,"payload":"<line>"}
//! ```
//!
//! `kcat` is the envelope `kcat`: dumps of topics, one message per line, so that they can be replayed. `ts` is the time of
//! shipping. A message without value has the payload `null`, which is an empty line. kcat 1.7 writes invalid UTF-8 as it came.

use super::json::{Field, Object, millis};
use super::{Envelope, Inner, Open};
use std::borrow::Cow;

pub(super) const KCAT: Envelope = Envelope {
    name: "kcat",
    summary: "dump of kcat -J: topic, partition, offset, payload",
    file: include_str!("kcat.rs"),
    open: Open::Object(open),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    let dumped = object.topic.is_text() && object.partition.number().is_some() && object.offset.number().is_some();
    if !dumped {
        return None;
    }
    let shipped_at = object.ts.number().and_then(millis);
    let line = if object.payload == Field::Null { Cow::Borrowed("") } else { object.payload.take_text()? };
    Some(Inner { shipped_at, ..Inner::of_text(line) })
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn dumps() {
        let dump = |payload: &str| {
            shown(format!(r#"{{"topic":"t","partition":0,"offset":7,"tstype":"create","ts":1795439762990,"broker":1,"key":null,"payload":{payload}}}"#).as_bytes())
        };
        assert_eq!(dump(r#""a\"b""#), ["kcat|a\\\"b|2026-11-23T13:16:02.990Z||"]);
        assert_eq!(dump("null"), ["kcat||2026-11-23T13:16:02.990Z||"]);
        assert_eq!(dump("{}"), ["none"]);
    }
}
