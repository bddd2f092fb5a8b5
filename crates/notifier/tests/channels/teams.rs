use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, notice, only},
};
use incident::DeliveryResult;
use notifier::sandbox::TeamsSandbox;
use serde_json::{Value, json};

const SIGNATURE: &str = "signaturesignaturesignature";

fn table(url: &str) -> Value {
    json!({ "name": "c", "kind": "teams", "url_file": file(url), "tell": "names" })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = TeamsSandbox::start(SIGNATURE).await.unwrap();
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: table(&sandbox.url()),
        to_port: |port| json!({ "url_file": file(&format!("http://127.0.0.1:{port}/invoke?sig={SIGNATURE}")) }),
        refusal: 401,
        trouble: 502,
        http: true,
        rubbish: "retrying",
        secrets: vec![SIGNATURE],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn taken_is_said_to_be_queued_and_no_more() {
    let sandbox = TeamsSandbox::start(SIGNATURE).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url())));
    world.submit(&notice());
    let DeliveryResult::Accepted { receipt } = world.next().await.result else { panic!("not taken") };
    assert!(receipt.contains("queued") && receipt.contains("not told"), "{receipt}");
    let mut wrong = World::new(only(&table(&sandbox.url().replace(SIGNATURE, "wrong"))));
    wrong.submit(&notice());
    let reason = "HTTP 401: DirectApiAuthorizationRequired".into();
    assert_eq!(wrong.next().await.result, DeliveryResult::Rejected { reason });
}
