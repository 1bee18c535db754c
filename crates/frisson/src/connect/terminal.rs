//! The terminal, at arm's length: reading and drawing happen in threads of their own, so that a terminal that hangs holds up
//! neither a stop nor the end of the program.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ratatui::Terminal as Ratatui;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEvent};
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use tokio::sync::mpsc;

use crate::connect::app::App;
use crate::connect::view;

/// The least time from one picture to the next.
const FRAME: Duration = Duration::from_millis(16);
/// How long the terminal may take to be put back in order.
const RESTORE_TIMEOUT: Duration = Duration::from_millis(500);

/// Whether there is something to be restored.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// What the terminal tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// A key.
    Key(KeyEvent),
    /// It has another size.
    Resized,
    /// The last picture is drawn.
    Drawn,
    /// It cannot be read or drawn on any more.
    Gone(String),
}

/// A terminal in full-screen use.
pub(crate) struct Terminal {
    frames: Option<std_mpsc::SyncSender<App>>,
    told: mpsc::UnboundedReceiver<Told>,
    is_ready: bool,
}

impl Terminal {
    /// Takes the terminal over. It is given back by [`Terminal::close`], and also when the program panics.
    pub(crate) fn open() -> io::Result<Self> {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            previous(info);
        }));
        enable_raw_mode()?;
        IS_OPEN.store(true, Ordering::Relaxed);
        // Text that is pasted must not be taken for keys.
        if let Err(error) =
            execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Clear(ClearType::All))
        {
            restore();
            return Err(error);
        }
        let (sender, told) = mpsc::unbounded_channel();
        let (frames, pictures) = std_mpsc::sync_channel(1);
        let reader = sender.clone();
        thread::Builder::new().name("terminal-input".into()).spawn(move || read(Teller(reader)))?;
        thread::Builder::new()
            .name("terminal-output".into())
            .spawn(move || paint(pictures, Teller(sender)))?;
        Ok(Self { frames: Some(frames), told, is_ready: true })
    }

    /// What it tells next. Cancel safe.
    pub(crate) async fn next(&mut self) -> Told {
        let told = self.told.recv().await.unwrap_or_else(|| Told::Gone("its threads have ended".to_owned()));
        self.is_ready |= matches!(told, Told::Drawn);
        told
    }

    /// Draws a picture, unless the last one is still being drawn: then `false`, and [`Told::Drawn`] follows.
    pub(crate) fn draw(&mut self, app: &App) -> bool {
        let Some(frames) = self.frames.as_ref().filter(|_| self.is_ready) else { return false };
        self.is_ready = frames.try_send(app.clone()).is_err();
        !self.is_ready
    }

    /// Gives the terminal back, or gives up on it.
    pub(crate) async fn close(mut self) {
        self.frames = None;
        let ended = async { while !matches!(self.told.recv().await, None | Some(Told::Gone(_))) {} };
        if tokio::time::timeout(RESTORE_TIMEOUT, ended).await.is_err() {
            let _ = disable_raw_mode();
        }
    }
}

/// Tells that its thread has ended, whichever way.
struct Teller(mpsc::UnboundedSender<Told>);

impl Drop for Teller {
    fn drop(&mut self) {
        let _ = self.0.send(Told::Gone("it cannot be used any more".to_owned()));
    }
}

fn read(teller: Teller) {
    loop {
        let told = match event::read() {
            Ok(Event::Key(key)) => Told::Key(key),
            Ok(Event::Resize(..)) => Told::Resized,
            Ok(_) => continue,
            Err(error) => Told::Gone(error.to_string()),
        };
        let is_end = matches!(told, Told::Gone(_));
        if teller.0.send(told).is_err() || is_end {
            return;
        }
    }
}

fn paint(pictures: std_mpsc::Receiver<App>, teller: Teller) {
    let painted = (|| {
        let mut terminal = Ratatui::new(CrosstermBackend::new(io::stdout()))?;
        while let Ok(app) = pictures.recv() {
            let begin = Instant::now();
            terminal.draw(|frame| view::draw(&app, frame))?;
            thread::sleep(FRAME.saturating_sub(begin.elapsed()));
            if teller.0.send(Told::Drawn).is_err() {
                break;
            }
        }
        io::Result::Ok(())
    })();
    restore();
    if let Err(error) = painted {
        let _ = teller.0.send(Told::Gone(error.to_string()));
    }
}

/// Puts the terminal back in order, as far as it can be, and only once: what is printed afterwards is left alone.
fn restore() {
    if !IS_OPEN.swap(false, Ordering::Relaxed) {
        return;
    }
    let _ = disable_raw_mode();
    let mut output = io::stdout();
    let _ = execute!(output, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = output.flush();
}
