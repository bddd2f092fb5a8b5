//! # Webhook: any receiver that checks a signature
//!
//! POSTs an event, signed as Standard Webhooks prescribes: `webhook-id` is the notice's id and the same in every repeat,
//! `webhook-timestamp` is the attempt's time, `webhook-signature` holds one signature or two over `id.timestamp.body`: `v1,`
//! and the base64 of HMAC-SHA256, `v1a,` and that of Ed25519. A receiver counts an id once, checks a signature in constant
//! time, and refuses timestamps more than five minutes off. With an HMAC both sides hold the secret, so either could have
//! written the event; an Ed25519 signature proves to anyone with the public key that breachd did.
//!
//! ```toml
//! [[channels]]
//! name = "soar"
//! kind = "webhook"
//! url = "https://soar.example.com/hooks/breachd"
//! secret_file = "/run/credentials/breachd/webhook"   # HMAC: whsec_… : 24 to 64 random bytes in base64
//! signing_key_file = "/run/credentials/breachd/webhook-key"   # Ed25519: whsk_… : 32 random bytes in base64; one of the two, or both
//! format = "cloudevents"                             # cloudevents: a CloudEvents 1.0 event in structured JSON; standard: type, timestamp, data
//! ```
//! `breachd channels test` says the public key (`whpk_…`) that belongs to the signing key. A receiver that answers 410 wants
//! no more: the notice is refused, and the fallback channels hear of it.
//!
//! The daily digest is `breachd.digest`, with its `alerts`. Other event types are `breachd.incident.` and `opened`, `escalated`, `deadline_warning`, `acknowledged` or `closed`; a trial
//! sends `breachd.channel.test`, to be answered 2xx and ignored. Accepted means 2xx; there is no confirmation.

use super::{
    http::{Http, Outside},
    not_for_a_digest, read_secret, unfit,
};
use crate::{
    ChannelError, Pace, Period, Retry, Secret, SecretSource,
    channel::{Answer, Channel, Receipt},
    render::Facts,
    settings::{self, Problems},
    stages::classify::Failure,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use incident::{Notice, NoticeKind};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Standard Webhooks advises payloads below 20 KB. Beyond: figures, then reasons are dropped from the end.
const BODY_BYTES_MAX: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Unique; `a-z 0-9 - _`.
    pub name: String,
    /// Where to POST: https, or http on loopback. Redirects are not followed.
    pub url: String,
    /// File with the secret of the HMAC, `whsec_…`.
    pub secret_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub secret_env: Option<String>,
    /// File with the private key of Ed25519 signatures, `whsk_…`.
    pub signing_key_file: Option<PathBuf>,
    /// Or the environment variable that holds it.
    pub signing_key_env: Option<String>,
    /// What the body is.
    #[serde(default)]
    pub format: WebhookFormat,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// CloudEvents `source`: which breachd speaks.
    #[serde(default = "default_source")]
    pub source: String,
    /// Longest wait for an answer.
    #[serde(default = "settings::default_timeout")]
    pub timeout: Period,
    /// Attempts in any 60 seconds.
    #[serde(default = "settings::default_rate_per_minute")]
    pub rate_per_minute: u32,
    /// Attempts at once.
    #[serde(default = "settings::default_concurrency")]
    pub concurrency: usize,
    #[serde(default)]
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// A CloudEvents 1.0 event in structured JSON.
    #[default]
    CloudEvents,
    /// What Standard Webhooks advises: `type`, `timestamp` and `data`.
    Standard,
}

fn default_source() -> String {
    "breachd".into()
}

impl WebhookSettings {
    pub(crate) const fn pace(&self) -> Pace {
        Pace {
            timeout: self.timeout,
            rate_per_minute: self.rate_per_minute,
            concurrency: self.concurrency,
            gap: Period::from_secs(0),
            retry: self.retry,
        }
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        problems.add_some("url", settings::check_url(&self.url, false));
        if self.signing_key().is_given() {
            problems.add_some("signing_key", self.signing_key().problem("signing_key"));
        }
        if self.secret().is_given() || !self.signing_key().is_given() {
            problems.add_some("secret", self.secret().problem("secret"));
        }
        if self.source.is_empty() || self.source.contains(|c: char| c.is_whitespace() || c.is_control()) {
            problems.add("source", "must be a URI reference, such as `breachd` or `https://breachd.example.com`");
        }
    }

    fn secret(&self) -> SecretSource {
        SecretSource::of(&self.secret_file, &self.secret_env)
    }

    fn signing_key(&self) -> SecretSource {
        SecretSource::of(&self.signing_key_file, &self.signing_key_env)
    }
}

pub(super) struct Webhook {
    http: Http,
    url: String,
    secrets: Vec<Secret>,
    hmac: Option<Vec<u8>>,
    ed25519: Option<Ed25519KeyPair>,
    format: WebhookFormat,
    source: String,
}

/// What a secret that is none is told.
pub(crate) const KEY_PROBLEM: &str = "the secret must be `whsec_` and 24 to 64 bytes in base64";

impl Webhook {
    pub(super) fn new(settings: &WebhookSettings, outside: &Outside) -> Result<Self, ChannelError> {
        let mut secrets = Vec::new();
        let mut read = |setting, source: SecretSource| -> Result<Option<Secret>, ChannelError> {
            let secret = source.is_given().then(|| read_secret(&settings.name, setting, &source)).transpose()?;
            secrets.extend(secret.clone());
            Ok(secret)
        };
        let hmac = read("secret_file", settings.secret())?
            .map(|secret| key_of(secret.expose()).ok_or_else(|| unfit(&settings.name, KEY_PROBLEM)));
        let ed25519 = read("signing_key_file", settings.signing_key())?.map(|secret| {
            let problem = "the signing key must be `whsk_` and 32 bytes in base64, or 64 with the public key behind";
            signing_key_of(&secret).ok_or_else(|| unfit(&settings.name, problem))
        });
        let (hmac, ed25519) = (hmac.transpose()?, ed25519.transpose()?);
        if hmac.is_none() && ed25519.is_none() {
            return Err(unfit(&settings.name, "events must be signed: give a secret or a signing key"));
        }
        let http = Http::new(&settings.name, settings.timeout, settings.ca_file.as_ref(), outside)?;
        let (url, format, source) = (settings.url.clone(), settings.format, settings.source.clone());
        Ok(Webhook { http, url, secrets, hmac, ed25519, format, source })
    }

    async fn post(&self, id: &str, body: Vec<u8>) -> Result<(), Failure> {
        let timestamp = self.http.now().as_secs();
        let request = self
            .http
            .client()
            .post(&self.url)
            .header("content-type", self.format.media_type())
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", self.sign(id, timestamp, &body))
            .body(body);
        // The receiver's words are not repeated: what it is, and what it may say, is unknown.
        self.http.succeed(request, |_| String::new()).await.map(|_| ())
    }

    /// All signatures there are, separated by a space.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let hmac = self.hmac.as_deref().map(|key| sign_v1(key, id, timestamp, body));
        let ed25519 = self.ed25519.as_ref().map(|key| sign_v1a(key, id, timestamp, body));
        hmac.into_iter().chain(ed25519).collect::<Vec<_>>().join(" ")
    }
}

impl WebhookFormat {
    const fn media_type(self) -> &'static str {
        match self {
            WebhookFormat::CloudEvents => "application/cloudevents+json; charset=utf-8",
            WebhookFormat::Standard => "application/json; charset=utf-8",
        }
    }

    /// The body that a CloudEvents event is in this format.
    fn body(self, event: &Value) -> Vec<u8> {
        let standard = || json!({ "type": event["type"], "timestamp": event["time"], "data": event["data"] });
        match self {
            WebhookFormat::CloudEvents => event.to_string().into_bytes(),
            WebhookFormat::Standard => standard().to_string().into_bytes(),
        }
    }
}

impl Channel for Webhook {
    fn send<'a>(&'a self, notice: &'a Notice, _attempt: u32) -> Answer<'a, Receipt> {
        Box::pin(async move {
            if notice.kind == NoticeKind::Draft {
                return Err(not_for_a_digest());
            }
            self.post(&notice.id.0, body(notice, &self.source, self.format)).await?;
            Ok(Receipt(format!("webhook-id {}", notice.id)))
        })
    }

    fn probe(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let id = format!("test-{}", self.http.now().as_millis());
            let event = json!({
                "specversion": "1.0", "id": id, "source": self.source, "type": "breachd.channel.test",
                "time": self.http.now().to_string(), "datacontenttype": "application/json", "data": {},
            });
            self.post(&id, self.format.body(&event)).await?;
            let key = self.ed25519.as_ref().map(|key| STANDARD.encode(key.public_key()));
            let key = key.map(|key| format!("; the public key is whpk_{key}")).unwrap_or_default();
            Ok(format!("the receiver took a signed event of type breachd.channel.test{key}"))
        })
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

/// `v1,` and the base64 of HMAC-SHA256(key, `id.timestamp.body`): Standard Webhooks, "Signature scheme".
fn sign_v1(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// `v1a,` and the base64 of the Ed25519 signature of `id.timestamp.body`: as above, "asymmetric".
fn sign_v1a(key: &Ed25519KeyPair, id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    format!("v1a,{}", STANDARD.encode(key.sign(&signed)))
}

/// `whsk_` and the seed in base64, with or without the public key behind it, which then must fit.
fn signing_key_of(secret: &Secret) -> Option<Ed25519KeyPair> {
    let key = STANDARD.decode(secret.expose().strip_prefix("whsk_")?).ok()?;
    match key.split_at_checked(32)? {
        (seed, []) => Ed25519KeyPair::from_seed_unchecked(seed).ok(),
        (seed, public) => Ed25519KeyPair::from_seed_and_public_key(seed, public).ok(),
    }
}

/// The key in a secret as Standard Webhooks writes it, by which we sign and by which we are signed to.
pub(crate) fn key_of(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

/// The same bytes for the same notice, whenever.
fn body(notice: &Notice, source: &str, format: WebhookFormat) -> Vec<u8> {
    let mut told = Facts::of(notice);
    loop {
        let bytes = format.body(&event(notice, source, &told));
        if bytes.len() <= BODY_BYTES_MAX || (told.figures.pop().is_none() && told.reasons.pop().is_none()) {
            return bytes;
        }
    }
}

fn digest(notice: &Notice, source: &str, facts: &Facts) -> Value {
    let shown = |text: &str| activity::printable_within(text, 600);
    // The facts' lines may have been cut to fit; what is left off is counted in both.
    let alerts: Vec<Value> = notice
        .digest
        .iter()
        .take(facts.reasons.len())
        .map(|line| {
            json!({
                "alert_id": line.alert.to_string(),
                "raised_at": line.raised_at.to_string(),
                "severity": line.severity.as_str(),
                "subject": { "kind": line.subject.kind.as_str(), "id": activity::printable(&line.subject.id) },
                "detector": shown(&line.detector),
                "why": shown(&line.why),
                "one_in": line.one_in,
                "mode": line.mode.as_str(),
                "note": line.note.as_deref().map(shown),
            })
        })
        .collect();
    json!({
        "specversion": "1.0",
        "id": notice.id.0,
        "source": source,
        "type": "breachd.digest",
        "subject": "digest",
        "time": notice.decided_at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "title": facts.title,
            "since": notice.first_seen_at.to_string(),
            "until": notice.decided_at.to_string(),
            "checkpoint": notice.checkpoint.as_ref().map(|checkpoint| shown(checkpoint)),
            "n_alerts": notice.n_alerts,
            "n_left_out": notice.n_alerts.saturating_sub(alerts.len() as u64),
            "alerts": alerts,
            "link": facts.link,
        },
    })
}

/// `null` where it may not leave.
fn affected(notice: &Notice) -> Value {
    let Some(affected) = &notice.affected else { return Value::Null };
    let shown = |text: &str| activity::printable_within(text, 400);
    let people = affected
        .people
        .map(|people| json!({ "lower": people.lower, "estimate": people.estimate, "upper": people.upper }));
    let tables = affected.tables.iter().map(|table| {
        json!({ "table": shown(&table.table), "lower": table.lower, "estimate": table.estimate, "upper": table.upper })
    });
    let places = affected.places.iter().map(|of| {
        json!({ "place": shown(&of.place), "lower": of.count.lower, "upper": of.count.upper, "by_person": of.by_person })
    });
    json!({
        "lower": affected.lower,
        "estimate": affected.estimate,
        "upper": affected.upper,
        "reason": shown(&affected.reason),
        "people": people,
        "people_reason": shown(&affected.people_reason),
        "places": places.collect::<Vec<_>>(),
        "n_places_beyond": affected.n_places_beyond,
        "places_reason": shown(&affected.places_reason),
        "n_tables": affected.n_tables,
        "tables": tables.collect::<Vec<_>>(),
    })
}

fn event(notice: &Notice, source: &str, facts: &Facts) -> Value {
    if notice.kind == NoticeKind::Digest {
        return digest(notice, source, facts);
    }
    let figures: Vec<Value> =
        facts.figures.iter().map(|(name, words)| json!({ "name": name, "words": words })).collect();
    let deadlines: Vec<Value> = notice
        .deadlines
        .iter()
        .take(facts.deadlines.len())
        .zip(&facts.deadlines)
        .map(|(deadline, (name, _))| {
            json!({
                "obligation": activity::printable_within(&deadline.obligation, 100),
                "name": name,
                "due_at": deadline.due_at.map(|at| at.to_string()),
                "simulated": deadline.simulated,
                "assumed": deadline.assumed.iter().map(|one| activity::printable_within(one, 100)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "specversion": "1.0",
        "id": notice.id.0,
        "source": source,
        "type": format!("breachd.incident.{}", notice.kind.as_str()),
        "subject": facts.incident,
        "time": notice.decided_at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "incident": facts.incident,
            "kind": notice.kind.as_str(),
            "mode": if notice.drill.is_some() { "drill" } else { "live" },
            "drill_id": notice.drill.map(|id| id.to_string()),
            "severity": notice.severity.as_str(),
            "title": facts.title,
            "subject": { "kind": notice.subject.kind.as_str(), "id": activity::printable(&notice.subject.id) },
            "data_classes": notice.data_classes.iter().map(|class| class.as_str()).collect::<Vec<_>>(),
            "affected_records": notice.affected_records,
            "affected": affected(notice),
            "n_alerts": notice.n_alerts,
            "first_seen_at": notice.first_seen_at.to_string(),
            "reasons": facts.reasons,
            "figures": figures,
            "deadlines": deadlines,
            "link": facts.link,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;

    /// The vector of the Standard Webhooks libraries.
    #[test]
    fn signs_as_published() {
        let key = key_of("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signature = sign_v1(&key, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn short_or_foreign_secrets_are_refused() {
        for secret in ["whsec_", "whsec_c2hvcnQ=", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_!!!"] {
            assert!(key_of(secret).is_none(), "{secret}");
        }
    }

    /// RFC 8032, section 7.1, test 2: seed and public key; the signature is of another text, so it is verified instead.
    #[test]
    fn an_asymmetric_key_is_a_seed_with_or_without_its_public_half() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        let seed = bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let public = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let key = |parts: &[&[u8]]| signing_key_of(&Secret::new(format!("whsk_{}", STANDARD.encode(parts.concat()))));
        let pair = key(&[&seed]).unwrap();
        assert_eq!(pair.public_key().as_ref(), public);
        assert!(key(&[&seed, &public]).is_some());
        assert!(key(&[&seed, &seed]).is_none() && key(&[&seed[..31]]).is_none() && key(&[]).is_none());
        let signature = sign_v1a(&pair, "msg_1", 1_649_367_553, b"{}");
        let signature = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
        let judge = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public);
        assert!(judge.verify(b"msg_1.1649367553.{}", &signature).is_ok());
        assert!(judge.verify(b"msg_1.1649367554.{}", &signature).is_err());
    }

    #[test]
    fn a_standard_body_says_the_same() {
        let event: Value = serde_json::from_slice(&body(&example(), "breachd", WebhookFormat::CloudEvents)).unwrap();
        let standard: Value = serde_json::from_slice(&body(&example(), "breachd", WebhookFormat::Standard)).unwrap();
        assert_eq!(standard.as_object().map(|map| map.len()), Some(3));
        assert_eq!((&standard["type"], &standard["data"]), (&event["type"], &event["data"]));
        assert_eq!(standard["timestamp"], "2026-03-02T21:15:00Z");
    }

    #[test]
    fn the_event_has_what_cloudevents_requires_and_every_fact() {
        let notice = example();
        let event: Value = serde_json::from_slice(&body(&notice, "breachd", WebhookFormat::CloudEvents)).unwrap();
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["id"], notice.id.0);
        assert_eq!(event["type"], "breachd.incident.opened");
        assert_eq!(event["subject"], "INC-7");
        assert_eq!(event["time"], "2026-03-02T21:15:00Z");
        assert_eq!(event["data"]["affected_records"], 1840);
        assert_eq!(event["data"]["deadlines"][0]["due_at"], "2026-03-05T21:15:00Z");
        assert_eq!(event["data"]["mode"], "live");
        assert_eq!(event["data"]["affected"]["lower"], 240);
        assert_eq!(event["data"]["affected"]["people"]["upper"], 240);
        assert_eq!(event["data"]["affected"]["places"][0]["place"], "US-CA");
        assert_eq!(event["data"]["affected"]["tables"][0]["table"], "hr.hr_payroll");
        assert_eq!(event["data"]["figures"][1], json!({ "name": "normal", "words": "normal: more such hours" }));
    }

    #[test]
    fn a_digest_is_an_event_of_its_own_and_loses_its_last_alerts_first() {
        let notice = crate::render::example_digest();
        let event: Value = serde_json::from_slice(&body(&notice, "breachd", WebhookFormat::CloudEvents)).unwrap();
        let data = &event["data"];
        assert_eq!(
            (&event["type"], &data["n_alerts"], &data["n_left_out"]),
            (&json!("breachd.digest"), &json!(5), &json!(3))
        );
        assert_eq!((&data["alerts"][0]["severity"], &data["alerts"][1]["mode"]), (&json!("high"), &json!("drill")));
        let mut line = notice.digest[0].clone();
        line.why = "\u{1f600}\"".repeat(1000);
        let long = Notice { digest: vec![line; 100], n_alerts: 700, ..notice };
        let bytes = body(&long, "breachd", WebhookFormat::CloudEvents);
        let event: Value = serde_json::from_slice(&bytes).unwrap();
        let n = event["data"]["alerts"].as_array().map_or(0, Vec::len) as u64;
        assert!(bytes.len() <= BODY_BYTES_MAX && 5 < n && n < 100, "{} bytes, {n} alerts", bytes.len());
        assert_eq!(event["data"]["n_left_out"], 700 - n);
    }

    #[test]
    fn long_notices_lose_figures_then_reasons_and_no_facts() {
        let notice = Notice { reasons: vec!["\u{1f600}\"".repeat(1000); 10], n_alerts: 10, ..example() };
        let figure = incident::NoticeFigure { name: "contributing".into(), words: notice.reasons[0].clone() };
        let notice = Notice { figures: vec![figure; 10], ..notice };
        let bytes = body(&notice, "breachd", WebhookFormat::CloudEvents);
        assert!(bytes.len() <= BODY_BYTES_MAX);
        let event: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(event["data"]["title"], example().title);
        let n = |name: &str| event["data"][name].as_array().map_or(0, Vec::len);
        assert_eq!((n("reasons"), (1..10).contains(&n("figures"))), (10, true), "figures go first");
    }
}
