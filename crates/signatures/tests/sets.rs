//! Sets of rules: every mistake with its place, and the sieve changes no answer.

#![allow(clippy::unwrap_used)]

use activity::{Activity, Asked, Operation, Resource, Timestamp};
use proptest::prelude::*;
use signatures::{File, Matcher, Set};
use std::sync::Arc;

fn mistakes(text: &str) -> Vec<(usize, String)> {
    let found = Set::read(&[File { name: "a.yml", text }], &["grant"], &[]).unwrap_err();
    found.into_iter().map(|mistake| (mistake.line, mistake.problem)).collect()
}

/// A rule of these selections and this condition.
fn rule(detection: &str) -> String {
    format!("title: t\nlevel: low\nlogsource:\n    category: webserver\ndetection:\n{detection}\n")
}

#[test]
fn all_mistakes_of_all_documents_are_told_with_their_lines() {
    let text = "\
title: first
levl: high
level: hihg
tags:
    - attack.t15
logsource:
    category: webservr
    product: apache
detection:
    a:
        cs-url: x
    condition: a and b
breachd:
    page: maybe
    paeg: true
---
title: second
level: low
logsource:
    category: database
detection:
    a:
        query|contian: x
        query|re: '('
    timeframe: 5m
    condition: a |
---
- no rule
---
action: global
";
    let found = mistakes(text);
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 5, 7, 8, 12, 14, 15, 23, 24, 25, 26, 28, 30, 30, 30, 30, 30], "{found:#?}");
    let said = |line: usize, what: &str| found.iter().any(|(at, problem)| *at == line && problem.contains(what));
    assert!(said(2, "unknown key `levl`") && said(3, "`level` must be") && said(5, "`attack.t15`"));
    assert!(
        said(7, "`webserver` and `database`")
            && said(8, "logsource.product")
            && said(12, "no selection `b`")
            && said(14, "`page` must be")
            && said(15, "breachd.paeg")
    );
    assert!(said(23, "unknown modifier `contian`") && said(24, "unclosed group") && said(26, "has a `|`"));
    assert!(said(28, "a rule is a mapping") && said(30, "`action`") && said(30, "lacks `detection`"));
}

#[test]
fn what_is_wrong_with_selections_is_told() {
    for (detection, line, problem) in [
        ("    a:\n        cs-url: x\n    condition: a", 7, "no `cs-url` in category `webserver`; there are: cs-method"),
        ("    a:\n        query: x\n    condition: a", 7, "no `query` in category `webserver`"),
        ("    a:\n        cs-method: []\n    condition: a", 7, "an empty list"),
        ("    a:\n        cs-method:\n            x: 1\n    condition: a", 8, "is a mapping"),
        ("    a: {}\n    condition: a", 6, "without fields"),
        ("    a:\n        cs-method: x", 6, "lacks `condition`"),
        ("    a:\n        cs-method: x\n    condition: [a]", 8, "must be one text"),
        ("    a:\n        cs-method: x\n    condition: b", 8, "no selection `b`"),
        ("    a:\n        cs-uri|contains: ''\n    condition: a", 7, "in every text"),
    ] {
        let found = mistakes(&rule(detection));
        assert!(found.len() == 1 && found[0].0 == line && found[0].1.contains(problem), "{detection}\n{found:?}");
    }
}

#[test]
fn names_are_unique_and_not_those_of_detectors() {
    let text = "\
title: Grant
level: low
logsource: { category: webserver }
detection: { a: { cs-method: GET }, condition: a }
---
title: A rule
level: low
logsource: { category: webserver }
detection: { a: { cs-method: GET }, condition: a }
---
title: Another
name: a_rule
level: informational
logsource: { category: webserver }
detection: { a: { cs-method: GET }, condition: a }
---
title: Another
name: A-Rule
level: informational
logsource: { category: webserver }
detection: { a: { cs-method: GET }, condition: a }
breachd: { page: true }
";
    let found = mistakes(text);
    assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [18, 22, 1, 11], "{found:#?}");
    assert!(found[2].1.contains("name of a detector") && found[3].1.contains("there already: a.yml:6"), "{found:#?}");
}

#[test]
fn an_example_that_does_not_hold_is_a_mistake() {
    let with = |example: &str| {
        let text = rule("    a:\n        cs-method: POST\n    condition: a");
        mistakes(&format!("{text}breachd:\n    examples:\n        - {{ {example} }}\n"))
    };
    let line = r#"'192.0.2.6 - - [23/Nov/2026:13:04:05 +0000] "GET / HTTP/1.1" 200 1'"#;
    for (example, problem) in [
        (format!("format: access_combined, matches: {line}"), "`t` does not match this example"),
        (
            format!("format: access_combined, passes: {}", line.replace("GET", "POST")),
            "matches this example, which should",
        ),
        (format!("format: nginx_json, matches: {line}"), "no entry of `nginx_json`"),
        (format!("format: nginx, matches: {line}"), "no format `nginx`"),
        (format!("format: auto, matches: {line}"), "no format `auto`"),
        ("format: nginx_json".to_owned(), "either `matches` or `passes`"),
        (
            "format: mariadb_server_audit, matches: '20261123 12:57:08,db1,a,h,1,1,QUERY,m,''SELECT 1'',0'".to_owned(),
            "no entry of category `webserver`",
        ),
    ] {
        let found = with(&example);
        assert!(found.len() == 1 && found[0].0 == 11 && found[0].1.contains(problem), "{example}\n{found:?}");
    }
}

#[test]
fn there_are_limits() {
    let many = |n: usize, page: bool| {
        let one = |at: usize| {
            format!(
                "title: rule {at}\nlevel: low\nlogsource: {{ category: webserver }}\n\
                 detection: {{ a: {{ cs-uri|contains: word{at} }}, condition: a }}\nbreachd: {{ page: {page} }}\n---\n"
            )
        };
        (0..n).map(one).collect::<String>()
    };
    assert!(Set::read(&[File { name: "a", text: &many(32, true) }], &[], &[]).is_ok());
    let found = mistakes(&many(33, true));
    assert!(found.len() == 1 && found[0].1.contains("more than 32 rules with `page: true`"), "{found:?}");
    let off = ["rule_3".to_owned()];
    assert!(Set::read(&[File { name: "a", text: &many(33, true) }], &[], &off).is_ok(), "one of them is off");
    assert!(mistakes(&many(513, false))[0].1.contains("more than 512 rules"));
    let always = many(17, false).replace("cs-uri|contains: word", "sc-status: 4");
    assert!(mistakes(&always)[0].1.contains("17 rules of one category have no word"));
    assert!(mistakes(&"#".repeat(300_000))[0].1.contains("longer than"));
    assert!(mistakes("# nothing\n")[0].1.contains("holds no rule"));
    let off = ["rule_99".to_owned()];
    let found = Set::read(&[File { name: "a", text: &many(1, false) }], &[], &off).unwrap_err();
    assert!(found[0].problem.contains("`off` names a rule `rule_99`"), "{found:?}");
}

/// Values of few letters, so that they are found now and then.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab/]{3,5}",
        "[ab]{1,2}/[ab]{3}",
        "[ab*]{3,6}",
        "[ab]{2} [ab]{2,3}",
        Just("a%2fb".to_owned()),
        Just("rest".to_owned()),
        "[ab?]{3,5}",
    ]
}

fn item() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("cs-uri"),
        Just("cs-uri-stem"),
        Just("cs-uri-query"),
        Just("cs-user-agent"),
        Just("cs-referer")
    ];
    let modifier =
        prop_oneof![Just("|contains"), Just("|endswith"), Just("|startswith"), Just("|contains|all"), Just("")];
    let texts = (field, modifier, prop::collection::vec(value(), 1..4)).prop_map(|(field, modifier, values)| {
        let values: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
        format!("'{field}{modifier}': [{}]", values.join(", "))
    });
    prop_oneof![4 => texts, 1 => Just("sc-status: 404".to_owned()), 1 => Just("'cs-uri|re': '[ab]{4}'".to_owned())]
}

fn detection() -> impl Strategy<Value = String> {
    let selection = prop::collection::btree_set(item(), 1..3)
        .prop_map(|items| {
            // One key once.
            let mut keys = std::collections::BTreeSet::new();
            let items: Vec<String> = items
                .into_iter()
                .filter(|item| keys.insert(item.split(": ").next().unwrap_or_default().to_owned()))
                .collect();
            format!("{{ {} }}", items.join(", "))
        })
        .boxed();
    let keywords = prop::collection::vec("[ab]{3}", 1..3).prop_map(|words| format!("['{}']", words.join("', '")));
    let any = prop_oneof![3 => selection.clone(), 1 => keywords, 1 => (selection.clone(), selection).prop_map(|(a, b)| format!("[{a}, {b}]"))];
    let condition = prop_oneof![
        Just("x and y"),
        Just("x or y"),
        Just("x and not y"),
        Just("not x or y"),
        Just("1 of them"),
        Just("all of them"),
        Just("x"),
    ];
    let any = any.boxed();
    (any.clone(), any, condition).prop_map(|(x, y, condition)| format!("{{ x: {x}, y: {y}, condition: {condition} }}"))
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("b"),
        Just("A"),
        Just("/"),
        Just("//"),
        Just("/./"),
        Just("/../"),
        Just("%61"),
        Just("%2561"),
        Just("%2f"),
        Just("+"),
        Just("%20"),
        Just("rest"),
        Just("%"),
        Just("ab"),
        Just("*"),
        Just("%3f")
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_sieve_never_changes_the_answer_about_requests(
        detections in prop::collection::vec(detection(), 1..6),
        requests in prop::collection::vec((text(), text(), text(), text(), any::<bool>()), 1..12),
    ) {
        let rules: String = detections.iter().enumerate().map(|(at, detection)| {
            format!("title: rule {at}\nlevel: low\nlogsource: {{ category: webserver }}\ndetection: {detection}\n---\n")
        }).collect();
        let set = Arc::new(Set::read(&[File { name: "a", text: &rules }], &[], &[]).unwrap_or_else(|found| panic!("{found:?}\n{rules}")));
        let mut matcher = Matcher::new(Arc::clone(&set));
        for (path, query, agent, referer, found) in &requests {
            let mut activity = Activity::new(Timestamp::from_secs(0), Operation::Request);
            let path = format!("/{path}");
            activity.resources.push(Resource::Route(path.as_str().into()));
            activity.agent = Some(agent.into());
            let status = if *found { 200 } else { 404 };
            activity.asked = Some(Asked { query: query.into(), referer: referer.into(), status, ..Asked::default() });
            prop_assert_eq!(matcher.marks(&activity), set.marks_unsieved(&activity), "{} {} with\n{}", path, query, rules);
        }
    }

    #[test]
    fn the_sieve_never_changes_the_answer_about_statements(
        values in prop::collection::vec(prop_oneof!["[ab]{2,3} [ab]{3}", "[ab]{3}", "[ab]+/[*][ab]{3}", "[ab]{2}[*][ab]{3}"], 1..6),
        pieces in prop::collection::vec(prop_oneof![
            Just("a"), Just("b"), Just("aB"), Just(" "), Just("  "), Just("\n"), Just("/*"), Just("*/"), Just("/*!50000"), Just("'"), Just("\\"), Just("bab")
        ], 0..14),
    ) {
        let rules: String = values.iter().enumerate().map(|(at, value)| {
            format!("title: rule {at}\nlevel: low\nlogsource: {{ category: database }}\ndetection: {{ x: {{ 'query|contains': '{value}' }}, condition: x }}\n---\n")
        }).collect();
        let set = Arc::new(Set::read(&[File { name: "a", text: &rules }], &[], &[]).unwrap_or_else(|found| panic!("{found:?}\n{rules}")));
        let mut activity = Activity::new(Timestamp::from_secs(0), Operation::Read);
        activity.statement = Some(pieces.concat().into());
        let mut matcher = Matcher::new(Arc::clone(&set));
        prop_assert_eq!(matcher.marks(&activity), set.marks_unsieved(&activity));
    }
}

#[test]
fn the_digest_tells_what_is_in_force_and_not_where_it_came_from() {
    let (one, two) =
        (rule("    a: { cs-uri|contains: abcd }\n    condition: a"), rule("    b: { cs-uri: x }\n    condition: b"));
    let two = two.replace("title: t", "title: u");
    let digest = |files: &[(&str, &str)], off: &[&str]| {
        let files: Vec<File<'_>> = files.iter().map(|(name, text)| File { name, text }).collect();
        let off: Vec<String> = off.iter().map(|name| (*name).to_owned()).collect();
        Set::read(&files, &[], &off).unwrap().digest().to_owned()
    };
    let both = digest(&[("a.yml", &one), ("b.yml", &two)], &[]);
    assert_eq!(both.len(), 16);
    assert_eq!(both, digest(&[("z/b.yml", &two), ("z/c.yml", &one)], &[]));
    let others =
        [digest(&[("a.yml", &one)], &[]), digest(&[("a.yml", &one), ("b.yml", &two)], &["u"]), digest(&[], &[])];
    assert!(!others.contains(&both) && others[0] != others[1] && others[1] != others[2]);
}
