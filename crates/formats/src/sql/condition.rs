//! Conditions that select nothing: `WHERE 1`, `WHERE 1=1`, `… OR 'a'='a'`.
//!
//! Only a comparison of two constants, looked at over a few tokens; what is longer is taken for a condition. `1=1 AND …`,
//! which query builders begin with, is one.

use super::keywords::Keyword;
use super::lexer::{Lexer, Token};

/// Signs before a constant that are looked through: brackets, minus.
const SIGNS_MAX: usize = 4;

/// Whether what comes next is true whatever the row, up to the end of the condition or an OR. Nothing is looked at but what is read.
pub(super) fn is_always_true(ahead: &mut Lexer<'_>) -> bool {
    if ahead.begins_with_name() {
        return false;
    }
    let mut negated = false;
    let Some(left) = constant(ahead, &mut negated) else { return false };
    let mut next = behind_brackets(ahead);
    let truth = match comparison(ahead, next) {
        None => is_true(left),
        Some(compare) => {
            let Some(right) = constant(ahead, &mut false) else { return false };
            next = behind_brackets(ahead);
            compare.holds(left, right)
        }
    };
    let ends = match next {
        None | Some(Token::Sign(b';' | b')' | b'|')) => true,
        Some(Token::Word { keyword: Keyword::Or, .. }) => true,
        Some(Token::Word { keyword, .. }) => keyword.ends_condition(),
        _ => false,
    };
    ends && truth != negated
}

fn constant<'a>(ahead: &mut Lexer<'a>, negated: &mut bool) -> Option<Token<'a>> {
    for _ in 0..=SIGNS_MAX {
        match ahead.next()? {
            Token::Sign(b'(' | b'-' | b'+') => {}
            Token::Sign(b'!') | Token::Word { keyword: Keyword::Not, .. } => *negated = !*negated,
            token @ (Token::Number(_) | Token::Text { .. }) => return Some(token),
            token @ Token::Word { keyword: Keyword::True | Keyword::False | Keyword::Null, .. } => return Some(token),
            _ => return None,
        }
    }
    None
}

fn behind_brackets<'a>(ahead: &mut Lexer<'a>) -> Option<Token<'a>> {
    let mut next = ahead.next();
    for _ in 0..SIGNS_MAX {
        if next == Some(Token::Sign(b')')) {
            next = ahead.next();
        }
    }
    next
}

#[derive(Clone, Copy)]
enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The comparison that begins with the token.
fn comparison(ahead: &mut Lexer<'_>, token: Option<Token<'_>>) -> Option<Compare> {
    let mut is_next = |sign: u8| {
        let found = ahead.peek_byte() == sign;
        if found {
            ahead.next();
        }
        found
    };
    match token? {
        Token::Sign(b'=') => Some(Compare::Equal),
        Token::Word { keyword: Keyword::Like, .. } => Some(Compare::Equal),
        Token::Sign(b'!') => is_next(b'=').then_some(Compare::Unequal),
        Token::Sign(b'<') if is_next(b'>') => Some(Compare::Unequal),
        Token::Sign(b'<') if is_next(b'=') => {
            is_next(b'>');
            Some(Compare::LessOrEqual)
        }
        Token::Sign(b'<') => Some(Compare::Less),
        Token::Sign(b'>') if is_next(b'=') => Some(Compare::GreaterOrEqual),
        Token::Sign(b'>') => Some(Compare::Greater),
        _ => None,
    }
}

impl Compare {
    fn holds(self, left: Token<'_>, right: Token<'_>) -> bool {
        let order = match (number(left), number(right)) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => raw(left).zip(raw(right)).map(|(left, right)| left.cmp(right)),
        };
        let Some(order) = order else { return false };
        match self {
            Compare::Equal => order.is_eq(),
            Compare::Unequal => order.is_ne(),
            Compare::Less => order.is_lt(),
            Compare::LessOrEqual => order.is_le(),
            Compare::Greater => order.is_gt(),
            Compare::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn is_true(token: Token<'_>) -> bool {
    number(token).is_some_and(|number| number != 0.0)
}

fn raw(token: Token<'_>) -> Option<&str> {
    match token {
        Token::Text { raw, .. } | Token::Number(raw) => Some(raw),
        _ => None,
    }
}

fn number(token: Token<'_>) -> Option<f64> {
    match token {
        Token::Number(text) | Token::Text { raw: text, .. } => text.parse().ok(),
        Token::Word { keyword: Keyword::True, .. } => Some(1.0),
        Token::Word { keyword: Keyword::False, .. } => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_compared() {
        for text in [
            "1",
            "1=1",
            "'a'='a'",
            "true",
            "1 LIMIT 5",
            "2>1",
            "1<=>1",
            "not 0",
            "(1)=(1)",
            "'1'",
            "1 or x=2",
            "-1",
            "1)",
            "''=''",
            "'a' like 'a'",
            "1!=2",
            "1 GROUP BY x",
            "7.5",
        ] {
            assert!(is_always_true(&mut Lexer::new(text)), "{text}");
        }
        for text in ["", "0", "1=2", "x=x", "1=1 and x=2", "1 + x", "'a'", "null", "not 1", "1=x", "1 in (2)", "(((((1"]
        {
            assert!(!is_always_true(&mut Lexer::new(text)), "{text}");
        }
    }
}
