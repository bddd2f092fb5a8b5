//! Personal data in URLs: every proxy, log and browser history keeps them.
//!
//! Found by their shape, in path and query, decoded once:
//!
//! | what | how it is told from ids and article numbers |
//! |---|---|
//! | e-mail address | a name, `@`, a domain whose last part is of letters and no file extension (`logo@2x.png`) |
//! | IBAN | a country of the register with its length, and the check digits |
//! | US social security number | `123-45-6789` with both dashes, standing alone, of a range that is given out |
//! | card number | 15 or 16 digits of the range of a card scheme with a valid check digit, together or in groups; not where a parameter or the step of the path before is called an id, an order or an article number |
//!
//! and by the name of a query parameter, if the value is of the kind: dates of birth, `salary` and the like with a number, `ssn`,
//! `nino`, `iban` and the like with four digits at least, passwords, tokens and session ids with any value.
//!
//! What it does not notice: names (a person's name is nothing by itself: shops are full of O'Briens), postal addresses, telephone
//! numbers (too like ids), bodies and headers (not in the log), anything encoded twice or beyond [`URL_BYTES_MAX`].
//!
//! The signal says that there is something, never what. A login route's account (`?u=…`) counts only if it is an e-mail
//! address. Magento's own links to reset a password carry a token and are reported: they are a key to an account.

use crate::text::{percent_decoded, within};
use std::borrow::Cow;

/// Bytes of path and query each that are looked at.
const URL_BYTES_MAX: usize = 4096;

pub(crate) fn in_url(path: &str, query: &str) -> bool {
    let (path, query) = (within(path, URL_BYTES_MAX), within(query, URL_BYTES_MAX));
    (could_hold(path) && in_path(path)) || (!query.is_empty() && in_query(query))
}

/// A cheap sieve: an e-mail address has its sign, all numbers have nine digits at least.
fn could_hold(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < "a@b.de".len() {
        return false;
    }
    memchr::memchr(b'@', bytes).is_some() || has_nine_digits(text) || memchr::memmem::find(bytes, b"%40").is_some()
}

fn has_nine_digits(text: &str) -> bool {
    9 <= text.len() && 9 <= text.bytes().filter(u8::is_ascii_digit).count()
}

fn in_path(path: &str) -> bool {
    let mut before = "";
    path.split('/').any(|step| {
        let found = could_hold(step) && holds(&percent_decoded(step, false), is_id(before));
        before = step;
        found
    })
}

fn in_query(query: &str) -> bool {
    query.split('&').any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        if value.is_empty() {
            return false;
        }
        let kind = kind_of(name);
        if kind.is_none() && !could_hold(value) {
            return false;
        }
        let value = percent_decoded(value, true);
        kind.is_some_and(|kind| kind.fits(value.trim())) || (could_hold(&value) && holds(&value, is_id(name)))
    })
}

/// What a parameter holds by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Secret,
    Number,
    Money,
    Birth,
}

fn kind_of(name: &str) -> Option<Kind> {
    // `customer[dob]`, `address.ssn`.
    let last = name.trim_end_matches([']', '[']);
    let last = last.rsplit(['[', '.']).next().unwrap_or(last);
    let last = if last.contains('%') { bare_name(last) } else { Cow::Borrowed(last) };
    // The longest below has 25 letters.
    if !(3..=25).contains(&last.len()) {
        return None;
    }
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(&last));
    if is(&[
        "password",
        "passwd",
        "pwd",
        "token",
        "access_token",
        "auth_token",
        "api_token",
        "id_token",
        "reset_token",
        "jwt",
        "sessionid",
        "phpsessid",
        "secret",
        "passwort",
    ]) {
        Some(Kind::Secret)
    } else if is(&[
        "ssn",
        "social_security_number",
        "socialsecuritynumber",
        "nino",
        "ni_number",
        "national_insurance_number",
        "sozialversicherungsnummer",
        "iban",
        "tax_id",
        "taxid",
        "passport",
    ]) {
        Some(Kind::Number)
    } else if is(&["salary", "gehalt", "wage", "annual_salary", "base_salary", "salary_amount"]) {
        Some(Kind::Money)
    } else if is(&[
        "dob",
        "birth",
        "birthday",
        "birthdate",
        "birth_date",
        "date_of_birth",
        "dateofbirth",
        "geburtsdatum",
    ]) {
        Some(Kind::Birth)
    } else {
        None
    }
}

/// `customer%5Bdob%5D`: the brackets were encoded.
fn bare_name(name: &str) -> Cow<'_, str> {
    let decoded = percent_decoded(name, true).into_owned();
    let last = decoded.trim_end_matches([']', '[']);
    Cow::Owned(last.rsplit(['[', '.']).next().unwrap_or(last).to_owned())
}

impl Kind {
    fn fits(self, value: &str) -> bool {
        let n_digits = value.bytes().filter(u8::is_ascii_digit).count();
        match self {
            Kind::Secret => !matches!(value, "" | "-" | "0" | "1" | "true" | "false" | "null" | "undefined"),
            Kind::Number => 4 <= n_digits,
            Kind::Money => 0 < n_digits && value.bytes().all(|byte| byte.is_ascii_digit() || b" .,+'-".contains(&byte)),
            Kind::Birth => is_date(value),
        }
    }
}

/// `1984-02-29`, `29.02.1984`, `2/29/84`, `19840229`: a day, not a number of something.
fn is_date(value: &str) -> bool {
    let is_number = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let date = value.split(['T', ' ']).next().unwrap_or(value);
    let mut parts = 0;
    let parted = date.split(['-', '.', '/']).all(|part| {
        parts += 1;
        is_number(part)
    });
    (parted && parts == 3) || (date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name behind which a long number is an id.
fn is_id(name: &str) -> bool {
    const IDS: [&str; 9] = ["id", "sku", "ean", "gtin", "upc", "isbn", "order", "number", "key"];
    let name = name.trim_end_matches(']');
    let ends_in = |id: &str| {
        let from = name.len().checked_sub(id.len());
        from.and_then(|from| name.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(id))
    };
    IDS.into_iter().any(ends_in) && !ends_in("card_number") && !ends_in("cardnumber")
}

fn holds(text: &str, behind_an_id: bool) -> bool {
    if holds_email(text) {
        return true;
    }
    let has_nine_digits = text.bytes().filter(u8::is_ascii_digit).nth(8).is_some();
    has_nine_digits && (holds_social_security_number(text) || holds_iban(text) || (!behind_an_id && holds_card(text)))
}

fn holds_email(text: &str) -> bool {
    const LOCAL_BYTES_MAX: usize = 64;
    const DOMAIN_BYTES_MAX: usize = 253;
    const FILES: [&str; 16] = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "css", "js", "mjs", "map", "json", "html", "woff",
        "pdf",
    ];
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'@', bytes).any(|at| {
        let is_local = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._+-'".contains(byte);
        let n_local = bytes[..at].iter().rev().take(LOCAL_BYTES_MAX).take_while(is_local).count();
        let is_domain = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        let n_domain = bytes[at + 1..].iter().take(DOMAIN_BYTES_MAX).take_while(is_domain).count();
        let domain = text[at + 1..at + 1 + n_domain].trim_end_matches(['.', '-']);
        let Some((host, last)) = domain.rsplit_once('.') else { return false };
        let is_last = 2 <= last.len() && last.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_file = FILES.iter().any(|file| file.eq_ignore_ascii_case(last));
        0 < n_local && !host.is_empty() && !host.starts_with(['.', '-']) && is_last && !is_file
    })
}

fn holds_social_security_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_joined = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    memchr::memchr_iter(b'-', bytes).any(|dash| {
        let Some(from) = dash.checked_sub(3) else { return false };
        let Some(number) = bytes.get(from..from + 11) else { return false };
        let shaped = number[6] == b'-'
            && number.iter().enumerate().all(|(at, byte)| at == 3 || at == 6 || byte.is_ascii_digit());
        let given_out = || {
            let (area, group, serial) = (&number[..3], &number[4..6], &number[7..]);
            area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000"
        };
        let before = from.checked_sub(1).map(|before| &bytes[before]);
        shaped && given_out() && !is_joined(before) && !is_joined(bytes.get(from + 11))
    })
}

/// Length of the IBAN by country (SWIFT's register).
fn iban_length(country: [u8; 2]) -> Option<usize> {
    Some(match &country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FO" | b"GL" | b"NL" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"XK" => 20,
        b"CH" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"CR" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" => 22,
        b"AE" | b"GI" | b"IL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" => 24,
        b"PT" => 25,
        b"IS" | b"TR" => 26,
        b"FR" | b"GR" | b"IT" | b"MC" | b"SM" => 27,
        b"AL" | b"AZ" | b"CY" | b"HU" | b"LB" | b"PL" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"KW" | b"MU" => 30,
        b"MT" => 31,
        _ => return None,
    })
}

fn holds_iban(text: &str) -> bool {
    let in_one_piece = text.split(|sign: char| !sign.is_ascii_alphanumeric()).any(|word| is_iban(word.bytes()));
    // As it is printed, in groups of four.
    in_one_piece || (text.contains(' ') && text.len() <= 42 && is_iban(text.bytes().filter(|byte| *byte != b' ')))
}

fn is_iban(letters: impl Iterator<Item = u8> + Clone) -> bool {
    let mut head = letters.clone().map(|byte| byte.to_ascii_uppercase());
    let (Some(first), Some(second)) = (head.next(), head.next()) else { return false };
    let Some(length) = iban_length([first, second]) else { return false };
    // Longer texts are not read to their end.
    if letters.clone().take(length + 1).count() != length || !head.by_ref().take(2).all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let mut rearranged = letters.clone().skip(4).chain(letters.take(4));
    let remainder = rearranged.try_fold(0u32, |sum, byte| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => Some((sum * 10 + u32::from(digit - b'0')) % 97),
        letter @ b'A'..=b'Z' => Some((sum * 100 + u32::from(letter - b'A') + 10) % 97),
        _ => None,
    });
    remainder == Some(1)
}

fn holds_card(text: &str) -> bool {
    const LENGTH_MAX: usize = 16;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let began = at;
        let (mut digits, mut n_digits) = ([0; LENGTH_MAX], 0);
        // Groups are set apart by one blank or dash, and have three digits at least.
        let mut group = 0;
        let mut grouped = true;
        while let Some(byte) = bytes.get(at) {
            if byte.is_ascii_digit() {
                if n_digits < LENGTH_MAX {
                    digits[n_digits] = byte - b'0';
                }
                n_digits += 1;
                group += 1;
            } else if matches!(byte, b' ' | b'-') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                grouped &= 4 <= group;
                group = 0;
            } else {
                break;
            }
            at += 1;
        }
        let is_joined =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte));
        let alone = !is_joined(began.checked_sub(1).map(|before| &bytes[before])) && !is_joined(bytes.get(at));
        let length = n_digits;
        if alone && grouped && length <= LENGTH_MAX && 3 <= group && is_card(&digits[..length]) {
            return true;
        }
    }
    false
}

/// By the ranges of Visa, Mastercard, American Express, Discover and JCB, and the check digit (Luhn).
fn is_card(digits: &[u8]) -> bool {
    let lead = |n: usize| digits.iter().take(n).fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    let in_range = match digits.len() {
        15 => matches!(lead(2), 34 | 37),
        16 => {
            lead(1) == 4
                || matches!(lead(2), 51..=55 | 65)
                || matches!(lead(4), 2221..=2720 | 6011 | 3528..=3589)
                || matches!(lead(3), 644..=649)
        }
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let doubled = u32::from(*digit) * if at % 2 == 0 { 1 } else { 2 };
            doubled / 10 + doubled % 10
        })
        .sum();
    in_range && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_target(target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        in_url(path, query)
    }

    #[test]
    fn personal_data_is_found() {
        for target in [
            "/newsletter/subscribe?email=anna.o%27brien%40example.com",
            "/hr/employee/view/email/anna@example.co.uk/",
            "/x?searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bvalue%5D=a%2Bb@example.de",
            "/portal/auth/login?u=anna@example.com",
            "/bank?account=DE89370400440532013000",
            "/bank?account=gb82+west+1234+5698+7654+32",
            "/bank/NO9386011117947/edit",
            "/hr/search?q=219-09-9999",
            "/hr/ssn/219-09-9999",
            "/pay?card=4111111111111111",
            "/pay?card_number=4111+1111+1111+1111",
            "/pay?pan=3782-822463-10005",
            "/pay/5555555555554444",
            "/hr/add?dob=1984-02-29",
            "/hr/add?employee%5Bdate_of_birth%5D=29.02.1984",
            "/hr/add?employee[birthdate]=02/29/84",
            "/hr/add?salary=85000",
            "/hr/add?name=x&salary=4.300,50",
            "/hr/find?ssn=6789",
            "/login?username=x&password=hunter2",
            "/customer/account/createPassword/?token=8f2c9a",
            "/hr/find?nino=QQ123456C",
            "/hr/find?ni_number=QQ+12+34+56+C",
            "/hr/find?employee[national_insurance_number]=QQ123456C",
            "/hr/find?Sozialversicherungsnummer=15070649C103",
            "/hr/find?a%5Bnational_insurance_number%5D=QQ123456C",
            "/account/reset?reset_token=8f2c9a",
            "/sso?jwt=eyJhbGciOi",
            "/x?sessionid=q3f8a",
            "/x?PHPSESSID=q3f8a",
        ] {
            assert!(in_target(target), "{target}");
        }
    }

    #[test]
    fn ids_and_articles_are_not() {
        for target in [
            "/",
            "/catalog/product/view/id/3368",
            "/portal/employees?q=O%27Brien",
            "/portal/auth/login?u=o%27brien",
            "/static/version1733/frontend/Magento/luma/logo@2x.png",
            "/npm/jquery@3.6.0/dist/jquery.min.js",
            "/npm/vue@next.min.js",
            "/@anna/x",
            "/a@b",
            "/customer/section/load/?sections=cart%2Cmessages&_=1795438123456",
            "/sku/123-45-6789-12",
            "/product-123-45-6789.html",
            "/x?sku=A123-45-6789",
            "/x?ref=000-12-3456",
            "/x?ref=912-12-3456",
            "/order/view/order_id/4111111111111111",
            "/x?id=4111111111111111",
            "/x?fbclid=41111111111111112",
            "/x?card=4111111111111112",
            "/x?n=0000000000000000",
            "/x?account=DE88370400440532013000",
            "/x?account=DE8937040044053201300",
            "/x?h=de89370400440532013000a",
            "/x?dob=&salary=&password=",
            "/hr/list?sort=salary&field=ssn&salary=asc&dob=desc",
            "/x?birth=12",
            "/x?token=0",
            "/x?nino=true&jwt=0&sessionid=&national_insurance_numbers=QQ123456C",
            "/x?period=2026-05&from=1984-02-29",
            "/rest/V1/hr/employees?searchCriteria%5BpageSize%5D=20&searchCriteria%5BcurrentPage%5D=1",
            "/admin/dashboard/index/key/0a1b2c3d4e5f60718293a4b5c6d7e8f9/",
            "/x?phone=%2B49+170+1234567",
        ] {
            assert!(!in_target(target), "{target}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_url_is_read() {
        let long = format!("/x?a={}&mail=a@example.com", "ä".repeat(URL_BYTES_MAX));
        assert!(!in_target(&long));
    }
}
