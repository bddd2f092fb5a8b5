//! `/oauth_token.do`: access tokens for client credentials.

use crate::sandbox::http::{Asked, Said, parse_query};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// As the real one has it out of the box, in seconds.
const LASTS_SECS: u64 = 1799;

#[derive(Debug, Default)]
pub(super) struct Tokens {
    valid: Vec<(String, Instant)>,
    pub(super) n_issued: usize,
}

impl Tokens {
    /// Strict: a form, sent by POST, with exactly the three fields, and the secret nowhere in the address.
    pub(super) fn answer(&mut self, asked: &Asked, client_id: &str, client_secret: &str) -> Said {
        let refused = |status, error: &str, description: &str| {
            Said::json(status, &json!({ "error": error, "error_description": description }))
        };
        if asked.method != "POST" || !asked.query.is_empty() {
            return refused(400, "invalid_request", "POST, with a form in the body");
        }
        if asked.header("content-type") != "application/x-www-form-urlencoded"
            || !asked.header("authorization").is_empty()
        {
            return refused(400, "invalid_request", "not a form, or two ways to say who asks");
        }
        let form = parse_query(&String::from_utf8_lossy(&asked.body));
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if form.len() != 3 || field("grant_type") != "client_credentials" {
            return refused(400, "unsupported_grant_type", "client_credentials, client_id, client_secret");
        }
        if field("client_id") != client_id || field("client_secret") != client_secret {
            return refused(401, "invalid_client", "access_denied");
        }
        self.n_issued += 1;
        let token = format!("sandbox-token-{:04}", self.n_issued);
        self.valid.push((token.clone(), Instant::now() + Duration::from_secs(LASTS_SECS)));
        let body =
            json!({ "access_token": token, "scope": "useraccount", "token_type": "Bearer", "expires_in": LASTS_SECS });
        Said::json(200, &body)
    }

    pub(super) fn admits(&self, authorization: &str) -> bool {
        let now = Instant::now();
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        self.valid.iter().any(|(valid, until)| valid == token && now < *until)
    }

    pub(super) fn withdraw(&mut self) {
        self.valid.clear();
    }
}
