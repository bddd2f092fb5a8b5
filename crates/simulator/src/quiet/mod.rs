//! Everyday life: what the company's logs say when nothing is wrong.
//!
//! Each person, day and job draws from a stream of its own, so worlds that differ in their attacks only are equal in
//! everything else.

mod jobs;
mod people;
mod shop;

pub(crate) use people::EXPORT_DAYS;
pub(crate) use shop::{Visitor, scan as shop_scan, shop_visit};

use crate::{company::Company, log::Event};

/// All quiet events, in no particular order.
pub fn events(company: &Company) -> Vec<Event> {
    let mut events = Vec::new();
    for day in 0..company.settings.days {
        for person in &company.people {
            people::day(company, person, day, &mut events);
        }
        shop::day(company, day, &mut events);
        jobs::day(company, day, &mut events);
    }
    events
}
