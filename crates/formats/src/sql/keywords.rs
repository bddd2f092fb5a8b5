//! The words that mean something to [`super::Statement`]; every other word is an identifier.
//!
//! A word is hashed once, while it is read, for the fingerprint; the same hash finds the keyword: one look into a table that
//! is made at compile time, and one comparison of hashes.

use super::words::hash_of;

/// Slots of the table; a power of two, so many that for some [`SHIFT`] no two keywords share one.
const SLOTS: usize = 8192;

macro_rules! keywords {
    ($($name:ident $text:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Keyword {
            /// An identifier.
            None,
            $($name,)*
        }

        /// With the word that is none in front.
        const KEYWORDS: &[(&str, Keyword)] = &[("", Keyword::None), $(($text, Keyword::$name),)*];
    };
}

keywords! {
    Alter "alter",
    Analyze "analyze",
    And "and",
    As "as",
    Atomic "atomic",
    Backup "backup",
    Begin "begin",
    Call "call",
    Change "change",
    Check "check",
    Checksum "checksum",
    Concurrent "concurrent",
    Copy "copy",
    Create "create",
    Data "data",
    Deallocate "deallocate",
    Default "default",
    Delayed "delayed",
    Delete "delete",
    Desc "desc",
    Describe "describe",
    Distinct "distinct",
    Do "do",
    Drop "drop",
    Dual "dual",
    Dumpfile "dumpfile",
    Else "else",
    Event "event",
    Except "except",
    Execute "execute",
    Exists "exists",
    Explain "explain",
    False "false",
    Fetch "fetch",
    First "first",
    Flush "flush",
    For "for",
    From "from",
    Function "function",
    Global "global",
    Grant "grant",
    Group "group",
    Handler "handler",
    Having "having",
    HighPriority "high_priority",
    If "if",
    Ignore "ignore",
    Immediate "immediate",
    Index "index",
    Insert "insert",
    Install "install",
    Intersect "intersect",
    Into "into",
    Join "join",
    Kill "kill",
    Lateral "lateral",
    Like "like",
    Limit "limit",
    Load "load",
    LoadFile "load_file",
    Local "local",
    Lock "lock",
    LowPriority "low_priority",
    Next "next",
    Not "not",
    Null "null",
    Offset "offset",
    On "on",
    Only "only",
    Open "open",
    Optimize "optimize",
    Or "or",
    Order "order",
    Outfile "outfile",
    Over "over",
    Package "package",
    Password "password",
    Persist "persist",
    PersistOnly "persist_only",
    Prepare "prepare",
    Procedure "procedure",
    Proxy "proxy",
    Purge "purge",
    Quick "quick",
    Read "read",
    Recursive "recursive",
    Rename "rename",
    Repair "repair",
    Replace "replace",
    Reset "reset",
    Returning "returning",
    Revoke "revoke",
    Select "select",
    Set "set",
    Show "show",
    Shutdown "shutdown",
    SqlNoCache "sql_no_cache",
    Statement "statement",
    StraightJoin "straight_join",
    SystemTime "system_time",
    Table "table",
    Tables "tables",
    Then "then",
    To "to",
    Trigger "trigger",
    True "true",
    Truncate "truncate",
    Uninstall "uninstall",
    Union "union",
    Update "update",
    Use "use",
    Using "using",
    Value "value",
    Values "values",
    View "view",
    Where "where",
    Window "window",
    With "with",
    Write "write",
    Xml "xml",
    // Functions that make one row of many.
    Avg "avg",
    BitAnd "bit_and",
    BitOr "bit_or",
    BitXor "bit_xor",
    Count "count",
    Max "max",
    Min "min",
    Std "std",
    Stddev "stddev",
    Sum "sum",
    Variance "variance",
    // Of these, those that keep what was in the many.
    ArrayAgg "array_agg",
    GroupConcat "group_concat",
    JsonAgg "json_agg",
    JsonArrayagg "json_arrayagg",
    JsonObjectagg "json_objectagg",
    JsonbAgg "jsonb_agg",
    StringAgg "string_agg",
    Xmlagg "xmlagg",
}

impl Keyword {
    /// The keyword whose hash this is, if the word is one.
    #[inline]
    pub(super) fn of(word: &str, hash: u64) -> Keyword {
        let at = usize::from(TABLE[slot_of(hash, SHIFT)]);
        if HASHES[at] != hash {
            return Keyword::None;
        }
        let (text, keyword) = KEYWORDS[at];
        // Of eight bytes or fewer the hash is one to one.
        let is_told = text.len().max(word.len()) <= 8 || text.eq_ignore_ascii_case(word);
        if is_told { keyword } else { Keyword::None }
    }

    /// An aggregate function's name.
    pub(super) fn is_aggregate(self) -> bool {
        use Keyword::{Avg, BitAnd, BitOr, BitXor, Count, Max, Min, Std, Stddev, Sum, Variance};
        self.gathers()
            || matches!(self, Avg | BitAnd | BitOr | BitXor | Count | Max | Min | Std | Stddev | Sum | Variance)
    }

    /// An aggregate function that keeps what was in the rows.
    pub(super) fn gathers(self) -> bool {
        use Keyword::{ArrayAgg, GroupConcat, JsonAgg, JsonArrayagg, JsonObjectagg, JsonbAgg, StringAgg, Xmlagg};
        matches!(self, ArrayAgg | GroupConcat | JsonAgg | JsonArrayagg | JsonObjectagg | JsonbAgg | StringAgg | Xmlagg)
    }

    /// A word that begins another clause, or another query.
    pub(super) fn ends_condition(self) -> bool {
        use Keyword::{
            Except, Fetch, For, Group, Having, Intersect, Into, Limit, Lock, Offset, Order, Procedure, Returning,
            Union, Window,
        };
        matches!(
            self,
            Except
                | Fetch
                | For
                | Group
                | Having
                | Intersect
                | Into
                | Limit
                | Lock
                | Offset
                | Order
                | Procedure
                | Returning
                | Union
                | Window
        )
    }
}

const fn slot_of(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize % SLOTS
}

/// Hashes of [`KEYWORDS`].
const HASHES: [u64; KEYWORDS.len()] = {
    let mut hashes = [0; KEYWORDS.len()];
    let mut at = 0;
    while at < KEYWORDS.len() {
        hashes[at] = hash_of(KEYWORDS[at].0);
        at += 1;
    }
    hashes
};

/// The first for which no two keywords share a slot.
const SHIFT: u32 = {
    let mut shift = 0;
    while table(shift).is_none() {
        shift += 1;
    }
    shift
};

/// Which of [`KEYWORDS`] has its slot here; 0 if none.
const TABLE: [u8; SLOTS] = table(SHIFT).expect("the shift was chosen so");

const fn table(shift: u32) -> Option<[u8; SLOTS]> {
    let mut table = [0; SLOTS];
    let mut at = 1;
    while at < KEYWORDS.len() {
        let slot = slot_of(HASHES[at], shift);
        if table[slot] != 0 {
            return None;
        }
        table[slot] = at as u8;
        at += 1;
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found_in_any_case_and_nothing_else() {
        assert!(KEYWORDS.len() <= 256);
        for (text, keyword) in &KEYWORDS[1..] {
            assert_eq!(Keyword::of(text, hash_of(text)), *keyword);
            let upper = text.to_ascii_uppercase();
            assert_eq!(Keyword::of(&upper, hash_of(&upper)), *keyword);
            let longer = format!("{text}x");
            assert_eq!(Keyword::of(&longer, hash_of(&longer)), Keyword::None, "{longer}");
        }
        assert_eq!(Keyword::of("", hash_of("")), Keyword::None);
    }
}
