//! One rule: read from its document with every mistake in it, and asked about an entry.

use crate::{
    Category, Mistake,
    condition::{self, Condition},
    example::{self, Example},
    field::{Field, View},
    limits::VALUES_MAX,
    pattern::{Modifiers, Pattern},
    yaml::{Key, Node, Value},
};
use activity::{Level, Mark};
use std::sync::Arc;

/// A rule, checked.
#[derive(Clone, Debug)]
pub struct Rule {
    pub mark: Arc<Mark>,
    pub category: Category,
    /// Line of its title.
    pub line: usize,
    /// What it was tried on when it was read.
    pub examples: Vec<Example>,
    selections: Vec<Group>,
    condition: Condition,
}

/// What a selection asks.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    All(Vec<Item>),
    Any(Vec<Group>),
}

/// One field and its values.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Of several any may have the value.
    pub(crate) fields: Vec<Field>,
    /// Of the outer list all or any; of each value any of its patterns.
    pub(crate) values: Vec<Vec<Pattern>>,
    pub(crate) all: bool,
}

/// Keys of Sigma's specification that say nothing to us.
const INFORMATION: [&str; 14] = [
    "id",
    "description",
    "status",
    "author",
    "references",
    "date",
    "modified",
    "license",
    "related",
    "falsepositives",
    "fields",
    "taxonomy",
    "scope",
    "custom_attributes",
];

const KEYS: [&str; 7] = ["title", "name", "level", "tags", "logsource", "detection", "breachd"];

impl Rule {
    /// Whether an entry of its category matches.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        self.condition.holds(&mut |at| self.selections.get(at).is_some_and(|group| group.matches(view)))
    }

    pub(crate) fn condition(&self) -> (&Condition, &[Group]) {
        (&self.condition, &self.selections)
    }

    /// Reads a document. Adds what is wrong to `mistakes`, all of it; `None` if that makes the rule unusable.
    pub(crate) fn read(document: &Node, mistakes: &mut Vec<Mistake>) -> Option<Rule> {
        let before = mistakes.len();
        let mut reader = Reader { mistakes };
        let Value::Map(entries) = &document.value else {
            reader.wrong(document.line, format!("a rule is a mapping, and this is {}", document.kind()));
            return None;
        };
        for (key, _) in entries {
            match key.text.as_str() {
                "correlation" | "action" | "filter" => {
                    let problem =
                        format!("`{}`: only rules that look at one entry are read; the detectors count", key.text);
                    reader.wrong(key.line, problem);
                }
                known if KEYS.contains(&known) || INFORMATION.contains(&known) => {}
                unknown => reader.wrong(key.line, format!("unknown key `{}`", crate::shown(unknown))),
            }
        }
        let title = reader.title(document);
        let name = reader.name(document, title.as_deref());
        let informational = get(document, "level").is_some_and(|(_, level)| level.text() == Some("informational"));
        let level = reader.level(document);
        let techniques = reader.techniques(document);
        let category = reader.category(document);
        let own = reader.own(document);
        if own.page && informational {
            reader.wrong(own.line, "`page: true` in a rule of level `informational`");
        }
        let detection = reader.detection(document, category);
        let (selections, condition) = detection?;
        let rule = Rule {
            line: title_line(document),
            mark: Arc::new(Mark {
                page: own.page,
                level: level?,
                rule: name?.into(),
                title: title?.into(),
                techniques: techniques.into(),
            }),
            category: category?,
            examples: own.examples,
            selections,
            condition,
        };
        if mistakes.len() == before {
            rule.examples.iter().for_each(|example| mistakes.extend(example.try_on(&rule)));
        }
        (mistakes.len() == before).then_some(rule)
    }
}

/// The section `breachd`.
#[derive(Default)]
struct Own {
    line: usize,
    page: bool,
    examples: Vec<Example>,
}

fn get<'n>(node: &'n Node, name: &str) -> Option<(&'n Key, &'n Node)> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|(key, _)| key.text == name).map(|(key, node)| (key, node)),
        _ => None,
    }
}

fn title_line(document: &Node) -> usize {
    get(document, "title").map_or(document.line, |(key, _)| key.line)
}

struct Reader<'m> {
    mistakes: &'m mut Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, problem: impl Into<String>) {
        self.mistakes.push(Mistake::at(line, problem));
    }

    /// A text of a key that must be there.
    fn required<'n>(&mut self, document: &'n Node, name: &str) -> Option<&'n Node> {
        let found = get(document, name);
        if found.is_none() {
            self.wrong(document.line, format!("lacks `{name}`"));
        }
        found.map(|(_, node)| node)
    }

    fn title(&mut self, document: &Node) -> Option<String> {
        let node = self.required(document, "title")?;
        let Some(text) = node.text().map(str::trim).filter(|text| !text.is_empty()) else {
            self.wrong(node.line, "`title` must be a text");
            return None;
        };
        if Mark::TITLE_BYTES_MAX < text.len() || text.chars().any(char::is_control) {
            self.wrong(node.line, format!("`title` must be one line of at most {} bytes", Mark::TITLE_BYTES_MAX));
            return None;
        }
        Some(text.to_owned())
    }

    /// The key `name`, or the title in small letters.
    fn name(&mut self, document: &Node, title: Option<&str>) -> Option<String> {
        let is_name = |name: &str| {
            (1..=Mark::RULE_BYTES_MAX).contains(&name.len())
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let Some((key, node)) = get(document, "name") else {
            let name = slug(title?);
            if !is_name(&name) {
                self.wrong(document.line, "no name can be made of the title; write one: `name: small_letters`");
                return None;
            }
            return Some(name);
        };
        match node.text() {
            Some(name) if is_name(name) => Some(name.to_owned()),
            _ => {
                let most = Mark::RULE_BYTES_MAX;
                let problem = format!("`name` must be at most {most} small letters, digits and `_`, a letter first");
                self.wrong(key.line, problem);
                None
            }
        }
    }

    fn level(&mut self, document: &Node) -> Option<Level> {
        let node = self.required(document, "level")?;
        let level = match node.text() {
            Some("informational" | "low") => Some(Level::Low),
            Some("medium") => Some(Level::Medium),
            Some("high") => Some(Level::High),
            Some("critical") => Some(Level::Critical),
            _ => None,
        };
        if level.is_none() {
            self.wrong(node.line, "`level` must be `informational`, `low`, `medium`, `high` or `critical`");
        }
        level
    }

    /// Of tags such as `attack.t1505.003`; others say nothing to us.
    fn techniques(&mut self, document: &Node) -> Vec<Arc<str>> {
        let Some((key, node)) = get(document, "tags") else { return Vec::new() };
        let Value::List(tags) = &node.value else {
            self.wrong(key.line, format!("`tags` must be a list, and is {}", node.kind()));
            return Vec::new();
        };
        let mut techniques: Vec<Arc<str>> = Vec::new();
        for tag in tags {
            let Some(text) = tag.text() else {
                self.wrong(tag.line, "a tag must be a text");
                continue;
            };
            let Some(number) =
                text.strip_prefix("attack.t").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            else {
                continue;
            };
            let (technique, part) = number.split_once('.').map_or((number, None), |(first, rest)| (first, Some(rest)));
            let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(technique, 4) || part.is_some_and(|part| !digits(part, 3)) {
                self.wrong(tag.line, format!("`{}` is no technique; write `attack.t1505.003`", crate::shown(text)));
                continue;
            }
            let technique = Arc::from(format!("T{number}"));
            if Mark::TECHNIQUES_MAX <= techniques.len() {
                self.wrong(tag.line, format!("more than {} techniques", Mark::TECHNIQUES_MAX));
                break;
            }
            if !techniques.contains(&technique) {
                techniques.push(technique);
            }
        }
        techniques
    }

    fn category(&mut self, document: &Node) -> Option<Category> {
        let node = self.required(document, "logsource")?;
        let Value::Map(entries) = &node.value else {
            self.wrong(node.line, format!("`logsource` must be a mapping, and is {}", node.kind()));
            return None;
        };
        let (mut category, mut is_written) = (None, false);
        for (key, node) in entries {
            match key.text.as_str() {
                "category" => {
                    is_written = true;
                    category = Category::ALL.into_iter().find(|category| node.text() == Some(category.name()));
                    if category.is_none() {
                        let text = crate::shown(node.text().unwrap_or_default());
                        self.wrong(node.line, format!("category `{text}`: `webserver` and `database` are read"));
                    }
                }
                "definition" => {}
                other => {
                    let problem = format!(
                        "`logsource.{}`: a rule is about all web or all database logs; which server writes them is not asked",
                        crate::shown(other)
                    );
                    self.wrong(key.line, problem);
                }
            }
        }
        if !is_written {
            self.wrong(node.line, "`logsource` lacks `category: webserver` or `category: database`");
        }
        category
    }

    fn own(&mut self, document: &Node) -> Own {
        let mut own = Own::default();
        let Some((key, node)) = get(document, "breachd") else { return own };
        own.line = key.line;
        let Value::Map(entries) = &node.value else {
            self.wrong(key.line, format!("`breachd` must be a mapping, and is {}", node.kind()));
            return own;
        };
        for (key, node) in entries {
            match key.text.as_str() {
                "page" => match node.truth() {
                    Some(page) => (own.line, own.page) = (key.line, page),
                    None => self.wrong(node.line, "`page` must be `true` or `false`"),
                },
                "examples" => {
                    let Value::List(examples) = &node.value else {
                        self.wrong(key.line, format!("`examples` must be a list, and is {}", node.kind()));
                        continue;
                    };
                    for example in examples {
                        match example::read(example) {
                            Ok(example) => own.examples.push(example),
                            Err(mistake) => self.mistakes.push(mistake),
                        }
                    }
                }
                unknown => {
                    let problem =
                        format!("unknown key `breachd.{}`; there are `page` and `examples`", crate::shown(unknown));
                    self.wrong(key.line, problem);
                }
            }
        }
        own
    }

    /// Of a rule without a right category, the condition is read all the same.
    fn detection(&mut self, document: &Node, category: Option<Category>) -> Option<(Vec<Group>, Condition)> {
        let node = self.required(document, "detection")?;
        let Value::Map(entries) = &node.value else {
            self.wrong(node.line, format!("`detection` must be a mapping, and is {}", node.kind()));
            return None;
        };
        let mut names = Vec::new();
        let mut selections = Vec::new();
        let mut condition = None;
        let mut values = 0;
        for (key, node) in entries {
            match key.text.as_str() {
                "condition" => condition = Some(node),
                "timeframe" => self.wrong(key.line, "`timeframe`: counting over time belongs to the detectors"),
                name => {
                    names.push(name);
                    selections.extend(category.and_then(|category| self.group(node, category, &mut values)));
                }
            }
        }
        if VALUES_MAX < values {
            self.wrong(node.line, format!("more than {VALUES_MAX} values; write several rules"));
        }
        let Some(condition) = condition else {
            self.wrong(node.line, "`detection` lacks `condition`");
            return None;
        };
        let Some(text) = condition.text() else {
            self.wrong(condition.line, format!("`condition` must be one text, and is {}", condition.kind()));
            return None;
        };
        match condition::parse(text, &names) {
            Ok(condition) => (selections.len() == names.len()).then_some((selections, condition)),
            Err(problem) => {
                self.wrong(condition.line, format!("`condition` {problem}"));
                None
            }
        }
    }

    /// A mapping of fields, a list of such mappings, or keywords.
    fn group(&mut self, node: &Node, category: Category, values: &mut usize) -> Option<Group> {
        match &node.value {
            Value::Map(entries) if entries.is_empty() => {
                self.wrong(node.line, "a selection without fields");
                None
            }
            Value::Map(entries) => {
                let items: Vec<Option<Item>> =
                    entries.iter().map(|(key, node)| self.item(key, node, category, values)).collect();
                items.into_iter().collect::<Option<_>>().map(Group::All)
            }
            Value::List(items) if items.is_empty() => {
                self.wrong(node.line, "an empty list matches nothing");
                None
            }
            Value::List(items) if items.iter().any(|item| !matches!(item.value, Value::Scalar { .. })) => {
                let groups: Vec<Option<Group>> = items.iter().map(|item| self.group(item, category, values)).collect();
                groups.into_iter().collect::<Option<_>>().map(Group::Any)
            }
            Value::List(_) | Value::Scalar { .. } => self.keywords(node, false, category, values),
        }
    }

    /// Values without a field: looked for in all that the client could write.
    fn keywords(&mut self, node: &Node, all: bool, category: Category, values: &mut usize) -> Option<Group> {
        let modifiers = Modifiers::of_keywords(all);
        let item = self.values(node, &modifiers, category.keyword_fields(), values)?;
        Some(Group::All(vec![item]))
    }

    fn item(&mut self, key: &Key, node: &Node, category: Category, values: &mut usize) -> Option<Item> {
        let mut names = key.text.split('|');
        let name = names.next().unwrap_or_default();
        if name.is_empty() && names.clone().eq(["all"]) {
            return match self.keywords(node, true, category, values)? {
                Group::All(items) => items.into_iter().next(),
                Group::Any(_) => None,
            };
        }
        let field = category.fields().iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        let Some(field) = field else {
            let known: Vec<&str> = category.fields().iter().map(|(name, _)| *name).collect();
            let problem = format!(
                "no `{}` in category `{}`; there are: {}",
                crate::shown(name),
                category.name(),
                known.join(", ")
            );
            self.wrong(key.line, problem);
            return None;
        };
        match Modifiers::parse(names) {
            Ok(modifiers) => self.values(node, &modifiers, &[field], values),
            Err(problem) => {
                self.wrong(key.line, format!("`{}`: {problem}", crate::shown(&key.text)));
                None
            }
        }
    }

    fn values(&mut self, node: &Node, modifiers: &Modifiers, fields: &[Field], count: &mut usize) -> Option<Item> {
        let one = std::slice::from_ref(node);
        let nodes = match &node.value {
            Value::Scalar { .. } => one,
            Value::List(items) if !items.is_empty() => items,
            Value::List(_) => {
                self.wrong(node.line, "an empty list matches nothing");
                return None;
            }
            Value::Map(_) => {
                self.wrong(node.line, "must be a value or a list of values, and is a mapping");
                return None;
            }
        };
        *count += nodes.len();
        let field = match fields {
            [only] => Some(*only),
            _ => None,
        };
        let mut values = Vec::new();
        let mut is_right = true;
        for node in nodes {
            match modifiers.patterns(field, node) {
                Ok(patterns) => values.push(patterns),
                Err(problem) => {
                    is_right = false;
                    let value = node.text().map(crate::shown).unwrap_or_default();
                    self.wrong(node.line, format!("`{value}`: {problem}"));
                }
            }
        }
        is_right.then(|| Item { fields: fields.to_vec(), values, all: modifiers.all })
    }
}

/// A title as a name: small letters and digits, everything else one `_`.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for character in title.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.truncate(Mark::RULE_BYTES_MAX);
    slug.trim_end_matches('_').to_owned()
}

impl Group {
    fn matches(&self, view: &View<'_>) -> bool {
        match self {
            Group::All(items) => items.iter().all(|item| item.matches(view)),
            Group::Any(groups) => groups.iter().any(|group| group.matches(view)),
        }
    }
}

impl Item {
    fn matches(&self, view: &View<'_>) -> bool {
        let has = |value: &Vec<Pattern>| {
            self.fields.iter().any(|field| value.iter().any(|pattern| pattern.matches(*field, view)))
        };
        if self.all { self.values.iter().all(has) } else { self.values.iter().any(has) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names() {
        assert_eq!(slug("SQL  injection (UNION)!"), "sql_injection_union");
        assert_eq!(slug("—"), "");
        assert_eq!(slug(&"abc ".repeat(60)).len(), 63);
    }
}
