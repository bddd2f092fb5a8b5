//! How one company differs from another: everything a detector could otherwise come to rely on.

use super::{
    Settings,
    names::{Names, Table, VENDORS},
};
use crate::{
    company::{DAY_MS, START},
    random::Random,
};

/// A company's character, drawn from the seed.
#[derive(Clone, Debug)]
pub struct Profile {
    pub users: usize,
    pub(super) names: &'static Names,
    /// A Monday, midnight UTC, in milliseconds since the epoch.
    pub(super) start_ms: i64,
    /// Of the users; the rest looks after own data.
    pub(super) managers: f64,
    pub(super) payroll: f64,
    pub(super) hr_admins: f64,
    pub(super) benefits: f64,
    pub(super) services: usize,
    /// Hours to add to UTC, index of the country, weight.
    pub(super) sites: Vec<(i64, usize, f64)>,
    /// Busyness of everybody.
    pub(super) pace: f64,
    /// Gamma shapes of a person's day and of the company's: small is wild.
    pub(super) day_shape: f64,
    pub(super) company_shape: f64,
    /// Employees for each portal user.
    pub(super) headcount_each: i64,
    /// The first employee's number, and the distance from one to the next.
    pub(super) id_base: i64,
    pub(super) id_step: i64,
    /// Of clerks' look-ups that concern the people they look after.
    pub(super) own_people: f64,
    /// Of those without other duties who work early, late and at night by turns.
    pub(super) shifts: f64,
    pub(super) office: f64,
    pub(super) mobile: f64,
    pub(super) vpn: f64,
    pub(super) mistyped: f64,
    pub(super) shop_visits_per_day: f64,
    pub(super) scans_per_day: f64,
    pub(super) pay_day: u32,
    /// Whether the configuration classifies routes as well as tables.
    pub(super) classifies_routes: bool,
    /// Whether the season of reviews is in the calendar.
    pub(super) announces_reviews: bool,
    pub(super) login_form: usize,
    /// Whether the application works on tables of people by itself at night, in nobody's name.
    pub(super) nightly_batch: bool,
}

impl Profile {
    pub(super) fn new(settings: &Settings, random: &Random) -> Profile {
        let draw = &mut random.fork("profile", 0);
        let small = draw.unit();
        // Most companies are small.
        let users = settings.users.unwrap_or(60 + (340.0 * small * small) as usize).clamp(30, 2_000);
        let sites = sites(draw);
        Profile {
            users,
            names: &VENDORS[draw.between(0, VENDORS.len() as i64) as usize],
            start_ms: START.as_millis() + draw.between(0, 40) * 7 * DAY_MS,
            managers: draw.real(0.05, 0.13),
            payroll: draw.real(0.02, 0.045),
            hr_admins: draw.real(0.02, 0.04),
            benefits: draw.real(0.01, 0.03),
            services: 2 + draw.between(0, 5) as usize,
            sites,
            pace: draw.real(0.7, 1.5),
            day_shape: draw.real(1.6, 6.0),
            company_shape: draw.real(15.0, 80.0),
            headcount_each: draw.between(2, 16),
            id_base: draw.between(1, 9_000),
            id_step: if draw.chance(0.5) { 1 } else { draw.between(2, 10) },
            own_people: draw.real(0.6, 0.97),
            shifts: if draw.chance(0.5) { draw.real(0.02, 0.3) } else { 0.0 },
            office: draw.real(0.15, 0.75),
            mobile: draw.real(0.1, 0.45),
            vpn: draw.real(0.0, 0.35),
            mistyped: draw.real(0.02, 0.08),
            shop_visits_per_day: users as f64 * draw.real(0.8, 2.5),
            scans_per_day: draw.real(0.6, 4.0),
            pay_day: draw.between(24, 29) as u32,
            classifies_routes: draw.chance(0.5),
            announces_reviews: draw.chance(0.5),
            login_form: draw.between(0, 3) as usize,
            nightly_batch: draw.chance(0.5),
        }
    }

    /// breachd's configuration for this company. Paths are relative to it.
    pub(super) fn configuration(&self, budget: f64) -> String {
        let Names { schema, tag_key, portal, section, login, api, .. } = self.names;
        let position = if matches!(self.names.tag, crate::lines::TagStyle::Front(_)) { "front" } else { "end" };
        let table = |table: Table, class: &str| format!("\"{schema}.{}\" = \"{class}\"\n", self.names.table(table));
        let mut text = format!(
            "# What these logs are and mean. Paths are relative to this file.\n\n\
             [detector]\nfalse_pages_per_week = {budget}\n\n\
             [directory]\nfile = \"directory.csv\"\n\n[geo]\nfile = \"geo.csv\"\n\n[calendar]\nfile = \"calendar.csv\"\n\n\
             [attribution]\nsql_tags = [{{ key = \"{tag_key}\", position = \"{position}\" }}]\n\n[classification.tables]\n"
        );
        text.extend(Table::HR.iter().map(|hr| table(*hr, "hr")));
        text.extend([Table::Sessions, Table::Accounts].map(|credentials| table(credentials, "credentials")));
        for (shop, class) in SHOP_CLASSES {
            text.push_str(&format!("\"{schema}.{shop}\" = \"{class}\"\n"));
        }
        if self.classifies_routes {
            text.push_str(&format!(
                "\n[classification.routes]\n\"{portal}{section}/**\" = \"hr\"\n\"{api}/**\" = \"hr\"\n\"{login}\" = \"credentials\"\n"
            ));
        }
        text
    }
}

/// Tables of the shop, and what of people they hold.
const SHOP_CLASSES: [(&str, &str); 5] = [
    ("sales_order_payment", "payment"),
    ("quote_payment", "payment"),
    ("sales_order", "customer"),
    ("customer_entity", "customer"),
    ("sales_order_address", "customer"),
];

/// The head office and up to three places more.
fn sites(draw: &mut Random) -> Vec<(i64, usize, f64)> {
    let mut sites: Vec<(i64, usize, f64)> = Vec::new();
    for _ in 0..1 + draw.between(0, 4) {
        let country = draw.between(0, super::staff::COUNTRIES.len() as i64) as usize;
        if sites.iter().all(|(_, known, _)| *known != country) {
            let weight = if sites.is_empty() { 1.0 } else { draw.real(0.1, 0.5) };
            sites.push((super::staff::COUNTRIES[country].1, country, weight));
        }
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn companies_differ() {
        let profile = |seed| {
            let settings = Settings {
                seed,
                weeks: 6,
                warm_up_weeks: 3,
                difficulty: 0.5,
                attacked: true,
                users: None,
                payment: false,
            };
            Profile::new(&settings, &Random::new(seed))
        };
        let all: Vec<Profile> = (1..=40).map(profile).collect();
        let distinct = |key: fn(&Profile) -> i64| all.iter().map(key).collect::<HashSet<_>>().len();
        assert!(distinct(|profile| profile.users as i64) > 25);
        assert_eq!(distinct(|profile| profile.names.account.len() as i64), 4, "all vendors");
        assert!(distinct(|profile| profile.start_ms) > 15);
        assert!(distinct(|profile| profile.id_step) > 5);
        assert!(distinct(|profile| profile.sites.len() as i64) > 2);
        assert_eq!(distinct(|profile| i64::from(profile.shifts > 0.0)), 2);
        assert!(all.iter().all(|profile| (60..=400).contains(&profile.users)));
    }
}
