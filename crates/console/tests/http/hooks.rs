//! Doors for programs that sign what they post: the raw bytes reach the desk, no token is asked for, refusals are said and counted.

use crate::{
    client::{Console, token_file},
    schema,
};
use console::{Hook, limits};
use serde_json::Value;

/// Beyond loopback everything else needs the token.
async fn console() -> Console {
    Console::start_with(console::Settings {
        listen: "0.0.0.0:0".parse().expect("an address"),
        token_file: Some(token_file(&"x".repeat(32))),
        ..console::Settings::default()
    })
    .await
}

#[tokio::test]
async fn the_raw_bytes_and_the_fields_that_came_once_reach_the_desk() {
    let console = console().await;
    let body = "{\"a\": 1 ,\n \"b\":\u{fc}}";
    let headers = [("X-Signature", "good"), ("X-Twice", "a"), ("X-Twice", "b")];
    let taken = console.ask("POST", "/hooks/pager", &headers, body).await;
    assert_eq!(taken.status, 202);
    assert_eq!(console.get("/api/v1/openapi.json").await.status, 401, "reading needs the token, the hook did not");
    assert_eq!(taken.json(), serde_json::json!({ "outcome": "taken" }));
    assert_eq!(console.ask("POST", "/hooks/hr/payroll", &headers, body).await.status, 202);
    let seen = console.desk.hooked.lock().unwrap();
    assert_eq!(seen[0].hook, Hook::Channel("pager".into()));
    assert_eq!(seen[1].hook, Hook::HrSystem("payroll".into()));
    assert_eq!(seen[0].body, body.as_bytes());
    assert!(seen[0].headers.contains_key("host") && !seen[0].headers.contains_key("x-twice"));
}

#[tokio::test]
async fn what_is_answered_is_as_described() {
    let console = Console::start().await;
    let document: Value = serde_json::from_str(&console.get("/api/v1/openapi.json").await.body).unwrap();
    for path in ["/hooks/pager", "/hooks/hr/payroll"] {
        let answer = console.ask("POST", path, &[("X-Signature", "good")], "{}").await;
        let receipt = &document["components"]["schemas"]["HookReceipt"];
        assert_eq!(schema::mistakes(&document, receipt, &answer.json()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn refusals_say_why_in_json_and_are_counted() {
    let console = Console::start().await;
    for (path, signature, status, kind) in [
        ("/hooks/pager", "bad", 401, "hook-forged"),
        ("/hooks/mail", "good", 404, "not-found"),
        ("/hooks/pager", "slow", 503, "unavailable"),
        ("/hooks/hr/payroll", "odd", 422, "invalid"),
    ] {
        let answer = console.ask("POST", path, &[("X-Signature", signature)], "{}").await;
        assert_eq!(answer.status, status, "{path} {signature}");
        assert_eq!(answer.json()["type"], format!("urn:breachd:problem:{kind}"));
    }
    let fits = "x".repeat(limits::HOOK_BODY_BYTES_MAX);
    assert_eq!(console.ask("POST", "/hooks/pager", &[("X-Signature", "good")], &fits).await.status, 202);
    let large = console.ask("POST", "/hooks/pager", &[("X-Signature", "good")], &format!("{fits}x")).await;
    assert!(large.status == 413 && large.body.contains("65536"), "{}", large.body);
    assert_eq!(console.get("/hooks/pager").await.status, 405);
    let foreign =
        console.ask("POST", "/hooks/pager", &[("X-Signature", "good"), ("Origin", "https://evil.example")], "{}");
    assert_eq!(foreign.await.status, 403, "a browser has nothing to post here");
    let metrics = console.get("/metrics").await.body;
    assert!(metrics.contains("breachd_http_refused_total{reason=\"hook_forged\"} 1"), "{metrics}");
}
