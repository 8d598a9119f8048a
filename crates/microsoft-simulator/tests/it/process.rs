//! The program as a process that never outlives its test, nor keeps it waiting for ever.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// No test needs a program for longer, on the busiest machine.
const LIMIT: Duration = Duration::from_mins(2);

/// Kills a process that is still there after the limit. Dropped before that, it does nothing.
struct Limit {
    _dropped: Sender<()>,
}

impl Limit {
    fn of(child: &Child) -> Self {
        let id = child.id().to_string();
        let (sender, receiver) = mpsc::channel::<()>();
        thread::spawn(move || {
            if receiver.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                // It may have ended by itself in this moment.
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        Self { _dropped: sender }
    }
}

/// The program, ended with the test also when the test fails.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) folder: TempDir,
    /// The line it writes when it answers.
    pub(crate) line: String,
    pub(crate) ready: Value,
    _limit: Limit,
}

impl Program {
    /// Starts it with a ready file in a folder of its own; `{}` in an argument stands for that folder.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().to_str().expect("text");
        let mut child = command()
            .args(arguments.iter().map(|argument| argument.replace("{}", place)))
            .arg("--ready-file")
            .arg(folder.path().join("ready.json"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let limit = Limit::of(&child);
        let mut line = String::new();
        let written = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
        let mut program = Self {
            child,
            folder,
            line,
            ready: Value::Null,
            _limit: limit,
        };
        written.expect("a line");
        program.ready = serde_json::from_str(&program.read("ready.json")).expect("JSON");
        program
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("written before the line")
    }

    pub(crate) fn text(&self, pointer: &str) -> String {
        let value = self.ready.pointer(pointer).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("{pointer} in {}", self.ready))
            .to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_microsoft-simulator"));
    command.env_remove("SIMULATOR_CLIENT_SECRET");
    command
}

/// Runs it to its end, and gives all it wrote.
pub(crate) fn output(arguments: &[&str]) -> (Output, String) {
    let piped = command()
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = piped.expect("starts");
    let limit = Limit::of(&child);
    let output = child.wait_with_output().expect("runs");
    drop(limit);
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    (output, text)
}
