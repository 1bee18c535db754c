//! The end-to-end benchmark: servers as processes, driven over loopback, beside the floor.

mod client;
mod crowd;
mod report;
mod target;
mod usage;

use std::env;
use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use client::{Load, Session};
use crowd::{Kind, Plan};
use report::{Samples, Scenario};
use target::{Output, Running, Target};
use usage::{CpuReading, Memory};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "\
usage: e2e [OPTION]...
  --frisson PATH            the server's program (default: frisson, beside this one)
  --no-frisson              leave it out
  --server 'COMMAND LINE'   add another server; {port} becomes a free port, {devices} the number of
                            devices; without {port} it must print ws://ADDR:PORT (repeatable)
  --floor-library NAME      tokio-websockets (default) or tungstenite
  --devices LIST            numbers of devices (default: 1,10,100)
  --sessions                also measure memory with 1, 10 and 100 idle sessions
  --all-cpus                let the scheduler place servers and load generator, instead of one CPU for all
  --virtual LIST            instead of all else: this many devices of virtual hardware (e.g. 1,100), each driven at
                            --rate commands per second (50) for --seconds (20); --spread: at that rate all together;
                            --kind ble (default: written after a gap) or gamepad (written at once)
  --quick                   fewer rounds and messages, for a first look
  --rounds N, --messages N, --trips N, --starts N, --idle MS
                            rounds (11); per round, messages in flight (100000) and round trips (500);
                            starts (10); time to come to rest (1000)
  --json FILE               also write all samples
  --check                   exit with 1 when a goal is missed";

const WINDOW: usize = 64;

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("e2e: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(u8::from(options.check)),
        Err(error) => {
            eprintln!("e2e: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints, and tells whether all goals are met.
fn run(options: &Options) -> Result<bool, Failure> {
    if cfg!(debug_assertions) {
        println!("note: a debug build; its numbers say nothing");
    }
    if options.confined {
        match usage::confine() {
            Ok(cpu) => println!("servers and load generator share CPU {cpu}"),
            Err(error) => println!("note: the scheduler places servers and load generator: {error}"),
        }
    }
    if let Some(crowd) = &options.crowd {
        let program =
            options.frisson.as_ref().ok_or("virtual hardware is a matter of Frisson's own program")?;
        return crowd::run(program, crowd);
    }
    let mut scenarios = Vec::new();
    for &devices in &options.devices {
        let scenario = measure(options, devices)?;
        print!("{}", report::table(&scenario));
        scenarios.push(scenario);
    }
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", report::to_json(&scenarios)))?;
    }
    let Some(judged) = options.targets.get(1) else { return Ok(true) };
    println!("\ngoals for {}:", judged.name);
    let goals = report::goals(&scenarios, &judged.name);
    goals.iter().for_each(|goal| println!("  {}", goal.line));
    Ok(goals.iter().all(|goal| goal.met))
}

/// One server of a scenario while it is measured.
struct Subject<'a> {
    target: &'a Target,
    running: Running,
    session: Session,
    pings: Load,
    outputs: Option<Load>,
    samples: Samples,
}

fn measure(options: &Options, devices: usize) -> Result<Scenario, Failure> {
    let mut notes = Vec::new();
    let mut subjects = Vec::new();
    for target in &options.targets {
        subjects.push(
            Subject::prepare(target, devices, &mut notes).map_err(|e| format!("{}: {e}", target.name))?,
        );
    }
    for _ in 0..options.starts {
        for subject in &mut subjects {
            subject.start_again(devices)?;
        }
    }
    measure_rest(options, &mut subjects, &mut notes);
    for round in 0..options.rounds {
        for step in [Subject::ping_trips, Subject::ping_flow, Subject::output_trips, Subject::output_flow] {
            // The order turns with each round, so that none is always the one that comes second.
            let first = round % subjects.len();
            let (head, tail) = subjects.split_at_mut(first);
            for subject in tail.iter_mut().chain(head) {
                step(subject, options).map_err(|e| format!("{}: {e}", subject.target.name))?;
            }
        }
    }
    if options.sessions {
        measure_sessions(options, &mut subjects)?;
    }
    notes.dedup();
    let servers =
        subjects.into_iter().map(|subject| (subject.target.name.clone(), subject.samples)).collect();
    Ok(Scenario { devices, servers, notes })
}

/// Memory and CPU while one client is connected and nothing happens, for all servers at the same time.
fn measure_rest(options: &Options, subjects: &mut [Subject<'_>], notes: &mut Vec<String>) {
    let before: Vec<_> = subjects.iter().map(|subject| CpuReading::take(subject.running.pid())).collect();
    thread::sleep(options.idle);
    for (subject, before) in subjects.iter_mut().zip(before) {
        let pid = subject.running.pid();
        match (Memory::take(pid), CpuReading::take(pid), before) {
            (Ok(memory), Ok(after), Ok(before)) => {
                subject.samples.add("idle_rss_mib", memory.resident as f64 / 1024.0);
                subject.samples.add("idle_pss_mib", memory.proportional as f64 / 1024.0);
                let used = after.since(&before) as f64 / 1e6;
                subject.samples.add("idle_cpu_ms_per_s", used / options.idle.as_secs_f64());
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                notes.push(format!(
                    "memory and CPU are read from Linux's /proc, which this system has not: {error}"
                ));
            }
        }
    }
}

/// Memory with more and more sessions that do nothing.
fn measure_sessions(options: &Options, subjects: &mut [Subject<'_>]) -> Result<(), Failure> {
    let keys = [(1, "sessions_1_rss_mib"), (10, "sessions_10_rss_mib"), (100, "sessions_100_rss_mib")];
    let mut sessions: Vec<_> = subjects.iter().map(|_| Vec::new()).collect();
    for (count, key) in keys {
        for (subject, sessions) in subjects.iter().zip(&mut sessions) {
            while sessions.len() + 1 < count {
                sessions.push(Session::open(subject.running.addr)?);
            }
        }
        thread::sleep(options.idle / 2);
        for subject in subjects.iter_mut() {
            if let Ok(memory) = Memory::take(subject.running.pid()) {
                subject.samples.add(key, memory.resident as f64 / 1024.0);
            }
        }
    }
    Ok(())
}

impl<'a> Subject<'a> {
    fn prepare(target: &'a Target, devices: usize, notes: &mut Vec<String>) -> Result<Self, Failure> {
        let running = target.start(devices)?;
        let mut session = Session::open(running.addr)?;
        let wanted = if target.takes_devices() { devices } else { 0 };
        let (listed, output) = target::devices(&mut session, wanted)?;
        if listed < wanted {
            notes.push(format!("{} lists {listed} devices instead of {wanted}", target.name));
        }
        if output.is_none() {
            notes.push(format!("{} lists no device that vibrates: outputs are not measured", target.name));
        }
        let pings = Load::new(1_000_000, |id| format!(r#"[{{"Ping":{{"Id":{id}}}}}]"#));
        Ok(Self { target, running, session, pings, outputs: output.map(drive), samples: Samples::default() })
    }

    fn start_again(&mut self, devices: usize) -> Result<(), Failure> {
        let running = self.target.start(devices)?;
        let listening = running.spawned.elapsed();
        let session = Session::open(running.addr)?;
        let answered = running.spawned.elapsed();
        drop((session, running));
        self.samples.add("start_listening_ms", listening.as_secs_f64() * 1e3);
        self.samples.add("start_answer_ms", answered.as_secs_f64() * 1e3);
        self.samples.add("start_answer_min_ms", answered.as_secs_f64() * 1e3);
        Ok(())
    }

    fn ping_trips(&mut self, options: &Options) -> Result<(), Failure> {
        let trips = trips(&self.running, &mut self.session, &mut self.pings, options.trips)?;
        self.samples.add("ping_trip_p50_us", trips.share(0.5));
        self.samples.add("ping_trip_p99_us", trips.share(0.99));
        self.samples.add("ping_trip_max_us", trips.share(1.0));
        trips.cpu.into_iter().for_each(|cpu| self.samples.add("ping_trip_cpu_us", cpu));
        Ok(())
    }

    fn ping_flow(&mut self, options: &Options) -> Result<(), Failure> {
        let flow = flow(&self.running, &mut self.session, &mut self.pings, options.messages)?;
        self.samples.add("ping_flow_per_s", flow.rate);
        self.samples.add("ping_flow_batch", flow.batch);
        flow.cpu.into_iter().for_each(|cpu| self.samples.add("ping_flow_cpu_us", cpu));
        flow.client_cpu.into_iter().for_each(|cpu| self.samples.add("ping_flow_client_cpu_us", cpu));
        Ok(())
    }

    fn output_trips(&mut self, options: &Options) -> Result<(), Failure> {
        let Some(outputs) = &mut self.outputs else { return Ok(()) };
        let trips = trips(&self.running, &mut self.session, outputs, options.trips)?;
        self.samples.add("output_trip_p50_us", trips.share(0.5));
        self.samples.add("output_trip_p99_us", trips.share(0.99));
        self.samples.add("output_trip_max_us", trips.share(1.0));
        trips.cpu.into_iter().for_each(|cpu| self.samples.add("output_trip_cpu_us", cpu));
        Ok(())
    }

    fn output_flow(&mut self, options: &Options) -> Result<(), Failure> {
        let Some(outputs) = &mut self.outputs else { return Ok(()) };
        let flow = flow(&self.running, &mut self.session, outputs, options.messages)?;
        self.samples.add("output_flow_per_s", flow.rate);
        self.samples.add("output_flow_batch", flow.batch);
        flow.cpu.into_iter().for_each(|cpu| self.samples.add("output_flow_cpu_us", cpu));
        Ok(())
    }
}

fn drive(output: Output) -> Load {
    let Output { device, feature, most } = output;
    Load::new(2_000_000, move |id| {
        let value = if id % 2 == 0 { most } else { most / 2 };
        format!(
            r#"[{{"OutputCmd":{{"Id":{id},"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
        )
    })
}

/// Messages one after another: sorted nanoseconds of each, and the server's CPU time in µs per message.
struct Trips {
    sorted: Vec<u64>,
    cpu: Option<f64>,
}

impl Trips {
    fn share(&self, share: f64) -> f64 {
        report::percentile(&self.sorted, share) as f64 / 1e3
    }
}

fn trips(running: &Running, session: &mut Session, load: &mut Load, count: usize) -> Result<Trips, Failure> {
    session.round_trips(load, count / 10)?;
    let before = reading(running.pid());
    let mut sorted = session.round_trips(load, count)?;
    let cpu = cpu_each(running.pid(), before, count);
    sorted.sort_unstable();
    Ok(Trips { sorted, cpu })
}

/// Messages in flight: per second, replies per read, and CPU time in µs per message, the server's and ours.
struct Flow {
    rate: f64,
    batch: f64,
    cpu: Option<f64>,
    client_cpu: Option<f64>,
}

fn flow(running: &Running, session: &mut Session, load: &mut Load, count: usize) -> Result<Flow, Failure> {
    session.stream(load, count / 10, WINDOW)?;
    let (before, client_before) = (reading(running.pid()), reading(process::id()));
    let (elapsed, reads) = session.stream(load, count, WINDOW)?;
    Ok(Flow {
        rate: count as f64 / elapsed.as_secs_f64(),
        batch: count as f64 / reads as f64,
        cpu: cpu_each(running.pid(), before, count),
        client_cpu: cpu_each(process::id(), client_before, count),
    })
}

fn cpu_each(pid: u32, before: Option<CpuReading>, count: usize) -> Option<f64> {
    Some(reading(pid)?.since(&before?) as f64 / 1e3 / count as f64)
}

/// CPU time used, read at rest: the scheduler books a running thread's time late.
fn reading(pid: u32) -> Option<CpuReading> {
    thread::sleep(Duration::from_millis(5));
    CpuReading::take(pid).ok()
}

struct Options {
    targets: Vec<Target>,
    frisson: Option<PathBuf>,
    crowd: Option<Plan>,
    devices: Vec<usize>,
    sessions: bool,
    confined: bool,
    rounds: usize,
    messages: usize,
    trips: usize,
    starts: usize,
    idle: Duration,
    json: Option<PathBuf>,
    check: bool,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Option<Self>, Failure> {
        let beside = env::current_exe()?;
        let mut frisson = Some(beside.with_file_name(format!("frisson{}", env::consts::EXE_SUFFIX)));
        let floor = beside.with_file_name(format!("floor{}", env::consts::EXE_SUFFIX));
        let mut library = "tokio-websockets".to_owned();
        let mut others = Vec::new();
        let mut crowd = Plan {
            devices: Vec::new(),
            kind: Kind::Ble,
            rate: 50,
            spread: false,
            time: Duration::from_secs(20),
        };
        let mut options = Self {
            targets: Vec::new(),
            frisson: None,
            crowd: None,
            devices: vec![1, 10, 100],
            sessions: false,
            confined: true,
            rounds: 11,
            messages: 100_000,
            trips: 500,
            starts: 10,
            idle: Duration::from_secs(1),
            json: None,
            check: false,
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--frisson" => frisson = Some(value()?.into()),
                "--no-frisson" => frisson = None,
                "--server" => others.push(value()?),
                "--floor-library" => library = value()?,
                "--devices" => {
                    options.devices = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?
                }
                "--virtual" => {
                    crowd.devices = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?
                }
                "--kind" => crowd.kind = Kind::parse(&value()?)?,
                "--rate" => crowd.rate = value()?.parse::<NonZeroU32>()?.get(),
                "--seconds" => crowd.time = Duration::from_secs(value()?.parse()?),
                "--spread" => crowd.spread = true,
                "--sessions" => options.sessions = true,
                "--all-cpus" => options.confined = false,
                "--quick" => {
                    (options.rounds, options.messages, options.trips, options.starts) = (3, 20_000, 200, 3);
                    options.idle = Duration::from_millis(300);
                }
                "--rounds" => options.rounds = value()?.parse()?,
                "--messages" => options.messages = value()?.parse()?,
                "--trips" => options.trips = value()?.parse()?,
                "--starts" => options.starts = value()?.parse()?,
                "--idle" => options.idle = Duration::from_millis(value()?.parse()?),
                "--json" => options.json = Some(value()?.into()),
                "--check" => options.check = true,
                // `cargo bench` hands this to every benchmark.
                "--bench" => {}
                _ => return Err(format!("{arg} is not an option").into()),
            }
        }
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        options.frisson.clone_from(&frisson);
        options.crowd = (!crowd.devices.is_empty()).then_some(crowd);
        options.targets.push(Target::new(vec![path(floor), "--library".into(), library])?);
        if let Some(frisson) = frisson {
            let words = ["serve", "--listen", "127.0.0.1:0", "--bus", "none", "--simulate=1vibe:{devices}"];
            let words = words.into_iter().map(str::to_owned);
            options.targets.push(Target::new([path(frisson)].into_iter().chain(words).collect())?);
        }
        for line in others {
            let mut target = Target::new(target::split_words(&line)?)?;
            let program = target.name.clone();
            let mut number = 2;
            while options.targets.iter().any(|known| known.name == target.name) {
                target.name = format!("{program} {number}");
                number += 1;
            }
            options.targets.push(target);
        }
        Ok(Some(options))
    }
}
