//! Bluetooth LE as it is built for Linux, against a fake BlueZ on a D-Bus of its own. Needs dbus-daemon (Debian: the package dbus-daemon).
#![cfg(all(target_os = "linux", feature = "bluetooth-le"))]
#![allow(unreachable_pub)]

mod bus;
mod fake;
mod finding;
mod links;
mod server;
mod support;
mod world;
