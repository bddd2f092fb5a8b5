//! Which envelopes the records of a source partition are in, and which format they have: decided once where it matters.
//!
//! # Where entries are single lines
//! Each record is judged by itself. The format is tried on the record as it is; only what it refuses is opened, and what is in
//! it is treated likewise. A line of an access log that looks like an envelope is thus still a line of that log; and what is no
//! line of that log gains nothing by posing as an envelope, as whoever wrote it could have posed as a line at once.
//!
//! # Where entries span lines
//! A line by itself proves nothing: it may be inside a literal, put there by a visitor. A literal
//! `{"message":"\u0027;\n# User@Host: …"}` holds no quote; opened, it holds one, and would end the literal and forge an
//! entry. So the first record with a line that begins an entry, as it is or out of its envelopes, decides for all that
//! follow ([`Lock`]); that is remembered over restarts. A record that is not in the envelopes of its partition is
//! dead-lettered as `not_in_envelope`. What it costs: after a change of shippers the partition must be told
//! (`envelope = "…"`, which goes before what is remembered). The losing alternative, to look at each record, is the forgery above.
//!
//! The lock holds the syslog program too, so that in a topic of several programs the lines of one are not put between those
//! of another; the others' are dead-lettered as `other_program`.
//!
//! The lines of one host are not put between those of another either, where the envelopes name it: see `ingester::hosts`.
//!
//! What remains: a partition that is read for the first time from the middle of a literal, which holds such a line before any entry
//! begins. To name the envelope closes that, too.

use crate::limits::{ENVELOPES_MAX, PROGRAM_BYTES_MAX};
use crate::plan::Enveloping;
use formats::envelope::{self, Envelope, Hints, Inner};
use formats::{FormatSpec, Framing, Step};

/// What was decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lock {
    /// From the outside to the inside; `None`: not decided.
    pub(crate) layers: Option<Vec<&'static Envelope>>,
    /// Of the records that are taken; `None`: any.
    pub(crate) program: Option<Box<str>>,
    /// For a source whose format is `auto`; `None`: not decided. `auto` itself stands for any format of single lines.
    pub(crate) format: Option<&'static FormatSpec>,
}

impl PartialEq for Lock {
    fn eq(&self, other: &Self) -> bool {
        self.fields() == other.fields()
    }
}

impl Eq for Lock {}

impl Lock {
    /// As they stand in the metadata of an offset.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if let Some(layers) = &self.layers {
            let names: Vec<_> = layers.iter().map(|envelope| envelope.name).collect();
            fields.push(("e", if names.is_empty() { "-".into() } else { names.join(",") }));
        }
        if let Some(program) = &self.program {
            fields.push(("p", program.to_string()));
        }
        if let Some(format) = self.format {
            fields.push(("f", format.name.to_owned()));
        }
        fields
    }

    /// `None`: no field of ours.
    pub(crate) fn set_field(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "e" => {
                let names = value.split(',').filter(|name| *name != "-");
                let layers: Vec<_> = names.map(Envelope::by_name).collect::<Option<_>>()?;
                self.layers = Some(layers).filter(|layers| layers.len() <= ENVELOPES_MAX);
                self.layers.is_some().then_some(())
            }
            "p" => {
                self.program = is_plain(value).then(|| value.into());
                self.program.is_some().then_some(())
            }
            "f" => {
                self.format = Some(FormatSpec::by_name(value)?);
                Some(())
            }
            _ => None,
        }
    }

    /// For a format whose entries span lines: decides by a record, if it can be told.
    pub(crate) fn decide(&mut self, format: &FormatSpec, enveloping: Enveloping, bytes: &[u8], hints: &Hints<'_>) {
        if let Some((layers, program)) = peel(enveloping, bytes, hints, &|line| begins(format, line, hints)) {
            self.layers = Some(layers);
            self.program = program.filter(|program| is_plain(program));
        }
    }

    /// For the format `auto`: decides by the first record that a format claims.
    pub(crate) fn decide_format(
        &mut self,
        auto: &'static FormatSpec,
        enveloping: Enveloping,
        bytes: &[u8],
        hints: &Hints<'_>,
    ) {
        let claimed = |line: &[u8]| FormatSpec::sniff(line).is_some();
        let Some((layers, program)) = peel(enveloping, bytes, hints, &claimed) else { return };
        let mut first = None;
        unwrapped(&layers, Inner { bytes: bytes.into(), ..Inner::default() }, hints, &mut |inner| {
            let line = inner.bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
            first = first.or_else(|| FormatSpec::sniff(line?));
        });
        match first {
            Some(format) if matches!(format.framing, Framing::Lines(_)) => {
                self.format = Some(format);
                self.layers = Some(layers);
                self.program = program.filter(|program| is_plain(program));
            }
            Some(_) => self.format = Some(auto),
            None => {}
        }
    }
}

/// Opens the layers of a record, and hands out what is in them; false if the record is not in them.
pub(crate) fn unwrapped(
    layers: &[&'static Envelope],
    inner: Inner<'_>,
    hints: &Hints<'_>,
    each: &mut dyn FnMut(Inner<'_>),
) -> bool {
    let Some((layer, deeper)) = layers.split_first() else {
        each(inner);
        return true;
    };
    let Some(opened) = layer.open(&inner.bytes, hints) else { return false };
    // What the inner envelope does not say, the outer one does.
    let (shipped_at, host, program) = (inner.shipped_at, &inner.host, &inner.program);
    opened.entries.into_iter().fold(true, |all, entry| {
        let entry = Inner {
            shipped_at: entry.shipped_at.or(shipped_at),
            host: entry.host.or(host.clone()),
            program: entry.program.or(program.clone()),
            ..entry
        };
        unwrapped(deeper, entry, hints, each) && all
    })
}

/// The layers, as few as possible, behind which a line is what is asked for; and the program they name.
fn peel(
    enveloping: Enveloping,
    bytes: &[u8],
    hints: &Hints<'_>,
    is_wanted: &dyn Fn(&[u8]) -> bool,
) -> Option<(Vec<&'static Envelope>, Option<Box<str>>)> {
    let (mut layers, mut program) = (Vec::new(), None);
    let mut inner = bytes.to_vec();
    loop {
        let may_stop = !(layers.is_empty() && matches!(enveloping, Enveloping::Named(_)));
        if may_stop && envelope::unfolded(&inner).split(|byte| *byte == b'\n').any(is_wanted) {
            return Some((layers, program));
        }
        if ENVELOPES_MAX <= layers.len() {
            return None;
        }
        let opened = match enveloping {
            Enveloping::None => return None,
            Enveloping::Named(envelope) if layers.is_empty() => envelope.open(&inner, hints)?,
            Enveloping::Auto | Enveloping::Named(_) => envelope::open(&inner, hints)?,
        };
        layers.push(Envelope::by_name(opened.envelope)?);
        let entry = opened.entries.into_iter().find(|entry| !entry.bytes.is_empty())?;
        program = entry.program.map(|program| program.into_owned().into()).or(program);
        inner = entry.bytes.into_owned();
    }
}

/// Whether a line begins an entry, or is a banner between entries, by itself; and is no envelope that happens to look so.
fn begins(format: &FormatSpec, line: &[u8], hints: &Hints<'_>) -> bool {
    let begins = match format.framing {
        Framing::Line => false,
        Framing::Lines(remembering) => matches!(remembering("").step(line), Step::Begin | Step::Banner),
    };
    begins && ((format.looks_like)(line) || envelope::open(line, hints).is_none())
}

fn is_plain(program: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    (1..=PROGRAM_BYTES_MAX).contains(&program.len()) && program.bytes().all(plain)
}
