//! Connections: up to a bound at one time, each of which must take what it is told, and an end that lets what has begun
//! come to its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

/// For a caller to take some of an answer: whoever does not would keep the connection for good.
const WRITE_TIME: Duration = Duration::from_secs(20);
/// For what has begun when the process is to end.
const END_TIME: Duration = Duration::from_secs(10);

/// What HTTP is spoken over.
pub(crate) type Stream = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

/// How many connections there may be, and how long a peer may say nothing.
pub(crate) struct Bounds {
    pub(crate) most: usize,
    pub(crate) silence: Option<Duration>,
}

/// Serves until `end`, each connection by what `begin` makes of it. Those beyond the bound are `left` over.
pub(crate) async fn serve<C: GracefulConnection + Send + 'static>(
    listener: TcpListener,
    bounds: Bounds,
    end: impl Future<Output = ()>,
    left: impl Fn(TcpStream) + Send + 'static,
    begin: impl Fn(Stream) -> C + Send + 'static,
) {
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
            let served = watching.watch(begin(TokioIo::new(stream)));
            tokio::spawn(async move {
                // A connection that breaks concerns its peer alone.
                drop(served.await);
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
