//! A small reader for the CSV files people keep: a header, commas, quotes where needed.

/// Why a file was refused, with its line (the header is line 1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TableError {
    pub line: usize,
    pub problem: String,
}

/// The named columns of each row. More columns are ignored; a missing one is an error, a short row too.
pub(crate) fn rows<const N: usize>(
    text: &str,
    names: [&str; N],
    rows_max: usize,
) -> Result<Vec<(usize, [String; N])>, TableError> {
    let rows = rows_and_more(text, names, [], rows_max)?;
    Ok(rows.into_iter().map(|(number, row, [])| (number, row)).collect())
}

/// A row: its line, the columns that must be there, and those that may be.
pub(crate) type Row<const N: usize, const M: usize> = (usize, [String; N], [String; M]);

/// The same, with columns that may be missing as a whole; then they are empty in every row.
pub(crate) fn rows_and_more<const N: usize, const M: usize>(
    text: &str,
    names: [&str; N],
    more: [&str; M],
    rows_max: usize,
) -> Result<Vec<Row<N, M>>, TableError> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let error = |line, problem: String| TableError { line, problem };
    let (_, header) = lines.next().ok_or_else(|| error(1, "the file is empty: a header is needed".into()))?;
    let header = cells(header).ok_or_else(|| error(1, "a quote is not closed".into()))?;
    let place = |name: &str| header.iter().position(|cell| cell == name);
    let mut places = [0; N];
    for (at, name) in places.iter_mut().zip(names) {
        *at = place(name).ok_or_else(|| error(1, format!("the column `{name}` is missing")))?;
    }
    let more_places = more.map(place);
    let mut rows = Vec::new();
    for (number, line) in lines {
        let number = number + 1;
        if line.trim().is_empty() {
            continue;
        }
        if rows.len() == rows_max {
            return Err(error(number, format!("more than {rows_max} rows")));
        }
        let cells = cells(line).ok_or_else(|| error(number, "a quote is not closed".into()))?;
        let cell = |place: usize, name: &str| {
            cells.get(place).cloned().ok_or_else(|| error(number, format!("`{name}` is missing")))
        };
        let mut row = [const { String::new() }; N];
        for ((text, place), name) in row.iter_mut().zip(places).zip(names) {
            *text = cell(place, name)?;
        }
        let mut beside = [const { String::new() }; M];
        for ((text, place), name) in beside.iter_mut().zip(more_places).zip(more) {
            *text = place.map_or(Ok(String::new()), |place| cell(place, name))?;
        }
        rows.push((number, row, beside));
    }
    Ok(rows)
}

/// Cells of one line (RFC 4180, without line breaks inside quotes), trimmed; `None` if a quote is not closed.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut cell = String::new();
            let mut inside = quoted;
            loop {
                let end = inside.find('"')?;
                cell.push_str(&inside[..end]);
                inside = &inside[end + 1..];
                match inside.strip_prefix('"') {
                    Some(more) => {
                        cell.push('"');
                        inside = more;
                    }
                    None => break,
                }
            }
            cells.push(cell);
            rest = inside.trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => return rest.is_empty().then_some(cells),
            }
        } else {
            match rest.split_once(',') {
                Some((cell, more)) => {
                    cells.push(cell.trim().to_owned());
                    rest = more;
                }
                None => {
                    cells.push(rest.trim().to_owned());
                    return Some(cells);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_columns_by_name_and_ignores_others() {
        let text = "\u{feff}a,extra,b\n1,x,2\n\n\"with, comma\",x,\"say \"\"hi\"\"\"\r\n";
        let rows = rows(text, ["b", "a"], 9).unwrap();
        assert_eq!(rows[0], (2, ["2".to_owned(), "1".to_owned()]));
        assert_eq!(rows[1], (4, ["say \"hi\"".to_owned(), "with, comma".to_owned()]));
    }

    #[test]
    fn columns_that_may_be_missing_are_empty_then() {
        let of = |text: &str| rows_and_more(text, ["a"], ["b", "c"], 9).map_err(|error| error.to_string());
        assert_eq!(of("c,a\n1,2\n").unwrap(), [(2, ["2".to_owned()], [String::new(), "1".to_owned()])]);
        assert_eq!(of("a,c\n1\n").unwrap_err(), "line 2: `c` is missing");
    }

    #[test]
    fn says_the_line_of_what_is_wrong() {
        let line = |text: &str| rows(text, ["a", "b"], 2).map_err(|error| error.to_string());
        assert_eq!(line("").unwrap_err(), "line 1: the file is empty: a header is needed");
        assert_eq!(line("a,c\n").unwrap_err(), "line 1: the column `b` is missing");
        assert_eq!(line("a,b\n1,2\n3\n").unwrap_err(), "line 3: `b` is missing");
        assert_eq!(line("a,b\n\"1,2\n").unwrap_err(), "line 2: a quote is not closed");
        assert_eq!(line("a,b\n1,2\n1,2\n1,2\n").unwrap_err(), "line 4: more than 2 rows");
    }
}
