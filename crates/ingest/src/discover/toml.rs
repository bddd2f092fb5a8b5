//! The proposal as a piece of configuration.

use super::{ByChange, Proposal, Proposed, TaggedAccount, Triggers};
use activity::{DataClass, printable};
use std::fmt::{self, Write as _};

impl Proposal {
    /// A piece of configuration that is valid as it stands, with the reasons as comments. The same for the same logs.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string takes all");
        text
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        to.push_str(
            "# Proposed from what was read. Read it before you ship it: a log shows what was used, not what there is.\n",
        );
        self.notes.iter().try_for_each(|note| writeln!(to, "# {}", printable(note)))?;
        to.push_str("\n[classification.tables]\n");
        self.tables.iter().try_for_each(|line| write_line(to, "", line, "statements"))?;
        if !self.built_in.is_empty() {
            to.push_str("# Known without configuration:\n");
            self.built_in.iter().try_for_each(|line| write_line(to, "# ", line, "statements"))?;
        }
        if !self.tables_to_decide.is_empty() {
            to.push_str("# Too little tells what these hold; without a line all stays as it is. Decide yourself:\n");
            self.tables_to_decide.iter().try_for_each(|line| write_line(to, "# ", line, "statements"))?;
        }
        to.push_str("\n[classification.routes]\n");
        self.routes.iter().try_for_each(|line| write_line(to, "", line, "requests"))?;
        if !self.routes_to_decide.is_empty() {
            to.push_str("# These read HR data, probably the user's own; decide yourself:\n");
            self.routes_to_decide.iter().try_for_each(|line| write_line(to, "# ", line, "requests"))?;
        }
        self.write_behind(to)?;
        self.write_attribution(to)
    }

    fn write_behind(&self, to: &mut String) -> fmt::Result {
        for (section, reason, names) in [
            ("views", "READ rows, CREATE VIEW or the schema tell of the tables behind", &self.views),
            ("functions", "the schema tells of the tables they read", &self.functions),
        ] {
            if !names.is_empty() {
                writeln!(to, "\n[classification.{section}]  # {reason}")?;
            }
            names.iter().try_for_each(|(name, tables)| writeln!(to, "{} = {}", quoted(name), list(tables)))?;
        }
        if !self.triggers.is_empty() {
            let reason = "each such write of the table came with a write of these, or the schema tells of them";
            writeln!(to, "\n[classification.triggers]  # {reason}")?;
        }
        for (name, triggers) in &self.triggers {
            let written = match triggers {
                Triggers::Any(tables) => list(tables),
                Triggers::ByChange(ByChange { insert, update, delete }) => {
                    let changes = [("insert", insert), ("update", update), ("delete", delete)];
                    let changes = changes.into_iter().filter(|(_, tables)| !tables.is_empty());
                    let changes: Vec<_> =
                        changes.map(|(change, tables)| format!("{change} = {}", list(tables))).collect();
                    format!("{{ {} }}", changes.join(", "))
                }
            };
            writeln!(to, "{} = {written}", quoted(name))?;
        }
        Ok(())
    }

    fn write_attribution(&self, to: &mut String) -> fmt::Result {
        if self.tags.is_empty() && self.login_routes.is_empty() && !self.request_ids {
            return Ok(());
        }
        to.push_str("\n[attribution]\n");
        if !self.tags.is_empty() {
            to.push_str("sql_tags = [\n");
            for (key, front, share) in &self.tags {
                let position = if *front { "front" } else { "end" };
                let key = quoted(key);
                writeln!(
                    to,
                    "    {{ key = {key}, position = \"{position}\" }},  # {:.1} % of the statements",
                    share * 100.0
                )?;
            }
            to.push_str("]\n");
        }
        self.write_tagged_accounts(to)?;
        if !self.login_routes.is_empty() {
            to.push_str("login_routes = [\n");
            let known = formats::Context::LOGIN_ROUTES.into_iter().map(str::to_owned);
            for route in known.chain(self.login_routes.iter().cloned()) {
                writeln!(to, "    {},", quoted(&route))?;
            }
            to.push_str("]\n");
        }
        if self.request_ids {
            to.push_str("request_ids = true  # statements and requests carry one\n");
        }
        Ok(())
    }

    /// An empty list would be one of all accounts.
    fn write_tagged_accounts(&self, to: &mut String) -> fmt::Result {
        if self.tagged_accounts.is_empty() {
            return Ok(());
        }
        let none = if self.tagged_accounts.iter().all(|account| account.doubtful) { "# " } else { "" };
        writeln!(to, "{none}tagged_accounts = [  # whose tags are believed: the application's, from all its hosts")?;
        for TaggedAccount { name, statements, tagged, doubtful } in &self.tagged_accounts {
            let (before, note) = if *doubtful { ("# ", ": few; decide yourself") } else { ("", "") };
            writeln!(to, "    {before}{},  # {tagged} of {statements} statements carry a tag{note}", quoted(name))?;
        }
        writeln!(to, "{none}]")
    }
}

fn write_line(to: &mut String, before: &str, line: &Proposed, unit: &str) -> fmt::Result {
    let Proposed { pattern, class, reason, seen } = line;
    let note = if *class == DataClass::None { " (else a wider pattern decides)" } else { "" };
    let seen = if *seen == 0 { "in the schema".to_owned() } else { format!("{seen} {unit}") };
    writeln!(to, "{before}{} = \"{class}\"  # {seen}: {}{note}", quoted(pattern), printable(reason))
}

/// A list of names.
fn list(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(character)).expect("a string takes all");
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}ü"), "\"a\\\"b\\\\c\\u000A\\u007Fü\"");
    }
}
