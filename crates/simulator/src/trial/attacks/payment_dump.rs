//! The account of the nightly reports reads how customers paid, which no report needs.

use super::{Kind, Plot, Scene, account};
use crate::{
    company::HOUR_MS,
    trial::database::{self, REPORTS, of_shop},
};

pub(super) const KIND: Kind = Kind { name: "payment_dump", lasts_days: 1, on_working_days: false, plot };

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let total = scene.count(18_900, 1_200);
    let piece = if scene.is_hard() { 100 } else { 2_000 };
    // By day, or next to the nightly report.
    let hour = if scene.is_hard() { scene.random.real(4.9, 5.6) } else { scene.random.real(0.5, 22.0) };
    let mut statements = Vec::new();
    let mut offset = 0;
    while offset < total {
        let rows = piece.min(total - offset);
        let sql = format!(
            "SELECT method, cc_last_4, cc_exp_month, cc_exp_year FROM sales_order_payment LIMIT {rows} OFFSET {offset}"
        );
        statements.push(of_shop(&["sales_order_payment"], rows, sql).scanning(offset + rows).after_ms(7_000));
        offset += rows;
    }
    let at_ms = company.midnight(scene.day) + (hour * HOUR_MS as f64) as i64;
    let mut entities = vec!["table:sales_order_payment".to_owned()];
    entities.extend(account(REPORTS.0, REPORTS.1));
    Plot { events: vec![database::session(REPORTS, at_ms, statements)], entities, lost: None }
}
