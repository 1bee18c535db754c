//! The task that serves the dongle, and the scanner that speaks to it.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use frisson_program::{Bus, ConnectPlan, Sighting};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;
use tracing::{debug, info};

use super::machine::{Dongle, Input, Output};
use super::port::ToyPort;
use super::transport::{Places, Transport};
use super::{NAME, Options};
use crate::hid::System;
use crate::{BoxFuture, Found, Port, PortError, Scanner};

/// How much may wait to be told to whoever scans.
const TOLD: usize = 64;
/// How much of a toy may wait to be heard. What comes on top is lost, as it would be on a radio.
const UNHEARD: usize = 64;

/// Finds the toy behind the dongle.
pub struct LovenseDongle {
    orders: mpsc::UnboundedSender<Order>,
    found: mpsc::Receiver<Found>,
    /// The task's parts until it runs.
    parts: Option<Task>,
    task: Option<JoinHandle<()>>,
}

/// What the task is asked to do.
pub(super) enum Order {
    Scan(bool),
    /// Opens a toy.
    Open(String, oneshot::Sender<Result<ToyPort, PortError>>),
    /// Tells the toy of a link something.
    Tell {
        link: u64,
        text: String,
        answer: oneshot::Sender<Result<(), PortError>>,
    },
    /// Closes a link.
    Close(u64),
    /// Tells when everything before has been done.
    Done(oneshot::Sender<()>),
}

/// An open link to the toy.
struct Link {
    number: u64,
    toy: String,
    voice: mpsc::Sender<Vec<u8>>,
    is_listening: Arc<AtomicBool>,
    gone: Arc<Mutex<Option<String>>>,
}

struct Task {
    machine: Dongle,
    places: Option<Places>,
    transport: Option<Transport>,
    looking: Option<Looking>,
    /// The toy that can be opened, and the link by which it is.
    toy: Option<String>,
    link: Option<Link>,
    /// Who waits for a command to be sent.
    telling: BTreeMap<u64, oneshot::Sender<Result<(), PortError>>>,
    next: u64,
    trouble: Option<String>,
    orders: mpsc::UnboundedReceiver<Order>,
    told: mpsc::Sender<Found>,
    sender: mpsc::WeakUnboundedSender<Order>,
}

type Looking = Pin<Box<dyn Future<Output = (Places, Result<Option<Transport>, String>)> + Send>>;

impl LovenseDongle {
    /// The dongle among these human interface devices, or at one of the serial ports of the options.
    pub fn new(system: impl System, options: Options) -> Self {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (told, found) = mpsc::channel(TOLD);
        let task = Task {
            machine: Dongle::default(),
            places: Some(Places::new(Arc::new(system), options)),
            transport: None,
            looking: None,
            toy: None,
            link: None,
            telling: BTreeMap::new(),
            next: 0,
            trouble: None,
            orders: ordered,
            told,
            sender: orders.downgrade(),
        };
        Self { orders, found, parts: Some(task), task: None }
    }
}

impl Scanner for LovenseDongle {
    fn name(&self) -> &'static str {
        Bus::LovenseDongle.name()
    }

    fn scan(&mut self, on: bool) {
        let _ = self.orders.send(Order::Scan(on));
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async move {
            if let Some(task) = self.parts.take() {
                self.task = Some(tokio::spawn(task.run()));
            }
            self.found.recv().await.unwrap_or(Found::Closed)
        })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let (opened, open) = oneshot::channel();
        let _ = self.orders.send(Order::Open(sighting.address.clone(), opened));
        Box::pin(async move {
            let gone = |_| PortError::Gone("the dongle is not served any more".to_owned());
            let port = open.await.map_err(gone)??;
            Ok(Box::new(port) as Box<dyn Port>)
        })
    }

    /// Ends a search that runs.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.task.is_some() {
                let (done, is_done) = oneshot::channel();
                let _ = self.orders.send(Order::Scan(false));
                let _ = self.orders.send(Order::Done(done));
                let _ = is_done.await;
            }
        })
    }
}

impl Drop for LovenseDongle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Task {
    async fn run(mut self) {
        loop {
            if self.carry_out().await.is_none() {
                return;
            }
            let at = self.machine.poll_timeout();
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => return,
                },
                heard = hear(&self.transport) => match heard {
                    Ok(bytes) => self.machine.handle(now(), Input::Heard(&bytes)),
                    Err(reason) => self.lost(&reason),
                },
                (places, opened) = look(&mut self.looking) => {
                    self.looking = None;
                    self.places = Some(places);
                    self.looked(opened).await;
                }
                () = wait(at) => self.machine.handle(now(), Input::Timeout),
            }
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Scan(on) => {
                if on {
                    self.trouble = None;
                }
                self.machine.handle(now(), Input::Scan(on));
            }
            Order::Open(toy, answer) => {
                // A toy that cannot be handed over any more is closed by being dropped.
                let _ = answer.send(self.open(toy));
            }
            Order::Tell { link, text, answer } => {
                // Without an answer the port takes itself for closed, which it is.
                if let Some(link) = self.link.as_ref().filter(|open| open.number == link) {
                    self.next += 1;
                    self.telling.insert(self.next, answer);
                    let command = Input::Command { number: self.next, toy: &link.toy, text: &text };
                    self.machine.handle(now(), command);
                }
            }
            Order::Close(number) => {
                self.link.take_if(|link| link.number == number);
            }
            Order::Done(done) => {
                let _ = done.send(());
            }
        }
    }

    fn open(&mut self, toy: String) -> Result<ToyPort, PortError> {
        let orders = self.sender.upgrade();
        let (Some(orders), true) = (orders, self.toy.as_ref() == Some(&toy)) else {
            return Err(PortError::Gone("the dongle has no such toy any more".to_owned()));
        };
        self.next += 1;
        let (voice, heard) = mpsc::channel(UNHEARD);
        let (gone, is_listening) = (Arc::default(), Arc::default());
        let port = ToyPort {
            orders,
            heard: AsyncMutex::new(heard),
            gone: Arc::clone(&gone),
            is_listening: Arc::clone(&is_listening),
            link: self.next,
        };
        self.close_link("the toy was opened anew");
        self.link = Some(Link { number: self.next, toy, voice, is_listening, gone });
        Ok(port)
    }

    /// Does what the machine wants; `None` if nobody scans any more.
    async fn carry_out(&mut self) -> Option<()> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Look => self.begin_to_look(),
                Output::Send(message, number) => self.send(&message, number).await,
                Output::Refused(number) => {
                    self.answer(Some(number), Err(PortError::Gone("the dongle has no such toy".to_owned())));
                }
                Output::Toy(toy) => {
                    self.toy = Some(toy.clone());
                    if self.link.as_ref().is_none_or(|link| link.toy != toy) {
                        let sighting = Sighting::new(Bus::LovenseDongle, toy, NAME);
                        self.told.send(Found::Device(sighting)).await.ok()?;
                    }
                }
                Output::ScanEnded => self.told.send(Found::ScanEnded).await.ok()?,
                Output::Said { toy, text } => {
                    if let Some(link) = self.link.as_ref().filter(|link| link.toy == toy)
                        && link.is_listening.load(Ordering::Acquire)
                    {
                        let _ = link.voice.try_send(text.into_bytes());
                    }
                }
                Output::ToyLost { reason, .. } => {
                    self.toy = None;
                    self.close_link(&reason);
                }
            }
        }
        if let Some(trouble) = self.trouble.take_if(|trouble| !trouble.is_empty()) {
            self.told.send(Found::Unusable(trouble)).await.ok()?;
            // The same is not told again in this scan.
            self.trouble = Some(String::new());
        }
        Some(())
    }

    fn begin_to_look(&mut self) {
        let Some(mut places) = self.places.take() else { return };
        self.looking = Some(Box::pin(async move {
            let opened = places.open().await;
            (places, opened)
        }));
    }

    async fn looked(&mut self, opened: Result<Option<Transport>, String>) {
        match opened {
            Ok(Some(transport)) => {
                info!("found the Lovense dongle");
                transport.begin().await;
                self.transport = Some(transport);
                self.machine.handle(now(), Input::Opened);
            }
            Ok(None) => {}
            Err(trouble) if self.trouble.is_none() => {
                self.trouble = Some(trouble);
            }
            Err(_) => {}
        }
    }

    async fn send(&mut self, message: &str, number: Option<u64>) {
        let sent = match &self.transport {
            Some(transport) => transport.send(message).await,
            None => Err("it is not there".to_owned()),
        };
        let fault = sent.as_ref().err().cloned();
        self.answer(number, sent.map_err(|error| PortError::Failed(format!("the dongle: {error}"))));
        match fault {
            Some(reason) => self.lost(&reason),
            None => self.machine.handle(now(), Input::Sent),
        }
    }

    fn answer(&mut self, number: Option<u64>, result: Result<(), PortError>) {
        if let Some(answer) = number.and_then(|number| self.telling.remove(&number)) {
            let _ = answer.send(result);
        }
    }

    fn lost(&mut self, reason: &str) {
        if self.transport.take().is_some() {
            debug!("the dongle is gone: {reason}");
            self.machine.handle(now(), Input::Lost(&format!("the dongle is gone: {reason}")));
        }
    }

    fn close_link(&mut self, reason: &str) {
        if let Some(link) = self.link.take() {
            *link.gone.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn hear(transport: &Option<Transport>) -> Result<Vec<u8>, String> {
    match transport {
        Some(transport) => transport.next().await,
        None => pending().await,
    }
}

async fn look(looking: &mut Option<Looking>) -> (Places, Result<Option<Transport>, String>) {
    match looking {
        Some(looking) => looking.await,
        None => pending().await,
    }
}

async fn wait(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}
