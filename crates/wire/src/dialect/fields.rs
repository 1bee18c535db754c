//! Building blocks of message bodies: tolerant integers, words, and bodies that must be JSON objects.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::Id;

/// An integer. Also read from a float without a fraction (`wire.md` 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Int<T>(pub(super) T);

/// What an [`Int`] can hold.
pub(super) trait Whole: Sized {
    const EXPECTED: &'static str;
    fn from_i64(value: i64) -> Option<Self>;
}

impl Whole for Id {
    const EXPECTED: &'static str = "an integer from 1 to 4294967295";
    fn from_i64(value: i64) -> Option<Self> {
        Self::new(u32::try_from(value).ok()?)
    }
}

impl Whole for u32 {
    const EXPECTED: &'static str = "an integer from 0 to 4294967295";
    fn from_i64(value: i64) -> Option<Self> {
        Self::try_from(value).ok()
    }
}

impl Whole for u8 {
    const EXPECTED: &'static str = "an integer from 0 to 255";
    fn from_i64(value: i64) -> Option<Self> {
        Self::try_from(value).ok()
    }
}

impl Whole for i32 {
    const EXPECTED: &'static str = "an integer from -2147483648 to 2147483647";
    fn from_i64(value: i64) -> Option<Self> {
        Self::try_from(value).ok()
    }
}

impl Whole for i64 {
    const EXPECTED: &'static str = "an integer";
    fn from_i64(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl<T: Serialize> Serialize for Int<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Whole> Deserialize<'de> for Int<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(IntVisitor(PhantomData))
    }
}

struct IntVisitor<T>(PhantomData<T>);

impl<T: Whole> Visitor<'_> for IntVisitor<T> {
    type Value = Int<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Int<T>, E> {
        Int::from_any(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Int<T>, E> {
        Int::from_any(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Int<T>, E> {
        Int::from_any(value)
    }
}

impl<T: Whole> Int<T> {
    /// Takes any JSON number that is an integer in range.
    pub(super) fn from_any<E: Error>(number: impl Into<Number>) -> Result<Self, E> {
        /// Up to here, 2^53, floats have no gaps between integers.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let number = number.into();
        let whole = match number {
            Number::Signed(value) => Some(value),
            Number::Unsigned(value) => i64::try_from(value).ok(),
            Number::Float(value) => (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64),
        };
        whole.and_then(T::from_i64).map(Self).ok_or_else(|| {
            let unexpected = match number {
                Number::Signed(value) => Unexpected::Signed(value),
                Number::Unsigned(value) => Unexpected::Unsigned(value),
                Number::Float(value) => Unexpected::Float(value),
            };
            E::invalid_value(unexpected, &T::EXPECTED)
        })
    }
}

/// A JSON number as the parser sees it.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// Defines message bodies that are read from JSON objects only. (A plain derive would also take an array of the
/// fields in order.) Fields are in PascalCase on the wire.
macro_rules! objects {
    ($(
        $(#[$meta:meta])*
        struct $name:ident { $( $(#[$field_meta:meta])* $field:ident: $ty:ty, )+ }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "PascalCase", remote = "Self")]
        pub(super) struct $name { $( $(#[$field_meta])* pub(super) $field: $ty, )+ }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    )+};
}
pub(super) use objects;

/// Defines an enum of words, each with its spellings; the first is the one that is written.
macro_rules! words {
    ($(
        $(#[$meta:meta])*
        enum $name:ident { $( $word:ident = $spelling:literal $(| $also:literal)*, )+ }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $( $word, )+ }

        impl $crate::dialect::fields::Word for $name {
            const EXPECTED: &'static str = concat!("one of ", words!(@list $($spelling),+));

            fn spelling(self) -> &'static str {
                match self { $( Self::$word => $spelling, )+ }
            }

            fn from_spelling(spelling: &str) -> Option<Self> {
                match spelling {
                    $( $spelling $(| $also)* => Some(Self::$word), )+
                    _ => None,
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::dialect::fields::Word::spelling(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::dialect::fields::read_word(deserializer)
            }
        }
    )+};
    (@list $first:literal $(, $rest:literal)*) => { concat!($first $(, ", ", $rest)*) };
}
pub(super) use words;

/// An enum of words.
pub(super) trait Word: Copy {
    const EXPECTED: &'static str;
    fn spelling(self) -> &'static str;
    fn from_spelling(spelling: &str) -> Option<Self>;
}

/// Reads one of the words of `T`.
pub(super) fn read_word<'de, T: Word, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct OneOf<T>(PhantomData<T>);

    impl<T: Word> Visitor<'_> for OneOf<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            T::from_spelling(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_str(OneOf(PhantomData))
}

/// For `#[serde(with)]`: a word where another one than those of `T` is read as `None`.
pub(super) mod open_word {
    use super::{Deserializer, PhantomData, Serialize, Serializer, Visitor, Word, fmt};

    pub(in crate::dialect) fn serialize<T: Word + Serialize, S: Serializer>(
        word: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        word.serialize(serializer)
    }

    pub(in crate::dialect) fn deserialize<'de, T: Word, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        struct AnyWord<T>(PhantomData<T>);

        impl<T: Word> Visitor<'_> for AnyWord<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
                Ok(T::from_spelling(text))
            }
        }

        deserializer.deserialize_str(AnyWord(PhantomData))
    }
}

/// An object whose keys repeat what is in the values anyhow: written with keys, read without regard to them.
#[derive(Debug)]
pub(super) struct Keyed<T>(pub(super) Vec<T>);

/// What is in a [`Keyed`] object.
pub(super) trait Key {
    fn key(&self) -> u32;
}

impl<T: Key + Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for value in &self.0 {
            map.serialize_entry(&value.key(), value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Values<T> {
            type Value = Keyed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keyed<T>, A::Error> {
                let mut values = Vec::new();
                while let Some((serde::de::IgnoredAny, value)) = map.next_entry()? {
                    values.push(value);
                }
                Ok(Keyed(values))
            }
        }

        deserializer.deserialize_map(Values(PhantomData))
    }
}
