//! The guards. [`Authenticated`] proves who calls; [`Guard`] proves as well that the caller is a
//! member of the workspace in the path and that the role holds a capability.
//!
//! The order is fixed: token (401), workspace (404), capability (403). A workspace that does not
//! exist, one that the caller does not belong to, and a path that holds no id answer alike.

use std::marker::PhantomData;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::Method, web::Data};
use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, Ready, ready},
};
use kernel::{Id, IdKind};
use tenancy::{Capability, Origin, PrincipalKey, Role, WorkspaceId, WorkspaceScope};

use super::{Identity, bearer::bearer_token, permission::Permission};
use crate::{
    ApiState,
    journal::{self, Author},
    lists::List,
    problem::{Code, Problem},
};

/// A caller who proved who he is.
pub(crate) struct Authenticated {
    /// What handlers work with.
    pub(crate) state: Data<ApiState>,
    /// Who calls.
    pub(crate) identity: Identity,
    /// From where.
    pub(crate) origin: Origin,
    request: HttpRequest,
}

impl Authenticated {
    /// Whoever the bearer token speaks of.
    pub(super) fn check(request: &HttpRequest) -> Result<Self, Problem> {
        let state = request.app_data::<Data<ApiState>>();
        let state = state
            .ok_or_else(|| Problem::internal("the application has no state"))?
            .clone();
        let identity = bearer_token(request.headers())
            .and_then(|token| state.verifier.verify(token, state.clock.now()).ok())
            .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        Ok(Self {
            state,
            identity,
            origin: journal::origin(request),
            request: request.clone(),
        })
    }

    /// Somebody who has proved who he is in another way.
    pub(super) fn known(state: Data<ApiState>, key: PrincipalKey, request: &HttpRequest) -> Self {
        Self {
            state,
            identity: Identity {
                label: key.subject.clone(),
                key,
            },
            origin: journal::origin(request),
            request: request.clone(),
        }
    }

    /// Parameters where none are known are refused, like unknown parameters anywhere.
    fn without_stray_query(self) -> Result<Self, Problem> {
        let request = &self.request;
        let known = request.query_string().is_empty()
            || (request.method() == Method::GET && self.state.edge.routes().takes_query(request.path()));
        if known {
            Ok(self)
        } else {
            Err(Problem::new(Code::InvalidQuery))
        }
    }

    /// A list of what belongs to the caller.
    pub(crate) fn list(&self, route: &'static str) -> List {
        let key = &self.identity.key;
        List::new(&self.state, route)
            .bound_to(&key.issuer)
            .bound_to(&key.subject)
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::check(request).and_then(Self::without_stray_query))
    }
}

/// A member of the workspace in the path whose role holds the capability of `P`.
pub(crate) struct Guard<P> {
    /// What handlers work with.
    pub(crate) state: Data<ApiState>,
    /// The workspace, and who acts in it.
    pub(crate) scope: WorkspaceScope,
    /// From where.
    pub(crate) origin: Origin,
    role: Role,
    request: HttpRequest,
    permission: PhantomData<P>,
}

impl<P: Permission> Guard<P> {
    async fn check(caller: Result<Authenticated, Problem>) -> Result<Self, Problem> {
        Self::admit(caller?).await
    }

    /// The caller as a member who may do this.
    pub(super) async fn admit(caller: Authenticated) -> Result<Self, Problem> {
        let workspace: WorkspaceId = path_id(&caller.request, "workspace_id")?;
        let membership = {
            let session = caller.state.storage.read().await?;
            session
                .members()
                .membership(&caller.identity.key, workspace)
                .await?
        };
        let membership = membership.ok_or_else(|| Problem::new(Code::NotFound))?;
        let scope = WorkspaceScope::authorize(&membership, P::CAPABILITY)
            .map_err(|denied| Problem::forbidden(denied.0))?;
        let Authenticated {
            state,
            identity: _,
            origin,
            request,
        } = caller.without_stray_query()?;
        Ok(Self {
            state,
            scope,
            origin,
            role: membership.role(),
            request,
            permission: PhantomData,
        })
    }

    /// The same proof once more, for whoever waited before the answer: what he is told is what he may hear now.
    pub(crate) async fn renewed(&self) -> Result<Self, Problem> {
        Self::check(Authenticated::check(&self.request)).await
    }

    /// The id that stands at `{name}` in the path; a 404 if none does.
    pub(crate) fn id<K: IdKind>(&self, name: &str) -> Result<Id<K>, Problem> {
        path_id(&self.request, name)
    }

    /// Whether the caller's role holds another capability too; decides what answers offer.
    pub(crate) fn may(&self, capability: Capability) -> bool {
        self.role.holds(capability)
    }

    /// The request, for what stands in its head.
    pub(crate) const fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The caller's role.
    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// Writes the journal entries of this call.
    pub(crate) fn author(&self) -> Author {
        Author::new(&self.state, self.scope.actor().clone(), self.origin.clone())
    }

    /// A list of this workspace.
    pub(crate) fn list(&self, route: &'static str) -> List {
        List::new(&self.state, route).bound_to(&self.scope.workspace_id().to_string())
    }

    /// The address of a resource in this workspace.
    pub(crate) fn address(&self, rest: &str) -> String {
        format!("/api/v1/workspaces/{}/{rest}", self.scope.workspace_id())
    }
}

impl<P: Permission> FromRequest for Guard<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::check(Authenticated::check(request)).boxed_local()
    }
}

/// The id that stands at `{name}` in the path.
pub(super) fn path_id<K: IdKind>(request: &HttpRequest, name: &str) -> Result<Id<K>, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse().map_err(|_| Problem::new(Code::NotFound))
}
