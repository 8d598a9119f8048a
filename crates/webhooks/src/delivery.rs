//! Deliveries: one event on its way to one webhook, and the log of its attempts.

use std::time::Duration;

use kernel::Timestamp;

use crate::{DeliveryId, FailureCode, WebhookId};

/// The type of the message that asks a receiver whether it is there.
pub const VERIFICATION: &str = "webhook.verification";

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It waits for its next attempt, or is being sent.
    Pending,
    /// The receiver took it.
    Delivered,
    /// The last attempt failed.
    Exhausted,
    /// Nobody will send it: its webhook was disabled, led elsewhere, or its event is gone.
    Discarded,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Exhausted, Self::Discarded];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Discarded => "discarded",
        }
    }

    /// The state with this string.
    pub fn from_code(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a delivery is sent at present, or was sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cycle {
    /// Because the event happened.
    Event,
    /// Because somebody asked for it again. Does not count towards the webhook's failures.
    Replay,
    /// To find out whether the receiver is there. Tried once.
    Verification,
}

impl Cycle {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Event, Self::Replay, Self::Verification];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Replay => "replay",
            Self::Verification => "verification",
        }
    }

    /// The cycle with this string.
    pub fn from_code(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cycle| cycle.as_str() == text)
    }
}

/// A delivery as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// The value of `webhook-id`: the event's id, or the delivery's own for a verification.
    pub message_id: String,
    /// The type of the message.
    pub event_type: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it is sent.
    pub cycle: Cycle,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it is sent next, while it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// The attempts of which the end is known, oldest first. A number that is missing belongs to
    /// a worker that was lost before it could tell.
    pub attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Why it was made.
    pub cycle: Cycle,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// Why it did not succeed.
    pub failure: Option<FailureCode>,
}
