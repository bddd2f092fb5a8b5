//! Answers that come back: what people do in PagerDuty reaches the incident, once, signed, and never as our own echo.

use crate::{
    contacts::paging,
    digest::raise,
    harness::{Scratch, contents, free_port, get, post_with, until},
};
use breachd::{cli::RoleName, run, settings::Settings, topics::Topics, wall};
use hmac::{Hmac, KeyInit, Mac};
use notifier::sandbox::{PagerDutySandbox, Sandbox as _, ServiceNowSandbox, WebhookSandbox};
use serde_json::{Value, json};
use std::sync::Arc;
use stream::Broker;

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

/// Bodies of the journal's entries of this kind.
fn journaled(broker: &dyn Broker, topics: &Topics, kind: &str) -> Vec<String> {
    let of_kind = |line: &[u8]| {
        let entry: Value = serde_json::from_slice(line).unwrap();
        (entry["kind"] == kind).then(|| entry["body"].to_string())
    };
    contents(broker, &topics.journal()).iter().filter_map(|(_, line)| of_kind(line)).collect()
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
    let journal = |kind: &str| journaled(broker.as_ref(), &topics, kind);
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

    // Another life remembers nothing but the journal, and answers only when it has read it.
    let daemon =
        until("it starts", || runtime.block_on(run::start(Arc::new(load()), Arc::clone(&broker), &roles)).ok());
    let answered = until("the second life has read the journal", || {
        let (status, outcome) = post(NEW, &acknowledged);
        (status != 503).then_some((status, outcome))
    });
    assert_eq!(answered, (202, "repeated".into()));
    assert_eq!(journal("acknowledged").len(), 1);
    assert!(daemon.stop());
}

const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// As Standard Webhooks say.
fn post_standard(console: &str, path: &str, id: &str, at: i64, body: &Value) -> (u16, Value) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let body = body.to_string();
    let key = BASE64_STANDARD.decode(&WHSEC["whsec_".len()..]).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let at = at.to_string();
    let headers = [("webhook-id", id), ("webhook-timestamp", at.as_str()), ("webhook-signature", signature.as_str())];
    let (status, answer) = post_with(console, path, &headers, &body).unwrap();
    (status, serde_json::from_str(&answer).unwrap_or_default())
}

#[test]
fn an_hr_system_reports_and_hears_of_its_data_and_servicenow_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let webhook = runtime.block_on(WebhookSandbox::start(WHSEC)).unwrap();
    let tickets = runtime
        .block_on(ServiceNowSandbox::start("breachd", "password-of-breachd", "incident", "Privacy office"))
        .unwrap();
    let scratch = Scratch::new("hr-hooks");
    let console = format!("127.0.0.1:{}", free_port());
    scratch.write("whsec", WHSEC);
    scratch.write("password", "password-of-breachd");
    let file = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[console]\nlisten = \"{console}\"\n[fallback]\nchannels = [\"tickets\"]\n\
             [[triggers]]\nchannels = [\"tickets\"]\n\
             [[channels]]\nname = \"tickets\"\nkind = \"servicenow\"\ninstance = \"{}\"\nuser = \"breachd\"\n\
             password_file = \"password\"\nwebhook_secret_file = \"whsec\"\n\
             [[channels]]\nname = \"payroll-hook\"\nkind = \"webhook\"\nurl = \"{}\"\nsecret_file = \"whsec\"\n\
             [[hr_systems]]\nname = \"payroll\"\nsecret_file = \"whsec\"\nmay_report = [\"mailbox_compromised\"]\n\
             subscribe = [\"hr\"]\nchannel = \"payroll-hook\"\n",
            tickets.url(),
            webhook.url(),
        ),
    );
    let settings = Arc::new(Settings::load(&[file], &[]).unwrap());
    let notes = settings.notes(wall::now());
    let unnamed = "posts to /hooks/tickets, /hooks/hr/payroll are refused where they come by a name";
    assert!(notes.iter().any(|note| note.starts_with(unnamed)), "{notes:#?}");
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    let roles = [RoleName::Notifier, RoleName::Console];
    let daemon = runtime.block_on(run::start(settings, Arc::clone(&broker), &roles)).unwrap();
    let journal = |kind: &str| journaled(broker.as_ref(), &topics, kind);
    let report = |event: &str, kind: &str, class: &str| {
        json!({
            "event_id": event, "at": wall::now().to_string(), "kind": kind, "people": 12,
            "subject": { "kind": "portal_user", "id": "u1" }, "data_classes": [class], "text": "a rule forwards all mail",
        })
    };
    let now = || wall::now().as_millis() / 1_000;
    let (path, good) = ("/hooks/hr/payroll", report("e-1", "mailbox_compromised", "hr"));

    assert_eq!(post_standard(&console, path, "m1", now() - 400, &good).0, 401, "too old");
    assert_eq!(post_standard(&console, "/hooks/hr/other", "m1", now(), &good).0, 404);
    assert_eq!(post_standard(&console, path, "m1", now(), &report("e-0", "leaver", "hr")).0, 422, "it may not");
    assert_eq!(post_standard(&console, path, "m1", now(), &good), (202, json!({ "outcome": "taken" })));
    let opened = until("the incident is open", || journal("incident_opened").pop());
    assert!(opened.contains("payroll (HR system)") && opened.contains("a rule forwards all mail"), "{opened}");
    assert_eq!(post_standard(&console, path, "m2", now(), &good), (202, json!({ "outcome": "repeated" })));
    let told = until("the subscription is served", || webhook.received().pop());
    assert!(String::from_utf8_lossy(&told.raw).contains("INC-1"));
    let more = report("e-2", "mailbox_compromised", "hr");
    assert_eq!(post_standard(&console, path, "m3", now(), &more).1["outcome"], "taken");
    until("the second report joins", || journal("reported").pop());

    let answer = json!({
        "correlation_id": "breachd:INC-1", "state": "2", "assigned_to": "Ben Okri", "by": "ben", "work_note": "mailbox closed",
    });
    until("the console knows the incident", || {
        (post_standard(&console, "/hooks/tickets", "s1", now(), &answer) == (202, json!({ "outcome": "taken" })))
            .then_some(())
    });
    let acknowledged = until("ServiceNow's answer is journaled", || journal("acknowledged").pop());
    assert!(acknowledged.contains("Ben Okri (ServiceNow)"), "{acknowledged}");
    until("its work note is one here", || journal("noted").pop().filter(|line| line.contains("mailbox closed")));
    assert_eq!(journal("incident_opened").len(), 1);
    assert!(daemon.stop());
}

#[test]
fn what_is_wrong_with_a_hook_is_said_before_it_runs() {
    let scratch = Scratch::new("bad-hooks");
    scratch.write("short", "short\n");
    let file = scratch.write(
        "breachd.toml",
        "[fallback]\nchannels = [\"pager\"]\n[[channels]]\nname = \"pager\"\nkind = \"pagerduty\"\n\
         routing_key_file = \"short\"\nwebhook_secret_file = \"short\"\n\
         [[hr_systems]]\nname = \"Pay roll\"\nsecret_file = \"missing\"\nsubscribe = [\"secrets\"]\nchannel = \"pager\"\n\
         [[hr_systems]]\nname = \"b\"\nsecret_file = \"short\"\nsubscribe = [\"hr\"]\n",
    );
    let mistakes = Settings::load(&[file], &[]).unwrap_err();
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    for words in [
        "channels[0].webhook_secret_file",
        "hr_systems[0].name",
        "hr_systems[0].secret_file",
        "hr_systems[0].subscribe",
        "hr_systems[0].channel",
        "hr_systems[1].secret_file",
        "hr_systems[1].channel",
    ] {
        assert!(said.iter().any(|mistake| mistake.contains(words)), "{words}: {said:#?}");
    }
}
