use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, follow_up, notice, only, with},
};
use incident::{DeliveryResult, NoticeKind};
use notifier::sandbox::{Fault, Sandbox, ServiceNowSandbox};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery staple";

async fn sandbox() -> ServiceNowSandbox {
    ServiceNowSandbox::start("breachd", PASSWORD, "incident", "Privacy office").await.unwrap()
}

fn table(sandbox: &ServiceNowSandbox) -> Value {
    json!({
        "name": "c", "kind": "servicenow", "instance": sandbox.url(), "user": "breachd",
        "password_file": file(PASSWORD), "category": "security", "assignment_group": "Privacy office",
    })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = sandbox().await;
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: table(&sandbox),
        to_port: |port| json!({ "instance": format!("http://127.0.0.1:{port}") }),
        refusal: 400,
        trouble: 500,
        http: true,
        rubbish: "retrying",
        secrets: vec![PASSWORD],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_one_record_with_notes() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    for kind in [NoticeKind::Opened, NoticeKind::Escalated, NoticeKind::Acknowledged, NoticeKind::Closed] {
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["accepted"]);
    }
    let records = sandbox.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["correlation_id"], format!("breachd:{}", opened.incident));
    assert_eq!(record["assignment_group"], "Privacy office");
    assert_eq!((record["impact"].as_str(), record["urgency"].as_str(), record["priority"].as_str()), ("2", "2", "3"));
    assert!(record["short_description"].starts_with("[INCIDENT] HIGH INC-"));
    assert_eq!(record["state"], "1", "people's business");
    assert_eq!(record["work_notes"].matches("breachd notice ").count(), 4);
}

#[tokio::test(start_paused = true)]
async fn confirmed_by_reading_it_back() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    world.advance(1).await;
    let result = world.next().await.result;
    assert!(
        matches!(&result, DeliveryResult::Confirmed { receipt } if receipt.starts_with("INC0000001")),
        "{result:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_was_dropped_is_not_confirmed() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&with(&table(&sandbox), json!({ "assignment_group": "Privcay office" }))));
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    let arrived = sandbox.n_arrived();
    world.advance(1).await;
    sandbox.arrived(arrived + 1).await;
    let other = crate::support::notice();
    assert_eq!(world.deliver(&other).await, ["accepted"], "the look that came before it brought no report");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_record_and_no_second_note() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    for kind in [NoticeKind::Opened, NoticeKind::Escalated] {
        sandbox.fail_next(Fault::Pass);
        sandbox.fail_next(Fault::LoseAnswer);
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["retrying", "accepted"]);
    }
    let records = sandbox.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["work_notes"].matches("breachd notice ").count(), 2);
}

/// A process that died after the write and before the report submits the notice again, as a first attempt.
#[tokio::test(start_paused = true)]
async fn a_restart_makes_no_second_record_and_no_second_note() {
    let sandbox = sandbox().await;
    let opened = notice();
    for notice in [&opened, &follow_up(&opened, NoticeKind::Escalated)] {
        for _ in 0..2 {
            assert_eq!(World::new(only(&table(&sandbox))).deliver(notice).await, ["accepted"]);
        }
    }
    let records = sandbox.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["work_notes"].matches("breachd notice ").count(), 2);
}

/// Nine hundred work notes are more than breachd reads: it writes its own all the same.
#[tokio::test(start_paused = true)]
async fn a_record_too_long_to_read_still_gets_its_note() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    assert_eq!(world.deliver(&opened).await, ["accepted"]);
    sandbox.chatter(0, 900);
    assert_eq!(world.deliver(&follow_up(&opened, NoticeKind::Escalated)).await, ["accepted"]);
    assert_eq!(sandbox.records()[0]["work_notes"].matches("breachd notice ").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_made_meanwhile_is_found_and_the_younger_is_marked() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&table(&sandbox)));
    let opened = notice();
    // Our POST is held up while someone else's record appears: both exist when we look again.
    sandbox.fail_next(Fault::Pass);
    sandbox.fail_next(Fault::Pass);
    world.submit(&opened);
    sandbox.arrived(1).await;
    sandbox.plant(&format!("breachd:{}", opened.incident));
    let report = world.next().await;
    let DeliveryResult::Accepted { receipt } = report.result else { panic!("{:?}", report.result) };
    assert!(receipt.starts_with("INC0000001"), "the older one: {receipt}");
    for younger in &sandbox.records()[1..] {
        assert!(younger["work_notes"].contains("INC0000001 is the one to work on"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_refused_and_not_repeated() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&with(&table(&sandbox), json!({ "password_file": file("wrong-password") }))));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("taken") };
    assert!(reason.starts_with("HTTP 401: User Not Authenticated"), "{reason}");
    assert!(!reason.contains("wrong-password"));
}

fn oauth_table(sandbox: &ServiceNowSandbox) -> Value {
    json!({
        "name": "c", "kind": "servicenow", "instance": sandbox.url(), "client_id": "breachd",
        "client_secret_file": file(PASSWORD), "category": "security", "assignment_group": "Privacy office",
    })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does_with_oauth() {
    let sandbox = sandbox().await;
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: oauth_table(&sandbox),
        to_port: |port| json!({ "instance": format!("http://127.0.0.1:{port}") }),
        refusal: 400,
        trouble: 500,
        http: true,
        rubbish: "retrying",
        secrets: vec![PASSWORD, "sandbox-token"],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_serves_until_shortly_before_it_ends() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&oauth_table(&sandbox)));
    for _ in 0..3 {
        assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    }
    assert_eq!(sandbox.n_tokens(), 1);
    // It holds for 1799 s, and is not used in the last 60 of them.
    // Whatever asks next, a delivery or a look at what was accepted, fetches the next one, and the others wait for it.
    world.advance(1740).await;
    world.deliver(&notice()).await;
    assert_eq!(sandbox.n_tokens(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_withdrawn_is_renewed_once() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&oauth_table(&sandbox)));
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    sandbox.withdraw_tokens();
    assert_eq!(world.deliver(&notice()).await, ["accepted"], "without a failed try");
    assert_eq!(sandbox.n_tokens(), 2);

    // 401 to the token that was good, and to the next one too.
    for fault in [Fault::status(401), Fault::Pass, Fault::status(401)] {
        sandbox.fail_next(fault);
    }
    assert_eq!(world.deliver(&notice()).await, ["rejected"]);
    assert_eq!(sandbox.n_tokens(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_client_secret_is_refused_and_not_told() {
    let sandbox = sandbox().await;
    let mut world =
        World::new(only(&with(&oauth_table(&sandbox), json!({ "client_secret_file": file("wrong+secret &") }))));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("taken") };
    assert_eq!(reason, "no access token: HTTP 401: invalid_client; access_denied");
    assert!(sandbox.records().is_empty());
}

#[test]
fn one_way_to_say_who_asks() {
    let problems = |more: Value| {
        let table =
            with(&json!({ "name": "c", "kind": "servicenow", "instance": "https://example.service-now.com" }), more);
        let settings: notifier::Settings = serde_json::from_value(only(&table)).unwrap();
        settings.check().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert!(problems(json!({ "client_id": "x", "client_secret_env": "X" })).is_empty());
    assert!(problems(json!({ "user": "x", "password_env": "X" })).is_empty());
    assert_eq!(problems(json!({ "client_id": "x" })), ["channels[0].client_secret"]);
    assert_eq!(problems(json!({})), ["channels[0].password", "channels[0].user"]);
    assert_eq!(
        problems(json!({ "user": "x", "password_env": "X", "client_secret_env": "X" })),
        ["channels[0].client_id"]
    );
    let client = |more: Value| {
        let mut table = json!({ "client_id": "x", "client_secret_env": "X" });
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        problems(table)
    };
    assert_eq!(client(json!({ "password_env": "X" })), ["channels[0].client_id"]);
    assert!(client(json!({ "user": "the application's user" })).is_empty());
    // Who cannot tell its own changes must not hear of changes.
    assert_eq!(client(json!({ "webhook_secret_file": "x" })), ["channels[0].user"]);
}

fn import_table(sandbox: &ServiceNowSandbox) -> Value {
    with(&table(sandbox), json!({ "api": "import_set", "table": "u_breachd" }))
}

fn events_table(sandbox: &ServiceNowSandbox) -> Value {
    with(&table(sandbox), json!({ "api": "events" }))
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does_by_import_set_and_by_events() {
    for table in [import_table, events_table] {
        let sandbox = sandbox().await;
        assert_channel_compliance(Channel {
            sandbox: &sandbox,
            table: table(&sandbox),
            to_port: |port| json!({ "instance": format!("http://127.0.0.1:{port}") }),
            refusal: 400,
            trouble: 500,
            http: true,
            rubbish: "retrying",
            secrets: vec![PASSWORD],
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_transform_map_says_decides() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&import_table(&sandbox)));
    let opened = notice();
    assert_eq!(world.deliver(&opened).await, ["accepted"]);
    world.advance(1).await;
    let result = world.next().await.result;
    assert!(
        matches!(&result, DeliveryResult::Confirmed { receipt } if receipt.starts_with("INC0000001")),
        "{result:?}"
    );

    // The answer to the second is lost: the row is there twice, the record and its note once.
    sandbox.fail_next(Fault::LoseAnswer);
    assert_eq!(world.deliver(&follow_up(&opened, NoticeKind::Escalated)).await, ["retrying", "accepted"]);
    let records = sandbox.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["correlation_id"], format!("breachd:{}", opened.incident));
    assert_eq!(records[0]["work_notes"].matches("breachd notice ").count(), 2);

    sandbox.close(0);
    let mut world = World::new(only(&import_table(&sandbox)));
    world.submit(&follow_up(&opened, NoticeKind::Escalated));
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("taken") };
    assert_eq!(reason, "the transform map ignored it: the record is closed");

    let wrong = with(&import_table(&sandbox), json!({ "assignment_group": "Privcay office" }));
    let mut world = World::new(only(&wrong));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("taken") };
    assert_eq!(reason, "the transform map failed: assignment_group: no such reference");
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_one_message_key_that_its_end_clears() {
    let sandbox = sandbox().await;
    let mut world = World::new(only(&events_table(&sandbox)));
    let opened = notice();
    for kind in [NoticeKind::Opened, NoticeKind::Escalated, NoticeKind::Closed] {
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["accepted"]);
    }
    let events = sandbox.events();
    let column = |name: &str| events.iter().map(|event| event[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(column("message_key"), vec![format!("breachd:{}", opened.incident); 3]);
    assert_eq!(column("severity"), ["2", "2", "0"]);
    assert_eq!(column("resolution_state"), ["New", "New", "Closing"]);
    let details: Value = serde_json::from_str(events[0]["additional_info"].as_str().unwrap()).unwrap();
    assert_eq!((&details["kind"], &details["mode"]), (&json!("opened"), &json!("live")));

    // Nothing is asked afterwards: no look came between the three and the next.
    let arrived = sandbox.n_arrived();
    world.advance(1).await;
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    assert_eq!(sandbox.n_arrived(), arrived + 1);
}

#[test]
fn rows_are_imported_into_a_staging_table() {
    let table = json!({
        "name": "c", "kind": "servicenow", "instance": "https://example.service-now.com", "user": "x", "password_env": "X",
        "api": "import_set",
    });
    let problems = |table: &Value| serde_json::from_value::<notifier::Settings>(only(table)).unwrap().check();
    assert_eq!(problems(&table)[0].0, "channels[0].table");
    assert!(problems(&with(&table, json!({ "table": "u_breachd" }))).is_empty());
}
