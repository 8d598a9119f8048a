//! The listening server: loopback only, one port for login and Graph, plain or with TLS, closed when it says so.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::certificate::Certificate;
use crate::control::Control;
use crate::credential::AppCredential;
use crate::listener::TlsListener;
use crate::options::SimulatorOptions;
use crate::seal::Seal;
use crate::token::Tokens;
use crate::{consent, control_http, entra, exchange, graph};

/// How long open connections may take to finish after a stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) control: Control,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) pages: Arc<Seal>,
    pub(crate) base_url: Arc<str>,
    pub(crate) seed: u64,
}

/// A running simulator. Dropping it stops it too, without waiting.
pub struct Simulator {
    shared: Shared,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Binds and starts to answer. Fails for an address that is not loopback, for a tenant that is listed twice, and
    /// for a certificate that cannot be read.
    pub async fn start(options: SimulatorOptions) -> io::Result<Self> {
        let invalid = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        if !options.bind.ip().is_loopback() {
            return invalid("the simulator binds loopback addresses only");
        }
        let mut ids: Vec<_> = options.tenants.iter().map(|tenant| tenant.tenant_id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return invalid("a tenant is listed twice");
        }
        if has_unreadable_certificate(&options) {
            return invalid("a registered certificate cannot be read");
        }
        let control = Control::new(options.tenants, options.registrations);
        control.prepare(options.script.as_deref(), options.throttle)?;
        let listener = TcpListener::bind(options.bind).await?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", listener.local_addr()?);
        let shared = Shared {
            control,
            tokens: Arc::new(Tokens::new(Seal::random()?, options.seed, base_url.clone())),
            pages: Arc::new(Seal::from_seed(options.seed)),
            base_url: base_url.into(),
            seed: options.seed,
        };
        let stop = CancellationToken::new();
        let (router, stopped) = (router(shared.clone()), stop.clone().cancelled_owned());
        let task = match options.tls {
            None => tokio::spawn(
                axum::serve(listener, router)
                    .with_graceful_shutdown(stopped)
                    .into_future(),
            ),
            Some(tls) => tokio::spawn(
                axum::serve(TlsListener::new(listener, tls.acceptor()), router)
                    .with_graceful_shutdown(stopped)
                    .into_future(),
            ),
        };
        Ok(Self {
            shared,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            task,
        })
    }

    /// `http://127.0.0.1:PORT`, or `https` with TLS: the authority of the login side and the root of Graph.
    pub fn base_url(&self) -> String {
        self.shared.base_url.to_string()
    }

    /// The control of this simulator.
    pub fn control(&self) -> &Control {
        &self.shared.control
    }

    /// Stops it: held requests are let go, and the port is closed when this returns.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.shared.control.holds().open_all();
        if tokio::time::timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

fn has_unreadable_certificate(options: &SimulatorOptions) -> bool {
    let own = options.tenants.iter().flat_map(|tenant| &tenant.apps);
    let own = own.flat_map(|app| &app.credentials);
    let registered = options
        .registrations
        .iter()
        .flat_map(|registration| &registration.credentials);
    own.chain(registered).any(|credential| match credential {
        AppCredential::Certificate { der } => Certificate::read(der).is_none(),
        _ => false,
    })
}

fn router(shared: Shared) -> Router {
    let control = control_http::routes(shared.control.clone());
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(entra::token))
        .route(
            "/{tenant}/v2.0/adminconsent",
            get(consent::show).post(consent::decide),
        )
        .route("/{tenant}/adminconsent", get(consent::show).post(consent::decide))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(entra::metadata::openid_configuration),
        )
        .route("/v1.0/$batch", post(graph::batch::answer))
        .route("/beta/$batch", post(graph::batch::answer))
        .route("/{tenant}/discovery/v2.0/keys", get(entra::metadata::keys))
        .route("/common/discovery/instance", get(entra::metadata::instance))
        .route("/v1.0/{*path}", axum::routing::any(graph::answer))
        .route("/beta/{*path}", axum::routing::any(graph::answer))
        .fallback(|_: Uri| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(shared.clone(), exchange::around))
        .with_state(shared)
        .nest("/_simulator", control)
}
