//! What was measured, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// One line of the table.
pub(crate) struct Metric {
    pub(crate) key: &'static str,
    label: &'static str,
    shown: Fold,
}

/// How samples become the number that is shown.
#[derive(Clone, Copy, PartialEq)]
enum Fold {
    Median,
    Least,
    Most,
}

const fn metric(key: &'static str, label: &'static str) -> Metric {
    Metric { key, label, shown: Fold::Median }
}

const fn extreme(key: &'static str, label: &'static str, shown: Fold) -> Metric {
    Metric { key, label, shown }
}

/// Every metric, in the order of the table.
pub(crate) const METRICS: &[Metric] = &[
    metric("start_listening_ms", "start-up to listening, ms"),
    metric("start_answer_ms", "start-up to first answer, ms"),
    extreme("start_answer_min_ms", "  the quickest, ms", Fold::Least),
    metric("idle_rss_mib", "idle memory, resident, MiB"),
    metric("idle_pss_mib", "  in proportion (PSS), MiB"),
    metric("idle_cpu_ms_per_s", "idle CPU, ms per s"),
    metric("ping_trip_p50_us", "ping round trip, median, µs"),
    metric("ping_trip_p99_us", "  99th percentile, µs"),
    extreme("ping_trip_max_us", "  longest, µs", Fold::Most),
    metric("ping_trip_cpu_us", "  CPU per message, µs"),
    metric("ping_flow_per_s", "pings, 64 in flight, per s"),
    metric("ping_flow_cpu_us", "  CPU per message, µs"),
    metric("ping_flow_batch", "  replies per read"),
    metric("ping_flow_client_cpu_us", "  CPU of the load generator, µs"),
    metric("output_trip_p50_us", "output round trip, median, µs"),
    metric("output_trip_p99_us", "  99th percentile, µs"),
    extreme("output_trip_max_us", "  longest, µs", Fold::Most),
    metric("output_trip_cpu_us", "  CPU per message, µs"),
    metric("output_flow_per_s", "outputs, 64 in flight, per s"),
    metric("output_flow_cpu_us", "  CPU per message, µs"),
    metric("output_flow_batch", "  replies per read"),
    metric("sessions_1_rss_mib", "1 idle session, resident, MiB"),
    metric("sessions_10_rss_mib", "10 idle sessions, MiB"),
    metric("sessions_100_rss_mib", "100 idle sessions, MiB"),
];

/// The samples of one server with one number of devices, by metric, in the order of the rounds.
#[derive(Default)]
pub(crate) struct Samples(BTreeMap<&'static str, Vec<f64>>);

impl Samples {
    pub(crate) fn add(&mut self, key: &'static str, sample: f64) {
        debug_assert!(METRICS.iter().any(|metric| metric.key == key), "{key} is in no table");
        self.0.entry(key).or_default().push(sample);
    }

    fn value(&self, metric: &Metric) -> Option<f64> {
        let samples = self.0.get(metric.key)?.iter().copied();
        Some(match metric.shown {
            Fold::Median => median(samples.collect()),
            Fold::Least => samples.fold(f64::INFINITY, f64::min),
            Fold::Most => samples.fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// The median of the ratios of samples taken one right after the other, which a change in the machine's
    /// speed touches alike.
    fn ratio(&self, floor: &Self, metric: &Metric) -> Option<f64> {
        if metric.shown != Fold::Median {
            return None;
        }
        let ratios: Vec<_> = self
            .0
            .get(metric.key)?
            .iter()
            .zip(floor.0.get(metric.key)?)
            .map(|(ours, floor)| ours / floor)
            .collect();
        Some(median(ratios)).filter(|ratio| ratio.is_finite())
    }
}

/// All servers with one number of devices, the floor first.
pub(crate) struct Scenario {
    pub(crate) devices: usize,
    pub(crate) servers: Vec<(String, Samples)>,
    pub(crate) notes: Vec<String>,
}

/// The table for one number of devices.
pub(crate) fn table(scenario: &Scenario) -> String {
    let mut out = format!("\n{:<32}", format!("{} device(s)", scenario.devices));
    for (index, (name, _)) in scenario.servers.iter().enumerate() {
        let _ = if index == 0 { write!(out, "{name:>14}") } else { write!(out, "{name:>16}    ratio") };
    }
    out.push('\n');
    let floor = &scenario.servers[0].1;
    for metric in METRICS {
        let values: Vec<_> = scenario.servers.iter().map(|(_, samples)| samples.value(metric)).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        let pad = 32 - metric.label.chars().count();
        let _ = write!(out, "{}{:pad$}", metric.label, "");
        for (index, (value, (_, samples))) in values.iter().zip(&scenario.servers).enumerate() {
            let value = value.map_or("-".to_owned(), shown);
            if index == 0 {
                let _ = write!(out, "{value:>14}");
            } else {
                let ratio =
                    samples.ratio(floor, metric).map_or("-".to_owned(), |ratio| format!("{ratio:.2}x"));
                let _ = write!(out, "{value:>16} {ratio:>8}");
            }
        }
        out.push('\n');
    }
    for note in &scenario.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

/// Everything, with every sample.
pub(crate) fn to_json(scenarios: &[Scenario]) -> Value {
    let scenario = |scenario: &Scenario| {
        let floor = &scenario.servers[0].1;
        let servers: serde_json::Map<_, _> = scenario
            .servers
            .iter()
            .map(|(name, samples)| {
                let metrics: serde_json::Map<_, _> = METRICS
                    .iter()
                    .filter_map(|metric| {
                        let value = json!({
                            "value": samples.value(metric)?,
                            "ratio_to_floor": samples.ratio(floor, metric),
                            "samples": samples.0[metric.key],
                        });
                        Some((metric.key.to_owned(), value))
                    })
                    .collect();
                (name.clone(), metrics.into())
            })
            .collect();
        json!({ "devices": scenario.devices, "servers": servers, "notes": scenario.notes })
    };
    json!({ "scenarios": scenarios.iter().map(scenario).collect::<Vec<_>>() })
}

/// A goal of the project, and whether it is met with every number of devices.
pub(crate) struct Goal {
    pub(crate) line: String,
    pub(crate) met: bool,
}

/// Holds the server named `name` against the project's goals; one that was not measured is left out.
pub(crate) fn goals(scenarios: &[Scenario], name: &str) -> Vec<Goal> {
    let measured = |scenario: &Scenario, key: &str, ratio: bool| {
        let metric = METRICS.iter().find(|metric| metric.key == key)?;
        let (_, samples) = scenario.servers.iter().find(|(server, _)| server == name)?;
        if ratio { samples.ratio(&scenario.servers[0].1, metric) } else { samples.value(metric) }
    };
    let rows = [
        ("CPU per ping, 64 in flight, at most 2x the floor", "ping_flow_cpu_us", true, 2.0),
        ("CPU per output, 64 in flight, at most 2x the floor", "output_flow_cpu_us", true, 2.0),
        ("start-up to first answer under 20 ms", "start_answer_ms", false, 20.0),
        ("idle memory under 10 MiB", "idle_rss_mib", false, 10.0),
    ];
    let goal = |(text, key, ratio, limit): (&str, &str, bool, f64)| {
        let found: Vec<_> =
            scenarios.iter().filter_map(|s| Some((s.devices, measured(s, key, ratio)?))).collect();
        let met = found.iter().all(|(_, value)| *value <= limit);
        let mut line = format!("{} {text}:", if met { "met   " } else { "MISSED" });
        for (devices, value) in &found {
            let _ = write!(line, "  {value:.2} with {devices}");
        }
        (!found.is_empty()).then_some(Goal { line, met })
    };
    rows.into_iter().filter_map(goal).collect()
}

fn shown(value: f64) -> String {
    match value {
        _ if value >= 10_000.0 => format!("{value:.0}"),
        _ if value >= 100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The sample below which `share` of the sorted samples lie.
pub(crate) fn percentile(sorted: &[u64], share: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(((last as f64) * share).round() as usize).copied().unwrap_or_default()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => samples[len / 2],
        len => (samples[len / 2 - 1] + samples[len / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(key: &'static str, values: &[f64]) -> Samples {
        let mut samples = Samples::default();
        values.iter().for_each(|value| samples.add(key, *value));
        samples
    }

    #[test]
    fn a_ratio_pairs_samples_of_the_same_round() {
        let floor = samples("ping_flow_cpu_us", &[1.0, 10.0, 1.0]);
        let ours = samples("ping_flow_cpu_us", &[1.5, 15.0, 3.0]);
        let metric = METRICS.iter().find(|metric| metric.key == "ping_flow_cpu_us").unwrap();
        assert_eq!(ours.ratio(&floor, metric), Some(1.5));
    }

    #[test]
    fn a_goal_is_missed_when_one_number_of_devices_misses_it() {
        let scenario = |devices, cpu| Scenario {
            devices,
            servers: vec![
                ("floor".into(), samples("ping_flow_cpu_us", &[1.0])),
                ("ours".into(), samples("ping_flow_cpu_us", &[cpu])),
            ],
            notes: vec![],
        };
        assert!(goals(&[scenario(1, 1.5), scenario(10, 2.0)], "ours")[0].met);
        assert!(!goals(&[scenario(1, 1.5), scenario(10, 2.1)], "ours")[0].met);
    }

    #[test]
    fn percentiles_are_samples() {
        let sorted: Vec<_> = (0..=100).collect();
        assert_eq!((percentile(&sorted, 0.5), percentile(&sorted, 0.99), percentile(&[], 0.5)), (50, 99, 0));
    }
}
