//! TOML as the readers want it: typed access to known keys, with a message for everything that does not fit.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::{Place, Report, closest};
use super::super::schema::Schema;

pub(in super::super) type Value<'t> = Spanned<DeValue<'t>>;

/// A table whose keys have been checked.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Table<'t> {
    map: &'t DeTable<'t>,
    at: usize,
    schema: &'static Schema,
}

/// A string of the file, and where its characters stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Text {
    pub(in super::super) value: String,
    start: usize,
    /// Whether the source has the same characters, without escapes.
    verbatim: bool,
}

impl Text {
    /// The place of a byte of the string.
    pub(in super::super) fn place(&self, offset: usize, report: &Report<'_>) -> Place {
        report.place(self.start + if self.verbatim { offset } else { 0 })
    }
}

impl<'t> Table<'t> {
    /// A value as a table of this schema. Unknown keys are reported.
    pub(in super::super) fn open(
        value: &'t Value<'t>,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let Some(map) = value.get_ref().as_table() else {
            wrong_type(value, &format!("`{}` is a table here", schema.name), report);
            return None;
        };
        Some(Self::check(map, value.span().start, schema, report))
    }

    /// The file itself.
    pub(in super::super) fn check(
        map: &'t DeTable<'t>,
        at: usize,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Self {
        for (key, _) in map.iter().filter(|(key, _)| !schema.keys.contains(&key.get_ref().as_ref())) {
            if report.is_full() {
                break;
            }
            let shown: String = key.get_ref().chars().take(40).collect();
            let help = match (shown.as_str(), closest(&shown, schema.keys.iter().copied())) {
                ("hw_position_with_duration", _) => "it is called `stroke` here".to_owned(),
                (_, Some(known)) => format!("did you mean `{known}`?"),
                (_, None) => format!("known keys: {}", schema.keys.join(", ")),
            };
            let place = report.place(key.span().start);
            report.error(place, format!("unknown key `{shown}` in `{}`", schema.name), Some(help));
        }
        Self { map, at, schema }
    }

    pub(in super::super) fn place(&self, report: &Report<'_>) -> Place {
        report.place(self.at)
    }

    pub(in super::super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The place of a value, or else of the table.
    pub(in super::super) fn place_of(&self, key: &str, report: &Report<'_>) -> Place {
        report.place(self.get(key).map_or(self.at, |value| value.span().start))
    }

    pub(in super::super) fn get(&self, key: &str) -> Option<&'t Value<'t>> {
        self.map.get(key)
    }

    pub(in super::super) fn text(&self, key: &str, report: &mut Report<'_>) -> Option<Text> {
        self.get(key).and_then(|value| text(value, key, report))
    }

    /// A string that names something; its characters do not matter singly.
    pub(in super::super) fn word(&self, key: &str, report: &mut Report<'_>) -> Option<String> {
        self.text(key, report).map(|text| text.value)
    }

    pub(in super::super) fn flag(&self, key: &str, report: &mut Report<'_>) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong_type(value, &format!("`{key}` is true or false"), report);
        }
        flag
    }

    pub(in super::super) fn number(
        &self,
        key: &str,
        allowed: RangeInclusive<i64>,
        report: &mut Report<'_>,
    ) -> Option<i64> {
        self.get(key).and_then(|value| number(value, key, allowed, report))
    }

    /// A time in milliseconds.
    pub(in super::super) fn millis(
        &self,
        key: &str,
        allowed: RangeInclusive<i64>,
        report: &mut Report<'_>,
    ) -> Option<Duration> {
        let ms = self.number(key, allowed, report)?;
        u64::try_from(ms).ok().map(Duration::from_millis)
    }

    /// A value or a list of values.
    pub(in super::super) fn values(&self, key: &str) -> Vec<&'t Value<'t>> {
        match self.get(key) {
            None => Vec::new(),
            Some(value) => match value.get_ref().as_array() {
                Some(array) => array.iter().collect(),
                None => vec![value],
            },
        }
    }

    /// A string or a list of strings.
    pub(in super::super) fn texts(&self, key: &str, report: &mut Report<'_>) -> Vec<Text> {
        self.values(key).into_iter().filter_map(|value| text(value, key, report)).collect()
    }

    /// A list of tables of this schema, or one, of which there may be so many.
    pub(in super::super) fn tables(
        &self,
        key: &str,
        schema: &'static Schema,
        most: usize,
        report: &mut Report<'_>,
    ) -> Vec<Self> {
        let values = self.values(key);
        if values.len() > most {
            let place = self.place_of(key, report);
            report.error(place, format!("`{key}` has {} entries, more than {most}", values.len()), None);
            return Vec::new();
        }
        values.into_iter().filter_map(|value| Self::open(value, schema, report)).collect()
    }

    /// A table of this schema.
    pub(in super::super) fn table(
        &self,
        key: &str,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        self.get(key).and_then(|value| Self::open(value, schema, report))
    }

    /// A table with keys that the file chooses.
    pub(in super::super) fn entries(&self, key: &str, report: &mut Report<'_>) -> Vec<(Text, &'t Value<'t>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        entries(value, key, report)
    }

    /// Which one of several keys it has. More or fewer than one are reported.
    pub(in super::super) fn one_of(
        &self,
        keys: &[&'static str],
        report: &mut Report<'_>,
    ) -> Option<&'static str> {
        let mut given = keys.iter().copied().filter(|key| self.has(key));
        let one = given.next();
        let place = self.place(report);
        let known = keys.join("`, `");
        match (one, given.next()) {
            (Some(one), Some(other)) => {
                let message = format!("`{one}` and `{other}` exclude each other");
                report.error(place, message, Some(format!("`{}` has one of `{known}`", self.schema.name)));
                None
            }
            (None, _) => {
                report.error(place, format!("`{}` needs one of `{known}`", self.schema.name), None);
                None
            }
            (Some(one), None) => Some(one),
        }
    }

    /// Reports keys that have no meaning beside others.
    pub(in super::super) fn refuse(&self, keys: &[&str], beside: &str, report: &mut Report<'_>) {
        for key in keys.iter().filter(|key| self.has(key)) {
            let place = self.place_of(key, report);
            report.error(
                place,
                format!("`{key}` has no meaning beside `{beside}`"),
                Some("take it out".to_owned()),
            );
        }
    }
}

/// The keys and values of a table with keys that the file chooses.
pub(in super::super) fn entries<'t>(
    value: &'t Value<'t>,
    key: &str,
    report: &mut Report<'_>,
) -> Vec<(Text, &'t Value<'t>)> {
    let Some(map) = value.get_ref().as_table() else {
        wrong_type(value, &format!("`{key}` is a table"), report);
        return Vec::new();
    };
    let name = |key: &Spanned<std::borrow::Cow<'t, str>>| Text {
        value: key.get_ref().to_string(),
        start: key.span().start,
        verbatim: false,
    };
    map.iter().map(|(key, value)| (name(key), value)).collect()
}

pub(in super::super) fn text(value: &Value<'_>, key: &str, report: &mut Report<'_>) -> Option<Text> {
    let span = value.span();
    match value.get_ref().as_str() {
        Some(string) => {
            let inside = report.source(span.clone()).find(string).filter(|_| !string.is_empty());
            let start = span.start + inside.unwrap_or(0);
            Some(Text { value: string.to_owned(), start, verbatim: inside.is_some() })
        }
        None => {
            wrong_type(value, &format!("`{key}` is a string"), report);
            None
        }
    }
}

pub(in super::super) fn number(
    value: &Value<'_>,
    key: &str,
    allowed: RangeInclusive<i64>,
    report: &mut Report<'_>,
) -> Option<i64> {
    let Some(integer) = value.get_ref().as_integer() else {
        wrong_type(value, &format!("`{key}` is a whole number"), report);
        return None;
    };
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let fitting = number.filter(|number| allowed.contains(number));
    if fitting.is_none() {
        let message = format!("`{key}` lies between {} and {}", allowed.start(), allowed.end());
        report.error(report.place(value.span().start), message, None);
    }
    fitting
}

/// A range: `20` is 0 to 20, `[-20, 20]` is what it says.
pub(in super::super) fn range(
    value: &Value<'_>,
    key: &str,
    allowed: RangeInclusive<i64>,
    report: &mut Report<'_>,
) -> Option<(i64, i64)> {
    let Some(array) = value.get_ref().as_array() else {
        let end = number(value, key, allowed, report)?;
        return Some((end.min(0), end.max(0)));
    };
    let mut ends = array.iter();
    let (Some(low), Some(high), None) = (ends.next(), ends.next(), ends.next()) else {
        wrong_type(value, &format!("`{key}` is the highest step or `[lowest, highest]`"), report);
        return None;
    };
    let low = number(low, key, allowed.clone(), report)?;
    let high = number(high, key, allowed, report)?;
    if low > high {
        let place = report.place(value.span().start);
        report.error(
            place,
            format!("the range of `{key}` ends before it begins"),
            Some(format!("[{high}, {low}]")),
        );
        return None;
    }
    Some((low, high))
}

pub(in super::super) fn wrong_type(value: &Value<'_>, wanted: &str, report: &mut Report<'_>) {
    let message = format!("{wanted}, not {}", described(value.get_ref()));
    report.error(report.place(value.span().start), message, None);
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
