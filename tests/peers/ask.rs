//! Asks a server for the answer to each of many addresses, over one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::program::PATIENCE;

/// Requests under way at once: fewer bytes than a socket takes without being read.
const AT_ONCE: usize = 64;

pub struct Asker {
    connection: BufReader<UnixStream>,
}

impl Asker {
    pub fn new(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { connection: BufReader::new(stream) }
    }

    /// The body of `GET PATH?ip=ADDRESS` for each address.
    pub fn ask<A: ToString>(&mut self, path: &str, addresses: &[A]) -> Vec<String> {
        self.ask_for(path, "", addresses)
    }

    /// The same from behind a proxy, with that header.
    pub fn ask_for<A: ToString>(&mut self, path: &str, forwarded: &str, addresses: &[A]) -> Vec<String> {
        let mut answers = Vec::with_capacity(addresses.len());
        let header = if forwarded.is_empty() { String::new() } else { format!("X-Forwarded-For: {forwarded}\r\n") };
        for some in addresses.chunks(AT_ONCE) {
            let request = |address: &A| {
                let address = address.to_string();
                format!("GET {path}?ip={address} HTTP/1.1\r\nHost: peer.example\r\n{header}\r\n")
            };
            let requests: Vec<String> = some.iter().map(request).collect();
            self.connection.get_mut().write_all(requests.concat().as_bytes()).unwrap();
            answers.extend(some.iter().map(|_| self.answer()));
        }
        answers
    }

    fn answer(&mut self) -> String {
        let status = self.line();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        let mut length = 0;
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                assert_eq!(line, "");
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.connection.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
