//! A server that speaks TLS 1.0 only, as far as a client lets it come: it chooses that version and hears the refusal.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// TLS record and handshake (RFC 2246, sections 6.2.1 and 7.4.1.3): a ServerHello of version 3.1 with a zero random, no
/// session, TLS_RSA_WITH_AES_128_CBC_SHA (RFC 3268), no compression, no extension.
fn server_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([0; 32]);
    hello.extend([0, 0x00, 0x2f, 0]);
    let length = u8::try_from(hello.len()).unwrap_or_default();
    let mut record = vec![22, 3, 1, 0, length + 4, 2, 0, 0, length];
    record.extend(hello);
    record
}

/// A listening server of that kind. Dropping it closes the port.
pub struct OldTlsServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl OldTlsServer {
    /// Binds a free loopback port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A client that goes away early is what this server is for.
                let _ = answer(socket).await;
            }
        });
        Ok(Self { address, task })
    }

    /// `https://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for OldTlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the first record and listens until the client goes.
async fn answer(mut socket: TcpStream) -> io::Result<()> {
    let mut head = [0; 5];
    socket.read_exact(&mut head).await?;
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    socket.read_exact(&mut body).await?;
    socket.write_all(&server_hello()).await?;
    socket.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
