//! The settings file.

use std::collections::BTreeMap;
use std::ops::Range as Span;
use std::time::Duration;

use frisson_program::language::{Diagnostic, Severity};
use frisson_wire::{OutputKind, Range};
use toml::de::DeTable;

use super::reader::{Report, Table, Value};
use super::render::Source;
use super::{DeviceSettings, Entry, KINDS, OutputSettings, Settings, kind_from_name, kind_name, name_fault};

/// The format of settings files that this version reads and writes.
pub const FORMAT: i64 = 1;

/// A longer file is refused.
const LONGEST: usize = 4 * 1024 * 1024;

/// More entries of a device have no effect.
const MOST_OUTPUTS: usize = 256;

/// No gap is longer, in milliseconds.
pub(super) const LONGEST_GAP: i64 = 10_000;

const DEVICE: [&str; 9] = ["address", "protocol", "model", "index", "name", "allow", "deny", "gap", "output"];
const OUTPUT: [&str; 6] = ["feature", "kind", "range", "ms", "reverse", "disabled"];

impl Settings {
    /// Reads a settings file. An entry that is wrong is reported and left out; the rest counts. An empty file is empty settings.
    ///
    /// # Errors
    /// The text is no TOML, is too long, or has no format or one that is not known: nothing of it can be used, and it must not be
    /// written over.
    pub fn parse(text: &str, origin: &str) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut report = Report::new(origin, text);
        if text.len() > LONGEST {
            report.fail(0, "the file is longer than 4 MiB", "it cannot be a settings file of Frisson");
            return Err(report.finish());
        }
        let (tree, errors) = DeTable::parse_recoverable(text);
        for error in errors.iter().take(20) {
            let place = error.span().map_or(0, |span| span.start);
            report.fail(place, error.message().replace('\n', ", "), "");
        }
        if !errors.is_empty() {
            return Err(report.finish());
        }
        let tree = tree.into_inner();
        let top = Table::new(&tree, 0, &["format", "device"], &mut report);
        if !has_format(&top, &tree, &mut report) {
            return Err(fatal(report));
        }
        let devices = top.get("device").and_then(|devices| devices.get_ref().as_array());
        let devices: Vec<&Value<'_>> = devices.into_iter().flat_map(|devices| devices.iter()).collect();
        let has_head = |value: &&Value<'_>| text.get(value.span()).is_some_and(|head| head.starts_with("[["));
        if top.get("device").is_some() && (devices.is_empty() || !devices.iter().all(has_head)) {
            report.fail(
                top.place_of("device"),
                "each device has an entry of its own",
                "begin each with a line `[[device]]`",
            );
            return Err(fatal(report));
        }
        let read: Vec<_> = devices.iter().map(|value| device(value, &mut report)).collect();
        let read = without_doubles(read, &mut report);
        let starts: Vec<usize> = devices.iter().map(|value| start(value, &report)).collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let spans: Vec<Span<usize>> = starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
        let source =
            |span: Span<usize>| Source::new(text.get(span.clone()).unwrap_or(""), report.is_odd(&span));
        let entries =
            spans.into_iter().zip(read).map(|(span, device)| Entry { device, source: source(span) });
        let entries = entries.collect();
        let mut preamble = text.get(..starts.first().copied().unwrap_or(text.len())).unwrap_or("").to_owned();
        if tree.is_empty() && !text.is_empty() {
            let gap = if text.ends_with('\n') { "" } else { "\n" };
            preamble.push_str(&format!("{gap}format = {FORMAT}\n"));
        }
        Ok((Self { preamble, entries, laid_over: Vec::new() }, report.finish()))
    }
}

fn has_format(top: &Table<'_>, tree: &DeTable<'_>, report: &mut Report<'_>) -> bool {
    match (top.get("format"), top.number("format", i64::MIN..=i64::MAX, report)) {
        (_, Some(FORMAT)) => true,
        (_, Some(other)) => {
            let message = format!("this is format {other}; only format {FORMAT} is known here");
            report.fail(top.place_of("format"), message, "update Frisson, or use another settings file");
            false
        }
        (None, None) if tree.is_empty() => true,
        (None, None) => {
            report.fail(0, "the file does not say its format", &format!("begin it with `format = {FORMAT}`"));
            false
        }
        (Some(_), None) => false,
    }
}

/// What was found, where the file cannot be used.
fn fatal(report: Report<'_>) -> Vec<Diagnostic> {
    let mut found = report.finish();
    for one in &mut found {
        one.severity = Severity::Error;
    }
    found
}

/// Where the part of the text begins that belongs to an entry: with the comments right above its head.
fn start(value: &Value<'_>, report: &Report<'_>) -> usize {
    let mut line = report.line(value.span().start);
    let is_comment = |line: usize| {
        let before = report.text().get(report.start_of(line)..report.start_of(line + 1));
        before.is_some_and(|text| text.trim_start().starts_with('#'))
    };
    while line > 1 && is_comment(line - 1) {
        line -= 1;
    }
    report.start_of(line)
}

/// An entry and where it stands.
type Read = (usize, Option<DeviceSettings>);

fn device(value: &Value<'_>, report: &mut Report<'_>) -> Read {
    let at = value.span().start;
    let Some(table) = Table::open(value, "device", &DEVICE, report) else { return (at, None) };
    let mut name = |key: &str, may_be_empty: bool| {
        let name = table.text(key, report)?;
        let fault = name_fault(name).filter(|_| !(may_be_empty && name.is_empty()));
        if let Some(why) = &fault {
            report.warn(table.place_of(key), format!("this cannot be a `{key}`"), why);
        }
        fault.is_none().then(|| name.to_owned())
    };
    let (address, protocol, model) = (name("address", false), name("protocol", false), name("model", true));
    let called = name("name", false);
    let wrong = |key: &str, read: &Option<String>| table.get(key).is_some() && read.is_none();
    // Without one of these it would be about other devices than were meant.
    let Some(address) = address.filter(|_| !wrong("protocol", &protocol) && !wrong("model", &model)) else {
        report.warn(
            at,
            "this entry does not say which device it is about, and has no effect",
            "e.g. address = \"ble:C0:FF:EE:00:00:01\"",
        );
        return (at, None);
    };
    let index = table.number("index", 0..=i64::from(u32::MAX), report);
    let gap = table.number("gap", 0..=LONGEST_GAP, report);
    let device = DeviceSettings {
        address,
        protocol,
        model,
        index: index.and_then(|index| u32::try_from(index).ok()),
        name: called,
        allow: table.flag("allow", report),
        deny: table.flag("deny", report),
        gap: gap.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        outputs: outputs(&table, report),
    };
    (at, Some(device))
}

/// Of two entries about the same device the first counts, and of two devices with the same index the first has it.
fn without_doubles(read: Vec<Read>, report: &mut Report<'_>) -> Vec<Option<DeviceSettings>> {
    let mut known = BTreeMap::new();
    let mut indices = BTreeMap::new();
    let mut all = Vec::new();
    for (at, device) in read {
        let line = report.line(at);
        let device = device.and_then(|mut device| {
            let key = (device.address.clone(), device.protocol.clone(), device.model.clone());
            if let Some(first) = known.get(&key) {
                let message =
                    format!("this device has an entry in line {first} already; this one has no effect");
                report.warn(at, message, "make one entry of the two");
                return None;
            }
            known.insert(key, line);
            if let Some(index) = device.index
                && let Some(first) = indices.insert(index, line)
            {
                indices.insert(index, first);
                let message =
                    format!("index {index} belongs to the device in line {first}; this one gets another");
                report.warn(at, message, "give each device an index of its own, or none");
                device.index = None;
            }
            Some(device)
        });
        all.push(device);
    }
    all
}

fn outputs(table: &Table<'_>, report: &mut Report<'_>) -> Vec<OutputSettings> {
    let Some(value) = table.get("output") else { return Vec::new() };
    let Some(list) = value.get_ref().as_array() else {
        report.warn(
            value.span().start,
            "`output` is a list of tables",
            "begin each with a line `[[device.output]]`",
        );
        return Vec::new();
    };
    let mut all: Vec<OutputSettings> = Vec::new();
    for value in list.iter() {
        let at = value.span().start;
        if all.len() >= MOST_OUTPUTS {
            report.warn(
                at,
                format!("a device has at most {MOST_OUTPUTS} outputs; those that follow have no effect"),
                "",
            );
            break;
        }
        let Some(output) = output(value, report) else { continue };
        if all.iter().any(|known| (known.feature, known.kind) == (output.feature, output.kind)) {
            let (feature, kind) = (output.feature, kind_name(output.kind));
            let message =
                format!("`{kind}` of feature {feature} has an entry already; this one has no effect");
            report.warn(at, message, "make one entry of the two");
        } else {
            all.push(output);
        }
    }
    all
}

fn output(value: &Value<'_>, report: &mut Report<'_>) -> Option<OutputSettings> {
    let table = Table::open(value, "output", &OUTPUT, report)?;
    for key in ["feature", "kind"].into_iter().filter(|key| table.get(key).is_none()) {
        report.warn(
            table.at,
            format!("an output needs `{key}`"),
            "`feature` and `kind` say which output is meant, as `frisson device show` lists them",
        );
    }
    let feature = table.number("feature", 0..=i64::from(u32::MAX), report);
    let kind = table.text("kind", report).and_then(|name| {
        let kind = kind_from_name(name);
        if kind.is_none() {
            let shown: String = name.chars().take(40).collect();
            let known = KINDS.map(|(name, _)| name).join(", ");
            report.warn(
                table.place_of("kind"),
                format!("`{shown}` is no kind of output"),
                &format!("the kinds are {known}"),
            );
        }
        kind
    });
    let (feature, kind) = (feature.and_then(|feature| u32::try_from(feature).ok())?, kind?);
    let range = table.pair("range", 0..=i64::from(i32::MAX), report);
    let range = range.filter(|(low, high)| {
        if low >= high {
            let help =
                "the lower number comes first; to switch the output off write `disabled = true` instead";
            report.warn(
                table.place_of("range"),
                "this range leaves nothing to choose, so the output is off",
                help,
            );
        }
        low < high
    });
    let ms = table.pair("ms", 0..=i64::from(u32::MAX), report);
    let ms = ms.filter(|(low, high)| {
        if low > high {
            report.warn(
                table.place_of("ms"),
                "these durations end before they begin",
                "the shorter one comes first",
            );
        }
        low <= high
    });
    if table.get("ms").is_some() && kind != OutputKind::HwPositionWithDuration {
        report.warn(table.place_of("ms"), "only `stroke` has durations", "take `ms` out");
    }
    Some(OutputSettings {
        feature,
        kind,
        range: range
            .and_then(|(low, high)| Some(Range::new(i32::try_from(low).ok()?, i32::try_from(high).ok()?))),
        duration: ms
            .filter(|_| kind == OutputKind::HwPositionWithDuration)
            .and_then(|(low, high)| Some(Range::new(u32::try_from(low).ok()?, u32::try_from(high).ok()?))),
        reverse: table.flag("reverse", report),
        // Who wrote a range wanted less than all.
        disabled: table.flag("disabled", report) || (range.is_none() && table.get("range").is_some()),
    })
}
