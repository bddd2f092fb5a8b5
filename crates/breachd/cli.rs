//! The command line: what breachd can be told to do.

use crate::{
    dead_letter::{Filter, Which},
    incident_work::WorkCommand,
    route_explain::ExplainArgs,
    silences::SilenceCommand,
};
use clap::{Parser, Subcommand, ValueEnum};
use ingest::Written;
use std::{path::PathBuf, str::FromStr};

/// Notices a breach of HR data on a Magento platform, and gets the right people told in time.
#[derive(Debug, Parser)]
#[command(name = "breachd", version, about, propagate_version = true)]
pub struct Cli {
    /// How log lines are written: for people, or as JSON. Default: for people on a terminal, else JSON.
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,stream=debug`.
    #[arg(long, global = true, env = "BREACHD_LOG", default_value = "info")]
    pub log_level: String,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows the whole of breachd in one go: sample logs with four breaches, alerts, incidents, notices, console.
    ///
    /// Needs nothing: the broker runs inside the process and the notices go to sandbox receivers on loopback.
    Demo {
        /// Print the summary and exit; not 0 if a breach was missed or a notice was not delivered.
        #[arg(long)]
        headless: bool,
        /// Where the console and the metrics are served.
        #[arg(long, default_value = "127.0.0.1:8420")]
        listen: std::net::SocketAddr,
    },
    /// The daemon: consumes the logs from Kafka, detects, notifies, serves the console.
    Run {
        #[command(flatten)]
        config: ConfigFiles,
        /// Which parts of the work this instance takes on.
        #[arg(long, value_delimiter = ',', value_enum, default_values_t = RoleName::ALL)]
        roles: Vec<RoleName>,
    },
    /// Reads log files instead of Kafka and says what would have been raised: back-testing and tuning.
    Replay(ReplayArgs),
    /// Checks a configuration and reports every mistake, with file and line, without starting anything.
    Check {
        #[command(flatten)]
        config: ConfigFiles,
    },
    /// Proposes the classification of tables and routes found in real logs or in a schema, as configuration.
    Discover {
        /// A log file, `FORMAT=PATH`; PATH may be `-` and may end in .gz or .zst.
        #[arg(long, required_unless_present = "schema")]
        input: Vec<InputFile>,
        /// A schema, `[SCHEMA=]PATH`, as `mariadb-dump --routines --no-data` writes it: its tables' columns, and the tables behind
        /// its views, stored functions and triggers. SCHEMA is its name where it does not say; PATH as for a log.
        #[arg(long)]
        schema: Vec<SchemaFile>,
        /// Configuration whose classification and tags are taken into account; may be repeated.
        #[arg(long)]
        config: Vec<PathBuf>,
    },
    /// What each source has shown so far, which tables' rows nobody counts, and what to do about it.
    Sources {
        #[command(flatten)]
        config: ConfigFiles,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Exit with 1 if there are gaps.
        #[arg(long)]
        check: bool,
    },
    /// Predicts what a company of some size takes of memory, disk, network and processors.
    Size {
        #[command(flatten)]
        asked: crate::size::Asked,
        /// As JSON; bytes, and bytes a second.
        #[arg(long)]
        json: bool,
    },
    /// Lists the log formats breachd reads, or shows what one of them is.
    Formats {
        /// A format's name.
        name: Option<String>,
    },
    /// The arithmetic behind an alert, in words.
    Explain {
        /// The alert's id, or the beginning of it.
        alert_id: String,
        /// A file of alerts as `replay --alerts` writes it; `-` for standard input.
        #[arg(long)]
        alerts: PathBuf,
    },
    /// What people say of single alerts.
    Alert {
        #[command(subcommand)]
        command: AlertCommand,
    },
    /// What a running breachd knows of single incidents, and what is done about them.
    #[command(visible_alias = "incident")]
    Incidents {
        #[command(subcommand)]
        command: IncidentsCommand,
    },
    /// Who would have to know of an incident.
    Route {
        #[command(subcommand)]
        command: RouteCommand,
    },
    /// What the law wants told, of incidents of a running breachd: written from what is known, approved, sent.
    Drafts {
        #[command(subcommand)]
        command: DraftsCommand,
    },
    /// The register of breaches (GDPR Art. 33(5)).
    Register {
        #[command(subcommand)]
        command: RegisterCommand,
    },
    /// What is decided and has not got out yet: since when, how often it was tried, why it failed; and what nobody could be told.
    Outbox {
        #[command(flatten)]
        config: ConfigFiles,
        /// Over this channel only.
        #[arg(long)]
        channel: Option<String>,
        /// An object of JSON a line.
        #[arg(long)]
        json: bool,
        /// Exit with 1 if something was tried in vain or could not be delivered to anybody.
        #[arg(long)]
        check: bool,
    },
    /// For a while, alerts about one subject tell nobody; they are recorded all the same. It takes two people.
    Silence {
        #[command(subcommand)]
        command: SilenceCommand,
    },
    /// Tests how notices are delivered.
    Channels {
        #[command(subcommand)]
        command: ChannelsCommand,
    },
    /// What could not be read: why, where from, how often; and another try after a fix.
    DeadLetter {
        #[command(subcommand)]
        command: DeadLetterCommand,
    },
    /// People who are called: tested, confirmed, attested; who is on call.
    Contacts {
        #[command(subcommand)]
        command: ContactsCommand,
    },
    /// Exercises: a simulated breach through the real path.
    Drill {
        #[command(subcommand)]
        command: DrillCommand,
    },
    /// Interfaces of other systems that the procedure relies on: tried on a schedule, or now.
    Integrations {
        #[command(subcommand)]
        command: IntegrationsCommand,
    },
    /// The audit trail.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub config: ConfigFiles,
    /// A log file, `[NAME:]FORMAT=PATH[@ZONE]`: NAME is the source's (default: the format's), PATH may be `-` and may
    /// end in .gz or .zst, ZONE is where its local times are at home.
    #[arg(long, required = true)]
    pub input: Vec<InputFile>,
    /// Where to write the alerts, one JSON a line.
    #[arg(long)]
    pub alerts: Option<PathBuf>,
    /// Where to write the incidents they would have opened, one JSON a line.
    #[arg(long)]
    pub incidents: Option<PathBuf>,
    /// What people said of alerts, one JSON a line, as `breachd alert verdict --print` writes it. Each counts from its own time on.
    #[arg(long, value_name = "IN.jsonl")]
    pub verdicts: Option<PathBuf>,
    /// Where to write the daily digest of the alerts that page nobody, as Markdown.
    #[arg(long, value_name = "OUT.md")]
    pub digest: Option<PathBuf>,
    /// Lines of the digest a day; the rest is counted.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub digest_lines: u16,
    /// Another configuration: both read the same logs, and what would page is compared. May be repeated, later ones win key by key.
    ///
    /// `--config` is before, `--against` is after.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["alerts", "incidents", "digest"])]
    pub against: Vec<PathBuf>,
    /// The comparison as JSON.
    #[arg(long, requires = "against")]
    pub json: bool,
    /// When the inputs were written to their end, RFC 3339. Stamps without a year (RFC 3164) are of the latest year before it, and
    /// stamps from after it are cut back, as `run` does by the broker's time.
    ///
    /// Without it a file's time of change (for `-`: now) says the year, and nothing is cut back. That time changes with each copy: for
    /// the same answer from the same file, state it where stamps have no year.
    #[arg(long, value_name = "RFC3339")]
    pub written_at: Option<activity::Timestamp>,
    /// How many tally partitions to simulate; the alerts do not depend on it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub partitions: u32,
}

#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Says what an alert was: the detector learns from it, the journal keeps it.
    ///
    /// It counts from the hour that begins one hour after the next full hour, and not before the second hour after the alert's
    /// window; never for what has been judged before.
    Verdict(VerdictArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("ruling").required(true).args(["expected", "benign_once", "breach"])))]
pub struct VerdictArgs {
    /// The alert's id, all of it.
    #[arg(value_parser = |text: &str| detector::AlertId::parse(text).ok_or("an alert's id is 32 hexadecimal digits"))]
    pub alert_id: detector::AlertId,
    /// A new normal: what was left out of the baseline because of this alert is learned.
    #[arg(long)]
    pub expected: bool,
    /// This once: on record, and nothing is learned; more of the like pages as if nobody had been told before.
    #[arg(long)]
    pub benign_once: bool,
    /// A breach: what was left out of the baseline is never learned.
    #[arg(long = "true")]
    pub breach: bool,
    /// Who says so.
    #[arg(long)]
    pub by: String,
    /// Why.
    #[arg(long)]
    pub reason: String,
    /// With --expected: no pages about the like until then, RFC 3339, at most 28 days from now. They are raised all the same.
    #[arg(long, requires = "expected", value_name = "RFC3339")]
    pub except_until: Option<activity::Timestamp>,
    /// The exception is for all alerts about this one, `KIND=ID`, instead of those judged by the past of the alert's entity.
    #[arg(long, requires = "except_until", value_name = "KIND=ID", value_parser = crate::verdicts::subject)]
    pub subject: Option<detector::EntityName>,
    /// The exception is for this detector only; may be repeated. Default: the alert's own, or with --subject all but those
    /// that have to be named.
    #[arg(long, requires = "except_until")]
    pub detector: Vec<String>,
    /// When it was said, for a replay. Default: now.
    #[arg(long, requires = "print", value_name = "RFC3339")]
    pub at: Option<activity::Timestamp>,
    /// Print the line for `breachd replay --verdicts` instead of sending it.
    #[arg(long, conflicts_with = "config")]
    pub print: bool,
    /// Configuration of the breachd that shall hear it; may be repeated, later ones win key by key.
    #[arg(long, required_unless_present = "print")]
    pub config: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum ChannelsCommand {
    /// Sends a test notice over one channel, or over each, and prints what the service answered.
    Test {
        #[command(flatten)]
        config: ConfigFiles,
        /// The channel's name; absent: all.
        name: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ContactsCommand {
    /// Every contact with its addresses and review, who is on call now, and what has to be done about them.
    List {
        #[command(flatten)]
        config: ConfigFiles,
        /// Exit with 1 if something has to be done.
        #[arg(long)]
        check: bool,
    },
    /// Sends a contact a message that asks to be confirmed, by its link or its code.
    Test {
        #[command(flatten)]
        config: ConfigFiles,
        /// The contact.
        name: String,
        /// Over this channel; absent: one of each kind that the contact has an address for.
        #[arg(long)]
        channel: Option<String>,
        /// Who asks.
        #[arg(long)]
        by: String,
    },
    /// Says that a test message arrived, by the code in it.
    Confirm {
        #[command(flatten)]
        config: ConfigFiles,
        /// The contact.
        name: String,
        /// As in the message.
        code: String,
        /// Who says so; absent: the contact itself.
        #[arg(long)]
        by: Option<String>,
    },
    /// Answers for a contact, for as long as `[contacts] review_every` says.
    ///
    /// Only its owner can, and only after a test was confirmed; for an authority's address, after looking it up.
    Attest {
        #[command(flatten)]
        config: ConfigFiles,
        /// The contact.
        name: String,
        /// The contact's owner.
        #[arg(long)]
        by: String,
        /// How you know.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// Groups of one source, reason and shape, with an example.
    List {
        #[command(flatten)]
        config: ConfigFiles,
        #[command(flatten)]
        letters: LetterFilter,
        /// How many groups are shown.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// A record as it lies in its raw log topic, escaped for the terminal.
    ///
    /// It may hold passwords and personal data. Needs the right to read the raw topic.
    Show {
        #[command(flatten)]
        config: ConfigFiles,
        /// TOPIC/PARTITION/OFFSET of a record, or the number of a letter as `list` shows it.
        which: Which,
        /// Its bytes and nothing else, for a file to be replayed.
        #[arg(long)]
        raw: bool,
    },
    /// Copies what could not be read to the end of its raw topic, to be read again after a fix; each only once.
    ///
    /// Each entry becomes one record, marked by the header `breachd-resubmitted`, which is judged by itself. What may be the rest of a
    /// literal (reason rest_of_entry) is left out unless `--reason rest_of_entry` asks for it: look at it first, for a visitor may
    /// have written it. Needs the right to read and write the raw topics.
    Resubmit {
        #[command(flatten)]
        config: ConfigFiles,
        #[command(flatten)]
        letters: LetterFilter,
        /// How many letters at most.
        #[arg(long, default_value_t = 10_000)]
        limit: u64,
        /// Say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which dead letters.
#[derive(Debug, clap::Args)]
pub struct LetterFilter {
    /// Of this source.
    #[arg(long)]
    pub source: Option<String>,
    /// Refused for this reason.
    #[arg(long)]
    pub reason: Option<String>,
    /// Since this time, RFC 3339, or a length of time back from now such as 2h.
    #[arg(long)]
    pub since: Option<Since>,
}

/// A point in time, or a length of time back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    At(activity::Timestamp),
    Ago(activity::Span),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Since::At(at));
        }
        let period: Result<notifier::Period, _> = text.parse();
        period
            .map(|period| {
                Since::Ago(activity::Span::from_millis(i64::try_from(period.as_millis()).unwrap_or(i64::MAX)))
            })
            .map_err(|_| "write a time such as 2026-03-02T21:00:00Z, or a length of time such as 2h".into())
    }
}

impl LetterFilter {
    /// What it means at that time.
    pub fn at(self, now: activity::Timestamp) -> Filter {
        let since = self.since.map(|since| match since {
            Since::At(at) => at,
            Since::Ago(span) => now.saturating_sub(span),
        });
        Filter { source: self.source, reason: self.reason, since }
    }
}

#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// Shows an incident, and how many records and people it concerns: at least, about, at most, and why no closer than that.
    Show {
        /// Such as `INC-7`.
        #[arg(value_parser = |text: &str| incident::IncidentId::parse(text).ok_or("an incident's id is INC- and a number"))]
        incident: incident::IncidentId,
        /// The running breachd.
        #[arg(long, default_value = "http://127.0.0.1:8420")]
        url: String,
        /// File with the API token, where the daemon asks for one.
        #[arg(long)]
        token_file: Option<PathBuf>,
        /// As JSON, with alerts, deadlines, deliveries and the timeline.
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Work(WorkCommand),
}

#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// A dry run: which triggers match a supposed incident and why the others do not, who is told over which channels, when it
    /// escalates, and which time limits would run. Nobody is told.
    Explain(ExplainArgs),
}

/// Who asks for something about a draft, and why; and where the running breachd is.
#[derive(Debug, clap::Args)]
pub struct DraftActArgs {
    /// Who says so: the journal keeps it.
    #[arg(long)]
    pub by: String,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
}

/// A running breachd.
#[derive(Debug, clap::Args)]
pub struct RunningArgs {
    /// The running breachd.
    #[arg(long, default_value = "http://127.0.0.1:8420")]
    pub url: String,
    /// File with the API token, where the daemon asks for one.
    #[arg(long)]
    pub token_file: Option<PathBuf>,
}

fn incident_id(text: &str) -> Result<incident::IncidentId, &'static str> {
    incident::IncidentId::parse(text).ok_or("an incident's id is INC- and a number")
}

#[derive(Debug, Subcommand)]
pub enum DraftsCommand {
    /// Shows a draft: how it stands, what nobody knows yet, and its text.
    Show {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        /// Its number within the incident.
        draft: u32,
        /// The newest version's text and nothing else, byte for byte: `sha256sum` of it is its hash.
        #[arg(long, conflicts_with = "json")]
        text: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Shows how the mails of a draft to the people it concerns stand, and lists who has to be told another way, by employee's number.
    Mailing {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        /// Its number within the incident.
        draft: u32,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Records that mails to people came back: they have to be told another way.
    Bounced {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        draft: u32,
        /// Numbers of employees.
        #[arg(required_unless_present = "mails")]
        who: Vec<String>,
        /// Or delivery reports (RFC 3464) as they came back to the sender: a file each, or a directory of files such as a maildir's `new`.
        /// Only those count that say of a mail of this draft that its delivery failed.
        #[arg(long, value_name = "PATH")]
        mails: Vec<PathBuf>,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Makes a first version for an obligation.
    Make {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        /// Its id in the file of jurisdictions, such as `eu-gdpr-33-authority`.
        obligation: String,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Writes one field into a new version.
    Edit {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        draft: u32,
        /// nature, information, consequences, measures, advice, contact, delay, monitoring or remarks: which of them, the form says.
        #[arg(long)]
        field: String,
        /// Its text; without text or file what was written is taken out.
        #[arg(long)]
        text: Option<String>,
        /// Or a file with it, one paragraph a line.
        #[arg(long, conflicts_with = "text")]
        file: Option<PathBuf>,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Writes a new version by what is known now.
    Redraft {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        draft: u32,
        /// follow_up or final, once something has been sent.
        #[arg(long)]
        phase: Option<String>,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Approves the newest version; with a channel it goes out at once.
    Approve {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        draft: u32,
        /// The newest version's number, as a sign that it was read.
        #[arg(long)]
        draft_version: u32,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Stops it: it does not go out until somebody approves it after all.
    Stop {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        draft: u32,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
    /// Sends the newest version over its channel; without one: records that a person has sent it.
    Send {
        /// Such as `INC-7`.
        #[arg(value_parser = incident_id)]
        incident: incident::IncidentId,
        draft: u32,
        /// The newest version's number.
        #[arg(long)]
        draft_version: u32,
        #[command(flatten)]
        act: DraftActArgs,
        #[command(flatten)]
        running: RunningArgs,
    },
}

impl DraftsCommand {
    pub fn running(&self) -> &RunningArgs {
        match self {
            DraftsCommand::Show { running, .. }
            | DraftsCommand::Mailing { running, .. }
            | DraftsCommand::Bounced { running, .. }
            | DraftsCommand::Make { running, .. }
            | DraftsCommand::Edit { running, .. }
            | DraftsCommand::Redraft { running, .. }
            | DraftsCommand::Approve { running, .. }
            | DraftsCommand::Stop { running, .. }
            | DraftsCommand::Send { running, .. } => running,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum RegisterCommand {
    /// Writes the register, one incident a row, from the journal topic: facts, effects, remedial action, who was told and who was not.
    Export {
        #[command(flatten)]
        config: ConfigFiles,
        #[arg(long, value_enum, default_value_t = RegisterFormat::Csv)]
        format: RegisterFormat,
        /// Incidents opened from then on, RFC 3339.
        #[arg(long)]
        from: Option<activity::Timestamp>,
        /// Incidents opened before then, RFC 3339.
        #[arg(long)]
        to: Option<activity::Timestamp>,
        /// Also those that were found to be no breach, with the reason.
        #[arg(long)]
        dismissed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RegisterFormat {
    Csv,
    Jsonl,
}

#[derive(Debug, Subcommand)]
pub enum DrillCommand {
    /// Injects a marked insider export into a running breachd and prints when it was detected, accepted and confirmed.
    Run {
        /// The running breachd.
        #[arg(long, default_value = "http://127.0.0.1:8420")]
        url: String,
        /// File with the API token, where the daemon asks for one.
        #[arg(long)]
        token_file: Option<PathBuf>,
        /// How long to wait for the last channel, in seconds.
        #[arg(long, default_value_t = 120)]
        wait_seconds: u64,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verifies the journal: that every entry follows from the one before, and that signed checkpoints agree. Names the first bad entry.
    Verify {
        /// A file of journal entries, one a line (.gz and .zst too; `-` for standard input), or the folder of an export. Absent: the
        /// topics, by the configuration.
        #[arg(long, conflicts_with = "config")]
        file: Option<PathBuf>,
        #[arg(long, required_unless_present = "file")]
        config: Vec<PathBuf>,
        /// A file with checkpoints in it: notes, or a saved mail. They are compared beside those of the topic or the export.
        #[arg(long)]
        checkpoints: Vec<PathBuf>,
        /// A public key, as `breachd audit key` shows it: beside those of the configuration, instead of those of the export.
        #[arg(long = "key", value_parser = |text: &str| journal::PublicKey::parse(text))]
        keys: Vec<journal::PublicKey>,
    },
    /// Makes the key pair that signs checkpoints: the private key into a new file, the public key on standard output.
    Keygen {
        /// Whose journal it is, such as `example.com/breachd`: the checkpoints' origin. A new key keeps it.
        #[arg(long)]
        name: String,
        #[arg(long)]
        out: PathBuf,
    },
    /// Shows the public key of a private one.
    Key {
        /// The private key's file.
        #[arg(long)]
        file: PathBuf,
    },
    /// Erases whom the journal's entries about a person are about. The entries stay, and the journal still verifies.
    Erase {
        #[command(flatten)]
        config: ConfigFiles,
        /// The person's id, as logs and alerts have it.
        #[arg(long)]
        id: String,
        /// `portal_user`, `db_account`, `address`, `network` or `employee`; absent: all of this id.
        #[arg(long)]
        kind: Option<String>,
        /// Who erases.
        #[arg(long)]
        by: String,
        /// Why; the journal keeps it. Do not name the person.
        #[arg(long)]
        reason: String,
    },
    /// Writes the journal topic's entries, one a line, to standard output; or all that an auditor needs to a folder.
    Export {
        #[command(flatten)]
        config: ConfigFiles,
        /// The folder: entries, checkpoints, public keys, and what they are. It is verified on the way.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum IntegrationsCommand {
    /// What is tried, channels included, and what came of it last.
    List {
        #[command(flatten)]
        config: ConfigFiles,
        /// Exit with 1 if the last trial of one failed.
        #[arg(long)]
        check: bool,
    },
    /// Tries one now, or all; nothing is journaled. Channels: `breachd channels test`.
    Test {
        #[command(flatten)]
        config: ConfigFiles,
        /// Its name in the configuration; absent: all.
        name: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub struct ConfigFiles {
    /// Configuration file; may be repeated, later ones win key by key.
    #[arg(long = "config", required = true)]
    pub files: Vec<PathBuf>,
}

/// The parts of the work; each may run in an instance of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum RoleName {
    Ingest,
    Detector,
    Notifier,
    Console,
}

impl RoleName {
    pub const ALL: [RoleName; 4] = [RoleName::Ingest, RoleName::Detector, RoleName::Notifier, RoleName::Console];
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RoleName::Ingest => "ingest",
            RoleName::Detector => "detector",
            RoleName::Notifier => "notifier",
            RoleName::Console => "console",
        })
    }
}

/// `[NAME:]FORMAT=PATH[@ZONE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    pub name: String,
    pub format: String,
    pub path: PathBuf,
    pub zone: Option<String>,
    /// Not part of the text.
    pub written: Written,
}

impl FromStr for InputFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, place) = text.split_once('=').ok_or("write [NAME:]FORMAT=PATH[@ZONE]")?;
        let (name, format) = what.split_once(':').unwrap_or((what, what));
        // A path may hold `@`; a zone never holds `.` and never ends the name of an existing file.
        let (path, zone) = match place.rsplit_once('@') {
            Some((path, zone)) if looks_like_a_zone(zone) && !std::path::Path::new(place).exists() => {
                (path, Some(zone.to_owned()))
            }
            _ => (place, None),
        };
        if name.is_empty() || format.is_empty() || path.is_empty() {
            return Err("name, format and path must not be empty".into());
        }
        Ok(InputFile { name: name.into(), format: format.into(), path: path.into(), zone, written: Written::Unknown })
    }
}

/// `[SCHEMA=]PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFile {
    pub name: Option<String>,
    pub path: PathBuf,
}

impl FromStr for SchemaFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path may hold `=`; the name of a schema holds no `/`.
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if !name.contains('/') && !std::path::Path::new(text).exists() => (Some(name), path),
            _ => (None, text),
        };
        if name == Some("") || path.is_empty() {
            return Err("name and path must not be empty; write [SCHEMA=]PATH".into());
        }
        Ok(SchemaFile { name: name.map(Into::into), path: path.into() })
    }
}

fn looks_like_a_zone(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn schemas_say_path_and_perhaps_a_name() {
        let schema = |name: Option<&str>, path: &str| SchemaFile { name: name.map(Into::into), path: path.into() };
        let parsed = |text: &str| text.parse::<SchemaFile>();
        assert_eq!(parsed("hr=dump.sql.zst"), Ok(schema(Some("hr"), "dump.sql.zst")));
        assert_eq!(parsed("dump.sql"), Ok(schema(None, "dump.sql")));
        assert_eq!(parsed("a/b=c.sql"), Ok(schema(None, "a/b=c.sql")));
        assert!(parsed("=dump.sql").is_err() && parsed("hr=").is_err() && parsed("").is_err());
    }

    #[test]
    fn inputs_say_name_format_path_and_zone() {
        let input = |name: &str, format: &str, path: &str, zone: Option<&str>| InputFile {
            name: name.into(),
            format: format.into(),
            path: path.into(),
            zone: zone.map(Into::into),
            written: Written::Unknown,
        };
        let parsed = |text: &str| text.parse::<InputFile>();
        assert_eq!(
            parsed("audit:mariadb_server_audit=a.log@Europe/Berlin"),
            Ok(input("audit", "mariadb_server_audit", "a.log", Some("Europe/Berlin")))
        );
        assert_eq!(parsed("nginx_json=-"), Ok(input("nginx_json", "nginx_json", "-", None)));
        assert_eq!(parsed("nginx_json=me@host/a.log"), Ok(input("nginx_json", "nginx_json", "me@host/a.log", None)));
        assert!(parsed("nginx_json").is_err() && parsed(":x=y").is_err() && parsed("x=").is_err());
    }
}
