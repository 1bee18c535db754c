//! The one task that knows all phones and toys.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::rustls::ClientConfig;
use tracing::{Instrument, Span, debug, info};

use super::api::{self, Toy};
use super::http::{Client, Origin};
use super::phone::Phone;
use super::port::ToyPort;
use crate::Found;

/// How many times the interval of polls a phone may be silent until its toys are lost.
const PATIENCE: u32 = 5;

/// How often who is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) scan: Duration,
    pub(super) poll: Duration,
    pub(super) timeout: Duration,
}

/// What the board is told.
pub(super) enum FromServer {
    Scan(bool),
    Connect(String, oneshot::Sender<Option<ToyPort>>),
    Missed(String),
}

/// What has been asked for.
enum Answer {
    Phones(Result<(Vec<Origin>, Vec<String>), String>),
    Toys(Origin, Client, Result<Vec<Toy>, String>),
}

/// The service, and what is asked of it.
struct Service {
    origin: Origin,
    path: String,
    /// When it may be asked again; not known while it is being asked.
    next: Option<Instant>,
    is_complained: bool,
}

pub(super) struct Board {
    service: Option<Service>,
    tls: Option<Arc<ClientConfig>>,
    pace: Pace,
    found: mpsc::UnboundedSender<Found>,
    phones: BTreeMap<Origin, Phone>,
    is_scanning: bool,
    answers: JoinSet<Answer>,
}

impl Board {
    pub(super) fn new(
        service: Option<(Origin, String)>,
        phones: Vec<Origin>,
        tls: Option<Arc<ClientConfig>>,
        pace: Pace,
        found: mpsc::UnboundedSender<Found>,
    ) -> Self {
        let now = Instant::now();
        let service =
            service.map(|(origin, path)| Service { origin, path, next: Some(now), is_complained: false });
        let phones = phones.into_iter().map(|origin| {
            let client = Client::new(origin.clone(), None, pace.timeout);
            (origin, Phone::new(client, true, now))
        });
        let phones = phones.collect();
        Self { service, tls, pace, found, phones, is_scanning: false, answers: JoinSet::new() }
    }

    /// Runs until the scanner is gone.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<FromServer>) {
        loop {
            let due = self.due();
            let sleep = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Some(Ok(answer)) = self.answers.join_next() => self.take(answer),
                () = sleep => self.ask(Instant::now()),
            }
        }
    }

    fn obey(&mut self, order: FromServer) {
        match order {
            FromServer::Scan(true) => {
                self.is_scanning = true;
                let (now, Pace { scan, poll, .. }) = (Instant::now(), self.pace);
                for phone in self.phones.values_mut() {
                    phone.forget_offers();
                    // As soon as it bears it.
                    let soonest = (phone.next + poll).checked_sub(scan).map_or(now, |at| at.max(now));
                    phone.next = phone.next.min(soonest);
                }
                if let Some(Service { origin, .. }) = &self.service {
                    info!(
                        "asking {origin} on the Internet which phones with Lovense Connect are in this network"
                    );
                }
            }
            FromServer::Scan(false) => {
                self.is_scanning = false;
                let _ = self.found.send(Found::ScanEnded);
            }
            FromServer::Connect(toy, answer) => {
                let _ = answer.send(self.open(&toy));
            }
            FromServer::Missed(toy) => self.phones.values_mut().for_each(|phone| phone.missed(&toy)),
        }
    }

    fn open(&mut self, toy: &str) -> Option<ToyPort> {
        let next = Instant::now() + self.pace.poll;
        self.phones.iter_mut().find_map(|(origin, phone)| {
            let (battery, gone) = phone.open(toy)?;
            phone.next = phone.next.min(next);
            let client = Client::new(origin.clone(), None, self.pace.timeout);
            Some(ToyPort::new(client, battery, gone))
        })
    }

    /// When somebody is to be asked next.
    fn due(&self) -> Option<Instant> {
        let phones = self.phones.values().filter(|phone| phone.client.is_some());
        let phones = phones.filter(|phone| self.is_scanning || phone.is_used()).map(|phone| phone.next);
        let service = self.service.as_ref().filter(|_| self.is_scanning && self.phones.is_empty());
        phones.chain(service.and_then(|service| service.next)).min()
    }

    fn ask(&mut self, now: Instant) {
        let (span, timeout) = (Span::current(), self.pace.timeout);
        if let Some(service) = self.service.as_mut().filter(|_| self.is_scanning && self.phones.is_empty())
            && service.next.take_if(|next| *next <= now).is_some()
        {
            let mut client = Client::new(service.origin.clone(), self.tls.clone(), timeout);
            let (path, may_be_local) = (service.path.clone(), service.origin.is_local());
            let asking = async move {
                let answer = client.get(&path).await;
                Answer::Phones(answer.and_then(|answer| api::phones(&answer, may_be_local)))
            };
            self.answers.spawn(asking.instrument(span.clone()));
        }
        for (origin, phone) in &mut self.phones {
            if (self.is_scanning || phone.is_used())
                && phone.next <= now
                && let Some(mut client) = phone.client.take()
            {
                let origin = origin.clone();
                let asking = async move {
                    let answer = client.get("/GetToys").await;
                    Answer::Toys(origin, client, answer.and_then(|answer| api::toys(&answer)))
                };
                self.answers.spawn(asking.instrument(span.clone()));
            }
        }
    }

    fn take(&mut self, answer: Answer) {
        let now = Instant::now();
        match answer {
            Answer::Phones(phones) => self.phones_answered(phones, now),
            Answer::Toys(origin, client, toys) => self.phone_answered(origin, client, toys, now),
        }
    }

    fn phones_answered(&mut self, phones: Result<(Vec<Origin>, Vec<String>), String>, now: Instant) {
        let Some(service) = &mut self.service else { return };
        service.next = Some(now + self.pace.scan);
        match phones {
            Ok((phones, left_out)) => {
                let is_first = !std::mem::replace(&mut service.is_complained, !left_out.is_empty());
                for reason in left_out.iter().filter(|_| is_first) {
                    info!("{reason}");
                }
                for origin in phones {
                    debug!("a phone at {origin}");
                    let client = Client::new(origin.clone(), None, self.pace.timeout);
                    self.phones.entry(origin).or_insert_with(|| Phone::new(client, false, now));
                }
            }
            Err(reason) => {
                let reason = format!(
                    "{} cannot be asked for phones: {reason}; name the phone's address instead, e.g. http://192.168.0.11:20010",
                    service.origin
                );
                if !std::mem::replace(&mut service.is_complained, true) {
                    let _ = self.found.send(Found::Unusable(reason));
                }
            }
        }
    }

    fn phone_answered(
        &mut self,
        origin: Origin,
        client: Client,
        toys: Result<Vec<Toy>, String>,
        now: Instant,
    ) {
        let Some(phone) = self.phones.get_mut(&origin) else { return };
        phone.client = Some(client);
        match toys {
            Ok(toys) => {
                (phone.answered, phone.is_complained) = (now, false);
                for sighting in phone.has(toys, self.is_scanning) {
                    let _ = self.found.send(Found::Device(sighting));
                }
            }
            Err(reason) => {
                let is_lost = !phone.is_used() || now >= phone.answered + self.pace.poll * PATIENCE;
                let reason = format!("the phone at {origin} does not answer: {reason}");
                debug!("{reason}");
                if is_lost {
                    phone.lose(&reason);
                    if phone.is_named && !std::mem::replace(&mut phone.is_complained, true) {
                        let help = "is Lovense Connect open on it, and is it in this network?";
                        let _ = self.found.send(Found::Unusable(format!("{reason}; {help}")));
                    }
                    if !phone.is_named {
                        self.phones.remove(&origin);
                        return;
                    }
                }
            }
        }
        phone.next = now + if phone.is_used() { self.pace.poll } else { self.pace.scan };
    }
}
