//! As much of Protocol Buffers as two devices need: writing fields without their defaults, and reading fields one after the other.

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A whole number; 0 is the default and is left out.
    pub(super) fn number(mut self, field: u32, value: u32) -> Self {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(u64::from(value));
        }
        self
    }

    /// A float of 32 bits; 0 is the default and is left out.
    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        if value != 0.0 {
            self.varint(u64::from(field) << 3 | 5);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    /// A float of 64 bits; 0 is the default and is left out.
    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        if value != 0.0 {
            self.varint(u64::from(field) << 3 | 1);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    /// A message within this one.
    pub(super) fn message(mut self, field: u32, message: Self) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(u64::try_from(message.0.len()).unwrap_or(u64::MAX));
        self.0.extend(message.0);
        self
    }

    /// The bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap_or(0));
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A float, which nobody asks for.
    Float,
}

impl<'a> Value<'a> {
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message, in their order; `None` if it is no message.
pub(super) fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Value::Float)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => take(&mut bytes, 4).map(|_| Value::Float)?,
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

/// The last field of this number; in a message that says a field twice, the last counts.
pub(super) fn find<'a>(fields: &[(u64, Value<'a>)], number: u64) -> Option<Value<'a>> {
    fields.iter().rev().find(|(field, _)| *field == number).map(|(_, value)| *value)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}
