//! The machine itself: its inputs, its outputs, and in which order things are done.

mod batch;
mod requests;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use frisson_program::{Change, Context, Description, Effect, Operation, Packet, Program, State};

use self::batch::Batch;
use super::follow_ups::FollowUps;
use super::limits::advertise;
use super::link::{Job, Link, Purpose};
use super::outputs::Outputs;
use super::pacing::{MOST_FAILURES, Pacing};
use super::reads::Reads;
use super::stops::Stops;
use super::{Ask, Input, Output, Preferences, Report, Selection, Settings, Ticket, later};

/// A greeting that takes longer has failed, whatever its program waits for.
const GREETING_TIME: Duration = Duration::from_secs(120);

/// A program is not woken sooner than this after it asked for it.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// The machine behind one device. After each [`handle`](Self::handle), drain [`poll_output`](Self::poll_output).
///
/// A command changes the value of an output; packets are rendered from the latest values when the device may be written to. So
/// nothing piles up, however slow the link is, and no command waits behind an older one.
pub struct DeviceMachine {
    program: Box<dyn Program>,
    phase: Phase,
    settings: Settings,
    preferences: Preferences,
    /// Gives what the user has set, once it is known which device it is.
    ask: Option<Ask>,
    /// As its program describes it, without any limit.
    hardware: Box<Description>,
    advertised: Box<Description>,
    outputs: Outputs,
    pacing: Pacing,
    link: Link,
    /// The packets that are being written to bring the device to its state.
    batch: Option<Batch>,
    stops: Stops,
    reads: Reads,
    follow_ups: FollowUps,
    tick: Option<Instant>,
    /// Whether a tick comes first when values are due as well.
    tick_is_next: bool,
    /// Asked to close; not written by then, the stop is given up.
    closing: Option<Instant>,
    pending: VecDeque<Output>,
    /// Kept for their memory.
    effects: Vec<Effect>,
    changes: Vec<Change>,
    moves: Vec<usize>,
}

enum Phase {
    Greeting {
        until: Instant,
        /// The program is content; what it has asked for before still has to be done.
        granted: Option<Box<Description>>,
    },
    Ready,
    Ended,
}

impl DeviceMachine {
    /// A machine for a device whose link has just been opened; drain its outputs.
    pub fn new(now: Instant, program: Box<dyn Program>, settings: Settings) -> Self {
        Self::begin(now, program, settings, None)
    }

    /// The same for a device whose limits depend on which one it turns out to be: what `ask` says takes the place of those in `settings`.
    pub fn asking(now: Instant, program: Box<dyn Program>, settings: Settings, ask: Ask) -> Self {
        Self::begin(now, program, settings, Some(ask))
    }

    fn begin(now: Instant, program: Box<dyn Program>, settings: Settings, ask: Option<Ask>) -> Self {
        let nothing = || {
            Box::new(Description {
                protocol: String::new(),
                model: String::new(),
                name: String::new(),
                features: Vec::new(),
                gap: None,
                keepalive: None,
            })
        };
        let mut machine = Self {
            program,
            phase: Phase::Greeting { until: later(now, GREETING_TIME), granted: None },
            pacing: Pacing::new(now, settings.gap, None),
            preferences: Preferences { limits: settings.limits.clone(), gap: None },
            settings,
            ask,
            hardware: nothing(),
            advertised: nothing(),
            outputs: Outputs::default(),
            link: Link::default(),
            batch: None,
            stops: Stops::default(),
            reads: Reads::default(),
            follow_ups: FollowUps::default(),
            tick: None,
            tick_is_next: false,
            closing: None,
            pending: VecDeque::new(),
            effects: Vec::new(),
            changes: Vec::new(),
            moves: Vec::new(),
        };
        machine.consult(now, Purpose::Other, |program, _, cx| program.start(cx));
        machine.proceed(now);
        machine
    }

    /// Takes in what happened at `now`. Once [`Output::Close`] has been given, nothing has any effect.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.has_ended() {
            return;
        }
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Completed(result) => {
                if let Some(job) = self.link.end() {
                    self.conclude(now, &job, result);
                }
            }
            Input::Notified(from, bytes) => {
                self.consult(now, Purpose::Other, |program, _, cx| program.heard(from, bytes, cx));
            }
            Input::Lost(reason) => self.lose(reason),
            Input::Timeout => {}
        }
        self.expire(now);
        self.proceed(now);
    }

    /// The next thing to be done, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.pending.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Input::Timeout`] at the latest. Calling it at any other time does no harm.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Greeting { until, .. } => [Some(until), self.tick, None],
            Phase::Ready if !self.link.is_idle() => [None, None, None],
            Phase::Ready if self.stops.is_due() => [self.stops.retry_at(), None, None],
            Phase::Ready => [self.flush_at(), self.tick, self.pacing.keepalive_at()],
            Phase::Ended => return None,
        };
        let deadlines = [self.closing, self.link.deadline(), self.reads.deadline()];
        phase.into_iter().chain(deadlines).flatten().min()
    }

    fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Ends everything whose time is over.
    fn expire(&mut self, now: Instant) {
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if let Phase::Greeting { until, .. } = self.phase
            && until <= now
        {
            self.refuse(format!("the greeting was not complete after {} s", GREETING_TIME.as_secs()));
        }
        if over(self.closing) {
            self.close(false);
        }
        if over(self.link.deadline()) {
            self.give_up(now);
        }
        while let Some(tickets) = self.reads.take_expired(now) {
            for ticket in tickets {
                self.done(ticket, Err("the device did not answer within 5 s".to_owned()));
            }
        }
        if matches!(self.phase, Phase::Greeting { .. }) && over(self.tick) {
            self.wake(now);
        }
    }

    /// Calls the program as it has asked for. Of a device that is ready only when nothing else is to be done, so that what it then
    /// writes does not pile up.
    fn wake(&mut self, now: Instant) {
        self.tick = None;
        self.tick_is_next = false;
        self.consult(now, Purpose::Tick, |program, _, cx| program.tick(cx));
    }

    /// Begins what can be done now, in the order of what matters: a stop, what was asked for before, values, the keepalive.
    fn proceed(&mut self, now: Instant) {
        self.become_ready(now);
        while !self.has_ended() && self.link.is_idle() {
            if self.issue(now, Link::begin_urgent) {
                return;
            }
            if self.stops.is_due() {
                if self.stops.retry_at().is_some_and(|at| at > now) {
                    return;
                }
                self.begin_stop(now);
            } else if self.is_impatient(now) {
                self.begin_flush(now);
            } else if self.issue(now, Link::begin_waiting) || !self.is_ready() {
                return;
            } else if self.is_tick_next(now) {
                self.wake(now);
            } else if self.flush_at().is_some_and(|at| at <= now) {
                self.begin_flush(now);
            } else if self.pacing.keepalive_at().is_some_and(|at| at <= now) {
                self.begin_keepalive(now);
            } else {
                return;
            }
        }
    }

    /// Whether values have waited too long for operations that were there before them.
    fn is_impatient(&self, now: Instant) -> bool {
        self.is_ready() && self.batch.is_none() && self.link.has_waiting() && self.pacing.is_impatient(now)
    }

    /// Ticks and values take turns when both are due.
    fn is_tick_next(&self, now: Instant) -> bool {
        let tick = self.tick.is_some_and(|at| at <= now);
        let values = self.flush_at().is_some_and(|at| at <= now);
        tick && (self.tick_is_next || !values)
    }

    /// When changed values or follow-ups are to be written.
    fn flush_at(&self) -> Option<Instant> {
        let follow_ups = self.follow_ups.due().map(|due| self.pacing.write_at(due));
        self.pacing.values_at().into_iter().chain(follow_ups).min()
    }

    fn issue(&mut self, now: Instant, begin: impl FnOnce(&mut Link, Instant) -> Option<&Job>) -> bool {
        let Some(job) = begin(&mut self.link, now) else { return false };
        if let (Purpose::Batch, Some(batch)) = (job.purpose, &mut self.batch)
            && batch.begin()
        {
            self.pacing.began(now);
        }
        self.pending.push_back(Output::Operate(job.operation.clone()));
        true
    }

    /// Takes in how an operation has ended.
    fn conclude(&mut self, now: Instant, job: &Job, result: Result<Packet, String>) {
        let failure = result.as_ref().err().map(|reason| format!("{} failed: {reason}", job.operation));
        let result = result.as_deref().map_err(String::as_str);
        self.consult(now, job.purpose, |program, _, cx| program.completed(&job.operation, result, cx));
        if self.has_ended() {
            return;
        }
        match (job.purpose, failure) {
            (Purpose::Batch, failure) => self.advance_batch(now, failure),
            (Purpose::Overtaken | Purpose::Tick, Some(reason)) if job.is_write() => {
                self.count_failure(now, &reason);
            }
            (Purpose::Other, Some(reason))
                if self.is_ready() && !matches!(job.operation, Operation::Read { .. }) =>
            {
                self.report(Report::Notice(reason));
            }
            _ => {}
        }
    }

    /// Ends an operation that was not answered in time.
    fn give_up(&mut self, now: Instant) {
        let Some(job) = self.link.end() else { return };
        let stopping = self.stops.is_due() || self.batch.as_ref().is_some_and(Batch::is_stop);
        if self.is_ready() && job.is_write() && stopping {
            self.end_of_link(format!("{} was not answered within 5 s, with a stop due", job.operation));
        } else {
            self.pending.push_back(Output::Abandon);
            self.conclude(now, &job, Err("no answer within 5 s".to_owned()));
        }
    }

    /// Asks the program, and does what it says.
    fn consult(
        &mut self,
        now: Instant,
        purpose: Purpose,
        ask: impl FnOnce(&mut dyn Program, &State, &mut Context<'_>),
    ) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut cx = Context::new(now, self.is_ready(), &mut effects);
        ask(&mut *self.program, self.outputs.state(), &mut cx);
        for effect in effects.drain(..) {
            if self.has_ended() {
                break;
            }
            self.apply(now, purpose, effect);
        }
        self.effects = effects;
    }

    fn apply(&mut self, now: Instant, purpose: Purpose, effect: Effect) {
        match effect {
            Effect::Operate(operation) => self.enqueue(purpose, operation),
            Effect::FollowUp { after, write } => {
                if !self.follow_ups.add(after, write) {
                    self.end_of_link("the program asks for too many follow-ups at a time".to_owned());
                } else if purpose != Purpose::Batch {
                    self.follow_ups.start(now);
                }
            }
            Effect::WakeAt(at) => self.tick = Some(at.max(later(now, SHORTEST_SLEEP))),
            Effect::Ready(description) => {
                if let Phase::Greeting { granted: granted @ None, .. } = &mut self.phase {
                    *granted = Some(description);
                }
            }
            Effect::Fail(reason) => match (&mut self.batch, purpose) {
                (Some(batch), Purpose::Batch) => batch.fail(reason),
                _ => self.end_of_link(reason),
            },
            Effect::Notice(text) => self.report(Report::Notice(text)),
            Effect::Reading(feature, kind, value) => {
                if self.has_input(feature, kind) {
                    self.report(Report::Reading(feature, kind, value));
                }
            }
            Effect::ReadDone(feature, kind, result) => {
                for ticket in self.reads.take(feature, kind) {
                    self.done(ticket, result.clone().map(Some));
                }
            }
        }
    }

    fn enqueue(&mut self, purpose: Purpose, operation: Operation) {
        let is_write = matches!(operation, Operation::Write { .. });
        let (purpose, urgent) = match (purpose, &mut self.batch, &self.phase) {
            (_, _, Phase::Greeting { granted: None, .. }) => (Purpose::Greeting, false),
            (Purpose::Batch, Some(batch), _) if is_write && !batch.is_stop() && self.stops.is_due() => {
                return batch.cut();
            }
            (Purpose::Batch, Some(batch), _) => {
                batch.extend();
                (Purpose::Batch, batch.is_stop())
            }
            (Purpose::Overtaken, _, _) if is_write => return,
            (Purpose::Tick, _, _) => (Purpose::Tick, false),
            _ => (Purpose::Other, false),
        };
        if !self.link.push(Job { operation, purpose }, urgent) {
            self.end_of_link("the program asks for too many operations at a time".to_owned());
        }
    }

    /// The greeting has succeeded once what was asked for before it was granted has been done.
    fn become_ready(&mut self, now: Instant) {
        let Phase::Greeting { granted: granted @ Some(_), .. } = &mut self.phase else { return };
        if self.link.has(Purpose::Greeting) {
            return;
        }
        let Some(mut hardware) = granted.take() else { return };
        hardware.features.sort_by_key(|feature| feature.index);
        match self.ask.take().map(|ask| ask(&hardware)) {
            Some(Ok(preferences)) => self.preferences = preferences,
            Some(Err(reason)) => return self.refuse(reason),
            None => {}
        }
        self.phase = Phase::Ready;
        self.outputs = Outputs::new(&hardware, &self.preferences.limits);
        self.hardware = hardware;
        self.pacing = Pacing::new(now, self.gap(), self.hardware.keepalive);
        *self.advertised = advertise(&self.hardware, &self.preferences);
        self.report(Report::Ready(self.advertised.clone()));
        if self.settings.stop_first {
            self.stop(now, &Selection::All, None);
        }
    }

    /// Counts a failed write; after several in a row the link is closed.
    fn count_failure(&mut self, now: Instant, reason: &str) {
        let failures = self.pacing.failed(now);
        self.report(Report::WriteFailed(format!("{reason} (attempt {failures} of {MOST_FAILURES})")));
        if failures >= MOST_FAILURES {
            self.end_of_link(format!("{failures} writes in a row have failed, at last: {reason}"));
        }
    }

    fn report(&mut self, report: Report) {
        self.pending.push_back(Output::Report(report));
    }

    fn done(&mut self, ticket: Ticket, result: Result<Option<i64>, String>) {
        self.report(Report::Done(ticket, result));
    }

    /// The device cannot be used any longer: a greeting is refused, a closing goes without its stop, anything else is a loss.
    fn end_of_link(&mut self, reason: String) {
        match self.phase {
            Phase::Ready if self.closing.is_some() => self.close(false),
            Phase::Ready | Phase::Greeting { .. } => self.lose(reason),
            Phase::Ended => {}
        }
    }

    fn lose(&mut self, reason: String) {
        match self.phase {
            Phase::Ready => self.end(&reason, Report::Gone(reason.clone())),
            Phase::Greeting { .. } => self.refuse(reason),
            Phase::Ended => {}
        }
    }

    fn refuse(&mut self, reason: String) {
        self.end(&reason, Report::Refused(reason.clone()));
    }

    fn close(&mut self, stopped: bool) {
        self.end("the device has been closed", Report::Closed { stopped });
    }

    fn end(&mut self, reason: &str, last: Report) {
        if self.has_ended() {
            return;
        }
        for ticket in self.stops.take_all().into_iter().chain(self.reads.take_all()) {
            self.done(ticket, Err(reason.to_owned()));
        }
        self.report(last);
        self.pending.push_back(Output::Close);
        self.phase = Phase::Ended;
        self.link = Link::default();
        self.batch = None;
    }
}

impl fmt::Debug for DeviceMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceMachine").field("hardware", &self.hardware).finish_non_exhaustive()
    }
}
