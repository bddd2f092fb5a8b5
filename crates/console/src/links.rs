//! Signed links of messages: a page that asks, and its form that answers.
//!
//! Whoever has the link needs no token of the console: the link is one, for one question. `GET` changes nothing, because
//! scanners of mail and previews of chats open every link; only the form's `POST` answers. It carries no form token of its own: a
//! foreign site cannot know the address it would have to post to, and a browser that says the form is foreign is refused anyway.

use crate::{
    LinkPage, LinkRefusal, limits,
    pages::{Frame, page},
    problem::{Kind, Problem},
    routes::Office,
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkTemplate {
    frame: Frame,
    view: LinkPage,
    token: String,
    /// It was answered just now.
    answered: bool,
}

pub(crate) async fn ask(State(office): State<Arc<Office>>, Path(token): Path<String>) -> Result<Response, Problem> {
    let view = find(&office, &token)?;
    Ok(show(view, token, false))
}

pub(crate) async fn answer(State(office): State<Arc<Office>>, Path(token): Path<String>) -> Result<Response, Problem> {
    let view = find(&office, &token)?;
    office.desk.answer_link(token.clone()).await?;
    Ok(show(view, token, true))
}

fn show(view: LinkPage, token: String, answered: bool) -> Response {
    let title = if answered { format!("Done: {}", view.question) } else { format!("{}?", view.question) };
    page(StatusCode::OK, &LinkTemplate { frame: Frame::new(&title, ""), view, token, answered })
}

fn find(office: &Office, token: &str) -> Result<LinkPage, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if token.len() > limits::LINK_BYTES_MAX || !token.bytes().all(fits) {
        return Err(Problem::new(Kind::LinkForged, "it cannot be read: open it from the message itself"));
    }
    office.desk.link(token).map_err(Problem::from)
}

impl From<LinkRefusal> for Problem {
    fn from(refusal: LinkRefusal) -> Self {
        let kind = match refusal {
            LinkRefusal::Forged(_) => Kind::LinkForged,
            LinkRefusal::Expired(_) => Kind::LinkExpired,
        };
        Problem::new(kind, refusal.to_string())
    }
}
