//! Bytes: LEB128 varints, zigzag for signed numbers, texts in a table, a checksum at the end.
//!
//! Small and written out because the encoding is a contract between versions; also used for the detector's roll-ups.

use crate::{hash::stable_hash, limits::MESSAGE_BYTES_MAX};
use std::ops::RangeInclusive;

/// Why bytes are not a message. Says no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the message ends early")]
    Truncated,
    #[error("not a message of this kind")]
    Magic,
    #[error("version {0} is unknown to this program")]
    Version(u8),
    #[error("the checksum does not match")]
    Checksum,
    #[error("{0} is out of range")]
    Range(&'static str),
    #[error("{0} bytes are left over")]
    Surplus(usize),
    #[error("{0} is not in canonical order")]
    Order(&'static str),
    #[error("a text is not UTF-8")]
    Text,
    #[error("the message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
}

/// Writes a message: magic and version first, checksum last.
#[derive(Debug)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    pub fn new(magic: [u8; 2], version: u8) -> Self {
        Encoder(vec![magic[0], magic[1], version])
    }

    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// LEB128.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Zigzag, then LEB128.
    pub fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// As they are, without their number.
    pub fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Their number, then they.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.append(bytes);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn finish(mut self) -> Vec<u8> {
        let sum = stable_hash(&[&self.0]);
        self.0.extend_from_slice(&sum.to_le_bytes());
        self.0
    }

    /// What was written after [`Encoder::body`].
    pub fn into_body(self) -> Vec<u8> {
        self.0
    }

    /// A part of a message: no magic, no checksum.
    pub fn body() -> Self {
        Encoder(Vec::new())
    }
}

/// Reads a message; every method is total.
#[derive(Debug)]
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Checks length, magic, version and checksum.
    pub fn new(bytes: &'a [u8], magic: [u8; 2], version: u8) -> Result<Self, DecodeError> {
        Decoder::of_versions(bytes, magic, version..=version).map(|(decoder, _)| decoder)
    }

    /// The same where several versions can be read; which one it is.
    pub fn of_versions(
        bytes: &'a [u8],
        magic: [u8; 2],
        versions: RangeInclusive<u8>,
    ) -> Result<(Self, u8), DecodeError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(DecodeError::TooLong);
        }
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(DecodeError::Truncated)?;
        let [first, second, found, rest @ ..] = body else { return Err(DecodeError::Truncated) };
        if [*first, *second] != magic {
            return Err(DecodeError::Magic);
        }
        if !versions.contains(found) {
            return Err(DecodeError::Version(*found));
        }
        if stable_hash(&[body]) != u64::from_le_bytes(*sum) {
            return Err(DecodeError::Checksum);
        }
        Ok((Decoder(rest), *found))
    }

    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.0.split_first().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Range("a number"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                // The shortest form only, so that equal values have equal bytes.
                return if bits == 0 && shift > 0 { Err(DecodeError::Order("a number")) } else { Ok(number) };
            }
        }
        Err(DecodeError::Range("a number"))
    }

    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A number of things each of which takes at least `bytes_each` (at least 1) bytes: hostile counts cannot reserve memory.
    pub fn count(&mut self, bytes_each: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).map_err(|_| DecodeError::Range("a count"))?;
        if count > self.0.len() / bytes_each.max(1) { Err(DecodeError::Truncated) } else { Ok(count) }
    }

    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.count(1)?;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| DecodeError::Text)
    }

    /// What [`Encoder::bytes`] wrote.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.count(1)?;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(bytes)
    }

    /// So many bytes as they are.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// Reads a part of a message, see [`Encoder::body`].
    pub fn of_body(bytes: &'a [u8]) -> Self {
        Decoder(bytes)
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Surplus(self.0.len())) }
    }
}
