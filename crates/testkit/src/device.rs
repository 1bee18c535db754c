//! What a test device is.

use std::time::Duration;

use frisson_program::Description;
use frisson_wire::{Feature, Input, InputKind, Output, OutputKind, Range, RssiSpelling};

/// A device to be connected to a [`VirtualServer`](crate::VirtualServer).
///
/// The protocol's checklist names some; [`TestDevice::named`] has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestDevice {
    /// What tests and transcripts call it; also what makes the server recognise it when it returns.
    pub address: String,
    /// The name for people.
    pub name: String,
    /// The name that the user gave it.
    pub display_name: Option<String>,
    /// The least time between two writes.
    pub gap: Duration,
    /// What it does and senses.
    pub features: Vec<Feature>,
}

impl TestDevice {
    /// A device without features.
    pub fn new(address: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            name: name.into(),
            display_name: None,
            gap: Duration::ZERO,
            features: Vec::new(),
        }
    }

    /// The devices that tests know by a letter.
    ///
    /// | address | features |
    /// | --- | --- |
    /// | `V` | vibrator 0..20; battery 87 %, can be read |
    /// | `E` | two vibrators 0..20 |
    /// | `N` | vibrator 0..20; rotation −20..20 |
    /// | `L` | position and timed position 0..999, up to 10 s |
    /// | `B` | one of each, gap 100 ms, called "Left bunny" by its user: vibrators 0..20 and 0..10, rotation −15..15, oscillation 0..8, position and timed position 0..99, light 0..1, battery 87 % (can be read), pressure 0..2000 (can be subscribed to) |
    /// | `T` | two axes like that of `L`; two batteries, 87 % and 43 % |
    /// | `H` | constriction 0..10, temperature 0..10, spray 0..1, light 0..100 |
    /// | `S` | battery 87 % (can be read and subscribed to), signal strength −60 (can be read), button (can be subscribed to) |
    pub fn named(address: &str) -> Option<Self> {
        use InputKind::{Battery, Button, Pressure, Rssi};
        use OutputKind::{Constrict, Led, Oscillate, Rotate, Spray, Temperature, Vibrate};
        let device = match address {
            "V" => Self::new("V", "Vibrator")
                .with("Motor", [output(Vibrate, 0, 20)])
                .sensing("Battery", input(Battery, 0, 100, true, false)),
            "E" => Self::new("E", "Egg")
                .with("Left", [output(Vibrate, 0, 20)])
                .with("Right", [output(Vibrate, 0, 20)]),
            "N" => Self::new("N", "Rotator")
                .with("Motor", [output(Vibrate, 0, 20)])
                .with("Head", [output(Rotate, -20, 20)]),
            "L" => Self::new("L", "Stroker").with("Stroke", stroke(999)),
            "B" => Self {
                display_name: Some("Left bunny".to_owned()),
                gap: Duration::from_millis(100),
                ..Self::new("B", "Example Rabbit")
            }
            .with("Shaft", [output(Vibrate, 0, 20)])
            .with("Ear", [output(Vibrate, 0, 10)])
            .with("Head", [output(Rotate, -15, 15)])
            .with("Thruster", [output(Oscillate, 0, 8)])
            .with("Stroke", stroke(99))
            .with("Lamp", [output(Led, 0, 1)])
            .sensing("Battery", input(Battery, 0, 100, true, false))
            .sensing("Bulb", input(Pressure, 0, 2000, false, true)),
            "T" => Self::new("T", "Two Axes")
                .with("Stroke", stroke(999))
                .with("Twist", stroke(999))
                .sensing("Left battery", input(Battery, 0, 100, true, false))
                .sensing("Right battery", input(Battery, 0, 100, true, false)),
            "H" => Self::new("H", "Heater")
                .with("Sleeve", [output(Constrict, 0, 10)])
                .with("Coil", [output(Temperature, 0, 10)])
                .with("Nozzle", [output(Spray, 0, 1)])
                .with("Lamp", [output(Led, 0, 100)]),
            "S" => Self::new("S", "Sensors")
                .sensing("Battery", input(Battery, 0, 100, true, true))
                .sensing("Signal", input(Rssi, -128, 0, true, false))
                .sensing("Button", input(Button, 0, 1, false, true)),
            _ => return None,
        };
        Some(device)
    }

    /// The same with one more feature, which does something. Features are numbered in the order in which they are added.
    #[must_use]
    pub fn with(self, description: &str, outputs: impl IntoIterator<Item = Output>) -> Self {
        self.feature(description, outputs.into_iter().collect(), Vec::new())
    }

    /// The same with one more feature, which senses something.
    #[must_use]
    pub fn sensing(self, description: &str, input: Input) -> Self {
        self.feature(description, Vec::new(), vec![input])
    }

    fn feature(mut self, description: &str, outputs: Vec<Output>, inputs: Vec<Input>) -> Self {
        let index = self.features.last().map_or(0, |feature| feature.index + 1);
        self.features.push(Feature { index, description: description.to_owned(), outputs, inputs });
        self
    }

    /// What its program says of it once it is greeted.
    pub(crate) fn description(&self) -> Description {
        Description {
            protocol: "testkit".to_owned(),
            model: self.name.clone(),
            name: self.name.clone(),
            features: self.features.clone(),
            gap: (!self.gap.is_zero()).then_some(self.gap),
            keepalive: None,
        }
    }
}

/// An output with its lowest and highest step.
pub fn output(kind: OutputKind, min: i32, max: i32) -> Output {
    let duration = (kind == OutputKind::HwPositionWithDuration).then_some(Range::new(0, 10_000));
    Output { kind, value: Range::new(min, max), duration }
}

/// One axis: a position, at once or within up to 10 s.
pub fn stroke(max: i32) -> [Output; 2] {
    [output(OutputKind::HwPositionWithDuration, 0, max), output(OutputKind::Position, 0, max)]
}

/// An input with its lowest and highest value, and what can be done with it.
pub fn input(kind: InputKind, min: i64, max: i64, read: bool, subscribe: bool) -> Input {
    Input { kind, values: vec![Range::new(min, max)], read, subscribe, spelling: RssiSpelling::default() }
}
