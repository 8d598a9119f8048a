//! The network between the product and PostgreSQL, which a test can slow down, hold and cut.

use std::{
    future::pending,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How it is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// What is sent arrives.
    Open,
    /// What is sent arrives later, each part of it.
    Slow(Duration),
    /// What is sent arrives when this is over. Neither side hears of it.
    Silent,
}

/// A port of this machine that leads to a server's socket.
pub struct Link {
    /// The port.
    pub port: u16,
    state: watch::Sender<State>,
    present: Arc<Mutex<Connections>>,
}

/// What is open at present: its end, and its silence for good.
#[derive(Clone, Default)]
struct Connections {
    cut: CancellationToken,
    lost: CancellationToken,
}

impl Link {
    /// Leads to the server of `url`, an address with the folder of a socket as the host.
    pub async fn to(url: &str) -> Self {
        let (_, rest) = url.split_once('@').expect("a user");
        let (host, _) = rest.split_once('/').expect("a database");
        let socket = PathBuf::from(host.replace("%2F", "/")).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = watch::Sender::new(State::Open);
        let present = Arc::new(Mutex::new(Connections::default()));
        let (states, connections) = (state.subscribe(), Arc::clone(&present));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Connections { cut, lost } = held(&connections).clone();
                let lead = lead(client, socket.clone(), states.clone(), lost);
                // Cut or over: both ends are closed when the sockets are dropped.
                tokio::spawn(async move { cut.run_until_cancelled(lead).await });
            }
        });
        Self { port, state, present }
    }

    /// From now on.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    /// Whatever is open breaks. What comes afterwards is not touched.
    pub fn cut(&self) {
        std::mem::take(&mut *held(&self.present)).cut.cancel();
    }

    /// Whatever is open never carries anything any more, and neither side hears of it. What comes afterwards is
    /// not touched.
    pub fn lose(&self) {
        std::mem::take(&mut *held(&self.present)).lost.cancel();
    }
}

fn held(connections: &Mutex<Connections>) -> MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, until one side ends it.
async fn lead(
    client: TcpStream,
    socket: PathBuf,
    states: watch::Receiver<State>,
    lost: CancellationToken,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    // Nobody is let in meanwhile either.
    passes(&mut states.clone()).await;
    let server = UnixStream::connect(socket).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = pump(&mut from_client, &mut to_server, states.clone());
    let back = pump(&mut from_server, &mut to_client, states);
    tokio::select! {
        end = there => end,
        end = back => end,
        // Both sockets stay open.
        () = lost.cancelled() => pending().await,
    }
}

async fn pump(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    mut states: watch::Receiver<State>,
) -> io::Result<()> {
    let mut part = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut part).await?;
        passes(&mut states).await;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&part[..read]).await?;
    }
}

/// Until the present state lets something through.
async fn passes(states: &mut watch::Receiver<State>) {
    loop {
        let state = *states.borrow_and_update();
        match state {
            State::Open => return,
            State::Slow(by) => {
                let _ = timeout(by, pending::<()>()).await;
                return;
            }
            State::Silent => {
                if states.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}
