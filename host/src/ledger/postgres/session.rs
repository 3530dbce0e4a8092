//! A connection that never waits longer than it may, whatever the server does, and whose turn it is to use it.
//!
//! What a server promises about time holds while it runs: one that is stopped, or whose machine is, answers nothing and closes
//! nothing. So each wait here ends by a clock of this process. A connection that was waited for in vain is closed.

use std::future::Future;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Connection, Error, NoTls, Row};

use super::tls::Encrypting;
use super::{LedgerError, store};

/// A connection, while one call uses it.
pub(super) struct Session {
    client: Client,
    driver: Driver,
    until: Instant,
}

/// What sends and receives, while a call waits for it.
struct Driver(Option<Runtime>);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The name of the server may be looked up by a thread that nothing ends: it is not waited for.
            runtime.shutdown_background();
        }
    }
}

impl Session {
    pub(super) fn connect(
        config: &Config,
        encrypting: Option<&Encrypting>,
        until: Instant,
    ) -> Result<Self, LedgerError> {
        let driver = Driver::new()?;
        let client = match encrypting {
            Some(encrypting) => {
                let connected = driver.wait(until, config.connect(encrypting.clone()))?;
                driver.begin(connected)
            }
            None => driver.begin(driver.wait(until, config.connect(NoTls))?),
        };
        Ok(Self {
            client,
            driver,
            until,
        })
    }

    /// Several statements, without values.
    pub(super) fn batch(&self, sql: &str) -> Result<(), LedgerError> {
        self.wait(self.client.batch_execute(sql))
    }

    pub(super) fn one(&self, sql: &str) -> Result<Row, LedgerError> {
        self.wait(self.client.query_one(sql, &[]))
    }

    pub(super) fn row(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, LedgerError> {
        self.wait(self.client.query_opt(sql, values))
    }

    pub(super) fn run(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), LedgerError> {
        self.wait(self.client.execute(sql, values)).map(drop)
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, LedgerError> {
        self.driver.wait(self.until, answer)
    }
}

impl Driver {
    fn new() -> Result<Self, LedgerError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| LedgerError::Store(error.to_string()))?;
        Ok(Self(Some(runtime)))
    }

    /// Sends and receives for a connection, whenever a call waits.
    fn begin<S, T>(&self, (client, connection): (Client, Connection<S, T>)) -> Client
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Some(runtime) = &self.0 {
            runtime.spawn(async { drop(connection.await) });
        }
        client
    }

    fn wait<T>(
        &self,
        until: Instant,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, LedgerError> {
        let late = || LedgerError::Store("the server did not answer in time".to_owned());
        let runtime = self.0.as_ref().ok_or_else(late)?;
        let bounded = async { tokio::time::timeout_at(until.into(), answer).await };
        let answered = runtime.block_on(bounded).map_err(|_| late())?;
        answered.map_err(|error| store(&error))
    }
}

/// The connection between two calls.
#[derive(Default)]
pub(super) struct Kept {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    is_taken: bool,
    session: Option<Session>,
}

impl Kept {
    /// Waits until no other call uses the connection.
    pub(super) fn turn(&self, until: Instant) -> Result<Turn<'_>, LedgerError> {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self
            .free
            .wait_timeout_while(self.lock(), left, |state| state.is_taken);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_taken {
            let why = "other calls wait for the server, and it was not this one's turn in time";
            return Err(LedgerError::Store(why.to_owned()));
        }
        state.is_taken = true;
        drop(state);
        Ok(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's, until it is dropped.
pub(super) struct Turn<'a>(&'a Kept);

impl Turn<'_> {
    /// The connection that was kept, unless it is known to be closed.
    pub(super) fn take(&mut self, until: Instant) -> Option<Session> {
        let session = self.0.lock().session.take()?;
        let session = Session { until, ..session };
        (!session.client.is_closed()).then_some(session)
    }

    pub(super) fn keep(&mut self, session: Session) {
        self.0.lock().session = Some(session);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().is_taken = false;
        self.0.free.notify_one();
    }
}
