//! A document as HTML: headings in order, lists, tables with header cells, nothing said by colour alone.

use crate::{Block, Document};
use std::fmt::Write;

/// Where the HTML is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// A part of a page that has a style of its own, and a heading above: levels begin at 2. No `style` attribute: pages forbid it.
    Part,
    /// A whole mail: styles stand at each element, because mail programs drop style sheets. 16 pixels are 12 points.
    Mail,
}

const FONT: &str = "font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:1.5";

impl Document {
    /// Every text is escaped; there is no script, no image, no link.
    pub fn html(&self, looks: Looks) -> String {
        let mut html = String::new();
        let language = self.language.tag();
        if looks == Looks::Mail {
            let _ = write!(
                html,
                "<!DOCTYPE html>\n<html lang=\"{language}\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
                 content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n</head>\n<body style=\"margin:0;padding:0;\
                 background-color:#ffffff;color:#1a1a1a\">\n<div lang=\"{language}\" dir=\"ltr\" style=\"max-width:640px;margin:0 auto;\
                 padding:16px;{FONT};background-color:#ffffff;color:#1a1a1a\">\n",
                escaped(self.title())
            );
        } else {
            let _ = writeln!(html, "<div class=\"document\" lang=\"{language}\" dir=\"ltr\">");
        }
        let mut in_list = false;
        let mut section = "";
        for block in &self.blocks {
            let is_item = matches!(block, Block::Item(_));
            if in_list != is_item {
                html.push_str(if is_item { "<ul>\n" } else { "</ul>\n" });
                in_list = is_item;
            }
            if let Block::Heading(_, text) = block {
                section = text;
            }
            block.html(looks, section, &mut html);
        }
        if in_list {
            html.push_str("</ul>\n");
        }
        html.push_str("</div>\n");
        if looks == Looks::Mail {
            html.push_str("</body>\n</html>\n");
        }
        html
    }
}

impl Block {
    /// `section`: the heading above, which is a table's caption too.
    fn html(&self, looks: Looks, section: &str, html: &mut String) {
        let style = |css: &str| match looks {
            Looks::Mail => format!(" style=\"{css}\""),
            Looks::Part => String::new(),
        };
        let _ = match self {
            Block::Heading(level, text) => {
                let (level, size) = match (looks, level) {
                    (Looks::Part, level) => (level + 1, 0),
                    (Looks::Mail, 1) => (1, 22),
                    (Looks::Mail, 2) => (2, 18),
                    (Looks::Mail, level) => (*level, 16),
                };
                let css = style(&format!("font-size:{size}px;line-height:1.3;margin:24px 0 8px"));
                writeln!(html, "<h{level}{css}>{}</h{level}>", escaped(text))
            }
            Block::Paragraph(text) => writeln!(html, "<p>{}</p>", escaped(text)),
            Block::Item(text) => writeln!(html, "<li>{}</li>", escaped(text)),
            Block::Open(text) => {
                let css = style("padding:8px;border:2px solid #1a1a1a");
                writeln!(html, "<p class=\"open\"{css}><strong>{}</strong></p>", escaped(text))
            }
            Block::Table { header, rows } => {
                let cell = style("text-align:left;vertical-align:top;padding:4px 16px 4px 0");
                let _ = writeln!(html, "<table{}>", style("border-collapse:collapse"));
                if !section.is_empty() {
                    let css = style("text-align:left;padding:4px 0");
                    let _ = writeln!(html, "<caption{css}>{}</caption>", escaped(section));
                }
                html.push_str("<thead>\n<tr>\n");
                for text in header {
                    let _ = writeln!(html, "<th scope=\"col\"{cell}>{}</th>", escaped(text));
                }
                html.push_str("</tr>\n</thead>\n<tbody>\n");
                for row in rows {
                    html.push_str("<tr>");
                    for (at, text) in row.iter().enumerate() {
                        let (tag, scope) = if at == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
                        let _ = write!(html, "<{tag}{scope}{cell}>{}</{tag}>", escaped(text));
                    }
                    html.push_str("</tr>\n");
                }
                writeln!(html, "</tbody>\n</table>")
            }
        };
    }
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&#38;"),
            '<' => shown.push_str("&#60;"),
            '>' => shown.push_str("&#62;"),
            '"' => shown.push_str("&#34;"),
            '\'' => shown.push_str("&#39;"),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;
    use proptest::prelude::*;

    /// What a reader sees of our HTML, which has no other references than these.
    fn seen(html: &str) -> String {
        let body = html.split_once("<body").map_or(html, |(_, body)| body);
        let mut text = String::new();
        for (at, piece) in body.split('<').enumerate() {
            text.push_str(if at == 0 && body.len() == html.len() {
                piece
            } else {
                piece.split_once('>').map_or("", |(_, after)| after)
            });
        }
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
            .iter()
            .fold(text, |text, (reference, character)| text.replace(reference, character))
    }

    proptest! {
        #[test]
        fn html_says_what_the_text_says_and_no_more(texts in prop::collection::vec(any::<String>(), 5)) {
            let mut document = Document::new(Language::German);
            document.heading(1, &texts[0]);
            document.paragraph(&texts[1]);
            document.item(&texts[2]);
            document.open(&texts[3]);
            document.table(&[&texts[4], "b"], std::slice::from_ref(&texts));
            for looks in [Looks::Part, Looks::Mail] {
                let html = document.html(looks);
                let shown = seen(&html);
                for block in &document.blocks {
                    let words: Vec<&String> = match block {
                        Block::Heading(_, text) | Block::Paragraph(text) | Block::Item(text) | Block::Open(text) => vec![text],
                        Block::Table { header, rows } => header.iter().chain(rows.iter().flatten()).collect(),
                    };
                    for word in words {
                        prop_assert!(shown.contains(word.as_str()), "`{}` is missing in {}", word, shown);
                    }
                }
                for tag in ["<script", "<img", "<a ", "<iframe", "onload"] {
                    prop_assert!(!html.contains(tag) || texts.iter().any(|text| text.contains("onload")));
                }
            }
        }
    }

    #[test]
    fn it_is_fit_for_screen_readers() {
        let mut document = Document::new(Language::German);
        document.heading(1, "Meldung <b>");
        document.heading(2, "Zahlen");
        document.item("a");
        document.item("b");
        document.table(&["Was", "Mindestens"], &[vec!["Personen".into(), "3".into()]]);
        document.open("Noch nicht bekannt: warum.");
        let mail = document.html(Looks::Mail);
        assert_eq!(mail.matches("lang=\"de\"").count(), 2, "on html and on a wrapper that mail programs keep");
        assert!(mail.contains("<title>Meldung &#60;b&#62;</title>"));
        assert_eq!((mail.matches("<h1").count(), mail.matches("<h2").count(), mail.matches("<ul>").count()), (1, 1, 1));
        assert!(mail.contains("<caption style=\"text-align:left;padding:4px 0\">Zahlen</caption>"));
        assert_eq!(mail.matches("<th scope=\"col\"").count(), 2);
        assert_eq!(mail.matches("<th scope=\"row\"").count(), 1);
        let part = document.html(Looks::Part);
        assert!(!part.contains("style=") && !part.contains("<h1") && part.contains("<h2>Meldung"));
        assert!(
            part.contains("<p class=\"open\"><strong>Noch nicht bekannt"),
            "said in words and by a frame, not by colour"
        );
    }
}
