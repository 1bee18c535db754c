//! Spec version 3.

use serde::{Deserialize, Serialize};

use super::Dialect;
use super::common::{Bare, ErrorBody, Plain, answered, reading_value};
use super::envelope::{frame, read_answer, read_request, repeated_handshake};
use super::fields::{Int, Word, objects, open_word, words};
use super::legacy::{
    LinearCmd, OneDevice, RawEndpointCmd, RawReadCmd, RawReading, RawWriteCmd, RotateCmd,
    VersionedServerInfoRequest, VibrateCmd, device, filled, intensity, no_fraction, raw_is_off, resolve,
    stop, unable, unsupported, with_id,
};
use super::legacy_client::{Stopping, elements};
use super::legacy_devices::{
    self, DeviceAdded, DeviceRemoved, Empty, Features, Listed, ListedDevices, VersionedServerInfo,
};
use crate::convert;
use crate::frame::{RawMessage, Refusal};
use crate::model::{
    self, Echo, ErrorCode, Event, Fault, Id, InputAction, InputKind, InputRequest, Message, OutputCommand,
    OutputKind, OutputRequest, Reading, Reply, Request, Scope,
};
use crate::profile::{Profile, Slot, View};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClientMessage {
    RequestServerInfo(VersionedServerInfoRequest),
    Ping(Plain),
    StartScanning(Plain),
    StopScanning(Plain),
    RequestDeviceList(Plain),
    StopDeviceCmd(OneDevice),
    StopAllDevices(Plain),
    VibrateCmd(VibrateCmd),
    RotateCmd(RotateCmd),
    LinearCmd(LinearCmd),
    ScalarCmd(ScalarCmd),
    SensorReadCmd(SensorCmd),
    SensorSubscribeCmd(SensorCmd),
    SensorUnsubscribeCmd(SensorCmd),
    RawWriteCmd(RawWriteCmd),
    RawReadCmd(RawReadCmd),
    RawSubscribeCmd(RawEndpointCmd),
    RawUnsubscribeCmd(RawEndpointCmd),
}

objects! {
    struct ScalarCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        scalars: Vec<Scalar>,
    }

    struct Scalar {
        index: Int<u32>,
        scalar: f64,
        actuator_type: ActuatorType,
    }

    struct SensorCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        sensor_index: Int<u32>,
        sensor_type: SensorType,
    }
}

words! {
    enum ActuatorType {
        Vibrate = "Vibrate",
        Rotate = "Rotate",
        Oscillate = "Oscillate",
        Constrict = "Constrict",
        Inflate = "Inflate",
        Position = "Position",
        Spray = "Spray",
        Temperature = "Temperature",
        Unknown = "Unknown",
    }

    enum SensorType {
        Battery = "Battery",
        Rssi = "RSSI",
        Button = "Button",
        Pressure = "Pressure",
        Unknown = "Unknown",
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ServerMessage {
    ServerInfo(VersionedServerInfo),
    Ok(Bare),
    Error(ErrorBody),
    ScanningFinished(Bare),
    DeviceList(ListedDevices<Device>),
    DeviceAdded(DeviceAdded<Device>),
    DeviceRemoved(DeviceRemoved),
    SensorReading(SensorReading),
    RawReading(RawReading),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Device {
    device_name: String,
    device_index: Int<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_message_timing_gap: Option<Int<u32>>,
    device_messages: DeviceMessages,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeviceMessages {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scalar_cmd: Vec<Actuator>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rotate_cmd: Vec<Actuator>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    linear_cmd: Vec<Actuator>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sensor_read_cmd: Vec<Sensor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_device_cmd: Option<Empty>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Actuator {
    step_count: Int<u32>,
    feature_descriptor: String,
    #[serde(with = "open_word")]
    actuator_type: Option<ActuatorType>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sensor {
    #[serde(with = "open_word")]
    sensor_type: Option<SensorType>,
    feature_descriptor: String,
    sensor_range: Vec<(Int<i64>, Int<i64>)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SensorReading {
    id: Int<u32>,
    device_index: Int<u32>,
    sensor_index: Int<u32>,
    #[serde(with = "open_word")]
    sensor_type: Option<SensorType>,
    data: Vec<Int<i64>>,
}

// Server half.

pub(super) fn decode_request(message: RawMessage<'_>, view: &dyn View) -> Result<(Id, Request), Refusal> {
    understand(read_request(Dialect::V3, message)?, view)
}

pub(super) fn decode_single(text: &str, view: &dyn View) -> Option<Result<(Id, Request), Refusal>> {
    serde_json::from_str(text).ok().map(|message| understand(message, view))
}

fn understand(message: ClientMessage, view: &dyn View) -> Result<(Id, Request), Refusal> {
    let (id, request) = match message {
        ClientMessage::RequestServerInfo(hello) => (hello.id, Err(repeated_handshake())),
        ClientMessage::Ping(plain) => (plain.id, Ok(Request::Ping)),
        ClientMessage::StartScanning(plain) => (plain.id, Ok(Request::StartScanning)),
        ClientMessage::StopScanning(plain) => (plain.id, Ok(Request::StopScanning)),
        ClientMessage::RequestDeviceList(plain) => (plain.id, Ok(Request::DeviceList)),
        ClientMessage::StopDeviceCmd(cmd) => (cmd.id, Ok(stop(Scope::Device(cmd.device_index.0)))),
        ClientMessage::StopAllDevices(plain) => (plain.id, Ok(stop(Scope::All))),
        ClientMessage::VibrateCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::RotateCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::LinearCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::ScalarCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::SensorReadCmd(cmd) => (cmd.id, cmd.read(view)),
        ClientMessage::SensorSubscribeCmd(cmd) => (cmd.id, Err(unsupported("SensorSubscribeCmd"))),
        ClientMessage::SensorUnsubscribeCmd(cmd) => (cmd.id, Err(unsupported("SensorUnsubscribeCmd"))),
        ClientMessage::RawWriteCmd(cmd) => (cmd.id, Err(cmd.refuse())),
        ClientMessage::RawReadCmd(cmd) => (cmd.id, Err(raw_is_off("RawReadCmd"))),
        ClientMessage::RawSubscribeCmd(cmd) => (cmd.id, Err(raw_is_off("RawSubscribeCmd"))),
        ClientMessage::RawUnsubscribeCmd(cmd) => (cmd.id, Err(raw_is_off("RawUnsubscribeCmd"))),
    };
    with_id(id, request)
}

impl ScalarCmd {
    fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        filled("ScalarCmd", "Scalars", &self.scalars)?;
        let profile = device(view, self.device_index)?;
        let slots = profile.scalar_and_unlisted();
        for element in self.scalars.iter().filter(|element| element.actuator_type.is_unlisted()) {
            let slot = usize::try_from(element.index.0).ok().and_then(|at| slots.get(at));
            if slot.and_then(|slot| ActuatorType::of(slot.kind)) != Some(element.actuator_type) {
                let word = element.actuator_type.spelling();
                return Err(Fault::new(
                    ErrorCode::Message,
                    format!("{word} is not an ActuatorType of ScalarCmd at index {}", element.index.0),
                ));
            }
        }
        resolve(
            "ScalarCmd",
            profile,
            slots,
            &self.scalars,
            |element| element.index,
            |at, element, slot| {
                let actuator = ActuatorType::of(slot.kind);
                if Some(element.actuator_type) != actuator {
                    let (index, kind) = (element.index.0, slot.kind);
                    return Err(unable(format!(
                        "index {index} of {} is for {kind}, not for {}",
                        profile.label(),
                        element.actuator_type.spelling()
                    )));
                }
                match no_fraction(element.scalar, || format!("ScalarCmd.Scalars[{at}].Scalar")) {
                    Some(text) => Err(unable(text)),
                    None => Ok(intensity(slot, element.scalar)),
                }
            },
        )
    }
}

impl ActuatorType {
    fn of(kind: OutputKind) -> Option<Self> {
        match kind {
            OutputKind::Vibrate => Some(Self::Vibrate),
            OutputKind::Rotate => Some(Self::Rotate),
            OutputKind::Oscillate => Some(Self::Oscillate),
            OutputKind::Constrict => Some(Self::Constrict),
            OutputKind::Position | OutputKind::HwPositionWithDuration => Some(Self::Position),
            OutputKind::Spray => Some(Self::Spray),
            OutputKind::Temperature => Some(Self::Temperature),
            OutputKind::Led => None,
        }
    }

    /// Whether no v3 client is shown this kind.
    fn is_unlisted(self) -> bool {
        matches!(self, Self::Spray | Self::Temperature)
    }

    fn kind(self) -> Option<OutputKind> {
        match self {
            Self::Vibrate => Some(OutputKind::Vibrate),
            Self::Rotate => Some(OutputKind::Rotate),
            Self::Oscillate => Some(OutputKind::Oscillate),
            Self::Constrict => Some(OutputKind::Constrict),
            Self::Position => Some(OutputKind::Position),
            Self::Inflate | Self::Spray | Self::Temperature | Self::Unknown => None,
        }
    }
}

impl SensorCmd {
    fn read(&self, view: &dyn View) -> Result<Request, Fault> {
        let profile = device(view, self.device_index)?;
        let label = || profile.label();
        if self.sensor_type != SensorType::Battery {
            let kind = self.sensor_type.spelling();
            return Err(unable(format!("{} has no sensor {kind} that can be read", label())));
        }
        let index = self.sensor_index.0;
        let feature = match profile.sensor() {
            [] => return Err(unable(format!("{} has no battery that can be read", label()))),
            // Old clients are careless about the index, and there is but one that can be meant.
            [only] => only,
            several => usize::try_from(index)
                .ok()
                .and_then(|at| several.get(at))
                .ok_or_else(|| unable(format!("{} has no sensor with index {index}", label())))?,
        };
        Ok(Request::Input(InputRequest {
            device: self.device_index.0,
            feature: *feature,
            kind: InputKind::Battery,
            action: InputAction::Read,
            echo: Echo { sensor_index: index, ..Echo::default() },
        }))
    }
}

pub(super) fn encode_message(message: &Message, send: &mut dyn FnMut(String)) {
    let mut put = |message: ServerMessage| send(frame(&message));
    match message {
        Message::Reply(id, reply) => match reply {
            Reply::Ok => put(ServerMessage::Ok(Bare { id: Int(id.get()) })),
            Reply::Error(fault) => put(ServerMessage::Error(ErrorBody::new(id.get(), fault))),
            Reply::ServerInfo(info) => {
                put(ServerMessage::ServerInfo(VersionedServerInfo::new(id.get(), info, Dialect::V3)));
            }
            Reply::DeviceList(devices) => {
                put(ServerMessage::DeviceList(ListedDevices::new(id.get(), devices)));
            }
            Reply::Reading(reading, echo) if reading.kind == InputKind::Battery => {
                put(ServerMessage::SensorReading(SensorReading::new(*id, reading, *echo)));
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

impl SensorReading {
    fn new(id: Id, reading: &Reading, echo: Echo) -> Self {
        Self {
            id: Int(id.get()),
            device_index: Int(reading.device),
            sensor_index: Int(echo.sensor_index),
            sensor_type: Some(SensorType::Battery),
            data: vec![Int(reading_value(reading))],
        }
    }

    fn message(self) -> Option<Message> {
        let kind = match self.sensor_type? {
            SensorType::Battery => InputKind::Battery,
            SensorType::Rssi => InputKind::Rssi,
            SensorType::Button => InputKind::Button,
            SensorType::Pressure => InputKind::Pressure,
            SensorType::Unknown => return None,
        };
        let reading = Reading {
            device: self.device_index.0,
            feature: self.sensor_index.0,
            kind,
            value: self.data.first()?.0,
        };
        Some(match Id::new(self.id.0) {
            Some(id) => {
                let echo = Echo { sensor_index: self.sensor_index.0, ..Echo::default() };
                Message::Reply(id, Reply::Reading(reading, echo))
            }
            None => Message::Event(Event::Reading(reading)),
        })
    }
}

impl Listed for Device {
    fn new(profile: &Profile) -> Self {
        let device = profile.device();
        Self {
            device_name: device.name.clone(),
            device_index: Int(device.index),
            device_display_name: device.display_name.clone(),
            device_message_timing_gap: Some(Int(device.gap_ms)),
            device_messages: DeviceMessages::new(profile),
        }
    }

    fn profile(self) -> Profile {
        Profile::new(model::Device {
            index: self.device_index.0,
            name: self.device_name,
            display_name: self.device_display_name,
            gap_ms: self.device_message_timing_gap.map_or(0, |Int(gap)| gap),
            features: self.device_messages.features().0,
        })
    }
}

impl DeviceMessages {
    fn new(profile: &Profile) -> Self {
        let actuators = |slots: &[Slot]| slots.iter().map(|slot| Actuator::new(profile, slot)).collect();
        Self {
            scalar_cmd: actuators(profile.scalar()),
            rotate_cmd: actuators(profile.rotate()),
            linear_cmd: actuators(profile.linear()),
            sensor_read_cmd: profile.sensor().iter().map(|feature| Sensor::new(profile, *feature)).collect(),
            stop_device_cmd: Some(Empty {}),
        }
    }

    fn features(self) -> Features {
        let mut features = Features::default();
        // Signed rotations are in two lists. Where they do not stand in both in the same order, those for ScalarCmd
        // are taken to be others.
        let mut signed = self.rotate_cmd.iter().peekable();
        let twins: Vec<bool> = self
            .scalar_cmd
            .iter()
            .map(|scalar| signed.next_if(|rotation| rotation.same_as(scalar)).is_some())
            .collect();
        let paired = signed.peek().is_none();
        for (scalar, twin) in self.scalar_cmd.into_iter().zip(twins) {
            // What follows an actuator that cannot be addressed would be miscounted.
            let Some(kind) = scalar.actuator_type.and_then(ActuatorType::kind) else { break };
            if scalar.step_count.0 == 0 {
                break;
            }
            features.output(scalar.feature_descriptor, kind, scalar.step_count.0, twin && paired);
        }
        if !paired {
            features.list(OutputKind::Rotate, self.rotate_cmd);
        }
        features.list(OutputKind::HwPositionWithDuration, self.linear_cmd);
        for sensor in self.sensor_read_cmd {
            if sensor.sensor_type != Some(SensorType::Battery) {
                break;
            }
            features.battery(sensor.feature_descriptor);
        }
        features
    }
}

impl Features {
    fn list(&mut self, kind: OutputKind, actuators: Vec<Actuator>) {
        for actuator in actuators.into_iter().take_while(|actuator| actuator.step_count.0 > 0) {
            let signed = kind == OutputKind::Rotate;
            self.output(actuator.feature_descriptor, kind, actuator.step_count.0, signed);
        }
    }
}

impl Actuator {
    fn new(profile: &Profile, slot: &Slot) -> Self {
        Self {
            step_count: Int(slot.steps),
            feature_descriptor: description(profile, slot.feature),
            actuator_type: ActuatorType::of(slot.kind),
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        self.actuator_type == other.actuator_type
            && self.step_count == other.step_count
            && self.feature_descriptor == other.feature_descriptor
    }
}

impl Sensor {
    fn new(profile: &Profile, feature: u32) -> Self {
        let input = profile.device().feature(feature).and_then(|feature| feature.input(InputKind::Battery));
        let ranges = input.map_or(&[][..], |input| &input.values);
        Self {
            sensor_type: Some(SensorType::Battery),
            feature_descriptor: description(profile, feature),
            sensor_range: ranges.iter().map(|range| (Int(range.min), Int(range.max))).collect(),
        }
    }
}

fn description(profile: &Profile, feature: u32) -> String {
    profile.device().feature(feature).map_or_else(String::new, |feature| feature.description.clone())
}

// Client half.

pub(super) fn encode_request(id: Id, request: &Request, view: &dyn View) -> Option<String> {
    let plain = Plain { id: Int(id) };
    let message = match request {
        Request::Hello(hello) if hello.dialect == Dialect::V3 => {
            let hello = VersionedServerInfoRequest::new(id, hello);
            ClientMessage::RequestServerInfo(hello)
        }
        Request::Ping => ClientMessage::Ping(plain),
        Request::StartScanning => ClientMessage::StartScanning(plain),
        Request::StopScanning => ClientMessage::StopScanning(plain),
        Request::DeviceList => ClientMessage::RequestDeviceList(plain),
        Request::Stop(stop) => match Stopping::new(id, stop)? {
            Stopping::All(all) => ClientMessage::StopAllDevices(all),
            Stopping::One(one) => ClientMessage::StopDeviceCmd(one),
        },
        Request::Output(request) => output(id, request, view)?,
        Request::Input(request) => ClientMessage::SensorReadCmd(SensorCmd::new(id, request, view)?),
        Request::Hello(_) | Request::Test(_) | Request::Log | Request::Disconnect => return None,
    };
    Some(frame(&message))
}

fn output(id: Id, request: &OutputRequest, view: &dyn View) -> Option<ClientMessage> {
    let profile = view.profile(request.device)?;
    let commands = request.commands.as_slice();
    match commands.first()?.kind {
        OutputKind::HwPositionWithDuration => {
            LinearCmd::new(id, profile, commands).map(ClientMessage::LinearCmd)
        }
        OutputKind::Rotate => RotateCmd::new(id, profile, commands)
            .map(ClientMessage::RotateCmd)
            .or_else(|| ScalarCmd::new(id, profile, commands).map(ClientMessage::ScalarCmd)),
        _ => ScalarCmd::new(id, profile, commands).map(ClientMessage::ScalarCmd),
    }
}

impl ScalarCmd {
    fn new(id: Id, profile: &Profile, commands: &[OutputCommand]) -> Option<Self> {
        let scalars = elements(profile.scalar(), commands, |index, slot, command| {
            let scalar = convert::fraction(command.value, slot.steps)?;
            Some(Scalar { index, scalar, actuator_type: ActuatorType::of(slot.kind)? })
        })?;
        Some(Self { id: Int(id), device_index: Int(profile.device().index), scalars })
    }
}

impl SensorCmd {
    fn new(id: Id, request: &InputRequest, view: &dyn View) -> Option<Self> {
        if (request.kind, request.action) != (InputKind::Battery, InputAction::Read) {
            return None;
        }
        let sensors = view.profile(request.device)?.sensor();
        let index = sensors.iter().position(|feature| *feature == request.feature)?;
        Some(Self {
            id: Int(id),
            device_index: Int(request.device),
            sensor_index: Int(u32::try_from(index).ok()?),
            sensor_type: SensorType::Battery,
        })
    }
}

pub(super) fn decode_message(message: RawMessage<'_>) -> Result<Option<Message>, Refusal> {
    let Some(message) = read_answer(Dialect::V3, message)? else { return Ok(None) };
    Ok(Some(match message {
        ServerMessage::ServerInfo(info) => info.message(Dialect::V3)?,
        ServerMessage::Ok(bare) => Message::Reply(answered(bare.id)?, Reply::Ok),
        ServerMessage::Error(error) => error.message(),
        ServerMessage::ScanningFinished(_) => Message::Event(Event::ScanningFinished),
        ServerMessage::DeviceList(list) => list.message()?,
        ServerMessage::DeviceAdded(added) => added.message(),
        ServerMessage::DeviceRemoved(removed) => removed.message(),
        ServerMessage::SensorReading(reading) => return Ok(reading.message()),
        ServerMessage::RawReading(_) => return Ok(None),
    }))
}
