//! What goes over the wire, message by message; `w` and a number in a name is that point of `wire.md` section 9.

mod client;
mod commands;
mod devices;
mod examples;
mod framing;
mod handshake;
mod newest;
mod properties;
mod rules;
mod sensors;
mod support;
