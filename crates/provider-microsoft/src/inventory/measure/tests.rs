//! How states of devices are counted.

use serde_json::json;

use super::*;

#[test]
fn only_assessed_devices_count() {
    let cases = [
        ("compliant", 1, 1),
        ("Compliant", 1, 1),
        ("noncompliant", 1, 0),
        ("inGracePeriod", 1, 0),
        ("conflict", 1, 0),
        ("error", 1, 0),
        ("unknown", 0, 0),
        ("configManager", 0, 0),
        ("addedLater", 0, 0),
    ];
    for (state, assessed, good) in cases {
        let device = serde_json::from_value(json!({ "id": "d", "complianceState": state })).expect("a row");
        let mut devices = Devices::default();
        devices.add(&device);
        assert_eq!(devices.compliant, Share { assessed, good }, "{state}");
        assert_eq!(devices.encrypted, Share::default(), "not told is not counted");
    }
}

#[test]
fn having_none_is_a_finding_only_where_one_is_expected() {
    let none = control(ACCESS_POLICIES, Ok(Share::default().at_least_one()));
    assert_eq!(none.state, inventory::ControlState::NonCompliant);
    let no_devices = control(DEVICES_COMPLIANT, Ok(Share::default()));
    assert_eq!(no_devices.state, inventory::ControlState::Compliant);
}
