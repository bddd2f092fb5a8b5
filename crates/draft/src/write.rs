//! From facts to a document: what every form has in common.

use crate::{
    Answers, Block, Count, Document, Facts, Field, Form, KnownBy, Language, Open, Phase, Previous, limits, news,
    notices, paragraphs,
    words::{Words, fill},
};
use activity::DataClass;

/// A document as it is kept and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The first heading, for a mail's subject.
    pub title: String,
    /// All there is of it.
    pub text: String,
    /// What it should say and does not, in its order, each once.
    pub open: Vec<Open>,
    /// The language it is really in: some forms are prescribed in English.
    pub language: Language,
}

/// Writes one document. The same facts give the same text, to the byte; it holds no time but those of the facts.
///
/// `previous`: what was sent before, of which a follow-up says what is new.
pub fn write(
    form: Form,
    language: Language,
    facts: &Facts,
    answers: &Answers,
    phase: Phase,
    previous: Option<Previous<'_>>,
) -> Written {
    let language = if form.is_english() { Language::English } else { language };
    let mut pen = Pen::new(language, facts, answers);
    let (title, after_title) = match form {
        Form::Authority => notices::authority(&mut pen, phase),
        Form::People => notices::people(&mut pen),
        Form::Massachusetts => notices::massachusetts(&mut pen),
        Form::California => notices::california(&mut pen),
    };
    let Pen { words, document: body, mut open, .. } = pen;
    let mut document = Document::new(language);
    document.heading(1, &title);
    if facts.drill {
        document.paragraph(&fill(words.drill, &[&facts.reference]));
    }
    after_title.iter().for_each(|line| document.paragraph(line));
    let head = document.blocks.len();
    document.blocks.extend(body.blocks);
    if let Some(previous) = previous {
        let before = without_news(Document::read(previous.text, language), words);
        let news = news::of(&document, &before, words, &words.time(previous.at));
        document.blocks.splice(head..head, news.blocks);
    }
    document.fit(limits::TEXT_BYTES_MAX, words.cut);
    open.dedup();
    Written { title: document.title().to_owned(), text: document.text(), open, language }
}

/// What was news once is no part of what is told now.
fn without_news(mut document: Document, words: &Words) -> Document {
    let mut in_news = false;
    document.blocks.retain(|block| {
        if let Block::Heading(_, text) = block {
            in_news = text == words.news;
        }
        !in_news
    });
    document
}

/// Writes, and keeps count of what is not known.
pub(crate) struct Pen<'a> {
    pub(crate) words: &'static Words,
    pub(crate) facts: &'a Facts,
    pub(crate) document: Document,
    answers: &'a Answers,
    open: Vec<Open>,
}

impl<'a> Pen<'a> {
    fn new(language: Language, facts: &'a Facts, answers: &'a Answers) -> Self {
        Pen { words: language.words(), facts, document: Document::new(language), answers, open: Vec::new() }
    }

    pub(crate) fn section(&mut self, heading: &str) {
        self.document.heading(2, heading);
    }

    pub(crate) fn say(&mut self, sentence: &str, with: &[&str]) {
        self.document.paragraph(&fill(sentence, with));
    }

    pub(crate) fn open(&mut self, point: Open) {
        let what = self.words.open.get(point as usize).copied().unwrap_or_default();
        self.document.open(&fill(self.words.not_known, &[what]));
        if !self.open.contains(&point) {
            self.open.push(point);
        }
    }

    /// What a person wrote; whether there is anything.
    pub(crate) fn answer(&mut self, field: Field) -> bool {
        let written = self.answers.get(&field).map(|text| paragraphs(text)).unwrap_or_default();
        written.iter().for_each(|paragraph| self.document.paragraph(paragraph));
        !written.is_empty()
    }

    /// What a person wrote, or that it is not known yet.
    pub(crate) fn answer_or(&mut self, field: Field, point: Open) {
        if !self.answer(field) {
            self.open(point);
        }
    }

    pub(crate) fn contact(&mut self) {
        if self.answer(Field::Contact) {
            return;
        }
        let contact = paragraphs(&self.facts.organisation.contact);
        if contact.is_empty() {
            self.open(Open::Contact);
        }
        contact.iter().for_each(|line| self.document.paragraph(line));
    }

    pub(crate) fn organisation(&mut self) {
        let organisation = &self.facts.organisation;
        if organisation.name.trim().is_empty() {
            return self.open(Open::Organisation);
        }
        self.document.paragraph(&organisation.name);
        for (sentence, text) in
            [(self.words.address, &organisation.address), (self.words.representative, &organisation.representative)]
        {
            if !text.trim().is_empty() {
                self.say(sentence, &[text]);
            }
        }
    }

    /// `personnel data and payment data`; empty: nothing personal is known to be concerned.
    pub(crate) fn classes(&self) -> String {
        let named: Vec<String> = self
            .facts
            .classes
            .iter()
            .filter_map(|class: DataClass| self.words.class(class))
            .map(String::from)
            .collect();
        self.words.list(&named)
    }

    /// Which data: by class, as far as a person has not said it more exactly.
    pub(crate) fn information(&mut self) {
        let classes = self.classes();
        if !classes.is_empty() {
            self.say(self.words.data, &[&classes]);
        }
        self.answer_or(Field::Information, Open::Information);
    }

    pub(crate) fn row(&self, what: &str, count: &Count) -> Vec<String> {
        let by = |known: KnownBy| self.words.known_by.get(known as usize).copied().unwrap_or_default().to_owned();
        let bound = |n: Option<u64>| n.map_or_else(|| self.words.no_bound.to_owned(), |n| self.words.number(n));
        let lower = (count.lower > 0).then_some(count.lower);
        let lower_by = if lower.is_some() { count.lower_by } else { KnownBy::Nothing };
        let upper_by = if count.upper.is_some() { count.upper_by } else { KnownBy::Nothing };
        vec![what.to_owned(), bound(lower), by(lower_by), bound(count.upper), by(upper_by)]
    }
}
