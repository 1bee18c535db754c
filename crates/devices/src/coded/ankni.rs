//! Ankni, also sold as Roselex: some of them want to see that one knows the CRC of their address.

use crc::{CRC_16_XMODEM, Crc};
use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::{Setup, hex, padded};

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The length of every packet.
const LENGTH: usize = 20;

pub(super) struct Ankni {
    setup: Setup,
}

impl Ankni {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }

    /// Answers the challenge, if what the device calls its PnP ID is one.
    fn greet(&self, id: &[u8], cx: &mut Context<'_>) {
        match id.len() {
            6 => {
                let check = check(id);
                cx.write(Endpoint::TX, &[1; LENGTH], true);
                let mut packet = vec![1, 2];
                packet.resize(LENGTH - 2, check);
                cx.write(Endpoint::TX, &padded::<LENGTH>(&packet), true);
            }
            // A real PnP ID: the device wants no handshake.
            7.. => {}
            _ => {
                return cx.fail(format!(
                    "the device gave [{}] where its address of 6 bytes was expected, so its handshake cannot be answered",
                    hex(id)
                ));
            }
        }
        let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
            feature == 0
                && output.kind == OutputKind::Vibrate
                && (0..=255).contains(&output.value.min)
                && output.value.max <= 255
        });
        cx.ready(description);
    }
}

/// The part of the CRC over an address that the device wants to see.
pub(super) fn check(address: &[u8]) -> u8 {
    let mut crc = CRC.digest();
    crc.update(&[1]);
    crc.update(address);
    let [high, _] = crc.finalize().to_be_bytes();
    high
}

impl Program for Ankni {
    fn start(&mut self, cx: &mut Context<'_>) {
        match self.setup.endpoint("generic0") {
            Some(id) => cx.read(id),
            None => {
                cx.fail("the device has no PnP ID (2a50 in service 180a), with which its handshake begins")
            }
        }
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (operation, result) {
            _ if cx.is_ready() => {}
            (_, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Operation::Read { .. }, Ok(id)) => self.greet(id, cx),
            _ => {}
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            match u8::try_from(change.value) {
                Ok(level) => cx.write(Endpoint::TX, &padded::<LENGTH>(&[3, 0x12, level]), true),
                Err(_) => cx.fail(format!("{} is not a level that fits one byte", change.value)),
            }
        }
    }
}
