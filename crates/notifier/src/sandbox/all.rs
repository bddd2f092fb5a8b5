//! All four receivers at once, with settings that lead to them: what the demo opens.

use super::{PagerDutySandbox, Received, Sandbox, ServiceNowSandbox, SmtpOptions, SmtpSandbox, WebhookSandbox};
use crate::Settings;
use serde_json::json;
use std::{io, path::Path};

/// Throwaway secrets: they open nothing but these sandboxes.
const ROUTING_KEY: &str = "sandbox0sandbox0sandbox0sandbox0";
const API_TOKEN: &str = "sandbox-api-token";
const PASSWORD: &str = "sandbox-password";
const WEBHOOK_SECRET: &str = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveA==";

#[derive(Debug)]
pub struct All {
    pub pagerduty: PagerDutySandbox,
    pub servicenow: ServiceNowSandbox,
    pub webhook: WebhookSandbox,
    pub smtp: SmtpSandbox,
    settings: Settings,
}

impl All {
    /// Opens all four, and writes the secrets their channels need into `directory`.
    pub async fn start(directory: &Path) -> io::Result<Self> {
        let secret = |name: &str, text: &str| -> io::Result<String> {
            let file = directory.join(name);
            std::fs::write(&file, text)?;
            Ok(file.to_string_lossy().into_owned())
        };
        let pagerduty = PagerDutySandbox::start(ROUTING_KEY, API_TOKEN).await?;
        let servicenow = ServiceNowSandbox::start("breachd", PASSWORD, "incident", "Privacy office").await?;
        let webhook = WebhookSandbox::start(WEBHOOK_SECRET).await?;
        let smtp = SmtpSandbox::start(SmtpOptions::default()).await?;
        let settings = json!([
            { "name": "pager", "kind": "pagerduty", "url": pagerduty.url(),
              "routing_key_file": secret("pagerduty-routing-key", ROUTING_KEY)?,
              "api_token_file": secret("pagerduty-api-token", API_TOKEN)? },
            { "name": "tickets", "kind": "servicenow", "instance": servicenow.url(), "user": "breachd",
              "password_file": secret("servicenow-password", PASSWORD)?,
              "category": "security", "assignment_group": "Privacy office" },
            { "name": "mail", "kind": "email", "host": "127.0.0.1", "port": smtp.port(), "tls": "none",
              "from": "breachd <breachd@example.com>", "to": ["privacy-office@example.com"] },
            { "name": "hook", "kind": "webhook", "url": webhook.url(),
              "secret_file": secret("webhook-secret", WEBHOOK_SECRET)? },
        ]);
        let settings = serde_json::from_value(settings).map_err(io::Error::other)?;
        Ok(All { pagerduty, servicenow, webhook, smtp, settings })
    }

    /// Channels `pager`, `tickets`, `mail` and `hook`.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What all four received, by time of arrival.
    pub fn received(&self) -> Vec<Received> {
        let mut received =
            [self.pagerduty.received(), self.servicenow.received(), self.webhook.received(), self.smtp.received()]
                .concat();
        received.sort_by_key(|received| received.at);
        received
    }
}
