//! A listener that hands out connections once their TLS handshake is done.
//!
//! Handshakes go on side by side, so a client that says nothing keeps nobody else waiting.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection, or nothing when the handshake failed.
type Handshake = BoxFuture<'static, Option<(TlsStream<TcpStream>, SocketAddr)>>;

/// A port that speaks TLS.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: FuturesUnordered<Handshake>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self {
            tcp,
            acceptor,
            handshakes: FuturesUnordered::new(),
        }
    }

    fn begin(&self, socket: TcpStream, address: SocketAddr) {
        // Without it small answers wait for the client's acknowledgement; failing to set it changes nothing else.
        let _ = socket.set_nodelay(true);
        let handshake = tokio::time::timeout(HANDSHAKE, self.acceptor.accept(socket));
        let connection = async move {
            // A failed handshake is the client's to tell: it was sent an alert.
            let stream = handshake.await.ok()?.ok()?;
            Some((stream, address))
        };
        self.handshakes.push(connection.boxed());
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (socket, address) = Listener::accept(&mut self.tcp) => self.begin(socket, address),
                Some(handshake) = self.handshakes.next() => {
                    if let Some(connection) = handshake {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
