//! The bus of gamepads: lists them, and opens them.

use std::collections::BTreeMap;
use std::sync::Arc;

use frisson_program::{Bus, ConnectPlan, Sighting};

use super::port::PadPort;
use super::{Info, PadError, System};
use crate::polled::{List, Lister, Polled};
use crate::{BoxFuture, Found, Outcome, Port, PortError, Scanner};

/// Finds gamepads with motors.
pub struct GamepadBus {
    polled: Polled<Pads>,
}

/// The pads that a system gives access to.
struct Pads(Arc<dyn System>);

impl GamepadBus {
    /// The pads that a system gives access to.
    pub fn new(system: impl System) -> Self {
        Self { polled: Polled::new(Bus::Gamepad.name(), Pads(Arc::new(system))) }
    }
}

impl Lister for Pads {
    type Info = Info;

    fn list(&self) -> Result<List<Info>, String> {
        let infos = self.0.list().map_err(|error| format!("gamepad: {error}"))?;
        Ok(address(infos).into_iter().map(|(address, info)| (sighting(&address, &info), info)).collect())
    }
}

fn sighting(address: &str, info: &Info) -> Sighting {
    let name = if info.name.is_empty() { "Gamepad" } else { &info.name };
    Sighting { ids: info.ids, capabilities: info.capabilities, ..Sighting::new(Bus::Gamepad, address, name) }
}

/// Gives every pad with motors its address.
fn address(mut infos: Vec<Info>) -> BTreeMap<String, Info> {
    infos.retain(|info| info.capabilities.rumble || info.capabilities.trigger_rumble);
    infos.sort_by(|a, b| a.path.cmp(&b.path));
    let mut addressed = BTreeMap::new();
    for info in infos {
        let address = match info.address.as_str() {
            "" => info.path.clone(),
            own if addressed.contains_key(own) => format!("{own}@{}", info.path),
            own => own.to_owned(),
        };
        addressed.insert(address, info);
    }
    addressed
}

impl Scanner for GamepadBus {
    fn name(&self) -> &'static str {
        Bus::Gamepad.name()
    }

    fn scan(&mut self, on: bool) {
        self.polled.scan(on);
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(self.polled.next())
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let info = self.polled.info(&sighting.address);
        let claim = self.polled.claim(&sighting.address);
        let system = Arc::clone(&self.polled.lister().0);
        Box::pin(async move {
            let claim = claim?;
            let info = info.ok_or_else(|| PortError::Gone(PadError::Gone.to_string()))?;
            Ok(Box::new(PadPort::open(system, info, claim).await?) as Box<dyn Port>)
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        self.polled.outcome(&sighting.address, outcome);
    }
}

#[cfg(test)]
mod tests {
    use frisson_program::Capabilities;

    use super::*;

    fn info(path: &str, address: &str, rumble: bool) -> Info {
        let capabilities = Capabilities { rumble, ..Capabilities::default() };
        Info { path: path.to_owned(), address: address.to_owned(), capabilities, ..Info::default() }
    }

    #[test]
    fn pads_without_motors_are_not_offered_and_no_address_is_given_twice() {
        let infos = vec![
            info("c", "", true),
            info("b", "usb-1", true),
            info("a", "usb-1", true),
            info("d", "x", false),
        ];
        let addresses: Vec<_> =
            address(infos).into_iter().map(|(address, info)| (address, info.path)).collect();
        let expected = [("c", "c"), ("usb-1", "a"), ("usb-1@b", "b")];
        assert_eq!(addresses, expected.map(|(address, path)| (address.to_owned(), path.to_owned())));
    }

    #[test]
    fn a_pad_without_a_name_has_one_all_the_same() {
        assert_eq!(sighting("a", &info("a", "", true)).name, "Gamepad");
    }
}
