//! What every stream has in common: its seat, its signs of life, its end.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, HeaderName},
    web::{Bytes, Data},
};
use futures::{Stream, stream::unfold};
use tenancy::{Capability, Role};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::seats::Seat;
use crate::ApiState;

/// Tells one kind of reverse proxy not to keep back what it gets.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Where the blocks of a stream come from.
pub(crate) trait Source: 'static {
    /// The next lines; nothing when the stream is over.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>>;
}

/// One step of a stream that is not over.
pub(crate) enum Step {
    /// These lines are sent.
    Send(Bytes),
    /// There is nothing to send yet.
    Wait,
}

impl From<Option<Bytes>> for Step {
    fn from(lines: Option<Bytes>) -> Self {
        lines.map_or(Self::Wait, Self::Send)
    }
}

/// What happens to every stream, whatever it shows.
pub(crate) enum Turn {
    /// Nobody has heard anything for a while.
    Silent,
    /// The role is another one.
    Role,
    /// The stream is over: the server stops, the membership is lost, or it has lasted long enough.
    Over,
}

/// A watcher: its seat, and how long it may stay.
pub(crate) struct Watcher {
    /// What handlers work with.
    pub(crate) state: Data<ApiState>,
    seat: Seat,
    capability: Capability,
    silence: Interval,
    until: Instant,
}

impl Watcher {
    /// A watcher in `seat` who must hold `capability` as long as he watches.
    pub(crate) fn new(state: Data<ApiState>, seat: Seat, capability: Capability) -> Self {
        let settings = &state.settings.streams;
        let mut silence = interval(settings.heartbeat.max(Duration::from_millis(1)));
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        silence.reset();
        Self {
            until: Instant::now() + settings.longest,
            silence,
            seat,
            capability,
            state,
        }
    }

    /// The role, unless the watcher has to leave.
    pub(crate) fn role(&self) -> Option<Role> {
        let stays = !self.state.closing.is_cancelled() && Instant::now() < self.until;
        self.seat
            .role()
            .filter(|role| stays && role.holds(self.capability))
    }

    /// Whether the store says that the watcher still has this role: what was read for it may be told.
    pub(crate) async fn still(&self, role: Role) -> bool {
        let stored = self.state.hub.stored_role(&self.seat).await;
        stored.is_ok_and(|stored| stored == Some(role))
    }

    /// Waits until something happens to the watcher himself.
    pub(crate) async fn turn(&mut self) -> Turn {
        tokio::select! {
            biased;
            () = self.state.closing.cancelled() => return Turn::Over,
            () = sleep_until(self.until) => return Turn::Over,
            () = self.seat.changed() => {}
            _ = self.silence.tick() => return if self.role().is_some() { Turn::Silent } else { Turn::Over },
        }
        self.role().map_or(Turn::Over, |_| Turn::Role)
    }

    /// The watcher has just heard something.
    pub(crate) fn heard(&mut self) {
        self.silence.reset();
    }
}

/// The answer that sends what comes from `source`.
pub(crate) fn answer(source: impl Source) -> HttpResponse {
    headers().streaming(body(source))
}

/// The same answer to somebody who asked for its head alone.
pub(crate) fn head() -> HttpResponse {
    headers().finish()
}

fn headers() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((UNBUFFERED, "no"));
    response
}

fn body(source: impl Source) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold(source, |mut source| async move {
        let bytes = source.next().await?;
        Some((Ok(bytes), source))
    })
}
