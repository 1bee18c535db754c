//! Spec version 2.

use serde::{Deserialize, Serialize};

use super::Dialect;
use super::common::{Bare, ErrorBody, Plain, answered, reading_value};
use super::envelope::{frame, read_answer, read_request, repeated_handshake};
use super::fields::Int;
use super::legacy::{
    LinearCmd, LogLevel, OneDevice, RawEndpointCmd, RawReadCmd, RawReading, RawWriteCmd, RequestLog,
    RotateCmd, VersionedServerInfoRequest, VibrateCmd, device, raw_is_off, stop, unable, unsupported,
    with_id,
};
use super::legacy_client::Stopping;
use super::legacy_devices::{
    self, Abilities, Device, DeviceAdded, DeviceRemoved, Empty, Features, ListedDevices, NOMINAL_STEPS,
    VersionedServerInfo,
};
use crate::frame::{RawMessage, Refusal};
use crate::model::{
    Echo, Event, Fault, Id, InputAction, InputKind, InputRequest, Message, OutputKind, OutputRequest,
    Reading, Reply, Request, Scope,
};
use crate::profile::{Profile, Slot, View};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClientMessage {
    RequestServerInfo(VersionedServerInfoRequest),
    Ping(Plain),
    RequestLog(RequestLog),
    StartScanning(Plain),
    StopScanning(Plain),
    RequestDeviceList(Plain),
    StopDeviceCmd(OneDevice),
    StopAllDevices(Plain),
    VibrateCmd(VibrateCmd),
    RotateCmd(RotateCmd),
    LinearCmd(LinearCmd),
    BatteryLevelCmd(OneDevice),
    RSSILevelCmd(OneDevice),
    RawWriteCmd(RawWriteCmd),
    RawReadCmd(RawReadCmd),
    RawSubscribeCmd(RawEndpointCmd),
    RawUnsubscribeCmd(RawEndpointCmd),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ServerMessage {
    ServerInfo(VersionedServerInfo),
    Ok(Bare),
    Error(ErrorBody),
    ScanningFinished(Bare),
    DeviceList(ListedDevices<Device<DeviceMessages>>),
    DeviceAdded(DeviceAdded<Device<DeviceMessages>>),
    DeviceRemoved(DeviceRemoved),
    BatteryLevelReading(BatteryLevelReading),
    RSSILevelReading(RssiLevelReading),
    RawReading(RawReading),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeviceMessages {
    #[serde(skip_serializing_if = "Option::is_none")]
    vibrate_cmd: Option<Steps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotate_cmd: Option<Steps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linear_cmd: Option<Steps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery_level_cmd: Option<Empty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_device_cmd: Option<Empty>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Steps {
    feature_count: Int<u32>,
    #[serde(default)]
    step_count: Vec<Int<u32>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatteryLevelReading {
    id: Int<u32>,
    device_index: Int<u32>,
    battery_level: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RssiLevelReading {
    id: Int<u32>,
    device_index: Int<u32>,
    #[serde(rename = "RSSILevel")]
    rssi_level: Int<i64>,
}

// Server half.

pub(super) fn decode_request(message: RawMessage<'_>, view: &dyn View) -> Result<(Id, Request), Refusal> {
    understand(read_request(Dialect::V2, message)?, view)
}

pub(super) fn decode_single(text: &str, view: &dyn View) -> Option<Result<(Id, Request), Refusal>> {
    serde_json::from_str(text).ok().map(|message| understand(message, view))
}

fn understand(message: ClientMessage, view: &dyn View) -> Result<(Id, Request), Refusal> {
    let (id, request) = match message {
        ClientMessage::RequestServerInfo(hello) => (hello.id, Err(repeated_handshake())),
        ClientMessage::Ping(plain) => (plain.id, Ok(Request::Ping)),
        ClientMessage::RequestLog(log) => (log.id, Ok(Request::Log)),
        ClientMessage::StartScanning(plain) => (plain.id, Ok(Request::StartScanning)),
        ClientMessage::StopScanning(plain) => (plain.id, Ok(Request::StopScanning)),
        ClientMessage::RequestDeviceList(plain) => (plain.id, Ok(Request::DeviceList)),
        ClientMessage::StopDeviceCmd(cmd) => (cmd.id, Ok(stop(Scope::Device(cmd.device_index.0)))),
        ClientMessage::StopAllDevices(plain) => (plain.id, Ok(stop(Scope::All))),
        ClientMessage::VibrateCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::RotateCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::LinearCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::BatteryLevelCmd(cmd) => (cmd.id, battery(cmd.device_index, view)),
        ClientMessage::RSSILevelCmd(cmd) => (cmd.id, Err(unsupported("RSSILevelCmd"))),
        ClientMessage::RawWriteCmd(cmd) => (cmd.id, Err(cmd.refuse())),
        ClientMessage::RawReadCmd(cmd) => (cmd.id, Err(raw_is_off("RawReadCmd"))),
        ClientMessage::RawSubscribeCmd(cmd) => (cmd.id, Err(raw_is_off("RawSubscribeCmd"))),
        ClientMessage::RawUnsubscribeCmd(cmd) => (cmd.id, Err(raw_is_off("RawUnsubscribeCmd"))),
    };
    with_id(id, request)
}

fn battery(index: Int<u32>, view: &dyn View) -> Result<Request, Fault> {
    let profile = device(view, index)?;
    let feature = profile
        .sensor()
        .first()
        .ok_or_else(|| unable(format!("{} has no battery that can be read", profile.label())))?;
    Ok(Request::Input(InputRequest {
        device: index.0,
        feature: *feature,
        kind: InputKind::Battery,
        action: InputAction::Read,
        echo: Echo::default(),
    }))
}

pub(super) fn encode_message(message: &Message, send: &mut dyn FnMut(String)) {
    let mut put = |message: ServerMessage| send(frame(&message));
    match message {
        Message::Reply(id, reply) => match reply {
            Reply::Ok => put(ServerMessage::Ok(Bare { id: Int(id.get()) })),
            Reply::Error(fault) => put(ServerMessage::Error(ErrorBody::new(id.get(), fault))),
            Reply::ServerInfo(info) => {
                put(ServerMessage::ServerInfo(VersionedServerInfo::new(id.get(), info, Dialect::V2)));
            }
            Reply::DeviceList(devices) => {
                put(ServerMessage::DeviceList(ListedDevices::new(id.get(), devices)));
            }
            Reply::Reading(reading, _) if reading.kind == InputKind::Battery => {
                put(ServerMessage::BatteryLevelReading(BatteryLevelReading::new(*id, reading)));
            }
            Reply::Reading(..) | Reply::Test(_) => {}
        },
        Message::Event(event) => match event {
            Event::Devices { change, .. } => {
                let (removed, added) = legacy_devices::change(change);
                removed.map(ServerMessage::DeviceRemoved).map(&mut put);
                added.map(ServerMessage::DeviceAdded).map(&mut put);
            }
            Event::ScanningFinished => put(ServerMessage::ScanningFinished(Bare { id: Int(0) })),
            Event::Error(fault) => put(ServerMessage::Error(ErrorBody::new(0, fault))),
            Event::Reading(_) => {}
        },
    }
}

impl BatteryLevelReading {
    fn new(id: Id, reading: &Reading) -> Self {
        // In 0 to 100, which a float holds exactly.
        let percent = u8::try_from(reading_value(reading)).unwrap_or(0);
        Self {
            id: Int(id.get()),
            device_index: Int(reading.device),
            battery_level: f64::from(percent) / 100.0,
        }
    }

    fn message(self) -> Result<Message, Refusal> {
        let value = (self.battery_level * 100.0).round().clamp(0.0, 100.0) as i64;
        reading(self.id, self.device_index, InputKind::Battery, value)
    }
}

impl RssiLevelReading {
    fn message(self) -> Result<Message, Refusal> {
        reading(self.id, self.device_index, InputKind::Rssi, self.rssi_level.0)
    }
}

/// These readings name no feature.
fn reading(id: Int<u32>, device: Int<u32>, kind: InputKind, value: i64) -> Result<Message, Refusal> {
    let reading = Reading { device: device.0, feature: 0, kind, value };
    Ok(Message::Reply(answered(id)?, Reply::Reading(reading, Echo::default())))
}

impl Abilities for DeviceMessages {
    fn new(profile: &Profile) -> Self {
        Self {
            vibrate_cmd: Steps::new(profile.vibrate()),
            rotate_cmd: Steps::new(profile.rotate()),
            linear_cmd: Steps::new(profile.linear()),
            battery_level_cmd: (!profile.sensor().is_empty()).then_some(Empty {}),
            stop_device_cmd: Some(Empty {}),
        }
    }

    fn features(self) -> Features {
        let mut features = Features::default();
        for (steps, kind) in [
            (self.vibrate_cmd, OutputKind::Vibrate),
            (self.rotate_cmd, OutputKind::Rotate),
            (self.linear_cmd, OutputKind::HwPositionWithDuration),
        ] {
            let Some(Steps { feature_count, step_count }) = steps else { continue };
            if step_count.is_empty() {
                features.outputs(kind, (0..feature_count.0).map(|_| NOMINAL_STEPS));
            } else {
                features.outputs(kind, step_count.into_iter().map(|Int(steps)| steps));
            }
        }
        if self.battery_level_cmd.is_some() {
            features.battery(String::new());
        }
        features
    }
}

impl Steps {
    fn new(slots: &[Slot]) -> Option<Self> {
        let feature_count = u32::try_from(slots.len()).ok().filter(|count| *count > 0).map(Int)?;
        Some(Self { feature_count, step_count: slots.iter().map(|slot| Int(slot.steps)).collect() })
    }
}

// Client half.

pub(super) fn encode_request(id: Id, request: &Request, view: &dyn View) -> Option<String> {
    let plain = Plain { id: Int(id) };
    let message = match request {
        Request::Hello(hello) if hello.dialect == Dialect::V2 => {
            let hello = VersionedServerInfoRequest::new(id, hello);
            ClientMessage::RequestServerInfo(hello)
        }
        Request::Ping => ClientMessage::Ping(plain),
        Request::Log => ClientMessage::RequestLog(RequestLog { id: Int(id), log_level: LogLevel::Info }),
        Request::StartScanning => ClientMessage::StartScanning(plain),
        Request::StopScanning => ClientMessage::StopScanning(plain),
        Request::DeviceList => ClientMessage::RequestDeviceList(plain),
        Request::Stop(stop) => match Stopping::new(id, stop)? {
            Stopping::All(all) => ClientMessage::StopAllDevices(all),
            Stopping::One(one) => ClientMessage::StopDeviceCmd(one),
        },
        Request::Output(request) => output(id, request, view)?,
        Request::Input(request) => input(id, request, view)?,
        Request::Hello(_) | Request::Test(_) | Request::Disconnect => return None,
    };
    Some(frame(&message))
}

fn output(id: Id, request: &OutputRequest, view: &dyn View) -> Option<ClientMessage> {
    let profile = view.profile(request.device)?;
    let commands = request.commands.as_slice();
    match commands.first()?.kind {
        OutputKind::Vibrate => VibrateCmd::new(id, profile, commands).map(ClientMessage::VibrateCmd),
        OutputKind::Rotate => RotateCmd::new(id, profile, commands).map(ClientMessage::RotateCmd),
        OutputKind::HwPositionWithDuration => {
            LinearCmd::new(id, profile, commands).map(ClientMessage::LinearCmd)
        }
        _ => None,
    }
}

fn input(id: Id, request: &InputRequest, view: &dyn View) -> Option<ClientMessage> {
    let profile = view.profile(request.device)?;
    let first = profile.sensor().first() == Some(&request.feature);
    let cmd = OneDevice { id: Int(id), device_index: Int(request.device) };
    match (request.kind, request.action) {
        (InputKind::Battery, InputAction::Read) if first => Some(ClientMessage::BatteryLevelCmd(cmd)),
        (InputKind::Rssi, InputAction::Read) => Some(ClientMessage::RSSILevelCmd(cmd)),
        _ => None,
    }
}

pub(super) fn decode_message(message: RawMessage<'_>) -> Result<Option<Message>, Refusal> {
    let Some(message) = read_answer(Dialect::V2, message)? else { return Ok(None) };
    Ok(Some(match message {
        ServerMessage::ServerInfo(info) => info.message(Dialect::V2)?,
        ServerMessage::Ok(bare) => Message::Reply(answered(bare.id)?, Reply::Ok),
        ServerMessage::Error(error) => error.message(),
        ServerMessage::ScanningFinished(_) => Message::Event(Event::ScanningFinished),
        ServerMessage::DeviceList(list) => list.message()?,
        ServerMessage::DeviceAdded(added) => added.message(),
        ServerMessage::DeviceRemoved(removed) => removed.message(),
        ServerMessage::BatteryLevelReading(reading) => reading.message()?,
        ServerMessage::RSSILevelReading(reading) => reading.message()?,
        ServerMessage::RawReading(_) => return Ok(None),
    }))
}
