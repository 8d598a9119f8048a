//! Where to look: rows, the database's files, the log, and answers.

use std::path::Path;

use integration_tests::{Engine, TestDatabase};
use sea_orm::{ConnectionTrait as _, Statement};

use super::needles::Evidence;
use crate::{tables::Tables, wire::Reply};

/// One piece of evidence for each row.
pub(crate) async fn rows(database: &TestDatabase) -> Vec<Evidence> {
    let tables = Tables::of(database).await;
    let contents = tables.contents().await;
    tables.close().await;
    let row = |table: &str, text: String| Evidence {
        place: format!("row {table}"),
        bytes: text.into_bytes(),
    };
    contents
        .into_iter()
        .flat_map(|(table, rows)| rows.into_iter().map(move |text| row(&table, text)))
        .collect()
}

/// The files in which the engine keeps the database, with its write-ahead log.
pub(crate) async fn files(database: &TestDatabase) -> Vec<Evidence> {
    match database.engine {
        Engine::Sqlite => {
            let all = folder(database.folder.path());
            let files: Vec<_> = all
                .into_iter()
                .filter(|file| file.place.contains("test.sqlite3"))
                .collect();
            assert!(!files.is_empty(), "SQLite keeps files");
            files
        }
        Engine::Postgres => postgres_files(database).await,
    }
}

async fn postgres_files(database: &TestDatabase) -> Vec<Evidence> {
    database.tamper("CHECKPOINT").await;
    let raw = database.raw().await;
    let query = "SELECT current_setting('data_directory') || '/base/' || oid, \
                 current_setting('data_directory') || '/pg_wal' \
                 FROM pg_database WHERE datname = current_database()";
    let statement = Statement::from_string(raw.get_database_backend(), query);
    let row = raw.query_one_raw(statement).await.expect("runs").expect("a row");
    let [base, wal]: [String; 2] = [0, 1].map(|index| row.try_get_by_index(index).expect("a folder"));
    raw.close().await.expect("closes");
    // Segments that were last written before there was anything to leak are of other tests.
    let since = modified(&database.ring_file());
    let mut files = folder(Path::new(&base));
    let recent = |path: &Path| modified(path) >= since;
    files.extend(read_files(Path::new(&wal), recent));
    assert!(files.len() > 100, "PostgreSQL keeps files: {}", files.len());
    files
}

/// When it was last written; nothing if it is not there any more.
fn modified(path: &Path) -> Option<std::time::SystemTime> {
    let metadata = path.metadata().and_then(|metadata| metadata.modified());
    match metadata {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        known => Some(known.expect("files have times")),
    }
}

fn folder(path: &Path) -> Vec<Evidence> {
    read_files(path, |_| true)
}

fn read_files(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<Evidence> {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| path.is_file() && wanted(path));
    files.filter_map(|path| file_if_there(&path)).collect()
}

/// A server that is at work takes files away at any moment.
fn file_if_there(path: &Path) -> Option<Evidence> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        read => read.expect("readable"),
    };
    Some(Evidence {
        place: format!("file {}", path.display()),
        bytes,
    })
}

/// A file as a whole.
pub(crate) fn file(place: &str, path: &Path) -> Evidence {
    Evidence {
        place: place.to_owned(),
        bytes: std::fs::read(path).expect("readable"),
    }
}

/// Head and body of an answer.
pub(crate) fn answer(request: &str, reply: &Reply) -> Evidence {
    Evidence {
        place: format!("answer {request}"),
        bytes: reply.text().into_bytes(),
    }
}

/// An answer in parts, so that what one of them must carry is found in all the others: where it
/// leads, the cookies that it sets, and the rest.
pub(crate) fn parts(request: &str, reply: &Reply) -> Vec<Evidence> {
    let (said, mut rest) = (["location", "set-cookie"], reply.clone());
    rest.headers.retain(|(name, _)| !said.contains(&name.as_str()));
    let named = reply
        .headers
        .iter()
        .filter(|(name, _)| said.contains(&name.as_str()));
    let header = |(name, value): &(String, String)| Evidence {
        place: format!("the header {name} of {request}"),
        bytes: value.clone().into_bytes(),
    };
    named.map(header).chain([answer(request, &rest)]).collect()
}
