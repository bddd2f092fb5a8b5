//! Reads configuration files and the environment into one tree, and one tree into one struct, reporting every mistake.
//!
//! Layers, later ones win: the files in the order given, then environment variables (`BREACHD__SECTION__KEY`). Tables
//! merge key by key; arrays replace.
//!
//! Serde stops at the first mistake, and nobody wants to learn of twelve mistakes in twelve starts. So the tree is
//! deserialised again and again, each time without what was wrong before, until nothing is wrong: every unknown key,
//! every value of the wrong type and every missing key is found in one run. The alternative, a schema validator beside the
//! structs, would say everything twice. Lines come from a second, span-keeping parse of the files.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// How many mistakes are reported at most; beyond, one says that there are more.
const MISTAKES_MAX: usize = 100;

/// Prefix of the environment variables that configure.
pub const ENVIRONMENT_PREFIX: &str = "BREACHD";

/// One mistake: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, and the line in it where there is one; `None` for the environment or the whole.
    pub place: Option<(PathBuf, Option<usize>)>,
    /// Key path, such as `sources[1].zone`; empty for the whole.
    pub key: String,
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((file, Some(line))) => write!(f, "{}:{line}: ", file.display())?,
            Some((file, None)) => write!(f, "{}: ", file.display())?,
            None => {}
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

/// What was written, merged, with the places it came from.
#[derive(Debug)]
pub struct Tree {
    value: Value,
    files: Vec<(PathBuf, String)>,
}

impl Tree {
    /// Reads and merges the layers. Errors: files that cannot be read or are no TOML, each with its line.
    pub fn read(files: &[PathBuf], environment: &[(String, String)]) -> Result<Tree, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut texts = Vec::new();
        let mut layers = Vec::new();
        for file in files {
            match std::fs::read_to_string(file) {
                Ok(text) => match toml::from_str::<toml::Table>(&text) {
                    Ok(mut table) => {
                        anchor(&mut table, file);
                        layers.push(table.to_string());
                        texts.push((file.clone(), text));
                    }
                    Err(error) => {
                        let line = error.span().map(|span| line_of(&text, span.start));
                        let problem = error.message().to_owned();
                        mistakes.push(Mistake { place: Some((file.clone(), line)), key: String::new(), problem });
                    }
                },
                Err(error) => {
                    let problem = format!("cannot be read: {error}");
                    mistakes.push(Mistake { place: Some((file.clone(), None)), key: String::new(), problem });
                }
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let environment = config::Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(Some(environment.iter().cloned().collect()));
        let merged = layers
            .iter()
            .fold(config::Config::builder(), |builder, layer| {
                builder.add_source(config::File::from_str(layer, config::FileFormat::Toml))
            })
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize::<Value>);
        match merged {
            Ok(value) => Ok(Tree { value, files: texts }),
            Err(error) => Err(vec![Mistake { place: None, key: String::new(), problem: error.to_string() }]),
        }
    }

    /// The struct the tree describes, or every mistake in it.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Vec<Mistake>> {
        let mut value = self.value.clone();
        let mut mistakes = Vec::new();
        loop {
            match serde_path_to_error::deserialize::<_, T>(&value) {
                Ok(parsed) if mistakes.is_empty() => return Ok(parsed),
                Ok(_) => return Err(mistakes),
                Err(error) => {
                    let problem = error.inner().to_string();
                    let mut path = steps(error.path());
                    if let Some(key) = unknown_key(&problem)
                        && path.last() != Some(&Step::Key(key.to_owned()))
                    {
                        path.push(Step::Key(key.to_owned()));
                    }
                    let unknown = unknown_key(&problem).is_some();
                    let shown = if unknown { problem.replace("unknown field", "unknown key") } else { problem };
                    mistakes.push(self.mistake(&render(&path), shown));
                    if mistakes.len() >= MISTAKES_MAX || !remove(&mut value, &path) {
                        return Err(mistakes);
                    }
                }
            }
        }
    }

    /// Whether anything is written at a key path such as `detector.maxima`.
    pub fn writes(&self, key: &str) -> bool {
        let found = parse_path(key).iter().try_fold(&self.value, |at, step| match step {
            Step::Key(key) => at.get(key.as_str()),
            Step::Index(index) => at.get(*index),
        });
        found.is_some()
    }

    /// A mistake at a key path such as `sources[1].zone`, with the line where that key is written.
    pub fn mistake(&self, key: &str, problem: String) -> Mistake {
        let steps = parse_path(key);
        // The last file that writes the key wins, as it does when merging; a shorter path is better than none.
        let place = (1..=steps.len()).rev().find_map(|length| {
            self.files.iter().rev().find_map(|(file, text)| {
                offset_of(text, &steps[..length]).map(|at| (file.clone(), Some(line_of(text, at))))
            })
        });
        let place = place.or_else(|| self.files.last().map(|(file, _)| (file.clone(), None)));
        Mistake { place, key: key.to_owned(), problem }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn render(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                let is_bare =
                    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
                if is_bare { text.push_str(key) } else { text.push_str(&format!("{key:?}")) }
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// The steps of `a.b[1]."c.d".e`.
fn parse_path(text: &str) -> Vec<Step> {
    let mut path = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '.' => rest = &rest[1..],
            '"' => {
                let (key, after) = quoted_key(&rest[1..]);
                path.push(Step::Key(key));
                rest = after;
            }
            '[' => {
                let (index, after) = rest[1..].split_once(']').unwrap_or((&rest[1..], ""));
                path.push(index.parse().map_or_else(|_| Step::Key(index.to_owned()), Step::Index));
                rest = after;
            }
            _ => {
                let (key, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                path.push(Step::Key(key.to_owned()));
                rest = after;
            }
        }
    }
    path
}

/// A key up to its closing quote, and what is behind that.
fn quoted_key(text: &str) -> (String, &str) {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (key, &text[at + 1..]),
            '\\' => key.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => key.push(character),
        }
    }
    (key, "")
}

/// The key in serde's "unknown field `key`, expected …".
fn unknown_key(problem: &str) -> Option<&str> {
    problem.strip_prefix("unknown field `")?.split('`').next()
}

/// Takes what is wrong out of the tree, so that the next round finds the next mistake. A missing key condemns the table
/// that should hold it. False: nothing could be taken out.
fn remove(value: &mut Value, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut at = value;
    for step in parents {
        let next = match step {
            Step::Key(key) => at.get_mut(key.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        match next {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    match (last, at) {
        (Step::Key(key), Value::Object(table)) => table.remove(key).is_some(),
        // Not removed: the indices of what follows must stay true. `null` deserialises as nothing useful, so drop from
        // the back only and blank in the middle.
        (Step::Index(index), Value::Array(items)) if *index < items.len() => {
            items.truncate(*index);
            true
        }
        _ => false,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// Byte offset at which the key (or array element) at this path is written.
fn offset_of(text: &str, path: &[Step]) -> Option<usize> {
    use toml::de::{DeTable, DeValue};
    let table = DeTable::parse(text).ok()?;
    let mut offset = None;
    let mut tables = Some(table.get_ref());
    let mut value: Option<&DeValue<'_>> = None;
    for step in path {
        match step {
            Step::Key(key) => {
                let table = match value {
                    Some(DeValue::Table(inner)) => inner,
                    Some(_) => return None,
                    None => tables.take()?,
                };
                let (name, inner) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key.as_str())?;
                offset = Some(name.span().start);
                value = Some(inner.get_ref());
            }
            Step::Index(index) => {
                let Some(DeValue::Array(items)) = value else { return None };
                let item = items.get(*index)?;
                offset = Some(item.span().start);
                value = Some(item.get_ref());
            }
        }
    }
    offset
}

/// The process's environment, as [`Tree::read`] wants it.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect()
}

/// Files named in a configuration file (keys `file`, `…_file` and `folder`, and all in a table `…_files`) are looked for beside it
/// first; what is not there stays relative to the working directory.
fn anchor(table: &mut toml::Table, file: &Path) {
    let directory = file.parent().unwrap_or_else(|| Path::new(""));
    let beside = |path: &mut String| {
        let beside = directory.join(path.as_str());
        if let Some(beside) = beside.to_str().filter(|_| beside.exists()) {
            *path = beside.to_owned();
        }
    };
    for (key, value) in table {
        match value {
            toml::Value::String(path) if key == "file" || key == "folder" || key.ends_with("_file") => beside(path),
            toml::Value::Table(files) if key.ends_with("_files") => {
                for (_, value) in files {
                    if let toml::Value::String(path) = value {
                        beside(path);
                    }
                }
            }
            toml::Value::Table(inner) => anchor(inner, file),
            toml::Value::Array(items) => {
                items.iter_mut().filter_map(toml::Value::as_table_mut).for_each(|inner| anchor(inner, file));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        count: u32,
        name: String,
    }

    impl Default for Inner {
        fn default() -> Self {
            Inner { count: 1, name: "x".into() }
        }
    }

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Item {
        kind: String,
    }

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    #[derive(Default)]
    struct Root {
        inner: Inner,
        items: Vec<Item>,
    }

    fn tree(text: &str, environment: &[(&str, &str)]) -> Result<Tree, Vec<Mistake>> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("breachd-load-{}-{n}.toml", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let tree = Tree::read(std::slice::from_ref(&file), &environment);
        std::fs::remove_file(file).unwrap();
        tree
    }

    fn lines(mistakes: &[Mistake]) -> Vec<(Option<usize>, &str)> {
        mistakes
            .iter()
            .map(|mistake| (mistake.place.as_ref().and_then(|(_, line)| *line), mistake.key.as_str()))
            .collect()
    }

    #[test]
    fn every_mistake_is_reported_with_its_line() {
        let text =
            "colour = 1\n[inner]\ncount = \"many\"\nsize = 2\n\n[[items]]\nkind = \"a\"\n[[items]]\nkid = \"b\"\n";
        let mistakes = tree(text, &[]).unwrap().parse::<Root>().unwrap_err();
        let mut found = lines(&mistakes);
        found.sort();
        assert_eq!(
            found,
            [
                (Some(1), "colour"),
                (Some(3), "inner.count"),
                (Some(4), "inner.size"),
                (Some(8), "items[1]"),
                (Some(9), "items[1].kid")
            ]
        );
    }

    #[test]
    fn the_environment_wins_and_keeps_types() {
        let tree = tree("[inner]\ncount = 2\n", &[("BREACHD__INNER__COUNT", "7")]).unwrap();
        assert_eq!(tree.parse::<Root>().unwrap().inner.count, 7);
    }

    #[test]
    fn files_are_found_beside_the_file_that_names_them() {
        let directory = std::env::temp_dir().join(format!("breachd-anchor-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("there.csv"), "").unwrap();
        let mut table: toml::Table =
            "file = \"there.csv\"\n[[items]]\nkey_file = \"not-there\"\nname = \"there.csv\"\n[items.header_files]\nX-Key = \"there.csv\""
                .parse()
                .unwrap();
        anchor(&mut table, &directory.join("breachd.toml"));
        assert_eq!(table["file"].as_str(), directory.join("there.csv").to_str());
        assert_eq!(table["items"][0]["key_file"].as_str(), Some("not-there"));
        assert_eq!(table["items"][0]["name"].as_str(), Some("there.csv"));
        assert_eq!(table["items"][0]["header_files"]["X-Key"].as_str(), directory.join("there.csv").to_str());
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn keys_with_dots_in_them_have_their_own_line() {
        let text = "[inner]\n\"hr.*\" = 1\n\"a\\\"b[0]\" = { x = 2 }\n";
        let tree = tree(text, &[]).unwrap();
        for (key, line) in [("inner.\"hr.*\"", 2), ("inner.\"a\\\"b[0]\".x", 3), ("inner.\"hr.x\"", 1)] {
            assert_eq!(tree.mistake(key, String::new()).place.unwrap().1, Some(line), "{key}");
        }
        let mut found = lines(&tree.parse::<Root>().unwrap_err()).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        found.sort();
        assert_eq!(found, [Some(2), Some(3)]);
        let path = [Step::Key("a".into()), Step::Index(3), Step::Key("hr.\"x\"".into()), Step::Key("b".into())];
        assert_eq!(parse_path(&render(&path)), path);
    }

    #[test]
    fn what_is_no_toml_says_its_line() {
        let mistakes = tree("a = 1\nb = = 2\n", &[]).unwrap_err();
        assert_eq!(lines(&mistakes), [(Some(2), "")]);
    }
}
