//! Spec version 4.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::common::{Bare, ErrorBody, Plain, answered, reading_value, same_version};
use super::envelope::{frame, read_answer, read_request};
use super::fields::{Int, Key, Keyed, objects, words};
use super::named::{Command, InputType, Offers};
use super::{Dialect, envelope};
use crate::frame::{RawMessage, Refusal};
use crate::model::{
    self, DeviceChange, DeviceList as Devices, Echo, Event, Id, Message, OutputCommand, OutputKind,
    OutputRequest, Range, Reply, Request, RssiSpelling, Scope, StopRequest,
};
use crate::profile::Profile;

/// The minor version of this implementation.
const MINOR: u32 = 0;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClientMessage {
    RequestServerInfo(RequestServerInfo),
    Ping(Plain),
    StartScanning(Plain),
    StopScanning(Plain),
    RequestDeviceList(Plain),
    OutputCmd(OutputCmd),
    InputCmd(InputCmd),
    StopCmd(StopCmd),
    Disconnect(Plain),
}

objects! {
    struct RequestServerInfo {
        id: Int<Id>,
        client_name: String,
        protocol_version_major: Int<u32>,
        protocol_version_minor: Int<u32>,
    }

    struct OutputCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        feature_index: Int<u32>,
        command: Command,
    }

    struct InputCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        feature_index: Int<u32>,
        r#type: InputType,
        command: InputAction,
    }

    struct StopCmd {
        id: Int<Id>,
        #[serde(skip_serializing_if = "Option::is_none")]
        device_index: Option<Int<u32>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        feature_index: Option<Int<u32>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        inputs: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        outputs: Option<bool>,
    }
}

words! {
    enum InputAction {
        Read = "Read" | "read",
        Subscribe = "Subscribe" | "subscribe",
        Unsubscribe = "Unsubscribe" | "unsubscribe",
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ServerMessage {
    ServerInfo(ServerInfo),
    Ok(Bare),
    Error(ErrorBody),
    ScanningFinished(Bare),
    DeviceList(DeviceList),
    InputReading(InputReading),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServerInfo {
    id: Int<u32>,
    server_name: String,
    protocol_version_major: Int<u32>,
    #[serde(default = "no_minor")]
    protocol_version_minor: Int<u32>,
    max_ping_time: Int<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeviceList {
    id: Int<u32>,
    devices: Keyed<Device>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Device {
    device_name: String,
    device_index: Int<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_display_name: Option<String>,
    #[serde(default = "no_gap")]
    device_message_timing_gap: Int<u32>,
    device_features: Keyed<Feature>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Feature {
    feature_index: Int<u32>,
    #[serde(default)]
    feature_description: String,
    #[serde(default, skip_serializing_if = "Offers::is_empty")]
    output: Offers<OutputKind, OutputOffer>,
    #[serde(default, skip_serializing_if = "Offers::is_empty")]
    input: Offers<InputType, InputOffer>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OutputOffer {
    value: (Int<i32>, Int<i32>),
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<(Int<u32>, Int<u32>)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InputOffer {
    value: Vec<(Int<i64>, Int<i64>)>,
    command: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InputReading {
    id: Int<u32>,
    device_index: Int<u32>,
    feature_index: Int<u32>,
    reading: Offers<InputType, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Value {
    value: Int<i64>,
}

fn no_minor() -> Int<u32> {
    Int(0)
}

fn no_gap() -> Int<u32> {
    Int(0)
}

impl Key for Device {
    fn key(&self) -> u32 {
        self.device_index.0
    }
}

impl Key for Feature {
    fn key(&self) -> u32 {
        self.feature_index.0
    }
}

// Server half.

pub(super) fn decode_request(message: RawMessage<'_>) -> Result<(Id, Request), Refusal> {
    understand(read_request(Dialect::V4, message)?)
}

pub(super) fn decode_single(text: &str) -> Option<Result<(Id, Request), Refusal>> {
    serde_json::from_str(text).ok().map(understand)
}

fn understand(message: ClientMessage) -> Result<(Id, Request), Refusal> {
    Ok(match message {
        ClientMessage::RequestServerInfo(hello) => {
            return Err(Refusal { id: Some(hello.id.0), fault: envelope::repeated_handshake() });
        }
        ClientMessage::Ping(plain) => (plain.id.0, Request::Ping),
        ClientMessage::StartScanning(plain) => (plain.id.0, Request::StartScanning),
        ClientMessage::StopScanning(plain) => (plain.id.0, Request::StopScanning),
        ClientMessage::RequestDeviceList(plain) => (plain.id.0, Request::DeviceList),
        ClientMessage::Disconnect(plain) => (plain.id.0, Request::Disconnect),
        ClientMessage::OutputCmd(cmd) => {
            let Command { kind, value, duration } = cmd.command;
            let command = OutputCommand { feature: cmd.feature_index.0, kind, value, duration };
            let request = OutputRequest { device: cmd.device_index.0, commands: smallvec![command] };
            (cmd.id.0, Request::Output(request))
        }
        ClientMessage::InputCmd(cmd) => {
            let request = model::InputRequest {
                device: cmd.device_index.0,
                feature: cmd.feature_index.0,
                kind: cmd.r#type.kind,
                action: match cmd.command {
                    InputAction::Read => model::InputAction::Read,
                    InputAction::Subscribe => model::InputAction::Subscribe,
                    InputAction::Unsubscribe => model::InputAction::Unsubscribe,
                },
                echo: Echo { spelling: cmd.r#type.spelling, sensor_index: 0 },
            };
            (cmd.id.0, Request::Input(request))
        }
        ClientMessage::StopCmd(cmd) => {
            let scope = match (cmd.device_index, cmd.feature_index) {
                (Some(device), None) => Scope::Device(device.0),
                (Some(device), Some(feature)) => Scope::Feature { device: device.0, feature: feature.0 },
                // A feature without its device means nothing, but a stop must stop (`wire.md` D-14).
                (None, _) => Scope::All,
            };
            let inputs = cmd.inputs.unwrap_or(true);
            let outputs = cmd.outputs.unwrap_or(true);
            (cmd.id.0, Request::Stop(StopRequest { scope, inputs, outputs }))
        }
    })
}

pub(super) fn encode_message(message: &Message, send: &mut dyn FnMut(String)) {
    let message = match message {
        Message::Reply(id, reply) => {
            let id = id.get();
            match reply {
                Reply::Ok => ServerMessage::Ok(Bare { id: Int(id) }),
                Reply::Error(fault) => ServerMessage::Error(ErrorBody::new(id, fault)),
                Reply::ServerInfo(info) => ServerMessage::ServerInfo(ServerInfo {
                    id: Int(id),
                    server_name: info.server_name.clone(),
                    protocol_version_major: Int(Dialect::V4.number()),
                    protocol_version_minor: Int(MINOR),
                    max_ping_time: Int(info.max_ping_time_ms),
                }),
                Reply::DeviceList(devices) => ServerMessage::DeviceList(DeviceList::new(id, devices)),
                Reply::Reading(reading, echo) => {
                    ServerMessage::InputReading(InputReading::new(id, reading, echo.spelling))
                }
                Reply::Test(_) => return,
            }
        }
        Message::Event(event) => match event {
            Event::Devices { all, .. } => ServerMessage::DeviceList(DeviceList::new(0, all)),
            Event::ScanningFinished => ServerMessage::ScanningFinished(Bare { id: Int(0) }),
            Event::Reading(reading) => {
                ServerMessage::InputReading(InputReading::new(0, reading, RssiSpelling::Rssi))
            }
            Event::Error(fault) => ServerMessage::Error(ErrorBody::new(0, fault)),
        },
    };
    send(frame(&message));
}

impl DeviceList {
    fn new(id: u32, devices: &Devices) -> Self {
        let devices = devices.iter().map(|profile| Device::new(profile.device())).collect();
        Self { id: Int(id), devices: Keyed(devices) }
    }
}

impl Device {
    fn new(device: &model::Device) -> Self {
        let offering = |feature: &&model::Feature| !feature.outputs.is_empty() || !feature.inputs.is_empty();
        Self {
            device_name: device.name.clone(),
            device_index: Int(device.index),
            device_display_name: device.display_name.clone(),
            device_message_timing_gap: Int(device.gap_ms),
            device_features: Keyed(device.features.iter().filter(offering).map(Feature::new).collect()),
        }
    }
}

impl Feature {
    fn new(feature: &model::Feature) -> Self {
        Self {
            feature_index: Int(feature.index),
            feature_description: feature.description.clone(),
            output: Offers(
                feature.outputs.iter().map(|output| (output.kind, OutputOffer::new(output))).collect(),
            ),
            input: Offers(
                feature
                    .inputs
                    .iter()
                    .map(|input| {
                        let name = InputType { kind: input.kind, spelling: input.spelling };
                        (name, InputOffer::new(input))
                    })
                    .collect(),
            ),
        }
    }
}

impl OutputOffer {
    fn new(output: &model::Output) -> Self {
        Self {
            value: (Int(output.value.min), Int(output.value.max)),
            duration: output.duration.map(|range| (Int(range.min), Int(range.max))),
        }
    }
}

impl InputOffer {
    fn new(input: &model::Input) -> Self {
        let mut command = Vec::new();
        if input.read {
            command.push("Read".to_owned());
        }
        if input.subscribe {
            command.push("Subscribe".to_owned());
        }
        Self { value: input.values.iter().map(|range| (Int(range.min), Int(range.max))).collect(), command }
    }
}

impl InputReading {
    fn new(id: u32, reading: &model::Reading, spelling: RssiSpelling) -> Self {
        let name = InputType { kind: reading.kind, spelling };
        Self {
            id: Int(id),
            device_index: Int(reading.device),
            feature_index: Int(reading.feature),
            reading: Offers(smallvec![(name, Value { value: Int(reading_value(reading)) })]),
        }
    }
}

// Client half.

pub(super) fn encode_request(id: Id, request: &Request) -> Option<String> {
    let plain = Plain { id: Int(id) };
    let message = match request {
        Request::Hello(hello) if hello.dialect == Dialect::V4 => {
            ClientMessage::RequestServerInfo(RequestServerInfo {
                id: Int(id),
                client_name: hello.client_name.clone(),
                protocol_version_major: Int(Dialect::V4.number()),
                protocol_version_minor: Int(MINOR),
            })
        }
        Request::Hello(_) | Request::Test(_) | Request::Log => return None,
        Request::Ping => ClientMessage::Ping(plain),
        Request::StartScanning => ClientMessage::StartScanning(plain),
        Request::StopScanning => ClientMessage::StopScanning(plain),
        Request::DeviceList => ClientMessage::RequestDeviceList(plain),
        Request::Disconnect => ClientMessage::Disconnect(plain),
        Request::Output(request) => {
            let [command] = request.commands.as_slice() else { return None };
            ClientMessage::OutputCmd(OutputCmd {
                id: Int(id),
                device_index: Int(request.device),
                feature_index: Int(command.feature),
                command: Command { kind: command.kind, value: command.value, duration: command.duration },
            })
        }
        Request::Input(request) => ClientMessage::InputCmd(InputCmd {
            id: Int(id),
            device_index: Int(request.device),
            feature_index: Int(request.feature),
            r#type: InputType { kind: request.kind, spelling: request.echo.spelling },
            command: match request.action {
                model::InputAction::Read => InputAction::Read,
                model::InputAction::Subscribe => InputAction::Subscribe,
                model::InputAction::Unsubscribe => InputAction::Unsubscribe,
            },
        }),
        Request::Stop(stop) => {
            let (device_index, feature_index) = match stop.scope {
                Scope::All => (None, None),
                Scope::Device(device) => (Some(Int(device)), None),
                Scope::Feature { device, feature } => (Some(Int(device)), Some(Int(feature))),
            };
            ClientMessage::StopCmd(StopCmd {
                id: Int(id),
                device_index,
                feature_index,
                inputs: (!stop.inputs).then_some(false),
                outputs: (!stop.outputs).then_some(false),
            })
        }
    };
    Some(frame(&message))
}

pub(super) fn decode_message(message: RawMessage<'_>) -> Result<Option<Message>, Refusal> {
    let Some(message) = read_answer(Dialect::V4, message)? else { return Ok(None) };
    Ok(Some(match message {
        ServerMessage::Ok(bare) => Message::Reply(answered(bare.id)?, Reply::Ok),
        ServerMessage::Error(error) => error.message(),
        ServerMessage::ServerInfo(info) => Message::Reply(
            same_version(info.id, info.protocol_version_major, Dialect::V4)?,
            Reply::ServerInfo(model::ServerInfo {
                server_name: info.server_name,
                max_ping_time_ms: info.max_ping_time.0,
            }),
        ),
        ServerMessage::ScanningFinished(_) => Message::Event(Event::ScanningFinished),
        ServerMessage::DeviceList(list) => {
            let id = Id::new(list.id.0);
            let all = super::device_list(list.devices.0.into_iter().map(Device::profile));
            match id {
                Some(id) => Message::Reply(id, Reply::DeviceList(all)),
                None => Message::Event(Event::Devices { change: DeviceChange::Unspecified, all }),
            }
        }
        ServerMessage::InputReading(reading) => {
            let Some((name, value)) = reading.reading.0.first() else { return Ok(None) };
            let value = model::Reading {
                device: reading.device_index.0,
                feature: reading.feature_index.0,
                kind: name.kind,
                value: value.value.0,
            };
            match Id::new(reading.id.0) {
                Some(id) => {
                    let echo = Echo { spelling: name.spelling, sensor_index: 0 };
                    Message::Reply(id, Reply::Reading(value, echo))
                }
                None => Message::Event(Event::Reading(value)),
            }
        }
    }))
}

impl Device {
    fn profile(self) -> Profile {
        Profile::new(model::Device {
            index: self.device_index.0,
            name: self.device_name,
            display_name: self.device_display_name,
            gap_ms: self.device_message_timing_gap.0,
            features: self.device_features.0.into_iter().map(Feature::model).collect(),
        })
    }
}

impl Feature {
    pub(super) fn model(self) -> model::Feature {
        model::Feature {
            index: self.feature_index.0,
            description: self.feature_description,
            outputs: self.output.0.into_iter().map(|(kind, offer)| offer.model(kind)).collect(),
            inputs: self.input.0.into_iter().map(|(name, offer)| offer.model(name)).collect(),
        }
    }
}

impl OutputOffer {
    fn model(self, kind: OutputKind) -> model::Output {
        model::Output {
            kind,
            value: Range::new(self.value.0.0, self.value.1.0),
            duration: self.duration.map(|(min, max)| Range::new(min.0, max.0)),
        }
    }
}

impl InputOffer {
    fn model(self, name: InputType) -> model::Input {
        model::Input {
            kind: name.kind,
            values: self.value.into_iter().map(|(min, max)| Range::new(min.0, max.0)).collect(),
            read: self.command.iter().any(|word| word == "Read"),
            subscribe: self.command.iter().any(|word| word == "Subscribe"),
            spelling: name.spelling,
        }
    }
}
