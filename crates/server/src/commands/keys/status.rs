//! `keys status`: a table for people, JSON for scripts.

use clap::Args;
use serde_json::{Value, json};
use storage_sea_orm::{KeyLine, KeyState, KeyStatus};

use super::{close, open};
use crate::{
    commands::{Failure, say},
    settings::Settings,
};

/// Options of `keys status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &StatusArgs, settings: &Settings) -> Result<(), Failure> {
    let admin = open(settings).await?;
    let status = admin.status().await.map_err(Failure::other)?;
    close(admin).await?;
    if args.json {
        say(as_json(&status));
    } else {
        say(as_table(&status));
    }
    Ok(())
}

fn state(line: &KeyLine) -> &'static str {
    line.state.map_or("unregistered", KeyState::as_str)
}

fn as_json(status: &KeyStatus) -> Value {
    let key = |line: &KeyLine| {
        json!({
            "kid": line.kid,
            "state": state(line),
            "changed_at": line.changed_at.map(|at| at.to_rfc3339()),
            "in_file": line.in_file,
            "matches": line.matches,
            "data_keys": line.usage.data_keys,
            "credentials": line.usage.credentials,
            "undecryptable": line.usage.undecryptable,
        })
    };
    json!({
        "keys": status.keys.iter().map(key).collect::<Vec<_>>(),
        "credentials": status.credentials,
        "under_active": status.under_active,
        "undecryptable": status.undecryptable,
    })
}

fn as_table(status: &KeyStatus) -> String {
    let heads = [
        "KEY",
        "STATE",
        "IN FILE",
        "MATCHES",
        "DATA KEYS",
        "CREDENTIALS",
        "UNDECRYPTABLE",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(status.keys.iter().map(|line| {
        let yes_or_no = |yes: bool| if yes { "yes" } else { "no" };
        [
            line.kid.clone(),
            state(line).to_owned(),
            yes_or_no(line.in_file).to_owned(),
            line.matches.map_or("-", yes_or_no).to_owned(),
            line.usage.data_keys.to_string(),
            line.usage.credentials.to_string(),
            line.usage.undecryptable.to_string(),
        ]
    }));
    let widths: [usize; 7] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default());
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    lines.push(format!(
        "{} of {} credentials are under the active key, {} are marked undecryptable",
        status.under_active, status.credentials, status.undecryptable
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use storage_sea_orm::Usage;

    use super::*;

    fn status() -> KeyStatus {
        let line = |kid: &str, state, matches| KeyLine {
            kid: kid.to_owned(),
            state,
            changed_at: None,
            in_file: true,
            matches,
            usage: Usage {
                data_keys: 1,
                credentials: 12,
                undecryptable: 0,
            },
        };
        KeyStatus {
            keys: vec![
                line("k1", Some(KeyState::Active), Some(true)),
                line("long-name", None, None),
            ],
            credentials: 24,
            under_active: 12,
            undecryptable: 0,
        }
    }

    #[test]
    fn the_columns_of_the_table_stand_under_their_heads() {
        let table = as_table(&status());
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0].find("CREDENTIALS"), lines[1].find("12"));
        assert!(
            lines[2].starts_with("long-name  unregistered  yes      -"),
            "{table}"
        );
        assert!(lines[3].starts_with("12 of 24"), "{table}");
    }

    #[test]
    fn scripts_find_the_same_by_name() {
        let json = as_json(&status());
        assert_eq!(json["keys"][1]["state"], "unregistered");
        assert_eq!(json["keys"][0]["credentials"], 12);
        assert_eq!(json["under_active"], 12);
    }
}
