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

/// Set to make the cluster write as one in earnest does: to measure.
pub const FSYNC: &str = "TENANTATLAS_TEST_FSYNC";

/// How servers are set. Times of commits are kept, for the checks that need the order of commits.
const SETTINGS: &str = "-c listen_addresses= -c max_connections=300 -c log_min_messages=fatal \
    -c track_commit_timestamp=on -c fsync=off";

/// A running cluster. One that is dropped stops.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// Holds the pipe whose end tells the guardian to stop the server.
    guardian: Child,
}

/// The cluster, started on first use; nothing where PostgreSQL's programs are not found.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref()
}

impl Cluster {
    /// The address of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{host}/{database}")
    }

    /// A program that comes with the server, such as `pg_dump`: the one beside it, or else the one on
    /// the path.
    pub fn program(&self, name: &str) -> Command {
        let beside = self.programs.join(name);
        Command::new(if beside.is_file() { beside } else { name.into() })
    }

    /// A cluster that nobody else uses, to be maltreated; nothing where PostgreSQL's programs are not found.
    pub fn own() -> Option<Self> {
        start()
    }

    /// Ends the server as a crash does, and starts it again. Returns when it answers.
    pub fn crash_and_recover(&self) {
        self.control("stop", "immediate");
        self.start_again();
    }

    /// Takes the server away: every connection is cut.
    pub fn stop(&self) {
        self.control("stop", "fast");
    }

    /// Brings a server back that was taken away, with what was in it. Returns when it answers.
    pub fn start_again(&self) {
        self.control("start", "fast");
    }

    fn control(&self, what: &str, mode: &str) {
        let folder = self.folder.path();
        let mut command = as_postgres(&self.programs.join("pg_ctl"));
        command
            .args([what, "-w", "-t", "60", "-D"])
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if what == "stop" {
            command.args(["-m", mode]);
        } else {
            let options = format!("{SETTINGS} -c unix_socket_directories={}", folder.display());
            command.args(["-l", "/dev/null", "-o", &options]);
        }
        assert!(
            command.status().expect("pg_ctl starts").success(),
            "pg_ctl {what}"
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The guardian's sign to stop the server.
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
    }
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
    let guardian = guardian(&programs, &data, folder.path());
    wait_until_ready(&programs, folder.path());
    Some(Cluster {
        programs,
        folder,
        guardian,
    })
}

/// The server, watched by a shell that stops it when its standard input ends: that is, when this
/// process ends or is killed. A server that was started again has another id: its own file tells it.
fn guardian(programs: &Path, data: &Path, socket: &Path) -> Child {
    let script = "\"$1\" -D \"$2\" $5 -c unix_socket_directories=\"$3\" -c fsync=\"$4\" >/dev/null 2>&1 & \
        cat >/dev/null; server=$(head -n 1 \"$2/postmaster.pid\") && kill -INT $server; \
        while kill -0 $server 2>/dev/null; do sleep 0.05; done; rm -rf \"$3\"";
    as_postgres(Path::new("sh"))
        .args(["-c", script, "guardian"])
        .arg(programs.join("postgres"))
        .arg(data)
        .arg(socket)
        // Tests do without; what is measured does not.
        .arg(if std::env::var_os(FSYNC).is_some() {
            "on"
        } else {
            "off"
        })
        .arg(SETTINGS)
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
