//! nginx, `log_format … escape=json`, with the portal user the application names in `X-Portal-User`.

use super::{request_id_text, site_name};
use crate::log::Request;
use activity::Timestamp;
use std::fmt::Write as _;

/// Appends the line of a request that was answered at `at` by the application host `upstream`.
pub fn write_request(text: &mut String, at: Timestamp, request: &Request, id: u64, upstream: &str) {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    let millis = at.as_millis();
    let (path, args) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let session = if request.session == 0 { "-".to_owned() } else { format!("{:08x}", request.session) };
    let took = format!("{}.{:03}", request.took_ms / 1000, request.took_ms % 1000);
    let host = site_name(request.site);
    let target = escaped(&request.target);
    let length = 210 + request.target.len() + request.agent.len();
    // Static files come from nginx itself.
    let served_by_nginx = request.target.starts_with("/static/");
    let (upstream_took, upstream_address, upstream_status) = if served_by_nginx {
        (String::new(), String::new(), String::new())
    } else {
        (took.clone(), format!("{upstream}:8080"), request.status.to_string())
    };
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        r#"{{"time_iso8601":"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00","msec":{}.{:03},"remote_addr":"{address}","realip":"10.20.0.2","x_forwarded_for":"{address}","remote_user":"","portal_user":"{user}","session":"{session}","request_id":"{request_id}","scheme":"https","host":"{host}","server_port":"443","method":"{method}","request":"{method} {target} HTTP/2.0","uri":"{uri}","request_uri":"{target}","args":"{args}","protocol":"HTTP/2.0","status":{status},"bytes_sent":{sent},"body_bytes_sent":{body},"request_length":{length},"request_time":{took},"upstream_response_time":"{upstream_took}","upstream_addr":"{upstream_address}","upstream_status":"{upstream_status}","referer":"","user_agent":"{agent}"}}"#,
        millis.div_euclid(1000),
        millis.rem_euclid(1000),
        address = request.address,
        user = request.user.as_deref().map(escaped).unwrap_or_default(),
        request_id = request_id_text(id),
        method = request.method,
        uri = escaped(&percent_decoded(path)),
        args = escaped(args),
        status = request.status,
        sent = request.body_bytes + 189,
        body = request.body_bytes,
        agent = escaped(request.agent),
    );
}

/// nginx's `escape=json`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if u32::from(control) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out
}

/// `$uri` is the decoded path.
fn percent_decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| path.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Site;

    #[test]
    fn is_json_with_the_decoded_path_also_where_the_target_is_hostile() {
        let request = Request {
            site: Site::Shop,
            method: "GET",
            target: "/a%22b\"c\\?q=%27".into(),
            status: 404,
            body_bytes: 160,
            took_ms: 1002,
            address: "198.18.0.1".into(),
            user: None,
            session: 0,
            agent: "x",
        };
        let mut line = String::new();
        write_request(&mut line, Timestamp::from_millis(1_767_571_200_007), &request, 1, "10.20.1.11");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["uri"], "/a\"b\"c\\");
        assert_eq!(value["args"], "q=%27");
        assert_eq!(value["time_iso8601"], "2026-01-05T00:00:00+00:00");
        assert_eq!(value["msec"], 1_767_571_200.007);
        assert_eq!(value["request_time"], 1.002);
    }
}
