//! What the worlds promise: the same bytes for the same seed, labels that lie in the data, quiet worlds without a trace of
//! an attack, and the files of the demo as they are in the repository.

use simulator::{
    World,
    attacks::{self, Attack, DEMO},
    company::{DAY_MS, Role, START, Settings},
    demo, scenario,
};
use std::{collections::HashSet, fs, path::PathBuf};

const SMALL: Settings = Settings { seed: 5, days: 7, users: 20, shop_visits_per_day: 25.0 };

fn all_on(day: i64) -> Vec<(&'static Attack, i64)> {
    DEMO.map(|attack| (attack, day)).to_vec()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let files = |seed| scenario::files(&World::new(Settings { seed, ..SMALL }, &all_on(4)), 3);
    assert!(files(5) == files(5));
    assert!(files(5) != files(6));
}

#[test]
fn attacks_only_add_to_the_background() {
    let quiet = World::new(SMALL, &[]);
    let attacked = World::new(SMALL, &all_on(4));
    let background: Vec<String> =
        attacked.events.iter().filter(|event| event.attack.is_none()).map(|event| format!("{event:?}")).collect();
    let everyday: Vec<String> = quiet.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(background == everyday);
    assert!(attacked.events.len() > quiet.events.len());
    assert_eq!(attacked.breaches.len(), 4);
}

#[test]
fn quiet_worlds_hold_no_line_of_an_attack() {
    let quiet = World::new(SMALL, &[]);
    assert!(quiet.events.iter().all(|event| event.attack.is_none()));
    assert!(scenario::labels(&quiet, 3).labels.is_empty());
    let logs = quiet.logs();
    // What only the attackers use; each is there when they strike.
    let attacked = World::new(SMALL, &all_on(4)).logs();
    for trace in ["10.20.7.148", "198.19.44.17", "198.19.201.66", "style.php"] {
        let everywhere =
            |logs: &simulator::lines::Logs| [&logs.access, &logs.audit].iter().any(|log| log.contains(trace));
        assert!(!everywhere(&logs), "{trace} in a quiet world");
        assert!(everywhere(&attacked), "{trace} missing from an attacked one");
    }
}

#[test]
fn labels_lie_inside_the_window_and_name_what_the_logs_hold() {
    let world = World::new(SMALL, &all_on(4));
    let labels = scenario::labels(&world, 3);
    assert_eq!(labels.labels.len(), 4);
    for label in &labels.labels {
        assert!(labels.meta.warmup_end <= label.start && label.start < label.end && label.end <= labels.meta.end);
        assert!(!label.entities.is_empty() && label.events > 0 && label.rows > 0, "{label:?}");
    }
    for breach in &world.breaches {
        let name = breach.attack.name;
        let own: Vec<i64> =
            world.events.iter().filter(|event| event.attack == Some(name)).map(|event| event.at_ms).collect();
        assert_eq!(own.len(), breach.events, "{name}: none of it is cut away");
        assert!(own.iter().all(|at_ms| (breach.start.as_millis()..=breach.end.as_millis()).contains(at_ms)), "{name}");
    }
}

#[test]
fn every_attack_comes_to_its_end_within_its_days() {
    let settings = Settings { days: 14, ..SMALL };
    let world = World::new(settings, &attacks::ATTACKS.iter().map(|attack| (*attack, 2)).collect::<Vec<_>>());
    for breach in &world.breaches {
        let name = breach.attack.name;
        let own = world.events.iter().filter(|event| event.attack == Some(name)).count();
        assert_eq!(own, breach.events, "{name}");
        let days = (breach.end.as_millis() - START.as_millis()) / DAY_MS - 2;
        assert_eq!(days, breach.attack.lasts_days - 1, "{name}");
        assert!(breach.rows > 50, "{name}: {} rows", breach.rows);
    }
}

/// What makes a world more than noise: nights, week-ends, pay-slip day, and days that differ by more than chance.
#[test]
fn people_keep_their_hours_and_their_days_differ() {
    let world = World::new(Settings { days: 28, users: 60, ..SMALL }, &[]);
    let (mut per_day, mut own_pages_at_night) = (vec![0.0; 28], 0);
    for event in &world.events {
        let Some(user) = event.request.as_ref().and_then(|request| request.user.as_deref()) else { continue };
        let Some(person) = world.company.people.iter().find(|person| *person.login == *user) else { continue };
        if person.role != Role::Service {
            let since_start = event.at_ms - START.as_millis();
            per_day[(since_start / DAY_MS) as usize] += 1.0;
            let local_hour = (since_start / 3_600_000 + person.zone_hours).rem_euclid(24);
            own_pages_at_night += usize::from((1..6).contains(&local_hour));
        }
    }
    assert_eq!(own_pages_at_night, 0);
    let mean = |days: &[usize]| days.iter().map(|day| per_day[*day]).sum::<f64>() / days.len() as f64;
    let free: Vec<usize> = (0..28).filter(|day| day % 7 >= 5 || *day == 8).collect();
    let working: Vec<usize> = (0..23).filter(|day| !free.contains(day)).collect();
    let usual = mean(&working);
    assert!(mean(&free) < 0.3 * usual, "{} {usual}", mean(&free));
    assert!(per_day[25] > 1.15 * usual, "pay-slip day: {} {usual}", per_day[25]);
    let variance = working.iter().map(|day| (per_day[*day] - usual).powi(2)).sum::<f64>() / working.len() as f64;
    assert!(variance > 3.0 * usual, "no more than Poisson: {variance} {usual}");
}

/// Later readers judge lateness by these stamps.
#[test]
fn every_log_is_in_the_order_of_its_stamps() {
    let logs = World::new(SMALL, &all_on(4)).logs();
    let ordered = |stamps: Vec<&str>, least: usize| {
        assert!(stamps.len() > least, "{}", stamps.len());
        assert!(stamps.is_sorted());
    };
    ordered(logs.access.lines().map(|line| &line[16..35]).collect(), 1000);
    ordered(logs.audit.lines().map(|line| &line[..17]).collect(), 1000);
    ordered(logs.slow.lines().filter(|line| line.starts_with("# Time: ")).collect(), 1000);
}

#[test]
fn audit_rows_come_before_their_statement() {
    let logs = World::new(SMALL, &[]).logs();
    let mut ended = HashSet::new();
    for line in logs.audit.lines() {
        let fields: Vec<&str> = line.splitn(8, ',').collect();
        let (query, verb) = (fields[5], fields[6]);
        match verb {
            "QUERY" => assert!(ended.insert(query.to_owned()), "query {query} twice"),
            "READ" | "WRITE" => assert!(!ended.contains(query), "{line}"),
            _ => assert_eq!(query, "0", "{line}"),
        }
    }
}

/// All stamps are shifted together; a date in a text would stay behind.
#[test]
fn no_text_says_a_date() {
    let mut looked_at = 0;
    for (name, text) in demo::files().into_iter().filter(|(name, _)| name.contains(".log")) {
        for line in text.lines() {
            // An access line says its date once, in its first value.
            let rest = if name.contains("access") { &line[26..] } else { line };
            assert!(!rest.contains("2026-") && !rest.contains("2025-"), "{name}: {line}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 100_000, "{looked_at}");
}

#[test]
fn the_demo_in_the_repository_is_what_the_simulator_writes() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../breachd/demo/data");
    let mut kept_bytes = 0;
    for (name, written) in demo::files() {
        let path = folder.join(name);
        let kept = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        kept_bytes += kept.len();
        let kept = if name.ends_with(".zst") { decompressed(&kept) } else { kept };
        // No `assert_eq`: the difference would be megabytes long.
        assert!(
            kept == written.as_bytes(),
            "`{name}` differs: run `cargo run -p simulator -- demo crates/breachd/demo/data`"
        );
    }
    assert!(kept_bytes < 2_000_000, "{kept_bytes} bytes are too many for a repository");
}

fn decompressed(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = zstd::Decoder::new(bytes).expect("a decoder");
    decoder.window_log_max(demo::WINDOW_LOG).expect("a window zstd knows");
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut decoder, &mut text).expect("a zstd file");
    text
}

#[test]
fn the_demos_breaches_lie_in_its_window_on_its_last_day() {
    let world = demo::world();
    let last_day = START.as_millis() + (demo::SETTINGS.days - 1) * DAY_MS;
    assert_eq!(world.breaches.len(), 4);
    for breach in &world.breaches {
        assert!(last_day <= breach.start.as_millis() && breach.end < world.end, "{:?}", breach.attack);
    }
    let access_lines = world.events.iter().filter(|event| event.request.is_some()).count();
    assert!((15_000..60_000).contains(&access_lines), "{access_lines}");
}

#[test]
fn the_story_is_toml_and_names_the_breaches() {
    let files = demo::files();
    let text = |name: &str| &files.iter().find(|(file, _)| *file == name).unwrap().1;
    let story: toml::Table = text("story.toml").parse().unwrap();
    assert_eq!(story["breach"].as_array().unwrap().len(), 4);
    let configuration: toml::Table = text("demo.toml").parse().unwrap();
    assert_eq!(configuration["sources"].as_array().unwrap().len(), 3);
    let drill: usize = files.iter().filter(|(name, _)| name.starts_with("drill/")).map(|(_, text)| text.len()).sum();
    assert!(drill < 100_000, "{drill} bytes");
}
