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

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bytes = |world: &World| people::user(world, 5).to_string() + &devices::managed(world, 5).to_string();
    assert_eq!(bytes(&world(1, 1)), bytes(&world(1, 1)));
    assert_ne!(bytes(&world(1, 1)), bytes(&world(2, 1)));
    assert_ne!(bytes(&world(1, 1)), bytes(&world(1, 2)));
}

#[test]
fn a_known_object_stays_what_it_is() {
    let source = Source::new(7, Uuid::from_u128(1));
    assert_eq!(source.guid("users", 0, "id").to_string(), KNOWN_ID);
    assert_eq!(source.guid("users", 0, "id").get_version_num(), 4);
    assert!(source.fine_date("users", 0, "x", 10).starts_with("2025-12-"));
}

/// Changing it changes every list that anybody recorded.
const KNOWN_ID: &str = "33200889-598c-460a-99af-f13e4c5bb364";

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
        let states = (0..2000).map(|index| devices::managed(&world, index));
        states.filter(|device| device["complianceState"] == state).count()
    };
    let summary = devices::compliance_summary(&world, 0);
    assert_eq!(summary["nonCompliantDeviceCount"], listed("noncompliant"));
    assert_eq!(summary["compliantDeviceCount"], listed("compliant"));
    assert!(listed("noncompliant") > 100 && listed("compliant") > 1000);
    let systems = devices::overview(&world, 0)["deviceOperatingSystemSummary"].clone();
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
        devices::managed(&world, 3)["azureADDeviceId"],
        devices::directory_device(&world, 3)["deviceId"]
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
    assert!(devices::managed(&world, 0)["userId"].is_null());
    for index in 0..50 {
        for row in policies::configuration_assignments(&world, index) {
            assert_eq!(row["target"].get("groupId"), None);
        }
    }
}
