//! Who is behind a thread: what its Connect row said.
//!
//! What is remembered fits [`MEMORY_BYTES_MAX`] as it is written down, always; beyond, the thread that has been silent
//! longest is forgotten. So what a restart brings back is exactly what there was, and the answer is the same with or
//! without one. That is room for some hundred connections at a time of a few accounts; a shop that holds more should use
//! server_audit, whose rows name the account.

use crate::MEMORY_BYTES_MAX;
use activity::Timestamp;
use std::fmt::Write;

/// Bytes that one account may take, written down. Beyond, its threads are nobody.
const ACCOUNT_BYTES_MAX: usize = 256;

/// Bytes kept for the time.
const TIME_BYTES_MAX: usize = 20;

/// Bytes of an account's number, written down: there cannot be more than 1296 accounts of at least 3 bytes.
const NUMBER_BYTES_MAX: usize = 2;

/// The connections of one server, and the time of its last stamp.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    last: Option<Timestamp>,
    accounts: Vec<Account>,
    /// The one that spoke last at the end.
    open: Vec<Session>,
}

/// Who connected, from where, and the schema in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: Box<str>,
    pub(crate) host: Box<str>,
    pub(crate) schema: Box<str>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    thread: u64,
    /// Which of the accounts.
    account: usize,
    then: Then,
}

/// What the next row of a thread decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    /// Whether the connection was made.
    Connected,
    /// Whether it uses another schema from now on: the account with that schema.
    Uses(usize),
}

impl Sessions {
    /// The time of the last stamp.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.last
    }

    pub(crate) fn stamped(&mut self, at: Timestamp) {
        self.last = Some(at);
    }

    pub(crate) fn of(&self, thread: u64) -> Option<&Account> {
        self.accounts.get(self.open.get(self.place(thread)?)?.account)
    }

    pub(crate) fn connect(&mut self, thread: u64, user: &str, host: &str, schema: &str) {
        self.close(thread);
        let account = Account { user: user.into(), host: host.into(), schema: schema.into() };
        if account.bytes() <= ACCOUNT_BYTES_MAX {
            let account = self.number(account);
            self.open.push(Session { thread, account, then: Then::Connected });
            self.fit();
        }
    }

    /// Forgets a thread.
    pub(crate) fn close(&mut self, thread: u64) -> Option<Account> {
        let session = self.open.remove(self.place(thread)?);
        let account = self.accounts.get(session.account).cloned();
        self.sweep();
        account
    }

    /// The thread has another row, so what its last one asked for was done.
    pub(crate) fn take_effect(&mut self, thread: u64) {
        self.decide(thread, true);
    }

    /// What the thread's last row asked for was refused.
    pub(crate) fn refuse(&mut self, thread: u64) {
        self.decide(thread, false);
    }

    fn decide(&mut self, thread: u64, done: bool) {
        let Some(place) = self.place(thread) else { return };
        let mut session = self.open.remove(place);
        let then = std::mem::replace(&mut session.then, Then::Nothing);
        if let (Then::Uses(account), true) = (then, done) {
            session.account = account;
        }
        self.open.push(session);
        if matches!(then, Then::Uses(_)) {
            self.sweep();
        }
    }

    /// The thread asks for another schema; its next row tells whether it may.
    pub(crate) fn use_later(&mut self, thread: u64, schema: &str) {
        let Some(account) = self.with_schema(thread, schema) else { return };
        if let Some(session) = self.place(thread).and_then(|place| self.open.get_mut(place)) {
            session.then = Then::Uses(account);
        }
        self.sweep();
        self.fit();
    }

    pub(crate) fn use_now(&mut self, thread: u64, schema: &str) {
        self.use_later(thread, schema);
        self.take_effect(thread);
    }

    /// Nothing has come from the thread since its Connect.
    pub(crate) fn is_connecting(&self, thread: u64) -> bool {
        self.place(thread).and_then(|place| self.open.get(place)).is_some_and(|session| session.then == Then::Connected)
    }

    /// The number of the thread's account with another schema.
    fn with_schema(&mut self, thread: u64, schema: &str) -> Option<usize> {
        let account = Account { schema: schema.into(), ..self.of(thread)?.clone() };
        (account.bytes() <= ACCOUNT_BYTES_MAX).then(|| self.number(account))
    }

    fn place(&self, thread: u64) -> Option<usize> {
        self.open.iter().rposition(|session| session.thread == thread)
    }

    fn number(&mut self, account: Account) -> usize {
        self.accounts.iter().position(|known| *known == account).unwrap_or_else(|| {
            self.accounts.push(account);
            self.accounts.len() - 1
        })
    }

    /// Forgets accounts that no thread has.
    fn sweep(&mut self) {
        let mut at = 0;
        while at < self.accounts.len() {
            let has = |session: &Session| session.account == at || session.then == Then::Uses(at);
            if self.open.iter().any(has) {
                at += 1;
                continue;
            }
            self.accounts.swap_remove(at);
            let moved = self.accounts.len();
            for session in &mut self.open {
                if session.account == moved {
                    session.account = at;
                }
                if session.then == Then::Uses(moved) {
                    session.then = Then::Uses(at);
                }
            }
        }
    }

    /// Forgets threads until the rest can be written down.
    fn fit(&mut self) {
        let bytes = |sessions: &Sessions| {
            let accounts: usize = sessions.accounts.iter().map(|account| account.bytes() + 1).sum();
            let threads: usize = sessions.open.iter().map(|session| session.bytes() + 1).sum();
            TIME_BYTES_MAX + accounts + threads
        };
        while MEMORY_BYTES_MAX < bytes(self) && !self.open.is_empty() {
            self.open.remove(0);
            self.sweep();
        }
    }

    /// `1795438620,app:10.0.0.1:hr,root:localhost:,0.2s,1.2t-,0.2u.1`: seconds, accounts, threads in base 36 with the number of
    /// their account and what is open.
    pub(crate) fn memory(&self) -> String {
        let mut text = self.last.map_or_else(String::new, |last| last.as_secs().to_string());
        for Account { user, host, schema } in &self.accounts {
            text.push(',');
            escape(user, &mut text);
            text.push(':');
            escape(host, &mut text);
            text.push(':');
            escape(schema, &mut text);
        }
        for Session { thread, account, then } in &self.open {
            text.push(',');
            base36(*account as u64, &mut text);
            text.push('.');
            base36(*thread, &mut text);
            match then {
                Then::Nothing => {}
                Then::Connected => text.push('-'),
                Then::Uses(account) => {
                    text.push('.');
                    base36(*account as u64, &mut text);
                }
            }
        }
        text
    }

    /// From what [`Self::memory`] gave; nothing from what it cannot have given.
    pub(crate) fn remembering(memory: &str) -> Self {
        Self::read(memory).unwrap_or_default()
    }

    fn read(memory: &str) -> Option<Self> {
        if MEMORY_BYTES_MAX < memory.len() {
            return None;
        }
        let mut sessions = Sessions::default();
        let mut fields = memory.split(',');
        sessions.last = match fields.next()? {
            "" => None,
            seconds => Some(Timestamp::from_secs(seconds.parse().ok()?)),
        };
        for field in fields {
            if let Some((user, rest)) = field.split_once(':') {
                let (host, schema) = rest.split_once(':')?;
                let [user, host, schema] = [user, host, schema].map(|text| unescape(text).map(Box::from));
                sessions.accounts.push(Account { user: user?, host: host?, schema: schema? });
                continue;
            }
            let known = |number: &str| {
                let number = usize::from_str_radix(number, 36).ok()?;
                (number < sessions.accounts.len()).then_some(number)
            };
            let (account, thread) = field.split_once('.')?;
            let (thread, then) = match (thread.split_once('.'), thread.strip_suffix('-')) {
                (Some((thread, account)), _) => (thread, Then::Uses(known(account)?)),
                (None, Some(thread)) => (thread, Then::Connected),
                (None, None) => (thread, Then::Nothing),
            };
            let thread = u64::from_str_radix(thread, 36).ok()?;
            let account = known(account)?;
            sessions.open.push(Session { thread, account, then });
        }
        Some(sessions)
    }
}

impl Account {
    /// Written down.
    fn bytes(&self) -> usize {
        let bytes = |text: &str| text.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum::<usize>();
        bytes(&self.user) + bytes(&self.host) + bytes(&self.schema) + 2
    }
}

impl Session {
    /// Written down, at most.
    fn bytes(&self) -> usize {
        let digits = self.thread.max(1).ilog(36) as usize + 1;
        let then = if matches!(self.then, Then::Uses(_)) { 1 + NUMBER_BYTES_MAX } else { 1 };
        NUMBER_BYTES_MAX + 1 + digits + then
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@')
}

fn escape(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if is_plain(byte) {
            to.push(char::from(byte));
        } else {
            write!(to, "%{byte:02X}").expect("a string takes everything");
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn base36(mut number: u64, to: &mut String) {
    let from = to.len();
    loop {
        let digit = u32::try_from(number % 36).expect("less than 36");
        to.insert(from, char::from_digit(digit, 36).expect("less than 36"));
        number /= 36;
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_fits_and_comes_back() {
        let mut sessions = Sessions::default();
        sessions.stamped(Timestamp::from_secs(1_795_438_620));
        for n in 0..500u64 {
            sessions.connect(u64::MAX - n * 97, &format!("o'brien, {}", n % 5), "fe80::1%eth0", "hr");
            sessions.use_later(u64::MAX - n * 97, "größe");
            let memory = sessions.memory();
            assert!(memory.len() <= MEMORY_BYTES_MAX, "{}", memory.len());
            assert_eq!(Sessions::remembering(&memory).memory(), memory);
        }
        assert!(20 < sessions.open.len(), "{}", sessions.open.len());
        let last = sessions.open.last().map(|session| session.thread).expect("one is open");
        sessions.take_effect(last);
        assert_eq!(sessions.of(last).map(|account| &*account.schema), Some("größe"));
    }

    #[test]
    fn an_account_that_is_too_long_is_nobody() {
        let mut sessions = Sessions::default();
        sessions.connect(1, &"'".repeat(128), "h", "s");
        assert!(sessions.of(1).is_none());
        sessions.connect(2, "a", "h", "s");
        sessions.use_now(2, &"ü".repeat(64));
        assert_eq!(sessions.of(2).map(|account| &*account.schema), Some("s"));
        assert_eq!(sessions.close(2).map(|account| account.user), Some("a".into()));
        assert_eq!(sessions.memory(), "");
    }
}
