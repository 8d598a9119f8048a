//! Bodies that come slowly, break off, or never end. Each ends with its connection, and none grows in memory.

use std::convert::Infallible;
use std::io;

use axum::body::{Body, Bytes};
use futures::StreamExt as _;
use futures::stream;

/// How much of a generated body is made at a time.
const CHUNK: usize = 64 * 1024;

/// Nobody needs more than this to see that a body does not end.
const ENOUGH: usize = 4 * 1024 * 1024 * 1024 / CHUNK;

/// Half of the bytes, then the connection breaks.
pub(super) fn cut(bytes: &Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    // The pause lets the first half reach the wire before the connection is dropped.
    let broken = async {
        tokio::task::yield_now().await;
        Err(io::Error::other("cut by a fault"))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(broken)))
}

/// Half of the bytes, then nothing.
pub(super) fn stall(bytes: &Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    Body::from_stream(stream::iter([Ok::<_, Infallible>(half)]).chain(stream::pending()))
}

/// The first bytes one at a time, each in its own chunk, then the rest.
pub(super) fn drip(bytes: Bytes, alone: u32) -> Body {
    let alone = usize::try_from(alone).unwrap_or(usize::MAX).min(bytes.len());
    let rest = bytes.slice(alone..);
    let single = stream::iter(0..alone).then(move |at| {
        let byte = bytes.slice(at..=at);
        async move {
            // Gives the connection a turn, so that bytes are not gathered into one write.
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(byte)
        }
    });
    Body::from_stream(single.chain(stream::iter([Ok(rest)])))
}

/// The start of a page whose first text never ends.
pub(super) fn endless() -> Body {
    let start = Bytes::from_static(b"{\"value\":[{\"id\":\"");
    let noise = Bytes::from(vec![b'x'; CHUNK]);
    let noise = stream::repeat(noise).take(ENOUGH);
    Body::from_stream(stream::iter([start]).chain(noise).map(Ok::<_, Infallible>))
}

/// An empty page of a size; smaller sizes than the page itself are those of the page.
pub(super) fn padded(bytes: u64) -> Body {
    const START: &[u8] = b"{\"value\":[],\"padding\":\"";
    const END: &[u8] = b"\"}";
    let frame = (START.len() + END.len()) as u64;
    let padding = usize::try_from(bytes.saturating_sub(frame)).unwrap_or(usize::MAX);
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let last = chunk.slice(..padding % CHUNK);
    let body = stream::iter([Bytes::from_static(START)])
        .chain(stream::repeat(chunk).take(padding / CHUNK))
        .chain(stream::iter([last, Bytes::from_static(END)]));
    Body::from_stream(body.map(Ok::<_, Infallible>))
}
