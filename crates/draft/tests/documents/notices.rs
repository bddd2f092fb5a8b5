//! What each form says, with much known and with little.

use activity::{DataClass, EntityKind, Timestamp};
use draft::*;
use law::Catalogue;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn facts() -> Facts {
    Facts {
        organisation: Organisation {
            name: "Example GmbH".into(),
            address: "Beispielweg 1, 10115 Berlin".into(),
            contact: "Ada Lovelace, data protection officer, dpo@example.com, +49 30 1234".into(),
            representative: String::new(),
        },
        reference: "INC-7".into(),
        drill: false,
        classes: [DataClass::Hr].into_iter().collect(),
        signs: vec![Sign::Read],
        through: vec![(EntityKind::PortalUser, 1), (EntityKind::Address, 2)],
        first_seen_at: at("2026-03-02T21:00:00Z"),
        last_seen_at: at("2026-03-02T21:55:00Z"),
        aware_at: Some(at("2026-03-02T22:00:00Z")),
        contained: Some(Act { at: at("2026-03-02T22:30:00Z"), words: "the account is locked".into() }),
        records: Count { lower: 240, lower_by: KnownBy::Ids, upper: Some(1840), upper_by: KnownBy::Rows },
        people: Count { lower: 230, lower_by: KnownBy::Ids, upper: None, upper_by: KnownBy::Nothing },
        places: vec![(
            "DE".into(),
            Count { lower: 200, lower_by: KnownBy::Person, upper: Some(200), upper_by: KnownBy::Person },
        )],
        told: vec![],
        due_at: Some(at("2026-03-05T22:00:00Z")),
        is_late: false,
    }
}

fn answers(fields: &[(Field, &str)]) -> Answers {
    fields.iter().map(|(field, text)| (*field, (*text).to_owned())).collect()
}

fn initial(form: Form, language: Language, facts: &Facts, answers: &Answers) -> Written {
    write(form, language, facts, answers, Phase::Initial, None)
}

#[test]
fn the_authority_is_told_what_article_33_lists_and_what_nobody_knows() {
    let written = initial(Form::Authority, Language::English, &facts(), &Answers::new());
    let expected = "\
# Notification of a personal data breach (initial notification)

Our reference: INC-7

## Controller

Example GmbH

Address: Beispielweg 1, 10115 Berlin

## Nature of the breach

By what is known, it is a breach of confidentiality.

Our monitoring saw that personal data was read in an unusual way.

It happened through 1 user account of the portal and 2 network addresses.

It was seen between 2 March 2026, 21:00 UTC and 2 March 2026, 21:55 UTC. It may have lasted longer than that.

We have been aware of the breach since 2 March 2026, 22:00 UTC.

[?] Not known yet: what happened, and how.

Kinds of data concerned: personnel data.

[?] Not known yet: which data exactly.

## How many people and records

| What | At least | Known by | At most | Known by |
|---|---|---|---|---|
| People | 230 | the different numbers that logs name, each counted once | not known | not known |
| People who live in DE | 200 | a person's count | 200 | a person's count |
| Records | 240 | the different numbers that logs name, each counted once | 1,840 | the rows that logs tell of; a row read twice may be counted twice |

## Contact point

Ada Lovelace, data protection officer, dpo@example.com, +49 30 1234

## Likely consequences

[?] Not known yet: what it can lead to for the people concerned.

## Measures taken and proposed

Access was stopped on 2 March 2026, 22:30 UTC: the account is locked

[?] Not known yet: what has been done, and what will be done.
";
    assert_eq!(written.text, expected);
    assert_eq!(written.open, [Open::Nature, Open::Information, Open::Consequences, Open::Measures]);
    assert_eq!(Document::read(&written.text, Language::English).n_open(), 4, "counted by a program too");
    assert_eq!(written.title, "Notification of a personal data breach (initial notification)");
}

#[test]
fn what_is_not_known_is_never_made_up() {
    let nothing = Facts {
        organisation: Organisation::default(),
        classes: Default::default(),
        signs: vec![],
        through: vec![],
        aware_at: None,
        contained: None,
        records: Count::UNKNOWN,
        people: Count::UNKNOWN,
        places: vec![],
        ..facts()
    };
    let written = initial(Form::Authority, Language::English, &nothing, &Answers::new());
    let all = [
        Open::Organisation,
        Open::Awareness,
        Open::Nature,
        Open::Information,
        Open::People,
        Open::Records,
        Open::Contact,
        Open::Consequences,
        Open::Measures,
    ];
    assert_eq!(written.open, all);
    assert!(!written.text.contains("breach of"), "{}", written.text);
    assert!(written.text.contains("| People | not known | not known | not known | not known |"));
}

#[test]
fn what_is_late_says_why() {
    let late = Facts { is_late: true, ..facts() };
    let open = initial(Form::Authority, Language::English, &late, &Answers::new());
    assert!(open.text.contains(
        "## Reasons for the delay\n\nThe time limit ended on 5 March 2026, 22:00 UTC.\n\n[?] Not known yet: the reasons"
    ));
    assert!(open.open.contains(&Open::Delay));
    let said = initial(Form::Authority, Language::English, &late, &answers(&[(Field::Delay, "the logs came late")]));
    assert!(said.text.contains("\n\nthe logs came late\n") && !said.open.contains(&Open::Delay));
}

#[test]
fn a_follow_up_says_what_is_new_and_what_no_longer_holds() {
    let first = initial(Form::Authority, Language::English, &facts(), &Answers::new());
    let sent_at = at("2026-03-03T09:00:00Z");
    let previous = Some(Previous { at: sent_at, text: &first.text });
    let same = write(Form::Authority, Language::English, &facts(), &Answers::new(), Phase::FollowUp, previous);
    let said =
        "Our reference: INC-7\n\n## What is new\n\nNothing is new since the notification of 3 March 2026, 09:00 UTC.\n";
    assert!(same.text.contains(said), "{}", same.text);
    let now = Facts {
        people: Count { lower: 230, lower_by: KnownBy::Ids, upper: Some(260), upper_by: KnownBy::Person },
        last_seen_at: at("2026-03-02T23:10:00Z"),
        ..facts()
    };
    let written = answers(&[(Field::Consequences, "fraud in their names\nunwanted mail")]);
    let second = write(Form::Authority, Language::English, &now, &written, Phase::FollowUp, previous);
    let news = second.text.split("## ").nth(1).unwrap();
    let expected = "What is new\n\nNew since the notification of 3 March 2026, 09:00 UTC:\n\n\
        - It was seen between 2 March 2026, 21:00 UTC and 2 March 2026, 23:10 UTC. It may have lasted longer than that.\n\
        - What: People; At least: 230; Known by: the different numbers that logs name, each counted once; At most: 260; Known by: a person's count\n\
        - fraud in their names\n- unwanted mail\n\
        - No longer holds: It was seen between 2 March 2026, 21:00 UTC and 2 March 2026, 21:55 UTC. It may have lasted longer than that.\n\
        - No longer holds: What: People; At least: 230; Known by: the different numbers that logs name, each counted once; At most: not known; Known by: not known\n\n";
    assert_eq!(news, expected);
    // Of a follow-up's follow-up the news of before is no news, nor gone.
    let previous = Some(Previous { at: sent_at, text: &second.text });
    let third = write(Form::Authority, Language::English, &now, &written, Phase::Final, previous);
    assert!(
        third.text.contains("(final notification)") && third.text.contains("Nothing is new since"),
        "{}",
        third.text
    );
}

#[test]
fn employees_are_told_in_plain_words_and_in_their_language() {
    let written = answers(&[(Field::Advice, "Prüfen Sie Ihre Kontoauszüge."), (Field::Information, "Name, Gehalt")]);
    let german = initial(Form::People, Language::German, &facts(), &written);
    for said in [
        "# Ihre personenbezogenen Daten: was geschehen ist und was Sie tun können",
        "## Was geschehen ist",
        "Das war, soweit wir sehen, zwischen dem 2. März 2026, 21:00 Uhr UTC und dem 2. März 2026, 21:55 Uhr UTC.",
        "[?] Noch nicht bekannt: was geschehen ist, und wie.",
        "Betroffene Arten von Daten: Personaldaten.",
        "Prüfen Sie Ihre Kontoauszüge.",
    ] {
        assert!(german.text.contains(said), "{said} in {}", german.text);
    }
    assert!(!german.text.contains("230") && !german.text.contains("INC-7"), "numbers and references help nobody here");
    assert_eq!(german.open, [Open::Nature, Open::Consequences, Open::Measures]);
}

#[test]
fn residents_of_massachusetts_are_not_told_what_happened_nor_how_many() {
    let with_all = answers(&[
        (Field::Nature, "NATURE"),
        (Field::Information, "INFORMATION"),
        (Field::Advice, "write to the agencies"),
    ]);
    let written = initial(Form::Massachusetts, Language::German, &facts(), &with_all);
    assert_eq!(written.language, Language::English, "its words are prescribed in English");
    for never in ["NATURE", "INFORMATION", "230", "240", "1,840", "2 March", "personnel data", "unusual", "INC-7"] {
        assert!(!written.text.contains(never), "{never} in {}", written.text);
    }
    for said in ["police report", "security freeze", "There is no fee", "write to the agencies", "Ada Lovelace"] {
        assert!(written.text.contains(said), "{said}");
    }
    assert_eq!(written.open, [Open::Monitoring]);
    assert!(!Form::Massachusetts.fields().contains(&Field::Nature), "nobody is asked for what must not be told");
}

#[test]
fn california_has_its_title_and_headings() {
    let written = initial(Form::California, Language::English, &facts(), &Answers::new());
    let headings: Vec<_> = Document::read(&written.text, Language::English)
        .blocks
        .into_iter()
        .filter_map(|block| match block {
            Block::Heading(level, text) => Some((level, text)),
            _ => None,
        })
        .collect();
    let expected = [
        (1, "Notice of Data Breach"),
        (2, "What Happened"),
        (2, "What Information Was Involved"),
        (2, "What We Are Doing"),
        (2, "What You Can Do"),
        (2, "For More Information"),
    ];
    assert_eq!(headings, expected.map(|(level, text)| (level, text.to_owned())));
    let html = Document::read(&written.text, written.language).html(Looks::Mail);
    assert!(html.contains("font-size:16px"), "16 pixels are 12 points; 10 are the least");
}

#[test]
fn a_drill_says_so_first() {
    for form in [Form::Authority, Form::People, Form::Massachusetts, Form::California] {
        let written = initial(form, Language::English, &Facts { drill: true, ..facts() }, &Answers::new());
        assert!(written.text.lines().nth(2).unwrap().starts_with("EXERCISE (INC-7)."), "{}", written.text);
    }
}

#[test]
fn hostile_text_stays_text() {
    let evil = "# Heading\r\n| a | b |\n[?] x\n- y\u{202e}\u{1b}[2J\n<script>alert(1)</script>";
    let facts = Facts { contained: Some(Act { at: at("2026-03-02T22:30:00Z"), words: evil.into() }), ..facts() };
    let written = initial(Form::Authority, Language::English, &facts, &answers(&[(Field::Consequences, evil)]));
    assert!(!written.text.contains(['\u{202e}', '\u{1b}', '\r']));
    let document = Document::read(&written.text, Language::English);
    let n = document.blocks.iter().filter(|block| matches!(block, Block::Heading(..) | Block::Table { .. })).count();
    assert_eq!(n, 8, "no heading and no table but ours");
    assert_eq!(document.n_open(), written.open.len(), "nobody writes open points into it");
    for looks in [Looks::Mail, Looks::Part] {
        assert!(!document.html(looks).contains("<script"));
    }
}

#[test]
fn a_text_has_an_end() {
    let long = "word ".repeat(800);
    let all: Answers = Field::ALL.into_iter().map(|field| (field, vec![long.clone(); 40].join("\n"))).collect();
    let written = initial(Form::Authority, Language::English, &facts(), &all);
    assert!(written.text.len() <= limits::TEXT_BYTES_MAX);
    assert!(written.text.ends_with("The rest is left off here because the text has become too long.\n"));
}

#[test]
fn every_obligation_to_tell_authorities_or_people_has_a_form() {
    let law = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    let form = |id: &str| Form::of(law.get(id).unwrap());
    assert_eq!(form("eu-gdpr-33-authority"), Some(Form::Authority));
    assert_eq!(form("eu-gdpr-34-individuals"), Some(Form::People));
    assert_eq!(form("us-ma-individuals"), Some(Form::Massachusetts));
    assert_eq!(form("us-ca-individuals"), Some(Form::California));
    assert_eq!(form("eu-gdpr-33-2-processor"), None, "nobody has said what that notice holds");
}
