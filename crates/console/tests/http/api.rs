//! Probes, metrics and the API.

use crate::{client::Console, schema};
use console::{Action, Settlement};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn probes_tell_our_own_state() {
    let console = Console::start().await;
    assert_eq!((console.get("/livez").await.status, console.get("/readyz").await.status), (200, 200));
    console.desk.unready.store(true, Ordering::Relaxed);
    console.desk.stuck.store(true, Ordering::Relaxed);
    let ready = console.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "not ready\n- state is being restored\n"));
    assert_eq!(console.get("/livez").await.status, 503);
    // Orchestrators call by names we cannot know.
    assert_eq!(console.ask("GET", "/metrics", &[("Host", "breachd.monitoring.svc:8420")], "").await.status, 200);
}

#[tokio::test]
async fn metrics_are_the_desks_and_our_own() {
    let console = Console::start().await;
    console.get("/nowhere").await;
    let metrics = console.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "breachd_incidents{state=\"open\"} 2",
        "breachd_http_requests_total{code=\"4xx\"} 1",
        "breachd_http_refused_total{reason=\"not_found\"} 1",
        "breachd_http_refused_total{reason=\"foreign_host\"} 0",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}\n{}", metrics.body);
    }
}

#[tokio::test]
async fn incidents_as_json() {
    let console = Console::start().await;
    let overview = console.get("/api/v1/incidents").await.json();
    assert_eq!(overview["incidents"][0]["id"], "INC-7");
    assert_eq!(overview["incidents"][2]["mode"], "drill");
    assert_eq!(overview["incidents"][2]["drill_id"], "drill-0000000000c0ffee");
    let incident = console.get("/api/v1/incidents/INC-7").await.json();
    assert_eq!(incident["id"], "INC-7");
    assert_eq!(incident["data_classes"], serde_json::json!(["hr"]));
    assert_eq!(incident["alerts"][0]["p_value"], 1.2e-9);
    assert_eq!(incident["alerts"][1]["p_value"], serde_json::Value::Null);
    assert_eq!(incident["deliveries"][0]["confirmed_at"], "2026-03-02T20:14:14Z");
    let hostile = console.get("/api/v1/incidents/INC-8").await;
    assert!(!hostile.body.contains('\u{202e}') && !hostile.body.contains("\\u001b"));
}

#[tokio::test]
async fn commands_arrive_as_they_were_meant() {
    let console = Console::start().await;
    let path = "/api/v1/incidents/INC-7/commands";
    let receipt = console.post_json(path, r#"{"command":"acknowledge","by":" Ada "}"#).await;
    assert_eq!(receipt.status, 200);
    assert_eq!(receipt.json(), serde_json::json!({"incident":"INC-7","state":"acknowledged","entry":412}));
    console.post_json(path, r#"{"command":"verdict","verdict":"breach","by":"Ada","comment":"sure"}"#).await;
    console.post_json(path, r#"{"command":"note","by":"Ada","comment":"x"}"#).await;
    console.post_json(path, r#"{"command":"contain","by":"Ada"}"#).await;
    console
        .post_json(path, r#"{"command":"settle","obligation":"eu-gdpr-33-authority","settlement":"met","by":"Ada"}"#)
        .await;
    let settle = r#"{"command":"settle","obligation":"a","settlement":"met","at":"2026-03-02T21:14:00Z","by":"Ada"}"#;
    console.post_json(path, settle).await;
    let moment = r#"{"command":"record_moment","moment":"materiality","by":"Ada","comment":"the board met"}"#;
    console.post_json(path, moment).await;
    let people = r#"{"command":"count_people","place":"US-CA","lower":3,"upper":7,"by":"Ada","comment":"payroll"}"#;
    console.post_json(path, people).await;
    console.post_json(path, r#"{"command":"stop_notice","notice":"9f1c","by":"Ada"}"#).await;
    console.post_json(path, r#"{"command":"close","by":"Ada","comment":"all done"}"#).await;
    let commands = console.desk.commands.lock().unwrap();
    assert!(commands.iter().all(|command| command.by == "Ada" && command.incident == "INC-7"));
    let actions: Vec<_> = commands.iter().map(|command| command.action.clone()).collect();
    assert_eq!(
        actions,
        [
            Action::Acknowledge,
            Action::Verdict { verdict: "breach".into(), comment: Some("sure".into()) },
            Action::Note { text: "x".into() },
            Action::Contain { comment: None },
            Action::Settle {
                obligation: "eu-gdpr-33-authority".into(),
                how: Settlement::Met,
                told_at: None,
                comment: None
            },
            Action::Settle {
                obligation: "a".into(),
                how: Settlement::Met,
                told_at: Some("2026-03-02T21:14:00Z".parse().unwrap()),
                comment: None,
            },
            Action::RecordMoment { moment: "materiality".into(), since: None, comment: Some("the board met".into()) },
            Action::CountPeople { place: "US-CA".into(), lower: 3, upper: Some(7), comment: Some("payroll".into()) },
            Action::StopNotice { notice: "9f1c".into(), comment: None },
            Action::Note { text: "all done".into() },
            Action::Close,
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_command_is_said() {
    let console = Console::start().await;
    let path = "/api/v1/incidents/INC-7/commands";
    for (body, status, kind) in [
        ("{", 400, "malformed"),
        (r#"{"command":"close"}"#, 400, "malformed"),
        (r#"{"command":"close","by":"a","colour":1}"#, 400, "malformed"),
        (r#"{"command":"close","by":" "}"#, 422, "invalid"),
        (r#"{"command":"explode","by":"a"}"#, 422, "invalid"),
        (r#"{"command":"note","by":"a"}"#, 422, "invalid"),
        (r#"{"command":"verdict","verdict":"unknown","by":"a"}"#, 422, "invalid"),
        (r#"{"command":"note","by":"a","comment":"no journal"}"#, 503, "unavailable"),
    ] {
        let answer = console.post_json(path, body).await;
        assert_eq!((answer.status, answer.problem().as_deref()), (status, Some(kind)), "{body}: {}", answer.body);
    }
    let closed = console.post_json("/api/v1/incidents/INC-3/commands", r#"{"command":"close","by":"a"}"#).await;
    assert_eq!((closed.status, closed.problem().as_deref()), (409, Some("conflict")));
    let plain = console.ask("POST", path, &[("Content-Type", "text/plain")], r#"{"command":"close","by":"a"}"#).await;
    assert_eq!((plain.status, plain.problem().as_deref()), (415, Some("unsupported-media-type")));
}

#[tokio::test]
async fn a_verdict_about_an_alert_needs_a_word_a_name_and_a_reason() {
    let console = Console::start().await;
    let path = format!("/api/v1/alerts/{}/verdict", "0f".repeat(16));
    for (body, status, kind) in [
        (r#"{"verdict":"true","by":"Ada","reason":"stolen"}"#, 200, None),
        (r#"{"verdict":"expected","by":"Ada","reason":"x","exception":{"until":"2026-04-01T00:00:00Z"}}"#, 200, None),
        (r#"{"verdict":"true","by":"Ada"}"#, 400, Some("malformed")),
        (r#"{"verdict":"true","by":"Ada","reason":"x","colour":1}"#, 400, Some("malformed")),
        (r#"{"verdict":"true","by":" ","reason":"x"}"#, 422, Some("invalid")),
        (r#"{"verdict":"true","by":"Ada","reason":" "}"#, 422, Some("invalid")),
        (r#"{"verdict":"Wrong!","by":"Ada","reason":"x"}"#, 422, Some("invalid")),
        (r#"{"verdict":"maybe","by":"Ada","reason":"x"}"#, 422, Some("invalid")),
    ] {
        let answer = console.post_json(&path, body).await;
        assert_eq!((answer.status, answer.problem().as_deref()), (status, kind), "{body}: {}", answer.body);
    }
    let answer =
        console.post_json("/api/v1/alerts/..%2Fx/verdict", r#"{"verdict":"true","by":"a","reason":"x"}"#).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn drills_start_and_report() {
    let console = Console::start().await;
    let started = console.post_json("/api/v1/drills", r#"{"scenario":"payroll_dump","by":"Ada"}"#).await;
    assert_eq!(started.status, 202);
    let location = started.header("location").expect("where to look");
    assert_eq!(location, format!("/api/v1/drills/{}", started.json()["drill_id"].as_str().unwrap()));
    let report = console.get(location).await.json();
    assert_eq!(report["detected_after_seconds"], 4.25);
    assert_eq!(report["channels"][1]["accepted_after_seconds"], serde_json::Value::Null);
    for (body, status) in [
        (r#"{"scenario":"none","by":"Ada"}"#, 404),
        (r#"{"scenario":"../x","by":"Ada"}"#, 422),
        (r#"{"scenario":"payroll_dump","by":""}"#, 422),
    ] {
        assert_eq!(console.post_json("/api/v1/drills", body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn what_is_sent_is_what_is_described() {
    let console = Console::start().await;
    let document = console.get("/api/v1/openapi.json").await.json();
    let described = |path: &str, method: &str, status: &str, body: &serde_json::Value| {
        let pointer = format!("/paths/{}/{method}/responses/{status}/content", path.replace('/', "~1"));
        let content = document.pointer(&pointer).expect(path).as_object().expect("media types");
        let schema = &content.values().next().expect("one")["schema"];
        assert_eq!(schema::mistakes(&document, schema, body), [""; 0], "{method} {path}");
    };
    described("/api/v1/incidents", "get", "200", &console.get("/api/v1/incidents").await.json());
    for id in ["INC-7", "INC-8", "INC-9", "INC-3"] {
        let incident = console.get(&format!("/api/v1/incidents/{id}")).await.json();
        described("/api/v1/incidents/{id}", "get", "200", &incident);
    }
    for id in ["INC-7", "INC-8", "INC-9"] {
        let draft = console.get(&format!("/api/v1/incidents/{id}/drafts/1")).await.json();
        described("/api/v1/incidents/{id}/drafts/{number}", "get", "200", &draft);
        let mailing = console.get(&format!("/api/v1/incidents/{id}/drafts/1/mailing")).await.json();
        described("/api/v1/incidents/{id}/drafts/{number}/mailing", "get", "200", &mailing);
    }
    described("/api/v1/alerts", "get", "200", &console.get("/api/v1/alerts").await.json());
    for id in ["0a", "08", "09"] {
        let alert = console.get(&format!("/api/v1/alerts/{id}f1c0e7a9b3d4e215f1c0e7a9b3d4e2")).await.json();
        described("/api/v1/alerts/{id}", "get", "200", &alert);
    }
    let command = r#"{"command":"acknowledge","by":"Ada"}"#;
    let receipt = console.post_json("/api/v1/incidents/INC-7/commands", command).await;
    described("/api/v1/incidents/{id}/commands", "post", "200", &receipt.json());
    let verdict = format!("/api/v1/alerts/{}/verdict", "0f".repeat(16));
    let judged = console.post_json(&verdict, r#"{"verdict":"true","by":"Ada","reason":"x"}"#).await;
    described("/api/v1/alerts/{id}/verdict", "post", "200", &judged.json());
    let started = console.post_json("/api/v1/drills", r#"{"scenario":"payroll_dump","by":"Ada"}"#).await;
    described("/api/v1/drills", "post", "202", &started.json());
    let report = console.get(started.header("location").unwrap()).await.json();
    described("/api/v1/drills/{id}", "get", "200", &report);
    let problem = console.get("/api/v1/nothing").await.json();
    let schema = serde_json::json!({"$ref": "#/components/schemas/Problem"});
    assert_eq!(schema::mistakes(&document, &schema, &problem), [""; 0]);
    // The check itself can fail.
    assert_eq!(schema::mistakes(&document, &schema, &receipt.json()).len(), 7);
}

#[tokio::test]
async fn an_incidents_life_is_commanded_and_shown() {
    let console = Console::start().await;
    let path = "/api/v1/incidents/INC-7/commands";
    for body in [
        r#"{"command":"assign","by":"Ada","owner":"Grace Hopper"}"#,
        r#"{"command":"unassign","by":"Ada","comment":"on leave"}"#,
        r#"{"command":"add_task","by":"Ada","title":"call the bank","owner":"Bob","due_at":"2026-03-05T09:00:00Z"}"#,
        r#"{"command":"finish_task","by":"Bob","task":2,"comment":"called"}"#,
        r#"{"command":"reopen_task","by":"Bob","task":2}"#,
        r#"{"command":"merge","by":"Ada","into":"INC-8","comment":"same thief"}"#,
        r#"{"command":"split","by":"Ada","alerts":["0a","0b"],"comment":"another matter"}"#,
        r#"{"command":"reopen","by":"Ada","comment":"a copy was found"}"#,
    ] {
        assert_eq!(console.post_json(path, body).await.status, 200, "{body}");
    }
    let due_at = Some("2026-03-05T09:00:00Z".parse().unwrap());
    let expected = [
        Action::Assign { owner: "Grace Hopper".into(), comment: None },
        Action::Unassign { comment: Some("on leave".into()) },
        Action::AddTask { title: "call the bank".into(), owner: Some("Bob".into()), due_at },
        Action::FinishTask { task: 2, comment: Some("called".into()) },
        Action::ReopenTask { task: 2, comment: None },
        Action::Merge { into: "INC-8".into(), reason: "same thief".into() },
        Action::Split { alerts: vec!["0a".into(), "0b".into()], reason: "another matter".into() },
        Action::Reopen { reason: "a copy was found".into() },
    ];
    let arrived: Vec<Action> =
        console.desk.commands.lock().unwrap().iter().map(|command| command.action.clone()).collect();
    assert_eq!(arrived, expected);
    for (body, field) in [
        (r#"{"command":"merge","by":"Ada","into":"INC-8"}"#, "`comment`"),
        (r#"{"command":"merge","by":"Ada","comment":"why"}"#, "`into`"),
        (r#"{"command":"split","by":"Ada","alerts":[],"comment":"why"}"#, "`alerts`"),
        (r#"{"command":"add_task","by":"Ada"}"#, "`title`"),
        (r#"{"command":"assign","by":"Ada","owner":" "}"#, "`owner`"),
    ] {
        let refused = console.post_json(path, body).await;
        assert_eq!(refused.status, 422, "{body}");
        assert!(refused.body.contains(field), "{}", refused.body);
    }
    let incident = console.get("/api/v1/incidents/INC-7").await.json();
    assert_eq!(
        (incident["tasks"][1]["state"].as_str(), incident["merged"][0].as_str()),
        (Some("overdue"), Some("INC-5"))
    );
}
