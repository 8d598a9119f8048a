//! A service that answers as a test decides, request by request, and keeps what it heard. For what
//! no simulator should be made to do: storms by a virtual clock, lists without end, broken bodies.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{CLIENT, TENANT};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// By lower-case names.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// An answer.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection ends before the announced length.
    cut: bool,
}

impl Reply {
    pub(crate) fn raw(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut: false,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::raw(status, body.to_string())
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({ "error": { "code": code, "message": "" } }))
    }

    pub(crate) fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// A page of rows that have an id and nothing else.
    pub(crate) fn page(ids: impl IntoIterator<Item = u64>, next: Option<String>) -> Self {
        let rows: Vec<_> = ids
            .into_iter()
            .map(|id| json!({ "id": id.to_string() }))
            .collect();
        let mut body = json!({ "value": rows });
        if let Some(next) = next {
            body["@odata.nextLink"] = json!(next);
        }
        Self::json(200, &body)
    }

    /// A token that differs from all with another number.
    pub(crate) fn token(number: usize) -> Self {
        Self::token_for(number, 3_600)
    }

    /// The same for another life, in seconds.
    pub(crate) fn token_for(number: usize, life: u32) -> Self {
        let claims = json!({ "tid": TENANT, "appid": CLIENT, "number": number }).to_string();
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        Self::json(200, &json!({ "expires_in": life, "access_token": token }))
    }

    /// What a tenant without anything in it answers.
    pub(crate) fn empty(heard: &Heard) -> Self {
        let path = &heard.path;
        if path.ends_with("/token") {
            Self::token(0)
        } else if heard.method == "POST" {
            Self::error(404, "ResourceNotFound")
        } else if path.ends_with("$count") {
            Self::raw(200, "0")
        } else if path.ends_with("/managedDeviceOverview") {
            Self::json(200, &json!({ "enrolledDeviceCount": 0 }))
        } else {
            Self::page([], None)
        }
    }
}

/// The service.
pub(crate) struct Service {
    /// With a slash at its end.
    pub(crate) address: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Service {
    /// Starts it; `answer` is given each request and the service's address.
    pub(crate) async fn start(answer: impl Fn(&Heard, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}/", listener.local_addr().expect("bound"));
        let (heard, answer) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(answer));
        let (kept, own) = (Arc::clone(&heard), address.clone());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("somebody comes");
                let (kept, own, answer) = (Arc::clone(&kept), own.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else {
                        return;
                    };
                    kept.lock().expect("no holder panics").push(request.clone());
                    write(&mut stream, answer(&request, &own)).await;
                });
            }
        });
        Self { address, heard }
    }

    /// What was heard on paths that contain `part`.
    pub(crate) fn heard(&self, part: &str) -> Vec<Heard> {
        let heard = self.heard.lock().expect("no holder panics");
        heard
            .iter()
            .filter(|request| request.path.contains(part))
            .cloned()
            .collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.lines();
            let mut first = lines.next()?.split(' ').map(str::to_owned);
            let (method, path) = (first.next()?, first.next()?);
            let headers: HashMap<_, _> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.get("content-length").and_then(|text| text.parse().ok());
            let body = bytes[end + 4..].to_vec();
            if body.len() >= length.unwrap_or(0) {
                return Some(Heard {
                    method,
                    path,
                    headers,
                    body,
                });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn write(stream: &mut TcpStream, reply: Reply) {
    let length = reply.body.len() + if reply.cut { 1_000 } else { 0 };
    let mut head = format!("HTTP/1.1 {} Reply\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &[name, ": ", value, "\r\n"].concat();
    }
    head += &[
        "content-length: ",
        &length.to_string(),
        "\r\nconnection: close\r\n\r\n",
    ]
    .concat();
    // Who has heard enough goes away; that is no matter of the service.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&reply.body).await;
}
