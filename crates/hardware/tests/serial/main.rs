//! Serial ports, with pseudo-terminals in their place.
#![cfg(all(unix, feature = "serial"))]

mod links;
mod pty;
mod scans;
