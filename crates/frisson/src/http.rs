//! Plain HTTP on the port that clients use.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use frisson_server::{HttpHandler, HttpRequest, HttpResponse, Observer, plain, upgrade_required};
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Serialize;

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    version: &'a str,
    clients: usize,
    devices: usize,
    scanning: bool,
}

/// Answers `/healthz` from what `observer` sees, and says elsewhere what this is.
pub(crate) fn handler(observer: Observer) -> HttpHandler {
    Arc::new(move |request: HttpRequest| -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> {
        let observer = observer.clone();
        Box::pin(async move { answer(&request, &observer).await })
    })
}

async fn answer(request: &HttpRequest, observer: &Observer) -> HttpResponse {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/healthz" => health(observer).await,
        "/" => upgrade_required(
            "This is Frisson, a Buttplug server. Connect with an application that speaks the Buttplug protocol over WebSocket, \
             at this very address with ws:// in front.\n",
        ),
        _ => plain(StatusCode::NOT_FOUND, "there is nothing here; /healthz tells how the server is doing\n"),
    }
}

async fn health(observer: &Observer) -> HttpResponse {
    let Ok(status) = observer.status().await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down\n");
    };
    let health = Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        clients: status.clients,
        devices: status.devices.len(),
        scanning: status.scanning,
    };
    match serde_json::to_string(&health) {
        Ok(text) => {
            let mut response = plain(StatusCode::OK, text + "\n");
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
