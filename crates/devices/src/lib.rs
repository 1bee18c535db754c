//! What is known of haptic devices: which program drives which device, and what its user has set for it.
//!
//! A [`Catalogue`] of device files, built in and the user's own, is asked with a sighting and answers with a [`Match`], which makes a fresh
//! [`Program`](frisson_program::Program) for each connection. Names, indices, limits and permissions of single devices are [`settings`], into which
//! other servers' configurations can be imported; the kinds of simulated devices are in [`simulated`].
//!
//! ```
//! use frisson_devices::Catalogue;
//! use frisson_devices::settings::{Settings, Verdict};
//! use frisson_program::{Bus, Sighting};
//!
//! let catalogue = Catalogue::built_in();
//! let seen = Sighting::new(Bus::BluetoothLe, "C0:FF:EE:00:00:01", "LVS-A011");
//! let found = catalogue.find(&seen).expect("a name of this protocol");
//! assert_eq!(found.protocol(), "lovense");
//!
//! let file = "format = 1\n[[device]]\naddress = 'ble:C0:FF:EE:00:00:01'\ndeny = true\n";
//! let (settings, _) = Settings::parse(file, "settings.toml").map_err(|wrong| wrong[0].clone())?;
//! assert_ne!(settings.is_allowed(&seen.key(), Some(found.protocol()), None), Verdict::Allowed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
pub mod coded;
mod index;
pub mod settings;
pub mod simulated;

pub use catalogue::{AssignError, Catalogue, Connection, Match};
