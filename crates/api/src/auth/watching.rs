//! The guard of streams. A browser's own reader of event streams cannot send a header, so a stream also opens
//! with a ticket in its address: one that was made a moment ago for this workspace, and that is taken away here.
//! Whoever comes with a token in the header is asked for nothing else.

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::AUTHORIZATION, web::Data};
use futures::{FutureExt as _, future::LocalBoxFuture};
use sha2::{Digest as _, Sha256};
use tenancy::{PrincipalKey, WorkspaceId};
use url::form_urlencoded;

use super::{
    guard::{Authenticated, Guard, path_id},
    permission::Permission,
};
use crate::{
    ApiState,
    edge::HeadOnly,
    problem::{Code, Problem},
    watch::{seats::Seat, source::Watcher},
};

/// A member who may watch, and has a seat.
pub(crate) struct StreamGuard<P> {
    /// Who watches, where.
    pub(crate) guard: Guard<P>,
    /// Whether only the head of the answer is asked for.
    pub(crate) head_only: bool,
    seat: Seat,
}

impl<P: Permission> StreamGuard<P> {
    /// What comes back before anything was told, so that a browser tries again a little later.
    const SECONDS: u32 = 5;

    async fn check(request: HttpRequest) -> Result<Self, Problem> {
        let caller = if request.headers().contains_key(AUTHORIZATION) {
            Authenticated::check(&request)?
        } else {
            by_ticket(&request).await?
        };
        let guard = Guard::admit(caller).await?;
        let principal = guard.scope.actor().principal_id();
        let principal = principal.ok_or_else(|| Problem::internal("a member is no principal"))?;
        let seats = guard.state.hub.seats();
        let seat = seats.take(guard.scope.workspace_id(), principal, guard.role());
        Ok(Self {
            seat: seat.ok_or_else(|| Problem::new(Code::TooManyStreams).retry_after(Self::SECONDS))?,
            head_only: request.head_only(),
            guard,
        })
    }

    /// The watcher, in his seat.
    pub(crate) fn watcher(self) -> Watcher {
        Watcher::new(self.guard.state, self.seat, P::CAPABILITY)
    }
}

impl<P: Permission> FromRequest for StreamGuard<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::check(request.clone()).boxed_local()
    }
}

/// Whoever got the ticket in the address. It is worth nothing afterwards.
async fn by_ticket(request: &HttpRequest) -> Result<Authenticated, Problem> {
    let refused = || Problem::new(Code::Unauthenticated);
    let state = request.app_data::<Data<ApiState>>();
    let state = state
        .ok_or_else(|| Problem::internal("the application has no state"))?
        .clone();
    let hash: [u8; 32] = form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(name, _)| name == "ticket")
        .map(|(_, text)| Sha256::digest(text.as_bytes()).into())
        .ok_or_else(refused)?;
    let workspace: WorkspaceId = path_id(request, "workspace_id").map_err(|_| refused())?;
    let key = redeem(state.clone(), workspace, hash).await?;
    Ok(Authenticated::known(state, key.ok_or_else(refused)?, request))
}

async fn redeem(
    state: Data<ApiState>,
    workspace: WorkspaceId,
    hash: [u8; 32],
) -> Result<Option<PrincipalKey>, Problem> {
    let unit = state.clone();
    let redeem = async move {
        let mut work = unit.storage.begin().await?;
        let key = work.tickets().redeem(workspace, &hash, unit.clock.now()).await?;
        work.commit().await?;
        Ok(key)
    };
    state.transact(redeem).await
}
