//! What `frisson device` takes.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use frisson_server::settings::{kind_from_name, kind_name};
use frisson_wire::OutputKind;

use super::EXIT_CODES;

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// List the protocols and models that Frisson knows, or the devices in the settings
    #[command(after_help = EXIT_CODES)]
    List(List),
    /// Show all of one protocol, or of one device in the settings
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Set the name, index, limits and permission of a device; a running server takes it over at once
    #[command(after_help = EXIT_CODES)]
    Set(Set),
    /// Check device files completely, their tests included
    #[command(after_help = EXIT_CODES)]
    Check(Check),
    /// Try a device file without hardware: type commands, see what is written
    #[command(after_help = EXIT_CODES)]
    Try(Try),
    /// Write a device file to start from
    #[command(after_help = EXIT_CODES)]
    New(New),
}

/// Where the user's files are.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// The settings; without this option, frisson/settings.toml in the folder for configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// A folder of device files; without this option, frisson/devices in the folder for configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) device_files: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only what has this in its id, in the name of a model, or among the names it is found by
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,

    /// The devices in the settings instead
    #[arg(long)]
    pub(crate) known: bool,

    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The id of a protocol, or a device in the settings: its index, its address or the name you gave it
    #[arg(value_name = "PROTOCOL|DEVICE")]
    pub(crate) what: String,

    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("permission").args(["allow", "deny", "ask"]))]
pub(crate) struct Set {
    /// The device: its index, its address such as ble:C0:FF:EE:00:00:01, or the name you gave it
    #[arg(value_name = "DEVICE")]
    pub(crate) device: String,

    /// What you call it
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,

    /// The index under which clients see it
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,

    /// If any device has this, only those that do are connected
    #[arg(long)]
    pub(crate) allow: bool,

    /// Never connect it
    #[arg(long)]
    pub(crate) deny: bool,

    /// Neither --allow nor --deny: as if nothing had been said of it
    #[arg(long)]
    pub(crate) ask: bool,

    /// The least time between two commands to it, 0 to 10000
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) gap: Option<u64>,

    /// The output that the options after it are about: the number of the feature and the kind, e.g. 0:vibrate
    #[arg(long, value_name = "FEATURE:KIND")]
    pub(crate) output: Option<SetOutput>,

    /// The lowest and the highest step of the output, e.g. 0..12 or 0..40%
    #[arg(long, value_name = "LO..HI", requires = "output", allow_hyphen_values = true)]
    pub(crate) range: Option<Span>,

    /// The shortest and the longest duration of a stroke, in milliseconds, e.g. 200..5000
    #[arg(long, value_name = "LO..HI", requires = "output")]
    pub(crate) ms: Option<Durations>,

    /// Turn positions upside down and directions round; --reverse=false takes it back
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", requires = "output")]
    pub(crate) reverse: Option<bool>,

    /// Hide the output, and refuse commands to it
    #[arg(long, requires = "output", conflicts_with = "enable")]
    pub(crate) disable: bool,

    /// Show the output again
    #[arg(long, requires = "output")]
    pub(crate) enable: bool,

    /// Take back what was set; may be given several times. Range, ms, reverse and disabled go with --output; outputs are all limits
    #[arg(long, value_name = "KEY")]
    pub(crate) unset: Vec<Unset>,

    /// Take the whole device out of the settings
    #[arg(long, conflicts_with_all = ["name", "index", "allow", "deny", "ask", "gap", "output", "unset"])]
    pub(crate) forget: bool,

    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Device files, or folders of them
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The form of the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// A folder of device files which those that are checked may extend; without this option, frisson/devices in the folder for
    /// configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) device_files: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// A device file, or the id of a protocol
    #[arg(value_name = "FILE|PROTOCOL")]
    pub(crate) file: PathBuf,

    /// The model: its name or one of its keys; without this option, the default model
    #[arg(long, value_name = "MODEL", conflicts_with = "name")]
    pub(crate) model: Option<String>,

    /// What the device calls itself; the protocol then finds out the model by itself
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,

    /// Set outputs instead of reading standard input, e.g. --set 0=50 or --set 0:rotate=-5; may be given several times
    #[arg(long, value_name = "FEATURE=VALUE", allow_hyphen_values = true)]
    pub(crate) set: Vec<Assignment>,

    // As text, not as a doc comment: rustdoc takes [[tests]] for a link.
    #[arg(
        long,
        help = "At the end print what happened as [[tests]], to be pasted into the file; all else goes to standard error"
    )]
    pub(crate) trace: bool,

    /// A folder of device files which the file may extend; without this option, frisson/devices in the folder for configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) device_files: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The id of the protocol: lower-case letters, digits, - and _
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// How the device is connected
    #[arg(long, value_name = "BUS", default_value = "ble", conflicts_with = "from")]
    pub(crate) bus: Bus,

    /// A protocol to begin with a copy of
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) from: Option<String>,

    /// The file or folder to write to, - for standard output; without this option, ID.toml in the current folder
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The folder of device files in which the protocol of --from may be; without this option, frisson/devices in the folder for
    /// configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) device_files: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// How a device is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bus {
    Ble,
    Serial,
    Hid,
    Websocket,
}

/// What of the settings of a device is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unset {
    Name,
    Index,
    Allow,
    Deny,
    Gap,
    Outputs,
    Range,
    Ms,
    Reverse,
    Disabled,
}

/// An output of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetOutput {
    pub(crate) feature: u32,
    pub(crate) kind: OutputKind,
}

impl FromStr for SetOutput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let kinds = OutputKind::ALL.map(kind_name).join(", ");
            format!("expected the number of a feature and a kind, such as 0:vibrate; the kinds are {kinds}")
        };
        let (feature, kind) = text.split_once(':').ok_or_else(wrong)?;
        let kind = kind_from_name(&kind.to_ascii_lowercase()).ok_or_else(wrong)?;
        Ok(Self { feature: feature.parse().map_err(|_| wrong())?, kind })
    }
}

/// An output and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) feature: u32,
    /// Where the feature has several outputs.
    pub(crate) kind: Option<OutputKind>,
    pub(crate) value: i32,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "expected the number of a feature and a value, such as 0=50, or 0:rotate=-5".to_owned();
        let (output, value) = text.split_once('=').ok_or_else(wrong)?;
        let value = value.trim().parse().map_err(|_| wrong())?;
        match output.contains(':') {
            true => {
                let SetOutput { feature, kind } = output.parse()?;
                Ok(Self { feature, kind: Some(kind), value })
            }
            false => Ok(Self { feature: output.trim().parse().map_err(|_| wrong())?, kind: None, value }),
        }
    }
}

/// From one step to another, or from one share to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Span {
    Steps(i32, i32),
    Percent(f64, f64),
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "expected the lowest and the highest step, such as 0..12 or 10..90, or shares such as 0..40%"
                .to_owned()
        };
        let (low, high) = text.split_once("..").ok_or_else(wrong)?;
        if let Some(high) = high.strip_suffix('%') {
            let share = |text: &str| text.trim().parse().ok().filter(|share| (0.0..=100.0).contains(share));
            let low = share(low.strip_suffix('%').unwrap_or(low)).ok_or_else(wrong)?;
            return Ok(Self::Percent(low, share(high).ok_or_else(wrong)?));
        }
        let step = |text: &str| text.trim().parse().map_err(|_| wrong());
        Ok(Self::Steps(step(low)?, step(high)?))
    }
}

/// From one duration to another, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durations(pub(crate) u32, pub(crate) u32);

impl FromStr for Durations {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse().ok();
        let both = text.split_once("..").and_then(|(low, high)| Some(Self(number(low)?, number(high)?)));
        both.ok_or_else(|| {
            "expected the shortest and the longest duration in milliseconds, such as 200..5000".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_steps_or_shares() {
        assert_eq!("0..12".parse(), Ok(Span::Steps(0, 12)));
        for text in ["10..40%", "10%..40%", " 10 .. 40%"] {
            assert_eq!(text.parse(), Ok(Span::Percent(10.0, 40.0)), "{text}");
        }
        for text in ["", "12", "0-12", "0..x", "0..140%", "..%", "NaN..40%", "10%..40"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_output_is_a_feature_and_a_kind() {
        let stroke = SetOutput { feature: 2, kind: OutputKind::HwPositionWithDuration };
        assert_eq!("2:stroke".parse(), Ok(stroke));
        for text in ["", "0", "vibrate", "0:teapot", "-1:vibrate"] {
            assert!(text.parse::<SetOutput>().is_err_and(|why| why.contains("0:vibrate")), "{text}");
        }
    }
}
