//! The one way to write a JSON value.

use serde_json::Value;
use std::{borrow::Cow, fmt::Write};

/// Deepest nesting of a body. What lies deeper is replaced by the string [`TOO_DEEP`] when it is appended: a line that
/// no reader's recursion limit lets through would be a hole in the journal.
pub const DEPTH_MAX: usize = 60;

const TOO_DEEP: &str = "(nested too deeply)";

/// The value as it can be written canonically: numbers with a fraction as strings, nothing deeper than [`DEPTH_MAX`].
pub(crate) fn normalised(value: Value) -> Value {
    at_depth(value, 0)
}

fn at_depth(value: Value, depth: usize) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) if depth == DEPTH_MAX => Value::String(TOO_DEEP.into()),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| at_depth(item, depth + 1)).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, member)| (name, at_depth(member, depth + 1))).collect())
        }
        Value::Number(number) if !is_integer(&number) => Value::String(number.to_string()),
        plain => plain,
    }
}

/// Appends the canonical form. `false`: the value holds a number that has none.
pub(crate) fn write(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            if !is_integer(number) {
                return false;
            }
            let _ = write!(out, "{number}");
        }
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if !write(item, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Object(members) => {
            // Sorted here: whether the map keeps its members sorted depends on a feature that any crate may switch on.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| name.as_bytes());
            out.push('{');
            for (at, (name, member)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                if !write(member, out) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    true
}

/// `"` and `\` escaped, controls below U+0020 as `\u00xx` (lower case), everything else as it is.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let escaped: Cow<'_, str> = match character {
            '"' => "\\\"".into(),
            '\\' => "\\\\".into(),
            '\0'..='\u{1f}' => format!("\\u{:04x}", character as u32).into(),
            plain => {
                out.push(plain);
                continue;
            }
        };
        out.push_str(&escaped);
    }
    out.push('"');
}

fn is_integer(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(value: Value) -> String {
        let mut out = String::new();
        assert!(write(&value, &mut out));
        out
    }

    #[test]
    fn members_are_sorted_and_escapes_are_few() {
        let value = json!({"b": [1, -2, u64::MAX, null, true], "a": {"é\u{7f}/": "\"\\\n\u{1b}", "": 0}});
        assert_eq!(
            canonical(value),
            "{\"a\":{\"\":0,\"é\u{7f}/\":\"\\\"\\\\\\u000a\\u001b\"},\"b\":[1,-2,18446744073709551615,null,true]}"
        );
    }

    #[test]
    fn fractions_become_strings() {
        assert_eq!(canonical(normalised(json!({"p": 0.5, "n": [1e300]}))), r#"{"n":["1e+300"],"p":"0.5"}"#);
        assert!(!write(&json!(0.5), &mut String::new()));
    }

    #[test]
    fn what_is_too_deep_is_cut_off() {
        let deep = (0..1000).fold(json!(1), |inner, _| json!([inner]));
        let text = canonical(normalised(deep));
        assert_eq!(text.matches('[').count(), DEPTH_MAX);
        assert!(text.contains(TOO_DEEP) && serde_json::from_str::<Value>(&text).is_ok());
    }
}
