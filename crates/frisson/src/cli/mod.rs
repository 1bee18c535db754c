//! The command line.

mod buses;
mod device;
mod scan;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use frisson_server::SimulatedList;

pub(crate) use self::buses::{BusName, Buses, SerialPort};
pub(crate) use self::device::{
    Assignment, Bus, Check, Device, Format, List, New, Places, Set, SetOutput, Show, Span, Try, Unset,
};
pub(crate) use self::scan::Scan;

/// The customary port of a Buttplug server.
pub(crate) const DEFAULT_PORT: u16 = 12345;

/// A Buttplug server: lets games, players and tools drive haptic devices.
#[derive(Debug, Parser)]
#[command(name = "frisson", version, max_term_width = 100, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  asked to stop
  1  failed while running
  2  wrong usage or configuration
  3  port or resource taken";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until it is asked to stop (Ctrl-C, SIGTERM)
    #[command(after_help = EXIT_CODES)]
    Serve(Serve),
    /// Drive devices by hand: an interactive client in the terminal
    #[command(after_help = EXIT_CODES)]
    Connect(Connect),
    /// List what is there on each bus, without connecting it
    #[command(after_help = EXIT_CODES)]
    Scan(Scan),
    /// Look at the devices that Frisson knows, set things for yours, and write device files
    #[command(subcommand, after_help = EXIT_CODES)]
    Device(Device),
    /// Check what of this machine can be used, and say what to do about the rest
    #[command(after_help = EXIT_CODES)]
    Doctor(Doctor),
    /// Print a completion script for a shell
    #[command(after_help = EXIT_CODES)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    // As text, not as a doc comment: rustdoc takes [::1] for a link.
    #[arg(
        long,
        value_name = "ADDR:PORT|unix:PATH",
        help = "Where clients connect: ADDR:PORT or unix:PATH; may be given several times. Port 0 lets the system choose \
                [default: 127.0.0.1:12345 and [::1]:12345]"
    )]
    pub(crate) listen: Vec<Listen>,

    /// What the server calls itself
    #[arg(long, value_name = "TEXT", default_value = "Frisson")]
    pub(crate) name: String,

    /// Stop a client's devices and close it when it sends no Ping for this long; 0 is no limit. Many clients never ping
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) max_ping_time: u32,

    /// Simulated devices: a comma-separated list such as 1vibe,stroker or 1vibe:10; without a list, one of each kind
    #[arg(long, value_name = "LIST", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) simulate: Option<Simulate>,

    /// Where names, indices and limits of devices are kept; without this option, frisson/settings.toml in the folder for
    /// configuration, or nowhere with --virtual-hardware-port
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// A folder of device files, *.toml; without this option, frisson/devices in the folder for configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) device_files: Option<PathBuf>,

    /// The user configuration of another server, version 4 or 5: is laid over the settings for this run
    #[arg(long, value_name = "FILE")]
    pub(crate) import_user_config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) buses: Buses,

    /// Do not look for devices that the settings know; only clients' scans find them
    #[arg(long)]
    pub(crate) no_scan: bool,

    /// Let other programs present devices, for tests, at this port of 127.0.0.1. Port 0 lets the system choose
    #[arg(long, value_name = "PORT")]
    pub(crate) virtual_hardware_port: Option<u16>,

    /// The path at which other programs present devices
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = path, requires = "virtual_hardware_port")]
    pub(crate) virtual_hardware_path: String,

    /// How long a program that presents devices may take to answer; more than 5000 is 5000
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..), requires = "virtual_hardware_port")]
    pub(crate) virtual_hardware_timeout_ms: u32,

    /// How much to write to the log (standard error)
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: LogLevel,

    /// The form of the log
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The server: ws://HOST:PORT, wss://HOST:PORT or unix:PATH
    #[arg(value_name = "URL", default_value = "ws://localhost:12345")]
    pub(crate) url: String,

    /// What this client calls itself
    #[arg(long, value_name = "TEXT", default_value = "frisson connect")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Write what was found into an archive (tar) that can be sent to somebody: without names, addresses and paths of yours
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Replace the file of --bundle if it is there already
    #[arg(long, requires = "bundle")]
    pub(crate) overwrite: bool,

    /// The form of the report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) places: Places,
}

/// The devices to simulate; an empty list stands for one of each kind.
#[derive(Debug, Clone)]
pub(crate) struct Simulate(pub(crate) SimulatedList);

impl FromStr for Simulate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(SimulatedList::default()));
        }
        text.parse().map(Self).map_err(|error: frisson_server::ListError| error.to_string())
    }
}

/// A path as it stands in a URL.
fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("a path begins with /".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Listen {
    /// Whether the system chooses the port.
    pub(crate) fn lets_the_system_choose(&self) -> bool {
        matches!(self, Self::Tcp(address) if address.port() == 0)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "ws://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(
                    "unix: is followed by the path of the socket, e.g. unix:/run/user/1000/frisson.sock"
                        .to_owned(),
                );
            }
            if !cfg!(unix) {
                return Err("this system has no Unix domain sockets; use ADDR:PORT".to_owned());
            }
            return Ok(Self::Unix(path.into()));
        }
        let text = text.strip_prefix("ws://").unwrap_or(text).trim_end_matches('/');
        let text = text
            .strip_prefix("localhost:")
            .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        let address: SocketAddr = text.parse().map_err(|_| {
            "expected ADDR:PORT such as 127.0.0.1:12345 or [::1]:12345, or unix:PATH".to_owned()
        })?;
        if !address.ip().is_loopback() {
            return Err(format!(
                "{} can be reached from other machines, and there is no access control yet: whoever reaches the port could drive the devices. \
                 Use 127.0.0.1 or [::1]; from another machine, connect through an SSH tunnel",
                address.ip()
            ));
        }
        Ok(Self::Tcp(address))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn addresses_beyond_loopback_are_refused_with_the_reason() {
        for text in ["0.0.0.0:12345", "192.168.0.2:12345", "[::]:12345"] {
            let error = text.parse::<Listen>().expect_err(text);
            assert!(error.contains("no access control"), "{error}");
        }
    }

    #[test]
    fn loopback_addresses_are_taken_in_every_common_form() {
        for text in ["127.0.0.1:1", "[::1]:1", "ws://127.0.0.1:1", "ws://[::1]:1/", "localhost:1"] {
            assert!(matches!(text.parse(), Ok(Listen::Tcp(_))), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_an_example() {
        for text in ["", "12345", "nowhere", "127.0.0.1", "unix:"] {
            let error = text.parse::<Listen>().expect_err(text);
            assert!(error.contains("127.0.0.1:12345") || error.contains("unix:/"), "{error}");
        }
    }

    #[test]
    fn simulate_without_a_list_is_one_of_each() {
        let cli = Cli::try_parse_from(["frisson", "serve", "--simulate"]).expect("valid");
        let Command::Serve(serve) = cli.command else { panic!("not serve") };
        assert_eq!(serve.simulate.map(|list| list.0.len()), Some(SimulatedList::default().len()));
    }
}
