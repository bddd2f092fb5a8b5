//! What an alert has to say for itself: the figures behind `why`, as an alert is never rewritten and nobody can look them up later.
//!
//! In this order, at most [`FACTS_MAX`]: what was *seen* and over which time; what is *usual*, for whom and when; what *peers* do; how
//! *improbable* it is, with the arithmetic of the budget, or which *rule* it met; how many records are *affected*; what *contributed*,
//! three at most; what would make it
//! *normal*. They are made here and not by each detector: what a detector looks at is the same [`Look`] for all of them, a new one has
//! its facts from the first day, and those that can say more are asked in [`own`].
//!
//! Hostile text: ids are cut and made printable, statements are not known here at all.

use super::{
    Finding, Look, Spec, Window,
    bank_details::ONE_ACCOUNT,
    count,
    first_seen::{NEW_NETWORKS, NEW_TABLES},
    shown,
};
use crate::{
    alert::Fact,
    limits::{FACT_CHARACTERS_MAX, FACTS_MAX, QUARANTINED_DAYS_MAX, QUARANTINED_HOURS_MAX, UNEXPLAINED_HOURS_MAX},
    settings::Shares,
    watch::{NEW_RECORDS, Scale, cell, metrics},
};
use activity::{EntityKind, HourOfWeek, Mark, printable_within};
use tally::Metric;

/// Facts that contributed, at most.
const CONTRIBUTING_MAX: usize = 3;

/// Names in one of them.
const NAMES_MAX: usize = 3;

pub(crate) fn facts(spec: &Spec, look: &Look<'_>, finding: &Finding) -> Vec<Fact> {
    let mut facts = vec![seen(look, finding)];
    facts.extend(own(spec, look, finding));
    facts.push(improbable(spec, look, finding));
    facts.extend(besides(spec, look, finding));
    facts.extend(affected(look));
    facts.extend(contributing(look).into_iter().take(CONTRIBUTING_MAX));
    facts.truncate(FACTS_MAX - 1);
    facts.push(fact("normal", None, "", normal(spec, look, finding)));
    facts
}

/// Of a signature rule, which is data and not one of the detectors here.
pub(crate) fn facts_of_mark(mark: &Mark, finding: &Finding) -> Vec<Fact> {
    let n = count(finding.observed);
    let pages = if mark.page {
        "it pages, since the rule says so"
    } else {
        "it is for the digest: rules page only if they say so"
    };
    vec![
        fact(
            "seen",
            Some(finding.observed),
            finding.unit,
            format!("seen: {n} {} that the rule matches, in the hour", finding.unit),
        ),
        fact(
            "rule",
            None,
            "",
            format!("the signature rule {}, of the level {}; {pages}", shown(&mark.rule), mark.level.as_str()),
        ),
        fact(
            "normal",
            None,
            "",
            "normal: a rule: nothing is learned; whoever may do this needs an exception, or the rule a filter",
        ),
    ]
}

fn fact(name: &str, value: Option<f64>, unit: &str, words: impl AsRef<str>) -> Fact {
    Fact {
        name: name.into(),
        value: value.filter(|value| value.is_finite()),
        unit: unit.into(),
        words: printable_within(words.as_ref(), FACT_CHARACTERS_MAX),
    }
}

fn seen(look: &Look<'_>, finding: &Finding) -> Fact {
    let when = HourOfWeek::of_hour(look.hour.hour).name();
    let window = match finding.window {
        Window::Hour => format!("in the hour of {when} UTC"),
        Window::Day => format!("on the UTC day of {}, up to {when}", when.split(' ').next().unwrap_or_default()),
    };
    let words = format!("seen: {} {} {window}", count(finding.observed), finding.unit);
    fact("seen", Some(finding.observed), finding.unit, words)
}

/// What is usual for the entity, and for its peers.
fn own(spec: &Spec, look: &Look<'_>, finding: &Finding) -> Vec<Fact> {
    match spec.name {
        "volume" => volume(look, finding),
        "new_records" => new_records(look, finding),
        _ if finding.p_value.is_some() => {
            let words = format!(
                "usual: {} {}; known from {} active hours on {} days",
                figure(finding.expected),
                finding.unit,
                count(f64::from(look.baseline.hours)),
                count(f64::from(look.baseline.days)),
            );
            let peers = look.peers.filter(|_| has_peers(look)).map(|peers| {
                let words = format!("peers{}: known from {} active hours of theirs", of(look), count(peers.active));
                fact("peers", Some(peers.active), "active hours", words)
            });
            [Some(fact("usual", Some(finding.expected), finding.unit, words)), peers].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// ` of the role payroll`, or nothing.
fn of(look: &Look<'_>) -> String {
    if look.role.is_empty() { String::new() } else { format!(" of the role {}", shown(look.role)) }
}

fn volume(look: &Look<'_>, finding: &Finding) -> Vec<Fact> {
    let metric = metrics(look.kind()).iter().position(|metric| metric.unit() == finding.unit);
    let scale = match finding.window {
        Window::Day => Scale::Day,
        // Where everything was done within five minutes, the two are one.
        Window::Hour if finding.why.contains(" in 5 min; ") => Scale::FiveMinutes,
        Window::Hour => Scale::Hour,
    };
    let Some(metric) = metric else { return Vec::new() };
    let level = look.baseline.level(metric, scale);
    let spans = if scale == Scale::Day { "days" } else { "active hours" };
    let active = look.baseline.active(look.hour.hour);
    let chance =
        if scale == Scale::Day { String::new() } else { format!(", active in {:.0} % of such hours", 100.0 * active) };
    let usual = format!(
        "usual: {} {} in {}{chance}; known from {} {spans}, the most of late was {}",
        figure(finding.expected),
        finding.unit,
        scale.name(),
        count(f64::from(level.n)),
        count(f64::from(level.max)),
    );
    let peers = look.peers.and_then(|peers| peers.cells[cell(metric, scale)].as_ref());
    let peers = peers.map_or_else(
        || fact("peers", None, "", format!("peers{}: nothing is known of them yet", of(look))),
        |peers| {
            let shift =
                if peers.shift > 1.05 { format!("; of late {:.1} times as much", peers.shift) } else { String::new() };
            let words = format!(
                "peers{}: {} on average in {}, one in a thousand more than {}, over {} {spans}{shift}",
                of(look),
                figure(peers.mean),
                scale.name(),
                count(peers.extreme),
                count(peers.n),
            );
            fact("peers", Some(peers.mean), finding.unit, words)
        },
    );
    let usual = fact("usual", Some(finding.expected), finding.unit, usual);
    if has_peers(look) { vec![usual, peers] } else { vec![usual] }
}

/// The fleet and each source are a group of their own.
fn has_peers(look: &Look<'_>) -> bool {
    !matches!(look.kind(), EntityKind::Fleet | EntityKind::Source)
}

fn new_records(look: &Look<'_>, finding: &Finding) -> Vec<Fact> {
    let news = look.baseline.news;
    let usual = format!(
        "usual: {} new records a day; known from {} days, the most of late was {}",
        figure(finding.expected),
        count(f64::from(news.n)),
        count(f64::from(news.max)),
    );
    let peers = look.peers.and_then(|peers| peers.cells[NEW_RECORDS].as_ref()).map(|peers| {
        let words = format!(
            "peers{}: {} a day on average, one in a thousand more than {}, over {} days",
            of(look),
            figure(peers.mean),
            count(peers.extreme),
            count(peers.n),
        );
        fact("peers", Some(peers.mean), finding.unit, words)
    });
    [Some(fact("usual", Some(finding.expected), finding.unit, usual)), peers].into_iter().flatten().collect()
}

/// The probability beside its bound; of a rule, what its share of the budget is.
fn improbable(spec: &Spec, look: &Look<'_>, finding: &Finding) -> Fact {
    let all = look.settings.false_pages_per_week;
    let share = share(spec.name, &look.settings.shares);
    let Some(p) = finding.p_value else {
        let words = format!(
            "a rule without a probability; all rules of its kind may cost {} of the {all} false pages a week, as measured on quiet logs",
            figure(all * share),
        );
        return fact("rule", Some(all * share), "false pages a week", words);
    };
    let budget = match spec.name {
        "volume" => look.budget.rows().iter().find(|row| row.kind == look.kind()).map(|row| {
            let arithmetic = format!(
                "{all} false pages a week × {share} for volume × {} for {}, over {} tests a week ({} entities at most)",
                figure(row.pages_per_week / (all * share)),
                look.kind(),
                count(row.tests_per_week),
                count(f64::from(row.entities)),
            );
            (row.bound, arithmetic)
        }),
        "bank_details" => {
            let arithmetic =
                format!("{all} false pages a week × {share} for bank_details, over 7 tests a week for each person");
            Some((look.budget.daily(share, EntityKind::PortalUser), arithmetic))
        }
        "new_records" | "enumeration" | "page_depth" | "drift" | "off_hours" => {
            let arithmetic = format!(
                "{all} false pages a week × {share} for {}, over 7 tests a week for each of the entities",
                spec.name
            );
            Some((look.budget.daily(share, look.kind()), arithmetic))
        }
        "first_seen" if is_user(look) && finding.unit != NEW_NETWORKS => {
            let what = if finding.unit == NEW_TABLES { "tables" } else { "places" };
            let arithmetic = format!(
                "{all} false pages a week × {share} for first_seen × 0.5 for {what}, over 7 tests a week for each of the entities"
            );
            Some((look.budget.daily(share / 2.0, look.kind()), arithmetic))
        }
        "crowd" | "login_spray" => Some((
            look.budget.daily_of_fleet(share),
            format!("{all} false pages a week × {share} for {}, over 7 tests a week", spec.name),
        )),
        _ => None,
    };
    let words = match budget {
        Some((bound, arithmetic)) => {
            // As the detector does: a new place is news whoever was told of a new duty.
            let counts = matches!(spec.name, "volume" | "new_records" | "page_depth") || finding.unit == NEW_TABLES;
            let (bound, told) = match look.told && counts {
                true => (look.page_bound(bound), ", × 0.001 as somebody was told of something new of late"),
                false => (bound, ""),
            };
            format!(
                "probability of that much or more if nothing had changed: {p:.1e}; pages up to {bound:.1e} = {arithmetic}{told}"
            )
        }
        None if finding.unit == NEW_NETWORKS => {
            format!("probability if nothing had changed: {p:.1e}; a new network alone is for the digest")
        }
        None => format!(
            "probability if nothing had changed: {p:.1e}; it pages by a rule, whose share of the {all} false pages a week is {share}"
        ),
    };
    fact("probability", Some(p.max(f64::MIN_POSITIVE)), "", words)
}

/// The rule that has to be met as well, where it is not the probability alone.
fn besides(spec: &Spec, look: &Look<'_>, finding: &Finding) -> Option<Fact> {
    let settings = &look.settings.first_seen;
    let words = format!(
        "and by a rule: at least {} rows or requests for classified data in the hour, by who is known for {} days of activity and seldom \
         meets something new",
        settings.page_amount,
        figure(settings.known_after_days),
    );
    let applies = spec.name == "first_seen" && is_user(look) && finding.unit != NEW_NETWORKS;
    applies.then(|| fact("rule", None, "", words))
}

/// Of accounts and hosts, `first_seen` is a rule alone.
fn is_user(look: &Look<'_>) -> bool {
    matches!(look.kind(), EntityKind::PortalUser | EntityKind::IntegrationKey)
}

/// How many records somebody touched in the hour: at least those that statements named by their ids, at most the rows that were
/// sent. A regulator's notice needs both, and why they are not one number. What requests name is told apart: of a route that nothing links to
/// a table nobody knows whether its ids are those of the statements.
fn affected(look: &Look<'_>) -> Option<Fact> {
    if !matches!(look.kind(), EntityKind::PortalUser | EntityKind::IntegrationKey | EntityKind::UserTable) {
        return None;
    }
    let tally = &look.hour.tally;
    let rows = tally.get(Metric::RowsSent).saturating_add(tally.get(Metric::RowsGathered));
    let named = tally.records.estimate();
    let requested = [&tally.requested, &tally.requested_by_route];
    let requested = requested.map(|of| of.as_deref().map_or(0.0, |of| of.records.estimate()));
    let by_requests = match requested.map(|n| n > 0.0) {
        [false, false] => String::new(),
        [true, false] => format!("; requests name {}, of these or others", count(requested[0])),
        [false, true] => format!("; requests name {} by ids that nothing links to a table", count(requested[1])),
        [true, true] => format!(
            "; requests name {}, of these or others, and {} by ids that nothing links to a table",
            count(requested[0]),
            count(requested[1])
        ),
    };
    if named < 1.0 && rows == 0 && by_requests.is_empty() {
        return None;
    }
    let exactly = if tally.records.overflowed() { "about, ± 13 % in 19 of 20 cases" } else { "exactly" };
    let all_counted = tally.get(Metric::CountedStatements) >= tally.get(Metric::Statements);
    let most = match (rows, all_counted) {
        (0, _) => "no log says how many rows were sent".into(),
        (_, true) => format!("no more than the {} rows that were sent", count(rows as f64)),
        (_, false) => format!("{} rows were sent, and some statements' rows are in no log", count(rows as f64)),
    };
    let words = format!(
        "affected in the hour: at least {} records, named by their ids ({exactly}){by_requests}; {most}",
        count(named)
    );
    Some(fact("affected", Some(named), "records", words))
}

/// What the detector may cost; signatures and what shares theirs by default.
fn share(name: &str, shares: &Shares) -> f64 {
    match name {
        "volume" => shares.volume,
        "first_seen" => shares.first_seen,
        "new_records" => shares.new_records,
        "enumeration" => shares.enumeration,
        "page_depth" => shares.page_depth,
        "drift" => shares.drift,
        "off_hours" => shares.off_hours,
        "leaver" => shares.leaver,
        "bank_details" => shares.bank_details,
        "crowd" => shares.crowd,
        "login_failures" => shares.login_failures,
        "login_spray" => shares.login_spray,
        "shared_session" => shares.shared_session,
        "impossible_travel" => shares.travel,
        "silence" => shares.silence,
        _ => shares.signature,
    }
}

fn contributing(look: &Look<'_>) -> Vec<Fact> {
    let tally = &look.hour.tally;
    let mut facts = Vec::new();
    let names = |what: &str, names: Vec<&str>, overflowed: bool| {
        let n = names.len();
        if n == 0 {
            return None;
        }
        let mut sorted = names;
        sorted.sort_unstable();
        let mut list: Vec<String> = sorted.into_iter().take(NAMES_MAX).map(shown).collect();
        if overflowed {
            list.push("many others".into());
        } else if n > NAMES_MAX {
            list.push(format!("{} more", n - NAMES_MAX));
        }
        Some(fact("contributing", Some(n as f64), what, format!("{what} in the hour: {}", list.join(", "))))
    };
    let amounts: Vec<String> = [Metric::RowsSent, Metric::Statements, Metric::ClassifiedRequests, Metric::LoginsFailed]
        .into_iter()
        .filter(|metric| tally.get(*metric) > 0)
        .map(|metric| format!("{} {}", count(tally.get(metric) as f64), unit(metric)))
        .collect();
    if !amounts.is_empty() {
        let five = look.hour.fives.iter().zip(metrics(look.kind())).find(|(_, metric)| **metric == Metric::RowsSent);
        let five = five.filter(|(amount, _)| **amount > 0);
        let five =
            five.map_or(String::new(), |(amount, _)| format!("; {} rows in the busiest 5 min", count(*amount as f64)));
        facts.push(fact("contributing", None, "", format!("the hour: {}{five}", amounts.join(", "))));
    }
    facts.extend(names("tables", tally.tables.iter().map(|(_, name)| name).collect(), tally.tables.overflowed()));
    facts.extend(names("places", tally.places.iter().map(|(_, name)| name).collect(), tally.places.overflowed()));
    if look.kind() != EntityKind::Address {
        let addresses = tally.addresses.iter().map(|(_, name)| name).collect();
        facts.extend(names("addresses", addresses, tally.addresses.overflowed()));
    }
    facts
}

fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::LoginsFailed => "failed logins",
        Metric::ClassifiedRequests => "requests for classified data",
        other => other.unit(),
    }
}

fn normal(spec: &Spec, look: &Look<'_>, finding: &Finding) -> String {
    const RULE: &str =
        "a rule: nothing is learned; whoever may do this needs an exception that says who answers for it";
    if look.drill() {
        return "normal: a drill is never learned".into();
    }
    let words = match spec.name {
        "volume" if finding.page => format!(
            "the hour and the day stay out of the baseline, up to {QUARANTINED_HOURS_MAX} such hours and {QUARANTINED_DAYS_MAX} such day in 28 \
             days; more of them are learned, and the verdict `expected` learns them at once"
        ),
        "volume" => "it is learned as it is".into(),
        "first_seen" => "it is known from two hours after its first use on".into(),
        "new_records" => "the records are known from two hours on; the like pages again in 14 days only if a thousand times less \
                          probable, later only beyond this new most"
            .into(),
        "enumeration" => "the records are known from two hours on, and the walk is the longest of late: only one that is much longer pages again".into(),
        "page_depth" => {
            "the day counts to the usual ones from the next on; who has turned so many of late is compared with himself alone".into()
        }
        "drift" => "after a page the evidence starts anew from what is usual by then; while there is evidence, the usual is not raised".into(),
        "off_hours" => "a third night within some weeks is a habit of this person".into(),
        "former_role" => "a rule; it ends when the right is taken back, or with an exception that says who answers for it".into(),
        "leaver" => "a directory in which this employment has not ended".into(),
        "bank_details" if finding.unit == ONE_ACCOUNT => {
            "more than three such hours of late at this table are a habit; else it needs an exception that says who answers for it".into()
        }
        "bank_details" => "the day counts to the usual ones of this person and of the role from the next on".into(),
        "crowd" => "the day counts to the usual ones from the next on".into(),
        "login_spray" => format!(
            "the day stays out of the usual ones, {QUARANTINED_DAYS_MAX} in 28 days; the verdict `expected` learns it at once"
        ),
        "login_failures" => "a rule, with `[detector.login_failures]`; of an address, the verdict `expected` learns how many people share it".into(),
        "dump_shape" => format!("it is a habit after {} days at this hour of the day", look.settings.signature.regular_dump_days),
        "unexplained_reads" => format!(
            "such hours stay out of the baseline, up to {UNEXPLAINED_HOURS_MAX}; more of them, or the verdict `expected`, make it a host \
             that does not always say for whom it reads"
        ),
        "silence" => "an hour of silence that somebody was told of is never learned; `silence.minutes` says how long it may be".into(),
        _ => RULE.into(),
    };
    format!("normal: {words}")
}

/// 1840 → "1,840"; small ones with two digits that say something.
fn figure(n: f64) -> String {
    if n >= 1.0 || n <= 0.0 {
        return count(n);
    }
    if n >= 0.01 { format!("{n:.2}") } else { format!("{n:.1e}") }
}
