//! `frisson scan`: what is there on each bus, what it matches, and whether the server would use it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use frisson_server::hardware::Bus;
use frisson_server::settings::{Change, Settings, Verdict, Whom};
use frisson_server::{Seen, Survey, Surveyed};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::buses;
use crate::cli::{Format, LogFormat, LogLevel, Scan};
use crate::exit::Failure;
use crate::files::{self, SettingsFile};
use crate::signals::Signals;
use crate::start;

/// More different devices than this are not listed: something on the bus makes them up.
const MOST: usize = 1000;

/// Looks, tells, and notes what is to be noted.
pub(crate) fn run(options: Scan) -> Result<(), Failure> {
    let _flush = start::log(LogLevel::Warn, LogFormat::Text)?;
    start::runtime()?.block_on(scan(options))
}

async fn scan(options: Scan) -> Result<(), Failure> {
    let mut signals = start::signals()?;
    let mut library = files::open_library(options.places.device_files.clone())?;
    library.assign(&options.buses.serial)?;
    let path = files::settings_path(options.places.settings.clone());
    let settings = match path.clone().map(SettingsFile::peek) {
        Some(Ok((file, found))) => {
            found.iter().for_each(|odd| tell(&format!("{odd}\n")));
            file.settings().clone()
        }
        Some(Err(error)) => {
            let shown = path.unwrap_or_default();
            return Err(Failure::Usage(format!(
                "the settings in {} cannot be read: {error}",
                shown.display()
            )));
        }
        None => Settings::default(),
    };
    let catalogue = library.catalogue();
    let made = buses::make(&options.buses, false, &catalogue)?;
    made.notes.iter().for_each(|note| tell(&format!("{note}\n")));
    if made.scanners.is_empty() {
        return Err(Failure::Usage("there is no bus to look at; name some with --bus".to_owned()));
    }
    let names = made.names();
    if let Some(address) = made.device_websocket {
        tell(&format!("Devices connect by themselves at ws://{address}\n"));
    }
    let survey = Survey::start(made.scanners, catalogue, settings.clone())
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let mut findings = Findings { buses: names, settings, ..Findings::default() };
    let look = Look { live: options.format == Format::Text, all: options.all };
    look.run(survey, Duration::from_secs(options.seconds.into()), &mut findings, &mut signals).await;
    match options.format {
        Format::Text => say(&findings.summary(options.all, options.add.is_empty())),
        Format::Json => say(&findings.json()),
    }
    match options.add.is_empty() {
        true => Ok(()),
        false => {
            let added = add(&findings, &options.add, path)?;
            match options.format {
                Format::Text => say(&added),
                Format::Json => tell(&added),
            }
            Ok(())
        }
    }
}

/// How findings are told while they come.
struct Look {
    live: bool,
    all: bool,
}

impl Look {
    /// Takes in findings until the time is over, all buses have ended, or the user has seen enough.
    async fn run(self, mut survey: Survey, time: Duration, findings: &mut Findings, signals: &mut Signals) {
        let end = Instant::now() + time;
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let progress = self.live && io::stderr().is_terminal();
        loop {
            tokio::select! {
                biased;
                _ = signals.next() => break,
                () = sleep_until(end) => break,
                surveyed = survey.next() => match surveyed {
                    Some(surveyed) => {
                        let line = findings.take(surveyed, self.all);
                        if let Some(line) = line.filter(|_| self.live) {
                            erase(progress);
                            say(&line);
                        }
                        if findings.are_complete() {
                            break;
                        }
                    }
                    None => break,
                },
                now = ticks.tick(), if progress => {
                    let left = end.saturating_duration_since(now).as_secs();
                    tell(&format!("\r\x1b[Klooking, {left} s left; {} seen", findings.devices.len()));
                }
            }
        }
        erase(progress);
        survey.end().await;
    }
}

fn erase(progress: bool) {
    if progress {
        tell("\r\x1b[K");
    }
}

/// What was found.
#[derive(Default)]
struct Findings {
    buses: Vec<&'static str>,
    settings: Settings,
    /// By their address with its bus.
    devices: BTreeMap<String, Seen>,
    unusable: BTreeMap<&'static str, String>,
    ended: BTreeSet<&'static str>,
    /// How many were left out.
    more: usize,
}

impl Findings {
    /// Takes in a finding. Gives a line where there is something to be said.
    fn take(&mut self, surveyed: Surveyed, all: bool) -> Option<String> {
        match surveyed {
            Surveyed::Device(seen) => {
                let key = seen.sighting.key();
                let before = self.devices.get(&key);
                if before.is_none() && self.devices.len() >= MOST {
                    self.more += 1;
                    return None;
                }
                let is_news = before.is_none_or(|before| {
                    (&before.protocols, &before.sighting.name) != (&seen.protocols, &seen.sighting.name)
                });
                let mut seen = *seen;
                if seen.sighting.rssi.is_none() {
                    seen.sighting.rssi = before.and_then(|before| before.sighting.rssi);
                }
                let line = (is_news && (all || !seen.protocols.is_empty())).then(|| self.line(&seen));
                self.devices.insert(key, seen);
                line
            }
            Surveyed::Unusable { bus, reason } => {
                self.unusable.insert(bus, reason.clone());
                Some(format!("{bus}: not usable: {reason}\n"))
            }
            Surveyed::Ended { bus } => {
                self.ended.insert(bus);
                None
            }
            _ => None,
        }
    }

    /// Whether nothing more will be seen. Devices that connect by themselves may do so at any time.
    fn are_complete(&self) -> bool {
        self.buses.iter().all(|bus| *bus != Bus::WebSocket.name() && self.ended.contains(bus))
    }

    fn line(&self, seen: &Seen) -> String {
        let sighting = &seen.sighting;
        let signal = sighting.rssi.map_or_else(|| "        ".to_owned(), |rssi| format!("{rssi:>4} dBm"));
        let protocol = match seen.protocols.as_slice() {
            [] => "no protocol known".to_owned(),
            all => all.join(" or "),
        };
        let name = if sighting.name.is_empty() { "(no name)" } else { &sighting.name };
        format!("{:<40} {signal}  {name}: {protocol}, {}\n", sighting.key(), self.state(seen))
    }

    /// Whether the server would use it.
    fn state(&self, seen: &Seen) -> String {
        let key = seen.sighting.key();
        let entry = self.settings.devices().find(|device| device.is_at(&key));
        match (seen.verdict, seen.is_known) {
            (Verdict::Allowed, true) => match entry.and_then(|entry| entry.index) {
                Some(index) => format!("known with index {index}"),
                None => "known".to_owned(),
            },
            (Verdict::Allowed, false) => "new".to_owned(),
            (verdict, _) => format!("it {verdict}"),
        }
    }

    /// What is said at the end.
    fn summary(&self, all: bool, hints: bool) -> String {
        let mut text = String::new();
        let (known, other): (Vec<_>, Vec<_>) =
            self.devices.values().partition(|seen| !seen.protocols.is_empty());
        for bus in &self.buses {
            let on_it = |seen: &&&Seen| seen.sighting.bus.name() == *bus;
            let (known, other) = (known.iter().filter(on_it).count(), other.iter().filter(on_it).count());
            match self.unusable.get(bus) {
                // Why has been said when it was found out.
                Some(_) if known + other == 0 => {
                    let _ = writeln!(text, "{bus}: not usable, see above");
                }
                _ => {
                    let _ = writeln!(text, "{bus}: {known} of a known protocol, {other} other");
                }
            }
        }
        if self.more > 0 {
            let _ = writeln!(text, "{} more sightings were left out: there are too many devices.", self.more);
        }
        if !hints {
            return text;
        }
        if !other.is_empty() && !all {
            text += "With --all, what no protocol is known for is listed too.\n";
        }
        let is_new = |seen: &&&Seen| {
            !seen.is_known && seen.verdict == Verdict::Allowed && !seen.sighting.bus.is_always_on()
        };
        if let Some(new) = known.iter().find(is_new) {
            let _ = writeln!(
                text,
                "New ones are used when a client looks for devices. To have the server connect one by itself: frisson scan --add {}",
                new.sighting.key()
            );
        }
        if !self.unusable.is_empty() || self.devices.is_empty() {
            text += "frisson doctor tells more about what is missing. A device that is connected already may not show.\n";
        }
        text
    }

    fn json(&self) -> String {
        let devices: Vec<_> = self
            .devices
            .iter()
            .map(|(key, seen)| {
                json!({
                    "address": key,
                    "bus": seen.sighting.bus.name(),
                    "name": seen.sighting.name,
                    "rssi": seen.sighting.rssi,
                    "protocols": seen.protocols,
                    "known": seen.is_known,
                    "allowed": seen.verdict == Verdict::Allowed,
                })
            })
            .collect();
        let text = json!({ "devices": devices, "buses": self.buses, "unusable": self.unusable });
        format!("{text:#}\n")
    }

    /// The device that a user means.
    fn find(&self, wanted: &str) -> Result<(&String, &Seen), String> {
        if let Some(found) = self.devices.get_key_value(wanted) {
            return Ok(found);
        }
        let named: Vec<_> = self.devices.iter().filter(|(_, seen)| seen.sighting.name == wanted).collect();
        match named.as_slice() {
            [one] => Ok(*one),
            [] => Err(format!("{wanted} was not seen; nothing of it was put into the settings")),
            several => {
                let keys: Vec<_> = several.iter().map(|(key, _)| key.as_str()).collect();
                Err(format!(
                    "{} devices are called {wanted}: say which by its address, {}",
                    keys.len(),
                    keys.join(" or ")
                ))
            }
        }
    }

    /// What is to be put into the settings for a device.
    fn entry(&self, wanted: &str) -> Result<Whom, String> {
        let (key, seen) = self.find(wanted)?;
        let Some(protocol) = seen.protocols.first() else {
            return Err(format!(
                "no protocol is known for {key} ({}); it cannot be used",
                seen.sighting.name
            ));
        };
        if seen.verdict == Verdict::Denied {
            return Err(format!("{key} {}; allow it with: frisson device set {key} --ask", seen.verdict));
        }
        Ok(Whom { protocol: Some(protocol.clone()), ..Whom::at(key) })
    }
}

/// Puts devices into the settings: all of those that are wanted, or none. Gives what is said of that.
fn add(findings: &Findings, wanted: &[String], path: Option<PathBuf>) -> Result<String, Failure> {
    let entries: Result<Vec<_>, _> = wanted.iter().map(|wanted| findings.entry(wanted)).collect();
    let entries = entries.map_err(Failure::Usage)?;
    let path = path.ok_or_else(files::no_place)?;
    let shown = path.display().to_string();
    let mut file = SettingsFile::open(path).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
    file.update(&|settings| {
        let mut is_news = false;
        for whom in &entries {
            is_news |= note(settings, whom)?;
        }
        Ok(is_news)
    })?;
    let mut text = String::new();
    for whom in &entries {
        let index = file
            .settings()
            .devices()
            .find(|device| device.is_at(&whom.address))
            .and_then(|device| device.index);
        let index = index.map_or_else(String::new, |index| format!(" with index {index}"));
        let _ = writeln!(text, "{} is known{index}: the server connects it by itself. {shown}", whom.address);
    }
    Ok(text)
}

/// Makes a device known. Whether it was not.
fn note(settings: &mut Settings, whom: &Whom) -> Result<bool, String> {
    let mut is_news = false;
    if !settings.knows(&whom.address) {
        let taken = settings.indices();
        let free = (0..).find(|index| !taken.contains(index));
        settings.set_for(whom, None, Change::Index(free)).map_err(|error| error.to_string())?;
        is_news = true;
    }
    if settings.is_allowed(&whom.address, whom.protocol.as_deref(), None) == Verdict::NotAllowed {
        settings.set_for(whom, None, Change::Allow(true)).map_err(|error| error.to_string())?;
        is_news = true;
    }
    Ok(is_news)
}

/// Writes to standard error. Nobody may be there to read it: that is no reason to end.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes to standard output. What devices say of themselves does not get at the terminal.
fn say(text: &str) {
    let text = text.replace(|letter: char| letter.is_control() && letter != '\n', " ");
    let _ = io::stdout().write_all(text.as_bytes());
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use frisson_server::hardware::Sighting;

    use super::*;

    fn seen(address: &str, name: &str, protocols: &[&str]) -> Surveyed {
        let sighting = Sighting { rssi: Some(-60), ..Sighting::new(Bus::BluetoothLe, address, name) };
        let protocols = protocols.iter().map(|id| (*id).to_owned()).collect();
        Surveyed::Device(Box::new(Seen { sighting, protocols, is_known: false, verdict: Verdict::Allowed }))
    }

    fn findings() -> Findings {
        Findings { buses: vec!["ble"], ..Findings::default() }
    }

    #[test]
    fn a_device_is_told_once_and_again_when_it_turns_out_to_be_something() {
        let mut findings = findings();
        assert_eq!(findings.take(seen("A", "", &[]), false), None);
        let line = findings.take(seen("A", "LVS-Nora", &["lovense"]), false).expect("is told");
        assert!(
            line.contains("ble:A") && line.contains("-60 dBm") && line.contains("LVS-Nora: lovense, new"),
            "{line}"
        );
        assert_eq!(findings.take(seen("A", "LVS-Nora", &["lovense"]), false), None);
        assert!(findings.summary(false, true).contains("frisson scan --add ble:A"));
    }

    #[test]
    fn a_device_is_added_by_address_or_by_a_name_that_only_it_has() {
        let mut findings = findings();
        for (address, name) in [("A", "LVS-Nora"), ("B", "Same"), ("C", "Same"), ("D", "Kettle")] {
            let protocols: &[&str] = if name == "Kettle" { &[] } else { &["lovense"] };
            findings.take(seen(address, name, protocols), false);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        let add = |wanted: &[&str]| {
            let wanted: Vec<_> = wanted.iter().map(|one| (*one).to_owned()).collect();
            add(&findings, &wanted, Some(path.clone())).map_err(|error| error.to_string())
        };
        for (wanted, why) in
            [("Same", "ble:B or ble:C"), ("Lamp", "was not seen"), ("Kettle", "no protocol is known")]
        {
            let error = add(&["LVS-Nora", wanted]).expect_err(wanted);
            assert!(error.contains(why), "{error}");
            assert!(!path.exists(), "all or nothing");
        }
        assert!(add(&["ble:B", "LVS-Nora"]).expect("is added").contains("ble:B is known with index 0"));
        let text = std::fs::read_to_string(&path).expect("is written");
        assert!(text.contains("ble:A") && text.contains("index = 1") && !text.contains("allow"), "{text}");
        // Once more changes nothing.
        add(&["ble:B"]).expect("is known");
        assert_eq!(std::fs::read_to_string(&path).expect("is there"), text);
    }

    #[test]
    fn where_only_some_are_allowed_a_device_that_is_added_is_allowed_too() {
        let text =
            "format = 1\n[[device]]\naddress = \"ble:X\"\nallow = true\n\n[[device]]\naddress = \"ble:A\"\n";
        let mut settings = Settings::parse(text, "test").expect("valid").0;
        let whom = Whom { protocol: Some("lovense".to_owned()), ..Whom::at("ble:A") };
        assert_eq!(note(&mut settings, &whom), Ok(true));
        assert_eq!(settings.is_allowed("ble:A", Some("lovense"), None), Verdict::Allowed);
        assert_eq!(note(&mut settings, &whom), Ok(false));
    }

    #[test]
    fn what_a_device_calls_itself_cannot_flood_the_list() {
        let mut findings = findings();
        for number in 0..MOST + 5 {
            findings.take(seen(&number.to_string(), "x", &[]), false);
        }
        assert_eq!((findings.devices.len(), findings.more), (MOST, 5));
    }
}
