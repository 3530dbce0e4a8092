//! Answers that come when they come: one message as JSON, or several as server-sent events.

use std::convert::Infallible;
use std::future::Future as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, Interval, Sleep, interval_at, sleep, timeout};

use crate::untaken::Account;

/// Messages that wait to be taken by one reader, and their bytes. One more place is the last one's. All that one owner has
/// not taken is bounded as well.
const WAITING: usize = 64;
const BYTES: usize = 4 * 1024 * 1024;
/// With nothing to say for so long, a stream is begun: who stands between ends what is silent.
const QUIET: Duration = Duration::from_secs(15);
/// A comment in a stream of events, which keeps it open.
const BEAT: &str = ": \n\n";

pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// How long an answer waits for room.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands around a message, which is one line, as an event.
const BEFORE: &[u8] = b"event: message\ndata: ";
const BEHIND: &[u8] = b"\n\n";

/// Messages as events.
enum Event {
    Part(Bytes),
    Last(Bytes),
}

/// Where messages for one reader go.
pub(crate) struct Feed {
    to: Sender<Event>,
    bytes: Arc<AtomicUsize>,
    account: Account,
}

/// What comes of them.
#[derive(Debug)]
pub(crate) struct Events {
    from: Receiver<Event>,
    bytes: Arc<AtomicUsize>,
}

/// A reader, and where its messages go. What it has not taken stands in this account.
pub(crate) fn feed(account: &Account) -> (Feed, Events) {
    let (to, from) = channel(WAITING + 1);
    let bytes = Arc::<AtomicUsize>::default();
    let feed = Feed {
        to,
        bytes: Arc::clone(&bytes),
        account: account.clone(),
    };
    (feed, Events { from, bytes })
}

impl Feed {
    /// One of several messages. `false`: nobody reads it, or too slowly.
    pub(crate) fn part(&self, message: &[u8]) -> bool {
        let fits = self.bytes.load(Ordering::SeqCst) + message.len() <= BYTES;
        if !fits || self.to.capacity() <= 1 {
            return false;
        }
        let held = self
            .account
            .hold(as_event(message), Duration::ZERO, || true);
        let Some(event) = held else {
            return false;
        };
        self.bytes.fetch_add(message.len(), Ordering::SeqCst);
        self.to.try_send(Event::Part(event)).is_ok()
    }

    /// The answer, after which nothing comes. Whoever does not read any more does not want it. The feed again: it was not
    /// taken, because too much of its owner is not.
    pub(crate) fn last(self, message: &[u8]) -> Result<(), Self> {
        let is_wanted = || !self.is_closed();
        match self.account.hold(as_event(message), PATIENCE, is_wanted) {
            Some(event) => drop(self.to.try_send(Event::Last(event))),
            None if self.is_closed() => {}
            None => return Err(self),
        }
        Ok(())
    }

    /// The same of a few words, for which there is always room.
    pub(crate) fn last_words(self, message: &[u8]) {
        let event = self.account.hold_anyway(as_event(message));
        drop(self.to.try_send(Event::Last(event)));
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.to.is_closed()
    }
}

impl Events {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let next = self.from.poll_recv(context);
        if let Poll::Ready(Some(Event::Part(event))) = &next {
            self.bytes
                .fetch_sub(as_message(event).len(), Ordering::SeqCst);
        }
        next
    }
}

/// What a reply waits for.
#[derive(Debug)]
pub(crate) enum Later {
    /// An answer, for so long, whose status may depend on it. What comes before it makes a stream of it.
    Answer(Events, Duration, Option<fn(&[u8]) -> u16>),
    /// A stream, for so long.
    Stream(Events, Duration),
}

impl Later {
    /// The first that comes, and so the media type; and the status, where it is another than that of the reply.
    pub(crate) async fn begin(self) -> (&'static str, Option<u16>, Body) {
        let (mut events, life, status, waits) = match self {
            Self::Answer(events, life, status) => (events, life, status, true),
            Self::Stream(events, life) => (events, life, None, false),
        };
        let first = match waits {
            true => timeout(QUIET, poll_fn(|context| events.poll(context)))
                .await
                .ok(),
            false => None,
        };
        match first {
            Some(Some(Event::Last(event))) => {
                let message = as_message(&event);
                let status = status.map(|status| status(&message));
                ("application/json", status, Body::Whole(Some(message)))
            }
            Some(Some(Event::Part(event))) => {
                let body = Body::stream(events, life, Some(event));
                (EVENT_STREAM, None, body)
            }
            // Nothing comes any more.
            Some(None) => (EVENT_STREAM, None, Body::Whole(None)),
            None => (EVENT_STREAM, None, Body::stream(events, life, None)),
        }
    }
}

/// The body of an answer.
pub(crate) enum Body {
    Whole(Option<Bytes>),
    Stream(Box<Stream>),
}

pub(crate) struct Stream {
    events: Events,
    first: Option<Bytes>,
    beat: Interval,
    end: Pin<Box<Sleep>>,
    is_over: bool,
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Whole(Some(Bytes::from(text)).filter(|text| !text.is_empty()))
    }
}

impl Body {
    fn stream(events: Events, life: Duration, first: Option<Bytes>) -> Self {
        let first = first.unwrap_or(Bytes::from_static(BEAT.as_bytes()));
        Self::Stream(Box::new(Stream {
            events,
            first: Some(first),
            beat: interval_at(Instant::now() + QUIET, QUIET),
            end: Box::pin(sleep(life)),
            is_over: false,
        }))
    }
}

impl Stream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if self.is_over || self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        match self.events.poll(context) {
            Poll::Ready(Some(Event::Part(event))) => Poll::Ready(Some(event)),
            Poll::Ready(Some(Event::Last(event))) => {
                self.is_over = true;
                Poll::Ready(Some(event))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let beat = self.beat.poll_tick(context);
                beat.map(|_| Some(Bytes::from_static(BEAT.as_bytes())))
            }
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Self::Whole(whole) => Poll::Ready(whole.take()),
            Self::Stream(stream) => stream.poll(context),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => {
                let length = whole.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

fn as_event(message: &[u8]) -> Vec<u8> {
    [BEFORE, message, BEHIND].concat()
}

/// The message of an event, the same bytes.
fn as_message(event: &Bytes) -> Bytes {
    event.slice(BEFORE.len()..event.len() - BEHIND.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::untaken::Untaken;

    fn account() -> Account {
        Arc::<Untaken>::default().of("ann".to_owned())
    }

    #[test]
    fn what_waits_for_a_slow_reader_is_bounded_and_the_answer_has_its_place() {
        let (feed, events) = feed(&account());
        let sent = (0..200).filter(|_| feed.part(b"x")).count();
        assert_eq!(sent, WAITING);
        assert!(feed.last(b"answer").is_ok());
        assert_eq!(events.from.len(), WAITING + 1);
        let (feed, mut events) = super::feed(&account());
        let large = vec![b'x'; BYTES / 2];
        assert!(feed.part(&large) && feed.part(&large) && !feed.part(b"x"));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(events.poll(&mut context).is_ready());
        assert!(feed.part(b"x"));
        drop(events);
        assert!(!feed.part(b"x") && feed.is_closed());
    }

    #[test]
    fn an_answer_is_the_same_bytes_alone_and_as_an_event() {
        let (feed, mut events) = feed(&account());
        assert!(feed.last(b"{}").is_ok());
        let mut context = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Event::Last(event))) = events.poll(&mut context) else {
            panic!("no answer");
        };
        assert_eq!(&*event, b"event: message\ndata: {}\n\n");
        assert_eq!(&*as_message(&event), b"{}");
    }
}
