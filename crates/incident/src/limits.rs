//! Every bound of this crate, with its unit and with what happens beyond it.
//!
//! Attacker-chosen names are the load: subjects, entities, alerts. What is bounded here keeps a count of what was
//! beyond; nothing that still has to be told to somebody is ever forgotten.

use activity::Span;

/// Alerts of one subject join its open incident if they lie within this much event time of its first or last alert.
pub const GROUPING: Span = Span::from_hours(24);

/// Alerts kept in full per incident; later ones are counted and still change severity, classes and records.
pub const ALERTS_KEPT: usize = 100;
/// The first alerts of an incident whose figures are kept; of later ones the alert itself and the journal have them.
pub const FIGURED_ALERTS_KEPT: usize = 10;
/// Pointers to evidence kept per incident; by these, alerts about other subjects join it.
pub const EVIDENCE_KEPT: usize = 64;
/// Evidence kept per alert.
pub const ALERT_EVIDENCE_KEPT: usize = 8;
/// ATT&CK techniques kept per alert.
pub const ALERT_TECHNIQUES_KEPT: usize = 8;
/// Subjects listed per incident besides its own; the rest are counted.
pub const SUBJECTS_KEPT: usize = 100;
/// Detectors listed per incident. There are fewer.
pub const DETECTORS_KEPT: usize = 64;
/// Entity windows by which affected records are not counted twice, per incident; beyond, records simply add up.
pub const AFFECTED_KEPT: usize = 128;
/// Different named records kept per incident; beyond, a fair sample of them stays and the count becomes an estimate (standard error 3.1 %).
pub const AFFECTED_IDS_KEPT: usize = 1_024;
/// The same for each table (6.3 %).
pub const AFFECTED_TABLE_IDS_KEPT: usize = 256;
/// Words of routes for each of which records are counted; those that name most. Others may only name fewer.
pub const AFFECTED_WORDS_ASKED: usize = 8;
/// Tables whose named records are counted apart, per incident; alerts about others are counted and count in the sum.
pub const AFFECTED_TABLES_KEPT: usize = 8;
/// Lines of an incident's timeline; beyond, lines from its middle go (the journal keeps them), counted.
pub const TIMELINE_KEPT: usize = 400;
/// How many of these are the first ones.
pub const TIMELINE_FIRST: usize = 100;
/// Notices listed per incident; beyond, those delivered longest ago go, counted.
pub const NOTICES_KEPT: usize = 400;
/// Receipts kept per notice: the first ones.
pub const RECEIPTS_KEPT: usize = 4;
/// Tasks of one incident, done ones included. Beyond: refused.
pub const TASKS_MAX: usize = 100;
/// Incidents merged into one. Beyond: refused.
pub const MERGED_MAX: usize = 100;
/// Incidents split from one. Beyond: refused.
pub const SPLITS_MAX: usize = 100;

/// Incidents remembered, the last closed ones included; beyond, those closed longest ago are left to the journal.
pub const INCIDENTS_KEPT: usize = 5_000;
/// Open incidents; beyond, every new subject joins the storm incident.
pub const OPEN_INCIDENTS_MAX: usize = 2_000;
/// Incidents opened within [`STORM_WINDOW`] by alerts below `critical`; beyond, new subjects join the storm incident.
pub const STORM_OPENINGS: usize = 30;
/// The same for critical alerts: a flood of small ones must not hide a large one.
pub const STORM_OPENINGS_CRITICAL: usize = 100;
/// Wall time over which openings are counted.
pub const STORM_WINDOW: Span = Span::from_hours(1);

/// Alert ids remembered, so that a repeated one is counted once; the oldest go first.
pub const ALERT_IDS_KEPT: usize = 100_000;
/// Command ids remembered, so that a repeated one is done once; the oldest go first.
pub const COMMAND_IDS_KEPT: usize = 10_000;
/// Alerts kept for the daily digest; beyond, the least severe, least surprising go, counted.
pub const DIGEST_KEPT: usize = 500;
/// How far back the digest reaches, wall time.
pub const DIGEST: Span = Span::from_hours(24);
/// How far back a daily digest reaches that comes late, wall time.
pub const DIGEST_REACH: Span = Span::from_hours(7 * 24);
/// Lines of a daily digest; more cannot be configured, and the rest of the alerts is counted.
pub const DIGEST_LINES_MAX: usize = 100;
/// Characters of a reason in a line of the daily digest. Beyond: cut.
pub const DIGEST_WHY_MAX: usize = 300;
/// Notices of daily digests remembered; beyond, those whose sending ended longest ago go.
pub const DIGEST_NOTICES_KEPT: usize = 100;
/// Contacts remembered with their last test and attestation; beyond, the one of which nothing was heard for longest goes.
pub const CONTACTS_REMEMBERED: usize = 2_000;
/// Notices of contacts' tests remembered; beyond, those whose sending ended longest ago go.
pub const CONTACT_NOTICES_KEPT: usize = 500;
/// Channels and integrations whose last trial is remembered.
pub const PROBES_KEPT: usize = 512;
/// A failure is told for so long after its last trial.
pub const PROBE_TOLD: Span = Span::from_hours(24);
/// A trial that was not repeated for so long is forgotten.
pub const PROBE_FORGOTTEN: Span = Span::from_hours(31 * 24);
/// Tokens of the journal that one command erases.
pub const ERASED_AT_ONCE: usize = 16;
/// Ids of notices kept of a contact's last test.
pub const CONTACT_TESTS_KEPT: usize = 8;
/// A test message can be confirmed for so long.
pub const TEST_VALID: Span = Span::from_hours(7 * 24);
/// A contact can be attested so long after a test of it was confirmed.
pub const CONFIRMATION_VALID: Span = Span::from_hours(30 * 24);
/// People called about an incident who are remembered, with the channel; others hear nothing of its end.
pub const CALLED_KEPT: usize = 400;
/// Names of contacts overdue for review in a digest; the rest is counted.
pub const OVERDUE_TOLD: usize = 20;
/// Days of a digest that is written to a file; beyond, the oldest go.
pub const DIGEST_DAYS_KEPT: usize = 4_000;
/// Silences in force or proposed at one time.
pub const SILENCES_MAX: usize = 200;
/// Longest silence. A longer need is a configuration change, which somebody reviews.
pub const SILENCE_MAX: Span = Span::from_hours(8);

/// Drafts per incident. Beyond: limits that run get none, which the warnings of their time say by naming none.
pub const DRAFTS_MAX: usize = 160;
/// Versions of one draft. Beyond: edits are refused, and what is released is the last one.
pub const DRAFT_VERSIONS_MAX: usize = 100;
/// Ids of people in one journal entry of a mailing. Beyond: further entries.
pub const MAILING_PERSONS_PER_ENTRY: usize = 1_000;
/// People whose mails came back, in one command. Beyond: refused, further commands take them.
pub const BOUNCED_MAX: usize = 500;
/// Entries of `[[drafts]]`.
pub const DRAFT_RULES_MAX: usize = 64;

/// Characters of a reason, a note, a detector's `why`.
pub const TEXT_MAX: usize = 1_000;
/// Characters of a person's name, a command's id, a receipt.
pub const NAME_MAX: usize = 200;
/// Characters of a notice's title.
pub const TITLE_MAX: usize = 200;
/// Reasons in a notice.
pub const REASONS_MAX: usize = 10;

/// So long after its closing an incident is looked after like an open one (longer, while a notice is on its way).
pub const AFTER_CLOSING: Span = Span::from_hours(48);

/// Triggers of a policy.
pub const TRIGGERS_MAX: usize = 64;
/// Inhibitions of a policy.
pub const INHIBITIONS_MAX: usize = 32;
/// Longest time after its opening in which an incident keeps other alerts quiet, wall time.
pub const INHIBITION_MAX: Span = Span::from_hours(8);
/// Names in one list of an inhibition's, or of a trigger's places.
pub const CONDITION_NAMES_MAX: usize = 64;
/// Wordings of a policy.
pub const WORDINGS_MAX: usize = 64;
/// Channels a policy names.
pub const CHANNELS_MAX: usize = 32;
/// Obligations a policy applies.
pub const OBLIGATIONS_MAX: usize = 300;
/// Time limits told in one notice: those that end first. The rest is counted, and stands on the incident's page.
pub const NOTICE_DEADLINES: usize = 20;
/// Places whose number of people a person recorded, per incident. There are fewer states.
pub const PLACES_MAX: usize = 400;
/// Places whose number of people is counted through the directory, per incident: those that obligations ask about, then those of the
/// most people. Beyond: not told apart; nobody asks about them.
pub const LOCATED_PLACES_MAX: usize = 800;
/// Places told in one notice: those of the most people. The rest is counted, and stands on the incident's page.
pub const NOTICE_PLACES: usize = 10;
