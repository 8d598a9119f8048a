//! Panics are caught at the edge; this keeps their words out of the log as well, because a panic
//! may quote the value that it stumbled over.

use std::panic::set_hook;

/// Replaces the hook of the process: a panic is logged by its place in the source, without its
/// text. For the composition root to call once; tests want the text and do not call it.
pub fn keep_panic_text_out_of_logs() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
