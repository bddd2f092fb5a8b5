//! The whole configuration: every section is its component's own struct, nested here.
//!
//! Layers and their order are told in [`load`]. What was written is [`Written`]; what it means, checked and with the files
//! it names read in, is [`Settings`]. Both are made in one go so that all mistakes of all sections are reported together.

pub mod limits;
pub mod load;

use crate::{
    checkpoints::{AuditSettings, Keys},
    cli::InputFile,
    contacts,
    drill::mark::DrillKey,
    hooks::Hooks,
    hr_systems::{self, HrSystemSettings},
    links::LinkKey,
    probes::ProbeSettings,
    signatures::{self, SignatureSettings, Wrong},
    topics::TopicSettings,
};
use detector::{Calendar, Directory, Engine, EngineSpec, Residents};
use incident::Policy;
use ingest::{Geo, Plan, Pseudonyms};
use law::Catalogue;
use load::{Mistake, Tree};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    ops,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What can be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    /// Name of this instance, the same after a restart (a pod's or host's name): Kafka then hands it its partitions back
    /// at once. Default: the host's name.
    pub instance: String,
    pub kafka: stream::Settings,
    pub topics: TopicSettings,
    pub ingest: IngestSettings,
    pub snapshots: SnapshotSettings,
    pub sources: Vec<ingest::settings::Source>,
    pub classification: ingest::settings::Classification,
    pub attribution: ingest::settings::Attribution,
    pub network: ingest::settings::Network,
    pub privacy: ingest::settings::Privacy,
    pub signatures: SignatureSettings,
    pub detector: detector::Settings,
    /// The HR directory: columns user, role, department, employee_id, from, to, zone; perhaps email, language, jurisdiction.
    pub directory: FileSetting,
    /// Where networks are: columns network, country, kind; or a MaxMind file.
    pub geo: GeoSetting,
    /// What the company knows beforehand: columns from, to, kind.
    pub calendar: FileSetting,
    pub triggers: Vec<incident::Trigger>,
    /// Texts that triggers name, by name.
    pub wordings: BTreeMap<String, String>,
    pub inhibitions: Vec<incident::Inhibition>,
    pub escalation: incident::EscalationSettings,
    pub fallback: incident::FallbackSettings,
    pub awareness: incident::AwarenessSettings,
    pub notices: incident::NoticeSettings,
    pub digest: incident::DigestSettings,
    pub jurisdictions: incident::JurisdictionSettings,
    /// Who you are, as it stands in what the law wants told.
    pub organisation: draft::Organisation,
    pub drafts: Vec<incident::DraftRule>,
    /// Another file of legal obligations instead of the one that ships with breachd.
    pub obligations: FileSetting,
    pub channels: Vec<notifier::ChannelSettings>,
    pub probes: ProbeSettings,
    /// Interfaces of other systems that are tried.
    pub integrations: Vec<notifier::IntegrationSettings>,
    pub contacts: ContactSettings,
    /// Third parties' HR systems that report and subscribe.
    pub hr_systems: Vec<HrSystemSettings>,
    /// Where channels may go.
    pub delivery: notifier::DeliverySettings,
    pub console: console::Settings,
    pub drill: DrillSettings,
    pub audit: AuditSettings,
}

/// A section that names a CSV file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSetting {
    /// Path, looked for beside the configuration file first. Absent: none.
    pub file: Option<PathBuf>,
}

/// `[geo]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoSetting {
    /// A CSV file, or a MaxMind file (.mmdb) of countries or cities. Absent: nothing is known of any address.
    pub file: Option<PathBuf>,
    /// A MaxMind file (.mmdb) of network operators.
    pub operators_file: Option<PathBuf>,
}

/// `[ingest]`: pace of the role that reads the raw logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestSettings {
    /// Time between two transactions: how long tallies are merged before they are sent.
    pub flush_interval: notifier::Period,
    /// A slow-log entry whose next line has not come for this long is taken as complete.
    pub expire_after: notifier::Period,
    /// A partition that has been silent for this long is not waited for.
    pub idle_after: notifier::Period,
}

/// `[snapshots]`: what the detector writes down of its state.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// Least time between two snapshots of one tally partition: what a crash may have to read again. Longer where writing one takes long.
    pub interval: notifier::Period,
}

impl SnapshotSettings {
    fn check(&self) -> Vec<(String, String)> {
        if (Duration::from_millis(100)..=limits::SNAPSHOT_INTERVAL_MAX).contains(&self.interval.0) {
            return Vec::new();
        }
        vec![("snapshots.interval".to_owned(), "must be 100ms to 1h".to_owned())]
    }
}

/// `[drill]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrillSettings {
    /// File with the key (at least 16 bytes) that signs drills' records. Absent: no drills can be held.
    pub key_file: Option<PathBuf>,
}

/// `[contacts]`: people who are called one by one, and what they answer with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactSettings {
    /// File of contacts, teams, on-call schedules and escalation policies. Absent: none; channels know themselves whom they tell.
    pub file: Option<PathBuf>,
    /// How long an attestation of a contact holds.
    pub review_every: notifier::Period,
    /// File with the key (at least 16 bytes) that signs the links and codes contacts answer with. Absent: mails hold none.
    pub key_file: Option<PathBuf>,
}

/// The configuration, checked, and what the files it names say.
#[derive(Clone, Debug)]
pub struct Settings {
    written: Written,
    pub people: Arc<Directory>,
    pub networks: Arc<Geo>,
    /// Signature rules that are in force.
    pub rules: Arc<::signatures::Set>,
    pub periods: Arc<Calendar>,
    pub privacy: Arc<Pseudonyms>,
    policy: Arc<Policy>,
    key: Option<DrillKey>,
    /// Who signs the journal's checkpoints, and who did.
    pub journal_keys: Arc<Keys>,
    links: LinkKey,
    hooks: Arc<Hooks>,
}

impl ops::Deref for Settings {
    type Target = Written;
    fn deref(&self) -> &Written {
        &self.written
    }
}

impl Default for IngestSettings {
    fn default() -> Self {
        IngestSettings {
            flush_interval: notifier::Period(Duration::from_millis(500)),
            expire_after: notifier::Period::from_secs(5),
            idle_after: notifier::Period::from_secs(30),
        }
    }
}

impl Default for SnapshotSettings {
    fn default() -> Self {
        SnapshotSettings { interval: notifier::Period::from_secs(10) }
    }
}

impl Default for ContactSettings {
    fn default() -> Self {
        ContactSettings { file: None, review_every: notifier::Period::from_secs(90 * 24 * 3600), key_file: None }
    }
}

impl Settings {
    /// Reads, merges, checks. Errors: every mistake, in the order of the files.
    pub fn load(files: &[PathBuf], environment: &[(String, String)]) -> Result<Settings, Vec<Mistake>> {
        let tree = Tree::read(files, environment)?;
        let written: Written = tree.parse()?;
        let rules = signatures::read(&written.signatures);
        let book = contacts::read(&written.contacts);
        let (mut settings, mistakes) = written.resolve();
        if let Some(settings) = &mut settings
            && !tree.writes("detector.maxima")
        {
            settings.reckon_with_directory();
        }
        let mut mistakes: Vec<Mistake> =
            mistakes.into_iter().map(|(key, problem)| tree.mistake(&key, problem)).collect();
        match (rules, &mut settings) {
            (Ok(rules), Some(settings)) => {
                let known = |name: &str| rules.rules().iter().any(|rule| *rule.mark.rule == *name);
                let unknown = settings.detector.rules_excepted().filter(|(_, name)| !known(name));
                mistakes.extend(unknown.map(|(key, name)| {
                    tree.mistake(
                        &format!("detector.{key}"),
                        format!("there is no detector and no signature rule in force that is called `{name}`"),
                    )
                }));
                settings.rules = Arc::new(rules);
            }
            (Ok(_), None) => {}
            (Err(wrong), _) => mistakes.extend(wrong.into_iter().map(|wrong| match wrong {
                Wrong::File { file, line, problem } => {
                    Mistake { place: Some((file, Some(line))), key: String::new(), problem }
                }
                Wrong::Setting { key, problem } => tree.mistake(&format!("signatures.{key}"), problem),
            })),
        }
        match (book, &mut settings) {
            (Ok(book), Some(settings)) => {
                for (of_file, key, problem) in settings.take_contacts(book) {
                    let mistake = if of_file {
                        contacts::mistake(&settings.contacts, &key, problem)
                    } else {
                        tree.mistake(&key, problem)
                    };
                    mistakes.push(mistake);
                }
            }
            (Ok(_), None) => {}
            (Err(wrong), _) => mistakes.extend(wrong),
        }
        mistakes.sort();
        mistakes.dedup();
        settings.filter(|_| mistakes.is_empty()).ok_or(mistakes)
    }

    /// Puts the people who can be called into the policy. What does not fit: whether it is in their file, its key, the problem.
    fn take_contacts(&mut self, book: Option<oncall::Book>) -> Vec<(bool, String, String)> {
        let channels = self.channels.iter().map(|channel| (channel.name().to_owned(), channel.kind().to_owned()));
        let review_every = i64::try_from(self.contacts.review_every.as_millis()).unwrap_or(i64::MAX);
        let contacts = book.map(|book| incident::Contacts {
            book: Arc::new(book),
            channels: channels.collect(),
            review_every: activity::Span::from_millis(review_every),
        });
        let wrong = contacts.as_ref().map_or_else(Vec::new, incident::Contacts::check);
        let mut wrong: Vec<_> = wrong.into_iter().map(|(key, problem)| (true, key, problem)).collect();
        match Policy::clone(&self.policy).with_contacts(contacts) {
            Ok(policy) => self.policy = Arc::new(policy),
            Err(found) => wrong.extend(found.into_iter().map(|(key, problem)| (false, key, problem))),
        }
        wrong
    }

    /// With an HR directory and no `[detector.maxima]` written, the budget reckons with the people in it: one and a quarter
    /// times as many portal users, each with ten tables. So a small company's budget is not spread over thousands of users
    /// it does not have. The directory is configuration: live counts, which an attacker can raise, play no part.
    fn reckon_with_directory(&mut self) {
        let Ok(people) = u32::try_from(self.people.len()) else { return };
        if people > 0 {
            let maxima = &mut self.written.detector.maxima;
            maxima.portal_user = people.saturating_add(people / 4).saturating_add(1);
            maxima.user_table = maxima.portal_user.saturating_mul(10);
        }
    }

    /// Who has to know.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy)
    }

    /// The channels as the notifier takes them.
    pub fn notifier(&self) -> notifier::Settings {
        notifier::Settings { channels: self.channels.clone(), delivery: self.delivery.clone() }
    }

    /// What links and codes of contacts are signed with.
    pub fn links(&self) -> &LinkKey {
        &self.links
    }

    /// Who may post to us.
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    pub fn drill_key(&self) -> DrillKey {
        self.key.clone().unwrap_or_default()
    }

    /// How long the detector waits for roll-ups of other partitions before the last known ones serve: longer than a partition is taken
    /// for silent, and longer than it takes until somebody else goes on with the work of an instance that was killed within a transaction.
    pub fn fleet_wait(&self) -> Duration {
        let moved = self.kafka.session_timeout + self.kafka.transaction_timeout;
        (2 * self.ingest.idle_after.0).max(moved) + Duration::from_secs(10)
    }

    /// What each source's records mean, by topic.
    pub fn plans(&self) -> BTreeMap<String, Arc<Plan>> {
        let settings = self.ingest();
        let plan = |(at, source): (usize, &ingest::settings::Source)| {
            Some((source.topic.clone()?, Arc::new(self.plan(&settings, at)?)))
        };
        self.sources.iter().enumerate().filter_map(plan).collect()
    }

    fn plan(&self, settings: &ingest::Settings, at: usize) -> Option<Plan> {
        let plan = Plan::new(settings, at, &self.networks, self.detector.allowed_lateness)?;
        Some(plan.with_privacy(&self.privacy).with_signatures(&self.rules))
    }

    /// The same for the files of a replay: a file whose name is a configured source's is read as that source is.
    ///
    /// # Errors
    /// [`Usage`]: what the caller has to write otherwise.
    pub fn replay_plans(&self, inputs: &[InputFile]) -> Result<Vec<Arc<Plan>>, Usage> {
        let settings = self.ingest_of(inputs);
        if let Some((key, problem)) = settings.check().into_iter().next() {
            let at = key.strip_prefix("sources[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
            let which = at.and_then(|at| inputs.get(at));
            let advice = which.filter(|input| key.ends_with(".zone") && input.zone.is_none()).map(|input| {
                let InputFile { name, format, path, .. } = input;
                let path = path.display();
                format!("; write it behind the path, `--input {name}:{format}={path}@Europe/Berlin`, or as `zone` of `[[sources]]`")
            });
            let which = which.map_or_else(String::new, |input| format!("--input {}: ", input.name));
            return Err(Usage(format!("{which}{problem}{}", advice.unwrap_or_default())));
        }
        Ok(self.plans_of(&settings))
    }

    /// The same for `breachd discover`, which takes no notice of times: where a zone is missing, it is UTC.
    ///
    /// # Errors
    /// [`Usage`].
    pub fn discovery_plans(&self, inputs: &[InputFile]) -> Result<Vec<Arc<Plan>>, Usage> {
        let mut settings = self.ingest_of(inputs);
        for (at, source) in settings.sources.iter_mut().enumerate() {
            source.zone.get_or_insert_with(|| "UTC".to_owned());
            // Two files of one format are no mistake here.
            source.name = format!("{}.{at}", source.name);
        }
        if let Some((_, problem)) = settings.check().into_iter().next() {
            return Err(Usage(problem));
        }
        Ok(self.plans_of(&settings).into_iter().map(|plan| Arc::new(Plan::clone(&plan).discovering())).collect())
    }

    fn plans_of(&self, settings: &ingest::Settings) -> Vec<Arc<Plan>> {
        (0..settings.sources.len()).filter_map(|at| self.plan(settings, at).map(Arc::new)).collect()
    }

    /// What ingest would be told if these files were the sources.
    pub fn ingest_of(&self, inputs: &[InputFile]) -> ingest::Settings {
        let mut settings = self.ingest();
        settings.sources = inputs
            .iter()
            .map(|input| {
                let configured = self.sources.iter().find(|source| source.name == input.name);
                let mut source =
                    configured.cloned().unwrap_or_else(|| ingest::settings::Source::new(&input.name, &input.format));
                source.format.clone_from(&input.format);
                if let Some(zone) = &input.zone {
                    source.zone = Some(zone.clone());
                }
                source
            })
            .collect();
        settings
    }

    /// The engine of one tally partition. `files`: evidence names inputs instead of topics.
    pub fn engine(&self, partition: u32, partitions: u32, sources: &[(Box<str>, u32)], files: bool) -> Engine {
        let evidence = sources
            .iter()
            .map(|(name, _)| {
                let topic =
                    self.sources.iter().find(|source| source.name == **name).and_then(|source| source.topic.clone());
                let place = match topic {
                    Some(topic) if !files => detector::EvidenceIn::Topic(topic),
                    _ => detector::EvidenceIn::File(name.to_string()),
                };
                (name.clone(), place)
            })
            .collect();
        let spec = EngineSpec { partition, partitions, sources: sources.to_vec(), evidence };
        let key = self.privacy.alert_key().map(detector::AlertKey::new);
        Engine::new(spec, Arc::new(self.detector.clone()), Arc::clone(&self.people), Arc::clone(&self.periods))
            .with_alert_key(key)
    }

    /// The part that ingest reads.
    pub fn ingest(&self) -> ingest::Settings {
        self.written.ingest_settings()
    }

    /// What is right but may surprise, at that time.
    pub fn notes(&self, now: activity::Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        if self.channels.is_empty() {
            notes.push("no `[[channels]]`: nobody will be told of anything".to_owned());
        }
        if self.journal_keys.signing.is_none() {
            notes.push(
                "no `[audit] key_file`: nothing shows that the journal's end was cut off or written anew".to_owned(),
            );
        }
        if self.directory.file.is_none() {
            notes.push("no `[directory]`: all portal users are one peer group".to_owned());
        }
        let writes_to_people =
            self.drafts.iter().any(|rule| rule.channel.is_some() && rule.goes_to_people(self.policy.law()));
        if writes_to_people
            && self.people.rows().flatten().all(|person| person.email.is_empty() || person.employee_id.is_empty())
        {
            notes.push(
                "`[[drafts]]` sends mails to the people themselves, and no row of `[directory]` has `employee_id` and `email`: nobody \
                 can be written to"
                    .to_owned(),
            );
        }
        let of_places = self.policy.law().obligations().iter().filter(|one| !one.residents_of.is_empty()).count();
        if of_places > 0 && self.people.rows().flatten().all(|person| person.jurisdiction.is_empty()) {
            notes.push(format!(
                "{of_places} obligations ask where people live, and no row of `[directory]` has a `jurisdiction`: until a person \
                 counts, their thresholds count as met"
            ));
        }
        // What was attested since is in the journal, which a check does not read.
        notes.extend(contacts::findings(&self.policy, &[], now));
        let contacts = self.policy.contacts();
        let overdue: Vec<&str> = contacts.map_or_else(Vec::new, |contacts| {
            let reviews = contacts.book.contacts().map(|of| oncall::Review::of(of, None, contacts.review_every));
            reviews.filter(|review| review.is_overdue(now)).map(|review| review.contact.name.as_str()).collect()
        });
        if !overdue.is_empty() {
            let names = activity::printable_within(&overdue.join(", "), 400);
            notes.push(format!(
                "overdue for review as far as the file says: {names}; `breachd contacts list` knows what was attested since"
            ));
        }
        if contacts.is_some() && (!self.links.is_set() || self.notices.link_base.is_none()) {
            notes.push(
                "mails to contacts hold no link to acknowledge with: write `[contacts] key_file` and `[notices] link_base`"
                    .to_owned(),
            );
        }
        let hooks = self.hooks.names();
        if !hooks.is_empty() && self.console.public_url.is_none() && self.console.allowed_hosts.is_empty() {
            notes.push(format!(
                "posts to /hooks/{} are refused where they come by a name: write `[console] public_url`, or the proxy's name for \
                 it in `allowed_hosts`",
                hooks.join(", /hooks/")
            ));
        }
        let over = self.detector.exceptions_over(now);
        notes.extend(over.into_iter().map(|(key, owner)| {
            let owner = activity::printable_within(&owner, 80);
            format!(
                "`detector.{key}` is over and does nothing any more; {owner} answers for it: renew it or take it out"
            )
        }));
        notes.extend(self.people.notes().iter().map(|note| format!("`directory.file`: {note}")));
        notes.extend(self.networks.notes().iter().map(|(line, note)| format!("`geo.file`: line {line}: {note}")));
        let lint = self.ingest().lint(&ingest::settings::Seen::default());
        notes.extend(lint.into_iter().map(|(key, text)| format!("`{key}`: {text}")));
        notes
    }
}

impl Written {
    fn ingest_settings(&self) -> ingest::Settings {
        ingest::Settings {
            sources: self.sources.clone(),
            classification: self.classification.clone(),
            attribution: self.attribution.clone(),
            network: self.network.clone(),
            privacy: self.privacy.clone(),
        }
    }

    fn incident_settings(&self) -> incident::Settings {
        incident::Settings {
            triggers: self.triggers.iter().cloned().chain(hr_systems::triggers(&self.hr_systems)).collect(),
            wordings: self.wordings.clone(),
            inhibitions: self.inhibitions.clone(),
            escalation: self.escalation.clone(),
            fallback: self.fallback.clone(),
            awareness: self.awareness.clone(),
            notices: self.notice_settings(),
            digest: self.digest.clone(),
            jurisdictions: self.jurisdictions.clone(),
            organisation: self.organisation.clone(),
            drafts: self.drafts.clone(),
        }
    }

    /// Where people go by pseudonyms within breachd, services outside of it are not told names unless that is written.
    fn notice_settings(&self) -> incident::NoticeSettings {
        let unwritten =
            if self.privacy.pseudonymise_users { incident::FiguresShown::Counts } else { incident::FiguresShown::Full };
        incident::NoticeSettings { figures: self.notices.figures.or(Some(unwritten)), ..self.notices.clone() }
    }

    /// The settings as far as they can be made, and all that is wrong: (key path, problem).
    fn resolve(mut self) -> (Option<Settings>, Vec<(String, String)>) {
        let mut mistakes = Vec::new();
        let mut below = |section: &str, found: Vec<(String, String)>| {
            mistakes.extend(found.into_iter().map(|(key, problem)| (format!("{section}.{key}"), problem)));
        };
        below("kafka", self.kafka.check());
        below("detector", self.detector.check());
        below("console", self.console.check());
        mistakes.extend(self.topics.check());
        mistakes.extend(self.snapshots.check());
        mistakes.extend(self.probes.check());
        mistakes.extend(notifier::IntegrationSettings::check(&self.integrations, &self.delivery));
        mistakes.extend(self.ingest_settings().check());
        mistakes
            .extend(notifier::Settings { channels: self.channels.clone(), delivery: self.delivery.clone() }.check());
        if self.instance.is_empty() {
            self.instance = host_name();
        }
        if !self.instance.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            || self.instance.len() > 100
        {
            mistakes.push(("instance".into(), "must be at most 100 letters, digits, `.`, `_` or `-`".into()));
        }
        self.check_channel_names(&mut mistakes);
        if !self.channels.is_empty() && self.triggers.is_empty() && self.fallback.channels.is_empty() {
            mistakes.push((
                "channels".into(),
                "nobody would ever be told: write at least one of `[[triggers]]` with its channels".into(),
            ));
        }
        let privacy = self.read_privacy(&mut mistakes);
        let people = table("directory", &self.directory, &mut mistakes, |file| read_people(file, &privacy));
        let periods = table("calendar", &self.calendar, &mut mistakes, |file| {
            Calendar::parse(&read(file)?).map_err(|error| error.to_string())
        });
        let networks = read_networks(&self.geo).unwrap_or_else(|(key, problem)| {
            mistakes.push((format!("geo.{key}"), problem));
            Geo::default()
        });
        let jurisdictions = match self.obligations.file.as_deref().map(std::fs::read_to_string).transpose() {
            Ok(text) => {
                Catalogue::parse(text.as_deref().unwrap_or(Catalogue::DEFAULT)).map_err(|error| error.to_string())
            }
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        let policy = match jurisdictions {
            Ok(jurisdictions) => {
                Policy::new(self.incident_settings(), &jurisdictions).map_err(|found| mistakes.extend(found)).ok()
            }
            Err(problem) => {
                mistakes.push(("obligations.file".into(), problem));
                None
            }
        };
        let key = match self.drill.key_file.as_deref().map(std::fs::read).transpose() {
            Ok(None) => None,
            Ok(Some(bytes)) => {
                let key = DrillKey::new(&bytes);
                if key.is_none() {
                    mistakes.push((
                        "drill.key_file".into(),
                        format!("holds a key that is too short; write at least {} bytes", DrillKey::BYTES_MIN),
                    ));
                }
                key
            }
            Err(error) => {
                mistakes.push(("drill.key_file".into(), format!("cannot be read: {error}")));
                None
            }
        };
        let journal_keys = self.audit.keys(&mut mistakes);
        if !(Duration::from_secs(24 * 3600)..=Duration::from_secs(731 * 24 * 3600))
            .contains(&self.contacts.review_every.0)
        {
            mistakes.push(("contacts.review_every".into(), "must lie between `1d` and `731d`".into()));
        }
        let links = match self.contacts.key_file.as_deref().map(std::fs::read).transpose() {
            Ok(None) => LinkKey::default(),
            Ok(Some(bytes)) => LinkKey::new(&bytes).unwrap_or_else(|| {
                let problem = format!("holds a key that is too short; write at least {} bytes", LinkKey::BYTES_MIN);
                mistakes.push(("contacts.key_file".into(), problem));
                LinkKey::default()
            }),
            Err(error) => {
                mistakes.push(("contacts.key_file".into(), format!("cannot be read: {error}")));
                LinkKey::default()
            }
        };
        let hooks = Hooks::read(&self.channels, &self.hr_systems, &mut mistakes);
        let residents = Arc::new(Residents::of(&people));
        let settings = policy.map(|policy| policy.with_residents(residents)).map(|policy| Settings {
            written: self,
            people: Arc::new(people),
            networks: Arc::new(networks),
            rules: Arc::default(),
            periods: Arc::new(periods),
            privacy: Arc::new(privacy),
            policy: Arc::new(policy),
            key,
            journal_keys: Arc::new(journal_keys),
            links,
            hooks: Arc::new(hooks),
        });
        (settings, mistakes)
    }

    /// Hashes and pseudonyms under the key that is configured.
    fn read_privacy(&self, mistakes: &mut Vec<(String, String)>) -> Pseudonyms {
        let written = &self.privacy;
        let key = written.key_file.as_deref().map(|file| match std::fs::read(file) {
            // Secrets are often written with a line break behind them; the key is the same with and without.
            Ok(bytes) => Ok(bytes.trim_ascii_end().to_vec()),
            Err(error) => Err(format!("cannot be read: {error}")),
        });
        let mut refuse = |problem: String| mistakes.push(("privacy.key_file".into(), problem));
        let key = match key {
            None => None,
            Some(Ok(key)) if Pseudonyms::KEY_BYTES_MIN <= key.len() => Some(key),
            Some(Ok(_)) => {
                refuse(format!("holds a key that is too short; write at least {} bytes", Pseudonyms::KEY_BYTES_MIN));
                None
            }
            Some(Err(problem)) => {
                refuse(problem);
                None
            }
        };
        Pseudonyms::new(written, key.as_deref())
    }

    /// Every channel that anything names must be there.
    fn check_channel_names(&self, mistakes: &mut Vec<(String, String)>) {
        let known: Vec<&str> = self.channels.iter().map(notifier::ChannelSettings::name).collect();
        let mut check = |key: String, names: &[String]| {
            for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
                let others = match known.as_slice() {
                    [] => String::new(),
                    known => format!(", or use one of: {}", known.join(", ")),
                };
                mistakes
                    .push((key.clone(), format!("there is no channel `{name}`; write it as `[[channels]]`{others}")));
            }
        };
        for (at, trigger) in self.triggers.iter().enumerate() {
            check(format!("triggers[{at}].channels"), &trigger.channels);
        }
        check("escalation.channels".into(), &self.escalation.channels);
        check("fallback.channels".into(), &self.fallback.channels);
        check("digest.channels".into(), &self.digest.channels);
        let drafts = self.drafts.iter().enumerate().filter_map(|(at, rule)| Some((at, rule.channel.as_ref()?)));
        drafts.clone().for_each(|(at, name)| check(format!("drafts[{at}].channel"), std::slice::from_ref(name)));
        let unfit =
            |name: &String| self.channels.iter().any(|channel| channel.name() == name && !channel.takes_documents());
        for (at, name) in drafts.filter(|(_, name)| unfit(name)) {
            let problem =
                format!("`{name}` cannot bring a document and nothing else: name a channel of the kind `email`");
            mistakes.push((format!("drafts[{at}].channel"), problem));
        }
        let interrupts =
            |name: &String| self.channels.iter().any(|channel| channel.name() == name && !channel.takes_digests());
        for name in self.digest.channels.iter().filter(|name| interrupts(name)) {
            let problem = format!(
                "`{name}` may interrupt people, a digest must not: name a channel of the kind `email` or `webhook`"
            );
            mistakes.push(("digest.channels".into(), problem));
        }
    }
}

/// What the caller has to write otherwise: exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Reads the file a section names; its default where there is none.
fn table<T: Default>(
    section: &str,
    setting: &FileSetting,
    mistakes: &mut Vec<(String, String)>,
    read: impl FnOnce(&Path) -> Result<T, String>,
) -> T {
    let Some(file) = &setting.file else { return T::default() };
    read(file).unwrap_or_else(|problem| {
        mistakes.push((format!("{section}.file"), format!("`{}`: {problem}", file.display())));
        T::default()
    })
}

/// Networks and their operators. Error: the key of the file that is wrong, and what is wrong with it.
pub fn read_networks(setting: &GeoSetting) -> Result<Geo, (&'static str, String)> {
    let bytes = |file: &Path| std::fs::read(file).map_err(|error| format!("cannot be read: {error}"));
    let wrong = |key: &'static str, file: &Path| {
        let file = file.display().to_string();
        move |problem: String| (key, format!("`{file}`: {problem}"))
    };
    let mut networks = Geo::default();
    if let Some(file) = &setting.file {
        let read = |bytes: Vec<u8>| {
            Geo::read(bytes).map_err(|errors| {
                let lines: Vec<String> =
                    errors.iter().take(10).map(|(line, problem)| format!("line {line}: {problem}")).collect();
                lines.join("; ")
            })
        };
        networks = bytes(file).and_then(read).map_err(wrong("file", file))?;
    }
    if let Some(file) = &setting.operators_file {
        let read = |bytes: Vec<u8>| networks.with_operators(bytes);
        networks = bytes(file).and_then(read).map_err(wrong("operators_file", file))?;
    }
    Ok(networks)
}

/// The HR directory, under the names by which its people will be met.
pub fn read_people(file: &Path, privacy: &Pseudonyms) -> Result<Directory, String> {
    let people = Directory::parse(&read(file)?).map_err(|error| error.to_string())?;
    Ok(if privacy.hides_users() { people.renamed(|user| privacy.of(user).into()) } else { people })
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String =
        name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).take(100).collect();
    if name.is_empty() { "breachd".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_tell_of_the_files_that_are_named() {
        let folder = std::env::temp_dir().join(format!("breachd-notes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write(
            "directory.csv",
            "user,role,department,employee_id,from,to,zone\nu1,ess,d,1,2026-03-02,2026-03-01,UTC\nu1,ess,d,1,,,UTC\nu1,payroll,d,1,,,UTC\n",
        );
        write("geo.csv", "\u{feff}network,country,kind\n10.0.0.0/8,DE,office\n10.0.0.0/8,DE,vpn\n");
        write("breachd.toml", "directory.file = \"directory.csv\"\ngeo.file = \"geo.csv\"\n");
        let settings = Settings::load(&[folder.join("breachd.toml")], &[]).unwrap();
        let notes = settings.notes(activity::Timestamp::from_secs(0));
        for part in ["directory.file`: line 2: ", "directory.file`: line 4: ", "geo.file`: line 3: "] {
            assert!(notes.iter().any(|note| note.contains(part)), "{part} {notes:#?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
