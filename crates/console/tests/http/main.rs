//! The whole surface over real connections, with a desk of fixed answers.

mod alerts;
mod api;
mod client;
#[path = "../../examples/sample/desk.rs"]
mod desk;
mod drafts;
mod hooks;
mod links;
mod pages;
mod refusals;
mod schema;
mod time;
