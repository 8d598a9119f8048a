//! Processes of the product on one database, each of which may be killed and is started again at
//! once, on a new port.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Instant,
};

use api::auth::LocalIssuer;
use chrono::TimeDelta;
use cli::Client;
use kernel::{Clock as _, SystemClock};
use url::Url;

use crate::{TestDatabase, process::Process};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The API alone.
    Api,
    /// Work alone.
    Worker,
    /// Both.
    Serve,
}

impl Role {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Api => &["serve", "--no-worker"],
            Self::Worker => &["worker"],
            Self::Serve => &["serve"],
        }
    }

    /// Whether it answers requests.
    pub const fn answers(self) -> bool {
        matches!(self, Self::Api | Self::Serve)
    }

    /// Whether it executes runs.
    pub const fn works(self) -> bool {
        matches!(self, Self::Worker | Self::Serve)
    }
}

/// From when to when a process was not there.
pub type Down = (Instant, Option<Instant>);

struct Slot {
    role: Role,
    process: Mutex<Option<Process>>,
    client: RwLock<Option<Arc<Client>>>,
    down: Mutex<Vec<Down>>,
}

/// The processes. Clones share them.
#[derive(Clone)]
pub struct Fleet {
    shared: Arc<Shared>,
}

struct Shared {
    binary: PathBuf,
    database: Arc<TestDatabase>,
    settings: Vec<(String, String)>,
    token: String,
    slots: Vec<Slot>,
}

impl Fleet {
    /// Starts one process for each of `roles`. `settings` are `SECTION__KEY` and value.
    pub async fn start(
        binary: PathBuf,
        database: Arc<TestDatabase>,
        roles: &[Role],
        settings: &[(&str, &str)],
    ) -> Self {
        let key_file = database.folder.path().join("tokenkey");
        let secret = server::files::random_key();
        server::files::create_private(&key_file, server::files::encode_key(&secret).as_bytes())
            .expect("written");
        let now = SystemClock.now();
        let token = LocalIssuer::from_key(secret).mint("owner", None, TimeDelta::hours(2), now);
        let mut settings: Vec<_> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let key_file = key_file.to_str().expect("text").to_owned();
        settings.push(("ACCESS__LOCAL_KEY_FILE".to_owned(), key_file));
        let slots = roles.iter().map(|role| Slot {
            role: *role,
            process: Mutex::default(),
            client: RwLock::default(),
            down: Mutex::default(),
        });
        let fleet = Self {
            shared: Arc::new(Shared {
                binary,
                database,
                settings,
                token,
                slots: slots.collect(),
            }),
        };
        let starts = (0..roles.len()).map(|slot| fleet.bring_up(slot));
        futures::future::join_all(starts).await;
        fleet
    }

    /// How many processes there are.
    pub fn len(&self) -> usize {
        self.shared.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shared.slots.is_empty()
    }

    /// The processes that answer requests.
    pub fn answering(&self) -> Vec<usize> {
        let slots = self.shared.slots.iter().enumerate();
        slots
            .filter(|(_, slot)| slot.role.answers())
            .map(|(number, _)| number)
            .collect()
    }

    /// What a process does.
    pub fn role(&self, slot: usize) -> Role {
        self.shared.slots[slot].role
    }

    /// A client of the process, or of the one that stood in its place before.
    pub fn client(&self, slot: usize) -> Arc<Client> {
        let client = self.shared.slots[slot].client.read();
        let client = client.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(client.as_ref().expect("it answers requests"))
    }

    /// When the process was not there.
    pub fn down(&self, slot: usize) -> Vec<Down> {
        self.shared.slots[slot]
            .down
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The id of the process, if it is up.
    pub fn pid(&self, slot: usize) -> Option<u32> {
        let process = self.shared.slots[slot].process.lock();
        process
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(Process::pid)
    }

    /// Kills the process, or the next one that is up. Returns its number and the id it had; bring
    /// it up again.
    pub fn kill(&self, slot: usize) -> Option<(usize, u32)> {
        (slot..slot + self.len()).find_map(|slot| {
            let slot = slot % self.len();
            let process = {
                let mut process = self.shared.slots[slot].process.lock();
                process.as_mut().expect("nobody panics with it").take()
            }?;
            let pid = process.pid();
            self.downs(slot).push((Instant::now(), None));
            process.kill();
            Some((slot, pid))
        })
    }

    fn downs(&self, slot: usize) -> std::sync::MutexGuard<'_, Vec<Down>> {
        self.shared.slots[slot]
            .down
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the process with this number. One that does not come up, as while the database
    /// recovers, is tried again, as a supervisor does.
    pub async fn bring_up(&self, number: usize) {
        let fleet = self.clone();
        let process = tokio::task::spawn_blocking(move || fleet.start_process(number));
        let process = process.await.expect("it comes up");
        let slot = &self.shared.slots[number];
        if slot.role.answers() {
            let base = Url::parse(&process.base_url()).expect("an address");
            let client = Client::new(base, Some(self.shared.token.clone())).expect("a client");
            let mut present = slot.client.write().unwrap_or_else(PoisonError::into_inner);
            *present = Some(Arc::new(client));
        }
        *slot.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        if let Some(down) = self.downs(number).last_mut() {
            down.1 = Some(Instant::now());
        }
    }

    fn start_process(&self, number: usize) -> Process {
        let Shared {
            binary,
            database,
            settings,
            slots,
            ..
        } = self.shared.as_ref();
        let settings: Vec<_> = settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let arguments = slots[number].role.arguments();
        let mut last = String::new();
        for _ in 0..20 {
            match Process::try_start(binary, arguments, database, &settings) {
                Ok(process) => return process,
                Err(why) => last = why,
            }
        }
        panic!("it does not come up: {last}");
    }

    /// Processes that ended by themselves.
    pub fn fallen(&self) -> Vec<String> {
        let mut fallen = Vec::new();
        for (number, slot) in self.shared.slots.iter().enumerate() {
            let mut process = slot.process.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(process) = process.as_mut()
                && let Some(status) = process.ended()
            {
                fallen.push(format!(
                    "process {number} ended with {status}: {}",
                    process.said()
                ));
            }
        }
        fallen
    }
}
