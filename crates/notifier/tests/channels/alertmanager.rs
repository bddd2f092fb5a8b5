use crate::{
    compliance::{Channel, assert_channel_compliance},
    support::{World, file, follow_up, notice, only, with},
};
use detector::Severity;
use incident::{DeliveryResult, Notice, NoticeKind};
use notifier::sandbox::AlertmanagerSandbox;
use serde_json::{Value, json};
use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const TOKEN: &str = "tokentokentokentokentoken";

fn table(url: &str) -> Value {
    json!({ "name": "c", "kind": "alertmanager", "url": url, "token_file": file(TOKEN), "tell": "names" })
}

#[tokio::test(start_paused = true)]
async fn does_what_every_channel_does() {
    let sandbox = AlertmanagerSandbox::start(TOKEN).await.unwrap();
    assert_channel_compliance(Channel {
        sandbox: &sandbox,
        table: table(&sandbox.url()),
        to_port: |port| json!({ "url": format!("http://127.0.0.1:{port}") }),
        refusal: 422,
        trouble: 503,
        http: true,
        rubbish: "retrying",
        secrets: vec![TOKEN],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_one_alert_until_its_end() {
    let sandbox = AlertmanagerSandbox::start(TOKEN).await.unwrap();
    let mut world = World::new(only(&table(&sandbox.url())));
    let first = notice();
    world.submit(&first);
    assert_eq!(world.next().await.result.as_str(), "accepted");
    world.advance(1).await;
    let DeliveryResult::Confirmed { receipt } = world.next().await.result else { panic!("not listed") };
    assert_eq!(receipt, "the alert is listed");
    let graver = Notice { severity: Severity::Critical, ..follow_up(&first, NoticeKind::Escalated) };
    world.submit(&graver);
    assert_eq!(world.next().await.result.as_str(), "accepted");
    let firing = sandbox.firing(world.now());
    assert_eq!(firing.len(), 1);
    assert_eq!(firing[0]["severity"], "critical");
    world.submit(&follow_up(&graver, NoticeKind::Closed));
    while world.next().await.result.as_str() != "accepted" {}
    assert!(sandbox.firing(world.now()).is_empty());
}

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None`: it is not installed, and need not be.
fn real_alertmanager() -> Option<(Server, String)> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("alertmanager-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let config = directory.join("alertmanager.yml");
    std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n").unwrap();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", directory.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--cluster.listen-address=", "--log.level=error"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let server = match child {
        Ok(child) => Server(child),
        Err(error) => {
            let required = std::env::var("BREACHD_TEST_SERVERS").is_ok_and(|word| word == "required");
            assert!(!required, "prometheus-alertmanager: {error}");
            return None;
        }
    };
    let from = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(from.elapsed() < Duration::from_secs(30), "Alertmanager does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((server, format!("http://127.0.0.1:{port}")))
}

async fn listed(url: &str) -> Vec<Value> {
    let body = reqwest::get(format!("{url}/api/v2/alerts")).await.unwrap().text().await.unwrap();
    serde_json::from_str(&body).unwrap()
}

/// Debian's, on the wall clock: what it lists is what counts.
#[tokio::test]
async fn a_real_alertmanager_shows_what_is_open() {
    let Some((_server, url)) = real_alertmanager() else { return };
    let table =
        json!({ "name": "c", "kind": "alertmanager", "url": url, "labels": { "team": "privacy" }, "keep": "1h" });
    let settings = serde_json::from_value(only(&table)).unwrap();
    let (sender, mut reports) = tokio::sync::mpsc::channel(100);
    let dispatcher = notifier::Dispatcher::start(&settings, sender, std::sync::Arc::new(notifier::NoObserver)).unwrap();
    assert!(dispatcher.probe("c").await.unwrap().starts_with("Alertmanager 0."));
    let first = notice();
    let graver = Notice { severity: Severity::Critical, ..follow_up(&first, NoticeKind::Escalated) };
    let hostile = Notice { title: "\"}{=\n\u{202e}<b>".repeat(40), ..graver.clone() };
    let mut confirmed = async |notice: &Notice| {
        let _ = dispatcher.submit(notice.clone());
        loop {
            let report = reports.recv().await.unwrap();
            match report.result {
                DeliveryResult::Confirmed { receipt } if report.notice == notice.id => return receipt,
                DeliveryResult::Accepted { .. } | DeliveryResult::Confirmed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(confirmed(&first).await, "the alert is listed");
    let [alert] = listed(&url).await.try_into().unwrap();
    assert_eq!((&alert["labels"]["severity"], &alert["labels"]["team"]), (&json!("high"), &json!("privacy")));
    assert!(!alert.to_string().contains("u1042"), "counts unless asked for");
    let starts: activity::Timestamp = alert["startsAt"].as_str().unwrap().parse().unwrap();
    let ends: activity::Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
    assert!((3600..3700).contains(&(ends - starts).as_secs()), "kept, not forgotten after five minutes");
    confirmed(&hostile).await;
    let [alert] = listed(&url).await.try_into().unwrap();
    assert_eq!(alert["labels"]["severity"], "critical", "the lighter one has ended");
    confirmed(&follow_up(&graver, NoticeKind::DeadlineWarning)).await;
    assert_eq!(listed(&url).await.len(), 2);
    assert_eq!(confirmed(&follow_up(&graver, NoticeKind::Closed)).await, "no alert is left");
    assert!(listed(&url).await.is_empty());

    // What Alertmanager refuses is refused for good, in its words.
    let table = with(&table, json!({ "url": format!("{url}/elsewhere") }));
    let settings = serde_json::from_value(only(&table)).unwrap();
    let (sender, mut reports) = tokio::sync::mpsc::channel(100);
    let dispatcher = notifier::Dispatcher::start(&settings, sender, std::sync::Arc::new(notifier::NoObserver)).unwrap();
    let _ = dispatcher.submit(notice());
    let DeliveryResult::Rejected { reason } = reports.recv().await.unwrap().result else { panic!("taken elsewhere") };
    assert!(reason.contains("HTTP 404"), "{reason}");
}
