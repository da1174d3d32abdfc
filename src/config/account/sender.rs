//! `[account.sender]`: the senders that an account may use.

use std::sync::Arc;

use super::preset::Preset;
use crate::{
    config::{
        schema::account::{ACCOUNT_ADDRESS, ALLOWED, REWRITE},
        table::Table,
    },
    model::{Address, Pattern},
    queue::{SenderRewrite, SenderSettings},
};

/// Reads `[account.sender]`. `own` are the senders that the server accepts by default; if there are
/// none, the default is the account's address.
pub(super) fn read(
    table: &Table<'_>,
    address: Option<&Address>,
    own: &[Pattern],
) -> SenderSettings {
    let usual =
        if address.is_some() { SenderRewrite::WhenNotAllowed } else { SenderRewrite::Never };
    let rewrite = table.get(&REWRITE).unwrap_or(usual);
    let allowed = table.get(&ALLOWED).unwrap_or_else(|| match address {
        // The problem of a wrong list has been noted; every sender is then allowed.
        _ if table.has(&ALLOWED) => "*".parse().into_iter().collect(),
        _ if !own.is_empty() => own.to_vec(),
        Some(address) => address.as_str().parse().into_iter().collect(),
        None => "*".parse().into_iter().collect(),
    });
    match address {
        Some(address) if !allowed.iter().any(|pattern| pattern.fits(address)) => {
            table.warning(
                &ALLOWED,
                format!(
                    "does not contain the account's own address, {address}; add it, because \
                    otherwise a rewritten sender is not allowed"
                ),
            );
        }
        None if rewrite != SenderRewrite::Never => {
            table.error(
                &REWRITE,
                "needs the account's `address` to replace the sender with; write `address`, or \
                rewrite = \"never\"",
            );
        }
        Some(_) | None => {}
    }
    SenderSettings { rewrite, allowed, identities: Arc::default(), senders: Arc::default() }
}

/// Notes settings that High Volume Email does not accept: it accepts the account's own address in
/// envelope and header, and nothing else (5.7.62, 5.6.241).
pub(super) fn check_internal(
    account: &Table<'_>,
    table: &Table<'_>,
    preset: &Preset,
    address: Option<&Address>,
    sender: &SenderSettings,
) {
    if !preset.is_internal {
        return;
    }
    let name = preset.name;
    let Some(address) = address else {
        if !account.has(&ACCOUNT_ADDRESS) {
            account.missing(
                &ACCOUNT_ADDRESS,
                &format!("\"{name}\" sends only as its own address; write it"),
            );
        }
        return;
    };
    if sender.rewrite == SenderRewrite::Never {
        table.error(
            &REWRITE,
            format!(
                "\"never\" permits other senders, but \"{name}\" accepts only {address}; remove \
                the key"
            ),
        );
    }
    if sender.allowed.iter().any(|pattern| !pattern.as_str().eq_ignore_ascii_case(address.as_str()))
    {
        table.error(
            &ALLOWED,
            format!(
                "contains more than {address}, but \"{name}\" accepts no other sender; remove \
            the key"
            ),
        );
    }
}
