//! The one task that owns the hub.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_devices::Connection;
use frisson_devices::settings::Key;
use frisson_engine::device::{Command, Preferences, Report, Settings};
use frisson_engine::hub::{DeviceId, Hub, Input, Note, Output, ScanOrder, ScannerId, SessionId};
use frisson_engine::session::Peer;
use frisson_hardware::{Bus, Ignored, Outcome, Sighting};
use frisson_program::Description;
use frisson_wire::{Event, Message};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::device_task;
use crate::messages::{Backlog, Delivery, Frame, Library, Opened, Outbox, Status, ToHub, ToScanner, now};
use crate::preferences::{self, Findings};

/// So many devices are kept in the settings because they were connected once. Addresses come from outside.
const MOST_REMEMBERED: usize = 4096;
/// How many inputs are taken in before what they caused is handed out.
const BATCH: usize = 128;
/// A timer that comes this much later than asked for says that the machine was late, not the client.
const LATENESS: Duration = Duration::from_millis(5);
/// How long what has piled up meanwhile may take to arrive.
const GRACE: Duration = Duration::from_millis(10);

/// Owns the hub, and the ends of every task that it talks to.
pub(crate) struct Task {
    hub: Hub,
    library: Library,
    /// Whether the server looks for devices by itself.
    own_scan: bool,
    /// Addresses of devices that were closed because of a new catalogue and have to be opened anew.
    renewing: BTreeSet<String>,
    last_order: ScanOrder,
    /// How often other settings have been put in force.
    settings_changes: u64,
    /// Whether other devices are there than before.
    devices_changed: bool,
    to_self: mpsc::WeakSender<ToHub>,
    sessions: BTreeMap<SessionId, Peering>,
    devices: BTreeMap<DeviceId, DeviceLink>,
    scanners: BTreeMap<ScannerId, mpsc::UnboundedSender<ToScanner>>,
    /// For the tasks of devices, to be held until they have ended.
    alive: mpsc::Sender<Infallible>,
    /// Sessions that have something to be handed out.
    touched: Vec<SessionId>,
    last_device: u64,
    /// Who waits for the end of the shutdown.
    finish: Vec<oneshot::Sender<Vec<String>>>,
    is_finished: bool,
}

/// The hub's end of a device, and where it came from.
struct DeviceLink {
    commands: mpsc::UnboundedSender<Command>,
    scanner: ScannerId,
    sighting: Sighting,
    /// Whether the scanner has been told what became of the device.
    is_told: bool,
    protocol: String,
    findings: Arc<Findings>,
    /// What the user has set for it, once it is ready, and what of that cannot be meant for it.
    in_force: Option<(Preferences, Vec<String>)>,
    /// How often settings had changed when it was opened.
    settings_changes: u64,
}

/// The hub's end of a session.
struct Peering {
    outbox: Outbox,
    delivery: Delivery,
    is_touched: bool,
}

impl Task {
    pub(crate) fn new(
        mut hub: Hub,
        library: Library,
        own_scan: bool,
        to_self: mpsc::WeakSender<ToHub>,
        alive: mpsc::Sender<Infallible>,
    ) -> Self {
        hub.handle(now(), Input::Reserved(library.settings.borrow().indices()));
        Self {
            hub,
            library,
            own_scan,
            renewing: BTreeSet::new(),
            last_order: ScanOrder::Stop,
            settings_changes: 0,
            devices_changed: true,
            to_self,
            sessions: BTreeMap::new(),
            devices: BTreeMap::new(),
            scanners: BTreeMap::new(),
            alive,
            touched: Vec::new(),
            last_device: 0,
            finish: Vec::new(),
            is_finished: false,
        }
    }

    pub(crate) fn add_scanner(&mut self, scanner: ScannerId, orders: mpsc::UnboundedSender<ToScanner>) {
        self.scanners.insert(scanner, orders);
        self.hub.handle(now(), Input::ScannerAdded(scanner));
    }

    /// Runs until nobody is left who could send anything, or until the shutdown has ended.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<ToHub>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut sleep = pin!(sleep_until(now().into()));
        let mut armed: Option<Instant> = None;
        let mut grace: Option<Instant> = None;
        while !self.is_finished {
            if self.devices_changed {
                self.look_for_missing(now());
                self.carry_out();
            }
            let due = self.hub.poll_timeout();
            // After a late wake-up the deadlines wait a moment for input that came in time and was not read yet.
            if due.zip(grace).is_some_and(|(due, grace)| due > grace) {
                grace = None;
            }
            let wanted = due.map(|due| grace.map_or(due, |grace| due.max(grace)));
            if wanted != armed {
                armed = wanted;
                if let Some(at) = wanted {
                    sleep.as_mut().reset(at.into());
                }
            }
            tokio::select! {
                biased;
                count = inputs.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    let now = now();
                    for input in batch.drain(..) {
                        self.take(now, input);
                    }
                    // Steady input must not hold up the deadlines.
                    if self.hub.poll_timeout().is_some_and(|due| due + GRACE < now) {
                        self.hub.handle(now, Input::Timeout);
                        self.carry_out();
                    }
                }
                () = &mut sleep, if armed.is_some() => {
                    let now = now();
                    let is_late = due.is_some_and(|due| now.saturating_duration_since(due) > LATENESS);
                    if is_late && grace.is_none() {
                        grace = Some(now + GRACE);
                    } else {
                        grace = None;
                        armed = None;
                        self.hub.handle(now, Input::Timeout);
                        self.carry_out();
                    }
                }
            }
            self.hand_out();
        }
    }

    fn take(&mut self, now: Instant, input: ToHub) {
        match input {
            ToHub::Frames(session, frames) => {
                for frame in frames {
                    match &frame {
                        #[cfg(feature = "websocket")]
                        Frame::WebSocket(message) => {
                            self.hub.handle(now, Input::Text(session, message.as_text().unwrap_or_default()));
                        }
                        #[cfg(all(unix, feature = "unix"))]
                        Frame::Line(text) => self.hub.handle(now, Input::Text(session, text)),
                        Frame::Binary => self.hub.handle(now, Input::Binary(session)),
                    }
                    self.refund(session, frame.cost());
                    self.carry_out();
                }
            }
            ToHub::Request(session, id, request) => {
                self.hub.handle(now, Input::Request(session, id, request))
            }
            ToHub::Device(device, report) => self.report(now, device, report),
            ToHub::Credit(device, count) => self.hub.handle(now, Input::Credit(device, count)),
            ToHub::Connected(session, outbox) => {
                let peer = match outbox {
                    Outbox::Frames(..) => Peer::Frames,
                    Outbox::Values(..) => Peer::Values,
                };
                self.sessions
                    .insert(session, Peering { outbox, delivery: Delivery::default(), is_touched: false });
                self.hub.handle(now, Input::Connected(session, peer));
            }
            ToHub::Disconnected(session) => {
                self.hub.handle(now, Input::Disconnected(session));
                self.sessions.remove(&session);
            }
            ToHub::Opened(opened) => self.opened(now, *opened),
            ToHub::DeviceEnded(device) => {
                self.hub.handle(now, Input::DeviceEnded(device));
                self.tell_scanner(device, Outcome::Ignored(Ignored::InitFailed));
                self.devices.remove(&device);
                self.devices_changed = true;
            }
            ToHub::ScannerRemoved(scanner) => {
                self.scanners.remove(&scanner);
                self.hub.handle(now, Input::ScannerRemoved(scanner));
            }
            ToHub::ScanEnded(scanner) => self.hub.handle(now, Input::ScanEnded(scanner)),
            ToHub::EmergencyStop => self.hub.handle(now, Input::EmergencyStop),
            ToHub::Release => self.hub.handle(now, Input::Release),
            ToHub::Status(answer) => {
                let _ = answer.send(Status {
                    clients: self.hub.session_count(),
                    devices: self.hub.devices(),
                    scanning: self.hub.is_scanning(),
                    looked_for: self.hub.missing(),
                });
            }
            ToHub::Settings(settings, done) => {
                self.set_settings(now, *settings);
                self.carry_out();
                let _ = done.send(());
            }
            ToHub::Catalogue(catalogue, done) => {
                self.set_catalogue(now, catalogue);
                self.carry_out();
                let _ = done.send(());
            }
            ToHub::Shutdown(answer) => {
                self.finish.push(answer);
                self.hub.handle(now, Input::Shutdown);
            }
        }
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Frame { session, frame, is_reading } => self.frame(session, frame, is_reading),
                Output::Message(session, message) => self.message(session, message),
                Output::Close(session, close) => {
                    if let Some(peering) = self.touch(session) {
                        peering.delivery.close = Some(close);
                    }
                }
                Output::Device(device, command) => {
                    if let Some(link) = self.devices.get(&device) {
                        let _ = link.commands.send(command);
                    }
                }
                Output::Scan(order) => {
                    match (self.last_order, order) {
                        (_, ScanOrder::All) => info!("scanning for devices"),
                        (ScanOrder::All, _) => info!("no longer scanning"),
                        _ => debug!(
                            "{}",
                            if order == ScanOrder::Stop { "pausing" } else { "looking for known devices" }
                        ),
                    }
                    self.last_order = order;
                    for orders in self.scanners.values() {
                        let _ = orders.send(ToScanner::Scan(order));
                    }
                }
                Output::Note(note) => log(&note),
                Output::Finished { unstopped } => {
                    self.is_finished = true;
                    for answer in self.finish.drain(..) {
                        let _ = answer.send(unstopped.clone());
                    }
                }
            }
        }
    }

    fn frame(&mut self, session: SessionId, frame: String, is_reading: bool) {
        let Some(peering) = self.touch(session) else { return };
        if let Outbox::Frames(_, backlog) = &peering.outbox {
            if is_reading && backlog.bytes() > Backlog::READINGS {
                return;
            }
            backlog.add(frame.len());
        }
        peering.delivery.frames.push(frame);
    }

    fn message(&mut self, session: SessionId, message: Message) {
        let Some(Peering { outbox: Outbox::Values(messages), .. }) = self.sessions.get(&session) else {
            return;
        };
        let is_reading = matches!(message, Message::Event(Event::Reading(_)));
        if is_reading && messages.capacity() < messages.max_capacity() / 2 {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = messages.try_send(message) {
            self.drop_session(session);
        }
    }

    fn touch(&mut self, session: SessionId) -> Option<&mut Peering> {
        let peering = self.sessions.get_mut(&session)?;
        if !std::mem::replace(&mut peering.is_touched, true) {
            self.touched.push(session);
        }
        Some(peering)
    }

    fn refund(&mut self, session: SessionId, cost: usize) {
        if let Some(peering) = self.touch(session) {
            peering.delivery.refund += cost;
        }
    }

    /// Hands out what has gathered for each session, in one piece.
    fn hand_out(&mut self) {
        let mut not_reading = Vec::new();
        for session in self.touched.drain(..) {
            let Some(peering) = self.sessions.get_mut(&session) else { continue };
            peering.is_touched = false;
            let delivery = std::mem::take(&mut peering.delivery);
            let is_last = delivery.close.is_some();
            match &peering.outbox {
                Outbox::Frames(deliveries, backlog) => {
                    let _ = deliveries.send(delivery);
                    if backlog.bytes() > Backlog::LIMIT {
                        not_reading.push(session);
                    }
                }
                Outbox::Values(_) => {}
            }
            if is_last {
                self.sessions.remove(&session);
            }
        }
        for session in not_reading {
            self.drop_session(session);
        }
    }

    /// Ends a session whose client does not take in what it is sent.
    fn drop_session(&mut self, session: SessionId) {
        warn!(session = session.0, "the client does not read what it is sent, closing the connection");
        self.sessions.remove(&session);
        self.hub.handle(now(), Input::Disconnected(session));
        self.carry_out();
    }

    fn opened(&mut self, now: Instant, opened: Opened) {
        let Opened { scanner, sighting, found, catalogue, port, link: held } = opened;
        let Some(hub) = self.to_self.upgrade() else { return };
        self.last_device += 1;
        let device = DeviceId(self.last_device);
        let gap = port.gap();
        let address = sighting.key();
        let settings = Settings { gap, limits: Vec::new(), stop_first: self.hub.has_to_rest(&address) };
        let connection = Connection { available: port.endpoints().to_vec(), sleeps: false, seed: random() };
        let program = found.program(&connection);
        let span = info_span!("device", name = sighting.name, protocol = found.protocol());
        let (commands, receiver) = mpsc::unbounded_channel();
        let findings = Arc::new(Findings::default());
        let ask =
            preferences::ask(Arc::clone(&self.library.settings), address.clone(), Arc::clone(&findings));
        let protocol = found.protocol().to_owned();
        let link = DeviceLink {
            commands,
            scanner,
            sighting,
            is_told: false,
            protocol,
            findings,
            in_force: None,
            settings_changes: self.settings_changes,
        };
        self.devices.insert(device, link);
        self.hub.handle(now, Input::DeviceOpened { device, address: &address, gap });
        let alive = self.alive.clone();
        let task = async move {
            device_task::run(device, port, program, settings, ask, receiver, hub).await;
            drop((held, alive));
        };
        tokio::spawn(task.instrument(span));
        // The catalogue or the settings may have changed while the link was being opened.
        self.renew(now, device, &catalogue);
        self.apply_settings(now, device);
        self.devices_changed = true;
    }

    fn report(&mut self, now: Instant, device: DeviceId, report: Report) {
        let ready = match &report {
            Report::Ready(description) => {
                Some((self.recall(now, device, description), description.name.clone()))
            }
            _ => None,
        };
        // Told before the link is closed, so that whoever is at its other end can be told why it is.
        if let Report::Refused(_) = &report
            && let Some(ignored) = self.devices.get(&device).and_then(|link| link.findings.forbidden.get())
        {
            let ignored = *ignored;
            self.tell_scanner(device, Outcome::Ignored(ignored));
        }
        let has_gone = matches!(report, Report::Gone(_) | Report::Refused(_) | Report::Closed { .. });
        self.hub.handle(now, Input::Device(device, report));
        if let Some((key, name)) = ready
            && let Some(index) = self.hub.index_of(device)
        {
            let protocol = key.protocol.clone();
            self.remember(now, device, &key, index);
            self.tell_scanner(device, Outcome::Ready { protocol, name, index });
            self.renewing.remove(&key.address);
            // It has asked for its settings by itself, and they may have changed since.
            if self.devices.get(&device).is_some_and(|link| link.settings_changes != self.settings_changes) {
                self.apply_settings(now, device);
            }
            self.devices_changed = true;
        } else if has_gone {
            self.devices_changed = true;
        }
    }

    /// Tells the hub what the user has set for a device that is ready, before it hears of that.
    fn recall(&mut self, now: Instant, device: DeviceId, description: &Description) -> Key {
        let address = self.devices.get(&device).map(|link| link.sighting.key()).unwrap_or_default();
        let key = Key::new(&address, &description.protocol, &description.model);
        let settings = self.library.settings.borrow();
        self.hub.handle(now, Input::Stored { device, index: settings.index_of(&key) });
        self.hub.handle(now, Input::Named { address: &key.address, name: settings.display_name(&key) });
        drop(settings);
        key
    }

    /// Has the index of a new device stored. Simulated ones are made anew each time.
    fn remember(&mut self, now: Instant, device: DeviceId, key: &Key, index: u32) {
        let is_simulated = self.devices.get(&device).is_none_or(|link| link.sighting.bus == Bus::Simulated);
        let news = |settings: &mut frisson_devices::settings::Settings| {
            let is_known = settings.index_of(key).is_some();
            let has_room = || settings.devices().nth(MOST_REMEMBERED).is_none();
            !is_known && has_room() && settings.remember_index(key, index)
        };
        if !is_simulated && self.library.settings.send_if_modified(news) {
            let indices = self.library.settings.borrow().indices();
            self.hub.handle(now, Input::Reserved(indices));
        }
    }

    /// Tells a scanner what became of a device that it found, unless it knows.
    fn tell_scanner(&mut self, device: DeviceId, outcome: Outcome) {
        let Some(link) = self.devices.get_mut(&device) else { return };
        if std::mem::replace(&mut link.is_told, true) {
            return;
        }
        if let Some(orders) = self.scanners.get(&link.scanner) {
            let _ = orders.send(ToScanner::Outcome(link.sighting.clone(), outcome));
        }
    }
}

/// A number that nobody can tell beforehand.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

fn log(note: &Note) {
    match note {
        Note::DeviceRefused(..) | Note::WriteFailed(..) => warn!("{note}"),
        Note::EmergencyStop(true) => error!("{note}"),
        Note::SessionOpened(session, ..) | Note::SessionEnded(session, _) => {
            info!(session = session.0, "{note}")
        }
        _ => info!("{note}"),
    }
}
