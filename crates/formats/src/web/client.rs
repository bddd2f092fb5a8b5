//! Addresses: the client behind proxies, and the host behind a web server.

use crate::address::ip_address;
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// Proxies in one X-Forwarded-For that are looked at, from the right. More than anybody has.
const HOPS_MAX: usize = 32;

/// An address as logs and headers write it: with port, brackets or the zone of a link-local address, all of which are dropped.
/// An IPv4 address that came mapped into IPv6 is the IPv4 address.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = ip_address(text).or_else(|| {
        let unbracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let zoneless = unbracketed.split_once('%').map_or(unbracketed, |(address, _)| address);
        zoneless.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()
    });
    plain.map(|address| address.to_canonical())
}

pub(crate) fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|proxy| proxy.contains(&address))
}

/// Whom the trusted proxy `near` spoke for: the rightmost address of the header that is no trusted proxy itself. Each proxy adds
/// at the right whom it spoke to, so that what stands further left is the client's own claim. Where an entry is no address
/// (`unknown`), nobody can tell what it hides: the last proxy that was sure is taken.
pub(crate) fn behind(near: IpAddr, forwarded: &str, proxies: &[IpNet]) -> IpAddr {
    let mut sure = near;
    for hop in forwarded.rsplit(',').take(HOPS_MAX) {
        let Some(hop) = address(hop) else { return sure };
        sure = hop;
        if !is_trusted(hop, proxies) {
            break;
        }
    }
    sure
}

/// The last of nginx's `$upstream_addr` without its port: `10.0.0.1:80, 10.0.0.2:80`, ` : ` between groups. Empty for a socket
/// of the same machine; `None` where there is no address: nginx answered by itself, or found no server of the group named.
pub(crate) fn last_upstream(list: &str) -> Option<&str> {
    let last = list.trim().rsplit([' ', ',']).next()?;
    if last.starts_with("unix:") {
        return Some("");
    }
    if last.parse::<IpAddr>().is_ok() {
        return Some(last);
    }
    let (host, port) = last.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    (is_port(port) && !host.is_empty()).then_some(host)
}

/// A host as a database names it: without port or brackets, and an address in its usual form.
pub fn host(text: Cow<'_, str>) -> Cow<'_, str> {
    // Names, and addresses of IPv4.
    if !text.contains([':', '[']) {
        return text;
    }
    if let Some(address) = address(&text) {
        return Cow::Owned(address.to_string());
    }
    match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) && !host.is_empty() && !host.contains(':') => Cow::Owned(host.to_owned()),
        _ => text,
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a host is the machine that says so, as far as can be told.
pub(crate) fn is_local(host: &str) -> bool {
    matches!(host, "" | "-" | "localhost" | "::1") || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("203.0.113.5", Some("203.0.113.5")),
            (" 203.0.113.5:4711", Some("203.0.113.5")),
            ("::ffff:203.0.113.5", Some("203.0.113.5")),
            ("[::ffff:203.0.113.5]:80", Some("203.0.113.5")),
            ("2001:db8::1:2", Some("2001:db8::1:2")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[fe80::1%eth0]", Some("fe80::1")),
            ("unknown", None),
            ("_hidden", None),
            ("\"1.2.3.4\"", None),
            ("1.2.3.4.5", None),
            ("unix:", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(address(text), expected.map(|expected| expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_client_is_who_the_last_proxy_that_is_trusted_spoke_to() {
        let proxies: Vec<IpNet> =
            ["127.0.0.0/8", "10.0.0.0/8", "::1/128"].iter().map(|net| net.parse().unwrap()).collect();
        let client = |forwarded: &str| behind("127.0.7.9".parse().unwrap(), forwarded, &proxies).to_string();
        assert_eq!(client("198.51.100.7"), "198.51.100.7");
        assert_eq!(client("198.51.100.7, 10.0.0.1"), "198.51.100.7");
        // The client claimed the first one.
        assert_eq!(client("10.9.9.9, 1.1.1.1, 198.51.100.7, 10.0.0.1"), "198.51.100.7");
        assert_eq!(client("127.0.0.1, \"1.2.3.4\", ::1, unknown, 10.0.0.1:4711"), "10.0.0.1");
        assert_eq!(client("1.1.1.1, unknown"), "127.0.7.9");
        assert_eq!(client("2001:db8::1:2, fe80::1%eth0"), "fe80::1");
        assert_eq!(client("::ffff:203.0.113.5"), "203.0.113.5");
        assert_eq!(client("10.0.0.3, 10.0.0.2"), "10.0.0.3");
        assert_eq!(client(""), "127.0.7.9");
        assert_eq!(client("-"), "127.0.7.9");
        assert_eq!(client(&format!("1.1.1.1{}", ", 10.0.0.1".repeat(100))), "10.0.0.1");
    }

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1:9000", "10.0.0.1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8:0::1]:9000", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("[::ffff:10.0.0.1]:9000", "10.0.0.1"),
            ("app-1.internal:9000", "app-1.internal"),
            ("app-1.internal", "app-1.internal"),
            ("unix:/run/php.sock", "unix:/run/php.sock"),
            ("[", "["),
            (":80", ":80"),
            ("", ""),
        ] {
            assert_eq!(host(text.into()), expected, "{text}");
        }
    }

    #[test]
    fn upstreams() {
        for (list, expected) in [
            ("127.0.0.1:18099", Some("127.0.0.1")),
            ("10.0.0.1:9000, 10.0.0.2:9000", Some("10.0.0.2")),
            ("10.0.0.1:9000 : 10.0.0.3:9000", Some("10.0.0.3")),
            ("[2001:db8::1]:9000", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("app-1.internal:9000", Some("app-1.internal")),
            ("unix:/run/php/php-fpm.sock", Some("")),
            ("php_backend", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(last_upstream(list), expected, "{list}");
        }
    }
}
