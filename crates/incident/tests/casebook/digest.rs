//! What interrupts nobody is ranked by day, the worst first, so many lines a day.

use crate::world::{alert, drill, identified};
use activity::Span;
use detector::{Alert, Severity, Suppression};
use incident::Digest;

fn quiet(user: &str, n: u32, severity: Severity, p_value: Option<f64>) -> Alert {
    identified(Alert { page: false, severity, p_value, why: format!("alert {n}"), ..alert(user, n) })
}

fn lines(digest: &Digest) -> Vec<String> {
    digest.to_markdown().lines().filter(|line| !line.is_empty()).skip(1).map(str::to_owned).collect()
}

#[test]
fn the_worst_comes_first_and_the_rest_is_counted() {
    let alerts = [
        alert("u0", 0),
        quiet("u1", 1, Severity::Low, Some(1e-4)),
        quiet("u2", 2, Severity::Low, None),
        quiet("u3", 3, Severity::Low, Some(1e-9)),
        quiet("u4", 4, Severity::Medium, None),
        quiet("u5", 5, Severity::Low, Some(1e-4)),
        quiet("u6", 60 * 24, Severity::Low, Some(0.5)),
    ];
    let expected: Vec<String> = [
        "alert 4",
        "alert 3 (p 1.0e-9)",
        "alert 5 (p 1.0e-4)",
        "alert 1 (p 1.0e-4)",
        "… and 1 more",
        "alert 1440 (p 5.0e-1)",
    ]
    .map(str::to_owned)
    .into();
    let told = |alerts: &mut dyn Iterator<Item = &Alert>| {
        let mut digest = Digest::new(4);
        alerts.for_each(|alert| digest.add(alert));
        let lines = lines(&digest);
        assert_eq!(lines.iter().filter(|line| line.starts_with("## ")).count(), 2);
        assert!(lines[0].ends_with(": 5 alerts"), "{lines:?}");
        let of = |line: &String| line.rsplit_once("volume: ").map_or(line[2..].to_owned(), |(_, why)| why.to_owned());
        lines.iter().filter(|line| line.starts_with("- ")).map(of).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut alerts.iter()), expected);
    assert_eq!(told(&mut alerts.iter().rev().chain(&alerts[..0])), expected, "whatever came first");
}

#[test]
fn text_from_logs_is_shown_and_not_obeyed() {
    let why = "<img src=x> [click](http://x) \u{1b}[2J\n# heading".to_owned();
    let mut digest = Digest::new(9);
    let until = alert("u1", 0).raised_at + Span::from_hours(24);
    let suppressed_by = Some(Suppression { owner: "Ada".into(), reason: "r".into(), until });
    digest.add(&drill(Alert { why, suppressed_by, ..quiet("u1", 0, Severity::High, None) }, 7));
    let text = digest.to_markdown();
    assert!(text.contains(r"\<img src=x\> \[click\](http://x)") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 2, "{text}");
    assert!(text.contains("drill, high") && text.contains("would have paged, Ada answers"), "{text}");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    assert!(Digest::new(3).to_markdown().ends_with("\nNothing.\n"));
}
