//! The page of one draft, and what people do with it.

use crate::client::{Answer, Console};
use console::{Action, DraftAct};

const DRAFT: &str = "/incidents/INC-7/drafts/1";

struct Form {
    cookie: String,
    token: String,
    origin: String,
}

/// As a browser that has opened the draft's page.
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

fn commanded(console: &Console) -> Vec<Action> {
    let mut commands = console.desk.commands.lock().expect("no test panics while it holds this");
    commands.drain(..).map(|command| command.action).collect()
}

#[tokio::test]
async fn how_the_mails_to_people_stand_is_told_and_what_came_back_is_recorded() {
    let console = Console::start().await;
    let page = console.get(DRAFT).await.body;
    for text in [
        "mails stopped by Ada: the wrong text: taken by the relay for 500 of 598 people; 91 left; 5 without an address; 2 refused by the relay; \
         7 to be told another way. It may concern up to 700 people",
        "<code>breachd drafts mailing INC-7 1</code> lists them.",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert_eq!(console.get("/api/v1/incidents/INC-7/drafts/2/mailing").await.status, 404);
    let commands = "/api/v1/incidents/INC-7/commands";
    let bounced = |text: &str| format!(r#"{{"command":"draft_bounced","draft":1,"text":"{text}","by":"Ada"}}"#);
    assert_eq!(console.post_json(commands, &bounced("2946 17, e-7")).await.status, 200);
    let who = ["2946", "17", "e-7"].map(str::to_owned).to_vec();
    let [Action::Draft { draft: 1, act: DraftAct::Bounced { who: found }, .. }] = &commanded(&console)[..] else {
        panic!("one command")
    };
    assert_eq!(*found, who);
    for wrong in ["", "ana@example.com"] {
        assert_eq!(console.post_json(commands, &bounced(wrong)).await.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn it_shows_what_the_draft_says_what_is_open_and_who_decides() {
    let console = Console::start().await;
    let page = console.get(DRAFT).await.body;
    for text in [
        "<h1>Draft 1: Notification of a personal data breach (initial notification)</h1>",
        "goes out at 2026-03-04T06:02:10Z unless somebody stops it.",
        "2 points are not known yet.",
        "More is known by now",
        "by exception, by Ada or Bob",
        "<p class=\"open\"><strong>Not known yet: why.</strong></p>",
        "who could have: Ada, Bob",
        "Approve version 2…",
        "<a href=\"/incidents/INC-7/drafts/1?field=nature#text\">What happened, and how</a>",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("I have sent version"), "a channel does that");
    let incident = console.get("/incidents/INC-7").await.body;
    assert!(incident.contains(&format!("<a href=\"{DRAFT}\">Draft 1: Notification")));
    for missing in ["/incidents/INC-7/drafts/2", "/incidents/INC-7/drafts/x", "/incidents/INC-99/drafts/1"] {
        assert_eq!(console.get(missing).await.status, 404, "{missing}");
    }
    let json = console.get("/api/v1/incidents/INC-7/drafts/1").await.json();
    assert_eq!((json["sha256"].as_str(), json["version"].as_u64()), (Some("ab".repeat(32).as_str()), Some(2)));
    assert!(json.get("html").is_none(), "programs get the text");
}

#[tokio::test]
async fn what_goes_out_or_is_stopped_is_asked_about_first() {
    let console = Console::start().await;
    let form = open(&console, DRAFT).await;
    for (word, question) in [
        ("draft_approve", "Approve version 2 of draft 1?"),
        ("draft_stop", "Stop draft 1?"),
        ("draft_send", "Send version 2 of draft 1?"),
    ] {
        let fields = format!("command={word}&version=2&by=Ada&comment=seen");
        let asked = submit(&console, DRAFT, &form, &fields).await;
        assert!(asked.status == 200 && asked.body.contains(&format!("<h1>{question}</h1>")), "{}", asked.body);
        assert!(commanded(&console).is_empty(), "nothing was done yet");
        let done = submit(&console, DRAFT, &form, &format!("{fields}&confirmed=yes")).await;
        assert_eq!(done.header("location"), Some(format!("{DRAFT}?done={word}").as_str()));
        let acts = commanded(&console);
        let comment = Some("seen".into());
        let act = match word {
            "draft_approve" => DraftAct::Approve { version: 2 },
            "draft_stop" => DraftAct::Stop,
            _ => DraftAct::Send { version: 2 },
        };
        assert_eq!(acts, [Action::Draft { draft: 1, act, comment }]);
    }
}

#[tokio::test]
async fn a_field_is_edited_with_its_line_breaks_and_mistakes_keep_what_was_written() {
    let console = Console::start().await;
    let path = format!("{DRAFT}?field=nature");
    let form = open(&console, &path).await;
    let page = console.get(&path).await.body;
    assert!(page.contains(">somebody used a shared password</textarea>"));
    let fields = "command=draft_edit&field=nature&version=2&by=Ada&text=one%0D%0Atwo%3Cb%3E";
    assert_eq!(submit(&console, DRAFT, &form, fields).await.status, 303);
    let act = DraftAct::Edit { field: "nature".into(), text: "one\ntwo<b>".into() };
    assert_eq!(commanded(&console), [Action::Draft { draft: 1, act, comment: None }]);
    let long = format!("command=draft_edit&field=nature&by=Ada&text={}", "x".repeat(4_001));
    let refused = submit(&console, DRAFT, &form, &long).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("<a href=\"#text\">at most 4000 characters, please</a>"), "{}", refused.body);
    assert!(refused.body.contains("xxxx</textarea>"));
    let final_notice = submit(&console, DRAFT, &form, "command=draft_final&by=Ada").await;
    assert_eq!(final_notice.status, 303);
    let act = DraftAct::Redraft { phase: Some("final".into()) };
    assert_eq!(commanded(&console), [Action::Draft { draft: 1, act, comment: None }]);
    let foreign = open(&console, "/incidents/INC-8/drafts/1").await;
    let refused = submit(&console, DRAFT, &foreign, "command=draft_stop&by=Ada&confirmed=yes").await;
    assert!(refused.status >= 400 && commanded(&console).is_empty(), "another draft's form");
}

#[tokio::test]
async fn programs_command_drafts_like_all_else() {
    let console = Console::start().await;
    let path = "/api/v1/incidents/INC-7/commands";
    for (body, act) in [
        (
            r#"{"command":"draft_make","obligation":"eu-gdpr-33-authority","by":"Ada"}"#,
            Some((0, DraftAct::Make { obligation: "eu-gdpr-33-authority".into() })),
        ),
        (
            r#"{"command":"draft_approve","draft":1,"version":2,"by":"Ada"}"#,
            Some((1, DraftAct::Approve { version: 2 })),
        ),
        (r#"{"command":"draft_redraft","draft":1,"by":"Ada"}"#, Some((1, DraftAct::Redraft { phase: None }))),
        (r#"{"command":"draft_approve","draft":1,"by":"Ada"}"#, None),
        (r#"{"command":"draft_stop","by":"Ada"}"#, None),
        (r#"{"command":"draft_burn","draft":1,"by":"Ada"}"#, None),
    ] {
        let answer = console.post_json(path, body).await;
        assert_eq!(answer.status, if act.is_some() { 200 } else { 422 }, "{body}: {}", answer.body);
        let expected: Vec<_> =
            act.into_iter().map(|(draft, act)| Action::Draft { draft, act, comment: None }).collect();
        assert_eq!(commanded(&console), expected, "{body}");
    }
}
