//! What is older than it is kept goes, and nothing else: by a run that can be watched, canceled and killed.

mod batches;
mod cutoffs;
mod follow_ups;
mod scene;
