//! Lengths of time as people write them: a whole number and `s`, `m`, `h` or `d`; of turns, `d` or `w`.

use activity::Span;

pub(crate) fn parse(text: &str) -> Option<Span> {
    let (digits, unit) = split(text)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.checked_mul(unit_ms).map(Span::from_millis)
}

/// Days of a turn: `3d`, `2w`.
pub(crate) fn days(text: &str) -> Option<i32> {
    let (digits, unit) = split(text)?;
    let days = match unit {
        "d" => digits,
        "w" => digits.checked_mul(7)?,
        _ => return None,
    };
    i32::try_from(days).ok()
}

fn split(text: &str) -> Option<(i64, &str)> {
    let (digits, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
    Some((digits.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_and_of_turns() {
        assert_eq!(parse("10m"), Some(Span::from_minutes(10)));
        assert_eq!((days("1w"), days("3d"), days("0d")), (Some(7), Some(3), Some(0)));
        for text in ["", "m", "10", "-1m", "1.5h", "1 h", "9223372036854775807d"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["1h", "w", "1m", "9223372036854775807w"] {
            assert_eq!(days(text), None, "{text}");
        }
    }
}
