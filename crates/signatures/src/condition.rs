//! The condition of a rule: `selection and not 1 of filter_*`.
//!
//! ```text
//! or    = and { "or" and }
//! and   = not { "and" not }
//! not   = "not" not | "(" or ")" | ( number | "any" | "all" ) "of" ( "them" | pattern ) | name
//! ```
//!
//! As Sigma's specification has it: `not` binds closer than `and`, `and` closer than `or`; a pattern may hold `*`; `them` is all
//! selections but those whose name begins with `_`. Words are small letters. What stands behind a `|` (counting, near) belonged to
//! Sigma 1 and is refused.

use crate::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};

/// A condition over selections, by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Selection(usize),
    /// At least so many of them.
    Count(usize, Vec<usize>),
}

/// Reads a condition over the selections of these names. Errors: what is wrong, for a person.
pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Condition, String> {
    if CONDITION_BYTES_MAX < text.len() {
        return Err(format!("is longer than {CONDITION_BYTES_MAX} bytes"));
    }
    let mut reader = Reader { words: words(text)?, at: 0, names, depth: 0 };
    let condition = reader.or()?;
    match reader.next() {
        None => Ok(condition),
        Some(")") => Err("has a `)` too many".into()),
        Some(word) => Err(format!("`{}` cannot stand there; is an `and` or `or` missing?", crate::shown(word))),
    }
}

fn words(text: &str) -> Result<Vec<&str>, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*' | '.');
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '(' | ')' => 1,
            '|' => return Err("has a `|`: counting belongs to no rule here, the detectors count".into()),
            first if is_name(first) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            first => return Err(format!("`{}` cannot stand there", crate::shown(&first.to_string()))),
        };
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    Ok(words)
}

struct Reader<'t, 'n> {
    words: Vec<&'t str>,
    at: usize,
    names: &'n [&'n str],
    depth: usize,
}

impl<'t> Reader<'t, '_> {
    fn peek(&self) -> Option<&'t str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'t str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn or(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.and()?];
        while self.peek() == Some("or") {
            self.at += 1;
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn and(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.not()?];
        while self.peek() == Some("and") {
            self.at += 1;
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Condition::And))
    }

    fn not(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if CONDITION_DEPTH_MAX < self.depth {
            return Err(format!("has more than {CONDITION_DEPTH_MAX} `not` and `(` in each other"));
        }
        let word = self.next().ok_or("ends where a selection should follow")?;
        let condition = match word {
            "not" => Condition::Not(Box::new(self.not()?)),
            "(" => {
                let inner = self.or()?;
                if self.next() != Some(")") {
                    return Err("lacks a `)`".into());
                }
                inner
            }
            ")" | "and" | "or" | "of" | "them" => {
                return Err(format!("`{word}` cannot stand there; a selection should"));
            }
            _ if self.peek() == Some("of") => {
                self.at += 1;
                self.several(word)?
            }
            name => {
                let at = self.names.iter().position(|known| *known == name);
                Condition::Selection(at.ok_or_else(|| self.unknown("selection", name))?)
            }
        };
        self.depth -= 1;
        Ok(condition)
    }

    /// Behind `of`.
    fn several(&mut self, how_many: &str) -> Result<Condition, String> {
        let pattern = self.next().ok_or("ends behind `of`; write `them` or a pattern such as `selection_*`")?;
        let fits = |name: &&str| if pattern == "them" { !name.starts_with('_') } else { matches(pattern, name) };
        let found: Vec<usize> = (0..self.names.len()).filter(|at| fits(&self.names[*at])).collect();
        if found.is_empty() {
            return Err(self.unknown("selection that fits", pattern));
        }
        let least = match how_many {
            "all" => found.len(),
            "any" => 1,
            number => number.parse().ok().filter(|n| (1..=found.len()).contains(n)).ok_or_else(|| {
                let number = crate::shown(number);
                format!("`{number} of {pattern}`: write `all`, `any` or a number from 1 to {}", found.len())
            })?,
        };
        Ok(Condition::Count(least, found))
    }

    fn unknown(&self, what: &str, name: &str) -> String {
        format!("there is no {what} `{}`; there are: {}", crate::shown(name), crate::shown(&self.names.join(", ")))
    }
}

fn one_or(mut parts: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl Condition {
    /// Whether it holds, given which selections do.
    pub(crate) fn holds(&self, selection: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Condition::And(parts) => parts.iter().all(|part| part.holds(selection)),
            Condition::Or(parts) => parts.iter().any(|part| part.holds(selection)),
            Condition::Not(part) => !part.holds(selection),
            Condition::Selection(at) => selection(*at),
            Condition::Count(least, of) => of.iter().filter(|at| selection(**at)).take(*least).count() == *least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 5] = ["selection_a", "selection_b", "filter", "_hidden", "not_me"];

    /// With those selections true whose letters are given: a, b, f, h, n.
    fn holds(condition: &str, truth: &str) -> bool {
        let condition = parse(condition, &NAMES).unwrap_or_else(|problem| panic!("{condition}: {problem}"));
        condition.holds(&mut |at| truth.contains(["a", "b", "f", "h", "n"][at]))
    }

    #[test]
    fn not_binds_closer_than_and_closer_than_or() {
        for (condition, truth, expected) in [
            ("selection_a or selection_b and filter", "a", true),
            ("(selection_a or selection_b) and filter", "a", false),
            ("not selection_a and filter", "f", true),
            ("not selection_a and filter", "af", false),
            ("not (selection_a and filter)", "a", true),
            ("not not selection_a", "a", true),
            ("selection_a and not 1 of filter*", "a", true),
            ("selection_a and not 1 of filter*", "af", false),
            ("not_me and selection_a", "an", true),
            ("selection_a\n  or\tfilter", "f", true),
        ] {
            assert_eq!(holds(condition, truth), expected, "{condition} with {truth}");
        }
    }

    #[test]
    fn some_of_many() {
        for (condition, truth, expected) in [
            ("1 of selection_*", "b", true),
            ("all of selection_*", "b", false),
            ("all of selection_*", "ab", true),
            ("2 of them", "ah", false),
            ("2 of them", "an", true),
            ("all of them", "abfn", true),
            ("any of *_*", "h", true),
            ("1 of *e*t*n_a", "a", true),
            ("1 of selection_a", "b", false),
        ] {
            assert_eq!(holds(condition, truth), expected, "{condition} with {truth}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (condition, problem) in [
            ("", "ends where"),
            ("selection_a and", "ends where"),
            ("selection_a selection_b", "`selection_b` cannot stand there"),
            ("selection_c", "no selection `selection_c`"),
            ("1 of other_*", "no selection that fits"),
            ("3 of selection_*", "from 1 to 2"),
            ("0 of selection_*", "from 1 to 2"),
            ("many of them", "`many of them`"),
            ("(selection_a", "lacks a `)`"),
            ("selection_a)", "a `)` too many"),
            ("selection_a | count() > 5", "has a `|`"),
            ("selection_a && filter", "`&` cannot stand"),
            ("not and filter", "`and` cannot stand"),
            (&"(".repeat(100), "more than 24"),
            (&"not ".repeat(100), "more than 24"),
            (&"a".repeat(3000), "longer than"),
        ] {
            let found = parse(condition, &NAMES).unwrap_err();
            assert!(found.contains(problem), "{condition}: {found}");
        }
    }

    /// Conditions over three selections, with their truth table: bit `t` for the assignment `t`.
    fn written() -> impl Strategy<Value = (String, u8)> {
        let leaf = (0..3usize).prop_map(|at| {
            let table = (0..8u8).filter(|truth| truth >> at & 1 == 1).fold(0, |table, truth| table | 1u8 << truth);
            (NAMES[at].to_owned(), table)
        });
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                // Without parentheses: what binds closer is put together first.
                (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a}) and ({b})"), x & y)),
                (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("not ({a}) or ({b})"), !x | y)),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|((a, x), (b, y), (c, z))| { (format!("({a}) or ({b}) and not ({c})"), x | y & !z) }),
                inner.prop_map(|(a, x)| (format!("not ({a})"), !x)),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_condition_says_what_its_truth_table_says((text, table) in written(), truth in 0..8u8) {
            if let Ok(condition) = parse(&text, &NAMES) {
                prop_assert_eq!(condition.holds(&mut |at| truth >> at & 1 == 1), table >> truth & 1 == 1, "{}", text);
            } else {
                prop_assert!(CONDITION_BYTES_MAX < text.len() || text.matches('(').count() > 6);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-z_*() |0-9]{0,80}") {
            let _ = parse(&text, &NAMES);
        }
    }
}
