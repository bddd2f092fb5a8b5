//! Signed links: opening changes nothing, the button answers, what is wrong is said and counted.

use crate::client::{Console, token_file};

fn settings() -> console::Settings {
    // Beyond loopback everything else needs the token.
    console::Settings {
        listen: "0.0.0.0:0".parse().expect("an address"),
        token_file: Some(token_file(&"x".repeat(32))),
        public_url: Some("https://breachd.example.org".into()),
        ..console::Settings::default()
    }
}

#[tokio::test]
async fn opening_asks_and_only_the_button_answers() {
    let console = Console::start_with(settings()).await;
    assert_eq!(console.get("/").await.status, 401);
    for _ in 0..3 {
        let page = console.get("/ack/good.tag").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<h1>Acknowledge INC-7?</h1>") && page.body.contains("in the name of Ada"));
        assert!(page.body.contains("<form method=\"post\" action=\"/ack/good.tag\">") && page.body.contains("DRILL"));
        assert!(!page.body.contains("<script>") && !page.body.contains('\u{1b}') && !page.body.contains('\u{202e}'));
    }
    assert_eq!(console.ask("HEAD", "/ack/good.tag", &[], "").await.status, 200);
    assert!(console.desk.answered.lock().unwrap().is_empty(), "scanners of mail open every link");
    let form = [("Origin", "https://breachd.example.org"), ("Content-Type", "application/x-www-form-urlencoded")];
    let done = console.ask("POST", "/ack/good.tag", &form, "").await;
    assert_eq!(done.status, 200);
    assert!(done.body.contains("<h1>Done: Acknowledge INC-7</h1>") && !done.body.contains("<form"));
    assert_eq!(console.desk.answered.lock().unwrap()[..], ["good.tag".to_owned()]);
    let already = console.get("/ack/done.tag").await;
    assert!(already.status == 200 && already.body.contains("Ben looks after it.") && !already.body.contains("<form"));
    assert_eq!(console.ask("POST", "/ack/done.tag", &form, "").await.status, 409);
}

#[tokio::test]
async fn what_is_wrong_with_a_link_is_said_on_a_page_and_counted() {
    let console = Console::start_with(settings()).await;
    let long = format!("/ack/{}", "x".repeat(301));
    for (path, status, words) in [
        ("/ack/old.tag", 410, "This link is over"),
        ("/ack/forged.tag", 403, "This link is not one of ours"),
        ("/ack/%3Cscript%3E", 403, "This link is not one of ours"),
        (long.as_str(), 403, "This link is not one of ours"),
    ] {
        for method in ["GET", "POST"] {
            let answer = console.ask(method, path, &[], "").await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert!(answer.body.contains(&format!("<h1>{words}</h1>")) && answer.body.contains("Nothing was changed"));
            assert!(!answer.body.contains("<script>"));
        }
    }
    let foreign = console.ask("POST", "/ack/good.tag", &[("Origin", "https://evil.example")], "").await;
    assert_eq!(foreign.status, 403);
    assert!(foreign.body.contains("another site"), "as a page");
    assert_eq!(console.ask("GET", "/ack/good.tag", &[("Host", "evil.example")], "").await.status, 421);
    assert!(console.desk.answered.lock().unwrap().is_empty());
    let metrics = console.get("/metrics").await.body;
    for line in [
        "breachd_http_refused_total{reason=\"link_forged\"} 6",
        "breachd_http_refused_total{reason=\"link_expired\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
}
