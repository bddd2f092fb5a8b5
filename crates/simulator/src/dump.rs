//! The statements mysqldump sends, as the server sees them.

use crate::{company::Company, log::Statement, schema};

/// A dump of `tables`. `single_transaction`: the nightly way; else the quick one of somebody in a hurry.
pub(crate) fn statements(company: &Company, day: i64, tables: &[&str], single_transaction: bool) -> Vec<Statement> {
    let mut all =
        vec![Statement::plain("/*!40100 SET @@SQL_MODE='' */"), Statement::plain("/*!40103 SET TIME_ZONE='+00:00' */")];
    if single_transaction {
        all.push(Statement::plain("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
        all.push(Statement::plain("START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */"));
        all.push(Statement::plain("UNLOCK TABLES"));
    }
    for name in tables {
        let table = schema::table(name);
        let rows = table.rows(company.headcount, day);
        let columns: Vec<String> = table.columns.iter().map(|column| format!("`{column}`")).collect();
        all.push(Statement { bytes_sent: 420, ..Statement::plain(format!("show create table `{name}`")) });
        all.push(Statement {
            rows_sent: table.columns.len() as i64,
            rows_examined: table.columns.len() as i64,
            bytes_sent: 260 + table.columns.len() as i64 * 31,
            took_us: 410,
            full_scan: true,
            ..Statement::plain(format!(
                "select column_name, extra, generation_expression, data_type from information_schema.columns where table_schema=database() and table_name='{name}' order by ordinal_position"
            ))
        });
        let sql = format!("SELECT /*!40001 SQL_NO_CACHE */ {} FROM `{name}`", columns.join(", "));
        all.push(Statement {
            bytes_sent: table.bytes(rows),
            took_us: 300 + rows * 3,
            ..Statement::read(&[table.name], rows, sql).scanning(rows)
        });
        if single_transaction {
            all.push(Statement::plain("ROLLBACK TO SAVEPOINT sp"));
        }
    }
    all
}
