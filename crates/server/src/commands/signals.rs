//! How the process is asked to end. The first signal asks; the second one, or a grace that is over, ends
//! it. The watch has a thread of its own: it works when no thread of the runtime is free.

use std::{process, sync::mpsc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// What a process shows that was ended by a second signal: 128 and the number of SIGTERM.
const BY_SIGNAL: i32 = 143;
/// What it shows when its grace was over.
const TOO_LATE: i32 = 1;

/// A token that the first interrupt or termination signal cancels. The second one ends the process
/// there and then, and so does the end of `grace` after the first.
///
/// To be called before anything that takes time: when it returns, signals are watched. The first process of a
/// container does not even hear those that nobody watches (signal(7), pid_namespaces(7)).
pub(crate) fn until_signal(grace: Duration) -> CancellationToken {
    let token = CancellationToken::new();
    let asked = token.clone();
    let (ready, watched) = mpsc::channel::<()>();
    let watch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(end_when_told(&asked, grace, ready)),
            Err(error) => tracing::error!(%error, "signals cannot be watched"),
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)
    {
        tracing::error!(%error, "signals cannot be watched");
    }
    // The thread drops its end as soon as it watches, or when it cannot.
    let _ = watched.recv();
    token
}

async fn end_when_told(asked: &CancellationToken, grace: Duration, ready: mpsc::Sender<()>) {
    let mut signals = Signals::new();
    drop(ready);
    signals.next().await;
    tracing::info!("asked to end");
    asked.cancel();
    let code = tokio::select! {
        () = signals.next() => BY_SIGNAL,
        () = sleep_until(Instant::now() + grace) => TOO_LATE,
    };
    tracing::error!(code, "ended before everything was handed back");
    process::exit(code);
}

#[cfg(unix)]
struct Signals {
    terminate: Option<tokio::signal::unix::Signal>,
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
        }
    }

    async fn next(&mut self) {
        let (Some(terminate), Some(interrupt)) = (&mut self.terminate, &mut self.interrupt) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    const fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
