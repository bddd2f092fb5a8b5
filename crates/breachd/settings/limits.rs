//! Bounds of the roles' loops, each with its unit.

use std::time::Duration;

/// Signed checkpoints, those of the most entries, among which the last one that can be believed is sought at a take-over.
pub const CHECKPOINTS_COMPARED: usize = 10_000;

/// Records taken from Kafka per poll of the journal, the alerts and the like.
pub const POLL_RECORDS: usize = 10_000;

/// Records taken from Kafka per poll of the ingest role. A poll cannot be ended early, and what it brought is looked at only then: so
/// many records with all dead letters that each may have ([`ingest::limits::LETTERS_PER_RECORD_MAX`]) are 140 MB.
pub const POLL_RAW_RECORDS: usize = 500;

/// Packed tally messages per poll: each may hold thousands of tallies, in [`tally::limits::TALLIES_BYTES_MAX`].
pub const POLL_TALLIES: usize = 16;

/// Snapshots of a partition take at most one part in so many of the time.
pub const SNAPSHOT_SHARE: u32 = 20;

/// Longest interval between snapshots that can be configured.
pub const SNAPSHOT_INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// Tally messages a detector may be behind and count as ready.
pub const READY_LAG: i64 = 100;

/// Time between two looks at what the engines hold.
pub const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// So much longer than a flush interval nothing has been committed: what was taken in waits like what was not.
pub const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Longest time for which a raw partition of which nothing is heard, because its broker is away, is not taken for silent. Beyond, it is not
/// waited for, so that one partition that is lost does not hold up the judgement of all; what comes of it later may be judged alone.
pub const UNHEARD_WAIT: Duration = Duration::from_secs(600);

/// Alerts decided on between two looks at commands and delivery reports.
pub const POLL_ALERTS: usize = 256;

pub const POLL_COMMANDS: usize = 64;

/// Longest wait for records before a loop looks at its other duties.
pub const POLL_WAIT: Duration = Duration::from_millis(100);

/// The same where several sources are looked at in turn.
pub const NOTIFIER_WAIT: Duration = Duration::from_millis(20);

/// Estimated bytes of merged tallies at which a flush does not wait for its time.
pub const FLUSH_BYTES: usize = 32 << 20;

/// What a message of tallies says of the records that were read: those of 30,000 source partitions of one instance.
const MANIFEST_BYTES_MAX: usize = 3 << 20;

const _: () = assert!(
    tally::limits::TALLIES_BYTES_MAX + tally::limits::TALLY_BYTES_MAX + MANIFEST_BYTES_MAX
        <= stream::limits::MESSAGE_BYTES_MAX
);

/// Dead letters held until a flush.
pub const FLUSH_DEAD_LETTERS: usize = 2_000;

/// Delivery reports that may wait to be journaled; beyond, the channels wait.
pub const REPORTS: usize = 1_024;

/// Longest time a stopping process spends on notices that are on their way.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Longest time a change of configuration waits for notices that are on their way.
pub const RELOAD_DRAIN: Duration = Duration::from_secs(2);

/// How often a decision's transaction is tried before the role gives up.
pub const JOURNAL_TRIES: usize = 5;

/// Mailings under way at one time; others wait until one is over.
pub const MAILINGS_AT_ONCE: usize = 16;

/// Longest time for which one mail of a mailing is tried; beyond, its recipient has to be told another way. A relay that is down for
/// a weekend makes nobody unreachable.
pub const MAIL_TRIED_FOR: activity::Span = activity::Span::from_hours(72);

/// For so long a mail is tried while others of its mailing wait behind it; then it is tried again after them.
pub const MAIL_PASS: activity::Span = activity::Span::from_minutes(15);

/// A batch of a mailing of at least so many mails that the relay refuses all of stops the mailing.
pub const MAILS_REFUSED_MAX: usize = 20;
/// The same while nobody was reached at all.
pub const FIRST_MAILS_REFUSED_MAX: usize = 3;

/// Pause before notices that found no room are handed over again.
pub const RESUBMIT: Duration = Duration::from_secs(5);

/// Longest time a stopping process waits for its roles.
pub const SHUTDOWN: Duration = Duration::from_secs(25);

/// Alerts whose arithmetic the console can show; older ones show what their incident kept.
pub const ALERTS_REMEMBERED: usize = 50_000;

/// Ids of alerts in `breachd.alerts` that one instance remembers. Beyond: those whose window ended first go, and would be sent again,
/// under the same id, by an engine that is rebuilt.
pub const RAISED_IDS_MAX: usize = 1_000_000;

/// Commands whose journal entry is remembered until whoever sent them has asked.
pub const COMMANDS_REMEMBERED: usize = 10_000;

/// Events of hooks that are known as repeats without a look at the journal; the oldest go first.
pub const HOOK_EVENTS_REMEMBERED: usize = 10_000;

/// Incidents whose ids at a channel's service are remembered; the oldest go first.
pub const HOOK_INCIDENTS_REMEMBERED: usize = 5_000;

/// Age of an event after which a hook does not take it: PagerDuty tries for two days.
pub const HOOK_EVENT_AGE: activity::Span = activity::Span::from_hours(72);

/// Alerts whose verdicts the console can show; the journal has the others'.
pub const JUDGED_REMEMBERED: usize = 5_000;

/// Verdicts about one alert that the console shows: the last ones.
pub const VERDICTS_SHOWN: usize = 20;

/// Incidents on the console's first page.
pub const INCIDENTS_SHOWN: usize = 200;

/// Deadlines on the console's first page.
pub const DEADLINES_SHOWN: usize = 50;

/// People whom the mails of a draft did not reach, in one answer; the rest is counted, and the journal has them.
pub const MISSED_SHOWN: usize = 20_000;
