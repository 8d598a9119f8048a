//! The life of the ring's keys: registered, active, retired or lost, and the rotation that moves
//! everything from one to the next. The commands of `tenantatlas keys` stand on [`KeyAdmin`].

mod cleanup;
pub(crate) mod lookup;
mod manage;
mod reseal;
mod rotate;
mod signing;
pub(crate) mod start;
pub(crate) mod state;
mod status;
mod told;
mod usage;

use std::sync::Arc;

use kernel::{Clock, IdSource, StoreError};

use crate::{
    cipher::ring::{KeyRing, KeyRingError},
    connect::{ConnectError, DatabaseUrl},
    database::Database,
    schema,
};

pub use self::{
    manage::Added,
    rotate::{RotationProgress, RotationReport},
    state::KeyState,
    status::{KeyLine, KeyStatus},
    usage::Usage,
};

/// Manages the keys of one database. Opens one whose ring does not fit, for that is when it is
/// needed; it reads no secret and stores none.
pub struct KeyAdmin {
    database: Database,
}

/// Why something was not done with a key. Says what to do instead; holds no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyAdminError {
    /// The ring does not fit the database.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The store failed.
    #[error(
        "the database could not be read or written; what was done so far stays done, and the command can be run again"
    )]
    Store(#[from] StoreError),
    /// Nobody registered a key of this name.
    #[error("the database knows no key '{0}': `tenantatlas keys status` lists the ones that it knows")]
    Unknown(String),
    /// The file has no key of this name.
    #[error("the key ring file holds no key '{0}'")]
    NotInRing(String),
    /// The key cannot become active.
    #[error("key '{kid}' is {}: run `tenantatlas keys add --kid {kid}` first, with its line in the key ring file", state.as_str())]
    NotRegistered {
        /// The key.
        kid: String,
        /// What it is.
        state: KeyState,
    },
    /// The key is the active one.
    #[error("key '{0}' is the active one: make another one active first, with `tenantatlas keys rotate`")]
    StillActive(String),
    /// The key still protects something.
    #[error(
        "key '{kid}' still protects {} data keys and {} credentials, {} of them marked undecryptable: \
         run `tenantatlas keys rotate`. What does not open needs a new credential, or `tenantatlas keys forget {kid} --lost`",
        usage.data_keys, usage.credentials, usage.undecryptable
    )]
    InUse {
        /// The key.
        kid: String,
        /// What it protects.
        usage: Usage,
    },
    /// The key is where it belongs.
    #[error(
        "key '{0}' is in the key ring file and fits: nothing is lost. `tenantatlas keys rotate` and `keys retire` end its use"
    )]
    NotLost(String),
    /// The active key was to be given up, and no other one is there to follow it.
    #[error("no other key is there to take the place of '{0}'")]
    NoSuccessor(String),
    /// Others wrote all the time.
    #[error(
        "a workspace changed faster than its credentials could be re-encrypted: run `tenantatlas keys rotate` again"
    )]
    Busy,
}

impl KeyAdmin {
    /// Opens a database whose schema is up to date. `clock` stamps changes of state and new data
    /// keys.
    pub async fn open(
        url: &DatabaseUrl,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, ConnectError> {
        let database = Database::connect(url, ring, clock, ids, false).await?;
        schema::check(database.writer()).await?;
        Ok(Self { database })
    }

    /// On a database that is open already, whatever its schema and its keys.
    pub(crate) const fn on(database: Database) -> Self {
        Self { database }
    }

    /// Closes the connections.
    pub async fn close(self) -> Result<(), StoreError> {
        self.database.close().await
    }
}
