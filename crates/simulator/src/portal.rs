//! The employee portal: its pages, and the statements each of them runs.
//!
//! Periods of pay are numbers (`R000412`), so that no text says a date: the demo's stamps are shifted.

use crate::{
    company::{APP_ACCOUNT, APP_HOSTS, Company, DAY_MS, Person, RELEASE_DAY, START},
    log::{Client, Connection, Event, Request, Site, Statement, Tag},
    random::Random,
};
use std::rc::Rc;

/// The pay run of the current month.
pub const PERIOD: i64 = 412;

/// A page of the portal, with what it is about.
#[derive(Clone, Copy, Debug)]
pub enum Page {
    Dashboard,
    PaySlip {
        employee: i64,
        period: i64,
    },
    Leave,
    RequestLeave,
    Benefits,
    Documents,
    StaffShop,
    /// The employee's own sheet, or somebody else's for those who may.
    Employee {
        employee: i64,
    },
    Team,
    Review {
        employee: i64,
    },
    ApproveLeave {
        leave: i64,
    },
    Search {
        department: i64,
        page: i64,
    },
    PayrollList {
        period: i64,
        page: i64,
    },
    PayrollEdit {
        employee: i64,
    },
    /// Everybody's pay of one run as CSV.
    PayrollExport {
        period: i64,
    },
    EmployeeSave {
        employee: i64,
    },
    BenefitsOf {
        employee: i64,
    },
    /// What programs ask for.
    ApiEmployees {
        page: i64,
    },
    ApiBenefits {
        page: i64,
    },
}

/// Rows a list shows, and the API returns.
const LIST_ROWS: i64 = 50;
const API_ROWS: i64 = 100;

/// Where and with what somebody is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: u32,
    pub address: Rc<str>,
    pub agent: &'static str,
    /// Index in [`APP_HOSTS`]: the balancer keeps a session on its host.
    pub host: usize,
}

impl Session {
    pub fn new(address: Rc<str>, agent: &'static str, random: &mut Random) -> Session {
        Session { id: random.next_u64() as u32 | 1, address, agent, host: random.between(0, 2) as usize }
    }
}

/// What a page is, before it is asked for.
struct Answer {
    method: &'static str,
    target: String,
    status: u16,
    body_bytes: i64,
    controller: &'static str,
    action: &'static str,
    statements: Vec<Statement>,
}

/// The request of `page` by `person`, answered.
pub fn visit(
    company: &Company,
    person: &Person,
    session: &Session,
    at_ms: i64,
    page: Page,
    random: &mut Random,
) -> Event {
    let released = at_ms >= START.as_millis() + RELEASE_DAY * DAY_MS;
    let answer = answer(company, person, page, released, random);
    let statements: Vec<Statement> = answer
        .statements
        .into_iter()
        .map(|statement| Statement {
            tag: Some(Tag { controller: answer.controller, action: answer.action, user: Some(person.login.clone()) }),
            ..statement
        })
        .collect();
    let busy_ms: i64 = statements.iter().map(|statement| statement.delay_ms + statement.took_us / 1000).sum();
    Event {
        at_ms,
        request: Some(Request {
            site: Site::Portal,
            method: answer.method,
            target: answer.target,
            status: answer.status,
            body_bytes: answer.body_bytes,
            took_ms: busy_ms + 8 + random.exponential(12.0) as i64,
            address: session.address.clone(),
            user: Some(person.login.clone()),
            session: session.id,
            agent: session.agent,
        }),
        client: app(session.host),
        statements,
        attack: None,
    }
}

/// One attempt to log in under the name `login`.
pub fn log_in(login: &Rc<str>, employee: Option<i64>, session: &Session, at_ms: i64, random: &mut Random) -> Event {
    let tag = |user| Some(Tag { controller: "account", action: "loginPost", user });
    let lookup = Statement {
        tag: tag(None),
        ..Statement::read(
            &["admin_user"],
            1,
            format!("SELECT `admin_user`.* FROM `admin_user` WHERE (username='{login}')"),
        )
    };
    let mut statements = vec![lookup];
    if let Some(employee) = employee {
        let sql = format!(
            "INSERT INTO `employee_portal_session` (`session_id`,`employee_id`,`ip`,`created_at`) \
             VALUES (SHA2('{:08x}',256),{employee},'{}',now())",
            session.id, session.address
        );
        statements
            .push(Statement { tag: tag(Some(login.clone())), ..Statement::write("employee_portal_session", sql) });
    }
    Event {
        at_ms,
        request: Some(Request {
            site: Site::Portal,
            method: "POST",
            target: "/employee-portal/login".into(),
            status: if employee.is_some() { 302 } else { 401 },
            body_bytes: if employee.is_some() { 0 } else { 310 },
            took_ms: 60 + random.exponential(20.0) as i64,
            address: session.address.clone(),
            user: Some(login.clone()),
            session: session.id,
            agent: session.agent,
        }),
        client: app(session.host),
        statements,
        attack: None,
    }
}

/// A request that runs no statement of its own: log-out, forgotten password.
pub fn plain(person: Option<&Person>, session: &Session, at_ms: i64, method: &'static str, target: &str) -> Event {
    Event {
        at_ms,
        request: Some(Request {
            site: Site::Portal,
            method,
            target: target.into(),
            status: if method == "POST" { 302 } else { 200 },
            body_bytes: if method == "POST" { 0 } else { 4100 },
            took_ms: 21,
            address: session.address.clone(),
            user: person.map(|person| person.login.clone()),
            session: session.id,
            agent: session.agent,
        }),
        client: app(session.host),
        statements: Vec::new(),
        attack: None,
    }
}

pub fn app(host: usize) -> Client {
    Client { account: APP_ACCOUNT, host: APP_HOSTS[host % APP_HOSTS.len()], connection: Connection::Pooled }
}

fn answer(company: &Company, person: &Person, page: Page, released: bool, random: &mut Random) -> Answer {
    let me = person.employee_id;
    let own = |table: &'static str, rows: i64| {
        Statement::read(
            &[table],
            rows,
            format!("SELECT `main_table`.* FROM `{table}` AS `main_table` WHERE (`employee_id` = '{me}')"),
        )
    };
    let employee_by_id = |employee: i64| {
        Statement::read(
            &["hr_employee"],
            1,
            format!("SELECT `e`.* FROM `hr_employee` AS `e` WHERE (`e`.`employee_id` = '{employee}')"),
        )
    };
    let html = |rows: i64| 5200 + rows * 140;
    let get = |target: &str, controller, action, statements: Vec<Statement>| {
        let rows = statements.iter().map(|statement| statement.rows_sent).sum();
        Answer {
            method: "GET",
            target: format!("/employee-portal/{target}"),
            status: 200,
            body_bytes: html(rows),
            controller,
            action,
            statements,
        }
    };
    let post = |target: &str, controller, action, statements| Answer {
        method: "POST",
        target: format!("/employee-portal/{target}"),
        status: 302,
        body_bytes: 0,
        controller,
        action,
        statements,
    };
    match page {
        Page::Dashboard => {
            let mut statements = vec![own("hr_leave", 2 + me % 5)];
            if released {
                statements.push(own("hr_benefits", 1 + me % 4));
            }
            get("dashboard", "dashboard", "index", statements)
        }
        Page::PaySlip { employee, period } => {
            let sql = format!(
                "SELECT `main_table`.* FROM `hr_payroll` AS `main_table` WHERE (`employee_id` = '{employee}') AND (`period` = 'R{period:06}')"
            );
            let statements = vec![Statement::read(&["hr_payroll"], 1, sql), own("hr_benefits", 1 + me % 4)];
            get(&format!("hr/payslip?period=R{period:06}"), "payroll", "payslip", statements)
        }
        Page::Leave => get("hr/leave", "leave", "index", vec![own("hr_leave", 4 + me % 9)]),
        Page::RequestLeave => {
            let sql =
                format!("INSERT INTO `hr_leave` (`employee_id`,`kind`,`status`) VALUES ({me},'annual','requested')");
            post("hr/leave/save", "leave", "save", vec![Statement::write("hr_leave", sql)])
        }
        Page::Benefits => get("hr/benefits", "benefits", "index", vec![own("hr_benefits", 1 + me % 4)]),
        Page::Documents => get("hr/documents", "document", "index", vec![document_list(me, 1 + me % 4)]),
        Page::StaffShop => {
            let sql = format!(
                "SELECT `so`.* FROM `hr_staff_order` AS `so` INNER JOIN `sales_order` AS `o` ON o.entity_id = so.order_id WHERE (so.employee_id = '{me}')"
            );
            let orders = Statement::read(&["hr_staff_order", "sales_order"], me % 6, sql);
            Answer { target: "/staff-shop/orders".into(), ..get("", "staffshop", "orders", vec![orders]) }
        }
        Page::Employee { employee } => {
            get(&format!("hr/employee/view/id/{employee}"), "employee", "view", vec![employee_by_id(employee)])
        }
        Page::Team => {
            let sql = format!(
                "SELECT `e`.`employee_id`, `e`.`firstname`, `e`.`lastname`, `e`.`job_title` FROM `hr_employee` AS `e` WHERE (`e`.`manager_id` = '{me}')"
            );
            get("hr/team", "team", "index", vec![Statement::read(&["hr_employee"], 6 + me % 11, sql)])
        }
        Page::Review { employee } => {
            let sql =
                format!("SELECT `r`.* FROM `hr_performance_review` AS `r` WHERE (`r`.`employee_id` = '{employee}')");
            let reviews = Statement::read(&["hr_performance_review"], 1 + employee % 3, sql);
            get(&format!("hr/review/id/{employee}"), "review", "view", vec![employee_by_id(employee), reviews])
        }
        Page::ApproveLeave { leave } => {
            let sql = format!("UPDATE `hr_leave` SET `status` = 'approved' WHERE (leave_id = '{leave}')");
            post("hr/leave/approve", "leave", "approve", vec![Statement::write("hr_leave", sql)])
        }
        Page::Search { department, page } => {
            let rows = random.between(4, LIST_ROWS / 2);
            let sql = format!(
                "SELECT e.employee_id, e.employee_no, e.firstname, e.lastname, d.name FROM hr_employee e\n\tJOIN hr_department d ON d.department_id = e.department_id\nWHERE e.department_id = {department}\nORDER BY e.lastname\nLIMIT {LIST_ROWS} OFFSET {}",
                page * LIST_ROWS
            );
            let list = Statement::read(&["hr_employee", "hr_department"], rows, sql);
            get(&format!("hr/employee/search?department={department}&p={page}"), "employee", "search", vec![list])
        }
        Page::PayrollList { period, page } => {
            let sql = format!(
                "SELECT p.*, e.firstname, e.lastname FROM hr_payroll p\n\tJOIN hr_employee e ON e.employee_id = p.employee_id\nWHERE p.period = 'R{period:06}'\nORDER BY e.lastname\nLIMIT {LIST_ROWS} OFFSET {}",
                page * LIST_ROWS
            );
            let list = Statement::read(&["hr_payroll", "hr_employee"], LIST_ROWS, sql);
            get(&format!("hr/payroll/list?period=R{period:06}&p={page}"), "payroll", "list", vec![list])
        }
        Page::PayrollEdit { employee } => {
            let read = format!(
                "SELECT `main_table`.* FROM `hr_payroll` AS `main_table` WHERE (`employee_id` = '{employee}') AND (`period` = 'R{PERIOD:06}')"
            );
            let write = format!(
                "UPDATE `hr_payroll` SET `bonus` = 0 WHERE (employee_id = '{employee}') AND (period = 'R{PERIOD:06}')"
            );
            let statements = vec![Statement::read(&["hr_payroll"], 1, read), Statement::write("hr_payroll", write)];
            post(&format!("hr/payroll/save/id/{employee}"), "payroll", "save", statements)
        }
        Page::PayrollExport { period } => {
            let rows = company.headcount;
            let sql = format!(
                "SELECT p.*, e.employee_no, e.firstname, e.lastname, e.iban FROM hr_payroll p\n\tJOIN hr_employee e ON e.employee_id = p.employee_id\nWHERE p.period = 'R{period:06}'"
            );
            let all = Statement::read(&["hr_payroll", "hr_employee"], rows, sql).scanning(rows * 2);
            let answer =
                get(&format!("hr/payroll/export?format=csv&period=R{period:06}"), "payroll", "export", vec![all]);
            Answer { body_bytes: 160 + rows * 118, ..answer }
        }
        Page::EmployeeSave { employee } => {
            let sql = format!(
                "UPDATE `hr_employee` SET `phone` = '', `job_title` = 'Clerk' WHERE (employee_id = '{employee}')"
            );
            let statements = vec![employee_by_id(employee), Statement::write("hr_employee", sql)];
            post(&format!("hr/employee/save/id/{employee}"), "employee", "save", statements)
        }
        Page::BenefitsOf { employee } => {
            let sql = format!(
                "SELECT `main_table`.* FROM `hr_benefits` AS `main_table` WHERE (`employee_id` = '{employee}')"
            );
            let statements = vec![
                Statement::read(&["hr_benefits"], 1 + employee % 4, sql),
                document_list(employee, 1 + employee % 5),
            ];
            get(&format!("hr/benefits/of/id/{employee}"), "benefits", "of", statements)
        }
        Page::ApiEmployees { page } => {
            api("employees", "hr_employee", "`employee_id`, `employee_no`, `department_id`", page)
        }
        Page::ApiBenefits { page } => api("benefits", "hr_benefits", "`employee_id`, `type`, `policy_no`", page),
    }
}

fn document_list(employee: i64, rows: i64) -> Statement {
    let sql = format!(
        "SELECT `document_id`, `kind`, `filename`, `created_at` FROM `hr_document` WHERE (`employee_id` = '{employee}')"
    );
    // The list does without the content.
    Statement { bytes_sent: 280 + rows * 96, ..Statement::read(&["hr_document"], rows, sql) }
}

fn api(resource: &str, table: &'static str, columns: &str, page: i64) -> Answer {
    let sql = format!("SELECT {columns} FROM `{table}` ORDER BY 1 LIMIT {API_ROWS} OFFSET {}", page * API_ROWS);
    Answer {
        method: "GET",
        target: format!(
            "/rest/V1/hr/{resource}?searchCriteria%5BpageSize%5D={API_ROWS}&searchCriteria%5BcurrentPage%5D={page}"
        ),
        status: 200,
        body_bytes: 320 + API_ROWS * 112,
        controller: "rest",
        action: "getList",
        statements: vec![Statement::read(&[table], API_ROWS, sql)],
    }
}
