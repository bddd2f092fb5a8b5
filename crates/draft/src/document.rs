//! A document as a list of blocks, and its text, from which it can be read again.
//!
//! The text's rules, a small part of what Markdown programs read too:
//! ```text
//! # Title                      one to three `#`: a heading of that level
//! a paragraph                  one line
//! - an item                    of a list
//! [?] something not known      an open point
//! | a | b |                    a row of a table; the first one is its header, `|---|---|` follows it
//! ```
//! A `\` comes before what would look like another kind of block, and before `|` and `\` in a cell. Every block is one line (a table: one
//! line a row), because every text is printable, and a printable text has no line break. Reading is total.

use crate::{Language, limits};
use activity::printable_within;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// One block; its texts are printable, trimmed and not empty if it was made by [`Document`]'s own functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Level (1 to 3) and text.
    Heading(u8, String),
    Paragraph(String),
    Item(String),
    /// What is not known yet, in words that say so.
    Open(String),
    /// All rows are as wide as the header.
    Table {
        header: Vec<String>,
        rows: Vec<Vec<String>>,
    },
}

/// A title, sections, paragraphs, lists, tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub language: Language,
    pub blocks: Vec<Block>,
}

const OPEN: &str = "[?] ";
const ITEM: &str = "- ";

impl Document {
    pub fn new(language: Language) -> Self {
        Document { language, blocks: Vec::new() }
    }

    pub fn heading(&mut self, level: u8, text: &str) {
        self.push(text, |text| Block::Heading(level.clamp(1, 3), text));
    }

    pub fn paragraph(&mut self, text: &str) {
        self.push(text, Block::Paragraph);
    }

    pub fn item(&mut self, text: &str) {
        self.push(text, Block::Item);
    }

    pub fn open(&mut self, text: &str) {
        self.push(text, Block::Open);
    }

    /// A cell without text is a dash: an empty one says nothing to whoever hears the table read.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        let cell = |text: &str| line(text).unwrap_or_else(|| "–".to_owned());
        let header: Vec<String> = header.iter().map(|text| cell(text)).collect();
        let row = |row: &Vec<String>| {
            (0..header.len()).map(|at| cell(row.get(at).map_or("", String::as_str))).collect::<Vec<_>>()
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        if !header.is_empty() && !rows.is_empty() {
            self.blocks.push(Block::Table { header, rows });
        }
    }

    fn push(&mut self, text: &str, block: impl FnOnce(String) -> Block) {
        self.blocks.extend(line(text).map(block));
    }

    /// The first heading's text.
    pub fn title(&self) -> &str {
        let title = self.blocks.iter().find_map(|block| match block {
            Block::Heading(_, text) => Some(text.as_str()),
            _ => None,
        });
        title.unwrap_or_default()
    }

    /// The canonical text, ending in a line break.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut before: Option<&Block> = None;
        for block in &self.blocks {
            let joins = matches!(
                (before, block),
                (Some(Block::Item(_)), Block::Item(_)) | (Some(Block::Open(_)), Block::Open(_))
            );
            if before.is_some() && !joins {
                text.push('\n');
            }
            block.write(&mut text);
            before = Some(block);
        }
        text
    }

    /// What a text says.
    pub fn read(text: &str, language: Language) -> Self {
        let mut document = Document::new(language);
        let mut in_table = false;
        for line in text.lines() {
            let cells = cells(line);
            let was_in_table = std::mem::replace(&mut in_table, cells.is_some());
            match (cells, document.blocks.last_mut()) {
                (Some(cells), Some(Block::Table { header, rows })) if was_in_table => {
                    if !cells.iter().all(|cell| cell == "---") {
                        rows.push((0..header.len()).map(|at| cells.get(at).cloned().unwrap_or_default()).collect());
                    }
                }
                (Some(cells), _) => document.blocks.push(Block::Table { header: cells, rows: Vec::new() }),
                (None, _) => document.blocks.extend(Block::read(line)),
            }
        }
        document
    }

    /// How many points are open.
    pub fn n_open(&self) -> usize {
        self.blocks.iter().filter(|block| matches!(block, Block::Open(_))).count()
    }

    /// Leaves the last blocks off until the text fits; whether it had to.
    pub(crate) fn fit(&mut self, bytes_max: usize, and_says: &str) -> bool {
        if self.text().len() <= bytes_max {
            return false;
        }
        let room = bytes_max.saturating_sub(and_says.len() + 8);
        let (mut size, mut keep) = (0, 0);
        for block in &self.blocks {
            let mut text = String::from("\n");
            block.write(&mut text);
            size += text.len();
            if size > room {
                break;
            }
            keep += 1;
        }
        self.blocks.truncate(keep);
        self.paragraph(and_says);
        true
    }
}

impl Block {
    fn write(&self, text: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Block::Heading(level, words) => writeln!(text, "{} {words}", "#".repeat(usize::from(*level))),
            Block::Paragraph(words) if words.starts_with(['#', '-', '[', '|', '\\']) => writeln!(text, "\\{words}"),
            Block::Paragraph(words) => writeln!(text, "{words}"),
            Block::Item(words) => writeln!(text, "{ITEM}{words}"),
            Block::Open(words) => writeln!(text, "{OPEN}{words}"),
            Block::Table { header, rows } => {
                write_row(text, header);
                let _ = writeln!(text, "|{}", "---|".repeat(header.len()));
                rows.iter().for_each(|row| write_row(text, row));
                Ok(())
            }
        };
    }

    fn read(line: &str) -> Option<Self> {
        if line.trim().is_empty() {
            return None;
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        if let (1..=3, Some(words)) = (level, line[level..].strip_prefix(' ')) {
            return Some(Block::Heading(level as u8, words.to_owned()));
        }
        if let Some(words) = line.strip_prefix(ITEM) {
            return Some(Block::Item(words.to_owned()));
        }
        if let Some(words) = line.strip_prefix(OPEN) {
            return Some(Block::Open(words.to_owned()));
        }
        Some(Block::Paragraph(line.strip_prefix('\\').unwrap_or(line).to_owned()))
    }
}

fn write_row(text: &mut String, cells: &[String]) {
    text.push('|');
    for cell in cells {
        text.push(' ');
        for character in cell.chars() {
            if matches!(character, '|' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push_str(" |");
    }
    text.push('\n');
}

/// The cells of a table's line; `None`: it is none.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?;
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => cell.extend(characters.next()),
            '|' => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            other => cell.push(other),
        }
    }
    if !cell.trim().is_empty() {
        cells.push(cell.trim().to_owned());
    }
    Some(cells)
}

/// One printable, trimmed line; `None`: there is nothing in it. A cell that consists of `---` would be taken for a rule.
fn line(text: &str) -> Option<String> {
    let shown = printable_within(text.trim(), limits::LINE_MAX);
    let shown = shown.trim();
    match shown {
        "" => None,
        "---" => Some("–".to_owned()),
        _ => Some(shown.to_owned()),
    }
}

/// What a person wrote, one printable line a paragraph.
pub fn paragraphs(written: &str) -> Vec<String> {
    written.lines().filter_map(line).collect()
}

/// SHA-256 of a text's bytes, 64 hexadecimal digits: what `sha256sum` prints.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = String> {
        let odd =
            prop::sample::select(&["# ", "- ", "[?] ", "|", "\\", "---", "\n", " ", "\u{202e}", "ä", "<b>", "x"][..]);
        prop_oneof![any::<String>(), prop::collection::vec(odd, 0..12).prop_map(|parts| parts.concat())]
    }

    fn documents() -> impl Strategy<Value = Document> {
        let block = (0..5u8, texts(), texts(), texts());
        prop::collection::vec(block, 0..12).prop_map(|blocks| {
            let mut document = Document::new(Language::English);
            for (kind, a, b, c) in blocks {
                match kind {
                    0 => document.heading(1 + (a.len() % 3) as u8, &a),
                    1 => document.paragraph(&a),
                    2 => document.item(&a),
                    3 => document.open(&a),
                    _ => document.table(&[&a, &b], &[vec![b.clone(), c], vec![a.clone()]]),
                }
            }
            document
        })
    }

    proptest! {
        #[test]
        fn a_document_is_read_from_its_text(document in documents()) {
            let text = document.text();
            let read = Document::read(&text, Language::English);
            prop_assert_eq!(&read, &document);
            prop_assert_eq!(read.text(), text);
        }

        #[test]
        fn reading_is_total_and_what_is_read_is_stable(text in texts()) {
            let once = Document::read(&text, Language::English).text();
            let clean = paragraphs(&text);
            prop_assert!(clean.iter().all(|line| !line.contains('\n') && line.trim() == line));
            let _ = Document::read(&once, Language::English);
        }

        #[test]
        fn a_document_that_is_too_long_says_so(document in documents(), max in 60..400usize) {
            let mut cut = document.clone();
            let was_cut = cut.fit(max, "The rest is left off.");
            prop_assert!(cut.text().len() <= max);
            prop_assert_eq!(was_cut, cut != document);
            prop_assert!(!was_cut || cut.text().ends_with("The rest is left off.\n"));
        }
    }

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "FIPS 180-2, B.1"
        );
    }

    #[test]
    fn people_can_read_it() {
        let mut document = Document::new(Language::English);
        document.heading(1, "Notice");
        document.paragraph("- not an item");
        document.item("one");
        document.item("two\nlines");
        document.open("Not known yet: why.");
        document.table(&["What", "At least"], &[vec!["a|b".into(), "3".into()]]);
        let text = "# Notice\n\n\\- not an item\n\n- one\n- two␊lines\n\n[?] Not known yet: why.\n\n| What | At least |\n|---|---|\n| a\\|b | 3 |\n";
        assert_eq!(document.text(), text);
        assert_eq!((document.title(), document.n_open()), ("Notice", 1));
    }
}
