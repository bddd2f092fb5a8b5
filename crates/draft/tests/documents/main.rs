//! What is written, and how it gets to many people.

#[cfg(test)]
mod mailing;
#[cfg(test)]
mod notices;
