//! Where an address is: network, country and kind of network, the longest prefix wins.
//!
//! A file of lines `network,country,kind` stands in for a commercial database. The country may be empty (an office's
//! network anywhere).

use ipnet::IpNet;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

/// Kinds of network.
const KINDS: [&str; 5] = ["home", "mobile", "hosting", "office", "vpn"];

/// Columns of the file, in any order.
const COLUMNS: [&str; 3] = ["network", "country", "kind"];

/// Networks and where they are. Empty: nothing is known of any address.
#[derive(Clone, Debug, Default)]
pub struct Geo {
    places: Vec<Box<str>>,
    v4: Prefixes<u32>,
    v6: Prefixes<u128>,
}

/// For each prefix length the networks of that length, longest first.
type Prefixes<T> = BTreeMap<std::cmp::Reverse<u8>, HashMap<T, u32>>;

impl Geo {
    /// Reads the file's text. Errors: each line that is wrong, by its number, and what is wrong with it.
    pub fn parse(csv: &str) -> Result<Geo, Vec<(usize, String)>> {
        let mut geo = Geo::default();
        let mut problems = Vec::new();
        let mut numbers: HashMap<Box<str>, u32> = HashMap::new();
        let mut lines =
            csv.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.is_empty());
        let Some((number, header)) = lines.next() else { return Ok(geo) };
        let names: Vec<&str> = fields(header).collect();
        let columns = COLUMNS.map(|column| names.iter().position(|name| *name == column));
        let [Some(network), Some(country), Some(kind)] = columns else {
            return Err(vec![(number, "the first line must name the columns `network`, `country` and `kind`".into())]);
        };
        for (number, line) in lines {
            let row: Vec<&str> = fields(line).collect();
            let field = |at: usize| row.get(at).copied().unwrap_or_default();
            if !KINDS.contains(&field(kind)) {
                problems.push((number, format!("kind of network must be one of `{}`", KINDS.join("`, `"))));
                continue;
            }
            let country = field(country);
            if !(country.is_empty() || country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase())) {
                problems.push((number, "country must be two capital letters (ISO 3166-1), or empty".into()));
                continue;
            }
            let place: Box<str> = format!("{country}/{}", field(kind)).into();
            let place = *numbers.entry(place).or_insert_with_key(|place| {
                geo.places.push(place.clone());
                (geo.places.len() - 1) as u32
            });
            match field(network).parse::<IpNet>() {
                Ok(IpNet::V4(net)) => {
                    let prefix = std::cmp::Reverse(net.prefix_len());
                    geo.v4.entry(prefix).or_default().insert(net.network().into(), place);
                }
                Ok(IpNet::V6(net)) => {
                    let prefix = std::cmp::Reverse(net.prefix_len());
                    geo.v6.entry(prefix).or_default().insert(net.network().into(), place);
                }
                Err(_) => problems.push((number, "network must be in CIDR notation, such as `203.0.113.0/24`".into())),
            }
        }
        if problems.is_empty() { Ok(geo) } else { Err(problems) }
    }

    /// `GB/home`, or `/office` where the country is not known.
    pub fn place(&self, address: IpAddr) -> Option<Cow<'_, str>> {
        let number = match address {
            IpAddr::V4(address) => {
                let bits = u32::from(address);
                self.v4.iter().find_map(|(prefix, nets)| {
                    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.0)).unwrap_or(0);
                    nets.get(&(bits & mask))
                })
            }
            IpAddr::V6(address) => {
                let bits = u128::from(address);
                self.v6.iter().find_map(|(prefix, nets)| {
                    let mask = u128::MAX.checked_shl(128 - u32::from(prefix.0)).unwrap_or(0);
                    nets.get(&(bits & mask))
                })
            }
        };
        number.and_then(|number| self.places.get(*number as usize)).map(|place| Cow::Borrowed(&**place))
    }

    /// Who runs the address's network.
    pub fn operator(&self, address: IpAddr) -> Option<Cow<'_, str>> {
        let _ = address;
        None
    }
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|field| field.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let geo = Geo::parse("network,country,kind\n24.0.0.0/8,US,home\n24.16.0.0/16,CA,mobile\n\n203.0.0.0/16,,office\n2001:db8::/32,DE,vpn\n0.0.0.0/0,NL,hosting\n").unwrap();
        let at = |address: &str| geo.place(address.parse().unwrap()).map(String::from);
        assert_eq!(at("24.16.9.9"), Some("CA/mobile".into()));
        assert_eq!(at("24.17.9.9"), Some("US/home".into()));
        assert_eq!(at("203.0.255.1"), Some("/office".into()));
        assert_eq!(at("9.9.9.9"), Some("NL/hosting".into()));
        assert_eq!(at("2001:db8:1::1"), Some("DE/vpn".into()));
        assert_eq!(at("2001:db9::1"), None);
        assert_eq!(Geo::default().place("9.9.9.9".parse().unwrap()), None);
    }

    #[test]
    fn every_wrong_line_is_named() {
        let lines = |csv: &str| Geo::parse(csv).unwrap_err().into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        assert_eq!(lines("net,country\n"), [1]);
        let csv = "kind,network,country\nhome,1.0.0.0/8,GB\nhome,1.0.0.0/99,GB\nx,1.0.0.0/8,GB\n\nhome,1.0.0.0/8,gb\n";
        assert_eq!(lines(csv), [3, 4, 6]);
    }
}
