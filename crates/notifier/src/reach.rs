//! `[delivery]`: where HTTP channels may go at all.
//!
//! The configuration says where notices go, but names are resolved by others: a name that comes to mean an address of
//! the inner network, or of the machine's own metadata service, would turn breachd into somebody's way in (server-side
//! request forgery). So what a name resolves to is judged at the moment of connecting, and the connection goes to
//! exactly the addresses that passed: there is no second look-up between judgement and connection. An address written
//! into the configuration is no answer of others, but is held to the same, except this machine itself, which trials use.
//! Judging names beforehand, when the configuration is read, was dropped: the answer may be another one a minute later.
//!
//! Every exchange passes [`Reach::permits`], so no channel can forget it. Mail relays are not judged: they mostly stand in
//! the inner network, and SMTP over required TLS carries nothing that another service would take for its own.

use crate::{
    settings::is_loopback,
    stages::classify::{Failure, FailureKind},
};
use ipnet::IpNet;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

/// Entries of each list. Beyond: refused by `check`.
const ENTRIES_MAX: usize = 100;

/// `[delivery]`: where HTTP channels may go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliverySettings {
    /// The only hosts that HTTP channels may speak to; `*.example.com` stands for every name below, not for
    /// `example.com` itself. Empty: any host.
    pub hosts: Vec<String>,
    /// Private, link-local or otherwise special networks that HTTP channels may connect to, such as `10.20.0.0/16`; all
    /// others are refused, whatever name leads there. This machine itself needs none when written as an address or `localhost`.
    pub private_networks: Vec<String>,
}

impl DeliverySettings {
    /// Every mistake: key below `delivery`, and what is wrong.
    pub(crate) fn check(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (key, entries) in [("hosts", self.hosts.len()), ("private_networks", self.private_networks.len())] {
            if entries > ENTRIES_MAX {
                problems.push((format!("delivery.{key}"), format!("are {entries}, at most {ENTRIES_MAX}")));
            }
        }
        for (index, host) in self.hosts.iter().enumerate() {
            let name = host.strip_prefix("*.").unwrap_or(host);
            if Url::parse(&format!("https://{name}/")).ok().and_then(|url| Some(url.host_str()? == name)) != Some(true)
            {
                let problem = "must be a host as in a URL, in lower case and without port, or `*.` and one".to_owned();
                problems.push((format!("delivery.hosts[{index}]"), problem));
            }
        }
        for (index, network) in self.private_networks.iter().enumerate() {
            if parse_network(network).is_none() {
                let problem = format!("`{network}` is no network; write it as `10.20.0.0/16`, or a single address");
                problems.push((format!("delivery.private_networks[{index}]"), problem));
            }
        }
        problems
    }
}

fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
type LookUp = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// What the settings allow, and the resolver that keeps to it.
#[derive(Clone)]
pub(crate) struct Reach {
    hosts: Arc<[String]>,
    networks: Arc<[IpNet]>,
    look_up: LookUp,
}

/// Why no connection was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreachable {
    #[error("host `{0}` is not among `[delivery] hosts`")]
    Host(String),
    #[error("`{host}` leads to {address}, which is in no public network nor in `[delivery] private_networks`")]
    Private { host: String, address: IpAddr },
}

impl Reach {
    pub(crate) fn of(settings: &DeliverySettings) -> Self {
        Reach {
            hosts: settings.hosts.clone().into(),
            networks: settings.private_networks.iter().filter_map(|network| parse_network(network)).collect(),
            look_up: Arc::new(|host| Box::pin(look_up(host))),
        }
    }

    /// Whether a request may go to this URL, as far as the URL itself tells; what a name means is judged when connecting.
    pub(crate) fn permits(&self, url: &Url) -> Result<(), Unreachable> {
        let host = url.host_str().unwrap_or_default();
        let listed = |entry: &String| match entry.strip_prefix("*.") {
            Some(parent) => host.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => host == entry,
        };
        if !self.hosts.is_empty() && !self.hosts.iter().any(listed) {
            return Err(Unreachable::Host(activity::printable_within(host, 100)));
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => self.judge(host, address),
            Err(_) => Ok(()),
        }
    }

    fn judge(&self, host: &str, address: IpAddr) -> Result<(), Unreachable> {
        let named = self.networks.iter().any(|network| network.contains(&address));
        let itself = is_loopback(host) && address.is_loopback();
        if named || itself || is_public(address) {
            return Ok(());
        }
        Err(Unreachable::Private { host: activity::printable_within(host, 100), address })
    }
}

impl Resolve for Reach {
    /// The addresses that may be connected to. If there are none, the first that may not is the error.
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in (reach.look_up)(host.clone()).await? {
                match reach.judge(&host, address) {
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(unreachable) => refused = refused.or(Some(unreachable)),
                }
            }
            match refused.filter(|_| allowed.is_empty()) {
                Some(unreachable) => Err(unreachable.into()),
                None => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
}

/// A refusal of ours is no failure of the service: trying again would meet it again, and somebody else has to be told.
pub(crate) fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(unreachable) = inner.downcast_ref::<Unreachable>() {
            return Some(Failure { reason: unreachable.to_string(), kind: FailureKind::Refused });
        }
        cause = inner.source();
    }
    None
}

/// Whether an address is one of the open internet: what the registries of special-purpose addresses (RFC 6890, by IANA)
/// set apart is not; an IPv6 address that carries an IPv4 address is judged by that.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // This network, private use, loopback, link-local (metadata services of clouds), private use.
        [0 | 10 | 127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => false,
        // Shared by carriers, protocol assignments, documentation, 6to4 relays, benchmarks, documentation.
        [100, 64..=127, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => false,
        [198, 51, 100, _] | [203, 0, 113, _] => false,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => false,
        _ => true,
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped, compatible (unspecified and loopback among them), translated: the IPv4 address decides.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo among them), documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast is 2000::/3 and nothing else.
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
impl Reach {
    /// With a look-up that answers the same for every name.
    pub(crate) fn answering(settings: &DeliverySettings, addresses: &[&str]) -> Self {
        let found: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        let look_up: LookUp = Arc::new(move |_| {
            let found = found.clone();
            Box::pin(async move { Ok(found) })
        });
        Reach { look_up, ..Reach::of(settings) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(hosts: &[&str], networks: &[&str]) -> DeliverySettings {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        DeliverySettings { hosts: owned(hosts), private_networks: owned(networks) }
    }

    fn permitted(settings: &DeliverySettings, url: &str) -> bool {
        Reach::of(settings).permits(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn special_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:a00:1::1",
            "2001:db8::1",
            "2001::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_list_of_hosts_is_the_whole_list() {
        let listed = settings(&["hooks.slack.com", "*.example.com"], &[]);
        assert_eq!(listed.check(), []);
        for url in ["https://hooks.slack.com/x", "https://a.example.com/", "https://a.b.example.com:8443/"] {
            assert!(permitted(&listed, url), "{url}");
        }
        for url in [
            "https://example.com/",
            "https://badexample.com/",
            "https://hooks.slack.com.evil.example/",
            "https://evil.example/hooks.slack.com",
            "http://127.0.0.1/",
        ] {
            assert!(!permitted(&listed, url), "{url}");
        }
        assert!(permitted(&settings(&[], &[]), "https://anything.example/"));
    }

    #[test]
    fn written_addresses_are_judged_like_resolved_ones_but_for_this_machine() {
        let none = settings(&[], &[]);
        assert!(permitted(&none, "http://127.0.0.1:8080/") && permitted(&none, "http://[::1]/"));
        assert!(!permitted(&none, "https://10.1.2.3/") && !permitted(&none, "https://[fd00::1]/"));
        assert!(!permitted(&none, "https://169.254.169.254/latest") && !permitted(&none, "https://2852039166/"));
        let some = settings(&[], &["10.1.0.0/16", "fd00::1"]);
        assert!(permitted(&some, "https://10.1.2.3/") && permitted(&some, "https://[fd00::1]/"));
        assert!(!permitted(&some, "https://10.2.2.3/") && !permitted(&some, "https://[fd00::2]/"));
    }

    #[test]
    fn mistakes_are_said() {
        let wrong =
            settings(&["https://x.example", "UPPER.example", "", "*.", "ok.example"], &["10.0.0.0/99", "inner"]);
        let keys: Vec<String> = wrong.check().into_iter().map(|(key, _)| key).collect();
        let hosts = (0..4).map(|index| format!("delivery.hosts[{index}]"));
        let networks = (0..2).map(|index| format!("delivery.private_networks[{index}]"));
        assert_eq!(keys, hosts.chain(networks).collect::<Vec<_>>());
    }

    async fn resolved(settings: &DeliverySettings, host: &str, addresses: &[&str]) -> Result<Vec<String>, String> {
        let answer = Reach::answering(settings, addresses).resolve(host.parse().unwrap()).await;
        answer
            .map(|found| found.map(|address| address.ip().to_string()).collect())
            .map_err(|error| refusal(error.as_ref()).unwrap().reason)
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let none = settings(&[], &[]);
        let rebound = resolved(&none, "hooks.example.com", &["169.254.169.254"]).await.unwrap_err();
        assert!(rebound.contains("hooks.example.com") && rebound.contains("169.254.169.254"), "{rebound}");
        assert!(resolved(&none, "hooks.example.com", &["127.0.0.1", "::1"]).await.is_err());
        let mixed = resolved(&none, "hooks.example.com", &["10.0.0.1", "1.1.1.1", "::1"]).await;
        assert_eq!(mixed.unwrap(), ["1.1.1.1"], "only what may be connected to is left");
        assert_eq!(resolved(&none, "localhost", &["127.0.0.1"]).await.unwrap(), ["127.0.0.1"]);
        assert!(resolved(&none, "localhost", &["10.0.0.1"]).await.is_err());
        let inner = settings(&[], &["10.0.0.0/8"]);
        assert_eq!(resolved(&inner, "soar.internal", &["10.0.0.1"]).await.unwrap(), ["10.0.0.1"]);
    }
}
