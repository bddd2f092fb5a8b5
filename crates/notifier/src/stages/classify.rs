//! Stage 5: what an answer, or its absence, means.
//!
//! Refused for good: 3xx (redirects are not followed) and 4xx, except 408, 425 and 429; SMTP 5yz. Everything else is worth
//! another try: no connection, no answer, half an answer, 5xx, SMTP 4yz.

use activity::Timestamp;
use reqwest::{StatusCode, header::HeaderMap};
use std::time::Duration;

/// Why an attempt failed. The reason is for people: printable, without secrets (the lane sees to both).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    pub(crate) kind: FailureKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Another try would meet the same answer.
    Refused,
    /// Another try may succeed; it may also meet what this one did after all bring.
    Passing {
        /// The service's own word, as a wait from when it answered.
        retry_after: Option<Duration>,
    },
}

impl Failure {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Failure { reason: reason.into(), kind: FailureKind::Refused }
    }

    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Failure { reason: reason.into(), kind: FailureKind::Passing { retry_after: None } }
    }

    pub(crate) fn timed_out(timeout: Duration) -> Self {
        Failure::passing(format!("no answer within {}", crate::Period(timeout)))
    }
}

/// An HTTP answer that is not 2xx. `words` is what the service said of it.
pub(crate) fn http(status: StatusCode, headers: &HeaderMap, words: &str, now: Timestamp) -> Failure {
    let mut reason = format!("HTTP {}", status.as_u16());
    if status.is_redirection() {
        reason.push_str(": redirects are not followed");
    } else if status == StatusCode::GONE && words.is_empty() {
        reason.push_str(": the receiver wants no more; take the channel out, or write its new address");
    } else if !words.is_empty() {
        reason.push_str(": ");
        reason.push_str(words);
    }
    let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let retry_after = headers.get("retry-after").and_then(|value| retry_after(value.to_str().ok()?, now));
    let kind = if passing { FailureKind::Passing { retry_after } } else { FailureKind::Refused };
    Failure { reason, kind }
}

/// An HTTP exchange that brought no answer. The URL is left out: it may hold a secret.
pub(crate) fn http_error(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if let Some(refusal) = crate::reach::refusal(&error) {
        return refusal;
    }
    let reason = chain(&error);
    if error.is_builder() { Failure::refused(reason) } else { Failure::passing(reason) }
}

/// A mail exchange that failed.
pub(crate) fn smtp_error(error: &lettre::transport::smtp::Error) -> Failure {
    let reason = chain(error);
    // `is_client`: what the server offers does not do, STARTTLS or a way to log in. Trying again would be the same.
    if error.is_permanent() || error.is_client() { Failure::refused(reason) } else { Failure::passing(reason) }
}

/// The same, of one mail of many. A log-in that is refused, or STARTTLS that is not offered, says nothing of the mail: were it final, an
/// expired password would within the hour have made everybody on the list somebody who cannot be reached.
pub(crate) fn smtp_error_of_one_of_many(error: &lettre::transport::smtp::Error) -> Failure {
    let code = error.status().map(u16::from);
    let reason = chain(error);
    match code {
        // RFC 4954: authentication; RFC 7504: no mail is taken here.
        Some(521 | 530 | 534 | 535 | 538) => Failure::passing(reason),
        // An address beyond ASCII, and a relay that takes none: no try will change that.
        None if reason.contains("SMTPUTF8") => Failure::refused(reason),
        None => Failure::passing(reason),
        Some(_) if error.is_permanent() => Failure::refused(reason),
        Some(_) => Failure::passing(reason),
    }
}

/// An error and its causes; libraries repeat a cause in their own words now and then, once is enough.
fn chain(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !reason.contains(&words) {
            reason.push_str(": ");
            reason.push_str(&words);
        }
        cause = inner.source();
    }
    reason
}

/// `Retry-After`: whole seconds, or an HTTP date (RFC 9110 §10.2.3). A date that is past means now.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    Some(at.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_649_367_553);

    fn classify(status: u16, after: Option<&str>) -> FailureKind {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert("retry-after", after.parse().unwrap());
        }
        http(StatusCode::from_u16(status).unwrap(), &headers, "", NOW).kind
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [301, 302, 307, 400, 401, 403, 404, 409, 410, 413, 415, 422] {
            assert_eq!(classify(status, Some("5")), FailureKind::Refused, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(classify(status, None), FailureKind::Passing { retry_after: None }, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wait = |value| match classify(429, Some(value)) {
            FailureKind::Passing { retry_after } => retry_after.map(|wait| wait.as_secs()),
            FailureKind::Refused => unreachable!("429 may pass"),
        };
        assert_eq!(wait("30"), Some(30));
        assert_eq!(wait("Thu, 07 Apr 2022 21:40:13 GMT"), Some(60));
        assert_eq!(wait("Thu, 07 Apr 2022 21:00:00 GMT"), Some(0));
        assert_eq!(wait("99999999999999999999999"), Some(u64::MAX));
        for value in ["", "-1", "1.5", "soon", "Thu, 99 Apr 2022"] {
            assert_eq!(wait(value), None, "{value}");
        }
    }

    #[test]
    fn a_redirect_is_said_to_be_one() {
        let failure = http(StatusCode::FOUND, &HeaderMap::new(), "<html>moved</html>", NOW);
        assert_eq!(failure.reason, "HTTP 302: redirects are not followed");
    }
}
