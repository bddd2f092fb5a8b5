//! `[[hr_systems]]`: third parties' HR systems, which report what they noticed and hear of what concerns their data.
//!
//! A report is a command like a person's, in the system's name; what it may report is written down, and how grave each kind is, is
//! ours to say, not the sender's. A subscription is no second way out: it is a trigger like those that are written, for these classes
//! of data and the system's own webhook channel, so that holds, retries, proofs and `breachd route explain` are the same.

use crate::hooks::Hooks;
use activity::{EntityKind, Span, Timestamp, printable_within};
use detector::Severity;
use notifier::{ChannelSettings, StandardHook};
use serde::Deserialize;
use std::{collections::BTreeSet, path::PathBuf};

/// What was noticed longer ago is refused: events are told apart by their ids, and those are not remembered for ever.
const REPORT_AGE: Span = Span::from_hours(31 * 24);
/// Characters of a report's own words. Beyond: refused.
const TEXT_CHARACTERS_MAX: usize = 500;
/// Bytes of a report's event id. Beyond: refused.
const EVENT_ID_BYTES_MAX: usize = 128;
/// Systems. Beyond: refused.
const SYSTEMS_MAX: usize = 32;
/// How far a system's clock may be ahead.
const AHEAD: activity::Span = activity::Span::from_minutes(5);

/// One `[[hr_systems]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HrSystemSettings {
    /// Unique; `a-z 0-9 - _`. Part of its address, `POST /hooks/hr/NAME`, and who it is in the journal.
    pub name: String,
    /// File with the secrets it signs with (`whsec_…`, Standard Webhooks), one a line: more than one while it is being changed.
    pub secret_file: PathBuf,
    /// What it may report; empty: nothing.
    #[serde(default)]
    pub may_report: Vec<ReportKind>,
    /// Classes of data whose incidents it hears of.
    #[serde(default)]
    pub subscribe: Vec<String>,
    /// Name of the webhook channel over which it hears of them.
    pub channel: Option<String>,
}

/// What an HR system can have noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    DataBreachSuspected,
    MailboxCompromised,
    DeviceLost,
    /// Somebody has left, and the account is to be watched.
    Leaver,
}

impl ReportKind {
    pub const ALL: [ReportKind; 4] =
        [ReportKind::DataBreachSuspected, ReportKind::MailboxCompromised, ReportKind::DeviceLost, ReportKind::Leaver];

    pub const fn as_str(self) -> &'static str {
        match self {
            ReportKind::DataBreachSuspected => "data_breach_suspected",
            ReportKind::MailboxCompromised => "mailbox_compromised",
            ReportKind::DeviceLost => "device_lost",
            ReportKind::Leaver => "leaver",
        }
    }

    const fn severity(self) -> Severity {
        match self {
            ReportKind::DataBreachSuspected | ReportKind::MailboxCompromised => Severity::High,
            ReportKind::DeviceLost => Severity::Medium,
            ReportKind::Leaver => Severity::Low,
        }
    }
}

/// A system's door.
#[derive(Clone, Debug)]
pub struct HrSystem {
    pub hook: StandardHook,
    may_report: Vec<ReportKind>,
}

/// As posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    event_id: String,
    at: String,
    kind: String,
    subject: WrittenSubject,
    #[serde(default)]
    data_classes: Vec<String>,
    people: Option<u64>,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSubject {
    kind: String,
    id: String,
}

/// A report that is understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The system's own id of it.
    pub event_id: String,
    pub action: incident::Action,
}

impl HrSystem {
    /// What a report asks for. `user`: under which name a portal user is known here.
    ///
    /// # Errors
    /// What the sender has to write otherwise.
    pub fn report(&self, body: &[u8], now: Timestamp, user: impl Fn(&str) -> String) -> Result<Report, String> {
        let written: Written =
            serde_json::from_slice(body).map_err(|error| printable_within(&format!("the JSON body: {error}"), 300))?;
        let kind = self.may_report.iter().find(|kind| kind.as_str() == written.kind).ok_or_else(|| {
            let may: Vec<&str> = self.may_report.iter().map(|kind| kind.as_str()).collect();
            format!(
                "`kind`: this system may report: {}",
                if may.is_empty() { "nothing".into() } else { may.join(", ") }
            )
        })?;
        let id_fits = |byte: u8| byte.is_ascii_graphic();
        if !(1..=EVENT_ID_BYTES_MAX).contains(&written.event_id.len()) || !written.event_id.bytes().all(id_fits) {
            return Err(format!("`event_id`: 1 to {EVENT_ID_BYTES_MAX} ASCII characters without spaces"));
        }
        let at: Timestamp = written.at.parse().map_err(|_| "`at`: a time such as `2026-03-02T21:14:00Z`".to_owned())?;
        if now + AHEAD < at {
            return Err("`at`: what was noticed does not lie in the future".into());
        }
        let entity = EntityKind::parse(&written.subject.kind).filter(|kind| *kind != EntityKind::Fleet);
        let entity = entity.ok_or("`subject.kind`: a kind of entity, such as `portal_user`, `table` or `source`")?;
        let id = written.subject.id.trim();
        if !(1..=activity::Entity::ID_BYTES_MAX).contains(&id.len()) {
            return Err(format!("`subject.id`: 1 to {} bytes", activity::Entity::ID_BYTES_MAX));
        }
        let id = if entity == EntityKind::PortalUser { user(id) } else { id.to_owned() };
        if at < now - REPORT_AGE {
            return Err(format!("`at`: longer ago than {REPORT_AGE}; tell a person"));
        }
        if written.text.chars().nth(TEXT_CHARACTERS_MAX).is_some() {
            return Err(format!("`text`: at most {TEXT_CHARACTERS_MAX} characters"));
        }
        let people = written.people.map_or_else(String::new, |people| format!(", {people} people or more"));
        let text = match written.text.trim() {
            "" => String::new(),
            text => format!(": {text}"),
        };
        // Classes have their JSON in the command's own crate.
        let action = serde_json::json!({
            "action": "report",
            "subject": { "kind": entity.as_str(), "id": id },
            "severity": kind.severity(),
            "data_classes": written.data_classes,
            "people": written.people,
            "reason": printable_within(&format!("{}, noticed {at}{people}{text}", kind.as_str()), 900),
        });
        let action = serde_json::from_value(action)
            .map_err(|_| "`data_classes`: of `hr`, `payment`, `hr_adjacent`, `customer`, `credentials`".to_owned())?;
        Ok(Report { event_id: written.event_id, action })
    }
}

/// Opens the doors; what is wrong goes to `mistakes`: (key path, problem).
pub(crate) fn open(
    systems: &[HrSystemSettings],
    channels: &[ChannelSettings],
    hooks: &mut Hooks,
    mistakes: &mut Vec<(String, String)>,
) {
    if SYSTEMS_MAX < systems.len() {
        mistakes.push(("hr_systems".into(), format!("are {}, at most {SYSTEMS_MAX}", systems.len())));
    }
    let mut names = BTreeSet::new();
    for (at, system) in systems.iter().enumerate() {
        let mut wrong = |key: &str, problem: String| mistakes.push((format!("hr_systems[{at}].{key}"), problem));
        if let Some(problem) = notifier::name_problem(&system.name) {
            wrong("name", problem);
        }
        if !names.insert(system.name.as_str()) {
            wrong("name", format!("`{}` is used twice", system.name));
        }
        match StandardHook::of(&system.secret_file) {
            Ok(hook) => hooks.open_hr(&system.name, HrSystem { hook, may_report: system.may_report.clone() }),
            Err(problem) => wrong("secret_file", problem),
        }
        match (&system.channel, system.subscribe.is_empty()) {
            (None, true) => {}
            (None, false) => wrong("channel", "is missing: name the webhook channel over which it hears".into()),
            (Some(_), true) => wrong("subscribe", "is missing: name classes of data, such as `hr`".into()),
            (Some(name), false) => {
                let webhook = |channel: &&ChannelSettings| channel.name() == name && channel.kind() == "webhook";
                if !channels.iter().any(|channel| webhook(&channel)) {
                    wrong(
                        "channel",
                        format!("there is no channel `{name}` of the kind `webhook`; write it as `[[channels]]`"),
                    );
                }
            }
        }
        if subscription(system).is_some_and(|trigger| trigger.is_err()) {
            wrong(
                "subscribe",
                "holds what is no class of data: hr, payment, hr_adjacent, customer, credentials".into(),
            );
        }
    }
}

/// The triggers that subscriptions come to; those that are wrong are left out, and [`open`] says so.
pub(crate) fn triggers(systems: &[HrSystemSettings]) -> impl Iterator<Item = incident::Trigger> {
    systems.iter().filter_map(subscription).filter_map(Result::ok)
}

fn subscription(system: &HrSystemSettings) -> Option<Result<incident::Trigger, serde_json::Error>> {
    let channel = system.channel.as_ref().filter(|_| !system.subscribe.is_empty())?;
    let written = serde_json::json!({ "data_classes": system.subscribe, "channels": [channel] });
    let read = serde_json::from_value::<incident::Trigger>(written);
    Some(read.map(|trigger| incident::Trigger { subscription: true, ..trigger }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{DataClass, Entity};

    fn system(file: &std::path::Path) -> HrSystem {
        std::fs::write(file, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n").unwrap();
        let hook = StandardHook::of(file).unwrap();
        std::fs::remove_file(file).unwrap();
        HrSystem { hook, may_report: vec![ReportKind::MailboxCompromised, ReportKind::Leaver] }
    }

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Result<Report, String> {
        static N: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = N.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("breachd-hr-{}-{n}", std::process::id()));
        let mut body = serde_json::json!({
            "event_id": "e-1", "at": "2026-03-02T21:14:00Z", "kind": "mailbox_compromised",
            "subject": { "kind": "portal_user", "id": "ada" }, "data_classes": ["hr"], "people": 12, "text": "a call\u{1b}",
        });
        change(&mut body);
        let now = "2026-03-02T21:15:00Z".parse().unwrap();
        system(&file).report(body.to_string().as_bytes(), now, |user| format!("p-{user}"))
    }

    #[test]
    fn a_report_is_a_command_in_our_words_and_of_our_severity() {
        let report = read(|_| {}).unwrap();
        let expected = incident::Action::Report {
            subject: Entity::new(EntityKind::PortalUser, "p-ada"),
            severity: Severity::High,
            data_classes: DataClass::Hr.into(),
            people: Some(12),
            reason: "mailbox_compromised, noticed 2026-03-02T21:14:00Z, 12 people or more: a call␛".into(),
        };
        assert_eq!((report.event_id.as_str(), report.action), ("e-1", expected));
        let bare = read(|body| {
            let body = body.as_object_mut().unwrap();
            ["data_classes", "people", "text"].iter().for_each(|key| drop(body.remove(*key)));
            body.insert("kind".into(), "leaver".into());
        });
        assert!(matches!(bare.unwrap().action, incident::Action::Report { severity: Severity::Low, people: None, .. }));
    }

    #[test]
    fn what_is_wrong_with_a_report_is_said() {
        for (pointer, value, words) in [
            ("/kind", serde_json::json!("device_lost"), "may report: mailbox_compromised, leaver"),
            ("/event_id", "".into(), "`event_id`"),
            ("/event_id", "a b".into(), "`event_id`"),
            ("/event_id", "x".repeat(129).into(), "`event_id`"),
            ("/at", "yesterday".into(), "`at`"),
            ("/at", "2026-03-02T21:21:00Z".into(), "future"),
            ("/subject/kind", "employee".into(), "`subject.kind`"),
            ("/subject/kind", "fleet".into(), "`subject.kind`"),
            ("/subject/id", " ".into(), "`subject.id`"),
            ("/subject/id", "x".repeat(193).into(), "`subject.id`"),
            ("/data_classes", serde_json::json!(["secret"]), "`data_classes`"),
            ("/people", (-1).into(), "JSON"),
            ("/text", "x".repeat(501).into(), "`text`"),
        ] {
            let refused = read(|body| *body.pointer_mut(pointer).unwrap() = value).unwrap_err();
            assert!(refused.contains(words), "{pointer}: {refused}");
        }
        assert!(read(|body| body["severity"] = "critical".into()).unwrap_err().contains("severity"));
    }
}
