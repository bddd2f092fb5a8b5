//! The storefront: visitors, the orders some of them place, and scanners that look for holes and find none.

use crate::{
    company::{AGENTS, Company, DAY_MS, HOUR_MS, MOBILE_AGENTS, START, weekday},
    log::{Event, Request, Site, Statement},
    portal::{self, Session},
    random::Random,
};
use std::rc::Rc;

/// Share of the day's visits per hour, UTC.
const HOURS: [f64; 24] = [
    1.2, 0.7, 0.5, 0.4, 0.5, 0.9, 1.8, 2.8, 3.6, 4.2, 4.6, 4.8, 5.0, 4.7, 4.4, 4.5, 4.9, 5.6, 6.4, 7.0, 6.8, 5.4, 3.6,
    2.2,
];

/// What scanners ask for.
const PROBES: [&str; 14] = [
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/wp-admin/setup-config.php",
    "/setup/index.php",
    "/phpinfo.php",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/admin_1234/",
    "/downloader/index.php",
    "/rest/V1/store/storeViews",
    "/magento_version",
    "/catalog/product/view/id/1%27%20UNION%20SELECT%20NULL--",
    "/?s=/index/\\think\\app/invokefunction",
    "/cgi-bin/luci/;stok=/locale",
];

pub(super) fn day(company: &Company, day: i64, events: &mut Vec<Event>) {
    let mut random = company.random.fork("shop", day as u64);
    let busy = if weekday(day) >= 5 { 1.3 } else { 1.0 };
    let visits = random.count(company.settings.shop_visits_per_day * busy, 25.0);
    for _ in 0..visits {
        let at_ms = some_time(START.as_millis() + day * DAY_MS, &mut random);
        let third = random.between(0, 192);
        let address = format!("198.18.{third}.{}", random.between(2, 254)).into();
        visit(at_ms, address, &mut random, events);
    }
    for _ in 0..random.poisson(1.6) {
        let at_ms = START.as_millis() + day * DAY_MS + random.between(0, DAY_MS - HOUR_MS);
        let address = format!("198.19.{}.{}", random.between(0, 256), random.between(2, 254)).into();
        scan(at_ms, address, &mut random, events);
    }
}

/// An hour at which people shop, in the day that begins at `midnight_ms` UTC.
fn some_time(midnight_ms: i64, random: &mut Random) -> i64 {
    midnight_ms + random.weighted(&HOURS) as i64 * HOUR_MS + random.between(0, HOUR_MS)
}

/// A visit from `address` at some time of the day that begins at `midnight_ms` UTC.
pub(crate) fn shop_visit(midnight_ms: i64, address: Rc<str>, random: &mut Random, events: &mut Vec<Event>) {
    visit(some_time(midnight_ms, random), address, random, events);
}

fn visit(mut at_ms: i64, address: Rc<str>, random: &mut Random, events: &mut Vec<Event>) {
    let visitor = Visitor {
        address,
        agent: if random.chance(0.55) { random.pick(&MOBILE_AGENTS) } else { random.pick(&AGENTS) },
        session: random.next_u64() as u32 | 1,
        host: random.between(0, 2) as usize,
    };
    let pages = 1 + random.count(4.0, 1.4);
    for nth in 0..pages {
        // Few products get most of the visits.
        let product = random.exponential(160.0) as i64 % 2046;
        let event = match random.weighted(&[1.5, 5.0, 1.5, 0.7]) {
            0 if nth == 0 => visitor.get(at_ms, "/".into(), 200, 31_000, random),
            0 | 1 => product_page(&visitor, product, at_ms, random),
            2 => visitor.get(
                at_ms,
                format!("/category-{}.html?p={}", product % 31, 1 + product % 4),
                200,
                44_000,
                random,
            ),
            _ => visitor.get(at_ms, "/static/version1/frontend/Magento/luma/en_US/js/a.js".into(), 304, 0, random),
        };
        events.push(event);
        at_ms += 800 + random.exponential(21_000.0) as i64;
    }
    if random.chance(0.05) {
        order(&visitor, at_ms, random, events);
    }
}

/// Most product pages come from the page cache; some have to be built.
fn product_page(visitor: &Visitor, product: i64, at_ms: i64, random: &mut Random) -> Event {
    let status = if random.chance(0.02) { 404 } else { 200 };
    let mut event = visitor.get(at_ms, format!("/product-{product}.html"), status, 26_000 + product * 3, random);
    if random.chance(0.08) {
        let sql = format!(
            "SELECT `url_rewrite`.* FROM `url_rewrite` WHERE (`url_rewrite`.`request_path` IN ('product-{product}.html', 'product-{product}.html/')) AND (`url_rewrite`.`store_id` IN (1))"
        );
        event.statements.push(Statement::read(&["url_rewrite"], 1, sql));
        let sql = format!("SELECT `e`.* FROM `catalog_product_entity` AS `e` WHERE (`e`.`entity_id` IN('{product}'))");
        event.statements.push(Statement::read(&["catalog_product_entity"], 1, sql));
    }
    event
}

fn order(visitor: &Visitor, mut at_ms: i64, random: &mut Random, events: &mut Vec<Event>) {
    let (quote, order) = (random.between(31_000, 32_000), random.between(18_900, 19_100));
    let cart = visitor.post(at_ms, "/checkout/cart/add".into(), 302, 0, random);
    events.push(Event {
        statements: vec![
            Statement::write(
                "quote",
                "INSERT INTO `quote` (`store_id`, `items_count`, `customer_email`) VALUES ('1', 0, NULL)",
            ),
            Statement::write("quote", format!("UPDATE `quote` SET `items_count` = 2 WHERE (entity_id='{quote}')")),
        ],
        ..cart
    });
    at_ms += 20_000 + random.exponential(50_000.0) as i64;
    events.push(visitor.get(at_ms, "/checkout/".into(), 200, 61_000, random));
    at_ms += 40_000 + random.exponential(60_000.0) as i64;
    let pay = visitor.post(
        at_ms,
        format!("/rest/default/V1/guest-carts/{:08x}/payment-information", visitor.session),
        200,
        9,
        random,
    );
    events.push(Event {
        statements: vec![
            Statement::write("quote_payment", format!("INSERT INTO `quote_payment` (`quote_id`, `method`) VALUES ('{quote}', 'card')")),
            Statement::write("sales_order", format!("INSERT INTO `sales_order` (`state`, `status`, `store_id`, `increment_id`) VALUES ('new', 'pending', 1, 'N{order:09}')")),
            Statement::write("sales_order_item", format!("INSERT INTO `sales_order_item` (`order_id`, `qty_ordered`) VALUES ('{order}', 2)")),
            Statement::write("sales_order_payment", format!("INSERT INTO `sales_order_payment` (`parent_id`, `method`) VALUES ('{order}', 'card')")),
        ],
        ..pay
    });
    at_ms += 900;
    let done = visitor.get(at_ms, "/checkout/onepage/success/".into(), 200, 22_000, random);
    let sql = format!("SELECT `main_table`.* FROM `sales_order` AS `main_table` WHERE (`entity_id` = '{order}')");
    events.push(Event { statements: vec![Statement::read(&["sales_order"], 1, sql)], ..done });
}

/// A scanner goes through its list from a rented server, and is told no.
pub(crate) fn scan(mut at_ms: i64, address: Rc<str>, random: &mut Random, events: &mut Vec<Event>) {
    let visitor = Visitor {
        address,
        agent: random.pick(&["Mozilla/5.0 zgrab/0.x", "python-requests/2.31.0", "Go-http-client/1.1", AGENTS[0]]),
        session: 0,
        host: random.between(0, 2) as usize,
    };
    for _ in 0..random.between(3, 26) {
        let status = if random.chance(0.2) { 403 } else { 404 };
        events.push(visitor.get(at_ms, random.pick(&PROBES).into(), status, 160, random));
        at_ms += 150 + random.exponential(900.0) as i64;
    }
    if random.chance(0.15) {
        let nobody = Session { id: 0, ..Session::new(visitor.address.clone(), visitor.agent, random) };
        for name in ["admin", "test"] {
            events.push(portal::log_in(&name.into(), None, &nobody, at_ms, random));
            at_ms += 400;
        }
    }
}

/// A stranger in the shop.
pub(crate) struct Visitor {
    pub(crate) address: Rc<str>,
    pub(crate) agent: &'static str,
    pub(crate) session: u32,
    pub(crate) host: usize,
}

impl Visitor {
    pub(crate) fn get(&self, at_ms: i64, target: String, status: u16, body_bytes: i64, random: &mut Random) -> Event {
        self.request("GET", at_ms, target, (status, body_bytes), random)
    }

    pub(crate) fn post(&self, at_ms: i64, target: String, status: u16, body_bytes: i64, random: &mut Random) -> Event {
        self.request("POST", at_ms, target, (status, body_bytes), random)
    }

    fn request(
        &self,
        method: &'static str,
        at_ms: i64,
        target: String,
        answer: (u16, i64),
        random: &mut Random,
    ) -> Event {
        let (status, body_bytes) = answer;
        Event {
            at_ms,
            request: Some(Request {
                site: Site::Shop,
                method,
                target,
                status,
                body_bytes,
                took_ms: if status == 304 { 0 } else { 3 + random.exponential(14.0) as i64 },
                address: self.address.clone(),
                user: None,
                session: self.session,
                agent: self.agent,
            }),
            client: portal::app(self.host),
            statements: Vec::new(),
            attack: None,
        }
    }
}
