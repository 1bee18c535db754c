//! TCP connections to a host by its name.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::debug;

use super::{Deadline, unreachable};
use crate::error::{ConnectError, Stage};

/// How long one address is tried alone before the next one is tried as well.
const HEAD_START: Duration = Duration::from_millis(250);

/// After how long without traffic the system asks whether the peer is still there, and how often it asks.
const IDLE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Connects to the first address of the host that answers.
pub(super) async fn connect(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream, ConnectError> {
    let addresses = deadline.within(Stage::Lookup, addresses(host, port)).await?;
    let addresses = addresses.map_err(|cause| ConnectError::NameNotFound { host: host.into(), cause })?;
    let stream = deadline
        .within(Stage::Connect, race(in_turns(addresses)))
        .await?
        .map_err(|cause| unreachable(format!("{host}:{port}"), cause, deadline))?;
    if let Err(error) = tune(&stream) {
        debug!(%error, "the connection cannot be tuned");
    }
    Ok(stream)
}

/// The host's addresses. That of `localhost` are known, whatever the system's files say.
async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        return Ok(local.map(|ip| SocketAddr::new(ip, port)).into());
    }
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    Ok(addresses)
}

/// IPv6 and IPv4 take turns, so that a family that does not work costs one head start only.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let six_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == six_first);
    first.reverse();
    second.reverse();
    let mut turns = Vec::with_capacity(first.len() + second.len());
    while !(first.is_empty() && second.is_empty()) {
        turns.extend(first.pop());
        turns.extend(second.pop());
    }
    turns
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut running = JoinSet::new();
    let mut failure = None;
    loop {
        match waiting.next() {
            Some(address) => drop(running.spawn(TcpStream::connect(address))),
            None if running.is_empty() => {
                return Err(failure.unwrap_or(io::ErrorKind::AddrNotAvailable.into()));
            }
            None => {}
        }
        tokio::select! {
            Some(finished) = running.join_next() => match finished.unwrap_or_else(|error| Err(error.into())) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Some(the_telling_one(failure, error)),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// That a host refuses says more than that another address cannot be reached.
fn the_telling_one(before: Option<io::Error>, now: io::Error) -> io::Error {
    match before {
        Some(before) if now.kind() != io::ErrorKind::ConnectionRefused => before,
        _ => now,
    }
}

/// Small commands leave at once, and a peer that vanished without a word is noticed.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE).with_interval(ASK_AGAIN))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(IDLE + 2 * ASK_AGAIN))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_commands_are_not_held_back() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let patience = Duration::from_secs(10);
        let deadline = Deadline { at: tokio::time::Instant::now() + patience, patience };
        let stream = connect("localhost", listener.local_addr().unwrap().port(), deadline).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }

    #[test]
    fn address_families_take_turns() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"].map(parse);
        assert_eq!(in_turns(vec![a, b, c, d]), [a, c, b, d]);
        assert_eq!(in_turns(vec![]), []);
    }

    #[test]
    fn a_refusal_is_what_is_told() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let other = || io::Error::from(io::ErrorKind::NetworkUnreachable);
        for (before, now) in [(None, refused()), (Some(refused()), other()), (Some(other()), refused())] {
            assert_eq!(the_telling_one(before, now).kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
