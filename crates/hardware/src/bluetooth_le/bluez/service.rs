//! How far BlueZ is known, and what a person can do where it is not.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::super::status::Status;
use super::discovery::name;
use super::objects::Adapter;

/// How far BlueZ is known.
pub(super) enum Service {
    /// D-Bus cannot be reached, for this reason.
    NoBus(String),
    /// Nothing is known yet.
    Asked,
    /// BlueZ is not there.
    Absent,
    /// BlueZ is there, under this name, and has been asked for its objects.
    Greeting(String),
    /// BlueZ does not tell its objects, for this reason, and is asked again then.
    Refused(String, String, Instant),
    Known(String),
}

impl Service {
    /// Whether it can be used, by these adapters.
    pub(super) fn status(&self, adapters: &BTreeMap<String, Adapter>) -> Status {
        let trouble = match self {
            Self::Asked | Self::Greeting(_) => return Status::Unknown,
            Self::NoBus(reason) => format!(
                "D-Bus, over which BlueZ is reached, cannot be connected to ({reason}): see that it runs and that this user may use it"
            ),
            Self::Absent => "the Bluetooth service of the system, BlueZ, is not running: install the package `bluez` and start it \
                                with `systemctl start bluetooth`"
                .to_owned(),
            Self::Refused(_, reason, _) => format!(
                "BlueZ does not answer us ({reason}): this user may have to be in the group `bluetooth`"
            ),
            Self::Known(_) => {
                let powered = adapters.iter().filter(|(_, adapter)| adapter.is_powered);
                let powered: Vec<_> = powered.map(|(path, _)| name(path).to_owned()).collect();
                if !powered.is_empty() {
                    return Status::Usable(powered);
                }
                match adapters.keys().next() {
                    None => "there is no Bluetooth adapter: plug one in, or switch it on in the firmware".to_owned(),
                    Some(path) => format!(
                        "the Bluetooth adapter {} is switched off: `rfkill unblock bluetooth` and `bluetoothctl power on` switch it on",
                        name(path)
                    ),
                }
            }
        };
        Status::Unusable(trouble)
    }
}
