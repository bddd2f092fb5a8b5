//! What one law wants told: which document meets an obligation, and what people write for it.

use law::{Obligation, Recipient};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// To an authority: what GDPR Art. 33(3) lists.
    Authority,
    /// To the people whose data it is: GDPR Art. 34(2), in plain language.
    People,
    /// To residents of Massachusetts: must not say what happened, nor how many people it concerns.
    Massachusetts,
    /// To residents of California: title and headings are prescribed.
    California,
}

/// What a person writes, because no log knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What happened and how, beyond what logs show.
    Nature,
    /// Which data exactly.
    Information,
    /// What it can lead to for the people.
    Consequences,
    /// What was done, and what will be.
    Measures,
    /// What the people can do.
    Advice,
    /// Whom to ask, if not whom `[organisation]` names.
    Contact,
    /// Why it is told later than the law wants; in California: whether the police asked for that.
    Delay,
    /// The offer of credit monitoring, where the law wants one.
    Monitoring,
    /// Anything else.
    Remarks,
}

/// What people wrote, by field.
pub type Answers = BTreeMap<Field, String>;

/// Something a document should say and nobody knows yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    Organisation,
    Contact,
    Nature,
    Information,
    Awareness,
    People,
    Records,
    Consequences,
    Measures,
    Advice,
    Delay,
    Monitoring,
}

impl Form {
    /// The document that meets an obligation; `None`: none is known here.
    pub fn of(obligation: &Obligation) -> Option<Self> {
        match (obligation.id.as_str(), obligation.recipient) {
            ("us-ma-individuals", _) => Some(Form::Massachusetts),
            ("us-ca-individuals", _) => Some(Form::California),
            (_, Recipient::Authority) => Some(Form::Authority),
            (_, Recipient::Individuals) => Some(Form::People),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Form::Authority => "authority",
            Form::People => "people",
            Form::Massachusetts => "massachusetts",
            Form::California => "california",
        }
    }

    /// What people write for it, in the document's order.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Form::Authority => &[
                Field::Nature,
                Field::Information,
                Field::Contact,
                Field::Consequences,
                Field::Measures,
                Field::Delay,
                Field::Remarks,
            ],
            Form::People => &[
                Field::Nature,
                Field::Information,
                Field::Consequences,
                Field::Measures,
                Field::Advice,
                Field::Contact,
            ],
            Form::Massachusetts => &[Field::Measures, Field::Advice, Field::Monitoring, Field::Contact],
            Form::California => &[
                Field::Nature,
                Field::Delay,
                Field::Information,
                Field::Measures,
                Field::Monitoring,
                Field::Advice,
                Field::Contact,
            ],
        }
    }

    /// Whether its words are prescribed in English.
    pub(crate) const fn is_english(self) -> bool {
        matches!(self, Form::Massachusetts | Form::California)
    }
}

impl Field {
    pub const ALL: [Field; 9] = [
        Field::Nature,
        Field::Information,
        Field::Consequences,
        Field::Measures,
        Field::Advice,
        Field::Contact,
        Field::Delay,
        Field::Monitoring,
        Field::Remarks,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Nature => "nature",
            Field::Information => "information",
            Field::Consequences => "consequences",
            Field::Measures => "measures",
            Field::Advice => "advice",
            Field::Contact => "contact",
            Field::Delay => "delay",
            Field::Monitoring => "monitoring",
            Field::Remarks => "remarks",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }
}

impl Open {
    pub const fn as_str(self) -> &'static str {
        match self {
            Open::Organisation => "organisation",
            Open::Contact => "contact",
            Open::Nature => "nature",
            Open::Information => "information",
            Open::Awareness => "awareness",
            Open::People => "people",
            Open::Records => "records",
            Open::Consequences => "consequences",
            Open::Measures => "measures",
            Open::Advice => "advice",
            Open::Delay => "delay",
            Open::Monitoring => "monitoring",
        }
    }
}
