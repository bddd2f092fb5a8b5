//! Doors for programs that sign what they post: services that send answers back, and HR systems that report.
//!
//! The signature is the credential; there is no token, no cookie and no form. This crate hands over the raw bytes and the header
//! fields, and the desk judges them: only there are the secrets. A body may be larger than elsewhere, since services decide how much
//! they tell.

use crate::{
    Hook, HookReceipt, HookRefusal, HookRequest, limits,
    problem::{Kind, Problem},
    routes::{Office, unreadable},
};
use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    routing::{MethodFilter, MethodRouter, on},
};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) fn channel_route(filter: MethodFilter) -> MethodRouter<Arc<Office>> {
    on(filter, channel).layer(DefaultBodyLimit::max(limits::HOOK_BODY_BYTES_MAX))
}

pub(crate) fn hr_system_route(filter: MethodFilter) -> MethodRouter<Arc<Office>> {
    on(filter, hr_system).layer(DefaultBodyLimit::max(limits::HOOK_BODY_BYTES_MAX))
}

type Taken = Result<(StatusCode, Json<HookReceipt>), Problem>;

async fn channel(
    State(office): State<Arc<Office>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Taken {
    take(&office, Hook::Channel(name), &headers, body).await
}

async fn hr_system(
    State(office): State<Arc<Office>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Taken {
    take(&office, Hook::HrSystem(name), &headers, body).await
}

async fn take(office: &Office, hook: Hook, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Taken {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, format!("a body has at most {} bytes here", limits::HOOK_BODY_BYTES_MAX))
        }
        status => unreadable(status),
    })?;
    let request = HookRequest { hook, headers: sole_fields(headers), body: body.to_vec() };
    let receipt = office.desk.hook(request).await?;
    Ok((StatusCode::ACCEPTED, Json(receipt)))
}

/// Fields that came once, and are ASCII: what came twice has no one meaning.
fn sole_fields(headers: &HeaderMap) -> BTreeMap<String, String> {
    let sole = |name: &axum::http::HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(str::to_owned),
            _ => None,
        }
    };
    headers.keys().filter_map(|name| Some((name.as_str().to_owned(), sole(name)?))).collect()
}

impl From<HookRefusal> for Problem {
    fn from(refusal: HookRefusal) -> Self {
        let kind = match refusal {
            HookRefusal::Unknown => Kind::NotFound,
            HookRefusal::Forged(_) => Kind::HookForged,
            HookRefusal::Invalid(_) => Kind::Invalid,
            HookRefusal::Unavailable(_) => Kind::Unavailable,
        };
        Problem::new(kind, refusal.to_string())
    }
}
