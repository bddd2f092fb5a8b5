//! How the instance knows who asks: basic authentication, or an OAuth access token for client credentials (RFC 6749 §4.4).
//!
//! A token is fetched when the first request wants one and kept until shortly before it ends. An instance may withdraw it
//! earlier: then a request is answered 401, and is made once more with a new one. A second 401 is the answer.

use super::error_words;
use crate::{
    Secret,
    channels::http::{Answered, Http},
    stages::classify::Failure,
};
use activity::{Span, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::Value;
use tokio::sync::Mutex;

/// A token is not used in its last seconds: a request may be on its way for as long as this.
const MARGIN_SECS: i64 = 60;
/// How long a token is kept whose answer does not say how long it holds, in seconds.
const UNTOLD_SECS: i64 = 300;
/// Longest time a token is kept, in seconds, whatever the answer says.
const KEPT_SECS_MAX: i64 = 86_400;
/// Characters of a token. Beyond: refused.
const TOKEN_CHARACTERS_MAX: usize = 8192;

pub(super) enum Access {
    Basic {
        password: Secret,
        /// `user:password` in base64: as secret as the password.
        basic: Secret,
    },
    OAuth(OAuth),
}

pub(super) struct OAuth {
    endpoint: Url,
    client_id: String,
    client_secret: Secret,
    /// Held across the fetch: attempts that come meanwhile wait for the one token instead of fetching one each.
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    secret: Secret,
    until: Timestamp,
}

impl Access {
    pub(super) fn basic(user: &str, password: Secret) -> Self {
        let basic = Secret::new(STANDARD.encode(format!("{user}:{}", password.expose())));
        Access::Basic { password, basic }
    }

    pub(super) fn oauth(endpoint: Url, client_id: &str, client_secret: Secret) -> Self {
        Access::OAuth(OAuth { endpoint, client_id: client_id.to_owned(), client_secret, token: Mutex::new(None) })
    }

    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Access::Basic { password, basic } => vec![basic, password],
            Access::OAuth(oauth) => vec![&oauth.client_secret],
        }
    }

    /// One exchange that must end in 2xx, with what shows who asks.
    pub(super) async fn succeed(&self, http: &Http, request: impl Fn() -> RequestBuilder) -> Result<Answered, Failure> {
        let oauth = match self {
            Access::Basic { basic, .. } => {
                let request = request().header("authorization", format!("Basic {}", basic.expose()));
                return http.succeed(request, error_words).await;
            }
            Access::OAuth(oauth) => oauth,
        };
        let mut token = oauth.token(http, None).await?;
        let mut answered = http.exchange(request().bearer_auth(token.expose())).await?;
        if answered.status == StatusCode::UNAUTHORIZED {
            token = oauth.token(http, Some(&token)).await?;
            answered = http.exchange(request().bearer_auth(token.expose())).await?;
        }
        if answered.status.is_success() {
            return Ok(answered);
        }
        let said = answered.json().map(|json| error_words(&json)).unwrap_or_default();
        Err(http.failure(&answered, &token.redact(&said)))
    }
}

impl OAuth {
    /// The token that holds, or a new one. `refused`: one that the instance did not take.
    async fn token(&self, http: &Http, refused: Option<&Secret>) -> Result<Secret, Failure> {
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| http.now() < token.until && Some(&token.secret) != refused) {
            return Ok(token.secret.clone());
        }
        *held = None;
        let token = self
            .fetch(http)
            .await
            .map_err(|failure| Failure { reason: format!("no access token: {}", failure.reason), ..failure })?;
        Ok(held.insert(token).secret.clone())
    }

    async fn fetch(&self, http: &Http) -> Result<Token, Failure> {
        let asked_at = http.now();
        let request = http
            .client()
            .post(self.endpoint.clone())
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(self.form());
        let answered = http.succeed(request, token_error_words).await?;
        let json = answered.json().ok_or_else(|| Failure::passing("the answer is no JSON: is the instance asleep?"))?;
        let token = json["access_token"].as_str().unwrap_or_default();
        let is_fit = token.bytes().all(|byte| byte.is_ascii_graphic()) && token.len() <= TOKEN_CHARACTERS_MAX;
        if token.is_empty() || !is_fit {
            return Err(Failure::passing("the answer holds no access_token"));
        }
        if !json["token_type"].as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(Failure::refused("the token is not of type Bearer"));
        }
        let told = json["expires_in"].as_i64().or_else(|| json["expires_in"].as_str()?.parse().ok());
        let lasts = told.unwrap_or(UNTOLD_SECS).clamp(0, KEPT_SECS_MAX);
        // A token of less than two minutes is used for half its time.
        let kept = Span::from_secs(lasts - MARGIN_SECS.min(lasts / 2));
        Ok(Token { secret: Secret::new(token), until: asked_at + kept })
    }

    fn form(&self) -> String {
        let mut form = self.endpoint.clone();
        form.query_pairs_mut()
            .clear()
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose());
        form.query().unwrap_or_default().to_owned()
    }
}

/// `{"error":"…","error_description":"…"}` (RFC 6749 §5.2), or the words of the other interfaces.
fn token_error_words(json: &Value) -> String {
    let words = ["error", "error_description"].map(|name| json[name].as_str().unwrap_or_default());
    let words = words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ");
    if words.is_empty() { error_words(json) } else { words }
}
