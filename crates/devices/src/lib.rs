//! The catalogue of device protocols: which program drives which device.
//!
//! A [`Catalogue`] is asked with a sighting and answers with a [`Match`], which makes a fresh [`Program`](frisson_program::Program) for each
//! connection. What kinds of simulated devices there are stands in [`simulated`].
//!
//! ```
//! use frisson_devices::Catalogue;
//! use frisson_devices::simulated::SimulatedList;
//!
//! let list: SimulatedList = "stroker, 1vibe:2".parse()?;
//! let catalogue = Catalogue::built_in();
//! for device in list.iter() {
//!     let found = catalogue.find(&device.sighting()).expect("simulated devices are built in");
//!     assert_eq!(found.protocol(), "simulated");
//! }
//! # Ok::<(), frisson_devices::simulated::ListError>(())
//! ```

mod catalogue;
pub mod coded;
mod index;
pub mod settings;
pub mod simulated;

pub use catalogue::{AssignError, Catalogue, Connection, Match};
