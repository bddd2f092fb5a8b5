//! What a follow-up says that the document before it did not: whole lines, in the order in which they stand.

use crate::{Block, Document, limits, words::Words, words::fill};
use std::collections::BTreeSet;

/// What is new, and what no longer holds. Headings are no news; that an open point is settled shows by what settles it.
pub(crate) fn of(now: &Document, before: &Document, words: &Words, at: &str) -> Document {
    let told = facts(before);
    let tells = facts(now);
    let known: BTreeSet<&String> = told.iter().map(|(_, line)| line).collect();
    let said: BTreeSet<&String> = tells.iter().map(|(_, line)| line).collect();
    let new = tells.iter().filter(|(_, line)| !known.contains(line)).map(|(_, line)| line.clone());
    let gone = told.iter().filter(|(open, line)| !open && !said.contains(line));
    let all: Vec<String> = new.chain(gone.map(|(_, line)| fill(words.gone, &[line]))).collect();
    let mut news = Document::new(now.language);
    news.heading(2, words.news);
    if all.is_empty() {
        news.paragraph(&fill(words.no_news, &[at]));
        return news;
    }
    news.paragraph(&fill(words.news_since, &[at]));
    all.iter().take(limits::NEWS_MAX).for_each(|line| news.item(line));
    if all.len() > limits::NEWS_MAX {
        news.item(&fill(words.and_more, &[&words.number((all.len() - limits::NEWS_MAX) as u64)]));
    }
    news
}

/// (Whether it is an open point, the line as people read it.)
fn facts(document: &Document) -> Vec<(bool, String)> {
    let mut facts = Vec::new();
    for block in &document.blocks {
        match block {
            Block::Heading(..) => {}
            Block::Paragraph(text) | Block::Item(text) => facts.push((false, text.clone())),
            Block::Open(text) => facts.push((true, text.clone())),
            // A cell alone says nothing: its row, with the header's words.
            Block::Table { header, rows } => facts.extend(rows.iter().map(|row| {
                let cells: Vec<String> = header.iter().zip(row).map(|(name, cell)| format!("{name}: {cell}")).collect();
                (false, cells.join("; "))
            })),
        }
    }
    facts
}
