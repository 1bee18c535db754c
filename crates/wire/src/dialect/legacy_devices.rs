//! How spec versions 0 to 3 list devices (`wire.md` 5.3 to 5.6).

use serde::{Deserialize, Serialize};

use super::Dialect;
use super::common::{answered, same_version};
use super::fields::Int;
use crate::frame::Refusal;
use crate::model::{
    self, DeviceChange, DeviceList, Event, Feature, Input, InputKind, Message, Output, OutputKind, Range,
    Reply, RssiSpelling,
};
use crate::profile::Profile;

/// What a version without step counts is taken to mean by the client half.
pub(super) const NOMINAL_STEPS: u32 = 100;

/// The most features that the client half believes a server of one kind.
const MOST_FEATURES: usize = 256;

/// `DeviceAdded`; `D` is the version's idea of a device.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeviceAdded<D> {
    #[serde(rename = "Id")]
    id: Int<u32>,
    #[serde(flatten)]
    device: D,
}

/// `DeviceList`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedDevices<D> {
    id: Int<u32>,
    devices: Vec<D>,
}

/// `DeviceRemoved`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeviceRemoved {
    id: Int<u32>,
    device_index: Int<u32>,
}

/// A device in spec versions 0 to 2; `M` is the version's idea of what it can do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Device<M> {
    device_name: String,
    device_index: Int<u32>,
    device_messages: M,
}

/// `{}`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Empty {}

/// A device as one version lists it.
pub(super) trait Listed: Sized {
    fn new(profile: &Profile) -> Self;
    fn profile(self) -> Profile;
}

/// What a device can do as one version lists it.
pub(super) trait Abilities: Sized {
    fn new(profile: &Profile) -> Self;
    fn features(self) -> Features;
}

impl<M: Abilities> Listed for Device<M> {
    fn new(profile: &Profile) -> Self {
        Self {
            device_name: profile.device().name.clone(),
            device_index: Int(profile.device().index),
            device_messages: M::new(profile),
        }
    }

    fn profile(self) -> Profile {
        Profile::new(model::Device {
            index: self.device_index.0,
            name: self.device_name,
            display_name: None,
            gap_ms: 0,
            features: self.device_messages.features().0,
        })
    }
}

impl<D: Listed> DeviceAdded<D> {
    fn new(profile: &Profile) -> Self {
        Self { id: Int(0), device: D::new(profile) }
    }

    pub(super) fn message(self) -> Message {
        let all = super::device_list([self.device.profile()]);
        let change = all.first().cloned().map_or(DeviceChange::Unspecified, DeviceChange::Added);
        Message::Event(Event::Devices { change, all })
    }
}

impl<D: Listed> ListedDevices<D> {
    pub(super) fn new(id: u32, devices: &DeviceList) -> Self {
        Self { id: Int(id), devices: devices.iter().map(|profile| D::new(profile)).collect() }
    }

    pub(super) fn message(self) -> Result<Message, Refusal> {
        let id = answered(self.id)?;
        let all = super::device_list(self.devices.into_iter().map(D::profile));
        Ok(Message::Reply(id, Reply::DeviceList(all)))
    }
}

/// A change as these versions tell it: what goes first, then what comes.
pub(super) fn change<D: Listed>(change: &DeviceChange) -> (Option<DeviceRemoved>, Option<DeviceAdded<D>>) {
    match change {
        DeviceChange::Added(profile) => (None, Some(DeviceAdded::new(profile))),
        DeviceChange::Removed(index) => (Some(DeviceRemoved::new(*index)), None),
        DeviceChange::Redefined(profile) => {
            (Some(DeviceRemoved::new(profile.device().index)), Some(DeviceAdded::new(profile)))
        }
        DeviceChange::Unspecified => (None, None),
    }
}

impl DeviceRemoved {
    fn new(index: u32) -> Self {
        Self { id: Int(0), device_index: Int(index) }
    }

    pub(super) fn message(self) -> Message {
        let change = DeviceChange::Removed(self.device_index.0);
        Message::Event(Event::Devices { change, all: DeviceList::default() })
    }
}

/// The features that the client half makes of a list, one per entry and in its order, so that
/// [`Profile`] counts them as the server does.
#[derive(Default)]
pub(super) struct Features(pub(super) Vec<Feature>);

impl Features {
    fn push(&mut self, feature: Feature) {
        if let Ok(index) = u32::try_from(self.0.len()) {
            self.0.push(Feature { index, ..feature });
        }
    }

    pub(super) fn output(&mut self, description: String, kind: OutputKind, steps: u32, signed: bool) {
        let max = i32::try_from(steps).unwrap_or(i32::MAX);
        let value = Range::new(if signed { -max } else { 0 }, max);
        let outputs = vec![Output { kind, value, duration: None }];
        self.push(Feature { description, outputs, ..Feature::default() });
    }

    /// Outputs of one kind. Ends at one without steps: it cannot be used, and what follows would be miscounted.
    pub(super) fn outputs(&mut self, kind: OutputKind, steps: impl IntoIterator<Item = u32>) {
        let signed = kind == OutputKind::Rotate;
        for steps in steps.into_iter().take_while(|steps| *steps > 0).take(MOST_FEATURES) {
            self.output(String::new(), kind, steps, signed);
        }
    }

    pub(super) fn battery(&mut self, description: String) {
        let inputs = vec![Input {
            kind: InputKind::Battery,
            values: vec![Range::new(0, 100)],
            read: true,
            subscribe: false,
            spelling: RssiSpelling::default(),
        }];
        self.push(Feature { description, inputs, ..Feature::default() });
    }
}

/// `ServerInfo` of spec v0 and v1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BuildServerInfo {
    id: Int<u32>,
    server_name: String,
    #[serde(default = "no_build")]
    major_version: Int<u32>,
    #[serde(default = "no_build")]
    minor_version: Int<u32>,
    #[serde(default = "no_build")]
    build_version: Int<u32>,
    message_version: Int<u32>,
    max_ping_time: Int<u32>,
}

fn no_build() -> Int<u32> {
    Int(0)
}

/// `ServerInfo` of spec v2 and v3.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionedServerInfo {
    id: Int<u32>,
    server_name: String,
    message_version: Int<u32>,
    max_ping_time: Int<u32>,
}

impl BuildServerInfo {
    pub(super) fn new(id: u32, info: &model::ServerInfo, dialect: Dialect) -> Self {
        Self {
            id: Int(id),
            server_name: info.server_name.clone(),
            major_version: Int(0),
            minor_version: Int(0),
            build_version: Int(0),
            message_version: Int(dialect.number()),
            max_ping_time: Int(info.max_ping_time_ms),
        }
    }

    pub(super) fn message(self, dialect: Dialect) -> Result<Message, Refusal> {
        server_info(self.id, self.message_version, dialect, self.server_name, self.max_ping_time)
    }
}

impl VersionedServerInfo {
    pub(super) fn new(id: u32, info: &model::ServerInfo, dialect: Dialect) -> Self {
        Self {
            id: Int(id),
            server_name: info.server_name.clone(),
            message_version: Int(dialect.number()),
            max_ping_time: Int(info.max_ping_time_ms),
        }
    }

    pub(super) fn message(self, dialect: Dialect) -> Result<Message, Refusal> {
        server_info(self.id, self.message_version, dialect, self.server_name, self.max_ping_time)
    }
}

fn server_info(
    id: Int<u32>,
    version: Int<u32>,
    dialect: Dialect,
    server_name: String,
    max_ping_time: Int<u32>,
) -> Result<Message, Refusal> {
    let id = same_version(id, version, dialect)?;
    let info = model::ServerInfo { server_name, max_ping_time_ms: max_ping_time.0 };
    Ok(Message::Reply(id, Reply::ServerInfo(info)))
}
