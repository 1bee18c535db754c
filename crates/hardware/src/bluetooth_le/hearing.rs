//! What a device says, between the radio and whoever listens.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use frisson_program::Endpoint;
use tokio::sync::Notify;
use tracing::debug;

use crate::Notified;

/// How many bytes of a device may wait to be heard. When there are more the oldest are dropped.
const MAX_UNHEARD: usize = 64 << 10;
/// What a notification takes besides its bytes.
const OVERHEAD: usize = 64;

/// What a device has said, by the system's name `H` of the characteristic.
pub(super) struct Hearing<H> {
    state: Mutex<State<H>>,
    changed: Notify,
}

struct State<H> {
    listening: Vec<(H, Endpoint)>,
    unheard: VecDeque<(Endpoint, Vec<u8>)>,
    size: usize,
    dropped: u64,
    gone: Option<String>,
}

/// What has to change with the system when an endpoint begins or ends to be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscription {
    /// Nothing.
    Unchanged,
    /// Notifications of the characteristic have to be switched on or off.
    Needed(bool),
}

impl<H: PartialEq> Hearing<H> {
    pub(super) fn new() -> Self {
        let state =
            State { listening: Vec::new(), unheard: VecDeque::new(), size: 0, dropped: 0, gone: None };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Has an endpoint listened to, or not any more. Several endpoints may be one characteristic.
    pub(super) fn listen(&self, handle: H, endpoint: Endpoint, on: bool) -> Subscription {
        let mut state = self.state();
        let was_on = state.listening.iter().any(|(other, _)| *other == handle);
        state.listening.retain(|(other, name)| *other != handle || *name != endpoint);
        let others = state.listening.iter().any(|(other, _)| *other == handle);
        if on {
            state.listening.push((handle, endpoint));
        }
        match on || others {
            is_on if is_on == was_on => Subscription::Unchanged,
            is_on => Subscription::Needed(is_on),
        }
    }

    /// Takes in what a characteristic says.
    pub(super) fn say(&self, handle: &H, bytes: &[u8]) {
        let mut state = self.state();
        if state.gone.is_some() {
            return;
        }
        let listening: Vec<_> = state
            .listening
            .iter()
            .filter(|(other, _)| other == handle)
            .map(|(_, endpoint)| *endpoint)
            .collect();
        for endpoint in listening {
            state.size += bytes.len() + OVERHEAD;
            state.unheard.push_back((endpoint, bytes.to_vec()));
        }
        while state.size > MAX_UNHEARD
            && let Some((_, oldest)) = state.unheard.pop_front()
        {
            state.size -= oldest.len() + OVERHEAD;
            state.dropped += 1;
            if state.dropped.is_power_of_two() {
                debug!(dropped = state.dropped, "the device notifies faster than it is listened to");
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Says that there is nothing more to come; the first reason counts.
    pub(super) fn end(&self, reason: &str) {
        self.state().gone.get_or_insert_with(|| reason.to_owned());
        self.changed.notify_one();
    }

    /// What was said next. What was said before the end is heard before it.
    pub(super) async fn next(&self) -> Notified {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    fn take(&self) -> Option<Notified> {
        let mut state = self.state();
        if let Some((endpoint, bytes)) = state.unheard.pop_front() {
            state.size -= bytes.len() + OVERHEAD;
            return Some(Notified::Bytes(endpoint, bytes));
        }
        state.gone.clone().map(Notified::Gone)
    }

    fn state(&self) -> MutexGuard<'_, State<H>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_goes_to_the_endpoints_that_listen_and_to_no_others() {
        let hearing = Hearing::new();
        assert_eq!(hearing.listen("a", Endpoint::RX, true), Subscription::Needed(true));
        assert_eq!(hearing.listen("a", Endpoint::RX, true), Subscription::Unchanged);
        assert_eq!(hearing.listen("a", Endpoint::TX, true), Subscription::Unchanged);
        hearing.say(&"b", &[1]);
        hearing.say(&"a", &[2]);
        assert_eq!(hearing.next().await, Notified::Bytes(Endpoint::RX, vec![2]));
        assert_eq!(hearing.next().await, Notified::Bytes(Endpoint::TX, vec![2]));
        assert_eq!(hearing.listen("a", Endpoint::RX, false), Subscription::Unchanged);
        assert_eq!(hearing.listen("a", Endpoint::TX, false), Subscription::Needed(false));
        assert_eq!(hearing.listen("a", Endpoint::TX, false), Subscription::Unchanged);
        hearing.say(&"a", &[3]);
        assert_eq!(hearing.take(), None);
    }

    #[tokio::test]
    async fn a_device_that_nobody_hears_out_fills_no_memory_and_its_end_is_heard() {
        let hearing = Hearing::new();
        hearing.listen((), Endpoint::RX, true);
        for number in 0..100_000_u32 {
            hearing.say(&(), &number.to_le_bytes());
        }
        hearing.end("unplugged");
        hearing.say(&(), &[0]);
        let mut heard = Vec::new();
        let reason = loop {
            match hearing.next().await {
                Notified::Bytes(_, bytes) => heard.push(bytes),
                Notified::Gone(reason) => break reason,
            }
        };
        assert_eq!(reason, "unplugged");
        assert_eq!(heard.len(), MAX_UNHEARD / (4 + OVERHEAD));
        assert_eq!(heard.last(), Some(&99_999_u32.to_le_bytes().to_vec()), "the newest are kept");
        assert_eq!(hearing.next().await, Notified::Gone("unplugged".to_owned()));
    }
}
