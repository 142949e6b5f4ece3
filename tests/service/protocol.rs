//! The lookup listener's HTTP: methods, paths, sizes, framing, and everything ambiguous.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use serde_json::json;

use crate::harness::{PATIENCE, Response, Service, Setup, http1, http2};
use crate::lookup::{assert_problem, connect, start};

#[test]
fn head_is_get_without_the_body() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    for target in ["/lookup?ip=198.18.1.2", "/lookup?ip=", "/nothing"] {
        let get = connection.get(target).unwrap();
        connection.send(format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
        let head = connection.read_head().unwrap();
        let comparable = |response: &Response| {
            let mut headers = response.headers.clone();
            headers.retain(|(name, _)| name != "date");
            headers.sort();
            (response.status, headers)
        };
        assert_eq!(comparable(&head), comparable(&get), "{target}");
        assert!(head.header("content-length").is_some_and(|length| length != "0"));
    }
    assert_eq!(connection.get("/lookup?ip=198.18.1.2").unwrap().status, 200, "in step after a HEAD");
}

#[tokio::test]
async fn both_http_versions_answer_alike() {
    let (setup, service) = start();
    let client = setup.client(Some(&setup.selector));
    let mut one = http1(&client, service.lookup).await.unwrap();
    let mut two = http2(&client, service.lookup).await.unwrap();
    for (target, status) in [
        ("/lookup?ip=198.18.1.2", 200),
        ("/lookup?ip=x", 400),
        ("/", 404),
        (&format!("/lookup?{:9000}", 1).replace(' ', "x"), 414),
    ] {
        let request = Request::get(target).header("host", "localhost").body(Empty::new()).unwrap();
        let by_one = one.send_request(request).await.unwrap();
        let request = Request::get(format!("https://localhost{target}")).body(Empty::new()).unwrap();
        let by_two = two.send_request(request).await.unwrap();
        assert_eq!((by_one.version(), by_two.version()), (Version::HTTP_11, Version::HTTP_2));
        assert_eq!((by_one.status().as_u16(), by_two.status().as_u16()), (status, status), "{target}");
        for name in ["content-type", "cache-control", "content-length"] {
            assert_eq!(by_one.headers().get(name), by_two.headers().get(name), "{name} of {target}");
        }
        let body_one = by_one.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body_one, by_two.into_body().collect().await.unwrap().to_bytes(), "{target}");
    }
    let request = |method| Request::builder().method(method).uri("https://localhost/lookup?ip=198.18.1.2");
    let head = two.send_request(request(Method::HEAD).body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    let post = two.send_request(request(Method::POST).body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(post.headers().contains_key("allow"));
}

#[test]
fn a_space_within_the_target_is_no_request() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    assert_eq!(connection.get("/lookup?ip=1.2.3.4 5").unwrap().status, 400);
}

#[test]
fn other_methods_are_told_which_are_allowed() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"] {
        let request = format!("{method} /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        connection.send(request).unwrap();
        let response = connection.read().unwrap();
        assert_problem(&response, 405, method);
        let mut allowed: Vec<&str> = response.header("allow").unwrap().split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "HEAD"], "{method}");
    }
}

#[test]
fn other_paths_are_not_found() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    for path in
        ["/", "/lookup/", "/Lookup", "//lookup", "/lookup/x", "/lookups", "/health", "/metrics", "/table", "/reload"]
    {
        for method in ["GET", "POST"] {
            let request = format!("{method} {path}?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
            connection.send(request).unwrap();
            assert_problem(&connection.read().unwrap(), 404, path);
        }
    }
}

/// A good target of this length.
fn target(length: usize) -> String {
    let start = "/lookup?ip=1.2.3.4&x=";
    start.to_owned() + &"x".repeat(length - start.len())
}

#[test]
fn a_long_target_gets_its_own_status() {
    let (setup, service) = start();
    for (length, status) in [(8_192, 200), (8_193, 414), (20_000, 414), (60_000, 414), (70_000, 414), (100_000, 414)] {
        let response = connect(&setup, &service).get(&target(length)).unwrap();
        assert_eq!(response.status, status, "{length} bytes");
    }
    let response = connect(&setup, &service).get(&"/x".repeat(5_000)).unwrap();
    assert_eq!(response.status, 414, "whatever the path");
    // Past what is ever read of a header: refused one way or another.
    if let Ok(response) = connect(&setup, &service).get(&target(300_000)) {
        assert!([414, 431].contains(&response.status), "{}", response.status);
    }
    assert_eq!(connect(&setup, &service).get("/lookup?ip=1.2.3.4").unwrap().status, 200);
}

/// A request with this many header fields, its Host included.
fn request_with_fields(count: usize) -> String {
    let fields: String = (1..count).map(|number| format!("X-{number}: 1\r\n")).collect();
    format!("GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

#[test]
fn more_than_100_header_fields_are_too_many() {
    let (setup, service) = start();
    for (count, status) in [(100, 200), (101, 431), (1_000, 431)] {
        let mut connection = connect(&setup, &service);
        connection.send(request_with_fields(count)).unwrap();
        assert_eq!(connection.read().unwrap().status, status, "{count}");
    }
}

#[test]
fn the_number_of_header_fields_can_be_configured() {
    let mut setup = Setup::new();
    setup.section("limits", "header_count = 5");
    let service = Service::start(&setup);
    for (count, status) in [(5, 200), (6, 431)] {
        let mut connection = connect(&setup, &service);
        connection.send(request_with_fields(count)).unwrap();
        assert_eq!(connection.read().unwrap().status, status, "{count}");
    }
}

/// They come before there is a request to answer: the status, no document, and the end.
#[test]
fn errors_found_by_the_parser_are_statuses_alone() {
    let (setup, service) = start();
    for (of, request, status) in [
        ("70 kB", format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", target(70_000)), 414),
        ("101 header fields", request_with_fields(101), 431),
        ("a header without a colon", "GET / HTTP/1.1\r\nHost: x\r\nwrong\r\n\r\n".to_owned(), 400),
        ("no HTTP", "hello\r\n\r\n".to_owned(), 400),
    ] {
        let mut connection = connect(&setup, &service);
        connection.send(request).unwrap();
        let response = connection.read().unwrap();
        assert_eq!((response.status, response.body.len()), (status, 0), "{of}");
        connection.wait_closed();
    }
}

/// Sends it and a good request behind, and expects 400, the end, and no second answer.
#[track_caller]
fn assert_refused_and_closed(setup: &Setup, service: &Service, request: &str) {
    let mut connection = connect(setup, service);
    connection.send(format!("{request}GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
    let response = connection.read().unwrap();
    assert_eq!(response.status, 400, "{request}");
    assert_eq!(response.header("connection"), Some("close"), "{request}");
    assert!(connection.is_closed_within(PATIENCE), "{request}");
}

#[test]
fn any_transfer_encoding_is_refused() {
    let (setup, service) = start();
    for fields in [
        "Transfer-Encoding: chunked",
        "transfer-encoding: CHUNKED",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        for method in ["GET", "POST"] {
            let request = format!("{method} /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n0\r\n\r\n");
            assert_refused_and_closed(&setup, &service, &request);
        }
    }
    let old = "GET /lookup?ip=1.2.3.4 HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut connection = connect(&setup, &service);
    connection.send(old).unwrap();
    assert_eq!(connection.read().unwrap().status, 400, "in HTTP/1.0 too");
    assert!(connection.is_closed_within(PATIENCE));
}

#[test]
fn http_1_1_needs_one_host() {
    let (setup, service) = start();
    for fields in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nX: 1\r\nhost: a\r\n"] {
        let request = format!("GET /lookup?ip=1.2.3.4 HTTP/1.1\r\n{fields}\r\n");
        assert_refused_and_closed(&setup, &service, &request);
    }
}

#[test]
fn differing_content_lengths_are_refused() {
    let (setup, service) = start();
    for fields in
        ["Content-Length: 1\r\nContent-Length: 2", "Content-Length: 1, 2", "Content-Length: +1", "Content-Length: x"]
    {
        let mut connection = connect(&setup, &service);
        let request = format!("GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\nab");
        connection.send(request).unwrap();
        assert_eq!(connection.read().unwrap().status, 400, "{fields}");
        assert!(connection.is_closed_within(PATIENCE), "{fields}");
    }
}

#[test]
fn a_body_on_a_get_is_left_aside() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    let body = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
    let request = format!("GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    connection.send(request + "GET /lookup?ip=5.6.7.8 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(connection.read().unwrap().json()["ip"], json!("1.2.3.4"));
    // Either the body is skipped, or the connection closed; it is never read as a request.
    if let Ok(next) = connection.read() {
        assert_eq!(next.json()["ip"], json!("5.6.7.8"));
    }
}

#[test]
fn an_endless_body_is_cut_off() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    let head = "GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    connection.send(head).unwrap();
    let chunk = vec![b'x'; 1 << 16];
    let mut sent = 0;
    while connection.send(&chunk).is_ok() {
        sent += chunk.len();
        assert!(sent < 64 << 20, "64 MB of body were taken");
    }
    assert_eq!(setup.client(Some(&setup.selector)).get(service.lookup, "/lookup?ip=1.2.3.4").unwrap().status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (setup, service) = start();
    let mut connection = connect(&setup, &service);
    let one = |number: usize| match number % 5 {
        4 => "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        _ => format!("GET /lookup?ip=198.18.0.{number} HTTP/1.1\r\nHost: x\r\n\r\n"),
    };
    connection.send((0..200).map(one).collect::<String>()).unwrap();
    for number in 0..200 {
        let response = connection.read().unwrap();
        match number % 5 {
            4 => assert_eq!(response.status, 404),
            _ => assert_eq!(response.json()["ip"], json!(format!("198.18.0.{number}"))),
        }
    }
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let (setup, service) = start();
    for host in ["", "Host: x\r\n"] {
        let mut connection = connect(&setup, &service);
        connection.send(format!("GET /lookup?ip=1.2.3.4 HTTP/1.0\r\n{host}\r\n")).unwrap();
        let response = connection.read().unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.json()["ip"], json!("1.2.3.4"));
        assert!(connection.is_closed_within(PATIENCE));
    }
    let mut connection = connect(&setup, &service);
    connection.send("GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(connection.read().unwrap().status, 200);
    assert!(connection.is_closed_within(PATIENCE), "as asked");
}

#[test]
fn plain_http_on_the_tls_port_is_closed_cleanly() {
    let (setup, service) = start();
    for bytes in [
        "GET /lookup?ip=1.2.3.4 HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\n\r\n",
        "\0\0\0\0\0\0",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(service.lookup).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut received = Vec::new();
        BufReader::new(stream).read_to_end(&mut received).unwrap();
        assert!(!received.starts_with(b"HTTP"), "{received:?}");
    }
    let response = setup.client(Some(&setup.selector)).get(service.lookup, "/lookup?ip=1.2.3.4");
    assert_eq!(response.unwrap().status, 200, "others are served");
}
