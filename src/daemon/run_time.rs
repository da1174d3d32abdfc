//! Keeps on the disk what people have set while the daemon ran, and brings it back at the start.

use tracing::{info, warn};

use crate::{
    admin::SettingStatus,
    config::{AccountChanges, Layers, Outdated, RunTime},
    model::AccountName,
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
};

/// What people have set in earlier processes.
pub(super) fn recalled(spool: &Spool) -> Result<RunTime, SpoolError> {
    let mut run_time = RunTime::default();
    for (account, changes) in spool.recall_all::<AccountChanges>(MemoKind::RunTimeSettings)? {
        // A record that cannot be read has an older form, which does not prevent the start.
        run_time.recall(account.into(), changes.unwrap_or_default());
    }
    Ok(run_time)
}

/// Removes what no longer holds from the disk.
pub(super) fn forget(
    spool: &Spool,
    layers: &Layers,
    outdated: &[Outdated],
) -> Result<(), SpoolError> {
    for Outdated { account, key, value, file } in outdated {
        warn!(
            account = account.as_str(),
            setting = key,
            dropped = value,
            file,
            "account setting dropped; the file has changed since"
        );
        keep(spool, account, layers)?;
    }
    Ok(())
}

/// Keeps what is set of an account.
pub(super) fn keep(
    spool: &Spool,
    account: &AccountName,
    layers: &Layers,
) -> Result<(), SpoolError> {
    let (kind, name) = (MemoKind::RunTimeSettings, account.as_str());
    let changes = layers.run_time().of(account);
    let memo = if changes.is_empty() {
        Memo::forget(kind, name)
    } else {
        Memo::keep(kind, name, &changes)?
    };
    spool.apply(Change { remember: vec![memo], ..Change::default() })
}

/// Logs what is not as the file has it.
pub(super) fn log_differences(layers: &Layers) {
    for account in &layers.config().accounts {
        let rows = layers.settings(&account.name).unwrap_or_default();
        for SettingStatus { key, value, file, .. } in
            rows.iter().filter(|row| row.changed.is_some() && row.value != row.file)
        {
            info!(
                account = account.name.as_str(),
                setting = key,
                value,
                file,
                "account setting differs from the file"
            );
        }
    }
}
