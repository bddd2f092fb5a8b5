//! What a line of a web log says, before it is decoded: one place for the names of fields, one for what they mean.

use super::{attack, client, escape::Raw, page, personal};
use crate::text::{comparable_path, query_value};
use crate::zone::{LocalTime, digits};
use crate::{Context, Rejected};
use activity::{Activity, Actor, Asked, KnownBy, Measures, Operation, Outcome, Resource, Signal, Timestamp};
use std::borrow::Cow;

/// What fields mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Msec,
    Time,
    Client,
    Peer,
    Forwarded,
    AppHost,
    Upstream,
    ServerAddress,
    PortalUser,
    RemoteUser,
    KeyHash,
    Method,
    Target,
    Request,
    Uri,
    Query,
    Status,
    Bytes,
    Session,
    Agent,
    RequestId,
    Host,
    Referer,
}

impl Meaning {
    pub(crate) const COUNT: usize = 23;

    pub(crate) const ALL: [Meaning; Self::COUNT] = [
        Meaning::Msec,
        Meaning::Time,
        Meaning::Client,
        Meaning::Peer,
        Meaning::Forwarded,
        Meaning::AppHost,
        Meaning::Upstream,
        Meaning::ServerAddress,
        Meaning::PortalUser,
        Meaning::RemoteUser,
        Meaning::KeyHash,
        Meaning::Method,
        Meaning::Target,
        Meaning::Request,
        Meaning::Uri,
        Meaning::Query,
        Meaning::Status,
        Meaning::Bytes,
        Meaning::Session,
        Meaning::Agent,
        Meaning::RequestId,
        Meaning::Host,
        Meaning::Referer,
    ];
}

/// A field that we know: what it means, and how far down it stands among the names for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) meaning: Meaning,
    pub(crate) rank: u8,
}

impl Known {
    /// Names for one meaning.
    pub(crate) const RANKS: usize = 5;

    /// By the name of a field. First by its length: a line has some twenty fields, most of them unknown.
    #[inline]
    pub(crate) fn field(name: &str) -> Option<Self> {
        use Meaning::*;
        let (meaning, rank) = match name.len() {
            1 if name == "q" => (Query, 2),
            2 if name == "ua" => (Agent, 2),
            3 => match name {
                "uri" => (Uri, 0),
                "xff" => (Forwarded, 2),
                "req" => (Request, 1),
                "rid" => (RequestId, 1),
                "uid" => (RequestId, 2),
                "out" => (Bytes, 3),
                _ => return None,
            },
            4 => match name {
                "msec" => (Msec, 0),
                "time" => (Time, 1),
                "addr" => (Client, 1),
                "peer" => (Peer, 2),
                "user" => (RemoteUser, 1),
                "args" => (Query, 0),
                "path" => (Uri, 1),
                "sess" => (Session, 1),
                "host" => (Host, 1),
                _ => return None,
            },
            5 => match name {
                "bytes" => (Bytes, 2),
                "puser" => (PortalUser, 1),
                _ => return None,
            },
            6 => match name {
                "status" => (Status, 0),
                "method" => (Method, 1),
                "client" => (Client, 2),
                "realip" => (Peer, 0),
                _ => return None,
            },
            7 => match name {
                "request" => (Request, 0),
                "session" => (Session, 0),
                "referer" => (Referer, 1),
                _ => return None,
            },
            8 => match name {
                "app_host" => (AppHost, 0),
                "upstream" => (Upstream, 1),
                "key_hash" => (KeyHash, 3),
                _ => return None,
            },
            9 => match name {
                "client_ip" => (Client, 3),
                "http_host" => (Host, 0),
                "timestamp" => (Time, 3),
                _ => return None,
            },
            10 => match name {
                "bytes_sent" => (Bytes, 1),
                "request_id" => (RequestId, 0),
                "user_agent" => (Agent, 1),
                "time_local" => (Time, 2),
                "token_hash" => (KeyHash, 1),
                "@timestamp" => (Time, 4),
                _ => return None,
            },
            11 => match name {
                "remote_addr" => (Client, 0),
                "remote_user" => (RemoteUser, 0),
                "request_uri" => (Target, 0),
                "portal_user" => (PortalUser, 0),
                "server_addr" => (ServerAddress, 0),
                "server_name" => (Host, 2),
                _ => return None,
            },
            12 => match name {
                "time_iso8601" => (Time, 0),
                "query_string" => (Query, 1),
                "api_key_hash" => (KeyHash, 2),
                "http_referer" => (Referer, 0),
                _ => return None,
            },
            13 if name == "upstream_addr" => (Upstream, 0),
            14 => match name {
                "request_method" => (Method, 0),
                "api_token_hash" => (KeyHash, 0),
                _ => return None,
            },
            15 => match name {
                "body_bytes_sent" => (Bytes, 0),
                "http_user_agent" => (Agent, 0),
                "x_forwarded_for" => (Forwarded, 0),
                _ => return None,
            },
            18 if name == "realip_remote_addr" => (Peer, 1),
            20 if name == "http_x_forwarded_for" => (Forwarded, 1),
            _ => return None,
        };
        Some(Known { meaning, rank })
    }
}

/// The fields of a line, of each meaning the first by rank that is not empty.
#[derive(Debug, Default)]
pub(crate) struct Line<'a> {
    values: [Raw<'a>; Meaning::COUNT],
    /// One more than the rank of each value.
    ranks: [u8; Meaning::COUNT],
    /// One bit per rank that was there, empty or not.
    seen: [u8; Meaning::COUNT],
    /// There is a user name that could not be told.
    pub(crate) names_an_unsure_user: bool,
}

impl<'a> Line<'a> {
    /// `false` if that very field was there before.
    #[inline]
    pub(crate) fn offer(&mut self, known: Known, value: Raw<'a>) -> bool {
        let at = known.meaning as usize;
        let bit = 1 << (known.rank & 7);
        if self.seen[at] & bit != 0 {
            return false;
        }
        self.seen[at] |= bit;
        if !value.text.is_empty() && (self.ranks[at] == 0 || known.rank < self.ranks[at] - 1) {
            self.values[at] = value;
            self.ranks[at] = known.rank + 1;
        }
        true
    }

    pub(crate) fn forget(&mut self, meaning: Meaning) {
        let at = meaning as usize;
        self.values[at] = Raw::default();
        self.ranks[at] = 0;
        self.seen[at] = 0;
    }

    pub(crate) fn is_absent(&self, meaning: Meaning) -> bool {
        self.ranks[meaning as usize] == 0
    }

    /// Whether a field of the meaning was there, be it empty.
    fn was_logged(&self, meaning: Meaning) -> bool {
        self.seen[meaning as usize] != 0
    }

    /// What stands there, where escapes do not matter: numbers, addresses, times.
    #[inline]
    fn raw(&self, meaning: Meaning) -> &'a str {
        self.values[meaning as usize].text
    }

    #[inline]
    pub(crate) fn text(&self, meaning: Meaning) -> Cow<'a, str> {
        self.values[meaning as usize].decoded()
    }

    /// A name; `-` and nothing are none.
    fn named(&self, meaning: Meaning) -> Option<Cow<'a, str>> {
        match self.raw(meaning) {
            "" | "-" => None,
            _ => Some(self.text(meaning)).filter(|name| !matches!(name.trim(), "" | "-")),
        }
    }

    /// What the line says, as all formats of web servers say it; see the module [`super`].
    pub(crate) fn activity(&self, context: &Context) -> Result<Activity<'a>, Rejected> {
        let at = self.time(context)?;
        let status: u16 = self.raw(Meaning::Status).trim().parse().map_err(|_| Rejected::MissingField)?;
        let Target { method, path, query } = self.asked();
        let basic_user = self.named(Meaning::RemoteUser);
        let on_login_route = method == "POST" && {
            let path = comparable_path(&path);
            context.login_routes.iter().any(|route| route.matches(&path))
        };
        let refused_by_name = status == 401 && (basic_user.is_some() || self.names_an_unsure_user);
        let login = on_login_route || refused_by_name;

        let mut activity = Activity::new(at, if login { Operation::Login } else { Operation::Request });
        activity.outcome = match status {
            401 | 403 => Outcome::Denied,
            400 | 422 if login => Outcome::Denied,
            400.. => Outcome::Failed,
            _ => Outcome::Success,
        };
        let user = self.named(Meaning::PortalUser).or(basic_user);
        // Anybody can write any name into a query: it is one that was tried, and never one that came in.
        let tried = on_login_route && activity.outcome == Outcome::Denied;
        let account = || {
            let account = tried.then(|| query_value(&query, &ACCOUNT_PARAMETERS)).flatten();
            account.map(|account| Cow::Owned(account.into_owned()))
        };
        activity.actor = match user.or_else(account) {
            Some(user) => Actor::PortalUser(user),
            None => self.named(Meaning::KeyHash).map_or(Actor::Anonymous, Actor::IntegrationKey),
        };
        activity.known_by = KnownBy::AccessLog;
        activity.request_id = self.named(Meaning::RequestId);
        activity.app_host = self.app_host(context);
        activity.address = self.client(context);
        // Zeros, with or without dashes, are a request without a session.
        let is_session = |session: &Cow<'_, str>| session.bytes().any(|byte| !matches!(byte, b'0' | b'-'));
        activity.session = self.named(Meaning::Session).filter(is_session);
        activity.agent = self.named(Meaning::Agent);
        activity.measures = Measures { bytes: self.bytes(), ..Measures::default() };
        activity.page = page::asked(&query);
        activity.signals = attack::in_url(&path, &query);
        if personal::in_url(&path, &query) {
            activity.signals.insert(Signal::PersonalDataInUrl);
        }
        let said = |meaning: Meaning| self.named(meaning).unwrap_or_default();
        let (host, referer) = (said(Meaning::Host), said(Meaning::Referer));
        activity.asked = Some(Asked { method, query, status, host, referer });
        if !path.is_empty() {
            activity.resources.push(Resource::Route(path));
        }
        Ok(activity)
    }

    fn time(&self, context: &Context) -> Result<Timestamp, Rejected> {
        let msec = self.raw(Meaning::Msec).trim();
        if !msec.is_empty() {
            return epoch(msec).ok_or(Rejected::BadTime);
        }
        let text = self.text(Meaning::Time);
        let text = text.trim();
        if text.is_empty() && !self.was_logged(Meaning::Time) {
            return context.shipped_at.ok_or(Rejected::BadTime);
        }
        // Apache's %t writes brackets.
        let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let found = text.parse().ok().or_else(|| with_bare_offset(text)).or_else(|| clf_time(text));
        found
            .or_else(|| epoch(text).filter(|at| EPOCH_MIN <= *at))
            .or_else(|| LocalTime::parse_iso(text).and_then(|local| context.zone.instant(local, context.after)))
            .ok_or(Rejected::BadTime)
    }

    /// Method, path and query. `$request_uri`, else the request line, else `$uri`, which nginx has rewritten and Apache decoded.
    fn asked(&self) -> Target<'a> {
        let mut method = self.text(Meaning::Method);
        let mut target = self.text(Meaning::Target);
        if (target.is_empty() || method.is_empty())
            && let Some((first, second)) = split_request(self.text(Meaning::Request))
        {
            method = if method.is_empty() { first } else { method };
            target = if target.is_empty() { second } else { target };
        }
        if target.is_empty() && self.is_absent(Meaning::Request) {
            target = self.text(Meaning::Uri);
        }
        let (path, query) = split_query(target);
        let query = query.unwrap_or_else(|| match self.text(Meaning::Query) {
            // Apache's %q begins with the question mark.
            Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('?').unwrap_or(text)),
            Cow::Owned(text) => Cow::Owned(text.strip_prefix('?').map(str::to_owned).unwrap_or(text)),
        });
        Target { method, path: only_path(path), query }
    }

    fn client(&self, context: &Context) -> Option<std::net::IpAddr> {
        let peer = self.raw(Meaning::Peer);
        let Some(near) = client::address(self.raw(Meaning::Client)) else { return client::address(peer) };
        let rewritten = || client::address(peer).is_some_and(|peer| peer != near);
        if !client::is_trusted(near, &context.trusted_proxies) || rewritten() {
            return Some(near);
        }
        Some(client::behind(near, &self.text(Meaning::Forwarded), &context.trusted_proxies))
    }

    fn app_host(&self, context: &Context) -> Option<Cow<'a, str>> {
        let named = self.named(Meaning::AppHost).map(client::host);
        if named.as_deref().is_some_and(|named| !client::is_local(named)) {
            return named;
        }
        let configured = || context.app_host.as_deref().map(|host| Cow::Owned(host.to_owned()));
        let server = || {
            let server = client::host(Cow::Borrowed(self.raw(Meaning::ServerAddress)));
            (!client::is_local(&server)).then_some(server)
        };
        if named.is_some() {
            return configured().or_else(server).or(named);
        }
        if !self.was_logged(Meaning::Upstream) {
            return server().or_else(configured);
        }
        let upstream = client::host(Cow::Borrowed(client::last_upstream(self.raw(Meaning::Upstream))?));
        if client::is_local(&upstream) {
            return configured().or_else(server).or_else(|| (!upstream.is_empty()).then_some(upstream));
        }
        Some(upstream)
    }

    /// Apache writes `-` for none.
    fn bytes(&self) -> Option<u64> {
        match self.raw(Meaning::Bytes).trim() {
            "-" => Some(0),
            bytes => bytes.parse().ok(),
        }
    }
}

/// From where on a number in a field for the time is one, not how long something took: 2001-09-09.
const EPOCH_MIN: Timestamp = Timestamp::from_secs(1_000_000_000);

/// Query parameters of a login route that name the account tried.
const ACCOUNT_PARAMETERS: [&str; 4] = ["u", "username", "login", "email"];

struct Target<'a> {
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    query: Cow<'a, str>,
}

/// Method and target of `GET /path HTTP/1.1`; of what is no request line (TLS, SSH, noise) there is none.
fn split_request(request: Cow<'_, str>) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let (method, rest) = request.split_once(' ')?;
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    let (from, to) = (method.len(), method.len() + 1 + target.len());
    Some(match request {
        Cow::Borrowed(text) => (Cow::Borrowed(&text[..from]), Cow::Borrowed(&text[from + 1..to])),
        Cow::Owned(text) => (Cow::Owned(text[..from].to_owned()), Cow::Owned(text[from + 1..to].to_owned())),
    })
}

fn split_query(target: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match target {
        Cow::Borrowed(text) => match memchr::memchr(b'?', text.as_bytes()) {
            Some(at) => (Cow::Borrowed(&text[..at]), Some(Cow::Borrowed(&text[at + 1..]))),
            None => (Cow::Borrowed(text), None),
        },
        Cow::Owned(mut text) => match memchr::memchr(b'?', text.as_bytes()) {
            Some(at) => {
                let query = text.split_off(at + 1);
                text.pop();
                (Cow::Owned(text), Some(Cow::Owned(query)))
            }
            None => (Cow::Owned(text), None),
        },
    }
}

/// Of `http://host/path` (proxies ask so) the path; of what asks for no path (`*`, `host:443`) nothing.
fn only_path(target: Cow<'_, str>) -> Cow<'_, str> {
    if target.starts_with('/') {
        return target;
    }
    let is_url = |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let Some(scheme) = ["http://", "https://"].into_iter().find(|scheme| is_url(scheme)) else {
        return Cow::Borrowed("");
    };
    match target[scheme.len()..].find('/') {
        None => Cow::Borrowed("/"),
        Some(at) => match target {
            Cow::Borrowed(text) => Cow::Borrowed(&text[scheme.len() + at..]),
            Cow::Owned(text) => Cow::Owned(text[scheme.len() + at..].to_owned()),
        },
    }
}

/// `1795439034.441`: seconds since the epoch, nginx always writes three digits behind the point.
fn epoch(text: &str) -> Option<Timestamp> {
    if let Some((seconds, millis)) = text.split_once('.')
        && millis.len() == 3
        && let (Some(seconds), Some(millis)) = (digits10(seconds.as_bytes()), digits(millis.as_bytes()))
    {
        return Some(Timestamp::from_millis(seconds * 1000 + i64::from(millis)));
    }
    // f64 holds milliseconds exactly enough until the year 2255.
    let seconds: f64 = text.parse().ok()?;
    (0.0..9e9).contains(&seconds).then(|| Timestamp::from_millis((seconds * 1000.0).round() as i64))
}

fn digits10(bytes: &[u8]) -> Option<i64> {
    let valid = !bytes.is_empty() && bytes.len() <= 10 && bytes.iter().all(u8::is_ascii_digit);
    valid.then(|| bytes.iter().fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0')))
}

/// RFC 3339 but for the colon in the offset: strftime's `%z`.
fn with_bare_offset(text: &str) -> Option<Timestamp> {
    let at = text.len().checked_sub(5)?;
    let (local, offset) = (text.get(..at)?, text.get(at..)?);
    let local: Timestamp = format!("{local}Z").parse().ok()?;
    Some(Timestamp::from_millis(local.as_millis() - offset_seconds(offset)? * 1000))
}

/// `23/Nov/2026:13:04:08 +0000`, as in the common log format.
pub(crate) fn clf_time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if bytes.len() != 26 || shaped.iter().any(|(at, sign)| bytes[*at] != *sign) {
        return None;
    }
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let month = MONTHS.iter().position(|month| *month == &bytes[3..6])? as u32 + 1;
    let two = |at: usize| digits(&bytes[at..at + 2]);
    let year = i32::try_from(digits(&bytes[7..11])?).ok()?;
    let local = Timestamp::from_civil(year, month, two(0)?, two(12)?, two(15)?, two(18)?, 0)?;
    Some(Timestamp::from_secs(local.as_secs() - offset_seconds(text.get(21..)?)?))
}

/// `+0100`.
fn offset_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(bytes.get(1..3)?)?, digits(bytes.get(3..5)?)?);
    (bytes.len() == 5 && hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_stand_where_their_number_says() {
        for (at, meaning) in Meaning::ALL.into_iter().enumerate() {
            assert_eq!(meaning as usize, at);
        }
        const { assert!(Known::RANKS <= 8) };
    }

    #[test]
    fn the_first_name_that_is_not_empty_counts_and_none_twice() {
        let mut line = Line::default();
        let mut offer = |name: &str, value: &'static str| line.offer(Known::field(name).unwrap(), Raw::plain(value));
        assert!(offer("ua", "third") && offer("http_user_agent", "") && offer("user_agent", "second"));
        assert!(!offer("http_user_agent", "again"));
        assert_eq!(line.raw(Meaning::Agent), "second");
        line.forget(Meaning::Agent);
        assert!(line.is_absent(Meaning::Agent) && line.offer(Known::field("ua").unwrap(), Raw::plain("x")));
    }

    #[test]
    fn times() {
        let local = "2026-11-23T13:03:54Z";
        for (text, expected) in
            [("2026-11-23T13:03:54.442+0000", "2026-11-23T13:03:54.442Z"), ("2026-11-23T14:03:54+0100", local)]
        {
            assert_eq!(with_bare_offset(text).unwrap().to_string(), expected);
        }
        for text in ["23/Nov/2026:13:03:54 +0000", "23/Nov/2026:08:33:54 -0430"] {
            assert_eq!(clf_time(text).unwrap().to_string(), local);
        }
        for text in
            ["", "ä", "+0000", "23/Nov/2026:13:03:54 +00:0", "32/Nov/2026:13:03:54 +0000", "23/Nov/2026:13:03:54 ääö"]
        {
            assert_eq!((with_bare_offset(text), clf_time(text)), (None, None), "{text}");
        }
        assert_eq!(epoch("1795439034.441"), epoch("1795439034.4410"));
        assert_eq!(epoch("99999999999.000"), None);
    }

    #[test]
    fn a_time_is_a_number_or_in_brackets_too() {
        let at = |name: &str, value: &'static str| {
            let mut line = Line::default();
            assert!(line.offer(Known::field(name).unwrap(), Raw::plain(value)));
            line.time(&Context::default()).map_err(Rejected::reason).map_or_else(str::to_owned, |at| at.to_string())
        };
        for (value, said) in [
            ("1772409601", "2026-03-02T00:00:01Z"),
            ("1772409601.5", "2026-03-02T00:00:01.500Z"),
            ("1772409601.123456", "2026-03-02T00:00:01.123Z"),
            ("[23/Nov/2026:13:04:08 +0000]", "2026-11-23T13:04:08Z"),
            ("0.015", "bad_time"),
            ("1772409601000", "bad_time"),
            ("[23/Nov/2026:13:04:08 +0000", "bad_time"),
            ("[]", "bad_time"),
            ("inf", "bad_time"),
        ] {
            for name in ["@timestamp", "timestamp", "time"] {
                assert_eq!(at(name, value), said, "{name}: {value}");
            }
        }
    }

    #[test]
    fn a_name_in_a_query_is_one_that_was_tried_and_none_that_came_in() {
        let of = |portal_user: &'static str, status: &'static str| {
            let mut line = Line::default();
            let request = "POST /customer/account/loginPost?u=boss HTTP/1.1";
            for (name, value) in
                [("request", request), ("msec", "1795439034.441"), ("status", status), ("portal_user", portal_user)]
            {
                assert!(line.offer(Known::field(name).unwrap(), Raw::plain(value)));
            }
            let activity = line.activity(&Context::default()).unwrap();
            assert_eq!(activity.operation, Operation::Login);
            let user = match activity.actor {
                Actor::PortalUser(user) => user.into_owned(),
                _ => String::new(),
            };
            (user, activity.outcome)
        };
        for status in ["401", "403", "400", "422"] {
            assert_eq!(of("-", status), ("boss".into(), Outcome::Denied), "{status}");
        }
        // Magento answers a wrong password with 302, too.
        for status in ["200", "302"] {
            assert_eq!(of("-", status), (String::new(), Outcome::Success), "{status}");
        }
        assert_eq!(of("-", "500"), (String::new(), Outcome::Failed));
        assert_eq!(of("u1", "302"), ("u1".into(), Outcome::Success), "the server says so");
        assert_eq!(of("u1", "401"), ("u1".into(), Outcome::Denied));
    }

    #[test]
    fn requests() {
        let asked = |request: &'static str| {
            let mut line = Line::default();
            line.offer(Known::field("request").unwrap(), Raw::plain(request));
            let asked = line.asked();
            (asked.method.into_owned(), asked.path.into_owned(), asked.query.into_owned())
        };
        let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(asked("GET /a b?c=d?e HTTP/1.1"), text("GET", "/a b", "c=d?e"));
        assert_eq!(asked("GET /simple"), text("GET", "/simple", ""));
        assert_eq!(asked("GET HTTP://abs.example/abs?x=1 HTTP/1.1"), text("GET", "/abs", "x=1"));
        assert_eq!(asked("GET http://abs.example HTTP/1.1"), text("GET", "/", ""));
        assert_eq!(asked("CONNECT evil:443 HTTP/1.1"), text("CONNECT", "", ""));
        assert_eq!(asked("OPTIONS * HTTP/1.1"), text("OPTIONS", "", ""));
        for noise in ["", "GARBAGE", "SSH-2.0-OpenSSH_9.2", "\u{16}\u{3}\u{1}", "GéT /m HTTP/1.1", " /x"] {
            assert_eq!(asked(noise), text("", "", ""), "{noise}");
        }
    }
}
