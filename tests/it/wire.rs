//! Requests byte by byte over a socket of their own: what an HTTP library would repair, reorder
//! or refuse to send must reach the server as it is written.

use std::{fmt::Write as _, io, time::Duration};

use serde_json::Value;
use tokio::net::TcpStream;

/// How long an answer may take before the test fails. Never waited for in a passing test.
const PATIENCE: Duration = Duration::from_secs(45);

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Wire(String);

/// A request, written as it stands here.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        self.with("authorization", &value)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.with("content-type", "application/json")
            .bytes(body.to_string().as_bytes())
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    /// As it goes over the wire. A length is announced unless the caller says how the body ends.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let framed = self.headers.iter().any(|(name, _)| name == "transfer-encoding");
        let body = self.body.clone().unwrap_or_default();
        if self.body.is_some() && !framed {
            let _ = write!(head, "content-length: {}\r\n", body.len());
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend(body);
        bytes
    }
}

impl Wire {
    /// To the server at `http://host:port`.
    pub(crate) fn to(base_url: &str) -> Self {
        Self(
            base_url
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned(),
        )
    }

    /// Sends a request and reads the answer. Where a machine is so busy that the server gives up
    /// before it could read the request, which it says with an empty 408, the request is repeated.
    pub(crate) async fn send(&self, request: &Request) -> Reply {
        let mut answer = Vec::new();
        for _ in 0..3 {
            answer = self.answer_to(&request.encode()).await;
            match Reply::parse(&answer) {
                Some(reply) if reply.status == 408 && reply.body.is_empty() => {}
                Some(reply) => return reply,
                None => break,
            }
        }
        panic!("no answer to {} {}: {answer:?}", request.method, request.target);
    }

    /// Sends bytes and reads until one answer is complete or the server closes the connection.
    pub(crate) async fn answer_to(&self, bytes: &[u8]) -> Vec<u8> {
        self.talk(bytes, is_complete).await
    }

    /// Sends bytes and reads until the server closes the connection.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        self.talk(bytes, |_| false).await
    }

    async fn talk(&self, bytes: &[u8], enough: fn(&[u8]) -> bool) -> Vec<u8> {
        let stream = TcpStream::connect(&self.0).await.expect("connects");
        // The server may answer, and stop listening, before it has read everything.
        let write = async {
            let _ = write_all(&stream, bytes).await;
            std::future::pending::<()>().await;
        };
        let both = async {
            tokio::select! {
                answer = read_until(&stream, enough) => answer,
                () = write => Vec::new(),
            }
        };
        tokio::time::timeout(PATIENCE, both)
            .await
            .expect("the server answers")
    }

    /// Sends bytes and goes away without waiting for anything.
    pub(crate) async fn abandon(&self, bytes: &[u8]) {
        let stream = TcpStream::connect(&self.0).await.expect("connects");
        write_all(&stream, bytes).await.expect("the server still listens");
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Until it is enough, or the end, or the connection is reset.
async fn read_until(stream: &TcpStream, enough: fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while !enough(&all) && stream.readable().await.is_ok() {
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    all
}

/// Whether the announced length has arrived, or the first block of a stream that has no end.
fn is_complete(bytes: &[u8]) -> bool {
    let endless = |reply: &Reply| {
        reply.header("content-type") == Some("text/event-stream")
            && reply.body.windows(2).any(|pair| pair == b"\n\n")
    };
    if Reply::parse(bytes).is_some_and(|reply| endless(&reply)) {
        return true;
    }
    let announced = |reply: &Reply| {
        reply
            .header("content-length")
            .and_then(|length| length.parse().ok())
    };
    Reply::parse(bytes)
        .is_some_and(|reply| announced(&reply).is_some_and(|length: usize| reply.body.len() >= length))
}

impl Reply {
    /// The answer that these bytes are.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        });
        Some(Self {
            status,
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The `code` of a problem; empty if it is none.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Head and body as one text.
    pub(crate) fn text(&self) -> String {
        let line = |(name, value): &(String, String)| format!("{name}: {value}\n");
        let headers: Vec<_> = self.headers.iter().map(line).collect();
        let body = String::from_utf8_lossy(&self.body);
        format!("{}\n{}\n{body}", self.status, headers.concat())
    }

    /// The whole answer without the request id and the date: two of them are equal if the two
    /// answers cannot be told apart. The server writes headers in an order of its own each time.
    pub(crate) fn anonymous(&self) -> String {
        let id = self
            .header("x-request-id")
            .expect("every answer names its request")
            .to_owned();
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| name != "date")
            .cloned()
            .collect();
        headers.sort();
        Self {
            headers,
            ..self.clone()
        }
        .text()
        .replace(&id, "[id]")
    }
}
