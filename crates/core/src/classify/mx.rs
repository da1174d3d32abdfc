//! Replies of a domain's mail server to a stranger, where they mean something else than to a client
//! with a login or a connector.

use crate::classify::{account_refused::RELAY_WORDS, row::Row, verdict::Outcome::Stop};

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
        "5xx",
        RELAY_WORDS,
        Stop,
        "The server in the domain's MX record does not accept mail for this domain. Correct the MX \
        record, or remove the domain from the account's domains.",
    ),
];
