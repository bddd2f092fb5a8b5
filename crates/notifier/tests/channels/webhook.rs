use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, notice, only, with},
};
use incident::DeliveryResult;
use notifier::sandbox::{Fault, Sandbox, WebhookSandbox};
use serde_json::{Value, json};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn table(url: &str, secret: &str) -> Value {
    json!({ "name": "c", "kind": "webhook", "url": url, "secret_file": file(secret) })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = WebhookSandbox::start(SECRET).await.unwrap();
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: table(&sandbox.url(), SECRET),
        to_port: |port| json!({ "url": format!("http://127.0.0.1:{port}/hook") }),
        refusal: 400,
        trouble: 500,
        http: true,
        rubbish: "accepted",
        secrets: vec!["C2FVsBQIhrscChlQIMV"],
    })
    .await;
}

/// Judged by the Standard Webhooks project's own library, which shares no code with ours.
#[tokio::test(start_paused = true)]
async fn the_published_library_takes_the_signature() {
    let sandbox = WebhookSandbox::start(SECRET).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url(), SECRET)));
    sandbox.fail_next(Fault::LoseAnswer);
    assert_eq!(world.deliver(&notice()).await, ["retrying", "accepted"]);
    let received = sandbox.received();
    let header = |index: usize, name: &str| {
        let headers = &received[index].headers;
        headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone()).unwrap()
    };
    for (index, one) in received.iter().enumerate() {
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, header(index, name).parse().unwrap());
        }
        let judge = standardwebhooks::Webhook::new(SECRET).unwrap();
        judge.verify(&one.raw, &headers).unwrap();
        let mut forged = one.raw.clone();
        forged[0] ^= 1;
        assert!(judge.verify(&forged, &headers).is_err());
    }
    assert_eq!(received.len(), 2);
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"), "the id stays");
    assert!(header(0, "webhook-timestamp") < header(1, "webhook-timestamp"), "the time is the attempt's");
    assert_eq!(received[0].raw, received[1].raw);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_refused() {
    let sandbox = WebhookSandbox::start(SECRET).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url(), "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
    world.submit(&notice());
    let result = world.next().await.result;
    assert_eq!(result, DeliveryResult::Rejected { reason: "HTTP 401".into() });
}

#[tokio::test(start_paused = true)]
async fn redirects_are_not_followed() {
    let sandbox = WebhookSandbox::start(SECRET).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url(), SECRET)));
    sandbox.fail_next(Fault::status(307));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("followed") };
    assert!(reason.contains("redirects are not followed"), "{reason}");
    assert!(sandbox.received().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_asymmetric_signature_stands_beside_the_other_and_alone() {
    let sandbox = WebhookSandbox::start(SECRET).await.unwrap();
    let key = file("whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=");
    let both = with(&table(&sandbox.url(), SECRET), json!({ "signing_key_file": key }));
    let mut world = World::new(only(&both));
    assert_eq!(world.deliver(&notice()).await, ["accepted"], "the sandbox knows the secret");
    let probed = world.dispatcher.probe("c").await.unwrap();
    assert!(probed.ends_with("the public key is whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="), "{probed}");
    let alone = json!({ "name": "c", "kind": "webhook", "url": sandbox.url(), "signing_key_file": key });
    let mut world = World::new(only(&alone));
    assert_eq!(world.deliver(&notice()).await, ["rejected"], "the sandbox does not know the public key");
    let received = sandbox.received();
    let signatures = |index: usize| {
        let headers = &received[index].headers;
        let header = headers.iter().find(|(name, _)| name == "webhook-signature").map(|(_, value)| value.clone());
        let kinds = header.unwrap().split(' ').map(|part| part.split_once(',').unwrap().0.to_owned()).collect();
        let kinds: Vec<String> = kinds;
        kinds
    };
    assert_eq!((signatures(0), signatures(2)), (vec!["v1".to_owned(), "v1a".to_owned()], vec!["v1a".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_ends_it() {
    let sandbox = WebhookSandbox::start(SECRET).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url(), SECRET)));
    sandbox.fail_next(Fault::status(410));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("not refused") };
    assert!(reason.starts_with("HTTP 410: the receiver wants no more"), "{reason}");
}
