//! HTTP/2 by hand, for what a client library would never send.

pub const HEADERS: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a client begins a connection with.
pub fn opening(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

/// HPACK of a lookup: GET and https by index, path and authority spelt out.
pub fn lookup() -> Vec<u8> {
    const PATH: &[u8] = b"/lookup?ip=192.0.2.1";
    const AUTHORITY: &[u8] = b"localhost";
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap();
    [&[0x82, 0x87, 0x04, length(PATH)], PATH, &[0x01, length(AUTHORITY)], AUTHORITY].concat()
}
