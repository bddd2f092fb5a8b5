//! What can be written about drafts. The comments are the manual.

use super::{DAY, no_span, span};
use crate::{Approval, MailTo, Terms};
use activity::Span;
use draft::{Form, Language};
use law::Catalogue;
use serde::Deserialize;

/// `[[drafts]]`: which obligations get a draft as soon as their time limit runs, and how it goes out. The first entry that names an
/// obligation counts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftRule {
    /// Ids of obligations that apply; `us-*` means all that begin so and for which a document is known.
    pub obligations: Vec<String>,
    /// `required`: nothing goes out before one of the approvers approves it. `by_exception`: it goes out when `hold` is over, at the
    /// latest when the time limit ends, unless one of them stops it.
    #[serde(default)]
    pub approval: Approval,
    /// Names under which they command. Empty: everybody who may command; not with `by_exception`.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// How long it waits for somebody to stop it: `by_exception` only, at most three days.
    #[serde(default = "no_span", with = "span")]
    pub hold: Span,
    /// Name of a channel of the kind `email` that brings it to the authority (the channel's `to`), or, where the people themselves have to
    /// be told, to each of them by a mail of their own. Absent: a person sends it, on the authority's own form perhaps, and records that.
    #[serde(default)]
    pub channel: Option<String>,
    /// Only with `channel`, and only where people have to be told. `named` (default): employees whom alerts name by number. `directory`:
    /// everybody in the directory who may live where it concerns anybody.
    #[serde(default)]
    pub recipients: Option<MailTo>,
    /// `en`, `de`. Documents whose words are prescribed in one language are in that one.
    #[serde(default)]
    pub language: Language,
}

impl DraftRule {
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            approval: self.approval,
            approvers: self.approvers.clone(),
            channel: self.channel.clone(),
            hold_secs: self.hold.as_secs(),
            mailing: None,
        }
    }

    /// Whether any document under this rule is for the people themselves.
    pub fn goes_to_people(&self, law: &Catalogue) -> bool {
        law.obligations()
            .iter()
            .filter(|of| self.names(&of.id))
            .filter_map(Form::of)
            .any(|form| form != Form::Authority)
    }

    pub(crate) fn names(&self, obligation: &str) -> bool {
        self.obligations.iter().any(|name| super::matches(name, obligation))
    }

    /// Every mistake that shows without the law, as (key, problem).
    pub(super) fn check(&self) -> Vec<(&'static str, &'static str)> {
        let by_exception = self.approval == Approval::ByException;
        let mistakes = [
            (self.obligations.is_empty(), "obligations", "name at least one obligation"),
            (
                by_exception && self.approvers.is_empty(),
                "approvers",
                "approval by exception needs somebody who may stop it: name who",
            ),
            (
                by_exception && self.channel.is_none(),
                "channel",
                "approval by exception needs a channel: nobody else would send it",
            ),
            (
                by_exception && (self.hold <= Span::ZERO || 3 * DAY.as_secs() < self.hold.as_secs()),
                "hold",
                "must lie above `0s` and within `72h`",
            ),
            (!by_exception && self.hold != Span::ZERO, "hold", "goes only with `approval = \"by_exception\"`"),
            (self.recipients.is_some() && self.channel.is_none(), "recipients", "goes only with `channel`"),
        ];
        mistakes.into_iter().filter(|(wrong, ..)| *wrong).map(|(_, key, problem)| (key, problem)).collect()
    }

    /// Every mistake in the light of the obligations that apply.
    pub(crate) fn check_law(&self, law: &Catalogue) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        for (at, name) in self.obligations.iter().enumerate() {
            let named: Vec<_> = law.obligations().iter().filter(|of| super::matches(name, &of.id)).collect();
            let known: Vec<_> = named.iter().filter_map(|of| Form::of(of)).collect();
            let problem = match (named.is_empty(), known.is_empty()) {
                (true, _) => format!("the obligation `{name}` is not among `jurisdictions.applicable`"),
                (false, true) => {
                    format!("no document is known for `{name}`: only for notices to authorities and to people")
                }
                (false, false) if self.channel.is_some() && is_mixed(&known) => {
                    format!("`{name}` is told to authorities and to people: with a `channel`, write an entry for each")
                }
                (false, false) if self.recipients.is_some() && known.contains(&Form::Authority) => {
                    format!("`{name}` is told to an authority, which the channel's `to` names: leave `recipients` out")
                }
                (false, false) => continue,
            };
            mistakes.push((format!("obligations[{at}]"), problem));
        }
        mistakes
    }
}

fn is_mixed(forms: &[Form]) -> bool {
    let to_authority = |form: &Form| *form == Form::Authority;
    forms.iter().any(to_authority) && !forms.iter().all(to_authority)
}
