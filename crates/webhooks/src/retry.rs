//! When a delivery is tried again: ten attempts over about three days, with jitter, and never
//! earlier than the receiver asked for.

use std::time::Duration;

use chrono::DateTime;
use kernel::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How long to wait after each attempt that failed, in seconds. After the last one nothing comes.
const WAITS: [u64; 9] = [
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// How many attempts a delivery gets.
pub const ATTEMPTS: u32 = 10;
/// Chance adds up to this share of a wait, so that what failed together does not return together.
const JITTER: f64 = 0.1;
/// Nobody waits longer than this because a receiver said so.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * HOUR);

/// How long to wait after the attempt number `made` (from 1) of a delivery failed; nothing when it
/// was the last. `told` is what the receiver asked for, `draw` a number from 0 to 1.
pub fn wait_after(made: u32, told: Option<Duration>, draw: f64) -> Option<Duration> {
    let index = usize::try_from(made.saturating_sub(1)).ok()?;
    let own = Duration::from_secs(*WAITS.get(index)?);
    let least = own.max(told.unwrap_or_default().min(LONGEST_TOLD));
    Some(least + own.mul_f64(JITTER * draw.clamp(0.0, 1.0)))
}

/// What a `Retry-After` asks for: whole seconds or a date (RFC 9110, 10.2.3). Nothing for garbage
/// and for times that are over.
pub fn told(header: &str, now: Timestamp) -> Option<Duration> {
    let text = header.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has mean a very long time.
        return Some(
            text.parse()
                .map_or(LONGEST_TOLD, Duration::from_secs)
                .min(LONGEST_TOLD),
        );
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?.to_utc();
    let wait = (until - now).to_std().ok()?;
    Some(wait.min(LONGEST_TOLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_take_about_three_days() {
        let total = |draw: f64| -> Duration {
            (1..ATTEMPTS)
                .map(|made| wait_after(made, None, draw).expect("another"))
                .sum()
        };
        assert_eq!(wait_after(ATTEMPTS, None, 0.0), None);
        assert_eq!(wait_after(u32::MAX, None, 0.0), None);
        assert_eq!(wait_after(1, None, 0.0), Some(Duration::from_secs(5)));
        let (least, most) = (total(0.0).as_secs() / 3_600, total(1.0).as_secs() / 3_600);
        assert!(
            (72..=76).contains(&least) && (76..=84).contains(&most),
            "{least} {most}"
        );
    }

    #[test]
    fn a_receiver_may_ask_for_more_but_not_for_less_or_for_ever() {
        let seconds = Duration::from_secs;
        assert_eq!(wait_after(1, Some(seconds(120)), 0.0), Some(seconds(120)));
        assert_eq!(wait_after(1, Some(seconds(1)), 0.0), Some(seconds(5)));
        assert_eq!(
            wait_after(1, Some(seconds(10_000_000)), 0.0),
            Some(seconds(24 * HOUR))
        );
        assert_eq!(
            wait_after(1, None, 7.0),
            wait_after(1, None, 1.0),
            "a draw is a share"
        );
        assert_eq!(
            wait_after(ATTEMPTS, Some(seconds(1)), 0.0),
            None,
            "the last is the last"
        );
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Timestamp::from_timestamp(784_111_777, 0).expect("in range");
        let cases = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", None),
            ("99999999999999999999999", Some(24 * HOUR)),
            ("Sat, 06 Nov 2094 08:48:37 GMT", Some(24 * HOUR)),
            ("-5", None),
            ("1.5", None),
            ("abc", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
