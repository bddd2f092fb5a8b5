//! # nginx_json: nginx access log, `log_format … escape=json`
//!
//! One JSON object per line. We recommend
//!
//! ```text
//! log_format breachd escape=json '{"msec":$msec,"remote_addr":"$remote_addr","realip":"$realip_remote_addr",'
//!     '"x_forwarded_for":"$http_x_forwarded_for","remote_user":"$remote_user","portal_user":"$upstream_http_x_portal_user",'
//!     '"session":"$sess8","request_id":"$request_id","method":"$request_method","request_uri":"$request_uri","status":$status,'
//!     '"body_bytes_sent":$body_bytes_sent,"upstream_addr":"$upstream_addr","user_agent":"$http_user_agent"}';
//! ```
//!
//! with `$sess8` a part of the session cookie (by `map`), and the application answering with a header X-Portal-User (hide it from
//! clients with `proxy_hide_header`). Names of fields differ between shops; known are:
//!
//! | meaning | fields, the first that is there and not empty |
//! |---|---|
//! | time | `msec` (seconds since the epoch), `time_iso8601`, `time`, `time_local`, `timestamp`, `@timestamp` (RFC 3339, as in the common log format, local in the source's zone, or seconds since the epoch, as Fluent Bit writes them) |
//! | client | `remote_addr`, `addr`, `client`, `client_ip` |
//! | peer, if the server has replaced the client by X-Forwarded-For itself | `realip`, `realip_remote_addr`, `peer` |
//! | proxies | `x_forwarded_for`, `http_x_forwarded_for`, `xff` |
//! | portal user | `portal_user`, `puser`; else of HTTP Basic `remote_user`, `user`; `-` is nobody |
//! | integration | a hash of its key: `api_token_hash`, `token_hash`, `api_key_hash`, `key_hash` (never log the key) |
//! | method, path | `request_method`, `method`; `request_uri`; else both from `request`, `req`; else `uri`, `path` |
//! | query | behind the `?` of the path, else `args`, `query_string`, `q` |
//! | result | `status`; `body_bytes_sent`, `bytes_sent`, `bytes`, `out` |
//! | session, browser | `session`, `sess`; `http_user_agent`, `user_agent`, `ua` |
//! | request's id | `request_id`, `rid`, `uid` |
//! | host of the application | `app_host`; `upstream_addr`, `upstream`; `server_addr` |
//!
//! Values may be strings or numbers. nginx lets invalid UTF-8 through: it is replaced before JSON is read. A line without any of
//! the fields for the time has the time at which it was shipped. `$uri` has been rewritten (`/index.php`), so it is the last choice.
//!
//! What a request means (logins, who, from where, on which host) is the same for all web servers: see `web.rs`.
//!
//! # Lines that are no JSON
//!
//! `escape=none` writes what clients send as it comes: quotes, backslashes, line breaks. So do formats without quotes around a
//! variable that may be empty. Such lines, cut ones, and lines in which a known field comes twice are read a second time for what
//! is sure of them: [`crate::web`]'s `recovered` says by which rules. In short: what stands before the damage is believed, status and
//! bytes behind it only if nothing contradicts them, names behind it never. A line that says two things about its status is
//! refused as ambiguous. Of 485 real lines with attacks in them, 11 are no JSON: 10 of these are read, one is the rest of a user name
//! with a line break, and refused.
//! Cost: with `escape=none` a client can still write fields that the format does not have (`"portal_user":"boss"`) in valid JSON;
//! no reader can tell. Use `escape=json`.
//!
//! Cannot know: rows, tables, bodies (so who tried to log in only from the query), and who was behind a session without a name.

use crate::sniff::has_key;
use crate::text::lossy;
use crate::web::{self, Dialect};
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "nginx_json",
    summary: "nginx access log as JSON (escape=json), one object per line",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { requests: true, people: true, results: true, statements: false, rows: false },
    // Not by the status: it stands behind the request, which may be long.
    looks_like: |bytes| {
        has_key(bytes, &["remote_addr", "addr"]) && has_key(bytes, &["request", "request_uri", "uri", "request_method"])
    },
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    web::json_activity(text, Dialect::Json, context).map(Parsed::Activity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::{Activity, Actor, Operation, Outcome, Resource, Signal};
    use std::borrow::Cow;

    fn parsed(line: &str) -> Result<Activity<'static>, Rejected> {
        parsed_with(line, &Context::default())
    }

    fn parsed_with(line: &str, context: &Context) -> Result<Activity<'static>, Rejected> {
        testing::not_ignored(testing::parsed(&SPEC, line, context))
    }

    /// A line with some fields more.
    fn with(fields: &str) -> String {
        format!(r#"{{"time":"2026-03-02T00:00:00Z","request_method":"GET","request_uri":"/a","status":200{fields}}}"#)
    }

    #[test]
    fn both_dialects_say_the_same() {
        let one = parsed(
            r#"{"msec":1795439040.671,"time_iso8601":"2026-11-23T13:04:00+00:00","remote_addr":"198.51.100.7","remote_user":"","portal_user":"e1001","session":"09b2","method":"GET","uri":"/a","args":"x=1","status":200,"bytes_sent":99,"body_bytes_sent":52,"user_agent":"M"}"#,
        )
        .unwrap();
        let other = parsed(
            r#"{"time":"2026-11-23T13:04:00.671Z","remote_addr":"198.51.100.7","remote_user":"e1001","session":"09b2","request_method":"GET","request_uri":"/a?x=1","status":"200","body_bytes_sent":"52","http_user_agent":"M"}"#,
        )
        .unwrap();
        assert_eq!(one, other);
        assert_eq!(one.at.to_string(), "2026-11-23T13:04:00.671Z");
        assert_eq!(one.actor, Actor::PortalUser("e1001".into()));
        assert_eq!(one.resources, [Resource::Route("/a".into())]);
        assert_eq!(one.measures.bytes, Some(52));
    }

    #[test]
    fn logins() {
        let login = |method: &str, uri: &str, user: &str, status: u16| {
            let line = format!(
                r#"{{"time":"2026-03-02T00:00:00Z","remote_user":"{user}","request_method":"{method}","request_uri":"{uri}","status":{status}}}"#
            );
            let activity = parsed(&line).unwrap();
            (activity.operation, activity.outcome, activity.actor)
        };
        let portal = |name: &str| Actor::PortalUser(Cow::Owned(name.into()));
        use Operation::{Login, Request};
        use Outcome::{Denied, Failed, Success};
        assert_eq!(login("POST", "/portal/auth/login", "u1", 302), (Login, Success, portal("u1")));
        assert_eq!(login("POST", "/portal/auth/login?u=o%27b", "-", 401), (Login, Denied, portal("o'b")));
        assert_eq!(login("POST", "/customer/account/loginPost/", "-", 422), (Login, Denied, Actor::Anonymous));
        assert_eq!(login("POST", "/rest/default/V1/integration/admin/token", "-", 500).0, Login);
        assert_eq!(login("POST", "/rest/V1/integration/admin/token", "-", 503).1, Failed);
        assert_eq!(login("GET", "/portal/auth/login", "-", 200), (Request, Success, Actor::Anonymous));
        assert_eq!(login("POST", "/portal/x?u=a", "-", 422), (Request, Failed, Actor::Anonymous));
    }

    #[test]
    fn what_is_nobody() {
        let line = r#"{"time":"2026-03-02 01:00:00","remote_addr":"::ffff:203.0.113.5","remote_user":"-","session":"0000","method":"","request":"GET /a?b HTTP/1.1","uri":"","status":400,"user_agent":"-"}"#;
        let activity = parsed(line).unwrap();
        assert_eq!((&activity.actor, &activity.session, &activity.agent), (&Actor::Anonymous, &None, &None));
        assert_eq!(activity.address, "203.0.113.5".parse().ok());
        assert_eq!(activity.resources, [Resource::Route("/a".into())]);
        assert_eq!(activity.at.to_string(), "2026-03-02T01:00:00Z");
    }

    #[test]
    fn who_is_named_in_which_order() {
        let actor = |fields: &str| parsed(&with(fields)).unwrap().actor;
        let key = r#","api_token_hash":"9f2c""#;
        assert_eq!(actor(key), Actor::IntegrationKey("9f2c".into()));
        assert_eq!(actor(&format!(r#"{key},"remote_user":"anna""#)), Actor::PortalUser("anna".into()));
        assert_eq!(actor(r#","user":"basic","puser":"e1001""#), Actor::PortalUser("e1001".into()));
        assert_eq!(actor(r#","portal_user":"-","token_hash":"-""#), Actor::Anonymous);
    }

    #[test]
    fn a_basic_name_with_401_was_tried() {
        let of = |fields: &str, status: u16| {
            let activity = parsed(&with(fields).replace("200", &status.to_string())).unwrap();
            (activity.operation, activity.outcome)
        };
        assert_eq!(of(r#","remote_user":"anna""#, 401), (Operation::Login, Outcome::Denied));
        assert_eq!(of(r#","remote_user":"anna""#, 403), (Operation::Request, Outcome::Denied));
        assert_eq!(of(r#","portal_user":"anna""#, 401), (Operation::Request, Outcome::Denied));
        assert_eq!(of("", 401), (Operation::Request, Outcome::Denied));
        assert_eq!(of(r#","remote_user":"anna""#, 499), (Operation::Request, Outcome::Failed));
    }

    #[test]
    fn proxies_are_believed_only_if_trusted_and_not_already_followed() {
        let context = Context { trusted_proxies: ["10.0.0.0/8".parse().unwrap()].into(), ..Context::default() };
        let client =
            |fields: &str| parsed_with(&with(fields), &context).unwrap().address.map(|address| address.to_string());
        let forwarded = r#","x_forwarded_for":"198.51.100.7, 10.0.0.2""#;
        assert_eq!(client(&format!(r#","remote_addr":"10.0.0.1"{forwarded}"#)).as_deref(), Some("198.51.100.7"));
        assert_eq!(client(&format!(r#","remote_addr":"192.0.2.1"{forwarded}"#)).as_deref(), Some("192.0.2.1"));
        let followed = format!(r#","remote_addr":"10.9.9.9","realip":"10.0.0.1"{forwarded}"#);
        assert_eq!(client(&followed).as_deref(), Some("10.9.9.9"));
        let same = format!(r#","remote_addr":"10.0.0.1","realip":"10.0.0.1"{forwarded}"#);
        assert_eq!(client(&same).as_deref(), Some("198.51.100.7"));
        assert_eq!(client(r#","realip":"192.0.2.9""#).as_deref(), Some("192.0.2.9"));
        assert_eq!(client(r#","remote_addr":"unix:""#), None);
    }

    #[test]
    fn the_host_of_the_application() {
        let context = Context { app_host: Some("app-1".into()), ..Context::default() };
        let host = |fields: &str| parsed_with(&with(fields), &context).unwrap().app_host.map(Cow::into_owned);
        assert_eq!(host("").as_deref(), Some("app-1"));
        assert_eq!(host(r#","server_addr":"192.0.2.80""#).as_deref(), Some("192.0.2.80"));
        assert_eq!(host(r#","upstream_addr":"10.0.0.1:9000, 10.0.0.2:9000""#).as_deref(), Some("10.0.0.2"));
        assert_eq!(host(r#","upstream_addr":"unix:/run/php.sock""#).as_deref(), Some("app-1"));
        assert_eq!(host(r#","upstream_addr":"127.0.0.1:9000""#).as_deref(), Some("app-1"));
        assert_eq!(host(r#","app_host":"web-7","upstream_addr":"10.0.0.2:9000""#).as_deref(), Some("web-7"));
        assert_eq!(host(r#","app_host":"[2001:db8::1]""#).as_deref(), Some("2001:db8::1"));
        assert_eq!(host(r#","app_host":"10.0.0.2:9000""#).as_deref(), Some("10.0.0.2"));
        assert_eq!(host(r#","app_host":"[::ffff:127.0.0.1]""#).as_deref(), Some("app-1"));
        assert_eq!(host(r#","app_host":"::1","server_addr":"::ffff:192.0.2.80""#).as_deref(), Some("app-1"));
        assert_eq!(host(r#","upstream_addr":"[::ffff:10.0.0.2]:9000""#).as_deref(), Some("10.0.0.2"));
        assert_eq!(host(r#","server_addr":"::ffff:192.0.2.80""#).as_deref(), Some("192.0.2.80"));
        // nginx answered by itself.
        assert_eq!(host(r#","upstream_addr":"""#), None);
        let unnamed = parsed(&with(r#","upstream_addr":"127.0.0.1:9000""#)).unwrap();
        assert_eq!(unnamed.app_host.as_deref(), Some("127.0.0.1"));
        let named = parsed(&with(r#","app_host":"[::1]""#)).unwrap();
        assert_eq!(named.app_host.as_deref(), Some("::1"));
    }

    #[test]
    fn personal_data_in_a_url_is_a_signal_wherever_the_query_is_logged() {
        let signals = |line: &str| parsed(line).unwrap().signals;
        let in_uri = with("").replace("/a", "/a?mail=anna%40example.com");
        assert!(signals(&in_uri).contains(Signal::PersonalDataInUrl));
        assert!(signals(&with(r#","args":"dob=1984-02-29""#)).contains(Signal::PersonalDataInUrl));
        assert!(signals(&with(r#","args":"q=O%27Brien""#)).is_empty());
    }

    #[test]
    fn a_line_without_any_time_was_written_when_it_was_shipped() {
        let shipped = "2026-03-02T00:00:09Z".parse().unwrap();
        let context = Context { shipped_at: Some(shipped), ..Context::default() };
        assert_eq!(parsed_with(r#"{"status":200}"#, &context).unwrap().at, shipped);
        assert_eq!(parsed_with(r#"{"time":"yesterday","status":200}"#, &context), Err(Rejected::BadTime));
    }

    #[test]
    fn refuses() {
        for (line, rejected) in [
            ("", Rejected::NotJson),
            ("[]", Rejected::NotJson),
            ("{", Rejected::NotJson),
            (r#"{"time":"2026-03-02T00:00:00Z","stat"#, Rejected::NotJson),
            (
                r#"{"time":"2026-03-02T00:00:00Z","status":200}{"time":"2026-03-02T00:00:00Z","status":200}"#,
                Rejected::NotJson,
            ),
            (r#"{"time":"2026-03-02T00:00:00Z","status":200,"status":404}"#, Rejected::Ambiguous),
            (r#"{"time":"2026-03-02T00:00:00Z","time":"2026-03-02T00:00:00Z","status":200}"#, Rejected::Ambiguous),
            (r#"{"status":200}"#, Rejected::BadTime),
            (r#"{"time":"yesterday","status":200}"#, Rejected::BadTime),
            (r#"{"msec":1e300,"status":200}"#, Rejected::BadTime),
            (r#"{"time":"2026-03-02T00:00:00Z"}"#, Rejected::MissingField),
            (r#"{"time":"2026-03-02T00:00:00Z","status":"x"}"#, Rejected::MissingField),
        ] {
            assert_eq!(parsed(line), Err(rejected), "{line}");
        }
    }
}
