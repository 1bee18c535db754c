//! The HTTP request that turns a connection into a WebSocket.
//!
//! The WebSocket library has its own, which panics on an oversized `Sec-WebSocket-Accept` and takes answers of any
//! length; hence this one.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// The most that is read of an answer.
const MAX_HEAD: u64 = 16 << 10;
const MAX_HEADERS: usize = 64;
/// RFC 6455, section 1.3.
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why there is no WebSocket.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The peer closed the connection, or it broke.
    Closed(io::Error),
    /// The peer's answer is another one.
    Other { status: Option<u16>, reason: String },
}

/// Asks for a WebSocket. What the peer sends right behind its answer stays in the reader.
pub(super) async fn upgrade<S>(stream: S, authority: &str, path: &str) -> Result<BufReader<S>, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = STANDARD.encode(fastrand::u128(..).to_ne_bytes());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    // Reads of the WebSocket are larger than this, and pass it by.
    let mut stream = BufReader::with_capacity(512, stream);
    stream.write_all(request.as_bytes()).await.map_err(Refusal::Closed)?;
    stream.flush().await.map_err(Refusal::Closed)?;
    let head = read_head(&mut stream).await?;
    check(&head, &key)?;
    Ok(stream)
}

/// Reads up to the empty line, as far as it looks like HTTP.
async fn read_head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Result<Vec<u8>, Refusal> {
    let mut head = Vec::new();
    let mut stream = stream.take(MAX_HEAD);
    loop {
        let line = head.len();
        stream.read_until(b'\n', &mut head).await.map_err(Refusal::Closed)?;
        match head.get(line..) {
            Some(b"\r\n" | b"\n") if line > 0 => return Ok(head),
            _ if head.is_empty() => return Err(Refusal::Closed(io::ErrorKind::UnexpectedEof.into())),
            _ if !head.starts_with(b"HTTP/1.") => return Err(other(None, "its answer is not HTTP")),
            Some(line) if line.ends_with(b"\n") => {}
            _ => return Err(other(None, "its answer is incomplete or too long")),
        }
    }
}

fn check(head: &[u8], key: &str) -> Result<(), Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(other(None, "its answer is incomplete")),
        Err(error) => return Err(other(None, &format!("its answer cannot be understood: {error}"))),
    }
    let status = response.code;
    if status != Some(101) {
        let (code, text) = (status.unwrap_or(0), response.reason.unwrap_or(""));
        return Err(other(status, format!("it answers with HTTP status {code} {text}").trim_end()));
    }
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    if !header("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
        return Err(other(status, "it changes to another protocol"));
    }
    if header("Sec-WebSocket-Accept") != Some(accept(key).as_bytes()) {
        return Err(other(status, "its Sec-WebSocket-Accept is wrong"));
    }
    Ok(())
}

/// What the server makes of a key to show that it understands.
fn accept(key: &str) -> String {
    let mut sha = Sha1::from(key);
    sha.update(SALT);
    STANDARD.encode(sha.digest().bytes())
}

fn other(status: Option<u16>, reason: &str) -> Refusal {
    Refusal::Other { status, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    fn reason(head: &str) -> String {
        match check(head.as_bytes(), KEY) {
            Ok(()) => "none".into(),
            Err(Refusal::Closed(error)) => error.to_string(),
            Err(Refusal::Other { status, reason }) => format!("{status:?} {reason}"),
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        assert_eq!(reason(GOOD), "none");
    }

    #[test]
    fn other_answers_are_told_apart() {
        assert_eq!(
            reason("HTTP/1.1 404 Not Found\r\n\r\n"),
            "Some(404) it answers with HTTP status 404 Not Found"
        );
        assert_eq!(reason(&GOOD.replace("WebSocket", "h2c")), "Some(101) it changes to another protocol");
        let wrong = "Some(101) its Sec-WebSocket-Accept is wrong";
        assert_eq!(reason(&GOOD.replace("s3pPL", "t3pPL")), wrong);
        assert_eq!(reason(&GOOD.replace("s3pPL", &"s3pPL".repeat(1000))), wrong);
        assert_eq!(reason(&GOOD.replace("\r\nSec", "\r\nX-Sec")), wrong);
    }

    #[tokio::test]
    async fn an_endless_answer_is_given_up() {
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "y".repeat(20_000));
        let refused = read_head(&mut answer.as_bytes()).await;
        assert!(matches!(refused, Err(Refusal::Other { status: None, .. })));
    }

    #[tokio::test]
    async fn another_protocol_is_noticed_by_its_first_line() {
        let refused = read_head(&mut b"SSH-2.0-OpenSSH_9.9\r\n".as_slice()).await;
        assert!(matches!(refused, Err(Refusal::Other { reason, .. }) if reason == "its answer is not HTTP"));
    }
}
