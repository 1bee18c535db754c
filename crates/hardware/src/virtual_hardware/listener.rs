//! Takes in hosts: HTTP, until it is a WebSocket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::{StatusCode, header};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{Instrument, debug, info_span};

use super::board::{FromHost, HostId};
use super::host;
use crate::listener::Refusals;
use crate::upgrade::{HttpRequest, HttpResponse, Upgrade, plain, serve_http, upgrade, upgraded};

/// How many connections there may be at once.
const MAX_HOSTS: usize = 64;
/// How long a connection may take until it is a WebSocket.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What the connections share.
struct Shared {
    path: String,
    server: String,
    board: mpsc::Sender<FromHost>,
    last_host: AtomicU64,
}

/// Accepts hosts for ever.
pub(super) async fn run(listener: TcpListener, path: String, server: String, board: mpsc::Sender<FromHost>) {
    let places = Arc::new(Semaphore::new(MAX_HOSTS));
    let shared = Arc::new(Shared { path, server, board, last_host: AtomicU64::new(0) });
    let refusals = Refusals::default();
    crate::listener::accept(listener, |stream, peer| {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            return refusals.tell(peer, &format!("there are {MAX_HOSTS} already"));
        };
        refusals.forget();
        let span = info_span!(parent: None, "connection", %peer);
        tokio::spawn(connection(stream, Arc::clone(&shared), place).instrument(span));
    })
    .await;
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, place: OwnedSemaphorePermit) {
    let place = Arc::new(place);
    serve_http(stream, HANDSHAKE, |request| {
        let response = respond(request, &shared, &place);
        async { response }
    })
    .await;
}

fn respond(
    mut request: HttpRequest,
    shared: &Arc<Shared>,
    place: &Arc<OwnedSemaphorePermit>,
) -> HttpResponse {
    if request.uri().path() != shared.path {
        return plain(StatusCode::NOT_FOUND, "Virtual hardware is not at this path.\n");
    }
    // A browser names the page that connects; no page has any business here.
    if request.headers().contains_key(header::ORIGIN) {
        return plain(StatusCode::FORBIDDEN, "Virtual hardware is not for web pages.\n");
    }
    let response = match upgrade(&request) {
        Upgrade::None => {
            let text = "This is the virtual hardware of a Buttplug server. Hosts connect over WebSocket.\n";
            return plain(StatusCode::UPGRADE_REQUIRED, text);
        }
        Upgrade::Bad(why) => return plain(StatusCode::BAD_REQUEST, why),
        Upgrade::WebSocket(response) => response,
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let host: HostId = shared.last_host.fetch_add(1, Ordering::Relaxed) + 1;
    let (shared, place) = (Arc::clone(shared), Arc::clone(place));
    let span = info_span!(parent: None, "host", id = host);
    tokio::spawn(
        async move {
            match upgraded::<TcpStream>(upgrading).await {
                Some(stream) => host::serve(stream, host, &shared.server, shared.board.clone()).await,
                None => debug!("gone before it was a WebSocket"),
            }
            drop(place);
        }
        .instrument(span),
    );
    response
}
