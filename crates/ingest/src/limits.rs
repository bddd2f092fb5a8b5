//! What ingest holds at most, and what happens beyond.

/// Bytes of one record that is looked into. Beyond: dead-lettered as `too_long`, and an entry that was being put together is
/// taken as complete; its lines are followed, so that the rest of a literal is known as such.
pub const RECORD_BYTES_MAX: usize = formats::envelope::OPENED_BYTES_MAX;

/// Bytes of one line of a line format, out of its envelope. From there on: read as cut, and counted as `truncated`; dead-lettered as
/// `too_long` if it cannot be read so.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Envelopes in each other; how many of a source partition's are remembered over a restart.
pub const ENVELOPES_MAX: usize = formats::envelope::LAYERS_MAX;

/// Bytes of the name of the program whose entries are put together. A longer one is not compared.
pub const PROGRAM_BYTES_MAX: usize = 48;

/// Bytes of one entry put together from lines. From there on: as for a line; its lines are followed, but not kept.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Bytes for which an entry put together from lines is followed. Beyond: it is given up, and the next line that looks like a beginning
/// is one. Four times what MariaDB's `max_allowed_packet` allows a statement, unless configured: no literal reaches it.
pub const ENTRY_SPAN_MAX: usize = 64 << 20;

/// How long the rest of an entry may take to come, by the stamps of its records, once it has begun to. Beyond: what comes is none of it.
/// A shipper that was stopped catches up in seconds; see `ingester` for which way this errs.
pub const REST_SPAN: activity::Span = activity::Span::from_secs(60);

/// Bytes of a dead letter's copy of the record. Beyond: cut; the full length is told.
pub const EXCERPT_BYTES_MAX: usize = 4096;

/// Dead letters of one record that are kept. Beyond: one letter `more` says how many there were; they are counted by their reasons.
pub const LETTERS_PER_RECORD_MAX: usize = 64;

/// Hosts whose entries are put together side by side, per source partition. Beyond: who was silent for longest is forgotten, and with it
/// what the format remembers of that host.
pub const HOSTS_MAX: usize = 32;

/// Hosts with an entry that is not complete. Beyond: one that may have ended is taken as complete, or else that which began first.
pub const HOSTS_OPEN_MAX: usize = 8;

/// Records of others behind a host's last one, while it is in the midst of an entry. Beyond: its entry is taken as complete. So many records
/// are read again after a restart, at most, for each line of the entry.
pub const RECORDS_OPEN_MAX: i64 = 10_000;

/// As [`RECORDS_OPEN_MAX`], where the entry may have ended, or [`REST_SPAN`] has passed.
pub const RECORDS_BETWEEN_MAX: i64 = 64;

/// How long after a host's last record its entry, which may have ended, is taken as complete once another host's record comes, by their stamps.
pub const PAUSE: activity::Span = activity::Span::from_secs(5);

/// Texts (addresses, places, operators, browsers) remembered with their hash, per source partition. Beyond: all are hashed again.
pub(crate) const TEXTS_REMEMBERED_MAX: usize = 8192;

/// Longest path whose class is remembered, in bytes.
pub(crate) const PATH_REMEMBERED_BYTES_MAX: usize = 256;

/// Table names, and paths, whose class is remembered, per source partition. Beyond: all are looked up again.
pub const CLASSES_REMEMBERED_MAX: usize = 4096;

/// Bytes of the metadata of a committed offset.
/// The broker's own limit, `offset.metadata.max.bytes`, is 4096 unless configured.
pub const METADATA_BYTES_MAX: usize = 3328;

/// Bytes of a browser's name that are kept.
pub const AGENT_BYTES_MAX: usize = 120;

/// Classified tables that the coverage of one source partition names. Beyond: the most used stay, the rest is counted.
pub const COVERED_TABLES_MAX: usize = 512;

/// Application hosts that it names. Beyond: the first stay, and nothing is told of hosts.
pub const COVERED_HOSTS_MAX: usize = 64;

/// Bytes of the name of a network's operator that are kept.
pub const OPERATOR_BYTES_MAX: usize = 64;

/// Notes on lines of a file that are right and probably not meant. Beyond: not told.
pub(crate) const FILE_NOTES_MAX: usize = 10;

/// Records of one request that are named. Beyond: they are not.
pub const REQUESTED_MAX: usize = 64;

/// Bytes of a query that are looked at for ids, and of an id or of a word of a path. Beyond: not looked at, and no id.
pub const ROUTE_QUERY_BYTES_MAX: usize = 4096;
pub const ROUTE_ID_BYTES_MAX: usize = 64;

/// Steps of a route that is told of, and bytes of one of them. Beyond: cut; shown as `*`.
pub const ROUTE_STEPS_MAX: usize = 8;
pub const ROUTE_STEP_BYTES_MAX: usize = 24;

/// Steps of such a route that are told as they are, the first. Beyond: shown as `*`.
pub const ROUTE_STEPS_SHOWN: usize = 3;
