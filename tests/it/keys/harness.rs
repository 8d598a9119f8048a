//! Rings, stores and processes for the tests of keys.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use integration_tests::TestDatabase;
use kernel::{SystemClock, SystemIds};
use provider_core::{CredentialVault as _, ProviderConnection};
use storage_sea_orm::{
    ConnectError, Database, KeyAdmin, KeyAdminError, KeyRing, RotationProgress, RotationReport,
};

use super::world::{Place, World};

/// The binary under test.
pub(super) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"))
}

/// A line of a ring file with a new key.
pub(super) fn line(kid: &str) -> String {
    KeyRing::generate_file(kid).to_string()
}

pub(super) fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).expect("a ring")
}

pub(super) async fn open_with(database: &TestDatabase, ring: KeyRing) -> Result<Database, ConnectError> {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    Database::open(&database.database_url(), ring, clock, ids).await
}

pub(super) async fn opened_with(database: &TestDatabase, text: &str) -> Database {
    let opened = open_with(database, ring(text)).await;
    opened.unwrap_or_else(|error| panic!("{error}"))
}

/// Why a ring does not open the database.
pub(super) async fn refusal(database: &TestDatabase, text: &str) -> String {
    match open_with(database, ring(text)).await {
        Ok(_) => panic!("the ring is refused"),
        Err(error) => error.to_string(),
    }
}

pub(super) async fn admin(database: &TestDatabase, text: &str) -> KeyAdmin {
    admin_of(database, ring(text)).await
}

pub(super) async fn admin_of(database: &TestDatabase, ring: KeyRing) -> KeyAdmin {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    KeyAdmin::open(&database.database_url(), ring, clock, ids)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A world whose database knows a second key, `next`, and the text of the ring with both.
pub(super) async fn with_next_key(mut database: TestDatabase) -> World {
    // Registered with the first key alone, before the second one is added.
    database.open().await.close().await.expect("closes");
    database.ring.push_str(&line("next"));
    let added = admin(&database, &database.ring).await;
    added.add("next").await.expect("registers");
    added.close().await.expect("closes");
    World::new(database).await
}

pub(super) async fn rotate(admin: &KeyAdmin, to: Option<&str>) -> Result<RotationReport, KeyAdminError> {
    admin.rotate(to, 10, &mut |_: RotationProgress| {}).await
}

/// Rotates with the ring of the world.
pub(super) async fn rotated(world: &World, to: Option<&str>) -> RotationReport {
    let admin = admin(&world.database, &world.database.ring).await;
    let report = rotate(&admin, to).await;
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    admin.close().await.expect("closes");
    report
}

pub(super) fn secret_of(number: usize) -> String {
    format!("secret {number}")
}

/// `count` connections with a secret each, in one transaction.
pub(super) async fn fill(
    world: &World,
    place: &Place,
    first: usize,
    count: usize,
) -> Vec<ProviderConnection> {
    let mut unit = world.begin().await;
    let mut made = Vec::new();
    for number in first..first + count {
        let connection = world.connection(place, &format!("site-{number}"));
        let (credential, change) = (world.credential(&secret_of(number)), world.change(&place.scope));
        unit.connections()
            .insert(&place.scope, &connection, Some(credential), &change)
            .await
            .expect("inserts");
        made.push(connection);
    }
    unit.commit().await.expect("commits");
    made
}

/// Opens the credential of each connection, the first one holding secret number `first`.
pub(super) async fn assert_all_open(
    store: &Database,
    place: &Place,
    connections: &[ProviderConnection],
    first: usize,
) {
    for (number, connection) in (first..).zip(connections) {
        let opened = store.vault().open(&place.scope, connection).await;
        let opened = opened.unwrap_or_else(|error| panic!("number {number}: {error}"));
        assert_eq!(opened.secret.expose(), secret_of(number));
    }
}

/// Rows of `table` under the key, by the column.
pub(super) async fn under(database: &TestDatabase, table: &str, kid: &str) -> i64 {
    database
        .number(&format!("SELECT count(*) FROM {table} WHERE kid = '{kid}'"))
        .await
}

/// A command of the product on `database` with the ring file of the database.
pub(super) fn command(database: &TestDatabase, arguments: &[&str]) -> Command {
    command_with(database, &database.ring_file(), arguments)
}

pub(super) fn command_with(database: &TestDatabase, ring: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env("TENANTATLAS__DATABASE__URL", &database.url)
        .env("TENANTATLAS__KEYS__RING_FILE", ring)
        .env("TENANTATLAS__HTTP__BIND", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

/// What a command said, and how it ended.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) error: String,
}

pub(super) fn run(database: &TestDatabase, arguments: &[&str]) -> Said {
    said(command(database, arguments).output().expect("runs"))
}

/// Runs a command that must succeed, and gives what it said.
pub(super) fn succeed(database: &TestDatabase, arguments: &[&str]) -> String {
    let said = run(database, arguments);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.out, said.error);
    said.out
}

pub(super) fn said(output: Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        error: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A process whose lines are read as it writes them. Killed when dropped.
pub(super) struct Lines {
    child: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
    error: PathBuf,
}

impl Lines {
    pub(super) fn of(mut command: Command, folder: &Path) -> Self {
        let error = folder.join("stderr.log");
        let file = std::fs::File::create(&error).expect("a file");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, said, error }
    }

    /// The next line; nothing when the process ended.
    pub(super) fn next(&mut self) -> Option<String> {
        self.said.next().map(|line| line.expect("text"))
    }

    /// Kills it with no chance to say goodbye.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// How it ended, and what it wrote to standard error.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("gone").code();
        (code, std::fs::read_to_string(&self.error).unwrap_or_default())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
