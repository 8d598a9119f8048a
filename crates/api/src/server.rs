//! The application, and the HTTP server around it.

use std::{any::Any, future::Future, io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, Error, HttpRequest, HttpServer,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    rt::net::TcpStream,
    web::{Data, to},
};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use utoipa_actix_web::AppExt as _;

use crate::{ApiState, problem::Problem, routes::unmatched::unmatched};

/// The whole application: every route, and the edge in front of them. What `serve` serves, and
/// what tests call without a socket.
pub fn app(
    state: Arc<ApiState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let (edge, fallback) = (Arc::clone(&state.edge), Arc::clone(&state.edge));
    let (app, _) = App::new()
        .into_utoipa_app()
        .configure(crate::configure)
        .split_for_parts();
    app.app_data(Data::from(state))
        .default_service(to(move |request: HttpRequest| {
            let problem = unmatched(fallback.routes(), &request);
            async move { Err::<&'static str, Problem>(problem) }
        }))
        .wrap(from_fn(move |request, next| {
            Arc::clone(&edge).pass(request, next)
        }))
}

/// The HTTP library reckons with a clock that is up to half a second old, and a timer that is over
/// before it begins never fires there.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves until `shutdown` resolves and the requests and units of work in flight are done.
pub async fn serve(
    listener: TcpListener,
    state: Arc<ApiState>,
    workers: usize,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let (settings, closing) = (state.settings.clone(), state.closing.clone());
    let factory = {
        let state = Arc::clone(&state);
        move || app(Arc::clone(&state))
    };
    state.look_for_watchers();
    let stall = settings.streams.stall;
    let server = HttpServer::new(factory)
        .on_connect(move |connection, _| end_if_stalled(connection, stall))
        .workers(workers)
        .keep_alive(settings.keep_alive.max(SHORTEST_TIMEOUT))
        .client_request_timeout(settings.head_timeout.max(SHORTEST_TIMEOUT))
        .client_disconnect_timeout(settings.head_timeout.max(SHORTEST_TIMEOUT))
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .disable_signals()
        .shutdown_signal(async move {
            shutdown.await;
            // Readers who wait for news answer now; otherwise each would hold the shutdown up.
            closing.cancel();
        })
        .listen(listener)?
        .run();
    let outcome = server.await;
    if tokio::time::timeout(settings.shutdown_timeout, state.drain())
        .await
        .is_err()
    {
        tracing::error!("units of work were still in flight at the end of the shutdown");
    }
    outcome
}

/// Lets the operating system end a connection whose reader takes nothing for `after` (RFC 5482; tcp(7),
/// `TCP_USER_TIMEOUT`): what is not read is not asked for either, so nothing else would ever end it.
fn end_if_stalled(connection: &dyn Any, after: Duration) {
    #[cfg(target_os = "linux")]
    if let Some(stream) = connection.downcast_ref::<TcpStream>() {
        // Without it the connection is as good as on other systems.
        let _ = SockRef::from(stream).set_tcp_user_timeout(Some(after));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (connection, after);
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
