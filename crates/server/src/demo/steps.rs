//! What every part of the story needs: requests that must be answered as promised, and runs that
//! are watched to their end.

use cli::Answer;
use serde_json::Value;

use super::{DemoError, transcript::Transcript, world::World};

/// The story's hands.
pub(crate) struct Steps<'a> {
    pub(crate) world: &'a World,
    pub(crate) transcript: &'a mut Transcript,
    /// Every answer, to be searched for secrets at the end.
    pub(crate) answers: Vec<String>,
    /// What was told once to somebody who needs it: the consent link and what follows from it.
    pub(crate) told_once: Vec<String>,
    /// The last state that was said: the same is not said twice.
    pub(crate) said: String,
}

/// Fails unless it is as promised.
pub(crate) fn promised(holds: bool, what: impl Into<String>) -> Result<(), DemoError> {
    if holds {
        Ok(())
    } else {
        Err(DemoError::Broken(what.into()))
    }
}

impl Steps<'_> {
    /// Posts, and expects a status.
    pub(crate) async fn post(&mut self, path: &str, body: &Value, status: u16) -> Result<Answer, DemoError> {
        self.transcript.request(&format!("POST {}", shorten(path)));
        let answer = self.world.client.post(path, body).await?;
        self.keep(&answer);
        promised(
            answer.status == status,
            format!("POST {path} answered {} and not {status}", answer.status),
        )?;
        Ok(answer)
    }

    /// Posts on the condition that the connection is as it was read, and expects a status.
    pub(crate) async fn post_if(&mut self, path: &str, etag: &str, status: u16) -> Result<Answer, DemoError> {
        self.transcript
            .request(&format!("POST {}  If-Match", shorten(path)));
        let headers = [("if-match", etag)];
        let answer = self.world.client.post_with(path, &headers, None).await?;
        self.keep(&answer);
        promised(
            answer.status == status,
            format!("POST {path} answered {} and not {status}", answer.status),
        )?;
        Ok(answer)
    }

    /// Puts on the same condition, and expects success.
    pub(crate) async fn put_if(&mut self, path: &str, etag: &str, body: &Value) -> Result<Answer, DemoError> {
        self.transcript
            .request(&format!("PUT {}  If-Match", shorten(path)));
        let headers = [("if-match", etag)];
        let answer = self.world.client.put_with(path, &headers, body).await?;
        self.keep(&answer);
        promised(
            answer.status == 200,
            format!("PUT {path} answered {}", answer.status),
        )?;
        Ok(answer)
    }

    /// Reads, and expects success.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, DemoError> {
        let answer = self.world.client.get(path).await?;
        self.keep(&answer);
        promised(
            answer.status == 200,
            format!("GET {path} answered {}", answer.status),
        )?;
        Ok(answer)
    }

    /// Watches a run until it tells how far it is.
    pub(crate) async fn progress(&mut self, run_path: &str) -> Result<(), DemoError> {
        let mut etag = String::new();
        for _ in 0..10 {
            let headers = [("if-none-match", etag.as_str()), ("prefer", "wait=2")];
            let answer = self.world.client.get_with(run_path, &headers).await?;
            self.keep(&answer);
            if answer
                .body
                .pointer("/progress/processed")
                .is_some_and(Value::is_u64)
            {
                self.say(state(&answer));
                return Ok(());
            }
            answer.header("etag").unwrap_or_default().clone_into(&mut etag);
        }
        Err(DemoError::Broken(format!("{run_path} told no progress")))
    }

    /// Watches a run to its end. Each look waits at the server until something changed.
    pub(crate) async fn finished(&mut self, run_path: &str) -> Result<Answer, DemoError> {
        let mut etag = String::new();
        for _ in 0..60 {
            let headers = [("if-none-match", etag.as_str()), ("prefer", "wait=2")];
            let answer = self.world.client.get_with(run_path, &headers).await?;
            self.keep(&answer);
            if answer.status == 304 {
                continue;
            }
            promised(
                answer.status == 200,
                format!("GET {run_path} answered {}", answer.status),
            )?;
            if answer.text("/status") == "completed" {
                return Ok(answer);
            }
            self.say(state(&answer));
            answer.header("etag").unwrap_or_default().clone_into(&mut etag);
        }
        Err(DemoError::Broken(format!("{run_path} did not end")))
    }

    fn say(&mut self, state: String) {
        if state != self.said {
            self.transcript.says(&state);
            self.said = state;
        }
    }

    /// Says what each part of a connection check found.
    pub(crate) fn report(&self, run: &Answer) {
        let checks = run.body.pointer("/context/verification_report/checks");
        for check in checks.and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| check[key].as_str().unwrap_or_default();
            self.transcript
                .says(&format!("{:<5} {}", text("status"), text("title")));
        }
    }

    /// Remembers an answer, to be searched.
    pub(crate) fn keep(&mut self, answer: &Answer) {
        self.answers.push(format!("{:?} {}", answer.headers, answer.body));
    }
}

fn state(answer: &Answer) -> String {
    let number = |pointer| answer.body.pointer(pointer).and_then(Value::as_u64);
    match (number("/progress/processed"), number("/progress/total")) {
        (Some(processed), Some(total)) => format!("{} {processed} of {total}", answer.text("/status")),
        _ => answer.text("/status").to_owned(),
    }
}

/// Ids are long, and those of one second begin alike: the last eight characters will do for a reader.
pub(crate) fn shorten(path: &str) -> String {
    let short = |part: &str| {
        if part.len() == 36 {
            format!("…{}", &part[28..])
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}
