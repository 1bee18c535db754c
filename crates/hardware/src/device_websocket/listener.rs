//! Takes in devices: HTTP, until it is a WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::{StatusCode, header};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{Instrument, debug, info_span};

use super::Options;
use super::link::{self, Arrival};
use crate::listener::Refusals;
use crate::upgrade::{HttpRequest, HttpResponse, Upgrade, plain, serve_http, upgrade, upgraded};

/// How many connections there may be besides those of devices: of those that have not yet said what they want, or are being refused.
const MAX_OTHERS: usize = 64;
/// How long a connection may take until it is a WebSocket.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What the connections share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) arrivals: mpsc::UnboundedSender<Arrival>,
    places: Arc<Semaphore>,
    pub(super) refusals: Refusals,
}

/// Accepts devices for ever.
pub(super) async fn run(listener: TcpListener, options: Options, arrivals: mpsc::UnboundedSender<Arrival>) {
    let count = options.max_devices.min(Semaphore::MAX_PERMITS - MAX_OTHERS);
    let connections = Arc::new(Semaphore::new(count + MAX_OTHERS));
    let places = Arc::new(Semaphore::new(count));
    let shared = Arc::new(Shared { options, arrivals, places, refusals: Refusals::default() });
    crate::listener::accept(listener, |stream, peer| {
        let Ok(connection) = Arc::clone(&connections).try_acquire_owned() else {
            return shared.refusals.tell(peer, "there are too many connections");
        };
        let serving = serve(stream, peer, Arc::clone(&shared), connection);
        tokio::spawn(serving.instrument(info_span!(parent: None, "connection", %peer)));
    })
    .await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, connection: OwnedSemaphorePermit) {
    let connection = Arc::new(connection);
    serve_http(stream, HANDSHAKE, |request| {
        let response = respond(request, peer, &shared, &connection);
        async { response }
    })
    .await;
}

fn respond(
    mut request: HttpRequest,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    connection: &Arc<OwnedSemaphorePermit>,
) -> HttpResponse {
    // A browser names the page that connects; no page has any business here.
    if request.headers().contains_key(header::ORIGIN) {
        shared.refusals.tell(peer, "it is a web page, for it sends the header Origin");
        return plain(
            StatusCode::FORBIDDEN,
            "Devices connect here, web pages do not: the header Origin is refused.\n",
        );
    }
    let response = match upgrade(&request) {
        Upgrade::None => {
            let text =
                "Devices of a Buttplug server connect here over WebSocket. Applications have another port.\n";
            return plain(StatusCode::UPGRADE_REQUIRED, text);
        }
        Upgrade::Bad(why) => return plain(StatusCode::BAD_REQUEST, why),
        Upgrade::WebSocket(response) => response,
    };
    let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
        shared.refusals.tell(peer, "there are too many devices");
        return plain(StatusCode::SERVICE_UNAVAILABLE, "There are too many devices.\n");
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let (shared, connection) = (Arc::clone(shared), Arc::clone(connection));
    tokio::spawn(
        async move {
            match upgraded::<TcpStream>(upgrading).await {
                Some(stream) => link::serve(stream, peer, &shared).await,
                None => debug!("gone before it was a WebSocket"),
            }
            drop((place, connection));
        }
        .instrument(info_span!(parent: None, "device websocket", %peer)),
    );
    response
}
