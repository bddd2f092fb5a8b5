//! Live or drill. A mode is set once, where a record's mark is verified, and never changes after.

use std::fmt;

/// Which drill a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrillId(pub u64);

impl fmt::Display for DrillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drill-{:016x}", self.0)
    }
}

impl DrillId {
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("drill-")?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok().map(DrillId)).flatten()
    }
}

/// Live, or one drill. Entities of different modes never meet: a drill acts on shadows of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    #[default]
    Live,
    Drill(DrillId),
}

impl Mode {
    /// `live` or `drill`, as in the alert.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Drill(_) => "drill",
        }
    }
    pub const fn is_drill(self) -> bool {
        matches!(self, Mode::Drill(_))
    }
    pub const fn drill(self) -> Option<DrillId> {
        match self {
            Mode::Live => None,
            Mode::Drill(id) => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drill_ids_come_back_and_nothing_else_does() {
        let id = DrillId(0xfeed);
        assert_eq!(DrillId::parse(&id.to_string()), Some(id));
        for text in ["", "drill-", "drill-12", "drill-zzzzzzzzzzzzzzzz", "000000000000feed"] {
            assert_eq!(DrillId::parse(text), None, "{text}");
        }
    }
}
