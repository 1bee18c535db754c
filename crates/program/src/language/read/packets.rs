//! What is written: parts, packets, and what keeps a device alive.

use super::super::definition::{Keepalive, Packet, Target};
use super::super::diagnostic::Place;
use super::super::expr::{self, Expr};
use super::super::names::{Kinds, Level, Var, check_name, kind_name, kind_named, list};
use super::super::schema::{IDLE, KEEPALIVE, PACKET, PART, THEN};
use super::super::template::Part;
use super::Reader;
use super::node::{Table, Text};

/// More packets are refused.
const MOST_PACKETS: usize = 64;

/// More parts are refused.
const MOST_PARTS: usize = 32;

impl Reader<'_, '_> {
    pub(in super::super) fn parts(&mut self, top: &Table<'_>) {
        let entries = top.entries("parts", self.report);
        if entries.len() > MOST_PARTS {
            self.report.error(
                top.place_of("parts", self.report),
                format!("more than {MOST_PARTS} parts"),
                None,
            );
            return;
        }
        for (name, value) in entries {
            let taken = self.names.constants.contains(&name.value);
            let wrong = check_name(&name.value).err();
            let wrong = wrong.or_else(|| taken.then(|| format!("`{}` is a constant already", name.value)));
            if let Some(message) = wrong {
                self.report.error(name.place(0, self.report), message, None);
                continue;
            }
            let Some(table) = Table::open(value, &PART, self.report) else { continue };
            if let Some(part) = self.part(&table) {
                self.names.parts.push(name.value.clone());
                self.parts.insert(name.value, part);
            }
        }
    }

    fn part(&mut self, table: &Table<'_>) -> Option<Part> {
        let key = table.one_of(&["hex", "text"], self.report)?;
        let times = table.number("times", 1..=512, self.report).and_then(|times| u16::try_from(times).ok());
        let each = table.has("each").then(|| self.kinds(table, "each"));
        match each {
            Some(_) => table.refuse(&["times"], "each", self.report),
            None => {
                for key in ["sep", "head"].iter().filter(|key| table.has(key)) {
                    let help =
                        "they stand between and before the outputs of `each = [\"vibrate\"]`".to_owned();
                    let place = table.place_of(key, self.report);
                    self.report.error(place, format!("`{key}` has no meaning without `each`"), Some(help));
                }
            }
        }
        Some(Part {
            body: table.text(key, self.report)?,
            is_text: key == "text",
            times,
            each,
            sep: table.text("sep", self.report),
            head: table.text("head", self.report),
            place: table.place(self.report),
        })
    }

    /// Looks into parts that no packet uses, so that nothing in a file goes unchecked.
    pub(in super::super) fn check_unused_parts(&mut self, top: &Table<'_>) {
        let mut used = std::collections::BTreeSet::new();
        let mut note = |text: &Text| used.extend(holes(&text.value).map(str::to_owned));
        for part in self.parts.values() {
            [Some(&part.body), part.head.as_ref()].into_iter().flatten().for_each(&mut note);
        }
        let mut tables = top.tables("packets", &PACKET, MOST_PACKETS, self.report);
        for packet in tables.clone() {
            tables.extend(packet.table("then", &THEN, self.report));
        }
        for table in tables {
            let texts = ["hex", "text"].into_iter().filter(|key| table.has(key));
            texts.filter_map(|key| table.text(key, self.report)).for_each(|text| note(&text));
        }
        let unused: Vec<_> = self.parts.iter().filter(|(name, _)| !used.contains(*name)).collect();
        for (name, part) in
            unused.into_iter().map(|(name, part)| (name.clone(), part.clone())).collect::<Vec<_>>()
        {
            self.template(
                &part.body,
                part.is_text,
                if part.each.is_some() { Level::Each } else { Level::Packet },
            );
            self.report.warning(
                part.place,
                format!("no packet uses the part `{name}`"),
                Some("take it out".to_owned()),
            );
        }
    }

    fn kinds(&mut self, table: &Table<'_>, key: &str) -> Kinds {
        let mut kinds = Kinds::default();
        for text in table.texts(key, self.report) {
            match kind_named(&text.value) {
                Some(kind) => kinds.insert(kind),
                None => {
                    let names = || frisson_wire::OutputKind::ALL.iter().map(|kind| kind_name(*kind));
                    let shown: String = text.value.chars().take(40).collect();
                    let help = format!("kinds: {}", list(names()));
                    let place = text.place(0, self.report);
                    self.report.error(place, format!("there is no kind of output `{shown}`"), Some(help));
                }
            }
        }
        kinds
    }

    pub(in super::super) fn packets(&mut self, top: &Table<'_>) -> Vec<Packet> {
        let tables = top.tables("packets", &PACKET, MOST_PACKETS, self.report);
        tables.iter().filter_map(|table| self.packet(table)).collect()
    }

    fn packet(&mut self, table: &Table<'_>) -> Option<Packet> {
        let on = if table.has("on") { self.kinds(table, "on") } else { Kinds::ALL };
        let when = self.condition(table, "when", Level::When);
        let write = self.write(table, "hex", Level::Packet)?;
        let ends = self.ends(table);
        let glide = table.millis("glide", 10..=10_000, self.report);
        let then = table.table("then", &THEN, self.report);
        if ends {
            table.refuse(&["glide", "then"], "ends", self.report);
        }
        if glide.is_some() && !on.contains(frisson_wire::OutputKind::HwPositionWithDuration) {
            let place = table.place_of("glide", self.report);
            let help = "it divides a timed move into steps: on = [\"stroke\"]".to_owned();
            self.report.error(place, "`glide` has no meaning without `stroke`", Some(help));
        }
        let per_output = |(expr, _): &(Expr, Place)| expr.uses(Var::is_per_output);
        let then = then.and_then(|then| self.then(&then));
        let per_output = write.template.is_per_output()
            || when.as_ref().is_some_and(per_output)
            || then.as_ref().is_some_and(|(_, write)| write.template.is_per_output());
        if write.to == Target::Heard || !matches!(write.to, Target::Endpoint(_) | Target::There) {
            let help =
                "choose in the greeting with `subscribe = \"a | b\"`, then write to \"there\"".to_owned();
            let place = table.place_of("to", self.report);
            self.report.error(place, "a packet is written to one endpoint", Some(help));
        }
        Some(Packet {
            on,
            at: self.indices(table, "at"),
            when,
            variants: self.words(table, "variant"),
            per_output,
            then,
            write,
            glide,
            ends,
            place: table.place(self.report),
        })
    }

    fn ends(&mut self, table: &Table<'_>) -> bool {
        let Some(text) = table.text("ends", self.report) else { return false };
        if text.value != "move" {
            let help = "ends = \"move\": written when a stop comes during a timed move".to_owned();
            let place = text.place(0, self.report);
            self.report.error(place, "nothing but a move can be ended", Some(help));
        }
        true
    }

    fn then(&mut self, table: &Table<'_>) -> Option<(std::time::Duration, super::super::definition::Write)> {
        if !table.has("after") {
            let help = "after = 1000, in milliseconds".to_owned();
            self.report.error(table.place(self.report), "`then` needs `after`", Some(help));
        }
        let after = table.millis("after", 1..=600_000, self.report)?;
        Some((after, self.write(table, "hex", Level::Packet)?))
    }

    /// An expression that says whether something is done.
    pub(super) fn condition(&mut self, table: &Table<'_>, key: &str, level: Level) -> Option<(Expr, Place)> {
        let text = table.text(key, self.report)?;
        match expr::parse(&text.value, &self.names, level) {
            Ok(parsed) => {
                if let Some(at) = parsed.format {
                    let place = text.place(at.saturating_sub(1), self.report);
                    self.report.error(place, "`:` has no meaning here", None);
                }
                Some((parsed.expr, text.place(0, self.report)))
            }
            Err((at, message, help)) => {
                self.report.error(text.place(at, self.report), message, help);
                None
            }
        }
    }

    pub(in super::super) fn keepalive(&mut self, top: &Table<'_>) -> Keepalive {
        let Some(table) = top.table("keepalive", &KEEPALIVE, self.report) else {
            return Keepalive::default();
        };
        let every = table.millis("every", 1..=600_000, self.report);
        if every.is_none() && !table.has("idle") {
            let help = "every = 500, in milliseconds, or idle = { hex = \"…\" }".to_owned();
            self.report.error(table.place(self.report), "`keepalive` needs `every` or `idle`", Some(help));
        }
        if table.has("while") && every.is_none() {
            table.refuse(&["while"], "idle", self.report);
        }
        let idle = table.table("idle", &IDLE, self.report);
        Keepalive {
            every,
            condition: self.condition(&table, "while", Level::While),
            idle: idle.and_then(|idle| self.write(&idle, "hex", Level::Setup)),
        }
    }
}

/// What stands in the holes of a text, roughly.
fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::trim)
}
