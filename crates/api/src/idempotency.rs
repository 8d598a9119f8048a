//! Requests that are made once: the header `Idempotency-Key`, for every POST that creates something
//! in a workspace. How a route takes part:
//!
//! ```text
//! let (body, print) = body.read_with_print(&state.settings).await?;
//! guard.once(print, async |keeper| {
//!     let thing = check(&guard, body)?;                       // a refusal here keeps nothing
//!     let (state, scope) = (guard.state.clone(), guard.scope.clone());
//!     guard.state.transact(async move {
//!         let mut work = state.storage.begin().await?;
//!         work.things().insert(&scope, &thing, &change).await?;
//!         let answer = Answer::json(StatusCode::CREATED, &ThingView::from(thing))?;
//!         keeper.commit(work, answer).await                   // in place of work.commit()
//!     }).await
//! }).await
//! ```
//!
//! A route without a body passes [`Print::nothing`]. An answer that holds a secret is marked with
//! [`Answer::shown_once`]: its body is not kept, and whoever repeats the request is told so. The route
//! names the header in its `params`, and the document adds the problems by itself.
//!
//! What is kept: the answer of a request that had an effect, or that found the effect there already.
//! A refusal that wrote nothing is not kept: mend the cause and send the same key again. The answer
//! commits with the change (I2). While a request is under way a reservation with a random fence stands
//! for it; it is given back when the request is refused, when the caller goes away before the work
//! begins, and after [`LOCK`] by whoever comes next. A holder whose reservation was taken over finds
//! no row with his fence when he keeps his answer, and what he wrote is rolled back.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web::Data,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{Id, SecretBytes};
use sha2::{Digest as _, Sha256};
use storage::UnitOfWork;
use tenancy::{KeptAnswer, Reservation, ReservationTimes, Reserved, WorkspaceScope};

use crate::{
    ApiState,
    answers::Answer,
    auth::{guard::Guard, permission::Permission},
    problem::{Code, Problem},
};

/// The header that names a request.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// After how long an unfinished request may be taken over. Longer than any request works.
const LOCK: Duration = Duration::from_mins(1);
/// How long an answer is kept.
const KEEP: Duration = Duration::from_hours(24);
/// The longest key.
const LONGEST_KEY: usize = 255;

/// A digest of a body, made of its bytes as they came: a body may hold a secret, and a decoded copy
/// of it would not be wiped.
pub(crate) struct Print([u8; 32]);

impl Print {
    /// Of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a request without a body.
    pub(crate) fn nothing() -> Self {
        Self::of(&[])
    }

    /// What is stored in its place: a plain digest of a short secret could be guessed.
    fn sealed(&self, key: &SecretBytes) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"idempotency fingerprint");
        mac.update(&self.0);
        kernel::hex(&mac.finalize().into_bytes())
    }
}

/// Commits a unit of work, with its answer if the caller named the request.
pub(crate) struct Keeper(Option<Held>);

/// A reservation. Given back when it is dropped without a commit.
struct Held {
    state: Data<ApiState>,
    scope: WorkspaceScope,
    reservation: Reservation,
    done: bool,
}

/// What comes of a try to reserve a request.
enum Turn {
    Go(Keeper),
    Replay(KeptAnswer),
}

impl<P: Permission> Guard<P> {
    /// Does `unit`, or repeats the answer that it gave to the same request before. `unit` commits by
    /// [`Keeper::commit`], and by nothing else.
    pub(crate) async fn once<F>(&self, print: Print, unit: F) -> Result<HttpResponse, Problem>
    where
        F: AsyncFnOnce(Keeper) -> Result<Answer, Problem>,
    {
        let principal = self.scope.actor().principal_id();
        let (Some(key), Some(principal_id)) = (key(self.request())?, principal) else {
            return unit(Keeper(None)).await.map(Answer::into_response);
        };
        let reservation = Reservation {
            principal_id,
            request_key: request_key(self.request(), key),
            fingerprint: print.sealed(&self.state.cursor_key),
            fence: Id::next(&*self.state.ids),
        };
        let (state, scope) = (self.state.clone(), self.scope.clone());
        let reserve = reserve(state.clone(), scope.clone(), reservation.clone());
        match self.state.transact(reserve).await? {
            Turn::Replay(kept) => replay(kept),
            Turn::Go(keeper) => match unit(keeper).await {
                Ok(answer) => Ok(answer.into_response()),
                Err(problem) => {
                    // Before the answer, so that the caller's next try does not meet it.
                    let back = release(state.clone(), scope, reservation);
                    if let Err(error) = state.transact(back).await {
                        tracing::warn!(%error, "a reservation was not given back; its time will end it");
                    }
                    Err(problem)
                }
            },
        }
    }
}

impl Keeper {
    /// For a route that takes no part: a condition on what it changes makes it safe to repeat.
    pub(crate) const fn of_nobody() -> Self {
        Self(None)
    }

    /// The answer to a request that found its effect there already. Without a key nothing is written.
    pub(crate) async fn without_change(
        self,
        state: &Data<ApiState>,
        answer: Answer,
    ) -> Result<Answer, Problem> {
        if self.0.is_none() {
            return Ok(answer);
        }
        let unit = state.clone();
        let keep = async move { self.commit(unit.storage.begin().await?, answer).await };
        state.transact(keep).await
    }

    /// Commits `work` together with `answer`. If the reservation was taken over meanwhile, nothing of
    /// `work` stays.
    pub(crate) async fn commit(
        self,
        mut work: Box<dyn UnitOfWork>,
        answer: Answer,
    ) -> Result<Answer, Problem> {
        let Some(mut held) = self.0 else {
            work.commit().await?;
            return Ok(answer);
        };
        let kept = work
            .idempotency()
            .keep(&held.scope, &held.reservation, &answer.kept())
            .await?;
        if !kept {
            return Err(in_progress());
        }
        work.commit().await?;
        held.done = true;
        Ok(answer)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.done {
            let back = release(self.state.clone(), self.scope.clone(), self.reservation.clone());
            self.state.detach(back);
        }
    }
}

async fn reserve(
    state: Data<ApiState>,
    scope: WorkspaceScope,
    reservation: Reservation,
) -> Result<Turn, Problem> {
    let times = ReservationTimes {
        lock: LOCK,
        keep: KEEP,
    };
    let mut work = state.storage.begin().await?;
    let reserved = work.idempotency().reserve(&scope, &reservation, times).await?;
    work.commit().await?;
    match reserved {
        Reserved::Mine => Ok(Turn::Go(Keeper(Some(Held {
            state,
            scope,
            reservation,
            done: false,
        })))),
        Reserved::Answered(kept) => Ok(Turn::Replay(kept)),
        Reserved::InFlight => Err(in_progress()),
        Reserved::AnotherBody => Err(Problem::new(Code::IdempotencyKeyReused)),
    }
}

async fn release(
    state: Data<ApiState>,
    scope: WorkspaceScope,
    reservation: Reservation,
) -> Result<(), Problem> {
    let mut work = state.storage.begin().await?;
    work.idempotency().release(&scope, &reservation).await?;
    Ok(work.commit().await?)
}

fn in_progress() -> Problem {
    Problem::new(Code::IdempotencyInProgress).retry_after(1)
}

/// The kept answer, byte for byte, and a header that says so.
fn replay(kept: KeptAnswer) -> Result<HttpResponse, Problem> {
    let broken = || Problem::internal("a kept answer is not an answer");
    let Some(body) = kept.body else {
        return Err(Problem::new(Code::SecretAlreadyShown));
    };
    let status = StatusCode::from_u16(kept.status).map_err(|_| broken())?;
    let mut response = HttpResponse::build(status);
    for (name, value) in kept.headers {
        response.insert_header((name, value));
    }
    response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    Ok(response.body(body))
}

/// The caller's key, if one was sent: one header of 1 to 255 visible characters of ASCII.
fn key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let fits = (1..=LONGEST_KEY).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match (value.to_str(), values.next()) {
        (Ok(text), None) if fits => Ok(Some(text)),
        (Ok(_) | Err(_), Some(_) | None) => Err(Problem::new(Code::IdempotencyKeyInvalid)),
    }
}

/// One key may name a request of each route: the method, the path and the key are one name.
fn request_key(request: &HttpRequest, key: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [request.method().as_str(), request.path(), key] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    kernel::hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn key_of(values: &[&str]) -> Result<Option<String>, Code> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((IDEMPOTENCY_KEY, *value));
        }
        let request = request.to_http_request();
        let found = key(&request).map(|key| key.map(str::to_owned));
        found.map_err(|problem| problem.code())
    }

    #[test]
    fn a_key_is_one_header_of_visible_ascii() {
        assert_eq!(key_of(&[]), Ok(None));
        let longest = "k".repeat(LONGEST_KEY);
        for fine in ["1", "0190b3e4-0000-7000-8000-000000000001", "~!\"#", &longest] {
            assert_eq!(key_of(&[fine]), Ok(Some(fine.to_owned())), "{fine}");
        }
        let too_long = "k".repeat(LONGEST_KEY + 1);
        for values in [&[""][..], &["a b"], &["a\tb"], &["é"], &[&too_long], &["a", "a"]] {
            assert_eq!(key_of(values), Err(Code::IdempotencyKeyInvalid), "{values:?}");
        }
    }

    #[test]
    fn a_key_names_a_request_of_one_route() {
        let of = |method: actix_web::http::Method, path: &str, key: &str| {
            request_key(&TestRequest::with_uri(path).method(method).to_http_request(), key)
        };
        let (post, put) = (actix_web::http::Method::POST, actix_web::http::Method::PUT);
        let mine = of(post.clone(), "/a", "b");
        assert_eq!(mine, of(post.clone(), "/a", "b"));
        for other in [
            of(post.clone(), "/ab", ""),
            of(post, "/", "ab"),
            of(put, "/a", "b"),
        ] {
            assert_ne!(mine, other);
        }
    }

    #[test]
    fn what_is_stored_of_a_body_depends_on_the_key_of_the_installation() {
        let (one, two) = (SecretBytes::new(vec![1; 32]), SecretBytes::new(vec![2; 32]));
        let print = Print::of(b"{}");
        assert_eq!(print.sealed(&one), Print::of(b"{}").sealed(&one));
        assert_ne!(print.sealed(&one), Print::of(b"{ }").sealed(&one));
        assert_ne!(print.sealed(&one), print.sealed(&two));
    }
}
