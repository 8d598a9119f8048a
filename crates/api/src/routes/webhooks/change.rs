//! What changes of a webhook share. It is found before anything is said about the body; inside the
//! unit of work it is read again, and the caller's condition is held against that.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderValue},
    },
    web::Data,
};
use async_trait::async_trait;
use kernel::Id;
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, WorkspaceScope};
use webhooks::{NewSecret, Saved, SigningSecret, Webhook, WebhookId};

use super::representation;
use crate::{
    ApiState,
    answers::Answer,
    auth::{guard::Guard, permission::ManageWebhooks},
    idempotency::Keeper,
    input::Conditions,
    journal::{Author, target},
    problem::{Code, Problem},
    views::webhooks::WebhookView,
};

/// How often a webhook that changes under our hands is read again.
const ROUNDS: u32 = 4;

/// The webhook of a call that changes it.
pub(super) struct Subject {
    /// Which.
    pub(super) id: WebhookId,
    /// What handlers work with.
    pub(super) state: Data<ApiState>,
    /// The workspace, and who acts in it.
    pub(super) scope: WorkspaceScope,
    author: Author,
    conditions: Conditions,
    required: bool,
}

/// What a call does to a webhook.
#[async_trait]
pub(super) trait WebhookChange: Send + Sync + 'static {
    /// Does it to the webhook as it was just read, or leaves it alone if it is so already.
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem>;
}

impl Subject {
    /// The webhook in the path of a call. `If-Match` counts if it is sent.
    pub(super) fn of(guard: &Guard<ManageWebhooks>, conditions: Conditions) -> Result<Self, Problem> {
        Ok(Self {
            id: guard.id("webhook_id")?,
            state: guard.state.clone(),
            scope: guard.scope.clone(),
            author: guard.author(),
            conditions,
            required: false,
        })
    }

    /// The same for a change that nobody makes without having seen the webhook.
    pub(super) fn seen(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// A webhook that is not here is a 404 before anything is said about the body.
    pub(super) async fn exists(&self) -> Result<(), Problem> {
        let session = self.state.storage.read().await?;
        let found = session.webhooks().find(&self.scope, self.id).await?;
        found.map(drop).ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// The webhook as it stands in this unit of work.
    async fn read(&self, work: &mut dyn UnitOfWork) -> Result<Webhook, Problem> {
        let webhook = work.webhooks().find(&self.scope, self.id).await?;
        webhook.ok_or_else(|| Problem::new(Code::NotFound))
    }

    async fn expected(&self, work: &mut dyn UnitOfWork) -> Result<Webhook, Problem> {
        let webhook = self.read(work).await?;
        let present = representation(&self.state, &webhook)?;
        if self.required {
            self.conditions.require_match(present.tag())?;
        } else {
            self.conditions.honour_match(present.tag())?;
        }
        Ok(webhook)
    }

    /// A journal entry about the webhook. Its host names it: the rest of a URL may be a secret.
    pub(super) fn entry(&self, action: AuditAction, webhook: &Webhook, facts: &[(&str, String)]) -> Change {
        let named = target("webhook", &webhook.id, webhook.url.host());
        self.author.change(action, named, facts)
    }

    /// Makes the change in `work`, again if somebody else was faster. Gives the webhook as it was before
    /// and as it is after, where it is still there.
    async fn settle(
        &self,
        work: &mut dyn UnitOfWork,
        change: &impl WebhookChange,
    ) -> Result<(Webhook, Option<Webhook>), Problem> {
        for _ in 0..ROUNDS {
            let webhook = self.expected(work).await?;
            match change.apply(self, work, &webhook).await? {
                Saved::Done => {
                    let after = work.webhooks().find(&self.scope, self.id).await?;
                    return Ok((webhook, after));
                }
                Saved::VersionMismatch => {}
            }
        }
        Err(Problem::new(Code::TryAgain))
    }

    /// Makes the change and commits it.
    pub(super) async fn commit(
        self,
        change: impl WebhookChange,
    ) -> Result<(Webhook, Option<Webhook>), Problem> {
        let state = self.state.clone();
        state
            .transact(async move {
                let mut work = self.state.storage.begin().await?;
                let both = self.settle(&mut *work, &change).await?;
                work.commit().await?;
                Ok(both)
            })
            .await
    }

    /// The same, answered with the webhook.
    pub(super) async fn change(self, change: impl WebhookChange) -> Result<HttpResponse, Problem> {
        let state = self.state.clone();
        let (_, after) = self.commit(change).await?;
        let after = after.ok_or_else(|| Problem::new(Code::NotFound))?;
        Ok(representation(&state, &after)?.in_response(&mut HttpResponse::Ok()))
    }

    /// The same, answered with the webhook and the secret that the call made, if it made one. Commits
    /// together with the answer.
    pub(super) async fn change_and_show(
        self,
        change: impl WebhookChange,
        secret: Arc<SigningSecret>,
        keeper: Keeper,
    ) -> Result<Answer, Problem> {
        let state = self.state.clone();
        state
            .transact(async move {
                let mut work = self.state.storage.begin().await?;
                let (before, after) = self.settle(&mut *work, &change).await?;
                let after = after.ok_or_else(|| Problem::new(Code::NotFound))?;
                let newest = |webhook: &Webhook| webhook.secrets.first().map(|secret| secret.id);
                let made = (newest(&before) != newest(&after)).then_some(&*secret);
                let answer = shown(&self.state, &after, made, StatusCode::OK)?;
                keeper.commit(work, answer).await
            })
            .await
    }
}

/// An answer with a secret: its one appearance, kept by nobody on the way and not by us.
pub(super) fn shown(
    state: &ApiState,
    webhook: &Webhook,
    secret: Option<&SigningSecret>,
    status: StatusCode,
) -> Result<Answer, Problem> {
    let view = WebhookView::of(webhook, state.clock.now()).showing(secret);
    let answer = Answer::json(status, &view)?
        .tagged(representation(state, webhook)?.tag())
        .with(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(if secret.is_some() {
        answer.shown_once()
    } else {
        answer
    })
}

/// A new secret.
pub(super) fn secret() -> Result<SigningSecret, Problem> {
    SigningSecret::generate().map_err(|_| Problem::internal("the operating system has no randomness"))
}

/// The same, on its way to the store.
pub(super) fn new_secret<'a>(state: &ApiState, secret: &'a SigningSecret) -> NewSecret<'a> {
    NewSecret {
        id: Id::next(&*state.ids),
        secret,
        created_at: state.clock.now(),
    }
}
