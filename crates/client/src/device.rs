//! Handles to devices.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frisson_wire::{
    InputAction, InputKind, Output, OutputCommand, OutputKind, OutputRequest, Profile, Reply, Request, Scope,
    StopRequest,
};
use smallvec::{SmallVec, smallvec};

use crate::error::Error;
use crate::feature::{self, Feature};
use crate::handle::{Answer, Handle};
use crate::level::Level;

/// A device that the server has connected.
///
/// A handle is cheap to clone, and valid until the device's
/// [`DeviceRemoved`](crate::Event::DeviceRemoved); after that its methods fail with [`Error::DeviceGone`]. A device
/// that comes back is a new [`DeviceAdded`](crate::Event::DeviceAdded) with new handles. After a reconnect a device
/// that is still there, under its index and with the same features, was never removed: its handles go on to work.
///
/// Handles do not keep the connection open: dropping the last [`Client`](crate::Client) ends it.
///
/// Methods that set an output set *every* output of that kind on the device. All of them are checked before the
/// first is sent. A level is given as [`Percent`](crate::Percent) or [`Steps`](crate::Steps).
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/rabbit.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let address = rabbit();
/// use frisson_client::{Client, OutputKind, Percent};
///
/// let client = Client::connect("My game", address).await?;
/// for device in client.devices() {
///     println!("{} has {} features", device.label(), device.features().len());
///     if device.has_output(OutputKind::Vibrate) {
///         device.vibrate(Percent(30.0)).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

struct Inner {
    profile: Arc<Profile>,
    gone: AtomicBool,
    handle: Handle,
}

impl Device {
    pub(crate) fn new(profile: Arc<Profile>, handle: Handle) -> Self {
        Self { inner: Arc::new(Inner { profile, gone: AtomicBool::new(false), handle }) }
    }

    /// The number that the server gave the device. The same hardware keeps it.
    pub fn index(&self) -> u32 {
        self.definition().index
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        &self.definition().name
    }

    /// The name that the user gave this piece, if any.
    pub fn display_name(&self) -> Option<&str> {
        self.definition().display_name.as_deref()
    }

    /// What to call the device: the user's name for it, else the name of the model.
    pub fn label(&self) -> &str {
        self.display_name().unwrap_or(self.name())
    }

    /// The least time between two commands that reach the device; what comes faster is merged by the server, the
    /// newest value wins. Zero is no limit.
    pub fn message_gap(&self) -> Duration {
        Duration::from_millis(self.definition().gap_ms.into())
    }

    /// What the device does and senses, in the order of the index.
    pub fn features(&self) -> Vec<Feature> {
        (0..self.definition().features.len()).map(|at| Feature::new(self.clone(), at)).collect()
    }

    /// The feature with this index.
    pub fn feature(&self, index: u32) -> Option<Feature> {
        let at = self.definition().features.iter().position(|feature| feature.index == index)?;
        Some(Feature::new(self.clone(), at))
    }

    /// Whether any feature has an output of this kind.
    pub fn has_output(&self, kind: OutputKind) -> bool {
        self.definition().features.iter().any(|feature| feature.output(kind).is_some())
    }

    /// Whether any feature has an input of this kind.
    pub fn has_input(&self, kind: InputKind) -> bool {
        self.definition().features.iter().any(|feature| feature.input(kind).is_some())
    }

    /// Whether this handle can be used: the device was not removed, and the connection has not ended for good.
    pub fn is_connected(&self) -> bool {
        !self.is_gone() && self.inner.handle.ended().is_none()
    }

    /// Sets every output of this kind.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchOutput`] if there is none. [`Error::PercentOutOfRange`] or [`Error::StepsOutOfRange`] if it
    /// does not fit one of them; nothing was sent then. [`Error::DurationMissing`] for
    /// [`OutputKind::HwPositionWithDuration`]. The first error that the server answers with, and those that every
    /// request can have: [`Error::DeviceGone`], [`Error::Disconnected`], [`Error::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// The commands are on their way once the future was polled; dropping it later only leaves their answers
    /// unread.
    pub async fn set(&self, kind: OutputKind, level: impl Into<Level>) -> Result<(), Error> {
        let level = level.into();
        self.command(kind, |index, output| feature::set(index, output, level)).await
    }

    /// Lets every vibration motor vibrate. Errors and cancel safety: see [`set`](Self::set).
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

    /// Lets everything that rotates rotate; a negative speed is counter-clockwise where the device can do both.
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

    /// Lets everything that goes back and forth do so at this speed.
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

    /// Heats, or cools with a negative level where the device can do both.
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
        let level = position.into();
        let kind = OutputKind::HwPositionWithDuration;
        self.command(kind, |index, output| feature::glide(index, output, level, duration)).await
    }

    /// The battery's charge in percent.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchInput`] if there is no battery that can be read; else see [`Feature::read`].
    ///
    /// # Cancel safety
    ///
    /// See [`Feature::read`].
    pub async fn battery(&self) -> Result<u8, Error> {
        let kind = InputKind::Battery;
        let feature = self.features().into_iter().find(|feature| feature.can(kind, InputAction::Read));
        let Some(feature) = feature else {
            return Err(Error::NoSuchInput { device: self.label().into(), kind, wish: "read" });
        };
        let charge = feature.read(kind).await?;
        Ok(u8::try_from(charge.clamp(0, 100)).unwrap_or(100))
    }

    /// Brings every output of the device to rest. Subscriptions go on.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the device could not be stopped, and those that every request can have.
    ///
    /// # Cancel safety
    ///
    /// The command is on its way once the future was polled; dropping it later only leaves its answer unread.
    pub async fn stop(&self) -> Result<(), Error> {
        self.stop_in(Scope::Device(self.index()), false).await
    }

    /// Ends all of this client's subscriptions to the device. Outputs go on.
    ///
    /// # Errors
    ///
    /// Those that every request can have.
    ///
    /// # Cancel safety
    ///
    /// See [`stop`](Self::stop).
    pub async fn unsubscribe_all(&self) -> Result<(), Error> {
        self.stop_in(Scope::Device(self.index()), true).await
    }

    pub(crate) async fn stop_in(&self, scope: Scope, inputs: bool) -> Result<(), Error> {
        self.request(Request::Stop(StopRequest { scope, inputs, outputs: !inputs }))?.done().await
    }

    pub(crate) fn definition(&self) -> &frisson_wire::Device {
        self.inner.profile.device()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.inner.gone.load(Ordering::Acquire)
    }

    pub(crate) fn remove(&self) {
        self.inner.gone.store(true, Ordering::Release);
    }

    pub(crate) fn gone(&self) -> Error {
        Error::DeviceGone { device: self.label().into() }
    }

    /// Sends a request about this device at once.
    pub(crate) fn request(&self, request: Request) -> Result<DeviceAnswer<'_>, Error> {
        if self.is_gone() && self.inner.handle.ended().is_none() {
            return Err(self.gone());
        }
        Ok(DeviceAnswer { device: self, answer: self.inner.handle.request(request) })
    }

    pub(crate) fn output(&self, command: OutputCommand) -> Result<DeviceAnswer<'_>, Error> {
        self.request(Request::Output(OutputRequest { device: self.index(), commands: smallvec![command] }))
    }

    /// Sends what `make` makes of each output of this kind, if it makes something of all of them.
    async fn command(
        &self,
        kind: OutputKind,
        make: impl Fn(u32, &Output) -> Result<OutputCommand, Error>,
    ) -> Result<(), Error> {
        let features = self.definition().features.iter();
        let commands: SmallVec<[_; 4]> = features
            .filter_map(|feature| Some(make(feature.index, feature.output(kind)?)))
            .collect::<Result<_, _>>()?;
        if commands.is_empty() {
            return Err(Error::NoSuchOutput { device: self.label().into(), kind });
        }
        let answers: SmallVec<[_; 4]> =
            commands.into_iter().map(|command| self.output(command)).collect::<Result<_, _>>()?;
        let mut result = Ok(());
        for answer in answers {
            result = result.and(answer.done().await);
        }
        result
    }
}

/// The answer to a request about a device, to come.
pub(crate) struct DeviceAnswer<'a> {
    device: &'a Device,
    answer: Answer,
}

impl DeviceAnswer<'_> {
    /// Waits for an `Ok`.
    pub(crate) async fn done(self) -> Result<(), Error> {
        let device = self.device;
        self.answer.done().await.map_err(|error| explain(device, error))
    }

    /// Waits for something else.
    pub(crate) async fn reply(self) -> Result<Reply, Error> {
        let device = self.device;
        self.answer.reply().await.map_err(|error| explain(device, error))
    }
}

/// A request that was under way when the device went away is answered by the server with an error like any other.
fn explain(device: &Device, error: Error) -> Error {
    match error {
        Error::Rejected { code: frisson_wire::ErrorCode::Device, .. } if device.is_gone() => device.gone(),
        other => other,
    }
}

/// Two handles are equal if they are to the same device and of the same time: one that was removed and came back is
/// another one.
impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Device {}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("index", &self.index())
            .field("label", &self.label())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
