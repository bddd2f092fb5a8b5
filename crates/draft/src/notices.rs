//! The documents, one function each: their order is what the law lists.

use crate::{Field, Open, Phase, Sign, limits, words::fill, write::Pen};

/// A title, and the lines that stand right below it.
type Head = (String, Vec<String>);

/// GDPR Art. 33(3): (a) nature, categories and approximate numbers of people and records; (b) contact point; (c) likely
/// consequences; (d) measures. Art. 33(1): reasons where it is late.
pub(crate) fn authority(pen: &mut Pen<'_>, phase: Phase) -> Head {
    let (words, facts) = (pen.words, pen.facts);
    let phase = words.phases.get(phase as usize).copied().unwrap_or_default();
    let title = fill(words.authority_title, &[phase]);
    pen.section(words.controller);
    pen.organisation();

    pen.section(words.nature);
    let changed = facts.signs.contains(&Sign::Changed);
    if changed {
        pen.document.paragraph(words.integrity);
    }
    if facts.signs.iter().any(|sign| *sign != Sign::Changed) {
        pen.document.paragraph(words.confidentiality);
    }
    signs(pen);
    let through: Vec<String> = facts.through.iter().filter_map(|(kind, n)| words.counted(*kind, *n)).collect();
    if !through.is_empty() {
        pen.say(words.through, &[&words.list(&through)]);
    }
    pen.say(words.seen_between, &[&words.time(facts.first_seen_at), &words.time(facts.last_seen_at)]);
    match facts.aware_at {
        Some(at) => pen.say(words.aware_since, &[&words.time(at)]),
        None => pen.open(Open::Awareness),
    }
    pen.answer_or(Field::Nature, Open::Nature);
    pen.information();

    pen.section(words.numbers);
    let mut rows = vec![pen.row(words.people, &facts.people)];
    let places = facts.places.iter().take(limits::PLACES_MAX);
    rows.extend(places.map(|(place, count)| pen.row(&fill(words.people_in, &[place]), count)));
    rows.push(pen.row(words.records, &facts.records));
    pen.document.table(&words.numbers_header, &rows);
    if facts.places.len() > limits::PLACES_MAX {
        pen.say(words.places_beyond, &[&words.number((facts.places.len() - limits::PLACES_MAX) as u64)]);
    }
    if !facts.people.is_known() {
        pen.open(Open::People);
    }
    if !facts.records.is_known() {
        pen.open(Open::Records);
    }

    pen.section(words.contact);
    pen.contact();
    pen.section(words.consequences);
    pen.answer_or(Field::Consequences, Open::Consequences);
    pen.section(words.measures);
    measures(pen);
    if !facts.told.is_empty() {
        pen.section(words.told);
        for told in facts.told.iter().take(limits::TOLD_MAX) {
            pen.document.item(&fill(words.told_at, &[&told.name, &words.time(told.at)]));
        }
        if facts.told.len() > limits::TOLD_MAX {
            let more = words.number((facts.told.len() - limits::TOLD_MAX) as u64);
            pen.document.item(&fill(words.and_more, &[&more]));
        }
    }
    if facts.is_late {
        pen.section(words.delay);
        if let Some(due_at) = facts.due_at {
            pen.say(words.due_was, &[&words.time(due_at)]);
        }
        pen.answer_or(Field::Delay, Open::Delay);
    }
    let remarks = pen.document.blocks.len();
    pen.section(words.remarks);
    if !pen.answer(Field::Remarks) {
        pen.document.blocks.truncate(remarks);
    }
    (title, vec![fill(words.reference, &[&facts.reference])])
}

/// GDPR Art. 34(2): the nature of the breach in clear and plain language, and what Art. 33(3)(b), (c) and (d) list.
pub(crate) fn people(pen: &mut Pen<'_>) -> Head {
    let (words, facts) = (pen.words, pen.facts);
    pen.section(words.what_happened);
    signs(pen);
    pen.say(words.happened_between, &[&words.time(facts.first_seen_at), &words.time(facts.last_seen_at)]);
    pen.answer_or(Field::Nature, Open::Nature);
    pen.section(words.what_data);
    pen.information();
    pen.section(words.what_it_means);
    pen.answer_or(Field::Consequences, Open::Consequences);
    pen.section(words.what_we_do);
    measures(pen);
    pen.section(words.what_you_can_do);
    pen.answer_or(Field::Advice, Open::Advice);
    pen.section(words.whom_to_ask);
    pen.organisation();
    pen.contact();
    (words.people_title.to_owned(), vec![words.people_lead.to_owned()])
}

/// M.G.L. c. 93H s. 3: it must tell of the right to a police report and of the security freeze, how to ask for one and that it is free;
/// it must not tell the nature of the breach, nor how many residents it concerns. So no fact of the incident is in it. Where Social
/// Security numbers are concerned, s. 3A: credit monitoring for at least 18 months at no cost.
pub(crate) fn massachusetts(pen: &mut Pen<'_>) -> Head {
    pen.section("Your rights");
    pen.document.paragraph("You have the right to obtain a police report, if one was filed.");
    pen.document.paragraph(
        "You have the right to put a security freeze on your credit report. A freeze keeps a consumer reporting agency from releasing \
         your report without your permission.",
    );
    pen.document.paragraph(
        "There is no fee for asking for a security freeze, for lifting it for a time, or for removing it, at any of the consumer \
         reporting agencies.",
    );
    pen.section("How to ask for a security freeze");
    pen.answer_or(Field::Advice, Open::Advice);
    pen.section("Credit monitoring");
    pen.answer_or(Field::Monitoring, Open::Monitoring);
    let help = pen.document.blocks.len();
    pen.section("What we offer besides");
    if !pen.answer(Field::Measures) {
        pen.document.blocks.truncate(help);
    }
    pen.section("Whom you can ask");
    pen.organisation();
    pen.contact();
    ("Notice to residents of Massachusetts".to_owned(), Vec::new())
}

/// Cal. Civ. Code 1798.82(d)(1): title and headings are prescribed; it says who writes, which information is concerned, when it was,
/// whether the police asked for a delay, what happened; advice, and an offer of services where such numbers are concerned.
pub(crate) fn california(pen: &mut Pen<'_>) -> Head {
    let (words, facts) = (pen.words, pen.facts);
    pen.section("What Happened");
    signs(pen);
    pen.say(words.happened_between, &[&words.time(facts.first_seen_at), &words.time(facts.last_seen_at)]);
    pen.answer_or(Field::Nature, Open::Nature);
    if !pen.answer(Field::Delay) && facts.is_late {
        pen.open(Open::Delay);
    }
    pen.section("What Information Was Involved");
    pen.information();
    pen.section("What We Are Doing");
    measures(pen);
    pen.answer_or(Field::Monitoring, Open::Monitoring);
    pen.section("What You Can Do");
    pen.answer_or(Field::Advice, Open::Advice);
    pen.section("For More Information");
    pen.organisation();
    pen.contact();
    ("Notice of Data Breach".to_owned(), Vec::new())
}

fn signs(pen: &mut Pen<'_>) {
    for sign in &pen.facts.signs {
        let said = pen.words.signs.get(*sign as usize).copied().unwrap_or_default();
        pen.document.paragraph(said);
    }
}

fn measures(pen: &mut Pen<'_>) {
    if let Some(contained) = &pen.facts.contained {
        let at = pen.words.time(contained.at);
        pen.say(pen.words.contained, &[&at, &contained.words]);
    }
    pen.answer_or(Field::Measures, Open::Measures);
}
