//! A service that gives prepared answers, one after the other, and keeps the forms that it got. For
//! what the simulator cannot be made to do: other clocks, above all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use kernel::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The service.
pub(crate) struct Scripted {
    pub(crate) address: String,
    forms: Arc<Mutex<Vec<HashMap<String, String>>>>,
}

/// One prepared answer.
pub(crate) struct Scene {
    pub(crate) status: u16,
    pub(crate) date: Option<Timestamp>,
    pub(crate) body: String,
}

impl Scripted {
    pub(crate) async fn start(scenes: Vec<Scene>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}/", listener.local_addr().expect("bound"));
        let forms = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&forms);
        tokio::spawn(async move {
            for scene in scenes {
                let (mut stream, _) = listener.accept().await.expect("somebody comes");
                let form = form_of(&mut stream).await;
                kept.lock().expect("no holder panics").push(form);
                let date = scene.date.map_or_else(String::new, |date| {
                    format!("date: {}\r\n", date.format("%a, %d %b %Y %H:%M:%S GMT"))
                });
                let answer = format!(
                    "HTTP/1.1 {} Scripted\r\n{date}content-length: {}\r\nconnection: close\r\n\r\n{}",
                    scene.status,
                    scene.body.len(),
                    scene.body
                );
                stream.write_all(answer.as_bytes()).await.expect("is heard");
            }
        });
        Self { address, forms }
    }

    pub(crate) fn forms(&self) -> Vec<HashMap<String, String>> {
        self.forms.lock().expect("no holder panics").clone()
    }
}

async fn form_of(stream: &mut TcpStream) -> HashMap<String, String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|text| text.parse().ok()).unwrap_or_default();
            if body.len() >= length {
                let body = &bytes[bytes.len() - length..];
                return url::form_urlencoded::parse(body).into_owned().collect();
            }
        }
        let read = stream.read_buf(&mut bytes).await.expect("is sent");
        assert!(read > 0, "the whole request comes");
    }
}
