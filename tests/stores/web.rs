//! An HTTP server that is as good or as odd as a test needs it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What lies at a path, and how it is given.
#[derive(Debug, Clone, Default)]
pub struct Page {
    bytes: Vec<u8>,
    tag: Option<String>,
    modified: Option<String>,
    manner: Manner,
}

#[derive(Debug, Clone, Default)]
enum Manner {
    #[default]
    Well,
    /// Asked, it says nothing.
    Hangs,
    /// It says a byte from time to time.
    Drips,
    /// It ends after so many bytes of the body, having said that there are all.
    Cut(usize),
    /// Without a length: in chunks, as servers do that do not know it yet.
    Chunked,
    Status(u16),
    Redirect(String),
}

impl Page {
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), ..Self::default() }
    }

    /// With an `ETag` of its bytes.
    pub fn tagged(bytes: impl AsRef<[u8]>) -> Self {
        let page = Self::new(bytes);
        let tag = format!("\"{}\"", &crate::s3::sha256(&page.bytes)[..16]);
        Self { tag: Some(tag), ..page }
    }

    /// With a `Last-Modified` only.
    pub fn modified(bytes: impl AsRef<[u8]>, at: &str) -> Self {
        Self { modified: Some(at.to_owned()), ..Self::new(bytes) }
    }

    pub fn hanging() -> Self {
        Self { manner: Manner::Hangs, ..Self::default() }
    }

    pub fn dripping(self) -> Self {
        Self { manner: Manner::Drips, ..self }
    }

    pub fn cut(self, after: usize) -> Self {
        Self { manner: Manner::Cut(after), ..self }
    }

    pub fn chunked(self) -> Self {
        Self { manner: Manner::Chunked, ..self }
    }

    pub fn status(status: u16) -> Self {
        Self { manner: Manner::Status(status), ..Self::new("<html>\n<p>sorry</p>\n</html>\n") }
    }

    pub fn redirect(to: &str) -> Self {
        Self { manner: Manner::Redirect(to.to_owned()), ..Self::default() }
    }
}

type Pages = Arc<Mutex<BTreeMap<String, Page>>>;

/// A server on the loopback, for as long as the tests run.
pub struct Web {
    pub address: SocketAddr,
    pages: Pages,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Web {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self { address: listener.local_addr().unwrap(), pages: Pages::default(), asked: Arc::default() };
        let (pages, asked) = (Arc::clone(&web.pages), Arc::clone(&web.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (pages, asked) = (Arc::clone(&pages), Arc::clone(&asked));
                // Whoever goes away meanwhile is no failure of a test.
                std::thread::spawn(move || _ = serve(&stream, &pages, &asked));
            }
        });
        web
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn set(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(format!("/{path}"), page);
    }

    pub fn remove(&self, path: &str) {
        self.pages.lock().unwrap().remove(&format!("/{path}"));
    }

    /// How often a path was asked for and answered with this status.
    pub fn count(&self, path: &str, status: u16) -> usize {
        let wanted = (format!("/{path}"), status);
        self.asked.lock().unwrap().iter().filter(|asked| **asked == wanted).count()
    }
}

fn serve(stream: &TcpStream, pages: &Pages, asked: &Mutex<Vec<(String, u16)>>) -> std::io::Result<()> {
    let mut input = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let page = pages.lock().unwrap().get(&path).cloned();
        let page = page.unwrap_or_else(|| Page::status(404));
        let header = |name: &str| {
            lines[1..].iter().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let is_known = match (&page.tag, header("if-none-match")) {
            (Some(tag), Some(known)) => *tag == known,
            _ => page.modified.is_some() && page.modified == header("if-modified-since"),
        };
        let status = match page.manner {
            Manner::Status(status) => status,
            Manner::Redirect(_) => 302,
            _ if is_known => 304,
            _ => 200,
        };
        asked.lock().unwrap().push((path, status));
        if !answer(stream, &page, status)? {
            return Ok(());
        }
    }
}

/// Whether more may be asked.
fn answer(mut stream: &TcpStream, page: &Page, status: u16) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
    if let Some(tag) = &page.tag {
        head += &format!("ETag: {tag}\r\n");
    }
    if let Some(modified) = &page.modified {
        head += &format!("Last-Modified: {modified}\r\n");
    }
    if let Manner::Redirect(to) = &page.manner {
        head += &format!("Location: {to}\r\n");
    }
    if matches!(page.manner, Manner::Hangs) {
        std::thread::sleep(Duration::from_mins(10));
        return Ok(false);
    }
    if status == 304 {
        stream.write_all((head + "\r\n").as_bytes())?;
        return Ok(true);
    }
    if matches!(page.manner, Manner::Chunked) {
        stream.write_all((head + "Transfer-Encoding: chunked\r\n\r\n").as_bytes())?;
        stream.write_all(format!("{:x}\r\n", page.bytes.len()).as_bytes())?;
        stream.write_all(&page.bytes)?;
        stream.write_all(b"\r\n0\r\n\r\n")?;
        return Ok(true);
    }
    stream.write_all((head + &format!("Content-Length: {}\r\n\r\n", page.bytes.len())).as_bytes())?;
    match page.manner {
        Manner::Drips => {
            for byte in page.bytes.chunks(1) {
                stream.write_all(byte)?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Manner::Cut(after) => {
            stream.write_all(&page.bytes[..after])?;
            return Ok(false);
        }
        _ => stream.write_all(&page.bytes)?,
    }
    Ok(true)
}
