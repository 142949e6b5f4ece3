//! Whether an answer is what was wanted: read from bytes. No I/O.

use httparse::{EMPTY_HEADER, Response, Status};
use serde::Deserialize;

use super::failure::{Failure, Kind};

const MOST_HEADERS: usize = 64;

/// No answer to a lookup is longer.
const LONGEST: usize = 1 << 20;

/// What an answer over HTTP/1.1 says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// Where the body begins and ends.
    pub body: (usize, usize),
    /// The server closes the connection after it.
    pub last: bool,
}

/// Reads an answer's head. There may be more to come: of the head (none yet), or of the body.
pub fn head(bytes: &[u8]) -> Result<Option<Head>, Failure> {
    let unclear = |reason: String| Failure::new(Kind::Answer, reason);
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut response = Response::new(&mut headers);
    let begin = match response.parse(bytes).map_err(|error| unclear(format!("not HTTP/1.1: {error}")))? {
        Status::Complete(begin) => begin,
        Status::Partial if bytes.len() > LONGEST => return Err(unclear("a head without an end".to_owned())),
        Status::Partial => return Ok(None),
    };
    let mut length = None;
    let mut last = response.version == Some(0);
    for header in response.headers.iter() {
        let value = str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            length = value.parse::<usize>().ok().filter(|length| *length <= LONGEST);
        } else if header.name.eq_ignore_ascii_case("connection") {
            last |= value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
        }
    }
    let status = response.code.unwrap_or_default();
    let length = match (length, status) {
        (_, 204 | 304) => 0,
        (Some(length), _) => length,
        (None, _) => return Err(unclear(format!("status {status} without a usable Content-Length"))),
    };
    Ok(Some(Head { status, body: (begin, begin + length), last }))
}

#[derive(Deserialize)]
struct Lookup {
    cdn: String,
}

/// What is wanted of every answer.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The answer is JSON, and its `cdn` one of these; with none its body is not looked at.
    pub cdns: Vec<String>,
}

impl Expected {
    pub fn check(&self, status: u16, body: &[u8]) -> Result<(), Failure> {
        if status != 200 {
            return Err(Failure::new(Kind::Status(status), format!("status {status}{}", shown(body))));
        }
        if self.cdns.is_empty() {
            return Ok(());
        }
        match serde_json::from_slice::<Lookup>(body) {
            Ok(Lookup { cdn }) if self.cdns.contains(&cdn) => Ok(()),
            Ok(Lookup { cdn }) => Err(Failure::new(Kind::Answer, format!("the CDN '{cdn}' was not expected"))),
            Err(error) => Err(Failure::new(Kind::Answer, format!("no CDN in the answer: {error}"))),
        }
    }
}

/// The beginning of a body, for people.
fn shown(body: &[u8]) -> String {
    let text: String =
        String::from_utf8_lossy(body).chars().take(120).filter(|character| !character.is_control()).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nConnection: Keep-Alive, Close\r\n\r\nhello";

    #[test]
    fn an_answer_is_read_whatever_its_pieces() {
        let begin = ANSWER.len() - 5;
        for cut in 0..begin {
            assert_eq!(head(&ANSWER[..cut]), Ok(None));
        }
        for cut in begin..=ANSWER.len() {
            let expected = Head { status: 200, body: (begin, begin + 5), last: true };
            assert_eq!(head(&ANSWER[..cut]), Ok(Some(expected)));
        }
    }

    #[test]
    fn what_is_not_an_answer_is_a_failure() {
        for bytes in [&b"SSH-2.0\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"]
        {
            assert_eq!(head(bytes).unwrap_err().kind, Kind::Answer);
        }
        let empty = Head { status: 204, body: (27, 27), last: false };
        assert_eq!(head(b"HTTP/1.1 204 No Content\r\n\r\n"), Ok(Some(empty)));
    }

    #[test]
    fn the_cdn_is_checked_if_that_is_wanted() {
        let any = Expected::default();
        let bidi = Expected { cdns: vec!["bidi".to_owned()] };
        let answer = br#"{ "ip": "192.0.2.1", "cdn": "bidi", "ttl": 300 }"#;
        let kind = |checked: Result<(), Failure>| checked.map_err(|failure| failure.kind);
        assert_eq!(kind(any.check(200, b"anything")), Ok(()));
        assert_eq!(kind(bidi.check(200, answer)), Ok(()));
        assert_eq!(kind(bidi.check(200, br#"{"cdn":"akamai"}"#)), Err(Kind::Answer));
        assert_eq!(kind(bidi.check(200, b"anything")), Err(Kind::Answer));
        assert_eq!(kind(bidi.check(503, answer)), Err(Kind::Status(503)));
    }
}
