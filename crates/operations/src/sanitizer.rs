//! The one way to a stored failure. It takes a reason code and nothing else, so there is no
//! path on which a provider's text, a token or a name could enter a row.

use provider_core::{Interrupt, ProviderFailure, ReasonCode};
use serde::Serialize;

/// A failure as it is stored and shown: a code of the closed catalogue and the catalogue's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunFailure {
    code: ReasonCode,
    message: &'static str,
}

impl RunFailure {
    /// The failure of this code, in the catalogue's words.
    pub const fn of(code: ReasonCode) -> Self {
        Self {
            code,
            message: code.message(),
        }
    }

    /// What an executor's failure is stored as.
    pub const fn sanitize(failure: &ProviderFailure) -> Self {
        match failure {
            ProviderFailure::Provider { reason, .. } => Self::of(*reason),
            ProviderFailure::Interrupted(Interrupt::CancelRequested) => Self::of(ReasonCode::RunCanceled),
            ProviderFailure::Interrupted(Interrupt::Lost) => Self::of(ReasonCode::WorkerLost),
            ProviderFailure::Interrupted(Interrupt::StoreFailed { .. }) => {
                Self::of(ReasonCode::InternalError)
            }
        }
    }

    /// The code.
    pub const fn code(&self) -> ReasonCode {
        self.code
    }

    /// The words.
    pub const fn message(&self) -> &'static str {
        self.message
    }
}
