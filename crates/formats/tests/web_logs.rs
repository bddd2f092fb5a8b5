//! Whole logs of web servers: what each phase of the samples was, by every format that can say it, and that the formats agree.
//!
//! nginx and Apache were sent the same requests; `tests/samples/README.md` says which lines are what.

#![allow(clippy::unwrap_used, reason = "helpers outside of #[test] functions")]

use activity::{Activity, Actor, Operation, Outcome, Resource, Signal, Signals};
use formats::{Context, FormatSpec, Parsed, Rejected, Scratch};
use std::{collections::BTreeSet, fs, ops::RangeInclusive, path::Path};

/// What an activity says, without its line.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    second: i64,
    operation: Operation,
    outcome: Outcome,
    user: Option<String>,
    address: Option<String>,
    route: Option<String>,
    bytes: Option<u64>,
    agent: Option<String>,
    session: Option<String>,
    request_id: Option<String>,
    signals: Signals,
}

impl Said {
    fn of(activity: &Activity<'_>) -> Self {
        let user = match &activity.actor {
            Actor::PortalUser(user) => Some(user.to_string()),
            Actor::Anonymous => None,
            other => panic!("a web log named {other:?}"),
        };
        let route = activity.resources.first().map(|resource| match resource {
            Resource::Route(path) => path.to_string(),
            table @ Resource::Table { .. } => panic!("a web log named {table:?}"),
        });
        Said {
            second: activity.at.as_secs(),
            operation: activity.operation,
            outcome: activity.outcome,
            user,
            address: activity.address.map(|address| address.to_string()),
            route,
            bytes: activity.measures.bytes,
            agent: activity.agent.as_deref().map(str::to_owned),
            session: activity.session.as_deref().map(str::to_owned),
            request_id: activity.request_id.as_deref().map(str::to_owned),
            signals: activity.signals,
        }
    }

    fn is_request(&self, outcome: Outcome) -> bool {
        (self.operation, self.outcome) == (Operation::Request, outcome)
    }
}

/// A log as one format read it, by line number; lines that the samples leave out are absent.
struct Log {
    name: &'static str,
    lines: Vec<Option<Result<Said, Rejected>>>,
}

impl Log {
    fn read(format: &str, name: &'static str) -> Self {
        let mut log = Log { name, lines: vec![None] };
        log.extend(format, name, &Context::default());
        log
    }

    /// Of the two parts of a log in JSON.
    fn read_parts(format: &str, name: &'static str, normal: &str, breach: &str) -> Self {
        let mut log = Log { name, lines: vec![None] };
        log.extend(format, normal, &Context::default());
        assert_eq!(log.lines.len(), 241);
        log.lines.resize(321, None);
        log.extend(format, breach, &Context::default());
        log
    }

    fn extend(&mut self, format: &str, sample: &str, context: &Context) {
        let format = FormatSpec::by_name(format).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/samples/{sample}.log.zst"));
        let text = zstd::decode_all(fs::read(path).unwrap().as_slice()).unwrap();
        let mut scratch = Scratch::default();
        for line in text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
            self.lines.push(Some(match format.parse(line, &mut scratch, context) {
                Ok(Parsed::Activity(activity)) => Ok(Said::of(&activity)),
                Ok(Parsed::Ignored(rule)) => panic!("ignored by {rule}"),
                Err(rejected) => Err(rejected),
            }));
        }
    }

    /// The lines of a phase that are there and could be read, with their numbers.
    fn phase(&self, lines: RangeInclusive<usize>) -> Vec<(usize, &Said)> {
        lines.filter_map(|at| Some((at, self.lines.get(at)?.as_ref()?.as_ref().ok()?))).collect()
    }

    fn n_rejected(&self) -> usize {
        self.lines.iter().flatten().filter(|line| line.is_err()).count()
    }
}

fn nginx() -> [Log; 3] {
    [
        Log::read_parts("nginx_json", "nginx json", "nginx-access_json_normal", "nginx-access_json_breach_nasty"),
        Log::read("access_combined", "nginx-access_combined"),
        Log::read("access_combined", "nginx-access_extended"),
    ]
}

fn apache() -> [Log; 4] {
    let json = ("apache-access_jsonish_normal", "apache-access_jsonish_breach_nasty");
    [
        Log::read_parts("apache_json", "apache json", json.0, json.1),
        Log::read("access_combined", "apache-access_combined"),
        Log::read("access_combined", "apache-access_common"),
        Log::read("access_combined", "apache-other_vhosts_access"),
    ]
}

const STOREFRONT: RangeInclusive<usize> = 1..=200;
const PORTAL: RangeInclusive<usize> = 201..=327;
const GUESSING: RangeInclusive<usize> = 328..=363;
const EXPORTS: RangeInclusive<usize> = 364..=375;
const ENUMERATION: RangeInclusive<usize> = 376..=435;
const PAGES: RangeInclusive<usize> = 436..=439;
const HOSTILE: RangeInclusive<usize> = 440..=484;

#[test]
fn every_format_says_what_each_phase_was() {
    for log in nginx().iter().chain(&apache()) {
        let name = log.name;
        let is_whole = !name.ends_with("json");
        let names_people = name.ends_with("json") || name.ends_with("extended");
        assert_eq!(log.n_rejected(), 0, "{name}");
        assert_eq!(log.lines.len() - 1, if name.starts_with("nginx") { 484 } else { 482 }, "{name}");

        let storefront = log.phase(STOREFRONT);
        assert_eq!(storefront.len(), 200, "{name}");
        assert!(storefront.iter().all(|(_, said)| said.is_request(Outcome::Success) && said.user.is_none()), "{name}");
        let addresses: BTreeSet<_> = storefront.iter().map(|(_, said)| &said.address).collect();
        assert_eq!(addresses.len(), 25, "{name}");

        // 20 people log in and look at five pages each; the JSON logs were cut in the middle of it.
        let portal = log.phase(PORTAL);
        assert_eq!(portal.len(), if is_whole { 127 } else { 47 }, "{name}");
        assert!(portal.iter().all(|(_, said)| said.outcome == Outcome::Success), "{name}");
        let logins = portal.iter().filter(|(_, said)| said.operation == Operation::Login);
        let users: BTreeSet<_> = portal.iter().filter_map(|(_, said)| said.user.as_deref()).collect();
        assert_eq!(logins.count(), if is_whole { 20 } else { 7 }, "{name}");
        assert!(users.contains("hr.anna") && users.contains("hr björn"), "{name}");
        assert_eq!(users.contains("e1007"), names_people, "{name}");

        // 30 at the login page, whose name is in the body; 6 by HTTP Basic.
        let guessing = log.phase(GUESSING);
        assert_eq!(guessing.len(), 36, "{name}");
        for (at, said) in &guessing {
            assert_eq!((said.operation, said.outcome), (Operation::Login, Outcome::Denied), "{name} {at}");
            assert_eq!(said.address.as_deref(), Some("192.0.2.66"), "{name} {at}");
        }
        let tried: Vec<_> = guessing.iter().filter_map(|(_, said)| said.user.as_deref()).collect();
        assert_eq!(tried[..4], ["hr.anna"; 4], "{name}");
        assert_eq!(tried[4..], ["evil\" 200 9 \"-\"", "nl\nuser\u{1b}[31m"], "{name}");

        let taken = [log.phase(EXPORTS), log.phase(ENUMERATION), log.phase(PAGES)];
        for (at, said) in taken.iter().flatten() {
            assert!(said.is_request(Outcome::Success), "{name} {at}");
            assert_eq!(said.address.as_deref(), Some("192.0.2.99"), "{name} {at}");
        }
        let [exports, enumeration, pages] = taken;
        // Apache's %O counts the headers too.
        let bytes_over = |said: &Said, floor: u64| (floor..floor + 200).contains(&said.bytes.unwrap());
        let is_export = |said: &Said| said.route.as_deref() == Some("/employee-portal/hr/payroll/export");
        assert_eq!(exports.len(), 12, "{name}");
        assert!(exports.iter().all(|(_, said)| is_export(said) && bytes_over(said, 850_000)), "{name}");
        let employees: BTreeSet<_> = enumeration.iter().filter_map(|(_, said)| said.route.as_deref()).collect();
        assert_eq!(employees.len(), 60, "{name}");
        assert!(employees.iter().all(|route| route.starts_with("/employee-portal/hr/employee/view/id/")), "{name}");
        if names_people {
            let thief = |(_, said): &(usize, &Said)| said.user.as_deref() == Some("e1013");
            assert!(exports.iter().all(thief) && enumeration.iter().all(thief), "{name}");
        }
        assert_eq!(pages.len(), 4, "{name}");
        for ((_, said), floor) in pages.iter().zip([8_400, 42_000, 420_000, 1_260_000]) {
            assert!(bytes_over(said, floor), "{name} {said:?}");
        }

        let hostile = log.phase(HOSTILE);
        assert!(hostile.iter().all(|(_, said)| said.operation == Operation::Request), "{name}");
        let outcomes = [Outcome::Success, Outcome::Denied, Outcome::Failed]
            .map(|outcome| hostile.iter().filter(|(_, said)| said.outcome == outcome).count());
        assert_eq!(outcomes, if name.starts_with("nginx") { [23, 1, 21] } else { [27, 1, 15] }, "{name}");
    }
}

#[test]
fn nothing_in_these_logs_is_personal_data_in_a_url() {
    for log in nginx().iter().chain(&apache()) {
        assert!(
            log.lines.iter().flatten().flatten().all(|said| !said.signals.contains(Signal::PersonalDataInUrl)),
            "{}",
            log.name
        );
    }
}

/// Asserts that two logs say the same of every line that both have, after what one cannot know was taken off.
fn agree(one: &Log, other: &Log, known: impl Fn(Said) -> Said) {
    let mut n = 0;
    for (at, pair) in one.lines.iter().zip(&other.lines).enumerate() {
        if let (Some(Ok(left)), Some(Ok(right))) = pair {
            assert_eq!(known(left.clone()), known(right.clone()), "line {at} of {} and {}", one.name, other.name);
            n += 1;
        }
    }
    assert!(400 <= n, "{n} lines of {} and {}", one.name, other.name);
}

#[test]
fn the_formats_of_one_server_agree() {
    let [json, combined, extended] = nginx();
    agree(&json, &extended, |said| said);
    // The plain format has neither portal user nor session nor id.
    let basic_name = |user: Option<String>| user.filter(|user| !user.starts_with('e') || user.starts_with("evil"));
    let plain = |said: Said| Said { user: basic_name(said.user), session: None, request_id: None, ..said };
    agree(&extended, &combined, plain);

    let [json, combined, common, vhost] = apache();
    agree(&combined, &vhost, |said| said);
    agree(&combined, &common, |said| Said { agent: None, ..said });
    // %B counts the body, %O also headers.
    agree(&json, &combined, |said| plain(Said { bytes: None, ..said }));
}

#[test]
fn nginx_and_apache_agree_about_the_same_requests() {
    let ([nginx, _, _], [apache, _, _, _]) = (nginx(), apache());
    let common = |log: Log| Log { lines: log.lines.into_iter().take(*HOSTILE.start()).collect(), ..log };
    let (nginx, apache) = (common(nginx), common(apache));
    let said = |log: &Log| -> Vec<_> {
        let lines = log.lines.iter().flatten().flatten();
        lines
            .map(|said| (said.operation, said.outcome, said.route.clone(), said.address.clone(), said.user.clone()))
            .collect()
    };
    assert_eq!(said(&nginx).len(), 240 + 439 - 320);
    assert_eq!(said(&nginx), said(&apache));
}

#[test]
fn lines_that_nobody_escaped_are_read_where_they_are_sure() {
    let log = Log::read("nginx_json", "nginx-access_json_escape_none");
    let [_, combined, _] = nginx();
    assert_eq!(log.lines.len() - 1, 485);
    let rejected: Vec<_> = (1..=485).filter(|at| matches!(log.lines[*at], Some(Err(Rejected::NotJson)))).collect();
    assert_eq!(rejected, [364], "the rest of a name with a line break");
    // Lines whose values were broken by a quote or a line break.
    let unsure = |at: usize| matches!(at, 363 | 441 | 462 | 463);
    for at in (1..=485).filter(|at| *at != 364 && !unsure(*at)) {
        let (Some(Ok(said)), Some(Ok(expected))) = (&log.lines[at], &combined.lines[at - usize::from(364 < at)]) else {
            panic!("line {at}")
        };
        assert_eq!(said, expected, "line {at}");
    }
    for at in [363, 441, 462, 463] {
        let (Some(Ok(said)), Some(Ok(expected))) = (&log.lines[at], &combined.lines[at - usize::from(364 < at)]) else {
            panic!("line {at}")
        };
        let sure = |said: &Said| (said.second, said.operation, said.outcome, said.address.clone(), said.bytes);
        assert_eq!(sure(said), sure(expected), "line {at}");
        assert_eq!(said.user, None, "line {at}");
        let (route, whole) = (said.route.as_deref().unwrap(), expected.route.as_deref().unwrap());
        assert!(whole.starts_with(route) || at == 463, "line {at}");
    }
}

#[test]
fn behind_a_trusted_proxy_the_client_is_whom_it_spoke_for() {
    let trusted = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].map(|net| net.parse().unwrap());
    let context = Context { trusted_proxies: trusted.into(), ..Context::default() };
    let mut log = Log { name: "", lines: vec![] };
    log.extend("nginx_json", "nginx-access_json_breach_nasty", &context);
    let client = |route: &str| {
        let mut found = log.lines.iter().flatten().flatten().filter(|said| said.route.as_deref() == Some(route));
        found.next().unwrap().address.clone().unwrap()
    };
    // nginx did not take an address with a zone id, and kept the proxy; Apache took it.
    assert_eq!(client("/v6xff"), "fe80::1");
    // `127.0.0.1, "1.2.3.4", ::1, unknown, 10.0.0.1:4711`: nobody can tell what `unknown` hides.
    assert_eq!(client("/jndi"), "10.0.0.1");
    // Two headers.
    assert_eq!(client("/dup"), "2.2.2.2");
    // nginx has already followed the header: its word stands, though the address is of a trusted network.
    assert_eq!(client("/employee-portal/hr/report/headcount"), "10.8.0.77");
}
