//! The storefront around the portal: customers with odd names, and people who try doors.

use super::staff::{self, Company};
use crate::{
    company::{DAY_MS, HOUR_MS, MINUTE_MS},
    log::Event,
    quiet::{self, Visitor},
    random::Random,
};

/// What customers look for; apostrophes and comments are no attack.
const SEARCHES: [&str; 6] = [
    "/catalogsearch/result/?q=o%27brien",
    "/catalogsearch/result/?q=d%27angelo+shirt",
    "/catalogsearch/result/?q=rock+%26+roll",
    "/catalogsearch/result/?q=size+10+--+wide",
    "/catalogsearch/result/?q=select+coffee",
    "/catalogsearch/result/?q=union+jack+mug",
];

/// What scanners try besides what the shop's own scanners do.
const INJECTIONS: [&str; 5] = [
    "/catalogsearch/result/?q=1%27%20OR%20%271%27=%271",
    "/product.php?id=1%20UNION%20SELECT%201,2,3--",
    "/index.php?page=../../../../etc/passwd",
    "/media/x.php",
    "/rest/V1/products?searchCriteria=%27;WAITFOR%20DELAY%20%270:0:5%27--",
];

/// What asks every five minutes whether all is well.
const MONITOR: &str = "10.20.0.9";

pub(super) fn day(company: &Company, day: i64, events: &mut Vec<Event>) {
    let mut random = company.random.fork("shop", day as u64);
    let (first, midnight) = (events.len(), company.midnight(day));
    let busy = if day.rem_euclid(7) >= 5 { 1.3 } else { 1.0 };
    for _ in 0..random.count(company.profile.shop_visits_per_day * busy, 12.0) {
        let address = staff::visitor(&mut random);
        quiet::shop_visit(midnight, address.clone(), &mut random, events);
        if random.chance(0.03) {
            let at_ms = events.last().map_or(midnight, |event| event.at_ms) + 4_000;
            let target = random.pick(&SEARCHES).to_owned();
            let visitor = Visitor { address, agent: crate::company::AGENTS[0], session: 0, host: 0 };
            events.push(visitor.get(at_ms, target, 200, 38_000, &mut random));
        }
    }
    let monitor = Visitor { address: MONITOR.into(), agent: "monitor/2.1", session: 0, host: 0 };
    for nth in 0..DAY_MS / (5 * MINUTE_MS) {
        let at_ms = midnight + nth * 5 * MINUTE_MS + random.between(0, 900);
        events.push(monitor.get(at_ms, "/health_check.php".into(), 200, 120, &mut random));
    }
    for _ in 0..random.poisson(company.profile.scans_per_day) {
        let at_ms = midnight + random.between(0, DAY_MS - HOUR_MS);
        scan(at_ms, &mut random, events);
    }
    for event in &mut events[first..] {
        event.client = company.app((event.at_ms % 97) as usize);
    }
}

/// A scanner goes through its list from a rented server, and is told no.
fn scan(mut at_ms: i64, random: &mut Random, events: &mut Vec<Event>) {
    let address = staff::hosted(random);
    quiet::shop_scan(at_ms, address.clone(), random, events);
    if random.chance(0.3) {
        let visitor = Visitor { address, agent: "sqlmap/1.8", session: 0, host: 0 };
        for _ in 0..random.between(2, 9) {
            at_ms += 300 + random.exponential(1_500.0) as i64;
            events.push(visitor.get(at_ms, random.pick(&INJECTIONS).into(), 404, 160, random));
        }
    }
}
