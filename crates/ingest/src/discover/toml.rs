//! The proposal as a piece of configuration.

use super::{Proposal, Proposed};
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
            "# Proposed from logs. Read it before you ship it: a log shows what was used, not what there is.\n",
        );
        self.notes.iter().try_for_each(|note| writeln!(to, "# {}", printable(note)))?;
        to.push_str("\n[classification.tables]\n");
        self.tables.iter().try_for_each(|line| write_line(to, "", line, "statements"))?;
        if !self.built_in.is_empty() {
            to.push_str("# Known without configuration:\n");
            self.built_in.iter().try_for_each(|line| write_line(to, "# ", line, "statements"))?;
        }
        to.push_str("\n[classification.routes]\n");
        self.routes.iter().try_for_each(|line| write_line(to, "", line, "requests"))?;
        if !self.routes_to_decide.is_empty() {
            to.push_str("# These read HR data, probably the user's own; decide yourself:\n");
            self.routes_to_decide.iter().try_for_each(|line| write_line(to, "# ", line, "requests"))?;
        }
        for (section, reason, names) in [
            ("views", "READ rows or CREATE VIEW tell of the tables behind", &self.views),
            ("triggers", "each write of the table came with a write of these", &self.triggers),
        ] {
            if names.is_empty() {
                continue;
            }
            writeln!(to, "\n[classification.{section}]  # {reason}")?;
            for (name, tables) in names {
                let tables: Vec<_> = tables.iter().map(|table| quoted(table)).collect();
                writeln!(to, "{} = [{}]", quoted(name), tables.join(", "))?;
            }
        }
        self.write_attribution(to)
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
}

fn write_line(to: &mut String, before: &str, line: &Proposed, unit: &str) -> fmt::Result {
    let Proposed { pattern, class, reason, seen } = line;
    let note = if *class == DataClass::None { " (else a built-in pattern would decide)" } else { "" };
    writeln!(to, "{before}{} = \"{class}\"  # {seen} {unit}: {}{note}", quoted(pattern), printable(reason))
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
