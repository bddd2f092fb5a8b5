//! Whom the law, or a contract, obliges to tell of a breach, and by when. Pure: no clock, no I/O.
//!
//! Obligations are data (`config/jurisdictions.yaml`, a [`Catalogue`]); this is the engine that reads a [`Case`] in their
//! light. What comes out is a [`Standing`] for every obligation: it runs until then, it waits for this, or it does not
//! apply for that reason. Every standing gives its reckoning in words, because an auditor has to be able to redo it.
//!
//! ```text
//! Case (moments, sent notices, people) ─┐
//! Catalogue (obligations, days off) ────┴─► start ─► limit ─► order ─► Standing
//! ```
//!
//! What it does where texts leave room: it never lets a limit end later than the strictest reading.
//! - *Hours* are absolute time, through nights, weekends and changes of the clock.
//! - *Days* and *months*: the day of the start does not count; the last day ends at 23:59:59 in the authority's zone. Where
//!   no zone is known, the start's date is that of the last place on earth to begin it, and the day ends with the first
//!   place on earth where it ends. (Regulation (EEC, Euratom) 1182/71 Art. 3 counts so too, within one zone.)
//! - Limits that end on a Saturday, Sunday or a day off are not moved to the next working day, though several laws allow it.
//! - *Business days* skip weekends and the days off of a named calendar; a day off missing from it ends the limit earlier.
//! - *Months* end on the day of the same number, or on the last of a shorter month (the same, Art. 3(2)(c)).
//! - Thresholds are compared with bounds of the number of people. Only if the upper bound misses one, it is missed;
//!   between the bounds it counts as met, and the standing says that this is assumed.
//! - Of several starts the first known one counts.
//!
//! Not here: whether to tell (a person weighs the condition), what the notice says, and who sends it.

mod calendar;
mod case;
mod catalogue;
mod obligation;
mod standing;
mod term;

pub use calendar::{Calendar, DayOff, Observed};
pub use case::{Case, Headcount, Moment, People};
pub use catalogue::{Catalogue, Edition, NotACatalogue};
pub use obligation::{Before, Latest, Limit, Obligation, Order, Recipient, Status, Threshold, Verified, Whose};
pub use standing::{Assumed, Holds, Running, Standing};
