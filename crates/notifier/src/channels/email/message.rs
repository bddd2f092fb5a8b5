//! One notice as one mail: multipart/alternative, text first, HTML with the same facts.
//!
//! Everything that varies comes from the notice, so the same notice gives the same mail. Header values are printable before
//! they get here, so no text can begin a header of its own; lettre encodes what is not ASCII (RFC 2047).

use crate::render::Facts;
use activity::printable_within;
use askama::Template;
use incident::Notice;
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
    let facts = Facts::of(notice);
    let decided = Duration::from_millis(u64::try_from(notice.decided_at.as_millis()).unwrap_or(0));
    let thread = thread(notice, from, to);
    let html = Html { facts: &facts }.render()?;
    // No encoded body can hold `=_`: quoted-printable escapes `=`, and base64 has it at the end only.
    let alternatives = MultiPart::alternative()
        .boundary(format!("=_breachd_{}", &hash(&[&notice.id.0])[..16]))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(facts.plain_text()))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
    let mut message = Message::builder()
        .from(from.clone())
        .to(to.clone())
        .subject(printable_within(&facts.subject_line(), SUBJECT_CHARACTERS_MAX))
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

/// The same for every repeat of this notice to this recipient.
pub(super) fn id(notice: &Notice, from: &Mailbox, to: &Mailbox) -> String {
    format!("<{}@{}>", &hash(&["notice", &notice.id.0, to.email.as_ref()])[..32], from.email.domain())
}

/// The first message of the incident's thread, which is never sent: every mail refers to it, whichever comes first.
fn thread(notice: &Notice, from: &Mailbox, to: &Mailbox) -> String {
    let drill = notice.drill.map(|id| id.to_string()).unwrap_or_default();
    let parts: [&str; 4] = ["incident", &notice.incident.to_string(), &drill, to.email.as_ref()];
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
