//! All rules that are in force, and what of them an entry matches.

use crate::{
    Category, Mistake, Rule,
    field::View,
    limits::{FILE_BYTES_MAX, MISTAKES_MAX, RULES_MAX, UNSIEVED_MAX},
    sieve::{Agents, Sieve},
    yaml,
};
use activity::{Activity, Mark};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};

/// A file of rules.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// For messages.
    pub name: &'a str,
    pub text: &'a str,
}

/// Rules, checked together. Immutable: another set takes its place whole.
#[derive(Debug, Default)]
pub struct Set {
    rules: Vec<Rule>,
    sieves: Option<[Sieve; 2]>,
    digest: String,
}

/// Asks a set about entries; keeps room between them.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    set: Arc<Set>,
    agents: Agents,
    candidates: Vec<u32>,
    matched: Vec<Arc<Mark>>,
}

impl Set {
    /// Reads files. `reserved`: names that no rule may have, because detectors do. `off`: names of rules that are not wanted.
    ///
    /// # Errors
    /// Every mistake of every file, in order, up to [`MISTAKES_MAX`].
    pub fn read(files: &[File<'_>], reserved: &[&str], off: &[String]) -> Result<Set, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut rules: Vec<(usize, Rule)> = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let mut found = Vec::new();
            if FILE_BYTES_MAX < file.text.len() {
                found.push(Mistake::at(1, format!("is longer than {FILE_BYTES_MAX} bytes")));
            } else {
                let documents = yaml::documents(file.text, &mut found);
                if documents.is_empty() && found.is_empty() {
                    found.push(Mistake::at(1, "holds no rule"));
                }
                rules.extend(documents.iter().filter_map(|node| Some((number, Rule::read(node, &mut found)?))));
            }
            found.sort();
            mistakes.extend(found.into_iter().map(|mistake| Mistake { file: file.name.to_owned(), ..mistake }));
        }
        // Names are judged with all rules there, so that a rule switched off still keeps its name.
        let place = |number: usize| files.get(number).map_or("", |file| file.name);
        let mut names: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let mut paging = 0;
        for (number, rule) in &rules {
            let mut wrong = |problem: String| {
                mistakes.push(Mistake { file: place(*number).to_owned(), line: rule.line, problem });
            };
            let name = &*rule.mark.rule;
            if reserved.contains(&name) {
                wrong(format!("`{name}` is the name of a detector; write another `name`"));
            }
            if let Some((other, line)) = names.insert(name, (*number, rule.line)) {
                wrong(format!("a rule `{name}` is there already: {}:{line}", place(other)));
            }
            let is_off = off.iter().any(|off| off == name);
            paging += usize::from(rule.mark.page && !is_off);
            if rule.mark.page && !is_off && paging == Mark::MAX + 1 {
                wrong(format!("more than {} rules with `page: true`: a tally holds no more", Mark::MAX));
            }
        }
        for name in off.iter().filter(|name| !names.contains_key(name.as_str())) {
            let problem = format!("`off` names a rule `{}`, which is not there", crate::shown(name));
            mistakes.push(Mistake { file: String::new(), line: 0, problem });
        }
        rules.retain(|(_, rule)| !off.iter().any(|off| *off == *rule.mark.rule));
        if let Some((number, rule)) = rules.get(RULES_MAX) {
            let problem = format!("more than {RULES_MAX} rules");
            mistakes.push(Mistake { file: place(*number).to_owned(), line: rule.line, problem });
        }
        let digest = digest(files, off);
        let set = Set { digest, ..Set::of(rules.into_iter().map(|(_, rule)| rule).collect()) };
        let unsieved = set.sieves.iter().flatten().map(Sieve::unsieved).max().unwrap_or(0);
        if UNSIEVED_MAX < unsieved {
            let problem = format!(
                "{unsieved} rules of one category have no word of three letters that a match must hold, and would be asked about \
                 every entry; at most {UNSIEVED_MAX} may be so: put a `contains` beside `re`, `not` and `sc-status`"
            );
            mistakes.push(Mistake { file: String::new(), line: 0, problem });
        }
        if mistakes.is_empty() {
            return Ok(set);
        }
        if MISTAKES_MAX < mistakes.len() {
            let more = mistakes.len() - MISTAKES_MAX;
            mistakes.truncate(MISTAKES_MAX);
            mistakes.push(Mistake { file: String::new(), line: 0, problem: format!("and {more} more mistakes") });
        }
        Err(mistakes)
    }

    fn of(rules: Vec<Rule>) -> Set {
        let sieves = (!rules.is_empty()).then(|| Category::ALL.map(|category| Sieve::new(&rules, category)));
        Set { rules, sieves, digest: String::new() }
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Tells one set from another: the first 8 bytes of SHA-256 over the texts of its files, whatever these are called and in whatever
    /// order they came, and over what is off; in hexadecimal. Instances that show the same digest judge by the same rules. Empty: the
    /// empty set, of no file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The same answer as [`Matcher::marks`], without the sieve: every rule is asked.
    pub fn marks_unsieved(&self, activity: &Activity<'_>) -> Vec<Arc<Mark>> {
        let Some(category) = Category::of(activity) else { return Vec::new() };
        let view = View::new(activity);
        let of_category = self.rules.iter().filter(|rule| rule.category == category);
        of_category.filter(|rule| rule.matches(&view)).map(|rule| rule.mark.clone()).collect()
    }
}

fn digest(files: &[File<'_>], off: &[String]) -> String {
    let mut texts: Vec<&str> = files.iter().map(|file| file.text).collect();
    let mut names: Vec<&str> = off.iter().map(String::as_str).collect();
    texts.sort_unstable();
    names.sort_unstable();
    names.dedup();
    let mut hash = Sha256::new();
    for part in [texts, names] {
        hash.update((part.len() as u64).to_le_bytes());
        for text in part {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Matcher {
    pub fn new(set: Arc<Set>) -> Self {
        Matcher { set, ..Matcher::default() }
    }

    pub fn set(&self) -> &Arc<Set> {
        &self.set
    }

    /// What the rules say of an entry; in the order in which they were read.
    pub fn marks(&mut self, activity: &Activity<'_>) -> &[Arc<Mark>] {
        self.matched.clear();
        if let Some(sieves) = &self.set.sieves
            && let Some(category) = Category::of(activity)
        {
            sieves[category as usize].candidates(activity, &mut self.agents, &mut self.candidates);
            if !self.candidates.is_empty() {
                let view = View::new(activity);
                for at in &self.candidates {
                    if let Some(rule) = self.set.rules.get(*at as usize)
                        && rule.matches(&view)
                    {
                        self.matched.push(rule.mark.clone());
                    }
                }
            }
        }
        &self.matched
    }
}
