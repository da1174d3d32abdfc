//! What a domain's mail server says to a stranger, where it means something else than to who has a
//! login or a connector.

use crate::classify::{row::Row, verdict::Outcome::Stop};

pub(super) static ROWS: &[Row] = &[
    Row::new(
        "5xx 5.7.64",
        &[],
        Stop,
        "The server that the domain's MX record names takes no mail for this domain: it is no \
        accepted domain of an organization there. Add it in the Microsoft 365 admin center under \
        Domains, correct its MX record, or take it out of domains of the account.",
    ),
    Row::new(
        "5xx 5.7.1",
        &["Unable to relay", "Relay access denied", "relaying denied", "not permitted to relay"],
        Stop,
        "The server that the domain's MX record names takes no mail for this domain. Correct the \
        MX record, or take the domain out of domains of the account.",
    ),
];
