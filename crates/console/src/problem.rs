//! What goes wrong with a request, as RFC 9457 problem details or as a page.

use crate::{CommandRefusal, pages};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// One refusal. The kinds are part of the API: `type` is `urn:breachd:problem:` and the kind.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    /// What is wrong with this very request and what to do; printable.
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Unauthorized,
    ForeignHost,
    ForeignOrigin,
    FormExpired,
    LinkForged,
    LinkExpired,
    HookForged,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    Invalid,
    Unavailable,
}

impl Kind {
    /// In the order in which the help page and the API's description show them.
    pub(crate) const ALL: [Kind; 15] = [
        Kind::Malformed,
        Kind::Unauthorized,
        Kind::ForeignHost,
        Kind::ForeignOrigin,
        Kind::FormExpired,
        Kind::LinkForged,
        Kind::LinkExpired,
        Kind::HookForged,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::UnsupportedMediaType,
        Kind::Invalid,
        Kind::Unavailable,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Malformed => "malformed",
            Kind::Unauthorized => "unauthorized",
            Kind::ForeignHost => "foreign-host",
            Kind::ForeignOrigin => "foreign-origin",
            Kind::FormExpired => "form-expired",
            Kind::LinkForged => "link-forged",
            Kind::LinkExpired => "link-expired",
            Kind::HookForged => "hook-forged",
            Kind::NotFound => "not-found",
            Kind::MethodNotAllowed => "method-not-allowed",
            Kind::Conflict => "conflict",
            Kind::TooLarge => "too-large",
            Kind::UnsupportedMediaType => "unsupported-media-type",
            Kind::Invalid => "invalid",
            Kind::Unavailable => "unavailable",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Kind::Malformed => "The request cannot be read",
            Kind::Unauthorized => "The access token is missing or wrong",
            Kind::ForeignHost => "This console is not known by that name",
            Kind::ForeignOrigin => "The request comes from another site",
            Kind::FormExpired => "The form is out of date",
            Kind::LinkForged => "This link is not one of ours",
            Kind::LinkExpired => "This link is over",
            Kind::HookForged => "The signature of the post is missing or wrong",
            Kind::NotFound => "There is nothing here",
            Kind::MethodNotAllowed => "This address does not do that",
            Kind::Conflict => "That is not possible now",
            Kind::TooLarge => "The request is too large",
            Kind::UnsupportedMediaType => "The body is of the wrong type",
            Kind::Invalid => "Something in the request is wrong",
            Kind::Unavailable => "breachd cannot answer now",
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Kind::Malformed => StatusCode::BAD_REQUEST,
            Kind::Unauthorized | Kind::HookForged => StatusCode::UNAUTHORIZED,
            Kind::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Kind::ForeignOrigin | Kind::FormExpired | Kind::LinkForged => StatusCode::FORBIDDEN,
            Kind::LinkExpired => StatusCode::GONE,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The JSON form.
#[derive(Serialize)]
struct Details<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl AsRef<str>) -> Self {
        Problem { kind, detail: activity::printable_within(detail.as_ref(), crate::limits::TEXT_CHARACTERS_MAX) }
    }

    /// As `application/problem+json`.
    pub(crate) fn json(&self) -> Response {
        let details = Details {
            r#type: format!("urn:breachd:problem:{}", self.kind.as_str()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
        };
        let body = serde_json::to_string(&details).expect("strings and a number serialise");
        let json = HeaderValue::from_static("application/problem+json");
        self.finish((self.kind.status(), [(header::CONTENT_TYPE, json)], body).into_response())
    }

    /// As a page for a person.
    pub(crate) fn page(&self) -> Response {
        self.finish(pages::problem(self))
    }

    fn finish(&self, mut response: Response) -> Response {
        if self.kind == Kind::Unauthorized {
            // Basic first: browsers take the first they know, and it is the accessible way to ask.
            for challenge in [r#"Basic realm="breachd", charset="UTF-8""#, r#"Bearer realm="breachd""#] {
                response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
        }
        // For counting, and for turning a router's JSON into a page where a person asked.
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.json()
    }
}

impl From<CommandRefusal> for Problem {
    fn from(refusal: CommandRefusal) -> Self {
        let kind = match refusal {
            CommandRefusal::NotFound => Kind::NotFound,
            CommandRefusal::Conflict(_) => Kind::Conflict,
            CommandRefusal::Invalid(_) => Kind::Invalid,
            CommandRefusal::Unavailable(_) => Kind::Unavailable,
        };
        Problem::new(kind, refusal.to_string())
    }
}
