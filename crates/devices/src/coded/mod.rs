//! Protocols that are Rust because data cannot say them.

pub(crate) mod simulated;
