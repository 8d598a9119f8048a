//! The points at which a test may end a process: each stands in one place, none can be armed by anything
//! but the tests, and none is in the program that is shipped.

use std::{collections::BTreeMap, process::Command};

use integration_tests::chaos::failpoints::POINTS;

use super::{packages, root, sources};

/// What arms points.
const ARMING: [&str; 4] = ["fail::cfg", "FailGuard", "FailScenario", "fail::setup"];

#[test]
fn every_point_stands_in_one_place() {
    let mut found = BTreeMap::<String, usize>::new();
    for source in of_the_product() {
        for (_, rest) in source
            .match_indices("fail_point!(\"")
            .map(|(at, call)| source.split_at(at + call.len()))
        {
            let name = rest.split('"').next().unwrap_or_default();
            *found.entry(name.to_owned()).or_default() += 1;
        }
    }
    let expected = POINTS.map(|point| (point.to_owned(), 1)).into();
    assert_eq!(found, expected);
}

#[test]
fn nothing_of_the_product_arms_a_point() {
    for source in of_the_product() {
        for word in ARMING {
            assert!(!source.contains(word), "{word} in {source}");
        }
    }
}

#[test]
fn the_program_that_is_shipped_has_none() {
    let enabled = "feature \"failpoints\"";
    let shipped = users_of_points("server");
    assert!(shipped.contains("fail v"), "they are asked about: {shipped}");
    assert!(!shipped.contains(enabled), "{shipped}");
    assert!(users_of_points("integration-tests").contains(enabled));
}

fn of_the_product() -> Vec<String> {
    let folders = packages().into_iter().filter(|folder| folder != "tests");
    folders
        .flat_map(|folder| sources(&folder))
        .map(|source| source.text)
        .collect()
}

/// Who uses the library of points when `package` is built by itself, and with which features.
fn users_of_points(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", package])
        .args(["--edges", "features,normal", "--invert", "fail"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("text")
}
