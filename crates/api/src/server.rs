//! The application, and the HTTP server around it.

use std::{future::Future, io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, Error, HttpRequest, HttpServer,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    web::{Data, to},
};
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
    let server = HttpServer::new(factory)
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

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
