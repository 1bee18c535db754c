//! Spec version 0.

use serde::{Deserialize, Serialize};

use super::Dialect;
use super::common::{Bare, ErrorBody, Plain, answered};
use super::envelope::{frame, read_answer, read_request, repeated_handshake};
use super::fields::{Int, objects};
use super::legacy::{
    FleshlightLaunchFW12Cmd, Log, LogLevel, OneDevice, RawCmd, RequestLog, SingleMotorVibrateCmd, Test,
    TextCmd, VorzeA10CycloneCmd, stop, with_id,
};
use super::legacy_client::Stopping;
use super::legacy_devices::{
    self, Abilities, BuildServerInfo, Device, DeviceAdded, DeviceRemoved, Features, ListedDevices,
    NOMINAL_STEPS,
};
use crate::frame::{RawMessage, Refusal};
use crate::model::{Event, Id, Message, OutputKind, OutputRequest, Reply, Request, Scope};
use crate::profile::{Profile, View};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClientMessage {
    RequestServerInfo(RequestServerInfo),
    Ping(Plain),
    Test(Test),
    RequestLog(RequestLog),
    StartScanning(Plain),
    StopScanning(Plain),
    RequestDeviceList(Plain),
    StopDeviceCmd(OneDevice),
    StopAllDevices(Plain),
    SingleMotorVibrateCmd(SingleMotorVibrateCmd),
    FleshlightLaunchFW12Cmd(FleshlightLaunchFW12Cmd),
    VorzeA10CycloneCmd(VorzeA10CycloneCmd),
    KiirooCmd(TextCmd),
    LovenseCmd(TextCmd),
    RawCmd(RawCmd),
}

objects! {
    struct RequestServerInfo {
        id: Int<Id>,
        client_name: String,
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ServerMessage {
    ServerInfo(BuildServerInfo),
    Ok(Bare),
    Error(ErrorBody),
    Test(Test),
    Log(Log),
    ScanningFinished(Bare),
    DeviceList(ListedDevices<Device<Names>>),
    DeviceAdded(DeviceAdded<Device<Names>>),
    DeviceRemoved(DeviceRemoved),
}

/// `DeviceMessages` as a sorted array of names.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Names(Vec<String>);

// Server half.

pub(super) fn decode_request(message: RawMessage<'_>, view: &dyn View) -> Result<(Id, Request), Refusal> {
    understand(read_request(Dialect::V0, message)?, view)
}

pub(super) fn decode_single(text: &str, view: &dyn View) -> Option<Result<(Id, Request), Refusal>> {
    serde_json::from_str(text).ok().map(|message| understand(message, view))
}

fn understand(message: ClientMessage, view: &dyn View) -> Result<(Id, Request), Refusal> {
    let (id, request) = match message {
        ClientMessage::RequestServerInfo(hello) => (hello.id, Err(repeated_handshake())),
        ClientMessage::Ping(plain) => (plain.id, Ok(Request::Ping)),
        ClientMessage::Test(test) => (test.id, test.request()),
        ClientMessage::RequestLog(log) => (log.id, Ok(Request::Log)),
        ClientMessage::StartScanning(plain) => (plain.id, Ok(Request::StartScanning)),
        ClientMessage::StopScanning(plain) => (plain.id, Ok(Request::StopScanning)),
        ClientMessage::RequestDeviceList(plain) => (plain.id, Ok(Request::DeviceList)),
        ClientMessage::StopDeviceCmd(cmd) => (cmd.id, Ok(stop(Scope::Device(cmd.device_index.0)))),
        ClientMessage::StopAllDevices(plain) => (plain.id, Ok(stop(Scope::All))),
        ClientMessage::SingleMotorVibrateCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::FleshlightLaunchFW12Cmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::VorzeA10CycloneCmd(cmd) => (cmd.id, cmd.request(view)),
        ClientMessage::KiirooCmd(cmd) => (cmd.id, Err(cmd.kiiroo())),
        ClientMessage::LovenseCmd(cmd) => (cmd.id, Err(cmd.lovense())),
        ClientMessage::RawCmd(cmd) => (cmd.id, Err(cmd.refuse())),
    };
    with_id(id, request)
}

pub(super) fn encode_message(message: &Message, send: &mut dyn FnMut(String)) {
    let mut put = |message: ServerMessage| send(frame(&message));
    match message {
        Message::Reply(id, reply) => match reply {
            Reply::Ok => put(ServerMessage::Ok(Bare { id: Int(id.get()) })),
            Reply::Error(fault) => put(ServerMessage::Error(ErrorBody::new(id.get(), fault))),
            Reply::ServerInfo(info) => {
                put(ServerMessage::ServerInfo(BuildServerInfo::new(id.get(), info, Dialect::V0)));
            }
            Reply::DeviceList(devices) => {
                put(ServerMessage::DeviceList(ListedDevices::new(id.get(), devices)));
            }
            Reply::Test(text) => {
                put(ServerMessage::Test(Test { id: Int(*id), test_string: text.clone() }));
            }
            Reply::Reading(..) => {}
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

const SINGLE_MOTOR: &str = "SingleMotorVibrateCmd";
const LAUNCH: &str = "FleshlightLaunchFW12Cmd";
const CYCLONE: &str = "VorzeA10CycloneCmd";

impl Abilities for Names {
    fn new(profile: &Profile) -> Self {
        let names = [
            (LAUNCH, !profile.linear().is_empty()),
            (SINGLE_MOTOR, !profile.vibrate().is_empty()),
            ("StopDeviceCmd", true),
            (CYCLONE, !profile.rotate().is_empty()),
        ];
        Self(names.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect())
    }

    fn features(self) -> Features {
        let mut features = Features::default();
        for (name, kind, steps) in [
            (SINGLE_MOTOR, OutputKind::Vibrate, NOMINAL_STEPS),
            (CYCLONE, OutputKind::Rotate, NOMINAL_STEPS),
            (LAUNCH, OutputKind::HwPositionWithDuration, FleshlightLaunchFW12Cmd::HIGHEST),
        ] {
            if self.0.iter().any(|known| known == name) {
                features.outputs(kind, [steps]);
            }
        }
        features
    }
}

// Client half.

pub(super) fn encode_request(id: Id, request: &Request, view: &dyn View) -> Option<String> {
    let plain = Plain { id: Int(id) };
    let message = match request {
        Request::Hello(hello) if hello.dialect == Dialect::V0 => {
            let client_name = hello.client_name.clone();
            ClientMessage::RequestServerInfo(RequestServerInfo { id: Int(id), client_name })
        }
        Request::Ping => ClientMessage::Ping(plain),
        Request::Test(text) if text != "Error" => {
            ClientMessage::Test(Test { id: Int(id), test_string: text.clone() })
        }
        Request::Log => ClientMessage::RequestLog(RequestLog { id: Int(id), log_level: LogLevel::Info }),
        Request::StartScanning => ClientMessage::StartScanning(plain),
        Request::StopScanning => ClientMessage::StopScanning(plain),
        Request::DeviceList => ClientMessage::RequestDeviceList(plain),
        Request::Stop(stop) => match Stopping::new(id, stop)? {
            Stopping::All(all) => ClientMessage::StopAllDevices(all),
            Stopping::One(one) => ClientMessage::StopDeviceCmd(one),
        },
        Request::Output(request) => output(id, request, view)?,
        Request::Hello(_) | Request::Test(_) | Request::Input(_) | Request::Disconnect => return None,
    };
    Some(frame(&message))
}

fn output(id: Id, request: &OutputRequest, view: &dyn View) -> Option<ClientMessage> {
    let profile = view.profile(request.device)?;
    let commands = request.commands.as_slice();
    match commands.first()?.kind {
        OutputKind::Vibrate => {
            SingleMotorVibrateCmd::new(id, profile, commands).map(ClientMessage::SingleMotorVibrateCmd)
        }
        OutputKind::Rotate => {
            VorzeA10CycloneCmd::new(id, profile, commands).map(ClientMessage::VorzeA10CycloneCmd)
        }
        OutputKind::HwPositionWithDuration => FleshlightLaunchFW12Cmd::new(id, profile, view, commands)
            .map(ClientMessage::FleshlightLaunchFW12Cmd),
        _ => None,
    }
}

pub(super) fn decode_message(message: RawMessage<'_>) -> Result<Option<Message>, Refusal> {
    let Some(message) = read_answer(Dialect::V0, message)? else { return Ok(None) };
    Ok(Some(match message {
        ServerMessage::ServerInfo(info) => info.message(Dialect::V0)?,
        ServerMessage::Ok(bare) => Message::Reply(answered(bare.id)?, Reply::Ok),
        ServerMessage::Error(error) => error.message(),
        ServerMessage::ScanningFinished(_) => Message::Event(Event::ScanningFinished),
        ServerMessage::DeviceList(list) => list.message()?,
        ServerMessage::DeviceAdded(added) => added.message(),
        ServerMessage::DeviceRemoved(removed) => removed.message(),
        ServerMessage::Test(test) => Message::Reply(test.id.0, Reply::Test(test.test_string)),
        ServerMessage::Log(_) => return Ok(None),
    }))
}
