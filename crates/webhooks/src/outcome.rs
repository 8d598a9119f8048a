//! What came of an attempt, and what follows from it. A closed list of codes: what a receiver
//! said, its address and its body are never part of it.

use std::time::Duration;

use crate::{delivery::Cycle, retry};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident => $text:literal,)*) => {
        /// Why an attempt did not succeed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailureCode { $($(#[$doc])* $variant,)* }

        impl FailureCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The code with this string.
            pub fn from_code(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

codes! {
    /// The name of the receiver has no address.
    DnsFailed => "dns_failed",
    /// The name leads to an address that is not public, or the URL is not allowed any more.
    DestinationBlocked => "destination_blocked",
    /// Nobody took the connection.
    ConnectFailed => "connect_failed",
    /// The TLS handshake failed, for example because of the certificate.
    TlsFailed => "tls_failed",
    /// No answer in time.
    Timeout => "timeout",
    /// What came back was no answer of HTTP.
    ResponseInvalid => "response_invalid",
    /// The receiver pointed elsewhere. That is not followed.
    Redirected => "redirected",
    /// The receiver answered with another status than 2xx.
    HttpStatus => "http_status",
    /// The receiver answered 410: it does not want to hear from us again.
    Gone => "gone",
    /// The signing secret cannot be opened, so nothing was sent.
    SecretUnreadable => "secret_unreadable",
    /// The message is longer than what may be sent, so nothing was sent.
    MessageTooLarge => "message_too_large",
    /// A defect of ours.
    InternalError => "internal_error",
}

/// What a sender reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// The receiver answered.
    Answered {
        /// The status of HTTP.
        status: u16,
        /// What a 429 or 503 asked for.
        retry_after: Option<Duration>,
    },
    /// No answer.
    Failed(FailureCode),
}

impl SendOutcome {
    /// The status, if there was an answer.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(status),
            Self::Failed(_) => None,
        }
    }

    /// Why it did not succeed; nothing if it did.
    pub const fn failure(self) -> Option<FailureCode> {
        match self {
            Self::Answered { status, .. } => match status {
                200..=299 => None,
                300..=399 => Some(FailureCode::Redirected),
                410 => Some(FailureCode::Gone),
                _ => Some(FailureCode::HttpStatus),
            },
            Self::Failed(code) => Some(code),
        }
    }

    /// What the receiver asked for, if its answer is one that may.
    pub const fn told(self) -> Option<Duration> {
        match self {
            Self::Answered {
                status: 429 | 503,
                retry_after,
            } => retry_after,
            Self::Answered { .. } | Self::Failed(_) => None,
        }
    }
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It arrived.
    Delivered,
    /// It is tried again after this time.
    Retry(Duration),
    /// It was the last attempt.
    Exhausted,
    /// The receiver wants nothing any more: the webhook is disabled.
    Gone,
}

impl Next {
    /// What follows from `outcome` of the attempt number `made` of its cycle. `draw` is a number
    /// from 0 to 1.
    pub fn after(outcome: SendOutcome, made: u32, cycle: Cycle, draw: f64) -> Self {
        match outcome.failure() {
            None => Self::Delivered,
            Some(FailureCode::Gone) => Self::Gone,
            // Sending it again would not make it shorter.
            Some(FailureCode::MessageTooLarge) => Self::Exhausted,
            Some(_) => match cycle {
                // Somebody waits for the answer, and can ask again.
                Cycle::Verification => Self::Exhausted,
                Cycle::Event | Cycle::Replay => {
                    retry::wait_after(made, outcome.told(), draw).map_or(Self::Exhausted, Self::Retry)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> SendOutcome {
        SendOutcome::Answered {
            status,
            retry_after: Some(Duration::from_mins(50)),
        }
    }

    #[test]
    fn two_hundreds_are_success_and_nothing_else_is() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(
                Next::after(answered(status), 1, Cycle::Event, 0.0),
                Next::Delivered,
                "{status}"
            );
        }
        let short = Next::Retry(Duration::from_secs(5));
        for status in [
            100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 408, 500, 502, 599,
        ] {
            assert_eq!(
                Next::after(answered(status), 1, Cycle::Event, 0.0),
                short,
                "{status}"
            );
        }
        let long = Next::Retry(Duration::from_mins(50));
        for status in [429, 503] {
            assert_eq!(
                Next::after(answered(status), 1, Cycle::Replay, 0.0),
                long,
                "{status}"
            );
        }
        assert_eq!(Next::after(answered(410), 1, Cycle::Event, 0.0), Next::Gone);
        assert_eq!(answered(302).failure(), Some(FailureCode::Redirected));
    }

    #[test]
    fn a_verification_is_tried_once_and_the_others_ten_times() {
        let failed = SendOutcome::Failed(FailureCode::Timeout);
        assert_eq!(Next::after(failed, 1, Cycle::Verification, 0.0), Next::Exhausted);
        assert_eq!(
            Next::after(answered(410), 1, Cycle::Verification, 0.0),
            Next::Gone
        );
        for cycle in [Cycle::Event, Cycle::Replay] {
            assert!(matches!(Next::after(failed, 9, cycle, 0.0), Next::Retry(_)));
            assert_eq!(Next::after(failed, 10, cycle, 0.0), Next::Exhausted);
        }
        let large = SendOutcome::Failed(FailureCode::MessageTooLarge);
        assert_eq!(Next::after(large, 1, Cycle::Event, 0.0), Next::Exhausted);
    }

    #[test]
    fn codes_read_back() {
        for code in FailureCode::ALL {
            assert_eq!(FailureCode::from_code(code.as_str()), Some(*code));
        }
        assert_eq!(FailureCode::from_code("other"), None);
    }
}
