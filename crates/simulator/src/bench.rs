//! A long mixed stream for benches: 70 % nginx JSON, 30 % audit rows, in order of time, in memory of a constant size.

use crate::{
    company::{AGENTS, APP_HOSTS, START},
    lines,
    log::{Access, Request, Site},
    portal,
    random::Random,
};
use activity::Timestamp;
use std::io::{self, Write};

/// Access lines and audit rows in every ten records; an audit statement is two rows and more.
const ACCESS_OF_TEN: u64 = 7;
/// Records of one second.
const PER_SECOND: u64 = 5_000;

/// Writes `records` lines. Errors: those of `out`.
pub fn write(seed: u64, records: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut random = Random::new(seed).fork("bench", 0);
    let (mut line, mut audit_rows) = (String::new(), Vec::new());
    let mut query = 0;
    for record in 0..records {
        line.clear();
        let at = Timestamp::from_millis(START.as_millis() + (record * 1000 / PER_SECOND) as i64);
        if record % 10 < ACCESS_OF_TEN {
            let request = request(&mut random);
            lines::write_request(&mut line, at, &request, record, APP_HOSTS[record as usize % 2]);
        } else {
            if audit_rows.is_empty() {
                query += 1;
                audit_rows = statement(&mut random, at, query);
            }
            line = audit_rows.pop().unwrap_or_default();
        }
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

fn request(random: &mut Random) -> Request {
    let user = random.between(0, 5_000);
    let (site, target) = match random.weighted(&[4.0, 3.0, 2.0, 1.0]) {
        0 => (Site::Shop, format!("/product-{}.html", random.between(0, 2_000))),
        1 => (Site::Portal, format!("/employee-portal/hr/employee/view/id/{}", random.between(1, 40_000))),
        2 => (Site::Portal, "/employee-portal/dashboard".into()),
        _ => {
            (Site::Portal, format!("/rest/V1/hr/employees?searchCriteria%5BcurrentPage%5D={}", random.between(0, 400)))
        }
    };
    Request {
        site,
        method: "GET",
        target,
        status: if random.chance(0.03) { 404 } else { 200 },
        body_bytes: random.between(300, 60_000),
        took_ms: random.between(1, 90),
        address: format!("198.18.{}.{}", user / 250, user % 250 + 2).into(),
        user: (site == Site::Portal).then(|| format!("e{user}").into()),
        session: random.next_u64() as u32 | 1,
        agent: random.pick(&AGENTS),
    }
}

/// The rows of one statement, the last first.
fn statement(random: &mut Random, at: Timestamp, query: u64) -> Vec<String> {
    let (user, host) = (random.between(0, 5_000), random.between(0, 2) as usize);
    let table = random.pick(&["hr_employee", "hr_payroll", "hr_leave", "hr_benefits", "sales_order"]);
    let client = portal::app(host);
    let ids = (99 + query % 12, query);
    let (mut row, mut text) = (String::new(), String::new());
    lines::write_table(&mut row, &lines::Style::default(), at, &client, ids, Access::Read, table);
    let sql = format!(
        "SELECT `main_table`.* FROM `{table}` AS `main_table` WHERE (`employee_id` = '{}') /*action='view',controller='employee',framework='magento%3A2.4.7',route='%2Femployee-portal%2Fhr%2Femployee%2Fview',traceparent='00-7b1d4c0e9a25f386{query:016x}-00f067aa0ba902b7-01',user='e{user}'*/",
        random.between(1, 40_000)
    );
    lines::write_query(&mut text, &lines::Style::default(), at, &client, ids, &sql);
    vec![text, row]
}

#[cfg(test)]
mod tests {
    #[test]
    fn seven_of_ten_are_access_lines_and_all_are_there() {
        let mut bytes = Vec::new();
        super::write(1, 1_000, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), 1_000);
        assert_eq!(text.lines().filter(|line| line.starts_with('{')).count(), 700);
        assert_eq!(text.lines().filter(|line| line.contains(",QUERY,")).count(), 150);
    }
}
