//! What people do to our records in ServiceNow, posted by a business rule there.
//!
//! ServiceNow has no webhooks of its own: the rule is the instance's, and `deploy/servicenow/business-rule.js` has one. It signs as
//! Standard Webhooks do, because a script there can (`GlideCertificateEncryption.generateMac` takes a key and gives a code in
//! base64). Body:
//!
//! ```json
//! {"correlation_id": "breachd:INC-7", "state": "2", "assigned_to": "Ada Lovelace", "by": "ada", "work_note": "I look after it"}
//! ```
//! A record that is assigned to somebody and in a state of `acknowledged_states` is looked after; a work note is a note. Whatever
//! else happens to its state is for people to say here. What our own account did is not heard again.

use super::{BadHook, Heard, HeardAct, HookHeaders, Signed, StandardHook, incident_of, note, signed_by, unreadable};
use crate::ServiceNowSettings;
use activity::Timestamp;
use serde::Deserialize;

#[derive(Clone, Debug)]
pub(super) struct ServiceNowHook {
    signed: StandardHook,
    source: String,
    user: String,
    acknowledged_states: Vec<String>,
}

#[derive(Deserialize)]
struct Body {
    correlation_id: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    assigned_to: String,
    /// Name of the account that made the change.
    #[serde(default)]
    by: String,
    #[serde(default)]
    work_note: String,
}

impl ServiceNowHook {
    /// `None`: none is configured.
    pub(super) fn of(settings: &ServiceNowSettings) -> Option<Result<Self, String>> {
        let signed = StandardHook::of(settings.webhook_secret_file.as_deref()?);
        Some(signed.map(|signed| ServiceNowHook {
            signed,
            source: settings.source.clone(),
            user: settings.user.clone(),
            acknowledged_states: settings.acknowledged_states.clone(),
        }))
    }

    pub(super) fn read(&self, headers: &HookHeaders, body: &[u8], now: Timestamp) -> Result<Heard, BadHook> {
        let Signed { id, at } = self.signed.check(headers, body, now)?;
        let body: Body = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        let (assigned, work_note) = (body.assigned_to.trim(), body.work_note.trim());
        let looked_after = !assigned.is_empty() && self.acknowledged_states.contains(&body.state);
        let who = if looked_after { assigned } else { body.by.trim() };
        let written = (!work_note.is_empty()).then(|| {
            let by =
                if looked_after && body.by != assigned { format!(" by {}", body.by.trim()) } else { String::new() };
            note(&format!("work note in ServiceNow{by}: {work_note}"))
        });
        Ok(Heard {
            id,
            at,
            incident: incident_of(&body.correlation_id, &self.source),
            theirs: None,
            by: signed_by(Some(who), "ServiceNow"),
            acts: looked_after.then_some(HeardAct::Acknowledge).into_iter().chain(written).collect(),
            own: !self.user.is_empty() && body.by == self.user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::standard::tests::{SECRET, hook, signed},
        *,
    };
    use incident::IncidentId;
    use serde_json::{Value, json};

    fn heard(body: &Value) -> Result<Heard, BadHook> {
        let states = vec!["2".to_owned()];
        let hook = ServiceNowHook {
            signed: hook(),
            source: "breachd".into(),
            user: "breachd".into(),
            acknowledged_states: states,
        };
        let body = body.to_string();
        hook.read(&signed(SECRET, "msg_1", 1_000, body.as_bytes()), body.as_bytes(), Timestamp::from_secs(1_000))
    }

    fn body() -> Value {
        json!({ "correlation_id": "breachd:INC-7", "state": "2", "assigned_to": "Ada Lovelace", "by": "ada", "work_note": "" })
    }

    #[test]
    fn a_record_in_somebodys_hands_is_looked_after() {
        let taken = heard(&body()).unwrap();
        assert_eq!((taken.id.as_str(), taken.incident), ("msg_1", Some(IncidentId(7))));
        assert_eq!((taken.by.as_str(), &taken.acts[..]), ("Ada Lovelace (ServiceNow)", &[HeardAct::Acknowledge][..]));
        for (field, value) in [("state", "1"), ("assigned_to", " ")] {
            let mut body = body();
            body[field] = value.into();
            assert!(heard(&body).unwrap().acts.is_empty(), "{field}");
        }
    }

    #[test]
    fn a_work_note_is_a_note_of_who_wrote_it_and_ours_are_not_heard_again() {
        let mut noted = body();
        noted["work_note"] = "called the DPO".into();
        let both = heard(&noted).unwrap();
        assert_eq!(both.acts.len(), 2);
        noted["state"] = "1".into();
        let noted_only = heard(&noted).unwrap();
        assert_eq!(noted_only.by, "ada (ServiceNow)");
        assert!(
            matches!(&noted_only.acts[..], [HeardAct::Note(text)] if text == "work note in ServiceNow: called the DPO")
        );
        assert!(!noted_only.own);
        noted["by"] = "breachd".into();
        assert!(heard(&noted).unwrap().own);
        noted["by"] = "".into();
        assert!(!heard(&noted).unwrap().own);
        assert!(matches!(heard(&json!({ "state": "2" })), Err(BadHook::Unreadable(_))));
        assert_eq!(heard(&json!({ "correlation_id": "other:INC-7" })).unwrap().incident, None);
    }
}
