//! The whole application in front of a store that never answers: what is said before the store
//! is asked, and what is said when it fails. Everything behind it is tested with real databases
//! in the integration tests.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use actix_web::{
    body::to_bytes,
    http::Method,
    test::{TestRequest, call_service, init_service},
};
use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{Clock as _, SecretBytes, SequentialIds, StoreError, SystemClock};
use operations::OperationRun;
use provider_core::{RunId, testing::FakeProvider};
use serde_json::Value;
use storage::{ReadSession, RunMark, Storage, StreamEnd, UnitOfWork, Watching};
use tenancy::{EventPublisher, PrincipalId, Role, StreamEvent, WorkspaceId};

use super::*;
use crate::{
    ApiParts, ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
    metrics::Metrics,
};

#[path = "tests/pages.rs"]
mod pages;

struct Unreachable;

fn unreachable() -> StoreError {
    StoreError::Unavailable("hunter2".into())
}

#[async_trait]
impl Storage for Unreachable {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Err(unreachable())
    }

    async fn read(&self) -> Result<Box<dyn ReadSession>, StoreError> {
        Err(unreachable())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Err(unreachable())
    }
}

#[async_trait]
impl Watching for Unreachable {
    async fn stream_ends(&self, _: &[WorkspaceId]) -> Result<Vec<StreamEnd>, StoreError> {
        Err(unreachable())
    }

    async fn events_after(&self, _: WorkspaceId, _: u64, _: u32) -> Result<Vec<StreamEvent>, StoreError> {
        Err(unreachable())
    }

    async fn run_marks(&self, _: &[(WorkspaceId, RunId)]) -> Result<Vec<RunMark>, StoreError> {
        Err(unreachable())
    }

    async fn runs(&self, _: &[(WorkspaceId, RunId)]) -> Result<Vec<OperationRun>, StoreError> {
        Err(unreachable())
    }

    async fn roles(
        &self,
        _: &[(WorkspaceId, PrincipalId)],
    ) -> Result<Vec<(WorkspaceId, PrincipalId, Role)>, StoreError> {
        Err(unreachable())
    }
}

#[async_trait]
impl EventPublisher for Unreachable {
    async fn publish(&self) -> Result<u64, StoreError> {
        Err(unreachable())
    }
}

fn issuer() -> LocalIssuer {
    LocalIssuer::from_key(SecretBytes::new(vec![7; 32]))
}

fn state() -> Arc<ApiState> {
    state_with(ApiSettings::default())
}

fn state_with(settings: ApiSettings) -> Arc<ApiState> {
    Arc::new(ApiState::new(ApiParts {
        storage: Arc::new(Unreachable),
        rules: Arc::new(FakeProvider),
        consent: Arc::new(FakeProvider),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SequentialIds::default()),
        verifier: TokenVerifier::new(vec![issuer().verifier_issuer()]),
        cursor_key: SecretBytes::new(vec![1; 32]),
        watching: Arc::new(Unreachable),
        publisher: Arc::new(Unreachable),
        wake: Arc::new(|| ()),
        metrics: Metrics::new(),
        webhook_destinations: webhooks::DestinationPolicy::public(),
        queue_depth: None,
        settings,
    }))
}

fn bearer() -> (&'static str, String) {
    let token = issuer().mint("user-1", None, TimeDelta::hours(1), SystemClock.now());
    ("authorization", format!("Bearer {token}"))
}

/// Status, value of a header, and body.
async fn ask(request: TestRequest, header: &str) -> (u16, Option<String>, String) {
    let app = init_service(app(state())).await;
    let response = call_service(&app, request.to_request()).await;
    let header = response
        .headers()
        .get(header)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let (status, body) = (response.status().as_u16(), to_bytes(response.into_body()).await);
    let body = body.expect("in memory").to_vec();
    (status, header, String::from_utf8_lossy(&body).into_owned())
}

const SOMEWHERE: &str = "/api/v1/workspaces/0190b3e4-0000-7000-8000-000000000001";

#[actix_web::test]
async fn nobody_gets_in_without_one_valid_token() {
    let (name, token) = bearer();
    let mut bodies = Vec::new();
    let in_query = format!("{SOMEWHERE}?access_token={}", &token[7..]);
    for request in [
        TestRequest::get().uri(SOMEWHERE),
        TestRequest::get().uri(&in_query),
        TestRequest::get()
            .uri(SOMEWHERE)
            .insert_header((name, "Bearer x.y.z")),
        TestRequest::get()
            .uri(SOMEWHERE)
            .append_header((name, token.clone()))
            .append_header((name, token.clone())),
        TestRequest::post()
            .uri(&format!("{SOMEWHERE}/operation-runs"))
            .set_payload("not even JSON"),
    ] {
        let request = request.insert_header(("x-request-id", "r"));
        let (status, challenge, body) = ask(request, "www-authenticate").await;
        assert_eq!((status, challenge.as_deref()), (401, Some("Bearer")));
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one body for all causes: {bodies:?}");
}

#[actix_web::test]
async fn a_store_that_fails_is_a_503_without_its_words() {
    for request in [
        TestRequest::get().uri(SOMEWHERE).insert_header(bearer()),
        TestRequest::get().uri("/readyz"),
        TestRequest::post()
            .uri("/api/v1/workspaces")
            .insert_header(bearer())
            .set_json(serde_json::json!({"display_name": "A", "slug": "a"})),
    ] {
        let (status, retry, body) = ask(request, "retry-after").await;
        assert_eq!((status, retry.as_deref()), (503, Some("1")), "{body}");
        assert!(
            body.contains("\"code\":\"store_unavailable\"") && !body.contains("hunter2"),
            "{body}"
        );
    }
}

#[actix_web::test]
async fn bodies_are_refused_by_kind() {
    let post = || {
        TestRequest::post()
            .uri("/api/v1/workspaces")
            .insert_header(bearer())
    };
    let json = ("content-type", "application/json");
    let large = "x".repeat(65 * 1024);
    for (request, status, code) in [
        (post().set_payload("{}"), 415, "unsupported_media_type"),
        (
            post()
                .insert_header(("content-type", "text/json"))
                .set_payload("{}"),
            415,
            "unsupported_media_type",
        ),
        (post().insert_header(json).set_payload("{"), 400, "malformed_json"),
        (
            post().insert_header(json).set_payload(large),
            413,
            "payload_too_large",
        ),
        (post().insert_header(json).set_payload("{}"), 422, "invalid_value"),
        (
            post()
                .uri("/api/v1/workspaces?x=1")
                .insert_header(json)
                .set_payload("{}"),
            400,
            "invalid_query",
        ),
    ] {
        let (answered, _, body) = ask(request, "content-type").await;
        let body: Value = serde_json::from_str(&body).expect("a problem");
        assert_eq!((answered, body["code"].as_str()), (status, Some(code)), "{body}");
    }
}

#[actix_web::test]
async fn wrong_methods_and_wrong_paths() {
    let patch = TestRequest::default()
        .method(Method::PATCH)
        .uri("/api/v1/workspaces");
    let (status, allow, _) = ask(patch, "allow").await;
    assert_eq!((status, allow.as_deref()), (405, Some("GET, HEAD, POST")));
    let (status, kind, _) = ask(TestRequest::get().uri("/api/v2"), "content-type").await;
    assert_eq!((status, kind.as_deref()), (404, Some("application/problem+json")));
    let (status, ..) = ask(TestRequest::default().method(Method::HEAD).uri("/livez"), "allow").await;
    assert_eq!(status, 200);
}

#[actix_web::test]
async fn what_is_public_needs_neither_token_nor_store() {
    for (path, expected) in [
        ("/livez", "ok"),
        ("/metrics", "# EOF"),
        ("/api/v1/openapi.json", "TenantAtlas API"),
        ("/api/v1/problems", "scope_busy"),
        ("/api/v1/operation-types", "inventory.sync"),
        ("/api/v1/reason-codes", "worker_lost"),
        ("/docs/", "swagger-ui-bundle.js"),
        ("/docs/swagger-initializer.js", "/api/v1/openapi.json"),
    ] {
        let (status, _, body) = ask(TestRequest::get().uri(path), "etag").await;
        assert_eq!(status, 200, "{path}");
        assert!(body.contains(expected), "{path}");
        assert!(
            !path.starts_with("/docs") || !body.contains("https://"),
            "{path} leads elsewhere"
        );
    }
    let (status, location, _) = ask(TestRequest::get().uri("/docs"), "location").await;
    assert_eq!((status, location.as_deref()), (308, Some("/docs/")));
    let (status, ..) = ask(TestRequest::get().uri("/docs/nothing.js"), "etag").await;
    assert_eq!(status, 404);
}

#[actix_web::test]
async fn a_unit_of_work_outlives_whoever_asked_for_it() {
    let state = state();
    let (done, seen) = tokio::sync::oneshot::channel();
    let asked = state.transact(async move {
        tokio::task::yield_now().await;
        done.send(()).map_err(|()| Problem::internal("nobody listens"))
    });
    // Polled once, then dropped: what happens to a handler whose client disconnects.
    assert!(futures::FutureExt::now_or_never(asked).is_none());
    seen.await.expect("the unit came to its end");
    state.drain().await;
}

/// Through a socket, with a body that never comes to its end. Once more if the HTTP library itself did not come to
/// read the head in the one second that it has here: then its answer is empty.
fn trickle(address: SocketAddr, authorization: &str, framing: &str) -> String {
    let answers = std::iter::repeat_with(|| trickle_once(address, authorization, framing));
    let came = |answer: &String| !answer.starts_with("HTTP/1.1 408 ") || !answer.ends_with("\r\n\r\n");
    answers.take(5).find(came).expect("the head is read")
}

fn trickle_once(address: SocketAddr, authorization: &str, framing: &str) -> String {
    let mut wire = TcpStream::connect(address).expect("connects");
    wire.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a socket");
    let head = "POST /api/v1/workspaces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
    write!(wire, "{head}\r\nAuthorization: {authorization}\r\n{framing}").expect("writes");
    let mut answer = String::new();
    wire.read_to_string(&mut answer)
        .expect("the server closes the connection");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_an_end_holds_up_neither_the_connection_nor_the_shutdown() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound");
    let short = Duration::from_millis(100);
    let settings = ApiSettings {
        body_timeout: short,
        head_timeout: short,
        ..ApiSettings::default()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, state_with(settings), 1, async move {
        stopped.await.ok();
    }));
    let good = bearer().1;
    let asked = tokio::task::spawn_blocking(move || {
        let (sized, chunked) = (
            "Content-Length: 100\r\n\r\n{",
            "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        );
        for (authorization, status) in [(good.as_str(), "408"), ("none", "401")] {
            for framing in [sized, chunked] {
                let answer = trickle(address, authorization, framing);
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
                assert!(answer.contains("application/problem+json"), "{answer}");
            }
        }
    });
    asked.await.expect("every connection was answered and closed");
    stop.send(()).expect("the server listens");
    server.await.expect("joins").expect("served");
}

/// Compiles as long as the server can run on a task of a multi-threaded runtime.
#[expect(dead_code, reason = "compiling is the test")]
fn the_server_can_be_spawned(listener: TcpListener, state: Arc<ApiState>) {
    fn assert_send(_: impl Send) {}
    assert_send(serve(listener, state, 1, std::future::pending()));
}
