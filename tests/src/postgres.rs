//! A throw-away PostgreSQL cluster for the whole test process: own folder, socket only, gone
//! when the process ends, however it ends.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// Set to make a missing PostgreSQL a failure instead of a skip.
pub const REQUIRE: &str = "TENANTATLAS_REQUIRE_POSTGRES";

/// A running cluster.
pub struct Cluster {
    folder: TempDir,
    /// Holds the pipe whose end tells the guardian to stop the server.
    _guardian: Child,
}

/// A cluster of one test, which may take it away and bring it back.
pub struct OwnCluster {
    programs: PathBuf,
    folder: TempDir,
    guardian: Option<Child>,
}

impl OwnCluster {
    /// Starts one; nothing where PostgreSQL's programs are not found.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = initialized(&programs);
        let mut cluster = Self {
            programs,
            folder,
            guardian: None,
        };
        cluster.start_again();
        Some(cluster)
    }

    /// Brings it back, with what was in it.
    pub fn start_again(&mut self) {
        let path = self.folder.path();
        self.guardian = Some(guardian(&self.programs, &path.join("data"), path, ""));
        wait_until_ready(&self.programs, path);
    }

    /// Takes it away: every connection is cut.
    pub fn stop(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            drop(guardian.stdin.take());
            guardian.wait().expect("the server stops");
        }
    }

    /// The address of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        url(self.folder.path(), database)
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The cluster, started on first use; nothing where PostgreSQL's programs are not found.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref()
}

impl Cluster {
    /// The address of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        url(self.folder.path(), database)
    }
}

fn url(folder: &Path, database: &str) -> String {
    let host = folder.display().to_string().replace('/', "%2F");
    format!("postgres://postgres@{host}/{database}")
}

/// Says on the real standard error, which test runners do not swallow, that a test was skipped.
pub fn announce_skip() {
    assert!(
        std::env::var_os(REQUIRE).is_none(),
        "{REQUIRE} is set, but initdb, pg_ctl and postgres were not found: install PostgreSQL"
    );
    let message =
        "SKIPPED a PostgreSQL test: initdb and postgres were not found. Install PostgreSQL to run it.";
    let _ = writeln!(std::io::stderr(), "{message}");
}

fn start() -> Option<Cluster> {
    let programs = programs()?;
    let folder = initialized(&programs);
    let data = folder.path().join("data");
    let guardian = guardian(&programs, &data, folder.path(), "rm -rf \"$3\"");
    wait_until_ready(&programs, folder.path());
    Some(Cluster {
        folder,
        _guardian: guardian,
    })
}

/// A folder with the files of a new cluster.
fn initialized(programs: &Path) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("tenantatlas-pg-")
        .tempdir()
        .expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    if is_root() {
        // initdb refuses root; the package's own user owns the cluster instead.
        run(Command::new("chown").arg("-R").arg("postgres").arg(folder.path()));
    }
    run(as_postgres(&programs.join("initdb"))
        .args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .arg("--pgdata")
        .arg(&data));
    folder
}

/// The server, watched by a shell that stops it when its standard input ends: that is, when this
/// process ends or is killed. `after` is what it does then.
fn guardian(programs: &Path, data: &Path, socket: &Path, after: &str) -> Child {
    let script = format!(
        "\"$1\" -D \"$2\" -c listen_addresses= -c unix_socket_directories=\"$3\" -c fsync=off \
        -c max_connections=300 -c log_min_messages=fatal >/dev/null 2>&1 & server=$!; \
        cat >/dev/null; kill -INT $server; wait $server; {after}"
    );
    as_postgres(Path::new("sh"))
        .args(["-c", &script, "guardian"])
        .arg(programs.join("postgres"))
        .arg(data)
        .arg(socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts")
}

fn wait_until_ready(programs: &Path, socket: &Path) {
    // pg_isready itself waits for up to its timeout; a server that is still starting answers
    // "rejecting" at once, so it is asked again.
    let beside = programs.join("pg_isready");
    let pg_isready = if beside.is_file() {
        beside
    } else {
        PathBuf::from("pg_isready")
    };
    for _ in 0..600 {
        let ready = Command::new(&pg_isready)
            .arg("-h")
            .arg(socket)
            .args(["-t", "1", "-q"])
            .status()
            .is_ok_and(|status| status.success());
        if ready {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("the PostgreSQL cluster did not start");
}

fn programs() -> Option<PathBuf> {
    let complete = |folder: &Path| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut debian: Vec<_> = debian.map(|entry| entry.path().join("bin")).collect();
    debian.sort();
    on_path
        .into_iter()
        .flatten()
        .chain(debian.into_iter().rev())
        .find(|folder| complete(folder))
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn as_postgres(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command
            .args(["-u", "postgres", "--"])
            .arg(program)
            .current_dir("/");
        command
    } else {
        Command::new(program)
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
