//! The loop of deliveries: take what is due, send it, write down how it went. What is due follows
//! from events when they are numbered, which is a chore of every process.
//!
//! At least once: the send comes before the write, so a worker that is lost in between leaves the
//! delivery to the next claim, which sends the same bytes under the same `webhook-id`. Order is
//! not promised: a delivery that is tried again is passed by those behind it.

use std::{sync::Arc, time::Duration};

use kernel::{Clock, IdSource, StoreError};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use webhooks::{
    Attempt, ClaimLimits, ClaimedDelivery, DeliveryQueue, FailureCode, Fence, Next, SendOutcome,
    SignedMessage, SigningVault, SigningVaultError, WebhookSender, sender::UnsignedReason,
};

/// The numbers that rule deliveries.
#[derive(Debug, Clone, Copy)]
pub struct DeliverySettings {
    /// How many are sent at the same time.
    pub concurrency: u32,
    /// How many to one webhook at the same time.
    pub per_webhook: u32,
    /// For how long one is held. Longer than an attempt can take.
    pub lease: Duration,
    /// How long to sleep when nothing is due. Stretched at random.
    pub poll: Duration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            per_webhook: 4,
            lease: Duration::from_mins(1),
            poll: Duration::from_millis(500),
        }
    }
}

/// What a deliverer is made of.
pub struct DelivererParts {
    /// The queue.
    pub queue: Arc<dyn DeliveryQueue>,
    /// Opens signing secrets.
    pub vault: Arc<dyn SigningVault>,
    /// Goes out.
    pub sender: Arc<dyn WebhookSender>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids; also where chance comes from.
    pub ids: Arc<dyn IdSource>,
    /// The numbers.
    pub settings: DeliverySettings,
}

/// Delivers events to webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Deliverer {
    parts: Arc<DelivererParts>,
}

impl Deliverer {
    /// A deliverer of these parts.
    pub fn new(parts: DelivererParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Delivers until `shutdown`, and ends what is on its way then: that takes no longer than a claim and one
    /// attempt.
    pub async fn run(&self, shutdown: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.parts.settings.concurrency as usize));
        let (freed, tasks) = (Arc::new(Notify::new()), TaskTracker::new());
        while !shutdown.is_cancelled() {
            let free = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
            let taken = self.take(free).await.unwrap_or_else(|error| {
                tracing::error!(%error, "deliveries cannot be taken");
                Vec::new()
            });
            let some = !taken.is_empty();
            for claimed in taken {
                let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                    continue;
                };
                let (deliverer, freed) = (self.clone(), Arc::clone(&freed));
                tasks.spawn(async move {
                    deliverer.contain(claimed).await;
                    drop(slot);
                    freed.notify_one();
                });
            }
            if some {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = freed.notified() => {}
                () = tokio::time::sleep_until(Instant::now() + self.pause()) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Delivers until nothing is due. Returns how many attempts it made. For tests and one-shot
    /// use.
    pub async fn drain(&self) -> Result<usize, StoreError> {
        let mut made = 0;
        loop {
            let claimed = self.take(self.parts.settings.concurrency).await?;
            if claimed.is_empty() {
                return Ok(made);
            }
            made += claimed.len();
            futures::future::join_all(claimed.into_iter().map(|claimed| self.contain(claimed))).await;
        }
    }

    async fn take(&self, free: u32) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let DeliverySettings {
            per_webhook, lease, ..
        } = self.parts.settings;
        if free == 0 {
            return Ok(Vec::new());
        }
        let limits = ClaimLimits {
            total: free,
            per_webhook,
            lease,
        };
        self.parts.queue.claim(self.parts.clock.now(), limits).await
    }

    /// Sends in a task of its own, so that a panic ends the attempt and nothing else.
    async fn contain(&self, claimed: ClaimedDelivery) {
        let at = self.parts.clock.now();
        let began = Instant::now();
        let (deliverer, copy) = (self.clone(), claimed.clone());
        let sent = tokio::spawn(async move { deliverer.send(&copy, at).await }).await;
        let outcome = match sent {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                // Nothing was sent; the lease ends, and somebody tries again.
                tracing::error!(delivery_id = %claimed.id, %error, "a delivery could not be sent");
                return;
            }
            Err(error) => {
                tracing::error!(delivery_id = %claimed.id, panicked = error.is_panic(), "a delivery broke its task");
                SendOutcome::Failed(FailureCode::InternalError)
            }
        };
        fail::fail_point!("outbox.after_send_before_mark");
        let attempt = Attempt {
            number: claimed.number,
            cycle: claimed.cycle,
            at,
            took: began.elapsed(),
            status: outcome.status(),
            failure: outcome.failure(),
        };
        self.record(&claimed, &attempt, outcome).await;
    }

    /// How it went. An error is one of ours, before anything left.
    async fn send(
        &self,
        claimed: &ClaimedDelivery,
        at: kernel::Timestamp,
    ) -> Result<SendOutcome, StoreError> {
        let webhook = &claimed.webhook;
        let opened = self
            .parts
            .vault
            .signing_secrets(claimed.workspace_id, webhook, at)
            .await;
        let secrets = match opened {
            Ok(secrets) => secrets,
            Err(SigningVaultError::Unreadable) => {
                return Ok(SendOutcome::Failed(FailureCode::SecretUnreadable));
            }
            Err(SigningVaultError::Store(error)) => return Err(error),
        };
        let body = claimed.body();
        match SignedMessage::sign(&webhook.url, &claimed.message_id, at, &body, &secrets) {
            Ok(message) => Ok(self.parts.sender.send(&message).await),
            Err(UnsignedReason::TooLarge) => Ok(SendOutcome::Failed(FailureCode::MessageTooLarge)),
            Err(UnsignedReason::NoSecret) => Ok(SendOutcome::Failed(FailureCode::SecretUnreadable)),
        }
    }

    async fn record(&self, claimed: &ClaimedDelivery, attempt: &Attempt, outcome: SendOutcome) {
        let next = Next::after(outcome, claimed.made_before + 1, claimed.cycle, self.draw());
        let recorded = self
            .parts
            .queue
            .record(claimed, attempt, next, outcome.told())
            .await;
        let reason = attempt.failure.map(FailureCode::as_str);
        match recorded {
            Ok(Fence::Held) => {
                tracing::debug!(delivery_id = %claimed.id, number = attempt.number, status = attempt.status, reason, "delivered");
            }
            Ok(Fence::Lost) => {
                tracing::info!(delivery_id = %claimed.id, number = attempt.number, "a delivery was taken over or discarded meanwhile");
            }
            Err(error) => {
                tracing::error!(delivery_id = %claimed.id, %error, "an attempt could not be written down and will be made again");
            }
        }
    }

    /// A number from 0 to 1: the bytes of a new id are random enough.
    fn draw(&self) -> f64 {
        f64::from(self.parts.ids.next_uuid().as_bytes()[15]) / 255.0
    }

    /// The poll interval, stretched by up to its double.
    fn pause(&self) -> Duration {
        self.parts.settings.poll.mul_f64(1.0 + self.draw())
    }
}
