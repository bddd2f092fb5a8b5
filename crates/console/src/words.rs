//! Figures and times in words a person reads at night without counting digits.

use activity::{Entity, EntityKind, Span, Timestamp};
use askama::filters::Safe;

/// What can start a deadline: the word of a command, and what a person reads.
pub(crate) const MOMENTS: [(&str, &str); 6] = [
    ("suspicion", "Suspicion: it looks like a breach"),
    ("awareness", "Awareness: reasonably certain that personal data is concerned"),
    ("discovery", "Discovery: the breach became known"),
    ("determination", "Determination: found to be a breach that the law means"),
    ("confirmation", "Confirmation: an inquiry confirmed it"),
    ("materiality", "Materiality: found material for investors"),
];

/// `2026-03-02 21:14 UTC` in a `<time>` element that carries the exact instant.
pub(crate) fn time(at: &Timestamp) -> Safe<String> {
    let (year, month, day, hour, minute, ..) = at.to_civil();
    Safe(format!(r#"<time datetime="{at}">{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC</time>"#))
}

/// As [`time`], to the second.
pub(crate) fn instant(at: &Timestamp) -> Safe<String> {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    Safe(format!(r#"<time datetime="{at}">{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC</time>"#))
}

/// "2026-03-02 20:09 UTC to 20:14 UTC"; the second date only where it is another day.
pub(crate) fn window(from: &Timestamp, to: &Timestamp) -> Safe<String> {
    let day = |at: &Timestamp| at.as_secs().div_euclid(86_400);
    let (_, _, _, hour, minute, ..) = to.to_civil();
    let to = if day(from) == day(to) {
        format!(r#"<time datetime="{to}">{hour:02}:{minute:02} UTC</time>"#)
    } else {
        time(to).0
    };
    Safe(format!("{} to {to}", time(from).0))
}

/// "41 h 12 min", from four days on "6 d 3 h"; below a minute "less than a minute". The sign is ignored.
pub(crate) fn length(span: Span) -> String {
    let minutes = span.as_millis().unsigned_abs() / 60_000;
    let (hours, days) = (minutes / 60, minutes / 1440);
    match minutes {
        0 => "less than a minute".into(),
        1..60 => format!("{minutes} min"),
        60..5760 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// "41 h 12 min left" or "overdue by 2 h 5 min".
pub(crate) fn left(due_at: &Timestamp, at: &Timestamp) -> String {
    let left = *due_at - *at;
    if left < Span::ZERO { format!("overdue by {}", length(left)) } else { format!("{} left", length(left)) }
}

/// `1,840`; fractions only below 100: `12.4`.
pub(crate) fn number(value: &f64) -> String {
    let value = *value;
    if !value.is_finite() {
        return "unknown".into();
    }
    let shown = if value.abs() < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    let shown = shown.strip_suffix(".0").unwrap_or(&shown);
    let (whole, fraction) = shown.split_once('.').unwrap_or((shown, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

pub(crate) fn count(value: &u64) -> String {
    number(&(*value as f64))
}

/// "1 incident", "2 incidents".
pub(crate) fn counted(value: &u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if *value == 1 { one } else { many })
}

/// "p = 1.2e-9, about 1 in 830 million"; for a signature "a signature: no probability".
pub(crate) fn probability(p_value: &Option<f64>) -> String {
    let Some(p) = *p_value else { return "a signature: no probability".into() };
    if !(p > 0.0 && p <= 1.0) {
        return "unknown".into();
    }
    let precise = if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") };
    let odds = 1.0 / p;
    let rough = match odds {
        ..2.0 => return format!("p = {precise}"),
        ..1e3 => format!("{odds:.0}"),
        ..1e6 => format!("{} thousand", significant(odds / 1e3)),
        ..1e9 => format!("{} million", significant(odds / 1e6)),
        ..1e12 => format!("{} thousand million", significant(odds / 1e9)),
        _ => return format!("p = {precise}, less than 1 in a million million"),
    };
    format!("p = {precise}, about 1 in {rough}")
}

/// `12 to 640`, `at least 12`, `12`.
pub(crate) fn between(lower: &u64, upper: &Option<u64>) -> String {
    match upper {
        None => format!("at least {}", count(lower)),
        Some(upper) if lower == upper => count(lower),
        Some(upper) => format!("{} to {}", count(lower), count(upper)),
    }
}

/// The first characters of a digest.
pub(crate) fn beginning(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// Two figures are enough: "1.2", "14", "830".
fn significant(value: f64) -> String {
    match value {
        ..10.0 => number(&((value * 10.0).round() / 10.0)),
        ..100.0 => format!("{value:.0}"),
        _ => format!("{:.0}", (value / 10.0).round() * 10.0),
    }
}

/// "portal user u1042".
pub(crate) fn entity(entity: &Entity) -> String {
    let kind = match entity.kind {
        EntityKind::PortalUser => "portal user",
        EntityKind::DbAccount => "database account",
        EntityKind::IntegrationKey => "integration key",
        EntityKind::Address => "address",
        EntityKind::Network => "network",
        EntityKind::Session => "session",
        EntityKind::Table => "table",
        EntityKind::UserTable => {
            if let Some((user, table)) = entity.user_and_table() {
                return format!("portal user {} on table {}", activity::printable(user), activity::printable(table));
            }
            "user and table"
        }
        EntityKind::AppHost => "application host",
        EntityKind::Route => "route",
        EntityKind::Source => "log source",
        EntityKind::Fleet => return "everybody together".into(),
    };
    format!("{kind} {}", activity::printable(&entity.id))
}

/// `deadline_warning` as "deadline warning".
pub(crate) fn spaced(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_two_units() {
        for (minutes, text) in [
            (0, "less than a minute"),
            (59, "59 min"),
            (60, "1 h 0 min"),
            (41 * 60 + 12, "41 h 12 min"),
            (5759, "95 h 59 min"),
            (5760, "4 d 0 h"),
            (6 * 1440 + 185, "6 d 3 h"),
        ] {
            assert_eq!(length(Span::from_minutes(minutes)), text);
        }
        let at = Timestamp::from_secs(1_000_000);
        assert_eq!(left(&(at - Span::from_minutes(125)), &at), "overdue by 2 h 5 min");
        assert_eq!(left(&at, &at), "less than a minute left");
    }

    #[test]
    fn a_window_names_a_day_once() {
        let from = Timestamp::from_secs(0);
        let of = |to| window(&from, &Timestamp::from_secs(to)).0;
        let start = r#"<time datetime="1970-01-01T00:00:00Z">1970-01-01 00:00 UTC</time> to "#;
        assert_eq!(of(3660), format!(r#"{start}<time datetime="1970-01-01T01:01:00Z">01:01 UTC</time>"#));
        assert_eq!(of(86_400), format!(r#"{start}<time datetime="1970-01-02T00:00:00Z">1970-01-02 00:00 UTC</time>"#));
    }

    #[test]
    fn figures_are_grouped() {
        for (value, text) in [
            (0.0, "0"),
            (12.4, "12.4"),
            (99.96, "100"),
            (100.4, "100"),
            (1840.0, "1,840"),
            (-1_234_567.0, "-1,234,567"),
            (f64::NAN, "unknown"),
            (f64::INFINITY, "unknown"),
        ] {
            assert_eq!(number(&value), text);
        }
    }

    #[test]
    fn probabilities_as_odds() {
        for (p, text) in [
            (Some(1.2e-9), "p = 1.2e-9, about 1 in 830 million"),
            (Some(0.05), "p = 0.050, about 1 in 20"),
            (Some(1.0), "p = 1.000"),
            (Some(7e-5), "p = 7.0e-5, about 1 in 14 thousand"),
            (Some(f64::MIN_POSITIVE), "p = 2.2e-308, less than 1 in a million million"),
            (None, "a signature: no probability"),
            (Some(0.0), "unknown"),
        ] {
            assert_eq!(probability(&p), text);
        }
    }

    #[test]
    fn an_entity_is_named_in_words_and_printable() {
        assert_eq!(entity(&Entity::new(EntityKind::UserTable, "u1|hr.pay")), "portal user u1 on table hr.pay");
        assert_eq!(entity(&Entity::new(EntityKind::PortalUser, "a\u{202e}b")), "portal user a\\u{202e}b");
    }
}
