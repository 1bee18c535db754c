//! The floor of the end-to-end benchmark: WebSocket and JSON, and nothing else.
//!
//! It answers every message with `Ok`, knows one device that does not exist, and does each thing in the
//! cheapest way its libraries offer: one thread, no hops, and replies that are ready together leave in one
//! write. What a real server costs above this is what the server itself does.

use std::error::Error;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use serde::Deserialize;
use tokio::io::BufWriter;
use tokio::net::{TcpListener, TcpStream};

const USAGE: &str = "usage: floor [--listen ADDR:PORT] [--library tokio-websockets|tungstenite]";

/// Replies collected before they are sent even though more input is ready.
const BATCH: usize = 256;

#[derive(Clone, Copy)]
enum Library {
    TokioWebsockets,
    Tungstenite,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut listen = "127.0.0.1:0".to_owned();
    let mut library = Library::TokioWebsockets;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next().as_deref()) {
            ("--listen", Some(addr)) => listen = addr.to_owned(),
            ("--library", Some("tokio-websockets")) => library = Library::TokioWebsockets,
            ("--library", Some("tungstenite")) => library = Library::Tungstenite,
            _ => return Err(USAGE.into()),
        }
    }
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(accept(&listen, library))
}

async fn accept(listen: &str, library: Library) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen).await?;
    println!("ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            if let Err(error) = converse(stream, library).await {
                eprintln!("connection ended: {error}");
            }
        });
    }
}

async fn converse(stream: TcpStream, library: Library) -> Result<(), Box<dyn Error>> {
    match library {
        Library::TokioWebsockets => {
            use tokio_websockets::{Message, ServerBuilder};
            // Without the buffer it hands header and payload to `writev` apart, at most 32 frames a call.
            let (_, socket) = ServerBuilder::new().accept(BufWriter::new(stream)).await?;
            echo(socket, Message::as_text, Message::text).await
        }
        Library::Tungstenite => {
            use tokio_tungstenite::tungstenite::Message;
            let socket = tokio_tungstenite::accept_async(stream).await?;
            echo(socket, |message| message.to_text().ok().filter(|_| message.is_text()), Message::text).await
        }
    }
}

async fn echo<S, M, E>(
    mut socket: S,
    text: impl Fn(&M) -> Option<&str>,
    message: impl Fn(String) -> M,
) -> Result<(), Box<dyn Error>>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: Error + 'static,
{
    let mut replies = Vec::new();
    loop {
        let ready = if replies.len() < BATCH { socket.next().now_or_never() } else { None };
        let received = match ready {
            Some(received) => received,
            // All at once: reading from tokio-websockets writes what was fed before.
            None => {
                for reply in replies.drain(..) {
                    socket.feed(message(reply)).await?;
                }
                socket.flush().await?;
                socket.next().await
            }
        };
        match received {
            Some(received) => {
                if let Some(text) = text(&received?) {
                    answer(text, &mut replies)?;
                }
            }
            None => return Ok(()),
        }
    }
}

#[derive(Deserialize)]
enum Incoming {
    RequestServerInfo(Numbered),
    RequestDeviceList(Numbered),
    Ping(Numbered),
    OutputCmd(Numbered),
}

#[derive(Deserialize)]
struct Numbered {
    #[serde(rename = "Id")]
    id: u32,
}

fn answer(frame: &str, replies: &mut Vec<String>) -> Result<(), serde_json::Error> {
    for request in serde_json::from_str::<Vec<Incoming>>(frame)? {
        replies.push(match request {
            Incoming::Ping(Numbered { id }) | Incoming::OutputCmd(Numbered { id }) => {
                format!(r#"[{{"Ok":{{"Id":{id}}}}}]"#)
            }
            Incoming::RequestServerInfo(Numbered { id }) => format!(
                r#"[{{"ServerInfo":{{"Id":{id},"ServerName":"floor","ProtocolVersionMajor":4,"ProtocolVersionMinor":0,"MaxPingTime":0}}}}]"#
            ),
            Incoming::RequestDeviceList(Numbered { id }) => format!(
                r#"[{{"DeviceList":{{"Id":{id},"Devices":{{"0":{{"DeviceName":"Floor","DeviceIndex":0,"DeviceMessageTimingGap":0,"DeviceFeatures":{{"0":{{"FeatureIndex":0,"FeatureDescription":"","Output":{{"Vibrate":{{"Value":[0,20]}}}}}}}}}}}}}}}}]"#
            ),
        });
    }
    Ok(())
}
