//! storage-sea-orm
