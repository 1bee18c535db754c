//! What a protocol says about the link to its devices.

use crate::{Endpoint, Parity, Service, Uuid};

/// What has to be known to open a device. A bus takes what is its own and leaves the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectPlan {
    /// Bluetooth LE: the services of all generations of the hardware. A device has some of them, at least one.
    pub services: Vec<Service>,
    /// How a serial port is set.
    pub serial: SerialSettings,
}

/// How a serial port is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SerialSettings {
    /// Bits per second.
    pub baud_rate: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

impl Default for SerialSettings {
    /// 115200 8N1.
    fn default() -> Self {
        Self { baud_rate: 115_200, data_bits: 8, parity: Parity::None, stop_bits: 1 }
    }
}

/// An endpoint that a connected Bluetooth LE device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its service.
    pub service: Uuid,
    /// Its characteristic.
    pub characteristic: Uuid,
}

impl ConnectPlan {
    /// Whether something has to be found on a Bluetooth LE device for this plan.
    pub fn needs_services(&self) -> bool {
        self.services.iter().any(|service| !service.endpoints.is_empty())
    }

    /// The endpoints that a Bluetooth LE device has, given what it was found to have: pairs of a service and one of its characteristics.
    /// Where two generations of hardware use one name for an endpoint, the one that is listed first is meant.
    pub fn locate(&self, has: impl Fn(Uuid, Uuid) -> bool) -> Vec<Located> {
        let mut located: Vec<Located> = Vec::new();
        for service in &self.services {
            for &(endpoint, characteristic) in &service.endpoints {
                let is_new = located.iter().all(|other| other.endpoint != endpoint);
                if is_new && has(service.uuid, characteristic) {
                    located.push(Located { endpoint, service: service.uuid, characteristic });
                }
            }
        }
        located
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Uuid = Uuid(1);
    const NEW: Uuid = Uuid(2);
    const SENDS: Uuid = Uuid(3);
    const HEARS: Uuid = Uuid(4);

    fn plan() -> ConnectPlan {
        let endpoints = vec![(Endpoint::TX, SENDS), (Endpoint::RX, HEARS)];
        let services = [OLD, NEW].map(|uuid| Service { uuid, endpoints: endpoints.clone() });
        ConnectPlan { services: services.into(), ..ConnectPlan::default() }
    }

    fn names(plan: &ConnectPlan, has: &[(Uuid, Uuid)]) -> Vec<(String, Uuid)> {
        let located = plan.locate(|service, characteristic| has.contains(&(service, characteristic)));
        located.into_iter().map(|one| (one.endpoint.to_string(), one.service)).collect()
    }

    #[test]
    fn a_device_has_the_endpoints_of_its_generation() {
        let tx_and_rx = |service| vec![("tx".to_owned(), service), ("rx".to_owned(), service)];
        assert_eq!(names(&plan(), &[(OLD, SENDS), (OLD, HEARS)]), tx_and_rx(OLD));
        assert_eq!(names(&plan(), &[(NEW, HEARS), (NEW, SENDS)]), tx_and_rx(NEW));
        assert_eq!(names(&plan(), &[(NEW, SENDS)]), [("tx".to_owned(), NEW)]);
        assert_eq!(names(&plan(), &[(SENDS, OLD)]), []);
    }

    #[test]
    fn of_an_endpoint_that_is_there_twice_the_first_listed_counts() {
        assert_eq!(names(&plan(), &[(NEW, SENDS), (OLD, SENDS)]), [("tx".to_owned(), OLD)]);
    }
}
