//! The page of one alert, and the form by which a person says what it was.

use crate::client::{Answer, Console};

const ALERT: &str = "/alerts/0af1c0e7a9b3d4e215f1c0e7a9b3d4e2";
const OTHER: &str = "/alerts/1af1c0e7a9b3d4e215f1c0e7a9b3d4e2";
const DRILL: &str = "/alerts/09f1c0e7a9b3d4e215f1c0e7a9b3d4e2";

struct Form {
    cookie: String,
    token: String,
    origin: String,
}

/// As a browser that has opened the alert's page.
async fn open(console: &Console, path: &str) -> Form {
    let page = console.get(path).await;
    let cookie = page.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    let token = page.body.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    Form { cookie, token: token.expect("a form").to_owned(), origin: format!("http://{}", console.address) }
}

async fn submit(console: &Console, path: &str, form: &Form, fields: &str) -> Answer {
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", form.cookie.as_str()),
        ("Origin", form.origin.as_str()),
    ];
    console.ask("POST", path, &headers, &format!("token={}&{fields}", form.token)).await
}

fn judged(console: &Console) -> Vec<console::JudgeRequest> {
    console.desk.judged.lock().expect("no test panics while it holds this").drain(..).collect()
}

#[tokio::test]
async fn it_shows_why_figures_window_evidence_and_what_people_said() {
    let console = Console::start().await;
    let page = console.get(ALERT).await.body;
    for text in [
        "<h1>Alert 0af1c0e7: read 1,840 rows",
        "seen: 1,840 rows in the hour of Monday 20:00 UTC",
        "2026-03-02 20:09 UTC</time> to <time",
        "<code>logs.mariadb.audit 0 @ 124</code>",
        "portal user u1042 on table hr.hr_payroll",
        "p = 1.2e-9, about 1 in 830 million",
        "Expected, says Grace Hopper.",
        "the yearly audit, CHG-1234",
        "no pages until <time datetime=\"2026-03-11T03:02:10Z\">",
        "journal 409",
        "<a href=\"/incidents/INC-7\">INC-7</a>",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let incident = console.get("/incidents/INC-7").await.body;
    assert!(incident.contains(&format!("<a href=\"{ALERT}\">figures and verdict of alert 0af1c0e7</a>")));
    let ranked = console.get("/alerts").await.body;
    assert!(
        ranked.contains(&format!("<a href=\"{ALERT}\">0af1c0e7</a>"))
            && ranked.contains("aria-current=\"page\">Alerts")
    );
    assert!(
        ranked.contains("<caption id=\"digests\">") && ranked.contains("250 2.0.0 Ok: queued as 4WxYz1"),
        "{ranked}"
    );
    let drill = console.get(DRILL).await.body;
    assert!(drill.contains("<span class=\"drill\">DRILL</span> Alert 09f1c0e7") && !drill.contains("<form"));
    for missing in ["/alerts/0f", "/alerts/..%2Fx"] {
        assert_eq!(console.get(missing).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn a_verdict_is_asked_about_and_then_recorded() {
    let console = Console::start().await;
    let form = open(&console, ALERT).await;
    let fields = "by=Ada+L.&verdict=expected&reason=CHG-1%0D%0Anew+tool&until=2026-03-10&scope=subject";
    let question = submit(&console, ALERT, &form, fields).await;
    assert_eq!(question.status, 200);
    for text in [
        "<h1>Record that this alert was “Expected: a new normal”?</h1>",
        "What was left out of the baseline is learned.",
        "Until the end of 2026-03-10 (UTC) all alerts about portal user u1042 page nobody; Ada L. answers for it.",
    ] {
        assert!(question.body.contains(text), "{text} in {}", question.body);
    }
    assert!(judged(&console).is_empty(), "nothing was done yet");
    let done = submit(&console, ALERT, &form, &format!("{fields}&confirmed=yes")).await;
    assert_eq!((done.status, done.header("location")), (303, Some(format!("{ALERT}?done=verdict").as_str())));
    let sent = judged(&console);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].by.as_str(), sent[0].verdict.as_str(), sent[0].reason.as_str()),
        ("Ada L.", "expected", "CHG-1 new tool")
    );
    let exception = serde_json::json!({
        "until": "2026-03-11T00:00:00Z", "subject": { "kind": "portal_user", "id": "u1042" },
    });
    assert_eq!((sent[0].alert.as_str(), &sent[0].exception), (&ALERT[8..], &Some(exception)));
    let page = console.get(&format!("{ALERT}?done=verdict")).await.body;
    assert!(page.contains("<div role=\"status\"><p class=\"done\">The verdict is recorded"));
    assert!(console.get(&format!("{ALERT}?done=x")).await.body.contains("<div role=\"status\"></div>"));
    submit(&console, ALERT, &form, "by=Ada&verdict=benign_once&reason=x&until=&scope=subject&confirmed=yes").await;
    submit(&console, ALERT, &form, "by=Ada&verdict=expected&reason=x&until=2026-03-10&scope=entity&confirmed=yes")
        .await;
    let sent = judged(&console);
    assert_eq!(sent[0].exception, None, "no date, no exception");
    assert_eq!(sent[1].exception, Some(serde_json::json!({ "until": "2026-03-11T00:00:00Z" })));
}

#[tokio::test]
async fn mistakes_stand_at_their_field_and_keep_what_was_written() {
    let console = Console::start().await;
    let form = open(&console, ALERT).await;
    for (fields, field) in [
        ("by=+&verdict=true&reason=kept", "by"),
        ("by=Ada&verdict=&reason=kept", "verdict"),
        ("by=Ada&verdict=treason&reason=kept", "verdict"),
        ("by=Ada&verdict=true&reason=+", "reason"),
        (&format!("by=Ada&verdict=true&reason={}", "x".repeat(401)), "reason"),
        ("by=Ada&verdict=true&reason=kept&until=2026-03-10", "until"),
        ("by=Ada&verdict=expected&reason=kept&until=10.3.2026", "until"),
        ("by=Ada&verdict=expected&reason=kept&until=2026-03-01", "until"),
    ] {
        let answer = submit(&console, ALERT, &form, &format!("{fields}&confirmed=yes")).await;
        assert_eq!(answer.status, 422, "{fields}");
        assert!(answer.body.contains("<title>Error: "), "{fields}");
        assert!(answer.body.contains(&format!("<a href=\"#{field}\">")), "{fields}: {}", answer.body);
        assert!(answer.body.contains(&format!("id=\"{field}-mistake\"")), "{fields}");
        assert_eq!(answer.body.matches("aria-invalid").count(), 1, "{fields}");
        assert!(!fields.contains("kept") || answer.body.contains(">kept</textarea>"), "{fields}");
    }
    assert!(judged(&console).is_empty());
}

#[tokio::test]
async fn a_form_from_elsewhere_or_of_another_alert_is_refused() {
    let console = Console::start().await;
    let (mine, other) = (open(&console, ALERT).await, open(&console, OTHER).await);
    let fields = "by=Mallory&verdict=true&reason=x&confirmed=yes";
    let with = |cookie: &str, token: &str, origin: &str| Form {
        cookie: cookie.to_owned(),
        token: token.to_owned(),
        origin: origin.to_owned(),
    };
    for form in [
        with(&mine.cookie, &other.token, &mine.origin),
        with(&other.cookie, &mine.token, &mine.origin),
        with(&mine.cookie, &"0".repeat(64), &mine.origin),
        with(&mine.cookie, &mine.token, "https://evil.example"),
    ] {
        assert_eq!(submit(&console, ALERT, &form, fields).await.status, 403);
    }
    let json =
        console.ask("POST", ALERT, &[("Content-Type", "application/json"), ("Origin", &mine.origin)], "{}").await;
    assert_eq!(json.status, 415);
    assert!(judged(&console).is_empty());
    // A drill's alert offers no verdict, whatever is sent.
    let drill = console.get(DRILL).await;
    let cookie = drill.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie");
    let answer = submit(&console, DRILL, &with(cookie, &mine.token, &mine.origin), fields).await;
    assert_eq!(answer.status, 403);
}
