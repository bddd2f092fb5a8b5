//! The file of contacts as its users write it, and what it answers.

#[cfg(test)]
mod calendars;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod support;
