//! Which entities an activity touches, and what it adds to each.
//!
//! | activity | entities |
//! |---|---|
//! | request | portal user (if the log names one), integration key, address, session (of who is logged in, else classified only), application host (HR only) |
//! | login | the same, and the fleet: from which addresses somebody got in, and who was tried from where; a refused one says nothing of where the user is, and its name is only what was tried |
//! | request with personal data in its address | its route, too |
//! | statement, tagged | portal user, user × table and table for each classified table, application host |
//! | statement, untagged | database account (where the log names one), table, application host |
//! | line of an application's own log | as a tagged statement, and where the person is; no application host |
//! | READ or WRITE row | table |
//! | connection | database account; a refused one also the address |
//!
//! Persons and integration keys, with their tables, are told which records of classified tables a statement's conditions name, and
//! without their tables, which pages of lists they turned. What an
//! answered request to a classified route names in its address is told apart ([`Tally::requested`]), of all that the request touches: it
//! says how many records are concerned, and nothing is judged by it.
//!
//! What signature rules match is told to the actor: the person, key, account or address. Where nobody is named it goes to the
//! application host, else to the source, so that no match is lost.
//!
//! Requests count always; rows, bytes and statements only where classified data is touched, statements that were refused
//! only as refused. In a join each classified table gets all rows; the user and the host get them once. Signals go to the
//! actor, whatever was touched. Each measure has one source of record, see [`Plan::new`]; a source that is not adds who and
//! what, and no numbers.
//!
//! # Who it was
//! In order of trust: the comment tag at its position, the application's own log, the access log. A tag is text of the
//! statement, so whoever may send statements may write one: with `[attribution] tagged_accounts` only the application's
//! accounts are believed, and the tag of any other is [`Signal::MisplacedTag`]. Without the list any account can pose as any
//! user. Where nothing names the person, the tally of the *application host* brings both logs together without joining them: from SQL
//! [`Metric::UnnamedStatements`] and the tables, from the web log [`Metric::ClassifiedRequests`] and `candidates`, the users
//! with such requests on that host in that minute. Here only HR data counts: a shop's guests cause statements on orders and
//! customers all day that nobody could be named for. (Rows and statements of the host are those of all classified data, named or
//! not.) A web server stamps a request when it ends, so candidates of the
//! next minute belong to statements of this one too. Both logs must name the host alike: `[attribution.app_hosts]`.
//!
//! **Request ids.** With `[attribution] request_ids = true` the web log adds `rid:HASH|USER` to `candidates` and an unnamed
//! statement whose tag carries the id adds `rid:HASH|schema.table` to `accounts`, HASH being 12 digits of the id's hash:
//! whoever reads the tally finds equal HASHes ([`Tally::requests_in_common`]). The statement counts as unnamed all the same: any
//! text can stand in a tag, so an id only helps to find the person and explains nothing. A shop whose tags carry request ids
//! and no users therefore has hours of unnamed statements as a habit, and nothing pages for them. It costs one member of `candidates` per request, so beyond
//! [`tally::limits::CANDIDATES_MAX`] requests in one minute on one host only a part is found; the plain candidates
//! compete for the same room. An entity per request id would find all, at the price of an entity per request: the detector's
//! state would be filled by ordinary traffic.

use crate::coverage::Coverage;
use crate::discover::Discovery;
use crate::limits::{
    AGENT_BYTES_MAX, CLASSES_REMEMBERED_MAX, PATH_REMEMBERED_BYTES_MAX, ROUTE_STEP_BYTES_MAX, ROUTE_STEPS_MAX,
    ROUTE_STEPS_SHOWN, TEXTS_REMEMBERED_MAX,
};
use crate::plan::Plan;
use crate::privacy::Sort;
use crate::route_rule::Named;
use activity::{
    Activity, Actor, Bucket, DataClass, DataClasses, EntityKind, KnownBy, Mark, Measures, Mode, Operation, Outcome,
    Payee, Record, Resource, Signal, Signals,
};
use formats::comparable_path;
use hashbrown::HashMap;
use signatures::Matcher;
use std::{borrow::Cow, fmt::Write, hash::Hash, net::IpAddr, sync::Arc};
use tally::{Metric, PAGES_USUAL, SampleKey, Tallier, Tally, Text};

/// Where a tally goes and what points to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) mode: Mode,
    pub(crate) bucket: Bucket,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Attributes the activities of one source partition.
#[derive(Debug)]
pub(crate) struct Attributor {
    plan: Arc<Plan>,
    /// Class by `schema.table`.
    classes: HashMap<Box<str>, DataClass>,
    /// Class by path, as the application sees it; of paths that no pattern tells apart, by the one of them that is remembered.
    route_classes: HashMap<Box<[u8]>, DataClass>,
    /// Room for that one.
    alike: Vec<u8>,
    texts: Texts,
    pub(crate) coverage: Coverage,
    discovery: Discovery,
    matcher: Matcher,
    /// What rules say of the activity that is being added.
    marks: Vec<Arc<Mark>>,
    /// Room for ids, used again and again.
    actor: String,
    table: String,
    pair: String,
}

/// What a statement adds wherever classified data is touched.
#[derive(Clone, Copy, Default)]
struct Reading {
    statements: u64,
    measures: Measures,
    /// Statements whose rows are known.
    counted: u64,
    gathered: u64,
    refused: u64,
}

/// A statement that counts, and what it comes to.
struct Statement<'a> {
    activity: &'a Activity<'a>,
    /// Classified tables: which of the activity's resources, and their class.
    classified: Vec<(usize, DataClass)>,
    classes: DataClasses,
    signals: Signals,
    /// It did not succeed, and this source counts that.
    went_wrong: bool,
    /// Its tag is believed.
    may_tag: bool,
    /// What the actor is, whose id is [`Attributor::actor`]; `None`: nobody is named.
    actor: Option<EntityKind>,
    /// The actor's id.
    who: Option<Text>,
    known_by: KnownBy,
    /// The actor is a portal user.
    person: bool,
    /// The application's own log names the person itself, and says where the person is; a tag in SQL does not.
    own_log: bool,
    reading: Reading,
    /// What it adds to a person.
    personal: Reading,
    /// Statements on HR data that name nobody.
    unnamed: u64,
    fingerprint: Option<Text>,
}

impl Attributor {
    pub(crate) fn new(plan: Arc<Plan>, partition: i32) -> Self {
        let coverage = Coverage {
            source: plan.source.to_string(),
            partition,
            format: plan.format.name.to_owned(),
            ..Coverage::default()
        };
        let matcher = Matcher::new(plan.signatures.clone());
        Attributor {
            plan,
            classes: HashMap::new(),
            route_classes: HashMap::new(),
            alike: Vec::new(),
            texts: Texts::default(),
            coverage,
            discovery: Discovery::new(),
            matcher,
            marks: Vec::new(),
            actor: String::new(),
            table: String::new(),
            pair: String::new(),
        }
    }

    /// Goes on by another plan of the same source.
    pub(crate) fn replan(&mut self, plan: Arc<Plan>) {
        if !Arc::ptr_eq(self.matcher.set(), &plan.signatures) {
            self.matcher = Matcher::new(plan.signatures.clone());
        }
        self.plan = plan;
        self.classes.clear();
        self.route_classes.clear();
        self.texts.forget_clients();
    }

    /// For `breachd discover`: looks at the entry and tallies nothing.
    pub(crate) fn observe(&mut self, activity: &Activity<'_>, text: &[u8]) {
        self.discovery.source(&self.plan.source, self.plan.format.name, self.plan.zone_missing);
        self.discovery.observe(activity, text, self.plan.format.name.starts_with("postgres"));
    }

    pub(crate) fn take_discovery(&mut self) -> Discovery {
        std::mem::take(&mut self.discovery)
    }

    /// Adds all the activity says; false if it says nothing that is counted.
    pub(crate) fn add(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        self.marks.clear();
        self.marks.extend_from_slice(self.matcher.marks(activity));
        let added = self.add_activity(activity, place, tallier);
        // Taken by whoever answers for them; what is left names nobody.
        if self.marks.is_empty() {
            return added;
        }
        let source = self.plan.source.clone();
        let tally = match app_host(&self.plan, activity).or(activity.client_host.as_deref()) {
            Some(host) => tallier.tally(place.mode, EntityKind::AppHost, host, place.bucket),
            None => tallier.tally(place.mode, EntityKind::Source, &source, place.bucket),
        };
        self.mark(tally);
        self.point_to(tally, place);
        true
    }

    /// Tells what the rules say of the activity; once.
    fn mark(&mut self, tally: &mut Tally) {
        self.marks.drain(..).for_each(|mark| tally.marks.insert(&mark, 1));
    }

    fn add_activity(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        match activity.operation {
            Operation::Request | Operation::Login => self.request(activity, place, tallier),
            Operation::TableRead | Operation::TableWrite => self.table_row(activity, place, tallier),
            Operation::Connect => self.connection(activity, place, tallier),
            Operation::Disconnect => false,
            Operation::Read | Operation::Write | Operation::Administer | Operation::Other => {
                self.statement(activity, place, tallier)
            }
        }
    }

    /// Whether the account may name users, see `[attribution] tagged_accounts`. Logs that name no account are the
    /// application's own.
    fn may_tag(&mut self, activity: &Activity<'_>) -> bool {
        let Actor::DbAccount(account) = &activity.actor else { return true };
        if self.plan.tagged_accounts.is_empty() {
            return true;
        }
        let host = activity.client_host.as_deref().unwrap_or_default();
        self.pair.clear();
        self.pair.extend([&**account, "@", host]);
        self.plan.tagged_accounts.iter().any(|pattern| pattern.matches(&self.pair))
    }

    /// Writes the actor's id; its kind, and how it is known. None if nobody is named. `tag_user`: of a tag that is believed.
    fn name_actor(&mut self, activity: &Activity<'_>, tag_user: Option<&str>) -> Option<(EntityKind, KnownBy)> {
        self.actor.clear();
        if let Some(user) = tag_user {
            self.actor.push_str(&self.plan.privacy.of(user));
            return Some((EntityKind::PortalUser, KnownBy::SqlTag));
        }
        match &activity.actor {
            Actor::PortalUser(user) => {
                self.actor.push_str(&portal_user(&self.plan, activity, user));
                Some((EntityKind::PortalUser, known_by_log(activity)))
            }
            Actor::DbAccount(account) => {
                let host = activity.client_host.as_deref().unwrap_or_default();
                self.actor.extend([&**account, "@", host]);
                Some((EntityKind::DbAccount, KnownBy::DbAccount))
            }
            Actor::IntegrationKey(key) => {
                self.plan.privacy.write::<16>(Sort::IntegrationKey, key, &mut self.actor);
                Some((EntityKind::IntegrationKey, KnownBy::AccessLog))
            }
            Actor::Anonymous => {
                write!(self.actor, "{}", activity.address?).expect("a string takes all");
                Some((EntityKind::Address, KnownBy::Guess))
            }
        }
    }

    fn request(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let plan = self.plan.clone();
        let path = activity.resources.iter().find_map(|resource| match resource {
            Resource::Route(path) => Some(comparable_path(path)),
            Resource::Table { .. } => None,
        });
        let class = path.as_deref().map_or(DataClass::None, |path| self.class_of_route(path));
        let requested = path.as_deref().filter(|_| class != DataClass::None);
        let requested = requested.and_then(|path| Requests::new(&plan, activity, path, &mut self.texts));
        let is_web = activity.known_by != KnownBy::HrAudit;
        let login = activity.operation == Operation::Login;
        let authenticated = !login || activity.outcome == Outcome::Success;
        let user = match &activity.actor {
            Actor::PortalUser(user) => Some(portal_user(&plan, activity, user)),
            _ => None,
        };
        let user = user.as_deref();
        let who = user.map(|user| self.texts.get(user));
        let origin = Origin::new(&plan, activity, &mut self.texts);
        let address = origin.address();
        if is_web && class != DataClass::None {
            self.coverage.request(user.is_some());
        }
        if let Some(user) = user {
            let tally = tallier.tally(place.mode, EntityKind::PortalUser, user, place.bucket);
            if authenticated {
                tally.known(known_by_log(activity));
                who.iter().for_each(|who| tally.name_person_text(who));
                origin.add(tally);
                if is_web {
                    add_request(tally, activity, class, plan.http_bytes_of_users);
                    requested.iter().for_each(|requested| requested.add(tally));
                    add_page_asked(tally, activity, class);
                }
                tally.signals = tally.signals.union(activity.signals);
                self.mark(tally);
            }
            if plan.counts.logins_of_users {
                add_login(tally, activity, user);
            }
            self.point_to(tally, place);
        }
        let key = matches!(activity.actor, Actor::IntegrationKey(_)) && self.name_actor(activity, None).is_some();
        if key {
            let tally = tallier.tally(place.mode, EntityKind::IntegrationKey, &self.actor, place.bucket);
            tally.known(KnownBy::AccessLog);
            origin.add(tally);
            add_request(tally, activity, class, true);
            requested.iter().for_each(|requested| requested.add(tally));
            add_page_asked(tally, activity, class);
            tally.signals = tally.signals.union(activity.signals);
            self.mark(tally);
            self.point_to(tally, place);
        }
        if !address.is_empty() {
            let tally = tallier.tally(place.mode, EntityKind::Address, address, place.bucket);
            origin.add(tally);
            if is_web {
                add_request(tally, activity, class, true);
                requested.iter().for_each(|requested| requested.add(tally));
            }
            if plan.counts.logins_of_addresses {
                add_login(tally, activity, user.unwrap_or_default());
            }
            who.iter().filter(|_| login).for_each(|who| tally.accounts.insert_text(who));
            if !(key || user.is_some() && authenticated) {
                tally.signals = tally.signals.union(activity.signals);
                self.mark(tally);
            }
            self.point_to(tally, place);
        }
        if activity.signals.contains(Signal::PersonalDataInUrl)
            && let Some(Resource::Route(path)) =
                activity.resources.iter().find(|resource| matches!(resource, Resource::Route(_)))
        {
            let tally = tallier.tally(place.mode, EntityKind::Route, &nameless_route(&plan, path), place.bucket);
            tally.add(Metric::Requests, 1);
            tally.signals.insert(Signal::PersonalDataInUrl);
            tally.classes.insert(class);
            self.point_to(tally, place);
        }
        if login && plan.counts.logins_of_addresses && !address.is_empty() {
            let tally = tallier.tally(place.mode, EntityKind::Fleet, "all", place.bucket);
            add_login_of_fleet(tally, &plan, activity, user.unwrap_or_default(), address);
            self.point_to(tally, place);
        }
        let person = user.filter(|_| authenticated);
        if let Some(session) = activity.session.as_deref().filter(|_| is_web)
            && (class != DataClass::None || person.is_some())
        {
            self.pair.clear();
            person.iter().for_each(|user| self.pair.extend([user, "|"]));
            plan.privacy.write::<16>(Sort::Session, session, &mut self.pair);
            let tally = tallier.tally(place.mode, EntityKind::Session, &self.pair, place.bucket);
            origin.add(tally);
            add_request(tally, activity, class, true);
            requested.iter().for_each(|requested| requested.add(tally));
            if let Some(who) = who.as_ref().filter(|_| person.is_some()) {
                tally.known(known_by_log(activity));
                tally.accounts.insert_text(who);
                tally.name_person_text(who);
            }
            self.point_to(tally, place);
        }
        if class == DataClass::None || !is_web {
            return user.is_some() || key || !address.is_empty();
        }
        let answered = activity.outcome != Outcome::Denied;
        let host = app_host(&plan, activity).filter(|_| answered && class == DataClass::Hr);
        if let Some(host) = host {
            self.coverage.host(host);
            let tally = tallier.tally(place.mode, EntityKind::AppHost, host, place.bucket);
            tally.add(Metric::ClassifiedRequests, 1);
            tally.classes.insert(class);
            add_candidate(tally, &plan, activity, user.zip(who.as_ref()));
            self.point_to(tally, place);
        }
        user.is_some() || key || host.is_some() || !address.is_empty()
    }

    fn statement(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let Some(statement) = self.judge(activity) else { return false };
        self.cover(&statement);
        self.add_to_actor(&statement, place, tallier);
        for (at, class) in &statement.classified {
            self.add_to_table(&statement, &activity.resources[*at], *class, place, tallier);
        }
        if statement.classified.is_empty() {
            return true;
        }
        if statement.own_log {
            self.add_to_host_of_person(&statement, place, tallier);
        } else {
            self.add_to_client_host(&statement, place, tallier);
        }
        true
    }

    /// Who a statement names, what it touches and what it adds; `None` if it says nothing that is counted. The actor's id is written.
    fn judge<'a>(&mut self, activity: &'a Activity<'a>) -> Option<Statement<'a>> {
        let plan = self.plan.clone();
        let counts = plan.counts;
        let classified = self.classified(activity);
        let mut classes = DataClasses::EMPTY;
        classified.iter().for_each(|(_, class)| classes.insert(*class));
        let went_wrong = activity.outcome != Outcome::Success && counts.statements;
        let mut signals = if classified.is_empty() { without_data(activity.signals) } else { activity.signals };
        if !classified.is_empty() && activity.records.iter().any(|record| plan.canaries.binary_search(record).is_ok()) {
            signals.insert(Signal::CanaryRecord);
        }
        let may_tag = (activity.tag_user.is_none() && activity.request_id.is_none()) || self.may_tag(activity);
        if activity.tag_user.is_some() && !may_tag {
            signals.insert(Signal::MisplacedTag);
        }
        if classified.is_empty() && signals.is_empty() && !went_wrong && self.marks.is_empty() {
            return None;
        }
        // Magento's log of SQL and change events name no account: the tables and the host remain.
        let named = self.name_actor(activity, activity.tag_user.as_deref().filter(|_| may_tag));
        if named.is_none() && classified.is_empty() {
            return None;
        }
        let person = named.is_some_and(|(kind, _)| kind == EntityKind::PortalUser);
        let reading = self.reading(activity, counts.statements, counts.rows);
        let unnamed = if person || !classes.contains(DataClass::Hr) { 0 } else { reading.statements };
        Some(Statement {
            activity,
            classified,
            classes,
            signals,
            went_wrong,
            may_tag,
            actor: named.map(|(kind, _)| kind),
            who: named.map(|_| self.texts.get(&self.actor)),
            known_by: named.map_or(KnownBy::Guess, |(_, known_by)| known_by),
            person,
            own_log: matches!(activity.actor, Actor::PortalUser(_)),
            reading,
            personal: self.reading(activity, counts.statements_of_people, counts.rows_of_people),
            unnamed,
            fingerprint: activity.fingerprint.map(|hash| self.texts.fingerprint(hash)),
        })
    }

    /// Which of the activity's resources are classified tables, by their names or the columns that are named.
    fn classified(&mut self, activity: &Activity<'_>) -> Vec<(usize, DataClass)> {
        let plan = self.plan.clone();
        let mut classified = Vec::new();
        for (at, resource) in activity.resources.iter().enumerate() {
            if let Resource::Table { schema, name } = resource {
                if schema.is_empty() {
                    self.coverage.unqualified();
                }
                let class = self.class_of_table(schema, name);
                let class = match plan.columns.class(&self.table, activity.columns.iter().map(|name| &**name)) {
                    Some(by_column) => class.min(by_column),
                    None => class,
                };
                if class != DataClass::None {
                    classified.push((at, class));
                }
            }
        }
        classified
    }

    /// The person, or else the account.
    fn add_to_actor(&mut self, statement: &Statement<'_>, place: Place, tallier: &mut Tallier) {
        let Some(kind) = statement.actor else { return };
        let Statement { activity, person, signals, .. } = *statement;
        let tally = tallier.tally(place.mode, kind, &self.actor, place.bucket);
        if !statement.classified.is_empty() {
            let mut own = Reading { refused: 0, ..if person { statement.personal } else { statement.reading } };
            if person && self.plan.http_bytes_of_users {
                own.measures.bytes = None;
            }
            add_reading(tally, &own);
            tally.add(Metric::UnnamedStatements, statement.unnamed);
            statement.fingerprint.iter().for_each(|hash| tally.fingerprints.insert_text(hash));
        }
        if statement.went_wrong {
            let refused = activity.outcome == Outcome::Denied;
            tally.add(if refused { Metric::Denied } else { Metric::Failed }, 1);
        }
        tally.signals = tally.signals.union(signals);
        self.mark(tally);
        tally.known(statement.known_by);
        if statement.own_log {
            Origin::new(&self.plan, activity, &mut self.texts).add(tally);
        } else if let (Some(address), false) = (activity.address, person) {
            tally.addresses.insert_text(&self.texts.client(&self.plan, address).address);
        }
        statement.who.iter().filter(|_| person).for_each(|who| tally.name_person_text(who));
        if !statement.classified.is_empty() && matches!(kind, EntityKind::PortalUser | EntityKind::IntegrationKey) {
            let key = self.plan.privacy.sample_key();
            activity.records.iter().for_each(|record| tally.records.insert_under(key, *record));
            let statements = if person { statement.personal.statements } else { statement.reading.statements };
            add_page(tally, activity, Metric::DeepStatements, statements);
        }
        tally.classes = tally.classes.union(statement.classes);
        for (at, resource) in activity.resources.iter().enumerate() {
            if !signals.is_empty() || statement.classified.iter().any(|(of, _)| *of == at) {
                tally.tables.insert_text(&self.name_resource(resource));
            }
        }
        self.point_to(tally, place);
    }

    /// A classified table, and the person's use of it.
    fn add_to_table(
        &mut self,
        statement: &Statement<'_>,
        resource: &Resource<'_>,
        class: DataClass,
        place: Place,
        tallier: &mut Tallier,
    ) {
        let Resource::Table { schema, name } = resource else { return };
        self.name_table(schema, name);
        if statement.person {
            self.pair.clear();
            self.pair.extend([&*self.actor, "|", &*self.table]);
            let tally = tallier.tally(place.mode, EntityKind::UserTable, &self.pair, place.bucket);
            add_reading(tally, &statement.personal);
            let key = self.plan.privacy.sample_key();
            statement.activity.records.iter().for_each(|record| tally.records.insert_under(key, *record));
            if statement.signals.contains(Signal::BankDetails) {
                tally.signals.insert(Signal::BankDetails);
                tally.add(Metric::BankRowsAffected, statement.personal.measures.rows_affected.unwrap_or(0));
                add_payees(tally, &self.plan, statement, None);
            }
            tally.known(statement.known_by);
            statement.who.iter().for_each(|who| tally.name_person_text(who));
            tally.classes.insert(class);
            self.point_to(tally, place);
        }
        let tally = tallier.tally(place.mode, EntityKind::Table, &self.table, place.bucket);
        add_reading(tally, &statement.reading);
        if !has_table_rows(self.plan.format.name) {
            // Nobody else says which tables were touched.
            tally.add(Metric::TableTouches, statement.reading.statements);
        }
        statement.fingerprint.iter().for_each(|hash| tally.fingerprints.insert_text(hash));
        statement.who.iter().for_each(|who| tally.accounts.insert_text(who));
        if statement.signals.contains(Signal::BankDetails) {
            tally.signals.insert(Signal::BankDetails);
            add_payees(tally, &self.plan, statement, statement.actor.map(|_| &*self.actor));
        }
        tally.classes.insert(class);
        self.point_to(tally, place);
    }

    /// Of a line of the application's own log: who may be behind what the host reads.
    fn add_to_host_of_person(&mut self, statement: &Statement<'_>, place: Place, tallier: &mut Tallier) {
        let host = app_host(&self.plan, statement.activity).filter(|_| statement.classes.contains(DataClass::Hr));
        let Some(host) = host else { return };
        self.coverage.host(host);
        let tally = tallier.tally(place.mode, EntityKind::AppHost, host, place.bucket);
        tally.classes = tally.classes.union(statement.classes);
        add_candidate(tally, &self.plan, statement.activity, statement.who.as_ref().map(|who| (&*self.actor, who)));
        self.point_to(tally, place);
    }

    /// The host that the database names.
    fn add_to_client_host(&mut self, statement: &Statement<'_>, place: Place, tallier: &mut Tallier) {
        let activity = statement.activity;
        let Some(host) = &activity.client_host else { return };
        if statement.classes.contains(DataClass::Hr) {
            self.coverage.host(host);
        }
        let tally = tallier.tally(place.mode, EntityKind::AppHost, host, place.bucket);
        add_reading(tally, &statement.reading);
        tally.add(Metric::UnnamedStatements, statement.unnamed);
        tally.known(statement.known_by);
        tally.classes = tally.classes.union(statement.classes);
        match &statement.who {
            Some(who) => tally.accounts.insert_text(who),
            None => tally.signals = tally.signals.union(statement.signals),
        }
        let asks_for_requests = self.plan.request_ids && statement.may_tag && !statement.person;
        let request = activity.request_id.as_ref().filter(|_| asks_for_requests);
        for (at, _) in &statement.classified {
            let table = &activity.resources[*at];
            tally.tables.insert_text(&self.name_resource(table));
            if let Some(id) = request {
                tally.accounts.insert(&request_member(&self.plan, id, &table.name()));
            }
        }
        self.point_to(tally, place);
    }

    /// What a statement adds, where this source counts statements, and where it counts rows.
    fn reading(&self, activity: &Activity<'_>, statements: bool, rows: bool) -> Reading {
        let refused = activity.outcome == Outcome::Denied;
        let times = self.plan.one_in;
        let many = |amount: Option<u64>| amount.map(|amount| amount.saturating_mul(times));
        let Measures { rows_sent, rows_examined, rows_affected, bytes } = activity.measures;
        let measures = Measures {
            rows_sent: many(rows_sent),
            rows_examined: many(rows_examined),
            rows_affected: many(rows_affected),
            bytes: many(bytes),
        };
        let has_rows = rows_sent.or(rows_examined).or(rows_affected).is_some();
        let gathered = [
            (Signal::GathersRows, measures.rows_examined),
            (Signal::IntoDumpfile, measures.rows_examined.max(measures.rows_affected)),
        ];
        let gathered = gathered.into_iter().filter(|(signal, _)| activity.signals.contains(*signal));
        Reading {
            statements: if statements && !refused { times } else { 0 },
            measures: if rows { measures } else { Measures::default() },
            counted: u64::from(rows && has_rows && !refused && matches!(activity.actor, Actor::DbAccount(_))),
            gathered: if rows { gathered.filter_map(|(_, rows)| rows).max().unwrap_or(0) } else { 0 },
            refused: u64::from(statements && refused),
        }
    }

    /// Notes what this source knows of classified tables.
    fn cover(&mut self, statement: &Statement<'_>) {
        let Statement { activity, classified, person, own_log, .. } = statement;
        if classified.is_empty() {
            return;
        }
        let with_rows = activity.measures != Measures::default();
        let Measures { rows_sent, rows_examined, rows_affected, .. } = activity.measures;
        let has_rows = [rows_sent, rows_examined, rows_affected].into_iter().flatten().any(|rows| 0 < rows);
        if activity.outcome != Outcome::Success && !has_rows {
            return;
        }
        for (at, class) in classified {
            let Resource::Table { schema, name } = &activity.resources[*at] else { continue };
            self.name_table(schema, name);
            let named = || self.plan.names_table(&self.table);
            self.coverage.table(&self.table, class.as_str(), 1, u64::from(with_rows), named);
        }
        if matches!(activity.actor, Actor::DbAccount(_)) {
            self.coverage.statement(*person && !own_log);
        }
    }

    fn table_row(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let mut added = false;
        for resource in &activity.resources {
            let Resource::Table { schema, name } = resource else { continue };
            let class = self.class_of_table(schema, name);
            if class != DataClass::None {
                let tally = tallier.tally(place.mode, EntityKind::Table, &self.table, place.bucket);
                if self.plan.counts.statements {
                    tally.add(Metric::TableTouches, 1);
                }
                tally.classes.insert(class);
                self.point_to(tally, place);
                self.coverage.table(&self.table, class.as_str(), 1, 0, || self.plan.names_table(&self.table));
                added = true;
            }
        }
        added
    }

    fn connection(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let Some((kind, known_by)) = self.name_actor(activity, None) else { return false };
        let Actor::DbAccount(account) = &activity.actor else { return false };
        let counts = self.plan.counts.logins;
        let tally = tallier.tally(place.mode, kind, &self.actor, place.bucket);
        if counts {
            add_login(tally, activity, account);
        }
        if activity.outcome == Outcome::Success {
            tally.known(known_by);
        }
        let Some(address) = activity.address.map(|address| self.texts.client(&self.plan, address)) else {
            self.point_to(tally, place);
            return true;
        };
        let address = &address.address;
        tally.addresses.insert_text(address);
        self.point_to(tally, place);
        if activity.outcome != Outcome::Success {
            let tally = tallier.tally(place.mode, EntityKind::Address, address.as_str(), place.bucket);
            if counts {
                add_login(tally, activity, account);
            }
            // Who connects and says nothing (a check of the port) has tried no account.
            if !account.is_empty() {
                tally.accounts.insert(account);
            }
            self.point_to(tally, place);
        }
        true
    }

    /// Writes the table's id and looks its class up.
    fn class_of_table(&mut self, schema: &str, name: &str) -> DataClass {
        self.name_table(schema, name);
        if let Some(class) = self.classes.get(&*self.table) {
            return *class;
        }
        let class = if schema.is_empty() {
            self.plan.tables.class(&format!(".{name}"))
        } else {
            self.plan.tables.class(&self.table)
        };
        remember(&mut self.classes, CLASSES_REMEMBERED_MAX, self.table.as_str().into(), class);
        class
    }

    /// A rule's patterns are many, and paths come again; most of them but for the ids in them, which few patterns look at.
    fn class_of_route(&mut self, path: &str) -> DataClass {
        self.plan.routes.alike(path, &mut self.alike);
        if let Some(class) = self.route_classes.get(&*self.alike) {
            return *class;
        }
        let class = self.plan.routes.class(path);
        if path.len() <= PATH_REMEMBERED_BYTES_MAX {
            remember(&mut self.route_classes, CLASSES_REMEMBERED_MAX, (&*self.alike).into(), class);
        }
        class
    }

    fn name_table(&mut self, schema: &str, name: &str) {
        self.table.clear();
        if !schema.is_empty() {
            self.table.push_str(schema);
            self.table.push('.');
        }
        self.table.push_str(name);
    }

    /// As [`Resource::name`].
    fn name_resource(&mut self, resource: &Resource<'_>) -> Text {
        match resource {
            Resource::Route(path) => self.texts.get(path),
            Resource::Table { schema, name } => {
                self.name_table(schema, name);
                self.texts.get(&self.table)
            }
        }
    }

    fn point_to(&self, tally: &mut Tally, place: Place) {
        tally.evidence.insert(&self.plan.source, place.partition, place.offset);
    }
}

/// Where a request came from.
struct Origin {
    client: Option<Arc<Client>>,
    agent: Option<Text>,
}

/// An address, and what is known of it.
#[derive(Debug)]
struct Client {
    address: Text,
    place: Option<Text>,
    network: Option<Text>,
}

impl Origin {
    fn new(plan: &Plan, activity: &Activity<'_>, texts: &mut Texts) -> Self {
        Origin {
            client: activity.address.map(|address| texts.client(plan, address)),
            agent: activity.agent.as_deref().map(|agent| texts.get(cut_agent(agent))),
        }
    }

    /// As it is written; empty if there is none.
    fn address(&self) -> &str {
        self.client.as_ref().map_or("", |client| client.address.as_str())
    }

    fn add(&self, tally: &mut Tally) {
        if let Some(client) = &self.client {
            tally.addresses.insert_text(&client.address);
            client.place.iter().for_each(|place| tally.places.insert_text(place));
            client.network.iter().for_each(|network| tally.networks.insert_text(network));
        }
        self.agent.iter().for_each(|agent| tally.agents.insert_text(agent));
    }
}

/// Texts that came of late: each goes into three or four tallies, and comes again. They are hashed and allocated once; that was a tenth of
/// ingest's time (`cargo bench --bench tally -- ingest`). The same for addresses, which were written out and looked for among all
/// networks with each request, and for fingerprints.
#[derive(Debug, Default)]
struct Texts {
    texts: HashMap<Box<str>, Text>,
    clients: HashMap<IpAddr, Arc<Client>>,
    fingerprints: HashMap<u64, Text>,
}

impl Texts {
    fn get(&mut self, text: &str) -> Text {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new = Text::new(text);
        remember(&mut self.texts, TEXTS_REMEMBERED_MAX, text.into(), new.clone());
        new
    }

    fn client(&mut self, plan: &Plan, address: IpAddr) -> Arc<Client> {
        if let Some(known) = self.clients.get(&address) {
            return known.clone();
        }
        let new = Arc::new(Client {
            address: Text::new(&address.to_string()),
            place: plan.geo.place(address).map(|place| self.get(&place)),
            network: plan.geo.operator(address).map(|network| self.get(&network)),
        });
        remember(&mut self.clients, TEXTS_REMEMBERED_MAX, address, new.clone());
        new
    }

    /// 16 hexadecimal digits.
    fn fingerprint(&mut self, hash: u64) -> Text {
        if let Some(known) = self.fingerprints.get(&hash) {
            return known.clone();
        }
        let new = Text::new(&format!("{hash:016x}"));
        remember(&mut self.fingerprints, TEXTS_REMEMBERED_MAX, hash, new.clone());
        new
    }

    /// Networks may lie elsewhere now.
    fn forget_clients(&mut self) {
        self.clients.clear();
    }
}

/// Begins anew where it is full: what comes often is soon back.
fn remember<K: Eq + Hash, V>(map: &mut HashMap<K, V>, max: usize, key: K, value: V) {
    if max <= map.len() {
        map.clear();
    }
    map.insert(key, value);
}

/// The records that an answered request names.
struct Requests {
    /// The place is a table that the route is linked to; else it is the shape of a path that nothing links to one.
    is_linked: bool,
    place: Text,
    records: Vec<Record>,
    key: SampleKey,
}

impl Requests {
    /// `path`: of a classified route, as the application sees it. `None` if it names none, or nothing of them came out.
    fn new(plan: &Plan, activity: &Activity<'_>, path: &str, texts: &mut Texts) -> Option<Self> {
        let asked = activity.asked.as_ref()?;
        let is_answer = matches!(asked.status, 200..=299 | 304);
        if activity.operation != Operation::Request || activity.outcome != Outcome::Success || !is_answer {
            return None;
        }
        let Named { table, records } = plan.route_rules.named(path, &asked.query);
        if records.is_empty() {
            return None;
        }
        let place = match table {
            Some(table) => texts.get(table),
            None => texts.get(&nameless_route(plan, path)),
        };
        Some(Requests { is_linked: table.is_some(), place, records, key: plan.privacy.sample_key() })
    }

    fn add(&self, tally: &mut Tally) {
        let requested = if self.is_linked { &mut tally.requested } else { &mut tally.requested_by_route };
        let requested = requested.get_or_insert_default();
        requested.at_text(&self.place);
        self.records.iter().for_each(|record| requested.records.insert_under(self.key, *record));
    }
}

/// Whether the log has rows of its own for the tables a statement touched.
fn has_table_rows(format: &str) -> bool {
    format == "mariadb_server_audit"
}

/// How a log that names a portal user knows it: a web log does not say, and the application's does.
fn known_by_log(activity: &Activity<'_>) -> KnownBy {
    if activity.known_by == KnownBy::Guess { KnownBy::AccessLog } else { activity.known_by }
}

/// The host that ran the application, as the database names it.
fn app_host<'a>(plan: &'a Plan, activity: &'a Activity<'_>) -> Option<&'a str> {
    let host = activity.app_host.as_deref().or(plan.context.app_host.as_deref())?;
    (!host.is_empty()).then(|| plan.app_host(host))
}

/// What stands for a portal user: of a login that did not succeed the name is only what somebody typed.
fn portal_user<'a>(plan: &Plan, activity: &Activity<'_>, user: &'a str) -> Cow<'a, str> {
    if activity.operation == Operation::Login && activity.outcome != Outcome::Success {
        plan.privacy.tried(user)
    } else {
        plan.privacy.of(user)
    }
}

/// The shape of a path: of its first steps those of small letters, `-` and `_` stay; others may be the very data that should not
/// be told. Names of people stand behind those of pages (`/portal/employees/anna`), and hold points or capitals. A name of small
/// letters right at the beginning stays, unless portal users are hidden: then only steps that are known to be those of pages do.
fn nameless_route(plan: &Plan, path: &str) -> String {
    let path = comparable_path(path);
    let mut route = String::new();
    for (at, step) in path.split('/').skip(1).take(ROUTE_STEPS_MAX).enumerate() {
        let plain = at < ROUTE_STEPS_SHOWN
            && step.len() <= ROUTE_STEP_BYTES_MAX
            && step.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte));
        route.push('/');
        let shown = match plain {
            true if plan.privacy.hides_users() => plan.pages.shown(step),
            plain => plain.then_some(Cow::Borrowed(step)),
        };
        route.push_str(shown.as_deref().unwrap_or("*"));
    }
    route
}

/// Who may have been behind the statements of an application host.
fn add_candidate(tally: &mut Tally, plan: &Plan, activity: &Activity<'_>, user: Option<(&str, &Text)>) {
    let Some((user, text)) = user else { return };
    tally.candidates.insert_text(text);
    if let (Some(id), true) = (&activity.request_id, plan.request_ids) {
        tally.candidates.insert(&request_member(plan, id, user));
    }
}

/// A member that tells by which request: 12 digits of the hash of its id.
fn request_member(plan: &Plan, id: &str, what: &str) -> String {
    let mut hash = String::with_capacity(12);
    plan.privacy.write::<6>(Sort::RequestId, id, &mut hash);
    Tally::request_member(&hash, what)
}

/// Which account numbers became whose. Of a table (`writer`: who did it) a person counts as one, whoever's rows these were: what one person
/// does is told of the person at the table.
fn add_payees(tally: &mut Tally, plan: &Plan, statement: &Statement<'_>, writer: Option<&str>) {
    let written = statement.activity.payees.iter().filter(|_| statement.activity.outcome == Outcome::Success);
    for Payee { account, of } in written {
        let mut hash = String::with_capacity(16);
        plan.privacy.write::<8>(Sort::Payee, &format!("{account:016x}"), &mut hash);
        let mut tell = |whose: &str| tally.candidates.insert(&Tally::payee_member(&hash, whose));
        match (writer.filter(|_| statement.person), of) {
            (Some(person), _) => tell(person),
            (None, Some(record)) => tell(&format!("{:016x}", record.0)),
            // Rows that the statement does not name. Only one log knows how many: told of by both, one change would count as two.
            (None, None) => {
                let reading = if statement.person { &statement.personal } else { &statement.reading };
                let rows = reading.measures.rows_affected.unwrap_or(0).min(UNNAMED_PAYEES_MAX);
                // By their place in the statement: one row written three times over is one person, not three.
                (0..rows).for_each(|row| tell(&format!("row {row}")));
            }
        }
    }
}

/// Rows that a statement does not name, to which it writes one account number; more say nothing more.
const UNNAMED_PAYEES_MAX: u64 = 8;

fn add_request(tally: &mut Tally, activity: &Activity<'_>, class: DataClass, count_bytes: bool) {
    tally.add(Metric::Requests, 1);
    if class != DataClass::None {
        tally.add(Metric::ClassifiedRequests, 1);
        tally.classes.insert(class);
        if count_bytes {
            tally.add(Metric::Bytes, activity.measures.bytes.unwrap_or(0));
        }
    }
    match activity.outcome {
        // A refused login counts as that.
        Outcome::Denied if activity.operation != Operation::Login => tally.add(Metric::Denied, 1),
        Outcome::Failed => tally.add(Metric::Failed, 1),
        _ => {}
    }
}

/// Which page of a list of classified data a request was for.
fn add_page_asked(tally: &mut Tally, activity: &Activity<'_>, class: DataClass) {
    if class != DataClass::None {
        add_page(tally, activity, Metric::DeepRequests, 1);
    }
}

/// Which page of a list was read, and if that is a deep one, how often, as far as this source counts that.
fn add_page(tally: &mut Tally, activity: &Activity<'_>, deep: Metric, times: u64) {
    if activity.page == 0 || activity.outcome != Outcome::Success {
        return;
    }
    tally.add(Metric::DeepestPage, activity.page);
    if PAGES_USUAL < activity.page {
        tally.add(deep, times);
    }
}

/// What the whole fleet's logins say: from which addresses somebody got in, and who was tried from where.
fn add_login_of_fleet(tally: &mut Tally, plan: &Plan, activity: &Activity<'_>, account: &str, address: &str) {
    match activity.outcome {
        Outcome::Success => {
            tally.add(Metric::LoginsOk, 1);
            tally.records.insert_under(plan.privacy.sample_key(), Record::new("address", address));
        }
        Outcome::Denied => {
            tally.add(Metric::LoginsFailed, 1);
            tally.accounts.insert(&format!("{address} {account}"));
        }
        Outcome::Failed => {}
    }
}

/// Of a login at the portal or the database; an attempt that failed for another reason is neither.
fn add_login(tally: &mut Tally, activity: &Activity<'_>, account: &str) {
    if !matches!(activity.operation, Operation::Login | Operation::Connect) || activity.outcome == Outcome::Failed {
        return;
    }
    let ok = activity.outcome == Outcome::Success;
    tally.add(if ok { Metric::LoginsOk } else { Metric::LoginsFailed }, 1);
    tally.logins.insert(activity.at, account, ok);
}

/// What a statement gives away that touches nothing classified: how much it reads of that is no matter.
fn without_data(signals: Signals) -> Signals {
    let mut kept = Signals::EMPTY;
    signals
        .iter()
        .filter(|signal| !matches!(signal, Signal::UnboundedRead | Signal::GathersRows | Signal::BankDetails))
        .for_each(|signal| kept.insert(signal));
    kept
}

fn add_reading(tally: &mut Tally, reading: &Reading) {
    let Measures { rows_sent, rows_examined, rows_affected, bytes } = reading.measures;
    for (metric, amount) in [
        (Metric::Statements, reading.statements),
        (Metric::CountedStatements, reading.counted),
        (Metric::RowsSent, rows_sent.unwrap_or(0)),
        (Metric::RowsExamined, rows_examined.unwrap_or(0)),
        (Metric::RowsAffected, rows_affected.unwrap_or(0)),
        (Metric::RowsGathered, reading.gathered),
        (Metric::Bytes, bytes.unwrap_or(0)),
        (Metric::Denied, reading.refused),
    ] {
        tally.add(metric, amount);
    }
}

/// Cut at a character.
fn cut_agent(agent: &str) -> &str {
    &agent[..agent.floor_char_boundary(AGENT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, settings::Source};
    use activity::{Span, Timestamp};
    use std::collections::BTreeMap;
    use tally::{Batch, Manifest};

    fn at() -> Timestamp {
        Timestamp::from_secs(1_772_409_601)
    }

    /// Adds the activities as those of one source of the format; what comes out, by kind and id.
    fn add(settings: &Settings, format: &str, activities: &[Activity<'_>]) -> BTreeMap<(EntityKind, String), Tally> {
        let mut settings = settings.clone();
        settings.sources = vec![Source { app_host: Some("10.0.1.12".into()), ..Source::new("log", format) }];
        let plan = Plan::new(&settings, 0, &Arc::default(), Span::ZERO).expect("a source");
        let mut attributor = Attributor::new(Arc::new(plan), 0);
        let mut tallier = Tallier::new();
        let place = Place { mode: Mode::Live, bucket: at().bucket(), partition: 0, offset: 0 };
        activities.iter().for_each(|activity| {
            attributor.add(activity, place, &mut tallier);
        });
        let messages = tallier.flush(1, &Manifest::default());
        let entries = messages.iter().flat_map(|(_, message)| Batch::decode(message).expect("our own").entries);
        entries.map(|entry| ((entry.kind, entry.id.to_string()), entry.tally)).collect()
    }

    fn settings(text: &str) -> Settings {
        toml::from_str(text).expect("settings")
    }

    fn statement<'a>(user: Option<&'a str>, schema: &'a str, table: &'a str) -> Activity<'a> {
        let mut activity = Activity::new(at(), Operation::Read);
        activity.actor = Actor::DbAccount("app".into());
        activity.client_host = Some("10.0.1.12".into());
        activity.tag_user = user.map(Cow::Borrowed);
        activity.resources.push(Resource::Table { schema: schema.into(), name: table.into() });
        activity.measures = Measures { rows_sent: Some(1), rows_examined: Some(3000), ..Measures::default() };
        activity
    }

    #[test]
    fn what_rules_match_goes_to_who_answers_for_it() {
        let text = "title: r\nlevel: low\nlogsource: { category: webserver }\n\
                    detection: { a: { cs-uri-stem: /x }, condition: a }\n---\n\
                    title: s\nlevel: low\nlogsource: { category: database }\n\
                    detection: { a: { query|contains: outfile }, condition: a }\n";
        let set = signatures::Set::read(&[signatures::File { name: "a", text }], &[], &[]).expect("two rules");
        let set = Arc::new(set);
        let marked = |activity: Activity<'_>| {
            let settings = Settings { sources: vec![Source::new("log", "nginx_json")], ..Settings::default() };
            let plan = Plan::new(&settings, 0, &Arc::default(), Span::ZERO).expect("a source").with_signatures(&set);
            let mut attributor = Attributor::new(Arc::new(plan), 0);
            let mut tallier = Tallier::new();
            let place = Place { mode: Mode::Live, bucket: at().bucket(), partition: 0, offset: 5 };
            assert!(attributor.add(&activity, place, &mut tallier));
            let messages = tallier.flush(1, &Manifest::default());
            let entries = messages.iter().flat_map(|(_, message)| Batch::decode(message).expect("our own").entries);
            let marked: Vec<String> = entries
                .filter(|entry| !entry.tally.marks.is_empty())
                .map(|entry| {
                    let marks: Vec<_> =
                        entry.tally.marks.iter().map(|(mark, times)| format!("{}x{times}", mark.rule)).collect();
                    assert_eq!(entry.tally.evidence.iter().len(), 1);
                    format!("{} {} {}", entry.kind, entry.id, marks.join(","))
                })
                .collect();
            marked.join("; ")
        };
        let request = |actor: Actor<'static>, address: Option<&str>| {
            let mut activity = Activity::new(at(), Operation::Request);
            activity.known_by = KnownBy::AccessLog;
            activity.actor = actor;
            activity.address = address.and_then(|address| address.parse().ok());
            activity.resources.push(Resource::Route("/x".into()));
            activity.asked = Some(activity::Asked::default());
            activity
        };
        let user = || Actor::PortalUser("u1".into());
        assert_eq!(marked(request(user(), Some("203.0.113.9"))), "portal_user u1 rx1");
        assert_eq!(marked(request(Actor::Anonymous, Some("203.0.113.9"))), "address 203.0.113.9 rx1");
        assert!(
            marked(request(Actor::IntegrationKey("k".into()), Some("203.0.113.9"))).starts_with("integration_key ")
        );
        let mut refused = request(user(), Some("203.0.113.9"));
        (refused.operation, refused.outcome) = (Operation::Login, Outcome::Denied);
        assert_eq!(marked(refused), "address 203.0.113.9 rx1", "a name that was only typed answers for nothing");
        assert_eq!(marked(request(Actor::Anonymous, None)), "source log rx1");
        let mut written = statement(None, "shop", "quote");
        written.statement = Some("SELECT 1 INTO/**/OUTFILE".into());
        assert_eq!(marked(written.clone()), "db_account app@10.0.1.12 sx1");
        written.actor = Actor::Anonymous;
        assert_eq!(marked(written), "app_host 10.0.1.12 sx1");
    }

    #[test]
    fn a_column_gives_its_table_a_class() {
        let settings = settings("classification.columns = { \"*.company_user.Salary\" = \"hr\" }");
        let of = |table: &'static str, columns: &'static [&'static str]| {
            let mut activity = statement(Some("u1"), "shop", table);
            activity.columns = columns.iter().map(|name| Cow::Borrowed(*name)).collect();
            add(&settings, "mariadb_slow_log", &[activity]).len()
        };
        assert_eq!(of("company_user", &["salary"]), 4, "user, pair, table and host");
        assert_eq!(of("company_user", &["*"]), 4, "all columns are named");
        assert_eq!(of("company_user", &[]), 0);
        assert_eq!(of("company_role", &["salary"]), 0);
    }

    #[test]
    fn rows_packed_into_fewer_are_gathered() {
        let mut activity = statement(Some("u1"), "hr", "hr_payroll");
        activity.signals.insert(Signal::GathersRows);
        let tallies = add(&Settings::default(), "mariadb_slow_log", &[activity]);
        for (kind, id) in [(EntityKind::PortalUser, "u1"), (EntityKind::Table, "hr.hr_payroll")] {
            let tally = &tallies[&(kind, id.to_owned())];
            assert_eq!([Metric::RowsSent, Metric::RowsGathered].map(|metric| tally.get(metric)), [1, 3000], "{kind}");
        }
    }

    #[test]
    fn statements_leave_fingerprints() {
        let with = |fingerprint| {
            let mut activity = statement(Some("u1"), "hr", "hr_payroll");
            activity.fingerprint = Some(fingerprint);
            activity
        };
        let tallies = add(&Settings::default(), "mariadb_server_audit", &[with(1), with(1), with(0xfeed)]);
        for (kind, id) in [(EntityKind::PortalUser, "u1"), (EntityKind::Table, "hr.hr_payroll")] {
            let prints = &tallies[&(kind, id.to_owned())].fingerprints;
            assert!(prints.len() == 2 && prints.contains("000000000000feed"), "{kind}");
        }
    }

    #[test]
    fn a_request_id_that_both_logs_have_leads_to_the_user() {
        let settings = settings("attribution = { request_ids = true }");
        let mut unnamed = statement(None, "hr", "hr_payroll");
        unnamed.request_id = Some("4a5b".into());
        let request = |user: &'static str, id: &'static str| {
            let mut activity = Activity::new(at(), Operation::Request);
            activity.actor = Actor::PortalUser(user.into());
            activity.resources.push(Resource::Route("/portal/hr/payslips".into()));
            activity.request_id = Some(id.into());
            activity
        };
        let host = (EntityKind::AppHost, "10.0.1.12".to_owned());
        let without = add(&Settings::default(), "mariadb_server_audit", std::slice::from_ref(&unnamed));
        assert_eq!(without[&host].get(Metric::UnnamedStatements), 1);
        let mut tally = add(&settings, "mariadb_server_audit", &[unnamed])[&host].clone();
        assert_eq!(tally.get(Metric::UnnamedStatements), 1, "any text can stand in a tag: an id explains nothing");
        tally.merge(&add(&settings, "nginx_json", &[request("u1", "4a5b"), request("u2", "ffff")])[&host]);
        assert_eq!(tally.requests_in_common().into_iter().collect::<Vec<_>>(), [("u1", "hr.hr_payroll")]);
        let members = || tally.candidates.iter().chain(tally.accounts.iter());
        assert!(!members().any(|(_, member)| member.contains("4a5b")), "an id leaves only as a hash");
    }

    #[test]
    fn only_the_applications_accounts_name_users() {
        let settings = settings("attribution = { request_ids = true, tagged_accounts = [\"app@10.0.1.*\"] }");
        let by = |account: &'static str, host: &'static str, table: &'static str| {
            let mut activity = statement(Some("e1001"), "hr", table);
            activity.actor = Actor::DbAccount(account.into());
            activity.client_host = Some(host.into());
            activity.request_id = Some("4a5b".into());
            add(&settings, "mariadb_server_audit", &[activity])
        };
        let user = (EntityKind::PortalUser, "e1001".to_owned());
        let tallies = by("app", "10.0.1.12", "hr_payroll");
        assert!(tallies[&user].signals.is_empty());
        for (account, host) in [("dba", "10.0.1.12"), ("app", "10.0.2.12")] {
            let tallies = by(account, host, "hr_payroll");
            assert!(!tallies.keys().any(|(kind, id)| *kind == EntityKind::UserTable || id.contains("e1001")));
            let tally = &tallies[&(EntityKind::DbAccount, format!("{account}@{host}"))];
            assert!(tally.signals.contains(Signal::MisplacedTag));
            assert_eq!([Metric::Statements, Metric::UnnamedStatements].map(|metric| tally.get(metric)), [1, 1]);
            let tally = &tallies[&(EntityKind::AppHost, host.to_owned())];
            assert_eq!(tally.get(Metric::UnnamedStatements), 1);
            assert!(tally.accounts.iter().all(|(_, member)| !member.starts_with("rid:")), "nor does it name a request");
            let harmless = by(account, host, "nothing");
            assert!(
                harmless[&(EntityKind::DbAccount, format!("{account}@{host}"))].signals.contains(Signal::MisplacedTag)
            );
        }
        let mut of_magento = statement(Some("e1001"), "hr", "hr_payroll");
        (of_magento.actor, of_magento.client_host) = (Actor::Anonymous, None);
        assert!(add(&settings, "magento_db_log", &[of_magento]).contains_key(&user), "the application wrote that log");
    }

    #[test]
    fn what_is_no_account_name_leaves_a_refused_login_as_a_hash() {
        let login = |user: &'static str, outcome| {
            let mut activity = Activity::new(at(), Operation::Login);
            activity.actor = Actor::PortalUser(user.into());
            activity.address = Some([92, 20, 1, 1].into());
            activity.outcome = outcome;
            activity.signals.insert(Signal::ForgedEntry);
            activity
        };
        let typed = "my pass wörd!";
        let tallies = add(&Settings::default(), "nginx_json", &[login(typed, Outcome::Denied)]);
        assert!(!format!("{tallies:?}").contains("pass"));
        let tried = tallies.keys().find(|(kind, _)| *kind == EntityKind::PortalUser).expect("somebody").1.clone();
        assert!(tried.starts_with("tried-") && tried.len() == 18, "{tried}");
        let address = &tallies[&(EntityKind::Address, "92.20.1.1".to_owned())];
        assert!(address.accounts.contains(&tried));
        let both = [login("o'brien", Outcome::Denied), login("o'brien", Outcome::Success)];
        let user = &add(&Settings::default(), "nginx_json", &both)[&(EntityKind::PortalUser, "o'brien".to_owned())];
        assert_eq!([Metric::LoginsFailed, Metric::LoginsOk].map(|metric| user.get(metric)), [1, 1]);
    }

    #[test]
    fn a_route_names_pages_and_no_people() {
        let plan = |text: &str| Plan::new(&settings(text), 0, &Arc::default(), Span::ZERO).expect("a source");
        let source = "sources = [{ name = \"log\", format = \"nginx_json\" }]\n";
        let open = plan(source);
        let hidden = format!(
            "{source}privacy = {{ pseudonymise_users = true, key_file = \"key\" }}\nclassification.routes = {{ \"/people/*/file/**\" = \"hr\" }}"
        );
        let hidden = plan(&hidden);
        for (path, shown, where_users_are_hidden) in [
            ("/portal/employees/find/anna/schmidt", "/portal/employees/find/*/*", "/portal/employees/*/*/*"),
            ("/portal/employees/anna.schmidt", "/portal/employees/*", "/portal/employees/*"),
            ("/portal/employees/Schmidt", "/portal/employees/*", "/portal/employees/*"),
            ("/rest/V1/hr/employees", "/rest/*/hr/*", "/rest/*/hr/*"),
            ("/portal/user/zqanna/x", "/portal/user/zqanna/*", "/portal/user/*/*"),
            ("/zqanna", "/zqanna", "/*"),
            ("/people/zqanna/file", "/people/zqanna/file", "/people/*/file"),
            ("/portal/payslips/view", "/portal/payslips/view", "/portal/payslip*/view"),
            ("/portal/auth/login", "/portal/auth/login", "/portal/auth/login"),
        ] {
            assert_eq!([&open, &hidden].map(|plan| nameless_route(plan, path)), [shown, where_users_are_hidden]);
        }
    }

    fn asked(path: &'static str, query: &'static str, status: u16) -> Activity<'static> {
        let mut activity = Activity::new(at(), Operation::Request);
        activity.actor = Actor::PortalUser("u1".into());
        activity.address = Some([92, 20, 1, 1].into());
        activity.session = Some("s".into());
        activity.resources.push(Resource::Route(path.into()));
        activity.asked = Some(activity::Asked { query: query.into(), status, ..activity::Asked::default() });
        activity
    }

    #[test]
    fn answered_requests_tell_which_records_they_name() {
        let settings = settings(
            r#"classification.routes = { "/rest/V1/hr/people/**" = { class = "hr", table = "hr.employees" }, "/shop/**" = "none" }"#,
        );
        let requests = [
            asked("/rest/V1/hr/people/7", "", 200),
            asked("/rest/V1/hr/people", "employee_id=8", 200),
            asked("/rest/V1/hr/payslips/%39", "", 304),
            asked("/rest/V1/hr/payslips/10", "", 302),
            asked("/shop/hr/employees/11", "", 200),
        ];
        let tallies = add(&settings, "nginx_json", &requests);
        let of = |kind| tallies.iter().find(|((of, _), _)| *of == kind).expect("an entity").1;
        for kind in [EntityKind::PortalUser, EntityKind::Address, EntityKind::Session] {
            let tally = of(kind);
            let linked = tally.requested.as_deref().expect("records of a table");
            let mut records: Vec<Record> = linked.records.iter().collect();
            records.sort_unstable();
            assert_eq!(records, [Record::new("employee", "7"), Record::new("employee", "8")], "{kind}");
            assert_eq!(linked.place.one(), Some("hr.employees"));
            let others = tally.requested_by_route.as_deref().expect("records of a route");
            assert_eq!(others.records.iter().collect::<Vec<_>>(), [Record::new("payslip", "9")], "{kind}");
            assert_eq!(others.place.one(), Some("/rest/*/hr/*/*"), "as routes are told of elsewhere");
            assert!(tally.records.is_empty() && tally.tables.is_empty(), "nothing is judged by it");
        }
        let mut failed = asked("/rest/V1/hr/people/7", "", 200);
        failed.outcome = Outcome::Failed;
        assert!(add(&settings, "nginx_json", &[failed]).values().all(|tally| tally.requested.is_none()));
    }

    #[test]
    fn records_are_sampled_under_the_key() {
        let key = b"0123456789abcdef";
        let settings = Settings { sources: vec![Source::new("log", "mariadb_slow_log")], ..Settings::default() };
        let privacy = Arc::new(crate::Pseudonyms::new(&settings.privacy, Some(key)));
        let plan = Plan::new(&settings, 0, &Arc::default(), Span::ZERO).expect("a source").with_privacy(&privacy);
        let mut attributor = Attributor::new(Arc::new(plan), 0);
        let mut tallier = Tallier::new();
        let place = Place { mode: Mode::Live, bucket: at().bucket(), partition: 0, offset: 0 };
        let mut activity = statement(Some("u1"), "hr", "hr_payroll");
        activity.records.push(Record::new("employee", "7"));
        assert!(attributor.add(&activity, place, &mut tallier));
        for kind in [(EntityKind::PortalUser, "u1"), (EntityKind::UserTable, "u1|hr.hr_payroll")] {
            let parts = tallier.tally(Mode::Live, kind.0, kind.1, at().bucket()).records.parts();
            assert_eq!(parts.iter().map(tally::Part::key).collect::<Vec<_>>(), [privacy.sample_key().id()]);
        }
    }

    #[test]
    fn a_key_is_an_entity_by_its_hash() {
        let mut activity = Activity::new(at(), Operation::Request);
        activity.actor = Actor::IntegrationKey("k3y".into());
        activity.address = Some([92, 20, 1, 1].into());
        activity.resources.push(Resource::Route("/rest/V1/hr/employees".into()));
        activity.signals.insert(Signal::PersonalDataInUrl);
        let tallies = add(&Settings::default(), "nginx_json", &[activity]);
        let (_, key) = tallies.iter().find(|((kind, _), _)| *kind == EntityKind::IntegrationKey).expect("a key");
        assert_eq!((key.get(Metric::ClassifiedRequests), key.known_by), (1, KnownBy::AccessLog));
        assert!(key.signals.contains(Signal::PersonalDataInUrl));
        assert!(tallies.keys().all(|(_, id)| !id.contains("k3y")));
        let address = &tallies[&(EntityKind::Address, "92.20.1.1".to_owned())];
        assert!(address.signals.is_empty(), "signals go to the actor");
    }
}
