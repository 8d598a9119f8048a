//! The table, the costs and the windows, without HTTP.

use chrono::TimeDelta;

use super::class::cost;
use super::*;

const TENANT: Uuid = Uuid::from_u128(1);

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a date")
}

fn asked(class: ThrottleClass, seconds: i64) -> Asked<'static> {
    Asked {
        class,
        tenant: TENANT,
        app: Uuid::from_u128(2),
        users: 250,
        path: "users",
        query: "",
        at: start() + TimeDelta::seconds(seconds),
    }
}

fn switched_on() -> Throttle {
    let throttle = Throttle::default();
    throttle.switch(true);
    throttle
}

/// How many requests pass at one moment, and what the first refusal says.
fn passed(throttle: &Throttle, asked: &Asked<'_>) -> (u32, u64) {
    let mut count = 0;
    loop {
        match throttle.ask(asked).expect("it is on") {
            Verdict::Go { .. } => count += 1,
            Verdict::Wait(refused) => return (count, refused.seconds),
        }
    }
}

#[test]
fn nothing_is_counted_while_it_is_off() {
    assert_eq!(Throttle::default().ask(&asked(ThrottleClass::Directory, 0)), None);
}

#[test]
fn the_published_numbers_hold() {
    let throttle = switched_on();
    for (class, requests, seconds) in [
        (ThrottleClass::Directory, 2500, 10),
        (ThrottleClass::ConditionalAccess, 1, 1),
        (ThrottleClass::AuditLogs, 5, 10),
        (ThrottleClass::IntuneDevices, 2000, 20),
        (ThrottleClass::IntuneOther, 1000, 20),
        (ThrottleClass::SecureScore, 10_000, 600),
    ] {
        assert_eq!(
            passed(&throttle, &asked(class, 0)),
            (requests, seconds),
            "{class:?}"
        );
    }
    let size = |users| {
        passed(
            &switched_on(),
            &Asked {
                users,
                ..asked(ThrottleClass::Directory, 0)
            },
        )
        .0
    };
    assert_eq!(
        (size(49), size(50), size(500), size(501)),
        (1750, 2500, 2500, 4000)
    );
}

#[test]
fn a_window_ends_by_the_clock_and_says_when() {
    let throttle = switched_on();
    let class = ThrottleClass::AuditLogs;
    assert_eq!(passed(&throttle, &asked(class, 0)), (5, 10));
    assert_eq!(passed(&throttle, &asked(class, 7)), (0, 3));
    assert_eq!(passed(&throttle, &asked(class, 10)), (5, 10));
}

#[test]
fn conditional_access_is_shared_by_all_applications_of_a_tenant() {
    let throttle = switched_on();
    let class = ThrottleClass::ConditionalAccess;
    let other = |app: u128, tenant: u128| Asked {
        app: Uuid::from_u128(app),
        tenant: Uuid::from_u128(tenant),
        ..asked(class, 0)
    };
    assert_eq!(passed(&throttle, &other(2, 1)).0, 1);
    assert_eq!(passed(&throttle, &other(3, 1)).0, 0);
    assert_eq!(passed(&throttle, &other(2, 9)).0, 1);
    let audit = |app: u128| Asked {
        app: Uuid::from_u128(app),
        ..asked(ThrottleClass::AuditLogs, 0)
    };
    assert_eq!(
        (passed(&throttle, &audit(2)).0, passed(&throttle, &audit(3)).0),
        (5, 5)
    );
}

#[test]
fn two_applications_share_the_tenants_limit_of_intune() {
    let throttle = switched_on();
    assert!(throttle.scale(ThrottleClass::IntuneDevices, 0.01));
    let by = |app: u128| Asked {
        app: Uuid::from_u128(app),
        ..asked(ThrottleClass::IntuneDevices, 0)
    };
    // 20 for an application in a tenant, 40 for the tenant; the refused one counts as well.
    assert_eq!(
        (passed(&throttle, &by(2)).0, passed(&throttle, &by(3)).0),
        (20, 19)
    );
    assert!(!throttle.scale(ThrottleClass::IntuneDevices, 0.0));
    assert!(!throttle.scale(ThrottleClass::IntuneDevices, f64::NAN));
}

#[test]
fn costs_follow_the_table() {
    let of = |path: &str, query: &str| cost(ThrottleClass::Directory, path, query);
    assert_eq!(of("users", ""), 2);
    assert_eq!(of("users", "$select=id"), 1);
    assert_eq!(of("users", "$select=id&$top=5"), 1, "never below one");
    assert_eq!(of("Users", "%24top=5"), 1);
    assert_eq!(of("users", "$top=20"), 2);
    assert_eq!(of("groups", "$expand=members"), 2);
    assert_eq!(of("groups/x/members", ""), 3);
    assert_eq!(of("groups/x/transitiveMembers", ""), 5);
    assert_eq!(of("subscribedSkus", ""), 3);
    assert_eq!(of("servicePrincipals(appId='x')/appRoleAssignments", ""), 2);
    assert_eq!(of("organization", ""), 1);
    assert_eq!(cost(ThrottleClass::IntuneOther, "users", ""), 1);
}

#[test]
fn paths_have_classes() {
    let of = ThrottleClass::of;
    assert_eq!(of("/users/$count"), ThrottleClass::Directory);
    assert_eq!(
        of("identity/conditionalAccess/policies"),
        ThrottleClass::ConditionalAccess
    );
    assert_eq!(
        of("deviceManagement/managedDeviceOverview"),
        ThrottleClass::IntuneDevices
    );
    assert_eq!(
        of("deviceManagement/deviceConfigurations"),
        ThrottleClass::IntuneOther
    );
    assert_eq!(of("deviceManagement"), ThrottleClass::IntuneOther);
    assert_eq!(of("deviceAppManagement/mobileApps"), ThrottleClass::IntuneOther);
    assert_eq!(of("auditLogs/signIns"), ThrottleClass::AuditLogs);
    assert_eq!(of("security/secureScores"), ThrottleClass::SecureScore);
}

#[test]
fn the_share_that_is_used_is_told_from_four_fifths_on() {
    let throttle = switched_on();
    let ask = asked(ThrottleClass::Directory, 0);
    let header = |verdict: &Verdict| {
        let mut headers = HeaderMap::new();
        verdict.mark(ThrottleClass::Directory, &mut headers);
        assert_eq!(headers["x-ms-resource-unit"], "2");
        headers.remove("x-ms-throttle-limit-percentage")
    };
    let mut first = None;
    for number in 1..=2501 {
        let verdict = throttle.ask(&ask).expect("it is on");
        if let Some(value) = header(&verdict) {
            first.get_or_insert((number, value.to_str().expect("ASCII").to_owned()));
        }
    }
    assert_eq!(first, Some((2000, "0.80".to_owned())));
}
