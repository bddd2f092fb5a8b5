//! Where an address is and who runs its network: from a CSV file or a MaxMind database.
//!
//! - **CSV**, lines `network,country,kind` with a header, and an `operator` column if wanted. The longest prefix wins. The
//!   country may be empty (an office's network anywhere).
//! - **MaxMind** (`.mmdb`), by the bytes of the file: GeoIP2 and GeoLite2 Country, City and Enterprise, and databases of other
//!   makers in that format whose `country` is a map with `iso_code` or a code itself. The kind of network is known only where
//!   the database has `traits.user_type` (Enterprise), else the place is the country alone.
//! - The **operator** comes from the CSV column, from a second MaxMind database ([`Geo::with_operators`]: GeoLite2 ASN or
//!   ISP), or from the first one if it holds such fields.
//!
//! A place is a text that the detector compares: `GB/home`, `/office` or `GB`. Change from one kind of file to the other,
//! and everybody's places are new: do it before the baselines are learned, or expect a day of first-seen places in the digest.
//! Names of operators are cut at [`OPERATOR_BYTES_MAX`] bytes. A database is copied into memory; a lookup that fails in a
//! broken one gives nothing.

use crate::limits::{FILE_NOTES_MAX, OPERATOR_BYTES_MAX};
use ipnet::IpNet;
use maxminddb::Reader;
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

/// Kinds of network.
const KINDS: [&str; 5] = ["home", "mobile", "hosting", "office", "vpn"];

/// Columns of the file, in any order; `operator` may be there too.
const COLUMNS: [&str; 3] = ["network", "country", "kind"];

/// Networks, where they are and who runs them. Empty: nothing is known of any address.
#[derive(Clone, Debug, Default)]
pub struct Geo {
    places: Vec<Row>,
    v4: Prefixes<u32>,
    v6: Prefixes<u128>,
    /// The file has a column for operators.
    names_operators: bool,
    database: Option<Arc<Reader<Vec<u8>>>>,
    operators: Option<Arc<Reader<Vec<u8>>>>,
    notes: Vec<(usize, &'static str)>,
}

/// What the file says of some networks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    place: Box<str>,
    operator: Box<str>,
}

/// What is read of an entry of a MaxMind database.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    #[serde(borrow)]
    registered_country: Option<Country<'a>>,
    #[serde(borrow)]
    traits: Option<Traits<'a>>,
    autonomous_system_organization: Option<&'a str>,
    autonomous_system_number: Option<u32>,
    isp: Option<&'a str>,
    as_name: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Country<'a> {
    Code(&'a str),
    Map {
        #[serde(default)]
        iso_code: Option<&'a str>,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Traits<'a> {
    user_type: Option<&'a str>,
    autonomous_system_organization: Option<&'a str>,
    isp: Option<&'a str>,
}

/// For each prefix length the networks of that length, longest first.
type Prefixes<T> = BTreeMap<std::cmp::Reverse<u8>, HashMap<T, u32>>;

impl Geo {
    /// Reads a file of either kind. Errors: as [`Geo::parse`]; a MaxMind database has no lines, so its problem has number 0.
    pub fn read(bytes: Vec<u8>) -> Result<Geo, Vec<(usize, String)>> {
        if is_database(&bytes) {
            let database = open(bytes).map_err(|problem| vec![(0, problem)])?;
            return Ok(Geo { database: Some(database), ..Geo::default() });
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text),
            Err(_) => Err(vec![(0, "neither a MaxMind database nor a text in UTF-8".into())]),
        }
    }

    /// With the operators of networks from a MaxMind database of its own (ASN, ISP).
    pub fn with_operators(self, bytes: Vec<u8>) -> Result<Geo, String> {
        Ok(Geo { operators: Some(open(bytes)?), ..self })
    }

    /// Reads the text of a CSV file. Errors: each line that is wrong, by its number, and what is wrong with it.
    pub fn parse(csv: &str) -> Result<Geo, Vec<(usize, String)>> {
        let mut geo = Geo::default();
        let mut problems = Vec::new();
        let mut numbers: HashMap<Row, u32> = HashMap::new();
        let mut lines = csv
            .trim_start_matches('\u{feff}')
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty());
        let Some((number, header)) = lines.next() else { return Ok(geo) };
        let names: Vec<&str> = fields(header).collect();
        let columns = COLUMNS.map(|column| names.iter().position(|name| *name == column));
        let [Some(network), Some(country), Some(kind)] = columns else {
            return Err(vec![(number, "the first line must name the columns `network`, `country` and `kind`".into())]);
        };
        let operator = names.iter().position(|name| *name == "operator");
        geo.names_operators = operator.is_some();
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
            let place = Row {
                place: format!("{country}/{}", field(kind)).into(),
                operator: cut(operator.map_or("", field)).into(),
            };
            let place = *numbers.entry(place).or_insert_with_key(|place| {
                geo.places.push(place.clone());
                (geo.places.len() - 1) as u32
            });
            match formats::network(field(network)) {
                Some(net) => {
                    let prefix = std::cmp::Reverse(net.prefix_len());
                    let before = match net {
                        IpNet::V4(net) => geo.v4.entry(prefix).or_default().insert(net.network().into(), place),
                        IpNet::V6(net) => geo.v6.entry(prefix).or_default().insert(net.network().into(), place),
                    };
                    if before.is_some_and(|before| before != place) && geo.notes.len() < FILE_NOTES_MAX {
                        geo.notes
                            .push((number, "an earlier line has the same network as something else; this one counts"));
                    }
                }
                None => problems.push((number, "network must be in CIDR notation, such as `203.0.113.0/24`".into())),
            }
        }
        if problems.is_empty() { Ok(geo) } else { Err(problems) }
    }

    /// Lines of the CSV file that are right and probably not meant, the first of them.
    pub fn notes(&self) -> &[(usize, &'static str)] {
        &self.notes
    }

    /// `GB/home`, `/office` where the country is not known, `GB` where the kind is not.
    pub fn place(&self, address: IpAddr) -> Option<Cow<'_, str>> {
        if let Some(row) = self.row(address) {
            return Some(Cow::Borrowed(&row.place));
        }
        let record = look_up(self.database.as_deref()?, address)?;
        let code = record.country.or(record.registered_country).and_then(|country| match country {
            Country::Code(code) => Some(code),
            Country::Map { iso_code } => iso_code,
        })?;
        if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let kind = match record.traits.and_then(|traits| traits.user_type) {
            Some("residential") => "home",
            Some("cellular") => "mobile",
            Some("hosting" | "content_delivery_network") => "hosting",
            Some("business" | "college" | "school" | "government" | "library" | "military") => "office",
            Some("consumer_privacy_network") => "vpn",
            _ => return Some(Cow::Borrowed(code)),
        };
        Some(Cow::Owned(format!("{code}/{kind}")))
    }

    /// Who runs the address's network.
    pub fn operator(&self, address: IpAddr) -> Option<Cow<'_, str>> {
        if self.names_operators
            && let Some(row) = self.row(address).filter(|row| !row.operator.is_empty())
        {
            return Some(Cow::Borrowed(&row.operator));
        }
        let record = look_up(self.operators.as_deref().or(self.database.as_deref())?, address)?;
        let traits = record.traits.unwrap_or_default();
        let names = [
            record.autonomous_system_organization,
            traits.autonomous_system_organization,
            record.as_name,
            record.isp,
            traits.isp,
        ];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        let number = || record.autonomous_system_number.map(|number| Cow::Owned(format!("AS{number}")));
        name.map(|name| Cow::Borrowed(cut(name))).or_else(number)
    }

    /// Of the CSV file.
    fn row(&self, address: IpAddr) -> Option<&Row> {
        let number = match address.to_canonical() {
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
        number.and_then(|number| self.places.get(*number as usize))
    }
}

/// The metadata stand at the end of a MaxMind database, behind this; within the last 128 KiB.
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

fn is_database(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(128 << 10)..];
    tail.windows(METADATA_MARKER.len()).any(|window| window == METADATA_MARKER)
}

fn open(bytes: Vec<u8>) -> Result<Arc<Reader<Vec<u8>>>, String> {
    Reader::from_source(bytes).map(Arc::new).map_err(|error| format!("no MaxMind database: {error}"))
}

/// What a database says of an address; an entry that cannot be read says nothing.
fn look_up(database: &Reader<Vec<u8>>, address: IpAddr) -> Option<Record<'_>> {
    database.lookup(address.to_canonical()).ok()?.decode().ok()?
}

/// Cut at a character.
fn cut(operator: &str) -> &str {
    &operator[..operator.floor_char_boundary(OPERATOR_BYTES_MAX)]
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
    fn an_operator_may_stand_in_the_file() {
        let geo = Geo::parse("kind,operator,network,country\nhome,Example Telecom,24.0.0.0/8,US\nvpn,,25.0.0.0/8,US\n")
            .unwrap();
        let at = |address: &str| geo.operator(address.parse().unwrap()).map(String::from);
        assert_eq!(at("24.1.1.1"), Some("Example Telecom".into()));
        assert_eq!(at("::ffff:24.1.1.1"), Some("Example Telecom".into()), "folded");
        assert_eq!((at("25.1.1.1"), at("26.1.1.1")), (None, None));
    }

    /// A MaxMind database by the format's specification, version 2.0: a tree of 24-bit records, data, metadata.
    /// Networks do not overlap.
    mod database {
        use ipnet::IpNet;

        pub(super) enum Value<'a> {
            Text(&'a str),
            U16(u16),
            U32(u32),
            U64(u64),
            Map(Vec<(&'a str, Value<'a>)>),
            Texts(Vec<&'a str>),
        }

        use Value::{Map, Text, Texts, U16, U32, U64};

        fn encode(value: &Value<'_>, to: &mut Vec<u8>) {
            // A control byte holds the type (3 bits; 0: in the next byte, less 7) and the size (5 bits, below 29).
            let control = |to: &mut Vec<u8>, kind: u8, size: usize| {
                let (small, size) = (u8::try_from(size).expect("a small value"), 29);
                assert!(usize::from(small) < size);
                if kind < 8 {
                    to.push(kind << 5 | small);
                } else {
                    to.extend([small, kind - 7]);
                }
            };
            match value {
                Text(text) => {
                    control(to, 2, text.len().min(28));
                    to.extend_from_slice(&text.as_bytes()[..text.len().min(28)]);
                }
                U16(number) => {
                    control(to, 5, 2);
                    to.extend(number.to_be_bytes());
                }
                U32(number) => {
                    control(to, 6, 4);
                    to.extend(number.to_be_bytes());
                }
                U64(number) => {
                    control(to, 9, 8);
                    to.extend(number.to_be_bytes());
                }
                Map(pairs) => {
                    control(to, 7, pairs.len());
                    for (key, value) in pairs {
                        // Keys may be longer than 28 bytes: the size then has a byte more.
                        if key.len() < 29 {
                            encode(&Text(key), to);
                        } else {
                            to.extend([2 << 5 | 29, u8::try_from(key.len() - 29).expect("a short key")]);
                            to.extend_from_slice(key.as_bytes());
                        }
                        encode(value, to);
                    }
                }
                Texts(texts) => {
                    control(to, 11, texts.len());
                    texts.iter().for_each(|text| encode(&Text(text), to));
                }
            }
        }

        pub(super) fn write(kind: &str, networks: &[(&str, Value<'_>)]) -> Vec<u8> {
            const EMPTY: usize = usize::MAX;
            let (mut nodes, mut data) = (vec![[EMPTY; 2]], Vec::new());
            let mut leaves = Vec::new();
            for (network, value) in networks {
                let network: IpNet = network.parse().expect("a network");
                let (bits, length) = match network {
                    IpNet::V4(net) => (u128::from(u32::from(net.network())), 96 + usize::from(net.prefix_len())),
                    IpNet::V6(net) => (u128::from(net.network()), usize::from(net.prefix_len())),
                };
                let mut node = 0;
                for depth in 0..length {
                    let side = (bits >> (127 - depth) & 1) as usize;
                    if depth + 1 == length {
                        leaves.push((node, side, data.len()));
                        continue;
                    }
                    if nodes[node][side] == EMPTY {
                        nodes[node][side] = nodes.len();
                        nodes.push([EMPTY; 2]);
                    }
                    node = nodes[node][side];
                }
                encode(value, &mut data);
            }
            let count = nodes.len();
            for (node, side, offset) in leaves {
                nodes[node][side] = count + 16 + offset;
            }
            let mut file = Vec::new();
            for record in nodes.into_iter().flatten() {
                let record = if record == EMPTY { count } else { record };
                file.extend_from_slice(&u32::try_from(record).expect("a small tree").to_be_bytes()[1..]);
            }
            file.extend([0; 16]);
            file.extend(data);
            file.extend_from_slice(super::METADATA_MARKER);
            let metadata = Map(vec![
                ("node_count", U32(u32::try_from(count).expect("a small tree"))),
                ("record_size", U16(24)),
                ("ip_version", U16(6)),
                ("database_type", Text(kind)),
                ("languages", Texts(vec!["en"])),
                ("binary_format_major_version", U16(2)),
                ("binary_format_minor_version", U16(0)),
                ("build_epoch", U64(1_772_409_600)),
                ("description", Map(vec![("en", Text("invented networks"))])),
            ]);
            encode(&metadata, &mut file);
            file
        }
    }

    #[test]
    fn maxmind_databases_are_read() {
        use database::Value::{Map, Text, U32};
        let country = |code| ("country", Map(vec![("iso_code", Text(code))]));
        let bytes = database::write(
            "GeoLite2-Country",
            &[
                ("81.2.0.0/16", Map(vec![country("GB")])),
                ("24.16.0.0/16", Map(vec![country("US"), ("traits", Map(vec![("user_type", Text("residential"))]))])),
                ("25.0.0.0/8", Map(vec![("country", Text("DE"))])),
                ("26.0.0.0/8", Map(vec![("country", Text("<script>"))])),
                ("2001:db8::/32", Map(vec![("registered_country", Map(vec![("iso_code", Text("FR"))]))])),
            ],
        );
        let operators = database::write(
            "GeoLite2-ASN",
            &[
                ("81.2.0.0/16", Map(vec![("autonomous_system_organization", Text("Example Telecom"))])),
                ("24.16.0.0/16", Map(vec![("autonomous_system_number", U32(64500))])),
            ],
        );
        let geo = Geo::read(bytes.clone()).unwrap().with_operators(operators).unwrap();
        let place = |address: &str| geo.place(address.parse().unwrap()).map(String::from);
        let operator = |address: &str| geo.operator(address.parse().unwrap()).map(String::from);
        assert_eq!(place("81.2.9.9"), Some("GB".into()));
        assert_eq!(place("::ffff:81.2.9.9"), Some("GB".into()));
        assert_eq!(place("24.16.9.9"), Some("US/home".into()));
        assert_eq!(place("25.1.1.1"), Some("DE".into()), "a code itself");
        assert_eq!(place("26.1.1.1"), None, "no code");
        assert_eq!(place("2001:db8::1"), Some("FR".into()));
        assert_eq!(place("9.9.9.9"), None);
        assert_eq!(operator("81.2.9.9"), Some("Example Telecom".into()));
        assert_eq!(operator("24.16.9.9"), Some("AS64500".into()));
        assert_eq!(operator("9.9.9.9"), None);

        assert!(Geo::default().with_operators(b"network,country,kind\n".to_vec()).is_err());
        assert_eq!(Geo::read(b"network,country,kind\n81.2.0.0/16,GB,home\n".to_vec()).unwrap().places.len(), 1);
        assert_eq!(Geo::read(b"\xff".to_vec()).unwrap_err()[0].0, 0);
        // Broken ones neither panic nor say anything.
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x55;
            if let Ok(geo) = Geo::read(broken) {
                let _ = (geo.place([81, 2, 9, 9].into()), geo.operator([24, 16, 9, 9].into()));
            }
        }
    }

    #[test]
    fn a_network_that_is_two_things_is_told() {
        let geo = Geo::parse(
            "\u{feff}network,country,kind\n10.1.0.0/16,DE,office\n::ffff:10.1.0.0/112,,vpn\n10.1.0.0/16,,vpn\n",
        )
        .unwrap();
        assert_eq!(geo.notes().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3]);
        assert_eq!(geo.place([10, 1, 2, 3].into()).as_deref(), Some("/vpn"));
    }

    #[test]
    fn every_wrong_line_is_named() {
        let lines = |csv: &str| Geo::parse(csv).unwrap_err().into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        assert_eq!(lines("net,country\n"), [1]);
        let csv = "kind,network,country\nhome,1.0.0.0/8,GB\nhome,1.0.0.0/99,GB\nx,1.0.0.0/8,GB\n\nhome,1.0.0.0/8,gb\n";
        assert_eq!(lines(csv), [3, 4, 6]);
    }
}
