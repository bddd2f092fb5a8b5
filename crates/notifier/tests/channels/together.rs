//! All channels at once.

use crate::support::{World, notice, wall_now};
use incident::{Notice, NoticeId};
use notifier::{
    Dispatcher, NoObserver,
    sandbox::{All, Fault, Sandbox},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn to_each() -> Vec<Notice> {
    let first = notice();
    let to = |channel: &str| Notice {
        id: NoticeId(format!("{}-{channel}", first.id)),
        channel: channel.into(),
        ..first.clone()
    };
    ["pager", "tickets", "mail", "hook"].into_iter().map(to).collect()
}

/// As the demo uses it: real time, the real clock, nothing paused.
#[tokio::test]
async fn the_demos_receivers_get_one_incident_each() {
    let all = All::start(&directory("demo")).await.unwrap();
    let (sender, mut reports) = tokio::sync::mpsc::channel(100);
    let dispatcher = Dispatcher::start(all.settings(), sender, Arc::new(NoObserver)).unwrap();
    let before = wall_now();
    for notice in to_each() {
        let _ = dispatcher.submit(notice);
    }
    for _ in 0..4 {
        assert_eq!(reports.recv().await.unwrap().result.as_str(), "accepted");
    }
    assert_eq!(dispatcher.drain(Duration::from_secs(5)).await, 0);
    let received = all.received();
    let mut services: Vec<_> = received.iter().map(|received| received.service).collect();
    services.sort_unstable();
    assert_eq!(services, ["pagerduty", "servicenow", "smtp", "webhook"]);
    assert!(received.iter().all(|received| received.taken() && received.at >= before && !received.summary.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_delays_no_other() {
    let all = All::start(&directory("hang")).await.unwrap();
    all.pagerduty.fail_next(Fault::Hang);
    all.smtp.fail_next(Fault::Hang);
    let mut world = World::new(serde_json::to_value(all.settings()).unwrap());
    for notice in to_each() {
        world.submit(&notice);
    }
    let mut accepted = Vec::new();
    for _ in 0..2 {
        let report = world.next().await;
        assert_eq!(report.result.as_str(), "accepted");
        accepted.push(report.notice.0.split('-').next_back().unwrap().to_owned());
    }
    accepted.sort();
    assert_eq!(accepted, ["hook", "tickets"]);
}
