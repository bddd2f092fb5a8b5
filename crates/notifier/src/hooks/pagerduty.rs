//! PagerDuty's webhooks, version 3: what people do to our incidents over there.
//!
//! `X-PagerDuty-Signature` lists `v1=` and the HMAC-SHA-256 of the raw body in hexadecimal, one for each secret of the subscription;
//! any that fits will do. No time is signed, so a request can be repeated by whoever saw it: it counts by `event.id`, which is in the
//! signed body. `X-Webhook-Id` is not, and is not looked at.
//!
//! Only a person's acknowledgement is one: PagerDuty's `agent` must be a user. What integrations do there is our own doing (a key of
//! ours comes through our integration), and is not heard again. Resolving is a note: people close incidents here, where time limits
//! and drafts are seen. Other types of event are let pass.
//!
//! Source: <https://developer.pagerduty.com/docs/webhooks-overview>, `verifying-signatures`.

use super::{
    BadHook, HOOK_SECRET_BYTES_MIN, Heard, HookHeaders, HookSecrets, hex, id, incident_of, note, signed_by, unreadable,
};
use crate::PagerDutySettings;
use serde::Deserialize;

const SIGNATURE: &str = "x-pagerduty-signature";
/// Signatures of one request that are looked at: PagerDuty sends one for each secret.
const SIGNATURES_MAX: usize = 8;
/// As events of ours name their client.
const CLIENT: &str = "breachd";

#[derive(Clone, Debug)]
pub(super) struct PagerDutyHook {
    secrets: HookSecrets,
    source: String,
}

#[derive(Deserialize)]
struct Body {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    event_type: String,
    occurred_at: String,
    agent: Option<Agent>,
    client: Option<Client>,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct Agent {
    #[serde(default)]
    r#type: String,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct Client {
    name: Option<String>,
}

/// An `incident`, or an `incident_note` with a reference to one.
#[derive(Default, Deserialize)]
struct Data {
    id: Option<String>,
    r#type: Option<String>,
    incident_key: Option<String>,
    incident: Option<Reference>,
    content: Option<String>,
    #[serde(default)]
    trimmed: bool,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

impl PagerDutyHook {
    /// `None`: none is configured.
    pub(super) fn of(settings: &PagerDutySettings) -> Option<Result<Self, String>> {
        let file = settings.webhook_secret_file.as_deref()?;
        let secrets = HookSecrets::read(file, |line| {
            if line.len() < HOOK_SECRET_BYTES_MIN { Err("holds a secret that is too short") } else { Ok(line.into()) }
        });
        Some(secrets.map(|secrets| PagerDutyHook { secrets, source: settings.source.clone() }))
    }

    pub(super) fn read(&self, headers: &HookHeaders, body: &[u8]) -> Result<Heard, BadHook> {
        let signatures = headers.get(SIGNATURE).ok_or(BadHook::Forged("it has no X-PagerDuty-Signature"))?;
        let tags = signatures.split(',').filter_map(|one| hex(one.trim().strip_prefix("v1=")?));
        if !self.secrets.sign(&[body], &tags.take(SIGNATURES_MAX).collect::<Vec<_>>()) {
            return Err(BadHook::Forged("no signature fits"));
        }
        let Body { event } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        let at = event.occurred_at.parse().map_err(|_| BadHook::Unreadable("`occurred_at` is no time".into()))?;
        let is = |kind: &str| event.agent.as_ref().is_some_and(|agent| agent.r#type == kind);
        let person = event.agent.as_ref().filter(|_| is("user_reference")).and_then(|agent| agent.summary.as_deref());
        let integration = event.agent.as_ref().is_some_and(|agent| agent.r#type.ends_with("integration_reference"));
        let ours =
            event.client.and_then(|client| client.name).is_some_and(|name| name == CLIENT || name == self.source);
        let data = event.data;
        let theirs = match (data.incident, data.r#type.as_deref()) {
            (Some(incident), _) => Some(id(&incident.id)?),
            (None, Some("incident")) => data.id.as_deref().map(id).transpose()?,
            (None, _) => None,
        };
        let acts = match event.event_type.as_str() {
            "incident.acknowledged" if person.is_some() => vec![super::HeardAct::Acknowledge],
            "incident.acknowledged" => {
                vec![note("acknowledged in PagerDuty, by nobody who is named: this looks after nothing")]
            }
            "incident.unacknowledged" => vec![note("the acknowledgement in PagerDuty was taken back, or lapsed there")],
            "incident.resolved" => {
                vec![note("resolved in PagerDuty; the incident stays as it is: people close it here")]
            }
            "incident.annotated" => {
                let content = data.content.unwrap_or_default();
                let cut = if data.trimmed { " […cut by PagerDuty]" } else { "" };
                vec![note(&format!("note in PagerDuty: {}{cut}", content.trim()))]
            }
            _ => Vec::new(),
        };
        Ok(Heard {
            id: id(&event.id)?,
            at,
            incident: data.incident_key.and_then(|key| incident_of(&key, &self.source)),
            theirs,
            by: signed_by(person, "PagerDuty"),
            acts,
            own: integration || ours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::HeardAct, *};
    use activity::Timestamp;
    use hmac::{Hmac, KeyInit, Mac};
    use incident::IncidentId;
    use serde_json::{Value, json};

    /// The vendor's own vector, from the tests of its Go library: secret, body and signature.
    const VECTOR_SECRET: &str = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK";
    const VECTOR_SIGNATURE: &str = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd";
    const VECTOR_BODY: &[u8] = include_bytes!("pagerduty_vector.json");

    fn hook(secrets: &[&str]) -> PagerDutyHook {
        let secrets = secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect();
        PagerDutyHook { secrets: HookSecrets(secrets), source: "breachd".into() }
    }

    fn headers(signature: &str) -> HookHeaders {
        [(SIGNATURE.to_owned(), signature.to_owned())].into()
    }

    fn tag(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        format!("v1={}", mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    fn heard(event: Value) -> Result<Heard, BadHook> {
        let body = json!({ "event": event }).to_string();
        hook(&["0123456789abcdef"]).read(&headers(&tag("0123456789abcdef", body.as_bytes())), body.as_bytes())
    }

    fn event(kind: &str) -> Value {
        json!({
            "id": "01E", "event_type": kind, "resource_type": "incident", "occurred_at": "2026-03-02T21:14:00.5Z",
            "agent": { "id": "P1", "type": "user_reference", "summary": "Ada Lovelace" }, "client": { "name": "PagerDuty" },
            "data": { "id": "Q7", "type": "incident", "status": "acknowledged", "incident_key": "breachd/INC-7" },
        })
    }

    #[test]
    fn the_vendors_own_vector_fits_and_no_changed_one() {
        let reads = |secrets: &[&str], signature: &str, body: &[u8]| hook(secrets).read(&headers(signature), body);
        let heard = reads(&[VECTOR_SECRET], VECTOR_SIGNATURE, VECTOR_BODY).unwrap();
        assert_eq!((heard.id.as_str(), heard.theirs.as_deref()), ("01BWDWL3NYY7LUFPZCC28QUCMK", Some("PGR0VU2")));
        assert!(heard.acts.is_empty() && heard.incident.is_none());
        // While a secret is being changed: several signatures, several secrets, spaces or none.
        let other = "another secret, at least 16 bytes";
        for list in [
            format!("{},{VECTOR_SIGNATURE}", tag(other, b"x")),
            format!("v2=00, {VECTOR_SIGNATURE} , v1=zz"),
            VECTOR_SIGNATURE.to_uppercase().replace("V1=", "v1="),
        ] {
            assert!(reads(&[other, VECTOR_SECRET], &list, VECTOR_BODY).is_ok(), "{list}");
        }
        let changed = [VECTOR_BODY, b" "].concat();
        for (secret, signature, body) in [
            (VECTOR_SECRET, VECTOR_SIGNATURE, changed.as_slice()),
            (other, VECTOR_SIGNATURE, VECTOR_BODY),
            (VECTOR_SECRET, "v1=7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5", VECTOR_BODY),
            (VECTOR_SECRET, "", VECTOR_BODY),
            (VECTOR_SECRET, "v1=", VECTOR_BODY),
            (VECTOR_SECRET, &VECTOR_SIGNATURE[..65], VECTOR_BODY),
            (VECTOR_SECRET, &VECTOR_SIGNATURE[3..], VECTOR_BODY),
        ] {
            assert!(matches!(reads(&[secret], signature, body), Err(BadHook::Forged(_))), "{signature}");
        }
        assert!(matches!(hook(&[VECTOR_SECRET]).read(&HookHeaders::new(), VECTOR_BODY), Err(BadHook::Forged(_))));
    }

    #[test]
    fn a_persons_acknowledgement_is_one_and_a_machines_is_a_note() {
        let by_person = heard(event("incident.acknowledged")).unwrap();
        let expected = Heard {
            id: "01E".into(),
            at: "2026-03-02T21:14:00.5Z".parse::<Timestamp>().unwrap(),
            incident: Some(IncidentId(7)),
            theirs: Some("Q7".into()),
            by: "Ada Lovelace (PagerDuty)".into(),
            acts: vec![HeardAct::Acknowledge],
            own: false,
        };
        assert_eq!(by_person, expected);
        let mut nobody = event("incident.acknowledged");
        nobody["agent"] = Value::Null;
        nobody["client"] = Value::Null;
        let nobody = heard(nobody).unwrap();
        assert!(matches!(&nobody.acts[..], [HeardAct::Note(_)]) && nobody.by == "PagerDuty" && !nobody.own);
    }

    #[test]
    fn our_own_doing_is_known_by_its_agent_or_its_client() {
        let mut through_us = event("incident.resolved");
        through_us["agent"] =
            json!({ "id": "P9", "type": "events_api_v2_inbound_integration_reference", "summary": "breachd" });
        assert!(heard(through_us).unwrap().own);
        let mut named = event("incident.acknowledged");
        named["client"] = json!({ "name": "breachd" });
        assert!(heard(named).unwrap().own);
    }

    #[test]
    fn what_else_people_do_there_is_a_note_and_unknown_types_are_let_pass() {
        for (kind, words) in [("incident.unacknowledged", "taken back"), ("incident.resolved", "people close it here")]
        {
            let heard = heard(event(kind)).unwrap();
            assert!(matches!(&heard.acts[..], [HeardAct::Note(note)] if note.contains(words)), "{heard:?}");
        }
        let mut annotated = event("incident.annotated");
        annotated["data"] = json!({
            "id": "N1", "type": "incident_note", "content": "it was\u{1b}[2J me", "trimmed": true,
            "incident": { "id": "Q7", "type": "incident_reference" },
        });
        let heard_note = heard(annotated).unwrap();
        assert_eq!((heard_note.incident, heard_note.theirs.as_deref()), (None, Some("Q7")));
        assert!(matches!(&heard_note.acts[..], [HeardAct::Note(note)]
            if note.contains("it was") && !note.contains('\u{1b}') && note.ends_with("[…cut by PagerDuty]")));
        for kind in ["incident.triggered", "incident.custom_field_values.updated", "pagey.ping"] {
            assert!(heard(event(kind)).unwrap().acts.is_empty(), "{kind}");
        }
    }

    #[test]
    fn what_is_signed_and_makes_no_sense_is_unreadable_not_forged() {
        for change in ["id", "event_type", "occurred_at"] {
            let mut event = event("incident.acknowledged");
            event[change] = Value::Null;
            assert!(matches!(heard(event), Err(BadHook::Unreadable(_))), "{change}");
        }
        let mut long = event("incident.acknowledged");
        long["id"] = "x".repeat(129).into();
        assert!(matches!(heard(long), Err(BadHook::Unreadable(_))));
    }
}
