//! The settings of a port in the system's terms, and why a port cannot be opened or used.

use std::io;

use frisson_program::{Parity, SerialSettings};
use serial2::{CharSize, FlowControl, Settings, StopBits};

use crate::PortError;

/// How settings are written for people: `115200 8N1`.
pub(super) fn text(settings: SerialSettings) -> String {
    let parity = match settings.parity {
        Parity::None => 'N',
        Parity::Odd => 'O',
        Parity::Even => 'E',
    };
    format!("{} {}{parity}{}", settings.baud_rate, settings.data_bits, settings.stop_bits)
}

/// Bytes as they are, without flow control, in this format.
pub(super) fn apply(wanted: SerialSettings, settings: &mut Settings) -> io::Result<()> {
    let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    settings.set_raw();
    settings.set_baud_rate(wanted.baud_rate)?;
    settings.set_char_size(match wanted.data_bits {
        5 => CharSize::Bits5,
        6 => CharSize::Bits6,
        7 => CharSize::Bits7,
        8 => CharSize::Bits8,
        other => return wrong(format!("there are 5 to 8 data bits, not {other}")),
    });
    settings.set_parity(match wanted.parity {
        Parity::None => serial2::Parity::None,
        Parity::Odd => serial2::Parity::Odd,
        Parity::Even => serial2::Parity::Even,
    });
    settings.set_stop_bits(match wanted.stop_bits {
        1 => StopBits::One,
        2 => StopBits::Two,
        other => return wrong(format!("there are 1 or 2 stop bits, not {other}")),
    });
    settings.set_flow_control(FlowControl::None);
    Ok(())
}

/// The port cannot be set like this.
pub(super) fn unsettable(port: &str, settings: SerialSettings, error: &io::Error) -> PortError {
    let settings = text(settings);
    PortError::Failed(format!("{port} cannot be set to {settings}, which its device file asks for: {error}"))
}

/// Another program has the port.
pub(super) fn busy(port: &str) -> PortError {
    let hint = if cfg!(target_os = "linux") {
        format!(
            "`fuser {port}` names it. ModemManager looks at a new port for some seconds and then lets go of it"
        )
    } else {
        "a serial monitor or another server, for example".to_owned()
    };
    PortError::Failed(format!("another program holds {port}; close it: {hint}"))
}

/// What Unix systems say of something that is no terminal.
const ENOTTY: i32 = 25;

/// Why a port cannot be opened.
pub(super) fn unopened(port: &str, error: &io::Error) -> PortError {
    match error.kind() {
        io::ErrorKind::NotFound => PortError::Gone(format!("there is no port {port}; is it plugged in?")),
        io::ErrorKind::ResourceBusy => busy(port),
        // Windows opens a port for one program only and says this to the next.
        io::ErrorKind::PermissionDenied if cfg!(windows) => busy(port),
        io::ErrorKind::PermissionDenied => PortError::Failed(format!(
            "this user may not open {port}: {}",
            if cfg!(target_os = "linux") {
                "add the user to the port's group and log in anew, e.g. `sudo usermod -aG dialout $USER` (on Arch Linux the \
                 group is uucp; `ls -l` shows it), or add a udev rule with TAG+=\"uaccess\", see docs/serial.md"
            } else {
                "change the permissions of the port, or run as a user who may"
            }
        )),
        _ if error.raw_os_error() == Some(ENOTTY) && cfg!(unix) => {
            PortError::Failed(format!("{port} is not a serial port"))
        }
        _ if is_unplugged(error) => {
            PortError::Gone(format!("{port} is there, but no device is behind it: {error}"))
        }
        _ => PortError::Failed(format!("{port} cannot be opened: {error}")),
    }
}

/// Why an open port does not work any more.
pub(super) fn fault(port: &str, error: Option<&io::Error>) -> PortError {
    match error {
        None => PortError::Gone(format!("{port} was unplugged")),
        Some(error) if is_unplugged(error) => PortError::Gone(format!("{port} was unplugged ({error})")),
        Some(error) => PortError::Failed(format!("{port}: {error}")),
    }
}

/// What systems say of a port whose hardware is gone.
fn is_unplugged(error: &io::Error) -> bool {
    const UNIX: [i32; 3] = [5, 6, 19]; // EIO, ENXIO, ENODEV
    const WINDOWS: [i32; 6] = [2, 5, 22, 31, 433, 1167]; // not found, denied, bad command, not functioning, no such device, not connected
    let known: &[i32] = if cfg!(windows) { &WINDOWS } else { &UNIX };
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::WriteZero | io::ErrorKind::UnexpectedEof
    ) || error.raw_os_error().is_some_and(|code| known.contains(&code))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use serial2::{KeepSettings, SerialPort};

    use super::*;

    #[test]
    fn every_setting_of_a_device_file_is_asked_of_the_system() {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("a readable name");
        let port = SerialPort::open(name, KeepSettings).expect("a port");
        let mut set = port.get_configuration().expect("settings");
        let mut read = |baud_rate, data_bits, parity, stop_bits| {
            apply(SerialSettings { baud_rate, data_bits, parity, stop_bits }, &mut set).expect("is possible");
            assert_eq!(set.get_flow_control().expect("one"), FlowControl::None);
            let sizes = (set.get_char_size().expect("one"), set.get_stop_bits().expect("one"));
            (set.get_baud_rate().expect("a rate"), sizes.0, set.get_parity().expect("one"), sizes.1)
        };
        let odd = read(19_200, 5, Parity::Odd, 2);
        assert_eq!(odd, (19_200, CharSize::Bits5, serial2::Parity::Odd, StopBits::Two));
        let even = read(250_000, 7, Parity::Even, 1);
        assert_eq!(even, (250_000, CharSize::Bits7, serial2::Parity::Even, StopBits::One));
        let none = read(115_200, 8, Parity::None, 1);
        assert_eq!(none, (115_200, CharSize::Bits8, serial2::Parity::None, StopBits::One));
        let wrong = SerialSettings { data_bits: 9, ..SerialSettings::default() };
        assert!(apply(wrong, &mut set).expect_err("9").to_string().contains("5 to 8 data bits, not 9"));
    }

    #[test]
    fn an_error_says_what_to_do() {
        let said = |code| unopened("/dev/ttyUSB0", &io::Error::from_raw_os_error(code)).to_string();
        let denied = said(13);
        assert!(denied.contains("this user may not open /dev/ttyUSB0"), "{denied}");
        if cfg!(target_os = "linux") {
            assert!(denied.contains("sudo usermod -aG dialout $USER") && denied.contains("udev"), "{denied}");
        }
        assert!(said(16).contains("another program holds /dev/ttyUSB0; close it"), "{}", said(16));
        assert!(said(5).contains("no device is behind it"), "{}", said(5));
    }
}
