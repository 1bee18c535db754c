//! The benchmark itself runs, with the floor in the part of every server.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_metric_of_a_server_is_measured_beside_the_floor() {
    let json = std::env::temp_dir().join(format!("frisson-bench-{}.json", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_e2e"))
        .args(["--no-frisson", "--sessions", "--devices", "1,2", "--rounds", "2", "--messages", "500"])
        .args(["--trips", "20", "--starts", "1", "--idle", "1", "--json"])
        .arg(&json)
        .args(["--server", concat!(env!("CARGO_BIN_EXE_floor"), " --library tungstenite")])
        .args(["--server", concat!(env!("CARGO_BIN_EXE_floor"), " --listen 127.0.0.1:{port}")])
        .output()
        .expect("the benchmark starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report = std::fs::read(&json).expect("a report was written");
    std::fs::remove_file(&json).expect("the report can be removed");
    let report: Value = serde_json::from_slice(&report).expect("the report is JSON");
    for scenario in 0..2 {
        for server in ["floor", "floor 2", "floor 3"] {
            let metrics = &report["scenarios"][scenario]["servers"][server];
            for metric in ["start_answer_ms", "ping_trip_p50_us", "ping_flow_per_s", "output_flow_per_s"] {
                let value = metrics[metric]["value"].as_f64();
                assert!(value.is_some_and(|value| value > 0.0), "{server}: {metric} is {value:?}");
            }
        }
    }
}

#[test]
fn a_server_that_does_not_start_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_e2e"))
        .args(["--no-frisson", "--server", concat!(env!("CARGO_BIN_EXE_floor"), " --listen nowhere")])
        .output()
        .expect("the benchmark starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("--listen nowhere: ended before it listened"), "{told}");
    assert!(told.contains("invalid socket address"), "its own words are missing: {told}");
}
