//! The pages as a browser gets them; how they look and feel is checked in a real one by `tests/browser`.

use crate::client::{Answer, Console};
use console::{Action, Settlement};
use proptest::{prelude::*, test_runner::TestRunner};

const PAGES: [&str; 17] = [
    "/",
    "/incidents/INC-7",
    "/incidents/INC-8",
    "/incidents/INC-9",
    "/incidents/INC-3",
    "/incidents/INC-7/drafts/1",
    "/incidents/INC-8/drafts/1?field=nature",
    "/incidents/INC-9/drafts/1",
    "/alerts",
    "/alerts/0af1c0e7a9b3d4e215f1c0e7a9b3d4e2",
    "/alerts/1af1c0e7a9b3d4e215f1c0e7a9b3d4e2",
    HOSTILE_ALERT,
    "/alerts/09f1c0e7a9b3d4e215f1c0e7a9b3d4e2",
    "/ack/good.tag",
    "/ack/old.tag",
    "/help",
    "/nowhere",
];

const HOSTILE_ALERT: &str = "/alerts/08f1c0e7a9b3d4e215f1c0e7a9b3d4e2";

fn title(page: &Answer) -> &str {
    page.body.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).expect("a title")
}

#[tokio::test]
async fn every_page_has_its_frame_and_its_headers() {
    let console = Console::start().await;
    let mut titles = std::collections::BTreeSet::new();
    for path in PAGES {
        let page = console.get(path).await;
        assert!(page.body.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}");
        for part in
            ["<a class=\"skip\" href=\"#main\">", "<main id=\"main\"", "<nav aria-label", "<h1>", "href=\"/help\""]
        {
            assert_eq!(page.body.matches(part).count().min(2), 1, "{path}: {part}");
        }
        assert!(
            !page.body.contains("<script") && !page.body.contains(" style=") && !page.body.contains("http-equiv"),
            "{path}"
        );
        assert_eq!(page.body.matches("<table>").count(), page.body.matches("<caption").count(), "{path}");
        assert!(titles.insert(title(&page).to_owned()), "{path}: titles are distinct");
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
    }
}

#[tokio::test]
async fn the_style_is_at_an_address_with_its_hash() {
    let console = Console::start().await;
    let page = console.get("/").await.body;
    let path = page.split("href=\"/assets/").nth(1).and_then(|rest| rest.split('"').next()).expect("a style");
    assert!(path.starts_with("console-") && path.ends_with(".css") && path.len() == "console-.css".len() + 16);
    let style = console.get(&format!("/assets/{path}")).await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
}

#[tokio::test]
async fn hostile_text_is_shown_and_never_obeyed() {
    let console = Console::start().await;
    for path in ["/", "/incidents/INC-8", "/alerts", HOSTILE_ALERT] {
        let page = console.get(path).await.body;
        assert!(!page.contains("<script") && !page.contains("<img"), "{path}");
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "{path}");
        assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{path}: it is shown");
        assert!(page.contains("␛[31mred\\u{202e}txt.exe"), "{path}");
        assert!(page.contains("&#38;amp;"), "{path}: what is escaped already is escaped again");
    }
}

/// What makes up a page's elements and attributes; text must not change the number of any.
fn markup(page: &str) -> [usize; 4] {
    ['<', '>', '"', '\''].map(|sign| page.matches(sign).count())
}

/// Any text: what breaks out of elements and attributes, comments, entities, all of Unicode.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "<",
        ">",
        "\"",
        "'",
        "&",
        "<!--",
        "-->",
        "</td>",
        "</title>",
        "&lt;",
        "\0",
        "\u{1b}[2J",
        "\u{202e}",
        "{{",
        "%}",
        "\\",
        "|",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(pieces, 1..12).prop_map(|pieces| pieces.concat())]
}

#[test]
fn no_text_changes_the_shape_of_a_page() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let console = runtime.block_on(Console::start());
    let page = |text: &str, path: &str| {
        *console.desk.hostile.lock().unwrap() = text.to_owned();
        runtime.block_on(console.get(path)).body
    };
    let paths = ["/", "/incidents/INC-8", "/alerts", HOSTILE_ALERT];
    let plain = paths.map(|path| markup(&page("plain", path)));
    assert!(plain[1][0] > 100, "there is a page");
    TestRunner::default()
        .run(&any_text(), |text| {
            prop_assert_eq!(paths.map(|path| markup(&page(&text, path))), plain);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_drill_says_so_everywhere() {
    let console = Console::start().await;
    let page = console.get("/incidents/INC-9").await;
    assert!(title(&page).starts_with("DRILL INC-9"));
    let body = &page.body;
    assert!(body.contains("<strong>DRILL.</strong>") && body.contains("<h1><span class=\"drill\">DRILL</span>"));
    assert!(body.contains("exercise: does not run") && !body.contains(" left<"));
    assert_eq!(body.matches("of this DRILL").count(), 2, "both tables");
    let overview = console.get("/").await.body;
    assert!(overview.contains("<span class=\"drill\">DRILL</span> <a href=\"/incidents/INC-9\">"));
    let live = console.get("/incidents/INC-7").await.body;
    assert!(!live.contains("DRILL"));
}

#[tokio::test]
async fn deadlines_severities_and_figures_are_words() {
    let console = Console::start().await;
    let page = console.get("/incidents/INC-7").await.body;
    for text in [
        "41 h 12 min left",
        "due <time datetime=\"2026-03-05T20:14:10Z\">2026-03-05 20:14 UTC</time>",
        "missed, overdue by 6 h 48 min",
        "without undue delay",
        "<span class=\"severity critical\">critical</span>",
        "1,840 rows",
        "12.4 rows",
        "p = 1.2e-9, about 1 in 830 million",
        "a signature: no probability",
        "<span class=\"delivery rejected\">rejected</span>",
        "401: the key is not accepted",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

struct Form {
    cookie: String,
    token: String,
    origin: String,
}

/// As a browser that has opened the incident's page.
async fn open(console: &Console, incident: &str) -> Form {
    let page = console.get(&format!("/incidents/{incident}")).await;
    let cookie = page.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    let token = page.body.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    Form { cookie, token: token.expect("a form").to_owned(), origin: format!("http://{}", console.address) }
}

async fn submit(console: &Console, incident: &str, form: &Form, fields: &str) -> Answer {
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", form.cookie.as_str()),
        ("Origin", form.origin.as_str()),
    ];
    console.ask("POST", &format!("/incidents/{incident}"), &headers, &format!("token={}&{fields}", form.token)).await
}

#[tokio::test]
async fn a_person_acknowledges_with_a_form() {
    let console = Console::start().await;
    let form = open(&console, "INC-7").await;
    let answer = submit(&console, "INC-7", &form, "command=acknowledge&by=Ada+L.&comment=on%0D%0Ait").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents/INC-7?done=acknowledge")));
    let commands: Vec<_> = console.desk.commands.lock().unwrap().drain(..).collect();
    assert!(commands.iter().all(|command| command.by == "Ada L."));
    let actions: Vec<_> = commands.into_iter().map(|command| command.action).collect();
    assert_eq!(actions, [Action::Acknowledge, Action::Note { text: "on it".into() }]);
    let done = console.get("/incidents/INC-7?done=acknowledge").await.body;
    assert!(done.contains("<div role=\"status\"><p class=\"done\">You have acknowledged the incident.</p></div>"));
    let forged = console.get("/incidents/INC-7?done=send+money").await.body;
    assert!(forged.contains("<div role=\"status\"></div>"));
}

#[tokio::test]
async fn a_verdict_is_asked_about_first() {
    let console = Console::start().await;
    let form = open(&console, "INC-7").await;
    let fields = "command=verdict&verdict=breach&by=Ada&comment=seen";
    let question = submit(&console, "INC-7", &form, fields).await;
    assert_eq!(question.status, 200);
    assert!(question.body.contains("the first is the 72 hours of GDPR article 33"));
    assert!(console.desk.commands.lock().unwrap().is_empty(), "nothing was done yet");
    let answer = submit(&console, "INC-7", &form, &format!("{fields}&confirmed=yes")).await;
    assert_eq!(answer.status, 303);
    let close = submit(&console, "INC-7", &form, "command=close&by=Ada").await;
    assert!(close.status == 200 && close.body.contains("Close the incident?"));
    assert_eq!(console.desk.commands.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn deadlines_are_settled_and_held_notices_stopped() {
    let console = Console::start().await;
    let form = open(&console, "INC-7").await;
    let notice = "9f1c0e7a9b3d4e215f1c0e7a9b3d4e21";
    let stop = format!("command=stop_notice&notice={notice}");
    for (fields, question) in [
        (
            "command=settle_met&obligation=eu-gdpr-33-authority",
            "Record “GDPR notification, to supervisory authority” as met?",
        ),
        (
            "command=settle_not_required&obligation=contract-insurer",
            "Record “Cyber insurance notice, to insurer” as not required?",
        ),
        (&stop, "Stop the notice to mail-works-council?"),
    ] {
        let fields = format!("{fields}&by=Ada");
        let asked = submit(&console, "INC-7", &form, &fields).await;
        assert!(
            asked.status == 200 && asked.body.contains(&format!("<h1>{question}</h1>")),
            "{question}: {}",
            asked.body
        );
        assert_eq!(submit(&console, "INC-7", &form, &format!("{fields}&confirmed=yes")).await.status, 303);
    }
    let actions: Vec<_> = console.desk.commands.lock().unwrap().drain(..).map(|command| command.action).collect();
    let settle =
        |obligation: &str, how| Action::Settle { obligation: obligation.into(), how, told_at: None, comment: None };
    assert_eq!(
        actions,
        [
            settle("eu-gdpr-33-authority", Settlement::Met),
            settle("contract-insurer", Settlement::NotRequired),
            Action::StopNotice { notice: notice.into(), comment: None },
        ]
    );
    // What is not running or not held cannot be chosen.
    for fields in [
        "command=settle_met&obligation=contract-works-council",
        "command=stop_notice&notice=5f1c0e7a9b3d4e215f1c0e7a9b3d4e21",
    ] {
        assert_eq!(
            submit(&console, "INC-7", &form, &format!("{fields}&by=Ada&confirmed=yes")).await.status,
            422,
            "{fields}"
        );
    }
    assert!(console.desk.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn mistakes_in_the_form_keep_what_was_written() {
    let console = Console::start().await;
    let form = open(&console, "INC-7").await;
    let note = submit(&console, "INC-7", &form, "command=note&by=Ada%22%3E&comment=").await;
    assert_eq!(note.status, 422);
    assert!(title(&note).starts_with("Error: "));
    assert!(note.body.contains("<a href=\"#comment\">a note needs a text</a>"));
    assert!(note.body.contains("aria-invalid=\"true\" aria-describedby=\"comment-mistake\""));
    assert!(note.body.contains("value=\"Ada&#34;&#62;\""));
    let verdict = submit(&console, "INC-7", &form, "command=verdict&verdict=treason&by=Ada").await;
    assert_eq!(verdict.status, 422);
    let conflict_form = open(&console, "INC-9").await;
    let refused = submit(&console, "INC-9", &conflict_form, "command=note&by=a&comment=no+journal").await;
    assert_eq!(refused.status, 503);
    assert!(
        refused.body.contains("the journal did not answer within 5 s")
            && refused.body.contains(">no journal</textarea>")
    );
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let console = Console::start().await;
    let mine = open(&console, "INC-7").await;
    let other = open(&console, "INC-7").await;
    let fields = "command=acknowledge&by=Mallory";
    let refused = async |form: Form| submit(&console, "INC-7", &form, fields).await.status;
    assert_eq!(
        refused(Form { cookie: other.cookie, token: mine.token.clone(), origin: mine.origin.clone() }).await,
        403
    );
    assert_eq!(
        refused(Form { cookie: mine.cookie.clone(), token: "0".repeat(64), origin: mine.origin.clone() }).await,
        403
    );
    let evil = "https://evil.example".to_owned();
    assert_eq!(refused(Form { cookie: mine.cookie.clone(), token: mine.token.clone(), origin: evil }).await, 403);
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", mine.cookie.as_str())];
    let bare = console.ask("POST", "/incidents/INC-7", &headers, &format!("token={}&{fields}", mine.token)).await;
    assert_eq!(bare.status, 403, "no browser sends a form without Origin");
    assert!(console.desk.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn merging_and_splitting_are_asked_about_first_and_tasks_are_shown() {
    let console = Console::start().await;
    let form = open(&console, "INC-7").await;
    let page = console.get("/incidents/INC-7").await.body;
    for text in [
        "ask the payroll office",
        "<strong>overdue</strong>",
        "Merged into it",
        "href=\"/incidents/INC-5\"",
        "done by Grace Hopper",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let merge = "command=merge&by=Ada&into=inc-8&comment=same+thief";
    let question = submit(&console, "INC-7", &form, merge).await;
    assert!(question.status == 200 && question.body.contains("Let INC-7 go on in INC-8?"), "{}", question.body);
    assert!(question.body.contains("name=\"into\" value=\"inc-8\""));
    assert!(console.desk.commands.lock().unwrap().is_empty(), "nothing was done yet");
    let answer = submit(&console, "INC-7", &form, &format!("{merge}&confirmed=yes")).await;
    assert_eq!(answer.header("location"), Some("/incidents/INC-7?done=merge"));

    let split = "command=split&by=Ada&alert_0b=yes&alert_0a=yes&comment=another+matter";
    let question = submit(&console, "INC-7", &form, split).await;
    assert!(question.body.contains("Let 2 of its alerts become an incident of their own?"), "{}", question.body);
    assert!(question.body.contains("name=\"alerts\" value=\"0a 0b\""), "what was ticked is carried along");
    let carried = "command=split&by=Ada&alerts=0a+0b&comment=another+matter&confirmed=yes";
    assert_eq!(submit(&console, "INC-7", &form, carried).await.status, 303);
    let commands: Vec<_> = console.desk.commands.lock().unwrap().drain(..).map(|command| command.action).collect();
    assert!(matches!(&commands[1], console::Action::Split { alerts, .. } if *alerts == ["0a", "0b"]), "{commands:?}");

    let none = submit(&console, "INC-7", &form, "command=split&by=Ada&comment=x").await;
    assert!(
        none.status == 422 && none.body.contains("<a href=\"#split\">") && none.body.contains("id=\"split-mistake\"")
    );
    let task = submit(&console, "INC-7", &form, "command=add_task&by=Ada&title=x&task_owner=%20&due=noon").await;
    assert!(task.status == 422 && task.body.contains("id=\"due-mistake\""));
    let added = submit(&console, "INC-7", &form, "command=add_task&by=Ada&title=call+them&task_owner=Bob").await;
    assert_eq!(added.header("location"), Some("/incidents/INC-7?done=add_task"));
}
