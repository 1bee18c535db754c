//! A link to a TCode device over a network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{Carrier, Target};
use crate::PortError;
use crate::detached::detached;
use crate::stream::Wire;

/// How long looking up a name, and connecting, may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long a device is given to close its side of a TCP connection.
const CLOSE_LIMIT: Duration = Duration::from_millis(300);
/// A TCP connection whose other side confirms nothing for so long is lost.
const SILENCE_LIMIT: Duration = Duration::from_secs(8);

/// A link to a TCode device over a network.
pub(super) struct NetWire {
    target: Target,
    socket: Socket,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl NetWire {
    pub(super) async fn open(target: &Target) -> Result<Self, PortError> {
        let addresses = look_up(target).await?;
        let connecting = async {
            let mut last = PortError::Failed(format!("{} has no address", target.host));
            for address in addresses {
                match connect(target.carrier, address).await {
                    Ok(socket) => return Ok(Self { target: target.clone(), socket }),
                    Err(error) => last = fault(target, Some(&error)),
                }
            }
            Err(last)
        };
        match timeout(CONNECT_LIMIT, connecting).await {
            Ok(opened) => opened,
            Err(_) => Err(PortError::Unanswered(CONNECT_LIMIT)),
        }
    }
}

/// The addresses of a name. Looking one up may take long.
async fn look_up(target: &Target) -> Result<Vec<SocketAddr>, PortError> {
    let (host, port) = (target.host.clone(), target.port);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let looking_up = move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let found = found.map(|found| found.take(8).collect::<Vec<_>>());
        found.map_err(|error| PortError::Failed(format!("the name {host} is not known: {error}")))
    };
    detached("name", CONNECT_LIMIT, looking_up).await
}

async fn connect(carrier: Carrier, address: SocketAddr) -> io::Result<Socket> {
    match carrier {
        Carrier::Udp => {
            let own = match address {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            };
            // Once connected, only this device is heard, and its refusals are told.
            let socket = UdpSocket::bind(own).await?;
            socket.connect(address).await?;
            Ok(Socket::Udp(socket))
        }
        Carrier::Tcp => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let options = SockRef::from(&stream);
            let quarter = SILENCE_LIMIT / 4;
            let keepalive = TcpKeepalive::new().with_time(quarter).with_interval(quarter);
            #[cfg(not(target_os = "openbsd"))]
            let keepalive = keepalive.with_retries(3);
            options.set_tcp_keepalive(&keepalive)?;
            // Keeping alive waits until what was sent is confirmed; this does not.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            options.set_tcp_user_timeout(Some(SILENCE_LIMIT))?;
            Ok(Socket::Tcp(stream))
        }
    }
}

impl Wire for NetWire {
    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.socket {
            // An empty datagram is no end.
            Socket::Udp(socket) => loop {
                match socket.recv(buffer).await {
                    Ok(0) => tokio::task::yield_now().await,
                    other => return other,
                }
            },
            Socket::Tcp(stream) => loop {
                stream.readable().await?;
                match stream.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
            },
        }
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.socket {
            Socket::Udp(socket) => socket.send(bytes).await,
            Socket::Tcp(stream) => loop {
                stream.writable().await?;
                match stream.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
            },
        }
    }

    fn fault(&self, error: Option<&io::Error>) -> PortError {
        fault(&self.target, error)
    }

    /// What was written to a socket is sent by the system after it is closed as well; but not to a TCP connection in which something waits to be
    /// read, for that is reset.
    async fn close(&self) {
        if let Socket::Tcp(stream) = &self.socket {
            let _ = SockRef::from(stream).shutdown(std::net::Shutdown::Write);
            let mut buffer = [0; 1024];
            let reading = async { while self.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
            let _ = timeout(CLOSE_LIMIT, reading).await;
        }
    }
}

/// What an error means.
fn fault(target: &Target, error: Option<&io::Error>) -> PortError {
    use io::ErrorKind as Kind;
    let Some(error) = error else {
        return PortError::Gone(format!("{target} has ended the connection"));
    };
    match error.kind() {
        Kind::ConnectionRefused => PortError::Gone(format!(
            "nothing listens at {target}; is the device on, and is this its address and port?"
        )),
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::UnexpectedEof
        | Kind::TimedOut
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown => PortError::Gone(format!("{target} cannot be reached: {error}")),
        _ => PortError::Failed(format!("{target}: {error}")),
    }
}
