//! How a request reads: a template into which the address goes, made ready beforehand.

use std::io::Write;
use std::net::IpAddr;

use http::Uri;
use http::uri::PathAndQuery;

const PLACE: &str = "{ip}";

#[derive(Debug, Clone)]
pub struct Request {
    host: String,
    asks_for_address: bool,
    /// The path around the address.
    path: (String, String),
    /// All of an HTTP/1.1 request around the address.
    head: (Vec<u8>, Vec<u8>),
}

impl Request {
    /// Of a path such as `/lookup?ip={ip}`.
    pub fn new(path: &str, host: &str) -> Result<Self, String> {
        let (before, after) = path.split_once(PLACE).unwrap_or((path, ""));
        let shown = format!("{before}192.0.2.1{after}");
        if !path.starts_with('/') || shown.parse::<PathAndQuery>().is_err() {
            return Err(format!("'{path}' is not a path with {PLACE} in it"));
        }
        let end = format!("{after} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Ok(Self {
            host: host.to_owned(),
            asks_for_address: path.contains(PLACE),
            path: (before.to_owned(), after.to_owned()),
            head: (format!("GET {before}").into_bytes(), end.into_bytes()),
        })
    }

    pub fn write_http1(&self, address: IpAddr, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.head.0);
        if self.asks_for_address {
            // Writing to memory does not fail.
            _ = write!(to, "{address}");
        }
        to.extend_from_slice(&self.head.1);
    }

    pub fn http2(&self, address: IpAddr) -> Result<http::Request<()>, http::Error> {
        let (before, after) = &self.path;
        let path = if self.asks_for_address { format!("{before}{address}{after}") } else { before.clone() };
        let uri = Uri::builder().scheme("https").authority(self.host.as_str()).path_and_query(path).build()?;
        http::Request::get(uri).version(http::Version::HTTP_2).body(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_goes_where_the_template_says() {
        let request = Request::new("/lookup?ip={ip}&more", "localhost").unwrap();
        let mut written = Vec::new();
        request.write_http1("2001:db8::1".parse().unwrap(), &mut written);
        assert_eq!(written, b"GET /lookup?ip=2001:db8::1&more HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let http2 = request.http2("192.0.2.1".parse().unwrap()).unwrap();
        assert_eq!(http2.uri(), "https://localhost/lookup?ip=192.0.2.1&more");
    }

    #[test]
    fn a_path_may_do_without_an_address() {
        let mut written = Vec::new();
        Request::new("/fixed", "localhost").unwrap().write_http1("192.0.2.1".parse().unwrap(), &mut written);
        assert_eq!(written, b"GET /fixed HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["lookup?ip={ip}", "/a b?ip={ip}", ""] {
            assert!(Request::new(path, "localhost").is_err(), "{path}");
        }
    }
}
