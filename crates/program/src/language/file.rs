//! A device file: its text as TOML, and the way from there to a definition.

use std::sync::Arc;

use toml::de::DeTable;

use super::check;
use super::definition::{Addition, Definition};
use super::diagnostic::{Diagnostic, Place, Report};
use super::names::Names;
use super::read::Reader;
use super::read::node::Table;
use super::schema::FILE;

/// The format of device files that this version reads.
pub const FORMAT: i64 = 1;

/// A longer file is refused.
const LONGEST: usize = 1024 * 1024;

/// A device file that is well-formed TOML.
#[derive(Debug)]
pub struct File<'t> {
    text: &'t str,
    origin: Arc<str>,
    tree: DeTable<'t>,
    id: String,
    extends: Option<String>,
    format: Option<i64>,
}

impl<'t> File<'t> {
    /// Reads a file. `origin` is its path or name; without folder and ending it is the protocol's id.
    ///
    /// # Errors
    /// The text is no TOML, or is of a format that this version does not know.
    pub fn parse(text: &'t str, origin: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut report = Report::new(origin, text);
        let start = Place { line: 1, column: 1 };
        let name = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
        let id = name.strip_suffix(".toml").unwrap_or(name).to_owned();
        if !is_id(&id) {
            let help = "lower-case letters, digits, `-` and `_`, as in `my-device.toml`".to_owned();
            report.error(start, format!("`{name}` cannot name a protocol"), Some(help));
        }
        if text.len() > LONGEST {
            report.error(start, "the file is longer than 1 MiB", None);
            return Err(report.finish());
        }
        let (tree, errors) = DeTable::parse_recoverable(text);
        for error in errors.iter().take(20) {
            let place = error.span().map_or(start, |span| report.place(span.start));
            report.error(place, error.message().replace('\n', ", "), None);
        }
        if report.has_failed() {
            return Err(report.finish());
        }
        let tree = tree.into_inner();
        let top = Table::check(&tree, 0, &FILE, &mut Report::new(origin, text));
        let format = top.number("format", i64::MIN..=i64::MAX, &mut report);
        if let Some(other) = format.filter(|format| *format != FORMAT) {
            let help = "update Frisson, or rewrite the file for `format = 1`".to_owned();
            let place = top.place_of("format", &report);
            report.error(
                place,
                format!("this is format {other}; only format {FORMAT} is known here"),
                Some(help),
            );
        }
        let extends = top.word("extends", &mut report);
        if extends.as_ref().is_some_and(|base| !is_id(base)) {
            let place = top.place_of("extends", &report);
            report.error(
                place,
                "`extends` is the id of a protocol",
                Some("e.g. extends = \"lovense\"".to_owned()),
            );
        }
        if report.has_failed() {
            return Err(report.finish());
        }
        Ok(Self { text, origin: report.origin().clone(), tree, id, extends, format })
    }

    /// The protocol's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the protocol to which this file adds models or identifiers.
    pub fn extends(&self) -> Option<&str> {
        self.extends.as_deref()
    }

    /// The format, if the file says it.
    pub fn format(&self) -> Option<i64> {
        self.format
    }

    /// What to say of a user's file that does not say its format.
    pub fn require_format(&self) -> Option<Diagnostic> {
        let mut report = Report::new(&self.origin, self.text);
        let help = format!("begin it with `format = {FORMAT}`");
        report.error(Place { line: 1, column: 1 }, "the file does not say its format", Some(help));
        if self.format.is_none() { report.finish().pop() } else { None }
    }

    /// Checks everything but the outcome of the tests.
    ///
    /// # Errors
    /// Something is wrong; all that was found.
    pub fn compile(&self) -> Result<Definition, Vec<Diagnostic>> {
        let mut report = Report::new(&self.origin, self.text);
        if let Some(base) = &self.extends {
            let help = format!("it can only be read together with the protocol `{base}`");
            report.error(Place { line: 1, column: 1 }, format!("the file extends `{base}`"), Some(help));
            return Err(report.finish());
        }
        let top = Table::check(&self.tree, 0, &FILE, &mut report);
        let code = top.word("code", &mut report);
        if code.is_some() {
            let own = ["confirm", "set", "identify", "init", "keepalive", "parts", "packets", "inputs"];
            top.refuse(&own, "code", &mut report);
        }
        let mut reader = Reader::new(&mut report, Names::default());
        reader.confirm(&top);
        let identifiers = reader.identifiers(&top);
        if identifiers == Default::default() {
            let help = "e.g. [[ble]] names = [\"Massage Demo\"]".to_owned();
            reader.report.error(
                Place { line: 1, column: 1 },
                "nothing says how a device is found",
                Some(help),
            );
        }
        reader.constants(&top);
        reader.parts(&top);
        let identify = reader.identify(&top);
        let init = reader.init(&top);
        let definition = Definition {
            id: self.id.as_str().into(),
            origin: self.origin.clone(),
            code: code.map(Into::into),
            proven: reader.proof(&top),
            identifiers,
            identify,
            init,
            keepalive: reader.keepalive(&top),
            gap: top.millis("gap", 0..=10_000, reader.report),
            packets: reader.packets(&top),
            inputs: reader.inputs(&top),
            models: reader.models(&top),
            tests: reader.tests(&top),
            warnings: Vec::new(),
            defaults: Vec::new(),
            names: Names::default(),
        };
        reader.check_unused_parts(&top);
        let definition = Definition { defaults: reader.defaults, names: reader.names, ..definition };
        if !report.has_failed() {
            check::definition(&definition, &mut report);
        }
        finish(definition, report)
    }

    /// Adds what stands in this file to the protocol that it extends.
    ///
    /// # Errors
    /// Something is wrong; all that was found.
    pub fn extend(&self, base: &Definition) -> Result<Definition, Vec<Diagnostic>> {
        let mut report = Report::new(&self.origin, self.text);
        let top = Table::check(&self.tree, 0, &FILE, &mut report);
        let own =
            ["confirm", "gap", "set", "identify", "init", "keepalive", "parts", "packets", "inputs", "proof"];
        top.refuse(&own, "extends", &mut report);
        let mut reader = Reader::new(&mut report, base.names.clone());
        reader.extends = true;
        reader.defaults.clone_from(&base.defaults);
        let mut identifiers = reader.identifiers(&top);
        for ble in identifiers.ble.iter_mut().filter(|ble| ble.services.is_empty()) {
            let services = base.identifiers.ble.iter().flat_map(|ble| ble.services.iter().cloned());
            ble.services.extend(services);
        }
        let known = base.names.constants.len();
        reader.constants(&top);
        if let Some(unknown) = reader.names.constants.get(known).cloned() {
            let place = top.place_of("models", reader.report);
            let message = format!("the protocol `{}` has no constant `{unknown}`", base.id);
            reader.report.error(place, message, None);
        }
        let models = reader.models(&top);
        let tests = reader.tests(&top);
        if models.is_empty() && identifiers == Default::default() {
            let help = "give [[models]], or ways to find a device such as [[ble]]".to_owned();
            report.error(Place { line: 1, column: 1 }, "the file adds nothing", Some(help));
        }
        if report.has_failed() {
            return Err(report.finish());
        }
        let (mut definition, found) = base.extended(Addition { identifiers, models });
        for one in found {
            // What is wrong is wrong with a model of this file, whatever the place in the other one.
            let at = Place { line: 1, column: 1 };
            report.error(at, format!("{} ({}:{})", one.message, one.origin, one.line), one.help);
        }
        definition.origin = self.origin.clone();
        definition.tests = tests;
        finish(definition, report)
    }
}

fn finish(definition: Definition, report: Report<'_>) -> Result<Definition, Vec<Diagnostic>> {
    let failed = report.has_failed();
    let warnings = report.finish();
    if failed { Err(warnings) } else { Ok(Definition { warnings, ..definition }) }
}

fn is_id(id: &str) -> bool {
    let fits = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || letter == '_'
    };
    !id.is_empty() && id.len() <= 64 && id.chars().all(fits)
}
