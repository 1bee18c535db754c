//! Where a TCode device is, as the user writes it.

use std::fmt;
use std::str::FromStr;

/// The port of devices that do not say another.
const PORT: u16 = 8000;

/// Where a TCode device is: `udp://HOST:PORT` or `tcp://HOST:PORT`. Without `:PORT` it is 8000; an address of IPv6 stands in brackets.
///
/// ```
/// use frisson_hardware::tcode::Target;
///
/// let target: Target = "udp://192.168.1.50".parse()?;
/// assert_eq!(target.to_string(), "udp://192.168.1.50:8000");
/// assert!("192.168.1.50:8000".parse::<Target>().is_err());
/// # Ok::<(), frisson_hardware::tcode::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// How it is spoken to.
    pub carrier: Carrier,
    /// A name, which is looked up whenever the device is connected, or an address (of IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What carries TCode over a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// A datagram per packet. There is no connection.
    Udp,
    /// A connection.
    Tcp,
}

/// Why a text is no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` does not say where a TCode device is: {reason}; write udp://HOST:PORT or tcp://HOST:PORT")]
pub struct TargetError {
    text: String,
    reason: &'static str,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| TargetError { text: text.chars().take(100).collect(), reason };
        let (scheme, place) =
            text.trim().split_once("://").ok_or_else(|| wrong("it has no udp:// or tcp://"))?;
        let carrier = match scheme.to_ascii_lowercase().as_str() {
            "udp" => Carrier::Udp,
            "tcp" => Carrier::Tcp,
            _ => return Err(wrong("TCode goes over UDP and TCP only")),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| wrong("a bracket is not closed"))?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').unwrap_or(rest)) })
            }
            None => match place.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(wrong("an address of IPv6 has to stand in brackets"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port.map(str::parse) {
            None => PORT,
            Some(Ok(port)) if port != 0 => port,
            Some(_) => return Err(wrong("the port is a number from 1 to 65535")),
        };
        let is_odd =
            |letter: char| letter.is_whitespace() || letter.is_control() || "/?#@\\".contains(letter);
        if host.is_empty() || host.len() > 253 || host.contains(is_odd) {
            return Err(wrong("it names no host"));
        }
        Ok(Self { carrier, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { carrier, host, port } = self;
        let scheme = match carrier {
            Carrier::Udp => "udp",
            Carrier::Tcp => "tcp",
        };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}"),
            false => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wrong(text: &str, reason: &str) {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn a_target_reads_as_it_is_written() {
        for (text, read) in [
            ("udp://192.168.1.50:8000", "udp://192.168.1.50:8000"),
            (" TCP://OSR2.local ", "tcp://osr2.local:8000"),
            ("tcp://[FE80::1]:81/", "tcp://[fe80::1]:81"),
            ("udp://[::1]", "udp://[::1]:8000"),
        ] {
            assert_eq!(text.parse().map(|target: Target| target.to_string()), Ok(read.to_owned()));
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_reason() {
        wrong("192.168.1.50:8000", "no udp:// or tcp://");
        wrong("http://192.168.1.50", "UDP and TCP only");
        wrong("udp://", "names no host");
        wrong("udp://a b:1", "names no host");
        wrong("udp://a/b", "names no host");
        wrong("udp://a:0", "1 to 65535");
        wrong("udp://a:65536", "1 to 65535");
        wrong("udp://a:", "1 to 65535");
        wrong("udp://::1", "in brackets");
        wrong("udp://[::1:8000", "not closed");
    }
}
