//! Hostile text made fit for a person's eyes.
//!
//! Log text can carry terminal escapes, line breaks that forge lines, and characters that turn the reading direction.
//! They are shown, not obeyed: `U+001B` becomes `␛`, other controls `\u{…}`.

use std::borrow::Cow;

/// The text with controls, line separators and direction marks made visible.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            plain if is_plain(plain) => shown.push(plain),
            control @ '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + control as u32).unwrap_or('\u{fffd}')),
            other => shown.extend(other.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// As [`printable`], and cut to at most `characters_max` characters, the last an ellipsis where something was cut.
pub fn printable_within(text: &str, characters_max: usize) -> String {
    let shown = printable(text);
    match shown.char_indices().nth(characters_max) {
        None => shown.into_owned(),
        Some(_) => shown.chars().take(characters_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn is_plain(character: char) -> bool {
    !(character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_not_obeyed() {
        assert_eq!(printable("evil\u{1b}[31m\nuser"), "evil␛[31m␊user");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert!(matches!(printable("residue: o'brien, jr — 残業"), Cow::Borrowed(_)));
    }

    #[test]
    fn cuts_by_characters() {
        assert_eq!(printable_within("äöüß", 4), "äöüß");
        assert_eq!(printable_within("äöüßx", 4), "äöü…");
    }
}
