//! The casebook as its users see it: inputs, decisions, and what they add up to.

#[cfg(test)]
mod world;

#[cfg(test)]
mod affected;
#[cfg(test)]
mod contacts;
#[cfg(test)]
mod daily;
#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod digest;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod escalation;
#[cfg(test)]
mod explained;
#[cfg(test)]
mod folding;
#[cfg(test)]
mod grouping;
#[cfg(test)]
mod inhibitions;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod life;
#[cfg(test)]
mod located;
#[cfg(test)]
mod mailing;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod reported;
#[cfg(test)]
mod silences;
#[cfg(test)]
mod states;
