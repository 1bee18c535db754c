//! What published clients have been recorded to say is understood, and answered as they expect.

use std::fs;
use std::path::Path;

use std::time::Duration;

use frisson_testkit::{Setup, TestDevice, Transcript, VirtualServer};

/// The devices that the recordings were made with.
fn devices() -> [TestDevice; 3] {
    let device = |address: &str, name: &str| TestDevice {
        name: name.to_owned(),
        gap: Duration::from_millis(100),
        ..TestDevice::named(address).expect("a known device")
    };
    [device("V", "Simulated Vibrator"), device("B", "Simulated Rabbit"), device("L", "Simulated Stroker")]
}

#[test]
fn recorded_clients_get_the_recorded_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/clients");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("recordings") {
        let file = entry.expect("an entry").path();
        let text = fs::read_to_string(&file).expect("a recording");
        assert!(!text.contains(r#""Error""#), "{}: a recorded client was refused", file.display());
        let transcript: Transcript =
            text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut setup = Setup::default();
        setup.config.server_name = "Stand-in".to_owned();
        let mut server = VirtualServer::new(setup);
        for device in devices() {
            server.plug(device);
        }
        server.play(&transcript).unwrap_or_else(|mismatch| panic!("{}: {mismatch}", file.display()));
        server.advance(Duration::from_secs(1));
        for device in devices() {
            assert!(server.hardware(&device.address).is_at_rest(), "{}: {}", file.display(), device.name);
        }
        count += 1;
    }
    assert!(count >= 12, "{count} recordings");
}
