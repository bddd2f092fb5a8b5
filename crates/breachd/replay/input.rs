//! Log files as a sequence of lines: plain, gzip or zstd, or standard input.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    time::UNIX_EPOCH,
};

use activity::Timestamp;
use ingest::Written;

/// Longest line that is handed on whole, in bytes; of a longer one the beginning is, and the rest is skipped.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Bytes handed on at once per read from the file.
const BUFFER_BYTES: usize = 1 << 18;

/// zstd's `--long` window that is accepted, as a power of two: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// One file being read.
pub struct Lines {
    reader: Box<dyn BufRead>,
    /// 1 for the first line.
    number: u64,
    bytes: u64,
    line: Vec<u8>,
}

/// Opens a file; `-` is standard input. The compression is told by the name's end.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> = if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let plain: Box<dyn Read> = match ending {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(raw)),
        "zst" => {
            let mut decoder = zstd::stream::read::Decoder::new(raw)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        _ => raw,
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, plain)))
}

impl Lines {
    /// As [`open`].
    pub fn open(path: &Path) -> io::Result<Lines> {
        Ok(Lines { reader: open(path)?, number: 0, bytes: 0, line: Vec::new() })
    }

    pub fn new(reader: impl BufRead + 'static) -> Lines {
        Lines { reader: Box::new(reader), number: 0, bytes: 0, line: Vec::new() }
    }

    /// The next line without its line break, and its number; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.line.clear();
        let mut read = 0;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let end = memchr::memchr(b'\n', chunk);
            let taken = end.map_or(chunk.len(), |at| at + 1);
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(&chunk[..taken.min(room)]);
            self.reader.consume(taken);
            read += taken;
            if end.is_some() {
                break;
            }
        }
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some((self.number, &self.line)))
    }

    /// Bytes of text read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// When what is in a file was written: as stated, else by the file's time of change; standard input is written now.
pub fn written(path: &Path, stated: Option<Timestamp>, now: Timestamp) -> Written {
    if let Some(stated) = stated {
        return Written::Until(stated);
    }
    if path == Path::new("-") {
        return Written::Perhaps(now);
    }
    let changed = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).and_then(|file| file.modified().ok());
    let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
    match since.and_then(|since| i64::try_from(since.as_millis()).ok()) {
        Some(millis) => Written::Perhaps(Timestamp::from_millis(millis)),
        // A pipe, or a file from before 1970, says nothing but that it is there.
        None => Written::Perhaps(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_was_written_when_it_was_changed_unless_stated_otherwise() {
        let now: Timestamp = "2027-01-02T00:00:00Z".parse().unwrap();
        let path = std::env::temp_dir().join(format!("breachd-written-{}.log", std::process::id()));
        let file = File::create(&path).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(1_795_438_609)).unwrap();
        assert_eq!(written(&path, None, now), Written::Perhaps(Timestamp::from_secs(1_795_438_609)));
        assert_eq!(written(&path, Some(now), Timestamp::MIN), Written::Until(now));
        assert_eq!(written(Path::new("-"), None, now), Written::Perhaps(now));
        assert_eq!(written(&std::env::temp_dir(), None, now), Written::Perhaps(now));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn lines_are_numbered_and_long_ones_cut() {
        let mut text = b"one\r\n\n".to_vec();
        text.resize(text.len() + LINE_BYTES_MAX + 5, b'x');
        text.extend_from_slice(b"\nlast");
        let mut lines = Lines::new(BufReader::with_capacity(7, io::Cursor::new(text)));
        let mut seen = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            seen.push((number, line.len()));
        }
        assert_eq!(seen, [(1, 3), (2, 0), (3, LINE_BYTES_MAX), (4, 4)]);
        assert_eq!(lines.bytes(), 6 + LINE_BYTES_MAX as u64 + 6 + 4);
    }

    #[test]
    fn compressed_files_read_as_their_text() {
        let directory = std::env::temp_dir();
        let name = |ending: &str| directory.join(format!("breachd-lines-{}.{ending}", std::process::id()));
        std::fs::write(name("zst"), zstd::encode_all(&b"a\nb\n"[..], 1).unwrap()).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gz, b"a\nb\n").unwrap();
        std::fs::write(name("gz"), gz.finish().unwrap()).unwrap();
        for ending in ["zst", "gz"] {
            let mut lines = Lines::open(&name(ending)).unwrap();
            assert_eq!(lines.next_line().unwrap().map(|(_, line)| line.to_vec()), Some(b"a".to_vec()));
            assert_eq!(lines.next_line().unwrap().map(|(_, line)| line.to_vec()), Some(b"b".to_vec()));
            assert!(lines.next_line().unwrap().is_none());
            std::fs::remove_file(name(ending)).unwrap();
        }
    }
}
