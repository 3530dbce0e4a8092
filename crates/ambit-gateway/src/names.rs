//! Where a host is. A name is looked up by a thread of its own, one at a time: one that is slow to be found holds up
//! whoever waits for it, and nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::watch;

/// For so long what was found counts, and that nothing was.
const FOUND: Duration = Duration::from_secs(10);
const NOT_FOUND: Duration = Duration::from_secs(1);

type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// A host and its port.
#[derive(Clone)]
pub(crate) struct Place(Arc<Inner>);

struct Inner {
    host: String,
    port: u16,
    lookup: Box<Lookup>,
    known: watch::Sender<Option<Known>>,
    is_looking: AtomicBool,
}

#[derive(Clone)]
struct Known {
    found: Result<Vec<SocketAddr>, String>,
    at: Instant,
}

impl Known {
    fn is_fresh(&self) -> bool {
        let life = if self.found.is_ok() { FOUND } else { NOT_FOUND };
        self.at.elapsed() < life
    }
}

impl Place {
    /// `host` is a name or an address, without brackets.
    pub(crate) fn new(host: &str, port: u16) -> Self {
        Self::by(host, port, |host, port| {
            Ok((host, port).to_socket_addrs()?.collect())
        })
    }

    fn by(
        host: &str,
        port: u16,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            host: host.to_owned(),
            port,
            lookup: Box::new(lookup),
            known: watch::Sender::new(None),
            is_looking: AtomicBool::new(false),
        }))
    }

    /// A connection, however long that takes.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        let mut why = io::Error::other("its name has no address");
        for address in self.addresses().await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.0.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.0.port)]);
        }
        let mut known = self.0.known.subscribe();
        let last = known.borrow_and_update().clone();
        if let Some(Known { found, .. }) = last.as_ref().filter(|last| last.is_fresh()) {
            return found.clone().map_err(io::Error::other);
        }
        self.look()?;
        // What was found once counts until it is found anew.
        if let Some(Known {
            found: Ok(found), ..
        }) = last
        {
            return Ok(found);
        }
        known.changed().await.map_err(io::Error::other)?;
        let found = known.borrow().as_ref().map(|known| known.found.clone());
        found
            .unwrap_or_else(|| Ok(Vec::new()))
            .map_err(io::Error::other)
    }

    /// Has it looked up, unless somebody does so already.
    fn look(&self) -> io::Result<()> {
        if self.0.is_looking.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let place = Arc::clone(&self.0);
        let looking = std::thread::Builder::new().name("names".to_owned());
        let started = looking.spawn(move || {
            let found = (place.lookup)(&place.host, place.port);
            let found = found.map_err(|error| format!("its name cannot be looked up: {error}"));
            place.is_looking.store(false, Ordering::SeqCst);
            place.known.send_modify(|known| {
                let before = known.take().and_then(|known| known.found.ok());
                let found = match (found, before) {
                    (Err(_), Some(before)) => Ok(before),
                    (found, _) => found,
                };
                let at = Instant::now();
                *known = Some(Known { found, at });
            });
        });
        if started.is_err() {
            self.0.is_looking.store(false, Ordering::SeqCst);
        }
        started.map(drop)
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.host, self.0.port)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::channel;

    use tokio::time::timeout;

    use super::*;

    const SHORTLY: Duration = Duration::from_millis(50);

    #[test]
    fn a_name_that_is_slow_to_be_found_takes_one_thread_and_no_place_of_others() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (go, wait) = channel::<()>();
        let (wait, count) = (Mutex::new(wait), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        let place = Place::by("slow.example", 80, move |_, port| {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = wait.lock().unwrap().recv();
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
        });
        runtime.block_on(async {
            for _ in 0..20 {
                assert!(timeout(SHORTLY, place.addresses()).await.is_err());
            }
            // What decides has its thread.
            let decided = tokio::task::spawn_blocking(|| 7);
            assert_eq!(timeout(SHORTLY * 100, decided).await.unwrap().unwrap(), 7);
            assert_eq!(count.load(Ordering::SeqCst), 1);
            go.send(()).unwrap();
            assert_eq!(place.addresses().await.unwrap()[0].port(), 80);
        });
    }

    #[test]
    fn what_was_found_counts_until_something_else_is_and_a_failure_is_tried_again() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let count = AtomicUsize::new(0);
        let place = Place::by("a.example", 80, move |_, port| {
            match count.fetch_add(1, Ordering::SeqCst) {
                1 => Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]),
                _ => Err(io::Error::other("no such name")),
            }
        });
        let age = |by: Duration| {
            place.0.known.send_modify(|known| {
                let known = known.as_mut().unwrap();
                known.at = known.at.checked_sub(by).unwrap();
            });
        };
        runtime.block_on(async {
            let error = place.addresses().await.unwrap_err().to_string();
            assert!(error.contains("no such name"), "{error}");
            age(NOT_FOUND);
            assert_eq!(place.addresses().await.unwrap().len(), 1);
            age(FOUND);
            // Tried again behind it, in vain.
            for _ in 0..3 {
                assert_eq!(place.addresses().await.unwrap().len(), 1);
                std::thread::sleep(SHORTLY);
            }
            let address = Place::new("::1", 80).addresses().await.unwrap();
            assert_eq!(address[0].to_string(), "[::1]:80");
        });
    }
}
