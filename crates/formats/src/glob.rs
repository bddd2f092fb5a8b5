//! Patterns for paths and table names: `*` stands for any text without the separator, `**` for any text.
//!
//! Letters match in either case (ASCII). A pattern that ends in `/**` (separator and `**`) also matches what stands
//! before that ending. Matching walks all positions at once, one bit each, so it is linear in the text whatever the
//! pattern: no text can make it slow.

/// One pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    pattern: Box<str>,
    separator: u8,
    /// For each byte, the positions at which the pattern wants it; rows of one table, shared by rare bytes.
    row_of: Box<[u8; 256]>,
    rows: Vec<u128>,
    /// Positions of `*` and `**`, and of `**` alone.
    stars: u128,
    double_stars: u128,
    accepting: u128,
    literals: u32,
}

/// How closely a pattern describes what it matches: greater is more specific. More literal characters first, then fewer
/// stars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    literals: u32,
    fewer_stars: std::cmp::Reverse<u32>,
}

impl Glob {
    /// Longest pattern, in characters and stars.
    pub const LENGTH_MAX: usize = 120;

    /// For request paths: the separator is `/`.
    pub fn path(pattern: &str) -> Option<Self> {
        Self::new(pattern, b'/')
    }

    /// For `schema.table`: the separator is `.`.
    pub fn table(pattern: &str) -> Option<Self> {
        Self::new(pattern, b'.')
    }

    /// `None` if the pattern is empty or longer than [`Glob::LENGTH_MAX`].
    fn new(pattern: &str, separator: u8) -> Option<Self> {
        let mut row_of = Box::new([0u8; 256]);
        let mut rows = vec![0u128];
        let (mut stars, mut double_stars, mut literals) = (0u128, 0u128, 0);
        let mut length = 0;
        let mut last_literal = 0;
        let mut bytes = pattern.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if Self::LENGTH_MAX <= length {
                return None;
            }
            let bit = 1u128 << length;
            length += 1;
            if byte != b'*' {
                for case in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                    let row = &mut row_of[usize::from(case)];
                    if *row == 0 {
                        *row = u8::try_from(rows.len()).ok()?;
                        rows.push(0);
                    }
                    rows[usize::from(*row)] |= bit;
                }
                literals += 1;
                last_literal = byte;
                continue;
            }
            stars |= bit;
            while bytes.peek() == Some(&b'*') {
                bytes.next();
                double_stars |= bit;
            }
        }
        if length == 0 {
            return None;
        }
        let end = 1u128 << length;
        let open_ended = 2 <= length && double_stars & (end >> 1) != 0 && last_literal == separator;
        let before_ending = if open_ended && stars & (end >> 2) == 0 { end >> 2 } else { 0 };
        let accepting = end | before_ending;
        Some(Glob { pattern: pattern.into(), separator, row_of, rows, stars, double_stars, accepting, literals })
    }

    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    pub fn specificity(&self) -> Specificity {
        let stars = self.stars.count_ones() + self.double_stars.count_ones();
        Specificity { literals: self.literals, fewer_stars: std::cmp::Reverse(stars) }
    }

    pub fn matches(&self, text: &str) -> bool {
        let past_stars = |at: u128| at | (at & self.stars) << 1;
        let mut at = past_stars(1);
        for byte in text.bytes() {
            let wanted = self.rows[usize::from(self.row_of[usize::from(byte)])];
            let stays = if byte == self.separator { self.double_stars } else { self.stars };
            at = past_stars((at & wanted) << 1 | (at & stays));
            if at == 0 {
                return false;
            }
        }
        at & self.accepting != 0
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        (&self.pattern, self.separator) == (&other.pattern, other.separator)
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (pattern, text, expected) in [
            ("/rest/V1/hr/**", "/rest/V1/hr/employees/7", true),
            ("/rest/V1/hr/**", "/REST/v1/HR", true),
            ("/rest/V1/hr/**", "/rest/V1/hrx", false),
            ("**/login", "/portal/auth/login", true),
            ("**/login", "/login", true),
            ("**/login", "/mylogin", false),
            ("/rest/**/integration/*/token", "/rest/default/V1/integration/admin/token", true),
            ("/rest/**/integration/*/token", "/rest/V1/integration/a/b/token", false),
            ("/a/*/c", "/a//c", true),
            ("/a/*/c", "/a/b/d/c", false),
            ("**", "", true),
            ("**/payslip*/**", "/portal/payroll/payslips", true),
            ("/portal/übersicht", "/portal/übersicht", true),
        ] {
            assert_eq!(Glob::path(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn tables() {
        for (pattern, text, expected) in [
            ("hr.*", "hr.employees", true),
            ("hr.*", "hr.a.b", false),
            ("*.hr_*", "magento.hr_payroll", true),
            ("*.hr_*", ".hr_payroll", true),
            ("*.hr_*", "magento.chr_x", false),
            ("hr.employees", "hr.employees2", false),
        ] {
            assert_eq!(Glob::table(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_more_literal_pattern_is_the_more_specific() {
        let of = |pattern| Glob::table(pattern).unwrap().specificity();
        assert!(of("hr.*") < of("hr.portal_users"));
        assert!(of("*.hr_*") < of("*.hr_payroll"));
        assert!(of("**hr_x") < of("*.hr_x"));
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(Glob::path("").is_none());
        assert!(Glob::path(&"a".repeat(120)).unwrap().matches(&"A".repeat(120)));
        assert!(Glob::path(&"a".repeat(121)).is_none());
    }

    #[test]
    fn many_stars_stay_linear() {
        let glob = Glob::path(&"*a".repeat(60)).unwrap();
        assert!(!glob.matches(&"a".repeat(1_000_000).replace("aa", "ab").replace('a', "b")));
        assert!(glob.matches(&"a".repeat(1_000_000)));
    }
}
