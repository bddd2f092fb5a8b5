use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, notice, only, with},
};
use incident::DeliveryResult;
use notifier::sandbox::{Sandbox, SlackSandbox};
use serde_json::{Value, json};

const TOKEN: &str = "tokentokentokentokentoken";

fn table(url: &str) -> Value {
    json!({ "name": "c", "kind": "slack", "url_file": file(url), "tell": "names" })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = SlackSandbox::start(TOKEN).await.unwrap();
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: table(&sandbox.url()),
        to_port: |port| json!({ "url_file": file(&format!("http://127.0.0.1:{port}/services/T0/B0/{TOKEN}")) }),
        refusal: 404,
        trouble: 500,
        http: true,
        rubbish: "retrying",
        secrets: vec![TOKEN],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn slacks_own_words_are_the_reason() {
    let sandbox = SlackSandbox::start(TOKEN).await.unwrap();
    for (path, reason) in [("/services/T0/B0/wrong", "HTTP 403: invalid_token"), ("/nowhere", "HTTP 404: no_service")] {
        let mut world = World::new(only(&table(&format!("http://127.0.0.1:{}{path}", sandbox.port()))));
        world.submit(&notice());
        assert_eq!(world.next().await.result, DeliveryResult::Rejected { reason: reason.into() });
        assert!(world.dispatcher.probe("c").await.unwrap_err().to_string().contains(reason));
    }
}

#[tokio::test(start_paused = true)]
async fn one_message_a_second_begins() {
    let sandbox = SlackSandbox::start(TOKEN).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url())));
    let began = world.now();
    for _ in 0..3 {
        world.submit(&notice());
    }
    for n in 0..3 {
        sandbox.arrived(n + 1).await;
        assert_eq!(world.next().await.result.as_str(), "accepted");
        assert_eq!(sandbox.n_arrived(), n + 1);
        assert_eq!((world.now() - began).as_secs(), n as i64);
        world.advance(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_named_unless_asked_for() {
    let sandbox = SlackSandbox::start(TOKEN).await.unwrap();
    let mut world = World::new(only(&with(&table(&sandbox.url()), json!({ "tell": "counts" }))));
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    let told = String::from_utf8(sandbox.received()[0].raw.clone()).unwrap();
    assert!(!told.contains("u1042") && !told.contains("hr_payroll") && told.contains("1,840"), "{told}");
}
