//! What `frisson scan` takes.

use clap::Args;

use super::device::Places;
use super::{Buses, Format};

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// How long to look, in seconds
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) seconds: u16,

    /// List what no protocol is known for, too
    #[arg(long)]
    pub(crate) all: bool,

    /// Put a device that is seen into the settings, so that the server connects it by itself: its address such as
    /// ble:C0:FF:EE:00:00:01, or its name if only one has that; may be given several times
    #[arg(long, value_name = "DEVICE")]
    pub(crate) add: Vec<String>,

    /// The form of the list
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) buses: Buses,

    #[command(flatten)]
    pub(crate) places: Places,
}
