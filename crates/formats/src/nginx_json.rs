//! # nginx_json: nginx access log, `log_format … escape=json`
//!
//! One JSON object per line. Names of fields differ between shops; known are:
//!
//! | meaning | fields, the first that is there and not empty |
//! |---|---|
//! | time | `msec` (seconds since the epoch), `time_iso8601`, `time` (RFC 3339, or local in the source's zone) |
//! | client | `remote_addr`, `addr` |
//! | portal user | `portal_user`, `remote_user`, `user`; `-` is nobody |
//! | method, path | `request_method`, `method`; `request_uri`, `uri`; else both from `request` |
//! | query | behind the `?` of the path, else `args` |
//! | result | `status`; `body_bytes_sent`, `bytes_sent`, `bytes` |
//! | session, browser | `session`; `http_user_agent`, `user_agent`, `ua` |
//!
//! Values may be strings or numbers. nginx lets invalid UTF-8 through: it is replaced before JSON is read. A known field
//! that comes twice refuses the line: two readers could see two truths.
//!
//! A POST to a login route is an attempt to log in: 2xx and 3xx are success, 400, 401, 403 and 422 a refusal. Who tried
//! is the portal user, else what the query names in `u`, `username`, `login` or `email`; bodies are not in access logs.
//! A portal that answers a wrong password with 200 or 302 looks like one where nobody ever mistypes.

use crate::text::{comparable_path, lossy, query_value};
use crate::zone::LocalTime;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, KnownBy, Measures, Operation, Outcome, Resource, Timestamp};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::{borrow::Cow, fmt, net::IpAddr};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "nginx_json",
    summary: "nginx access log as JSON (escape=json), one object per line",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { requests: true, people: true, results: true, statements: false, rows: false },
    looks_like: |bytes| {
        crate::sniff::has_key(bytes, &["status"])
            && crate::sniff::has_key(bytes, &["request", "request_uri", "uri"])
            && crate::sniff::has_key(bytes, &["remote_addr", "addr"])
    },
    parse,
};

/// Query parameters that name the account tried.
const ACCOUNT_PARAMETERS: [&str; 4] = ["u", "username", "login", "email"];

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    // serde would take an array for a struct.
    if !text.trim_start().starts_with('{') {
        return Err(Rejected::NotJson);
    }
    let line: Line<'a> = serde_json::from_str(text).map_err(|_| Rejected::NotJson)?;
    let at = time(&line, context).ok_or(Rejected::BadTime)?;
    let status: u16 = number(line.status.ok_or(Rejected::MissingField)?).ok_or(Rejected::MissingField)?;

    let request = line.request.and_then(split_request);
    let method = first([line.request_method, line.method]).or(request.as_ref().map(|request| request.0.clone()));
    let target = first([line.request_uri, line.uri]).or(request.map(|request| request.1)).unwrap_or_default();
    let (path, query) = split_query(target);
    let query = query.or(line.args.map(|args| args.0)).unwrap_or_default();

    let posted = method.is_some_and(|method| method == "POST");
    let login = posted && {
        let path = comparable_path(&path);
        context.login_routes.iter().any(|route| route.matches(&path))
    };
    let user = [line.portal_user, line.remote_user, line.user].into_iter().find_map(named);
    let user = match user {
        None if login => query_value(&query, &ACCOUNT_PARAMETERS).map(|account| Cow::Owned(account.into_owned())),
        user => user,
    };

    let mut activity = Activity::new(at, if login { Operation::Login } else { Operation::Request });
    activity.actor = user.map_or(Actor::Anonymous, Actor::PortalUser);
    activity.known_by = KnownBy::AccessLog;
    activity.address = first([line.remote_addr, line.addr]).and_then(|address| canonical(&address));
    activity.session = named(line.session).filter(|session| session.bytes().any(|byte| byte != b'0'));
    activity.agent = first([line.http_user_agent, line.user_agent, line.ua]).filter(|agent| agent != "-");
    if !path.is_empty() {
        activity.resources.push(Resource::Route(path));
    }
    let bytes = line.body_bytes_sent.or(line.bytes_sent).or(line.bytes).and_then(number);
    activity.measures = Measures { bytes, ..Measures::default() };
    activity.outcome = match status {
        401 | 403 => Outcome::Denied,
        400 | 422 if login => Outcome::Denied,
        400.. => Outcome::Failed,
        _ => Outcome::Success,
    };
    Ok(Parsed::Activity(activity))
}

/// The fields we know; all others are skipped unread.
#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    msec: Option<Text<'a>>,
    #[serde(borrow, default)]
    time_iso8601: Option<Text<'a>>,
    #[serde(borrow, default)]
    time: Option<Text<'a>>,
    #[serde(borrow, default)]
    remote_addr: Option<Text<'a>>,
    #[serde(borrow, default)]
    addr: Option<Text<'a>>,
    #[serde(borrow, default)]
    portal_user: Option<Text<'a>>,
    #[serde(borrow, default)]
    remote_user: Option<Text<'a>>,
    #[serde(borrow, default)]
    user: Option<Text<'a>>,
    #[serde(borrow, default)]
    request_method: Option<Text<'a>>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    request_uri: Option<Text<'a>>,
    #[serde(borrow, default)]
    uri: Option<Text<'a>>,
    #[serde(borrow, default)]
    args: Option<Text<'a>>,
    #[serde(borrow, default)]
    request: Option<Text<'a>>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    body_bytes_sent: Option<Text<'a>>,
    #[serde(borrow, default)]
    bytes_sent: Option<Text<'a>>,
    #[serde(borrow, default)]
    bytes: Option<Text<'a>>,
    #[serde(borrow, default)]
    session: Option<Text<'a>>,
    #[serde(borrow, default)]
    http_user_agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    user_agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    ua: Option<Text<'a>>,
}

/// A string, borrowed if it holds no escape, or a number as text.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText;
        impl<'de> Visitor<'de> for OfText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
        }
        deserializer.deserialize_any(OfText)
    }
}

fn first<'a, const N: usize>(fields: [Option<Text<'a>>; N]) -> Option<Cow<'a, str>> {
    fields.into_iter().flatten().map(|text| text.0).find(|text| !text.is_empty())
}

/// A name; `-` and nothing are none.
fn named(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|name| !matches!(name.trim(), "" | "-"))
}

fn number<T: std::str::FromStr>(text: Text<'_>) -> Option<T> {
    text.0.trim().parse().ok()
}

fn time(line: &Line<'_>, context: &Context) -> Option<Timestamp> {
    if let Some(msec) = &line.msec {
        // "1795439034.441": nginx always writes milliseconds; f64 holds them exactly enough until the year 2255.
        let seconds: f64 = msec.0.trim().parse().ok()?;
        return (0.0..9e9).contains(&seconds).then(|| Timestamp::from_millis((seconds * 1000.0).round() as i64));
    }
    let text = [&line.time_iso8601, &line.time].into_iter().flatten().map(|text| text.0.trim()).next()?;
    text.parse()
        .ok()
        .or_else(|| LocalTime::parse_iso(text).and_then(|local| context.zone.instant(local, context.after)))
}

/// An IPv4 address that came mapped into IPv6 is the IPv4 address.
fn canonical(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Method and target of `GET /path HTTP/1.1`.
fn split_request<'a>(request: Text<'a>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let (method, rest) = request.0.split_once(' ')?;
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    let valid = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    valid.then(|| (Cow::Owned(method.to_owned()), Cow::Owned(target.to_owned())))
}

fn split_query(target: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match target {
        Cow::Borrowed(text) => match text.split_once('?') {
            Some((path, query)) => (Cow::Borrowed(path), Some(Cow::Borrowed(query))),
            None => (Cow::Borrowed(text), None),
        },
        Cow::Owned(mut text) => match text.find('?') {
            Some(at) => {
                let query = text.split_off(at + 1);
                text.pop();
                (Cow::Owned(text), Some(Cow::Owned(query)))
            }
            None => (Cow::Owned(text), None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Activity<'static>, Rejected> {
        let bytes: &'static [u8] = Box::leak(line.as_bytes().to_vec().into_boxed_slice());
        let scratch = Box::leak(Box::default());
        match SPEC.parse(bytes, scratch, &Context::default())? {
            Parsed::Activity(activity) => Ok(activity),
            Parsed::Ignored(rule) => panic!("ignored: {rule}"),
        }
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
    fn refuses() {
        for (line, rejected) in [
            ("", Rejected::NotJson),
            ("[]", Rejected::NotJson),
            ("{", Rejected::NotJson),
            (r#"{"time":"2026-03-02T00:00:00Z","status":200} x"#, Rejected::NotJson),
            (r#"{"time":"2026-03-02T00:00:00Z","status":200,"status":404}"#, Rejected::NotJson),
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
