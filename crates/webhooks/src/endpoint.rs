//! Webhooks: where events go, and whether they go there at present. State changes only through
//! the methods here; what they refuse, nobody stores.

use kernel::Timestamp;
use tenancy::DisplayName;

use crate::{Cycle, Next, WebhookId, WebhookSecretId, filter::EventFilter, url::WebhookUrl};

/// Why a webhook is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisabledReason {
    /// Somebody disabled it.
    ByRequest,
    /// The receiver answered 410.
    Gone,
    /// [`Webhook::MOST_EXHAUSTED`] deliveries in a row were given up.
    Exhausted,
}

impl DisabledReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ByRequest, Self::Gone, Self::Exhausted];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByRequest => "by_request",
            Self::Gone => "receiver_gone",
            Self::Exhausted => "deliveries_exhausted",
        }
    }

    /// The reason with this string.
    pub fn from_code(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Since when and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Why.
    pub reason: DisabledReason,
    /// Since when.
    pub at: Timestamp,
}

/// Whether events go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookState {
    /// Nobody has proved yet that the receiver is there.
    Unverified,
    /// Events go out.
    Enabled,
    /// Nothing goes out.
    Disabled(Disabled),
}

impl WebhookState {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Enabled => "enabled",
            Self::Disabled(_) => "disabled",
        }
    }
}

/// A webhook must be verified first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's present URL was never verified")]
pub struct NotVerified;

/// What is known of a secret. The secret itself is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its id.
    pub id: WebhookSecretId,
    /// Since when it signs.
    pub created_at: Timestamp,
    /// When it stops signing, if a newer one took its place.
    pub expires_at: Option<Timestamp>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where events go.
    pub url: WebhookUrl,
    /// For people.
    pub description: Option<DisplayName>,
    /// Which events.
    pub events: EventFilter,
    /// When the present URL was proved, if it was.
    pub verified_at: Option<Timestamp>,
    /// Whether and why it is disabled.
    pub disabled: Option<Disabled>,
    /// How many deliveries in a row were given up. Replays and verifications do not count.
    pub exhausted_in_a_row: u32,
    /// Counts up with each change of it by a caller and with each change of its state.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Its secrets, newest first. Two at the most sign at a time.
    pub secrets: Vec<SecretFacts>,
}

impl Webhook {
    /// After so many deliveries in a row that were given up, the webhook is disabled.
    pub const MOST_EXHAUSTED: u32 = 3;
    /// The most webhooks of a workspace.
    pub const MOST: u32 = 20;
    /// For how long an old secret still signs unless told, in seconds.
    pub const OVERLAP_SECONDS: u64 = 24 * 60 * 60;
    /// The longest overlap, in seconds.
    pub const LONGEST_OVERLAP_SECONDS: u64 = 7 * 24 * 60 * 60;

    /// Whether events go out.
    pub const fn state(&self) -> WebhookState {
        match (self.disabled, self.verified_at) {
            (Some(disabled), _) => WebhookState::Disabled(disabled),
            (None, Some(_)) => WebhookState::Enabled,
            (None, None) => WebhookState::Unverified,
        }
    }

    /// The same, disabled. What is disabled stays as it is.
    #[must_use]
    pub fn disable(mut self, reason: DisabledReason, at: Timestamp) -> Self {
        self.disabled = self.disabled.or(Some(Disabled { reason, at }));
        self
    }

    /// The same, enabled, if its URL was verified.
    pub fn enable(mut self) -> Result<Self, NotVerified> {
        if self.verified_at.is_none() {
            return Err(NotVerified);
        }
        self.disabled = None;
        self.exhausted_in_a_row = 0;
        Ok(self)
    }

    /// The same, with its URL proved. That enables it: who asks for the proof wants the events.
    #[must_use]
    pub fn verify(mut self, at: Timestamp) -> Self {
        self.verified_at = Some(at);
        self.disabled = None;
        self.exhausted_in_a_row = 0;
        self
    }

    /// The same after an attempt of `cycle` that was followed by `next`.
    #[must_use]
    pub fn learn(mut self, next: Next, cycle: Cycle, at: Timestamp) -> Self {
        match (next, cycle) {
            (Next::Delivered, Cycle::Verification) => self.verify(at),
            (Next::Gone, _) => self.disable(DisabledReason::Gone, at),
            (Next::Delivered, Cycle::Event) => {
                self.exhausted_in_a_row = 0;
                self
            }
            (Next::Exhausted, Cycle::Event) => {
                self.exhausted_in_a_row += 1;
                if self.exhausted_in_a_row < Self::MOST_EXHAUSTED {
                    self
                } else {
                    self.disable(DisabledReason::Exhausted, at)
                }
            }
            (Next::Retry(_), _)
            | (Next::Delivered | Next::Exhausted, Cycle::Replay)
            | (Next::Exhausted, Cycle::Verification) => self,
        }
    }

    /// The same at another URL, which nobody has proved yet.
    #[must_use]
    pub fn lead_to(mut self, url: WebhookUrl) -> Self {
        self.url = url;
        self.verified_at = None;
        self.disabled = None;
        self.exhausted_in_a_row = 0;
        self
    }
}

#[cfg(test)]
mod tests {
    use kernel::Id;

    use super::*;
    use crate::guard::DestinationPolicy;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("in range")
    }

    fn url(text: &str) -> WebhookUrl {
        WebhookUrl::parse(text, &DestinationPolicy::public()).expect("a good one")
    }

    fn webhook() -> Webhook {
        Webhook {
            id: Id::next(&kernel::SequentialIds::default()),
            url: url("https://example.com/"),
            description: None,
            events: EventFilter::default(),
            verified_at: None,
            disabled: None,
            exhausted_in_a_row: 0,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
            secrets: Vec::new(),
        }
    }

    #[test]
    fn nothing_is_enabled_that_was_not_verified() {
        assert_eq!(webhook().state(), WebhookState::Unverified);
        assert_eq!(webhook().enable(), Err(NotVerified));
        let disabled = webhook().disable(DisabledReason::ByRequest, at(1));
        assert_eq!(disabled.enable(), Err(NotVerified));
        assert_eq!(webhook().verify(at(2)).state(), WebhookState::Enabled);
    }

    #[test]
    fn the_first_reason_stays_until_it_is_enabled_again() {
        let gone = webhook().verify(at(1)).disable(DisabledReason::Gone, at(2));
        let again = gone.clone().disable(DisabledReason::ByRequest, at(3));
        assert_eq!(again, gone);
        let enabled = again.enable().expect("was verified");
        assert_eq!(enabled.state(), WebhookState::Enabled);
    }

    #[test]
    fn another_url_has_to_be_proved_again() {
        let moved = webhook().verify(at(1)).lead_to(url("https://example.org/"));
        assert_eq!(moved.state(), WebhookState::Unverified);
        assert_eq!(moved.enable(), Err(NotVerified));
    }

    #[test]
    fn three_in_a_row_that_were_given_up_disable_and_replays_do_not_count() {
        let mut webhook = webhook().verify(at(1));
        let mut learn = |next, cycle| {
            webhook = webhook.clone().learn(next, cycle, at(5));
            webhook.disabled.map(|disabled| disabled.reason)
        };
        assert_eq!(learn(Next::Exhausted, Cycle::Event), None);
        assert_eq!(learn(Next::Exhausted, Cycle::Event), None);
        assert_eq!(learn(Next::Delivered, Cycle::Replay), None);
        for cycle in [Cycle::Replay, Cycle::Verification] {
            assert_eq!(learn(Next::Exhausted, cycle), None, "{cycle:?}");
        }
        assert_eq!(
            learn(Next::Exhausted, Cycle::Event),
            Some(DisabledReason::Exhausted)
        );
    }

    #[test]
    fn a_success_forgives_and_a_410_does_not_wait() {
        let mut webhook = webhook().verify(at(1));
        for next in [
            Next::Exhausted,
            Next::Exhausted,
            Next::Delivered,
            Next::Exhausted,
            Next::Exhausted,
        ] {
            webhook = webhook.learn(next, Cycle::Event, at(5));
        }
        assert_eq!(webhook.state(), WebhookState::Enabled);
        let gone = webhook.clone().learn(Next::Gone, Cycle::Replay, at(6));
        assert_eq!(
            gone.disabled,
            Some(Disabled {
                reason: DisabledReason::Gone,
                at: at(6)
            })
        );
        let again = gone.learn(Next::Delivered, Cycle::Verification, at(7));
        assert_eq!(again.state(), WebhookState::Enabled);
    }
}
