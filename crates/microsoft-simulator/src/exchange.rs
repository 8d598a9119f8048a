//! What happens around every login and Graph request: ids, call log, holds, faults, and the common headers.

use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::control::Call;
use crate::fault::FaultKind;
use crate::script::Sight;
use crate::server::Shared;
use crate::throttle::{ThrottleClass, Visit};

const CLIENT_REQUEST_ID: &str = "client-request-id";

/// The data-centre description that Graph adds to every answer; the shape is real, the place is not.
const DIAGNOSTIC: &str = r#"{"ServerInfo":{"DataCenter":"Simulator","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SIM000001"}}"#;

/// The ids of one exchange.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// Given by the service.
    pub(crate) request_id: Uuid,
    /// Given by the client; the service's own when there is none.
    pub(crate) client_request_id: String,
    /// When the request arrived, by the simulator's clock.
    pub(crate) at: DateTime<Utc>,
}

impl Ids {
    /// The correlation id of an error: the client's id when it is a GUID.
    pub(crate) fn correlation(&self) -> Uuid {
        Uuid::try_parse(&self.client_request_id).unwrap_or(self.request_id)
    }
}

/// What the handlers get to know beside the request.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) ids: Ids,
    /// A fault that the handler itself must act on.
    pub(crate) fault: Option<FaultKind>,
}

/// The wall clock: the one place that reads it. Handlers ask [`Control::now`](crate::Control) instead.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulator knows no crate of the product, so no clock of it"
)]
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from(SystemTime::now())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator knows no crate of the product, so no id source of it"
)]
fn random_id() -> Uuid {
    Uuid::new_v4()
}

/// One request on its way through the faults, alone or as an item of a batch.
pub(crate) struct Passage {
    path: String,
    method: Method,
    login: bool,
    ids: Ids,
    visit: Visit,
}

impl Passage {
    /// Notes that a request came, and whether it should have waited.
    pub(crate) fn arrive(
        shared: &Shared,
        path: String,
        method: Method,
        tenant: Option<Uuid>,
        ids: Ids,
    ) -> Self {
        let bare = path.split('?').next().unwrap_or_default().to_owned();
        let login = !is_graph(&bare);
        let class = match below_version(&bare) {
            _ if login => Some(ThrottleClass::Token),
            "$batch" => None,
            path => Some(ThrottleClass::of(path)),
        };
        let visit = Visit {
            tenant,
            class,
            path: bare,
        };
        shared.control.early().arrive(&visit, ids.at);
        Self {
            path,
            method,
            login,
            ids,
            visit,
        }
    }

    /// Answers it: by a fault, by the handler, or by both.
    pub(crate) async fn run(
        self,
        shared: &Shared,
        handler: impl AsyncFnOnce(Exchange) -> Response,
    ) -> Response {
        let control = &shared.control;
        let fault = control.take_fault(Sight {
            path: &self.path,
            method: &self.method,
            tenant: self.visit.tenant,
            at: self.ids.at,
        });
        let response = match fault {
            Some(kind) if !kind.needs_answer() => kind.answer(&self.ids, self.login),
            fault => {
                let answer = handler(Exchange {
                    ids: self.ids,
                    fault: fault.clone(),
                });
                match fault {
                    Some(kind) => kind.reshape(answer.await).await,
                    None => answer.await,
                }
            }
        };
        control.early().answer(&self.visit, &response, control.now());
        response
    }
}

/// The middleware.
pub(crate) async fn around(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let login = !is_graph(request.uri().path());
    let client_request_id = client_request_id(request.headers());
    let request_id = random_id();
    let at = shared.control.now();
    let ids = Ids {
        at,
        request_id,
        client_request_id: client_request_id
            .clone()
            .unwrap_or_else(|| request_id.to_string()),
    };
    let log = shared.control.log();
    let tenant = tenant_of(&shared, &request, login);
    let sequence = log.arrive(Call {
        sequence: 0,
        method: request.method().to_string(),
        path: path.clone(),
        status: 0,
        tenant,
        client_request_id,
        at,
    });
    let passage = Passage::arrive(
        &shared,
        path.clone(),
        request.method().clone(),
        tenant,
        ids.clone(),
    );
    shared.control.holds().pass(&path).await;
    let handler = async |exchange: Exchange| {
        request.extensions_mut().insert(exchange);
        next.run(request).await
    };
    let mut response = passage.run(&shared, handler).await;
    add_headers(response.headers_mut(), &ids);
    log.answer(sequence, response.status().as_u16());
    response
}

/// A Graph path without its version.
pub(crate) fn below_version(path: &str) -> &str {
    path.trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, rest)| rest)
}

/// Login and Graph share a host here; the first path segment tells them apart.
fn is_graph(path: &str) -> bool {
    matches!(path.split('/').nth(1), Some("v1.0" | "beta"))
}

fn client_request_id(headers: &HeaderMap) -> Option<String> {
    headers
        .get(CLIENT_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

fn tenant_of(shared: &Shared, request: &Request, login: bool) -> Option<Uuid> {
    if login {
        let name = request.uri().path().split('/').nth(1)?;
        return shared
            .control
            .directory()
            .find(name)
            .map(|tenant| tenant.tenant_id);
    }
    bearer(request.headers()).and_then(|token| shared.tokens.tenant_of(token))
}

/// The bearer token of a request (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn add_headers(headers: &mut HeaderMap, ids: &Ids) {
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("request-id", &ids.request_id.to_string());
    set(CLIENT_REQUEST_ID, &ids.client_request_id);
    set("x-ms-ags-diagnostic", DIAGNOSTIC);
    // Clients measure their clock against this header.
    set("date", &ids.at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
}
