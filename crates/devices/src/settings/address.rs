//! Whether two addresses are those of the same hardware.

/// How well an address fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It names no bus, and is that of the hardware on its bus.
    AnyBus,
    /// With the bus.
    Whole,
}

/// Whether hardware that the hub knows under `hub`, which begins with the bus, is meant by an address of the settings.
pub(super) fn fit(own: &str, hub: &str) -> Option<Fit> {
    if same(own, hub) {
        return Some(Fit::Whole);
    }
    let (bus, address) = hub.split_once(':')?;
    if let Some(own) = own.strip_prefix(bus).and_then(|own| own.strip_prefix(':')) {
        return same(bare(own), bare(address)).then_some(Fit::Whole);
    }
    same(bare(own), bare(address)).then_some(Fit::AnyBus)
}

/// An address without what some systems write around it: `PeripheralId(…)`, or the path of an object with `dev_C0_FF_EE_00_00_01` in it.
pub(super) fn bare(address: &str) -> &str {
    let inside = address.trim().strip_prefix("PeripheralId(").and_then(|rest| rest.strip_suffix(')'));
    let inside = inside.unwrap_or(address.trim()).trim_matches('"');
    let device = inside.find("dev_").and_then(|at| inside.get(at + 4..at + 21));
    device.filter(|device| is_bluetooth(device)).unwrap_or(inside)
}

/// Six pairs of digits.
fn is_bluetooth(address: &str) -> bool {
    let mut parts = 0;
    let pairs = address.split([':', '_', '-']).inspect(|_| parts += 1);
    pairs
        .fold(true, |all, pair| all && pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit()))
        && parts == 6
}

/// Case matters, and what stands between the digits, except where the whole is a number of the hardware's.
fn same(one: &str, other: &str) -> bool {
    let digits = |text: &str| -> String {
        text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
    };
    let is_uuid = |text: &str| {
        text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    };
    let both = |is: &dyn Fn(&str) -> bool| is(one) && is(other);
    one == other || ((both(&is_bluetooth) || both(&is_uuid)) && digits(one) == digits(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_bus_is_meant_on_every_bus() {
        assert_eq!(fit("serial:COM7", "serial:COM7"), Some(Fit::Whole));
        assert_eq!(fit("COM7", "serial:COM7"), Some(Fit::AnyBus));
        assert_eq!(fit("COM7", "ble:COM7"), Some(Fit::AnyBus));
        assert_eq!(fit("ble:COM7", "serial:COM7"), None);
        assert_eq!(fit("COM", "serial:COM7"), None);
        assert_eq!(fit("7", "serial:COM:7"), None);
    }

    #[test]
    fn numbers_of_hardware_are_the_same_in_either_case_and_nothing_else_is() {
        assert_eq!(fit("c0:ff:ee:00:00:01", "ble:C0:FF:EE:00:00:01"), Some(Fit::AnyBus));
        assert_eq!(fit("ble:c0:ff:ee:00:00:01", "ble:C0:FF:EE:00:00:01"), Some(Fit::Whole));
        let uuid = "0f1e2d3c-0000-4000-8000-00000000abcd";
        assert_eq!(fit(&uuid.to_uppercase(), &format!("ble:{uuid}")), Some(Fit::AnyBus));
        assert_eq!(fit("/dev/ttyusb0", "serial:/dev/ttyUSB0"), None);
    }

    #[test]
    fn what_systems_write_around_an_address_is_taken_off() {
        for text in [
            "C0_FF_EE_00_00_01",
            "PeripheralId(C0:FF:EE:00:00:01)",
            "hci0/dev_C0_FF_EE_00_00_01",
            "PeripheralId(DeviceId { object_path: Path(\"/org/bluez/hci0/dev_C0_FF_EE_00_00_01\\0\") })",
        ] {
            assert_eq!(fit(text, "ble:C0:FF:EE:00:00:01"), Some(Fit::AnyBus), "{text}");
            assert_eq!(fit(text, "ble:hci1/dev_C0_FF_EE_00_00_01"), Some(Fit::AnyBus), "{text}");
        }
        assert_eq!(bare("PeripheralId(dev_ä)"), "dev_ä");
    }
}
