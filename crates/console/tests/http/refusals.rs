//! Who is turned away, and how.

use crate::client::{Console, token_file};
use console::Settings;

const TOKEN: &str = "correct-horse-battery-staple-42";

async fn with_token(listen: &str) -> (Console, std::path::PathBuf) {
    let file = token_file(TOKEN);
    let listen = listen.parse().expect("an address");
    let settings = Settings { listen, token_file: Some(file.clone()), ..Settings::default() };
    (Console::start_with(settings).await, file)
}

#[tokio::test]
async fn unknown_addresses_and_methods() {
    let console = Console::start().await;
    for (method, path, status, kind) in [
        ("GET", "/api/v1/incidents/INC-404", 404, "not-found"),
        ("GET", "/api/v1/incidents/%2e%2e%2fetc", 404, "not-found"),
        ("GET", "/api/v1/incidents/%ff", 400, "malformed"),
        ("GET", "/api/v1/drills/drill-0", 404, "not-found"),
        ("GET", "/api/v2", 404, "not-found"),
        ("DELETE", "/api/v1/incidents/INC-7", 405, "method-not-allowed"),
        ("GET", "/api/v1/incidents/INC-7/commands", 405, "method-not-allowed"),
        ("GET", "/assets/console-0000000000000000.css", 404, "not-found"),
    ] {
        let answer = console.ask(method, path, &[], "").await;
        assert_eq!((answer.status, answer.problem().as_deref()), (status, Some(kind)), "{method} {path}");
    }
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("GET", "/incidents/INC-404", 404),
        ("GET", "/incidents/%ff", 400),
        ("PUT", "/", 405),
    ] {
        let answer = console.ask(method, path, &[], "").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(answer.body.contains("<h1>"), "{path}");
    }
}

#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let console = Console::start().await;
    let rebound = console.ask("GET", "/api/v1/incidents", &[("Host", "evil.example:8420")], "").await;
    assert_eq!((rebound.status, rebound.problem().as_deref()), (421, Some("foreign-host")));
    let page = console.ask("GET", "/", &[("Host", "evil.example")], "").await;
    assert_eq!(page.status, 421);
    assert!(!page.body.contains("u1042"));
    assert_eq!(console.ask("GET", "/", &[("Host", "localhost:8420")], "").await.status, 200);
}

#[tokio::test]
async fn another_sites_page_cannot_post() {
    let console = Console::start().await;
    let body = r#"{"command":"close","by":"a"}"#;
    let json = ("Content-Type", "application/json");
    for header in [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
        let answer = console.ask("POST", "/api/v1/incidents/INC-7/commands", &[json, header], body).await;
        assert_eq!((answer.status, answer.problem().as_deref()), (403, Some("foreign-origin")), "{header:?}");
    }
    assert!(console.desk.commands.lock().unwrap().is_empty());
    // No preflight is ever granted.
    let preflight = console.ask("OPTIONS", "/api/v1/incidents/INC-7/commands", &[], "").await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, None));
}

#[tokio::test]
async fn commands_need_the_token_if_there_is_one() {
    let (console, file) = with_token("127.0.0.1:0").await;
    let path = "/api/v1/incidents/INC-7/commands";
    let body = r#"{"command":"acknowledge","by":"Ada"}"#;
    let json = ("Content-Type", "application/json");
    let refused = console.ask("POST", path, &[json], body).await;
    assert_eq!((refused.status, refused.problem().as_deref()), (401, Some("unauthorized")));
    let challenges: Vec<&str> = refused.headers("www-authenticate").collect();
    assert_eq!(challenges, [r#"Basic realm="breachd", charset="UTF-8""#, r#"Bearer realm="breachd""#]);
    for wrong in ["Bearer ", "Bearer wrong", "Basic YTpi", "Bearer correct-horse-battery-staple-4"] {
        assert_eq!(console.ask("POST", path, &[json, ("Authorization", wrong)], body).await.status, 401, "{wrong}");
    }
    assert!(console.desk.commands.lock().unwrap().is_empty());
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(console.ask("POST", path, &[json, ("Authorization", &bearer)], body).await.status, 200);
    // Reading on loopback does not need it.
    assert_eq!(console.get("/").await.status, 200);
    // A new token counts at once.
    std::fs::write(&file, "another-token-of-enough-length").expect("still there");
    assert_eq!(console.ask("POST", path, &[json, ("Authorization", &bearer)], body).await.status, 401);
    std::fs::remove_file(&file).expect("still there");
    assert_eq!(console.ask("POST", path, &[json, ("Authorization", &bearer)], body).await.status, 503);
}

#[tokio::test]
async fn beyond_loopback_reading_needs_it_too_but_probes_do_not() {
    let (console, file) = with_token("0.0.0.0:0").await;
    let page = console.get("/").await;
    assert_eq!(page.status, 401);
    assert!(page.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic")));
    assert_eq!(console.get("/api/v1/incidents").await.problem().as_deref(), Some("unauthorized"));
    for probe in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(console.get(probe).await.status, 200, "{probe}");
    }
    // user `ada`, password the token
    let basic = "Basic YWRhOmNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGUtNDI=";
    let incident = console.ask("GET", "/incidents/INC-7", &[("Authorization", basic)], "").await;
    assert_eq!(incident.status, 200);
    assert!(incident.body.contains(r#"value="ada""#), "the name is filled in");
    std::fs::remove_file(&file).expect("still there");
}

#[tokio::test]
async fn too_much_is_refused() {
    let console = Console::start().await;
    let body = format!(r#"{{"command":"note","by":"a","comment":"{}"}}"#, "x".repeat(console::limits::BODY_BYTES_MAX));
    let large = console.post_json("/api/v1/incidents/INC-7/commands", &body).await;
    assert_eq!((large.status, large.problem().as_deref()), (413, Some("too-large")));
    let head = "x".repeat(console::limits::HEAD_BYTES_MAX);
    assert_eq!(console.ask("GET", "/", &[("X-Long", &head)], "").await.status, 431);
    let many: Vec<(&str, &str)> = vec![("X-Many", "1"); console::limits::HEADERS_MAX + 1];
    assert_eq!(console.ask("GET", "/", &many, "").await.status, 431);
}

#[tokio::test]
async fn it_does_not_start_open_or_with_a_weak_token() {
    let start = async |settings: Settings| {
        let desk = std::sync::Arc::new(crate::desk::SampleDesk::default());
        console::Server::bind(&settings, desk).await.err().map(|error| error.to_string())
    };
    let outside = Settings { listen: "0.0.0.0:0".parse().unwrap(), ..Settings::default() };
    assert!(start(outside).await.unwrap().contains("token_file"));
    let file = std::env::temp_dir().join(format!("console-token-{}-weak", std::process::id()));
    let weak = Settings { token_file: Some(file.clone()), ..Settings::default() };
    assert!(start(weak.clone()).await.unwrap().contains("cannot be read"));
    std::fs::write(&file, "short").unwrap();
    assert!(start(weak).await.unwrap().contains("24 to 512"));
    std::fs::remove_file(&file).unwrap();
}
