//! # apache_json: Apache access log, a LogFormat that looks like JSON
//!
//! Apache 2.4 has no JSON; people write a `LogFormat` with quotes in it:
//!
//! ```text
//! LogFormat "{\"time\":\"%{%Y-%m-%dT%H:%M:%S}t.%{msec_frac}t%{%z}t\",\"client\":\"%a\",\"peer\":\"%{c}a\",\"xff\":\"%{X-Forwarded-For}i\",\"user\":\"%u\",\"puser\":\"%{X-Portal-User}o\",\"sess\":\"%{PHPSESSID}C\",\"req\":\"%r\",\"status\":%>s,\"bytes\":%B,\"uid\":\"%{UNIQUE_ID}e\",\"ua\":\"%{User-Agent}i\"}" json
//! ```
//!
//! Apache escapes quotes and backslashes as JSON does, but other bytes as `\xHH`, which is no JSON (6 of 482 of our real lines).
//! So escapes are decoded as Apache writes them, after the fields have been told apart; the bytes need not be UTF-8 and are then
//! replaced. A line that was cut is read as far as it is sure. Names of fields: as in [`crate::nginx_json`]; `-` is none.
//! A time may be `%t` too, in its brackets.
//!
//! The request line (`%r`) is preferred to `%U` and `%q`: `%U` is decoded and normalised, `/` for noise. `%{UNIQUE_ID}e`
//! (mod_unique_id) is the request's id. `%B` counts the body; `%O` (as `out`) also headers, and is the last choice. `%s` in
//! place of `%>s` would be the status before an internal redirect: do not log it.
//!
//! With mod_remoteip `%a` is the client already, and `%{c}a` the peer: log both. mod_remoteip takes addresses with zone ids.
//!
//! Cannot know: the upstream (`app_host` comes from the configuration), who a request without session and name was, bodies.

use crate::sniff::has_key;
use crate::text::lossy;
use crate::web::{self, Dialect};
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "apache_json",
    summary: "Apache access log, a LogFormat written as JSON, with Apache's own escapes",
    framing: Framing::Line,
    needs_zone: false,
    knows: Knows { requests: true, people: true, results: true, statements: false, rows: false },
    looks_like: |bytes| has_key(bytes, &["client", "peer"]) && has_key(bytes, &["req", "uri", "method"]),
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let text = lossy(bytes, &mut scratch.line);
    web::json_activity(text, Dialect::Apache, context).map(Parsed::Activity)
}
