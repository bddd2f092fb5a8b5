//! The form of what a directory says for writing to people: addresses of e-mail and languages. Form alone; whether mail arrives is
//! for the mail server to say.

/// Bytes of an e-mail address (RFC 5321, 4.5.3.1.3: a path of 256 with its brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Bytes before the `@` (4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Bytes of a language's tag (RFC 5646, 4.4.1).
const LANGUAGE_BYTES_MAX: usize = 35;

/// Whether this is one address, as in `ana@example.com`. Quoted names, comments and addresses in brackets, which RFC 5322 allows and
/// nobody gives to employees, are refused: they are what injections are made of.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let in_name = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let in_label = |c: char| c.is_alphanumeric() || c == '-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(in_label)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= EMAIL_BYTES_MAX
        && local.len() <= LOCAL_BYTES_MAX
        && local.split('.').all(|part| !part.is_empty() && part.chars().all(in_name))
        && domain.split('.').all(is_label)
}

/// Whether this has the form of a language's tag (BCP 47): `de`, `pt-BR`, `zh-Hant-TW`.
pub(crate) fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= LANGUAGE_BYTES_MAX
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_name_and_one_domain() {
        for good in ["ana@example.com", "a.b+c@mail.example.co.uk", "o'neill@localhost", "jürgen@exämple.de"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "a b@example.com",
            "ana@example..com",
            "ana@-example.com",
            ".ana@example.com",
            "ana@example.com\r\nBcc: x@y.z",
            "Ana <ana@example.com>",
            "ana@example.com,bob@example.com",
            "\"a\"@example.com",
            "a@b@c",
            "ana@[10.0.0.1]",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn languages_are_tags() {
        for good in ["de", "pt-BR", "zh-Hant-TW", "sl-rozaj", "es-419"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "d", "german language", "de_DE", "de-", "-de", "12", "en-toolongsubtag", &"de-a".repeat(12)] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
