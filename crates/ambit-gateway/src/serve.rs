//! A server's process: threads, signals, and files that change.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::http::{self, Service};
use crate::tls::Tls;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a server that ends waits for what it still does, and then for whoever still has a part of it.
const CLOSING: Duration = Duration::from_secs(1);

/// What ends a server.
type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a service listens.
#[derive(Debug)]
pub struct Listen {
    /// The address.
    pub at: SocketAddr,
    /// The certificate that it shows. Without one TLS is for a proxy in front.
    pub tls: Option<Tls>,
}

impl From<SocketAddr> for Listen {
    fn from(at: SocketAddr) -> Self {
        Self { at, tls: None }
    }
}

/// Serves until the process is told to end (`SIGTERM`, `SIGINT`). `bound` is told where it listens.
///
/// # Errors
///
/// That it cannot listen there, or not be told to end.
pub fn serve<S: Service>(
    listen: impl Into<Listen>,
    service: S,
    bound: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    run(listen.into(), service, bound, http::serve)
}

/// Answers Envoy over gRPC until the process is told to end.
///
/// # Errors
///
/// As those of [`serve`].
#[cfg(feature = "grpc")]
pub fn serve_grpc(
    listen: SocketAddr,
    service: crate::forward::Forward,
    bound: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    run(listen.into(), service, bound, crate::forward::grpc::serve)
}

fn run<S: Service, F: Future<Output = ()>>(
    Listen { at, tls }: Listen,
    service: S,
    bound: impl FnOnce(SocketAddr),
    serving: impl FnOnce((TcpListener, Option<Arc<Tls>>), Arc<S>, End) -> F,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(service.threads())
        .enable_all()
        .build()?;
    let service = Arc::new(service);
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(at).await?;
        let end = end()?;
        bound(listener.local_addr()?);
        let tls = tls.map(Arc::new);
        let (looking, shown) = (Arc::downgrade(&service), tls.clone());
        thread::spawn(move || {
            while let Some(service) = looking.upgrade() {
                service.refresh();
                drop(service);
                if let Some(tls) = &shown {
                    tls.refresh();
                }
                thread::sleep(LOOK);
            }
        });
        serving((listener, tls), Arc::clone(&service), Box::pin(end)).await;
        Ok(())
    });
    runtime.shutdown_timeout(CLOSING);
    close(service);
    served
}

/// Does this, from a thread of its own, when the process is told to end.
pub(crate) fn when_told(end: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let told = {
        let _within = runtime.enter();
        self::end()?
    };
    let waiting = thread::Builder::new().name("signals".to_owned());
    waiting.spawn(move || {
        runtime.block_on(told);
        end();
    })?;
    Ok(())
}

/// Closes what a service writes to before the process ends: whoever looks after it has it for a moment longer.
fn close<S>(mut service: Arc<S>) {
    let until = Instant::now() + CLOSING;
    while let Err(others) = Arc::try_unwrap(service) {
        if Instant::now() > until {
            return;
        }
        service = others;
        thread::sleep(Duration::from_millis(5));
    }
}

/// Ends when the process is told to.
fn end() -> io::Result<impl Future<Output = ()>> {
    let told = Arc::new(Notify::new());
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let told = Arc::clone(&told);
        tokio::spawn(async move {
            terminate.recv().await;
            told.notify_one();
        });
    }
    let interrupted = Arc::clone(&told);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.notify_one();
        }
    });
    Ok(async move { told.notified().await })
}
