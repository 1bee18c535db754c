//! Names of the places of a device that bytes go to and come from.

use std::fmt;

/// The name of an endpoint, e.g. `tx`: 1 to 15 lower-case letters, digits or underscores. Cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    bytes: [u8; 15],
    len: u8,
}

/// Why a text is not the name of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an endpoint: 1 to 15 lower-case letters, digits or underscores")]
pub struct EndpointError(String);

impl Endpoint {
    /// Where most devices take commands.
    pub const TX: Self = Self::literal(b"tx");
    /// Where most devices answer.
    pub const RX: Self = Self::literal(b"rx");

    const fn literal(name: &[u8; 2]) -> Self {
        let mut bytes = [0; 15];
        bytes[0] = name[0];
        bytes[1] = name[1];
        Self { bytes, len: 2 }
    }

    /// The endpoint of this name.
    ///
    /// # Errors
    /// The name is empty, too long or has other characters than lower-case letters, digits and underscores.
    pub fn new(name: &str) -> Result<Self, EndpointError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let mut bytes = [0; 15];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(room), Ok(len)) if len > 0 && name.bytes().all(fits) => {
                room.copy_from_slice(name.as_bytes());
                Ok(Self { bytes, len })
            }
            _ => Err(EndpointError(name.chars().take(40).collect())),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_and_compared() {
        assert_eq!(Endpoint::new("tx"), Ok(Endpoint::TX));
        assert_eq!(Endpoint::new("txvendorcontrol").map(|e| e.to_string()), Ok("txvendorcontrol".to_owned()));
    }

    #[test]
    fn names_out_of_form_are_refused() {
        for name in ["", "sixteencharacter", "TX", "a b", "ä"] {
            assert!(Endpoint::new(name).is_err(), "{name}");
        }
    }
}
