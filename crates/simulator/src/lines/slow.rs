//! MariaDB's slow log with `long_query_time=0` and `log_slow_verbosity=query_plan,innodb`: `# Time:` only when the second
//! changes, the plan only where there is something to say, the text as it is.

use super::user_at_host;
use crate::log::{Client, Statement};
use activity::Timestamp;
use std::fmt::Write as _;

/// The log so far, and the second of its last `# Time:`.
#[derive(Debug, Default)]
pub struct SlowLog {
    pub text: String,
    second: i64,
}

impl SlowLog {
    /// Appends the entry of a statement that ended at `at`.
    pub fn write(
        &mut self,
        schema: &str,
        at: Timestamp,
        client: &Client,
        connection: u64,
        statement: &Statement,
        sql: &str,
    ) {
        // Writing to a `String` cannot fail.
        let text = &mut self.text;
        if self.second != at.as_secs() {
            self.second = at.as_secs();
            let (year, month, day, hour, minute, second, _) = at.to_civil();
            let _ = writeln!(text, "# Time: {:02}{month:02}{day:02} {hour:2}:{minute:02}:{second:02}", year % 100);
        }
        let (took, lock) =
            (statement.took_us, if statement.tables.is_empty() { 0 } else { 30 + statement.took_us % 40 });
        let _ = writeln!(text, "# User@Host: {}", user_at_host(client));
        let _ = writeln!(text, "# Thread_id: {connection}  Schema: {schema}  QC_hit: No");
        let _ = writeln!(
            text,
            "# Query_time: {}.{:06}  Lock_time: 0.{lock:06}  Rows_sent: {}  Rows_examined: {}",
            took / 1_000_000,
            took % 1_000_000,
            statement.rows_sent,
            statement.rows_examined
        );
        let _ = writeln!(text, "# Rows_affected: {}  Bytes_sent: {}", statement.rows_affected, statement.bytes_sent);
        if !statement.tables.is_empty() {
            let pages = 4 + statement.rows_examined / 80;
            let _ = writeln!(
                text,
                "# Pages_accessed: {pages}  Pages_read: 0  Pages_prefetched: 0  Pages_updated: {}  Old_rows_read: 0",
                statement.rows_affected * 2
            );
            let _ = writeln!(text, "# Pages_read_time: 0.0000  Engine_time: {}.{:04}", took / 4000, took % 4000);
        }
        if statement.full_scan {
            text.push_str("# Full_scan: Yes  Full_join: No  Tmp_table: No  Tmp_table_on_disk: No\n");
            text.push_str("# Filesort: No  Filesort_on_disk: No  Merge_passes: 0  Priority_queue: No\n");
        }
        let started = Timestamp::from_millis(at.as_millis() - statement.took_us / 1000);
        let _ = writeln!(text, "SET timestamp={};", started.as_secs());
        let _ = writeln!(text, "{sql};");
    }
}
