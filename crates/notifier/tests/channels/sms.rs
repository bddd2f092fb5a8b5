use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, notice, only, with},
};
use incident::DeliveryResult;
use notifier::sandbox::{Fault, Sandbox, SmsSandbox};
use serde_json::{Value, json};

const TOKEN: &str = "tokentokentokentokentoken";

fn table(url: &str) -> Value {
    json!({
        "name": "c", "kind": "sms", "url": url, "to": ["+4915112345678"],
        "header_files": { "Authorization": file(&format!("Bearer {TOKEN}")) },
        "body": { "to": "{recipient}", "text": "{text}", "ref": "{id}" },
        "success_pointer": "/message/status", "success_value": "queued", "receipt_pointer": "/message/id",
    })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = SmsSandbox::start(TOKEN).await.unwrap();
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: table(&sandbox.url()),
        to_port: |port| json!({ "url": format!("http://127.0.0.1:{port}/messages") }),
        refusal: 400,
        trouble: 503,
        http: true,
        rubbish: "retrying",
        secrets: vec![TOKEN],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_form_says_the_same_and_receipts_are_kept() {
    let sandbox = SmsSandbox::start(TOKEN).await.unwrap();
    for format in ["json", "form"] {
        let mut world = World::new(only(&with(&table(&sandbox.url()), json!({ "format": format }))));
        world.submit(&notice());
        let receipt = "the gateway took 1 of 1 messages: 77".into();
        assert_eq!(world.next().await.result, DeliveryResult::Accepted { receipt }, "{format}");
    }
    let received = sandbox.received();
    assert!(received.iter().all(|one| one.summary.starts_with("breachd INCIDENT HIGH INC-")), "{received:?}");
    assert!(received.iter().all(|one| !one.summary.contains("u1042") && !one.summary.contains("hr")));
}

#[tokio::test(start_paused = true)]
async fn each_is_told_once_and_one_refusal_is_a_failure() {
    let sandbox = SmsSandbox::start(TOKEN).await.unwrap();
    let to = json!(["+4915112345001", "+4915112345000", "+4915112345002"]);
    let mut world = World::new(only(&with(&table(&sandbox.url()), json!({ "to": to }))));
    sandbox.fail_next(Fault::Pass);
    sandbox.fail_next(Fault::Pass);
    sandbox.fail_next(Fault::status(503));
    let first = notice();
    world.submit(&first);
    let results: Vec<DeliveryResult> = world.settle().await.into_iter().map(|report| report.result).collect();
    let [DeliveryResult::Retrying { .. }, DeliveryResult::Rejected { reason }] = &results[..] else {
        panic!("{results:?}")
    };
    assert!(reason.starts_with("1 of 3 recipients refused, 2 taken:"), "{reason}");
    let ids: Vec<String> = sandbox.received().iter().map(|one| one.id.clone()).collect();
    assert_eq!(ids, [0, 1, 2].map(|index| format!("{}-{index}", first.id)), "the first is not told again");
}

#[tokio::test(start_paused = true)]
async fn one_number_in_trouble_keeps_it_from_no_other() {
    let sandbox = SmsSandbox::start(TOKEN).await.unwrap();
    let to = json!(["+4915112345001", "+4915112345002", "+4915112345003"]);
    let mut world = World::new(only(&with(&table(&sandbox.url()), json!({ "to": to }))));
    // The first number fails each time it is tried.
    for fault in [Fault::status(503), Fault::Pass, Fault::Pass, Fault::status(503)] {
        sandbox.fail_next(fault);
    }
    let first = notice();
    assert_eq!(world.deliver(&first).await, ["retrying", "retrying", "accepted"]);
    let ids: Vec<String> = sandbox.received().iter().map(|one| one.id.clone()).collect();
    assert_eq!(ids, [1, 2, 0].map(|index| format!("{}-{index}", first.id)), "the second try begins with the next");
}

/// The gateway has the message: repeats would go on reaching people, and the fallback would hear of it hours later.
#[tokio::test(start_paused = true)]
async fn a_success_that_is_looked_for_in_the_wrong_place_is_sent_once() {
    let sandbox = SmsSandbox::start(TOKEN).await.unwrap();
    for (wrong, said) in [
        (json!({ "success_pointer": "/mesage/status" }), "HTTP 202, but there is no `/mesage/status` in the answer"),
        (json!({ "success_status": [200] }), "HTTP 202, which is not among `success_status`"),
    ] {
        let n_before = sandbox.received().len();
        let mut world = World::new(only(&with(&table(&sandbox.url()), wrong)));
        world.submit(&notice());
        let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("{said}: not refused") };
        assert!(reason.contains(said), "{reason}");
        assert_eq!(sandbox.received().len(), n_before + 1);
        sandbox.fail_next(Fault::Rubbish);
        world.submit(&notice());
        let result = world.next().await.result;
        assert!(matches!(result, DeliveryResult::Retrying { .. }), "somebody else's page says nothing: {result:?}");
    }
}
