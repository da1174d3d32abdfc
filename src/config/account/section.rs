//! Assembles an account from its route and the tables inside it.

use super::{
    connector, direct, footer, graph, known_hosts, limits, preset,
    route::{self, Known},
    sender, smarthost, submission,
};
use crate::{
    config::{
        name,
        placed::Here,
        schema::account::{
            ACCOUNT_ADDRESS, ACCOUNT_BATCH, ACCOUNT_FOOTER, ACCOUNT_LIMITS, ACCOUNT_NAME,
            ACCOUNT_SENDER, FOR_RECIPIENTS, FOR_SENDERS, RouteName, SPILL_TO,
        },
        table::Table,
    },
    model::AccountName,
    queue::AccountSettings,
};

pub(in crate::config) fn read(table: &Table<'_>, here: &Here<'_>) -> Option<AccountSettings> {
    let name = name::read(table, &ACCOUNT_NAME).map(AccountName::from);
    let preset = known_hosts::infer(table, preset::read(table));
    let address = table.get(&ACCOUNT_ADDRESS);
    let known = Known { name: name.as_ref(), preset, address: address.as_ref(), here };
    let named = route::named(table, preset);
    let way = match named.unwrap_or_else(|stand_in| stand_in) {
        RouteName::Submission => submission::read(table, &known),
        RouteName::Connector => connector::read(table, &known),
        RouteName::Direct => direct::read(table, &known),
        RouteName::Smarthost => smarthost::read(table, &known),
        RouteName::Graph => graph::read(table, &known),
    };
    let limits = limits::read(&table.table_or_empty(&ACCOUNT_LIMITS), way.preset);
    let batch = limits::batch(&table.table_or_empty(&ACCOUNT_BATCH));
    let keys = table.table_or_empty(&ACCOUNT_SENDER);
    let sender = sender::read(&keys, address.as_ref(), &way.own_senders);
    sender::check_internal(table, &keys, way.preset, address.as_ref(), &sender);
    let footer = footer::read(&table.table_or_empty(&ACCOUNT_FOOTER));
    let (spill_to, for_senders) = (table.get(&SPILL_TO), table.get(&FOR_SENDERS));
    let for_recipients = table.get(&FOR_RECIPIENTS);
    Some(AccountSettings {
        name: name.filter(|_| named.is_ok())?,
        route: way.route?,
        address,
        limits,
        batch,
        sender,
        footer,
        for_senders,
        for_recipients,
        spill_to,
    })
}
