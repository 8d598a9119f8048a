//! What is kept of an answer for the records: numbers and ids. The one place in which a record
//! gets the provider's code. Never a body, an address or a word of the provider.

use provider_core::ProviderCode;
use uuid::Uuid;

use crate::http::{Answer, TransportError};

/// The outside of one answer; nothing of it when none came.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) status: Option<u16>,
    pub(crate) used_percent: Option<u16>,
    pub(crate) code: Option<ProviderCode>,
    pub(crate) request_id: Option<Uuid>,
    pub(crate) trace_id: Option<Uuid>,
}

impl Seen {
    /// Of Graph.
    pub(crate) fn graph(answer: &Result<Answer, TransportError>) -> Self {
        answer.as_ref().map(Self::of).unwrap_or_default()
    }

    /// Of the token endpoint.
    pub(crate) fn sign_in(answer: &Result<Answer, TransportError>) -> Self {
        answer.as_ref().map(Self::of).unwrap_or_default()
    }

    /// Of one answer, whole or part of a batch.
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            status: Some(answer.status),
            used_percent: answer.used_percent,
            code: None,
            request_id: answer.request_id,
            trace_id: None,
        }
    }
}
