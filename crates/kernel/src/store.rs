//! What a repository can answer when it has no data to give.

/// An error of whatever keeps the data, with its cause but without its words: `Display` of the
/// cause may hold row contents and is for nobody.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or has no capacity; the same call may work later.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store refused the statement; trying again will not help.
    #[error("the store refused a statement")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored row does not fit the model: a defect or a change made by hand.
    #[error("{table}.{column} holds a value that the model does not know")]
    Inconsistent {
        /// The table of the row.
        table: &'static str,
        /// The column that does not fit.
        column: &'static str,
    },
    /// A guarded write met another state than it expected, though the caller had just read it.
    #[error("a row changed between reading and writing")]
    Conflict,
}

impl StoreError {
    /// Whether the same call may work if it is made again.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Conflict => true,
            Self::Refused(_) | Self::Inconsistent { .. } => false,
        }
    }
}
