//! What a table, column or route holds. The class decides who must be told.

use std::fmt;

/// One class of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataClass {
    /// Employee records: payroll, benefits, reviews, absences, health.
    Hr,
    /// Cards, bank details of customers, transactions.
    Payment,
    /// Not HR itself, but it tells something of employees: staff orders, staff discounts, portal sessions.
    HrAdjacent,
    /// Customers' personal data.
    Customer,
    /// Passwords, tokens, keys, and the tables of accounts and rights.
    Credentials,
    /// Nothing personal.
    None,
}

impl DataClass {
    /// All classes, most sensitive first.
    pub const ALL: [DataClass; 6] = [
        DataClass::Hr,
        DataClass::Payment,
        DataClass::HrAdjacent,
        DataClass::Customer,
        DataClass::Credentials,
        DataClass::None,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            DataClass::Hr => "hr",
            DataClass::Payment => "payment",
            DataClass::HrAdjacent => "hr_adjacent",
            DataClass::Customer => "customer",
            DataClass::Credentials => "credentials",
            DataClass::None => "none",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of data classes. [`DataClass::None`] is never a member: the empty set says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataClasses(u8);

impl DataClasses {
    pub const EMPTY: DataClasses = DataClasses(0);

    pub const fn bits(self) -> u8 {
        self.0
    }
    /// Unknown bits are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        DataClasses(bits & 0b1_1111)
    }
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub const fn contains(self, class: DataClass) -> bool {
        self.0 & Self::bit(class) != 0
    }
    pub const fn insert(&mut self, class: DataClass) {
        self.0 |= Self::bit(class);
    }
    #[must_use]
    pub const fn union(self, other: DataClasses) -> Self {
        DataClasses(self.0 | other.0)
    }
    /// Most sensitive first.
    pub fn iter(self) -> impl Iterator<Item = DataClass> {
        DataClass::ALL.into_iter().filter(move |class| self.contains(*class))
    }

    const fn bit(class: DataClass) -> u8 {
        match class {
            DataClass::Hr => 1,
            DataClass::Payment => 2,
            DataClass::HrAdjacent => 4,
            DataClass::Customer => 8,
            DataClass::Credentials => 16,
            DataClass::None => 0,
        }
    }
}

impl From<DataClass> for DataClasses {
    fn from(class: DataClass) -> Self {
        DataClasses(Self::bit(class))
    }
}

impl FromIterator<DataClass> for DataClasses {
    fn from_iter<I: IntoIterator<Item = DataClass>>(classes: I) -> Self {
        classes.into_iter().fold(DataClasses::EMPTY, |set, class| set.union(class.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_never_none() {
        let set: DataClasses = [DataClass::Customer, DataClass::None, DataClass::Hr].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [DataClass::Hr, DataClass::Customer]);
        assert!(!set.contains(DataClass::None));
        assert!(DataClasses::from(DataClass::None).is_empty());
        assert_eq!(DataClasses::from_bits(0xff).iter().count(), 5);
    }
}
