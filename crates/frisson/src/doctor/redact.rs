//! Takes out of a text what says whose machine it is from: names, addresses, the folder of the user.

use std::path::Path;

use super::files::Files;
use super::machine::Machine;
use super::report::Report;

/// What stands for what was taken out.
const GONE: &str = "[removed]";

/// Names that say nothing about anybody.
const COMMON: [&str; 3] = ["root", "localhost", "user"];

/// Where the folders of users are.
const HOMES: [&str; 4] = ["/home/", "/Users/", "\\Users\\", "/run/user/"];

/// A word of so many bytes is taken out wherever it stands.
const LONG: usize = 5;

/// What is to be taken out, the longest first.
pub(super) struct Secrets {
    homes: Vec<String>,
    words: Vec<String>,
}

impl Secrets {
    /// What this machine, its files and what was found about it have in them.
    pub(super) fn of(machine: &Machine, files: &Files, report: &Report) -> Self {
        let mut words = report.private.clone();
        words.extend(machine.user.name.clone());
        words.push(machine.host.clone());
        words.extend(machine.host.split('.').next().map(str::to_owned));
        if let Some(Ok(Some(Ok((settings, _))))) = files.settings.as_ref().map(|file| &file.content) {
            for device in settings.devices() {
                words.extend(device.name.clone());
                // Names of ports say nothing about anybody.
                if short(&device.address) != device.address {
                    words.extend(device.address.split_once(':').map(|(_, address)| address.to_owned()));
                    words.push(device.address.clone());
                }
            }
        }
        words.retain(|word| !word.trim().is_empty() && !COMMON.contains(&word.as_str()));
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.dedup();
        let home = machine.user.home.iter().filter(|home| **home != Path::new("/"));
        let mut homes: Vec<_> = home.filter_map(|home| home.to_str()).map(str::to_owned).collect();
        homes.retain(|home| !home.is_empty());
        Self { homes, words }
    }

    /// The text without them.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for home in &self.homes {
            text = text.replace(home.as_str(), "~");
        }
        text = without_homes(&text);
        for word in &self.words {
            text = without_word(&text, word);
        }
        without_numbers(&text)
    }
}

/// Without the name that follows `/home/` and the like.
fn without_homes(text: &str) -> String {
    let mut text = text.to_owned();
    for place in HOMES {
        let mut parts = text.split(place);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let name = part.find(['/', '\\', ' ', '"', '\'', ':', ',', ')', '\n']).unwrap_or(part.len());
            out.push_str(place);
            out.push_str(if name == 0 { "" } else { GONE });
            out.push_str(part.get(name..).unwrap_or_default());
        }
        text = out;
    }
    text
}

/// Without a word, in either case. A short one has to stand for itself: `al` is not taken out of `serial`.
fn without_word(text: &str, word: &str) -> String {
    // What keeps every byte where it is.
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut out = String::new();
    let mut copied = 0;
    for (at, found) in lower.match_indices(&word) {
        let end = at + found.len();
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(end..).unwrap_or_default());
        let goes_on = |next: Option<char>, edge: Option<char>| {
            next.is_some_and(char::is_alphanumeric) && edge.is_some_and(char::is_alphanumeric)
        };
        let is_part = word.len() < LONG
            && (goes_on(before.chars().next_back(), word.chars().next())
                || goes_on(after.chars().next(), word.chars().next_back()));
        if !is_part {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str(GONE);
            copied = end;
        }
    }
    out + text.get(copied..).unwrap_or_default()
}

/// Without the numbers of hardware: six pairs of digits, and UUIDs.
fn without_numbers(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_hexdigit() || [':', '-', '_'].contains(&letter);
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let end = from.find(|letter| !is_part(letter)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        out.push_str(&without_number(run));
        rest = after;
    }
    out + rest
}

/// A run of digits and what stands between them, without an address in it.
fn without_number(run: &str) -> String {
    let mut out = String::new();
    let mut rest = run;
    loop {
        let length = [17, 36].into_iter().find(|length| rest.get(..*length).is_some_and(is_number));
        match length {
            Some(length) => {
                out.push_str(GONE);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => match rest.chars().next() {
                // What can be in a run has one byte a character.
                Some(letter) => {
                    out.push(letter);
                    rest = rest.get(1..).unwrap_or_default();
                }
                None => return out,
            },
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = [':', '-', '_'].iter().any(|between| {
        let mut parts = text.split(*between);
        parts.clone().count() == 6 && parts.all(|part| part.len() == 2 && digits(part))
    });
    let is_uuid = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(digits);
    pairs || is_uuid
}

/// The end of an address, by which a person recognises a device among few; ports of the system as they are.
pub(super) fn short(address: &str) -> String {
    let (bus, address) = address.split_once(':').filter(|(bus, _)| is_bus(bus)).unwrap_or(("", address));
    let is_port = |rest: &str| rest.len() <= 12 && rest.chars().all(|letter| letter.is_ascii_alphanumeric());
    let plain = address.strip_prefix("/dev/tty").or_else(|| address.strip_prefix("COM")).is_some_and(is_port);
    let last: Vec<_> = address.chars().rev().filter(|letter| letter.is_alphanumeric()).take(2).collect();
    let shown = match plain {
        true => address.to_owned(),
        false => format!("…{}", last.iter().rev().collect::<String>()),
    };
    if bus.is_empty() { shown } else { format!("{bus}:{shown}") }
}

/// Whether this is the name of a bus and not the beginning of an address.
fn is_bus(text: &str) -> bool {
    text.len() > 2 && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
}
