use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, follow_up, notice, only, with},
};
use incident::{DeliveryResult, Notice, NoticeKind, Recipient, Reply};
use mailparse::MailHeaderMap;
use notifier::sandbox::{Fault, Received, Sandbox, SmtpOptions, SmtpSandbox};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::sync::Arc;

const PASSWORD: &str = "correct horse battery staple";

fn plain(sandbox: &SmtpSandbox) -> Value {
    json!({
        "name": "c", "kind": "email", "host": "127.0.0.1", "port": sandbox.port(), "tls": "none",
        "from": "breachd <breachd@example.com>", "to": ["dpo@example.com"],
    })
}

/// A server's TLS settings for 127.0.0.1, and the certificate to trust.
fn tls() -> (Arc<rustls::ServerConfig>, String) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), certified.cert.pem())
}

async fn start(options: SmtpOptions) -> SmtpSandbox {
    SmtpSandbox::start(options).await.unwrap()
}

fn header(received: &Received, name: &str) -> String {
    mailparse::parse_mail(&received.raw).unwrap().headers.get_first_value(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = start(SmtpOptions::default()).await;
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: plain(&sandbox),
        to_port: |port| json!({ "port": port }),
        refusal: 550,
        trouble: 451,
        http: false,
        rubbish: "accepted",
        secrets: vec![PASSWORD],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn starttls_and_login() {
    let (config, ca) = tls();
    let account = Some(("breachd".to_owned(), PASSWORD.to_owned()));
    let sandbox = start(SmtpOptions { tls: Some(config), account, ..SmtpOptions::default() }).await;
    let table = with(
        &plain(&sandbox),
        json!({
            "tls": "starttls", "ca_file": file(&ca), "user": "breachd", "password_file": file(PASSWORD),
        }),
    );
    let mut world = World::new(only(&table));
    assert_eq!(world.deliver(&notice()).await, ["accepted"]);
    assert_eq!(sandbox.received().len(), 1);
    assert!(world.dispatcher.probe("c").await.is_ok());

    let mut world = World::new(only(&with(&table, json!({ "password_file": file("wrong-password") }))));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("taken") };
    assert!(reason.contains("535") && !reason.contains("wrong-password"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn tls_from_the_first_byte() {
    let (config, ca) = tls();
    let sandbox = start(SmtpOptions { tls: Some(config), implicit: true, ..SmtpOptions::default() }).await;
    let table = with(&plain(&sandbox), json!({ "tls": "implicit", "ca_file": file(&ca) }));
    assert_eq!(World::new(only(&table)).deliver(&notice()).await, ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn without_starttls_nothing_is_said() {
    let sandbox = start(SmtpOptions::default()).await;
    let mut world = World::new(only(&with(&plain(&sandbox), json!({ "tls": "starttls" }))));
    world.submit(&notice());
    let report = world.next().await;
    assert!(matches!(report.result, DeliveryResult::Rejected { .. }), "{:?}", report.result);
    assert!(sandbox.received().is_empty());
    assert_eq!(sandbox.n_arrived(), 0, "not even MAIL");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_certificate_is_not_trusted() {
    let (config, _) = tls();
    let (_, other) = tls();
    let sandbox = start(SmtpOptions { tls: Some(config), ..SmtpOptions::default() }).await;
    for more in [json!({ "tls": "starttls" }), json!({ "tls": "starttls", "ca_file": file(&other) })] {
        let mut world = World::new(only(&with(&plain(&sandbox), more)));
        world.submit(&notice());
        let report = world.next().await;
        assert!(matches!(report.result, DeliveryResult::Retrying { .. }), "{:?}", report.result);
        assert_eq!(sandbox.n_arrived(), 0, "not even MAIL");
    }
}

#[tokio::test(start_paused = true)]
async fn one_unknown_recipient_does_not_keep_it_from_the_others() {
    let unknown = ["gone@example.com".to_owned()].into();
    let sandbox = start(SmtpOptions { unknown, ..SmtpOptions::default() }).await;
    let to = json!({ "to": ["gone@example.com", "dpo@example.com", "ciso@example.com"] });
    let mut world = World::new(only(&with(&plain(&sandbox), to)));
    world.submit(&notice());
    let DeliveryResult::Rejected { reason } = world.next().await.result else { panic!("somebody was not told") };
    assert!(reason.starts_with("1 of 3 recipients refused, 2 taken:"), "{reason}");
    assert_eq!(sandbox.received().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_goes_to_those_who_have_not_got_it() {
    let sandbox = start(SmtpOptions::default()).await;
    let mut world =
        World::new(only(&with(&plain(&sandbox), json!({ "to": ["a@example.com", "b@example.com", "c@example.com"] }))));
    sandbox.fail_next(Fault::Pass);
    sandbox.fail_next(Fault::LoseAnswer);
    assert_eq!(world.deliver(&notice()).await, ["retrying", "accepted"]);
    let received = sandbox.received();
    let to: Vec<String> = received.iter().map(|mail| header(mail, "To")).collect();
    assert_eq!(to, ["a@example.com", "b@example.com", "c@example.com", "b@example.com"]);
    assert_eq!(received[1].id, received[3].id, "b's program shows it once");
    assert_ne!(received[0].id, received[1].id);
}

#[tokio::test(start_paused = true)]
async fn one_mailbox_in_trouble_keeps_it_from_no_other() {
    let sandbox = start(SmtpOptions::default()).await;
    let mut world =
        World::new(only(&with(&plain(&sandbox), json!({ "to": ["a@example.com", "b@example.com", "c@example.com"] }))));
    // What is for a is put off each time it is tried.
    for fault in [Fault::status(451), Fault::Pass, Fault::Pass, Fault::status(451)] {
        sandbox.fail_next(fault);
    }
    assert_eq!(world.deliver(&notice()).await, ["retrying", "retrying", "accepted"]);
    let to: Vec<String> = sandbox.received().iter().map(|mail| header(mail, "To")).collect();
    assert_eq!(to, ["b@example.com", "c@example.com", "a@example.com"]);
}

#[tokio::test(start_paused = true)]
async fn an_incidents_mails_are_one_thread() {
    let sandbox = start(SmtpOptions::default()).await;
    let mut world = World::new(only(&plain(&sandbox)));
    let opened = notice();
    for kind in [NoticeKind::Opened, NoticeKind::Closed] {
        assert_eq!(world.deliver(&follow_up(&opened, kind)).await, ["accepted"]);
    }
    let received = sandbox.received();
    assert_eq!(header(&received[0], "References"), header(&received[1], "References"));
    assert_ne!(header(&received[0], "Message-ID"), header(&received[1], "Message-ID"));
    assert!(received[0].summary.starts_with("to dpo@example.com: [INCIDENT] HIGH INC-"), "{}", received[0].summary);
}

#[tokio::test(start_paused = true)]
async fn a_notice_for_one_contact_goes_to_its_address_alone() {
    let sandbox = start(SmtpOptions::default()).await;
    let mut world = World::new(only(&plain(&sandbox)));
    let to = |address: &str| {
        let link = Some("https://breachd.example/ack/abc".to_owned());
        let reply = Some(Reply { link, code: None });
        Some(Recipient { contact: "ada".into(), title: "Lovelace, Ada <x@y.z>".into(), address: address.into(), reply })
    };
    let called = Notice { kind: NoticeKind::Escalated, recipient: to("ada@example.com"), ..notice() };
    assert_eq!(world.deliver(&called).await, ["accepted"]);
    let received = sandbox.received();
    assert_eq!(received.len(), 1);
    let parsed = mailparse::parse_mail(&received[0].raw).unwrap();
    let to_header = mailparse::addrparse_header(parsed.headers.get_first_header("To").unwrap()).unwrap();
    let mailparse::MailAddr::Single(one) = &to_header[0] else { panic!("{to_header:?}") };
    assert_eq!((one.addr.as_str(), one.display_name.as_deref()), ("ada@example.com", Some("Lovelace, Ada <x@y.z>")));
    assert_eq!(to_header.len(), 1);
    let bodies: Vec<String> = parsed.subparts.iter().map(|part| part.get_body().unwrap()).collect();
    assert!(bodies.iter().all(|body| body.contains("https://breachd.example/ack/abc")), "{bodies:?}");
    let broken = Notice { recipient: to("ada@example.com>, <eve@example.com"), ..notice() };
    assert_eq!(world.deliver(&broken).await, ["rejected"]);
    assert_eq!(sandbox.received().len(), 1);
}

/// The notice to one of many people.
fn mail(number: u64) -> Notice {
    let text = "# Your data\n\nSomething happened.\n".to_owned();
    let document = incident::NoticeDocument {
        draft: 1,
        version: 1,
        sha256: draft::sha256(&text),
        language: draft::Language::English,
        text,
    };
    let address = format!("p{number}@example.com");
    let recipient = Recipient { contact: number.to_string(), title: String::new(), address, reply: None };
    Notice {
        kind: NoticeKind::Draft,
        incident: incident::IncidentId(7),
        document: Some(Box::new(document)),
        recipient: Some(recipient),
        ..notice()
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_to_one_of_many_has_the_notices_id_and_the_address_alone() {
    let sandbox = start(SmtpOptions { unknown: ["p2@example.com".to_owned()].into(), ..SmtpOptions::default() }).await;
    let mut world = World::new(only(&plain(&sandbox)));
    let (first, second) = (mail(1), mail(2));
    assert_eq!(world.deliver(&first).await, ["accepted"]);
    let received = &sandbox.received()[0];
    assert_eq!(header(received, "Message-ID"), format!("<{}@example.com>", first.id));
    assert_eq!((header(received, "To"), sandbox.received().len()), ("p1@example.com".into(), 1), "and to nobody else");
    assert_eq!(world.deliver(&second).await, ["rejected"]);
    // Said of the sender's account, not of the mail.
    sandbox.fail_next(Fault::Answer { status: 535, retry_after: None });
    assert_eq!(world.deliver(&mail(3)).await, ["retrying", "accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_mailing_keeps_its_own_pace_and_no_notice_waits_for_it() {
    let sandbox = start(SmtpOptions::default()).await;
    let mut world = World::new(only(&with(&plain(&sandbox), json!({ "mails_per_minute": 2 }))));
    (0..5).for_each(|n| world.submit(&mail(n)));
    for _ in 0..2 {
        assert_eq!(world.next().await.result.as_str(), "accepted");
    }
    let page = notice();
    assert_eq!(world.deliver(&page).await, ["accepted"], "while three mails wait for the next minute");
    assert_eq!(sandbox.received().len(), 3);
    world.advance(60).await;
    for _ in 0..2 {
        assert_eq!(world.next().await.result.as_str(), "accepted");
    }
    assert_eq!(sandbox.received().len(), 5);
}
