//! The points of the product at which a test may end its process, and how one of them is armed. Without
//! the feature `failpoints` the macro is nothing; with it a point does nothing until it is armed, and
//! `tenantatlas-under-test` alone arms any.

use std::{
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

/// `NAME:HIT`: the process aborts when the point is reached for that time.
pub const VARIABLE: &str = "TENANTATLAS_FAILPOINT";

/// All of them.
pub const POINTS: [&str; 14] = [
    "api.before_tx",
    "api.after_insert_before_commit",
    "api.after_commit_before_response",
    "worker.after_claim",
    "worker.before_token",
    "worker.after_token",
    "worker.page_n",
    "worker.before_result_tx",
    "worker.after_result_before_commit",
    "worker.after_commit_before_ack",
    "reaper.after_select",
    "outbox.after_send_before_mark",
    "rotate.after_row",
    "migrate.after_step",
];

/// What the process says before it aborts: so that no other crash is taken for this one.
pub fn last_words(point: &str, hit: u64) -> String {
    format!("aborting at {point}, hit {hit}")
}

/// Arms the point that the environment names, if it names one.
pub fn arm() {
    let Ok(text) = std::env::var(VARIABLE) else {
        return;
    };
    let (name, hit) = text.split_once(':').expect("NAME:HIT");
    let hit: u64 = hit.parse().expect("a number");
    let name = POINTS.iter().find(|point| **point == name).expect("a point");
    assert!(fail::has_failpoints(), "built without points");
    let hits = AtomicU64::new(0);
    fail::cfg_callback(*name, move || {
        if hits.fetch_add(1, Ordering::Relaxed) + 1 == hit {
            let _ = writeln!(std::io::stderr(), "{}", last_words(name, hit));
            std::process::abort();
        }
    })
    .expect("armed");
}
