//! What has a baseline, and what an alert is about.

use std::fmt;

/// The kinds of entity; their ids are part of the contract of the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// A user of the employee portal; service logins of the portal too. Id: the login name.
    PortalUser,
    /// Id: `account@host`.
    DbAccount,
    /// Id: a hash of the key.
    IntegrationKey,
    /// Id: an IP address.
    Address,
    /// Id: a network in CIDR notation.
    Network,
    /// Id: a hash of the session; of one that somebody logged in to, `user|hash`.
    Session,
    /// Id: `schema.table`.
    Table,
    /// Id: `user|schema.table`.
    UserTable,
    /// A client host as the database sees it.
    AppHost,
    /// Id: a path pattern; the literal path for files that should not exist.
    Route,
    /// A log source. Id: its name.
    Source,
    /// Everybody together. Id: `all`.
    Fleet,
}

impl EntityKind {
    pub const ALL: [EntityKind; 12] = [
        EntityKind::PortalUser,
        EntityKind::DbAccount,
        EntityKind::IntegrationKey,
        EntityKind::Address,
        EntityKind::Network,
        EntityKind::Session,
        EntityKind::Table,
        EntityKind::UserTable,
        EntityKind::AppHost,
        EntityKind::Route,
        EntityKind::Source,
        EntityKind::Fleet,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            EntityKind::PortalUser => "portal_user",
            EntityKind::DbAccount => "db_account",
            EntityKind::IntegrationKey => "integration_key",
            EntityKind::Address => "address",
            EntityKind::Network => "network",
            EntityKind::Session => "session",
            EntityKind::Table => "table",
            EntityKind::UserTable => "user_table",
            EntityKind::AppHost => "app_host",
            EntityKind::Route => "route",
            EntityKind::Source => "source",
            EntityKind::Fleet => "fleet",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// A stable number for encodings.
    pub fn code(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default() as u8
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entity. The id may hold hostile text (a login name from a log): see [`crate::printable`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    pub kind: EntityKind,
    pub id: Box<str>,
}

impl Entity {
    /// Longest id in bytes; a longer one is cut at a character and ends in `…`.
    pub const ID_BYTES_MAX: usize = 192;

    pub fn new(kind: EntityKind, id: impl Into<Box<str>>) -> Self {
        let mut id: Box<str> = id.into();
        if id.len() > Self::ID_BYTES_MAX {
            let mut end = Self::ID_BYTES_MAX - '…'.len_utf8();
            while !id.is_char_boundary(end) {
                end -= 1;
            }
            id = format!("{}…", &id[..end]).into();
        }
        Entity { kind, id }
    }

    /// For `user|schema.table`: the user and the table.
    pub fn user_and_table(&self) -> Option<(&str, &str)> {
        // A login name may hold `|`; a table's name practically never does: split at the last.
        (self.kind == EntityKind::UserTable).then(|| self.id.rsplit_once('|')).flatten()
    }
}

impl Entity {
    /// For `user|session`: the user. Sessions that nobody logged in to have none.
    pub fn user_of_session(&self) -> Option<&str> {
        let split = (self.kind == EntityKind::Session).then(|| self.id.rsplit_once('|')).flatten();
        split.map(|(user, _)| user)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, crate::printable(&self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_come_back() {
        for kind in EntityKind::ALL {
            assert_eq!(EntityKind::parse(kind.as_str()), Some(kind));
            assert_eq!(EntityKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(EntityKind::from_code(12), None);
    }

    #[test]
    fn long_ids_are_cut_at_a_character() {
        let entity = Entity::new(EntityKind::PortalUser, "ü".repeat(500));
        assert!(entity.id.len() <= Entity::ID_BYTES_MAX && entity.id.ends_with('…'));
    }

    #[test]
    fn a_pair_splits_at_its_last_bar() {
        let pair = Entity::new(EntityKind::UserTable, "o|brien|hr.hr_payroll");
        assert_eq!(pair.user_and_table(), Some(("o|brien", "hr.hr_payroll")));
        assert_eq!(Entity::new(EntityKind::Table, "a|b").user_and_table(), None);
    }
}
