//! A fake of what Lovense Connect speaks: the vendor's service and a phone, at one port of this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::hardware::upgrade::{HttpResponse, plain, serve_http};

/// What is answered, and what was asked.
#[derive(Default)]
pub struct State {
    /// To `/service`.
    pub service: String,
    /// To `/GetToys`.
    pub toys: String,
    /// To everything else, instead of 200.
    pub refuses: bool,
    /// Whether there is an answer at all.
    pub is_silent: bool,
    /// Whether each connection is closed behind its first answer.
    pub closes: bool,
    /// How often the service was asked.
    pub service_asked: usize,
    /// How often the phone was asked for its toys.
    pub polls: usize,
    /// How many connections there were.
    pub connections: usize,
}

/// The service and the phone.
pub struct Fake {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    commands: mpsc::UnboundedReceiver<String>,
}

/// What a phone answers that has these toys: id, name, status, battery.
pub fn toys(list: &[(&str, &str, &str, &str)]) -> String {
    let toy = |(id, name, status, battery): &(&str, &str, &str, &str)| {
        format!(
            r#""{id}":{{"id":"{id}","name":"{name}","nickName":"","status":{status},"version":"","battery":{battery}}}"#
        )
    };
    let toys: Vec<_> = list.iter().map(toy).collect();
    format!(r#"{{"type":"OK","code":200,"data":{{{}}}}}"#, toys.join(","))
}

impl Fake {
    /// A phone without toys, which the service knows.
    pub async fn start() -> Self {
        Self::start_with(|stream| async { Some(stream) }).await
    }

    /// The same behind something that the streams go through first.
    pub async fn start_with<S, F>(
        through: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let service = format!(
            r#"{{"127-0-0-1.lovense.club":{{"domain":"127-0-0-1.lovense.club","httpPort":"{}","wsPort":"1","toys":{{}}}}}}"#,
            address.port()
        );
        let state = State { service, toys: toys(&[]), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let (said, commands) = mpsc::unbounded_channel();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().expect("no panic").connections += 1;
                let (shared, said, stream) = (Arc::clone(&shared), said.clone(), through(stream));
                tokio::spawn(async move {
                    let Some(stream) = stream.await else { return };
                    serve_http(stream, Duration::from_secs(60), |request| {
                        let path = request.uri().path_and_query().expect("a path").to_string();
                        let response = answer(&path, &shared, &said);
                        async {
                            match response {
                                Some(response) => response,
                                None => std::future::pending().await,
                            }
                        }
                    })
                    .await;
                });
            }
        });
        Self { address, state, commands }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// The next request that is neither for phones nor for toys.
    pub async fn command(&mut self) -> String {
        let command = tokio::time::timeout(Duration::from_secs(30), self.commands.recv()).await;
        command.expect("a command within 30 s").expect("a running fake")
    }

    /// Nothing was asked but for phones and toys.
    pub fn no_command(&mut self) -> bool {
        self.commands.try_recv().is_err()
    }
}

fn answer(path: &str, state: &Mutex<State>, said: &mpsc::UnboundedSender<String>) -> Option<HttpResponse> {
    let mut state = state.lock().expect("no panic");
    let (status, text) = match path {
        "/service" => {
            state.service_asked += 1;
            (200, state.service.clone())
        }
        "/GetToys" => {
            state.polls += 1;
            (200, state.toys.clone())
        }
        command => {
            let _ = said.send(command.to_owned());
            (if state.refuses { 404 } else { 200 }, String::new())
        }
    };
    let mut response = plain(status.try_into().expect("a status"), text);
    if state.closes {
        let headers = response.headers_mut();
        headers.insert("connection", "close".parse().expect("a value"));
    }
    (!state.is_silent).then_some(response)
}
