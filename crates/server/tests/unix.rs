//! Clients over a Unix domain socket, one frame a line.
#![cfg(all(unix, feature = "unix", feature = "websocket", feature = "simulated"))]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use frisson_server::{ListenError, Server};
use frisson_testkit::hello;
use frisson_testkit::wire::Dialect;
use frisson_testkit::wire::rules::check_server_frame;
use support::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

struct Lines(BufReader<UnixStream>);

impl Lines {
    async fn connect(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).await.expect("a socket")))
    }

    async fn open(path: &Path, dialect: Dialect) -> Self {
        let mut lines = Self::connect(path).await;
        let answer = lines.ask(hello(dialect)).await;
        assert!(answer.contains("ServerInfo"), "{answer}");
        lines
    }

    async fn say(&mut self, text: &str) {
        within(self.0.get_mut().write_all(format!("{text}\n").as_bytes())).await.expect("an open connection");
    }

    /// The next line; `None` at the end.
    async fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        within(self.0.read_line(&mut line)).await.expect("a line");
        line.strip_suffix('\n').map(str::to_owned)
    }

    async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        self.hear().await.expect("a line")
    }
}

async fn served(list: &str) -> (Server, tempfile::TempDir, PathBuf) {
    let server = start(Server::builder(), list).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frisson.sock");
    server.listen_unix(&path).await.expect("a socket");
    (server, folder, path)
}

#[tokio::test]
async fn every_version_is_spoken_a_frame_a_line() {
    let (server, _folder, path) = served("1vibe").await;
    for dialect in Dialect::ALL {
        let mut lines = Lines::open(&path, dialect).await;
        assert_eq!(lines.ask(&run(dialect)).await, r#"[{"Ok":{"Id":2}}]"#);
        until_at(&simulation(&server), VIBE, 50).await;
        let list = lines.ask(r#"[{"RequestDeviceList":{"Id":3}}]"#).await;
        assert_eq!(check_server_frame(dialect, &list), Ok(()));
        drop(lines);
        until_at_rest(&simulation(&server), VIBE).await;
    }
}

#[tokio::test]
async fn several_lines_that_arrive_together_are_all_answered() {
    let (_server, _folder, path) = served("1vibe").await;
    let mut lines = Lines::open(&path, Dialect::V4).await;
    lines
        .say(&[ping(1), String::new(), "\r".to_owned(), ping(2), "hello".to_owned(), ping(3)].join("\n"))
        .await;
    assert_eq!(lines.hear().await.as_deref(), Some(r#"[{"Ok":{"Id":1}}]"#));
    assert_eq!(lines.hear().await.as_deref(), Some(r#"[{"Ok":{"Id":2}}]"#));
    assert_error(&lines.hear().await.expect("a line"), 0, 3);
    assert_eq!(lines.hear().await.as_deref(), Some(r#"[{"Ok":{"Id":3}}]"#));
}

#[tokio::test]
async fn a_line_that_is_not_text_is_an_error_and_the_session_goes_on() {
    let (_server, _folder, path) = served("1vibe").await;
    let mut lines = Lines::open(&path, Dialect::V4).await;
    lines
        .0
        .get_mut()
        .write_all(b"[{\"Ping\":{\"Id\":1,\"x\":\"\xff\"}}]\n")
        .await
        .expect("an open connection");
    assert_error(&lines.hear().await.expect("a line"), 0, 3);
    assert_eq!(lines.ask(&ping(2)).await, r#"[{"Ok":{"Id":2}}]"#);
}

#[tokio::test]
async fn a_line_that_is_too_long_closes_the_connection_and_stops_the_device() {
    let server = start(Server::builder().max_frame_bytes(1000), "1vibe").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frisson.sock");
    server.listen_unix(&path).await.expect("a socket");
    // By itself, and behind another line that has arrived with it.
    for before in [String::new(), ping(4) + "\n"] {
        let mut lines = Lines::open(&path, Dialect::V4).await;
        assert_eq!(lines.ask(&vibrate(0, 40)).await, r#"[{"Ok":{"Id":2}}]"#);
        until_at(&simulation(&server), VIBE, 40).await;
        lines.say(&format!("{before}{}{}", ping(5), " ".repeat(1000))).await;
        let mut rest = String::new();
        let _ = within(lines.0.read_to_string(&mut rest)).await;
        assert!(rest.is_empty() || rest == "[{\"Ok\":{\"Id\":4}}]\n", "{rest}");
        until_at_rest(&simulation(&server), VIBE).await;
    }
}

#[tokio::test]
async fn w_32_a_connection_without_a_handshake_is_closed() {
    let server = start(Server::builder().handshake_timeout(Duration::from_millis(100)), "1vibe").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frisson.sock");
    server.listen_unix(&path).await.expect("a socket");
    let mut lines = Lines::connect(&path).await;
    assert_eq!(lines.hear().await, None);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_its_device_stopped() {
    let server = start(Server::builder().write_limit(Duration::from_millis(200)), "1vibe,2vibe,pump").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frisson.sock");
    server.listen_unix(&path).await.expect("a socket");
    let mut lines = Lines::open(&path, Dialect::V4).await;
    assert_eq!(lines.ask(&vibrate(0, 40)).await, r#"[{"Ok":{"Id":2}}]"#);
    let request = format!("[{}]\n", [r#"{"RequestDeviceList":{"Id":3}}"#; 500].join(","));
    for _ in 0..20 {
        if lines.0.get_mut().write_all(request.as_bytes()).await.is_err() {
            break;
        }
    }
    until_at_rest(&simulation(&server), VIBE).await;
    within(until_clients(&server, 0)).await;
}

#[tokio::test]
async fn there_is_room_for_so_many_connections_and_for_another_when_one_has_ended() {
    let server = start(Server::builder().max_clients(1), "1vibe").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frisson.sock");
    server.listen_unix(&path).await.expect("a socket");
    let mut waiting = Vec::new();
    for _ in 0..65 {
        waiting.push(Lines::connect(&path).await);
    }
    assert_eq!(Lines::connect(&path).await.hear().await, None);
    waiting.pop();
    within(async {
        loop {
            let mut app = Lines::connect(&path).await;
            // One that is refused may be gone before it has said anything.
            let _ = app.0.get_mut().write_all(b"[{\"Ping\":{\"Id\":1}}]\n").await;
            let mut line = String::new();
            if app.0.read_line(&mut line).await.is_ok_and(|count| count > 0) {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_socket_is_for_its_user_only() {
    let (_server, _folder, path) = served("1vibe").await;
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_that_nobody_serves_any_more_is_replaced() {
    let server = start(Server::builder(), "1vibe").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frisson.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    server.listen_unix(&path).await.expect("a socket");
    Lines::open(&path, Dialect::V4).await;
}

#[tokio::test]
async fn a_socket_in_use_is_left_alone() {
    let (_server, _folder, path) = served("1vibe").await;
    let other = Server::builder().start().expect("a server");
    let refused = other.listen_unix(&path).await;
    assert!(matches!(refused, Err(ListenError::InUse { .. })), "{refused:?}");
    Lines::open(&path, Dialect::V4).await;
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let server = Server::builder().start().expect("a server");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "dear").expect("a file");
    assert!(server.listen_unix(&path).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "dear");
    let missing = server.listen_unix(folder.path().join("no/such/folder")).await;
    assert!(matches!(missing, Err(ListenError::NoSuchAddress { .. })), "{missing:?}");
}

#[tokio::test]
async fn w_93_a_shutdown_ends_the_session_and_removes_the_socket() {
    let (server, _folder, path) = served("1vibe").await;
    let simulation = simulation(&server);
    let mut lines = Lines::open(&path, Dialect::V4).await;
    assert_eq!(lines.ask(&vibrate(0, 40)).await, r#"[{"Ok":{"Id":2}}]"#);
    assert!(within(server.shutdown()).await.is_complete());
    assert!(simulation.state(VIBE).expect("a device").is_at_rest());
    while let Some(line) = lines.hear().await {
        assert!(line.contains("DeviceList"), "{line}");
    }
    within(async {
        while path.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
