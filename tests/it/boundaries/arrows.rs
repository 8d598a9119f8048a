//! Which crate may depend on which, and who may name a guarded library. Read from cargo itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::root;

/// Everything that a crate may depend on, of ours. Dev-dependencies are free.
const ARROWS: [(&str, &[&str]); 17] = [
    ("kernel", &[]),
    ("tenancy", &["kernel"]),
    ("provider-core", &["kernel", "tenancy"]),
    ("operations", &["kernel", "tenancy", "provider-core"]),
    ("inventory", &["kernel", "tenancy", "provider-core"]),
    ("webhooks", &["kernel", "tenancy"]),
    ("webhook-sender", &["kernel", "webhooks"]),
    ("provider-microsoft", &["kernel", "provider-core", "inventory"]),
    (
        "storage",
        &[
            "kernel",
            "tenancy",
            "provider-core",
            "operations",
            "inventory",
            "webhooks",
        ],
    ),
    (
        "storage-sea-orm",
        &[
            "kernel",
            "tenancy",
            "provider-core",
            "operations",
            "inventory",
            "webhooks",
            "storage",
            "migration",
        ],
    ),
    (
        "worker",
        &[
            "kernel",
            "tenancy",
            "provider-core",
            "operations",
            "inventory",
            "webhooks",
            "storage",
        ],
    ),
    (
        "api",
        &[
            "kernel",
            "tenancy",
            "provider-core",
            "operations",
            "inventory",
            "webhooks",
            "storage",
        ],
    ),
    ("cli", &[]),
    ("microsoft-simulator", &[]),
    ("migration", &[]),
    (
        "server",
        &[
            "kernel",
            "tenancy",
            "provider-core",
            "operations",
            "inventory",
            "webhooks",
            "webhook-sender",
            "provider-microsoft",
            "storage",
            "storage-sea-orm",
            "worker",
            "api",
            "cli",
            "microsoft-simulator",
            "migration",
        ],
    ),
    (
        "integration-tests",
        &[
            "kernel",
            "tenancy",
            "provider-core",
            "operations",
            "inventory",
            "webhooks",
            "webhook-sender",
            "provider-microsoft",
            "storage",
            "storage-sea-orm",
            "worker",
            "api",
            "cli",
            "microsoft-simulator",
            "migration",
            "server",
        ],
    ),
];

/// Libraries that only the listed crates may name.
const GUARDED: [(&str, &[&str]); 9] = [
    ("reqwest", &["provider-microsoft", "cli", "webhook-sender"]),
    ("sea-orm", &["storage-sea-orm"]),
    ("sea-orm-migration", &["migration"]),
    ("sqlx", &["storage-sea-orm"]),
    ("actix-web", &["api"]),
    ("utoipa", &["api"]),
    ("utoipa-actix-web", &["api"]),
    ("utoipa-swagger-ui", &["api"]),
    ("jsonwebtoken", &["api"]),
];

/// Dependencies by package, as far as they end up in a program.
type Arrows = BTreeMap<String, BTreeSet<String>>;

#[test]
fn arrows_are_the_ones_of_the_table() {
    let actual = arrows(&workspace());
    let problems = forbidden(&actual);
    assert!(problems.is_empty(), "{problems:#?}");
    for (package, _) in ARROWS {
        assert!(
            actual.contains_key(package),
            "the table has a row for {package}, which does not exist"
        );
    }
}

#[test]
fn a_new_arrow_and_a_new_crate_are_noticed() {
    let arrow = |package: &str, target: &str| (package.to_owned(), BTreeSet::from([target.to_owned()]));
    assert_eq!(
        forbidden(&Arrows::from([arrow("worker", "storage")])),
        Vec::<String>::new()
    );
    assert_eq!(
        forbidden(&Arrows::from([arrow("kernel", "tenancy")])),
        ["kernel -> tenancy"]
    );
    assert_eq!(
        forbidden(&Arrows::from([arrow("api", "provider-microsoft")])),
        ["api -> provider-microsoft"]
    );
    let unknown = forbidden(&Arrows::from([("newcomer".to_owned(), BTreeSet::new())]));
    assert_eq!(unknown, ["newcomer has no row in the table"]);
}

#[test]
fn only_listed_crates_name_a_guarded_library() {
    for package in workspace().workspace_packages() {
        if package.name == "integration-tests" {
            continue;
        }
        for name in dependencies(package) {
            let family = name.starts_with("utoipa") || name.starts_with("actix") || name.starts_with("sqlx");
            let row = GUARDED.iter().find(|(library, _)| *library == name);
            assert!(!family || row.is_some(), "{name} is new: give it a row");
            let allowed = row.is_none_or(|(_, users)| users.contains(&package.name.as_str()));
            assert!(allowed, "{} may not depend on {name}", package.name);
        }
    }
}

/// The API cannot call anybody: there is no client in anything that it is made of.
#[test]
fn the_api_is_made_without_a_client_and_without_an_adapter() {
    let closure = closure_of("api");
    assert!(
        closure.contains("actix-web") && closure.contains("storage"),
        "the closure is a closure"
    );
    let clients = [
        "reqwest",
        "awc",
        "hyper-util",
        "ureq",
        "isahc",
        "curl",
        "surf",
        "tonic",
    ];
    for forbidden in clients.into_iter().chain([
        "provider-microsoft",
        "webhook-sender",
        "storage-sea-orm",
        "server",
        "cli",
    ]) {
        assert!(!closure.contains(forbidden), "api reaches {forbidden}");
    }
    assert!(
        closure_of("provider-microsoft").contains("reqwest"),
        "a client would be seen"
    );
}

fn workspace() -> Metadata {
    let mut command = MetadataCommand::new();
    command
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()]);
    command.exec().expect("cargo metadata")
}

fn counts(kind: DependencyKind) -> bool {
    !matches!(kind, DependencyKind::Development)
}

fn dependencies(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|one| counts(one.kind))
        .map(|one| one.name.clone())
        .collect()
}

fn arrows(metadata: &Metadata) -> Arrows {
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.to_string()).collect();
    let inner = |package: &Package| dependencies(package).intersection(&ours).cloned().collect();
    packages
        .iter()
        .map(|package| (package.name.to_string(), inner(package)))
        .collect()
}

/// What the table does not allow.
fn forbidden(actual: &Arrows) -> Vec<String> {
    let mut problems = Vec::new();
    for (package, targets) in actual {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == package) else {
            problems.push(format!("{package} has no row in the table"));
            continue;
        };
        let bad = targets
            .iter()
            .filter(|target| !allowed.contains(&target.as_str()));
        problems.extend(bad.map(|target| format!("{package} -> {target}")));
    }
    problems
}

/// The names of all packages that end up in a program with `package`, on this platform.
fn closure_of(package: &str) -> BTreeSet<String> {
    let mut command = MetadataCommand::new();
    let options = ["--offline".to_owned(), "--filter-platform".to_owned(), host()];
    let metadata = command
        .manifest_path(root().join("Cargo.toml"))
        .other_options(options)
        .exec();
    let metadata = metadata.expect("cargo metadata");
    let resolve = metadata.resolve.as_ref().expect("resolved");
    let start = metadata
        .packages
        .iter()
        .find(|one| one.name == package)
        .expect("the package");
    let mut waiting = vec![start.id.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node = resolve.nodes.iter().find(|node| node.id == id).expect("a node");
        let linked = node
            .deps
            .iter()
            .filter(|dep| dep.dep_kinds.iter().any(|kind| counts(kind.kind)));
        waiting.extend(linked.map(|dep| dep.pkg.clone()));
    }
    seen.iter().map(|id| metadata[id].name.to_string()).collect()
}

/// What `rustc` builds for. Packages of other platforms may not be there without a network.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc tells its host").to_owned()
}
