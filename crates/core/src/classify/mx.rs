//! What a domain's mail server says to a stranger, where it means something else than to who has a
//! login or a connector.

use crate::classify::{row::Row, verdict::Outcome::Stop};

pub(super) static ROWS: &[Row] = &[
    Row::new(
        "5xx 5.7.64",
        &[],
        Stop,
        "The server in the domain's MX record does not accept mail for this domain: no \
        organization there has it as an accepted domain. Add the domain in the Microsoft 365 admin \
        center under Domains, correct its MX record, or remove it from the account's domains.",
    ),
    Row::new(
        "5xx 5.7.1",
        &["Unable to relay", "Relay access denied", "relaying denied", "not permitted to relay"],
        Stop,
        "The server in the domain's MX record does not accept mail for this domain. Correct the MX \
        record, or remove the domain from the account's domains.",
    ),
];
