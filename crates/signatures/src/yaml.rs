//! YAML with the line of everything that is written, which deserialisers forget.
//!
//! Only what a rule needs: mappings with plain keys, lists, scalars. Anchors, aliases and tags are refused: an alias is a way to write a
//! rule that is not what it looks like, and a bomb.

use crate::{Mistake, limits::NESTING_MAX};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Anything, and the line on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `plain`: without quotes, so that `null`, `true` and numbers may be meant.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// `null`, `~` or nothing, not in quotes.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// `true` or `false`, not in quotes.
    pub(crate) fn truth(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "yes" => Some(true),
                "false" | "False" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A mapping or list that is not yet complete.
struct Open {
    node: Node,
    /// Of a mapping: the key whose value comes next.
    key: Option<Key>,
}

/// The documents of a file, and what is wrong with it. Behind a mistake of YAML itself nothing is read.
pub(crate) fn documents(text: &str, mistakes: &mut Vec<Mistake>) -> Vec<Node> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let problem = format!("is no YAML: {}", error.info());
                mistakes.push(Mistake::at(error.marker().line(), problem));
                break;
            }
        };
        let line = span.start.line();
        let value = match event {
            Event::Alias(_) => {
                mistakes.push(Mistake::at(line, "`*name` (an alias) is not read; write the value again"));
                break;
            }
            Event::Scalar(_, _, anchor, ref tag)
            | Event::SequenceStart(anchor, ref tag)
            | Event::MappingStart(anchor, ref tag)
                if anchor != 0 || tag.is_some() =>
            {
                mistakes
                    .push(Mistake::at(line, "`&name` (an anchor) and `!name` (a tag) are not read; leave them away"));
                break;
            }
            Event::Scalar(text, style, ..) => {
                Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if NESTING_MAX <= open.len() {
                    mistakes.push(Mistake::at(line, format!("more than {NESTING_MAX} levels in each other")));
                    break;
                }
                let is_list = matches!(event, Event::SequenceStart(..));
                let value = if is_list { Value::List(Vec::new()) } else { Value::Map(Vec::new()) };
                open.push(Open { node: Node { line, value }, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(done) = open.pop() else { continue };
                put(&mut open, &mut documents, done.node, mistakes);
                continue;
            }
            _ => continue,
        };
        put(&mut open, &mut documents, Node { line, value }, mistakes);
    }
    documents
}

/// Puts what is complete where it belongs.
fn put(open: &mut [Open], documents: &mut Vec<Node>, node: Node, mistakes: &mut Vec<Mistake>) {
    let Some(Open { node: around, key }) = open.last_mut() else {
        if !node.is_null() {
            documents.push(node);
        }
        return;
    };
    match &mut around.value {
        Value::List(items) => items.push(node),
        Value::Map(entries) => match key.take() {
            Some(key) => {
                if let Some((first, _)) = entries.iter().find(|(known, _)| known.text == key.text) {
                    let problem = format!("`{}` is there already, on line {}", crate::shown(&key.text), first.line);
                    mistakes.push(Mistake::at(key.line, problem));
                }
                entries.push((key, node));
            }
            None => match node.value {
                Value::Scalar { text, .. } => *key = Some(Key { line: node.line, text }),
                _ => {
                    mistakes.push(Mistake::at(node.line, "a key must be a single value"));
                    *key = Some(Key { line: node.line, text: String::new() });
                }
            },
        },
        Value::Scalar { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<usize> {
        let mut mistakes = Vec::new();
        documents(text, &mut mistakes);
        mistakes.iter().map(|mistake| mistake.line).collect()
    }

    #[test]
    fn everything_knows_its_line() {
        let mut mistakes = Vec::new();
        let read = documents("a: 1\nb:\n  - x\n  - 'null'\n---\nc: ~\n", &mut mistakes);
        assert!(mistakes.is_empty() && read.len() == 2);
        let Value::Map(entries) = &read[0].value else { panic!("{read:?}") };
        let Value::List(items) = &entries[1].1.value else { panic!("{read:?}") };
        assert_eq!((entries[1].0.line, items[1].line, items[1].is_null()), (2, 4, false));
        let Value::Map(entries) = &read[1].value else { panic!("{read:?}") };
        assert!(entries[0].0.line == 6 && entries[0].1.is_null());
    }

    #[test]
    fn what_is_not_read_says_its_line() {
        assert_eq!(lines("a: 1\nb: [\n"), [3]);
        assert_eq!(lines("a: &x 1\nb: *x\n"), [1]);
        assert_eq!(lines("a: 1\nb: 2\na: 3\n"), [3]);
        assert_eq!(lines(&format!("{}1{}", "[".repeat(40), "]".repeat(40))), [1]);
        assert_eq!(lines("a: !!binary x\n"), [1]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z:\\-\\[\\]{}'\"|>&*!#%\n \t]{0,200}") {
            documents(&text, &mut Vec::new());
        }
    }
}
