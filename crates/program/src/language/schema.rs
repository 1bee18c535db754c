//! Every table of a device file and its keys. The reader knows no others, and the manual is tested against it.

/// A table and the keys that it may have.
#[derive(Debug)]
pub(super) struct Schema {
    /// What it is called in messages and in the manual.
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// Every table of a device file and the keys that it may have.
pub fn schema() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    ALL.iter().map(|schema| (schema.name, schema.keys))
}

const ALL: [&Schema; 26] = [
    &FILE,
    &BLE,
    &MANUFACTURER,
    &SERIAL,
    &HID,
    &USB,
    &WEBSOCKET,
    &GAMEPAD,
    &LOVENSE_CONNECT,
    &IDENTIFY,
    &ASK,
    &INIT,
    &ARM,
    &DO,
    &KEEPALIVE,
    &IDLE,
    &PART,
    &PACKET,
    &THEN,
    &INPUTS,
    &INPUT,
    &MODEL,
    &FEATURE,
    &FEATURE_INPUT,
    &TEST,
    &STEP,
];

macro_rules! schemas {
    ($($id:ident $name:literal: $($key:literal)*;)*) => {
        $(pub(super) const $id: Schema = Schema { name: $name, keys: &[$($key),*] };)*
    };
}

schemas! {
    FILE "the file": "format" "extends" "code" "proof" "confirm" "gap" "set" "ble" "serial" "hid" "usb" "websocket" "gamepad" "lovense_connect"
        "identify" "init" "keepalive" "parts" "packets" "inputs" "models" "tests";
    BLE "ble": "names" "manufacturer" "advertised" "services";
    MANUFACTURER "manufacturer": "company" "data" "length";
    SERIAL "serial": "port" "ids" "baud_rate" "data_bits" "parity" "stop_bits";
    HID "hid": "vendor" "product" "ids";
    USB "usb": "vendor" "product" "ids";
    WEBSOCKET "websocket": "names";
    GAMEPAD "gamepad": ;
    LOVENSE_CONNECT "lovense_connect": ;
    IDENTIFY "identify": "name" "manufacturer" "read" "ask" "expect" "expect_text" "decode" "rules" "is";
    ASK "ask": "hex" "text" "to" "confirm" "encode" "on" "every" "tries";
    INIT "init": "write" "text" "to" "confirm" "encode" "read" "subscribe" "unsubscribe" "wait" "expect" "expect_text" "on" "decode"
        "dialogue" "when" "timeout" "optional" "hint";
    ARM "dialogue": "expect" "expect_text" "decode" "on" "do" "notice" "done";
    DO "do": "write" "text" "to" "confirm" "encode" "subscribe" "unsubscribe";
    KEEPALIVE "keepalive": "every" "while" "idle";
    IDLE "idle": "hex" "text" "to" "confirm" "encode";
    PART "parts": "hex" "text" "times" "each" "sep" "head";
    PACKET "packets": "on" "at" "when" "variant" "to" "confirm" "hex" "text" "encode" "then" "glide" "ends";
    THEN "then": "after" "hex" "text" "to" "confirm" "encode";
    INPUTS "inputs": "battery" "rssi" "pressure" "button" "at" "variant";
    INPUT "input": "read" "ask" "notify" "expect" "expect_text" "decode" "map" "on_change" "timeout";
    MODEL "models": "match" "name" "id" "protocol" "features" "gap" "variant" "set";
    FEATURE "features": "index" "id" "label" "vibrate" "rotate" "oscillate" "constrict" "spray" "temperature" "led" "position" "stroke"
        "ms" "battery" "rssi" "pressure" "button";
    FEATURE_INPUT "input of a feature": "range" "read" "subscribe";
    TEST "tests": "model" "features" "variant" "set" "name" "manufacturer" "has" "init" "script" "becomes" "steps";
    STEP "steps": "set" "ms" "stop" "wait" "read" "listen" "unlisten" "hears" "gives" "notice" "fails" "sends";
}
