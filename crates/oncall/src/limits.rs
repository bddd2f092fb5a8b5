//! Every bound of this crate, with its unit. Beyond each, the file is refused with its reason: a list of people is written
//! by people, and one that is cut would leave somebody uncalled.

use activity::Span;

/// Bytes of the file of contacts, and of a calendar.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
pub const CONTACTS_MAX: usize = 1_000;
pub const TEAMS_MAX: usize = 100;
/// Of a team, and of a layer.
pub const MEMBERS_MAX: usize = 100;
pub const SCHEDULES_MAX: usize = 100;
/// Of a schedule.
pub const LAYERS_MAX: usize = 8;
/// Of a schedule.
pub const OVERRIDES_MAX: usize = 500;
pub const POLICIES_MAX: usize = 32;
/// Of a policy.
pub const STEPS_MAX: usize = 16;
/// Whom, and by how many channels, one step calls.
pub const STEP_TARGETS_MAX: usize = 16;
/// How often the steps of a policy are gone through again.
pub const REPEAT_MAX: u32 = 9;
/// Longest time-out of a step.
pub const TIMEOUT_MAX: Span = Span::from_hours(24);
/// Days of a turn.
pub const TURN_DAYS_MAX: i32 = 366;
/// Events of a calendar.
pub const EVENTS_MAX: usize = 2_000;
/// Days taken out of an event that repeats.
pub const EXCEPTIONS_MAX: usize = 500;
/// Longest shift of a calendar, days.
pub const SHIFT_DAYS_MAX: i64 = 31;
/// Characters of a name that is a word.
pub const WORD_MAX: usize = 40;
/// Characters of a title, a role, an address, a reason.
pub const TEXT_MAX: usize = 200;
/// Roles and obligations of a contact, each.
pub const ROLES_MAX: usize = 50;
/// How far ahead a schedule is looked through for gaps, days.
pub const LOOK_AHEAD_DAYS: i64 = 90;
/// Gaps of a schedule that are told; the rest is counted.
pub const GAPS_TOLD: usize = 10;
/// Mistakes told.
pub const MISTAKES_MAX: usize = 100;
