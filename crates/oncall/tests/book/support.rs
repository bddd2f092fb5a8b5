use activity::Timestamp;
use oncall::{Book, Written};

pub(crate) const PEOPLE: &str = r#"
[[contacts]]
name = "ada"
title = "Ada Lovelace"
addresses = { email = "ada@example.com", sms = "+4930111111" }
zone = "Europe/Berlin"
reviewed_on = "2026-01-15"
[[contacts]]
name = "ben"
title = "Ben Okri"
addresses = { email = "ben@example.com" }
[[contacts]]
name = "cleo"
title = "Cleo Vint"
addresses = { email = "cleo@example.com" }
"#;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

pub(crate) fn read(text: &str, calendar: &str) -> Result<Book, Vec<(String, String)>> {
    let written: Written = toml::from_str(&format!("{PEOPLE}{text}")).unwrap();
    Book::new(written, &|_| Ok(calendar.to_owned()))
}

pub(crate) fn book(text: &str) -> Book {
    read(text, "").unwrap()
}

/// Who is on call by schedule `desk`; `-`: nobody.
pub(crate) fn who(book: &Book, time: &str) -> String {
    book.who_is_on_call("desk", at(time)).map_or_else(|| "-".into(), |on_call| on_call.contact.to_owned())
}
