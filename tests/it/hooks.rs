//! Answers that come back: what people do in PagerDuty reaches the incident, once, signed, and never as our own echo.

use crate::{
    contacts::paging,
    digest::raise,
    harness::{Scratch, contents, free_port, get, post_with, until},
};
use breachd::{cli::RoleName, run, settings::Settings, topics::Topics, wall};
use hmac::{Hmac, KeyInit, Mac};
use notifier::sandbox::PagerDutySandbox;
use serde_json::{Value, json};
use std::sync::Arc;

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";
const OLD: &str = "old-secret-of-the-subscription";
const NEW: &str = "new-secret-of-the-subscription";

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let tag: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={tag}")
}

fn event(id: &str, kind: &str, agent: &Value, data: &Value) -> String {
    let at = wall::now().to_string();
    let event = json!({
        "id": id, "event_type": kind, "resource_type": "incident", "occurred_at": at, "agent": agent,
        "client": { "name": "PagerDuty" }, "data": data,
    });
    json!({ "event": event }).to_string()
}

#[test]
fn what_people_do_in_pagerduty_comes_back_once_and_only_signed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pagerduty = runtime.block_on(PagerDutySandbox::start(ROUTING_KEY, "token-of-the-rest-api")).unwrap();
    let scratch = Scratch::new("hooks");
    let console = format!("127.0.0.1:{}", free_port());
    scratch.write("routing-key", ROUTING_KEY);
    scratch.write("api-token", "token-of-the-rest-api");
    scratch.write("webhook-secrets", format!("{OLD}\n{NEW}\n"));
    let file = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[console]\nlisten = \"{console}\"\n[fallback]\nchannels = [\"pager\"]\n\
             [[channels]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = \"{}\"\nrouting_key_file = \"routing-key\"\n\
             api_token_file = \"api-token\"\nwebhook_secret_file = \"webhook-secrets\"\n",
            pagerduty.url()
        ),
    );
    let load = || Settings::load(std::slice::from_ref(&file), &[]).unwrap();
    let settings = Arc::new(load());
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    let roles = [RoleName::Notifier, RoleName::Console];
    let daemon = runtime.block_on(run::start(settings, Arc::clone(&broker), &roles)).unwrap();
    let journal = |kind: &str| -> Vec<String> {
        let entries = contents(broker.as_ref(), &topics.journal());
        let of_kind = |line: &[u8]| {
            let entry: Value = serde_json::from_slice(line).unwrap();
            (entry["kind"] == kind).then(|| entry["body"].to_string())
        };
        entries.iter().filter_map(|(_, line)| of_kind(line)).collect()
    };
    let post = |secret: &str, body: &str| -> (u16, String) {
        let tag = signature(secret, body);
        let (status, answer) =
            post_with(&console, "/hooks/pager", &[("X-PagerDuty-Signature", tag.as_str())], body).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        (status, answer["outcome"].as_str().unwrap_or_default().to_owned())
    };
    let ada = json!({ "id": "PLH1HKV", "type": "user_reference", "summary": "Ada Lovelace" });
    let ours = json!({ "id": "PGR0VU2", "type": "incident", "incident_key": "breachd/INC-1" });

    raise(broker.as_ref(), &topics, &paging());
    until("PagerDuty has the alert", || pagerduty.alert("breachd/INC-1"));

    // A note names its incident by PagerDuty's id alone, which the confirmed notice's receipt knows.
    let reference = json!({ "id": "P000001", "type": "incident_reference" });
    let note = json!({ "id": "N1", "type": "incident_note", "content": "looking at it", "incident": reference });
    let note = event("01N", "incident.annotated", &ada, &note);
    until("the note finds its incident", || (post(NEW, &note) == (202, "taken".into())).then_some(()));
    let noted = until("the note is journaled", || journal("noted").pop());
    assert!(noted.contains("looking at it") && noted.contains("Ada Lovelace (PagerDuty)"), "{noted}");

    let acknowledged = event("01A", "incident.acknowledged", &ada, &ours);
    assert_eq!(post("not the secret of anybody", &acknowledged).0, 401);
    assert!(journal("acknowledged").is_empty());
    assert_eq!(post(OLD, &acknowledged), (202, "taken".into()));
    let entry = until("the acknowledgement is journaled", || journal("acknowledged").pop());
    assert!(entry.contains("Ada Lovelace (PagerDuty) looks after it"), "{entry}");
    assert_eq!(post(NEW, &acknowledged), (202, "repeated".into()));
    until("PagerDuty hears that it is acknowledged", || {
        pagerduty.alert("breachd/INC-1").filter(|alert| alert.status == "acknowledged")
    });

    let integration = json!({ "id": "PI", "type": "inbound_integration_reference", "summary": "breachd" });
    assert_eq!(post(NEW, &event("01O", "incident.acknowledged", &integration, &ours)), (202, "own".into()));
    assert_eq!(post(NEW, &event("01P", "incident.priority_updated", &ada, &ours)), (202, "ignored".into()));
    let foreign = json!({ "id": "PX", "type": "incident", "incident_key": "somebody-else" });
    assert_eq!(post(NEW, &event("01F", "incident.resolved", &ada, &foreign)), (202, "foreign".into()));
    assert_eq!(post(NEW, "{}"), (202, "unreadable".into()));
    assert_eq!(post(NEW, &event("01R", "incident.resolved", &ada, &ours)), (202, "taken".into()));
    until("resolving is a note", || journal("noted").into_iter().find(|line| line.contains("people close it here")));
    // Somebody else acknowledges what is looked after already.
    let ben = json!({ "id": "PB", "type": "user_reference", "summary": "Ben Okri" });
    assert_eq!(post(NEW, &event("01B", "incident.acknowledged", &ben, &ours)), (202, "taken".into()));
    until("it is a note", || journal("noted").into_iter().find(|line| line.contains("Ben Okri (PagerDuty)")));
    assert_eq!((journal("acknowledged").len(), journal("closed").len(), journal("command_refused").len()), (1, 0, 0));

    // The old secret is taken out: it opens nothing any more.
    scratch.write("webhook-secrets", NEW);
    daemon.context.reload(load());
    assert_eq!(post(OLD, &acknowledged).0, 401);
    assert_eq!(post(NEW, &acknowledged), (202, "repeated".into()));
    let (_, metrics) = get(&console, "/metrics").unwrap();
    for (outcome, n) in [("taken", 4), ("repeated", 2), ("own", 1), ("ignored", 1), ("unreadable", 1), ("forged", 2)] {
        let line = format!("breachd_hook_posts_total{{hook=\"pager\",outcome=\"{outcome}\"}} {n}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(daemon.stop());
}
