//! `breachd formats`: the formats and envelopes that are read, and the manual page of each.
//!
//! The page of a format is the doc at the head of its source file, so that there is one text for readers of the code and for
//! operators. What a machine knows better (how entries are framed, which measures it knows, what writes it) stands above it.

use crate::settings::Usage;
use formats::{FORMATS, FormatSpec, Framing, envelope::ENVELOPES, envelope::Envelope};
use std::io::{self, Write};

macro_rules! pages {
    ($($name:literal = $file:literal),* $(,)?) => {
        /// Source file of each format, by its name.
        const PAGES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../formats/src/", $file)))),*];
    };
}

pages! {
    "nginx_json" = "nginx_json.rs",
    "access_combined" = "access_combined.rs",
    "apache_json" = "apache_json.rs",
    "mariadb_server_audit" = "mariadb_server_audit.rs",
    "mariadb_slow_log" = "mariadb_slow_log.rs",
    "mariadb_general_log" = "mariadb_general_log.rs",
    "mariadb_error_log" = "mariadb_error_log.rs",
    "mysql_audit_json" = "mysql_audit_json.rs",
    "postgres_csv" = "postgres_csv.rs",
    "postgres_json" = "postgres_json.rs",
    "hr_audit_json" = "hr_audit_json.rs",
    "monolog_json" = "monolog_json.rs",
    "monolog_line" = "monolog_line.rs",
    "magento_db_log" = "magento_db_log.rs",
    "debezium" = "debezium.rs",
    "auto" = "sniff.rs",
}

/// All of them, a line each.
pub fn list(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "formats")?;
    for format in FORMATS {
        let zone = if format.needs_zone { " (needs `zone`)" } else { "" };
        writeln!(out, "  {:<22} {}{zone}", format.name, format.summary)?;
    }
    writeln!(out, "\nenvelopes, taken off before an entry is read")?;
    for envelope in ENVELOPES {
        writeln!(out, "  {:<22} {}", envelope.name, envelope.summary)?;
    }
    writeln!(out, "\n`breachd formats NAME` shows the manual of one")
}

/// The manual page of a format or an envelope.
pub fn page(name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    match (FormatSpec::by_name(name), Envelope::by_name(name)) {
        (Some(format), _) => Ok(format_page(format, out)?),
        (None, Some(envelope)) => Ok(write!(out, "{}: {}\n\n{}", envelope.name, envelope.summary, envelope.manual())?),
        (None, None) => {
            let name = activity::printable_within(name, 60);
            Err(Usage(format!("there is no format or envelope `{name}`; `breachd formats` lists them")).into())
        }
    }
}

fn format_page(format: &FormatSpec, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}\n", format.name, format.summary)?;
    let framing = match format.framing {
        Framing::Line => "one line or record is one entry",
        Framing::Lines(_) => "an entry spans lines, which are put together again if they arrive one by one",
    };
    writeln!(out, "entries   {framing}")?;
    let zone = if format.is_auto() {
        "some of these logs carry no zone in their times: a source must say in which `zone` they are"
    } else if format.needs_zone {
        "its times carry no zone: a source must say in which `zone` they are"
    } else {
        "its times carry their zone, or the envelope's time serves"
    };
    writeln!(out, "zone      {zone}")?;
    let knows = format.knows;
    let known: Vec<&str> = [
        (knows.requests, "requests"),
        (knows.statements, "statements with account and tables"),
        (knows.results, "errors and refusals"),
        (knows.rows, "rows of a statement"),
        (knows.people, "people by name"),
    ]
    .into_iter()
    .filter_map(|(known, what)| known.then_some(what))
    .collect();
    if !known.is_empty() {
        writeln!(out, "knows     {}", known.join(", "))?;
    }
    if let Some(snippet) = ingest::coverage::snippet(format.name) {
        writeln!(out, "writer    {snippet} configures it")?;
    }
    let file = PAGES.iter().find(|(name, _)| *name == format.name).map_or("", |(_, file)| file);
    write!(out, "\n{}", head(file))
}

/// The doc at the head of a source file.
fn head(file: &str) -> String {
    let docs = file.lines().map_while(|line| line.strip_prefix("//!"));
    docs.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_and_envelope_has_a_page() {
        for format in FORMATS {
            let mut out = Vec::new();
            page(format.name, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let (_, manual) =
                text.split_once("\n# ").unwrap_or_else(|| panic!("add `{}` to `pages!` in this file", format.name));
            assert!(manual.lines().count() > 5, "{}: {text}", format.name);
        }
        for envelope in ENVELOPES {
            let mut out = Vec::new();
            page(envelope.name, &mut out).unwrap();
            assert!(100 < out.len(), "{}", envelope.name);
        }
        let mut out = Vec::new();
        assert!(page("nginx", &mut out).unwrap_err().downcast_ref::<Usage>().is_some());
        list(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(FORMATS.iter().all(|format| text.contains(format.name)));
    }
}
