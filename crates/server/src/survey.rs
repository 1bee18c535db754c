//! What is there on each bus, without any of it being connected.

use std::sync::Arc;
use std::time::Duration;

use frisson_devices::Catalogue;
use frisson_devices::settings::{Settings, Verdict};
use frisson_hardware::{Found, Outcome, Scanner, Sighting};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::StartError;

/// How many findings may wait to be taken. A scanner whose findings wait is not asked for more.
const QUEUE: usize = 64;
/// How long a bus may take to be left.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Looks at buses and tells what is on them. Nothing is connected. When it is dropped the buses are left.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use frisson_server::hardware::simulated::SimulatedBus;
/// use frisson_server::{Catalogue, SimulatedList, Survey, Surveyed, settings::Settings};
///
/// let (bus, _simulation) = SimulatedBus::new(SimulatedList::default().hardware(), 0)?;
/// let mut survey = Survey::start(vec![Box::new(bus)], Catalogue::built_in(), Settings::default())?;
/// if let Some(Surveyed::Device(seen)) = survey.next().await {
///     println!("{}: {}", seen.sighting.key(), seen.protocols.join(" or "));
/// }
/// survey.end().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Survey {
    findings: mpsc::Receiver<Surveyed>,
    leave: watch::Sender<()>,
    tasks: JoinSet<()>,
}

/// What a [`Survey`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Surveyed {
    /// Something was seen, or is seen to be other than it was.
    Device(Box<Seen>),
    /// All of this bus has been seen. There are buses on which that never happens.
    Ended {
        /// The bus's name.
        bus: &'static str,
    },
    /// This bus cannot be used at present. It may be later.
    Unusable {
        /// The bus's name.
        bus: &'static str,
        /// Why, and what can be done.
        reason: String,
    },
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it tells of itself.
    pub sighting: Sighting,
    /// The protocols that it may speak, the likeliest first; none if nothing is known of it.
    pub protocols: Vec<String>,
    /// Whether the user's settings have it.
    pub is_known: bool,
    /// Whether the user's settings let it be connected, by the first protocol that they allow.
    pub verdict: Verdict,
}

impl Survey {
    /// Begins to look.
    ///
    /// # Errors
    /// [`StartError::NoRuntime`] outside of a tokio runtime.
    pub fn start(
        scanners: Vec<Box<dyn Scanner>>,
        catalogue: Catalogue,
        settings: Settings,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let (sender, findings) = mpsc::channel(QUEUE);
        let (leave, left) = watch::channel(());
        let knowledge = Arc::new((catalogue, settings));
        let mut tasks = JoinSet::new();
        for scanner in scanners {
            tasks.spawn_on(look(scanner, Arc::clone(&knowledge), sender.clone(), left.clone()), &runtime);
        }
        Ok(Self { findings, leave, tasks })
    }

    /// What is found next; `None` when nothing will ever come again.
    ///
    /// # Cancel safety
    /// Can be dropped at any time; nothing is lost.
    pub async fn next(&mut self) -> Option<Surveyed> {
        self.findings.recv().await
    }

    /// Ends to look, and waits until the buses have been left, for 4 s at most.
    pub async fn end(mut self) {
        drop(self.leave);
        self.findings.close();
        let left = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(2 * CLOSE_TIMEOUT, left).await;
    }
}

async fn look(
    mut scanner: Box<dyn Scanner>,
    knowledge: Arc<(Catalogue, Settings)>,
    findings: mpsc::Sender<Surveyed>,
    mut left: watch::Receiver<()>,
) {
    let bus = scanner.name();
    scanner.scan(true);
    loop {
        let found = tokio::select! {
            biased;
            _ = left.changed() => break,
            found = scanner.next() => found,
        };
        let finding = match found {
            Found::Device(sighting) => {
                scanner.outcome(&sighting, &Outcome::Missed);
                Surveyed::Device(Box::new(judge(&knowledge.0, &knowledge.1, sighting)))
            }
            Found::ScanEnded => Surveyed::Ended { bus },
            Found::Unusable(reason) => Surveyed::Unusable { bus, reason },
            Found::Closed => break,
        };
        if findings.send(finding).await.is_err() {
            break;
        }
    }
    scanner.scan(false);
    let _ = timeout(CLOSE_TIMEOUT, scanner.close()).await;
}

fn judge(catalogue: &Catalogue, settings: &Settings, sighting: Sighting) -> Seen {
    let key = sighting.key();
    let protocols: Vec<String> =
        catalogue.candidates(&sighting).iter().map(|candidate| candidate.protocol().to_owned()).collect();
    let verdicts = protocols.iter().map(|protocol| settings.is_allowed(&key, Some(protocol), None));
    let verdict = verdicts.reduce(|best, next| if best == Verdict::Allowed { best } else { next });
    let verdict = verdict.unwrap_or_else(|| settings.is_allowed(&key, None, None));
    Seen { is_known: settings.knows(&key), protocols, verdict, sighting }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use frisson_hardware::{BoxFuture, Bus, ConnectPlan, Port, PortError};

    use super::*;

    /// Tells what it was made with, and then nothing.
    struct Script(VecDeque<Found>, mpsc::UnboundedSender<&'static str>);

    impl Scanner for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        fn scan(&mut self, on: bool) {
            let _ = self.1.send(if on { "scan" } else { "no scan" });
        }

        fn next(&mut self) -> BoxFuture<'_, Found> {
            match self.0.pop_front() {
                Some(found) => Box::pin(std::future::ready(found)),
                None => Box::pin(pending()),
            }
        }

        fn connect(
            &mut self,
            _: &Sighting,
            _: Vec<ConnectPlan>,
        ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
            let _ = self.1.send("connect");
            Box::pin(std::future::ready(Err(PortError::Failed("not in a survey".to_owned()))))
        }

        fn outcome(&mut self, _: &Sighting, outcome: &Outcome) {
            assert_eq!(*outcome, Outcome::Missed);
        }

        fn close(&mut self) -> BoxFuture<'_, ()> {
            let _ = self.1.send("close");
            Box::pin(std::future::ready(()))
        }
    }

    fn settings() -> Settings {
        let text =
            "format = 1\n[[device]]\naddress = \"ble:A\"\n\n[[device]]\naddress = \"ble:B\"\ndeny = true\n";
        Settings::parse(text, "test").expect("valid").0
    }

    #[tokio::test]
    async fn what_is_seen_is_told_with_what_is_known_of_it_and_nothing_is_connected() {
        let sightings = [("A", "LVS-Nora"), ("B", "LVS-Nora"), ("C", "Kettle")];
        let found =
            sightings.map(|(address, name)| Found::Device(Sighting::new(Bus::BluetoothLe, address, name)));
        let script = found.into_iter().chain([Found::Unusable("no power".to_owned()), Found::ScanEnded]);
        let (sender, mut calls) = mpsc::unbounded_channel();
        let scanner = Script(script.collect(), sender);
        let mut survey =
            Survey::start(vec![Box::new(scanner)], Catalogue::built_in(), settings()).expect("a runtime");
        let mut told = Vec::new();
        for _ in 0..5 {
            told.push(match survey.next().await.expect("more") {
                Surveyed::Device(seen) => {
                    format!(
                        "{} {:?} {} {}",
                        seen.sighting.address, seen.protocols, seen.is_known, seen.verdict
                    )
                }
                other => format!("{other:?}"),
            });
        }
        survey.end().await;
        let verdict = |verdict: Verdict| verdict.to_string();
        let expected = [
            format!("A [\"lovense\"] true {}", verdict(Verdict::Allowed)),
            format!("B [\"lovense\"] true {}", verdict(Verdict::Denied)),
            format!("C [] false {}", verdict(Verdict::Allowed)),
            "Unusable { bus: \"script\", reason: \"no power\" }".to_owned(),
            "Ended { bus: \"script\" }".to_owned(),
        ];
        assert_eq!(told, expected);
        let mut called = Vec::new();
        while let Some(call) = calls.recv().await {
            called.push(call);
        }
        assert_eq!(called, ["scan", "no scan", "close"]);
    }

    #[tokio::test]
    async fn a_survey_that_is_dropped_leaves_its_buses() {
        let (sender, mut calls) = mpsc::unbounded_channel();
        let scanner = Script(VecDeque::new(), sender);
        let survey =
            Survey::start(vec![Box::new(scanner)], Catalogue::built_in(), settings()).expect("a runtime");
        assert_eq!(calls.recv().await, Some("scan"));
        drop(survey);
        // The scanner itself is dropped.
        assert_eq!(calls.recv().await, None);
    }
}
