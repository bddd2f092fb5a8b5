//! # access_combined: access log in the common or combined format, of nginx or Apache
//!
//! ```text
//! [vhost:port ]address ident user [23/Nov/2026:13:04:05 +0000] "request" status bytes[ "referer" "agent"[ "x-forwarded-for"]][ key=value…]
//! ```
//!
//! That is nginx's `combined`, Apache's `common`, `combined` and `vhost_combined`, and nginx's combined with more behind it, for
//! which we recommend
//!
//! ```text
//! log_format extended '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
//!     '"$http_user_agent" "$http_x_forwarded_for" upstream="$upstream_addr" sess="$sess8" '
//!     'puser="$upstream_http_x_portal_user" rid=$request_id';
//! ```
//!
//! A third text in quotes is X-Forwarded-For. Of the keys these are read: `rid` or `request_id`, `sess` or `session`, `puser` or
//! `portal_user`, `host`, `upstream` or `upstream_addr`, `server_addr`, `app_host`, `xff`, `realip`, `peer`, `key_hash` and its like;
//! of one that comes twice the first.
//!
//! Both servers escape: nginx `\x22`, Apache `\"`, `\\`, `\n`, `\xff`. So a quote that is not escaped ends a text, and nothing a
//! client sends can forge ` [time] "`: the line is anchored there, as a user's name may hold blanks, brackets and (escaped)
//! quotes. nginx `escape=none` breaks that promise: such lines are read wrongly or refused; do not use it.
//!
//! The request may be empty, noise, or without protocol. Bytes are nginx's `$body_bytes_sent` or Apache's `%b` (bodies), but in
//! the formats that Debian ships `%O` (with headers): a little more for the same answer. Seconds only, with their offset.
//!
//! Cannot know: the portal user, the session and the request id unless the keys are there; with the plain formats only HTTP Basic
//! names people, so who read what stays anonymous.

use crate::text::lossy;
use crate::web::{Escapes, Known, Line, Meaning, Raw, clf_time};
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use memchr::memmem;
use std::net::IpAddr;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "access_combined",
    summary: "nginx or Apache access log: common, combined, vhost_combined, and combined with key=value behind it",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { requests: true, people: true, results: true, statements: false, rows: false },
    looks_like: |bytes| !bytes.starts_with(b"{") && anchored(&String::from_utf8_lossy(bytes)).is_some(),
    parse,
};

/// `23/Nov/2026:13:04:05 +0000`.
const TIME_LENGTH: usize = 26;

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    let (head, time, rest) = anchored(text).ok_or(Rejected::Malformed)?;
    let mut line = Line::default();
    line.offer(Known { meaning: Meaning::Time, rank: 0 }, Raw::plain(time));
    head_fields(head, &mut line).ok_or(Rejected::Malformed)?;
    tail_fields(rest, &mut line).ok_or(Rejected::Malformed)?;
    line.activity(context).map(Parsed::Activity)
}

/// What comes before ` [time] "`, the time, and what comes behind.
fn anchored(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    memmem::find_iter(bytes, b" [").find_map(|at| {
        let (from, to) = (at + 2, at + 2 + TIME_LENGTH);
        if bytes.get(to..to + 3)? != b"] \"" {
            return None;
        }
        let time = text.get(from..to)?;
        clf_time(time)?;
        Some((&text[..at], time, &text[to + 3..]))
    })
}

/// `[vhost:port ]address ident user`; the user may hold blanks.
fn head_fields<'a>(head: &'a str, line: &mut Line<'a>) -> Option<()> {
    let (first, rest) = head.split_once(' ')?;
    let (second, third) = rest.split_once(' ')?;
    // Who runs identd? So the second word is `-`, unless a virtual host came first.
    let ends_in_port = || first.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let is_vhost = second != "-" && ends_in_port() && first.parse::<IpAddr>().is_err();
    // Else it may be the head of a syslog line, whose envelope is to come off first.
    if second != "-" && !is_vhost && first.parse::<IpAddr>().is_err() {
        return None;
    }
    let (address, user) = if is_vhost { (second, third.split_once(' ')?.1) } else { (first, third) };
    if is_vhost && let Some((host, _)) = first.rsplit_once(':') {
        line.offer(Known { meaning: Meaning::Host, rank: 0 }, Raw::plain(host));
    }
    line.offer(Known { meaning: Meaning::Client, rank: 0 }, Raw::plain(address));
    line.offer(Known { meaning: Meaning::RemoteUser, rank: 0 }, Raw { text: user, escapes: Escapes::Log });
    Some(())
}

/// Behind the opening quote of the request. A line that was cut behind the bytes is read as far as it goes.
fn tail_fields<'a>(rest: &'a str, line: &mut Line<'a>) -> Option<()> {
    let (request, rest) = quoted(rest)?;
    line.offer(Known { meaning: Meaning::Request, rank: 0 }, request);
    let (status, rest) = word(rest.strip_prefix(' ')?);
    line.offer(Known { meaning: Meaning::Status, rank: 0 }, Raw::plain(status));
    let (bytes, mut rest) = word(rest.strip_prefix(' ')?);
    line.offer(Known { meaning: Meaning::Bytes, rank: 0 }, Raw::plain(bytes));
    let mut in_place = [Meaning::Referer, Meaning::Agent, Meaning::Forwarded].into_iter();
    while let Some(next) = rest.strip_prefix(' ') {
        if let Some(opened) = next.strip_prefix('"') {
            let Some((text, behind)) = quoted(opened) else { break };
            if let Some(meaning) = in_place.next() {
                line.offer(Known { meaning, rank: 0 }, text);
            }
            rest = behind;
            continue;
        }
        let (key, behind) = next.split_at(memchr::memchr2(b' ', b'=', next.as_bytes()).unwrap_or(next.len()));
        rest = behind;
        let Some(value) = behind.strip_prefix('=') else { continue };
        let (value, behind) = match value.strip_prefix('"') {
            Some(opened) => match quoted(opened) {
                Some(found) => found,
                None => break,
            },
            None => {
                let (value, behind) = word(value);
                (Raw { text: value, escapes: Escapes::Log }, behind)
            }
        };
        rest = behind;
        if let Some(known) = Known::field(key).filter(|known| is_extra(known.meaning)) {
            line.offer(known, value);
        }
    }
    Some(())
}

/// What may come as a key; the rest has its place in the line.
fn is_extra(meaning: Meaning) -> bool {
    use Meaning::{AppHost, Forwarded, Host, KeyHash, Peer, PortalUser, RequestId, ServerAddress, Session, Upstream};
    matches!(
        meaning,
        RequestId | Session | PortalUser | Upstream | ServerAddress | AppHost | Forwarded | Peer | KeyHash | Host
    )
}

/// A text up to the quote that is not escaped, and what comes behind it.
fn quoted(text: &str) -> Option<(Raw<'_>, &str)> {
    let mut from = 0;
    let mut escapes = Escapes::None;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &text.as_bytes()[from..])?;
        if text.as_bytes()[at] == b'"' {
            return Some((Raw { text: &text[..at], escapes }, &text[at + 1..]));
        }
        escapes = Escapes::Log;
        from = at + 1 + usize::from(matches!(text.as_bytes().get(at + 1), Some(b'"' | b'\\')));
    }
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::{Activity, Actor, Operation, Outcome, Resource};

    fn parsed(line: &str) -> Result<Activity<'static>, Rejected> {
        testing::not_ignored(testing::parsed(&SPEC, line, &Context::default()))
    }

    #[test]
    fn users_may_hold_anything() {
        let user = |head: &str| {
            let line = format!("{head} [23/Nov/2026:14:04:05 +0100] \"GET /x?y HTTP/1.1\" 200 9");
            let activity = parsed(&line).unwrap();
            assert_eq!(activity.at.to_string(), "2026-11-23T13:04:05Z");
            assert_eq!(activity.resources, [Resource::Route("/x".into())]);
            match activity.actor {
                Actor::PortalUser(user) => (activity.address.map(|address| address.to_string()), user.into_owned()),
                actor => (activity.address.map(|address| address.to_string()), format!("{actor:?}")),
            }
        };
        let of = |address: &str, user: &str| (Some(address.to_owned()), user.to_owned());
        assert_eq!(user("10.8.0.78 - hr bj\\xC3\\xB6rn"), of("10.8.0.78", "hr björn"));
        assert_eq!(user("192.0.2.66 - evil\\x22 [200] 9 \\x22-\\x22"), of("192.0.2.66", "evil\" [200] 9 \"-\""));
        assert_eq!(
            user("192.0.2.66 - a [23/Nov/2026:12:00:00 +0000] \\\"GET / HTTP/1.1\\\" 200 1"),
            of("192.0.2.66", "a [23/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 1")
        );
        assert_eq!(user("shop.example.com:80 192.0.2.66 - hr anna"), of("192.0.2.66", "hr anna"));
        assert_eq!(user("127.0.0.1:443 192.0.2.66 - -"), of("192.0.2.66", "Anonymous"));
        assert_eq!(user("::1 - - b c"), of("::1", "- b c"));
        assert_eq!(user("2001:db8::1:2 joe anna"), of("2001:db8::1:2", "anna"));
        assert_eq!(user("fe80::1%eth0 - -"), of("fe80::1", "Anonymous"));
    }

    #[test]
    fn what_comes_behind_the_bytes() {
        let of = |tail: &str| {
            parsed(&format!("192.0.2.6 - - [23/Nov/2026:13:04:05 +0000] \"POST /portal/login HTTP/1.1\" 401 -{tail}"))
        };
        let common = of("").unwrap();
        assert_eq!(
            (common.operation, common.outcome, common.measures.bytes),
            (Operation::Login, Outcome::Denied, Some(0))
        );
        let full = of(r#" "-" "a \"b\"" "10.0.0.1" rt=0.1 urt="0.1, 0.2" upstream="10.1.1.1:80" sess="09b2" puser="e1001" rid=4a status=200 puser="x""#).unwrap();
        assert_eq!((full.agent.as_deref(), full.session.as_deref()), (Some("a \"b\""), Some("09b2")));
        assert_eq!((full.request_id.as_deref(), full.app_host.as_deref()), (Some("4a"), Some("10.1.1.1")));
        assert_eq!((full.actor, full.outcome), (Actor::PortalUser("e1001".into()), Outcome::Denied));
        // Other words behind it, and a line that was cut.
        assert_eq!(of(r#" "-" "M" 0.004 0.003 . rid=4a"#).unwrap().request_id.as_deref(), Some("4a"));
        assert_eq!(of(r#" "-" "Mozil"#).unwrap(), common);
        assert_eq!(of(r#" "-" "-" rid="4"#).unwrap(), common);
    }

    #[test]
    fn refuses() {
        let malformed = Err(Rejected::Malformed);
        assert_eq!(parsed(""), malformed);
        assert_eq!(parsed("192.0.2.6 - - [23/Nov/2026:13:04:05 +0000] \"GET / HTTP"), malformed);
        assert_eq!(parsed("192.0.2.6 - - [23/Nov/2026:13:04:05 +0000] \"GET / HTTP/1.1\""), malformed);
        assert_eq!(parsed("192.0.2.6 - - [32/Nov/2026:13:04:05 +0000] \"GET / HTTP/1.1\" 200 1"), malformed);
        assert_eq!(parsed("192.0.2.6 [23/Nov/2026:13:04:05 +0000] \"GET / HTTP/1.1\" 200 1"), malformed);
        let missing = Err(Rejected::MissingField);
        assert_eq!(parsed("192.0.2.6 - - [23/Nov/2026:13:04:05 +0000] \"GET / HTTP/1.1\" - 1"), missing);
    }
}
