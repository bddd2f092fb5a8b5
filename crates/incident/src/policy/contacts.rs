//! Contacts as the policy knows them: the book, and which channels reach people by their addresses.

use activity::Span;
use oncall::Book;
use std::{collections::BTreeMap, sync::Arc};

/// Who can be called, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Contacts {
    pub book: Arc<Book>,
    /// The kind of each configured channel, by its name.
    pub channels: BTreeMap<String, String>,
    /// How long an attestation holds.
    pub review_every: Span,
}

/// Kinds of channels that bring a notice to the address of one contact; all others know themselves whom they tell.
const ADDRESSED: [&str; 2] = ["email", "sms"];

impl Contacts {
    /// The kind of address that a channel needs; `None`: none.
    pub fn address_kind(&self, channel: &str) -> Option<&str> {
        self.channels.get(channel).map(String::as_str).filter(|kind| ADDRESSED.contains(kind))
    }

    /// What does not fit together with the channels, as (key of the contacts' file, problem).
    pub fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for policy in self.book.policies() {
            for (at, step) in policy.steps.iter().enumerate() {
                let of = format!("step {} of policy `{}`", at + 1, policy.name);
                let mut say = |problem: String| wrong.push(("policies".to_owned(), format!("{of}: {problem}")));
                let unknown: Vec<_> =
                    step.channels.iter().filter(|channel| !self.channels.contains_key(*channel)).collect();
                for channel in &unknown {
                    say(format!("there is no channel `{channel}`; write it as `[[channels]]` of the configuration"));
                }
                if !unknown.is_empty() || step.channels.iter().any(|channel| self.address_kind(channel).is_none()) {
                    continue;
                }
                let kinds: Vec<&str> = step.channels.iter().filter_map(|channel| self.address_kind(channel)).collect();
                let reached =
                    |contact: &oncall::Contact| kinds.iter().any(|kind| contact.addresses.contains_key(*kind));
                for contact in self.book.may_call(step).into_iter().filter(|contact| !reached(contact)) {
                    say(format!("contact `{}` has no address of the kind {}", contact.name, kinds.join(" or ")));
                }
            }
        }
        wrong
    }
}
