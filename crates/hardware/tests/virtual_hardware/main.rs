//! The channel of virtual hardware, sentence by sentence: a host at one end, the scanner and its ports at the other.
#![cfg(feature = "virtual-hardware")]

mod channel;
mod links;
mod losses;
mod presence;
mod support;
