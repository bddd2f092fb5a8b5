//! What a set of rules may hold at most, and what happens beyond: the set is refused, with the place.

/// Rules of a set, the shipped ones included.
pub const RULES_MAX: usize = 512;

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 256 << 10;

/// Mappings and lists in each other.
pub(crate) const NESTING_MAX: usize = 12;

/// Bytes of a condition, and parentheses and `not` in each other in it.
pub(crate) const CONDITION_BYTES_MAX: usize = 2048;
pub(crate) const CONDITION_DEPTH_MAX: usize = 24;

/// Values of one rule.
pub(crate) const VALUES_MAX: usize = 512;

/// Bytes of one value, and wildcards in it.
pub(crate) const VALUE_BYTES_MAX: usize = 1024;
pub(crate) const WILDCARDS_MAX: usize = 16;

/// Bytes that a compiled regular expression may take.
pub(crate) const REGEX_BYTES_MAX: usize = 256 << 10;

/// Rules without a word that the sieve could look for: each is asked about every entry of its kind.
pub(crate) const UNSIEVED_MAX: usize = 16;

/// Mistakes that are reported; beyond, one says that there are more.
pub const MISTAKES_MAX: usize = 100;

/// Bytes of an address and of each other text of a request that are looked at. What stands behind is not seen.
pub(crate) const REQUEST_TEXT_BYTES_MAX: usize = 8 << 10;

/// Agents that are remembered as harmless, and bytes of one. Beyond: looked at again.
pub(crate) const AGENTS_MAX: usize = 64;
pub(crate) const AGENT_BYTES_MAX: usize = 512;

/// How often an address is percent-decoded.
pub(crate) const DECODINGS_MAX: usize = 3;
