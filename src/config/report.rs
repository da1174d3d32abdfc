//! `[report]`.

use super::{
    schema::general::{ADMINISTRATOR, FROM, KEEP_SUBJECTS, REPORT_ACCOUNT},
    table::Table,
};
use crate::{
    model::{AccountName, Address},
    report::Subjects,
};

/// The keys, before the account is known to exist.
pub(super) struct Report {
    pub(super) administrator: Option<Address>,
    pub(super) from: Option<Address>,
    pub(super) account: Option<AccountName>,
    pub(super) subjects: Subjects,
}

pub(super) fn read(table: &Table<'_>) -> Report {
    if !table.has(&ADMINISTRATOR) {
        table.warning(
            &ADMINISTRATOR,
            "is missing: if mail fails or a server refuses an account, only the log shows it; \
            write for example \"it@contoso.com\"",
        );
    }
    Report {
        administrator: table.get(&ADMINISTRATOR),
        from: table.get(&FROM),
        account: table.get(&REPORT_ACCOUNT),
        subjects: if table.get(&KEEP_SUBJECTS) { Subjects::Kept } else { Subjects::Forgotten },
    }
}
