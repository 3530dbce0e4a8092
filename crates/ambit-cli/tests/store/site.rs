//! A web server that answers what a test says, also what no server should.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is answered at a path.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    /// A file, with its validator.
    File(Vec<u8>, &'static str),
    /// This status, and these header lines.
    Status(u16, String),
    /// Bytes without an end.
    Endless,
    /// A byte now and then, without an end.
    Slow,
    /// Nothing: the connection is closed.
    Gone,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) path: String,
    pub(crate) head: String,
}

pub(crate) struct Site {
    pub(crate) address: String,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self {
            address: listener.local_addr().unwrap().to_string(),
            pages: Arc::default(),
            came: Arc::default(),
        };
        let (pages, came) = (Arc::clone(&site.pages), Arc::clone(&site.came));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, came) = (Arc::clone(&pages), Arc::clone(&came));
                thread::spawn(move || answer(stream, &pages, &came));
            }
        });
        site
    }

    pub(crate) fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub(crate) fn take(&self, path: &str) {
        self.pages.lock().unwrap().remove(path);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, pages: &Mutex<BTreeMap<String, Page>>, came: &Mutex<Vec<Came>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {
        if head.ends_with("\r\n\r\n") {
            break;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let bare = path.split('?').next().unwrap().to_owned();
    came.lock().unwrap().push(Came {
        path,
        head: head.clone(),
    });
    let page = pages.lock().unwrap().get(&bare).cloned();
    let say = |stream: &mut TcpStream, head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
    };
    match page {
        None => say(&mut stream, "404 Not Found\r\ncontent-length: 0", b""),
        Some(Page::File(_, tag)) if head.contains(&format!("if-none-match: {tag}\r\n")) => {
            say(&mut stream, "304 Not Modified", b"");
        }
        Some(Page::File(bytes, tag)) => {
            let length = bytes.len();
            let head = format!("200 OK\r\netag: {tag}\r\ncontent-length: {length}");
            say(&mut stream, &head, &bytes);
        }
        Some(Page::Status(status, lines)) => {
            say(
                &mut stream,
                &format!("{status} X\r\ncontent-length: 0{lines}"),
                b"",
            );
        }
        Some(Page::Endless) => {
            say(&mut stream, "200 OK", b"");
            while stream.write_all(&[0; 65536]).is_ok() {}
        }
        Some(Page::Slow) => {
            say(&mut stream, "200 OK", b"");
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(200));
            }
        }
        Some(Page::Gone) => {}
    }
    // What was not read would break the answer off.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let _ = stream.read(&mut [0; 1024]);
}
