//! A schema as a real `mariadb-dump` writes it, against the statements that made it.
//!
//! `dumped_schema.sql` was sent to MariaDB 10.11.19, and `mariadb-dump --routines --triggers --events --no-data --skip-dump-date`
//! wrote the samples: `--databases hr magento`, and `hr` alone, in which no USE names the schema.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use formats::{Definitions, sql};

/// What stands behind what, sorted: a dump has an order of its own, and names some tables twice.
fn behind(definitions: &Definitions) -> Vec<String> {
    let mut lines: Vec<_> = definitions
        .behind
        .iter()
        .map(|(name, table)| format!("{name} {:?} {}.{}", table.through, table.schema, table.name))
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

fn tables(definitions: &Definitions) -> Vec<String> {
    let of = |table: &formats::TableDefinition| format!("{}.{}: {}", table.schema, table.name, table.columns.join(" "));
    let mut lines: Vec<_> = definitions.tables.iter().map(of).collect();
    lines.sort();
    lines
}

fn sample(name: &str) -> String {
    let path = format!("{}/../../tests/samples/mariadb_dump-{name}.sql.zst", env!("CARGO_MANIFEST_DIR"));
    String::from_utf8(zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()).unwrap()
}

const BEHIND: [&str; 12] = [
    "hr.directory View hr.changes",
    "hr.directory View hr.people",
    "hr.left_at Function hr.leavers",
    "hr.pay_of Function hr.people",
    "hr.people DeleteTrigger hr.leavers",
    "hr.people InsertTrigger hr.changes",
    "hr.people UpdateTrigger hr.changes",
    "hr.people UpdateTrigger hr.leavers",
    "hr.richest View hr.directory",
    "hr.richest View hr.people",
    "magento.odd `view View magento.crew",
    "magento.sales_order InsertTrigger magento.sales_order_cl",
];

const TABLES: [&str; 8] = [
    "hr.changes: change_id what at",
    "hr.leavers: person_id termination_date",
    "hr.people: person_id staff_name dob ssn iban salary grade",
    "hr.portal_users: user_id login pw_hash",
    "magento.catalog_product_entity: entity_id sku",
    "magento.crew: crew_id hourly_rate",
    "magento.sales_order: entity_id customer_email",
    "magento.sales_order_cl: version_id entity_id",
];

#[test]
fn the_statements_and_their_dump_define_the_same() {
    for text in [include_str!("dumped_schema.sql").to_owned(), sample("databases")] {
        let definitions = sql::definitions(&text, "");
        assert_eq!(behind(&definitions), BEHIND);
        assert_eq!(tables(&definitions), TABLES);
    }
}

#[test]
fn a_dump_of_one_schema_does_not_name_it() {
    let text = sample("hr");
    let definitions = sql::definitions(&text, "hr");
    assert_eq!(behind(&definitions), BEHIND[..10]);
    assert_eq!(tables(&definitions), TABLES[..4]);
    assert!(behind(&sql::definitions(&text, "")).iter().all(|line| line.starts_with('.')));
}
