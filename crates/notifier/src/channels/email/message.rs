//! One notice as one mail: multipart/alternative, text first, HTML with the same facts.
//!
//! Everything that varies comes from the notice, so the same notice gives the same mail. Header values are printable before
//! they get here, so no text can begin a header of its own; lettre encodes what is not ASCII (RFC 2047).

use crate::render::{AFFECTED_HEADING, Facts};
use activity::printable_within;
use askama::Template;
use draft::{Document, Looks};
use incident::{Notice, NoticeDocument, NoticeKind};
use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use sha2::{Digest, Sha256};
use std::time::{Duration, UNIX_EPOCH};

/// Characters of the subject. RFC 5322 allows a header of any length when folded; mail programs show about 70.
const SUBJECT_CHARACTERS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "notice.html")]
struct Html<'a> {
    facts: &'a Facts,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum NoMail {
    #[error("{0}")]
    Message(#[from] lettre::error::Error),
    #[error("{0}")]
    Html(#[from] askama::Error),
}

pub(super) fn of(notice: &Notice, from: &Mailbox, to: &Mailbox) -> Result<Message, NoMail> {
    let (text, html, subject) = match &notice.document {
        Some(document) => of_document(document, notice),
        None => {
            let facts = Facts::of(notice);
            (facts.plain_text(), Html { facts: &facts }.render()?, subject(&facts))
        }
    };
    let decided = Duration::from_millis(u64::try_from(notice.decided_at.as_millis()).unwrap_or(0));
    let thread = thread(notice, from, to);
    // No encoded body can hold `=_`: quoted-printable escapes `=`, and base64 has it at the end only.
    let alternatives = MultiPart::alternative()
        .boundary(format!("=_breachd_{}", &hash(&[&notice.id.0])[..16]))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
    let mut message = Message::builder()
        .from(from.clone())
        .to(to.clone())
        .subject(subject)
        .date(UNIX_EPOCH + decided)
        .message_id(Some(id(notice, from, to)))
        .in_reply_to(thread.clone())
        .references(thread)
        .multipart(alternatives)?;
    // RFC 3834: keep vacation notices and other machines from answering; the second is for Exchange.
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
        let name = HeaderName::new_from_ascii(name.into()).expect("a constant that is a header's name");
        message.headers_mut().insert_raw(HeaderValue::new(name, value.into()));
    }
    Ok(message)
}

/// Text, HTML and subject of what the law wants told: the document, and no word of ours around it.
fn of_document(document: &NoticeDocument, notice: &Notice) -> (String, String, String) {
    let read = Document::read(&document.text, document.language);
    (document.text.clone(), read.html(Looks::Mail), one_line(&notice.title))
}

/// White space counts for nothing in a header, and `=?` in the text must not look like an encoded word (RFC 2047) of ours.
fn subject(facts: &Facts) -> String {
    one_line(&facts.subject_line())
}

fn one_line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    printable_within(&words.join(" ").replace("=?", "= ?"), SUBJECT_CHARACTERS_MAX)
}

/// The same for every repeat of this notice to this recipient.
pub(super) fn id(notice: &Notice, from: &Mailbox, to: &Mailbox) -> String {
    if notice.is_of_mailing() {
        return format!("<{}@{}>", notice.id, from.email.domain());
    }
    format!("<{}@{}>", &hash(&["notice", &notice.id.0, to.email.as_ref()])[..32], from.email.domain())
}

/// The first message of the incident's thread, which is never sent: every mail refers to it, whichever comes first.
fn thread(notice: &Notice, from: &Mailbox, to: &Mailbox) -> String {
    let drill = notice.drill.map(|id| id.to_string()).unwrap_or_default();
    // A digest is a thread of its own: a year of them in one is no help.
    let (kind, number) = match notice.kind {
        NoticeKind::Digest => ("digest", notice.id.to_string()),
        NoticeKind::ContactTest => ("contact test", notice.id.to_string()),
        // Of an incident's documents each recipient gets a thread that has nothing to do with ours.
        NoticeKind::Draft => {
            let draft = notice.document.as_ref().map_or(0, |document| document.draft);
            ("draft", format!("{} {draft}", notice.incident))
        }
        _ => ("incident", notice.incident.to_string()),
    };
    let parts: [&str; 4] = [kind, &number, &drill, to.email.as_ref()];
    format!("<{}@{}>", &hash(&parts)[..32], from.email.domain())
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use activity::{DrillId, printable};
    use mailparse::{MailHeaderMap, ParsedMail};
    use proptest::prelude::*;

    const HEADERS: [&str; 11] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Content-Type",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
    ];

    fn mail(notice: &Notice) -> Vec<u8> {
        of(notice, &"breachd <breachd@example.com>".parse().unwrap(), &"dpo@example.com".parse().unwrap())
            .unwrap()
            .formatted()
    }

    fn parts(parsed: &ParsedMail<'_>) -> (String, String) {
        assert_eq!(parsed.ctype.mimetype, "multipart/alternative");
        let kinds: Vec<_> = parsed.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
        assert_eq!(kinds, ["text/plain", "text/html"], "text first, and nothing else");
        let body = |index: usize| parsed.subparts[index].get_body().unwrap().replace("\r\n", "\n");
        (body(0), body(1))
    }

    /// What an HTML reader shows for our HTML, which has no other references than these.
    fn shown(html: &str) -> String {
        let mut text = String::new();
        for (index, piece) in html.split('<').enumerate() {
            text.push_str(if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, after)| after) });
        }
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
            .iter()
            .fold(text, |text, (reference, character)| text.replace(reference, character))
    }

    fn assert_exactly_our_headers(notice: &Notice) {
        let raw = mail(notice);
        let parsed = mailparse::parse_mail(&raw).unwrap();
        let mut found: Vec<String> = parsed.headers.iter().map(|header| header.get_key()).collect();
        let mut expected = HEADERS.to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let facts = Facts::of(notice);
        assert_eq!(parsed.headers.get_first_value("Subject").unwrap(), subject(&facts));
        let (text, html) = parts(&parsed);
        assert_eq!(text.trim_end(), facts.plain_text().trim_end());
        let seen = shown(&html);
        let values = facts
            .rows
            .iter()
            .map(|(_, value)| value)
            .chain(&facts.reasons)
            .chain(&facts.affected)
            .chain(facts.figures.iter().map(|(_, words)| words))
            .chain(&facts.link)
            .chain(&facts.drill);
        for value in values.chain(facts.deadlines.iter().flat_map(|(name, due)| [name, due])).chain([&facts.title]) {
            assert!(seen.contains(value.as_str()), "`{value}` is missing in {seen}");
        }
        assert!(raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 999), "RFC 5322: 998 characters and CRLF");
    }

    #[test]
    fn threads_and_repeats_are_told_by_their_ids() {
        let opened = mail(&example());
        assert_eq!(opened, mail(&example()), "the same notice is the same mail");
        let closed = mail(&Notice { id: incident::NoticeId("ff".into()), ..example() });
        let drill = mail(&Notice { drill: Some(DrillId(1)), ..example() });
        let header =
            |raw: &[u8], name: &str| mailparse::parse_mail(raw).unwrap().headers.get_first_value(name).unwrap();
        assert_ne!(header(&opened, "Message-ID"), header(&closed, "Message-ID"));
        assert_eq!(header(&opened, "References"), header(&closed, "References"));
        assert_ne!(header(&opened, "References"), header(&drill, "References"));
        assert!(header(&opened, "Message-ID").ends_with("@example.com>"));
        assert_eq!(header(&opened, "Date"), "Mon, 02 Mar 2026 21:15:00 +0000");
        assert_eq!(header(&opened, "Auto-Submitted"), "auto-generated");
    }

    #[test]
    fn a_digests_text_and_html_say_the_same_and_each_day_is_a_thread() {
        let today = crate::render::example_digest();
        assert_exactly_our_headers(&today);
        let tomorrow = Notice { id: incident::NoticeId("f".repeat(32)), ..today.clone() };
        let raw = [mail(&today), mail(&tomorrow), mail(&today)];
        let header = |at: usize, name: &str| mailparse::parse_mail(&raw[at]).unwrap().headers.get_first_value(name);
        for name in ["Message-ID", "References"] {
            assert_ne!(header(0, name), header(1, name), "{name}");
            assert_eq!(header(0, name), header(2, name), "{name}");
        }
        let (_, html) = parts(&mailparse::parse_mail(&raw[0]).unwrap());
        assert_eq!(
            (html.matches("<h1").count(), html.matches("<li>").count(), html.matches("href=").count()),
            (1, 3, 1)
        );
        let why = "<img src=x>\r\nBcc: all@example.com".to_owned();
        let mut hostile = today;
        hostile.digest[0].why.clone_from(&why);
        hostile.digest[1].note = Some(why);
        assert_exactly_our_headers(&hostile);
    }

    #[test]
    fn what_the_law_wants_told_is_the_document_and_no_word_more() {
        let mut written = Document::new(draft::Language::German);
        written.heading(1, "Meldung <b>\r\nBcc: all@example.com");
        written.item("eins & zwei");
        written.table(&["Was", "Mindestens"], &[vec!["Personen".into(), "3".into()]]);
        let (text, language) = (written.text(), written.language);
        let document = NoticeDocument { draft: 1, version: 2, sha256: draft::sha256(&text), language, text };
        let title = written.title().to_owned();
        let notice = Notice { kind: NoticeKind::Draft, title, document: Some(Box::new(document)), ..example() };
        let raw = mail(&notice);
        let parsed = mailparse::parse_mail(&raw).unwrap();
        let mut found: Vec<String> = parsed.headers.iter().map(|header| header.get_key()).collect();
        let mut expected = HEADERS.to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let (text, html) = parts(&parsed);
        assert_eq!(
            draft::sha256(&format!("{}\n", text.trim_end())),
            notice.document.as_ref().unwrap().sha256,
            "as approved"
        );
        let seen = shown(&html);
        for said in ["Meldung <b>", "eins & zwei", "Personen", "Mindestens"] {
            assert!(seen.contains(said) && text.contains(said), "{said}");
        }
        for ours in ["INC-7", "u1042", "CRITICAL", "hr_payroll", "breachd.example"] {
            assert!(!seen.contains(ours) && !text.contains(ours), "{ours}");
        }
        assert_eq!(html.matches("lang=\"de\"").count(), 2);
        let subject = parsed.headers.get_first_value("Subject").unwrap();
        assert!(subject.starts_with("Meldung <b>"), "{subject}");
        assert_eq!(raw, mail(&notice), "the same document is the same mail, under the same Message-ID");
    }

    #[test]
    fn the_subject_says_what_it_is_first() {
        let subject =
            |notice: &Notice| mailparse::parse_mail(&mail(notice)).unwrap().headers.get_first_value("Subject").unwrap();
        assert!(subject(&example()).starts_with("[INCIDENT] CRITICAL INC-7: "));
        assert!(subject(&Notice { drill: Some(DrillId(1)), ..example() }).starts_with("[DRILL] CRITICAL INC-7: "));
    }

    #[test]
    fn the_html_is_fit_for_screen_readers_and_for_no_script() {
        let notice = Notice { title: "<script>alert(1)</script> & \"x\"".into(), ..example() };
        let raw = mail(&notice);
        let (_, html) = parts(&mailparse::parse_mail(&raw).unwrap());
        assert_eq!(html.matches("<h1").count(), 1);
        assert_eq!(html.matches("lang=\"en\"").count(), 2, "on html and on a wrapper that mail programs keep");
        assert_eq!(html.matches("<th ").count(), html.matches("<th scope=\"row\"").count());
        assert!(html.contains("<caption") && html.contains("font-size:16px;line-height:1.5"));
        for never in ["<img", "<script", "<style", "<form", "javascript:", "position:"] {
            assert!(!html.contains(never), "{never}");
        }
        assert_eq!(html.matches("href=").count(), 1);
    }

    proptest! {
        #[test]
        fn hostile_text_makes_no_header_and_loses_no_fact(title in any::<String>(), reasons in proptest::collection::vec(any::<String>(), 0..4), who in any::<String>(), drill in any::<bool>()) {
            let subject = activity::Entity::new(activity::EntityKind::PortalUser, who);
            let drill = drill.then_some(DrillId(1));
            assert_exactly_our_headers(&Notice { title, reasons, subject, drill, ..example() });
        }

        #[test]
        fn line_breaks_of_every_kind_make_no_header(parts in proptest::collection::vec(prop_oneof![Just("\r\n"), Just("\n"), Just("\r"), Just("\0"), Just("\u{2028}"), Just("\u{85}"), Just("Bcc: all@example.com"), Just("=?utf-8?b?DQo=?="), Just("--=_breachd"), Just("."), Just(" "), Just("ü")], 0..60)) {
            let text = parts.concat();
            prop_assert!(printable(&text).lines().count() <= 1);
            assert_exactly_our_headers(&Notice { title: text.clone(), reasons: vec![text], ..example() });
        }
    }
}
