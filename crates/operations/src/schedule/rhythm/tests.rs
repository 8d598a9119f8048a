//! Daylight saving both ways, leap days, and what is refused.

use super::*;

fn rhythm(cron: &str, zone: &str) -> Rhythm {
    Rhythm::parse(cron, zone).expect("a rhythm")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The turns of `cron` in Berlin after `after`, in UTC.
fn berlin(cron: &str, after: &str, count: usize) -> Vec<String> {
    let turns = rhythm(cron, "Europe/Berlin").upcoming(at(after), count);
    turns
        .iter()
        .map(|turn| turn.format("%m-%d %H:%M").to_string())
        .collect()
}

/// 2026-03-29 and 2027-03-28: 02:00 to 03:00 does not exist, the leap ends at 01:00 UTC.
#[test]
fn a_time_that_is_leapt_over_comes_once_right_after_the_leap() {
    assert_eq!(
        berlin("30 2 * * *", "2026-03-28T00:00:00Z", 3),
        ["03-28 01:30", "03-29 01:00", "03-30 00:30"]
    );
    assert_eq!(
        berlin("30 2 * * *", "2027-03-27T02:00:00Z", 2),
        ["03-28 01:00", "03-29 00:30"]
    );
    assert_eq!(
        berlin("0,15,30,45 2,3 * * *", "2026-03-29T00:00:00Z", 5),
        [
            "03-29 01:00",
            "03-29 01:15",
            "03-29 01:30",
            "03-29 01:45",
            "03-30 00:00"
        ],
        "four times were leapt over, and one of them is 03:00 as well"
    );
}

/// 2026-10-25 and 2027-10-31: 02:00 to 03:00 comes twice, from 00:00 UTC and from 01:00 UTC.
#[test]
fn a_time_that_is_shown_twice_comes_once() {
    assert_eq!(
        berlin("30 2 * * *", "2026-10-24T03:00:00Z", 2),
        ["10-25 00:30", "10-26 01:30"]
    );
    assert_eq!(
        berlin("30 2 * * *", "2027-10-31T00:00:00Z", 2),
        ["10-31 00:30", "11-01 01:30"]
    );
    assert_eq!(
        berlin("0 * * * *", "2026-10-24T22:30:00Z", 4),
        ["10-24 23:00", "10-25 00:00", "10-25 02:00", "10-25 03:00"],
        "02:00 is one time of the day"
    );
    for inside_the_second in [
        "2026-10-25T01:00:00Z",
        "2026-10-25T01:10:00Z",
        "2026-10-25T01:59:59Z",
    ] {
        assert_eq!(berlin("30 2 * * *", inside_the_second, 1), ["10-26 01:30"]);
    }
}

#[test]
fn whoever_asks_within_a_turn_hears_the_next_one() {
    let daily = rhythm("30 2 * * *", "Europe/Berlin");
    let mut after = at("2026-01-01T00:00:00Z");
    for turn in daily.upcoming(after, 800) {
        assert_eq!(daily.next_after(turn - TimeDelta::microseconds(1)), Some(turn));
        assert!(turn > after);
        after = turn;
    }
    assert_eq!(daily.upcoming(at("2026-01-01T00:00:00Z"), 366 + 364).len(), 730);
}

#[test]
fn a_leap_day_comes_in_leap_years() {
    let leap = rhythm("0 12 29 2 *", "Etc/UTC").upcoming(at("2026-11-22T00:00:00Z"), 2);
    assert_eq!(leap, [at("2028-02-29T12:00:00Z"), at("2032-02-29T12:00:00Z")]);
}

#[test]
fn zones_that_change_at_odd_hours() {
    // Lord Howe leaps by half an hour; Samoa left out 2011-12-30.
    let howe = rhythm("15 2 * * *", "Australia/Lord_Howe").upcoming(at("2026-10-03T00:00:00Z"), 1);
    assert_eq!(howe, [at("2026-10-03T15:30:00Z")]);
    let samoa = rhythm("0 12 * * *", "Pacific/Apia").upcoming(at("2011-12-29T22:30:00Z"), 2);
    assert_eq!(samoa, [at("2011-12-30T10:00:00Z"), at("2011-12-30T22:00:00Z")]);
}

#[test]
fn what_is_no_rhythm_is_refused() {
    let refused = |cron, zone| Rhythm::parse(cron, zone).expect_err(cron);
    for cron in [
        "",
        "* * * *",
        "0 0 2 * * *",
        "0 2 * * * 2026",
        "@daily",
        "61 * * * *",
        "0 2 * * Blursday",
        "\u{0}",
    ] {
        assert_eq!(refused(cron, "Etc/UTC"), RhythmError::NotCron, "{cron}");
    }
    for zone in ["", "Berlin", "Europe/berlin", "+01:00", "Mars/Olympus"] {
        assert_eq!(refused("0 2 * * *", zone), RhythmError::NotAZone, "{zone}");
    }
    for cron in [
        "* * * * *",
        "*/14 * * * *",
        "0,10 3 1 1 *",
        "50,0 1,2 * * *",
        "0,55 0,23 1,15,16 * *",
    ] {
        assert_eq!(refused(cron, "Etc/UTC"), RhythmError::TooOften, "{cron}");
    }
    assert_eq!(refused("0 0 30 2 *", "Etc/UTC"), RhythmError::Never);
    assert_eq!(
        rhythm(" 0   2 * *  MON-FRI ", "Europe/Berlin").cron(),
        "0 2 * * MON-FRI"
    );
    assert_eq!(rhythm("*/15 * * * *", "Etc/UTC").shortest(), Rhythm::SHORTEST);
}
