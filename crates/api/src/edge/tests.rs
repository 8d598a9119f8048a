//! The edge in front of a few routes of its own: no store, but real connections where the
//! connection matters.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    middleware::from_fn,
    test::{TestRequest, call_service, init_service, read_body_json},
    web,
};
use kernel::SequentialIds;
use serde_json::Value;

use super::*;

fn edge() -> Arc<Edge> {
    let settings = ApiSettings {
        cors_origins: vec!["https://console.example.com".to_owned()],
        ..ApiSettings::default()
    };
    Arc::new(Edge::new(
        Arc::new(SequentialIds::default()),
        Metrics::new(),
        &settings,
    ))
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route(
            "/fine",
            web::get().to(|| async { HttpResponse::Ok().body("fine") }),
        )
        .route("/panic", web::get().to(panicking))
        .route(
            "/framework",
            web::get().to(|| async { HttpResponse::PayloadTooLarge().body("theirs") }),
        );
}

async fn panicking() -> HttpResponse {
    panic!("hunter2")
}

macro_rules! app {
    () => {{
        let edge = edge();
        App::new().configure(routes).wrap(from_fn(move |request, next| {
            Arc::clone(&edge).pass(request, next)
        }))
    }};
}

#[actix_web::test]
async fn every_answer_has_a_request_id_and_the_security_headers() {
    let app = init_service(app!()).await;
    let request = TestRequest::get()
        .uri("/fine")
        .insert_header(("x-request-id", "build-7"))
        .to_request();
    let response = call_service(&app, request).await;
    for (name, value) in [
        ("x-request-id", "build-7"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(response.headers().get(name).expect(name), value);
    }
}

#[actix_web::test]
async fn answers_of_the_framework_become_problems() {
    let app = init_service(app!()).await;
    for (path, status, code) in [
        ("/nothing", 404, "not_found"),
        ("/framework", 413, "payload_too_large"),
    ] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers().get("content-type").expect("there"),
            "application/problem+json"
        );
        let id = response
            .headers()
            .get("x-request-id")
            .expect("there")
            .to_str()
            .expect("ascii")
            .to_owned();
        let body: Value = read_body_json(response).await;
        assert_eq!(
            (body["code"].as_str(), body["request_id"].as_str()),
            (Some(code), Some(id.as_str()))
        );
    }
}

#[actix_web::test]
async fn preflights_are_answered_for_configured_origins_only() {
    let app = init_service(app!()).await;
    for (origin, status) in [("https://console.example.com", 204), ("https://evil.test", 404)] {
        let request = TestRequest::with_uri("/fine")
            .method(Method::OPTIONS)
            .insert_header(("origin", origin))
            .insert_header(("access-control-request-method", "GET"))
            .to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), status, "{origin}");
        assert_eq!(
            response.headers().contains_key("access-control-allow-origin"),
            status == 204,
            "{origin}"
        );
        assert_eq!(response.headers().get("vary").expect("there"), "Origin");
    }
}

#[actix_web::test]
async fn too_much_head_is_refused() {
    let app = init_service(app!()).await;
    let long = format!("/fine?{}", "x".repeat(9 * 1024));
    assert_eq!(
        call_service(&app, TestRequest::get().uri(&long).to_request())
            .await
            .status(),
        414
    );
    let request = TestRequest::get()
        .uri("/fine")
        .insert_header(("x-big", "x".repeat(40 * 1024)))
        .to_request();
    assert_eq!(call_service(&app, request).await.status(), 431);
}

/// A connection on which one request follows the other.
struct Wire(TcpStream);

impl Wire {
    fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).expect("connects"))
    }

    /// Head and body of the answer.
    fn send(&mut self, method: &str, path: &str) -> (String, String) {
        write!(self.0, "{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("writes");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("reads");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("ascii").to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        let length = if method == "HEAD" {
            0
        } else {
            length.map_or(0, |text| text.parse().expect("digits"))
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("reads");
        (head, String::from_utf8(body).expect("text"))
    }
}

#[actix_web::test]
async fn the_connection_survives_a_panic_and_the_words_of_the_panic_stay_inside() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound");
    let server = HttpServer::new(|| app!())
        .workers(1)
        .listen(listener)
        .expect("listens")
        .run();
    let handle = server.handle();
    let served = actix_web::rt::spawn(server);
    let asked = web::block(move || {
        let mut wire = Wire::to(address);
        let panicked = wire.send("GET", "/panic");
        (panicked, wire.send("HEAD", "/fine"), wire.send("GET", "/fine"))
    });
    let (panicked, head, fine) = asked.await.expect("asks");
    assert!(panicked.0.starts_with("http/1.1 500"), "{}", panicked.0);
    assert!(panicked.0.contains("x-request-id: 0000"), "{}", panicked.0);
    let body: Value = serde_json::from_str(&panicked.1).expect("a problem");
    assert_eq!(body["code"], "internal_error");
    assert!(!panicked.1.contains("hunter2"));
    assert!(
        head.0.starts_with("http/1.1 200") && head.0.contains("content-length: 4"),
        "{}",
        head.0
    );
    assert_eq!(fine.1, "fine");
    handle.stop(false).await;
    served.await.expect("joins").expect("served");
}
