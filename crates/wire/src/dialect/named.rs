//! Objects whose keys are the names of outputs or inputs (spec v4).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use smallvec::SmallVec;

use super::fields::{Int, Whole, Word, objects, read_word};
use crate::model::{InputKind, OutputKind, RssiSpelling};

/// `{"Vibrate": {"Value": 4}}`: exactly one key, the output type.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) kind: OutputKind,
    pub(super) value: i32,
    /// There if and only if `kind` is `HwPositionWithDuration`.
    pub(super) duration: Option<u32>,
}

objects! {
    struct Setting {
        value: OneInt,
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: Option<Int<u32>>,
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let setting = Setting { value: OneInt(self.value), duration: self.duration.map(Int) };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.kind.name(), &setting)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOutput;

        impl<'de> Visitor<'de> for OneOutput {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with exactly one key, the output type")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Command, A::Error> {
                let Some(Known(kind)) = map.next_key::<Known<OutputKind>>()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                let Setting { value: OneInt(value), duration } = map.next_value()?;
                if map.next_key::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::invalid_length(2, &self));
                }
                let timed = kind == OutputKind::HwPositionWithDuration;
                if timed && duration.is_none() {
                    return Err(A::Error::missing_field("Duration"));
                }
                if timed && value < 0 {
                    return Err(A::Error::custom(format_args!(
                        "{kind} has the Value {value}, expected an integer from 0 to 2147483647"
                    )));
                }
                let duration = duration.filter(|_| timed).map(|Int(duration)| duration);
                Ok(Command { kind, value, duration })
            }
        }

        deserializer.deserialize_map(OneOutput)
    }
}

/// An integer, or an array of exactly one, which JS 4.0 sends (`wire.md` D-28).
#[derive(Debug)]
pub(super) struct OneInt(i32);

impl Serialize for OneInt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OneInt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrArray;

        impl<'de> Visitor<'de> for OneOrArray {
            type Value = OneInt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(i32::EXPECTED)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<OneInt, E> {
                Int::from_any(value).map(|Int(value)| OneInt(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<OneInt, E> {
                Int::from_any(value).map(|Int(value)| OneInt(value))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<OneInt, E> {
                Int::from_any(value).map(|Int(value)| OneInt(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<OneInt, A::Error> {
                let Some(Int(value)) = elements.next_element()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                match elements.next_element::<IgnoredAny>()? {
                    None => Ok(OneInt(value)),
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                }
            }
        }

        deserializer.deserialize_any(OneOrArray)
    }
}

/// The name of an input, with its spelling.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputType {
    pub(super) kind: InputKind,
    pub(super) spelling: RssiSpelling,
}

impl Word for InputType {
    const EXPECTED: &'static str = "one of Battery, Rssi, RSSI, Pressure, Button";

    fn spelling(self) -> &'static str {
        match (self.kind, self.spelling) {
            (InputKind::Rssi, RssiSpelling::Upper) => "RSSI",
            (kind, _) => kind.name(),
        }
    }

    fn from_spelling(name: &str) -> Option<Self> {
        if name == "RSSI" {
            return Some(Self { kind: InputKind::Rssi, spelling: RssiSpelling::Upper });
        }
        let kind = InputKind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(Self { kind, spelling: RssiSpelling::Rssi })
    }
}

impl Serialize for InputType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.spelling())
    }
}

impl<'de> Deserialize<'de> for InputType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_word(deserializer)
    }
}

impl Word for OutputKind {
    const EXPECTED: &'static str = "one of Vibrate, Rotate, Oscillate, Constrict, Spray, Temperature, Led, \
        Position, HwPositionWithDuration";

    fn spelling(self) -> &'static str {
        self.name()
    }

    fn from_spelling(name: &str) -> Option<Self> {
        Self::from_name(name)
    }
}

/// A word as a key.
struct Known<T>(T);

impl<'de, T: Word> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_word(deserializer).map(Known)
    }
}

/// Names and what is said of them. Names that this implementation does not know are passed over (`wire.md` section 8).
#[derive(Debug)]
pub(super) struct Offers<N, T>(pub(super) SmallVec<[(N, T); 1]>);

impl<N, T> Offers<N, T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N, T> Default for Offers<N, T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<N: Word, T: Serialize> Serialize for Offers<N, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name.spelling(), value)?;
        }
        map.end()
    }
}

impl<'de, N: Word, T: Deserialize<'de>> Deserialize<'de> for Offers<N, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KnownOnly<N, T>(PhantomData<(N, T)>);

        impl<'de, N: Word, T: Deserialize<'de>> Visitor<'de> for KnownOnly<N, T> {
            type Value = Offers<N, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut known = SmallVec::new();
                while let Some(Maybe(name)) = map.next_key::<Maybe<N>>()? {
                    match name {
                        Some(name) => known.push((name, map.next_value()?)),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Offers(known))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Offers::default())
            }
        }

        deserializer.deserialize_any(KnownOnly(PhantomData))
    }
}

/// A word that need not be known, as a key.
struct Maybe<N>(Option<N>);

impl<'de, N: Word> Deserialize<'de> for Maybe<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::fields::open_word::deserialize(deserializer).map(Maybe)
    }
}
