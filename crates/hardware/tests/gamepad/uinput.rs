//! The pads of Linux through the kernel: a pad that is made up with uinput.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use evdev::uinput::VirtualDevice;
use evdev::{
    AttributeSet, BusType, EventSummary, FFEffectCode, FFEffectKind, InputEvent, InputId, KeyCode, UInputCode,
};
use frisson_hardware::gamepad::{GamepadBus, Native};
use frisson_hardware::{Found, Port, Scanner};
use frisson_program::Endpoint;

use super::within;

const NAME: &str = "Frisson Test Pad";

/// What the kernel tells the driver of a pad.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// An effect has these magnitudes, and lasts so many milliseconds.
    Effect(u16, u16, u16),
    /// The effect is played so many times.
    Play(i32),
    /// The effect is not needed any more.
    Erase,
}

/// Makes a pad up, if this machine can; else says why not.
fn make_up() -> Result<Receiver<Told>, String> {
    let mut keys = AttributeSet::<KeyCode>::new();
    keys.insert(KeyCode::BTN_SOUTH);
    let mut effects = AttributeSet::<FFEffectCode>::new();
    effects.insert(FFEffectCode::FF_RUMBLE);
    let pad = VirtualDevice::builder().and_then(|builder| {
        let builder = builder.name(NAME).input_id(InputId::new(BusType::BUS_USB, 0x1234, 0x5678, 1));
        builder.with_keys(&keys)?.with_ff(&effects)?.with_ff_effects_max(4).build()
    });
    let pad = pad.map_err(|error| format!("no pad can be made up with /dev/uinput: {error}"))?;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut pad = pad;
        loop {
            let events: Vec<InputEvent> = pad.fetch_events().expect("a device of our own").collect();
            for event in events {
                let told = match event.destructure() {
                    EventSummary::UInput(event, UInputCode::UI_FF_UPLOAD, _) => {
                        let mut upload = pad.process_ff_upload(event).expect("an effect");
                        upload.set_effect_id(0);
                        upload.set_retval(0);
                        let effect = upload.effect();
                        match effect.kind {
                            FFEffectKind::Rumble { strong_magnitude, weak_magnitude } => {
                                Told::Effect(strong_magnitude, weak_magnitude, effect.replay.length)
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                    EventSummary::UInput(event, UInputCode::UI_FF_ERASE, _) => {
                        pad.process_ff_erase(event).expect("an effect").set_retval(0);
                        Told::Erase
                    }
                    EventSummary::ForceFeedback(_, _, count) => Told::Play(count),
                    _ => continue,
                };
                if tell.send(told).is_err() {
                    return;
                }
            }
        }
    });
    Ok(told)
}

#[tokio::test]
async fn a_made_up_pad_is_found_told_to_rumble_and_brought_to_rest() {
    let told = match make_up() {
        Ok(told) => told,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let next = || told.recv_timeout(Duration::from_secs(10)).expect("the kernel tells something");
    let mut bus = GamepadBus::new(Native::default());
    bus.scan(true);
    let sighting = loop {
        match within(bus.next()).await {
            Found::Device(sighting) if sighting.name == NAME => break sighting,
            _ => {}
        }
    };
    let mut opening = bus.connect(&sighting, Vec::new());
    let port: Box<dyn Port> = match within(&mut opening).await {
        Ok(port) => port,
        Err(reason) => return println!("skipped: the made-up pad cannot be opened: {reason}"),
    };
    within(port.write(Endpoint::TX, &[0, 0x80, 0xFF, 0xFF, 0, 0, 0, 0], false)).await.expect("a pad");
    assert_eq!([next(), next()], [Told::Effect(0x8000, 0xFFFF, 60_000), Told::Play(1)]);
    assert_eq!([next(), next()], [Told::Effect(0x8000, 0xFFFF, 60_000), Told::Play(1)], "it is repeated");
    within(port.close()).await;
    while next() != Told::Play(0) {}
}
