//! The ids of this crate. The id of a run stands in `provider_core`, since connections name runs.

use kernel::{Id, IdKind};

/// Marks ids of the kind `notification`.
pub enum NotificationKind {}
impl IdKind for NotificationKind {
    const NAME: &'static str = "notification";
}
/// A word to whoever started a run that is over.
pub type NotificationId = Id<NotificationKind>;

/// Marks ids of the kind `schedule`.
pub enum ScheduleKind {}
impl IdKind for ScheduleKind {
    const NAME: &'static str = "schedule";
}
/// A schedule that starts runs.
pub type ScheduleId = Id<ScheduleKind>;
