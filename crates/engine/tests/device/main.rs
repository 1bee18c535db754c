//! The device machine in virtual time: a scripted link, a device that speaks in plain text, and no clock.

mod bench;
mod changes;
mod closing;
mod failures;
mod follow_ups;
mod greeting;
mod inputs;
mod keepalive;
mod limits;
mod pacing;
mod positions;
mod properties;
mod stops;
