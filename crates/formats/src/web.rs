//! What the logs of web servers share: a line's fields, and what they say together.
//!
//! # Who
//! The portal user (a response header of the application, logged as `portal_user`), else the name of HTTP Basic authentication
//! (`remote_user`), else on a login route that refused the account that the query names in `u`, `username`, `login` or `email`
//! (bodies are not in access logs), else the integration key whose hash the log names. A query is what the client wrote: where the
//! route did not refuse, its name is not looked at, else anybody could write logins into the history of anybody. Cost: a login
//! that succeeded has a user only where the server names one; log it as `portal_user`. A name in quotes is the client's claim until the server
//! has checked it: with status 401 it is the name tried.
//!
//! # What
//! A POST to a login route is an attempt to log in: 2xx and 3xx are success, 400, 401, 403 and 422 a refusal. A portal that
//! answers a wrong password with 200 or 302 looks like one where nobody ever mistypes. So is any request with a Basic name that
//! ends in 401: the password was wrong. (Basic names that are right are sent with every request; those are no logins, so a
//! success behind failures does not show for Basic.) Cost: where `remote_user` is filled from the portal's session, a 401 because
//! the session ran out counts as a wrong password; log it as `portal_user` then.
//!
//! The route is the path as the client sent it. Of `http://host/path` it is the path; `*`, `host:port`, TLS, SSH and noise have
//! none. Statuses 408, 444 and 499 (client gone) are failures, the bytes that went out count.
//!
//! # From where
//! The client is the remote address. If that is a trusted proxy of the configuration, X-Forwarded-For is followed from the right
//! as far as proxies are trusted ([`client::behind`]). Where the log also has the peer (`realip`, `peer`) and it is another
//! address, the server has done so itself, and its word stands: without that, a forged header could outdo `X-Real-IP` wherever the
//! trusted networks hold clients too. nginx with `real_ip_recursive off` then names the outermost proxy; switch it on.
//! Zone ids of link-local addresses are dropped, IPv4 mapped into IPv6 is IPv4.
//!
//! # On which host
//! `app_host` of the line; else the last upstream; else `server_addr`; else the configuration's. Without port or brackets, and IPv4
//! mapped into IPv6 is IPv4: as a database names it. One on the web server's own machine (loopback, a socket) is named by the
//! configuration first: the database knows it by another name.
//! Where upstreams are logged and there is none, the web server answered by itself (a file, a refusal): no host ran anything.

mod attack;
mod client;
mod escape;
mod json;
mod line;
mod page;
mod personal;

pub use client::host;
pub(crate) use escape::{Escapes, Raw};
pub(crate) use json::Dialect;
pub(crate) use line::{Known, Line, Meaning, clf_time};

use crate::{Context, Rejected};
use activity::Activity;

/// A line that is, or should be, a JSON object.
pub(crate) fn json_activity<'a>(text: &'a str, dialect: Dialect, context: &Context) -> Result<Activity<'a>, Rejected> {
    let mut line = Line::default();
    if json::usual(text, &mut line).is_some() {
        return line.activity(context);
    }
    line = Line::default();
    match json::strict(text, dialect, &mut line) {
        Ok(()) => line.activity(context),
        Err(refused) => json::recovered(text, dialect)?.activity(context).map_err(|_| refused),
    }
}
