//! Bodies that nobody reads to the end. The HTTP library drains a chunked body that was dropped,
//! however long that takes: whoever sends its last chunk never would hold a connection for ever.
//! A body that is still held when the answer goes out makes the library close the connection
//! instead. So the answer holds it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage as _,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::header::TRANSFER_ENCODING,
    web::Bytes,
};
use futures::Stream;

/// The body of a request, shared by the handler that reads it and the answer that holds it.
#[derive(Clone)]
pub(super) struct Unread(Rc<RefCell<Option<Payload>>>);

impl Unread {
    /// Takes the body of a chunked request and gives the handler a share in it.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(TRANSFER_ENCODING) {
            return None;
        }
        let unread = Self(Rc::new(RefCell::new(Some(request.take_payload()))));
        request.set_payload(Payload::Stream {
            payload: Box::pin(unread.clone()),
        });
        Some(unread)
    }

    /// The same answer, holding what is left of the body.
    pub(super) fn held_by(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let left = self.0.take();
        if left.is_none() {
            return response;
        }
        response.map_body(|_, body| BoxBody::new(Holding { body, _left: left }))
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.0.borrow_mut();
        let Some(payload) = shared.as_mut() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(payload).poll_next(context);
        if matches!(polled, Poll::Ready(None)) {
            *shared = None;
        }
        polled
    }
}

struct Holding {
    body: BoxBody,
    _left: Option<Payload>,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
