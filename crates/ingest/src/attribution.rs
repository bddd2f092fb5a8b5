//! Which entities an activity touches, and what it adds to each.
//!
//! | activity | entities |
//! |---|---|
//! | request | portal user (if the log names one), address, session (classified requests only) |
//! | login | the same; a refused one says nothing of where the user is, and its name is only what was tried |
//! | statement, tagged | portal user, user × table and table for each classified table, application host |
//! | statement, untagged | database account, table, application host |
//! | READ or WRITE row | table |
//! | connection | database account; a refused one also the address |
//!
//! Requests count always; rows, bytes and statements only where classified data is touched, statements that were refused
//! only as refused. In a join each classified table gets all rows; the user and the host get them once. Signals go to the
//! actor, whatever was touched. Each measure has one source of record, see [`Plan::new`].

use crate::limits::{AGENT_BYTES_MAX, CLASSES_REMEMBERED_MAX};
use crate::plan::Plan;
use activity::{
    Activity, Actor, Bucket, DataClass, DataClasses, EntityKind, KnownBy, Measures, Mode, Operation, Outcome, Resource,
    Signals,
};
use formats::comparable_path;
use std::{collections::HashMap, fmt::Write, sync::Arc};
use tally::{Metric, Tallier, Tally};

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
    /// Room for ids, used again and again.
    actor: String,
    table: String,
    pair: String,
}

/// What a statement adds wherever classified data is touched.
#[derive(Clone, Copy)]
struct Reading {
    statements: u64,
    measures: Measures,
    refused: u64,
}

impl Attributor {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Attributor { plan, classes: HashMap::new(), actor: String::new(), table: String::new(), pair: String::new() }
    }

    /// Adds all the activity says; false if it says nothing that is counted.
    pub(crate) fn add(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
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

    /// Adds nothing but signals, to the actor.
    pub(crate) fn add_signals(
        &mut self,
        activity: &Activity<'_>,
        signals: Signals,
        place: Place,
        tallier: &mut Tallier,
    ) {
        let Some((kind, known_by)) = self.name_actor(activity) else { return };
        let (mut classes, mut names) = (DataClasses::EMPTY, Vec::new());
        for resource in &activity.resources {
            if let Resource::Table { schema, name } = resource {
                classes.insert(self.class_of_table(schema, name));
                names.push(self.table.clone());
            }
        }
        let tally = tallier.tally(place.mode, kind, &self.actor, place.bucket);
        tally.signals = tally.signals.union(signals);
        tally.classes = tally.classes.union(classes);
        names.iter().for_each(|name| tally.tables.insert(name));
        tally.known(known_by);
        if kind == EntityKind::PortalUser {
            tally.name_person(&self.actor);
        }
        self.point_to(tally, place);
    }

    /// Writes the actor's id; its kind, and how it is known. None if nobody is named.
    fn name_actor(&mut self, activity: &Activity<'_>) -> Option<(EntityKind, KnownBy)> {
        self.actor.clear();
        if let Some(user) = &activity.tag_user {
            self.actor.push_str(user);
            return Some((EntityKind::PortalUser, KnownBy::SqlTag));
        }
        match &activity.actor {
            Actor::PortalUser(user) => {
                self.actor.push_str(user);
                Some((EntityKind::PortalUser, activity.known_by))
            }
            Actor::DbAccount(account) => {
                let host = activity.client_host.as_deref().unwrap_or_default();
                write!(self.actor, "{account}@{host}").expect("a string takes all");
                Some((EntityKind::DbAccount, KnownBy::DbAccount))
            }
            Actor::IntegrationKey(key) => {
                self.actor.push_str(key);
                Some((EntityKind::IntegrationKey, KnownBy::AccessLog))
            }
            Actor::Anonymous => {
                write!(self.actor, "{}", activity.address?).expect("a string takes all");
                Some((EntityKind::Address, KnownBy::Guess))
            }
        }
    }

    fn request(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let class = activity.resources.iter().find_map(|resource| match resource {
            Resource::Route(path) => Some(self.plan.routes.class(&comparable_path(path))),
            Resource::Table { .. } => None,
        });
        let class = class.unwrap_or(DataClass::None);
        let login = activity.operation == Operation::Login;
        let authenticated = !login || activity.outcome == Outcome::Success;
        let user = match &activity.actor {
            Actor::PortalUser(user) => Some(&**user),
            _ => None,
        };
        let mut address = String::new();
        if let Some(client) = activity.address {
            write!(address, "{client}").expect("a string takes all");
        }
        let geo = self.plan.geo.clone();
        let origin = Origin {
            address: &address,
            place: activity.address.and_then(|client| geo.place(client)),
            agent: activity.agent.as_deref().map(cut_agent),
        };
        if let Some(user) = user {
            let tally = tallier.tally(place.mode, EntityKind::PortalUser, user, place.bucket);
            if authenticated {
                tally.known(KnownBy::AccessLog);
                tally.name_person(user);
                origin.add(tally);
                add_request(tally, activity, class, self.plan.counts_bytes_of_users);
            }
            add_login(tally, activity, user);
            self.point_to(tally, place);
        }
        if !address.is_empty() {
            let tally = tallier.tally(place.mode, EntityKind::Address, &address, place.bucket);
            origin.add(tally);
            add_request(tally, activity, class, true);
            add_login(tally, activity, user.unwrap_or_default());
            if let Some(user) = user.filter(|_| login) {
                tally.accounts.insert(user);
            }
            self.point_to(tally, place);
        }
        if let (Some(session), true) = (&activity.session, class != DataClass::None) {
            let tally = tallier.tally(place.mode, EntityKind::Session, session, place.bucket);
            origin.add(tally);
            add_request(tally, activity, class, true);
            if let Some(user) = user.filter(|_| authenticated) {
                tally.known(KnownBy::AccessLog);
                tally.accounts.insert(user);
                tally.name_person(user);
            }
            self.point_to(tally, place);
        }
        user.is_some() || !address.is_empty()
    }

    fn statement(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let mut classes = DataClasses::EMPTY;
        let mut classified: Vec<(usize, DataClass)> = Vec::new();
        for (at, resource) in activity.resources.iter().enumerate() {
            if let Resource::Table { schema, name } = resource {
                let class = self.class_of_table(schema, name);
                if class != DataClass::None {
                    classes.insert(class);
                    classified.push((at, class));
                }
            }
        }
        let went_wrong = activity.outcome != Outcome::Success && self.plan.counts_statements;
        if classified.is_empty() && activity.signals.is_empty() && !went_wrong {
            return false;
        }
        let Some((kind, known_by)) = self.name_actor(activity) else { return false };
        let refused = activity.outcome == Outcome::Denied;
        let reading = Reading {
            statements: u64::from(self.plan.counts_statements && !refused),
            measures: activity.measures,
            refused: u64::from(refused),
        };
        let person = kind == EntityKind::PortalUser;

        let tally = tallier.tally(place.mode, kind, &self.actor, place.bucket);
        if !classified.is_empty() {
            add_reading(tally, &Reading { refused: 0, ..reading });
        }
        if went_wrong {
            tally.add(if refused { Metric::Denied } else { Metric::Failed }, 1);
        }
        tally.signals = tally.signals.union(activity.signals);
        tally.known(known_by);
        if person {
            tally.name_person(&self.actor);
        } else if let Some(address) = activity.address {
            tally.addresses.insert(&address.to_string());
        }
        tally.classes = tally.classes.union(classes);
        for (at, resource) in activity.resources.iter().enumerate() {
            if !activity.signals.is_empty() || classified.iter().any(|(of, _)| *of == at) {
                tally.tables.insert(&resource.name());
            }
        }
        self.point_to(tally, place);

        for (at, class) in &classified {
            let Resource::Table { schema, name } = &activity.resources[*at] else { continue };
            self.name_table(schema, name);
            if person {
                self.pair.clear();
                write!(self.pair, "{}|{}", self.actor, self.table).expect("a string takes all");
                let tally = tallier.tally(place.mode, EntityKind::UserTable, &self.pair, place.bucket);
                add_reading(tally, &reading);
                tally.known(known_by);
                tally.name_person(&self.actor);
                tally.classes.insert(*class);
                self.point_to(tally, place);
            }
            let tally = tallier.tally(place.mode, EntityKind::Table, &self.table, place.bucket);
            add_reading(tally, &reading);
            if self.plan.format.knows.rows {
                // Without an audit log nobody else says which tables were touched.
                tally.add(Metric::TableTouches, reading.statements);
            }
            tally.accounts.insert(&self.actor);
            tally.classes.insert(*class);
            self.point_to(tally, place);
        }
        if let (Some(host), false) = (&activity.client_host, classified.is_empty()) {
            let tally = tallier.tally(place.mode, EntityKind::AppHost, host, place.bucket);
            add_reading(tally, &reading);
            tally.known(known_by);
            tally.classes = tally.classes.union(classes);
            tally.accounts.insert(&self.actor);
            for (at, _) in &classified {
                tally.tables.insert(&activity.resources[*at].name());
            }
            self.point_to(tally, place);
        }
        true
    }

    fn table_row(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let mut added = false;
        for resource in &activity.resources {
            let Resource::Table { schema, name } = resource else { continue };
            let class = self.class_of_table(schema, name);
            if class != DataClass::None {
                let tally = tallier.tally(place.mode, EntityKind::Table, &self.table, place.bucket);
                tally.add(Metric::TableTouches, 1);
                tally.classes.insert(class);
                self.point_to(tally, place);
                added = true;
            }
        }
        added
    }

    fn connection(&mut self, activity: &Activity<'_>, place: Place, tallier: &mut Tallier) -> bool {
        let Some((kind, known_by)) = self.name_actor(activity) else { return false };
        let Actor::DbAccount(account) = &activity.actor else { return false };
        let tally = tallier.tally(place.mode, kind, &self.actor, place.bucket);
        add_login(tally, activity, account);
        if activity.outcome == Outcome::Success {
            tally.known(known_by);
        }
        let Some(address) = activity.address.map(|address| address.to_string()) else {
            self.point_to(tally, place);
            return true;
        };
        tally.addresses.insert(&address);
        self.point_to(tally, place);
        if activity.outcome != Outcome::Success {
            let tally = tallier.tally(place.mode, EntityKind::Address, &address, place.bucket);
            add_login(tally, activity, account);
            tally.accounts.insert(account);
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
        if CLASSES_REMEMBERED_MAX <= self.classes.len() {
            self.classes.clear();
        }
        self.classes.insert(self.table.as_str().into(), class);
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

    fn point_to(&self, tally: &mut Tally, place: Place) {
        tally.evidence.insert(&self.plan.source, place.partition, place.offset);
    }
}

/// Where a request came from.
struct Origin<'a> {
    address: &'a str,
    place: Option<&'a str>,
    agent: Option<&'a str>,
}

impl Origin<'_> {
    fn add(&self, tally: &mut Tally) {
        if !self.address.is_empty() {
            tally.addresses.insert(self.address);
        }
        if let Some(place) = self.place {
            tally.places.insert(place);
        }
        if let Some(agent) = self.agent {
            tally.agents.insert(agent);
        }
    }
}

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

/// Of a login at the portal or the database; an attempt that failed for another reason is neither.
fn add_login(tally: &mut Tally, activity: &Activity<'_>, account: &str) {
    if !matches!(activity.operation, Operation::Login | Operation::Connect) || activity.outcome == Outcome::Failed {
        return;
    }
    let ok = activity.outcome == Outcome::Success;
    tally.add(if ok { Metric::LoginsOk } else { Metric::LoginsFailed }, 1);
    tally.logins.insert(activity.at, account, ok);
}

fn add_reading(tally: &mut Tally, reading: &Reading) {
    let Measures { rows_sent, rows_examined, rows_affected, bytes } = reading.measures;
    for (metric, amount) in [
        (Metric::Statements, reading.statements),
        (Metric::RowsSent, rows_sent.unwrap_or(0)),
        (Metric::RowsExamined, rows_examined.unwrap_or(0)),
        (Metric::RowsAffected, rows_affected.unwrap_or(0)),
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
