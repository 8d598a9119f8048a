//! The product in processes of its own: to share a database, to be paused and to be killed.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::Value;

use crate::{TestDatabase, chaos::failpoints};

/// A process of the product. Killed when dropped.
pub struct Process {
    child: Child,
    /// What it wrote when it was ready.
    pub ready: Value,
    /// Where its log goes.
    pub log: PathBuf,
    ready_file: PathBuf,
}

impl Process {
    /// Starts `binary` with `arguments` on `database`, and waits until it says that it is ready.
    /// Settings are given as `SECTION__KEY` and value.
    pub fn start(
        binary: &Path,
        arguments: &[&str],
        database: &TestDatabase,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::try_start(binary, arguments, database, settings).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same where it may not come up: tells what it said instead.
    pub fn try_start(
        binary: &Path,
        arguments: &[&str],
        database: &TestDatabase,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut process = Self::spawn(binary, arguments, database, settings, None);
        process.wait_until_ready()?;
        Ok(process)
    }

    /// The same without waiting for it. `armed` is the point at which it is to die and at which hit
    /// ([`crate::chaos::failpoints`]).
    pub fn spawn(
        binary: &Path,
        arguments: &[&str],
        database: &TestDatabase,
        settings: &[(&str, &str)],
        armed: Option<(&str, u64)>,
    ) -> Self {
        // Several may start at the same moment.
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", arguments[0], STARTED.fetch_add(1, Ordering::Relaxed));
        let ready_file = database.folder.path().join(format!("{name}.ready"));
        let log = database.folder.path().join(format!("{name}.log"));
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .arg("--ready-file")
            .arg(&ready_file)
            .env("TENANTATLAS__DATABASE__URL", &database.url)
            .env("TENANTATLAS__KEYS__RING_FILE", database.ring_file())
            .env("TENANTATLAS__HTTP__BIND", "127.0.0.1:0")
            .envs(
                settings
                    .iter()
                    .map(|(key, value)| (format!("TENANTATLAS__{key}"), value)),
            )
            .stdout(Stdio::null())
            .envs(armed.map(|(point, hit)| (failpoints::VARIABLE, format!("{point}:{hit}"))))
            .stderr(std::fs::File::create(&log).expect("a log"));
        let child = command.spawn().expect("starts");
        Self {
            child,
            ready: Value::Null,
            log,
            ready_file,
        }
    }

    /// Waits until it says that it is ready; tells what it said instead if it does not come to that.
    pub fn wait_until_ready(&mut self) -> Result<(), String> {
        for _ in 0..600 {
            if let Ok(text) = std::fs::read_to_string(&self.ready_file) {
                self.ready = serde_json::from_str(&text).expect("the ready file is JSON");
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().expect("known") {
                return Err(format!("ended with {status}: {}", self.said()));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Err(format!("not ready: {}", self.said()))
    }

    /// Its log so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; nothing while it runs.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("known")
    }

    /// Where its API is.
    pub fn base_url(&self) -> String {
        self.ready["base_url"].as_str().expect("an address").to_owned()
    }

    /// Sends a signal, by the name that kill(1) knows.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// Stops it, and returns when every one of its threads stands still. A thread ends the call to the system that
    /// it is in before it does, and such a call may just take a lock.
    pub fn freeze(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let still = || {
            // Nothing to look at on other systems.
            let Ok(mut threads) = std::fs::read_dir(&tasks) else {
                return true;
            };
            threads.all(|thread| {
                let path = thread.expect("a thread").path().join("stat");
                let text = std::fs::read_to_string(path).unwrap_or_default();
                // The name in brackets may hold anything.
                text.rsplit_once(") ")
                    .is_none_or(|(_, rest)| rest.starts_with('T'))
            })
        };
        for _ in 0..1200 {
            if still() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("it does not stand still: {}", self.said());
    }

    /// Waits until it is gone, and tells with which code; nothing if a signal ended it.
    pub fn wait_for_end(mut self) -> Option<i32> {
        for _ in 0..1200 {
            if let Some(status) = self.child.try_wait().expect("known") {
                return status.code();
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("still there: {}", self.log());
    }

    /// Waits until its log holds `text`.
    pub fn wait_for_log(&self, text: &str) {
        for _ in 0..600 {
            if self.log().contains(text) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("no {text:?}: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it with no chance to say goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
