//! What happens without being asked for, as a stream that cannot be blocked, lost or ended by being slow.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use frisson_wire::{Fault, InputKind};
use futures_core::Stream;

use crate::device::Device;
use crate::error::DisconnectReason;
use crate::feature::Feature;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// This device can be used from now on.
    DeviceAdded(Device),
    /// This device is gone, or has changed what it offers: then an added event follows. Its handles are of no use
    /// any more.
    DeviceRemoved(Device),
    /// The scan that this client started has ended.
    ScanningFinished,
    /// A new value of an input that was subscribed to.
    Reading(Reading),
    /// The server received no ping in time and has stopped the devices; [`Event::Disconnected`] follows.
    PingTimeout,
    /// The server reports a fault that belongs to no request.
    ServerError(Fault),
    /// The connection ended. The last event unless the client was built to
    /// [`reconnect`](crate::Builder::reconnect).
    Disconnected(DisconnectReason),
    /// The connection will be made again after this delay. There may be several attempts.
    Reconnecting {
        /// 1 for the first attempt since the connection ended.
        attempt: u32,
        /// How long the client waits before it tries.
        delay: Duration,
    },
    /// The connection is there again. Devices that have come or gone in the meantime follow as events.
    Reconnected,
    /// This many events were dropped here, because more came than were taken. The newest ones are kept.
    Lagged(u64),
}

/// A value of an input.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Whose value it is.
    pub feature: Feature,
    /// Which of the feature's inputs.
    pub kind: InputKind,
    /// The value: percent for a battery, dBm for a signal strength, 1 or 0 for a button that is down or up.
    pub value: i64,
}

/// A stream of events, see [`Client::events`](crate::Client::events).
///
/// It begins with a [`DeviceAdded`](Event::DeviceAdded) for each device that is connected at the time, so that one
/// loop sees all of them. When it is not read, it keeps the newest events and tells with
/// [`Lagged`](Event::Lagged) how many it dropped. It ends when the connection has ended for good.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
}

impl Events {
    /// The next event. `None` once the connection has ended for good, and ever after.
    ///
    /// # Cancel safety
    ///
    /// An event is taken only when it is returned: dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.queue.poll(cx)).await
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.queue.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ended = true;
        state.present.clear();
        state.events.clear();
    }
}

/// The sending end of an [`Events`]. Dropping it ends the stream.
#[derive(Debug)]
pub(crate) struct Publisher {
    queue: Arc<Queue>,
}

impl Publisher {
    /// Adds an event, and drops the oldest one if there is no room. `false` if nobody will take it.
    pub(crate) fn publish(&self, event: Event) -> bool {
        let mut state = self.queue.lock();
        if state.ended {
            return false;
        }
        if state.events.len() >= self.queue.capacity {
            state.events.pop_front();
            state.dropped += 1;
        }
        state.events.push_back(event);
        state.wake();
        true
    }

    /// Adds a device that was there before the stream. Needs no room.
    pub(crate) fn introduce(&self, device: Device) {
        let mut state = self.queue.lock();
        if !state.ended {
            state.present.push_back(device);
            state.wake();
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ended = true;
        state.wake();
    }
}

/// A new stream that keeps at most `capacity` events.
pub(crate) fn channel(capacity: usize) -> (Publisher, Events) {
    let queue = Arc::new(Queue { state: Mutex::default(), capacity: capacity.max(1) });
    (Publisher { queue: queue.clone() }, Events { queue })
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    present: VecDeque<Device>,
    events: VecDeque<Event>,
    dropped: u64,
    ended: bool,
    reader: Option<Waker>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.lock();
        if let Some(device) = state.present.pop_front() {
            return Poll::Ready(Some(Event::DeviceAdded(device)));
        }
        if state.dropped > 0 {
            return Poll::Ready(Some(Event::Lagged(std::mem::take(&mut state.dropped))));
        }
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(events: &mut Events) -> Vec<String> {
        std::iter::from_fn(|| events.try_next())
            .map(|event| match event {
                Event::Reconnecting { attempt, .. } => attempt.to_string(),
                Event::Lagged(dropped) => format!("{dropped} dropped"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    fn numbered(attempt: u32) -> Event {
        Event::Reconnecting { attempt, delay: Duration::ZERO }
    }

    #[test]
    fn a_slow_reader_gets_the_newest_events_and_the_number_of_those_it_missed() {
        let (publisher, mut events) = channel(3);
        (1..=5).for_each(|attempt| assert!(publisher.publish(numbered(attempt))));
        assert_eq!(attempts(&mut events), ["2 dropped", "3", "4", "5"]);
        publisher.publish(numbered(6));
        assert_eq!(attempts(&mut events), ["6"]);
    }

    #[test]
    fn what_was_published_is_read_before_the_end() {
        let (publisher, mut events) = channel(3);
        publisher.publish(numbered(1));
        drop(publisher);
        assert_eq!(attempts(&mut events), ["1"]);
        assert!(events.queue.lock().ended);
    }

    #[test]
    fn a_dropped_stream_is_noticed() {
        let (publisher, events) = channel(3);
        drop(events);
        assert!(!publisher.publish(numbered(1)));
    }
}
