//! What a line of the channel `hr_audit` says, in whichever of the formats it came.
//!
//! An application that writes down itself who looked at whose data is the best witness there is: it knows the person, the
//! table and the number of rows, and no database log knows the person. The context of each line is one object:
//!
//! | field | meaning |
//! |---|---|
//! | `action` | what was done, the last word behind dots: `login`, `login_failed`, `view`, `list`, `search`, `export`, `download`, `print`, `create`, `update`, `save`, `import`, `delete` …; a line without is refused |
//! | `user` | login name, or the name tried |
//! | `ip` | address of the client as the application believes it: behind a proxy it must be set up to |
//! | `success` | `false`: refused (a wrong password, no right to see it) |
//! | `route` | path of the request, without query |
//! | `table`, `tables` | one name or a list: `schema.table`, or `table` of the schema that the source's `schema` names |
//! | `rows` | rows shown, sent or changed, of all tables together |
//! | `request_id` | the same as in the web log and the comment tag |
//! | `session` | an id of the session, best a hash of it |
//! | `agent`, `host` | browser; the host that runs the application, as the database names it |
//!
//! Everything else in it is skipped unread. *Whose* data was looked at (employee numbers) has no field: breachd counts, it
//! does not need it, and a log that holds it is itself HR data.
//!
//! | action | becomes |
//! |---|---|
//! | `login…` | an attempt to log in; `login_failed`, `login_denied` are refusals whatever `success` says |
//! | `logout` | nothing (rule `logout`) |
//! | changes | Write, `rows` as rows affected |
//! | anything else with tables | Read, `rows` as rows sent: an unknown word for looking at data is counted, not lost |
//! | anything else without tables | a request |
//!
//! The resources are the tables, and behind them the route. `rows` counts for each of the tables, as in a join.

use crate::scalar::{Items, Scalar};
use crate::{Context, Parsed, Rejected};
use activity::{Activity, Actor, KnownBy, Measures, Operation, Outcome, Resource, Timestamp};
use std::{borrow::Cow, net::IpAddr};

/// The channel's name.
pub(crate) const CHANNEL: &str = "hr_audit";

/// Words for actions that change data.
const CHANGES: [&str; 14] = [
    "add",
    "anonymize",
    "approve",
    "create",
    "delete",
    "edit",
    "import",
    "insert",
    "reject",
    "remove",
    "save",
    "update",
    "upload",
    "write",
];

/// The context of a line.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
pub(crate) struct HrAudit<'a> {
    #[serde(borrow, default)]
    action: Scalar<'a>,
    #[serde(borrow, default)]
    user: Scalar<'a>,
    #[serde(borrow, default)]
    ip: Scalar<'a>,
    #[serde(borrow, default)]
    success: Scalar<'a>,
    #[serde(borrow, default)]
    route: Scalar<'a>,
    #[serde(borrow, default)]
    table: Items<'a>,
    #[serde(borrow, default)]
    tables: Items<'a>,
    #[serde(borrow, default)]
    rows: Scalar<'a>,
    #[serde(borrow, default)]
    request_id: Scalar<'a>,
    #[serde(borrow, default)]
    session: Scalar<'a>,
    #[serde(borrow, default)]
    agent: Scalar<'a>,
    #[serde(borrow, default)]
    host: Scalar<'a>,
}

impl<'a> HrAudit<'a> {
    /// What was done. `host` is the one that the line around it names, for a context that names none.
    pub(crate) fn activity(self, at: Timestamp, host: Scalar<'a>, context: &Context) -> Result<Parsed<'a>, Rejected> {
        let action = self.action.name().ok_or(Rejected::MissingField)?;
        let action = action.rsplit('.').next().unwrap_or_default().trim().to_ascii_lowercase();
        let word = |words: &[&str]| {
            let first = action.split(['_', '-']).next().unwrap_or_default();
            words.contains(&first)
        };
        if word(&["logout", "logoff"]) {
            return Ok(Parsed::Ignored("logout"));
        }
        let tables = tables(self.table).chain(tables(self.tables));
        let mut activity = Activity::new(at, Operation::Request);
        for table in tables {
            if !activity.resources.contains(&table) {
                activity.resources.push(table);
            }
        }
        let rows = self.rows.count();
        if word(&["login", "logon"]) {
            activity.operation = Operation::Login;
            activity.resources.clear();
        } else if word(&CHANGES) {
            activity.operation = Operation::Write;
            activity.measures = Measures { rows_affected: rows, ..Measures::default() };
        } else if !activity.resources.is_empty() {
            activity.operation = Operation::Read;
            activity.measures = Measures { rows_sent: rows, ..Measures::default() };
        }
        let refused = action.ends_with("failed") || action.ends_with("denied") || self.success.truth() == Some(false);
        activity.outcome = if refused { Outcome::Denied } else { Outcome::Success };
        activity.actor = self.user.name().map_or(Actor::Anonymous, Actor::PortalUser);
        activity.known_by = KnownBy::HrAudit;
        activity.address = self.ip.text().and_then(address);
        activity.resources.extend(self.route.name().map(|route| Resource::Route(without_query(route))));
        activity.request_id = self.request_id.name();
        activity.session = self.session.name();
        activity.agent = self.agent.name();
        activity.app_host =
            self.host.name().or_else(|| host.name()).or_else(|| Some(context.app_host.as_deref()?.to_owned().into()));
        Ok(Parsed::Activity(activity))
    }
}

/// An address; an IPv4 address that came mapped into IPv6 is the IPv4 address.
fn address(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn tables(names: Items<'_>) -> impl Iterator<Item = Resource<'_>> {
    names.0.into_iter().filter_map(Scalar::name).map(|name| match name.split_once('.') {
        Some((schema, name)) => {
            Resource::Table { schema: Cow::Owned(schema.to_owned()), name: Cow::Owned(name.to_owned()) }
        }
        None => Resource::Table { schema: Cow::Borrowed(""), name },
    })
}

/// The path alone: a query may hold whom it was about.
fn without_query(route: Cow<'_, str>) -> Cow<'_, str> {
    match route.find('?') {
        Some(at) => Cow::Owned(route[..at].to_owned()),
        None => route,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &'static str) -> Result<Parsed<'static>, Rejected> {
        let line: HrAudit<'_> = serde_json::from_str(json).unwrap();
        line.activity(Timestamp::from_secs(1_795_439_301), Scalar::Absent, &Context::default())
    }

    fn activity(json: &'static str) -> Activity<'static> {
        match said(json) {
            Ok(Parsed::Activity(activity)) => activity,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_export() {
        let export = activity(
            r#"{"action":"employee_portal.export","user":"e1013","ip":"::ffff:192.0.2.99","success":true,"route":"/hr/export?id=7","tables":["magento.hr_payroll","hr_leave","hr_leave"],"rows":"3000","request_id":"r1","session":"s1","employee_id":7}"#,
        );
        assert_eq!(
            (export.operation, export.outcome, export.known_by),
            (Operation::Read, Outcome::Success, KnownBy::HrAudit)
        );
        assert_eq!(export.actor, Actor::PortalUser("e1013".into()));
        assert_eq!(export.address, "192.0.2.99".parse().ok());
        assert_eq!(export.measures, Measures { rows_sent: Some(3000), ..Measures::default() });
        let names: Vec<_> = export.resources.iter().map(|resource| resource.name().into_owned()).collect();
        assert_eq!(names, ["magento.hr_payroll", "hr_leave", "/hr/export"]);
        assert_eq!((export.request_id.as_deref(), export.session.as_deref()), (Some("r1"), Some("s1")));
    }

    #[test]
    fn what_actions_become() {
        for (json, operation, outcome) in [
            (r#"{"action":"login","table":"t"}"#, Operation::Login, Outcome::Success),
            (r#"{"action":"login","success":false}"#, Operation::Login, Outcome::Denied),
            (r#"{"action":"login_failed","success":true}"#, Operation::Login, Outcome::Denied),
            (r#"{"action":"update","table":"t","rows":2}"#, Operation::Write, Outcome::Success),
            (r#"{"action":"delete"}"#, Operation::Write, Outcome::Success),
            (r#"{"action":"view","table":"t","success":"false"}"#, Operation::Read, Outcome::Denied),
            (r#"{"action":"peruse","table":"t"}"#, Operation::Read, Outcome::Success),
            (r#"{"action":"dashboard","table":{"x":1}}"#, Operation::Request, Outcome::Success),
        ] {
            let activity = activity(json);
            assert_eq!((activity.operation, activity.outcome), (operation, outcome), "{json}");
        }
        assert_eq!(activity(r#"{"action":"update","table":"t","rows":2}"#).measures.rows_affected, Some(2));
        assert_eq!(said(r#"{"action":"logout"}"#), Ok(Parsed::Ignored("logout")));
        assert_eq!(said(r#"{"user":"admin","rows":1}"#), Err(Rejected::MissingField));
        assert_eq!(said(r#"{"action":"-"}"#), Err(Rejected::MissingField));
    }
}
