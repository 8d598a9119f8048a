//! What is kept of an answer for the records: numbers and ids. The one place in which a record
//! gets the provider's code. Never a body, an address or a word of the provider.

use provider_core::ProviderCode;
use uuid::Uuid;

use crate::{
    errors::{entra, graph},
    http::{Answer, TransportError},
};

/// The outside of one answer; nothing of it when none came.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) status: Option<u16>,
    pub(crate) used_percent: Option<u16>,
    pub(crate) code: Option<ProviderCode>,
    pub(crate) request_id: Option<Uuid>,
    pub(crate) trace_id: Option<Uuid>,
    /// The sign-in's own id of the exchange, if it has another one than we gave to it.
    pub(crate) correlation_id: Option<Uuid>,
}

impl Seen {
    /// Of Graph.
    pub(crate) fn graph(answer: &Result<Answer, TransportError>) -> Self {
        answer.as_ref().map(Self::of).unwrap_or_default()
    }

    /// Of the token endpoint.
    pub(crate) fn sign_in(answer: &Result<Answer, TransportError>) -> Self {
        let Ok(answer) = answer else {
            return Self::default();
        };
        if answer.is_success() {
            return Self::of(answer);
        }
        let trace = entra::trace(&answer.body);
        Self {
            code: trace.code,
            trace_id: trace.trace_id,
            correlation_id: trace.correlation_id,
            ..Self::of(answer)
        }
    }

    /// Of one answer, whole or part of a batch.
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            status: Some(answer.status),
            used_percent: answer.used_percent,
            code: (!answer.is_success()).then(|| graph::code(answer)).flatten(),
            request_id: answer.request_id,
            trace_id: None,
            correlation_id: None,
        }
    }
}
