//! Connections: up to a bound at one time, each of which must take what it is told, and an end that lets what has begun
//! come to its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use crate::tls::{Io, Tls};

/// For a caller to take some of an answer: whoever does not would keep the connection for good.
const WRITE_TIME: Duration = Duration::from_secs(20);
/// For what has begun when the process is to end.
const END_TIME: Duration = Duration::from_secs(10);

/// For a client to agree about TLS.
const TLS_TIME: Duration = Duration::from_secs(5);

/// What HTTP is spoken over.
pub(crate) type Stream = TokioIo<Box<dyn Io>>;

/// How many connections there may be, and how long a peer may say nothing.
pub(crate) struct Bounds {
    pub(crate) most: usize,
    pub(crate) silence: Option<Duration>,
}

/// Serves until `end`, each connection by what `begin` makes of it. Those beyond the bound are `left` over.
pub(crate) async fn serve<C: GracefulConnection + Send + 'static>(
    (listener, tls): (TcpListener, Option<Arc<Tls>>),
    bounds: Bounds,
    end: impl Future<Output = ()>,
    left: impl Fn(TcpStream) + Send + 'static,
    begin: impl Fn(Stream) -> C + Send + Sync + 'static,
) {
    let begin = Arc::new(begin);
    let graceful = Arc::new(GracefulShutdown::new());
    let watching = Arc::clone(&graceful);
    let accepting = tokio::spawn(async move {
        let connections = Arc::new(Semaphore::new(bounds.most));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // No file descriptors: those that are open end by themselves.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(connection) = Arc::clone(&connections).try_acquire_owned() else {
                left(stream);
                continue;
            };
            let mut stream = Box::pin(TimeoutStream::new(stream));
            stream.as_mut().set_write_timeout_pinned(Some(WRITE_TIME));
            stream.as_mut().set_read_timeout_pinned(bounds.silence);
            let (watcher, begin) = (watching.watcher(), Arc::clone(&begin));
            let tls = tls.as_ref().map(|tls| tls.acceptor());
            tokio::spawn(async move {
                let stream: Option<Box<dyn Io>> = match tls {
                    None => Some(Box::new(stream)),
                    Some(tls) => match timeout(TLS_TIME, tls.accept(stream)).await {
                        Ok(Ok(stream)) => Some(Box::new(stream)),
                        _ => None,
                    },
                };
                if let Some(stream) = stream {
                    // A connection that breaks concerns its peer alone.
                    drop(watcher.watch(begin(TokioIo::new(stream))).await);
                }
                drop(connection);
            });
        }
    });
    end.await;
    accepting.abort();
    drop(accepting.await);
    if let Some(graceful) = Arc::into_inner(graceful) {
        drop(timeout(END_TIME, graceful.shutdown()).await);
    }
}
