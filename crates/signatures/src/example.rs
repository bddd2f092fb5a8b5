//! Real lines beside a rule: what it matches, and what it must leave alone.
//!
//! They are read by the same parsers as the logs themselves, whenever the rule is read. A rule that says one thing and does another is
//! a mistake like any other, found by `breachd check` before it is found by an attacker.

use crate::{
    Category, Mistake, Rule,
    field::View,
    yaml::{Node, Value},
};
use formats::{Context, FormatSpec, Parsed, Scratch};

/// One entry, and whether the rule matches it.
#[derive(Clone, Debug)]
pub struct Example {
    pub format: &'static FormatSpec,
    pub entry: String,
    pub matches: bool,
    pub line: usize,
}

/// `{ format: nginx_json, matches: '…' }` or `{ format: …, passes: '…' }`.
pub(crate) fn read(node: &Node) -> Result<Example, Mistake> {
    const SHAPE: &str = "an example is a mapping of `format` and either `matches` or `passes`";
    let Value::Map(entries) = &node.value else { return Err(Mistake::at(node.line, SHAPE)) };
    let (mut format, mut entry) = (None, None);
    for (key, value) in entries {
        let text = value.text().ok_or_else(|| Mistake::at(value.line, SHAPE))?;
        match key.text.as_str() {
            "format" => {
                let known = FormatSpec::by_name(text).filter(|format| !format.is_auto());
                let problem = || format!("there is no format `{}`; `breachd formats` lists them", crate::shown(text));
                format = Some(known.ok_or_else(|| Mistake::at(value.line, problem()))?);
            }
            "matches" | "passes" if entry.is_none() => entry = Some((text, key.text == "matches", key.line)),
            _ => return Err(Mistake::at(key.line, SHAPE)),
        }
    }
    let (Some(format), Some((entry, matches, line))) = (format, entry) else {
        return Err(Mistake::at(node.line, SHAPE));
    };
    Ok(Example { format, entry: entry.trim_end_matches('\n').to_owned(), matches, line })
}

impl Example {
    /// What is wrong, if the rule does not do what the example says.
    pub(crate) fn try_on(&self, rule: &Rule) -> Option<Mistake> {
        let wrong = |problem: String| Some(Mistake::at(self.line, problem));
        let mut scratch = Scratch::default();
        let activity = match self.format.parse(self.entry.as_bytes(), &mut scratch, &Context::default()) {
            Ok(Parsed::Activity(activity)) => activity,
            Ok(Parsed::Ignored(why)) => return wrong(format!("the example is ignored: {why}")),
            Err(rejected) => return wrong(format!("the example is no entry of `{}`: {rejected}", self.format.name)),
        };
        if Category::of(&activity) != Some(rule.category) {
            return wrong(format!("the example is no entry of category `{}`", rule.category.name()));
        }
        match (rule.matches(&View::new(&activity)), self.matches) {
            (false, true) => wrong(format!("rule `{}` does not match this example", rule.mark.rule)),
            (true, false) => wrong(format!("rule `{}` matches this example, which should pass", rule.mark.rule)),
            _ => None,
        }
    }
}
