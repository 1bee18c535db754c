//! Tries every target for a while on stable Rust, and keeps the input on which one fails.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use frisson_fuzz::mutate::{Chance, mutate};
use frisson_fuzz::{Outcome, TARGETS, Target};

const USAGE: &str = "\
usage: fuzz [OPTION]... [TARGET]...
  --seconds N      how long each target is tried (30)
  --seed N         begin with this number instead of one of the clock; the same number gives the same inputs
  --language       the targets of the device language only
  --input FILE     try only this file, on one target
  --keep           write each input to the file before it is tried, for those that end the program";

/// No input takes longer, even on a busy machine and without optimization.
const LIMIT: Duration = Duration::from_secs(10);

/// So many inputs are kept because they lead somewhere new.
const MOST_KEPT: usize = 4000;

struct Options {
    targets: Vec<Target>,
    seconds: u64,
    seed: u64,
    input: Option<PathBuf>,
    keep: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("fuzz: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Some(path) = &options.input {
        return repeat(&options.targets, path);
    }
    println!("seed {}", options.seed);
    // The message of a panic is told with its input.
    panic::set_hook(Box::new(|_| {}));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let waiting = Arc::new(Mutex::new(options.targets.clone()));
    let (done, results) = mpsc::channel();
    for _ in 0..cores.min(options.targets.len()) {
        let (waiting, done) = (waiting.clone(), done.clone());
        let (seconds, seed, keep) = (options.seconds, options.seed, options.keep);
        thread::spawn(move || {
            while let Some(target) = { waiting.lock().unwrap_or_else(PoisonError::into_inner).pop() } {
                let result = Run { target, seed, keep }.run(Duration::from_secs(seconds));
                if done.send(result).is_err() {
                    return;
                }
            }
        });
    }
    drop(done);
    let mut code = ExitCode::SUCCESS;
    for result in results {
        match result {
            Ok(line) => println!("{line}"),
            Err(failure) => {
                eprintln!("{failure}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// One target, tried for a while.
struct Run {
    target: Target,
    seed: u64,
    keep: bool,
}

impl Run {
    fn run(self, time: Duration) -> Result<String, String> {
        let mut corpus = (self.target.seeds)();
        corpus.retain(|seed| seed.len() <= self.target.longest);
        if corpus.is_empty() {
            return Err(format!("{}: there are no seeds", self.target.name));
        }
        let (inputs, tried) = mpsc::sync_channel::<Vec<u8>>(0);
        let (outcomes, outcome) = mpsc::sync_channel(0);
        let run = self.target.run;
        // The input is tried by a thread of its own, which can be left behind when it does not end.
        thread::Builder::new()
            .spawn(move || {
                for input in tried {
                    let result = panic::catch_unwind(AssertUnwindSafe(|| run(&input)));
                    let result = result.map_err(|payload| message(&*payload));
                    if outcomes.send((input, result)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|why| why.to_string())?;
        let mut seen = std::collections::HashSet::new();
        let mut chance = Chance::new(self.seed);
        let (mut count, mut accepted, mut longest) = (0_u64, 0_u64, Duration::ZERO);
        let started = Instant::now();
        let seeds = corpus.clone();
        let mut seeds = seeds.into_iter();
        while started.elapsed() < time || seeds.len() > 0 {
            let input = seeds.next().unwrap_or_else(|| mutate(&mut chance, &corpus, self.target.longest));
            if self.keep {
                self.write(&input)?;
            }
            let began = Instant::now();
            let sent = inputs.send(input.clone());
            let answer = sent.ok().and_then(|()| outcome.recv_timeout(LIMIT).ok());
            let Some((_, result)) = answer else {
                return Err(self.failure(&input, &format!("takes longer than {LIMIT:?}")));
            };
            longest = longest.max(began.elapsed());
            let result = result.map_err(|why| self.failure(&input, &why))?;
            count += 1;
            accepted += u64::from(result == Outcome::Accepted);
            let is_new = seen.insert(result);
            if corpus.len() < MOST_KEPT && (is_new || result == Outcome::Accepted && chance.below(100) == 0) {
                corpus.push(input);
            }
        }
        let rate = count as f64 / started.elapsed().as_secs_f64();
        Ok(format!(
            "{:<12} {count} inputs, {rate:.0}/s, {accepted} accepted, {} outcomes, the slowest {longest:.1?}",
            self.target.name,
            seen.len()
        ))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("fuzz-{}-{}", self.target.name, self.seed))
    }

    fn write(&self, input: &[u8]) -> Result<(), String> {
        fs::write(self.path(), input).map_err(|why| format!("{}: {why}", self.path().display()))
    }

    fn failure(&self, input: &[u8], why: &str) -> String {
        let name = self.target.name;
        let shown: String = String::from_utf8_lossy(input).chars().take(400).collect();
        match self.write(input) {
            Ok(()) => {
                let path = self.path().display().to_string();
                format!(
                    "{name}: {why}\n{shown:?}\nto try it again: cargo run -p frisson-fuzz -- {name} --input {path}"
                )
            }
            Err(unwritten) => format!("{name}: {why}\n{shown:?}\n{unwritten}"),
        }
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// Tries one file, where a debugger and the message of the panic can be had.
fn repeat(targets: &[Target], path: &PathBuf) -> ExitCode {
    let ([target], Ok(input)) = (targets, fs::read(path)) else {
        eprintln!("fuzz: name one target, and a file that can be read");
        return ExitCode::from(2);
    };
    let started = Instant::now();
    println!("{:?} after {:?}", (target.run)(&input), started.elapsed());
    ExitCode::SUCCESS
}

fn parse(args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = clock.map_or(0, |time| u64::from(time.subsec_nanos()) ^ time.as_secs());
    let mut options = Options { targets: Vec::new(), seconds: 30, seed, input: None, keep: false };
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--help" | "-h" => return Ok(None),
            "--seconds" => options.seconds = value()?.parse().map_err(|_| "--seconds takes a number")?,
            "--seed" => options.seed = value()?.parse().map_err(|_| "--seed takes a number")?,
            "--input" => options.input = Some(value()?.into()),
            "--keep" => options.keep = true,
            "--language" => options.targets.extend(TARGETS.into_iter().filter(|target| target.is_language)),
            name => {
                let target = TARGETS.into_iter().find(|target| target.name == name);
                let known = TARGETS.map(|target| target.name).join(", ");
                options
                    .targets
                    .push(target.ok_or_else(|| format!("there is no target {name}; there are {known}"))?);
            }
        }
    }
    if options.targets.is_empty() {
        options.targets.extend(TARGETS);
    }
    Ok(Some(options))
}
