use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, follow_up, notice, only, with},
};
use incident::{DeliveryResult, Notice, NoticeKind};
use notifier::sandbox::{Fault, PagerDutySandbox, Sandbox};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROUTING_KEY: &str = "e93facc04764012d7bfb002500d5d1a6";
const API_TOKEN: &str = "y_NbAkKc66ryYTWUXYEu";

async fn sandbox() -> PagerDutySandbox {
    PagerDutySandbox::start(ROUTING_KEY, API_TOKEN).await.unwrap()
}

fn table(sandbox: &PagerDutySandbox) -> Value {
    json!({ "name": "c", "kind": "pagerduty", "url": sandbox.url(), "routing_key_file": file(ROUTING_KEY) })
}

fn confirming(sandbox: &PagerDutySandbox) -> Value {
    with(&table(sandbox), json!({ "api_token_file": file(API_TOKEN) }))
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = sandbox().await;
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: confirming(&sandbox),
        to_port: |port| json!({ "url": format!("http://127.0.0.1:{port}") }),
        refusal: 400,
        trouble: 500,
        http: true,
        rubbish: "retrying",
        secrets: vec![ROUTING_KEY, API_TOKEN],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_one_alert_from_opened_to_closed() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    let key = format!("breachd/{}", opened.incident);
    let mut states = Vec::new();
    for kind in [NoticeKind::Opened, NoticeKind::Escalated, NoticeKind::Acknowledged, NoticeKind::Closed] {
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["accepted"]);
        let alert = sandbox.alert(&key).unwrap();
        states.push((alert.status, alert.triggers, alert.generation));
    }
    assert_eq!(states, [("triggered", 1, 1), ("triggered", 2, 1), ("acknowledged", 2, 1), ("resolved", 2, 1)]);
    assert_eq!(sandbox.alerts().len(), 1);
}

/// A second trigger of an acknowledged alert notifies nobody there, so a deadline must come under a key of its own.
#[tokio::test(start_paused = true)]
async fn each_deadline_warning_notifies_though_the_incident_is_acknowledged() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    for kind in [NoticeKind::Opened, NoticeKind::Acknowledged, NoticeKind::DeadlineWarning, NoticeKind::DeadlineWarning]
    {
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["accepted"]);
    }
    let notified: u32 = sandbox.alerts().values().map(|alert| alert.notified).sum();
    assert_eq!(notified, 3);
    assert_eq!(world.deliver(&follow_up(&opened, NoticeKind::Closed)).await, ["accepted"]);
    assert!(sandbox.alerts().values().all(|alert| alert.status == "resolved"), "the warnings end with their incident");
}

/// The same for what is escalated after an acknowledgement lapsed.
#[tokio::test(start_paused = true)]
async fn a_lapsed_acknowledgement_notifies_again() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    for (kind, again) in [
        (NoticeKind::Opened, 0),
        (NoticeKind::Acknowledged, 0),
        (NoticeKind::Escalated, 1),
        (NoticeKind::Escalated, 1),
        (NoticeKind::Acknowledged, 1),
        (NoticeKind::Escalated, 2),
    ] {
        assert_eq!(world.deliver(&Notice { again, ..follow_up(&opened, kind) }).await, ["accepted"]);
    }
    let notified: u32 = sandbox.alerts().values().map(|alert| alert.notified).sum();
    assert_eq!((notified, sandbox.alerts().len()), (3, 3), "once for each time somebody is needed");
    assert_eq!(world.deliver(&follow_up(&opened, NoticeKind::Closed)).await, ["accepted"]);
    assert!(sandbox.alerts().values().all(|alert| alert.status == "resolved"));
}

/// A reload or another instance remembers nothing of what was sent; the alerts of lapsed acknowledgements end all the same.
#[tokio::test(start_paused = true)]
async fn a_lapsed_acknowledgements_alert_ends_for_whoever_did_not_send_it() {
    let sandbox = sandbox().await;
    let opened = notice();
    let deliver = async |kind, again| {
        let mut world = World::new(only(&table(&sandbox)));
        assert_eq!(world.deliver(&Notice { again, ..follow_up(&opened, kind) }).await, ["accepted"]);
        let statuses: BTreeSet<_> = sandbox.alerts().into_values().map(|alert| alert.status).collect();
        statuses.into_iter().map(|status| status.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(deliver(NoticeKind::Opened, 0).await, ["triggered"]);
    assert_eq!(deliver(NoticeKind::Acknowledged, 0).await, ["acknowledged"]);
    assert_eq!(deliver(NoticeKind::Escalated, 1).await, ["acknowledged", "triggered"]);
    assert_eq!(deliver(NoticeKind::Escalated, 2).await, ["acknowledged", "triggered"]);
    assert_eq!(deliver(NoticeKind::Acknowledged, 2).await, ["acknowledged"]);
    assert_eq!(deliver(NoticeKind::Closed, 2).await, ["resolved"]);
    assert_eq!(sandbox.alerts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_lost_answer_joins_the_alert() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    sandbox.fail_next(Fault::LoseAnswer);
    assert_eq!(world.deliver(&opened).await, ["retrying", "accepted"]);
    let alert = sandbox.alert(&format!("breachd/{}", opened.incident)).unwrap();
    assert_eq!((alert.triggers, alert.notified, alert.generation), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn confirmed_means_that_the_incident_is_there() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&confirming(&sandbox)));
    let opened = notice();
    for (kind, status) in [
        (NoticeKind::Opened, "triggered"),
        (NoticeKind::Acknowledged, "acknowledged"),
        (NoticeKind::Closed, "resolved"),
    ] {
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["accepted"]);
        world.advance(1).await;
        let result = world.next().await.result;
        assert_eq!(result, DeliveryResult::Confirmed { receipt: format!("incident P000001 is {status}") });
    }
}

#[tokio::test(start_paused = true)]
async fn a_maintenance_window_accepts_and_is_not_confirmed() {
    let sandbox = sandbox().await;
    sandbox.mute();
    let mut world = World::new(only(&confirming(&sandbox)));
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    let asked_before = sandbox.n_arrived();
    for looks in 1..=notifier::CONFIRM_AFTER.len() {
        let wait = notifier::CONFIRM_AFTER[looks - 1]
            - looks.checked_sub(2).map(|index| notifier::CONFIRM_AFTER[index]).unwrap_or_default();
        world.advance(wait.as_secs()).await;
        sandbox.arrived(asked_before + looks).await;
    }
    assert_eq!(
        world.deliver(&Notice { channel: "nowhere".into(), ..notice() }).await,
        ["rejected"],
        "nothing came before"
    );
}

#[tokio::test(start_paused = true)]
async fn the_services_words_reach_the_report() {
    let sandbox = sandbox().await;
    let wrong = with(&table(&sandbox), json!({ "routing_key_file": file(&"f".repeat(32)) }));
    let mut world = World::new(only(&wrong));
    world.submit(&notice());
    let result = world.next().await.result;
    let reason = "HTTP 400: Event object is invalid; Invalid routing key".to_owned();
    assert_eq!(result, DeliveryResult::Rejected { reason });
}

#[tokio::test(start_paused = true)]
async fn a_closed_incident_is_a_change_event_where_that_is_wanted() {
    let sandbox = sandbox().await;
    for wanted in [false, true] {
        let mut world = World::new(only(&with(&table(&sandbox), json!({ "change_events": wanted }))));
        let opened = notice();
        for kind in [NoticeKind::Opened, NoticeKind::Acknowledged, NoticeKind::Closed] {
            let title = "💥".repeat(3000);
            assert_eq!(world.deliver(&Notice { title, ..follow_up(&opened, kind) }).await, ["accepted"]);
        }
        assert_eq!(sandbox.changes().len(), usize::from(wanted));
        assert_eq!(sandbox.alert(&format!("breachd/{}", opened.incident)).unwrap().status, "resolved");
    }
    let change = &sandbox.changes()[0];
    assert!(change["payload"]["summary"].as_str().unwrap().starts_with("INC-"));
    assert_eq!(change["links"][0]["href"], "https://breachd.example/incidents/INC-7");
}

#[tokio::test(start_paused = true)]
async fn a_change_event_that_fails_is_tried_again_and_the_alert_stays_resolved() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&with(&table(&sandbox), json!({ "change_events": true }))));
    let opened = notice();
    assert_eq!(world.deliver(&opened).await, ["accepted"]);
    sandbox.fail_next(Fault::Pass);
    sandbox.fail_next(Fault::status(503));
    assert_eq!(world.deliver(&follow_up(&opened, NoticeKind::Closed)).await, ["retrying", "accepted"]);
    assert_eq!(sandbox.changes().len(), 1);
    let alert = sandbox.alert(&format!("breachd/{}", opened.incident)).unwrap();
    assert_eq!((alert.status, alert.generation), ("resolved", 1));
}
