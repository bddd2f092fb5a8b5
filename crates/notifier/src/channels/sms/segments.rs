//! How many segments a text message takes (3GPP TS 23.038 and 23.040).
//!
//! If every character is of the GSM 7-bit alphabet, one segment holds 160 septets, and each of several 153; a character
//! of the extension table takes two septets, which are not parted. Otherwise the whole is UCS-2: 70 code units of 16 bits, or
//! 67 each, where a surrogate pair is not parted either.

const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Segments of a text; an empty one takes one.
pub(super) fn count(text: &str) -> usize {
    let septets: Option<Vec<usize>> = text
        .chars()
        .map(|character| match character {
            plain if ALPHABET.contains(plain) => Some(1),
            extended if EXTENSION.contains(extended) => Some(2),
            _ => None,
        })
        .collect();
    match septets {
        Some(septets) => segments(&septets, 160, 153),
        None => segments(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

/// `units`: what each character takes; a segment alone holds `alone`, each of several `each`.
fn segments(units: &[usize], alone: usize, each: usize) -> usize {
    if units.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut n, mut used) = (1, 0);
    for unit in units {
        if used + unit > each {
            n += 1;
            used = 0;
        }
        used += unit;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_standard_says() {
        assert_eq!(ALPHABET.chars().count(), 127, "all but the escape");
        for (text, expected) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // 152 septets and then one of two: it moves to the next segment.
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), 3),
            ("я".repeat(70), 1),
            ("я".repeat(71), 2),
            ("я".repeat(134), 2),
            ("я".repeat(135), 3),
            (format!("{}я", "a".repeat(70)), 2),
            ("\u{1f600}".repeat(35), 1),
            ("\u{1f600}".repeat(36), 2),
            // 67 is odd: the last unit of each stays empty.
            ("\u{1f600}".repeat(66), 2),
            ("\u{1f600}".repeat(67), 3),
        ] {
            assert_eq!(count(&text), expected, "{} characters of {:?}", text.chars().count(), text.chars().next());
        }
    }
}
