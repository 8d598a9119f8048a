//! The last step: no secret stands where it must not.

use super::{
    DemoError,
    steps::{Steps, promised},
};

/// Secrets, and what was told once, in every other answer and in the database's files.
pub(super) fn no_secret_anywhere(steps: &mut Steps<'_>) -> Result<(), DemoError> {
    steps
        .transcript
        .step("No secret anywhere: every answer so far and the database's files are searched");
    let world = steps.world;
    let files = world.database_files();
    let bytes: usize = files.iter().map(Vec::len).sum();
    promised(bytes > 0, "there are database files to search")?;
    // Secrets are ASCII, which this leaves as it is.
    let texts: Vec<_> = files.iter().map(|file| String::from_utf8_lossy(file)).collect();
    let once = steps.told_once.iter().map(String::as_str);
    let needles: Vec<&str> = world.secrets().chain(once).collect();
    for needle in &needles {
        promised(needle.len() >= 32, "what is searched for is a secret")?;
        let in_answers = steps.answers.iter().any(|answer| answer.contains(needle));
        let in_files = texts.iter().any(|text| text.contains(needle));
        promised(!in_answers && !in_files, "no secret is found")?;
    }
    let (answers, secrets) = (steps.answers.len(), world.secrets().count());
    steps.transcript.says(&format!(
        "0 hits in {answers} answers and {} KiB of database files, for {secrets} secrets and {} texts of the consent pages",
        bytes / 1024,
        needles.len() - secrets,
    ));
    Ok(())
}
