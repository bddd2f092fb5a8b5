//! What an engine may hold at most, and what happens beyond.

use activity::EntityKind;

/// Entities held per kind, in one tally partition, with `detector.capacity` 1. Beyond, at the close of an hour: those with the least history go, until a tenth is free
/// again, and are counted ([`crate::Stats::evicted`]). Attacker-chosen ids (addresses, login names tried) are the load: an id that came once
/// goes before one that was suspicious, and both before one that is known ([`HISTORY_HOURS`]), whoever was here last.
pub const fn entities_max(kind: EntityKind) -> usize {
    match kind {
        EntityKind::Address | EntityKind::UserTable => 100_000,
        EntityKind::PortalUser | EntityKind::Session | EntityKind::Route => 50_000,
        EntityKind::Table | EntityKind::DbAccount | EntityKind::AppHost => 10_000,
        EntityKind::IntegrationKey | EntityKind::Network => 5_000,
        EntityKind::Source | EntityKind::Fleet => 1_000,
    }
}

/// The same with another capacity. Sources and the fleet are as many as they are: nobody makes up their names.
pub fn entities_held_max(kind: EntityKind, capacity: f64) -> usize {
    let max = entities_max(kind);
    if matches!(kind, EntityKind::Source | EntityKind::Fleet) {
        return max;
    }
    ((max as f64 * capacity) as usize).max(ENTITIES_LEAST)
}

/// With a small capacity so many are held all the same.
const ENTITIES_LEAST: usize = 100;

/// Hours of activity, forgotten as the baseline forgets them, from which on an entity is known: about a working day. Who makes up names
/// would have to use each of them so long.
pub(crate) const HISTORY_HOURS: f64 = 8.0;

/// How many times as many may be held while their hours are open, as those are not given up. Beyond: a new one is judged by what each
/// of its tallies says alone, kept no longer, and counted as evicted. So whoever invents an address for every request costs no memory,
/// and still raises what a single tally can.
pub const OPEN_FACTOR_MAX: usize = 4;

/// Values an entity is known to use, of each sort. Beyond: the one not seen for longest goes.
pub(crate) const fn known_values_max(sort: usize) -> usize {
    match sort {
        crate::entity::TABLE => 40,
        crate::entity::NETWORK => 24,
        crate::entity::PLACE => 12,
        _ => 8,
    }
}

/// Places of a person, and networks and browsers of a session, kept with their minutes, in one hour. Beyond: those with the smallest
/// hashes stay.
pub(crate) const fn spots_max(kind: EntityKind) -> usize {
    if matches!(kind, EntityKind::PortalUser) { 6 } else { 16 }
}

/// Hours with steps of an attack that an entity remembers for a day. Beyond: see [`crate::rare::Rare::step`].
pub(crate) const STEPS_MAX: usize = 4;

/// Hours with off-hours requests that are remembered for the nights to come: two nights of twelve. Beyond: the oldest go.
pub(crate) const NIGHTS_MAX: usize = 24;

/// Hours with a dump's shape that are remembered, for habits. Beyond: the oldest go.
pub(crate) const DUMPS_MAX: usize = 24;

/// Windows of an entity that people have called breaches. Beyond: of the oldest a dump counts as a habit again.
pub(crate) const BREACHES_MAX: usize = 6;

/// Texts of signature rules that entities share. Beyond: each has its own.
pub(crate) const MARKS_SHARED_MAX: usize = 4_096;

/// Addresses from which somebody logged in that are remembered of one hour, for the whole fleet. Beyond: further ones stay
/// unknown until their next login, and failures there count as a stranger's.
pub const GOOD_ADDRESSES_MAX: usize = 50_000;

/// Records of one key that an alert names. Beyond: a sample of them.
pub const NAMED_KEPT: usize = tally::limits::RECORDS_MAX;

/// Named records of one key read from one alert's JSON. Beyond: it is no alert of ours ([`crate::NotAnAlert`]); we write 256 at most.
pub const NAMED_READ_MAX: usize = 4_096;

/// Bytes of a table's name beside named records. Beyond: they are told without it.
pub const TABLE_BYTES_MAX: usize = 256;

/// Account numbers, each with whose it became, that are remembered of a person at a table and of a table, and hours for which they are.
/// Beyond: the oldest go. With 12 bytes each.
pub const PAYEES_MAX: usize = 64;
pub const PAYEE_HOURS: i64 = 28 * 24;

/// The same of one hour. Beyond: those with the smallest hashes of accounts stay.
pub const PAYEES_OF_HOUR_MAX: usize = 256;

/// Hours from an attack's first step to the reads that are its last.
pub const CHAIN_HOURS: i64 = 24;

/// Footholds of one hour in a roll-up. Beyond: the earliest stay.
pub const FOOTHOLDS_MAX: usize = 16;

/// Hours for which it counts that somebody was told of a person's new duty.
pub const TOLD_HOURS: i64 = 14 * 24;

/// Values a peer group is known to use, of each sort. Beyond: the one not seen for longest goes.
pub const GROUP_VALUES_MAX: usize = 2_048;

/// Groups in one hour's roll-up, and bytes of its packed form: a topic that others made may take no message beyond 1,000,000. Beyond:
/// those with the fewest members share the group `other`, and are counted ([`crate::Stats::groups_shed`]).
pub const ROLLUP_GROUPS_MAX: usize = 2_048;
pub const ROLLUP_BYTES_MAX: usize = 900_000;

/// Values of a group in one hour's roll-up, of each sort. Beyond: those with the smallest hashes stay.
pub const ROLLUP_VALUES_MAX: usize = 256;

/// Peer groups. Beyond: the one with the least activity of late gives way, if it is so little that it says nothing of anybody; else
/// further ones share the group `other`.
pub const GROUPS_MAX: usize = 4_096;

/// Hours (and days) of one entity whose volume paged and that are therefore not learned, in 28 days. Beyond, they are
/// learned: somebody has been told so often, and nothing freezes for ever. With 72, as was tried first, a nightly job
/// that changed its size paged every night for four weeks.
pub const QUARANTINED_HOURS_MAX: u16 = 4;
pub const QUARANTINED_DAYS_MAX: u16 = 1;

/// Hours and days kept of what was left out of an entity's baseline, for a verdict that may come. Beyond: the oldest are left out for
/// good. Of people and keys only amounts are left out, [`QUARANTINED_HOURS_MAX`] hours in 28 days.
pub(crate) const fn left_out_hours_max(kind: EntityKind) -> usize {
    if matches!(kind, EntityKind::PortalUser | EntityKind::IntegrationKey) { 5 } else { 16 }
}
pub const LEFT_OUT_DAYS_MAX: usize = 2;

/// Verdicts about one entity whose hour has not come yet. Beyond: further ones teach it nothing, and are counted as late.
pub const RULINGS_MAX: usize = 64;

/// Verdicts about one alert. Beyond: further ones are not heard.
pub const VERDICTS_OF_ALERT_MAX: usize = 16;

/// Alerts that a verdict can be about, in one tally partition, and hours after their window. Beyond: those of the digest go before
/// pages and before what has a verdict, the oldest first, and are counted ([`crate::Stats::alerts_forgotten`]).
pub const RULABLE_MAX: usize = 20_000;
pub const RULABLE_HOURS: i64 = 35 * 24;

/// Alerts with a verdict, of all tally partitions. Beyond: the one whose last verdict is oldest goes, with its exception.
pub const VERDICTS_MAX: usize = 10_000;

/// Exceptions in the configuration. More are an error.
pub const EXCEPTIONS_MAX: usize = 1_000;

/// Days an exception holds at most: as configuration, which somebody reviews, and by a verdict. What a verdict asks for must be over
/// before the topics that it is rebuilt from after a restart forget it.
pub const EXCEPTION_DAYS_MAX: i64 = 180;
pub const VERDICT_EXCEPTION_DAYS_MAX: i64 = 28;

/// Characters of the name and the reason behind a verdict or an exception.
pub const VERDICT_TEXT_MAX: usize = 400;

/// Hours after its last record in which a source's silence is noticed.
pub const WATCHED_HOURS: i64 = 24;

/// Hours for which it is remembered what was raised, against repeats from behind the horizon, and ids remembered in one tally
/// partition. Beyond: those whose window ended first go, and are counted ([`crate::Stats::raised_forgotten`]); what they name may be
/// raised again, under the same id, by records that come late, or by a drill that waits.
pub const RAISED_HOURS: i64 = 48;
pub const RAISED_MAX: usize = 200_000;

/// Hours a drill's shadow is kept after its last tally.
pub const SHADOW_HOURS: i64 = 48;

/// Application hosts: hours with unexplained statements that paged and are therefore not learned. Beyond, they are.
pub const UNEXPLAINED_HOURS_MAX: u32 = 12;

/// People named in a sentence about who it may have been.
pub const CANDIDATES_SHOWN_MAX: usize = 3;

/// Facts in one alert, and characters of one. Beyond: the last that contributed are left off, and the text ends in `…`.
pub const FACTS_MAX: usize = 9;
pub const FACT_CHARACTERS_MAX: usize = 300;

/// Characters of an id shown in a sentence.
pub const SHOWN_CHARACTERS_MAX: usize = 64;

/// Rows of the directory and of the calendar. More are an error.
pub const DIRECTORY_ROWS_MAX: usize = 1_000_000;
/// Places whose people are counted apart; ISO 3166-1 and -2 have some 5,300. Beyond: those of the fewest people count as unknown.
pub const RESIDENCE_PLACES_MAX: usize = 6_000;
pub const CALENDAR_ROWS_MAX: usize = 10_000;
