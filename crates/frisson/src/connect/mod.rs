//! `frisson connect`: an interactive client in the terminal.

mod app;
mod device;
mod driver;
mod keys;
mod messages;
mod terminal;
mod view;

use std::io::{self, IsTerminal};
use std::time::Instant;

use frisson_client::{Backoff, Client, ConnectError, Connector, Error, Events};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::cli::Connect;
use crate::connect::app::App;
use crate::connect::driver::Driver;
use crate::connect::messages::{Heard, What};
use crate::connect::terminal::{Terminal, Told};
use crate::exit::Failure;
use crate::signals::Signals;
use crate::start;

/// Runs the client until the person leaves.
pub(crate) fn run(options: Connect) -> Result<(), Failure> {
    let connector: Connector =
        options.url.parse().map_err(|error: ConnectError| Failure::Usage(error.to_string()))?;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let reason = "connect is used by hand, in a terminal; its input and output cannot be files or pipes";
        return Err(Failure::Usage(reason.to_owned()));
    }
    start::runtime()?.block_on(connect(options, connector))
}

async fn connect(options: Connect, connector: Connector) -> Result<(), Failure> {
    let mut signals = start::signals()?;
    let connecting = Client::builder(options.name).reconnect(Backoff::default()).connect(connector);
    let client = tokio::select! {
        client = connecting => client.map_err(|error| Failure::Failed(error.to_string()))?,
        _ = signals.next() => return Ok(()),
    };
    let mut terminal =
        Terminal::open().map_err(|error| Failure::Failed(format!("the terminal cannot be used: {error}")))?;
    let mut app = App::new(options.url, client.server_name(), Instant::now());
    let end = talk(&client, &mut app, &mut terminal, &mut signals).await;

    app.handle(Instant::now(), Heard::Leaving);
    terminal.draw(&app);
    let stopped = client.disconnect().await;
    terminal.close().await;
    match (stopped, end) {
        (Err(error @ Error::StopNotConfirmed { .. }), _) => Err(Failure::Failed(error.to_string())),
        (_, End::Asked) => Ok(()),
        (_, End::Failed(reason)) => Err(Failure::Failed(reason)),
    }
}

/// Why the client ends.
enum End {
    Asked,
    Failed(String),
}

async fn talk(client: &Client, app: &mut App, terminal: &mut Terminal, signals: &mut Signals) -> End {
    let mut events: Events = client.events();
    let (sender, mut answers) = mpsc::unbounded_channel();
    let mut driver = Driver::new(client.clone(), sender);
    let mut is_drawn = false;
    loop {
        while let Some(wish) = app.next_wish() {
            if wish.what == What::Leave {
                return End::Asked;
            }
            driver.carry_out(wish).await;
        }
        is_drawn = is_drawn || terminal.draw(app);
        let heard = tokio::select! {
            biased;
            _ = signals.next() => return End::Asked,
            told = terminal.next() => match told {
                Told::Key(key) => Some(Heard::Key(key)),
                Told::Resized => Some(Heard::Tick),
                Told::Drawn => None,
                Told::Gone(reason) => return End::Failed(format!("the terminal is gone: {reason}")),
            },
            event = events.next() => match event {
                Some(event) => driver.hear(event),
                None => return End::Failed(driver.farewell()),
            },
            Some(heard) = answers.recv() => Some(heard),
            () = sleep_until(app.next_timeout().into()) => Some(Heard::Tick),
        };
        if let Some(heard) = heard {
            app.handle(Instant::now(), heard);
            is_drawn = false;
        }
    }
}
