//! Commands of versions 0 to 3 (`wire.md` sections 4.3 to 4.8 and 6).

use frisson_wire::{Dialect, OutputKind, Request, Scope, StopRequest};

use crate::support::{B, E, L, N, OLD, T, V, code, decode_in, decode_one, outputs, values, world};

use Dialect::{V0, V1, V2, V3, V4};

fn single_motor(device: u32, speed: &str) -> String {
    format!(r#"[{{"SingleMotorVibrateCmd":{{"Id":10,"DeviceIndex":{device},"Speed":{speed}}}}}]"#)
}

fn launch(device: u32, position: u32, speed: u32) -> String {
    format!(
        r#"[{{"FleshlightLaunchFW12Cmd":{{"Id":10,"DeviceIndex":{device},"Position":{position},"Speed":{speed}}}}}]"#
    )
}

fn cyclone(device: u32, speed: u32, clockwise: bool) -> String {
    format!(
        r#"[{{"VorzeA10CycloneCmd":{{"Id":10,"DeviceIndex":{device},"Speed":{speed},"Clockwise":{clockwise}}}}}]"#
    )
}

/// A command with a list of elements.
fn list(name: &str, device: u32, list: &str, elements: &str) -> String {
    format!(r#"[{{"{name}":{{"Id":10,"DeviceIndex":{device},"{list}":[{elements}]}}}}]"#)
}

fn vibrate(device: u32, speeds: &[(u32, f64)]) -> String {
    let speeds: Vec<_> =
        speeds.iter().map(|(index, speed)| format!(r#"{{"Index":{index},"Speed":{speed}}}"#)).collect();
    list("VibrateCmd", device, "Speeds", &speeds.join(","))
}

fn rotate(device: u32, index: u32, speed: f64, clockwise: bool) -> String {
    let rotation = format!(r#"{{"Index":{index},"Speed":{speed},"Clockwise":{clockwise}}}"#);
    list("RotateCmd", device, "Rotations", &rotation)
}

fn linear(device: u32, vectors: &[(u32, f64, &str)]) -> String {
    let vectors: Vec<_> = vectors
        .iter()
        .map(|(index, position, duration)| {
            format!(r#"{{"Index":{index},"Position":{position},"Duration":{duration}}}"#)
        })
        .collect();
    list("LinearCmd", device, "Vectors", &vectors.join(","))
}

fn scalar(device: u32, scalars: &[(u32, f64, &str)]) -> String {
    let scalars: Vec<_> = scalars
        .iter()
        .map(|(index, scalar, kind)| {
            format!(r#"{{"Index":{index},"Scalar":{scalar},"ActuatorType":"{kind}"}}"#)
        })
        .collect();
    list("ScalarCmd", device, "Scalars", &scalars.join(","))
}

#[test]
fn a_single_motor_speed_is_for_all_motors_w54() {
    for dialect in [V0, V1] {
        assert_eq!(values(dialect, &single_motor(E, "0.5")), [(0, 10), (1, 10)]);
        assert_eq!(values(dialect, &single_motor(V, "0.001")), [(0, 1)]);
        assert_eq!(values(dialect, &single_motor(V, "0.0")), [(0, 0)]);
        assert_eq!(values(dialect, &single_motor(V, "1")), [(0, 20)]);
    }
}

#[test]
fn a_single_motor_speed_is_a_fraction_w55() {
    for dialect in [V0, V1] {
        for speed in ["1.5", "-0.1", r#""1""#, "null", "1.0000001"] {
            assert_eq!(code(dialect, &single_motor(V, speed)), 3, "{speed}");
        }
        assert_eq!(code(dialect, &single_motor(L, "0.5")), 4);
        assert_eq!(code(dialect, &single_motor(999, "0.5")), 4);
    }
}

#[test]
fn single_motor_commands_end_with_version_1_w56() {
    for dialect in [V2, V3, V4] {
        assert_eq!(code(dialect, &single_motor(V, "0.5")), 3);
    }
}

#[test]
fn launch_commands_take_as_long_as_the_launch_did_w57() {
    for (position, last, speed, duration) in [
        (99, 0, 99, 210),
        (99, 0, 50, 403),
        (50, 0, 20, 486),
        (95, 5, 90, 209),
        (30, 80, 60, 171),
        // 16582 ms, but the device takes 10 s at most.
        (0, 99, 1, 10_000),
    ] {
        let mut world = world();
        world.last = f64::from(last) / 99.0;
        let outcome = decode_in(&world, V0, &launch(L, position, speed)).remove(0);
        let Ok((10, Request::Output(request))) = outcome else { panic!("{outcome:?}") };
        let [command] = request.commands.as_slice() else { panic!("{request:?}") };
        assert_eq!((command.feature, command.kind), (0, OutputKind::HwPositionWithDuration));
        assert_eq!(command.value, i32::try_from(999 * position / 99).unwrap());
        assert_eq!(command.duration, Some(duration));
    }
}

#[test]
fn launch_commands_in_place_or_without_speed_move_nothing_w57() {
    let mut world = world();
    world.last = 504.0 / 999.0;
    // 504 = floor(999 · 50 / 99): where Position 50 has led to before.
    for text in [launch(L, 50, 80), launch(L, 99, 0)] {
        for dialect in [V0, V1] {
            let outcome = decode_in(&world, dialect, &text).remove(0);
            let Ok((10, Request::Output(request))) = outcome else { panic!("{outcome:?}") };
            assert!(request.commands.is_empty());
        }
    }
}

#[test]
fn launch_commands_have_limits_w57() {
    for dialect in [V0, V1] {
        assert_eq!(code(dialect, &launch(L, 100, 50)), 3);
        assert_eq!(code(dialect, &launch(L, 50, 100)), 3);
        assert_eq!(code(dialect, &launch(V, 50, 50)), 4);
    }
}

#[test]
fn launch_commands_move_the_first_axis_w57() {
    assert_eq!(values(V1, &launch(T, 99, 50)), [(0, 999)]);
}

#[test]
fn cyclone_commands_rotate_w58() {
    for dialect in [V0, V1] {
        assert_eq!(values(dialect, &cyclone(N, 50, true)), [(1, 10)]);
        assert_eq!(values(dialect, &cyclone(N, 50, false)), [(1, -10)]);
        assert_eq!(values(dialect, &cyclone(N, 0, false)), [(1, 0)]);
        assert_eq!(values(dialect, &cyclone(N, 100, true)), [(1, 20)]);
        assert_eq!(code(dialect, &cyclone(N, 101, true)), 3);
        assert_eq!(code(dialect, &cyclone(V, 50, true)), 4);
    }
}

#[test]
fn vendor_commands_are_refused_w59() {
    let text = |name: &str, command: &str| {
        format!(r#"[{{"{name}":{{"Id":10,"DeviceIndex":0,"Command":{command}}}}}]"#)
    };
    for dialect in [V0, V1] {
        assert_eq!(code(dialect, &text("KiirooCmd", r#""4""#)), 4);
        assert_eq!(code(dialect, &text("LovenseCmd", r#""Vibrate:7;""#)), 4);
        for command in [r#""5""#, r#""04""#, r#""""#, "4", r#""-1""#] {
            assert_eq!(code(dialect, &text("KiirooCmd", command)), 3, "{command}");
        }
        assert_eq!(code(dialect, &text("RawCmd", "[1,128]")), 3);
        assert_eq!(code(dialect, &text("RawCmd", "[]")), 3);
    }
    for dialect in [V2, V3, V4] {
        for name in ["KiirooCmd", "LovenseCmd", "RawCmd"] {
            assert_eq!(code(dialect, &text(name, r#""4""#)), 3);
        }
    }
}

#[test]
fn tests_echo_and_logs_are_granted_w60() {
    let test = |text: &str| format!(r#"[{{"Test":{{"Id":10,"TestString":"{text}"}}}}]"#);
    let log = |level: &str| format!(r#"[{{"RequestLog":{{"Id":10,"LogLevel":"{level}"}}}}]"#);
    for dialect in [V0, V1] {
        assert_eq!(decode_one(dialect, &test("knock")), Ok((10, Request::Test("knock".to_owned()))));
        assert_eq!(code(dialect, &test("Error")), 3);
    }
    for dialect in [V0, V1, V2] {
        for level in ["Off", "Fatal", "Error", "Warn", "Info", "Debug", "Trace"] {
            assert_eq!(decode_one(dialect, &log(level)), Ok((10, Request::Log)));
        }
        assert_eq!(code(dialect, &log("Loud")), 3);
        assert_eq!(code(dialect, &log("trace")), 3);
    }
    for dialect in [V2, V3, V4] {
        assert_eq!(code(dialect, &test("knock")), 3);
    }
    for dialect in [V3, V4] {
        assert_eq!(code(dialect, &log("Info")), 3);
    }
}

#[test]
fn generic_commands_are_for_versions_1_to_3_w61_w66() {
    for dialect in Dialect::ALL {
        for text in [vibrate(B, &[(0, 0.5)]), rotate(B, 0, 0.5, true), linear(B, &[(0, 0.5, "100")])] {
            if (V1..=V3).contains(&dialect) {
                assert!(decode_one(dialect, &text).is_ok(), "{text}");
            } else {
                assert_eq!(code(dialect, &text), 3, "{text}");
            }
        }
    }
}

#[test]
fn a_motor_that_is_not_named_is_left_alone_w62() {
    for dialect in [V1, V2, V3] {
        assert_eq!(values(dialect, &vibrate(E, &[(1, 0.5)])), [(1, 10)]);
    }
}

#[test]
fn one_bad_index_spoils_the_command_w63() {
    for dialect in [V1, V2, V3] {
        assert_eq!(code(dialect, &vibrate(E, &[(2, 0.5)])), 4);
        assert_eq!(code(dialect, &vibrate(E, &[(0, 0.5), (7, 0.5)])), 4);
        assert_eq!(code(dialect, &vibrate(E, &[(u32::MAX, 0.5)])), 4);
        assert_eq!(code(dialect, &vibrate(999, &[(0, 0.5)])), 4);
    }
}

#[test]
fn vibrate_commands_are_checked_w64() {
    for dialect in [V1, V2, V3] {
        assert_eq!(code(dialect, &vibrate(E, &[(0, 1.01)])), 3);
        assert_eq!(code(dialect, &vibrate(E, &[(0, -1.0)])), 3);
        assert_eq!(code(dialect, &vibrate(E, &[])), 3);
        assert_eq!(code(dialect, r#"[{"VibrateCmd":{"Id":10,"DeviceIndex":1}}]"#), 3);
        assert_eq!(code(dialect, &list("VibrateCmd", E, "Speeds", r#"{"Index":0}"#)), 3);
        assert_eq!(code(dialect, &vibrate(L, &[(0, 0.5)])), 4);
    }
}

#[test]
fn the_same_index_twice_ends_at_the_last_w65() {
    for dialect in [V1, V2, V3] {
        let twice = vibrate(E, &[(1, 1.0), (0, 0.1), (0, 0.9)]);
        assert_eq!(values(dialect, &twice), [(0, 2), (0, 18), (1, 20)]);
    }
}

#[test]
fn rotate_commands_rotate_w67() {
    for dialect in [V1, V2, V3] {
        assert_eq!(values(dialect, &rotate(N, 0, 0.5, true)), [(1, 10)]);
        assert_eq!(values(dialect, &rotate(N, 0, 0.5, false)), [(1, -10)]);
        assert_eq!(values(dialect, &rotate(N, 0, 0.0, false)), [(1, 0)]);
        assert_eq!(code(dialect, &rotate(N, 5, 0.5, true)), 4);
        assert_eq!(code(dialect, &rotate(N, 0, 1.5, true)), 3);
        assert_eq!(code(dialect, &rotate(V, 0, 0.5, true)), 4);
        assert_eq!(code(dialect, &list("RotateCmd", N, "Rotations", "")), 3);
        let undirected = r#"{"Index":0,"Speed":0.5}"#;
        assert_eq!(code(dialect, &list("RotateCmd", N, "Rotations", undirected)), 3);
    }
}

#[test]
fn linear_commands_move_w68() {
    for dialect in [V1, V2, V3] {
        let request = outputs(dialect, &linear(L, &[(0, 0.3, "500")]));
        let [command] = request.commands.as_slice() else { panic!("{request:?}") };
        assert_eq!((command.value, command.duration), (299, Some(500)));
        assert_eq!(code(dialect, &linear(L, &[(3, 0.3, "500")])), 4);
        assert_eq!(code(dialect, &linear(L, &[(0, 1.3, "500")])), 3);
        assert_eq!(code(dialect, &linear(L, &[(0, 0.3, "-5")])), 3);
        assert_eq!(code(dialect, &linear(L, &[(0, 0.3, "0.5")])), 3);
        assert_eq!(code(dialect, &linear(L, &[])), 3);
        assert_eq!(code(dialect, &linear(V, &[(0, 0.3, "500")])), 4);
    }
}

#[test]
fn durations_of_old_clients_are_brought_into_the_range() {
    let request = outputs(V2, &linear(L, &[(0, 1.0, "4294967295")]));
    assert_eq!(request.commands[0].duration, Some(10_000));
    assert!(world().profiles[4].check(&request.commands[0]).is_ok());
}

#[test]
fn each_vector_moves_its_own_axis_w69() {
    for dialect in [V1, V2, V3] {
        let both = linear(T, &[(1, 1.0, "100"), (0, 0.0, "200")]);
        let request = outputs(dialect, &both);
        let moves: Vec<_> = request
            .commands
            .iter()
            .map(|command| (command.feature, command.value, command.duration))
            .collect();
        assert_eq!(moves, [(0, 0, Some(200)), (1, 999, Some(100))]);
    }
}

#[test]
fn stops_name_a_device_or_all_w71() {
    for dialect in OLD {
        let stop = |scope| Ok((10, Request::Stop(StopRequest { scope, inputs: true, outputs: true })));
        let one = r#"[{"StopDeviceCmd":{"Id":10,"DeviceIndex":2}}]"#;
        assert_eq!(decode_one(dialect, one), stop(Scope::Device(2)));
        assert_eq!(decode_one(dialect, r#"[{"StopAllDevices":{"Id":10}}]"#), stop(Scope::All));
    }
}

#[test]
fn plain_requests_are_understood_in_every_version() {
    for dialect in Dialect::ALL {
        for (name, request) in [
            ("Ping", Request::Ping),
            ("StartScanning", Request::StartScanning),
            ("StopScanning", Request::StopScanning),
            ("RequestDeviceList", Request::DeviceList),
        ] {
            assert_eq!(decode_one(dialect, &format!(r#"[{{"{name}":{{"Id":10}}}}]"#)), Ok((10, request)));
        }
    }
}

#[test]
fn scalar_commands_set_what_is_listed_w76() {
    assert_eq!(values(V3, &scalar(E, &[(0, 0.5, "Vibrate")])), [(0, 10)]);
    let both = scalar(E, &[(1, 1.0, "Vibrate"), (0, 0.5, "Vibrate")]);
    assert_eq!(values(V3, &both), [(0, 10), (1, 20)]);
}

#[test]
fn scalar_commands_are_checked_w77() {
    assert_eq!(code(V3, &scalar(E, &[(9, 0.5, "Vibrate")])), 4);
    assert_eq!(code(V3, &scalar(E, &[(0, 0.5, "Oscillate")])), 4);
    assert_eq!(code(V3, &scalar(E, &[(0, 0.5, "Inflate")])), 4);
    assert_eq!(code(V3, &scalar(E, &[(0, 0.5, "Unknown")])), 4);
    assert_eq!(code(V3, &scalar(E, &[(0, 0.5, "Frobnicate")])), 3);
    assert_eq!(code(V3, &scalar(E, &[(0, 0.5, "vibrate")])), 3);
    assert_eq!(code(V3, &list("ScalarCmd", E, "Scalars", r#"{"Index":0,"Scalar":0.5}"#)), 3);
    assert_eq!(code(V3, &scalar(E, &[(0, 1.5, "Vibrate")])), 4);
    assert_eq!(code(V3, &scalar(E, &[(0, -0.5, "Vibrate")])), 4);
    assert_eq!(code(V3, &scalar(E, &[])), 3);
    assert_eq!(code(V3, &scalar(999, &[(0, 0.5, "Vibrate")])), 4);
    // One bad element spoils the command.
    assert_eq!(code(V3, &scalar(E, &[(0, 0.5, "Vibrate"), (1, 0.5, "Rotate")])), 4);
}

#[test]
fn scalar_rotation_is_clockwise_w78() {
    assert_eq!(values(V3, &scalar(N, &[(1, 0.5, "Rotate")])), [(1, 10)]);
    let lamp = crate::support::device(9, "Lamp", vec![crate::support::output(OutputKind::Led, 0, 1)]);
    let mut world = world();
    world.profiles.push(lamp);
    assert_eq!(decode_in(&world, V3, &scalar(9, &[(0, 0.5, "Vibrate")])), [Err((10, 4))]);
}

#[test]
fn scalar_indices_count_what_is_listed_w79() {
    let request = outputs(V3, &scalar(B, &[(4, 0.5, "Position")]));
    let command = request.commands[0];
    assert_eq!((command.feature, command.kind, command.value), (4, OutputKind::Position, 50));
    for index in 0..8 {
        for kind in ["Vibrate", "Rotate", "Oscillate", "Constrict", "Inflate", "Position", "Unknown"] {
            if let Ok((_, Request::Output(request))) = decode_one(V3, &scalar(B, &[(index, 0.5, kind)])) {
                assert_ne!(request.commands[0].feature, 5);
            }
        }
        assert_eq!(code(V3, &scalar(B, &[(index, 0.5, "Led")])), 3);
    }
}

#[test]
fn a_client_that_knows_of_heat_can_name_it_behind_what_is_listed() {
    use crate::support::{device, output};
    let features = vec![output(OutputKind::Temperature, 0, 1), output(OutputKind::Vibrate, 0, 20)];
    let mut world = world();
    world.profiles.push(device(9, "Warm", features));
    let decoded = |index, kind| decode_in(&world, V3, &scalar(9, &[(index, 1.0, kind)]));
    let Ok((_, Request::Output(request))) = &decoded(1, "Temperature")[0] else { panic!("refused") };
    assert_eq!((request.commands[0].feature, request.commands[0].value), (0, 1));
    assert_eq!(decoded(0, "Temperature"), [Err((10, 3))]);
    assert_eq!(decoded(2, "Temperature"), [Err((10, 3))]);
    assert_eq!(decoded(1, "Spray"), [Err((10, 3))]);
    assert_eq!(decoded(1, "Vibrate"), [Err((10, 4))]);
    assert_eq!(world.profiles.last().map(|profile| profile.scalar().len()), Some(1));
}

#[test]
fn commands_of_old_versions_pass_the_checks_of_the_device() {
    let world = world();
    for text in [
        vibrate(B, &[(0, 1.0), (1, 1.0)]),
        rotate(B, 0, 1.0, false),
        linear(B, &[(0, 1.0, "99999")]),
        scalar(B, &[(0, 1.0, "Vibrate"), (2, 1.0, "Rotate"), (3, 1.0, "Oscillate"), (4, 1.0, "Position")]),
    ] {
        for command in outputs(V3, &text).commands {
            assert_eq!(world.profiles[3].check(&command), Ok(()));
        }
    }
}
