//! Handles to the features of devices.

use std::fmt;
use std::time::Duration;

use frisson_wire::{
    Echo, Input, InputAction, InputKind, InputRequest, Output, OutputCommand, OutputKind, Range, Reply,
    Request, Scope,
};

use crate::device::Device;
use crate::error::Error;
use crate::level::Level;

/// One thing that a device does or senses: it has outputs, inputs, or both.
///
/// As cheap to clone, and as long valid, as its [`Device`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/rabbit.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let address = rabbit();
/// use std::time::Duration;
/// use frisson_client::{Client, OutputKind, Percent, Steps};
///
/// let client = Client::connect("My game", address).await?;
/// let device = client.devices().into_iter().next().ok_or("no device")?;
/// for feature in device.features() {
///     if feature.output(OutputKind::HwPositionWithDuration).is_some() {
///         feature.move_to(Percent(80.0), Duration::from_millis(500)).await?;
///     } else if let Some(output) = feature.output(OutputKind::Vibrate) {
///         feature.vibrate(Steps(output.value.max)).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Feature {
    device: Device,
    /// Where it stands in the device's list.
    at: usize,
}

impl Feature {
    pub(crate) fn new(device: Device, at: usize) -> Self {
        Self { device, at }
    }

    /// The number that the server uses for the feature. There may be gaps.
    pub fn index(&self) -> u32 {
        self.definition().map_or(0, |feature| feature.index)
    }

    /// A description for people; may be empty.
    pub fn description(&self) -> &str {
        self.definition().map_or("", |feature| &feature.description)
    }

    /// The device that the feature is part of.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What the feature does, at most one output of a kind.
    pub fn outputs(&self) -> &[Output] {
        self.definition().map_or(&[], |feature| &feature.outputs)
    }

    /// What the feature senses, at most one input of a kind.
    pub fn inputs(&self) -> &[Input] {
        self.definition().map_or(&[], |feature| &feature.inputs)
    }

    /// The output of this kind, with its range.
    pub fn output(&self, kind: OutputKind) -> Option<&Output> {
        self.definition()?.output(kind)
    }

    /// The input of this kind, with its ranges and what can be done with it.
    pub fn input(&self, kind: InputKind) -> Option<&Input> {
        self.definition()?.input(kind)
    }

    /// Sets an output.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchOutput`], [`Error::PercentOutOfRange`], [`Error::StepsOutOfRange`], and
    /// [`Error::DurationMissing`] for [`OutputKind::HwPositionWithDuration`]; nothing was sent then. What the server
    /// answers with, and the errors that every request can have: [`Error::DeviceGone`], [`Error::Disconnected`],
    /// [`Error::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// The command is on its way once the future was polled; dropping it later only leaves its answer unread.
    pub async fn set(&self, kind: OutputKind, level: impl Into<Level>) -> Result<(), Error> {
        let command = set(self.index(), self.required(kind)?, level.into())?;
        self.device.output(command)?.done().await
    }

    /// Vibrates.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn vibrate(&self, speed: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Vibrate, speed).await
    }

    /// Rotates; a negative speed is counter-clockwise where the range is signed.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn rotate(&self, speed: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Rotate, speed).await
    }

    /// Goes back and forth at this speed.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn oscillate(&self, speed: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Oscillate, speed).await
    }

    /// Constricts.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn constrict(&self, level: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Constrict, level).await
    }

    /// Sprays once.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn spray(&self, power: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Spray, power).await
    }

    /// Heats, or cools with a negative level where the range is signed.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn temperature(&self, level: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Temperature, level).await
    }

    /// Lights up.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn led(&self, brightness: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Led, brightness).await
    }

    /// Goes to a position at once.
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set).
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn position(&self, position: impl Into<Level>) -> Result<(), Error> {
        self.set(OutputKind::Position, position).await
    }

    /// Goes to a position within the given time ([`OutputKind::HwPositionWithDuration`]).
    ///
    /// # Errors
    ///
    /// See [`set`](Self::set); and [`Error::DurationOutOfRange`].
    ///
    /// # Cancel safety
    ///
    /// See [`set`](Self::set).
    pub async fn move_to(&self, position: impl Into<Level>, duration: Duration) -> Result<(), Error> {
        let output = self.required(OutputKind::HwPositionWithDuration)?;
        let command = glide(self.index(), output, position.into(), duration)?;
        self.device.output(command)?.done().await
    }

    /// Brings the feature's outputs to rest. Subscriptions go on.
    ///
    /// # Errors
    ///
    /// See [`Device::stop`].
    ///
    /// # Cancel safety
    ///
    /// See [`Device::stop`].
    pub async fn stop(&self) -> Result<(), Error> {
        let scope = Scope::Feature { device: self.device.index(), feature: self.index() };
        self.device.stop_in(scope, false).await
    }

    /// The present value of an input.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchInput`] if there is none or it cannot be read, [`Error::Rejected`] if the device did not tell,
    /// and those that every request can have.
    ///
    /// # Cancel safety
    ///
    /// The request is on its way once the future was polled; dropping it later only leaves its answer unread.
    pub async fn read(&self, kind: InputKind) -> Result<i64, Error> {
        let request = self.input_request(kind, InputAction::Read)?;
        match self.device.request(request)?.reply().await? {
            Reply::Reading(reading, _) if reading.kind == kind => Ok(reading.value),
            other => {
                Err(Error::NotUnderstood { reason: format!("expected a reading of {kind}, got {other:?}") })
            }
        }
    }

    /// Lets the server send every new value of an input from now on, as [`Event::Reading`](crate::Event::Reading).
    /// Subscribing again adds nothing. A subscription ends with the connection, also when that is made again.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchInput`] if there is none or it cannot be subscribed to, and those that every request can have.
    ///
    /// # Cancel safety
    ///
    /// The request is on its way once the future was polled; dropping it later only leaves its answer unread.
    pub async fn subscribe(&self, kind: InputKind) -> Result<(), Error> {
        let request = self.input_request(kind, InputAction::Subscribe)?;
        self.device.request(request)?.done().await
    }

    /// Ends a subscription. No error if there is none.
    ///
    /// # Errors
    ///
    /// See [`subscribe`](Self::subscribe).
    ///
    /// # Cancel safety
    ///
    /// See [`subscribe`](Self::subscribe).
    pub async fn unsubscribe(&self, kind: InputKind) -> Result<(), Error> {
        let request = self.input_request(kind, InputAction::Unsubscribe)?;
        self.device.request(request)?.done().await
    }

    /// Whether an input offers this.
    pub(crate) fn can(&self, kind: InputKind, action: InputAction) -> bool {
        self.input(kind).is_some_and(|input| match action {
            InputAction::Read => input.read,
            InputAction::Subscribe | InputAction::Unsubscribe => input.subscribe,
        })
    }

    fn required(&self, kind: OutputKind) -> Result<&Output, Error> {
        self.output(kind).ok_or_else(|| Error::NoSuchOutput { device: self.name_for_people(), kind })
    }

    fn input_request(&self, kind: InputKind, action: InputAction) -> Result<Request, Error> {
        match self.input(kind) {
            Some(input) if self.can(kind, action) => Ok(Request::Input(InputRequest {
                device: self.device.index(),
                feature: self.index(),
                kind,
                action,
                echo: Echo { spelling: input.spelling, ..Echo::default() },
            })),
            _ => Err(Error::NoSuchInput {
                device: self.name_for_people(),
                kind,
                wish: if action == InputAction::Read { "read" } else { "subscribed to" },
            }),
        }
    }

    fn name_for_people(&self) -> String {
        format!("feature {} of {}", self.index(), self.device.label())
    }

    fn definition(&self) -> Option<&frisson_wire::Feature> {
        self.device.definition().features.get(self.at)
    }
}

/// The checked command that sets an output of a feature.
pub(crate) fn set(feature: u32, output: &Output, level: Level) -> Result<OutputCommand, Error> {
    if output.kind == OutputKind::HwPositionWithDuration {
        return Err(Error::DurationMissing);
    }
    Ok(OutputCommand { feature, kind: output.kind, value: level.steps_of(output)?, duration: None })
}

/// The checked command that moves to a position within a time.
pub(crate) fn glide(
    feature: u32,
    output: &Output,
    level: Level,
    duration: Duration,
) -> Result<OutputCommand, Error> {
    let value = level.steps_of(output)?;
    let range = output.duration.unwrap_or(Range::new(0, u32::MAX));
    match u32::try_from(duration.as_millis()) {
        Ok(ms) if range.contains(ms) => {
            Ok(OutputCommand { feature, kind: output.kind, value, duration: Some(ms) })
        }
        _ => Err(Error::DurationOutOfRange { duration, range }),
    }
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feature")
            .field("device", &self.device.label())
            .field("index", &self.index())
            .field("description", &self.description())
            .finish_non_exhaustive()
    }
}
