//! A reader of event streams of the tests' own: a socket, the chunks of HTTP/1.1 (RFC 9112, 7.1) and the blocks
//! of the HTML standard. It shares no code with the product.

use std::{io, time::Duration};

use tokio::net::{TcpSocket, TcpStream};

/// How long anything may take before the test fails. Never waited for in a passing test.
const PATIENCE: Duration = Duration::from_secs(90);

/// A stream that is read.
pub(super) struct Reader {
    socket: TcpStream,
    raw: Vec<u8>,
    text: String,
    over: bool,
    pub(super) status: u16,
    pub(super) head: String,
    /// The last id, as a browser keeps it.
    pub(super) last_id: Option<String>,
}

/// A block that makes an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) data: serde_json::Value,
}

/// What came.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    Event(Event),
    /// A block that makes no event.
    Sign,
    /// The server ended the stream.
    End,
}

impl Reader {
    /// Asks for `path` with these header lines.
    pub(super) async fn open(base_url: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::open_with(base_url, path, headers, None).await
    }

    /// The same with a small window for what comes.
    pub(super) async fn open_with(
        base_url: &str,
        path: &str,
        headers: &[(&str, &str)],
        window: Option<u32>,
    ) -> Self {
        let address = base_url
            .trim_start_matches("http://")
            .parse()
            .expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = window {
            socket.set_recv_buffer_size(bytes).expect("set");
        }
        let socket = socket.connect(address).await.expect("connects");
        let mut reader = Self {
            socket,
            raw: Vec::new(),
            text: String::new(),
            over: false,
            status: 0,
            head: String::new(),
            last_id: None,
        };
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        reader.write(format!("{head}\r\n").as_bytes()).await;
        let end = loop {
            if let Some(at) = reader.raw.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            assert!(
                reader.fill().await,
                "no head: {:?}",
                String::from_utf8_lossy(&reader.raw)
            );
        };
        reader.head = String::from_utf8_lossy(&reader.raw[..end]).to_ascii_lowercase();
        reader.raw.drain(..end + 4);
        reader.status = reader.head[9..12].parse().expect("a status");
        reader
    }

    /// With a token.
    pub(super) async fn with_token(base_url: &str, path: &str, token: &str, last: Option<&str>) -> Self {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(last.map(|id| ("last-event-id", id)));
        Self::open(base_url, path, &headers).await
    }

    async fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.socket.writable().await.expect("writable");
            match self.socket.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads some more. `false` at the end.
    async fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 16 * 1024];
        let read = async {
            loop {
                if self.socket.readable().await.is_err() {
                    return 0;
                }
                match self.socket.try_read(&mut buffer) {
                    Ok(read) => return read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return 0,
                }
            }
        };
        let read = tokio::time::timeout(PATIENCE, read)
            .await
            .expect("something comes");
        self.raw.extend_from_slice(&buffer[..read]);
        read > 0
    }

    /// Takes whole chunks out of what was read.
    fn unpack(&mut self) {
        while let Some(at) = self.raw.windows(2).position(|pair| pair == b"\r\n") {
            let length = std::str::from_utf8(&self.raw[..at]).expect("digits");
            let length = usize::from_str_radix(length, 16).expect("hexadecimal digits");
            if length == 0 {
                self.over = true;
                return;
            }
            if self.raw.len() < at + 2 + length + 2 {
                return;
            }
            let chunk = self.raw[at + 2..at + 2 + length].to_vec();
            self.text.push_str(&String::from_utf8(chunk).expect("text"));
            self.raw.drain(..at + 2 + length + 2);
        }
    }

    /// The next block.
    pub(super) async fn next(&mut self) -> Came {
        loop {
            self.unpack();
            if let Some(at) = self.text.find("\n\n") {
                let block: String = self.text.drain(..at + 2).collect();
                return self.block(&block);
            }
            if self.over || !self.fill().await {
                return Came::End;
            }
        }
    }

    fn block(&mut self, block: &str) -> Came {
        let (mut name, mut data) = (String::new(), None);
        for line in block
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(':'))
        {
            let (field, value) = line.split_once(": ").expect("field and value");
            match field {
                "id" => self.last_id = Some(value.to_owned()),
                "event" => value.clone_into(&mut name),
                "data" => data = Some(value.to_owned()),
                "retry" => assert_eq!(value, "2000"),
                _ => panic!("{line}"),
            }
        }
        data.map_or(Came::Sign, |data| {
            Came::Event(Event {
                id: self.last_id.clone().unwrap_or_default(),
                name,
                data: serde_json::from_str(&data).expect("JSON in one line"),
            })
        })
    }

    /// The next event, past signs of life, which do not make it wait for ever.
    pub(super) async fn event(&mut self) -> Option<Event> {
        let event = async {
            loop {
                match self.next().await {
                    Came::Event(event) => return Some(event),
                    Came::Sign => {}
                    Came::End => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, event)
            .await
            .expect("an event comes")
    }

    /// Reads to the end.
    pub(super) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let all = async {
            while let Some(event) = self.event().await {
                events.push(event);
            }
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .expect("the stream ends");
        events
    }
}
