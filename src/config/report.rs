//! `[report]`.

use super::{
    reference::{Key, Shown},
    table::Table,
};
use crate::model::{AccountName, Address};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "administrator",
        shown: Shown::As("\"it@contoso.com\""),
        about: "Who is told of failures and of accounts that need help. When absent, the log alone \
            knows.",
    },
    Key {
        name: "from",
        shown: Shown::Off("\"postroom@contoso.com\""),
        about: "The sender shown in such mail. When absent, the address of the account that \
            carries it.",
    },
    Key {
        name: "account",
        shown: Shown::Off("\"scanner\""),
        about: "The account that carries it. When absent, the first.",
    },
];

/// The keys, before the account is known to exist.
pub(super) struct Report {
    pub(super) administrator: Option<Address>,
    pub(super) from: Option<Address>,
    pub(super) account: Option<AccountName>,
}

pub(super) fn read(table: &Table<'_>) -> Report {
    let administrator = table.parse("administrator", "\"it@contoso.com\"");
    if administrator.is_none() && !table.has("administrator") {
        table.warning(
            "administrator",
            "is missing: when mail fails or an account is refused, only the log will know; write \
            for example \"it@contoso.com\"",
        );
    }
    Report {
        administrator,
        from: table.parse("from", "\"postroom@contoso.com\""),
        account: table.text("account").map(AccountName::from),
    }
}
