//! What is read and what is sent.

use crate::kafka::{header, headers};
use activity::Timestamp;
use rdkafka::message::BorrowedMessage;

/// One record, in the memory of the host; valid while the callback runs.
#[derive(Clone, Copy)]
pub struct RecordRef<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// The stamp the record carries: the producer's time, or the broker's if the topic is set so. Zero if it has none.
    pub stamped_at: Timestamp,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    pub(crate) headers: HeadersRef<'a>,
}

/// The headers as the host holds them.
#[derive(Clone, Copy)]
pub(crate) enum HeadersRef<'a> {
    Kafka(&'a BorrowedMessage<'a>),
    Memory(&'a [(String, Vec<u8>)]),
}

impl<'a> RecordRef<'a> {
    /// The first header of this name; a header without a value is empty.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        match self.headers {
            HeadersRef::Kafka(message) => header(message, name),
            HeadersRef::Memory(headers) => {
                headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
            }
        }
    }

    /// All headers, in their order; of a name that is no text nothing is told.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        match self.headers {
            HeadersRef::Kafka(message) => {
                headers(message).map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
            }
            HeadersRef::Memory(headers) => headers.to_vec(),
        }
    }

    /// Bytes of key and payload together.
    pub fn len(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.payload.map_or(0, <[u8]>::len)
    }

    /// Whether it has neither key nor payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub topic: String,
    /// `None`: by the key's hash, the same as every other Kafka client's default (murmur2); without a key, any.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub payload: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Outgoing {
    /// Bytes as they count against [`crate::limits::MESSAGE_BYTES_MAX`].
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.payload.len() + headers
    }
}
