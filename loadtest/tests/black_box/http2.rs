//! HTTP/2: many requests at once on one connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use http::Response;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::run::run_as;
use crate::server::certificates;

/// How many requests must be there before any of them is answered.
const TOGETHER: usize = 4;

/// Serves for as long as the runtime is there. In the directory is what its clients need.
fn server<F>(serve: fn(TcpListener, TlsAcceptor) -> F) -> (TempDir, SocketAddr, Runtime)
where
    F: Future<Output = ()> + Send + 'static,
{
    let directory = TempDir::new().unwrap();
    let mut config = certificates(directory.path(), "server");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
    (directory, address, runtime)
}

#[test]
fn requests_share_a_connection() {
    let (directory, address, _runtime) = server(serve);

    let options = "--http 2 --connections 1 --streams 4 --seconds 0.3 --expect-cdn bidi --timeout 2";
    let run = run_as("saturate", address, directory.path(), options);
    // When it ends some may wait for others that do not come any more.
    assert!(run.count("/requests/answered") >= TOGETHER as u64, "{}", run.report["requests"]);
    assert!(run.count("/requests/failed") < TOGETHER as u64, "{}", run.report["failures"]);
    assert_eq!(run.count("/connections/most_open"), 1);
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut waiting: Vec<SendResponse<Bytes>> = Vec::new();
        while let Some(Ok((_, respond))) = connection.accept().await {
            waiting.push(respond);
            if waiting.len() == TOGETHER {
                for mut respond in waiting.drain(..) {
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    body.send_data(Bytes::from_static(b"{\"cdn\":\"bidi\"}"), true).unwrap();
                }
            }
        }
    }
}

#[test]
fn what_a_connection_did_not_answer_is_asked_again_on_another() {
    let (directory, address, _runtime) = server(serve_but_the_first);

    let options = "--http 2 --connections 1 --max-connections 1 --streams 2 --rate 20 --seconds 0.5 --arrivals constant \
                   --retry failed --slo-mean 9999 --slo-slow 9999";
    let run = run_as("steady", address, directory.path(), options);
    assert_eq!((run.count("/requests/answered"), run.count("/requests/failed")), (10, 0), "{}", run.report["failures"]);
    assert_eq!((run.count("/requests/retried"), run.text("/retried_after/0/kind")), (1, "cut"));
}

/// The first connection ends with its first request.
async fn serve_but_the_first(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut is_first = true;
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            if std::mem::take(&mut is_first) {
                break;
            }
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"{}"), true).unwrap();
        }
    }
}
