//! What settings are taken, and what is said of those that are not.

use super::*;

fn with(text: &str) -> Result<Settings, SettingsError> {
    let builder = Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .add_source(File::from_str(text, FileFormat::Toml));
    let settings: Settings = builder.build()?.try_deserialize()?;
    settings.http.check()?;
    settings.worker.check()?;
    settings.connections.check()?;
    Ok(settings)
}

#[test]
fn the_defaults_are_complete() {
    let settings = with("").expect("the defaults");
    assert_eq!(settings.http.bind.port(), 8080);
    assert!(settings.provider.loopback_endpoint.is_none());
}

#[test]
fn unknown_keys_are_errors() {
    assert!(with("[http]\nbindd = \"x\"").is_err());
    assert!(with("[htttp]\nbind = \"x\"").is_err());
}

#[test]
fn origins_are_as_browsers_send_them() {
    let with_origin = |origin: &str| with(&format!("[http]\ncors_origins = [\"{origin}\"]"));
    assert!(
        with_origin("https://console.example.com").is_ok() && with_origin("http://localhost:5173").is_ok()
    );
    for origin in [
        "*",
        "http://localhost:5173/",
        "localhost:5173",
        "HTTP://LOCALHOST:5173",
        "",
        "https://a:443",
    ] {
        assert!(
            matches!(with_origin(origin), Err(SettingsError::Origin(1))),
            "{origin}"
        );
    }
}

#[test]
fn browsers_are_sent_over_https_only() {
    let with_url = |url: &str| with(&format!("[http]\npublic_url = \"{url}\""));
    for url in [
        "https://atlas.example.com/",
        "https://example.com/atlas/",
        "http://127.0.0.1:8080/",
        "http://localhost/",
    ] {
        assert!(with_url(url).is_ok(), "{url}");
    }
    for url in [
        "http://atlas.example.com/",
        "https://me@atlas.example.com/",
        "https://atlas.example.com/?a=b",
        "https://atlas.example.com/atlas",
    ] {
        assert!(matches!(with_url(url), Err(SettingsError::PublicUrl)), "{url}");
    }
}

#[test]
fn an_unknown_key_is_named() {
    let message = with("[http]\nbindd = \"x\"")
        .map(drop)
        .expect_err("unknown")
        .to_string();
    assert!(message.contains("bindd"), "{message}");
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for line in [
        "lease_seconds = nan",
        "lease_seconds = 0",
        "lease_seconds = -5",
        "queue_timeout_seconds = 0",
    ] {
        let refused = with(&format!("[worker]\n{line}")).map(drop).expect_err(line);
        assert!(
            matches!(refused, SettingsError::Range { .. }),
            "{line}: {refused}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_without_any_value() {
    for text in [
        "database = \"postgres://me:hunter2@db/x\"",
        "[database]\nurl = \"postgres://me:hunter2@db/x",
        "[http]\nthreads = \"hunter2\"",
    ] {
        let message = with(text).map(drop).expect_err(text).to_string();
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn debug_shows_no_password() {
    let settings = with("[database]\nurl = \"postgres://me:hunter2@db/x\"").expect("valid");
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(settings.database.url.expose().contains("hunter2"));
}

/// Lease, sweep and poll together decide how long a dead worker's run waits.
#[test]
fn a_sweep_is_often_enough_for_the_lease() {
    let with_worker = |text: &str| with(&format!("[worker]\n{text}"));
    assert!(with_worker("lease_seconds = 12.0\nsweep_seconds = 5.0").is_ok());
    for text in [
        "lease_seconds = 11.9\nsweep_seconds = 5.0",
        "sweep_seconds = 14.5",
        "lease_seconds = 2.0\nsweep_seconds = 0.1\npoll_milliseconds = 500",
    ] {
        let refused = with_worker(text).expect_err(text);
        let SettingsError::Range { key, range } = refused else {
            panic!("{text}: {refused}");
        };
        assert_eq!(key, "worker.sweep_seconds");
        assert!(range.contains("one and a half leases"), "{range}");
    }
}

#[test]
fn the_worker_is_done_before_the_process_must_be() {
    let settings = with("[worker]\nstop_grace_seconds = 10").expect("in range");
    assert!(settings.worker.worker_grace() < settings.worker.stop_grace());
    assert!(with("[worker]\nstop_grace_seconds = 1").is_err());
    assert!(with("[worker]\ncheck_slots = 0").is_err());
}
