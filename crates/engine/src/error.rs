//! What can be wrong with a request that was understood, and its one mapping to the wire's codes.

use frisson_wire::{ErrorCode, Fault};

/// Why the server does not do what a client asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The handshake has to come first.
    #[error("the session has not begun: send RequestServerInfo first")]
    NoHandshake,
    /// The session has a handshake already.
    #[error("the session has begun already: RequestServerInfo can be sent only once")]
    SecondHandshake,
    /// The session has been ended by the client.
    #[error("the session has ended: nothing can be asked after Disconnect")]
    AfterDisconnect,
    /// No ping in time.
    #[error("no Ping within {0} ms")]
    PingTimeout(u128),
    /// The echo that is not one (spec v0 and v1, `Test`).
    #[error("a Test with the text Error is answered with an error")]
    TestError,
    /// No back end is in use.
    #[error("no bus to scan is in use; start the server with hardware, or with simulated devices")]
    NothingToScan,
    /// The server is about to end.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// No such device.
    #[error("no device with index {0}")]
    NoDevice(u32),
    /// No such feature.
    #[error("device {device} has no feature {feature}")]
    NoFeature {
        /// The device's index.
        device: u32,
        /// The feature's index.
        feature: u32,
    },
    /// The device is about to be closed.
    #[error("device {device} is being closed: {reason}")]
    Dismissed {
        /// The device's index.
        device: u32,
        /// Why.
        reason: String,
    },
    /// The emergency stop is in force.
    #[error("the emergency stop is in force: nothing moves until it is released")]
    EmergencyStop,
    /// Another client drives it, and the server is set to let the first one keep it.
    #[error(
        "feature {feature} of device {device} is driven by another client, and the server is set to exclusive use"
    )]
    InUse {
        /// The device's index.
        device: u32,
        /// The feature's index.
        feature: u32,
    },
    /// The hardware did not do it.
    #[error("device {device}: {reason}")]
    Hardware {
        /// The device's index.
        device: u32,
        /// What happened.
        reason: String,
    },
    /// A stop that has not been written in time; it stays due.
    #[error("the stop has not reached the device within 1 s; the server keeps trying")]
    StopPending,
    /// Too many requests wait for hardware.
    #[error("more than {0} requests of this client wait for their devices")]
    TooManyWaiting(usize),
    /// What the wire says of a request.
    #[error(transparent)]
    Wire(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NoHandshake | Error::SecondHandshake | Error::AfterDisconnect => ErrorCode::Init,
            Error::PingTimeout(_) => ErrorCode::Ping,
            Error::TestError => ErrorCode::Message,
            Error::NothingToScan | Error::ShuttingDown => ErrorCode::Unknown,
            Error::NoDevice(_)
            | Error::NoFeature { .. }
            | Error::Dismissed { .. }
            | Error::EmergencyStop
            | Error::InUse { .. }
            | Error::Hardware { .. }
            | Error::StopPending
            | Error::TooManyWaiting(_) => ErrorCode::Device,
            Error::Wire(fault) => return fault.clone(),
        };
        Fault::new(code, error.to_string())
    }
}
