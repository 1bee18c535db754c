//! On which adapters devices are looked for.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::objects::Adapter;

/// How long to wait after an adapter has refused.
const RETRY: Duration = Duration::from_secs(1);

/// What was asked of the adapters, by path.
#[derive(Default)]
pub(super) struct Discoveries(BTreeMap<String, Discovery>);

struct Discovery {
    state: State,
    has_complained: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Asked,
    On,
    /// To be asked again then.
    Off(Instant),
}

/// What an adapter is to be told.
pub(super) enum Order {
    Start(String),
    Stop(String),
}

impl Discoveries {
    /// What has to be told so that all adapters look for devices, or none.
    pub(super) fn reconcile(
        &mut self,
        adapters: &BTreeMap<String, Adapter>,
        wanted: bool,
        now: Instant,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        self.0.retain(|path, discovery| {
            let is_powered = adapters.get(path).is_some_and(|adapter| adapter.is_powered);
            let is_wanted = wanted && is_powered;
            if !is_wanted && is_powered && !matches!(discovery.state, State::Off(_)) {
                orders.push(Order::Stop(path.clone()));
            }
            is_wanted
        });
        for (path, _) in adapters.iter().filter(|(_, adapter)| wanted && adapter.is_powered) {
            let off = Discovery { state: State::Off(now), has_complained: false };
            let discovery = self.0.entry(path.clone()).or_insert(off);
            if matches!(discovery.state, State::Off(at) if at <= now) {
                discovery.state = State::Asked;
                orders.push(Order::Start(path.clone()));
            }
        }
        orders
    }

    /// An adapter has begun to look for devices, or not, for this reason.
    pub(super) fn answered(&mut self, path: &str, refusal: Option<String>, now: Instant) {
        let Some(discovery) = self.0.get_mut(path) else { return };
        match refusal {
            None => *discovery = Discovery { state: State::On, has_complained: false },
            Some(reason) => {
                discovery.state = State::Off(now + RETRY);
                if !std::mem::replace(&mut discovery.has_complained, true) {
                    warn!(adapter = name(path), "does not look for devices: {reason}");
                }
            }
        }
    }

    /// An adapter has stopped to look for devices by itself.
    pub(super) fn stopped(&mut self, path: &str, now: Instant) {
        if let Some(discovery) = self.0.get_mut(path).filter(|discovery| discovery.state == State::On) {
            debug!(adapter = name(path), "has stopped to look for devices");
            discovery.state = State::Off(now + RETRY);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let retry = |discovery: &Discovery| match discovery.state {
            State::Off(at) => Some(at),
            _ => None,
        };
        self.0.values().filter_map(retry).min()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The adapter's name, e.g. `hci0`.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HCI0: &str = "/org/bluez/hci0";

    fn adapters(is_powered: bool) -> BTreeMap<String, Adapter> {
        BTreeMap::from([(HCI0.to_owned(), Adapter { is_powered, is_discovering: false })])
    }

    fn told(orders: &[Order]) -> Vec<&'static str> {
        let name = |order: &Order| match order {
            Order::Start(_) => "start",
            Order::Stop(_) => "stop",
        };
        orders.iter().map(name).collect()
    }

    #[test]
    fn an_adapter_is_asked_once_and_after_a_refusal_again() {
        let (mut discoveries, now) = (Discoveries::default(), Instant::now());
        assert_eq!(told(&discoveries.reconcile(&adapters(false), true, now)), [""; 0]);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now)), ["start"]);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now)), [""; 0]);
        discoveries.answered(HCI0, Some("busy".into()), now);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now)), [""; 0]);
        assert_eq!(discoveries.deadline(), Some(now + RETRY));
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now + RETRY)), ["start"]);
        discoveries.answered(HCI0, None, now);
        discoveries.stopped(HCI0, now);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now + RETRY)), ["start"]);
        discoveries.answered(HCI0, None, now);
        assert_eq!(discoveries.deadline(), None);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), false, now)), ["stop"]);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), false, now)), [""; 0]);
    }

    #[test]
    fn an_adapter_that_was_switched_off_is_asked_anew_when_it_returns() {
        let (mut discoveries, now) = (Discoveries::default(), Instant::now());
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now)), ["start"]);
        discoveries.answered(HCI0, None, now);
        assert_eq!(told(&discoveries.reconcile(&adapters(false), true, now)), [""; 0]);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now)), ["start"]);
        discoveries.answered(HCI0, None, now);
        assert_eq!(told(&discoveries.reconcile(&BTreeMap::new(), true, now)), [""; 0]);
        assert_eq!(told(&discoveries.reconcile(&adapters(true), true, now)), ["start"]);
    }
}
