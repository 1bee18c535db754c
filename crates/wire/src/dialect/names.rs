//! Which message exists in which spec version (`wire.md` 4.1).

use super::Dialect::{self, V0, V1, V2, V3, V4};

/// A message type and the first and last version that has it.
type Entry = (&'static str, Dialect, Dialect);

/// From client to server.
const REQUESTS: [Entry; 32] = [
    ("RequestServerInfo", V0, V4),
    ("Ping", V0, V4),
    ("Test", V0, V1),
    ("RequestLog", V0, V2),
    ("StartScanning", V0, V4),
    ("StopScanning", V0, V4),
    ("RequestDeviceList", V0, V4),
    ("StopDeviceCmd", V0, V3),
    ("StopAllDevices", V0, V3),
    ("SingleMotorVibrateCmd", V0, V1),
    ("FleshlightLaunchFW12Cmd", V0, V1),
    ("VorzeA10CycloneCmd", V0, V1),
    ("KiirooCmd", V0, V1),
    ("LovenseCmd", V0, V1),
    ("RawCmd", V0, V1),
    ("VibrateCmd", V1, V3),
    ("RotateCmd", V1, V3),
    ("LinearCmd", V1, V3),
    ("BatteryLevelCmd", V2, V2),
    ("RSSILevelCmd", V2, V2),
    ("RawWriteCmd", V2, V3),
    ("RawReadCmd", V2, V3),
    ("RawSubscribeCmd", V2, V3),
    ("RawUnsubscribeCmd", V2, V3),
    ("ScalarCmd", V3, V3),
    ("SensorReadCmd", V3, V3),
    ("SensorSubscribeCmd", V3, V3),
    ("SensorUnsubscribeCmd", V3, V3),
    ("OutputCmd", V4, V4),
    ("InputCmd", V4, V4),
    ("StopCmd", V4, V4),
    ("Disconnect", V4, V4),
];

/// From server to client.
const ANSWERS: [Entry; 14] = [
    ("ServerInfo", V0, V4),
    ("Ok", V0, V4),
    ("Error", V0, V4),
    ("Test", V0, V1),
    ("Log", V0, V1),
    ("ScanningFinished", V0, V4),
    ("DeviceList", V0, V4),
    ("DeviceAdded", V0, V3),
    ("DeviceRemoved", V0, V3),
    ("BatteryLevelReading", V2, V2),
    ("RSSILevelReading", V2, V2),
    ("RawReading", V2, V3),
    ("SensorReading", V3, V3),
    ("InputReading", V4, V4),
];

/// Whether clients of any version send a message of this type.
pub(super) fn is_request_of_any(name: &str) -> bool {
    REQUESTS.iter().any(|(known, ..)| *known == name)
}

/// Whether clients of this version send a message of this type.
pub(super) fn is_request(name: &str, dialect: Dialect) -> bool {
    has(&REQUESTS, name, dialect)
}

/// Whether servers of this version send a message of this type.
pub(super) fn is_answer(name: &str, dialect: Dialect) -> bool {
    has(&ANSWERS, name, dialect)
}

/// Whether servers of any version send a message of this type.
pub(super) fn is_answer_of_any(name: &str) -> bool {
    ANSWERS.iter().any(|(known, ..)| *known == name)
}

fn has(table: &[Entry], name: &str, dialect: Dialect) -> bool {
    table.iter().any(|(known, first, last)| *known == name && *first <= dialect && dialect <= *last)
}
