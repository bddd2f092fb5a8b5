//! Pages of a company's portal and the statements each of them runs, in the company's names and dialect.

use super::{
    names::{Dialect, Table},
    staff::{Company, Person},
};
use crate::{
    log::{Access, Client, Connection, Event, Request, Site, Statement, Tag},
    portal::Session,
    random::Random,
};
use std::rc::Rc;

/// The pay run of the current month; earlier ones have smaller numbers.
pub(super) const PERIOD: i64 = 412;
/// Rows of a list, and of an answer to a program.
pub(super) const LIST_ROWS: i64 = 50;
pub(super) const API_ROWS: i64 = 100;

/// A page with what it is about; employees are counted from 0.
#[derive(Clone, Copy, Debug)]
pub(super) enum Page {
    Dashboard,
    PaySlip {
        employee: i64,
        period: i64,
    },
    Leave,
    RequestLeave,
    ApproveLeave {
        employee: i64,
    },
    Benefits {
        employee: i64,
    },
    Documents {
        employee: i64,
    },
    Employee {
        employee: i64,
    },
    EmployeeSave {
        employee: i64,
    },
    Team,
    Review {
        employee: i64,
    },
    Search {
        department: i64,
        page: i64,
    },
    PayList {
        page: i64,
    },
    PayEdit {
        employee: i64,
    },
    Bank {
        employee: i64,
    },
    BankSave {
        employee: i64,
        iban: i64,
    },
    Medical {
        employee: i64,
    },
    /// Pay of one run as CSV: of everybody, or of one part of the company.
    Export {
        period: i64,
        employees: i64,
    },
    Api {
        table: Table,
        page: i64,
    },
}

/// What a page is, before it is asked for.
pub(super) struct Answer {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) controller: &'static str,
    pub(super) action: &'static str,
    pub(super) statements: Vec<Statement>,
}

impl Company {
    /// A session somebody opens now.
    pub(super) fn session(&self, address: Rc<str>, agent: &'static str, random: &mut Random) -> Session {
        let hosts = self.profile.names.hosts.len() as i64;
        Session { id: random.next_u64() as u32 | 1, address, agent, host: random.between(0, hosts) as usize }
    }

    pub(super) fn app(&self, host: usize) -> Client {
        let names = self.profile.names;
        let host = names.hosts[host % names.hosts.len()];
        Client { account: names.account, host, connection: Connection::Pooled }
    }

    /// A request of `person` for `page`, answered.
    pub(super) fn visit(
        &self,
        person: &Person,
        session: &Session,
        at_ms: i64,
        page: Page,
        random: &mut Random,
    ) -> Event {
        let answer = self.answer(person, page, self.calendar.release(self.day_of(at_ms)));
        self.answered(person, session, at_ms, answer, random)
    }

    /// The same of a page that is none of the portal's own.
    pub(super) fn answered(
        &self,
        person: &Person,
        session: &Session,
        at_ms: i64,
        answer: Answer,
        random: &mut Random,
    ) -> Event {
        let rows: i64 = answer.statements.iter().map(|statement| statement.rows_sent).sum();
        let user = Some(person.login.clone());
        let tag = Tag { controller: answer.controller, action: answer.action, user: user.clone() };
        let tagged = |statement| Statement { tag: Some(tag.clone()), ..statement };
        let statements: Vec<Statement> = answer.statements.into_iter().map(tagged).collect();
        let busy_ms: i64 = statements.iter().map(|statement| statement.delay_ms + statement.took_us / 1000).sum();
        let wrote = matches!(answer.method, "POST" | "PUT");
        let request = Request {
            site: Site::Portal,
            method: answer.method,
            target: answer.target,
            status: if wrote { 302 } else { 200 },
            body_bytes: if wrote { 0 } else { 4_800 + rows * 130 + random.between(0, 90) },
            took_ms: busy_ms + 8 + random.exponential(14.0) as i64,
            address: session.address.clone(),
            user,
            session: session.id,
            agent: session.agent,
        };
        Event { at_ms, request: Some(request), client: self.app(session.host), statements, attack: None }
    }

    /// One attempt to log in; `employee`: whose session it becomes if the password is right.
    pub(super) fn log_in(
        &self,
        login: &Rc<str>,
        employee: Option<i64>,
        session: &Session,
        at_ms: i64,
        random: &mut Random,
    ) -> Event {
        let names = self.profile.names;
        let (accounts, sessions) = (names.table(Table::Accounts), names.table(Table::Sessions));
        let tag = |user| Some(Tag { controller: "account", action: "loginPost", user });
        let sql = match names.dialect {
            Dialect::Collections => format!("SELECT `{accounts}`.* FROM `{accounts}` WHERE (`username` = '{login}')"),
            Dialect::ByHand => format!("SELECT login, password_hash FROM {accounts} WHERE login='{login}'"),
        };
        let mut statements = vec![Statement { tag: tag(None), ..read(&[(Table::Accounts, accounts)], 1, sql) }];
        if let Some(employee) = employee {
            let id = self.employee_id(employee);
            let sql = format!(
                "INSERT INTO `{sessions}` (`session_id`,`{}`,`ip`) VALUES (SHA2('{:08x}',256),{id},'{}')",
                names.key, session.id, session.address
            );
            statements.push(Statement { tag: tag(Some(login.clone())), ..Statement::write(sessions, sql) });
        }
        let granted = employee.is_some();
        let request = Request {
            site: Site::Portal,
            method: "POST",
            target: names.login.into(),
            status: if granted { 302 } else { 401 },
            body_bytes: if granted { 0 } else { 310 },
            took_ms: 60 + random.exponential(20.0) as i64,
            address: session.address.clone(),
            user: Some(login.clone()),
            session: session.id,
            agent: session.agent,
        };
        Event { at_ms, request: Some(request), client: self.app(session.host), statements, attack: None }
    }

    /// A request that runs no statement; `path` is below the portal.
    pub(super) fn plain(
        &self,
        user: Option<&Rc<str>>,
        session: &Session,
        at_ms: i64,
        posts: bool,
        path: &str,
    ) -> Event {
        let request = Request {
            site: Site::Portal,
            method: if posts { "POST" } else { "GET" },
            target: format!("{}{path}", self.profile.names.portal),
            status: if posts { 302 } else { 200 },
            body_bytes: if posts { 0 } else { 4_100 },
            took_ms: 21,
            address: session.address.clone(),
            user: user.cloned(),
            session: session.id,
            agent: session.agent,
        };
        Event { at_ms, request: Some(request), client: self.app(session.host), statements: Vec::new(), attack: None }
    }

    /// A statement that reads an employee's rows of a table.
    pub(super) fn rows_of(&self, table: Table, employee: i64, rows: i64, columns: &str) -> Statement {
        let names = self.profile.names;
        let (name, key, id) = (names.table(table), names.key_of(table), self.employee_id(employee));
        let sql = match names.dialect {
            Dialect::Collections => {
                format!("SELECT {columns} FROM `{name}` AS `main_table` WHERE (`main_table`.`{key}` = '{id}')")
            }
            Dialect::ByHand => format!("SELECT {columns} FROM {name} WHERE {key} = '{id}'"),
        };
        read(&[(table, name)], rows, sql)
    }

    /// A statement that changes an employee's row.
    fn change(&self, table: Table, employee: i64, assignment: &str) -> Statement {
        let names = self.profile.names;
        let (name, key, id) = (names.table(table), names.key_of(table), self.employee_id(employee));
        let sql = match names.dialect {
            Dialect::Collections => format!("UPDATE `{name}` SET {assignment} WHERE (`{key}` = '{id}')"),
            Dialect::ByHand => format!("UPDATE {name} SET {assignment} WHERE {key} = '{id}'"),
        };
        Statement::write(name, sql)
    }

    fn answer(&self, person: &Person, page: Page, release: usize) -> Answer {
        let names = self.profile.names;
        let me = person.number;
        let section =
            if release == 0 { names.section.to_owned() } else { format!("/v{}{}", release + 1, names.section) };
        let get = |path: String, controller, action, statements| Answer {
            method: "GET",
            target: format!("{}{path}", names.portal),
            controller,
            action,
            statements,
        };
        let post = |path: String, controller, action, statements| Answer {
            method: "POST",
            ..get(path, controller, action, statements)
        };
        // What a release changes besides the address: a column more, a statement more.
        let all = if release == 0 { "*" } else { "*, now()" };
        let of = |table: Table, employee: i64, rows: i64| self.rows_of(table, employee, rows, all);
        let few = |employee: i64, most: i64| 1 + employee % most;
        let shown = |employee: i64| self.employee_id(employee);
        match page {
            Page::Dashboard => {
                let mut statements = vec![of(Table::Leave, me, 2 + me % 5)];
                if release > 0 {
                    statements.push(of(Table::Benefits, me, few(me, 4)));
                }
                get("/dashboard".into(), "dashboard", "index", statements)
            }
            Page::PaySlip { employee, period } => {
                let mut slip = of(Table::Payslips, employee, 1);
                slip.sql.push_str(&format!(" AND (period = 'R{period:06}')"));
                get(format!("{section}/payslip?period=R{period:06}"), "payroll", "payslip", vec![slip])
            }
            Page::Leave => get(format!("{section}/leave"), "leave", "index", vec![of(Table::Leave, me, 4 + me % 9)]),
            Page::RequestLeave => {
                let (name, key, id) = (names.table(Table::Leave), names.key, shown(me));
                let sql = format!("INSERT INTO `{name}` (`{key}`,`kind`,`status`) VALUES ({id},'annual','requested')");
                post(format!("{section}/leave/save"), "leave", "save", vec![Statement::write(name, sql)])
            }
            Page::ApproveLeave { employee } => {
                let approve = self.change(Table::Leave, employee, "status = 'approved'");
                post(format!("{section}/leave/approve"), "leave", "approve", vec![approve])
            }
            Page::Benefits { employee } => {
                let statements = vec![of(Table::Benefits, employee, few(employee, 4))];
                get(format!("{section}/benefits/id/{}", shown(employee)), "benefits", "view", statements)
            }
            Page::Documents { employee } => {
                let statements = vec![of(Table::Documents, employee, few(employee, 4))];
                get(format!("{section}/documents/id/{}", shown(employee)), "document", "index", statements)
            }
            Page::Employee { employee } => {
                let statements = vec![of(Table::Employees, employee, 1)];
                get(format!("{section}/employee/view/id/{}", shown(employee)), "employee", "view", statements)
            }
            Page::EmployeeSave { employee } => {
                let save = self.change(Table::Employees, employee, "phone = '', job_title = 'Clerk'");
                let statements = vec![of(Table::Employees, employee, 1), save];
                post(format!("{section}/employee/save/id/{}", shown(employee)), "employee", "save", statements)
            }
            Page::Team => {
                let name = names.table(Table::Employees);
                let rows = person.people.end - person.people.start;
                let sql =
                    format!("SELECT firstname, lastname, job_title FROM {name} WHERE manager_id = '{}'", shown(me));
                get(format!("{section}/team"), "team", "index", vec![read(&[(Table::Employees, name)], rows, sql)])
            }
            Page::Review { employee } => {
                let statements =
                    vec![of(Table::Employees, employee, 1), of(Table::Reviews, employee, few(employee, 3))];
                get(format!("{section}/review/id/{}", shown(employee)), "review", "view", statements)
            }
            Page::Search { department, page } => {
                let (people, units) = (names.table(Table::Employees), names.table(Table::Departments));
                let sql = format!(
                    "SELECT e.firstname, e.lastname, d.name FROM {people} e JOIN {units} d ON d.department_id = e.department_id WHERE e.department_id = {department} ORDER BY e.lastname LIMIT {LIST_ROWS} OFFSET {}",
                    page * LIST_ROWS
                );
                let rows = 3 + (department * 7 + page * 3) % 40;
                let list = read(&[(Table::Employees, people), (Table::Departments, units)], rows, sql);
                get(
                    format!("{section}/employee/search?department={department}&p={page}"),
                    "employee",
                    "search",
                    vec![list],
                )
            }
            Page::PayList { page } => {
                let (pay, people) = (names.table(Table::Payslips), names.table(Table::Employees));
                let sql = format!(
                    "SELECT p.*, e.lastname FROM {pay} p JOIN {people} e ON e.{} = p.{} WHERE p.period = 'R{PERIOD:06}' ORDER BY e.lastname LIMIT {LIST_ROWS} OFFSET {}",
                    names.own_key,
                    names.key,
                    page * LIST_ROWS
                );
                let list = read(&[(Table::Payslips, pay), (Table::Employees, people)], LIST_ROWS, sql);
                get(format!("{section}/payroll/list?period=R{PERIOD:06}&p={page}"), "payroll", "list", vec![list])
            }
            Page::PayEdit { employee } => {
                let statements =
                    vec![of(Table::Payslips, employee, 1), self.change(Table::Payslips, employee, "bonus = 0")];
                post(format!("{section}/payroll/save/id/{}", shown(employee)), "payroll", "save", statements)
            }
            Page::Bank { employee } => {
                let statements = vec![of(Table::Bank, employee, 1)];
                get(format!("{section}/bank/id/{}", shown(employee)), "bank", "view", statements)
            }
            Page::BankSave { employee, iban } => {
                let save = self.change(Table::Bank, employee, &format!("{} = 'XX{iban:020}'", names.iban));
                let statements = vec![of(Table::Bank, employee, 1), save];
                post(format!("{section}/bank/save/id/{}", shown(employee)), "bank", "save", statements)
            }
            Page::Medical { employee } => {
                let statements = vec![of(Table::Medical, employee, few(employee, 2))];
                get(format!("{section}/medical/id/{}", shown(employee)), "medical", "view", statements)
            }
            Page::Export { period, employees } => {
                let (pay, people) = (names.table(Table::Payslips), names.table(Table::Employees));
                let part = if employees == self.headcount { "" } else { " AND e.department_id < 5" };
                let sql = format!(
                    "SELECT p.*, e.firstname, e.lastname FROM {pay} p JOIN {people} e ON e.{} = p.{} WHERE p.period = 'R{period:06}'{part}",
                    names.own_key, names.key
                );
                let all = read(&[(Table::Payslips, pay), (Table::Employees, people)], employees, sql);
                let all = all.scanning(employees * 2);
                get(format!("{section}/payroll/export?format=csv&period=R{period:06}"), "payroll", "export", vec![all])
            }
            Page::Api { table, page } => {
                let name = names.table(table);
                let sql = format!("SELECT * FROM `{name}` ORDER BY 1 LIMIT {API_ROWS} OFFSET {}", page * API_ROWS);
                let rows = (self.rows(table) - page * API_ROWS).clamp(0, API_ROWS);
                let resource = name.rsplit('_').next().unwrap_or(name);
                Answer {
                    target: format!("{}/{resource}?pageSize={API_ROWS}&currentPage={page}", names.api),
                    ..get(String::new(), "rest", "getList", vec![read(&[(table, name)], rows, sql)])
                }
            }
        }
    }
}

/// A statement that reads `rows` rows of the first of these tables by an index; the others are joined.
pub(super) fn read(tables: &[(Table, &'static str)], rows: i64, sql: String) -> Statement {
    let row_bytes: i64 = tables.iter().map(|(table, _)| table.row_bytes()).sum();
    Statement {
        tables: tables.iter().map(|(_, name)| (Access::Read, *name)).collect(),
        rows_sent: rows,
        rows_examined: rows * tables.len() as i64,
        bytes_sent: 640 + rows * row_bytes,
        took_us: 90 + rows * 4,
        ..Statement::plain(sql)
    }
}
