//! What is known of one incident, as far as documents ask: numbers, classes, times, and what people said themselves.

use activity::{DataClasses, EntityKind, Timestamp};
use serde::{Deserialize, Serialize};

/// `[organisation]`: who you are, as it stands in every notice. What is empty is told as not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organisation {
    /// The controller's name, as in the commercial register.
    pub name: String,
    pub address: String,
    /// Where more can be learned: the data protection officer or another contact point, with e-mail and telephone.
    pub contact: String,
    /// The representative in the Union, where there has to be one.
    pub representative: String,
}

impl Organisation {
    /// Every mistake, as (key, problem).
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("name", &self.name),
            ("address", &self.address),
            ("contact", &self.contact),
            ("representative", &self.representative),
        ];
        let max = crate::limits::ORGANISATION_MAX;
        let long = fields.into_iter().filter(|(_, text)| max < text.chars().count());
        long.map(|(key, _)| (key, format!("at most {max} characters, please"))).collect()
    }
}

/// All there is to write from.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub organisation: Organisation,
    /// Our own reference, such as `INC-7`.
    pub reference: String,
    /// It is an exercise, and the document says so first.
    pub drill: bool,
    pub classes: DataClasses,
    /// What was seen, without repetition.
    pub signs: Vec<Sign>,
    /// Through what, and through how many different ones.
    pub through: Vec<(EntityKind, u64)>,
    /// Event time.
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// Wall time since which we are aware; `None`: we are not.
    pub aware_at: Option<Timestamp>,
    /// A person held that no more data gets out.
    pub contained: Option<Act>,
    pub records: Count,
    pub people: Count,
    /// By ISO 3166 code, those that are known.
    pub places: Vec<(String, Count)>,
    /// Who else has been told.
    pub told: Vec<Told>,
    /// The limit of the obligation that this document meets.
    pub due_at: Option<Timestamp>,
    /// Whether it has passed.
    pub is_late: bool,
}

/// Something a person did, in their words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub at: Timestamp,
    pub words: String,
}

/// A number that is known between bounds, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub lower: u64,
    pub lower_by: KnownBy,
    /// `None`: nothing bounds it.
    pub upper: Option<u64>,
    pub upper_by: KnownBy,
}

/// How a bound is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// A person counted, or found out.
    Person,
    /// Logs name the ids: each counted once.
    Ids,
    /// Logs tell how many rows were read: one read twice may be counted twice.
    Rows,
    /// The directory says where those live whose numbers logs name, and how many live there at most.
    Directory,
    /// Nobody knows.
    Nothing,
}

impl Count {
    pub const UNKNOWN: Count = Count { lower: 0, lower_by: KnownBy::Nothing, upper: None, upper_by: KnownBy::Nothing };

    /// Whether there is anything to say.
    pub fn is_known(&self) -> bool {
        self.lower > 0 || self.upper.is_some()
    }
}

/// Somebody who has been told of the incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of the obligation.
    pub name: String,
    pub at: Timestamp,
}

/// What detectors have seen, in kinds that a reader outside the house understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Records were read in unusual amounts, order, places or times.
    Read,
    /// Account numbers were written.
    Changed,
    /// Sign-ins or sessions were unusual.
    SignIn,
    /// The application was attacked.
    Attacked,
}

impl Sign {
    /// What a detector's alert is a sign of; `None`: a log that fell silent, or a signature rule, of which only the name is known.
    pub fn of(detector: &str) -> Option<Self> {
        Some(match detector {
            "volume"
            | "new_records"
            | "enumeration"
            | "page_depth"
            | "drift"
            | "crowd"
            | "first_seen"
            | "off_hours"
            | "leaver"
            | "former_role"
            | "unexplained_reads"
            | "handler_read"
            | "canary_record"
            | "dump_shape"
            | "into_outfile"
            | "personal_data_in_url" => Sign::Read,
            "bank_details" => Sign::Changed,
            "login_failures" | "login_spray" | "shared_session" | "impossible_travel" => Sign::SignIn,
            "chain" | "sql_injection" | "template_injection" | "script_in_files" | "forged_entry" | "misplaced_tag"
            | "forged_drill_mark" | "grant" | "audit_off" => Sign::Attacked,
            _ => return None,
        })
    }
}

/// Which of several notices of one breach it is: they may be given in phases (GDPR Art. 33(4)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Initial,
    FollowUp,
    Final,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Initial => "initial",
            Phase::FollowUp => "follow_up",
            Phase::Final => "final",
        }
    }
}

/// What was sent before, so that a follow-up can say what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous<'a> {
    pub at: Timestamp,
    pub text: &'a str,
}
