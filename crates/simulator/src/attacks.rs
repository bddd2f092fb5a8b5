//! The attacks: what each of them writes into the logs, and what must be found.
//!
//! An attack only adds lines. It draws from a stream of its own, so that the background stays what it is without it.

use crate::{
    company::{AGENTS, APP_ACCOUNT, Company, DAY_MS, HOUR_MS, MINUTE_MS, Person, Role, START},
    dump,
    log::{Client, Connection, Event, Statement},
    portal::{self, PERIOD, Page, Session},
    quiet::Visitor,
    random::Random,
};
use activity::{DataClass, Entity, EntityKind, Timestamp};

/// The attacks there are, in the order of their hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    Dump,
    Stuffing,
    Skimming,
    Export,
}

/// An attack that happened.
#[derive(Debug)]
pub struct Breach {
    pub attack: Attack,
    pub start: Timestamp,
    pub end: Timestamp,
    /// Whoever an alert names among these, it has found the attack.
    pub subjects: Vec<Entity>,
    pub classes: Vec<DataClass>,
    /// Rows of people's data that were read.
    pub rows: i64,
    pub events: usize,
}

impl Attack {
    pub const ALL: [Attack; 4] = [Attack::Dump, Attack::Stuffing, Attack::Skimming, Attack::Export];

    pub fn name(self) -> &'static str {
        match self {
            Attack::Dump => "dump",
            Attack::Stuffing => "stuffing",
            Attack::Skimming => "skimming",
            Attack::Export => "export",
        }
    }

    /// One sentence for a person.
    pub fn title(self) -> &'static str {
        match self {
            Attack::Dump => "The application's database account dumps all HR tables from a host it was never used on",
            Attack::Stuffing => {
                "Leaked passwords are tried on some sixty accounts from two addresses; one fits, and its owner's HR pages are read"
            }
            Attack::Skimming => "Through a web shell, payment data and staff orders are read in bulk for an hour",
            Attack::Export => "A payroll clerk exports fourteen pay runs in the evening, within twenty minutes",
        }
    }

    /// What the labels of scenarios call it.
    pub fn kind(self) -> &'static str {
        match self {
            Attack::Dump => "direct_db_dump",
            Attack::Stuffing => "cred_stuffing",
            Attack::Skimming => "webshell",
            Attack::Export => "bulk_export",
        }
    }

    /// When it begins, in milliseconds after midnight UTC.
    fn begins_ms(self) -> i64 {
        match self {
            Attack::Dump => 3 * HOUR_MS + 12 * MINUTE_MS,
            Attack::Stuffing => 12 * HOUR_MS + 24 * MINUTE_MS,
            Attack::Skimming => 15 * HOUR_MS + 5 * MINUTE_MS,
            Attack::Export => 20 * HOUR_MS + 8 * MINUTE_MS,
        }
    }

    /// Lets it happen on this day.
    pub fn strike(self, company: &Company, day: i64, events: &mut Vec<Event>) -> Breach {
        let at_ms = START.as_millis() + day * DAY_MS + self.begins_ms();
        let mut random = company.random.fork(self.name(), day as u64);
        let (mut done, subjects, classes) = match self {
            Attack::Dump => hr_dump(company, at_ms, day),
            Attack::Stuffing => stuffing(company, at_ms, &mut random),
            Attack::Skimming => skimming(at_ms, &mut random),
            Attack::Export => export(company, at_ms, Pace::Patient, &mut random),
        };
        done.iter_mut().for_each(|event| event.attack = Some(self.name()));
        let breach = breach(self, &done, subjects, classes);
        events.append(&mut done);
        breach
    }
}

/// The insider's export alone, within five minutes from the start of the world: what a drill replays.
pub fn drill(company: &Company, events: &mut Vec<Event>) -> Breach {
    let mut random = company.random.fork("drill", 0);
    let (mut done, subjects, classes) = export(company, START.as_millis(), Pace::Hasty, &mut random);
    done.iter_mut().for_each(|event| event.attack = Some("drill"));
    let breach = breach(Attack::Export, &done, subjects, classes);
    events.append(&mut done);
    breach
}

fn breach(attack: Attack, done: &[Event], subjects: Vec<Entity>, classes: Vec<DataClass>) -> Breach {
    let ended = |event: &Event| {
        let statements: i64 =
            event.statements.iter().map(|statement| statement.delay_ms + statement.took_us / 1000).sum();
        event.at_ms + statements.max(event.request.as_ref().map_or(0, |request| request.took_ms))
    };
    Breach {
        attack,
        start: Timestamp::from_millis(done.iter().map(|event| event.at_ms).min().unwrap_or_default()),
        end: Timestamp::from_millis(done.iter().map(ended).max().unwrap_or_default()),
        subjects,
        classes,
        rows: done
            .iter()
            .flat_map(|event| &event.statements)
            .filter(|statement| !statement.tables.is_empty())
            .map(|statement| statement.rows_sent)
            .sum(),
        events: done.len(),
    }
}

type Done = (Vec<Event>, Vec<Entity>, Vec<DataClass>);

fn table(name: &str) -> Entity {
    Entity::new(EntityKind::Table, format!("magento.{name}"))
}

/// A direct dump: nobody asked a web page for anything.
fn hr_dump(company: &Company, at_ms: i64, day: i64) -> Done {
    const HOST: &str = "10.20.7.148";
    const TABLES: [&str; 7] = [
        "hr_benefits",
        "hr_department",
        "hr_document",
        "hr_employee",
        "hr_leave",
        "hr_payroll",
        "hr_performance_review",
    ];
    let client = |connection| Client { account: APP_ACCOUNT, host: HOST, connection };
    let refused =
        Event { at_ms, request: None, client: client(Connection::Refused(1045)), statements: Vec::new(), attack: None };
    let mut statements = dump::statements(company, day, &TABLES, false);
    for statement in &mut statements {
        statement.delay_ms += 900;
    }
    let dump =
        Event { at_ms: at_ms + 41_000, request: None, client: client(Connection::Own), statements, attack: None };
    let mut subjects = vec![
        Entity::new(EntityKind::DbAccount, format!("{APP_ACCOUNT}@{HOST}")),
        Entity::new(EntityKind::AppHost, HOST),
    ];
    subjects.extend(TABLES.map(table));
    (vec![refused, dump], subjects, vec![DataClass::Hr])
}

/// Leaked passwords: many names, one attempt each, from two rented servers.
fn stuffing(company: &Company, at_ms: i64, random: &mut Random) -> Done {
    let addresses = ["198.19.44.17", "198.19.44.23"];
    let victim = company
        .of_role(Role::EmployeeSelfService)
        .nth(7)
        .expect("a company has at least twenty people, eleven of them ess");
    let known: Vec<&Person> = company.people.iter().filter(|person| person.login != victim.login).take(36).collect();
    let mut names: Vec<std::rc::Rc<str>> = known.iter().map(|person| person.login.clone()).collect();
    // People who left long ago: their passwords are in the list, too.
    names.extend((0..22).map(|left| format!("e{}", 640 + left * 7).into()));
    let mut events = Vec::new();
    let span_ms = 15 * MINUTE_MS;
    for (nth, name) in names.iter().enumerate() {
        let address = addresses[nth % 2];
        let session = Session { id: 0, ..Session::new(address.into(), AGENTS[0], random) };
        let jitter = random.between(0, 5_000);
        let at_ms = at_ms + span_ms * nth as i64 / (names.len() as i64 + 1) + jitter;
        events.push(portal::log_in(name, None, &session, at_ms, random));
    }
    let session = Session::new(addresses[1].into(), AGENTS[0], random);
    let mut at_ms = at_ms + span_ms - 20_000;
    events.push(portal::log_in(&victim.login, Some(victim.employee_id), &session, at_ms, random));
    let me = victim.employee_id;
    let pages = (0..8).map(|back| Page::PaySlip { employee: me, period: PERIOD - back });
    for page in [Page::Dashboard, Page::Employee { employee: me }, Page::Benefits, Page::Documents, Page::Leave]
        .into_iter()
        .chain(pages)
    {
        at_ms += 7_000 + random.exponential(9_000.0) as i64;
        events.push(portal::visit(company, victim, &session, at_ms, page, random));
    }
    let mut subjects = vec![Entity::new(EntityKind::PortalUser, &*victim.login)];
    subjects.extend(addresses.map(|address| Entity::new(EntityKind::Address, address)));
    subjects.push(Entity::new(EntityKind::Network, "198.19.44.0/24"));
    subjects.push(Entity::new(EntityKind::Route, "/employee-portal/login"));
    subjects.push(Entity::new(EntityKind::Fleet, "all"));
    (events, subjects, vec![DataClass::Credentials, DataClass::Hr])
}

/// A file that should not exist asks the database for cards, customers and what staff bought.
fn skimming(at_ms: i64, random: &mut Random) -> Done {
    const SHELL: &str = "/media/custom_options/quote/s/t/style.php";
    const PAGE: i64 = 500;
    let address = "198.19.201.66";
    let visitor = Visitor { address: address.into(), agent: AGENTS[2], session: 0, host: 1 };
    // The file came in as an option of a product in a cart; then a look whether it runs.
    let upload = visitor.post(at_ms, "/rest/default/V1/guest-carts/5b1e77c0/items".into(), 200, 212, random);
    let mut events = vec![upload, visitor.get(at_ms + 41_000, SHELL.into(), 200, 14, random)];
    let mut at = at_ms + 3 * MINUTE_MS;
    for page in 0..36 {
        let mut event = visitor.post(at, SHELL.into(), 200, 61_000 + random.between(0, 4_000), random);
        let offset = page * PAGE;
        let orders = format!(
            "SELECT p.method, p.cc_last_4, p.cc_exp_month, p.cc_exp_year, p.additional_information, o.customer_email FROM sales_order_payment p JOIN sales_order o ON o.entity_id = p.parent_id LIMIT {PAGE} OFFSET {offset}"
        );
        let quotes = format!(
            "SELECT quote_id, method, cc_last_4, additional_information FROM quote_payment LIMIT {PAGE} OFFSET {offset}"
        );
        let staff = format!(
            "SELECT s.employee_id, s.payroll_deduction, o.customer_firstname, o.customer_lastname FROM hr_staff_order s JOIN sales_order o ON o.entity_id = s.order_id LIMIT {PAGE} OFFSET {offset}"
        );
        event
            .statements
            .push(Statement::read(&["sales_order_payment", "sales_order"], PAGE, orders).scanning(offset + PAGE));
        event.statements.push(Statement::read(&["quote_payment"], PAGE, quotes).scanning(offset + PAGE).after_ms(40));
        if offset < 4000 {
            event.statements.push(
                Statement::read(&["hr_staff_order", "sales_order"], PAGE, staff).scanning(offset + PAGE).after_ms(40),
            );
        }
        if let Some(request) = &mut event.request {
            request.took_ms += 160;
        }
        events.push(event);
        at += 70_000 + random.between(0, 60_000);
    }
    let mut subjects = vec![
        Entity::new(EntityKind::Address, address),
        Entity::new(EntityKind::Route, SHELL),
        Entity::new(EntityKind::DbAccount, format!("{APP_ACCOUNT}@{}", portal::app(1).host)),
        Entity::new(EntityKind::AppHost, portal::app(1).host),
    ];
    subjects.extend(["sales_order_payment", "quote_payment", "hr_staff_order", "sales_order"].map(table));
    (events, subjects, vec![DataClass::Payment, DataClass::Customer, DataClass::HrAdjacent])
}

/// How the insider goes about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Twenty minutes.
    Patient,
    /// Five minutes.
    Hasty,
}

/// A clerk with every right to do so takes the pay of two years home.
fn export(company: &Company, mut at_ms: i64, pace: Pace, random: &mut Random) -> Done {
    let clerk = company.of_role(Role::Payroll).nth(1).expect("a company has at least two payroll clerks");
    let session = Session::new(clerk.home_address((at_ms - START.as_millis()) / DAY_MS), clerk.agent, random);
    let (pause_ms, lists) = if pace == Pace::Patient { (21_000, 28) } else { (7_000, 16) };
    let mut events = vec![portal::log_in(&clerk.login, Some(clerk.employee_id), &session, at_ms, random)];
    let exports = (0..14).map(|back| Page::PayrollExport { period: PERIOD - back });
    let lists = (0..lists).map(|nth| Page::PayrollList { period: PERIOD - nth / 9, page: nth % 9 });
    for page in [Page::Dashboard].into_iter().chain(exports).chain(lists) {
        at_ms += pause_ms + random.between(0, pause_ms / 3);
        events.push(portal::visit(company, clerk, &session, at_ms, page, random));
    }
    let mut subjects =
        vec![Entity::new(EntityKind::PortalUser, &*clerk.login), table("hr_payroll"), table("hr_employee")];
    for read in ["hr_payroll", "hr_employee"] {
        subjects.push(Entity::new(EntityKind::UserTable, format!("{}|magento.{read}", clerk.login)));
    }
    (events, subjects, vec![DataClass::Hr])
}
