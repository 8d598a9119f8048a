//! A real browser on a page of another origin: the script of `docs/events.md`, as it is printed there.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::kit::{Scene, n, quick};

on_both_engines!(
    a_page_reads_events_and_comes_back,
    a_page_watches_a_run_to_its_end
);

/// Set where a missing browser is a failure and no reason to skip.
const REQUIRE: &str = "TENANTATLAS_REQUIRE_BROWSER";
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// How long anything may take before the test fails. Never waited for in a passing test.
const PATIENCE: Duration = Duration::from_secs(90);

/// A page, its server, and the browser that shows it.
struct Page {
    listener: Option<TcpListener>,
    origin: String,
    told: mpsc::UnboundedReceiver<Value>,
    tell: mpsc::UnboundedSender<Value>,
    browser: Option<(Child, tempfile::TempDir)>,
}

/// The first browser on the path.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    let found = folders.find_map(|folder| {
        let mut programs = NAMES.iter().map(|name| folder.join(name));
        programs.find(|program| program.is_file())
    });
    if found.is_none() {
        assert!(
            std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, but none of {NAMES:?} was found: install Chromium"
        );
        let message = "SKIPPED a test in a browser: Chromium was not found. Install it to run this test.";
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    found
}

impl Page {
    /// A place for a page, so that its origin is known.
    async fn place() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("bound"));
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            listener: Some(listener),
            origin,
            told,
            tell,
            browser: None,
        }
    }

    /// Shows a page with this script, which calls `tell(value)` with whatever the test is to hear, in order.
    fn show(&mut self, program: PathBuf, script: &str) {
        let html = format!(
            "<!doctype html><title>A page</title><script type=module>
            let told = Promise.resolve();
            const tell = (value) => {{
                told = told.then(() => fetch('/told', {{ method: 'POST', body: JSON.stringify(value) }}));
            }};
            {script}
            </script>"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new(program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg(format!("{}/", self.origin))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        self.browser = Some((child, folder));
        let listener = self.listener.take().expect("one page");
        let tell = self.tell.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, html.clone(), tell.clone()));
            }
        });
    }

    /// What the page tells next.
    async fn hear(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        next.expect("the page says something")
            .expect("its server is there")
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some((browser, _)) = &mut self.browser {
            let _ = browser.kill();
            let _ = browser.wait();
        }
    }
}

/// One request, one answer.
async fn answer(mut stream: TcpStream, html: String, tell: mpsc::UnboundedSender<Value>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 4_096];
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return,
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let (status, text) = match head.split(' ').nth(1) {
        Some("/") => ("200 OK", html.as_str()),
        Some("/told") => {
            let _ = tell.send(serde_json::from_str(&body).expect("JSON"));
            ("200 OK", "")
        }
        Some(_) | None => ("404 Not Found", ""),
    };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n\r\n"
    );
    let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
}

/// The script that the documentation prints.
fn documented() -> &'static str {
    let page = include_str!("../../../docs/events.md");
    let (_, rest) = page.split_once("```js\n").expect("a script");
    rest.split_once("```").expect("its end").0
}

/// Streams end after a second, so the page has to come back again and again; events come while it is there and
/// while it is away.
async fn a_page_reads_events_and_comes_back(database: TestDatabase) {
    let Some(program) = browser() else { return };
    let scene = Scene::begin(database).await;
    let mut page = Page::place().await;
    let mut settings = quick(|streams| streams.longest = Duration::from_secs(1));
    settings.cors_origins = vec![page.origin.clone()];
    let api = scene.beside(settings).await;
    let last = scene.newest().await;
    page.show(
        program,
        &format!(
            "{}
            const token = () => {{ tell('here'); return '{}'; }};
            watch('{}{}', token, tell, '{last}');",
            documented(),
            scene.app.token("owner"),
            api.base_url,
            scene.home.base
        ),
    );
    let (mut visits, mut written, mut seen) = (0, 0, 0);
    while visits < 4 || seen < written {
        let told = page.hear().await;
        if told == "here" {
            visits += 1;
        } else {
            seen += 1;
            assert_eq!(n(&told), seen as u64, "none lost, none twice, in order: {told}");
        }
        // Five for each visit, and five more whenever everything was read: those may find nobody there.
        if told == "here" || (seen == written && visits < 4) {
            scene.flood(written + 1, 5, "operation.completed", 0).await;
            written += 5;
        }
    }
    drop(page);
    api.stop().await;
    scene.stop().await;
}

/// The stream ends after the run has; a browser that is not told to close it asks once more and stays away then.
async fn a_page_watches_a_run_to_its_end(database: TestDatabase) {
    let Some(program) = browser() else { return };
    let scene = Scene::begin(database).await;
    let mut page = Page::place().await;
    let mut settings = quick(|_| ());
    settings.cors_origins = vec![page.origin.clone()];
    let api = scene.beside(settings).await;
    let started = scene
        .home
        .start(&scene.app.client("owner"), "inventory.sync")
        .await;
    assert_eq!(started.status, 202, "{}", started.body);
    let run = started.text("/run/id").to_owned();
    page.show(
        program,
        &format!(
            "const base = '{}{}';
            const made = await fetch(`${{base}}/events/stream-tickets`,
                {{ method: 'POST', headers: {{ authorization: 'Bearer {}' }} }});
            const {{ ticket }} = await made.json();
            const source = new EventSource(`${{base}}/operation-runs/{run}/stream?ticket=${{ticket}}`);
            source.addEventListener('run', (event) => tell(JSON.parse(event.data).status));
            source.addEventListener('end', () => tell('end'));
            source.onerror = () => {{ if (source.readyState === EventSource.CLOSED) tell('closed'); }};",
            api.base_url,
            scene.home.base,
            scene.app.token("owner"),
        ),
    );
    assert_eq!(page.hear().await, json!("queued"));
    scene.app.drain().await;
    let mut told = Vec::new();
    while told.last() != Some(&json!("closed")) {
        told.push(page.hear().await);
    }
    let [.., over, end, closed] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (over, end, closed),
        (&json!("completed"), &json!("end"), &json!("closed")),
        "{told:?}"
    );
    drop(page);
    api.stop().await;
    scene.stop().await;
}
