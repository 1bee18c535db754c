//! The bus of human interface devices: lists them, and opens those that a protocol recognises.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use frisson_program::{Bus, ConnectPlan, Sighting};

use super::{HidError, HidPort, Info, SYSTEM_LIMIT, System};
use crate::detached::detached;
use crate::polled::{List, Lister, Polled};
use crate::{BoxFuture, Found, Outcome, Port, PortError, Scanner};

/// Finds human interface devices.
pub struct HidBus {
    polled: Polled<Devices>,
}

/// The devices that a system gives access to.
struct Devices(Arc<dyn System>);

impl HidBus {
    /// The devices that a system gives access to.
    pub fn new(system: impl System) -> Self {
        Self { polled: Polled::new(Bus::Hid.name(), Devices(Arc::new(system))) }
    }
}

impl Lister for Devices {
    type Info = Info;

    fn list(&self) -> Result<List<Info>, String> {
        let infos = self.0.list().map_err(|error| format!("hid: {error}"))?;
        Ok(address(infos).into_iter().map(|(address, info)| (sighting(&address, &info), info)).collect())
    }
}

fn sighting(address: &str, info: &Info) -> Sighting {
    let name = match info.name.is_empty() {
        false => info.name.clone(),
        true => format!("HID device {:04x}:{:04x}", info.vendor, info.product),
    };
    Sighting { ids: Some((info.vendor, info.product)), ..Sighting::new(Bus::Hid, address, name) }
}

/// Gives every device its address. Of several interfaces of one piece of hardware the one is taken that is the maker's own, else the first.
fn address(mut infos: Vec<Info>) -> BTreeMap<String, Info> {
    let rank = |info: &Info| (info.usage.0 < 0xFF00, info.interface, info.usage);
    let hardware = |info: &Info| (info.vendor, info.product, info.serial.clone());
    let mut best = BTreeMap::new();
    for info in infos.iter().filter(|info| !info.serial.is_empty()) {
        let least = best.entry(hardware(info)).or_insert_with(|| rank(info));
        *least = rank(info).min(*least);
    }
    infos.retain(|info| best.get(&hardware(info)).is_none_or(|best| rank(info) == *best));
    infos.sort_by(|a, b| a.path.cmp(&b.path));
    let mut taken = BTreeSet::new();
    let addressed = infos.into_iter().map(|info| {
        let address = match info.serial.as_str() {
            "" => info.path.clone(),
            // Some makers give all their devices the same number.
            serial if taken.contains(serial) => format!("{serial}@{}", info.path),
            serial => serial.to_owned(),
        };
        taken.insert(address.clone());
        (address, info)
    });
    addressed.collect()
}

impl Scanner for HidBus {
    fn name(&self) -> &'static str {
        Bus::Hid.name()
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
            let info = info.ok_or_else(|| PortError::Gone(HidError::Gone.to_string()))?;
            // Whoever does not wait for it any more has it closed.
            let opening = move || match system.open(&info) {
                Ok(link) => HidPort::new(link, claim),
                Err(error) => Err(PortError::Failed(error.to_string())),
            };
            let port = detached("hid open", SYSTEM_LIMIT, opening).await?;
            Ok(Box::new(port) as Box<dyn Port>)
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        self.polled.outcome(&sighting.address, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(path: &str, serial: &str, interface: i32, page: u16) -> Info {
        let (path, serial) = (path.to_owned(), serial.to_owned());
        Info { path, serial, interface, usage: (page, 1), vendor: 0x1234, product: 0x5678, ..Info::default() }
    }

    fn addresses(infos: Vec<Info>) -> Vec<(String, String)> {
        address(infos).into_iter().map(|(address, info)| (address, info.path)).collect()
    }

    fn pair(address: &str, path: &str) -> (String, String) {
        (address.to_owned(), path.to_owned())
    }

    #[test]
    fn the_address_is_the_serial_number_or_else_the_path() {
        let found = addresses(vec![info("/dev/hidraw0", "A7", 0, 1), info("/dev/hidraw1", "", 0, 1)]);
        assert_eq!(found, [pair("/dev/hidraw1", "/dev/hidraw1"), pair("A7", "/dev/hidraw0")]);
    }

    #[test]
    fn of_the_interfaces_of_one_device_the_makers_own_is_taken() {
        let keys = info("/dev/hidraw0", "A7", 0, 1);
        let own = info("/dev/hidraw1", "A7", 1, 0xFF00);
        assert_eq!(addresses(vec![keys.clone(), own]), [pair("A7", "/dev/hidraw1")]);
        let second = info("/dev/hidraw2", "A7", 1, 1);
        assert_eq!(addresses(vec![second, keys]), [pair("A7", "/dev/hidraw0")]);
    }

    #[test]
    fn two_devices_of_one_serial_number_have_two_addresses() {
        let found = addresses(vec![info("/dev/hidraw4", "1", 0, 1), info("/dev/hidraw3", "1", 0, 1)]);
        assert_eq!(found, [pair("1", "/dev/hidraw3"), pair("1@/dev/hidraw4", "/dev/hidraw4")]);
    }

    #[test]
    fn a_device_without_a_product_text_has_a_name_all_the_same() {
        assert_eq!(sighting("a", &info("a", "", 0, 1)).name, "HID device 1234:5678");
    }
}
