//! The demo's data: four quiet weeks and a day on which four things go wrong, and the drill's export alone.
//!
//! The files are kept in the repository, so that the demo does not need this crate; a test regenerates them and compares.

use crate::{
    World,
    attacks::{self, Breach},
    company::{self, Company, DAY_MS, MINUTE_MS, START, Settings},
    lines::{self, Logs},
};
use activity::Timestamp;
use std::fmt::Write as _;

pub const SETTINGS: Settings = Settings { seed: 20_260_105, days: 29, users: 42, shop_visits_per_day: 85.0 };

/// zstd's level for files that are kept, and the window that `--long=27` stands for.
pub const COMPRESSION_LEVEL: i32 = 19;
pub const WINDOW_LOG: u32 = 27;

/// The demo's world: everything goes wrong on the last day; the data end ten minutes after the last breach does.
pub fn world() -> World {
    let last = SETTINGS.days - 1;
    let world = World::new(SETTINGS, &attacks::DEMO.map(|attack| (attack, last)));
    let struck =
        world.breaches.iter().map(|breach| breach.end.as_millis()).max().unwrap_or(START.as_millis() + last * DAY_MS);
    let end = struck - struck % MINUTE_MS + 11 * MINUTE_MS;
    world.ending(Timestamp::from_millis(end))
}

/// The drill: an insider's export in five minutes, and who that is.
pub fn drill() -> (Logs, Breach) {
    let mut events = Vec::new();
    let breach = attacks::drill(&Company::new(SETTINGS), &mut events);
    (lines::write(&events), breach)
}

/// Every file of the demo's folder: its path in it, and its bytes before compression (names ending in `.zst` are compressed).
pub fn files() -> Vec<(&'static str, String)> {
    let world = world();
    let logs = world.logs();
    let (drill, _) = drill();
    vec![
        ("access.log.zst", logs.access),
        ("audit.log.zst", logs.audit),
        ("slow.log.zst", logs.slow),
        ("directory.csv", world.company.directory_csv()),
        ("geo.csv", company::geo_csv()),
        ("calendar.csv", world.company.calendar_csv()),
        ("story.toml", story(&world)),
        ("demo.toml", CONFIGURATION.into()),
        ("drill/export.access.log", drill.access),
        ("drill/export.audit.log", drill.audit),
        ("drill/export.slow.log", drill.slow),
    ]
}

/// What happens in the data, for the demo to check itself against.
fn story(world: &World) -> String {
    let mut text = String::from(STORY_HEAD);
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "start = \"{}\"\nend = \"{}\"", START, world.end);
    for breach in &world.breaches {
        let subjects: Vec<String> = breach
            .subjects
            .iter()
            .map(|entity| format!("    {{ kind = \"{}\", id = \"{}\" }},\n", entity.kind, entity.id))
            .collect();
        let classes: Vec<String> = breach.classes.iter().map(|class| format!("\"{}\"", class.as_str())).collect();
        let detectors: Vec<String> = breach.attack.detectors.iter().map(|name| format!("\"{name}\"")).collect();
        let _ = write!(
            text,
            "\n[[breach]]\nname = \"{}\"\ntitle = \"{}\"\nstart = \"{}\"\nend = \"{}\"\nrows = {}\nsubjects = [\n{}]\ndata_classes = [{}]\nexpected_detectors = [{}]\n",
            breach.attack.name,
            breach.attack.title,
            breach.start,
            breach.end,
            breach.rows,
            subjects.concat(),
            classes.join(", "),
            detectors.join(", ")
        );
    }
    text
}

const STORY_HEAD: &str = "\
# What happens in the demo's logs. Written by `simulator demo`; change the simulator, not this file.
# Times are those of the files as they are; the demo shifts all stamps, these and the calendar's included, by the same
# number of whole minutes. A breach is found when an alert between its start and an hour after its end names one of its
# subjects.
";

const CONFIGURATION: &str = r#"# What the demo's logs are and mean: sources, classification, attribution, directory, geography, calendar.
# Written by `simulator demo`; change the simulator, not this file. Paths are relative to this file.

[[sources]]
name = "access"
format = "nginx_json"
zone = "UTC"
topic = "logs.nginx.access"

[[sources]]
name = "audit"
format = "mariadb_server_audit"
zone = "UTC"
topic = "logs.mariadb.audit"

[[sources]]
name = "slow"
format = "mariadb_slow_log"
zone = "UTC"
topic = "logs.mariadb.slow"

[directory]
file = "directory.csv"

[geo]
file = "geo.csv"

[calendar]
file = "calendar.csv"

[attribution]
sql_tags = [{ key = "user", position = "end" }]

[classification.tables]
"magento.hr_benefits" = "hr"
"magento.hr_department" = "hr"
"magento.hr_document" = "hr"
"magento.hr_employee" = "hr"
"magento.hr_leave" = "hr"
"magento.hr_payroll" = "hr"
"magento.hr_performance_review" = "hr"
"magento.hr_staff_order" = "hr_adjacent"
"magento.employee_portal_access_log" = "hr_adjacent"
"magento.employee_portal_session" = "credentials"
"magento.admin_user" = "credentials"
"magento.authorization_role" = "credentials"
"magento.sales_order_payment" = "payment"
"magento.quote_payment" = "payment"
"magento.sales_order" = "customer"
"magento.sales_order_address" = "customer"
"magento.quote" = "customer"
"magento.customer_entity" = "customer"
"magento.customer_address_entity" = "customer"

[classification.routes]
"/employee-portal/hr/**" = "hr"
"/rest/V1/hr/**" = "hr"
"/employee-portal/login" = "credentials"
"/employee-portal/password/**" = "credentials"
"/staff-shop/**" = "hr_adjacent"
"/rest/default/V1/guest-carts/**" = "payment"
"#;
