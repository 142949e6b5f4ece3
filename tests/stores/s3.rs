//! A bucket, as the tests themselves look at it and change it: requests signed by hand, so that nothing is tested
//! by means of itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use time::OffsetDateTime;

use crate::harness::{PATIENCE, Response, read_response};

/// Whose requests.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    pub id: &'static str,
    pub secret: &'static str,
}

/// A bucket of a server. It is emptied with the server.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub host: SocketAddr,
    pub keys: Keys,
    pub name: String,
}

impl Bucket {
    /// The address of an object.
    pub fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Makes it. Whether that is so, or was.
    pub fn is_made(&self) -> bool {
        self.send("PUT", "", "", b"").is_some_and(|response| matches!(response.status, 200 | 409))
    }

    #[track_caller]
    pub fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        assert_eq!(self.try_put(key, bytes.as_ref()), Some(200), "{key}");
    }

    pub fn try_put(&self, key: &str, bytes: &[u8]) -> Option<u16> {
        Some(self.send("PUT", key, "", bytes)?.status)
    }

    /// None if there is no such object.
    #[track_caller]
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let response = self.send("GET", key, "", b"").unwrap();
        assert!(matches!(response.status, 200 | 404), "{key}: {}", response.status);
        (response.status == 200).then_some(response.body)
    }

    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        String::from_utf8(self.object(key).unwrap_or_else(|| panic!("no {key}"))).unwrap()
    }

    #[track_caller]
    pub fn delete(&self, key: &str) {
        assert_eq!(self.send("DELETE", key, "", b"").unwrap().status, 204, "{key}");
    }

    /// With all that is in it.
    #[track_caller]
    pub fn remove(&self) {
        self.objects().keys().for_each(|key| self.delete(key));
        assert_eq!(self.send("DELETE", "", "", b"").unwrap().status, 204);
    }

    /// Every object, with what tells its states apart.
    #[track_caller]
    pub fn objects(&self) -> BTreeMap<String, String> {
        let response = self.send("GET", "", "list-type=2", b"").unwrap();
        let text = response.text();
        assert!(response.status == 200 && !text.contains("<IsTruncated>true"), "{text}");
        let of = |entry: &str, name: &str| {
            let (_, rest) = entry.split_once(&format!("<{name}>")).unwrap();
            rest.split('<').next().unwrap().to_owned()
        };
        text.split("<Contents>")
            .skip(1)
            .map(|entry| (of(entry, "Key"), format!("{} {}", of(entry, "ETag"), of(entry, "LastModified"))))
            .collect()
    }

    /// None if nobody answers.
    fn send(&self, method: &str, key: &str, query: &str, body: &[u8]) -> Option<Response> {
        let path = format!("/{}{}{}", self.name, if key.is_empty() { "" } else { "/" }, encoded(key));
        let now = OffsetDateTime::from(SystemTime::now());
        let (hour, minute, second) = now.to_hms();
        let date = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
        let moment = format!("{date}T{hour:02}{minute:02}{second:02}Z");
        let host = self.host.to_string();
        let headers = format!("host:{host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{moment}\n");
        let names = "host;x-amz-content-sha256;x-amz-date";
        let request = format!("{method}\n{path}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD");
        let scope = format!("{date}/us-east-1/s3/aws4_request");
        let signed = format!(
            "AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}",
            hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref())
        );
        let mut key = format!("AWS4{}", self.keys.secret).into_bytes();
        for part in scope.split('/') {
            key = mac(&key, part);
        }
        let signature = hex(&mac(&key, &signed));
        let question = if query.is_empty() { String::new() } else { format!("?{query}") };
        // Of HTTP/1.0, so that the answer comes in one piece.
        let head = format!(
            "{method} {path}{question} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\nx-amz-date: {moment}\r\n\
             x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential={}/{scope}, \
             SignedHeaders={names}, Signature={signature}\r\n\r\n",
            body.len(),
            self.keys.id
        );
        let mut stream = TcpStream::connect(self.host).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()?;
        read_response(&mut BufReader::new(stream), true).ok()
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// As S3 has it: all but letters, digits and `-._~/`.
fn encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            _ => write!(text, "%{byte:02X}").unwrap(),
        }
        text
    })
}
