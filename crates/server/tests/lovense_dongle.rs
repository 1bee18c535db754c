//! A toy behind the Lovense dongle, driven by the protocol that is in the catalogue, from a client's scan to the dongle's being unplugged.
#![cfg(all(feature = "lovense-dongle", feature = "websocket", feature = "simulated"))]

#[path = "../../hardware/tests/lovense_dongle/dongle.rs"]
mod dongle;
mod support;

use dongle::{Dongle, TOY, Usb};
use frisson_server::Server;
use frisson_server::hardware::lovense_dongle::{LovenseDongle, Options};
use frisson_testkit::wire::Dialect;
use support::*;

/// Waits until the dongle was told this for its toy.
async fn until_told(dongle: &Dongle, text: &str) {
    let command = format!(r#"{{"type":"toy","func":"command","id":"{TOY}","cmd":"{text}"}}"#);
    within(async {
        while dongle.told().last() != Some(&command) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_toy_behind_the_dongle_is_found_driven_stopped_and_lost() {
    let usb = Usb::default();
    let dongle = usb.plug();
    let bus = LovenseDongle::new(usb.clone(), Options::default());
    let server = Server::builder().scanner(bus).start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#).await;
    let mut frames = [app.frame().await, app.frame().await];
    frames.sort();
    assert!(frames[0].contains(r#""DeviceName":"Lovense Lush""#), "{frames:?}");
    assert_eq!(frames[1], r#"[{"ScanningFinished":{"Id":0}}]"#);

    app.ok(&vibrate(0, 10)).await;
    until_told(&dongle, "Vibrate:10;").await;
    app.ok(r#"[{"StopCmd":{"Id":7}}]"#).await;
    until_told(&dongle, "Vibrate:0;").await;

    usb.unplug();
    assert_eq!(app.frame().await, r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#);
}
