//! From an alert's numbers of employees, through the directory, to what runs and what does not; over the log in memory, and as the API and
//! the terminal tell it. Another directory and another file of obligations while it runs.

use crate::{
    digest::raise,
    harness::{BINARY, Scratch, contents, get, post, until},
};
use activity::{DataClass, Entity, EntityKind, KnownBy, Mode, Record, Span, Timestamp};
use breachd::{cli::RoleName, run, settings::Settings, topics::Topics};
use detector::{Alert, AlertId, AlertWindow, Severity};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command, sync::Arc};

const CONFIG: &str = "[console]\nlisten = \"127.0.0.1:0\"\n[directory]\nfile = \"directory.csv\"\n[obligations]\nfile = \"law.yaml\"\n\
                      [jurisdictions]\napplicable = [\"*\"]\n";

/// Two obligations of California and one of Maryland; the first ends after so many hours.
fn law(scratch: &Scratch, version: &str, hours: u32) {
    let one = |id: &str, place: &str, threshold: &str, limit: &str| {
        format!(
            "- {{ id: {id}, group: g, name: Notice {id}, citation: c, recipient: authority, applies_to: [hr], residents_of: {place}, starts: [suspicion], \
             {limit}, thresholds: [{threshold}], status: in_force, verified: yes, as_of: d, sources: [] }}\n"
        )
    };
    let limit = format!("limit: {{ hours: {hours} }}");
    let obligations = [
        one("ca-any", "US-CA", "", &limit),
        one("ca-many", "US-CA", "{ more_than: 20, of: residents }", "phrase: soon"),
        one("md-any", "US-MD", "", "phrase: soon"),
    ];
    scratch.write(
        "law.yaml",
        format!("schema_version: 1\nversion: \"{version}\"\nobligations:\n{}", obligations.concat()),
    );
}

/// Employees 1 to 30 live in the first place, 31 to 40 in Germany.
fn directory(scratch: &Scratch, first: &str) {
    let row = |id: u32| format!(",,,{id},,,,e{id}@example.com,en,{}\n", if id <= 30 { first } else { "DE" });
    let rows: String = (1..=40).map(row).collect();
    scratch.write(
        "directory.csv",
        format!("user,role,department,employee_id,from,to,zone,email,language,jurisdiction\n{rows}"),
    );
}

/// These employees were named, and so many rows read beyond.
pub(crate) fn alert(user: &str, ids: impl Iterator<Item = u64>, beyond: u64) -> Alert {
    let subject = Entity::new(EntityKind::PortalUser, user);
    let from = Timestamp::from_secs(1_772_485_200);
    let window = AlertWindow { from, to: from + Span::from_hours(1) };
    let mut records: Vec<Record> = ids.map(|id| Record::new("employee", &id.to_string())).collect();
    let affected_records = records.len() as u64 + beyond;
    records.sort_by_key(|record| record.mixed());
    let ids: String = records.iter().map(|record| format!("{:016x}", record.0)).collect();
    Alert {
        id: AlertId::of("volume", &subject, &subject, window, Mode::Live),
        raised_at: from,
        window,
        entity: subject.clone(),
        subject,
        detector: "volume".into(),
        severity: Severity::Critical,
        page: true,
        suppressed_by: None,
        data_classes: DataClass::Hr.into(),
        observed: 40.0,
        expected: 12.0,
        unit: "rows".into(),
        p_value: Some(1e-9),
        why: format!("{user} read more than usual"),
        facts: Vec::new(),
        actor_known_by: KnownBy::SqlTag,
        affected_records,
        named: Some(serde_json::from_value(json!({ "v": 1, "table": "hr.t", "ids": ids })).unwrap()),
        attack: Vec::new(),
        evidence: Vec::new(),
        mode: Mode::Live,
    }
}

/// (place, lower, upper) of an incident's page.
fn places(page: &Value) -> Vec<(String, u64, Option<u64>)> {
    let places = page["affected"]["places"].as_array().unwrap();
    places
        .iter()
        .map(|of| (of["place"].as_str().unwrap().to_owned(), of["lower"].as_u64().unwrap(), of["upper"].as_u64()))
        .collect()
}

fn deadline<'a>(page: &'a Value, id: &str) -> Option<&'a Value> {
    page["deadlines"].as_array().unwrap().iter().find(|deadline| deadline["obligation"] == id)
}

#[test]
fn people_are_counted_where_they_live_and_a_changed_law_says_so() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scratch = Scratch::new("places");
    directory(&scratch, "US-CA");
    law(&scratch, "2026-01", 72);
    let file: PathBuf = scratch.write("breachd.toml", CONFIG);
    let load = || Settings::load(std::slice::from_ref(&file), &[]);
    let settings = Arc::new(load().unwrap());
    let broker = stream::memory();
    let topics = Topics::new(settings.topics.clone());
    topics.prepare(broker.as_ref()).unwrap();
    raise(broker.as_ref(), &topics, &alert("u1", 21..36, 0));
    let roles = [RoleName::Notifier, RoleName::Console];
    let daemon = runtime.block_on(run::start(settings, Arc::clone(&broker), &roles)).unwrap();
    let console = daemon.console.to_string();
    let page = |id: &str| {
        let (status, body) = get(&console, &format!("/api/v1/incidents/{id}"))?;
        (status == 200).then(|| serde_json::from_str::<Value>(&body).unwrap())
    };

    // All are named: ten of California, five of Germany, nobody of Maryland.
    let first = until("the first incident", || page("INC-1").filter(|page| !page["deadlines"][0].is_null()));
    assert_eq!(
        places(&first),
        [("US".into(), 10, Some(10)), ("US-CA".into(), 10, Some(10)), ("DE".into(), 5, Some(5))]
    );
    assert!(deadline(&first, "ca-any").is_some() && deadline(&first, "ca-many").is_none(), "{first:#}");
    let missed = [
        json!({ "name": "Notice ca-many", "because": "it takes more than 20 residents; here it is 10" }),
        json!({ "name": "Notice md-any", "because": "it takes at least 1 residents; here it is 0" }),
    ];
    assert_eq!(first["missed_by_number"], json!(missed));

    // Rows that name nobody may be people of anywhere: open, and read strictly.
    raise(broker.as_ref(), &topics, &alert("u2", 1..11, 15));
    let second = until("the second incident", || page("INC-2").filter(|page| !page["deadlines"][0].is_null()));
    assert_eq!(places(&second)[1], ("US-CA".into(), 10, Some(25)));
    let open = deadline(&second, "ca-many").unwrap();
    assert_eq!(open["assumed"], json!(["more than 20 residents"]));
    assert_eq!(open["counted"], "10 to 25 in US-CA; 10 to 25 in all");
    let by_first = "2026-01 (SHA-256 ";
    assert!(open["law"].as_str().unwrap().starts_with(by_first), "{open:#}");
    let shown = Command::new(BINARY)
        .args(["incidents", "show", "INC-2", "--url", &format!("http://{console}")])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for expected in
        ["US-CA: 10 to 25; the directory has 30 there", "open, read strictly as met: more than 20 residents", by_first]
    {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }

    // What contradicts itself is refused in the casebook's words.
    let told = json!({ "command": "settle", "obligation": "ca-many", "settlement": "not_required", "at": "2026-03-02T21:14:00Z", "by": "Ada" });
    let (status, body) = post(&console, "/api/v1/incidents/INC-2/commands", &told.to_string()).unwrap();
    assert_eq!(status, 409, "{body}");
    assert!(body.contains("goes only with `met`"), "{body}");

    // Another directory: counted anew, and what was counted before stays in the journal.
    let journaled = || {
        let entries = contents(broker.as_ref(), &topics.journal());
        let lines = entries.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned());
        lines.filter(|line| line.contains("\"kind\":\"people_located\"")).count()
    };
    assert_eq!(journaled(), 2);
    directory(&scratch, "US-MD");
    let moved = until("the directory is taken up", || page("INC-1").filter(|page| deadline(page, "md-any").is_some()));
    assert_eq!(places(&moved)[1], ("US-MD".into(), 10, Some(10)));
    let california = deadline(&moved, "ca-any").unwrap();
    assert_eq!(california["state"], "not_started", "nobody of California is left: {california:#}");
    assert_eq!(journaled(), 4);

    // A file with a mistake leaves the old one; one that changes a limit says so.
    directory(&scratch, "US-CA");
    until("California again", || page("INC-1").filter(|page| deadline(page, "ca-any").unwrap()["state"] == "running"));
    let due = |page: &Value| deadline(page, "ca-any").unwrap()["due_at"].clone();
    let before = due(&page("INC-1").unwrap());
    scratch.write("law.yaml", "schema_version: 1\nversion: \"2026-02\"\nobligations: none\n");
    let mistakes = load().unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.to_string().contains("obligations.file")), "{mistakes:?}");
    law(&scratch, "2026-03", 48);
    daemon.context.reload(load().unwrap());
    let revised = until("another law", || page("INC-1").filter(|page| due(page) != before));
    let words = deadline(&revised, "ca-any").unwrap()["revised"].as_str().unwrap().to_owned();
    assert!(
        words.starts_with("now due ") && words.contains("is 2026-03 (SHA-256 ") && words.contains("was 2026-01"),
        "{words}"
    );
    assert!(daemon.stop());
}
