//! One device of a host, and its link.

use std::collections::{BTreeSet, VecDeque};

use frisson_program::{Bus, ConnectPlan, Endpoint, Uuid};
use tokio::sync::oneshot;

use super::super::incoming::{Advert, Allows};
use super::super::port::VirtualPort;
use super::{Action, Answer, LinkId};
use crate::voice::Voice;
use crate::{Ignored, PortError};

/// A device of a host.
pub(super) struct Device {
    /// What was said of it, while it is present.
    pub(super) advert: Option<Advert>,
    /// The later it was presented, or went away, the higher.
    pub(super) order: u64,
    pub(super) state: State,
}

/// How far a device has come.
pub(super) enum State {
    /// It is neither discoverable nor connected.
    Absent,
    /// It will be found by the next scan.
    Waiting,
    /// The server has found it and thinks about it.
    Offered(After),
    /// The host has been asked to connect it.
    Connecting { plans: Vec<ConnectPlan>, answer: oneshot::Sender<Result<VirtualPort, PortError>> },
    /// It is connected.
    Linked(Box<Linked>),
}

/// What the host has said of a device since it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    /// It was presented once more.
    Again,
    /// It is not discoverable any longer.
    Withdrawn,
}

/// A device that is connected.
pub(super) struct Linked {
    pub(super) link: LinkId,
    pub(super) places: Vec<Place>,
    /// What is subscribed to.
    pub(super) listening: BTreeSet<Endpoint>,
    pub(super) voice: Voice,
    pub(super) under_way: Option<UnderWay>,
    pub(super) orders: VecDeque<Order>,
    /// Whether clients can use it.
    pub(super) is_ready: bool,
    /// Why it is not used if it does not become ready.
    pub(super) blame: Ignored,
    /// Who waits for its end, once it is being disconnected.
    pub(super) closing: Option<Vec<oneshot::Sender<()>>>,
}

/// What the host has been asked to do on a link.
pub(super) struct UnderWay {
    pub(super) endpoint: Endpoint,
    /// Whether it is a subscription.
    pub(super) listens: bool,
    pub(super) answer: Answer,
}

/// What the server wants done on a link.
pub(super) struct Order {
    pub(super) place: Place,
    pub(super) action: Action,
    pub(super) answer: Answer,
}

/// An endpoint that a device has.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    /// What the host calls it.
    pub(super) name: String,
    allows: Allows,
}

impl Device {
    pub(super) fn new(order: u64) -> Self {
        Self { advert: None, order, state: State::Absent }
    }
}

impl Linked {
    pub(super) fn new(link: LinkId, places: Vec<Place>, voice: Voice) -> Self {
        Self {
            link,
            places,
            listening: BTreeSet::new(),
            voice,
            under_way: None,
            orders: VecDeque::new(),
            is_ready: false,
            blame: Ignored::InitFailed,
            closing: None,
        }
    }

    /// The endpoint that the host calls this, if it is subscribed to.
    pub(super) fn listening_to(&self, name: &str) -> Option<Endpoint> {
        let mut named = self.places.iter().filter(|place| place.name == name).map(|place| place.endpoint);
        named.find(|endpoint| self.listening.contains(endpoint))
    }

    /// The endpoint for an action; the action is brought into the form that the device takes.
    pub(super) fn check(&self, endpoint: Endpoint, action: &mut Action) -> Result<Place, PortError> {
        let place = self.places.iter().find(|place| place.endpoint == endpoint);
        let place = place.ok_or(PortError::NoEndpoint(endpoint))?;
        let Allows { read, write, write_without_response, notify } = place.allows;
        let possible = match action {
            Action::Write { confirm, .. } => {
                *confirm = if *confirm { write } else { !write_without_response };
                write || write_without_response
            }
            Action::Read => read,
            Action::Listen(_) => notify,
        };
        let what = match action {
            Action::Write { .. } => "be written",
            Action::Read => "be read",
            Action::Listen(_) => "notify",
        };
        match possible {
            true => Ok(place.clone()),
            false => Err(PortError::Failed(format!("the device's endpoint {endpoint} cannot {what}"))),
        }
    }
}

/// Which of the plans fits a device, and the endpoints that it has by it.
pub(super) fn fit(advert: &Advert, plans: &[ConnectPlan]) -> Result<(usize, Vec<Place>), PortError> {
    let bus = advert.sighting.bus;
    if bus != Bus::BluetoothLe {
        return Ok((0, plain_places(bus)));
    }
    for (number, plan) in plans.iter().enumerate() {
        let places = places(advert, plan);
        if !places.is_empty() || !plan.needs_services() {
            return Ok((number, places));
        }
    }
    let found = advert.services.iter().map(|characteristic| characteristic.service);
    Err(PortError::unfit(found, plans))
}

fn places(advert: &Advert, plan: &ConnectPlan) -> Vec<Place> {
    let allows = |service: Uuid, uuid: Uuid| {
        let found = advert.services.iter().find(|one| (one.service, one.uuid) == (service, uuid));
        found.map(|characteristic| characteristic.allows)
    };
    let located = plan.locate(|service, characteristic| allows(service, characteristic).is_some());
    let places = located.into_iter().filter_map(|one| {
        Some(Place {
            endpoint: one.endpoint,
            name: format!("{}/{}", one.service, one.characteristic),
            allows: allows(one.service, one.characteristic)?,
        })
    });
    places.collect()
}

/// The endpoints of a bus on which all devices have the same.
fn plain_places(bus: Bus) -> Vec<Place> {
    let names: &[&str] = match bus {
        Bus::Usb => &["tx", "rx", "txvendorcontrol"],
        Bus::LovenseConnect => &["tx"],
        _ => &["tx", "rx"],
    };
    let places = names.iter().filter_map(|name| {
        Some(Place { endpoint: Endpoint::new(name).ok()?, name: (*name).to_owned(), allows: Allows::PLAIN })
    });
    places.collect()
}
