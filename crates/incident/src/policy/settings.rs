//! What can be written about who has to know. The comments are the manual.

mod drafts;

use crate::{Inhibition, inhibit, limits, wire};
use activity::{DataClass, EntityKind, Span};
use detector::Severity;
use draft::Organisation;
pub use drafts::DraftRule;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The sections `[[triggers]]`, `[wordings]`, `[[inhibitions]]`, `[escalation]`, `[fallback]`, `[awareness]`, `[notices]`, `[digest]`,
/// `[jurisdictions]`, `[organisation]` and `[[drafts]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub triggers: Vec<Trigger>,
    /// Texts that triggers name: what their recipients are told before anything else.
    pub wordings: BTreeMap<String, String>,
    pub inhibitions: Vec<Inhibition>,
    pub escalation: EscalationSettings,
    pub fallback: FallbackSettings,
    pub awareness: AwarenessSettings,
    pub notices: NoticeSettings,
    pub digest: DigestSettings,
    pub jurisdictions: JurisdictionSettings,
    pub organisation: Organisation,
    pub drafts: Vec<DraftRule>,
}

/// `[[triggers]]`: which incidents which channels hear of. Every trigger that matches adds its channels; none stops the
/// search. A condition that is absent is met by every incident.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Any of these classes of data is concerned: `hr`, `payment`, `hr_adjacent`, `customer`, `credentials`.
    #[serde(default, with = "wire")]
    pub data_classes: Vec<DataClass>,
    /// `low`, `medium`, `high` or `critical`.
    #[serde(default = "low")]
    pub severity_at_least: Severity,
    /// Any of these detectors raised an alert, by their names.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The incident is about any of these kinds of entity, such as `portal_user`.
    #[serde(default, with = "wire")]
    pub subjects: Vec<EntityKind>,
    /// At least so many records are concerned, by the upper estimate.
    #[serde(default)]
    pub affected_at_least: u64,
    /// At least so many people are concerned, as far as it is known: where nothing bounds their number, by the upper estimate of records.
    #[serde(default)]
    pub people_at_least: u64,
    /// Somebody concerned may live in any of these places, by ISO 3166 code such as `DE`, `US` or `US-CA`. Where nobody knows where
    /// they live, they may live there.
    #[serde(default)]
    pub places: Vec<String>,
    /// Names of channels (`[[channels]] name`).
    pub channels: Vec<String>,
    /// Approval by exception: a notice waits so long, and goes out unless somebody stops it. At most one day.
    #[serde(default = "no_span", with = "span")]
    pub hold: Span,
    /// Who is expected to look at a held notice; written to the journal with it.
    #[serde(default)]
    pub may_stop: Vec<String>,
    /// Name of a text in `[wordings]`.
    #[serde(default)]
    pub wording: Option<String>,
    /// A third party listens: that is nobody of ours who hears, and cuts no hold short.
    #[serde(skip)]
    pub subscription: bool,
}

/// `[escalation]`: what happens if nobody acknowledges an incident.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EscalationSettings {
    /// So long after the opening. With a `policy`, `0s` means at once.
    #[serde(with = "span")]
    pub after: Span,
    /// Name of an escalation policy of the file of contacts: its steps are gone through, from `after` on, until somebody
    /// acknowledges. Absent: only the channels hear of it, and whom they call is theirs to know.
    pub policy: Option<String>,
    /// An acknowledgement lapses when nobody does anything about the incident for so long, unless it is contained: it is asked
    /// for again, and all begins anew. Absent: it holds for ever.
    pub unacknowledge_after: Option<Target>,
    /// Who hears of it; empty: nobody. They also hear when 90 % of a time limit are gone.
    pub channels: Vec<String>,
}

/// `[fallback]`: who hears of it when a channel refuses a notice for good, or has not brought it in time; and when an
/// incident matches no trigger.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FallbackSettings {
    pub channels: Vec<String>,
    /// A notice that may leave and is not accepted for so long goes to these channels too; its own is tried on.
    #[serde(with = "span")]
    pub after: Span,
}

/// `[awareness]`: when the policy holds, until a person gives a verdict, that we are aware of a breach. Legal time
/// limits then run from the opening of the incident. Rather too early than too late.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwarenessSettings {
    /// `false`: only a person's verdict makes us aware.
    pub enabled: bool,
    pub severity_at_least: Severity,
    /// Any of these classes of data; empty: any at all.
    #[serde(with = "wire")]
    pub data_classes: Vec<DataClass>,
}

/// `[notices]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeSettings {
    /// Trying to deliver a notice ends so long after it may leave; then the fallback channels hear of it.
    #[serde(with = "span")]
    pub expire_after: Span,
    /// Public address of the console, such as `https://breachd.example.com`. Absent: notices carry no link.
    pub link_base: Option<String>,
    /// What of the figures behind an alert, of the counts of records and people, and of a digest's reasons leaves with a notice. Absent: `full`, and `counts` where portal users are pseudonyms.
    pub figures: Option<FiguresShown>,
}

/// Figures name tables, places and addresses that contributed; the services that notices go to keep what they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FiguresShown {
    /// With names.
    #[default]
    Full,
    /// How many instead of which.
    Counts,
    /// Not at all: the console has them.
    None,
}

/// `[digest]`: once a day, what interrupted nobody, the worst first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigestSettings {
    /// Names of channels, of the kinds `email` and `webhook`: a digest interrupts nobody. Empty: nobody gets it.
    pub channels: Vec<String>,
    /// Local time of day, hours and minutes.
    pub at: String,
    /// Its zone, such as `Europe/Berlin`.
    pub zone: String,
    /// Also when there is nothing to report, so that silence means that something is wrong.
    pub when_empty: bool,
    /// Alerts told one by one; the rest is counted.
    pub lines: usize,
}

/// `[jurisdictions]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JurisdictionSettings {
    /// Ids of the obligations that bind you, from the file of jurisdictions; `us-ca-*` means all that begin so. Ask your counsel.
    pub applicable: Vec<String>,
    /// Ids of those among them that run though nobody verified them, or they are not in force.
    pub arm_unverified: BTreeSet<String>,
    /// Your own aim for obligations without a figure in the law.
    #[serde(with = "span")]
    pub internal_target: Span,
    /// The same for single obligations, by id.
    pub targets: BTreeMap<String, Target>,
    /// What bounds the number of people of a place from above, and so can rule out an obligation with a threshold.
    pub people_at_most: PeopleAtMost,
}

/// How far logs and the directory may say that no more people are concerned. A person's count may always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeopleAtMost {
    /// Only a person's count bounds it.
    Person,
    /// What alerts tell does: numbers of employees, and rows or requests beyond.
    #[default]
    Ids,
    /// The directory's number of people there does as well. Right only if it lists everybody whose records are held, who has left too.
    Directory,
}

/// A length of time, such as `"48h"`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Target(#[serde(with = "span")] pub Span);

impl JurisdictionSettings {
    pub(super) fn applies(&self, id: &str) -> bool {
        self.applicable.iter().any(|name| matches(name, id))
    }
}

/// Whether a name means this id: the id itself, or its beginning and `*`.
pub(super) fn matches(name: &str, id: &str) -> bool {
    name.strip_suffix('*').map_or(name == id, |beginning| id.starts_with(beginning))
}

impl Default for EscalationSettings {
    fn default() -> Self {
        EscalationSettings {
            after: Span::from_minutes(15),
            policy: None,
            unacknowledge_after: None,
            channels: Vec::new(),
        }
    }
}

impl Default for FallbackSettings {
    fn default() -> Self {
        FallbackSettings { channels: Vec::new(), after: Span::from_minutes(15) }
    }
}

impl Default for AwarenessSettings {
    fn default() -> Self {
        AwarenessSettings {
            enabled: true,
            severity_at_least: Severity::Critical,
            data_classes: vec![DataClass::Hr, DataClass::Payment],
        }
    }
}

impl Default for NoticeSettings {
    fn default() -> Self {
        NoticeSettings { expire_after: Span::from_hours(24), link_base: None, figures: None }
    }
}

impl Default for DigestSettings {
    fn default() -> Self {
        DigestSettings { channels: Vec::new(), at: "08:00".into(), zone: "UTC".into(), when_empty: true, lines: 30 }
    }
}

impl Default for JurisdictionSettings {
    fn default() -> Self {
        JurisdictionSettings {
            applicable: ["eu-gdpr-33-authority", "eu-gdpr-34-individuals", "card-visa-notify"].map(String::from).into(),
            arm_unverified: BTreeSet::new(),
            internal_target: Span::from_hours(24),
            targets: BTreeMap::new(),
            people_at_most: PeopleAtMost::default(),
        }
    }
}

fn low() -> Severity {
    Severity::Low
}

fn no_span() -> Span {
    Span::ZERO
}

const DAY: Span = Span::from_hours(24);
const YEAR: Span = Span::from_hours(366 * 24);

impl Settings {
    /// Every mistake, as (key path, problem). Whether channels and obligations exist, and whether somebody should be told
    /// at all (a replay tells nobody), is checked where that is known.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let mut wrong = |key: String, problem: &str| mistakes.push((key, problem.to_owned()));
        if self.triggers.len() > limits::TRIGGERS_MAX {
            wrong("triggers".into(), &format!("there are more than {} triggers", limits::TRIGGERS_MAX));
        }
        for (at, trigger) in self.triggers.iter().enumerate() {
            if trigger.channels.is_empty() {
                wrong(format!("triggers[{at}].channels"), "a trigger without channels tells nobody: name one");
            }
            if trigger.hold < Span::ZERO || DAY < trigger.hold {
                wrong(format!("triggers[{at}].hold"), "must lie between `0s` and `24h`");
            }
            if trigger.hold > Span::ZERO && trigger.may_stop.is_empty() {
                wrong(format!("triggers[{at}].may_stop"), "a hold is for somebody who may stop the notice: name who");
            }
            if trigger.data_classes.contains(&DataClass::None) {
                wrong(format!("triggers[{at}].data_classes"), "`none` matches nothing: leave the condition out");
            }
            if trigger.places.len() > limits::CONDITION_NAMES_MAX
                || !trigger.places.iter().all(|place| detector::place(place).is_ok_and(|code| *code == **place))
            {
                wrong(format!("triggers[{at}].places"), "must be codes such as `DE`, `US` or `US-CA`, at most 64");
            }
            if let Some(name) = trigger.wording.as_ref().filter(|name| !self.wordings.contains_key(*name)) {
                wrong(format!("triggers[{at}].wording"), &format!("there is no text `{name}` in `[wordings]`"));
            }
        }
        for (name, text) in &self.wordings {
            if !(1..=limits::TEXT_MAX).contains(&text.trim().chars().count()) {
                let problem = format!("must be a text of at most {} characters", limits::TEXT_MAX);
                wrong(format!("wordings.{name}"), &problem);
            }
        }
        if self.wordings.len() > limits::WORDINGS_MAX {
            wrong("wordings".into(), &format!("there are more than {} texts", limits::WORDINGS_MAX));
        }
        for (at, rule) in self.drafts.iter().enumerate() {
            rule.check().into_iter().for_each(|(key, problem)| wrong(format!("drafts[{at}].{key}"), problem));
        }
        if self.drafts.len() > limits::DRAFT_RULES_MAX {
            wrong("drafts".into(), &format!("there are more than {}", limits::DRAFT_RULES_MAX));
        }
        for (key, problem) in self.organisation.check() {
            wrong(format!("organisation.{key}"), &problem);
        }
        let at_once = self.escalation.after == Span::ZERO && self.escalation.policy.is_some();
        if (self.escalation.after <= Span::ZERO && !at_once) || DAY < self.escalation.after {
            wrong("escalation.after".into(), "must lie above `0s` and within `24h`");
        }
        let lapse = self.escalation.unacknowledge_after.map(|target| target.0);
        if lapse.is_some_and(|span| span < Span::from_minutes(5) || Span::from_hours(24 * 7) < span) {
            wrong("escalation.unacknowledge_after".into(), "must lie between `5m` and `7d`");
        }
        if self.fallback.after <= Span::ZERO || DAY < self.fallback.after {
            wrong("fallback.after".into(), "must lie above `0s` and within `24h`");
        }
        if self.notices.expire_after < Span::from_minutes(1) || Span::from_hours(24 * 7) < self.notices.expire_after {
            wrong("notices.expire_after".into(), "must lie between `1m` and `7d`");
        }
        if !(1..=limits::DIGEST_LINES_MAX).contains(&self.digest.lines) {
            wrong("digest.lines".into(), &format!("must lie between 1 and {}", limits::DIGEST_LINES_MAX));
        }
        if let Some(link) = &self.notices.link_base
            && !((link.starts_with("https://") || link.starts_with("http://"))
                && link.chars().all(|character| character.is_ascii_graphic() && !"\"<>\\`".contains(character)))
        {
            wrong("notices.link_base".into(), "must be an `https://` address without spaces or quotes");
        }
        let targets = self.jurisdictions.targets.iter().map(|(id, target)| (format!("targets.{id}"), target.0));
        for (key, target) in targets.chain([("internal_target".to_owned(), self.jurisdictions.internal_target)]) {
            if target < Span::from_minutes(1) || YEAR < target {
                wrong(format!("jurisdictions.{key}"), "must lie between `1m` and one year");
            }
        }
        let inhibitions = inhibit::check(&self.inhibitions);
        inhibitions.iter().for_each(|(key, problem)| wrong(key.clone(), problem));
        let channels = self.channels();
        if channels.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len() > limits::CHANNELS_MAX {
            wrong("triggers".into(), &format!("more than {} channels are named", limits::CHANNELS_MAX));
        }
        for (key, name) in channels {
            if name.is_empty() {
                wrong(key, "the name of a channel must not be empty");
            }
        }
        mistakes
    }

    /// Every channel that is named, as (key path, name): to compare with those that are configured.
    pub fn channels(&self) -> Vec<(String, String)> {
        let listed = |key: String, names: &[String]| -> Vec<(String, String)> {
            names.iter().enumerate().map(|(at, name)| (format!("{key}[{at}]"), name.clone())).collect()
        };
        let mut channels: Vec<_> = (self.triggers.iter().enumerate())
            .flat_map(|(at, trigger)| listed(format!("triggers[{at}].channels"), &trigger.channels))
            .collect();
        channels.extend(listed("escalation.channels".into(), &self.escalation.channels));
        channels.extend(listed("fallback.channels".into(), &self.fallback.channels));
        channels.extend(listed("digest.channels".into(), &self.digest.channels));
        channels.extend(
            (self.drafts.iter().enumerate()).filter_map(|(at, rule)| {
                rule.channel.clone().map(|channel| (format!("drafts[{at}].channel"), channel))
            }),
        );
        channels
    }
}

/// Lengths of time as people write them: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub(crate) mod span {
    use activity::Span;
    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no length of time; write a whole number and ms, s, m, h or d: `15m`"))
        })
    }

    pub(super) fn parse(text: &str) -> Option<Span> {
        let (digits, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        digits.parse::<i64>().ok()?.checked_mul(unit_ms).map(Span::from_millis)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn lengths_of_time() {
            assert_eq!(parse("15m"), Some(Span::from_minutes(15)));
            assert_eq!(parse("0s"), Some(Span::ZERO));
            assert_eq!(parse("250ms"), Some(Span::from_millis(250)));
            assert_eq!(parse("2d"), Some(Span::from_hours(48)));
            for text in ["", "15", "m", "-1s", "1.5h", "1 h", "1w", "9223372036854775807d"] {
                assert_eq!(parse(text), None, "{text}");
            }
        }
    }
}
