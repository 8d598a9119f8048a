//! The invented content: reproducible, without duplicates, and consistent with itself.

use std::collections::BTreeSet;

use super::*;

fn world(seed: u64, tenant: u128) -> World {
    World::new(
        seed,
        TenantOptions {
            devices: 2000,
            ..TenantOptions::sample(Uuid::from_u128(tenant))
        },
    )
}

fn user(world: &World, index: usize) -> serde_json::Value {
    column::object(&people::USER, world, index)
}

fn managed(world: &World, index: usize) -> serde_json::Value {
    column::object(&devices::MANAGED_DEVICE, world, index)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bytes = |world: &World| user(world, 5).to_string() + &managed(world, 5).to_string();
    assert_eq!(bytes(&world(1, 1)), bytes(&world(1, 1)));
    assert_ne!(bytes(&world(1, 1)), bytes(&world(2, 1)));
    assert_ne!(bytes(&world(1, 1)), bytes(&world(1, 2)));
}

#[test]
fn a_known_object_stays_what_it_is() {
    let source = Source::new(7, Uuid::from_u128(1));
    let id = source.object_id("users", 0);
    assert_eq!(id.to_string(), KNOWN_ID);
    assert_eq!(
        (id.get_version_num(), id.get_variant()),
        (4, uuid::Variant::RFC4122)
    );
    assert!(source.fine_date("users", 0, "x", 10).starts_with("2025-12-"));
}

/// Changing it changes every list that anybody recorded.
const KNOWN_ID: &str = "bdf69c68-cb01-47d5-a73e-288557a407dc";

#[test]
fn ids_do_not_repeat() {
    let world = world(1, 1);
    let users = (0..5000).map(|index| world.id(people::USERS, index));
    let devices = (0..5000).map(|index| world.id(devices::MANAGED, index));
    assert_eq!(users.chain(devices).collect::<BTreeSet<_>>().len(), 10_000);
}

#[test]
fn summaries_agree_with_the_devices() {
    let world = world(1, 1);
    let listed = |state: &str| {
        let states = (0..2000).map(|index| managed(&world, index));
        states.filter(|device| device["complianceState"] == state).count()
    };
    let summary = overview::compliance_summary(&world, 0);
    assert_eq!(summary["nonCompliantDeviceCount"], listed("noncompliant"));
    assert_eq!(summary["compliantDeviceCount"], listed("compliant"));
    assert!(listed("noncompliant") > 100 && listed("compliant") > 1000);
    let systems = overview::overview(&world, 0)["deviceOperatingSystemSummary"].clone();
    let total: u64 = systems
        .as_object()
        .into_iter()
        .flat_map(|map| map.values())
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(total, 2000);
}

#[test]
fn devices_join_the_directory() {
    let world = world(1, 1);
    assert_eq!(
        managed(&world, 3)["azureADDeviceId"],
        column::object(&devices::DIRECTORY_DEVICE, &world, 3)["deviceId"]
    );
}

#[test]
fn empty_tenants_have_no_dangling_groups_or_users() {
    let world = World::new(
        1,
        TenantOptions {
            groups: 0,
            users: 0,
            ..TenantOptions::sample(Uuid::nil())
        },
    );
    assert!(managed(&world, 0)["userId"].is_null());
    for index in 0..50 {
        for row in policies::configuration_assignments(&world, index) {
            assert_eq!(row["target"].get("groupId"), None);
        }
    }
}

#[test]
fn an_id_leads_back_to_its_object() {
    let source = Source::new(7, Uuid::from_u128(1));
    for index in [0, 1, 2, 999, 1_000_000, 123_456_789, (1 << 40) + 5] {
        let id = source.object_id("users", index);
        assert_eq!(source.index_of("users", id), Some(index));
        assert_eq!(source.index_of("groups", id), None);
        assert_eq!(Source::new(8, Uuid::from_u128(1)).index_of("users", id), None);
        let changed = Uuid::from_u128(id.as_u128() ^ 1);
        assert_eq!(source.index_of("users", changed), None);
    }
    assert_eq!(source.index_of("users", Uuid::nil()), None);
}

#[test]
fn written_times_are_those_of_the_calendar() {
    for seconds in [
        0,
        951_782_399,
        951_782_400,
        1_767_225_600,
        1_709_164_800,
        -1,
        -62_135_596_800,
    ] {
        let mut text = text::Text::default();
        text.moment(seconds, Some(42));
        let known = chrono::DateTime::from_timestamp(seconds, 4200).expect("a date");
        assert_eq!(
            text.into_bytes(),
            known
                .format("\"%Y-%m-%dT%H:%M:%S.0000042Z\"")
                .to_string()
                .into_bytes()
        );
    }
}

#[test]
fn strings_are_escaped() {
    let mut text = text::Text::default();
    text.pieces(&["a\"", "\u{1}b\\", "é"]);
    let read: String = serde_json::from_slice(text.bytes()).expect("JSON");
    assert_eq!(read, "a\"\u{1}b\\é");
}
