//! An HTTP/2 client of bare frames: it holds answers up as long as it likes, and sees how the
//! connection ends.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};

use crate::frames::{END_HEADERS, END_STREAM, HEADERS, frame, lookup, opening};
use crate::harness::Connection;

const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACKNOWLEDGED: u8 = 1;

/// `INITIAL_WINDOW_SIZE` 0: an answer's body waits until its stream is released.
const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// More than a test ever receives.
const WIDE: [u8; 4] = (1_u32 << 30).to_be_bytes();

pub struct Http2 {
    connection: Connection,
    next_stream: u32,
    answers: BTreeMap<u32, Answer>,
    /// The last that was said about the end.
    ending: Option<Ending>,
}

/// What has come on a stream.
#[derive(Debug, Clone, Default)]
struct Answer {
    status: Option<u16>,
    body: Vec<u8>,
    is_whole: bool,
}

/// A GOAWAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ending {
    last_stream: u32,
    error: u32,
}

impl Http2 {
    pub fn open(mut connection: Connection) -> io::Result<Self> {
        connection.send([opening(&NO_WINDOW), frame(WINDOW_UPDATE, 0, 0, &WIDE)].concat())?;
        Ok(Self { connection, next_stream: 1, answers: BTreeMap::new(), ending: None })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether it has been said that no stream is taken any more.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether it has been said that the last stream was not looked at.
    pub fn is_last_untouched(&self) -> bool {
        self.ending.is_some_and(|ending| ending.last_stream < self.next_stream - 2)
    }

    /// A lookup's status and body.
    pub fn ask(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let (stream, status) = self.begin()?;
        Ok((status, self.finish(stream)?))
    }

    /// Asks, and leaves the stream in flight: its status has come, its body may not yet.
    pub fn begin(&mut self) -> io::Result<(u32, u16)> {
        let stream = self.next_stream;
        self.next_stream += 2;
        self.answers.insert(stream, Answer::default());
        self.connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &lookup()))?;
        loop {
            if let Some(status) = self.answers[&stream].status {
                return Ok((stream, status));
            }
            self.receive()?;
        }
    }

    /// Lets a stream that is in flight end, and gives its body.
    pub fn finish(&mut self, stream: u32) -> io::Result<Vec<u8>> {
        assert!(!self.answers[&stream].is_whole, "stream {stream} is in flight");
        self.connection.send(frame(WINDOW_UPDATE, 0, stream, &WIDE))?;
        while !self.answers[&stream].is_whole {
            self.receive()?;
        }
        Ok(self.answers.remove(&stream).unwrap().body)
    }

    /// Waits until it is said that no stream is taken any more.
    pub fn wait_ending(&mut self) -> io::Result<()> {
        while self.ending.is_none() {
            self.receive()?;
        }
        Ok(())
    }

    /// Waits for the end, which must be orderly: a GOAWAY that counts the last stream as answered,
    /// then no more than the connection's close.
    #[track_caller]
    pub fn wait_closed(&mut self) {
        let error = loop {
            if let Err(error) = self.receive() {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
        assert_eq!(self.ending, Some(Ending { last_stream: self.next_stream - 2, error: 0 }));
    }

    /// Reads a frame, and does what it asks for.
    fn receive(&mut self) -> io::Result<()> {
        let mut head = [0; 9];
        self.connection.read_exact(&mut head)?;
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let stream = u32::from_be_bytes(stream);
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.connection.read_exact(&mut payload)?;
        match kind {
            SETTINGS | PING if flags & ACKNOWLEDGED == 0 => {
                let echo = if kind == PING { payload.as_slice() } else { &[] };
                self.connection.send(frame(kind, ACKNOWLEDGED, 0, echo))?;
            }
            GO_AWAY => {
                let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
                self.ending = Some(Ending { last_stream: word(0), error: word(4) });
            }
            HEADERS | DATA => {
                let answer = self.answers.get_mut(&stream).unwrap_or_else(|| panic!("nobody asked on {stream}"));
                if kind == HEADERS {
                    answer.status = Some(status(&payload));
                } else {
                    answer.body.extend(payload);
                }
                answer.is_whole = flags & END_STREAM != 0;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The status that a block of headers begins with (RFC 7541, section 6 and appendices A and B).
fn status(block: &[u8]) -> u16 {
    match block {
        [0x88, ..] => 200,
        // A literal under the name of entry 8, to be indexed or not.
        [0x48 | 0x18 | 0x08, length, rest @ ..] => {
            let written = &rest[..usize::from(length & 0x7f)];
            if length & 0x80 == 0 { std::str::from_utf8(written).unwrap().parse().unwrap() } else { unpacked(written) }
        }
        _ => panic!("no status that this client can read: {block:02x?}"),
    }
}

/// Three digits in the Huffman code: 0 to 2 are five bits, the others six, from 25 on for a 3.
fn unpacked(bytes: &[u8]) -> u16 {
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| u16::from(byte >> place & 1)));
    let mut digit = || {
        let five = bits.by_ref().take(5).fold(0, |value, bit| value << 1 | bit);
        if five <= 2 { five } else { (five << 1 | bits.next().unwrap()) - 25 + 3 }
    };
    (0..3).fold(0, |number, _| number * 10 + digit())
}

#[test]
fn statuses_are_read_in_every_spelling() {
    assert_eq!(status(&[0x88]), 200);
    assert_eq!(status(b"\x48\x03403"), 403);
    assert_eq!(status(&[0x48, 0x83, 0x68, 0x0c, 0xff]), 403);
    // As RFC 7541, section C.6.1 has it.
    assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), 302);
}
