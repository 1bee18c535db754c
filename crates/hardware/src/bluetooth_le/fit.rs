//! Which plan a connected device fits.

use frisson_program::{ConnectPlan, Located, Uuid};

use super::link::{Characteristic, Place};
use crate::PortError;

/// Services that many devices have whatever they are: generic access, generic attributes, device information, battery.
const COMMON: [Uuid; 4] = [standard(0x1800), standard(0x1801), standard(0x180a), standard(0x180f)];

/// The UUID of a service that the Bluetooth SIG has given a number.
const fn standard(number: u16) -> Uuid {
    Uuid(0x0000_0000_0000_1000_8000_0080_5f9b_34fb | (number as u128) << 96)
}

/// The first plan that fits a device, and the endpoints that the device has by it. That a device has a battery says nothing of what it is:
/// of a plan that names other services too, one of those has to be there.
pub(super) fn fit<H: Clone>(
    plans: &[ConnectPlan],
    characteristics: &[Characteristic<H>],
) -> Result<(usize, Vec<Place<H>>), PortError> {
    let find = |service, uuid| characteristics.iter().find(|one| one.service == service && one.uuid == uuid);
    for (number, plan) in plans.iter().enumerate() {
        let located = plan.locate(|service, uuid| find(service, uuid).is_some());
        let is_common = plan.services.iter().all(|service| COMMON.contains(&service.uuid));
        let fits = located.iter().any(|at| is_common || !COMMON.contains(&at.service));
        if fits || !plan.needs_services() {
            let place = |at: Located| {
                let Characteristic { handle, abilities, .. } = find(at.service, at.characteristic)?.clone();
                Some(Place { endpoint: at.endpoint, handle, abilities })
            };
            return Ok((number, located.into_iter().filter_map(place).collect()));
        }
    }
    let found = characteristics.iter().map(|characteristic| characteristic.service);
    Err(PortError::unfit(found, plans))
}

#[cfg(test)]
mod tests {
    use frisson_program::{Endpoint, Service};

    use super::super::link::Abilities;
    use super::*;

    fn plan(service: u128) -> ConnectPlan {
        let endpoints = vec![(Endpoint::TX, Uuid(1)), (Endpoint::RX, Uuid(2))];
        ConnectPlan { services: vec![Service { uuid: Uuid(service), endpoints }], ..ConnectPlan::default() }
    }

    fn has(service: u128, uuid: u128) -> Characteristic<u128> {
        let abilities = Abilities::default();
        Characteristic { service: Uuid(service), uuid: Uuid(uuid), handle: service + uuid, abilities }
    }

    #[test]
    fn the_first_plan_of_which_the_device_has_something_is_taken() {
        let (number, places) = fit(&[plan(10), plan(20), plan(30)], &[has(30, 1), has(20, 2)]).expect("fits");
        let endpoints: Vec<_> = places.iter().map(|place| (place.endpoint, place.handle)).collect();
        assert_eq!((number, endpoints), (1, vec![(Endpoint::RX, 22)]));
        let anything = ConnectPlan::default();
        assert_eq!(fit(&[plan(10), anything], &[has(30, 1)]).expect("fits").0, 1);
    }

    #[test]
    fn a_battery_alone_does_not_make_a_device_fit_unless_nothing_else_is_asked_for() {
        let battery = plan(COMMON[3].0);
        let mut toy = plan(10);
        toy.services.extend(battery.services.clone());
        let has_battery = has(COMMON[3].0, 2);
        assert_eq!(COMMON[3], "180f".parse().expect("a UUID"));
        assert!(fit(&[toy.clone()], std::slice::from_ref(&has_battery)).is_err());
        assert_eq!(fit(&[toy.clone(), battery], std::slice::from_ref(&has_battery)).expect("fits").0, 1);
        assert_eq!(fit(&[toy], &[has(10, 1), has_battery]).expect("fits").1.len(), 2);
    }

    #[test]
    fn a_device_that_fits_none_is_refused_with_what_it_has_and_what_was_expected() {
        let refused = fit(&[plan(10), plan(20)], &[has(30, 1), has(30, 2)]).expect_err("nothing fits");
        let text = format!("services found: {}; expected: {}, {}", Uuid(30), Uuid(10), Uuid(20));
        assert_eq!(refused, PortError::Unfit(text));
        let refused = fit::<()>(&[plan(10)], &[]).expect_err("nothing fits");
        assert_eq!(refused, PortError::Unfit(format!("services found: none; expected: {}", Uuid(10))));
    }
}
