//! Receivers on this machine that behave as they please, with an injected lookup of names.

use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use kernel::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use webhooks::SigningSecret;

use super::*;

mod names;
mod tls;

/// A lookup that gives its answers in turn, the last one again and again.
struct Told {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Told {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let read = |answer: &&[&str]| {
            answer
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect()
        };
        Arc::new(Self {
            answers: answers.iter().map(read).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl NameLookup for Told {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.get(turn).or(self.answers.last());
        answer.cloned().ok_or_else(|| io::Error::other("no such name"))
    }
}

fn loopback() -> SenderSettings {
    let networks = vec!["127.0.0.0/8".parse().expect("a range")];
    let mut settings = SenderSettings::new(DestinationPolicy::with_private(networks));
    settings.total = Duration::from_secs(5);
    settings
}

fn now() -> Timestamp {
    Timestamp::from_timestamp(784_111_777, 0).expect("in range")
}

async fn send_with(settings: &SenderSettings, lookup: Arc<dyn NameLookup>, url: &str) -> SendOutcome {
    let sender = Sender::new(settings, lookup).expect("the client can be made");
    let url = WebhookUrl::from_stored(url).expect("a URL");
    let secrets = [SigningSecret::from_bytes(vec![7; 32]).expect("a secret")];
    let message = SignedMessage::sign(&url, "msg_1", now(), b"{\"a\":1}", &secrets).expect("fits");
    sender.send(&message).await
}

async fn send(url: &str) -> SendOutcome {
    send_with(&loopback(), Told::new(&[]), url).await
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// A receiver that reads one request and then does what `answer` does.
async fn receiver<F>(answer: impl FnOnce(TcpStream, String) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut request = Vec::new();
        while !request.ends_with(b"{\"a\":1}") {
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).await.expect("is sent");
            assert!(read > 0, "a whole request comes");
            request.extend_from_slice(&bytes[..read]);
        }
        answer(stream, String::from_utf8(request).expect("text")).await;
    });
    format!("http://127.0.0.1:{port}/hook?key=hunter2")
}

async fn answering(head: &'static str) -> String {
    receiver(async move |mut stream, _| stream.write_all(head.as_bytes()).await.expect("is heard")).await
}

const fn answered(status: u16) -> SendOutcome {
    SendOutcome::Answered {
        status,
        retry_after: None,
    }
}

/// Nobody came to `listener`.
async fn untouched(listener: &TcpListener) {
    let accepted =
        std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context))).await;
    assert!(accepted.is_pending(), "a connection was made");
}

#[tokio::test]
async fn a_message_arrives_with_its_headers_and_its_exact_bytes() {
    let seen = Arc::new(Mutex::new(String::new()));
    let copy = Arc::clone(&seen);
    let url = receiver(async move |mut stream, request| {
        *copy.lock().expect("nobody panics") = request;
        let head = b"HTTP/1.1 204 No Content\r\nset-cookie: a=b\r\n\r\n";
        stream.write_all(head).await.expect("is heard");
    })
    .await;
    assert_eq!(send(&url).await, answered(204));
    let request = seen.lock().expect("nobody panics").clone();
    let secrets = [SigningSecret::from_bytes(vec![7; 32]).expect("a secret")];
    let signature = webhooks::signature::signatures(&secrets, "msg_1", now(), b"{\"a\":1}");
    for line in [
        "POST /hook?key=hunter2 HTTP/1.1".to_owned(),
        "webhook-id: msg_1".to_owned(),
        "webhook-timestamp: 784111777".to_owned(),
        format!("webhook-signature: {signature}"),
        "content-type: application/json".to_owned(),
    ] {
        assert!(request.contains(&format!("{line}\r\n")), "{line} in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (elsewhere, port) = listener().await;
    for status in [301, 302, 303, 307, 308] {
        let url = receiver(async move |mut stream, _| {
            let head = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.expect("is heard");
        })
        .await;
        let outcome = send(&url).await;
        assert_eq!(outcome, answered(status));
        assert_eq!(outcome.failure(), Some(FailureCode::Redirected));
    }
    untouched(&elsewhere).await;
}

#[tokio::test]
async fn answers_count_by_their_status_and_what_they_ask_for_is_heard() {
    let gone = send(&answering("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await).await;
    assert_eq!(gone.failure(), Some(FailureCode::Gone));
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
    let told = SendOutcome::Answered {
        status: 429,
        retry_after: Some(Duration::from_mins(2)),
    };
    assert_eq!(send(&answering(busy).await).await, told);
    let cut = send(&answering("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nshort").await).await;
    assert_eq!(cut, answered(200), "the status was there");
    let foreign = send(&answering("SSH-2.0-OpenSSH_9.6\r\n").await).await;
    assert_eq!(foreign, SendOutcome::Failed(FailureCode::ResponseInvalid));
}

/// The receivers below never end by themselves: that the attempt does is the test.
#[tokio::test]
async fn endless_answers_come_to_an_end() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let body = receiver(async move |mut stream, _| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.expect("is heard");
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(4_096));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            count.fetch_add(chunk.len(), Ordering::Relaxed);
        }
    })
    .await;
    assert_eq!(send(&body).await, answered(200));
    // What the operating system holds on its way counts too.
    let sent = written.load(Ordering::Relaxed);
    assert!(sent < 16 << 20, "{sent} bytes were taken");
    let headers = receiver(async |mut stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.expect("is heard");
        while stream.write_all(b"x-more: and more\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(
        send(&headers).await,
        SendOutcome::Failed(FailureCode::ResponseInvalid)
    );
}

async fn trickle(mut stream: TcpStream, head: &'static [u8]) {
    stream.write_all(head).await.expect("is heard");
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while stream.write_all(b"x").await.is_ok() {
        ticks.tick().await;
    }
}

#[tokio::test]
async fn slow_answers_end_with_the_time_for_the_whole() {
    let mut settings = loopback();
    settings.total = Duration::from_millis(150);
    let head = receiver(|stream, _| trickle(stream, b"HTTP/1.1 200 OK\r\nx-slow: ")).await;
    let outcome = send_with(&settings, Told::new(&[]), &head).await;
    assert_eq!(outcome, SendOutcome::Failed(FailureCode::Timeout));
    let body =
        receiver(|stream, _| trickle(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")).await;
    let longer = SenderSettings {
        total: Duration::from_secs(2),
        ..settings.clone()
    };
    let outcome = send_with(&longer, Told::new(&[]), &body).await;
    assert_eq!(outcome, answered(200), "the status came in time");
    let silent = receiver(async |stream, _| {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let outcome = send_with(&settings, Told::new(&[]), &silent).await;
    assert_eq!(outcome, SendOutcome::Failed(FailureCode::Timeout));
}

#[tokio::test]
async fn nobody_at_the_port_is_said() {
    let (listener, port) = listener().await;
    drop(listener);
    let outcome = send(&format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(outcome, SendOutcome::Failed(FailureCode::ConnectFailed));
}
