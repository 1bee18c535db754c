//! The fields of a frame, each with the complaint that fits it.

use frisson_program::Uuid;
use serde_json::{Map, Value};

/// The fields of an object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn value(self, name: &str) -> Result<&'a Value, String> {
        self.0.get(name).ok_or_else(|| format!("field {name} is missing"))
    }

    /// A field that may be absent, or null.
    pub(super) fn maybe<T>(
        self,
        name: &'static str,
        read: impl FnOnce(Self, &'static str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => read(self, name).map(Some),
        }
    }

    pub(super) fn text(self, name: &'static str) -> Result<&'a str, String> {
        self.value(name)?.as_str().ok_or_else(|| format!("field {name} is not a string"))
    }

    /// A whole number from 0.
    pub(super) fn whole(self, name: &'static str) -> Result<u64, String> {
        self.value(name)?.as_u64().ok_or_else(|| format!("field {name} is not a positive integer"))
    }

    /// A whole number that a type can hold.
    pub(super) fn number<T: TryFrom<i64>>(self, name: &'static str) -> Result<T, String> {
        let number = self.value(name)?.as_i64().and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("field {name} is not an integer of the right size"))
    }

    pub(super) fn bytes(self, name: &'static str) -> Result<Vec<u8>, String> {
        unhex(self.text(name)?).ok_or_else(|| format!("field {name} is not hexadecimal"))
    }

    pub(super) fn uuid(self, name: &'static str) -> Result<Uuid, String> {
        uuid(self.value(name)?).ok_or_else(|| format!("field {name} is not a UUID of 36 characters"))
    }

    pub(super) fn list(self, name: &'static str) -> Result<&'a [Value], String> {
        let list = self.value(name)?.as_array().ok_or_else(|| format!("field {name} is not a list"))?;
        Ok(list)
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        self,
        name: &'static str,
        mut read: impl FnMut(Fields<'a>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let objects = self.list(name)?.iter().map(|value| match value {
            Value::Object(map) => {
                read(Fields(map)).map_err(|message| format!("field {name} is wrong: {message}"))
            }
            _ => Err(format!("field {name} is not a list of objects")),
        });
        objects.collect()
    }

    pub(super) fn uuids(self, name: &'static str) -> Result<Vec<Uuid>, String> {
        let uuids = self.list(name)?.iter().map(uuid).collect::<Option<Vec<_>>>();
        uuids.ok_or_else(|| format!("field {name} is not a list of UUIDs of 36 characters"))
    }

    pub(super) fn texts(self, name: &'static str) -> Result<Vec<&'a str>, String> {
        let texts = self.list(name)?.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
        texts.ok_or_else(|| format!("field {name} is not a list of strings"))
    }
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str().filter(|text| text.len() == 36)?.parse().ok()
}

/// Bytes from hexadecimal digits, two each.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}
