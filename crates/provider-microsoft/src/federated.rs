//! Tokens of another issuer as a client's proof (Entra page "Workload identity federation"): which
//! files the operator configured for them, and reading one.
//!
//! A connection names a file by the operator's word for it, never by a path. The files are read
//! anew for each request: whoever writes them replaces them every hour or so.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use kernel::SecretText;
use uuid::Uuid;

use crate::{
    cloud::Cloud,
    files::{self, FileProblem, Privacy},
    jwt,
};

/// The largest token that is read.
const LARGEST: usize = 16 << 10;
/// What the names of the platform's own files begin with. No connection can use such a name.
const OF_PLATFORM: &str = "platform:";

/// The token files that the operator configured. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FederatedSources(Arc<Files>);

/// A token file that the operator configured for connections.
#[derive(Debug, Clone)]
pub struct FederatedSource {
    /// The file.
    pub file: PathBuf,
    /// Whose connections may use it. The token stands for the installation itself: whoever may
    /// use it reaches every target that trusts it.
    pub workspaces: AllowedWorkspaces,
}

/// Which workspaces may use something of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedWorkspaces {
    /// Every one. Right where one organisation owns all workspaces.
    All,
    /// These.
    Only(BTreeSet<Uuid>),
}

impl FederatedSource {
    fn is_for(&self, workspace: Uuid) -> bool {
        match &self.workspaces {
            AllowedWorkspaces::All => true,
            AllowedWorkspaces::Only(ids) => ids.contains(&workspace),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Files {
    named: BTreeMap<String, FederatedSource>,
    platform: Vec<(Cloud, PathBuf)>,
}

impl FederatedSources {
    pub(crate) fn name_files(&mut self, named: BTreeMap<String, FederatedSource>) {
        Arc::make_mut(&mut self.0).named = named;
    }

    pub(crate) fn add_platform(&mut self, cloud: Cloud, path: PathBuf) {
        Arc::make_mut(&mut self.0).platform.push((cloud, path));
    }

    /// Whether a connection of `workspace` may use the name.
    pub(crate) fn is_for_connections(&self, name: &str, workspace: Uuid) -> bool {
        let source = self.0.named.get(name);
        !name.starts_with(OF_PLATFORM) && source.is_some_and(|source| source.is_for(workspace))
    }

    /// The name of the platform's own file in `cloud`.
    pub(crate) fn platform_name(cloud: Cloud) -> String {
        format!("{OF_PLATFORM}{}", cloud.as_str())
    }

    /// The file behind a name of either kind, for a connection of `workspace`. Asked at each use:
    /// the operator may have taken the right away since the credential was stored.
    pub(crate) fn path(&self, name: &str, workspace: Uuid) -> Option<&Path> {
        let Some(cloud) = name.strip_prefix(OF_PLATFORM) else {
            let source = self.0.named.get(name).filter(|source| source.is_for(workspace));
            return source.map(|source| source.file.as_path());
        };
        let mut files = self.0.platform.iter();
        let found = files.find(|(one, _)| one.as_str() == cloud)?;
        Some(&found.1)
    }
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    File(FileProblem),
    /// What is in the file is no token.
    NoToken,
}

/// Reads the token in a file. Any mode will do: the file is written by the platform below us,
/// Kubernetes for example, which chooses the mode itself.
pub(crate) fn read(path: &Path) -> Result<SecretText, TokenProblem> {
    let bytes = files::read(path, LARGEST, Privacy::Any).map_err(TokenProblem::File)?;
    let text = str::from_utf8(&bytes).map_err(|_| TokenProblem::NoToken)?.trim();
    if jwt::is_shaped(text) {
        Ok(SecretText::new(text.to_owned()))
    } else {
        Err(TokenProblem::NoToken)
    }
}
